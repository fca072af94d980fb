-- Words that many rows share: kinds, sources, paths, session ids, branches. 0 stands for none.
CREATE TABLE texts (
  id   INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

-- The kinds that time depends on have fixed ids, in an order that lets an index say which it holds:
-- up to 2, a pane is named; up to 5, the person's attention is told.
INSERT INTO texts (id, text) VALUES
  (1, 'tmux_pane_focus'), (2, 'tmux_scroll'), (3, 'user_message'), (4, 'window_focus'),
  (5, 'afk_change'), (6, 'agent_session'), (7, 'agent_tool_use');

-- Where events happen: few rows, shared by many events.
CREATE TABLE places (
  id         INTEGER PRIMARY KEY,
  cwd        INTEGER NOT NULL,
  repo       INTEGER NOT NULL,
  repo_root  INTEGER NOT NULL,
  worktree   INTEGER NOT NULL,
  git_branch INTEGER NOT NULL,
  machine_id INTEGER NOT NULL,
  UNIQUE (cwd, repo, repo_root, worktree, git_branch, machine_id)
) STRICT;

-- Observations. Rows are only ever added. `at` is in nanoseconds since 1970; `pane`, `tmux` and
-- `agent` repeat what `data` says, so that inference need not parse it.
CREATE TABLE events (
  seq            INTEGER PRIMARY KEY,
  id             ANY     NOT NULL UNIQUE,
  at             INTEGER NOT NULL,
  kind           INTEGER NOT NULL,
  source         INTEGER NOT NULL,
  schema_version INTEGER NOT NULL,
  place          INTEGER NOT NULL,
  session        INTEGER NOT NULL,
  pane           INTEGER NOT NULL,
  tmux           INTEGER NOT NULL,
  agent          INTEGER NOT NULL,
  data           TEXT    NOT NULL
) STRICT;
CREATE INDEX events_at ON events (at);
CREATE INDEX events_attention ON events (at) WHERE kind <= 5;
CREATE INDEX events_focus ON events (at) WHERE kind = 1;
CREATE INDEX events_pane ON events (pane, at) WHERE kind <= 2;

-- A person's own assignment of an event to a stream; inference gives all others by root and time.
CREATE TABLE event_assignments (
  event             INTEGER PRIMARY KEY REFERENCES events (seq),
  stream            INTEGER NOT NULL REFERENCES streams (num),
  assignment_source TEXT    NOT NULL DEFAULT 'user'
) STRICT;
CREATE INDEX event_assignments_stream ON event_assignments (stream);

-- Agent sessions: the first event that names a directory is where it began (place 0: none does
-- yet), and when its first and last event were.
CREATE TABLE sessions (
  session INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  tie     INTEGER NOT NULL,
  place   INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at  INTEGER NOT NULL
) STRICT;

-- Titles that agents' logs give sessions; the higher rank is the better source.
CREATE TABLE session_titles (
  session INTEGER PRIMARY KEY,
  rank    INTEGER NOT NULL,
  title   TEXT    NOT NULL,
  fresh   INTEGER NOT NULL DEFAULT 1
) STRICT;

-- Streams. `open_from` and `open_to` bound the events that inference gave it and decide what else
-- joins; the first and last event may lie beyond them where a person assigned events.
CREATE TABLE streams (
  num               INTEGER PRIMARY KEY,
  id                TEXT    NOT NULL UNIQUE,
  root              INTEGER NOT NULL,
  open_from         INTEGER NOT NULL,
  open_to           INTEGER NOT NULL,
  first_event_at    INTEGER NOT NULL,
  last_event_at     INTEGER NOT NULL,
  name              TEXT    NOT NULL,
  name_source       TEXT    NOT NULL DEFAULT 'inferred',
  facts             TEXT    NOT NULL,
  time_direct_ms    INTEGER NOT NULL DEFAULT 0,
  time_delegated_ms INTEGER NOT NULL DEFAULT 0,
  rule_index        INTEGER,
  rule_name         TEXT,
  rule_line         INTEGER,
  project           TEXT,
  needs_recompute   INTEGER NOT NULL DEFAULT 1,
  updated_at        TEXT    NOT NULL
) STRICT;
CREATE INDEX streams_open_to ON streams (open_to);
CREATE INDEX streams_last ON streams (last_event_at, first_event_at, id, name);
CREATE INDEX streams_flagged ON streams (num) WHERE needs_recompute <> 0;

-- Streams that were joined into another: what was said of the old id holds for the new one.
CREATE TABLE joined_streams (
  id   TEXT PRIMARY KEY,
  into_id TEXT NOT NULL,
  joined_at TEXT NOT NULL
) STRICT;

CREATE TABLE stream_tags (
  stream_id TEXT NOT NULL,
  tag TEXT NOT NULL,
  assignment_source TEXT NOT NULL DEFAULT 'inferred',  -- 'user', 'rule', 'llm'
  PRIMARY KEY (stream_id, tag),
  FOREIGN KEY (stream_id) REFERENCES streams(id) ON DELETE CASCADE
);

-- Tags that a person took off a stream: rules and the llm do not bring them back.
CREATE TABLE removed_tags (
  stream_id TEXT NOT NULL,
  tag       TEXT NOT NULL,
  PRIMARY KEY (stream_id, tag),
  FOREIGN KEY (stream_id) REFERENCES streams(id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Who worked on what, when. Actor 0 is the person (direct time), any other an agent session
-- (delegated time). One actor's entries never overlap. Stream 0: time that no stream has.
CREATE TABLE time_entries (
  actor  INTEGER NOT NULL,
  start  INTEGER NOT NULL,
  end    INTEGER NOT NULL,
  stream INTEGER NOT NULL,
  PRIMARY KEY (actor, start)
) STRICT, WITHOUT ROWID;
CREATE INDEX time_entries_end ON time_entries (end, start, actor, stream);
CREATE INDEX time_entries_stream ON time_entries (stream, actor, start, end);

-- Events that carry time and have no stream.
CREATE TABLE unassigned_events (
  event INTEGER PRIMARY KEY REFERENCES events (seq),
  at    INTEGER NOT NULL
) STRICT;
CREATE INDEX unassigned_events_at ON unassigned_events (at);

-- How far each agent log was read.
CREATE TABLE agent_files (
  path  TEXT PRIMARY KEY,
  state TEXT NOT NULL
) STRICT;

-- Identities of log lines and tool uses met so far, over all files, as 64-bit hashes.
-- `session` is the one whose log had it first.
CREATE TABLE agent_seen (
  key     INTEGER PRIMARY KEY,
  session INTEGER NOT NULL
) STRICT;

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
