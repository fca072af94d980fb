//! Where the logs lie, in which order they are read, and which of them will soon be deleted.
//!
//! INVARIANT (order): the same files give the same list, on every machine. Of two sessions that
//! share lines (a fork copies them), the one with the smaller id comes first and so keeps them; a
//! session's main file comes before its subagents.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Agent;
use super::loose::{Loose, Text};
use crate::event::nfc;
use crate::time::{Millis, Timestamp};

const DAY: Millis = 24 * 60 * 60 * 1000;

/// Days before deletion from which on `tt status` warns.
const WARN_DAYS: i64 = 7;

/// Days after which Claude Code deletes logs unless told otherwise.
const DEFAULT_CLEANUP_DAYS: u32 = 30;

/// How much of a file is looked at for the session it belongs to, in bytes.
const PEEK: u64 = 1 << 18;

/// What a log tells of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LogKind {
    /// A session of the person with an agent.
    Main,
    /// Work that a session gave to an agent of its own (Claude Code only: a Codex log says inside
    /// what it is).
    Subagent,
}

/// A log file that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogFile {
    /// Who writes it.
    pub agent: Agent,
    /// What it tells of.
    pub kind: LogKind,
    /// The session it belongs to; of a subagent, its parent's.
    pub session_id: String,
    /// Where it lies.
    pub path: PathBuf,
    /// The root it was found under.
    pub root: PathBuf,
    /// Size in bytes, as it lies there (compressed, if it is).
    pub size: u64,
    /// When it was last written; 1970 where the system does not say.
    pub mtime: Timestamp,
}

impl LogFile {
    /// Under which name its [`FileState`](super::FileState) is kept.
    ///
    /// Codex moves logs to an archive and compresses them; the name stays the same then. Of
    /// Claude Code's it is the path.
    #[must_use]
    pub fn key(&self) -> String {
        match self.agent {
            Agent::Codex => format!("codex:{}", rollout_name(&self.path)),
            Agent::ClaudeCode => nfc(&self.path.to_string_lossy()),
        }
    }

    /// Whether the file is compressed.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.path.extension().is_some_and(|it| it == "zst")
    }

    /// The name of the subagent whose file it is.
    fn agent_id(&self) -> Option<&str> {
        let stem = self.path.file_stem()?.to_str()?;
        (self.kind == LogKind::Subagent).then(|| stem.strip_prefix("agent-"))?
    }
}

/// What lies under the roots.
#[derive(Default, Debug)]
pub struct Discovery {
    /// The logs, in the order in which they are to be read.
    pub files: Vec<LogFile>,
    /// What could not be looked at, and why. A root that does not exist is none of these.
    pub unreadable: Vec<(PathBuf, io::Error)>,
    /// Files that look like logs and are not read, by reason.
    pub ignored: BTreeMap<&'static str, u64>,
}

impl Discovery {
    /// The subagents that have a file of their own.
    #[must_use]
    pub fn subagents(&self) -> Subagents {
        let own = |file: &LogFile| Some((file.session_id.clone(), file.agent_id()?.to_owned()));
        Subagents(self.files.iter().filter_map(own).collect())
    }
}

/// The subagents that have a file of their own, by session and name. What their parent's file
/// repeats of them is not read.
#[derive(Clone, Default, Debug)]
pub struct Subagents(HashSet<(String, String)>);

impl Subagents {
    pub(super) fn has(&self, session: &str, agent: &str) -> bool {
        self.0.contains(&(session.to_owned(), agent.to_owned()))
    }
}

/// Claude Code's directories: those in `CLAUDE_CONFIG_DIR`, separated by commas, else the two
/// defaults below `home`.
#[must_use]
pub fn claude_roots(config_dir: Option<&str>, home: &Path) -> Vec<PathBuf> {
    let mut roots: Vec<PathBuf> = config_dir
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|dir| !dir.is_empty())
        .map(|dir| below_home(dir, home))
        .collect();
    if roots.is_empty() {
        roots = vec![home.join(".claude"), home.join(".config/claude")];
    }
    let mut seen = HashSet::new();
    roots.retain(|root| seen.insert(root.clone()));
    roots
}

/// Codex's directory: `CODEX_HOME`, else the default below `home`.
#[must_use]
pub fn codex_root(codex_home: Option<&str>, home: &Path) -> PathBuf {
    match codex_home.map(str::trim).filter(|dir| !dir.is_empty()) {
        Some(dir) => below_home(dir, home),
        None => home.join(".codex"),
    }
}

/// `dir` with a leading `~/` resolved, which no shell does inside a list.
fn below_home(dir: &str, home: &Path) -> PathBuf {
    match dir.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => PathBuf::from(dir),
    }
}

/// Finds the logs under the roots of both agents; a root that is another one under a second name
/// is looked at once.
#[must_use]
pub fn discover(claude_roots: &[PathBuf], codex_roots: &[PathBuf]) -> Discovery {
    let mut found = Discovery::default();
    for root in distinct(claude_roots) {
        let top = root.join("projects");
        for (path, meta) in walk(&top, &mut found.unreadable) {
            claude_file(root, &top, path, &meta, &mut found);
        }
    }
    for root in distinct(codex_roots) {
        codex_files(root, &mut found);
    }
    found.files.sort_by(|a, b| {
        let key = |it: &LogFile| (it.agent, it.session_id.clone(), it.kind, it.path.clone());
        key(a).cmp(&key(b))
    });
    found
}

fn distinct(roots: &[PathBuf]) -> impl Iterator<Item = &PathBuf> {
    let mut seen = HashSet::new();
    roots.iter().filter(move |root| {
        let real = fs::canonicalize(root);
        seen.insert(real.unwrap_or_else(|_| (*root).clone()))
    })
}

/// All files below `top`, each directory once however many symlinks lead to it.
fn walk(top: &Path, unreadable: &mut Vec<(PathBuf, io::Error)>) -> Vec<(PathBuf, Metadata)> {
    let mut files = Vec::new();
    let mut seen = HashSet::new();
    let mut dirs = vec![top.to_owned()];
    while let Some(dir) = dirs.pop() {
        let listed = fs::canonicalize(&dir).and_then(|real| {
            if seen.insert(real) { fs::read_dir(&dir).map(Some) } else { Ok(None) }
        });
        let entries = match listed {
            Ok(Some(entries)) => entries,
            Ok(None) => continue,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    unreadable.push((dir, error));
                }
                continue;
            }
        };
        let mut here: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        here.sort_unstable();
        for path in here.into_iter().rev() {
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => dirs.push(path),
                Ok(meta) if meta.is_file() => files.push((path, meta)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => unreadable.push((path, error)),
            }
        }
    }
    files
}

fn claude_file(root: &Path, top: &Path, path: PathBuf, meta: &Metadata, found: &mut Discovery) {
    if path.extension().is_none_or(|it| it != "jsonl") {
        return;
    }
    let stem = path.file_stem().map(|it| nfc(&it.to_string_lossy()));
    let (Some(stem), Ok(below)) = (stem, path.strip_prefix(top)) else {
        return;
    };
    let parts: Vec<String> = below.iter().map(|part| nfc(&part.to_string_lossy())).collect();
    let folder = parts.iter().position(|part| part == "subagents");
    let is_agent = stem.starts_with("agent-");
    if stem.starts_with("agent-acompact-") || stem.starts_with("agent-aprompt_suggestion-") {
        *found.ignored.entry("helper").or_default() += 1;
        return;
    }
    let parent = folder.and_then(|at| parts.get(at.checked_sub(1)?));
    let (kind, session_id) = match (is_agent, parent) {
        (true, Some(parent)) => (LogKind::Subagent, parent.clone()),
        (true, None) if parts.len() == 2 => {
            let session = session_in(&path).unwrap_or_else(|| stem.clone());
            (LogKind::Subagent, session)
        }
        (false, None) if parts.len() == 2 => (LogKind::Main, stem),
        _ => {
            *found.ignored.entry("no_session").or_default() += 1;
            return;
        }
    };
    found.files.push(LogFile {
        agent: Agent::ClaudeCode,
        kind,
        session_id,
        root: root.to_owned(),
        size: meta.len(),
        mtime: mtime_of(meta),
        path,
    });
}

/// The session that the first line of a subagent's file names, as older versions put these files
/// beside their parent's.
fn session_in(path: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(rename = "sessionId", borrow, default)]
        session_id: Loose<Text<'a>>,
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(PEEK).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    text.lines().find_map(|line| {
        let line: Line<'_> = serde_json::from_str(line).ok()?;
        line.session_id.get().map(str::to_owned)
    })
}

fn codex_files(root: &Path, found: &mut Discovery) {
    let mut by_name: HashMap<String, LogFile> = HashMap::new();
    // Of the same rollout in several places the first wins: live before archived, plain before
    // compressed.
    for folder in ["sessions", "archived_sessions"] {
        let mut files = walk(&root.join(folder), &mut found.unreadable);
        files.retain(|(path, _)| is_rollout(path));
        files.sort_by_key(|(path, _)| {
            (path.extension().is_some_and(|it| it == "zst"), path.clone())
        });
        for (path, meta) in files {
            let name = rollout_name(&path);
            if by_name.contains_key(&name) {
                *found.ignored.entry("archived_copy").or_default() += 1;
                continue;
            }
            let file = LogFile {
                agent: Agent::Codex,
                kind: LogKind::Main,
                session_id: thread_in(&name).to_owned(),
                root: root.to_owned(),
                size: meta.len(),
                mtime: mtime_of(&meta),
                path,
            };
            by_name.insert(name, file);
        }
    }
    found.files.extend(by_name.into_values());
}

fn is_rollout(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("rollout-") && (name.ends_with(".jsonl") || name.ends_with(".jsonl.zst"))
}

/// The file's name without its endings.
fn rollout_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".zst").unwrap_or(&name);
    nfc(name.strip_suffix(".jsonl").unwrap_or(name))
}

/// The thread's id in `rollout-2026-02-23T13-19-38-<id>`.
fn thread_in(name: &str) -> &str {
    let rest = name.strip_prefix("rollout-").unwrap_or(name);
    let time = "2026-02-23T13-19-38-".len();
    match rest.get(time..) {
        Some(id) if !id.is_empty() && rest.as_bytes().get(10) == Some(&b'T') => id,
        _ => rest,
    }
}

fn mtime_of(meta: &Metadata) -> Timestamp {
    let since = meta.modified().ok();
    let since = since.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let nanos = since.and_then(|it| i64::try_from(it.as_nanos()).ok());
    Timestamp::from_nanos(nanos.unwrap_or(0))
}

/// When Claude Code deletes its logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cleanup {
    /// So many days after they were last written.
    After(u32),
    /// It writes none: `cleanupPeriodDays` is 0.
    NoLogs,
}

/// What `settings.json` in `claude_root` says about deletion. Unreadable settings are as none.
#[must_use]
pub fn cleanup_days(claude_root: &Path) -> Cleanup {
    let text = fs::read_to_string(claude_root.join("settings.json")).unwrap_or_default();
    let settings: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let days = settings.get("cleanupPeriodDays").and_then(|it| {
        let whole = it.as_u64().and_then(|days| u32::try_from(days).ok());
        whole.or_else(|| it.as_f64().map(|days| days.clamp(0.0, 1e6) as u32))
    });
    match days {
        Some(0) => Cleanup::NoLogs,
        days => Cleanup::After(days.unwrap_or(DEFAULT_CLEANUP_DAYS)),
    }
}

/// Logs that hold time not yet taken and that their agent will delete soon.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct AtRisk {
    /// How many.
    pub files: u64,
    /// When the first of them may be deleted.
    pub first: Option<Timestamp>,
}

/// The logs that were not taken since they were last written and are within seven days of
/// deletion (or past it). Only Claude Code deletes by age.
///
/// `is_taken` says whether what is kept for a file under [`LogFile::key`] holds it
/// ([`FileState::holds`](super::FileState::holds)), `cleanup` what [`cleanup_days`] says of its
/// root.
pub fn at_risk(
    files: &[LogFile],
    is_taken: impl Fn(&LogFile) -> bool,
    cleanup: impl Fn(&Path) -> Cleanup,
    now: Timestamp,
) -> AtRisk {
    let mut risk = AtRisk::default();
    for file in files.iter().filter(|file| file.agent == Agent::ClaudeCode) {
        let Cleanup::After(days) = cleanup(&file.root) else {
            continue;
        };
        let deleted = file.mtime.plus(i64::from(days).saturating_mul(DAY));
        if now < deleted.plus(-WARN_DAYS * DAY) || is_taken(file) {
            continue;
        }
        risk.files += 1;
        risk.first = Some(risk.first.map_or(deleted, |first| first.min(deleted)));
    }
    risk
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(files: &[(&str, &str)]) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            for (path, text) in files {
                let path = tree.0.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            tree
        }

        fn discover(&self) -> Discovery {
            let root = [self.0.path().to_owned()];
            discover(&root, &root)
        }
    }

    fn names(found: &Discovery) -> Vec<(LogKind, &str, &str)> {
        let name = |it: &'_ LogFile| it.path.file_name().unwrap().to_str().unwrap().to_owned();
        found.files.iter().map(|it| (it.kind, it.session_id.as_str(), &*name(it).leak())).collect()
    }

    #[test]
    fn claude_files_in_their_order() {
        let tree = Tree::new(&[
            ("projects/-w/b.jsonl", ""),
            ("projects/-w/a/subagents/agent-1.jsonl", ""),
            ("projects/-w/a/subagents/agent-1.meta.json", "{}"),
            ("projects/-w/a/subagents/agent-acompact-2.jsonl", ""),
            ("projects/-w/a/subagents/workflows/wf_1/agent-3.jsonl", ""),
            ("projects/-w/a/subagents/workflows/wf_1/journal.jsonl", ""),
            ("projects/-w/a/tool-results/x.txt", ""),
            ("projects/-x/a.jsonl", ""),
            ("projects/-w/agent-4.jsonl", "{\"sessionId\":\"b\"}\n"),
            ("projects/-w/sessions-index.json", "{}"),
            ("history.jsonl", ""),
        ]);
        let found = tree.discover();
        assert_eq!(
            names(&found),
            [
                (LogKind::Main, "a", "a.jsonl"),
                (LogKind::Subagent, "a", "agent-1.jsonl"),
                (LogKind::Subagent, "a", "agent-3.jsonl"),
                (LogKind::Main, "b", "b.jsonl"),
                (LogKind::Subagent, "b", "agent-4.jsonl"),
            ]
        );
        assert_eq!(found.ignored, BTreeMap::from([("helper", 1), ("no_session", 1)]));
        assert!(found.subagents().has("a", "3") && !found.subagents().has("a", "4"));
    }

    #[test]
    fn codex_files_once_each() {
        let name = "rollout-2026-02-23T13-19-38-019c";
        let tree = Tree::new(&[
            (&format!("sessions/2026/02/23/{name}.jsonl.zst"), ""),
            (&format!("sessions/2026/02/23/{name}.jsonl"), ""),
            (&format!("archived_sessions/{name}.jsonl"), ""),
            ("archived_sessions/rollout-2026-02-24T13-19-38-019d.jsonl.zst", ""),
            ("sessions/notes.jsonl", ""),
        ]);
        let found = tree.discover();
        assert_eq!(
            names(&found),
            [
                (LogKind::Main, "019c", "rollout-2026-02-23T13-19-38-019c.jsonl"),
                (LogKind::Main, "019d", "rollout-2026-02-24T13-19-38-019d.jsonl.zst"),
            ]
        );
        assert_eq!(found.files[0].key(), format!("codex:{name}"));
        assert!(found.files[1].is_compressed());
    }

    #[test]
    #[cfg(unix)]
    fn loops_end() {
        let tree = Tree::new(&[("projects/-w/a.jsonl", "")]);
        let top = tree.0.path().join("projects");
        std::os::unix::fs::symlink(&top, top.join("-w/loop")).unwrap();
        std::os::unix::fs::symlink("self", top.join("self")).unwrap();
        assert_eq!(tree.discover().files.len(), 1);
    }

    #[test]
    fn roots() {
        let home = Path::new("/h");
        let claude = |dir| claude_roots(dir, home);
        assert_eq!(claude(None), [home.join(".claude"), home.join(".config/claude")]);
        assert_eq!(claude(Some(" ")), claude(None));
        assert_eq!(claude(Some("/a, ~/b,/a")), [PathBuf::from("/a"), home.join("b")]);
        assert_eq!(codex_root(None, home), home.join(".codex"));
        assert_eq!(codex_root(Some("/c"), home), Path::new("/c"));
    }

    #[test]
    fn deletion() {
        let tree = Tree::new(&[("projects/-w/a.jsonl", "{}\n")]);
        let root = tree.0.path();
        assert_eq!(cleanup_days(root), Cleanup::After(30));
        fs::write(root.join("settings.json"), r#"{"cleanupPeriodDays": 0}"#).unwrap();
        assert_eq!(cleanup_days(root), Cleanup::NoLogs);
        fs::write(root.join("settings.json"), r#"{"cleanupPeriodDays": 99}"#).unwrap();
        assert_eq!(cleanup_days(root), Cleanup::After(99));

        let found = tree.discover();
        let mtime = found.files[0].mtime;
        let risk = |days: i64, is_taken: bool| {
            let now = mtime.plus(days * DAY);
            at_risk(&found.files, |_| is_taken, |_| Cleanup::After(30), now)
        };
        assert_eq!(risk(22, false), AtRisk::default());
        assert_eq!(risk(24, false).first, Some(mtime.plus(30 * DAY)));
        assert_eq!((risk(24, false).files, risk(40, false).files, risk(24, true).files), (1, 1, 0));
        let off = at_risk(&found.files, |_| false, |_| Cleanup::NoLogs, mtime.plus(40 * DAY));
        assert_eq!(off.files, 0);
    }
}
