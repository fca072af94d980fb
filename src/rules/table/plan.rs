//! From rules to what the table keeps: which test decides a rule, and off which test a condition
//! hangs.
//!
//! ```text
//! rule                                       becomes
//! cwd ~ "~/oss/*"                            that pattern decides the rule
//! cwd ~ "~/a/*" or agent == "codex"          each of the two decides it
//! cwd ~ "~/a/*" and agent == "codex"         hangs off the cwd; left to ask: the agent
//! cwd ~ "~/a/*" and (not x or y)             hangs off the cwd; left to ask: (not x or y)
//! not has repo                               hangs off nothing: always asked
//! ```
//!
//! A condition hangs off tests one of which must pass for it to hold (its *triggers*); of several
//! such sets it takes the one that other conditions use least.

use std::borrow::Cow;
use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::condition::{Condition, Fact, NumberTestId};
use super::number::passing;
use super::{Hook, NO_RULE, TrackId};
use crate::rules::fields::{Field, Type};
use crate::rules::ir::{Atom, Part, Pattern, Predicate, Rule, RuleId, Test};
use crate::rules::lang::Intervals;

/// A test in a condition: a text test by its number, a number test by its.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leaf {
    /// Some value passes the pattern.
    Passes(usize),
    /// Some value does not.
    Fails(usize),
    Number(usize),
}

/// A pattern on a field.
#[derive(Debug)]
pub(super) struct TextTest<'r> {
    pub(super) field: Field,
    pub(super) pattern: Cow<'r, Pattern>,
    /// The smallest rule that mentions it.
    pub(super) rule: RuleId,
    /// The smallest rule that it decides.
    pub(super) decided: RuleId,
    pub(super) track: TrackId,
    /// Conditions that hang off it, in order.
    pub(super) hooks: Vec<Hook>,
    /// How many conditions mention it.
    uses: u32,
}

/// A set of numbers on a field.
#[derive(Debug)]
pub(super) struct NumberTest {
    pub(super) field: Field,
    pub(super) within: Intervals,
    /// The smallest rule that it decides.
    pub(super) decided: RuleId,
    pub(super) hooks: Vec<Hook>,
    /// By which number conditions know it.
    pub(super) asked: Option<NumberTestId>,
    uses: u32,
}

/// What becomes of a list of rules.
#[derive(Debug)]
pub(super) struct Plan<'r> {
    pub(super) texts: Vec<TextTest<'r>>,
    pub(super) numbers: Vec<NumberTest>,
    /// Conditions without triggers.
    pub(super) always: Vec<Hook>,
    pub(super) residuals: super::Residuals,
    /// The first rule that holds for every stream; those behind it are left out.
    pub(super) unconditional: RuleId,
    /// Fields of which a condition asks whether some value fails a pattern.
    pub(super) failing: Vec<Field>,
}

impl<'r> Plan<'r> {
    pub(super) fn of(rules: impl Iterator<Item = &'r Rule>) -> Self {
        let mut planner = Planner::default();
        let mut unconditional = NO_RULE;
        for rule in rules {
            if planner.rule(rule) == Reach::All {
                unconditional = rule.info.id;
                break;
            }
        }
        planner.finish(unconditional)
    }
}

#[derive(PartialEq, Eq)]
enum Reach {
    /// Some streams.
    Some,
    /// Every stream.
    All,
}

#[derive(Default)]
struct Planner<'r> {
    text_numbers: HashMap<(Field, Cow<'r, Pattern>), usize, FixedState>,
    texts: Vec<TextTest<'r>>,
    number_numbers: HashMap<(Field, Intervals), usize, FixedState>,
    numbers: Vec<NumberTest>,
    conditions: Vec<(RuleId, Condition<Leaf>)>,
}

impl<'r> Planner<'r> {
    fn rule(&mut self, rule: &'r Rule) -> Reach {
        let id = rule.info.id;
        let predicates = rule.conjuncts.iter().map(|conjunct| &conjunct.predicate);
        let conditions: Vec<_> = predicates.map(|it| self.condition(it, true)).collect();
        let condition = Condition::all(conditions.into_iter());
        if condition.is_true() {
            return Reach::All;
        }
        let alternatives = match condition {
            Condition::Any(alternatives) => alternatives,
            Condition::All(_) | Condition::Leaf(..) => vec![condition],
        };
        for alternative in alternatives {
            match alternative {
                Condition::Leaf(Leaf::Passes(text), true) => {
                    if let Some(test) = self.texts.get_mut(text) {
                        test.decided = test.decided.min(id);
                        test.rule = test.rule.min(id);
                    }
                }
                Condition::Leaf(Leaf::Number(number), true) => {
                    if let Some(test) = self.numbers.get_mut(number) {
                        test.decided = test.decided.min(id);
                    }
                }
                Condition::All(_) | Condition::Any(_) | Condition::Leaf(..) => {
                    self.mention(&alternative, id);
                    self.conditions.push((id, alternative));
                }
            }
        }
        Reach::Some
    }

    /// The predicate, or with `false` its contrary, with negation at the leaves only.
    fn condition(&mut self, predicate: &'r Predicate, wanted: bool) -> Condition<Leaf> {
        match (predicate, wanted) {
            (Predicate::Not(child), _) => self.condition(child, !wanted),
            (Predicate::Atom(atom), _) => Condition::Leaf(self.leaf(atom), wanted),
            (Predicate::All(children), true) | (Predicate::Any(children), false) => {
                let children: Vec<_> =
                    children.iter().map(|it| self.condition(it, wanted)).collect();
                Condition::all(children.into_iter())
            }
            (Predicate::Any(children), true) | (Predicate::All(children), false) => {
                let children: Vec<_> =
                    children.iter().map(|it| self.condition(it, wanted)).collect();
                Condition::any(children.into_iter())
            }
        }
    }

    fn leaf(&mut self, atom: &'r Atom) -> Leaf {
        let field = atom.field;
        match (field.info().ty, &atom.test) {
            (Type::Text | Type::TextSet, Test::Glob(pattern)) => {
                Leaf::Passes(self.text(field, Cow::Borrowed(pattern)))
            }
            (Type::Text | Type::TextSet, Test::Present) => {
                let everything = Pattern { parts: vec![Part::Star] };
                Leaf::Passes(self.text(field, Cow::Owned(everything)))
            }
            (Type::Text | Type::TextSet, Test::IsNot(text)) => {
                Leaf::Fails(self.text(field, Cow::Owned(Pattern::literal(text))))
            }
            (_, test) => {
                let within = passing(test);
                let next = self.numbers.len();
                let number = *self.number_numbers.entry((field, within.clone())).or_insert(next);
                if number == next {
                    self.numbers.push(NumberTest {
                        field,
                        within,
                        decided: NO_RULE,
                        hooks: Vec::new(),
                        asked: None,
                        uses: 0,
                    });
                }
                Leaf::Number(number)
            }
        }
    }

    fn text(&mut self, field: Field, pattern: Cow<'r, Pattern>) -> usize {
        let next = self.texts.len();
        let number = *self.text_numbers.entry((field, pattern.clone())).or_insert(next);
        if number == next {
            self.texts.push(TextTest {
                field,
                pattern,
                rule: NO_RULE,
                decided: NO_RULE,
                track: TrackId::NONE,
                hooks: Vec::new(),
                uses: 0,
            });
        }
        number
    }

    fn mention(&mut self, condition: &Condition<Leaf>, rule: RuleId) {
        condition.leaves(&mut |leaf| match leaf {
            Leaf::Passes(text) | Leaf::Fails(text) => {
                if let Some(test) = self.texts.get_mut(*text) {
                    test.uses += 1;
                    test.rule = test.rule.min(rule);
                }
            }
            Leaf::Number(number) => {
                if let Some(test) = self.numbers.get_mut(*number) {
                    test.uses += 1;
                }
            }
        });
    }

    fn finish(mut self, unconditional: RuleId) -> Plan<'r> {
        let mut hanger = Hanger { always: Vec::new(), residuals: super::Residuals::default() };
        let mut failing = Vec::new();
        let tracks = (0..).map(TrackId);
        let tracked = self.texts.iter_mut().filter(|test| test.uses > 0);
        tracked.zip(tracks).for_each(|(test, track)| test.track = track);
        let asked = self.numbers.iter_mut().filter(|test| test.uses > 0);
        asked.zip((0..).map(NumberTestId)).for_each(|(test, id)| test.asked = Some(id));
        for (rule, condition) in std::mem::take(&mut self.conditions) {
            condition.leaves(&mut |leaf| {
                if let Leaf::Fails(text) = leaf {
                    failing.extend(self.texts.get(*text).map(|test| test.field));
                }
            });
            hanger.hang(&mut self, rule, &condition);
        }
        failing.sort_unstable();
        failing.dedup();
        hanger.residuals.shrink();
        let Self { texts, numbers, .. } = self;
        let Hanger { always, residuals } = hanger;
        Plan { texts, numbers, always, residuals, unconditional, failing }
    }

    /// Tests one of which must pass for the condition to hold, and how much they cost.
    fn triggers(&self, condition: &Condition<Leaf>) -> Option<(u64, Vec<Leaf>)> {
        match condition {
            Condition::Leaf(leaf, true) => Some((self.cost(*leaf)?, vec![*leaf])),
            Condition::Leaf(_, false) => None,
            Condition::All(children) => {
                let each = children.iter().filter_map(|child| self.triggers(child));
                each.min_by_key(|(cost, _)| *cost)
            }
            Condition::Any(children) => {
                let mut all = (0, Vec::new());
                for child in children {
                    let (cost, leaves) = self.triggers(child)?;
                    all.0 += cost;
                    all.1.extend(leaves);
                }
                Some(all)
            }
        }
    }

    /// How often a test leads to conditions in vain, roughly: as often as it is used, and more if
    /// most values pass it.
    fn cost(&self, leaf: Leaf) -> Option<u64> {
        match leaf {
            Leaf::Passes(text) => {
                let test = self.texts.get(text)?;
                let broad = test.pattern.parts.as_slice() == [Part::Star];
                Some(u64::from(test.uses) * if broad { 64 } else { 1 })
            }
            Leaf::Fails(_) => None,
            Leaf::Number(number) => Some((u64::from(self.numbers.get(number)?.uses) + 4) * 8),
        }
    }

    fn fact(&self, leaf: Leaf) -> Fact {
        let text = |text: usize| self.texts.get(text);
        match leaf {
            Leaf::Passes(it) => Fact::Passes(text(it).map_or(TrackId::NONE, |test| test.track)),
            Leaf::Fails(it) => text(it)
                .map_or(Fact::Passes(TrackId::NONE), |test| Fact::Fails(test.field, test.track)),
            Leaf::Number(it) => {
                let asked = self.numbers.get(it).and_then(|test| test.asked);
                Fact::Number(asked.unwrap_or(NumberTestId(u32::MAX)))
            }
        }
    }

    fn facts(&self, condition: &Condition<Leaf>) -> Condition<Fact> {
        match condition {
            Condition::All(children) => {
                Condition::All(children.iter().map(|child| self.facts(child)).collect())
            }
            Condition::Any(children) => {
                Condition::Any(children.iter().map(|child| self.facts(child)).collect())
            }
            Condition::Leaf(leaf, wanted) => Condition::Leaf(self.fact(*leaf), *wanted),
        }
    }
}

struct Hanger {
    always: Vec<Hook>,
    residuals: super::Residuals,
}

impl Hanger {
    fn hang(&mut self, planner: &mut Planner<'_>, rule: RuleId, condition: &Condition<Leaf>) {
        let triggers = planner.triggers(condition).map(|(_, leaves)| leaves).unwrap_or_default();
        let rest = match (condition, triggers.as_slice()) {
            (Condition::All(children), [trigger]) => {
                let known = Condition::Leaf(*trigger, true);
                let rest = children.iter().filter(|child| **child != known);
                Condition::all(rest.map(|child| planner.facts(child)))
            }
            _ => planner.facts(condition),
        };
        let hook = Hook { rule, residual: self.residuals.add(&rest) };
        for trigger in &triggers {
            match trigger {
                Leaf::Passes(text) => {
                    planner.texts.get_mut(*text).into_iter().for_each(|it| it.hooks.push(hook));
                }
                Leaf::Number(number) => {
                    planner.numbers.get_mut(*number).into_iter().for_each(|it| it.hooks.push(hook));
                }
                Leaf::Fails(_) => {}
            }
        }
        if triggers.is_empty() {
            self.always.push(hook);
        }
    }
}
