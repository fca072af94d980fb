//! Events: immutable observations, and how they are read and written as JSON lines.
//!
//! One shape inside, many outside. Collectors and other tools put a payload's keys inside `data`
//! or beside it, under several names and with any precision of time; [`Event::from_json`] brings
//! all of them into one canonical form, and [`Event::to_json`] writes that form.
//!
//! INVARIANT (identity): equal observations have equal ids, however they were spelt. The id of an
//! event that brings none is computed from its canonical form alone (see [`EventId::compute`]).
//!
//! INVARIANT (round trip): `from_json(to_json(e)) == e` for every event.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::time::{Millis, Timestamp};

/// The event types that `tt` gives a meaning to; any other is kept and not allocated.
pub mod kind {
    /// A tmux pane got the person's focus.
    pub const PANE_FOCUS: &str = "tmux_pane_focus";
    /// The person scrolled in a tmux pane.
    pub const SCROLL: &str = "tmux_scroll";
    /// A tmux session was created or closed.
    pub const TMUX_SESSION: &str = "tmux_session";
    /// An agent session started or ended.
    pub const AGENT_SESSION: &str = "agent_session";
    /// An agent used a tool.
    pub const TOOL_USE: &str = "agent_tool_use";
    /// The person wrote to an agent.
    pub const USER_MESSAGE: &str = "user_message";
    /// An application window got the focus.
    pub const WINDOW_FOCUS: &str = "window_focus";
    /// The person went away or came back.
    pub const AFK: &str = "afk_change";
    /// A browser tab was looked at.
    pub const BROWSER_TAB: &str = "browser_tab";
    /// A commit was made.
    pub const GIT_COMMIT: &str = "git_commit";
    /// A remark typed by the person.
    pub const NOTE: &str = "manual_note";
    /// A block of time typed by the person.
    pub const TIME_BLOCK: &str = "manual_time_block";
}

/// Where events come from.
pub mod source {
    /// The tmux hooks.
    pub const TMUX: &str = "remote.tmux";
    /// Agents' session logs.
    pub const AGENT: &str = "remote.agent";
    /// A window watcher.
    pub const WINDOW: &str = "local.window";
    /// An away-from-keyboard watcher.
    pub const AFK: &str = "local.afk";
    /// A browser watcher.
    pub const BROWSER: &str = "local.browser";
    /// The git hook.
    pub const GIT: &str = "git";
    /// The person, on the command line.
    pub const MANUAL: &str = "manual";

    /// The source that a type comes from where a record does not say.
    #[must_use]
    pub fn of_kind(kind: &str) -> &'static str {
        match kind {
            super::kind::PANE_FOCUS | super::kind::SCROLL | super::kind::TMUX_SESSION => TMUX,
            super::kind::AGENT_SESSION | super::kind::TOOL_USE | super::kind::USER_MESSAGE => AGENT,
            super::kind::WINDOW_FOCUS => WINDOW,
            super::kind::AFK => AFK,
            super::kind::BROWSER_TAB => BROWSER,
            super::kind::GIT_COMMIT => GIT,
            _ => MANUAL,
        }
    }
}

/// The identity of an event.
///
/// Ids that `tt` computes are 16 bytes, shown as 32 hexadecimal digits: six bytes of time, so that
/// an index over them grows at its end, and ten bytes of hash. A record may bring any other text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EventId {
    /// Computed here, or brought along in the same form.
    Hash([u8; 16]),
    /// Brought along by the record.
    Brought(String),
}

impl EventId {
    /// The id of an observation: milliseconds since 1970 (48 bits, two's complement, the sign
    /// flipped so that bytes sort as time does) and 80 bits of BLAKE3 over source, type, instant
    /// and the canonical payload, in parts. Place and branch are circumstances and not part of it.
    #[must_use]
    pub fn compute(source: &str, kind: &str, at: Timestamp, payload: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [source, kind].iter().chain(payload) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update(&at.nanos().to_le_bytes());
        let hash = hasher.finalize();
        let mut id = [0; 16];
        let time = (at.millis() ^ (1 << 47)).to_be_bytes();
        id[..6].copy_from_slice(&time[2..]);
        id[6..].copy_from_slice(&hash.as_bytes()[..10]);
        Self::Hash(id)
    }

    /// The id written as `text`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let digit = |c: u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            _ => None,
        };
        let hash = || {
            let bytes: &[u8; 32] = text.as_bytes().try_into().ok()?;
            let mut id = [0; 16];
            for (byte, pair) in id.iter_mut().zip(bytes.chunks_exact(2)) {
                *byte = digit(pair[0])? << 4 | digit(pair[1])?;
            }
            Some(Self::Hash(id))
        };
        hash().unwrap_or_else(|| Self::Brought(text.to_owned()))
    }
}

impl EventId {
    /// The millisecond since 1970 that a computed id begins with.
    #[must_use]
    pub fn millis(&self) -> Option<Millis> {
        let Self::Hash(id) = self else { return None };
        let time = id.iter().take(6).fold(0, |time, byte| time << 8 | Millis::from(*byte));
        // The sign was flipped; back, and extended to all 64 bits.
        Some((time ^ (1 << 47)) << 16 >> 16)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::Brought(text) => f.write_str(text),
        }
    }
}

/// Where an event happened: everything that many events share word for word.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Place {
    /// Working directory.
    pub cwd: Option<String>,
    /// `owner/name` of the remote, else the name of the main checkout's directory.
    pub repo: Option<String>,
    /// The main checkout's directory, the same for all its linked worktrees.
    pub repo_root: Option<String>,
    /// Name of the linked worktree, if it is one.
    pub worktree: Option<String>,
    /// Branch that was checked out.
    pub git_branch: Option<String>,
    /// The machine it happened on, by its name.
    pub machine_id: Option<String>,
}

/// An immutable observation.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its identity.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened: one of [`kind`], or a type that `tt` does not know.
    pub kind: String,
    /// Who saw it: one of [`source`], or another.
    pub source: String,
    /// Version of the payload's schema, 1 unless said.
    pub schema_version: u32,
    /// Where.
    pub place: Place,
    /// Agent session it belongs to.
    pub session_id: Option<String>,
    /// What belongs to the type, without the keys that stand in the other fields already
    /// (such as `cwd` of a focus).
    pub data: Map<String, Value>,
}

/// An event as it was read from a line.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// The event.
    pub event: Event,
    /// Its `data` as JSON.
    pub data: String,
    /// Whether the line brought an id, hence a `tt` took the event before.
    pub taken: bool,
}

impl Record {
    /// Reads one JSON line.
    ///
    /// # Errors
    /// As [`Event::from_json`].
    pub fn read(line: &str) -> Result<Self, BadRecord> {
        match serde_json::from_str::<Line>(line) {
            Ok(line) => Event::from_line(line),
            Err(error) if error.is_data() => Err(BadRecord::NotAnObject),
            Err(error) => Err(BadRecord::Json(error.to_string())),
        }
    }
}

/// The keys of the envelope.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Id,
    Timestamp,
    Type,
    Source,
    SchemaVersion,
    Cwd,
    Repo,
    RepoRoot,
    Worktree,
    GitBranch,
    MachineId,
    SessionId,
    Data,
    /// What stands beside `data` and belongs in it.
    Other(String),
}

/// A line, sorted by its keys as it is read: a million of them make a map too many.
#[derive(Default)]
struct Line {
    id: Value,
    timestamp: Value,
    kind: Value,
    source: Value,
    schema_version: Value,
    cwd: Value,
    repo: Value,
    repo_root: Value,
    worktree: Value,
    git_branch: Value,
    machine_id: Value,
    session_id: Value,
    data: Value,
    beside: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Line;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line, A::Error> {
                let mut line = Line::default();
                while let Some(key) = map.next_key()? {
                    let slot = match key {
                        Key::Id => &mut line.id,
                        Key::Timestamp => &mut line.timestamp,
                        Key::Type => &mut line.kind,
                        Key::Source => &mut line.source,
                        Key::SchemaVersion => &mut line.schema_version,
                        Key::Cwd => &mut line.cwd,
                        Key::Repo => &mut line.repo,
                        Key::RepoRoot => &mut line.repo_root,
                        Key::Worktree => &mut line.worktree,
                        Key::GitBranch => &mut line.git_branch,
                        Key::MachineId => &mut line.machine_id,
                        Key::SessionId => &mut line.session_id,
                        Key::Data => &mut line.data,
                        Key::Other(key) => line.beside.entry(key).or_insert(Value::Null),
                    };
                    *slot = map.next_value()?;
                }
                Ok(line)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// Keys that the payload of a type shares with the envelope. They are kept once, in the envelope,
/// and written in both places.
fn lifted(kind: &str) -> &'static [&'static str] {
    match kind {
        kind::PANE_FOCUS => &["cwd"],
        kind::AGENT_SESSION => &["session_id", "cwd"],
        kind::TOOL_USE | kind::USER_MESSAGE => &["session_id"],
        kind::GIT_COMMIT => &["repo"],
        _ => &[],
    }
}

/// Other names under which payload keys are met.
const ALIASES: [(&str, &str); 3] =
    [("tmux_session", "session_name"), ("pane", "pane_id"), ("window", "window_index")];

/// Why a record is no event. Shown with the record's line number.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadRecord {
    /// The line is no JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A required key is missing.
    #[error("no '{0}'")]
    Missing(&'static str),
    /// A key has a value of the wrong type.
    #[error("'{0}' is not {1}")]
    WrongType(&'static str, &'static str),
    /// The timestamp cannot be read.
    #[error("'timestamp' is no time between 1678 and 2261: '{0}'")]
    Timestamp(String),
}

impl Event {
    /// An event as a collector takes it: canonical, with a computed id.
    ///
    /// `place` and `session_id` go into the envelope; keys of `data` that the type shares with the
    /// envelope may stand in either.
    #[must_use]
    pub fn new(
        kind: &str,
        source: &str,
        at: Timestamp,
        place: Place,
        session_id: Option<String>,
        data: Map<String, Value>,
    ) -> Self {
        let mut event = Self {
            id: EventId::Brought(String::new()),
            at,
            kind: kind.to_owned(),
            source: source.to_owned(),
            schema_version: 1,
            place,
            session_id,
            data,
        };
        event.canonicalize();
        event.id = event.computed_id(&event.data_json());
        event
    }

    /// Reads one JSON line.
    ///
    /// # Errors
    /// Says what is missing or wrong; nothing of the record is used then.
    pub fn from_json(line: &str) -> Result<Self, BadRecord> {
        Record::read(line).map(|record| record.event)
    }

    fn from_line(line: Line) -> Result<Record, BadRecord> {
        let id = match line.id {
            Value::Null => None,
            Value::String(id) if id.is_empty() => None,
            Value::String(id) => Some(EventId::parse(&id)),
            Value::Number(id) => Some(EventId::parse(&id.to_string())),
            _ => return Err(BadRecord::WrongType("id", "text")),
        };
        let at = match line.timestamp {
            Value::Null => return Err(BadRecord::Missing("timestamp")),
            Value::String(text) => Timestamp::parse(&text).ok_or(BadRecord::Timestamp(text))?,
            other => return Err(BadRecord::Timestamp(other.to_string())),
        };
        let kind = text_of(line.kind, "type")?.ok_or(BadRecord::Missing("type"))?;
        let source =
            text_of(line.source, "source")?.unwrap_or_else(|| source::of_kind(&kind).to_owned());
        let schema_version = match line.schema_version {
            Value::Null => 1,
            value => value
                .as_u64()
                .and_then(|version| u32::try_from(version).ok())
                .ok_or(BadRecord::WrongType("schema_version", "a whole number"))?,
        };
        let place = Place {
            cwd: text_of(line.cwd, "cwd")?,
            repo: text_of(line.repo, "repo")?,
            repo_root: text_of(line.repo_root, "repo_root")?,
            worktree: text_of(line.worktree, "worktree")?,
            git_branch: text_of(line.git_branch, "git_branch")?,
            machine_id: text_of(line.machine_id, "machine_id")?,
        };
        let session_id = text_of(line.session_id, "session_id")?;
        let mut data = match line.data {
            Value::Null => Map::new(),
            Value::Object(data) => data,
            _ => return Err(BadRecord::WrongType("data", "an object")),
        };
        // What stands beside `data` means the same as inside it.
        for (key, value) in line.beside {
            data.entry(key).or_insert(value);
        }
        let mut event = Self {
            id: EventId::Brought(String::new()),
            at,
            kind,
            source,
            schema_version,
            place,
            session_id,
            data,
        };
        event.canonicalize();
        let data = event.data_json();
        let taken = id.is_some();
        event.id = id.unwrap_or_else(|| event.computed_id(&data));
        Ok(Record { event, data, taken })
    }

    /// Brings keys to their one name and place, and paths to NFC.
    fn canonicalize(&mut self) {
        self.data.retain(|_, value| !value.is_null());
        if self.kind.starts_with("tmux_") {
            for (alias, name) in ALIASES {
                if let Some(value) = self.data.remove(alias) {
                    self.data.entry(name).or_insert(value);
                }
            }
        }
        for &key in lifted(&self.kind) {
            let inside = match self.data.get(key) {
                Some(Value::String(text)) => Some(nfc(text)),
                _ => None,
            };
            let slot = match key {
                "cwd" => &mut self.place.cwd,
                "repo" => &mut self.place.repo,
                _ => &mut self.session_id,
            };
            if let Some(inside) = inside
                && slot.as_ref().is_none_or(|outside| nfc(outside) == inside)
            {
                *slot = Some(inside);
                self.data.remove(key);
            }
        }
        if self.kind == kind::GIT_COMMIT
            && self.place.git_branch.is_none()
            && let Some(Value::String(branch)) = self.data.get("branch")
        {
            self.place.git_branch = Some(branch.clone());
        }
        for path in [&mut self.place.cwd, &mut self.place.repo_root].into_iter().flatten() {
            *path = nfc(path);
        }
    }

    fn computed_id(&self, data: &str) -> EventId {
        let mut payload = vec![data];
        for &key in lifted(&self.kind) {
            if let Some(value) = self.envelope(key) {
                payload.extend([key, value]);
            }
        }
        EventId::compute(&self.source, &self.kind, self.at, &payload)
    }

    /// `data` as JSON, keys in order. A map of JSON values always serializes.
    #[must_use]
    pub fn data_json(&self) -> String {
        serde_json::to_string(&self.data).unwrap_or_default()
    }

    /// The envelope's value of a key that payloads share with it.
    fn envelope(&self, key: &str) -> Option<&str> {
        match key {
            "cwd" => self.place.cwd.as_deref(),
            "repo" => self.place.repo.as_deref(),
            _ => self.session_id.as_deref(),
        }
    }

    /// `data` with the keys it shares with the envelope.
    #[must_use]
    pub fn full_data(&self) -> Map<String, Value> {
        let mut data = self.data.clone();
        for &key in lifted(&self.kind) {
            if let Some(value) = self.envelope(key) {
                data.entry(key).or_insert_with(|| Value::String(value.to_owned()));
            }
        }
        data
    }

    /// The event as one line of JSON, without the line's end. Keys stand in a fixed order.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// A text of the payload.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.data.get(key).and_then(Value::as_str)
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// As a map whose keys stand in a fixed order, the id first.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("timestamp", &self.at)?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("schema_version", &self.schema_version)?;
        for (key, value) in [
            ("machine_id", &self.place.machine_id),
            ("cwd", &self.place.cwd),
            ("session_id", &self.session_id),
            ("git_branch", &self.place.git_branch),
            ("repo", &self.place.repo),
            ("repo_root", &self.place.repo_root),
            ("worktree", &self.place.worktree),
        ] {
            if let Some(value) = value {
                map.serialize_entry(key, value)?;
            }
        }
        map.serialize_entry("data", &self.full_data())?;
        map.end()
    }
}

/// The text of the envelope's `key`; numbers are read as their digits, `null` and `""` as nothing.
fn text_of(value: Value, key: &'static str) -> Result<Option<String>, BadRecord> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        _ => Err(BadRecord::WrongType(key, "text")),
    }
}

/// `text` in Unicode normalisation form C, in which paths are stored and compared.
#[must_use]
pub fn nfc(text: &str) -> String {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        text.to_owned()
    } else {
        text.nfc().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Event {
        Event::from_json(line).unwrap()
    }

    #[test]
    fn spelling_does_not_change_identity() {
        let inside = read(
            r#"{"timestamp":"2025-01-28T10:00:00Z","type":"tmux_pane_focus","source":"remote.tmux",
                "data":{"pane_id":"%1","session_name":"main","cwd":"/w"}}"#,
        );
        let beside = read(
            r#"{"timestamp":"2025-01-28T11:00:00.000+01:00","type":"tmux_pane_focus","cwd":"/w",
                "pane_id":"%1","tmux_session":"main"}"#,
        );
        assert_eq!(inside, beside);
        assert_eq!(inside.place.cwd.as_deref(), Some("/w"));
    }

    #[test]
    fn a_cwd_that_differs_inside_is_kept() {
        let event = read(
            r#"{"timestamp":"2025-01-28T10:00:00Z","type":"tmux_pane_focus","cwd":"/a",
                "data":{"cwd":"/b"}}"#,
        );
        assert_eq!(event.place.cwd.as_deref(), Some("/a"));
        assert_eq!(read(&event.to_json()), event);
    }

    #[test]
    fn round_trips() {
        for line in [
            r#"{"id":"my-own","timestamp":"1969-07-20T20:17:40.000000001Z","type":"moon_landing","x":[1.1,{"y":null}]}"#,
            r#"{"timestamp":"2025-01-28T10:00:00Z","type":"git_commit","repo":"a/b","branch":"main","commit":"c","subject":"s","cwd":"/w/u\u0308"}"#,
            r#"{"id":"00112233445566778899aabbccddeeff","timestamp":"2025-01-28T10:00:00Z","type":"agent_tool_use","session_id":"s","data":{"agent":"codex","tool":"x"}}"#,
        ] {
            let event = read(line);
            assert_eq!(read(&event.to_json()), event, "{line}");
        }
    }

    #[test]
    fn ids_sort_as_time_does() {
        let id = |at: &str| EventId::compute("s", "k", Timestamp::parse(at).unwrap(), &["{}"]);
        let ids = ["1969-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2025-01-28T10:00:00Z"].map(id);
        assert!(ids.is_sorted());
        assert_eq!(ids[0].millis(), Some(-365 * 86_400_000));
        assert_eq!(ids[2].millis(), Some(1_738_058_400_000));
        let EventId::Hash(_) = EventId::parse(&ids[2].to_string()) else { panic!("not a hash") };
        assert_eq!(EventId::parse(&ids[2].to_string()), ids[2]);
        assert_eq!(EventId::parse("ABC"), EventId::Brought("ABC".to_owned()));
    }

    #[test]
    fn bad_records_say_why() {
        let why = |line: &str| Event::from_json(line).unwrap_err().to_string();
        assert_eq!(why("[1]"), "not a JSON object");
        assert_eq!(why(r#"{"type":"x"}"#), "no 'timestamp'");
        assert_eq!(why(r#"{"timestamp":"2025-01-28T10:00:00Z"}"#), "no 'type'");
        assert_eq!(
            why(r#"{"timestamp":"soon","type":"x"}"#),
            "'timestamp' is no time between 1678 and 2261: 'soon'"
        );
        assert!(why("{").starts_with("not JSON: "));
    }
}
