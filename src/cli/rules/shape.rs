//! A stream as JSON: what `tt rules match` reads, and what witnesses are shown as.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::period::Zone;
use crate::rules::Stream;
use crate::rules::cases::at_local;
use crate::rules::fields::{FIELDS, FieldInfo, Type};
use crate::time::Timestamp;

/// A stream that was read.
pub(super) struct Read {
    pub(super) stream: Stream,
    /// Keys that mean nothing here.
    pub(super) unknown: Vec<String>,
}

/// The key of a field: weekday and time are told by one moment, `at`.
fn key(field: &FieldInfo) -> Cow<'static, str> {
    match field.ty {
        Type::Text | Type::TextSet => field.name.into(),
        Type::Duration => format!("{}_ms", field.name).into(),
        Type::Weekday | Type::TimeOfDay => "at".into(),
    }
}

/// Reads a stream from a line of JSON; a time with an offset is put into `zone`.
///
/// The error is a sentence without file and line.
pub(super) fn read(line: &str, zone: Zone) -> Result<Read, String> {
    let mut values: Map<String, Value> = serde_json::from_str(line).map_err(|error| {
        // The line of the file is the caller's to say.
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        format!("not a JSON object: {why} at column {}", error.column())
    })?;
    let mut stream = Stream::default();
    for info in FIELDS {
        let key = key(info);
        let Some(value) = values.remove(&*key).filter(|value| !value.is_null()) else { continue };
        match info.ty {
            Type::Text => stream.set_texts(info.field, vec![get(&key, value, "a text")?]),
            Type::TextSet => stream.set_texts(info.field, get(&key, value, "a list of texts")?),
            Type::Duration => {
                let ms: i64 = get(&key, value, "a whole number of milliseconds")?;
                if ms < 0 {
                    return Err(format!("'{key}' is {ms}; a length of time is not below 0"));
                }
                stream.set_duration(info.field, Some(ms));
            }
            Type::Weekday | Type::TimeOfDay => {
                let at: String = get(&key, value, "a time, as a text")?;
                stream.at = Some(moment(&at, zone)?);
            }
        }
    }
    Ok(Read { stream, unknown: values.into_iter().map(|(key, _)| key).collect() })
}

fn get<T: DeserializeOwned>(key: &str, value: Value, expected: &str) -> Result<T, String> {
    let shown = value.to_string();
    serde_json::from_value(value).map_err(|_| format!("'{key}' must be {expected}, not {shown}"))
}

/// A local time, or one with an offset, which is put into `zone`.
pub(super) fn moment(text: &str, zone: Zone) -> Result<NaiveDateTime, String> {
    let instant = DateTime::parse_from_rfc3339(text).ok();
    let instant = instant.and_then(|at| Timestamp::from_datetime(&at.with_timezone(&Utc)));
    instant.map(|at| zone.local(at)).or_else(|| at_local(text)).ok_or_else(|| {
        format!(
            "'at' is {text:?}, which is no time such as 2025-01-28T10:00:00 or 2025-01-28T10:00:00Z"
        )
    })
}

/// The stream with all its keys, as [`read`] takes it: `at` in local time.
pub(super) fn of(stream: &Stream) -> Value {
    let value = |info: &FieldInfo| match info.ty {
        Type::Text => stream.texts(info.field).first().map_or(Value::Null, |it| it.as_str().into()),
        Type::TextSet => stream.texts(info.field).into(),
        Type::Duration => stream.number(info.field).into(),
        Type::Weekday | Type::TimeOfDay => {
            stream.at.map(|at| at.format("%Y-%m-%dT%H:%M:%S%.f").to_string()).into()
        }
    };
    FIELDS.iter().map(|info| (key(info).into_owned(), value(info))).collect()
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
        assert!(fails("7").starts_with("not a JSON object: "));
        assert_eq!(fails(r#"{"agent": "x"}"#), "'agent' must be a list of texts, not \"x\"");
        assert_eq!(
            fails(r#"{"direct_ms": -1}"#),
            "'direct_ms' is -1; a length of time is not below 0"
        );
        assert!(fails(r#"{"at": "noon"}"#).starts_with("'at' is \"noon\", which is no time"));
    }
}
