//! What rules see of a stream.

use chrono::{Datelike, NaiveDateTime, Timelike, Weekday};

use super::fields::{FIELDS, Field, Type};
use super::syntax::quantity::{DAY, NANOS_PER_SECOND};

/// A stream as rules see it. The local day and time are the caller's to compute: rules know no
/// time zone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stream {
    /// The most frequent working directory.
    pub primary_cwd: Option<String>,
    /// Every tmux session name involved.
    pub tmux_session: Vec<String>,
    /// Every agent type used.
    pub agent: Vec<String>,
    /// Every branch its events carry.
    pub git_branch: Vec<String>,
    /// The repository it belongs to.
    pub repo: Option<String>,
    /// Names of linked worktrees involved.
    pub worktree: Vec<String>,
    /// Total time in milliseconds.
    pub duration_ms: Option<i64>,
    /// Direct time in milliseconds.
    pub direct_ms: Option<i64>,
    /// Delegated time in milliseconds.
    pub delegated_ms: Option<i64>,
    /// When the first event was, local time: gives the weekday and the time of day.
    pub at: Option<NaiveDateTime>,
}

impl Stream {
    /// The values of a field of text; none for other fields.
    #[must_use]
    pub fn texts(&self, field: Field) -> &[String] {
        match field {
            Field::PrimaryCwd => self.primary_cwd.as_slice(),
            Field::TmuxSession => &self.tmux_session,
            Field::Agent => &self.agent,
            Field::GitBranch => &self.git_branch,
            Field::Repo => self.repo.as_slice(),
            Field::Worktree => &self.worktree,
            Field::Duration | Field::Direct | Field::Delegated | Field::Weekday | Field::Time => {
                &[]
            }
        }
    }

    /// The value of a field of numbers: milliseconds, or nanoseconds since midnight.
    #[must_use]
    pub fn number(&self, field: Field) -> Option<i64> {
        match field {
            Field::Duration => self.duration_ms,
            Field::Direct => self.direct_ms,
            Field::Delegated => self.delegated_ms,
            Field::Time => self.at.map(|at| {
                let seconds = i64::from(at.num_seconds_from_midnight());
                // A leap second belongs to the last moment of its day.
                (seconds * NANOS_PER_SECOND + i64::from(at.nanosecond())).min(DAY - 1)
            }),
            Field::PrimaryCwd
            | Field::TmuxSession
            | Field::Agent
            | Field::GitBranch
            | Field::Repo
            | Field::Worktree
            | Field::Weekday => None,
        }
    }

    /// Gives a field of text its values: of a field that has at most one, the first. Other fields
    /// stay as they are.
    pub fn set_texts(&mut self, field: Field, texts: Vec<String>) {
        match field {
            Field::PrimaryCwd => self.primary_cwd = texts.into_iter().next(),
            Field::TmuxSession => self.tmux_session = texts,
            Field::Agent => self.agent = texts,
            Field::GitBranch => self.git_branch = texts,
            Field::Repo => self.repo = texts.into_iter().next(),
            Field::Worktree => self.worktree = texts,
            Field::Duration | Field::Direct | Field::Delegated | Field::Weekday | Field::Time => {}
        }
    }

    /// Gives a duration its value, in milliseconds. Other fields stay as they are.
    pub fn set_duration(&mut self, field: Field, ms: Option<i64>) {
        match field {
            Field::Duration => self.duration_ms = ms,
            Field::Direct => self.direct_ms = ms,
            Field::Delegated => self.delegated_ms = ms,
            Field::PrimaryCwd
            | Field::TmuxSession
            | Field::Agent
            | Field::GitBranch
            | Field::Repo
            | Field::Worktree
            | Field::Weekday
            | Field::Time => {}
        }
    }

    /// How much there is of it: 1 for every value, and 1 for every character of a text. Weekday and
    /// time are one value.
    #[must_use]
    pub fn size(&self) -> u64 {
        let text = |text: &String| 1 + text.chars().count() as u64;
        let each = FIELDS.iter().map(|info| match info.ty {
            Type::Text | Type::TextSet => self.texts(info.field).iter().map(text).sum(),
            Type::Duration | Type::Weekday => u64::from(self.has(info.field)),
            Type::TimeOfDay => 0,
        });
        each.sum()
    }

    /// The day of the first event.
    #[must_use]
    pub fn weekday(&self) -> Option<Weekday> {
        self.at.map(|at| at.weekday())
    }

    /// Whether the stream has a value for the field.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        match field.info().ty {
            Type::Text | Type::TextSet => !self.texts(field).is_empty(),
            Type::Duration | Type::TimeOfDay => self.number(field).is_some(),
            Type::Weekday => self.at.is_some(),
        }
    }
}
