//! The analysis held to brute force, on conditions of any shape.
//!
//! `tests/rules/verdicts.rs` does the same from rule files, held to the definition of the language.
//! Here conditions are made up directly, so that they nest as no file can make them nest, and so
//! that characters that combine are among the letters.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, Weekday};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use unicode_normalization::is_nfc;

use super::*;
use crate::diag::Span;
use crate::rules::fields::{FIELDS, Field, Type};
use crate::rules::ir::pattern::Class;
use crate::rules::ir::{
    Atom, Conjunct, Part, Pattern, Predicate, RuleInfo, Template, TemplatePart, Test,
};
use crate::rules::lang::{Intervals, WeekdaySet};
use crate::rules::syntax::quantity::DAY;

#[path = "../../../tests/rules/masks.rs"]
mod masks;

/// The letters of the texts enumerated; `q` is in no condition.
const LETTERS: [char; 6] = ['a', 'e', 'é', '\u{301}', '/', 'q'];
const LONGEST: usize = 4;

/// How many files are made up.
const FILES: usize = 800;

/// How many tests of one set a file may have for its sizes to be promised.
const MOST_ON_A_SET: usize = 8;

fn part() -> impl Strategy<Value = Part> {
    let text = |text: &str| Just(Part::Literal(text.to_owned()));
    let class = (any::<bool>(), vec(prop::sample::select(&LETTERS[..5]), 1..3)).prop_map(
        |(negated, members)| {
            let mut ranges: Vec<_> = members.into_iter().map(|c| (c, c)).collect();
            ranges.sort_unstable();
            ranges.dedup();
            Part::Class(Class { negated, ranges })
        },
    );
    let plain = prop_oneof![
        4 => text("a"), 2 => text("e"), 1 => text("é"), 2 => text("\u{301}"), 1 => text("/"),
        4 => Just(Part::Star), 2 => Just(Part::Any), 2 => class,
        1 => Just(Part::Capture("x".into())),
    ];
    let sequence = vec(plain.clone(), 0..3);
    prop_oneof![8 => plain, 1 => vec(sequence, 1..3).prop_map(Part::Group)]
}

fn numbers(borders: &'static [i64]) -> impl Strategy<Value = Test> {
    let border = || prop::sample::select(borders);
    vec((border(), border()), 0..3).prop_map(|ranges| Test::Within(Intervals::of(ranges)))
}

fn atom(fields: Vec<Field>) -> impl Strategy<Value = Predicate> {
    let test = |field: Field| -> BoxedStrategy<Test> {
        let own = match field.info().ty {
            Type::Text | Type::TextSet => prop_oneof![
                6 => vec(part(), 1..4).prop_map(|parts| Test::Glob(Pattern { parts })),
                1 => prop::sample::select(&["", "a", "é", "ea"][..])
                    .prop_map(|text| Test::IsNot(text.to_owned())),
            ]
            .boxed(),
            Type::Duration => numbers(&[i64::MIN, -1, 0, 1, 5, i64::MAX]).boxed(),
            Type::TimeOfDay => numbers(&[0, 1, DAY / 2, DAY - 1]).boxed(),
            Type::Weekday => vec(0..7_u8, 1..4)
                .prop_map(|days| {
                    let days = days.into_iter().filter_map(|day| Weekday::try_from(day).ok());
                    Test::Weekday(days.fold(WeekdaySet::default(), WeekdaySet::with))
                })
                .boxed(),
        };
        prop_oneof![9 => own, 1 => Just(Test::Present)].boxed()
    };
    prop::sample::select(fields)
        .prop_flat_map(move |field| (Just(field), test(field)))
        .prop_map(|(field, test)| Predicate::Atom(Atom { field, test }))
}

fn predicate(fields: Vec<Field>) -> impl Strategy<Value = Predicate> {
    atom(fields).prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            2 => inner.clone().prop_map(|child| Predicate::Not(Box::new(child))),
            2 => vec(inner.clone(), 0..3).prop_map(Predicate::All),
            2 => vec(inner, 0..3).prop_map(Predicate::Any),
        ]
    })
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let all: Vec<_> = FIELDS.iter().map(|info| info.field).collect();
    let texts = vec![Field::PrimaryCwd, Field::Agent];
    let fields = prop_oneof![prop::sample::subsequence(all, 1..=2), Just(texts)];
    fields.prop_flat_map(|fields| {
        let rule = (vec(predicate(fields), 1..4), 0..3_u8, prop::bool::weighted(0.9));
        vec(rule, 1..6).prop_map(|rules| rules.into_iter().zip(0..).map(rule_of).collect())
    })
}

fn rule_of(((predicates, tag, enabled), index): ((Vec<Predicate>, u8, bool), u32)) -> Rule {
    let place = Span::new(0, 0);
    let tag = format!("t{tag}");
    Rule {
        info: RuleInfo { id: RuleId(index), name: None, tags: vec![tag.clone()], line: 1, enabled },
        conjuncts: predicates
            .into_iter()
            .map(|predicate| Conjunct { predicate, place, leaves: Vec::new() })
            .collect(),
        header: place,
        tags: vec![Template(vec![TemplatePart::Text(tag)])],
        project: None,
    }
}

/// Every text over the letters that is in NFC, up to a length.
fn texts() -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..LONGEST {
        let longer = last.iter().flat_map(|text| LETTERS.map(|c| format!("{text}{c}")));
        last = longer.filter(|text| is_nfc(text)).collect();
        all.extend(last.clone());
    }
    all
}

fn moments() -> Vec<NaiveDateTime> {
    let monday = NaiveDate::from_ymd_opt(2025, 1, 27).unwrap();
    let times = [0, 1, 2, DAY / 2 - 1, DAY / 2, DAY / 2 + 1, DAY - 2, DAY - 1];
    let time = |nanos: i64| {
        let second = 1_000_000_000;
        let (seconds, rest) = ((nanos / second) as u32, (nanos % second) as u32);
        NaiveTime::from_num_seconds_from_midnight_opt(seconds, rest).unwrap()
    };
    let days = (0..7).map(|day| monday + Days::new(day));
    days.flat_map(|day| times.map(|at| day.and_time(time(at)))).collect()
}

/// Streams that have one field alone, or none.
fn values(field: Field, texts: &[String]) -> Vec<Stream> {
    let none = Stream::default();
    let numbers = [0, 1, 2, 4, 5, 6, i64::MAX];
    let one = |set: &dyn Fn(&mut Stream)| {
        let mut stream = Stream::default();
        set(&mut stream);
        stream
    };
    let mut all: Vec<Stream> = match field.info().ty {
        Type::Text | Type::TextSet => {
            let of = |text: &String| one(&|it| it.set_texts(field, vec![text.clone()]));
            texts.iter().map(of).collect()
        }
        Type::Duration => {
            numbers.map(|number| one(&|it| it.set_duration(field, Some(number)))).to_vec()
        }
        Type::Weekday | Type::TimeOfDay => {
            moments().into_iter().map(|at| one(&|it| it.at = Some(at))).collect()
        }
    };
    all.push(none);
    all
}

fn atoms<'r>(predicate: &'r Predicate, found: &mut Vec<&'r Atom>) {
    match predicate {
        Predicate::All(children) | Predicate::Any(children) => {
            children.iter().for_each(|child| atoms(child, found));
        }
        Predicate::Not(child) => atoms(child, found),
        Predicate::Atom(atom) => {
            if !found.contains(&atom) {
                found.push(atom);
            }
        }
    }
}

/// Whether the predicate holds where these atoms do.
fn holds(predicate: &Predicate, atoms: &[&Atom], passed: u64) -> bool {
    match predicate {
        Predicate::All(children) => children.iter().all(|child| holds(child, atoms, passed)),
        Predicate::Any(children) => children.iter().any(|child| holds(child, atoms, passed)),
        Predicate::Not(child) => !holds(child, atoms, passed),
        Predicate::Atom(atom) => {
            atoms.iter().zip(0..).any(|(it, at)| *it == atom && passed & 1 << at != 0)
        }
    }
}

/// The atoms that pass together, on all streams enumerated, and the size of a smallest such stream.
fn truths(atoms: &[&Atom], texts: &[String]) -> Option<BTreeMap<u64, u64>> {
    // The weekday and the time are one value.
    let own = |field: Field| if field == Field::Weekday { Field::Time } else { field };
    let fields: std::collections::BTreeSet<_> = atoms.iter().map(|atom| own(atom.field)).collect();
    let mut all = BTreeMap::from([(0, 0)]);
    for field in fields {
        let mut alone: BTreeMap<u64, u64> = BTreeMap::new();
        for stream in values(field, texts) {
            let passes = |(atom, at): (&&Atom, u32)| u64::from(atom.holds(&stream)) << at;
            let passed = atoms.iter().zip(0..).map(passes).sum();
            let smallest = alone.entry(passed).or_insert(u64::MAX);
            *smallest = masks::size(&stream).min(*smallest);
        }
        let mut of_field = alone.clone();
        // Sets of more elements, until they are nothing new.
        while field.info().ty == Type::TextSet {
            let more = joined(&of_field, &alone);
            if more.len() > 1000 {
                return None;
            }
            if std::mem::replace(&mut of_field, more) == of_field {
                break;
            }
        }
        all = joined(&all, &of_field);
        if all.len() > 3000 {
            return None;
        }
    }
    Some(all)
}

fn joined(a: &BTreeMap<u64, u64>, b: &BTreeMap<u64, u64>) -> BTreeMap<u64, u64> {
    let mut all: BTreeMap<u64, u64> = BTreeMap::new();
    for (one, size) in a {
        for (other, more) in b {
            let smallest = all.entry(one | other).or_insert(u64::MAX);
            *smallest = (size + more).min(*smallest);
        }
    }
    all
}

fn options() -> Options {
    let budget = Budget { per_rule: 1_000_000, total: 100_000_000 };
    Options { budget, overlaps: true, losses: true }
}

/// Holds the analysis of the rules to brute force; the number of rules that cannot win, or nothing
/// if there is too much to enumerate.
fn check(rules: &[Rule], texts: &[String]) -> Option<usize> {
    let mut tests = Vec::new();
    let predicates =
        |rule: &'_ Rule| rule.conjuncts.iter().map(|it| it.predicate.clone()).collect::<Vec<_>>();
    let conditions: Vec<_> = rules.iter().map(|rule| Predicate::All(predicates(rule))).collect();
    conditions.iter().for_each(|condition| atoms(condition, &mut tests));
    // Beyond, sets need not be smallest.
    let of = |field: Field| tests.iter().filter(|test| test.field == field).count();
    let most =
        FIELDS.iter().filter(|info| info.ty == Type::TextSet).map(|info| of(info.field)).max();
    if tests.len() > 60 || most > Some(MOST_ON_A_SET) {
        return None;
    }
    let truths = truths(&tests, texts)?;
    let mut sizes: BTreeMap<u32, u64> = BTreeMap::new();
    for (passed, size) in &truths {
        let each = conditions.iter().zip(0..);
        let mask = each.map(|(it, at)| u32::from(holds(it, &tests, *passed)) << at).sum();
        let smallest = sizes.entry(mask).or_insert(u64::MAX);
        *smallest = (*size).min(*smallest);
    }
    let analysis = analyse_rules(rules, &options());
    for (rule, judgement) in rules.iter().zip(&analysis.rules) {
        if let Verdict::Unsatisfiable { conflict } = &judgement.verdict {
            check_conflict(rule, conflict, &tests, &truths);
        }
    }
    let kinds = masks::Kinds {
        sizes,
        enabled: rules.iter().map(|rule| rule.info.enabled).collect(),
        outcomes: rules
            .iter()
            .map(|rule| rules.iter().position(|other| other.tags == rule.tags).unwrap())
            .collect(),
    };
    let mask = |stream: &Stream| {
        rules.iter().zip(0..).map(|(rule, at)| u32::from(rule.holds(stream)) << at).sum()
    };
    kinds.check(&analysis, &mask);
    let reachable = |it: &&Judgement| matches!(it.verdict, Verdict::Reachable { .. });
    Some(rules.len() - analysis.rules.iter().filter(reachable).count())
}

/// The conjuncts exclude each other, and any all but one of them do not.
fn check_conflict(rule: &Rule, conflict: &[usize], tests: &[&Atom], truths: &BTreeMap<u64, u64>) {
    let possible = |chosen: &[usize]| {
        truths.keys().any(|passed| {
            chosen.iter().all(|at| holds(&rule.conjuncts[*at].predicate, tests, *passed))
        })
    };
    assert!(!possible(conflict));
    for dropped in conflict {
        let rest: Vec<_> = conflict.iter().copied().filter(|at| at != dropped).collect();
        assert!(possible(&rest), "{conflict:?} is not minimal");
    }
}

fn show(rule: &Rule) -> String {
    let conditions: Vec<_> =
        rule.conjuncts.iter().map(|it| show_predicate(&it.predicate)).collect();
    format!("{} {:?}: {}\n", rule.info.enabled, rule.info.tags, conditions.join(" and "))
}

fn show_predicate(predicate: &Predicate) -> String {
    let each = |children: &[Predicate]| children.iter().map(show_predicate).collect::<Vec<_>>();
    match predicate {
        Predicate::All(children) => format!("all({})", each(children).join(", ")),
        Predicate::Any(children) => format!("any({})", each(children).join(", ")),
        Predicate::Not(child) => format!("not {}", show_predicate(child)),
        Predicate::Atom(Atom { field, test: Test::Glob(pattern) }) => {
            format!("{field:?}{:?}", pattern.parts)
        }
        Predicate::Atom(atom) => format!("{:?}({:?})", atom.field, atom.test),
    }
}

#[test]
fn verdicts_equal_brute_force() {
    let mut runner = TestRunner::deterministic();
    let (strategy, texts) = (rules(), texts());
    let (mut files, mut all, mut dead) = (0, 0, 0);
    while files < FILES {
        let rules = strategy.new_tree(&mut runner).unwrap().current();
        let shown: String = rules.iter().map(show).collect();
        let result = std::panic::catch_unwind(|| check(&rules, &texts));
        match result {
            Ok(Some(unreached)) => {
                files += 1;
                all += rules.len();
                dead += unreached;
            }
            Ok(None) => {}
            Err(_) => panic!("after {files} files: {shown}"),
        }
    }
    assert!(3 * dead >= all, "{dead} of {all} rules cannot win");
}
