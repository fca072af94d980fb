//! THE table of fields: what a rule can ask about a stream.
//!
//! The parser, the type check, did-you-mean, the error messages, the guide and the JSON schema are
//! driven by it; a new field is a line here and a value in [`crate::rules::Stream`].

use crate::diag::suggest::nearest;

/// A field of a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Field {
    /// The most frequent working directory.
    PrimaryCwd,
    /// Every tmux session name.
    TmuxSession,
    /// Every agent type.
    Agent,
    /// Every branch.
    GitBranch,
    /// The repository.
    Repo,
    /// Every linked worktree.
    Worktree,
    /// Total time.
    Duration,
    /// Direct time.
    Direct,
    /// Delegated time.
    Delegated,
    /// Day of the first event.
    Weekday,
    /// Time of day of the first event.
    Time,
}

/// What kind of value a field has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// At most one text.
    Text,
    /// Any number of texts.
    TextSet,
    /// A length of time.
    Duration,
    /// One of the seven days.
    Weekday,
    /// A time of day.
    TimeOfDay,
}

impl Type {
    /// The type in a word or two, for messages and the guide.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::TextSet => "set of text",
            Self::Duration => "duration",
            Self::Weekday => "weekday",
            Self::TimeOfDay => "time of day",
        }
    }
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// The field.
    pub field: Field,
    /// How it is written.
    pub name: &'static str,
    /// How a command takes a value for it: `--cwd`.
    pub flag: &'static str,
    /// What kind of value it has.
    pub ty: Type,
    /// Words that people use for it.
    pub synonyms: &'static [&'static str],
    /// Its value on a stream.
    pub doc: &'static str,
    /// A value to copy, as it stands in TOML.
    pub example: &'static str,
}

/// Every field, in the order in which messages list them.
pub const FIELDS: &[FieldInfo] = &[
    FieldInfo {
        field: Field::PrimaryCwd,
        name: "primary_cwd",
        flag: "cwd",
        ty: Type::Text,
        synonyms: &["path", "cwd", "dir", "directory", "folder"],
        doc: "the most frequent working directory",
        example: r#""~/work/acme/*""#,
    },
    FieldInfo {
        field: Field::TmuxSession,
        name: "tmux_session",
        flag: "session",
        ty: Type::TextSet,
        synonyms: &["session", "tmux", "session_name"],
        doc: "every tmux session name involved",
        example: r#""personal-*""#,
    },
    FieldInfo {
        field: Field::Agent,
        name: "agent",
        flag: "agent",
        ty: Type::TextSet,
        synonyms: &["tool", "assistant"],
        doc: "every agent type used",
        example: r#""claude-code""#,
    },
    FieldInfo {
        field: Field::GitBranch,
        name: "git_branch",
        flag: "branch",
        ty: Type::TextSet,
        synonyms: &["branch"],
        doc: "every git branch its events carry",
        example: r#""feature/*""#,
    },
    FieldInfo {
        field: Field::Repo,
        name: "repo",
        flag: "repo",
        ty: Type::Text,
        synonyms: &["repository", "remote", "git_repo"],
        doc: "the repository it belongs to, the same for every worktree and clone",
        example: r#""acme/webapp""#,
    },
    FieldInfo {
        field: Field::Worktree,
        name: "worktree",
        flag: "worktree",
        ty: Type::TextSet,
        synonyms: &["git_worktree"],
        doc: "names of the linked worktrees involved",
        example: r#""review-*""#,
    },
    FieldInfo {
        field: Field::Duration,
        name: "duration",
        flag: "duration",
        ty: Type::Duration,
        synonyms: &["total", "length"],
        doc: "total time, direct and delegated",
        example: r#"">= 15m""#,
    },
    FieldInfo {
        field: Field::Direct,
        name: "direct",
        flag: "direct",
        ty: Type::Duration,
        synonyms: &["time_direct", "focus"],
        doc: "time under the person's own hands",
        example: r#""15m..2h""#,
    },
    FieldInfo {
        field: Field::Delegated,
        name: "delegated",
        flag: "delegated",
        ty: Type::Duration,
        synonyms: &["time_delegated", "agent_time"],
        doc: "time that agents worked",
        example: r#""> 1h30m""#,
    },
    FieldInfo {
        field: Field::Weekday,
        name: "weekday",
        flag: "weekday",
        ty: Type::Weekday,
        synonyms: &["day", "day_of_week", "dow"],
        doc: "day of the first event, local time",
        example: r#"["sat", "sun"]"#,
    },
    FieldInfo {
        field: Field::Time,
        name: "time",
        flag: "time",
        ty: Type::TimeOfDay,
        synonyms: &["hour", "clock", "time_of_day"],
        doc: "time of day of the first event, local time",
        example: r#""09:00..17:30""#,
    },
];

/// The days as rules write them, Monday first.
pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Field {
    /// The field of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        FIELDS.iter().find(|info| info.name == name).map(|info| info.field)
    }

    /// Its line of the table.
    #[must_use]
    pub fn info(self) -> &'static FieldInfo {
        // FIELDS is in the order of the enum; a test below walks it.
        &FIELDS[self as usize]
    }

    /// The field probably meant by an unknown name: a synonym, else one near in spelling to a name
    /// or a synonym.
    #[must_use]
    pub fn meant_by(word: &str) -> Option<Self> {
        let lower = word.to_lowercase().replace('-', "_");
        let synonym = FIELDS
            .iter()
            .find(|info| info.name == lower || info.synonyms.contains(&lower.as_str()));
        if let Some(info) = synonym {
            return Some(info.field);
        }
        if let Some(name) = nearest(&lower, FIELDS.iter().map(|info| info.name)) {
            return Self::named(name);
        }
        let synonyms = FIELDS.iter().flat_map(|info| info.synonyms.iter().copied());
        let near = nearest(&lower, synonyms)?;
        FIELDS.iter().find(|info| info.synonyms.contains(&near)).map(|info| info.field)
    }

    /// All names, as messages list them: `primary_cwd, tmux_session, agent, …`.
    #[must_use]
    pub fn list() -> String {
        FIELDS.iter().map(|info| info.name).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_table_is_in_order_and_unambiguous() {
        let mut words = HashSet::new();
        for (place, info) in FIELDS.iter().enumerate() {
            assert_eq!(info.field as usize, place);
            assert_eq!(Field::named(info.name), Some(info.field));
            assert_eq!(Field::meant_by(info.flag), Some(info.field));
            for word in info.synonyms.iter().chain([&info.name]) {
                assert!(words.insert(*word), "{word} twice");
                assert_eq!(Field::meant_by(word), Some(info.field));
            }
        }
        assert!(Field::list().starts_with("primary_cwd, tmux_session, agent, "));
    }

    #[test]
    fn spelling_and_synonyms() {
        let meant = |word| Field::meant_by(word).map(|field| field.info().name);
        assert_eq!(meant("pathh"), Some("primary_cwd"));
        assert_eq!(meant("primary-cwd"), Some("primary_cwd"));
        assert_eq!(meant("PrimaryCwd"), Some("primary_cwd"));
        assert_eq!(meant("tmux_sesion"), Some("tmux_session"));
        assert_eq!(meant("agents"), Some("agent"));
        assert_eq!(meant("brnach"), Some("git_branch"));
        assert_eq!(meant("priority"), None);
    }
}
