//! Conditions that many rules share, decided once per kind of stream.
//!
//! Where thousands of rules ask for the same broad tests on two fields (every session of a client,
//! every agent), a stream passes many triggers, and each wants its condition asked. But streams
//! with the same tracks and the same stretches of numbers get the same answer, and they are few.

use super::lists::ListId;
use crate::rules::ir::RuleId;
use crate::rules::table::NO_RULE;

/// What conditions can tell of a stream: its lists of tracks with their fields, and the stretches of
/// its numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kind {
    parts: [u32; Kind::MOST],
    used: usize,
}

impl Kind {
    const MOST: usize = 12;

    pub(super) const fn new() -> Self {
        Self { parts: [0; Self::MOST], used: 0 }
    }

    fn push(&mut self, part: u32) -> Option<()> {
        *self.parts.get_mut(self.used)? = part;
        self.used += 1;
        Some(())
    }

    /// `None` if it is too much to be kept.
    pub(super) fn list(&mut self, field: usize, list: ListId) -> Option<()> {
        self.push((field as u32) << 24 | list.0)
    }

    /// `None` if it is too much to be kept.
    pub(super) fn stretch(&mut self, stretch: Option<usize>) -> Option<()> {
        // Every table of numbers gives one, so that these need no field.
        self.push(stretch.map_or(u32::MAX, |stretch| stretch as u32))
    }

    fn hash(&self) -> usize {
        let mix = |hash: u64, part: &u32| {
            (hash.rotate_left(5) ^ u64::from(*part)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        };
        (self.parts.iter().fold(self.used as u64, mix) >> 32) as usize
    }
}

#[derive(Clone, Copy, Debug)]
struct Known {
    kind: Kind,
    /// Only rules before this one were asked.
    limit: RuleId,
    /// The first of them that holds.
    rule: RuleId,
}

/// A power of two.
const PLACES: usize = 1 << 10;

#[derive(Debug, Default)]
pub(super) struct Memo(Vec<Known>);

impl Memo {
    /// The first condition before `limit` that holds, or [`NO_RULE`], if it is known.
    ///
    /// Tracks are complete only for rules before the smallest that the values decide (*cut*), and no
    /// limit is beyond that; so what is known for a limit is true for any stream of the kind whose
    /// limit is not beyond the rule found, and below it for all.
    pub(super) fn get(&self, kind: &Kind, limit: RuleId) -> Option<RuleId> {
        let known = self.0.get(kind.hash() & (PLACES - 1))?;
        if known.kind != *kind {
            None
        } else if known.rule < limit {
            Some(known.rule)
        } else {
            (limit <= known.limit).then_some(NO_RULE)
        }
    }

    /// Keeps what was found among the rules before `limit`.
    pub(super) fn put(&mut self, kind: Kind, limit: RuleId, rule: RuleId) {
        if self.0.is_empty() {
            let nothing = Known { kind: Kind::new(), limit: RuleId(0), rule: NO_RULE };
            self.0 = vec![nothing; PLACES];
        }
        if let Some(known) = self.0.get_mut(kind.hash() & (PLACES - 1)) {
            *known = Known { kind, limit, rule };
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
