//! `tt rules`: one file per subcommand, and what they share.

mod check;
mod codes;
mod diff;
mod draw;
mod dump;
mod explained;
mod fix;
mod fmt;
mod form;
mod list;
mod lsp;
mod matching;
mod near;
mod shape;
mod stats;
mod testing;
mod watch;
mod which;

use std::io::{self, Read as _, Write};
use std::path::Path;

use super::app::App;
use super::args::RulesCommand;
use super::error::{Failure, Outcome};
use crate::diag::{SourceFile, render};
use crate::rules::{self, Checked, Env, RuleSet};

pub(super) fn run(app: &App, command: RulesCommand, out: &mut dyn Write) -> Outcome {
    match command {
        RulesCommand::Check(args) => check::run(app, &args, out),
        RulesCommand::Match(args) => matching::run(app, &args, out),
        RulesCommand::Dump(args) => dump::run(app, &args, out),
        RulesCommand::Fmt(args) => fmt::run(app, &args, out),
        RulesCommand::Lsp => lsp::run(app, out),
        RulesCommand::Explain(args) => codes::run(app, &args, out),
        RulesCommand::Test(args) => testing::run(app, &args, out),
        RulesCommand::Which(args) => which::run(app, &args, out),
        RulesCommand::List(args) => list::run(app, &args, out),
        RulesCommand::Stats(args) => stats::run(app, &args, out),
        RulesCommand::Diff(args) => diff::run(app, &args, out),
    }
}

/// A file the user named; `-` is stdin.
fn read(path: &Path) -> Result<SourceFile, Failure> {
    match path.as_os_str() == "-" {
        true => read_as(path, "<stdin>"),
        false => read_as(path, &path.display().to_string()),
    }
}

/// The same, shown as `name`.
fn read_as(path: &Path, name: &str) -> Result<SourceFile, Failure> {
    let bytes = match path.as_os_str() == "-" {
        true => {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        }
        false => std::fs::read(path),
    };
    let bytes = bytes.map_err(|error| Failure::Broken(format!("cannot read {name}: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|error| Failure::Broken(format!("{name} is not UTF-8: {error}")))?;
    Ok(SourceFile::new(name, text))
}

/// The named rule file, or the config.
fn read_or_config(app: &App, path: Option<&Path>) -> Result<SourceFile, Failure> {
    read(path.unwrap_or(&app.config))
}

/// The rules of a file, for commands that are about using them: what is wrong goes to stderr, and
/// an error ends the command.
fn sound(app: &App, file: &SourceFile, env: &Env) -> Result<Checked<RuleSet>, Failure> {
    let checkup = rules::check(file, env);
    if checkup.rules.is_none() {
        let colour = app.env.colour(app.env.err_is_terminal);
        super::say(&render::human::render(&checkup.findings, file, colour));
    }
    checkup.rules.ok_or(Failure::Found)
}
