//! The table gives what the definition gives, on rule files and streams made up at random.
//!
//! Letters are few, so that rules collide and streams hit them.

use chrono::{Days, NaiveDate, NaiveTime};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tt::rules::{Scratch, Stream};

use crate::oracle;
use crate::support::{HOME, at, check_at, rule_of, toml_string, winner};

/// A well-formed glob.
fn glob() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just("a"), 4 => Just("b"), 2 => Just("/"), 1 => Just("é"), 1 => Just("e\u{301}"),
        3 => Just("*"), 2 => Just("?"), 1 => Just("<x>"), 1 => Just("[ab]"), 1 => Just("[!a]"),
        1 => Just("[^/-b]"), 1 => Just("{a,b*}"), 1 => Just("{,a}"), 1 => Just("{<x>/,{b,?}}"),
        1 => Just("\\*"), 1 => Just("[[:alpha:]]"),
    ];
    let pieces = vec(piece, 1..5).prop_map(|pieces| pieces.concat());
    prop_oneof![
        8 => pieces.clone(),
        1 => pieces.prop_map(|rest| format!("~/{rest}")),
        1 => Just("~".to_owned()),
    ]
}

/// A glob that captures nothing, perhaps empty.
fn plain_glob() -> impl Strategy<Value = String> {
    let piece = prop_oneof![Just("a"), Just("b"), Just("/"), Just("*"), Just("?"), Just("{a,b*}")];
    vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just("a"), 4 => Just("b"), 2 => Just("/"), 1 => Just("é"), 1 => Just("e\u{301}"),
        1 => Just("*"),
    ];
    let pieces = vec(piece, 0..6).prop_map(|pieces| pieces.concat());
    prop_oneof![6 => pieces.clone(), 1 => pieces.prop_map(|rest| format!("{HOME}/{rest}"))]
}

const TEXT_FIELDS: [&str; 6] =
    ["primary_cwd", "tmux_session", "agent", "git_branch", "repo", "worktree"];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

fn comparison(values: &'static [&'static str], passes_zero: bool) -> impl Strategy<Value = String> {
    let value = || proptest::sample::select(values);
    let operator = proptest::sample::select(&["<", "<=", ">", ">=", "==", "!="][..]);
    prop_oneof![
        (operator, value()).prop_map(|(operator, value)| format!("{operator} {value}")),
        (0..values.len(), 0..values.len())
            .prop_filter("a range that holds something", move |(a, b)| a < b
                || passes_zero && a != b)
            .prop_map(|(a, b)| format!("{}..{}", values[a], values[b])),
    ]
}

/// A condition as TOML.
fn condition() -> impl Strategy<Value = (&'static str, String)> {
    let texts = (proptest::sample::select(&TEXT_FIELDS[..]), vec(glob(), 1..3)).prop_map(
        |(field, globs)| match globs.as_slice() {
            [one] => (field, toml_string(one)),
            many => {
                let list: Vec<_> = many.iter().map(|glob| toml_string(glob)).collect();
                (field, format!("[{}]", list.join(", ")))
            }
        },
    );
    let lengths = (
        proptest::sample::select(&["duration", "direct", "delegated"][..]),
        comparison(&["1s", "2s", "1m"], false),
    );
    let times = comparison(&["06:00:00", "12:00:00", "22:00:00"], true);
    let days = vec(proptest::sample::select(&DAYS[..]), 1..4);
    prop_oneof![
        6 => texts,
        1 => lengths.prop_map(|(field, value)| (field, format!("{value:?}"))),
        1 => times.prop_map(|value| ("time", format!("{value:?}"))),
        1 => days.prop_map(|days| ("weekday", format!("{days:?}"))),
    ]
}

fn rule_file() -> impl Strategy<Value = String> {
    let rule = (vec(condition(), 1..4), prop::bool::weighted(0.9)).prop_map(
        |(mut conditions, enabled)| {
            conditions.sort();
            conditions.dedup_by_key(|(field, _)| *field);
            let conditions: Vec<_> =
                conditions.iter().map(|(field, value)| format!("{field} = {value}")).collect();
            format!(
                "[[rules.auto_tag]]\nmatch = {{ {} }}\ntags = ['t']\nenabled = {enabled}\n",
                conditions.join(", ")
            )
        },
    );
    let homes = prop_oneof![Just(""), Just("[rules]\nhomes = ['a/', '/home/u']\n")];
    (homes, vec(rule, 1..8)).prop_map(|(homes, rules)| format!("{homes}{}", rules.concat()))
}

fn stream() -> impl Strategy<Value = Stream> {
    let texts = || vec(text(), 0..3);
    let length =
        || option::of(prop::sample::select(&[0, 999, 1000, 1500, 2000, 60_000, 60_001][..]));
    let time = prop::sample::select(&[0, 6 * 3600 - 1, 6 * 3600, 12 * 3600, 22 * 3600, 86_399][..]);
    let monday = NaiveDate::from_ymd_opt(2025, 1, 27).unwrap();
    let day = (0..7_u64).prop_map(move |day| monday + Days::new(day));
    (
        (option::weighted(0.9, text()), texts(), texts(), texts(), option::of(text()), texts()),
        (length(), length(), length(), option::of((day, time))),
    )
        .prop_map(|(texts, (duration_ms, direct_ms, delegated_ms, at))| {
            let (primary_cwd, tmux_session, agent, git_branch, repo, worktree) = texts;
            let time = |at| NaiveTime::from_num_seconds_from_midnight_opt(at, 0).unwrap();
            let at = at.map(|(day, at)| day.and_time(time(at)));
            Stream {
                primary_cwd,
                tmux_session,
                agent,
                git_branch,
                repo,
                worktree,
                duration_ms,
                direct_ms,
                delegated_ms,
                at,
            }
        })
}

/// What the law about damaged files damages.
const DAMAGED: &str = include_str!("../../rules-examples/consultant.toml");

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn the_table_is_the_oracle(
        file in rule_file(),
        streams in vec(stream(), 1..12),
        home in option::weighted(0.8, Just(HOME)),
    ) {
        let checkup = check_at(home, &file);
        prop_assert!(checkup.rules.is_some(), "{:#?}", checkup.findings);
        let rules = checkup.rules.unwrap().compile();
        let mut scratch = Scratch::default();
        for stream in &streams {
            let expected = oracle::first(&file, home, stream);
            let fresh = winner(&rules, stream);
            let used = rules.first_match_with(stream, &mut scratch).map(|id| id.index());
            prop_assert_eq!(fresh, expected, "{:#?}", stream);
            prop_assert_eq!(used, expected, "with a scratch used before, {:#?}", stream);
        }
    }

    #[test]
    fn a_capture_put_back_matches(
        before in plain_glob(), after in plain_glob(), values in vec(text(), 1..4),
    ) {
        let glob = format!("{before}<x>{after}");
        let glob_toml = toml_string(&glob);
        let file = format!(
            "[[rules.auto_tag]]\nmatch = {{ agent = {glob_toml} }}\ntags = [\"<x>\"]\n"
        );
        let rules = check_at(Some(HOME), &file).rules.unwrap().compile();
        let stream = Stream { agent: values.clone(), ..Stream::default() };
        let Some(id) = rules.first_match(&stream) else { return Ok(()) };
        let tags = rules.outcome(id, &stream).tags;
        prop_assert!(tags.is_sorted() && !tags.is_empty());
        let put_back = |tag: &str, value: &str| {
            let escaped: String = tag.chars().flat_map(|c| ['\\', c]).collect();
            oracle::glob(&format!("{before}{escaped}{after}"), value, &[HOME]).unwrap()
        };
        for tag in &tags {
            prop_assert!(!tag.contains('/') && !tag.is_empty());
            prop_assert!(values.iter().any(|value| put_back(tag, value)), "{tag} {glob}");
        }
        for value in &values {
            let matches = oracle::glob(&glob, value, &[HOME]).unwrap();
            prop_assert!(!matches || tags.iter().any(|tag| put_back(tag, value)), "{value}");
        }
    }

    #[test]
    fn any_text_is_a_glob_or_a_finding(
        pattern in r"[ab/*?\[\]{},<>!^:\\~é\u{301}-]{0,10}|(\[|\]|:|alpha|-|a|b|!|\\){1,8}",
        text in text(),
    ) {
        let checkup = check_at(Some(HOME), &rule_of(&pattern));
        let rules = checkup.rules.map(|rules| rules.compile());
        let table = rules.map(|rules| winner(&rules, &at(&text)).is_some());
        prop_assert_eq!(table, oracle::glob(&pattern, &text, &[HOME]));
    }

    #[test]
    fn a_damaged_file_is_still_read(
        cuts in vec((0..DAMAGED.len(), 0..12_usize, "[\\[\\]{}='\"\n,~a\\\\]{0,2}"), 1..4),
    ) {
        let mut chars: Vec<char> = DAMAGED.chars().collect();
        for (at, length, instead) in &cuts {
            let start = (*at).min(chars.len());
            let end = (start + length).min(chars.len());
            chars.splice(start..end, instead.chars());
        }
        let text: String = chars.iter().collect();
        let checkup = check_at(Some(HOME), &text);
        let errors = checkup.findings.iter().any(|f| f.severity() == tt::diag::Severity::Error);
        prop_assert_eq!(errors, checkup.rules.is_none());
        let valid = toml::from_str::<toml::Table>(&text).is_ok();
        let syntax = checkup.findings.iter().any(|f| f.code == tt::diag::Code::TomlSyntax);
        prop_assert_eq!(syntax, !valid, "{}", text);
        for finding in &checkup.findings {
            let span = finding.primary.span;
            prop_assert!(span.start <= span.end && span.end <= text.len());
        }
        let file = tt::diag::SourceFile::new("config.toml", text.as_str());
        let drawn = tt::diag::render::human::render(&checkup.findings, &file, true);
        prop_assert_eq!(drawn.is_empty(), checkup.findings.is_empty());
    }

    #[test]
    fn no_text_panics(text in r#"(\[\[rules.auto_tag\]\]|match|tags|when|=|\{|\}|\[|\]|"|'|,|\n|a|~|é| |\\|\r\n|\t|"""|\'\'\'|u00e9|agent){0,30}"#) {
        let file = tt::diag::SourceFile::new("config.toml", text.as_str());
        let checkup = check_at(None, &text);
        let drawn = tt::diag::render::human::render(&checkup.findings, &file, false);
        prop_assert_eq!(checkup.findings.is_empty(), drawn.is_empty());
        prop_assert_eq!(check_at(None, &text).findings, checkup.findings);
    }
}
