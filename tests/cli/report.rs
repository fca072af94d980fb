//! `tt report` and `tt streams`: the shapes, and sums that must come out.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::events::{afk, busy, focus, message, session, tool};
use crate::support::{Sandbox, quiet, tt};

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("no whole number: {value}"))
}

/// Direct and delegated time of an object.
fn times(value: &Value) -> (i64, i64) {
    (number(&value["time_direct_ms"]), number(&value["time_delegated_ms"]))
}

fn sum(values: &[Value]) -> (i64, i64) {
    values.iter().map(times).fold((0, 0), |(a, b), (c, d)| (a + c, b + d))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("no array: {value}"))
}

/// Checks every identity that the specification promises, and returns the totals.
#[track_caller]
fn adds_up(report: &Value) -> (i64, i64, i64) {
    let totals = &report["totals"];
    let (direct, delegated) = times(totals);
    let tracked = number(&totals["time_tracked_ms"]);
    let by_tag = list(&report["by_tag"]);
    let untagged = &report["untagged"];
    for part in by_tag.iter().chain([untagged]) {
        assert_eq!(times(part), sum(list(&part["streams"])), "{part:#}");
    }
    let (tag_direct, tag_delegated) = sum(by_tag);
    let (bare_direct, bare_delegated) = times(untagged);
    assert_eq!(
        tag_direct + tag_delegated + bare_direct + bare_delegated
            - number(&totals["multi_tag_overlap_ms"]),
        direct + delegated,
        "by tag + untagged - overlap = total: {report:#}"
    );
    let mut streams = BTreeMap::new();
    for part in by_tag.iter().chain([untagged]) {
        for stream in list(&part["streams"]) {
            let before = streams.insert(stream["id"].to_string(), times(stream));
            assert!(before.is_none_or(|before| before == times(stream)), "{stream:#}");
        }
    }
    assert_eq!(streams.len() as i64, number(&totals["stream_count"]));
    assert_eq!(streams.values().map(|it| it.0).sum::<i64>(), direct);
    assert_eq!(streams.values().map(|it| it.1).sum::<i64>(), delegated);
    assert!(tracked <= direct + delegated && tracked >= direct, "{totals:#}");
    let end: chrono::DateTime<chrono::Utc> =
        report["period"]["end"].as_str().unwrap().parse().unwrap();
    if let Some(start) = report["period"]["start"].as_str() {
        let wall =
            (end - start.parse::<chrono::DateTime<chrono::Utc>>().unwrap()).num_milliseconds();
        assert!(direct <= wall && tracked <= wall, "more than the wall clock: {totals:#}");
    }
    (direct, delegated, tracked)
}

fn report(tt: &Sandbox, since: &str, until: &str) -> Value {
    let json = tt.run(&format!("report --since {since} --until {until} --json")).ok().json();
    adds_up(&json);
    json
}

const TWO_TAGS: &str = "[[rules.auto_tag]]\nmatch = { primary_cwd = \"*/client0/*\" }\ntags = [\"a\", \"b\"]\n\
                        [[rules.auto_tag]]\nmatch = { primary_cwd = \"*/client1/*\" }\ntags = [\"b\"]\n";

#[test]
fn focus_and_agent_in_one_stream() {
    let tt = quiet();
    let web = tt.dir("web");
    tt.import(&[
        focus("2025-01-28T10:00:00Z", &web, "m"),
        session("2025-01-28T10:00:30Z", &web, "s", "started"),
        message("2025-01-28T10:01:00Z", &web, "s"),
        tool("2025-01-28T10:02:00Z", &web, "s"),
        tool("2025-01-28T10:12:00Z", &web, "s"),
        session("2025-01-28T10:14:00Z", &web, "s", "ended"),
    ]);
    // Direct 10:00 to 10:06 (five minutes beyond the message); the agent 10:02 to 10:14.
    assert_eq!(times(&tt.stream_at(&web)), (6 * 60_000, 12 * 60_000));
    let totals = adds_up(&report(&tt, "2025-01-28", "2025-01-29"));
    assert_eq!(totals, (6 * 60_000, 12 * 60_000, 14 * 60_000));
}

#[test]
fn two_agents_and_a_person_who_switches() {
    let tt = quiet();
    let (a, b) = (tt.dir("a"), tt.dir("b"));
    tt.import(&[
        focus("2025-01-28T10:00:00Z", &a, "m"),
        tool("2025-01-28T10:00:00Z", &a, "s1"),
        focus("2025-01-28T10:03:00Z", &b, "m"),
        tool("2025-01-28T10:03:00Z", &b, "s2"),
        focus("2025-01-28T10:05:00Z", &a, "m"),
        tool("2025-01-28T10:10:00Z", &a, "s1"),
        tool("2025-01-28T10:20:00Z", &b, "s2"),
    ]);
    assert_eq!(times(&tt.stream_at(&a)), (8 * 60_000, 10 * 60_000));
    assert_eq!(times(&tt.stream_at(&b)), (2 * 60_000, 17 * 60_000));
    let totals = adds_up(&report(&tt, "2025-01-28", "2025-01-29"));
    assert_eq!(totals, (10 * 60_000, 27 * 60_000, 20 * 60_000));
}

#[test]
fn the_agent_works_on_while_the_person_is_away() {
    let tt = quiet();
    let a = tt.dir("a");
    tt.import(&[
        focus("2025-01-28T10:00:00Z", &a, "m"),
        tool("2025-01-28T10:00:00Z", &a, "s1"),
        afk("2025-01-28T10:02:00Z", "idle"),
        tool("2025-01-28T10:25:00Z", &a, "s1"),
        afk("2025-01-28T10:26:00Z", "active"),
    ]);
    assert_eq!(times(&tt.stream_at(&a)), (2 * 60_000, 25 * 60_000));
}

#[test]
fn a_session_without_tool_use_delegates_nothing_and_a_timeout_ends_one() {
    let tt = quiet();
    let (a, b) = (tt.dir("a"), tt.dir("b"));
    tt.import(&[
        session("2025-01-28T10:00:00Z", &a, "s1", "started"),
        session("2025-01-28T10:20:00Z", &a, "s1", "ended"),
        tool("2025-01-28T10:00:00Z", &b, "s2"),
        tool("2025-01-28T10:10:00Z", &b, "s2"),
        tool("2025-01-28T10:40:01Z", &b, "s2"),
        tool("2025-01-28T10:41:01Z", &b, "s2"),
    ]);
    assert_eq!(times(&tt.stream_at(&a)), (0, 0));
    let delegated: i64 = tt.streams().iter().map(|it| times(it).1).sum();
    assert_eq!(delegated, 11 * 60_000);
}

#[test]
fn a_week_is_the_sum_of_its_days_in_weeks_of_any_length() {
    for (zone, monday, hours) in [
        ("UTC", "2025-01-27", 168),
        ("Europe/Berlin", "2025-03-24", 167),
        ("Europe/Berlin", "2025-10-20", 169),
        ("America/New_York", "2025-03-03", 167),
        ("America/New_York", "2025-10-27", 169),
        ("Pacific/Apia", "2011-12-26", 144),
        ("Asia/Kathmandu", "2025-01-27", 168),
    ] {
        let tt = tt().with_config(TWO_TAGS).zone(zone).at(&format!("{monday}T12:00:00Z"));
        let monday: chrono::NaiveDate = monday.parse().unwrap();
        let date = |days: i64| (monday + chrono::TimeDelta::days(days)).to_string();
        // From the day before to the day after, around the clock.
        tt.import(&busy(&date(-1), 7_800, 100));
        let week = tt.run("week --json").ok().json();
        let of_week = adds_up(&week);
        let asked = adds_up(&report(&tt, &date(0), &date(7)));
        assert_eq!(asked, of_week, "{zone}");
        let mut days = (0, 0, 0);
        for day in 0..7 {
            if zone == "Pacific/Apia" && day == 4 {
                // The 30th did not happen there.
                tt.run(&format!("report --since {} --until {}", date(4), date(5)))
                    .says_wrong_usage(&["empty period"]);
                continue;
            }
            let of_day = adds_up(&report(&tt, &date(day), &date(day + 1)));
            days = (days.0 + of_day.0, days.1 + of_day.1, days.2 + of_day.2);
        }
        assert_eq!(days, of_week, "{zone}");
        assert!(of_week.0 > 0 && of_week.1 > 0, "{zone}: {of_week:?}");
        let at = |key: &str| {
            let text = week["period"][key].as_str().unwrap();
            text.parse::<chrono::DateTime<chrono::Utc>>().unwrap()
        };
        assert_eq!((at("end") - at("start")).num_hours(), hours, "{zone}");
        assert_eq!(week["timezone"], zone);
        assert_eq!(week["period"]["type"], "week");
    }
}

#[test]
fn a_stream_over_midnight_counts_on_both_sides_of_it() {
    let tt = quiet().zone("America/New_York");
    let web = tt.dir("web");
    // Midnight there is 05:00 UTC.
    tt.import(&[tool("2025-01-29T04:50:00Z", &web, "s"), tool("2025-01-29T05:20:00Z", &web, "s")]);
    assert_eq!(adds_up(&report(&tt, "2025-01-28", "2025-01-29")).1, 10 * 60_000);
    assert_eq!(adds_up(&report(&tt, "2025-01-29", "2025-01-30")).1, 20 * 60_000);
}

#[test]
fn the_short_forms_are_the_long_ones() {
    let tt = quiet();
    tt.import(&busy("2025-01-18", 3_000, 400));
    for (short, long) in [
        ("week", "report"),
        ("week", "report --week"),
        ("today", "report --day"),
        ("yesterday", "report --last-day"),
        ("report --last-week", "report --since 2025-01-20 --until 2025-01-27"),
    ] {
        let (a, b) = (
            tt.run(&format!("{short} --json")).ok().json(),
            tt.run(&format!("{long} --json")).ok().json(),
        );
        assert_eq!(adds_up(&a), adds_up(&b), "{short}");
        if !long.contains("since") {
            assert_eq!(a, b);
            assert_eq!(tt.run(short).ok().out, tt.run(long).ok().out);
        }
    }
}

#[test]
fn an_empty_report_has_empty_arrays_and_says_what_to_do() {
    let tt = quiet();
    let json = tt.run("report --json").ok().json();
    adds_up(&json);
    assert_eq!(json["by_tag"], serde_json::json!([]));
    assert_eq!(json["untagged"]["streams"], serde_json::json!([]));
    assert_eq!(json["generated_at"], crate::support::NOW);
    tt.run("report").ok().says(&["No time"]);
    tt.run("tags").ok().says(&["No tags yet"]);
    assert_eq!(tt.run("streams --json").ok().json(), serde_json::json!({"streams": []}));
    assert_eq!(tt.run("tags --json").ok().json(), serde_json::json!({"tags": []}));
}

#[test]
fn json_ends_with_one_line_end() {
    let tt = quiet();
    for command in [
        "report --json",
        "streams --json",
        "tags --json",
        "status --json",
        "rules check --format json",
    ] {
        let out = tt.run(command).ok().out;
        assert!(out.ends_with("}\n") && !out.ends_with("\n\n"), "{command}: {out:?}");
    }
}

#[test]
fn streams_have_the_shape_that_scripts_rely_on() {
    let tt = quiet();
    let web = tt.dir("web");
    tt.import(&[
        focus("2025-01-28T10:00:00.250Z", &web, "main"),
        tool("2025-01-28T10:02:00Z", &web, "s1"),
        tool("2025-01-28T10:04:00Z", &web, "s1"),
    ]);
    let stream = tt.stream_at(&web);
    let keys: Vec<&str> = stream.as_object().unwrap().keys().map(String::as_str).collect();
    for key in [
        "id",
        "name",
        "primary_cwd",
        "repo",
        "worktrees",
        "tmux_sessions",
        "agents",
        "git_branches",
        "first_event_at",
        "last_event_at",
        "time_direct_ms",
        "time_delegated_ms",
        "tags",
        "rule",
    ] {
        assert!(keys.contains(&key), "no '{key}': {stream:#}");
    }
    assert_eq!(stream["name"], "web");
    assert_eq!(stream["tmux_sessions"], serde_json::json!(["main"]));
    assert_eq!(stream["agents"], serde_json::json!(["claude-code"]));
    assert_eq!(stream["worktrees"], serde_json::json!([]));
    assert_eq!(stream["first_event_at"], "2025-01-28T10:00:00.250Z");
    assert_eq!(stream["last_event_at"], "2025-01-28T10:04:00Z");
    assert_eq!(stream["rule"], Value::Null);
}

#[test]
fn streams_are_chosen_by_range_and_tag() {
    let tt = quiet();
    let (a, b) = (tt.dir("left"), tt.dir("right"));
    tt.import(&[
        focus("2025-01-27T10:00:00Z", &a, "main"),
        focus("2025-01-28T10:00:00Z", &b, "main"),
    ]);
    tt.run("tag left acme").ok();
    let names = |line: &str| -> Vec<String> {
        list(&tt.run(&format!("{line} --json")).ok().json()["streams"])
            .iter()
            .map(|it| it["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("streams"), ["left", "right"]);
    assert_eq!(names("streams --untagged"), ["right"]);
    assert_eq!(names("streams --tag acme"), ["left"]);
    assert_eq!(names("streams --tag nobody"), [""; 0]);
    assert_eq!(names("streams --since 2025-01-28"), ["right"]);
    assert_eq!(names("streams --until 2025-01-28"), ["left"]);
    tt.run("streams --untagged --tag acme").says_wrong_usage(&["cannot be used with"]);
}

/// A small week with all that a report draws.
fn drawn() -> Sandbox {
    let tt = tt().with_config(
        "[[rules.auto_tag]]\nname = \"Acme\"\nmatch = { primary_cwd = \"*/acme/*\" }\ntags = [\"acme\", \"顧客\"]\n",
    );
    let (web, notes) = ("/nowhere/acme/web", "/nowhere/メモ");
    let mut events = vec![
        focus("2025-01-28T14:00:00Z", notes, "m"),
        message("2025-01-28T14:03:00Z", notes, "n"),
    ];
    for minute in 0..50 {
        let at = format!("2025-01-28T10:{minute:02}:00Z");
        events.push(focus(&at, web, "m"));
        events.push(tool(&at, web, "s"));
    }
    tt.import(&events);
    tt
}

#[test]
fn a_report_is_drawn() {
    insta::assert_snapshot!(drawn().run("report").ok().out);
}

#[test]
fn streams_are_drawn() {
    insta::assert_snapshot!(drawn().run("streams").ok().out);
}

#[test]
fn narrow_terminals_and_no_colour_are_respected() {
    for columns in ["1", "20", "40", "80", "0", "-3", "wide", "99999"] {
        let tt = drawn().var("COLUMNS", columns).var("NO_COLOR", "1").var("TERM", "xterm-256color");
        for command in ["report", "streams", "tags", "status"] {
            let ran = tt.run(command).ok();
            assert!(!ran.out.contains('\u{1b}'), "{command} in {columns}");
            assert!(ran.out.lines().count() > 2, "{command} in {columns}");
        }
    }
}

#[test]
fn names_from_elsewhere_command_no_terminal() {
    let tt = quiet();
    let evil = "/nowhere/\u{1b}]0;owned\u{7}\u{1b}[2J";
    tt.import(&[
        focus("2025-01-28T10:00:00Z", evil, "ev\u{1b}[31mil"),
        focus("2025-01-28T20:00:00Z", evil, "m"),
        tool("2025-01-28T10:02:00Z", evil, "s\u{1b}[31m"),
    ]);
    let name = tt.streams()[0]["name"].as_str().unwrap().to_owned();
    for args in [
        vec!["report"],
        vec!["streams"],
        vec!["status"],
        vec!["tag", &name, "x"],
        vec!["rules", "check", "--stream", &tt.streams()[0]["id"].as_str().unwrap()[..9]],
        vec!["events"],
        vec!["report", "--json"],
    ] {
        let ran = tt.run_args(&args);
        assert!(!ran.out.contains(['\u{1b}', '\u{7}']), "{args:?}: {ran:#?}");
        assert!(!ran.err.contains(['\u{1b}', '\u{7}']), "{args:?}: {ran:#?}");
    }
}

#[test]
fn unassigned_events_are_shown() {
    let tt = quiet();
    tt.import(&[
        serde_json::json!({"timestamp": "2025-01-28T10:00:00Z", "type": "tmux_scroll", "pane_id": "%77"}),
        focus("2025-01-28T12:00:00Z", "/nowhere/a", "m"),
    ]);
    let json = tt.run("report --json").ok().json();
    adds_up(&json);
    assert_eq!(json["unassigned"]["events"], 1);
    tt.run("report").ok().says(&["nassigned"]);
}

#[test]
fn events_of_the_past_and_the_future_are_kept_and_reported_where_they_belong() {
    let tt = quiet();
    tt.import(&[
        focus("1969-07-20T20:17:40Z", "/nowhere/moon", "m"),
        focus("2100-01-01T00:00:00Z", "/nowhere/future", "m"),
        focus("2025-01-28T10:00:00Z", "/nowhere/now", "m"),
    ]);
    assert_eq!(tt.streams().len(), 3);
    assert_eq!(adds_up(&tt.run("report --json").ok().json()).0, 5 * 60_000);
    assert_eq!(adds_up(&report(&tt, "1969-07-20", "1969-07-22")).0, 5 * 60_000);
    assert_eq!(adds_up(&report(&tt, "2100-01-01", "2100-01-02")).0, 5 * 60_000);
    assert_eq!(adds_up(&report(&tt, "1700-01-01", "2200-01-01")).0, 15 * 60_000);
    let ran = tt.run("status").done();
    assert!(ran.err.contains("some events are dated in the future"), "{ran:#?}");
    let open = tt.run("report --until 2200-01-01 --json").ok().json();
    assert_eq!(open["period"]["start"], Value::Null);
    assert_eq!(adds_up(&open).0, 15 * 60_000);
}

#[test]
fn a_clock_set_back_hides_nothing_that_is_asked_for() {
    let tt = quiet().at("2025-01-28T10:00:00Z");
    tt.run("ingest pane-focus --pane %1 --cwd /nowhere/w --session m").ok();
    tt.run("report").ok();
    let tt = tt.at("2024-06-01T10:00:00Z");
    tt.run("ingest pane-focus --pane %1 --cwd /nowhere/w --session m").ok();
    tt.run("report").ok();
    tt.run("streams --since today").ok().says(&["2 streams"]);
    assert_eq!(adds_up(&report(&tt, "2025-01-28", "2025-01-29")).0, 5 * 60_000);
    assert_eq!(adds_up(&tt.run("today --json").ok().json()).0, 5 * 60_000);
}

#[test]
fn dates_that_are_none_are_wrong_usage() {
    let tt = quiet();
    for (line, words) in [
        ("report --since soon", vec!["'soon' is no date", "YYYY-MM-DD"]),
        ("report --since 2025-02-30", vec!["'2025-02-30' is no date"]),
        ("report --since 2025-01-28 --until 2025-01-27", vec!["is before --since", "swap"]),
        ("report --since 2025-01-28 --until 2025-01-28", vec!["empty period", "2025-01-29"]),
        ("report --since 1066-10-14", vec!["outside the years 1678 to 2261"]),
        ("streams --until never", vec!["'never' is no date"]),
        ("events --since x", vec!["'x' is no date"]),
        ("recompute --since x", vec!["'x' is no date"]),
        ("report --week --day", vec!["cannot be used with"]),
        ("report --week --since today", vec!["cannot be used with"]),
        ("reprot", vec!["report"]),
        ("", vec!["Usage"]),
    ] {
        tt.run(line).says_wrong_usage(&words);
    }
    assert!(!tt.database().exists(), "a wrong date makes no database");
}

#[test]
fn a_zone_that_does_not_exist_is_told_and_utc_stands_in() {
    let tt = quiet().zone("Mars/Olympus");
    let ran = tt.run("report --json").done();
    assert!(ran.err.contains("unknown time zone 'Mars/Olympus', using UTC"), "{ran:#?}");
    assert_eq!(ran.json()["timezone"], "UTC");
}
