//! Bringing the database up to date: what every command does that shows streams.
//!
//! ```text
//! spool ──────┐
//! agent logs ─┴→ events → inference → rules → tags
//! ```
//!
//! Collecting commits before inference begins, so a failure later loses no event. Inference and
//! rules are one transaction: no stream is ever seen with new time and old tags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::collect::agents::{self, Context, FileState, LogFile, ReadReport, Seen, Title, Titled};
use crate::collect::git::PlaceCache;
use crate::collect::spool::{BadLine, Drain, SpoolError};
use crate::config::Settings;
use crate::event::{Event, Place};
use crate::period::Zone;
use crate::pipeline::{self, Inferred};
use crate::rules::Rules;
use crate::store::events::Inserter;
use crate::store::texts::{TextId, Texts};
use crate::store::{self, Store, StoreError, derived};
use crate::tagging;
use crate::time::{Millis, Timestamp};

/// Events read from logs in one transaction, about.
const COMMIT_EVERY: usize = 20_000;

/// The version of the rule file under which all streams were tagged.
pub(crate) const RULES: &str = "rules_fingerprint";
/// What stands for that version where there is no single one.
pub(crate) const SEVERAL: &str = "several";

/// Why the database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The spool failed.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl From<rusqlite::Error> for RefreshError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Moves what waits in the spool into the database.
///
/// # Errors
/// Nothing is lost then: the spool keeps what was not committed.
pub fn drain_spool(store: &mut Store, spool: &Path) -> Result<Vec<BadLine>, RefreshError> {
    let drain = Drain::begin(spool)?;
    let mut bad = Vec::new();
    if drain.files().is_empty() {
        return Ok(bad);
    }
    let tx = store.write()?;
    let mut inserter = Inserter::new(&tx)?;
    for record in drain.records() {
        match record? {
            Ok(mut event) => {
                remember_repository(&tx, &mut event.place)?;
                inserter.insert(&event)?;
            }
            Err(line) => bad.push(line),
        }
    }
    drop(inserter);
    tx.commit()?;
    drain.finish()?;
    Ok(bad)
}

/// Fills in the repository last seen for a directory that was gone when the event was taken.
fn remember_repository(conn: &Connection, place: &mut Place) -> Result<(), StoreError> {
    if place.repo.is_some() || place.repo_root.is_some() {
        return Ok(());
    }
    let Some(cwd) = place.cwd.as_deref().filter(|cwd| !Path::new(cwd).exists()) else {
        return Ok(());
    };
    if let Some(known) = store::agents::last_place(conn, cwd)? {
        place.repo = known.repo;
        place.repo_root = known.repo_root;
        place.worktree = place.worktree.take().or(known.worktree);
    }
    Ok(())
}

/// Where agents keep their logs, and when it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logs {
    /// Claude Code's directories.
    pub claude: Vec<PathBuf>,
    /// Codex's directories.
    pub codex: Vec<PathBuf>,
    /// The name of this machine, for the events.
    pub machine: String,
    /// The present.
    pub now: Timestamp,
    /// A pause of more than this ends a session.
    pub agent_timeout: Millis,
}

/// What reading agents' logs gave: sums over the files that were read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogsRead {
    /// Files that were read.
    pub files: u64,
    /// Files that had nothing new.
    pub unchanged: u64,
    /// Lines read: those with events, skipped ones and bad ones.
    pub lines: u64,
    /// Lines that gave events.
    pub lines_with_events: u64,
    /// Events, by type.
    pub events: BTreeMap<&'static str, u64>,
    /// Lines that gave none, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Lines with damage.
    pub bad_lines: u64,
    /// Some of them: file, line, why.
    pub first_bad: Vec<(PathBuf, u64, String)>,
    /// What could not be read, and why.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// Reads what is new in agents' logs. `progress` is told how many files are done, and of how many.
///
/// # Errors
/// What was committed stays, with how far it was read; the rest is read next time.
pub fn read_logs(
    store: &mut Store,
    logs: &Logs,
    mut progress: impl FnMut(u64, u64),
) -> Result<LogsRead, StoreError> {
    let found = agents::discover(&logs.claude, &logs.codex);
    let mut done = LogsRead::default();
    done.unreadable
        .extend(found.unreadable.iter().map(|(path, error)| (path.clone(), error.to_string())));
    let due_now = |state: Option<&String>, file: &LogFile| {
        let state: FileState =
            state.and_then(|state| serde_json::from_str(state).ok()).unwrap_or_default();
        state.needs_reading(file, logs.now, logs.agent_timeout).then_some(state)
    };
    let states = store::agents::files(store.conn())?;
    let (due, unchanged): (Vec<_>, Vec<_>) =
        found.files.iter().partition(|file| due_now(states.get(&file.key()), file).is_some());
    done.unchanged = unchanged.len() as u64;
    let subagents = found.subagents();
    let total = due.len() as u64;
    let mut due = due.into_iter().peekable();
    while due.peek().is_some() {
        let tx = store.write()?;
        let mut places = PlaceCache::new(|cwd| store::agents::last_place(&tx, cwd).ok().flatten());
        let mut inserter = Inserter::new(&tx)?;
        let mut texts = Texts::new(&tx);
        let mut titles = Vec::new();
        let mut in_transaction = 0;
        while in_transaction < COMMIT_EVERY
            && let Some(file) = due.next()
        {
            // Another command may have read it since; what it kept holds, not what was asked above.
            let state = store::agents::file(&tx, &file.key())?;
            let Some(mut state) = due_now(state.as_ref(), file) else {
                done.unchanged += 1;
                continue;
            };
            let mut context = Context {
                now: logs.now,
                agent_timeout: logs.agent_timeout,
                places: &mut places,
                subagents: &subagents,
            };
            let mut seen = Known { conn: &tx, session: texts.id(&file.session_id)?, failed: None };
            let mut failed = None;
            let mut sink = |mut event: Event| {
                in_transaction += 1;
                event.place.machine_id = Some(logs.machine.clone());
                if failed.is_none() {
                    failed = inserter.insert(&event).err();
                }
            };
            let report = agents::read_file(file, &mut state, &mut seen, &mut context, &mut sink);
            if let Some(error) = failed.or(seen.failed) {
                return Err(error);
            }
            let state = serde_json::to_string(&state).unwrap_or_default();
            store::agents::put_file(&tx, &file.key(), &state)?;
            titles.extend(done.take(&file.path, report));
            progress(done.files, total);
        }
        for title in titles {
            put_title(&tx, &mut texts, title)?;
        }
        drop((inserter, places, texts));
        tx.commit()?;
    }
    Ok(done)
}

fn put_title(conn: &Connection, texts: &mut Texts<'_>, title: Title) -> Result<(), StoreError> {
    let session = match title.of {
        Titled::Session(id) => Some(texts.id(&id)?),
        Titled::SessionOfLine(key) => store::agents::session_of(conn, key)?,
    };
    match session {
        Some(session) => store::agents::put_title(conn, session, title.rank as u8, &title.text),
        None => Ok(()),
    }
}

impl LogsRead {
    fn take(&mut self, path: &Path, report: ReadReport) -> Vec<Title> {
        self.files += 1;
        self.lines += report.lines;
        self.lines_with_events += report.lines_with_events;
        self.bad_lines += report.bad_lines;
        for (kind, count) in report.events {
            *self.events.entry(kind).or_default() += count;
        }
        for (reason, count) in report.skipped {
            *self.skipped.entry(reason).or_default() += count;
        }
        let bad = report.first_bad.into_iter().map(|it| (path.to_owned(), it.line, it.why));
        self.first_bad.extend(bad);
        self.unreadable.extend(report.error.map(|error| (path.to_owned(), error.to_string())));
        report.titles
    }
}

/// Identities in the database.
struct Known<'c> {
    conn: &'c Connection,
    session: TextId,
    failed: Option<StoreError>,
}

impl Seen for Known<'_> {
    fn first_time(&mut self, key: u64) -> bool {
        match store::agents::first_time(self.conn, key, self.session) {
            Ok(first) => first,
            Err(error) => {
                // The transaction is given up, so what is answered here does not matter.
                self.failed.get_or_insert(error);
                false
            }
        }
    }
}

/// Compiled rules, and which version of the file they are.
#[derive(Clone, Copy, Debug)]
pub struct RulesInForce<'r> {
    /// The rules.
    pub rules: &'r Rules,
    /// A text that differs for different files.
    pub fingerprint: &'r str,
}

/// Infers streams from new events and, with `rules`, tags the streams that are new, changed or
/// flagged. Without rules, flags stay for a later run.
///
/// # Errors
/// Nothing is changed then.
pub fn infer_and_tag(
    store: &mut Store,
    settings: &Settings,
    rules: Option<RulesInForce<'_>>,
    (zone, now): (Zone, Timestamp),
) -> Result<Inferred, StoreError> {
    let due = pipeline::is_due(store.conn(), settings)?;
    if !due && (rules.is_none() || !derived::any_flagged(store.conn())?) {
        return Ok(Inferred::default());
    }
    let tx = store.write()?;
    let (inferred, tagged) = infer_and_tag_within(&tx, settings, rules, (zone, &now.to_string()))?;
    if tagged > 0 {
        store::changes::tagged_since(&tx)?;
    }
    tx.commit()?;
    Ok(inferred)
}

/// The same within a transaction, whether there is anything to do or not; with it, how many streams
/// were tagged.
pub(crate) fn infer_and_tag_within(
    conn: &Connection,
    settings: &Settings,
    rules: Option<RulesInForce<'_>>,
    (zone, now): (Zone, &str),
) -> Result<(Inferred, usize), StoreError> {
    let inferred = pipeline::infer(conn, settings, now)?;
    let Some(in_force) = rules else { return Ok((inferred, 0)) };
    let all = derived::all_flagged(conn)?;
    let tagged = tagging::run(conn, in_force.rules, zone, now)?;
    if all {
        store::set_meta(conn, RULES, in_force.fingerprint)?;
    } else if tagged > 0 && rules_changed(conn, in_force.fingerprint)? {
        // From here on no version is that of all streams, the earlier one included.
        store::set_meta(conn, RULES, SEVERAL)?;
    }
    Ok((inferred, tagged))
}

/// Whether some streams still have the tags that an earlier version of the rules gave them.
///
/// # Errors
/// Those of SQLite.
pub fn rules_changed(conn: &Connection, fingerprint: &str) -> Result<bool, StoreError> {
    Ok(store::meta(conn, RULES)?.is_some_and(|known| known != fingerprint))
}
