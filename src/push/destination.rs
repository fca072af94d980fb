//! What a destination is: one trait, one file each, one line in the table of [`super`].
//!
//! A destination takes [`Safe`] entries only, so nothing reaches one without having passed the
//! privacy filter. CSV writes rows and forgets them; a billing service [keeps](Keeps) entries and
//! can be asked what it has, which is what makes "exactly once" possible.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::http::Quota;
use crate::privacy::Safe;
use crate::time::{Interval, Timestamp};

/// Where entries go.
pub trait Destination {
    /// Sends a new entry; what the destination made of it, if it keeps entries.
    ///
    /// # Errors
    /// [`Trouble`], which says whether the entry may be there nevertheless.
    fn create(&mut self, entry: &Safe<Entry>) -> Result<Option<Remote>, Trouble>;

    /// The side of it that keeps entries, if it has one.
    fn keeps(&mut self) -> Option<&mut dyn Keeps> {
        None
    }

    /// Called once, after the last entry.
    ///
    /// # Errors
    /// [`Trouble`], where what was taken could not be written.
    fn finish(&mut self) -> Result<(), Trouble> {
        Ok(())
    }
}

/// A destination that keeps entries and can be asked for them.
pub trait Keeps {
    /// The workspace that entries go to: looked up where the config does not name it.
    ///
    /// # Errors
    /// [`Trouble`], here and below.
    fn workspace(&mut self) -> Result<String, Trouble>;

    /// What [`Self::get`] will say of `entry` once it is there, but for its id. Looks up what that
    /// takes (tags, projects), and makes tags that are missing, so that nothing but the entry
    /// itself is left to send.
    fn expected(&mut self, entry: &Safe<Entry>) -> Result<Remote, Trouble>;

    /// The entry with this id; `None` if the service has none.
    fn get(&mut self, id: &str) -> Result<Option<Remote>, Trouble>;

    /// All entries of the person that begin within `window`, from every page, in any order; some
    /// beyond its ends may be among them.
    fn list(&mut self, window: Interval) -> Result<Vec<Remote>, Trouble>;

    /// Makes the entry with this id be `entry`. [`Trouble::Gone`] if there is none.
    fn update(&mut self, id: &str, entry: &Safe<Entry>) -> Result<Remote, Trouble>;

    /// Removes the entry with this id. [`Trouble::Gone`] if there is none.
    fn delete(&mut self, id: &str) -> Result<(), Trouble>;

    /// The quotas that its answers told of.
    fn quotas(&self) -> Vec<Quota>;
}

/// An entry as a service has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Remote {
    /// Its id there; empty where it has none yet.
    pub id: String,
    /// When it starts, to the second.
    pub start: Timestamp,
    /// How long it is; `None` while it is running.
    pub seconds: Option<i64>,
    /// Its description, empty where there is none.
    pub description: String,
    /// The tags, as the service tells them apart (names at Toggl, ids at Clockify), sorted.
    pub tags: Vec<String>,
    /// The project's id.
    pub project: Option<String>,
    /// Whether it is billable.
    pub billable: bool,
}

impl Remote {
    /// Whether the two say the same, whatever their ids.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.looks_like(other)
            && self.tags == other.tags
            && self.project == other.project
            && self.billable == other.billable
    }

    /// Whether it may be the entry that was to become `wanted`: same start, length and description.
    #[must_use]
    pub fn looks_like(&self, wanted: &Self) -> bool {
        self.start == wanted.start
            && self.seconds == wanted.seconds
            && words(&self.description).eq(words(&wanted.description))
    }
}

/// Services may trim descriptions, or join blanks.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

/// Why something was not done, or may not have been.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// The service refused it: it surely was not done.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the service said, made short and harmless.
        message: String,
        /// What to do.
        hint: String,
        /// Whether every further request would be refused alike.
        all: bool,
    },
    /// Too fast, or the quota is used up: it surely was not done, and will be done later.
    Wait {
        /// The HTTP status.
        status: u16,
        /// What the service said.
        message: String,
        /// After how long it may be asked again.
        after: Duration,
        /// Whether it is an hourly quota, and not the pace.
        quota: bool,
    },
    /// The service has no entry with this id.
    Gone,
    /// It could not be reached, or not be asked: it surely was not done.
    NotSent {
        /// Why, such as `connection refused`.
        why: String,
        /// What to do.
        hint: String,
    },
    /// No answer, or none that says what became of it: it may have been done.
    Unknown {
        /// Why, such as `connection timeout` or `Toggl 502: bad gateway`.
        why: String,
        /// What to do.
        hint: String,
    },
}

impl Trouble {
    /// Whether it may have been done nevertheless.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }
}
