//! # From text to what was written
//!
//! This stage knows text and places and nothing else: which keys stand in the file, which strings,
//! which globs. What a field is, whether a value fits it, what another rule says: all that comes
//! later, in [`crate::rules::ir`]. Here a mistake never stops the reading: TOML is parsed with
//! recovery, a broken rule is reported and left out, and the next one is read.
//!
//! ```text
//! config.toml ── toml ──▶ RuleFile ── per string ──▶ when · glob · quantity · template
//! ```
//!
//! INVARIANT (place): every node carries the bytes it was written with, through escapes, several
//! lines and Unicode normalisation ([`embedded`]).
//!
//! INVARIANT (no cascade): what a TOML error destroyed is not reported as missing.

pub mod edits;
pub mod embedded;
pub mod glob;
pub mod layout;
pub mod quantity;
pub mod template;
pub mod toml;
pub mod when;

use crate::diag::Span;
use embedded::Text;

/// The rules of a file, as written.
#[derive(Clone, Default, Debug)]
pub struct RuleFile {
    /// `[rules] homes`.
    pub homes: Vec<Text>,
    /// `[rules.lints]`: names and levels.
    pub lints: Vec<LintNode>,
    /// Every `[[rules.auto_tag]]`, in order.
    pub rules: Vec<RuleNode>,
    /// Every `[[rules.test]]`, in order.
    pub cases: Vec<CaseNode>,
}

/// A line of `[rules.lints]`, as written.
#[derive(Clone, Debug)]
pub struct LintNode {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub name_span: Span,
    /// The level.
    pub level: Text,
}

/// A rule, as written.
#[derive(Clone, Debug)]
pub struct RuleNode {
    /// Its `[[rules.auto_tag]]`.
    pub header: Span,
    /// `name`.
    pub name: Option<Text>,
    /// `match`.
    pub matching: Option<MatchNode>,
    /// `when`, where it is a text.
    pub when: Option<WhenNode>,
    /// `tags`, where they are a list of texts.
    pub tags: Vec<Text>,
    /// `project`.
    pub project: Option<Text>,
    /// `enabled`.
    pub enabled: bool,
}

/// A `match` block.
#[derive(Clone, Debug)]
pub struct MatchNode {
    /// The key `match`.
    pub key: Span,
    /// Its conditions, in order.
    pub conditions: Vec<ConditionNode>,
}

/// A `when` expression, not yet read.
#[derive(Clone, Debug)]
pub struct WhenNode {
    /// The key `when`.
    pub key: Span,
    /// The expression.
    pub text: Text,
}

/// A condition of a `match` block.
#[derive(Clone, Debug)]
pub struct ConditionNode {
    /// The name of the field.
    pub field: String,
    /// Where it stands.
    pub field_span: Span,
    /// What is asked of it.
    pub value: ValueNode,
}

/// A test of the rules, as written.
#[derive(Clone, Debug)]
pub struct CaseNode {
    /// Its `[[rules.test]]`.
    pub header: Span,
    /// `name`.
    pub name: Option<Text>,
    /// `stream`, if it is a table.
    pub stream: Option<Vec<GivenNode>>,
    /// `expect`, as far as it can be read.
    pub expect: Option<ExpectNode>,
    /// Whether anything in it is wrong, which was said.
    pub broken: bool,
}

/// A value of a test's stream.
#[derive(Clone, Debug)]
pub struct GivenNode {
    /// The key, which names a field more or less.
    pub key: String,
    /// Where it stands.
    pub key_span: Span,
    /// The value.
    pub value: GivenValue,
    /// Where the value stands.
    pub span: Span,
}

/// What a test's stream has for a key.
#[derive(Clone, Debug)]
pub enum GivenValue {
    /// A text.
    Text(Text),
    /// A list of texts.
    Texts(Vec<Text>),
    /// A whole number that fits.
    Number(i64),
    /// A date, a time or both, as written.
    Moment(String),
    /// Anything else; the name of its TOML type.
    Other(&'static str),
}

/// What a test expects.
#[derive(Clone, Debug)]
pub enum ExpectNode {
    /// That no rule wins.
    Nothing,
    /// That a rule wins.
    Rule {
        /// The rule, as it is called, if that is a text.
        rule: Option<Text>,
        /// The tags.
        tags: Vec<Text>,
        /// The project, if it is to be looked at.
        project: Option<Text>,
    },
}

/// What is asked of a field.
#[derive(Clone, Debug)]
pub enum ValueNode {
    /// A text.
    One(Text),
    /// A list of texts.
    Many(Vec<Text>, Span),
    /// Anything else; the name of its TOML type.
    Other(&'static str, Span),
}

impl ValueNode {
    /// Where it stands.
    #[must_use]
    pub const fn span(&self) -> Span {
        match self {
            Self::One(text) => text.span,
            Self::Many(_, span) | Self::Other(_, span) => *span,
        }
    }
}
