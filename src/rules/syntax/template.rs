//! Tag templates: text with `<name>` where a capture is filled in.

use super::embedded::Text;
use crate::diag::Span;

/// A piece of a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Taken as it is.
    Text(String),
    /// Replaced by what was captured under the name, which stands at the place.
    Capture(String, Span),
}

/// Cuts a tag into pieces. A `<` that begins no `<name>` is text, as in globs.
#[must_use]
pub fn parse(text: &Text) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text.text.as_str();
    while let Some(c) = rest.chars().next() {
        let at = text.text.len() - rest.len();
        if let Some(name) = name_at(rest) {
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            let length = name.len() + 2;
            pieces.push(Piece::Capture(name.to_owned(), text.place(at, at + length)));
            rest = rest.get(length..).unwrap_or_default();
        } else {
            plain.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    pieces
}

/// The name, if `text` begins with `<name>`.
fn name_at(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('<')?.split_once('>')?;
    let mut chars = name.chars();
    let first = chars.next()?;
    let rest = chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    (first.is_ascii_lowercase() && rest).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_captures() {
        let source = "'a<b_1>-<C>< <d>'";
        let text = Text::new("a<b_1>-<C>< <d>", source, Span::new(0, source.len()));
        assert_eq!(
            parse(&text),
            [
                Piece::Text("a".into()),
                Piece::Capture("b_1".into(), Span::new(2, 7)),
                Piece::Text("-<C>< ".into()),
                Piece::Capture("d".into(), Span::new(13, 16)),
            ]
        );
    }
}
