-- Machines that events were taken from. `last_id` is the last event taken, in the order in which
-- they arrived there, and `database` the database that had them in this order; `last_at` is when
-- there was nothing more to take, NULL while that never was.
CREATE TABLE synced_hosts (
  host     TEXT PRIMARY KEY,
  database TEXT,
  last_id  TEXT,
  last_at  TEXT
) STRICT, WITHOUT ROWID;

-- Tells this database from one that is begun in its place, where events arrive in another order.
INSERT INTO meta (key, value) VALUES ('database_id', lower(hex(randomblob(8))));

-- The order in which streams are exported.
CREATE INDEX streams_first ON streams (first_event_at, id);
