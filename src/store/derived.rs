//! What inference derives: streams, time entries, sessions. Written by [`crate::pipeline`] alone.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::texts::{PlaceId, TextId};
use super::{Result, StoreError};
use crate::alloc::Span;
use crate::infer::facts::Facts;
use crate::time::{Interval, Millis, Timestamp};

/// A stream's number in the database, given in the order of their making.
pub type StreamNum = i64;

/// The actor of direct time; every other is an agent session's number.
pub const PERSON: TextId = 0;
/// In time entries: time that no stream has.
pub const NO_STREAM: StreamNum = 0;

/// The rule that gave a stream its tags.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RuleRef {
    /// Position in the file, from 0.
    pub index: i64,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its line in the file.
    pub line: i64,
}

impl RuleRef {
    /// How the rule is called: by its name, else `rule 3`.
    #[must_use]
    pub fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("rule {}", self.index + 1))
    }
}

/// A stream as it is stored.
#[derive(Clone, PartialEq, Debug)]
pub struct StreamRow {
    /// Its number.
    pub num: StreamNum,
    /// Its id.
    pub id: String,
    /// Its root.
    pub root: TextId,
    /// Bounds of the events that inference gave it; `None` if it has only assigned ones.
    pub open: Option<(Timestamp, Timestamp)>,
    /// First event.
    pub first: Timestamp,
    /// Last event.
    pub last: Timestamp,
    /// Its name.
    pub name: String,
    /// Whether a person named it.
    pub named_by_user: bool,
    /// What was counted of its events.
    pub facts: Facts,
    /// Direct time.
    pub direct_ms: Millis,
    /// Delegated time.
    pub delegated_ms: Millis,
    /// The rule that matched it last.
    pub rule: Option<RuleRef>,
    /// The billing project that rule gave.
    pub project: Option<String>,
    /// Whether the rules have yet to run on it.
    pub needs_recompute: bool,
    /// When anything of it changed.
    pub updated_at: String,
}

const COLUMNS: &str = "num, id, root, open_from, open_to, first_event_at, last_event_at, name,
    name_source, facts, time_direct_ms, time_delegated_ms, rule_index, rule_name, rule_line,
    project, needs_recompute, updated_at";

impl StreamRow {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let at = |i| row.get(i).map(Timestamp::from_nanos);
        let facts: String = row.get(9)?;
        let open = (at(3)?, at(4)?);
        let rule = row.get::<_, Option<i64>>(12)?;
        Ok(Self {
            num: row.get(0)?,
            id: row.get(1)?,
            root: row.get(2)?,
            open: (open.0 <= open.1).then_some(open),
            first: at(5)?,
            last: at(6)?,
            name: row.get(7)?,
            named_by_user: row.get_ref(8)?.as_str()? == "user",
            facts: serde_json::from_str(&facts).unwrap_or_default(),
            direct_ms: row.get(10)?,
            delegated_ms: row.get(11)?,
            rule: match rule {
                Some(index) => Some(RuleRef { index, name: row.get(13)?, line: row.get(14)? }),
                None => None,
            },
            project: row.get(15)?,
            needs_recompute: row.get(16)?,
            updated_at: row.get(17)?,
        })
    }

    fn open_nanos(&self) -> (i64, i64) {
        self.open.map_or((i64::MAX, i64::MIN), |(from, to)| (from.nanos(), to.nanos()))
    }
}

/// Streams that satisfy `condition`, in the order of their numbers.
fn streams_where(
    conn: &Connection,
    condition: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<StreamRow>> {
    let sql = format!("SELECT {COLUMNS} FROM streams WHERE {condition} ORDER BY num");
    Ok(conn
        .prepare_cached(&sql)?
        .query_map(parameters, StreamRow::from_row)?
        .collect::<rusqlite::Result<_>>()?)
}

/// All streams with an event, or time, in `range`.
///
/// # Errors
/// Those of SQLite.
pub fn streams_between(conn: &Connection, range: Interval) -> Result<Vec<StreamRow>> {
    streams_where(
        conn,
        "last_event_at >= ?1 AND first_event_at < ?2",
        [range.start.nanos(), range.end.nanos()],
    )
}

/// The streams of [`streams_between`] one at a time, in the order of their first events (then of
/// their ids), beginning with the one at `from`.
///
/// # Errors
/// Those of SQLite, and whatever `each` returns.
pub fn for_each_stream<E: From<StoreError>>(
    conn: &Connection,
    from: Option<(Timestamp, &str)>,
    range: Interval,
    mut each: impl FnMut(StreamRow) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let failed = |error: rusqlite::Error| E::from(StoreError::from(error));
    // By the index alone is nothing sorted, hence nothing held.
    let sql = format!(
        "SELECT {COLUMNS} FROM streams INDEXED BY streams_first
         WHERE (first_event_at, id) >= (?1, ?2) AND last_event_at >= ?3 AND first_event_at < ?4
         ORDER BY first_event_at, id"
    );
    let (at, id) = from.unwrap_or((Timestamp::MIN, ""));
    let mut statement = conn.prepare(&sql).map_err(failed)?;
    let mut rows = statement
        .query(params![at.nanos(), id, range.start.nanos(), range.end.nanos()])
        .map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        each(StreamRow::from_row(row).map_err(failed)?)?;
    }
    Ok(())
}

/// What a report shows of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Its number.
    pub num: StreamNum,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// The streams whose events, or time beyond the last of them, may lie in `range`.
///
/// # Errors
/// Those of SQLite.
pub fn labels_between(conn: &Connection, range: Interval) -> Result<Vec<Label>> {
    // A stream's time ends later than its last event by no more than the longest window.
    const DAY: Millis = 24 * 3_600_000;
    Ok(conn
        .prepare_cached(
            "SELECT num, id, name FROM streams WHERE last_event_at >= ?1 AND first_event_at < ?2",
        )?
        .query_map([range.start.plus(-7 * DAY).nanos(), range.end.nanos()], |row| {
            Ok(Label { num: row.get(0)?, id: row.get(1)?, name: row.get(2)? })
        })?
        .collect::<rusqlite::Result<_>>()?)
}

/// The streams with these numbers; numbers that no stream has are passed over.
///
/// # Errors
/// Those of SQLite.
pub fn streams(conn: &Connection, nums: &BTreeSet<StreamNum>) -> Result<Vec<StreamRow>> {
    let mut out = Vec::with_capacity(nums.len());
    let sql = format!("SELECT {COLUMNS} FROM streams WHERE num = ?1");
    let mut one = conn.prepare_cached(&sql)?;
    for num in nums {
        out.extend(one.query_row([num], StreamRow::from_row).optional()?);
    }
    Ok(out)
}

/// The streams that have no tag by a rule.
///
/// # Errors
/// Those of SQLite.
pub fn without_rule_tags(conn: &Connection) -> Result<Vec<StreamRow>> {
    streams_where(
        conn,
        "NOT EXISTS (SELECT 1 FROM stream_tags
                     WHERE stream_id = id AND assignment_source = 'rule')",
        [],
    )
}

/// The streams with the latest events, at most so many, the latest first.
///
/// # Errors
/// Those of SQLite.
pub fn newest(conn: &Connection, most: u32) -> Result<Vec<StreamRow>> {
    let condition =
        "num IN (SELECT num FROM streams ORDER BY last_event_at DESC, num DESC LIMIT ?1)";
    let mut rows = streams_where(conn, condition, [most])?;
    rows.sort_by_key(|row| std::cmp::Reverse((row.last, row.num)));
    Ok(rows)
}

/// The streams that the rules have yet to run on.
///
/// # Errors
/// Those of SQLite.
pub fn flagged(conn: &Connection) -> Result<Vec<StreamRow>> {
    streams_where(conn, "needs_recompute <> 0", [])
}

/// Whether there are streams that the rules have yet to run on.
///
/// # Errors
/// Those of SQLite.
pub fn any_flagged(conn: &Connection) -> Result<bool> {
    Ok(conn.query_row(
        "SELECT EXISTS (SELECT 1 FROM streams WHERE needs_recompute <> 0)",
        [],
        |row| row.get(0),
    )?)
}

/// Whether the rules have yet to run on every stream.
///
/// # Errors
/// Those of SQLite.
pub fn all_flagged(conn: &Connection) -> Result<bool> {
    Ok(conn.query_row(
        "SELECT NOT EXISTS (SELECT 1 FROM streams WHERE needs_recompute = 0)",
        [],
        |row| row.get(0),
    )?)
}

/// Flags the streams with an event in `range` for the rules; the number of them.
///
/// # Errors
/// Those of SQLite.
pub fn flag(conn: &Connection, range: Interval) -> Result<usize> {
    Ok(conn.execute(
        "UPDATE streams SET needs_recompute = 1 WHERE last_event_at >= ?1 AND first_event_at < ?2",
        [range.start.nanos(), range.end.nanos()],
    )?)
}

/// Streams whose inferred extent touches `from..=to`.
///
/// # Errors
/// Those of SQLite.
pub fn open_between(conn: &Connection, from: Timestamp, to: Timestamp) -> Result<Vec<StreamRow>> {
    streams_where(conn, "open_to >= ?1 AND open_from <= ?2", [from.nanos(), to.nanos()])
}

/// First and last event of all streams that have an event within `from..=to`.
///
/// # Errors
/// Those of SQLite.
pub fn extent_of(
    conn: &Connection,
    from: Timestamp,
    to: Timestamp,
) -> Result<Option<(Timestamp, Timestamp)>> {
    let bounds: (Option<i64>, Option<i64>) = conn
        .prepare_cached(
            "SELECT min(first_event_at), max(last_event_at) FROM streams
             WHERE last_event_at >= ?1 AND first_event_at <= ?2",
        )?
        .query_row([from.nanos(), to.nanos()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(match bounds {
        (Some(from), Some(to)) => Some((Timestamp::from_nanos(from), Timestamp::from_nanos(to))),
        _ => None,
    })
}

/// Stores a stream; its number is given here where it is 0.
///
/// # Errors
/// Those of SQLite.
pub fn put_stream(conn: &Connection, stream: &mut StreamRow) -> Result<()> {
    let (open_from, open_to) = stream.open_nanos();
    let facts = serde_json::to_string(&stream.facts).unwrap_or_default();
    let rule = stream.rule.as_ref();
    conn.prepare_cached(
        "INSERT INTO streams (num, id, root, open_from, open_to, first_event_at, last_event_at,
             name, name_source, facts, time_direct_ms, time_delegated_ms, rule_index, rule_name,
             rule_line, project, needs_recompute, updated_at)
         VALUES (nullif(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
             ?17, ?18)
         ON CONFLICT (num) DO UPDATE SET
             root = excluded.root, open_from = excluded.open_from, open_to = excluded.open_to,
             first_event_at = excluded.first_event_at, last_event_at = excluded.last_event_at,
             name = excluded.name, name_source = excluded.name_source, facts = excluded.facts,
             time_direct_ms = excluded.time_direct_ms,
             time_delegated_ms = excluded.time_delegated_ms, rule_index = excluded.rule_index,
             rule_name = excluded.rule_name, rule_line = excluded.rule_line,
             project = excluded.project, needs_recompute = excluded.needs_recompute,
             updated_at = excluded.updated_at",
    )?
    .execute(params![
        stream.num,
        stream.id,
        stream.root,
        open_from,
        open_to,
        stream.first.nanos(),
        stream.last.nanos(),
        stream.name,
        if stream.named_by_user { "user" } else { "inferred" },
        facts,
        stream.direct_ms,
        stream.delegated_ms,
        rule.map(|rule| rule.index),
        rule.map(|rule| &rule.name),
        rule.map(|rule| rule.line),
        stream.project,
        stream.needs_recompute,
        stream.updated_at,
    ])?;
    if stream.num == 0 {
        stream.num = conn.last_insert_rowid();
    }
    Ok(())
}

/// Stores which rule a stream matched, and that the rules have run on it.
///
/// # Errors
/// Those of SQLite.
pub fn set_rule(
    conn: &Connection,
    num: StreamNum,
    rule: Option<&RuleRef>,
    project: Option<&str>,
    updated_at: &str,
) -> Result<()> {
    conn.prepare_cached(
        "UPDATE streams SET rule_index = ?2, rule_name = ?3, rule_line = ?4, project = ?5,
             updated_at = ?6, needs_recompute = 0 WHERE num = ?1",
    )?
    .execute(params![
        num,
        rule.map(|rule| rule.index),
        rule.and_then(|rule| rule.name.as_deref()),
        rule.map(|rule| rule.line),
        project,
        updated_at,
    ])?;
    Ok(())
}

/// Notes that something of a stream changed.
///
/// # Errors
/// Those of SQLite.
pub fn touch(conn: &Connection, num: StreamNum, now: &str) -> Result<()> {
    conn.prepare_cached("UPDATE streams SET updated_at = ?2 WHERE num = ?1")?
        .execute(params![num, now])?;
    Ok(())
}

/// Gives a stream the name that a person chose; with an empty one, inference names it again.
///
/// # Errors
/// Those of SQLite.
pub fn rename(conn: &Connection, num: StreamNum, name: &str, now: &str) -> Result<()> {
    let source = if name.is_empty() { "inferred" } else { "user" };
    conn.prepare_cached(
        "UPDATE streams SET name = ?2, name_source = ?3, updated_at = ?4 WHERE num = ?1",
    )?
    .execute(params![num, name, source, now])?;
    Ok(())
}

/// Whether `id` is, or was, the id of a stream.
///
/// # Errors
/// Those of SQLite.
pub fn id_is_taken(conn: &Connection, id: &str) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM streams WHERE id = ?1)
                 OR EXISTS (SELECT 1 FROM joined_streams WHERE id = ?1)",
        )?
        .query_row([id], |row| row.get(0))?)
}

/// Makes what was said of stream `old` hold for `new`, and removes `old`.
///
/// # Errors
/// Those of SQLite.
pub fn join_streams(
    conn: &Connection,
    old: &StreamRow,
    new: (StreamNum, &str),
    now: &str,
) -> Result<()> {
    let (num, id) = new;
    conn.prepare_cached("UPDATE time_entries SET stream = ?2 WHERE stream = ?1")?
        .execute([old.num, num])?;
    conn.prepare_cached("UPDATE event_assignments SET stream = ?2 WHERE stream = ?1")?
        .execute([old.num, num])?;
    super::tags::move_tags(conn, &old.id, id)?;
    conn.prepare_cached("UPDATE joined_streams SET into_id = ?2 WHERE into_id = ?1")?
        .execute([&old.id, id])?;
    conn.prepare_cached(
        "INSERT OR REPLACE INTO joined_streams (id, into_id, joined_at) VALUES (?1, ?2, ?3)",
    )?
    .execute([&old.id, id, now])?;
    remove_stream(conn, old.num)
}

/// Removes a stream that has no events left.
///
/// # Errors
/// Those of SQLite.
pub fn remove_stream(conn: &Connection, num: StreamNum) -> Result<()> {
    conn.prepare_cached("DELETE FROM streams WHERE num = ?1")?.execute([num])?;
    Ok(())
}

/// The id into which the only stream whose id began with `prefix` was joined, if it was.
///
/// # Errors
/// Those of SQLite.
pub fn joined_into(conn: &Connection, prefix: &str) -> Result<Option<String>> {
    if prefix.is_empty() || !prefix.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let mut found: Vec<String> = conn
        .prepare_cached(
            "SELECT DISTINCT into_id FROM joined_streams WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2",
        )?
        .query_map([prefix.to_ascii_lowercase()], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(found.pop().filter(|_| found.is_empty()))
}

/// The number of the stream that was made last, 0 if there is none.
///
/// # Errors
/// Those of SQLite.
pub fn last_num(conn: &Connection) -> Result<StreamNum> {
    Ok(conn.query_row("SELECT coalesce(max(num), 0) FROM streams", [], |row| row.get(0))?)
}

/// The streams in which an agent session began or worked.
///
/// # Errors
/// Those of SQLite. O(streams around the session).
pub fn streams_of_session(conn: &Connection, session: TextId) -> Result<Vec<StreamNum>> {
    let Some(known) = self::session(conn, session)? else {
        return Ok(Vec::new());
    };
    let around = Interval::new(known.first, known.last.plus(1));
    let mut found = streams_between(conn, around)?;
    found.retain(|row| row.facts.sessions.texts().any(|text| text == session));
    Ok(found.into_iter().map(|row| row.num).collect())
}

/// Which event a person gave to which stream.
///
/// # Errors
/// Those of SQLite.
pub fn assignments(conn: &Connection) -> Result<Vec<(i64, StreamNum)>> {
    Ok(conn
        .prepare_cached("SELECT event, stream FROM event_assignments")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?)
}

/// Gives the event `seq` to the stream `num`, by the person's word.
///
/// # Errors
/// Those of SQLite.
pub fn assign(conn: &Connection, seq: i64, num: StreamNum) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO event_assignments (event, stream) VALUES (?1, ?2)
         ON CONFLICT (event) DO UPDATE SET stream = excluded.stream",
    )?
    .execute([seq, num])?;
    Ok(())
}

/// Forgets all time entries and unassigned events, before they are computed again.
///
/// # Errors
/// Those of SQLite.
pub fn clear_time(conn: &Connection) -> Result<()> {
    conn.execute_batch("DELETE FROM time_entries; DELETE FROM unassigned_events;")?;
    Ok(())
}

/// Replaces what `actor` did within `range`; what lies beyond it stays. The streams that lost or
/// gained time are added to `touched`.
///
/// # Errors
/// Those of SQLite.
pub fn rewrite(
    conn: &Connection,
    actor: TextId,
    range: Interval,
    spans: &[Span<StreamNum>],
    touched: &mut BTreeSet<StreamNum>,
) -> Result<()> {
    let old = entries_touching(conn, actor, range)?;
    let mut new: Vec<Span<StreamNum>> = Vec::with_capacity(spans.len() + 2);
    let before =
        |it: &Span<StreamNum>| Interval::new(it.interval.start, it.interval.end.min(range.start));
    let after =
        |it: &Span<StreamNum>| Interval::new(it.interval.start.max(range.end), it.interval.end);
    let kept_before = old.iter().map(|it| (before(it), it.target));
    let kept_after = old.iter().map(|it| (after(it), it.target));
    let within = spans.iter().map(|it| (it.interval.intersect(range), it.target));
    for (interval, target) in kept_before.chain(within).chain(kept_after) {
        if interval.is_empty() {
            continue;
        }
        match new.last_mut() {
            Some(last) if last.target == target && last.interval.end == interval.start => {
                last.interval.end = interval.end;
            }
            _ => new.push(Span { interval, target }),
        }
    }
    if new == old {
        return Ok(());
    }
    let mut delete =
        conn.prepare_cached("DELETE FROM time_entries WHERE actor = ?1 AND start = ?2")?;
    for it in &old {
        delete.execute([actor, it.interval.start.nanos()])?;
    }
    let mut insert = conn.prepare_cached(
        "INSERT INTO time_entries (actor, start, end, stream) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for it in &new {
        insert.execute([actor, it.interval.start.nanos(), it.interval.end.nanos(), it.target])?;
    }
    touched.extend(old.iter().chain(&new).map(|it| it.target));
    touched.remove(&NO_STREAM);
    Ok(())
}

/// The entries of `actor` that overlap or touch `range`, in order.
fn entries_touching(
    conn: &Connection,
    actor: TextId,
    range: Interval,
) -> Result<Vec<Span<StreamNum>>> {
    let mut statement = conn.prepare_cached(
        "SELECT start, end, stream FROM time_entries
         WHERE actor = ?1 AND start <= ?2 ORDER BY start DESC",
    )?;
    let mut rows = statement.query([actor, range.end.nanos()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let interval =
            Interval::new(Timestamp::from_nanos(row.get(0)?), Timestamp::from_nanos(row.get(1)?));
        // Entries of one actor do not overlap, so earlier ones end even earlier.
        if interval.end < range.start {
            break;
        }
        found.push(Span { interval, target: row.get(2)? });
    }
    found.reverse();
    Ok(found)
}

/// A time entry: who worked when, for which stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeEntry {
    /// The stream, or [`NO_STREAM`].
    pub stream: StreamNum,
    /// [`PERSON`], or an agent session.
    pub actor: TextId,
    /// When.
    pub interval: Interval,
}

fn time_entry(row: &Row<'_>) -> rusqlite::Result<TimeEntry> {
    Ok(TimeEntry {
        stream: row.get(0)?,
        actor: row.get(1)?,
        interval: Interval::new(
            Timestamp::from_nanos(row.get(2)?),
            Timestamp::from_nanos(row.get(3)?),
        ),
    })
}

/// All time entries that share an instant with `range`, uncut.
///
/// # Errors
/// Those of SQLite.
pub fn entries_between(conn: &Connection, range: Interval) -> Result<Vec<TimeEntry>> {
    Ok(conn
        .prepare_cached(
            "SELECT stream, actor, start, end FROM time_entries WHERE end > ?1 AND start < ?2",
        )?
        .query_map([range.start.nanos(), range.end.nanos()], time_entry)?
        .collect::<rusqlite::Result<_>>()?)
}

/// All time entries of the streams with these numbers, stream by stream.
///
/// # Errors
/// Those of SQLite.
pub fn entries_of(conn: &Connection, nums: &BTreeSet<StreamNum>) -> Result<Vec<TimeEntry>> {
    let (Some(&first), Some(&last)) = (nums.first(), nums.last()) else {
        return Ok(Vec::new());
    };
    // Numbers are given in order, so those of one run lie close together: one scan, not many seeks.
    if i64::try_from(nums.len()).unwrap_or(i64::MAX) > (last - first) / 8 {
        let mut all = conn
            .prepare_cached(
                "SELECT stream, actor, start, end FROM time_entries
                 WHERE stream BETWEEN ?1 AND ?2 ORDER BY stream, actor, start",
            )?
            .query_map([first, last], time_entry)?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        all.retain(|entry| nums.contains(&entry.stream));
        return Ok(all);
    }
    let mut out = Vec::new();
    let mut of = conn.prepare_cached(
        "SELECT stream, actor, start, end FROM time_entries WHERE stream = ?1
         ORDER BY actor, start",
    )?;
    for num in nums {
        for entry in of.query_map([num], time_entry)? {
            out.push(entry?);
        }
    }
    Ok(out)
}

/// Remembers, or forgets, that an event has no stream.
///
/// # Errors
/// Those of SQLite.
pub fn set_unassigned(conn: &Connection, seq: i64, at: Timestamp, unassigned: bool) -> Result<()> {
    if unassigned {
        conn.prepare_cached("INSERT OR IGNORE INTO unassigned_events (event, at) VALUES (?1, ?2)")?
            .execute([seq, at.nanos()])?;
    } else {
        conn.prepare_cached("DELETE FROM unassigned_events WHERE event = ?1")?.execute([seq])?;
    }
    Ok(())
}

/// How many events within `range` have no stream.
///
/// # Errors
/// Those of SQLite.
pub fn unassigned_between(conn: &Connection, range: Interval) -> Result<u64> {
    let count: i64 = conn
        .prepare_cached("SELECT count(*) FROM unassigned_events WHERE at >= ?1 AND at < ?2")?
        .query_row([range.start.nanos(), range.end.nanos()], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// What is known of an agent session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Session {
    /// Where it began, and which event told: its time and tie. `None` while no event names a place.
    pub begin: Option<(Timestamp, u64, PlaceId)>,
    /// Its first event.
    pub first: Timestamp,
    /// Its last event.
    pub last: Timestamp,
}

/// The agent session `session`.
///
/// # Errors
/// Those of SQLite.
pub fn session(conn: &Connection, session: TextId) -> Result<Option<Session>> {
    Ok(conn
        .prepare_cached(
            "SELECT at, tie, place, first_at, last_at FROM sessions WHERE session = ?1",
        )?
        .query_row([session], |row| {
            let at = |i| row.get(i).map(Timestamp::from_nanos);
            let place: PlaceId = row.get(2)?;
            let tie: i64 = row.get(1)?;
            let begin = (place != 0).then_some((at(0)?, tie.cast_unsigned(), place));
            Ok(Session { begin, first: at(3)?, last: at(4)? })
        })
        .optional()?)
}

/// Stores what is known of an agent session.
///
/// # Errors
/// Those of SQLite.
pub fn put_session(conn: &Connection, session: TextId, known: &Session) -> Result<()> {
    let (at, tie, place) = known.begin.unwrap_or((known.first, 0, 0));
    conn.prepare_cached(
        "INSERT OR REPLACE INTO sessions (session, at, tie, place, first_at, last_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute([
        session,
        at.nanos(),
        tie.cast_signed(),
        place,
        known.first.nanos(),
        known.last.nanos(),
    ])?;
    Ok(())
}

/// Titles of sessions that arrived since the last call of [`titles_taken`].
///
/// # Errors
/// Those of SQLite.
pub fn fresh_titles(conn: &Connection) -> Result<Vec<TextId>> {
    Ok(conn
        .prepare_cached("SELECT session FROM session_titles WHERE fresh <> 0")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?)
}

/// Marks all titles as taken into account.
///
/// # Errors
/// Those of SQLite.
pub fn titles_taken(conn: &Connection) -> Result<()> {
    conn.execute("UPDATE session_titles SET fresh = 0 WHERE fresh <> 0", [])?;
    Ok(())
}

/// The title of a session, if its log has one.
///
/// # Errors
/// Those of SQLite.
pub fn title(conn: &Connection, session: TextId) -> Result<Option<String>> {
    Ok(conn
        .prepare_cached("SELECT title FROM session_titles WHERE session = ?1")?
        .query_row([session], |row| row.get(0))
        .optional()?)
}

/// The numbers and names of streams called `text`: by a prefix of their id, else by name.
///
/// # Errors
/// Those of SQLite.
pub fn streams_called(conn: &Connection, text: &str) -> Result<Vec<StreamRow>> {
    let mut found = Vec::new();
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_hexdigit()) {
        found = streams_where(conn, "id >= ?1 AND id < ?1 || 'g'", [text.to_ascii_lowercase()])?;
    }
    // A name such as `db` may be the beginning of another stream's id: then both are meant.
    for named in streams_where(conn, "name = ?1", [text])? {
        if found.iter().all(|row| row.num != named.num) {
            found.push(named);
        }
    }
    Ok(found)
}

/// The stream with this id.
///
/// # Errors
/// Those of SQLite.
pub fn stream_by_id(conn: &Connection, id: &str) -> Result<Option<StreamRow>> {
    Ok(streams_where(conn, "id = ?1", [id])?.pop())
}

/// The shortest prefix of a stream's id that no other stream's id has, of at least `least`
/// characters.
///
/// # Errors
/// Those of SQLite. O(log streams).
pub fn short_id(conn: &Connection, id: &str, least: usize) -> Result<String> {
    let neighbour = |sql: &str| -> rusqlite::Result<Option<String>> {
        conn.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()
    };
    let before = neighbour("SELECT id FROM streams WHERE id < ?1 ORDER BY id DESC LIMIT 1")?;
    let after = neighbour("SELECT id FROM streams WHERE id > ?1 ORDER BY id LIMIT 1")?;
    Ok(distinct_prefix(id, [before.as_deref(), after.as_deref()], least).to_owned())
}

/// As [`short_id`] for many streams, by id.
///
/// # Errors
/// Those of SQLite.
pub fn short_ids(conn: &Connection, of: &[&str], least: usize) -> Result<HashMap<String, String>> {
    /// From so many on, one pass over all streams is faster than a look-up for each.
    const MANY: usize = 1_000;
    if of.len() < MANY {
        let one = |id: &&str| Ok(((*id).to_owned(), short_id(conn, id, least)?));
        return of.iter().map(one).collect();
    }
    let ids: Vec<String> = conn
        .prepare_cached("SELECT id FROM streams ORDER BY id")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let at = |i: Option<usize>| i.and_then(|i| ids.get(i)).map(String::as_str);
    let shortened = ids.iter().enumerate().map(|(i, id)| {
        let neighbours = [at(i.checked_sub(1)), at(i.checked_add(1))];
        (id.clone(), distinct_prefix(id, neighbours, least).to_owned())
    });
    Ok(shortened.collect())
}

/// The shortest prefix of `id` that its neighbours in the order of ids do not have.
fn distinct_prefix<'i>(id: &'i str, neighbours: [Option<&str>; 2], least: usize) -> &'i str {
    let shared = |other: &str| id.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let length = neighbours.into_iter().flatten().map(shared).max().map_or(0, |most| most + 1);
    id.get(..length.max(least)).unwrap_or(id)
}

/// How many streams there are.
///
/// # Errors
/// Those of SQLite.
pub fn count(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row("SELECT count(*) FROM streams", [], |row| row.get(0))?)
}
