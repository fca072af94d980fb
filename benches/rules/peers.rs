//! What the decision table is measured against, each set up as its documentation advises.

use std::collections::HashMap;
use std::hint::black_box;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use regex::bytes::{RegexSet, RegexSetBuilder};
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind, PatternSet};
use tt::rules::Stream;

use crate::mixes::{Field, Numbers, Rule};

/// Finds the first rule that holds for a stream.
pub(crate) trait Engine {
    fn first(&mut self, stream: &Stream) -> Option<usize>;
}

/// Which patterns of a field match a value: what the libraries answer.
pub(crate) trait Patterns: Sized {
    fn build(globs: &[&str]) -> Result<Self, String>;
    fn matching(&mut self, value: &str, found: &mut Vec<usize>);
}

/// A set of patterns per field, and rules counted from what matches.
pub(crate) struct PerField<P> {
    fields: Vec<(Field, P, Vec<Vec<usize>>)>,
    /// Per rule, how many conditions it has.
    needed: Vec<usize>,
    /// Per rule, the stream in which a condition last held, and how many did.
    held: Vec<(u64, usize)>,
    stream: u64,
    found: Vec<usize>,
}

impl<P: Patterns> PerField<P> {
    pub(crate) fn build(rules: &[Rule]) -> Result<Self, String> {
        let mut fields = Vec::new();
        for field in Field::ALL {
            let mut numbers: HashMap<&str, usize> = HashMap::new();
            let mut globs = Vec::new();
            let mut of: Vec<Vec<usize>> = Vec::new();
            for (index, rule) in rules.iter().enumerate() {
                for (_, glob) in rule.iter().filter(|(asked, _)| *asked == field) {
                    let number = *numbers.entry(glob).or_insert_with(|| {
                        globs.push(glob.as_str());
                        of.push(Vec::new());
                        globs.len() - 1
                    });
                    of[number].push(index);
                }
            }
            if !globs.is_empty() {
                fields.push((field, P::build(&globs)?, of));
            }
        }
        let needed: Vec<_> = rules.iter().map(Vec::len).collect();
        let held = vec![(0, 0); needed.len()];
        Ok(Self { fields, needed, held, stream: 0, found: Vec::new() })
    }
}

impl<P: Patterns> Engine for PerField<P> {
    fn first(&mut self, stream: &Stream) -> Option<usize> {
        self.stream += 1;
        let mut best = usize::MAX;
        for (field, patterns, of) in &mut self.fields {
            for value in field.values(stream) {
                patterns.matching(value, &mut self.found);
                for rule in self.found.iter().flat_map(|pattern| &of[*pattern]) {
                    let needed = self.needed[*rule];
                    if needed == 1 {
                        best = best.min(*rule);
                        continue;
                    }
                    // Fields of the mixes have one value each, so nothing is counted twice.
                    let held = &mut self.held[*rule];
                    let before = if held.0 == self.stream { held.1 } else { 0 };
                    *held = (self.stream, before + 1);
                    if before + 1 == needed {
                        best = best.min(*rule);
                    }
                }
            }
        }
        (best != usize::MAX).then_some(best)
    }
}

impl Patterns for GlobSet {
    fn build(globs: &[&str]) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let glob = GlobBuilder::new(glob).literal_separator(false).build();
            set.add(glob.map_err(|error| error.to_string())?);
        }
        set.build().map_err(|error| error.to_string())
    }

    fn matching(&mut self, value: &str, found: &mut Vec<usize>) {
        self.matches_into(value, found);
    }
}

/// The glob as a regular expression; the mixes have no more than this.
fn regex_of(glob: &str) -> String {
    let mut out = r"(?s-u)\A".to_owned();
    for c in glob.chars() {
        match c {
            '*' => out.push_str(".*"),
            '[' | ']' => out.push(c),
            '0'..='9' | 'a'..='z' => out.push(c),
            '-' if out.ends_with('0') => out.push(c),
            _ => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out + r"\z"
}

impl Patterns for RegexSet {
    fn build(globs: &[&str]) -> Result<Self, String> {
        RegexSetBuilder::new(globs.iter().map(|glob| regex_of(glob)))
            .size_limit(1 << 30)
            .dfa_size_limit(64 << 20)
            .build()
            .map_err(|error| error.to_string())
    }

    fn matching(&mut self, value: &str, found: &mut Vec<usize>) {
        found.clear();
        found.extend(self.matches(value.as_bytes()).iter());
    }
}

/// All patterns of a field in one lazy DFA, with 64 MB for its states.
pub(crate) struct LazyDfa {
    dfa: DFA,
    cache: Cache,
    matching: PatternSet,
}

impl Patterns for LazyDfa {
    fn build(globs: &[&str]) -> Result<Self, String> {
        let config = DFA::config().match_kind(MatchKind::All).cache_capacity(64 << 20);
        let regexes: Vec<_> = globs.iter().map(|glob| regex_of(glob)).collect();
        let dfa = DFA::builder()
            .configure(config)
            .thompson(thompson::Config::new().utf8(false))
            .syntax(syntax::Config::new().utf8(false))
            .build_many(&regexes)
            .map_err(|error| error.to_string())?;
        let cache = dfa.create_cache();
        Ok(Self { dfa, cache, matching: PatternSet::new(globs.len()) })
    }

    fn matching(&mut self, value: &str, found: &mut Vec<usize>) {
        self.matching.clear();
        let input = Input::new(value).anchored(Anchored::Yes);
        self.dfa
            .try_which_overlapping_matches(&mut self.cache, &input, &mut self.matching)
            .expect("nothing makes it quit");
        found.clear();
        found.extend(self.matching.iter().map(|pattern| pattern.as_usize()));
    }
}

/// The rules one after the other.
pub(crate) struct Naive<'r>(pub(crate) &'r [Rule]);

impl Engine for Naive<'_> {
    fn first(&mut self, stream: &Stream) -> Option<usize> {
        let passes = |field: Field, glob: &str| {
            field.values(stream).iter().any(|value| matches(glob.as_bytes(), value.as_bytes()))
        };
        self.0.iter().position(|rule| rule.iter().all(|(field, glob)| passes(*field, glob)))
    }
}

/// Text, `*` and `[0-9]`, with a step back to the last star.
fn matches(glob: &[u8], value: &[u8]) -> bool {
    let (mut g, mut v) = (0, 0);
    let mut star = None;
    loop {
        let next = match &glob[g..] {
            [] if v == value.len() => return true,
            [b'*', ..] => {
                star = Some((g + 1, v));
                g += 1;
                continue;
            }
            [b'[', b'0', b'-', b'9', b']', ..] => {
                value.get(v).filter(|byte| byte.is_ascii_digit()).map(|_| 5)
            }
            [byte, ..] => value.get(v).filter(|it| *it == byte).map(|_| 1),
            [] => None,
        };
        match (next, star) {
            (Some(parts), _) => (g, v) = (g + parts, v + 1),
            (None, Some((after, from))) if from < value.len() => {
                star = Some((after, from + 1));
                (g, v) = (after, from + 1);
            }
            (None, _) => return false,
        }
    }
}

fn all_values(stream: &Stream) -> impl Iterator<Item = &String> {
    let sets = [&stream.tmux_session, &stream.agent, &stream.git_branch];
    stream.primary_cwd.iter().chain(sets.into_iter().flatten())
}

/// Not an engine: what it costs to step through every byte with a table that does not fit into the
/// first cache.
pub(crate) struct ByteWalk(Vec<u32>);

impl ByteWalk {
    /// A table of 1 MB.
    pub(crate) fn new() -> Self {
        let mut numbers = Numbers(1);
        Self((0..1 << 18).map(|_| numbers.below(1 << 10) as u32).collect())
    }
}

impl Engine for ByteWalk {
    fn first(&mut self, stream: &Stream) -> Option<usize> {
        let mut sum = 0;
        for value in all_values(stream) {
            let mut state = 0;
            for byte in value.bytes() {
                state = self.0[((state as usize) << 8 | usize::from(byte)) & ((1 << 18) - 1)];
            }
            sum += state as usize;
        }
        Some(black_box(sum))
    }
}

/// Not an engine: what it costs to hash every value and look it up once.
pub(crate) struct HashAndProbe(HashMap<String, u32, foldhash::fast::FixedState>);

impl HashAndProbe {
    pub(crate) fn new(streams: &[Stream]) -> Self {
        let values = streams.iter().flat_map(all_values);
        Self(values.zip(0..).map(|(value, n)| (value.clone(), n)).collect())
    }
}

impl Engine for HashAndProbe {
    fn first(&mut self, stream: &Stream) -> Option<usize> {
        let values = all_values(stream);
        Some(black_box(values.filter_map(|value| self.0.get(value)).sum::<u32>() as usize))
    }
}
