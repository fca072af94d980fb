//! The numbers of a report.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Add, AddAssign};

use crate::period::Period;
use crate::time::{Interval, Millis, Timestamp, total, union};

/// A stream with all its time, uncut.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StreamTime {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its tags, in any order.
    pub tags: Vec<String>,
    /// When the person attended to it; disjoint.
    pub direct: Vec<Interval>,
    /// When agents worked for it; disjoint.
    pub delegated: Vec<Interval>,
}

/// Time of events that no stream took, uncut.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unassigned {
    /// The person's attention; disjoint.
    pub direct: Vec<Interval>,
    /// Agents' work; disjoint.
    pub delegated: Vec<Interval>,
    /// How many such events the period has.
    pub events: u64,
}

/// Time by kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Spent {
    /// The person's attention.
    pub direct: Millis,
    /// Agents' work.
    pub delegated: Millis,
}

impl Spent {
    /// Both together: what is billed.
    #[must_use]
    pub const fn total(self) -> Millis {
        self.direct + self.delegated
    }

    fn within(border: Interval, direct: &[Interval], delegated: &[Interval]) -> Self {
        let sum = |all: &[Interval]| cut(border, all).map(Interval::millis).sum();
        Self { direct: sum(direct), delegated: sum(delegated) }
    }
}

impl Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { direct: self.direct + other.direct, delegated: self.delegated + other.delegated }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// The parts of `all` within `border`.
fn cut(border: Interval, all: &[Interval]) -> impl Iterator<Item = Interval> {
    all.iter().map(move |it| it.intersect(border)).filter(|it| !it.is_empty())
}

/// A stream's time in the period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamLine {
    /// Its id.
    pub id: String,
    /// The id as people type it: the whole one, until somebody puts in a shorter one that is
    /// unique.
    pub short_id: String,
    /// Its name.
    pub name: String,
    /// Its time in the period, above zero.
    pub spent: Spent,
}

/// A tag's time in the period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TagTime {
    /// The tag.
    pub tag: String,
    /// The sum over its streams.
    pub spent: Spent,
    /// Its streams, the longest first.
    pub streams: Vec<StreamLine>,
}

/// Time of the streams without a tag.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Untagged {
    /// The sum over its streams.
    pub spent: Spent,
    /// The streams, the longest first.
    pub streams: Vec<StreamLine>,
}

/// The sums over all streams, each counted once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Direct and delegated time.
    pub spent: Spent,
    /// Length of the union of all their intervals: time on the wall clock.
    pub tracked: Millis,
    /// What the tags count more than once: for a stream with three tags, twice its time.
    pub multi_tag_overlap: Millis,
    /// Streams with time in the period.
    pub stream_count: usize,
}

/// A report: what the renderers show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// When it was made.
    pub generated_at: Timestamp,
    /// The period it is about, with its zone.
    pub period: Period,
    /// Tags, the longest first, then by name.
    pub by_tag: Vec<TagTime>,
    /// Streams without a tag.
    pub untagged: Untagged,
    /// Time of no stream; in none of the sums.
    pub unassigned: Spent,
    /// Events of no stream.
    pub unassigned_events: u64,
    /// The sums.
    pub totals: Totals,
    /// What is billed of them, where times are rounded for that.
    pub billing: Option<Billing>,
}

/// What is billed, in whole seconds. Worked and billed time differ by rounding alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Billing {
    /// The streams' direct and delegated time.
    pub worked: i64,
    /// The same after rounding.
    pub billed: i64,
    /// How it is rounded, such as `rounded up to 6m per entry`.
    pub words: String,
}

impl Report {
    /// The report of `period` over `streams`, whose intervals are cut at its borders. Streams
    /// without time in it are left out. O(n log n) in the number of intervals.
    #[must_use]
    pub fn build(
        period: Period,
        generated_at: Timestamp,
        streams: &[StreamTime],
        unassigned: &Unassigned,
    ) -> Self {
        let border = period.interval;
        let mut tags: BTreeMap<&str, Vec<StreamLine>> = BTreeMap::new();
        let mut untagged = Vec::new();
        let mut totals = Totals::default();
        let mut clock = Vec::new();
        for stream in streams {
            let spent = Spent::within(border, &stream.direct, &stream.delegated);
            if spent.total() == 0 {
                continue;
            }
            totals.spent += spent;
            totals.stream_count += 1;
            clock.extend(cut(border, &stream.direct));
            clock.extend(cut(border, &stream.delegated));
            let line = StreamLine {
                id: stream.id.clone(),
                short_id: stream.id.clone(),
                name: stream.name.clone(),
                spent,
            };
            let own: BTreeSet<&str> = stream.tags.iter().map(String::as_str).collect();
            if own.is_empty() {
                untagged.push(line);
                continue;
            }
            for (further, tag) in own.into_iter().enumerate() {
                if further > 0 {
                    totals.multi_tag_overlap += spent.total();
                }
                tags.entry(tag).or_default().push(line.clone());
            }
        }
        totals.tracked = total(&union(clock));
        Self {
            generated_at,
            period,
            by_tag: by_tag(tags),
            untagged: Untagged { spent: sum(&untagged), streams: longest_first(untagged) },
            unassigned: Spent::within(border, &unassigned.direct, &unassigned.delegated),
            unassigned_events: unassigned.events,
            totals,
            billing: None,
        }
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.totals.stream_count == 0 && self.unassigned.total() == 0 && self.unassigned_events == 0
    }
}

fn by_tag(tags: BTreeMap<&str, Vec<StreamLine>>) -> Vec<TagTime> {
    let mut out: Vec<TagTime> = tags
        .into_iter()
        .map(|(tag, streams)| TagTime {
            tag: tag.to_owned(),
            spent: sum(&streams),
            streams: longest_first(streams),
        })
        .collect();
    // The map gave them by name, and the sort is stable.
    out.sort_by_key(|it| std::cmp::Reverse(it.spent.total()));
    out
}

fn sum(lines: &[StreamLine]) -> Spent {
    lines.iter().fold(Spent::default(), |sum, line| sum + line.spent)
}

fn longest_first(mut lines: Vec<StreamLine>) -> Vec<StreamLine> {
    lines.sort_by(|a, b| {
        b.spent
            .total()
            .cmp(&a.spent.total())
            .then_with(|| a.name.cmp(&b.name))
            .then_with(|| a.id.cmp(&b.id))
    });
    lines
}

#[cfg(test)]
mod tests {
    use chrono::{Days, NaiveDate};
    use proptest::prelude::*;

    use super::*;
    use crate::period::Zone;

    const HOUR: Millis = 3_600_000;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn span(start: &str, end: &str) -> Interval {
        Interval::new(at(start), at(end))
    }

    fn stream(id: &str, tags: &[&str], direct: &[Interval], delegated: &[Interval]) -> StreamTime {
        StreamTime {
            id: id.to_owned(),
            name: id.to_owned(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            direct: direct.to_vec(),
            delegated: delegated.to_vec(),
        }
    }

    fn report(period: Period, streams: &[StreamTime]) -> Report {
        Report::build(period, Timestamp::from_millis(0), streams, &Unassigned::default())
    }

    fn day(date: &str) -> Period {
        Period::day_of(date.parse().unwrap(), Zone::UTC).unwrap()
    }

    #[test]
    fn a_stream_over_midnight_counts_on_both_sides() {
        let night =
            stream("a", &["x"], &[span("2025-01-28T22:00:00Z", "2025-01-29T01:00:00Z")], &[]);
        let direct = |date| report(day(date), std::slice::from_ref(&night)).totals.spent.direct;
        assert_eq!(direct("2025-01-27"), 0);
        assert_eq!(direct("2025-01-28"), 2 * HOUR);
        assert_eq!(direct("2025-01-29"), HOUR);
    }

    #[test]
    fn a_stream_with_two_tags_counts_under_both_and_once_in_the_sum() {
        let noon = span("2025-01-28T12:00:00Z", "2025-01-28T13:00:00Z");
        let three = report(
            day("2025-01-28"),
            &[
                stream("a", &["acme", "billable", "acme"], &[noon], &[noon]),
                stream("b", &["acme"], &[], &[noon]),
                stream("c", &[], &[], &[noon]),
                stream("d", &["old"], &[span("2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z")], &[]),
            ],
        );
        let tags: Vec<_> = three.by_tag.iter().map(|it| (&*it.tag, it.spent.total())).collect();
        assert_eq!(tags, [("acme", 3 * HOUR), ("billable", 2 * HOUR)]);
        assert_eq!(three.untagged.spent.total(), HOUR);
        assert_eq!(
            three.totals,
            Totals {
                spent: Spent { direct: HOUR, delegated: 3 * HOUR },
                tracked: HOUR,
                multi_tag_overlap: 2 * HOUR,
                stream_count: 3,
            }
        );
    }

    #[test]
    fn equal_tags_stand_by_name() {
        let noon = span("2025-01-28T12:00:00Z", "2025-01-28T13:00:00Z");
        let both = report(day("2025-01-28"), &[stream("s", &["b", "a"], &[noon], &[])]);
        assert_eq!(both.by_tag.iter().map(|it| &*it.tag).collect::<Vec<_>>(), ["a", "b"]);
    }

    /// Nanoseconds around 2025-03-30, a week of 167 hours in Berlin, from a little before the
    /// week to a little after.
    fn instant() -> impl Strategy<Value = i64> {
        let week = 7 * 24 * HOUR * 1_000_000;
        let monday = at("2025-03-24T00:00:00Z").nanos();
        prop_oneof![
            (monday - week / 7)..(monday + week + week / 7),
            // On, and less than a millisecond off, the borders of days.
            (0i64..9, -2i64..3).prop_map(move |(day, off)| {
                monday - HOUR * 1_000_000 + day * week / 7 + off * 400_000
            }),
        ]
    }

    /// Neighbouring instants, alternately in and out.
    fn disjoint(most: usize) -> impl Strategy<Value = Vec<Interval>> {
        prop::collection::vec(instant(), 0..most * 2).prop_map(|mut ends| {
            ends.sort_unstable();
            ends.as_chunks::<2>()
                .0
                .iter()
                .map(|&[a, b]| Interval::new(Timestamp::from_nanos(a), Timestamp::from_nanos(b)))
                .collect()
        })
    }

    /// Streams whose direct intervals are disjoint over all of them, as attention is.
    fn streams() -> impl Strategy<Value = Vec<StreamTime>> {
        let tags = || prop::collection::vec(prop::sample::select(&["a", "b", "c", "d"][..]), 0..4);
        let stream = (tags(), disjoint(6));
        (prop::collection::vec(stream, 1..6), disjoint(30)).prop_map(|(parts, attention)| {
            let count = parts.len();
            let mut out: Vec<_> = parts
                .into_iter()
                .enumerate()
                .map(|(n, (tags, delegated))| stream_of(n, &tags, &delegated))
                .collect();
            for (n, interval) in attention.into_iter().enumerate() {
                out[n % count].direct.push(interval);
            }
            out
        })
    }

    fn stream_of(n: usize, tags: &[&str], delegated: &[Interval]) -> StreamTime {
        stream(&format!("{n:07}"), tags, &[], delegated)
    }

    fn periods() -> impl Strategy<Value = Period> {
        let zones = ["UTC", "Europe/Berlin", "America/Santiago", "Asia/Tokyo", "Pacific/Apia"];
        (prop::sample::select(zones.to_vec()), 0u64..10).prop_map(|(zone, day)| {
            let day = NaiveDate::from_ymd_opt(2025, 3, 23).unwrap() + Days::new(day);
            Period::week_of(day, Zone::named(zone).unwrap()).unwrap()
        })
    }

    /// Every time of a report that adds up, by name.
    fn numbers(report: &Report) -> BTreeMap<String, Millis> {
        let mut out = BTreeMap::new();
        let mut put = |key: String, spent: Spent| {
            out.insert(format!("{key} direct"), spent.direct);
            out.insert(format!("{key} delegated"), spent.delegated);
        };
        put("totals".to_owned(), report.totals.spent);
        put("untagged".to_owned(), report.untagged.spent);
        put("unassigned".to_owned(), report.unassigned);
        for line in &report.untagged.streams {
            put(format!("stream {}", line.id), line.spent);
        }
        for tag in &report.by_tag {
            put(format!("tag {}", tag.tag), tag.spent);
            for line in &tag.streams {
                put(format!("stream {} of {}", line.id, tag.tag), line.spent);
            }
        }
        out.insert("tracked".to_owned(), report.totals.tracked);
        out.insert("overlap".to_owned(), report.totals.multi_tag_overlap);
        out.retain(|_, millis| *millis != 0);
        out
    }

    proptest! {
        #[test]
        fn tags_add_up_to_the_total(streams in streams(), period in periods()) {
            let it = report(period, &streams);
            let tags: Millis = it.by_tag.iter().map(|tag| tag.spent.total()).sum();
            prop_assert_eq!(
                tags + it.untagged.spent.total() - it.totals.multi_tag_overlap,
                it.totals.spent.total()
            );
        }

        #[test]
        fn nothing_is_longer_than_the_clock(streams in streams(), period in periods()) {
            let totals = report(period, &streams).totals;
            prop_assert!(totals.spent.direct <= totals.tracked);
            prop_assert!(totals.tracked <= period.interval.millis());
            prop_assert!(totals.tracked <= totals.spent.total());
        }

        #[test]
        fn seven_days_are_the_week(
            streams in streams(), nobody in disjoint(5), period in periods(),
        ) {
            let unassigned = Unassigned { direct: nobody, ..Unassigned::default() };
            let build = |period| {
                Report::build(period, Timestamp::from_millis(0), &streams, &unassigned)
            };
            let mut sum = BTreeMap::new();
            for day in period.days().unwrap() {
                for (key, millis) in numbers(&build(day)) {
                    *sum.entry(key).or_insert(0) += millis;
                }
            }
            prop_assert_eq!(sum, numbers(&build(period)));
        }
    }
}
