//! The spool: where events wait beside the database.
//!
//! A collector runs on every pane switch. It must be done at once, whoever holds the database, so
//! it only appends a line here; whatever reads the database drains the spool first.
//!
//! ```text
//! append            append            drain                         drain (crashed earlier)
//!   │ lock            │ lock …          │ lock                        ⋮
//!   │ same file?      │                 │ same file?               spool.…1.draining ─┐
//!   │ write line      │                 │ rename ──▶ spool.…2.draining ───────────────┤
//!   │ unlock          │                 │ unlock                                      ▼
//!   ▼                 ▼                 ▼                       read → commit → delete
//! ```
//!
//! The lock lies on the file itself and is held for one write or one rename. Who got it asks
//! whether the path still names this file; if a drain renamed it meanwhile, the writer opens anew.
//!
//! INVARIANT (frozen): nobody writes to a `.draining` file: writers check the path under the lock.
//!
//! INVARIANT (unique): no `.draining` name is used twice, so what a drain deletes is what it read,
//! even if others drain at the same time.
//!
//! INVARIANT (no loss): an event is on disk, under one name or the other, from the return of
//! [`append`] until a drain that read it has committed and calls [`Drain::finish`]. Events have
//! ids, so reading one twice is harmless.
//!
//! A record is one write of a whole line. If a crash tore the last line nevertheless, the next
//! writer begins with a line end: one record is lost, not two. Writes are not forced to the disk;
//! they outlive the process, not a power failure, which on a pane switch is the better bargain.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::event::{BadRecord, Event, kind};
use crate::time::Millis;

/// A focus on the same pane within this time of the last is the same focus: one switch raises up
/// to four tmux hooks.
pub const DEBOUNCE: Millis = 500;

/// How much of the spool's end is searched for the last focus.
const TAIL: u64 = 8 * 1024;
const DRAINING: &str = ".draining";

/// Why the spool could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} '{}': {source}", path.display())]
pub struct SpoolError {
    /// What was tried.
    pub doing: Doing,
    /// With which file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// What was tried when the spool could not be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doing {
    /// Making the folder of the database.
    MakeFolder,
    /// Opening the spool.
    Open,
    /// Waiting for its lock.
    Lock,
    /// Reading it.
    Read,
    /// Appending an event.
    Write,
    /// Setting it aside for reading.
    Rename,
    /// Deleting what is in the database now.
    Delete,
}

impl std::fmt::Display for Doing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::MakeFolder => "make the folder",
            Self::Open => "open the spool",
            Self::Lock => "lock the spool",
            Self::Read => "read the spool",
            Self::Write => "write to the spool",
            Self::Rename => "rename the spool",
            Self::Delete => "delete the drained spool",
        })
    }
}

impl Doing {
    fn failed(self, path: &Path) -> impl FnOnce(io::Error) -> SpoolError {
        move |source| SpoolError { doing: self, path: path.to_owned(), source }
    }
}

/// The spool of the database at `database`: `tt.db` waits in `tt.db.spool`.
#[must_use]
pub fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".spool");
    path.into()
}

/// What became of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Appended {
    /// It is in the spool.
    Written,
    /// It was the same focus as the last one, and is dropped.
    Debounced,
}

/// Appends `event` to the spool at `path`, which is made if need be (0600, its folder 0700).
///
/// Safe with any number of threads and processes at once. Waits for them, but never for a drain's
/// reading or for the database.
///
/// # Errors
/// Where the file cannot be made, locked or written (a full disk leaves it as it was).
pub fn append(path: &Path, event: &Event) -> Result<Appended, SpoolError> {
    let mut spool = Locked::for_writing(path)?;
    let tail = spool.tail()?;
    if event.kind == kind::PANE_FOCUS
        && last_focus(&tail).is_some_and(|last| is_same_focus(&last, event))
    {
        return Ok(Appended::Debounced);
    }
    let torn = tail.last().is_some_and(|&byte| byte != b'\n');
    let line = format!("{}{}\n", if torn { "\n" } else { "" }, event.to_json());
    spool.write(line.as_bytes())?;
    Ok(Appended::Written)
}

/// The last focus in the end of a spool.
fn last_focus(tail: &[u8]) -> Option<Event> {
    tail.rsplit(|&byte| byte == b'\n')
        .filter_map(|line| std::str::from_utf8(line).ok())
        .filter_map(|line| Event::from_json(line).ok())
        .find(|event| event.kind == kind::PANE_FOCUS)
}

/// Whether `new` repeats `last`. A clock that was set back says nothing about time passed.
fn is_same_focus(last: &Event, new: &Event) -> bool {
    let passed = new.at.millis() - last.at.millis();
    (0..DEBOUNCE).contains(&passed)
        && ["pane_id", "session_name"].iter().all(|key| last.text(key) == new.text(key))
        && last.place.cwd == new.place.cwd
}

/// The file that the spool's path names, locked until this is dropped.
struct Locked<'a> {
    file: File,
    path: &'a Path,
    /// Its length in bytes; nobody else changes it.
    len: u64,
}

impl<'a> Locked<'a> {
    fn for_writing(path: &'a Path) -> Result<Self, SpoolError> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        loop {
            let file = match options.open(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    make_folder(path)?;
                    options.open(path)
                }
                opened => opened,
            };
            let file = file.map_err(Doing::Open.failed(path))?;
            if let Some(locked) = Self::lock(file, path)? {
                return Ok(locked);
            }
        }
    }

    /// `None` where there is no spool.
    fn for_renaming(path: &'a Path) -> Result<Option<Self>, SpoolError> {
        loop {
            let file = match File::open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(Doing::Open.failed(path)(error)),
            };
            if let Some(locked) = Self::lock(file, path)? {
                return Ok(Some(locked));
            }
        }
    }

    /// Waits for the lock; `None` where the path meanwhile names another file, or none.
    fn lock(file: File, path: &'a Path) -> Result<Option<Self>, SpoolError> {
        while let Err(error) = file.lock() {
            if error.kind() != ErrorKind::Interrupted {
                return Err(Doing::Lock.failed(path)(error));
            }
        }
        let own = file.metadata().map_err(Doing::Read.failed(path))?;
        match fs::metadata(path) {
            Ok(named) if (named.dev(), named.ino()) == (own.dev(), own.ino()) => {
                Ok(Some(Self { file, path, len: own.len() }))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Doing::Read.failed(path)(error)),
        }
    }

    fn tail(&self) -> Result<Vec<u8>, SpoolError> {
        let length = self.len.min(TAIL);
        let mut tail = vec![0; usize::try_from(length).unwrap_or(0)];
        self.file
            .read_exact_at(&mut tail, self.len - length)
            .map_err(Doing::Read.failed(self.path))?;
        Ok(tail)
    }

    fn write(&mut self, line: &[u8]) -> Result<(), SpoolError> {
        self.file.write_all(line).map_err(|error| {
            // Half a record on a full disk would be a bad line for ever. If this fails as well,
            // the next writer's line end keeps the damage to this record.
            let _ = self.file.set_len(self.len);
            Doing::Write.failed(self.path)(error)
        })
    }
}

fn make_folder(path: &Path) -> Result<(), SpoolError> {
    let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) else {
        return Ok(());
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(Doing::MakeFolder.failed(folder))
}

/// Files set aside for reading, until what they hold is in the database.
#[must_use = "what is read stays in the spool until `finish`"]
#[derive(Debug)]
pub struct Drain {
    files: Vec<PathBuf>,
}

impl Drain {
    /// Sets the spool at `path` aside, and takes up what earlier drains left unfinished.
    ///
    /// # Errors
    /// Where the spool cannot be locked or renamed, or its folder not be read. Nothing is lost: what
    /// was set aside already is taken up next time.
    pub fn begin(path: &Path) -> Result<Self, SpoolError> {
        if let Some(spool) = Locked::for_renaming(path)?
            && spool.len > 0
        {
            fs::rename(path, draining_name(path)).map_err(Doing::Rename.failed(path))?;
        }
        Ok(Self { files: draining_files(path)? })
    }

    /// The files to be read, the oldest first (as long as the clock was not set back).
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What they hold, in order, read as it is asked for. A file that is gone was finished by
    /// another drain, which has committed it.
    pub fn records(&self) -> impl Iterator<Item = Result<Record, SpoolError>> {
        self.files.iter().flat_map(|path| match Lines::open(path) {
            Ok(lines) => lines,
            Err(error) => Lines::failed(path, error),
        })
    }

    /// Deletes the files. To be called once everything they hold is committed, and only then.
    ///
    /// # Errors
    /// Where a file cannot be deleted; it is read again next time, which is harmless.
    pub fn finish(self) -> Result<(), SpoolError> {
        for path in &self.files {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Doing::Delete.failed(path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A name that was never used and never will be: names sort by time, and chance tells those of
/// one moment apart.
fn draining_name(path: &Path) -> PathBuf {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let chance = RandomState::new().build_hasher().finish();
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{nanos:020}-{chance:016x}{DRAINING}"));
    name.into()
}

fn draining_files(path: &Path) -> Result<Vec<PathBuf>, SpoolError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Doing::Read.failed(folder)(error)),
    };
    let mut prefix = path.file_name().unwrap_or_default().as_encoded_bytes().to_vec();
    prefix.push(b'.');
    let mut files = Vec::new();
    for entry in entries {
        let name = entry.map_err(Doing::Read.failed(folder))?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(&prefix) && bytes.ends_with(DRAINING.as_bytes()) {
            files.push(folder.join(name));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// What waits to be drained.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Waiting {
    /// Bytes in all files.
    pub bytes: u64,
    /// Files that a drain set aside and did not finish; one may be at work just now.
    pub unfinished: usize,
}

/// How much waits at `path`, without touching it.
///
/// # Errors
/// Where the folder cannot be read.
pub fn waiting(path: &Path) -> Result<Waiting, SpoolError> {
    let unfinished = draining_files(path)?;
    let bytes = unfinished
        .iter()
        .map(PathBuf::as_path)
        .chain([path])
        // A file that vanishes meanwhile no longer waits.
        .filter_map(|file| fs::metadata(file).ok())
        .map(|meta| meta.len())
        .sum();
    Ok(Waiting { bytes, unfinished: unfinished.len() })
}

/// A line of the spool that is no event: torn by a crash, or written by something else.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}, line {line}: {why}", file.display())]
pub struct BadLine {
    /// The file it stands in.
    pub file: PathBuf,
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: BadRecord,
}

/// A line of the spool.
pub type Record = Result<Event, BadLine>;

/// The records of one file.
struct Lines {
    path: PathBuf,
    reader: Option<BufReader<File>>,
    error: Option<io::Error>,
    number: usize,
}

impl Lines {
    fn open(path: &Path) -> io::Result<Self> {
        let reader = match File::open(path) {
            Ok(file) => Some(BufReader::new(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path: path.to_owned(), reader, error: None, number: 0 })
    }

    fn failed(path: &Path, error: io::Error) -> Self {
        Self { path: path.to_owned(), reader: None, error: Some(error), number: 0 }
    }

    /// The next line that is not blank.
    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let Some(reader) = &mut self.reader else {
            return Ok(None);
        };
        loop {
            let mut line = Vec::new();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    fn record(&self, line: &[u8]) -> Record {
        let event = match std::str::from_utf8(line) {
            Ok(text) => Event::from_json(text.trim()),
            Err(error) => Err(BadRecord::Json(error.to_string())),
        };
        event.map_err(|why| BadLine { file: self.path.clone(), line: self.number, why })
    }
}

impl Iterator for Lines {
    type Item = Result<Record, SpoolError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_line() {
            Ok(line) => line.map(|line| Ok(self.record(&line))),
            Err(error) => {
                // Read on after an error, and it would come back for ever.
                self.reader = None;
                Some(Err(Doing::Read.failed(&self.path)(error)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Child, Command, Stdio};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use serde_json::{Map, Value, json};

    use super::*;
    use crate::event::{Place, source};
    use crate::time::Timestamp;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => panic!("not an object"),
        }
    }

    fn event(kind: &str, at: i64, data: Value) -> Event {
        let at = Timestamp::from_millis(at);
        Event::new(kind, source::TMUX, at, Place::default(), None, object(data))
    }

    fn focus(pane: &str, cwd: &str, at: i64) -> Event {
        let data = json!({"pane_id": pane, "session_name": "main", "cwd": cwd});
        event(kind::PANE_FOCUS, at, data)
    }

    fn note(text: &str) -> Event {
        event(kind::NOTE, 0, json!({"text": text}))
    }

    /// A spool in a folder of its own, which goes when this is dropped.
    fn spool() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data").join("tt.db.spool");
        (folder, path)
    }

    /// Everything in the spool, events by their ids; the second is the number of bad lines.
    fn drain(path: &Path) -> (Vec<String>, usize) {
        let drain = Drain::begin(path).unwrap();
        let (mut ids, mut bad) = (Vec::new(), 0);
        for record in drain.records() {
            match record.unwrap() {
                Ok(event) => ids.push(event.id.to_string()),
                Err(_) => bad += 1,
            }
        }
        drain.finish().unwrap();
        (ids, bad)
    }

    fn id(event: &Event) -> String {
        event.id.to_string()
    }

    #[test]
    fn what_is_appended_is_drained_once() {
        let (_folder, path) = spool();
        assert_eq!(drain(&path), (vec![], 0));
        let (one, two) = (note("one"), note("zwei\nü"));
        append(&path, &one).unwrap();
        append(&path, &two).unwrap();
        assert!(waiting(&path).unwrap().bytes > 0);
        assert_eq!(drain(&path), (vec![id(&one), id(&two)], 0));
        assert_eq!(drain(&path), (vec![], 0));
        assert_eq!(waiting(&path).unwrap(), Waiting::default());
    }

    #[test]
    fn only_the_owner_may_read() {
        let (_folder, path) = spool();
        append(&path, &note("x")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }

    #[test]
    fn a_crashed_drain_is_taken_up() {
        let (_folder, path) = spool();
        let (one, two) = (note("one"), note("two"));
        append(&path, &one).unwrap();
        drop(Drain::begin(&path).unwrap());
        append(&path, &two).unwrap();
        assert_eq!(waiting(&path).unwrap().unfinished, 1);
        assert_eq!(drain(&path), (vec![id(&one), id(&two)], 0));
    }

    #[test]
    fn two_drains_share_and_neither_loses() {
        let (_folder, path) = spool();
        append(&path, &note("one")).unwrap();
        let first = Drain::begin(&path).unwrap();
        let second = Drain::begin(&path).unwrap();
        assert_eq!(first.files(), second.files());
        first.finish().unwrap();
        assert_eq!(second.records().count(), 0);
        // Written after the second had begun: not its to delete.
        let late = note("late");
        append(&path, &late).unwrap();
        let third = Drain::begin(&path).unwrap();
        second.finish().unwrap();
        assert_eq!(third.records().count(), 1);
    }

    #[test]
    fn a_torn_line_costs_one_record() {
        let (_folder, path) = spool();
        append(&path, &note("one")).unwrap();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], b"{\"id\":\"torn", b"\xc3"].concat()).unwrap();
        append(&path, &note("two")).unwrap();
        assert_eq!(drain(&path), (vec![id(&note("one")), id(&note("two"))], 1));
    }

    #[test]
    fn the_same_focus_counts_once() {
        let (_folder, path) = spool();
        let add = |event: Event| append(&path, &event).unwrap();
        use Appended::{Debounced, Written};
        assert_eq!(add(focus("%1", "/a", 1_000)), Written);
        assert_eq!(add(focus("%1", "/a", 1_000)), Debounced);
        assert_eq!(add(focus("%1", "/a", 1_499)), Debounced);
        assert_eq!(add(focus("%1", "/a", 1_500)), Written);
        assert_eq!(add(focus("%1", "/b", 1_510)), Written, "another directory");
        assert_eq!(add(focus("%2", "/b", 1_520)), Written, "another pane");
        assert_eq!(add(focus("%1", "/b", 1_530)), Written, "there and back");
        assert_eq!(add(focus("%1", "/b", 900)), Written, "the clock was set back");
        assert_eq!(add(event(kind::SCROLL, 910, json!({"pane_id": "%1"}))), Written);
        assert_eq!(add(focus("%1", "/b", 950)), Debounced, "beyond a scroll");
        drain(&path);
        assert_eq!(add(focus("%1", "/b", 960)), Written, "after a drain");
    }

    #[test]
    fn debouncing_outlives_long_and_bad_lines() {
        let (_folder, path) = spool();
        append(&path, &focus("%1", "/a", 1_000)).unwrap();
        append(&path, &note(&"ü".repeat(5_000))).unwrap();
        // The last focus lies beyond what is searched.
        assert_eq!(append(&path, &focus("%1", "/a", 1_100)).unwrap(), Appended::Written);
        assert_eq!(drain(&path).0.len(), 3);
    }

    #[test]
    fn errors_name_the_file() {
        let (folder, path) = spool();
        fs::write(folder.path().join("data"), "in the way").unwrap();
        let error = append(&path, &note("x")).unwrap_err();
        assert_eq!(error.doing, Doing::Open);
        assert!(error.to_string().starts_with("cannot open the spool '"), "{error}");
        assert!(error.to_string().contains("tt.db.spool"), "{error}");
        assert_eq!(error.path, path);
    }

    #[test]
    fn a_full_disk_is_an_error() {
        // Present on Linux only; every write to it fails as on a full disk.
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let error = append(full, &note("x")).unwrap_err();
        assert_eq!(error.doing, Doing::Write);
    }

    #[test]
    fn fifty_threads_and_drains_lose_nothing() {
        let (_folder, path) = spool();
        let done = AtomicBool::new(false);
        let mut found = HashSet::new();
        thread::scope(|scope| {
            let drains: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let mut ids = HashSet::new();
                        while !done.load(Ordering::Acquire) {
                            let (new, bad) = drain(&path);
                            assert_eq!(bad, 0);
                            ids.extend(new);
                        }
                        ids
                    })
                })
                .collect();
            let writers: Vec<_> = (0..50)
                .map(|n| {
                    let path = &path;
                    scope.spawn(move || {
                        for m in 0..40 {
                            append(path, &note(&format!("{n} {m}"))).unwrap();
                        }
                    })
                })
                .collect();
            for writer in writers {
                writer.join().unwrap();
            }
            done.store(true, Ordering::Release);
            for it in drains {
                found.extend(it.join().unwrap());
            }
        });
        found.extend(drain(&path).0);
        let want: HashSet<_> =
            (0..50).flat_map(|n| (0..40).map(move |m| id(&note(&format!("{n} {m}"))))).collect();
        assert_eq!(found, want);
    }

    const CHILD: &str = "TT_TEST_SPOOL";

    /// Not a test: what the processes of the next one run. Says an id once the event is in.
    #[test]
    fn child_process() {
        let Ok(path) = std::env::var(CHILD) else {
            return;
        };
        for n in 0.. {
            let note = note(&format!("{} {n}", std::process::id()));
            append(Path::new(&path), &note).unwrap();
            println!("\nwrote {}", note.id);
        }
    }

    fn spawn_child(path: &Path) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "collect::spool::tests::child_process", "--nocapture"])
            .env(CHILD, path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    #[test]
    fn processes_killed_at_any_moment_lose_nothing() {
        let (_folder, path) = spool();
        let mut children: Vec<_> = (0..8).map(|_| spawn_child(&path)).collect();
        let readers: Vec<_> = children
            .iter_mut()
            .map(|child| {
                let out = BufReader::new(child.stdout.take().unwrap());
                thread::spawn(move || {
                    out.lines()
                        .map_while(Result::ok)
                        .filter_map(|line| line.strip_prefix("wrote ").map(str::to_owned))
                        // The kill may cut the last one short.
                        .filter(|id| id.len() == 32)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let mut found = HashSet::new();
        for child in &mut children {
            thread::sleep(std::time::Duration::from_millis(60));
            found.extend(drain(&path).0);
            child.kill().unwrap();
            child.wait().unwrap();
        }
        found.extend(drain(&path).0);
        let said: Vec<_> = readers.into_iter().flat_map(|it| it.join().unwrap()).collect();
        assert!(!said.is_empty());
        assert!(said.iter().all(|id| found.contains(id)));
    }
}
