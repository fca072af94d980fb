//! A hash table of 32-bit answers that keeps no keys: eight bytes a slot, so that as much of it as
//! possible stays near the processor.
//!
//! INVARIANT (candidates): for a hash that was put in, its answer is among those found. Others may
//! be found too, if rarely: whoever asks compares the bytes.

/// A slot without an answer.
const FREE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The upper half of the hash; the lower half says where to look.
    print: u32,
    answer: u32,
}

/// Answers by hash.
#[derive(Debug)]
pub(super) struct Slots {
    /// A power of two of them, some free.
    slots: Vec<Slot>,
}

impl Slots {
    /// A table of these hashes, none twice, and their answers.
    pub(super) fn new(answers: &[(u64, u32)]) -> Self {
        let size = (answers.len() * 3 / 2 + 1).next_power_of_two();
        let mut slots = vec![Slot { print: 0, answer: FREE }; size];
        for (hash, answer) in answers {
            let mut at = *hash as usize & (size - 1);
            while slots.get(at).is_some_and(|slot| slot.answer != FREE) {
                at = (at + 1) & (size - 1);
            }
            if let Some(slot) = slots.get_mut(at) {
                *slot = Slot { print: (hash >> 32) as u32, answer: *answer };
            }
        }
        Self { slots }
    }

    /// The answers that may be those of the hash.
    #[inline]
    pub(super) fn find(&self, hash: u64) -> impl Iterator<Item = u32> {
        let mut at = hash as usize;
        let probe = std::iter::from_fn(move || {
            let slot = self.slots.get(at & (self.slots.len() - 1)).copied();
            at = at.wrapping_add(1);
            slot.filter(|slot| slot.answer != FREE)
        });
        let print = (hash >> 32) as u32;
        probe.filter(move |slot| slot.print == print).map(|slot| slot.answer)
    }

    /// Bytes on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::table::text::reading::hash;

    #[test]
    fn what_was_put_in_is_found() {
        for count in [0, 1, 2, 3, 64, 1000_u32] {
            let key = |n: u32| hash(&n.to_le_bytes());
            let answers: Vec<_> = (0..count).map(|n| (key(n), n)).collect();
            let slots = Slots::new(&answers);
            for n in 0..count {
                assert!(slots.find(key(n)).any(|answer| answer == n));
            }
            let wrong: usize = (count..2 * count).map(|n| slots.find(key(n)).count()).sum();
            assert_eq!(wrong, 0, "as good as never with 32 bits of print");
        }
    }
}
