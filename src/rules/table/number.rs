//! Numbers: which ranges hold a value.

use super::AtomId;

/// Ranges of one field, sorted by where they begin.
#[derive(Debug)]
pub struct NumberTable {
    ranges: Vec<((i64, i64), AtomId)>,
}

impl NumberTable {
    /// A table of ranges with both ends included.
    #[must_use]
    pub fn new(mut ranges: Vec<((i64, i64), AtomId)>) -> Self {
        ranges.sort_unstable();
        Self { ranges }
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_usage(&self) -> usize {
        size_of_val(self.ranges.as_slice())
    }

    /// The tests that `value` passes. Binary search finds those that begin early enough; each of
    /// these is looked at.
    pub fn passed(&self, value: i64) -> impl Iterator<Item = AtomId> {
        let begun = self.ranges.partition_point(|((from, _), _)| *from <= value);
        let begun = self.ranges.get(..begun).unwrap_or_default();
        begun.iter().filter(move |((_, to), _)| value <= *to).map(|(_, atom)| *atom)
    }
}
