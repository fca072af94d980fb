//! What is awaited at a place of a `when` expression, also while it is being typed.
//!
//! The expression up to the place is read word by word; what it asks for next follows from the last
//! ones. Mistakes further up change nothing: `and`, `or` and parentheses begin anew.

use super::context::Quotes;
use crate::diag::Span;
use crate::rules::fields::Field;

/// What is awaited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Awaited {
    /// A condition.
    #[default]
    Operand,
    /// A field, after `has`.
    Field,
    /// An operator, after a field.
    Operator(Option<Field>),
    /// A value, after an operator.
    Value(Operand),
    /// `and` or `or`.
    Joint,
    /// Nothing: a comment is being written.
    Nothing,
}

/// What a value is compared with, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Operand {
    /// The field, if there is one of that name.
    pub(super) field: Option<Field>,
    /// Whether the value is a glob.
    pub(super) glob: bool,
    /// Whether it is one of a list.
    pub(super) listed: bool,
    /// The quote that it stands in, if there is one.
    pub(super) quote: Option<char>,
}

/// A place in an expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Cursor {
    pub(super) awaited: Awaited,
    /// The word there: of texts, what is between the quotes; empty between words.
    pub(super) word: Span,
}

/// What is awaited at a byte of the file, within the string at `inside` (without its quotes).
pub(super) fn at(text: &str, inside: Span, quotes: Quotes, byte: usize) -> Cursor {
    let raw = text.get(inside.start..inside.end).unwrap_or_default();
    let mut reader = Reader {
        chars: characters(raw, inside.start, quotes.basic),
        next: 0,
        end: inside.end,
        awaited: Awaited::Operand,
    };
    loop {
        if let Some(cursor) = reader.step(byte) {
            return cursor;
        }
    }
}

/// The characters of a string and where each is written.
fn characters(raw: &str, start: usize, basic: bool) -> Vec<(usize, char)> {
    let mut chars = raw.char_indices().map(|(at, c)| (start + at, c));
    let mut out = Vec::with_capacity(raw.len());
    while let Some((at, c)) = chars.next() {
        if c == '\\' && basic {
            // Of escapes, only those of quotes and backslashes matter here.
            let escaped = chars.next().map_or(' ', |(_, c)| c);
            out.push((at, if matches!(escaped, '"' | '\\') { escaped } else { ' ' }));
        } else {
            out.push((at, c));
        }
    }
    out
}

struct Reader {
    chars: Vec<(usize, char)>,
    next: usize,
    end: usize,
    awaited: Awaited,
}

impl Reader {
    fn char(&self, index: usize) -> Option<char> {
        self.chars.get(index).map(|(_, c)| *c)
    }

    /// Where a character is written; past the last, where the string ends.
    fn place(&self, index: usize) -> usize {
        self.chars.get(index).map_or(self.end, |(at, _)| *at)
    }

    /// The end of the run of characters from `start` on for which `member` holds.
    fn run(&self, start: usize, member: impl Fn(char) -> bool) -> usize {
        let rest = self.chars.get(start..).unwrap_or_default();
        start + rest.iter().take_while(|(_, c)| member(*c)).count()
    }

    /// Reads a word; what is awaited at `byte`, if it is there or before it.
    fn step(&mut self, byte: usize) -> Option<Cursor> {
        let start = self.next;
        let empty = |awaited| Some(Cursor { awaited, word: Span::new(byte, byte) });
        let Some(c) = self.char(start).filter(|_| self.place(start) <= byte) else {
            return empty(self.awaited);
        };
        if is_word(c) {
            self.next = self.run(start, is_word);
            let word = Span::new(self.place(start), self.place(self.next));
            if byte <= word.end {
                return Some(Cursor { awaited: self.awaited, word });
            }
            self.word(start);
            return None;
        }
        if byte <= self.place(start) {
            return empty(self.awaited);
        }
        match c {
            '"' | '\'' => return self.quoted(start, c, byte),
            '#' => {
                self.next = self.run(start, |c| c != '\n');
                if byte <= self.place(self.next) {
                    return empty(Awaited::Nothing);
                }
            }
            c if is_symbol(c) => {
                self.next = self.run(start, is_symbol);
                let end = self.next;
                let symbol = self.text(start, end);
                self.operator(symbol == "~");
            }
            _ => {
                self.next = start + 1;
                self.punctuation(c);
            }
        }
        None
    }

    fn text(&self, start: usize, end: usize) -> String {
        self.chars.get(start..end).unwrap_or_default().iter().map(|(_, c)| *c).collect()
    }

    fn word(&mut self, start: usize) {
        let word = self.text(start, self.next);
        self.awaited = match (word.as_str(), self.awaited) {
            ("and" | "or" | "not", _) => Awaited::Operand,
            ("true" | "false", _) => Awaited::Joint,
            ("has", _) => Awaited::Field,
            ("in", Awaited::Operator(_)) => return self.operator(true),
            (name, Awaited::Operand) => Awaited::Operator(Field::named(name)),
            (_, Awaited::Operator(field)) => Awaited::Operator(field),
            (_, Awaited::Field | Awaited::Value(_) | Awaited::Joint | Awaited::Nothing) => {
                Awaited::Joint
            }
        };
    }

    fn operator(&mut self, glob: bool) {
        let field = match self.awaited {
            Awaited::Operator(field) => field,
            _ => None,
        };
        self.awaited = Awaited::Value(Operand { field, glob, listed: false, quote: None });
    }

    fn punctuation(&mut self, c: char) {
        self.awaited = match (c, self.awaited) {
            ('(', _) => Awaited::Operand,
            (')', _) => Awaited::Joint,
            ('[', Awaited::Value(operand)) => Awaited::Value(Operand { listed: true, ..operand }),
            (']', _) => Awaited::Joint,
            (_, awaited) => awaited,
        };
    }

    fn quoted(&mut self, start: usize, quote: char, byte: usize) -> Option<Cursor> {
        let mut end = start + 1;
        while let Some(c) = self.char(end).filter(|c| *c != quote && *c != '\n') {
            end += if c == '\\' { 2 } else { 1 };
        }
        let closed = self.char(end) == Some(quote);
        let word = Span::new(self.place(start + 1), self.place(end));
        if byte <= word.end {
            let end = if closed { word.end } else { byte };
            let awaited = match self.awaited {
                Awaited::Value(it) => Awaited::Value(Operand { quote: Some(quote), ..it }),
                _ => Awaited::Nothing,
            };
            return Some(Cursor { awaited, word: Span::new(word.start, end.max(word.start)) });
        }
        self.next = end + usize::from(closed);
        // In a list, more may follow.
        if !matches!(self.awaited, Awaited::Value(Operand { listed: true, .. })) {
            self.awaited = Awaited::Joint;
        }
        None
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')
}

const fn is_symbol(c: char) -> bool {
    matches!(c, '=' | '!' | '<' | '>' | '~')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is awaited at `|`, and the word there.
    fn awaits(expression: &str, basic: bool) -> (Awaited, String) {
        let byte = expression.find('|').unwrap();
        let text = expression.replacen('|', "", 1);
        let quotes = Quotes { basic, triple: false };
        let Cursor { awaited, word } = at(&text, Span::new(0, text.len()), quotes, byte);
        (awaited, text[word.start..word.end].to_owned())
    }

    fn value(field: Field, glob: bool, listed: bool, quote: Option<char>) -> Awaited {
        Awaited::Value(Operand { field: Some(field), glob, listed, quote })
    }

    #[test]
    fn what_comes_next() {
        use Awaited::{Joint, Nothing, Operand};
        let is = |expression: &str, awaited: Awaited, word: &str| {
            assert_eq!(awaits(expression, false), (awaited, word.to_owned()), "{expression}");
        };
        is("|", Operand, "");
        is("ag|", Operand, "ag");
        is("ag|ent", Operand, "agent");
        is("agent |", Awaited::Operator(Some(Field::Agent)), "");
        is("agent i|", Awaited::Operator(Some(Field::Agent)), "i");
        is("nothing |", Awaited::Operator(None), "");
        is("agent ~ |", value(Field::Agent, true, false, None), "");
        is("agent ~ 'co|dex' or", value(Field::Agent, true, false, Some('\'')), "codex");
        is("agent == \"a b|", value(Field::Agent, false, false, Some('"')), "a b");
        is("agent in ['a', '|', 'b']", value(Field::Agent, true, true, Some('\'')), "");
        is("agent in ['a', |", value(Field::Agent, true, true, None), "");
        is("agent in ['a'] |", Joint, "");
        is("agent ~ 'a' an|", Joint, "an");
        is("agent ~ 'a' and |", Operand, "");
        is("agent ~ 'a' and not (|", Operand, "");
        is("has |", Awaited::Field, "");
        is("has repo |", Joint, "");
        is("duration >= |", value(Field::Duration, false, false, None), "");
        is("duration >= 15m |", Joint, "");
        is("has repo # an|d\n", Nothing, "");
        is("has repo # and\n |", Joint, "");
        is("x ! ] ) 'y' and z 'a|", Nothing, "a");
        is("== 'x' and a|", Operand, "a");
    }

    #[test]
    fn escaped_quotes_are_quotes() {
        let found = awaits(r#"agent == \"co|dex\" and"#, true);
        assert_eq!(found, (value(Field::Agent, false, false, Some('"')), "codex".to_owned()));
        assert_eq!(awaits(r#"agent == \"codex\" |"#, true).0, Awaited::Joint);
    }
}
