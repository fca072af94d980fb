//! `tt privacy`: what would leave the machine, and in which words. And the filter itself, for all
//! commands from which something leaves.

use std::collections::BTreeMap;
use std::io::Write;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::app::{App, Config, RulesState, RunRules, short_ids};
use super::args::{PrivacyCheckArgs, PrivacyCommand};
use super::error::{Failure, Outcome};
use super::streams::range;
use super::table::{Table, harmless};
use super::{count, write_json};
use crate::diag::{Finding, SourceFile};
use crate::event::Event;
use crate::judged;
use crate::privacy::{Class, Filter, Glob, Key, Kind, Known, Outgoing, Reason, Settings};
use crate::store::derived::{self, StreamRow};
use crate::store::texts::Texts;
use crate::store::{self, events, known, tags};

/// Where the key of obfuscated names is kept.
const KEY: &str = "privacy_key";
/// How many texts, and how many streams, are shown where the whole is for `--json`.
const SHOWN: usize = 20;

/// The filter of the config. Where its settings are wrong in any way, nothing leaves. It may write
/// its key, so ask for it outside of a transaction that writes.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn filter(app: &App, config: &Config, conn: &Connection) -> Result<Filter, Failure> {
    let settings = settings(app, config)?;
    if settings.is_empty() {
        return Ok(Filter::default());
    }
    let known = Known {
        places: known::places(conn)?,
        roots: known::roots(conn)?,
        sessions: known::tmux_sessions(conn)?,
        projects: known::projects(conn)?,
        names: known::names(conn)?,
    };
    Filter::new(settings, key(app, conn)?, &known).map_err(|why| {
        Failure::Failed(format!("cannot search for all names: {why}\n  Nothing leaves."))
    })
}

/// The settings of the filter, for a command that asks before it does anything at all: then what is
/// wrong with the config is said once.
///
/// # Errors
/// As those of [`filter`].
pub(super) fn settings(app: &App, config: &Config) -> Result<Settings, Failure> {
    let stop = |why: &str| Failure::Failed(format!("{why}\n  Nothing leaves until this is fixed."));
    match &config.rules {
        RulesState::Unreadable(why) => return Err(stop(why)),
        RulesState::Missing if app.config_is_named => {
            let file = app.env.shown(&app.config);
            return Err(stop(&format!("there is no config file {file}")));
        }
        RulesState::Missing | RulesState::Broken | RulesState::Ready(..) => {}
    }
    let home = app.env.home();
    let more = config.settings.iter().flat_map(|settings| settings.homes.iter().cloned());
    let more = more.filter(|other| Some(other) != home.as_ref());
    // What is recorded has its links resolved, so that goes before the name that $HOME has; and
    // $HOME before others: the first is what '~' becomes.
    let homes: Vec<String> = home
        .iter()
        .cloned()
        .chain(more)
        .flat_map(|home| physical(&home).into_iter().chain([home]))
        .collect();
    let settings = Settings::read(&config.source, &homes)
        .map_err(|findings| stop(&in_words(&findings, &config.source)))?;
    // What else is wrong may hide which homes there are.
    if let Err(why) = &config.settings {
        return Err(stop(&format!("{} {why}", config.source.name())));
    }
    Ok(settings)
}

/// Where a directory is, links resolved; `None` where it is not, or has no name in text.
fn physical(directory: &str) -> Option<String> {
    let there = std::fs::canonicalize(directory).ok()?;
    Some(there.to_str()?.to_owned())
}

/// The first finding and what there is to say of it, in the words of the owner's errors.
fn in_words(findings: &[Finding], source: &SourceFile) -> String {
    let mut text = first_of(&findings.iter().collect::<Vec<_>>(), source);
    for detail in findings.first().iter().flat_map(|first| &first.details) {
        text.push_str(&format!("\n{}", detail.replace('\n', " ")));
    }
    text
}

/// The first finding and its place, in a line, and how many more there are.
pub(super) fn first_of(findings: &[&Finding], source: &SourceFile) -> String {
    let Some((first, more)) = findings.split_first() else {
        return String::new();
    };
    let line = source.line(first.primary.span.start);
    let mut text = format!("{} line {line}: {}", source.name(), first.headline);
    if !more.is_empty() {
        text.push_str(&format!(" (and {})", count(more.len() as u64, "other error")));
    }
    text
}

/// The key of obfuscated names, made when it is first needed.
fn key(app: &App, conn: &Connection) -> Result<Key, Failure> {
    let kept = match store::meta(conn, KEY)? {
        Some(kept) => kept,
        None => {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes)
                .map_err(|error| Failure::Failed(format!("no random numbers: {error}")))?;
            let fresh = blake3::Hash::from_bytes(bytes).to_hex().to_string();
            if conn.is_autocommit() {
                store::meta_or(conn, KEY, &fresh)?
            } else {
                // It must last, whatever becomes of the transaction that `conn` is in.
                store::meta_or(app.open()?.conn(), KEY, &fresh)?
            }
        }
    };
    let key = blake3::Hash::from_hex(&kept).map_err(|_| {
        Failure::Failed(format!(
            "the key of obfuscated names in the database is damaged ('{KEY}' in the table meta)\n  \
             Nothing leaves. Without that row a new key is made, and all names become others."
        ))
    })?;
    Ok(Key::new(*key.as_bytes()))
}

/// A stream as far as the filter looks at it.
struct Look {
    id: String,
    name: String,
    known: Vec<(Kind, String)>,
}

impl Outgoing for Look {
    fn texts(&mut self, see: &mut dyn FnMut(Kind, &mut String)) {
        self.known.iter_mut().for_each(|(kind, text)| see(*kind, text));
    }
}

/// A text and how it leaves.
type Becomes = BTreeMap<(Kind, String), String>;

pub(super) fn run(app: &App, command: &PrivacyCommand, out: &mut dyn Write) -> Outcome {
    match command {
        PrivacyCommand::Check(args) => check(app, args, out),
    }
}

fn check(app: &App, args: &PrivacyCheckArgs, out: &mut dyn Write) -> Outcome {
    let range = range(app, &args.range)?;
    let config = app.read_config();
    let settings = settings(app, &config)?;
    let mut store = app.brought_up_to_date(&config, RunRules::Yes)?;
    let filter = filter(app, &config, store.conn())?;
    let tx = store.read()?;
    let rows = match args.streams.as_slice() {
        [] => derived::streams_between(&tx, range)?,
        named => named.iter().map(|name| app.stream(&tx, name)).collect::<Result<_, _>>()?,
    };
    let mut report = Report { becomes: Becomes::new(), streams: looks(&tx, rows)?, events: None };
    let mut withheld = Vec::new();
    for stream in &mut report.streams {
        let reason = filter.reason(stream);
        if reason.is_none() {
            note(&filter, stream, &mut report.becomes);
        }
        withheld.push(reason);
    }
    if args.streams.is_empty() {
        let mut seen = Events::default();
        events::for_each(&tx, range, |event| -> Result<(), Failure> {
            seen.look(&filter, event.clone(), &mut report.becomes);
            Ok(())
        })?;
        report.events = Some(seen);
    }
    if args.json {
        return write_json(out, &report.in_json(&settings, &withheld));
    }
    if !filter.is_on() {
        writeln!(out, "no [privacy]: everything leaves unchanged when you push or export")?;
        let streams = count(report.streams.len() as u64, "stream");
        let events = report.events.as_ref().map(|it| count(it.leave, "event"));
        let all: Vec<String> = [Some(streams), events].into_iter().flatten().collect();
        return Ok(writeln!(out, "{} would leave", all.join(" and "))?);
    }
    let ids: Vec<&str> = report.streams.iter().map(|stream| stream.id.as_str()).collect();
    let ids = short_ids(&tx, &ids)?;
    let shown = Shown { all: !args.streams.is_empty(), width: app.env.table_width() };
    report.in_words(&settings, &withheld, |id| ids.get(id).cloned().unwrap_or_default(), shown, out)
}

fn looks(conn: &Connection, rows: Vec<StreamRow>) -> Result<Vec<Look>, Failure> {
    let ids: Vec<&str> = rows.iter().map(|stream| stream.id.as_str()).collect();
    let mut tags = tags::of_streams(conn, &ids)?;
    let mut texts = Texts::new(conn);
    let mut looks = Vec::new();
    for stream in rows {
        let tags = tags.remove(&stream.id).unwrap_or_default();
        let tags: Vec<String> = tags.into_iter().map(|(tag, _)| tag).collect();
        let known = judged::of_stream(&stream, &tags, &mut texts)?;
        looks.push(Look { id: stream.id, name: stream.name, known });
    }
    Ok(looks)
}

/// Notes which texts of what leaves are replaced.
fn note(filter: &Filter, it: &mut dyn Outgoing, becomes: &mut Becomes) {
    it.texts(&mut |kind, text| {
        if let Some(other) = filter.becomes(kind, text) {
            becomes.insert((kind, text.clone()), other);
        }
    });
}

/// What becomes of events.
#[derive(Default)]
struct Events {
    leave: u64,
    withheld: BTreeMap<Reason, u64>,
}

impl Events {
    fn look(&mut self, filter: &Filter, mut event: Event, becomes: &mut Becomes) {
        match filter.reason(&mut event) {
            Some(reason) => *self.withheld.entry(reason).or_default() += 1,
            None => {
                self.leave += 1;
                note(filter, &mut event, becomes);
            }
        }
    }
}

struct Report {
    streams: Vec<Look>,
    /// Where no stream was named.
    events: Option<Events>,
    becomes: Becomes,
}

/// How much is shown.
struct Shown {
    /// All texts.
    all: bool,
    width: usize,
}

impl Report {
    fn in_json(&self, settings: &Settings, withheld: &[Option<Reason>]) -> Value {
        let globs = |globs: &[Glob]| -> Vec<String> {
            globs.iter().map(|glob| glob.written.clone()).collect()
        };
        let classes: Vec<&str> = settings.obfuscate.iter().map(|class| class.name()).collect();
        let streams: Vec<Value> = self
            .streams
            .iter()
            .zip(withheld)
            .map(|(stream, why)| {
                json!({ "id": stream.id, "name": stream.name, "leaves": why.is_none(),
                        "why": why.as_ref().map(reason_in_json) })
            })
            .collect();
        let events = self.events.as_ref().map(|events| {
            let why =
                |(why, n): (&Reason, &u64)| json!({ "why": reason_in_json(why), "events": n });
            let withheld: Vec<Value> = events.withheld.iter().map(why).collect();
            json!({ "leave": events.leave, "stay": events.withheld.values().sum::<u64>(),
                    "withheld": withheld })
        });
        let becomes = self.becomes.iter().map(|((kind, text), other)| {
            json!({ "kind": kind.name(), "text": text, "leaves_as": other })
        });
        json!({
            "configured": !settings.is_empty(),
            "include": globs(&settings.include),
            "exclude": globs(&settings.exclude),
            "obfuscate": classes,
            "streams": streams,
            "events": events,
            "texts": becomes.collect::<Vec<_>>(),
        })
    }

    fn in_words(
        &self,
        settings: &Settings,
        withheld: &[Option<Reason>],
        short: impl Fn(&str) -> String,
        shown: Shown,
        out: &mut dyn Write,
    ) -> Outcome {
        let classes: Vec<&str> =
            settings.obfuscate.iter().map(|class: &Class| class.name()).collect();
        let obfuscated = if classes.is_empty() {
            "nothing obfuscated".to_owned()
        } else {
            format!("{} obfuscated", classes.join(", "))
        };
        let included = match settings.include.len() {
            0 => "everything included".to_owned(),
            n => count(n as u64, "glob") + " to include",
        };
        let excluded = count(settings.exclude.len() as u64, "glob") + " to exclude";
        writeln!(out, "[privacy]: {included}, {excluded}, {obfuscated}")?;
        writeln!(out, "What stays is shown by its real name: do not pass this on.\n")?;
        let stays = withheld.iter().flatten().count();
        let leaves = withheld.len() - stays;
        writeln!(out, "STREAMS  {leaves} would leave, {stays} would not")?;
        let mut table = Table::new(
            &[("ID", false), ("NAME", false), ("WHY", false), ("OF", false)],
            &[1, 2, 3],
            &[],
        );
        let most = if shown.all { usize::MAX } else { SHOWN };
        let stay =
            self.streams.iter().zip(withheld).filter_map(|(it, why)| Some((it, why.as_ref()?)));
        for (stream, why) in stay.take(most) {
            let cells = [short(&stream.id), stream.name.clone()];
            table.row(cells.into_iter().chain(reason_cells(why)).collect());
        }
        if stays > 0 {
            write!(out, "{}", table.render(shown.width))?;
            more(stays, most, out)?;
        }
        if let Some(events) = &self.events {
            let stay: u64 = events.withheld.values().sum();
            writeln!(out, "\nEVENTS   {} would leave, {stay} would not", events.leave)?;
            let mut table =
                Table::new(&[("EVENTS", true), ("WHY", false), ("OF", false)], &[1, 2], &[]);
            let mut rows: Vec<_> = events.withheld.iter().collect();
            rows.sort_by_key(|(why, n)| (std::cmp::Reverse(**n), *why));
            for (why, n) in rows.iter().take(most) {
                let cells = [n.to_string()];
                table.row(cells.into_iter().chain(reason_cells(why)).collect());
            }
            if stay > 0 {
                write!(out, "{}", table.render(shown.width))?;
                more(rows.len(), most, out)?;
            }
        }
        if self.becomes.is_empty() {
            return Ok(writeln!(out, "\nTEXTS    all leave as they are")?);
        }
        let texts = count(self.becomes.len() as u64, "text");
        writeln!(out, "\nTEXTS    {texts} would leave in other words")?;
        let columns = [("KIND", false), ("HERE", false), ("LEAVES AS", false)];
        let mut table = Table::new(&columns, &[1, 2], &[]);
        for ((kind, text), other) in self.becomes.iter().take(most) {
            table.row(vec![kind.name().to_owned(), text.clone(), other.clone()]);
        }
        write!(out, "{}", table.render(shown.width))?;
        more(self.becomes.len(), most, out)
    }
}

/// How many are not shown.
fn more(all: usize, shown: usize, out: &mut dyn Write) -> Outcome {
    match all.checked_sub(shown) {
        None | Some(0) => Ok(()),
        Some(more) => Ok(writeln!(out, "  … and {more} more: see --json")?),
    }
}

fn reason_cells(why: &Reason) -> [String; 2] {
    match why {
        Reason::Excluded { kind, text, .. } => {
            [why.to_string(), format!("{} {}", kind.name(), harmless(text))]
        }
        Reason::NotIncluded => [why.to_string(), String::new()],
    }
}

fn reason_in_json(why: &Reason) -> Value {
    match why {
        Reason::Excluded { glob, kind, text } => {
            json!({ "reason": "excluded", "glob": glob, "kind": kind.name(), "text": text })
        }
        Reason::NotIncluded => json!({ "reason": "not included" }),
    }
}
