//! Which machines events were taken from, and how far.

use rusqlite::{Connection, OptionalExtension};

use super::Result;
use crate::event::EventId;
use crate::time::Timestamp;

/// The key under which `meta` has what tells this database from others.
const DATABASE_ID: &str = "database_id";

/// How far events were taken from a machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The database of that machine, by what it says of itself.
    pub database: String,
    /// The last event taken, in the order in which events arrived in it.
    pub last_id: EventId,
}

/// A machine that events were taken from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Synced {
    /// The host, as the person calls it.
    pub host: String,
    /// When there was nothing more to take; `None` while a sync never came to its end.
    pub last_at: Option<Timestamp>,
}

/// What tells this database from every other: a text given at random when it was made.
///
/// # Errors
/// Those of SQLite.
pub fn database_id(conn: &Connection) -> Result<String> {
    Ok(super::meta(conn, DATABASE_ID)?.unwrap_or_default())
}

/// All machines, by name.
///
/// # Errors
/// Those of SQLite.
pub fn all(conn: &Connection) -> Result<Vec<Synced>> {
    Ok(conn
        .prepare_cached("SELECT host, last_at FROM synced_hosts ORDER BY host")?
        .query_map([], |row| {
            let at: Option<String> = row.get(1)?;
            let last_at = at.as_deref().and_then(Timestamp::parse);
            Ok(Synced { host: row.get(0)?, last_at })
        })?
        .collect::<rusqlite::Result<_>>()?)
}

/// How far events were taken from `host`, if that is known.
///
/// # Errors
/// Those of SQLite.
pub fn place(conn: &Connection, host: &str) -> Result<Option<Place>> {
    Ok(conn
        .prepare_cached(
            "SELECT database, last_id FROM synced_hosts
             WHERE host = ?1 AND database IS NOT NULL AND last_id IS NOT NULL",
        )?
        .query_row([host], |row| {
            let id: String = row.get(1)?;
            Ok(Place { database: row.get(0)?, last_id: EventId::parse(&id) })
        })
        .optional()?)
}

/// Keeps the last event taken from `host`, and from which database of it, where it has said so.
///
/// # Errors
/// Those of SQLite.
pub fn set_place(
    conn: &Connection,
    host: &str,
    database: Option<&str>,
    last_id: &EventId,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO synced_hosts (host, database, last_id) VALUES (?1, ?2, ?3)
         ON CONFLICT (host) DO UPDATE SET database = excluded.database, last_id = excluded.last_id",
    )?
    .execute((host, database, last_id.to_string()))?;
    Ok(())
}

/// Keeps from which database of `host` the last event was taken.
///
/// # Errors
/// Those of SQLite.
pub fn set_database(conn: &Connection, host: &str, database: &str) -> Result<()> {
    conn.prepare_cached("UPDATE synced_hosts SET database = ?2 WHERE host = ?1")?
        .execute([host, database])?;
    Ok(())
}

/// Keeps that there was nothing more to take from `host` at `now`.
///
/// # Errors
/// Those of SQLite.
pub fn set_done(conn: &Connection, host: &str, now: Timestamp) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO synced_hosts (host, last_at) VALUES (?1, ?2)
         ON CONFLICT (host) DO UPDATE SET last_at = excluded.last_at",
    )?
    .execute([host, &now.to_string()])?;
    Ok(())
}
