//! The records of an export: what they hold, and which of it the privacy filter is to see.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde::{Serialize, Serializer};

use crate::judged;
use crate::privacy::{Kind, Outgoing};
use crate::store::derived::{PERSON, StreamRow, TimeEntry};
use crate::store::texts::{TextId, Texts};
use crate::store::{StoreError, Transaction, tags};
use crate::time::{Interval, Millis, Timestamp};

/// What is known of a stream beyond what is written of it.
type Known = Rc<[(Kind, String)]>;

/// A tag, and who gave it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TagOut {
    /// The tag.
    pub tag: String,
    /// `user`, `rule` or `llm`.
    pub source: &'static str,
}

/// The rule that gave a stream its tags.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RuleOut {
    /// What it is called.
    pub name: String,
    /// Its line in the config.
    pub line: i64,
}

/// A stream, as `tt streams --json` shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StreamOut {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The most frequent working directory.
    pub primary_cwd: Option<String>,
    /// The most frequent repository.
    pub repo: Option<String>,
    /// Names of linked worktrees; these and the other lists sorted.
    pub worktrees: Vec<String>,
    /// tmux sessions.
    pub tmux_sessions: Vec<String>,
    /// Agents.
    pub agents: Vec<String>,
    /// Branches.
    pub git_branches: Vec<String>,
    /// First event.
    pub first_event_at: Timestamp,
    /// Last event.
    pub last_event_at: Timestamp,
    /// Direct time.
    pub time_direct_ms: Millis,
    /// Delegated time.
    pub time_delegated_ms: Millis,
    /// Tags, sorted.
    pub tags: Vec<TagOut>,
    /// The rule that matched it last.
    pub rule: Option<RuleOut>,
    /// The billing project that rule gave.
    pub project: Option<String>,
    /// When anything of it changed.
    pub updated_at: String,
    #[serde(skip)]
    known: Known,
}

impl StreamOut {
    /// The stream `row`.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn of(
        tx: &Transaction<'_>,
        texts: &mut Texts<'_>,
        row: &StreamRow,
    ) -> Result<Self, StoreError> {
        let facts = &row.facts;
        let mut tags = Vec::new();
        for (tag, source) in tags::of_streams(tx, &[&row.id])?.remove(&row.id).unwrap_or_default() {
            tags.push(TagOut { tag, source: source.as_str() });
        }
        let names: Vec<String> = tags.iter().map(|it: &TagOut| it.tag.clone()).collect();
        let known = judged::of_stream(row, &names, texts)?;
        Ok(Self {
            id: row.id.clone(),
            name: row.name.clone(),
            primary_cwd: list(texts, facts.cwds.most_frequent())?.into_iter().next(),
            repo: list(texts, facts.repos.most_frequent())?.into_iter().next(),
            worktrees: list(texts, facts.worktrees.texts())?,
            tmux_sessions: list(texts, facts.tmux.texts())?,
            agents: list(texts, facts.agents.texts())?,
            git_branches: list(texts, facts.branches.texts())?,
            first_event_at: row.first,
            last_event_at: row.last,
            time_direct_ms: row.direct_ms,
            time_delegated_ms: row.delegated_ms,
            tags,
            rule: row.rule.as_ref().map(|it| RuleOut { name: it.title(), line: it.line }),
            project: row.project.clone(),
            updated_at: row.updated_at.clone(),
            known: known.into(),
        })
    }
}

/// Texts by their numbers, sorted.
fn list(
    texts: &mut Texts<'_>,
    ids: impl IntoIterator<Item = TextId>,
) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for id in ids {
        found.extend(texts.owned(id)?);
    }
    found.sort_unstable();
    Ok(found)
}

impl Outgoing for StreamOut {
    fn texts(&mut self, see: &mut dyn FnMut(Kind, &mut String)) {
        see(Kind::Name, &mut self.name);
        for (kind, text) in [
            (Kind::Path, &mut self.primary_cwd),
            (Kind::Repo, &mut self.repo),
            (Kind::Project, &mut self.project),
        ] {
            if let Some(text) = text {
                see(kind, text);
            }
        }
        for (kind, list) in [
            (Kind::Repo, &mut self.worktrees),
            (Kind::Session, &mut self.tmux_sessions),
            (Kind::Other, &mut self.agents),
            (Kind::Branch, &mut self.git_branches),
        ] {
            list.iter_mut().for_each(|text| see(kind, text));
        }
        self.tags.iter_mut().for_each(|it| see(Kind::Tag, &mut it.tag));
        // People call rules by what they bill.
        if let Some(rule) = &mut self.rule {
            see(Kind::Project, &mut rule.name);
        }
    }

    fn also(&self, see: &mut dyn FnMut(Kind, &str)) {
        self.known.iter().for_each(|(kind, text)| see(*kind, text));
    }

    /// The id is made of the root's path and the first event's time.
    fn reidentify(&mut self, new: &dyn Fn(&str) -> String) {
        self.id = new(&self.id);
    }
}

/// Whose time an entry is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EntryKind {
    /// The person's attention.
    Direct,
    /// Agents' work.
    Delegated,
}

impl EntryKind {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Delegated => "delegated",
        }
    }
}

impl Serialize for EntryKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A time entry: an interval in which the person, or agents, worked for a stream. Agents that work
/// side by side for one stream share an entry, since their time counts once: the lengths of a
/// stream's entries add up to its time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EntryOut {
    /// The stream's id, the kind and the start: see `read_id`.
    pub id: String,
    /// The stream.
    pub stream_id: String,
    /// Its name.
    pub name: String,
    /// Whose time it is.
    pub kind: EntryKind,
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
    /// Its length.
    pub duration_ms: Millis,
    /// The agent sessions that worked in it, sorted; none in direct time.
    pub agent_sessions: Vec<String>,
    /// The stream's tags, sorted.
    pub tags: Vec<String>,
    /// The stream's billing project.
    pub project: Option<String>,
    #[serde(skip)]
    known: Known,
}

impl EntryOut {
    /// The entries of `stream` within `range`, cut at its borders, in the order of their starts.
    pub(super) fn all_of(
        stream: &StreamOut,
        mut found: Vec<TimeEntry>,
        range: Interval,
        texts: &mut Texts<'_>,
    ) -> Result<Vec<Self>, StoreError> {
        let mut judged_by = stream.clone();
        let mut known = stream.known.to_vec();
        judged_by.texts(&mut |kind, text| known.push((kind, text.clone())));
        let known: Known = known.into();
        let tags: Vec<String> = stream.tags.iter().map(|it| it.tag.clone()).collect();
        for entry in &mut found {
            entry.interval = entry.interval.intersect(range);
        }
        found.retain(|entry| !entry.interval.is_empty());
        let mut out = Vec::new();
        for kind in [EntryKind::Direct, EntryKind::Delegated] {
            let of_kind =
                found.iter().filter(|it| (it.actor == PERSON) == (kind == EntryKind::Direct));
            for (interval, actors) in united(of_kind.copied().collect()) {
                out.push(Self {
                    id: entry_id(&stream.id, kind, interval.start),
                    stream_id: stream.id.clone(),
                    name: stream.name.clone(),
                    kind,
                    start: interval.start,
                    end: interval.end,
                    duration_ms: interval.millis(),
                    agent_sessions: list(texts, actors)?,
                    tags: tags.clone(),
                    project: stream.project.clone(),
                    known: Rc::clone(&known),
                });
            }
        }
        out.sort_by_key(Self::place);
        Ok(out)
    }

    /// Where it stands among the entries of its stream.
    pub(super) fn place(&self) -> (Timestamp, EntryKind) {
        (self.start, self.kind)
    }
}

impl Outgoing for EntryOut {
    fn texts(&mut self, see: &mut dyn FnMut(Kind, &mut String)) {
        see(Kind::Name, &mut self.name);
        self.agent_sessions.iter_mut().for_each(|it| see(Kind::Other, it));
        self.tags.iter_mut().for_each(|it| see(Kind::Tag, it));
        if let Some(project) = &mut self.project {
            see(Kind::Project, project);
        }
    }

    fn also(&self, see: &mut dyn FnMut(Kind, &str)) {
        self.known.iter().for_each(|(kind, text)| see(*kind, text));
    }

    fn reidentify(&mut self, new: &dyn Fn(&str) -> String) {
        self.stream_id = new(&self.stream_id);
        self.id = entry_id(&self.stream_id, self.kind, self.start);
    }
}

fn entry_id(stream: &str, kind: EntryKind, start: Timestamp) -> String {
    format!("{stream}:{}:{start}", kind.as_str())
}

/// What overlaps or touches as one interval, with everybody who has a part in it.
fn united(mut entries: Vec<TimeEntry>) -> Vec<(Interval, BTreeSet<TextId>)> {
    entries.sort_unstable_by_key(|it| it.interval);
    let mut out: Vec<(Interval, BTreeSet<TextId>)> = Vec::new();
    for TimeEntry { interval, actor, .. } in entries {
        match out.last_mut() {
            Some((last, actors)) if interval.start <= last.end => {
                last.end = last.end.max(interval.end);
                actors.insert(actor);
            }
            _ => out.push((interval, BTreeSet::from([actor]))),
        }
    }
    out
}

/// The stream that a time entry's id ([`entry_id`]) names, and where the entry stands among those of it.
pub(super) fn read_id(id: &str) -> Option<(&str, (Timestamp, EntryKind))> {
    let (stream, rest) = id.split_once(':')?;
    let (kind, start) = rest.split_once(':')?;
    let kinds = [EntryKind::Direct, EntryKind::Delegated];
    let kind = kinds.into_iter().find(|it| it.as_str() == kind)?;
    Some((stream, (Timestamp::parse(start)?, kind)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::{total, union};

    fn entry(actor: TextId, start: i64, length: i64) -> TimeEntry {
        let at = Timestamp::from_millis;
        TimeEntry { stream: 1, actor, interval: Interval::new(at(start), at(start + length)) }
    }

    #[test]
    fn agents_side_by_side_share_an_entry() {
        let found = united(vec![entry(3, 50, 10), entry(2, 5, 10), entry(1, 0, 10)]);
        let actors = |list: &[TextId]| list.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(
            found,
            [
                (entry(1, 0, 15).interval, actors(&[1, 2])),
                (entry(3, 50, 10).interval, actors(&[3]))
            ]
        );
    }

    #[test]
    fn ids_tell_where_they_stand() {
        let at = Timestamp::parse("2025-01-28T10:00:00.5Z").unwrap();
        let id = format!("abc:{}:{at}", EntryKind::Delegated.as_str());
        assert_eq!(read_id(&id), Some(("abc", (at, EntryKind::Delegated))));
        for text in ["", "abc", "abc:direct", "abc:other:2025-01-28T10:00:00Z", "abc:direct:soon"] {
            assert_eq!(read_id(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn entries_are_the_union(parts in prop::collection::vec((1i64..4, 0i64..60, 1i64..9), 0..12)) {
            let all: Vec<_> = parts.into_iter().map(|(who, from, long)| entry(who, from, long)).collect();
            let wanted = union(all.iter().map(|it| it.interval).collect());
            let found: Vec<_> = united(all).into_iter().map(|it| it.0).collect();
            prop_assert_eq!(total(&found), total(&wanted));
            prop_assert_eq!(found, wanted);
        }
    }
}
