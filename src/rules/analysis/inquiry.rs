//! Single questions about the rules of a file, for those who want a stream to show.

use super::search::{Answer, Asker, Blockers};
use super::{Budget, Purse, Space};
use crate::rules::ir::{Checked, RuleId, RuleSet, Written};
use crate::rules::lang::{Exhausted, Smallest};
use crate::rules::stream::Stream;

/// What a question is answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// A smallest stream.
    Stream(Stream),
    /// That there is none.
    Nothing,
    /// The budget did not suffice to tell.
    NotProven,
}

/// Rules prepared for questions. All answers together stay within one [`Budget`], and depend on
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
    pub fn won_with(&mut self, id: RuleId, test: &Written<'_>) -> Found {
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
    pub fn contested(&mut self, first: RuleId, later: RuleId) -> Found {
        if self.space.same_outcome(first, later) {
            return Found::Nothing;
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
    ) -> Found {
        let meter = self.purse.meter();
        let mut asker = Asker { space: &self.space, texts: &mut self.texts, meter };
        let answer = question(&mut asker);
        self.purse.spent += asker.meter.spent();
        match answer {
            Ok(Answer::Stream(stream)) => Found::Stream(stream),
            Ok(Answer::None(_)) => Found::Nothing,
            Err(Exhausted) => Found::NotProven,
        }
    }
}
