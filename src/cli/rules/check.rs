//! `tt rules check`: is the rule file right, and what does it do to streams?

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::explained::Explained;
use super::form::{self, Look};
use super::{fix, near, watch};
use crate::cli::app::{App, Config, RulesState, RunRules, short_id};
use crate::cli::args::{CheckArgs, CheckFormat, FixArgs, Format, LevelArgs};
use crate::cli::count;
use crate::cli::error::{Failure, Outcome};
use crate::cli::files;
use crate::cli::table::harmless;
use crate::cli::{say, write_json};
use crate::diag::{Code, Finding, Level, Levels, Severity, SourceFile};
use crate::rules::analysis::Verdict;
use crate::rules::near::Near;
use crate::rules::{self, Analysis, Asked, Review, RuleInfo, RuleSet, Rules, Scratch, lints};
use crate::store::{derived, tags};
use crate::tagging::Viewer;
use crate::tags::{Source, Tagged};

pub(super) fn run(app: &App, args: &CheckArgs, out: &mut dyn Write) -> Outcome {
    let of_streams = || match args.format {
        CheckFormat::Text => Ok(Format::Text),
        CheckFormat::Json => Ok(Format::Json),
        CheckFormat::Short
        | CheckFormat::Sarif
        | CheckFormat::Github
        | CheckFormat::Gitlab
        | CheckFormat::Junit => Err(Failure::Usage(
            "what rules do to streams is written as text or json\n  \
             Leave --format out, or write --format json."
                .to_owned(),
        )),
    };
    match &args.stream {
        Some(stream) => of_stream(app, stream, args.explain, of_streams()?, out),
        None if args.dry_run => dry_run(app, of_streams()?, out),
        None if args.watch => watch::run(app, args, out),
        None if args.fixing != FixArgs::default() => fix::run(app, args, out),
        None => check(app, args, out),
    }
}

/// A file that was checked.
pub(super) struct Checked {
    pub(super) file: SourceFile,
    /// Where it lies, for programs.
    pub(super) path: String,
    pub(super) findings: Vec<Finding>,
    /// The rules and what was proven of them, if nothing stops them.
    pub(super) rules: Option<(rules::Checked<RuleSet>, Analysis)>,
}

impl Checked {
    fn new(file: SourceFile, path: String, app: &App, asked: &Asked) -> Self {
        let Review { findings, rules } = rules::review(&file, &app.rules_env(), asked);
        Self { file, path, findings, rules }
    }

    pub(super) fn count(&self, severity: Severity) -> u64 {
        self.findings.iter().filter(|finding| finding.severity == severity).count() as u64
    }
}

/// What to look for, and how much to make of it.
pub(super) fn asked(args: &CheckArgs) -> Result<Asked, Failure> {
    let mut asked = Asked { levels: levels(&args.levels)?, ..Asked::default() };
    asked.options.losses = args.verbose;
    if args.overlaps && asked.levels.of(Code::Overlap) == Level::Allow {
        asked.levels.set(Code::Overlap, Level::Warn);
    }
    Ok(asked)
}

/// Levels as the command line sets them.
fn levels(args: &LevelArgs) -> Result<Levels, Failure> {
    let mut levels = Levels::default();
    let mut named = BTreeMap::new();
    let all = [(Level::Deny, &args.deny), (Level::Warn, &args.warn), (Level::Allow, &args.allow)];
    for (level, names) in all {
        for name in names {
            if name == lints::WARNINGS {
                levels.set_warnings(level);
                continue;
            }
            let code = lints::named(name).map_err(|why| {
                let why = format!("--{level} {}: {why}", harmless(name));
                Failure::Usage(format!("{why}\n  'tt rules explain' lists all codes and names."))
            })?;
            if let Some(other) = named.insert(code, level).filter(|other| *other != level) {
                let why = format!("--{other} and --{level} both name {code}");
                return Err(Failure::Usage(why));
            }
            levels.set(code, level);
        }
    }
    Ok(levels)
}

/// What was checked, and what could not be.
pub(super) struct Run {
    pub(super) checked: Vec<Checked>,
    /// Why files could not be looked at.
    pub(super) broken: Vec<String>,
    /// What is wrong in the config outside of the rules.
    wrong_settings: Option<String>,
}

/// Checks the files that were named, else the config.
pub(super) fn look(app: &App, args: &CheckArgs) -> Result<Run, Failure> {
    outputs_are_apart(app, args)?;
    let asked = asked(args)?;
    let mut run = Run { checked: Vec::new(), broken: Vec::new(), wrong_settings: None };
    if args.files.is_empty() {
        let Config { source, rules, settings, .. } = app.read_config();
        match rules {
            RulesState::Missing => {
                say(&app.missing_config());
                return Ok(run);
            }
            RulesState::Unreadable(why) => return Err(Failure::Broken(why)),
            RulesState::Broken => {}
            RulesState::Ready(..) => run.wrong_settings = settings.err(),
        }
        run.checked.push(Checked::new(source, slashed(&app.config), app, &asked));
    }
    for (path, name) in named(args) {
        match super::read_as(path, &name) {
            Ok(file) => {
                let path = slashed(Path::new(&name));
                run.checked.push(Checked::new(file, path, app, &asked));
            }
            Err(Failure::Broken(why)) => run.broken.push(why),
            Err(failure) => return Err(failure),
        }
    }
    Ok(run)
}

/// The files that were named, none twice, with what they are called.
pub(super) fn named(args: &CheckArgs) -> Vec<(&Path, String)> {
    let mut seen = BTreeSet::new();
    let named = args.files.iter().filter(|path| seen.insert(path.as_path()));
    let called = |path: &Path| {
        let stdin = args.stdin_filename.as_deref().filter(|_| path.as_os_str() == "-");
        let name = stdin.map_or_else(|| path.display().to_string(), str::to_owned);
        if name == "-" { "<stdin>".to_owned() } else { name }
    };
    named.map(|path| (path.as_path(), called(path))).collect()
}

/// A path as other programs read it.
fn slashed(path: &Path) -> String {
    path.display().to_string().replace(std::path::MAIN_SEPARATOR, "/")
}

/// Outputs that would overwrite what is checked, or each other.
fn outputs_are_apart(app: &App, args: &CheckArgs) -> Outcome {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let config = args.files.is_empty().then_some(&app.config);
    let mut taken: Vec<_> = args.files.iter().chain(config).map(|path| real(path)).collect();
    for (_, path) in &args.output {
        let shown = harmless(&path.display().to_string());
        if path.as_os_str() == "-" {
            let why = "--output writes files; what goes to stdout is chosen by --format";
            return Err(Failure::Usage(why.to_owned()));
        }
        // A device takes anything, any number of times.
        let is_device = path.metadata().is_ok_and(|it| !it.is_file());
        if !is_device && taken.contains(&real(path)) {
            let why = format!("--output would overwrite {shown}, which is checked or written here");
            return Err(Failure::Usage(why));
        }
        taken.push(real(path));
    }
    Ok(())
}

/// Writes what was found wherever it is wanted.
pub(super) fn show(app: &App, args: &CheckArgs, run: &Run, out: &mut dyn Write) -> Outcome {
    let colour = app.env.colour(app.env.out_is_terminal);
    let look = Look { format: args.format, colour, verbose: args.verbose, offer: !args.fixing.fix };
    out.write_all(form::write(&run.checked, look).as_bytes())?;
    for (format, path) in &args.output {
        let look = Look { format: *format, colour: false, ..look };
        files::put(path, &form::write(&run.checked, look)).map_err(|error| {
            Failure::Broken(format!("cannot write {}: {error}", path.display()))
        })?;
    }
    Ok(())
}

pub(super) fn check(app: &App, args: &CheckArgs, out: &mut dyn Write) -> Outcome {
    let run = look(app, args)?;
    show(app, args, &run, out)?;
    if !run.broken.is_empty() {
        return Err(Failure::Broken(run.broken.join("\nError: ")));
    }
    let fails = run.checked.iter().any(|it| it.count(Severity::Error) > 0);
    match run.wrong_settings {
        _ if args.exit_zero => Ok(()),
        Some(why) => Err(Failure::Failed(format!("{} {why}", app.config_name()))),
        None if fails => Err(Failure::Found),
        None => Ok(()),
    }
}

pub(super) const fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Reachable { .. } => "reachable",
        Verdict::Shadowed { .. } => "shadowed",
        Verdict::Unreachable { .. } => "unreachable",
        Verdict::Unsatisfiable { .. } => "unsatisfiable",
        Verdict::NotProven { .. } => "not_proven",
    }
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

fn of_stream(app: &App, text: &str, explain: bool, format: Format, out: &mut dyn Write) -> Outcome {
    let (store, config) = app.up_to_date(RunRules::No)?;
    rules_in_force(app, &config)?;
    let row = app.stream(store.conn(), text)?;
    let stream = Viewer::new(store.conn(), app.env.zone).view(&row)?;
    let now = tags::of_stream(store.conn(), &row.id)?;
    let winner = compiled(&config).and_then(|rules| {
        let id = rules.first_match(&stream)?;
        Some((rules.rule(id).clone(), rules.outcome(id, &stream)))
    });
    let explained = match explain {
        true => Explained::new(app, &config, &stream)?,
        false => None,
    };
    if format == Format::Json {
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
        if explain {
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
