//! `tt rules diff`: what changes if one rule file takes the place of another, for every stream there
//! could be, and for those that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::{read, shape};
use crate::cli::app::{App, short_ids};
use crate::cli::args::{DiffArgs, Format};
use crate::cli::error::{Failure, Outcome};
use crate::cli::table::harmless;
use crate::cli::{count, say, write_json};
use crate::diag::{SourceFile, render};
use crate::rules::analysis::{Budget, Difference, Pair, Territory, difference};
use crate::rules::{self, Checked, RuleId, RuleInfo, RuleSet, Rules, Scratch, Stream};
use crate::store::derived::{self, StreamRow};
use crate::tagging::Viewer;
use crate::time::{Interval, Millis, human};

/// How many stored streams of a territory are named.
const NAMED: usize = 3;

/// How many territories are told to people.
const TOLD: usize = 50;

pub(super) fn run(app: &App, args: &DiffArgs, out: &mut dyn Write) -> Outcome {
    let new = args.new.as_deref().unwrap_or(&app.config);
    if args.old == Path::new("-") && new == args.old {
        return Err(Failure::Usage(
            "stdin can be read once only\n  Name a file for one.".to_owned(),
        ));
    }
    let old = File::read(app, &args.old);
    let new = File::read(app, new);
    let (old, new) = (old?, new?);
    let mut found = difference(&old.rules, &new.rules, Budget::default());
    let has_streams = app.database().is_ok_and(Path::exists);
    let stored = if has_streams { Some(stored(app, &old, &new)?) } else { None };
    // What could not be compared for all streams may show on those that there are.
    for (old, new) in stored.iter().flat_map(BTreeMap::keys) {
        let pair = Pair { old: *old, new: *new };
        if !found.not_proven.contains(&pair) && found.territories.iter().all(|it| it.pair != pair) {
            found.not_proven.push(pair);
        }
    }
    let told = Told { old, new, found, stored };
    match args.format {
        Format::Text => told.text(out)?,
        Format::Json => told.json(out)?,
    }
    if told.found.is_none() { Ok(()) } else { Err(Failure::Found) }
}

/// A rule file without mistakes.
struct File {
    source: SourceFile,
    rules: Checked<RuleSet>,
    compiled: Rules,
}

impl File {
    /// A file that cannot be compared is broken; what is wrong with it is said.
    fn read(app: &App, path: &Path) -> Result<Self, Failure> {
        let source = read(path)?;
        let checkup = rules::check(&source, &app.rules_env());
        let Some(rules) = checkup.rules else {
            let colour = app.env.colour(app.env.err_is_terminal);
            say(&render::human::render(&checkup.findings, &source, colour));
            return Err(Failure::Usage(format!(
                "{} has errors, so that there is nothing to compare",
                source.name()
            )));
        };
        let compiled = rules.compile();
        Ok(Self { source, rules, compiled })
    }

    fn info(&self, id: RuleId) -> Option<&RuleInfo> {
        self.compiled.all().get(id.index())
    }

    /// What the file gives to a stream, and by which rule.
    fn given(&self, stream: &Stream, scratch: &mut Scratch) -> (Option<RuleId>, Given) {
        let winner = self.compiled.first_match_with(stream, scratch);
        (winner, self.given_by(winner, stream))
    }

    fn given_by(&self, winner: Option<RuleId>, stream: &Stream) -> Given {
        let outcome = winner.map(|id| self.compiled.outcome(id, stream)).unwrap_or_default();
        Given { tags: outcome.tags.into_iter().collect(), project: outcome.project }
    }

    /// A rule in a sentence.
    fn called(&self, id: Option<RuleId>) -> String {
        let Some(info) = id.and_then(|id| self.info(id)) else { return "no rule".to_owned() };
        match &info.name {
            Some(name) => format!("'{}'", harmless(name)),
            None => info.title(),
        }
    }

    fn rule_in_json(&self, id: Option<RuleId>) -> Value {
        let info = id.and_then(|id| self.info(id));
        info.map_or(
            Value::Null,
            |info| json!({ "index": info.index(), "name": info.title(), "line": info.line }),
        )
    }
}

/// What a stream gets.
#[derive(PartialEq, Eq)]
struct Given {
    tags: BTreeSet<String>,
    project: Option<String>,
}

impl Given {
    fn words(&self) -> String {
        let mut words: Vec<_> = self.tags.iter().cloned().collect();
        words.extend(self.project.iter().map(|project| format!("project {project}")));
        if words.is_empty() { "no tags".to_owned() } else { harmless(&words.join(", ")) }
    }

    fn json(&self) -> Value {
        json!({ "tags": self.tags, "project": self.project })
    }
}

/// A stored stream that gets something else.
struct Affected {
    row: StreamRow,
    short_id: String,
}

impl Affected {
    const fn time(&self) -> Millis {
        self.row.direct_ms + self.row.delegated_ms
    }
}

/// Stored streams that get something else, by who wins them; longest first.
type Stored = BTreeMap<(Option<RuleId>, Option<RuleId>), Vec<Affected>>;

fn stored(app: &App, old: &File, new: &File) -> Result<Stored, Failure> {
    let store = app.open()?;
    let conn = store.conn();
    let mut viewer = Viewer::new(conn, app.env.zone);
    let (mut before, mut after) = (Scratch::default(), Scratch::default());
    let mut all = Stored::new();
    for row in derived::streams_between(conn, Interval::ALWAYS)? {
        let stream = viewer.view(&row)?;
        let (was, given_before) = old.given(&stream, &mut before);
        let (is, given_after) = new.given(&stream, &mut after);
        if given_before != given_after {
            let short_id = String::new();
            all.entry((was, is)).or_default().push(Affected { row, short_id });
        }
    }
    let ids: Vec<&str> = all.values().flatten().map(|it| it.row.id.as_str()).collect();
    let mut short = short_ids(conn, &ids)?;
    for affected in all.values_mut() {
        for it in &mut *affected {
            it.short_id = short.remove(&it.row.id).unwrap_or_default();
        }
        affected.sort_by_key(|it| (std::cmp::Reverse(it.time()), it.row.first));
    }
    Ok(all)
}

fn hours(affected: &[Affected]) -> String {
    human(affected.iter().map(Affected::time).sum())
}

/// All there is to tell.
struct Told {
    old: File,
    new: File,
    found: Difference,
    /// `None` where there is no database.
    stored: Option<Stored>,
}

impl Told {
    fn affected(&self, pair: Pair) -> &[Affected] {
        let stored = self.stored.as_ref();
        stored.and_then(|all| all.get(&(pair.old, pair.new))).map_or(&[], Vec::as_slice)
    }

    fn text(&self, out: &mut dyn Write) -> Outcome {
        let ranked = self.ranked();
        for territory in ranked.iter().take(TOLD) {
            self.territory(territory, out)?;
        }
        if let Some(more) = ranked.len().checked_sub(TOLD + 1) {
            writeln!(out, "… and {} more: --format json has all\n", more + 1)?;
        }
        for pair in &self.found.not_proven {
            let (old, new) = (self.old.called(pair.old), self.new.called(pair.new));
            writeln!(out, "{old} → {new}: not proven either way")?;
            self.streams(*pair, out)?;
            writeln!(out)?;
        }
        if self.found.rules_left > 0 {
            let left = count(self.found.rules_left, "rule");
            writeln!(out, "{left} not compared with all others: too many\n")?;
        }
        writeln!(out, "{}", self.total())?;
        Ok(())
    }

    /// What costs most comes first; then what is simplest to see.
    fn ranked(&self) -> Vec<&Territory> {
        let mut ranked: Vec<_> = self.found.territories.iter().collect();
        ranked.sort_by_cached_key(|it| {
            let time: Millis = self.affected(it.pair).iter().map(Affected::time).sum();
            (std::cmp::Reverse(time), it.witness.size())
        });
        ranked
    }

    fn territory(&self, territory: &Territory, out: &mut dyn Write) -> Outcome {
        let Territory { pair, witness } = territory;
        let place = |file: &File, id: Option<RuleId>| {
            let line = id.and_then(|id| file.info(id)).map(|info| format!(" (line {})", info.line));
            format!("{}{}", file.called(id), line.unwrap_or_default())
        };
        writeln!(out, "{} → {}", place(&self.old, pair.old), place(&self.new, pair.new))?;
        let before = self.old.given_by(pair.old, witness);
        let after = self.new.given_by(pair.new, witness);
        writeln!(out, "  such as  {}", harmless(&rules::show::stream(witness, &self.homes())))?;
        writeln!(out, "  gets     {} → {}", before.words(), after.words())?;
        self.streams(*pair, out)?;
        writeln!(out)?;
        Ok(())
    }

    fn streams(&self, pair: Pair, out: &mut dyn Write) -> Outcome {
        let affected = self.affected(pair);
        if affected.is_empty() {
            return Ok(());
        }
        let named = affected.iter().take(NAMED);
        let named: Vec<_> =
            named.map(|it| format!("{} {}", it.short_id, harmless(&it.row.name))).collect();
        let more = if affected.len() > NAMED { ", …" } else { "" };
        let many = count(affected.len() as u64, "stored stream");
        writeln!(out, "  affects  {many}, {}: {}{more}", hours(affected), named.join(", "))?;
        Ok(())
    }

    /// Where witnesses are shown with `~`: what it stands for in one file alone would be ambiguous.
    fn homes(&self) -> Vec<String> {
        let both = |home: &&String| self.new.rules.homes.contains(home);
        self.old.rules.homes.iter().filter(both).cloned().collect()
    }

    fn total(&self) -> String {
        let what = if self.found.is_none() {
            "No stream would change, whatever it is like".to_owned()
        } else {
            let changed = match self.found.territories.len() {
                1 => "1 territory".to_owned(),
                many => format!("{many} territories"),
            };
            match self.found.not_proven.len() {
                0 => format!("{changed} changed hands"),
                unproven => format!("{changed} changed hands, {unproven} not proven either way"),
            }
        };
        match &self.stored {
            None => format!("{what}; there is no database to look for stored streams in."),
            Some(_) if self.found.is_none() => format!("{what}."),
            Some(stored) => {
                let streams: usize = stored.values().map(Vec::len).sum();
                let time = stored.values().flatten().map(Affected::time).sum();
                let streams = count(streams as u64, "stored stream");
                format!("{what}; {streams} would change, {}.", human(time))
            }
        }
    }

    fn json(&self, out: &mut dyn Write) -> Outcome {
        let territories: Vec<_> = self.found.territories.iter().map(|it| self.of(it)).collect();
        let not_proven = self.found.not_proven.iter().map(|pair| {
            let mut it = self.pair(*pair);
            it["streams"] = self.streams_in_json(*pair);
            it
        });
        write_json(
            out,
            &json!({
                "old": self.old.source.name(),
                "new": self.new.source.name(),
                "equivalent": self.found.is_none(),
                "territories": territories,
                "not_proven": not_proven.collect::<Vec<_>>(),
                "rules_left": self.found.rules_left,
                "database": self.stored.is_some(),
            }),
        )
    }

    fn pair(&self, pair: Pair) -> Value {
        json!({ "old": self.old.rule_in_json(pair.old), "new": self.new.rule_in_json(pair.new) })
    }

    fn of(&self, territory: &Territory) -> Value {
        let Territory { pair, witness } = territory;
        let mut it = self.pair(*pair);
        it["witness"] = shape::of(witness);
        it["before"] = self.old.given_by(pair.old, witness).json();
        it["after"] = self.new.given_by(pair.new, witness).json();
        it["streams"] = self.streams_in_json(*pair);
        it
    }

    fn streams_in_json(&self, pair: Pair) -> Value {
        let each = self.affected(pair).iter().map(|it| {
            json!({
                "id": it.row.id,
                "name": it.row.name,
                "time_direct_ms": it.row.direct_ms,
                "time_delegated_ms": it.row.delegated_ms,
            })
        });
        each.collect()
    }
}
