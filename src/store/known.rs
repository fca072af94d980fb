//! The distinct names and places that the database knows, for the privacy filter to look for.

use rusqlite::Connection;

use super::Result;
use crate::event::Place;

/// Everywhere something happened, each once.
///
/// # Errors
/// Those of SQLite. O(places), of which there are few.
pub fn places(conn: &Connection) -> Result<Vec<Place>> {
    Ok(conn
        .prepare(
            "SELECT c.text, r.text, o.text, w.text, b.text, m.text FROM places
             LEFT JOIN texts c ON c.id = cwd LEFT JOIN texts r ON r.id = repo
             LEFT JOIN texts o ON o.id = repo_root LEFT JOIN texts w ON w.id = worktree
             LEFT JOIN texts b ON b.id = git_branch LEFT JOIN texts m ON m.id = machine_id",
        )?
        .query_map([], |row| {
            Ok(Place {
                cwd: row.get(0)?,
                repo: row.get(1)?,
                repo_root: row.get(2)?,
                worktree: row.get(3)?,
                git_branch: row.get(4)?,
                machine_id: row.get(5)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?)
}

/// Roots of streams, each once.
///
/// # Errors
/// Those of SQLite.
pub fn roots(conn: &Connection) -> Result<Vec<String>> {
    texts(conn, "SELECT text FROM texts WHERE id IN (SELECT root FROM streams)")
}

/// tmux sessions, each once.
///
/// # Errors
/// Those of SQLite. O(events).
pub fn tmux_sessions(conn: &Connection) -> Result<Vec<String>> {
    texts(conn, "SELECT text FROM texts WHERE id IN (SELECT DISTINCT tmux FROM events)")
}

/// Billing projects that rules gave, each once.
///
/// # Errors
/// Those of SQLite.
pub fn projects(conn: &Connection) -> Result<Vec<String>> {
    texts(conn, "SELECT DISTINCT project FROM streams WHERE project IS NOT NULL")
}

/// Names of streams, each once.
///
/// # Errors
/// Those of SQLite.
pub fn names(conn: &Connection) -> Result<Vec<String>> {
    texts(conn, "SELECT DISTINCT name FROM streams WHERE name <> ''")
}

fn texts(conn: &Connection, sql: &str) -> Result<Vec<String>> {
    let mut statement = conn.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
