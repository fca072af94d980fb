//! The search for a smallest stream.
//!
//! A question names conditions that must hold and rules, the *blockers*, that must not. The search
//! starts from the cell of all streams that satisfy what the conditions plainly demand, and takes
//! cells in the order of their smallest streams:
//!
//! ```text
//! smallest stream of the cell
//!   ├─ a condition fails on it ──▶ one cell per way to satisfy the condition
//!   ├─ a blocker holds on it ────▶ one cell per way to falsify the blocker
//!   └─ neither ──────────────────▶ the answer, and none is smaller
//! ```
//!
//! The cells that take the place of another hold all of its streams that may be an answer, and none
//! of them the stream just looked at. Every step down adds a literal, and literals are finitely
//! many, so the search ends. If it ends without an answer, the blockers that it met take every
//! stream between them: it would not have asked for any other.
//!
//! Who asks may turn down a stream that would be the answer, and says what others could be like
//! ([`Asker::ask_until`]). Such wishes are made up on the way, so that only the budget bounds them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use foldhash::fast::FixedState;

use super::Space;
use super::cell::{Cell, Node};
use super::formula::{Formula, Literal, Wish};
use crate::rules::ir::RuleId;
use crate::rules::lang::{Exhausted, Meter, Smallest};
use crate::rules::stream::Stream;

/// What a search says.
#[derive(Debug)]
pub(super) enum Answer {
    /// The smallest stream.
    Stream(Stream),
    /// There is none; these blockers suffice to see it.
    None(BTreeSet<RuleId>),
}

/// Rules that must not hold.
#[derive(Clone, Copy)]
pub(super) enum Blockers<'b> {
    /// These few.
    These(&'b [RuleId]),
    /// Enabled rules of which this is true.
    Where(&'b dyn Fn(RuleId) -> bool),
}

/// Ways to be other than a stream, each some wishes.
pub(super) type Ways = Vec<Vec<Wish>>;

/// What is wrong with a stream that would be the answer: nothing, or ways to be other than it.
pub(super) type TurnDown<'t> =
    &'t mut dyn FnMut(&Stream, &mut Smallest, &mut Meter) -> Result<Option<Ways>, Exhausted>;

/// Asks questions.
pub(super) struct Asker<'a, 'r> {
    pub(super) space: &'a Space<'r>,
    pub(super) texts: &'a mut Smallest,
    pub(super) meter: Meter,
}

impl Asker<'_, '_> {
    /// The smallest stream on which all `goals` hold and no blocker does.
    ///
    /// `models` collects the streams met on which the goals hold, smallest first.
    pub(super) fn ask(
        &mut self,
        goals: &[&[Formula]],
        blockers: Blockers<'_>,
        models: &mut Vec<Stream>,
    ) -> Result<Answer, Exhausted> {
        self.ask_until(goals, blockers, models, &mut |_, _, _| Ok(None))
    }

    /// The smallest such stream that is not turned down.
    ///
    /// Who turns a stream down gives ways to be other than it: every stream that would not be
    /// turned down is in one of them, and the stream itself is in none.
    pub(super) fn ask_until(
        &mut self,
        goals: &[&[Formula]],
        blockers: Blockers<'_>,
        models: &mut Vec<Stream>,
        turn_down: TurnDown<'_>,
    ) -> Result<Answer, Exhausted> {
        let claims = &self.space.claims;
        let goals = || goals.iter().copied().flatten();
        let mut literals = Vec::new();
        goals().for_each(|goal| goal.necessary(true, &mut literals));
        let mut queue = BTreeMap::new();
        let mut known: HashSet<Cell, FixedState> = HashSet::default();
        let root = Node::default().with(&literals, claims, self.texts, &mut self.meter)?;
        queue.extend(root.map(|root| ((root.model.size(), Reverse(0)), root)));
        let mut used = BTreeSet::new();
        while let Some((_, node)) = queue.pop_first() {
            self.meter.spend(1)?;
            let remedies = match goals().find(|goal| !goal.holds(claims, &node.model)) {
                Some(goal) => wishes(goal.remedies(true, claims, &node.model)),
                None => {
                    models.push(node.model.clone());
                    match self.first_blocker(blockers, &node.model)? {
                        Some(blocker) => {
                            used.insert(blocker);
                            wishes(self.space.ways_out(blocker, &node.model))
                        }
                        None => match turn_down(&node.model, self.texts, &mut self.meter)? {
                            Some(ways) => ways,
                            None => return Ok(Answer::Stream(node.model)),
                        },
                    }
                }
            };
            for way in remedies {
                let next = node.with_wishes(&way, claims, self.texts, &mut self.meter)?;
                if let Some(next) = next.filter(|next| known.insert(next.cell.clone())) {
                    queue.insert((next.model.size(), Reverse(known.len())), next);
                }
            }
        }
        Ok(Answer::None(used))
    }

    fn first_blocker(
        &mut self,
        blockers: Blockers<'_>,
        stream: &Stream,
    ) -> Result<Option<RuleId>, Exhausted> {
        match blockers {
            Blockers::These(few) => {
                self.meter.spend(few.len() as u64)?;
                Ok(few.iter().copied().find(|id| self.space.holds(*id, stream)))
            }
            Blockers::Where(accept) => {
                self.space.finder.first(self.space.rules, stream, accept, &mut self.meter)
            }
        }
    }
}

fn wishes(ways: Vec<Vec<Literal>>) -> Ways {
    let each = ways.into_iter();
    each.map(|way| way.into_iter().map(Wish::Literal).collect()).collect()
}
