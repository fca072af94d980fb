//! `tt streams`: streams with their time, tags and rules.

use std::io::Write;

use serde_json::{Value, json};

use super::app::{App, RunRules, short_ids};
use super::args::{RangeArgs, StreamsArgs};
use super::error::{Failure, Outcome};
use super::table::Table;
use super::{count, write_json};
use crate::export::StreamOut;
use crate::period::{self, Period};
use crate::store::derived::{self, StreamRow};
use crate::store::tags;
use crate::store::texts::Texts;
use crate::tags::Source;
use crate::time::{Interval, human};

/// A stream and its tags.
struct Row {
    stream: StreamRow,
    tags: Vec<(String, Source)>,
}

/// The range that was asked for; all of time where none was.
pub(super) fn range(app: &App, args: &RangeArgs) -> Result<Interval, Failure> {
    let (since, until) = (args.since.as_deref(), args.until.as_deref());
    if since.is_none() && until.is_none() {
        return Ok(Interval::ALWAYS);
    }
    if let (Some(since), None) = (since, until) {
        // Nothing was said of an end, so what a wrong clock dated ahead is shown too.
        let start = period::parse(since, app.env.zone, app.env.now)?;
        return Ok(Interval::new(start, Interval::ALWAYS.end));
    }
    Ok(Period::range(since, until, app.env.zone, app.env.now)?.interval)
}

pub(super) fn run(app: &App, args: &StreamsArgs, out: &mut dyn Write) -> Outcome {
    let range = range(app, &args.range)?;
    let (mut store, _) = app.up_to_date(RunRules::Yes)?;
    let tx = store.read()?;
    let found = derived::streams_between(&tx, range)?;
    let ids: Vec<&str> = found.iter().map(|stream| stream.id.as_str()).collect();
    let mut tags = tags::of_streams(&tx, &ids)?;
    let mut rows: Vec<Row> = found
        .into_iter()
        .map(|stream| Row { tags: tags.remove(&stream.id).unwrap_or_default(), stream })
        .filter(|row| !args.untagged || row.tags.is_empty())
        .filter(|row| {
            args.tag.as_ref().is_none_or(|tag| row.tags.iter().any(|(has, _)| has == tag))
        })
        .collect();
    rows.sort_by(|a, b| (a.stream.first, &a.stream.id).cmp(&(b.stream.first, &b.stream.id)));
    if args.json {
        let mut texts = Texts::new(&tx);
        let shown = |row: &Row| -> Result<Value, Failure> {
            Ok(serde_json::to_value(StreamOut::of(&tx, &mut texts, &row.stream)?)?)
        };
        let streams: Vec<Value> = rows.iter().map(shown).collect::<Result<_, _>>()?;
        return write_json(out, &json!({ "streams": streams }));
    }
    if rows.is_empty() {
        writeln!(out, "No streams{}.", if args.untagged { " without tags" } else { "" })?;
        return Ok(());
    }
    let mut table = Table::new(
        &[
            ("ID", false),
            ("BEGAN", false),
            ("NAME", false),
            ("DIRECT", true),
            ("DELEGATED", true),
            ("TAGS", false),
            ("RULE", false),
        ],
        &[2, 5, 6],
        &[6, 1, 5],
    );
    let ids: Vec<&str> = rows.iter().map(|row| row.stream.id.as_str()).collect();
    let mut short_ids = short_ids(&tx, &ids)?;
    for row in &rows {
        let stream = &row.stream;
        let tags: Vec<String> =
            row.tags.iter().map(|(tag, source)| format!("{tag} ({})", source.as_str())).collect();
        table.row(vec![
            short_ids.remove(&stream.id).unwrap_or_default(),
            app.env.zone.local(stream.first).format("%Y-%m-%d %H:%M").to_string(),
            stream.name.clone(),
            human(stream.direct_ms),
            human(stream.delegated_ms),
            tags.join(", "),
            stream.rule.as_ref().map(derived::RuleRef::title).unwrap_or_default(),
        ]);
    }
    write!(out, "{}", table.render(app.env.table_width()))?;
    let direct = rows.iter().map(|row| row.stream.direct_ms).sum();
    let delegated = rows.iter().map(|row| row.stream.delegated_ms).sum();
    let streams = count(rows.len() as u64, "stream");
    writeln!(out, "\n{streams}: {} direct, {} delegated", human(direct), human(delegated))?;
    Ok(())
}
