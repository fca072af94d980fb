//! The definition: rules walked one by one, globs matched by following sets of positions.
//!
//! Written from the description of the language alone; it shares no code with the program and is
//! slow on purpose. Whatever the table does must agree with it.

use std::collections::BTreeSet;

use chrono::Datelike;
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
    Capture,
}

/// Whether the glob matches the whole text; `None` if it is malformed.
pub(crate) fn glob(pattern: &str, text: &str, homes: &[&str]) -> Option<bool> {
    let pattern: Vec<char> = pattern.nfc().collect();
    let text: Vec<char> = text.nfc().collect();
    if pattern.is_empty() {
        return None;
    }
    let at_home = pattern[0] == '~' && pattern.get(1).is_none_or(|c| *c == '/');
    let mut parser = Parser { text: &pattern, at: usize::from(at_home) };
    let rest = parser.sequence(false)?;
    let matches = |home: &str| {
        let home = home.strip_suffix('/').unwrap_or(home);
        let mut pieces: Vec<_> = home.nfc().map(Piece::Char).collect();
        pieces.extend(rest.clone());
        follow(&pieces, BTreeSet::from([0]), &text).contains(&text.len())
    };
    Some(if at_home { homes.iter().any(|home| matches(home)) } else { matches("") })
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
                Piece::Capture => {
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
            return Piece::Capture;
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

/// The first rule of the file that holds for the stream, counted from 0.
///
/// The file must be a correct one.
pub(crate) fn first(file: &str, home: Option<&str>, stream: &Stream) -> Option<usize> {
    let file: Table = file.parse().unwrap();
    let section = file["rules"].as_table().unwrap();
    let more = section.get("homes").and_then(Value::as_array).into_iter().flatten();
    let homes: Vec<_> = home.into_iter().chain(more.map(|home| home.as_str().unwrap())).collect();
    section["auto_tag"].as_array().unwrap().iter().position(|rule| {
        let enabled = rule.get("enabled").and_then(Value::as_bool).unwrap_or(true);
        let conditions = rule["match"].as_table().unwrap();
        enabled && conditions.iter().all(|(field, value)| holds(field, value, stream, &homes))
    })
}

fn holds(field: &str, value: &Value, stream: &Stream, homes: &[&str]) -> bool {
    let wanted: Vec<&str> = match value {
        Value::Array(list) => list.iter().map(|value| value.as_str().unwrap()).collect(),
        value => vec![value.as_str().unwrap()],
    };
    let texts: Vec<&String> = match field {
        "primary_cwd" => stream.primary_cwd.iter().collect(),
        "tmux_session" => stream.tmux_session.iter().collect(),
        "agent" => stream.agent.iter().collect(),
        "git_branch" => stream.git_branch.iter().collect(),
        "repo" => stream.repo.iter().collect(),
        "worktree" => stream.worktree.iter().collect(),
        "weekday" => {
            let day = stream.at.map(|at| at.weekday()).map(|day| day.to_string().to_lowercase());
            return day.is_some_and(|day| wanted.contains(&day.as_str()));
        }
        "duration" => return compare(stream.duration_ms, wanted[0], millis),
        "direct" => return compare(stream.direct_ms, wanted[0], millis),
        "delegated" => return compare(stream.delegated_ms, wanted[0], millis),
        "time" => return compare(stream.at.map(|at| at.time().to_string()), wanted[0], clock),
        _ => panic!("no field {field}"),
    };
    texts.iter().any(|text| wanted.iter().any(|glob_| glob(glob_, text, homes).unwrap()))
}

fn compare<T: PartialOrd>(value: Option<T>, wanted: &str, read: fn(&str) -> T) -> bool {
    let Some(value) = value else { return false };
    if let Some((from, to)) = wanted.split_once("..") {
        let (from, to) = (read(from), read(to));
        return if from < to { from <= value && value < to } else { from <= value || value < to };
    }
    let (operator, operand) = wanted.split_once(' ').unwrap();
    let operand = read(operand);
    match operator {
        "<" => value < operand,
        "<=" => value <= operand,
        ">" => value > operand,
        ">=" => value >= operand,
        "==" => value == operand,
        _ => value != operand,
    }
}

/// Whole minutes or seconds.
fn millis(text: &str) -> i64 {
    let (number, unit) = text.split_at(text.len() - 1);
    number.parse::<i64>().unwrap() * if unit == "m" { 60_000 } else { 1000 }
}

/// `HH:MM:SS`, which sorts as time does.
fn clock(text: &str) -> String {
    text.to_owned()
}
