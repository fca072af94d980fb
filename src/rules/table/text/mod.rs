//! Texts: which patterns match a value.
//!
//! A pattern's shape decides where it is kept, and every place answers for all of its patterns in
//! one go:
//!
//! | shape | example | place | a value costs |
//! | --- | --- | --- | --- |
//! | a word | `claude-code` | `exact` | one hash look-up |
//! | a beginning | `~/work/acme/*` | `affix` | one look-up per length |
//! | an end | `*-review` | `affix` | one look-up per length |
//! | a word inside | `*acme*` | `contains` | one pass |
//! | all else | `~/{a,b}/*.[ch]` | `general` | one pass of a lazy automaton |
//!
//! INVARIANT (shape): each place decides its patterns completely; nothing is verified afterwards.

mod affix;
mod contains;
mod exact;
pub mod general;

use affix::{Affixes, End};
use contains::Contains;
use exact::Exact;
use general::{General, GeneralCache};

use super::AtomId;
use crate::rules::ir::{Part, Pattern};

/// What a pattern looks like.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Shape {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Contains(String),
    General(Pattern),
}

impl Shape {
    fn of(pattern: Pattern) -> Self {
        match pattern.parts.as_slice() {
            [] => Self::Exact(String::new()),
            [Part::Literal(text)] => Self::Exact(text.clone()),
            [Part::Star] => Self::Prefix(String::new()),
            [Part::Literal(text), Part::Star] => Self::Prefix(text.clone()),
            [Part::Star, Part::Literal(text)] => Self::Suffix(text.clone()),
            [Part::Star, Part::Literal(text), Part::Star] => Self::Contains(text.clone()),
            _ => Self::General(pattern),
        }
    }
}

/// Collects the patterns of a field by their shapes.
#[derive(Default)]
pub struct TextBuilder {
    exact: Vec<(String, AtomId)>,
    prefixes: Vec<(String, AtomId)>,
    suffixes: Vec<(String, AtomId)>,
    contained: Vec<(String, AtomId)>,
    general: Vec<(Pattern, AtomId)>,
}

impl TextBuilder {
    /// Adds a pattern.
    pub fn add(&mut self, atom: AtomId, pattern: Pattern) {
        match Shape::of(pattern) {
            Shape::Exact(text) => self.exact.push((text, atom)),
            Shape::Prefix(text) => self.prefixes.push((text, atom)),
            Shape::Suffix(text) => self.suffixes.push((text, atom)),
            Shape::Contains(text) => self.contained.push((text, atom)),
            Shape::General(pattern) => self.general.push((pattern, atom)),
        }
    }

    /// The table of what was added.
    #[must_use]
    pub fn finish(self) -> TextTable {
        TextTable {
            exact: Exact::new(self.exact),
            prefixes: Affixes::new(End::Front, self.prefixes),
            suffixes: Affixes::new(End::Back, self.suffixes),
            contained: Contains::new(self.contained),
            general: General::new(self.general),
        }
    }
}

/// All patterns of a field.
#[derive(Debug)]
pub struct TextTable {
    exact: Exact,
    prefixes: Affixes,
    suffixes: Affixes,
    contained: Contains,
    general: General,
}

/// What a search of a [`TextTable`] keeps for the next one.
#[derive(Debug)]
pub struct TextCache {
    general: GeneralCache,
}

impl TextTable {
    /// Bytes on the heap.
    #[must_use]
    pub fn memory_usage(&self) -> usize {
        self.exact.memory_usage()
            + self.prefixes.memory_usage()
            + self.suffixes.memory_usage()
            + self.contained.memory_usage()
            + self.general.memory_usage()
    }

    /// A fresh cache for this table.
    #[must_use]
    pub fn cache(&self) -> TextCache {
        TextCache { general: self.general.cache() }
    }

    /// Calls `pass` with every test that `value`, a text in NFC, passes; with some more than once.
    ///
    /// `cache` must be one of this table's.
    pub fn search(&self, value: &str, cache: &mut TextCache, pass: &mut dyn FnMut(AtomId)) {
        self.exact.search(value, pass);
        self.prefixes.search(value, pass);
        self.suffixes.search(value, pass);
        self.contained.search(value, pass);
        self.general.search(value, &mut cache.general, pass);
    }
}
