//! Export: events, streams and time entries as JSON lines or as one JSON document.
//!
//! ```text
//! database ─▶ rows, one at a time ─▶ privacy filter ─▶ Safe<row> ─▶ Writer ─▶ stdout or a file
//! ```
//!
//! Rows come out of one read transaction in an order in which "after this one" means something, so
//! that whoever has the first part can ask for the rest:
//!
//! - Events in the order of their arrival in this database. A sync brings events with earlier times
//!   than those that were exported already; they arrive later all the same, and come out later.
//! - Streams in the order of their first events, and time entries stream by stream in that order.
//!   Both are computed from events and change when these do: here "after" is for going on with an
//!   output that was cut off.
//!
//! Nothing is collected on the way: memory is bounded by the largest event, or by the time entries
//! of one stream.
//!
//! INVARIANT (whole records): what [`Writer`] passes on ends with a whole record each time, so that
//! an output of JSON lines that ends early loses no more than the record that was being written.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::Serialize;

use crate::event::{Event, EventId};
use crate::privacy::{Filter, Outgoing, Safe, Withheld};
use crate::store::derived::{self, StreamRow};
use crate::store::texts::Texts;
use crate::store::{StoreError, Transaction, events};
use crate::time::{Interval, Timestamp};

pub mod resume;
mod rows;
mod writer;

pub use rows::{EntryKind, EntryOut, RuleOut, StreamOut, TagOut};
pub use writer::{Form, Writer};

/// How the refusal of an unknown event begins, by which `tt sync` knows it on another machine.
pub const UNKNOWN_EVENT: &str = "no event has the id";

/// What is exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Observations.
    Events,
    /// Streams, as they are now.
    Streams,
    /// Intervals of streams' time.
    Entries,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Events, Self::Streams, Self::Entries];

    /// As it is called, also as a key.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Streams => "streams",
            Self::Entries => "entries",
        }
    }

    /// One of it.
    #[must_use]
    pub const fn one(self) -> &'static str {
        match self {
            Self::Events => "event",
            Self::Streams => "stream",
            Self::Entries => "time entry",
        }
    }

    /// A key that a record of it has and records of the others have not.
    const fn mark(self) -> &'static str {
        match self {
            Self::Events => "type",
            Self::Streams => "first_event_at",
            Self::Entries => "stream_id",
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<'a> {
    /// What.
    pub what: What,
    /// Events that happened within, streams with an event within, entries cut at its borders.
    pub range: Interval,
    /// Only what comes after the row with this id.
    pub after: Option<&'a str>,
}

/// What became of the rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Written.
    pub written: u64,
    /// Kept back by the filter.
    pub withheld: u64,
}

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is no row with the id that was to be continued after.
    #[error("no {} has the id '{id}'", .what.one())]
    Unknown {
        /// Of what.
        what: What,
        /// The id.
        id: String,
    },
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Write(#[from] io::Error),
}

/// Writes what `request` asks for and `filter` lets pass. `progress` is told the number of rows so
/// far, now and then.
///
/// # Errors
/// See [`ExportError`]. What was written before stays.
pub fn export<W: Write>(
    tx: &Transaction<'_>,
    filter: &Filter,
    request: &Request<'_>,
    writer: &mut Writer<W>,
    progress: impl FnMut(u64),
) -> Result<Counts, ExportError> {
    let mut gate = Gate { filter, writer, counts: Counts::default(), progress };
    match request.what {
        What::Events => {
            let after =
                request.after.map(|id| event(tx, filter, id)).transpose()?.map_or(0, |it| it.0);
            events::for_each_arrived(tx, after, request.range, |event| gate.pass(event))?;
        }
        What::Streams => {
            let after =
                request.after.map(|id| stream(tx, filter, request.what, id, id)).transpose()?;
            let mut texts = Texts::new(tx);
            derived::for_each_stream(tx, from(after.as_ref()), request.range, |row| {
                if after.as_ref().is_some_and(|after| after.num == row.num) {
                    return Ok(());
                }
                gate.pass(StreamOut::of(tx, &mut texts, &row)?)
            })?;
        }
        What::Entries => {
            let after = request.after.map(|id| entry(tx, filter, id)).transpose()?;
            // Time may go on beyond a stream's last event, by no more than the longest window.
            const LONGEST: i64 = 7 * 24 * 3_600_000;
            let streams = Interval::new(request.range.start.plus(-LONGEST), request.range.end);
            let mut texts = Texts::new(tx);
            let first = after.as_ref().map(|after| &after.0);
            derived::for_each_stream(tx, from(first), streams, |row| -> Result<(), ExportError> {
                let seen = after.as_ref().filter(|after| after.0.num == row.num).map(|it| it.1);
                for entry in entries(tx, &mut texts, &row, request.range)? {
                    if seen.is_none_or(|seen| seen < entry.place()) {
                        gate.pass(entry)?;
                    }
                }
                Ok(())
            })?;
        }
    }
    Ok(gate.counts)
}

/// The record of an event or a stream as it would be written now; `None` for time entries, which
/// have nothing to be compared by.
///
/// # Errors
/// As [`export`].
pub fn record(
    tx: &Transaction<'_>,
    filter: &Filter,
    what: What,
    id: &str,
) -> Result<Option<Result<String, Withheld>>, ExportError> {
    fn text<T: Outgoing + Serialize>(row: Result<Safe<T>, Withheld>) -> Result<String, Withheld> {
        row.map(|row| serde_json::to_string(row.get()).unwrap_or_default())
    }
    Ok(match what {
        What::Events => {
            let (_, event) = event(tx, filter, id)?;
            Some(text(filter.pass(event)))
        }
        What::Streams => {
            let row = stream(tx, filter, what, id, id)?;
            Some(text(filter.pass(StreamOut::of(tx, &mut Texts::new(tx), &row)?)))
        }
        What::Entries => {
            entry(tx, filter, id)?;
            None
        }
    })
}

/// The time entries of a stream within `range`, in order.
fn entries(
    tx: &Transaction<'_>,
    texts: &mut Texts<'_>,
    row: &StreamRow,
    range: Interval,
) -> Result<Vec<EntryOut>, ExportError> {
    let of_stream = derived::entries_of(tx, &BTreeSet::from([row.num]))?;
    if of_stream.is_empty() {
        return Ok(Vec::new());
    }
    let stream = StreamOut::of(tx, texts, row)?;
    Ok(EntryOut::all_of(&stream, of_stream, range, texts)?)
}

/// The only way from rows to the writer.
struct Gate<'g, W: Write, P: FnMut(u64)> {
    filter: &'g Filter,
    writer: &'g mut Writer<W>,
    counts: Counts,
    progress: P,
}

impl<W: Write, P: FnMut(u64)> Gate<'_, W, P> {
    fn pass<T: Outgoing + Serialize>(&mut self, row: T) -> Result<(), ExportError> {
        /// Rows between two words on how far it is.
        const STEP: u64 = 5_000;
        match self.filter.pass(row) {
            Ok(safe) => {
                self.writer.put(&safe)?;
                self.counts.written += 1;
            }
            Err(Withheld { .. }) => self.counts.withheld += 1,
        }
        let rows = self.counts.written + self.counts.withheld;
        if rows.is_multiple_of(STEP) {
            (self.progress)(rows);
        }
        Ok(())
    }
}

fn unknown(what: What, id: &str) -> ExportError {
    ExportError::Unknown { what, id: id.to_owned() }
}

/// The event `id`, and where it stands in the order of arrival. An id that the filter gave is looked
/// for among the events of its time.
fn event(tx: &Transaction<'_>, filter: &Filter, id: &str) -> Result<(i64, Event), ExportError> {
    let id = EventId::parse(id);
    if let Some(found) = events::by_id(tx, &id)? {
        return Ok(found);
    }
    let mut original = None;
    if let Some(millis) = id.millis() {
        let at = Timestamp::from_millis(millis);
        events::for_each(tx, Interval::new(at, at.plus(1)), |event| -> Result<(), StoreError> {
            let stored = event.id.clone();
            if filter.pass(event).is_ok_and(|safe| safe.get().id == id) {
                original = Some(stored);
            }
            Ok(())
        })?;
    }
    let found = original.map(|id| events::by_id(tx, &id)).transpose()?.flatten();
    found.ok_or_else(|| unknown(What::Events, &id.to_string()))
}

/// The stream `id`, which the row `of` names. An id that the filter gave is looked for among all.
fn stream(
    tx: &Transaction<'_>,
    filter: &Filter,
    what: What,
    of: &str,
    id: &str,
) -> Result<StreamRow, ExportError> {
    let mut found = derived::stream_by_id(tx, id)?;
    if found.is_none() {
        let mut texts = Texts::new(tx);
        derived::for_each_stream(tx, None, Interval::ALWAYS, |row| -> Result<(), StoreError> {
            if found.is_none() {
                let out = StreamOut::of(tx, &mut texts, &row)?;
                found = filter.pass(out).is_ok_and(|safe| safe.get().id == id).then_some(row);
            }
            Ok(())
        })?;
    }
    found.ok_or_else(|| unknown(what, of))
}

/// The stream of the time entry `id`, and where the entry stands, or stood, among those of it.
fn entry(
    tx: &Transaction<'_>,
    filter: &Filter,
    id: &str,
) -> Result<(StreamRow, (Timestamp, EntryKind)), ExportError> {
    let (of, place) = rows::read_id(id).ok_or_else(|| unknown(What::Entries, id))?;
    Ok((stream(tx, filter, What::Entries, id, of)?, place))
}

/// Where a walk over streams begins.
fn from(row: Option<&StreamRow>) -> Option<(Timestamp, &str)> {
    row.map(|row| (row.first, row.id.as_str()))
}
