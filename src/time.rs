//! Instants, intervals and durations: the words of time that every stage shares.
//!
//! An instant is a count of nanoseconds since 1970 in UTC ([`Timestamp`]), so that an event read
//! with any precision is written back unchanged; lengths are whole milliseconds ([`Millis`]).
//! Local time exists only at the edges: [`crate::period`] turns days and weeks of a zone into
//! [`Interval`]s, and everything in between works on the UTC line.
//!
//! INVARIANT (half open): an [`Interval`] holds its start and not its end, so neighbours that
//! touch never share an instant and lengths add up.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A length of time in milliseconds.
pub type Millis = i64;

const NANOS_PER_MILLI: i64 = 1_000_000;

/// An instant: nanoseconds since 1970-01-01T00:00:00Z (years 1678 to 2261).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant that can be represented.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant that can be represented.
    pub const MAX: Self = Self(i64::MAX);

    /// The instant `nanos` nanoseconds after 1970 (before, where negative).
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The instant `millis` milliseconds after 1970, clamped to what can be represented.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970, rounded towards the past.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(NANOS_PER_MILLI)
    }

    /// This instant moved by `by` milliseconds, clamped to what can be represented.
    #[must_use]
    pub const fn plus(self, by: Millis) -> Self {
        Self(self.0.saturating_add(by.saturating_mul(NANOS_PER_MILLI)))
    }

    /// The instant of a chrono date, or `None` outside the years 1678 to 2261. The very first and
    /// last that can be represented are none either: they bound all of time.
    #[must_use]
    pub fn from_datetime<Tz: chrono::TimeZone>(at: &DateTime<Tz>) -> Option<Self> {
        let at = Self(at.timestamp_nanos_opt()?);
        (Self::MIN < at && at < Self::MAX).then_some(at)
    }

    /// This instant as a chrono date.
    #[must_use]
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.0)
    }

    /// Reads a timestamp as other tools write it: RFC 3339 with any precision and offset, a space
    /// for the `T`, no offset at all (UTC then), or none of the punctuation between date parts.
    ///
    /// Digits beyond nanoseconds are cut. `None` if the text is no timestamp or lies outside the
    /// years 1678 to 2261.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Self::from_datetime(&at);
        }
        const WITH_OFFSET: [&str; 4] = [
            "%Y-%m-%d %H:%M:%S%.f%#z",
            "%Y-%m-%dT%H:%M:%S%.f%#z",
            "%Y%m%dT%H%M%S%.f%#z",
            "%Y-%m-%dT%H:%M%#z",
        ];
        const UTC: [&str; 4] =
            ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y%m%dT%H%M%S%.f", "%Y-%m-%dT%H:%M"];
        let unzoned = text.strip_suffix(['Z', 'z']);
        WITH_OFFSET
            .iter()
            .find_map(|form| DateTime::parse_from_str(text, form).ok())
            .and_then(|at| Self::from_datetime(&at))
            .or_else(|| {
                UTC.iter()
                    .find_map(|form| {
                        NaiveDateTime::parse_from_str(unzoned.unwrap_or(text), form).ok()
                    })
                    .and_then(|at| Self::from_datetime(&at.and_utc()))
            })
    }
}

/// RFC 3339 in UTC with `Z`, with as many groups of three fraction digits as the instant needs.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_datetime().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a timestamp"))
    }
}

/// The instants from `start` up to, and without, `end`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Interval {
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Interval {
    /// All of time.
    pub const ALWAYS: Self = Self { start: Timestamp::MIN, end: Timestamp::MAX };

    /// From `start` up to `end`; empty where `end` is not later.
    #[must_use]
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end }
    }

    /// Whether it holds no instant.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// Whether `at` lies within.
    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// Its length, 0 where empty. Cut to whole milliseconds at both ends, so that the lengths of
    /// neighbours add up to the length of the whole.
    #[must_use]
    pub fn millis(self) -> Millis {
        (self.end.millis() - self.start.millis()).max(0)
    }

    /// What both have in common; empty where nothing.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }
}

/// The union of `intervals` as disjoint, non-touching intervals in order. O(n log n).
#[must_use]
pub fn union(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.retain(|it| !it.is_empty());
    intervals.sort_unstable();
    let mut out: Vec<Interval> = Vec::with_capacity(intervals.len());
    for it in intervals {
        match out.last_mut() {
            Some(last) if it.start <= last.end => last.end = last.end.max(it.end),
            _ => out.push(it),
        }
    }
    out
}

/// Sum of the lengths of `intervals`, which counts shared time once for each.
#[must_use]
pub fn total(intervals: &[Interval]) -> Millis {
    intervals.iter().map(|it| it.millis()).sum()
}

/// A length as people read it: `2h 15m`, `45m`, `0m`; whole minutes, rounded down.
#[must_use]
pub fn human(length: Millis) -> String {
    let minutes = length.max(0) / 60_000;
    match (minutes / 60, minutes % 60) {
        (0, m) => format!("{m}m"),
        (h, m) => format!("{h}h {m}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_other_tools_write() {
        let want = Timestamp::parse("2025-01-28T10:00:00Z").unwrap();
        for text in [
            "2025-01-28T10:00:00.000Z",
            "2025-01-28T11:00:00+01:00",
            "2025-01-28 10:00:00+00:00",
            "2025-01-28 10:00:00.000000000Z",
            "2025-01-28T10:00:00",
            "2025-01-28T05:00:00-0500",
            "2025-01-28T10:00Z",
            "20250128T100000Z",
        ] {
            assert_eq!(Timestamp::parse(text), Some(want), "{text}");
        }
        for text in ["", "yesterday", "2025-01-28", "2025-13-28T10:00:00Z", "9999-01-01T00:00:00Z"]
        {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn writes_back_what_it_read() {
        for text in [
            "1969-12-31T23:59:59.999Z",
            "2025-01-28T10:00:00Z",
            "2025-01-28T10:00:00.123456789Z",
            "2100-01-01T00:00:00.000001Z",
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn union_joins_what_touches() {
        let at = Timestamp::from_millis;
        let it = |a, b| Interval::new(at(a), at(b));
        assert_eq!(
            union(vec![it(5, 7), it(0, 3), it(3, 4), it(6, 9), it(2, 2)]),
            [it(0, 4), it(5, 9)]
        );
    }

    #[test]
    fn durations_are_floored() {
        assert_eq!(human(0), "0m");
        assert_eq!(human(59_999), "0m");
        assert_eq!(human(8_100_000), "2h 15m");
        assert_eq!(human(3_600_000), "1h 0m");
    }
}
