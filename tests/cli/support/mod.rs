//! Helpers that keep a test as short as its case.

pub(crate) mod events;
pub(crate) mod ledger;
pub(crate) mod service;
pub(crate) mod victim;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The clock of every sandbox, unless a test sets it: a Wednesday.
pub(crate) const NOW: &str = "2025-01-29T18:00:00Z";

/// The three rules of the specification, on the lines that its examples name.
pub(crate) const ACME: &str = r#"# ~/.config/tt/config.toml

[[rules.auto_tag]]
name = "Acme projects"
match = { primary_cwd = "~/work/acme/*" }
tags = ["acme", "billable"]

[[rules.auto_tag]]
name = "Personal work"
match = { tmux_session = "personal-*" }
tags = ["personal"]

[[rules.auto_tag]]
name = "Open source contributions"
match = { primary_cwd = "~/oss/*", agent = "claude-code" }
tags = ["oss", "unbillable"]
"#;

/// A sandbox: its own home, clock and zone, and nothing in it.
pub(crate) fn tt() -> Sandbox {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = Sandbox { vars: Vec::new(), folder };
    for name in ["home", "tmp", "claude", "codex"] {
        fs::create_dir(sandbox.path(name)).unwrap();
    }
    let [home, tmp, claude, codex] = ["home", "tmp", "claude", "codex"].map(|it| sandbox.path(it));
    sandbox
        .var("HOME", home)
        .var("TMPDIR", tmp)
        .var("CLAUDE_CONFIG_DIR", claude)
        .var("CODEX_HOME", codex)
        .var("PATH", "/usr/bin:/bin")
        .var("TZ", "UTC")
        .var("TT_NOW", NOW)
        .var("TT_MACHINE", "box")
}

/// A sandbox with an empty config, in which nothing is missing.
pub(crate) fn quiet() -> Sandbox {
    tt().with_config("")
}

/// Where `tt` runs.
pub(crate) struct Sandbox {
    vars: Vec<(OsString, OsString)>,
    folder: tempfile::TempDir,
}

impl Sandbox {
    // --- the world -----------------------------------------------------------------------------

    pub(crate) fn var(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.set(name, value);
        self
    }

    /// As [`Self::var`], for a sandbox whose time goes on.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.vars.retain(|(known, _)| known != name);
        self.vars.push((name.into(), value.into()));
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.vars.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn at(self, now: &str) -> Self {
        self.var("TT_NOW", now)
    }

    pub(crate) fn zone(self, zone: &str) -> Self {
        self.var("TZ", zone)
    }

    pub(crate) fn with_config(self, text: impl AsRef<[u8]>) -> Self {
        self.config(text);
        self
    }

    pub(crate) fn config(&self, text: impl AsRef<[u8]>) {
        self.put("home/.config/tt/config.toml", text);
    }

    /// A path in the sandbox.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// The sandbox, by its real name.
    fn root(&self) -> PathBuf {
        fs::canonicalize(self.folder.path()).unwrap()
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// A directory below home, which need not exist. Whatever goes in and comes out as text says
    /// `/sandbox` for the sandbox.
    #[allow(clippy::unused_self, reason = "reads as a place of the sandbox")]
    pub(crate) fn dir(&self, name: &str) -> String {
        format!("/sandbox/home/{name}")
    }

    /// `text` with the real name of the sandbox.
    fn really(&self, text: &[u8]) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(text) else {
            return text.to_vec();
        };
        text.replace("/sandbox/", &format!("{}/", self.root().display())).into_bytes()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.home().join(".local/share/tt/tt.db")
    }

    /// Writes a file of the sandbox.
    pub(crate) fn put(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Files that wait to be drained.
    pub(crate) fn spool_files(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.database().parent().unwrap()) else {
            return Vec::new();
        };
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_str().unwrap().contains(".spool"))
            .collect();
        files.sort();
        files
    }

    /// The database, behind the program's back.
    pub(crate) fn sql(&self) -> rusqlite::Connection {
        let conn = rusqlite::Connection::open(self.database()).unwrap();
        conn.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
        conn
    }

    #[track_caller]
    pub(crate) fn count(&self, what: &str) -> i64 {
        self.sql().query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
    }

    // --- running -------------------------------------------------------------------------------

    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tt"));
        let really = |arg: S| OsString::from_vec(self.really(arg.as_ref().as_bytes()));
        command
            .args(args.into_iter().map(really))
            .env_clear()
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            .current_dir(self.home())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `tt` with the words of `line`.
    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.run_args(line.split_whitespace())
    }

    #[track_caller]
    pub(crate) fn run_args<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.start(args), self)
    }

    pub(crate) fn start<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Child {
        self.command(args).spawn().unwrap()
    }

    /// Runs `tt` with `input` on stdin.
    #[track_caller]
    pub(crate) fn feed(&self, line: &str, input: impl AsRef<[u8]>) -> Ran {
        let mut child =
            self.command(line.split_whitespace()).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = self.really(input.as_ref());
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let ran = Ran::of(child, self);
        writer.join().unwrap();
        ran
    }

    /// Imports events that are all good.
    #[track_caller]
    pub(crate) fn import(&self, events: &[Value]) -> &Self {
        self.feed("import -", events::lines(events)).ok();
        self
    }

    /// All events, as `tt events` writes them.
    #[track_caller]
    pub(crate) fn events(&self) -> String {
        self.run("events").ok().out
    }

    #[track_caller]
    pub(crate) fn streams(&self) -> Vec<Value> {
        self.run("streams --json").done().json()["streams"].as_array().unwrap().clone()
    }

    /// The only stream whose directory is `cwd`.
    #[track_caller]
    pub(crate) fn stream_at(&self, cwd: &str) -> Value {
        let mut found = self.streams();
        found.retain(|stream| stream["primary_cwd"] == cwd);
        assert_eq!(found.len(), 1, "streams at {cwd}: {found:#?}");
        found.remove(0)
    }

    #[track_caller]
    pub(crate) fn id_at(&self, cwd: &str) -> String {
        self.stream_at(cwd)["id"].as_str().unwrap()[..7].to_owned()
    }

    /// Tags of the stream at `cwd`, as `tag (source)`.
    #[track_caller]
    pub(crate) fn tags_at(&self, cwd: &str) -> Vec<String> {
        self.stream_at(cwd)["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                let text = |key: &str| it[key].as_str().unwrap().to_owned();
                format!("{} ({})", text("tag"), text("source"))
            })
            .collect()
    }

    /// Every row of the tables in which rules and people say something of streams, in the order in
    /// which they lie there, with its number.
    #[track_caller]
    pub(crate) fn tag_tables(&self) -> Vec<String> {
        [("streams", "num"), ("stream_tags", "rowid"), ("removed_tags", "0"), ("meta", "0")]
            .iter()
            .flat_map(|(table, row)| self.rows(&format!("{row}, *"), table))
            .collect()
    }

    /// The rows of a table as lines, in the order in which they lie there.
    #[track_caller]
    pub(crate) fn rows(&self, columns: &str, table: &str) -> Vec<String> {
        let sql = self.sql();
        let mut rows = sql.prepare(&format!("SELECT {columns} FROM {table}")).unwrap();
        let count = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        let mut all = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let cells = (0..count).map(|at| format!("{:?}", row.get_ref(at).unwrap()));
            all.push(format!("{table} {}", cells.collect::<Vec<_>>().join("|")));
        }
        all
    }

    /// The database is whole.
    #[track_caller]
    pub(crate) fn is_sound(&self) -> &Self {
        let sql = self.sql();
        let said: String = sql.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(said, "ok");
        let orphans: i64 = sql
            .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(orphans, 0, "rows that refer to nothing");
        self
    }
}

/// What a run of `tt` did.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn of(child: Child, sandbox: &Sandbox) -> Self {
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes).replace(sandbox.root().to_str().unwrap(), "/sandbox")
        };
        let ran = Self {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        assert!(matches!(ran.code, Some(0..=2)), "undocumented exit: {ran:#?}");
        for odd in ["panicked", "RUST_BACKTRACE", "unwrap()", "Some(", "Err(", "SqliteFailure"] {
            assert!(!ran.err.contains(odd), "'{odd}' on stderr: {ran:#?}");
        }
        ran
    }

    /// Done, and nothing to complain about.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:#?}");
        self
    }

    /// Done, whatever was said on the way.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// Done, having said exactly `text` on stderr.
    #[track_caller]
    pub(crate) fn warns(self, text: &str) -> Self {
        assert_eq!((self.code, self.err.trim_end()), (Some(0), text.trim_end()), "{self:#?}");
        self
    }

    /// Failed, with all of `words` on stderr, in at most three lines.
    #[track_caller]
    pub(crate) fn fails_about(self, words: &[&str]) -> Self {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{self:#?}");
        for word in words {
            assert!(self.err.contains(word), "no '{word}': {self:#?}");
        }
        assert!(self.err.starts_with("Error: "), "{self:#?}");
        assert!((1..=3).contains(&self.err.lines().count()), "{self:#?}");
        self
    }

    /// Refused as called wrongly, with all of `words` on stderr.
    #[track_caller]
    pub(crate) fn says_wrong_usage(self, words: &[&str]) -> Self {
        assert_eq!((self.code, self.out.as_str()), (Some(2), ""), "{self:#?}");
        for word in words {
            assert!(self.err.contains(word), "no '{word}': {self:#?}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Exactly `text` on stdout.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Self {
        assert_eq!(self.out.trim_end(), text.trim_end(), "{self:#?}");
        self
    }

    /// All of `words` on stdout.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.out.contains(word), "no '{word}': {self:#?}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        match serde_json::from_str(&self.out) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {self:#?}"),
        }
    }
}

/// Streams without what tells of history: ids, and when they were written.
pub(crate) fn timeless(streams: &[Value]) -> Vec<Value> {
    let mut streams = streams.to_vec();
    for stream in &mut streams {
        let stream = stream.as_object_mut().unwrap();
        stream.remove("id");
        stream.remove("updated_at");
    }
    streams.sort_by_key(ToString::to_string);
    streams
}

/// A copy of a fixture of the agents' logs.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents");
    fs::read(folder.join(name)).unwrap()
}

/// A small generator of numbers that are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}
