//! `tt rules stats`: what each rule did.

use crate::support::events::{focus, scroll};
use crate::support::{ACME, Sandbox, quiet, tt};

/// Streams of every rule but one, and one of none.
fn used() -> Sandbox {
    let tt = tt().with_config(ACME);
    let at = |hour: &str| format!("2025-01-28T{hour}:00Z");
    tt.import(&[
        focus("2024-09-02T10:00:00Z", &tt.dir("side"), "personal-games"),
        focus(&at("10:00"), &tt.dir("work/acme/web"), "main"),
        scroll(&at("10:04"), "%1"),
        focus(&at("11:00"), &tt.dir("work/acme/api"), "main"),
        focus(&at("12:00"), &tt.dir("work/acme/docs"), "main"),
        focus(&at("13:00"), &tt.dir("notes"), "main"),
    ]);
    tt.run("streams").ok();
    tt
}

#[test]
fn rules_are_counted_with_their_time_and_last_match() {
    insta::assert_snapshot!(used().run("rules stats").ok().out);
}

#[test]
fn a_range_and_a_history_may_be_asked() {
    let tt = used();
    let json = tt.run("rules stats --since 2025-01-01 --history 52w --format json").ok().json();
    let rules = json["rules"].as_array().unwrap();
    let all = |key: &str| rules.iter().map(|rule| rule[key].clone()).collect::<Vec<_>>();
    assert_eq!(all("streams"), [3, 0, 0]);
    assert_eq!(all("idle"), [false, false, true]);
    assert_eq!(rules[1]["last_match"], "2024-09-02T10:00:00Z", "whenever it was");
    assert_eq!(json["history_since"], "2024-01-31T18:00:00Z");
    assert_eq!(json["unmatched"], 1);
    for wrong in ["90", "d", "-1d", "soon", "99999999999d"] {
        tt.run_args(["rules", "stats", &format!("--history={wrong}")])
            .says_wrong_usage(&["90d, 12w or 36h"]);
    }
}

#[test]
fn rules_that_a_person_keeps_correcting_are_named() {
    let tt = used();
    for place in ["web", "api"] {
        let id = tt.id_at(&tt.dir(&format!("work/acme/{place}")));
        tt.run(&format!("untag {id} billable")).ok();
    }
    let id = tt.id_at(&tt.dir("work/acme/web"));
    tt.run(&format!("tag {id} internal")).ok();
    let shown = tt.run("rules stats").ok().out;
    let (_, overridden) = shown.split_once("\nOverridden by you:\n").unwrap();
    insta::assert_snapshot!(overridden);
    let json = tt.run("rules stats --format json").ok().json();
    assert_eq!(json["rules"][0]["overridden"], true);
    assert_eq!(
        json["rules"][0]["taken_off"],
        serde_json::json!([{"tag": "billable", "streams": 2}])
    );
    assert_eq!(json["rules"][1]["overridden"], false);
}

#[test]
fn one_exception_is_no_habit() {
    let tt = used();
    let id = tt.id_at(&tt.dir("work/acme/web"));
    tt.run(&format!("untag {id} billable")).ok();
    tt.run(&format!("tag {} internal", tt.id_at(&tt.dir("work/acme/api")))).ok();
    assert!(!tt.run("rules stats").ok().out.contains("Overridden"), "each was done once");
}

#[test]
fn streams_follow_their_rule_by_name_and_what_is_gone_is_shown_apart() {
    let tt = used();
    let (_, rest) = ACME.split_once("\n\n").unwrap();
    let swapped = rest.replace("Personal work", "Private");
    let first = "[[rules.auto_tag]]\nwhen = 'agent == \"codex\"'\ntags = ['c']\n";
    tt.config(format!("{first}{swapped}"));
    let json = tt.run("rules stats --format json").done().json();
    let rules = json["rules"].as_array().unwrap();
    let counts: Vec<_> = rules.iter().map(|it| (&it["streams"], &it["matches_now"])).collect();
    let n = |n: u64| serde_json::json!(n);
    assert_eq!(counts, [(&n(0), &n(0)), (&n(3), &n(3)), (&n(0), &n(1)), (&n(0), &n(0))]);
    assert_eq!(json["gone"][0]["name"], "Personal work");
    tt.run("rules stats").done().says(&["Personal work (gone)"]);
}

#[test]
fn without_rules_or_streams_the_table_is_empty() {
    quiet().run("rules stats").ok().says(&["RULE", "0 streams without a rule"]);
    let tt = tt().with_config("[[rules.auto_tag]]\ntags = []\n");
    tt.run("rules stats").exits(1);
}
