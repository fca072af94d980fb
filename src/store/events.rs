//! Events in the database: adding them, and reading them in the order of time.

use std::cmp::Ordering;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, Statement, params};
use serde_json::{Map, Value};

use super::texts::{PlaceId, TextId, Texts};
use super::{Result, StoreError};
use crate::event::{Event, EventId};
use crate::time::{Interval, Timestamp};

/// Numbers of the kinds that time depends on, fixed by the first migration.
pub mod kind_id {
    /// `tmux_pane_focus`
    pub const PANE_FOCUS: i64 = 1;
    /// `tmux_scroll`
    pub const SCROLL: i64 = 2;
    /// `user_message`
    pub const USER_MESSAGE: i64 = 3;
    /// `window_focus`
    pub const WINDOW_FOCUS: i64 = 4;
    /// `afk_change`
    pub const AFK: i64 = 5;
    /// `agent_session`
    pub const AGENT_SESSION: i64 = 6;
    /// `agent_tool_use`
    pub const TOOL_USE: i64 = 7;
}

/// Adds events within one transaction.
pub struct Inserter<'c> {
    texts: Texts<'c>,
    insert: Statement<'c>,
}

impl<'c> Inserter<'c> {
    /// An inserter on `conn`, good as long as the transaction is.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn new(conn: &'c Connection) -> Result<Self> {
        let insert = conn.prepare(
            "INSERT INTO events (id, at, kind, source, schema_version, place, session,
                                 pane, tmux, agent, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (id) DO NOTHING",
        )?;
        Ok(Self { texts: Texts::new(conn), insert })
    }

    /// Adds `event`; false if it was there already.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn insert(&mut self, event: &Event) -> Result<bool> {
        self.insert_with(event, &event.data_json())
    }

    /// As [`insert`](Self::insert), with `event.data` as JSON.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn insert_with(&mut self, event: &Event, data: &str) -> Result<bool> {
        let pane = match (event.text("pane_id"), &event.place.machine_id) {
            (Some(pane), Some(machine)) => self.texts.id(&format!("{machine} {pane}"))?,
            (pane, _) => self.texts.id_or_none(pane)?,
        };
        let columns = (
            event.at.nanos(),
            self.texts.id(&event.kind)?,
            self.texts.id(&event.source)?,
            event.schema_version,
            self.texts.place_id(&event.place)?,
            self.texts.id_or_none(event.session_id.as_deref())?,
            self.texts.id_or_none(event.text("session_name"))?,
            self.texts.id_or_none(event.text("agent"))?,
        );
        let (at, kind, source, version, place, session, tmux, agent) = columns;
        let changed = match &event.id {
            EventId::Hash(id) => self.insert.execute(params![
                &id[..],
                at,
                kind,
                source,
                version,
                place,
                session,
                pane,
                tmux,
                agent,
                data
            ])?,
            EventId::Brought(id) => self.insert.execute(params![
                id, at, kind, source, version, place, session, pane, tmux, agent, data
            ])?,
        };
        Ok(changed == 1)
    }
}

/// What inference needs of an event.
#[derive(Clone, PartialEq, Debug)]
pub struct Sighting {
    /// Position in the order of arrival.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// Orders events of one instant the same way on every machine.
    pub tie: u64,
    /// What: one of [`kind_id`], or the number of another kind's name.
    pub kind: i64,
    /// Where.
    pub place: PlaceId,
    /// Agent session.
    pub session: TextId,
    /// tmux pane.
    pub pane: TextId,
    /// tmux session.
    pub tmux: TextId,
    /// Agent.
    pub agent: TextId,
    /// The payload, for the kinds whose meaning depends on it.
    pub detail: Option<Box<str>>,
}

impl Sighting {
    /// The order in which events happened.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        (self.at, self.tie).cmp(&(other.at, other.tie))
    }

    /// The payload, where it was loaded.
    #[must_use]
    pub fn data(&self) -> Map<String, Value> {
        self.detail.as_deref().and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default()
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            tie: tie(row.get_ref(1)?),
            at: Timestamp::from_nanos(row.get(2)?),
            kind: row.get(3)?,
            place: row.get(4)?,
            session: row.get(5)?,
            pane: row.get(6)?,
            tmux: row.get(7)?,
            agent: row.get(8)?,
            detail: row.get(9)?,
        })
    }
}

/// A number that depends on an event's id alone.
fn tie(id: ValueRef<'_>) -> u64 {
    let bytes = match id {
        ValueRef::Blob(bytes) => bytes.last_chunk::<8>().copied(),
        ValueRef::Text(text) => blake3::hash(text).as_bytes().first_chunk::<8>().copied(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => None,
    };
    u64::from_be_bytes(bytes.unwrap_or_default())
}

const SIGHTING: &str = "SELECT seq, id, at, kind, place, session, pane, tmux, agent,
    CASE WHEN kind BETWEEN 4 AND 6 THEN data END FROM events ";

fn sightings(
    conn: &Connection,
    condition: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<Sighting>> {
    let mut statement = conn.prepare_cached(&format!("{SIGHTING}{condition}"))?;
    let rows = statement.query_map(parameters, Sighting::from_row)?;
    let mut found = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    found.sort_unstable_by(Sighting::order);
    Ok(found)
}

/// Events that arrived after `seq`, in the order in which they happened.
///
/// # Errors
/// Those of SQLite.
pub fn arrived_after(conn: &Connection, seq: i64) -> Result<Vec<Sighting>> {
    sightings(conn, "WHERE seq > ?1", [seq])
}

/// All events with `from <= at <= to` that arrived up to `seq`.
///
/// # Errors
/// Those of SQLite.
pub fn between(conn: &Connection, from: Timestamp, to: Timestamp) -> Result<Vec<Sighting>> {
    if from == Timestamp::MIN && to == Timestamp::MAX {
        // A plain scan in the order of arrival is faster than an index over everything.
        return sightings(conn, "", []);
    }
    sightings(conn, "WHERE at BETWEEN ?1 AND ?2", [from.nanos(), to.nanos()])
}

/// Events that tell of the person's attention, with `from <= at <= to`.
///
/// # Errors
/// Those of SQLite.
pub fn attention_between(
    conn: &Connection,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Sighting>> {
    sightings(conn, "WHERE kind <= 5 AND at BETWEEN ?1 AND ?2", [from.nanos(), to.nanos()])
}

/// Events that tell of agents' work, with `from <= at <= to`.
///
/// # Errors
/// Those of SQLite.
pub fn work_between(conn: &Connection, from: Timestamp, to: Timestamp) -> Result<Vec<Sighting>> {
    sightings(conn, "WHERE +kind IN (6, 7) AND at BETWEEN ?1 AND ?2", [from.nanos(), to.nanos()])
}

/// The last focus of `pane` (of any pane, where 0) at or before `at`.
///
/// # Errors
/// Those of SQLite.
pub fn focus_before(conn: &Connection, pane: TextId, at: Timestamp) -> Result<Option<Sighting>> {
    latest(conn, pane, "<=", "DESC", at)
}

/// The first focus of `pane` (of any pane, where 0) after `at`.
///
/// # Errors
/// Those of SQLite.
pub fn focus_after(conn: &Connection, pane: TextId, at: Timestamp) -> Result<Option<Sighting>> {
    latest(conn, pane, ">", "ASC", at)
}

fn latest(
    conn: &Connection,
    pane: TextId,
    side: &str,
    direction: &str,
    at: Timestamp,
) -> Result<Option<Sighting>> {
    // Events of one instant have an order of their own (`tie`), so that all of them are asked for.
    let (which, index) = match pane {
        // Without an index of their own, a person who uses no tmux would have all windows searched.
        0 => ("?1 = 0", "kind = 1"),
        _ => ("pane = ?1", "kind <= 2"),
    };
    let nearest: Option<i64> = conn
        .prepare_cached(&format!(
            "SELECT at FROM events WHERE {which} AND {index} AND +kind = 1 AND at {side} ?2
             ORDER BY at {direction} LIMIT 1"
        ))?
        .query_row([pane, at.nanos()], |row| row.get(0))
        .optional()?;
    let Some(nearest) = nearest else {
        return Ok(None);
    };
    let found = sightings(
        conn,
        &format!("WHERE {which} AND {index} AND +kind = 1 AND at = ?2"),
        [pane, nearest],
    )?;
    Ok(if direction == "DESC" { found.into_iter().next_back() } else { found.into_iter().next() })
}

/// The last event of `kind` ([`kind_id::SCROLL`] in `pane`, or [`kind_id::WINDOW_FOCUS`]) within
/// `from..=to`, among events that arrived up to `seq`.
///
/// # Errors
/// Those of SQLite.
pub fn last_follower(
    conn: &Connection,
    (pane, kind): (TextId, i64),
    (from, to): (Timestamp, Timestamp),
    seq: i64,
) -> Result<Option<Timestamp>> {
    let which = match pane {
        0 => "?1 = 0 AND kind <= 5",
        _ => "pane = ?1 AND kind <= 2",
    };
    let at: Option<i64> = conn
        .prepare_cached(&format!(
            "SELECT at FROM events WHERE {which} AND +kind = ?2 AND at >= ?3 AND at <= ?4
             AND +seq <= ?5 ORDER BY at DESC LIMIT 1"
        ))?
        .query_row([pane, kind, from.nanos(), to.nanos(), seq], |row| row.get(0))
        .optional()?;
    Ok(at.map(Timestamp::from_nanos))
}

/// Everything of the events whose time lies in `range`, in the order of time, one at a time.
///
/// # Errors
/// Those of SQLite, and whatever `each` returns.
pub fn for_each<E: From<StoreError>>(
    conn: &Connection,
    range: Interval,
    each: impl FnMut(Event) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let range = [range.start.nanos(), range.end.nanos()];
    whole(conn, "WHERE at >= ?1 AND at < ?2 ORDER BY at, id", range, each)
}

/// The same in the order of arrival, and only those that arrived after position `seq`.
///
/// # Errors
/// Those of SQLite, and whatever `each` returns.
pub fn for_each_arrived<E: From<StoreError>>(
    conn: &Connection,
    seq: i64,
    range: Interval,
    each: impl FnMut(Event) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    // `+` keeps SQLite from an index over time, after which it would have to sort whole events.
    let condition = "WHERE seq > ?1 AND +at >= ?2 AND +at < ?3 ORDER BY seq";
    whole(conn, condition, [seq, range.start.nanos(), range.end.nanos()], each)
}

/// The event with this id, and its position in the order of arrival.
///
/// # Errors
/// Those of SQLite.
pub fn by_id(conn: &Connection, id: &EventId) -> Result<Option<(i64, Event)>> {
    let mut statement = conn.prepare_cached("SELECT seq FROM events WHERE id = ?1")?;
    let seq: Option<i64> = match id {
        EventId::Hash(id) => statement.query_row([&id[..]], |row| row.get(0)).optional()?,
        EventId::Brought(id) => statement.query_row([id], |row| row.get(0)).optional()?,
    };
    let Some(seq) = seq else { return Ok(None) };
    let mut found = None;
    whole(conn, "WHERE seq = ?1", [seq], |event| -> Result<()> {
        found = Some((seq, event));
        Ok(())
    })?;
    Ok(found)
}

/// Everything of the events that satisfy `condition`, one at a time.
fn whole<E: From<StoreError>>(
    conn: &Connection,
    condition: &str,
    parameters: impl rusqlite::Params,
    mut each: impl FnMut(Event) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let mut texts = Texts::new(conn);
    let mut read = |row: &Row<'_>| -> Result<Event> {
        let data: String = row.get(7)?;
        Ok(Event {
            id: match row.get_ref(0)? {
                ValueRef::Blob(bytes) => EventId::Hash(bytes.try_into().unwrap_or_default()),
                other => EventId::Brought(other.as_str().unwrap_or_default().to_owned()),
            },
            at: Timestamp::from_nanos(row.get(1)?),
            kind: texts.owned(row.get(2)?)?.unwrap_or_default(),
            source: texts.owned(row.get(3)?)?.unwrap_or_default(),
            schema_version: row.get(4)?,
            place: texts.place(row.get(5)?)?,
            session_id: texts.owned(row.get(6)?)?,
            data: serde_json::from_str(&data).unwrap_or_default(),
        })
    };
    let failed = |error: rusqlite::Error| E::from(StoreError::from(error));
    let columns = "id, at, kind, source, schema_version, place, session, data";
    let mut statement =
        conn.prepare(&format!("SELECT {columns} FROM events {condition}")).map_err(failed)?;
    let mut rows = statement.query(parameters).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        each(read(row)?)?;
    }
    Ok(())
}

/// What is known of an event's place in the order of arrival.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Position in the order of arrival.
    pub seq: i64,
    /// The whole id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
}

/// Events whose id begins with `prefix`, at most `limit`.
///
/// # Errors
/// Those of SQLite.
pub fn find(conn: &Connection, prefix: &str, limit: usize) -> Result<Vec<Found>> {
    let found = |row: &Row<'_>| {
        let id = match row.get_ref(1)? {
            ValueRef::Blob(bytes) => EventId::Hash(bytes.try_into().unwrap_or_default()),
            other => EventId::Brought(other.as_str().unwrap_or_default().to_owned()),
        };
        Ok(Found { seq: row.get(0)?, id, at: Timestamp::from_nanos(row.get(2)?) })
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut out: Vec<Found> = conn
        .prepare_cached(
            "SELECT seq, id, at FROM events WHERE id >= ?1 AND id < ?1 || char(1114111) LIMIT ?2",
        )?
        .query_map(params![prefix, limit], found)?
        .collect::<rusqlite::Result<_>>()?;
    if let Some((low, high)) = hash_range(prefix) {
        let more = conn
            .prepare_cached("SELECT seq, id, at FROM events WHERE id BETWEEN ?1 AND ?2 LIMIT ?3")?
            .query_map(params![&low[..], &high[..], limit], found)?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        out.extend(more);
    }
    Ok(out)
}

/// The smallest and largest computed id that begins with the hexadecimal digits `prefix`.
fn hash_range(prefix: &str) -> Option<([u8; 16], [u8; 16])> {
    if prefix.is_empty() || prefix.len() > 32 || !prefix.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    let bound = |fill: char| {
        let padded: String = prefix.chars().chain(std::iter::repeat(fill)).take(32).collect();
        match EventId::parse(&padded.to_ascii_lowercase()) {
            EventId::Hash(id) => Some(id),
            EventId::Brought(_) => None,
        }
    };
    Some((bound('0')?, bound('f')?))
}

/// Newest event of one source on one machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceStatus {
    /// The source.
    pub source: String,
    /// The machine, where the events name one.
    pub machine: Option<String>,
    /// Its newest event.
    pub newest: Timestamp,
    /// How many events it gave.
    pub events: i64,
}

/// The newest event and the number of events of each source on each machine.
///
/// # Errors
/// Those of SQLite. O(events).
pub fn sources(conn: &Connection) -> Result<Vec<SourceStatus>> {
    Ok(conn
        .prepare(
            "SELECT s.text, m.text, max(newest), sum(events) FROM
                 (SELECT source, place, max(at) AS newest, count(*) AS events FROM events
                  GROUP BY source, place)
             JOIN texts s ON s.id = source
             LEFT JOIN places ON places.id = place LEFT JOIN texts m ON m.id = machine_id
             GROUP BY s.text, m.text ORDER BY s.text, m.text",
        )?
        .query_map([], |row| {
            Ok(SourceStatus {
                source: row.get(0)?,
                machine: row.get(1)?,
                newest: Timestamp::from_nanos(row.get(2)?),
                events: row.get(3)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?)
}

/// The position of the event that arrived last, 0 if there is none.
///
/// # Errors
/// Those of SQLite.
pub fn last_seq(conn: &Connection) -> Result<i64> {
    Ok(conn.query_row("SELECT coalesce(max(seq), 0) FROM events", [], |row| row.get(0))?)
}
