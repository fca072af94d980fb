//! `tt rules fmt`: the usual form of `when` expressions.

use std::io::Write;
use std::path::PathBuf;

use super::read;
use crate::cli::app::App;
use crate::cli::args::FmtArgs;
use crate::cli::error::{Failure, Outcome};
use crate::cli::init::replace;
use crate::cli::table::harmless;
use crate::rules::format;

pub(super) fn run(app: &App, args: &FmtArgs, out: &mut dyn Write) -> Outcome {
    let config = [app.config.clone()];
    let files: &[PathBuf] = if args.files.is_empty() { &config } else { &args.files };
    let mut differs = false;
    for path in files {
        let file = read(path).map_err(broken)?;
        let name = harmless(file.name());
        let formatted = format::formatted(&file).map_err(|place| {
            let line = file.line(place.start);
            Failure::Usage(format!("{name} line {line}: not TOML; see 'tt rules check {name}'"))
        })?;
        if formatted == file.text() {
            continue;
        }
        differs = true;
        if args.check {
            writeln!(out, "{name} would change")?;
        } else {
            replace(path, &formatted)
                .map_err(|error| Failure::Usage(format!("cannot write {name}: {error}")))?;
            writeln!(out, "{name} changed")?;
        }
    }
    if args.check && differs { Err(Failure::Found) } else { Ok(()) }
}

/// What cannot be read is exit status 2 here, where 1 means a difference.
fn broken(failure: Failure) -> Failure {
    match failure {
        Failure::Failed(why) => Failure::Usage(why),
        other => other,
    }
}
