//! How much is made of a finding: nothing, a warning, a failure.
//!
//! Every code has a level by nature; configs and options set others, the last word winning.
//!
//! INVARIANT (levels): a finding that stops the rules has no level: nothing set here hides it.

use std::collections::BTreeMap;
use std::fmt;

use super::{Code, Finding, Severity};

/// What is made of findings of a code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// Nothing is said.
    Allow,
    /// It is said; the check passes.
    Warn,
    /// The check fails. The rules run all the same.
    Deny,
}

impl Level {
    /// Every level.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Warn, Self::Deny];

    /// The word in configs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }

    /// The level called so.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == text)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The level of every code.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Levels {
    set: BTreeMap<Code, Level>,
    /// What warnings become in the end, if anything else.
    warnings: Option<Level>,
}

impl Levels {
    /// Sets the level of a code.
    pub fn set(&mut self, code: Code, level: Level) {
        self.set.insert(code, level);
    }

    /// Sets what becomes of everything that would be a warning.
    pub fn set_warnings(&mut self, level: Level) {
        self.warnings = Some(level);
    }

    /// These levels, where `other` says nothing else.
    #[must_use]
    pub fn overridden_by(mut self, other: &Self) -> Self {
        self.set.extend(&other.set);
        self.warnings = other.warnings.or(self.warnings);
        self
    }

    /// The level of a code; of one that stops the rules, always [`Level::Deny`].
    #[must_use]
    pub fn of(&self, code: Code) -> Level {
        if !code.is_lint() {
            return Level::Deny;
        }
        let by_nature = if code.is_on() { Level::Warn } else { Level::Allow };
        match self.set.get(&code).copied().unwrap_or(by_nature) {
            Level::Warn => self.warnings.unwrap_or(Level::Warn),
            level @ (Level::Allow | Level::Deny) => level,
        }
    }

    /// The finding as these levels have it; `None` if nothing is to be said.
    #[must_use]
    pub fn apply(&self, mut finding: Finding) -> Option<Finding> {
        finding.severity = match self.of(finding.code) {
            Level::Allow => return None,
            Level::Warn => Severity::Warning,
            Level::Deny => Severity::Error,
        };
        Some(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_wins_and_errors_stay() {
        let mut file = Levels::default();
        file.set(Code::Overlap, Level::Warn);
        file.set(Code::Shadowed, Level::Allow);
        file.set(Code::UnknownField, Level::Allow);
        let mut options = Levels::default();
        options.set_warnings(Level::Deny);
        let both = file.clone().overridden_by(&options);
        let of = |levels: &Levels| {
            [Code::Overlap, Code::Shadowed, Code::Redundant, Code::UnknownField]
                .map(|code| levels.of(code))
        };
        assert_eq!(of(&file), [Level::Warn, Level::Allow, Level::Warn, Level::Deny]);
        assert_eq!(of(&both), [Level::Deny, Level::Allow, Level::Deny, Level::Deny]);
        assert_eq!(Levels::default().of(Code::Overlap), Level::Allow);
    }
}
