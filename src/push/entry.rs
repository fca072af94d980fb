//! The one notion of a time entry to send: what every destination is given, billed seconds and all.

use chrono::NaiveDate;

use crate::privacy::{Kind, Outgoing};
use crate::time::{Millis, Timestamp};

/// A time entry to send: a stream, or its share of one local day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The stream's id. It is not sent.
    pub stream: String,
    /// The local day, where streams are split by days.
    pub day: Option<NaiveDate>,
    /// First event, cut to whole seconds: services cut fractions, and what they say must compare.
    pub start: Timestamp,
    /// What is billed, in seconds: the worked time after rounding. Always more than 0.
    pub seconds: i64,
    /// Direct and delegated time as it was, in milliseconds.
    pub raw_ms: Millis,
    /// Last event, cut to whole seconds. Where it is not `start` + `seconds`, agents worked at once
    /// or the person was away.
    pub last: Timestamp,
    /// The stream's name.
    pub description: String,
    /// Tags, sorted, each once.
    pub tags: Vec<String>,
    /// The project there, as the config maps tags and projects to it.
    pub project: Option<ProjectRef>,
    /// Whether it is billable; `None` where the config does not say how to tell.
    pub billable: Option<bool>,
    /// What it belongs to, for people: the project that a rule gave, else the directory's name.
    pub label: String,
    /// The most frequent working directory.
    pub cwd: Option<String>,
    /// Everything else that is known of the stream (all directories, branches, sessions …), for the
    /// privacy filter to judge by. It is not sent.
    pub known: Vec<(Kind, String)>,
}

impl Entry {
    /// Where the entry ends for a service: start + duration, so that no two of start, end and
    /// duration contradict each other.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.start.plus(self.seconds.saturating_mul(1_000))
    }

    /// A hash of all that is sent of it: equal for entries that a service could not tell apart.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let project = self.project.as_ref().map(|it| match &it.wanted {
            Wanted::Id(id) => ["id", id],
            Wanted::Name(name) => ["name", name],
        });
        let sent =
            (self.start, self.seconds, &self.description, &self.tags, project, self.billable);
        let text = serde_json::to_string(&sent).unwrap_or_default();
        let mut hash = blake3::hash(text.as_bytes()).to_hex().to_string();
        hash.truncate(32);
        hash
    }
}

/// A project at a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProjectRef {
    /// By what the config names it there.
    pub wanted: Wanted,
    /// How messages may call it: it has passed the privacy filter.
    pub shown: String,
}

/// How the config names a project at a service. Neither leaves as text: a name is looked for in the
/// service's own list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Wanted {
    /// By its id.
    Id(String),
    /// By its name, to be looked up.
    Name(String),
}

impl Outgoing for Entry {
    fn texts(&mut self, see: &mut dyn FnMut(Kind, &mut String)) {
        see(Kind::Name, &mut self.description);
        self.tags.iter_mut().for_each(|tag| see(Kind::Tag, tag));
        if let Some(project) = &mut self.project {
            see(Kind::Project, &mut project.shown);
        }
        see(Kind::Project, &mut self.label);
        if let Some(cwd) = &mut self.cwd {
            see(Kind::Path, cwd);
        }
    }

    fn also(&self, see: &mut dyn FnMut(Kind, &str)) {
        self.known.iter().for_each(|(kind, text)| see(*kind, text));
    }
}
