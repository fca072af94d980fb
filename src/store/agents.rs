//! How far agents' logs were read, and what was met in them.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Result, texts::Texts};

/// How far a log file was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileRow {
    /// Size when it was read, in bytes.
    pub size: u64,
    /// Modification time when it was read, in nanoseconds since 1970.
    pub mtime: i64,
    /// The reader's state, as JSON.
    pub state: String,
}

/// What is known of the log file at `path`.
///
/// # Errors
/// Those of SQLite.
pub fn file(conn: &Connection, path: &str) -> Result<Option<FileRow>> {
    Ok(conn
        .prepare_cached("SELECT size, mtime, state FROM agent_files WHERE path = ?1")?
        .query_row([path], |row| {
            let size: i64 = row.get(0)?;
            Ok(FileRow {
                size: size.unsigned_abs(),
                mtime: row.get(1)?,
                state: row.get(2)?,
            })
        })
        .optional()?)
}

/// Keeps how far the log file at `path` was read.
///
/// # Errors
/// Those of SQLite.
pub fn put_file(conn: &Connection, path: &str, row: &FileRow) -> Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO agent_files (path, size, mtime, state) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![path, row.size.cast_signed(), row.mtime, row.state])?;
    Ok(())
}

/// Remembers the identity `key`; false if it was known.
///
/// # Errors
/// Those of SQLite.
pub fn first_time(conn: &Connection, key: u64) -> Result<bool> {
    let added = conn
        .prepare_cached("INSERT OR IGNORE INTO agent_seen (key) VALUES (?1)")?
        .execute([key.cast_signed()])?;
    Ok(added == 1)
}

/// Keeps the title of a session unless a better one (of smaller rank) is known.
///
/// # Errors
/// Those of SQLite.
pub fn put_title(
    conn: &Connection,
    texts: &mut Texts<'_>,
    session: &str,
    rank: i64,
    title: &str,
) -> Result<()> {
    let session = texts.id(session)?;
    conn.prepare_cached(
        "INSERT INTO session_titles (session, rank, title) VALUES (?1, ?2, ?3)
         ON CONFLICT (session) DO UPDATE SET rank = excluded.rank, title = excluded.title, fresh = 1
         WHERE excluded.rank <= rank AND excluded.title <> title",
    )?
    .execute(params![session, rank, title])?;
    Ok(())
}
