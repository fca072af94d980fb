//! `tt sync`: events of other machines, through an ssh that is a script.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::events::{busy, focus};
use crate::support::{Sandbox, quiet, tt};

/// A machine with `ssh` to others: each of them is a folder of its sandbox.
fn machine() -> Sandbox {
    machine_with(
        "exec env -i HOME=\"$there\" TT_MACHINE=\"$host\" TZ=UTC TT_NOW=$TT_NOW PATH=$PATH sh -c \"$1\"",
    )
}

/// The same, where the script goes on with `command`: `$host`, and the remote command in `$1`.
fn machine_with(command: &str) -> Sandbox {
    let tt = quiet();
    let binary = env!("CARGO_BIN_EXE_tt");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = -- ] || exit 99\nshift\nhost=$1\nthere=\"{}/$host\"\nshift\n\
         echo \"$@\" >> \"{}/asked\"\n\
         [ -d \"$there\" ] || {{ echo \"ssh: connect to host $host port 22: No route to host\" >&2; exit 255; }}\n\
         {command}\n",
        tt.path("hosts").display(),
        tt.path("tmp").display(),
    );
    let ssh = tt.put("bin/ssh", script);
    let program = tt.put("bin/tt", format!("#!/bin/sh\nexec \"{binary}\" \"$@\"\n"));
    for file in [&ssh, &program] {
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", tt.path("bin").display());
    tt.var("PATH", path)
}

/// Imports events on `host`.
fn on(tt: &Sandbox, host: &str, events: &[Value]) {
    let text: String = events.iter().map(|event| format!("{event}\n")).collect();
    let file = tt.put("tmp/events.jsonl", text);
    fs::create_dir_all(tt.path("hosts").join(host)).unwrap();
    let home = tt.path("hosts").join(host);
    let mut command = tt.command(["import", file.to_str().unwrap()]);
    let status = command.env("HOME", &home).env("TT_MACHINE", host).status().unwrap();
    assert!(status.success());
}

fn asked(tt: &Sandbox) -> Vec<String> {
    let text = fs::read_to_string(tt.path("tmp").join("asked")).unwrap_or_default();
    fs::remove_file(tt.path("tmp").join("asked")).ok();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_new_there_comes_and_nothing_else_is_asked_for() {
    let tt = machine();
    let all = busy("2025-01-20", 60, 60);
    on(&tt, "devbox", &all[20..40]);
    tt.run("sync devbox").ok().prints("devbox: 20 events imported");
    assert_eq!(asked(&tt), ["tt export --events --raw --database=''"]);
    tt.run("sync devbox").ok().prints("devbox: nothing new");
    let asked_next = asked(&tt).remove(0);
    assert!(asked_next.contains("' --after='"), "{asked_next}");
    // Earlier events that came there later.
    on(&tt, "devbox", &all[..20]);
    on(&tt, "devbox", &all[40..]);
    tt.run("sync devbox").ok().prints("devbox: 40 events imported");
    let other = quiet();
    other.import(&all);
    assert_eq!(tt.events().lines().count(), 60);
    assert_eq!(crate::support::timeless(&tt.streams()), crate::support::timeless(&other.streams()));
    tt.is_sound();
}

#[test]
fn the_same_event_from_two_machines_is_one() {
    let tt = machine();
    let mut all = busy("2025-01-20", 30, 60);
    for event in &mut all {
        event["machine_id"] = "devbox".into();
    }
    on(&tt, "devbox", &all[..20]);
    on(&tt, "laptop", &all[10..]);
    let said = "devbox: 20 events imported\nlaptop: 10 events imported, 10 known already";
    tt.run("sync devbox laptop").ok().prints(said);
    assert_eq!(tt.events().matches("\"machine_id\":\"devbox\"").count(), 30);
    tt.run("sync laptop devbox").ok().prints("laptop: nothing new\ndevbox: nothing new");
}

#[test]
fn events_keep_their_machine() {
    let tt = machine();
    fs::create_dir_all(tt.path("hosts/devbox")).unwrap();
    let mut command = tt.command(["ingest", "note", "there"]);
    command.env("HOME", tt.path("hosts/devbox")).env("TT_MACHINE", "devbox");
    assert!(command.status().unwrap().success());
    tt.run("ingest note here").ok();
    tt.run("sync devbox").ok().prints("devbox: 1 event imported");
    for (machine, text) in [("devbox", "there"), ("box", "here")] {
        let events = tt.events();
        let line = events.lines().find(|line| line.contains(text)).unwrap();
        assert!(line.contains(&format!("\"machine_id\":\"{machine}\"")), "{line}");
    }
}

#[test]
fn one_machine_that_fails_keeps_no_other_out() {
    let tt = machine();
    on(&tt, "devbox", &busy("2025-01-20", 5, 60));
    let ran = tt.run("sync gone devbox").exits(1).prints("devbox: 5 events imported");
    assert_eq!(
        ran.err,
        "Error: gone: cannot be reached: ssh: connect to host gone port 22: No route to host\n  \
         Does 'ssh gone' work?\n"
    );
}

const ANOTHER: &str =
    "Note: the database on devbox is not the one that was synced before; taking everything.";

/// Its events may have come in another order: what stands before the last one taken may be new.
#[test]
fn a_database_that_was_begun_anew_there_is_taken_from_its_beginning() {
    let tt = machine();
    let all = busy("2025-01-20", 20, 60);
    on(&tt, "devbox", &all[..10]);
    tt.run("sync devbox").ok();
    fs::remove_dir_all(tt.path("hosts/devbox")).unwrap();
    on(&tt, "devbox", &all[15..]);
    on(&tt, "devbox", &all[..15]);
    let said = "devbox: 10 events imported, 10 known already";
    tt.run("sync devbox").warns(ANOTHER).prints(said);
    tt.run("sync devbox").ok().prints("devbox: nothing new");
}

/// As after a backup was put back.
#[test]
fn an_event_that_is_gone_there_is_no_end() {
    let tt = machine();
    let all = busy("2025-01-20", 20, 60);
    on(&tt, "devbox", &all[..10]);
    let [there, backup] = ["devbox", "backup"].map(|it| tt.path("hosts").join(it));
    let copy = |from: &Path, to: &Path| {
        let done = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
        assert!(done.success());
    };
    copy(&there, &backup);
    on(&tt, "devbox", &all[10..15]);
    tt.run("sync devbox").ok();
    fs::remove_dir_all(&there).unwrap();
    copy(&backup, &there);
    on(&tt, "devbox", &all[15..]);
    let said = "devbox: 5 events imported, 10 known already";
    tt.run("sync devbox").warns(ANOTHER).prints(said);
    tt.run("sync devbox").ok().prints("devbox: nothing new");
}

#[test]
fn a_sync_that_breaks_off_goes_on() {
    // The line goes dead in the middle of the seventh event.
    let tt = machine_with(
        "if [ -e \"$there/bad-line\" ]; then\n\
         HOME=\"$there\" sh -c \"$1\" | head -c 1500; exit 255\n\
         fi\n\
         HOME=\"$there\" TT_MACHINE=\"$host\" exec sh -c \"$1\"",
    );
    let all = busy("2025-01-20", 20, 60);
    on(&tt, "devbox", &all);
    tt.put("hosts/devbox/bad-line", "");
    let ran = tt.run("sync devbox");
    let ran = ran.fails_about(&["devbox: cannot be reached", "came before that"]);
    let came = tt.events().lines().count();
    assert!(came > 1 && came < 20, "{ran:#?}");
    fs::remove_file(tt.path("hosts/devbox/bad-line")).unwrap();
    let status = tt.run("status").done();
    assert!(status.out.contains("Synced    devbox never to the end"), "{status:#?}");
    assert!(status.err.contains("devbox has never been synced to the end"), "{status:#?}");
    let rest = format!("devbox: {} events imported", 20 - came);
    tt.run("sync devbox").ok().prints(&rest);
}

#[test]
fn what_is_wrong_there_is_told_with_what_to_do() {
    for (does, words) in [
        ("exec sh -c \"no-such-$1\"", vec!["devbox: there is no tt: ", "set remote under [sync]"]),
        (
            "echo \"error: unrecognized subcommand 'export'\" >&2; exit 2",
            vec!["its tt is too old to export", "Update tt there."],
        ),
        (
            "echo \"Error: the disk\u{1b}[31m is gone\" >&2; exit 1",
            vec!["tt failed there: Error: the disk\u{fffd}[31m is gone"],
        ),
        ("kill -9 $$", vec!["the connection was cut"]),
    ] {
        let tt = machine_with(does);
        fs::create_dir_all(tt.path("hosts/devbox")).unwrap();
        tt.run("sync devbox").fails_about(&words);
    }
    let tt = tt().with_config("").var("TT_SSH", "no-such-program -x");
    tt.run("sync devbox").fails_about(&["cannot run 'no-such-program'", "TT_SSH"]);
}

#[test]
fn lines_that_are_no_events_are_told() {
    let tt = machine_with("echo \"Welcome to $host\"; HOME=\"$there\" exec sh -c \"$1\"");
    on(&tt, "devbox", &busy("2025-01-20", 5, 60));
    let ran = tt.run("sync devbox").exits(1).prints("devbox: 5 events imported");
    assert!(ran.err.contains("devbox line 1: not JSON"), "{ran:#?}");
    assert!(ran.err.contains("Error: devbox: 1 line skipped that are no events"), "{ran:#?}");
}

#[test]
fn hosts_are_no_options_and_ids_are_no_commands() {
    let tt = machine();
    tt.run_args(["sync", "--", "-oProxyCommand=touch x"]).says_wrong_usage(&["is no host"]);
    tt.run_args(["sync", ""]).says_wrong_usage(&["is no host"]);
    tt.run("sync").says_wrong_usage(&["HOST"]);
    assert!(asked(&tt).is_empty());
    let mut event = focus("2025-01-28T10:00:00Z", "/nowhere/w", "main");
    event["id"] = "'; touch \"$HOME/harm\"; echo '".into();
    on(&tt, "devbox", &[event]);
    tt.run("sync devbox").ok().prints("devbox: 1 event imported");
    tt.run("sync devbox").ok().prints("devbox: nothing new");
    assert!(!tt.path("hosts/devbox/harm").exists());
}

#[test]
fn the_config_says_how_to_get_there() {
    let tt = machine();
    on(&tt, "devbox", &busy("2025-01-20", 5, 60));
    let ssh = tt.path("bin/ssh");
    fs::rename(&ssh, tt.path("bin/other")).unwrap();
    tt.config("[sync]\nssh = [\"other\"]\nremote = \"TT_NOW= tt\"\n");
    tt.run("sync devbox").ok();
    assert_eq!(asked(&tt), ["TT_NOW= tt export --events --raw --database=''"]);
    tt.config("[sync]\nshh = [\"other\"]\n");
    tt.run("sync devbox").fails_about(&["config.toml line 2: unknown field `shh`"]);
}

#[test]
fn a_sync_that_is_long_ago_is_told() {
    let tt = machine();
    on(&tt, "devbox", &[focus("2025-01-29T17:00:00Z", "/nowhere/w", "main")]);
    tt.run("sync devbox").ok();
    tt.run("status").ok().says(&["Synced    devbox on 2025-01-29 18:00 (0m ago)"]);
    let tt = tt.at("2025-02-03T18:00:00Z");
    let status = tt.run("status").done();
    let warning = "Warning: devbox was last synced 5 days ago: run 'tt sync devbox'.";
    assert!(status.err.contains(warning), "{status:#?}");
    let syncs = &tt.run("status --json").done().json()["syncs"];
    assert_eq!(syncs[0]["host"], "devbox");
    assert_eq!(syncs[0]["last"], "2025-01-29T18:00:00Z");
    assert_eq!(syncs[0]["stale"], true);
}

#[test]
fn the_filter_over_there_is_not_asked() {
    let tt = machine();
    on(&tt, "devbox", &[focus("2025-01-29T17:00:00Z", "/nowhere/w", "main")]);
    tt.put("hosts/devbox/.config/tt/config.toml", "[privacy]\nexclude = [\"*\"]\n");
    tt.run("sync devbox").ok().prints("devbox: 1 event imported");
}
