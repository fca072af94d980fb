//! # What did the agents do, and when did the person write to them?
//!
//! Agents write down their sessions, one JSON record per line, and append while they work. This
//! collector turns these logs into events and reads every file only from where it stopped:
//!
//! ```text
//! discover ─→ LogFile, in a fixed order ─┐
//! FileState, as kept from last time ─────┼─→ read_file ─→ events · ReadReport · FileState to keep
//! Seen, the identities known so far ─────┘
//! ```
//!
//! The formats are nobody's promise. Only the fields that are needed are read, anything unknown is
//! normal, and one bad line costs one line. What each line means stands in `claude.rs` and
//! `codex.rs`; here is what both share.
//!
//! ## What always holds
//!
//! INVARIANT (pieces): reading a log in any pieces, as it grows, gives the same events as reading
//! it at once, as long as lines are not dated before a `now` that an earlier piece was read at.
//!
//! INVARIANT (accounting): every physical line that was read is counted once: it gave events, or
//! it was skipped for one reason, or it is bad. A line that is bad only in part is bad, though the
//! rest of it was used.
//!
//! INVARIANT (privacy): no word of a conversation is in an event, a state or a report. Titles are
//! the one exception, and only those that stand in the log as titles.
//!
//! INVARIANT (once): a line that stands in several files gives its events once, for the file that
//! was read first. Files of one run come in the order of their session ids; a copy that turns up
//! in a later run than its original stays with what was taken first, even where its id is smaller.
//!
//! ## When a session ends
//!
//! No log says so. We infer it: where the agent's work in a session's main file pauses for longer
//! than `agent_timeout`, the session ended with the last line of work before the pause. It may
//! start to work again, and end again. Work is what the agent says and what its tools return, not
//! what the person or the program adds. The pause at the end of a file counts once `now` lies
//! beyond it, so an unchanged file may still have its end to tell: see
//! [`FileState::needs_reading`]. A subagent that works on in its own file while the main file
//! pauses does not hold the end back; its next tool use reopens the session.

mod claude;
mod codex;
mod discover;
mod lines;
mod loose;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use discover::{
    AtRisk, Cleanup, Discovery, LogFile, LogKind, Subagents, at_risk, claude_roots, cleanup_days,
    codex_root, discover,
};

use super::git::PlaceCache;
use crate::event::{Event, kind, source};
use crate::time::{Millis, Timestamp};
use lines::{Lines, Physical};

/// So many bytes at the start of a file tell whether it is still the same one.
const HEAD: usize = 1024;

/// So many bad lines are told of one by one.
const BAD_LINES_TOLD: usize = 5;

/// A step back in time of more than this is one bad timestamp, not lines out of order.
const MAX_STEP_BACK: Millis = 60 * 60 * 1000;

/// Whose logs are read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Agent {
    /// Claude Code.
    ClaudeCode,
    /// Codex CLI and what shares its logs.
    Codex,
}

impl Agent {
    /// Its name in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
        }
    }
}

/// The identities of lines, tool uses and the like that were met in any file.
///
/// What it learns must be kept in the same transaction as the events.
pub trait Seen {
    /// Whether `key` is met for the first time; it is known from then on.
    fn first_time(&mut self, key: u64) -> bool;
}

/// Identities in memory, for one run.
impl Seen for std::collections::HashSet<u64> {
    fn first_time(&mut self, key: u64) -> bool {
        self.insert(key)
    }
}

/// The key under which [`Seen`] knows the Claude Code line with this `uuid`.
#[must_use]
pub fn line_key(uuid: &str) -> u64 {
    key_of(&["line", uuid])
}

fn key_of(parts: &[&str]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut key = [0; 8];
    hasher.finalize_xof().fill(&mut key);
    u64::from_le_bytes(key)
}

/// What reading needs besides the file.
pub struct Context<'c, 's> {
    /// The present.
    pub now: Timestamp,
    /// A pause of more than this ends a session.
    pub agent_timeout: Millis,
    /// Repositories by directory.
    pub places: &'c mut PlaceCache<'s>,
    /// Subagents with files of their own.
    pub subagents: &'c Subagents,
}

/// What is kept of a file from one reading to the next. A fresh one reads from the start.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FileState {
    /// Size when it was last read.
    pub size: u64,
    /// Time of its last change when it was last read.
    pub mtime: Option<Timestamp>,
    /// Bytes behind which reading goes on; of a compressed file, of its contents.
    pub offset: u64,
    /// Lines before `offset`.
    pub lines: u64,
    head: Option<Mark>,
    tail: Option<Mark>,
    session: Session,
    claude: claude::State,
    codex: codex::State,
}

/// Bytes that were there, by length and hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Mark {
    length: usize,
    hash: u64,
}

impl Mark {
    fn of(bytes: &[u8]) -> Self {
        let mut hash = [0; 8];
        blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut hash);
        Self { length: bytes.len(), hash: u64::from_le_bytes(hash) }
    }

    /// Whether `bytes` begin with those.
    fn begins(&self, bytes: &[u8]) -> bool {
        bytes.get(..self.length).is_some_and(|head| Self::of(head) == *self)
    }
}

/// What is known of the session a file tells of.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Session {
    /// Time of its first own line.
    start: Option<Timestamp>,
    /// Whether its start was told; it waits for a line that names the directory.
    started: bool,
    /// Whether lines were met that another file has too.
    copied: bool,
    cwd: Option<String>,
    branch: Option<String>,
    /// The last line of work.
    work: Option<Work>,
    /// The line of work with which the session was last told to have ended.
    ended: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Work {
    at: Timestamp,
    cwd: Option<String>,
    branch: Option<String>,
}

impl FileState {
    /// Whether everything in the file was taken, judged by size and time of change.
    #[must_use]
    pub fn holds(&self, file: &LogFile) -> bool {
        self.size == file.size && self.mtime == Some(file.mtime)
    }

    /// Whether reading the file now can give anything new. `agent_timeout` as in [`Context`].
    #[must_use]
    pub fn needs_reading(&self, file: &LogFile, now: Timestamp, agent_timeout: Millis) -> bool {
        let is_due = |since| is_quiet(since, file, now, agent_timeout);
        !self.holds(file) || self.untold().is_some_and(is_due)
    }

    /// Since when an unchanged file has something to tell once it is quiet: that its session ended,
    /// or that it started in no known directory.
    fn untold(&self) -> Option<Timestamp> {
        let start = self.session.start.filter(|_| !self.session.started);
        let work = self.session.work.as_ref().map(|work| work.at);
        let end = work.filter(|at| self.session.ended != Some(*at));
        [start, end].into_iter().flatten().min()
    }

    /// Forgets what depends on bytes that are gone. What was told of the session stays told.
    fn restart(&mut self) {
        *self = Self { session: std::mem::take(&mut self.session), ..Self::default() };
    }
}

/// A title found in a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Title {
    /// Which session it names.
    pub of: Titled,
    /// Which titles it wins against; of equal rank the later one wins.
    pub rank: TitleRank,
    /// The title.
    pub text: String,
}

/// The session that a title names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Titled {
    /// By its id.
    Session(String),
    /// The one that owns the line with this key (see [`line_key`]).
    SessionOfLine(u64),
}

/// How good a title is, from the worst up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum TitleRank {
    /// A summary of an old conversation.
    Summary,
    /// Made by the agent.
    Agent,
    /// Given by the person.
    Person,
}

/// A line that could not be read, or not whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadLine {
    /// Its number in the file, from 1.
    pub line: u64,
    /// Why; nothing of the line's text is in it.
    pub why: String,
}

/// What one reading of one file gave.
#[derive(Default, Debug)]
pub struct ReadReport {
    /// Physical lines read: `lines_with_events` + all of `skipped` + `bad_lines`.
    pub lines: u64,
    /// Lines that gave events.
    pub lines_with_events: u64,
    /// Lines that gave none, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Lines with damage.
    pub bad_lines: u64,
    /// The first few of them.
    pub first_bad: Vec<BadLine>,
    /// Events by type.
    pub events: BTreeMap<&'static str, u64>,
    /// Titles.
    pub titles: Vec<Title>,
    /// Why reading stopped before the end of the file, if it did. What was read counts.
    pub error: Option<io::Error>,
}

/// Reads what is new in `file` and hands its events to `sink`, not in order of time.
///
/// Cost: one pass over the new bytes; memory for one line, at most 64 MiB of it. The caller keeps
/// events, `state` and what `seen` learnt, or none of them.
pub fn read_file(
    file: &LogFile,
    state: &mut FileState,
    seen: &mut dyn Seen,
    context: &mut Context<'_, '_>,
    sink: &mut dyn FnMut(Event),
) -> ReadReport {
    let mut run = Run { file, seen, context, sink, report: ReadReport::default() };
    if !state.holds(file) {
        match run.read(state) {
            Ok(()) => {
                state.size = file.size;
                state.mtime = Some(file.mtime);
            }
            Err(error) => run.report.error = Some(error),
        }
    }
    run.settle(state);
    run.report
}

/// One reading of one file.
struct Run<'r, 'c, 's> {
    file: &'r LogFile,
    seen: &'r mut dyn Seen,
    context: &'r mut Context<'c, 's>,
    sink: &'r mut dyn FnMut(Event),
    report: ReadReport,
}

/// Where and for whom something happened, as a line says it.
#[derive(Clone, Copy)]
struct Scene<'a> {
    at: Timestamp,
    session: &'a str,
    cwd: Option<&'a str>,
    branch: Option<&'a str>,
}

impl Run<'_, '_, '_> {
    fn read(&mut self, state: &mut FileState) -> io::Result<()> {
        let reader = match open_at(self.file, state)? {
            Some(reader) => reader,
            None => {
                state.restart();
                open(self.file)?
            }
        };
        let mut lines = Lines::new(reader, lines::MAX_LINE);
        loop {
            let (physical, taken) = lines.next()?;
            match physical {
                Physical::Line(line) => {
                    if state.offset == 0 {
                        state.head = Some(Mark::of(line.get(..HEAD).unwrap_or(line)));
                    }
                    let done = state.tail.take().filter(|tail| tail.begins(line));
                    self.line(state, line, done);
                }
                Physical::TooLong => {
                    state.tail = None;
                    self.report.lines += 1;
                    self.skip("too_long");
                }
                Physical::Tail(tail) => {
                    self.tail(state, tail);
                    return Ok(());
                }
                Physical::End => return Ok(()),
            }
            state.offset += taken;
            state.lines += 1;
        }
    }

    /// Of a line that is not ended yet, the values that are there whole are used, but the offset
    /// stays before it.
    fn tail(&mut self, state: &mut FileState, tail: &[u8]) {
        let done = state.tail.filter(|done| done.begins(tail));
        let start = done.map_or(0, |it| it.length);
        let new = lines::whole_values(tail.get(start..).unwrap_or_default());
        if new > 0 {
            let used = tail.get(..start + new).unwrap_or(tail);
            self.line(state, used, done);
            state.tail = Some(Mark::of(used));
        }
    }

    /// Takes a line, of which `done` was taken already.
    fn line(&mut self, state: &mut FileState, line: &[u8], done: Option<Mark>) {
        let text = lines::text_of(line.get(done.map_or(0, |it| it.length)..).unwrap_or(line));
        let fixed = (text.contains(r"\ud") || text.contains(r"\uD"))
            .then(|| lines::without_lone_surrogates(&text));
        let text = fixed.flatten().map_or(text, Into::into);
        let before = self.told();
        let mut reason = None;
        let damage = match self.file.agent {
            Agent::ClaudeCode => lines::values(&text, |value, raw| {
                let why = claude::take(self, state, &value, raw);
                reason.get_or_insert(why);
            }),
            Agent::Codex => lines::values(&text, |value, _| {
                let why = codex::take(self, state, &value);
                reason.get_or_insert(why);
            }),
        };
        self.report.lines += 1;
        if let Some(damage) = damage {
            self.report.bad_lines += 1;
            if self.report.first_bad.len() < BAD_LINES_TOLD {
                let line = state.lines + 1;
                let why = damage.why();
                self.report.first_bad.push(BadLine { line, why });
            }
        } else if self.told() > before {
            self.report.lines_with_events += 1;
        } else {
            let nothing = if done.is_some() { "already_read" } else { "blank" };
            self.skip(reason.unwrap_or(nothing));
        }
    }

    fn skip(&mut self, reason: &'static str) {
        *self.report.skipped.entry(reason).or_default() += 1;
    }

    /// How many events were told so far.
    fn told(&self) -> u64 {
        self.report.events.values().sum()
    }

    /// Whether this identity is met for the first time.
    fn claim(&mut self, parts: &[&str]) -> bool {
        self.seen.first_time(key_of(parts))
    }

    fn tell<const N: usize>(
        &mut self,
        kind: &'static str,
        scene: Scene<'_>,
        data: [(&str, Value); N],
    ) {
        let place = self.context.places.past(scene.cwd, scene.branch);
        let mut map: Map<String, Value> =
            data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        map.insert("agent".to_owned(), self.file.agent.name().into());
        let session = Some(scene.session.to_owned());
        (self.sink)(Event::new(kind, source::AGENT, scene.at, place, session, map));
        *self.report.events.entry(kind).or_default() += 1;
    }

    /// The person wrote `length` characters.
    fn tell_message(&mut self, scene: Scene<'_>, length: usize) {
        self.tell(kind::USER_MESSAGE, scene, [("length", length.into())]);
    }

    /// The person showed without writing that they were there. Several lines may say so of one
    /// instant.
    fn tell_act(&mut self, scene: Scene<'_>) {
        if self.claim(&["act", scene.session, &scene.at.to_string()]) {
            self.tell_message(scene, 0);
        }
    }

    /// The call's id is part of the event: parallel uses of one tool share all else, also the
    /// millisecond.
    fn tell_tool(&mut self, scene: Scene<'_>, tool: &str, file: Option<&str>, call: Option<&str>) {
        let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
        let file = file.map(crate::event::nfc);
        self.tell(
            kind::TOOL_USE,
            scene,
            [("tool", tool.into()), ("file", text(file.as_deref())), ("call", text(call))],
        );
    }

    fn tell_start(&mut self, session: &mut Session, id: &str) {
        let (Some(at), false) = (session.start, session.started) else {
            return;
        };
        session.started = true;
        if self.claim(&["started", self.file.agent.name(), id]) {
            let scene = Scene {
                at,
                session: id,
                cwd: session.cwd.as_deref(),
                branch: session.branch.as_deref(),
            };
            self.tell(kind::AGENT_SESSION, scene, [("action", "started".into())]);
        }
    }

    /// The agent was at work at `at`.
    fn worked(&mut self, session: &mut Session, scene: Scene<'_>) {
        if let Some(last) = &session.work {
            let is_back = scene.at < last.at && scene.at >= last.at.plus(-MAX_STEP_BACK);
            if self.is_pause(last.at, scene.at) {
                self.tell_end(session, scene.session);
            } else if is_back {
                return;
            }
        }
        session.work = Some(Work {
            at: scene.at,
            cwd: scene.cwd.map(str::to_owned),
            branch: scene.branch.map(str::to_owned),
        });
    }

    fn tell_end(&mut self, session: &mut Session, id: &str) {
        let Some(work) = session.work.clone() else {
            return;
        };
        if session.ended.replace(work.at) == Some(work.at) {
            return;
        }
        let at = work.at.to_string();
        if self.claim(&["ended", self.file.agent.name(), id, &at]) {
            let scene = Scene {
                at: work.at,
                session: id,
                cwd: work.cwd.as_deref(),
                branch: work.branch.as_deref(),
            };
            self.tell(kind::AGENT_SESSION, scene, [("action", "ended".into())]);
        }
    }

    /// Tells what is due although no line says it.
    fn settle(&mut self, state: &mut FileState) {
        let (file, now, timeout) = (self.file, self.context.now, self.context.agent_timeout);
        if state.session.start.is_some_and(|start| is_quiet(start, file, now, timeout)) {
            self.tell_late_start(state, now);
        }
        if let Some(work) = &state.session.work
            && is_quiet(work.at, file, now, timeout)
        {
            let id = codex::session_of(&state.codex, self.file).to_owned();
            self.tell_end(&mut state.session, &id);
        }
    }

    /// Tells a start that waited for its directory for too long, without it.
    fn tell_late_start(&mut self, state: &mut FileState, at: Timestamp) {
        if let (Some(start), false) = (state.session.start, state.session.started)
            && self.is_pause(start, at)
        {
            let id = codex::session_of(&state.codex, self.file).to_owned();
            self.tell_start(&mut state.session, &id);
            claude::tell_held(self, state);
        }
    }

    fn is_pause(&self, from: Timestamp, to: Timestamp) -> bool {
        to.millis().saturating_sub(from.millis()) > self.context.agent_timeout
    }

    fn title(&mut self, of: Titled, rank: TitleRank, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let titles = &mut self.report.titles;
        titles.retain(|it| it.of != of || it.rank != rank);
        titles.push(Title { of, rank, text: text.to_owned() });
    }
}

/// Whether nothing happened, and nothing was written to `file`, for `timeout` after `since`. A time
/// of writing that lies ahead of `now` says that a clock is wrong, and nothing about the file.
fn is_quiet(since: Timestamp, file: &LogFile, now: Timestamp, timeout: Millis) -> bool {
    let last = if file.mtime <= now { since.max(file.mtime) } else { since };
    now.millis().saturating_sub(last.millis()) > timeout
}

type Reader = Box<dyn BufRead>;

fn open(file: &LogFile) -> io::Result<Reader> {
    let reader = File::open(&file.path)?;
    Ok(if file.is_compressed() {
        Box::new(BufReader::new(zstd::Decoder::new(reader)?))
    } else {
        Box::new(BufReader::with_capacity(1 << 16, reader))
    })
}

/// The file behind what was read of it; `None` if it is no longer the same file.
fn open_at(file: &LogFile, state: &FileState) -> io::Result<Option<Reader>> {
    if state.offset == 0 {
        return open(file).map(Some);
    }
    let mut reader = open(file)?;
    let mut head = vec![0; state.head.map_or(0, |head| head.length)];
    if let Err(error) = reader.read_exact(&mut head) {
        return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
    }
    if state.head.is_some_and(|mark| !mark.begins(&head)) {
        return Ok(None);
    }
    if file.is_compressed() {
        let rest = state.offset.saturating_sub(head.len() as u64);
        let passed = io::copy(&mut reader.by_ref().take(rest), &mut io::sink())?;
        return Ok((passed == rest).then_some(reader));
    }
    let mut plain = File::open(&file.path)?;
    if plain.metadata()?.len() < state.offset {
        return Ok(None);
    }
    plain.seek(SeekFrom::Start(state.offset))?;
    Ok(Some(Box::new(BufReader::with_capacity(1 << 16, plain))))
}
