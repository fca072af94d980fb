//! Automata that follow many languages of texts at once.
//!
//! An automaton is a set of *places*, each the wish to read one character, or the end. Reading a
//! character leads from the places it suits to the places next to them; a text belongs to a
//! language if reading it can lead to its end. There are no empty moves: they are gone when a
//! language is built, from its end to its beginning.
//!
//! INVARIANT (backwards): of two places in a sequence the later has the smaller number. So where a
//! `*` outside all braces is reached, the places with greater numbers are no longer needed:
//! whatever they would still accept, it accepts too. This keeps `*a*b*c*` from growing a set of
//! places for every subset of its letters.

use std::collections::HashMap;
use std::iter;
use std::ops::Range;

use foldhash::fast::FixedState;
use unicode_normalization::is_nfc;

use super::chars::{CharSet, LAST};
use super::normal::{Role, role};

/// A language, by the order in which languages were built.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LanguageId(u32);

/// A place in an automaton.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PlaceId(u32);

/// What a character must be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum CharTest {
    /// Whatever it is.
    Any,
    /// This one.
    Only(char),
    /// Any but this one.
    Except(char),
    /// One of these.
    In(CharSet),
}

impl CharTest {
    /// Whether the character passes.
    #[must_use]
    pub fn passes(&self, c: char) -> bool {
        match self {
            Self::Any => true,
            Self::Only(only) => c == *only,
            Self::Except(but) => c != *but,
            Self::In(set) => set.contains(c),
        }
    }

    /// Whether a kind of character that it singles out may have none but those that combine with
    /// what is before them.
    fn is_about_marks(&self) -> bool {
        const FIRST_MARK: u32 = 0x300;
        match self {
            Self::Any => false,
            Self::Only(c) | Self::Except(c) => role(*c) == Role::Attaches,
            // What lies below and what lies above all borders has plain characters in it.
            Self::In(set) => set
                .ranges()
                .iter()
                .any(|(from, to)| *from > FIRST_MARK || (FIRST_MARK..LAST).contains(to)),
        }
    }
}

#[derive(Debug)]
struct Place {
    language: LanguageId,
    /// What it reads; an index into the tests, `None` at the end.
    test: Option<u32>,
    /// The places after it, in the pool.
    next: Range<usize>,
    /// How many characters are still to come, at least.
    need: u32,
    /// Whether it is a `*` outside all braces.
    sweeps: bool,
    /// Whether every text is accepted from here.
    total: bool,
}

#[derive(Debug)]
struct Language {
    entry: Vec<PlaceId>,
    /// A smallest member, where it is known.
    least: Option<String>,
    about_marks: bool,
    /// Whether it was too large to be built to the end.
    cut: bool,
}

/// How many steps between its places a language may have. Only rows of optional braces come near.
const MOST_STEPS: usize = 1 << 18;

/// Languages and their places.
#[derive(Debug, Default)]
pub struct Automata {
    places: Vec<Place>,
    pool: Vec<PlaceId>,
    tests: Vec<CharTest>,
    test_ids: HashMap<CharTest, u32, FixedState>,
    languages: Vec<Language>,
}

/// A language being built, from its end to its beginning.
#[derive(Debug)]
pub struct Draft<'a> {
    automata: &'a mut Automata,
    id: LanguageId,
    about_marks: bool,
    /// Where its steps begin in the pool.
    start: usize,
}

/// Where one can stand before a part of a text.
pub type Entry = Vec<PlaceId>;

impl Draft<'_> {
    /// Where the text ends.
    pub fn end(&mut self) -> Entry {
        vec![self.place(None, &[], 0)]
    }

    /// One character, then `next`.
    pub fn one(&mut self, test: CharTest, next: &[PlaceId]) -> Entry {
        let need = self.need(next).saturating_add(1);
        vec![self.place(Some(test), next, need)]
    }

    /// One or more characters, then `next`.
    pub fn run(&mut self, test: CharTest, next: &[PlaceId]) -> Entry {
        let need = self.need(next).saturating_add(1);
        let id = self.place(Some(test), next, need);
        self.also_itself(id);
        vec![id]
    }

    /// Any characters or none, then `next`; `outside` all braces or not.
    pub fn star(&mut self, outside: bool, next: &[PlaceId]) -> Entry {
        let need = self.need(next);
        let id = self.place(Some(CharTest::Any), next, need);
        self.also_itself(id);
        if let Some(place) = self.automata.places.get_mut(id.0 as usize) {
            place.sweeps = outside;
            place.total = need == 0;
        }
        next.iter().copied().chain([id]).collect()
    }

    /// Ends the draft. `least` is a smallest member where the caller knows one; it need not be in
    /// NFC, and is then of no use.
    pub fn finish(self, mut entry: Entry, least: Option<String>) -> LanguageId {
        entry.sort_unstable();
        entry.dedup();
        let least = least.filter(|text| is_nfc(text));
        self.automata.sweep(&mut entry);
        let cut = self.is_cut();
        let about_marks = self.about_marks;
        self.automata.languages.push(Language { entry, least, about_marks, cut });
        self.id
    }

    fn need(&self, next: &[PlaceId]) -> u32 {
        self.automata.need(next)
    }

    const fn is_cut(&self) -> bool {
        self.automata.pool.len() - self.start > MOST_STEPS
    }

    fn place(&mut self, test: Option<CharTest>, next: &[PlaceId], need: u32) -> PlaceId {
        self.about_marks |= test.as_ref().is_some_and(CharTest::is_about_marks);
        let next = if self.is_cut() { &[] } else { next };
        let automata = &mut *self.automata;
        let start = automata.pool.len();
        automata.pool.extend_from_slice(next);
        let test = test.map(|test| automata.test(test));
        let id = PlaceId(number(automata.places.len()));
        automata.places.push(Place {
            language: self.id,
            test,
            next: start..automata.pool.len(),
            need,
            sweeps: false,
            total: false,
        });
        id
    }

    /// The place just made can be read from again.
    fn also_itself(&mut self, id: PlaceId) {
        self.automata.pool.push(id);
        if let Some(place) = self.automata.places.get_mut(id.0 as usize) {
            place.next.end += 1;
            debug_assert_eq!(place.next.end, self.automata.pool.len());
        }
    }
}

/// Memory ends before numbers do.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Automata {
    /// Begins a language.
    pub fn draft(&mut self) -> Draft<'_> {
        let id = LanguageId(number(self.languages.len()));
        let start = self.pool.len();
        Draft { automata: self, id, about_marks: false, start }
    }

    /// Every text but this one.
    pub fn all_but(&mut self, text: &str) -> LanguageId {
        let mut draft = self.draft();
        let end = draft.end();
        let more = draft.star(true, &end);
        // Beyond the whole text at least one character is needed; before that, none.
        let mut entry = draft.one(CharTest::Any, &more);
        for c in text.chars().rev() {
            let mut before = draft.one(CharTest::Except(c), &more);
            before.extend(draft.one(CharTest::Only(c), &entry));
            before.extend(&end);
            before.sort_unstable();
            entry = before;
        }
        let least = if text.is_empty() { None } else { Some(String::new()) };
        draft.finish(entry, least)
    }

    fn test(&mut self, test: CharTest) -> u32 {
        if let Some(id) = self.test_ids.get(&test) {
            return *id;
        }
        let id = number(self.tests.len());
        self.tests.push(test.clone());
        self.test_ids.insert(test, id);
        id
    }

    fn place(&self, id: PlaceId) -> &Place {
        &self.places[id.0 as usize]
    }

    fn language(&self, id: LanguageId) -> &Language {
        &self.languages[id.0 as usize]
    }

    /// A smallest member of the language in NFC, where it is known without a search.
    #[must_use]
    pub fn least(&self, id: LanguageId) -> Option<&str> {
        self.language(id).least.as_deref()
    }

    /// Whether the language was too large to be built, so that nothing can be said about it.
    #[must_use]
    pub fn is_cut(&self, id: LanguageId) -> bool {
        self.language(id).cut
    }

    /// Whether the language singles out characters that combine with others.
    #[must_use]
    pub fn is_about_marks(&self, id: LanguageId) -> bool {
        self.language(id).about_marks
    }

    /// The places of all these languages before the first character; the languages in order.
    #[must_use]
    pub fn entry(&self, languages: &[LanguageId]) -> Vec<PlaceId> {
        languages.iter().flat_map(|id| &self.language(*id).entry).copied().collect()
    }

    /// How many places can follow a place.
    #[must_use]
    pub fn ahead(&self, id: PlaceId) -> usize {
        self.place(id).next.len()
    }

    /// The language that a place belongs to.
    #[must_use]
    pub fn language_of(&self, place: PlaceId) -> LanguageId {
        self.place(place).language
    }

    /// Whether a text can end here.
    #[must_use]
    pub fn is_end(&self, place: PlaceId) -> bool {
        self.place(place).test.is_none()
    }

    /// Whether every text is accepted from here.
    #[must_use]
    pub fn is_total(&self, place: PlaceId) -> bool {
        self.place(place).total
    }

    /// How many characters are still to come from one of these places, at least.
    #[must_use]
    pub fn need(&self, places: &[PlaceId]) -> u32 {
        places.iter().map(|id| self.place(*id).need).min().unwrap_or(u32::MAX)
    }

    /// The tests of these places, none twice, in a fixed order.
    #[must_use]
    pub fn tests_of<'p>(&self, places: impl IntoIterator<Item = &'p PlaceId>) -> Vec<u32> {
        let mut tests: Vec<_> = places.into_iter().filter_map(|id| self.place(*id).test).collect();
        tests.sort_unstable();
        tests.dedup();
        tests
    }

    /// A test by its number.
    #[must_use]
    pub fn test_of(&self, test: u32) -> &CharTest {
        &self.tests[test as usize]
    }

    /// The places of the same language at the beginning of `places`, and the rest.
    #[must_use]
    pub fn split_language<'p>(
        &self,
        places: &'p [PlaceId],
    ) -> Option<(&'p [PlaceId], &'p [PlaceId])> {
        let language = self.language_of(*places.first()?);
        let length = places.iter().take_while(|id| self.language_of(**id) == language).count();
        Some(places.split_at(length))
    }

    /// The places per language.
    pub fn by_language<'p>(&self, places: &'p [PlaceId]) -> impl Iterator<Item = &'p [PlaceId]> {
        let mut rest = places;
        iter::from_fn(move || {
            let (group, after) = self.split_language(rest)?;
            rest = after;
            Some(group)
        })
    }

    /// The places after reading `c`, in order, without those that others make superfluous.
    #[must_use]
    pub fn step(&self, places: &[PlaceId], c: char) -> Vec<PlaceId> {
        let mut after = Vec::with_capacity(places.len() + 1);
        for id in places {
            let place = self.place(*id);
            if place.test.is_some_and(|test| self.test_of(test).passes(c)) {
                after.extend_from_slice(&self.pool[place.next.clone()]);
            }
        }
        after.sort_unstable();
        after.dedup();
        self.sweep(&mut after);
        after
    }

    /// Drops, language by language, the places before the last `*` reached (INVARIANT backwards).
    fn sweep(&self, places: &mut Vec<PlaceId>) {
        let mut swept = None;
        places.retain(|id| {
            let place = self.place(*id);
            let keep = swept != Some(place.language);
            if place.sweeps {
                swept = Some(place.language);
            }
            keep
        });
    }

    /// Whether the text belongs to the language.
    #[must_use]
    pub fn accepts(&self, language: LanguageId, text: &str) -> bool {
        let mut places = self.language(language).entry.clone();
        for c in text.chars() {
            if places.is_empty() || places.iter().any(|id| self.is_total(*id)) {
                break;
            }
            places = self.step(&places, c);
        }
        places.iter().any(|id| self.is_total(*id) || self.is_end(*id))
    }
}

impl PlaceId {
    /// A number that tells places apart about as well, without their order.
    #[must_use]
    pub const fn scattered(self) -> u32 {
        self.0.wrapping_mul(0x9E37_79B1) >> 16
    }
}
