//! Rules at inference: who gives which tag, and when.

use crate::support::events::focus;
use crate::support::{ACME, Sandbox, quiet, tt};

const MORNING: &str = "2025-01-28T10:00:00Z";
const EVENING: &str = "2025-01-28T20:00:00Z";

fn rule(pattern: &str, tags: &str) -> String {
    format!("[[rules.auto_tag]]\nmatch = {{ primary_cwd = \"{pattern}\" }}\ntags = [{tags}]\n")
}

/// A sandbox with rules and one stream at `~/work/acme/web`.
fn with_web(rules: &str) -> (Sandbox, String) {
    let tt = tt().with_config(rules);
    let web = tt.dir("work/acme/web");
    tt.import(&[focus(MORNING, &web, "main")]);
    (tt, web)
}

#[test]
fn rules_run_at_inference_and_their_tags_have_the_source_rule() {
    let (tt, web) = with_web(ACME);
    tt.run("report").ok();
    let rows: Vec<(String, String)> = tt
        .sql()
        .prepare("SELECT tag, assignment_source FROM stream_tags ORDER BY tag")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let rule = |tag: &str| (tag.to_owned(), "rule".to_owned());
    assert_eq!(rows, [rule("acme"), rule("billable")]);
    let stream = tt.stream_at(&web);
    assert_eq!(stream["rule"]["name"], "Acme projects");
    assert_eq!(stream["rule"]["line"], 5);
}

#[test]
fn the_table_of_tags_has_the_columns_that_the_specification_names() {
    let (tt, _) = with_web(ACME);
    tt.run("report").ok();
    let columns: Vec<String> = tt
        .sql()
        .prepare("SELECT name || ' ' || type || ' ' || \"notnull\" || ' ' || coalesce(dflt_value, '-') || ' ' || pk FROM pragma_table_info('stream_tags')")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(
        columns,
        ["stream_id TEXT 1 - 1", "tag TEXT 1 - 2", "assignment_source TEXT 1 'inferred' 0",]
    );
}

#[test]
fn the_first_rule_that_matches_wins() {
    let specific = rule("~/work/acme/*", "\"specific\"");
    let general = rule("~/work/*", "\"general\"");
    let (tt, web) = with_web(&format!("{specific}{general}"));
    assert_eq!(tt.tags_at(&web), ["specific (rule)"]);
    let (tt, web) = with_web(&format!("{general}{specific}"));
    assert_eq!(tt.tags_at(&web), ["general (rule)"]);
}

#[test]
fn the_tilde_is_home_and_the_star_is_any_text_and_case_counts() {
    for (pattern, matches) in [
        ("~/work/acme/*", true),
        ("~/*", true),
        ("~/work/*web", true),
        ("*/acme/*", true),
        ("~/work/acme/web", true),
        ("~/work/acme", false),
        ("~/Work/acme/*", false),
        ("/home/somebody-else/*", false),
        ("~/work/acme/we.", false),
    ] {
        let (tt, web) = with_web(&rule(pattern, "\"hit\""));
        assert_eq!(!tt.tags_at(&web).is_empty(), matches, "{pattern}");
    }
}

#[test]
fn metacharacters_in_a_path_are_only_characters() {
    let tt = tt().with_config(rule("~/odd/\\\\[a\\\\]*", "\"literal\""));
    let odd = tt.dir("odd/[a]*");
    let plain = tt.dir("odd/a");
    tt.import(&[focus(MORNING, &odd, "m"), focus(MORNING, &plain, "m")]);
    assert_eq!(tt.tags_at(&odd), ["literal (rule)"]);
    assert_eq!(tt.tags_at(&plain), [""; 0]);
}

#[test]
fn a_persons_tag_stays_the_persons_when_a_rule_gives_it_too() {
    let (tt, web) = with_web(ACME);
    let id = tt.id_at(&web);
    tt.run(&format!("tag {id} acme personal"))
        .ok()
        .prints(&format!("{id} web: acme (user), billable (rule), personal (user)"));
    tt.run("recompute").ok();
    tt.run("recompute --all").ok();
    assert_eq!(tt.tags_at(&web), ["acme (user)", "billable (rule)", "personal (user)"]);
    tt.config("");
    tt.run("recompute").ok();
    assert_eq!(tt.tags_at(&web), ["acme (user)", "personal (user)"]);
}

#[test]
fn a_rule_outranks_a_suggestion_and_leaves_the_others_alone() {
    let (tt, web) = with_web("");
    let stream = tt.stream_at(&web);
    for tag in ["acme", "guess"] {
        tt.sql()
            .execute(
                "INSERT INTO stream_tags VALUES (?1, ?2, 'llm')",
                (stream["id"].as_str().unwrap(), tag),
            )
            .unwrap();
    }
    assert_eq!(tt.tags_at(&web), ["acme (llm)", "guess (llm)"]);
    tt.config(ACME);
    tt.run("recompute").ok();
    assert_eq!(tt.tags_at(&web), ["acme (rule)", "billable (rule)", "guess (llm)"]);
    let id = tt.id_at(&web);
    tt.run(&format!("tag {id} guess")).ok();
    assert_eq!(tt.tags_at(&web), ["acme (rule)", "billable (rule)", "guess (user)"]);
}

#[test]
fn what_a_person_took_off_does_not_come_back() {
    let (tt, web) = with_web(ACME);
    let id = tt.id_at(&web);
    tt.run(&format!("untag {id} billable")).ok().prints(&format!("{id} web: acme (rule)"));
    tt.run("recompute").ok();
    tt.run("recompute --all").ok();
    tt.import(&[focus("2025-01-28T10:10:00Z", &web, "main")]);
    assert_eq!(tt.tags_at(&web), ["acme (rule)"]);
    tt.run(&format!("rules check --stream {id}"))
        .ok()
        .says(&["Would apply: acme (taken off by user: billable)"]);
    tt.run(&format!("tag {id} billable")).ok();
    assert_eq!(tt.tags_at(&web), ["acme (rule)", "billable (user)"]);
}

#[test]
fn edited_rules_wait_for_recompute_except_on_streams_that_change() {
    let (tt, web) = with_web(&rule("~/*", "\"old\""));
    let other = tt.dir("other");
    tt.import(&[focus(MORNING, &other, "main")]);
    assert_eq!(tt.tags_at(&web), ["old (rule)"]);

    tt.config(rule("~/*", "\"new\""));
    tt.run("report").warns(
        "Note: config.toml changed; streams tagged before keep their tags until 'tt recompute'.",
    );
    assert_eq!(tt.tags_at(&web), ["old (rule)"]);
    let fresh = tt.dir("fresh");
    tt.import(&[focus(EVENING, &fresh, "main"), focus("2025-01-28T10:05:00Z", &other, "main")]);
    assert_eq!(tt.tags_at(&fresh), ["new (rule)"]);
    assert_eq!(tt.tags_at(&other), ["new (rule)"], "a stream that grew is judged again");
    assert_eq!(tt.tags_at(&web), ["old (rule)"]);

    tt.config(rule("~/*", "\"old\""));
    tt.run("report").warns(
        "Note: config.toml changed; streams tagged before keep their tags until 'tt recompute'.",
    );
    tt.config(rule("~/*", "\"new\""));

    tt.run("recompute").ok().says(&["Rules were run on 3 streams."]);
    assert_eq!(tt.tags_at(&web), ["new (rule)"]);
    tt.run("report").ok();
}

#[test]
fn recompute_in_a_range_leaves_the_rest() {
    let (tt, web) = with_web(&rule("~/*", "\"old\""));
    let later = tt.dir("later");
    tt.import(&[focus("2025-01-29T10:00:00Z", &later, "main")]);
    tt.run("report").ok();
    tt.config(rule("~/*", "\"new\""));
    tt.run("recompute --since 2025-01-29").ok().says(&["Rules were run on 1 stream."]);
    assert_eq!(tt.tags_at(&web), ["old (rule)"]);
    assert_eq!(tt.tags_at(&later), ["new (rule)"]);
}

#[test]
fn a_broken_config_stops_the_rules_and_not_the_report() {
    let (tt, web) = with_web(ACME);
    assert_eq!(tt.tags_at(&web), ["acme (rule)", "billable (rule)"]);
    tt.config("[[rules.auto_tag]]\nmatch = { pathh = \"~/*\" }\ntags = [\"x\"]\n");
    let fresh = tt.dir("work/acme/fresh");
    tt.import(&[focus(EVENING, &fresh, "main")]);
    let ran = tt.run("report").done();
    assert!(
        ran.err.starts_with("Error: config.toml line 2: unknown field 'pathh' in match block\n"),
        "{ran:#?}"
    );
    assert!(
        ran.err
            .contains("No rule runs and no tag changes until this is fixed: see 'tt rules check'."),
        "{ran:#?}"
    );
    ran.says(&["acme", "(untagged)", "fresh"]);
    assert_eq!(tt.tags_at(&web), ["acme (rule)", "billable (rule)"]);
    assert_eq!(tt.tags_at(&fresh), [""; 0]);
    tt.run("recompute").exits(1);
    assert_eq!(tt.tags_at(&web), ["acme (rule)", "billable (rule)"]);

    tt.config(ACME);
    assert_eq!(tt.tags_at(&fresh), ["acme (rule)", "billable (rule)"], "as soon as it is fixed");
}

#[test]
fn a_config_that_cannot_be_read_stops_the_rules_and_not_the_report() {
    for spoil in ["a directory", "bytes that are no text"] {
        let (tt, web) = with_web(ACME);
        tt.run("report").ok();
        let config = tt.home().join(".config/tt/config.toml");
        std::fs::remove_file(&config).unwrap();
        if spoil == "a directory" {
            std::fs::create_dir(&config).unwrap();
        } else {
            tt.config(b"# \xff\xfe");
        }
        let ran = tt.run("report").done();
        assert!(
            ran.err.contains("~/.config/tt/config.toml")
                && ran.err.contains("No rule runs and no tag changes until it can be read."),
            "{ran:#?}"
        );
        assert_eq!(tt.tags_at(&web), ["acme (rule)", "billable (rule)"]);
        tt.run("rules check").says_wrong_usage(&["config.toml"]);
    }
}

#[test]
fn a_config_that_is_deleted_leaves_old_tags() {
    let (tt, web) = with_web(ACME);
    tt.run("report").ok();
    std::fs::remove_file(tt.home().join(".config/tt/config.toml")).unwrap();
    assert_eq!(tt.tags_at(&web), ["acme (rule)", "billable (rule)"]);
}

#[test]
fn rules_see_streams_that_were_inferred_before_there_were_any() {
    let tt = tt();
    let web = tt.dir("work/acme/web");
    tt.import(&[focus(MORNING, &web, "main")]);
    assert_eq!(tt.tags_at(&web), [""; 0]);
    tt.config(ACME);
    assert_eq!(tt.tags_at(&web), ["acme (rule)", "billable (rule)"]);
}

#[test]
fn the_same_rules_give_the_same_tags_in_the_next_run_without_writing_anything() {
    let (tt, web) = with_web(ACME);
    let before = tt.stream_at(&web);
    let tt = tt.at("2025-01-30T09:00:00Z");
    tt.run("recompute").ok();
    assert_eq!(tt.stream_at(&web), before);
}

#[test]
fn settings_of_inference_that_are_wrong_are_told_and_the_last_ones_kept() {
    let (tt, web) = with_web("[inference]\ngap = \"5h\"\n");
    tt.import(&[focus("2025-01-28T14:00:00Z", &web, "main")]);
    assert_eq!(tt.streams().len(), 1);
    tt.config("[inference]\ngap = \"soon\"\n");
    let ran = tt.run("report").done();
    assert!(ran.err.contains("'soon' is no duration"), "{ran:#?}");
    assert_eq!(tt.streams().len(), 1);
    tt.config("");
    assert_eq!(tt.streams().len(), 2, "the usual half hour");
}

#[test]
fn captures_go_into_tags() {
    let tt = quiet().with_config(rule("~/clients/<client>/*", "\"client:<client>\", \"billable\""));
    let place = tt.dir("clients/globex/api");
    tt.import(&[focus(MORNING, &place, "main")]);
    assert_eq!(tt.tags_at(&place), ["billable (rule)", "client:globex (rule)"]);
}
