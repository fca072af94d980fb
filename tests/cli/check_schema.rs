//! `docs/check.schema.json` says what `tt rules check --format json` writes, no more and no less.

use jsonschema::Validator;
use serde_json::Value;

use crate::support::{ACME, quiet, tt};

/// A rule file in which every verdict comes up, with findings of all sorts.
const ALL_SORTS: &str = r#"
[rules.lints]
overlap = "warn"
duplicate-name = "deny"

[[rules.auto_tag]]
name = "Days"
match = { primary_cwd = "/a/*", weekday = ["mon", "tue", "wed", "thu", "fri"] }
tags = ["day"]

[[rules.auto_tag]]
name = "Weekend"
match = { primary_cwd = "/a/*", weekday = ["sat", "sun"] }
tags = ["weekend"]

[[rules.auto_tag]]
name = "Night"
match = { primary_cwd = "/a/*", time = "22:00..06:00" }
tags = ["night", "night"]

[[rules.auto_tag]]
name = "Night"
match = { primary_cwd = "/a/b/*", weekday = "sun" }
tags = ["b"]

[[rules.auto_tag]]
when = 'agent == "x" and repo == "a" and repo == "b"'
tags = ["never"]

[[rules.auto_tag]]
when = '''
repo ~ "*api*" and repo ~ "*web*" and repo ~ "*docs*" and repo ~ "*infra*"
  and repo ~ "*mobile*" and repo ~ "*data*" and repo ~ "*auth*" and repo ~ "*cms*"
'''
tags = ["hard"]

[[rules.auto_tag]]
enabled = false
match = { git_branch = "*", tmux_session = "*", worktree = "*", duration = "> 1h", direct = "> 0s", delegated = "> 0s" }
tags = ["off"]

[[rules.auto_tag]]
match = { agent = "codex" }
tags = ["agents"]

[[rules.auto_tag]]
match = { agent = "*" }
tags = ["agents"]
"#;

const BROKEN: &str =
    "[[rules.auto_tag]]\nmatch = { pathh = '[', agent = 5 }\ntags = ['<x>']\n= 1\n";

fn schema() -> Validator {
    let text = include_str!("../../docs/check.schema.json");
    let schema: Value = serde_json::from_str(text).unwrap();
    jsonschema::draft7::meta::validate(&schema).unwrap();
    jsonschema::draft7::new(&schema).unwrap()
}

#[track_caller]
fn is_valid(schema: &Validator, output: &Value) {
    let errors: Vec<_> =
        schema.iter_errors(output).map(|it| format!("{}: {it}", it.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{output:#}");
}

/// The output about all files at once.
fn everything() -> Value {
    let tt = quiet();
    for (name, text) in [("sorts.toml", ALL_SORTS), ("broken.toml", BROKEN), ("acme.toml", ACME)] {
        tt.put(&format!("home/{name}"), text);
    }
    tt.run("rules check --format json sorts.toml broken.toml acme.toml").exits(1).json()
}

#[test]
fn every_output_is_valid() {
    let schema = schema();
    is_valid(&schema, &everything());
    let check = "rules check --format json";
    is_valid(&schema, &quiet().run(check).ok().json());
    is_valid(&schema, &tt().with_config(ACME).run(check).ok().json());
    is_valid(&schema, &tt().with_config(ALL_SORTS).run(check).exits(1).json());
    is_valid(&schema, &tt().with_config(BROKEN).run(check).exits(1).json());
    // Without a config there is nothing to say.
    is_valid(&schema, &tt().run(check).done().json());
}

#[test]
fn the_outputs_tried_show_everything_that_there_is() {
    let all = everything();
    let has = |list: &str, key: &str, value: &str| {
        all[list].as_array().unwrap().iter().any(|it| it[key] == value)
    };
    for verdict in ["reachable", "shadowed", "unreachable", "unsatisfiable", "not_proven"] {
        assert!(has("rules", "verdict", verdict), "{verdict}");
    }
    assert!(has("findings", "severity", "error") && has("findings", "severity", "warning"));
    let some = |list: &str, test: &dyn Fn(&Value) -> bool| {
        assert!(all[list].as_array().unwrap().iter().any(test), "{list}: {all:#}");
    };
    some("rules", &|it| it["redundant"] == true);
    some("rules", &|it| it["enabled"] == false);
    some("findings", &|it| !it["related"].as_array().unwrap().is_empty());
    some("findings", &|it| !it["notes"].as_array().unwrap().is_empty());
    some("findings", &|it| it["edit"].is_object());
    some("findings", &|it| it["help"].is_string());
}

/// Where the keys of a value stand.
fn keys(value: &Value, place: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                found.push((place.to_owned(), key.clone()));
                keys(value, &format!("{place}/{key}"), found);
            }
        }
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                keys(value, &format!("{place}/{at}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_key_that_there_is_is_required_and_has_a_type() {
    let (schema, all) = (schema(), everything());
    let mut found = Vec::new();
    keys(&all, "", &mut found);
    assert!(found.len() > 200, "{}", found.len());
    for (place, key) in found {
        let mut less = all.clone();
        less.pointer_mut(&place).unwrap().as_object_mut().unwrap().remove(&key);
        assert!(!schema.is_valid(&less), "{place} may lack {key}");
        let mut other = all.clone();
        // Nothing has such a value.
        other.pointer_mut(&place).unwrap()[&key] = serde_json::json!([[-0.5]]);
        assert!(!schema.is_valid(&other), "{place}: {key} may be anything");
    }
}
