//! How far agents' logs were read, and what was met in them.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::Result;
use super::texts::{TextId, Texts};
use crate::event::Place;

/// The reader's state, as JSON, of every log file that was read, by its key.
///
/// # Errors
/// Those of SQLite.
pub fn files(conn: &Connection) -> Result<HashMap<String, String>> {
    Ok(conn
        .prepare_cached("SELECT path, state FROM agent_files")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?)
}

/// The reader's state, as JSON, of one log file.
///
/// # Errors
/// Those of SQLite.
pub fn file(conn: &Connection, key: &str) -> Result<Option<String>> {
    Ok(conn
        .prepare_cached("SELECT state FROM agent_files WHERE path = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?)
}

/// Keeps the reader's state of a log file.
///
/// # Errors
/// Those of SQLite.
pub fn put_file(conn: &Connection, path: &str, state: &str) -> Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO agent_files (path, state) VALUES (?1, ?2)")?
        .execute([path, state])?;
    Ok(())
}

/// Remembers the identity `key`, met in the log of `session`; false if it was known.
///
/// # Errors
/// Those of SQLite.
pub fn first_time(conn: &Connection, key: u64, session: TextId) -> Result<bool> {
    let added = conn
        .prepare_cached("INSERT OR IGNORE INTO agent_seen (key, session) VALUES (?1, ?2)")?
        .execute([key.cast_signed(), session])?;
    Ok(added == 1)
}

/// The session in whose log the identity `key` was met first.
///
/// # Errors
/// Those of SQLite.
pub fn session_of(conn: &Connection, key: u64) -> Result<Option<TextId>> {
    Ok(conn
        .prepare_cached("SELECT session FROM agent_seen WHERE key = ?1")?
        .query_row([key.cast_signed()], |row| row.get(0))
        .optional()?)
}

/// Keeps the title of a session unless a better one (of higher rank) is known.
///
/// # Errors
/// Those of SQLite.
pub fn put_title(conn: &Connection, session: TextId, rank: u8, title: &str) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO session_titles (session, rank, title) VALUES (?1, ?2, ?3)
         ON CONFLICT (session) DO UPDATE SET rank = excluded.rank, title = excluded.title, fresh = 1
         WHERE excluded.rank > rank OR (excluded.rank = rank AND excluded.title <> title)",
    )?
    .execute(params![session, rank, title])?;
    Ok(())
}

/// The repository last seen for the directory `cwd`: of its place that was stored last.
///
/// # Errors
/// Those of SQLite.
pub fn last_place(conn: &Connection, cwd: &str) -> Result<Option<Place>> {
    let texts = Texts::new(conn);
    let Some(cwd) = texts.find(cwd)? else {
        return Ok(None);
    };
    let place: Option<i64> = conn
        .prepare_cached(
            "SELECT id FROM places WHERE cwd = ?1 AND repo_root <> 0 ORDER BY id DESC LIMIT 1",
        )?
        .query_row([cwd], |row| row.get(0))
        .optional()?;
    let mut texts = texts;
    place.map(|place| texts.place(place)).transpose()
}
