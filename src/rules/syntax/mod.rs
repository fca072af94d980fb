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

use crate::diag::{Code, Finding, SourceFile, Span};
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

/// What the parser misses in a list or an inline table that goes on.
const LACKS: [&str; 2] = ["missing comma between", "missing key for inline table"];

/// Findings without those that are mere consequences of broken TOML: from where a table stops being
/// TOML up to the next header, nothing is what was meant.
#[must_use]
pub fn without_consequences(file: &SourceFile, findings: Vec<Finding>) -> Vec<Finding> {
    let is_broken = |it: &Finding| it.code == Code::TomlSyntax;
    let broken: Vec<_> = findings.iter().filter(|it| is_broken(it)).collect();
    if broken.is_empty() {
        return findings;
    }
    let mut headers = vec![0];
    let mut at = 0;
    for line in file.text().split_inclusive('\n') {
        if line.trim_start().starts_with('[') {
            headers.push(at);
        }
        at += line.len();
    }
    let table = |byte: usize| headers.partition_point(|header| *header <= byte);
    let line = |byte: usize| file.line(byte);
    let places = broken.iter().map(|it| it.primary.span.start);
    let places: Vec<_> = places.map(|byte| (table(byte), line(byte))).collect();
    let follows = |it: &Finding| {
        let byte = it.primary.span.start;
        let (table, line) = (table(byte), line(byte));
        places.iter().any(|(broken, from)| *broken == table && *from <= line)
    };
    // Where a list or an inline table lost its end, every line below begins with what it lacks.
    let lines: Vec<_> = file.text().lines().collect();
    let is_blank = |line: usize| lines.get(line - 1).is_some_and(|it| it.trim().is_empty());
    let goes_on = |it: &Finding| {
        let at = file.position(it.primary.span.start);
        let indent = lines.get(at.line - 1).map_or(0, |it| it.len() - it.trim_start().len());
        let lacks = |it: &String| LACKS.iter().any(|lack| it.trim_start().starts_with(lack));
        let above = (1..at.line).rev().find(|line| !is_blank(*line));
        at.column == indent + 1
            && it.details.iter().any(lacks)
            && above.is_some_and(|above| places.iter().any(|(_, line)| *line == above))
    };
    let keeps = |it| if is_broken(it) { !goes_on(it) } else { !follows(it) };
    let kept = findings.iter().map(keeps).collect::<Vec<_>>();
    findings.into_iter().zip(kept).filter_map(|(it, kept)| kept.then_some(it)).collect()
}
