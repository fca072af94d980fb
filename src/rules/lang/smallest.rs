//! The smallest text that belongs to some languages and not to others.
//!
//! All automata read together, one character at a time. A *state* holds the places of the required
//! languages, those of the excluded, and what normal form allows next. The search goes through
//! states in the order of the shortest text that might still come of them (A*), so that the first
//! text accepted is a smallest.
//!
//! Three things keep the number of states small:
//!
//! - **Characters nobody tells apart are one.** Per state, only the tests at its own places count;
//!   of the characters that pass the same of them, one is tried, a nice one. It has to be one that
//!   normal form has no say in, else all of them are tried.
//! - **Hopeless states are dropped**: a required language has no place left, or an excluded one
//!   accepts whatever follows.
//! - **So are states that another outdoes** (an *antichain*: De Wulf, Doyen, Henzinger and Raskin,
//!   "Antichains: a new algorithm for checking universality of finite automata", CAV 2006). A state
//!   with all the required places of another and none but its excluded ones, reached by a text no
//!   longer, can end wherever the other can.
//!
//! The worst case remains exponential, as the question is PSPACE-complete; hence the [`Meter`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::rc::Rc;

use foldhash::fast::FixedState;

use super::automaton::{Automata, CharTest, LanguageId, PlaceId};
use super::chars::{LAST, nice, unpleasantness};
use super::meter::{Exhausted, Meter};
use super::normal::{Role, Tail, is_inert, role};

/// How many characters of one kind are tried one by one, where normal form tells them apart.
const MOST_OF_A_KIND: usize = 1024;

/// Finds smallest texts, and remembers what it found.
#[derive(Debug, Default)]
pub struct Smallest {
    /// The languages.
    pub automata: Automata,
    found: HashMap<Question, Option<Rc<str>>, FixedState>,
    /// The characters to try, by the tests that may tell them apart and whether marks matter.
    letters: HashMap<(Vec<u32>, bool), Rc<[char]>, FixedState>,
}

/// In all languages of the first list, in none of the second; both in order.
type Question = (Box<[LanguageId]>, Box<[LanguageId]>);

impl Smallest {
    /// The smallest text in NFC that belongs to all the `required` languages, at least one, and to
    /// none of the `excluded`; both lists are in order, without repeats. The same question is
    /// answered from memory.
    ///
    /// # Errors
    ///
    /// When the work allowed does not suffice.
    pub fn find(
        &mut self,
        required: &[LanguageId],
        excluded: &[LanguageId],
        meter: &mut Meter,
    ) -> Result<Option<Rc<str>>, Exhausted> {
        meter.spend(1)?;
        if required.iter().chain(excluded).any(|id| self.automata.is_cut(*id)) {
            return Err(Exhausted);
        }
        if excluded.is_empty()
            && let [one] = required
            && let Some(least) = self.automata.least(*one)
        {
            return Ok(Some(least.into()));
        }
        let question: Question = (required.into(), excluded.into());
        if let Some(found) = self.found.get(&question) {
            return Ok(found.clone());
        }
        let found = match self.obvious(required, excluded, meter)? {
            Some(text) => Some(text.into()),
            None => Search::new(self, required, excluded).run(meter)?,
        };
        self.found.insert(question, found.clone());
        Ok(found)
    }

    /// The smallest member of one language, if it is as long as any can be and all others agree.
    fn obvious(
        &self,
        required: &[LanguageId],
        excluded: &[LanguageId],
        meter: &mut Meter,
    ) -> Result<Option<&str>, Exhausted> {
        let needs = required.iter().map(|id| self.automata.need(&self.automata.entry(&[*id])));
        let Some(need) = needs.max() else { return Ok(None) };
        let least = required.iter().filter_map(|id| self.automata.least(*id));
        for text in least.filter(|text| text.chars().count() == need as usize) {
            meter.spend((required.len() + excluded.len()) as u64)?;
            if required.iter().all(|id| self.automata.accepts(*id, text))
                && !excluded.iter().any(|id| self.automata.accepts(*id, text))
            {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }
}

/// Where all automata stand after a text.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    required: Vec<PlaceId>,
    excluded: Vec<PlaceId>,
    tail: Tail,
}

/// A state and the text that leads there.
#[derive(Debug)]
struct Reached {
    state: State,
    /// Which bits of a word the places hash to: a quick no to "is a part of".
    required_bits: u64,
    excluded_bits: u64,
    length: u32,
    /// The state before and the character read there; `None` at the beginning.
    from: Option<(usize, char)>,
}

struct Search<'s> {
    smallest: &'s mut Smallest,
    languages: usize,
    /// Whether normal form can have a say.
    marks: bool,
    reached: Vec<Reached>,
    known: HashMap<State, u32, FixedState>,
    /// By the length of the text in the end, at least; then by what is still to come; then by age.
    queue: BinaryHeap<Reverse<(u32, u32, usize)>>,
    start: State,
}

impl<'s> Search<'s> {
    fn new(smallest: &'s mut Smallest, required: &[LanguageId], excluded: &[LanguageId]) -> Self {
        let automata = &smallest.automata;
        let marks = required.iter().chain(excluded).any(|id| automata.is_about_marks(*id));
        let start = State {
            required: automata.entry(required),
            excluded: automata.entry(excluded),
            tail: Tail::default(),
        };
        let (reached, known, queue) = (Vec::new(), HashMap::default(), BinaryHeap::new());
        Self { smallest, languages: required.len(), marks, reached, known, queue, start }
    }

    fn run(&mut self, meter: &mut Meter) -> Result<Option<Rc<str>>, Exhausted> {
        let start = self.start.clone();
        self.reach(start, 0, None, meter)?;
        while let Some(Reverse((_, _, at))) = self.queue.pop() {
            meter.spend(1)?;
            let Some(Reached { state, length, .. }) = self.reached.get(at) else { break };
            if self.accepts(state) {
                return Ok(Some(self.text(at)));
            }
            let (state, length) = (state.clone(), length + 1);
            let places = state.required.iter().chain(&state.excluded);
            let ahead: usize = places.map(|id| self.automata().ahead(*id)).sum();
            for &c in &*self.letters(&state, meter)? {
                meter.spend(ahead as u64 / 64)?;
                if let Some(after) = self.after(&state, c) {
                    self.reach(after, length, Some((at, c)), meter)?;
                }
            }
        }
        Ok(None)
    }

    fn automata(&self) -> &Automata {
        &self.smallest.automata
    }

    fn accepts(&self, state: &State) -> bool {
        let ends = |places: &[PlaceId]| places.iter().any(|id| self.automata().is_end(*id));
        self.automata().by_language(&state.required).all(ends) && !ends(&state.excluded)
    }

    /// The state after one more character; `None` where there is no hope.
    fn after(&self, state: &State, c: char) -> Option<State> {
        let tail = if self.marks { state.tail.then(c)? } else { Tail::default() };
        let required = self.automata().step(&state.required, c);
        if self.automata().by_language(&required).count() < self.languages {
            return None;
        }
        let excluded = self.automata().step(&state.excluded, c);
        Some(State { required, excluded, tail })
    }

    /// Puts a state into the queue, unless there is no hope in it or another outdoes it.
    fn reach(
        &mut self,
        state: State,
        length: u32,
        from: Option<(usize, char)>,
        meter: &mut Meter,
    ) -> Result<(), Exhausted> {
        meter.spend(1 + (state.required.len() + state.excluded.len()) as u64 / 16)?;
        if state.excluded.iter().any(|id| self.automata().is_total(*id))
            || self.known.get(&state).is_some_and(|known| *known <= length)
        {
            return Ok(());
        }
        let required_bits = bits(&state.required);
        let excluded_bits = bits(&state.excluded);
        let places = (state.required.len() + state.excluded.len()) as u64;
        meter.spend(self.reached.len() as u64 * (1 + places / 256) / 64)?;
        let outdone = self.reached.iter().any(|other| {
            required_bits & !other.required_bits == 0
                && other.excluded_bits & !excluded_bits == 0
                && other.length <= length
                && other.state.tail.allows_all_of(state.tail)
                && is_part(&state.required, &other.state.required)
                && is_part(&other.state.excluded, &state.excluded)
        });
        if outdone {
            return Ok(());
        }
        let needs = self.automata().by_language(&state.required).map(|it| self.automata().need(it));
        let need = needs.max().unwrap_or_default();
        self.queue.push(Reverse((length.saturating_add(need), need, self.reached.len())));
        self.known.insert(state.clone(), length);
        self.reached.push(Reached { state, required_bits, excluded_bits, length, from });
        Ok(())
    }

    fn text(&self, mut at: usize) -> Rc<str> {
        let mut letters = Vec::new();
        while let Some((before, c)) = self.reached.get(at).and_then(|reached| reached.from) {
            letters.push(c);
            at = before;
        }
        letters.iter().rev().collect::<String>().into()
    }

    /// The characters to try: for every kind that the tests here tell apart, a nice one.
    fn letters(&mut self, state: &State, meter: &mut Meter) -> Result<Rc<[char]>, Exhausted> {
        if let Some(few) = self.only(&state.required) {
            return Ok(few);
        }
        let places = state.required.iter().chain(&state.excluded);
        let key = (self.automata().tests_of(places), self.marks);
        if let Some(letters) = self.smallest.letters.get(&key) {
            return Ok(Rc::clone(letters));
        }
        let tests: Vec<_> = key.0.iter().map(|id| self.automata().test_of(*id)).collect();
        let letters: Rc<[char]> = letters(&tests, self.marks, meter)?.into();
        self.smallest.letters.insert(key, Rc::clone(&letters));
        Ok(letters)
    }

    /// The characters that a required language leaves, if it leaves only some by name.
    fn only(&self, required: &[PlaceId]) -> Option<Rc<[char]>> {
        self.automata().by_language(required).find_map(|places| {
            let tests = self.automata().tests_of(places);
            let names = tests.iter().map(|test| match self.automata().test_of(*test) {
                CharTest::Only(c) => Some(*c),
                CharTest::Any | CharTest::Except(_) | CharTest::In(_) => None,
            });
            names.collect()
        })
    }
}

fn bits(places: &[PlaceId]) -> u64 {
    places.iter().fold(0, |bits, id| bits | 1 << (id.scattered() % 64))
}

/// Whether all of `part` is in `whole`; both in order.
fn is_part(part: &[PlaceId], whole: &[PlaceId]) -> bool {
    let mut whole = whole.iter();
    part.len() <= whole.len() && part.iter().all(|id| whole.any(|other| other == id))
}

/// The characters to try where these tests are all that tells characters apart, the nicest first.
fn letters(tests: &[&CharTest], marks: bool, meter: &mut Meter) -> Result<Vec<char>, Exhausted> {
    // A kind is a set of ranges on whose characters all tests agree.
    let mut borders = vec![0, LAST + 1];
    for test in tests {
        match test {
            CharTest::Any => {}
            CharTest::Only(c) | CharTest::Except(c) => {
                borders.extend([u32::from(*c), u32::from(*c) + 1]);
            }
            CharTest::In(set) => {
                borders.extend(set.ranges().iter().flat_map(|(from, to)| [*from, to + 1]));
            }
        }
    }
    borders.sort_unstable();
    borders.dedup();
    meter.spend(borders.len() as u64 / 8)?;
    let mut kinds: BTreeMap<Vec<bool>, Vec<(u32, u32)>> = BTreeMap::new();
    for two in borders.windows(2) {
        let &[from, after] = two else { continue };
        // Ranges of surrogates alone hold no character.
        if let Some(first) = (from..after).find_map(char::from_u32) {
            let passed = tests.iter().map(|test| test.passes(first)).collect();
            kinds.entry(passed).or_default().push((from, after - 1));
        }
    }
    let mut letters = Vec::new();
    for ranges in kinds.values() {
        letters.extend(examples(ranges, marks, meter)?);
    }
    letters.sort_unstable_by_key(|c| unpleasantness(*c));
    Ok(letters)
}

/// A character that stands for all in these ranges, or else all of them that occur in NFC.
fn examples(ranges: &[(u32, u32)], marks: bool, meter: &mut Meter) -> Result<Vec<char>, Exhausted> {
    let inside = |c: &char| ranges.iter().any(|(from, to)| (*from..=*to).contains(&u32::from(*c)));
    let stands_for_all = |c: &char| if marks { is_inert(*c) } else { role(*c) == Role::Plain };
    if let Some(c) = nice().filter(inside).find(stands_for_all) {
        return Ok(vec![c]);
    }
    let mut all = Vec::new();
    for c in ranges.iter().flat_map(|(from, to)| *from..=*to).filter_map(char::from_u32) {
        meter.spend(1)?;
        if stands_for_all(&c) {
            return Ok(vec![c]);
        }
        if role(c) != Role::Never {
            all.push(c);
        }
        if all.len() > MOST_OF_A_KIND {
            return Err(Exhausted);
        }
    }
    Ok(all)
}
