//! Who may tag a stream: user > rule > llm.
//!
//! A tag has one source, the highest that gave it. Rules replace what rules gave before and touch
//! nothing else; what a person took off stays off until a person puts it back.

use std::collections::{BTreeMap, BTreeSet};

/// Who gave a tag.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Source {
    /// Suggested by a language model.
    Llm,
    /// Given by a rule.
    Rule,
    /// Given by a person.
    User,
}

impl Source {
    /// As it stands in `stream_tags.assignment_source`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Rule => "rule",
            Self::Llm => "llm",
        }
    }

    /// The source written as `text`; anything unknown ranks lowest.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "user" => Self::User,
            "rule" => Self::Rule,
            _ => Self::Llm,
        }
    }
}

/// The tags of a stream.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tagged {
    /// Tags and who gave them.
    pub tags: BTreeMap<String, Source>,
    /// Tags that a person took off.
    pub removed: BTreeSet<String>,
}

/// One change to the tags of a stream.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Change {
    /// The stream has the tag, by this source.
    Set(String, Source),
    /// The stream has the tag no more.
    Drop(String),
    /// Rules may not give the tag.
    Hold(String),
    /// Rules may give the tag again.
    Release(String),
}

/// What changes when the rules give a stream exactly `wanted`.
#[must_use]
pub fn ruled(now: &Tagged, wanted: &[String]) -> Vec<Change> {
    let gone = now
        .tags
        .iter()
        .filter(|(tag, source)| **source == Source::Rule && !wanted.contains(tag))
        .map(|(tag, _)| Change::Drop(tag.clone()));
    let given = wanted
        .iter()
        .filter(|tag| !now.removed.contains(*tag))
        .filter(|tag| now.tags.get(*tag).is_none_or(|source| *source < Source::Rule))
        .map(|tag| Change::Set(tag.clone(), Source::Rule));
    let mut changes: Vec<_> = gone.chain(given).collect();
    changes.sort_unstable();
    changes.dedup();
    changes
}

/// What changes when a person gives a stream `tag`.
#[must_use]
pub fn tagged_by_user(now: &Tagged, tag: &str) -> Vec<Change> {
    let mut changes = Vec::new();
    if now.tags.get(tag) != Some(&Source::User) {
        changes.push(Change::Set(tag.to_owned(), Source::User));
    }
    if now.removed.contains(tag) {
        changes.push(Change::Release(tag.to_owned()));
    }
    changes
}

/// What changes when a person takes `tag` off a stream.
#[must_use]
pub fn untagged_by_user(now: &Tagged, tag: &str) -> Vec<Change> {
    if !now.tags.contains_key(tag) {
        return Vec::new();
    }
    vec![Change::Drop(tag.to_owned()), Change::Hold(tag.to_owned())]
}

/// What changes when a language model suggests `wanted` for a stream. Whatever has a source keeps
/// it, and what a person took off stays off.
#[must_use]
pub fn suggested<'t>(now: &Tagged, wanted: impl IntoIterator<Item = &'t String>) -> Vec<Change> {
    let is_free = |tag: &&String| !now.tags.contains_key(*tag) && !now.removed.contains(*tag);
    let free = wanted.into_iter().filter(is_free);
    free.map(|tag| Change::Set(tag.clone(), Source::Llm)).collect()
}

/// What changes for a stream when another one, tagged `other`, is joined into it. What a person
/// said of either holds; where they differ, what was said of this one does. Tags that rules gave
/// move too: the rules will run on the whole, but if they cannot just now, no tag may go.
#[must_use]
pub fn joined(now: &Tagged, other: &Tagged) -> Vec<Change> {
    let tags = other
        .tags
        .iter()
        .filter(|(tag, source)| now.tags.get(*tag).is_none_or(|has| has < *source))
        .filter(|(tag, _)| !now.removed.contains(*tag))
        .map(|(tag, source)| Change::Set(tag.clone(), *source));
    let removed = other
        .removed
        .iter()
        .filter(|tag| now.tags.get(*tag) != Some(&Source::User))
        .flat_map(|tag| [Change::Drop(tag.clone()), Change::Hold(tag.clone())]);
    tags.chain(removed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(tags: &[(&str, Source)], removed: &[&str]) -> Tagged {
        Tagged {
            tags: tags.iter().map(|(tag, source)| ((*tag).to_owned(), *source)).collect(),
            removed: removed.iter().map(|tag| (*tag).to_owned()).collect(),
        }
    }

    fn words(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn rules_replace_what_rules_gave_and_nothing_else() {
        let now = tagged(
            &[
                ("acme", Source::User),
                ("old", Source::Rule),
                ("llm", Source::Llm),
                ("guess", Source::Llm),
            ],
            &["off"],
        );
        assert_eq!(
            ruled(&now, &words(&["acme", "billable", "guess", "off", "billable"])),
            [
                Change::Set("billable".to_owned(), Source::Rule),
                Change::Set("guess".to_owned(), Source::Rule),
                Change::Drop("old".to_owned()),
            ]
        );
    }

    #[test]
    fn what_a_person_took_off_stays_off_until_they_put_it_back() {
        let now = tagged(&[("acme", Source::Rule)], &[]);
        assert_eq!(
            untagged_by_user(&now, "acme"),
            [Change::Drop("acme".to_owned()), Change::Hold("acme".to_owned())]
        );
        let off = tagged(&[], &["acme"]);
        assert_eq!(ruled(&off, &words(&["acme"])), []);
        assert_eq!(
            tagged_by_user(&off, "acme"),
            [Change::Set("acme".to_owned(), Source::User), Change::Release("acme".to_owned())]
        );
        assert_eq!(untagged_by_user(&off, "acme"), []);
    }

    #[test]
    fn a_suggestion_adds_and_does_nothing_else() {
        let now =
            tagged(&[("mine", Source::User), ("r", Source::Rule), ("l", Source::Llm)], &["no"]);
        assert_eq!(
            suggested(&now, &words(&["mine", "r", "l", "no", "new"])),
            [Change::Set("new".to_owned(), Source::Llm)]
        );
    }

    #[test]
    fn a_persons_words_move_along_when_streams_are_joined() {
        let now = tagged(&[("a", Source::Rule), ("mine", Source::User)], &["no"]);
        let other = tagged(
            &[("a", Source::User), ("r", Source::Rule), ("no", Source::User)],
            &["mine", "b"],
        );
        assert_eq!(
            joined(&now, &other),
            [
                Change::Set("a".to_owned(), Source::User),
                Change::Set("r".to_owned(), Source::Rule),
                Change::Drop("b".to_owned()),
                Change::Hold("b".to_owned()),
            ]
        );
    }
}
