//! Spellings: one text may be written in many ways, and a name is to be found in all of them.
//!
//! A text is read as characters, each with the bytes of the source it comes from. What escapes some
//! of them (percent-encoding, HTML entities, backslashes, `+` for a blank) is taken off layer by
//! layer, detours of a path (`//`, `/./`, `/x/../`) are left out, and the rest is folded: decomposed
//! (compatibility forms too), without case, every blank a space, and without what is not seen. Still
//! every find is a place in the source.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// Escapes are taken off so many times.
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
    /// The readings of `source` as it stands, and where it has escapes, without those.
    #[must_use]
    pub(super) fn all(source: &str) -> Vec<Self> {
        readings(source).into_iter().map(Self::of).collect()
    }

    /// The same, folded, and where there are detours, without those.
    #[must_use]
    pub(super) fn folded(source: &str) -> Vec<Self> {
        let mut all: Vec<Vec<Placed>> = readings(source).iter().map(|it| folded(it)).collect();
        let straight: Vec<Vec<Placed>> = all.iter().filter_map(|it| straight(it)).collect();
        all.extend(straight);
        all.into_iter().map(Self::of).collect()
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
    folded(&placed(text)).into_iter().map(|(c, _)| c).collect()
}

/// `text` without percent-encoding.
#[must_use]
pub(super) fn decoded(text: &str) -> String {
    layers(placed(text), percent).pop().unwrap_or_default().into_iter().map(|(c, _)| c).collect()
}

fn placed(source: &str) -> Vec<Placed> {
    source.char_indices().map(|(at, c)| (c, at..at + c.len_utf8())).collect()
}

fn readings(source: &str) -> Vec<Vec<Placed>> {
    let plain = placed(source);
    // As forms are encoded.
    let blanks = source.contains('+').then(|| {
        let blank = |(c, place): &Placed| (if *c == '+' { ' ' } else { *c }, place.clone());
        plain.iter().map(blank).collect::<Vec<_>>()
    });
    let mut readings = layers(plain, escape);
    readings.extend(blanks.into_iter().flat_map(|blanks| layers(blanks, escape)));
    readings
}

/// The characters, and what they are without a layer of escapes, and without two, as far as they
/// have any.
fn layers(plain: Vec<Placed>, read: ReadEscape) -> Vec<Vec<Placed>> {
    let mut layers = vec![plain];
    while layers.len() <= LAYERS
        && let Some(next) = layers.last().and_then(|last| without_escapes(last, read))
    {
        layers.push(next);
    }
    layers
}

// --- folding -----------------------------------------------------------------------------------

/// Runs of a character and the marks on it are decomposed together, so that the order of the marks
/// does not matter.
fn folded(chars: &[Placed]) -> Vec<Placed> {
    let mut out = Vec::with_capacity(chars.len());
    let is_mark = |c: char| !c.is_ascii() && canonical_combining_class(c) != 0;
    for run in chars.chunk_by(|_, (next, _)| is_mark(*next)) {
        let [(_, first), ..] = run else { continue };
        let place = first.start..run.last().map_or(first.end, |(_, last)| last.end);
        match run {
            [(c, _)] if c.is_ascii() => out.push((ascii_folded(*c), place)),
            _ => {
                let marked = run.iter().map(|(c, _)| *c).nfkd().filter(|c| !is_unseen(*c));
                out.extend(marked.flat_map(caseless).map(|c| (c, place.clone())));
            }
        }
    }
    out
}

const fn ascii_folded(c: char) -> char {
    match c {
        '\t'..='\r' => ' ',
        c => c.to_ascii_lowercase(),
    }
}

/// A character without its case; `ß`, `ẞ` and `ss` become the same.
fn caseless(c: char) -> impl Iterator<Item = char> {
    let c = if c.is_whitespace() { ' ' } else { c };
    c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// What has no width and no meaning between letters: soft hyphens, joiners, marks of direction.
const fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The characters without detours of a path; `None` where they have none. The `//` behind a scheme
/// is none.
fn straight(chars: &[Placed]) -> Option<Vec<Placed>> {
    let mut out: Vec<Placed> = Vec::with_capacity(chars.len());
    let (mut slashes, mut any): (Vec<usize>, _) = (Vec::new(), false);
    for (at, (c, place)) in chars.iter().enumerate() {
        let last = slashes.last().copied().filter(|_| *c == '/');
        let component = last.and_then(|last| out.get(last + 1..)).unwrap_or(&[('x', 0..0)]);
        let is_detour = match component {
            [] => !is_of_scheme(chars, at),
            [('.', _)] => true,
            [('.', _), ('.', _)] => {
                slashes.truncate((slashes.len() - 1).max(1));
                true
            }
            _ => false,
        };
        if is_detour && let Some(slash) = slashes.last() {
            out.truncate(slash + 1);
            if let Some((_, slash)) = out.last_mut() {
                slash.end = place.end;
            }
            any = true;
            continue;
        }
        if *c == '/' {
            slashes.push(out.len());
        }
        out.push((*c, place.clone()));
    }
    any.then_some(out)
}

/// Whether the `/` at `at` is the second of `://`.
fn is_of_scheme(chars: &[Placed], at: usize) -> bool {
    let before = at.checked_sub(2).and_then(|from| chars.get(from..at));
    matches!(before, Some([(':', _), ('/', _)]))
}

// --- escapes -----------------------------------------------------------------------------------

/// Reads the escape that the characters begin with: what it stands for, and how many characters it
/// takes.
type ReadEscape = fn(&[Placed]) -> Option<(String, usize)>;

fn escape(chars: &[Placed]) -> Option<(String, usize)> {
    match chars.first()?.0 {
        '%' => percent(chars),
        '&' => entity(chars),
        '\\' => backslash(chars),
        _ => None,
    }
}

/// The characters without a layer of escapes; `None` where they have none.
fn without_escapes(chars: &[Placed], read: ReadEscape) -> Option<Vec<Placed>> {
    let (mut out, mut rest, mut any) = (Vec::with_capacity(chars.len()), chars, false);
    while let Some((here, behind)) = rest.split_first() {
        let Some((text, length)) = read(rest) else {
            out.push(here.clone());
            rest = behind;
            continue;
        };
        let (written, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        let end = written.last().map_or(here.1.end, |(_, last)| last.end);
        out.extend(text.chars().map(|c| (c, here.1.start..end)));
        (rest, any) = (behind, true);
    }
    any.then_some(out)
}

/// One character in percent-encoding, of one byte or several.
fn percent(chars: &[Placed]) -> Option<(String, usize)> {
    let byte = |at: usize| match chars.get(at..at + 3)? {
        [('%', _), (high, _), (low, _)] => {
            u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok()
        }
        _ => None,
    };
    let bytes: Vec<u8> = (0..4).map_while(|n| byte(3 * n)).collect();
    let c = bytes.utf8_chunks().next()?.valid().chars().next()?;
    Some((c.to_string(), 3 * c.len_utf8()))
}

/// `&amp;`, `&#246;`, `&#xf6;`, `&ouml;`.
fn entity(chars: &[Placed]) -> Option<(String, usize)> {
    /// More than any of ours has, with zeros in front.
    const LONGEST: usize = 12;
    const NAMED: [(&str, &str); 9] = [
        ("amp", "&"),
        ("lt", "<"),
        ("gt", ">"),
        ("quot", "\""),
        ("apos", "'"),
        ("nbsp", " "),
        ("shy", ""),
        ("sol", "/"),
        ("szlig", "ß"),
    ];
    const MARKED: [(&str, char); 7] = [
        ("uml", '\u{308}'),
        ("acute", '\u{301}'),
        ("grave", '\u{300}'),
        ("circ", '\u{302}'),
        ("tilde", '\u{303}'),
        ("ring", '\u{30a}'),
        ("cedil", '\u{327}'),
    ];
    let inner: String = chars.iter().skip(1).map(|(c, _)| *c).take(LONGEST).collect();
    let (name, _) = inner.split_once(';')?;
    let length = name.chars().count() + 2;
    let numbered = |text: &str| {
        let hex = text.strip_prefix(['x', 'X']).map(|hex| u32::from_str_radix(hex, 16));
        char::from_u32(hex.unwrap_or_else(|| text.parse()).ok()?)
    };
    let marked = || {
        let letter = name.chars().next().filter(char::is_ascii_alphabetic)?;
        let mark = MARKED.iter().find(|(mark, _)| name.get(1..) == Some(mark))?.1;
        Some([letter, mark].into_iter().nfc().collect())
    };
    let text = match name.strip_prefix('#') {
        Some(number) => numbered(number).map(String::from),
        None => match NAMED.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Some((*text).to_owned()),
            None => marked(),
        },
    };
    Some((text?, length))
}

/// `\ ` and `\/`, as shells and JSON write them, and `\u00f6`.
fn backslash(chars: &[Placed]) -> Option<(String, usize)> {
    let (escaped, _) = chars.get(1)?;
    if *escaped == 'u' {
        let digits: String = chars.get(2..6)?.iter().map(|(c, _)| *c).collect();
        let digits = digits.chars().all(|c| c.is_ascii_hexdigit()).then_some(digits)?;
        let c = char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?;
        return Some((c.to_string(), 6));
    }
    let is_sign = escaped.is_ascii_punctuation() || *escaped == ' ';
    is_sign.then(|| (escaped.to_string(), 2))
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
        assert_eq!(decoded("a&amp;b\\ c+d"), "a&amp;b\\ c+d");
        for source in [
            "GRÖSSE GEHEIM",
            "GRÖẞE geheim",
            "Größe\\ geheim",
            "Größe+geheim",
            "Gr%C3%B6%C3%9Fe+geheim",
            "Größe\u{a0}geheim",
            "Größe\tgeheim",
            "Grö\u{ad}ße ge\u{200b}heim",
            "Gr&ouml;&szlig;e&#32;geheim",
            "Größe &#x47;eheim",
            "Gr&amp;ouml;ße geheim",
            "Gr\\u00f6\\u00dfe geheim",
            "ＧRÖSSE geheim",
        ] {
            assert_eq!(written(&format!("in {source}, x"), "Größe geheim"), Some(source));
        }
        assert_eq!(written("R&amp;D", "r&d"), Some("R&amp;D"));
        assert_eq!(written("a+b", "a+b"), Some("a+b"));
        for none in ["&;", "&#x;", "&#x110000;", "&nix;", "\\", "\\u12", "\\ud800", "a&"] {
            assert_eq!(Reading::all(none).len(), 1, "{none}");
        }
        // Two marks in either order.
        assert_eq!(written("a\u{323}\u{302}b", "a\u{302}\u{323}b"), Some("a\u{323}\u{302}b"));
    }
    #[test]
    fn detours_of_a_path_are_left_out() {
        for source in ["/a/b c/d", "/a//b c/d", "/a/./b c/d", "/a/x y/../b c/d", "\\/a\\/b c\\/d"] {
            assert_eq!(written(&format!("in {source}."), "/a/b c/d"), Some(source));
        }
        assert_eq!(written("/a/x/y/../../b", "/a/b"), Some("/a/x/y/../../b"));
        assert_eq!(written("file:////a//b", "/a/b"), Some("///a//b"));
        assert_eq!(Reading::folded("https://a/b/.c/..d/").len(), 1);
    }
}
