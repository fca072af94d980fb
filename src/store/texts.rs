//! Texts and places by number.
//!
//! INVARIANT (none is 0): number 0 stands for an absent text or place and is in no table.

use std::collections::HashMap as StdHashMap;
use std::rc::Rc;

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension};

use super::Result;
use crate::event::Place;

/// A text's number in the database.
pub type TextId = i64;
/// A place's number in the database.
pub type PlaceId = i64;

/// Looked up several times for every event, and seeded anew in every run.
type HashMap<K, V> = StdHashMap<K, V, RandomState>;

/// Beyond this many texts or places the cache starts anew, so that an import of ever new values
/// stays within bounded memory.
const CACHE_LIMIT: usize = 50_000;

/// A place with its texts as numbers, in the columns' order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct PlaceRow {
    /// Working directory.
    pub cwd: TextId,
    /// Repository.
    pub repo: TextId,
    /// Main checkout.
    pub repo_root: TextId,
    /// Linked worktree.
    pub worktree: TextId,
    /// Branch.
    pub git_branch: TextId,
    /// Machine.
    pub machine_id: TextId,
}

/// Two-way look-up of texts and places within one transaction.
pub struct Texts<'c> {
    conn: &'c Connection,
    ids: HashMap<Rc<str>, TextId>,
    texts: HashMap<TextId, Rc<str>>,
    place_ids: HashMap<Place, PlaceId>,
    places: HashMap<PlaceId, PlaceRow>,
}

impl<'c> Texts<'c> {
    /// An empty look-up on `conn`. Its numbers hold as long as the transaction does.
    #[must_use]
    pub fn new(conn: &'c Connection) -> Self {
        Self {
            conn,
            ids: HashMap::default(),
            texts: HashMap::default(),
            place_ids: HashMap::default(),
            places: HashMap::default(),
        }
    }

    /// The number of `text`, which is stored if it is new.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn id(&mut self, text: &str) -> Result<TextId> {
        if let Some(&id) = self.ids.get(text) {
            return Ok(id);
        }
        let id = match self.find(text)? {
            Some(id) => id,
            None => {
                self.conn
                    .prepare_cached("INSERT INTO texts (text) VALUES (?1)")?
                    .execute([text])?;
                self.conn.last_insert_rowid()
            }
        };
        self.remember(id, text.into());
        Ok(id)
    }

    /// The number of `text`, 0 for none.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn id_or_none(&mut self, text: Option<&str>) -> Result<TextId> {
        text.map_or(Ok(0), |text| self.id(text))
    }

    /// The number of `text` if it is known.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn find(&self, text: &str) -> Result<Option<TextId>> {
        if let Some(&id) = self.ids.get(text) {
            return Ok(Some(id));
        }
        Ok(self
            .conn
            .prepare_cached("SELECT id FROM texts WHERE text = ?1")?
            .query_row([text], |row| row.get(0))
            .optional()?)
    }

    /// The text with number `id`; `None` for 0.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn text(&mut self, id: TextId) -> Result<Option<Rc<str>>> {
        if id == 0 {
            return Ok(None);
        }
        if let Some(text) = self.texts.get(&id) {
            return Ok(Some(Rc::clone(text)));
        }
        let text: Rc<str> = self
            .conn
            .prepare_cached("SELECT text FROM texts WHERE id = ?1")?
            .query_row([id], |row| row.get::<_, String>(0))?
            .into();
        self.remember(id, Rc::clone(&text));
        Ok(Some(text))
    }

    /// The text with number `id` as an owned string.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn owned(&mut self, id: TextId) -> Result<Option<String>> {
        Ok(self.text(id)?.map(|text| text.to_string()))
    }

    fn remember(&mut self, id: TextId, text: Rc<str>) {
        if self.ids.len() >= CACHE_LIMIT {
            self.ids.clear();
            self.texts.clear();
        }
        self.ids.insert(Rc::clone(&text), id);
        self.texts.insert(id, text);
    }

    /// The number of `place`, which is stored if it is new; 0 for the empty place.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn place_id(&mut self, place: &Place) -> Result<PlaceId> {
        if let Some(&id) = self.place_ids.get(place) {
            return Ok(id);
        }
        let row = PlaceRow {
            cwd: self.id_or_none(place.cwd.as_deref())?,
            repo: self.id_or_none(place.repo.as_deref())?,
            repo_root: self.id_or_none(place.repo_root.as_deref())?,
            worktree: self.id_or_none(place.worktree.as_deref())?,
            git_branch: self.id_or_none(place.git_branch.as_deref())?,
            machine_id: self.id_or_none(place.machine_id.as_deref())?,
        };
        let id = if row == PlaceRow::default() { 0 } else { self.place_row_id(&row)? };
        if self.place_ids.len() >= CACHE_LIMIT {
            self.place_ids.clear();
        }
        self.place_ids.insert(place.clone(), id);
        Ok(id)
    }

    fn place_row_id(&self, row: &PlaceRow) -> Result<PlaceId> {
        let columns =
            [row.cwd, row.repo, row.repo_root, row.worktree, row.git_branch, row.machine_id];
        let known = self
            .conn
            .prepare_cached(
                "SELECT id FROM places WHERE cwd = ?1 AND repo = ?2 AND repo_root = ?3
                 AND worktree = ?4 AND git_branch = ?5 AND machine_id = ?6",
            )?
            .query_row(columns, |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
        self.conn
            .prepare_cached(
                "INSERT INTO places (cwd, repo, repo_root, worktree, git_branch, machine_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(columns)?;
        Ok(self.conn.last_insert_rowid())
    }

    /// The place with number `id`; the empty place for 0.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn place_row(&mut self, id: PlaceId) -> Result<PlaceRow> {
        if id == 0 {
            return Ok(PlaceRow::default());
        }
        if let Some(row) = self.places.get(&id) {
            return Ok(*row);
        }
        let row = self
            .conn
            .prepare_cached(
                "SELECT cwd, repo, repo_root, worktree, git_branch, machine_id
                 FROM places WHERE id = ?1",
            )?
            .query_row([id], |row| {
                Ok(PlaceRow {
                    cwd: row.get(0)?,
                    repo: row.get(1)?,
                    repo_root: row.get(2)?,
                    worktree: row.get(3)?,
                    git_branch: row.get(4)?,
                    machine_id: row.get(5)?,
                })
            })?;
        if self.places.len() >= CACHE_LIMIT {
            self.places.clear();
        }
        self.places.insert(id, row);
        Ok(row)
    }

    /// The place with number `id`, with its texts.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn place(&mut self, id: PlaceId) -> Result<Place> {
        let row = self.place_row(id)?;
        Ok(Place {
            cwd: self.owned(row.cwd)?,
            repo: self.owned(row.repo)?,
            repo_root: self.owned(row.repo_root)?,
            worktree: self.owned(row.worktree)?,
            git_branch: self.owned(row.git_branch)?,
            machine_id: self.owned(row.machine_id)?,
        })
    }
}
