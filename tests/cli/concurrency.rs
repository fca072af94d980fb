//! Many at once: nobody fails, waits long or loses anything.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::events::{busy, lines};
use crate::support::{ACME, Ran, Sandbox, quiet, timeless, tt};

fn all(children: Vec<Child>, sandbox: &Sandbox) -> Vec<Ran> {
    children.into_iter().map(|child| Ran::of(child, sandbox)).collect()
}

#[test]
fn two_first_reports_at_once_both_succeed() {
    for _ in 0..15 {
        let tt = quiet();
        let both = vec![tt.start(["report"]), tt.start(["streams"]), tt.start(["status"])];
        for ran in all(both, &tt) {
            ran.ok();
        }
        tt.is_sound();
    }
}

#[test]
fn many_commands_at_once_on_a_spool_and_logs_count_everything_once() {
    let tt = quiet();
    tt.put("claude/projects/-w/55604662.jsonl", crate::support::fixture("claude/short.jsonl"));
    for i in 0..20 {
        tt.run(&format!("ingest note number {i}")).ok();
    }
    let at_once =
        (0..8).map(|i| tt.start([["report", "streams", "events", "tags"][i % 4]])).collect();
    for ran in all(at_once, &tt) {
        ran.done();
    }
    tt.run("report").ok();
    let alone = quiet();
    alone.put("claude/projects/-w/55604662.jsonl", crate::support::fixture("claude/short.jsonl"));
    for i in 0..20 {
        alone.run(&format!("ingest note number {i}")).ok();
    }
    let alone_events = alone.events();
    assert_eq!(tt.events().lines().count(), alone_events.lines().count());
    assert_eq!(tt.spool_files().len(), 0);
    tt.is_sound();
}

/// The quickest of a few single hooks, with nothing else going on.
fn usual(tt: &Sandbox) -> Duration {
    let once = |i| {
        let began = Instant::now();
        tt.run(&format!("ingest pane-focus --pane %9{i} --cwd /nowhere/w")).ok();
        began.elapsed()
    };
    (0..5).map(once).min().unwrap()
}

#[test]
fn fifty_hooks_at_once_during_an_import_lose_nothing_and_wait_for_nobody() {
    let tt = quiet();
    let alone = usual(&tt);
    let text = lines(&busy("2025-01-01", 100_000, 15));
    let file = tt.put("home/events.jsonl", &text);
    let mut import = tt.start(["import", file.to_str().unwrap()]);
    // Until the import holds its first transaction.
    let began = Instant::now();
    while !tt.database().exists() && began.elapsed().as_secs() < 10 {
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_millis(50));
    let began = Instant::now();
    let hooks: Vec<Child> = (0..50)
        .map(|i| {
            let pane = format!("%{i}");
            tt.start([
                "ingest",
                "pane-focus",
                "--pane",
                &pane,
                "--cwd",
                "/nowhere/w",
                "--session",
                "m",
            ])
        })
        .collect();
    let done = all(hooks, &tt);
    let took = began.elapsed();
    let still_importing = import.try_wait().unwrap().is_none();
    for ran in done {
        ran.ok();
    }
    assert!(still_importing, "the import was done before the hooks: {took:?}");
    // 50 processes on few cores; a single wait for the database would cost seconds.
    assert!(took < Duration::from_secs(1) + alone * 50, "hooks took {took:?}, one alone {alone:?}");
    Ran::of(import, &tt).ok();
    assert_eq!(tt.events().lines().count(), 100_000 + 50 + 5);
    assert_eq!(tt.spool_files().len(), 0);
    assert_eq!(tt.run("events").ok().out.lines().count(), 100_055, "drained once");
    tt.is_sound();
}

#[test]
fn a_report_during_an_import_answers_and_ends_with_the_same_streams() {
    let tt = tt().with_config(ACME);
    let text = lines(&busy("2025-01-01", 60_000, 20));
    let file = tt.put("home/events.jsonl", &text);
    let mut import = tt.start(["import", file.to_str().unwrap()]);
    let mut reports = 0;
    while import.try_wait().unwrap().is_none() {
        let began = Instant::now();
        tt.run("report --since 2025-01-01 --json").done().json();
        assert!(began.elapsed().as_secs() < 15);
        reports += 1;
    }
    Ran::of(import, &tt).ok();
    assert!(reports > 0);
    let alone = self::tt().with_config(ACME);
    alone.feed("import", text).ok();
    assert_eq!(timeless(&tt.streams()), timeless(&alone.streams()));
    tt.is_sound();
}

#[test]
fn two_imports_of_the_same_events_at_once_give_them_once() {
    let tt = quiet();
    let file = tt.put("home/events.jsonl", lines(&busy("2025-01-01", 8_000, 20)));
    let file = file.to_str().unwrap();
    let both = vec![tt.start(["import", file]), tt.start(["import", file])];
    for ran in all(both, &tt) {
        ran.ok();
    }
    assert_eq!(tt.count("events"), 8_000);
    tt.is_sound();
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let tt = quiet();
    tt.import(&busy("2025-01-01", 5_000, 20));
    for command in [
        vec!["events"],
        vec!["streams"],
        vec!["streams", "--json"],
        vec!["report", "--since", "2025-01-01", "--json"],
        vec!["report"],
        vec!["tags"],
        vec!["status"],
        vec!["demo"],
        vec!["completions", "bash"],
        vec!["man"],
        vec!["--help"],
        vec!["rules", "check"],
    ] {
        let mut child = tt.command(&command).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::of(child, &tt);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{command:?}");
    }
}
