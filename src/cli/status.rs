//! `tt status`: what is known, and what is waiting. It looks and changes nothing.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;

use super::app::{App, RulesState};
use super::error::{Failure, Outcome};
use super::table::{Table, harmless};
use super::{count, write_json};
use crate::collect::agents::{self, FileState};
use crate::collect::spool;
use crate::store::sync::{self, Synced};
use crate::store::{self, Store, derived, events};
use crate::time::{Millis, Timestamp, human};

/// A source that gave nothing for so long is stale.
const STALE: Millis = 24 * 3_600_000;
/// A machine that was not synced for so long is.
const STALE_SYNC: Millis = 3 * STALE;

pub(super) fn run(app: &App, json: bool, out: &mut dyn Write) -> Outcome {
    let now = app.env.now;
    let database = app.database()?;
    let store = database.exists().then(|| app.open()).transpose()?;
    let waiting = spool::waiting(&app.spool()?)?;
    let config = app.read_config();
    let settings = match &store {
        Some(store) => app.settings(&config, store.conn())?,
        None => crate::config::Settings::default(),
    };
    let logs = app.logs(&settings);
    let found = agents::discover(&logs.claude, &logs.codex);
    let taken = taken(store.as_ref())?;
    let is_taken = |file: &agents::LogFile| taken.get(&file.key()).is_some_and(|it| it.holds(file));
    let unread = found.files.iter().filter(|file| !is_taken(file)).count();
    let risk = agents::at_risk(&found.files, is_taken, agents::cleanup_days, now);
    let sources = store.as_ref().map(|store| events::sources(store.conn())).transpose()?;
    let sources = sources.unwrap_or_default();
    let total: i64 = sources.iter().map(|source| source.events).sum();
    let streams = store.as_ref().map(|store| derived::count(store.conn())).transpose()?;
    let synced = store.as_ref().map(|store| sync::all(store.conn())).transpose()?;
    let synced = synced.unwrap_or_default();
    let is_stale = |it: &Synced| it.last_at.is_none_or(|at| at.plus(STALE_SYNC) < now);
    let size = std::fs::metadata(database).map(|meta| meta.len()).unwrap_or(0);
    let future = sources.iter().any(|source| source.newest > now.plus(STALE));
    if json {
        let sources: Vec<_> = sources
            .iter()
            .map(|it| {
                json!({
                    "source": it.source,
                    "machine": it.machine,
                    "newest": it.newest,
                    "events": it.events,
                    "stale": it.newest.plus(STALE) < now,
                })
            })
            .collect();
        let syncs: Vec<_> = synced
            .iter()
            .map(|it| json!({ "host": it.host, "last": it.last_at, "stale": is_stale(it) }))
            .collect();
        return write_json(
            out,
            &json!({
                "database": { "path": database.display().to_string(), "exists": store.is_some(),
                    "bytes": size, "events": total, "streams": streams.unwrap_or(0) },
                "spool": { "bytes": waiting.bytes, "unfinished_files": waiting.unfinished },
                "config": { "path": app.config.display().to_string(),
                    "state": state_of(&config.rules).0 },
                "sources": sources,
                "syncs": syncs,
                "agent_logs": { "files": found.files.len(), "unread_files": unread,
                    "at_risk_files": risk.files, "first_deletion": risk.first },
            }),
        );
    }
    let database = app.env.shown(database);
    match streams {
        None => writeln!(out, "Database  {database} (not there yet)")?,
        Some(streams) => {
            let (events, streams) =
                (count(total.unsigned_abs(), "event"), count(streams.unsigned_abs(), "stream"));
            let size = megabytes(size);
            writeln!(out, "Database  {database}: {events}, {streams}, {size}")?;
        }
    }
    match waiting.bytes {
        0 => writeln!(out, "Spool     empty")?,
        bytes => writeln!(out, "Spool     {}, read by the next report", count(bytes, "byte"))?,
    }
    writeln!(out, "Config    {}: {}", app.env.shown(&app.config), state_of(&config.rules).1)?;
    let logs = count(found.files.len() as u64, "file");
    writeln!(out, "Agents    {logs}, {unread} with something new")?;
    for it in &synced {
        let when = match it.last_at {
            None => "never to the end".to_owned(),
            Some(at) => format!(
                "on {} ({} ago)",
                app.env.zone.local(at).format("%Y-%m-%d %H:%M"),
                age_of((now.millis() - at.millis()).max(0))
            ),
        };
        writeln!(out, "Synced    {} {when}", harmless(&it.host))?;
    }
    if !sources.is_empty() {
        let columns = [
            ("SOURCE", false),
            ("MACHINE", false),
            ("NEWEST EVENT", false),
            ("AGE", true),
            ("EVENTS", true),
        ];
        let mut table = Table::new(&columns, &[0, 1], &[2, 1]);
        for it in &sources {
            let age = now.millis() - it.newest.millis();
            table.row(vec![
                it.source.clone(),
                it.machine.clone().unwrap_or_default(),
                app.env.zone.local(it.newest).format("%Y-%m-%d %H:%M:%S").to_string(),
                age_of(age),
                it.events.to_string(),
            ]);
        }
        write!(out, "\n{}", table.render(app.env.table_width()))?;
    }
    for (path, why) in &found.unreadable {
        super::say(&format!("Warning: cannot read {}: {why}", app.env.shown(path)));
    }
    for (machine, age) in stale_syncs(&sources, &app.env.machine, now) {
        super::say(&format!(
            "Warning: the newest event from {} is {} old; sync it again?",
            harmless(machine),
            age_of(age)
        ));
    }
    for it in synced.iter().filter(|it| is_stale(it)) {
        let since = match it.last_at {
            None => "has never been synced to the end".to_owned(),
            Some(at) => format!("was last synced {} ago", age_of(now.millis() - at.millis())),
        };
        let host = harmless(&it.host);
        super::say(&format!("Warning: {host} {since}: run 'tt sync {host}'."));
    }
    if future {
        super::say("Warning: some events are dated in the future: was a clock wrong?");
    }
    if risk.files > 0 {
        super::say(&risk_warning(app, risk.files, risk.first));
    }
    Ok(())
}

/// Other machines whose newest event of any source is stale, and how old it is.
fn stale_syncs<'s>(
    sources: &'s [events::SourceStatus],
    here: &str,
    now: Timestamp,
) -> Vec<(&'s str, Millis)> {
    let mut newest: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for it in sources {
        if let Some(machine) = it.machine.as_deref().filter(|machine| *machine != here) {
            let at = newest.entry(machine).or_insert(it.newest);
            *at = (*at).max(it.newest);
        }
    }
    let age = |at: Timestamp| now.millis() - at.millis();
    let stale = newest.into_iter().map(|(machine, at)| (machine, age(at)));
    stale.filter(|(_, age)| *age > STALE).collect()
}

/// How far each agent log was read.
fn taken(store: Option<&Store>) -> Result<std::collections::HashMap<String, FileState>, Failure> {
    let Some(store) = store else {
        return Ok(Default::default());
    };
    let files = store::agents::files(store.conn())?;
    let parsed = |(key, state): (String, String)| Some((key, serde_json::from_str(&state).ok()?));
    Ok(files.into_iter().filter_map(parsed).collect())
}

fn risk_warning(app: &App, files: u64, first: Option<Timestamp>) -> String {
    let when = first.map_or_else(String::new, |first| {
        format!(", the first on {}", app.env.zone.local(first).format("%b %-d"))
    });
    format!(
        "Warning: Claude Code will delete {} that tt has not read yet{when}.\n  \
         Run 'tt ingest agents' now, or raise \"cleanupPeriodDays\" in its settings.json.",
        count(files, "log file")
    )
}

fn state_of(rules: &RulesState) -> (&'static str, String) {
    match rules {
        RulesState::Missing => ("missing", "not there; no rules".to_owned()),
        RulesState::Unreadable(why) => ("unreadable", why.clone()),
        RulesState::Broken => {
            ("broken", "has errors, no rule runs; see 'tt rules check'".to_owned())
        }
        RulesState::Ready(rules, _) => ("valid", count(rules.all().len() as u64, "rule")),
    }
}

fn age_of(age: Millis) -> String {
    const DAY: Millis = 24 * 3_600_000;
    match age {
        ..0 => "in the future".to_owned(),
        0..DAY => human(age),
        _ => count((age / DAY).unsigned_abs(), "day"),
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}
