//! `tt init`: a config to begin with, and the tmux hooks.

use std::io::Write;
use std::path::PathBuf;

use super::app::App;
use super::args::InitArgs;
use super::error::{Failure, Outcome};
use super::files;
use crate::collect::tmux;

/// The config that a person starts with: everything commented, so nothing changes.
const CONFIG: &str = include_str!("init/config.toml");

pub(super) fn run(app: &App, args: &InitArgs, out: &mut dyn Write) -> Outcome {
    write_config(app, out)?;
    let program = std::env::current_exe()
        .map_err(|error| Failure::Failed(format!("cannot tell where tt is: {error}")))?;
    let hooks = tmux::hook_lines(&program).map_err(|error| Failure::Failed(error.to_string()))?;
    if !args.install {
        writeln!(out, "\nThe tmux hooks; 'tt init --install' adds them to your tmux config:\n")?;
        write!(out, "{hooks}")?;
        return Ok(());
    }
    let conf = tmux_conf(app);
    let shown = app.env.shown(&conf);
    let old = match std::fs::read_to_string(&conf) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::Failed(format!("cannot read {shown}: {error}"))),
    };
    let new = tmux::install(&old, &hooks);
    if new == old {
        writeln!(out, "{shown} has the tmux hooks already.")?;
        return Ok(());
    }
    files::replace(&conf, &old, &new).map_err(|error| {
        Failure::Failed(format!("cannot write {shown}: {error}\n  It was left as it is."))
    })?;
    writeln!(out, "The tmux hooks are in {shown}. To begin:")?;
    writeln!(out, "  tmux source-file {shown}")?;
    writeln!(out, "and detach and attach once, so that the terminal reports its focus.")?;
    Ok(())
}

fn write_config(app: &App, out: &mut dyn Write) -> Outcome {
    let shown = app.env.shown(&app.config);
    let cannot = |error: std::io::Error| Failure::Failed(format!("cannot write {shown}: {error}"));
    if let Some(folder) = app.config.parent() {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    match std::fs::File::create_new(&app.config) {
        Ok(mut file) => {
            file.write_all(CONFIG.as_bytes()).map_err(cannot)?;
            writeln!(out, "{shown} written: write your rules there.")?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            writeln!(out, "{shown} is there already and stays as it is.")?;
        }
        Err(error) => return Err(cannot(error)),
    }
    Ok(())
}

/// The tmux config in use: the first that exists, else `~/.tmux.conf`.
fn tmux_conf(app: &App) -> PathBuf {
    let classic = app.env.home_path().join(".tmux.conf");
    let modern = app.env.base("XDG_CONFIG_HOME", ".config").join("tmux/tmux.conf");
    if !classic.exists() && modern.exists() { modern } else { classic }
}
