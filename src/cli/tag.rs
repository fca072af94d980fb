//! `tt tag`, `tt untag`, `tt tags`, `tt rename`: what a person says of streams.

use std::io::Write;

use serde_json::json;

use super::app::{App, RunRules, short_id};
use super::args::{RenameArgs, TagArgs};
use super::error::{Failure, Outcome};
use super::table::{Table, harmless};
use super::write_json;
use crate::store::{derived, tags as stored};
use crate::tags::{self, Change, Tagged};
use crate::time::human;

pub(super) fn tag(app: &App, args: &TagArgs, out: &mut dyn Write) -> Outcome {
    for tag in &args.tags {
        if tag.trim().is_empty() || tag.chars().any(char::is_control) {
            return Err(Failure::Usage(format!("'{}' is no tag", harmless(tag))));
        }
    }
    change(app, args, out, tags::tagged_by_user)
}

pub(super) fn untag(app: &App, args: &TagArgs, out: &mut dyn Write) -> Outcome {
    change(app, args, out, tags::untagged_by_user)
}

/// Makes one change for each tag, all or none, and shows what the stream has then.
fn change(
    app: &App,
    args: &TagArgs,
    out: &mut dyn Write,
    decide: fn(&Tagged, &str) -> Vec<Change>,
) -> Outcome {
    let (mut store, _) = app.up_to_date(RunRules::Yes)?;
    let tx = store.write()?;
    let stream = app.stream(&tx, &args.stream)?;
    let id = short_id(&tx, &stream.id)?;
    let mut changed = false;
    for tag in &args.tags {
        let changes = decide(&stored::of_stream(&tx, &stream.id)?, tag);
        if changes.is_empty() {
            super::say(&format!("Note: nothing to change for '{}' on {id}.", harmless(tag)));
        }
        stored::apply(&tx, &stream.id, &changes)?;
        changed |= !changes.is_empty();
    }
    if changed {
        derived::touch(&tx, stream.num, &app.env.now.to_string())?;
    }
    let now = stored::of_stream(&tx, &stream.id)?;
    tx.commit()?;
    let tags: Vec<String> =
        now.tags.iter().map(|(tag, source)| format!("{tag} ({})", source.as_str())).collect();
    let tags = if tags.is_empty() { "no tags".to_owned() } else { tags.join(", ") };
    writeln!(out, "{id} {}: {}", harmless(&stream.name), harmless(&tags))?;
    Ok(())
}

pub(super) fn tags(app: &App, json: bool, out: &mut dyn Write) -> Outcome {
    let (store, _) = app.up_to_date(RunRules::Yes)?;
    let tags = stored::in_use(store.conn())?;
    if json {
        let tags: Vec<_> = tags
            .iter()
            .map(|it| {
                let [user, rule, llm] = it.by_source;
                json!({
                    "tag": it.tag,
                    "streams": it.streams,
                    "sources": { "user": user, "rule": rule, "llm": llm },
                    "time_direct_ms": it.direct_ms,
                    "time_delegated_ms": it.delegated_ms,
                })
            })
            .collect();
        return write_json(out, &json!({ "tags": tags }));
    }
    if tags.is_empty() {
        writeln!(out, "No tags yet. Give one with 'tt tag', or write rules: see 'tt init'.")?;
        return Ok(());
    }
    let columns =
        [("TAG", false), ("STREAMS", true), ("DIRECT", true), ("DELEGATED", true), ("FROM", false)];
    let mut table = Table::new(&columns, &[0, 4], &[4]);
    for it in &tags {
        let from: Vec<String> = ["user", "rule", "llm"]
            .iter()
            .zip(it.by_source)
            .filter(|(_, streams)| *streams > 0)
            .map(|(source, streams)| format!("{source} {streams}"))
            .collect();
        table.row(vec![
            it.tag.clone(),
            it.streams.to_string(),
            human(it.direct_ms),
            human(it.delegated_ms),
            from.join(", "),
        ]);
    }
    write!(out, "{}", table.render(app.env.table_width()))?;
    Ok(())
}

pub(super) fn rename(app: &App, args: &RenameArgs, out: &mut dyn Write) -> Outcome {
    let name = args.name.trim();
    if name.chars().any(char::is_control) {
        return Err(Failure::Usage("a name is one line of text".to_owned()));
    }
    let (mut store, _) = app.up_to_date(RunRules::Yes)?;
    let tx = store.write()?;
    let stream = app.stream(&tx, &args.stream)?;
    derived::rename(&tx, stream.num, name, &app.env.now.to_string())?;
    if name.is_empty() {
        // The inferred name comes back with the next inference of this stream.
        crate::pipeline::request_rebuild(&tx, stream.first, stream.last)?;
    }
    let id = short_id(&tx, &stream.id)?;
    tx.commit()?;
    if name.is_empty() {
        let (store, _) = app.up_to_date(RunRules::Yes)?;
        let inferred = app.stream(store.conn(), &stream.id)?.name;
        writeln!(out, "{id} is called '{}' again.", harmless(&inferred))?;
    } else {
        writeln!(out, "{id} is called '{}' (was '{}').", harmless(name), harmless(&stream.name))?;
    }
    Ok(())
}
