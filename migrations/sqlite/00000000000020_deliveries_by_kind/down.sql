DROP INDEX deliveries_by_kind;
