//! Formatting changes how expressions look, and nothing else.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tt::diag::SourceFile;
use tt::rules::format::formatted;
use tt::rules::ir::{Predicate, Template};

use crate::making::{self, Bytes};
use crate::support::check;

/// What a rule means: its conditions, tags and project.
type Meaning = (Vec<Predicate>, Vec<Template>, Option<Template>);

fn meaning(text: &str) -> Vec<Meaning> {
    let checkup = check(text);
    let rules = checkup.rules.unwrap_or_else(|| panic!("{text}\n{:#?}", checkup.findings));
    let rules = rules.rules.iter();
    rules
        .map(|rule| {
            let predicates = rule.conjuncts.iter().map(|it| it.predicate.clone()).collect();
            (predicates, rule.tags.clone(), rule.project.clone())
        })
        .collect()
}

fn comments(text: &str) -> usize {
    text.matches('#').count()
}

/// A file whose only rule has a long expression, in quotes that may hold several lines.
fn long_rule(bytes: &mut Bytes<'_>) -> String {
    let mut text = making::when(bytes);
    for _ in 0..bytes.choose(5) {
        let (joint, next) = (["and", "or"][bytes.choose(2)], making::when(bytes));
        text = match bytes.choose(3) {
            0 => format!("({text}\n) {joint} {next}"),
            1 => format!("{text}\n{joint} not ({next}\n)"),
            _ => format!("{text}\n{joint} # why\n# and\n {next}"),
        };
    }
    let quotes = if text.contains(['\\', '\'']) { "'''" } else { "\"\"\"" };
    let text = text.replace("'''", "''").replace('\r', " ");
    format!("[[rules.auto_tag]]\nwhen = {quotes}\n{text}\n{quotes}\ntags = ['t']\n")
}

#[test]
fn formatting_keeps_the_meaning_and_is_idempotent() {
    let (changed, broken) = (Cell::new(0), Cell::new(0));
    let law = |bytes: Vec<u8>| {
        let bytes = &mut Bytes(&bytes);
        let text = if bytes.choose(3) == 0 { making::rule_file(bytes) } else { long_rule(bytes) };
        let once = formatted(&SourceFile::new("f", text.clone())).unwrap();
        prop_assert_eq!(meaning(&once), meaning(&text), "{}\n{}", text, once);
        prop_assert_eq!(comments(&once), comments(&text), "{}\n{}", text, once);
        let twice = formatted(&SourceFile::new("f", once.clone())).unwrap();
        prop_assert_eq!(&twice, &once, "{}", text);
        changed.set(changed.get() + usize::from(once != text));
        let joints = ["\n  and ", "\n  or ", "\n    and "];
        broken.set(broken.get() + usize::from(joints.iter().any(|joint| once.contains(joint))));
        Ok(())
    };
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(800) };
    TestRunner::new(config)
        .run(&vec(any::<u8>(), 0..400), law)
        .unwrap_or_else(|failure| panic!("{failure}"));
    // A law that meets nothing holds always.
    assert!(changed.get() > 400 && broken.get() > 200, "{changed:?} {broken:?}");
}
