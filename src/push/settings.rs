//! `[push]` of the config, read as a whole or not at all.
//!
//! INVARIANT (secret): a token is shown by nothing: [`Secret`] has no `Display`, and its `Debug`
//! hides it.

use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;

use super::entry::Wanted;

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
