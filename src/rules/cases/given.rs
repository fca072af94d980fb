//! A stream in the words of a case: `{ primary_cwd = "~/work/acme", agent = ["codex"] }`.
//!
//! The keys are those of the fields, as the table of fields has them, but for weekday and time,
//! which one moment tells: `at`. A length of time is a text like in a rule, or under a key that
//! ends in `_ms` a number of milliseconds.
//!
//! A `~` at the beginning of a text, before a `/` or alone, stands for the home directory, like in
//! a glob, so that a file of tests means the same on every machine; `\~` is a `~` and nothing else.

use chrono::NaiveDateTime;

use super::Reader;
use crate::diag::{Code, Finding, Span, quote};
use crate::rules::fields::{FIELDS, Field, FieldInfo, Type};
use crate::rules::show;
use crate::rules::stream::Stream;
use crate::rules::syntax::embedded::Text;
use crate::rules::syntax::quantity::{self, Unit};
use crate::rules::syntax::{GivenNode, GivenValue};

/// The key of moments.
const AT: &str = "at";

/// What a key means.
#[derive(Clone, Copy)]
enum Key {
    /// The value of a field.
    Field(&'static FieldInfo),
    /// A length of time in milliseconds.
    Millis(&'static FieldInfo),
    /// Weekday and time.
    At,
}

impl Key {
    fn read(key: &str) -> Option<Self> {
        if key == AT {
            return Some(Self::At);
        }
        let field = |name| Field::named(name).map(Field::info);
        match field(key) {
            Some(info) if is_of_at(info) => None,
            Some(info) => Some(Self::Field(info)),
            None => {
                let info = field(key.strip_suffix("_ms")?)?;
                (info.ty == Type::Duration).then_some(Self::Millis(info))
            }
        }
    }

    /// What it says something of.
    const fn field(self) -> Option<Field> {
        match self {
            Self::Field(info) | Self::Millis(info) => Some(info.field),
            Self::At => None,
        }
    }
}

const fn is_of_at(info: &FieldInfo) -> bool {
    matches!(info.ty, Type::Weekday | Type::TimeOfDay)
}

/// Every key, for messages; those in milliseconds are for programs.
fn keys() -> Vec<&'static str> {
    let fields = FIELDS.iter().filter(|info| !is_of_at(info)).map(|info| info.name);
    fields.chain([AT]).collect()
}

/// Reads a local time, such as `2025-01-28T10:00:00`; a space for the `T`, fractions of a second,
/// and no seconds at all will do.
#[must_use]
pub fn at_local(text: &str) -> Option<NaiveDateTime> {
    const FORMS: [&str; 4] =
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    FORMS.into_iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
}

impl Reader<'_> {
    /// `None` if anything is wrong with it, which is said.
    pub(super) fn stream(&mut self, given: &[GivenNode]) -> Option<Stream> {
        let mut stream = Stream::default();
        let mut sound = true;
        let mut seen: Vec<(Field, Span)> = Vec::new();
        for node in given {
            let Some(key) = Key::read(&node.key) else {
                self.sink.push(unknown_key(&node.key, node.key_span));
                sound = false;
                continue;
            };
            let before = key.field().and_then(|it| seen.iter().find(|(field, _)| *field == it));
            if let Some((_, before)) = before {
                let field = key.field().map_or(AT, |field| field.info().name);
                let headline = format!("{} is given twice", quote(field));
                self.sink.push(
                    Finding::new(Code::BadTest, node.key_span, headline)
                        .label("again here")
                        .beside(*before, "first here"),
                );
                sound = false;
                continue;
            }
            seen.extend(key.field().map(|field| (field, node.key_span)));
            sound &= self.value(key, node, &mut stream).is_some();
        }
        if let (None, Some(direct), Some(delegated)) =
            (stream.duration_ms, stream.direct_ms, stream.delegated_ms)
        {
            stream.duration_ms = Some(direct.saturating_add(delegated));
        }
        sound.then_some(stream)
    }

    /// Gives the stream a value; `None` if there is something wrong with it.
    fn value(&mut self, key: Key, node: &GivenNode, stream: &mut Stream) -> Option<()> {
        match key {
            Key::At => {
                let text = match &node.value {
                    GivenValue::Text(text) => &text.text,
                    GivenValue::Moment(text) => text,
                    _ => return self.misfit(node, "a local time, as a text"),
                };
                let Some(at) = at_local(text) else { return self.no_moment(node, text) };
                stream.at = Some(at);
            }
            Key::Millis(info) => match &node.value {
                GivenValue::Number(ms) if *ms >= 0 => stream.set_duration(info.field, Some(*ms)),
                GivenValue::Number(_) => {
                    return self.wrong(node.span, "a length of time is not below 0", "below 0");
                }
                _ => return self.misfit(node, "a whole number of milliseconds"),
            },
            Key::Field(info) => match (info.ty, &node.value) {
                (Type::Duration, GivenValue::Text(text)) => {
                    let Some(ms) = quantity::read(text.text.trim(), Unit::Duration) else {
                        let headline = format!("{} is no duration", quote(&text.text));
                        return self.wrong(text.span, &headline, "not such as 1h30m");
                    };
                    stream.set_duration(info.field, Some(ms));
                }
                (Type::Duration, _) => return self.misfit(node, "a duration such as \"1h30m\""),
                (Type::TextSet, GivenValue::Texts(texts)) => {
                    let texts: Option<Vec<_>> = texts.iter().map(|it| self.text(it)).collect();
                    stream.set_texts(info.field, texts?);
                }
                (Type::Text | Type::TextSet, GivenValue::Text(text)) => {
                    stream.set_texts(info.field, vec![self.text(text)?]);
                }
                (Type::TextSet, _) => return self.misfit(node, "a text or a list of texts"),
                (Type::Text | Type::Weekday | Type::TimeOfDay, _) => {
                    return self.misfit(node, "a text");
                }
            },
        }
        Some(())
    }

    /// A text with the home directory for `~`.
    fn text(&mut self, text: &Text) -> Option<String> {
        let Some(rest) = below_home(&text.text) else { return Some(unescaped(&text.text)) };
        match self.names.map(|names| names.rules.homes.first()) {
            Some(Some(home)) => Some(format!("{home}{rest}")),
            Some(None) => {
                self.homeless.push(text.span);
                None
            }
            // Nothing will be run; what it stands for does not matter.
            None => Some(text.text.clone()),
        }
    }

    fn wrong<T>(&mut self, span: Span, headline: &str, label: &str) -> Option<T> {
        self.sink.push(Finding::new(Code::BadTest, span, headline).label(label));
        None
    }

    fn misfit<T>(&mut self, node: &GivenNode, expected: &str) -> Option<T> {
        let found = match &node.value {
            GivenValue::Text(_) => "a text",
            GivenValue::Texts(_) => "a list",
            GivenValue::Number(_) => "a number",
            GivenValue::Moment(_) => "a date or time",
            GivenValue::Other(found) => found,
        };
        let headline = format!("{} must be {expected}, not {found}", quote(&node.key));
        let finding =
            Finding::new(Code::BadTest, node.span, headline).label(format!("this is {found}"));
        let millis = matches!(node.value, GivenValue::Number(_))
            && Field::named(&node.key).is_some_and(|field| field.info().ty == Type::Duration);
        self.sink.push(if millis {
            finding.help(format!("for a number of milliseconds, the key is {}_ms", node.key))
        } else {
            finding
        });
        None
    }

    fn no_moment<T>(&mut self, node: &GivenNode, text: &str) -> Option<T> {
        let headline = format!("{} is no local time", quote(text));
        self.sink.push(
            Finding::new(Code::BadTest, node.span, headline)
                .label("not such as 2025-01-28T10:00:00")
                .note(
                    "rules look at weekday and time where the work was done, so there is no offset",
                ),
        );
        None
    }
}

fn unknown_key(key: &str, span: Span) -> Finding {
    let headline = format!("unknown field {} in stream", quote(key));
    let finding = Finding::new(Code::BadTest, span, headline)
        .detail(format!("Valid fields: {}", keys().join(", ")));
    let Some(meant) = Field::meant_by(key.strip_suffix("_ms").unwrap_or(key)) else {
        return finding.label("not known here");
    };
    let info = meant.info();
    let name = if is_of_at(info) { AT } else { info.name };
    let finding = finding
        .detail(format!("Did you mean: {name}?"))
        .label(format!("did you mean {}?", quote(name)));
    match info.ty {
        Type::Weekday | Type::TimeOfDay => {
            finding.help("one moment tells the weekday and the time: at = \"2025-01-28T10:00:00\"")
        }
        Type::Text | Type::TextSet | Type::Duration => finding.edit(span, name),
    }
}

/// What follows the home directory in a text that begins with `~`.
fn below_home(text: &str) -> Option<&str> {
    text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A text that does not begin at home: one `\` less, where only `\` stand before such a `~`.
fn unescaped(text: &str) -> String {
    let bare = text.trim_start_matches('\\');
    let escaped = bare.len() < text.len() && below_home(bare).is_some();
    text.get(usize::from(escaped)..).unwrap_or_default().to_owned()
}

/// The stream as it stands in a case, in TOML.
pub(super) fn written(stream: &Stream, homes: &[String]) -> String {
    let text = |text: &String| toml_string(&escaped(text, homes));
    let value = |info: &FieldInfo| match info.ty {
        Type::Text => stream.texts(info.field).first().map(text),
        Type::TextSet => {
            let texts: Vec<_> = stream.texts(info.field).iter().map(text).collect();
            (!texts.is_empty()).then(|| format!("[{}]", texts.join(", ")))
        }
        Type::Duration => stream.number(info.field).map(|ms| toml_string(&show::duration(ms))),
        Type::Weekday => None,
        Type::TimeOfDay => {
            stream.at.map(|at| toml_string(&at.format("%Y-%m-%dT%H:%M:%S%.f").to_string()))
        }
    };
    let key = |info: &FieldInfo| if is_of_at(info) { AT } else { info.name };
    let each = FIELDS.iter().filter_map(|info| Some(format!("{} = {}", key(info), value(info)?)));
    let each: Vec<_> = each.collect();
    if each.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", each.join(", ")) }
}

/// A text as [`Reader::text`] reads it.
fn escaped(text: &str, homes: &[String]) -> String {
    if below_home(text.trim_start_matches('\\')).is_some() {
        return format!("\\{text}");
    }
    let home = homes.first();
    let rest = home.and_then(|home| text.strip_prefix(home.as_str()));
    match rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        Some(rest) if home.is_some_and(|home| !home.is_empty()) => format!("~{rest}"),
        _ => text.to_owned(),
    }
}

/// `text` as a TOML string in double quotes.
pub fn toml_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\U{:08X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn home_is_written_and_read() {
        let homes = ["/home/u".to_owned()];
        for (text, as_written) in [
            ("/home/u", "~"),
            ("/home/u/a", "~/a"),
            ("/home/us", "/home/us"),
            ("~/a", "\\~/a"),
            ("\\~", "\\\\~"),
            ("~u", "~u"),
            ("\\~u", "\\~u"),
        ] {
            assert_eq!(escaped(text, &homes), as_written);
        }
    }

    proptest! {
        #[test]
        fn every_text_can_be_written(text in "(/h|~|\\\\|/|u){0,6}", home in "|/h") {
            let homes = [home.clone()];
            let written = escaped(&text, &homes);
            let read = match below_home(&written) {
                Some(rest) => format!("{home}{rest}"),
                None => unescaped(&written),
            };
            prop_assert_eq!(read, text);
        }

        #[test]
        fn strings_are_toml(text in any::<String>()) {
            let table: toml::Table = format!("v = {}", toml_string(&text)).parse().unwrap();
            prop_assert_eq!(table["v"].as_str(), Some(text.as_str()));
        }
    }
}
