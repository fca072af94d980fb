//! Sets of characters, and which member of a set is the nicest to show.

/// A set of characters.
///
/// Ranges of scalar values with both ends included, in order and apart. A range may run over the
/// surrogates, which are no characters and so are in no set.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CharSet(Vec<(u32, u32)>);

/// The last scalar value.
pub const LAST: u32 = char::MAX as u32;

impl CharSet {
    /// The union of ranges with both ends included.
    #[must_use]
    pub fn of(ranges: impl IntoIterator<Item = (char, char)>) -> Self {
        let mut ranges: Vec<_> =
            ranges.into_iter().map(|(from, to)| (u32::from(from), u32::from(to))).collect();
        ranges.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match joined.last_mut() {
                Some((_, end)) if from <= *end + 1 => *end = to.max(*end),
                _ => joined.push((from, to)),
            }
        }
        Self(joined)
    }

    /// The characters that are not in it.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut next = 0;
        for (from, to) in &self.0 {
            if next < *from {
                gaps.push((next, from - 1));
            }
            next = to + 1;
        }
        if next <= LAST {
            gaps.push((next, LAST));
        }
        Self(gaps)
    }

    /// Whether it has the character. Logarithmic in the number of ranges.
    #[must_use]
    pub fn contains(&self, c: char) -> bool {
        let c = u32::from(c);
        let begun = self.0.partition_point(|(from, _)| *from <= c);
        begun.checked_sub(1).and_then(|last| self.0.get(last)).is_some_and(|(_, to)| c <= *to)
    }

    /// The ranges, both ends included, in order.
    #[must_use]
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }
}

/// Characters that read well in an example, the nicest first.
const NICE: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_./ +~=:,@#%&!'()*;<>?[]{}|^$\"`\\";

/// Characters that read well in an example, the nicest first.
pub fn nice() -> impl Iterator<Item = char> {
    NICE.chars()
}

/// A place in the order of niceness; smaller is nicer.
#[must_use]
pub fn unpleasantness(c: char) -> u32 {
    let listed = NICE.find(c).and_then(|at| u32::try_from(at).ok());
    listed.unwrap_or(1000 + u32::from(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sets_are_sets(
            ranges in proptest::collection::vec(("[a-h]", "[a-h]"), 0..4),
            c in "[a-i]|\u{0}|\u{10ffff}|\u{d7ff}|\u{e000}",
        ) {
            let one = |text: &String| text.chars().next().unwrap();
            let ranges: Vec<_> = ranges
                .iter()
                .map(|(a, b)| (one(a).min(one(b)), one(a).max(one(b))))
                .collect();
            let set = CharSet::of(ranges.clone());
            let c = one(&c);
            let inside = ranges.iter().any(|(from, to)| (*from..=*to).contains(&c));
            prop_assert_eq!(set.contains(c), inside);
            prop_assert_eq!(set.complement().contains(c), !inside);
            prop_assert_eq!(set.complement().complement(), set);
        }
    }
}
