//! What a user sees: every mistake drawn.
//!
//! Each file in `findings/` is a rule file with mistakes; its snapshot holds source and drawing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tt::diag::render::{human, json};
use tt::diag::{Code, Finding, Level, SourceFile};
use tt::rules::analysis::{Budget, Options};
use tt::rules::{Asked, Env, review};

use crate::support::{HOME, check};

/// Every file, by its name, with its text.
fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules/findings");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn home(name: &str) -> Option<&'static str> {
    (name != "no_home").then_some(HOME)
}

/// Everything that a thorough look at the file of that name finds.
fn found(name: &str, text: &str) -> Vec<Finding> {
    let ordinary = Options::default();
    let options = match name {
        // Enough for rules that win at once, and for nothing else.
        "verdict_not_proven" => Options { budget: Budget { per_rule: 12, total: 36 }, ..ordinary },
        _ => ordinary,
    };
    let env = Env { home: home(name).map(str::to_owned) };
    let mut asked = Asked { options, ..Asked::default() };
    if name == "verdict_overlap" {
        asked.levels.set(Code::Overlap, Level::Warn);
    }
    review(&SourceFile::new("config.toml", text), &env, &asked).findings
}

#[test]
fn every_mistake_is_drawn() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("findings");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (name, text) in files() {
        let file = SourceFile::new("config.toml", text.as_str());
        let findings = found(&name, &text);
        let drawn = human::render(&findings, &file, false);
        let shown = format!("{text}\n════════\n\n{drawn}");
        settings.bind(|| insta::assert_snapshot!(name.as_str(), shown));
    }
}

#[test]
fn every_code_has_a_file() {
    let seen: BTreeSet<Code> = files()
        .iter()
        .flat_map(|(name, text)| found(name, text))
        .map(|finding| finding.code)
        .collect();
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !seen.contains(code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Line, column and code of everything found.
fn places(text: &str) -> Vec<(usize, usize, &'static str)> {
    let file = SourceFile::new("config.toml", text);
    let place = |finding: &tt::diag::Finding| {
        let at = file.position(finding.primary.span.start);
        (at.line, at.column, finding.code.id())
    };
    check(text).findings.iter().map(place).collect()
}

#[test]
fn eight_mistakes_are_eight_findings() {
    let text = include_str!("findings/eight_mistakes.toml");
    assert_eq!(
        places(text),
        [
            (3, 11, "R0201"),
            (7, 46, "R0102"),
            (8, 17, "R0203"),
            (10, 1, "R0205"),
            (14, 1, "R0202"),
            (15, 23, "R0104"),
            (16, 22, "R0208"),
            (20, 8, "R0101"),
        ]
    );
}

/// The first lines of the findings of `text`, as the terminal shows them.
fn first_lines(text: &str, count: usize) -> String {
    let file = SourceFile::new("config.toml", text);
    let drawn = human::render(&check(text).findings, &file, false);
    drawn.lines().take(count).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_texts_are_exact() {
    let unknown =
        "\n\n\n\n[[rules.auto_tag]]\nname = 'x'\nmatch = { pathh = '~/a' }\ntags = ['x']\n";
    let lines = first_lines(unknown, 3);
    let (first, rest) = lines.split_once('\n').unwrap();
    assert_eq!(first, "Error: config.toml line 7: unknown field 'pathh' in match block");
    assert!(rest.starts_with("Valid fields: primary_cwd, tmux_session, agent"), "{rest}");
    assert!(rest.ends_with("\nDid you mean: primary_cwd?\n"), "{rest}");

    let glob = "[[rules.auto_tag]]\nname = 'x'\n\n\n\n\n\n\nmatch = { primary_cwd = '~/work/[invalid' }\ntags = ['x']\n";
    assert_eq!(
        first_lines(glob, 2),
        "Error: config.toml line 9: invalid glob pattern '~/work/[invalid'\n  \
         Unclosed bracket in pattern\n"
    );

    let rule = "[[rules.auto_tag]]\nmatch = { agent = 'x' }\n";
    let tags = format!("{}{rule}", "\n".repeat(11));
    assert_eq!(
        first_lines(&tags, 1),
        "Error: config.toml line 12: rule missing required 'tags' field\n"
    );

    for broken in ["= 'value'", "match == { agent = 'x' }", "a=b=c", "= { agent = 'x' }"] {
        let text = format!("\n\n\n\n\n[[rules.auto_tag]]\n{broken}\ntags = ['x']\n");
        assert_eq!(
            first_lines(&text, 2),
            "Error: config.toml line 7: TOML parse error\n  unexpected character '=' in bare key\n",
            "{broken}"
        );
        assert_eq!(check(&text).findings.len(), 1, "{broken}");
    }
}

/// The text with every edit that its findings offer.
fn mended(text: &str) -> String {
    let mut edits: Vec<_> = check(text).findings.into_iter().filter_map(|it| it.edit).collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span));
    edits.iter().fold(text.to_owned(), |mut text, edit| {
        text.replace_range(edit.span.start..edit.span.end, &edit.replacement);
        text
    })
}

#[test]
fn edits_mend_expressions_in_strings_of_every_kind() {
    for (broken, expected) in [
        (r#"'agent = "x" && !has repo'"#, r#"'agent == "x" and not has repo'"#),
        (
            r#""agent =~ \"x\" || brnch == \"\u00fc\"""#,
            r#""agent ~ \"x\" or git_branch == \"\u00fc\"""#,
        ),
        (r#"'agent not in ["x"], repo !~ "y"'"#, r#"'not agent in ["x"] and not repo ~ "y"'"#),
        (
            r#"'agent == codex and weekday in [sat]'"#,
            r#"'agent == "codex" and weekday in ["sat"]'"#,
        ),
        (r#""agent ~ x* and weekday == 'Sat'""#, r#""agent ~ 'x*' and weekday == 'sat'""#),
        (r#""agent ~ 'x' AND weekday == \"Sat\"""#, r#""agent ~ 'x' and weekday == \"sat\"""#),
        ("'''\nagent in 'x' OR\n NOT True'''", "'''\nagent in ['x'] or\n not true'''"),
        (
            r#"'duration >= "15m" and time in "9:00..17:00"'"#,
            "'duration >= 15m and time in 9:00..17:00'",
        ),
        (r#"'repo ~ ["x"] or duration == 15m..2h'"#, r#"'repo in ["x"] or duration in 15m..2h'"#),
        (
            "\"\"\"exists repo and \\\n agent == 5\"\"\"",
            "\"\"\"has repo and \\\n agent == '5'\"\"\"",
        ),
        (
            "'has repo&&!has agent||agent=[\"x\"]'",
            "'has repo and not has agent or agent in [\"x\"]'",
        ),
        (r#"'weekday ~ "sat"'"#, r#"'weekday == "sat"'"#),
    ] {
        let file = |when: &str| format!("[[rules.auto_tag]]\nwhen = {when}\ntags = ['t']\n");
        let mended = mended(&file(broken));
        assert_eq!(mended, file(expected));
        assert_eq!(check(&mended).findings, [], "{mended}");
    }
}

#[test]
fn json_has_the_agreed_shape() {
    let text = "[[rules.auto_tag]]\nname = 'ü'\nmatch = { 'pathh' = 'ü' }\ntags = ['x', 'x']\n";
    let file = SourceFile::new("config.toml", text);
    let found = json::render(&check(text).findings, &file);
    let first = &found[0];
    assert_eq!(first["code"], "R0201");
    assert_eq!(first["severity"], "error");
    assert_eq!(first["message"], "unknown field 'pathh' in match block");
    assert_eq!(first["file"], "config.toml");
    let place =
        ["line", "column", "end_line", "end_column"].map(|key| first[key].as_u64().unwrap());
    assert_eq!(place, [3, 11, 3, 18]);
    assert_eq!(first["notes"][1], "Did you mean: primary_cwd?");
    assert_eq!(first["edit"]["replacement"], "primary_cwd");
    assert_eq!(found[1]["severity"], "warning");
    assert_eq!(found[1]["related"][0]["column"], 9);
    assert_eq!(found[1]["help"], serde_json::Value::Null);
}

#[test]
fn colour_only_if_asked() {
    let text = "[[rules.auto_tag]]\nmatch = {}\ntags = ['x']\n";
    let file = SourceFile::new("config.toml", text);
    let findings = check(text).findings;
    assert!(!human::render(&findings, &file, false).contains('\u{1b}'));
    assert!(human::render(&findings, &file, true).contains('\u{1b}'));
}

/// The codes of everything that a thorough look finds, with what it says to do.
fn advice(rules: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let rule = |(tag, condition): &(&str, &str)| {
        format!("[[rules.auto_tag]]\nname = '{tag}'\n{condition}\ntags = ['{}']\n", &tag[..1])
    };
    let found = found("rules", &rules.iter().map(rule).collect::<String>());
    found.into_iter().map(|it| (it.code.id(), it.help.unwrap_or_default())).collect()
}

#[test]
fn suggestions_do_not_undo_each_other() {
    // Of two equal rules one is to go, not both.
    let same = "match = { agent = 'x' }";
    let remove = |name: &str| ("R0302", format!("remove '{name}': no stream would change"));
    assert_eq!(advice(&[("a1", same), ("a2", same)]), [remove("a2")]);
    assert_eq!(advice(&[("a1", same), ("a2", same), ("a3", same)]), [remove("a2"), remove("a3")]);
    // In a chain each leans on the next.
    let chain = advice(&[
        ("a1", "match = { agent = 'x' }"),
        ("a2", "match = { agent = ['x', 'y'] }"),
        ("a3", "match = { agent = ['x', 'y', 'z'] }"),
    ]);
    assert_eq!(chain[0].0, "R0304");
    assert!(chain[0].1.contains("as long as 'a2' stays"), "{chain:?}");
    assert_eq!(chain[1], ("R0304", "'a2' can be removed".to_owned()));
}

#[test]
fn a_rule_is_moved_only_where_all_it_passes_live_on() {
    let special = ("s", "match = { primary_cwd = '/a/b/*' }");
    let general = ("g", "match = { primary_cwd = '/a/*' }");
    let moved = "move 's' above 'g': exactly its own streams go from 'g' to it, and no others";
    assert_eq!(advice(&[general, special]), [("R0302", moved.to_owned())]);
    // The smallest stream of the general rule is one of the special rule's; it keeps others.
    let days = ("g", "match = { weekday = ['mon', 'tue'] }");
    assert_eq!(
        advice(&[days, ("s", "match = { weekday = 'mon' }")]),
        [("R0302", moved.to_owned())]
    );
    let same = ("s", "match = { weekday = ['tue', 'mon'] }");
    assert!(advice(&[days, same])[0].1.starts_with("decide which is meant: "));
    // The smallest stream of the special rule goes to neither.
    let found = advice(&[("c", "match = { primary_cwd = '/a/b/' }"), general, special]);
    assert_eq!(found, [("R0302", moved.to_owned())]);
    // Moved above those that cover it, it would leave them nothing.
    let found = advice(&[
        ("g", "match = { primary_cwd = '/a/*' }"),
        ("b", "match = { agent = 'x' }"),
        ("s", "when = 'primary_cwd ~ \"/a/*\" or agent == \"x\"'"),
    ]);
    assert!(found[0].1.starts_with("decide which is meant: "), "{found:?}");
}

#[test]
fn many_conditions_on_one_set_are_met_by_many_elements() {
    let each: Vec<_> = (0..70).map(|n| format!("agent == \"x{n}\"")).collect();
    let all = format!("when = '{}'", each.join(" and "));
    assert_eq!(advice(&[("a", &all)]), []);
}

#[test]
fn a_cover_of_many_rules_is_found() {
    let names: Vec<_> = (0..60).map(|n| format!("n{n}")).collect();
    let each: Vec<_> = names.iter().map(|it| format!("match = {{ agent = '{it}' }}")).collect();
    let last = format!("match = {{ agent = {names:?} }}");
    let mut rules: Vec<_> =
        names.iter().zip(&each).map(|(n, it)| (n.as_str(), it.as_str())).collect();
    rules.push(("all", &last));
    let found = advice(&rules);
    assert_eq!((found.len(), found[0].0), (1, "R0303"));
}
