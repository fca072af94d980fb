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
//! Values that never come back must not cost much, nor drive out those that do. So a value gets a
//! line only when it comes the second time: at the first, a *door* remembers sixteen bits of its
//! hash. And sixteen bits of each line's hash stand apart as its *print*, in an array small enough
//! to stay near the processor, so that a line is touched only if it probably holds the value.
//!
//! The cache begins small and grows while values keep coming back, so that ten streams do not pay
//! for the memory that a hundred thousand want.

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

/// How many doors there are.
const DOORS: usize = 1 << 13;

#[derive(Debug, Default)]
struct Lines<const WORDS: usize> {
    lines: Vec<Line<WORDS>>,
    /// Per line.
    prints: Vec<u16>,
    /// The last two prints that came by, the latest first.
    doors: Vec<[u16; 2]>,
    /// How many values came back and were put in since the lines became more.
    put: usize,
}

impl<const WORDS: usize> Lines<WORDS> {
    /// The longest value that fits, in bytes.
    const LONGEST: usize = (WORDS - HEAD) * 8;

    #[inline]
    fn get(&self, field: usize, value: &Reading) -> Option<Answer> {
        let hash = value.hash();
        let at = self.at(hash);
        let prints = self.prints.get(at..at + 2)?;
        let print = print(hash);
        if prints.iter().all(|it| *it != print) {
            return None;
        }
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
        let hash = value.hash();
        if self.doors.is_empty() {
            self.doors = vec![[0; 2]; DOORS];
        }
        // Sorted out by all bits of the hash: values come in the same order again and again, and two
        // more at one door would keep each other out for ever.
        let door = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - DOORS.trailing_zeros());
        if let Some(door) = self.doors.get_mut(door as usize)
            && !door.contains(&print(hash))
        {
            *door = [print(hash), door[0]];
            return;
        }
        self.put += 1;
        if self.put * 2 > self.lines.len() && self.lines.len() < MOST {
            self.grow();
        }
        let answer = u64::from(answer.rule.0) | u64::from(answer.tracks.0) << 32;
        let head = [hash, answer | tag(field, value.length()) << 52];
        let mut line = Line([0; WORDS]);
        let words = head.into_iter().chain(words(value));
        line.0.iter_mut().zip(words).for_each(|(kept, word)| *kept = word);
        self.keep(line);
    }

    /// Puts a line where its hash belongs.
    fn keep(&mut self, line: Line<WORDS>) {
        let hash = line.0.first().copied().unwrap_or_default();
        let at = self.at(hash);
        // A free one, else the one that was not taken last, so that neither lasts for ever.
        let free = self.prints.get(at..at + 2).and_then(|it| it.iter().position(|it| *it == 0));
        let at = at + free.unwrap_or(self.put & 1);
        if let Some((place, kept)) = self.lines.get_mut(at).zip(self.prints.get_mut(at)) {
            *kept = print(hash);
            *place = line;
        }
    }

    /// The first of the two lines for a hash.
    #[inline]
    fn at(&self, hash: u64) -> usize {
        hash as usize & self.lines.len().saturating_sub(1) & !1
    }

    #[cold]
    fn grow(&mut self) {
        let lines = (self.lines.len() * 2).clamp(FIRST, MOST);
        let before = std::mem::replace(&mut self.lines, vec![Line([0; WORDS]); lines]);
        self.prints = vec![0; lines];
        // The second word of a line that holds a value is never zero.
        let used = before.into_iter().filter(|line| line.0.get(1) != Some(&0));
        used.for_each(|line| self.keep(line));
        self.put = 1;
    }

    fn clear(&mut self) {
        self.lines.iter_mut().for_each(|line| line.0.fill(0));
        self.prints.fill(0);
    }
}

/// Sixteen bits of a hash that say nothing about its place.
#[inline]
const fn print(hash: u64) -> u16 {
    (hash >> 48) as u16
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
            assert_eq!(values.get(0, &read(&text)), None, "not before it comes back");
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
            for n in 0..1000 {
                let value = read(&n.to_string());
                if values.get(1, &value).is_none() {
                    values.put(1, &value, answer(n));
                }
            }
        }
        let kept: Vec<_> =
            (0..1000).filter_map(|n| Some((n, values.get(1, &read(&n.to_string()))?))).collect();
        assert!(kept.len() > 900, "{}", kept.len());
        assert!(kept.iter().all(|(n, kept)| *kept == answer(*n)));
    }
}
