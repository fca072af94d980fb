//! Shell completions and man pages, from the same table as `--help`.

use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::args::Cli;
use super::error::{Failure, Outcome};

pub(super) fn completions(shell: Shell, out: &mut dyn Write) -> Outcome {
    // The generator panics where it cannot write, so it writes to memory.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tt", &mut text);
    Ok(out.write_all(&text)?)
}

pub(super) fn man(folder: Option<&Path>, out: &mut dyn Write) -> Outcome {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        Man::new(Cli::command()).render(&mut page)?;
        return Ok(out.write_all(&page)?);
    };
    let cannot = |error: std::io::Error| {
        Failure::Failed(format!("cannot write man pages to {}: {error}", folder.display()))
    };
    std::fs::create_dir_all(folder).map_err(cannot)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(cannot)?;
    writeln!(out, "Man pages written to {}", folder.display())?;
    Ok(())
}
