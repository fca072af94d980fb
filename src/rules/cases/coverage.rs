//! What no case would notice.
//!
//! Three things are counted, and of each only what is proven that a case could do:
//!
//! | | counted | covered where a passing case |
//! | --- | --- | --- |
//! | rules | enabled rules that can win | is won by it |
//! | conditions | tests that some stream satisfies while their rule wins it | is won by their rule, and satisfies them: passes, under `not` fails |
//! | orders | neighbours that would give some stream other tags if they changed places | is won by the first while the second holds too |
//!
//! A case names its rule, so of two neighbours that both hold for its stream it fails as soon as
//! they change places. What the budget does not suffice to prove is not counted.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, run};
use crate::diag::Span;
use crate::rules::Rules;
use crate::rules::analysis::{Analysis, Budget, Inquiry, Verdict};
use crate::rules::fill::Outcome;
use crate::rules::ir::{Checked, Rule, RuleId, RuleSet, Written};
use crate::rules::lang::Exhausted;
use crate::rules::stream::Stream;

/// How much there is, and how much of it is covered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// So much is covered …
    pub covered: u64,
    /// … of so much.
    pub total: u64,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { covered: self.covered + other.covered, total: self.total + other.total }
    }

    /// In percent, rounded down; of nothing, all.
    #[must_use]
    pub const fn percent(self) -> u64 {
        match (self.covered * 100).checked_div(self.total) {
            Some(percent) => percent,
            None => 100,
        }
    }

    const fn count(&mut self, covered: bool) {
        self.covered += covered as u64;
        self.total += 1;
    }
}

/// What the cases of a file cover.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    /// Rules that can win.
    pub rules: Tally,
    /// Tests that rules are made of.
    pub conditions: Tally,
    /// Neighbours whose order matters.
    pub orders: Tally,
    /// What is not covered: by rule, each first as a whole, then its conditions, then its order.
    pub gaps: Vec<Gap>,
    /// Of how many rules, conditions and orders it is not known whether a case could cover them.
    pub not_proven: u64,
}

impl Coverage {
    /// Everything together.
    #[must_use]
    pub const fn all(&self) -> Tally {
        self.rules.plus(self.conditions).plus(self.orders)
    }
}

/// Something that is not covered, with a stream that would do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// The rule, which wins the stream.
    pub rule: RuleId,
    /// What of it.
    pub kind: GapKind,
    /// A smallest such stream.
    pub stream: Stream,
}

/// What is not covered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GapKind {
    /// No case reaches the rule.
    Rule,
    /// No case that reaches the rule satisfies this test.
    Condition {
        /// The test.
        place: Span,
        /// Whether it stands under `not`.
        negated: bool,
        /// Whether a case reaches the rule at all.
        reached: bool,
    },
    /// The rule and the next could change places, and no case would fail.
    Order {
        /// The next rule.
        next: RuleId,
        /// What the stream would get.
        outcome: Outcome,
    },
}

/// What the cases cover. Beside running them this asks, within the `budget`, for a stream for
/// every condition and order that is not covered.
#[must_use]
pub fn coverage(
    rules: &Checked<RuleSet>,
    table: &Rules,
    analysis: &Analysis,
    cases: &[Case],
    budget: Budget,
) -> Coverage {
    let runs = run::run(cases, rules, table);
    let passing = cases.iter().zip(&runs).filter(|(_, run)| run.passed);
    let won = passing.filter_map(|(case, run)| Some((run.won.as_ref()?.0, &case.stream)));
    let mut by_rule: BTreeMap<_, Vec<_>> = BTreeMap::new();
    won.for_each(|(rule, stream)| by_rule.entry(rule).or_default().push(stream));
    let inquiry = Inquiry::new(rules, budget);
    let mut counter = Counter { table, won: by_rule, inquiry, coverage: Coverage::default() };
    let enabled: Vec<_> = rules.rules.iter().filter(|rule| rule.info.enabled).collect();
    for (at, rule) in enabled.iter().enumerate() {
        if let Some(judgement) = analysis.rules.get(rule.info.index()) {
            counter.rule(rule, &judgement.verdict);
        }
        if let Some(next) = enabled.get(at + 1) {
            counter.order(rule, next);
        }
    }
    counter.coverage
}

struct Counter<'r> {
    table: &'r Rules,
    /// Streams of passing cases, by the rule that wins them.
    won: BTreeMap<RuleId, Vec<&'r Stream>>,
    inquiry: Inquiry<'r>,
    coverage: Coverage,
}

impl<'r> Counter<'r> {
    fn streams(&self, id: RuleId) -> Vec<&'r Stream> {
        self.won.get(&id).cloned().unwrap_or_default()
    }

    fn rule(&mut self, rule: &Rule, verdict: &Verdict) {
        let id = rule.info.id;
        let streams = self.streams(id);
        let reached = !streams.is_empty();
        match verdict {
            _ if reached => self.coverage.rules.count(true),
            Verdict::Reachable { witness } => {
                self.coverage.rules.count(false);
                let stream = witness.clone();
                self.coverage.gaps.push(Gap { rule: id, kind: GapKind::Rule, stream });
            }
            Verdict::NotProven { .. } => self.coverage.not_proven += 1,
            Verdict::Shadowed { .. }
            | Verdict::Unreachable { .. }
            | Verdict::Unsatisfiable { .. } => return,
        }
        for test in rule.conjuncts.iter().flat_map(|conjunct| conjunct.tests()) {
            self.condition(id, &test, &streams);
        }
    }

    fn condition(&mut self, rule: RuleId, test: &Written<'_>, streams: &[&Stream]) {
        let satisfied =
            |stream: &&Stream| test.atoms.iter().any(|atom| atom.holds(stream)) != test.negated;
        if streams.iter().any(satisfied) {
            return self.coverage.conditions.count(true);
        }
        match self.inquiry.won_with(rule, test) {
            Ok(Some(stream)) => {
                self.coverage.conditions.count(false);
                let Written { place, negated, .. } = *test;
                let kind = GapKind::Condition { place, negated, reached: !streams.is_empty() };
                self.coverage.gaps.push(Gap { rule, kind, stream });
            }
            Ok(None) => {}
            Err(Exhausted) => self.coverage.not_proven += 1,
        }
    }

    fn order(&mut self, rule: &Rule, next: &Rule) {
        let (first, second) = (rule.info.id, next.info.id);
        let shared = |stream: &&Stream| next.holds(stream);
        let shared: Vec<_> = self.streams(first).into_iter().filter(shared).collect();
        if shared.iter().any(|stream| self.differ(first, second, stream)) {
            return self.coverage.orders.count(true);
        }
        match self.inquiry.contested(first, second) {
            Ok(Some(stream)) if self.differ(first, second, &stream) => {
                self.coverage.orders.count(!shared.is_empty());
                if shared.is_empty() {
                    let outcome = self.table.outcome(second, &stream);
                    let kind = GapKind::Order { next: second, outcome };
                    self.coverage.gaps.push(Gap { rule: first, kind, stream });
                }
            }
            Ok(None) => {}
            // It is not known of every stream that both give the same.
            Ok(Some(_)) | Err(Exhausted) => self.coverage.not_proven += 1,
        }
    }

    /// Whether two rules give the stream something else.
    fn differ(&self, first: RuleId, second: RuleId, stream: &Stream) -> bool {
        let outcome = |id| {
            let Outcome { tags, project } = self.table.outcome(id, stream);
            (tags.into_iter().collect::<BTreeSet<_>>(), project)
        };
        outcome(first) != outcome(second)
    }
}
