//! Streams as stretches of time under a root, joined as [the page above](super) says.

use std::collections::BTreeMap;

use super::roots::{RootIx, Roots};
use crate::time::{Millis, Timestamp};

/// A stretch that was put in: a stream of the database, or a run of new events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Piece(usize);

/// The result of joining: a stream, named by one of its pieces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Joined(usize);

/// A root and a stretch of time, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stretch {
    /// The root.
    pub root: RootIx,
    /// First event.
    pub from: Timestamp,
    /// Last event.
    pub to: Timestamp,
}

/// Pieces, joined as they are put in.
///
/// INVARIANT (closed): no two stretches that are not one piece's could be joined.
#[derive(Debug)]
pub struct Groups {
    gap: Millis,
    /// Where each piece went; a piece that is its own is a stretch.
    joined_into: Vec<usize>,
    stretches: Vec<Stretch>,
    by_root: Vec<BTreeMap<Timestamp, usize>>,
}

impl Groups {
    /// No pieces yet. Pieces no more than `gap` apart are joined.
    #[must_use]
    pub const fn new(gap: Millis) -> Self {
        Self { gap, joined_into: Vec::new(), stretches: Vec::new(), by_root: Vec::new() }
    }

    /// Puts a piece in and joins it with all it belongs to. O(related roots × log pieces) for
    /// each join, and every piece is joined at most once.
    pub fn add(&mut self, roots: &Roots, piece: Stretch) -> Piece {
        let ix = self.stretches.len();
        self.stretches.push(piece);
        self.joined_into.push(ix);
        let mut whole = piece;
        while let Some(other) = self.neighbour(roots, whole) {
            let taken = self.stretches[other];
            self.by_root[taken.root.index()].remove(&taken.from);
            self.joined_into[other] = ix;
            whole = Stretch {
                root: roots.higher(whole.root, taken.root),
                from: whole.from.min(taken.from),
                to: whole.to.max(taken.to),
            };
        }
        self.stretches[ix] = whole;
        if self.by_root.len() < roots.len() {
            self.by_root.resize_with(roots.len(), BTreeMap::new);
        }
        self.by_root[whole.root.index()].insert(whole.from, ix);
        Piece(ix)
    }

    /// Some stretch that belongs to `whole`.
    fn neighbour(&self, roots: &Roots, whole: Stretch) -> Option<usize> {
        let (from, to) = (whole.from.plus(-self.gap), whole.to.plus(self.gap));
        std::iter::once(&whole.root).chain(roots.related(whole.root)).find_map(|root| {
            // Stretches of one root lie apart, so the last to begin is the last to end.
            let (_, &ix) = self.by_root.get(root.index())?.range(..=to).next_back()?;
            (self.stretches[ix].to >= from).then_some(ix)
        })
    }

    /// The stream that a piece became part of.
    #[must_use]
    pub fn joined(&self, piece: Piece) -> Joined {
        let mut ix = piece.0;
        while self.joined_into[ix] != ix {
            ix = self.joined_into[ix];
        }
        Joined(ix)
    }

    /// Root and extent of a stream.
    #[must_use]
    pub fn stretch(&self, joined: Joined) -> Stretch {
        self.stretches[joined.0]
    }

    /// The stream that has the root `root` at `at`.
    #[must_use]
    pub fn at(&self, roots: &Roots, root: RootIx, at: Timestamp) -> Option<Joined> {
        std::iter::once(&root).chain(roots.related(root)).find_map(|other| {
            if roots.higher(root, *other) != *other {
                return None;
            }
            let (_, &ix) = self.by_root.get(other.index())?.range(..=at).next_back()?;
            (self.stretches[ix].to >= at).then_some(Joined(ix))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATHS: [&str; 6] = ["/w", "/w/a", "/w/a/x", "/w/b", "/v", "/home/me"];

    fn roots() -> (Roots, Vec<RootIx>) {
        let mut roots = Roots::new(&["/home/me".to_owned()]);
        let ix = PATHS.iter().zip(1..).map(|(path, text)| roots.add(text, path)).collect();
        (roots, ix)
    }

    /// What the module says, word for word, without any thought for speed: join until nothing
    /// can be joined.
    fn naive(roots: &Roots, pieces: &[Stretch], gap: Millis) -> Vec<(RootIx, i64, i64)> {
        let mut streams = pieces.to_vec();
        'again: loop {
            for i in 0..streams.len() {
                for j in 0..i {
                    let (a, b) = (streams[i], streams[j]);
                    let related = a.root == b.root || roots.related(a.root).contains(&b.root);
                    let near = a.from <= b.to.plus(gap) && b.from <= a.to.plus(gap);
                    if related && near {
                        streams[j] = Stretch {
                            root: roots.higher(a.root, b.root),
                            from: a.from.min(b.from),
                            to: a.to.max(b.to),
                        };
                        streams.swap_remove(i);
                        continue 'again;
                    }
                }
            }
            break;
        }
        let mut out: Vec<_> =
            streams.iter().map(|s| (s.root, s.from.millis(), s.to.millis())).collect();
        out.sort_unstable();
        out
    }

    proptest! {
        #[test]
        fn joins_what_belongs_together_in_any_order(
            pieces in prop::collection::vec((0..PATHS.len(), 0..300i64, 0..20i64), 1..25),
            gap in 1..30i64,
            rotate in 0..25usize,
        ) {
            let (roots, ix) = roots();
            let mut pieces: Vec<Stretch> = pieces
                .into_iter()
                .map(|(root, from, length)| Stretch {
                    root: ix[root],
                    from: Timestamp::from_millis(from),
                    to: Timestamp::from_millis(from + length),
                })
                .collect();
            let want = naive(&roots, &pieces, gap);
            let turn = rotate % pieces.len();
            pieces.rotate_left(turn);
            let mut groups = Groups::new(gap);
            let put: Vec<Piece> = pieces.iter().map(|piece| groups.add(&roots, *piece)).collect();
            let mut got: Vec<_> = put.iter().map(|piece| groups.joined(*piece)).collect();
            for (piece, joined) in pieces.iter().zip(&got) {
                prop_assert_eq!(groups.at(&roots, piece.root, piece.from), Some(*joined));
                prop_assert_eq!(groups.at(&roots, piece.root, piece.to), Some(*joined));
            }
            got.sort_unstable();
            got.dedup();
            let mut got: Vec<_> = got
                .into_iter()
                .map(|joined| groups.stretch(joined))
                .map(|s| (s.root, s.from.millis(), s.to.millis()))
                .collect();
            got.sort_unstable();
            prop_assert_eq!(got, want);
        }
    }
}
