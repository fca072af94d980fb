//! Roots: what an event's place belongs to, and which roots lie above which.

use std::collections::HashMap;

use crate::collect::git::layout_root;
use crate::event::Place;
use crate::store::texts::TextId;

/// A root, as a position in [`Roots`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RootIx(usize);

/// The root of a place: the main checkout of its repository, so that worktrees are one with it;
/// else what a known worktree layout in the path says; else the repository by name, where only a
/// name was recorded; else the directory. `None` for a place that has none of these.
#[must_use]
pub fn root_of(place: &Place) -> Option<String> {
    if let Some(root) = &place.repo_root {
        return Some(root.clone());
    }
    let layout = place.cwd.as_deref().and_then(layout_root).map(|(root, _)| root);
    layout
        .or_else(|| place.repo.as_ref().map(|repo| format!("repo:{repo}")))
        .or_else(|| place.cwd.clone())
}

/// The last component of a root, which names a stream that has no better name.
#[must_use]
pub fn short_name(root: &str) -> &str {
    let path = root.strip_prefix("repo:").unwrap_or(root);
    match path.trim_end_matches('/').rsplit('/').next() {
        Some(last) if !last.is_empty() => last,
        _ => path,
    }
}

/// All roots met in a run and how they lie to each other.
#[derive(Debug)]
pub struct Roots {
    homes: Vec<String>,
    by_text: HashMap<TextId, RootIx>,
    roots: Vec<Root>,
}

#[derive(Debug)]
struct Root {
    text: TextId,
    path: String,
    /// Roots above and below whose streams it may share: none beyond a home directory.
    related: Vec<RootIx>,
    /// Whether streams of roots below may join its streams.
    takes_in: bool,
}

impl Roots {
    /// No roots yet. `homes` are the directories that `~` stands for; like `/`, they take no
    /// stream in.
    #[must_use]
    pub fn new(homes: &[String]) -> Self {
        let homes = homes.iter().map(|home| home.trim_end_matches('/').to_owned()).collect();
        Self { homes, by_text: HashMap::new(), roots: Vec::new() }
    }

    /// The root with number `text` and path `path`. O(roots) for a new one.
    pub fn add(&mut self, text: TextId, path: &str) -> RootIx {
        if let Some(&ix) = self.by_text.get(&text) {
            return ix;
        }
        let ix = RootIx(self.roots.len());
        let takes_in = self.takes_in(path);
        let mut related = Vec::new();
        for (other_ix, other) in self.roots.iter_mut().enumerate() {
            let above = other.takes_in && is_above(&other.path, path);
            let below = takes_in && is_above(path, &other.path);
            if above || below {
                related.push(RootIx(other_ix));
                other.related.push(ix);
            }
        }
        self.by_text.insert(text, ix);
        self.roots.push(Root { text, path: path.to_owned(), related, takes_in });
        ix
    }

    /// A home directory, anything above one, and `/` are on the way to everything and so say
    /// nothing about what belongs together. Homes of other machines are told by their usual places.
    fn takes_in(&self, path: &str) -> bool {
        let usual = |parent: &str| {
            path.strip_prefix(parent).is_some_and(|name| !name.is_empty() && !name.contains('/'))
        };
        path.starts_with('/')
            && !matches!(path, "/" | "/home" | "/Users" | "/root")
            && !usual("/home/")
            && !usual("/Users/")
            && !self.homes.iter().any(|home| home == path || is_above(path, home))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// Its number in the database.
    #[must_use]
    pub fn text(&self, ix: RootIx) -> TextId {
        self.roots[ix.0].text
    }

    /// Its path.
    #[must_use]
    pub fn path(&self, ix: RootIx) -> &str {
        &self.roots[ix.0].path
    }

    /// The roots whose streams can be one with streams of `ix`, itself left out.
    #[must_use]
    pub fn related(&self, ix: RootIx) -> &[RootIx] {
        &self.roots[ix.0].related
    }

    /// The higher of two related roots.
    #[must_use]
    pub fn higher(&self, a: RootIx, b: RootIx) -> RootIx {
        if self.path(a).len() <= self.path(b).len() { a } else { b }
    }
}

impl RootIx {
    /// As an index into a list that runs parallel to the roots.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// Whether `above` is a proper ancestor directory of `path`.
fn is_above(above: &str, path: &str) -> bool {
    path.len() > above.len()
        && path.starts_with(above)
        && (above.ends_with('/') || path.as_bytes().get(above.len()) == Some(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_take_nobody_in() {
        let mut roots = Roots::new(&["/data/me/".to_owned()]);
        let paths =
            ["/", "/data", "/data/me", "/data/me/work", "/data/me/work/acme", "/data/me/workshop"];
        let ix = |roots: &mut Roots, path: &str| {
            let text = paths.iter().position(|it| *it == path).unwrap() as i64 + 1;
            roots.add(text, path)
        };
        for path in paths {
            ix(&mut roots, path);
        }
        let (work, acme) = (ix(&mut roots, "/data/me/work"), ix(&mut roots, "/data/me/work/acme"));
        assert_eq!(roots.related(work), [acme]);
        assert_eq!(roots.related(acme), [work]);
        assert_eq!(roots.higher(acme, work), work);
        for path in ["/", "/data", "/data/me", "/data/me/workshop"] {
            let root = ix(&mut roots, path);
            assert!(roots.related(root).is_empty(), "{path}");
        }
    }

    #[test]
    fn the_main_checkout_is_the_root() {
        let place = |cwd: &str, repo: Option<&str>, root: Option<&str>| Place {
            cwd: Some(cwd.to_owned()),
            repo: repo.map(str::to_owned),
            repo_root: root.map(str::to_owned),
            ..Place::default()
        };
        assert_eq!(root_of(&place("/w/a/src", Some("o/a"), Some("/w/a"))).unwrap(), "/w/a");
        assert_eq!(root_of(&place("/w/a/.claude/worktrees/x/src", None, None)).unwrap(), "/w/a");
        assert_eq!(root_of(&place("/w/a/src", Some("o/a"), None)).unwrap(), "repo:o/a");
        assert_eq!(root_of(&place("/w/a/src", None, None)).unwrap(), "/w/a/src");
        assert_eq!(root_of(&Place::default()), None);
        assert_eq!(short_name("repo:o/a"), "a");
        assert_eq!(short_name("/w/a/"), "a");
        assert_eq!(short_name("/"), "/");
    }
}
