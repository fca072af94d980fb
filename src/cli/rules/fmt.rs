//! `tt rules fmt`: the usual form of `when` expressions.

use std::io::Write;
use std::path::PathBuf;

use super::read;
use crate::cli::app::App;
use crate::cli::args::FmtArgs;
use crate::cli::error::{Failure, Outcome};
use crate::cli::files::replace;
use crate::cli::table::harmless;
use crate::rules::format;

pub(super) fn run(app: &App, args: &FmtArgs, out: &mut dyn Write) -> Outcome {
    let config = [app.config.clone()];
    let files: &[PathBuf] = if args.files.is_empty() { &config } else { &args.files };
    let mut differs = false;
    for path in files {
        let file = read(path)?;
        let name = harmless(file.name());
        let formatted = format::formatted(&file).map_err(|place| {
            let line = file.line(place.start);
            Failure::Broken(format!("{name} line {line}: not TOML; see 'tt rules check {name}'"))
        })?;
        let same = formatted == file.text();
        differs |= !same;
        if args.check {
            if !same {
                writeln!(out, "{name} would change")?;
            }
        } else if path.as_os_str() == "-" {
            write!(out, "{formatted}")?;
        } else if !same {
            replace(path, file.text(), &formatted)
                .map_err(|error| Failure::Broken(format!("cannot write {name}: {error}")))?;
            writeln!(out, "{name} changed")?;
        }
    }
    if args.check && differs { Err(Failure::Found) } else { Ok(()) }
}
