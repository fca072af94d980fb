//! Patterns that end with a text (`*-review`, `*/src/[a-z].rs`): the last four bytes of the value
//! say which lengths are worth a look-up, for most values none.

use super::entry::{Entries, Entry, Found, Lengths, Value, bits, smallest};
use super::reading::{self, fold};
use super::slots::Slots;
use crate::rules::ir::RuleId;

/// How many last bytes tell the lengths.
const TAIL: usize = 4;
/// Lengths from here on share a bit.
const LONG: usize = 63;

#[derive(Debug)]
pub(super) struct Suffixes {
    slots: Slots,
    /// By the last four bytes, the number of a mask.
    tails: Slots,
    /// Bit `n`: a text of `n` bytes ends so; the highest bit: one of 63 or more does.
    masks: Vec<u64>,
    /// Of texts shorter than a tail.
    short: Lengths,
    /// Of texts of 63 bytes or more.
    long: Lengths,
    smallest: RuleId,
}

impl Suffixes {
    /// Adds patterns, each with the text it ends with.
    pub(super) fn new(texts: &[(&str, Entry)], entries: &mut Entries) -> Self {
        let (mut short, mut long) = (Lengths::default(), Lengths::default());
        let mut tails: Vec<(u64, u64)> = Vec::new();
        for (text, _) in texts {
            match tail(text.as_bytes()) {
                None => short.insert(text.len()),
                Some(tail) => tails.push((tail, 1 << text.len().min(LONG))),
            }
            if text.len() >= LONG {
                long.insert(text.len());
            }
        }
        tails.sort_unstable();
        let same = || tails.chunk_by(|a, b| a.0 == b.0);
        let masks = same().map(|same| same.iter().fold(0, |all, (_, bit)| all | bit)).collect();
        let answers: Vec<_> =
            same().zip(0..).filter_map(|(same, at)| Some((same.first()?.0, at))).collect();
        let hashed: Vec<_> =
            texts.iter().map(|(text, entry)| (reading::hash(text.as_bytes()), *entry)).collect();
        Self {
            tails: Slots::new(&answers),
            masks,
            short,
            long,
            smallest: smallest(&hashed),
            slots: entries.add_hashed(hashed),
        }
    }

    #[inline]
    pub(super) fn search(&self, value: Value<'_>, entries: &Entries, found: &mut Found<'_>) {
        if !found.wants(self.smallest) {
            return;
        }
        let bytes = value.text.as_bytes();
        let mut probe = |length: usize| {
            if let Some(end) = bytes.len().checked_sub(length).and_then(|from| bytes.get(from..)) {
                entries.probe(&self.slots, reading::hash(end), value.text, found);
            }
        };
        self.short.up_to(bytes.len()).for_each(&mut probe);
        let Some(tail) = tail(bytes) else { return };
        for mask in self.tails.find(tail).filter_map(|at| self.masks.get(at as usize)) {
            bits(0, mask & !(1 << LONG)).for_each(&mut probe);
            if mask >> LONG == 1 {
                self.long.up_to(bytes.len()).for_each(&mut probe);
            }
        }
    }

    /// Bytes on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        self.slots.memory_usage()
            + self.tails.memory_usage()
            + self.masks.capacity() * size_of::<u64>()
            + self.short.memory_usage()
            + self.long.memory_usage()
    }
}

/// The last bytes as a hash whose upper half is these bytes.
#[inline]
fn tail(text: &[u8]) -> Option<u64> {
    let tail = u32::from_le_bytes(*text.last_chunk::<TAIL>()?);
    Some(u64::from(tail) << 32 | fold(u64::from(tail), 0x9e37_79b9_7f4a_7c15) & 0xffff_ffff)
}
