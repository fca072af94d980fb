//! `tt rules check`: the words of the specification, letter by letter.

use crate::support::events::{focus, tool};
use crate::support::{ACME, quiet, tt};

const EXAMPLE: &str = r#"# ~/.config/tt/config.toml

[[rules.auto_tag]]
name = "Acme projects"
match = { primary_cwd = "~/work/acme/*" }
tags = ["billable", "acme"]
"#;

#[test]
fn a_valid_file_is_loaded_and_said_to_be_valid() {
    let tt = tt().with_config(ACME);
    tt.run("rules check").ok().prints("config.toml: 3 rules loaded, all valid");
}

#[test]
fn one_rule_is_no_plural() {
    quiet()
        .with_config(EXAMPLE)
        .run("rules check")
        .ok()
        .prints("config.toml: 1 rule loaded, all valid");
}

#[test]
fn a_stream_shows_its_tags_with_sources_the_rule_that_matches_and_what_it_would_add() {
    let tt = tt().with_config(EXAMPLE);
    let webapp = tt.dir("work/acme/webapp");
    tt.import(&[focus("2025-01-28T10:00:00Z", &webapp, "main")]);
    let id = tt.id_at(&webapp);
    tt.run(&format!("tag {id} acme")).ok();
    let shown = tt.run(&format!("rules check --stream {id}")).ok().out;
    assert_eq!(
        shown,
        format!(
            "Stream {id}: /sandbox/home/work/acme/webapp\n  \
             Current tags: acme (user), billable (rule)\n  \
             Matched rule: \"Acme projects\" (line 5)\n  \
             Would apply: billable (already has: acme from user)\n"
        )
    );
}

#[test]
fn the_line_of_the_matched_rule_is_that_of_its_condition() {
    let tt = tt().with_config(format!("\n\n{EXAMPLE}"));
    let api = tt.dir("work/acme/api");
    tt.import(&[focus("2025-01-28T10:00:00Z", &api, "main")]);
    tt.run(&format!("rules check --stream {}", tt.id_at(&api)))
        .ok()
        .says(&["Matched rule: \"Acme projects\" (line 7)"]);
}

#[test]
fn a_stream_that_no_rule_matches_says_so() {
    let tt = tt().with_config(EXAMPLE);
    let notes = tt.dir("notes");
    tt.import(&[focus("2025-01-28T10:00:00Z", &notes, "main")]);
    let id = tt.id_at(&notes);
    let shown = tt.run(&format!("rules check --stream {id}")).ok();
    shown.prints(&format!(
        "Stream {id}: /sandbox/home/notes\n  Current tags: none\n  Matched rule: none\n  Would apply: none"
    ));
}

#[test]
fn a_stream_is_named_by_its_name_too_and_shown_as_json() {
    let tt = tt().with_config(EXAMPLE);
    let webapp = tt.dir("work/acme/webapp");
    tt.import(&[focus("2025-01-28T10:00:00Z", &webapp, "main")]);
    let json = tt.run("rules check --stream webapp --format json").ok().json();
    assert_eq!(json["primary_cwd"], webapp.as_str());
    assert_eq!(json["rule"]["name"], "Acme projects");
    assert_eq!(json["would_apply"], serde_json::json!(["billable", "acme"]));
}

#[test]
fn a_dry_run_counts_streams_by_rule_and_not_one_by_one() {
    let tt = tt().with_config("");
    let mut events = Vec::new();
    for (n, place, session) in
        [(3, "work/acme/p", "main"), (2, "side/p", "personal-games"), (7, "misc/p", "main")]
    {
        events.extend((0..n).map(|i| {
            let at = format!("2025-01-28T1{i}:00:00Z");
            focus(&at, &tt.dir(&format!("{place}{i}")), session)
        }));
    }
    tt.import(&events);
    tt.run("streams").ok();
    tt.config(ACME);
    tt.run("rules check --dry-run").ok().prints(
        "12 streams without rule-applied tags:\n  \
         3 match \"Acme projects\" → acme, billable\n  \
         2 match \"Personal work\" → personal\n  \
         7 unmatched (will use LLM suggestions)",
    );
    assert_eq!(tt.count("stream_tags"), 0, "a dry run changes nothing");
    let json = tt.run("rules check --dry-run --format json").ok().json();
    assert_eq!((&json["streams"], &json["unmatched"]), (&12.into(), &7.into()));

    tt.run("recompute").ok();
    tt.run("rules check --dry-run")
        .ok()
        .prints("7 streams without rule-applied tags:\n  7 unmatched (will use LLM suggestions)");
}

#[test]
fn an_unknown_field_lists_the_valid_ones_and_guesses() {
    let tt = tt().with_config(
        "\n# six\n# lines\n# before\n[[rules.auto_tag]]\nname = \"x\"\nmatch = { pathh = \"~/work/*\" }\ntags = [\"x\"]\n",
    );
    let ran = tt.run("rules check").exits(1);
    assert!(
        ran.out.starts_with(
            "Error: config.toml line 7: unknown field 'pathh' in match block\n\
             Valid fields: primary_cwd, tmux_session, agent"
        ),
        "{ran:#?}"
    );
    ran.says(&["\nDid you mean: primary_cwd?\n", "config.toml: 1 error; no rule runs until fixed"]);
}

#[test]
fn an_invalid_glob_is_told_with_its_line() {
    let tt = tt().with_config(
        "# 1\n# 2\n# 3\n# 4\n# 5\n# 6\n[[rules.auto_tag]]\nname = \"x\"\nmatch = { primary_cwd = \"~/work/[invalid\" }\ntags = [\"x\"]\n",
    );
    let ran = tt.run("rules check").exits(1);
    assert!(
        ran.out.starts_with(
            "Error: config.toml line 9: invalid glob pattern '~/work/[invalid'\n  \
             Unclosed bracket in pattern\n"
        ),
        "{ran:#?}"
    );
}

#[test]
fn a_rule_without_tags_is_told_with_its_line() {
    let tt = tt().with_config(
        "#1\n#2\n#3\n#4\n#5\n#6\n#7\n#8\n#9\n#10\n#11\n[[rules.auto_tag]]\nmatch = { agent = \"codex\" }\n",
    );
    let ran = tt.run("rules check").exits(1);
    assert!(
        ran.out.starts_with("Error: config.toml line 12: rule missing required 'tags' field\n"),
        "{ran:#?}"
    );
}

#[test]
fn a_missing_config_is_a_warning_and_no_error() {
    let tt = tt();
    let warning = "Warning: No config file found at ~/.config/tt/config.toml\n         \
                   Rules disabled; using LLM-only tagging";
    tt.run("rules check").warns(warning).prints("");
    tt.run("report").warns(warning);
    tt.run("streams").warns(warning).prints("No streams.");
}

#[test]
fn a_toml_error_is_told_with_its_line() {
    let tt = tt().with_config(
        "[[rules.auto_tag]]\nname = \"a\"\nmatch = { agent = \"codex\" }\ntags = [\"a\"]\n\n[[rules.auto_tag]]\nna=me = \"x\"\n",
    );
    let ran = tt.run("rules check").exits(1);
    assert!(ran.out.starts_with("Error: config.toml line 7: TOML parse error\n  "), "{ran:#?}");
}

#[test]
fn a_bare_equals_sign_is_told_in_the_words_of_the_specification() {
    let tt = tt().with_config("#1\n#2\n#3\n#4\n#5\n#6\n= \"x\"\n");
    let ran = tt.run("rules check").exits(1);
    eprintln!("{}", ran.out);
    assert!(
        ran.out.starts_with(
            "Error: config.toml line 7: TOML parse error\n  unexpected character '=' in bare key\n"
        ),
        "{ran:#?}"
    );
}

#[test]
fn all_mistakes_are_found_in_one_run() {
    let tt = tt().with_config(
        "[[rules.auto_tag]]\nmatch = { agnt = \"codex\" }\ntags = [\"a\"]\n\n\
         [[rules.auto_tag]]\nmatch = { primary_cwd = \"[\" }\ntags = [\"b\"]\n\n\
         [[rules.auto_tag]]\nmatch = { agent = \"codex\" }\n",
    );
    tt.run("rules check").exits(1).says(&[
        "line 2: unknown field 'agnt'",
        "Did you mean: agent?",
        "line 6: invalid glob pattern '['",
        "line 9: rule missing required 'tags' field",
        "config.toml: 3 errors; no rule runs until fixed",
    ]);
    let json = tt.run("rules check --format json").exits(1).json();
    let lines: Vec<_> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["severity"].as_str().unwrap(), it["line"].as_u64().unwrap()))
        .collect();
    assert_eq!(lines, [("error", 2), ("error", 6), ("error", 9)]);
    assert_eq!(json["rules"], serde_json::json!([]));
}

#[test]
fn json_has_the_shape_that_scripts_rely_on() {
    let tt = tt().with_config(ACME);
    let json = tt.run("rules check --format json").ok().json();
    assert_eq!(json["files"], serde_json::json!(["config.toml"]));
    assert_eq!(json["findings"], serde_json::json!([]));
    assert_eq!(json["rules"][2]["index"], 2);
    assert_eq!(json["rules"][2]["name"], "Open source contributions");
    assert_eq!(json["rules"][2]["line"], 15);

    tt.config("[[rules.auto_tag]]\nmatch = { agnt = \"codex\" }\ntags = [\"a\"]\n");
    let found = tt.run("rules check --format json").exits(1).json()["findings"][0].clone();
    for key in [
        "code",
        "severity",
        "message",
        "file",
        "line",
        "column",
        "end_line",
        "end_column",
        "notes",
        "help",
        "related",
        "edit",
    ] {
        assert!(found.get(key).is_some(), "no '{key}' in {found:#}");
    }
    assert_eq!((&found["line"], &found["column"]), (&2.into(), &11.into()));
}

#[test]
fn files_on_the_command_line_are_checked_instead_of_the_config() {
    let tt = tt().with_config("nonsense");
    let good = tt.put("good.toml", ACME);
    let bad = tt.put("bad.toml", "[[rules.auto_tag]]\ntags = [\"x\"]\nmatch = { agnt = \"x\" }\n");
    let good = good.to_str().unwrap();
    let bad = bad.to_str().unwrap();
    tt.run_args(["rules", "check", good])
        .ok()
        .prints("/sandbox/good.toml: 3 rules loaded, all valid");
    tt.run_args(["rules", "check", good, bad])
        .exits(1)
        .says(&["good.toml: 3 rules loaded", "line 3: unknown field 'agnt'"]);
    tt.run("rules check missing.toml").says_wrong_usage(&["cannot read missing.toml"]);
    tt.run("rules check --dry-run good.toml").says_wrong_usage(&["cannot be used with"]);
    assert!(!tt.database().exists(), "checking a file needs no database");
}

#[test]
fn a_config_elsewhere_is_called_by_its_own_name() {
    let tt = tt();
    let other = tt.put("mine.toml", "[[rules.auto_tag]]\nmatch = { agent = \"codex\" }\n");
    let other = other.to_str().unwrap().to_owned();
    tt.run_args(["rules", "check", "--config", &other])
        .exits(1)
        .says(&["Error: mine.toml line 1: rule missing required 'tags' field"]);
    let tt = tt.var("TT_CONFIG", other);
    tt.run("rules check").exits(1).says(&["mine.toml line 1"]);
    tt.without("TT_CONFIG").var("TT_CONFIG", "/nowhere/at/all.toml").run("rules check").warns(
        "Warning: No config file found at /nowhere/at/all.toml\n         \
             Rules disabled; using LLM-only tagging",
    );
}

#[test]
fn findings_are_drawn_without_colour_into_a_pipe() {
    let tt = tt().with_config("[[rules.auto_tag]]\nmatch = { agnt = \"codex\" }\ntags = [\"a\"]\n");
    for tt in [tt, self::tt().with_config("= 1").var("NO_COLOR", "1")] {
        let ran = tt.run("rules check").exits(1);
        assert!(!ran.out.contains('\u{1b}'), "{ran:#?}");
        assert!(ran.out.contains("╭─[ config.toml:"), "{ran:#?}");
    }
}

#[test]
fn agents_and_directories_must_both_hold() {
    let tt = tt().with_config(ACME);
    let (with, without) = (tt.dir("oss/a"), tt.dir("oss/b"));
    tt.import(&[
        tool("2025-01-28T10:00:00Z", &with, "s1"),
        focus("2025-01-28T10:00:00Z", &without, "main"),
    ]);
    assert_eq!(tt.tags_at(&with), ["oss (rule)", "unbillable (rule)"]);
    assert_eq!(tt.tags_at(&without), [""; 0]);
}

#[test]
fn a_mistake_in_the_settings_is_no_valid_config() {
    let tt = tt();
    tt.config("[inference]\ngap = \"soon\"\n");
    let ran = tt.run("rules check").exits(1);
    assert!(ran.err.starts_with("Error: config.toml "), "{ran:#?}");
    assert!(ran.err.contains("'soon' is no duration"), "{ran:#?}");
}
