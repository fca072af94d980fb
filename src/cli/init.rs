//! `tt init`: a config to begin with, and the tmux hooks.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::app::App;
use super::args::InitArgs;
use super::error::{Failure, Outcome};
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
    replace(&conf, &new).map_err(|error| {
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

/// Where a link at `path` leads.
fn beside(path: &Path, link: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new(".")).join(link)
}

/// Replaces a file's text as a whole or not at all. A link, as dotfile managers make them, stays.
pub(super) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let target = std::fs::canonicalize(path)
        .or_else(|_| std::fs::read_link(path).map(|link| beside(path, &link)))
        .unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Ok(meta) = std::fs::metadata(&target) {
        file.as_file().set_permissions(meta.permissions())?;
    } else {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}
