//! Sets of whole numbers, for durations (milliseconds) and times of day (nanoseconds).

/// A set of whole numbers.
///
/// INVARIANT (normal): ranges with both ends included, in order, apart and not adjacent; so equal
/// sets are equal values.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Intervals(Vec<(i64, i64)>);

impl Intervals {
    /// The union of ranges with both ends included; those that end before they start are empty.
    #[must_use]
    pub fn of(ranges: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().filter(|(from, to)| from <= to).collect();
        ranges.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            match joined.last_mut() {
                Some((_, end)) if from <= end.saturating_add(1) => *end = to.max(*end),
                _ => joined.push((from, to)),
            }
        }
        Self(joined)
    }

    /// The ranges, both ends included, in order.
    #[must_use]
    pub fn ranges(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// Whether no number is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `value` is in it. Logarithmic in the number of ranges.
    #[must_use]
    pub fn contains(&self, value: i64) -> bool {
        let begun = self.0.partition_point(|(from, _)| *from <= value);
        begun.checked_sub(1).and_then(|last| self.0.get(last)).is_some_and(|(_, to)| value <= *to)
    }

    /// The numbers in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let pairs = self.0.iter().flat_map(|a| other.0.iter().map(move |b| (a, b)));
        Self::of(pairs.map(|(a, b)| (a.0.max(b.0), a.1.min(b.1))))
    }

    /// The numbers that are not in it.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut next = Some(i64::MIN);
        for (from, to) in &self.0 {
            if let Some(start) = next
                && let Some(end) = from.checked_sub(1)
            {
                gaps.push((start, end));
            }
            next = to.checked_add(1);
        }
        gaps.extend(next.map(|start| (start, i64::MAX)));
        Self::of(gaps)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set() -> impl Strategy<Value = Intervals> {
        let end = || prop_oneof![Just(i64::MIN), Just(i64::MAX), -4..5_i64];
        proptest::collection::vec((end(), end()), 0..4).prop_map(Intervals::of)
    }

    proptest! {
        #[test]
        fn sets_are_sets(a in set(), b in set(), near in -6..7_i64) {
            for value in [near, i64::MIN, i64::MAX] {
                prop_assert_eq!(a.complement().contains(value), !a.contains(value));
                let both = a.contains(value) && b.contains(value);
                prop_assert_eq!(a.intersection(&b).contains(value), both);
            }
            prop_assert_eq!(a.complement().complement(), a.clone());
            prop_assert!(a.intersection(&a.complement()).is_empty());
            prop_assert!(a.0.windows(2).all(|two| two[0].1 < two[1].0 - 1));
        }
    }
}
