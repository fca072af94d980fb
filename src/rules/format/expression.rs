//! An expression as words and comments, and its two forms: in one line, and in several.
//!
//! In several lines every operand of a chain has its own line, beginning with what joins it:
//!
//! ```text
//! primary_cwd ~ "~/clients/<client>/*"
//!   and not weekday in ["sat", "sun"]  # the weekend has a rate of its own
//!   and (
//!     duration >= 15m
//!       or has repo
//!   )
//! ```
//!
//! A chain or a group in parentheses that fits its line stays on it. A comment at the end of a line
//! stays with what was before it there; one with a line of its own goes with what follows.
//!
//! Only sound expressions are read here, so what a word means is clear from its spelling.

/// What a token is, as far as white space is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    And,
    Or,
    Open,
    Close,
    ListOpen,
    ListClose,
    Comma,
    Range,
    /// A field, an operator, a value, `not`, `has`.
    Word,
    Comment,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Token<'e> {
    kind: Kind,
    text: &'e str,
    /// Whether it is the first in its line.
    first: bool,
}

/// An expression.
#[derive(Debug)]
pub(super) struct Expression<'e> {
    tokens: Vec<Token<'e>>,
    chain: Chain<'e>,
}

/// Operands of `or`, each of which is operands of `and`.
#[derive(Default, Debug)]
struct Chain<'e> {
    ors: Vec<Vec<Operand<'e>>>,
    /// Comments after the last operand, on lines of their own.
    tail: Vec<&'e str>,
}

#[derive(Default, Debug)]
struct Operand<'e> {
    /// Comments before it, on lines of their own.
    before: Vec<&'e str>,
    /// Everything up to the parenthesis, if there is one.
    words: Vec<Token<'e>>,
    group: Option<Group<'e>>,
    /// A comment behind it.
    after: Option<&'e str>,
}

#[derive(Debug)]
struct Group<'e> {
    /// A comment behind its `(`.
    head: Option<&'e str>,
    chain: Chain<'e>,
}

impl<'e> Expression<'e> {
    /// Reads an expression that is sound.
    pub(super) fn read(text: &'e str) -> Self {
        let tokens = tokens(text);
        let mut reader = Reader { tokens: &tokens, at: 0 };
        let (behind, mut chain) = reader.chain();
        if let (Some(behind), Some(first)) =
            (behind, chain.ors.first_mut().and_then(|it| it.first_mut()))
        {
            first.before.insert(0, behind);
        }
        Self { chain, tokens }
    }

    pub(super) fn has_comments(&self) -> bool {
        self.tokens.iter().any(|token| token.kind == Kind::Comment)
    }

    /// Whether it has the same words in the same order, and the same comments.
    pub(super) fn has_the_words_of(&self, other: &Self) -> bool {
        let of = |expression: &Self, comments: bool| -> Vec<String> {
            let tokens = expression.tokens.iter();
            let these = tokens.filter(|token| (token.kind == Kind::Comment) == comments);
            these.map(|token| token.text.to_owned()).collect()
        };
        of(self, true) == of(other, true) && of(self, false) == of(other, false)
    }

    /// In one line, if no comment stands before its end.
    pub(super) fn in_one_line(&self) -> Option<String> {
        let first = self.chain.ors.first().and_then(|ands| ands.first());
        if !self.chain.tail.is_empty() || first.is_some_and(|it| !it.before.is_empty()) {
            return None;
        }
        let mut line = flat(&self.chain.ors)?;
        if let Some(comment) = self.chain.after() {
            line.push_str("  ");
            line.push_str(comment);
        }
        Some(line)
    }

    /// In several lines, of at most so many characters where words allow it.
    pub(super) fn in_lines(&self, width: usize) -> Vec<String> {
        let mut writer = Writer { width, lines: vec![String::new()], indent: 0 };
        writer.chain(&self.chain, 0);
        writer.lines
    }
}

impl<'e> Chain<'e> {
    /// The comment behind it, in its line.
    fn after(&self) -> Option<&'e str> {
        self.ors.last()?.last()?.after
    }
}

/// Operands of `or` in one line, the comments before and behind all of them left out; `None` if
/// there are others.
fn flat(ors: &[Vec<Operand<'_>>]) -> Option<String> {
    joined(
        ors,
        " or ",
        |ands| flat_ands(ands),
        |ands| ands.first()?.before.first().copied(),
        |ands| ands.last()?.after,
    )
}

/// Operands of `and`, likewise.
fn flat_ands(ands: &[Operand<'_>]) -> Option<String> {
    joined(ands, " and ", flat_operand, |it| it.before.first().copied(), |it| it.after)
}

fn joined<'e, T>(
    operands: &[T],
    joint: &str,
    flat: impl Fn(&T) -> Option<String>,
    before: impl Fn(&T) -> Option<&'e str>,
    after: impl Fn(&T) -> Option<&'e str>,
) -> Option<String> {
    let pairs = operands.iter().zip(operands.iter().skip(1));
    let commented = pairs.into_iter().any(|(a, b)| after(a).is_some() || before(b).is_some());
    let texts: Vec<_> = operands.iter().map(flat).collect::<Option<_>>()?;
    (!commented).then(|| texts.join(joint))
}

fn flat_operand(operand: &Operand<'_>) -> Option<String> {
    let mut line = String::new();
    let mut before = None;
    for token in &operand.words {
        if token.kind == Kind::Comment {
            return None;
        }
        line.push_str(between(before, token.kind));
        line.push_str(token.text);
        before = Some(token.kind);
    }
    if let Some(group) = &operand.group {
        let first = group.chain.ors.first()?.first()?;
        let commented = group.head.is_some()
            || !group.chain.tail.is_empty()
            || !first.before.is_empty()
            || group.chain.after().is_some();
        if commented {
            return None;
        }
        line.push_str(between(before, Kind::Open));
        line.push('(');
        line.push_str(&flat(&group.chain.ors)?);
        line.push(')');
    }
    Some(line)
}

/// What separates two tokens in a line.
fn between(before: Option<Kind>, next: Kind) -> &'static str {
    let Some(before) = before else { return "" };
    let glued_after = matches!(before, Kind::ListOpen | Kind::Open | Kind::Range);
    let glued_before = matches!(next, Kind::ListClose | Kind::Close | Kind::Comma | Kind::Range);
    if glued_after || glued_before { "" } else { " " }
}

struct Reader<'t, 'e> {
    tokens: &'t [Token<'e>],
    at: usize,
}

impl<'e> Reader<'_, 'e> {
    fn next(&mut self) -> Option<Token<'e>> {
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token
    }

    /// The comments that stand here.
    fn comments(&mut self) -> Vec<Token<'e>> {
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        let comments: Vec<_> =
            rest.iter().take_while(|token| token.kind == Kind::Comment).copied().collect();
        self.at += comments.len();
        comments
    }

    /// Reads up to the `)` of this chain, which is taken, or to the end; with the comment that
    /// stands behind the `(`.
    fn chain(&mut self) -> (Option<&'e str>, Chain<'e>) {
        let mut chain = Chain::default();
        let mut ands = Vec::new();
        let (behind, mut before) = split(self.comments());
        loop {
            let (mut operand, mut comments, end) = self.operand();
            let goes_on = matches!(end, Some(Kind::And | Kind::Or));
            if goes_on {
                comments.extend(self.comments());
            }
            let (after, rest) = split(comments);
            operand.after = after;
            operand.before = std::mem::replace(&mut before, rest);
            ands.push(operand);
            if end != Some(Kind::And) {
                chain.ors.push(std::mem::take(&mut ands));
            }
            if !goes_on {
                chain.tail = before;
                return (behind, chain);
            }
        }
    }

    /// Reads an operand, the comments behind it, and what ends it.
    fn operand(&mut self) -> (Operand<'e>, Vec<Token<'e>>, Option<Kind>) {
        let mut operand = Operand::default();
        loop {
            let comments = self.comments();
            let Some(token) = self.next() else { return (operand, comments, None) };
            match token.kind {
                Kind::And | Kind::Or | Kind::Close => return (operand, comments, Some(token.kind)),
                Kind::Open => {
                    operand.words.extend(comments);
                    let (head, chain) = self.chain();
                    operand.group = Some(Group { head, chain });
                }
                Kind::ListOpen
                | Kind::ListClose
                | Kind::Comma
                | Kind::Range
                | Kind::Word
                | Kind::Comment => {
                    operand.words.extend(comments);
                    operand.words.push(token);
                }
            }
        }
    }
}

/// The first comment, if it stands in the line of what is before it; and the others.
fn split(comments: Vec<Token<'_>>) -> (Option<&str>, Vec<&str>) {
    let behind = comments.first().filter(|comment| !comment.first).map(|comment| comment.text);
    let rest = comments.iter().skip(usize::from(behind.is_some()));
    (behind, rest.map(|comment| comment.text).collect())
}

struct Writer {
    width: usize,
    /// Never empty.
    lines: Vec<String>,
    /// Of the last line.
    indent: usize,
}

impl Writer {
    fn push(&mut self, text: &str) {
        if let Some(line) = self.lines.last_mut() {
            line.push_str(text);
        }
    }

    /// Begins a line, unless the last one is still empty.
    fn line(&mut self, indent: usize) {
        if self.lines.last().is_some_and(|line| !line.trim().is_empty()) {
            self.lines.push(String::new());
        }
        if let Some(line) = self.lines.last_mut() {
            *line = " ".repeat(indent);
        }
        self.indent = indent;
    }

    fn comments(&mut self, comments: &[&str], indent: usize) {
        for comment in comments {
            self.line(indent);
            self.push(comment);
        }
    }

    fn behind(&mut self, comment: Option<&str>) {
        if let Some(comment) = comment {
            self.push("  ");
            self.push(comment);
        }
    }

    fn fits(&self, text: &str) -> bool {
        let used = self.lines.last().map_or(0, |line| line.chars().count());
        used + text.chars().count() <= self.width
    }

    /// Writes a chain, with a line for each of its comments.
    fn chain(&mut self, chain: &Chain<'_>, indent: usize) {
        self.comments(before(chain.ors.first()), indent);
        self.line(indent);
        self.ors(&chain.ors, indent);
        self.behind(chain.after());
        self.comments(&chain.tail, indent);
    }

    /// Writes operands of `or` from where the last line ends.
    fn ors(&mut self, ors: &[Vec<Operand<'_>>], indent: usize) {
        if let Some(line) = flat(ors).filter(|line| self.fits(line)) {
            return self.push(&line);
        }
        // Where there is but one, what it consists of takes its place.
        let inner = if ors.len() > 1 { indent + 2 } else { indent };
        for (index, ands) in ors.iter().enumerate() {
            if index > 0 {
                self.joint("or ", before(Some(ands)), indent + 2);
            }
            self.ands(ands, inner);
            let last = ands.last().and_then(|operand| operand.after);
            self.behind(last.filter(|_| index + 1 < ors.len()));
        }
    }

    fn ands(&mut self, ands: &[Operand<'_>], indent: usize) {
        let mut rest = ands;
        if let Some(line) = flat_ands(ands).filter(|line| self.fits(line)) {
            return self.push(&line);
        }
        while let Some((operand, others)) = rest.split_first() {
            self.operand(operand);
            if let Some(next) = others.first() {
                self.behind(operand.after);
                self.joint("and ", &next.before, indent + 2);
            }
            rest = others;
        }
    }

    fn joint(&mut self, joint: &str, comments: &[&str], indent: usize) {
        self.comments(comments, indent);
        self.line(indent);
        self.push(joint);
    }

    /// Writes an operand; what is in its parentheses on lines of its own, if it does not fit.
    fn operand(&mut self, operand: &Operand<'_>) {
        if let Some(line) = flat_operand(operand).filter(|line| self.fits(line)) {
            return self.push(&line);
        }
        let indent = self.indent;
        let mut before = None;
        for token in &operand.words {
            if token.kind == Kind::Comment {
                if token.first {
                    self.line(indent + 4);
                    self.push(token.text);
                } else {
                    self.behind(Some(token.text));
                }
                self.line(indent + 4);
                before = None;
            } else {
                self.push(between(before, token.kind));
                self.push(token.text);
                before = Some(token.kind);
            }
        }
        if let Some(group) = &operand.group {
            self.push(between(before, Kind::Open));
            self.push("(");
            self.behind(group.head);
            self.chain(&group.chain, indent + 2);
            self.line(indent);
            self.push(")");
        }
    }
}

fn before<'o, 'e>(ands: Option<&'o Vec<Operand<'e>>>) -> &'o [&'e str] {
    ands.and_then(|ands| ands.first()).map(|operand| operand.before.as_slice()).unwrap_or_default()
}

/// Cuts an expression into its tokens.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut first = true;
    while let Some(c) = rest.chars().next() {
        let (kind, length) = match c {
            ' ' | '\t' | '\r' | '\n' => {
                first |= c == '\n';
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            '#' => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
            '(' => (Kind::Open, 1),
            ')' => (Kind::Close, 1),
            '[' => (Kind::ListOpen, 1),
            ']' => (Kind::ListClose, 1),
            ',' => (Kind::Comma, 1),
            '"' | '\'' => (Kind::Word, quoted(rest, c)),
            _ if rest.starts_with("..") => (Kind::Range, 2),
            _ if is_symbol(c) => (Kind::Word, rest.find(|c| !is_symbol(c)).unwrap_or(rest.len())),
            _ => word(rest),
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        tokens.push(Token { kind, text: token.trim_end(), first });
        first = false;
        rest = after;
    }
    tokens
}

const fn is_symbol(c: char) -> bool {
    matches!(c, '=' | '!' | '<' | '>' | '~')
}

/// The length of the text that `rest` begins with, quotes included.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |(at, _)| at + 1)
}

fn word(rest: &str) -> (Kind, usize) {
    let ends = |(at, c): &(usize, char)| {
        c.is_whitespace()
            || is_symbol(*c)
            || matches!(c, '#' | '(' | ')' | '[' | ']' | ',' | '"' | '\'')
            || rest.get(*at..).is_some_and(|it| it.starts_with(".."))
    };
    let length = rest.char_indices().skip(1).find(ends).map_or(rest.len(), |(at, _)| at);
    let kind = match rest.get(..length) {
        Some("and") => Kind::And,
        Some("or") => Kind::Or,
        _ => Kind::Word,
    };
    (kind, length)
}
