//! `tt ingest agents`: every line of the logs is accounted for, once.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Sandbox, fixture, quiet, timeless};

/// A sandbox with all fixtures where the agents would put them.
fn with_fixtures() -> Sandbox {
    let tt = quiet();
    for (name, place) in [
        ("claude/short.jsonl", "claude/projects/-spotter/55604662.jsonl"),
        ("claude/glued.jsonl", "claude/projects/-cli/glued.jsonl"),
        ("claude/merged.jsonl", "claude/projects/-cli/merged.jsonl"),
        ("claude/parent.jsonl", "claude/projects/-spotter/4d5611e5.jsonl"),
        (
            "claude/subagent.jsonl",
            "claude/projects/-spotter/4d5611e5/subagents/agent-a2898e3.jsonl",
        ),
        (
            "codex/desktop.jsonl",
            "codex/sessions/2026/02/23/rollout-2026-02-23T12-15-10-019c8a64-1f2e-7d80-9abc-0123456789ab.jsonl",
        ),
        (
            "codex/old.jsonl",
            "codex/sessions/2025/05/07/rollout-2025-05-07T17-24-21-5973b6c0-94b8-487b-a530-2aeb6098ae0e.jsonl",
        ),
    ] {
        tt.put(place, fixture(name));
    }
    tt.at("2026-03-01T12:00:00Z")
}

#[track_caller]
fn ingest(tt: &Sandbox) -> Value {
    let read = tt.run("ingest agents --json").done().json();
    let number = |value: &Value| value.as_u64().unwrap();
    let skipped: u64 = read["skipped"].as_object().unwrap().values().map(number).sum();
    assert_eq!(
        number(&read["lines"]),
        number(&read["lines_with_events"]) + skipped + number(&read["bad_lines"]),
        "{read:#}"
    );
    read
}

fn events(read: &Value) -> u64 {
    read["events"].as_object().unwrap().values().map(|it| it.as_u64().unwrap()).sum()
}

fn tool_line(n: u32) -> String {
    let line = json!({
        "type": "assistant", "uuid": format!("u{n}"), "sessionId": "growing", "cwd": "/nowhere/w",
        "timestamp": format!("2026-02-20T10:{:02}:{:02}.000Z", n / 60, n % 60),
        "message": {"role": "assistant", "content": [
            {"type": "tool_use", "id": format!("t{n}"), "name": "Bash", "input": {}}]},
    });
    format!("{line}\n")
}

fn tool_lines(range: std::ops::Range<u32>) -> String {
    range.map(tool_line).collect()
}

const GROWING: &str = "claude/projects/-w/growing.jsonl";

fn append(tt: &Sandbox, text: &str) -> PathBuf {
    let path = tt.path(GROWING);
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    path
}

#[test]
fn every_line_is_accounted_for() {
    let tt = with_fixtures();
    let read = ingest(&tt);
    let lines: usize = [
        "claude/short",
        "claude/glued",
        "claude/merged",
        "claude/parent",
        "claude/subagent",
        "codex/desktop",
        "codex/old",
    ]
    .map(|name| {
        fixture(&format!("{name}.jsonl"))
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .count()
    })
    .iter()
    .sum();
    assert_eq!(read["files"], 7, "{read:#}");
    assert_eq!(read["lines"], lines, "{read:#}");
    assert!(events(&read) > 10, "{read:#}");
    assert_eq!(tt.count("events") as u64, events(&read));
}

#[test]
fn verbose_accounts_for_lines_in_words() {
    let ran = with_fixtures().run("ingest agents -v").done();
    ran.says(&[
        "7 files read (0 unchanged): ",
        "\nEvents\n",
        "\nLines\n",
        "gave events",
        "skipped: ",
        "in all",
    ]);
}

#[test]
fn a_second_run_imports_nothing() {
    let tt = with_fixtures();
    ingest(&tt);
    let before = tt.events();
    let again = ingest(&tt);
    assert_eq!((&again["files"], &again["lines"]), (&0.into(), &0.into()), "{again:#}");
    assert_eq!(events(&again), 0);
    assert_eq!(tt.events(), before);
}

#[test]
fn streams_of_logs_have_names_agents_branches_and_plausible_times() {
    let tt = with_fixtures();
    let streams = tt.streams();
    assert!(streams.len() >= 3, "{streams:#?}");
    let spotter =
        streams.iter().find(|it| it["primary_cwd"] == "/home/marco/projects/spotter").unwrap();
    assert_eq!(spotter["agents"], json!(["claude-code"]));
    assert!(!spotter["name"].as_str().unwrap().is_empty());
    for stream in &streams {
        assert!(!stream["agents"].as_array().unwrap().is_empty(), "{stream:#}");
        assert!(stream["time_direct_ms"].as_i64().unwrap() < 24 * 3_600_000);
    }
    assert!(streams.iter().any(|it| it["git_branches"] != json!([])));
    assert!(streams.iter().any(|it| it["agents"] == json!(["codex"])));
}

#[test]
fn no_word_of_a_prompt_is_stored() {
    let tt = with_fixtures();
    tt.run("report").ok();
    let mut bytes = fs::read(tt.database()).unwrap();
    bytes.extend(fs::read(tt.database().with_extension("db-wal")).unwrap_or_default());
    let text = String::from_utf8_lossy(&bytes);
    for secret in ["Very thorough exploration", "annotation selection"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn reports_read_the_logs_themselves() {
    let tt = with_fixtures();
    let json = tt.run("report --since 2025-01-01 --until 2026-03-01 --json").ok().json();
    assert!(json["totals"]["stream_count"].as_i64().unwrap() >= 3, "{json:#}");
    let again = ingest(&tt);
    assert_eq!(again["lines"], 0);
}

#[test]
fn a_log_that_grows_by_ten_lines_gives_just_those() {
    let tt = quiet().at("2026-02-20T12:00:00Z");
    tt.put(GROWING, tool_lines(0..50));
    assert_eq!(ingest(&tt)["events"]["agent_tool_use"], 50);
    append(&tt, &tool_lines(50..60));
    let read = ingest(&tt);
    assert_eq!(
        (&read["lines"], &read["events"]["agent_tool_use"]),
        (&10.into(), &10.into()),
        "{read:#}"
    );
    assert_eq!(ingest(&tt)["lines"], 0);
}

#[test]
fn a_cut_last_line_waits_until_it_is_whole() {
    let tt = quiet().at("2026-02-20T12:00:00Z");
    let last = tool_line(5);
    for cut in [1, last.len() / 3, last.len() / 2, last.len() - 3] {
        tt.put(GROWING, tool_lines(0..5) + &last[..cut]);
        let tt = quiet().at("2026-02-20T12:00:00Z");
        tt.put(GROWING, tool_lines(0..5) + &last[..cut]);
        let read = ingest(&tt);
        assert_eq!(read["events"]["agent_tool_use"], 5, "cut at {cut}: {read:#}");
        assert_eq!(read["bad_lines"], 0, "cut at {cut}: {read:#}");
        append(&tt, &last[cut..]);
        let read = ingest(&tt);
        assert_eq!(read["events"]["agent_tool_use"], 1, "cut at {cut}: {read:#}");
        assert_eq!(read["bad_lines"], 0, "cut at {cut}: {read:#}");
    }
}

#[test]
fn logs_in_any_portions_give_the_streams_of_one_reading() {
    let whole = quiet().at("2026-02-20T10:03:30Z");
    let text = tool_lines(0..200);
    whole.put(GROWING, &text);
    ingest(&whole);
    let parts = quiet().at("2026-02-20T10:03:30Z");
    parts.put(GROWING, "");
    for part in text.as_bytes().chunks(4_321) {
        append(&parts, std::str::from_utf8(part).unwrap());
        parts.run("report").ok();
    }
    assert_eq!(timeless(&parts.streams()), timeless(&whole.streams()));
    assert_eq!(parts.events(), whole.events());
}

#[test]
fn odd_files_are_told_and_stop_nothing() {
    let tt = quiet().at("2026-02-20T12:00:00Z");
    tt.put("claude/projects/-w/empty.jsonl", "");
    tt.put("claude/projects/-w/binary.jsonl", b"\x00\xff\xfe\n\x80\n");
    tt.put(
        "claude/projects/-w/huge.jsonl",
        format!("{{\"type\":\"user\",\"x\":\"{}\"}}\n", "x".repeat(10 << 20)),
    );
    tt.put(GROWING, format!("garbage\n{}", tool_lines(0..3)));
    std::os::unix::fs::symlink("loop", tt.path("claude/projects/loop")).unwrap();
    std::os::unix::fs::symlink(tt.path("claude/projects"), tt.path("claude/projects/-w/again"))
        .unwrap();
    fs::create_dir(tt.path("claude/projects/-w/folder.jsonl")).unwrap();
    let read = ingest(&tt);
    assert_eq!(read["events"]["agent_tool_use"], 3, "{read:#}");
    assert_eq!(read["bad_lines"], 3, "{read:#}");
    let ran = tt.run("report --day").done();
    assert!(!ran.err.contains("garbage"), "{ran:#?}");
}

#[test]
fn a_log_that_was_deleted_leaves_what_was_read() {
    let tt = quiet().at("2026-02-20T12:00:00Z");
    let path = tt.put(GROWING, tool_lines(0..60));
    let before = tt.streams();
    fs::remove_file(path).unwrap();
    assert_eq!(tt.streams(), before);
    assert_eq!(tt.count("events"), 60 + tt.count("events WHERE kind = 6"));
}

#[test]
fn status_warns_of_logs_that_will_soon_be_deleted() {
    let tt = quiet();
    let path = tt.put(GROWING, tool_lines(0..5));
    let written: chrono::DateTime<chrono::Utc> =
        fs::metadata(&path).unwrap().modified().unwrap().into();
    let later =
        |days| (written + chrono::TimeDelta::days(days)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let tt = tt.at(&later(10));
    tt.run("status").ok();
    let tt = tt.at(&later(25));
    let ran = tt.run("status").done();
    assert!(
        ran.err.contains("Warning: Claude Code will delete 1 log file that tt has not read yet")
            && ran.err.contains("cleanupPeriodDays"),
        "{ran:#?}"
    );
    assert_eq!(tt.run("status --json").ok().json()["agent_logs"]["at_risk_files"], 1);
    ingest(&tt);
    tt.run("status").ok();
}
