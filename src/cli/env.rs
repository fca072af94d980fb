//! The world outside, read once: variables, clock, zone, terminal.
//!
//! `TT_NOW` sets the clock, for tests and for looking back.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use chrono::Utc;

use crate::period::Zone;
use crate::time::Timestamp;

/// What commands know of the world.
#[derive(Debug)]
pub(super) struct Env {
    variables: HashMap<OsString, OsString>,
    /// The present.
    pub(super) now: Timestamp,
    /// This machine's name: `TT_MACHINE`, else its host name.
    pub(super) machine: String,
    /// Local time.
    pub(super) zone: Zone,
    /// What is odd about the environment, to be told once.
    pub(super) warnings: Vec<String>,
    /// Whether stdout is a terminal.
    pub(super) out_is_terminal: bool,
    /// Whether stderr is a terminal.
    pub(super) err_is_terminal: bool,
}

impl Env {
    /// Reads the process's environment.
    #[must_use]
    pub(super) fn of_process() -> Self {
        let variables: HashMap<_, _> = std::env::vars_os().collect();
        let text = |name: &str| variables.get(name.as_ref() as &std::ffi::OsStr)?.to_str();
        let mut warnings = Vec::new();
        let (zone, unknown) = Zone::detect(text("TZ"));
        warnings.extend(unknown.map(|unknown| unknown.to_string()));
        let clock = Timestamp::from_datetime(&Utc::now()).unwrap_or(Timestamp::MAX);
        let set = text("TT_NOW").filter(|text| !text.is_empty()).map(|text| {
            let now = Timestamp::parse(text);
            if now.is_none() {
                warnings.push(format!("TT_NOW is no timestamp: '{text}'"));
            }
            now
        });
        let host = || gethostname::gethostname().to_string_lossy().into_owned();
        let machine = text("TT_MACHINE").filter(|name| !name.is_empty()).map(str::to_owned);
        Self {
            machine: machine.unwrap_or_else(host),
            now: set.flatten().unwrap_or(Timestamp::from_millis(clock.millis())),
            zone,
            warnings,
            out_is_terminal: std::io::stdout().is_terminal(),
            err_is_terminal: std::io::stderr().is_terminal(),
            variables,
        }
    }

    /// The world of the demo: Sami's home and clock, the terminal of `real`, and no logs but those
    /// in `folder`.
    #[must_use]
    pub(super) fn of_demo(real: &Self, folder: &Path) -> Self {
        let kept = ["COLUMNS", "NO_COLOR", "TERM"].into_iter().filter_map(|name| {
            let value = real.variables.get(name.as_ref() as &std::ffi::OsStr)?;
            Some((OsString::from(name), value.clone()))
        });
        let logs = ["CLAUDE_CONFIG_DIR", "CODEX_HOME"].map(|name| (name.into(), folder.into()));
        Self {
            variables: kept.chain([("HOME".into(), "/home/sami".into())]).chain(logs).collect(),
            machine: "laptop".to_owned(),
            now: Timestamp::parse("2025-01-29T18:00:00Z").unwrap_or(real.now),
            zone: Zone::UTC,
            warnings: Vec::new(),
            out_is_terminal: real.out_is_terminal,
            err_is_terminal: real.err_is_terminal,
        }
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        let value = self.variables.get(name.as_ref() as &std::ffi::OsStr)?;
        (!value.is_empty()).then(|| PathBuf::from(value))
    }

    /// A variable that is set, not empty, and text.
    #[must_use]
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name.as_ref() as &std::ffi::OsStr)?.to_str()?;
        (!value.is_empty()).then_some(value)
    }

    /// `$HOME`, absolute and without a trailing slash.
    #[must_use]
    pub(super) fn home(&self) -> Option<String> {
        let home = self.text("HOME")?;
        let trimmed = home.trim_end_matches('/');
        Path::new(home)
            .is_absolute()
            .then(|| crate::event::nfc(if trimmed.is_empty() { "/" } else { trimmed }))
    }

    /// `$HOME` as a path, else the root of the file system, where nothing of the person's is.
    #[must_use]
    pub(super) fn home_path(&self) -> PathBuf {
        self.path("HOME").unwrap_or_else(|| PathBuf::from("/"))
    }

    /// A base directory: `$variable`, else `$HOME/fallback`.
    #[must_use]
    pub(super) fn base(&self, variable: &str, fallback: &str) -> PathBuf {
        self.path(variable)
            .filter(|path| path.is_absolute())
            .unwrap_or_else(|| self.home_path().join(fallback))
    }

    /// A path as people write it, with `~` for the home directory.
    #[must_use]
    pub(super) fn shown(&self, path: &Path) -> String {
        match self.path("HOME").and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned)) {
            Some(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
            Some(rest) => format!("~/{}", rest.display()),
            None => path.display().to_string(),
        }
    }

    /// Whether to use colour on a stream that is (or is not) a terminal.
    #[must_use]
    pub(super) fn colour(&self, terminal: bool) -> bool {
        terminal && self.text("NO_COLOR").is_none() && self.text("TERM") != Some("dumb")
    }

    /// Columns for running text: those of the terminal; 100 where there is none.
    #[must_use]
    pub(super) fn width(&self) -> usize {
        self.columns().unwrap_or(100)
    }

    /// Columns for a table: those of the terminal; where there is none, nothing is cut.
    #[must_use]
    pub(super) fn table_width(&self) -> usize {
        self.columns().unwrap_or(usize::MAX)
    }

    fn columns(&self) -> Option<usize> {
        let asked = self.text("COLUMNS").and_then(|columns| columns.parse().ok());
        let terminal = || {
            let (width, _) = terminal_size::terminal_size_of(std::io::stdout())?;
            Some(usize::from(width.0))
        };
        asked.or_else(terminal)
    }
}
