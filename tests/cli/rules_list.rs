//! `tt rules list`: the rules in order.

use crate::support::{ACME, quiet, tt};

const MORE: &str = r#"
[[rules.auto_tag]]
enabled = false
project = "<client>"
tags = ["client:<client>"]
when = '''
primary_cwd ~ "~/clients/<client>/*"   # theirs
  and not weekday in ["sat", "sun"]
'''
"#;

#[test]
fn rules_are_listed_with_conditions_and_tags() {
    let tt = tt().with_config(format!("{ACME}{MORE}"));
    insta::assert_snapshot!(tt.run("rules list").ok().out);
}

#[test]
fn narrow_terminals_get_less() {
    let tt = tt().with_config(format!("{ACME}{MORE}")).var("COLUMNS", "60");
    let shown = tt.run("rules list").ok().out;
    insta::assert_snapshot!(shown);
    assert!(shown.lines().all(|line| line.chars().count() <= 60), "{shown}");
}

#[test]
fn programs_get_the_same() {
    let tt = tt().with_config(format!("{ACME}{MORE}"));
    let json = tt.run("rules list --format json").ok().json();
    let rules = json["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 4);
    assert_eq!(
        rules[3],
        serde_json::json!({
            "index": 3,
            "name": "rule 4",
            "line": 22,
            "enabled": false,
            "conditions": [
                "primary_cwd ~ \"~/clients/<client>/*\"",
                "not weekday in [\"sat\", \"sun\"]",
            ],
            "tags": ["client:<client>"],
            "project": "<client>",
        })
    );
    assert_eq!(rules[0]["project"], serde_json::Value::Null);
}

#[test]
fn a_file_may_be_named_and_may_be_empty_or_broken() {
    let tt = quiet();
    tt.run("rules list").ok().prints("/sandbox/home/.config/tt/config.toml has no rules.");
    let path = tt.put("mine.toml", ACME);
    let shown = tt.run_args(["rules", "list", path.to_str().unwrap()]).ok();
    shown.says(&["Acme projects", "3 rules"]);
    tt.config("[[rules.auto_tag]]\ntags = []\n");
    assert_eq!(tt.run("rules list").exits(1).out, "");
}
