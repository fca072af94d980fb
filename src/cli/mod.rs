//! The command line: words for people, exit status, the world outside. Decisions worth a test of
//! their own live in the library's other modules; one file here is one command.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;

mod app;
mod args;
mod assign;
mod changes;
mod config;
mod demo;
mod env;
mod error;
mod events;
mod export;
mod files;
mod generate;
mod import;
mod ingest;
mod init;
mod privacy;
mod program;
mod push;
mod recompute;
mod report;
mod rules;
mod status;
mod streams;
mod suggest;
mod sync;
mod table;
mod tag;
mod undo;

use app::App;
use args::{Cli, Command};
use env::Env;
use error::{Failure, Outcome};

/// Runs the command that the process was called with.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let app = App::new(Env::of_process(), cli.config, cli.db);
    let mut out = BufWriter::new(io::stdout().lock());
    let done = run(&app, cli.command, &mut out).and_then(|()| Ok(out.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // What was written so far comes before the error.
            drop(out.flush());
            failure.report()
        }
    }
}

fn run(app: &App, command: Command, out: &mut dyn Write) -> Outcome {
    match command {
        Command::Report(args) => report::run(app, &args, out),
        Command::Week(json) => report::run(app, &report::this_week(json.json), out),
        Command::Today(json) => report::run(app, &report::today(json.json), out),
        Command::Yesterday(json) => report::run(app, &report::yesterday(json.json), out),
        Command::Streams(args) => streams::run(app, &args, out),
        Command::Suggest(args) => suggest::run(app, &args, out),
        Command::Tag(args) => tag::tag(app, &args, out),
        Command::Untag(args) => tag::untag(app, &args, out),
        Command::Tags(json) => tag::tags(app, json.json, out),
        Command::Rename(args) => tag::rename(app, &args, out),
        Command::Assign(args) => assign::run(app, &args, out),
        Command::Recompute(args) => recompute::run(app, &args, out),
        Command::Undo(args) => undo::run(app, &args, out),
        Command::Push(args) => push::run(app, &args, out),
        Command::Rules(command) => rules::run(app, command, out),
        Command::Privacy(command) => privacy::run(app, &command, out),
        Command::Config(command) => config::run(app, &command, out),
        Command::Ingest(command) => ingest::run(app, command, out),
        Command::Import(args) => import::run(app, &args, out),
        Command::Events(args) => events::run(app, &args, out),
        Command::Export(args) => export::run(app, &args, out),
        Command::Sync(args) => sync::run(app, &args, out),
        Command::Init(args) => init::run(app, &args, out),
        Command::Status(json) => status::run(app, json.json, out),
        Command::Demo => demo::run(app, out),
        Command::Completions { shell } => generate::completions(shell, out),
        Command::Man { folder } => generate::man(folder.as_deref(), out),
    }
}

/// Writes a line to stderr. If nobody reads it there is nobody to tell.
fn say(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}

/// `1 stream`, `2 streams`, `1,000 streams`.
fn count(n: u64, noun: &str) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Writes `value` as JSON with line breaks.
fn write_json(out: &mut dyn Write, value: &serde_json::Value) -> Outcome {
    serde_json::to_writer_pretty(&mut *out, value).map_err(|error| {
        if error.is_io() { Failure::from(io::Error::from(error)) } else { error.into() }
    })?;
    Ok(writeln!(out)?)
}
