//! What a person says of streams: tag, untag, tags, rename, assign, recompute.

use crate::support::events::{busy, focus, message, tool};
use crate::support::{ACME, Sandbox, quiet, tt};

fn one_stream() -> (Sandbox, String) {
    let tt = quiet();
    let web = tt.dir("web");
    tt.import(&[focus("2025-01-28T10:00:00Z", &web, "m")]);
    (tt, web)
}

#[test]
fn tags_are_given_and_taken_all_at_once() {
    let (tt, web) = one_stream();
    let id = tt.id_at(&web);
    tt.run("tag web acme billable").ok().prints(&format!("{id} web: acme (user), billable (user)"));
    tt.run("tag web acme").warns(&format!("Note: nothing to change for 'acme' on {id}."));
    tt.run("untag web acme billable").ok().prints(&format!("{id} web: no tags"));
    tt.run("untag web acme").warns(&format!("Note: nothing to change for 'acme' on {id}."));
    tt.run("tag web").says_wrong_usage(&["<TAG>"]);
    tt.run_args(["tag", "web", " "]).says_wrong_usage(&["is no tag"]);
    tt.run_args(["tag", "web", "good", "a\nb"]).says_wrong_usage(&["is no tag"]);
    assert_eq!(tt.tags_at(&web), [""; 0], "all or none");
    tt.run_args(["tag", "web", "クライアント", "a,b", "it's; DROP TABLE"]).ok();
    assert_eq!(tt.tags_at(&web).len(), 3);
}

#[test]
fn tags_in_use_are_counted_by_source() {
    let tt = tt().with_config(ACME);
    let (a, b) = (tt.dir("work/acme/a"), tt.dir("right"));
    tt.import(&[focus("2025-01-28T10:00:00Z", &a, "m"), focus("2025-01-28T10:10:00Z", &b, "m")]);
    tt.run("tag right acme").ok();
    insta::assert_snapshot!(tt.run("tags").ok().out, @r"
    TAG       STREAMS  DIRECT  DELEGATED  FROM
    acme            2     10m         0m  user 1, rule 1
    billable        1      5m         0m  rule 1
    ");
    let json = tt.run("tags --json").ok().json();
    assert_eq!(json["tags"][0]["sources"], serde_json::json!({"user": 1, "rule": 1, "llm": 0}));
}

#[test]
fn a_name_that_a_person_gave_stays() {
    let (tt, web) = one_stream();
    let id = tt.id_at(&web);
    tt.run_args(["rename", &id, "Auth service"])
        .ok()
        .prints(&format!("{id} is called 'Auth service' (was 'web')."));
    tt.import(&[focus("2025-01-28T10:10:00Z", &web, "m")]);
    tt.run("recompute --all").done();
    assert_eq!(tt.stream_at(&web)["name"], "Auth service");
    assert_eq!(tt.id_at(&web), id, "the id stays");
    tt.run_args(["tag", "Auth service", "x"]).ok();
    tt.run_args(["rename", &id, ""]).ok().prints(&format!("{id} is called 'web' again."));
    tt.run_args(["rename", &id, "two\nlines"]).says_wrong_usage(&["one line"]);
}

#[test]
fn assigned_events_move_with_their_time_and_stay_there() {
    let tt = quiet();
    let (a, b) = (tt.dir("left"), tt.dir("right"));
    tt.import(&[
        focus("2025-01-28T10:00:00Z", &a, "m"),
        focus("2025-01-28T10:02:00Z", &b, "m"),
        focus("2025-01-28T10:03:00Z", &a, "m"),
    ]);
    let direct = |cwd: &str| tt.stream_at(cwd)["time_direct_ms"].as_i64().unwrap() / 60_000;
    assert_eq!((direct(&a), direct(&b)), (7, 1));
    let events = tt.events();
    let of_b = events.lines().nth(1).unwrap();
    let event = &of_b[7..39];
    let id = tt.id_at(&a);
    tt.run(&format!("assign {event} left")).ok().prints(&format!("1 event assigned to {id} left."));
    assert_eq!(direct(&a), 8);
    assert_eq!(tt.streams().len(), 1, "a stream without events is gone");
    tt.run("recompute --all").done();
    assert_eq!(direct(&a), 8, "what a person assigned stays");
    assert_eq!(tt.events(), events, "events never change");
    tt.is_sound();
}

#[test]
fn assigning_what_is_not_there_changes_nothing() {
    let (tt, _) = one_stream();
    let before = tt.streams();
    tt.run("assign ffffffff web")
        .fails_about(&["no event's id begins with 'ffffffff'", "Nothing was assigned"]);
    let event = tt.events()[7..39].to_owned();
    tt.run(&format!("assign {event} ffffffff web")).fails_about(&["Nothing was assigned"]);
    tt.run(&format!("assign {event} nobody")).fails_about(&["no stream is called 'nobody'"]);
    tt.run("assign web").says_wrong_usage(&["2"]);
    assert_eq!(tt.streams(), before);
    assert_eq!(tt.count("event_assignments"), 0);
}

#[test]
fn an_event_prefix_that_may_be_several_lists_them() {
    let tt = quiet();
    tt.import(&busy("2025-01-28", 20, 1));
    let first = tt.events()[7..39].to_owned();
    let ran = tt.run(&format!("assign {} p0", &first[..4])).exits(1);
    assert!(ran.err.contains("several events' ids begin with"), "{ran:#?}");
    assert!(ran.err.contains("Nothing was assigned."), "{ran:#?}");
}

#[test]
fn recompute_without_rules_is_refused_and_with_all_infers_again() {
    let tt = tt();
    tt.feed("import", focus("2025-01-28T10:00:00Z", "/nowhere/w", "m").to_string()).ok();
    let ran = tt.run("recompute").exits(1);
    assert!(ran.err.contains("there are no rules to run"), "{ran:#?}");
    tt.run("recompute --all").done().prints("1 stream inferred again.");
    tt.run("recompute --all --since today").says_wrong_usage(&["cannot be used with"]);
    tt.config(ACME);
    tt.run("recompute").ok().prints("Rules were run on 1 stream.");
    tt.run("recompute --all").ok().prints("1 stream inferred and tagged again.");
}

#[test]
fn recompute_all_gives_the_same_streams_with_the_same_ids() {
    let tt = tt().with_config(ACME);
    tt.import(&busy("2025-01-20", 4_000, 45));
    let before = tt.streams();
    let tt = tt.at("2025-02-02T00:00:00Z");
    tt.run("recompute --all").ok();
    assert_eq!(tt.streams(), before);
}

#[test]
fn late_events_join_streams_and_the_older_id_and_the_persons_tags_survive() {
    let (tt, web) = one_stream();
    let old = tt.id_at(&web);
    tt.import(&[focus("2025-01-28T10:50:00Z", &web, "m")]);
    let streams = tt.streams();
    assert_eq!(streams.len(), 2);
    let young = streams[1]["id"].as_str().unwrap()[..7].to_owned();
    tt.run(&format!("tag {young} mine")).ok();
    tt.import(&[message("2025-01-28T10:25:00Z", &web, "s")]);
    assert_eq!(tt.id_at(&web), old);
    assert_eq!(tt.tags_at(&web), ["mine (user)"]);
    tt.run(&format!("tag {young} also")).ok();
    assert_eq!(
        tt.tags_at(&web),
        ["also (user)", "mine (user)"],
        "the id that was joined still names it"
    );
}

#[test]
fn a_directory_below_an_open_stream_joins_it() {
    let (tt, web) = one_stream();
    tt.import(&[tool("2025-01-28T10:10:00Z", &format!("{web}/src/deep"), "s")]);
    assert_eq!(tt.streams().len(), 1);
}

#[test]
fn status_shows_what_is_known_and_what_waits() {
    let tt = tt();
    insta::assert_snapshot!(tt.run("status").ok().out, @r"
    Database  ~/.local/share/tt/tt.db (not there yet)
    Spool     empty
    Config    ~/.config/tt/config.toml: not there; no rules
    Agents    0 files, 0 with something new
    ");
    assert!(!tt.database().exists(), "looking makes nothing");
    tt.config(ACME);
    tt.feed("import", focus("2025-01-28T10:00:00Z", "/nowhere/w", "m").to_string()).ok();
    tt.run("streams").ok();
    tt.run("ingest note x").ok();
    let shown = tt.run("status").ok().out;
    for line in [
        "1 event, 1 stream, ",
        "read by the next report",
        "~/.config/tt/config.toml: 3 rules\n",
        "remote.tmux           2025-01-28 10:00:00  1 day       1\n",
    ] {
        assert!(shown.contains(line), "no '{line}' in\n{shown}");
    }
    assert_eq!(tt.spool_files().len(), 1, "status drains nothing");
    let json = tt.run("status --json").ok().json();
    assert_eq!(json["database"]["events"], 1);
    assert_eq!(json["config"]["state"], "valid");
    assert_eq!(json["sources"][0]["newest"], "2025-01-28T10:00:00Z");
    assert_eq!(json["sources"][0]["stale"], true);
    for (config, state) in [("= 1", "broken"), ("[[rules.auto_tag]]\n", "broken")] {
        tt.config(config);
        assert_eq!(tt.run("status --json").done().json()["config"]["state"], state);
        tt.run("status").done().says(&["has errors, no rule runs; see 'tt rules check'"]);
    }
}
