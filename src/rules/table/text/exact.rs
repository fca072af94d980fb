//! Patterns without any wildcard: one look-up by the hash of the value.

use super::entry::{Entries, Entry, Found, Lengths, Value, smallest};
use super::reading;
use super::slots::Slots;
use crate::rules::ir::RuleId;

#[derive(Debug)]
pub(super) struct Exact {
    slots: Slots,
    lengths: Lengths,
    smallest: RuleId,
}

impl Exact {
    /// Adds the texts, each with its entry.
    pub(super) fn new(texts: &[(&str, Entry)], entries: &mut Entries) -> Self {
        let mut lengths = Lengths::default();
        texts.iter().for_each(|(text, _)| lengths.insert(text.len()));
        let hashed: Vec<_> =
            texts.iter().map(|(text, entry)| (reading::hash(text.as_bytes()), *entry)).collect();
        Self { lengths, smallest: smallest(&hashed), slots: entries.add_hashed(hashed) }
    }

    #[inline]
    pub(super) fn search(&self, value: Value<'_>, entries: &Entries, found: &mut Found<'_>) {
        if found.wants(self.smallest) && self.lengths.contains(value.text.len()) {
            entries.probe(&self.slots, value.reading.hash(), value.text, found);
        }
    }

    /// Bytes on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        self.slots.memory_usage() + self.lengths.memory_usage()
    }
}
