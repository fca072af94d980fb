//! What commands share: the config, the database, and bringing it up to date.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rusqlite::Connection;

use super::env::Env;
use super::error::Failure;
use super::table::harmless;
use super::{count, say};
use crate::collect::{agents, spool};
use crate::config::Settings;
use crate::diag::{Finding, SourceFile, render};
use crate::pipeline;
use crate::refresh::{self, Logs, LogsRead, RulesInForce};
use crate::rules::{self, Rules};
use crate::store::derived::{self, StreamRow};
use crate::store::{self, Store};

/// How long a reading command waits for one that writes, before it shows what was there.
const PATIENCE: Duration = Duration::from_secs(5);
const BUSY: &str = "Warning: another tt command is writing; this shows what was there before.";
/// Stream ids are shown with at least so many characters.
const SHORTEST_ID: usize = 7;

/// A command's surroundings.
#[derive(Debug)]
pub(super) struct App {
    pub(super) env: Env,
    pub(super) config: PathBuf,
    /// Whether the person named the config file, who then expects it to be there.
    pub(super) config_is_named: bool,
    /// The database file; `None` where nothing says in whose home it is.
    database: Option<PathBuf>,
}

/// The rules of the config file.
#[derive(Debug)]
pub(super) enum RulesState {
    /// There is no file.
    Missing,
    /// The file cannot be read.
    Unreadable(String),
    /// The file has errors: no rule runs.
    Broken,
    /// The rules, and which version of the file they are.
    Ready(Box<Rules>, String),
}

/// The config file.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) source: SourceFile,
    pub(super) findings: Vec<Finding>,
    pub(super) rules: RulesState,
    pub(super) settings: Result<Settings, String>,
}

/// Whether a command runs the rules when it brings the database up to date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RunRules {
    Yes,
    No,
}

impl App {
    pub(super) fn new(env: Env, config: Option<PathBuf>, database: Option<PathBuf>) -> Self {
        let given = |path: Option<PathBuf>| path.filter(|path| !path.as_os_str().is_empty());
        let config = given(config);
        let config_is_named = config.is_some();
        let config =
            config.unwrap_or_else(|| env.base("XDG_CONFIG_HOME", ".config").join("tt/config.toml"));
        let has_base = env.home().is_some() || env.path("XDG_DATA_HOME").is_some();
        let usual = || env.base("XDG_DATA_HOME", ".local/share").join("tt/tt.db");
        let database = given(database).or_else(|| has_base.then(usual));
        for warning in &env.warnings {
            say(&format!("Warning: {warning}"));
        }
        Self { env, config, config_is_named, database }
    }

    /// The database file.
    pub(super) fn database(&self) -> Result<&Path, Failure> {
        self.database.as_deref().ok_or_else(|| {
            Failure::Usage(
                "cannot tell where the database is: HOME is not set\n  \
                 Set it, or name a file with --db."
                    .to_owned(),
            )
        })
    }

    pub(super) fn spool(&self) -> Result<PathBuf, Failure> {
        Ok(spool::beside(self.database()?))
    }

    pub(super) fn open(&self) -> Result<Store, Failure> {
        Ok(Store::open(self.database()?)?)
    }

    /// What rules need to know of this machine.
    pub(super) fn rules_env(&self) -> rules::Env {
        rules::Env { home: self.env.home() }
    }

    /// The config file's name, as findings call it.
    pub(super) fn config_name(&self) -> String {
        let name = self.config.file_name();
        name.map_or_else(|| "config.toml".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// Reads the config file.
    pub(super) fn read_config(&self) -> Config {
        let name = self.config_name();
        let home = self.env.home();
        let bytes = match std::fs::read(&self.config) {
            Ok(bytes) => bytes,
            Err(error) => {
                let link = dangling(&self.config);
                let missing = error.kind() == std::io::ErrorKind::NotFound && link.is_none();
                let mut why = format!("cannot read {}: {error}", self.env.shown(&self.config));
                if let Some(link) = link {
                    why.push_str(&format!("; {} leads nowhere", self.env.shown(link)));
                }
                let settings = Settings::read("", home.as_deref());
                return Config {
                    source: SourceFile::new(name, ""),
                    findings: Vec::new(),
                    settings: if missing { settings } else { Err(why.clone()) },
                    rules: if missing { RulesState::Missing } else { RulesState::Unreadable(why) },
                };
            }
        };
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let why = format!("{} is not UTF-8: {error}", self.env.shown(&self.config));
                return Config {
                    source: SourceFile::new(name, ""),
                    findings: Vec::new(),
                    settings: Err(why.clone()),
                    rules: RulesState::Unreadable(why),
                };
            }
        };
        let settings = Settings::read(&text, home.as_deref());
        let fingerprint = fingerprint(&text, home.as_deref());
        let source = SourceFile::new(name, text);
        let checkup = rules::check(&source, &self.rules_env());
        let rules = checkup.rules.map_or(RulesState::Broken, |rules| {
            RulesState::Ready(Box::new(rules.compile()), fingerprint)
        });
        Config { source, findings: checkup.findings, rules, settings }
    }

    /// Says on stderr what is wrong with the config, for commands that are not about it.
    pub(super) fn warn_about(&self, config: &Config) {
        match &config.rules {
            RulesState::Missing => say(&self.missing_config()),
            RulesState::Unreadable(why) => {
                say(&format!(
                    "Error: {why}\n  No rule runs and no tag changes until it can be read."
                ));
            }
            RulesState::Broken => {
                let errors: Vec<&Finding> =
                    config.findings.iter().filter(|finding| finding.stops()).collect();
                for error in errors.iter().take(3) {
                    say(&render::human::headline(error, &config.source));
                    error.details.iter().for_each(|line| say(line));
                }
                if errors.len() > 3 {
                    say(&format!("… and {} more", count(errors.len() as u64 - 3, "error")));
                }
                say("No rule runs and no tag changes until this is fixed: see 'tt rules check'.");
            }
            RulesState::Ready(..) => {
                if let Err(why) = &config.settings {
                    say(&format!("Error: {} {why}", config.source.name()));
                }
            }
        }
        if config.settings.is_err() {
            say("Streams are inferred with the settings of the last run.");
        }
    }

    /// The owner's words for a config that is not there.
    pub(super) fn missing_config(&self) -> String {
        format!(
            "Warning: No config file found at {}\n         Rules disabled; using LLM-only tagging",
            self.env.shown(&self.config)
        )
    }

    /// The settings in force: the config's, or where it is broken those of the last run.
    pub(super) fn settings(&self, config: &Config, conn: &Connection) -> Result<Settings, Failure> {
        if let Ok(settings) = &config.settings {
            return Ok(settings.clone());
        }
        let last = store::meta(conn, pipeline::SETTINGS)?;
        let last = last.and_then(|text| serde_json::from_str(&text).ok());
        let home = self.env.home();
        Ok(last.unwrap_or_else(|| Settings {
            homes: home.into_iter().collect(),
            ..Settings::default()
        }))
    }

    /// Where agents keep their logs.
    pub(super) fn logs(&self, settings: &Settings) -> Logs {
        let home = self.env.home_path();
        Logs {
            claude: agents::claude_roots(self.env.text("CLAUDE_CONFIG_DIR"), &home),
            codex: vec![agents::codex_root(self.env.text("CODEX_HOME"), &home)],
            machine: self.env.machine.clone(),
            now: self.env.now,
            agent_timeout: settings.agent_timeout,
        }
    }

    /// Opens the database with everything that is new in it, and the streams that follow from it.
    /// What goes wrong with the config is said on stderr and stops the rules only.
    pub(super) fn up_to_date(&self, run_rules: RunRules) -> Result<(Store, Config), Failure> {
        let config = self.read_config();
        Ok((self.brought_up_to_date(&config, run_rules)?, config))
    }

    /// The same by a config that has been read.
    pub(super) fn brought_up_to_date(
        &self,
        config: &Config,
        run_rules: RunRules,
    ) -> Result<Store, Failure> {
        if run_rules == RunRules::Yes {
            self.warn_about(config);
        }
        let mut store = self.open()?;
        store.set_patience(PATIENCE)?;
        match self.refresh(&mut store, config, run_rules) {
            Ok(()) => {}
            Err(Failure::Busy) => say(BUSY),
            Err(failure) => return Err(failure),
        }
        Ok(store)
    }

    /// Opens the database with everything that is new in it, for commands that need events alone:
    /// nothing follows from them yet.
    pub(super) fn collected(&self, config: &Config) -> Result<Store, Failure> {
        let mut store = self.open()?;
        store.set_patience(PATIENCE)?;
        match self.collect(&mut store, config) {
            Ok(_) => {}
            Err(Failure::Busy) => say(BUSY),
            Err(failure) => return Err(failure),
        }
        Ok(store)
    }

    /// Takes what is new in the spool and in agents' logs; the settings in force.
    fn collect(&self, store: &mut Store, config: &Config) -> Result<Settings, Failure> {
        self.drain(store)?;
        let settings = self.settings(config, store.conn())?;
        let read = self.read_logs(store, &settings)?;
        for (path, why) in &read.unreadable {
            say(&format!("Warning: cannot read {}: {why}", self.env.shown(path)));
        }
        Ok(settings)
    }

    fn refresh(
        &self,
        store: &mut Store,
        config: &Config,
        run_rules: RunRules,
    ) -> Result<(), Failure> {
        let settings = self.collect(store, config)?;
        let in_force = match (&config.rules, run_rules) {
            (RulesState::Ready(rules, fingerprint), RunRules::Yes) => {
                Some(RulesInForce { rules, fingerprint })
            }
            _ => None,
        };
        let at = (self.env.zone, self.env.now);
        refresh::infer_and_tag(store, &settings, in_force, at)?;
        if let Some(in_force) = in_force
            && refresh::rules_changed(store.conn(), in_force.fingerprint)?
        {
            say(&format!(
                "Note: {} changed; streams tagged before keep their tags until 'tt recompute'.",
                config.source.name()
            ));
        }
        Ok(())
    }

    /// Moves the spool into the database.
    pub(super) fn drain(&self, store: &mut Store) -> Result<(), Failure> {
        for bad in refresh::drain_spool(store, &self.spool()?)? {
            say(&format!("Warning: a line of the spool was passed over: {bad}"));
        }
        Ok(())
    }

    /// Reads what is new in agents' logs.
    pub(super) fn read_logs(
        &self,
        store: &mut Store,
        settings: &Settings,
    ) -> Result<LogsRead, Failure> {
        let bar = self.progress("Reading agents' logs", "files");
        let read = refresh::read_logs(store, &self.logs(settings), |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        })?;
        bar.finish_and_clear();
        Ok(read)
    }

    /// A progress bar on stderr, if that is a terminal.
    pub(super) fn progress(&self, what: &str, unit: &str) -> ProgressBar {
        if !self.env.err_is_terminal {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(0).with_message(what.to_owned());
        let template = format!("{{msg}} [{{bar:20}}] {{human_pos}}/{{human_len}} {unit}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("##-"));
        }
        bar
    }

    /// The one stream called `text`.
    pub(super) fn stream(&self, conn: &Connection, text: &str) -> Result<StreamRow, Failure> {
        let mut found = derived::streams_called(conn, text)?;
        if found.is_empty()
            && let Some(joined) = derived::joined_into(conn, text)?
        {
            found.extend(derived::stream_by_id(conn, &joined)?);
        }
        match found.len() {
            0 => Err(Failure::Failed(format!(
                "no stream is called '{}'\n  See 'tt streams' for ids and names.",
                harmless(text)
            ))),
            1 => found.pop().ok_or(Failure::Found),
            _ => {
                let mut text = format!(
                    "'{}' may be any of {}:",
                    harmless(text),
                    count(found.len() as u64, "stream")
                );
                for row in found.iter().take(10) {
                    let id = short_id(conn, &row.id)?;
                    let began = self.env.zone.local(row.first).format("%b %-d %H:%M");
                    text.push_str(&format!("\n  {id}  {began}  {}", harmless(&row.name)));
                }
                if found.len() > 10 {
                    text.push_str("\n  …");
                }
                text.push_str("\n  Name one by its id.");
                Err(Failure::Failed(text))
            }
        }
    }
}

/// The link on the way to a file that leads nowhere: whoever made it has a file elsewhere.
fn dangling(file: &Path) -> Option<&Path> {
    let there = file.ancestors().find(|it| it.symlink_metadata().is_ok())?;
    there.metadata().is_err().then_some(there)
}

/// A text that is equal for configs whose rules are: what else stands in the file changes no tag.
fn fingerprint(text: &str, home: Option<&str>) -> String {
    let rules = toml::from_str::<toml::Table>(text).ok().map(|mut file| file.remove("rules"));
    let rules = serde_json::to_string(&rules).unwrap_or_default();
    blake3::hash(format!("{home:?} {rules}").as_bytes()).to_hex().to_string()
}

/// A stream's id as it is shown.
pub(super) fn short_id(conn: &Connection, id: &str) -> Result<String, Failure> {
    Ok(derived::short_id(conn, id, SHORTEST_ID)?)
}

/// Streams' ids as they are shown, by id.
pub(super) fn short_ids(
    conn: &Connection,
    of: &[&str],
) -> Result<HashMap<String, String>, Failure> {
    Ok(derived::short_ids(conn, of, SHORTEST_ID)?)
}
