//! What tests say, to programs: as JSON, and as JUnit for CI.

use std::io::Write;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use super::text::{diff, open, reason};
use super::{Counts, Each, Sound, Tested};
use crate::cli::error::{Failure, Outcome};
use crate::cli::rules::shape;
use crate::diag::render;
use crate::rules::cases::coverage::{Coverage, Gap, GapKind, Tally};
use crate::rules::cases::{Expect, Names, generate};
use crate::rules::{RuleId, RuleSet};

pub(super) fn json(tested: &[Tested]) -> Value {
    let counts = Counts::of(tested);
    let findings = tested.iter().map(|it| render::json::render(&it.findings, &it.file));
    let findings: Vec<_> =
        findings.flat_map(|it| it.as_array().cloned().unwrap_or_default()).collect();
    json!({
        "files": tested.iter().map(|it| it.file.name()).collect::<Vec<_>>(),
        "summary": {
            "tests": counts.all(),
            "passed": counts.passed,
            "failed": counts.failed,
            "broken": counts.broken,
        },
        "tests": tested.iter().flat_map(tests).collect::<Vec<_>>(),
        "findings": findings,
        "coverage": coverage(tested),
    })
}

fn tests(tested: &Tested) -> Vec<Value> {
    let Some(sound) = &tested.rules else { return Vec::new() };
    let one = |each: Each<'_>| {
        let info = each.info();
        let mut test = json!({
            "file": tested.file.name(),
            "line": info.line,
            "name": info.title(),
            "result": "broken",
            "stream": null,
            "expected": null,
            "got": null,
            "why": null,
        });
        if let Each::Ran(case, run) = each {
            let (expected, rule) = match &case.expect {
                Expect::Nothing => (result(None, Vec::new(), None, &sound.rules), None),
                Expect::Rule { rule, tags, project } => {
                    let tags = tags.iter().cloned().collect();
                    (result(Some(*rule), tags, project.clone(), &sound.rules), Some(*rule))
                }
            };
            let won = run.won.clone().map(|(id, it)| (Some(id), it.tags, it.project));
            let (won, tags, project) = won.unwrap_or_default();
            let why = rule.zip(run.why.as_ref());
            let why = why.map(|(rule, why)| reason(rule, why, run, &sound.rules, &tested.file));
            test["result"] = if run.passed { "passed" } else { "failed" }.into();
            test["stream"] = shape::of(&case.stream);
            test["expected"] = expected;
            test["got"] = result(won, tags, project, &sound.rules);
            test["why"] = why.into();
        }
        test
    };
    tested.each().into_iter().map(one).collect()
}

fn result(
    rule: Option<RuleId>,
    tags: Vec<String>,
    project: Option<String>,
    rules: &RuleSet,
) -> Value {
    json!({ "rule": rule.map(|id| called(id, rules)), "tags": tags, "project": project })
}

fn called(id: RuleId, rules: &RuleSet) -> Value {
    let info = rules.rules.get(id.index()).map(|rule| &rule.info);
    info.map_or(Value::Null, |info| json!({ "name": info.title(), "line": info.line }))
}

/// `null` if it was not asked for.
fn coverage(tested: &[Tested]) -> Value {
    let each = || tested.iter().filter_map(|it| Some((it, it.rules.as_ref()?.coverage.as_ref()?)));
    if each().next().is_none() {
        return Value::Null;
    }
    let sum = |of: fn(&Coverage) -> Tally| {
        each().map(|(_, coverage)| of(coverage)).fold(Tally::default(), Tally::plus)
    };
    let shown = |tally: Tally| json!({ "covered": tally.covered, "total": tally.total });
    let gaps = each().flat_map(|(it, coverage)| {
        let sound = it.rules.as_ref().map(|sound| (sound, Names::of(&sound.rules)));
        let gaps = coverage.gaps.iter();
        let open = |gap| sound.as_ref().map(|(sound, names)| open_in_json(gap, sound, names, it));
        gaps.filter_map(open).collect::<Vec<_>>()
    });
    json!({
        "percent": sum(Coverage::all).percent(),
        "rules": shown(sum(|it| it.rules)),
        "conditions": shown(sum(|it| it.conditions)),
        "orders": shown(sum(|it| it.orders)),
        "not_proven": each().map(|(_, it)| it.not_proven).sum::<u64>(),
        "gaps": gaps.collect::<Vec<_>>(),
    })
}

fn open_in_json(gap: &Gap, sound: &Sound, names: &Names<'_>, tested: &Tested) -> Value {
    let (kind, place, next) = match &gap.kind {
        GapKind::Rule => ("rule", None, None),
        GapKind::Condition { place, .. } => ("condition", Some(*place), None),
        GapKind::Order { next, .. } => ("order", None, Some(*next)),
    };
    let place = place.map(|place| {
        let (start, end) = (tested.file.position(place.start), tested.file.position(place.end));
        json!({
            "line": start.line,
            "column": start.column,
            "end_line": end.line,
            "end_column": end.column,
        })
    });
    json!({
        "kind": kind,
        "file": tested.file.name(),
        "rule": called(gap.rule, &sound.rules),
        "next": next.map(|next| called(next, &sound.rules)),
        "place": place,
        "message": open(gap, sound, &tested.file),
        "stream": shape::of(&gap.stream),
        "test": generate::case(gap.rule, &gap.stream, names, &sound.table),
    })
}

/// One suite per file. There are no times in it, so that the same tests give the same bytes.
pub(super) fn junit(tested: &[Tested], out: &mut dyn Write) -> Outcome {
    let mut report = Report::new("tt rules test");
    report.add_test_suites(tested.iter().map(suite));
    let failed = |error: quick_junit::SerializeError| {
        Failure::Failed(format!("cannot write JUnit XML: {error}"))
    };
    Ok(write!(out, "{}", report.to_string().map_err(failed)?)?)
}

fn suite(tested: &Tested) -> TestSuite {
    let mut suite = TestSuite::new(tested.file.name());
    let drawn = render::human::render(&tested.findings, &tested.file, false);
    match &tested.rules {
        None => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message("the rules have errors").set_description(drawn);
            suite.add_test_case(TestCase::new("rules", status));
        }
        Some(sound) => {
            let each = tested.each();
            suite.add_test_cases(each.into_iter().map(|each| test_case(&each, tested, sound)));
            if !drawn.is_empty() {
                suite.set_system_out(drawn);
            }
            if let Some(coverage) = &sound.coverage {
                let percent = coverage.all().percent().to_string();
                suite.add_property(Property::new("coverage.percent", percent));
            }
        }
    }
    suite
}

fn test_case(each: &Each<'_>, tested: &Tested, sound: &Sound) -> TestCase {
    let info = each.info();
    let status = match each {
        Each::Ran(_, run) if run.passed => TestCaseStatus::success(),
        Each::Ran(case, run) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let lines = diff(case, run, sound, &tested.file);
            status.set_message("- expected, + got").set_description(lines.join("\n"));
            status
        }
        Each::Broken(_) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message("the test is malformed and cannot be run");
            status
        }
    };
    let mut test = TestCase::new(info.title(), status);
    test.set_classname(tested.file.name());
    test.extra.insert("file".into(), tested.file.name().into());
    test.extra.insert("line".into(), info.line.to_string().into());
    test
}
