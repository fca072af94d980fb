//! Where rules stand as people see them: with the comments that belong to them.
//!
//! A block is a rule with everything that would move if a person moved it:
//!
//! ```text
//! # Everything of Acme's.               separator: a blank line follows, so it is nobody's
//!
//! # the web shop                        ┐
//! [[rules.auto_tag]]                    │ block
//! match = { repo = "acme/shop" }        │
//! tags = ["acme"] # billed monthly      ┘
//!                                       separator
//! ```
//!
//! This reads tokens, not values, so that it works on files whose TOML is broken, and never takes
//! a `#` in a text for a comment.
//!
//! INVARIANT (blocks): blocks hold whole lines, do not overlap and come in the order of the rules,
//! where rules are `[[rules.auto_tag]]` tables.

use toml::de::{DeTable, DeValue};
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use crate::diag::{SourceFile, Span};

/// Where comments and rules of a file stand.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Layout {
    /// Every comment, from its `#` to the end of the line, in the order of the file.
    pub comments: Vec<Span>,
    /// The block of every rule; see the head of this module.
    pub blocks: Vec<Span>,
}

/// What a line begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Blank,
    Comment,
    /// A table that is no part of the rule above it.
    Table,
    /// Anything else, the further lines of a value included.
    Content,
}

struct Line {
    kind: Kind,
    span: Span,
}

/// The layout of a file whose rules begin at `headers`. One pass over the text.
#[must_use]
pub fn layout(file: &SourceFile, headers: &[Span]) -> Layout {
    let (lines, comments) = lines(file.text());
    let at = |byte: usize| lines.partition_point(|line| line.span.end <= byte);
    let firsts: Vec<usize> = headers
        .iter()
        .map(|header| {
            let mut first = at(header.start);
            while first > 0 && lines.get(first - 1).is_some_and(|it| it.kind == Kind::Comment) {
                first -= 1;
            }
            first
        })
        .collect();
    let mut blocks = Vec::new();
    for (place, (first, header)) in firsts.iter().zip(headers).enumerate() {
        let begin = at(header.start);
        let limit = firsts.get(place + 1).copied().unwrap_or(lines.len()).max(begin + 1);
        let mut end = begin + 1;
        let mut touching = true;
        for (line, number) in lines.iter().zip(0..).take(limit).skip(begin + 1) {
            match line.kind {
                Kind::Table => break,
                Kind::Content => {
                    (end, touching) = (number + 1, true);
                }
                Kind::Comment if touching => end = number + 1,
                Kind::Comment | Kind::Blank => touching = false,
            }
        }
        // Comments right above the next table are that table's.
        if lines.get(end).is_some_and(|line| line.kind == Kind::Table) {
            let is_comment =
                |end: usize| lines.get(end - 1).is_some_and(|it| it.kind == Kind::Comment);
            while end > begin + 1 && is_comment(end) {
                end -= 1;
            }
        }
        let byte = |line: usize| lines.get(line).map_or(file.text().len(), |it| it.span.start);
        blocks.push(Span::new(byte(*first), byte(end)));
    }
    Layout { comments, blocks }
}

/// The lines of a text, each to the start of the next, and its comments.
fn lines(text: &str) -> (Vec<Line>, Vec<Span>) {
    let (mut lines, mut comments) = (Vec::new(), Vec::new());
    let (mut start, mut kind, mut depth) = (0, None, 0_usize);
    let mut tokens = Source::new(text).lex().peekable();
    while let Some(token) = tokens.next() {
        let span = Span::new(token.span().start(), token.span().end());
        let first = kind.is_none();
        match token.kind() {
            TokenKind::Whitespace | TokenKind::Eof => {}
            TokenKind::Newline => {
                lines.push(Line {
                    kind: kind.take().unwrap_or(Kind::Blank),
                    span: Span::new(start, span.end),
                });
                start = span.end;
            }
            TokenKind::Comment => {
                comments.push(span);
                if first {
                    // Within a list, a comment is part of the value.
                    kind = Some(if depth == 0 { Kind::Comment } else { Kind::Content });
                }
            }
            TokenKind::LeftSquareBracket if first && depth == 0 => {
                // A header is all there is in its line; its brackets are nobody's depth.
                let line = text.get(span.start..).and_then(|it| it.lines().next());
                let own = line.is_some_and(is_part_of_rule);
                kind = Some(if own { Kind::Content } else { Kind::Table });
                while let Some(next) = tokens.next_if(|it| {
                    !matches!(it.kind(), TokenKind::Newline | TokenKind::Comment | TokenKind::Eof)
                }) {
                    let _ = next;
                }
            }
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                depth += 1;
                kind = kind.or(Some(Kind::Content));
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                depth = depth.saturating_sub(1);
                kind = kind.or(Some(Kind::Content));
            }
            TokenKind::Dot
            | TokenKind::Equals
            | TokenKind::Comma
            | TokenKind::LiteralString
            | TokenKind::BasicString
            | TokenKind::MlLiteralString
            | TokenKind::MlBasicString
            | TokenKind::Atom => kind = kind.or(Some(Kind::Content)),
        }
    }
    if start < text.len() {
        let span = Span::new(start, text.len());
        lines.push(Line { kind: kind.unwrap_or(Kind::Blank), span });
    }
    (lines, comments)
}

/// Whether a header such as `[rules.auto_tag.match]` continues the rule above it. However its keys
/// are quoted, it is a document of its own.
fn is_part_of_rule(line: &str) -> bool {
    fn inner<'t, 'd>(table: &'t DeTable<'d>, key: &str) -> Option<&'t DeTable<'d>> {
        match table.get(key)?.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => None,
        }
    }
    if line.starts_with("[[") {
        return false;
    }
    let (document, _) = DeTable::parse_recoverable(line);
    let rules = inner(document.get_ref(), "rules");
    rules.and_then(|rules| inner(rules, "auto_tag")).is_some_and(|list| !list.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str) -> Vec<String> {
        let table = DeTable::parse(text).unwrap();
        let DeValue::Table(rules) = table.get_ref()["rules"].get_ref() else { panic!() };
        let DeValue::Array(rules) = rules["auto_tag"].get_ref() else { panic!() };
        let headers: Vec<_> = rules.iter().map(|it| Span::from(it.span())).collect();
        let file = SourceFile::new("f", text);
        let blocks = layout(&file, &headers).blocks;
        blocks.iter().map(|span| file.slice(*span).to_owned()).collect()
    }

    #[test]
    fn comments_move_with_their_rules() {
        let first = "# the shop\n[[rules.auto_tag]]\nmatch = { repo = 'a#b' } # c\n\ntags = [\n\
                     # in\n\n'x', # y\n]\n# tail\n";
        let second =
            "[[rules.auto_tag]]\ntags=['x']\n[rules.auto_tag.match]\nrepo = '''\n\n[x]'''\n";
        let text = format!("# all\n\n{first}\n# nobody's\n\n{second}\n# of push\n[push]\nx = 1\n");
        assert_eq!(blocks(&text), [first, second]);
    }

    #[test]
    fn neighbours_without_blank_lines() {
        let (a, b) =
            ("[[rules.auto_tag]]\r\ntags=['a']\r\n", "# b\r\n[[rules.auto_tag]]\r\ntags=['b']");
        assert_eq!(blocks(&format!("{a}{b}")), [a, b]);
        let text = format!("{a}# of push\r\n[push]\r\n");
        assert_eq!(blocks(&text), [a]);
    }

    #[test]
    fn headers_are_read_as_toml_reads_them() {
        for own in ["[rules.auto_tag.match]", "[ 'rules' . \"auto_\\u0074ag\" . match ] # x"] {
            assert!(is_part_of_rule(own), "{own}");
        }
        for other in ["['rules.auto_tag.match']", "[rules]", "[[rules.auto_tag]]", "[push"] {
            assert!(!is_part_of_rule(other), "{other}");
        }
    }

    #[test]
    fn rules_in_a_list() {
        let text = "rules.auto_tag = [\n  { tags = ['a'] },\n  # b\n  { tags = ['b'] },\n]\n";
        assert_eq!(blocks(text).len(), 2);
        assert!(blocks(text)[1].starts_with("  { tags = ['b'] },\n"));
    }
}
