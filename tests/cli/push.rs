//! `tt push` as the specification has it, against services on this machine.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::events::tool;
use crate::support::service::{Clockify, Fault, On, Request, Toggl, reply, toggl};
use crate::support::{ACME, Ran, Sandbox, tt};

/// An agent at work without a break: delegated time from the first to the last minute.
pub(crate) fn work(from: &str, to: &str, cwd: &str) -> Vec<Value> {
    let at = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let (mut now, end) = (at(from), at(to));
    let session = format!("{cwd} {from}");
    let mut events = Vec::new();
    while now < end {
        events.push(tool(&now.format("%Y-%m-%dT%H:%M:%SZ").to_string(), cwd, &session));
        now += chrono::TimeDelta::minutes(25);
    }
    events.push(tool(to, cwd, &session));
    events
}

/// No waiting between requests, which only some tests are about.
pub(crate) const FAST: &str = "\n[push]\nsettle = \"0s\"\nmax_wait = \"0s\"\n\
    [push.toggl]\npace = \"0ms\"\n[push.clockify]\npace = \"0ms\"\n";

/// The three streams of the specification's dry run.
fn three() -> Sandbox {
    let tt = tt().with_config(format!("{ACME}{FAST}"));
    let dirs = ["work/acme/acme-webapp", "personal", "work/acme/acme-api"].map(|it| tt.dir(it));
    tt.import(&work("2025-01-28T10:00:00Z", "2025-01-28T12:15:00Z", &dirs[0]));
    tt.import(&work("2025-01-28T14:00:00Z", "2025-01-28T15:30:00Z", &dirs[1]));
    tt.import(&work("2025-01-27T08:00:00Z", "2025-01-27T11:45:00Z", &dirs[2]));
    let names =
        ["Auth service implementation", "Side project experimentation", "API endpoint refactoring"];
    for (dir, name) in dirs.iter().zip(names) {
        tt.run_args(["rename", &tt.id_at(dir), name]).ok();
    }
    tt.run_args(["tag", &tt.id_at(&dirs[1]), "personal"]).ok();
    tt
}

impl Sandbox {
    pub(crate) fn with_toggl(self, toggl: &Toggl) -> Self {
        self.var("TT_TOGGL_URL", toggl.base()).var("TOGGL_TOKEN", toggl.token())
    }

    pub(crate) fn with_clockify(self, clockify: &Clockify) -> Self {
        self.var("TT_CLOCKIFY_URL", clockify.base()).var("CLOCKIFY_TOKEN", clockify.token())
    }

    /// `push_log`, by stream: destination, version, id there.
    pub(crate) fn push_log(&self) -> Vec<(String, String, String, Option<String>)> {
        let sql = self.sql();
        let mut rows = sql
            .prepare(
                "SELECT stream_id, destination, stream_updated_at, external_id FROM push_log
                 ORDER BY stream_id, destination",
            )
            .unwrap();
        let row =
            |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        rows.query_map([], row).unwrap().map(Result::unwrap).collect()
    }
}

fn bodies(requests: &[Request]) -> Vec<Value> {
    requests.iter().filter(|it| it.writes()).map(|it| it.body.clone()).collect()
}

const LINES: [&str; 3] = [
    "2025-01-27T08:00:00Z 13500 API endpoint refactoring",
    "2025-01-28T10:00:00Z 8100 Auth service implementation",
    "2025-01-28T14:00:00Z 5400 Side project experimentation",
];

#[test]
fn a_dry_run_shows_what_would_be_pushed_and_sends_nothing() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    tt.run("push --toggl --dry-run").ok().prints(
        r#"Would push 3 streams as time entries:

  Jan 28  2h 15m  acme-webapp  "Auth service implementation"   [acme, billable]
  Jan 28  1h 30m  personal     "Side project experimentation"  [personal]
  Jan 27  3h 45m  acme-api     "API endpoint refactoring"      [acme, billable]

In all 7h 30m.

This takes 4 requests, about 1s.

Run without --dry-run to push."#,
    );
    let json = tt.run("push --toggl --dry-run --json").ok().json();
    assert_eq!(json["entries"][0]["duration_seconds"], 13_500);
    assert_eq!(json["entries"][0]["description"], "API endpoint refactoring");
    assert_eq!((&json["dry_run"], &json["destination"]), (&json!(true), &json!("Toggl")));
    assert_eq!(toggl.asked(), [""; 0]);
    assert_eq!(tt.count("push_log"), 0);
    assert_eq!(tt.count("push_requests"), 0);
}

#[test]
fn toggl_gets_every_entry_once() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    tt.run("push --toggl").ok().prints(
        "Pushing to Toggl: 3 streams\n  [####################] 3/3\n\n\
         Pushed 3 streams successfully.",
    );
    assert_eq!(toggl.lines(), LINES);
    let create = format!("POST /api/v9/workspaces/{}/time_entries", toggl::WORKSPACE);
    assert_eq!(toggl.asked(), ["GET /api/v9/me", &create, &create, &create]);
    let requests = toggl.requests();
    assert_eq!(
        bodies(&requests)[1],
        json!({
            "workspace_id": toggl::WORKSPACE,
            "created_with": "tt",
            "start": "2025-01-28T10:00:00Z",
            "duration": 8_100,
            "description": "Auth service implementation",
            "tags": ["acme", "billable"],
            "project_id": null,
        })
    );
    // The next run has nothing to do and asks nothing.
    tt.run("push --toggl")
        .ok()
        .prints("Nothing to push.\n\n3 streams are at Toggl already, unchanged.");
    assert_eq!(toggl.requests().len(), 4);
}

#[test]
fn clockify_gets_every_entry_once() {
    let clockify = Clockify::start();
    let tt = three().with_clockify(&clockify);
    tt.run("push --clockify").ok().says(&["Pushing to Clockify: 3 streams"]);
    assert_eq!(clockify.lines(), LINES);
    assert_eq!(clockify.tags(), ["acme", "billable", "personal"]);
    assert_eq!(clockify.entries()[1].tags, ["acme", "billable"]);
    let before = clockify.requests().len();
    tt.run("push --clockify").ok();
    assert_eq!(clockify.requests().len(), before);
    // Destinations know nothing of each other.
    assert_eq!(tt.push_log().iter().filter(|row| row.1 == "clockify").count(), 3);
}

#[test]
fn csv_goes_to_stdout_and_is_written_each_time() {
    let tt = three();
    let csv = format!(
        "start,end,duration_hours,description,tags,working_directory
2025-01-27T08:00:00Z,2025-01-27T11:45:00Z,3.75,\"API endpoint refactoring\",\"acme,billable\",{}
2025-01-28T10:00:00Z,2025-01-28T12:15:00Z,2.25,\"Auth service implementation\",\"acme,billable\",{}
2025-01-28T14:00:00Z,2025-01-28T15:30:00Z,1.5,\"Side project experimentation\",\"personal\",{}
",
        tt.dir("work/acme/acme-api"),
        tt.dir("work/acme/acme-webapp"),
        tt.dir("personal")
    );
    for _ in 0..2 {
        let ran = tt.run("push --csv").ok();
        assert_eq!(ran.out, csv);
    }
    assert_eq!(tt.count("push_log"), 0);
    tt.run("push --csv --json").says_wrong_usage(&["--json goes with --dry-run only"]);
}

#[test]
fn no_cell_of_a_csv_is_a_formula() {
    let tt = three();
    let id = tt.id_at(&tt.dir("personal"));
    tt.run_args(["rename", &id, "=HYPERLINK(\"http://evil\")"]).ok();
    tt.run_args(["tag", &id, "@sum"]).ok();
    let out = tt.run("push --csv").ok().out;
    assert!(out.contains(r#","'=HYPERLINK(""http://evil"")","'@sum,personal","#), "{out}");
}

#[test]
fn the_default_range_is_this_week_and_since_the_last_push() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    let older = tt.dir("work/acme/older");
    tt.import(&work("2025-01-24T10:00:00Z", "2025-01-24T11:00:00Z", &older));
    // Jan 29 is a Wednesday: the Friday before is not of this week.
    tt.run("push --toggl --dry-run").ok().says(&[
        "Would push 3 streams",
        "1 stream from before Jan 27 was never pushed (1h 0m): --all takes them along.",
    ]);
    tt.run("push --toggl").ok();
    // Two weeks later the range begins with the day of the last push.
    let tt = tt.at("2025-02-12T09:00:00Z");
    let late = tt.dir("work/acme/late");
    tt.import(&work("2025-01-29T20:00:00Z", "2025-01-29T21:00:00Z", &late));
    tt.import(&work("2025-02-05T10:00:00Z", "2025-02-05T11:00:00Z", &late));
    tt.run("push --toggl --dry-run").ok().says(&["Would push 2 streams", "Jan 29", "Feb 5"]);
    tt.run("push --toggl --all").ok().says(&["Pushed 3 streams successfully."]);
    assert_eq!(toggl.lines().len(), 6);
}

#[test]
fn ranges_are_in_local_time_and_go_by_the_first_event() {
    let toggl = Toggl::start();
    // The night of the 27th to the 28th in Los Angeles, eight hours behind UTC.
    let tt = quiet_box(&toggl).zone("America/Los_Angeles");
    let (before, after) = (tt.dir("a"), tt.dir("b"));
    tt.import(&work("2025-01-28T07:50:00Z", "2025-01-28T09:00:00Z", &before));
    tt.import(&work("2025-01-28T08:00:00Z", "2025-01-28T09:00:00Z", &after));
    let pushed = |range: &str| -> Vec<String> {
        let json = tt.run(&format!("push --toggl --dry-run --json {range}")).ok().json();
        let entries = json["entries"].as_array().unwrap();
        entries.iter().map(|it| it["description"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(pushed("--since 2025-01-28"), ["b"]);
    assert_eq!(pushed("--since 2025-01-27 --until 2025-01-28"), ["a"]);
    assert_eq!(pushed("--since 2025-01-27T23:50:00"), ["a", "b"]);
    assert_eq!(pushed("--since 2025-01-28T07:50:01Z"), ["b"]);
    assert_eq!(pushed("--since 2025-01-28T08:00:00Z --until 2025-01-28T08:00:01Z"), ["b"]);
    tt.run("push --toggl --since soon").says_wrong_usage(&["'soon' is no date"]);
    tt.run("push --toggl --since 2025-01-28 --until 2025-01-27").says_wrong_usage(&["swap them"]);
    tt.run("push --toggl --all --since 2025-01-28").says_wrong_usage(&["cannot be used with"]);
    tt.run("push").says_wrong_usage(&["--toggl"]);
    tt.run("push --toggl --csv").says_wrong_usage(&["cannot be used with"]);
}

#[test]
fn a_day_of_23_hours_ends_where_the_next_begins() {
    let toggl = Toggl::start();
    let tt = quiet_box(&toggl).zone("Europe/Berlin").at("2025-03-31T12:00:00Z");
    // The 30th of March lasts from 23:00 to 22:00 UTC.
    let (in_it, after) = (tt.dir("in"), tt.dir("after"));
    tt.import(&work("2025-03-30T21:59:00Z", "2025-03-30T22:30:00Z", &in_it));
    tt.import(&work("2025-03-30T22:00:00Z", "2025-03-30T22:30:00Z", &after));
    let ran = tt.run("push --toggl --dry-run --since 2025-03-30 --until 2025-03-31").ok();
    assert!(ran.out.contains("\"in\"") && !ran.out.contains("\"after\""), "{ran:?}");
}

fn quiet_box(toggl: &Toggl) -> Sandbox {
    tt().with_config(FAST).with_toggl(toggl)
}

#[test]
fn tokens_come_from_the_environment_else_from_the_config_and_are_never_shown() {
    let toggl = Toggl::start();
    let tt = three().var("TT_TOGGL_URL", toggl.base());
    tt.run("push --toggl").fails_about(&["no token for Toggl", "TOGGL_TOKEN", "[push.toggl]"]);
    let with = |token: &str| {
        let with = format!("{ACME}{FAST}")
            .replace("[push.toggl]\n", &format!("[push.toggl]\napi_token = \"{token}\"\n"));
        tt.config(with);
    };
    with("wr0ng");
    let ran = tt.run("push --toggl").exits(1);
    assert!(ran.err.contains("TOGGL_TOKEN") && !format!("{ran:?}").contains("wr0ng"), "{ran:?}");
    with(toggl.token());
    let ran = tt.run("push --toggl").done();
    // The file of the sandbox can be read by everybody.
    assert!(ran.err.contains("chmod 600 ~/.config/tt/config.toml"), "{ran:?}");
    assert!(!format!("{ran:?}").contains(toggl.token()), "{ran:?}");
    assert_eq!(toggl.lines(), LINES);
    // The environment counts first.
    let tt = tt.var("TOGGL_TOKEN", "wr0ng");
    tt.run("push --toggl --force").exits(1);
}

#[test]
fn changed_streams_are_pushed_again_and_unchanged_ones_are_not() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    tt.run("push --toggl").ok();
    let log = tt.push_log();
    assert_eq!(log.len(), 3);
    let ids: Vec<_> = toggl.entries().into_iter().map(|it| Some(it.id)).collect();
    assert!(log.iter().all(|row| row.1 == "toggl" && ids.contains(&row.3)), "{log:?}");
    for stream in tt.streams() {
        let row = log.iter().find(|row| stream["id"] == row.0.as_str()).unwrap();
        assert_eq!(stream["updated_at"], row.2.as_str());
    }

    let tt = tt.at("2025-01-29T18:05:00Z");
    let id = tt.id_at(&tt.dir("personal"));
    tt.run_args(["tag", &id, "hobby"]).ok();
    tt.run("push --toggl --dry-run").ok().says(&[
        "Would push 1 stream as a time entry:",
        "[hobby, personal]  (update)",
        "2 streams are at Toggl already, unchanged.",
    ]);
    tt.run("push --toggl").ok().says(&["Pushed 1 stream successfully."]);
    let requests = toggl.requests();
    let last = requests.last().unwrap();
    assert_eq!(last.method, "PUT");
    assert_eq!(last.body["tags"], json!(["hobby", "personal"]));
    assert_eq!(last.body["duration"], 5_400);
    assert_eq!(toggl.lines(), LINES);
    tt.run("push --toggl").ok().says(&["Nothing to push."]);

    // Whatever is changed to and fro is the same for the service.
    let tt = tt.at("2025-01-29T18:10:00Z");
    tt.run_args(["tag", &id, "x"]).ok();
    tt.run_args(["untag", &id, "x"]).ok();
    let before = toggl.requests().len();
    tt.run("push --toggl").ok().says(&["Nothing to push."]);
    assert_eq!(toggl.requests().len(), before);
}

#[test]
fn a_push_takes_the_requests_that_the_dry_run_counts() {
    let toggl = Toggl::start();
    let mut tt = three().with_toggl(&toggl);
    toggl.project("Web");
    tt.config(format!("{ACME}{FAST}[push.toggl.project_mapping]\nacme = \"Web\"\n"));
    let takes = |tt: &Sandbox, options: &str, expected: usize| {
        let dry = tt.run(&format!("push --toggl --dry-run --json {options}")).ok().json();
        let before = toggl.requests().len();
        tt.run(&format!("push --toggl {options}")).ok();
        let sent = toggl.requests().len() - before;
        assert_eq!((&dry["requests"], sent), (&json!(expected), expected), "{options}");
    };
    // Workspace, projects, entries.
    takes(&tt, "", 5);
    let dirs = ["work/acme/acme-webapp", "personal", "work/acme/acme-api"];
    for (minute, changed) in [("05", 1), ("10", 2), ("15", 3)] {
        tt = tt.at(&format!("2025-01-29T18:{minute}:00Z"));
        for dir in dirs.iter().take(changed) {
            tt.run_args(["tag", &tt.id_at(&tt.dir(dir)), minute]).ok();
        }
        // Up to two are asked for one by one, more in one list.
        takes(&tt, "", if changed == 3 { 4 } else { 2 * changed });
        takes(&tt, "", 0);
    }
    takes(&tt, "--force", 5);
}

#[test]
fn force_pushes_everything_again() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    tt.run("push --toggl").ok();
    let ids: Vec<String> = toggl.entries().into_iter().map(|it| it.id).collect();
    toggl.edit(&ids[0], |it| it.seconds = Some(60));
    toggl.delete(&ids[1]);
    tt.run("push --toggl --force").ok().says(&["Pushed 3 streams successfully."]);
    assert_eq!(toggl.lines(), LINES);
    assert_eq!(toggl.entries()[0].id, ids[0]);
    tt.run("push --toggl").ok().says(&["Nothing to push."]);
}

#[test]
fn what_a_person_did_there_is_theirs() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    tt.run("push --toggl").ok();
    let ids: Vec<String> = toggl.entries().into_iter().map(|it| it.id).collect();
    toggl.edit(&ids[1], |it| it.description = "Auth, reviewed".into());
    toggl.delete(&ids[2]);
    let tt = tt.at("2025-01-29T18:05:00Z");
    for dir in ["work/acme/acme-webapp", "personal", "work/acme/acme-api"] {
        tt.run_args(["tag", &tt.id_at(&tt.dir(dir)), "late"]).ok();
    }
    let (mine, gone) = (tt.id_at(&tt.dir("work/acme/acme-webapp")), tt.id_at(&tt.dir("personal")));
    tt.run("push --toggl").ok().says(&[
        "Pushed 1 stream successfully.",
        "Left as they are at Toggl:",
        &format!("  - {mine}: you changed the entry there (--force overwrites it)"),
        &format!("  - {gone}: you removed the entry there (--force creates it again)"),
    ]);
    assert_eq!(toggl.writes(), 4);
    let theirs = "2025-01-28T10:00:00Z 8100 Auth, reviewed";
    assert_eq!(toggl.lines(), [LINES[0], theirs]);
    let before = toggl.requests().len();
    tt.run("push --toggl").ok();
    assert_eq!(toggl.requests().len(), before, "asked again for what did not change");
    tt.run("push --toggl --force").ok();
    assert_eq!(toggl.lines(), LINES);
}

#[test]
fn partial_failures_have_hints_and_running_again_retries_them() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    let second = tt.id_at(&tt.dir("work/acme/acme-webapp"));
    let id = |dir: &str| tt.id_at(&tt.dir(dir));
    let all = [id("work/acme/acme-api"), second, id("personal")];
    // As the service may put it, in each of its answers.
    toggl.fault(On::All, Fault::refuse(400, "\"project_id 12345 not found\""));
    tt.config(format!("{ACME}{FAST}").replace(
        "[push.toggl]\n",
        "[push.toggl]\ndefault_project_id = \"12345\"\nworkspace_id = \"7654321\"\n",
    ));
    let failed: String = all
        .iter()
        .map(|id| {
            format!(
                "  - {id}: Toggl 400: project_id 12345 not found\n    \
                 Hint: Verify project exists in Toggl, or set default_project_id in config\n"
            )
        })
        .collect();
    tt.run("push --toggl").exits(1).prints(&format!(
        "Pushing to Toggl: 3 streams\n  [--------------------] 0/3\n\n\
         Pushed 0 streams successfully.\n3 failed:\n{failed}\n\
         Fix the issues and re-run to retry failed entries."
    ));
    assert_eq!(tt.push_log(), []);
    toggl.heal();
    tt.config(format!("{ACME}{FAST}"));
    toggl.fault(On::Write(2), Fault::Say(reply(429).header("Retry-After", 1).page("Too Many")));
    // Too fast, and no patience: what would be refused as well is not tried.
    let ran = tt.run("push --toggl").exits(1);
    ran.says(&[
        "  [######--------------] 1/3\n\nPushed 1 stream successfully.\n1 failed:\n",
        &format!(
            "  - {}: Toggl 429: rate limited\n    \
             Hint: Waiting 1s before retry... (re-run to retry failed entries)\n\
             1 stream not tried.\n\nRun it again after",
            all[1]
        ),
    ]);
    assert_eq!(tt.push_log().len(), 1);
    tt.run("push --toggl").ok().says(&["Pushed 2 streams successfully."]);
    assert_eq!(toggl.lines(), LINES);
}

#[test]
fn half_a_second_lies_between_requests_and_a_second_after_the_first_429() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    tt.config(ACME);
    toggl.fault(On::Write(2), Fault::Say(reply(429).header("Retry-After", 1)));
    let ran: Ran = tt.run("push --toggl").done();
    assert_eq!(toggl.lines(), LINES);
    assert!(ran.err.is_empty() || ran.err.contains("Toggl: rate limited"), "{ran:?}");
    let at: Vec<_> = toggl.requests().iter().map(|it| it.at).collect();
    let gaps: Vec<Duration> = at.windows(2).map(|it| it[1] - it[0]).collect();
    // Look-up, first, refused, again, last.
    assert_eq!(gaps.len(), 4);
    let least = [500, 500, 1_000, 1_000].map(|it| Duration::from_millis(it - 20));
    assert!(gaps.iter().zip(least).all(|(gap, least)| *gap >= least), "{gaps:?}");
}

#[test]
fn broken_rules_or_settings_stop_a_push() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    tt.config(format!("{ACME}{FAST}").replace("match", "mach"));
    let ran = tt.run("push --toggl").exits(1);
    assert!(ran.err.contains("--allow-broken-rules"), "{ran:?}");
    tt.run("push --toggl --allow-broken-rules --dry-run").done().says(&["Would push 3 streams"]);
    tt.config(format!("{ACME}{FAST}rond = \"6m\"\n"));
    tt.run("push --toggl").fails_about(&["config.toml line", "unknown field `rond`"]);
    tt.config(format!("{ACME}[push]\nround = \"often\"\n"));
    tt.run("push --csv").fails_about(&["'often' is no duration", "Nothing was pushed"]);
    assert_eq!(toggl.asked(), [""; 0]);
}

#[test]
fn rounding_is_shown_with_its_sum_and_is_the_same_everywhere() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    let policy = "[push]\nround = \"1h\"\nround_mode = \"up\"\n";
    tt.config(format!("{ACME}{FAST}").replace("[push]\n", policy));
    tt.run("push --toggl --dry-run").ok().says(&[
        "Jan 28  3h 0m~  acme-webapp",
        "Worked 7h 30m, billed 9h (+1h 30m): rounded up to 1h per entry.",
    ]);
    tt.run("push --toggl").ok();
    let seconds: Vec<_> = toggl.entries().iter().map(|it| it.seconds.unwrap()).collect();
    assert_eq!(seconds, [14_400, 10_800, 7_200]);
    let csv = tt.run("push --csv").ok().out;
    for hours in [",4,", ",3,", ",2,"] {
        assert!(csv.contains(hours), "{csv}");
    }
}

#[test]
fn filters_minimum_and_days() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    let said = |args: &str| tt.run(&format!("push --toggl --dry-run {args}")).ok().out;
    assert!(said("--tag acme").contains("Would push 2 streams"));
    assert!(said("--tag acme --tag personal").contains("Would push 3 streams"));
    let id = tt.id_at(&tt.dir("personal"));
    let one = said(&format!("--stream {id}"));
    assert!(one.contains("Would push 1 stream as a time entry") && one.contains("Side project"));
    tt.run("push --toggl --dry-run --stream nothing").fails_about(&["no stream is called"]);

    tt.config(format!("{ACME}{FAST}").replace("[push]\n", "[push]\nmin = \"2h\"\n"));
    let short = said("");
    assert!(short.contains("Would push 2 streams"), "{short}");
    assert!(short.contains("1 entry is shorter than 2h and left out (1h 30m)."), "{short}");

    tt.config(format!("{ACME}{FAST}"));
    let night = tt.dir("night");
    tt.import(&work("2025-01-28T22:00:00Z", "2025-01-29T01:30:00Z", &night));
    assert!(said("").contains("Jan 28  3h 30m  night"));
    let days = said("--split-days");
    assert!(days.contains("Jan 29  1h 30m  night"), "{days}");
    assert!(days.contains("Jan 28  2h 0m   night"), "{days}");
    assert!(days.contains("Would push 4 streams"), "{days}");
    tt.run("push --toggl --split-days --since 2025-01-28T12:00:00")
        .says_wrong_usage(&["must be days"]);
    tt.run("push --toggl --split-days").ok();
    assert_eq!(toggl.entries().len(), 5);
    tt.run("push --toggl --split-days").ok().says(&["Nothing to push."]);
    // Whole again, once it changed: its days go first.
    let tt = tt.at("2025-01-29T18:05:00Z");
    tt.run("push --toggl").ok().says(&["Nothing to push."]);
    tt.run_args(["tag", &tt.id_at(&night), "x"]).ok();
    tt.run("push --toggl --dry-run")
        .ok()
        .says(&["Would first remove 2 entries at Toggl:", "is sent in another form"]);
    tt.run("push --toggl").ok();
    assert_eq!(toggl.entries().len(), 4);
    assert_eq!(toggl.lines()[3], "2025-01-28T22:00:00Z 12600 night");
}

#[test]
fn projects_and_billable_are_what_the_config_says() {
    let toggl = Toggl::start();
    let web = toggl.project("Acme web");
    let tt = three().with_toggl(&toggl);
    tt.config(
        format!(
            "{ACME}{FAST}billable_tag = \"billable\"\n[push.toggl.project_mapping]\n\
         acme = \"Acme web\"\n"
        )
        .replace("[push.clockify]\npace = \"0ms\"\nbillable_tag", "billable_tag"),
    );
    tt.run("push --toggl").ok();
    let entries = toggl.entries();
    assert_eq!(entries[0].project.as_deref(), Some(web.as_str()));
    assert_eq!([entries[0].billable, entries[2].billable], [true, false]);
    assert_eq!(entries[2].project, None);
    let looked_up = toggl.asked().iter().filter(|it| it.contains("/projects")).count();
    assert_eq!(looked_up, 1);
}

#[test]
fn streams_joined_after_a_push_are_put_right() {
    let toggl = Toggl::start();
    let tt = quiet_box(&toggl);
    let dir = tt.dir("web");
    tt.import(&work("2025-01-28T10:00:00Z", "2025-01-28T10:20:00Z", &dir));
    tt.import(&work("2025-01-28T11:10:00Z", "2025-01-28T11:30:00Z", &dir));
    tt.run("push --toggl").ok();
    assert_eq!(toggl.entries().len(), 2);
    // A late event closes the gap.
    let tt = tt.at("2025-01-29T18:05:00Z");
    tt.import(&work("2025-01-28T10:40:00Z", "2025-01-28T10:50:00Z", &dir));
    tt.run("push --toggl --dry-run").ok().says(&[
        "Would first remove 1 entry at Toggl:",
        "was joined into",
        "(update)",
    ]);
    tt.run("push --toggl").ok().says(&["Removed 1 entry of streams that are joined or gone."]);
    assert_eq!(toggl.entries().len(), 1);
    assert_eq!(tt.push_log().len(), 1);
    tt.run("push --toggl").ok().says(&["Nothing to push."]);
}

#[test]
fn two_pushes_at_once_wait_for_each_other() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    tt.run("streams").ok();
    toggl.fault(On::Write(1), Fault::Slow(Duration::from_millis(700)));
    let children: Vec<_> = (0..3).map(|_| tt.start(["push", "--toggl"])).collect();
    let ran: Vec<Ran> = children.into_iter().map(|child| Ran::of(child, &tt).done()).collect();
    let waited = ran.iter().filter(|it| it.err.contains("Another tt push is running")).count();
    assert!(waited >= 1, "{ran:#?}");
    assert_eq!(toggl.lines(), LINES);
}

#[test]
fn a_report_bills_what_a_push_bills() {
    let tt = three();
    assert_eq!(tt.run("report --json").ok().json()["billing"], Value::Null);
    let policy = "[push]\nround = \"1h\"\nround_mode = \"up\"\n";
    for (per, seconds) in [("entry", 9 * 3_600), ("day", 8 * 3_600)] {
        tt.config(
            format!("{ACME}{FAST}")
                .replace("[push]\n", &format!("{policy}round_per = \"{per}\"\n")),
        );
        let report = tt.run("report --json").ok().json();
        assert_eq!(report["billing"]["worked_seconds"], 27_000);
        assert_eq!(report["billing"]["billed_seconds"], seconds);
        let pushed = tt.run("push --csv --dry-run --json").ok().json();
        let sum: i64 = pushed["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["duration_seconds"].as_i64().unwrap())
            .sum();
        assert_eq!(sum, seconds);
        tt.run("report").ok().says(&["  Billed", "Billed time is rounded up to 1h per"]);
    }
}

/// One agent's hour in each of these directories, all at once, pushed.
fn hours(toggl: &Toggl, dirs: &[&str]) -> Sandbox {
    let tt = quiet_box(toggl);
    for dir in dirs {
        tt.import(&work("2025-01-28T10:00:00Z", "2025-01-28T11:00:00Z", &tt.dir(dir)));
    }
    tt.run("push --toggl").ok();
    tt
}

#[test]
fn a_change_made_after_the_clock_was_set_back_is_pushed() {
    let toggl = Toggl::start();
    let tt = hours(&toggl, &["web"]).at("2025-01-29T17:00:00Z");
    tt.run_args(["tag", &tt.id_at(&tt.dir("web")), "late"]).ok();
    let tt = tt.at("2025-01-29T19:00:00Z");
    tt.run("push --toggl").ok();
    assert_eq!(toggl.entries()[0].tags, ["late"]);
    tt.run("push --toggl").ok().says(&["Nothing to push."]);
}

#[test]
fn days_of_another_zone_are_not_sent_beside_those_that_are_there() {
    let toggl = Toggl::start();
    let tt = quiet_box(&toggl).zone("America/New_York");
    tt.import(&work("2025-01-27T22:00:00Z", "2025-01-28T02:00:00Z", &tt.dir("night")));
    tt.run("push --toggl --split-days").ok();
    assert_eq!(toggl.lines(), ["2025-01-27T22:00:00Z 14400 night"]);
    for zone in ["Asia/Tokyo", "UTC"] {
        let tt = tt.clone_at_zone(zone);
        tt.ok().says(&["Nothing to push."]);
    }
    // Changed in another zone, it has the days of that zone.
    let tt = tt.zone("UTC").at("2025-01-29T18:05:00Z");
    tt.run_args(["tag", &tt.id_at(&tt.dir("night")), "x"]).ok();
    tt.run("push --toggl --split-days").ok();
    let seconds: Vec<_> = toggl.entries().iter().map(|it| it.seconds.unwrap()).collect();
    assert_eq!(seconds, [7_200, 7_200]);
}

impl Sandbox {
    /// A push by days in another zone.
    fn clone_at_zone(&self, zone: &str) -> Ran {
        let child = self.command(["push", "--toggl", "--split-days"]).env("TZ", zone).spawn();
        Ran::of(child.unwrap(), self)
    }
}

#[test]
fn a_setting_takes_away_nothing_that_is_there_unchanged() {
    let toggl = Toggl::start();
    let tt = hours(&toggl, &["web"]);
    tt.config(FAST.replace("[push]\n", "[push]\nmin = \"2h\"\n"));
    tt.run("push --toggl").ok().says(&["1 stream is at Toggl already, unchanged."]);
    assert_eq!(toggl.entries().len(), 1);
    tt.run("push --toggl --force").ok();
    assert_eq!(toggl.entries().len(), 0);
}

#[test]
fn of_streams_that_are_joined_none_is_removed_while_one_is_the_persons() {
    let toggl = Toggl::start();
    let tt = quiet_box(&toggl);
    let dir = tt.dir("web");
    for hour in [10, 12, 14] {
        let at = |minute| format!("2025-01-28T{hour}:{minute:02}:00Z");
        tt.import(&work(&at(0), &at(50), &dir));
    }
    tt.run("push --toggl").ok();
    let last = toggl.entries()[2].id.clone();
    toggl.edit(&last, |it| it.seconds = Some(60));
    let tt = tt.at("2025-01-29T18:05:00Z");
    for hour in [11, 13] {
        let at = |minute| format!("2025-01-28T{hour}:{minute:02}:00Z");
        tt.import(&work(&at(0), &at(50), &dir));
    }
    assert_eq!(tt.streams().len(), 1);
    for _ in 0..2 {
        tt.run("push --toggl").ok().says(&["you changed the entry there"]);
        assert_eq!(toggl.entries().len(), 3);
    }
    tt.run("push --toggl --force").ok();
    assert_eq!(toggl.lines(), ["2025-01-28T10:00:00Z 15000 web"]);
    assert_eq!(tt.push_log().len(), 1);
}

#[test]
fn a_link_to_the_database_is_the_same_database() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    tt.run("streams").ok();
    let link = tt.path("alias.db");
    std::os::unix::fs::symlink(tt.database(), &link).unwrap();
    toggl.fault(On::Write(1), Fault::Slow(Duration::from_millis(700)));
    let one = tt.start(["push", "--toggl"]);
    let other = tt.start(["push", "--toggl", "--db", link.to_str().unwrap()]);
    Ran::of(one, &tt).done();
    Ran::of(other, &tt).done();
    assert_eq!(toggl.lines(), LINES);
}

#[test]
fn the_sum_of_a_day_is_that_of_what_leaves() {
    let tt = three();
    let policy = "[push]\nround = \"1h\"\nround_mode = \"up\"\nround_per = \"day\"\n";
    let config = format!("{ACME}{FAST}").replace("[push]\n", policy);
    tt.config(format!("{config}[privacy]\nexclude = [\"~/work/acme/acme-webapp\"]\n"));
    let json = tt.run("push --csv --dry-run --json").ok().json();
    let seconds: Vec<_> = json["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["duration_seconds"].clone())
        .collect();
    assert_eq!(seconds, [14_400, 7_200]);
}

#[test]
fn what_could_not_be_sent_is_sent_later_whatever_the_week() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    toggl.fault(On::All, Fault::DropBefore);
    tt.config(
        format!("{ACME}{FAST}").replace("[push.toggl]\n", "[push.toggl]\nworkspace_id = 7654321\n"),
    );
    tt.run("push --toggl").exits(1);
    toggl.heal();
    let tt = tt.at("2025-02-12T09:00:00Z");
    tt.run("push --toggl").done();
    assert_eq!(toggl.lines()[..2], LINES[..2]);
}

#[test]
fn a_stream_joined_into_one_that_is_the_persons_keeps_its_entry() {
    for removed in [false, true] {
        let toggl = Toggl::start();
        let tt = quiet_box(&toggl);
        let dir = tt.dir("web");
        for hour in [10, 12] {
            let at = |minute| format!("2025-01-28T{hour}:{minute:02}:00Z");
            tt.import(&work(&at(0), &at(50), &dir));
        }
        tt.run("push --toggl").ok();
        // The older stream survives.
        let first = toggl.entries()[0].id.clone();
        if removed {
            toggl.delete(&first);
        } else {
            toggl.edit(&first, |it| it.seconds = Some(60));
        }
        let tt = tt.at("2025-01-29T18:05:00Z");
        tt.import(&work("2025-01-28T11:00:00Z", "2025-01-28T11:50:00Z", &dir));
        for _ in 0..3 {
            tt.run("push --toggl").ok().says(&["it was joined into"]);
            assert!(toggl.lines().contains(&"2025-01-28T12:00:00Z 3000 web".to_owned()));
        }
        tt.run("push --toggl --force").ok();
        assert_eq!(toggl.lines(), ["2025-01-28T10:00:00Z 9000 web"]);
        tt.run("push --toggl").ok().says(&["Nothing to push."]);
    }
}

#[test]
fn another_token_is_told_and_waits_for_what_the_first_left_open() {
    let toggl = Toggl::start();
    let tt = three().with_toggl(&toggl);
    let config = format!("{ACME}{FAST}");
    tt.config(config.replace("[push.toggl]\n", "[push.toggl]\nworkspace_id = 7654321\n"));
    toggl.fault(On::Write(3), Fault::DropAfter);
    tt.run("push --toggl").exits(1);
    let before = toggl.requests().len();
    let tt = tt.var("TOGGL_TOKEN", "somebody-else");
    tt.run("push --toggl").fails_about(&["sent with another token has no answer yet", "--force"]);
    assert_eq!(toggl.requests().len(), before);
    let tt = tt.var("TOGGL_TOKEN", toggl.token());
    tt.run("push --toggl").done();
    assert_eq!(toggl.lines(), LINES);
    // With nothing open it is told.
    let tt = tt.var("TOGGL_TOKEN", "somebody-else");
    let ran = tt.run("push --toggl").done();
    assert!(ran.err.contains("the last push to Toggl was with another token"), "{ran:?}");
}
