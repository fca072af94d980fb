//! Strings inside the file: from a decoded string back to the bytes it was written with.
//!
//! A glob is a TOML string, and TOML has four kinds of those, two with escapes, two over several
//! lines. On top, globs are normalised to NFC before they are read. A mistake in the result must
//! still be shown where the user typed it, so both steps keep a map.

use std::iter;

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::diag::Span;

/// A decoded string and where each of its characters was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text {
    /// The string as TOML means it.
    pub text: String,
    /// The whole token in the file, quotes included.
    pub span: Span,
    map: Map,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Map {
    /// Written as it reads, from this byte on.
    Verbatim(usize),
    /// One entry per character: its offset in the text, its place in the file.
    Pieces(Vec<(usize, Span)>),
    /// Not known in detail.
    Whole,
}

impl Text {
    /// The string `text`, written in the file `source` at `span` as a TOML string of any kind.
    #[must_use]
    pub fn new(text: &str, source: &str, span: Span) -> Self {
        let raw = source.get(span.start..span.end).unwrap_or_default();
        Self { text: text.to_owned(), span, map: map_string(raw, span.start, text) }
    }

    /// The place of the bytes `start..end` of the text.
    ///
    /// An empty range is a place between characters. Where the map knows no better, the whole
    /// string is the place.
    #[must_use]
    pub fn place(&self, start: usize, end: usize) -> Span {
        match &self.map {
            Map::Whole => self.span,
            Map::Verbatim(base) => Span::new(base + start, base + end),
            Map::Pieces(pieces) => {
                let first = pieces.partition_point(|(at, _)| *at < start);
                let last = pieces.partition_point(|(at, _)| *at < end);
                match (pieces.get(first), last.checked_sub(1).and_then(|i| pieces.get(i))) {
                    (Some((_, first)), Some((_, last))) if last.end >= first.start => {
                        Span::new(first.start, last.end.max(first.end))
                    }
                    (Some((_, first)), _) => Span::new(first.start, first.start),
                    (None, Some((_, last))) => Span::new(last.end, last.end),
                    (None, None) => self.span,
                }
            }
        }
    }

    /// The bytes `start..end` of the text, as a text of their own.
    #[must_use]
    pub fn part(&self, start: usize, end: usize) -> Self {
        let map = match &self.map {
            Map::Whole => Map::Whole,
            Map::Verbatim(base) => Map::Verbatim(base + start),
            Map::Pieces(pieces) => {
                let [from, to] =
                    [start, end].map(|byte| pieces.partition_point(|(at, _)| *at < byte));
                let part = pieces.get(from..to).unwrap_or_default();
                Map::Pieces(part.iter().map(|(at, span)| (at - start, *span)).collect())
            }
        };
        let text = self.text.get(start..end).unwrap_or_default().to_owned();
        Self { text, span: self.place(start, end), map }
    }

    /// The same string in NFC, each character placed where those it was made of stand.
    #[must_use]
    pub fn nfc(&self) -> Self {
        if is_nfc_quick(self.text.chars()) == IsNormalized::Yes {
            return self.clone();
        }
        let mut text = String::with_capacity(self.text.len());
        let mut pieces = Vec::new();
        let mut rest = self.text.as_str();
        while !rest.is_empty() {
            let begin = self.text.len() - rest.len();
            let (chunk, tail) = rest.split_at(next_boundary(rest));
            let place = self.place(begin, begin + chunk.len());
            for c in chunk.nfc() {
                pieces.push((text.len(), place));
                text.push(c);
            }
            rest = tail;
        }
        Self { text, span: self.span, map: Map::Pieces(pieces) }
    }
}

/// The end of the shortest non-empty beginning of `text` that normalises independently of the
/// rest: up to the next character that neither combines with nor is reordered before another.
fn next_boundary(text: &str) -> usize {
    let stands_alone = |c: char| {
        canonical_combining_class(c) == 0 && is_nfc_quick(iter::once(c)) == IsNormalized::Yes
    };
    let mut chars = text.char_indices().skip(1);
    chars.find(|(_, c)| stands_alone(*c)).map_or(text.len(), |(at, _)| at)
}

fn map_string(raw: &str, start: usize, text: &str) -> Map {
    let (quote, basic) = match raw {
        _ if raw.starts_with("\"\"\"") => (3, true),
        _ if raw.starts_with("'''") => (3, false),
        _ if raw.starts_with('"') => (1, true),
        _ if raw.starts_with('\'') => (1, false),
        _ => return Map::Whole,
    };
    let mut at = quote;
    if quote == 3 {
        // A newline right after the opening quotes does not count.
        let inner = raw.get(at..).unwrap_or_default();
        at += if inner.starts_with("\r\n") { 2 } else { usize::from(inner.starts_with('\n')) };
    }
    if raw.get(at..).is_some_and(|inner| inner.starts_with(text)) && !(basic && text.contains('\\'))
    {
        return Map::Verbatim(start + at);
    }
    let mut pieces = Vec::with_capacity(text.len());
    for (offset, c) in text.char_indices() {
        let Some((from, to)) = next_character(raw, at, basic, c) else {
            return Map::Whole;
        };
        pieces.push((offset, Span::new(start + from, start + to)));
        at = to;
    }
    Map::Pieces(pieces)
}

/// Where, from `at` on, the character `c` of the decoded string is written.
fn next_character(raw: &str, mut at: usize, basic: bool, c: char) -> Option<(usize, usize)> {
    loop {
        let rest = raw.get(at..)?;
        let mut chars = rest.chars();
        match chars.next()? {
            '\\' if basic => match chars.next()? {
                // A backslash at the end of a line swallows all white space up to the next text.
                ' ' | '\t' | '\r' | '\n' => {
                    let swallowed = rest.get(1..)?.trim_start_matches([' ', '\t', '\r', '\n']);
                    at = raw.len() - swallowed.len();
                }
                'x' => return Some((at, at + 4)),
                'u' => return Some((at, at + 6)),
                'U' => return Some((at, at + 10)),
                other => return Some((at, at + 1 + other.len_utf8())),
            },
            '\r' if c == '\n' => at += 1,
            written if written == c => return Some((at, at + c.len_utf8())),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use toml::de::{DeTable, DeValue};

    use super::*;

    fn text_of(source: &str) -> Text {
        let table = DeTable::parse(source).unwrap();
        let value = table.get_ref().get("v").unwrap();
        let DeValue::String(text) = value.get_ref() else { panic!("{value:?}") };
        Text::new(text, source, value.span().into())
    }

    /// What was written for the characters of the text that make up `part`.
    fn written<'s>(source: &'s str, text: &Text, part: &str) -> &'s str {
        let at = text.text.find(part).unwrap();
        let span = text.place(at, at + part.len());
        &source[span.start..span.end]
    }

    #[test]
    fn all_kinds_of_strings() {
        for source in ["v = 'üab['", "v = \"üab[\"", "v = '''\nüab['''", "v = \"\"\"\r\nüab[\"\"\""]
        {
            assert_eq!(written(source, &text_of(source), "ab["), "ab[", "{source}");
        }
        let source = r#"v = "\u00fc\t\\a\U0001F600\"[""#;
        let text = text_of(source);
        assert_eq!(written(source, &text, "ü"), r"\u00fc");
        assert_eq!(written(source, &text, "\\a"), r"\\a");
        assert_eq!(written(source, &text, "😀\""), r#"\U0001F600\""#);
        assert_eq!(written(source, &text, "["), "[");
        let source = "v = \"\"\"one\\\n   \n  two\r\n[\"\"\"";
        let text = text_of(source);
        assert_eq!(written(source, &text, "two"), "two");
        assert_eq!(written(source, &text, "["), "[");
    }

    #[test]
    fn parts_keep_places() {
        for source in ["v = 'ab<x>d'", r#"v = "a\u0062<\u0078>d""#] {
            let text = text_of(source);
            let part = text.part(2, 5);
            assert_eq!(part.text, "<x>");
            assert_eq!(part.span, text.place(2, 5));
            assert_eq!(part.place(1, 2), text.place(3, 4), "{source}");
            assert_eq!(part.nfc().place(2, 3), text.place(4, 5));
        }
    }

    #[test]
    fn nfc_keeps_places() {
        let source = "v = 'e\u{301}x\u{323}\u{307}[ \u{1100}\u{1161}!'";
        let text = text_of(source).nfc();
        assert_eq!(text.text, "éẋ̣[ 가!".nfc().collect::<String>());
        assert_eq!(written(source, &text, "é"), "e\u{301}");
        assert_eq!(written(source, &text, "["), "[");
        assert_eq!(written(source, &text, "가"), "\u{1100}\u{1161}");
        assert_eq!(written(source, &text, "!"), "!");
    }

    proptest! {
        #[test]
        fn nfc_in_chunks_is_nfc(text in "[a<=e\u{301}\u{323}\u{307}\u{338}\u{1100}\u{1161}\u{11a8}가Å\u{344}]{0,12}") {
            let whole: String = text.nfc().collect();
            let chunked = Text { text, span: Span::default(), map: Map::Verbatim(0) }.nfc();
            prop_assert_eq!(chunked.text, whole);
        }

        #[test]
        fn escaped_characters_are_found(chars in proptest::collection::vec(any::<char>(), 0..12)) {
            let text: String = chars.iter().collect();
            let escaped: String = chars.iter().map(|c| format!("\\U{:08x}", *c as u32)).collect();
            let source = format!("v = \"{escaped}\"");
            let embedded = text_of(&source);
            prop_assert_eq!(&embedded.text, &text);
            for (count, (at, c)) in text.char_indices().enumerate() {
                let start = 5 + 10 * count;
                prop_assert_eq!(embedded.place(at, at + c.len_utf8()), Span::new(start, start + 10));
            }
        }
    }
}
