//! `tt rules check`: is the rule file right, and what does it do to streams?

use std::io::Write;

use serde_json::{Value, json};

use super::{explain, near, shape};
use crate::cli::app::{App, Config, RulesState, RunRules, short_id};
use crate::cli::args::{CheckArgs, Format};
use crate::cli::count;
use crate::cli::error::{Failure, Outcome};
use crate::cli::table::harmless;
use crate::cli::{say, write_json};
use crate::diag::{Code, Finding, Level, SourceFile, render};
use crate::rules::analysis::{Judgement, Verdict};
use crate::rules::near::Near;
use crate::rules::{self, Analysis, Asked, Review, RuleInfo, RuleSet, Rules, Scratch, Stream};
use crate::store::{derived, tags};
use crate::tagging::Viewer;
use crate::tags::{Source, Tagged};

pub(super) fn run(app: &App, args: &CheckArgs, out: &mut dyn Write) -> Outcome {
    match &args.stream {
        Some(stream) => of_stream(app, stream, args, out),
        None if args.dry_run => dry_run(app, args.format, out),
        None => check(app, args, out),
    }
}

/// A file that was checked.
struct Checked {
    file: SourceFile,
    findings: Vec<Finding>,
    /// The rules and what was proven of them, if nothing is an error.
    rules: Option<(rules::Checked<RuleSet>, Analysis)>,
}

impl Checked {
    fn new(file: SourceFile, app: &App, args: &CheckArgs) -> Self {
        let mut asked = Asked::default();
        asked.options.losses = args.verbose;
        if args.overlaps {
            asked.levels.set(Code::Overlap, Level::Warn);
        }
        let Review { findings, rules } = rules::review(&file, &app.rules_env(), &asked);
        Self { file, findings, rules }
    }

    fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.stops()).count()
    }
}

fn check(app: &App, args: &CheckArgs, out: &mut dyn Write) -> Outcome {
    let mut checked = Vec::new();
    let mut wrong_settings = None;
    if args.files.is_empty() {
        let Config { source, rules, settings, .. } = app.read_config();
        match rules {
            RulesState::Missing => {
                say(&app.missing_config());
                if args.format == Format::Json {
                    in_json(&[], out)?;
                }
                return Ok(());
            }
            RulesState::Unreadable(why) => return Err(Failure::Failed(why)),
            RulesState::Broken => {}
            RulesState::Ready(..) => wrong_settings = settings.err(),
        }
        checked.push(Checked::new(source, app, args));
    }
    for path in &args.files {
        checked.push(Checked::new(super::read(path)?, app, args));
    }
    match args.format {
        Format::Json => in_json(&checked, out)?,
        Format::Text => {
            let colour = app.env.colour(app.env.out_is_terminal);
            for it in &checked {
                in_text(it, colour, out)?;
                if args.verbose {
                    verdicts(it, out)?;
                }
            }
        }
    }
    match wrong_settings {
        Some(why) => Err(Failure::Failed(format!("{} {why}", app.config_name()))),
        None if checked.iter().any(|it| it.errors() > 0) => Err(Failure::Found),
        None => Ok(()),
    }
}

fn in_text(checked: &Checked, colour: bool, out: &mut dyn Write) -> Outcome {
    let name = checked.file.name();
    if !checked.findings.is_empty() {
        writeln!(out, "{}", render::human::render(&checked.findings, &checked.file, colour))?;
    }
    let warnings = (checked.findings.len() - checked.errors()) as u64;
    match &checked.rules {
        Some((rules, analysis)) => {
            if analysis.pairs_left > 0 {
                let pairs = count(analysis.pairs_left, "pair");
                writeln!(out, "{name}: {pairs} of rules not compared for overlaps: too many")?;
            }
            let loaded = count(rules.rules.len() as u64, "rule");
            match warnings {
                0 => writeln!(out, "{name}: {loaded} loaded, all valid")?,
                n => writeln!(out, "{name}: {loaded} loaded, {}", count(n, "warning"))?,
            }
        }
        None => {
            let errors = count(checked.errors() as u64, "error");
            match warnings {
                0 => writeln!(out, "{name}: {errors}; no rule runs until fixed")?,
                n => {
                    writeln!(
                        out,
                        "{name}: {errors}, {}; no rule runs until fixed",
                        count(n, "warning")
                    )?;
                }
            }
        }
    }
    Ok(())
}

/// What was proven of each rule, with the streams that prove it.
fn verdicts(checked: &Checked, out: &mut dyn Write) -> Outcome {
    let Some((rules, analysis)) = &checked.rules else { return Ok(()) };
    let show = |stream: &Stream| harmless(&rules::show::stream(stream, &rules.homes));
    for (rule, judgement) in rules.rules.iter().zip(&analysis.rules) {
        let name = called(&rule.info);
        let off = if rule.info.enabled { "" } else { " (switched off)" };
        let verdict = word(&judgement.verdict);
        writeln!(out, "  {name} (line {}): {}{off}", rule.info.line, verdict.replace('_', " "))?;
        if let Verdict::Reachable { witness } = &judgement.verdict {
            writeln!(out, "    wins  {}", show(witness))?;
        }
        if let Some(loss) = &judgement.loss {
            let winner = rules.rules.get(loss.to.index());
            let winner = winner.map_or_else(String::new, |rule| called(&rule.info));
            writeln!(out, "    loses {} to {winner}", show(&loss.stream))?;
        }
    }
    Ok(())
}

const fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Reachable { .. } => "reachable",
        Verdict::Shadowed { .. } => "shadowed",
        Verdict::Unreachable { .. } => "unreachable",
        Verdict::Unsatisfiable { .. } => "unsatisfiable",
        Verdict::NotProven { .. } => "not_proven",
    }
}

fn in_json(checked: &[Checked], out: &mut dyn Write) -> Outcome {
    let files: Vec<&str> = checked.iter().map(|it| it.file.name()).collect();
    let mut rules = Vec::new();
    let mut findings = Vec::new();
    for it in checked {
        let before = rules.len();
        if let Some((set, analysis)) = &it.rules {
            let file = it.file.name();
            let judged = set.rules.iter().zip(&analysis.rules);
            rules.extend(judged.map(|(rule, it)| rule_in_json(&rule.info, it, file, before)));
        }
        if let Value::Array(found) = render::json::render(&it.findings, &it.file) {
            findings.extend(found);
        }
    }
    write_json(out, &json!({ "files": files, "rules": rules, "findings": findings }))
}

/// A rule with its verdict; `before` is the number of rules in the files before this one.
fn rule_in_json(rule: &RuleInfo, judgement: &Judgement, file: &str, before: usize) -> Value {
    let (by, same, witness) = match &judgement.verdict {
        Verdict::Reachable { witness } => (Vec::new(), false, Some(witness)),
        Verdict::Shadowed { by, same_effect, .. } => (vec![*by], *same_effect, None),
        Verdict::Unreachable { cover, same_effect, .. } => {
            (cover.rules().to_vec(), *same_effect, None)
        }
        Verdict::Unsatisfiable { .. } | Verdict::NotProven { .. } => (Vec::new(), false, None),
    };
    json!({
        "index": before + rule.index(),
        "name": rule.title(),
        "file": file,
        "line": rule.line,
        "enabled": rule.enabled,
        "verdict": word(&judgement.verdict),
        "same_effect": same,
        "by": by.iter().map(|id| before + id.index()).collect::<Vec<_>>(),
        "redundant": judgement.redundant.is_some(),
        "witness": witness.map(shape::of),
    })
}

/// The rules, or a failure that shows why there are none.
pub(super) fn rules_in_force(app: &App, config: &Config) -> Result<(), Failure> {
    match &config.rules {
        RulesState::Ready(..) => Ok(()),
        RulesState::Missing => {
            say(&app.missing_config());
            Ok(())
        }
        RulesState::Unreadable(why) => Err(Failure::Failed(why.clone())),
        RulesState::Broken => {
            app.warn_about(config);
            Err(Failure::Found)
        }
    }
}

pub(super) fn compiled(config: &Config) -> Option<&Rules> {
    match &config.rules {
        RulesState::Ready(rules, _) => Some(rules),
        _ => None,
    }
}

/// A rule as it is called in sentences: its name in quotes, else `rule 3`.
pub(super) fn called(rule: &RuleInfo) -> String {
    match &rule.name {
        Some(name) => format!("\"{}\"", harmless(name)),
        None => rule.title(),
    }
}

fn of_stream(app: &App, text: &str, args: &CheckArgs, out: &mut dyn Write) -> Outcome {
    let (store, config) = app.up_to_date(RunRules::No)?;
    rules_in_force(app, &config)?;
    let row = app.stream(store.conn(), text)?;
    let stream = Viewer::new(store.conn(), app.env.zone).view(&row)?;
    let now = tags::of_stream(store.conn(), &row.id)?;
    let winner = compiled(&config).and_then(|rules| {
        let id = rules.first_match(&stream)?;
        Some((rules.rule(id).clone(), rules.outcome(id, &stream)))
    });
    let explained = match args.explain {
        true => explain::Explained::new(app, &config, &stream)?,
        false => None,
    };
    if args.format == Format::Json {
        let tags: Vec<Value> = now
            .tags
            .iter()
            .map(|(tag, source)| json!({ "tag": tag, "source": source.as_str() }))
            .collect();
        let rule =
            winner.as_ref().map(|(rule, _)| json!({ "name": rule.title(), "line": rule.line }));
        let outcome = winner.as_ref().map(|(_, outcome)| outcome);
        let mut shown = json!({
            "stream": row.id,
            "primary_cwd": stream.primary_cwd,
            "tags": tags,
            "rule": rule,
            "would_apply": outcome.map(|it| applied(&now, &it.tags).0).unwrap_or_default(),
            "project": outcome.and_then(|it| it.project.clone()),
        });
        if args.explain {
            shown["explanation"] = explained.map_or_else(|| json!([]), |it| it.in_json());
        }
        return write_json(out, &shown);
    }
    let place = stream.primary_cwd.as_deref().unwrap_or(&row.name);
    writeln!(out, "Stream {}: {}", short_id(store.conn(), &row.id)?, harmless(place))?;
    let current: Vec<String> =
        now.tags.iter().map(|(tag, source)| format!("{tag} ({})", source.as_str())).collect();
    writeln!(out, "  Current tags: {}", or_none(&current))?;
    match &winner {
        Some((rule, outcome)) => {
            writeln!(out, "  Matched rule: {} (line {})", called(rule), rule.line)?;
            let (given, kept) = applied(&now, &outcome.tags);
            writeln!(out, "  Would apply: {}{}", or_none(&given), kept)?;
        }
        None => {
            writeln!(out, "  Matched rule: none")?;
            writeln!(out, "  Would apply: none")?;
        }
    }
    if let Some(explained) = &explained {
        explained.in_text(app.env.width(), out)?;
    }
    Ok(())
}

fn or_none(list: &[String]) -> String {
    if list.is_empty() { "none".to_owned() } else { harmless(&list.join(", ")) }
}

/// Which of a rule's tags it would give, and why it would not give the others.
fn applied(now: &Tagged, wanted: &[String]) -> (Vec<String>, String) {
    let has = |tag: &&String| now.tags.get(*tag) == Some(&Source::User);
    let held = |tag: &&String| now.removed.contains(*tag) && !has(tag);
    let given = wanted.iter().filter(|tag| !has(tag) && !held(tag)).cloned().collect();
    let list =
        |these: Vec<&String>| these.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let kept = list(wanted.iter().filter(has).collect());
    let off = list(wanted.iter().filter(held).collect());
    let mut why = Vec::new();
    if !kept.is_empty() {
        why.push(format!("already has: {kept} from user"));
    }
    if !off.is_empty() {
        why.push(format!("taken off by user: {off}"));
    }
    let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) };
    (given, harmless(&why))
}

/// What the rules would do to the streams that no rule has tagged: by rule, not by stream.
fn dry_run(app: &App, format: Format, out: &mut dyn Write) -> Outcome {
    let (store, config) = app.up_to_date(RunRules::No)?;
    rules_in_force(app, &config)?;
    let conn = store.conn();
    let rules = compiled(&config);
    let mut viewer = Viewer::new(conn, app.env.zone);
    let mut scratch = Scratch::default();
    let all = rules.map(Rules::all).unwrap_or_default();
    let mut matched = vec![0_u64; all.len()];
    let (mut total, mut unmatched) = (0_u64, 0_u64);
    let mut misses = near::Misses::default();
    let sound = rules.and_then(|_| rules::check(&config.source, &app.rules_env()).rules);
    let mut near = sound.as_ref().map(|sound| Near::new(&config.source, sound));
    for row in derived::without_rule_tags(conn)? {
        total += 1;
        let stream = viewer.view(&row)?;
        let winner = rules.and_then(|rules| rules.first_match_with(&stream, &mut scratch));
        match winner.and_then(|id| matched.get_mut(id.index())) {
            Some(count) => *count += 1,
            None => {
                unmatched += 1;
                misses.extend(near.as_mut().and_then(|near| near.of(&stream)));
            }
        }
    }
    let hits = || all.iter().zip(&matched).filter(|(_, count)| **count > 0);
    if format == Format::Json {
        let rules: Vec<Value> = hits()
            .map(|(rule, count)| {
                let (name, line) = (rule.title(), rule.line);
                json!({ "name": name, "line": line, "tags": rule.tags, "streams": count })
            })
            .collect();
        let summary = json!({
            "streams": total,
            "rules": rules,
            "unmatched": unmatched,
            "near_misses": misses.in_json(all),
        });
        return write_json(out, &summary);
    }
    writeln!(out, "{} without rule-applied tags:", count(total, "stream"))?;
    for (rule, count) in hits() {
        let verb = if *count == 1 { "matches" } else { "match" };
        let tags = harmless(&rule.tags.join(", "));
        writeln!(out, "  {count} {verb} {} → {tags}", called(rule))?;
    }
    if unmatched > 0 {
        writeln!(out, "  {unmatched} unmatched (will use LLM suggestions)")?;
    }
    misses.in_text(all, out)
}
