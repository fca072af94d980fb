//! Whether a case passes: the compiled table decides its stream, as it would decide any other.

use std::collections::BTreeSet;

use super::{Case, Expect};
use crate::diag::Span;
use crate::rules::fill::Outcome;
use crate::rules::ir::{RuleId, RuleSet};
use crate::rules::{Rules, Scratch};

/// What became of a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The rule that won its stream, and what it gave.
    pub won: Option<(RuleId, Outcome)>,
    /// Whether that is what the case expects.
    pub passed: bool,
    /// If another rule was to win, why it did not.
    pub why: Option<Why>,
}

/// Why a rule did not win a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// It is switched off.
    Off,
    /// These conditions of it do not hold.
    Fails(Vec<Span>),
    /// It holds, but another comes first.
    Later,
}

/// Runs the cases. Costs a search each.
#[must_use]
pub fn run(cases: &[Case], rules: &RuleSet, table: &Rules) -> Vec<Run> {
    let mut scratch = Scratch::default();
    cases.iter().map(|case| one(case, rules, table, &mut scratch)).collect()
}

fn one(case: &Case, rules: &RuleSet, table: &Rules, scratch: &mut Scratch) -> Run {
    let winner = table.first_match_with(&case.stream, scratch);
    let won = winner.map(|id| (id, table.outcome(id, &case.stream)));
    let (passed, why) = match &case.expect {
        Expect::Nothing => (won.is_none(), None),
        Expect::Rule { rule, tags, project } => {
            let given = won.as_ref().filter(|(id, _)| id == rule).map(|(_, outcome)| outcome);
            let passed = given.is_some_and(|outcome| {
                outcome.tags.iter().collect::<BTreeSet<_>>() == tags.iter().collect()
                    && (project.is_none() || *project == outcome.project)
            });
            (passed, if given.is_none() { why(*rule, case, rules) } else { None })
        }
    };
    Run { won, passed, why }
}

/// Why a rule does not win the stream of a case, as it does not.
fn why(id: RuleId, case: &Case, rules: &RuleSet) -> Option<Why> {
    let rule = rules.rules.get(id.index())?;
    if !rule.info.enabled {
        return Some(Why::Off);
    }
    let failing = rule.conjuncts.iter().filter(|it| !it.predicate.holds(&case.stream));
    let failing: Vec<_> = failing.map(|conjunct| conjunct.place).collect();
    Some(if failing.is_empty() { Why::Later } else { Why::Fails(failing) })
}
