//! The page of every code says what is so: its example is run, and what is drawn below it is what
//! the check draws.
//!
//! Title, the line below it, the drawing and the index are generated. After a change:
//!
//! ```sh
//! TT_UPDATE_DOCS=1 cargo test --test rules pages
//! ```

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tt::diag::render::human;
use tt::diag::{Code, Finding, Level, Levels, SourceFile};
use tt::rules::{Asked, Env, review};

const SECTIONS: [&str; 5] =
    ["What it says", "Why it matters", "Example", "Instead", "How to fix it"];
const LAST_SECTION: &str = "When it is fine";

/// What an example cannot but say beside its own code.
const BESIDE: [(Code, Code); 1] = [
    // An allowance without a reason leaves what it was to hide.
    (Code::BadAllowance, Code::Shadowed),
];

/// Everything found in a block of the page, checked as its owner would.
fn found(code: Code, text: &str) -> Vec<Finding> {
    // That `~` stands for nothing cannot be seen where it stands for something.
    let home = (code != Code::NoHome).then(|| "/home/sami".to_owned());
    review(&SourceFile::new("config.toml", text), &Env { home }, &Asked::default()).findings
}

fn drawn(code: Code, text: &str) -> String {
    let file = SourceFile::new("config.toml", text);
    human::render(&found(code, text), &file, false)
}

/// The text of each `##` section, by its title.
fn sections(page: &str) -> Vec<(&str, &str)> {
    page.split("\n## ").skip(1).map(|section| section.split_once("\n\n").unwrap()).collect()
}

/// The fenced blocks of a text: what stands behind the fence, and what is in the block.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let parts: Vec<_> = text.split("```").collect();
    assert!(parts.len() % 2 == 1, "a block is not closed:\n{text}");
    parts.iter().skip(1).step_by(2).map(|block| block.split_once('\n').unwrap()).collect()
}

fn head(code: Code) -> String {
    let (id, slug, severity) = (code.id(), code.slug(), code.severity().as_str());
    let reported = match Levels::default().of(code) {
        _ if !code.is_lint() => "no level can be set for it",
        Level::Allow => "not reported unless asked for",
        Level::Warn | Level::Deny => "reported unless a level says otherwise",
    };
    format!("# {id}: {}\n\n`{slug}` · {severity} · {reported}\n", code.summary())
}

/// The page as it should be.
fn right(code: Code) -> String {
    let page = code.page();
    let (_, rest) = page.split_once("\n## ").unwrap();
    let (before, example) = rest.split_once("\n## Example\n").unwrap();
    let (example, after) = example.split_once("\n## ").unwrap();
    let text = match blocks(example)[..] {
        [("toml fragment", text), ("text", _)] => text,
        ref other => {
            panic!("{code}: an example is a block 'toml fragment', then 'text': {other:?}")
        }
    };
    let (prose, _) = example.rsplit_once("```text\n").unwrap();
    let drawn = drawn(code, text);
    format!("{}\n## {before}\n## Example\n{prose}```text\n{drawn}```\n\n## {after}", head(code))
}

/// The list of all pages.
fn index() -> String {
    let mut text = "# Codes\n\n\
        What `tt rules check` finds has a code that never changes its meaning. \
        `tt rules explain R0302` prints its page, `tt rules explain` this list.\n\n\
        | code | name | severity | reported | |\n| --- | --- | --- | --- | --- |\n"
        .to_owned();
    for code in Code::ALL {
        let (id, slug, severity) = (code.id(), code.slug(), code.severity().as_str());
        let level = match Levels::default().of(*code) {
            _ if !code.is_lint() => "always",
            Level::Allow => "if asked for",
            Level::Warn | Level::Deny => "yes",
        };
        let summary = code.summary();
        let _ =
            writeln!(text, "| [`{id}`]({id}.md) | `{slug}` | {severity} | {level} | {summary} |");
    }
    text.push_str(
        "\nHow to set levels and allow single findings: [rules.md](../rules.md#how-much-is-made-of-a-finding).\n",
    );
    text
}

/// Holds a generated file to what it should be, or makes it so.
#[track_caller]
fn hold(name: &str, is: &str, should: &str) {
    if std::env::var_os("TT_UPDATE_DOCS").is_some() {
        fs::write(folder().join(name), should).unwrap();
        return;
    }
    assert!(
        is == should,
        "docs/codes/{name} is not what it should be; 'TT_UPDATE_DOCS=1 cargo test --test rules \
         pages' makes it so:\n{should}"
    );
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/codes")
}

#[test]
fn every_page_has_its_shape_and_shows_what_the_check_draws() {
    for code in Code::ALL {
        hold(&format!("{code}.md"), code.page(), &right(*code));
        let titles: Vec<_> = sections(code.page()).iter().map(|(title, _)| *title).collect();
        let (first, last) = titles.split_at(SECTIONS.len().min(titles.len()));
        assert_eq!(first, SECTIONS, "{code}");
        assert!(last.is_empty() || last == [LAST_SECTION], "{code}: {last:?}");
        for (title, text) in sections(code.page()) {
            assert!(text.trim().len() > 40, "{code}: '{title}' says nothing");
        }
    }
}

#[test]
fn every_example_is_what_it_says() {
    for code in Code::ALL {
        let mut good = 0;
        for (title, text) in sections(code.page()) {
            for (kind, block) in blocks(text) {
                let codes: Vec<_> = found(*code, block).iter().map(|it| it.code).collect();
                match (title, kind) {
                    ("Example", "toml fragment") => {
                        let beside = BESIDE.map(|(of, it)| (of == *code).then_some(it));
                        let meant = |it: &Code| it == code || beside.contains(&Some(*it));
                        assert!(codes.contains(code), "{code}: the example gives {codes:?}");
                        assert!(codes.iter().all(meant), "{code}: the example gives {codes:?}");
                    }
                    ("Instead" | LAST_SECTION, "toml") => {
                        assert_eq!(codes, [], "{code}, '{title}':\n{}", drawn(*code, block));
                        good += usize::from(title == "Instead");
                    }
                    ("Example", "text") => {}
                    _ => panic!("{code}: a block '{kind}' in '{title}'"),
                }
            }
        }
        assert!(good > 0, "{code}: no block 'toml' in 'Instead'");
    }
}

#[test]
fn the_index_lists_every_page_and_there_is_no_other() {
    let is = fs::read_to_string(folder().join("README.md")).unwrap_or_default();
    hold("README.md", &is, &index());
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    files.sort();
    let pages: Vec<_> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
    assert_eq!(files, pages);
}
