//! Importing JSON lines: one thread reads and understands, the other stores.
//!
//! Lines go in batches through a channel of a few, so memory is bounded whatever the input's size;
//! what is stored is committed every `COMMIT_EVERY` events, so other commands wait only that
//! long. An import that is cut off keeps what it committed, and doing it again adds the rest:
//! events have ids.

use std::io::{self, BufRead};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::collect::git::PlaceCache;
use crate::event::{Event, EventId, Place, Record};
use crate::lines::{Lines, Physical};
use crate::store::events::Inserter;
use crate::store::{Store, StoreError, Transaction, agents};

/// Longer lines are passed over, in bytes.
pub const MAX_LINE: usize = 16 << 20;
/// So many bad lines are told of one by one.
const BAD_LINES_TOLD: usize = 20;
/// Events in one transaction.
const COMMIT_EVERY: usize = 25_000;
/// Lines, and bytes of lines, that go through the channel at once.
const BATCH_LINES: usize = 500;
const BATCH_BYTES: usize = 1 << 20;
const BATCHES_WAITING: usize = 4;
/// A transaction waits for input no longer than this: others may want to write.
const PATIENCE: Duration = Duration::from_millis(50);

/// What an import did. `lines` = `added` + `known` + `bad` + `blank`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// Lines read.
    pub lines: u64,
    /// Events that are new.
    pub added: u64,
    /// Events that were there already.
    pub known: u64,
    /// Lines that are no events.
    pub bad: u64,
    /// Blank lines.
    pub blank: u64,
    /// The first bad lines: number, and why.
    pub first_bad: Vec<(u64, String)>,
}

/// Why an import stopped. What was committed before stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input cannot be read.
    #[error("cannot read the input after line {line}: {source}")]
    Read {
        /// Lines read so far.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The database cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of some lines.
#[derive(Default)]
struct Batch {
    events: Vec<Record>,
    lines: u64,
    blank: u64,
    bad: Vec<(u64, String)>,
    failure: Option<io::Error>,
}

/// Imports every line of `input`; a bad line is counted and skipped. `progress` is told the
/// number of lines after every transaction.
///
/// A record without an id was never taken by a `tt` before, so it is taken here: its place is
/// looked up, as for any event of this machine. One with an id is stored as it is.
///
/// # Errors
/// See [`ImportError`].
pub fn import(
    store: &mut Store,
    input: impl BufRead + Send,
    progress: impl FnMut(u64),
) -> Result<Imported, ImportError> {
    import_and_mark(store, input, |_, _| Ok(()), progress)
}

/// As [`import`]; within every transaction `mark` is told the last event in it, in the order of the
/// input, and may keep it: what it keeps is true exactly if the events before are there.
///
/// # Errors
/// See [`ImportError`].
pub fn import_and_mark(
    store: &mut Store,
    input: impl BufRead + Send,
    mut mark: impl FnMut(&Transaction<'_>, &EventId) -> Result<(), StoreError>,
    mut progress: impl FnMut(u64),
) -> Result<Imported, ImportError> {
    let mut done = Imported::default();
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(BATCHES_WAITING);
        scope.spawn(move || read(input, &sender));
        store_all(store, &receiver, &mut done, (&mut mark, &mut progress))
    })?;
    Ok(done)
}

/// Reads lines into batches until the input ends or nobody listens.
fn read(input: impl BufRead, sender: &SyncSender<Batch>) {
    let mut lines = Lines::new(input, MAX_LINE);
    let mut batch = Batch::default();
    let mut number = 0;
    let mut bytes = 0;
    loop {
        let (physical, length) = match lines.next() {
            Ok(next) => next,
            Err(error) => {
                batch.failure = Some(error);
                break;
            }
        };
        let line = match physical {
            Physical::Line(line) | Physical::Tail(line) => Some(line),
            Physical::TooLong => None,
            Physical::End if length == 0 => break,
            Physical::End => None,
        };
        number += 1;
        batch.lines += 1;
        bytes += usize::try_from(length).unwrap_or(usize::MAX).min(MAX_LINE);
        match line.map(understand) {
            None => batch.bad.push((number, format!("longer than {} MiB", MAX_LINE >> 20))),
            Some(Ok(None)) => batch.blank += 1,
            Some(Ok(Some(event))) => batch.events.push(event),
            Some(Err(why)) => batch.bad.push((number, why)),
        }
        if batch.lines >= BATCH_LINES as u64 || bytes >= BATCH_BYTES {
            bytes = 0;
            if sender.send(std::mem::take(&mut batch)).is_err() {
                return;
            }
        }
    }
    // If nobody listens any more there is nobody to tell.
    drop(sender.send(batch));
}

/// The event on a line, if it is not blank.
fn understand(line: &[u8]) -> Result<Option<Record>, String> {
    let text = std::str::from_utf8(line).map_err(|error| format!("not UTF-8: {error}"))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Ok(None);
    }
    Record::read(text).map(Some).map_err(|why| why.to_string())
}

fn store_all(
    store: &mut Store,
    batches: &Receiver<Batch>,
    done: &mut Imported,
    (mark, progress): (
        &mut impl FnMut(&Transaction<'_>, &EventId) -> Result<(), StoreError>,
        &mut impl FnMut(u64),
    ),
) -> Result<(), ImportError> {
    while let Ok(first) = batches.recv() {
        let mut next = Some(first);
        let tx = store.write()?;
        let mut inserter = Inserter::new(&tx)?;
        let mut places = PlaceCache::new(|cwd| agents::last_place(&tx, cwd).ok().flatten());
        let mut in_transaction = 0;
        let mut last = None;
        let mut failure = None;
        while in_transaction < COMMIT_EVERY {
            let batch = match next.take().map_or_else(|| batches.recv_timeout(PATIENCE), Ok) {
                Ok(batch) => batch,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            };
            in_transaction += batch.events.len();
            done.take(&batch);
            for Record { mut event, data, taken } in batch.events {
                if !taken {
                    locate(&mut event, &mut places);
                }
                if inserter.insert_with(&event, &data)? {
                    done.added += 1;
                } else {
                    done.known += 1;
                }
                last = Some(event.id);
            }
            failure = batch.failure;
            if failure.is_some() {
                break;
            }
        }
        drop((inserter, places));
        if let Some(last) = &last {
            mark(&tx, last)?;
        }
        tx.commit().map_err(StoreError::from)?;
        if let Some(source) = failure {
            return Err(ImportError::Read { line: done.lines, source });
        }
        progress(done.lines);
    }
    Ok(())
}

impl Imported {
    fn take(&mut self, batch: &Batch) {
        self.lines += batch.lines;
        self.blank += batch.blank;
        self.bad += batch.bad.len() as u64;
        let room = BAD_LINES_TOLD.saturating_sub(self.first_bad.len());
        self.first_bad.extend(batch.bad.iter().take(room).cloned());
    }
}

/// Fills in the repository of an event that nobody located yet.
fn locate(event: &mut Event, places: &mut PlaceCache<'_>) {
    if event.place.machine_id.is_some() || event.place.repo_root.is_some() {
        return;
    }
    let Some(cwd) = event.place.cwd.take() else {
        return;
    };
    let found = places.past(Some(&cwd), None);
    let given = std::mem::take(&mut event.place);
    event.place = Place {
        cwd: found.cwd.or(Some(cwd)),
        repo: given.repo.or(found.repo),
        repo_root: found.repo_root,
        worktree: given.worktree.or(found.worktree),
        git_branch: given.git_branch,
        machine_id: None,
    };
}
