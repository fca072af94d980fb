//! Physical lines of a growing file, and the JSON values on one.
//!
//! A line is held in memory whole, but never more than [`MAX_LINE`] of it
//! ([`Lines`]). Agents that are resumed
//! after a crash write behind what stood last, so one line may hold several values, runs of NUL
//! bytes, or half a value with a whole one behind it.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Longer lines are passed over, in bytes. Lines of several MB are normal.
pub(super) const MAX_LINE: usize = 64 << 20;

pub(super) use crate::lines::{Lines, Physical};

/// Why a part of a line could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Damage {
    /// It ends within a value.
    Cut,
    /// It is no JSON, from this byte of the line on.
    NotJson(usize),
    /// A value that is no object.
    NotAnObject,
}

impl Damage {
    /// In words, and without a word of the line itself.
    pub(super) fn why(self) -> String {
        match self {
            Self::Cut => "ends within a record".to_owned(),
            Self::NotJson(at) => format!("not JSON from byte {at} on"),
            Self::NotAnObject => "not a JSON object".to_owned(),
        }
    }
}

/// A line as text; what is no UTF-8 becomes U+FFFD.
pub(super) fn text_of(line: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(line)
}

fn is_filler(c: char) -> bool {
    c == '\0' || c.is_whitespace() || c == '\u{feff}'
}

/// Hands every value on a line to `each`, with its own text, and says what was damaged.
///
/// Behind damage, reading goes on where a record unmistakably begins.
pub(super) fn values<'a, T: Deserialize<'a>>(
    text: &'a str,
    mut each: impl FnMut(T, &'a str),
) -> Option<Damage> {
    let mut damage = None;
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let rest = rest.trim_start_matches(is_filler);
        at = text.len() - rest.len();
        if rest.is_empty() {
            break;
        }
        match first_value(rest) {
            Ok((value, length)) => {
                each(value, rest.get(..length).unwrap_or(rest));
                at += length;
            }
            Err(found) => {
                damage.get_or_insert(match found {
                    Damage::NotJson(_) => Damage::NotJson(at),
                    found => found,
                });
                let Some(next) = rest.get(1..).and_then(|it| it.find(r#"{"parentUuid":"#)) else {
                    break;
                };
                at += next + 1;
            }
        }
    }
    damage
}

/// How many bytes at the start of `line` are whole values.
pub(super) fn whole_values(line: &[u8]) -> usize {
    let valid = line.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let mut at = 0;
    while let Some(rest) = valid.get(at..) {
        let value = rest.trim_start_matches(is_filler);
        match first_value::<IgnoredAny>(value) {
            Ok((_, length)) => at += rest.len() - value.len() + length,
            Err(_) => break,
        }
    }
    at
}

fn first_value<'a, T: Deserialize<'a>>(text: &'a str) -> Result<(T, usize), Damage> {
    let is_object = text.starts_with('{');
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<T>();
    match stream.next() {
        Some(Ok(value)) if is_object => Ok((value, stream.byte_offset())),
        Some(Err(error)) if error.is_eof() => Err(Damage::Cut),
        Some(Ok(_)) | None => Err(Damage::NotAnObject),
        Some(Err(_)) if !is_object && is_json(text) => Err(Damage::NotAnObject),
        Some(Err(_)) => Err(Damage::NotJson(0)),
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// `text` with `\ufffd` for every half of a surrogate pair that stands alone, if there is one.
///
/// JavaScript cuts texts by UTF-16 units and writes such halves; they are no Unicode and would
/// cost the line.
pub(super) fn without_lone_surrogates(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let unit = |at: usize| {
        let digits = text.get(at + 2..at + 6)?;
        (bytes.get(at..at + 2)? == br"\u").then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    };
    let mut out = String::new();
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        if bytes.get(at) != Some(&b'\\') {
            at += 1;
            continue;
        }
        match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => at += 12,
            Some(0xD800..=0xDFFF) => {
                out.push_str(text.get(copied..at)?);
                out.push_str(r"\ufffd");
                at += 6;
                copied = at;
            }
            Some(_) => at += 6,
            None => at += 2,
        }
    }
    if copied == 0 {
        return None;
    }
    out.push_str(text.get(copied..)?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn all(text: &str) -> (Vec<String>, Option<Damage>) {
        let mut found = Vec::new();
        let damage = values(text, |_: Value, raw| found.push(raw.to_owned()));
        (found, damage)
    }

    #[test]
    fn a_tail_beyond_the_limit_waits() {
        let mut lines = Lines::new(&b"toolong"[..], 6);
        assert_eq!(lines.next().unwrap(), (Physical::End, 7));
    }

    #[test]
    fn glued_filled_and_spliced() {
        assert_eq!(all("{\"a\":1}{\"b\":2} ").0.len(), 2);
        assert_eq!(all("\0\0{\"a\":1}\0").0, ["{\"a\":1}"]);
        assert_eq!(all("").1, None);
        let (found, damage) = all(r#"{"a":"cu{"parentUuid":null}"#);
        assert_eq!(found, [r#"{"parentUuid":null}"#]);
        assert_eq!(damage, Some(Damage::NotJson(0)));
        assert_eq!(all(r#"{"a":1}{"b":"#).1, Some(Damage::Cut));
        assert_eq!(all("[1]").1, Some(Damage::NotAnObject));
        assert_eq!(all(r#"{"a":1}x"#), (vec![r#"{"a":1}"#.into()], Some(Damage::NotJson(7))));
    }

    #[test]
    fn what_is_whole_of_a_tail() {
        assert_eq!(whole_values(br#"{"a":1} {"b":"#), 7);
        assert_eq!(whole_values(br#"{"a":"#), 0);
        assert_eq!(whole_values(b"12"), 0);
        assert_eq!(whole_values(b"{\"a\":1}{\"b\":\"\xff"), 7);
        assert_eq!(whole_values(b"\0 "), 0);
    }

    #[test]
    fn surrogates() {
        let fixed = |text: &str| without_lone_surrogates(text);
        assert_eq!(fixed(r#"{"a":"\ud83d\ude00 \\ud83d"}"#), None);
        assert_eq!(
            fixed(r#"{"a":"\ud83d x \ude00"}"#).as_deref(),
            Some(r#"{"a":"\ufffd x \ufffd"}"#)
        );
        assert_eq!(fixed(r"\ud83d").as_deref(), Some(r"\ufffd"));
        assert_eq!(fixed(r"\ud8"), None);
    }
}
