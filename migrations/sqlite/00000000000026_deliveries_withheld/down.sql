DROP INDEX deliveries_withheld;
