//! The definition: rules walked one by one, globs matched by following sets of positions,
//! expressions read character by character, captures found by trying every way in order.
//!
//! Written from the description of the language alone; it shares no code with the program and is
//! slow on purpose. Whatever the table does must agree with it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Timelike};
use toml::{Table, Value};
use tt::rules::Stream;
use unicode_normalization::UnicodeNormalization;

/// A piece of a glob.
#[derive(Clone, Debug)]
enum Piece {
    Char(char),
    Any,
    Star,
    Set { negated: bool, ranges: Vec<(char, char)> },
    Alternatives(Vec<Vec<Piece>>),
    Capture(String),
}

/// The glob as pieces, one list per home if it begins with `~`; `None` if it is malformed.
fn read_glob(pattern: &str, homes: &[&str]) -> Option<Vec<Vec<Piece>>> {
    let pattern: Vec<char> = pattern.nfc().collect();
    if pattern.is_empty() {
        return None;
    }
    let at_home = pattern[0] == '~' && pattern.get(1).is_none_or(|c| *c == '/');
    let mut parser = Parser { text: &pattern, at: usize::from(at_home) };
    let rest = parser.sequence(false)?;
    let below = |home: &&str| {
        let home = home.strip_suffix('/').unwrap_or(home);
        home.nfc().map(Piece::Char).chain(rest.clone()).collect()
    };
    Some(if at_home { homes.iter().map(below).collect() } else { vec![rest.clone()] })
}

/// Whether the glob matches the whole text; `None` if it is malformed.
pub(crate) fn glob(pattern: &str, text: &str, homes: &[&str]) -> Option<bool> {
    let text: Vec<char> = text.nfc().collect();
    let ways = read_glob(pattern, homes)?;
    let matches = |way: &Vec<Piece>| follow(way, BTreeSet::from([0]), &text).contains(&text.len());
    Some(ways.iter().any(matches))
}

/// Where one can stand after the pieces, having stood at `starts` before them.
fn follow(pieces: &[Piece], starts: BTreeSet<usize>, text: &[char]) -> BTreeSet<usize> {
    let mut places = starts;
    for piece in pieces {
        let step = |place: &usize| -> BTreeSet<usize> {
            let next = text.get(*place);
            let one = |yes: bool| {
                if yes { BTreeSet::from([place + 1]) } else { BTreeSet::new() }
            };
            match piece {
                Piece::Char(c) => one(next == Some(c)),
                Piece::Any => one(next.is_some()),
                Piece::Star => (*place..=text.len()).collect(),
                Piece::Set { negated, ranges } => one(next.is_some_and(|c| {
                    ranges.iter().any(|(from, to)| (from..=to).contains(&c)) != *negated
                })),
                Piece::Alternatives(each) => each
                    .iter()
                    .flat_map(|pieces| follow(pieces, BTreeSet::from([*place]), text))
                    .collect(),
                Piece::Capture(_) => {
                    let length = text[*place..].iter().take_while(|c| **c != '/').count();
                    (place + 1..=place + length).collect()
                }
            }
        };
        places = places.iter().flat_map(step).collect();
    }
    places
}

struct Parser<'p> {
    text: &'p [char],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += 1;
        c
    }

    /// Up to the end, or in a group up to its next `,` or `}`.
    fn sequence(&mut self, grouped: bool) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        while let Some(c) = self.peek() {
            if grouped && (c == ',' || c == '}') {
                break;
            }
            self.at += 1;
            pieces.push(match c {
                '*' => Piece::Star,
                '?' => Piece::Any,
                '\\' => Piece::Char(self.next()?),
                '[' => self.set()?,
                '{' => self.group()?,
                '<' => self.capture(),
                c => Piece::Char(c),
            });
        }
        Some(pieces)
    }

    fn group(&mut self) -> Option<Piece> {
        let mut alternatives = vec![self.sequence(true)?];
        loop {
            match self.next()? {
                ',' => alternatives.push(self.sequence(true)?),
                _ => return Some(Piece::Alternatives(alternatives)),
            }
        }
    }

    fn capture(&mut self) -> Piece {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|c| *c == '>').unwrap_or(0);
        let name: String = rest[..length].iter().collect();
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(letters) {
            self.at += length + 1;
            return Piece::Capture(name);
        }
        Piece::Char('<')
    }

    /// After `[`.
    fn set(&mut self) -> Option<Piece> {
        let negated = matches!(self.peek(), Some('!' | '^'));
        self.at += usize::from(negated);
        let first = self.at;
        let mut ranges = Vec::new();
        loop {
            if self.peek()? == ']' && self.at > first {
                self.at += 1;
                return Some(Piece::Set { negated, ranges });
            }
            if let Some(name) = self.class_name() {
                ranges.extend(named(&name)?);
                continue;
            }
            let from = self.member()?;
            let is_range = self.peek() == Some('-') && *self.text.get(self.at + 1)? != ']';
            if !is_range {
                ranges.push((from, from));
                continue;
            }
            self.at += 1;
            if self.class_name().is_some() {
                return None;
            }
            let to = self.member()?;
            if from > to {
                return None;
            }
            ranges.push((from, to));
        }
    }

    fn member(&mut self) -> Option<char> {
        match self.next()? {
            '\\' => self.next(),
            c => Some(c),
        }
    }

    /// The name of a complete `[:name:]` here.
    fn class_name(&mut self) -> Option<String> {
        let rest = self.text[self.at..].strip_prefix(&['[', ':'])?;
        let end = rest.iter().position(|c| *c == ']')?;
        let (colon, name) = rest[..end].split_last()?;
        if *colon != ':' {
            return None;
        }
        self.at += 2 + end + 1;
        Some(name.iter().collect())
    }
}

fn named(name: &str) -> Option<Vec<(char, char)>> {
    let member: fn(&char) -> bool = match name {
        "alpha" => char::is_ascii_alphabetic,
        "digit" => char::is_ascii_digit,
        "alnum" => char::is_ascii_alphanumeric,
        "upper" => char::is_ascii_uppercase,
        "lower" => char::is_ascii_lowercase,
        "space" => |c| " \t\n\r\x0b\x0c".contains(*c),
        "blank" => |c| " \t".contains(*c),
        "punct" => char::is_ascii_punctuation,
        "xdigit" => char::is_ascii_hexdigit,
        "cntrl" => char::is_ascii_control,
        "graph" => char::is_ascii_graphic,
        "print" => |c| c.is_ascii_graphic() || *c == ' ',
        _ => return None,
    };
    Some(('\0'..='\x7f').filter(member).map(|c| (c, c)).collect())
}

/// A condition.
#[derive(Debug)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Has(String),
    Globs { field: String, globs: Vec<String> },
    Is { field: String, text: String },
    IsNot { field: String, text: String },
    Day(Vec<String>),
    Compare { field: String, operator: String, value: i64 },
    Within { field: String, from: i64, to: i64 },
}
use Condition::{All, Any, Compare, Day, Globs, Has, Is, IsNot, Not, Within};

/// Reads a correct expression.
struct Expression<'e> {
    rest: &'e str,
}

impl Expression<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
        while let Some(comment) = self.rest.strip_prefix('#') {
            self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
        }
    }

    /// Takes `token`, if it comes next; a word only if it ends there.
    fn take(&mut self, token: &str) -> bool {
        self.skip();
        let Some(rest) = self.rest.strip_prefix(token) else { return false };
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if token.ends_with(word) && rest.starts_with(word) {
            return false;
        }
        self.rest = rest;
        true
    }

    fn while_(&mut self, keep: impl Fn(char) -> bool) -> String {
        self.skip();
        let end = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken.to_owned()
    }

    fn or(&mut self) -> Condition {
        let mut any = vec![self.and()];
        while self.take("or") {
            any.push(self.and());
        }
        Any(any)
    }

    fn and(&mut self) -> Condition {
        let mut all = vec![self.not()];
        while self.take("and") {
            all.push(self.not());
        }
        All(all)
    }

    fn not(&mut self) -> Condition {
        if self.take("not") {
            return Not(Box::new(self.not()));
        }
        if self.take("(") {
            let inner = self.or();
            assert!(self.take(")"), "{:?}", self.rest);
            return inner;
        }
        if self.take("true") {
            return All(vec![]);
        }
        if self.take("false") {
            return Any(vec![]);
        }
        let has = self.take("has");
        let field = self.while_(|c| c.is_ascii_lowercase() || c == '_');
        if has { Has(field) } else { self.test(field) }
    }

    fn test(&mut self, field: String) -> Condition {
        let operators = ["~", "==", "!=", "<=", ">=", "<", ">", "in"];
        let operator = operators.into_iter().find(|operator| self.take(operator)).unwrap();
        match (kind(&field), operator) {
            (Kind::Text, "~") => Globs { field, globs: vec![self.quoted()] },
            (Kind::Text, "in") => Globs { field, globs: self.list() },
            (Kind::Text, "==") => Is { field, text: unescape(&self.quoted()) },
            (Kind::Text, _) => IsNot { field, text: unescape(&self.quoted()) },
            (Kind::Day, "in") => Day(self.list()),
            (Kind::Day, "==") => Day(vec![self.quoted()]),
            (Kind::Day, _) => {
                let other = self.quoted();
                let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
                Day(days.into_iter().filter(|day| *day != other).map(str::to_owned).collect())
            }
            (Kind::Number, "in") => {
                let from = self.number();
                assert!(self.take(".."));
                Within { field, from, to: self.number() }
            }
            (Kind::Number, _) => {
                Compare { field, operator: operator.to_owned(), value: self.number() }
            }
        }
    }

    fn number(&mut self) -> i64 {
        number(&self.while_(|c| c.is_ascii_alphanumeric() || c == ':'))
    }

    /// What stands between quotes, backslashes included.
    fn quoted(&mut self) -> String {
        self.skip();
        let quote = self.rest.chars().next().unwrap();
        let mut inside = String::new();
        let mut chars = self.rest[1..].chars();
        loop {
            let c = chars.next().unwrap();
            if c == quote {
                break;
            }
            inside.push(c);
            if c == '\\' {
                inside.push(chars.next().unwrap());
            }
        }
        self.rest = chars.as_str();
        inside
    }

    fn list(&mut self) -> Vec<String> {
        assert!(self.take("["));
        let mut texts = Vec::new();
        while !self.take("]") {
            texts.push(self.quoted());
            self.take(",");
        }
        texts
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap() } else { c });
    }
    out.nfc().collect()
}

enum Kind {
    Text,
    Number,
    Day,
}

fn kind(field: &str) -> Kind {
    match field {
        "weekday" => Kind::Day,
        "duration" | "direct" | "delegated" | "time" => Kind::Number,
        _ => Kind::Text,
    }
}

/// Milliseconds of `1m1s`, nanoseconds since midnight of `9:00`.
fn number(text: &str) -> i64 {
    if text.contains(':') {
        let parts = text.split(':').map(|part| part.parse::<i64>().unwrap());
        let seconds = parts.chain([0]).take(3).fold(0, |total, part| total * 60 + part);
        return seconds * 1_000_000_000;
    }
    let mut total = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (digits, tail) = rest.split_at(rest.find(char::is_alphabetic).unwrap());
        let (unit, tail) = tail.split_at(tail.find(char::is_numeric).unwrap_or(tail.len()));
        let units = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
        let (_, millis) = units.into_iter().find(|(name, _)| *name == unit).unwrap();
        total += digits.parse::<i64>().unwrap() * millis;
        rest = tail;
    }
    total
}

/// A condition of a `match` block.
fn matching(field: &str, value: &Value) -> Condition {
    let field = field.to_owned();
    let wanted: Vec<String> = match value {
        Value::Array(list) => list.iter().map(|value| value.as_str().unwrap().into()).collect(),
        value => vec![value.as_str().unwrap().into()],
    };
    match kind(&field) {
        Kind::Text => Globs { field, globs: wanted },
        Kind::Day => Day(wanted),
        Kind::Number => match wanted[0].split_once("..") {
            Some((from, to)) => Within { field, from: number(from), to: number(to) },
            None => {
                let (operator, value) = wanted[0].split_once(' ').unwrap();
                Compare { field, operator: operator.to_owned(), value: number(value) }
            }
        },
    }
}

/// The whole condition of a rule.
fn condition(rule: &Table) -> Condition {
    let entries = rule.get("match").and_then(Value::as_table).into_iter().flatten();
    let mut all: Vec<_> = entries.map(|(field, value)| matching(field, value)).collect();
    if let Some(when) = rule.get("when") {
        let mut expression = Expression { rest: when.as_str().unwrap() };
        all.push(expression.or());
        expression.skip();
        assert_eq!(expression.rest, "", "{when}");
    }
    All(all)
}

struct World<'w> {
    stream: &'w Stream,
    homes: &'w [&'w str],
}

impl World<'_> {
    fn texts(&self, field: &str) -> Vec<&String> {
        let Stream { primary_cwd, tmux_session, agent, git_branch, repo, worktree, .. } =
            self.stream;
        match field {
            "primary_cwd" => primary_cwd.iter().collect(),
            "tmux_session" => tmux_session.iter().collect(),
            "agent" => agent.iter().collect(),
            "git_branch" => git_branch.iter().collect(),
            "repo" => repo.iter().collect(),
            "worktree" => worktree.iter().collect(),
            _ => vec![],
        }
    }

    fn number(&self, field: &str) -> Option<i64> {
        match field {
            "duration" => self.stream.duration_ms,
            "direct" => self.stream.direct_ms,
            "delegated" => self.stream.delegated_ms,
            "time" => self.stream.at.map(|at| {
                let seconds = i64::from(at.num_seconds_from_midnight());
                seconds * 1_000_000_000 + i64::from(at.nanosecond())
            }),
            _ => None,
        }
    }

    fn day(&self) -> Option<String> {
        self.stream.at.map(|at| at.weekday().to_string().to_lowercase())
    }

    fn holds(&self, condition: &Condition) -> bool {
        let some = |field: &str, passes: &dyn Fn(&str) -> bool| {
            self.texts(field).iter().any(|text| passes(&text.nfc().collect::<String>()))
        };
        match condition {
            All(all) => all.iter().all(|it| self.holds(it)),
            Any(any) => any.iter().any(|it| self.holds(it)),
            Not(inner) => !self.holds(inner),
            Has(field) if field == "weekday" => self.day().is_some(),
            Has(field) => !self.texts(field).is_empty() || self.number(field).is_some(),
            Globs { field, globs } => some(field, &|text| {
                globs.iter().any(|pattern| glob(pattern, text, self.homes).unwrap())
            }),
            Is { field, text } => some(field, &|value| value == text),
            IsNot { field, text } => some(field, &|value| value != text),
            Day(days) => self.day().is_some_and(|day| days.contains(&day)),
            Within { field, from, to } => self.number(field).is_some_and(|value| {
                if from < to {
                    *from <= value && value < *to
                } else {
                    *from <= value || value < *to
                }
            }),
            Compare { field, operator, value } => {
                self.number(field).is_some_and(|found| match operator.as_str() {
                    "<" => found < *value,
                    "<=" => found <= *value,
                    ">" => found > *value,
                    ">=" => found >= *value,
                    "==" => found == *value,
                    _ => found != *value,
                })
            }
        }
    }

    /// The globs that give a name its text.
    fn source<'c>(&self, condition: &'c Condition, name: &str) -> Option<&'c Condition> {
        if !self.always(condition, name) {
            return None;
        }
        match condition {
            list if one_list(list).is_some() => Some(list),
            All(all) => all.iter().find_map(|it| self.source(it, name)),
            Any(any) => self.source(any.iter().find(|it| self.holds(it))?, name),
            _ => None,
        }
    }

    /// Whether the condition cannot hold without capturing the name.
    fn always(&self, condition: &Condition, name: &str) -> bool {
        fn captures(pieces: &[Piece], name: &str) -> bool {
            pieces.iter().any(|piece| match piece {
                Piece::Capture(captured) => captured == name,
                Piece::Alternatives(each) => each.iter().all(|pieces| captures(pieces, name)),
                _ => false,
            })
        }
        match condition {
            All(all) => all.iter().any(|it| self.always(it, name)),
            Any(any) => any.iter().all(|it| self.always(it, name)),
            Globs { globs, .. } => {
                let mut ways = globs.iter().flat_map(|glob| read_glob(glob, self.homes).unwrap());
                ways.all(|way| captures(&way, name))
            }
            _ => false,
        }
    }

    /// A text for each row, and for each choice of rows where several conditions capture.
    fn fill(&self, condition: &Condition, template: &str) -> BTreeSet<String> {
        let names = ["x", "y"].into_iter().filter(|name| template.contains(&format!("<{name}>")));
        let mut sources: Vec<(&Condition, Vec<&str>)> = Vec::new();
        for name in names {
            let source = self.source(condition, name).unwrap();
            match sources.iter_mut().find(|(other, _)| std::ptr::eq(*other, source)) {
                Some((_, names)) => names.push(name),
                None => sources.push((source, vec![name])),
            }
        }
        let mut texts = BTreeSet::from([template.to_owned()]);
        for (source, names) in sources {
            let with = |text: &String, row: &Row| {
                let replace =
                    |text: String, name: &&str| text.replace(&format!("<{name}>"), &row[*name]);
                names.iter().fold(text.clone(), replace)
            };
            let (field, globs) = one_list(source).unwrap();
            let rows = self.rows(&field, &globs);
            texts = texts.iter().flat_map(|text| rows.iter().map(|row| with(text, row))).collect();
        }
        texts
    }

    /// What the globs capture, for each element that one of them matches.
    fn rows(&self, field: &str, globs: &[String]) -> Vec<Row> {
        let row = |text: &&String| {
            let text: Vec<char> = text.nfc().collect();
            let mut ways = globs.iter().flat_map(|glob| read_glob(glob, self.homes).unwrap());
            ways.find_map(|way| {
                let ends = ends(&way, 0, Row::new(), &text);
                ends.into_iter().find(|(end, _)| *end == text.len()).map(|(_, row)| row)
            })
        };
        self.texts(field).iter().filter_map(row).collect()
    }
}

/// Captured texts by name.
type Row = BTreeMap<String, String>;

/// Every way through the pieces from `at` on, the preferred first: where it ends, and what it
/// captured. A star is short and a capture long; of two captures of a name the left one counts.
fn ends(pieces: &[Piece], at: usize, row: Row, text: &[char]) -> Vec<(usize, Row)> {
    let Some((first, rest)) = pieces.split_first() else { return vec![(at, row)] };
    let steps: Vec<(usize, Row)> = match first {
        Piece::Capture(name) => {
            let longest = text[at..].iter().take_while(|c| **c != '/').count();
            let step = |length: usize| {
                let mut row = row.clone();
                let captured = text[at..at + length].iter().collect();
                row.entry(name.clone()).or_insert(captured);
                (at + length, row)
            };
            (1..=longest).rev().map(step).collect()
        }
        Piece::Alternatives(each) => {
            each.iter().flat_map(|pieces| ends(pieces, at, row.clone(), text)).collect()
        }
        other => {
            let places = follow(std::slice::from_ref(other), BTreeSet::from([at]), text);
            places.into_iter().map(|place| (place, row.clone())).collect()
        }
    };
    steps.into_iter().flat_map(|(at, row)| ends(rest, at, row, text)).collect()
}

/// The globs, if the condition is nothing but globs of one field joined by `or`.
fn one_list(condition: &Condition) -> Option<(String, Vec<String>)> {
    match condition {
        Globs { field, globs } => Some((field.clone(), globs.clone())),
        Any(any) => {
            let each: Vec<_> = any.iter().map(one_list).collect::<Option<_>>()?;
            let field = each.first()?.0.clone();
            let one = each.iter().all(|(other, _)| *other == field);
            one.then(|| (field, each.into_iter().flat_map(|(_, globs)| globs).collect()))
        }
        // What the reader makes of a condition that no `and` joins to another.
        All(all) if all.len() == 1 => one_list(&all[0]),
        _ => None,
    }
}

/// What the first rule that holds gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Win {
    /// The rule, counted from 0.
    pub(crate) rule: usize,
    pub(crate) tags: Vec<String>,
    pub(crate) project: Option<String>,
}

/// The rules of a correct file, whose captures are called `x` and `y`.
pub(crate) struct Rules {
    homes: Vec<String>,
    rules: Vec<Table>,
    conditions: Vec<Condition>,
}

impl Rules {
    pub(crate) fn read(file: &str, home: Option<&str>) -> Self {
        let file: Table = file.parse().unwrap();
        let section = file["rules"].as_table().unwrap();
        let more = section.get("homes").and_then(Value::as_array).into_iter().flatten();
        let more = more.map(|home| home.as_str().unwrap());
        let rules = section["auto_tag"].as_array().unwrap().iter();
        let rules: Vec<Table> = rules.map(|rule| rule.as_table().unwrap().clone()).collect();
        Self {
            homes: home.into_iter().chain(more).map(str::to_owned).collect(),
            conditions: rules.iter().map(condition).collect(),
            rules,
        }
    }

    /// The rules with two of them in each other's place.
    pub(crate) fn swapped(mut self, one: usize, other: usize) -> Self {
        self.rules.swap(one, other);
        self.conditions.swap(one, other);
        self
    }

    /// Whether the rule of that index holds, whatever the others say.
    pub(crate) fn holds(&self, rule: usize, stream: &Stream) -> bool {
        let homes: Vec<&str> = self.homes.iter().map(String::as_str).collect();
        World { stream, homes: &homes }.holds(&self.conditions[rule])
    }

    /// The first enabled rule that holds, and what it gives.
    pub(crate) fn first(&self, stream: &Stream) -> Option<Win> {
        self.first_without(None, stream)
    }

    /// The same, as if one rule were not there.
    pub(crate) fn first_without(&self, gone: Option<usize>, stream: &Stream) -> Option<Win> {
        let homes: Vec<&str> = self.homes.iter().map(String::as_str).collect();
        let world = World { stream, homes: &homes };
        let enabled = |rule: &Table| rule.get("enabled").and_then(Value::as_bool).unwrap_or(true);
        let mut rules = self.rules.iter().zip(&self.conditions).enumerate();
        let (index, (rule, condition)) = rules.find(|(index, (rule, condition))| {
            Some(*index) != gone && enabled(rule) && world.holds(condition)
        })?;
        let mut tags = Vec::new();
        for template in rule["tags"].as_array().unwrap() {
            for tag in world.fill(condition, template.as_str().unwrap()) {
                if !tags.contains(&tag) {
                    tags.push(tag);
                }
            }
        }
        let project = rule.get("project").and_then(Value::as_str);
        let project = project.and_then(|it| world.fill(condition, it).pop_first());
        Some(Win { rule: index, tags, project })
    }
}

/// What the first rule of a file gives that holds for the stream.
pub(crate) fn first(file: &str, home: Option<&str>, stream: &Stream) -> Option<Win> {
    Rules::read(file, home).first(stream)
}
