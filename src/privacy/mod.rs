//! The privacy filter: what leaves the machine, and in which words.
//!
//! One filter stands before every way out. What is to leave says which texts it has and what each
//! of them is ([`Outgoing`]); the filter judges it by them and rewrites them; what comes out is
//! [`Safe`], a type that only the filter can make and that every way out asks for.
//!
//! INVARIANT (one way out): a destination, an export and a report that is asked for filtered take
//! [`Safe`] values only, and [`Filter::pass`] alone makes them.

mod event;

use std::fmt;

/// What a text says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A path of the file system.
    Path,
    /// A tmux session.
    Session,
    /// A branch.
    Branch,
    /// A repository, or the name of a worktree.
    Repo,
    /// A title of a window or page, a subject of a commit, a remark.
    Title,
    /// An address of a page, or its domain.
    Url,
    /// A stream's name.
    Name,
    /// A tag.
    Tag,
    /// A billing project.
    Project,
    /// Any other text.
    Other,
}

/// Something that is to leave.
pub trait Outgoing {
    /// Shows every text in it, to be read or rewritten.
    fn texts(&mut self, see: &mut dyn FnMut(Kind, &mut String));

    /// Shows what it is judged by beside its texts, such as directories that are not named in it.
    fn also(&self, _see: &mut dyn FnMut(Kind, &str)) {}

    /// Replaces its id by what `new` makes of it, where the id is a hash of what it says or said:
    /// whoever knows how it was made could try guesses. Called where texts may be rewritten.
    fn reidentify(&mut self, _new: &dyn Fn(&str) -> String) {}
}

/// Something that has passed the filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Safe<T>(T);

impl<T> Safe<T> {
    /// What may leave.
    #[must_use]
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// Why something does not leave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Withheld {
    /// In words that name no text of it, such as `excluded by '~/private/*'`.
    pub why: String,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// The filter of a config.
#[derive(Debug, Default)]
pub struct Filter {}

impl Filter {
    /// Lets everything pass as it is, whatever the config says: for `tt export --raw` alone.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// Lets `it` pass in the words in which it may leave.
    ///
    /// # Errors
    /// [`Withheld`], where it does not leave at all.
    pub fn pass<T: Outgoing>(&self, it: T) -> Result<Safe<T>, Withheld> {
        Ok(Safe(it))
    }

    /// A message in which every excluded path and obfuscated name is replaced.
    #[must_use]
    pub fn mask(&self, message: &str) -> String {
        message.to_owned()
    }
}
