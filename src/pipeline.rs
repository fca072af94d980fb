//! From new events to streams and time entries: the only module that knows the order of stages.
//!
//! A run takes the events that arrived since the last one and works on their neighbourhood:
//!
//! 1. **Sessions and followers.** Where agent sessions began is updated. If that, or a focus that
//!    arrives late, moves events that had a root already, their time is put down for rebuilding.
//! 2. **Rebuild.** Streams that touch the time put down are dissolved and their events taken as if
//!    they were new; ids, and what a person said, are kept for the streams that come out of it.
//! 3. **Group.** Runs of new events join the streams around them ([`crate::infer`]).
//! 4. **Facts** of the new events are added to their streams.
//! 5. **Time.** Around every new mark the timelines are computed afresh ([`crate::alloc`]).
//! 6. **Rows** of the streams concerned are written and flagged for the rules.
//!
//! INVARIANT (history does not matter): streams and times are those that one run over all events
//! gives, in whatever order and portions they arrived. Only ids tell of history.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::Connection;

use crate::alloc::{focus, work};
use crate::config::Settings;
use crate::infer::facts::Facts;
use crate::infer::group::{Groups, Joined, Piece, Stretch};
use crate::infer::roots::{RootIx, short_name};
use crate::resolve::Resolver;
use crate::store::derived::{self, NO_STREAM, PERSON, Session, StreamNum, StreamRow, TimeEntry};
use crate::store::events::{self, Sighting, kind_id};
use crate::store::texts::TextId;
use crate::store::{Result, meta, set_meta};
use crate::time::{self, Interval, Millis, Timestamp};

/// How far inference has come, in order of arrival.
const INFERRED: &str = "inferred_seq";
/// The settings under which all streams were inferred.
pub const SETTINGS: &str = "inference_settings";
/// Time put down for rebuilding by commands: `from to` in nanoseconds.
const REBUILD: &str = "rebuild";
/// The longest idle time that a watcher reported late.
const LONGEST_IDLE: &str = "longest_idle_ms";

/// Idle time reported late counts back no further than this.
const IDLE_LIMIT: Millis = 7 * 24 * 3_600_000;

/// What a run did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Inferred {
    /// New events taken in.
    pub events: usize,
    /// Streams that are new or changed.
    pub streams: usize,
}

/// Whether a run would find anything to do.
///
/// # Errors
/// Those of SQLite.
pub fn is_due(conn: &Connection, settings: &Settings) -> Result<bool> {
    Ok(events::last_seq(conn)? != inferred_seq(conn)?
        || meta(conn, SETTINGS)?.as_deref() != Some(&settings.fingerprint())
        || requested_rebuild(conn)?.is_some()
        || !derived::fresh_titles(conn)?.is_empty())
}

/// Puts down `from..=to` for the next run to infer afresh.
///
/// # Errors
/// Those of SQLite.
pub fn request_rebuild(conn: &Connection, from: Timestamp, to: Timestamp) -> Result<()> {
    let mut range = Range(requested_rebuild(conn)?);
    range.cover(from, to);
    let text = range.0.map_or(String::new(), |(a, b)| format!("{} {}", a.nanos(), b.nanos()));
    set_meta(conn, REBUILD, &text)
}

fn requested_rebuild(conn: &Connection) -> Result<Option<(Timestamp, Timestamp)>> {
    let text = meta(conn, REBUILD)?.unwrap_or_default();
    Ok(text.split_once(' ').and_then(|(from, to)| {
        Some((Timestamp::from_nanos(from.parse().ok()?), Timestamp::from_nanos(to.parse().ok()?)))
    }))
}

fn inferred_seq(conn: &Connection) -> Result<i64> {
    Ok(meta(conn, INFERRED)?.and_then(|seq| seq.parse().ok()).unwrap_or(0))
}

/// A range of time, both ends included, that grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Range(Option<(Timestamp, Timestamp)>);

impl Range {
    const ALWAYS: Self = Self(Some((Timestamp::MIN, Timestamp::MAX)));

    fn cover(&mut self, from: Timestamp, to: Timestamp) {
        self.0 = Some(self.0.map_or((from, to), |(a, b)| (a.min(from), b.max(to))));
    }
}

/// Infers streams and time entries from what is new. To be called within a transaction.
///
/// # Errors
/// Those of SQLite.
pub fn infer(conn: &Connection, settings: &Settings, now: &str) -> Result<Inferred> {
    let seen = inferred_seq(conn)?;
    let fresh = events::arrived_after(conn, seen)?;
    let arrived = fresh.len();
    let mut run = Run {
        conn,
        settings,
        now,
        resolver: Resolver::new(conn, settings),
        assigned: derived::assignments(conn)?.into_iter().collect(),
    };
    let mut rebuild = Range(requested_rebuild(conn)?);
    if seen > 0 && meta(conn, SETTINGS)?.as_deref() != Some(&settings.fingerprint()) {
        rebuild = Range::ALWAYS;
    }
    run.learn_sessions(&fresh, &mut rebuild)?;
    if seen > 0 {
        run.find_followers(&fresh, seen, &mut rebuild)?;
    }
    let batch = run.gather(fresh, rebuild, seen == 0)?;
    let streams = run.take_in(&batch)?;
    set_meta(conn, INFERRED, &events::last_seq(conn)?.to_string())?;
    set_meta(conn, SETTINGS, &settings.fingerprint())?;
    set_meta(conn, REBUILD, "")?;
    derived::titles_taken(conn)?;
    Ok(Inferred { events: arrived, streams })
}

/// The events of a run.
struct Batch {
    /// What is new and what is inferred afresh, in the order of time.
    events: Vec<Sighting>,
    /// The time that is inferred afresh.
    rebuilt: Range,
    /// Whether these are all events there are.
    complete: bool,
    /// Streams that were dissolved, in the order of their making.
    dissolved: Vec<StreamRow>,
}

/// Marks of the timelines that a batch changes, and the windows in which they change.
struct Marks<'b> {
    attention: Cow<'b, [Sighting]>,
    attention_windows: Vec<Interval>,
    work: Cow<'b, [Sighting]>,
    work_windows: Vec<Interval>,
}

/// The streams around a batch, after joining.
struct Grouped {
    groups: Groups,
    /// For each event of the batch that inference gives a root, its piece.
    pieces: Vec<Option<Piece>>,
    numbers: HashMap<Joined, StreamNum>,
    /// Streams that exist and are changed by joining or new events, or are new (with no id yet).
    drafts: BTreeMap<StreamNum, Draft>,
}

/// A stream in the making.
struct Draft {
    row: StreamRow,
    /// As it stands in the database; `None` if it is new.
    stored: Option<StreamRow>,
    /// Where its events lie, as far as they are counted afresh.
    counted: Range,
}

struct Run<'c> {
    conn: &'c Connection,
    settings: &'c Settings,
    now: &'c str,
    resolver: Resolver<'c>,
    assigned: HashMap<i64, StreamNum>,
}

impl Run<'_> {
    // --- 1. sessions and followers ------------------------------------------------------------

    /// Updates where agent sessions began. A session whose root changes is put down for
    /// rebuilding, from its first event to its last.
    fn learn_sessions(&mut self, fresh: &[Sighting], rebuild: &mut Range) -> Result<()> {
        let mut known: BTreeMap<TextId, (Option<Session>, Session)> = BTreeMap::new();
        for event in fresh.iter().filter(|event| event.session != 0) {
            let (_, session) = match known.entry(event.session) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => {
                    let old = derived::session(self.conn, event.session)?;
                    let start = Session { begin: None, first: event.at, last: event.at };
                    unknown.insert((old, old.unwrap_or(start)))
                }
            };
            let has_cwd = self.resolver.texts.place_row(event.place)?.cwd != 0;
            let begin = has_cwd.then_some((event.at, event.tie, event.place));
            session.first = session.first.min(event.at);
            session.last = session.last.max(event.at);
            session.begin = match (session.begin, begin) {
                (Some(old), Some(new)) => Some(old.min(new)),
                (old, new) => old.or(new),
            };
        }
        let place = |it: &Session| it.begin.map_or(0, |(_, _, place)| place);
        for (id, (old, new)) in known {
            if old == Some(new) {
                continue;
            }
            derived::put_session(self.conn, id, &new)?;
            if let Some(old) = old
                && self.resolver.place_root(place(&old))?
                    != self.resolver.place_root(place(&new))?
            {
                rebuild.cover(old.first, old.last);
            }
        }
        Ok(())
    }

    /// A focus that arrives late moves the events that follow it: scrolls in its pane, and returns
    /// to the terminal.
    fn find_followers(&mut self, fresh: &[Sighting], seen: i64, rebuild: &mut Range) -> Result<()> {
        let is_focus = |event: &&Sighting| event.kind == kind_id::PANE_FOCUS;
        let Some(first) = fresh.iter().find(is_focus).map(|event| event.at) else {
            return Ok(());
        };
        for kind in [kind_id::SCROLL, kind_id::WINDOW_FOCUS] {
            let since = (first, Timestamp::MAX);
            let Some(newest) = events::last_follower(self.conn, (0, kind), since, seen)? else {
                continue;
            };
            for event in fresh.iter().filter(is_focus).take_while(|event| event.at <= newest) {
                let pane = if kind == kind_id::SCROLL { event.pane } else { 0 };
                let next = events::focus_after(self.conn, pane, event.at)?;
                let range = (event.at, next.map_or(Timestamp::MAX, |next| next.at));
                if let Some(last) = events::last_follower(self.conn, (pane, kind), range, seen)? {
                    rebuild.cover(event.at, last);
                }
            }
        }
        Ok(())
    }

    // --- 2. rebuild -----------------------------------------------------------------------------

    /// The new events; with time to rebuild, the streams that touch it and all their events too.
    fn gather(&mut self, fresh: Vec<Sighting>, rebuild: Range, first: bool) -> Result<Batch> {
        let Some((mut from, mut to)) = rebuild.0 else {
            let (rebuilt, dissolved) = (rebuild, Vec::new());
            return Ok(Batch { events: fresh, rebuilt, complete: first, dissolved });
        };
        let gap = self.settings.gap;
        // Outwards, until more than a gap lies between the border and every stream beyond it.
        while let Some((first, last)) =
            derived::extent_of(self.conn, from.plus(-gap), to.plus(gap))?
            && (first < from || last > to)
        {
            (from, to) = (from.min(first), to.max(last));
        }
        let everything = (from, to) == (Timestamp::MIN, Timestamp::MAX);
        let dissolved = derived::streams_between(self.conn, Interval::new(from, to.plus(1)))?;
        let mut all = events::between(self.conn, from, to)?;
        let inside: BTreeSet<i64> = if everything {
            derived::clear_time(self.conn)?;
            BTreeSet::new()
        } else {
            all.iter().map(|event| event.seq).collect()
        };
        if !everything {
            all.extend(fresh.into_iter().filter(|event| !inside.contains(&event.seq)));
            all.sort_unstable_by(Sighting::order);
        }
        Ok(Batch { events: all, rebuilt: Range(Some((from, to))), complete: everything, dissolved })
    }

    // --- 3. to 6. -------------------------------------------------------------------------------

    fn take_in(&mut self, batch: &Batch) -> Result<usize> {
        if batch.complete {
            self.resolver.remember_focus(&batch.events);
        }
        let marks = self.marks(batch)?;
        let mut grouped = self.group(batch, &marks)?;
        self.count(batch, &mut grouped)?;
        let mut touched = BTreeSet::new();
        self.allocate_attention(&marks, &grouped, &mut touched)?;
        self.allocate_work(batch, &marks, &grouped, &mut touched)?;
        self.retitle(&grouped, &mut touched)?;
        self.write(grouped.drafts, touched)
    }

    /// Where the timelines change, and the marks that decide how.
    fn marks<'b>(&mut self, batch: &'b Batch) -> Result<Marks<'b>> {
        let longest_idle = self.longest_idle(&batch.events)?;
        if batch.complete {
            return Ok(Marks {
                attention: Cow::Borrowed(&batch.events),
                attention_windows: vec![Interval::ALWAYS],
                work: Cow::Borrowed(&batch.events),
                work_windows: vec![Interval::ALWAYS],
            });
        }
        let (window, timeout) = (self.settings.attention_window, self.settings.agent_timeout);
        let mut attention_windows = Vec::new();
        let mut work_windows = Vec::new();
        for event in &batch.events {
            if event.kind <= kind_id::AFK {
                let back = idle(event).map_or(window, |idle| idle.max(window));
                attention_windows.push(Interval::new(event.at.plus(-back), event.at.plus(window)));
            } else if matches!(event.kind, kind_id::AGENT_SESSION | kind_id::TOOL_USE) {
                work_windows.push(Interval::new(event.at.plus(-timeout), event.at.plus(timeout)));
            }
        }
        let attention_windows = time::union(attention_windows);
        let work_windows = time::union(work_windows);
        let mut attention = Vec::new();
        // A mark matters until a window after it; an absence, back from when it was reported.
        for it in widened(&attention_windows, window, window.max(longest_idle)) {
            attention.extend(events::attention_between(self.conn, it.start, it.end)?);
        }
        let mut work = Vec::new();
        for it in &work_windows {
            work.extend(events::work_between(self.conn, it.start, it.end)?);
        }
        Ok(Marks {
            attention: Cow::Owned(attention),
            attention_windows,
            work: Cow::Owned(work),
            work_windows,
        })
    }

    fn longest_idle(&self, events: &[Sighting]) -> Result<Millis> {
        let known = meta(self.conn, LONGEST_IDLE)?.and_then(|it| it.parse().ok()).unwrap_or(0);
        let longest = events.iter().filter_map(idle).fold(known, Millis::max);
        if longest > known {
            set_meta(self.conn, LONGEST_IDLE, &longest.to_string())?;
        }
        Ok(longest)
    }

    /// Joins the batch's events with the streams around them, and gives every result a number.
    fn group(&mut self, batch: &Batch, marks: &Marks<'_>) -> Result<Grouped> {
        let (pieces, stretches) = self.pieces(batch)?;
        let mut window = self.neighbourhood(batch, marks);
        loop {
            let mut groups = Groups::new(self.settings.gap);
            let mut stored = Vec::new();
            if let (Some((from, to)), false) = (window.0, batch.complete) {
                let dissolved = |row: &StreamRow| {
                    batch.dissolved.binary_search_by_key(&row.num, |it| it.num).is_ok()
                };
                for row in derived::open_between(self.conn, from, to)? {
                    if let (false, Some((from, to))) = (dissolved(&row), row.open) {
                        let root = self.resolver.root_ix(row.root)?;
                        let piece = groups.add(&self.resolver.roots, Stretch { root, from, to });
                        stored.push((piece, row));
                    }
                }
            }
            let put: Vec<Piece> =
                stretches.iter().map(|it| groups.add(&self.resolver.roots, *it)).collect();
            // What the new events joined must be known as a whole, with all that is near it.
            let mut needed = window;
            for piece in &put {
                let whole = groups.stretch(groups.joined(*piece));
                let margin = self.settings.gap;
                needed.cover(whole.from.plus(-margin), whole.to.plus(margin));
            }
            if batch.complete || needed == window {
                let pieces = pieces.iter().map(|ix| ix.map(|ix| put[ix])).collect();
                return self.number(batch, (groups, pieces), stored, &put);
            }
            window = needed;
        }
    }

    /// The runs of events of one root in the batch, and for each event the run it is in.
    fn pieces(&mut self, batch: &Batch) -> Result<(Vec<Option<usize>>, Vec<Stretch>)> {
        let mut rooted: Vec<(RootIx, usize)> = Vec::with_capacity(batch.events.len());
        for (i, event) in batch.events.iter().enumerate() {
            if !self.assigned.contains_key(&event.seq)
                && let Some(root) = self.resolver.root(event)?
            {
                rooted.push((root, i));
            }
        }
        // Events stand in the order of time already.
        rooted.sort_by_key(|(root, _)| *root);
        let mut pieces = vec![None; batch.events.len()];
        let mut stretches: Vec<Stretch> = Vec::new();
        for (root, i) in rooted {
            let at = batch.events[i].at;
            match stretches.last_mut() {
                Some(last) if last.root == root && at <= last.to.plus(self.settings.gap) => {
                    last.to = at;
                }
                _ => stretches.push(Stretch { root, from: at, to: at }),
            }
            pieces[i] = Some(stretches.len() - 1);
        }
        Ok((pieces, stretches))
    }

    /// The time whose streams the run needs to know.
    fn neighbourhood(&self, batch: &Batch, marks: &Marks<'_>) -> Range {
        let gap = self.settings.gap;
        let mut window = Range::default();
        let batch_and_marks = [&batch.events[..], &marks.attention, &marks.work];
        for events in batch_and_marks {
            for event in [events.first(), events.last()].into_iter().flatten() {
                window.cover(event.at.plus(-gap), event.at.plus(gap));
            }
        }
        window
    }

    /// Gives every stream its number: the oldest of those that were joined to it keeps its own.
    fn number(
        &mut self,
        batch: &Batch,
        (groups, pieces): (Groups, Vec<Option<Piece>>),
        stored: Vec<(Piece, StreamRow)>,
        put: &[Piece],
    ) -> Result<Grouped> {
        let mut claims: BTreeMap<Joined, Vec<(StreamRow, bool)>> = BTreeMap::new();
        for (piece, row) in stored {
            claims.entry(groups.joined(piece)).or_default().push((row, false));
        }
        let changed: BTreeSet<Joined> = put.iter().map(|piece| groups.joined(*piece)).collect();
        let kept_by_assignment: BTreeSet<StreamNum> = self.assigned.values().copied().collect();
        let mut drafts = BTreeMap::new();
        for row in &batch.dissolved {
            let mut heir = self.heir(&groups, &changed, row)?;
            if heir.is_none() {
                heir = self.stream_of_first(batch, (&groups, &pieces), row)?;
            }
            match heir {
                Some(joined) => claims.entry(joined).or_default().push((row.clone(), true)),
                None if kept_by_assignment.contains(&row.num) => {
                    drafts.insert(row.num, Draft::afresh(row.clone()));
                }
                None => derived::remove_stream(self.conn, row.num)?,
            }
        }
        let mut numbers = HashMap::new();
        let mut joined_into: HashMap<StreamNum, StreamNum> = HashMap::new();
        for (joined, mut rows) in claims {
            rows.sort_by_key(|(row, _)| row.num);
            let mut rows = rows.into_iter();
            let Some((oldest, afresh)) = rows.next() else {
                continue;
            };
            numbers.insert(joined, oldest.num);
            let mut draft = if afresh { Draft::afresh(oldest) } else { Draft::of(oldest) };
            for (row, afresh) in rows {
                joined_into.insert(row.num, draft.row.num);
                draft.join(row, afresh, self)?;
            }
            if changed.contains(&joined) {
                let whole = groups.stretch(joined);
                draft.row.root = self.resolver.roots.text(whole.root);
                draft.row.open = Some((whole.from, whole.to));
                drafts.insert(draft.row.num, draft);
            }
        }
        // A person's assignments moved along in the database; here they must too, since the events
        // are yet to be counted and their time to be allocated.
        for num in self.assigned.values_mut() {
            *num = joined_into.get(num).copied().unwrap_or(*num);
        }
        self.number_new(&groups, &changed, &mut numbers, &mut drafts)?;
        Ok(Grouped { groups, pieces, numbers, drafts })
    }

    /// The stream that keeps the id of a dissolved one: that of its first event, else of its last,
    /// else the first that lies within it.
    fn heir(
        &mut self,
        groups: &Groups,
        changed: &BTreeSet<Joined>,
        row: &StreamRow,
    ) -> Result<Option<Joined>> {
        let Some((from, to)) = row.open else {
            return Ok(None);
        };
        let root = self.resolver.root_ix(row.root)?;
        let roots = &self.resolver.roots;
        if let Some(heir) = groups.at(roots, root, from).or_else(|| groups.at(roots, root, to)) {
            return Ok(Some(heir));
        }
        let related =
            |other: RootIx| other == root || self.resolver.roots.related(root).contains(&other);
        let within = changed
            .iter()
            .map(|joined| (groups.stretch(*joined), *joined))
            .filter(|(it, _)| related(it.root) && it.from <= to && it.to >= from)
            .min_by_key(|(it, _)| (it.from, it.root));
        Ok(within.map(|(_, joined)| joined))
    }

    /// The stream to which the first event of a dissolved one went, if that has another root now:
    /// its agent session turned out to have begun elsewhere, or its pane to have been elsewhere.
    fn stream_of_first(
        &mut self,
        batch: &Batch,
        (groups, pieces): (&Groups, &[Option<Piece>]),
        row: &StreamRow,
    ) -> Result<Option<Joined>> {
        let Some((from, _)) = row.open else {
            return Ok(None);
        };
        let first = batch.events.partition_point(|event| event.at < from);
        let at_once = batch.events.iter().zip(pieces).skip(first);
        for (event, piece) in at_once.take_while(|(event, _)| event.at == from) {
            let Some(piece) = *piece else { continue };
            let cwd = self.resolver.texts.place_row(event.place)?.cwd;
            let facts = &row.facts;
            // Of several events at that instant, one that was counted in the stream.
            let counted = [
                (&facts.cwds, cwd),
                (&facts.tmux, event.tmux),
                (&facts.agents, event.agent),
                (&facts.sessions, event.session),
            ];
            if counted.iter().all(|(has, text)| *text == 0 || has.texts().any(|it| it == *text)) {
                return Ok(Some(groups.joined(piece)));
            }
        }
        Ok(None)
    }

    /// Numbers and ids of new streams, in the order of their first events.
    fn number_new(
        &mut self,
        groups: &Groups,
        changed: &BTreeSet<Joined>,
        numbers: &mut HashMap<Joined, StreamNum>,
        drafts: &mut BTreeMap<StreamNum, Draft>,
    ) -> Result<()> {
        let roots = &self.resolver.roots;
        let mut new: Vec<(Stretch, Joined)> = changed
            .iter()
            .filter(|joined| !numbers.contains_key(*joined))
            .map(|joined| (groups.stretch(*joined), *joined))
            .collect();
        new.sort_by(|(a, _), (b, _)| {
            (a.from, roots.path(a.root)).cmp(&(b.from, roots.path(b.root)))
        });
        let mut num = derived::last_num(self.conn)?;
        for (whole, joined) in new {
            num += 1;
            numbers.insert(joined, num);
            let mut draft = Draft::new(num, self.stream_id(whole)?);
            draft.row.root = self.resolver.roots.text(whole.root);
            draft.row.open = Some((whole.from, whole.to));
            drafts.insert(num, draft);
        }
        Ok(())
    }

    /// An id for a new stream, from its root and its first event; never one that was used before.
    fn stream_id(&self, whole: Stretch) -> Result<String> {
        for attempt in 0_u64.. {
            let mut hasher = blake3::Hasher::new();
            hasher.update(self.resolver.roots.path(whole.root).as_bytes());
            hasher.update(&whole.from.nanos().to_le_bytes());
            hasher.update(&attempt.to_le_bytes());
            let id: String = hasher.finalize().to_hex().chars().take(20).collect();
            if !derived::id_is_taken(self.conn, &id)? {
                return Ok(id);
            }
        }
        Ok(String::new())
    }

    /// The stream of an event.
    fn stream_of(&mut self, grouped: &Grouped, event: &Sighting) -> Result<StreamNum> {
        if let Some(num) = self.assigned.get(&event.seq) {
            return Ok(*num);
        }
        let Some(root) = self.resolver.root(event)? else {
            return Ok(NO_STREAM);
        };
        let joined = grouped.groups.at(&self.resolver.roots, root, event.at);
        Ok(joined.and_then(|it| grouped.numbers.get(&it)).copied().unwrap_or(NO_STREAM))
    }

    // --- 4. facts ---------------------------------------------------------------------------------

    fn count(&mut self, batch: &Batch, grouped: &mut Grouped) -> Result<()> {
        for (event, piece) in batch.events.iter().zip(&grouped.pieces) {
            let num = match (self.assigned.get(&event.seq), piece) {
                (Some(num), _) => Some(*num),
                (None, Some(piece)) => grouped.numbers.get(&grouped.groups.joined(*piece)).copied(),
                (None, None) => None,
            };
            if num.is_none() && carries_time(event) {
                derived::set_unassigned(self.conn, event.seq, event.at, true)?;
            } else if batch.rebuilt != Range::default() && !batch.complete {
                derived::set_unassigned(self.conn, event.seq, event.at, false)?;
            }
            let Some(num) = num else { continue };
            let draft = match grouped.drafts.entry(num) {
                Entry::Occupied(draft) => draft.into_mut(),
                Entry::Vacant(unchanged) => {
                    let row = derived::streams(self.conn, &BTreeSet::from([num]))?.pop();
                    let Some(row) = row else { continue };
                    unchanged.insert(Draft::of(row))
                }
            };
            let place = self.resolver.texts.place_row(event.place)?;
            draft.counted.cover(event.at, event.at);
            let facts = &mut draft.row.facts;
            for (tallies, text) in [
                (&mut facts.cwds, place.cwd),
                (&mut facts.repos, place.repo),
                (&mut facts.worktrees, place.worktree),
                (&mut facts.branches, place.git_branch),
                (&mut facts.tmux, event.tmux),
                (&mut facts.agents, event.agent),
                (&mut facts.sessions, event.session),
            ] {
                tallies.add(text, event.at);
            }
        }
        Ok(())
    }

    // --- 5. time ------------------------------------------------------------------------------------

    fn allocate_attention(
        &mut self,
        marks: &Marks<'_>,
        grouped: &Grouped,
        touched: &mut BTreeSet<StreamNum>,
    ) -> Result<()> {
        let mut told = Vec::new();
        for event in marks.attention.iter().filter(|event| event.kind <= kind_id::AFK) {
            if let Some(idle) = idle(event) {
                told.push((event.at, focus::Mark::Away(idle)));
            } else if event.kind != kind_id::AFK {
                told.push((event.at, focus::Mark::On(self.stream_of(grouped, event)?)));
            }
        }
        let spans = focus::allocate(&told, self.settings.attention_window);
        for window in &marks.attention_windows {
            let first = spans.partition_point(|span| span.interval.end <= window.start);
            let last = spans.partition_point(|span| span.interval.start < window.end);
            let within = spans.get(first..last).unwrap_or_default();
            derived::rewrite(self.conn, PERSON, *window, within, touched)?;
        }
        Ok(())
    }

    fn allocate_work(
        &mut self,
        batch: &Batch,
        marks: &Marks<'_>,
        grouped: &Grouped,
        touched: &mut BTreeSet<StreamNum>,
    ) -> Result<()> {
        let tells = |event: &&Sighting| {
            event.session != 0 && matches!(event.kind, kind_id::AGENT_SESSION | kind_id::TOOL_USE)
        };
        let concerned: BTreeSet<TextId> =
            batch.events.iter().filter(tells).map(|event| event.session).collect();
        let mut by_session: BTreeMap<TextId, Vec<(Timestamp, work::Mark<StreamNum>)>> =
            BTreeMap::new();
        for event in marks.work.iter().filter(tells) {
            if !concerned.contains(&event.session) {
                continue;
            }
            let mark = if event.kind == kind_id::TOOL_USE {
                work::Mark::Use(self.stream_of(grouped, event)?)
            } else if event.data().get("action").and_then(|it| it.as_str()) == Some("ended") {
                work::Mark::End
            } else {
                continue;
            };
            by_session.entry(event.session).or_default().push((event.at, mark));
        }
        for (session, told) in by_session {
            for window in &marks.work_windows {
                let first = told.partition_point(|(at, _)| *at < window.start);
                let last = told.partition_point(|(at, _)| *at <= window.end);
                let told = told.get(first..last).unwrap_or_default();
                let (Some((start, _)), Some((end, _))) = (told.first(), told.last()) else {
                    continue;
                };
                // Between the first mark and the last everything is known, and nothing beyond.
                let spans = work::allocate(told, self.settings.agent_timeout);
                derived::rewrite(self.conn, session, Interval::new(*start, *end), &spans, touched)?;
            }
        }
        Ok(())
    }

    // --- 6. rows ------------------------------------------------------------------------------------

    /// Streams whose agent session was given a title since the last run.
    fn retitle(&mut self, grouped: &Grouped, touched: &mut BTreeSet<StreamNum>) -> Result<()> {
        for session in derived::fresh_titles(self.conn)? {
            touched.extend(derived::streams_of_session(self.conn, session)?);
        }
        touched.retain(|num| !grouped.drafts.contains_key(num));
        Ok(())
    }

    /// Writes the streams in the making, and the stored ones whose time or name changed.
    fn write(
        &mut self,
        mut drafts: BTreeMap<StreamNum, Draft>,
        touched: BTreeSet<StreamNum>,
    ) -> Result<usize> {
        for row in derived::streams(self.conn, &touched)? {
            drafts.insert(row.num, Draft::of(row));
        }
        let nums: BTreeSet<StreamNum> = drafts.keys().copied().collect();
        let entries = derived::entries_of(self.conn, &nums)?;
        let mut times: HashMap<StreamNum, (Millis, Millis)> = HashMap::with_capacity(nums.len());
        for of_stream in entries.chunk_by(|a, b| a.stream == b.stream) {
            if let Some(first) = of_stream.first() {
                times.insert(first.stream, direct_and_delegated(of_stream));
            }
        }
        let mut changed = 0;
        for (num, mut draft) in drafts {
            let row = &mut draft.row;
            (row.direct_ms, row.delegated_ms) = times.get(&num).copied().unwrap_or_default();
            if let Some((from, to)) = draft.counted.0 {
                (row.first, row.last) = match (&draft.stored, row.first <= row.last) {
                    (Some(_), true) => (row.first.min(from), row.last.max(to)),
                    _ => (from, to),
                };
            }
            if !row.named_by_user {
                row.name = self.name(row)?;
            }
            if draft.stored.as_ref() != Some(row) {
                row.needs_recompute = true;
                self.now.clone_into(&mut row.updated_at);
                derived::put_stream(self.conn, row)?;
                changed += 1;
            }
        }
        Ok(changed)
    }

    /// The title of the stream's first session that has one, else the last part of its root. Of
    /// sessions first seen at one instant, the title that sorts first.
    fn name(&mut self, row: &StreamRow) -> Result<String> {
        let sessions = row.facts.sessions.by_first_seen();
        for at_once in sessions.chunk_by(|(a, _), (b, _)| a == b) {
            let mut titles = Vec::new();
            for (_, session) in at_once {
                titles.extend(derived::title(self.conn, *session)?);
            }
            if let Some(title) = titles.into_iter().min() {
                return Ok(title);
            }
        }
        let root = self.resolver.texts.text(row.root)?;
        Ok(root.map_or(String::new(), |root| short_name(&root).to_owned()))
    }
}

impl Draft {
    fn new(num: StreamNum, id: String) -> Self {
        let row = StreamRow {
            num,
            id,
            root: 0,
            open: None,
            first: Timestamp::MAX,
            last: Timestamp::MIN,
            name: String::new(),
            named_by_user: false,
            facts: Facts::default(),
            direct_ms: 0,
            delegated_ms: 0,
            rule: None,
            project: None,
            needs_recompute: true,
            updated_at: String::new(),
        };
        Self { row, stored: None, counted: Range::default() }
    }

    /// A stored stream to which something is added.
    fn of(row: StreamRow) -> Self {
        Self { stored: Some(row.clone()), row, counted: Range::default() }
    }

    /// A stored stream whose events are all counted again.
    fn afresh(row: StreamRow) -> Self {
        let mut draft = Self::of(row);
        draft.row.facts = Facts::default();
        draft.row.open = None;
        (draft.row.first, draft.row.last) = (Timestamp::MAX, Timestamp::MIN);
        draft
    }

    /// Takes another stored stream in.
    fn join(&mut self, other: StreamRow, afresh: bool, run: &Run<'_>) -> Result<()> {
        derived::join_streams(run.conn, &other, (self.row.num, &self.row.id), run.now)?;
        if other.named_by_user && !self.row.named_by_user {
            self.row.named_by_user = true;
            self.row.name = other.name;
        }
        if !afresh {
            self.row.facts.merge(other.facts);
            self.row.first = self.row.first.min(other.first);
            self.row.last = self.row.last.max(other.last);
        }
        Ok(())
    }
}

/// How long the person has been away, for an event that says so.
fn idle(event: &Sighting) -> Option<Millis> {
    if event.kind != kind_id::AFK {
        return None;
    }
    let data = event.data();
    let gone = data.get("status").and_then(|it| it.as_str()) == Some("idle");
    let since = data.get("idle_duration_ms").and_then(serde_json::Value::as_f64).unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a week")]
    gone.then_some(since.clamp(0.0, IDLE_LIMIT as f64) as Millis)
}

/// Whether an event without a stream leaves time without a stream.
fn carries_time(event: &Sighting) -> bool {
    event.kind != kind_id::AFK && event.kind <= kind_id::TOOL_USE
}

/// Direct time, and delegated time with what several sessions did at once counted once.
fn direct_and_delegated(entries: &[TimeEntry]) -> (Millis, Millis) {
    let (direct, delegated): (Vec<&TimeEntry>, Vec<_>) =
        entries.iter().partition(|entry| entry.actor == PERSON);
    let of = |entries: Vec<&TimeEntry>| {
        time::total(&time::union(entries.into_iter().map(|entry| entry.interval).collect()))
    };
    (of(direct), of(delegated))
}

/// Each of `windows` longer at both ends, as disjoint windows.
fn widened(windows: &[Interval], before: Millis, after: Millis) -> Vec<Interval> {
    let wider = |it: &Interval| Interval::new(it.start.plus(-before), it.end.plus(after));
    time::union(windows.iter().map(wider).collect())
}

#[cfg(test)]
mod tests;
