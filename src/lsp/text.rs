//! The text of an open document, and positions in it as the protocol counts them.
//!
//! A position is a line and a character, both from 0, where characters are bytes, UTF-16 units or
//! Unicode scalar values, as server and client agreed. Lines end at `\n`, `\r\n` or `\r`.
//!
//! INVARIANT (total positions): every position means a place between two characters of the text,
//! that nearest before it; so no edit can cut a character or lie outside.

use lsp_types::{Position, PositionEncodingKind, Range};

use crate::diag::Span;

/// What a position counts within a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 units: what every client knows.
    #[default]
    Utf16,
    /// Unicode scalar values.
    Utf32,
}

impl Encoding {
    /// The first of a client's that is known here.
    #[must_use]
    pub fn negotiated<'k>(offered: impl IntoIterator<Item = &'k str>) -> Self {
        let known = [Self::Utf8, Self::Utf16, Self::Utf32];
        let find = |name: &str| known.into_iter().find(|it| it.kind().as_str() == name);
        offered.into_iter().find_map(find).unwrap_or_default()
    }

    /// Its name in the protocol.
    #[must_use]
    pub const fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
            Self::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    const fn width(self, c: char) -> usize {
        match self {
            Self::Utf8 => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
            Self::Utf32 => 1,
        }
    }
}

/// A text that a client edits.
#[derive(Clone, Debug)]
pub struct Text {
    text: String,
    /// Where each line begins.
    starts: Vec<usize>,
    encoding: Encoding,
}

impl Text {
    /// A text whose positions are counted so. Costs one pass.
    #[must_use]
    pub fn new(text: String, encoding: Encoding) -> Self {
        let starts = starts(&text);
        Self { text, starts, encoding }
    }

    /// All of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Replaces what is between two positions, in whatever order they come. Costs one pass.
    pub fn edit(&mut self, range: Range, replacement: &str) {
        let span = self.span(range);
        self.text.replace_range(span.start..span.end, replacement);
        self.starts = starts(&self.text);
    }

    /// The byte at a position.
    #[must_use]
    pub fn offset(&self, position: Position) -> usize {
        let line = position.line as usize;
        let Some(start) = self.starts.get(line).copied() else { return self.text.len() };
        let mut left = position.character as usize;
        let mut at = start;
        for c in self.line(line).chars() {
            let width = self.encoding.width(c);
            if width > left {
                break;
            }
            left -= width;
            at += c.len_utf8();
        }
        at
    }

    /// The position of a byte; of one within a character, that of the character.
    #[must_use]
    pub fn position(&self, byte: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= byte).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or_default();
        let chars = self.line(line).char_indices();
        let before = chars.take_while(|(at, c)| start + at + c.len_utf8() <= byte);
        let character = before.map(|(_, c)| self.encoding.width(c)).sum();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position { line: number(line), character: number(character) }
    }

    /// The range of some bytes.
    #[must_use]
    pub fn range(&self, span: Span) -> Range {
        Range { start: self.position(span.start), end: self.position(span.end) }
    }

    /// The bytes of a range.
    #[must_use]
    pub fn span(&self, range: Range) -> Span {
        let (start, end) = (self.offset(range.start), self.offset(range.end));
        Span::new(start.min(end), start.max(end))
    }

    /// A line without what ends it.
    fn line(&self, line: usize) -> &str {
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        let whole = self.text.get(start..end).unwrap_or_default();
        whole.trim_end_matches(['\r', '\n'])
    }
}

fn starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends_line = |at: usize| match bytes.get(at) {
        Some(b'\n') => true,
        Some(b'\r') => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    let ends = memchr::memchr2_iter(b'\n', b'\r', bytes).filter(|at| ends_line(*at));
    std::iter::once(0).chain(ends.map(|at| at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(line: u32, character: u32) -> Position {
        Position { line, character }
    }

    #[test]
    fn characters_are_what_was_agreed() {
        let text = "a😀ü\r\nb\rc\n";
        let byte = |encoding, position| Text::new(text.into(), encoding).offset(position);
        assert_eq!(byte(Encoding::Utf16, at(0, 4)), 7);
        assert_eq!(byte(Encoding::Utf8, at(0, 5)), 5);
        assert_eq!(byte(Encoding::Utf32, at(0, 3)), 7);
        // Within a character, and beyond lines and text.
        assert_eq!(byte(Encoding::Utf16, at(0, 2)), 1);
        assert_eq!(byte(Encoding::Utf8, at(0, 3)), 1);
        assert_eq!(byte(Encoding::Utf16, at(0, 99)), 7);
        assert_eq!(byte(Encoding::Utf16, at(2, 0)), 11);
        assert_eq!(byte(Encoding::Utf16, at(9, 0)), text.len());
        let text = Text::new(text.into(), Encoding::Utf16);
        assert_eq!(text.position(3), at(0, 1));
        assert_eq!(text.position(12), at(2, 1));
        assert_eq!(text.position(99), at(3, 0));
        assert_eq!(Encoding::negotiated(["utf-7", "utf-32", "utf-8"]), Encoding::Utf32);
        assert_eq!(Encoding::negotiated([]), Encoding::Utf16);
    }

    fn encoded(text: &str, encoding: Encoding) -> Vec<u32> {
        match encoding {
            Encoding::Utf8 => text.bytes().map(u32::from).collect(),
            Encoding::Utf16 => text.encode_utf16().map(u32::from).collect(),
            Encoding::Utf32 => text.chars().map(u32::from).collect(),
        }
    }

    proptest! {
        /// The definition of a position: so many lines, then so many units of the line.
        #[test]
        fn places_and_positions_agree(text in "[aü😀\r\n]{0,20}") {
            for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
                let it = Text::new(text.clone(), encoding);
                for (byte, _) in text.char_indices() {
                    let position = it.position(byte);
                    let before = &text[..byte];
                    // A line end of two characters has no place inside.
                    if before.ends_with('\r') && text[byte..].starts_with('\n') {
                        continue;
                    }
                    let unix = before.replace("\r\n", "\n").replace('\r', "\n");
                    let (lines, last) = unix.rsplit_once('\n').map_or((0, &*unix), |(head, last)| {
                        (head.matches('\n').count() + 1, last)
                    });
                    prop_assert_eq!(position.line as usize, lines);
                    prop_assert_eq!(position.character as usize, encoded(last, encoding).len());
                    prop_assert_eq!(it.offset(position), byte);
                }
            }
        }

        /// An editor that keeps its text as UTF-16 units, and sends ranges as it counts them.
        #[test]
        fn edits_are_those_of_the_client(
            text in "[aü😀\r\n]{0,12}",
            edits in proptest::collection::vec(("[bé🦀\r\n]{0,4}", any::<u16>(), any::<u16>()), 1..8),
        ) {
            let mut server = Text::new(text.clone(), Encoding::Utf16);
            let mut client: Vec<u16> = text.encode_utf16().collect();
            for (new, from, to) in edits {
                let mut ends = [from, to].map(|it| boundary(&client, usize::from(it)));
                ends.sort_unstable();
                let range = Range { start: seen(&client, ends[0]), end: seen(&client, ends[1]) };
                server.edit(range, &new);
                client.splice(ends[0]..ends[1], new.encode_utf16());
                prop_assert_eq!(server.as_str(), String::from_utf16(&client).unwrap());
            }
        }

        #[test]
        fn no_range_is_too_wild(text in "[aü😀\r\n]{0,9}", ends in any::<[u8; 4]>(), huge: bool) {
            let number = |n: u8| if huge && n > 200 { u32::MAX } else { u32::from(n % 5) };
            let [a, b, c, d] = ends.map(number);
            for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
                let mut it = Text::new(text.clone(), encoding);
                it.edit(Range { start: at(a, b), end: at(c, d) }, "x");
                prop_assert_eq!(it.as_str().matches('x').count(), 1);
            }
        }
    }

    /// A place between two characters, at or before `place`, and not between `\r` and `\n`.
    fn boundary(units: &[u16], place: usize) -> usize {
        let mut place = place % (units.len() + 1);
        let low = |at: usize| units.get(at).is_some_and(|unit| (0xdc00..0xe000).contains(unit));
        let within_end = |at: usize| at > 0 && units[at - 1..].starts_with(&[13, 10]);
        while low(place) || within_end(place) {
            place -= 1;
        }
        place
    }

    /// Line and character of a place, counted in UTF-16 units.
    fn seen(units: &[u16], place: usize) -> Position {
        let before = String::from_utf16(&units[..place]).unwrap();
        let lines: Vec<_> = before.split_inclusive(['\r', '\n']).collect();
        let is_end = |line: &str| line.ends_with(['\r', '\n']);
        // `\r\n` is one line end, and was split into two.
        let ends =
            lines.iter().filter(|line| is_end(line)).count() - before.matches("\r\n").count();
        let last =
            lines.last().filter(|line| !is_end(line)).map_or(0, |line| line.encode_utf16().count());
        at(u32::try_from(ends).unwrap(), u32::try_from(last).unwrap())
    }
}
