//! A few patterns that no text leads to (`?*`, `[ab]*`): every value is held to each.

use super::entry::{Entries, Found, Value};
use crate::rules::ir::RuleId;

#[derive(Debug)]
pub(super) struct Scan(Vec<(RuleId, u32)>);

impl Scan {
    /// Entries by number, each with its rule.
    pub(super) fn new(mut entries: Vec<(RuleId, u32)>) -> Self {
        entries.sort_unstable();
        Self(entries)
    }

    #[inline]
    pub(super) fn search(&self, value: Value<'_>, entries: &Entries, found: &mut Found<'_>) {
        for (rule, entry) in &self.0 {
            if !found.wants(*rule) {
                return;
            }
            entries.check(*entry, value.text, found);
        }
    }

    /// Bytes on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        self.0.capacity() * size_of::<(RuleId, u32)>()
    }
}
