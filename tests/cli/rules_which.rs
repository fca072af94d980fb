//! `tt rules which`: the rule of a stream of which only some fields are known.

use crate::support::{ACME, Sandbox, quiet, tt};

const RULES: &str = r#"
[[rules.auto_tag]]
name = "Secret project"
match = { primary_cwd = "~/work/acme/secret/*", agent = ["codex", "claude-*"] }
tags = ["secret"]

[[rules.auto_tag]]
name = "Client work"
when = '''primary_cwd ~ "~/work/<client>/*" and duration >= 15m'''
tags = ["client:<client>", "billable"]
project = "<client>"

[[rules.auto_tag]]
name = "Nights"
match = { tmux_session = "on-call-*", time = "22:00..06:00" }
tags = ["night"]
"#;

fn rules() -> Sandbox {
    tt().with_config(RULES)
}

#[track_caller]
fn shown(line: &str) -> String {
    rules().run(&format!("rules which {line}")).ok().out
}

#[test]
fn one_possible_rule_is_an_answer() {
    assert_eq!(
        shown("--cwd ~/work/acme/web --duration 20m"),
        "\"Client work\" (line 9) → client:acme, billable\n"
    );
    assert_eq!(
        shown("--cwd ~/work/acme/secret/x --agent codex --agent other"),
        "\"Secret project\" (line 4) → secret\n",
        "whatever is not known"
    );
    assert_eq!(
        shown("--session on-call-1 --at 2025-01-28T23:30 --only-these"),
        "\"Nights\" (line 15) → night\n"
    );
}

#[test]
fn what_is_not_known_makes_a_difference_only_where_it_does() {
    insta::assert_snapshot!(shown("--cwd ~/work/acme/secret/x --at 2025-01-28T12:00"));
    insta::assert_snapshot!(shown("--cwd /srv --session on-call-1 --weekday sat"));
    insta::assert_snapshot!(shown("--session main"));
}

#[test]
fn without_a_match_the_nearest_rule_is_named() {
    let tt = rules();
    let ran = tt.run("rules which --cwd ~/work/acme --session main --duration 20m").exits(1);
    insta::assert_snapshot!(ran.out);
    let ran = tt.run("rules which --cwd ~/work/acme/x --duration 12m --time 12:00").exits(1);
    insta::assert_snapshot!(ran.out);
}

#[test]
fn programs_get_all_outcomes() {
    let json =
        rules().run("rules which --cwd ~/work/acme/web --session main --format json").ok().json();
    assert_eq!(json["certain"], false);
    assert_eq!(json["known"], serde_json::json!(["primary_cwd", "tmux_session"]));
    let outcomes = json["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 2);
    assert_eq!(
        outcomes[0]["rule"],
        serde_json::json!({"index": 1, "name": "Client work", "line": 9})
    );
    assert_eq!(outcomes[0]["tags"], serde_json::json!(["client:acme", "billable"]));
    assert_eq!(outcomes[0]["project"], "acme");
    assert_eq!(outcomes[0]["depends_on"], serde_json::json!(["duration"]));
    assert_eq!(outcomes[0]["example"]["duration_ms"], 900_000);
    assert_eq!(outcomes[1]["rule"], serde_json::Value::Null);
    assert_eq!(json["nearest"]["rule"]["name"], "Client work");
    assert_eq!(json["nearest"]["reasons"], serde_json::json!(["the stream has no duration"]));
    assert_eq!(json["not_proven"], serde_json::json!([]));
}

#[test]
fn directories_are_taken_as_events_have_them() {
    let tt = tt().with_config(ACME);
    let acme = tt.home().join("work/acme/web");
    std::fs::create_dir_all(&acme).unwrap();
    std::os::unix::fs::symlink(&acme, tt.home().join("link")).unwrap();
    for cwd in ["~/work/acme/web/", "work/acme/web", "~/link", "/sandbox/home/work/acme/./gone"] {
        tt.run(&format!("rules which --cwd {cwd}"))
            .ok()
            .prints("\"Acme projects\" (line 5) → acme, billable");
    }
    tt.run("rules which --cwd ~/work/acme --only-these").exits(1);
}

#[test]
fn a_rule_file_may_be_named_and_may_be_empty_or_broken() {
    let tt = quiet();
    tt.run("rules which").exits(1).prints("No rule matches.");
    let path = tt.put("mine.toml", RULES);
    tt.run(&format!("rules which --cwd ~/work/x/y --duration 1h --rules {}", path.display()))
        .ok()
        .prints("\"Client work\" (line 9) → client:x, billable");
    tt.config("[[rules.auto_tag]]\ntags = []\n");
    assert_eq!(tt.run("rules which").exits(1).out, "");
}

#[test]
fn values_that_are_none_are_told() {
    let tt = rules();
    for (line, word) in [
        ("--duration 20", "--duration '20': a length of time is written 1h30m"),
        ("--weekday saturday", "a day is one of mon, tue, wed, thu, fri, sat, sun"),
        ("--time 24:00", "a time of day is written 17:30"),
        ("--at noon", "noon"),
        ("--cwd=", "no value; leave the option out if it is not known"),
        ("--at 2025-01-28T10:00 --weekday sat", "cannot be used with"),
        ("--cwd /a --cwd /b", "cannot be used multiple times"),
    ] {
        tt.run(&format!("rules which {line}")).says_wrong_usage(&[word]);
    }
}
