//! A report as JSON, for scripts and bills.
//!
//! Field names are stable; more may be added. Times are UTC with `Z`, lengths whole milliseconds,
//! arrays never null. `streams` are objects, so that a script may check each sum:
//!
//! ```text
//! { generated_at, timezone, period: { start, end, type },
//!   by_tag: [{ tag, time_direct_ms, time_delegated_ms, streams: [stream …] }],
//!   untagged: { time_direct_ms, time_delegated_ms, streams: [stream …] },
//!   unassigned: { time_direct_ms, time_delegated_ms, events },
//!   totals: { time_direct_ms, time_delegated_ms, time_tracked_ms, multi_tag_overlap_ms,
//!             stream_count },
//!   billing: { worked_seconds, billed_seconds, rounding } }
//!
//! stream: { id, name, time_direct_ms, time_delegated_ms }
//! ```
//!
//! `period.type` is `week`, `day` or `range`; `period.start` is null where only an end was given.
//! Unassigned time is in none of the totals. `billing` is null where the config does not round.

use serde::Serialize;

use super::model::{Report, Spent, StreamLine};
use crate::time::{Millis, Timestamp};

#[derive(Serialize)]
struct Document<'a> {
    generated_at: Timestamp,
    timezone: &'static str,
    period: Borders,
    by_tag: Vec<Tag<'a>>,
    untagged: Untagged<'a>,
    unassigned: Unassigned,
    totals: Totals,
    billing: Option<Billing<'a>>,
}

#[derive(Serialize)]
struct Billing<'a> {
    worked_seconds: i64,
    billed_seconds: i64,
    rounding: &'a str,
}

#[derive(Serialize)]
struct Borders {
    start: Option<Timestamp>,
    end: Timestamp,
    r#type: &'static str,
}

#[derive(Serialize)]
struct Times {
    time_direct_ms: Millis,
    time_delegated_ms: Millis,
}

#[derive(Serialize)]
struct Tag<'a> {
    tag: &'a str,
    #[serde(flatten)]
    times: Times,
    streams: Vec<Stream<'a>>,
}

#[derive(Serialize)]
struct Untagged<'a> {
    #[serde(flatten)]
    times: Times,
    streams: Vec<Stream<'a>>,
}

#[derive(Serialize)]
struct Stream<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(flatten)]
    times: Times,
}

#[derive(Serialize)]
struct Unassigned {
    #[serde(flatten)]
    times: Times,
    events: u64,
}

#[derive(Serialize)]
struct Totals {
    #[serde(flatten)]
    times: Times,
    time_tracked_ms: Millis,
    multi_tag_overlap_ms: Millis,
    stream_count: usize,
}

impl From<Spent> for Times {
    fn from(spent: Spent) -> Self {
        Self { time_direct_ms: spent.direct, time_delegated_ms: spent.delegated }
    }
}

/// The report as an indented JSON document with a line end.
///
/// # Errors
/// None that a report can cause; whatever the serializer says is passed on.
pub fn render(report: &Report) -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(&document(report))?;
    text.push('\n');
    Ok(text)
}

fn document(report: &Report) -> Document<'_> {
    let period = &report.period;
    Document {
        generated_at: Timestamp::from_millis(report.generated_at.millis()),
        timezone: period.zone.name(),
        period: Borders {
            start: (!period.is_open()).then_some(period.interval.start),
            end: period.interval.end,
            r#type: period.shape.name(),
        },
        by_tag: report
            .by_tag
            .iter()
            .map(|it| Tag { tag: &it.tag, times: it.spent.into(), streams: streams(&it.streams) })
            .collect(),
        untagged: Untagged {
            times: report.untagged.spent.into(),
            streams: streams(&report.untagged.streams),
        },
        unassigned: Unassigned {
            times: report.unassigned.into(),
            events: report.unassigned_events,
        },
        totals: Totals {
            times: report.totals.spent.into(),
            time_tracked_ms: report.totals.tracked,
            multi_tag_overlap_ms: report.totals.multi_tag_overlap,
            stream_count: report.totals.stream_count,
        },
        billing: report.billing.as_ref().map(|it| Billing {
            worked_seconds: it.worked,
            billed_seconds: it.billed,
            rounding: &it.words,
        }),
    }
}

fn streams(lines: &[StreamLine]) -> Vec<Stream<'_>> {
    lines
        .iter()
        .map(|line| Stream { id: &line.id, name: &line.name, times: line.spent.into() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::model::{StreamTime, Unassigned};
    use super::*;
    use crate::period::{Period, Zone};
    use crate::time::Interval;

    #[test]
    fn has_the_shape_that_scripts_rely_on() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let period = Period::day_of("2025-01-28".parse().unwrap(), zone).unwrap();
        let hour = |from: i64| {
            let start = period.interval.start.plus(from * 3_600_000);
            Interval::new(start, start.plus(3_600_000))
        };
        let streams = [StreamTime {
            id: "a1b2c3d4".to_owned(),
            name: "web\u{1b}app".to_owned(),
            tags: vec!["acme".to_owned()],
            direct: vec![hour(9)],
            delegated: vec![hour(9), hour(10)],
        }];
        let now = Timestamp::parse("2025-01-28T12:00:00.1234567Z").unwrap();
        let report = Report::build(period, now, &streams, &Unassigned::default());
        insta::assert_snapshot!(render(&report).unwrap());
    }

    #[test]
    fn nothing_is_no_null_array() {
        let now = Timestamp::parse("2025-01-28T12:00:00Z").unwrap();
        let period = Period::range(None, Some("2025-01-28"), Zone::UTC, now).unwrap();
        let report = Report::build(period, now, &[], &Unassigned::default());
        let json: serde_json::Value = serde_json::from_str(&render(&report).unwrap()).unwrap();
        assert_eq!(json["by_tag"], serde_json::json!([]));
        assert_eq!(json["untagged"]["streams"], serde_json::json!([]));
        assert_eq!(json["period"]["start"], serde_json::Value::Null);
        assert_eq!(json["period"]["type"], "range");
    }
}
