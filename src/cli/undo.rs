//! `tt undo`: takes back what the last recompute did to tags.

use std::io::Write;

use serde_json::{Value, json};

use super::app::{App, short_ids};
use super::args::UndoArgs;
use super::error::{Failure, Outcome};
use super::table::harmless;
use super::{changes, count, write_json};
use crate::change::{self, Kept, TakenBack, Undone};
use crate::time::Timestamp;

pub(super) fn run(app: &App, args: &UndoArgs, out: &mut dyn Write) -> Outcome {
    let nothing = || {
        let why = "there is nothing to undo\n  'tt undo' takes back what 'tt recompute' did.";
        Failure::Failed(why.to_owned())
    };
    if !app.database()?.exists() {
        return Err(nothing());
    }
    let mut store = app.open()?;
    let tx = store.write()?;
    let undone = change::undo(&tx, app.env.now)?.ok_or_else(nothing)?;
    let shown = changes::shown(&tx, undone.streams.iter().map(|it| &it.stream))?;
    let ids: Vec<&str> = undone.streams.iter().map(|it| it.stream.id.as_str()).collect();
    let short = short_ids(&tx, &ids)?;
    // What is not committed did not happen.
    if !args.dry_run {
        tx.commit()?;
    }
    if args.json {
        let (streams, tags) = changes::in_json(&shown);
        return write_json(
            out,
            &json!({
                "dry_run": args.dry_run,
                "made_at": undone.made_at,
                "streams": streams,
                "tags": tags,
                "kept": kept_in_json(&undone),
            }),
        );
    }
    let made = Timestamp::parse(&undone.made_at).map_or_else(
        || undone.made_at.clone(),
        |at| app.env.zone.local(at).format("%Y-%m-%d %H:%M").to_string(),
    );
    let verb = if args.dry_run { "Would take back" } else { "Took back" };
    let many = count(shown.len() as u64, "stream");
    writeln!(out, "{verb} the recompute of {made}: {many} with other tags or another project.")?;
    write!(out, "{}", changes::text(&shown, app.env.table_width()))?;
    let short = |id: &str| short.get(id).cloned().unwrap_or_else(|| id.to_owned());
    write!(out, "{}", kept_in_words(&undone, &short))?;
    if args.dry_run {
        writeln!(out, "\nNothing was changed. Run without --dry-run to do it.")?;
    } else {
        write!(out, "\n{}", what_next(&undone))?;
    }
    Ok(())
}

/// Until when the streams that were taken back keep their tags.
fn what_next(undone: &Undone) -> String {
    let back = undone.streams.iter().filter(|it| !matches!(it.kept, Kept::Grown | Kept::Gone));
    let (flagged, settled): (Vec<_>, Vec<_>) =
        back.filter_map(|it| it.stream.is.as_ref()).partition(|state| state.needs_recompute);
    let mut out = String::new();
    if !settled.is_empty() {
        let which = if flagged.is_empty() { "These" } else { "The other" };
        out += &format!("{which} streams keep their tags until 'tt recompute', or new events.\n");
    }
    if !flagged.is_empty() {
        let many = count(flagged.len() as u64, "stream");
        let first =
            format!("Rules will run by themselves on {many} on which they had not run before.\n");
        out.insert_str(0, &first);
    }
    out
}

/// Streams that are not entirely as they were before.
fn kept_in_words(undone: &Undone, short: &dyn Fn(&str) -> String) -> String {
    let mut out = String::new();
    for TakenBack { stream, kept } in &undone.streams {
        let why = match kept {
            Kept::Nothing => continue,
            Kept::Said(tags) => format!("what you said since stays: {}", tags.join(", ")),
            Kept::Grown => "left as it is: rules or events changed it since".to_owned(),
            Kept::Gone => "is there no more: it was joined into another since".to_owned(),
        };
        if out.is_empty() {
            out.push_str("\nNot as before:\n");
        }
        let (id, name) = (short(&stream.id), &stream.name);
        let gap = if name.is_empty() { "" } else { "  " };
        out.push_str(&format!("  {id}{gap}{}: {}\n", harmless(name), harmless(&why)));
    }
    out
}

fn kept_in_json(undone: &Undone) -> Vec<Value> {
    let each = undone.streams.iter().filter_map(|TakenBack { stream, kept }| {
        let (why, tags) = match kept {
            Kept::Nothing => return None,
            Kept::Said(tags) => ("said", tags.as_slice()),
            Kept::Grown => ("grown", &[][..]),
            Kept::Gone => ("gone", &[][..]),
        };
        Some(json!({ "id": stream.id, "name": stream.name, "why": why, "tags": tags }))
    });
    each.collect()
}
