//! Importing events, against a bare loop of prepared inserts into the same tables, and inference
//! over all of them.
//!
//! `cargo bench --bench import` prints events per second and the ratio of the two;
//! `TT_BENCH_EVENTS=1000000 cargo bench --bench import` does so at the size the goals speak of.
//! Not criterion: one run takes seconds and makes a database, so each is run a few times and the
//! best is told.

#![allow(
    clippy::expect_used,
    clippy::cast_possible_wrap,
    reason = "a benchmark that cannot run has nothing better to do than to stop"
)]

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::params;
use tt::config::Settings;
use tt::event::Record;
use tt::period::Zone;
use tt::refresh;
use tt::store::events::Inserter;
use tt::store::{Store, texts::Texts};
use tt::time::Timestamp;

const ROUNDS: usize = 3;
/// As the importer does.
const COMMIT_EVERY: usize = 25_000;

/// Numbers that look random and are the same every time (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// Half a year of someone with eight agents at a time in 60 directories, as JSON lines.
fn lines(count: u64) -> Vec<u8> {
    let mut numbers = Numbers(7);
    let mut out = Vec::new();
    let mut sessions: Vec<(u64, u64)> = (0..8).map(|i| (i, i * 7 % 60)).collect();
    let start = Timestamp::parse("2026-05-01T00:00:00Z").expect("a timestamp");
    let step = 183 * 86_400_000 / count as i64;
    for i in 0..count {
        let at = start.plus(i as i64 * step + numbers.below(step as u64 + 1) as i64);
        let slot = numbers.below(8) as usize;
        if numbers.below(700) == 0 {
            sessions[slot] = (i + 8, numbers.below(60));
        }
        let (session, project) = sessions[slot];
        let cwd = format!("/home/sami/work/client{}/project{project}", project % 6);
        let session = format!("5a1f0c3e-0000-4000-8000-{session:012}");
        let line = match numbers.below(20) {
            0..6 => format!(
                r#"{{"timestamp":"{at}","type":"tmux_pane_focus","source":"remote.tmux","schema_version":1,"cwd":"{cwd}","git_branch":"main","data":{{"pane_id":"%{project}","session_name":"client{}","window_index":"{}","cwd":"{cwd}"}}}}"#,
                project % 6,
                project % 9
            ),
            6 => format!(
                r#"{{"timestamp":"{at}","type":"tmux_scroll","source":"remote.tmux","schema_version":1,"data":{{"pane_id":"%{project}","session_name":"client{}"}}}}"#,
                project % 6
            ),
            7..18 => format!(
                r#"{{"timestamp":"{at}","type":"agent_tool_use","source":"remote.agent","schema_version":1,"cwd":"{cwd}","session_id":"{session}","git_branch":"main","data":{{"agent":"claude-code","session_id":"{session}","tool":"Edit","file":"{cwd}/src/{}.rs"}}}}"#,
                i % 97
            ),
            _ => format!(
                r#"{{"timestamp":"{at}","type":"user_message","source":"remote.agent","schema_version":1,"cwd":"{cwd}","session_id":"{session}","data":{{"agent":"claude-code","session_id":"{session}","length":{}}}}}"#,
                i % 500
            ),
        };
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    out
}

/// A row with nothing left to do but insert it.
struct Row {
    id: [u8; 16],
    numbers: [i64; 9],
    data: String,
}

/// Everything the importer would find out, found out beforehand.
fn rows(lines: &[u8], store: &mut Store) -> Vec<Row> {
    let tx = store.write().expect("a transaction");
    let mut texts = Texts::new(&tx);
    let mut rows = Vec::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let Record { event, data, .. } =
            Record::read(std::str::from_utf8(line).expect("UTF-8")).expect("an event");
        let tt::event::EventId::Hash(id) = event.id else { panic!("brought an id") };
        let mut text = |it: Option<&str>| texts.id_or_none(it).expect("a number");
        let numbers = [
            event.at.nanos(),
            text(Some(&event.kind)),
            text(Some(&event.source)),
            i64::from(event.schema_version),
            0,
            text(event.session_id.as_deref()),
            text(event.text("pane_id")),
            text(event.text("session_name")),
            text(event.text("agent")),
        ];
        let place = texts.place_id(&event.place).expect("a number");
        let mut row = Row { id, numbers, data };
        row.numbers[4] = place;
        rows.push(row);
    }
    drop(texts);
    tx.commit().expect("a commit");
    rows
}

/// The bare loop.
fn insert(rows: &[Row], store: &mut Store) {
    for rows in rows.chunks(COMMIT_EVERY) {
        let tx = store.write().expect("a transaction");
        let mut statement = tx
            .prepare(
                "INSERT INTO events (id, at, kind, source, schema_version, place, session, pane,
                     tmux, agent, data)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )
            .expect("a statement");
        for Row { id, numbers: n, data } in rows {
            statement
                .execute(params![
                    &id[..],
                    n[0],
                    n[1],
                    n[2],
                    n[3],
                    n[4],
                    n[5],
                    n[6],
                    n[7],
                    n[8],
                    data
                ])
                .expect("an insert");
        }
        drop(statement);
        tx.commit().expect("a commit");
    }
}

fn fresh(folder: &Path, name: &str) -> Store {
    let path = folder.join(name);
    for suffix in ["", "-wal", "-shm"] {
        drop(std::fs::remove_file(format!("{}{suffix}", path.display())));
    }
    Store::open(&path).expect("a database")
}

fn best(what: &str, count: u64, mut run: impl FnMut() -> Duration) -> f64 {
    let shortest = (0..ROUNDS).map(|_| run()).min().unwrap_or_default().as_secs_f64();
    println!("{what:<42} {shortest:>8.2} s {:>12.0} events/s", count as f64 / shortest);
    shortest
}

fn main() {
    let count = std::env::var("TT_BENCH_EVENTS").ok().and_then(|n| n.parse().ok());
    let count: u64 = count.unwrap_or(200_000);
    let folder = tempfile::tempdir().expect("a folder");
    let lines = lines(count);
    println!("{count} events, {} bytes a line", lines.len() as u64 / count);

    let mut peer = fresh(folder.path(), "rows.db");
    let rows = rows(&lines, &mut peer);
    drop(peer);
    let bare = best("bare loop of prepared inserts", count, || {
        let mut store = fresh(folder.path(), "bare.db");
        let start = Instant::now();
        insert(&rows, &mut store);
        start.elapsed()
    });
    drop(rows);
    let imported = best("tt import (parse, identify, insert)", count, || {
        let mut store = fresh(folder.path(), "import.db");
        let start = Instant::now();
        let done = tt::import::import(&mut store, &lines[..], |_| ()).expect("an import");
        assert_eq!(done.added, count);
        start.elapsed()
    });
    println!("{:<42} {:>8.2} of the bare loop's rate (goal: 0.5)\n", "  that is", bare / imported);

    let settings = Settings::default();
    let at = (Zone::UTC, Timestamp::parse("2026-11-01T00:00:00Z").expect("a timestamp"));
    let mut store = fresh(folder.path(), "import.db");
    tt::import::import(&mut store, &lines[..], |_| ()).expect("an import");
    let start = Instant::now();
    let inferred = refresh::infer_and_tag(&mut store, &settings, None, at).expect("inference");
    println!(
        "inference over all of them: {:.2} s, {} streams",
        start.elapsed().as_secs_f64(),
        inferred.streams
    );

    // What arrives while one works: a thousand events at the end.
    let tx = store.write().expect("a transaction");
    let mut inserter = Inserter::new(&tx).expect("an inserter");
    for i in 0..1_000 {
        let at = Timestamp::parse("2026-10-31T00:00:00Z").expect("a timestamp").plus(i * 5_000);
        let line = format!(
            r#"{{"timestamp":"{at}","type":"agent_tool_use","session_id":"5a1f0c3e-{}","cwd":"/home/sami/work/client1/project{}","agent":"codex"}}"#,
            i % 8,
            i % 60
        );
        inserter.insert(&Record::read(&line).expect("an event").event).expect("an insert");
    }
    drop(inserter);
    tx.commit().expect("a commit");
    let start = Instant::now();
    refresh::infer_and_tag(&mut store, &settings, None, at).expect("inference");
    println!("inference over 1,000 more: {:.3} s", start.elapsed().as_secs_f64());
    drop(std::io::stdout().flush());
}
