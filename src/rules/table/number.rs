//! Numbers: durations, times of day, and days of the week as 0 to 6.
//!
//! Where a range alone decides a rule, the smallest rule is a step function of the value, found by
//! binary search. Where ranges only lead to conditions, they are spread over a segment tree: each
//! range lies whole in a few of its nodes, each value below one node per level.
//!
//! ```text
//! rule 3   ├──────────────┤              steps    3 from 0, 1 from 5, none from 20
//! rule 1        ├────────────────┤
//!          0    5         15    20
//! ```

use std::collections::BTreeSet;

use super::{Hook, NO_RULE};
use crate::rules::fields::{Field, Type};
use crate::rules::ir::{RuleId, Test};
use crate::rules::lang::Intervals;
use crate::rules::stream::Stream;

/// The value of a field that is not text.
#[must_use]
pub fn value(stream: &Stream, field: Field) -> Option<i64> {
    match field.info().ty {
        Type::Weekday => stream.weekday().map(|day| i64::from(day.num_days_from_monday())),
        Type::Duration | Type::TimeOfDay => stream.number(field),
        Type::Text | Type::TextSet => None,
    }
}

/// What passes a test of such a field; nothing passes those of texts.
#[must_use]
pub fn passing(test: &Test) -> Intervals {
    match test {
        Test::Present => Intervals::of([(i64::MIN, i64::MAX)]),
        Test::Within(within) => within.clone(),
        Test::Weekday(days) => Intervals::of(days.days().map(|day| {
            let day = i64::from(day.num_days_from_monday());
            (day, day)
        })),
        Test::Glob(_) | Test::IsNot(_) => Intervals::default(),
    }
}

/// The ranges of one field.
#[derive(Debug)]
pub struct NumberTable {
    /// From each value on, up to the next, the smallest rule that the number decides.
    steps: Vec<(i64, RuleId)>,
    /// Where any range of any condition begins, and the values just behind its end: between two of
    /// these, no rule can tell values apart.
    cuts: Vec<i64>,
    /// The segment tree over the stretches between cuts, as ranges of [`Self::hooks`]. The children
    /// of node `n` are `2n` and `2n + 1`.
    nodes: Vec<(u32, u32)>,
    /// Per node the conditions that its values lead to, the smallest rule first.
    hooks: Vec<Hook>,
}

impl NumberTable {
    /// A table of ranges that decide rules, ranges that lead to conditions, and ranges that
    /// conditions ask about.
    #[must_use]
    pub fn new(
        decided: &[(&Intervals, RuleId)],
        hooked: &[(&Intervals, Hook)],
        asked: &[&Intervals],
    ) -> Self {
        let of_hooks = hooked.iter().map(|(ranges, _)| *ranges);
        let cuts = cuts(of_hooks.chain(asked.iter().copied()));
        let mut tree = Tree { leaves: (cuts.len() + 1).next_power_of_two(), nodes: Vec::new() };
        if !hooked.is_empty() {
            tree.nodes.resize(2 * tree.leaves, Vec::new());
        }
        for (ranges, hook) in hooked {
            for (from, to) in ranges.ranges() {
                tree.insert(stretch(&cuts, *from), stretch(&cuts, *to) + 1, *hook);
            }
        }
        let mut hooks = Vec::new();
        let mut nodes = Vec::with_capacity(tree.nodes.len());
        for mut node in tree.nodes {
            node.sort_unstable();
            node.dedup();
            let start = hooks.len() as u32;
            hooks.append(&mut node);
            nodes.push((start, hooks.len() as u32));
        }
        hooks.shrink_to_fit();
        Self { steps: steps(decided), cuts, nodes, hooks }
    }

    /// The smallest rule that `value` decides.
    #[inline]
    #[must_use]
    pub fn decided(&self, value: i64) -> RuleId {
        let begun = self.steps.partition_point(|(from, _)| *from <= value);
        begun.checked_sub(1).and_then(|at| self.steps.get(at)).map_or(NO_RULE, |(_, rule)| *rule)
    }

    /// The number of the stretch in which `value` lies; conditions hold for all of a stretch or none.
    #[inline]
    #[must_use]
    pub fn stretch(&self, value: i64) -> usize {
        stretch(&self.cuts, value)
    }

    /// The conditions that a stretch leads to, in several lists, each the smallest rule first.
    pub fn hooks(&self, stretch: usize) -> impl Iterator<Item = &[Hook]> {
        let mut node = if self.nodes.is_empty() { 0 } else { self.nodes.len() / 2 + stretch };
        std::iter::from_fn(move || {
            let (from, to) = *self.nodes.get(node).filter(|_| node > 0)?;
            node /= 2;
            Some(self.hooks.get(from as usize..to as usize).unwrap_or_default())
        })
    }

    /// How many stretches lead to conditions, for people.
    #[must_use]
    pub const fn counts(&self) -> (usize, usize) {
        (self.steps.len(), self.hooks.len())
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_usage(&self) -> usize {
        self.steps.capacity() * size_of::<(i64, RuleId)>()
            + self.cuts.capacity() * size_of::<i64>()
            + self.nodes.capacity() * size_of::<(u32, u32)>()
            + self.hooks.capacity() * size_of::<Hook>()
    }
}

fn cuts<'i>(sets: impl Iterator<Item = &'i Intervals>) -> Vec<i64> {
    let ends = sets.flat_map(Intervals::ranges);
    let mut cuts: Vec<_> =
        ends.flat_map(|(from, to)| [Some(*from), to.checked_add(1)]).flatten().collect();
    cuts.sort_unstable();
    cuts.dedup();
    cuts.shrink_to_fit();
    cuts
}

/// How many cuts are at or before the value.
#[inline]
fn stretch(cuts: &[i64], value: i64) -> usize {
    cuts.partition_point(|cut| *cut <= value)
}

/// The step function: walks the ends of all ranges and keeps the rules that are under way.
fn steps(decided: &[(&Intervals, RuleId)]) -> Vec<(i64, RuleId)> {
    let mut ends: Vec<(i64, bool, (RuleId, usize))> = Vec::new();
    // A rule may have several sets of ranges, each under way by itself.
    for (set, (ranges, rule)) in decided.iter().enumerate() {
        let rule = (*rule, set);
        for (from, to) in ranges.ranges() {
            ends.push((*from, true, rule));
            ends.extend(to.checked_add(1).map(|behind| (behind, false, rule)));
        }
    }
    ends.sort_unstable();
    let mut under_way = BTreeSet::new();
    let mut steps: Vec<(i64, RuleId)> = Vec::new();
    for same in ends.chunk_by(|a, b| a.0 == b.0) {
        // Ends sort before beginnings, so a rule whose ranges touch stays under way.
        for (_, begins, rule) in same {
            if *begins {
                under_way.insert(*rule);
            } else {
                under_way.remove(rule);
            }
        }
        let smallest = under_way.first().map_or(NO_RULE, |(rule, _)| *rule);
        if steps.last().map_or(NO_RULE, |(_, rule)| *rule) != smallest {
            steps.extend(same.first().map(|(at, ..)| (*at, smallest)));
        }
    }
    steps.shrink_to_fit();
    steps
}

struct Tree {
    leaves: usize,
    nodes: Vec<Vec<Hook>>,
}

impl Tree {
    /// Puts the hook in the fewest nodes that together are the leaves `from..to`.
    fn insert(&mut self, from: usize, to: usize, hook: Hook) {
        let (mut from, mut to) = (from + self.leaves, to + self.leaves);
        while from < to {
            if from % 2 == 1 {
                self.put(from, hook);
                from += 1;
            }
            if to % 2 == 1 {
                to -= 1;
                self.put(to, hook);
            }
            (from, to) = (from / 2, to / 2);
        }
    }

    fn put(&mut self, node: usize, hook: Hook) {
        if let Some(hooks) = self.nodes.get_mut(node) {
            hooks.push(hook);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::rules::table::ResidualId;

    fn set() -> impl Strategy<Value = Intervals> {
        let end = || prop_oneof![1 => Just(i64::MIN), 1 => Just(i64::MAX), 8 => -9..9_i64];
        vec((end(), end()), 0..4).prop_map(Intervals::of)
    }

    proptest! {
        #[test]
        fn the_smallest_is_found(
            decided in vec(set(), 0..12), hooked in vec(set(), 0..12), asked in vec(set(), 0..4),
        ) {
            // Two sets to a rule.
            let rules = || (0..).map(|n| RuleId(n / 2));
            let hook = |rule| Hook { rule, residual: ResidualId(0) };
            let table = NumberTable::new(
                &decided.iter().zip(rules()).collect::<Vec<_>>(),
                &hooked.iter().zip(rules().map(hook)).collect::<Vec<_>>(),
                &asked.iter().collect::<Vec<_>>(),
            );
            let with = |sets: &[Intervals], value| {
                sets.iter().zip(rules()).filter(|(set, _)| set.contains(value))
                    .map(|(_, rule)| rule).collect::<Vec<_>>()
            };
            let mut stretches = std::collections::BTreeMap::new();
            for value in (-12..12).chain([i64::MIN, i64::MAX]) {
                let first = with(&decided, value).first().copied().unwrap_or(NO_RULE);
                prop_assert_eq!(table.decided(value), first);
                let stretch = table.stretch(value);
                let mut found = Vec::new();
                for hooks in table.hooks(stretch) {
                    prop_assert!(hooks.is_sorted());
                    found.extend(hooks.iter().map(|hook| hook.rule));
                }
                found.sort_unstable();
                found.dedup();
                let mut expected = with(&hooked, value);
                expected.dedup();
                prop_assert_eq!(&found, &expected);
                let same = (found, with(&asked, value));
                prop_assert_eq!(stretches.entry(stretch).or_insert_with(|| same.clone()), &same);
            }
        }
    }
}
