//! Which strategy a pattern gets, and why.
//!
//! [`choose`] alone decides; everything else asks it or tells what it said.

use std::borrow::Cow;
use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::gram::{self, Gram};
use super::pieces::is_pieces;
use super::wildcard::is_simple;
use crate::rules::ir::{Part, RuleId};
use crate::rules::table::TrackId;

/// A place for patterns, in the order in which a search visits them: cheap ones first, so that the
/// costly ones can stop at a rule already found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Strategy {
    /// One look-up by the hash of the value.
    Exact,
    /// A look-up per length by the hash of a prefix.
    Prefix,
    /// A look-up per length by the hash of an end.
    Suffix,
    /// Held to every value, one after the other.
    Scan,
    /// Hung off a few bytes.
    Gram,
    /// In a tree of texts.
    Pieces,
    /// All of them in one automaton.
    Automaton,
}

impl Strategy {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Prefix => "prefix",
            Self::Suffix => "suffix",
            Self::Scan => "scan",
            Self::Gram => "gram",
            Self::Pieces => "pieces",
            Self::Automaton => "automaton",
        }
    }
}

/// Why a pattern has its strategy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It is a text.
    Word,
    /// It is `*`.
    Everything,
    /// It is a text and `*`.
    Beginning,
    /// It is `*` and a text.
    End,
    /// It begins with a text that is its own, nearly.
    OwnBeginning,
    /// It ends with a text that is its own, nearly.
    OwnEnd,
    /// It has a text.
    Text,
    /// It has texts and stars alone, and many patterns have them.
    CommonTexts,
    /// It has none, but few are so.
    FewWithoutText,
    /// It has none, and many are so.
    ManyWithoutText,
    /// Verification could not decide it.
    Ambiguous,
    /// It is too long for verification.
    Long,
    /// It has too many alternatives.
    Braces,
}

impl Reason {
    /// The strategy that follows.
    #[must_use]
    pub const fn strategy(self) -> Strategy {
        match self {
            Self::Word => Strategy::Exact,
            Self::Everything | Self::Beginning | Self::OwnBeginning => Strategy::Prefix,
            Self::End | Self::OwnEnd => Strategy::Suffix,
            Self::Text => Strategy::Gram,
            Self::CommonTexts => Strategy::Pieces,
            Self::FewWithoutText => Strategy::Scan,
            Self::ManyWithoutText | Self::Ambiguous | Self::Long | Self::Braces => {
                Strategy::Automaton
            }
        }
    }

    /// The reason in words.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::Word => "it has no wildcards",
            Self::Everything => "every value begins with nothing",
            Self::Beginning => "only the beginning is fixed",
            Self::End => "only the end is fixed",
            Self::OwnBeginning => "few patterns share its beginning; the rest is verified",
            Self::OwnEnd => "few patterns share its end; the rest is verified",
            Self::Text => "the rarest bytes of its texts lead to it; then it is verified",
            Self::CommonTexts => "even the rarest bytes of its texts lead to many patterns",
            Self::FewWithoutText => "it has no text to look up, but few patterns are so",
            Self::ManyWithoutText => "it has no text to look up, and many patterns are so",
            Self::Ambiguous => "captures stand side by side with what may be '/'",
            Self::Long => "it is too long to be verified by itself",
            Self::Braces => "its braces have too many alternatives to be multiplied out",
        }
    }
}

/// A pattern, or one alternative of it, on its way into a table.
#[derive(Debug)]
pub(super) struct Draft<'p> {
    pub(super) parts: Cow<'p, [Part]>,
    pub(super) rule: RuleId,
    pub(super) track: TrackId,
}

/// So many patterns may share a beginning or an end that each value which has it is held to all.
const SHARED: u32 = 4;
/// So many patterns without a text may be held to every value.
const SCANNED: usize = 8;
/// So often may even the rarest bytes of a pattern of texts and stars occur in patterns. Fewer where
/// this crate tests itself, with fewer patterns.
const CROWDED: u32 = if cfg!(test) { 32 } else { 256 };
/// The same where all its texts are single bytes, which tell nothing before verification.
const CROWDED_LETTER: u32 = 32;
/// Bytes of texts that a program can hold with what stands between them.
const MAX_BYTES: usize = 1 << 15;

/// What the patterns of a field have in common.
#[derive(Debug, Default)]
pub(super) struct Crowd<'d> {
    beginnings: HashMap<&'d str, u32, FixedState>,
    ends: HashMap<&'d str, u32, FixedState>,
    /// How often each occurs; in one pattern perhaps several times.
    grams: HashMap<Gram, u32, FixedState>,
    without_text: usize,
}

impl<'d> Crowd<'d> {
    pub(super) fn of(drafts: &'d [Draft<'_>]) -> Self {
        let mut crowd = Self::default();
        let mixed = || drafts.iter().map(|draft| &*draft.parts).filter(|parts| is_mixed(parts));
        for parts in mixed() {
            beginning(parts)
                .into_iter()
                .for_each(|it| *crowd.beginnings.entry(it).or_default() += 1);
            end(parts).into_iter().for_each(|it| *crowd.ends.entry(it).or_default() += 1);
            crowd.without_text += usize::from(longest_text(parts) == 0);
        }
        for parts in mixed() {
            if crowd.few_share_beginning(parts) || crowd.few_share_end(parts) {
                continue;
            }
            all_grams(parts).for_each(|gram| *crowd.grams.entry(gram).or_default() += 1);
        }
        crowd
    }

    fn few_share_beginning(&self, parts: &[Part]) -> bool {
        few(&self.beginnings, beginning(parts))
    }

    fn few_share_end(&self, parts: &[Part]) -> bool {
        few(&self.ends, end(parts))
    }

    fn is_crowded(&self, parts: &[Part]) -> bool {
        let rarest = self.rarest(parts);
        let most = rarest.map_or(0, |gram| if gram.len == 1 { CROWDED_LETTER } else { CROWDED });
        rarest.and_then(|gram| self.grams.get(&gram)).is_some_and(|count| *count > most)
    }

    /// The gram of the pattern that the fewest patterns have.
    pub(super) fn rarest(&self, parts: &[Part]) -> Option<Gram> {
        all_grams(parts).min_by_key(|gram| self.grams.get(gram))
    }
}

fn few(counts: &HashMap<&str, u32, FixedState>, text: Option<&str>) -> bool {
    text.and_then(|text| counts.get(text)).is_some_and(|count| *count <= SHARED)
}

/// What to do with a pattern without braces: its strategy, and why.
pub(super) fn choose(parts: &[Part], crowd: &Crowd<'_>) -> Reason {
    match parts {
        _ if bytes(parts) > MAX_BYTES => Reason::Long,
        [] | [Part::Literal(_)] => Reason::Word,
        [Part::Star] => Reason::Everything,
        [Part::Literal(_), Part::Star] => Reason::Beginning,
        [Part::Star, Part::Literal(_)] => Reason::End,
        _ if !is_simple(parts) => Reason::Ambiguous,
        _ if crowd.few_share_beginning(parts) => Reason::OwnBeginning,
        _ if crowd.few_share_end(parts) => Reason::OwnEnd,
        _ if is_pieces(parts) && crowd.is_crowded(parts) => Reason::CommonTexts,
        _ if longest_text(parts) > 0 => Reason::Text,
        _ if crowd.without_text <= SCANNED => Reason::FewWithoutText,
        _ => Reason::ManyWithoutText,
    }
}

/// Whether a pattern is more than a word, a beginning or an end.
fn is_mixed(parts: &[Part]) -> bool {
    !matches!(
        parts,
        [] | [Part::Literal(_) | Part::Star]
            | [Part::Literal(_), Part::Star]
            | [Part::Star, Part::Literal(_)]
    )
}

/// The text that a value must begin with.
pub(super) fn beginning(parts: &[Part]) -> Option<&str> {
    literal(parts.first()?)
}

/// The text that a value must end with.
pub(super) fn end(parts: &[Part]) -> Option<&str> {
    literal(parts.last()?)
}

const fn literal(part: &Part) -> Option<&str> {
    match part {
        Part::Literal(text) => Some(text.as_str()),
        Part::Any | Part::Star | Part::Class(_) | Part::Group(_) | Part::Capture(_) => None,
    }
}

/// The texts of a pattern.
pub(super) fn texts(parts: &[Part]) -> impl Iterator<Item = &str> {
    parts.iter().filter_map(literal)
}

fn longest_text(parts: &[Part]) -> usize {
    texts(parts).map(str::len).max().unwrap_or_default()
}

fn bytes(parts: &[Part]) -> usize {
    parts.len() * 8 + texts(parts).map(str::len).sum::<usize>()
}

/// The grams of a pattern, as long as its texts allow.
fn all_grams(parts: &[Part]) -> impl Iterator<Item = Gram> {
    let len = longest_text(parts).clamp(1, gram::LONGEST);
    texts(parts).flat_map(move |text| gram::grams(text, len))
}
