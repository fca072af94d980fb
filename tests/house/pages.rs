//! What the pages say is so: commands exist, snippets check, links lead somewhere.

use std::io::Write;

use crate::support::{blocks, files_under, pages, read, root, stdout, tt};

/// The names under `Commands:` in the help of `tt` and `args`.
fn subcommands(args: &[&str]) -> Vec<String> {
    let help = stdout(&[args, &["--help"]].concat());
    let names = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every command with its subcommands: `report`, `ingest agents`, …
fn commands() -> Vec<String> {
    let mut all = Vec::new();
    for name in subcommands(&[]) {
        let inner = subcommands(&[&name]);
        all.extend(inner.iter().map(|inner| format!("{name} {inner}")));
        all.push(name);
    }
    assert!(all.len() > 20, "{all:?}");
    all
}

#[test]
fn every_command_is_in_the_docs() {
    let text: String = pages().iter().map(|page| read(page)).collect();
    for command in commands() {
        assert!(text.contains(&format!("tt {command}")), "no page names 'tt {command}'");
    }
}

/// In running text and in shell blocks, whatever is called `tt …` is a command, and its flags are
/// in its help.
#[test]
fn every_command_in_the_docs_exists() {
    let known = commands();
    let mut seen = 0;
    for page in pages() {
        let spans = code_spans(&page).into_iter();
        let lines = blocks(&page)
            .into_iter()
            .filter(|block| matches!(block.info.as_str(), "sh" | "text"))
            .flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>());
        for line in spans.chain(lines) {
            for call in line.split(['|', ';', '&']) {
                let call = call.split(" #").next().unwrap();
                let call = call.trim().trim_start_matches("$ ");
                let call = call.strip_prefix("ssh devbox ").unwrap_or(call);
                let Some(rest) = call.strip_prefix("tt ") else {
                    continue;
                };
                let words: Vec<&str> = rest.split_whitespace().collect();
                let two = words.get(..2).map(|two| two.join(" "));
                let (command, args) = match two.filter(|two| known.contains(two)) {
                    Some(two) => (two, 2),
                    None => (words[0].to_owned(), 1),
                };
                assert!(known.contains(&command), "{page}: there is no 'tt {rest}'");
                let parts: Vec<&str> = command.split(' ').chain(["--help"]).collect();
                let help = stdout(&parts);
                for flag in words[args..].iter().filter(|word| word.starts_with("--")) {
                    let flag = flag.split('=').next().unwrap();
                    assert!(help.contains(flag), "{page}: 'tt {command}' has no {flag}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "only {seen} found");
}

/// Text between single backticks, outside of blocks.
fn code_spans(page: &str) -> Vec<String> {
    let mut inside = false;
    let mut spans = Vec::new();
    for line in read(page).lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if !inside {
            spans.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    spans
}

/// A block called `toml` is a config that `tt rules check` accepts; one called `toml fragment`
/// shows a part, or a mistake.
#[test]
fn every_config_in_the_docs_is_valid() {
    let mut seen = 0;
    for page in pages() {
        for block in blocks(&page).iter().filter(|block| block.info == "toml") {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(block.text.as_bytes()).unwrap();
            let checked = tt(&["rules", "check", file.path().to_str().unwrap()]);
            assert!(
                checked.status.success(),
                "{page}:{}: {}{}",
                block.line,
                String::from_utf8_lossy(&checked.stdout),
                String::from_utf8_lossy(&checked.stderr)
            );
            let settings = tt::config::Settings::read(&block.text, None);
            assert!(settings.is_ok(), "{page}:{}: {settings:?}", block.line);
            seen += 1;
        }
    }
    assert!(seen >= 5, "only {seen} found");
}

#[test]
fn the_readme_shows_the_demo_as_it_is() {
    let demo = stdout(&["demo"]);
    let screen =
        blocks("README.md").into_iter().find(|block| block.text.starts_with("$ tt report"));
    for line in screen.unwrap().text.lines().filter(|line| *line != "…") {
        assert!(
            demo.lines().any(|real| real.trim_end() == line),
            "the demo does not print\n{line}"
        );
    }
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let defaults = tt::config::Settings::default();
    let page = read("docs/time.md");
    for (key, value) in [
        ("gap", defaults.gap),
        ("attention_window", defaults.attention_window),
        ("agent_timeout", defaults.agent_timeout),
    ] {
        let row = format!("| `{key}` | `\"{}m\"` |", value / 60_000);
        assert!(page.contains(&row), "docs/time.md lacks the row\n{row}");
    }
}

#[test]
fn every_event_type_and_source_is_documented() {
    let page = read("docs/collecting.md");
    let code = read("src/event.rs");
    let constants = code
        .lines()
        .take_while(|line| !line.contains("fn of_kind"))
        .filter_map(|line| line.trim().strip_prefix("pub const "))
        .filter_map(|line| line.split('"').nth(1));
    let mut seen = 0;
    for name in constants {
        assert!(page.contains(&format!("`{name}`")), "docs/collecting.md lacks `{name}`");
        seen += 1;
    }
    assert!(seen >= 19, "only {seen} found");
}

/// Where the relative links of a page lead, from the repository's root.
fn links(page: &str) -> Vec<String> {
    let text = read(page);
    let folder = std::path::Path::new(page).parent().unwrap();
    let targets = text
        .match_indices("](")
        .map(|(at, open)| text[at + open.len()..].split([')', '#']).next().unwrap());
    targets
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .map(|target| {
            let mut parts: Vec<&str> = folder.iter().map(|it| it.to_str().unwrap()).collect();
            for part in target.split('/') {
                match part {
                    ".." => drop(parts.pop()),
                    "." | "" => {}
                    part => parts.push(part),
                }
            }
            parts.join("/")
        })
        .collect()
}

#[test]
fn links_lead_somewhere_and_every_page_is_reached() {
    let mut reached = vec!["README.md".to_owned()];
    let mut next = 0;
    while let Some(page) = reached.get(next).cloned() {
        next += 1;
        for target in links(&page) {
            assert!(root().join(&target).exists(), "{page} links to {target}, which is not there");
            if target.ends_with(".md") && !reached.contains(&target) {
                reached.push(target);
            }
        }
    }
    for file in files_under("docs") {
        assert!(reached.contains(&file) || !file.ends_with(".md"), "{file} is linked from nowhere");
    }
}
