//! `tt recompute --dry-run`, `tt recompute` and `tt undo`: change with confidence.

use serde_json::{Value, json};

use crate::support::events::focus;
use crate::support::{Sandbox, tt};

fn rule(name: &str, pattern: &str, tags: &str) -> String {
    format!(
        "[[rules.auto_tag]]\nname = \"{name}\"\nmatch = {{ primary_cwd = \"{pattern}\" }}\ntags = [{tags}]\n"
    )
}

fn old() -> String {
    rule("Work", "~/work/*", "'work', 'billable'")
}

fn new() -> String {
    rule("Acme", "~/work/acme/*", "'acme', 'billable'") + &old()
}

/// Three streams tagged by the old rules: `work/acme/web` with 13 minutes, `work/acme/api` and
/// `work/other` with 5 each.
fn tagged() -> Sandbox {
    let tt = tt().with_config(old());
    let at = |dir: &str, time: &str| focus(&format!("2025-01-{time}:00Z"), &tt.dir(dir), "main");
    let events = [
        at("work/acme/web", "27T10:00"),
        at("work/acme/web", "27T10:04"),
        at("work/acme/web", "27T10:08"),
        at("work/acme/api", "28T10:00"),
        at("work/other", "28T20:00"),
    ];
    tt.import(&events);
    tt.run("report").ok();
    tt
}

#[test]
fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let tt = tagged();
    let [web, api] = ["web", "api"].map(|it| tt.id_at(&tt.dir(&format!("work/acme/{it}"))));
    tt.config(new());
    let before = tt.tag_tables();
    let text = format!(
        "Rules would be run on 3 streams.

'Work' → 'Acme': 2 streams, 18m
  {web}  web  13m  +acme -work
  {api}  api   5m  +acme -work

TAG   STREAMS  GAINS  LOSES
acme        2    18m
work        2           18m

Nothing was changed. Run without --dry-run to do it."
    );
    tt.run("recompute --dry-run").ok().prints(&text);
    tt.run("recompute --rules --dry-run").ok().prints(&text);
    assert_eq!(tt.tag_tables(), before);
    assert_eq!(tt.count("changes"), 0);
    let some = tt.run("recompute --dry-run --since 2025-01-28 --until 2025-01-28T15:00:00").ok();
    some.says(&["Rules would be run on 1 stream.", &format!("  {api}  api  5m  +acme -work")]);

    let done = tt.run("recompute --rules").ok().out;
    let would = |text: &str| text.lines().skip(1).take(8).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(would(&done), would(&text), "what was announced");
    assert!(done.ends_with("'tt undo' takes this back.\n"), "{done}");
    tt.run("recompute --dry-run")
        .ok()
        .prints("Rules would be run on 3 streams.\nNo stream would change.");
    assert_eq!(tt.tags_at(&tt.dir("work/acme/web")), ["acme (rule)", "billable (rule)"]);
}

#[test]
fn an_undo_puts_everything_back() {
    let tt = tagged();
    tt.config(new());
    tt.run("report").done();
    let before = tt.tag_tables();
    let tt = tt.at("2025-02-01T00:00:00Z");
    tt.run("recompute").ok();
    let after = tt.tag_tables();
    assert_ne!(after, before);
    let tt = tt.at("2025-02-02T00:00:00Z");
    tt.run("undo --dry-run").ok().says(&[
        "Would take back the recompute of 2025-02-01 00:00: 2 streams",
        "'Acme' → 'Work': 2 streams, 18m",
    ]);
    assert_eq!(tt.tag_tables(), after, "a dry run");
    tt.run("undo")
        .ok()
        .says(&["Took back the recompute of 2025-02-01 00:00: 2 streams", "+work -acme"]);
    assert_eq!(tt.tag_tables(), before);
    tt.run("undo").fails_about(&["there is nothing to undo"]);
    assert_eq!(tt.tag_tables(), before);
    // The rules of the config do not run again by themselves, and that they could is said.
    tt.run("report").warns(
        "Note: config.toml changed; streams tagged before keep their tags until 'tt recompute'.",
    );
    assert_eq!(tt.tag_tables(), before);
    tt.is_sound();
}

#[test]
fn undo_goes_back_step_by_step() {
    let tt = tagged();
    let mut dumps = vec![tt.tag_tables()];
    for step in 0..12 {
        tt.config(rule("Step", "~/work/*", &format!("'t{step}'")));
        tt.run("recompute").ok();
        dumps.push(tt.tag_tables());
    }
    assert_eq!(tt.count("changes"), 10, "the last ten are kept");
    for left in (2..12).rev() {
        tt.run("undo").ok();
        assert_eq!(tt.tag_tables(), dumps[left], "{left}");
    }
    tt.run("undo").fails_about(&["nothing to undo"]);
    assert_eq!((tt.count("changes"), tt.count("changed_streams")), (0, 0));
}

#[test]
fn every_way_a_recompute_changes_a_stream_is_undone() {
    let tt = tagged();
    let web = tt.id_at(&tt.dir("work/acme/web"));
    tt.run(&format!("untag {web} billable")).ok();
    let id = tt.stream_at(&tt.dir("work/other"))["id"].as_str().unwrap().to_owned();
    for (tag, source) in [("acme", "llm"), ("guess", "inferred")] {
        tt.sql()
            .execute("INSERT INTO stream_tags VALUES (?1, ?2, ?3)", [&id, tag, source])
            .unwrap();
    }
    // Other tags and project, rules that go and come, an outranked suggestion, other lines alone.
    for config in [
        new(),
        old() + "project = \"p\"\n",
        rule("Other", "~/work/other", "'acme', 'guess'"),
        String::new(),
        format!("\n\n{}", old()),
    ] {
        let before = tt.tag_tables();
        tt.config(&config);
        tt.run("recompute").ok();
        assert_ne!(tt.tag_tables(), before, "{config}");
        tt.run("undo").ok();
        assert_eq!(tt.tag_tables(), before, "{config}");
    }
}

#[test]
fn a_persons_later_word_is_kept() {
    let tt = tagged();
    let dirs = ["work/acme/web", "work/acme/api", "work/other"].map(|dir| tt.dir(dir));
    let [web, api, other] = dirs.each_ref().map(|dir| tt.id_at(dir));
    let before = tt.stream_at(&dirs[0])["updated_at"].clone();
    let tt = tt.at("2025-02-01T00:00:00Z");
    tt.config(rule("All", "~/work/*", "'wrong'"));
    tt.run("recompute").ok();
    tt.run(&format!("tag {web} wrong mine")).ok();
    tt.run(&format!("untag {api} wrong")).ok();
    tt.run(&format!("tag {other} work")).ok();
    let ran = tt.run("undo").ok();
    ran.says(&[
        "Not as before:\n",
        &format!("  {web}  web: what you said since stays: wrong\n"),
        &format!("  {api}  api: what you said since stays: wrong\n"),
        &format!("  {other}  other: what you said since stays: work\n"),
    ]);
    let tags = dirs.each_ref().map(|dir| tt.tags_at(dir));
    assert_ne!(tt.stream_at(&dirs[0])["updated_at"], before, "the next push sees it");
    assert_eq!(tags[0], ["billable (rule)", "mine (user)", "work (rule)", "wrong (user)"]);
    assert_eq!(tags[1], ["billable (rule)", "work (rule)"]);
    assert_eq!(tags[2], ["billable (rule)", "work (user)"]);
    // What was taken off stays off.
    tt.run("recompute").ok();
    assert_eq!(tt.tags_at(&dirs[1]), [""; 0]);
}

#[test]
fn streams_with_new_events_are_left_as_they_are() {
    let tt = tagged();
    let (web, api) = (tt.dir("work/acme/web"), tt.dir("work/acme/api"));
    let id = tt.id_at(&web);
    tt.config(new());
    tt.run("recompute").ok();
    tt.import(&[focus("2025-01-27T10:12:00Z", &web, "main")]);
    tt.run("report").ok();
    let ran = tt.run("undo --json").ok().json();
    assert_eq!(ran["kept"][0]["why"], "grown");
    assert!(ran["kept"][0]["id"].as_str().unwrap().starts_with(&id));
    assert_eq!(tt.tags_at(&web), ["acme (rule)", "billable (rule)"]);
    assert_eq!(tt.tags_at(&api), ["billable (rule)", "work (rule)"]);
}

#[test]
fn what_was_pushed_is_named() {
    let tt = tagged();
    let stream = tt.stream_at(&tt.dir("work/acme/web"));
    let id = stream["id"].as_str().unwrap();
    let push = |tt: &Sandbox, updated: &Value| {
        let row = (id, "toggl", "2025-01-29T09:00:00Z", updated.as_str().unwrap());
        tt.sql()
            .execute(
                "INSERT OR REPLACE INTO push_log (stream_id, destination, pushed_at, stream_updated_at)
                 VALUES (?1, ?2, ?3, ?4)",
                row,
            )
            .unwrap();
    };
    push(&tt, &stream["updated_at"]);
    tt.config(new());
    let named = format!(
        "Pushed already, so that the next push has to put them right:\n  {}  web: toggl at 2025-01-29T09:00:00Z\n",
        &id[..7]
    );
    tt.run("recompute --dry-run").ok().says(&[&named]);
    let tt = tt.at("2025-02-01T00:00:00Z");
    let done = tt.run("recompute --json").ok().json();
    let pushed = json!([{ "destination": "toggl", "pushed_at": "2025-01-29T09:00:00Z" }]);
    let streams = done["streams"].as_array().unwrap();
    assert_eq!(streams.iter().filter(|it| it["pushed"] == pushed).count(), 1);
    assert_eq!(streams.iter().filter(|it| it["pushed"] == json!([])).count(), 1);
    // Pushed again with the new tags: then the undone stream has changed since, for the next push.
    push(&tt, &tt.stream_at(&tt.dir("work/acme/web"))["updated_at"]);
    let tt = tt.at("2025-02-02T00:00:00Z");
    tt.run("undo").ok().says(&[&named]);
    assert_eq!(tt.stream_at(&tt.dir("work/acme/web"))["updated_at"], "2025-02-02T00:00:00Z");
    assert_eq!(tt.stream_at(&tt.dir("work/acme/api"))["updated_at"], "2025-01-29T18:00:00Z");
}

#[test]
fn all_again_can_be_tried_and_taken_back() {
    let tt = tagged();
    tt.config(new());
    let before = tt.tag_tables();
    let would = tt.run("recompute --all --dry-run").ok();
    would.says(&["3 streams would be inferred again.", "'Work' → 'Acme': 2 streams, 18m"]);
    assert_eq!(tt.tag_tables(), before);
    tt.run("recompute --all").ok().says(&["3 streams inferred and tagged again."]);
    tt.run("undo").ok();
    assert_eq!(tt.tag_tables(), before);
}

#[test]
fn nothing_to_undo_makes_no_database() {
    let tt = tt().with_config(old());
    tt.run("undo").fails_about(&["there is nothing to undo", "tt recompute"]);
    assert!(!tt.database().exists());
    tt.run("recompute --rules --all").says_wrong_usage(&["--all"]);
}

#[test]
fn broken_rules_are_not_run_again() {
    let tt = tagged();
    tt.config("[[rules.auto_tag]]\nmatch = { pathh = 'x' }\ntags = ['t']\n");
    let before = tt.tag_tables();
    tt.run("recompute --dry-run").exits(1);
    tt.run("recompute").exits(1);
    assert_eq!((tt.tag_tables(), tt.count("changes")), (before, 0));
}

/// A late event may bring a session, and with it another rule, and leave the times as they are.
#[test]
fn streams_that_rules_judged_anew_are_left_as_they_are() {
    let tt = tagged();
    let (web, api) = (tt.dir("work/acme/web"), tt.dir("work/acme/api"));
    let special = "[[rules.auto_tag]]\nname = \"Special\"\nmatch = { tmux_session = \"special\" }\ntags = ['special']\n";
    tt.config(special.to_owned() + &new());
    tt.run("recompute").ok();
    let times = |it: &Value| [it["time_direct_ms"].clone(), it["time_delegated_ms"].clone()];
    let before = times(&tt.stream_at(&web));
    tt.import(&[focus("2025-01-27T10:06:00Z", &web, "special")]);
    tt.run("report").ok();
    assert_eq!(times(&tt.stream_at(&web)), before);
    assert_eq!(tt.tags_at(&web), ["special (rule)"]);
    let id = tt.id_at(&web);
    let left = format!("  {id}  web: left as it is: rules or events changed it since\n");
    tt.run("undo").ok().says(&[&left]);
    assert_eq!(tt.tags_at(&web), ["special (rule)"]);
    assert_eq!(tt.tags_at(&api), ["billable (rule)", "work (rule)"]);
}

#[test]
fn what_was_inferred_again_stays_changed() {
    let tt = tagged();
    let web = tt.dir("work/acme/web");
    // Inferring again finds other times, and rules give other tags.
    tt.sql().execute_batch("UPDATE streams SET time_direct_ms = 1000").unwrap();
    tt.config(new());
    let tt = tt.at("2025-02-01T00:00:00Z");
    tt.run("recompute --all").ok().says(&["'tt undo' takes this back."]);
    let tt = tt.at("2025-02-02T00:00:00Z");
    tt.run("undo").ok();
    let stream = tt.stream_at(&web);
    assert_eq!(tt.tags_at(&web), ["billable (rule)", "work (rule)"]);
    assert_ne!(stream["time_direct_ms"], 1000);
    assert_eq!(stream["updated_at"], "2025-02-02T00:00:00Z", "the next push sees it");
}

#[test]
fn what_cannot_be_undone_is_not_said_to_be() {
    let tt = tagged();
    tt.sql().execute_batch("PRAGMA foreign_keys = ON; DELETE FROM streams").unwrap();
    let done = tt.run("recompute --all").ok();
    let done = done.says(&["no rule → 'Work': 3 streams", "This cannot be taken back"]);
    assert!(!done.out.contains("tt undo"), "{}", done.out);
    tt.run("undo").fails_about(&["there is nothing to undo"]);
}

/// A version of the rules counts as that of all streams only if it is.
#[test]
fn streams_tagged_since_are_not_taken_for_those_of_the_earlier_rules() {
    let tt = tagged();
    tt.config(new());
    tt.run("recompute").ok();
    tt.import(&[focus("2025-01-28T22:00:00Z", &tt.dir("work/acme/late"), "main")]);
    tt.run("report").ok();
    tt.run("undo").ok();
    tt.config(old());
    tt.run("report").warns(
        "Note: config.toml changed; streams tagged before keep their tags until 'tt recompute'.",
    );
    assert_eq!(tt.tags_at(&tt.dir("work/acme/late")), ["acme (rule)", "billable (rule)"]);
    tt.run("recompute").ok();
    assert_eq!(tt.tags_at(&tt.dir("work/acme/late")), ["billable (rule)", "work (rule)"]);
    tt.run("report").ok();
}

#[test]
fn an_undo_says_where_rules_will_run_again() {
    let tt = tagged();
    tt.import(&[focus("2025-01-28T22:00:00Z", &tt.dir("work/acme/late"), "main")]);
    tt.config(new());
    tt.run("recompute").ok();
    tt.run("undo").ok().says(&[
        "\nRules will run by themselves on 1 stream on which they had not run before.\nThe other streams \
         keep their tags until 'tt recompute', or new events.\n",
    ]);
    tt.run("report").done();
    assert_eq!(tt.tags_at(&tt.dir("work/acme/late")), ["acme (rule)", "billable (rule)"]);
    assert_eq!(tt.tags_at(&tt.dir("work/acme/web")), ["billable (rule)", "work (rule)"]);

    tt.config(old());
    tt.run("recompute").ok();
    tt.run("undo").ok().says(&["These streams keep their tags until"]);
}
