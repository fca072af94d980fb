//! Tags of streams in the database. Who may set what is decided in [`crate::tags`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::{Connection, Row};

use super::Result;
use crate::tags::{Change, Source, Tagged};

/// The tags of a stream, and those that a person took off it.
///
/// # Errors
/// Those of SQLite.
pub fn of_stream(conn: &Connection, id: &str) -> Result<Tagged> {
    let tags = conn
        .prepare_cached("SELECT tag, assignment_source FROM stream_tags WHERE stream_id = ?1")?
        .query_map([id], |row| {
            let source: String = row.get(1)?;
            Ok((row.get(0)?, Source::parse(&source)))
        })?
        .collect::<rusqlite::Result<BTreeMap<_, _>>>()?;
    let removed = conn
        .prepare_cached("SELECT tag FROM removed_tags WHERE stream_id = ?1")?
        .query_map([id], |row| row.get(0))?
        .collect::<rusqlite::Result<BTreeSet<_>>>()?;
    Ok(Tagged { tags, removed })
}

/// The tags of the streams `ids`, by id; streams without tags are left out.
///
/// # Errors
/// Those of SQLite.
pub fn of_streams(
    conn: &Connection,
    ids: &[&str],
) -> Result<HashMap<String, Vec<(String, Source)>>> {
    /// From so many on, one pass over all tags is faster than a look-up for each stream.
    const MANY: usize = 5_000;
    let mut out: HashMap<String, Vec<_>> = HashMap::new();
    if ids.len() >= MANY {
        let mut all = conn.prepare_cached(
            "SELECT stream_id, tag, assignment_source FROM stream_tags ORDER BY stream_id, tag",
        )?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let id = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            let tag = (row.get(1)?, source(row, 2)?);
            match out.get_mut(id) {
                Some(tags) => tags.push(tag),
                None => {
                    out.insert(id.to_owned(), vec![tag]);
                }
            }
        }
        return Ok(out);
    }
    let mut of_one = conn.prepare_cached(
        "SELECT tag, assignment_source FROM stream_tags WHERE stream_id = ?1 ORDER BY tag",
    )?;
    for &id in ids {
        let tags = of_one
            .query_map([id], |row| Ok((row.get(0)?, source(row, 1)?)))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        if !tags.is_empty() {
            out.insert(id.to_owned(), tags);
        }
    }
    Ok(out)
}

fn source(row: &Row<'_>, column: usize) -> rusqlite::Result<Source> {
    Ok(Source::parse(row.get_ref(column)?.as_str()?))
}

/// Carries out `changes` on the stream `id`.
///
/// # Errors
/// Those of SQLite.
pub fn apply(conn: &Connection, id: &str, changes: &[Change]) -> Result<()> {
    for change in changes {
        match change {
            Change::Set(tag, source) => conn
                .prepare_cached(
                    "INSERT INTO stream_tags (stream_id, tag, assignment_source)
                     VALUES (?1, ?2, ?3) ON CONFLICT (stream_id, tag)
                     DO UPDATE SET assignment_source = excluded.assignment_source",
                )?
                .execute([id, tag, source.as_str()])?,
            Change::Drop(tag) => conn
                .prepare_cached("DELETE FROM stream_tags WHERE stream_id = ?1 AND tag = ?2")?
                .execute([id, tag])?,
            Change::Hold(tag) => conn
                .prepare_cached("INSERT OR IGNORE INTO removed_tags VALUES (?1, ?2)")?
                .execute([id, tag])?,
            Change::Release(tag) => conn
                .prepare_cached("DELETE FROM removed_tags WHERE stream_id = ?1 AND tag = ?2")?
                .execute([id, tag])?,
        };
    }
    Ok(())
}

/// Moves what was said of the tags of stream `from` to stream `to`, whose own words come first.
pub(super) fn move_tags(conn: &Connection, from: &str, to: &str) -> Result<()> {
    let moved = crate::tags::joined(&of_stream(conn, to)?, &of_stream(conn, from)?);
    apply(conn, to, &moved)
}

/// A tag in use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TagUse {
    /// The tag.
    pub tag: String,
    /// How many streams have it.
    pub streams: i64,
    /// How many of these from a person, from rules, from the llm.
    pub by_source: [i64; 3],
    /// Direct time of these streams.
    pub direct_ms: i64,
    /// Delegated time of these streams.
    pub delegated_ms: i64,
}

/// All tags in use, in the order of their names.
///
/// # Errors
/// Those of SQLite.
pub fn in_use(conn: &Connection) -> Result<Vec<TagUse>> {
    Ok(conn
        .prepare(
            "SELECT tag, count(*), sum(assignment_source = 'user'),
                    sum(assignment_source = 'rule'),
                    sum(assignment_source NOT IN ('user', 'rule')),
                    sum(time_direct_ms), sum(time_delegated_ms)
             FROM stream_tags JOIN streams ON streams.id = stream_id GROUP BY tag ORDER BY tag",
        )?
        .query_map([], |row| {
            Ok(TagUse {
                tag: row.get(0)?,
                streams: row.get(1)?,
                by_source: [row.get(2)?, row.get(3)?, row.get(4)?],
                direct_ms: row.get(5)?,
                delegated_ms: row.get(6)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?)
}
