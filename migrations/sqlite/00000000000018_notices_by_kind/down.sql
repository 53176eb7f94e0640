DROP INDEX notices_by_kind;
