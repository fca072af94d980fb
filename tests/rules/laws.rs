//! The table gives what the definition gives, on rule files and streams made up at random.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tt::diag::{SourceFile, Span};
use tt::rules::syntax::embedded::Text;
use tt::rules::syntax::when::{self, Expr, Kind, Value};
use tt::rules::{Rules, Scratch, Stream};

use crate::making::{self, Bytes};
use crate::oracle::{self, Win};
use crate::support::{HOME, at, check_at, rule_of, toml_string, winner};

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
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

fn rule_file() -> impl Strategy<Value = String> {
    bytes(400).prop_map(|bytes| making::rule_file(&mut Bytes(&bytes)))
}

fn streams() -> impl Strategy<Value = Vec<Stream>> {
    vec(bytes(60).prop_map(|bytes| making::stream(&mut Bytes(&bytes))), 1..12)
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

/// What the program says where the oracle says who wins and what that gives.
fn win(rules: &Rules, stream: &Stream, scratch: &mut Scratch) -> Option<Win> {
    let id = rules.first_match_with(stream, scratch)?;
    let outcome = rules.outcome(id, stream);
    Some(Win { rule: id.index(), tags: outcome.tags, project: outcome.project })
}

/// What was met in a run of a law, to see that it met enough.
#[derive(Default)]
struct Met {
    streams: usize,
    wins: usize,
    /// Wins whose tags hold captured text, and those of several rows.
    captures: usize,
    rows: usize,
    /// Words and signs of expressions of winning rules.
    words: BTreeSet<&'static str>,
}

/// What may stand in an expression.
const WORDS: [&str; 17] = [
    " ~ ", " == ", " != ", " < ", " <= ", " > ", " >= ", " in [", "..", "has ", "not ", " and ",
    " or ", "(", "true", "false", "\\",
];

impl Met {
    fn see(&mut self, rules: &Rules, file: &str, win: Option<&Win>) {
        self.streams += 1;
        let Some(win) = win else { return };
        self.wins += 1;
        self.captures += usize::from(win.tags.len() > 1);
        let templates = rules.all()[win.rule].tags.len();
        self.rows += usize::from(win.tags.len() > templates);
        let file: toml::Table = file.parse().unwrap();
        if let Some(when) = file["rules"]["auto_tag"][win.rule].get("when") {
            let text = when.as_str().unwrap();
            let source = format!("\"{text}\"");
            let text = Text::new(text, &source, Span::new(0, source.len()));
            let printed = when::parse(&text).unwrap().to_string();
            self.words.extend(WORDS.into_iter().filter(|word| printed.contains(word)));
        }
    }
}

#[test]
fn the_table_is_the_oracle() {
    let met = RefCell::new(Met::default());
    let homes = option::weighted(0.8, Just(HOME));
    let law = |(file, streams, home): (String, Vec<Stream>, Option<&'static str>)| {
        let checkup = check_at(home, &file);
        prop_assert!(checkup.rules.is_some(), "{file}\n{:#?}", checkup.findings);
        let rules = checkup.rules.unwrap().compile();
        let mut scratch = Scratch::default();
        for stream in &streams {
            let expected = oracle::first(&file, home, stream);
            let fresh = win(&rules, stream, &mut Scratch::default());
            let used = win(&rules, stream, &mut scratch);
            prop_assert_eq!(&fresh, &expected, "{}\n{:#?}", file, stream);
            prop_assert_eq!(used, fresh, "with a scratch used before, {}\n{:#?}", file, stream);
            met.borrow_mut().see(&rules, &file, expected.as_ref());
        }
        Ok(())
    };
    let cases = (rule_file(), streams(), homes);
    TestRunner::new(config(800)).run(&cases, law).unwrap_or_else(|failure| panic!("{failure}"));

    // A law that meets nothing holds always.
    let Met { streams, wins, captures, rows, words } = met.into_inner();
    println!("{streams} streams, {wins} wins, {captures} with captures, {rows} of several rows");
    assert!(
        wins * 5 > streams && captures * 20 > wins && rows > 20,
        "{streams} {wins} {captures} {rows}"
    );
    let missing: Vec<_> = WORDS.into_iter().filter(|word| !words.contains(word)).collect();
    assert!(missing.is_empty(), "no winner had {missing:?}");
}

/// A tree without its places.
fn shape(expr: &Expr) -> String {
    let all = |of: &[Expr]| of.iter().map(shape).collect::<Vec<_>>().join(" ");
    match &expr.kind {
        Kind::Constant(value) => value.to_string(),
        Kind::Has(field) => format!("(has {})", field.text),
        Kind::Not(inner) => format!("(not {})", shape(inner)),
        Kind::And(operands) => format!("(and {})", all(operands)),
        Kind::Or(operands) => format!("(or {})", all(operands)),
        Kind::Test(test) => {
            let value = match &test.value {
                Value::Text(text) => format!("text {:?}", text.text),
                Value::List(texts, _) => {
                    format!("{:?}", texts.iter().map(|text| &text.text).collect::<Vec<_>>())
                }
                Value::Amount(amount) => amount.text.clone(),
                Value::Range(from, to) => format!("{} to {}", from.text, to.text),
            };
            format!("({} {:?} {value})", test.field.text, test.operator)
        }
    }
}

fn parsed(expression: &str) -> Result<Expr, when::Broken> {
    let source = format!("'''{expression}'''");
    when::parse(&Text::new(expression, &source, Span::new(0, source.len())))
}

/// Expressions and what damages them.
fn token_soup() -> impl Strategy<Value = String> {
    const TOKENS: [&str; 64] = [
        "agent",
        "repo",
        "duration",
        "weekday",
        "time",
        "pathh",
        "has",
        "has",
        "not",
        "not",
        "and",
        "and",
        "or",
        "or",
        "true",
        "false",
        "(",
        "(",
        ")",
        ")",
        "[",
        "]",
        ",",
        "~",
        "==",
        "!=",
        "<=",
        ">",
        "in",
        "in",
        "\"a*\"",
        "'<x>'",
        "\"[\"",
        "\"sat\"",
        "[\"a\", 'b']",
        "[]",
        "15m",
        "9:00..8:00",
        "15m..2h",
        "..",
        "é",
        "\"",
        "'",
        "\\",
        "\n",
        "#",
        "&&",
        "||",
        "!",
        "=",
        "=~",
        "not in",
        "is",
        "contains",
        "AND",
        "15 minutes",
        "~/a",
        ";",
        "\t",
        "\u{a0}",
        "\"\\\"\"",
        "\r\n",
        "exists",
        "{",
    ];
    let soup = vec(proptest::sample::select(&TOKENS[..]), 0..14);
    let glue = proptest::sample::select(&[" ", " ", ""][..]);
    let soup = (soup, glue).prop_map(|(tokens, glue)| tokens.join(glue));
    let damage = (0..120_usize, 0..4_usize, proptest::sample::select(&TOKENS[..]));
    let damaged = (bytes(80), damage).prop_map(|(bytes, (at, length, instead))| {
        let mut chars: Vec<char> = making::when(&mut Bytes(&bytes)).chars().collect();
        let start = at.min(chars.len());
        let end = (start + length).min(chars.len());
        chars.splice(start..end, instead.chars());
        chars.into_iter().collect()
    });
    prop_oneof![soup, damaged]
}

/// What the law about damaged files damages.
const DAMAGED: &str = include_str!("../../rules-examples/consultant.toml");

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn printing_and_reading_again_changes_nothing(bytes in bytes(120)) {
        let expression = making::when(&mut Bytes(&bytes));
        let tree = parsed(&expression).unwrap();
        let printed = tree.to_string();
        let again = parsed(&printed).unwrap();
        prop_assert_eq!(shape(&again), shape(&tree), "{}\n{}", expression, printed);
        prop_assert_eq!(again.to_string(), printed);
    }

    #[test]
    fn no_expression_panics(
        expression in token_soup(), bytes in bytes(120), raw in option::weighted(0.1, Just("'")),
    ) {
        let value = making::toml_string(&expression, &mut Bytes(&bytes));
        // Now and then the file is not even TOML.
        let value = raw.map_or(value, |quote| format!("{quote}{expression}{quote}"));
        let text = format!("[[rules.auto_tag]]\ntags = ['<x>']\nwhen = {value}\n");
        let checkup = check_at(Some(HOME), &text);
        let errors = checkup.findings.iter().any(|it| it.stops());
        prop_assert_eq!(errors, checkup.rules.is_none());
        let file = SourceFile::new("config.toml", text.as_str());
        for finding in &checkup.findings {
            let edit = finding.edit.iter().map(|edit| edit.span);
            let beside = finding.secondary.iter().map(|label| label.span);
            for span in edit.chain(beside).chain([finding.primary.span]) {
                prop_assert!(text.get(span.start..span.end).is_some(), "{:?}\n{}", finding, text);
            }
        }
        let drawn = tt::diag::render::human::render(&checkup.findings, &file, false);
        prop_assert_eq!(checkup.findings.is_empty(), drawn.is_empty());
        prop_assert_eq!(check_at(Some(HOME), &text).findings, checkup.findings);
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
        let errors = checkup.findings.iter().any(|f| f.stops());
        prop_assert_eq!(errors, checkup.rules.is_none());
        let valid = toml::from_str::<toml::Table>(&text).is_ok();
        let syntax = checkup.findings.iter().any(|f| f.code == tt::diag::Code::TomlSyntax);
        prop_assert_eq!(syntax, !valid, "{}", text);
        for finding in &checkup.findings {
            let span = finding.primary.span;
            prop_assert!(span.start <= span.end && span.end <= text.len());
        }
        let file = SourceFile::new("config.toml", text.as_str());
        let drawn = tt::diag::render::human::render(&checkup.findings, &file, true);
        prop_assert_eq!(drawn.is_empty(), checkup.findings.is_empty());
    }

    #[test]
    fn no_text_panics(text in r#"(\[\[rules.auto_tag\]\]|match|tags|when|=|\{|\}|\[|\]|"|'|,|\n|a|~|é| |\\|\r\n|\t|"""|\'\'\'|u00e9|agent){0,30}"#) {
        let file = SourceFile::new("config.toml", text.as_str());
        let checkup = check_at(None, &text);
        let drawn = tt::diag::render::human::render(&checkup.findings, &file, false);
        prop_assert_eq!(checkup.findings.is_empty(), drawn.is_empty());
        prop_assert_eq!(check_at(None, &text).findings, checkup.findings);
    }
}
