//! Why a rule cannot win, in as few words as are true.

use std::collections::{BTreeSet, HashSet, VecDeque};

use super::search::{Answer, Asker, Blockers};
use super::{Cover, Others, Verdict};
use crate::rules::ir::RuleId;
use crate::rules::lang::Exhausted;
use crate::rules::stream::Stream;

/// How many other covers are counted.
const MOST_OTHERS: u32 = 9;

/// How many sets of rules are taken away in turn to find other covers.
const MOST_TAKEN_AWAY: usize = 256;

impl Asker<'_, '_> {
    /// Whether the rule can win, all but the number of other covers.
    pub(super) fn verdict(&mut self, id: RuleId) -> Result<Verdict, Exhausted> {
        let mut models = Vec::new();
        let met = match self.beside(id, &BTreeSet::new(), &mut models)? {
            Answer::Stream(witness) => return Ok(Verdict::Reachable { witness }),
            Answer::None(met) => met,
        };
        let Some(lost) = models.first().cloned() else {
            return Ok(Verdict::Unsatisfiable { conflict: self.conflict(id)? });
        };
        let others = Others { count: 0, more: true };
        if let Some(by) = self.shadow(id, &models)? {
            let same_effect = self.space.same_outcome(by, id);
            return Ok(Verdict::Shadowed { by, same_effect, others, lost });
        }
        let cover = Cover(self.minimise(id, met, &models)?);
        let same_effect = cover.rules().iter().all(|by| self.space.same_outcome(*by, id));
        Ok(Verdict::Unreachable { cover, same_effect, others, lost })
    }

    /// The smallest stream that the rule would win if the rules `without` were gone.
    fn beside(
        &mut self,
        id: RuleId,
        without: &BTreeSet<RuleId>,
        models: &mut Vec<Stream>,
    ) -> Result<Answer, Exhausted> {
        let space = self.space;
        let earlier = |other| other < id && !without.contains(&other);
        self.ask(&[space.formula(id)], Blockers::Where(&earlier), models)
    }

    /// The single earlier rule that covers the rule, one with another outcome first.
    ///
    /// It holds on every stream at hand for which the rule does; few rules do so by chance.
    fn shadow(&mut self, id: RuleId, models: &[Stream]) -> Result<Option<RuleId>, Exhausted> {
        let space = self.space;
        let Some((first, rest)) = models.split_first() else { return Ok(None) };
        for same in [false, true] {
            let candidates = space.finder.candidates(first, &mut self.meter)?;
            let earlier = candidates.take_while(|other| *other < id);
            for other in earlier.filter(|other| space.same_outcome(*other, id) == same) {
                self.meter.spend(1)?;
                let holds = |stream| space.holds(other, stream);
                if holds(first)
                    && rest.iter().all(holds)
                    && self.is_covered(id, &[other])?.is_some()
                {
                    return Ok(Some(other));
                }
            }
        }
        Ok(None)
    }

    /// Whether `rules` cover the rule, and if so, which of them suffice.
    fn is_covered(
        &mut self,
        id: RuleId,
        rules: &[RuleId],
    ) -> Result<Option<BTreeSet<RuleId>>, Exhausted> {
        let space = self.space;
        let goals = [space.formula(id)];
        match self.ask(&goals, Blockers::These(rules), &mut Vec::new())? {
            Answer::Stream(_) => Ok(None),
            Answer::None(met) => Ok(Some(met)),
        }
    }

    /// Drops rules from a cover until none can be dropped; those with the same outcome first, and
    /// later ones before earlier ones. `models` are streams of the rule: a member that alone takes
    /// one of them is needed, and no search has to tell.
    fn minimise(
        &mut self,
        id: RuleId,
        cover: BTreeSet<RuleId>,
        models: &[Stream],
    ) -> Result<Vec<RuleId>, Exhausted> {
        let space = self.space;
        let mut cover: Vec<_> = cover.into_iter().collect();
        cover.sort_unstable_by_key(|other| (space.same_outcome(*other, id), *other));
        let mut needed = self.needed(&cover, models)?;
        let mut at = cover.len();
        while let Some(last) = at.checked_sub(1) {
            at = last;
            if cover.get(at).is_some_and(|member| needed.contains(member)) {
                continue;
            }
            let mut rest = cover.clone();
            rest.remove(at);
            rest.sort_unstable();
            if let Some(met) = self.is_covered(id, &rest)? {
                cover.retain(|other| met.contains(other));
                at = at.min(cover.len());
                needed = self.needed(&cover, models)?;
            }
        }
        Ok(cover)
    }

    /// The members that alone take one of the streams.
    fn needed(
        &mut self,
        cover: &[RuleId],
        models: &[Stream],
    ) -> Result<BTreeSet<RuleId>, Exhausted> {
        let space = self.space;
        let mut needed = BTreeSet::new();
        for model in models {
            self.meter.spend(1 + cover.len() as u64 / 8)?;
            let mut takers = cover.iter().filter(|member| space.holds(**member, model));
            if let (Some(only), None) = (takers.next(), takers.next()) {
                needed.insert(*only);
            }
        }
        Ok(needed)
    }

    /// Counts the minimal covers other than `first`.
    ///
    /// A cover that differs from those found lacks a member of each of them. So members are taken
    /// away, one of each cover found, until what is left covers no more (Reiter's hitting-set tree).
    pub(super) fn others(&mut self, id: RuleId, first: &[RuleId]) -> Others {
        let mut found: Vec<BTreeSet<RuleId>> = vec![first.iter().copied().collect()];
        let exhaustive = self.find_others(id, &mut found);
        let count = u32::try_from(found.len() - 1).unwrap_or(u32::MAX);
        let more = exhaustive.is_err() || count > MOST_OTHERS;
        Others { count: count.min(MOST_OTHERS), more }
    }

    fn find_others(
        &mut self,
        id: RuleId,
        found: &mut Vec<BTreeSet<RuleId>>,
    ) -> Result<(), Exhausted> {
        let mut queue = VecDeque::from([BTreeSet::new()]);
        let mut known = HashSet::new();
        while let Some(without) = queue.pop_front() {
            let cover = match found.iter().find(|cover| cover.is_disjoint(&without)) {
                Some(cover) => cover.clone(),
                None => {
                    let mut models = Vec::new();
                    let Answer::None(met) = self.beside(id, &without, &mut models)? else {
                        continue;
                    };
                    let cover =
                        self.minimise(id, met, &models)?.into_iter().collect::<BTreeSet<_>>();
                    found.push(cover.clone());
                    cover
                }
            };
            if found.len() > MOST_OTHERS as usize + 1 {
                return Ok(());
            }
            if known.len() > MOST_TAKEN_AWAY {
                return Err(Exhausted);
            }
            for rule in cover {
                let more: BTreeSet<_> = without.iter().copied().chain([rule]).collect();
                if known.insert(more.clone()) {
                    queue.push_back(more);
                }
            }
        }
        Ok(())
    }

    /// A minimal set of conjuncts that exclude each other.
    fn conflict(&mut self, id: RuleId) -> Result<Vec<usize>, Exhausted> {
        let space = self.space;
        let conjuncts = space.formula(id);
        let mut kept: Vec<_> = (0..conjuncts.len()).collect();
        for dropped in (0..conjuncts.len()).rev() {
            let rest: Vec<_> = kept.iter().copied().filter(|at| *at != dropped).collect();
            let goals: Vec<_> = rest.iter().filter_map(|at| conjuncts.get(*at..=*at)).collect();
            if let Answer::None(_) = self.ask(&goals, Blockers::These(&[]), &mut Vec::new())? {
                kept = rest;
            }
        }
        Ok(kept)
    }
}
