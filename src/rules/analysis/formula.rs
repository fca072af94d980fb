//! Rules prepared for questions: patterns as languages, every test known by a number.
//!
//! A test wanted true or false is a [`Literal`]. The search makes cells of literals, and needs of a
//! condition only one thing: given a stream on which it is not as wanted, a list of literals, all
//! of them unlike that stream, of which every stream that is as wanted has at least one
//! ([`Formula::remedies`]).

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::rules::fields::{Field, Type};
use crate::rules::ir::pattern::Class;
use crate::rules::ir::{Atom, Part, Pattern, Predicate, Rule, Test};
use crate::rules::lang::automaton::{CharTest, Draft, Entry, PlaceId};
use crate::rules::lang::chars::CharSet;
use crate::rules::lang::{Automata, Intervals, LanguageId, WeekdaySet};
use crate::rules::stream::Stream;

/// A test, by the order in which tests were first met.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct ClaimId(u32);

/// What a test claims of a stream.
#[derive(Clone, Debug)]
pub(super) enum Claim {
    /// A text of the field belongs to the language.
    Text(Field, LanguageId),
    /// The number is there and in the set.
    Number(Field, Intervals),
    /// The first event is known, and on one of these days.
    Days(WeekdaySet),
    /// The first event is known, and at one of these times.
    Times(Intervals),
    /// Nothing can pass the test.
    Never,
}

/// A test wanted true or false.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Literal {
    pub(super) claim: ClaimId,
    pub(super) wanted: bool,
}

/// What is wished of a stream.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    /// That a test of the rules comes out so.
    Literal(Literal),
    /// That some text of the field belongs to the language, or that none does.
    Text { field: Field, language: LanguageId, wanted: bool },
    /// That some text of the field belongs to all these languages and to none of the others.
    Another { field: Field, languages: Vec<LanguageId>, but: Vec<LanguageId> },
}

/// A condition.
#[derive(Clone, Debug)]
pub(super) enum Formula {
    All(Vec<Formula>),
    Any(Vec<Formula>),
    Not(Box<Formula>),
    Claim(ClaimId),
}

/// The tests of all rules.
#[derive(Debug, Default)]
pub(super) struct Claims<'r> {
    all: Vec<(Claim, &'r Atom)>,
    ids: HashMap<&'r Atom, ClaimId, FixedState>,
    languages: HashMap<&'r Test, LanguageId, FixedState>,
}

impl<'r> Claims<'r> {
    /// The condition of a rule, one formula per conjunct.
    pub(super) fn lower(&mut self, rule: &'r Rule, automata: &mut Automata) -> Vec<Formula> {
        let conjuncts = rule.conjuncts.iter();
        conjuncts.map(|conjunct| self.formula(&conjunct.predicate, automata)).collect()
    }

    fn formula(&mut self, predicate: &'r Predicate, automata: &mut Automata) -> Formula {
        let mut each = |children: &'r [Predicate]| {
            children.iter().map(|child| self.formula(child, automata)).collect()
        };
        match predicate {
            Predicate::All(children) => Formula::All(each(children)),
            Predicate::Any(children) => Formula::Any(each(children)),
            Predicate::Not(child) => Formula::Not(Box::new(self.formula(child, automata))),
            Predicate::Atom(atom) => Formula::Claim(self.claim_id(atom, automata)),
        }
    }

    fn claim_id(&mut self, atom: &'r Atom, automata: &mut Automata) -> ClaimId {
        if let Some(id) = self.ids.get(atom) {
            return *id;
        }
        let id = ClaimId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        let claim = self.claim(atom, automata);
        self.all.push((claim, atom));
        self.ids.insert(atom, id);
        id
    }

    fn claim(&mut self, atom: &'r Atom, automata: &mut Automata) -> Claim {
        let Atom { field, test } = atom;
        let ty = field.info().ty;
        match (test, ty) {
            (Test::Present | Test::Glob(_) | Test::IsNot(_), Type::Text | Type::TextSet) => {
                Claim::Text(*field, self.language(test, automata))
            }
            (Test::Present, Type::Duration) => {
                Claim::Number(*field, Intervals::of([(i64::MIN, i64::MAX)]))
            }
            (Test::Present, Type::Weekday | Type::TimeOfDay) => Claim::Days(WeekdaySet::ALL),
            (Test::Weekday(days), _) => Claim::Days(*days),
            (Test::Within(numbers), Type::Duration) => Claim::Number(*field, numbers.clone()),
            (Test::Within(numbers), Type::TimeOfDay) => Claim::Times(numbers.clone()),
            (Test::Within(_), Type::Text | Type::TextSet | Type::Weekday)
            | (Test::Glob(_) | Test::IsNot(_), Type::Duration | Type::Weekday | Type::TimeOfDay) => {
                Claim::Never
            }
        }
    }

    fn language(&mut self, test: &'r Test, automata: &mut Automata) -> LanguageId {
        if let Some(id) = self.languages.get(test) {
            return *id;
        }
        let id = match test {
            Test::Glob(pattern) => language(pattern, automata),
            Test::IsNot(text) => automata.all_but(text),
            Test::Present | Test::Weekday(_) | Test::Within(_) => {
                let every_text = Pattern { parts: vec![Part::Star] };
                language(&every_text, automata)
            }
        };
        self.languages.insert(test, id);
        id
    }

    /// Whether any of these atoms of the rules holds, or none does.
    pub(super) fn any_of(&self, atoms: &[&Atom], wanted: bool) -> Formula {
        let known = atoms.iter().filter_map(|atom| self.ids.get(*atom));
        let any = Formula::Any(known.map(|id| Formula::Claim(*id)).collect());
        if wanted { any } else { Formula::Not(Box::new(any)) }
    }

    /// A condition all of whose tests are tests of the rules; `None` if one is not.
    pub(super) fn known(&self, predicate: &Predicate) -> Option<Formula> {
        let each = |children: &[Predicate]| {
            children.iter().map(|it| self.known(it)).collect::<Option<Vec<_>>>()
        };
        Some(match predicate {
            Predicate::All(children) => Formula::All(each(children)?),
            Predicate::Any(children) => Formula::Any(each(children)?),
            Predicate::Not(child) => Formula::Not(Box::new(self.known(child)?)),
            Predicate::Atom(atom) => Formula::Claim(*self.ids.get(atom)?),
        })
    }

    /// The language of a glob of the rules.
    pub(super) fn language_of(&self, pattern: &Pattern) -> Option<LanguageId> {
        self.languages.get(&Test::Glob(pattern.clone())).copied()
    }

    pub(super) fn get(&self, id: ClaimId) -> &Claim {
        &self.all[id.0 as usize].0
    }

    fn holds(&self, id: ClaimId, stream: &Stream) -> bool {
        self.all[id.0 as usize].1.holds(stream)
    }
}

impl Formula {
    pub(super) fn holds(&self, claims: &Claims<'_>, stream: &Stream) -> bool {
        match self {
            Self::All(children) => children.iter().all(|child| child.holds(claims, stream)),
            Self::Any(children) => children.iter().any(|child| child.holds(claims, stream)),
            Self::Not(child) => !child.holds(claims, stream),
            Self::Claim(id) => claims.holds(*id, stream),
        }
    }

    /// For a stream on which the condition is not as wanted: ways to mend that, each some literals
    /// that the stream does not have all of. Every stream on which the condition is as wanted has
    /// all literals of one of them.
    ///
    /// None at all means that there is no such stream.
    pub(super) fn remedies(
        &self,
        wanted: bool,
        claims: &Claims<'_>,
        stream: &Stream,
    ) -> Vec<Vec<Literal>> {
        // Of those that all have to change, the one with the fewest ways is enough.
        let fewest = |children: &[Self]| {
            let wrong = children.iter().filter(|child| child.holds(claims, stream) != wanted);
            let each = wrong.map(|child| child.remedies(wanted, claims, stream));
            each.min_by_key(Vec::len).unwrap_or_default()
        };
        let every = |children: &[Self]| {
            children.iter().flat_map(|child| child.whole(wanted, claims, stream)).collect()
        };
        match (self, wanted) {
            (Self::All(children), true) | (Self::Any(children), false) => fewest(children),
            (Self::All(children), false) | (Self::Any(children), true) => every(children),
            (Self::Not(child), _) => child.remedies(!wanted, claims, stream),
            (Self::Claim(claim), _) => vec![vec![Literal { claim: *claim, wanted }]],
        }
    }

    /// As [`Formula::remedies`], in one step where what is plainly necessary is a step at all.
    fn whole(&self, wanted: bool, claims: &Claims<'_>, stream: &Stream) -> Vec<Vec<Literal>> {
        let mut necessary = Vec::new();
        self.necessary(wanted, &mut necessary);
        if necessary.iter().any(|it| claims.holds(it.claim, stream) != it.wanted) {
            return vec![necessary];
        }
        self.remedies(wanted, claims, stream)
    }

    /// Literals that every stream has on which the condition is as wanted; not always all of them.
    pub(super) fn necessary(&self, wanted: bool, found: &mut Vec<Literal>) {
        match (self, wanted) {
            (Self::All(children), true) | (Self::Any(children), false) => {
                children.iter().for_each(|child| child.necessary(wanted, found));
            }
            (Self::All(children), false) | (Self::Any(children), true) => {
                if let [only] = children.as_slice() {
                    only.necessary(wanted, found);
                }
            }
            (Self::Not(child), _) => child.necessary(!wanted, found),
            (Self::Claim(claim), _) => found.push(Literal { claim: *claim, wanted }),
        }
    }
}

/// The language of a pattern.
pub(super) fn language(pattern: &Pattern, automata: &mut Automata) -> LanguageId {
    let mut draft = automata.draft();
    let end = draft.end();
    let entry = before(&pattern.parts, &end, true, &mut draft);
    draft.finish(entry, least(pattern))
}

/// A smallest member of a pattern of texts and stars.
fn least(pattern: &Pattern) -> Option<String> {
    let texts = pattern.parts.iter().map(|part| match part {
        Part::Literal(text) => Some(text.as_str()),
        Part::Star => Some(""),
        Part::Any | Part::Class(_) | Part::Group(_) | Part::Capture(_) => None,
    });
    texts.collect()
}

/// Where one can stand before `parts`, if what follows begins at `next`.
fn before(parts: &[Part], next: &[PlaceId], outside: bool, draft: &mut Draft<'_>) -> Entry {
    let mut next = next.to_vec();
    for part in parts.iter().rev() {
        next = match part {
            Part::Literal(text) => {
                text.chars().rev().fold(next, |next, c| draft.one(CharTest::Only(c), &next))
            }
            Part::Any => draft.one(CharTest::Any, &next),
            Part::Star => draft.star(outside, &next),
            Part::Class(class) => draft.one(class_test(class), &next),
            Part::Capture(_) => draft.run(CharTest::Except('/'), &next),
            Part::Group(alternatives) => {
                let each = alternatives.iter().map(|parts| before(parts, &next, false, draft));
                let mut entry: Entry = each.flatten().collect();
                entry.sort_unstable();
                entry.dedup();
                entry
            }
        };
    }
    next
}

fn class_test(class: &Class) -> CharTest {
    let set = CharSet::of(class.ranges.iter().copied());
    CharTest::In(if class.negated { set.complement() } else { set })
}
