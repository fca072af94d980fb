//! Which repository a directory belongs to, read from git's own files.
//!
//! No `git` process is started, as this runs on every switch of a pane. From the directory upwards
//! the first one with a `.git` is the checkout; two or three small files say the rest:
//!
//! ```text
//! /r/.git/                  a main checkout: HEAD and config lie here
//! /wt/x/.git  (a file)      gitdir: /r/.git/worktrees/x       a linked worktree named x
//! /r/.git/worktrees/x/      HEAD of the worktree; commondir → ../.. says where config lies
//! /r/sub/.git (a file)      gitdir: ../.git/modules/sub       a submodule: no commondir, so a
//!                                                             repository of its own, rooted at sub
//! /srv/b.git/worktrees/y/   a worktree of a bare repository: its main root is /srv/b.git
//! ```
//!
//! Where the directory is gone, its path may still show that it was a worktree ([`layout_root`]).
//!
//! INVARIANT (total): every path has a [`Place`]; what cannot be read is `None`, never an error.
//!
//! INVARIANT (one root): a main checkout and all its linked worktrees have the same `repo_root`.
//! One case is not seen: linked worktrees of a repository made with `--separate-git-dir`, as git
//! itself does not record the main checkout there.
//!
//! Not followed: `include` and `url.*.insteadOf` in configurations, `GIT_DIR` and other variables.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::event::{Place, nfc};

/// What was known of a directory that is gone.
type LastSeen<'s> = dyn Fn(&str) -> Option<Place> + 's;

/// More than this of one of git's small files is not read.
const MAX_FILE: u64 = 1 << 20;

/// A checkout and the repository behind it. Paths are absolute and canonical.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkout {
    /// Top directory of the checkout; of a bare repository, its directory.
    pub root: PathBuf,
    /// Top directory of the main checkout; of a bare repository, its directory.
    pub main_root: PathBuf,
    /// Name under which git administers the linked worktree, if it is one.
    pub worktree: Option<String>,
    /// Branch checked out; `None` where HEAD is detached or cannot be read.
    pub branch: Option<String>,
    /// `owner/name` of the remote (`origin`, else the first), else the name of `main_root`.
    pub repo: Option<String>,
}

/// Where `path` is: its canonical form and what git says about it today.
///
/// A path that does not exist is kept as it is written, and its layout is asked. A relative path
/// is only kept: it says nothing without knowing what it is relative to.
#[must_use]
pub fn place_of(path: &Path) -> Place {
    place_by(path, &|_| None)
}

/// As [`place_of`], asking `last_seen` about paths that are gone.
fn place_by(path: &Path, last_seen: &LastSeen<'_>) -> Place {
    let existing = path.is_absolute().then(|| fs::canonicalize(path).ok());
    match existing {
        None => Place { cwd: text_of(path), ..Place::default() },
        Some(Some(canonical)) => {
            let mut place = checkout_of(&canonical).map_or_else(Place::default, Place::from);
            place.cwd = text_of(&canonical);
            place
        }
        Some(None) => {
            let mut place = gone(path, last_seen);
            place.cwd = text_of(path);
            place
        }
    }
}

impl From<Checkout> for Place {
    fn from(checkout: Checkout) -> Self {
        Self {
            repo: checkout.repo,
            repo_root: text_of(&checkout.main_root),
            worktree: checkout.worktree,
            git_branch: checkout.branch,
            ..Self::default()
        }
    }
}

/// What can be said of a directory that is no longer there. Never its branch.
fn gone(path: &Path, last_seen: &LastSeen<'_>) -> Place {
    let Some(text) = text_of(path) else {
        return Place::default();
    };
    let Some((root, worktree)) = layout_root(&text).or_else(|| inner_worktrees(&text)) else {
        return Place { git_branch: None, ..last_seen(&text).unwrap_or_default() };
    };
    let main = fs::canonicalize(&root).ok().and_then(|it| checkout_of(&it));
    let main = main.map(Place::from).or_else(|| last_seen(&root));
    let main = main.unwrap_or_default();
    Place {
        repo: main.repo,
        repo_root: main.repo_root.or(Some(root)),
        worktree: Some(worktree),
        ..Place::default()
    }
}

/// The main checkout and the worktree's name, if the path alone shows a known worktree layout:
///
/// - `<root>/.claude/worktrees/<name>[/…]`
/// - `<root>/.worktrees/<name>[/…]`
/// - `<root>-worktrees/<name>[/…]`, where the last component of `<root>` does not begin with a dot
///   (`~/.claude-worktrees/<repo>/<name>` says nothing about where the repository is)
///
/// Of nested ones the outermost gives the root and the innermost the name. The name is the first
/// component only: for a branch `me/fix` some tools make `.worktrees/me/fix`, and nothing in the
/// path tells that from a directory `fix` inside the worktree `me`.
#[must_use]
pub fn layout_root(path: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = path.split('/').collect();
    let mut root = None;
    let mut name = None;
    for (at, part) in parts.iter().enumerate() {
        let (before, last, named) = match *part {
            ".claude" if parts.get(at + 1) == Some(&"worktrees") => (at, None, at + 2),
            ".worktrees" => (at, None, at + 1),
            _ => match part.strip_suffix("-worktrees") {
                Some(stem) if !stem.is_empty() && !stem.starts_with('.') => {
                    (at, Some(stem), at + 1)
                }
                _ => continue,
            },
        };
        let Some(found) = parts.get(named).filter(|found| !found.is_empty()) else {
            continue;
        };
        let head = parts.get(..before).unwrap_or_default().join("/");
        let head = last.map_or(head.clone(), |last| format!("{head}/{last}"));
        if head.is_empty() {
            continue;
        }
        root.get_or_insert(head);
        name = Some((*found).to_owned());
    }
    Some((root?, name?))
}

/// `<root>/worktrees/<name>`, which is too common a name to be believed unless `<root>` still is
/// a checkout.
fn inner_worktrees(path: &str) -> Option<(String, String)> {
    path.match_indices("/worktrees/").find_map(|(at, found)| {
        let root = path.get(..at)?;
        let name = path.get(at + found.len()..)?.split('/').next()?;
        let is_checkout = Path::new(root).join(".git").symlink_metadata().is_ok();
        (is_checkout && !name.is_empty()).then(|| (root.to_owned(), name.to_owned()))
    })
}

/// The checkout that holds `dir`, an absolute path without symlinks.
#[must_use]
pub fn checkout_of(dir: &Path) -> Option<Checkout> {
    dir.ancestors().find_map(|dir| {
        let dot_git = dir.join(".git");
        match fs::metadata(&dot_git) {
            Ok(found) if found.is_dir() => is_git_dir(&dot_git).then(|| main_checkout(dir)),
            Ok(_) => gitdir_of(&dot_git).map(|gitdir| pointed_checkout(dir, gitdir)),
            // A bare repository has the insides of a `.git` and any other name.
            Err(_) => (dir.file_name().is_some_and(|name| name != ".git")
                && is_git_dir(dir)
                && dir.join("objects").is_dir())
            .then(|| bare(dir)),
        }
    })
}

/// Whether git would take `dir` for a repository's insides; one that may not be read is.
fn is_git_dir(dir: &Path) -> bool {
    match dir.join("HEAD").symlink_metadata() {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    }
}

fn main_checkout(root: &Path) -> Checkout {
    let gitdir = root.join(".git");
    Checkout {
        root: root.to_owned(),
        main_root: root.to_owned(),
        worktree: None,
        branch: branch_of(&gitdir),
        repo: repo_of(&Config::read(&gitdir), root),
    }
}

fn bare(dir: &Path) -> Checkout {
    let config = Config::read(dir);
    let main_root = main_root(dir, &config);
    Checkout {
        root: dir.to_owned(),
        worktree: None,
        branch: branch_of(dir),
        repo: repo_of(&config, &main_root),
        main_root,
    }
}

/// A checkout whose `.git` is a file: a linked worktree, a submodule, or a repository whose
/// insides were put elsewhere.
fn pointed_checkout(root: &Path, gitdir: PathBuf) -> Checkout {
    let name = |dir: &Path| dir.file_name().map(|name| nfc(&name.to_string_lossy()));
    let (common, worktree) = match common_dir(&gitdir) {
        Some(common) => (Some(common), name(&gitdir)),
        None => module_in_worktree(&gitdir)
            .map_or((None, None), |(module, admin)| (Some(module), name(&admin))),
    };
    let config = Config::read(common.as_deref().unwrap_or(&gitdir));
    let main_root =
        common.as_ref().map_or_else(|| root.to_owned(), |common| self::main_root(common, &config));
    Checkout {
        root: root.to_owned(),
        worktree,
        branch: branch_of(&gitdir),
        repo: repo_of(&config, &main_root),
        main_root,
    }
}

/// A submodule inside a linked worktree has insides of its own, below the worktree's: where those
/// of the same submodule in the main checkout are, if it has any, and the worktree's.
fn module_in_worktree(gitdir: &Path) -> Option<(PathBuf, PathBuf)> {
    let admin = gitdir.ancestors().find(|dir| dir.join("commondir").is_file())?;
    let module = gitdir.strip_prefix(admin).ok()?;
    let module = common_dir(admin)?.join(module);
    is_git_dir(&module).then(|| (module, admin.to_owned()))
}

/// Where a `.git` file points to.
fn gitdir_of(dot_git: &Path) -> Option<PathBuf> {
    let text = read_small(dot_git)?;
    let target = text.strip_prefix("gitdir:")?.trim();
    (!target.is_empty()).then(|| resolve(dot_git.parent()?.join(target)))?
}

/// The repository's own directory, if `gitdir` is that of a linked worktree. Where the worktree
/// was pruned, its place under `worktrees/` still says so.
fn common_dir(gitdir: &Path) -> Option<PathBuf> {
    match read_small(&gitdir.join("commondir")) {
        Some(text) => resolve(gitdir.join(text.trim())),
        None => {
            let parent = gitdir.parent()?;
            let common = parent.parent()?;
            // A submodule may have the name `worktrees/…`; its insides are in `modules/worktrees/…`.
            let is_linked = parent.file_name()? == "worktrees" && common.file_name()? != "modules";
            is_linked.then(|| common.to_owned())
        }
    }
}

/// The main checkout of the repository whose insides are `common`.
fn main_root(common: &Path, config: &Config) -> PathBuf {
    let parent = common.parent();
    if let Some(parent) = parent
        && common.file_name().is_some_and(|name| name == ".git")
    {
        return parent.to_owned();
    }
    // Submodules say where they are checked out.
    if let Some(worktree) = &config.worktree
        && let Some(root) = resolve(common.join(worktree))
    {
        return root;
    }
    // `project/.bare` with a file `project/.git` that points to it: `project` is the root.
    if let Some(parent) = parent
        && gitdir_of(&parent.join(".git")).is_some_and(|gitdir| gitdir == common)
    {
        return parent.to_owned();
    }
    common.to_owned()
}

/// `path` without symlinks and `..`; where it does not exist, by its text alone.
fn resolve(path: PathBuf) -> Option<PathBuf> {
    if let Ok(path) = fs::canonicalize(&path) {
        return Some(path);
    }
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out.is_absolute().then_some(out)
}

fn branch_of(gitdir: &Path) -> Option<String> {
    let head = read_small(&gitdir.join("HEAD"))?;
    let branch = head.trim().strip_prefix("ref:")?.trim();
    let branch = branch.strip_prefix("refs/heads/")?;
    // The name that stands in HEAD where references are kept in another format.
    (!branch.is_empty() && branch != ".invalid").then(|| branch.to_owned())
}

fn repo_of(config: &Config, main_root: &Path) -> Option<String> {
    let named = config.remote.as_deref().and_then(repo_name);
    named.or_else(|| {
        let name = main_root.file_name()?.to_string_lossy();
        let name = name.strip_suffix(".git").unwrap_or(&name);
        (!name.is_empty()).then(|| nfc(name))
    })
}

/// `owner/name` of a remote's address; nested groups stay (`owner/group/name`). Of an address
/// that is a path on this machine the last two components are taken.
#[must_use]
pub fn repo_name(url: &str) -> Option<String> {
    let url = url.trim();
    let (path, local) = if let Some((scheme, rest)) = url.split_once("://") {
        let (_host, path) = rest.split_once('/')?;
        (path, scheme.eq_ignore_ascii_case("file"))
    } else {
        // `[user@]host:path`, unless a slash comes before the colon or a drive letter does.
        match url.split_once(':') {
            Some((host, path)) if !host.contains(['/', '\\']) && host.len() > 1 => (path, false),
            _ => (url, true),
        }
    };
    let parts: Vec<&str> =
        path.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | ".." | ".git")).collect();
    let skipped = if local { parts.len().saturating_sub(2) } else { 0 };
    let name = parts.get(skipped..)?.join("/");
    let name = name.strip_suffix(".git").unwrap_or(&name);
    let name = name.trim_start_matches('~');
    (!name.is_empty() && !name.ends_with('/')).then(|| nfc(name))
}

/// What is needed of a repository's configuration.
#[derive(Default, PartialEq, Debug)]
struct Config {
    /// Address of `origin`, else of the first remote that has one.
    remote: Option<String>,
    /// `core.worktree`.
    worktree: Option<String>,
}

impl Config {
    fn read(gitdir: &Path) -> Self {
        read_small(&gitdir.join("config")).map_or_else(Self::default, |text| Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut found = Self::default();
        let mut has_origin = false;
        let mut section = (String::new(), String::new());
        let text = text.replace("\\\r\n", "").replace("\\\n", "");
        for line in text.lines() {
            let mut line = line.trim();
            if let Some((header, rest)) = line.strip_prefix('[').and_then(split_header) {
                section = header;
                line = rest.trim();
            }
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let (key, value) = (key.trim().to_ascii_lowercase(), config_value(value));
            match (section.0.as_str(), key.as_str()) {
                ("core", "worktree") => found.worktree = Some(value),
                ("remote", "url") if !value.is_empty() && !has_origin => {
                    has_origin = section.1 == "origin";
                    if has_origin || found.remote.is_none() {
                        found.remote = Some(value);
                    }
                }
                _ => {}
            }
        }
        found
    }
}

/// `remote "origin"] rest` as `(("remote", "origin"), "rest")`.
fn split_header(text: &str) -> Option<((String, String), &str)> {
    let (section, rest) = match text.find('"') {
        Some(quote) if text.find(']').is_none_or(|end| quote < end) => {
            let after = text.get(quote + 1..)?;
            let (name, rest) = after.split_once("\"]")?;
            ((text.get(..quote)?, name), rest)
        }
        _ => {
            let (name, rest) = text.split_once(']')?;
            ((name, ""), rest)
        }
    };
    let name = section.0.trim().to_ascii_lowercase();
    Some(((name, section.1.replace('\\', "")), rest))
}

/// A value without quotes, escapes and the comment behind it.
fn config_value(text: &str) -> String {
    let mut value = String::new();
    let mut quoted = false;
    let mut chars = text.trim().chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => value.extend(chars.next()),
            '#' | ';' if !quoted => break,
            c => value.push(c),
        }
    }
    value.trim_end().to_owned()
}

fn read_small(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A path as it is stored: in NFC; bytes that are no UTF-8 become U+FFFD, always in the same way.
fn text_of(path: &Path) -> Option<String> {
    let text = path.to_string_lossy();
    (!text.is_empty()).then(|| nfc(&text))
}

/// Places of one run, each looked up once.
///
/// For logs, in which thousands of lines name few directories. A run should be short: what git
/// says later is not noticed.
pub struct PlaceCache<'s> {
    places: HashMap<String, Place>,
    last_seen: Box<LastSeen<'s>>,
}

impl Default for PlaceCache<'_> {
    fn default() -> Self {
        Self::new(|_| None)
    }
}

impl<'s> PlaceCache<'s> {
    /// A cache that asks `last_seen` for the repository (`repo`, `repo_root`, `worktree`) of a
    /// directory that is gone and whose path does not show it.
    pub fn new(last_seen: impl Fn(&str) -> Option<Place> + 's) -> Self {
        Self { places: HashMap::new(), last_seen: Box::new(last_seen) }
    }

    /// The place of `cwd`, at a time when `branch` was checked out there. Today's branch is not
    /// used: a log tells of the past.
    pub fn past(&mut self, cwd: Option<&str>, branch: Option<&str>) -> Place {
        let mut place = cwd.map_or_else(Place::default, |cwd| self.look_up(cwd).clone());
        place.git_branch = branch.map(str::to_owned);
        place
    }

    fn look_up(&mut self, cwd: &str) -> &Place {
        if !self.places.contains_key(cwd) {
            let place = place_by(Path::new(cwd), &self.last_seen);
            self.places.insert(cwd.to_owned(), place);
        }
        self.places.entry(cwd.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// A directory with repositories made by hand, so that no git is needed.
    struct World(tempfile::TempDir);

    impl World {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn at(&self, path: &str) -> PathBuf {
            fs::canonicalize(self.0.path()).unwrap().join(path)
        }

        fn dir(&self, path: &str) -> PathBuf {
            fs::create_dir_all(self.at(path)).unwrap();
            self.at(path)
        }

        fn file(&self, path: &str, text: &str) -> &Self {
            fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
            fs::write(self.at(path), text).unwrap();
            self
        }

        fn insides(&self, path: &str, config: &str) -> &Self {
            self.dir(&format!("{path}/objects"));
            self.file(&format!("{path}/HEAD"), "ref: refs/heads/main\n")
                .file(&format!("{path}/config"), config)
        }

        fn text(&self, path: &str) -> Option<String> {
            text_of(&self.at(path))
        }
    }

    const ORIGIN: &str = "[core]\n\tbare = false\n[remote \"fork\"]\n\turl = git@h:me/x\n\
                          [remote \"origin\"]\n\turl = git@github.com:acme/site.git\n";

    #[test]
    fn a_main_checkout_and_its_worktrees_have_one_root() {
        let world = World::new();
        world
            .insides("r/.git", ORIGIN)
            .file("r/.git/worktrees/x/HEAD", "ref: refs/heads/feat/y\n")
            .file("r/.git/worktrees/x/commondir", "../..\n")
            .file(
                "elsewhere/wt/.git",
                &format!("gitdir: {}\n", world.at("r/.git/worktrees/x").display()),
            );
        let main = place_of(&world.dir("r/src/deep"));
        assert_eq!(main.cwd, world.text("r/src/deep"));
        assert_eq!(main.repo.as_deref(), Some("acme/site"));
        assert_eq!(main.repo_root, world.text("r"));
        assert_eq!((main.worktree, main.git_branch.as_deref()), (None, Some("main")));

        let linked = place_of(&world.dir("elsewhere/wt/src"));
        assert_eq!(linked.repo.as_deref(), Some("acme/site"));
        assert_eq!(linked.repo_root, world.text("r"));
        assert_eq!(linked.worktree.as_deref(), Some("x"));
        assert_eq!(linked.git_branch.as_deref(), Some("feat/y"));
    }

    #[test]
    fn relative_and_pruned_worktrees_find_home() {
        let world = World::new();
        world.insides("r/.git", "").file("r/.worktrees/x/.git", "gitdir: ../../.git/worktrees/x\n");
        let place = place_of(&world.at("r/.worktrees/x"));
        assert_eq!(place.repo_root, world.text("r"));
        assert_eq!(place.worktree.as_deref(), Some("x"));
        assert_eq!(place.repo.as_deref(), Some("r"));
        assert_eq!(place.git_branch, None);
    }

    #[test]
    fn a_submodule_is_a_repository_of_its_own() {
        let world = World::new();
        world
            .insides("r/.git", ORIGIN)
            .insides(
                "r/.git/modules/lib",
                "[core]\n\tworktree = ../../../lib\n[remote \"origin\"]\nurl = https://h/acme/lib\n",
            )
            .file("r/lib/.git", "gitdir: ../.git/modules/lib\n")
            .file("r/.git/modules/lib/worktrees/w/HEAD", "0123\n")
            .file("r/.git/modules/lib/worktrees/w/commondir", "../..\n")
            .file(
                "w/.git",
                &format!("gitdir: {}", world.at("r/.git/modules/lib/worktrees/w").display()),
            );
        let sub = place_of(&world.at("r/lib"));
        assert_eq!(sub.repo.as_deref(), Some("acme/lib"));
        assert_eq!(sub.repo_root, world.text("r/lib"));
        assert_eq!(sub.worktree, None);
        let linked = place_of(&world.at("w"));
        assert_eq!(linked.repo_root, world.text("r/lib"));
        assert_eq!((linked.worktree.as_deref(), linked.git_branch), (Some("w"), None));

        // The same submodule inside a linked worktree of its parent.
        world
            .file("r/.git/worktrees/x/commondir", "../..")
            .insides("r/.git/worktrees/x/modules/lib", "")
            .file(
                "x/lib/.git",
                &format!("gitdir: {}", world.at("r/.git/worktrees/x/modules/lib").display()),
            );
        let inner = place_of(&world.at("x/lib"));
        assert_eq!(inner.repo_root, world.text("r/lib"));
        assert_eq!(inner.worktree.as_deref(), Some("x"));
        assert_eq!(inner.repo.as_deref(), Some("acme/lib"));
    }

    #[test]
    fn bare_repositories_are_the_root_of_their_worktrees() {
        let world = World::new();
        for (bare, wt) in [("srv/site.git", "wt"), ("p/.bare", "p/main")] {
            world
                .insides(bare, "[core]\nbare = true\n")
                .file(&format!("{bare}/worktrees/m/commondir"), "../..")
                .file(&format!("{bare}/worktrees/m/HEAD"), "ref: refs/heads/m")
                .file(
                    &format!("{wt}/.git"),
                    &format!("gitdir: {}", world.at(bare).join("worktrees/m").display()),
                );
        }
        world.file("p/.git", "gitdir: ./.bare\n");
        let place = place_of(&world.at("wt"));
        assert_eq!(place.repo_root, world.text("srv/site.git"));
        assert_eq!(place.repo.as_deref(), Some("site"));
        assert_eq!(place_of(&world.at("srv/site.git")).repo_root, world.text("srv/site.git"));
        for inside in ["p", "p/main", "p/.bare"] {
            assert_eq!(place_of(&world.at(inside)).repo_root, world.text("p"), "{inside}");
        }
    }

    #[test]
    fn damage_costs_fields_only() {
        let world = World::new();
        world
            .insides("r/.git", "[remote \"origin\nurl == \\")
            .file("r/.git/HEAD", "\u{fffd}\0")
            .file("odd/.git", "no pointer");
        world.dir("odd/empty/.git");
        let place = place_of(&world.at("r"));
        assert_eq!(place.repo.as_deref(), Some("r"));
        assert_eq!(place.git_branch, None);
        assert_eq!(place_of(&world.at("odd/empty")).repo_root, None);
        assert_eq!(place_of(Path::new("")), Place::default());
        assert_eq!(place_of(Path::new("[trimmed]")).cwd.as_deref(), Some("[trimmed]"));
    }

    #[test]
    #[cfg(unix)]
    fn symlinks_are_resolved_and_names_composed() {
        use std::os::unix::ffi::OsStrExt as _;
        let world = World::new();
        world.insides("Bu\u{308}ro/.git", "");
        std::os::unix::fs::symlink(world.at("Bu\u{308}ro"), world.at("link")).unwrap();
        let place = place_of(&world.at("link"));
        assert!(place.cwd.unwrap().ends_with("B\u{fc}ro"));
        assert_eq!(place.repo.as_deref(), Some("B\u{fc}ro"));
        let odd = Path::new(std::ffi::OsStr::from_bytes(b"/gone/\xff"));
        assert_eq!(place_of(odd).cwd.as_deref(), Some("/gone/\u{fffd}"));
    }

    #[test]
    fn agrees_with_git_where_there_is_one() {
        let world = World::new();
        let root = world.dir("r");
        let git = |dir: &Path, args: &[&str]| {
            Command::new("git")
                .current_dir(dir)
                .args(["-c", "user.name=a", "-c", "user.email=a@example.invalid"])
                .args(args)
                .output()
                .is_ok_and(|out| out.status.success())
        };
        if !git(&root, &["init", "-q", "-b", "trunk"])
            || !git(&root, &["commit", "-q", "--allow-empty", "-m", "x"])
            || !git(&root, &["worktree", "add", "-q", "-b", "a/b", "../wt"])
        {
            return;
        }
        let place = place_of(&world.at("wt"));
        assert_eq!(place.repo_root, world.text("r"));
        assert_eq!(place.worktree.as_deref(), Some("wt"));
        assert_eq!(place.git_branch.as_deref(), Some("a/b"));
        assert_eq!(place_of(&root).git_branch.as_deref(), Some("trunk"));
    }

    #[test]
    fn layouts_of_gone_worktrees() {
        for (path, want) in [
            ("/w/cli/.claude/worktrees/fix", Some(("/w/cli", "fix"))),
            ("/w/cli/.claude/worktrees/fix/src/a", Some(("/w/cli", "fix"))),
            ("/w/cli/.worktrees/soph/fix-bug", Some(("/w/cli", "soph"))),
            ("/w/spotter-worktrees/dov/src", Some(("/w/spotter", "dov"))),
            ("/w/a/.worktrees/x/.claude/worktrees/y", Some(("/w/a", "y"))),
            ("/h/.claude-worktrees/repo/name", None),
            ("/w/cli/.worktrees", None),
            ("/w/cli/.worktrees/", None),
            ("/w/cli/worktrees/x", None),
            ("/w/-worktrees/x", None),
            ("/.worktrees/x", None),
            ("/w/.claude/x/worktrees/y", None),
        ] {
            let want = want.map(|(root, name): (&str, &str)| (root.to_owned(), name.to_owned()));
            assert_eq!(layout_root(path), want, "{path}");
        }
    }

    #[test]
    fn gone_worktrees_ask_their_root_then_the_past() {
        let world = World::new();
        world.insides("r/.git", ORIGIN);
        for gone in ["r/.worktrees/x/src", "r/worktrees/x"] {
            let place = place_of(&world.at(gone));
            assert_eq!(place.repo.as_deref(), Some("acme/site"), "{gone}");
            assert_eq!(place.repo_root, world.text("r"));
            assert_eq!(place.worktree.as_deref(), Some("x"));
            assert_eq!(place.git_branch, None);
        }
        let mut cache = PlaceCache::new(|path| {
            let repo = Some(format!("seen:{path}"));
            Some(Place { repo, ..Place::default() })
        });
        assert_eq!(cache.past(Some("/gone/a"), Some("b")).repo.as_deref(), Some("seen:/gone/a"));
        let place = cache.past(Some("/gone/a-worktrees/n"), None);
        assert_eq!(place.repo.as_deref(), Some("seen:/gone/a"));
        assert_eq!(place.repo_root.as_deref(), Some("/gone/a"));
        assert_eq!(place.cwd.as_deref(), Some("/gone/a-worktrees/n"));
    }

    #[test]
    fn addresses_of_remotes() {
        for (url, want) in [
            ("git@github.com:acme/site.git", Some("acme/site")),
            ("github.com:acme/site", Some("acme/site")),
            ("ssh://git@h:2222/acme/site.git", Some("acme/site")),
            ("https://user:pw@h/acme/group/site.git/", Some("acme/group/site")),
            ("git://h/acme/site", Some("acme/site")),
            ("file:///srv/git/acme/site.git", Some("acme/site")),
            ("/srv/git/acme/site/.git", Some("acme/site")),
            ("../site.git", Some("site")),
            (r"C:\src\acme\site", Some("acme/site")),
            ("gh:acme/site", Some("acme/site")),
            ("ssh://h/~me/site", Some("me/site")),
            ("https://h", None),
            ("", None),
            ("git@h:", None),
        ] {
            assert_eq!(repo_name(url).as_deref(), want, "{url}");
        }
    }

    #[test]
    fn configurations() {
        let remote = |text: &str| Config::parse(text).remote;
        assert_eq!(remote(ORIGIN).as_deref(), Some("git@github.com:acme/site.git"));
        assert_eq!(
            remote("[Remote \"a\"] URL = \"x y\" ; z\n[remote \"b\"]\nurl=q").as_deref(),
            Some("x y")
        );
        assert_eq!(remote("[remote \"a\"]\nfetch = url\n# url = n"), None);
        assert_eq!(remote("[branch \"m\"]\nurl = n\n[core]\nurl = n"), None);
    }
}
