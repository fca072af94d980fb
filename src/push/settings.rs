//! `[push]` of the config, read as a whole or not at all.
//!
//! INVARIANT (secret): a token is shown by nothing: [`Secret`] has no `Display`, and its `Debug`
//! hides it.

use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{self, Deserializer, Unexpected, Visitor};

use super::entry::Wanted;
use crate::config;

/// A token. Whoever sends it must ask for it by [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// All of `[push]`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// How worked time becomes billed time.
    pub policy: Policy,
    /// The longest wait for a service that asks to wait.
    pub max_wait: Option<Duration>,
    /// How long an answer may take.
    pub timeout: Option<Duration>,
    /// How long after a request without an answer the service is asked what became of it.
    pub settle: Option<Duration>,
    /// Whether streams are split at local midnight, asked for or not.
    pub split_days: bool,
    /// `[push.toggl]`.
    pub toggl: Service,
    /// `[push.clockify]`.
    pub clockify: Service,
}

/// How worked time becomes billed time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// To multiples of so many seconds; 0 leaves times as they are.
    pub round: i64,
    /// In which direction.
    pub mode: RoundMode,
    /// Of each entry, or of each day's sum.
    pub per: RoundPer,
    /// Entries of less worked time, in seconds, are not sent.
    pub min: i64,
}

/// In which direction times are rounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundMode {
    /// To the next multiple.
    Up,
    /// To the nearest multiple; from the middle, up.
    #[default]
    Nearest,
    /// To the multiple before.
    Down,
}

/// What is rounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoundPer {
    /// Each entry.
    #[default]
    Entry,
    /// The sum of each local day; its longest entries take the difference.
    Day,
}

/// A billing service's table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Service {
    /// The token in the config.
    pub token: Option<Secret>,
    /// The workspace.
    pub workspace: Option<String>,
    /// The project of entries that the mapping has none for.
    pub default_project: Option<Wanted>,
    /// Tag or project to project there; the first that a stream has counts, its project before its
    /// tags.
    pub mapping: IndexMap<String, Wanted>,
    /// The tag that makes an entry billable.
    pub billable_tag: Option<String>,
    /// Address of the API, path included.
    pub base_url: Option<String>,
    /// Between two requests.
    pub pace: Option<Duration>,
}

/// Why `[push]` cannot be read: where and what is wrong, in a sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadSettings(String);

/// An id or a name, which people write as text or as a number.
struct Word(String);

impl Word {
    fn text(self) -> String {
        self.0
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AsWord)
    }
}

struct AsWord;

impl Visitor<'_> for AsWord {
    type Value = Word;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an id, as a number from 1 to {} or as text, or a name", i64::MAX)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Word, E> {
        Ok(Word(text.trim().to_owned()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Word, E> {
        if number < 1 {
            return Err(E::invalid_value(Unexpected::Signed(number), &self));
        }
        Ok(Word(number.to_string()))
    }

    /// Numbers that are too large for [`Self::visit_i64`].
    fn visit_i128<E: de::Error>(self, number: i128) -> Result<Word, E> {
        Err(E::invalid_value(Unexpected::Other(&format!("integer `{number}`")), &self))
    }
}

#[derive(Deserialize, Default)]
struct File {
    #[serde(default)]
    push: Push,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Push {
    round: Option<String>,
    round_mode: RoundMode,
    round_per: RoundPer,
    min: Option<String>,
    max_wait: Option<String>,
    timeout: Option<String>,
    settle: Option<String>,
    split_days: bool,
    billable_tag: Option<String>,
    toggl: Toggl,
    clockify: Clockify,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Toggl {
    api_token: Option<String>,
    workspace_id: Option<Word>,
    default_project_id: Option<Word>,
    project_mapping: IndexMap<String, Word>,
    billable_tag: Option<String>,
    base_url: Option<String>,
    pace: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Clockify {
    api_key: Option<String>,
    workspace_id: Option<Word>,
    default_project_id: Option<Word>,
    project_mapping: IndexMap<String, Word>,
    billable_tag: Option<String>,
    base_url: Option<String>,
    pace: Option<String>,
}

impl Settings {
    /// Reads `[push]` out of a config file's text.
    ///
    /// # Errors
    /// Whatever is wrong, with its line; no setting holds then, and nothing is sent.
    pub fn read(text: &str) -> Result<Self, BadSettings> {
        let file: File = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            // The text of the file is not shown: a token may stand there.
            let what = error.message();
            BadSettings(format!("line {}: {what}", 1 + before.matches('\n').count()))
        })?;
        let Push { toggl, clockify, billable_tag, .. } = file.push;
        let seconds = |key: &str, text: Option<String>| -> Result<i64, BadSettings> {
            let length = span(key, text, config::duration)?.unwrap_or_default();
            Ok(i64::try_from(length.as_secs()).unwrap_or(i64::MAX))
        };
        let policy = Policy {
            round: seconds("round", file.push.round)?,
            mode: file.push.round_mode,
            per: file.push.round_per,
            min: seconds("min", file.push.min)?,
        };
        Ok(Self {
            policy,
            split_days: file.push.split_days,
            max_wait: span("max_wait", file.push.max_wait, short)?,
            // An answer needs some time.
            timeout: span("timeout", file.push.timeout, |it| short(it).filter(|ms| *ms > 0))?,
            settle: span("settle", file.push.settle, short)?,
            toggl: Service {
                token: toggl.api_token.as_deref().map(Secret::new),
                workspace: toggl.workspace_id.map(Word::text),
                default_project: toggl.default_project_id.map(toggl_project),
                mapping: mapped(toggl.project_mapping, toggl_project),
                billable_tag: toggl.billable_tag.or_else(|| billable_tag.clone()),
                base_url: toggl.base_url,
                pace: span("toggl.pace", toggl.pace, short)?,
            },
            clockify: Service {
                token: clockify.api_key.as_deref().map(Secret::new),
                workspace: clockify.workspace_id.map(Word::text),
                default_project: clockify.default_project_id.map(clockify_project),
                mapping: mapped(clockify.project_mapping, clockify_project),
                billable_tag: clockify.billable_tag.or(billable_tag),
                base_url: clockify.base_url,
                pace: span("clockify.pace", clockify.pace, short)?,
            },
        })
    }
}

fn mapped(raw: IndexMap<String, Word>, of: fn(Word) -> Wanted) -> IndexMap<String, Wanted> {
    raw.into_iter().map(|(key, word)| (key, of(word))).collect()
}

/// Toggl's ids are numbers.
fn toggl_project(word: Word) -> Wanted {
    let text = word.text();
    if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) {
        Wanted::Id(text)
    } else {
        Wanted::Name(text)
    }
}

/// Clockify's ids have 24 hexadecimal digits.
fn clockify_project(word: Word) -> Wanted {
    let text = word.text();
    if text.len() == 24 && text.bytes().all(|it| it.is_ascii_hexdigit()) {
        Wanted::Id(text)
    } else {
        Wanted::Name(text)
    }
}

fn span(
    key: &str,
    text: Option<String>,
    read: fn(&str) -> Option<i64>,
) -> Result<Option<Duration>, BadSettings> {
    let Some(text) = text else { return Ok(None) };
    let millis = read(&text).and_then(|it| u64::try_from(it).ok()).ok_or_else(|| {
        BadSettings(format!(
            "[push] {key}: '{text}' is no duration, such as \"6m\", \"90s\" or \"1h 30m\""
        ))
    })?;
    Ok(Some(Duration::from_millis(millis)))
}

/// Reads a duration that may be less than a second: `500ms`, `0s`, and all that
/// [`config::duration`] reads.
fn short(text: &str) -> Option<i64> {
    match text.strip_suffix("ms") {
        Some(number) => number.parse().ok().filter(|it| (0..=3_600_000).contains(it)),
        None if matches!(text, "0s" | "0") => Some(0),
        None => config::duration(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_everything() {
        let settings = Settings::read(
            r#"
            [push]
            round = "6m"
            round_mode = "up"
            round_per = "day"
            min = "1m"
            max_wait = "30s"
            billable_tag = "billable"
            [push.toggl]
            api_token = " abc "
            workspace_id = 12345
            default_project_id = "67890"
            pace = "1s"
            [push.toggl.project_mapping]
            zeta = "123456"
            acme = "Acme web"
            [push.clockify]
            workspace_id = "64a687e29ae1f428e7ebe303"
            billable_tag = "paid"
            [push.clockify.project_mapping]
            acme = "25b687e29ae1f428e7ebe123"
            "#,
        )
        .unwrap();
        let min = 60;
        let policy = Policy { round: 360, mode: RoundMode::Up, per: RoundPer::Day, min };
        assert_eq!(settings.policy, policy);
        assert_eq!(settings.max_wait, Some(Duration::from_secs(30)));
        let toggl = &settings.toggl;
        assert_eq!(toggl.token.as_ref().map(Secret::expose), Some("abc"));
        assert_eq!(toggl.workspace.as_deref(), Some("12345"));
        assert_eq!(toggl.default_project, Some(Wanted::Id("67890".into())));
        assert_eq!(toggl.billable_tag.as_deref(), Some("billable"));
        assert_eq!(toggl.pace, Some(Duration::from_secs(1)));
        let mapping: Vec<_> = toggl.mapping.clone().into_iter().collect();
        let name = |text: &str| Wanted::Name(text.to_owned());
        let id = |text: &str| Wanted::Id(text.to_owned());
        assert_eq!(mapping, [("zeta".into(), id("123456")), ("acme".into(), name("Acme web"))]);
        assert_eq!(settings.clockify.billable_tag.as_deref(), Some("paid"));
        assert_eq!(settings.clockify.mapping["acme"], id("25b687e29ae1f428e7ebe123"));
        assert!(!format!("{settings:?}").contains("abc"));
        assert_eq!(Settings::read("").unwrap(), Settings::default());
    }

    #[test]
    fn says_what_is_wrong_and_shows_no_token() {
        let why = |text: &str| Settings::read(text).unwrap_err().to_string();
        assert!(why("[push]\nrond = \"6m\"").starts_with("line 2: unknown field `rond`"));
        assert!(why("[push]\nround = \"often\"").contains("'often' is no duration"));
        for number in ["99999999999999999999", "9223372036854775808", "-1", "0", "1.5", "[1]"] {
            for key in ["default_project_id", "workspace_id", "project_mapping.acme"] {
                let told = why(&format!("[push]\n[push.toggl]\n{key} = {number}"));
                assert!(told.starts_with("line 3: invalid "), "{told}");
                let expected =
                    "expected an id, as a number from 1 to 9223372036854775807 or as text";
                assert!(told.contains(expected) && !told.contains("i128"), "{told}");
            }
        }
        let broken = why("[push.toggl]\napi_token = \"s3cret\nworkspace_id = 1");
        assert!(!broken.contains("s3cret"), "{broken}");
        let mistyped = why("[push.toggl]\napi_tokn = \"s3cret\"");
        assert!(!mistyped.contains("s3cret"), "{mistyped}");
        let list = why("[push.toggl]\napi_token = [\"s3cret\"]");
        assert!(!list.contains("s3cret"), "{list}");
    }
}
