//! # Why a rule holds for a stream, and why not
//!
//! The tree of a rule's conditions, each with its verdict, and for each test what of the stream
//! decided it. Of a text that a pattern does not match, that is the place where the two part:
//!
//! ```text
//! ~/work/acme/secret/*
//! /home/sami/work/acme/webapp
//!                      ^ 'secret/' is expected here
//! ```
//!
//! The part before that place is the longest beginning of the value that some text goes on from
//! to a match ([`furthest`]). It is found by walking the pattern over the value as
//! [`Pattern::matches`] does, noting how far each part came before it failed. Where a `*` was
//! reached every beginning can still go on, so that the place is the end of the value.
//!
//! INVARIANT (furthest): a match can begin with the part of the value before the place, and none
//! can begin with one character more. Normal form is left out of account: what goes on need not
//! be in NFC together with what was before. Held to the definition of globs in
//! `tests/rules/why.rs`.

use std::cmp::Reverse;
use std::fmt;

use chrono::Weekday;
use unicode_normalization::UnicodeNormalization;

use super::fields::{Field, Type};
use super::ir::pattern::Class;
use super::ir::{Atom, Part, Pattern, Predicate, Rule, Test};
use super::lang::chars::CharSet;
use super::lang::{Intervals, WeekdaySet};
use super::show;
use super::stream::Stream;
use super::syntax::quantity::NANOS_PER_SECOND;
use crate::diag::{Span, quote};

/// Why a rule holds for a stream, or why not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The conditions that must hold, in the order of the rule.
    pub conditions: Vec<Condition>,
}

/// One of the conditions that `and` joins at the top of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// Where it is written.
    pub place: Span,
    /// Its verdict, and those of its parts.
    pub node: Node,
}

/// A part of a condition with its verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Whether it holds.
    pub holds: bool,
    /// What it is made of.
    pub kind: Kind,
}

/// What a part of a condition is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// All of these must hold.
    All(Vec<Node>),
    /// One of these must hold.
    Any(Vec<Node>),
    /// This must not hold.
    Not(Box<Node>),
    /// A test of one field.
    Test(Reason),
}

/// What of the stream decided a test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    /// The field that was tested.
    pub field: Field,
    /// What was found there.
    pub found: Found,
}

/// What was found in a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// No value, so the test fails.
    Missing,
    /// Some value, and no more was asked.
    Present,
    /// A text that passes.
    Passes(String),
    /// Only texts that the pattern does not match; this one came furthest.
    Differs(Divergence),
    /// Only the one text that it must not be.
    Only(String),
    /// The day, and the days asked for.
    Day(Weekday, WeekdaySet),
    /// The number, and the numbers asked for.
    Number(i64, Intervals),
}

/// A value and the place where it leaves a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Divergence {
    /// The value, in NFC.
    pub value: String,
    /// How many elements the set has that it is an element of; 1 for a field with one value.
    pub of: usize,
    /// The place, in bytes of the value.
    pub at: usize,
    /// What a match could go on with there, where that is one thing.
    pub expected: Option<Expected>,
}

/// What a pattern asks for next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expected {
    /// This text.
    Text(String),
    /// Any one character.
    Character,
    /// One character of a set.
    Class(Class),
    /// One character or more for the capture of this name.
    Capture(String),
    /// Nothing more.
    End,
}

/// Explains what a rule says of a stream. Costs what evaluating every condition costs
/// ([`Pattern::matches`]).
///
/// ```
/// use tt::diag::SourceFile;
/// use tt::rules::{Env, Stream, check, why};
///
/// let file = SourceFile::new("config.toml", r#"
/// [[rules.auto_tag]]
/// match = { primary_cwd = "/srv/*", duration = ">= 15m" }
/// tags = ["servers"]
/// "#);
/// let rules = check(&file, &Env::default()).rules.expect("no mistakes");
/// let stream = Stream {
///     primary_cwd: Some("/srv/web".into()),
///     duration_ms: Some(12 * 60_000),
///     ..Stream::default()
/// };
/// let why = why::explain(&rules.rules[0], &stream);
/// assert!(!why.holds());
/// let said: Vec<_> = why.reasons().iter().map(|reason| reason.sentence(&[])).collect();
/// assert_eq!(said, ["duration 12m is less than 15m"]);
/// ```
#[must_use]
pub fn explain(rule: &Rule, stream: &Stream) -> Explanation {
    let conditions = rule.conjuncts.iter().map(|conjunct| Condition {
        place: conjunct.place,
        node: Node::of(&conjunct.predicate, stream),
    });
    Explanation { conditions: conditions.collect() }
}

impl Explanation {
    /// Whether the rule holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.conditions.iter().all(|condition| condition.node.holds)
    }

    /// The conditions that do not hold.
    pub fn failing(&self) -> impl Iterator<Item = &Condition> {
        self.conditions.iter().filter(|condition| !condition.node.holds)
    }

    /// How far the rule is from holding, to compare rules by: the conditions that do not hold,
    /// then how far the furthest text among them came.
    #[must_use]
    pub fn distance(&self) -> (usize, Reverse<usize>) {
        let progress = self.reasons().iter().filter_map(|reason| reason.progress()).max();
        (self.failing().count(), Reverse(progress.unwrap_or_default()))
    }

    /// Why it does not hold; nothing where it does.
    #[must_use]
    pub fn reasons(&self) -> Vec<&Reason> {
        self.failing().flat_map(|condition| condition.node.reasons()).collect()
    }
}

impl Node {
    fn of(predicate: &Predicate, stream: &Stream) -> Self {
        let each = |children: &[Predicate]| -> Vec<Self> {
            children.iter().map(|child| Self::of(child, stream)).collect()
        };
        match predicate {
            Predicate::All(children) => {
                let children = each(children);
                Self { holds: children.iter().all(|it| it.holds), kind: Kind::All(children) }
            }
            Predicate::Any(children) => {
                let children = each(children);
                Self { holds: children.iter().any(|it| it.holds), kind: Kind::Any(children) }
            }
            Predicate::Not(child) => {
                let child = Self::of(child, stream);
                Self { holds: !child.holds, kind: Kind::Not(Box::new(child)) }
            }
            Predicate::Atom(atom) => {
                let reason = Reason { field: atom.field, found: found(atom, stream) };
                Self { holds: atom.holds(stream), kind: Kind::Test(reason) }
            }
        }
    }

    /// The tests that decided it. Of several patterns that do not match, the one that comes
    /// furthest; nothing for a constant.
    #[must_use]
    pub fn reasons(&self) -> Vec<&Reason> {
        match &self.kind {
            Kind::Test(reason) => vec![reason],
            Kind::Not(child) => child.reasons(),
            Kind::All(children) | Kind::Any(children) => {
                let decisive = children.iter().filter(|child| child.holds == self.holds);
                let all: Vec<_> = decisive.flat_map(Self::reasons).collect();
                if matches!(self.kind, Kind::Any(_)) && !self.holds { nearest(&all) } else { all }
            }
        }
    }
}

/// Per field, of the texts that differ from patterns the one that comes furthest, the first of
/// several; other reasons once each.
fn nearest<'r>(all: &[&'r Reason]) -> Vec<&'r Reason> {
    let mut kept: Vec<&'r Reason> = Vec::new();
    for reason in all {
        let rival = kept.iter_mut().find(|it| {
            let both = reason.progress().is_some() && it.progress().is_some();
            it.field == reason.field && (both || it.found == reason.found)
        });
        match rival {
            Some(rival) if rival.progress() < reason.progress() => *rival = reason,
            Some(_) => {}
            None => kept.push(reason),
        }
    }
    kept
}

/// What of the stream decides the test.
fn found(atom: &Atom, stream: &Stream) -> Found {
    let field = atom.field;
    if !stream.has(field) {
        return Found::Missing;
    }
    let texts = || stream.texts(field).iter().map(|text| text.nfc().collect::<String>());
    match &atom.test {
        Test::Present => Found::Present,
        Test::Glob(pattern) => texts()
            .find(|text| pattern.matches(text))
            .map_or_else(|| differs(texts(), pattern), Found::Passes),
        Test::IsNot(text) => {
            texts().find(|it| it != text).map_or_else(|| Found::Only(text.clone()), Found::Passes)
        }
        Test::Weekday(days) => {
            stream.weekday().map_or(Found::Missing, |day| Found::Day(day, *days))
        }
        Test::Within(numbers) => stream
            .number(field)
            .map_or(Found::Missing, |value| Found::Number(value, numbers.clone())),
    }
}

/// Of texts that the pattern does not match, the one that comes furthest, the first of several.
fn differs(texts: impl Iterator<Item = String>, pattern: &Pattern) -> Found {
    let mut best: Option<Divergence> = None;
    let mut of = 0;
    for value in texts {
        of += 1;
        let (at, expected) = furthest(pattern, &value);
        let divergence = Divergence { value, of, at, expected };
        if best.as_ref().is_none_or(|best| best.progress() < divergence.progress()) {
            best = Some(divergence);
        }
    }
    best.map_or(Found::Missing, |best| Found::Differs(Divergence { of, ..best }))
}

impl Divergence {
    /// How many characters are before the place.
    #[must_use]
    pub fn progress(&self) -> usize {
        self.matched().chars().count()
    }

    /// The part of the value that a match can begin with.
    #[must_use]
    pub fn matched(&self) -> &str {
        self.value.get(..self.at).unwrap_or_default()
    }
}

// --- walking a pattern over a value ---

/// How far a value that the pattern does not match can be the beginning of one that it matches, in
/// bytes, and what would have to come next, if that is one thing. At worst the length of the value
/// times that of the pattern.
#[must_use]
pub fn furthest(pattern: &Pattern, value: &str) -> (usize, Option<Expected>) {
    let mut walk = Walk { value, at: 0, expected: Vec::new() };
    if can_match(&pattern.parts) {
        for end in walk.follow(&pattern.parts, vec![0]) {
            walk.stop(end, || Expected::End);
        }
    }
    let only = if walk.expected.len() == 1 { walk.expected.pop() } else { None };
    (walk.at, only)
}

struct Walk<'v> {
    value: &'v str,
    /// The furthest place so far.
    at: usize,
    /// What the parts that failed there asked for, each once.
    expected: Vec<Expected>,
}

impl Walk<'_> {
    fn rest(&self, at: usize) -> &str {
        self.value.get(at..).unwrap_or_default()
    }

    /// A part of the pattern came up to `at` and asks for something that is not there.
    fn stop(&mut self, at: usize, expected: impl FnOnce() -> Expected) {
        if at < self.at {
            return;
        }
        if at > self.at {
            self.at = at;
            self.expected.clear();
        }
        let expected = expected();
        if !self.expected.contains(&expected) {
            self.expected.push(expected);
        }
    }

    /// The places, sorted, where the parts can end that begin at one of `places`.
    fn follow(&mut self, parts: &[Part], mut places: Vec<usize>) -> Vec<usize> {
        for part in parts {
            let mut ends: Vec<usize> = match part {
                Part::Star => match places.first() {
                    Some(first) => self.boundaries(*first),
                    None => Vec::new(),
                },
                Part::Group(alternatives) => {
                    let possible = alternatives.iter().filter(|parts| can_match(parts));
                    possible.flat_map(|parts| self.follow(parts, places.clone())).collect()
                }
                Part::Literal(_) | Part::Any | Part::Class(_) | Part::Capture(_) => {
                    places.iter().flat_map(|place| self.step(part, *place)).collect()
                }
            };
            ends.sort_unstable();
            ends.dedup();
            places = ends;
        }
        places
    }

    fn boundaries(&self, from: usize) -> Vec<usize> {
        let inner = self.rest(from).char_indices().map(|(at, _)| from + at);
        inner.chain([self.value.len()]).collect()
    }

    /// Where a part can end that begins at `place`.
    fn step(&mut self, part: &Part, place: usize) -> Vec<usize> {
        let next = self.rest(place).chars().next();
        let mut one = |passes: bool, expected: &dyn Fn() -> Expected| match next {
            Some(c) if passes => vec![place + c.len_utf8()],
            Some(_) | None => {
                self.stop(place, expected);
                Vec::new()
            }
        };
        match part {
            Part::Any => one(true, &|| Expected::Character),
            Part::Class(class) => {
                one(next.is_some_and(|c| class.contains(c)), &|| Expected::Class(class.clone()))
            }
            Part::Literal(text) => {
                let same: usize = (text.chars().zip(self.rest(place).chars()))
                    .take_while(|(a, b)| a == b)
                    .map(|(c, _)| c.len_utf8())
                    .sum();
                if same == text.len() {
                    return vec![place + same];
                }
                let missing = text.get(same..).unwrap_or_default();
                self.stop(place + same, || Expected::Text(missing.to_owned()));
                Vec::new()
            }
            Part::Capture(name) => {
                let inside = self.rest(place).char_indices().take_while(|(_, c)| *c != '/');
                let ends: Vec<_> = inside.map(|(at, c)| place + at + c.len_utf8()).collect();
                if ends.is_empty() {
                    self.stop(place, || Expected::Capture(name.clone()));
                }
                ends
            }
            // Followed as wholes.
            Part::Star | Part::Group(_) => Vec::new(),
        }
    }
}

/// Whether there is a text that these parts match: one that asks for a character of an empty set
/// matches none.
fn can_match(parts: &[Part]) -> bool {
    parts.iter().all(|part| match part {
        Part::Class(class) => has_member(class),
        Part::Group(alternatives) => alternatives.iter().any(|parts| can_match(parts)),
        Part::Literal(_) | Part::Any | Part::Star | Part::Capture(_) => true,
    })
}

fn has_member(class: &Class) -> bool {
    let listed = CharSet::of(class.ranges.iter().copied());
    let set = if class.negated { listed.complement() } else { listed };
    // A range of surrogates alone holds no character.
    set.ranges().iter().any(|(from, to)| *from < 0xd800 || 0xdfff < *to)
}

// --- in words ---

impl Reason {
    /// How many characters of the value were matched, if a pattern did not match it.
    #[must_use]
    pub fn progress(&self) -> Option<usize> {
        match &self.found {
            Found::Differs(divergence) => Some(divergence.progress()),
            Found::Missing
            | Found::Present
            | Found::Passes(_)
            | Found::Only(_)
            | Found::Day(..)
            | Found::Number(..) => None,
        }
    }

    /// What was found, as a clause: `duration 12m is less than 15m`. Paths under a home begin with
    /// `~`.
    #[must_use]
    pub fn sentence(&self, homes: &[String]) -> String {
        let info = self.field.info();
        let (name, ty) = (info.name, info.ty);
        let text = |text: &str| quote(&show::at_home(text, homes));
        let is = if ty == Type::TextSet { "has" } else { "is" };
        match &self.found {
            Found::Missing => format!("the stream has no {name}"),
            Found::Present => format!("the stream has a value for {name}"),
            Found::Passes(value) => format!("{name} {is} {}", text(value)),
            Found::Only(value) if ty == Type::TextSet => {
                format!("{name} has nothing but {}", text(value))
            }
            Found::Only(value) => format!("{name} is {}", text(value)),
            Found::Day(day, days) if days.contains(*day) => format!("{name} is {}", days_of(*day)),
            Found::Day(day, days) => format!("{name} is {}, not {}", days_of(*day), any_of(*days)),
            Found::Number(value, wanted) => number(self.field, *value, wanted),
            Found::Differs(divergence) => divergence.sentence(name, homes),
        }
    }
}

impl Divergence {
    fn sentence(&self, name: &str, homes: &[String]) -> String {
        let value = quote(&show::at_home(&self.value, homes));
        let matched = quote(&show::at_home(self.matched(), homes));
        let nearest =
            if self.of > 1 { format!(", the nearest of {},", self.of) } else { String::new() };
        let whole = self.at == self.value.len();
        match &self.expected {
            Some(Expected::End) => format!("{name} {value}{nearest} goes on after {matched}"),
            Some(expected) if whole => {
                format!("{name} {value}{nearest} ends where {expected} is expected")
            }
            Some(expected) if self.at == 0 => {
                format!("{name} {value}{nearest} does not begin with {expected}")
            }
            Some(expected) => {
                format!("{name} {value}{nearest} does not go on with {expected} after {matched}")
            }
            None if whole => format!("{name} {value}{nearest} ends too early"),
            None if self.at == 0 => format!("{name} {value}{nearest} does not begin as asked"),
            None => format!("{name} {value}{nearest} does not go on as asked after {matched}"),
        }
    }
}

/// What is expected, as a noun: `'secret/'`, `one of [a-z]`, `the end`.
impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quote(text)),
            Self::Character => f.write_str("a character"),
            Self::Class(class) => write!(f, "one of {class}"),
            Self::Capture(name) => write!(f, "<{name}>"),
            Self::End => f.write_str("the end"),
        }
    }
}

fn days_of(day: Weekday) -> String {
    day.to_string().to_lowercase()
}

fn any_of(days: WeekdaySet) -> String {
    let names: Vec<_> = days.days().map(days_of).collect();
    if names.is_empty() { "any day at all".to_owned() } else { names.join(" or ") }
}

/// A number and how it lies to those asked for.
fn number(field: Field, value: i64, wanted: &Intervals) -> String {
    let ty = field.info().ty;
    let name = field.info().name;
    let shown = |value: i64| show::number(ty, value);
    let it = shown(value);
    let unit = if ty == Type::TimeOfDay { NANOS_PER_SECOND } else { 1000 };
    let is_round = |value: i64| value % unit == 0;
    let below = wanted.ranges().iter().map(|(_, to)| *to).rfind(|to| *to < value);
    let above = wanted.ranges().iter().map(|(from, _)| *from).find(|from| *from > value);
    // Ranges hold both ends here; rules name the first number outside where that is the round one.
    let less = |from: i64| match from - 1 {
        before if is_round(before) && !is_round(from) => format!("not more than {}", shown(before)),
        _ => format!("less than {}", shown(from)),
    };
    let more = |to: i64| match to + 1 {
        after if is_round(after) && !is_round(to) => format!("not less than {}", shown(after)),
        _ => format!("more than {}", shown(to)),
    };
    match (below, above) {
        _ if wanted.contains(value) => format!("{name} is {it}"),
        // All numbers but this one pass.
        (Some(to), Some(from)) if from - to == 2 => format!("{name} is {it}"),
        (Some(to), Some(from)) => {
            format!("{name} {it} lies in the gap {}..{}", shown(to + 1), shown(from))
        }
        (Some(to), None) => format!("{name} {it} is {}", more(to)),
        (None, Some(from)) => format!("{name} {it} is {}", less(from)),
        (None, None) => format!("{name} is {it}, and no {name} passes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceFile;
    use crate::rules::{Env, check};

    const HOME: &str = "/home/u";

    /// Why the condition of `match` does not hold.
    fn why(condition: &str, stream: &Stream) -> Vec<String> {
        why_of(&format!("match = {{ {condition} }}"), stream)
    }

    fn why_of(condition: &str, stream: &Stream) -> Vec<String> {
        let text = format!("[[rules.auto_tag]]\n{condition}\ntags = ['t']\n");
        let file = SourceFile::new("config.toml", text);
        let env = Env { home: Some(HOME.to_owned()) };
        let rules = check(&file, &env).rules.unwrap();
        let explanation = explain(&rules.rules[0], stream);
        assert_eq!(explanation.holds(), rules.rules[0].holds(stream));
        explanation.reasons().iter().map(|reason| reason.sentence(&rules.homes)).collect()
    }

    fn at(cwd: &str) -> Stream {
        Stream { primary_cwd: Some(cwd.to_owned()), ..Stream::default() }
    }

    #[test]
    fn a_text_parts_from_its_pattern_at_a_place() {
        let why = |glob: &str, cwd: &str| {
            let said = why(&format!("primary_cwd = '{glob}'"), &at(cwd));
            said.join("; ")
        };
        for (glob, cwd, said) in [
            ("~/work/acme/*", "/home/u/work/acme", "'~/work/acme' ends where '/' is expected"),
            (
                "~/work/acme/*",
                "/home/u/work/acorn",
                "'~/work/acorn' does not go on with 'me/' after '~/work/ac'",
            ),
            ("/srv", "/srv/web", "'/srv/web' goes on after '/srv'"),
            ("/srv/*", "x", "'x' does not begin with '/srv/'"),
            ("/s/*/src", "/s/a/lib", "'/s/a/lib' ends where '/src' is expected"),
            ("/s/<x>/*", "/s//", "'/s//' does not go on with <x> after '/s/'"),
            ("[!/]", "/", "'/' does not begin with one of [!/]"),
            ("ab?", "ab", "'ab' ends where a character is expected"),
            ("a{b,c}", "ad", "'ad' does not go on as asked after 'a'"),
            ("a{b,c}", "a", "'a' ends too early"),
        ] {
            assert_eq!(why(glob, cwd), format!("primary_cwd {said}"), "{glob} {cwd}");
        }
    }

    #[test]
    fn of_several_patterns_and_elements_the_nearest_is_told() {
        let stream = Stream { agent: vec!["codex".into(), "claude".into()], ..Stream::default() };
        assert_eq!(
            why("agent = ['claude-*', 'x']", &stream),
            ["agent 'claude', the nearest of 2, ends where '-' is expected"]
        );
        assert_eq!(why("repo = ['a', 'b']", &stream), ["the stream has no repo"]);
    }

    #[test]
    fn numbers_are_told_as_rules_write_them() {
        let stream = Stream { duration_ms: Some(12 * 60_000), ..Stream::default() };
        for (asked, said) in [
            (">= 15m", "12m is less than 15m"),
            ("> 12m", "12m is not more than 12m"),
            ("> 15m", "12m is not more than 15m"),
            ("< 12m", "12m is not less than 12m"),
            ("<= 5m", "12m is more than 5m"),
            ("15m..2h", "12m is less than 15m"),
            ("1m..12m", "12m is not less than 12m"),
            ("!= 12m", "is 12m"),
        ] {
            assert_eq!(
                why(&format!("duration = '{asked}'"), &stream),
                [format!("duration {said}")]
            );
        }
        let noon = chrono::NaiveDate::from_ymd_opt(2025, 1, 28).unwrap().and_hms_opt(12, 0, 0);
        let stream = Stream { at: noon, ..Stream::default() };
        assert_eq!(
            why("time = '22:00..06:00'", &stream),
            ["time 12:00 lies in the gap 06:00..22:00"]
        );
        assert_eq!(why("weekday = ['sat', 'sun']", &stream), ["weekday is tue, not sat or sun"]);
    }

    #[test]
    fn below_not_it_is_what_holds_that_is_to_blame() {
        let stream = Stream { agent: vec!["codex".into()], ..at("/srv") };
        let why = |when: &str| why_of(&format!("when = '''{when}'''"), &stream);
        assert_eq!(why(r#"not agent == "codex""#), ["agent has 'codex'"]);
        assert_eq!(why(r#"agent != "codex""#), ["agent has nothing but 'codex'"]);
        assert_eq!(why(r#"primary_cwd != "/srv""#), ["primary_cwd is '/srv'"]);
        assert_eq!(why("not (has repo or has agent)"), ["the stream has a value for agent"]);
        assert_eq!(why("has repo and has worktree").len(), 2);
        assert_eq!(why("false"), [""; 0]);
        assert_eq!(why("has agent"), [""; 0]);
    }
}
