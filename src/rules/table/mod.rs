//! # The decision table: all rules at once
//!
//! The question is which rule, in file order, is the first whose condition holds. Asking rule by
//! rule costs every stream the whole list; the table turns the question round. It asks each value
//! of the stream once, *what do you decide?*:
//!
//! ```text
//!   value                       decides    and passes, for conditions that ask
//!   "/home/sami/oss/tt"         rule 7     ~/oss/*  ─┐
//!   "claude-code"               nothing    claude-code ─┴─▶ rule 3: asks for both
//!
//!   the first match: the smallest of 7, 3
//! ```
//!
//! 1. `plan` says of each rule which test decides it, or off which test its condition hangs.
//! 2. [`text`] keeps the patterns of a field by their shapes, [`number`] ranges of numbers and days.
//! 3. A value's answer is the smallest rule that it decides alone, and the *tracks* it passes:
//!    patterns that conditions ask for. The answer depends on nothing but the value, so the engine
//!    keeps it for the next stream.
//! 4. [`condition`]s hang off tracks and numbers. One is asked only when its trigger has passed and
//!    its rule is smaller than the best so far, and answered from tracks, without a pattern.
//!
//! Rules are numbers in file order, so "first" is "smallest", and whatever cannot be smaller than
//! the best so far is not looked at.
//!
//! INVARIANT (immutable): nothing in a table changes after it is built; what a search needs to
//! remember is in the caller's scratch.
//!
//! Cost: building is linear in the text of the rules, but for sorting. A search costs about the
//! length of the values, plus the conditions whose trigger has passed.
//!
//! Held to the rule-by-rule interpreter in `tests/rules/`.

pub mod condition;
pub mod dump;
pub mod number;
mod plan;
#[cfg(test)]
mod tests;
pub mod text;

use super::fields::{FIELDS, Field, Type};
use super::ir::{Checked, Rule, RuleId, RuleSet};
use super::lang::Intervals;
pub use condition::{Fact, ResidualId, Residuals};
use number::NumberTable;
use plan::Plan;
use text::{TextCache, TextTable, Wanted};

/// No rule: greater than any.
pub const NO_RULE: RuleId = RuleId(u32::MAX);

/// A pattern that conditions ask for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TrackId(pub u32);

impl TrackId {
    /// Of a pattern that no condition asks for.
    pub const NONE: Self = Self(u32::MAX);

    /// As an index.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A rule that holds if what is left of its condition does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Hook {
    /// The rule.
    pub rule: RuleId,
    /// What is left to ask.
    pub residual: ResidualId,
}

/// The patterns of a text field.
#[derive(Debug)]
pub struct TextField {
    /// The field.
    pub field: Field,
    /// Its patterns.
    pub table: TextTable,
    /// Whether conditions ask for values that fail a pattern, so that each value counts.
    pub every_value: bool,
}

/// All rules of a file, ready to decide streams.
#[derive(Debug)]
pub struct Table {
    texts: Vec<TextField>,
    numbers: Vec<(Field, NumberTable)>,
    /// Per track, the smallest rule that its pattern decides.
    decided: Vec<RuleId>,
    /// Per track, where its hooks end.
    hook_ends: Vec<u32>,
    hooks: Vec<Hook>,
    residuals: Residuals,
    /// Tests of numbers that residuals make.
    asked: Vec<(Field, Intervals)>,
    /// Conditions without a trigger, the smallest rule first.
    always: Vec<Hook>,
    /// How many conditions hang off no track.
    untracked: usize,
    /// The first rule that holds for every stream.
    unconditional: RuleId,
}

impl Table {
    /// Compiles the enabled rules.
    #[must_use]
    pub fn compile(rules: &Checked<RuleSet>) -> Self {
        Self::of(Plan::of(rules.rules.iter().filter(|rule| rule.info.enabled)))
    }

    /// Compiles rules that were made of checked ones: all of them.
    pub(super) fn of_rules(rules: &[Rule]) -> Self {
        Self::of(Plan::of(rules.iter()))
    }

    fn of(plan: Plan<'_>) -> Self {
        let mut texts = Vec::new();
        let mut numbers = Vec::new();
        for info in FIELDS {
            match info.ty {
                Type::Text | Type::TextSet => texts.extend(text_field(&plan, info.field)),
                Type::Duration | Type::TimeOfDay | Type::Weekday => {
                    let table = number_table(&plan, info.field);
                    numbers.extend(table.map(|table| (info.field, table)));
                }
            }
        }
        let tracked = || plan.texts.iter().filter(|test| test.track != TrackId::NONE);
        let mut decided = Vec::with_capacity(tracked().count());
        let mut hook_ends = Vec::with_capacity(tracked().count());
        let mut hooks = Vec::new();
        for test in tracked() {
            decided.push(test.decided);
            hooks.extend_from_slice(&test.hooks);
            hook_ends.push(hooks.len() as u32);
        }
        hooks.shrink_to_fit();
        let asked = plan.numbers.iter().filter(|test| test.asked.is_some());
        let mut asked: Vec<_> = asked.map(|test| (test.field, test.within.clone())).collect();
        asked.shrink_to_fit();
        let off_numbers = numbers.iter().map(|(_, table): &(_, NumberTable)| table.counts().1);
        Self {
            untracked: plan.always.len() + off_numbers.sum::<usize>(),
            texts,
            numbers,
            decided,
            hook_ends,
            hooks,
            residuals: plan.residuals,
            asked,
            always: plan.always,
            unconditional: plan.unconditional,
        }
    }

    /// The text fields that rules ask about.
    #[inline]
    #[must_use]
    pub fn texts(&self) -> &[TextField] {
        &self.texts
    }

    /// The tables of numbers, each with its field.
    #[inline]
    #[must_use]
    pub fn numbers(&self) -> &[(Field, NumberTable)] {
        &self.numbers
    }

    /// Per track, the smallest rule that its pattern decides.
    #[inline]
    #[must_use]
    pub fn decided(&self) -> &[RuleId] {
        &self.decided
    }

    /// The conditions that hang off a track, the smallest rule first.
    #[inline]
    #[must_use]
    pub fn hooks(&self, track: TrackId) -> &[Hook] {
        let at = track.index();
        let end = |at: usize| self.hook_ends.get(at).map(|end| *end as usize);
        let start = at.checked_sub(1).and_then(end).unwrap_or_default();
        end(at).and_then(|end| self.hooks.get(start..end)).unwrap_or_default()
    }

    /// The conditions that hang off nothing, the smallest rule first.
    #[inline]
    #[must_use]
    pub fn always(&self) -> &[Hook] {
        &self.always
    }

    /// How many conditions hang off no track: off numbers, or off nothing.
    #[inline]
    #[must_use]
    pub const fn untracked(&self) -> usize {
        self.untracked
    }

    /// What is left to ask of conditions.
    #[inline]
    #[must_use]
    pub const fn residuals(&self) -> &Residuals {
        &self.residuals
    }

    /// A test of a number that residuals make.
    #[inline]
    #[must_use]
    pub fn asked(&self, test: condition::NumberTestId) -> Option<&(Field, Intervals)> {
        self.asked.get(test.0 as usize)
    }

    /// The first rule that holds for every stream, or [`NO_RULE`].
    #[inline]
    #[must_use]
    pub const fn unconditional(&self) -> RuleId {
        self.unconditional
    }

    /// Whether a rule has a condition that must be asked.
    #[inline]
    #[must_use]
    pub fn has_conditions(&self) -> bool {
        self.residuals.memory_usage() > 0
    }

    /// Bytes that the table occupies, itself included.
    #[must_use]
    pub fn memory_usage(&self) -> usize {
        let texts: usize = self.texts.iter().map(|it| it.table.memory_usage()).sum();
        let numbers: usize = self.numbers.iter().map(|(_, table)| table.memory_usage()).sum();
        let asked: usize = self.asked.iter().map(|(_, set)| size_of_val(set.ranges())).sum();
        size_of::<Self>()
            + texts
            + numbers
            + asked
            + self.texts.capacity() * size_of::<TextField>()
            + self.numbers.capacity() * size_of::<(Field, NumberTable)>()
            + self.decided.capacity() * size_of::<RuleId>()
            + self.hook_ends.capacity() * size_of::<u32>()
            + self.hooks.capacity() * size_of::<Hook>()
            + self.residuals.memory_usage()
            + self.asked.capacity() * size_of::<(Field, Intervals)>()
            + self.always.capacity() * size_of::<Hook>()
    }

    /// Fresh caches for [`Table::texts`], in its order.
    #[must_use]
    pub fn caches(&self) -> Vec<TextCache> {
        self.texts.iter().map(|it| it.table.cache()).collect()
    }
}

fn text_field(plan: &Plan<'_>, field: Field) -> Option<TextField> {
    let tests = plan.texts.iter().filter(|test| test.field == field && test.rule != NO_RULE);
    let wanted: Vec<_> = tests
        .map(|test| Wanted { pattern: &test.pattern, rule: test.rule, track: test.track })
        .collect();
    let every_value = plan.failing.contains(&field);
    (!wanted.is_empty()).then(|| TextField { field, table: TextTable::new(&wanted), every_value })
}

fn number_table(plan: &Plan<'_>, field: Field) -> Option<NumberTable> {
    let tests = || plan.numbers.iter().filter(|test| test.field == field);
    let decided: Vec<_> = tests()
        .filter(|test| test.decided != NO_RULE)
        .map(|test| (&test.within, test.decided))
        .collect();
    let hooked: Vec<_> =
        tests().flat_map(|test| test.hooks.iter().map(|hook| (&test.within, *hook))).collect();
    let asked: Vec<_> =
        tests().filter(|test| test.asked.is_some()).map(|test| &test.within).collect();
    let needed = !decided.is_empty() || !asked.is_empty();
    needed.then(|| NumberTable::new(&decided, &hooked, &asked))
}
