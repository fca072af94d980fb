-- Entries of ours at billing services, one row for each that was ever made there.
CREATE TABLE push_entries (
  destination       TEXT NOT NULL,
  workspace         TEXT NOT NULL,
  external_id       TEXT NOT NULL,
  stream_id         TEXT NOT NULL,
  day               TEXT NOT NULL,     -- local date where the stream was split by days, else ''
  standing          TEXT NOT NULL,     -- 'ours', 'theirs', 'gone', 'unknown', 'removed'
  content           TEXT,              -- the entry as the service had it after our last write
  fingerprint       TEXT NOT NULL,     -- of what we sent
  stream_updated_at TEXT NOT NULL,     -- of the stream that we sent
  pushed_at         TEXT NOT NULL,
  PRIMARY KEY (destination, workspace, external_id)
) STRICT;
CREATE INDEX push_entries_stream ON push_entries (destination, stream_id);

-- Every request that writes: put down before it is sent, its outcome after. Without an outcome,
-- nobody knows what became of it, and the service is asked.
CREATE TABLE push_requests (
  num               INTEGER PRIMARY KEY,
  destination       TEXT NOT NULL,
  workspace         TEXT NOT NULL,
  action            TEXT NOT NULL,     -- 'create', 'update', 'delete'
  stream_id         TEXT NOT NULL,
  day               TEXT NOT NULL,
  external_id       TEXT,              -- of the entry, where there is one already
  content           TEXT,              -- the entry as it is to become there
  fingerprint       TEXT NOT NULL,
  stream_updated_at TEXT NOT NULL,
  began_at          TEXT NOT NULL,
  ended_at          TEXT,
  outcome           TEXT,              -- 'done', 'refused', 'not sent', 'absent', 'gone', 'theirs'
  note              TEXT
) STRICT;
CREATE INDEX push_requests_open ON push_requests (destination) WHERE outcome IS NULL;

-- What services were asked once: ids of users, workspaces, tags, projects; quotas.
CREATE TABLE push_cache (
  destination TEXT NOT NULL,
  kind        TEXT NOT NULL,
  key         TEXT NOT NULL,
  value       TEXT NOT NULL,
  PRIMARY KEY (destination, kind, key)
) STRICT, WITHOUT ROWID;
