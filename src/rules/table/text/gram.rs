//! Patterns with a text somewhere (`*acme*`, `*a*b/[0-9]*`): each hangs off the four bytes of its
//! texts that are rarest among the rules, and is verified where a value has these.
//!
//! Every place of the value is looked up in a filter of a few kilobytes, which says no nearly
//! always. Behind it are the patterns that hang off these four bytes, the smallest rule first, each
//! with the *letters* it needs: a bit for every pair of neighbouring bytes of its texts. A value
//! that lacks one cannot match, so that long lists cost a comparison of words per pattern.
//!
//! ```text
//! *acme*web*   hangs off "acme", needs ac cm me we eb
//! ```
//!
//! Patterns whose texts are all shorter hang off three, two bytes, or one.

use super::entry::{Entries, Found, Value};
use super::reading::fold;
use super::slots::Slots;
use crate::rules::ir::RuleId;
use crate::rules::table::NO_RULE;

/// Bytes of a gram at most.
pub(super) const LONGEST: usize = 4;

/// A few bytes of a text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Gram {
    /// How many, 1 to 4.
    pub(super) len: u8,
    /// The bytes, the others zero.
    pub(super) bytes: u32,
}

/// The grams of a text that are `len` bytes long.
pub(super) fn grams(text: &str, len: usize) -> impl Iterator<Item = Gram> {
    text.as_bytes().windows(len).map(move |window| {
        let bytes = window.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte));
        Gram { len: len as u8, bytes }
    })
}

/// A set of pairs of bytes, some of which share a bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Letters(u64);

impl Letters {
    pub(super) fn add(&mut self, text: &[u8]) {
        for pair in text.windows(2) {
            let pair = pair.iter().fold(0, |pair, byte| pair << 8 | u32::from(*byte));
            self.0 |= 1 << (pair.wrapping_mul(0x9e37_79b1) >> 26);
        }
    }
}

/// A pattern to be hung off a gram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hung {
    gram: Gram,
    rule: RuleId,
    entry: u32,
    letters: Letters,
}

impl Hung {
    /// The entry of that number, whose pattern has these texts.
    pub(super) fn new<'t>(
        gram: Gram,
        rule: RuleId,
        entry: u32,
        texts: impl Iterator<Item = &'t str>,
    ) -> Self {
        let mut letters = Letters::default();
        texts.for_each(|text| letters.add(text.as_bytes()));
        Self { gram, rule, entry, letters }
    }
}

/// A pattern that hangs off a gram, in the table.
#[derive(Clone, Copy, Debug)]
struct Hanging {
    letters: Letters,
    rule: RuleId,
    /// The number of the entry, and in the highest bit whether it is the last of its gram.
    entry: u32,
}

const LAST: u32 = 1 << 31;

/// Grams of one length.
#[derive(Debug)]
struct Level {
    mask: u32,
    len: usize,
    slots: Slots,
}

#[derive(Debug)]
pub(super) struct Grams {
    /// A bit per hash.
    filter: Vec<u64>,
    levels: Vec<Level>,
    hanging: Vec<Hanging>,
    smallest: RuleId,
}

impl Grams {
    /// Hangs entries, by number, off grams.
    pub(super) fn new(mut patterns: Vec<Hung>) -> Self {
        patterns.sort_unstable_by_key(|hung| (hung.gram, hung.rule, hung.entry));
        let smallest = patterns.iter().map(|hung| hung.rule).min().unwrap_or(NO_RULE);
        let same = || patterns.chunk_by(|a, b| a.gram == b.gram);
        let bits = (same().count() * 16).next_power_of_two().clamp(1 << 10, 1 << 18);
        let mut this =
            Self { filter: vec![0; bits / 64], levels: Vec::new(), hanging: Vec::new(), smallest };
        this.hanging.reserve_exact(patterns.len());
        for len in 1..=LONGEST {
            let mask = u32::MAX >> (32 - 8 * len);
            let mut answers = Vec::new();
            for same in same() {
                let Some(gram) =
                    same.first().map(|hung| hung.gram).filter(|gram| usize::from(gram.len) == len)
                else {
                    continue;
                };
                let hash = hash(gram.bytes, len);
                answers.push((hash, this.hanging.len() as u32));
                let (at, bit) = this.place(hash);
                if let Some(word) = this.filter.get_mut(at) {
                    *word |= bit;
                }
                let last = same.len() - 1;
                this.hanging.extend(same.iter().enumerate().map(
                    |(at, Hung { rule, entry, letters, .. })| {
                        let entry = if at == last { entry | LAST } else { *entry };
                        Hanging { letters: *letters, rule: *rule, entry }
                    },
                ));
            }
            if !answers.is_empty() {
                this.levels.push(Level { mask, len, slots: Slots::new(&answers) });
            }
        }
        this
    }

    #[inline]
    pub(super) fn search(&self, value: Value<'_>, entries: &Entries, found: &mut Found<'_>) {
        if !found.wants(self.smallest) {
            return;
        }
        let mut letters = None;
        for level in &self.levels {
            let bytes = value.text.as_bytes();
            if bytes.len() < level.len {
                continue;
            }
            for four in bytes.windows(4) {
                let gram = four.try_into().map_or(0, u32::from_le_bytes) & level.mask;
                self.at(gram, level, value, &mut letters, entries, found);
            }
            // Places too near to the end for four bytes.
            let from = (bytes.len() + 1).saturating_sub(LONGEST);
            for at in from..=bytes.len() - level.len {
                let rest = bytes.get(at..at + level.len).unwrap_or_default();
                let gram = rest.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte));
                self.at(gram, level, value, &mut letters, entries, found);
            }
        }
    }

    #[inline]
    fn at(
        &self,
        gram: u32,
        level: &Level,
        value: Value<'_>,
        letters: &mut Option<Letters>,
        entries: &Entries,
        found: &mut Found<'_>,
    ) {
        let hash = hash(gram, level.len);
        let (at, bit) = self.place(hash);
        if self.filter.get(at).is_none_or(|word| word & bit == 0) {
            return;
        }
        for answer in level.slots.find(hash) {
            let has = *letters.get_or_insert_with(|| {
                let mut letters = Letters::default();
                letters.add(value.text.as_bytes());
                letters
            });
            for hanging in self.hanging.get(answer as usize..).unwrap_or_default() {
                if !found.wants(hanging.rule) {
                    break;
                }
                if hanging.letters.0 & !has.0 == 0 {
                    entries.check(hanging.entry & !LAST, value.text, found);
                }
                if hanging.entry & LAST != 0 {
                    break;
                }
            }
        }
    }

    /// Word and bit of the filter.
    #[inline]
    fn place(&self, hash: u64) -> (usize, u64) {
        ((hash as usize) & (self.filter.len() - 1), 1 << (hash >> 26 & 63))
    }

    /// How many patterns hang off the same gram at most; for people.
    pub(super) fn largest_crowd(&self) -> usize {
        let crowds = self.hanging.chunk_by(|a, _| a.entry & LAST == 0);
        crowds.map(<[_]>::len).max().unwrap_or_default()
    }

    /// Bytes on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        let levels: usize = self.levels.iter().map(|level| level.slots.memory_usage()).sum();
        levels
            + self.levels.capacity() * size_of::<Level>()
            + self.filter.capacity() * size_of::<u64>()
            + self.hanging.capacity() * size_of::<Hanging>()
    }
}

/// A hash whose upper half is the gram.
#[inline]
const fn hash(gram: u32, len: usize) -> u64 {
    (gram as u64) << 32 | fold(gram as u64 + len as u64, 0x9e37_79b9_7f4a_7c15) & 0xffff_ffff
}
