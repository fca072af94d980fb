//! Conditions evaluated as they stand: no index, no automaton, one question at a time.
//!
//! For stages that ask about one rule and one stream. Deciding many rules at once is the table's.

use std::iter;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::{Atom, Part, Pattern, Predicate, Rule, Test};
use crate::rules::stream::Stream;

impl Rule {
    /// Whether the rule holds for the stream, whatever the other rules say.
    #[must_use]
    pub fn holds(&self, stream: &Stream) -> bool {
        self.conjuncts.iter().all(|conjunct| conjunct.predicate.holds(stream))
    }
}

impl Predicate {
    /// Whether it holds for the stream. Linear in the size of the predicate, times what its
    /// patterns cost ([`Pattern::matches`]).
    #[must_use]
    pub fn holds(&self, stream: &Stream) -> bool {
        match self {
            Self::All(children) => children.iter().all(|child| child.holds(stream)),
            Self::Any(children) => children.iter().any(|child| child.holds(stream)),
            Self::Not(child) => !child.holds(stream),
            Self::Atom(atom) => atom.holds(stream),
        }
    }
}

impl Atom {
    /// Whether the stream has a value that passes the test.
    #[must_use]
    pub fn holds(&self, stream: &Stream) -> bool {
        let some_text = |passes: &dyn Fn(&str) -> bool| {
            stream.texts(self.field).iter().any(|it| nfc(it, passes))
        };
        match &self.test {
            Test::Present => stream.has(self.field),
            Test::Glob(pattern) => some_text(&|value| pattern.matches(value)),
            Test::IsNot(text) => some_text(&|value| value != text),
            Test::Weekday(days) => stream.weekday().is_some_and(|day| days.contains(day)),
            Test::Within(numbers) => {
                stream.number(self.field).is_some_and(|value| numbers.contains(value))
            }
        }
    }
}

/// What `f` says of the text in NFC.
fn nfc<T>(text: &str, f: impl Fn(&str) -> T) -> T {
    if is_nfc_quick(text.chars()) == IsNormalized::Yes {
        f(text)
    } else {
        f(&text.nfc().collect::<String>())
    }
}

impl Pattern {
    /// Whether the pattern matches the whole of `value`, which is in NFC.
    ///
    /// Follows the set of places where the parts so far can end; at worst the length of the value
    /// times that of the pattern, and linear where neither `*` nor braces fork.
    #[must_use]
    pub fn matches(&self, value: &str) -> bool {
        // Most patterns differ from most values at once.
        if let Some(Part::Literal(text)) = self.parts.first()
            && !value.starts_with(text.as_str())
        {
            return false;
        }
        follow(&self.parts, vec![0], value).contains(&value.len())
    }
}

/// The places, sorted, where the parts can end that begin at one of `places`.
fn follow(parts: &[Part], mut places: Vec<usize>, value: &str) -> Vec<usize> {
    for part in parts {
        if places.is_empty() {
            break;
        }
        places = match part {
            // All later places, whatever the first of them was.
            Part::Star => boundaries(value, places.first().copied().unwrap_or_default()),
            Part::Literal(text) => {
                let ends = |at: &usize| {
                    value.get(*at..)?.starts_with(text.as_str()).then_some(at + text.len())
                };
                places.iter().filter_map(ends).collect()
            }
            Part::Any => one(&places, value, |_| true),
            Part::Class(class) => one(&places, value, |c| class.contains(c)),
            Part::Capture(_) => {
                let mut ends: Vec<_> = places
                    .iter()
                    .flat_map(|at| {
                        let rest = value.get(*at..).unwrap_or_default();
                        let inside = rest.char_indices().take_while(|(_, c)| *c != '/');
                        inside.map(move |(offset, c)| at + offset + c.len_utf8())
                    })
                    .collect();
                ends.sort_unstable();
                ends.dedup();
                ends
            }
            Part::Group(alternatives) => {
                let each =
                    alternatives.iter().flat_map(|parts| follow(parts, places.clone(), value));
                let mut ends: Vec<_> = each.collect();
                ends.sort_unstable();
                ends.dedup();
                ends
            }
        };
    }
    places
}

fn boundaries(value: &str, from: usize) -> Vec<usize> {
    let rest = value.get(from..).unwrap_or_default();
    rest.char_indices().map(|(at, _)| from + at).chain(iter::once(value.len())).collect()
}

fn one(places: &[usize], value: &str, passes: impl Fn(char) -> bool) -> Vec<usize> {
    let next = |at: &usize| {
        value.get(*at..)?.chars().next().filter(|c| passes(*c)).map(|c| at + c.len_utf8())
    };
    places.iter().filter_map(next).collect()
}
