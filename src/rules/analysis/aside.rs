//! What is told beside the verdicts: rules that change nothing, what rules lose, overlaps.

use std::collections::BTreeSet;

use super::search::{Answer, Asker, Blockers};
use super::{Loss, Overlap, Purse, Raised, Redundant, Space};
use crate::rules::fields::{Field, Type};
use crate::rules::ir::{Atom, Part, Predicate, Rule, RuleId, Test};
use crate::rules::lang::{Exhausted, Smallest};
use crate::rules::stream::Stream;

impl Asker<'_, '_> {
    /// Whether the rule, which wins `witness`, could go and nothing would change.
    ///
    /// It could if every stream that it wins is held by a later rule with its outcome, and no rule
    /// with another outcome comes before that one.
    pub(super) fn redundant(
        &mut self,
        id: RuleId,
        witness: &Stream,
    ) -> Result<Option<Redundant>, Exhausted> {
        let space = self.space;
        let heir = |other: RuleId| other > id && space.same_outcome(other, id);
        // Most rules have no heir for their witness already.
        if space.finder.first(space.rules, witness, &heir, &mut self.meter)?.is_none() {
            return Ok(None);
        }
        let all = |other: RuleId| other < id || heir(other);
        let Some(mut heirs) = self.heirs(id, &all)? else { return Ok(None) };
        let Some(last) = heirs.last().copied() else { return Ok(None) };
        // The first later rule for a stream is no later than the heir that holds for it.
        for other in space.others_between(id, last) {
            self.meter.spend(1)?;
            if !apart(space.rule(id), space.rule(other)) && self.intercepts(id, other)? {
                return Ok(None);
            }
        }
        // One alone is needed, since the rule wins something.
        let several = heirs.len() > 1;
        for dropped in heirs.clone().into_iter().rev().filter(|_| several) {
            let kept = heirs.clone();
            let rest = |it: RuleId| it < id || it != dropped && kept.contains(&it);
            if let Some(fewer) = self.heirs(id, &rest)? {
                heirs = fewer;
            }
        }
        Ok(Some(Redundant { later: heirs.into_iter().collect() }))
    }

    /// If `blockers` take every stream of the rule, the later ones among those needed.
    fn heirs(
        &mut self,
        id: RuleId,
        blockers: &dyn Fn(RuleId) -> bool,
    ) -> Result<Option<BTreeSet<RuleId>>, Exhausted> {
        let space = self.space;
        let goals = [space.formula(id)];
        match self.ask(&goals, Blockers::Where(blockers), &mut Vec::new())? {
            Answer::Stream(_) => Ok(None),
            Answer::None(met) => Ok(Some(met.into_iter().filter(|other| *other > id).collect())),
        }
    }

    /// Whether some stream that the rule wins goes to the later `other`, which has another outcome,
    /// before a rule with its own outcome could take it.
    fn intercepts(&mut self, id: RuleId, other: RuleId) -> Result<bool, Exhausted> {
        let space = self.space;
        let before = |it: RuleId| it < id || id < it && it < other && space.same_outcome(it, id);
        let goals = [space.formula(id), space.formula(other)];
        let answer = self.ask(&goals, Blockers::Where(&before), &mut Vec::new())?;
        Ok(matches!(answer, Answer::Stream(_)))
    }

    /// A small stream that the rule, which cannot win, loses to a rule with another outcome: its
    /// smallest one, or one that goes to a member of its cover.
    pub(super) fn loss(
        &mut self,
        id: RuleId,
        cover: &[RuleId],
        smallest: &Stream,
    ) -> Result<Option<Loss>, Exhausted> {
        let space = self.space;
        let mut found = Some(smallest.clone());
        for member in cover.iter().filter(|member| !space.same_outcome(**member, id)) {
            if let Some(stream) = found.take()
                && let Some(loss) = self.lost_to_another(id, stream)?
            {
                return Ok(Some(loss));
            }
            let before = |it: RuleId| it < *member && space.same_outcome(it, id);
            let goals = [space.formula(id), space.formula(*member)];
            if let Answer::Stream(stream) =
                self.ask(&goals, Blockers::Where(&before), &mut Vec::new())?
            {
                return self.lost_to_another(id, stream);
            }
        }
        Ok(None)
    }

    /// Who takes a stream from the rule, if that is a rule with another outcome.
    fn lost_to_another(&mut self, id: RuleId, stream: Stream) -> Result<Option<Loss>, Exhausted> {
        let space = self.space;
        let earlier = |it| it < id;
        let to = space.finder.first(space.rules, &stream, &earlier, &mut self.meter)?;
        Ok(to.filter(|to| !space.same_outcome(*to, id)).map(|to| Loss { stream, to }))
    }

    /// What a rule and `by`, which covers it, win if the rule stands right above `by`; nothing if
    /// either wins nothing. `wins` is a stream of the rule that goes to `by`, if one is known, and
    /// `witness` one that `by` wins now.
    pub(super) fn raised(
        &mut self,
        id: RuleId,
        by: RuleId,
        wins: Option<&Stream>,
        witness: &Stream,
    ) -> Result<Option<Raised>, Exhausted> {
        let space = self.space;
        let wins = match wins {
            Some(wins) => wins.clone(),
            // What no rule above `by` takes goes to `by`, since it covers the rule.
            None => match self.ask(
                &[space.formula(id)],
                Blockers::Where(&|it| it < by),
                &mut Vec::new(),
            )? {
                Answer::Stream(wins) => wins,
                Answer::None(_) => return Ok(None),
            },
        };
        let leaves = if space.holds(id, witness) {
            let before = |it: RuleId| it < by || it == id;
            match self.ask(&[space.formula(by)], Blockers::Where(&before), &mut Vec::new())? {
                Answer::Stream(leaves) => leaves,
                Answer::None(_) => return Ok(None),
            }
        } else {
            witness.clone()
        };
        Ok(Some(Raised { above: by, wins, leaves }))
    }

    /// The smallest stream that the rule loses to an earlier one with another outcome.
    pub(super) fn smallest_loss(&mut self, id: RuleId) -> Result<Option<Loss>, Exhausted> {
        let space = self.space;
        let mut smallest: Option<Stream> = None;
        let earlier = space.ids().filter(|it| *it < id && space.is_enabled(*it));
        for other in earlier.filter(|it| !space.same_outcome(*it, id)) {
            self.meter.spend(1)?;
            if apart(space.rule(id), space.rule(other)) {
                continue;
            }
            let before = |it: RuleId| it < other && space.same_outcome(it, id);
            let goals = [space.formula(id), space.formula(other)];
            let answer = self.ask(&goals, Blockers::Where(&before), &mut Vec::new())?;
            if let Answer::Stream(stream) = answer
                && smallest.as_ref().is_none_or(|smallest| stream.size() < smallest.size())
            {
                smallest = Some(stream);
            }
        }
        let Some(stream) = smallest else { return Ok(None) };
        self.lost_to_another(id, stream)
    }

    fn overlap(&mut self, first: RuleId, second: RuleId) -> Result<Option<Overlap>, Exhausted> {
        let space = self.space;
        let both = [space.formula(first), space.formula(second)];
        let Answer::Stream(witness) = self.ask(&both, Blockers::These(&[]), &mut Vec::new())?
        else {
            return Ok(None);
        };
        for (one, other) in [(first, second), (second, first)] {
            let goals = [space.formula(one)];
            let answer = self.ask(&goals, Blockers::These(&[other]), &mut Vec::new())?;
            if let Answer::None(_) = answer {
                return Ok(None);
            }
        }
        Ok(Some(Overlap { first, second, witness }))
    }
}

/// Every pair of enabled rules that overlap, and how many pairs the budget did not suffice for.
pub(super) fn overlaps(
    space: &Space<'_>,
    texts: &mut Smallest,
    purse: &mut Purse,
) -> (Vec<Overlap>, u64) {
    let (mut found, mut left) = (Vec::new(), 0);
    let enabled: Vec<_> = space.ids().filter(|id| space.is_enabled(*id)).collect();
    for (at, first) in enabled.iter().enumerate() {
        for second in enabled.iter().skip(at + 1) {
            purse.spent += 1;
            if purse.is_empty() {
                left += 1;
                continue;
            }
            if apart(space.rule(*first), space.rule(*second)) {
                continue;
            }
            let mut asker = Asker { space, texts, meter: purse.meter() };
            match asker.overlap(*first, *second) {
                Ok(overlap) => found.extend(overlap),
                Err(Exhausted) => left += 1,
            }
            purse.spent += asker.meter.spent();
        }
    }
    (found, left)
}

/// Whether two rules plainly share no stream: of a field with one value they demand different
/// beginnings.
pub(super) fn apart(a: &Rule, b: &Rule) -> bool {
    beginnings(a).any(|(field, one)| {
        let mut others = beginnings(b).filter(|(other, _)| *other == field);
        others.any(|(_, other)| !one.starts_with(other) && !other.starts_with(one))
    })
}

/// What texts of fields with one value have to begin with.
pub(super) fn beginnings(rule: &Rule) -> impl Iterator<Item = (Field, &str)> {
    rule.conjuncts.iter().filter_map(|conjunct| beginning(&conjunct.predicate))
}

fn beginning(predicate: &Predicate) -> Option<(Field, &str)> {
    match predicate {
        Predicate::All(children) | Predicate::Any(children) => match children.as_slice() {
            [only] => beginning(only),
            _ => None,
        },
        Predicate::Not(_) => None,
        Predicate::Atom(Atom { field, test: Test::Glob(pattern) }) => match pattern.parts.first() {
            Some(Part::Literal(text)) if field.info().ty == Type::Text => Some((*field, text)),
            _ => None,
        },
        Predicate::Atom(_) => None,
    }
}
