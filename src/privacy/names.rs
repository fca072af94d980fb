//! The names and paths that the database knows and that must not leave, wherever they stand.
//!
//! All of them are searched at once, in every reading of a text ([`super::spelling`]). Names of
//! less than four bytes count as words of their own only, longer ones anywhere; a path counts where
//! it does not go on as another name.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use aho_corasick::{AhoCorasick, BuildError};

use super::Kind;
use super::paths;
use super::settings::Settings;
use super::spelling::{Reading, fold};
use super::token::{Class, Key};
use crate::event::Place;
use crate::rules::{Part, Pattern};

/// What the database knows that may have to be hidden.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// Where events happened.
    pub places: Vec<Place>,
    /// Roots of streams: directories, or `repo:` and a name.
    pub roots: Vec<String>,
    /// tmux sessions.
    pub sessions: Vec<String>,
    /// Billing projects.
    pub projects: Vec<String>,
    /// Names of streams.
    pub names: Vec<String>,
}

/// What a find becomes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Becomes {
    /// The mark of what is excluded, with whatever of a path goes on behind it.
    Nothing,
    /// The same without looking on.
    Mark,
    /// This path, component by component, with whatever goes on behind it.
    Path(String),
    /// A token.
    Token(String),
}

/// What a text is that is searched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Within {
    /// Anything.
    Prose,
    /// Said to be a path, and perhaps a part of one.
    Part,
    /// A path from the root or from home: what goes on behind a component is another name.
    Path,
}

/// Where a find counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Edges {
    Anywhere,
    /// Not within a word.
    Word,
    /// Not within a word, and not in a path, where the word is another's.
    Prose,
    /// Where the last component of a path ends.
    Component,
}

#[derive(Debug)]
struct Word {
    becomes: Becomes,
    edges: Edges,
}

/// Everything that is searched.
#[derive(Debug, Default)]
pub(super) struct Names {
    automaton: Option<AhoCorasick>,
    /// By the number of their text in the automaton; the first that counts there holds.
    words: Vec<Vec<Word>>,
    /// Names of projects, folded.
    projects: HashSet<String>,
    /// Names of directories that streams are called after, folded.
    directories: HashSet<String>,
}

impl Names {
    /// What is to be searched under these settings.
    ///
    /// # Errors
    /// Where there is more than an automaton can hold.
    pub(super) fn new(settings: &Settings, key: &Key, known: &Known) -> Result<Self, BuildError> {
        let directories = known.roots.iter().filter_map(|root| last_of_root(root)).map(fold);
        let mut builder = Builder { settings, key, words: BTreeMap::new() };
        builder.excluded(known);
        let projects = project_names(settings, known);
        for class in &settings.obfuscate {
            match class {
                Class::Projects => {
                    let searched = projects.iter().filter(|(_, searched)| *searched);
                    searched.for_each(|(name, _)| builder.token(Class::Projects, name));
                }
                Class::Branches => builder.branches(known),
                Class::Titles | Class::Paths => {}
            }
        }
        let directories: HashSet<String> = directories.collect();
        if settings.obfuscate.contains(&Class::Titles) {
            let titles = known.names.iter().filter(|name| !directories.contains(&fold(name)));
            titles.for_each(|name| builder.token(Class::Titles, name));
        }
        if settings.obfuscate.contains(&Class::Paths) {
            let paths = known_paths(known);
            outermost(&paths, &settings.homes).for_each(|path| builder.path(path));
            paths.iter().for_each(|path| builder.dashed(path));
        }
        let (texts, words): (Vec<String>, Vec<Vec<Word>>) = builder.words.into_iter().unzip();
        let automaton = (!texts.is_empty()).then(|| AhoCorasick::new(&texts)).transpose()?;
        let projects = if settings.obfuscate.contains(&Class::Projects) {
            projects.iter().map(|(name, _)| fold(name)).collect()
        } else {
            HashSet::new()
        };
        Ok(Self { automaton, words, projects, directories })
    }

    /// Whether a text is the name of a project, where these are obfuscated.
    #[must_use]
    pub(super) fn is_project(&self, text: &str) -> bool {
        !self.projects.is_empty() && self.projects.contains(&fold(text))
    }

    /// Whether a text is what a stream is called that is called after its directory.
    #[must_use]
    pub(super) fn is_directory(&self, text: &str) -> bool {
        self.directories.contains(&fold(text))
    }

    /// Every find that counts, in no order: where, and what it becomes.
    #[must_use]
    pub(super) fn find(&self, text: &str, within: Within) -> Vec<(Range<usize>, &Becomes)> {
        let Some(automaton) = &self.automaton else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for reading in Reading::folded(text) {
            for hit in automaton.find_overlapping_iter(&reading.text) {
                let words = self.words.get(hit.pattern().as_usize()).map_or(&[][..], Vec::as_slice);
                let counts = |word: &&Word| word.edges.hold(&reading.text, hit.range(), within);
                let place = reading.place(hit.start(), hit.end());
                found.extend(words.iter().find(counts).map(|word| (place, &word.becomes)));
            }
        }
        found
    }
}

impl Edges {
    fn hold(self, text: &str, at: Range<usize>, within: Within) -> bool {
        let before = text.get(..at.start).and_then(|it| it.chars().next_back());
        let after = text.get(at.end..).and_then(|it| it.chars().next());
        let is_word = || ![before, after].into_iter().flatten().any(char::is_alphanumeric);
        match self {
            Self::Anywhere => true,
            Self::Word => is_word(),
            Self::Prose => within == Within::Prose && is_word(),
            Self::Component if within == Within::Path => after.is_none_or(|c| c == '/'),
            Self::Component => !after.is_some_and(|c| c.is_alphanumeric() || c == '_'),
        }
    }
}

/// Names that are everybody's: as a branch or session they are replaced, but not searched for,
/// since they are parts of many words.
fn is_everybodys(name: &str) -> bool {
    const NAMES: [&str; 7] = ["main", "master", "trunk", "develop", "dev", "default", "head"];
    NAMES.contains(&fold(name).as_str()) || name.bytes().all(|c| c.is_ascii_digit())
}

/// The last component of a stream's root.
fn last_of_root(root: &str) -> Option<&str> {
    paths::last(root.strip_prefix("repo:").unwrap_or(root))
}

/// The directories that are known: absolute, without the root itself.
fn known_paths(known: &Known) -> BTreeSet<&str> {
    let places = known.places.iter().flat_map(|it| [it.cwd.as_deref(), it.repo_root.as_deref()]);
    let all = places.flatten().chain(known.roots.iter().map(String::as_str));
    all.filter(|path| path.starts_with('/') && paths::last(path).is_some()).collect()
}

/// The paths without those that a find of another of them goes on to, in each of their spellings:
/// what is written from home is not found by home.
fn outermost<'p>(paths: &BTreeSet<&'p str>, homes: &[String]) -> impl Iterator<Item = &'p str> {
    let ways = |path: &str| paths::spellings(path, homes).len();
    let is_reached = move |path: &str| {
        let reaches = |above: &str| paths.contains(above) && ways(above) == ways(path);
        paths::end(path, 0) == path.len() && paths::upwards(path).skip(1).any(reaches)
    };
    paths.iter().copied().filter(move |path| !is_reached(path))
}

/// Names of projects, and whether they are searched in other texts.
fn project_names<'k>(settings: &Settings, known: &'k Known) -> BTreeSet<(&'k str, bool)> {
    let is_home = |path: &str| settings.homes.iter().any(|home| home == path);
    let mut names = BTreeSet::new();
    let roots = known.places.iter().filter_map(|place| place.repo_root.as_deref());
    for root in roots.chain(known.roots.iter().map(String::as_str)).filter(|root| !is_home(root)) {
        names.extend(last_of_root(root).map(|name| (name, true)));
    }
    for place in &known.places {
        let parts = place.repo.iter().flat_map(|repo| repo.split('/'));
        names.extend(parts.chain(place.worktree.as_deref()).map(|name| (name, true)));
    }
    names.extend(known.projects.iter().map(|name| (name.as_str(), true)));
    names.extend(known.sessions.iter().map(|name| (name.as_str(), !is_everybodys(name))));
    names.retain(|(name, _)| !name.is_empty());
    names
}

struct Builder<'s> {
    settings: &'s Settings,
    key: &'s Key,
    /// By text, folded.
    words: BTreeMap<String, Vec<Word>>,
}

impl Builder<'_> {
    fn add(&mut self, text: &str, edges: Edges, becomes: Becomes) {
        let folded = fold(text);
        if !folded.is_empty() {
            self.words.entry(folded).or_default().push(Word { becomes, edges });
        }
    }

    fn name(&mut self, name: &str, becomes: Becomes) {
        let edges = if fold(name).len() < 4 { Edges::Word } else { Edges::Anywhere };
        self.add(name, edges, becomes);
    }

    fn token(&mut self, class: Class, name: &str) {
        self.name(name, Becomes::Token(self.key.token(class, name)));
    }

    fn branches(&mut self, known: &Known) {
        let branches: BTreeSet<&str> =
            known.places.iter().filter_map(|place| place.git_branch.as_deref()).collect();
        for branch in branches.into_iter().filter(|branch| !is_everybodys(branch)) {
            let token = Becomes::Token(self.key.token(Class::Branches, branch));
            self.name(branch, token.clone());
            // As worktrees are called after branches.
            self.name(&branch.replace('/', "-"), token);
        }
    }

    fn path(&mut self, path: &str) {
        for spelling in paths::spellings(path, &self.settings.homes) {
            // Whatever goes on behind it becomes part of its last component.
            self.add(&spelling, Edges::Anywhere, Becomes::Path(path.to_owned()));
        }
    }

    fn dashed(&mut self, path: &str) {
        let spellings = paths::dashed(path);
        let Some(first) = spellings.first() else { return };
        let token = Becomes::Token(self.key.token(Class::Paths, first));
        spellings.iter().for_each(|dashed| self.add(dashed, Edges::Anywhere, token.clone()));
    }

    fn excluded_path(&mut self, path: &str) {
        for spelling in paths::spellings(path, &self.settings.homes) {
            self.add(&spelling, Edges::Component, Becomes::Nothing);
        }
        for dashed in paths::dashed(path) {
            self.add(&dashed, Edges::Anywhere, Becomes::Nothing);
        }
    }

    fn is_excluded(&self, kind: Kind, text: &str) -> bool {
        self.settings.verdict(kind, text).excluded.is_some()
    }

    fn excluded(&mut self, known: &Known) {
        let settings = self.settings;
        for pattern in settings.exclude.iter().flat_map(|glob| &glob.patterns) {
            if let Some(directory) = pattern_directory(pattern) {
                self.excluded_path(directory);
            }
        }
        let paths = known_paths(known).into_iter();
        let paths = paths.filter(|path| self.is_excluded(Kind::Path, path)).collect();
        outermost(&paths, &settings.homes).for_each(|path| self.excluded_path(path));
        let (own, of_places) = self.excluded_names(known);
        own.into_iter().for_each(|name| self.name(name, Becomes::Mark));
        of_places.into_iter().for_each(|name| self.add(name, Edges::Prose, Becomes::Mark));
    }

    /// Names that are excluded themselves, and names of projects of which every place is excluded.
    fn excluded_names<'k>(&self, known: &'k Known) -> (BTreeSet<&'k str>, BTreeSet<&'k str>) {
        let (mut hidden, mut shown) = (BTreeSet::new(), BTreeSet::new());
        let mut own: BTreeSet<&str> = BTreeSet::new();
        for place in &known.places {
            let Place { cwd, repo, repo_root, worktree, git_branch, machine_id } = place;
            let texts = [
                (Kind::Path, cwd),
                (Kind::Repo, repo),
                (Kind::Path, repo_root),
                (Kind::Repo, worktree),
                (Kind::Branch, git_branch),
                (Kind::Other, machine_id),
            ];
            let texts = texts.into_iter().filter_map(|(kind, text)| Some((kind, text.as_deref()?)));
            let hits: Vec<(Kind, &str)> =
                texts.filter(|(kind, text)| self.is_excluded(*kind, text)).collect();
            own.extend(hits.iter().filter(|(kind, _)| *kind != Kind::Path).map(|(_, text)| *text));
            let root = repo_root.as_deref().and_then(paths::last);
            let names = root.into_iter().chain(repo.as_deref()).chain(worktree.as_deref());
            let names = names.chain(repo.as_deref().and_then(paths::last));
            if hits.is_empty() {
                shown.extend(names);
                shown.extend(cwd.iter().flat_map(|cwd| cwd.split('/')));
            } else {
                hidden.extend(names);
            }
        }
        for root in &known.roots {
            let excluded = self.is_excluded(Kind::Path, root);
            let names = last_of_root(root).into_iter();
            if excluded { hidden.extend(names) } else { shown.extend(root.split('/')) }
        }
        let sessions = known.sessions.iter().map(|it| (Kind::Session, it.as_str()));
        let projects = known.projects.iter().map(|it| (Kind::Project, it.as_str()));
        for (kind, text) in sessions.chain(projects) {
            if self.is_excluded(kind, text) {
                own.insert(text);
            }
        }
        own.retain(|name| !is_everybodys(name));
        hidden.retain(|name| !shown.contains(name) && !is_everybodys(name));
        (own, hidden)
    }
}

/// The directory that a pattern excludes with all below it, where it names one.
fn pattern_directory(pattern: &Pattern) -> Option<&str> {
    let text = match pattern.parts.as_slice() {
        [Part::Literal(text)] => text,
        [Part::Literal(text), Part::Star] if text.ends_with('/') => text,
        _ => return None,
    };
    let directory = text.trim_end_matches('/');
    (directory.starts_with('/')).then_some(directory)
}
