//! # One search: a table, a stream, and the smallest rule that holds
//!
//! ```text
//! value ─▶ seen before? ── yes ──▶ its answer ─┐
//!             └─ no ─▶ NFC ─▶ the field's table ┤
//!                                               ├─▶ the best so far ─▶ conditions ─▶ first match
//! number, day ──────▶ the rule of its step ─────┘    and the tracks
//! ```
//!
//! The order is from cheap to costly, and every step looks only for rules before the best so far.
//!
//! INVARIANT (no traces): what a scratch remembers of earlier streams makes a search faster and
//! changes no answer.
//!
//! After a few streams have passed, a search allocates only for something new that it keeps: a list
//! of tracks that no value had before, states of an automaton.

mod lists;
mod memo;
mod values;

use std::sync::atomic::{AtomicU64, Ordering};

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::fields::Field;
use super::ir::RuleId;
use super::stream::Stream;
use super::table::text::{Found, Reading, TextCache};
use super::table::{Fact, Hook, NO_RULE, Table, TextField, TrackId, number};
use lists::{ListId, Lists};
use memo::{Kind, Memo};
use values::{Answer, Values};

/// With fewer conditions than this to ask, asking is cheaper than remembering.
const FEW: usize = 24;

/// What a search needs to remember, kept by the caller so that the next search need not allocate.
///
/// One scratch serves any number of searches and any rules; with other rules than before it starts
/// afresh. Threads that search at the same time need one each. It grows to a few megabytes at most.
#[derive(Debug, Default)]
pub struct Scratch {
    owner: Option<TableId>,
    forgetful: bool,
    /// Per text field of the table.
    caches: Vec<TextCache>,
    values: Values,
    lists: Lists,
    memo: Memo,
    reading: Reading,
    normal: Normal,
    tracks: Vec<TrackId>,
    held: Vec<Held>,
}

/// A value in NFC, if it came otherwise.
#[derive(Debug, Default)]
struct Normal {
    text: String,
    reading: Reading,
}

/// The tracks of a value.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// The place of the field in [`Table::texts`].
    place: usize,
    field: Field,
    list: ListId,
}

/// Tells tables apart, since the caches of one are nonsense to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableId(u64);

impl TableId {
    /// An id that no other table of this process has.
    #[must_use]
    pub fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Scratch {
    /// A scratch that does not remember values: each is searched as if it were new.
    ///
    /// For measuring, and for streams whose values never come back.
    #[must_use]
    pub fn without_cache() -> Self {
        Self { forgetful: true, ..Self::default() }
    }

    #[inline]
    fn begin(&mut self, table: &Table, id: TableId) {
        if self.owner != Some(id) {
            self.own(table, id);
        } else if self.lists.is_full() {
            self.forget();
        }
        self.held.clear();
    }

    #[cold]
    fn own(&mut self, table: &Table, id: TableId) {
        self.owner = Some(id);
        self.caches = table.caches();
        self.forget();
    }

    /// What knows lists by number goes with them.
    #[cold]
    fn forget(&mut self) {
        self.values.clear();
        self.memo.clear();
        self.lists = Lists::default();
    }

    /// What a value decides and passes.
    #[inline]
    fn answer(&mut self, table: &Table, place: usize, field: &TextField, value: &str) -> Answer {
        self.reading.read(value.as_bytes());
        if self.forgetful {
            return self.search(table, place, field, value);
        }
        match self.values.get(place, &self.reading) {
            Some(answer) => answer,
            None => {
                let answer = self.search(table, place, field, value);
                self.values.put(place, &self.reading, answer);
                answer
            }
        }
    }

    fn search(&mut self, table: &Table, place: usize, field: &TextField, value: &str) -> Answer {
        let (text, reading) = if self.reading.is_ascii() || in_nfc(value) {
            (value, &self.reading)
        } else {
            self.normal.text.clear();
            self.normal.text.extend(value.nfc());
            self.normal.reading.read(self.normal.text.as_bytes());
            (self.normal.text.as_str(), &self.normal.reading)
        };
        self.tracks.clear();
        let mut found = Found { best: NO_RULE, tracks: &mut self.tracks, decided: table.decided() };
        if let Some(cache) = self.caches.get_mut(place) {
            field.table.search(text, reading, cache, &mut found);
        }
        let rule = found.best;
        if self.tracks.is_empty() {
            return Answer { rule, tracks: ListId::EMPTY };
        }
        self.tracks.sort_unstable();
        self.tracks.dedup();
        Answer { rule, tracks: self.lists.number(&self.tracks, table) }
    }
}

fn in_nfc(value: &str) -> bool {
    is_nfc_quick(value.chars()) == IsNormalized::Yes
}

/// The smallest rule of `table` that holds for `stream`.
pub fn first_match(
    table: &Table,
    id: TableId,
    stream: &Stream,
    scratch: &mut Scratch,
) -> Option<RuleId> {
    scratch.begin(table, id);
    let mut best = table.unconditional();
    for (place, field) in table.texts().iter().enumerate() {
        if field.table.smallest() >= best {
            continue;
        }
        for value in stream.texts(field.field) {
            let answer = scratch.answer(table, place, field, value);
            best = best.min(answer.rule);
            if field.every_value || answer.tracks != ListId::EMPTY {
                scratch.held.push(Held { place, field: field.field, list: answer.tracks });
            }
        }
    }
    for (field, numbers) in table.numbers() {
        if let Some(value) = number::value(stream, *field) {
            best = best.min(numbers.decided(value));
        }
    }
    if table.has_conditions() {
        let Scratch { lists, memo, held, .. } = scratch;
        best = Asking { table, stream, lists, held, best }.ask(memo);
    }
    (best != NO_RULE).then_some(best)
}

/// What conditions are asked with.
struct Asking<'s> {
    table: &'s Table,
    stream: &'s Stream,
    lists: &'s Lists,
    held: &'s [Held],
    best: RuleId,
}

impl Asking<'_> {
    /// The best, once conditions are asked too.
    fn ask(mut self, memo: &mut Memo) -> RuleId {
        let hooks = self.held.iter().map(|held| self.lists.hooks(held.list));
        let hooks = hooks.filter(|(smallest, _)| *smallest < self.best).map(|(_, hooks)| hooks);
        let hooks =
            hooks.fold(self.table.untracked(), |all, hooks| all.saturating_add(hooks as usize));
        if hooks == 0 {
            return self.best;
        }
        if hooks < FEW {
            self.ask_all();
            return self.best;
        }
        let Some(kind) = self.kind() else {
            self.ask_all();
            return self.best;
        };
        let limit = self.best;
        let found = memo.get(&kind, limit).unwrap_or_else(|| {
            self.ask_all();
            let found = if self.best < limit { self.best } else { NO_RULE };
            memo.put(kind, limit, found);
            found
        });
        limit.min(found)
    }

    fn kind(&self) -> Option<Kind> {
        let mut kind = Kind::new();
        for (field, numbers) in self.table.numbers() {
            let value = number::value(self.stream, *field);
            kind.stretch(value.map(|value| numbers.stretch(value)))?;
        }
        for held in self.held {
            kind.list(held.place, held.list)?;
        }
        Some(kind)
    }

    fn ask_all(&mut self) {
        let (table, held, lists) = (self.table, self.held, self.lists);
        for held in held.iter().filter(|held| lists.hooks(held.list).1 > 0) {
            if lists.hooks(held.list).0 < self.best {
                lists.tracks(held.list).iter().for_each(|track| self.first_of(table.hooks(*track)));
            }
        }
        for (field, numbers) in table.numbers() {
            if let Some(value) = number::value(self.stream, *field) {
                numbers.hooks(numbers.stretch(value)).for_each(|hooks| self.first_of(hooks));
            }
        }
        self.first_of(table.always());
    }

    /// Takes the first of the conditions that holds, if it is before the best.
    fn first_of(&mut self, hooks: &[Hook]) {
        let before = hooks.iter().take_while(|hook| hook.rule < self.best);
        let residuals = self.table.residuals();
        let holds = |hook: &&Hook| residuals.holds(hook.residual, &|fact| self.knows(fact));
        self.best = before.into_iter().find(holds).map_or(self.best, |hook| hook.rule);
    }

    fn knows(&self, fact: Fact) -> bool {
        match fact {
            Fact::Passes(track) => {
                self.held.iter().any(|held| self.lists.contains(held.list, track))
            }
            Fact::Fails(field, track) => self
                .held
                .iter()
                .any(|held| held.field == field && !self.lists.contains(held.list, track)),
            Fact::Number(test) => self.table.asked(test).is_some_and(|(field, within)| {
                number::value(self.stream, *field).is_some_and(|value| within.contains(value))
            }),
        }
    }
}
