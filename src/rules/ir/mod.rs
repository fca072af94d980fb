//! # From what was written to what is meant
//!
//! Here names become fields, strings become patterns and sets of numbers, and everything that can
//! be wrong about a single rule is found. What comes out speaks of no TOML and no text any more:
//! closed enums that every later stage can match on without a branch for nonsense.
//!
//! A condition is a tree ([`Predicate`]) over tests of one field each ([`Atom`]). The `match` block
//! of the third Acme rule reads
//!
//! ```text
//! match = { primary_cwd = ["~/oss/*", "~/src/*"], agent = "claude-code" }
//!
//! All ── Any ── primary_cwd ~ "~/oss/*"
//!     │      └─ primary_cwd ~ "~/src/*"
//!     └─ agent ~ "claude-code"
//! ```
//!
//! and other ways of writing conditions lower into the same tree.
//!
//! INVARIANT (checked): a [`Checked`] is made by [`lower::check`] alone, and only when nothing in
//! the file is an error. The decision table accepts nothing else, so that a file is never half in
//! force is a matter of types.

mod checked;
pub mod eval;
pub mod lower;
pub mod pattern;

use std::fmt;

pub use checked::Checked;
pub use pattern::{Part, Pattern};

use super::fields::Field;
use super::lang::{Intervals, WeekdaySet};
use crate::diag::Span;

/// A rule, by its place in the file: counted from 0, disabled rules included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleId(pub(crate) u32);

impl RuleId {
    /// The place in the file, counted from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}", self.0 + 1)
    }
}

/// The rules of a file, with what they need to know of the machine.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// All rules in file order, disabled ones included.
    pub rules: Vec<Rule>,
    /// The directories that `~` stood for: in NFC, without a `/` at the end, none twice. Patterns
    /// hold them as text; these are for showing paths.
    pub homes: Vec<String>,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// How it is called and where it stands.
    pub info: RuleInfo,
    /// When it holds: where all of these do. They are what `and` joins at the top.
    pub conjuncts: Vec<Conjunct>,
    /// Where the rule begins: its `[[rules.auto_tag]]`.
    pub header: Span,
    /// The tags it gives.
    pub tags: Vec<Template>,
    /// The project it gives.
    pub project: Option<Template>,
}

/// A part of a condition that must hold by itself.
#[derive(Clone, Debug)]
pub struct Conjunct {
    /// When it holds.
    pub predicate: Predicate,
    /// Where it is written.
    pub place: Span,
    /// The tests it is written with, in order.
    pub leaves: Vec<Leaf>,
}

/// A test as it is written. A glob that begins with `~` is one test and as many atoms as there are
/// homes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// Where it is written.
    pub place: Span,
    /// How many atoms of the predicate it became, from left to right.
    pub atoms: usize,
}

/// A test with what became of it.
#[derive(Clone, Debug)]
pub struct Written<'r> {
    /// Where it is written.
    pub place: Span,
    /// The atoms, any of which may hold; at least one.
    pub atoms: Vec<&'r Atom>,
    /// Whether it stands under `not`, so that the condition wants it not to hold.
    pub negated: bool,
}

impl Conjunct {
    /// The tests it is written with, in order, but for those that nothing became of.
    #[must_use]
    pub fn tests(&self) -> Vec<Written<'_>> {
        let mut atoms = Vec::new();
        self.predicate.collect(false, &mut atoms);
        let mut atoms = atoms.into_iter();
        let test = |leaf: &Leaf| {
            let own: Vec<_> = atoms.by_ref().take(leaf.atoms).collect();
            let (_, negated) = *own.first()?;
            let atoms = own.into_iter().map(|(atom, _)| atom).collect();
            Some(Written { place: leaf.place, atoms, negated })
        };
        self.leaves.iter().filter_map(test).collect()
    }
}

/// What messages say about a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleInfo {
    /// Its place in the file.
    pub id: RuleId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its tags as they are written, captures not filled in.
    pub tags: Vec<String>,
    /// Its line in the file, counted from 1: that of its condition, else of its header.
    pub line: usize,
    /// Whether it takes part.
    pub enabled: bool,
}

impl RuleInfo {
    /// Its place in the file, counted from 0, disabled rules included.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.id.index()
    }

    /// Its name, or `rule 3` for the third rule if it has none.
    #[must_use]
    pub fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.id.to_string())
    }
}

/// When a rule holds.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Predicate {
    /// Where all of these hold; of none, everywhere.
    All(Vec<Predicate>),
    /// Where at least one of these holds; of none, nowhere.
    Any(Vec<Predicate>),
    /// Where this does not hold.
    Not(Box<Predicate>),
    /// Where one test holds.
    Atom(Atom),
}

impl Predicate {
    /// The atoms from left to right, and whether each stands under an odd number of `not`.
    fn collect<'p>(&'p self, negated: bool, found: &mut Vec<(&'p Atom, bool)>) {
        match self {
            Self::All(children) | Self::Any(children) => {
                children.iter().for_each(|child| child.collect(negated, found));
            }
            Self::Not(child) => child.collect(!negated, found),
            Self::Atom(atom) => found.push((atom, negated)),
        }
    }
}

impl Predicate {
    /// Whether it holds nowhere by its shape alone: no test is left in it, as where `~` stands for
    /// no directory.
    #[must_use]
    pub fn never_holds(&self) -> bool {
        match self {
            Self::All(children) => children.iter().any(Self::never_holds),
            Self::Any(children) => children.iter().all(Self::never_holds),
            Self::Not(_) | Self::Atom(_) => false,
        }
    }
}

/// A test of one field. On a field that the stream lacks it is false; on a set it is true where
/// some element passes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Atom {
    /// The field.
    pub field: Field,
    /// What its value must be.
    pub test: Test,
}

/// What a value must be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Test {
    /// Any value.
    Present,
    /// A text that the pattern matches.
    Glob(Pattern),
    /// A text other than this one, which is in NFC.
    IsNot(String),
    /// One of these days.
    Weekday(WeekdaySet),
    /// A number in these ranges.
    Within(Intervals),
}

/// Text with holes for captures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template(pub Vec<TemplatePart>);

/// A part of a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TemplatePart {
    /// Taken as it is.
    Text(String),
    /// What was captured under this name; every match of the rule captures it.
    Capture(String),
}

/// The template as it is written: `client:<client>`.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            TemplatePart::Text(text) => f.write_str(text),
            TemplatePart::Capture(name) => write!(f, "<{name}>"),
        })
    }
}
