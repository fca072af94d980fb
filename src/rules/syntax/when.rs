//! `when` expressions: from text to a tree with places.
//!
//! `grammar/when.pest` cuts the expression into conditions and what joins them; here they become a
//! tree, with a stack of open parentheses instead of recursion. `not` binds tightest, then `and`,
//! then `or`.
//!
//! A text in an expression stands in `"…"` or `'…'`. A backslash in it belongs to what is inside:
//! there `\x` is the character x, whatever x is, in globs and in the texts of `==` and `!=` alike.
//! So `\"` does not end a text, and means a quote.
//!
//! After a mistake reading goes on at the next `and` or `or`, and what could be read is handed on,
//! so that one run reports mistakes of all kinds in all conditions.
//!
//! INVARIANT (expression depth): a tree is at most [`MAX_NESTING`] parentheses and `not`s deep, so
//! later stages may recurse over it freely.

use std::fmt;

use pest::Parser as _;
use pest::iterators::Pair;

use super::embedded::Text;
use super::quantity::Comparison;
use crate::diag::Span;
use grammar::{Grammar, Rule};

/// How deep parentheses and `not` may nest.
pub const MAX_NESTING: usize = 64;
/// How many characters an expression may have.
pub const MAX_LENGTH: usize = 32_768;

mod grammar {
    #![allow(missing_docs, reason = "generated; the grammar file says what each rule is")]

    #[derive(pest_derive::Parser)]
    #[grammar = "../grammar/when.pest"]
    pub(super) struct Grammar;
}

/// An expression or part of one, and where it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: Kind,
    /// Where it is, with the parentheses around it.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `true` or `false`
    Constant(bool),
    /// `has FIELD`
    Has(Name),
    /// `FIELD OPERATOR VALUE`
    Test(Test),
    /// `not …`
    Not(Box<Expr>),
    /// `… and …`, two or more.
    And(Vec<Expr>),
    /// `… or …`, two or more.
    Or(Vec<Expr>),
}

/// The name of a field, perhaps of none that exists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    /// As it is written.
    pub text: String,
    /// Where it is.
    pub span: Span,
}

/// A condition on a field. Whether its parts fit each other is not decided here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Test {
    /// The field.
    pub field: Name,
    /// What is asked.
    pub operator: Operator,
    /// Where the operator is.
    pub operator_span: Span,
    /// What the field is held against.
    pub value: Value,
}

/// An operator between a field and a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// `~`
    Glob,
    /// `in`
    In,
    /// `==`, `<` and the like.
    Compare(Comparison),
}

/// What a field is held against. The span of a text includes its quotes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// `"…"` or `'…'`, backslashes as they are written.
    Text(Text),
    /// `["…", "…"]`
    List(Vec<Text>, Span),
    /// `15m` or `09:00`
    Amount(Text),
    /// `15m..2h` or `09:00..17:30`
    Range(Text, Text),
}

impl Value {
    /// Where it is written.
    #[must_use]
    pub const fn span(&self) -> Span {
        match self {
            Self::Text(text) | Self::Amount(text) => text.span,
            Self::List(_, span) => *span,
            Self::Range(start, end) => Span::new(start.span.start, end.span.end),
        }
    }
}

impl Operator {
    /// How it is written.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Glob => "~",
            Self::In => "in",
            Self::Compare(comparison) => comparison.symbol(),
        }
    }

    fn of(symbol: &str) -> Option<Self> {
        let comparisons = Comparison::ALL.into_iter().map(Self::Compare);
        [Self::Glob, Self::In].into_iter().chain(comparisons).find(|it| it.symbol() == symbol)
    }

    /// What an operator of other languages means here, and whether under a `not`.
    fn of_foreign(found: &str, value: Option<&Value>) -> Option<(bool, Self)> {
        let words = found.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let equal = match value {
            Some(Value::List(..)) => Self::In,
            Some(Value::Text(text)) if text.text.contains(['*', '?', '[', '{', '<']) => Self::Glob,
            _ => Self::Compare(Comparison::Equal),
        };
        Some(match words.as_str() {
            "=" | "===" | ":" | ":=" | "is" | "equals" => (false, equal),
            "!==" | "<>" | "=!" | "is not" | "not ==" => {
                (false, Self::Compare(Comparison::NotEqual))
            }
            "=~" | "~=" | "~~" | "like" | "matches" => (false, Self::Glob),
            "!~" | "not ~" | "not like" | "not matches" => (true, Self::Glob),
            "in" => (false, Self::In),
            "!in" | "! in" | "not in" => (true, Self::In),
            "=<" => (false, Self::Compare(Comparison::AtMost)),
            "=>" => (false, Self::Compare(Comparison::AtLeast)),
            negated => (true, Self::of(negated.strip_prefix("not ")?)?),
        })
    }
}

/// What a text of `==` and `!=` stands for: of a backslash and a character, the character.
#[must_use]
pub fn unescape(text: &str) -> String {
    let mut chars = text.chars();
    let next = || match chars.next()? {
        '\\' => chars.next(),
        c => Some(c),
    };
    std::iter::from_fn(next).collect()
}

/// A mistake in an expression and where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WhenError {
    /// What is wrong.
    pub kind: WhenErrorKind,
    /// Where it is.
    pub span: Span,
}

/// What may be wrong with an expression.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WhenErrorKind {
    /// Nothing but white space and comments.
    Empty,
    /// More than [`MAX_LENGTH`] characters.
    TooLong,
    /// More than [`MAX_NESTING`] parentheses and `not`s in each other.
    TooDeep,
    /// A quote without its other one in the same line.
    UnclosedText,
    /// `[` without its `]`.
    UnclosedList,
    /// Two values of a list with nothing between them.
    MissingComma,
    /// A comma of a list with no value before it.
    ExtraComma,
    /// A value of this field without quotes.
    Unquoted(String),
    /// `(` without its `)`.
    UnclosedParenthesis,
    /// `)` without its `(`.
    UnmatchedParenthesis,
    /// `()`
    EmptyParentheses,
    /// This word joins, and there is nothing before it.
    NothingBefore(&'static str),
    /// This word needs a condition, and there is none after it.
    NothingAfter(&'static str),
    /// Two conditions with nothing between them.
    MissingJoint,
    /// Something right after the quote that ends a text.
    AfterQuote,
    /// A field without an operator.
    MissingOperator(String),
    /// `has` without a field.
    MissingField,
    /// An operator with nothing before it.
    NoFieldBefore(String),
    /// An operator with nothing after it.
    MissingValue(String),
    /// A range without its end.
    MissingEnd,
    /// A word or sign of another language.
    Foreign {
        /// What is written.
        found: String,
        /// What is written here instead, with a space on a side that needs one, and where; `None`
        /// where that is not sure.
        meant: Option<(String, Span)>,
    },
    /// Something that begins no condition.
    Unexpected(String),
}

/// What is left of an expression that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Its mistakes, in the order of their places; never empty.
    pub errors: Vec<WhenError>,
    /// Parts that could be read. A condition that names a field and is broken behind it is here as
    /// `has FIELD`, so that the name is checked.
    pub rest: Vec<Expr>,
}

/// Reads an expression.
///
/// # Errors
///
/// All mistakes of the expression, one for each condition at most.
pub fn parse(source: &Text) -> Result<Expr, Broken> {
    let whole = |kind| {
        let errors = vec![WhenError { kind, span: source.span }];
        Err(Broken { errors, rest: Vec::new() })
    };
    if source.text.chars().count() > MAX_LENGTH {
        return whole(WhenErrorKind::TooLong);
    }
    // The grammar accepts every text; were it not to, the expression as a whole would be at fault.
    let Ok(items) = Grammar::parse(Rule::when, &source.text) else {
        return whole(WhenErrorKind::Unexpected(source.text.clone()));
    };
    let mut builder = Builder::new(source);
    for item in items.flat_map(Pair::into_inner) {
        builder.item(&item);
        if builder.too_deep {
            break;
        }
    }
    builder.finish()
}

/// What stands between two parentheses, as far as it was read.
#[derive(Default)]
struct Frame {
    /// Its `(`; the outermost frame has none.
    open: Option<Span>,
    /// Operands of `or` that are complete.
    ors: Vec<Expr>,
    /// Operands of the `and` being read.
    ands: Vec<Expr>,
    /// Every `not` before the next operand.
    nots: Vec<Span>,
}

impl Frame {
    fn end_and(&mut self) {
        self.ors.extend(joined(std::mem::take(&mut self.ands), Kind::And));
    }

    fn end(mut self) -> Option<Expr> {
        self.end_and();
        joined(self.ors, Kind::Or)
    }
}

/// Several operands as one; one stays what it is.
fn joined(mut operands: Vec<Expr>, kind: fn(Vec<Expr>) -> Kind) -> Option<Expr> {
    let span = Span::new(operands.first()?.span.start, operands.last()?.span.end);
    if operands.len() == 1 { operands.pop() } else { Some(Expr { kind: kind(operands), span }) }
}

/// What the reading waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// An operand, since the expression, a parenthesis, `not` or a joint began; the last of these.
    Operand(Option<(&'static str, Span)>),
    /// A joint or the end.
    Joint,
    /// A joint or the end, and until then nothing is looked at: a mistake was made.
    JointAfterMistake,
}

struct Builder<'t> {
    source: &'t Text,
    outer: Vec<Frame>,
    frame: Frame,
    awaited: Awaited,
    /// How many parentheses and `not`s are around the next operand.
    depth: usize,
    too_deep: bool,
    /// Whether the last joint lacks an operand before it.
    gap: bool,
    errors: Vec<WhenError>,
}

impl<'t> Builder<'t> {
    fn new(source: &'t Text) -> Self {
        Self {
            source,
            outer: Vec::new(),
            frame: Frame::default(),
            awaited: Awaited::Operand(None),
            depth: 0,
            too_deep: false,
            gap: false,
            errors: Vec::new(),
        }
    }

    fn place(&self, item: &Pair<'_, Rule>) -> Span {
        let span = item.as_span();
        self.source.place(span.start(), span.end())
    }

    fn error(&mut self, kind: WhenErrorKind, span: Span) {
        self.errors.push(WhenError { kind, span });
    }

    /// A mistake after which the rest of the condition is not read.
    fn give_up(&mut self, kind: WhenErrorKind, span: Span) {
        self.error(kind, span);
        self.awaited = Awaited::JointAfterMistake;
    }

    fn foreign(&mut self, item: &Pair<'_, Rule>, meant: &str) {
        let span = self.place(item);
        let meant = self.apart(item, meant);
        let (found, meant) = (item.as_str().to_owned(), Some((meant, span)));
        self.error(WhenErrorKind::Foreign { found, meant }, span);
    }

    /// A word to replace an item, kept apart from the words beside it.
    fn apart(&self, item: &Pair<'_, Rule>, word: &str) -> String {
        let (text, span) = (&self.source.text, item.as_span());
        let beside = |c: char| !c.is_whitespace() && !matches!(c, '(' | ')');
        // The sign before is replaced too, and keeps its distance itself.
        let to_replace = |c: char| matches!(c, '&' | '|' | ',' | '!');
        let before = text.get(..span.start()).unwrap_or_default();
        let before = before.ends_with(beside) && !before.ends_with(to_replace);
        let after = text.get(span.end()..).unwrap_or_default().starts_with(beside);
        let space = |needed: bool| if needed { " " } else { "" };
        let is_word = word.starts_with(char::is_alphabetic);
        format!("{}{word}{}", space(before && is_word), space(after && is_word))
    }

    fn item(&mut self, item: &Pair<'_, Rule>) {
        let span = self.place(item);
        let rule = item.as_rule();
        match rule {
            Rule::and | Rule::foreign_and => {
                if rule == Rule::foreign_and && self.awaited != Awaited::JointAfterMistake {
                    self.foreign(item, "and");
                }
                self.joint("and", span);
            }
            Rule::or | Rule::foreign_or => {
                if rule == Rule::foreign_or && self.awaited != Awaited::JointAfterMistake {
                    self.foreign(item, "or");
                }
                self.joint("or", span);
                self.frame.end_and();
            }
            Rule::open => self.open(span),
            Rule::close => self.close(span),
            Rule::EOI => self.end(),
            _ if self.awaited == Awaited::JointAfterMistake => {}
            Rule::stray_operator => self.stray_operator(item, span),
            _ if self.awaited == Awaited::Joint => self.missing_joint(item, span),
            Rule::not | Rule::foreign_not => {
                if rule == Rule::foreign_not {
                    self.foreign(item, "not");
                }
                self.deeper(span);
                self.frame.nots.push(span);
                self.awaited = Awaited::Operand(Some(("not", span)));
            }
            Rule::boolean | Rule::foreign_boolean => {
                let word = item.as_str().to_lowercase();
                if rule == Rule::foreign_boolean {
                    self.foreign(item, &word);
                }
                self.operand(Kind::Constant(word == "true"), span);
            }
            Rule::presence => self.presence(item, span),
            Rule::test => self.test(item, span),
            _ => self.stray(item, span),
        }
    }

    fn missing_joint(&mut self, item: &Pair<'_, Rule>, span: Span) {
        let before = self.source.text.get(..item.as_span().start()).unwrap_or_default();
        let kind = if before.ends_with(['"', '\'']) {
            WhenErrorKind::AfterQuote
        } else {
            WhenErrorKind::MissingJoint
        };
        self.give_up(kind, span);
    }

    fn deeper(&mut self, span: Span) {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            self.too_deep = true;
            self.error(WhenErrorKind::TooDeep, span);
        }
    }

    fn operand(&mut self, kind: Kind, span: Span) {
        self.depth -= self.frame.nots.len();
        let mut expr = Expr { kind, span };
        for not in self.frame.nots.drain(..).rev() {
            let span = Span::new(not.start, expr.span.end);
            expr = Expr { kind: Kind::Not(Box::new(expr)), span };
        }
        self.frame.ands.push(expr);
        self.gap = false;
        self.awaited = Awaited::Joint;
    }

    fn joint(&mut self, word: &'static str, span: Span) {
        if let Awaited::Operand(after) = self.awaited {
            match after {
                // Of several joints in a row, only the first is a mistake.
                _ if self.gap => {}
                Some((after, place)) if after != "(" => {
                    self.error(WhenErrorKind::NothingAfter(after), place);
                }
                _ => self.error(WhenErrorKind::NothingBefore(word), span),
            }
            self.gap = true;
        }
        self.forget_nots();
        self.awaited = Awaited::Operand(Some((word, span)));
    }

    /// The operand of these `not`s did not come.
    fn forget_nots(&mut self) {
        self.depth -= self.frame.nots.len();
        self.frame.nots.clear();
    }

    fn open(&mut self, span: Span) {
        match self.awaited {
            Awaited::Operand(_) => self.awaited = Awaited::Operand(Some(("(", span))),
            Awaited::Joint => self.give_up(WhenErrorKind::MissingJoint, span),
            Awaited::JointAfterMistake => {}
        }
        self.deeper(span);
        let inner = Frame { open: Some(span), ..Frame::default() };
        self.outer.push(std::mem::replace(&mut self.frame, inner));
    }

    fn close(&mut self, span: Span) {
        match self.awaited {
            Awaited::Operand(Some(("(", open))) => {
                let both = Span::new(open.start, span.end);
                self.give_up(WhenErrorKind::EmptyParentheses, both);
            }
            Awaited::Operand(Some((word, place))) => {
                self.give_up(WhenErrorKind::NothingAfter(word), place);
            }
            Awaited::Operand(None) | Awaited::Joint | Awaited::JointAfterMistake => {}
        }
        self.forget_nots();
        let Some(outer) = self.outer.pop() else {
            // After a mistake its `(` may be part of what was not read.
            if self.errors.is_empty() {
                self.give_up(WhenErrorKind::UnmatchedParenthesis, span);
            }
            return;
        };
        self.depth -= 1;
        let inner = std::mem::replace(&mut self.frame, outer);
        let open = inner.open.unwrap_or(span);
        let after_mistake = self.awaited == Awaited::JointAfterMistake;
        if let Some(Expr { kind, .. }) = inner.end() {
            self.operand(kind, Span::new(open.start, span.end));
        }
        if after_mistake {
            self.awaited = Awaited::JointAfterMistake;
        }
    }

    fn end(&mut self) {
        match self.awaited {
            Awaited::Operand(None) => self.error(WhenErrorKind::Empty, self.source.span),
            Awaited::Operand(Some((word, place))) if word != "(" && !self.gap => {
                self.error(WhenErrorKind::NothingAfter(word), place);
            }
            Awaited::Operand(_) | Awaited::Joint | Awaited::JointAfterMistake => {}
        }
        // After a mistake the `)` may be part of what was not read.
        if self.errors.is_empty() {
            let frames = self.outer.iter().chain([&self.frame]);
            let unclosed = |span| WhenError { kind: WhenErrorKind::UnclosedParenthesis, span };
            self.errors = frames.filter_map(|frame| frame.open).map(unclosed).collect();
        }
    }

    fn presence(&mut self, item: &Pair<'_, Rule>, span: Span) {
        let mut parts = item.clone().into_inner();
        let Some(word) = parts.next() else {
            return;
        };
        if word.as_rule() == Rule::foreign_has {
            self.foreign(&word, "has");
        }
        match parts.next() {
            Some(field) => self.operand(Kind::Has(self.name(&field)), span),
            None => self.give_up(WhenErrorKind::MissingField, self.place(&word)),
        }
    }

    fn name(&self, field: &Pair<'_, Rule>) -> Name {
        Name { text: field.as_str().to_owned(), span: self.place(field) }
    }

    fn test(&mut self, item: &Pair<'_, Rule>, span: Span) {
        let mut parts = item.clone().into_inner();
        let Some(field) = parts.next().map(|field| self.name(&field)) else {
            return;
        };
        let Some(operator) = parts.next() else {
            self.give_up(WhenErrorKind::MissingOperator(field.text), field.span);
            return;
        };
        let operator_span = self.place(&operator);
        let before = self.errors.len();
        let value = parts.next().map(|value| self.value(&value, &field.text));
        if value.is_none() {
            let found = operator.as_str().to_owned();
            self.give_up(WhenErrorKind::MissingValue(found), operator_span);
        }
        let value = value.flatten();
        let known = Operator::of(operator.as_str());
        // One finding per condition: if its value is broken, that is what is said.
        let known = match known {
            None if self.errors.len() == before => {
                self.foreign_operator(&field, &operator, value.as_ref())
            }
            known => known,
        };
        let after_mistake = self.awaited == Awaited::JointAfterMistake;
        let kind = match (known, value) {
            (Some(operator), Some(value)) => {
                Kind::Test(Test { field, operator, operator_span, value })
            }
            _ => Kind::Has(field),
        };
        self.operand(kind, span);
        if after_mistake {
            self.awaited = Awaited::JointAfterMistake;
        }
    }

    fn foreign_operator(
        &mut self,
        field: &Name,
        found: &Pair<'_, Rule>,
        value: Option<&Value>,
    ) -> Option<Operator> {
        let span = self.place(found);
        let known = Operator::of_foreign(found.as_str(), value);
        let meant = known.map(|(negated, operator)| {
            let symbol = self.apart(found, operator.symbol());
            if negated {
                // `not` goes before the field.
                let whole = Span::new(field.span.start, span.end);
                (format!("not {} {}", field.text, symbol.trim_start()), whole)
            } else {
                (symbol, span)
            }
        });
        self.error(WhenErrorKind::Foreign { found: found.as_str().to_owned(), meant }, span);
        known.map(|(_, operator)| operator)
    }

    /// The value of a condition on `field`; `None` if it is broken.
    fn value(&mut self, value: &Pair<'_, Rule>, field: &str) -> Option<Value> {
        let span = self.place(value);
        match value.as_rule() {
            Rule::text => Some(Value::Text(self.text(value))),
            Rule::amount => Some(Value::Amount(self.part(value))),
            Rule::range => {
                let mut ends = value.clone().into_inner();
                Some(Value::Range(self.part(&ends.next()?), self.part(&ends.next()?)))
            }
            Rule::list => self.list(value, span, field),
            Rule::unclosed_text => {
                self.give_up(WhenErrorKind::UnclosedText, span);
                None
            }
            Rule::open_range => {
                self.give_up(WhenErrorKind::MissingEnd, span);
                None
            }
            _ => {
                self.give_up(WhenErrorKind::Unquoted(field.to_owned()), span);
                None
            }
        }
    }

    fn list(&mut self, list: &Pair<'_, Rule>, span: Span, field: &str) -> Option<Value> {
        let before = self.errors.len();
        let mut texts = Vec::new();
        for element in list.clone().into_inner() {
            let place = self.place(&element);
            match element.as_rule() {
                Rule::text => texts.push(self.text(&element)),
                Rule::unquoted => self.error(WhenErrorKind::Unquoted(field.to_owned()), place),
                Rule::missing_comma => self.error(WhenErrorKind::MissingComma, place),
                Rule::extra_comma => self.error(WhenErrorKind::ExtraComma, place),
                Rule::unclosed_text => {
                    self.give_up(WhenErrorKind::UnclosedText, place);
                    return None;
                }
                _ => {
                    let start = list.as_span().start();
                    let bracket = self.source.place(start, start + 1);
                    self.give_up(WhenErrorKind::UnclosedList, bracket);
                    return None;
                }
            }
        }
        (self.errors.len() == before).then_some(Value::List(texts, span))
    }

    fn part(&self, item: &Pair<'_, Rule>) -> Text {
        let span = item.as_span();
        self.source.part(span.start(), span.end())
    }

    /// What stands between the quotes, with the span of all.
    fn text(&self, item: &Pair<'_, Rule>) -> Text {
        let inside = item.as_span();
        let mut text = self.source.part(inside.start() + 1, inside.end() - 1);
        text.span = self.place(item);
        text
    }

    fn stray_operator(&mut self, item: &Pair<'_, Rule>, span: Span) {
        let found = item.as_str().to_owned();
        let kind = match self.awaited {
            Awaited::Operand(_) => WhenErrorKind::NoFieldBefore(found),
            Awaited::Joint | Awaited::JointAfterMistake => WhenErrorKind::Unexpected(found),
        };
        self.give_up(kind, span);
    }

    fn stray(&mut self, item: &Pair<'_, Rule>, span: Span) {
        let inner = item.clone().into_inner().next().map(|inner| inner.as_rule());
        let kind = if inner == Some(Rule::unclosed_text) {
            WhenErrorKind::UnclosedText
        } else {
            WhenErrorKind::Unexpected(item.as_str().trim_end().to_owned())
        };
        self.give_up(kind, span);
    }

    fn finish(mut self) -> Result<Expr, Broken> {
        if self.errors.is_empty()
            && let Some(expr) = std::mem::take(&mut self.frame).end()
        {
            return Ok(expr);
        }
        self.errors.sort_by_key(|error| error.span);
        let frames = self.outer.into_iter().chain([self.frame]);
        let rest = frames.flat_map(|frame| frame.ors.into_iter().chain(frame.ands)).collect();
        Err(Broken { errors: self.errors, rest })
    }
}

/// The canonical spelling: reading it gives the same tree again, places apart.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Constant(value) => write!(f, "{value}"),
            Kind::Has(field) => write!(f, "has {}", field.text),
            Kind::Test(Test { field, operator, value, .. }) => {
                write!(f, "{} {} {value}", field.text, operator.symbol())
            }
            Kind::Not(inner) => {
                f.write_str("not ")?;
                inner.operand_of(&self.kind, f)
            }
            Kind::And(operands) => self.separated(operands, " and ", f),
            Kind::Or(operands) => self.separated(operands, " or ", f),
        }
    }
}

impl Expr {
    fn separated(&self, operands: &[Self], joint: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, operand) in operands.iter().enumerate() {
            if index > 0 {
                f.write_str(joint)?;
            }
            operand.operand_of(&self.kind, f)?;
        }
        Ok(())
    }

    /// Writes an operand, in parentheses where it would be read otherwise without.
    fn operand_of(&self, outer: &Kind, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = match &self.kind {
            Kind::Constant(_) | Kind::Has(_) | Kind::Test(_) | Kind::Not(_) => true,
            Kind::And(_) => matches!(outer, Kind::Or(_)),
            Kind::Or(_) => false,
        };
        if bare { write!(f, "{self}") } else { write!(f, "({self})") }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write_text(&text.text, f),
            Self::List(texts, _) => {
                f.write_str("[")?;
                for (index, text) in texts.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    write_text(&text.text, f)?;
                }
                f.write_str("]")
            }
            Self::Amount(amount) => f.write_str(&amount.text),
            Self::Range(start, end) => write!(f, "{}..{}", start.text, end.text),
        }
    }
}

fn write_text(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // A text that has one kind of quote without a backslash was written in the other.
    let mut escaped = false;
    let has_quote = text.chars().any(|c| {
        let bare = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        bare
    });
    let quote = if has_quote { '\'' } else { '"' };
    write!(f, "{quote}{text}{quote}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(expression: &str) -> Text {
        let source = format!("'''{expression}'''");
        Text::new(expression, &source, Span::new(0, source.len()))
    }

    fn printed(expression: &str) -> String {
        parse(&text(expression)).unwrap().to_string()
    }

    fn errors(expression: &str) -> Vec<(WhenErrorKind, String)> {
        let errors = parse(&text(expression)).unwrap_err().errors;
        let inside = format!("'''{expression}'''");
        let raw = |span: Span| inside[span.start..span.end].to_owned();
        errors.into_iter().map(|error| (error.kind, raw(error.span))).collect()
    }

    #[test]
    fn not_binds_tightest_then_and() {
        let same = "not has repo and agent ~ \"a\" or true and not not false";
        assert_eq!(printed(same), same);
        assert_eq!(printed("((not (has repo)) and (agent~'a')) or(true)"), {
            "not has repo and agent ~ \"a\" or true"
        });
        let kept = "not (a ~ \"\" or b == \"\") and (c < 1m or d in 1..2) and (true and false)";
        assert_eq!(printed(kept), kept);
        assert_eq!(printed("#a\n has # b\n repo # 'c'"), "has repo");
        assert_eq!(printed("andy ~ 'and' and orly in['or',] and nothing >=1h 30m"), {
            "andy ~ \"and\" and orly in [\"or\"] and nothing >= 1h 30m"
        });
    }

    #[test]
    fn texts_keep_their_backslashes() {
        let of = |expression: &str| match parse(&text(expression)).unwrap().kind {
            Kind::Test(Test { value: Value::Text(text), .. }) => text.text,
            other => panic!("{other:?}"),
        };
        assert_eq!(of(r#"a ~ "x\"y\\""#), r#"x\"y\\"#);
        assert_eq!(of(r#"a ~ 'x"y\'#'"#), r#"x"y\'#"#);
        assert_eq!(printed(r#"a ~ 'x"y\''"#), r#"a ~ 'x"y\''"#);
        assert_eq!(unescape(r#"x\"y\\\n"#), r#"x"y\n"#);
    }

    #[test]
    fn operators_from_elsewhere_are_known() {
        let meant = |expression: &str| match errors(expression).as_slice() {
            [(WhenErrorKind::Foreign { meant, .. }, _)] => {
                meant.clone().unwrap().0.trim().to_owned()
            }
            other => panic!("{expression}: {other:?}"),
        };
        for (written, expected) in [
            ("a = 'x'", "=="),
            ("a = 'x*'", "~"),
            ("a = ['x']", "in"),
            ("a : 'x'", "=="),
            ("a === 1h", "=="),
            ("a <> 'x'", "!="),
            ("a is not 'x'", "!="),
            ("a =~ 'x'", "~"),
            ("a LIKE 'x'", "~"),
            ("a matches 'x'", "~"),
            ("a !~ 'x'", "not a ~"),
            ("a not in ['x']", "not a in"),
            ("a ! in ['x']", "not a in"),
            ("a not >= 1h", "not a >="),
            ("a not ~ 'x'", "not a ~"),
            ("a In ['x']", "in"),
            ("a =< 1h", "<="),
            ("has a && has b", "and"),
            ("has a, has b", "and"),
            ("has a And has b", "and"),
            ("has a | has b", "or"),
            ("has a OR has b", "or"),
            ("! has a", "not"),
            ("Not has a", "not"),
            ("exists a", "has"),
            ("True", "true"),
        ] {
            assert_eq!(meant(written), expected, "{written}");
        }
        for unknown in ["a contains 'x'", "a startswith 'x'", "a ^= 'x'", "a <=> 1h"] {
            let found = errors(unknown);
            assert!(
                matches!(&found[..], [(WhenErrorKind::Foreign { meant: None, .. }, _)]),
                "{unknown}: {found:?}"
            );
        }
    }

    #[test]
    fn every_mistake_has_its_place() {
        use WhenErrorKind::*;
        let one = |expression: &str| match errors(expression).as_slice() {
            [one] => one.clone(),
            other => panic!("{expression}: {other:?}"),
        };
        let at = |kind: WhenErrorKind, place: &str| (kind, place.to_owned());
        assert_eq!(one("a == 'x"), at(UnclosedText, "'x"));
        assert_eq!(one("a == \"x\\\"\nand has b"), at(UnclosedText, "\"x\\\""));
        assert_eq!(one("a in ['x' and has b"), at(UnclosedList, "["));
        assert_eq!(one("a in ['x' 'y']").0, MissingComma);
        assert_eq!(one("a in ['x',,'y']"), at(ExtraComma, ","));
        assert_eq!(one("a in [,]"), at(ExtraComma, ","));
        assert_eq!(one("a in [x]"), at(Unquoted("a".into()), "x"));
        assert_eq!(one("a ~ ~/x/y* or has b"), at(Unquoted("a".into()), "~/x/y*"));
        assert_eq!(one("a >= 15 minutes"), at(Unquoted("a".into()), "15 minutes"));
        assert_eq!(one("(has a or (has b)"), at(UnclosedParenthesis, "("));
        assert_eq!(one("has a) or has b"), at(UnmatchedParenthesis, ")"));
        assert_eq!(one("has a or ( )"), at(EmptyParentheses, "( )"));
        assert_eq!(one("and has a"), at(NothingBefore("and"), "and"));
        assert_eq!(one("has a or or or has b"), at(NothingAfter("or"), "or"));
        assert_eq!(one("has a and not"), at(NothingAfter("not"), "not"));
        assert_eq!(one("(has a or) and has b"), at(NothingAfter("or"), "or"));
        assert_eq!(one("has a has b"), at(MissingJoint, "has b"));
        assert_eq!(one("has a (has b)"), at(MissingJoint, "("));
        assert_eq!(one("a == \"x and b == \"y\" or has c"), at(AfterQuote, "y"));
        assert_eq!(one("a and has b"), at(MissingOperator("a".into()), "a"));
        assert_eq!(one("has and has b").0, MissingField);
        assert_eq!(one("~ 'x'"), at(NoFieldBefore("~".into()), "~"));
        assert_eq!(one("a == and has b"), at(MissingValue("==".into()), "=="));
        assert_eq!(one("a in 15m.. or has b").0, MissingEnd);
        assert_eq!(one("'x' == a"), at(Unexpected("'x'".into()), "'x'"));
        assert_eq!(one("has a == 'x'"), at(Unexpected("==".into()), "=="));
        assert_eq!(one("has a ; has b").0, MissingJoint);
        assert_eq!(one("# has a").0, Empty);
    }

    #[test]
    fn reading_goes_on_after_a_mistake() {
        let broken = parse(&text("aa == x and has bb or (cc in [ or dd ! 'x' and not ee = 'x'"))
            .unwrap_err();
        assert_eq!(broken.errors.len(), 4, "{:?}", broken.errors);
        let rest: Vec<_> = broken.rest.iter().map(ToString::to_string).collect();
        assert_eq!(rest, ["has aa and has bb", "has cc", "has dd", "not ee == \"x\""]);
    }

    #[test]
    fn limits_have_errors_of_their_own() {
        let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(&text(&nested(MAX_NESTING))).is_ok());
        let too_deep = [(WhenErrorKind::TooDeep, "(".to_owned())];
        assert_eq!(errors(&nested(MAX_NESTING + 1)), too_deep);
        assert_eq!(errors(&"(".repeat(MAX_LENGTH)), too_deep);
        let nots = |depth: usize| "not (".repeat(depth / 2) + "true" + &")".repeat(depth / 2);
        assert!(parse(&text(&nots(MAX_NESTING))).is_ok());
        assert_eq!(errors(&nots(MAX_NESTING + 2)).len(), 1);
        assert_eq!(errors(&"not ".repeat(5000)).len(), 1);
        // Side by side nothing nests.
        let flat = vec!["not (not true)"; 1500].join(" or ");
        assert!(parse(&text(&flat)).is_ok());
        assert_eq!(errors(&" ".repeat(100_000))[0].0, WhenErrorKind::TooLong);
        assert!(parse(&text(&"[".repeat(MAX_LENGTH))).is_err());
        assert!(parse(&text(&"'".repeat(MAX_LENGTH - 1))).is_err());
        assert!(parse(&text(&")".repeat(MAX_LENGTH))).is_err());
    }
}
