//! Patterns that begin with a text (`~/work/acme/*`, `feature-*`, `~/src/<name>/build`): one look-up
//! per length that both the rules and the value have.
//!
//! Most beginnings are directories. They end with `/`, so only the lengths at which the value has a
//! `/` are looked up, however many lengths the rules have; the few other lengths are a mask of
//! their own. What follows the text is for the entry to verify.

use super::entry::{Entries, Entry, Found, Lengths, Value, bits, smallest};
use super::reading;
use super::slots::Slots;
use crate::rules::ir::RuleId;

#[derive(Debug)]
pub(super) struct Prefixes {
    slots: Slots,
    /// Of texts that end with `/`, the place of that byte.
    slashes: Lengths,
    /// Lengths of the others.
    others: Lengths,
    smallest: RuleId,
}

impl Prefixes {
    /// Adds patterns, each with the text it begins with.
    pub(super) fn new(texts: &[(&str, Entry)], entries: &mut Entries) -> Self {
        let (mut slashes, mut others) = (Lengths::default(), Lengths::default());
        for (text, _) in texts {
            match text.strip_suffix('/') {
                Some(directory) => slashes.insert(directory.len()),
                None => others.insert(text.len()),
            }
        }
        let hashed: Vec<_> =
            texts.iter().map(|(text, entry)| (reading::hash(text.as_bytes()), *entry)).collect();
        Self { slashes, others, smallest: smallest(&hashed), slots: entries.add_hashed(hashed) }
    }

    #[inline]
    pub(super) fn search(&self, value: Value<'_>, entries: &Entries, found: &mut Found<'_>) {
        if !found.wants(self.smallest) {
            return;
        }
        let mut probe = |length| {
            entries.probe(&self.slots, value.reading.prefix_hash(length), value.text, found);
        };
        if !self.slashes.0.is_empty() {
            let both = value.reading.slashes().zip(&self.slashes.0);
            for (at, (slashes, lengths)) in both.enumerate() {
                bits(at, slashes & lengths).for_each(|slash| probe(slash + 1));
            }
        }
        self.others.up_to(value.text.len()).for_each(probe);
    }

    /// Bytes on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        self.slots.memory_usage() + self.slashes.memory_usage() + self.others.memory_usage()
    }
}
