-- What was pushed to which billing system.
CREATE TABLE push_log (
  stream_id TEXT NOT NULL,
  destination TEXT NOT NULL,  -- 'toggl', 'clockify', etc.
  pushed_at TEXT NOT NULL,
  stream_updated_at TEXT NOT NULL,  -- snapshot for smart re-push
  external_id TEXT,           -- ID in external system (for updates)
  PRIMARY KEY (stream_id, destination)
);

-- Changes that can be taken back, the last with the greatest number. `rules_before` and
-- `rules_after` are the version of the rules under which all streams were tagged, where there was
-- one.
CREATE TABLE changes (
  num          INTEGER PRIMARY KEY,
  made_at      TEXT NOT NULL,
  rules_before TEXT,
  rules_after  TEXT
) STRICT;

-- Each stream that a change changed: its tags and what else rules decide, as they were and as they
-- became, as JSON.
CREATE TABLE changed_streams (
  change    INTEGER NOT NULL REFERENCES changes (num) ON DELETE CASCADE,
  stream_id TEXT NOT NULL,
  was       TEXT NOT NULL,
  became    TEXT NOT NULL,
  PRIMARY KEY (change, stream_id)
) STRICT, WITHOUT ROWID;
