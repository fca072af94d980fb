//! The privacy filter: what leaves the machine, and in which words.
//!
//! One filter stands before every way out. What is to leave says which texts it has and what each
//! of them is ([`Outgoing`]); the filter judges it by them and rewrites them; what comes out is
//! [`Safe`], a type that only the filter can make and that every way out asks for.
//!
//! ```text
//! [privacy] ── settings ─┐
//!                        ├─▶ names: searched everywhere ─┐
//! database ── Known ─────┘                               ├─▶ Filter::pass ─▶ Safe
//!           it ── texts, also ─▶ judge: leaves at all? ──┘
//! ```
//!
//! A text is rewritten by what it is (a branch becomes a branch's token), and whatever is left of
//! it is searched for names and paths that must not leave (`names.rs`), however they are spelt
//! (`spelling.rs`).
//!
//! INVARIANT (one way out): a destination, an export, a question to a model and a report that is
//! asked for filtered take [`Safe`] values only, and [`Filter::pass`] alone makes them.
//!
//! INVARIANT (kept in): no text of what has passed holds an excluded path, or a name of a class
//! that is obfuscated, as far as names are known.

mod event;
mod globs;
mod judge;
mod names;
mod paths;
mod settings;
mod spelling;
mod token;

#[cfg(test)]
mod laws;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use judge::Verdict;
pub use names::Known;
use names::{Becomes, Names, Within};
pub use settings::{Glob, Settings};
use token::EXCLUDED;
pub use token::{Class, Key};

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

impl Kind {
    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Session => "session",
            Self::Branch => "branch",
            Self::Repo => "repository",
            Self::Title => "title",
            Self::Url => "address",
            Self::Name => "name",
            Self::Tag => "tag",
            Self::Project => "project",
            Self::Other => "text",
        }
    }
}

/// Whether a text that came back has a token in it, or the mark of what is excluded.
#[must_use]
pub fn holds_token(text: &str) -> bool {
    !token::tokens_in(text).is_empty()
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

/// Why something does not leave, with the text that decides: for the person's own eyes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// A text of it meets a glob of `exclude`.
    Excluded {
        /// The glob as it is written.
        glob: String,
        /// What the text says.
        kind: Kind,
        /// The text.
        text: String,
    },
    /// None of its texts meets a glob of `include`.
    NotIncluded,
}

impl fmt::Display for Reason {
    /// Without the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Excluded { glob, .. } => write!(f, "excluded by '{glob}'"),
            Self::NotIncluded => f.write_str("nothing of it is in 'include'"),
        }
    }
}

/// The filter of a config. Without one, everything passes as it is.
#[derive(Default)]
pub struct Filter {
    active: Option<Box<Active>>,
}

impl fmt::Debug for Filter {
    /// Neither names nor the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("is_on", &self.is_on()).finish_non_exhaustive()
    }
}

struct Active {
    settings: Settings,
    key: Key,
    names: Names,
    /// What was found of texts: a million events have few distinct ones.
    seen: Mutex<HashMap<Kind, HashMap<String, Arc<Seen>>>>,
}

/// What the filter makes of a text.
#[derive(Debug)]
struct Seen {
    verdict: Verdict,
    /// How it leaves; `None` as it is.
    leaves_as: Option<String>,
}

impl Filter {
    /// The filter of these settings, for what the database knows. With empty settings everything
    /// passes as it is. Costs the verdict on each known path, and an automaton over all names.
    ///
    /// # Errors
    /// Where more is known than can be searched for.
    pub fn new(settings: Settings, key: Key, known: &Known) -> Result<Self, String> {
        if settings.is_empty() {
            return Ok(Self::default());
        }
        let names = Names::new(&settings, &key, known).map_err(|error| error.to_string())?;
        let active = Active { settings, key, names, seen: Mutex::default() };
        Ok(Self { active: Some(Box::new(active)) })
    }

    /// Lets everything pass as it is, whatever the config says: for `tt export --raw` alone.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// Whether it may withhold or rewrite anything.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.active.is_some()
    }

    /// Lets `it` pass in the words in which it may leave.
    ///
    /// # Errors
    /// [`Withheld`], where it does not leave at all.
    pub fn pass<T: Outgoing>(&self, mut it: T) -> Result<Safe<T>, Withheld> {
        let Some(active) = &self.active else {
            return Ok(Safe(it));
        };
        if let Some(reason) = active.reason(&mut it) {
            return Err(Withheld { why: reason.to_string() });
        }
        if active.settings.rewrites() {
            it.texts(&mut |kind, text| {
                if let Some(other) = &active.see(kind, text).leaves_as {
                    text.clone_from(other);
                }
            });
            it.reidentify(&|id| active.key.id(id));
        }
        Ok(Safe(it))
    }

    /// Why `it` would not leave; `None` where it would. It is not changed.
    pub fn reason<T: Outgoing>(&self, it: &mut T) -> Option<Reason> {
        self.active.as_ref()?.reason(it)
    }

    /// How a text leaves that is in something that leaves; `None` as it is.
    #[must_use]
    pub fn becomes(&self, kind: Kind, text: &str) -> Option<String> {
        self.active.as_ref()?.see(kind, text).leaves_as.clone()
    }

    /// How the id of something leaves, where texts may be rewritten; see [`Outgoing::reidentify`].
    #[must_use]
    pub fn id(&self, id: &str) -> String {
        match self.active.as_ref().filter(|active| active.settings.rewrites()) {
            Some(active) => active.key.id(id),
            None => id.to_owned(),
        }
    }

    /// A message in which every excluded path and obfuscated name is replaced.
    #[must_use]
    pub fn mask(&self, message: &str) -> String {
        let masked = self.active.as_ref().and_then(|active| active.clean(message, Within::Prose));
        masked.unwrap_or_else(|| message.to_owned())
    }
}

impl Active {
    fn reason(&self, it: &mut dyn Outgoing) -> Option<Reason> {
        let (mut excluded, mut included) = (None, self.settings.include.is_empty());
        let mut judge = |kind, text: &str| {
            let Verdict { excluded: by, included: meets } = self.see(kind, text).verdict;
            included |= meets;
            if let Some(glob) = by.and_then(|by| self.settings.exclude.get(by))
                && excluded.is_none()
            {
                let (glob, text) = (glob.written.clone(), text.to_owned());
                excluded = Some(Reason::Excluded { glob, kind, text });
            }
        };
        it.texts(&mut |kind, text| judge(kind, text));
        it.also(&mut judge);
        excluded.or((!included).then_some(Reason::NotIncluded))
    }

    fn see(&self, kind: Kind, text: &str) -> Arc<Seen> {
        /// Beyond so many texts of a kind the cache starts anew; longer texts are not kept.
        const MOST: usize = 2_000;
        const LONGEST: usize = 500;
        let lock = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = lock().get(&kind).and_then(|seen| seen.get(text)) {
            return Arc::clone(seen);
        }
        let verdict = self.settings.verdict(kind, text);
        let leaves_as = self.settings.rewrites().then(|| self.rewritten(kind, text)).flatten();
        let seen = Arc::new(Seen { verdict, leaves_as });
        if text.len() <= LONGEST {
            let mut cache = lock();
            let of_kind = cache.entry(kind).or_default();
            if of_kind.len() >= MOST {
                of_kind.clear();
            }
            of_kind.insert(text.to_owned(), Arc::clone(&seen));
        }
        seen
    }

    fn hides(&self, class: Class) -> bool {
        self.settings.obfuscate.contains(&class)
    }

    /// How a text leaves; `None` as it is.
    fn rewritten(&self, kind: Kind, text: &str) -> Option<String> {
        if text.is_empty() || token::is_token(text) {
            return None;
        }
        let token = |class| Some(self.key.token(class, text));
        match kind {
            Kind::Path if self.hides(Class::Paths) => Some(self.obfuscated(text)),
            Kind::Other if self.hides(Class::Paths) && paths::is_whole(text) => {
                Some(self.obfuscated(text))
            }
            Kind::Title | Kind::Url if self.hides(Class::Titles) => token(Class::Titles),
            Kind::Name if self.hides(Class::Titles) && !self.names.is_directory(text) => {
                token(Class::Titles)
            }
            Kind::Branch if self.hides(Class::Branches) => token(Class::Branches),
            Kind::Session | Kind::Project if self.hides(Class::Projects) => token(Class::Projects),
            Kind::Repo if self.hides(Class::Projects) => {
                let parts = text.split('/').map(|part| self.component(Class::Projects, part));
                Some(parts.collect::<Vec<_>>().join("/"))
            }
            Kind::Name | Kind::Tag if self.names.is_project(text) => token(Class::Projects),
            Kind::Path if paths::is_whole(text) => self.clean(text, Within::Path),
            Kind::Path => self.clean(text, Within::Part),
            Kind::Session
            | Kind::Branch
            | Kind::Repo
            | Kind::Title
            | Kind::Url
            | Kind::Name
            | Kind::Tag
            | Kind::Project
            | Kind::Other => self.clean(text, Within::Prose),
        }
    }

    fn component(&self, class: Class, text: &str) -> String {
        match text {
            "" | "." | ".." => text.to_owned(),
            _ if token::is_token(text) => text.to_owned(),
            _ => self.key.token(class, text),
        }
    }

    /// A path, component by component, so that what lies below it lies below it still. `~` is the
    /// first home.
    fn obfuscated(&self, path: &str) -> String {
        let first = self.settings.homes.get(..1).unwrap_or_default();
        let meant = paths::meant(path, first).pop().unwrap_or_default();
        let parts = meant.split('/').map(|part| self.component(Class::Paths, part));
        parts.collect::<Vec<_>>().join("/")
    }

    /// A text without the names and paths that must not leave; `None` where it has none.
    fn clean(&self, text: &str, within: Within) -> Option<String> {
        /// More than any text needs that nobody made for the purpose.
        const ROUNDS: usize = 50;
        let mut cleaned: Option<String> = None;
        // What was replaced may have hidden another find that overlapped it.
        for _ in 0..ROUNDS {
            let now = cleaned.as_deref().unwrap_or(text);
            match cut(now, self.cuts(now, within)) {
                Some(next) => cleaned = Some(next),
                None => return cleaned,
            }
        }
        Some(EXCLUDED.to_owned())
    }

    /// What is to be replaced, and by what.
    fn cuts(&self, text: &str, within: Within) -> Vec<(Range<usize>, String)> {
        let mut cuts = Vec::new();
        let is_path = within == Within::Path;
        let end = |from| if is_path { text.len() } else { paths::end(text, from) };
        for (place, becomes) in self.names.find(text, within) {
            cuts.push(match becomes {
                Becomes::Nothing => (place.start..end(place.end), EXCLUDED.to_owned()),
                Becomes::Mark => (place, EXCLUDED.to_owned()),
                Becomes::Token(token) => (place, token.clone()),
                Becomes::Path(path) => {
                    let end = end(place.end);
                    let rest = text.get(place.end..end).unwrap_or_default();
                    let whole = format!("{path}{}", spelling::decoded(rest));
                    (place.start..end, self.obfuscated(&whole))
                }
            });
        }
        if !is_path {
            for reading in spelling::Reading::all(text) {
                for (place, path) in paths::within(&reading.text) {
                    let place = reading.place(place.start, place.end);
                    if self.settings.verdict(Kind::Path, path).excluded.is_some() {
                        cuts.push((place, EXCLUDED.to_owned()));
                    } else if self.hides(Class::Paths) {
                        cuts.push((place, self.obfuscated(path)));
                    }
                }
            }
        }
        let tokens = if cuts.is_empty() { Vec::new() } else { token::tokens_in(text) };
        cuts.retain(|(place, by)| {
            let within = |it: &Range<usize>| it.start <= place.start && place.end <= it.end;
            !tokens.iter().any(within) && text.get(place.clone()) != Some(by)
        });
        cuts
    }
}

/// `text` with the cuts made; of those that overlap the first, of these the longest, and what the
/// others have beyond it goes with it. `None` where there are none.
fn cut(text: &str, mut cuts: Vec<(Range<usize>, String)>) -> Option<String> {
    cuts.sort_by_key(|(place, _)| (place.start, std::cmp::Reverse(place.end)));
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for (place, by) in &cuts {
        if place.start >= done {
            out.push_str(text.get(done..place.start).unwrap_or_default());
            out.push_str(by);
        }
        done = done.max(place.end);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    (!cuts.is_empty()).then_some(out)
}
