-- Mail that was held back, as nobody at its address is to be told any more, is listed apart from what has failed.
CREATE INDEX CONCURRENTLY deliveries_withheld ON deliveries (id) WHERE state = 'withheld';
