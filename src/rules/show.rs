//! A stream in a few words, for messages: only what it has, paths under a home with `~`.

use super::fields::{FIELDS, Field, Type};
use super::stream::Stream;
use super::syntax::quantity::NANOS_PER_SECOND;
use crate::diag::quote;

/// The values of a stream, such as `primary_cwd '~/work/acme/', agent 'codex', duration 15m`.
#[must_use]
pub fn stream(stream: &Stream, homes: &[String]) -> String {
    let values: Vec<String> =
        FIELDS.iter().filter_map(|info| field(stream, info.field, homes)).collect();
    if values.is_empty() { "a stream without any value".to_owned() } else { values.join(", ") }
}

/// The value of a field, such as `agent 'codex'`; `None` if the stream has none.
#[must_use]
pub fn field(stream: &Stream, field: Field, homes: &[String]) -> Option<String> {
    let info = field.info();
    let shown = match info.ty {
        Type::Text | Type::TextSet => {
            let texts = stream.texts(field);
            let texts: Vec<_> = texts.iter().map(|text| quote(&at_home(text, homes))).collect();
            (!texts.is_empty()).then(|| texts.join(" and "))
        }
        Type::Duration => stream.number(field).map(duration),
        Type::Weekday => stream.at.map(|at| at.format("%a").to_string().to_lowercase()),
        Type::TimeOfDay => stream.at.map(|at| at.format("%H:%M:%S%.f").to_string()),
    };
    shown.map(|shown| format!("{} {shown}", info.name))
}

/// The text, with `~` in place of the home that it is or lies under.
#[must_use]
pub fn at_home(text: &str, homes: &[String]) -> String {
    let below = |home: &String| {
        let rest = text.strip_prefix(home.as_str()).filter(|_| !home.is_empty())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("~{rest}"))
    };
    homes.iter().find_map(below).unwrap_or_else(|| text.to_owned())
}

/// A number of a field of this type, as rules write it.
#[must_use]
pub fn number(ty: Type, value: i64) -> String {
    match ty {
        Type::TimeOfDay => clock(value),
        Type::Text | Type::TextSet | Type::Duration | Type::Weekday => duration(value),
    }
}

/// `17:30`, and with what there is of seconds: `17:30:05`, `17:30:05.000000001`.
fn clock(nanos: i64) -> String {
    let (seconds, rest) = (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND);
    let minutes = format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    match (seconds % 60, rest) {
        (0, 0) => minutes,
        (seconds, 0) => format!("{minutes}:{seconds:02}"),
        (seconds, rest) => format!("{minutes}:{seconds:02}.{rest:09}"),
    }
}

/// `1h30m`, `90s`, `250ms`, as rules write it.
pub(super) fn duration(ms: i64) -> String {
    let mut out = String::new();
    let mut rest = ms;
    for (unit, length) in [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= length {
            out.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}
