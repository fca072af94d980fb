//! Where a value leaves a pattern is where the definition of globs says it does.

use proptest::prelude::*;
use tt::rules::fields::Field;
use tt::rules::ir::{Atom, Pattern, Predicate, Test};
use tt::rules::why;

use crate::making::{self, Bytes};
use crate::oracle;
use crate::support::{HOME, check, rule_of};

/// What a value may go on with: every letter that the globs below tell apart.
const LETTERS: [char; 5] = ['a', 'b', '/', 'é', 'q'];

/// The longest rest that one of the globs below can need: an `é` and three letters.
const LONGEST: u32 = 4;

/// The pattern of a glob without `~`.
fn pattern(glob: &str) -> Pattern {
    let rules = check(&rule_of(glob)).rules.unwrap();
    let Predicate::Any(globs) = &rules.rules[0].conjuncts[0].predicate else { panic!("{glob}") };
    let [Predicate::Atom(Atom { field: Field::PrimaryCwd, test: Test::Glob(pattern) })] =
        globs.as_slice()
    else {
        panic!("{glob}")
    };
    pattern.clone()
}

/// Whether the glob matches a text that begins so.
fn is_viable(glob: &str, beginning: &str) -> bool {
    let mut rests = vec![String::new()];
    for _ in 0..=LONGEST {
        let matches = |rest: &String| oracle::glob(glob, &format!("{beginning}{rest}"), &[HOME]);
        if rests.iter().any(|rest| matches(rest).unwrap()) {
            return true;
        }
        let longer = |rest: &String| LETTERS.map(|c| format!("{rest}{c}"));
        rests = rests.iter().flat_map(longer).collect();
    }
    false
}

fn glob() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just("a"), 3 => Just("b"), 2 => Just("/"), 1 => Just("é"), 3 => Just("*"),
        2 => Just("?"), 1 => Just("<x>"), 1 => Just("[ab]"), 1 => Just("[!a]"),
        1 => Just("{a,b*}"), 1 => Just("{,a}"), 1 => Just("{a/,[!b]}"), 1 => Just("[!\0-\u{10ffff}]"),
        1 => Just("{[!\0-\u{10ffff}]a,b}"),
    ];
    proptest::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = String> {
    let letter = prop::sample::select(&LETTERS[..]);
    proptest::collection::vec(letter, 0..5).prop_map(|letters| letters.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_value_leaves_its_pattern_where_no_match_can_go_on(glob in glob(), value in value()) {
        if oracle::glob(&glob, &value, &[HOME]).unwrap() {
            return Ok(());
        }
        let (at, _) = why::furthest(&pattern(&glob), &value);
        // A pattern that matches nothing has not even a beginning.
        let viable = is_viable(&glob, &value[..at]) || at == 0 && !is_viable(&glob, "");
        prop_assert!(viable, "{} {} at {}", glob, value, at);
        if let Some(next) = value[at..].chars().next() {
            let more = &value[..at + next.len_utf8()];
            prop_assert!(!is_viable(&glob, more), "{} {} at {}", glob, value, at);
        }
    }

    #[test]
    fn an_explanation_holds_where_the_rule_does(
        file in proptest::collection::vec(any::<u8>(), 0..400),
        stream in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let file = making::rule_file(&mut Bytes(&file));
        let stream = making::stream(&mut Bytes(&stream));
        let rules = check(&file).rules.unwrap();
        let definition = oracle::Rules::read(&file, Some(HOME));
        for rule in &rules.rules {
            let explanation = why::explain(rule, &stream);
            prop_assert_eq!(explanation.holds(), definition.holds(rule.info.index(), &stream));
            prop_assert_eq!(explanation.failing().count() == 0, explanation.holds());
            for reason in explanation.reasons() {
                prop_assert!(!reason.sentence(&rules.homes).is_empty());
            }
        }
    }
}
