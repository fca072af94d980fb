//! What the analysis has to say, by brute force.
//!
//! Streams that the same rules hold for are one kind, a *mask* with a bit per rule. With all kinds
//! that there are, and the size of the smallest stream of each, every verdict is a question about a
//! few numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::{Analysis, Judgement, RuleId, Stream, Verdict};

/// The kinds of streams, and what else matters about the rules.
#[derive(Debug)]
pub(crate) struct Kinds {
    /// The size of the smallest stream of each kind.
    pub(crate) sizes: BTreeMap<u32, u64>,
    pub(crate) enabled: Vec<bool>,
    /// Equal numbers for equal tags and projects.
    pub(crate) outcomes: Vec<usize>,
}

/// The size of a stream as the analysis promises it: 1 for every value, 1 for every character.
pub(crate) fn size(stream: &Stream) -> u64 {
    let one = [&stream.primary_cwd, &stream.repo];
    let sets = [&stream.tmux_session, &stream.agent, &stream.git_branch, &stream.worktree];
    let texts = one.into_iter().flatten().chain(sets.into_iter().flatten());
    let numbers = [stream.duration_ms, stream.direct_ms, stream.delegated_ms];
    texts.map(|text| 1 + text.chars().count() as u64).sum::<u64>()
        + numbers.iter().flatten().count() as u64
        + u64::from(stream.at.is_some())
}

/// Every stream that the analysis shows.
fn shown(analysis: &Analysis) -> Vec<&Stream> {
    let mut streams: Vec<_> = analysis.overlaps.iter().map(|overlap| &overlap.witness).collect();
    for judgement in &analysis.rules {
        match &judgement.verdict {
            Verdict::Reachable { witness } => streams.push(witness),
            Verdict::Shadowed { lost, .. } | Verdict::Unreachable { lost, .. } => {
                streams.push(lost);
            }
            Verdict::Unsatisfiable { .. } | Verdict::NotProven { .. } => {}
        }
        streams.extend(judgement.loss.iter().map(|loss| &loss.stream));
    }
    streams
}

impl Kinds {
    /// Holds an analysis, made with all options, to the kinds. `mask` says which rules hold for a
    /// stream, by a way of its own.
    pub(crate) fn check(mut self, analysis: &Analysis, mask: &dyn Fn(&Stream) -> u32) {
        // A stream shown exists, even if it is larger than those enumerated.
        for stream in shown(analysis) {
            let known = self.sizes.entry(mask(stream)).or_insert(u64::MAX);
            *known = size(stream).min(*known);
        }
        assert_eq!(analysis.rules.len(), self.enabled.len());
        for (rule, judgement) in analysis.rules.iter().enumerate() {
            self.check_verdict(rule, &judgement.verdict, mask);
            self.check_redundant(rule, judgement);
            self.check_loss(rule, judgement, mask);
        }
        self.check_overlaps(analysis, mask);
    }

    fn check_verdict(&self, rule: usize, verdict: &Verdict, mask: &dyn Fn(&Stream) -> u32) {
        let earlier = self.earlier(rule);
        let own = self.sizes.iter().filter(|(kind, _)| *kind & 1 << rule != 0);
        let smallest = own.clone().map(|(_, size)| *size).min();
        let won = own.filter(|(kind, _)| *kind & earlier == 0).map(|(_, size)| *size).min();
        let covers = self.minimal_covers(rule);
        let check_others = |others: &super::Others| {
            let count = u32::try_from(covers.len()).unwrap() - 1;
            assert_eq!((others.count, others.more), (count.min(9), count > 9), "rule {rule}");
        };
        let check_lost = |lost: &Stream| {
            assert!(mask(lost) & 1 << rule != 0, "rule {rule}");
            assert_eq!(Some(size(lost)), smallest, "rule {rule}");
        };
        match verdict {
            Verdict::Reachable { witness } => {
                assert_eq!(mask(witness) & (earlier | 1 << rule), 1 << rule, "rule {rule}");
                assert_eq!(Some(size(witness)), won, "rule {rule}: not the smallest witness");
            }
            Verdict::Shadowed { by, same_effect, others, lost } => {
                assert_eq!(won, None, "rule {rule}: a false alarm");
                let singles = covers.iter().filter(|cover| cover.len() == 1).flatten();
                let best = singles.min_by_key(|by| self.rank(rule, **by));
                assert_eq!(best, Some(&by.index()), "rule {rule}");
                assert_eq!(*same_effect, self.same(rule, by.index()), "rule {rule}");
                check_others(others);
                check_lost(lost);
            }
            Verdict::Unreachable { cover, same_effect, others, lost } => {
                assert_eq!(won, None, "rule {rule}: a false alarm");
                let ids: Vec<_> = cover.rules().iter().map(|by| by.index()).collect();
                assert!(covers.contains(&ids.iter().copied().collect()), "rule {rule}");
                assert!(covers.iter().all(|cover| cover.len() > 1), "rule {rule}: a single does");
                assert!(ids.is_sorted_by_key(|by| self.rank(rule, *by)), "rule {rule}");
                assert_eq!(*same_effect, ids.iter().all(|by| self.same(rule, *by)), "rule {rule}");
                check_others(others);
                check_lost(lost);
            }
            Verdict::Unsatisfiable { conflict } => {
                assert_eq!(smallest, None, "rule {rule}: a false alarm");
                assert!(!conflict.is_empty());
            }
            Verdict::NotProven { spent } => panic!("rule {rule} not proven after {spent}"),
        }
    }

    fn check_redundant(&self, rule: usize, judgement: &Judgement) {
        let won = self.won(rule);
        let heir = |kind: u32| {
            let later = (rule + 1..self.enabled.len()).find(|it| self.takes(*it, kind));
            later.is_some_and(|later| self.same(rule, later))
        };
        let is_redundant = !won.is_empty() && won.iter().all(|kind| heir(*kind));
        assert_eq!(judgement.redundant.is_some(), is_redundant, "rule {rule}: redundant");
        let Some(redundant) = &judgement.redundant else { return };
        let later: Vec<_> = redundant.later.iter().map(|id| id.index()).collect();
        assert!(later.is_sorted() && later.iter().all(|it| *it > rule && self.same(rule, *it)));
        let suffice =
            |heirs: &[usize]| won.iter().all(|kind| heirs.iter().any(|it| self.takes(*it, *kind)));
        assert!(suffice(&later), "rule {rule}: {later:?} are not enough");
        for dropped in &later {
            let rest: Vec<_> = later.iter().copied().filter(|it| it != dropped).collect();
            assert!(!suffice(&rest), "rule {rule}: {later:?} less {dropped} are enough");
        }
    }

    fn check_loss(&self, rule: usize, judgement: &Judgement, mask: &dyn Fn(&Stream) -> u32) {
        let to = |kind: u32| (0..rule).find(|it| self.takes(*it, kind));
        let lost = self.sizes.iter().filter(|(kind, _)| {
            *kind & 1 << rule != 0 && to(**kind).is_some_and(|to| !self.same(rule, to))
        });
        let smallest = lost.map(|(_, size)| *size).min();
        let shown = judgement.loss.as_ref().map(|loss| size(&loss.stream));
        match &judgement.verdict {
            Verdict::Reachable { .. } => assert_eq!(shown, smallest, "rule {rule}: loss"),
            Verdict::Shadowed { .. } | Verdict::Unreachable { .. } => {
                assert!(shown.is_none() || shown >= smallest, "rule {rule}: loss");
            }
            Verdict::Unsatisfiable { .. } | Verdict::NotProven { .. } => {
                assert_eq!(shown, None, "rule {rule}: loss");
            }
        }
        let Some(loss) = &judgement.loss else { return };
        let kind = mask(&loss.stream);
        assert!(kind & 1 << rule != 0);
        assert_eq!(to(kind), Some(loss.to.index()), "rule {rule}: lost to");
        assert!(!self.same(rule, loss.to.index()), "rule {rule}: lost to its like");
    }

    fn check_overlaps(&self, analysis: &Analysis, mask: &dyn Fn(&Stream) -> u32) {
        let mut expected = Vec::new();
        for first in 0..self.enabled.len() {
            for second in first + 1..self.enabled.len() {
                let kinds = |one: bool, other: bool| {
                    let fits = move |kind: u32| {
                        (kind & 1 << first != 0) == one && (kind & 1 << second != 0) == other
                    };
                    self.sizes.iter().filter(move |(kind, _)| fits(**kind)).map(|(_, size)| *size)
                };
                let crossing = kinds(true, false).min().and(kinds(false, true).min());
                if let Some(size) = crossing.and(kinds(true, true).min())
                    && self.enabled[first]
                    && self.enabled[second]
                {
                    expected.push((first, second, size));
                }
            }
        }
        let shown = analysis.overlaps.iter().map(|overlap| {
            let (first, second): (RuleId, RuleId) = (overlap.first, overlap.second);
            let both = 1 << first.index() | 1 << second.index();
            assert_eq!(mask(&overlap.witness) & both, both);
            (first.index(), second.index(), size(&overlap.witness))
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected, "overlaps");
    }

    /// Whether the rule takes part and holds for the kind.
    fn takes(&self, rule: usize, kind: u32) -> bool {
        self.enabled[rule] && kind & 1 << rule != 0
    }

    fn earlier(&self, rule: usize) -> u32 {
        (0..rule).filter(|it| self.enabled[*it]).map(|it| 1 << it).sum()
    }

    fn won(&self, rule: usize) -> Vec<u32> {
        let earlier = self.earlier(rule);
        let own = self.sizes.keys().copied();
        own.filter(|kind| kind & (earlier | 1 << rule) == 1 << rule).collect()
    }

    fn same(&self, a: usize, b: usize) -> bool {
        self.outcomes[a] == self.outcomes[b]
    }

    /// Rules with another outcome come first.
    fn rank(&self, rule: usize, other: usize) -> (bool, usize) {
        (self.same(rule, other), other)
    }

    /// The minimal sets of earlier rules that take every stream of the rule, if it has any.
    fn minimal_covers(&self, rule: usize) -> Vec<BTreeSet<usize>> {
        let own: Vec<_> = self.sizes.keys().filter(|kind| *kind & 1 << rule != 0).collect();
        let earlier = self.earlier(rule);
        let covers = |set: u32| !own.is_empty() && own.iter().all(|kind| *kind & set != 0);
        let sets = (0..1_u32 << rule).filter(|set| set & !earlier == 0 && covers(*set));
        let members = |set: u32| (0..rule).filter(move |it| set & 1 << it != 0);
        let minimal = sets.filter(|set| members(*set).all(|it| !covers(set & !(1 << it))));
        minimal.map(|set| members(set).collect()).collect()
    }
}
