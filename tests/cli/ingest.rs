//! `tt ingest`: hooks that must never fail, wait or lose.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use serde_json::Value;

use crate::support::{Sandbox, quiet};

fn events(tt: &Sandbox) -> Vec<Value> {
    tt.events().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn only(tt: &Sandbox) -> Value {
    let mut all = events(tt);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

#[test]
fn a_focus_says_pane_session_window_and_place() {
    let tt = quiet();
    let cwd = tt.dir("work");
    std::fs::create_dir(tt.home().join("work")).unwrap();
    tt.run_args([
        "ingest",
        "pane-focus",
        "--pane",
        "%3",
        "--cwd",
        &cwd,
        "--session",
        "main",
        "--window",
        "2",
    ])
    .ok()
    .prints("");
    assert!(!tt.database().exists(), "a hook does not touch the database");
    assert_eq!(tt.spool_files().len(), 1);
    let event = only(&tt);
    assert_eq!(tt.spool_files().len(), 0, "drained");
    assert_eq!(
        (&event["type"], &event["source"], &event["timestamp"], &event["cwd"]),
        (
            &"tmux_pane_focus".into(),
            &"remote.tmux".into(),
            &crate::support::NOW.into(),
            &cwd.into()
        )
    );
    let data = &event["data"];
    assert_eq!(
        (&data["pane_id"], &data["session_name"], &data["window_index"]),
        (&"%3".into(), &"main".into(), &"2".into())
    );
}

#[test]
fn every_other_hook_gives_its_event() {
    let tt = quiet();
    for (line, kind, source, data) in [
        (
            "scroll --pane %1 --session main",
            "tmux_scroll",
            "remote.tmux",
            r#"{"pane_id":"%1","session_name":"main"}"#,
        ),
        (
            "session --action created --session main",
            "tmux_session",
            "remote.tmux",
            r#"{"action":"created","session_name":"main"}"#,
        ),
        (
            "session --action closed --session main",
            "tmux_session",
            "remote.tmux",
            r#"{"action":"closed","session_name":"main"}"#,
        ),
        (
            "afk --status idle --idle-duration-ms 60000",
            "afk_change",
            "local.afk",
            r#"{"idle_duration_ms":60000,"status":"idle"}"#,
        ),
        ("afk --status active", "afk_change", "local.afk", r#"{"status":"active"}"#),
        ("note call with Acme", "manual_note", "manual", r#"{"text":"call with Acme"}"#),
    ] {
        let tt = quiet();
        tt.run(&format!("ingest {line}")).ok().prints("");
        let event = only(&tt);
        assert_eq!(event["type"], kind);
        assert_eq!(event["source"], source);
        assert_eq!(event["data"], serde_json::from_str::<Value>(data).unwrap(), "{line}");
    }
    tt.run("ingest afk --status asleep").says_wrong_usage(&["asleep", "idle"]);
    let unknown = quiet();
    unknown
        .run_args(["ingest", "pane-focus", "--pane=%1", "--cwd=", "--session=", "--window="])
        .ok();
    assert_eq!(only(&unknown).get("cwd"), None, "tmux did not know it");
    tt.run("ingest pane-focus").says_wrong_usage(&["--pane"]);
    tt.run_args(["ingest", "note", " "]).says_wrong_usage(&["a note needs a text"]);
    assert_eq!(tt.spool_files().len(), 0);
}

#[test]
fn a_commit_is_read_from_gits_own_files_or_given() {
    let tt = quiet();
    let repo = tt.dir("repo");
    tt.put("home/repo/.git/HEAD", "ref: refs/heads/topic\n");
    tt.put(
        "home/repo/.git/config",
        "[remote \"origin\"]\n\turl = git@github.com:acme/webapp.git\n",
    );
    std::fs::create_dir_all(tt.home().join("repo/.git/objects")).unwrap();
    std::fs::create_dir_all(tt.home().join("repo/.git/refs")).unwrap();
    tt.run_args([
        "ingest",
        "git-commit",
        "--cwd",
        &repo,
        "--commit",
        "c0ffee",
        "--subject",
        "Fix it",
    ])
    .ok();
    let event = only(&tt);
    assert_eq!(event["repo"], "acme/webapp");
    assert_eq!(event["git_branch"], "topic");
    assert_eq!(
        (&event["data"]["commit"], &event["data"]["subject"]),
        (&"c0ffee".into(), &"Fix it".into())
    );
    tt.run_args(["ingest", "git-commit", "--cwd", tt.path("tmp").to_str().unwrap()])
        .fails_about(&["is in no git repository"]);
}

#[test]
fn the_same_pane_within_half_a_second_is_one_focus() {
    let mut tt = quiet();
    let mut focus = |at: &str, pane: &str| {
        let here = std::mem::replace(&mut tt, quiet()).at(at);
        here.run(&format!("ingest pane-focus --pane {pane} --cwd /nowhere/w --session m")).ok();
        tt = here;
    };
    focus("2025-01-28T10:00:00.000Z", "%1");
    focus("2025-01-28T10:00:00.100Z", "%1");
    focus("2025-01-28T10:00:00.499Z", "%1");
    focus("2025-01-28T10:00:00.500Z", "%1");
    focus("2025-01-28T10:00:00.600Z", "%2");
    focus("2025-01-28T10:00:00.700Z", "%1");
    let at: Vec<String> = events(&tt)
        .iter()
        .map(|event| event["timestamp"].as_str().unwrap()[19..].to_owned())
        .collect();
    assert_eq!(at, ["Z", ".500Z", ".600Z", ".700Z"]);
}

#[test]
fn a_directory_whose_name_is_no_text_loses_no_event() {
    let tt = quiet();
    let odd = tt.home().join(OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir(&odd).unwrap();
    let mut args: Vec<OsString> =
        ["ingest", "pane-focus", "--pane", "%1", "--cwd"].map(Into::into).into();
    args.push(odd.clone().into());
    tt.run_args(&args).ok();
    crate::support::Ran::of(
        tt.command(["ingest", "note", "here"]).current_dir(&odd).spawn().unwrap(),
        &tt,
    )
    .ok();
    let all = events(&tt);
    assert_eq!(all.len(), 2);
    for event in &all {
        assert!(event["cwd"].as_str().unwrap().ends_with("/caf\u{fffd}"), "{event}");
    }
    tt.run("streams").ok().says(&["caf\u{fffd}"]);
    crate::support::Ran::of(tt.command(["report"]).current_dir(&odd).spawn().unwrap(), &tt).ok();
}

#[test]
fn the_mark_that_tmux_puts_on_deleted_directories_is_no_part_of_the_name() {
    let tt = quiet();
    tt.run_args(["ingest", "pane-focus", "--pane", "%1", "--cwd", "/nowhere/gone (deleted)"]).ok();
    assert_eq!(only(&tt)["cwd"], "/nowhere/gone");
}

#[test]
fn a_symlink_to_a_directory_is_that_directory() {
    let tt = quiet();
    std::fs::create_dir(tt.home().join("real")).unwrap();
    std::os::unix::fs::symlink(tt.home().join("real"), tt.home().join("link")).unwrap();
    tt.run_args(["ingest", "pane-focus", "--pane", "%1", "--cwd", &tt.dir("link")]).ok();
    assert_eq!(only(&tt)["cwd"], tt.dir("real").as_str());
}

#[test]
fn a_torn_line_costs_itself_and_is_told() {
    let tt = quiet();
    tt.run("ingest note one").ok();
    let spool = tt.spool_files().remove(0);
    let whole = std::fs::read(&spool).unwrap();
    std::fs::write(&spool, &whole[..whole.len() - 20]).unwrap();
    tt.run("ingest note two").ok();
    let ran = tt.run("events").done();
    assert!(ran.err.contains("a line of the spool was passed over"), "{ran:#?}");
    assert_eq!(ran.out.lines().count(), 1);
    assert!(ran.out.contains("two"));
    assert_eq!(tt.spool_files().len(), 0);
    tt.run("events").ok();
}

#[test]
fn what_an_earlier_drain_left_behind_is_taken_up_once() {
    let tt = quiet();
    tt.run("ingest note one").ok();
    let spool = tt.spool_files().remove(0);
    let mut left = spool.clone().into_os_string();
    left.push(".00000000000000000001-0000000000000001.draining");
    std::fs::copy(&spool, &left).unwrap();
    tt.run("ingest note two").ok();
    assert_eq!(events(&tt).len(), 2);
    assert_eq!(tt.spool_files().len(), 0);
}

#[test]
fn a_spool_is_for_the_person_alone() {
    use std::os::unix::fs::PermissionsExt;
    let tt = quiet();
    tt.run("ingest note secret").ok();
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&tt.spool_files()[0]), 0o600);
    assert_eq!(mode(tt.database().parent().unwrap()), 0o700);
}
