//! `tt demo`: the whole way on sample events, in a folder that is removed at the end.

use std::io::Write;

use super::app::App;
use super::args::{CheckArgs, ImportArgs, PushArgs, RangeArgs, ReportArgs, StreamsArgs};
use super::env::Env;
use super::error::{Failure, Outcome};

const EVENTS: &str = include_str!("demo/events.jsonl");
const CONFIG: &str = include_str!("demo/config.toml");

pub(super) fn run(app: &App, out: &mut dyn Write) -> Outcome {
    let folder = tempfile::Builder::new().prefix("tt-demo-").tempdir().map_err(cannot)?;
    let config = folder.path().join("config.toml");
    let events = folder.path().join("events.jsonl");
    std::fs::write(&config, CONFIG).map_err(cannot)?;
    std::fs::write(&events, EVENTS).map_err(cannot)?;
    let demo = App::new(
        Env::of_demo(&app.env, folder.path()),
        Some(config),
        Some(folder.path().join("tt.db")),
    );
    writeln!(out, "Sami's week, as tmux, Claude Code and Codex saw it. Nothing is kept.\n")?;

    prompt(out, "cat ~/.config/tt/config.toml")?;
    write!(out, "{CONFIG}")?;
    prompt(out, "tt import events.jsonl")?;
    let mut said = Vec::new();
    super::import::run(&demo, &ImportArgs { files: vec![events] }, &mut said)?;
    // The throwaway folder is called differently each time.
    let here = format!("{}/", folder.path().display());
    write!(out, "{}", String::from_utf8_lossy(&said).replace(&here, ""))?;
    prompt(out, "tt rules check")?;
    let check = CheckArgs::default();
    super::rules::run(&demo, super::args::RulesCommand::Check(check), out)?;
    prompt(out, "tt report --week")?;
    super::report::run(&demo, &ReportArgs { week: true, ..ReportArgs::default() }, out)?;
    prompt(out, "tt streams")?;
    let streams =
        StreamsArgs { range: RangeArgs::default(), untagged: false, tag: None, json: false };
    super::streams::run(&demo, &streams, out)?;
    prompt(out, "tt push --toggl --dry-run")?;
    let push = PushArgs { toggl: true, dry_run: true, ..PushArgs::default() };
    super::push::run(&demo, &push, out)?;

    writeln!(out, "\nYour own: 'tt init' writes a config, 'tt report' reads your agents' logs.")?;
    out.flush()?;
    folder.close().map_err(cannot)
}

fn prompt(out: &mut dyn Write, command: &str) -> Outcome {
    Ok(writeln!(out, "\n$ {command}")?)
}

fn cannot(error: std::io::Error) -> Failure {
    Failure::Failed(format!("cannot use a temporary folder: {error}"))
}
