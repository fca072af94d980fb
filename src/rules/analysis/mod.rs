//! # Can this rule ever win?
//!
//! Rules are tried in file order; the first that holds for a stream wins it. So a rule is alive
//! exactly if it holds for some stream for which no rule above it does. All verdicts follow from
//! that line: such a stream is the **witness** that a rule is reachable; where there is none, the
//! rules above that take every stream of it are its **cover**; and a rule that holds for no stream
//! at all has conditions in **conflict**. What is reported is a proof, never a guess.
//!
//! ```text
//! 1  primary_cwd = "~/work/acme/*"           wins /home/u/work/acme/
//! 2  primary_cwd = "~/work/acme/secret/*"    holds for /home/u/work/acme/secret/, taken by 1
//! 3  agent = "*"                             wins any agent elsewhere
//! ```
//!
//! ## The idea
//!
//! There are infinitely many streams, but one good question leads to the next. Take the smallest
//! stream for which rule 2 holds. If no rule above holds for it, it is the witness, and a smallest
//! one. If rule 1 does, look only where rule 1 does not hold, for the smallest stream there:
//!
//! ```text
//! cwd in ~/work/acme/secret/*          smallest: /home/u/work/acme/secret/   rule 1 holds
//! └─ … and not in ~/work/acme/*        none                                  dead: 1 covers 2
//! ```
//!
//! A rule with conditions on several fields is left in several ways, each a branch of its own; the
//! branch with the smallest stream is followed first (`search`). What is assumed on a branch is a
//! conjunction of tests passed and tests failed, and fields know nothing of each other, so that the
//! smallest stream of a branch is the smallest value of every field (`cell`): the first number of
//! a set of intervals, or the smallest text in some languages and not in others, for which all
//! their automata walk side by side ([`smallest`](super::lang::smallest)).
//!
//! When no branch is left the rules that were met are a cover, since no others were needed to see
//! it. Members are dropped one by one as long as the rest still covers (`cover`). One rule that
//! covers alone is preferred to several, and rules that give other tags to rules that give the
//! same: the first is a wrong bill, the second only clutter.
//!
//! The same search, over the rules of two files at once, tells what an edit changes
//! ([`difference()`]).
//!
//! ## What always holds
//!
//! INVARIANT (witness): a witness is won by the rule it was found for, and no smaller stream is.
//!
//! INVARIANT (cover): every stream of a rule is taken by the rules of its cover; without any one of
//! them, some stream is not.
//!
//! INVARIANT (steps): a verdict depends on the rules and the budget alone: not on time, on the
//! machine or on the order of a hash table.
//!
//! Streams are as in the description of the language: texts in NFC, the empty one included; any set
//! of them where a field is a set; durations from 0 on; any day with any time. That totals add up,
//! or that an agent has a name, is nobody's promise and is not assumed.
//!
//! ## Cost, and what this does not do
//!
//! A rule whose smallest stream is its own costs one look into an index of rules (`finder`). The
//! worst case is exponential: whether patterns cover each other is PSPACE-complete, whether
//! conjunctions do is NP-complete even without patterns. Hence the [`Budget`] of steps; a rule that
//! exceeds it is [`Verdict::NotProven`], and the others get their verdicts all the same.
//!
//! Where a rule has more than eight conditions on one set of texts, its streams may be somewhat larger
//! than the smallest; the verdict is exact all the same. Two rules count as having the same outcome
//! only if their templates are written alike and so are the conditions that fill them.
//!
//! Held to brute force in `tests/rules/verdicts.rs` and `laws` here; its steps are pinned in
//! `tests/rules/cost.rs`.

mod agree;
mod aside;
mod cell;
mod cover;
mod difference;
mod finder;
mod formula;
mod inquiry;
#[cfg(test)]
mod laws;
mod outcome;
mod partial;
mod search;

use std::cmp::{max, min};

pub use difference::{Difference, Pair, Territory, difference};

use super::ir::{Checked, Rule, RuleId, RuleSet};
use super::lang::{Automata, Meter, Smallest};
use super::stream::Stream;
use crate::diag::Code;
use finder::Finder;
use formula::{Claims, Formula, Literal};
pub use inquiry::Inquiry;
use outcome::OutcomeId;
pub use partial::{Known, Possible, Winners, winners};
use search::Asker;

/// What to find out, and how hard to try.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// The work allowed.
    pub budget: Budget,
    /// Whether to look for rules that overlap. Asks about every pair of rules.
    pub overlaps: bool,
    /// Whether to look for what reachable rules lose. Asks about every pair of rules.
    pub losses: bool,
}

/// How many steps may be taken. A step is a state of an automaton looked at, a rule tried on a
/// stream, and the like; a million of them take about a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// For the verdict of one rule, and as many again for what is told beside it; for a pair of
    /// rules of two files.
    pub per_rule: u64,
    /// For all rules together. When it is used up, each rule left may still take a few.
    pub total: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { per_rule: 100_000, total: 5_000_000 }
    }
}

/// What every rule may take, however much others took.
const FLOOR: u64 = 1_000;

/// What was found out about the rules of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Analysis {
    /// One per rule, in the order of the file.
    pub rules: Vec<Judgement>,
    /// Rules that share streams while neither contains the other, if asked for.
    pub overlaps: Vec<Overlap>,
    /// How many pairs of rules the budget did not suffice for.
    pub pairs_left: u64,
    /// The steps taken.
    pub steps: u64,
}

impl Analysis {
    /// Whether findings of a code were looked for in all rules to the end: for what analyses find,
    /// that the budget sufficed.
    #[must_use]
    pub fn is_complete(&self, code: Code) -> bool {
        const VERDICTS: [Code; 4] =
            [Code::Unsatisfiable, Code::Shadowed, Code::Unreachable, Code::Redundant];
        let proven = |it: &Judgement| !matches!(it.verdict, Verdict::NotProven { .. });
        if code == Code::Overlap {
            self.pairs_left == 0
        } else {
            !VERDICTS.contains(&code) || self.rules.iter().all(proven)
        }
    }
}

/// What was found out about a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// Whether it can win.
    pub verdict: Verdict,
    /// That it changes nothing although it can win; only if it is proven.
    pub redundant: Option<Redundant>,
    /// A stream that it matches and that goes to an earlier rule with another outcome. Of a rule
    /// that can win a smallest one, if asked for ([`Options::losses`]); of one that cannot, and
    /// that is not covered by rules with its own outcome, a small one, if there is any.
    pub loss: Option<Loss>,
    /// Of a shadowed rule that has a loss: that it lives right above the rule that covers it, and
    /// lets that one live; only if it is proven.
    pub raised: Option<Raised>,
}

/// Whether a rule can win. A disabled rule is judged as if it were enabled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It can.
    Reachable {
        /// A smallest stream that it wins.
        witness: Stream,
    },
    /// It cannot: one earlier rule takes all of its streams.
    Shadowed {
        /// That rule.
        by: RuleId,
        /// Whether that rule gives the same tags and project.
        same_effect: bool,
        /// What else would have to go before this rule can win.
        others: Others,
        /// A smallest stream that it matches and does not win.
        lost: Stream,
    },
    /// It cannot: several earlier rules take all of its streams, and no single one does.
    Unreachable {
        /// A minimal set of such rules.
        cover: Cover,
        /// Whether all of them give the same tags and project as this rule.
        same_effect: bool,
        /// What else would have to go before this rule can win.
        others: Others,
        /// A smallest stream that it matches and does not win.
        lost: Stream,
    },
    /// No stream satisfies its conditions.
    Unsatisfiable {
        /// A minimal set of its conjuncts, by index, that exclude each other.
        conflict: Vec<usize>,
    },
    /// The budget did not suffice to tell.
    NotProven {
        /// The steps taken in vain.
        spent: u64,
    },
}

/// How many other minimal sets of earlier rules take all streams of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Others {
    /// So many at least.
    pub count: u32,
    /// Whether counting stopped there, so that there may be more.
    pub more: bool,
}

/// A minimal set of rules that take all streams of another: those with another outcome first, then
/// in the order of the file. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cover(Vec<RuleId>);

impl Cover {
    /// The rules, at least one.
    #[must_use]
    pub fn rules(&self) -> &[RuleId] {
        &self.0
    }
}

/// Proof that a rule which can win changes nothing: without it, every stream that it wins would go
/// to a rule that gives the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redundant {
    /// A minimal set of later rules that would do so, in the order of the file.
    pub later: Vec<RuleId>,
}

/// What a rule loses to an earlier rule with another outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loss {
    /// The stream.
    pub stream: Stream,
    /// The rule that takes it.
    pub to: RuleId,
}

/// Proof that a rule and the one that shadows it both win something, once the shadowed one stands
/// right above the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raised {
    /// The rule that shadows it now.
    pub above: RuleId,
    /// A stream that the rule would win there; now it goes to the other.
    pub wins: Stream,
    /// A stream that the other would still win.
    pub leaves: Stream,
}

/// Two rules that share streams, each of which has streams that the other has not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overlap {
    /// The earlier.
    pub first: RuleId,
    /// The later.
    pub second: RuleId,
    /// A smallest stream for which both hold.
    pub witness: Stream,
}

/// Judges every rule. Depends on the rules and the options alone.
#[must_use]
pub fn analyse(rules: &Checked<RuleSet>, options: &Options) -> Analysis {
    analyse_rules(&rules.rules, options)
}

fn analyse_rules(rules: &[Rule], options: &Options) -> Analysis {
    let mut texts = Smallest::default();
    let space = Space::new(rules, &mut texts.automata);
    let mut purse = Purse { budget: options.budget, spent: 0 };
    let mut judgements: Vec<Judgement> = Vec::with_capacity(rules.len());
    for rule in rules {
        let mut judgement = space.judge(rule.info.id, options, &mut texts, &mut purse);
        judgement.raised =
            space.raised(rule.info.id, &judgement, &judgements, &mut texts, &mut purse);
        judgements.push(judgement);
    }
    let (overlaps, pairs_left) = match options.overlaps {
        true => aside::overlaps(&space, &mut texts, &mut purse),
        false => (Vec::new(), 0),
    };
    Analysis { rules: judgements, overlaps, pairs_left, steps: purse.spent }
}

/// The budget, and what of it is gone.
struct Purse {
    budget: Budget,
    spent: u64,
}

impl Purse {
    /// What a question about one rule may take.
    fn meter(&self) -> Meter {
        let left = self.budget.total.saturating_sub(self.spent);
        Meter::new(min(self.budget.per_rule, max(left, FLOOR)))
    }

    /// What counting the other covers of a rule may take; many rules have very many.
    fn small_meter(&self) -> Meter {
        Meter::new(self.meter().left() / 8)
    }

    fn is_empty(&self) -> bool {
        self.spent >= self.budget.total
    }
}

/// The rules, prepared for questions.
struct Space<'r> {
    rules: &'r [Rule],
    /// Per rule, its conjuncts.
    formulas: Vec<Vec<Formula>>,
    claims: Claims<'r>,
    outcomes: Vec<OutcomeId>,
    /// Per rule, where the rules of its outcome that follow it without a gap end.
    runs: Vec<usize>,
    finder: Finder,
}

impl<'r> Space<'r> {
    fn new(rules: &'r [Rule], automata: &mut Automata) -> Self {
        let mut claims = Claims::default();
        let formulas = rules.iter().map(|rule| claims.lower(rule, automata)).collect();
        let (outcomes, finder) = (outcome::outcomes(rules), Finder::new(rules));
        let mut runs: Vec<_> = (1..=rules.len()).collect();
        for at in (1..rules.len()).rev() {
            if outcomes[at - 1] == outcomes[at] {
                runs[at - 1] = runs[at];
            }
        }
        Self { rules, formulas, claims, outcomes, runs, finder }
    }

    fn judge(
        &self,
        id: RuleId,
        options: &Options,
        texts: &mut Smallest,
        purse: &mut Purse,
    ) -> Judgement {
        let mut asker = Asker { space: self, texts, meter: purse.meter() };
        let verdict = asker.verdict(id);
        purse.spent += asker.meter.spent();
        let spent = asker.meter.spent();
        let mut judgement = Judgement {
            verdict: verdict.unwrap_or(Verdict::NotProven { spent }),
            redundant: None,
            loss: None,
            raised: None,
        };
        // What is told beside the verdict has a meter of its own, and is left out beyond it.
        let dead =
            matches!(judgement.verdict, Verdict::Shadowed { .. } | Verdict::Unreachable { .. });
        asker.meter = if dead { purse.small_meter() } else { purse.meter() };
        match &mut judgement.verdict {
            Verdict::Reachable { witness } => {
                judgement.redundant = asker.redundant(id, witness).unwrap_or_default();
                if options.losses {
                    asker.meter = purse.meter();
                    judgement.loss = asker.smallest_loss(id).unwrap_or_default();
                }
            }
            Verdict::Shadowed { by, others, lost, .. } => {
                let by = [*by];
                judgement.loss = asker.loss(id, &by, lost).unwrap_or_default();
                *others = asker.others(id, &by);
            }
            Verdict::Unreachable { cover, others, lost, .. } => {
                judgement.loss = asker.loss(id, cover.rules(), lost).unwrap_or_default();
                *others = asker.others(id, cover.rules());
            }
            Verdict::Unsatisfiable { .. } | Verdict::NotProven { .. } => {}
        }
        purse.spent += asker.meter.spent();
        judgement
    }

    /// What becomes of a shadowed rule right above the rule that covers it; `before` are the
    /// judgements of the rules above. A question is asked only where no stream at hand answers it.
    fn raised(
        &self,
        id: RuleId,
        judgement: &Judgement,
        before: &[Judgement],
        texts: &mut Smallest,
        purse: &mut Purse,
    ) -> Option<Raised> {
        let (Verdict::Shadowed { by, .. }, Some(loss)) = (&judgement.verdict, &judgement.loss)
        else {
            return None;
        };
        let Verdict::Reachable { witness } = &before.get(by.index())?.verdict else { return None };
        let mut asker = Asker { space: self, texts, meter: purse.small_meter() };
        let known = (loss.to == *by).then_some(&loss.stream);
        let raised = asker.raised(id, *by, known, witness).unwrap_or_default();
        purse.spent += asker.meter.spent();
        raised
    }

    fn ids(&self) -> impl DoubleEndedIterator<Item = RuleId> {
        self.rules.iter().map(|rule| rule.info.id)
    }

    fn rule(&self, id: RuleId) -> &Rule {
        &self.rules[id.index()]
    }

    fn is_enabled(&self, id: RuleId) -> bool {
        self.rule(id).info.enabled
    }

    fn holds(&self, id: RuleId, stream: &Stream) -> bool {
        self.rule(id).holds(stream)
    }

    fn formula(&self, id: RuleId) -> &[Formula] {
        &self.formulas[id.index()]
    }

    /// The enabled rules after `first` and before `last` with an outcome other than that of `first`.
    fn others_between(&self, first: RuleId, last: RuleId) -> impl Iterator<Item = RuleId> {
        let mut at = first.index() + 1;
        std::iter::from_fn(move || {
            while let Some(rule) = self.rules.get(at).filter(|rule| rule.info.id < last) {
                let id = rule.info.id;
                let same = self.same_outcome(id, first);
                at = if same { self.runs[at] } else { at + 1 };
                if !same && rule.info.enabled {
                    return Some(id);
                }
            }
            None
        })
    }

    fn same_outcome(&self, a: RuleId, b: RuleId) -> bool {
        self.outcomes[a.index()] == self.outcomes[b.index()]
    }

    /// The literals that take a stream away from a rule that holds for it.
    fn ways_out(&self, id: RuleId, stream: &Stream) -> Vec<Vec<Literal>> {
        let conjuncts = self.formula(id).iter();
        conjuncts.flat_map(|it| it.remedies(false, &self.claims, stream)).collect()
    }
}
