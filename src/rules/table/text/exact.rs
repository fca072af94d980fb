//! Patterns without any wildcard.

use std::collections::HashMap;

use crate::rules::table::AtomId;

#[derive(Debug)]
pub(super) struct Exact(HashMap<String, Vec<AtomId>>);

impl Exact {
    pub(super) fn new(words: Vec<(String, AtomId)>) -> Self {
        let mut map: HashMap<_, Vec<_>> = HashMap::new();
        for (word, atom) in words {
            map.entry(word).or_default().push(atom);
        }
        Self(map)
    }

    /// Bytes on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        let slots = self.0.capacity() * size_of::<(String, Vec<AtomId>)>();
        let entries = self.0.iter();
        slots
            + entries
                .map(|(word, atoms)| word.capacity() + size_of_val(atoms.as_slice()))
                .sum::<usize>()
    }

    pub(super) fn search(&self, value: &str, pass: &mut dyn FnMut(AtomId)) {
        for atom in self.0.get(value).into_iter().flatten() {
            pass(*atom);
        }
    }
}
