//! The ledger of pushes: what was sent where, and what became of it.
//!
//! `push_log` is for people and scripts: one row for each stream that is at a destination. Beside it
//! stand the entries themselves (`push_entries`; a stream split by days has several) and every
//! request that was ever begun (`push_requests`).
//!
//! INVARIANT (intent first): a request is committed here before it is sent, and its outcome after;
//! both with everything else that follows from them, in one transaction. So at any moment, whatever
//! may be at the service and is not in `push_entries` has an open request.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Result;

/// The version of a stream of which not every entry is there that is to be: earlier than any, so that
/// the stream counts as changed.
pub const NOT_WHOLE: &str = "1970-01-01T00:00:00Z";

/// How an entry at a service stands to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is as we left it, as far as we know.
    Ours,
    /// The person changed it there: it is theirs.
    Theirs,
    /// The person removed it there.
    Gone,
    /// It was pushed, and nobody knows its id.
    Unknown,
    /// We removed it.
    Removed,
}

impl Standing {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Ours, "ours"),
        (Self::Theirs, "theirs"),
        (Self::Gone, "gone"),
        (Self::Unknown, "unknown"),
        (Self::Removed, "removed"),
    ];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(it, _)| *it == self).map_or("unknown", |(_, word)| word)
    }

    fn of(word: &str) -> Self {
        Self::ALL.iter().find(|(_, it)| *it == word).map_or(Self::Unknown, |(it, _)| *it)
    }
}

/// An entry at a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PushedEntry {
    /// The workspace it is in.
    pub workspace: String,
    /// Its id there.
    pub external_id: String,
    /// The stream it is of.
    pub stream_id: String,
    /// The local day it is of, where the stream was split by days, else empty.
    pub day: String,
    /// How it stands to us.
    pub standing: Standing,
    /// The entry as the service had it after our last write, as JSON; `None` if that is not known.
    pub content: Option<String>,
    /// What we sent, as a hash.
    pub fingerprint: String,
    /// When the stream that we sent had changed last.
    pub stream_updated_at: String,
    /// When we sent it.
    pub pushed_at: String,
}

/// What a request does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Makes an entry.
    Create,
    /// Changes one.
    Update,
    /// Removes one.
    Delete,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    fn of(word: &str) -> Self {
        match word {
            "create" => Self::Create,
            "delete" => Self::Delete,
            _ => Self::Update,
        }
    }
}

/// A request that writes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Its number, 0 before it is begun.
    pub num: i64,
    /// The workspace.
    pub workspace: String,
    /// What it does.
    pub action: Action,
    /// The stream.
    pub stream_id: String,
    /// The local day, or empty.
    pub day: String,
    /// The id of the entry, where there is one already.
    pub external_id: Option<String>,
    /// The entry as it is to become there, as JSON; `None` where it is removed.
    pub content: Option<String>,
    /// What is sent, as a hash.
    pub fingerprint: String,
    /// When the stream that is sent had changed last.
    pub stream_updated_at: String,
    /// When it was begun.
    pub began_at: String,
    /// When its program stopped waiting for an answer; `None` if nobody noted it.
    pub ended_at: Option<String>,
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It was done.
    Done,
    /// The service refused it.
    Refused,
    /// It never left.
    NotSent,
    /// The service was asked later, and has no trace of it.
    Absent,
    /// The entry is not there any more.
    Gone,
    /// The entry there is neither what it was nor what it was to become.
    Theirs,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::NotSent => "not sent",
            Self::Absent => "absent",
            Self::Gone => "gone",
            Self::Theirs => "theirs",
        }
    }
}

const ENTRY: &str = "workspace, external_id, stream_id, day, standing, content, fingerprint,
    stream_updated_at, pushed_at";

fn entry(row: &Row<'_>) -> rusqlite::Result<PushedEntry> {
    Ok(PushedEntry {
        workspace: row.get(0)?,
        external_id: row.get(1)?,
        stream_id: row.get(2)?,
        day: row.get(3)?,
        standing: Standing::of(row.get_ref(4)?.as_str()?),
        content: row.get(5)?,
        fingerprint: row.get(6)?,
        stream_updated_at: row.get(7)?,
        pushed_at: row.get(8)?,
    })
}

/// All entries at a destination but those that we removed, by stream and day.
///
/// # Errors
/// Those of SQLite, here and below.
pub fn entries(conn: &Connection, destination: &str) -> Result<Vec<PushedEntry>> {
    let sql = format!(
        "SELECT {ENTRY} FROM push_entries WHERE destination = ?1 AND standing <> 'removed'
         ORDER BY stream_id, day, external_id"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    Ok(statement.query_map([destination], entry)?.collect::<rusqlite::Result<_>>()?)
}

/// The entries of a stream at a destination but those that we removed.
pub fn of_stream(
    conn: &Connection,
    destination: &str,
    stream_id: &str,
) -> Result<Vec<PushedEntry>> {
    let sql = format!(
        "SELECT {ENTRY} FROM push_entries
         WHERE destination = ?1 AND stream_id = ?2 AND standing <> 'removed'
         ORDER BY day, external_id"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map([destination, stream_id], entry)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether an entry at a service is known to be one of ours, whatever became of it.
pub fn is_known(conn: &Connection, destination: &str, external_id: &str) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM push_entries
             WHERE destination = ?1 AND external_id = ?2)",
        )?
        .query_row([destination, external_id], |row| row.get(0))?)
}

/// Rows of `push_log` that have no entry here, such as a script's, as entries of that workspace.
pub fn only_logged(
    conn: &Connection,
    destination: &str,
    workspace: &str,
) -> Result<Vec<PushedEntry>> {
    Ok(conn
        .prepare_cached(
            "SELECT ?2, coalesce(external_id, 'unknown ' || stream_id), stream_id, '',
                 CASE WHEN external_id IS NULL THEN 'unknown' ELSE 'ours' END, NULL, '',
                 stream_updated_at, pushed_at
             FROM push_log AS log
             WHERE destination = ?1 AND NOT EXISTS (SELECT 1 FROM push_entries
                 WHERE destination = log.destination AND stream_id = log.stream_id
                   AND standing <> 'removed')
             ORDER BY stream_id",
        )?
        .query_map([destination, workspace], entry)?
        .collect::<rusqlite::Result<_>>()?)
}

/// When something was pushed to a destination last.
pub fn last_push(conn: &Connection, destination: &str) -> Result<Option<String>> {
    let sql = "SELECT max(pushed_at) FROM push_log WHERE destination = ?1";
    Ok(conn.query_row(sql, [destination], |row| row.get(0))?)
}

/// Requests without an outcome, in the order in which they were begun.
pub fn open_requests(conn: &Connection, destination: &str) -> Result<Vec<Request>> {
    Ok(conn
        .prepare_cached(
            "SELECT num, workspace, action, stream_id, day, external_id, content, fingerprint,
                 stream_updated_at, began_at, ended_at
             FROM push_requests WHERE destination = ?1 AND outcome IS NULL ORDER BY num",
        )?
        .query_map([destination], |row| {
            Ok(Request {
                num: row.get(0)?,
                workspace: row.get(1)?,
                action: Action::of(row.get_ref(2)?.as_str()?),
                stream_id: row.get(3)?,
                day: row.get(4)?,
                external_id: row.get(5)?,
                content: row.get(6)?,
                fingerprint: row.get(7)?,
                stream_updated_at: row.get(8)?,
                began_at: row.get(9)?,
                ended_at: row.get(10)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?)
}

/// Puts a request down before it is sent; its number.
pub fn begin(conn: &Connection, destination: &str, it: &Request) -> Result<i64> {
    conn.prepare_cached(
        "INSERT INTO push_requests (destination, workspace, action, stream_id, day, external_id,
             content, fingerprint, stream_updated_at, began_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        destination,
        it.workspace,
        it.action.word(),
        it.stream_id,
        it.day,
        it.external_id,
        it.content,
        it.fingerprint,
        it.stream_updated_at,
        it.began_at,
    ])?;
    Ok(conn.last_insert_rowid())
}

/// Notes what became of a request.
pub fn end(conn: &Connection, num: i64, verdict: Verdict, note: &str, now: &str) -> Result<()> {
    conn.prepare_cached(
        "UPDATE push_requests SET outcome = ?2, note = ?3, ended_at = ?4 WHERE num = ?1",
    )?
    .execute(params![num, verdict.word(), note, now])?;
    Ok(())
}

/// Notes since when a request has no answer, and why.
pub fn remark(conn: &Connection, num: i64, note: &str, now: &str) -> Result<()> {
    conn.prepare_cached("UPDATE push_requests SET note = ?2, ended_at = ?3 WHERE num = ?1")?
        .execute(params![num, note, now])?;
    Ok(())
}

/// Stores an entry as it is known now, and what follows for `push_log`.
pub fn put(conn: &Connection, destination: &str, it: &PushedEntry) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO push_entries (destination, workspace, external_id, stream_id, day, standing,
             content, fingerprint, stream_updated_at, pushed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (destination, workspace, external_id) DO UPDATE SET
             stream_id = excluded.stream_id, day = excluded.day, standing = excluded.standing,
             content = excluded.content, fingerprint = excluded.fingerprint,
             stream_updated_at = excluded.stream_updated_at, pushed_at = excluded.pushed_at",
    )?
    .execute(params![
        destination,
        it.workspace,
        it.external_id,
        it.stream_id,
        it.day,
        it.standing.word(),
        it.content,
        it.fingerprint,
        it.stream_updated_at,
        it.pushed_at,
    ])?;
    log(conn, destination, &it.stream_id)
}

/// Gives all entries of a stream the version that the stream was pushed in.
pub fn set_version(
    conn: &Connection,
    destination: &str,
    stream_id: &str,
    version: &str,
) -> Result<()> {
    conn.prepare_cached(
        "UPDATE push_entries SET stream_updated_at = ?3
         WHERE destination = ?1 AND stream_id = ?2 AND standing <> 'removed'",
    )?
    .execute([destination, stream_id, version])?;
    log(conn, destination, stream_id)
}

/// Makes the stream's row of `push_log` say what its entries say: all their ids, the earliest
/// version that one of them has, the last push. Without entries there is no row.
fn log(conn: &Connection, destination: &str, stream_id: &str) -> Result<()> {
    let of_stream: Option<(Option<String>, Option<String>, Option<String>)> = conn
        .prepare_cached(
            "SELECT group_concat(CASE standing WHEN 'unknown' THEN NULL ELSE external_id END, ','),
                 min(stream_updated_at), max(pushed_at)
             FROM (SELECT * FROM push_entries
                   WHERE destination = ?1 AND stream_id = ?2 AND standing <> 'removed'
                   ORDER BY day, external_id)",
        )?
        .query_row([destination, stream_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    match of_stream {
        Some((ids, Some(version), Some(at))) => conn
            .prepare_cached(
                "INSERT INTO push_log (stream_id, destination, pushed_at, stream_updated_at,
                     external_id) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (stream_id, destination) DO UPDATE SET
                     pushed_at = excluded.pushed_at,
                     stream_updated_at = excluded.stream_updated_at,
                     external_id = excluded.external_id",
            )?
            .execute(params![stream_id, destination, at, version, ids])?,
        _ => conn
            .prepare_cached("DELETE FROM push_log WHERE stream_id = ?1 AND destination = ?2")?
            .execute([stream_id, destination])?,
    };
    Ok(())
}

/// The stream into which one was joined, if it was.
pub fn joined_into(conn: &Connection, stream_id: &str) -> Result<Option<String>> {
    Ok(conn
        .prepare_cached("SELECT into_id FROM joined_streams WHERE id = ?1")?
        .query_row([stream_id], |row| row.get(0))
        .optional()?)
}

/// The versions of the streams that were pushed to a destination: id, as it was pushed, as it is; a
/// stream that is no more has no version.
pub fn versions(
    conn: &Connection,
    destination: &str,
) -> Result<Vec<(String, String, Option<String>)>> {
    Ok(conn
        .prepare_cached(
            "SELECT log.stream_id, log.stream_updated_at, streams.updated_at
             FROM push_log AS log LEFT JOIN streams ON streams.id = log.stream_id
             WHERE log.destination = ?1 ORDER BY log.stream_id",
        )?
        .query_map([destination], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?)
}

/// Streams that are to be at a destination, by an earlier push, and are not: those that could not be
/// made there, and those whose entry we removed before what takes its place had come there.
pub fn missing(conn: &Connection, destination: &str) -> Result<Vec<String>> {
    Ok(conn
        .prepare_cached(
            "SELECT DISTINCT streams.id FROM (
                 SELECT stream_id FROM push_entries
                 WHERE destination = ?1 AND standing = 'removed'
                 UNION SELECT stream_id FROM push_requests
                 WHERE destination = ?1 AND action = 'create') AS once
             LEFT JOIN joined_streams ON joined_streams.id = once.stream_id
             JOIN streams ON streams.id = coalesce(joined_streams.into_id, once.stream_id)
             WHERE NOT EXISTS (
                 SELECT 1 FROM push_log WHERE stream_id = streams.id AND destination = ?1)
             ORDER BY streams.id",
        )?
        .query_map([destination], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?)
}

/// How many streams with time were never pushed to a destination and began before `before`; their
/// time in milliseconds.
pub fn never_pushed(conn: &Connection, destination: &str, before: i64) -> Result<(u64, i64)> {
    let (count, time): (i64, i64) = conn.query_row(
        "SELECT count(*), coalesce(sum(time_direct_ms + time_delegated_ms), 0) FROM streams
         WHERE first_event_at < ?2 AND time_direct_ms + time_delegated_ms >= 1000
           AND NOT EXISTS (SELECT 1 FROM push_log
                           WHERE stream_id = streams.id AND destination = ?1)",
        params![destination, before],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok((count.unsigned_abs(), time))
}

/// What a service was asked once.
pub fn cached(
    conn: &Connection,
    destination: &str,
    kind: &str,
    key: &str,
) -> Result<Option<String>> {
    Ok(conn
        .prepare_cached(
            "SELECT value FROM push_cache WHERE destination = ?1 AND kind = ?2 AND key = ?3",
        )?
        .query_row([destination, kind, key], |row| row.get(0))
        .optional()?)
}

/// Keeps what a service was asked.
pub fn cache(
    conn: &Connection,
    destination: &str,
    kind: &str,
    key: &str,
    value: &str,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO push_cache (destination, kind, key, value) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (destination, kind, key) DO UPDATE SET value = excluded.value",
    )?
    .execute([destination, kind, key, value])?;
    Ok(())
}
