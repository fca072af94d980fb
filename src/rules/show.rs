//! A stream in a few words, for messages: only what it has, paths under a home with `~`.

use super::fields::{FIELDS, Field, Type};
use super::stream::Stream;
use crate::diag::quote;

/// The values of a stream, such as `primary_cwd '~/work/acme/', agent 'codex', duration 15m`.
#[must_use]
pub fn stream(stream: &Stream, homes: &[String]) -> String {
    let values: Vec<String> =
        FIELDS.iter().filter_map(|info| value(stream, info.field, homes)).collect();
    if values.is_empty() { "a stream without any value".to_owned() } else { values.join(", ") }
}

fn value(stream: &Stream, field: Field, homes: &[String]) -> Option<String> {
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

fn at_home(text: &str, homes: &[String]) -> String {
    let below = |home: &String| {
        let rest = text.strip_prefix(home.as_str()).filter(|_| !home.is_empty())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("~{rest}"))
    };
    homes.iter().find_map(below).unwrap_or_else(|| text.to_owned())
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
