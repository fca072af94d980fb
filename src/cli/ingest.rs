//! `tt ingest`: taking events. All but `agents` append to the spool and return at once: they run
//! on every pane switch, and never touch the database.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::app::App;
use super::args::{AfkStatus, IngestCommand, SessionAction};
use super::error::{Failure, Outcome};
use super::{count, write_json};
use crate::collect::{git, spool};
use crate::event::{Event, Place, kind, source};
use crate::refresh::LogsRead;

pub(super) fn run(app: &App, command: IngestCommand, out: &mut dyn Write) -> Outcome {
    match command {
        IngestCommand::PaneFocus { pane, cwd, session, window } => {
            let place = place(&cwd);
            let data = payload(&[
                ("pane_id", Some(pane)),
                ("session_name", Some(session)),
                ("window_index", window),
            ]);
            append(app, kind::PANE_FOCUS, source::TMUX, place, data)
        }
        IngestCommand::Scroll { pane, session } => {
            let data = payload(&[("pane_id", Some(pane)), ("session_name", Some(session))]);
            append(app, kind::SCROLL, source::TMUX, Place::default(), data)
        }
        IngestCommand::Session { action, session } => {
            let action = match action {
                SessionAction::Created => "created",
                SessionAction::Closed => "closed",
            };
            let data =
                payload(&[("action", Some(action.to_owned())), ("session_name", Some(session))]);
            append(app, kind::TMUX_SESSION, source::TMUX, Place::default(), data)
        }
        IngestCommand::Afk { status, idle_duration_ms } => {
            let status = match status {
                AfkStatus::Idle => "idle",
                AfkStatus::Active => "active",
            };
            let mut data = payload(&[("status", Some(status.to_owned()))]);
            if idle_duration_ms > 0 {
                data.insert("idle_duration_ms".to_owned(), idle_duration_ms.into());
            }
            append(app, kind::AFK, source::AFK, Place::default(), data)
        }
        IngestCommand::GitCommit { cwd, commit, subject } => {
            git_commit(app, cwd.as_deref(), commit, subject)
        }
        IngestCommand::Note { text } => {
            let text = text.join(" ");
            if text.trim().is_empty() {
                return Err(Failure::Usage("a note needs a text".to_owned()));
            }
            let place = git::place_of(&here()?);
            append(app, kind::NOTE, source::MANUAL, place, payload(&[("text", Some(text))]))
        }
        IngestCommand::Agents { verbose, json } => agents(app, (verbose, json), out),
    }
}

fn here() -> Result<PathBuf, Failure> {
    std::env::current_dir()
        .map_err(|error| Failure::Failed(format!("cannot tell the current directory: {error}")))
}

/// Where `cwd` is; tmux appends ` (deleted)` to the path of a directory that is gone.
fn place(cwd: &Path) -> Place {
    let cwd = cwd.as_os_str().as_bytes();
    let cwd = cwd.strip_suffix(b" (deleted)").unwrap_or(cwd);
    if cwd.is_empty() { Place::default() } else { git::place_of(Path::new(OsStr::from_bytes(cwd))) }
}

/// The pairs that have a value.
fn payload(pairs: &[(&str, Option<String>)]) -> Map<String, Value> {
    let full = |(key, value): &(&str, Option<String>)| {
        let value = value.clone().filter(|value| !value.is_empty())?;
        Some(((*key).to_owned(), Value::String(value)))
    };
    pairs.iter().filter_map(full).collect()
}

fn append(app: &App, kind: &str, source: &str, place: Place, data: Map<String, Value>) -> Outcome {
    let place = Place { machine_id: Some(app.env.machine.clone()), ..place };
    let event = Event::new(kind, source, app.env.now, place, None, data);
    spool::append(&app.spool()?, &event)?;
    Ok(())
}

fn git_commit(
    app: &App,
    cwd: Option<&Path>,
    commit: Option<String>,
    subject: Option<String>,
) -> Outcome {
    let cwd = cwd.map_or_else(here, |cwd| Ok(cwd.to_owned()))?;
    let place = git::place_of(&cwd);
    if place.repo_root.is_none() {
        return Err(Failure::Failed(format!("{} is in no git repository", cwd.display())));
    }
    let asked = |format: &str| {
        let arguments = ["log", "-1", "--no-show-signature", format];
        let output =
            std::process::Command::new("git").arg("-C").arg(&cwd).args(arguments).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    };
    let Some(commit) = commit.or_else(|| asked("--format=%H")) else {
        return Err(Failure::Failed(format!(
            "cannot tell the last commit of {}\n  Pass --commit and --subject.",
            cwd.display()
        )));
    };
    let subject = subject.or_else(|| asked("--format=%s"));
    let data = payload(&[
        ("repo", place.repo.clone()),
        ("branch", place.git_branch.clone()),
        ("commit", Some(commit)),
        ("subject", subject),
    ]);
    append(app, kind::GIT_COMMIT, source::GIT, place, data)
}

fn agents(app: &App, (verbose, json): (bool, bool), out: &mut dyn Write) -> Outcome {
    let config = app.read_config();
    let mut store = app.open()?;
    let settings = app.settings(&config, store.conn())?;
    let read = app.read_logs(&mut store, &settings)?;
    for (path, why) in &read.unreadable {
        super::say(&format!("Warning: cannot read {}: {why}", app.env.shown(path)));
    }
    for (path, line, why) in &read.first_bad {
        super::say(&format!("Warning: {} line {line}: {why}", app.env.shown(path)));
    }
    if json {
        return write_json(
            out,
            &json!({
                "files": read.files,
                "unchanged_files": read.unchanged,
                "lines": read.lines,
                "lines_with_events": read.lines_with_events,
                "events": read.events,
                "skipped": read.skipped,
                "bad_lines": read.bad_lines,
            }),
        );
    }
    let events: u64 = read.events.values().sum();
    writeln!(
        out,
        "{} read ({} unchanged): {}, {}.",
        count(read.files, "file"),
        read.unchanged,
        count(read.lines, "line"),
        count(events, "event"),
    )?;
    if verbose { account(&read, out) } else { Ok(()) }
}

/// Every line that was read, by what became of it.
fn account(read: &LogsRead, out: &mut dyn Write) -> Outcome {
    writeln!(out, "\nEvents")?;
    for (kind, count) in &read.events {
        writeln!(out, "  {count:>8}  {kind}")?;
    }
    writeln!(out, "\nLines")?;
    writeln!(out, "  {:>8}  gave events", read.lines_with_events)?;
    for (reason, count) in &read.skipped {
        writeln!(out, "  {count:>8}  skipped: {reason}")?;
    }
    if read.bad_lines > 0 {
        writeln!(out, "  {:>8}  bad", read.bad_lines)?;
    }
    writeln!(out, "  {:>8}  in all", read.lines)?;
    Ok(())
}
