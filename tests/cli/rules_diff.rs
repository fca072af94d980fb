//! `tt rules diff`: what changes in meaning from one rule file to another.

use serde_json::json;

use crate::support::events::focus;
use crate::support::{ACME, Sandbox, tt};

const SECRET: &str = r#"
[[rules.auto_tag]]
name = "Secret project"
match = { primary_cwd = "~/work/acme/secret/*" }
tags = ["acme", "secret"]
project = "s"
"#;

fn sandbox() -> Sandbox {
    let tt = tt().with_config(format!("{SECRET}{ACME}"));
    tt.put("home/old.toml", ACME);
    tt.put("home/new.toml", format!("{SECRET}{ACME}"));
    tt
}

#[test]
fn a_territory_is_shown_with_a_smallest_stream() {
    let tt = sandbox();
    let text = "'Acme projects' (line 5) → 'Secret project' (line 4)
  such as  primary_cwd '~/work/acme/secret/'
  gets     acme, billable → acme, secret, project s

1 territory changed hands; there is no database to look for stored streams in.";
    tt.run("rules diff old.toml new.toml").exits(1).prints(text);
    // The new file is the config where none is named.
    tt.run("rules diff old.toml").exits(1).prints(text);
    tt.feed("rules diff - new.toml", ACME).exits(1).prints(text);
    tt.feed("rules diff old.toml -", format!("{SECRET}{ACME}")).exits(1).prints(text);
    assert!(!tt.database().exists(), "no database is made");
}

#[test]
fn files_that_mean_the_same_differ_in_nothing() {
    let tt = sandbox();
    // The second is dead.
    tt.put("home/dead.toml", format!("{ACME}{SECRET}"));
    tt.run("rules diff old.toml dead.toml").ok().says(&["No stream would change"]);
    let found = tt.run("rules diff old.toml dead.toml --format json").ok().json();
    assert_eq!(
        found,
        json!({
            "old": "old.toml", "new": "dead.toml", "equivalent": true, "territories": [],
            "not_proven": [], "rules_left": 0, "database": false,
        })
    );
}

#[test]
fn stored_streams_are_counted_in_hours() {
    let tt = sandbox();
    let at = |dir: &str| tt.dir(&format!("work/acme/{dir}"));
    let times = ["10:00", "10:04", "10:08"].map(|at| format!("2025-01-28T{at}:00Z"));
    let secret = times.iter().map(|time| focus(time, &at("secret/x"), "main"));
    let events: Vec<_> =
        secret.chain([focus("2025-01-29T10:00:00Z", &at("web"), "main")]).collect();
    tt.config(ACME);
    tt.import(&events).run("report").ok();
    let before = tt.streams();
    let id = tt.id_at(&at("secret/x"));
    let ran = tt.run("rules diff old.toml new.toml").exits(1);
    ran.says(&[
        &format!("  affects  1 stored stream, 13m: {id} x\n"),
        "1 territory changed hands; 1 stored stream would change, 13m.",
    ]);
    let found = tt.run("rules diff old.toml new.toml --format json").exits(1).json();
    assert_eq!(found["equivalent"], false);
    let territory = &found["territories"][0];
    assert_eq!(territory["old"], json!({"index": 0, "name": "Acme projects", "line": 5}));
    assert_eq!(territory["new"], json!({"index": 0, "name": "Secret project", "line": 4}));
    assert_eq!(territory["before"], json!({"tags": ["acme", "billable"], "project": null}));
    assert_eq!(territory["after"], json!({"tags": ["acme", "secret"], "project": "s"}));
    assert_eq!(territory["streams"][0]["time_direct_ms"], 13 * 60_000);
    assert_eq!(tt.streams(), before, "nothing is written");
}

#[test]
fn what_costs_most_comes_first_and_not_everything_is_told() {
    let tt = tt();
    let rule = |at: usize| {
        let tag = at % 2;
        format!("[[rules.auto_tag]]\nmatch = {{ agent = 'a{at}' }}\ntags = ['{tag}']\n")
    };
    let rules = |order: &mut dyn Iterator<Item = usize>| order.map(rule).collect::<String>();
    tt.put("home/old.toml", rules(&mut (0..16)));
    tt.put("home/new.toml", rules(&mut (0..16).rev()));
    // Streams with two agents, one of each tag.
    let all = tt.run("rules diff old.toml new.toml --format json").exits(1).json();
    assert_eq!(all["territories"].as_array().unwrap().len(), 64);
    let some = tt.run("rules diff old.toml new.toml").exits(1).out;
    assert_eq!(some.matches("  such as  ").count(), 50);
    assert!(some.contains("\n… and 14 more: --format json has all\n"), "{some}");
    // A stored one beside the smallest.
    tt.put("home/old.toml", rules(&mut (0..3)));
    tt.put("home/new.toml", rules(&mut [0, 2, 1, 3].into_iter()));
    tt.config("");
    let tool = |agent: &str, minute: usize| {
        json!({
            "timestamp": format!("2025-01-28T10:{minute:02}:00Z"), "type": "agent_tool_use",
            "cwd": "/nowhere/x", "session_id": agent, "data": { "agent": agent, "session_id": agent, "tool": "t" },
        })
    };
    tt.import(&[tool("a1", 0), tool("a2", 1), tool("a1", 9), tool("a2", 9)]).run("report").ok();
    let some = tt.run("rules diff old.toml new.toml").exits(1).out;
    let first = "rule 2 (line 5) → rule 2 (line 5)\n  such as  agent 'a2' and 'a1'\n";
    assert!(some.starts_with(first) && some.contains("affects  1 stored stream, "), "{some}");
    assert!(some.contains("\nno rule → rule 4 (line 11)\n"), "{some}");
}

#[test]
fn what_cannot_be_decided_is_said() {
    let tt = tt();
    let rule = |glob: &str| {
        format!("[[rules.auto_tag]]\nmatch = {{ primary_cwd = '{glob}' }}\ntags = ['<x>']\n")
    };
    tt.put("home/old.toml", rule("*/<x>"));
    tt.put("home/new.toml", rule("*/{<x>}"));
    tt.run("rules diff old.toml new.toml").exits(1).prints(
        "rule 1 → rule 1: not proven either way

0 territories changed hands, 1 not proven either way; there is no database to look for stored streams in.",
    );
}

#[test]
fn files_that_cannot_be_compared_are_broken() {
    let tt = sandbox();
    tt.run("rules diff old.toml none.toml").says_wrong_usage(&["cannot read none.toml"]);
    tt.put("home/broken.toml", "[[rules.auto_tag]]\nmatch = { pathh = 'x' }\ntags = ['t']\n");
    let ran = tt.run("rules diff broken.toml new.toml");
    ran.says_wrong_usage(&["unknown field 'pathh'", "broken.toml has errors"]);
    tt.run("rules diff - -").says_wrong_usage(&["stdin"]);
    tt.run("rules diff").says_wrong_usage(&["OLD"]);
}
