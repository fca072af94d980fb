//! Which glob a text meets.
//!
//! A path is asked for itself and for every directory above it, an address for its host and for
//! every part of it from there on, any other text for itself alone. A directory counts with and
//! without a `/` at its end, so that `~/private`, `~/private/` and `~/private/*` mean the same.

use super::settings::{Glob, Settings};
use super::{Kind, paths, spelling};
use crate::event::nfc;

/// What `include` and `exclude` say of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Verdict {
    /// The first glob of `exclude` that it meets.
    pub(super) excluded: Option<usize>,
    /// Whether it meets one of `include`.
    pub(super) included: bool,
}

impl Settings {
    /// What is said of a text. Costs each glob on each part of a path.
    #[must_use]
    pub(super) fn verdict(&self, kind: Kind, text: &str) -> Verdict {
        if text.is_empty() || self.exclude.is_empty() && self.include.is_empty() {
            return Verdict::default();
        }
        let views = self.views(kind, text);
        Verdict {
            excluded: self.exclude.iter().position(|glob| glob.meets(&views)),
            included: self.include.iter().any(|glob| glob.meets(&views)),
        }
    }

    /// The texts that globs are asked about.
    fn views(&self, kind: Kind, text: &str) -> Vec<String> {
        let mut views = vec![nfc(text)];
        if kind == Kind::Path || paths::is_whole(text) {
            self.path_views(text, &mut views);
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            if scheme.eq_ignore_ascii_case("file") {
                let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default();
                self.path_views(&spelling::decoded(path), &mut views);
            } else if kind == Kind::Url {
                address_views(rest, &mut views);
            }
        }
        views
    }

    fn path_views(&self, path: &str, views: &mut Vec<String>) {
        let meant = paths::meant(path, &self.homes);
        for path in meant.iter().map(String::as_str).chain([nfc(path).as_str()]) {
            add_upwards(path, views);
        }
    }
}

fn address_views(rest: &str, views: &mut Vec<String>) {
    let place = rest.split(['?', '#']).next().unwrap_or_default();
    let place = nfc(&spelling::decoded(place));
    add_upwards(&place, views);
    let host = place.split('/').next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    views.push(host.split(':').next().unwrap_or_default().to_lowercase());
}

fn add_upwards(path: &str, views: &mut Vec<String>) {
    for directory in paths::upwards(path) {
        views.push(directory.to_owned());
        views.push(format!("{directory}/"));
    }
}

impl Glob {
    fn meets(&self, views: &[String]) -> bool {
        views.iter().any(|view| self.patterns.iter().any(|pattern| pattern.matches(view)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceFile;

    fn excluded(glob: &str, kind: Kind, text: &str) -> bool {
        let file = SourceFile::new("config.toml", format!("[privacy]\nexclude = ['{glob}']"));
        let settings = Settings::read(&file, &["/home/u".to_owned()]).unwrap();
        settings.verdict(kind, text).excluded == Some(0)
    }

    #[test]
    fn a_directory_is_excluded_with_all_below_it() {
        for glob in ["~/private", "~/private/", "~/private/*", "/home/u/priv?te", "*/private"] {
            for path in [
                "/home/u/private",
                "/home/u/private/",
                "/home/u/private/x/y.txt",
                "/home/u//private/x",
                "/home/u/work/../private/x",
                "~/private/x",
                "$HOME/private",
            ] {
                assert!(excluded(glob, Kind::Path, path), "{glob} {path}");
                assert!(excluded(glob, Kind::Other, path), "{glob} {path}");
            }
            for path in ["/home/u/privateer", "/home/u/work", "/home/u", "/"] {
                assert!(!excluded(glob, Kind::Path, path), "{glob} {path}");
            }
            assert!(excluded(glob, Kind::Url, "file:///home/u/private/a%20b"), "{glob}");
            assert!(excluded(glob, Kind::Other, "file://host/home/u/%70rivate/x"), "{glob}");
        }
        assert!(excluded("~/cafe\u{301}", Kind::Path, "/home/u/café/x"));
    }

    #[test]
    fn other_texts_are_taken_as_they_are() {
        assert!(excluded("acme/*", Kind::Repo, "acme/web"));
        assert!(!excluded("acme", Kind::Repo, "acme/web"));
        assert!(excluded("*.bank.example", Kind::Url, "https://my.bank.example:8443/a?b"));
        assert!(excluded("git.example/acme", Kind::Url, "https://git.example/acme/web?x#y"));
        assert!(excluded("git.example/acme/*", Kind::Url, "https://git.example/ac%6De/web"));
        assert!(!excluded("git.example/acme", Kind::Url, "https://git.example/acmes"));
        assert!(excluded("*hush*", Kind::Title, "a hush b"));
        assert!(!excluded("hush", Kind::Title, "a hush b"));
    }
}
