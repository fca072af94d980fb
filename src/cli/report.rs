//! `tt report`, `tt week`, `tt today`, `tt yesterday`.

use std::collections::BTreeMap;
use std::io::Write;

use rusqlite::Connection;

use super::app::{App, RunRules, short_ids};
use super::args::ReportArgs;
use super::error::{Failure, Outcome};
use crate::period::Period;
use crate::report::text::{self, Look};
use crate::report::{Report, StreamTime, Unassigned, json};
use crate::store::derived::{self, NO_STREAM, PERSON, StreamNum};
use crate::store::tags;
use crate::time::{Interval, Millis, union};

/// Time may lie after a stream's last event, but never by more than this.
const WEEK: Millis = 7 * 24 * 3_600_000;

/// The arguments of `tt week`.
pub(super) fn this_week(json: bool) -> ReportArgs {
    ReportArgs {
        week: true,
        json,
        ..ReportArgs::default()
    }
}

/// The arguments of `tt today`.
pub(super) fn today(json: bool) -> ReportArgs {
    ReportArgs {
        day: true,
        json,
        ..ReportArgs::default()
    }
}

/// The arguments of `tt yesterday`.
pub(super) fn yesterday(json: bool) -> ReportArgs {
    ReportArgs {
        last_day: true,
        json,
        ..ReportArgs::default()
    }
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
    let (mut store, _) = app.up_to_date(RunRules::Yes)?;
    let tx = store.read()?;
    let (streams, unassigned) = gather(&tx, period.interval)?;
    let report = Report::build(period, now, &streams, &unassigned);
    if args.json {
        writeln!(out, "{}", json::render(&report)?)?;
    } else {
        let colour = app.env.colour(app.env.out_is_terminal);
        write!(
            out,
            "{}",
            text::render(
                &report,
                Look {
                    width: app.env.width(),
                    colour
                }
            )
        )?;
    }
    Ok(())
}

/// The streams with time in `range`, and the time that no stream has.
fn gather(conn: &Connection, range: Interval) -> Result<(Vec<StreamTime>, Unassigned), Failure> {
    let mut times: BTreeMap<StreamNum, (Vec<Interval>, Vec<Interval>)> = BTreeMap::new();
    for entry in derived::entries_between(conn, range)? {
        let (direct, delegated) = times.entry(entry.stream).or_default();
        if entry.actor == PERSON {
            direct
        } else {
            delegated
        }
        .push(entry.interval);
    }
    let (direct, delegated) = times.remove(&NO_STREAM).unwrap_or_default();
    let events = derived::unassigned_between(conn, range)?;
    let unassigned = Unassigned {
        direct: union(direct),
        delegated: union(delegated),
        events,
    };
    let mut labels = derived::labels_between(conn, range)?;
    labels.retain(|label| times.contains_key(&label.num));
    let ids: Vec<&str> = labels.iter().map(|label| label.id.as_str()).collect();
    let mut short_ids = short_ids(conn, &ids)?;
    let mut tags = tags::of_streams_since(conn, range.start.plus(-WEEK))?;
    let mut streams = Vec::with_capacity(labels.len());
    for label in labels {
        let (direct, delegated) = times.remove(&label.num).unwrap_or_default();
        let tags = tags.remove(&label.num).unwrap_or_default();
        let tags = tags.into_iter().map(|(tag, _)| tag).collect();
        let short_id = short_ids.remove(&label.id).unwrap_or_default();
        streams.push(StreamTime {
            short_id,
            id: label.id,
            name: label.name,
            tags,
            direct: union(direct),
            delegated: union(delegated),
        });
    }
    Ok((streams, unassigned))
}
