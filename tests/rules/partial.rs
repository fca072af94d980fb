//! Which rules can win a stream half known: what the definition says of every completion.

use std::cell::Cell;
use std::collections::BTreeSet;

use chrono::{Datelike, Days, NaiveDateTime};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tt::rules::Stream;
use tt::rules::analysis::{Budget, Known, winners};
use tt::rules::fields::{FIELDS, Field, Type};
use unicode_normalization::UnicodeNormalization;

use crate::making::{self, Bytes};
use crate::oracle;
use crate::support::{HOME, check};

/// The moment with the weekday of one and the time of another.
fn moment(day: Option<NaiveDateTime>, time: Option<NaiveDateTime>) -> Option<NaiveDateTime> {
    let (day, time) = (day?, time?);
    let days = (0..7).map(|days| day.date() + Days::new(days));
    days.map(|date| date.and_time(time.time())).find(|at| at.weekday() == day.weekday())
}

/// `rest` with the known values.
fn completed(known: &Known, rest: &Stream) -> Option<Stream> {
    let mut stream = rest.clone();
    let is_known = |field| known.fields.contains(&field);
    for info in FIELDS.iter().filter(|info| is_known(info.field)) {
        match info.ty {
            Type::Text | Type::TextSet => {
                stream.set_texts(info.field, known.stream.texts(info.field).to_vec());
            }
            Type::Duration => stream.set_duration(info.field, known.stream.number(info.field)),
            Type::Weekday | Type::TimeOfDay => {}
        }
    }
    stream.at = match (is_known(Field::Weekday), is_known(Field::Time)) {
        (true, true) => known.stream.at,
        (true, false) => moment(known.stream.at, rest.at),
        (false, true) => moment(rest.at, known.stream.at),
        (false, false) => rest.at,
    };
    // Whether there is a first event is known with either half of its moment.
    let half = is_known(Field::Weekday) || is_known(Field::Time);
    (!half || stream.at.is_some() == known.stream.at.is_some()).then_some(stream)
}

fn agrees(stream: &Stream, known: &Known) -> bool {
    let nfc = |texts: &[String]| -> BTreeSet<String> {
        texts.iter().map(|text| text.nfc().collect()).collect()
    };
    known.fields.iter().all(|field| match field.info().ty {
        Type::Text | Type::TextSet => nfc(stream.texts(*field)) == nfc(known.stream.texts(*field)),
        Type::Duration | Type::TimeOfDay => stream.number(*field) == known.stream.number(*field),
        Type::Weekday => stream.weekday() == known.stream.weekday(),
    })
}

#[test]
fn outcomes_are_those_of_the_completions() {
    let (several, certain, nothing) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let bytes = |most: usize| vec(any::<u8>(), 0..most);
    let fields =
        prop::sample::subsequence(FIELDS.iter().map(|it| it.field).collect::<Vec<_>>(), 0..=11);
    let cases = (bytes(300), bytes(60), fields, vec(bytes(60), 1..30));
    let law = |(file, stream, fields, rest): (Vec<u8>, Vec<u8>, Vec<Field>, Vec<Vec<u8>>)| {
        let file = making::rule_file(&mut Bytes(&file));
        let stream = making::stream(&mut Bytes(&stream));
        let known = Known { stream, fields: fields.into_iter().collect() };
        let rules = check(&file).rules.unwrap();
        let found = winners(&rules, &known, Budget::default());
        prop_assert_eq!(&found.not_proven, &[], "{}", file);
        let definition = oracle::Rules::read(&file, Some(HOME));
        let winner = |stream: &Stream| definition.first(stream).map(|win| win.rule);
        for outcome in &found.outcomes {
            let rule = outcome.rule.map(|id| id.index());
            prop_assert_eq!(
                winner(&outcome.example),
                rule,
                "{}\n{:#?}\n{:#?}",
                file,
                known,
                outcome
            );
            prop_assert!(agrees(&outcome.example, &known), "{:#?}\n{:#?}", known, outcome);
        }
        let reported: Vec<_> =
            found.outcomes.iter().map(|it| it.rule.map(|id| id.index())).collect();
        let rest = rest.iter().map(|bytes| making::stream(&mut Bytes(bytes)));
        for rest in rest.chain([known.stream.clone()]) {
            let Some(stream) = completed(&known, &rest) else { continue };
            let wins = winner(&stream);
            prop_assert!(
                reported.contains(&wins),
                "{}\n{:#?}\n{:#?}\n{:?}",
                file,
                known,
                stream,
                wins
            );
        }
        match found.certain() {
            Some(outcome) if outcome.rule.is_none() => nothing.set(nothing.get() + 1),
            Some(_) => certain.set(certain.get() + 1),
            None => several.set(several.get() + 1),
        }
        Ok(())
    };
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) };
    TestRunner::new(config).run(&cases, law).unwrap_or_else(|failure| panic!("{failure}"));
    // A law that meets nothing holds always.
    let met = [several.get(), certain.get(), nothing.get()];
    println!("{met:?}");
    assert!(met.iter().all(|met| *met > 30), "{met:?}");
}

#[test]
fn what_is_known_of_a_set_is_all_of_it() {
    let file = r#"
[[rules.auto_tag]]
when = 'agent != "codex"'
tags = ["other"]

[[rules.auto_tag]]
when = 'weekday == "sat" and time >= 12:00'
tags = ["late"]

[[rules.auto_tag]]
when = 'not has time'
tags = ["nothing"]
"#;
    let rules = check(file).rules.unwrap();
    let saturday = chrono::NaiveDate::from_ymd_opt(2025, 2, 1).unwrap().and_hms_opt(0, 0, 0);
    let codex = Stream { agent: vec!["codex".into()], at: saturday, ..Stream::default() };
    let outcomes = |fields: &[Field]| -> Vec<_> {
        let known = Known { stream: codex.clone(), fields: fields.iter().copied().collect() };
        let found = winners(&rules, &known, Budget::default()).outcomes;
        found.iter().map(|it| it.rule.map(|id| id.index())).collect()
    };
    assert_eq!(outcomes(&[]), [Some(0), Some(1), Some(2), None]);
    assert_eq!(outcomes(&[Field::Agent]), [Some(1), Some(2), None]);
    assert_eq!(outcomes(&[Field::Agent, Field::Weekday]), [Some(1), None]);
    assert_eq!(outcomes(&[Field::Agent, Field::Time]), [None]);
}
