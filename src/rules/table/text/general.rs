//! Patterns of any other shape: one automaton for all of them.
//!
//! They become one NFA and the states of its DFA are made while values run through it, so
//! building costs the length of the patterns and a value costs one step per byte once its states
//! are there. The cache of states is bounded; when full it is emptied and filled again. Patterns made to explode would fill it over
//! and over: after a few times the search gives up, holds the value to the patterns one by one, and
//! lets the next values go without the automaton too, twice as many after every failure.
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

use super::PatternDump;
use super::choose::Reason;
use super::entry::Found;
use crate::rules::ir::pattern::escaped;
use crate::rules::ir::{Part, Pattern, RuleId};
use crate::rules::table::TrackId;

/// How many bytes of states a search may keep.
const CACHE_BYTES: usize = 1 << 20;
/// How often the cache may be emptied before a search gives up.
const CLEARS: usize = 2;
/// How many values at most go without the automaton after one that it gave up on.
const LONGEST_PAUSE: u32 = 1 << 10;

/// A pattern that is decided as a whole.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) pattern: Pattern,
    pub(super) rule: RuleId,
    pub(super) track: TrackId,
    pub(super) reason: Reason,
}

#[derive(Debug)]
pub(super) struct General {
    /// `None` where no pattern needs an automaton.
    automaton: Option<Box<DFA>>,
    /// Per pattern of the automaton, the smallest rule first.
    patterns: Vec<Whole>,
}

/// The states made so far.
#[derive(Debug)]
pub(super) struct GeneralCache {
    states: Option<Box<Cache>>,
    /// How many values are still to go without the automaton, and how many after the next failure.
    pause: u32,
    next_pause: u32,
}

impl General {
    pub(super) fn new(mut patterns: Vec<Whole>) -> Self {
        if patterns.is_empty() {
            return Self { automaton: None, patterns };
        }
        patterns.sort_by_key(|whole| whole.rule);
        let automaton = build(patterns.iter().map(|whole| &whole.pattern));
        Self { automaton: automaton.map(Box::new), patterns }
    }

    /// Bytes on the heap; states made by searches are in their caches and not counted.
    pub(super) fn memory_usage(&self) -> usize {
        let automaton = self
            .automaton
            .as_ref()
            .map_or(0, |dfa| size_of::<DFA>() + dfa.memory_usage() + dfa.get_nfa().memory_usage());
        let parts: usize = self.patterns.iter().map(|it| bytes(&it.pattern.parts)).sum();
        automaton + self.patterns.capacity() * size_of::<Whole>() + parts
    }

    pub(super) fn cache(&self) -> GeneralCache {
        let states = self.automaton.as_ref().map(|dfa| Box::new(dfa.create_cache()));
        GeneralCache { states, pause: 0, next_pause: 1 }
    }

    pub(super) fn search(&self, value: &str, cache: &mut GeneralCache, found: &mut Found<'_>) {
        if !self.patterns.first().is_some_and(|whole| found.wants(whole.rule)) {
            return;
        }
        if cache.pause > 0 {
            cache.pause -= 1;
            self.walk(value, found);
        } else if self.run(value, cache, found).is_none() {
            cache.pause = cache.next_pause;
            cache.next_pause = (cache.next_pause * 2).min(LONGEST_PAUSE);
            if let (Some(dfa), Some(states)) = (&self.automaton, &mut cache.states) {
                states.reset(dfa);
            }
            self.walk(value, found);
        }
    }

    /// Holds the value to one pattern after the other, as far as they can still matter.
    fn walk(&self, value: &str, found: &mut Found<'_>) {
        for Whole { pattern, rule, track, .. } in &self.patterns {
            if !found.wants(*rule) {
                return;
            }
            if pattern.matches(value) {
                found.pass(*rule, *track);
            }
        }
    }

    /// `None` if the automaton gave up, or there is none.
    fn run(&self, value: &str, cache: &mut GeneralCache, found: &mut Found<'_>) -> Option<()> {
        let (Some(dfa), Some(states)) = (&self.automaton, &mut cache.states) else {
            return None;
        };
        let config = start::Config::new().anchored(Anchored::Yes);
        let mut state = dfa.start_state(states, &config).ok()?;
        for byte in value.bytes() {
            state = dfa.next_state(states, state, byte).ok()?;
            if state.is_dead() {
                return Some(());
            }
        }
        let end = dfa.next_eoi_state(states, state).ok()?;
        if end.is_match() {
            for index in 0..dfa.match_len(states, end) {
                let pattern = dfa.match_pattern(states, end, index);
                if let Some(whole) = self.patterns.get(pattern.as_usize())
                    && found.wants(whole.rule)
                {
                    found.pass(whole.rule, whole.track);
                }
            }
        }
        Some(())
    }

    /// The patterns, for people.
    pub(super) fn describe(&self) -> impl Iterator<Item = PatternDump> {
        self.patterns.iter().map(|it| PatternDump {
            glob: glob(&it.pattern.parts, false),
            reason: it.reason,
            rule: it.rule,
            track: it.track,
        })
    }
}

/// Bytes that parts occupy, with what they own.
fn bytes(parts: &[Part]) -> usize {
    let owned = |part: &Part| match part {
        Part::Literal(text) | Part::Capture(text) => text.capacity(),
        Part::Class(class) => size_of_val(class.ranges.as_slice()),
        Part::Group(alternatives) => {
            size_of_val(alternatives.as_slice())
                + alternatives.iter().map(|parts| bytes(parts)).sum::<usize>()
        }
        Part::Any | Part::Star => 0,
    };
    size_of_val(parts) + parts.iter().map(owned).sum::<usize>()
}

/// Parts as a glob, classes and names left out.
fn glob(parts: &[Part], grouped: bool) -> String {
    let one = |part: &Part| match part {
        Part::Literal(text) => escaped(text, grouped),
        Part::Any => "?".to_owned(),
        Part::Star => "*".to_owned(),
        Part::Class(_) => "[…]".to_owned(),
        Part::Capture(_) => "<…>".to_owned(),
        Part::Group(alternatives) => {
            let each: Vec<_> = alternatives.iter().map(|parts| glob(parts, true)).collect();
            format!("{{{}}}", each.join(","))
        }
    };
    parts.iter().map(one).collect()
}

fn build<'p>(patterns: impl Iterator<Item = &'p Pattern>) -> Option<DFA> {
    let patterns: Vec<_> = patterns.map(|pattern| hir(&pattern.parts)).collect();
    let config = thompson::Config::new().utf8(false).which_captures(WhichCaptures::None);
    let nfa = thompson::Compiler::new().configure(config).build_many_from_hir(&patterns).ok()?;
    dfa(nfa)
}

fn dfa(nfa: NFA) -> Option<DFA> {
    let config = DFA::config()
        .match_kind(MatchKind::All)
        .cache_capacity(CACHE_BYTES)
        .minimum_cache_clear_count(Some(CLEARS))
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
