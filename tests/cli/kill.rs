//! kill -9 at any moment, then the same command again: the database is sound, nothing is lost,
//! nothing counts twice, and the streams are those of a run that nobody disturbed.
//!
//! The moments are drawn from a fixed seed over the time that an undisturbed run takes here, and
//! over less each time that one came too late: so most kills land inside the work whatever else the
//! machine does, and the tests insist that enough of them do.

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::events::{busy, lines};
use crate::support::{ACME, Dice, Ran, Sandbox, timeless, tt};

/// Starts `args` and kills it as soon as `now` says so; whether that came before its end.
fn killed_when(tt: &Sandbox, args: &[&str], mut now: impl FnMut() -> bool) -> bool {
    let mut child: Child = tt.start(args);
    // Output must not fill a pipe that nobody reads.
    drop((child.stdout.take(), child.stderr.take()));
    while !now() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// Moments at which to kill.
struct Killer {
    dice: Dice,
    span: Duration,
}

impl Killer {
    /// Starts `args` and kills it at some moment; whether that came before its end.
    fn killed(&mut self, tt: &Sandbox, args: &[&str]) -> bool {
        let micros = u64::try_from(self.span.as_micros()).unwrap();
        let end = Instant::now() + Duration::from_micros(self.dice.below(micros.max(1)));
        let inside = killed_when(tt, args, || Instant::now() >= end);
        if !inside {
            self.span /= 2;
        }
        inside
    }
}

/// How long an undisturbed run takes.
fn time_of(tt: &Sandbox, args: &[&str]) -> Duration {
    let began = Instant::now();
    tt.run_args(args).ok();
    began.elapsed()
}

fn result(tt: &Sandbox) -> (String, Vec<Value>) {
    (tt.events(), timeless(&tt.streams()))
}

#[track_caller]
fn is_as_undisturbed(tt: &Sandbox, wanted: &(String, Vec<Value>), round: usize) {
    tt.is_sound();
    let (events, streams) = result(tt);
    assert_eq!(events.lines().count(), wanted.0.lines().count(), "round {round}: events");
    assert!(events == wanted.0, "round {round}: other events");
    assert_eq!(streams, wanted.1, "round {round}: streams");
    assert_eq!(tt.spool_files(), Vec::<std::path::PathBuf>::new(), "round {round}");
    tt.is_sound();
}

fn sandbox() -> Sandbox {
    tt().with_config(ACME.replace("~/work/acme/*", "*/client1/*")).at("2025-03-01T00:00:00Z")
}

#[test]
fn killed_imports() {
    // More than one transaction's worth, so that some kills leave a part behind.
    let text = lines(&busy("2025-01-20", 56_000, 7));
    let calm = sandbox();
    let file = calm.put("home/events.jsonl", &text);
    let span = time_of(&calm, &["import", file.to_str().unwrap()]);
    let mut killer = Killer { dice: Dice(1), span };
    let wanted = result(&calm);
    let (mut inside, mut parts) = (0, 0);
    for round in 0..5 {
        let tt = sandbox();
        let file = tt.put("home/events.jsonl", &text);
        let args = ["import", file.to_str().unwrap()];
        for _ in 0..3 {
            inside += usize::from(killer.killed(&tt, &args));
        }
        if tt.database().exists() && tt.run("status").done().out.contains(" events, ") {
            let there =
                tt.run("status --json").done().json()["database"]["events"].as_i64().unwrap();
            parts += i64::from(there > 0 && there < 56_000);
        }
        tt.run_args(args).ok();
        is_as_undisturbed(&tt, &wanted, round);
    }
    assert!(inside >= 7, "only {inside} of 15 kills came before the end");
    assert!(parts >= 1, "no kill left a part");
}

#[test]
fn killed_inferences() {
    let text = lines(&busy("2025-01-20", 24_000, 11));
    let calm = sandbox();
    calm.feed("import", &text).ok();
    let args = ["report", "--since", "2025-01-01"];
    let mut killer = Killer { dice: Dice(2), span: time_of(&calm, &args) / 2 };
    let wanted = result(&calm);
    let mut inside = 0;
    for round in 0..4 {
        let tt = sandbox();
        // In two portions, so that inference that adds to streams is killed too.
        let half = text.match_indices('\n').nth(12_000).unwrap().0 + 1;
        tt.feed("import", &text[half..]).ok();
        for portion in [None, Some(&text[..half])] {
            if let Some(portion) = portion {
                tt.feed("import", portion).ok();
            }
            for _ in 0..2 {
                inside += usize::from(killer.killed(&tt, &args));
            }
            tt.run_args(args).ok();
        }
        is_as_undisturbed(&tt, &wanted, round);
    }
    assert!(inside >= 12, "only {inside} of 16 kills came before the end");
}

#[test]
fn killed_drains_while_hooks_write() {
    let hook = |tt: &Sandbox, i: usize| {
        let hook = format!("--pane %{i} --cwd /nowhere/client1/p{} --session m", i % 5);
        tt.run(&format!("ingest pane-focus {hook}")).ok();
    };
    // A long spool, so that there is something to die in.
    let long = lines(&busy("2025-02-20", 9_000, 13));
    let fill = |tt: &Sandbox| {
        tt.put("home/.local/share/tt/tt.db.spool", &long);
        tt.put("home/nothing.jsonl", "");
    };
    // Does nothing but drain.
    let drain = ["import", "nothing.jsonl"];
    let calm = sandbox();
    fill(&calm);
    let span = time_of(&calm, &drain);
    let mut drains = Killer { dice: Dice(3), span };
    let mut reports = Killer { dice: Dice(6), span: span * 2 };
    for i in 0..24 {
        hook(&calm, i);
    }
    calm.run("report").ok();
    let wanted = result(&calm);
    let (mut inside, mut after) = (0, 0);
    for round in 0..6 {
        let tt = sandbox();
        fill(&tt);
        for i in 0..24 {
            hook(&tt, i);
            match i % 12 {
                2 | 5 => inside += usize::from(drains.killed(&tt, &drain)),
                8 => inside += usize::from(reports.killed(&tt, &["report"])),
                // The moment at which what was drained is deleted: it must be safe by then.
                11 => {
                    let mut seen = false;
                    let draining = || tt.spool_files().iter().any(|it| it.ends_draining());
                    let deleted = || {
                        seen |= draining();
                        seen && !draining()
                    };
                    after += usize::from(killed_when(&tt, &drain, deleted));
                }
                _ => {}
            }
        }
        tt.run("report").ok();
        is_as_undisturbed(&tt, &wanted, round);
    }
    assert!(inside >= 9, "only {inside} of 36 kills came before the end");
    assert!(after >= 1, "no kill came between deletion and end");
}

trait Draining {
    fn ends_draining(&self) -> bool;
}

impl Draining for std::path::PathBuf {
    fn ends_draining(&self) -> bool {
        self.extension().is_some_and(|it| it == "draining")
    }
}

fn log(session: usize, lines: std::ops::Range<usize>) -> String {
    lines
        .map(|n| {
            let at = crate::support::events::second("2025-02-20", (session * 400 + n * 20) as u64);
            let content = if n % 9 == 0 {
                serde_json::json!({"type": "user", "uuid": format!("{session}-{n}"), "sessionId": format!("s{session}"),
                    "cwd": format!("/nowhere/client1/p{}", session % 7), "timestamp": at, "gitBranch": "main",
                    "message": {"role": "user", "content": "please do"}})
            } else {
                serde_json::json!({"type": "assistant", "uuid": format!("{session}-{n}"), "sessionId": format!("s{session}"),
                    "cwd": format!("/nowhere/client1/p{}", session % 7), "timestamp": at,
                    "message": {"role": "assistant", "content": [
                        {"type": "tool_use", "id": format!("t{session}-{n}"), "name": "Bash", "input": {}}]}})
            };
            format!("{content}\n")
        })
        .collect()
}

#[test]
fn killed_readings_of_agents_logs_that_grow() {
    const FILES: usize = 30;
    const LINES: usize = 500;
    let write = |tt: &Sandbox, upto: usize| {
        for session in 0..FILES {
            tt.put(&format!("claude/projects/-w/s{session}.jsonl"), log(session, 0..upto));
        }
    };
    let calm = sandbox();
    // In the same two steps: a pause between them ends sessions, for good.
    write(&calm, LINES / 2);
    let mut killer = Killer { dice: Dice(4), span: time_of(&calm, &["ingest", "agents"]) };
    write(&calm, LINES);
    calm.run("ingest agents").ok();
    let wanted = result(&calm);
    let mut inside = 0;
    for round in 0..4 {
        let tt = sandbox();
        for upto in [LINES / 2, LINES] {
            write(&tt, upto);
            for command in [["ingest", "agents"].as_slice(), &["report"]] {
                inside += usize::from(killer.killed(&tt, command));
            }
            tt.run("ingest agents").ok();
        }
        is_as_undisturbed(&tt, &wanted, round);
        assert_eq!(tt.run("ingest agents --json").ok().json()["lines"], 0);
    }
    assert!(inside >= 10, "only {inside} of 16 kills came before the end");
}

#[test]
fn killed_tagging_and_recomputing() {
    let text = lines(&busy("2025-01-20", 6_000, 40));
    let calm = sandbox();
    calm.feed("import", &text).ok();
    let mut killer = Killer { dice: Dice(5), span: time_of(&calm, &["recompute", "--all"]) };
    let wanted = result(&calm);
    for round in 0..4 {
        let tt = sandbox();
        tt.feed("import", &text).ok();
        let ids = |tt: &Sandbox| -> Vec<String> {
            tt.streams().iter().map(|it| it["id"].to_string()).collect()
        };
        let before = ids(&tt);
        for command in [["recompute", "--all"].as_slice(), &["recompute"], &["recompute", "--all"]]
        {
            killer.killed(&tt, command);
        }
        tt.run("recompute --all").ok();
        is_as_undisturbed(&tt, &wanted, round);
        assert_eq!(ids(&tt), before, "ids stay");
    }
}

/// A recompute, and an undo, happens whole or not at all.
#[test]
fn killed_recomputes_and_undos_leave_before_or_after() {
    let tt = sandbox();
    tt.feed("import", lines(&busy("2025-01-20", 24_000, 80))).ok();
    tt.run("report").ok();
    let before = tt.tag_tables();
    tt.config(ACME.replace("~/work/acme/*", "*/client[234]/*"));
    let mut spans = [("recompute", 8), ("undo", 9)]
        .map(|(command, seed)| Killer { dice: Dice(seed), span: time_of(&tt, &[command]) });
    assert_eq!(tt.tag_tables(), before);
    tt.run("recompute").ok();
    let after = tt.tag_tables();
    assert!(after != before);
    let mut inside = 0;
    for round in 0..24 {
        let is_after = tt.tag_tables() == after;
        let (command, killer) = match &mut spans {
            [_, undo] if is_after => ("undo", undo),
            [recompute, _] => ("recompute", recompute),
        };
        inside += usize::from(killer.killed(&tt, &[command]));
        let now = tt.tag_tables();
        assert!(now == before || now == after, "round {round}: {command} left a part");
        assert_eq!(tt.count("changes"), i64::from(now == after), "round {round}");
        tt.is_sound();
        if (now == after) == is_after {
            tt.run(command).ok();
        }
    }
    assert!(inside >= 8, "only {inside} of 24 kills came before the end");
}

/// The check itself can fail: what a weak program would leave behind does not pass.
#[test]
fn a_lost_and_a_doubled_event_would_be_seen() {
    let calm = sandbox();
    calm.feed("import", lines(&busy("2025-01-20", 300, 7))).ok();
    let wanted = result(&calm);
    is_as_undisturbed(&calm, &wanted, 0);
    let caught = |spoil: &dyn Fn(&Sandbox)| {
        let tt = sandbox();
        tt.feed("import", lines(&busy("2025-01-20", 300, 7))).ok();
        tt.run("report").ok();
        spoil(&tt);
        let check = std::panic::AssertUnwindSafe(|| is_as_undisturbed(&tt, &wanted, 0));
        std::panic::catch_unwind(check).is_err()
    };
    let sql = |text: &'static str| move |tt: &Sandbox| tt.sql().execute_batch(text).unwrap();
    assert!(!caught(&|_| {}));
    assert!(caught(&sql("DELETE FROM events WHERE seq = 7")), "a lost event");
    assert!(
        caught(&sql(
            "INSERT INTO events SELECT 1000, 'twice', at, kind, source, schema_version, place, \
             session, pane, tmux, agent, data FROM events WHERE seq = 7"
        )),
        "a doubled event"
    );
    assert!(caught(&sql("UPDATE streams SET time_direct_ms = time_direct_ms + 1")), "other time");
    assert!(caught(&sql("DELETE FROM stream_tags")), "lost tags");
}

#[test]
fn what_was_killed_before_it_made_the_database_disturbs_nobody() {
    let tt = sandbox();
    let mut killer = Killer { dice: Dice(7), span: Duration::from_millis(9) };
    for _ in 0..25 {
        killer.killed(&tt, &["report"]);
        if killer.dice.below(3) == 0 {
            std::fs::remove_dir_all(tt.database().parent().unwrap()).ok();
        }
    }
    Ran::of(tt.start(["report"]), &tt).ok();
    tt.is_sound();
}
