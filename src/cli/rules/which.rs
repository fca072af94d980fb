//! `tt rules which`: the rule that a stream would get of which only some fields are known.

use std::cmp::Reverse;
use std::io::Write;
use std::path::{Path, absolute};

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime};
use serde_json::{Value, json};

use super::check::called;
use super::draw::{Artist, one_line};
use super::{read_or_config, shape, sound};
use crate::cli::app::App;
use crate::cli::args::{Format, WhichArgs};
use crate::cli::error::{Failure, Outcome};
use crate::cli::table::harmless;
use crate::cli::write_json;
use crate::collect::git;
use crate::diag::SourceFile;
use crate::event::nfc;
use crate::rules::analysis::{Budget, Known, Possible, Winners, winners};
use crate::rules::fields::{FIELDS, Field, Type, WEEKDAYS};
use crate::rules::syntax::quantity::{DAY, NANOS_PER_SECOND, Unit, read};
use crate::rules::why::{self, Condition, Explanation};
use crate::rules::{Atom, Checked, Predicate, Rule, RuleSet, Rules, Stream, Test, show};

pub(super) fn run(app: &App, args: &WhichArgs, out: &mut dyn Write) -> Outcome {
    let known = known(app, args)?;
    let file = read_or_config(app, args.rules.as_deref())?;
    let rules = sound(app, &file, &app.rules_env())?;
    let answer = Answer {
        file: &file,
        compiled: rules.compile(),
        winners: winners(&rules, &known, Budget::default()),
        rules: &rules,
        known: &known,
    };
    match args.format {
        Format::Json => write_json(out, &answer.in_json())?,
        Format::Text => answer.in_text(app.env.width(), out)?,
    }
    if answer.can_match() { Ok(()) } else { Err(Failure::Found) }
}

// --- what is known ---

fn known(app: &App, args: &WhichArgs) -> Result<Known, Failure> {
    let mut known = Known::default();
    let (mut day, mut time) = (None, None);
    for (field, values) in &args.known.given {
        let info = field.info();
        known.fields.insert(*field);
        let first = values.first().map(String::as_str).unwrap_or_default();
        let wrong = |what: &str| {
            let value = harmless(first);
            Failure::Usage(format!("--{} '{value}': {what}", info.flag))
        };
        match info.ty {
            Type::Text | Type::TextSet => {
                if values.iter().any(String::is_empty) {
                    return Err(wrong("no value; leave the option out if it is not known"));
                }
                let value = |text: &String| match field {
                    Field::PrimaryCwd => directory(app, text),
                    _ => nfc(text),
                };
                known.stream.set_texts(*field, values.iter().map(value).collect());
            }
            Type::Duration => {
                let length = read(first, Unit::Duration);
                let length = length.ok_or_else(|| wrong("a length of time is written 1h30m"))?;
                known.stream.set_duration(*field, Some(length));
            }
            Type::Weekday => {
                let found = WEEKDAYS.iter().position(|name| *name == first);
                let names = WEEKDAYS.join(", ");
                day = Some(found.ok_or_else(|| wrong(&format!("a day is one of {names}")))?);
            }
            Type::TimeOfDay => {
                let found = read(first, Unit::TimeOfDay).filter(|nanos| *nanos < DAY);
                time = Some(found.ok_or_else(|| wrong("a time of day is written 17:30"))?);
            }
        }
    }
    known.stream.at = moment(day, time);
    if let Some(at) = &args.at {
        known.stream.at = Some(shape::moment(at, app.env.zone).map_err(Failure::Usage)?);
        known.fields.extend([Field::Weekday, Field::Time]);
    }
    if args.only_these {
        // Of a first event that is known by half, the other half is no less there.
        let half = known.stream.at.is_some();
        let rest = FIELDS.iter().map(|info| info.field);
        known.fields.extend(rest.filter(|it| !half || !matches!(it, Field::Weekday | Field::Time)));
    }
    Ok(known)
}

/// A moment on that day of the week, at that time; of what is not given, any.
fn moment(day: Option<usize>, time: Option<i64>) -> Option<NaiveDateTime> {
    let day_and_time = (day.is_some() || time.is_some())
        .then_some(())
        .map(|()| (day.unwrap_or_default(), time.unwrap_or_default()));
    let (day, time) = day_and_time?;
    let monday = NaiveDate::from_ymd_opt(2025, 1, 27)?;
    let date = monday.checked_add_days(Days::new(u64::try_from(day).ok()?))?;
    let seconds = u32::try_from(time / NANOS_PER_SECOND).ok()?;
    let nanos = u32::try_from(time % NANOS_PER_SECOND).ok()?;
    Some(date.and_time(NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos)?))
}

/// A directory as events have it: absolute, `~` replaced, links followed where it exists.
fn directory(app: &App, text: &str) -> String {
    let home = app.env.home().unwrap_or_else(|| "~".to_owned());
    let full = match text.strip_prefix('~') {
        Some("") => home,
        Some(rest) if rest.starts_with('/') => format!("{home}{rest}"),
        Some(_) | None => text.to_owned(),
    };
    let path = absolute(&full).unwrap_or_else(|_| Path::new(&full).to_owned());
    let path: std::path::PathBuf = path.components().collect();
    git::place_of(&path).cwd.unwrap_or(full)
}

// --- the answer ---

struct Answer<'a> {
    file: &'a SourceFile,
    rules: &'a Checked<RuleSet>,
    compiled: Rules,
    known: &'a Known,
    winners: Winners,
}

impl Answer<'_> {
    fn rule(&self, outcome: &Possible) -> Option<&Rule> {
        outcome.rule.and_then(|id| self.rules.rules.get(id.index()))
    }

    /// Whether some rule matches, or may.
    fn can_match(&self) -> bool {
        let some = |rules: &[Option<_>]| rules.iter().any(Option::is_some);
        self.winners.outcomes.iter().any(|it| it.rule.is_some()) || some(&self.winners.not_proven)
    }

    /// The stream that no rule matches, if there is one.
    fn unmatched(&self) -> Option<&Stream> {
        self.winners.outcomes.iter().find(|it| it.rule.is_none()).map(|it| &it.example)
    }

    fn in_text(&self, width: usize, out: &mut dyn Write) -> Outcome {
        match self.winners.certain() {
            Some(outcome) => match self.rule(outcome) {
                Some(rule) => writeln!(out, "{}", self.gives(rule, &outcome.example))?,
                None => writeln!(out, "No rule matches.")?,
            },
            None => self.possible(out)?,
        }
        let nearest = self.unmatched().and_then(|stream| self.nearest(stream));
        if let Some(Nearest { rule, failing }) = nearest {
            let nearest = match self.winners.certain() {
                Some(_) => "Nearest is",
                None => "Where none matches, nearest is",
            };
            writeln!(out, "\n{nearest} {} (line {}):", called(&rule.info), rule.info.line)?;
            let artist = Artist { file: self.file, homes: &self.rules.homes, width };
            let mut drawn = String::new();
            failing.iter().for_each(|condition| artist.condition(condition, 2, &mut drawn));
            write!(out, "{drawn}")?;
        }
        Ok(())
    }

    /// Every outcome with what it depends on.
    fn possible(&self, out: &mut dyn Write) -> Outcome {
        let fields = self.winners.outcomes.iter().flat_map(|it| &it.depends_on);
        let fields: std::collections::BTreeSet<_> = fields.collect();
        let names: Vec<_> = fields.iter().map(|field| field.info().name).collect();
        match names.split_last() {
            None => writeln!(out, "The answer is not proven.")?,
            Some((last, [])) => writeln!(out, "It depends on {last}:")?,
            Some((last, names)) => writeln!(out, "It depends on {} and {last}:", names.join(", "))?,
        }
        for outcome in &self.winners.outcomes {
            let Some(rule) = self.rule(outcome) else {
                writeln!(out, "  no rule")?;
                writeln!(out, "    for one: {}", self.example(outcome))?;
                continue;
            };
            writeln!(out, "  {}", self.gives(rule, &outcome.example))?;
            let open = self.open(rule, outcome);
            if !open.is_empty() {
                writeln!(out, "    if {}", open.join(" and "))?;
            }
            writeln!(out, "    for one: {}", self.example(outcome))?;
        }
        for id in &self.winners.not_proven {
            let rule = id.and_then(|id| self.rules.rules.get(id.index()));
            match rule {
                Some(rule) => {
                    writeln!(
                        out,
                        "  {} (line {}): not proven either way",
                        called(&rule.info),
                        rule.info.line
                    )?;
                }
                None => writeln!(out, "  no rule: not proven either way")?,
            }
        }
        Ok(())
    }

    /// A rule, and what it gives to a stream that it wins.
    fn gives(&self, rule: &Rule, stream: &Stream) -> String {
        let tags = harmless(&self.tags(rule, stream).join(", "));
        format!("{} (line {}) → {tags}", called(&rule.info), rule.info.line)
    }

    /// The tags that a rule gives: filled in if what is known says with what.
    fn tags(&self, rule: &Rule, stream: &Stream) -> Vec<String> {
        match self.fills(rule) {
            true => self.compiled.outcome(rule.info.id, stream).tags,
            false => rule.info.tags.clone(),
        }
    }

    fn project(&self, rule: &Rule, stream: &Stream) -> Option<String> {
        match self.fills(rule) {
            true => self.compiled.outcome(rule.info.id, stream).project,
            false => rule.project.as_ref().map(ToString::to_string),
        }
    }

    /// Whether all captures of a rule are of known fields.
    fn fills(&self, rule: &Rule) -> bool {
        rule.conjuncts.iter().all(|it| self.captures_what_is_known(&it.predicate))
    }

    fn captures_what_is_known(&self, predicate: &Predicate) -> bool {
        match predicate {
            Predicate::All(children) | Predicate::Any(children) => {
                children.iter().all(|child| self.captures_what_is_known(child))
            }
            Predicate::Not(child) => self.captures_what_is_known(child),
            Predicate::Atom(Atom { field, test: Test::Glob(pattern) }) => {
                self.known.fields.contains(field) || !pattern.has_captures()
            }
            Predicate::Atom(_) => true,
        }
    }

    /// The conditions that are still open, as they are written.
    fn open(&self, rule: &Rule, outcome: &Possible) -> Vec<String> {
        let conjuncts = outcome.open.iter().filter_map(|at| rule.conjuncts.get(*at));
        conjuncts.map(|conjunct| one_line(self.file, conjunct.place)).collect()
    }

    /// What an outcome depends on, in its example.
    fn example(&self, outcome: &Possible) -> String {
        let fields = || outcome.depends_on.iter();
        let value = |field: &Field| show::field(&outcome.example, *field, &self.rules.homes);
        let values: Vec<_> = fields().filter_map(value).collect();
        let missing: Vec<_> = fields()
            .filter(|field| !outcome.example.has(**field))
            .map(|field| field.info().name)
            .collect();
        let mut shown = values.join(", ");
        if !missing.is_empty() {
            shown.push_str(if values.is_empty() { "without " } else { "; without " });
            shown.push_str(&missing.join(", "));
        }
        harmless(&shown)
    }

    // --- the nearest rule ---

    /// The rule that a stream which none matches comes nearest to: the fewest conditions fail that
    /// what is known decides, then the fewest of all, then the longest text matches.
    fn nearest(&self, stream: &Stream) -> Option<Nearest<'_>> {
        let enabled = self.rules.rules.iter().filter(|rule| rule.info.enabled);
        let explained = enabled.map(|rule| (rule, why::explain(rule, stream)));
        let keyed = explained.map(|(rule, why)| {
            let (failing, progress): (usize, Reverse<usize>) = why.distance();
            ((self.decided(&why).count(), failing, progress), rule, why)
        });
        let (_, rule, why) = keyed.min_by_key(|(key, ..)| *key)?;
        let decided: Vec<_> = self.decided(&why).cloned().collect();
        let failing = if decided.is_empty() { why.failing().cloned().collect() } else { decided };
        Some(Nearest { rule, failing })
    }

    /// The conditions that fail for what is known.
    fn decided<'w>(&self, why: &'w Explanation) -> impl Iterator<Item = &'w Condition> {
        why.failing().filter(|condition| {
            let reasons = condition.node.reasons();
            reasons.iter().all(|reason| self.known.fields.contains(&reason.field))
        })
    }

    // --- for programs ---

    fn in_json(&self) -> Value {
        let outcomes = self.winners.outcomes.iter().map(|outcome| {
            let rule = self.rule(outcome);
            let names: Vec<_> = outcome.depends_on.iter().map(|field| field.info().name).collect();
            json!({
                "rule": rule.map(in_json),
                "tags": rule.map(|rule| self.tags(rule, &outcome.example)).unwrap_or_default(),
                "project": rule.and_then(|rule| self.project(rule, &outcome.example)),
                "if": rule.map(|rule| self.open(rule, outcome)).unwrap_or_default(),
                "depends_on": names,
                "example": shape::of(&outcome.example),
            })
        });
        let nearest = self.unmatched().and_then(|stream| self.nearest(stream));
        let nearest = nearest.map(|Nearest { rule, failing }| {
            let reasons = failing.iter().flat_map(|condition| condition.node.reasons());
            let reasons = reasons.map(|reason| reason.sentence(&self.rules.homes));
            json!({ "rule": in_json(rule), "reasons": reasons.collect::<Vec<_>>() })
        });
        let not_proven = self
            .winners
            .not_proven
            .iter()
            .map(|id| id.and_then(|id| self.rules.rules.get(id.index())).map(in_json));
        json!({
            "known": self.known.fields.iter().map(|field| field.info().name).collect::<Vec<_>>(),
            "certain": self.winners.certain().is_some(),
            "outcomes": outcomes.collect::<Vec<_>>(),
            "not_proven": not_proven.collect::<Vec<_>>(),
            "nearest": nearest,
        })
    }
}

struct Nearest<'a> {
    rule: &'a Rule,
    /// The conditions that keep it from holding.
    failing: Vec<Condition>,
}

fn in_json(rule: &Rule) -> Value {
    json!({ "index": rule.info.index(), "name": rule.info.title(), "line": rule.info.line })
}
