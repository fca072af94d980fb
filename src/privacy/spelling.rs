//! Spellings: one text may be written in many ways, and a name is to be found in all of them.
//!
//! A text is read as characters, each with the bytes of the source it comes from. Percent-encoding
//! can be taken off, and the rest be folded (decomposed, lower case), and still every find is a
//! place in the source.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// Percent-encoding is taken off so many times.
const LAYERS: usize = 3;

/// A character and where it comes from.
type Placed = (char, Range<usize>);

/// A text that was read in some way, and where each of its bytes comes from.
pub(super) struct Reading {
    /// The text.
    pub(super) text: String,
    map: Vec<Range<usize>>,
}

impl Reading {
    /// The readings of `source` as it stands, and where it has percent-encoding, without that.
    #[must_use]
    pub(super) fn all(source: &str) -> Vec<Self> {
        readings(source).into_iter().map(Self::of).collect()
    }

    /// The same, folded.
    #[must_use]
    pub(super) fn folded(source: &str) -> Vec<Self> {
        readings(source).iter().map(|chars| Self::of(folded(chars))).collect()
    }

    fn of(chars: Vec<Placed>) -> Self {
        let (mut text, mut map) = (String::with_capacity(chars.len()), Vec::new());
        for (c, place) in chars {
            text.push(c);
            map.extend((0..c.len_utf8()).map(|_| place.clone()));
        }
        Self { text, map }
    }

    /// The bytes of the source that the bytes `start..end`, not none, come from.
    #[must_use]
    pub(super) fn place(&self, start: usize, end: usize) -> Range<usize> {
        let first = self.map.get(start).map_or(0, |place| place.start);
        let last = end.checked_sub(1).and_then(|last| self.map.get(last));
        first..last.map_or(first, |place| place.end.max(first))
    }
}

/// `text` in the spelling in which texts are compared.
#[must_use]
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfd().flat_map(char::to_lowercase).collect()
}

/// `text` without percent-encoding.
#[must_use]
pub(super) fn decoded(text: &str) -> String {
    readings(text).pop().unwrap_or_default().into_iter().map(|(c, _)| c).collect()
}

fn readings(source: &str) -> Vec<Vec<Placed>> {
    let plain = source.char_indices().map(|(at, c)| (c, at..at + c.len_utf8())).collect();
    let mut readings: Vec<Vec<Placed>> = vec![plain];
    while readings.len() <= LAYERS
        && let Some(next) = readings.last().and_then(|last| without_percent(last))
    {
        readings.push(next);
    }
    readings
}

/// Runs of a character and the marks on it are decomposed together, so that the order of the marks
/// does not matter.
fn folded(chars: &[Placed]) -> Vec<Placed> {
    let mut out = Vec::with_capacity(chars.len());
    let is_mark = |c: char| !c.is_ascii() && canonical_combining_class(c) != 0;
    for run in chars.chunk_by(|_, (next, _)| is_mark(*next)) {
        let [(_, first), ..] = run else { continue };
        let place = first.start..run.last().map_or(first.end, |(_, last)| last.end);
        match run {
            [(c, _)] if c.is_ascii() => out.push((c.to_ascii_lowercase(), place)),
            _ => {
                let marked = run.iter().map(|(c, _)| *c).nfd().flat_map(char::to_lowercase);
                out.extend(marked.map(|c| (c, place.clone())));
            }
        }
    }
    out
}

/// The characters without a layer of percent-encoding; `None` where they have none.
fn without_percent(chars: &[Placed]) -> Option<Vec<Placed>> {
    let byte = |at: usize| match chars.get(at..at + 3) {
        Some([('%', first), (high, _), (low, last)]) => {
            let value = high.to_digit(16)? * 16 + low.to_digit(16)?;
            Some((u8::try_from(value).ok()?, first.start..last.end))
        }
        _ => None,
    };
    let (mut out, mut at, mut any) = (Vec::with_capacity(chars.len()), 0, false);
    while let Some(here) = chars.get(at) {
        let mut bytes = Vec::new();
        let mut places = Vec::new();
        while let Some((value, place)) = byte(at + 3 * bytes.len()) {
            bytes.push(value);
            places.push(place);
        }
        let text = bytes.utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default();
        if text.is_empty() {
            out.push(here.clone());
            at += 1;
            continue;
        }
        for (from, c) in text.char_indices() {
            let ends = places.get(from).zip(places.get(from + c.len_utf8() - 1));
            out.extend(ends.map(|(first, last)| (c, first.start..last.end)));
        }
        at += 3 * text.len();
        any = true;
    }
    any.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written in `source` where `name` is found in a folded reading.
    fn written<'s>(source: &'s str, name: &str) -> Option<&'s str> {
        let name = fold(name);
        Reading::folded(source).iter().find_map(|reading| {
            let at = reading.text.find(&name)?;
            source.get(reading.place(at, at + name.len()))
        })
    }

    #[test]
    fn a_name_is_found_however_it_is_spelt() {
        assert_eq!(written("in ACME now", "acme"), Some("ACME"));
        assert_eq!(written("das Cafe\u{301} hier", "café"), Some("Cafe\u{301}"));
        assert_eq!(written("das CAFÉ", "cafe\u{301}"), Some("CAFÉ"));
        assert_eq!(written("x?p=%2Fhome%2fu&y", "/home/u"), Some("%2Fhome%2fu"));
        assert_eq!(written("caf%C3%A9!", "café"), Some("caf%C3%A9"));
        assert_eq!(written("%252Fhome%252Fu", "/home/u"), Some("%252Fhome%252Fu"));
        assert_eq!(written("100% ac%me %zz %ff", "acme"), None);
        assert_eq!(decoded("a%20b%"), "a b%");
        assert_eq!(decoded("%2Fa%ff"), "/a%ff");
        assert_eq!(decoded("%2F%ff"), "/%ff");
        // Two marks in either order.
        assert_eq!(written("a\u{323}\u{302}b", "a\u{302}\u{323}b"), Some("a\u{323}\u{302}b"));
    }
}
