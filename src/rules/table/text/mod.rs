//! # Texts: which patterns match a value
//!
//! A pattern's shape decides where it is kept (`choose`), and every place answers for all of its
//! patterns in one go:
//!
//! | strategy | for example | a value costs | file |
//! | --- | --- | --- | --- |
//! | exact | `claude-code` | one look-up | `exact` |
//! | prefix | `~/work/acme/*`, `~/work/<client>/src` | one look-up per length in question | `prefix` |
//! | suffix | `*-review`, `*/[a-z].rs` | mostly one look-up | `suffix` |
//! | scan | `?*`, while there are few | one comparison each | `scan` |
//! | gram | `*acme*`, `*a*[0-9]b` | one bit per byte | `gram` |
//! | pieces | `*a*b*c*`, where many have these | one step per byte and text found in order | `pieces` |
//! | automaton | `<a>?<b>`, braces upon braces | one step per byte | `general` |
//!
//! Braces are multiplied out before, within bounds (`expand`). Whatever a place finds is verified
//! byte by byte (`wildcard`), but for the two that are automata, so that hashes decide only what is looked at.
//!
//! INVARIANT (cut): of the patterns that a value passes, a search finds all that some rule before
//! [`Found::best`] mentions, where `best` is at most the smallest rule that the value alone decides.
//! So what is left out can neither be nor hinder the first match of any stream with this value, and
//! what a search found can be kept.

mod choose;
mod entry;
mod exact;
mod expand;
pub mod general;
mod gram;
mod pieces;
mod prefix;
mod reading;
mod scan;
mod slots;
mod suffix;
mod wildcard;

use choose::{Crowd, Draft, beginning, choose, end, texts};
pub use choose::{Reason, Strategy};
pub use entry::Found;
use entry::{Entries, Entry, Value};
use exact::Exact;
use expand::expand;
use general::{General, GeneralCache, Whole};
use gram::{Grams, Hung};
use pieces::{Pieces, PiecesCache, Sequences};
use prefix::Prefixes;
pub use reading::Reading;
use scan::Scan;
use suffix::Suffixes;

use super::{NO_RULE, TrackId};
use crate::rules::ir::{Pattern, RuleId};

/// A pattern that rules mention.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'p> {
    /// The pattern.
    pub pattern: &'p Pattern,
    /// The smallest rule that mentions it.
    pub rule: RuleId,
    /// By which number conditions know it, if any does; without one, the pattern decides `rule`.
    pub track: TrackId,
}

/// All patterns of a field.
#[derive(Debug)]
pub struct TextTable {
    entries: Entries,
    exact: Exact,
    prefixes: Prefixes,
    suffixes: Suffixes,
    scan: Scan,
    grams: Grams,
    pieces: Pieces,
    general: General,
    /// The smallest rule that any pattern serves.
    smallest: RuleId,
}

/// A pattern of a table, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatternDump {
    /// The pattern, or an alternative of it, as a glob; classes and names are left out.
    pub glob: String,
    /// Where it is kept, and why.
    pub reason: Reason,
    /// The smallest rule that mentions it.
    pub rule: RuleId,
    /// By which number conditions know it, if any does.
    pub track: TrackId,
}

impl TextTable {
    /// The table of these patterns. Linear in their length, but for sorting.
    #[must_use]
    pub fn new(wanted: &[Wanted<'_>]) -> Self {
        let mut drafts = Vec::with_capacity(wanted.len());
        let mut general = Vec::new();
        for Wanted { pattern, rule, track } in wanted {
            match expand(&pattern.parts) {
                Some(alternatives) => drafts.extend(alternatives.into_iter().map(|parts| Draft {
                    parts,
                    rule: *rule,
                    track: *track,
                })),
                None => {
                    let pattern = (*pattern).clone();
                    general.push(Whole {
                        pattern,
                        rule: *rule,
                        track: *track,
                        reason: Reason::Braces,
                    });
                }
            }
        }
        let crowd = Crowd::of(&drafts);
        let mut builder = Builder { general, ..Builder::default() };
        drafts.iter().for_each(|draft| builder.add(draft, &crowd));
        let smallest = wanted.iter().map(|wanted| wanted.rule).min();
        builder.finish(smallest.unwrap_or(NO_RULE))
    }

    /// The smallest rule that any pattern serves: with a smaller one found, no value of the field
    /// matters.
    #[inline]
    #[must_use]
    pub const fn smallest(&self) -> RuleId {
        self.smallest
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_usage(&self) -> usize {
        let strategies = [
            self.exact.memory_usage(),
            self.prefixes.memory_usage(),
            self.suffixes.memory_usage(),
            self.scan.memory_usage(),
            self.grams.memory_usage(),
            self.pieces.memory_usage(),
            self.general.memory_usage(),
        ];
        self.entries.memory_usage() + strategies.iter().sum::<usize>()
    }

    /// A fresh cache for this table.
    #[must_use]
    pub fn cache(&self) -> TextCache {
        TextCache { pieces: self.pieces.cache(), general: self.general.cache() }
    }

    /// Finds what `text`, which is in NFC and was read into `reading`, passes: see the invariant
    /// *cut*. `cache` must be one of this table's.
    pub fn search(
        &self,
        text: &str,
        reading: &Reading,
        cache: &mut TextCache,
        found: &mut Found<'_>,
    ) {
        let value = Value { text, reading };
        self.exact.search(value, &self.entries, found);
        self.prefixes.search(value, &self.entries, found);
        self.suffixes.search(value, &self.entries, found);
        self.scan.search(value, &self.entries, found);
        self.grams.search(value, &self.entries, found);
        self.pieces.search(text, &self.entries, &mut cache.pieces, found);
        self.general.search(text, &mut cache.general, found);
    }

    /// Every pattern and its strategy, strategy by strategy, in an order that depends on the rules
    /// alone.
    #[must_use]
    pub fn describe(&self) -> Vec<PatternDump> {
        let entries = self.entries.all.iter().map(|entry| PatternDump {
            glob: self.entries.glob(entry),
            reason: entry.reason,
            rule: entry.rule,
            track: entry.track,
        });
        let mut dumps: Vec<_> = entries.chain(self.general.describe()).collect();
        dumps.sort_by(|a, b| {
            let key = |it: &PatternDump| (it.reason.strategy(), it.rule);
            key(a).cmp(&key(b)).then_with(|| a.glob.cmp(&b.glob))
        });
        dumps
    }

    /// How many patterns hang off the same gram at most.
    #[must_use]
    pub fn largest_crowd(&self) -> usize {
        self.grams.largest_crowd()
    }
}

/// What a search of a [`TextTable`] keeps for the next one.
#[derive(Debug)]
pub struct TextCache {
    pieces: PiecesCache,
    general: GeneralCache,
}

/// Patterns by strategy, before they are put into tables.
#[derive(Default)]
struct Builder<'d> {
    entries: Entries,
    exact: Vec<(&'d str, Entry)>,
    prefixes: Vec<(&'d str, Entry)>,
    suffixes: Vec<(&'d str, Entry)>,
    scan: Vec<(RuleId, u32)>,
    grams: Vec<Hung>,
    pieces: Sequences<'d>,
    general: Vec<Whole>,
}

impl<'d> Builder<'d> {
    fn add(&mut self, draft: &'d Draft<'_>, crowd: &Crowd<'_>) {
        let Draft { parts, rule, track } = draft;
        let mut reason = choose(parts, crowd);
        let entry = match reason {
            Reason::Word | Reason::Everything | Reason::Beginning | Reason::End => {
                let text = texts(parts).next().unwrap_or_default();
                self.entries.programs.text(text)
            }
            Reason::OwnBeginning
            | Reason::OwnEnd
            | Reason::Text
            | Reason::CommonTexts
            | Reason::FewWithoutText => self.entries.programs.pattern(parts),
            Reason::ManyWithoutText | Reason::Ambiguous | Reason::Long | Reason::Braces => None,
        };
        let entry = entry.map(|program| Entry::new(*rule, *track, program, reason));
        match (reason.strategy(), entry) {
            (Strategy::Exact, Some(entry)) => {
                self.exact.push((texts(parts).next().unwrap_or_default(), entry));
            }
            (Strategy::Prefix, Some(entry)) => {
                self.prefixes.push((beginning(parts).unwrap_or_default(), entry));
            }
            (Strategy::Suffix, Some(entry)) => {
                self.suffixes.push((end(parts).unwrap_or_default(), entry));
            }
            (Strategy::Scan, Some(entry)) => self.scan.push((*rule, self.entries.add(entry))),
            (Strategy::Gram, Some(entry)) => {
                let number = self.entries.add(entry);
                let gram = crowd.rarest(parts);
                self.grams.extend(gram.map(|gram| Hung::new(gram, *rule, number, texts(parts))));
            }
            (Strategy::Pieces, Some(entry)) => {
                let number = self.entries.add(entry);
                self.pieces.add(parts, *rule, number);
            }
            (strategy, None) => {
                if strategy != Strategy::Automaton {
                    // The programs of a field that is beyond all bounds.
                    reason = Reason::Long;
                }
                let pattern = Pattern { parts: parts.to_vec() };
                self.general.push(Whole { pattern, rule: *rule, track: *track, reason });
            }
            (Strategy::Automaton, Some(_)) => {}
        }
    }

    fn finish(self, smallest: RuleId) -> TextTable {
        let mut entries = self.entries;
        let exact = Exact::new(&self.exact, &mut entries);
        let prefixes = Prefixes::new(&self.prefixes, &mut entries);
        let suffixes = Suffixes::new(&self.suffixes, &mut entries);
        entries.shrink();
        TextTable {
            entries,
            exact,
            prefixes,
            suffixes,
            scan: Scan::new(self.scan),
            grams: Grams::new(self.grams),
            pieces: Pieces::new(self.pieces),
            general: General::new(self.general),
            smallest,
        }
    }
}
