//! From worked time to billed time: rounding, in one place, the same for every destination.
//!
//! ```text
//! worked          1h 02m 30s   0h 20m 10s   0h 00m 20s          round = "6m", "up", min = "1m"
//! per entry       1h 06m       0h 24m       left out, < 1m      each entry for itself
//! per day         1h 05m 50s   0h 20m 10s   left out            1h 22m 40s → 1h 24m, and the
//!                 + 1m 20s ────┘                                longest takes the difference
//! ```
//!
//! INVARIANT (seconds): without rounding, what is billed is the worked time in whole seconds,
//! rounded down once per stream; the days of a stream that is split add up to it.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::settings::{Policy, RoundMode, RoundPer};
use crate::time::Millis;

/// Worked time as it is billed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// The local day that it counts to.
    pub day: NaiveDate,
    /// Worked seconds.
    pub worked: i64,
}

/// Billed seconds of each share, 0 where it is not billed: it is nothing, or less than the minimum.
///
/// With [`RoundPer::Day`] a share's answer depends on the others of its day, so all of a day must
/// be given together. O(n log n).
#[must_use]
pub fn billed(shares: &[Share], policy: &Policy) -> Vec<i64> {
    let counts = |share: &Share| share.worked > 0 && share.worked >= policy.min;
    let mut billed: Vec<i64> =
        shares.iter().map(|share| if counts(share) { share.worked } else { 0 }).collect();
    match policy.per {
        RoundPer::Entry => {
            billed.iter_mut().for_each(|seconds| *seconds = rounded(*seconds, policy));
        }
        RoundPer::Day => {
            let mut days: BTreeMap<NaiveDate, Vec<usize>> = BTreeMap::new();
            for (i, share) in shares.iter().enumerate() {
                days.entry(share.day).or_default().push(i);
            }
            for of_day in days.into_values() {
                spread(&mut billed, of_day, policy);
            }
        }
    }
    billed
}

/// Rounds the sum of a day. What is more goes to the longest share; what is less is taken from the
/// longest, then from the next.
fn spread(billed: &mut [i64], mut of_day: Vec<usize>, policy: &Policy) {
    let seconds = |billed: &[i64], i: usize| billed.get(i).copied().unwrap_or_default();
    of_day.sort_by_key(|i| (-seconds(billed, *i), *i));
    let sum: i64 = of_day.iter().map(|i| seconds(billed, *i)).sum();
    let mut difference = rounded(sum, policy) - sum;
    for i in of_day {
        let Some(slot) = billed.get_mut(i).filter(|it| **it > 0) else { continue };
        let change = difference.max(-*slot);
        *slot += change;
        difference -= change;
    }
}

fn rounded(seconds: i64, policy: &Policy) -> i64 {
    let unit = policy.round;
    if unit <= 0 || seconds <= 0 {
        return seconds;
    }
    let (down, rest) = (seconds / unit * unit, seconds % unit);
    let up = match policy.mode {
        RoundMode::Up => rest > 0,
        RoundMode::Nearest => rest * 2 >= unit,
        RoundMode::Down => false,
    };
    if up { down.saturating_add(unit) } else { down }
}

/// Whole seconds for consecutive parts of one length, each in milliseconds, that add up to the whole
/// seconds of their sum.
#[must_use]
pub fn whole_seconds(parts: &[Millis]) -> Vec<i64> {
    let mut sum = 0;
    parts
        .iter()
        .map(|part| {
            let before = sum / 1_000;
            sum += part;
            sum / 1_000 - before
        })
        .collect()
}

impl Policy {
    /// Whether billed time may differ from worked time.
    #[must_use]
    pub fn rounds(&self) -> bool {
        self.round > 1
    }

    /// The rounding in words, such as `rounded up to 6m per entry`.
    #[must_use]
    pub fn words(&self) -> String {
        let mode = match self.mode {
            RoundMode::Up => "up to",
            RoundMode::Nearest => "to the nearest",
            RoundMode::Down => "down to",
        };
        let per = match self.per {
            RoundPer::Entry => "entry",
            RoundPer::Day => "day",
        };
        format!("rounded {mode} {} per {per}", length(self.round))
    }
}

/// A length to the second: `2h 15m`, `6m`, `1m 20s`, `45s`.
#[must_use]
pub fn length(seconds: i64) -> String {
    let (h, m, s) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let parts = [(h, 'h'), (m, 'm'), (s, 's')];
    let shown: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if shown.is_empty() { "0s".to_owned() } else { shown.join(" ") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 1, n).unwrap()
    }

    fn of(worked: &[i64], policy: Policy) -> Vec<i64> {
        let shares: Vec<Share> =
            worked.iter().map(|worked| Share { day: day(28), worked: *worked }).collect();
        billed(&shares, &policy)
    }

    fn policy(mode: RoundMode, per: RoundPer) -> Policy {
        Policy { round: 360, mode, per, min: 60 }
    }

    #[test]
    fn the_example_of_this_page() {
        let worked = [3_750, 1_210, 20];
        assert_eq!(of(&worked, policy(RoundMode::Up, RoundPer::Entry)), [3_960, 1_440, 0]);
        assert_eq!(of(&worked, policy(RoundMode::Up, RoundPer::Day)), [3_830, 1_210, 0]);
        assert_eq!(of(&worked, policy(RoundMode::Nearest, RoundPer::Entry)), [3_600, 1_080, 0]);
        assert_eq!(of(&worked, policy(RoundMode::Down, RoundPer::Entry)), [3_600, 1_080, 0]);
        assert_eq!(of(&worked, Policy::default()), worked);
    }

    #[test]
    fn the_middle_goes_up() {
        let policy = policy(RoundMode::Nearest, RoundPer::Entry);
        assert_eq!(of(&[179, 180, 539, 540], policy), [0, 360, 360, 720]);
    }

    #[test]
    fn days_are_rounded_for_themselves() {
        let shares = [Share { day: day(27), worked: 100 }, Share { day: day(28), worked: 100 }];
        let policy = policy(RoundMode::Up, RoundPer::Day);
        assert_eq!(billed(&shares, &policy), [360, 360]);
    }

    #[test]
    fn lengths() {
        let shown = [0, 45, 80, 360, 8_100, 3_601].map(length);
        assert_eq!(shown, ["0s", "45s", "1m 20s", "6m", "2h 15m", "1h 1s"]);
        let policy = policy(RoundMode::Up, RoundPer::Entry);
        assert_eq!(policy.words(), "rounded up to 6m per entry");
    }

    proptest! {
        #[test]
        fn sums_of_days_are_rounded_and_nothing_is_negative(
            worked in prop::collection::vec((27u32..30, 0i64..8_000), 0..12),
            mode in prop::sample::select(vec![RoundMode::Up, RoundMode::Nearest, RoundMode::Down]),
            round in prop::sample::select(vec![0i64, 1, 7, 60, 360, 3_600]),
            min in prop::sample::select(vec![0i64, 60, 900]),
        ) {
            let shares: Vec<Share> =
                worked.iter().map(|(n, worked)| Share { day: day(*n), worked: *worked }).collect();
            let policy = Policy { round, mode, per: RoundPer::Day, min };
            let answer = billed(&shares, &policy);
            for n in 27..30 {
                let of_day = || shares.iter().zip(&answer).filter(|(it, _)| it.day == day(n));
                let counted = |it: &Share| it.worked > 0 && it.worked >= min;
                let sum: i64 =
                    of_day().filter(|(it, _)| counted(it)).map(|(it, _)| it.worked).sum();
                prop_assert_eq!(of_day().map(|(_, it)| it).sum::<i64>(), rounded(sum, &policy));
                prop_assert!(of_day().all(|(it, seconds)| *seconds >= 0
                    && (counted(it) || *seconds == 0)));
            }
        }

        #[test]
        fn parts_add_up(parts in prop::collection::vec(0i64..5_000, 0..9)) {
            let whole: i64 = parts.iter().sum::<i64>() / 1_000;
            prop_assert_eq!(whole_seconds(&parts).iter().sum::<i64>(), whole);
        }
    }
}
