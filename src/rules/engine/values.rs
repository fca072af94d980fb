//! Values seen before: what each decides and passes, kept in bounded memory.
//!
//! A line holds a value with its answer, so that a look-up touches one line (two neighbouring ones
//! for long values) and compares the value itself, word by word, not its hash. A value can lie in
//! one of two lines; a new one takes one of them over, whoever was there.
//!
//! ```text
//! word    0      1                                2 …
//!         hash   rule, tracks, field and length   the value, filled up with zeros
//! ```
//!
//! The cache begins small and grows while values keep coming, so that ten streams do not pay for
//! the memory that a hundred thousand want.

use super::lists::ListId;
use crate::rules::ir::RuleId;
use crate::rules::table::text::Reading;

/// What a value decides and passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    /// The smallest rule that the value decides by itself.
    pub(super) rule: RuleId,
    /// The tracks that it passes.
    pub(super) tracks: ListId,
}

/// Words before the value.
const HEAD: usize = 2;

/// Values of all lengths; the longest are not kept.
#[derive(Debug, Default)]
pub(super) struct Values {
    short: Lines<8>,
    long: Lines<16>,
}

impl Values {
    /// The answer for a value of the field, if it is kept.
    #[inline]
    pub(super) fn get(&self, field: usize, value: &Reading) -> Option<Answer> {
        if value.length() <= Lines::<8>::LONGEST {
            self.short.get(field, value)
        } else {
            self.long.get(field, value)
        }
    }

    /// Keeps an answer.
    pub(super) fn put(&mut self, field: usize, value: &Reading, answer: Answer) {
        if value.length() <= Lines::<8>::LONGEST {
            self.short.put(field, value, answer);
        } else if value.length() <= Lines::<16>::LONGEST {
            self.long.put(field, value, answer);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.short.clear();
        self.long.clear();
    }
}

/// So many lines at first and at most.
const FIRST: usize = 64;
const MOST: usize = 1 << 14;

#[derive(Clone, Debug)]
#[repr(align(64))]
struct Line<const WORDS: usize>([u64; WORDS]);

#[derive(Debug, Default)]
struct Lines<const WORDS: usize> {
    lines: Vec<Line<WORDS>>,
    /// How many values were put in since the lines became more.
    put: usize,
}

impl<const WORDS: usize> Lines<WORDS> {
    /// The longest value that fits, in bytes.
    const LONGEST: usize = (WORDS - HEAD) * 8;

    #[inline]
    fn get(&self, field: usize, value: &Reading) -> Option<Answer> {
        let (hash, at) = self.place(value);
        let tag = tag(field, value.length());
        let line = self.lines.get(at..at + 2)?.iter().find(|line| {
            let [first, second, kept @ ..] = line.0.as_slice() else { return false };
            *first == hash
                && second >> 52 == tag
                && kept.iter().zip(words(value)).all(|(a, b)| *a == b)
        })?;
        let answer = line.0.get(1).copied().unwrap_or_default();
        Some(Answer {
            rule: RuleId(answer as u32),
            tracks: ListId((answer >> 32) as u32 & ListId::MOST),
        })
    }

    fn put(&mut self, field: usize, value: &Reading, answer: Answer) {
        self.put += 1;
        if self.put > self.lines.len() && self.lines.len() < MOST {
            self.grow();
        }
        let (hash, at) = self.place(value);
        // Whichever was not taken last, so that neither lasts for ever.
        if let Some(line) = self.lines.get_mut(at + (self.put & 1)) {
            let answer = u64::from(answer.rule.0) | u64::from(answer.tracks.0) << 32;
            let head = [hash, answer | tag(field, value.length()) << 52];
            let words = head.into_iter().chain(words(value));
            line.0.iter_mut().zip(words).for_each(|(kept, word)| *kept = word);
        }
    }

    /// The hash, and the first of the two lines.
    #[inline]
    fn place(&self, value: &Reading) -> (u64, usize) {
        let hash = value.hash();
        (hash, hash as usize & self.lines.len().saturating_sub(1) & !1)
    }

    /// What was kept is found anew; moving it would cost as much.
    #[cold]
    fn grow(&mut self) {
        let lines = (self.lines.len() * 4).clamp(FIRST, MOST);
        self.lines = vec![Line([0; WORDS]); lines];
        self.put = 1;
    }

    fn clear(&mut self) {
        self.lines.iter_mut().for_each(|line| line.0.fill(0));
    }
}

/// The words that the value fills.
#[inline]
fn words(value: &Reading) -> impl Iterator<Item = u64> {
    value.words().take(value.length().div_ceil(8))
}

/// Field and length in twelve bits, never all zero, as in a line that holds nothing.
#[inline]
const fn tag(field: usize, len: usize) -> u64 {
    (field as u64 + 1) | (len as u64) << 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Reading {
        let mut reading = Reading::default();
        reading.read(text.as_bytes());
        reading
    }

    #[test]
    fn keeps_what_fits_and_confuses_nothing() {
        let mut values = Values::default();
        let answer = |n: usize| Answer { rule: RuleId(n as u32), tracks: ListId(n as u32 % 7) };
        for length in 0..200 {
            let text = "x".repeat(length);
            for (field, text) in [(0, text.clone()), (5, text.clone()), (0, format!("{text}\0"))] {
                assert_eq!(values.get(field, &read(&text)), None, "{length}");
            }
            values.put(0, &read(&text), answer(length));
            let kept = (length <= 112).then(|| answer(length));
            assert_eq!(values.get(0, &read(&text)), kept, "{length}");
            values.clear();
            assert_eq!(values.get(0, &read(&text)), None);
        }
    }

    #[test]
    fn keeps_many() {
        let mut values = Values::default();
        let answer = |n: u32| Answer { rule: RuleId(n), tracks: ListId(0) };
        for _ in 0..8 {
            (0..1000).for_each(|n| values.put(1, &read(&n.to_string()), answer(n)));
        }
        let kept: Vec<_> =
            (0..1000).filter_map(|n| Some((n, values.get(1, &read(&n.to_string()))?))).collect();
        assert!(kept.len() > 900, "{}", kept.len());
        assert!(kept.iter().all(|(n, kept)| *kept == answer(*n)));
    }
}
