//! `tt import`: events from JSON lines.

use std::fs::File;
use std::io::{BufRead, BufReader, Write, stdin};

use super::app::App;
use super::args::ImportArgs;
use super::count;
use super::error::{Failure, Outcome};
use super::table::harmless;
use crate::import::{ImportError, Imported, import};
use crate::store::Store;

const BUFFER: usize = 256 * 1024;
/// In characters.
const LONGEST_EXCERPT: usize = 200;

pub(super) fn run(app: &App, args: &ImportArgs, out: &mut dyn Write) -> Outcome {
    let mut store = app.open()?;
    app.drain(&mut store)?;
    let mut bad = 0;
    let mut unread = false;
    if args.files.is_empty() {
        bad += one(app, &mut store, "stdin", BufReader::with_capacity(BUFFER, stdin()), out)?;
    }
    for path in &args.files {
        if path.as_os_str() == "-" {
            bad += one(app, &mut store, "stdin", BufReader::with_capacity(BUFFER, stdin()), out)?;
            continue;
        }
        let name = app.env.shown(path);
        match File::open(path) {
            Ok(file) => {
                bad += one(app, &mut store, &name, BufReader::with_capacity(BUFFER, file), out)?;
            }
            Err(error) => {
                super::say(&format!("Error: cannot read {name}: {error}"));
                unread = true;
            }
        }
    }
    if bad > 0 || unread { Err(Failure::Found) } else { Ok(()) }
}

/// Imports one input and says what came of it; the number of bad lines.
fn one(
    app: &App,
    store: &mut Store,
    name: &str,
    input: impl BufRead + Send,
    out: &mut dyn Write,
) -> Result<u64, Failure> {
    let bar = app.progress(&format!("Importing {name}"), "lines");
    let done = import(store, input, |lines| bar.set_position(lines));
    bar.finish_and_clear();
    if let Err(ImportError::Read { line, source }) = &done {
        super::say(&format!(
            "Error: cannot read {name} after line {line}: {source}\n  \
             What was read is imported; import it again for the rest."
        ));
        // As a bad line, it fails the command and keeps no other file out.
        return Ok(1);
    }
    let Imported { added, known, bad, first_bad, .. } = done?;
    for (line, why) in &first_bad {
        super::say(&format!("{name} line {line}: {}", excerpt(why)));
    }
    if bad > first_bad.len() as u64 {
        super::say(&format!("… and {}", count(bad - first_bad.len() as u64, "more bad line")));
    }
    let mut text = format!("{name}: {} imported", count(added, "event"));
    if known > 0 {
        text.push_str(&format!(", {known} known already"));
    }
    if bad > 0 {
        text.push_str(&format!(", {} skipped", count(bad, "bad line")));
    }
    writeln!(out, "{text}")?;
    Ok(bad)
}

/// What was wrong with a line, of which it may quote much, and anything.
fn excerpt(why: &str) -> String {
    let cut: String = why.chars().take(LONGEST_EXCERPT).collect();
    let more = if cut.len() < why.len() { "…" } else { "" };
    format!("{}{more}", harmless(&cut))
}
