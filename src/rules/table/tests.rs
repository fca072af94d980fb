//! Table and engine held to [`Rule::holds`], rule by rule, over conditions of every form.
//!
//! Beside the code, since conditions are made here without a text that says them.

use chrono::{Days, NaiveDate};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::Table;
use super::plan::Plan;
use super::text::Strategy as Kept;
use crate::diag::Span;
use crate::rules::engine::{self, Scratch, TableId};
use crate::rules::fields::Field;
use crate::rules::ir::pattern::Class;
use crate::rules::ir::{Atom, Conjunct, Part, Pattern, Predicate, Rule, RuleId, RuleInfo, Test};
use crate::rules::lang::{Intervals, WeekdaySet};
use crate::rules::stream::Stream;

fn rule(index: usize, predicate: Predicate) -> Rule {
    let place = Span::new(0, 0);
    let id = RuleId(u32::try_from(index).unwrap());
    let info = RuleInfo { id, name: None, tags: Vec::new(), line: 1, enabled: true };
    let conjuncts = vec![Conjunct { predicate, place, leaves: Vec::new() }];
    Rule { info, conjuncts, header: place, tags: Vec::new(), project: None }
}

fn rules(predicates: Vec<Predicate>) -> Vec<Rule> {
    predicates.into_iter().enumerate().map(|(index, it)| rule(index, it)).collect()
}

fn table(rules: &[Rule]) -> Table {
    Table::of(Plan::of(rules.iter()))
}

/// Every way of asking for the first match gives that of the definition.
fn agree(rules: &[Rule], streams: &[Stream]) -> Result<(), TestCaseError> {
    let table = table(rules);
    let id = TableId::fresh();
    let mut used = [Scratch::default(), Scratch::without_cache()];
    for stream in streams.iter().chain(streams) {
        let expected = rules.iter().find(|rule| rule.holds(stream)).map(|rule| rule.info.id);
        for scratch in &mut used {
            let found = engine::first_match(&table, id, stream, scratch);
            prop_assert_eq!(found, expected, "{:?}", stream);
        }
        let found = engine::first_match(&table, id, stream, &mut Scratch::default());
        prop_assert_eq!(found, expected, "{:?}", stream);
    }
    Ok(())
}

fn sequence(depth: u32) -> BoxedStrategy<Vec<Part>> {
    let class = |negated, from, to| Part::Class(Class { negated, ranges: vec![(from, to)] });
    let leaf = prop_oneof![
        6 => "[ab/]{1,3}".prop_map(Part::Literal),
        2 => "(aabb|abab|/ab/|é|abc)".prop_map(Part::Literal),
        6 => Just(Part::Star),
        2 => Just(Part::Any),
        1 => Just(class(false, 'a', 'b')),
        1 => Just(class(true, 'a', 'a')),
        1 => Just(Part::Capture("x".into())),
    ];
    let part = if depth == 0 {
        leaf.boxed()
    } else {
        prop_oneof![9 => leaf, 1 => vec(sequence(depth - 1), 1..4).prop_map(Part::Group)].boxed()
    };
    // As lowering leaves them.
    let normal = |parts: Vec<Part>| {
        let mut out: Vec<Part> = Vec::new();
        for part in parts {
            match (out.last_mut(), part) {
                (Some(Part::Literal(before)), Part::Literal(text)) => before.push_str(&text),
                (Some(Part::Star), Part::Star) => {}
                (_, part) => out.push(part),
            }
        }
        out
    };
    vec(part, 0..6).prop_map(normal).boxed()
}

/// Few letters between many stars.
fn crowded() -> impl Strategy<Value = Vec<Part>> {
    const TEXTS: [&[&str]; 3] = [&["a", "b"], &["a", "aa", "ab", "é"], &["aba", "ba", "b"]];
    let select = proptest::sample::select::<&str>;
    let texts = proptest::sample::select(&TEXTS[..]);
    let texts = texts.prop_flat_map(move |texts| vec(select(texts), 2..8));
    let part = |text: &str| [Part::Literal(text.to_owned()), Part::Star];
    (any::<(bool, bool)>(), texts).prop_map(move |((before, behind), texts)| {
        let mut parts = if before { vec![Part::Star] } else { Vec::new() };
        parts.extend(texts.into_iter().flat_map(part));
        if !behind {
            parts.pop();
        }
        parts
    })
}

const TEXTS: [Field; 3] = [Field::PrimaryCwd, Field::TmuxSession, Field::Agent];

fn atom() -> impl Strategy<Value = Atom> {
    let text = prop_oneof![
        8 => sequence(2).prop_map(|parts| Test::Glob(Pattern { parts })),
        2 => "[ab]{0,2}".prop_map(|text| Test::Glob(Pattern::literal(&text))),
        1 => "[ab]{0,2}".prop_map(Test::IsNot),
        1 => Just(Test::Present),
    ];
    let range = || (0..6_i64, 0..6_i64);
    let within = vec(range(), 1..3).prop_map(Intervals::of);
    let number = prop_oneof![4 => within.prop_map(Test::Within), 1 => Just(Test::Present)];
    let days = vec(0..7_u8, 1..4).prop_map(|days| {
        let days = days.into_iter().map(|day| chrono::Weekday::try_from(day).unwrap());
        Test::Weekday(days.fold(WeekdaySet::default(), WeekdaySet::with))
    });
    prop_oneof![
        8 => (proptest::sample::select(&TEXTS[..]), text),
        2 => (prop_oneof![Just(Field::Duration), Just(Field::Direct)], number),
        1 => (Just(Field::Weekday), days),
    ]
    .prop_map(|(field, test)| Atom { field, test })
}

fn predicate() -> impl Strategy<Value = Predicate> {
    atom().prop_map(Predicate::Atom).prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            3 => vec(inner.clone(), 0..4).prop_map(Predicate::All),
            2 => vec(inner.clone(), 0..4).prop_map(Predicate::Any),
            2 => inner.prop_map(|it| Predicate::Not(Box::new(it))),
        ]
    })
}

fn value() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[ab/]{1,3}", 2 => "(aabb|abab|/ab/|abc)", 1 => Just("é".to_owned()),
        1 => Just("e\u{301}".to_owned()), 1 => Just("\0".to_owned()),
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn stream() -> impl Strategy<Value = Stream> {
    let day = option::weighted(0.7, 0..7_u64);
    let texts = (option::weighted(0.8, value()), vec(value(), 0..3), vec(value(), 0..3));
    (texts, option::of(0..6_i64), option::of(0..6_i64), day).prop_map(
        |((primary_cwd, tmux_session, agent), duration_ms, direct_ms, day)| Stream {
            primary_cwd,
            tmux_session,
            agent,
            duration_ms,
            direct_ms,
            at: day.map(|day| {
                let monday = NaiveDate::from_ymd_opt(2025, 1, 27).unwrap();
                (monday + Days::new(day)).and_hms_opt(9, 0, 0).unwrap()
            }),
            ..Stream::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn first_match_is_the_first_that_holds(
        predicates in vec(predicate(), 1..12), streams in vec(stream(), 1..12),
    ) {
        agree(&rules(predicates), &streams)?;
    }

    #[test]
    fn one_pattern_alone_is_decided(parts in sequence(2), values in vec(value(), 1..20)) {
        let atom = Atom { field: Field::PrimaryCwd, test: Test::Glob(Pattern { parts }) };
        let at = |cwd| Stream { primary_cwd: Some(cwd), ..Stream::default() };
        let streams: Vec<_> = values.into_iter().map(at).collect();
        agree(&rules(vec![Predicate::Atom(atom)]), &streams)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn many_rules_are_decided_too(
        predicates in vec(prop_oneof![3 => atom().prop_map(Predicate::Atom), 1 => predicate()], 150..400),
        streams in vec(stream(), 1..30),
    ) {
        // So many rules that something holds for every stream early: the last ones, too, on their own.
        for predicates in [&predicates[..], &predicates[predicates.len() - 20..]] {
            agree(&rules(predicates.to_vec()), &streams)?;
        }
    }

    #[test]
    fn crowds_over_few_letters_are_decided_too(
        globs in vec(crowded(), 200..400),
        forms in vec((0..10_usize, 0..400_usize, proptest::sample::select(&["x", "y", "z"][..])), 400),
        values in vec(("[abé]{0,40}", option::of("[xyz]"), option::of("[ab]{0,9}")), 20..60),
    ) {
        let has = |field, at: usize| {
            let parts = globs[at % globs.len()].clone();
            Predicate::Atom(Atom { field, test: Test::Glob(Pattern { parts }) })
        };
        let agent = |name| {
            Predicate::Atom(Atom { field: Field::Agent, test: Test::Glob(Pattern::literal(name)) })
        };
        let predicates = (0..globs.len()).zip(&forms).map(|(n, (form, other, name))| {
            let (this, other) = (has(Field::PrimaryCwd, n), *other);
            match form {
                0 => this,
                1 => Predicate::All(vec![this, Predicate::Not(Box::new(has(Field::PrimaryCwd, other)))]),
                2 => Predicate::All(vec![this, has(Field::TmuxSession, other), agent(name)]),
                3 => Predicate::Any(vec![
                    Predicate::All(vec![this, agent(name)]),
                    Predicate::All(vec![has(Field::TmuxSession, other), agent("w")]),
                ]),
                _ => Predicate::All(vec![this, agent(name)]),
            }
        });
        let predicates: Vec<_> = predicates.collect();
        let streams = values.into_iter().map(|(cwd, agent, session)| Stream {
            primary_cwd: Some(cwd),
            agent: agent.into_iter().collect(),
            tmux_session: session.into_iter().collect(),
            ..Stream::default()
        });
        let streams: Vec<_> = streams.collect();
        for predicates in [&predicates[..], &predicates[20..]] {
            let rules = rules(predicates.to_vec());
            let dump = table(&rules).describe();
            let crowd = dump.texts.iter().find(|it| it.field == Field::PrimaryCwd);
            let crowd = crowd.and_then(|it| it.strategies.get(&Kept::Pieces)).copied();
            prop_assert!(crowd > Some(40), "{:?}", crowd);
            agree(&rules, &streams)?;
        }
    }

    #[test]
    fn conditions_that_hang_together_are_remembered_rightly(
        numbers in vec((0..3_usize, 0..3_usize, 0..6_i64, 0..6_i64, any::<bool>()), 60..200),
        streams in vec(stream(), 20..60),
    ) {
        // Few patterns on two fields and a number, shared by all: this is what the memo is for.
        const SHARED: [&str; 3] = ["a", "b", "ab"];
        let has = |field, which: usize| {
            let parts = vec![Part::Star, Part::Literal(SHARED[which].into()), Part::Star];
            Predicate::Atom(Atom { field, test: Test::Glob(Pattern { parts }) })
        };
        let condition = |(cwd, session, from, to, not): (_, _, _, _, bool)| {
            let session = has(Field::TmuxSession, session);
            let within = Test::Within(Intervals::of([(from, to)]));
            Predicate::All(vec![
                has(Field::PrimaryCwd, cwd),
                if not { Predicate::Not(Box::new(session)) } else { session },
                Predicate::Atom(Atom { field: Field::Duration, test: within }),
                Predicate::Not(Box::new(has(Field::Agent, cwd))),
            ])
        };
        agree(&rules(numbers.into_iter().map(condition).collect()), &streams)?;
    }
}

#[test]
fn what_follows_an_unconditional_rule_is_left_out() {
    let has = |field| Predicate::Atom(Atom { field, test: Test::Present });
    let many = rules(vec![has(Field::Repo), Predicate::All(Vec::new()), has(Field::Agent)]);
    let dump = table(&many).describe();
    assert_eq!(dump.unconditional, Some(RuleId(1)));
    assert_eq!(dump.texts.iter().map(|it| it.field).collect::<Vec<_>>(), [Field::Repo]);
    agree(&many, &[Stream::default()]).unwrap();
}
