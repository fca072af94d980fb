//! Patterns: globs as they are meant.
//!
//! Compared with the syntax tree: no places, escapes and literals merged into texts, classes as
//! sorted ranges. Two globs that differ only in spelling (`a**`, `a*`) are equal here.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::iter;

use crate::rules::syntax::glob::{Kind, Member, Node};

/// A glob.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Pattern {
    /// Its parts, from left to right.
    pub parts: Vec<Part>,
}

/// A part of a pattern.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    /// This text.
    Literal(String),
    /// Any one character.
    Any,
    /// Any characters, none included; never twice in a row.
    Star,
    /// One character of a set.
    Class(Class),
    /// One of several sequences.
    Group(Vec<Vec<Part>>),
    /// One or more characters other than `/`, remembered under a name.
    Capture(String),
}

/// A set of characters.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Class {
    /// Whether it is all characters but those listed.
    pub negated: bool,
    /// The characters listed, as ranges with both ends included, sorted.
    pub ranges: Vec<(char, char)>,
}

impl Class {
    /// Whether it has the character.
    #[must_use]
    pub fn contains(&self, c: char) -> bool {
        self.ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != self.negated
    }
}

impl Pattern {
    /// The patterns of a syntax tree: one, or for a tree that begins with `~` one per home.
    #[must_use]
    pub fn lower(nodes: &[Node], homes: &[String]) -> Vec<Self> {
        match nodes.split_first() {
            Some((Node { kind: Kind::Home, .. }, rest)) => {
                homes.iter().map(|home| Self { parts: sequence(home, rest) }).collect()
            }
            _ => vec![Self { parts: sequence("", nodes) }],
        }
    }

    /// The pattern that matches this text alone, which is in NFC.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self { parts: sequence(text, &[]) }
    }

    /// Whether any part of it captures.
    #[must_use]
    pub fn has_captures(&self) -> bool {
        has_captures(&self.parts)
    }

    /// The names that every match captures.
    #[must_use]
    pub fn captures(&self) -> BTreeSet<&str> {
        captures(&self.parts)
    }
}

/// The pattern as a glob that means the same.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Part::Literal(text)) = self.parts.first()
            && text.starts_with('~')
        {
            f.write_str("\\")?;
        }
        write_parts(&self.parts, false, f)
    }
}

/// The glob that matches this text alone; within braces if `grouped`.
#[must_use]
pub fn escaped(text: &str, grouped: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let special = matches!(c, '*' | '?' | '[' | '{' | '<' | '\\');
        if special || grouped && matches!(c, ',' | '}') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn write_parts(parts: &[Part], grouped: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    parts.iter().try_for_each(|part| match part {
        Part::Literal(text) => f.write_str(&escaped(text, grouped)),
        Part::Any => f.write_char('?'),
        Part::Star => f.write_char('*'),
        Part::Class(class) => write!(f, "{class}"),
        Part::Group(alternatives) => {
            for (parts, before) in alternatives.iter().zip(iter::once('{').chain(iter::repeat(',')))
            {
                f.write_char(before)?;
                write_parts(parts, true, f)?;
            }
            f.write_char('}')
        }
        Part::Capture(name) => write!(f, "<{name}>"),
    })
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = |c: char, f: &mut fmt::Formatter<'_>| {
            if matches!(c, ']' | '[' | '\\' | '-' | '!' | '^') {
                f.write_char('\\')?;
            }
            f.write_char(c)
        };
        f.write_str(if self.negated { "[!" } else { "[" })?;
        for (from, to) in &self.ranges {
            member(*from, f)?;
            if from != to {
                f.write_char('-')?;
                member(*to, f)?;
            }
        }
        f.write_char(']')
    }
}

fn has_captures(parts: &[Part]) -> bool {
    parts.iter().any(|part| match part {
        Part::Capture(_) => true,
        Part::Group(alternatives) => alternatives.iter().any(|parts| has_captures(parts)),
        Part::Literal(_) | Part::Any | Part::Star | Part::Class(_) => false,
    })
}

fn captures(parts: &[Part]) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for part in parts {
        match part {
            Part::Capture(name) => {
                names.insert(name.as_str());
            }
            Part::Group(alternatives) => {
                let each = alternatives.iter().map(|parts| captures(parts));
                names.extend(each.reduce(|a, b| &a & &b).unwrap_or_default());
            }
            Part::Literal(_) | Part::Any | Part::Star | Part::Class(_) => {}
        }
    }
    names
}

fn sequence(before: &str, nodes: &[Node]) -> Vec<Part> {
    let mut parts = Vec::new();
    push_literal(&mut parts, before);
    for node in nodes {
        match &node.kind {
            // Only ever the first node of a pattern, and replaced there.
            Kind::Home => {}
            Kind::Literal(c) => push_literal(&mut parts, c.encode_utf8(&mut [0; 4])),
            Kind::Any => parts.push(Part::Any),
            Kind::Star if parts.last() == Some(&Part::Star) => {}
            Kind::Star => parts.push(Part::Star),
            Kind::Class { negated, members } => parts.push(class(*negated, members)),
            Kind::Group(alternatives) => {
                parts.push(Part::Group(
                    alternatives.iter().map(|nodes| sequence("", nodes)).collect(),
                ));
            }
            Kind::Capture(name) => parts.push(Part::Capture(name.clone())),
        }
    }
    parts
}

fn push_literal(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Literal(before)) => before.push_str(text),
        _ => parts.push(Part::Literal(text.to_owned())),
    }
}

fn class(negated: bool, members: &[Member]) -> Part {
    let mut ranges = Vec::new();
    for member in members {
        match member {
            Member::Range(from, to) => ranges.push((*from, *to)),
            Member::Named(name) => ranges.extend_from_slice(name.ranges()),
        }
    }
    ranges.sort_unstable();
    ranges.dedup();
    Part::Class(Class { negated, ranges })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diag::Span;
    use crate::rules::syntax::embedded::Text;
    use crate::rules::syntax::glob;

    fn lower(pattern: &str) -> Option<Pattern> {
        let source = format!("'{pattern}'");
        let text = Text::new(pattern, &source, Span::new(0, source.len()));
        Pattern::lower(&glob::parse(&text).ok()?, &["/home/u".to_owned()]).pop()
    }

    proptest! {
        #[test]
        fn what_is_written_means_the_same(
            pattern in r"([ab/*?~,<>!^é-]|\\[*?\[{~\\-]|\{|\}|\[!?[\]a^-]\]|<x>|\{,|\[[a-]*b\]){1,10}",
        ) {
            let Some(meant) = lower(&pattern) else { return Ok(()) };
            let written = meant.to_string();
            prop_assert_eq!(lower(&written), Some(meant), "{}", written);
        }
    }
}
