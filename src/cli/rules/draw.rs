//! What `--explain` and `tt rules which` draw: a condition as it is written, its verdict, and under
//! it the value with a mark where it leaves the pattern.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::cli::table::harmless;
use crate::diag::{SourceFile, Span};
use crate::rules::show::at_home;
use crate::rules::why::{Condition, Divergence, Expected, Found, Reason};

/// A condition is shown in at most so many characters.
const LONGEST: usize = 160;

/// Draws conditions of one file.
pub(super) struct Artist<'a> {
    pub(super) file: &'a SourceFile,
    pub(super) homes: &'a [String],
    /// Columns of the terminal.
    pub(super) width: usize,
}

impl Artist<'_> {
    /// A condition, and under it why it does not hold, if it does not.
    pub(super) fn condition(&self, condition: &Condition, indent: usize, out: &mut String) {
        let mark = if condition.node.holds { '✓' } else { '✗' };
        let written = one_line(self.file, condition.place);
        out.push_str(&format!("{:indent$}{mark} {written}\n", ""));
        if condition.node.holds {
            return;
        }
        let reasons = condition.node.reasons();
        if reasons.is_empty() {
            out.push_str(&format!("{:1$}never holds\n", "", indent + 4));
        }
        for reason in reasons {
            self.reason(reason, indent + 4, out);
        }
    }

    fn reason(&self, reason: &Reason, indent: usize, out: &mut String) {
        match &reason.found {
            Found::Differs(divergence) => self.divergence(divergence, indent, out),
            Found::Missing
            | Found::Present
            | Found::Passes(_)
            | Found::Only(_)
            | Found::Day(..)
            | Found::Number(..) => {
                let sentence = harmless(&reason.sentence(self.homes));
                out.push_str(&format!("{:indent$}{sentence}\n", ""));
            }
        }
    }

    /// The value, and below it a mark at the place where it leaves the pattern.
    fn divergence(&self, divergence: &Divergence, indent: usize, out: &mut String) {
        let (value, matched) = self.at_home(divergence);
        let (value, matched) = (harmless(&value), harmless(&matched));
        let room = self.width.saturating_sub(indent).max(20);
        let (shown, column) = window(&value, matched.chars().count(), room);
        let mut said = match &divergence.expected {
            Some(Expected::End) => "nothing more is expected".to_owned(),
            Some(expected) => harmless(&format!("{expected} is expected")),
            None => "no match goes on like this".to_owned(),
        };
        if divergence.of > 1 {
            said.push_str(&format!(" (this is the nearest of {})", divergence.of));
        }
        out.push_str(&format!("{:indent$}{shown}\n", ""));
        // Beside the mark, on the side where there is room.
        let left = said.width() + 1;
        if column + 1 + left > room && left <= column {
            out.push_str(&format!("{:1$}{said} ^\n", "", indent + column - left));
        } else {
            out.push_str(&format!("{:1$}^ {said}\n", "", indent + column));
        }
    }

    /// The value and the part of it that matches, both with `~` for a home or both without.
    fn at_home(&self, divergence: &Divergence) -> (String, String) {
        let (value, matched) = (&divergence.value, divergence.matched());
        let shown = (at_home(value, self.homes), at_home(matched, self.homes));
        let both = (shown.0 == *value) == (shown.1 == matched) && shown.0.starts_with(&shown.1);
        if both { shown } else { (value.clone(), matched.to_owned()) }
    }
}

/// A part of `text` in at most `room` columns that shows the character at `place`, and the column
/// of that character.
fn window(text: &str, place: usize, room: usize) -> (String, usize) {
    let chars: Vec<char> = text.chars().collect();
    let width = |chars: &[char]| chars.iter().map(|c| c.width().unwrap_or(0)).sum::<usize>();
    let (mut start, mut end) = (0, chars.len());
    let slice = |start: usize, end: usize| chars.get(start..end).unwrap_or_default();
    // From the end, as far as some text after the place stays; then from the beginning.
    let kept_after = (place + room / 4).min(chars.len());
    while end > kept_after && width(slice(start, end)) + 1 > room {
        end -= 1;
    }
    while start < place && width(slice(start, end)) + 2 > room {
        start += 1;
    }
    let (before, after) =
        (if start > 0 { "…" } else { "" }, if end < chars.len() { "…" } else { "" });
    let column = before.width() + width(slice(start, place));
    let shown: String = slice(start, end).iter().collect();
    (format!("{before}{shown}{after}"), column)
}

/// What is written at a place, on one line and without comments.
pub(super) fn one_line(file: &SourceFile, place: Span) -> String {
    let written = file.slice(place);
    // A comment ends with its line, so that there is none without a second one.
    let has_comments = written.contains('\n');
    let (mut out, mut quote, mut comment) = (String::new(), None, false);
    let mut chars = written.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\n', _) if comment => comment = false,
            _ if comment => {}
            ('\\', Some(_)) => out.extend([Some(c), chars.next()].into_iter().flatten()),
            (c, Some(open)) if c == open => {
                quote = None;
                out.push(c);
            }
            (c, Some(_)) => out.push(c),
            ('"' | '\'', None) => {
                quote = Some(c);
                out.push(c);
            }
            ('#', None) if has_comments => comment = true,
            (c, None) if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            (c, None) => out.push(c),
        }
    }
    let line = harmless(out.trim());
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_stands_on_one_line() {
        let text = "when = '''has repo   # a \"b\n  or agent ~ \"a #  \\\" b\"'''";
        let file = SourceFile::new("f", text);
        let place = Span::new(10, text.len() - 3);
        assert_eq!(one_line(&file, place), "has repo or agent ~ \"a #  \\\" b\"");
        let long = SourceFile::new("f", "é".repeat(500));
        assert_eq!(one_line(&long, Span::new(0, 1000)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn a_window_keeps_the_place() {
        assert_eq!(window("abc", 1, 20), ("abc".to_owned(), 1));
        assert_eq!(window("日本語", 2, 20), ("日本語".to_owned(), 4));
        let text = format!("{}X{}", "a".repeat(200), "b".repeat(200));
        for place in [0, 5, 200, 395, 401] {
            let (shown, column) = window(&text, place, 40);
            assert!(shown.width() <= 40, "{shown}");
            let at = shown.chars().nth(column);
            assert_eq!(at, text.chars().nth(place), "{shown} {column}");
        }
    }
}
