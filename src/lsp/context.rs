//! What stands at a place of a config, also while it is being typed.
//!
//! The parser gives up where a bracket or a quote is missing, and just there people want help. So
//! this walks the tokens before the place instead, and keeps of them only which keys are open:
//!
//! ```text
//! [[rules.auto_tag]]                  rules, auto_tag
//! match = { primary_cwd = "~/wo|      rules, auto_tag, match, primary_cwd: a value, of which
//!                                     '~/wo' is there
//! ```
//!
//! A header, and the key of a rule at the beginning of a line, end whatever was left open.

use toml_parser::Source;
use toml_parser::lexer::{Token, TokenKind};

use super::keys::RULE_KEYS;
use crate::diag::Span;

/// What stands at a place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Here {
    /// The keys that lead to it, from the top of the file: of a value its own, of a key not.
    pub(super) path: Vec<String>,
    pub(super) slot: Slot,
    /// The word there: for texts, what is between the quotes; empty between words.
    pub(super) word: Span,
}

/// What can stand at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Slot {
    /// A key.
    Key,
    /// A value, perhaps in quotes that are there.
    Value(Option<Quotes>),
    /// A comment; the word is all of it.
    Comment,
    /// The header of a table; the path is all of it.
    Header,
    /// Nothing but what separates values.
    #[default]
    Nothing,
}

/// Quotes of TOML.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Quotes {
    /// Whether a backslash escapes.
    pub(super) basic: bool,
    /// Whether there are three of them.
    pub(super) triple: bool,
}

impl Here {
    /// The path, to be matched on.
    pub(super) fn keys(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }
}

/// Whether the file has a table of rules, or begins to have one.
pub(super) fn has_rules(text: &str) -> bool {
    let mut walk = Walk::new(text, text.len());
    let mut found = false;
    while walk.step() {
        found |= walk.header.iter().chain(&walk.keys).next().is_some_and(|key| key == "rules");
        if found {
            return true;
        }
    }
    false
}

/// What stands at a byte of the text. Costs a look at every token before it.
pub(super) fn at(text: &str, byte: usize) -> Here {
    let mut walk = Walk::new(text, byte);
    while walk.here.is_none() && walk.step() {}
    walk.here.unwrap_or_default()
}

/// The texts that are values of these keys, without their quotes, but those over several lines.
pub(super) fn texts(text: &str, keys: &[&str]) -> Vec<Span> {
    let mut walk = Walk::new(text, usize::MAX);
    let mut texts = Vec::new();
    while walk.step() {
        if let Some(span) = walk.value.take()
            && walk.header.iter().chain(&walk.keys).eq(keys)
        {
            texts.push(span);
        }
    }
    texts
}

/// An open bracket.
struct Open {
    curly: bool,
    /// How many keys there were when it opened.
    keys: usize,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Key,
    Value,
    /// A comma, a bracket or the end of the line.
    End,
}

struct Walk<'t> {
    text: &'t str,
    tokens: std::iter::Peekable<toml_parser::lexer::Lexer<'t>>,
    /// The place that is asked about.
    byte: usize,
    header: Vec<String>,
    /// The keys since the header.
    keys: Vec<String>,
    open: Vec<Open>,
    awaited: Awaited,
    line_begins: bool,
    here: Option<Here>,
    /// The text that was taken last, if it is a value.
    value: Option<Span>,
}

impl<'t> Walk<'t> {
    fn new(text: &'t str, byte: usize) -> Self {
        Self {
            text,
            tokens: Source::new(text).lex().peekable(),
            byte,
            header: Vec::new(),
            keys: Vec::new(),
            open: Vec::new(),
            awaited: Awaited::Key,
            line_begins: true,
            here: None,
            value: None,
        }
    }

    fn raw(&self, token: &Token) -> &'t str {
        self.text.get(token.span().start()..token.span().end()).unwrap_or_default()
    }

    /// Takes a token; false after the last.
    fn step(&mut self) -> bool {
        let Some(token) = self.tokens.next() else { return false };
        let (start, end) = (token.span().start(), token.span().end());
        // A word goes on at its end, and is not begun before what touches it.
        let touched = match token.kind() {
            TokenKind::Atom | TokenKind::Comment => start <= self.byte && self.byte <= end,
            TokenKind::BasicString
            | TokenKind::LiteralString
            | TokenKind::MlBasicString
            | TokenKind::MlLiteralString => {
                let open = !is_closed(self.raw(&token));
                start <= self.byte && (self.byte < end || open && self.byte == end)
            }
            TokenKind::Eof => true,
            _ => self.byte < end,
        };
        if token.kind() == TokenKind::LeftSquareBracket
            && self.line_begins
            && (self.open.is_empty() || self.is_header(end))
        {
            self.read_header(end);
            return true;
        }
        if self.line_begins && token.kind() == TokenKind::Atom {
            self.close_what_was_forgotten(&token);
        }
        match token.kind() {
            TokenKind::Whitespace => {
                if touched {
                    self.between();
                }
                return true;
            }
            TokenKind::Newline => {
                if touched {
                    self.between();
                }
                self.line_begins = true;
                if self.open.is_empty() {
                    self.keys.clear();
                    self.awaited = Awaited::Key;
                }
                return true;
            }
            TokenKind::Eof => {
                self.between();
                return false;
            }
            TokenKind::Comment => {
                if touched && start < self.byte {
                    self.found(Slot::Comment, Span::new(start, end));
                } else if touched {
                    self.between();
                }
            }
            TokenKind::Atom
            | TokenKind::BasicString
            | TokenKind::LiteralString
            | TokenKind::MlBasicString
            | TokenKind::MlLiteralString => self.scalar(&token, touched),
            kind => {
                if touched {
                    self.between();
                }
                self.punctuation(kind);
            }
        }
        self.line_begins = false;
        true
    }

    /// Answers with a place between words.
    fn between(&mut self) {
        let slot = match self.awaited {
            Awaited::Key => Slot::Key,
            Awaited::Value => Slot::Value(None),
            Awaited::End => Slot::Nothing,
        };
        self.found(slot, Span::new(self.byte, self.byte));
    }

    fn found(&mut self, slot: Slot, word: Span) {
        if self.here.is_none() {
            let path = self.header.iter().chain(&self.keys).cloned().collect();
            self.here = Some(Here { path, slot, word });
        }
    }

    fn scalar(&mut self, token: &Token, touched: bool) {
        let raw = self.raw(token);
        let quotes = quotes(token.kind());
        if touched {
            let word = match quotes {
                Some(quotes) => self.inside(token, quotes),
                None => Span::new(token.span().start(), token.span().end()),
            };
            let slot = match self.awaited {
                Awaited::Key => Slot::Key,
                Awaited::Value | Awaited::End => Slot::Value(quotes),
            };
            // Before its quotes nothing of a text is there yet.
            if self.byte < word.start { self.between() } else { self.found(slot, word) }
        }
        match self.awaited {
            Awaited::Key => {
                let bare = raw.trim_matches(['"', '\'']);
                self.keys.push(bare.to_owned());
            }
            Awaited::Value | Awaited::End => {
                let (start, end) = (token.span().start(), token.span().end());
                let single = quotes.is_some_and(|quotes| !quotes.triple);
                self.value =
                    single.then(|| Span::new(start + 1, end.saturating_sub(1).max(start + 1)));
                self.awaited = Awaited::End;
            }
        }
    }

    /// The part of a text that is to be replaced by another: what is between its quotes, up to the
    /// place if the second quotes are probably those of another text.
    fn inside(&self, token: &Token, quotes: Quotes) -> Span {
        let raw = self.raw(token);
        let length = if quotes.triple { 3 } else { 1 };
        let (start, end) = (token.span().start() + length, token.span().end());
        let closed = is_closed(raw);
        let inner = Span::new(start, if closed { end - length } else { end });
        let rest = self.text.get(self.byte..inner.end).unwrap_or_default();
        let foreign = !quotes.triple && rest.contains(['=', ',', '}', ']', '{', '[']);
        let end = if closed && !foreign || quotes.triple { inner.end } else { self.byte };
        Span::new(start, end.max(start))
    }

    fn punctuation(&mut self, kind: TokenKind) {
        match kind {
            TokenKind::Equals => self.awaited = Awaited::Value,
            TokenKind::LeftCurlyBracket | TokenKind::LeftSquareBracket => {
                let curly = kind == TokenKind::LeftCurlyBracket;
                self.open.push(Open { curly, keys: self.keys.len() });
                self.awaited = if curly { Awaited::Key } else { Awaited::Value };
            }
            TokenKind::RightCurlyBracket | TokenKind::RightSquareBracket => {
                if let Some(open) = self.open.pop() {
                    self.keys.truncate(open.keys);
                }
                self.awaited = Awaited::End;
            }
            TokenKind::Comma => {
                if let Some(Open { curly, keys }) = self.open.last() {
                    let awaited = if *curly { Awaited::Key } else { Awaited::Value };
                    self.keys.truncate(*keys);
                    self.awaited = awaited;
                }
            }
            // A dot goes on with the key.
            _ => {}
        }
    }

    /// Whether the rest of this line, from a byte on, can only be that of a header.
    fn is_header(&self, from: usize) -> bool {
        let rest = self.text.get(from..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let bare = rest.split('#').next().unwrap_or_default().trim().trim_start_matches('[');
        bare.ends_with(']') && bare.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    }

    fn read_header(&mut self, start: usize) {
        self.header.clear();
        self.keys.clear();
        self.open.clear();
        let ends = |token: &Token| {
            matches!(token.kind(), TokenKind::Newline | TokenKind::Comment | TokenKind::Eof)
        };
        let mut end = start;
        while let Some(token) = self.tokens.next_if(|token| !ends(token)) {
            end = token.span().end();
            if !matches!(
                token.kind(),
                TokenKind::LeftSquareBracket
                    | TokenKind::RightSquareBracket
                    | TokenKind::Dot
                    | TokenKind::Whitespace
            ) {
                let raw = self.raw(&token).trim_matches(['"', '\'']);
                self.header.push(raw.to_owned());
            }
        }
        if start.saturating_sub(1) <= self.byte && self.byte <= end {
            self.found(Slot::Header, Span::new(start, end));
        }
        self.line_begins = false;
        self.awaited = Awaited::End;
    }

    /// Where a rule's key begins a line that an open bracket leaves it no place in, the bracket was
    /// forgotten.
    fn close_what_was_forgotten(&mut self, token: &Token) {
        let Some(open) = self.open.last() else { return };
        // The table in braces of a rule that has no key yet has a place for it.
        let has_place = open.curly && open.keys == 0;
        let rest = self.text.get(token.span().end()..).unwrap_or_default();
        let is_key = RULE_KEYS.iter().any(|(key, _)| *key == self.raw(token))
            && rest.trim_start().starts_with('=');
        if is_key && !has_place && self.header == ["rules", "auto_tag"] {
            self.open.clear();
            self.keys.clear();
            self.awaited = Awaited::Key;
        }
    }
}

/// Whether a text has its second quotes.
fn is_closed(raw: &str) -> bool {
    let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| raw.starts_with(quotes));
    quotes.is_some_and(|it| raw.len() >= 2 * it.len() && raw.ends_with(it))
}

const fn quotes(kind: TokenKind) -> Option<Quotes> {
    match kind {
        TokenKind::BasicString => Some(Quotes { basic: true, triple: false }),
        TokenKind::LiteralString => Some(Quotes { basic: false, triple: false }),
        TokenKind::MlBasicString => Some(Quotes { basic: true, triple: true }),
        TokenKind::MlLiteralString => Some(Quotes { basic: false, triple: true }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place of `|`: path, slot and word.
    fn here(text: &str) -> (String, Slot, String) {
        let byte = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let Here { path, slot, word } = at(&text, byte);
        (path.join("."), slot, text[word.start..word.end].to_owned())
    }

    fn is(text: &str, path: &str, slot: Slot, word: &str) {
        assert_eq!(here(text), (path.to_owned(), slot, word.to_owned()), "{text}");
    }

    const BASIC: Slot = Slot::Value(Some(Quotes { basic: true, triple: false }));
    const LITERAL: Slot = Slot::Value(Some(Quotes { basic: false, triple: false }));

    #[test]
    fn sound_files() {
        let rule = "[[rules.auto_tag]]\n";
        let of = |rest: &str| format!("{rule}{rest}");
        is(&of("na|me = 'x'"), "rules.auto_tag", Slot::Key, "name");
        is(&of("tags = ['x']\n|\n"), "rules.auto_tag", Slot::Key, "");
        is(&of("match = { ag|ent = 'x' }"), "rules.auto_tag.match", Slot::Key, "agent");
        is(&of("match = { agent = 'x', |}"), "rules.auto_tag.match", Slot::Key, "");
        is(&of("match = { agent = |}"), "rules.auto_tag.match.agent", Slot::Value(None), "");
        is(&of("match = { agent = ['x', 'y|z'] }"), "rules.auto_tag.match.agent", LITERAL, "yz");
        is(&of("match.ag|"), "rules.auto_tag.match", Slot::Key, "ag");
        is(&of("match.agent = \"|\""), "rules.auto_tag.match.agent", BASIC, "");
        is(&of("[rules.auto_tag.match]\n|"), "rules.auto_tag.match", Slot::Key, "");
        is(&of("tags = [\n  'a', # b|\n"), "rules.auto_tag.tags", Slot::Comment, "# b");
        is(&of("match = { agent = 'x' }|"), "rules.auto_tag.match", Slot::Nothing, "");
        is("[[rules.au|to_tag]]", "rules.auto_tag", Slot::Header, "[rules.auto_tag]]");
        is("[rules]\nlints = { overlap = '|' }", "rules.lints.overlap", LITERAL, "");
        is("rules.auto_tag = [\n { tags = ['|'] }]", "rules.auto_tag.tags", LITERAL, "");
        is("rules.auto_tag = [\n {\ntags = ['|'] }]", "rules.auto_tag.tags", LITERAL, "");
        let triple = Slot::Value(Some(Quotes { basic: false, triple: true }));
        is(&of("when = '''\nhas |\n'''"), "rules.auto_tag.when", triple, "\nhas \n");
    }

    #[test]
    fn broken_files() {
        let rule = "[[rules.auto_tag]]\n";
        let of = |rest: &str| format!("{rule}{rest}");
        is(&of("match = { agent = \"co|"), "rules.auto_tag.match.agent", BASIC, "co");
        is(
            &of("match = { agent = \"co| }\ntags = ['x']"),
            "rules.auto_tag.match.agent",
            BASIC,
            "co",
        );
        is(&of("match = { agent = \"|, repo = \"x\" }"), "rules.auto_tag.match.agent", BASIC, "");
        is(&of("match = { agent = 'x'\ntags = ['|'"), "rules.auto_tag.tags", LITERAL, "");
        is(&of("tags = ['x'\n[[rules.auto_tag]]\n|"), "rules.auto_tag", Slot::Key, "");
        is(&of("tags = ['x'\n['y']\n, '|'"), "rules.auto_tag.tags", LITERAL, "");
        is(&of("tags = \n|"), "rules.auto_tag", Slot::Key, "");
        is(&of("x = = 1\n[rules]\nhomes = [|"), "rules.homes", Slot::Value(None), "");
        is("[[rules.|", "rules", Slot::Header, "[rules.");
        is("|", "", Slot::Key, "");
        is("]]}}]|", "", Slot::Nothing, "");
    }

    #[test]
    fn whose_file_it_is() {
        for ours in
            ["[rules]", "[[rules.auto_tag]]", "rules.homes = []", "x = 1\n[ 'rules' . x", "rules"]
        {
            assert!(has_rules(ours), "{ours}");
        }
        for other in [
            "",
            "[package]\nrules = 1",
            "# [rules]",
            "x = '''\n[rules]\n'''",
            "x = [\n 'rules',\n]",
        ] {
            assert!(!has_rules(other), "{other}");
        }
    }
}
