//! `tt import` and `tt events`: what goes in comes out, whatever the input looks like.

use serde_json::{Value, json};

use crate::support::events::{busy, focus, lines};
use crate::support::{Sandbox, quiet};

/// Events of every type, with odd keys, values and times.
fn odd() -> Vec<Value> {
    vec![
        focus("2025-01-28T10:00:00Z", "/nowhere/w", "main"),
        json!({"timestamp": "2025-01-28T11:00:00.123456789+01:00", "type": "tmux_scroll", "pane_id": "%1", "tmux_session": "main"}),
        json!({"timestamp": "2025-01-28 10:00:02", "type": "tmux_session", "action": "created", "session_name": "main"}),
        json!({"timestamp": "2025-01-28T10:00:03.5Z", "type": "agent_session", "session_id": 7, "action": "started", "agent": "codex", "cwd": "/nowhere/w"}),
        json!({"timestamp": "2025-01-28T10:00:04Z", "type": "agent_tool_use", "session_id": "7", "data": {"agent": "codex", "tool": "shell", "file": null}}),
        json!({"timestamp": "2025-01-28T10:00:05Z", "type": "user_message", "session_id": "7", "agent": "codex", "length": 3}),
        json!({"timestamp": "2025-01-28T10:00:06Z", "type": "window_focus", "app": "Firefox", "title": "日本語 \u{1b}[31m \"quoted\" \\ \u{0}"}),
        json!({"timestamp": "2025-01-28T10:00:07Z", "type": "afk_change", "status": "idle", "idle_duration_ms": 300000}),
        json!({"timestamp": "2025-01-28T10:00:08Z", "type": "browser_tab", "url": "https://a.example/?q=ü", "title": "t", "domain": "a.example"}),
        json!({"timestamp": "2025-01-28T10:00:09Z", "type": "git_commit", "repo": "a/b", "branch": "main", "commit": "c0ffee", "subject": "s", "cwd": "/nowhere/w"}),
        json!({"timestamp": "2025-01-28T10:00:10Z", "type": "manual_note", "text": "line\nbreak"}),
        json!({"timestamp": "2025-01-28T10:00:11Z", "type": "manual_time_block", "description": "call", "start": "2025-01-28T09:00:00Z", "end": "2025-01-28T10:00:00Z", "tags": ["a"]}),
        json!({"timestamp": "2025-01-28T10:00:12Z", "type": "moon_landing", "source": "nasa", "crew": [{"n": 1.5e-9}, null, true, 18446744073709551615_u64, -0.1]}),
        json!({"timestamp": "1969-07-20T20:17:40.000000001Z", "type": "tmux_pane_focus", "cwd": "/nowhere/moon", "pane": "%2"}),
        json!({"timestamp": "2100-01-01T00:00:00Z", "type": "tmux_pane_focus", "cwd": "/nowhere/future", "pane": "%2"}),
        json!({"id": "my own id", "timestamp": "2025-01-28T10:00:13Z", "type": "manual_note", "schema_version": 3, "machine_id": "m2", "worktree": "x", "git_branch": "b", "data": {"text": "t", "id": "inner", "type": "inner"}}),
        json!({"id": "00112233445566778899aabbccddeeff", "timestamp": "2025-01-28T10:00:14Z", "type": "manual_note", "data": {"text": "t"}}),
        json!({"timestamp": "2025-01-28T10:00:15Z", "type": "tmux_pane_focus", "cwd": "/nowhere/u\u{308}", "pane_id": "%1", "data": {"cwd": "/nowhere/other"}}),
    ]
}

#[track_caller]
fn imports(tt: &Sandbox, text: impl AsRef<[u8]>, said: &str) {
    tt.feed("import -", text).ok().prints(said);
}

#[test]
fn what_is_exported_imports_to_the_same_export() {
    let tt = quiet();
    let events = odd();
    imports(&tt, lines(&events), &format!("stdin: {} events imported", events.len()));
    let first = tt.events();
    assert_eq!(first.lines().count(), events.len());

    let other = quiet();
    imports(&other, &first, &format!("stdin: {} events imported", events.len()));
    assert_eq!(other.events(), first);
    imports(&other, &first, &format!("stdin: 0 events imported, {} known already", events.len()));
    assert_eq!(other.events(), first);
    imports(
        &other,
        lines(&events),
        &format!("stdin: 0 events imported, {} known already", events.len()),
    );
    other.is_sound();
}

#[test]
fn a_thousand_events_survive_the_journey_in_any_order() {
    let events = busy("2025-01-20", 1_000, 30);
    let tt = quiet();
    tt.import(&events);
    let there = tt.events();
    let mut lines: Vec<&str> = there.lines().collect();
    lines.reverse();
    let other = quiet();
    for part in lines.chunks(300) {
        other.feed("import", part.join("\n")).ok();
        other.run("report").ok();
    }
    assert_eq!(other.events(), there);
    assert_eq!(
        crate::support::timeless(&other.streams()),
        crate::support::timeless(&tt.streams()),
        "the order of imports changes no stream"
    );
}

#[test]
fn events_of_a_range_are_those_from_its_start_to_before_its_end() {
    let tt = quiet();
    tt.import(&odd());
    let some = tt.run("events --since 2025-01-28T10:00:04 --until 2025-01-28T10:00:07Z").ok();
    let times: Vec<&str> = some.out.lines().map(|line| &line[51..]).collect();
    assert_eq!(times.len(), 3, "{times:#?}");
    tt.run("events --since 2099-01-01").ok().says(&["/nowhere/future"]);
}

#[test]
fn every_line_of_an_export_has_its_keys_in_order() {
    let tt = quiet();
    tt.import(&odd());
    for line in tt.events().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        for key in ["id", "timestamp", "type", "source", "schema_version", "data"] {
            assert!(event.get(key).is_some(), "no '{key}' in {line}");
        }
        assert!(event["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(line.starts_with("{\"id\":\""), "{line}");
    }
}

#[test]
fn spelling_does_not_make_another_event() {
    let tt = quiet();
    let spellings = [
        r#"{"timestamp":"2025-01-28T10:00:00Z","type":"tmux_pane_focus","source":"remote.tmux","data":{"pane_id":"%1","session_name":"m","cwd":"/nowhere/w"}}"#,
        r#"{"timestamp":"2025-01-28T11:00:00.000+01:00","type":"tmux_pane_focus","cwd":"/nowhere/w","pane_id":"%1","tmux_session":"m"}"#,
        r#"{"type":"tmux_pane_focus","data":{"session_name":"m"},"pane":"%1","cwd":"/nowhere/w","timestamp":"2025-01-28 10:00:00.000000Z","extra":null}"#,
    ];
    imports(&tt, spellings.join("\n"), "stdin: 1 event imported, 2 known already");
}

#[test]
fn bad_lines_are_told_by_number_and_the_rest_is_imported() {
    let tt = quiet();
    let good = focus("2025-01-28T10:00:00Z", "/nowhere/w", "main").to_string();
    let text = format!(
        "{good}\nnonsense\n\n[1]\n{{\"type\":\"x\"}}\n{{\"timestamp\":\"soon\",\"type\":\"x\"}}\n{{\"timestamp\":\"2025-01-28T10:00:00Z\"}}\n{}\n",
        focus("2025-01-28T10:01:00Z", "/nowhere/w", "main")
    );
    let ran =
        tt.feed("import -", text).exits(1).prints("stdin: 2 events imported, 5 bad lines skipped");
    for told in [
        "stdin line 2: not JSON: ",
        "stdin line 4: not a JSON object",
        "stdin line 5: no 'timestamp'",
        "stdin line 6: 'timestamp' is no time between 1678 and 2261: 'soon'",
        "stdin line 7: no 'type'",
    ] {
        assert!(ran.err.contains(told), "no '{told}': {ran:#?}");
    }
}

#[test]
fn many_bad_lines_are_counted_and_not_all_told() {
    let ran = quiet().feed("import -", "x\n".repeat(5_000)).exits(1);
    assert!(ran.err.lines().count() < 30, "{ran:#?}");
    assert!(ran.err.contains("… and 4,980 more bad lines"), "{ran:#?}");
    ran.prints("stdin: 0 events imported, 5,000 bad lines skipped");
}

#[test]
fn what_a_bad_line_holds_commands_no_terminal_and_floods_none() {
    let long = "\u{1b}]0;owned\u{7}".repeat(100_000);
    let line = json!({"timestamp": long, "type": "x"}).to_string();
    let ran = quiet().feed("import -", line).exits(1);
    assert!(!ran.err.contains(['\u{1b}', '\u{7}']), "{}", ran.err.len());
    assert!(ran.err.len() < 1_000, "{}", ran.err.len());
}

#[test]
fn line_ends_and_marks_of_other_systems_are_no_part_of_a_line() {
    let at = |second: u32| focus(&format!("2025-01-28T10:00:{second:02}Z"), "/nowhere/w", "m");
    let tt = quiet();
    imports(&tt, "", "stdin: 0 events imported");
    imports(&tt, "\n\n  \n", "stdin: 0 events imported");
    imports(&tt, format!("\u{feff}{}\r\n{}\r\n", at(1), at(2)), "stdin: 2 events imported");
    imports(&tt, at(3).to_string(), "stdin: 1 event imported");
    imports(&tt, "\u{feff}", "stdin: 0 events imported");
}

#[test]
fn bytes_that_are_no_text_cost_one_line() {
    let good = focus("2025-01-28T10:00:00Z", "/nowhere/w", "m").to_string();
    let mut text =
        b"{\"timestamp\":\"2025-01-28T10:00:00Z\",\"type\":\"\xff\xfe\"}\n\0\0\0\n".to_vec();
    text.extend(good.bytes());
    let ran = quiet().feed("import -", text).exits(1);
    assert!(ran.err.contains("stdin line 1: not UTF-8"), "{ran:#?}");
    ran.prints("stdin: 1 event imported, 2 bad lines skipped");
}

#[test]
fn json_too_deep_to_read_costs_one_line() {
    let deep = format!(
        "{{\"timestamp\":\"2025-01-28T10:00:00Z\",\"type\":\"x\",\"d\":{}",
        "[".repeat(200_000)
    );
    quiet().feed("import -", deep).exits(1).prints("stdin: 0 events imported, 1 bad line skipped");
}

#[test]
fn a_line_of_ten_megabytes_is_an_event_and_one_beyond_sixteen_is_not() {
    let tt = quiet();
    let of = |megabytes: usize| {
        json!({"timestamp": "2025-01-28T10:00:00Z", "type": "manual_note",
               "text": "x".repeat(megabytes << 20)})
        .to_string()
    };
    let good = focus("2025-01-28T10:00:00Z", "/nowhere/w", "m");
    let text = format!("{}\n{}\n{good}\n{}", of(10), of(17), of(17));
    let ran = tt.feed("import -", text).exits(1);
    assert_eq!(ran.err, "stdin line 2: longer than 16 MiB\nstdin line 4: longer than 16 MiB\n");
    ran.prints("stdin: 2 events imported, 2 bad lines skipped");
    let out = tt.events();
    assert!(out.len() > 10 << 20);
    imports(&quiet(), out, "stdin: 2 events imported");
}

#[test]
fn times_outside_what_can_be_counted_are_bad_lines() {
    for (at, good) in [
        ("1678-01-01T00:00:00Z", true),
        ("2261-12-31T23:59:59Z", true),
        ("1600-01-01T00:00:00Z", false),
        ("2300-01-01T00:00:00Z", false),
        ("2262-04-11T23:47:16.854775806Z", true),
        ("2262-04-11T23:47:16.854775807Z", false),
        ("1677-09-21T00:12:43.145224193Z", true),
        ("1677-09-21 00:12:43.145224192", false),
        ("2016-12-31T23:59:60Z", true),
        ("2025-02-30T00:00:00Z", false),
        ("", false),
    ] {
        let tt = quiet();
        tt.feed("import -", focus(at, "/nowhere/w", "m").to_string()).exits(i32::from(!good));
        tt.run("report").ok();
        tt.run("status").done();
        let streams = tt.streams();
        assert_eq!(streams.len(), usize::from(good), "{at}");
        tt.run("recompute --all").ok();
        assert_eq!(tt.streams(), streams, "{at}");
        assert_eq!(tt.events().lines().count(), usize::from(good), "{at}");
        tt.is_sound();
    }
}

#[test]
fn several_files_and_stdin_are_imported_in_turn() {
    let tt = quiet();
    let event = |second: u32| {
        focus(&format!("2025-01-28T10:00:{second:02}Z"), "/nowhere/w", "m").to_string()
    };
    tt.put("home/a.jsonl", event(1));
    tt.put("home/b.jsonl", event(2));
    let ran = tt.feed("import a.jsonl missing.jsonl - b.jsonl", event(3)).exits(1);
    assert_eq!(
        ran.out,
        "a.jsonl: 1 event imported\nstdin: 1 event imported\nb.jsonl: 1 event imported\n"
    );
    assert!(ran.err.starts_with("Error: cannot read missing.jsonl: "), "{ran:#?}");
    assert_eq!(ran.err.lines().count(), 1);
}

#[test]
fn a_folder_is_no_file_and_is_named() {
    let tt = quiet();
    tt.put("home/good.jsonl", focus("2025-01-28T10:00:00Z", "/nowhere/w", "m").to_string());
    std::fs::create_dir(tt.home().join("folder")).unwrap();
    let ran = tt.run("import folder good.jsonl").exits(1);
    assert!(ran.err.starts_with("Error: cannot read folder"), "{ran:#?}");
    assert_eq!(ran.out, "good.jsonl: 1 event imported\n", "the next file is imported all the same");
}

#[test]
fn an_import_that_waits_for_its_input_keeps_nobody_else_waiting() {
    use std::io::Write;
    let tt = quiet();
    tt.import(&[focus("2025-01-28T09:00:00Z", "/nowhere/w", "m")]);
    let mut import =
        tt.command(["import", "-"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = import.stdin.take().unwrap();
    // More than goes through the channel at once, so that some of it is stored while more is awaited.
    stdin.write_all(lines(&busy("2025-01-20", 3_000, 10)).as_bytes()).unwrap();
    stdin.flush().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(700));
    let began = std::time::Instant::now();
    tt.run("tag w acme").ok();
    tt.run("report").ok();
    assert!(began.elapsed().as_secs() < 4, "waited {:?}", began.elapsed());
    drop(stdin);
    crate::support::Ran::of(import, &tt).ok().prints("stdin: 3,000 events imported");
}

#[test]
fn agents_directories_are_homes_of_nobody() {
    // Events at / and at home are streams of their own and take nobody in.
    let tt = quiet();
    let (home, inner) = ("/sandbox/home".to_owned(), tt.dir("p"));
    tt.import(&[
        focus("2025-01-28T10:00:00Z", "/", "m"),
        focus("2025-01-28T10:01:00Z", &home, "m"),
        focus("2025-01-28T10:02:00Z", &inner, "m"),
    ]);
    assert_eq!(tt.streams().len(), 3);
}
