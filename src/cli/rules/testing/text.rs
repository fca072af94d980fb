//! What tests say, to people: each failure with what was expected and what came instead.

use std::collections::BTreeSet;
use std::io::Write;

use super::{Counts, Each, Sound, Tested};
use crate::cli::count;
use crate::cli::error::Outcome;
use crate::cli::rules::check::called;
use crate::cli::table::harmless;
use crate::diag::{SourceFile, Span, render};
use crate::rules::cases::coverage::{Gap, GapKind, Tally};
use crate::rules::cases::run::{Run, Why};
use crate::rules::cases::{Case, Expect, Names, generate};
use crate::rules::{RuleId, RuleSet, show};

const NO_TESTS: &str = r#"No tests. A test is a stream, and what the rules are to make of it:

  [[rules.test]]
  stream = { primary_cwd = "~/work/acme/web" }
  expect = { rule = "Acme projects", tags = ["acme", "billable"] }

'tt rules test --generate' prints one for every rule that can win."#;

pub(super) fn write(tested: &[Tested], colour: bool, out: &mut dyn Write) -> Outcome {
    for it in tested.iter().filter(|it| !it.findings.is_empty()) {
        writeln!(out, "{}", render::human::render(&it.findings, &it.file, colour))?;
    }
    for it in tested.iter().filter(|it| it.rules.is_none()) {
        let errors = it.findings.iter().filter(|finding| finding.stops()).count() as u64;
        let name = it.file.name();
        writeln!(out, "{name}: {}; no rule runs until fixed", count(errors, "error"))?;
    }
    let failed: Vec<_> = tested.iter().flat_map(|it| failures(it, colour)).collect();
    if !failed.is_empty() {
        writeln!(out, "- expected, + got\n")?;
    }
    failed.iter().try_for_each(|failure| writeln!(out, "{failure}"))?;
    for it in tested {
        gaps(it, out)?;
    }
    let counts = Counts::of(tested);
    if counts.all() > 0 {
        writeln!(out, "{}", summary(counts))?;
    } else if tested.iter().all(|it| it.rules.is_some()) {
        writeln!(out, "{NO_TESTS}")?;
    }
    let coverages = || tested.iter().filter_map(|it| it.rules.as_ref()?.coverage.as_ref());
    if coverages().next().is_some() {
        let sum = |of: fn(&_) -> Tally| coverages().map(of).fold(Tally::default(), Tally::plus);
        let of = |tally: Tally| format!("{} of {}", tally.covered, tally.total);
        writeln!(
            out,
            "{}% covered: rules {}, conditions {}, orders {}",
            sum(|it| it.all()).percent(),
            of(sum(|it| it.rules)),
            of(sum(|it| it.conditions)),
            of(sum(|it| it.orders)),
        )?;
        let not_proven = coverages().map(|it| it.not_proven).sum();
        if not_proven > 0 {
            let them = count(not_proven, "more");
            let them = them.trim_end_matches('s');
            writeln!(out, "{them} not counted: not proven either way")?;
        }
    }
    Ok(())
}

fn summary(counts: Counts) -> String {
    let Counts { passed, failed, broken } = counts;
    let mut out = format!("{}, {passed} passed", count(counts.all() as u64, "test"));
    for (n, what) in [(failed, "failed"), (broken, "cannot be run")] {
        if n > 0 {
            out.push_str(&format!(", {n} {what}"));
        }
    }
    out
}

/// Everything about each test that failed or cannot be run.
fn failures(tested: &Tested, colour: bool) -> Vec<String> {
    let Some(sound) = &tested.rules else { return Vec::new() };
    let name = tested.file.name();
    let one = |each: Each<'_>| {
        let info = each.info();
        let heading = format!("{name}:{}: {}", info.line, harmless(&info.title()));
        match each {
            Each::Ran(_, run) if run.passed => None,
            Each::Ran(case, run) => {
                let lines = diff(case, run, sound, &tested.file);
                let lines: Vec<_> = lines.iter().map(|line| coloured(line, colour)).collect();
                Some(format!("FAILED {heading}\n{}\n", lines.join("\n")))
            }
            Each::Broken(_) => Some(format!("CANNOT BE RUN {heading}\n")),
        }
    };
    tested.each().into_iter().filter_map(one).collect()
}

fn coloured(line: &str, colour: bool) -> String {
    let code = match line.trim_start().chars().next() {
        Some('-') => 31,
        Some('+') => 32,
        _ => return line.to_owned(),
    };
    if colour { format!("\x1b[{code}m{line}\x1b[0m") } else { line.to_owned() }
}

/// What was expected and what came instead, line by line, and why.
pub(super) fn diff(case: &Case, run: &Run, sound: &Sound, file: &SourceFile) -> Vec<String> {
    let rules = &sound.rules;
    let mut lines =
        vec![format!("  stream: {}", harmless(&show::stream(&case.stream, &rules.homes)))];
    let nothing = || "none".to_owned();
    let title = |id: &RuleId| with_line(rules, *id);
    let (expected, tags, project) = match &case.expect {
        Expect::Nothing => (None, BTreeSet::new(), None),
        Expect::Rule { rule, tags, project } => (Some(rule), tags.clone(), project.as_ref()),
    };
    let got = run.won.as_ref().map(|(id, _)| id);
    let outcome = run.won.as_ref().map(|(_, outcome)| outcome.clone()).unwrap_or_default();
    let mut compare = |what: &str, expected: Option<String>, got: Option<String>| {
        if expected == got {
            lines.extend(got.map(|got| format!("    {what}: {}", harmless(&got))));
        } else {
            lines.extend(expected.map(|it| format!("  - {what}: {}", harmless(&it))));
            lines.extend(got.map(|it| format!("  + {what}: {}", harmless(&it))));
        }
    };
    let called = |id: Option<&RuleId>| Some(id.map_or_else(nothing, title));
    compare("rule", called(expected), called(got));
    let given: BTreeSet<_> = outcome.tags.iter().cloned().collect();
    for tag in tags.difference(&given) {
        compare("tag", Some(tag.clone()), None);
    }
    for tag in given.difference(&tags) {
        compare("tag", None, Some(tag.clone()));
    }
    for tag in given.intersection(&tags) {
        compare("tag", Some(tag.clone()), Some(tag.clone()));
    }
    if let Some(project) = project {
        compare("project", Some(project.clone()), Some(outcome.project.unwrap_or_else(nothing)));
    }
    let why = expected.zip(run.why.as_ref());
    lines.extend(why.map(|(rule, why)| format!("  {}", reason(*rule, why, run, rules, file))));
    lines
}

/// Why the expected rule did not win.
pub(super) fn reason(
    rule: RuleId,
    why: &Why,
    run: &Run,
    rules: &RuleSet,
    file: &SourceFile,
) -> String {
    let title = title(rules, rule);
    match why {
        Why::Off => format!("{title} is switched off"),
        Why::Fails(places) => {
            let each: Vec<_> = places
                .iter()
                .map(|place| {
                    format!("{} (line {})", as_written(file, *place), file.line(place.start))
                })
                .collect();
            format!("{title} does not hold, because of {}", each.join(" and "))
        }
        Why::Later => {
            let winner = run.won.as_ref().map(|(id, _)| with_line(rules, *id)).unwrap_or_default();
            format!("{title} holds too, but {winner} comes first")
        }
    }
}

fn title(rules: &RuleSet, id: RuleId) -> String {
    rules.rules.get(id.index()).map_or_else(|| id.to_string(), |rule| called(&rule.info))
}

fn with_line(rules: &RuleSet, id: RuleId) -> String {
    let line = rules.rules.get(id.index()).map_or(0, |rule| rule.info.line);
    format!("{} (line {line})", title(rules, id))
}

/// A piece of the file, in one line that is not too long.
pub(super) fn as_written(file: &SourceFile, place: Span) -> String {
    const LONGEST: usize = 100;
    let text = file.slice(place).split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", harmless(text.get(..end).unwrap_or_default())),
        None => harmless(&text),
    }
}

/// What is not covered, each with a test that would cover it.
fn gaps(tested: &Tested, out: &mut dyn Write) -> Outcome {
    let Some(sound) = &tested.rules else { return Ok(()) };
    let Some(coverage) = &sound.coverage else { return Ok(()) };
    let names = Names::of(&sound.rules);
    for gap in &coverage.gaps {
        // That a rule is not reached says all about its conditions.
        if matches!(gap.kind, GapKind::Condition { reached: false, .. }) {
            continue;
        }
        let (name, file) = (tested.file.name(), &tested.file);
        writeln!(out, "{name}:{}: {}", line(gap, sound, file), open(gap, sound, file))?;
        match generate::case(gap.rule, &gap.stream, &names, &sound.table) {
            Some(case) => {
                case.lines().try_for_each(|line| writeln!(out, "  {}", harmless(line)))?;
                writeln!(out)?;
            }
            None => {
                let stream = show::stream(&gap.stream, &sound.rules.homes);
                writeln!(out, "  a stream that tells: {}\n", harmless(&stream))?;
            }
        }
    }
    Ok(())
}

/// Where a gap is: line, or line and column.
fn line(gap: &Gap, sound: &Sound, file: &SourceFile) -> String {
    match gap.kind {
        GapKind::Condition { place, .. } => {
            let at = file.position(place.start);
            format!("{}:{}", at.line, at.column)
        }
        GapKind::Rule | GapKind::Order { .. } => {
            let rule = sound.rules.rules.get(gap.rule.index());
            rule.map_or(0, |rule| rule.info.line).to_string()
        }
    }
}

/// What is open, in a sentence.
pub(super) fn open(gap: &Gap, sound: &Sound, file: &SourceFile) -> String {
    let rule = title(&sound.rules, gap.rule);
    match &gap.kind {
        GapKind::Rule => format!("no test reaches {rule}"),
        GapKind::Condition { place, negated, .. } => {
            let holds = if *negated { "does not hold" } else { "holds" };
            format!("{rule} wins no test where {} {holds}", as_written(file, *place))
        }
        GapKind::Order { next, outcome } => {
            let stream = harmless(&show::stream(&gap.stream, &sound.rules.homes));
            let now = sound.table.outcome(gap.rule, &gap.stream);
            let given = |outcome: &crate::rules::Outcome| {
                let project = outcome.project.iter().map(|project| format!("project {project}"));
                let all: Vec<_> = outcome.tags.iter().cloned().chain(project).collect();
                harmless(&all.join(", "))
            };
            format!(
                "{rule} and {} could change places, and no test would fail: {stream} would get {} \
                 instead of {}",
                with_line(&sound.rules, *next),
                given(outcome),
                given(&now),
            )
        }
    }
}
