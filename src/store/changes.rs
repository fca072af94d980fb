//! Changes that can be taken back: what a recompute replaced, and what was pushed before it.
//!
//! A state is kept as it lies in the tables, words for sources and row numbers included, so that
//! what is put back is what was there, byte for byte.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::derived::RuleRef;
use super::{Result, meta, set_meta};
use crate::tags::Source;
use crate::time::{Millis, Timestamp};

/// How many changes can be taken back, one after the other.
pub const KEPT: i64 = 10;

/// Stands for the version of the rules after a change where streams were tagged since that the
/// change does not know; `meta` never has it.
const TAGGED_SINCE: &str = "tagged since";

/// A tag of a stream as it is stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TagRow {
    /// The tag.
    pub tag: String,
    /// The word for its source.
    pub source: String,
    /// The number of its row.
    row: i64,
}

impl TagRow {
    /// Who gave the tag.
    #[must_use]
    pub fn source(&self) -> Source {
        Source::parse(&self.source)
    }
}

/// Everything of a stream that rules decide, and what tells whether it changed since.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct State {
    /// Its tags, by name.
    pub tags: BTreeMap<String, TagRow>,
    /// Tags that a person took off, in order.
    pub removed: Vec<String>,
    /// The rule that matched it last.
    pub rule: Option<RuleRef>,
    /// The billing project that rule gave.
    pub project: Option<String>,
    /// Whether the rules have yet to run on it.
    pub needs_recompute: bool,
    /// When anything of it changed.
    pub updated_at: String,
    /// First event.
    pub first: Timestamp,
    /// Last event.
    pub last: Timestamp,
    /// Direct time.
    pub direct_ms: Millis,
    /// Delegated time.
    pub delegated_ms: Millis,
}

/// A stream's state and its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: State,
}

/// The states of all streams, by id.
///
/// # Errors
/// Those of SQLite.
pub fn states(conn: &Connection) -> Result<BTreeMap<String, Known>> {
    let mut all = BTreeMap::new();
    let mut streams = conn.prepare_cached(
        "SELECT id, name, rule_index, rule_name, rule_line, project, needs_recompute, updated_at,
             first_event_at, last_event_at, time_direct_ms, time_delegated_ms FROM streams",
    )?;
    let mut rows = streams.query([])?;
    while let Some(row) = rows.next()? {
        let rule = match row.get(2)? {
            Some(index) => Some(RuleRef { index, name: row.get(3)?, line: row.get(4)? }),
            None => None,
        };
        let state = State {
            tags: BTreeMap::new(),
            removed: Vec::new(),
            rule,
            project: row.get(5)?,
            needs_recompute: row.get(6)?,
            updated_at: row.get(7)?,
            first: Timestamp::from_nanos(row.get(8)?),
            last: Timestamp::from_nanos(row.get(9)?),
            direct_ms: row.get(10)?,
            delegated_ms: row.get(11)?,
        };
        all.insert(row.get(0)?, Known { name: row.get(1)?, state });
    }
    let mut tags =
        conn.prepare_cached("SELECT stream_id, tag, assignment_source, rowid FROM stream_tags")?;
    let mut rows = tags.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(known) = all.get_mut(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?) {
            let tag = TagRow { tag: row.get(1)?, source: row.get(2)?, row: row.get(3)? };
            known.state.tags.insert(tag.tag.clone(), tag);
        }
    }
    let mut removed =
        conn.prepare_cached("SELECT stream_id, tag FROM removed_tags ORDER BY stream_id, tag")?;
    let mut rows = removed.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(known) = all.get_mut(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?) {
            known.state.removed.push(row.get(1)?);
        }
    }
    Ok(all)
}

/// A stream that a change changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Changed {
    /// Its id.
    pub id: String,
    /// Its state before.
    pub was: State,
    /// Its state after.
    pub became: State,
}

/// A change that can be taken back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// When it was made.
    pub made_at: String,
    /// What `meta` had under the key of the rules, before and after; after, something that it never
    /// has if streams were tagged since ([`tagged_since`]).
    pub rules: [Option<String>; 2],
    /// The streams that it changed, by id.
    pub streams: Vec<Changed>,
}

/// Keeps a change, as the last; the oldest goes if there are too many.
///
/// # Errors
/// Those of SQLite.
pub fn keep(conn: &Connection, change: &Change) -> Result<()> {
    let [before, after] = &change.rules;
    conn.prepare_cached(
        "INSERT INTO changes (num, made_at, rules_before, rules_after)
         SELECT coalesce(max(num), 0) + 1, ?1, ?2, ?3 FROM changes",
    )?
    .execute(params![change.made_at, before, after])?;
    let num = conn.last_insert_rowid();
    let mut insert = conn.prepare_cached(
        "INSERT INTO changed_streams (change, stream_id, was, became) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for Changed { id, was, became } in &change.streams {
        insert.execute(params![num, id, json(was), json(became)])?;
    }
    conn.execute("DELETE FROM changes WHERE num <= ?1", [num - KEPT])?;
    Ok(())
}

/// Notes that streams were tagged outside of the changes: where a change brought other rules, its
/// earlier version is not that of all streams when it is taken back.
///
/// # Errors
/// Those of SQLite.
pub fn tagged_since(conn: &Connection) -> Result<()> {
    conn.execute(
        "UPDATE changes SET rules_after = ?1
         WHERE rules_before IS NOT rules_after AND rules_after IS NOT ?1",
        [TAGGED_SINCE],
    )?;
    Ok(())
}

fn json(state: &State) -> String {
    serde_json::to_string(state).unwrap_or_default()
}

/// Takes the last change out of the table, if there is one.
///
/// # Errors
/// Those of SQLite.
pub fn take_last(conn: &Connection) -> Result<Option<Change>> {
    let last: Option<(i64, Change)> = conn
        .query_row(
            "SELECT num, made_at, rules_before, rules_after FROM changes
             ORDER BY num DESC LIMIT 1",
            [],
            |row| {
                let rules = [row.get(2)?, row.get(3)?];
                Ok((row.get(0)?, Change { made_at: row.get(1)?, rules, streams: Vec::new() }))
            },
        )
        .optional()?;
    let Some((num, mut change)) = last else { return Ok(None) };
    let mut streams = conn.prepare_cached(
        "SELECT stream_id, was, became FROM changed_streams WHERE change = ?1 ORDER BY stream_id",
    )?;
    let mut rows = streams.query([num])?;
    while let Some(row) = rows.next()? {
        let state = |column| -> rusqlite::Result<State> {
            let text = row.get_ref(column)?.as_str()?;
            serde_json::from_str(text).map_err(|error| {
                let kind = rusqlite::types::Type::Text;
                rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
            })
        };
        change.streams.push(Changed { id: row.get(0)?, was: state(1)?, became: state(2)? });
    }
    conn.execute("DELETE FROM changes WHERE num = ?1", [num])?;
    Ok(Some(change))
}

/// Makes streams be in these states again: of each, its id, the state it is in, and the one to be
/// in. What people took off is left as it is.
///
/// # Errors
/// Those of SQLite.
pub fn put_back(conn: &Connection, streams: &[(&str, &State, &State)]) -> Result<()> {
    // First what goes, for all of them: rows come back under the numbers they had.
    let mut gone =
        conn.prepare_cached("DELETE FROM stream_tags WHERE stream_id = ?1 AND tag = ?2")?;
    for (id, now, then) in streams {
        for tag in now.tags.keys().filter(|tag| !then.tags.contains_key(*tag)) {
            gone.execute([id, tag.as_str()])?;
        }
    }
    for (id, _, then) in streams {
        for tag in then.tags.values() {
            put_tag(conn, id, tag)?;
        }
        let rule = then.rule.as_ref();
        conn.prepare_cached(
            "UPDATE streams SET rule_index = ?2, rule_name = ?3, rule_line = ?4, project = ?5,
                 updated_at = ?6, needs_recompute = ?7 WHERE id = ?1",
        )?
        .execute(params![
            id,
            rule.map(|rule| rule.index),
            rule.and_then(|rule| rule.name.as_deref()),
            rule.map(|rule| rule.line),
            then.project,
            then.updated_at,
            then.needs_recompute,
        ])?;
    }
    Ok(())
}

fn put_tag(conn: &Connection, id: &str, tag: &TagRow) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO stream_tags (rowid, stream_id, tag, assignment_source)
         SELECT CASE WHEN EXISTS (SELECT 1 FROM stream_tags WHERE rowid = ?1) THEN NULL ELSE ?1 END,
                ?2, ?3, ?4
         WHERE true
         ON CONFLICT (stream_id, tag) DO UPDATE SET assignment_source = excluded.assignment_source
             WHERE assignment_source <> excluded.assignment_source",
    )?
    .execute(params![tag.row, id, tag.tag, tag.source])?;
    Ok(())
}

/// Puts a value of `meta` back.
///
/// # Errors
/// Those of SQLite.
pub fn put_meta_back(conn: &Connection, key: &str, value: Option<&str>) -> Result<()> {
    match value {
        Some(value) => set_meta(conn, key, value),
        None if meta(conn, key)?.is_some() => {
            conn.execute("DELETE FROM meta WHERE key = ?1", [key])?;
            Ok(())
        }
        None => Ok(()),
    }
}

/// That a stream was pushed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pushed {
    /// Where to.
    pub destination: String,
    /// When.
    pub at: String,
    /// When the stream had changed last.
    pub stream_updated_at: String,
}

/// Where a stream was pushed, in the order of the destinations.
///
/// # Errors
/// Those of SQLite.
pub fn pushed(conn: &Connection, id: &str) -> Result<Vec<Pushed>> {
    Ok(conn
        .prepare_cached(
            "SELECT destination, pushed_at, stream_updated_at FROM push_log WHERE stream_id = ?1
             ORDER BY destination",
        )?
        .query_map([id], |row| {
            Ok(Pushed { destination: row.get(0)?, at: row.get(1)?, stream_updated_at: row.get(2)? })
        })?
        .collect::<rusqlite::Result<_>>()?)
}
