//! `tt rules dump`: the rules at a stage of their compilation.

use std::io::Write;

use super::{read_or_config, sound};
use crate::cli::app::App;
use crate::cli::args::{DumpArgs, Stage};
use crate::cli::error::Outcome;
use crate::diag::Sink;
use crate::rules::{dump, syntax};

pub(super) fn run(app: &App, args: &DumpArgs, out: &mut dyn Write) -> Outcome {
    let file = read_or_config(app, args.file.as_deref())?;
    // The syntax tree can be shown of a file with mistakes in it too.
    if args.stage == Stage::Ast {
        let written = syntax::toml::parse(&file, &mut Sink::default());
        write!(out, "{}", dump::ast(&written, &file))?;
    }
    let rules = sound(app, &file, &app.rules_env())?;
    match args.stage {
        Stage::Ast => {}
        Stage::Ir => write!(out, "{}", dump::ir(&rules))?,
        Stage::Table => write!(out, "{}", rules.compile().describe())?,
        Stage::Dot => write!(out, "{}", dump::dot(&rules))?,
    }
    Ok(())
}
