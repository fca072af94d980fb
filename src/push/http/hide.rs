//! Hides tokens in what a service said, in whatever form it gives them back.
//!
//! A page or a proxy writes them otherwise than they were sent: `=` as `%3D`, `&#61;` or `\u003d`,
//! and one inside the other. So the text is decoded layer by layer, each letter knowing where it
//! comes from, and what a token was read from in any layer is cut out of the text itself.

use crate::push::settings::Secret;

/// Forms inside forms are looked into so deep.
const DEPTH: usize = 4;
const HIDDEN: &str = "(hidden)";

/// HTML's names of what tokens are made of, and of what its own forms are.
const NAMES: [(&str, char); 9] = [
    ("amp", '&'),
    ("sol", '/'),
    ("bsol", '\\'),
    ("plus", '+'),
    ("equals", '='),
    ("lowbar", '_'),
    ("hyphen", '-'),
    ("percnt", '%'),
    ("num", '#'),
];

/// A letter of a layer, and which letters of the text it was read from.
#[derive(Clone, Copy)]
struct Letter {
    is: char,
    from: usize,
    to: usize,
}

/// What is to be hidden.
#[derive(Default)]
pub(super) struct Hidden(Vec<Vec<char>>);

impl Hidden {
    pub(super) fn add(&mut self, secret: &Secret) {
        // The padding of base64 is often left out.
        let secret: Vec<char> = secret.expose().trim_end_matches('=').chars().map(plain).collect();
        if !secret.is_empty() {
            self.0.push(secret);
        }
    }

    /// `text` without what is to be hidden.
    pub(super) fn hide(&self, text: &str) -> String {
        let letter = |(at, is)| Letter { is, from: at, to: at + 1 };
        let mut layer: Vec<Letter> = text.chars().enumerate().map(letter).collect();
        let mut is_hidden = vec![false; layer.len()];
        for _ in 0..=DEPTH {
            for secret in &self.0 {
                for (from, to) in found(&layer, secret) {
                    is_hidden.iter_mut().take(to).skip(from).for_each(|it| *it = true);
                }
            }
            let decoded = decode(&layer);
            if decoded.len() == layer.len() {
                break;
            }
            layer = decoded;
        }
        let mut out = String::with_capacity(text.len());
        let mut before = false;
        for (is, hidden) in text.chars().zip(is_hidden) {
            match (before, hidden) {
                (_, false) => out.push(is),
                (false, true) => out.push_str(HIDDEN),
                (true, true) => {}
            }
            before = hidden;
        }
        out
    }
}

/// A letter as it is compared: without case, and base64 whatever its alphabet. A `+` in a form is a
/// blank.
fn plain(letter: char) -> char {
    match letter {
        '-' | ' ' => '+',
        '_' => '/',
        other => other.to_ascii_lowercase(),
    }
}

/// Where in the text `secret` stands, its padding included.
fn found(layer: &[Letter], secret: &[char]) -> Vec<(usize, usize)> {
    let is_it =
        |part: &[Letter]| part.iter().zip(secret).all(|(it, wanted)| plain(it.is) == *wanted);
    let span = |(at, part): (usize, &[Letter])| {
        let after = layer.iter().skip(at + part.len());
        let padding = after.take_while(|it| it.is == '=').last();
        Some((part.first()?.from, padding.or(part.last())?.to))
    };
    let parts = layer.windows(secret.len()).enumerate();
    parts.filter(|(_, part)| is_it(part)).filter_map(span).collect()
}

/// The layer below: each encoded letter as what it stands for.
fn decode(layer: &[Letter]) -> Vec<Letter> {
    let mut out = Vec::with_capacity(layer.len());
    let mut rest = layer;
    while let Some(first) = rest.first() {
        let (is, length) = encoded(rest).unwrap_or((first.is, 1));
        let (taken, left) = rest.split_at(length.min(rest.len()));
        let to = taken.last().map_or(first.to, |it| it.to);
        out.push(Letter { is, from: first.from, to });
        rest = left;
    }
    out
}

/// The letter that an encoded one at the begin of `rest` stands for, and how long it is there.
fn encoded(rest: &[Letter]) -> Option<(char, usize)> {
    let is = |at: usize| rest.get(at).map(|it| it.is);
    match (is(0)?, is(1)?) {
        ('%', _) => Some((number(rest, 1, 2)?, 3)),
        ('\\', 'u') => Some((number(rest, 2, 4)?, 6)),
        ('\\', 'x') => Some((number(rest, 2, 2)?, 4)),
        ('\\', other) if other.is_ascii_punctuation() => Some((other, 2)),
        ('&', _) => {
            let word: String = rest.iter().skip(1).take(10).map(|it| it.is).collect();
            let (word, _) = word.split_once(';')?;
            let length = word.chars().count() + 2;
            Some((named(word)?, length))
        }
        _ => None,
    }
}

/// The letter with the number of `digits` hexadecimal digits from `at`.
fn number(rest: &[Letter], at: usize, digits: usize) -> Option<char> {
    let text: String = rest.get(at..at + digits)?.iter().map(|it| it.is).collect();
    char::from_u32(hexadecimal(&text)?)
}

fn hexadecimal(text: &str) -> Option<u32> {
    // No sign.
    let digits = text.bytes().all(|it| it.is_ascii_hexdigit());
    digits.then(|| u32::from_str_radix(text, 16).ok())?
}

/// The letter that HTML calls `&word;`.
fn named(word: &str) -> Option<char> {
    let Some(number) = word.strip_prefix('#') else {
        return NAMES.iter().find(|(name, _)| *name == word).map(|(_, is)| *is);
    };
    let number = match number.strip_prefix(['x', 'X']) {
        Some(digits) => hexadecimal(digits)?,
        None => number.parse().ok()?,
    };
    char::from_u32(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> String {
        let mut hidden = Hidden::default();
        hidden.add(&Secret::new("NmZj/Yz+kMTEtNDA4=="));
        hidden.add(&Secret::new(""));
        hidden.hide(text)
    }

    #[test]
    fn a_token_is_hidden_in_every_form() {
        for form in [
            "NmZj/Yz+kMTEtNDA4==",
            "NmZj/Yz+kMTEtNDA4",
            "nmzj/yz+kmtetnda4==",
            r"NmZj\/Yz+kMTEtNDA4==",
            r"NmZj\/Yz\u002bkMTEtNDA4\u003d\u003D",
            r"NmZj\x2FYz\x2bkMTEtNDA4\x3d\x3D",
            r"NmZj\\\/Yz\\u002bkMTEtNDA4==",
            "NmZj%2FYz%2BkMTEtNDA4%3D%3D",
            "NmZj%2fYz kMTEtNDA4%3d%3d",
            "NmZj%252FYz%252BkMTEtNDA4%253D%253D",
            "NmZj&#47;Yz&#43;kMTEtNDA4&#61;&#x3D;",
            "NmZj&sol;Yz&plus;kMTEtNDA4&equals;&equals;",
            "NmZj&amp;sol;Yz&amp;#x2b;kMTEtNDA4==",
            "NmZj_Yz-kMTEtNDA4",
            "%4e%6D%5A%6A%2F%59%7A%2B%6B%4D%54%45%74%4E%44%41%34%3D%3D",
        ] {
            let text = format!("ä {form}, and {form}.");
            assert_eq!(hidden(&text), "ä (hidden), and (hidden).", "{form}");
        }
    }

    #[test]
    fn all_else_stays_as_it_is() {
        for text in [
            "",
            "NmZj/Yz",
            "100% of it, 50%2",
            r"\u12 \x \",
            "A &amp; B &#; &#99999999999; &#xD800; &unknown; &",
            "%F0%9F%98%80 \u{1f600}",
            r"a%2Fb \/ &#61;",
        ] {
            assert_eq!(hidden(text), text);
        }
    }
}
