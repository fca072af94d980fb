//! `tt rules check --stream ID --explain`, and the near misses of `--dry-run`.

use crate::support::events::{focus, tool};
use crate::support::{ACME, Sandbox, tt};

const AT: &str = "2025-01-28T10:00:00Z";

/// What `--explain` adds for a stream at `place`, after the four lines that are always there.
#[track_caller]
fn explained(tt: &Sandbox, place: &str) -> String {
    let id = tt.id_at(&tt.dir(place));
    let plain = tt.run(&format!("rules check --stream {id}")).ok().out;
    let shown = tt.run(&format!("rules check --stream {id} --explain")).ok().out;
    assert_eq!(plain.lines().count(), 4, "{plain}");
    shown.strip_prefix(&plain).unwrap().to_owned()
}

fn with(rules: &str, place: &str, session: &str) -> Sandbox {
    let tt = tt().with_config(rules);
    tt.import(&[focus(AT, &tt.dir(place), session), tool(AT, &tt.dir(place), "s1")]);
    tt
}

#[test]
fn every_rule_is_shown_with_its_conditions_and_where_values_leave_patterns() {
    let tt = with(ACME, "work/acme/webapp", "main");
    insta::assert_snapshot!(explained(&tt, "work/acme/webapp"), @r#"

    Rules in order:
      ✓ "Acme projects" (line 5) wins
          ✓ primary_cwd = "~/work/acme/*"
      ✗ "Personal work" (line 10)
          ✗ tmux_session = "personal-*"
              main
              ^ 'personal-' is expected
      ✗ "Open source contributions" (line 15)
          ✗ primary_cwd = "~/oss/*"
              ~/work/acme/webapp
                ^ 'oss/' is expected
          ✓ agent = "claude-code"
    "#);
}

const CORNERS: &str = r#"
[rules]
homes = ["/Users/sami"]

[[rules.auto_tag]]
name = "Reviews"
when = '''
not (git_branch ~ "main" or has repo)
  and (duration >= 15m   # not in passing
    or weekday in ["sat", "sun"])
  and agent in ["codex", "claude-x"]
'''
tags = ["review"]

[[rules.auto_tag]]
enabled = false
match = { primary_cwd = "*" }
tags = ["off"]

[[rules.auto_tag]]
name = "Tests"
match = { primary_cwd = ["~/work/*/tests", "/srv/*"] }
tags = ["tests"]

[[rules.auto_tag]]
match = { primary_cwd = "~/wörk/*" }
tags = ["work"]

[[rules.auto_tag]]
name = "Everything"
when = "true"
tags = ["rest"]

[[rules.auto_tag]]
when = "false"
tags = ["never"]
"#;

#[test]
fn every_kind_of_condition_says_why() {
    let tt = with(CORNERS, "wörk/日本/lib", "main");
    insta::assert_snapshot!(explained(&tt, "wörk/日本/lib"));
}

#[test]
fn long_values_are_shown_around_the_place() {
    let place = format!("work/{}x", "long/".repeat(40));
    let rules = "[[rules.auto_tag]]\nmatch = { primary_cwd = '*/long/y' }\ntags = ['t']\n";
    let tt = with(rules, &place, "main").var("COLUMNS", "60");
    let shown = explained(&tt, &place);
    insta::assert_snapshot!(shown);
    assert!(shown.lines().all(|line| line.chars().count() <= 60), "{shown}");
}

#[test]
fn of_many_rules_those_are_shown_that_come_near() {
    let rule = |glob: &str| {
        format!("[[rules.auto_tag]]\nmatch = {{ primary_cwd = '{glob}' }}\ntags = ['t']\n")
    };
    let mut rules = rule("/a/*") + &rule("~/work/*");
    (0..30).for_each(|at| rules += &rule(&format!("/b/{at}")));
    rules += &rule("~/work/acne");
    let tt = with(&rules, "work/acme", "main");
    let shown = explained(&tt, "work/acme");
    let named: Vec<_> = shown.lines().filter(|line| line.contains("(line ")).collect();
    assert_eq!(named.len(), 7, "{shown}");
    assert!(
        named[1].ends_with("wins") && named[2..].iter().any(|it| it.contains("rule 33")),
        "{shown}"
    );
    assert!(shown.ends_with("  … and 26 rules further away\n"), "{shown}");
    let id = tt.id_at(&tt.dir("work/acme"));
    let json = tt.run(&format!("rules check --stream {id} --explain --format json")).ok().json();
    assert_eq!(json["explanation"].as_array().unwrap().len(), 33, "programs get all of them");
}

#[test]
fn programs_get_the_tree() {
    let tt = with(CORNERS, "wörk/日本/lib", "main");
    let id = tt.id_at(&tt.dir("wörk/日本/lib"));
    let json = tt.run(&format!("rules check --stream {id} --explain --format json")).ok().json();
    let verdicts: Vec<_> = json["explanation"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["no", "disabled", "no", "wins", "holds", "no"]);
    let tests = &json["explanation"][2]["conditions"][0];
    insta::assert_snapshot!(serde_json::to_string_pretty(&tests["any"][0]).unwrap());
    assert_eq!((&tests["line"], &tests["column"]), (&22.into(), &11.into()));
    let reasons = json["explanation"][0]["conditions"][1]["reasons"].as_array().unwrap();
    assert_eq!(reasons, &["duration 5m is less than 15m", "weekday is tue, not sat or sun"]);
}

#[test]
fn without_rules_there_is_nothing_to_explain() {
    let tt = with("", "work", "main");
    assert_eq!(explained(&tt, "work"), "\nRules in order:\n  none\n");
    let tt = with(ACME, "work", "main");
    tt.run("rules check --explain").says_wrong_usage(&["--stream"]);
}

// --- near misses ---

/// The rules of `ACME` and one stream per place, none of them tagged.
fn untagged(places: &[(&str, &str)]) -> Sandbox {
    let tt = tt().with_config("");
    let events: Vec<_> = places
        .iter()
        .zip(10..)
        .map(|((place, session), hour)| {
            let place = if place.starts_with('/') { (*place).to_owned() } else { tt.dir(place) };
            focus(&format!("2025-01-28T{hour}:00:00Z"), &place, session)
        })
        .collect();
    tt.import(&events);
    tt.run("streams").ok();
    tt.config(ACME);
    tt
}

#[test]
fn near_misses_are_told_after_the_counts() {
    let tt = untagged(&[
        ("work/acme", "main"),
        ("work/acme/web", "main"),
        ("Work/acme/web", "main"),
        ("side", "Personal-games"),
        ("/home/other/work/acme/x", "main"),
        ("/home/other/work/acme/y", "main"),
        ("notes", "main"),
    ]);
    let shown = tt.run("rules check --dry-run").ok().out;
    insta::assert_snapshot!(shown);
    let json = tt.run("rules check --dry-run --format json").ok().json();
    assert_eq!((&json["streams"], &json["unmatched"]), (&7.into(), &6.into()));
    let misses = json["near_misses"].as_array().unwrap();
    let kinds: Vec<_> = misses.iter().map(|miss| miss["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["directory_itself", "case", "home", "case"]);
    assert_eq!(misses[0]["add"], "~/work/acme");
    assert_eq!(misses[2]["streams"], 2);
}

#[test]
fn what_is_told_to_type_helps() {
    let tt = untagged(&[
        ("work/acme", "main"),
        ("Work/acme/web", "main"),
        ("/home/other/work/acme/x", "main"),
    ]);
    let mended = ACME
        .replace("\"~/work/acme/*\"", "[\"~/work/acme\", \"~/Work/acme/*\", \"~/work/acme/*\"]")
        .replacen("\n", "\n[rules]\nhomes = [\"/home/other\"]\n", 1);
    tt.config(mended);
    tt.run("rules check --dry-run").ok().prints(
        "3 streams without rule-applied tags:\n  3 match \"Acme projects\" → acme, billable",
    );
}

#[test]
fn without_near_misses_nothing_is_added() {
    let tt = untagged(&[("notes", "main")]);
    tt.run("rules check --dry-run")
        .ok()
        .prints("1 stream without rule-applied tags:\n  1 unmatched (will use LLM suggestions)");
    let json = tt.run("rules check --dry-run --format json").ok().json();
    assert_eq!(json["near_misses"], serde_json::json!([]));
}
