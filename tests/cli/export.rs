//! `tt export`: what leaves, in which order, and that an interruption loses nothing.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::Value;

use crate::support::events::{afk, busy, focus, lines, message, session, tool};
use crate::support::{ACME, Dice, Sandbox, quiet, tt};

/// Two streams, one with agents side by side over midnight; and a focus that belongs to none.
fn two_streams() -> Sandbox {
    let tt = tt().with_config(ACME);
    let [web, oss] = ["work/acme/web", "oss/tt"].map(|it| tt.dir(it));
    let mut events = vec![
        focus("2025-01-27T23:50:00Z", &web, "main"),
        message("2025-01-27T23:54:00.5Z", &web, "s1"),
        session("2025-01-27T23:54:01Z", &web, "s1", "started"),
        session("2025-01-27T23:55:00Z", &web, "s2", "started"),
        focus("2025-01-28T09:00:00Z", &oss, "main"),
        tool("2025-01-28T09:01:00Z", &oss, "s3"),
        tool("2025-01-28T09:11:00Z", &oss, "s3"),
        afk("2025-01-28T09:04:00Z", "idle"),
    ];
    for minute in [54, 56, 58] {
        events.push(tool(&format!("2025-01-27T23:{minute}:30Z"), &web, "s1"));
        events.push(tool(&format!("2025-01-27T23:{minute}:45Z"), &web, "s2"));
    }
    events.push(tool("2025-01-28T00:10:00Z", &web, "s2"));
    tt.import(&events);
    tt
}

const OBFUSCATED: &str =
    "[privacy]\nobfuscate = [\"paths\", \"projects\", \"branches\", \"titles\"]\n";
const EXCLUDED: &str = "[privacy]\nexclude = [\"~/work/acme\"]\n";

fn records(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sum(entries: &[Value], kind: &str) -> i64 {
    let of_kind = entries.iter().filter(|it| it["kind"] == kind);
    of_kind.map(|it| it["duration_ms"].as_i64().unwrap()).sum()
}

#[test]
fn events_are_those_of_tt_events_and_import_again() {
    let tt = quiet();
    tt.import(&busy("2025-01-20", 700, 30));
    let text = tt.run("export").ok().out;
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&text), sorted(&tt.events()));
    let raw = tt.run("export --events --raw");
    assert_eq!(raw.out, text, "the filter is empty");
    assert!(raw.err.starts_with("Note: --raw leaves the privacy filter out"), "{raw:#?}");
    let other = quiet();
    other.feed("import", &raw.out).ok();
    assert_eq!(other.events(), tt.events());
    assert_eq!(other.run("export").ok().out, text, "in the same order");
}

#[test]
fn events_do_not_wait_for_streams() {
    let tt = quiet();
    tt.import(&[focus("2025-01-28T10:00:00Z", "/nowhere/w", "main")]);
    tt.run("export").ok();
    tt.run("events").ok();
    assert_eq!(tt.count("streams"), 0);
    tt.run("ingest note later").ok();
    assert!(tt.run("export").ok().out.contains("later"), "what is in the spool is exported");
}

#[test]
fn after_means_after_in_the_order_of_arrival() {
    let tt = quiet();
    let all = busy("2025-01-20", 40, 60);
    // The later half arrives first.
    tt.import(&all[20..]);
    let first = tt.run("export").ok().out;
    tt.import(&all[..20]);
    let whole = tt.run("export").ok().out;
    assert!(whole.starts_with(&first));
    for record in records(&whole) {
        let id = record["id"].as_str().unwrap();
        let rest = tt.run(&format!("export --after {id}")).ok().out;
        let (before, after) = whole.split_at(whole.len() - rest.len());
        assert_eq!(after, rest);
        assert_eq!(records(before).last().unwrap()["id"], id);
    }
    tt.run("export --after nobody").fails_about(&["no event has the id 'nobody'"]);
    tt.run("export --streams --after nobody").fails_about(&["no stream has the id 'nobody'"]);
    tt.run("export --entries --after abc:direct:2025-01-20T00:00:00Z")
        .fails_about(&["no time entry has the id 'abc:direct:2025-01-20T00:00:00Z'"]);
}

#[test]
fn ids_that_others_brought_are_as_good() {
    let tt = quiet();
    let mut events = busy("2025-01-20", 3, 60);
    for (id, event) in ["-x y", "'\u{fc}\"", "7"].into_iter().zip(&mut events) {
        event["id"] = id.into();
    }
    tt.import(&events);
    let whole = tt.run("export").ok().out;
    for (n, record) in records(&whole).iter().enumerate() {
        let rest = tt.run_args(["export", "--after", record["id"].as_str().unwrap()]).ok();
        assert_eq!(rest.out.lines().count(), 2 - n);
    }
}

#[test]
fn streams_are_those_of_tt_streams() {
    let tt = two_streams();
    let shown = tt.streams();
    assert_eq!(shown.len(), 2);
    let text = tt.run("export --streams").ok().out;
    assert_eq!(records(&text), shown);
    let json = tt.run("export --streams --format json").ok().json();
    assert_eq!(json["streams"], Value::Array(shown.clone()));
    let id = shown[0]["id"].as_str().unwrap();
    let rest = tt.run(&format!("export --streams --after {id}")).ok().out;
    assert_eq!(records(&rest), shown[1..]);
    let some = tt.run("export --streams --since 2025-01-28T05:00:00").ok().out;
    assert_eq!(records(&some), shown[1..]);
    for key in ["first_event_at", "last_event_at", "updated_at"] {
        assert!(shown[0][key].as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn entries_add_up_to_streams_and_reports() {
    let tt = two_streams();
    let entries = records(&tt.run("export --entries").ok().out);
    for stream in tt.streams() {
        let mut own = entries.clone();
        own.retain(|it| it["stream_id"] == stream["id"]);
        assert!(!own.is_empty());
        assert_eq!(sum(&own, "direct"), stream["time_direct_ms"]);
        assert_eq!(sum(&own, "delegated"), stream["time_delegated_ms"]);
        for entry in own {
            assert_eq!(entry["name"], stream["name"]);
            assert_eq!(entry["tags"].as_array().unwrap().len(), 2, "{entry}");
        }
    }
    let shared = entries.iter().find(|it| it["agent_sessions"].as_array().unwrap().len() == 2);
    assert_eq!(shared.unwrap()["kind"], "delegated");
    // Over a midnight in between, each side has its part.
    for zone in ["UTC", "Europe/Berlin", "Asia/Tokyo"] {
        let tt = two_streams().zone(zone);
        let mut parts = Vec::new();
        for (since, until) in [
            ("2025-01-27", "2025-01-28"),
            ("2025-01-28", "2025-01-29"),
            ("2025-01-29", "2025-01-30"),
        ] {
            let range = format!("--since {since} --until {until}");
            let part = records(&tt.run(&format!("export --entries {range}")).ok().out);
            let report = tt.run(&format!("report --json {range}")).ok().json();
            assert_eq!(sum(&part, "direct"), report["totals"]["time_direct_ms"], "{zone} {since}");
            assert_eq!(sum(&part, "delegated"), report["totals"]["time_delegated_ms"], "{zone}");
            parts.extend(part);
        }
        for kind in ["direct", "delegated"] {
            assert_eq!(sum(&parts, kind), sum(&entries, kind), "{zone}");
        }
    }
}

#[test]
fn entries_go_on_after_any_of_them() {
    let tt = two_streams();
    let whole = tt.run("export --entries").ok().out;
    let all = records(&whole);
    assert!(all.len() >= 4);
    for (n, entry) in all.iter().enumerate() {
        let id = entry["id"].as_str().unwrap();
        let rest = tt.run(&format!("export --entries --after {id}")).ok().out;
        assert_eq!(records(&rest), all[n + 1..]);
    }
}

#[test]
fn ranges_are_local_time() {
    let events = [
        focus("2025-01-27T22:59:59Z", "/nowhere/before", "main"),
        focus("2025-01-27T23:00:00Z", "/nowhere/within", "main"),
        focus("2025-01-28T22:59:59.999Z", "/nowhere/within", "main"),
        focus("2025-01-28T23:00:00Z", "/nowhere/after", "main"),
    ];
    let tt = quiet().zone("Europe/Berlin");
    tt.import(&events);
    let day = tt.run("export --since 2025-01-28 --until 2025-01-29").ok().out;
    assert_eq!(day.lines().count(), 2);
    assert_eq!(day.matches("\"cwd\":\"/nowhere/within\"").count(), 4, "{day}");
}

#[test]
fn json_is_one_document() {
    for what in ["events", "streams", "entries"] {
        let tt = quiet();
        let none = tt.run(&format!("export --{what} --format json")).ok().json();
        assert_eq!(none[what], Value::Array(Vec::new()));
        let tt = two_streams();
        let lines = tt.run(&format!("export --{what}")).ok().out;
        let json = tt.run(&format!("export --{what} --format json")).ok().json();
        assert_eq!(json[what], Value::Array(records(&lines)));
    }
}

#[test]
fn a_file_is_written_once_and_by_its_owner_alone() {
    let tt = two_streams();
    let text = tt.run("export").ok().out;
    tt.run("export --output out.jsonl").ok().prints("out.jsonl: 15 records written");
    let path = tt.home().join("out.jsonl");
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written.lines().count(), 15);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    tt.run("export --output out.jsonl").fails_about(&[
        "out.jsonl is there already",
        "--resume",
        "--force",
    ]);
    tt.run("export --streams --output out.jsonl --force").ok();
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
    tt.run("export --output -").ok().prints(&text);
    tt.run("export --output /dev/null").ok();
}

#[test]
fn every_cut_resumes_to_the_same_bytes() {
    let obfuscated = format!("{ACME}{OBFUSCATED}");
    for (what, config) in [
        ("--events", ACME),
        ("--streams", ACME),
        ("--entries", ACME),
        ("--events", &obfuscated),
        ("--streams", &obfuscated),
        ("--entries", &obfuscated),
    ] {
        let tt = two_streams();
        tt.config(config);
        let path = tt.home().join("out.jsonl");
        let run = format!("export {what} --output out.jsonl --resume");
        tt.run(&run).done();
        let whole = fs::read(&path).unwrap();
        let mut dice = Dice(5);
        // Every kind of place: around each line's end, and somewhere within.
        let mut cuts = vec![0, 1, 5, 8, whole.len()];
        for (end, _) in whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            cuts.extend([end, end + 1, end.saturating_sub(1)]);
        }
        cuts.extend((0..5).map(|_| usize::try_from(dice.below(whole.len() as u64)).unwrap()));
        for cut in cuts {
            fs::write(&path, &whole[..cut]).unwrap();
            let ran = tt.run(&run).done();
            let torn = cut > 0 && whole[cut - 1] != b'\n';
            assert_eq!(ran.err.contains("ended within a record"), torn, "{cut}: {ran:#?}");
            assert_eq!(fs::read(&path).unwrap(), whole, "{what} cut at {cut}");
        }
    }
}

#[test]
fn a_killed_export_resumes_to_the_same_bytes() {
    let tt = quiet();
    tt.feed("import", lines(&busy("2025-01-20", 30_000, 7))).ok();
    tt.run("export --output calm.jsonl").ok();
    let whole = fs::read(tt.home().join("calm.jsonl")).unwrap();
    let path = tt.home().join("out.jsonl");
    let mut parts = 0;
    for round in 1..=5_u64 {
        fs::remove_file(&path).ok();
        let mut child = tt.start(["export", "--output", "out.jsonl", "--resume"]);
        // As soon as so much is there.
        while child.try_wait().unwrap().is_none() {
            if fs::metadata(&path).is_ok_and(|it| it.len() > round * 300_000) {
                break;
            }
        }
        child.kill().ok();
        child.wait().unwrap();
        let there = fs::read(&path).unwrap();
        assert!(whole.starts_with(&there), "what is there is a part");
        parts += u32::from(there.len() < whole.len());
        tt.run("export --output out.jsonl --resume").done();
        assert!(fs::read(&path).unwrap() == whole, "round {round}");
    }
    assert!(parts >= 3, "only {parts} of 5 kills came before the end");
}

#[test]
fn what_was_exported_later_is_added() {
    let tt = quiet();
    let all = busy("2025-01-20", 30, 60);
    tt.import(&all[10..]);
    tt.run("export --output log.jsonl --resume").ok().prints("log.jsonl: 20 records written");
    tt.import(&all[..10]);
    tt.run("export --output log.jsonl --resume").ok().prints("log.jsonl: 10 records added");
    tt.run("export --output log.jsonl --resume").ok().prints("log.jsonl: 0 records added");
    let text = fs::read_to_string(tt.home().join("log.jsonl")).unwrap();
    assert_eq!(text, tt.run("export").ok().out);
}

#[test]
fn a_file_that_is_no_such_export_is_left_alone() {
    let tt = two_streams();
    for (what, text, why) in [
        ("events", "Dear diary\n".to_owned(), "does not look like an export"),
        ("events", "{\"id\":\"x\"}".to_owned(), "does not look like an export"),
        ("events", tt.run("export --format json").ok().out, "one JSON document"),
        ("events", tt.run("export --streams").ok().out, "it holds streams, not events"),
        ("streams", tt.run("export --entries").ok().out, "it holds entries, not streams"),
        ("entries", tt.run("export").ok().out, "it holds events, not entries"),
    ] {
        let path = tt.put("home/out.jsonl", &text);
        tt.run(&format!("export --{what} --output out.jsonl --resume"))
            .fails_about(&["cannot go on with out.jsonl", why]);
        assert_eq!(fs::read_to_string(path).unwrap(), text);
    }
    // Of another database.
    let other = quiet();
    other.import(&busy("2025-01-20", 2, 60));
    let text = other.run("export").ok().out + "{\"id\":\"torn";
    let path = tt.put("home/out.jsonl", &text);
    tt.run("export --output out.jsonl --resume")
        .fails_about(&["no event has the id of its last record", "another database"]);
    assert_eq!(fs::read_to_string(path).unwrap(), text);
    tt.run("export --output out.json --format json --resume")
        .says_wrong_usage(&["one JSON document cannot be gone on with"]);
    tt.run("export --resume").says_wrong_usage(&["--output"]);
    tt.run("export --output x --resume --after y").says_wrong_usage(&["--after"]);
}

#[test]
fn a_record_that_would_be_written_otherwise_is_told() {
    let tt = two_streams();
    tt.run("export --output out.jsonl").ok();
    let path = tt.home().join("out.jsonl");
    // As if a filter had been at work then, and were not now.
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("work/acme/web", "a1b2c3")).unwrap();
    tt.run("export --output out.jsonl --resume")
        .fails_about(&["its last record would be written otherwise now", "privacy filter"]);
    // A stream that changed is another matter.
    tt.run("export --streams --output streams.jsonl").ok();
    let tt = tt.at("2025-01-29T19:00:00Z");
    tt.run_args(["rename", &tt.id_at(&tt.dir("oss/tt")), "Mine"]).ok();
    tt.run("export --streams --output streams.jsonl --resume").ok();
}

#[test]
fn trouble_with_the_output_is_told() {
    let tt = two_streams();
    tt.run("export --output /dev/full").fails_about(&["cannot write /dev/full", "--resume"]);
    tt.run("export --output /dev/full --format json").fails_about(&["/dev/full", "--force"]);
    tt.run("export --output nowhere/out.jsonl").fails_about(&["cannot write nowhere/out.jsonl"]);
    tt.run("export --output .").fails_about(&["cannot write ."]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut child = tt.command(["export"]).stdout(full).spawn().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let mut said = String::new();
    child.stderr.unwrap().read_to_string(&mut said).unwrap();
    assert!(said.starts_with("Error: cannot write the output"), "{said}");
}

#[test]
fn a_reader_that_has_enough_is_no_trouble() {
    let tt = quiet();
    tt.feed("import", lines(&busy("2025-01-20", 5_000, 7))).ok();
    let mut child = tt.command(["export"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut some = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn two_exports_do_not_share_a_file() {
    let tt = two_streams();
    let path = tt.put("home/out.jsonl", "");
    let held = fs::OpenOptions::new().write(true).open(path).unwrap();
    held.lock().unwrap();
    tt.run("export --output out.jsonl --resume")
        .fails_about(&["another tt export is writing out.jsonl"]);
    tt.run("export --output out.jsonl --force").fails_about(&["another tt export is writing"]);
}

#[test]
fn a_filtered_report_keeps_its_identities() {
    let tt = two_streams();
    let plain = tt.run("report --json --last-week --since 2025-01-01");
    assert_eq!(plain.code, Some(2));
    let plain = tt.run("report --json --since 2025-01-01").ok().json();
    let filtered = tt.run("report --json --filtered --since 2025-01-01").ok().json();
    assert_eq!(plain, filtered, "the filter is empty");
    tt.run("report --filtered --since 2025-01-01").ok().says(&["acme"]);
}

#[test]
fn what_is_excluded_leaves_no_trace_but_a_number() {
    let tt = two_streams();
    tt.config(format!("{ACME}{EXCLUDED}"));
    for (what, left, kept) in [("events", 4, 11), ("streams", 1, 1), ("entries", 2, 2)] {
        for form in ["jsonl", "json"] {
            let ran = tt.run(&format!("export --{what} --format {form}")).done();
            let all = ran.out.clone() + &ran.err;
            for word in ["acme", "web", "\"billable", "\"s1", "\"s2"] {
                assert!(!all.contains(word), "{what}: '{word}' in {all}");
            }
            let s = if kept == 1 { "" } else { "s" };
            let note = format!("Note: {kept} record{s} withheld by the privacy filter.\n");
            assert_eq!(ran.err, note, "{what}");
            if form == "jsonl" {
                assert_eq!(records(&ran.out).len(), left, "{what}: {}", ran.out);
            }
        }
    }
    let raw = tt.run("export --raw").done();
    assert_eq!(records(&raw.out).len(), 15);
    assert!(!raw.err.contains("withheld"), "{raw:#?}");
}

#[test]
fn what_is_obfuscated_is_named_nowhere() {
    let tt = two_streams();
    tt.config(format!("{ACME}{OBFUSCATED}"));
    for what in ["events", "streams", "entries"] {
        let ran = tt.run(&format!("export --{what}")).ok();
        for word in ["work/", "acme/", "\"web\"", "oss/", "/sandbox", "\"main\""] {
            assert!(!ran.out.contains(word), "{what}: '{word}' in {}", ran.out);
        }
        assert_eq!(tt.run(&format!("export --{what}")).ok().out, ran.out, "stable");
    }
}

#[test]
fn ids_that_the_filter_gave_are_gone_on_after() {
    let tt = two_streams();
    tt.config(format!("{ACME}{OBFUSCATED}"));
    for what in ["events", "streams", "entries"] {
        let whole = tt.run(&format!("export --{what}")).ok().out;
        let all = records(&whole);
        for (n, record) in all.iter().enumerate() {
            let id = record["id"].as_str().unwrap();
            let rest = tt.run(&format!("export --{what} --after {id}")).ok().out;
            assert_eq!(records(&rest), all[n + 1..], "{what} after {id}");
        }
    }
}

#[test]
fn another_filter_does_not_go_on() {
    for what in ["events", "streams"] {
        let tt = two_streams();
        tt.run(&format!("export --{what} --output out.jsonl")).ok();
        let before = fs::read(tt.home().join("out.jsonl")).unwrap();
        tt.config(format!("{ACME}{OBFUSCATED}"));
        let ran = tt.run(&format!("export --{what} --output out.jsonl --resume")).exits(1);
        let why =
            "its last record would be written otherwise now\n  The privacy filter has changed";
        assert!(ran.err.contains(why), "{ran:#?}");
        assert_eq!(fs::read(tt.home().join("out.jsonl")).unwrap(), before);
    }
}

#[test]
fn nothing_leaves_by_a_broken_filter() {
    let tt = two_streams();
    tt.config(format!("{ACME}[privacy]\nexclued = []\n"));
    for command in ["export", "export --streams", "export --output out.jsonl", "report --filtered"]
    {
        let ran = tt.run(command).exits(1);
        assert_eq!(ran.out, "", "{command}");
    }
    assert!(!tt.home().join("out.jsonl").exists());
}

#[test]
fn a_filtered_report_is_about_what_may_leave() {
    let tt = two_streams();
    let plain = tt.run("report --json --since 2025-01-01").ok().json();
    tt.config(format!("{ACME}{EXCLUDED}"));
    let ran = tt.run("report --json --filtered --since 2025-01-01").done();
    assert!(ran.err.contains("Note: 1 stream withheld by the privacy filter."), "{ran:#?}");
    assert!(!ran.out.contains("acme") && !ran.out.contains("web"), "{}", ran.out);
    let report = ran.json();
    let oss = tt.stream_at(&tt.dir("oss/tt"));
    let totals = &report["totals"];
    for key in ["time_direct_ms", "time_delegated_ms"] {
        assert_eq!(totals[key], oss[key]);
        assert_ne!(totals[key], plain["totals"][key]);
    }
    assert_eq!(totals["stream_count"], 1);
    assert_eq!(report["unassigned"]["time_direct_ms"], 0);
    let number = |value: &Value| value.as_i64().unwrap();
    let of = |it: &Value| number(&it["time_direct_ms"]) + number(&it["time_delegated_ms"]);
    let tags: i64 = report["by_tag"].as_array().unwrap().iter().map(of).sum();
    let sum = tags + of(&report["untagged"]) - number(&totals["multi_tag_overlap_ms"]);
    assert_eq!(sum, of(totals));
}
