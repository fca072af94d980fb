//! Globs: from text to a tree with places.
//!
//! `grammar/glob.pest` cuts the pattern into tokens; here they become a tree. The grammar accepts
//! every text, so each mistake is found, named and placed, and one does not hide the next.
//!
//! INVARIANT (depth): a tree is at most [`MAX_NESTING`] groups deep, so later stages may recurse
//! over it freely.

use std::collections::BTreeSet;

use pest::Parser as _;
use pest::iterators::Pair;

use super::embedded::Text;
use crate::diag::Span;
use grammar::{Grammar, Rule};

/// How deep groups may nest.
pub const MAX_NESTING: usize = 64;
/// How many characters a pattern may have, in NFC.
pub const MAX_LENGTH: usize = 8192;

mod grammar {
    #![allow(missing_docs, reason = "generated; the grammar file says what each rule is")]

    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/glob.pest"]
    pub(super) struct Grammar;
}

/// One piece of a pattern and where it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub span: Span,
}

/// What a piece of a pattern is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `~` in front.
    Home,
    /// This character.
    Literal(char),
    /// `?`
    Any,
    /// `*` or several of them.
    Star,
    /// `[…]`
    Class {
        /// Whether the members are those that do not match.
        negated: bool,
        /// What it lists.
        members: Vec<Member>,
    },
    /// `{…}`, one sequence per alternative.
    Group(Vec<Vec<Node>>),
    /// `<name>`
    Capture(String),
}

/// What a class may list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Member {
    /// The characters from one to another, both included; a single one is a range of one.
    Range(char, char),
    /// `[:name:]`
    Named(ClassName),
}

/// The POSIX classes, in ASCII.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClassName {
    /// Letters.
    Alpha,
    /// Decimal digits.
    Digit,
    /// Letters and digits.
    Alnum,
    /// Capital letters.
    Upper,
    /// Small letters.
    Lower,
    /// White space, line ends included.
    Space,
    /// Space and tab.
    Blank,
    /// Punctuation and symbols.
    Punct,
    /// Hexadecimal digits.
    Xdigit,
    /// Control characters.
    Cntrl,
    /// Visible characters.
    Graph,
    /// Visible characters and the space.
    Print,
}

/// Every class name as it is written.
pub const CLASS_NAMES: [(&str, ClassName); 12] = [
    ("alpha", ClassName::Alpha),
    ("digit", ClassName::Digit),
    ("alnum", ClassName::Alnum),
    ("upper", ClassName::Upper),
    ("lower", ClassName::Lower),
    ("space", ClassName::Space),
    ("blank", ClassName::Blank),
    ("punct", ClassName::Punct),
    ("xdigit", ClassName::Xdigit),
    ("cntrl", ClassName::Cntrl),
    ("graph", ClassName::Graph),
    ("print", ClassName::Print),
];

impl ClassName {
    /// The characters it stands for, as ranges with both ends included.
    #[must_use]
    pub const fn ranges(self) -> &'static [(char, char)] {
        match self {
            Self::Alpha => &[('A', 'Z'), ('a', 'z')],
            Self::Digit => &[('0', '9')],
            Self::Alnum => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
            Self::Upper => &[('A', 'Z')],
            Self::Lower => &[('a', 'z')],
            Self::Space => &[('\t', '\r'), (' ', ' ')],
            Self::Blank => &[('\t', '\t'), (' ', ' ')],
            Self::Punct => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
            Self::Xdigit => &[('0', '9'), ('A', 'F'), ('a', 'f')],
            Self::Cntrl => &[('\0', '\x1f'), ('\x7f', '\x7f')],
            Self::Graph => &[('!', '~')],
            Self::Print => &[(' ', '~')],
        }
    }
}

/// A mistake in a pattern and where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GlobError {
    /// What is wrong.
    pub kind: GlobErrorKind,
    /// Where it is.
    pub span: Span,
}

/// What may be wrong with a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GlobErrorKind {
    /// Nothing between the quotes.
    Empty,
    /// `[` without its `]`.
    UnclosedClass,
    /// `{` without its `}`.
    UnclosedGroup,
    /// A range whose end lies before its start.
    ReversedRange(char, char),
    /// `[:name:]` with a name that does not exist.
    UnknownClass(String),
    /// `[a-[:digit:]]`
    ClassAsRangeEnd,
    /// `\` as the last character.
    DanglingEscape,
    /// More than [`MAX_NESTING`] groups in each other.
    TooDeep,
    /// More than [`MAX_LENGTH`] characters.
    TooLong,
}

/// What is left of a pattern that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Its mistakes, in the order of their places; never empty.
    pub errors: Vec<GlobError>,
    /// The names it captures as far as it was read; `None` where part of it was not.
    pub captures: Option<Vec<String>>,
}

/// Reads a pattern.
///
/// # Errors
///
/// All mistakes of the pattern.
pub fn parse(pattern: &Text) -> Result<Vec<Node>, Broken> {
    let pattern = pattern.nfc();
    let whole =
        |kind| Err(Broken { errors: vec![GlobError { kind, span: pattern.span }], captures: None });
    if pattern.text.is_empty() {
        return whole(GlobErrorKind::Empty);
    }
    if pattern.text.chars().count() > MAX_LENGTH {
        return whole(GlobErrorKind::TooLong);
    }
    let mut builder = Builder::new(&pattern);
    // The grammar accepts every text; were it not to, the pattern as a whole would be at fault.
    let Ok(tokens) = Grammar::parse(Rule::glob, &pattern.text) else {
        return whole(GlobErrorKind::UnclosedClass);
    };
    for token in tokens.flat_map(Pair::into_inner) {
        builder.token(&token);
    }
    builder.finish()
}

/// The names that every match of the pattern captures.
#[must_use]
pub fn captures(nodes: &[Node]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for node in nodes {
        match &node.kind {
            Kind::Capture(name) => {
                names.insert(name.clone());
            }
            Kind::Group(alternatives) => {
                let each = alternatives.iter().map(|nodes| captures(nodes));
                names.extend(each.reduce(|a, b| &a & &b).unwrap_or_default());
            }
            Kind::Home | Kind::Literal(_) | Kind::Any | Kind::Star | Kind::Class { .. } => {}
        }
    }
    names
}

/// Every name that the pattern captures somewhere, and where.
#[must_use]
pub fn capture_places<'n>(nodes: &'n [Node]) -> Vec<(&'n str, Span)> {
    let of_node = |node: &'n Node| match &node.kind {
        Kind::Capture(name) => vec![(name.as_str(), node.span)],
        Kind::Group(alternatives) => {
            alternatives.iter().flat_map(|nodes| capture_places(nodes)).collect()
        }
        Kind::Home | Kind::Literal(_) | Kind::Any | Kind::Star | Kind::Class { .. } => Vec::new(),
    };
    nodes.iter().flat_map(of_node).collect()
}

/// A group whose `}` has not come yet.
struct OpenGroup {
    span: Span,
    done: Vec<Vec<Node>>,
    /// The sequence that the group stands in, up to the group.
    outer: Vec<Node>,
}

struct Builder<'p> {
    pattern: &'p Text,
    open: Vec<OpenGroup>,
    /// The sequence being read.
    current: Vec<Node>,
    captures: Vec<String>,
    errors: Vec<GlobError>,
    too_deep: bool,
}

impl<'p> Builder<'p> {
    const fn new(pattern: &'p Text) -> Self {
        Self {
            pattern,
            open: Vec::new(),
            current: Vec::new(),
            captures: Vec::new(),
            errors: Vec::new(),
            too_deep: false,
        }
    }

    fn place(&self, token: &Pair<'_, Rule>) -> Span {
        let span = token.as_span();
        self.pattern.place(span.start(), span.end())
    }

    fn error(&mut self, kind: GlobErrorKind, span: Span) {
        self.errors.push(GlobError { kind, span });
    }

    fn push(&mut self, kind: Kind, span: Span) {
        self.current.push(Node { kind, span });
    }

    fn token(&mut self, token: &Pair<'_, Rule>) {
        let span = self.place(token);
        match token.as_rule() {
            Rule::plain => {
                // ASCII, so that a character is a byte.
                for (at, c) in token.as_str().char_indices() {
                    let at = token.as_span().start() + at;
                    self.push(Kind::Literal(c), self.pattern.place(at, at + 1));
                }
            }
            Rule::home => self.push(Kind::Home, span),
            Rule::star => self.push(Kind::Star, span),
            Rule::any => self.push(Kind::Any, span),
            Rule::open => self.open_group(span),
            Rule::comma if !self.open.is_empty() => self.next_alternative(),
            Rule::close if !self.open.is_empty() => self.close_group(span),
            Rule::capture => {
                let name = token.clone().into_inner().as_str().to_owned();
                self.captures.push(name.clone());
                self.push(Kind::Capture(name), span);
            }
            Rule::class => self.class(token, span),
            Rule::unclosed_class => {
                let open = token.as_span().start();
                let bracket = self.pattern.place(open, open + 1);
                self.error(GlobErrorKind::UnclosedClass, bracket);
            }
            Rule::dangling => self.error(GlobErrorKind::DanglingEscape, span),
            Rule::literal | Rule::escape | Rule::comma | Rule::close => {
                // Of an escape, the character after the backslash.
                if let Some(c) = token.as_str().chars().next_back() {
                    self.push(Kind::Literal(c), span);
                }
            }
            Rule::EOI
            | Rule::glob
            | Rule::token
            | Rule::name
            | Rule::negated
            | Rule::first
            | Rule::item
            | Rule::range
            | Rule::first_range
            | Rule::member
            | Rule::first_member
            | Rule::named
            | Rule::class_name => {}
        }
    }

    fn open_group(&mut self, span: Span) {
        if self.open.len() == MAX_NESTING && !self.too_deep {
            self.too_deep = true;
            self.error(GlobErrorKind::TooDeep, span);
        }
        let outer = std::mem::take(&mut self.current);
        self.open.push(OpenGroup { span, done: Vec::new(), outer });
    }

    fn next_alternative(&mut self) {
        if let Some(group) = self.open.last_mut() {
            group.done.push(std::mem::take(&mut self.current));
        }
    }

    fn close_group(&mut self, close: Span) {
        let Some(OpenGroup { span, mut done, outer }) = self.open.pop() else {
            return;
        };
        done.push(std::mem::replace(&mut self.current, outer));
        // Beyond the limit the tree is not built: it will not be used, and dropping it recurses.
        let alternatives = if self.too_deep { Vec::new() } else { done };
        self.push(Kind::Group(alternatives), Span::new(span.start, close.end));
    }

    fn class(&mut self, token: &Pair<'_, Rule>, span: Span) {
        let mut negated = false;
        let mut members = Vec::new();
        for item in token.clone().into_inner() {
            match item.as_rule() {
                Rule::negated => negated = true,
                Rule::named => members.extend(self.named(&item)),
                Rule::range | Rule::first_range => members.extend(self.range(&item)),
                _ => members.extend(last_char(&item).map(|c| Member::Range(c, c))),
            }
        }
        self.push(Kind::Class { negated, members }, span);
    }

    fn named(&mut self, item: &Pair<'_, Rule>) -> Option<Member> {
        let name = item.clone().into_inner().as_str();
        let found = CLASS_NAMES.iter().find(|(known, _)| *known == name);
        if found.is_none() {
            let kind = GlobErrorKind::UnknownClass(name.to_owned());
            self.error(kind, self.place(item));
        }
        found.map(|(_, class)| Member::Named(*class))
    }

    fn range(&mut self, item: &Pair<'_, Rule>) -> Option<Member> {
        let mut ends = item.clone().into_inner();
        let start = ends.next()?;
        let end = ends.next()?;
        if end.as_rule() == Rule::named {
            self.error(GlobErrorKind::ClassAsRangeEnd, self.place(item));
            return None;
        }
        let (from, to) = (last_char(&start)?, last_char(&end)?);
        if from > to {
            self.error(GlobErrorKind::ReversedRange(from, to), self.place(item));
            return None;
        }
        Some(Member::Range(from, to))
    }

    fn finish(mut self) -> Result<Vec<Node>, Broken> {
        // An unclosed `[` swallows what follows, the `}` of an outer group included.
        let swallowed = self.errors.iter().any(|e| e.kind == GlobErrorKind::UnclosedClass);
        if !swallowed && !self.too_deep {
            for group in &self.open {
                let (kind, span) = (GlobErrorKind::UnclosedGroup, group.span);
                self.errors.push(GlobError { kind, span });
            }
        }
        if self.errors.is_empty() {
            return Ok(self.current);
        }
        self.errors.sort_by_key(|error| error.span);
        let captures = (!swallowed).then_some(self.captures);
        Err(Broken { errors: self.errors, captures })
    }
}

/// The character a member stands for: of an escape, the one after the backslash.
fn last_char(member: &Pair<'_, Rule>) -> Option<char> {
    member.as_str().chars().next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pattern: &str) -> Text {
        let source = format!("'{pattern}'");
        Text::new(pattern, &source, Span::new(0, source.len()))
    }

    fn errors(pattern: &str) -> Vec<(GlobErrorKind, usize, usize)> {
        let errors = parse(&text(pattern)).unwrap_err().errors;
        errors.into_iter().map(|e| (e.kind, e.span.start - 1, e.span.end - 1)).collect()
    }

    #[test]
    fn every_mistake_has_its_place() {
        use GlobErrorKind::*;
        assert_eq!(errors("~/work/[invalid"), [(UnclosedClass, 7, 8)]);
        assert_eq!(errors("ü{a,[z-a]b"), [(UnclosedGroup, 2, 3), (ReversedRange('z', 'a'), 6, 9)]);
        assert_eq!(
            errors("[[:alfa:]]\\"),
            [(UnknownClass("alfa".into()), 1, 9), (DanglingEscape, 10, 11)]
        );
        assert_eq!(errors("[a-[:digit:]]"), [(ClassAsRangeEnd, 1, 12)]);
        assert_eq!(errors("[[::]a]"), [(UnknownClass(String::new()), 1, 5)]);
        for unclosed in ["[", "[]", "[!]", "[^]", "[a-", "[\\]", "{[}", "[[:alpha:]"] {
            let kinds: Vec<_> = errors(unclosed).into_iter().map(|e| e.0).collect();
            assert_eq!(kinds, [UnclosedClass], "{unclosed}");
        }
    }

    #[test]
    fn limits_have_errors_of_their_own() {
        let nested = |depth: usize| format!("{}{}", "{".repeat(depth), "}".repeat(depth));
        assert!(parse(&text(&nested(MAX_NESTING))).is_ok());
        let deep = errors(&nested(MAX_NESTING + 1));
        assert_eq!(deep, [(GlobErrorKind::TooDeep, MAX_NESTING, MAX_NESTING + 1)]);
        assert_eq!(errors(&"{".repeat(MAX_LENGTH)).len(), 1);
        assert!(parse(&text(&"[".repeat(MAX_LENGTH))).is_err());
        assert!(parse(&text(&"ü".repeat(MAX_LENGTH))).is_ok());
        let long = parse(&text(&"a".repeat(MAX_LENGTH + 1))).unwrap_err().errors;
        assert_eq!(long[0].kind, GlobErrorKind::TooLong);
    }

    #[test]
    fn what_begins_no_construct_is_literal() {
        for pattern in ["a}b", "a]b", "a,b", "<Name>", "<", "<a", "<>", "~user", "a~", "!x", "#x"] {
            let nodes = parse(&text(pattern)).unwrap();
            let literal: String = nodes
                .iter()
                .map(|node| match node.kind {
                    Kind::Literal(c) => c,
                    _ => panic!("{pattern}: {node:?}"),
                })
                .collect();
            assert_eq!(literal, pattern);
        }
        assert_eq!(parse(&text("~")).unwrap()[0].kind, Kind::Home);
        assert_eq!(parse(&text("~/a")).unwrap()[0].kind, Kind::Home);
        assert_eq!(parse(&text("\\~/a")).unwrap()[0].kind, Kind::Literal('~'));
        assert_eq!(parse(&text("~\\/a")).unwrap()[0].kind, Kind::Literal('~'));
    }

    #[test]
    fn classes_are_read_left_to_right() {
        let members = |pattern: &str| match parse(&text(pattern)).unwrap().remove(0).kind {
            Kind::Class { members, .. } => members,
            other => panic!("{other:?}"),
        };
        let single = |c| Member::Range(c, c);
        assert_eq!(members("[a-c-e]"), [Member::Range('a', 'c'), single('-'), single('e')]);
        assert_eq!(members("[]-a]"), [Member::Range(']', 'a')]);
        assert_eq!(members("[!-a]"), [single('-'), single('a')]);
        assert_eq!(members("[a-]"), [single('a'), single('-')]);
        assert_eq!(members("[--0]"), [Member::Range('-', '0')]);
        assert_eq!(
            members("[[:digit:]-z]"),
            [Member::Named(ClassName::Digit), single('-'), single('z')]
        );
        assert_eq!(members("[[:a]"), [single('['), single(':'), single('a')]);
        assert_eq!(members("[\\]a]"), [single(']'), single('a')]);
        assert_eq!(members("[{,}]"), [single('{'), single(','), single('}')]);
    }
}
