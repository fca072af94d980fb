//! What a push does, decided before anything is sent: pure, so that the dry run shows the very value
//! that a run carries out.
//!
//! ```text
//! there          here                                    plan
//! ───────────    ────────────────────────────────────    ─────────────────────────────────────────
//! –              an entry                                create
//! an entry       its stream, unchanged since             nothing
//!                its stream, changed                     update; nothing, if what is sent is the same
//!                its stream without time, or gone        remove
//!                its stream, joined into another         remove, before the other is touched
//!                its stream, in another form (by days)   remove, and create in the new form
//! removed by     any                                     nothing, unless forced: then create
//!   the person
//! ```
//!
//! INVARIANT (no double): the time of a stream is planned once per destination: whatever replaces an
//! entry waits for its removal ([`Plan::blocks`]).

use std::collections::{BTreeMap, BTreeSet};

use super::destination::Remote;
use super::gather::{Gathered, Piece};
use super::settings::{Policy, RoundPer};
use crate::store::push::{PushedEntry, Standing};
use crate::time::Timestamp;

/// What became of a stream that was pushed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is there.
    Lives,
    /// It was joined into another.
    Joined(String),
    /// It is no more.
    Dissolved,
}

/// Why an entry is removed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// Its stream was joined into another.
    Joined(String),
    /// Its stream is no more.
    Dissolved,
    /// Its stream has no time left to send.
    NoTime,
    /// Its stream is sent in another form: by days, or whole.
    Reshaped,
}

/// An entry that is removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Removal {
    /// The entry.
    pub entry: PushedEntry,
    /// Why.
    pub reason: Reason,
}

/// An entry that is changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Update {
    /// The entry there.
    pub entry: PushedEntry,
    /// What it is to become.
    pub piece: Piece,
}

/// Why an entry that could be sent is not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// The person changed it there.
    Theirs,
    /// The person removed it there.
    Gone,
    /// It was pushed to another workspace.
    Elsewhere(String),
    /// It was pushed, and its id is not known.
    Unknown,
    /// The privacy filter withholds it now.
    Withheld(String),
    /// An entry whose time it takes over is still there.
    Blocked,
}

/// An entry that is left as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// Its stream.
    pub stream_id: String,
    /// Why.
    pub why: Why,
}

/// What a push does, in this order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// Entries that go.
    pub removals: Vec<Removal>,
    /// Entries that change.
    pub updates: Vec<Update>,
    /// Entries that are new.
    pub creates: Vec<Piece>,
    /// Entries whose stream changed in nothing that is sent, with the stream's new version.
    pub refreshed: Vec<(PushedEntry, String)>,
    /// Entries that are left as they are although their stream changed.
    pub kept: Vec<Kept>,
    /// How many streams are there already, unchanged.
    pub unchanged: usize,
}

/// What the plan is made of beside the entries to send.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The workspace that entries go to; `None` if that is to be looked up yet.
    pub workspace: Option<&'a str>,
    /// Whether everything asked for is sent again, and what people did there is overwritten.
    pub force: bool,
    /// Whether streams are split by days.
    pub split_days: bool,
    /// How times are rounded.
    pub policy: &'a Policy,
}

/// Plans a push. `there` is what the ledger has, `fates` what became of its streams.
#[must_use]
pub fn plan(
    gathered: Gathered,
    there: &[PushedEntry],
    fates: &BTreeMap<String, Fate>,
    at: Circumstances<'_>,
) -> Plan {
    let mut plan = Plan::default();
    let mut entries: BTreeMap<&str, Vec<&PushedEntry>> = BTreeMap::new();
    for entry in there {
        entries.entry(&entry.stream_id).or_default().push(entry);
    }
    let mut pieces: BTreeMap<String, Vec<Piece>> = BTreeMap::new();
    for piece in gathered.pieces {
        pieces.entry(piece.entry.get().stream.clone()).or_default().push(piece);
    }
    let withheld: BTreeMap<String, String> = gathered.withheld.into_iter().collect();
    for (stream, rows) in &entries {
        if let Some(pieces) = pieces.remove(*stream) {
            plan.stream(rows, pieces, at);
        } else if let Some(why) = withheld.get(*stream) {
            plan.keep(stream, Why::Withheld(why.clone()));
        } else {
            let reason = match fates.get(*stream) {
                Some(Fate::Joined(into)) => Reason::Joined(into.clone()),
                Some(Fate::Dissolved) => Reason::Dissolved,
                Some(Fate::Lives) | None if gathered.empty.contains(*stream) => Reason::NoTime,
                Some(Fate::Lives) | None => continue,
            };
            for row in rows {
                plan.remove(row, reason.clone(), at);
            }
        }
    }
    for piece in pieces.into_values().flatten().filter(|piece| piece.asked) {
        plan.creates.push(piece);
    }
    plan.removals
        .sort_by(|a, b| (&a.reason, &a.entry.stream_id).cmp(&(&b.reason, &b.entry.stream_id)));
    plan.updates.sort_by_key(|it| it.piece.entry.get().start);
    plan.creates.sort_by_key(|it| it.entry.get().start);
    plan
}

impl Plan {
    /// A stream that was pushed, and has time to send.
    fn stream(&mut self, rows: &[&PushedEntry], pieces: Vec<Piece>, at: Circumstances<'_>) {
        let asked = pieces.iter().any(|it| it.asked);
        let version = pieces.first().map(|it| it.updated_at.clone()).unwrap_or_default();
        let changed = rows.iter().any(|row| is_later(&version, &row.stream_updated_at));
        let by_days = rows.iter().any(|row| !row.day.is_empty());
        if by_days != at.split_days {
            if !asked || !(changed || at.force) {
                self.unchanged += usize::from(asked);
            } else if let Some(row) =
                rows.iter().find(|row| row.standing == Standing::Gone && !at.force)
            {
                self.keep(&row.stream_id, Why::Gone);
            } else {
                rows.iter().for_each(|row| self.remove(row, Reason::Reshaped, at));
                self.creates.extend(pieces);
            }
            return;
        }
        let mut rows: Vec<&PushedEntry> = rows.to_vec();
        let before = self.size();
        for piece in pieces {
            let day = day(&piece);
            match rows.iter().position(|row| row.day == day) {
                Some(i) => self.entry(rows.swap_remove(i), piece, at),
                None if piece.asked => self.creates.push(piece),
                None => {}
            }
        }
        // Days, or a second entry of the same, that have nothing to send any more.
        for row in rows.into_iter().filter(|_| asked && (changed || at.force)) {
            self.remove(row, Reason::NoTime, at);
        }
        self.unchanged += usize::from(asked && self.size() == before);
    }

    /// An entry that is there, and what it is to be.
    fn entry(&mut self, row: &PushedEntry, piece: Piece, at: Circumstances<'_>) {
        let changed = piece.asked && is_later(&piece.updated_at, &row.stream_updated_at);
        let forced = piece.asked && at.force;
        let moved = at.policy.rounds()
            && at.policy.per == RoundPer::Day
            && row.seconds().is_some_and(|there| there != piece.entry.get().seconds);
        if !(changed || forced || moved) {
            return;
        }
        match row.standing {
            Standing::Ours | Standing::Theirs => {}
            Standing::Gone | Standing::Unknown if forced => {
                self.creates.push(piece);
                return;
            }
            Standing::Gone => return self.keep(&row.stream_id, Why::Gone),
            Standing::Unknown => return self.keep(&row.stream_id, Why::Unknown),
            Standing::Removed => return,
        }
        if at.is_elsewhere(row) {
            self.keep(&row.stream_id, Why::Elsewhere(row.workspace.clone()));
        } else if !forced && row.fingerprint == piece.entry.get().fingerprint() {
            self.refreshed.push((row.clone(), piece.updated_at));
        } else {
            self.updates.push(Update { entry: row.clone(), piece });
        }
    }

    fn remove(&mut self, row: &PushedEntry, reason: Reason, at: Circumstances<'_>) {
        match row.standing {
            Standing::Removed => {}
            Standing::Unknown => self.keep(&row.stream_id, Why::Unknown),
            Standing::Ours | Standing::Theirs if at.is_elsewhere(row) => {
                self.keep(&row.stream_id, Why::Elsewhere(row.workspace.clone()));
            }
            Standing::Ours | Standing::Theirs | Standing::Gone => {
                self.removals.push(Removal { entry: row.clone(), reason });
            }
        }
    }

    fn keep(&mut self, stream: &str, why: Why) {
        self.kept.push(Kept { stream_id: stream.to_owned(), why });
    }

    /// Everything but what is unchanged.
    fn size(&self) -> usize {
        self.removals.len()
            + self.updates.len()
            + self.creates.len()
            + self.refreshed.len()
            + self.kept.len()
    }

    /// Requests that write.
    #[must_use]
    pub fn writes(&self) -> usize {
        let removals = self.removals.iter().filter(|it| it.entry.standing != Standing::Gone);
        removals.count() + self.updates.len() + self.creates.len()
    }

    /// How many streams have entries that are new or changed.
    #[must_use]
    pub fn streams(&self) -> usize {
        let pieces = self.updates.iter().map(|it| &it.piece).chain(&self.creates);
        pieces.map(|it| &it.entry.get().stream).collect::<BTreeSet<_>>().len()
    }

    /// Whether nothing at all is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.removals.is_empty() && self.updates.is_empty() && self.creates.is_empty()
    }
}

impl Removal {
    /// The stream that must not be sent before this entry is gone, as it has its time.
    #[must_use]
    pub fn blocks(&self) -> Option<&str> {
        match &self.reason {
            Reason::Joined(into) => Some(into),
            Reason::Reshaped => Some(&self.entry.stream_id),
            Reason::Dissolved | Reason::NoTime => None,
        }
    }
}

impl Circumstances<'_> {
    fn is_elsewhere(&self, row: &PushedEntry) -> bool {
        self.workspace.is_some_and(|workspace| workspace != row.workspace)
    }
}

impl PushedEntry {
    /// The entry as the service had it after our last write.
    #[must_use]
    pub fn remote(&self) -> Option<Remote> {
        serde_json::from_str(self.content.as_ref()?).ok()
    }

    fn seconds(&self) -> Option<i64> {
        self.remote()?.seconds
    }
}

/// The day of an entry as the ledger has it.
#[must_use]
pub fn day(piece: &Piece) -> String {
    piece.entry.get().day.map(|day| day.to_string()).unwrap_or_default()
}

/// Whether one version of a stream is later than another. As instants: as texts, half a second past
/// would sort before.
#[must_use]
pub fn is_later(version: &str, than: &str) -> bool {
    match (Timestamp::parse(version), Timestamp::parse(than)) {
        (Some(a), Some(b)) => a > b,
        _ => version != than,
    }
}
