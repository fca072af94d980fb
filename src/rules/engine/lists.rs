//! Lists of tracks, each kept once and known by a number, so that they can be compared at once.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::rules::ir::RuleId;
use crate::rules::table::{NO_RULE, Table, TrackId};

/// A list of tracks; 0 is the empty one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct ListId(pub(super) u32);

impl ListId {
    /// The list without tracks.
    pub(super) const EMPTY: Self = Self(0);
    /// The greatest number that a list may have.
    pub(super) const MOST: u32 = (1 << 20) - 1;
}

/// So many tracks in all lists together are kept at most, but for what one stream needs.
const MOST_TRACKS: usize = 1 << 20;
const MOST_LISTS: usize = 1 << 16;

#[derive(Clone, Copy, Debug)]
struct List {
    start: u32,
    end: u32,
    /// The smallest rule with a condition that hangs off any of the tracks.
    smallest: RuleId,
    /// How many conditions hang off them.
    hooks: u32,
}

/// All lists met so far.
#[derive(Debug)]
pub(super) struct Lists {
    tracks: Vec<TrackId>,
    lists: Vec<List>,
    /// By hash; a list whose hash another one has is kept again each time.
    numbers: HashMap<u64, ListId, FixedState>,
}

impl Default for Lists {
    fn default() -> Self {
        let empty = List { start: 0, end: 0, smallest: NO_RULE, hooks: 0 };
        Self { tracks: Vec::new(), lists: vec![empty], numbers: HashMap::default() }
    }
}

impl Lists {
    /// Whether there are so many that it is time to begin anew.
    #[inline]
    pub(super) const fn is_full(&self) -> bool {
        self.tracks.len() > MOST_TRACKS || self.lists.len() > MOST_LISTS
    }

    /// The number of a list, sorted and without repetitions.
    pub(super) fn number(&mut self, tracks: &[TrackId], table: &Table) -> ListId {
        if tracks.is_empty() {
            return ListId::EMPTY;
        }
        let hash = FixedState::default().hash_one(tracks);
        if let Some(id) = self.numbers.get(&hash)
            && self.tracks(*id) == tracks
        {
            return *id;
        }
        let id = ListId(self.lists.len() as u32);
        let start = self.tracks.len() as u32;
        self.tracks.extend_from_slice(tracks);
        let hooks = || tracks.iter().map(|track| table.hooks(*track));
        self.lists.push(List {
            start,
            end: self.tracks.len() as u32,
            smallest: hooks().filter_map(|it| Some(it.first()?.rule)).min().unwrap_or(NO_RULE),
            hooks: hooks().map(<[_]>::len).sum::<usize>() as u32,
        });
        self.numbers.insert(hash, id);
        id
    }

    #[inline]
    fn list(&self, id: ListId) -> Option<&List> {
        self.lists.get(id.0 as usize)
    }

    /// The tracks of a list, sorted.
    #[inline]
    pub(super) fn tracks(&self, id: ListId) -> &[TrackId] {
        let range = self.list(id).map(|list| list.start as usize..list.end as usize);
        range.and_then(|range| self.tracks.get(range)).unwrap_or_default()
    }

    /// Whether the list has the track.
    #[inline]
    pub(super) fn contains(&self, id: ListId, track: TrackId) -> bool {
        self.tracks(id).binary_search(&track).is_ok()
    }

    /// The smallest rule with a condition that hangs off the list, and how many do.
    #[inline]
    pub(super) fn hooks(&self, id: ListId) -> (RuleId, u32) {
        self.list(id).map_or((NO_RULE, 0), |list| (list.smallest, list.hooks))
    }
}
