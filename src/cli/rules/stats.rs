//! `tt rules stats`: what each rule did to the streams that are stored, and which rules are worth
//! another look.
//!
//! A stream remembers the rule that gave it its tags by name, place and line as they were then.
//! Since the file may have changed, that rule is looked for in it by name; a rule without a name
//! is taken to be the one at its place, if that has no name either. Rules that are not found are
//! shown apart.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use serde_json::{Value, json};

use super::check::{called, compiled, rules_in_force};
use crate::cli::app::{App, RunRules};
use crate::cli::args::{Format, RangeArgs, StatsArgs};
use crate::cli::error::{Failure, Outcome};
use crate::cli::streams::range;
use crate::cli::table::{Table, harmless};
use crate::cli::{count, write_json};
use crate::rules::analysis::{Options, Verdict, analyse};
use crate::rules::syntax::quantity::{Unit, read};
use crate::rules::{self, RuleId, RuleInfo, Rules, Scratch};
use crate::store::derived::{self, RuleRef, StreamRow};
use crate::store::tags;
use crate::tagging::Viewer;
use crate::tags::{Source, Tagged};
use crate::time::{Interval, Millis, Timestamp, human};

/// A person who corrects a rule this often does not make an exception.
const KEEPS: u64 = 2;

/// What a rule did.
#[derive(Clone, Debug, Default)]
struct Did {
    /// Streams that it gave their tags.
    streams: u64,
    direct_ms: Millis,
    delegated_ms: Millis,
    /// Streams of the same that it would match today.
    now: u64,
    /// The end of the last stream that it gave its tags or would match today, at any time.
    last: Option<Timestamp>,
    /// Streams on which a person corrected it.
    corrected: u64,
    /// Its tags that a person took off, and on how many streams.
    taken_off: BTreeMap<String, u64>,
    /// Other tags that a person gave, and on how many streams.
    given: BTreeMap<String, u64>,
}

impl Did {
    fn add(&mut self, row: &StreamRow) {
        self.streams += 1;
        self.direct_ms += row.direct_ms;
        self.delegated_ms += row.delegated_ms;
    }

    fn seen(&mut self, row: &StreamRow) {
        self.last = self.last.max(Some(row.last));
    }

    /// Notes what a person changed on a stream that the rule gave `tags`.
    fn corrections(&mut self, tags: &[String], now: &Tagged) {
        let off: Vec<_> = tags.iter().filter(|tag| now.removed.contains(*tag)).collect();
        let by_person = now.tags.iter().filter(|(_, source)| **source == Source::User);
        let given: Vec<_> =
            by_person.map(|(tag, _)| tag).filter(|tag| !tags.contains(tag)).collect();
        self.corrected += u64::from(!off.is_empty() || !given.is_empty());
        off.into_iter().for_each(|tag| *self.taken_off.entry(tag.clone()).or_default() += 1);
        given.into_iter().for_each(|tag| *self.given.entry(tag.clone()).or_default() += 1);
    }

    /// Whether a person keeps correcting it: takes a tag off time and again, or gives the same.
    fn is_overridden(&self) -> bool {
        self.taken_off.values().chain(self.given.values()).any(|streams| *streams >= KEEPS)
    }
}

/// What all rules did.
struct Stats {
    rules: Vec<RuleInfo>,
    did: Vec<Did>,
    /// Rules that are no longer in the file, by title.
    gone: BTreeMap<String, Did>,
    unmatched: u64,
    /// Rules that can win and have not matched for a while.
    idle: Vec<RuleId>,
    /// The length and the beginning of that while.
    history: (String, Timestamp),
}

pub(super) fn run(app: &App, args: &StatsArgs, out: &mut dyn Write) -> Outcome {
    let asked = RangeArgs { since: args.since.clone(), until: None };
    let asked = range(app, &asked)?;
    let history = length(&args.history)?;
    let since = app.env.now.plus(-history);
    let stats = collect(app, asked, (args.history.clone(), since))?;
    match args.format {
        Format::Json => write_json(out, &stats.in_json()),
        Format::Text => stats.in_text(app, out),
    }
}

/// `90d`, `12w`, `36h`: in milliseconds.
fn length(text: &str) -> Result<Millis, Failure> {
    const DAY: Millis = 86_400_000;
    let days = |unit: char, length: Millis| {
        text.strip_suffix(unit)?.parse::<u32>().ok().map(|count| Millis::from(count) * length)
    };
    let found =
        days('d', DAY).or_else(|| days('w', 7 * DAY)).or_else(|| read(text, Unit::Duration));
    found.ok_or_else(|| {
        Failure::Usage(format!(
            "--history '{}': a length of time is written 90d, 12w or 36h",
            harmless(text)
        ))
    })
}

fn collect(app: &App, asked: Interval, history: (String, Timestamp)) -> Result<Stats, Failure> {
    let (mut store, config) = app.up_to_date(RunRules::Yes)?;
    rules_in_force(app, &config)?;
    let compiled = compiled(&config);
    let rules = compiled.map(Rules::all).unwrap_or_default();
    let index = Index::new(rules);
    let tx = store.read()?;
    let mut viewer = Viewer::new(&tx, app.env.zone);
    let mut scratch = Scratch::default();
    let mut stats = Stats {
        did: vec![Did::default(); rules.len()],
        gone: BTreeMap::new(),
        unmatched: 0,
        idle: Vec::new(),
        history,
        rules: rules.to_vec(),
    };
    for row in derived::streams_between(&tx, Interval::ALWAYS)? {
        let within = row.last >= asked.start && row.first < asked.end;
        let stream = viewer.view(&row)?;
        let today = compiled.and_then(|rules| rules.first_match_with(&stream, &mut scratch));
        if let Some(did) = today.and_then(|id| stats.did.get_mut(id.index())) {
            did.seen(&row);
            did.now += u64::from(within);
        }
        let Some(stored) = &row.rule else {
            stats.unmatched += u64::from(within);
            continue;
        };
        let id = index.find(stored);
        let did = match id.and_then(|id| stats.did.get_mut(id.index())) {
            Some(did) => did,
            None => stats.gone.entry(stored.title()).or_default(),
        };
        did.seen(&row);
        if within {
            did.add(&row);
            if let (Some(rules), Some(id)) = (compiled, id) {
                let tags = rules.outcome(id, &stream).tags;
                did.corrections(&tags, &tags::of_stream(&tx, &row.id)?);
            }
        }
    }
    if let Some(rules) = rules::check(&config.source, &app.rules_env()).rules {
        let judged = analyse(&rules, &Options::default()).rules;
        let alive = stats.rules.iter().zip(&judged).filter(|(rule, judgement)| {
            rule.enabled && matches!(judgement.verdict, Verdict::Reachable { .. })
        });
        let since = Some(stats.history.1);
        let idle = |rule: &RuleInfo| stats.did.get(rule.index()).is_none_or(|did| did.last < since);
        stats.idle = alive.map(|(rule, _)| rule).filter(|it| idle(it)).map(|it| it.id).collect();
    }
    Ok(stats)
}

/// The rules of the file, by what streams remember of them.
struct Index<'r> {
    rules: &'r [RuleInfo],
    /// By name, the first of that name.
    named: HashMap<&'r str, RuleId>,
}

impl<'r> Index<'r> {
    fn new(rules: &'r [RuleInfo]) -> Self {
        let mut named = HashMap::new();
        for rule in rules {
            if let Some(name) = &rule.name {
                named.entry(name.as_str()).or_insert(rule.id);
            }
        }
        Self { rules, named }
    }

    fn find(&self, stored: &RuleRef) -> Option<RuleId> {
        let at_its_place = usize::try_from(stored.index).ok().and_then(|at| self.rules.get(at));
        // Of several rules of one name, rather the one at the same place.
        let same = at_its_place.filter(|rule| rule.name == stored.name).map(|rule| rule.id);
        same.or_else(|| self.named.get(stored.name.as_deref()?).copied())
    }
}

impl Stats {
    fn overridden(&self) -> impl Iterator<Item = (&RuleInfo, &Did)> {
        self.rules.iter().zip(&self.did).filter(|(_, did)| did.is_overridden())
    }

    fn in_text(&self, app: &App, out: &mut dyn Write) -> Outcome {
        let mut table = Table::new(
            &[
                ("RULE", false),
                ("LINE", true),
                ("STREAMS", true),
                ("TIME", true),
                ("LAST MATCH", false),
                ("NOW", true),
            ],
            &[0],
            &[1, 5, 4],
        );
        let last = |did: &Did| {
            let day = did.last.map(|at| app.env.zone.date(at).to_string());
            day.unwrap_or_else(|| "never".to_owned())
        };
        for (rule, did) in self.rules.iter().zip(&self.did) {
            let off = if rule.enabled { "" } else { " (off)" };
            table.row(vec![
                format!("{}{off}", rule.title()),
                rule.line.to_string(),
                did.streams.to_string(),
                human(did.direct_ms + did.delegated_ms),
                last(did),
                did.now.to_string(),
            ]);
        }
        for (title, did) in &self.gone {
            table.row(vec![
                format!("{title} (gone)"),
                String::new(),
                did.streams.to_string(),
                human(did.direct_ms + did.delegated_ms),
                last(did),
                String::new(),
            ]);
        }
        write!(out, "{}", table.render(app.env.table_width()))?;
        writeln!(out, "\n{} without a rule", count(self.unmatched, "stream"))?;
        if !self.idle.is_empty() {
            let (length, since) = (harmless(&self.history.0), app.env.zone.date(self.history.1));
            writeln!(out, "\nCan win, but matched nothing for {length} (since {since}):")?;
            for rule in self.idle.iter().filter_map(|id| self.rules.get(id.index())) {
                writeln!(out, "  {} (line {})", called(rule), rule.line)?;
            }
        }
        let mut overridden = self.overridden().peekable();
        if overridden.peek().is_some() {
            writeln!(out, "\nOverridden by you:")?;
        }
        for (rule, did) in overridden {
            let of = count(did.streams, "stream");
            let (name, line) = (called(rule), rule.line);
            writeln!(out, "  {name} (line {line}), on {} of {of}:", did.corrected)?;
            for (what, tags) in [("took off", &did.taken_off), ("gave", &did.given)] {
                let tags: Vec<_> = tags.iter().map(|(tag, n)| format!("{tag} ({n})")).collect();
                if !tags.is_empty() {
                    writeln!(out, "    {what} {}", harmless(&tags.join(", ")))?;
                }
            }
        }
        Ok(())
    }

    fn in_json(&self) -> Value {
        let tags = |tags: &BTreeMap<String, u64>| -> Value {
            tags.iter().map(|(tag, n)| json!({ "tag": tag, "streams": n })).collect()
        };
        let rules = self.rules.iter().zip(&self.did).map(|(rule, did)| {
            json!({
                "index": rule.index(),
                "name": rule.title(),
                "line": rule.line,
                "enabled": rule.enabled,
                "streams": did.streams,
                "time_direct_ms": did.direct_ms,
                "time_delegated_ms": did.delegated_ms,
                "last_match": did.last,
                "matches_now": did.now,
                "idle": self.idle.contains(&rule.id),
                "overridden": did.is_overridden(),
                "corrected_streams": did.corrected,
                "taken_off": tags(&did.taken_off),
                "given": tags(&did.given),
            })
        });
        let gone = self.gone.iter().map(|(title, did)| {
            json!({
                "name": title,
                "streams": did.streams,
                "time_direct_ms": did.direct_ms,
                "time_delegated_ms": did.delegated_ms,
                "last_match": did.last,
            })
        });
        json!({
            "rules": rules.collect::<Vec<_>>(),
            "gone": gone.collect::<Vec<_>>(),
            "unmatched": self.unmatched,
            "history_since": self.history.1,
        })
    }
}
