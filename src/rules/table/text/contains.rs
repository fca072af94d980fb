//! Patterns that fix a text somewhere inside a value (`*lit*`).

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::rules::table::AtomId;

#[derive(Debug)]
pub(super) struct Contains {
    /// `None` where there is nothing to look for.
    words: Option<AhoCorasick>,
    /// Per word.
    atoms: Vec<AtomId>,
}

impl Contains {
    pub(super) fn new(words: Vec<(String, AtomId)>) -> Self {
        let (words, atoms): (Vec<_>, Vec<_>) = words.into_iter().unzip();
        if words.is_empty() {
            return Self { words: None, atoms };
        }
        // The NFA is built in time linear in the words, where a DFA would cost every command
        // milliseconds that most never earn back.
        let words = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&words)
            .or_else(|_| AhoCorasick::new(&words))
            .ok();
        debug_assert!(words.is_some(), "more words than a file can hold");
        Self { words, atoms }
    }

    /// Bytes on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        let words = self.words.as_ref().map_or(0, AhoCorasick::memory_usage);
        words + size_of_val(self.atoms.as_slice())
    }

    pub(super) fn search(&self, value: &str, pass: &mut dyn FnMut(AtomId)) {
        let Some(words) = &self.words else { return };
        for found in words.find_overlapping_iter(value) {
            if let Some(atom) = self.atoms.get(found.pattern().as_usize()) {
                pass(*atom);
            }
        }
    }
}
