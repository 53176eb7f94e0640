-- Deliveries are looked for by what they are of and by their way.
CREATE INDEX deliveries_by_kind ON deliveries (kind, channel, id);
