//! Patterns of any other shape: one automaton for all of them.
//!
//! All patterns become one NFA and the states of its DFA are made while values run through it, so
//! building costs the length of the patterns and a value costs one step per byte once its states
//! are there. The cache of states is bounded; when full it is emptied and filled again.
//!
//! Patterns are over bytes where that is the same: `*` loops over any bytes, since a value is
//! always valid UTF-8 and whatever stands beside the star consumes whole characters.
//!
//! Only the end of the value counts: the automaton keeps every pattern alive to the last byte
//! ([`MatchKind::All`]) and the patterns accepted there are those that match the whole value.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::{self, Capture, Class, ClassBytes, ClassUnicode, Hir, Repetition};

use crate::rules::ir::{Part, Pattern};
use crate::rules::table::AtomId;

/// How many bytes of states a search may keep.
const CACHE_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct General {
    /// `None` where no pattern needs an automaton.
    automaton: Option<Box<DFA>>,
    /// Per pattern of the automaton.
    atoms: Vec<AtomId>,
}

/// The states made so far.
#[derive(Debug)]
pub(super) struct GeneralCache(Option<Box<Cache>>);

impl General {
    pub(super) fn new(patterns: Vec<(Pattern, AtomId)>) -> Self {
        let (patterns, atoms): (Vec<_>, Vec<_>) = patterns.into_iter().unzip();
        if patterns.is_empty() {
            return Self { automaton: None, atoms };
        }
        let automaton = build(&patterns);
        debug_assert!(automaton.is_some(), "patterns are limited in length");
        Self { automaton: automaton.map(Box::new), atoms }
    }

    /// Bytes on the heap; states made by searches are in their caches and not counted.
    pub(super) fn memory_usage(&self) -> usize {
        let automaton = self
            .automaton
            .as_ref()
            .map_or(0, |dfa| size_of::<DFA>() + dfa.memory_usage() + dfa.get_nfa().memory_usage());
        automaton + size_of_val(self.atoms.as_slice())
    }

    pub(super) fn cache(&self) -> GeneralCache {
        GeneralCache(self.automaton.as_ref().map(|dfa| Box::new(dfa.create_cache())))
    }

    pub(super) fn search(
        &self,
        value: &str,
        cache: &mut GeneralCache,
        pass: &mut dyn FnMut(AtomId),
    ) {
        let (Some(dfa), Some(cache)) = (&self.automaton, &mut cache.0) else {
            return;
        };
        let config = start::Config::new().anchored(Anchored::Yes);
        // None of these calls can fail: the start is anchored as configured, no byte quits, and
        // the cache may be emptied any number of times.
        let Ok(mut state) = dfa.start_state(cache, &config) else {
            return;
        };
        for byte in value.bytes() {
            match dfa.next_state(cache, state, byte) {
                Ok(next) if next.is_dead() => return,
                Ok(next) => state = next,
                Err(_) => return,
            }
        }
        let Ok(end) = dfa.next_eoi_state(cache, state) else {
            return;
        };
        if !end.is_match() {
            return;
        }
        for index in 0..dfa.match_len(cache, end) {
            let pattern = dfa.match_pattern(cache, end, index);
            if let Some(atom) = self.atoms.get(pattern.as_usize()) {
                pass(*atom);
            }
        }
    }
}

fn build(patterns: &[Pattern]) -> Option<DFA> {
    let patterns: Vec<_> = patterns.iter().map(|pattern| hir(&pattern.parts)).collect();
    let config = thompson::Config::new().utf8(false).which_captures(WhichCaptures::None);
    let nfa = thompson::Compiler::new().configure(config).build_many_from_hir(&patterns).ok()?;
    dfa(nfa)
}

fn dfa(nfa: NFA) -> Option<DFA> {
    let config = DFA::config()
        .match_kind(MatchKind::All)
        .cache_capacity(CACHE_BYTES)
        .skip_cache_capacity_check(true);
    DFA::builder().configure(config).build_from_nfa(nfa).ok()
}

/// The parts as a regular expression. Captures are groups numbered from 1 in the order of
/// [`capture_names`]; `*` takes as little as it can and a capture as much, which matters only to
/// what captures hold.
pub fn hir(parts: &[Part]) -> Hir {
    sequence(parts, &mut 0)
}

/// The name of each group of [`fn@hir`], from group 1 on.
pub fn capture_names(parts: &[Part]) -> Vec<&str> {
    let mut names = Vec::new();
    for part in parts {
        match part {
            Part::Capture(name) => names.push(name.as_str()),
            Part::Group(alternatives) => {
                names.extend(alternatives.iter().flat_map(|parts| capture_names(parts)));
            }
            Part::Literal(_) | Part::Any | Part::Star | Part::Class(_) => {}
        }
    }
    names
}

fn sequence(parts: &[Part], captures: &mut u32) -> Hir {
    Hir::concat(parts.iter().map(|part| one(part, captures)).collect())
}

fn one(part: &Part, captures: &mut u32) -> Hir {
    match part {
        Part::Literal(text) => Hir::literal(text.as_bytes()),
        Part::Any => characters([('\0', char::MAX)], false),
        Part::Star => {
            let any = ClassBytes::new([hir::ClassBytesRange::new(0, u8::MAX)]);
            repeat(Hir::class(Class::Bytes(any)), 0, false)
        }
        Part::Class(class) => characters(class.ranges.iter().copied(), class.negated),
        Part::Group(alternatives) => {
            let each = alternatives.iter().map(|parts| sequence(parts, captures));
            Hir::alternation(each.collect())
        }
        Part::Capture(_) => {
            *captures += 1;
            let index = *captures;
            let sub = Box::new(repeat(characters([('/', '/')], true), 1, true));
            Hir::capture(Capture { index, name: None, sub })
        }
    }
}

fn characters(ranges: impl IntoIterator<Item = (char, char)>, negated: bool) -> Hir {
    let ranges = ranges.into_iter().map(|(from, to)| hir::ClassUnicodeRange::new(from, to));
    let mut class = ClassUnicode::new(ranges);
    if negated {
        class.negate();
    }
    Hir::class(Class::Unicode(class))
}

fn repeat(sub: Hir, min: u32, greedy: bool) -> Hir {
    Hir::repetition(Repetition { min, max: None, greedy, sub: Box::new(sub) })
}
