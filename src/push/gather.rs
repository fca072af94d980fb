//! Streams → entries to send: what a stream is called, billed and filed under at a destination, and
//! past the privacy filter.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use indexmap::IndexMap;
use rusqlite::Connection;

use super::bill::{self, Share};
use super::entry::{Entry, ProjectRef, Wanted};
use super::settings::{Policy, RoundPer, Service};
use crate::judged;
use crate::period::{Period, Zone};
use crate::privacy::{Filter, Safe};
use crate::store::derived::{self, PERSON, StreamNum, StreamRow, TimeEntry};
use crate::store::texts::Texts;
use crate::store::{Result, tags};
use crate::time::{Interval, Millis, Timestamp, total, union};

/// Services take no longer descriptions.
const LONGEST_DESCRIPTION: usize = 3_000;

/// Which streams are asked for.
pub struct Scope<'a> {
    /// Streams that begin here; split by days, the days within.
    pub range: Interval,
    /// Whether a stream in the range is wanted, by its row and tags.
    pub picks: &'a dyn Fn(&StreamRow, &[String]) -> bool,
    /// Streams that are wanted whatever the range.
    pub also: &'a BTreeSet<String>,
    /// Whether streams are split at local midnight.
    pub split_days: bool,
}

/// How entries are made.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Worked to billed time.
    pub policy: &'a Policy,
    /// Projects and billable entries; `None` for a destination that knows neither.
    pub service: Option<&'a Service>,
    /// Whose days.
    pub zone: Zone,
}

/// An entry that may be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// The entry.
    pub entry: Safe<Entry>,
    /// When its stream changed last.
    pub updated_at: String,
    /// Whether it was asked for. Where not, it shares a day's rounding with one that was.
    pub asked: bool,
}

/// What there is to send.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Entries in the order of their time.
    pub pieces: Vec<Piece>,
    /// Streams asked for that do not leave, and why.
    pub withheld: Vec<(String, String)>,
    /// Streams asked for of which nothing is sent: they have no time, or too little of it.
    pub empty: BTreeMap<String, Empty>,
    /// Entries asked for that are shorter than the minimum: how many, and their worked time.
    pub short: (u64, Millis),
}

/// A stream of which nothing is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Empty {
    /// Whether it has time, which is too short or is rounded to nothing.
    pub has_time: bool,
    /// When it changed last.
    pub updated_at: String,
}

/// A part of a stream, before billing.
struct Draft<'r> {
    row: &'r StreamRow,
    day: Option<NaiveDate>,
    bill_day: NaiveDate,
    start: Timestamp,
    last: Timestamp,
    raw_ms: Millis,
    worked: i64,
    asked: bool,
}

/// Gathers the entries of a scope. O(streams and, where they are split, their time entries).
///
/// # Errors
/// Those of SQLite.
pub fn gather(
    conn: &Connection,
    scope: &Scope<'_>,
    terms: &Terms<'_>,
    filter: &Filter,
) -> Result<Gathered> {
    let rows = rows(conn, scope, terms)?;
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut tags: HashMap<String, Vec<String>> = tags::of_streams(conn, &ids)?
        .into_iter()
        .map(|(id, tags)| (id, tags.into_iter().map(|(tag, _)| tag).collect()))
        .collect();
    let wanted = |row: &StreamRow| {
        let none = Vec::new();
        scope.also.contains(&row.id) || (scope.picks)(row, tags.get(&row.id).unwrap_or(&none))
    };
    let mut out = Gathered::default();
    let mut drafts = Vec::new();
    if scope.split_days {
        let nums: BTreeSet<StreamNum> = rows.iter().map(|row| row.num).collect();
        let entries = derived::entries_of(conn, &nums)?;
        let mut of: HashMap<StreamNum, Vec<TimeEntry>> = HashMap::new();
        for entry in entries {
            of.entry(entry.stream).or_default().push(entry);
        }
        for row in &rows {
            let time = of.remove(&row.num).unwrap_or_default();
            days(row, &time, scope, terms.zone, wanted(row), &mut drafts);
        }
    } else {
        for row in &rows {
            let within = scope.range.start <= row.first && row.first < scope.range.end;
            let also = scope.also.contains(&row.id);
            drafts.push(whole(row, terms.zone, also || within && wanted(row)));
        }
    }
    let mut texts = Texts::new(conn);
    if terms.policy.rounds() && terms.policy.per == RoundPer::Day {
        // What does not leave takes no part in the sum of a day.
        let mut leaves = Vec::with_capacity(drafts.len());
        for draft in &drafts {
            let of = tags.get(&draft.row.id).cloned().unwrap_or_default();
            let entry = entry(draft, draft.worked, of, terms.service, &mut texts)?;
            leaves.push(filter.pass(entry));
        }
        let mut leaves = leaves.into_iter();
        drafts.retain(|draft| match leaves.next() {
            Some(Err(withheld)) => {
                if draft.asked {
                    out.withheld.push((draft.row.id.clone(), withheld.to_string()));
                }
                false
            }
            Some(Ok(_)) | None => true,
        });
    }
    let shares: Vec<Share> =
        drafts.iter().map(|it| Share { day: it.bill_day, worked: it.worked }).collect();
    let billed = bill::billed(&shares, terms.policy);

    let mut has_time = BTreeSet::new();
    for (draft, seconds) in drafts.iter().zip(billed) {
        if seconds <= 0 {
            if draft.asked && draft.worked > 0 && draft.worked < terms.policy.min {
                out.short.0 += 1;
                out.short.1 += draft.raw_ms;
            }
            continue;
        }
        has_time.insert(&draft.row.id);
        let tags = match draft.day {
            None => tags.remove(&draft.row.id),
            Some(_) => tags.get(&draft.row.id).cloned(),
        };
        let entry = entry(draft, seconds, tags.unwrap_or_default(), terms.service, &mut texts)?;
        match filter.pass(entry) {
            Ok(entry) => out.pieces.push(Piece {
                entry,
                updated_at: draft.row.updated_at.clone(),
                asked: draft.asked,
            }),
            Err(withheld) if draft.asked => {
                out.withheld.push((draft.row.id.clone(), withheld.to_string()));
            }
            Err(_) => {}
        }
    }
    out.withheld.dedup_by(|a, b| a.0 == b.0);
    for draft in drafts.iter().filter(|it| it.asked && !has_time.contains(&it.row.id)) {
        let updated_at = draft.row.updated_at.clone();
        let has_time = draft.row.direct_ms + draft.row.delegated_ms >= 1_000;
        out.empty.insert(draft.row.id.clone(), Empty { has_time, updated_at });
    }
    out.pieces.sort_by(|a, b| {
        let key = |piece: &Piece| (piece.entry.get().start, piece.entry.get().stream.clone());
        key(a).cmp(&key(b))
    });
    Ok(out)
}

/// The streams to look at: those asked for and, where days are rounded, all of their days.
fn rows(conn: &Connection, scope: &Scope<'_>, terms: &Terms<'_>) -> Result<Vec<StreamRow>> {
    let mut range = scope.range;
    let mut also = Vec::new();
    for id in scope.also {
        also.extend(derived::stream_by_id(conn, id)?);
    }
    if terms.policy.rounds() && terms.policy.per == RoundPer::Day {
        for row in &also {
            range.start = range.start.min(row.first);
            range.end = range.end.max(row.last.plus(1));
        }
        let day = |at: Timestamp| Period::day_of(terms.zone.date(at), terms.zone);
        range.start = day(range.start).map_or(Timestamp::MIN, |it| it.interval.start);
        range.end = day(range.end.plus(-1)).map_or(Timestamp::MAX, |it| it.interval.end);
    }
    let mut rows = derived::streams_between(conn, range)?;
    let known: BTreeSet<StreamNum> = rows.iter().map(|row| row.num).collect();
    rows.extend(also.into_iter().filter(|row| !known.contains(&row.num)));
    Ok(rows)
}

fn whole(row: &StreamRow, zone: Zone, asked: bool) -> Draft<'_> {
    let raw_ms = row.direct_ms + row.delegated_ms;
    Draft {
        row,
        day: None,
        bill_day: zone.date(row.first),
        start: row.first,
        last: row.last,
        raw_ms,
        worked: raw_ms / 1_000,
        asked,
    }
}

/// The stream's local days, the seconds of which add up to those of the whole stream.
fn days<'r>(
    row: &'r StreamRow,
    time: &[TimeEntry],
    scope: &Scope<'_>,
    zone: Zone,
    wanted: bool,
    out: &mut Vec<Draft<'r>>,
) {
    let timeline = |direct: bool| {
        let of_kind = time.iter().filter(|it| (it.actor == PERSON) == direct);
        union(of_kind.map(|it| it.interval).collect())
    };
    let (direct, delegated) = (timeline(true), timeline(false));
    let all = union(direct.iter().chain(&delegated).copied().collect());
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return };
    let span = Interval::new(first.start, last.end);
    let period = Period { shape: crate::period::Shape::Range, interval: span, zone };
    let begun = out.len();
    let mut parts = Vec::new();
    for day in period.days().unwrap_or_default() {
        let cut = |timeline: &[Interval]| -> Vec<Interval> {
            let cut = timeline.iter().map(|it| it.intersect(day.interval));
            cut.filter(|it| !it.is_empty()).collect()
        };
        let (direct, delegated) = (cut(&direct), cut(&delegated));
        let raw_ms = total(&direct) + total(&delegated);
        let both: Vec<Interval> = direct.into_iter().chain(delegated).collect();
        let (Some(start), Some(last)) =
            (both.iter().map(|it| it.start).min(), both.iter().map(|it| it.end).max())
        else {
            continue;
        };
        let within = !day.interval.intersect(scope.range).is_empty();
        parts.push(raw_ms);
        let date = zone.date(day.interval.start);
        out.push(Draft {
            row,
            day: Some(date),
            bill_day: date,
            start,
            last,
            raw_ms,
            worked: 0,
            asked: scope.also.contains(&row.id) || within && wanted,
        });
    }
    for (draft, worked) in out.iter_mut().skip(begun).zip(bill::whole_seconds(&parts)) {
        draft.worked = worked;
    }
}

fn entry(
    draft: &Draft<'_>,
    seconds: i64,
    tags: Vec<String>,
    service: Option<&Service>,
    texts: &mut Texts<'_>,
) -> Result<Entry> {
    let row = draft.row;
    let facts = &row.facts;
    let known = judged::of_stream(row, &tags, texts)?;
    let mut cwds = Vec::new();
    for id in facts.cwds.most_frequent() {
        cwds.extend(texts.text(id)?.map(|text| text.to_string()));
    }
    let root = texts.text(row.root)?.map(|text| last_component(&text).to_owned());
    let label = row.project.clone().or(root).unwrap_or_default();
    let mut description = tidy(&row.name);
    if description.is_empty() {
        description = tidy(&label);
    }
    Ok(Entry {
        stream: row.id.clone(),
        day: draft.day,
        start: whole_second(draft.start),
        seconds,
        raw_ms: draft.raw_ms,
        last: whole_second(draft.last),
        description,
        project: service.and_then(|it| project(it, row.project.as_deref(), &tags)),
        billable: service
            .and_then(|it| it.billable_tag.as_ref())
            .map(|billable| tags.contains(billable)),
        tags,
        label,
        cwd: cwds.into_iter().min(),
        known,
    })
}

/// What the config maps a stream's project to, else the first of its tags that the config maps.
fn project(service: &Service, project: Option<&str>, tags: &[String]) -> Option<ProjectRef> {
    let mapping: &IndexMap<String, Wanted> = &service.mapping;
    let by_project = project.and_then(|it| mapping.get_key_value(it));
    let by_tag = || mapping.iter().find(|(key, _)| tags.contains(key));
    let mapped = by_project.or_else(by_tag);
    let shown = |wanted: &Wanted, key: Option<&String>| match wanted {
        Wanted::Id(id) => id.clone(),
        Wanted::Name(name) => key.unwrap_or(name).clone(),
    };
    match mapped {
        Some((key, wanted)) => {
            Some(ProjectRef { shown: shown(wanted, Some(key)), wanted: wanted.clone() })
        }
        None => service
            .default_project
            .as_ref()
            .map(|wanted| ProjectRef { shown: shown(wanted, None), wanted: wanted.clone() }),
    }
}

fn last_component(root: &str) -> &str {
    let path = root.strip_prefix("repo:").unwrap_or(root).trim_end_matches('/');
    path.rsplit('/').next().filter(|it| !it.is_empty()).unwrap_or(path)
}

/// Without control characters and blanks around, and no longer than services take.
fn tidy(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.trim().chars().take(LONGEST_DESCRIPTION).collect::<String>().trim_end().to_owned()
}

fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.millis().div_euclid(1_000) * 1_000)
}
