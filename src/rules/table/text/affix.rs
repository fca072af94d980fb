//! Patterns that fix only the beginning of a value (`lit*`), or only its end (`*lit`).
//!
//! Rule files have many directories and few lengths of them, so a map per length beats walking a
//! trie: a value is cut once per length and looked up.

use std::collections::{BTreeMap, HashMap};

use crate::rules::table::AtomId;

/// Which end of a value is fixed.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Front,
    Back,
}

#[derive(Debug)]
pub(super) struct Affixes {
    end: End,
    by_length: BTreeMap<usize, HashMap<Box<[u8]>, Vec<AtomId>>>,
}

impl Affixes {
    pub(super) fn new(end: End, affixes: Vec<(String, AtomId)>) -> Self {
        let mut by_length: BTreeMap<_, HashMap<_, Vec<_>>> = BTreeMap::new();
        for (affix, atom) in affixes {
            let same_length = by_length.entry(affix.len()).or_default();
            same_length.entry(affix.into_bytes().into()).or_default().push(atom);
        }
        Self { end, by_length }
    }

    /// Bytes on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        let same_length = |affixes: &HashMap<Box<[u8]>, Vec<AtomId>>| {
            let slots = affixes.capacity() * size_of::<(Box<[u8]>, Vec<AtomId>)>();
            let entries = affixes.iter();
            slots
                + entries
                    .map(|(affix, atoms)| affix.len() + size_of_val(atoms.as_slice()))
                    .sum::<usize>()
        };
        self.by_length.values().map(|affixes| size_of_val(affixes) + same_length(affixes)).sum()
    }

    pub(super) fn search(&self, value: &str, pass: &mut dyn FnMut(AtomId)) {
        // Bytes, not characters: an affix is whole characters, so bytes that equal it are too.
        let value = value.as_bytes();
        for (length, affixes) in self.by_length.range(..=value.len()) {
            let cut = match self.end {
                End::Front => value.get(..*length),
                End::Back => value.get(value.len() - length..),
            };
            for atom in cut.and_then(|cut| affixes.get(cut)).into_iter().flatten() {
                pass(*atom);
            }
        }
    }
}
