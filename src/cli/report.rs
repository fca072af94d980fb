//! `tt report`, `tt week`, `tt today`, `tt yesterday`.

use std::collections::HashMap;
use std::io::Write;

use rusqlite::Connection;

use super::app::{App, RunRules, short_id};
use super::args::ReportArgs;
use super::error::{Failure, Outcome};
use super::{count, privacy, say};
use crate::export::StreamOut;
use crate::period::Period;
use crate::privacy::Filter;
use crate::push::settings::Policy;
use crate::push::{self, bill};
use crate::report::text::{self, Look};
use crate::report::{Billing, Report, StreamTime, Unassigned, json};
use crate::store::derived::{self, NO_STREAM, PERSON, StreamNum, TimeEntry};
use crate::store::texts::Texts;
use crate::store::{Transaction, tags};
use crate::time::{Interval, total, union};

/// The arguments of `tt week`.
pub(super) fn this_week(json: bool) -> ReportArgs {
    ReportArgs { week: true, json, ..ReportArgs::default() }
}

/// The arguments of `tt today`.
pub(super) fn today(json: bool) -> ReportArgs {
    ReportArgs { day: true, json, ..ReportArgs::default() }
}

/// The arguments of `tt yesterday`.
pub(super) fn yesterday(json: bool) -> ReportArgs {
    ReportArgs { last_day: true, json, ..ReportArgs::default() }
}

pub(super) fn run(app: &App, args: &ReportArgs, out: &mut dyn Write) -> Outcome {
    let (zone, now) = (app.env.zone, app.env.now);
    let period = if args.since.is_some() || args.until.is_some() {
        Period::range(args.since.as_deref(), args.until.as_deref(), zone, now)?
    } else if args.last_week {
        Period::last_week(zone, now)?
    } else if args.day {
        Period::day(zone, now)?
    } else if args.last_day {
        Period::last_day(zone, now)?
    } else {
        Period::week(zone, now)?
    };
    let config = app.read_config();
    if args.filtered {
        privacy::settings(app, &config)?;
    }
    let mut store = app.brought_up_to_date(&config, RunRules::Yes)?;
    let filter = args.filtered.then(|| privacy::filter(app, &config, store.conn())).transpose()?;
    let tx = store.read()?;
    let (mut streams, mut unassigned) = gather(&tx, period.interval)?;
    if let Some(filter) = filter {
        let all = streams.len();
        streams = filtered(&tx, &filter, streams)?;
        // It has nothing that the filter could judge it by.
        unassigned = Unassigned::default();
        if streams.len() < all {
            let withheld = count((all - streams.len()) as u64, "stream");
            say(&format!("Note: {withheld} withheld by the privacy filter."));
        }
    }
    let mut report = Report::build(period, now, &streams, &unassigned);
    // What is wrong in [push] is for 'tt push' to say.
    let policy = push::settings::Settings::read(config.source.text()).unwrap_or_default().policy;
    report.billing = policy.rounds().then(|| billing(&streams, period, &policy));
    for line in report.untagged.streams.iter_mut().take(text::UNTAGGED_SHOWN) {
        line.short_id = short_id(&tx, &line.id)?;
    }
    if args.json {
        write!(out, "{}", json::render(&report)?)?;
    } else {
        let colour = app.env.colour(app.env.out_is_terminal);
        write!(out, "{}", text::render(&report, Look { width: app.env.width(), colour }))?;
    }
    Ok(())
}

/// What is billed of the streams' time in the period, as it is of a push of its days.
fn billing(streams: &[StreamTime], period: Period, policy: &Policy) -> Billing {
    let within = |timeline: &[Interval]| -> Vec<Interval> {
        let cut = timeline.iter().map(|it| it.intersect(period.interval));
        union(cut.filter(|it| !it.is_empty()).collect())
    };
    let mut shares = Vec::new();
    for stream in streams {
        let (direct, delegated) = (within(&stream.direct), within(&stream.delegated));
        let starts = [&direct, &delegated].into_iter().filter_map(|it| it.first());
        let Some(start) = starts.map(|it| it.start).min() else { continue };
        let worked = (total(&direct) + total(&delegated)) / 1_000;
        shares.push(bill::Share { day: period.zone.date(start), worked });
    }
    let billed = bill::billed(&shares, policy);
    Billing {
        worked: shares.iter().map(|it| it.worked).sum(),
        billed: billed.iter().sum(),
        words: policy.words(),
    }
}

/// The streams with time in `range`, and the time that no stream has.
fn gather(conn: &Connection, range: Interval) -> Result<(Vec<StreamTime>, Unassigned), Failure> {
    let mut entries = derived::entries_between(conn, range)?;
    entries.sort_unstable_by_key(|entry| (entry.stream, entry.interval));
    let mut times: HashMap<StreamNum, [Vec<Interval>; 2]> = entries
        .chunk_by(|a, b| a.stream == b.stream)
        .filter_map(|of_stream| Some((of_stream.first()?.stream, timelines(of_stream))))
        .collect();
    let [direct, delegated] = times.remove(&NO_STREAM).unwrap_or_default();
    let events = derived::unassigned_between(conn, range)?;
    let unassigned = Unassigned { direct, delegated, events };

    let mut labels = derived::labels_between(conn, range)?;
    labels.retain(|label| times.contains_key(&label.num));
    let ids: Vec<&str> = labels.iter().map(|label| label.id.as_str()).collect();
    let mut tags = tags::of_streams(conn, &ids)?;
    let mut streams = Vec::with_capacity(labels.len());
    for label in labels {
        let [direct, delegated] = times.remove(&label.num).unwrap_or_default();
        let tags = tags.remove(&label.id).unwrap_or_default();
        let tags = tags.into_iter().map(|(tag, _)| tag).collect();
        streams.push(StreamTime { id: label.id, name: label.name, tags, direct, delegated });
    }
    Ok((streams, unassigned))
}

/// The streams that may leave, in the words in which they may.
fn filtered(
    tx: &Transaction<'_>,
    filter: &Filter,
    streams: Vec<StreamTime>,
) -> Result<Vec<StreamTime>, Failure> {
    let mut texts = Texts::new(tx);
    let mut out = Vec::new();
    for stream in streams {
        let Some(row) = derived::stream_by_id(tx, &stream.id)? else { continue };
        if let Ok(safe) = filter.pass(StreamOut::of(tx, &mut texts, &row)?) {
            let StreamOut { name, tags, .. } = safe.get();
            let tags = tags.iter().map(|it| it.tag.clone()).collect();
            out.push(StreamTime { name: name.clone(), tags, ..stream });
        }
    }
    Ok(out)
}

/// When the person, and when agents worked for a stream.
fn timelines(entries: &[TimeEntry]) -> [Vec<Interval>; 2] {
    let of = |direct: bool| {
        let of_actor = entries.iter().filter(|entry| (entry.actor == PERSON) == direct);
        union(of_actor.map(|entry| entry.interval).collect())
    };
    [of(true), of(false)]
}
