//! Single questions about the rules of a file, for those who want a stream to show.

use super::search::{Answer, Asker, Blockers};
use super::{Budget, Purse, Space};
use crate::rules::ir::{Checked, RuleId, RuleSet, Written};
use crate::rules::lang::{Exhausted, Smallest};
use crate::rules::stream::Stream;

/// Rules prepared for questions. An answer is a smallest stream, or that there is none; or that
/// the budget does not suffice to tell. All answers together keep to one [`Budget`], and depend on
/// the rules, the budget and the questions alone.
pub struct Inquiry<'r> {
    space: Space<'r>,
    texts: Smallest,
    purse: Purse,
}

impl<'r> Inquiry<'r> {
    /// Prepares the rules. Costs a pass over their patterns.
    #[must_use]
    pub fn new(rules: &'r Checked<RuleSet>, budget: Budget) -> Self {
        let mut texts = Smallest::default();
        let space = Space::new(&rules.rules, &mut texts.automata);
        Self { space, texts, purse: Purse { budget, spent: 0 } }
    }

    /// A stream that the rule wins while one of its tests is as its condition wants it: passed, or
    /// failed where it stands under `not`.
    ///
    /// # Errors
    ///
    /// The budget does not suffice.
    pub fn won_with(
        &mut self,
        id: RuleId,
        test: &Written<'_>,
    ) -> Result<Option<Stream>, Exhausted> {
        let goal = [self.space.claims.any_of(&test.atoms, !test.negated)];
        let before = |it: RuleId| it < id;
        self.answer(|asker| {
            let goals = [asker.space.formula(id), &goal];
            asker.ask(&goals, Blockers::Where(&before), &mut Vec::new())
        })
    }

    /// A stream that `first` wins and `later` would win in its place. Nothing, too, if both are
    /// known to give the same to every such stream; if not, they may still happen to do so for the
    /// one that is found.
    ///
    /// # Errors
    ///
    /// The budget does not suffice.
    pub fn contested(&mut self, first: RuleId, later: RuleId) -> Result<Option<Stream>, Exhausted> {
        if self.space.same_outcome(first, later) {
            return Ok(None);
        }
        let before = |it: RuleId| it < first;
        self.answer(|asker| {
            let goals = [asker.space.formula(first), asker.space.formula(later)];
            asker.ask(&goals, Blockers::Where(&before), &mut Vec::new())
        })
    }

    fn answer(
        &mut self,
        question: impl FnOnce(&mut Asker<'_, 'r>) -> Result<Answer, Exhausted>,
    ) -> Result<Option<Stream>, Exhausted> {
        let meter = self.purse.meter();
        let mut asker = Asker { space: &self.space, texts: &mut self.texts, meter };
        let answer = question(&mut asker);
        self.purse.spent += asker.meter.spent();
        Ok(match answer? {
            Answer::Stream(stream) => Some(stream),
            Answer::None(_) => None,
        })
    }
}
