DROP INDEX deliveries_failed;
