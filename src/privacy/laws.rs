//! Laws of the filter: whatever is configured and whatever leaves, nothing leaves that must not.
//!
//! The check knows nothing of how the filter works: it walks the JSON, takes off case, escapes and
//! detours of paths, and looks for the words.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use unicode_normalization::UnicodeNormalization;

use super::*;
use crate::diag::SourceFile;
use crate::event::{Event, Place};
use crate::time::Timestamp;

const HOME: &str = "/home/u";

/// Directory, repository, main checkout, worktree, branch.
const PLACES: [(&str, &str, &str, &str, &str); 7] = [
    ("/home/u/private/diary/src", "zora/diary-q", "/home/u/private/diary", "", "main"),
    (HOME, "", "", "", ""),
    ("/home/u/privateer", "", "", "", ""),
    ("/home/u/work/Hushweb", "zora/Hushweb", "/home/u/work/Hushweb", "", "feature/Login-x"),
    (
        "/home/u/work/Hushweb/.wt/kilo",
        "zora/Hushweb",
        "/home/u/work/Hushweb",
        "kilo",
        "wip/kilo-9z",
    ),
    ("/srv/two words/Prüföl", "Prüföl", "/srv/two words/Prüföl", "", "main"),
    ("/opt/zq", "zora/zq", "/opt/zq", "", "zy"),
];
const SESSIONS: [&str; 3] = ["ops-sess", "0", "Hushweb"];
const PROJECTS: [&str; 1] = ["Client Neun"];
const TITLES: [&str; 2] = ["Mend the hush gate", "Quiet Öl"];
const GLOBS: [&str; 7] = [
    "~/private",
    "~/private/*",
    "/srv/two words",
    "*/Pr?föl*",
    "zora/Hush*",
    "wip/*",
    "/home/u/work/",
];

fn place(at: usize) -> Place {
    let (cwd, repo, root, worktree, branch) = PLACES[at];
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Place {
        cwd: text(cwd),
        repo: text(repo),
        repo_root: text(root),
        worktree: text(worktree),
        git_branch: text(branch),
        machine_id: Some("box".to_owned()),
    }
}

fn known() -> Known {
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
    Known {
        places: (0..PLACES.len()).map(place).collect(),
        roots: PLACES
            .iter()
            .map(|place| if place.2.is_empty() { place.0 } else { place.2 }.to_owned())
            .collect(),
        sessions: texts(&SESSIONS),
        projects: texts(&PROJECTS),
        names: texts(&TITLES),
    }
}

fn settings(exclude: &[&str], obfuscate: &[Class]) -> Settings {
    let quoted = |texts: &[&str]| format!("{texts:?}");
    let classes: Vec<&str> = obfuscate.iter().map(|class| class.name()).collect();
    let text =
        format!("[privacy]\nexclude = {}\nobfuscate = {}", quoted(exclude), quoted(&classes));
    Settings::read(&SourceFile::new("config.toml", text), &[HOME.to_owned()]).unwrap()
}

fn filter(exclude: &[&str], obfuscate: &[Class]) -> Filter {
    Filter::new(settings(exclude, obfuscate), Key::new([7; 32]), &known()).unwrap()
}

// --- what must not be there --------------------------------------------------------------------

fn plain(text: &str) -> String {
    text.nfd().flat_map(char::to_lowercase).collect()
}

/// Without percent-encoding, by brute force.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => (out.push(byte), at += 3),
            (byte, _) => (out.push(byte), at += 1),
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// All texts of a JSON value, keys too, but those that `tt` writes itself.
fn texts_of(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|it| texts_of(it, out)),
        Value::Object(map) => {
            for (key, value) in map {
                out.push(key.clone());
                texts_of(value, out);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Paths that are excluded, by a reading of the globs that is made for these places alone.
fn excluded_paths(exclude: &[&str]) -> Vec<&'static str> {
    let mut paths = Vec::new();
    for glob in exclude {
        paths.extend(match *glob {
            "~/private" | "~/private/*" => {
                &["/home/u/private", "/home/u/private/diary", "~/private"][..]
            }
            "/srv/two words" => &["/srv/two words", "/srv/two words/Prüföl"],
            "*/Pr?föl*" => &["/srv/two words/Prüföl"],
            "/home/u/work/" => &["/home/u/work", "/home/u/work/Hushweb", "~/work"],
            _ => &[],
        });
    }
    paths
}

fn names(obfuscate: &[Class]) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    for class in obfuscate {
        match class {
            Class::Paths => names.extend([
                "/home/u/work/Hushweb",
                "~/work/Hushweb",
                "/srv/two words",
                "/opt/zq",
                "/home/u/privateer",
                "-home-u-work-Hushweb",
            ]),
            Class::Projects => names.extend([
                "zora",
                "Hushweb",
                "kilo",
                "Prüföl",
                "zq",
                "ops-sess",
                "Client Neun",
                "diary-q",
            ]),
            Class::Branches => {
                names.extend(["feature/Login-x", "feature-Login-x", "wip/kilo-9z", "zy"])
            }
            Class::Titles => names.extend(TITLES),
        }
    }
    names
}

/// What of it is in the texts.
fn leaks(value: &Value, exclude: &[&str], obfuscate: &[Class]) -> Vec<String> {
    let mut texts = Vec::new();
    texts_of(value, &mut texts);
    let mut found = Vec::new();
    for text in &texts {
        let escaped = text.replace('\\', "").replace("/./", "/");
        for text in
            [plain(text), plain(&decoded(text)), plain(&decoded(&decoded(text))), plain(&escaped)]
        {
            // What begins as a path is one, and goes on with another name but for a '/'.
            let is_path = ["/", "~", "$home"].iter().any(|it| text.starts_with(it));
            let mut look = |word: &str, ends_with_word: bool| {
                let folded = plain(word);
                for (at, hit) in text.match_indices(&folded) {
                    let after = text[at + hit.len()..].chars().next();
                    let before = text[..at].chars().next_back();
                    let goes_on =
                        |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                    let alnum = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
                    let counts = match ends_with_word {
                        true if is_path => after.is_none_or(|c| c == '/'),
                        true => !goes_on(after),
                        false => folded.len() >= 4 || !alnum(before) && !alnum(after),
                    };
                    if counts {
                        found.push(format!("'{word}' in '{text}'"));
                    }
                }
            };
            excluded_paths(exclude).into_iter().for_each(|path| look(path, true));
            names(obfuscate).into_iter().for_each(|name| look(name, false));
        }
    }
    found
}

// --- what may leave ----------------------------------------------------------------------------

/// A word that may have to be hidden, in some spelling.
fn word() -> impl Strategy<Value = String> {
    let mut words: Vec<String> = Vec::new();
    for (cwd, repo, root, worktree, branch) in PLACES {
        words.extend([cwd, repo, root, worktree, branch].map(str::to_owned));
        words.push(cwd.replace(HOME, "~"));
        words.push(root.replace(HOME, "$HOME"));
        words.push(format!("{cwd}/notes.txt"));
    }
    words.extend(SESSIONS.iter().chain(&PROJECTS).chain(&TITLES).map(|it| (*it).to_owned()));
    words.extend(["zora", "/home/u/private", "/home/u/work"].map(str::to_owned));
    words.retain(|word| !word.is_empty());
    let percent = |text: String| -> String {
        text.bytes()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    char::from(c).to_string()
                } else {
                    format!("%{c:02X}")
                }
            })
            .collect()
    };
    let shell = |text: String| -> String {
        let escape = |c: char| if c.is_ascii_punctuation() || c == ' ' { "\\" } else { "" };
        text.chars().flat_map(|c| [escape(c).to_owned(), c.to_string()]).collect()
    };
    (prop::sample::select(words), 0..10).prop_map(move |(word, how)| match how {
        0 => word.to_uppercase(),
        1 => word.nfd().collect(),
        2 => percent(word),
        3 => percent(percent(word)),
        4 => format!("file://{word}"),
        5 => shell(word),
        6 => word.replace('/', "/./"),
        _ => word,
    })
}

fn text() -> impl Strategy<Value = String> {
    let filler = prop::sample::select(vec![
        " ",
        "",
        ", ",
        "-",
        "/",
        " — vim ",
        "x",
        "(",
        "\"",
        "see ",
        "https://e.example/",
        "://",
        ".",
        "_",
        "%",
        "é",
        "~/",
        "=",
    ]);
    prop::collection::vec((filler, prop::option::weighted(0.6, word())), 1..4).prop_map(|parts| {
        parts
            .into_iter()
            .map(|(filler, word)| filler.to_owned() + &word.unwrap_or_default())
            .collect()
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        2 => word().prop_map(Value::from),
        1 => Just(json!(3)),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            object(inner.boxed()).prop_map(Value::from),
        ]
    })
}

fn object(inner: BoxedStrategy<Value>) -> impl Strategy<Value = Map<String, Value>> {
    let known = prop::sample::select(vec![
        "title",
        "url",
        "file",
        "cwd",
        "tags",
        "text",
        "subject",
        "session_name",
        "branch",
        "repo",
        "agent",
        "thing",
        "nested",
    ]);
    let key = prop_oneof![4 => known.prop_map(str::to_owned), 1 => text()];
    prop::collection::vec((key, inner), 0..4).prop_map(|pairs| pairs.into_iter().collect())
}

fn event() -> impl Strategy<Value = Event> {
    let kinds = prop::sample::select(vec!["browser_tab", "tmux_pane_focus", "git_commit", "odd"]);
    let at = 0..2_000_000_000_000_i64;
    let session = prop::option::of(text());
    (kinds, at, prop::option::of(0..PLACES.len()), session, object(value().boxed())).prop_map(
        |(kind, at, place_at, session, data)| {
            let place = place_at.map(place).unwrap_or_default();
            Event::new(kind, "local.window", Timestamp::from_millis(at), place, session, data)
        },
    )
}

fn config() -> impl Strategy<Value = (Vec<&'static str>, Vec<Class>)> {
    let globs = prop::sample::subsequence(GLOBS.to_vec(), 0..4);
    (globs, prop::sample::subsequence(Class::ALL.to_vec(), 0..=4))
}

fn in_json(event: &Event) -> Value {
    serde_json::from_str(&event.to_json()).unwrap()
}

/// What an export shows of a stream, more or less.
#[derive(Clone, PartialEq, Debug)]
struct Row(Vec<(Kind, String)>);

impl Outgoing for Row {
    fn texts(&mut self, see: &mut dyn FnMut(Kind, &mut String)) {
        self.0.iter_mut().for_each(|(kind, text)| see(*kind, text));
    }
}

const KINDS: [Kind; 10] = [
    Kind::Path,
    Kind::Session,
    Kind::Branch,
    Kind::Repo,
    Kind::Title,
    Kind::Url,
    Kind::Name,
    Kind::Tag,
    Kind::Project,
    Kind::Other,
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// What happened in an excluded place does not leave. Nothing of an event that leaves holds what
    /// must not leave; passing once more is harmless.
    #[test]
    fn events_leak_nothing((exclude, obfuscate) in config(), event in event()) {
        let filter = filter(&exclude, &obfuscate);
        let passed = filter.pass(event.clone());
        let cwd = event.place.cwd.as_deref().unwrap_or_default();
        let lies_in = |path: &&str| cwd == *path || cwd.starts_with(&format!("{path}/"));
        if excluded_paths(&exclude).iter().any(lies_in) {
            prop_assert!(passed.is_err(), "{cwd}");
        }
        let Ok(safe) = passed else { return Ok(()) };
        let json = in_json(safe.get());
        let found = leaks(&json, &exclude, &obfuscate);
        prop_assert!(found.is_empty(), "{found:#?}\n{json:#}");
        let again = filter.pass(event).unwrap();
        prop_assert_eq!(&again, &safe);
        let twice = filter.pass(again.get().clone()).unwrap();
        prop_assert_eq!(leaks(&in_json(twice.get()), &exclude, &obfuscate), Vec::<String>::new());
        prop_assert_eq!(&twice.get().place, &safe.get().place);
        // A path that was found within a text may be the whole of it now, blanks and all.
        if !obfuscate.contains(&Class::Paths) {
            prop_assert_eq!(&twice.get().data, &safe.get().data);
        }
    }

    /// Nor does anything of a stream, nor any message.
    #[test]
    fn streams_and_messages_leak_nothing(
        (exclude, obfuscate) in config(),
        texts in prop::collection::vec((prop::sample::select(KINDS.to_vec()), prop_oneof![text(), word()]), 1..4),
        message in text(),
    ) {
        let filter = filter(&exclude, &obfuscate);
        if let Ok(safe) = filter.pass(Row(texts)) {
            let all: Vec<&str> = safe.get().0.iter().map(|(_, text)| text.as_str()).collect();
            let found = leaks(&json!(all), &exclude, &obfuscate);
            prop_assert!(found.is_empty(), "{found:#?}\n{:#?}", safe.get());
            if !obfuscate.contains(&Class::Paths) {
                prop_assert_eq!(&filter.pass(safe.get().clone()).unwrap(), &safe);
            }
        }
        let masked = filter.mask(&message);
        let found = leaks(&json!(masked), &exclude, &obfuscate);
        prop_assert!(found.is_empty(), "{found:#?}\n'{message}'");
        prop_assert_eq!(filter.mask(&masked), masked);
    }

    /// Any bytes at all pass without harm.
    #[test]
    fn any_text_will_do((exclude, obfuscate) in config(), text in ".{0,60}", percent in "[%0-9A-F/~$.é]{0,40}") {
        let filter = filter(&exclude, &obfuscate);
        for text in [text, percent] {
            for kind in KINDS {
                let row = Row(vec![(kind, text.clone())]);
                if let Ok(safe) = filter.pass(row) {
                    let found = leaks(&json!(safe.get().0[0].1), &exclude, &obfuscate);
                    prop_assert!(found.is_empty(), "{found:#?}");
                }
            }
            let masked = filter.mask(&text);
            prop_assert_eq!(leaks(&json!(masked), &exclude, &obfuscate), Vec::<String>::new());
        }
    }
}

/// The check finds what an absent filter lets through.
#[test]
fn the_law_can_fail() {
    let data = json!({"title": "see ~/PRIVATE/x", "odd": [{"hushWEB": "%2Fhome%2Fu%2Fprivate"}]});
    let Value::Object(data) = data else { unreachable!() };
    let at = Timestamp::from_millis(0);
    let event = Event::new("browser_tab", "local.browser", at, Place::default(), None, data);
    let raw = in_json(Filter::off().pass(event.clone()).unwrap().get());
    let (exclude, obfuscate) = (["~/private"], [Class::Projects]);
    assert!(leaks(&raw, &exclude, &obfuscate).len() >= 3);
    let json = in_json(filter(&exclude, &obfuscate).pass(event).unwrap().get());
    assert_eq!(leaks(&json, &exclude, &obfuscate), Vec::<String>::new());
}

#[test]
fn a_name_is_the_same_wherever_it_stands_and_another_under_another_key() {
    let filter = filter(&[], &[Class::Paths, Class::Projects]);
    let becomes = |kind, text: &str| filter.becomes(kind, text).unwrap();
    let name = becomes(Kind::Session, "Hushweb");
    let digits = name.strip_prefix("project-").unwrap();
    assert_eq!(becomes(Kind::Tag, "hushweb"), name);
    assert_eq!(becomes(Kind::Name, "Hushweb"), name);
    assert_eq!(becomes(Kind::Title, "on HUSHWEB now"), format!("on {name} now"));
    assert!(becomes(Kind::Repo, "zora/Hushweb").ends_with(&format!("/{name}")));
    // A part of a path has the same digits.
    let path = becomes(Kind::Path, "/home/u/work/Hushweb");
    assert!(path.ends_with(&format!("/x{digits}")), "{path}");
    // What lies below a path lies below what becomes of it.
    assert!(becomes(Kind::Path, "/home/u/work/Hushweb/a/b.rs").starts_with(&format!("{path}/")));
    assert_eq!(becomes(Kind::Path, "~/work/Hushweb"), path);
    assert_eq!(becomes(Kind::Title, "vim ~/work/Hushweb."), format!("vim {path}."));

    let other =
        Filter::new(settings(&[], &[Class::Projects]), Key::new([8; 32]), &known()).unwrap();
    assert_ne!(other.becomes(Kind::Session, "Hushweb").unwrap(), name);
}

#[test]
fn what_a_stream_is_called_depends_on_where_its_name_comes_from() {
    let becomes = |class: Class, name: &str| {
        let becomes = filter(&[], &[class]).becomes(Kind::Name, name);
        becomes.map(|text| text.split('-').next().unwrap_or_default().to_owned())
    };
    // After its directory: a name of a project, and no title.
    assert_eq!(becomes(Class::Projects, "Hushweb").as_deref(), Some("project"));
    assert_eq!(becomes(Class::Titles, "Hushweb"), None);
    // By an agent or a person: a title, in which projects may be named.
    assert_eq!(becomes(Class::Titles, "Mend Hushweb").as_deref(), Some("title"));
    assert_eq!(becomes(Class::Projects, "Mend Hushweb").as_deref(), Some("Mend project"));
    assert_eq!(becomes(Class::Branches, "Mend Hushweb"), None);
}

/// A name that every replacement brings about anew, for as long as there is text.
#[test]
fn names_like_tokens_come_to_an_end() {
    let names = ["bproj", "project", "ct-", "[excluded]", "x", "itle-"].map(str::to_owned);
    let known = Known { sessions: names.to_vec(), ..Known::default() };
    let filter = Filter::new(settings(&["bpr*"], &Class::ALL), Key::new([7; 32]), &known).unwrap();
    for text in ["bproj".repeat(20), "b".repeat(200) + "proj", "project-".repeat(30)] {
        assert!(!filter.mask(&text).contains("bprojbproj"));
    }
}

/// A path that ends before its last name does, since that has a blank.
#[test]
fn what_overlaps_goes_as_a_whole() {
    let known = Known { roots: vec!["/srv/Größe geheim".to_owned()], ..Known::default() };
    let settings = settings(&[], &[Class::Paths, Class::Projects]);
    let filter = Filter::new(settings, Key::new([7; 32]), &known).unwrap();
    for path in [
        "/srv/open/../Größe geheim",
        "/srv/./Größe geheim",
        "/x/y/Größe geheim",
        "-srv-Größe-geheim",
    ] {
        let masked = filter.mask(&format!("in {path} end"));
        assert!(!masked.contains("geheim") && masked.ends_with(" end"), "{masked}");
    }
}

#[test]
fn exclude_goes_before_include() {
    let text = "[privacy]\ninclude = ['~/work/*']\nexclude = ['~/work/secret']";
    let file = SourceFile::new("config.toml", text);
    let settings = Settings::read(&file, &[HOME.to_owned()]).unwrap();
    let filter = Filter::new(settings, Key::new([7; 32]), &Known::default()).unwrap();
    let why = |paths: &[&str]| {
        let row = Row(paths.iter().map(|path| (Kind::Path, (*path).to_owned())).collect());
        filter.pass(row).err().map(|withheld| withheld.to_string())
    };
    assert_eq!(why(&["/home/u/work/a", "/usr/include"]), None);
    assert_eq!(why(&["/usr/include"]).as_deref(), Some("nothing of it is in 'include'"));
    assert_eq!(
        why(&["/home/u/work/a", "/home/u/work/secret/x"]).as_deref(),
        Some("excluded by '~/work/secret'")
    );
}

/// With `include` alone and with nothing, what leaves is what is stored.
#[test]
fn what_is_not_rewritten_keeps_its_id() {
    let at = Timestamp::from_millis(0);
    let event = Event::new("browser_tab", "local.browser", at, place(3), None, Map::new());
    let text = "[privacy]\ninclude = ['~/work/*']";
    let file = SourceFile::new("config.toml", text);
    let include = Settings::read(&file, &[HOME.to_owned()]).unwrap();
    let include = Filter::new(include, Key::new([7; 32]), &known()).unwrap();
    for filter in [Filter::off(), Filter::default(), include] {
        assert_eq!(filter.pass(event.clone()).unwrap().get(), &event);
    }
    // Elsewhere the id would confirm a guess.
    let filtered = filter(&[], &[Class::Branches]).pass(event.clone()).unwrap();
    assert_ne!(filtered.get().id, event.id);
    assert_eq!(filtered.get().id.to_string()[..12], event.id.to_string()[..12]);
}
