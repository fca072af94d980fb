//! A stream as JSON: what `tt rules match` reads, and what witnesses are shown as.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::period::Zone;
use crate::rules::Stream;
use crate::time::Timestamp;

/// What a stream may have; the rest of its keys are named in `unknown`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Shape {
    primary_cwd: Option<String>,
    tmux_session: Option<Vec<String>>,
    agent: Option<Vec<String>>,
    git_branch: Option<Vec<String>>,
    repo: Option<String>,
    worktree: Option<Vec<String>>,
    duration_ms: Option<i64>,
    direct_ms: Option<i64>,
    delegated_ms: Option<i64>,
    at: Option<String>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// A stream that was read.
pub(super) struct Read {
    pub(super) stream: Stream,
    /// Keys that mean nothing here.
    pub(super) unknown: Vec<String>,
}

/// Reads a stream from a line of JSON; a time with an offset is put into `zone`.
///
/// The error is a sentence without file and line.
pub(super) fn read(line: &str, zone: Zone) -> Result<Read, String> {
    let shape: Shape = serde_json::from_str(line).map_err(|error| {
        // The line of the file is the caller's to say.
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        let what = if error.is_data() { "" } else { "not a JSON object: " };
        format!("{what}{why} at column {}", error.column())
    })?;
    let length = |name: &str, value: Option<i64>| match value {
        Some(ms) if ms < 0 => Err(format!("{name} is {ms}; a length of time is not below 0")),
        other => Ok(other),
    };
    let stream = Stream {
        primary_cwd: shape.primary_cwd,
        tmux_session: shape.tmux_session.unwrap_or_default(),
        agent: shape.agent.unwrap_or_default(),
        git_branch: shape.git_branch.unwrap_or_default(),
        repo: shape.repo,
        worktree: shape.worktree.unwrap_or_default(),
        duration_ms: length("duration_ms", shape.duration_ms)?,
        direct_ms: length("direct_ms", shape.direct_ms)?,
        delegated_ms: length("delegated_ms", shape.delegated_ms)?,
        at: shape.at.map(|at| moment(&at, zone)).transpose()?,
    };
    Ok(Read { stream, unknown: shape.unknown.into_iter().map(|(key, _)| key).collect() })
}

/// A local time, or one with an offset.
fn moment(text: &str, zone: Zone) -> Result<NaiveDateTime, String> {
    let local =
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let instant = DateTime::parse_from_rfc3339(text).ok();
    let instant = instant.and_then(|at| Timestamp::from_datetime(&at.with_timezone(&Utc)));
    instant
        .map(|at| zone.local(at))
        .or_else(|| local.into_iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()))
        .ok_or_else(|| format!("at is '{text}', which is no time such as 2025-01-28T10:00:00 or 2025-01-28T10:00:00Z"))
}

/// The stream with all its keys, as [`read`] takes it: `at` in local time.
pub(super) fn of(stream: &Stream) -> Value {
    json!({
        "primary_cwd": stream.primary_cwd,
        "tmux_session": stream.tmux_session,
        "agent": stream.agent,
        "git_branch": stream.git_branch,
        "repo": stream.repo,
        "worktree": stream.worktree,
        "duration_ms": stream.duration_ms,
        "direct_ms": stream.direct_ms,
        "delegated_ms": stream.delegated_ms,
        "at": stream.at.map(|at| at.format("%Y-%m-%dT%H:%M:%S%.f").to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Zone {
        Zone::named("Europe/Berlin").unwrap()
    }

    #[test]
    fn all_keys_are_optional_and_come_back() {
        let nothing = read("{}", berlin()).unwrap();
        assert_eq!((nothing.stream, nothing.unknown), (Stream::default(), vec![]));
        let line = r#"{"primary_cwd": "/ü", "tmux_session": ["a", "b"], "agent": null, "repo": null,
            "git_branch": ["m"], "worktree": [], "duration_ms": 5, "direct_ms": 0,
            "at": "2025-01-28T10:00:00.5", "id": 7}"#;
        let read_once = read(line, berlin()).unwrap();
        assert_eq!(read_once.unknown, ["id"]);
        let shown = of(&read_once.stream);
        assert_eq!(shown["at"], "2025-01-28T10:00:00.500");
        assert_eq!(read(&shown.to_string(), berlin()).unwrap().stream, read_once.stream);
    }

    #[test]
    fn times_with_an_offset_are_put_into_the_zone() {
        let at = |text: &str| {
            let read = read(&format!(r#"{{"at": "{text}"}}"#), berlin()).unwrap();
            read.stream.at.unwrap().to_string()
        };
        assert_eq!(at("2025-01-28T23:30:00Z"), "2025-01-29 00:30:00");
        assert_eq!(at("2025-07-28T23:30:00-02:00"), "2025-07-29 03:30:00");
        assert_eq!(at("2025-01-28T23:30"), "2025-01-28 23:30:00");
    }

    #[test]
    fn mistakes_are_sentences() {
        let fails = |line: &str| read(line, berlin()).err().unwrap();
        assert!(fails("{").starts_with("not a JSON object: "));
        assert!(fails("7").contains("expected"), "{}", fails("7"));
        assert!(fails(r#"{"agent": "x"}"#).contains("expected a sequence"));
        assert_eq!(
            fails(r#"{"direct_ms": -1}"#),
            "direct_ms is -1; a length of time is not below 0"
        );
        assert!(fails(r#"{"at": "noon"}"#).starts_with("at is 'noon', which is no time"));
    }
}
