//! What a stream's events say about it: how often each directory, session, agent and branch
//! occurs, and since when. Facts add up in any order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::store::texts::TextId;
use crate::time::Timestamp;

/// How often a value occurs, and when first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Tally {
    count: u64,
    first: Timestamp,
}

/// The values of one kind. Kept as `[[text, count, first in nanoseconds], …]`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(TextId, u64, i64)>", into = "Vec<(TextId, u64, i64)>")]
pub struct Tallies(BTreeMap<TextId, Tally>);

impl From<Vec<(TextId, u64, i64)>> for Tallies {
    fn from(rows: Vec<(TextId, u64, i64)>) -> Self {
        let tally = |count, first| Tally { count, first: Timestamp::from_nanos(first) };
        Self(rows.into_iter().map(|(text, count, first)| (text, tally(count, first))).collect())
    }
}

impl From<Tallies> for Vec<(TextId, u64, i64)> {
    fn from(tallies: Tallies) -> Self {
        tallies.0.into_iter().map(|(text, it)| (text, it.count, it.first.nanos())).collect()
    }
}

impl Tallies {
    /// Counts `text` at `at`; 0 (none) is not counted.
    pub fn add(&mut self, text: TextId, at: Timestamp) {
        if text != 0 {
            self.merge_one(text, Tally { count: 1, first: at });
        }
    }

    fn merge_one(&mut self, text: TextId, tally: Tally) {
        self.0
            .entry(text)
            .and_modify(|known| {
                known.count += tally.count;
                known.first = known.first.min(tally.first);
            })
            .or_insert(tally);
    }

    fn merge(&mut self, other: Self) {
        for (text, tally) in other.0 {
            self.merge_one(text, tally);
        }
    }

    /// The values, in the order of their numbers.
    pub fn texts(&self) -> impl Iterator<Item = TextId> + '_ {
        self.0.keys().copied()
    }

    /// The values in the order in which they were first seen, with that time.
    #[must_use]
    pub fn by_first_seen(&self) -> Vec<(Timestamp, TextId)> {
        let mut out: Vec<_> = self.0.iter().map(|(text, tally)| (tally.first, *text)).collect();
        out.sort_unstable();
        out
    }

    /// The values that occur most often, and of these those seen first: more than one only where
    /// both are equal.
    #[must_use]
    pub fn most_frequent(&self) -> Vec<TextId> {
        let rank = |tally: &Tally| (tally.count, std::cmp::Reverse(tally.first));
        let Some(best) = self.0.values().map(rank).max() else {
            return Vec::new();
        };
        self.0.iter().filter(|(_, tally)| rank(tally) == best).map(|(text, _)| *text).collect()
    }
}

/// Everything that is counted of a stream.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Working directories.
    pub cwds: Tallies,
    /// Repositories.
    pub repos: Tallies,
    /// Linked worktrees.
    pub worktrees: Tallies,
    /// Branches.
    pub branches: Tallies,
    /// tmux sessions.
    pub tmux: Tallies,
    /// Agents.
    pub agents: Tallies,
    /// Agent sessions.
    pub sessions: Tallies,
}

impl Facts {
    /// Adds what `other` counted.
    pub fn merge(&mut self, other: Self) {
        let Self { cwds, repos, worktrees, branches, tmux, agents, sessions } = other;
        self.cwds.merge(cwds);
        self.repos.merge(repos);
        self.worktrees.merge(worktrees);
        self.branches.merge(branches);
        self.tmux.merge(tmux);
        self.agents.merge(agents);
        self.sessions.merge(sessions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn most_frequent_and_then_first_seen() {
        let mut cwds = Tallies::default();
        for (text, when) in [(7, 1), (9, 2), (9, 3), (8, 0), (8, 4), (0, 5), (0, 6), (0, 7)] {
            cwds.add(text, at(when));
        }
        assert_eq!(cwds.most_frequent(), [8]);
        assert!(Tallies::default().most_frequent().is_empty());
    }

    #[test]
    fn facts_survive_json_and_add_up() {
        let mut a = Facts::default();
        a.cwds.add(3, at(10));
        let mut b = Facts::default();
        b.cwds.add(3, at(-5));
        b.agents.add(4, at(1));
        let b: Facts = serde_json::from_str(&serde_json::to_string(&b).unwrap()).unwrap();
        a.merge(b);
        assert_eq!(Vec::from(a.cwds), [(3, 2, -5_000_000)]);
        assert_eq!(a.agents.by_first_seen(), [(at(1), 4)]);
    }
}
