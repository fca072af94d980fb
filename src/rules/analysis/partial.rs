//! Which rules can win a stream of which only some fields are known?
//!
//! A known field has one value, so every test of it is decided. With these tests replaced by what
//! they say, what is left of the rules asks of the unknown fields alone, and the question is the
//! old one: can this rule win?
//!
//! ```text
//! known: primary_cwd = ~/work/acme/web
//! 1  primary_cwd = "~/oss/*"                                  false
//! 2  primary_cwd = "~/work/acme/*", duration = ">= 15m"       duration = ">= 15m"
//! 3  primary_cwd = "~/work/*"                                 true: nothing goes further
//! ```
//!
//! So rule 2 wins from 15 minutes on, and rule 3 below them. Rules that cannot win whatever the
//! unknown fields are do not appear, and neither does "no rule" below one that always holds.
//!
//! INVARIANT (completion): the example of an outcome has the known values and that outcome; an
//! outcome that some completion has is among those given, or is said not to be proven.

use std::collections::BTreeSet;

use chrono::{Datelike, Days, NaiveDateTime};

use super::search::{Answer, Asker, Blockers};
use super::{Budget, Purse, Space};
use crate::diag::Span;
use crate::rules::fields::{Field, Type};
use crate::rules::ir::{Atom, Checked, Conjunct, Predicate, Rule, RuleId, RuleInfo, RuleSet, Test};
use crate::rules::lang::{Exhausted, Smallest};
use crate::rules::stream::Stream;

/// What is known of a stream. A field that is known and has no value is known to be absent.
///
/// The first event's weekday may be known without its time and the other way round; of `at`, only
/// the known half means anything then.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// The values.
    pub stream: Stream,
    /// The fields whose values are known.
    pub fields: BTreeSet<Field>,
}

/// What can become of a stream of which something is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Winners {
    /// Every possible outcome: rules in the order of the file, then no rule.
    pub outcomes: Vec<Possible>,
    /// What the budget did not suffice to decide: these rules, or `None` for no rule.
    pub not_proven: Vec<Option<RuleId>>,
}

/// A possible outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Possible {
    /// The rule that wins; `None` if none does.
    pub rule: Option<RuleId>,
    /// A smallest stream with the known values and this outcome.
    pub example: Stream,
    /// The unknown fields that tell this outcome from those before it.
    pub depends_on: BTreeSet<Field>,
    /// The conditions of the rule that what is known does not decide, by index.
    pub open: Vec<usize>,
}

impl Winners {
    /// The outcome, if it is certain.
    #[must_use]
    pub fn certain(&self) -> Option<&Possible> {
        match self.outcomes.as_slice() {
            [only] if self.not_proven.is_empty() => Some(only),
            _ => None,
        }
    }
}

/// Every outcome that a stream can have of which `known` is known. Depends on its arguments alone;
/// costs a question to the analysis per rule that what is known does not rule out.
#[must_use]
pub fn winners(rules: &Checked<RuleSet>, known: &Known, budget: Budget) -> Winners {
    let mut left: Vec<Rule> = rules.rules.iter().map(|rule| known.left_of(rule)).collect();
    let goal = RuleId(u32::try_from(left.len()).unwrap_or(u32::MAX));
    left.push(known.goal(goal));
    let mut texts = Smallest::default();
    let space = Space::new(&left, &mut texts.automata);
    let mut purse = Purse { budget, spent: 0 };
    let mut winners = Winners { outcomes: Vec::new(), not_proven: Vec::new() };
    let mut fields = BTreeSet::new();
    for rule in &left {
        let is_goal = rule.info.id == goal;
        if !is_goal
            && (!rule.info.enabled || rule.conjuncts.iter().any(|it| is_false(&it.predicate)))
        {
            continue;
        }
        let open: Vec<usize> = open(rule);
        let mut asker = Asker { space: &space, texts: &mut texts, meter: purse.meter() };
        let earlier = |other: RuleId| other < rule.info.id;
        let goals = [space.formula(rule.info.id), space.formula(goal)];
        let answer = asker.ask(&goals, Blockers::Where(&earlier), &mut Vec::new());
        purse.spent += asker.meter.spent();
        let id = (!is_goal).then_some(rule.info.id);
        if !is_goal && !matches!(answer, Ok(Answer::None(_))) {
            rule.conjuncts.iter().for_each(|it| fields_of(&it.predicate, &mut fields));
        }
        match answer {
            Ok(Answer::Stream(example)) => winners.outcomes.push(Possible {
                rule: id,
                example: known.complete(example),
                depends_on: fields.clone(),
                open: if is_goal { Vec::new() } else { open.clone() },
            }),
            Ok(Answer::None(_)) => {}
            Err(Exhausted) => winners.not_proven.push(id),
        }
        // Beyond a rule that always holds there is nothing.
        if !is_goal && open.is_empty() {
            break;
        }
    }
    winners
}

impl Known {
    fn is_known(&self, field: Field) -> bool {
        self.fields.contains(&field)
    }

    /// The rule with every test that is decided replaced by its verdict.
    fn left_of(&self, rule: &Rule) -> Rule {
        let conjunct = |conjunct: &Conjunct| Conjunct {
            predicate: self.left(&conjunct.predicate),
            place: conjunct.place,
            leaves: Vec::new(),
        };
        Rule { conjuncts: rule.conjuncts.iter().map(conjunct).collect(), ..rule.clone() }
    }

    fn left(&self, predicate: &Predicate) -> Predicate {
        match predicate {
            Predicate::All(children) => {
                let mut children: Vec<_> = children.iter().map(|it| self.left(it)).collect();
                children.retain(|child| !is_true(child));
                match children.iter().any(is_false) {
                    true => Predicate::Any(Vec::new()),
                    false => Predicate::All(children),
                }
            }
            Predicate::Any(children) => {
                let mut children: Vec<_> = children.iter().map(|it| self.left(it)).collect();
                children.retain(|child| !is_false(child));
                match children.iter().any(is_true) {
                    true => Predicate::All(Vec::new()),
                    false => Predicate::Any(children),
                }
            }
            Predicate::Not(child) => match self.left(child) {
                child if is_true(&child) => Predicate::Any(Vec::new()),
                child if is_false(&child) => Predicate::All(Vec::new()),
                child => Predicate::Not(Box::new(child)),
            },
            Predicate::Atom(atom) => match self.decides(atom) {
                Some(true) => Predicate::All(Vec::new()),
                Some(false) => Predicate::Any(Vec::new()),
                None => predicate.clone(),
            },
        }
    }

    fn decides(&self, atom: &Atom) -> Option<bool> {
        let half_known = self.half_known() && atom.test == Test::Present && is_moment(atom.field);
        (self.is_known(atom.field) || half_known).then(|| atom.holds(&self.stream))
    }

    /// Whether of weekday and time one is known, and there.
    fn half_known(&self) -> bool {
        self.is_known(Field::Weekday) != self.is_known(Field::Time) && self.stream.at.is_some()
    }

    /// A rule that holds for the streams that have the known values: where all tests of these are
    /// decided, no more is to be said than that a first event with a weekday has a time.
    fn goal(&self, id: RuleId) -> Rule {
        let one_is_known = self.is_known(Field::Weekday) != self.is_known(Field::Time);
        let present = Predicate::Atom(Atom { field: Field::Weekday, test: Test::Present });
        let predicate = match self.stream.at {
            Some(_) if one_is_known => present,
            None if one_is_known => Predicate::Not(Box::new(present)),
            Some(_) | None => Predicate::All(Vec::new()),
        };
        let (name, tags) = (None, Vec::new());
        Rule {
            info: RuleInfo { id, name, tags, line: 0, enabled: false },
            conjuncts: vec![Conjunct { predicate, place: Span::default(), leaves: Vec::new() }],
            header: Span::default(),
            tags: Vec::new(),
            project: None,
        }
    }

    /// The known values, and those of `rest` for fields that are unknown.
    fn complete(&self, mut rest: Stream) -> Stream {
        for field in &self.fields {
            match field.info().ty {
                Type::Text | Type::TextSet => {
                    rest.set_texts(*field, self.stream.texts(*field).to_vec());
                }
                Type::Duration => rest.set_duration(*field, self.stream.number(*field)),
                Type::Weekday | Type::TimeOfDay => {}
            }
        }
        rest.at = match (self.is_known(Field::Weekday), self.is_known(Field::Time)) {
            (false, false) => rest.at,
            (true, true) => self.stream.at,
            (true, false) => halves(self.stream.at, rest.at),
            (false, true) => halves(rest.at, self.stream.at),
        };
        rest
    }
}

/// The day of the week of one moment and the time of another: the day of `time` or one within a
/// week after it.
fn halves(day: Option<NaiveDateTime>, time: Option<NaiveDateTime>) -> Option<NaiveDateTime> {
    let (day, time) = (day?, time?);
    let ahead = 7 + day.weekday().num_days_from_monday() - time.weekday().num_days_from_monday();
    time.checked_add_days(Days::new(u64::from(ahead % 7)))
}

const fn is_moment(field: Field) -> bool {
    matches!(field, Field::Weekday | Field::Time)
}

fn is_true(predicate: &Predicate) -> bool {
    matches!(predicate, Predicate::All(children) if children.is_empty())
}

fn is_false(predicate: &Predicate) -> bool {
    matches!(predicate, Predicate::Any(children) if children.is_empty())
}

/// The conjuncts that are not decided.
fn open(rule: &Rule) -> Vec<usize> {
    let undecided = |it: &Conjunct| !is_true(&it.predicate) && !is_false(&it.predicate);
    (0..).zip(&rule.conjuncts).filter(|(_, it)| undecided(it)).map(|(at, _)| at).collect()
}

fn fields_of(predicate: &Predicate, fields: &mut BTreeSet<Field>) {
    match predicate {
        Predicate::All(children) | Predicate::Any(children) => {
            children.iter().for_each(|child| fields_of(child, fields));
        }
        Predicate::Not(child) => fields_of(child, fields),
        Predicate::Atom(atom) => {
            fields.insert(atom.field);
        }
    }
}
