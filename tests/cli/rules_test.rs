//! `tt rules test`: what tests say to people and programs, and what they leave open.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::json;

use crate::support::{ACME, quiet, tt};

/// A specific rule below the general one, and tests that know better.
const TROUBLE: &str = r#"[[rules.auto_tag]]
name = "Acme projects"
match = { primary_cwd = ["~/work/acme/*", "/srv/acme/*"] }
tags = ["acme", "billable"]
project = "acme"

[[rules.auto_tag]]
name = "Acme support"
match = { primary_cwd = "~/work/acme/*", tmux_session = "support*" }
when = "duration >= 15m and not weekday in ['sat', 'sun']"
tags = ["acme", "support"]

[[rules.auto_tag]]
match = { agent = "codex" }
tags = ["agents"]
enabled = false

[[rules.test]]
name = "support is not billed, whatever the directory says"
stream = { primary_cwd = "~/work/acme/web", tmux_session = "support-3", duration = "1h" }
expect = { rule = "Acme support", tags = ["acme", "support"] }

[[rules.test]]
stream = { primary_cwd = "~/work/acme/web", tmux_session = "main", duration = "5m", at = 2025-01-25T10:00:00 }
expect = { rule = "Acme support", tags = ["acme", "support"] }

[[rules.test]]
stream = { primary_cwd = "/srv/acme/x" }
expect = { rule = "Acme projects", tags = ["billable", "acme"], project = "Acme" }

[[rules.test]]
stream = { agent = ["codex"] }
expect = { rule = "rule 3", tags = ["agents"] }

[[rules.test]]
stream = { primary_cwd = "/srv/acme/x" }
expect = "none"

[[rules.test]]
stream = { primary_cwd = "~/notes" }
expect = "none"

[[rules.test]]
stream = { pathh = "~/notes" }
expect = { rule = "Acme projcts", tags = ["acme"] }
"#;

const TESTED: &str = r#"
[[rules.test]]
stream = { primary_cwd = "~/work/acme/web" }
expect = { rule = "Acme projects", tags = ["acme", "billable"] }

[[rules.test]]
stream = { tmux_session = "personal-x" }
expect = { rule = "Personal work", tags = ["personal"] }
"#;

#[test]
fn tests_that_pass_are_counted() {
    quiet()
        .with_config(format!("{ACME}{TESTED}"))
        .run("rules test")
        .ok()
        .prints("2 tests, 2 passed");
}

#[test]
fn failures_are_shown_as_differences_and_say_why() {
    let tt = quiet().with_config(TROUBLE);
    let ran = tt.run("rules test").exits(1);
    assert_eq!(ran.err, "");
    insta::assert_snapshot!(ran.out);
}

#[test]
fn programs_get_json() {
    let tt = quiet().with_config(TROUBLE);
    let ran = tt.run("rules test --format json").exits(1);
    insta::assert_snapshot!(ran.out);
    let json = tt.run("rules test --format json --coverage").exits(1).json();
    let coverage = &json["coverage"];
    assert_eq!(coverage["rules"], json!({ "covered": 0, "total": 1 }));
    assert_eq!(coverage["gaps"][0]["kind"], "rule");
    assert_eq!(coverage["gaps"][0]["rule"], json!({ "name": "Acme projects", "line": 3 }));
    assert_eq!(coverage["gaps"][1]["place"]["column"], 26);
    let nothing = quiet().with_config("").run("rules test --format json").ok().json();
    assert_eq!(nothing["tests"], json!([]));
    assert_eq!(nothing["coverage"], json!(null));
}

#[test]
fn ci_gets_junit_with_the_same_bytes_every_time() {
    let tt = quiet().with_config(TROUBLE);
    let ran = tt.run("rules test --format junit --coverage").exits(1);
    insta::assert_snapshot!(ran.out);
    assert_eq!(tt.run("rules test --format junit --coverage").exits(1).out, ran.out);
    let broken =
        tt.put("broken.toml", "[[rules.auto_tag]]\nmatch = { agnt = 'x' }\ntags = ['x']\n");
    let broken = broken.to_str().unwrap();
    let ran = tt.run_args(["rules", "test", "--format", "junit", broken]).exits(1);
    ran.says(&["errors=\"1\"", "the rules have errors", "unknown field &apos;agnt&apos;"]);
}

#[test]
fn coverage_says_what_no_test_would_notice() {
    let rules = r#"[[rules.auto_tag]]
name = "Acme secret"
match = { primary_cwd = ["~/work/acme/secret/*", "/srv/secret/*"] }
tags = ["acme", "secret"]

[[rules.auto_tag]]
name = "Acme projects"
match = { primary_cwd = "~/work/acme/*" }
tags = ["acme", "billable"]

[[rules.auto_tag]]
when = "agent == 'codex' or not (has repo and duration < 1h)"
tags = ["rest"]

[[rules.test]]
stream = { primary_cwd = "/srv/secret/x" }
expect = { rule = "Acme secret", tags = ["acme", "secret"] }

[[rules.test]]
stream = { agent = "codex", repo = "acme/web" }
expect = { rule = "rule 3", tags = ["rest"] }
"#;
    let tt = quiet().with_config(rules);
    let ran = tt.run("rules test --coverage").ok();
    insta::assert_snapshot!(ran.out);
    // What it offers to paste covers everything.
    let offered: Vec<_> = ran.out.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    tt.config(format!("{rules}\n{}\n", offered.join("\n")));
    tt.run("rules test --coverage --fail-under 100").ok().says(&["100% covered: rules 3 of 3"]);
}

#[test]
fn too_little_coverage_fails() {
    let tt = quiet().with_config(format!("{ACME}{TESTED}"));
    let percent = tt.run("rules test --coverage --format json").ok().json()["coverage"]["percent"]
        .as_u64()
        .unwrap();
    assert!((1..100).contains(&percent), "{percent}");
    tt.run(&format!("rules test --fail-under {percent}")).ok();
    let ran = tt.run(&format!("rules test --fail-under {}", percent + 1)).exits(1);
    assert_eq!(ran.err, format!("Error: {percent}% covered, and {}% are asked for\n", percent + 1));
    tt.run("rules test --fail-under 101").says_wrong_usage(&["101"]);
    // Two files count together.
    let all = tt.put("all.toml", "[[rules.auto_tag]]\nwhen = 'true'\ntags = ['x']\n[[rules.test]]\nstream = {}\nexpect = { rule = 'rule 1', tags = ['x'] }\n");
    tt.run_args(["rules", "test", all.to_str().unwrap(), "--fail-under", "100"]).ok();
}

#[test]
fn no_tests_is_said_with_how_to_write_one() {
    let tt = quiet().with_config(ACME);
    let ran = tt.run("rules test").ok();
    ran.says(&["No tests.", "[[rules.test]]", "--generate"]);
    let ran = tt.run("rules test --fail-under 1").exits(1);
    assert_eq!(ran.err, "Error: 0% covered, and 1% are asked for\n");
    tt.run("rules test --fail-under 0").ok();
    tt.config("");
    tt.run("rules test --coverage").ok().says(&["No tests.", "100% covered: rules 0 of 0"]);
    let ran = tt.run("rules test --fail-under 1").exits(1);
    assert_eq!(ran.err, "Error: there are no tests, and 1% are asked for\n");
}

#[test]
fn what_cannot_be_read_or_run_is_told() {
    let tt = tt();
    let warning = "Warning: No config file found at ~/.config/tt/config.toml\n         \
                   Rules disabled; using LLM-only tagging";
    tt.run("rules test").warns(warning);
    tt.run("rules test missing.toml").says_wrong_usage(&["cannot read missing.toml"]);
    tt.config([0xff]);
    tt.run("rules test").says_wrong_usage(&["is not UTF-8"]);
    tt.config("[[rules.auto_tag]]\nmatch = { agnt = 'x' }\ntags = ['x']\n[[rules.test]]\n");
    tt.run("rules test").exits(1).says(&[
        "Error: config.toml line 2: unknown field 'agnt'",
        "Warning: config.toml line 4: test without 'stream'",
        "config.toml: 1 error; no rule runs until fixed",
    ]);
    tt.run("rules test --generate").exits(1).prints("");
    tt.run("rules test --write").says_wrong_usage(&["--generate"]);
    tt.run("rules test --generate --coverage").says_wrong_usage(&["cannot be used with"]);
    assert!(!tt.database().exists(), "testing rules needs no database");
}

/// The rules run, whatever is wrong with a test, and the check says no more than what is wrong.
#[test]
fn tests_are_not_the_rules_business() {
    let tt = quiet().with_config(format!("{ACME}{TESTED}"));
    tt.run("rules check").ok().prints("config.toml: 3 rules loaded, all valid");
    tt.config(format!("{ACME}[[rules.test]]\nstream = {{}}\n"));
    let ran = tt.run("rules check").ok();
    ran.says(&["line 17: test without 'expect'", "config.toml: 3 rules loaded, 1 warning"]);
    let out = tt.feed("rules match --streams -", r#"{"tmux_session": ["personal-x"]}"#).ok().out;
    assert!(out.contains("Personal work"), "{out}");
}

#[test]
fn generated_tests_are_printed_or_added_and_pass() {
    let before = format!("# mine\r\n{}# the end", ACME.replace('\n', "\r\n"));
    let tt = quiet().with_config(&before);
    let printed = tt.run("rules test --generate").ok().out;
    insta::assert_snapshot!(printed);
    let config = tt.home().join(".config/tt/config.toml");
    assert_eq!(fs::read_to_string(&config).unwrap(), before);

    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    let ran = tt.run("rules test --generate --write").ok();
    ran.prints("config.toml: 3 tests added");
    let after = fs::read_to_string(&config).unwrap();
    assert_eq!(after, format!("{before}\r\n\r\n{}", printed.replace('\n', "\r\n")));
    assert_eq!(fs::metadata(&config).unwrap().permissions().mode() & 0o777, 0o600);
    tt.run("rules test").ok().prints("3 tests, 3 passed");

    let again = tt.run("rules test --generate --write").done();
    assert_eq!((again.out.as_str(), again.err.as_str()), ("", "config.toml: nothing to add\n"));
    assert_eq!(fs::read_to_string(&config).unwrap(), after);
}

#[test]
fn tests_are_added_only_where_that_leaves_the_file_whole() {
    let tt = quiet();
    let list = "rules = { auto_tag = [{ when = 'true', tags = ['x'] }] }\n";
    let path = tt.put("list.toml", list);
    let args = ["rules", "test", "--generate", "--write", path.to_str().unwrap()];
    tt.run_args(args).fails_about(&["tests cannot be added at the end of", "list.toml"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), list);
    // A link, as those who keep their configs elsewhere have it, stays one.
    let real = tt.put("dotfiles/config.toml", ACME);
    let link = tt.path("link.toml");
    symlink(&real, &link).unwrap();
    tt.run_args(["rules", "test", "--generate", "--write", link.to_str().unwrap()]).ok();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("[[rules.test]]"));
}

#[test]
fn the_tests_of_the_examples_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules-examples");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let args = ["rules", "test"].map(Into::into);
    let out = quiet().run_args(args.into_iter().chain(files)).ok().out;
    let count: usize = out.split(' ').next().unwrap().parse().unwrap();
    assert!(count >= 8, "{out}");
    assert_eq!(out, format!("{count} tests, {count} passed\n"));
}

#[test]
fn no_terminal_no_colour_and_nothing_that_harms_one() {
    let evil = "[[rules.auto_tag]]\nname = \"a\\u001b[31m\"\nwhen = 'true'\ntags = [\"\\u001b[2J\"]\n\
                [[rules.test]]\nname = \"\\u001b]0;x\\u0007\"\nstream = { primary_cwd = \"\\u001b[2J\" }\n\
                expect = { rule = \"rule 1\", tags = [] }\n";
    let tt = quiet().with_config(evil);
    for format in ["text", "json", "junit"] {
        let ran = tt.run(&format!("rules test --coverage --format {format}")).exits(1);
        assert!(!ran.out.contains(['\u{1b}', '\u{7}']), "{ran:#?}");
    }
    let generated = tt.run("rules test --generate").ok().out;
    assert!(!generated.contains('\u{1b}'), "{generated}");
}
