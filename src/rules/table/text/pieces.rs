//! Patterns of texts and stars alone whose texts are common (`*a*b*a*`, thousands over few
//! letters): hung off bytes, each would be verified in every value. Here they share what they have
//! in common, a tree of texts one behind the other.
//!
//! ```text
//! *a*b*    rule 3        a ─ b       3
//! *a*b*c   rule 7            └─ c$   7        c$: at the end of the value
//! *b*      rule 5        b           5        ^a: at its beginning
//! ```
//!
//! 1. An Aho-Corasick automaton finds which texts the value has, and where: a bit per place.
//! 2. From the root on, a child is reached if its text occurs behind where its parent was reached;
//!    of several places the first is taken.
//! 3. Nodes are opened in the order of the smallest rule below them, until none can beat the best.
//!
//! INVARIANT (earliest): a node is reached exactly if the value has the texts on the way to it in
//! this order, and where it is reached is the earliest place at which they can end. For whatever
//! follows a later place follows the earlier one, too. So each node is opened once at most.
//!
//! A value costs a step per byte and the nodes that it reaches with a rule before its first match,
//! whatever the number of patterns. Texts in a row that no other pattern leaves are one node, so
//! that there are at most two nodes per pattern.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use aho_corasick::Anchored;
use aho_corasick::automaton::Automaton;
use aho_corasick::dfa::DFA;
use aho_corasick::nfa::contiguous::NFA;
use foldhash::fast::FixedState;

use super::entry::{Entries, Found};
use crate::rules::ir::{Part, RuleId};
use crate::rules::table::NO_RULE;

/// Words of bits that a search may keep; values with more are held to every pattern by itself.
const MOST_WORDS: usize = 1 << 17;

/// Whether a pattern is made of texts with stars between them.
pub(super) fn is_pieces(parts: &[Part]) -> bool {
    let is_star = |part: &&Part| **part == Part::Star;
    let alternate = parts.windows(2).all(|pair| pair.iter().filter(is_star).count() == 1);
    alternate
        && parts.iter().all(|part| match part {
            Part::Literal(text) => !text.is_empty(),
            Part::Star => true,
            Part::Any | Part::Class(_) | Part::Group(_) | Part::Capture(_) => false,
        })
}

/// A text, by its number, and where in the value it must be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Piece(u32);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Anywhere,
    /// At the beginning of the value.
    Beginning,
    /// At its end.
    End,
}

impl Piece {
    const fn new(text: u32, place: Place) -> Self {
        Self(text << 2 | place as u32)
    }

    #[inline]
    const fn text(self) -> u32 {
        self.0 >> 2
    }

    #[inline]
    const fn place(self) -> Place {
        match self.0 & 3 {
            0 => Place::Anywhere,
            1 => Place::Beginning,
            _ => Place::End,
        }
    }
}

/// A pattern on its way into the tree.
#[derive(Debug)]
struct Sequence {
    pieces: Vec<Piece>,
    rule: RuleId,
    entry: u32,
}

/// Patterns before there is a tree.
#[derive(Debug, Default)]
pub(super) struct Sequences<'d> {
    numbers: HashMap<&'d str, u32, FixedState>,
    texts: Vec<&'d str>,
    all: Vec<Sequence>,
}

impl<'d> Sequences<'d> {
    /// Adds the entry of that number, whose pattern [`is_pieces`].
    pub(super) fn add(&mut self, parts: &'d [Part], rule: RuleId, entry: u32) {
        let last = parts.len().saturating_sub(1);
        let mut pieces = Vec::with_capacity(parts.len().div_ceil(2));
        for (at, part) in parts.iter().enumerate() {
            if let Part::Literal(text) = part {
                let place = match at {
                    0 => Place::Beginning,
                    _ if at == last => Place::End,
                    _ => Place::Anywhere,
                };
                pieces.push(Piece::new(self.number(text), place));
            }
        }
        self.all.push(Sequence { pieces, rule, entry });
    }

    fn number(&mut self, text: &'d str) -> u32 {
        let next = self.texts.len() as u32;
        let number = *self.numbers.entry(text).or_insert(next);
        if number == next {
            self.texts.push(text);
        }
        number
    }
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The smallest rule from here on.
    smallest: RuleId,
    /// What leads here from the parent; nothing leads to the root.
    piece: Piece,
    /// What must follow it.
    rest: Span,
    /// Its children, by their pieces.
    children: Span,
    /// Patterns that end here, the smallest rule first.
    ends: Span,
}

/// A part of an array.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    const fn new(start: usize, len: usize) -> Self {
        Self { start: start as u32, len: len as u32 }
    }

    #[inline]
    fn of<T>(self, all: &[T]) -> &[T] {
        let start = self.start as usize;
        all.get(start..start + self.len as usize).unwrap_or_default()
    }
}

/// What finds all texts at once.
#[derive(Debug)]
enum Finder {
    /// One step per byte, at the price of memory.
    Few(Box<DFA>),
    Many(Box<NFA>),
}

/// So many bytes of texts are few.
const FEW: usize = 64;

impl Finder {
    /// `None` if there is nothing to find, or more than can be.
    fn new(texts: &[&str]) -> Option<Self> {
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        match bytes {
            0 => None,
            1..=FEW => {
                let dfa = DFA::builder().prefilter(false).build(texts).ok()?;
                Some(Self::Few(Box::new(dfa)))
            }
            _ => {
                let nfa = NFA::builder().prefilter(false).build(texts).ok()?;
                Some(Self::Many(Box::new(nfa)))
            }
        }
    }

    /// Bytes on the heap.
    fn memory_usage(&self) -> usize {
        match self {
            Self::Few(dfa) => size_of::<DFA>() + dfa.memory_usage(),
            Self::Many(nfa) => size_of::<NFA>() + nfa.memory_usage(),
        }
    }
}

/// The tree.
#[derive(Debug)]
pub(super) struct Pieces {
    /// `None` where there is no pattern, or more text than an automaton can hold.
    finder: Option<Finder>,
    /// The length of each text.
    lengths: Vec<u32>,
    /// The root first, children behind their parents.
    nodes: Vec<Node>,
    rests: Vec<Piece>,
    /// Entries by number.
    ends: Vec<u32>,
}

/// What a search needs to remember; nothing in it outlasts the value but its size.
#[derive(Debug)]
pub(super) struct PiecesCache {
    /// Per text, by which number `sights` knows it, or [`UNSEEN`].
    numbers: Vec<u32>,
    /// The texts that the value has, by that number.
    seen: Vec<u32>,
    /// Per text that the value has, a bit for each place where one begins.
    sights: Vec<u64>,
    /// Nodes reached but not opened, and where.
    reached: BinaryHeap<Reverse<(RuleId, u32, usize)>>,
}

const UNSEEN: u32 = u32::MAX;

impl Pieces {
    pub(super) fn new(sequences: Sequences<'_>) -> Self {
        let Sequences { texts, all, .. } = sequences;
        let mut this = Self {
            finder: Finder::new(&texts),
            lengths: texts.iter().map(|text| text.len() as u32).collect(),
            nodes: Vec::new(),
            rests: Vec::new(),
            ends: Vec::with_capacity(all.len()),
        };
        if !all.is_empty() {
            this.plant(all);
        }
        this.nodes.shrink_to_fit();
        this.rests.shrink_to_fit();
        this
    }

    fn plant(&mut self, mut all: Vec<Sequence>) {
        all.sort_unstable_by(|a, b| {
            a.pieces.cmp(&b.pieces).then_with(|| (a.rule, a.entry).cmp(&(b.rule, b.entry)))
        });
        // Per node, its patterns and how many of their pieces lead to its parent.
        let mut todo = vec![(&all[..], 0)];
        let mut at = 0;
        while let Some((same, depth)) = todo.get(at).copied() {
            let common = if at == 0 { 0 } else { common(same) };
            let (ending, longer) =
                same.split_at(same.partition_point(|it| it.pieces.len() == common));
            let way = same.first().and_then(|it| it.pieces.get(depth..common)).unwrap_or_default();
            let rest = way.get(1..).unwrap_or_default();
            let children = todo.len();
            let next = |it: &Sequence| it.pieces.get(common).copied();
            todo.extend(longer.chunk_by(|a, b| next(a) == next(b)).map(|same| (same, common)));
            self.nodes.push(Node {
                smallest: ending.first().map_or(NO_RULE, |it| it.rule),
                piece: way.first().copied().unwrap_or(Piece(0)),
                rest: Span::new(self.rests.len(), rest.len()),
                children: Span::new(children, todo.len() - children),
                ends: Span::new(self.ends.len(), ending.len()),
            });
            self.rests.extend_from_slice(rest);
            self.ends.extend(ending.iter().map(|it| it.entry));
            at += 1;
        }
        for at in (0..self.nodes.len()).rev() {
            let below = self.nodes.get(at).map(|node| node.children.of(&self.nodes));
            let below = below.unwrap_or_default().iter().map(|child| child.smallest).min();
            if let Some(node) = self.nodes.get_mut(at) {
                node.smallest = node.smallest.min(below.unwrap_or(NO_RULE));
            }
        }
    }

    pub(super) fn cache(&self) -> PiecesCache {
        PiecesCache {
            numbers: vec![UNSEEN; self.lengths.len()],
            seen: Vec::new(),
            sights: Vec::new(),
            reached: BinaryHeap::new(),
        }
    }

    #[inline]
    pub(super) fn search(
        &self,
        value: &str,
        entries: &Entries,
        cache: &mut PiecesCache,
        found: &mut Found<'_>,
    ) {
        if !self.nodes.first().is_some_and(|root| found.wants(root.smallest)) {
            return;
        }
        if self.see(value, cache).is_none() {
            self.ends.iter().for_each(|entry| entries.check(*entry, value, found));
        } else if !cache.seen.is_empty() {
            Walk { pieces: self, value, entries, cache }.run(found);
        }
    }

    /// Finds the texts of the value. `None` if that takes too much.
    fn see(&self, value: &str, cache: &mut PiecesCache) -> Option<()> {
        for text in cache.seen.drain(..) {
            *cache.numbers.get_mut(text as usize)? = UNSEEN;
        }
        cache.sights.clear();
        match self.finder.as_ref()? {
            Finder::Few(dfa) => self.mark(&**dfa, value, cache),
            Finder::Many(nfa) => self.mark(&**nfa, value, cache),
        }
    }

    fn mark<F: Automaton>(&self, finder: &F, value: &str, cache: &mut PiecesCache) -> Option<()> {
        let words = value.len() / 64 + 1;
        let mut state = finder.start_state(Anchored::No).ok()?;
        for (at, byte) in value.bytes().enumerate() {
            state = finder.next_state(Anchored::No, state, byte);
            if !finder.is_match(state) {
                continue;
            }
            for index in 0..finder.match_len(state) {
                let text = finder.match_pattern(state, index).as_usize();
                let start = at + 1 - *self.lengths.get(text)? as usize;
                let number = cache.numbers.get_mut(text)?;
                if *number == UNSEEN {
                    *number = cache.seen.len() as u32;
                    cache.seen.push(text as u32);
                    if cache.sights.len() + words > MOST_WORDS {
                        return None;
                    }
                    cache.sights.resize(cache.sights.len() + words, 0);
                }
                let word = *number as usize * words + start / 64;
                *cache.sights.get_mut(word)? |= 1 << (start % 64);
            }
        }
        Some(())
    }

    /// Bytes on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        let finder = self.finder.as_ref().map_or(0, Finder::memory_usage);
        finder
            + self.lengths.capacity() * size_of::<u32>()
            + self.nodes.capacity() * size_of::<Node>()
            + self.rests.capacity() * size_of::<Piece>()
            + self.ends.capacity() * size_of::<u32>()
    }
}

/// How many pieces all of these sorted sequences begin with.
fn common(sorted: &[Sequence]) -> usize {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
        return 0;
    };
    first.pieces.iter().zip(&last.pieces).take_while(|(a, b)| a == b).count()
}

/// A value on its way through the tree.
struct Walk<'w> {
    pieces: &'w Pieces,
    value: &'w str,
    entries: &'w Entries,
    cache: &'w mut PiecesCache,
}

impl Walk<'_> {
    fn run(mut self, found: &mut Found<'_>) {
        self.cache.reached.clear();
        self.open(0, 0, found);
        while let Some(Reverse((smallest, node, at))) = self.cache.reached.pop() {
            if !found.wants(smallest) {
                return;
            }
            self.open(node, at, found);
        }
    }

    /// Reaches for the children of a node that was reached at `at`.
    fn open(&mut self, node: u32, at: usize, found: &mut Found<'_>) {
        let pieces = self.pieces;
        let Some(node) = pieces.nodes.get(node as usize) else {
            return;
        };
        let children = node.children.of(&pieces.nodes);
        if children.len() <= self.cache.seen.len() {
            for (child, number) in children.iter().zip(node.children.start..) {
                self.reach(child, number, at, found);
            }
            return;
        }
        for seen in 0..self.cache.seen.len() {
            let Some(text) = self.cache.seen.get(seen).copied() else {
                return;
            };
            let before = children.partition_point(|child| child.piece.text() < text);
            let from = children.get(before..).unwrap_or_default();
            let with_text = from.iter().take_while(|child| child.piece.text() == text);
            for (child, number) in with_text.zip(node.children.start + before as u32..) {
                self.reach(child, number, at, found);
            }
        }
    }

    #[inline]
    fn reach(&mut self, node: &Node, number: u32, from: usize, found: &mut Found<'_>) {
        if !found.wants(node.smallest) {
            return;
        }
        let rest = node.rest.of(&self.pieces.rests);
        let way = std::iter::once(&node.piece).chain(rest);
        let mut way = way.copied();
        let Some(at) = way.try_fold(from, |at, piece| self.behind(piece, at)) else {
            return;
        };
        self.take(node, found);
        if node.children.len > 0 && found.wants(node.smallest) {
            self.cache.reached.push(Reverse((node.smallest, number, at)));
        }
    }

    /// Takes what ends at a node that was reached.
    fn take(&self, node: &Node, found: &mut Found<'_>) {
        for end in node.ends.of(&self.pieces.ends) {
            if let Some(entry) = self.entries.all.get(*end as usize)
                && found.wants(entry.rule)
            {
                found.pass(entry.rule, entry.track);
            }
        }
    }

    /// Where the first such piece from `from` on ends.
    #[inline]
    fn behind(&self, piece: Piece, from: usize) -> Option<usize> {
        let text = piece.text() as usize;
        let number = *self.cache.numbers.get(text)?;
        if number == UNSEEN {
            return None;
        }
        let len = *self.pieces.lengths.get(text)? as usize;
        let words = self.value.len() / 64 + 1;
        let start = number as usize * words;
        let sights = self.cache.sights.get(start..start + words)?;
        match piece.place() {
            Place::Anywhere => next(sights, from).map(|at| at + len),
            Place::Beginning => (sights.first()? & 1 == 1).then_some(len),
            Place::End => {
                let at = self.value.len().checked_sub(len).filter(|at| *at >= from)?;
                (sights.get(at / 64)? >> (at % 64) & 1 == 1).then_some(self.value.len())
            }
        }
    }
}

/// The first bit from `from` on.
#[inline]
fn next(words: &[u64], from: usize) -> Option<usize> {
    let mut at = from / 64;
    let mut word = words.get(at)? & (u64::MAX << (from % 64));
    while word == 0 {
        at += 1;
        word = *words.get(at)?;
    }
    Some(at * 64 + word.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::rules::ir::Pattern;
    use crate::rules::table::TrackId;
    use crate::rules::table::text::{Reading, Strategy as Kept, TextCache, TextTable, Wanted};

    /// Texts with stars between them, and with or without one before and behind.
    fn pattern(texts: &[&str], (before, behind): (bool, bool)) -> Pattern {
        let mut parts = if before { vec![Part::Star] } else { Vec::new() };
        for text in texts {
            parts.extend([Part::Literal((*text).to_owned()), Part::Star]);
        }
        if !behind {
            parts.pop();
        }
        Pattern { parts }
    }

    fn patterns() -> impl Strategy<Value = Vec<Pattern>> {
        const TEXTS: [&[&str]; 3] = [&["a", "b"], &["a", "aa", "ab", "é"], &["aab", "aba", "b"]];
        let texts = select(&TEXTS[..]).prop_flat_map(|texts| vec(select(texts), 1..8));
        let one = (texts, any::<(bool, bool)>());
        vec(one.prop_map(|(texts, stars)| pattern(&texts, stars)), 200..400)
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof!["[abé]{0,12}", "[ab]{0,40}", "a{0,9}", "[abcé]{50,150}"]
    }

    fn crowded(table: &TextTable) -> usize {
        let patterns = table.describe();
        patterns.iter().filter(|it| it.reason.strategy() == Kept::Pieces).count()
    }

    /// The smallest rule found, and the rules of the tracks found.
    fn search(
        table: &TextTable,
        cache: &mut TextCache,
        value: &str,
        decided: &[RuleId],
    ) -> (RuleId, Vec<u32>) {
        let mut reading = Reading::default();
        reading.read(value.as_bytes());
        let mut tracks = Vec::new();
        let mut found = Found { best: NO_RULE, tracks: &mut tracks, decided };
        table.search(value, &reading, cache, &mut found);
        let best = found.best;
        let mut tracks: Vec<_> = tracks.into_iter().map(|track| track.0).collect();
        tracks.sort_unstable();
        tracks.dedup();
        (best, tracks)
    }

    /// Pattern `n` is of rule `n`; of every `every` patterns one decides its rule and the others
    /// are tracks.
    fn holds(patterns: &[Pattern], every: usize, values: &[String]) -> Result<(), TestCaseError> {
        let decides = |n: usize| n % every == every - 1;
        let wanted = patterns.iter().enumerate().map(|(n, pattern)| Wanted {
            pattern,
            rule: RuleId(n as u32),
            track: if decides(n) { TrackId::NONE } else { TrackId(n as u32) },
        });
        let table = TextTable::new(&wanted.collect::<Vec<_>>());
        prop_assert!(crowded(&table) > 32, "{}", crowded(&table));
        prop_assert!(table.memory_usage() < 300 * patterns.len() + 16_000);
        let decided = vec![NO_RULE; patterns.len()];
        let mut cache = table.cache();
        for value in values {
            let passed = patterns.iter().enumerate().filter(|(_, it)| it.matches(value));
            let passed: Vec<_> = passed.map(|(n, _)| n).collect();
            let first = passed.iter().copied().find(|n| decides(*n));
            let (best, tracks) = search(&table, &mut cache, value, &decided);
            prop_assert_eq!(best, first.map_or(NO_RULE, |n| RuleId(n as u32)), "{}", value);
            // What lies behind the best may be found or not, but must have passed.
            let before = |n: &&usize| !decides(**n) && **n < best.0 as usize;
            for n in passed.iter().filter(before) {
                prop_assert!(tracks.contains(&(*n as u32)), "{} on {}", n, value);
            }
            for n in tracks {
                prop_assert!(passed.contains(&(n as usize)), "{} on {}", n, value);
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(120) })]

        #[test]
        fn crowds_are_decided(
            patterns in patterns(), every in select(&[1_usize, 2, 40, 1000][..]),
            values in vec(value(), 10..30),
        ) {
            holds(&patterns, every, &values)?;
        }
    }

    #[test]
    fn texts_neither_overlap_nor_leave_their_place() {
        let crowd = (0..60_u32).map(|n| {
            let texts = (0..6).map(|bit| if n >> bit & 1 == 1 { "aa" } else { "b" });
            pattern(&texts.collect::<Vec<_>>(), (n % 2 == 0, n % 3 == 0))
        });
        let mut all: Vec<_> = crowd.collect();
        let stars = [(true, true), (true, false), (false, true), (false, false)];
        all.extend(stars.map(|stars| pattern(&["aa", "aa"], stars)));
        all.extend(stars.map(|stars| pattern(&["b", "aa", "aa"], stars)));
        // Deep in the tree, each within the next.
        all.extend((2..80).map(|n| pattern(&vec!["aa"; n], (true, true))));
        let values = ["", "a", "aa", "aaa", "aaaa", "baaa", "baaaa", "baaaab", "aabaa", "abaaba"];
        let mut values = values.map(str::to_owned).to_vec();
        values.extend([63, 64, 65, 127, 128, 129].map(|n| "a".repeat(n)));
        holds(&all, 1000, &values).unwrap();
        holds(&all, 1, &values).unwrap();
    }

    #[test]
    fn values_too_long_to_mark_are_held_to_every_pattern() {
        let words: Vec<_> = ('a'..='t').map(String::from).collect();
        let pairs = words.iter().flat_map(|a| words.iter().map(move |b| [a.as_str(), b.as_str()]));
        let all: Vec<_> = pairs.map(|pair| pattern(&pair, (true, true))).collect();
        let mut long = words.concat();
        long.push_str(&"x".repeat(MOST_WORDS * 64 / words.len()));
        // The short one again, to see that nothing is left of the long one.
        holds(&all, 1000, &["ba".to_owned(), long, "ba".to_owned()]).unwrap();
    }
}
