//! Tokens: the words that stand for words that do not leave.
//!
//! A token says of which class a text is and no more. Its digits are a keyed hash, so that nobody
//! without the key can try guesses; the key stays in the database. The digits depend on the text
//! alone and its class on where it stands, hence a name that is a repository here and a part of a
//! path there can be recognized as the same, and no token changes because `tt` learnt something.
//!
//! INVARIANT (stable): a token is a function of key, class and text; spellings that differ in case
//! or normalisation are one text.

use std::fmt;
use std::ops::Range;

use super::spelling::fold;

/// What stands for an excluded text within another.
pub(super) const EXCLUDED: &str = "[excluded]";

/// So many hexadecimal digits: of a million texts, some pair is expected to share a token in every
/// second database.
const DIGITS: usize = 10;

/// What is obfuscated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Class {
    /// Paths, component by component.
    Paths,
    /// Names of projects: repositories, their directories, worktrees, tmux sessions.
    Projects,
    /// Branches.
    Branches,
    /// Titles, addresses, subjects, remarks.
    Titles,
}

impl Class {
    /// All of them, in the order in which they are documented.
    pub const ALL: [Self; 4] = [Self::Paths, Self::Projects, Self::Branches, Self::Titles];

    /// As the config calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paths => "paths",
            Self::Projects => "projects",
            Self::Branches => "branches",
            Self::Titles => "titles",
        }
    }

    /// What its tokens begin with.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Paths => "x",
            Self::Projects => "project-",
            Self::Branches => "branch-",
            Self::Titles => "title-",
        }
    }
}

/// The key of a database's tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl Key {
    /// The key of these bytes, which are to be random.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The token of a text.
    #[must_use]
    pub(super) fn token(&self, class: Class, text: &str) -> String {
        format!("{}{}", class.prefix(), self.digits("name", &fold(text), DIGITS))
    }

    /// What stands for an id that was made out of what does not leave.
    #[must_use]
    pub(super) fn id(&self, id: &str) -> String {
        self.digits("id", id, 20)
    }

    fn digits(&self, what: &str, text: &str, length: usize) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(what.as_bytes()).update(&[0]).update(text.as_bytes());
        hasher.finalize().to_hex().chars().take(length).collect()
    }
}

/// Whether all of `text` is one token.
#[must_use]
pub(super) fn is_token(text: &str) -> bool {
    matches!(tokens_in(text).as_slice(), [only] if *only == (0..text.len()))
}

/// Where tokens stand in a text.
#[must_use]
pub(super) fn tokens_in(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> =
        text.match_indices(EXCLUDED).map(|(at, it)| at..at + it.len()).collect();
    for class in Class::ALL {
        for (at, prefix) in text.match_indices(class.prefix()) {
            let digits = at + prefix.len();
            let end = digits + DIGITS;
            let is_hex = |it: &str| it.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
            let apart = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
            if text.get(digits..end).is_some_and(is_hex)
                && apart(text.get(end..).and_then(|rest| rest.chars().next()))
                && (class != Class::Paths
                    || apart(text.get(..at).and_then(|it| it.chars().next_back())))
            {
                found.push(at..end);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_stable_and_keyed_and_know_each_other() {
        let [key, other] = [Key::new([1; 32]), Key::new([2; 32])];
        let token = key.token(Class::Projects, "acme");
        assert_eq!(token, key.token(Class::Projects, "ACME"));
        assert_ne!(token, key.token(Class::Projects, "acmes"));
        assert_ne!(token, other.token(Class::Projects, "acme"));
        assert_eq!(token[8..], key.token(Class::Paths, "acme")[1..]);
        for class in Class::ALL {
            let token = key.token(class, "acme");
            assert!(is_token(&token), "{token}");
            assert_eq!(tokens_in(&format!("in {token}/x")).first(), Some(&(3..3 + token.len())));
        }
        assert!(!is_token("project-3f9a"));
        assert!(!is_token("ax3f9a2c1b00"));
        assert_eq!(format!("{key:?}"), "(hidden)");
    }
}
