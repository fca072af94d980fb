//! Paths: what lies above one, how it may be written, and where one stands in a text.

use std::ops::Range;

use crate::event::nfc;

/// Ways to write one's home.
const HOMES: [&str; 3] = ["~", "$HOME", "${HOME}"];

/// Whether a text is a path from the root or from home.
#[must_use]
pub(super) fn is_whole(text: &str) -> bool {
    text.starts_with('/') || HOMES.iter().any(|home| below(text, home).is_some())
}

/// What of `path` lies below `directory`: empty, or with its `/`. `None` where it lies elsewhere.
fn below<'p>(path: &'p str, directory: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(directory)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// A path as [`plain`] makes it; `~` in front is each of `homes`.
#[must_use]
pub(super) fn meant(path: &str, homes: &[String]) -> Vec<String> {
    let from_home = HOMES.iter().find_map(|home| below(path, home));
    match from_home {
        Some(rest) if !homes.is_empty() => {
            homes.iter().map(|home| plain(&format!("{home}{rest}"))).collect()
        }
        _ => vec![plain(path)],
    }
}

/// A path without `.`, `..`, empty components and a `/` at its end.
#[must_use]
pub(super) fn plain(path: &str) -> String {
    let mut components: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            // Above the root is the root.
            ".." if path.starts_with('/') => drop(components.pop()),
            ".." if components.last().is_some_and(|last| *last != "..") => drop(components.pop()),
            other => components.push(other),
        }
    }
    let joined = components.join("/");
    nfc(&if path.starts_with('/') { format!("/{joined}") } else { joined })
}

/// The path and every directory above it, the longest first.
pub(super) fn upwards(path: &str) -> impl Iterator<Item = &str> {
    let trimmed = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    std::iter::successors(Some(trimmed), |path| {
        let at = path.rfind('/')?;
        match at {
            0 if path.len() > 1 => Some("/"),
            0 => None,
            _ => path.get(..at),
        }
    })
}

/// The last component of a path.
#[must_use]
pub(super) fn last(path: &str) -> Option<&str> {
    path.rsplit('/').find(|component| !component.is_empty())
}

/// The ways in which an absolute path is written by programs: in full and from home.
#[must_use]
pub(super) fn spellings(path: &str, homes: &[String]) -> Vec<String> {
    let mut all = vec![path.to_owned()];
    for home in homes.iter().filter(|home| !home.is_empty()) {
        if let Some(rest) = below(path, home).filter(|rest| !rest.is_empty()) {
            all.extend(HOMES.map(|home| format!("{home}{rest}")));
        }
    }
    all
}

/// A path as some programs name a file after it, `-home-sami-work`: with signs, umlauts and blanks
/// as dashes, with signs and blanks, with blanks, with slashes alone. None for a single component, which would
/// be a mere word.
#[must_use]
pub(super) fn dashed(path: &str) -> Vec<String> {
    if path.split('/').filter(|it| !it.is_empty()).count() < 2 {
        return Vec::new();
    }
    let kept: [fn(char) -> bool; 4] = [
        |c| c.is_ascii_alphanumeric(),
        char::is_alphanumeric,
        |c| c != '/' && !c.is_whitespace(),
        |c| c != '/',
    ];
    let dashed =
        |kept: fn(char) -> bool| path.chars().map(|c| if kept(c) { c } else { '-' }).collect();
    let mut all: Vec<String> = kept.map(dashed).into();
    all.dedup();
    all
}

/// Where a path that stands in a text ends, if it goes on at `from`. What ends a sentence is no part
/// of it.
#[must_use]
pub(super) fn end(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let ends =
        |c: char| c.is_whitespace() || c.is_control() || "\"'`<>|;,:()[]{}*?“”‘’«»…".contains(c);
    let path = rest.get(..rest.find(ends).unwrap_or(rest.len())).unwrap_or_default();
    from + path.trim_end_matches(['.', '!']).len()
}

/// Where in a text paths stand that begin at the root or at home, and what they are.
#[must_use]
pub(super) fn within(text: &str) -> Vec<(Range<usize>, &str)> {
    if !text.contains('/') {
        return Vec::new();
    }
    let lower = text.to_ascii_lowercase();
    let files: Vec<usize> = lower.match_indices("file://").map(|(at, it)| at + it.len()).collect();
    let mut found = Vec::new();
    let mut done = 0;
    for (at, c) in text.char_indices() {
        if at < done || !matches!(c, '/' | '~' | '$') {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let home = HOMES.iter().find(|home| below(rest, home).is_some());
        let slash = at + home.map_or(0, |home| home.len());
        let first = text.get(slash + 1..).and_then(|rest| rest.chars().next());
        let is_path = text.get(slash..).is_some_and(|rest| rest.starts_with('/'))
            && first.is_some_and(|c| c != '/')
            && end(text, slash + 1) > slash + 1;
        if is_path && (is_apart(text, at) || is_of_file(text, at, &files)) {
            done = end(text, slash);
            found.push((at..done, text.get(at..done).unwrap_or_default()));
        }
    }
    found
}

/// Whether nothing stands before `at` that a path would be a part of.
fn is_apart(text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|before| before.chars().next_back());
    !before.is_some_and(|c| c.is_alphanumeric() || "/._-~$}%\\".contains(c))
}

/// Whether the path at `at` is that of an address `file://…`; `files` are the ends of these.
fn is_of_file(text: &str, at: usize, files: &[usize]) -> bool {
    let next = files.partition_point(|end| *end <= at);
    let host = next.checked_sub(1).and_then(|last| text.get(*files.get(last)?..at));
    host.is_some_and(|host| !host.contains(|c: char| c == '/' || c.is_whitespace()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_texts() {
        let found = |text: &'static str| -> Vec<&str> {
            within(text)
                .into_iter()
                .map(|(place, path)| {
                    assert_eq!(text.get(place), Some(path));
                    path
                })
                .collect()
        };
        assert_eq!(found("vim ~/a/b.c - (/x/y), done"), ["~/a/b.c", "/x/y"]);
        assert_eq!(found("see /home/u. And $HOME/z!"), ["/home/u", "$HOME/z"]);
        assert_eq!(found("file:///a/b and FILE://host/c at:/d"), ["/a/b", "/c", "/d"]);
        let none = "and/or 1/2 https://a.b/c?d=e / // a/ ~u/x";
        assert_eq!(found(none), Vec::<&str>::new());
    }

    #[test]
    fn paths_are_understood() {
        let homes = ["/home/u".to_owned(), "/home/v".to_owned()];
        assert_eq!(meant("~/a//b/../c/.", &homes), ["/home/u/a/c", "/home/v/a/c"]);
        assert_eq!(meant("a/./b/", &homes), ["a/b"]);
        assert_eq!(meant("/../a", &homes), ["/a"]);
        assert_eq!(meant("../a/../..", &homes), ["../.."]);
        assert_eq!(upwards("/a/b").collect::<Vec<_>>(), ["/a/b", "/a", "/"]);
        assert_eq!(upwards("a/b/").collect::<Vec<_>>(), ["a/b", "a"]);
        assert_eq!(upwards("/").collect::<Vec<_>>(), ["/"]);
        assert_eq!(spellings("/home/u/a", &homes), ["/home/u/a", "~/a", "$HOME/a", "${HOME}/a"]);
        assert_eq!(dashed("/home/u/a-b"), ["-home-u-a-b"]);
        assert_eq!(dashed("/u/ö b_"), ["-u---b-", "-u-ö-b-", "-u-ö-b_", "-u-ö b_"]);
        assert_eq!(dashed("/home"), [""; 0]);
        assert!(is_whole("~") && is_whole("~/a") && is_whole("/") && !is_whole("~u/a"));
    }
}
