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
//! A stream by days of which a day is missing (it was not asked for, or could not be sent) counts as
//! changed, however old it is.
//!
//! INVARIANT (no double): the time of a stream is planned once per destination: whatever replaces an
//! entry waits for its removal ([`Removal::blocks`]).

use std::collections::{BTreeMap, BTreeSet};

use super::destination::Remote;
use super::gather::{Empty, Gathered, Piece};
use super::settings::{Policy, RoundPer};
use crate::store::push::{NOT_WHOLE, PushedEntry, Standing};
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
    /// Its stream was joined into one of which an entry is the person's.
    Joined(String),
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
    let mut stuck = BTreeSet::new();
    for (stream, rows) in &entries {
        if let Some(pieces) = pieces.remove(*stream) {
            plan.stream(rows, pieces, at);
        } else if let Some(why) = withheld.get(*stream) {
            plan.keep(stream, Why::Withheld(why.clone()));
        } else {
            let reason = match fates.get(*stream) {
                Some(Fate::Joined(into)) if !at.force && is_theirs(entries.get(into.as_str())) => {
                    plan.keep(stream, Why::Joined(into.clone()));
                    continue;
                }
                Some(Fate::Joined(into)) => Reason::Joined(into.clone()),
                Some(Fate::Dissolved) => Reason::Dissolved,
                Some(Fate::Lives) | None => match gathered.empty.get(*stream) {
                    Some(empty) if empty.is_left_out(rows, at) => Reason::NoTime,
                    Some(_) => {
                        plan.unchanged += 1;
                        continue;
                    }
                    None => continue,
                },
            };
            for row in rows {
                let removal = Removal { entry: (*row).clone(), reason: reason.clone() };
                let blocks = removal.blocks().map(str::to_owned);
                if !plan.remove(removal, at) {
                    stuck.extend(blocks);
                }
            }
        }
    }
    for pieces in pieces.into_values() {
        let is_whole = pieces.iter().all(|it| it.asked);
        let asked = pieces.into_iter().filter(|it| it.asked);
        plan.creates.extend(asked.map(|it| it.of(is_whole)));
    }
    plan.block(&stuck);
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
        let changed = rows.iter().any(|row| has_changed(&version, row));
        let by_days = rows.iter().any(|row| !row.day.is_empty());
        if by_days != at.split_days {
            if !asked || !(changed || at.force) {
                self.unchanged += usize::from(asked);
            } else if let Some(row) =
                rows.iter().find(|row| row.standing == Standing::Gone && !at.force)
            {
                self.keep(&row.stream_id, Why::Gone);
            } else if let Some((row, why)) = rows.iter().find_map(|row| Some((row, at.stays(row)?)))
            {
                self.keep(&row.stream_id, why);
            } else {
                // All of them, or the time of some would be nowhere, and of others twice.
                for row in rows {
                    let entry = (*row).clone();
                    self.removals.push(Removal { entry, reason: Reason::Reshaped });
                }
                self.creates.extend(pieces);
            }
            return;
        }
        let mut rows: Vec<&PushedEntry> = rows.to_vec();
        let before = self.size();
        let is_there = |it: &Piece| rows.iter().any(|row| row.day == day(it));
        let is_whole = pieces.iter().all(|it| it.asked || is_there(it));
        for piece in pieces {
            let day = day(&piece);
            match rows.iter().position(|row| row.day == day) {
                Some(i) => self.entry(rows.swap_remove(i), piece, is_whole, at),
                // Of a stream that is there as it is, no day is missing: the days of another zone are.
                None if piece.asked && (changed || at.force) => {
                    self.creates.push(piece.of(is_whole));
                }
                None => {}
            }
        }
        // Days, or a second entry of the same, that have nothing to send any more.
        for row in rows.into_iter().filter(|_| asked && (changed || at.force)) {
            self.remove(Removal { entry: row.clone(), reason: Reason::NoTime }, at);
        }
        self.unchanged += usize::from(asked && self.size() == before);
    }

    /// An entry that is there, and what it is to be.
    fn entry(&mut self, row: &PushedEntry, piece: Piece, is_whole: bool, at: Circumstances<'_>) {
        let changed = piece.asked && has_changed(&piece.updated_at, row);
        let forced = piece.asked && at.force;
        let moved = at.policy.rounds()
            && at.policy.per == RoundPer::Day
            && row.seconds().is_some_and(|there| there != piece.entry.get().seconds);
        if !(changed || forced || moved) {
            return;
        }
        let piece = piece.of(is_whole);
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
            if row.stream_updated_at != piece.updated_at {
                self.refreshed.push((row.clone(), piece.updated_at));
            }
        } else {
            self.updates.push(Update { entry: row.clone(), piece });
        }
    }

    /// Whether the entry goes.
    fn remove(&mut self, removal: Removal, at: Circumstances<'_>) -> bool {
        match at.stays(&removal.entry) {
            Some(why) => {
                self.keep(&removal.entry.stream_id, why);
                false
            }
            None => {
                self.removals.push(removal);
                true
            }
        }
    }

    /// Leaves streams as they are that have the time of entries which do not go.
    fn block(&mut self, stuck: &BTreeSet<String>) {
        let goes = |piece: &Piece| !stuck.contains(&piece.entry.get().stream);
        let pieces = self.updates.iter().map(|it| &it.piece).chain(&self.creates);
        let left: BTreeSet<String> = pieces
            .filter(|piece| !goes(piece))
            .map(|piece| piece.entry.get().stream.clone())
            .collect();
        self.updates.retain(|it| goes(&it.piece));
        self.creates.retain(goes);
        left.iter().for_each(|stream| self.keep(stream, Why::Blocked));
    }

    /// Streams that take more than one request to be as they are to be, and their versions: until all
    /// is done, their entries have none, so that whatever is lost on the way is found missing.
    pub(super) fn take_versions(&mut self) -> BTreeMap<String, String> {
        let reshaped = self.removals.iter().filter(|it| it.reason == Reason::Reshaped);
        let reshaped: BTreeSet<String> = reshaped.map(|it| it.entry.stream_id.clone()).collect();
        let takes_more = |piece: &&Piece| {
            let entry = piece.entry.get();
            entry.day.is_some() || reshaped.contains(&entry.stream)
        };
        let version = |piece: &Piece| (piece.entry.get().stream.clone(), piece.updated_at.clone());
        let versions: BTreeMap<String, String> =
            self.creates.iter().filter(takes_more).map(version).collect();
        let updated = self.updates.iter_mut().map(|it| &mut it.piece);
        for piece in updated.chain(&mut self.creates) {
            if versions.contains_key(&piece.entry.get().stream) {
                NOT_WHOLE.clone_into(&mut piece.updated_at);
            }
        }
        self.refreshed.retain(|(row, _)| !versions.contains_key(&row.stream_id));
        versions
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

impl Piece {
    /// With its stream's version, if the whole stream will be there, else with none.
    fn of(self, is_whole: bool) -> Self {
        let updated_at = if is_whole { self.updated_at } else { NOT_WHOLE.to_owned() };
        Self { updated_at, ..self }
    }
}

/// Whether the person changed or removed one of these entries.
fn is_theirs(rows: Option<&Vec<&PushedEntry>>) -> bool {
    rows.is_some_and(|rows| {
        rows.iter().any(|row| matches!(row.standing, Standing::Theirs | Standing::Gone))
    })
}

impl Empty {
    /// Whether entries of the stream go: it has no time at all; or none that is sent, by settings that
    /// count from its next change on.
    fn is_left_out(&self, rows: &[&PushedEntry], at: Circumstances<'_>) -> bool {
        !self.has_time || at.force || rows.iter().any(|row| has_changed(&self.updated_at, row))
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

    /// Why an entry cannot be removed, if it cannot.
    fn stays(&self, row: &PushedEntry) -> Option<Why> {
        match row.standing {
            Standing::Unknown => Some(Why::Unknown),
            Standing::Ours | Standing::Theirs if self.is_elsewhere(row) => {
                Some(Why::Elsewhere(row.workspace.clone()))
            }
            Standing::Ours | Standing::Theirs | Standing::Gone | Standing::Removed => None,
        }
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

/// Whether a stream changed since an entry of it was sent. A version that is earlier is another one
/// too: clocks are set back.
fn has_changed(version: &str, row: &PushedEntry) -> bool {
    let is_ours = !row.fingerprint.is_empty();
    is_later(version, &row.stream_updated_at)
        || is_ours && is_later(&row.stream_updated_at, version)
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
