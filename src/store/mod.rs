//! The database: the only module that knows SQL.
//!
//! One SQLite file in WAL mode. `events` holds what was observed and only ever grows; everything
//! below `streams` is derived from it by [`crate::pipeline`] and could be computed again, except
//! what a person said (names, tags, assignments), which is kept by stream id.
//!
//! Rows are narrow: every text that repeats is a number in `texts`, the circumstances of an event
//! are one row in `places`, and an event's own id begins with its time, so that a million events
//! in order append to every index instead of scattering over it.
//!
//! INVARIANT (whole or not at all): each change of the file is one transaction, committed with
//! `synchronous=FULL`, before anything that it replaces (a spool file) is removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior};

pub mod agents;
pub mod changes;
pub mod derived;
pub mod events;
pub mod known;
pub mod push;
pub mod sync;
pub mod tags;
pub mod texts;

pub use rusqlite::Transaction;

/// Marks a file as ours: the letters `ttdb`.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"ttdb");

/// Each entry lifts the schema by one version; entries are never edited once released.
const MIGRATIONS: [&str; 4] = [
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_changes.sql"),
    include_str!("migrations/0003_push.sql"),
    include_str!("migrations/0004_sync.sql"),
];

/// How long a command waits for another one's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(20);

/// Why the database cannot be used. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder of the database cannot be made.
    #[error("cannot create folder {}: {source}", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be opened or written.
    #[error("cannot open database {}: {reason}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// The file is no SQLite database, or a broken one.
    #[error(
        "{} is not a SQLite database, or is damaged: {reason}\n  It was left as it is. Move it away, or choose another with --db.", .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// A database of another program.
    #[error(
        "{} is a database of another program\n  It was left as it is. Choose another file with --db.", .path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A database of a later version.
    #[error(
        "{} was written by a newer tt (schema {found}, this one knows {known})\n  Update tt, or choose another file with --db.", .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The latest version known here.
        known: usize,
    },
    /// Another command holds the database for longer than is reasonable.
    #[error("the database is in use by another tt command; try again when it is done")]
    Busy,
    /// No space left.
    #[error(
        "no space left for the database: {0}\n  Free some space and run the command again: nothing is lost, and nothing doubled."
    )]
    Full(String),
    /// The system could not read or write the file.
    #[error(
        "the database cannot be read or written: {0}\n  Check the disk, then run the command again: nothing is lost, and nothing doubled."
    )]
    Io(String),
    /// A page of the file is broken.
    #[error(
        "the database is damaged: {0}\n  Make a copy of it first. 'sqlite3 FILE .recover' saves what can be saved; or move it away:\n  agents' logs are read again into a new one, as far as they are still there."
    )]
    Malformed(String),
    /// The file or its folder may not be written.
    #[error(
        "the database cannot be written: {0}\n  Nothing was changed. Check the permissions of the file and its folder."
    )]
    ReadOnly(String),
    /// Anything else SQLite reports.
    #[error("database: {0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full(error.to_string()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Malformed(error.to_string())
            }
            Some(ErrorCode::ReadOnly) => Self::ReadOnly(error.to_string()),
            Some(ErrorCode::SystemIoFailure) => Self::Io(error.to_string()),
            _ => Self::Sqlite(error),
        }
    }
}

/// The result of anything that touches the database.
pub type Result<T> = std::result::Result<T, StoreError>;

/// An open database with the current schema.
#[derive(Debug)]
pub struct Store {
    conn: Connection,
}

impl Store {
    /// Opens the database at `path`, making folder, file and schema where they are missing.
    ///
    /// # Errors
    /// Whatever [`StoreError`] names; a file that is not ours is never changed.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent()
            && !folder.as_os_str().is_empty()
        {
            create_private_folder(folder)?;
        }
        create_private_file(path);
        let conn = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|error| StoreError::Open { path: path.to_owned(), reason: error.to_string() })?;
        conn.busy_timeout(BUSY_TIMEOUT)?;
        let mut store = Self { conn };
        // SQLite would write the log of another program into its file on closing.
        let untouched = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        store.conn.set_db_config(untouched, true)?;
        store.identify(path)?;
        store.conn.set_db_config(untouched, false)?;
        store.configure()?;
        store.migrate(path)?;
        Ok(store)
    }

    /// Opens the database at `path` for reading alone and without ever waiting for another
    /// command; `None` if there is no file, or one that a command would have to change first.
    ///
    /// # Errors
    /// Whatever [`StoreError`] names.
    pub fn open_to_look(path: &Path) -> Result<Option<Self>> {
        if !path.is_file() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).map_err(|error| StoreError::Open {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        conn.busy_timeout(Duration::ZERO)?;
        let store = Self { conn };
        store.identify(path)?;
        let version: i64 = store.conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        Ok((version == MIGRATIONS.len() as i64).then_some(store))
    }

    /// A number that changes whenever another connection has changed the database.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn changes_of_others(&self) -> Result<i64> {
        Ok(self.conn.query_row("PRAGMA data_version", [], |row| row.get(0))?)
    }

    /// Refuses files that are not ours, before anything is written to them.
    fn identify(&self, path: &Path) -> Result<()> {
        let ask = || -> rusqlite::Result<(i32, i64)> {
            // Of one state: another command may be making the tables just now.
            let tx = self.conn.unchecked_transaction()?;
            let id = tx.query_row("PRAGMA application_id", [], |row| row.get(0))?;
            let tables =
                tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            Ok((id, tables))
        };
        match ask() {
            Ok((APPLICATION_ID, _) | (0, 0)) => Ok(()),
            Ok(_) => Err(StoreError::Foreign { path: path.to_owned() }),
            Err(error) => Err(match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                    StoreError::Damaged { path: path.to_owned(), reason: error.to_string() }
                }
                Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    StoreError::Open { path: path.to_owned(), reason: error.to_string() }
                }
                _ => error.into(),
            }),
        }
    }

    fn configure(&self) -> Result<()> {
        // SQLite waits for no lock here, so two commands that make the same database would fail.
        let began = Instant::now();
        while let Err(error) = self.conn.pragma_update(None, "journal_mode", "WAL") {
            let error = StoreError::from(error);
            if !matches!(error, StoreError::Busy) || began.elapsed() > BUSY_TIMEOUT {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.conn.pragma_update(None, "synchronous", "FULL")?;
        self.conn.pragma_update(None, "foreign_keys", true)?;
        self.conn.pragma_update(None, "cache_size", -48_000)?;
        self.conn.pragma_update(None, "temp_store", "MEMORY")?;
        self.conn.pragma_update(None, "journal_size_limit", 64 << 20)?;
        self.conn.set_prepared_statement_cache_capacity(64);
        Ok(())
    }

    fn migrate(&mut self, path: &Path) -> Result<()> {
        let version = |conn: &Connection| -> rusqlite::Result<i64> {
            conn.query_row("PRAGMA user_version", [], |row| row.get(0))
        };
        let known = MIGRATIONS.len();
        if version(&self.conn)? == known as i64 {
            return Ok(());
        }
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Asked again inside: another command may have migrated meanwhile.
        let found = version(&tx)?;
        let Some(missing) = usize::try_from(found).ok().and_then(|done| MIGRATIONS.get(done..))
        else {
            return Err(StoreError::Newer { path: path.to_owned(), found, known });
        };
        for migration in missing {
            tx.execute_batch(migration)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", known as i64)?;
        tx.commit()?;
        Ok(())
    }

    /// Begins a transaction that writes. It takes the write lock at once, so that what it reads
    /// is still true when it commits.
    ///
    /// # Errors
    /// [`StoreError::Busy`] after a long wait for another command.
    pub fn write(&mut self) -> Result<Transaction<'_>> {
        Ok(self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// Begins a transaction that only reads, and sees one state throughout.
    ///
    /// # Errors
    /// None in practice.
    pub fn read(&mut self) -> Result<Transaction<'_>> {
        Ok(self.conn.transaction()?)
    }

    /// The connection, for single reads.
    #[must_use]
    pub fn conn(&self) -> &Connection {
        &self.conn
    }

    /// Makes do with little memory from here on, for commands that read much and each row once.
    ///
    /// # Errors
    /// None in practice.
    pub fn be_small(&self) -> Result<()> {
        Ok(self.conn.pragma_update(None, "cache_size", -4_000)?)
    }

    /// How long later calls wait for another command's transaction.
    ///
    /// # Errors
    /// None in practice.
    pub fn set_patience(&self, patience: Duration) -> Result<()> {
        Ok(self.conn.busy_timeout(patience)?)
    }
}

/// Makes `folder` and its parents, readable by the person alone.
///
/// # Errors
/// [`StoreError::Folder`].
pub fn create_private_folder(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|source| StoreError::Folder { path: folder.to_owned(), source })
}

/// Makes the file at `path`, readable by the person alone, unless it is there: SQLite would make it
/// readable by all. Why it cannot be made is for SQLite to say.
fn create_private_file(path: &Path) {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    if path != Path::new(":memory:") {
        drop(options.open(path));
    }
}

/// A value kept under `key`.
///
/// # Errors
/// Those of SQLite.
pub fn meta(conn: &Connection, key: &str) -> Result<Option<String>> {
    Ok(conn
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()?)
}

/// Keeps `value` under `key`.
///
/// # Errors
/// Those of SQLite.
pub fn set_meta(conn: &Connection, key: &str, value: &str) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO meta (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
    )?
    .execute([key, value])?;
    Ok(())
}

/// The value kept under `key`, which is `value` from now on if there was none: one statement, so
/// that of two commands at once both have the same.
///
/// # Errors
/// Those of SQLite.
pub fn meta_or(conn: &Connection, key: &str, value: &str) -> Result<String> {
    Ok(conn
        .prepare_cached(
            "INSERT INTO meta (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = value RETURNING value",
        )?
        .query_row([key, value], |row| row.get(0))?)
}
