//! Globs of `[privacy]`, as people write paths in them.
//!
//! A glob in a rule that meets nothing is a rule that does not win; here it is something that leaves
//! though its owner believes that it does not. So a path in a glob is understood however it is
//! written, and what cannot be meant is a mistake. What a glob means as a rule would have it, it
//! means here too.

use super::spelling;
use crate::diag::{Code, Finding, quote};
use crate::rules::ir::pattern::escaped;
use crate::rules::{self, Part, Pattern, Text};

const METACHARACTERS: [char; 6] = ['*', '?', '[', '{', '<', '\\'];

/// The patterns of a glob: it matches where any of them does. `homes` is what `~` stands for.
///
/// # Errors
/// What is wrong with it; never nothing.
pub(super) fn patterns(text: &Text, homes: &[String]) -> Result<Vec<Pattern>, Vec<Finding>> {
    let begin = text.text.len() - text.text.trim_start().len();
    let trimmed = text.part(begin, begin + text.text.trim().len());
    let glob = if trimmed.text.is_empty() { text.clone() } else { trimmed };
    let wrong = |why: &str| {
        let headline = format!("{} is no path that can be recorded", quote(&glob.text));
        vec![Finding::new(Code::GlobSyntax, glob.span, headline).detail(format!("  {why}"))]
    };
    let meant = in_full(&glob.text);
    if let Some(why) = mistake(&meant) {
        return Err(wrong(why));
    }
    // The place of what was rewritten is that of all of it.
    let meant = if meant == glob.text { glob.clone() } else { Text::new(&meant, "", glob.span) };
    let mut patterns = Vec::new();
    for pattern in rules::glob(&meant, homes)? {
        patterns.push(straight(&pattern).ok_or_else(|| {
            wrong("'..' behind a wildcard may lead anywhere; write the path without it.")
        })?);
    }
    for written in [&glob, text] {
        for pattern in rules::glob(written, homes)? {
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
    }
    Ok(patterns)
}

/// A glob with `~` for `$HOME`, without `file://`, and where it is a directory's name with a `/` at
/// its end, that directory wherever it is.
fn in_full(glob: &str) -> String {
    for home in ["$HOME", "${HOME}"] {
        if let Some(rest) = glob.strip_prefix(home)
            && !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        {
            return format!("~{rest}");
        }
    }
    if let Some(path) = of_file(glob) {
        return path;
    }
    let is_relative = !glob.starts_with(['/', '~', '.', '*']) && !glob.contains("://");
    match glob.strip_suffix('/') {
        Some(directory) if is_relative => format!("*/{}", directory.trim_end_matches('/')),
        _ => glob.to_owned(),
    }
}

/// The path of an address `file://…`, where its beginning is no wildcard.
fn of_file(glob: &str) -> Option<String> {
    let (scheme, rest) = glob.split_once("://")?;
    let (host, path) = rest.split_at_checked(rest.find('/')?)?;
    let first = path.trim_start_matches('/').split('/').next()?;
    let is_path = scheme.eq_ignore_ascii_case("file")
        && !first.is_empty()
        && ![host, first].iter().any(|it| it.contains(METACHARACTERS));
    let path = is_path.then(|| spelling::decoded(path))?;
    Some(if rest.contains(METACHARACTERS) { path } else { escaped(&path, false) })
}

/// Why a glob cannot be meant.
fn mistake(glob: &str) -> Option<&'static str> {
    let is_variable = || {
        let name = glob.strip_prefix('$')?.split('/').next()?;
        let name = name.strip_prefix('{').and_then(|it| it.strip_suffix('}')).unwrap_or(name);
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        (is_name && glob.contains('/')).then_some(())
    };
    let first = glob.split('/').next().unwrap_or_default();
    if first.starts_with('~') && first != "~" {
        return Some(
            "'~' is your own home; write another's in full. A text with '~' in front: '[~]…'.",
        );
    }
    if is_variable().is_some() {
        return Some("Of variables only $HOME is known; write the path in full.");
    }
    if matches!(first, "." | "..") {
        return Some("It leads on from nowhere; write it from '/' or '~' on, or from '*/' on.");
    }
    let negated = glob.strip_prefix('!').is_some_and(|rest| rest.starts_with(['/', '~', '$', '*']));
    negated.then_some("'!' does not turn it round; a text with '!' in front: '[!]…'.")
}

/// The pattern of a path without empty components, `.`, `..` and a `/` at its end. `None` where `..`
/// stands behind what is not literal.
fn straight(pattern: &Pattern) -> Option<Pattern> {
    if !matches!(pattern.parts.first(), Some(Part::Literal(text)) if text.starts_with('/')) {
        return Some(pattern.clone());
    }
    if has_inner_detour(&pattern.parts) {
        return None;
    }
    let mut components: Vec<Vec<Part>> = Vec::new();
    for component in components_of(&pattern.parts) {
        match component.as_slice() {
            [] => {}
            [Part::Literal(text)] if text == "." => {}
            [Part::Literal(text)] if text == ".." => match components.last().map(Vec::as_slice) {
                None | Some([Part::Literal(_)]) => drop(components.pop()),
                Some(_) => return None,
            },
            _ => components.push(component),
        }
    }
    let mut parts: Vec<Part> = Vec::new();
    for component in components {
        for part in [Part::Literal("/".to_owned())].into_iter().chain(component) {
            match (parts.last_mut(), part) {
                (Some(Part::Literal(text)), Part::Literal(more)) => text.push_str(&more),
                (_, part) => parts.push(part),
            }
        }
    }
    if parts.is_empty() {
        parts.push(Part::Literal("/".to_owned()));
    }
    Some(Pattern { parts })
}

/// What stands between the `/` of a pattern.
fn components_of(parts: &[Part]) -> Vec<Vec<Part>> {
    let mut components = vec![Vec::new()];
    for part in parts {
        let Part::Literal(text) = part else {
            components
                .last_mut()
                .into_iter()
                .for_each(|last: &mut Vec<Part>| last.push(part.clone()));
            continue;
        };
        for (n, piece) in text.split('/').enumerate() {
            if n > 0 {
                components.push(Vec::new());
            }
            if let Some(last) = components.last_mut().filter(|_| !piece.is_empty()) {
                last.push(Part::Literal(piece.to_owned()));
            }
        }
    }
    components
}

/// Whether `..` stands within braces.
fn has_inner_detour(parts: &[Part]) -> bool {
    let names_above = |text: &str| text.split('/').any(|it| it == "..");
    let is_up = |part: &Part| matches!(part, Part::Literal(text) if names_above(text));
    let groups = parts.iter().filter_map(|part| match part {
        Part::Group(alternatives) => Some(alternatives),
        Part::Literal(_) | Part::Any | Part::Star | Part::Class(_) | Part::Capture(_) => None,
    });
    groups.flatten().any(|parts| parts.iter().any(is_up) || has_inner_detour(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(glob: &str) -> Result<Vec<Pattern>, Vec<Finding>> {
        let source = format!("v = '{glob}'");
        let text = Text::new(glob, &source, (4..source.len()).into());
        patterns(&text, &["/home/u".to_owned(), "/data/u".to_owned()])
    }

    #[test]
    fn a_path_is_understood_however_it_is_written() {
        for glob in [
            "~/work/secret",
            "$HOME/work/secret",
            "${HOME}/work/secret",
            "~/work/open/../secret",
            "~/../../home/u/../../../data/../home/u/work/secret",
            "~//work//secret",
            "~/./work/secret/.",
            "~/work/secret/",
            "~/work/secret//",
            " ~/work/secret",
            "~/work/secret\t ",
            "file:///home/u/work/secret",
            "FILE://box/home/u/work/%73ecret/",
            "~/wor?/./secret",
            "~/{work,x}/secret",
            "secret/",
            "work/secret/",
            "*/secret",
        ] {
            let patterns = read(glob).unwrap();
            let meets = |path: &str| patterns.iter().any(|it| it.matches(path));
            assert!(meets("/home/u/work/secret"), "{glob}");
            assert!(!meets("/home/u/work/open") && !meets("/home/u/work"), "{glob}");
        }
        let of = |glob: &str| -> Vec<String> {
            read(glob).unwrap().iter().map(ToString::to_string).collect()
        };
        assert_eq!(of("~/a"), ["/home/u/a", "/data/u/a"]);
        assert_eq!(of("acme/web"), ["acme/web"]);
        assert_eq!(of("https://a//b/"), ["https://a//b/"]);
        assert_eq!(of("file:///*"), ["file:///*"]);
        assert_eq!(
            of("file:///a%20%5Bb"),
            [r"/a [b".replace('[', r"\["), "file:///a%20%5Bb".into()]
        );
        assert_eq!(of(" x"), ["x", " x"]);
        assert_eq!(of("/.."), ["/", "/.."]);
        assert_eq!(of("*//x/../y"), ["*//x/../y"]);
        assert_eq!(of("$HOMES"), ["$HOMES"]);
    }

    #[test]
    fn what_cannot_be_meant_is_a_mistake_with_its_place() {
        for glob in [
            "~bob/x",
            "~bob",
            "~*",
            "$OTHER/x",
            "${XDG_DATA_HOME}/x",
            "./x",
            "../x",
            "..",
            ".",
            "~/*/../x",
            "~/a*/../x",
            "~/{a/../b,c}/d",
            "!~/work",
            "!*",
            "$HOME*",
        ] {
            let findings = read(&format!(" {glob} ")).unwrap_err();
            let span = findings[0].primary.span;
            assert_eq!((span.start, span.end), (6, 6 + glob.len()), "{glob}");
            assert!(findings[0].headline.contains("is no path"), "{glob}");
        }
        assert!(read("[~]bob").is_ok() && read("$5").is_ok() && read("~/..a/x").is_ok());
        assert!(read("").is_err() && read("~/[a").is_err());
    }
}
