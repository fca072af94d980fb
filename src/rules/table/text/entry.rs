//! What a table keeps of each pattern: the smallest rule that could want it, and how to make sure.

use super::choose::Reason;
use super::reading::Reading;
use super::slots::Slots;
use super::wildcard::{Program, Programs};
use crate::rules::ir::RuleId;
use crate::rules::ir::pattern::escaped;
use crate::rules::table::{NO_RULE, TrackId};

/// A pattern, or one alternative of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The smallest rule that mentions the pattern. Without a track, the rule that it decides.
    pub(super) rule: RuleId,
    /// By which number conditions know it, if any does.
    pub(super) track: TrackId,
    start: u32,
    len: u16,
    /// Why it is where it is; this says how to verify it, too.
    pub(super) reason: Reason,
    /// Whether it is the last of those with its hash.
    last: bool,
}

impl Entry {
    pub(super) const fn new(
        rule: RuleId,
        track: TrackId,
        program: Program,
        reason: Reason,
    ) -> Self {
        let Program { start, len } = program;
        Self { rule, track, start, len, reason, last: true }
    }

    pub(super) const fn program(&self) -> Program {
        Program { start: self.start, len: self.len }
    }
}

/// What a value was found to pass.
#[derive(Debug)]
pub struct Found<'s> {
    /// The smallest rule that the value alone decides, so far.
    pub best: RuleId,
    /// Patterns passed that conditions ask for; perhaps some twice.
    pub tracks: &'s mut Vec<TrackId>,
    /// Per track, the smallest rule that the pattern alone decides.
    pub decided: &'s [RuleId],
}

impl Found<'_> {
    /// Whether a pattern can still matter that no rule before this one mentions.
    #[inline]
    pub(super) fn wants(&self, rule: RuleId) -> bool {
        rule < self.best
    }

    /// Takes note of a pattern that the value passes.
    #[inline]
    pub(super) fn pass(&mut self, rule: RuleId, track: TrackId) {
        let rule = match self.decided.get(track.index()) {
            None => rule,
            Some(decided) => {
                self.tracks.push(track);
                *decided
            }
        };
        self.best = self.best.min(rule);
    }
}

/// The entries of a field. Those that share a hash lie side by side, the smallest rule first.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) all: Vec<Entry>,
    pub(super) programs: Programs,
}

impl Entries {
    /// Adds an entry that is found by its number.
    pub(super) fn add(&mut self, entry: Entry) -> u32 {
        self.all.push(entry);
        (self.all.len() - 1) as u32
    }

    /// Adds entries that are found by a hash.
    pub(super) fn add_hashed(&mut self, mut entries: Vec<(u64, Entry)>) -> Slots {
        entries.sort_unstable_by_key(|(hash, entry)| (*hash, entry.rule));
        let mut answers = Vec::with_capacity(entries.len());
        for same in entries.chunk_by(|a, b| a.0 == b.0) {
            answers.extend(same.first().map(|(hash, _)| (*hash, self.all.len() as u32)));
            let last = same.len() - 1;
            let all = same.iter().enumerate();
            self.all.extend(all.map(|(at, (_, entry))| Entry { last: at == last, ..*entry }));
        }
        Slots::new(&answers)
    }

    /// Holds the value to the entries with this hash.
    #[inline]
    pub(super) fn probe(&self, slots: &Slots, hash: u64, value: &str, found: &mut Found<'_>) {
        for answer in slots.find(hash) {
            for entry in self.all.get(answer as usize..).unwrap_or_default() {
                if !found.wants(entry.rule) {
                    break;
                }
                if self.passes(entry, value) {
                    found.pass(entry.rule, entry.track);
                }
                if entry.last {
                    break;
                }
            }
        }
    }

    /// Holds the value to the entry of this number.
    #[inline]
    pub(super) fn check(&self, number: u32, value: &str, found: &mut Found<'_>) {
        if let Some(entry) = self.all.get(number as usize)
            && self.passes(entry, value)
        {
            found.pass(entry.rule, entry.track);
        }
    }

    #[inline]
    fn passes(&self, entry: &Entry, value: &str) -> bool {
        let text = || self.programs.bytes(entry.program());
        match entry.reason {
            Reason::Word => value.as_bytes() == text(),
            Reason::Everything => true,
            Reason::Beginning => value.as_bytes().starts_with(text()),
            Reason::End => value.as_bytes().ends_with(text()),
            Reason::OwnBeginning
            | Reason::OwnEnd
            | Reason::Text
            | Reason::CommonTexts
            | Reason::FewWithoutText
            | Reason::ManyWithoutText
            | Reason::Ambiguous
            | Reason::Long
            | Reason::Braces => self.programs.matches(entry.program(), value),
        }
    }

    /// The pattern of an entry as a glob, for people.
    pub(super) fn glob(&self, entry: &Entry) -> String {
        let text = || {
            let text = String::from_utf8_lossy(self.programs.bytes(entry.program()));
            escaped(&text, false)
        };
        match entry.reason {
            Reason::Word => text(),
            Reason::Everything | Reason::Beginning => format!("{}*", text()),
            Reason::End => format!("*{}", text()),
            Reason::OwnBeginning
            | Reason::OwnEnd
            | Reason::Text
            | Reason::CommonTexts
            | Reason::FewWithoutText
            | Reason::ManyWithoutText
            | Reason::Ambiguous
            | Reason::Long
            | Reason::Braces => self.programs.glob(entry.program()),
        }
    }

    /// Gives back what building took too much.
    pub(super) fn shrink(&mut self) {
        self.all.shrink_to_fit();
        self.programs.shrink();
    }

    /// Bytes on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        self.all.capacity() * size_of::<Entry>() + self.programs.memory_usage()
    }
}

/// The smallest rule that any of the entries serves.
pub(super) fn smallest<'e>(entries: impl IntoIterator<Item = &'e (u64, Entry)>) -> RuleId {
    entries.into_iter().map(|(_, entry)| entry.rule).min().unwrap_or(NO_RULE)
}

/// Which lengths there are, a bit for each.
#[derive(Clone, Debug, Default)]
pub(super) struct Lengths(pub(super) Vec<u64>);

impl Lengths {
    pub(super) fn insert(&mut self, length: usize) {
        if self.0.len() <= length / 64 {
            self.0.resize(length / 64 + 1, 0);
        }
        if let Some(word) = self.0.get_mut(length / 64) {
            *word |= 1 << (length % 64);
        }
    }

    #[inline]
    pub(super) fn contains(&self, length: usize) -> bool {
        self.0.get(length / 64).is_some_and(|word| word >> (length % 64) & 1 == 1)
    }

    /// Those up to `most`, ascending.
    #[inline]
    pub(super) fn up_to(&self, most: usize) -> impl Iterator<Item = usize> {
        self.0
            .iter()
            .take(most / 64 + 1)
            .enumerate()
            .flat_map(|(at, word)| bits(at, *word))
            .take_while(move |length| *length <= most)
    }

    /// Bytes on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}

/// The places of the bits that are set in the word of that number.
#[inline]
pub(super) fn bits(number: usize, mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let at = (word != 0).then(|| number * 64 + word.trailing_zeros() as usize);
        word &= word.wrapping_sub(1);
        at
    })
}

/// A value while it is looked at: as text and as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'v> {
    pub(super) text: &'v str,
    pub(super) reading: &'v Reading,
}
