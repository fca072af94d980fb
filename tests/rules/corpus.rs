//! Conformance: patterns, texts and verdicts from the test suites of other matchers.
//!
//! `corpus/globs.jsonl` names the source of each case; all of them are under permissive licences.

use serde_json::Value;

use crate::oracle;
use crate::support::{HOME, at, check, rule_of, winner};

struct Case {
    source: String,
    pattern: String,
    text: String,
    home: String,
    /// `None`: the pattern is malformed.
    expect: Option<bool>,
}

fn cases(lines: &str) -> Vec<Case> {
    let case = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| value[key].as_str().unwrap().to_owned();
        Case {
            source: text("src"),
            pattern: text("pattern"),
            text: text("text"),
            home: text("home"),
            expect: value["expect"].as_bool(),
        }
    };
    lines.lines().map(case).collect()
}

fn corpus() -> Vec<Case> {
    let mut all = cases(include_str!("corpus/globs.jsonl"));
    // Another file in the same form can be run too.
    if let Ok(path) = std::env::var("TT_MORE_GLOBS") {
        all.extend(cases(&std::fs::read_to_string(path).unwrap()));
    }
    assert!(all.len() > 2800);
    all
}

#[track_caller]
fn all_agree(verdict: impl Fn(&Case) -> Option<bool>) {
    let cases = corpus();
    let wrong: Vec<_> = cases
        .iter()
        .filter(|case| verdict(case) != case.expect)
        .map(|case| format!("{}: {:?} on {:?}", case.source, case.pattern, case.text))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    println!("{} cases", cases.len());
}

#[test]
fn the_oracle_conforms() {
    all_agree(|case| oracle::glob(&case.pattern, &case.text, &[&case.home]));
}

#[test]
fn the_table_conforms() {
    all_agree(|case| {
        let env = crate::support::check_at(Some(&case.home), &rule_of(&case.pattern));
        let rules = env.rules?.compile();
        Some(winner(&rules, &at(&case.text)).is_some())
    });
}

#[test]
fn all_patterns_in_one_table_conform() {
    // One table of every pattern at once, so that they meet in the same places.
    let cases: Vec<_> = corpus().into_iter().filter(|case| case.home == HOME).collect();
    let sound: Vec<_> = cases.iter().filter(|case| case.expect.is_some()).step_by(3).collect();
    let file: String = sound.iter().map(|case| rule_of(&case.pattern)).collect();
    let rules = check(&file).rules.unwrap().compile();
    for case in &sound {
        let first =
            sound.iter().position(|rule| oracle::glob(&rule.pattern, &case.text, &[HOME]).unwrap());
        assert_eq!(winner(&rules, &at(&case.text)), first, "{:?}", case.text);
    }
}
