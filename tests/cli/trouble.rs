//! What goes wrong outside: a clear message, no panic, nothing destroyed.

use std::fs;

use crate::support::events::{busy, focus, lines};
use crate::support::{Ran, Sandbox, quiet, tt};

/// Commands that open the database.
const READERS: [&str; 9] = [
    "report",
    "streams",
    "events",
    "tags",
    "status",
    "ingest agents",
    "recompute",
    "import events.jsonl",
    "tag x y",
];

fn with_events_file() -> Sandbox {
    let tt = quiet();
    tt.put("home/events.jsonl", focus("2025-01-28T10:00:00Z", "/nowhere/w", "m").to_string());
    tt
}

fn put_database(tt: &Sandbox, bytes: &[u8]) {
    tt.put("home/.local/share/tt/tt.db", bytes);
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let tt = with_events_file();
    let text =
        b"Dear diary, this is no database at all, but it is long enough to be one.".repeat(80);
    put_database(&tt, &text);
    for command in READERS {
        tt.run(command)
            .fails_about(&["tt.db is not a SQLite database, or is damaged", "Move it away"]);
    }
    assert_eq!(fs::read(tt.database()).unwrap(), text);
    tt.run("ingest note kept").ok();
    assert_eq!(tt.spool_files().len(), 1, "what waits goes on waiting");
}

#[test]
fn a_damaged_database_is_told() {
    let tt = with_events_file();
    tt.import(&busy("2025-01-20", 3_000, 60));
    tt.run("report").ok();
    tt.sql().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let whole = fs::read(tt.database()).unwrap();
    for (what, damage) in [
        ("cut", &(|bytes: &mut Vec<u8>| bytes.truncate(40_000)) as &dyn Fn(&mut Vec<u8>)),
        ("zeroed", &|bytes| bytes[8_192..200_000].fill(0)),
        ("scrambled", &|bytes| {
            let mut dice = crate::support::Dice(9);
            for byte in &mut bytes[4_096..] {
                *byte ^= u8::try_from(dice.below(256)).unwrap();
            }
        }),
        ("header", &|bytes| bytes[..16].fill(b'x')),
    ] {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        put_database(&tt, &bytes);
        for file in ["tt.db-wal", "tt.db-shm"] {
            fs::remove_file(tt.database().with_file_name(file)).ok();
        }
        for command in ["report --since 2025-01-01", "streams", "events", "import events.jsonl"] {
            let ran = tt.run(command);
            if ran.code == Some(0) {
                continue;
            }
            assert!(
                ran.err.starts_with("Error: ") && ran.err.contains("damaged"),
                "{what}, {command}: {:?} {}",
                ran.code,
                ran.err
            );
        }
    }
}

#[test]
fn a_database_of_another_program_is_not_touched() {
    for mode in ["DELETE", "WAL"] {
        let tt = with_events_file();
        fs::create_dir_all(tt.database().parent().unwrap()).unwrap();
        let other = rusqlite::Connection::open(tt.database()).unwrap();
        other
            .execute_batch(&format!(
                "PRAGMA journal_mode = {mode}; CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1);"
            ))
            .unwrap();
        // In WAL mode the other program still has it open, so its last words are not in the file.
        let before = fs::read(tt.database()).unwrap();
        for command in READERS {
            tt.run(command).fails_about(&[
                "tt.db is a database of another program",
                "Choose another file with --db",
            ]);
            assert!(fs::read(tt.database()).unwrap() == before, "{mode}: changed by {command}");
        }
        drop(other);
    }
}

#[test]
fn the_last_words_of_another_program_stay_where_it_left_them() {
    let tt = with_events_file();
    fs::create_dir_all(tt.database().parent().unwrap()).unwrap();
    let elsewhere = tt.path("other.db");
    let other = rusqlite::Connection::open(&elsewhere).unwrap();
    other
        .execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1);",
        )
        .unwrap();
    // As if it had crashed: file and log, and nobody who has them open.
    let wal = tt.database().with_file_name("tt.db-wal");
    fs::copy(&elsewhere, tt.database()).unwrap();
    fs::copy(elsewhere.with_file_name("other.db-wal"), &wal).unwrap();
    let before = (fs::read(tt.database()).unwrap(), fs::read(&wal).unwrap());
    for command in READERS {
        tt.run(command).fails_about(&["tt.db is a database of another program"]);
        let after = (fs::read(tt.database()).unwrap(), fs::read(&wal).unwrap_or_default());
        assert!(after == before, "changed by {command}");
    }
}

#[test]
fn a_database_of_a_newer_version_is_not_touched() {
    let tt = with_events_file();
    tt.run("report").ok();
    tt.sql().execute_batch("PRAGMA user_version = 999; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let before = fs::read(tt.database()).unwrap();
    for command in READERS {
        tt.run(command).fails_about(&["was written by a newer tt (schema 999", "Update tt"]);
    }
    assert!(fs::read(tt.database()).unwrap() == before);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let tt = quiet();
    let file = tt.put("file", "a file");
    let below = file.join("deeper/tt.db");
    let below = below.to_str().unwrap();
    for command in ["report", "streams", "import", "ingest agents"] {
        tt.run(&format!("{command} --db {below}"))
            .fails_about(&["cannot create folder /sandbox/file/deeper"]);
    }
    tt.run(&format!("ingest note x --db {below}")).fails_about(&["/sandbox/file/deeper"]);
    tt.run(&format!("status --db {below}")).exits(1);
}

#[test]
fn a_folder_is_no_database() {
    let tt = quiet();
    fs::create_dir(tt.path("folder")).unwrap();
    let folder = tt.path("folder");
    for command in ["report", "events", "status"] {
        tt.run(&format!("{command} --db {}", folder.display()))
            .fails_about(&["cannot open database /sandbox/folder"]);
    }
}

#[test]
fn a_full_disk_is_told_and_what_was_there_stays() {
    let tt = with_events_file();
    tt.import(&busy("2025-01-01", 500, 60));
    let before = tt.events();
    let file = tt.put("home/many.jsonl", lines(&busy("2025-01-20", 20_000, 30)));
    // No file of this process grows beyond 512 blocks; the signal is ignored, so writes fail.
    let limited = |blocks: u32, line: &str| {
        let mut command = tt.command([""; 0]);
        let shell =
            format!("trap '' XFSZ; ulimit -f {blocks}; exec '{}' {line}", env!("CARGO_BIN_EXE_tt"));
        let mut shell_command = std::process::Command::new("/bin/sh");
        shell_command
            .args(["-c", &shell])
            .env_clear()
            .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .current_dir(tt.home())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command.stdin(std::process::Stdio::null());
        Ran::of(shell_command.spawn().unwrap(), &tt)
    };
    limited(512, &format!("import {}", file.display()))
        .fails_about(&["the database cannot be read or written", "nothing is lost"]);
    tt.is_sound();
    assert_eq!(tt.events(), before);
    limited(0, "ingest note lost").fails_about(&["cannot write to the spool"]);
    tt.run("ingest note kept").ok();
    assert_eq!(tt.events().lines().count(), before.lines().count() + 1);
    tt.run(&format!("import {}", file.display())).ok();
    tt.is_sound();
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        return;
    };
    let tt = quiet();
    tt.import(&busy("2025-01-20", 200, 60));
    for command in
        [["events"].as_slice(), &["streams"], &["report", "--json"], &["completions", "bash"]]
    {
        let child = tt.command(command).stdout(full.try_clone().unwrap()).spawn().unwrap();
        let ran = Ran::of(child, &tt);
        assert_eq!(ran.code, Some(1), "{command:?}: {ran:#?}");
        assert!(ran.err.starts_with("Error: cannot write the output"), "{ran:#?}");
    }
}

#[test]
fn a_stream_that_is_none_and_one_that_may_be_several() {
    let tt = quiet();
    tt.run("tag abc x").fails_about(&["no stream is called 'abc'", "See 'tt streams'"]);
    let (a, b) = (tt.dir("one/web"), tt.dir("two/web"));
    tt.import(&[focus("2025-01-28T10:00:00Z", &a, "m"), focus("2025-01-28T12:00:00Z", &b, "m")]);
    for command in ["tag web x", "untag web x", "rename web x", "rules check --stream web"] {
        let ran = tt.run(command).exits(1);
        assert!(ran.err.starts_with("Error: 'web' may be any of 2 streams:\n  "), "{ran:#?}");
        assert!(
            ran.err.contains("Jan 28 10:00  web") && ran.err.contains("Jan 28 12:00  web"),
            "{ran:#?}"
        );
        assert!(ran.err.ends_with("Name one by its id.\n"), "{ran:#?}");
    }
    tt.run_args(["tag", "", "x"]).exits(1);
    assert_eq!(tt.count("stream_tags"), 0);
    for stream in tt.streams() {
        let id = stream["id"].as_str().unwrap();
        tt.run(&format!("tag {} x", &id[..8])).ok();
        tt.run(&format!("tag {id} y")).ok();
    }
}

#[test]
fn a_name_that_begins_another_streams_id_names_both() {
    let tt = quiet();
    tt.import(&[focus("2025-01-28T10:00:00Z", "/nowhere/w", "m")]);
    let id = tt.streams()[0]["id"].as_str().unwrap().to_owned();
    let like = &id[..2];
    tt.import(&[focus("2025-01-28T12:00:00Z", &format!("/nowhere/{like}"), "m")]);
    let ran = tt.run(&format!("tag {like} x")).exits(1);
    assert!(ran.err.starts_with(&format!("Error: '{like}' may be any of 2 streams:")), "{ran:#?}");
    assert_eq!(tt.count("stream_tags"), 0);
    tt.run(&format!("tag {id} x")).ok().says(&[" w: x (user)"]);
}

#[test]
fn an_empty_name_names_no_stream_even_if_there_is_only_one() {
    let tt = quiet();
    tt.import(&[focus("2025-01-28T10:00:00Z", "/nowhere/w", "m")]);
    tt.run_args(["tag", "", "x"]).exits(1);
    tt.run_args(["tag", "%", "x"]).exits(1);
    tt.run_args(["tag", "_______", "x"]).exits(1);
    tt.run_args(["tag", "*", "x"]).exits(1);
    assert_eq!(tt.count("stream_tags"), 0);
}

#[test]
fn without_a_home_nothing_panics_and_nothing_is_written_to_the_root() {
    let tt = tt().without("HOME").without("CLAUDE_CONFIG_DIR").without("CODEX_HOME");
    let db = tt.path("tt.db");
    let db = db.to_str().unwrap();
    tt.run(&format!("report --db {db}")).done();
    tt.run(&format!("ingest note x --db {db}")).ok();
    tt.run("demo").ok();
    let lost = tt.run("report").exits(2).err;
    assert!(lost.contains("HOME is not set") && lost.contains("--db"), "{lost}");
    let tt = tt.var("HOME", "relative/home");
    tt.run(&format!("report --db {db}")).done();
}

#[test]
fn an_odd_clock_is_told_or_taken() {
    for now in [
        "1969-12-31T23:59:59Z",
        "2100-01-01T00:00:00Z",
        "1678-01-01T00:00:00Z",
        "2261-12-31T00:00:00Z",
    ] {
        let tt = quiet().at(now);
        tt.run("ingest note x").ok();
        tt.run("report").done();
        tt.run("report --last-week").done();
        tt.run("streams").ok();
        tt.run("status").done();
    }
    let ran = quiet().at("half past four").run("status").done();
    assert!(ran.err.contains("TT_NOW is no timestamp: 'half past four'"), "{ran:#?}");
}

#[test]
fn settings_beyond_reason_are_refused() {
    for (text, word) in [
        ("[inference]\ngap = \"0m\"\n", "'0m' is no duration"),
        ("[inference]\ngap = 30\n", "line 2"),
        ("[inference]\ngapp = \"30m\"\n", "line 2: unknown field `gapp`"),
    ] {
        let ran = quiet().with_config(text).run("report").done();
        assert!(ran.err.contains(word), "{ran:#?}");
    }
}
