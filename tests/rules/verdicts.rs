//! The analysis says what brute force says, on rule files made up at random.
//!
//! Whether a condition holds for a value is asked of the definition, value by value. Fields know
//! nothing of each other, so what a field's values pass together, with the smallest value for each,
//! is all that matters of it; and every combination over the fields is a kind of stream.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tt::rules::analysis::{
    Analysis, Budget, Judgement, Options, Others, Territory, Verdict, analyse, difference,
};
use tt::rules::{RuleId, Stream};

use crate::oracle;
use crate::support::{check, check_at, toml_string};

#[path = "masks.rs"]
mod masks;

/// What `~` stands for.
const HOME: &str = "a";

/// The letters of the texts enumerated; `q` is in no condition.
const LETTERS: [char; 5] = ['a', 'b', '/', 'é', 'q'];
const LONGEST: usize = 4;

/// Whole minutes, so that the borders of conditions are among them and between them.
const LENGTHS: [i64; 5] = [0, 60_000, 90_000, 120_000, 150_000];
const TIMES: [u32; 6] = [0, 6 * 3600, 12 * 3600, 18 * 3600, 22 * 3600, 23 * 3600];

/// A condition: its field and what is asked, of which any will do.
type Condition = (&'static str, Vec<String>);

#[derive(Clone, Debug)]
struct RuleSpec {
    conditions: Vec<Condition>,
    tags: &'static str,
    enabled: bool,
}

const TEXT_FIELDS: [&str; 6] =
    ["primary_cwd", "tmux_session", "agent", "git_branch", "repo", "worktree"];
const FIELDS: [&str; 11] = [
    "primary_cwd",
    "tmux_session",
    "agent",
    "git_branch",
    "repo",
    "worktree",
    "duration",
    "direct",
    "delegated",
    "weekday",
    "time",
];

fn glob() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        5 => Just("a"), 3 => Just("b"), 2 => Just("/"), 1 => Just("é"), 1 => Just("e\u{301}"),
        5 => Just("*"), 3 => Just("?"), 1 => Just("<x>"), 1 => Just("[ab]"), 2 => Just("[!a]"),
        1 => Just("[^/-b]"), 1 => Just("{a,b*}"), 1 => Just("{,a}"), 1 => Just("{[!a],b?}"), 1 => Just("{*b,a}"),
    ];
    let pieces = vec(piece.clone(), 1..4).prop_map(|pieces| pieces.concat());
    prop_oneof![9 => pieces, 1 => piece.prop_map(|rest| format!("~/{rest}"))]
}

fn comparison(values: &'static [&'static str], passes_zero: bool) -> impl Strategy<Value = String> {
    let value = || prop::sample::select(values);
    let operator = prop::sample::select(&["<", "<=", ">", ">=", "==", "!="][..]);
    let range = (0..values.len(), 0..values.len())
        .prop_filter("a range that holds something", move |(a, b)| a < b || passes_zero && a != b)
        .prop_map(|(a, b)| format!("{}..{}", values[a], values[b]));
    prop_oneof![
        (operator, value()).prop_map(|(operator, value)| format!("{operator} {value}")),
        range,
    ]
}

fn condition(field: &'static str) -> BoxedStrategy<Condition> {
    let asked = match field {
        "weekday" => vec(prop::sample::select(&["mon", "tue", "wed", "sat", "sun"][..]), 1..4)
            .prop_map(|days| days.into_iter().map(str::to_owned).collect())
            .boxed(),
        "time" => comparison(&["06:00:00", "12:00:00", "22:00:00"], true)
            .prop_map(|one| vec![one])
            .boxed(),
        "duration" | "direct" | "delegated" => {
            comparison(&["1m", "2m"], false).prop_map(|one| vec![one]).boxed()
        }
        _ => prop_oneof![4 => vec(glob(), 1..2), 1 => vec(glob(), 2..4)].boxed(),
    };
    asked.prop_map(move |asked| (field, asked)).boxed()
}

/// What the rules of a file may ask of a field: few things, so that rules collide.
fn pool(field: &'static str) -> BoxedStrategy<Vec<Condition>> {
    let all = match field {
        "weekday" => vec!["mon", "tue", "sat"],
        "primary_cwd" => vec!["*"],
        _ => Vec::new(),
    };
    let broad = move |mut pool: Vec<Condition>| {
        pool.extend(all.iter().map(|one| (field, vec![(*one).to_owned()])));
        pool
    };
    vec(condition(field), 1..=3).prop_map(broad).boxed()
}

/// Up to six rules that ask a few fields.
fn file() -> impl Strategy<Value = Vec<RuleSpec>> {
    let texts = prop::sample::subsequence(TEXT_FIELDS.to_vec(), 1..=2);
    let any = prop::sample::subsequence(FIELDS.to_vec(), 1..=3);
    let fields = prop_oneof![1 => texts, 1 => any];
    let pools = fields.prop_flat_map(|fields| fields.into_iter().map(pool).collect::<Vec<_>>());
    pools.prop_flat_map(|pools| {
        let count = pools.len();
        let rule = prop::sample::subsequence(pools, 1..=count).prop_flat_map(|pools| {
            let one = pools.into_iter().map(prop::sample::select).collect::<Vec<_>>();
            let tags = prop::sample::select(&["x", "y"][..]);
            (one, tags, prop::bool::weighted(0.95))
                .prop_map(|(conditions, tags, enabled)| RuleSpec { conditions, tags, enabled })
        });
        vec(rule, 2..7)
    })
}

fn toml_of((field, asked): &Condition) -> String {
    match asked.as_slice() {
        [one] => format!("{field} = {}", toml_string(one)),
        many => {
            let list: Vec<_> = many.iter().map(|glob| toml_string(glob)).collect();
            format!("{field} = [{}]", list.join(", "))
        }
    }
}

fn file_of(rules: &[RuleSpec]) -> String {
    let rules = rules.iter().map(|RuleSpec { conditions, tags, enabled }| {
        let conditions: Vec<_> = conditions.iter().map(toml_of).collect();
        let conditions = conditions.join(", ");
        format!("[[rules.auto_tag]]\nmatch = {{ {conditions} }}\ntags = ['{tags}']\nenabled = {enabled}\n")
    });
    rules.collect()
}

/// The definition, asked once per question.
struct Definition {
    texts: Vec<String>,
    moments: Vec<NaiveDateTime>,
    /// Per glob, which of the texts it matches.
    globs: RefCell<HashMap<(String, usize), bool>>,
    /// Per condition and stream with one value.
    others: RefCell<HashMap<(String, String), bool>>,
}

/// Bits of conditions that pass together, and the size of a smallest value for which they do.
type Truths = BTreeMap<u64, u64>;

fn joined(a: &Truths, b: &Truths) -> Truths {
    let mut all = Truths::new();
    for (one, size) in a {
        for (other, more) in b {
            let smallest = all.entry(one | other).or_insert(u64::MAX);
            *smallest = (size + more).min(*smallest);
        }
    }
    all
}

fn note(truths: &mut Truths, passed: u64, size: u64) {
    let smallest = truths.entry(passed).or_insert(u64::MAX);
    *smallest = size.min(*smallest);
}

impl Definition {
    fn new() -> Self {
        let mut texts = vec![String::new()];
        let mut last = texts.clone();
        for _ in 0..LONGEST {
            last = last.iter().flat_map(|text| LETTERS.map(|c| format!("{text}{c}"))).collect();
            texts.extend(last.clone());
        }
        let monday = NaiveDate::from_ymd_opt(2025, 1, 27).unwrap();
        let time = |at| NaiveTime::from_num_seconds_from_midnight_opt(at, 0).unwrap();
        let times =
            TIMES.into_iter().flat_map(|at| [at, at + 1, (at + 24 * 3600 - 1) % (24 * 3600)]);
        let days = (0..7).map(|day| monday + Days::new(day));
        let moments =
            days.flat_map(|day| times.clone().map(move |at| day.and_time(time(at)))).collect();
        Self { texts, moments, globs: RefCell::default(), others: RefCell::default() }
    }

    fn glob(&self, glob: &str, text: usize) -> bool {
        let mut known = self.globs.borrow_mut();
        let ask = || oracle::glob(glob, &self.texts[text], &[HOME]).unwrap();
        *known.entry((glob.to_owned(), text)).or_insert_with(ask)
    }

    /// The texts over the letters that these conditions tell apart, and one letter more.
    fn telling(&self, conditions: &[(u64, &&Condition)]) -> impl Iterator<Item = usize> {
        let asked = conditions.iter().flat_map(|(_, (_, asked))| asked);
        let globs: String = asked.map(String::as_str).collect();
        let is_named = |c: char| match c {
            'q' => true,
            'é' => globs.contains(['é', '\u{301}']),
            '/' => globs.contains(['/', '<', '~']),
            c => globs.contains([c, '~']) || globs.contains("/-b"),
        };
        let left_out: Vec<_> = LETTERS.into_iter().filter(|c| !is_named(*c)).collect();
        let texts = self.texts.iter().enumerate();
        texts.filter(move |(_, text)| !text.contains(&*left_out)).map(|(at, _)| at)
    }

    /// Whether a condition holds for a stream.
    fn holds(&self, condition: &Condition, stream: &Stream) -> bool {
        let (field, asked) = condition;
        let texts: Vec<&String> = match *field {
            "primary_cwd" => stream.primary_cwd.iter().collect(),
            "repo" => stream.repo.iter().collect(),
            "tmux_session" => stream.tmux_session.iter().collect(),
            "agent" => stream.agent.iter().collect(),
            "git_branch" => stream.git_branch.iter().collect(),
            "worktree" => stream.worktree.iter().collect(),
            _ => return self.other(condition, stream),
        };
        texts.iter().any(|text| asked.iter().any(|glob| oracle::glob(glob, text, &[HOME]).unwrap()))
    }

    fn other(&self, condition: &Condition, stream: &Stream) -> bool {
        let condition = toml_of(condition);
        let value = match condition.split(' ').next().unwrap() {
            "duration" => format!("{:?}", stream.duration_ms),
            "direct" => format!("{:?}", stream.direct_ms),
            "delegated" => format!("{:?}", stream.delegated_ms),
            "weekday" => format!("{:?}", stream.at.map(|at| at.weekday())),
            "time" => format!("{:?}", stream.at.map(|at| at.time())),
            field => panic!("{field}"),
        };
        let ask = || {
            let file = format!("[[rules.auto_tag]]\nmatch = {{ {condition} }}\ntags = ['t']\n");
            oracle::first(&file, Some(HOME), stream).is_some()
        };
        let key = (condition.clone(), value);
        if let Some(known) = self.others.borrow().get(&key) {
            return *known;
        }
        let known = ask();
        self.others.borrow_mut().insert(key, known);
        known
    }

    /// What the values of a field, or of weekday and time, pass of the conditions.
    fn truths(&self, field: &str, conditions: &[&Condition]) -> Truths {
        let mut alone = Truths::from([(0, 0)]);
        let own = |condition: &Condition| {
            condition.0 == field || field == "time" && condition.0 == "weekday"
        };
        let own: Vec<_> =
            (0_u64..).zip(conditions).filter(|(_, condition)| own(condition)).collect();
        let bits = |passes: &dyn Fn(&Condition) -> bool| {
            own.iter().map(|(at, condition)| u64::from(passes(condition)) << at).sum::<u64>()
        };
        match field {
            "duration" | "direct" | "delegated" => {
                for value in
                    LENGTHS.iter().flat_map(|at| [at - 1, *at, at + 1]).filter(|it| *it >= 0)
                {
                    let mut stream = Stream::default();
                    match field {
                        "duration" => stream.duration_ms = Some(value),
                        "direct" => stream.direct_ms = Some(value),
                        _ => stream.delegated_ms = Some(value),
                    }
                    note(&mut alone, bits(&|it| self.holds(it, &stream)), 1);
                }
                alone
            }
            "time" => {
                for at in &self.moments {
                    let stream = Stream { at: Some(*at), ..Stream::default() };
                    note(&mut alone, bits(&|it| self.holds(it, &stream)), 1);
                }
                alone
            }
            _ => {
                for text in self.telling(&own) {
                    let passes = |it: &Condition| it.1.iter().any(|glob| self.glob(glob, text));
                    note(&mut alone, bits(&passes), 1 + self.texts[text].chars().count() as u64);
                }
                let mut all = alone.clone();
                // Sets of more elements, until they are nothing new.
                if !matches!(field, "primary_cwd" | "repo") {
                    let mut fewer = Truths::new();
                    while all != fewer {
                        let more = joined(&all, &alone);
                        fewer = std::mem::replace(&mut all, more);
                    }
                }
                all
            }
        }
    }

    /// Holds the analysis of the file to brute force; how many rules cannot win.
    fn check(&self, rules: &[RuleSpec]) -> usize {
        let conditions: Vec<_> = rules.iter().flat_map(|rule| &rule.conditions).collect();
        let own = |field| if field == "weekday" { "time" } else { field };
        let fields: BTreeSet<_> = conditions.iter().map(|(field, _)| own(*field)).collect();
        let mut truths = Truths::from([(0, 0)]);
        for field in fields {
            truths = joined(&truths, &self.truths(field, &conditions));
        }
        let mut first = 0;
        let needed: Vec<u64> = rules
            .iter()
            .map(|rule| {
                let count = rule.conditions.len();
                first += count;
                ((1 << count) - 1) << (first - count)
            })
            .collect();
        let mut sizes = BTreeMap::new();
        for (passed, size) in &truths {
            let each = needed.iter().zip(0..);
            let mask = each.map(|(needed, at)| u32::from(passed & needed == *needed) << at).sum();
            let smallest = sizes.entry(mask).or_insert(u64::MAX);
            *smallest = (*size).min(*smallest);
        }
        let checked = check_at(Some(HOME), &file_of(rules)).rules.unwrap();
        let budget = Budget { per_rule: 1_000_000, total: 100_000_000 };
        let options = Options { budget, overlaps: true, losses: true };
        let analysis = analyse(&checked, &options);
        let mask = |stream: &Stream| {
            let all = |rule: &RuleSpec| rule.conditions.iter().all(|it| self.holds(it, stream));
            rules.iter().zip(0..).map(|(rule, at)| u32::from(all(rule)) << at).sum()
        };
        check_differences(rules, &sizes, &mask);
        let kinds = masks::Kinds {
            sizes,
            enabled: rules.iter().map(|rule| rule.enabled).collect(),
            outcomes: rules.iter().map(|rule| usize::from(rule.tags == "x")).collect(),
        };
        kinds.check(&analysis, &mask);
        let reachable = |it: &&Judgement| matches!(it.verdict, Verdict::Reachable { .. });
        rules.len() - analysis.rules.iter().filter(reachable).count()
    }
}

/// Who wins a stream by the old rules and by the new, as indices in these.
type Winners = (Option<usize>, Option<usize>);

/// Holds the differences of files made of these rules to the kinds of streams that there are.
fn check_differences(
    rules: &[RuleSpec],
    sizes: &BTreeMap<u32, u64>,
    mask: &dyn Fn(&Stream) -> u32,
) {
    let all: Vec<usize> = (0..rules.len()).collect();
    let backwards: Vec<_> = all.iter().rev().copied().collect();
    let (half, rest) = all.split_at(rules.len() / 2);
    let moved: Vec<_> = all[1..].iter().chain(&all[..1]).copied().collect();
    let edits: [(&[usize], &[usize]); 5] =
        [(half, rest), (&all, &all[1..]), (half, &all), (&all, &backwards), (&all, &moved)];
    // One edit for each file, a different one from file to file.
    let (old, new) = edits[sizes.len() % edits.len()];
    let of = |file: &[usize]| file.iter().map(|at| rules[*at].clone()).collect::<Vec<_>>();
    let read = |file: &[usize]| check_at(Some(HOME), &format!("[rules]\n{}", file_of(&of(file))));
    let (was, is) = (read(old).rules.unwrap(), read(new).rules.unwrap());
    let found = difference(&was, &is, Budget { per_rule: 1_000_000, total: 100_000_000 });
    assert!(found.is_complete(), "{old:?} {new:?}");

    let winner = |file: &[usize], kind: u32| {
        file.iter().position(|rule| rules[*rule].enabled && kind & 1 << rule != 0)
    };
    let tags = |file: &[usize], winner: Option<usize>| winner.map(|at| rules[file[at]].tags);
    let changed = |kind: u32| -> Option<Winners> {
        let (was, is) = (winner(old, kind), winner(new, kind));
        (tags(old, was) != tags(new, is)).then_some((was, is))
    };
    let mut expected: BTreeMap<Winners, u64> = BTreeMap::new();
    for (kind, size) in sizes {
        if let Some(winners) = changed(*kind) {
            let smallest = expected.entry(winners).or_insert(u64::MAX);
            *smallest = (*size).min(*smallest);
        }
    }
    for Territory { pair, witness } in &found.territories {
        let winners = (pair.old.map(|id| id.index()), pair.new.map(|id| id.index()));
        assert_eq!(changed(mask(witness)), Some(winners), "{old:?} {new:?} {witness:?}");
        // A witness exists, even if it is larger than the streams enumerated.
        if let Some(smallest) = expected.remove(&winners) {
            assert!(masks::size(witness) <= smallest, "{old:?} {new:?} {witness:?}");
        }
    }
    assert_eq!(expected, BTreeMap::new(), "{old:?} {new:?}: missed");
}

fn show(rules: &[RuleSpec]) -> String {
    rules.iter().map(|rule| format!("{rule:?}\n")).collect()
}

/// With `TT_LAW_FILES` more files, or fewer.
#[test]
fn verdicts_equal_brute_force() {
    let count = std::env::var("TT_LAW_FILES").ok().and_then(|count| count.parse().ok());
    let count: usize = count.unwrap_or(2_500);
    let mut runner = TestRunner::deterministic();
    let (strategy, definition) = (file(), Definition::new());
    let (mut all, mut dead) = (0, 0);
    for at in 0..count {
        let rules = strategy.new_tree(&mut runner).unwrap().current();
        let check = std::panic::AssertUnwindSafe(|| definition.check(&rules));
        match std::panic::catch_unwind(check) {
            Ok(unreached) => {
                all += rules.len();
                dead += unreached;
            }
            Err(_) => panic!("file {at}:\n{}", show(&rules)),
        }
    }
    assert!(3 * dead >= all, "only {dead} of {all} rules cannot win");
}

fn judge(conditions: &[&str]) -> Vec<Judgement> {
    let rule = |condition: &&str| {
        format!("[[rules.auto_tag]]\nmatch = {{ {condition} }}\ntags = [\"t\"]\n")
    };
    let file: String = conditions.iter().map(rule).collect();
    analyse(&check(&file).rules.unwrap(), &Options::default()).rules
}

/// What becomes of the last rule: its witness, the rules that cover it, or nothing if it has no
/// stream at all.
#[track_caller]
fn last(conditions: &[&str]) -> Result<Stream, Vec<usize>> {
    match judge(conditions).pop().unwrap().verdict {
        Verdict::Reachable { witness } => Ok(witness),
        Verdict::Shadowed { by, .. } => Err(vec![by.index()]),
        Verdict::Unreachable { cover, .. } => {
            Err(cover.rules().iter().map(|by| by.index()).collect())
        }
        Verdict::Unsatisfiable { conflict } => {
            assert!(!conflict.is_empty());
            Err(Vec::new())
        }
        Verdict::NotProven { spent } => panic!("not proven after {spent}"),
    }
}

fn cwds(globs: &[&str]) -> Result<String, Vec<usize>> {
    let conditions: Vec<_> =
        globs.iter().map(|glob| format!("primary_cwd = {}", toml_string(glob))).collect();
    let conditions: Vec<_> = conditions.iter().map(String::as_str).collect();
    last(&conditions).map(|witness| witness.primary_cwd.unwrap())
}

#[test]
fn globs_written_differently() {
    assert_eq!(cwds(&["*a*b*", "*ab*"]), Err(vec![0]));
    assert_eq!(cwds(&["*ab*", "*a*b*"]).unwrap().len(), 3);
    assert_eq!(cwds(&["?*", "*?"]), Err(vec![0]));
    assert_eq!(cwds(&["*?", "?*"]), Err(vec![0]));
    assert_eq!(cwds(&["[ab]*", "{a,b}*"]), Err(vec![0]));
    assert_eq!(cwds(&["{a,b}*", "[ab]*"]), Err(vec![0]));
    assert_eq!(cwds(&["~/x/*", "/home/u/x/*"]), Err(vec![0]));
    assert_eq!(cwds(&["/home/u/x/*", "~/x/y*"]), Err(vec![0]));
    assert_eq!(cwds(&["<x>/*", "[!/]*/?"]), Err(vec![0]));
    assert_eq!(cwds(&["**", "{}"]), Err(vec![0]));
    // A star in braces stands for nothing outside its alternative.
    assert_eq!(cwds(&["{*b,a}", "a"]), Err(vec![0]));
    assert_eq!(cwds(&["{*b,a}c", "ac"]), Err(vec![0]));
    assert_eq!(cwds(&["{*b,a}", "[ac]"]).unwrap(), "c");
}

#[test]
fn complements_of_classes() {
    assert_eq!(cwds(&["[!a]", "[a]", "?"]), Err(vec![0, 1]));
    assert_eq!(cwds(&["[!a-f]", "[b-e]", "[af]", "?"]), Err(vec![0, 1, 2]));
    assert_eq!(cwds(&["[!a-f]", "[b-e]", "[a]", "?"]).unwrap(), "f");
    assert_eq!(cwds(&["{}", "[!a]*", "[a]*", "*"]), Err(vec![0, 1, 2]));
}

/// Values are in NFC, so letters and marks that compose never stand side by side.
#[test]
fn normal_form() {
    assert_eq!(cwds(&["/caf\u{e9}/*", "/cafe\u{301}/*"]), Err(vec![0]));
    assert_eq!(cwds(&["/cafe\u{301}/*", "/caf\u{e9}/x"]), Err(vec![0]));
    assert_eq!(cwds(&["*e[\u{301}]*"]), Err(vec![]));
    assert_eq!(cwds(&["*e{\u{301},\u{302}x}"]), Err(vec![]));
    assert_eq!(cwds(&["*q[\u{301}]"]).unwrap(), "q\u{301}");
    // Between them, another mark or another letter; of a mark of its own class, or a higher one.
    assert_eq!(cwds(&["e*[\u{301}]"]).unwrap().chars().count(), 3);
    assert_eq!(cwds(&["e?[\u{301}]", "e*[\u{301}]"]).unwrap().chars().count(), 4);
    // An acute accent above never comes before a dot below.
    assert_eq!(cwds(&["q[\u{301}][\u{323}]"]), Err(vec![]));
    assert_eq!(cwds(&["q[\u{323}][\u{301}]"]).unwrap().chars().count(), 3);
    // Hangul: a consonant and a vowel are one syllable.
    assert_eq!(cwds(&["[\u{1100}][\u{1161}]"]), Err(vec![]));
    assert_eq!(cwds(&["[\u{1161}][\u{1100}]"]).unwrap(), "\u{1161}\u{1100}");
}

#[test]
fn several_fields_together() {
    let all = [
        "primary_cwd = 'a*', tmux_session = 's'",
        "primary_cwd = 'a*', tmux_session = ['r*', 't*']",
        "primary_cwd = 'ab', agent = '*'",
        "primary_cwd = 'ab', tmux_session = ['s', 'r', 't'], agent = 'x'",
    ];
    assert_eq!(judge(&all).len(), 4);
    // Rule 3 alone takes it, though rules 1 and 2 do so together.
    assert_eq!(last(&all), Err(vec![2]));
    let both = [all[0], all[1], "primary_cwd = 'ab', tmux_session = ['s', 'r', 't']"];
    assert_eq!(last(&both), Err(vec![0, 1]));
    let three = [
        "primary_cwd = 'a*', weekday = ['mon', 'tue']",
        "primary_cwd = '?b', weekday = ['wed', 'thu', 'fri']",
        "agent = 'x*', weekday = ['sat', 'sun']",
        "primary_cwd = 'ab', agent = 'xy', time = '09:00..17:00'",
    ];
    assert_eq!(last(&three), Err(vec![0, 1, 2]));
    let without_sunday = [three[0], three[1], "agent = 'x*', weekday = 'sat'", three[3]];
    let witness = last(&without_sunday).unwrap();
    assert_eq!(witness.at.unwrap().to_string(), "2025-02-02 09:00:00");
}

#[test]
fn numbers_and_times() {
    assert_eq!(
        last(&["duration = '< 15m'", "duration = '>= 15m'", "duration = '!= 1h'"]),
        Err(vec![0, 1])
    );
    let gap = last(&["duration = '< 15m'", "duration = '> 15m'", "duration = '>= 0s'"]).unwrap();
    assert_eq!(gap.duration_ms, Some(900_000));
    let night = ["time = '22:00..06:00'", "time = '06:00..22:00'", "weekday = 'mon'"];
    assert_eq!(last(&night), Err(vec![0, 1]));
    let early = ["time = '23:00..06:00'", "time = '06:00..22:00'", "weekday = 'mon'"];
    assert_eq!(last(&early).unwrap().at.unwrap().to_string(), "2025-01-27 22:00:00");
    // Whoever knows the day knows the time.
    assert_eq!(last(&["time = '00:00..24:00'", "weekday = 'sat'"]), Err(vec![0]));
    assert_eq!(last(&["duration = '< 0s'"]), Err(vec![]));
}

/// Two conditions on one set can be met by two elements.
#[test]
fn sets() {
    assert_eq!(last(&["agent = 'a*'", "agent = ['ab', 'ac']"]), Err(vec![0]));
    let witness = last(&["agent = 'a'", "agent = '*'"]).unwrap();
    assert_eq!(witness.agent, [""]);
    let witness = last(&["agent = '{}'", "agent = '?'", "agent = '*'"]).unwrap();
    assert_eq!(witness.agent, ["aa"]);
    // A directory is either, a set of sessions may be both.
    assert!(last(&["primary_cwd = 'a'", "primary_cwd = '[ab]'"]).is_ok());
}

#[test]
fn other_covers_are_counted() {
    let file = ["agent = '*'", "agent = 'a*'", "agent = '?b'", "agent = 'ab'"];
    let Verdict::Shadowed { by, others, same_effect, lost } = judge(&file).pop().unwrap().verdict
    else {
        panic!("not shadowed")
    };
    assert_eq!((by.index(), same_effect), (0, true));
    assert_eq!(others, Others { count: 2, more: false });
    assert_eq!(lost.agent, ["ab"]);
    let mut many = vec!["agent = '*'"; 12];
    many.push("agent = 'b'");
    let Verdict::Shadowed { others, .. } = judge(&many).pop().unwrap().verdict else {
        panic!("not shadowed")
    };
    assert_eq!(others, Others { count: 9, more: true });
}
