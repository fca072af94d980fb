//! The forms of a check's result: THE table of formats.
//!
//! What forms of [`render`] need to know is a file and its findings; the two that show rules as
//! well, text and JSON, are put together here.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::check::{Checked, called, word};
use super::{fix, shape};
use crate::cli::args::CheckFormat;
use crate::cli::count;
use crate::cli::table::harmless;
use crate::diag::Severity;
use crate::diag::render::{self, Shown};
use crate::rules::analysis::{Judgement, Verdict};
use crate::rules::{self, RuleInfo, Stream};

/// How a result is to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) format: CheckFormat,
    /// Colours, where a form has them.
    pub(super) colour: bool,
    /// Verdicts with their streams, where a form is for people.
    pub(super) verbose: bool,
    /// That something can be fixed, where a form is for people.
    pub(super) offer: bool,
}

/// The result of a check, written.
pub(super) fn write(checked: &[Checked], look: Look) -> String {
    let shown: Vec<_> = checked
        .iter()
        .map(|it| Shown { file: &it.file, path: &it.path, findings: &it.findings })
        .collect();
    match look.format {
        CheckFormat::Text => {
            let texts: String = checked.iter().map(|it| text(it, look)).collect();
            let offer = fix::offer(checked).filter(|_| look.offer);
            texts + &offer.map(|offer| format!("{offer}\n")).unwrap_or_default()
        }
        CheckFormat::Short => render::short::render(&shown),
        CheckFormat::Json => lines(&in_json(checked)),
        CheckFormat::Sarif => lines(&render::sarif::render(&shown)),
        CheckFormat::Github => render::github::render(&shown),
        CheckFormat::Gitlab => lines(&render::gitlab::render(&shown)),
        CheckFormat::Junit => render::junit::render(&shown),
    }
}

/// JSON with line breaks.
fn lines(value: &Value) -> String {
    format!("{value:#}\n")
}

fn text(checked: &Checked, look: Look) -> String {
    let mut out = String::new();
    if !checked.findings.is_empty() {
        out.push_str(&render::human::render(&checked.findings, &checked.file, look.colour));
        out.push('\n');
    }
    summary(checked, &mut out);
    if look.verbose {
        verdicts(checked, &mut out);
    }
    out
}

fn summary(checked: &Checked, out: &mut String) {
    let name = checked.file.name();
    let errors = checked.count(Severity::Error);
    let warnings = checked.count(Severity::Warning);
    let found = [(errors, "error"), (warnings, "warning")];
    let found = found.iter().filter(|(n, _)| *n > 0).map(|(n, noun)| count(*n, noun));
    let found = found.collect::<Vec<_>>().join(", ");
    let _ = match &checked.rules {
        Some((rules, analysis)) => {
            if analysis.pairs_left > 0 {
                let pairs = count(analysis.pairs_left, "pair");
                let _ =
                    writeln!(out, "{name}: {pairs} of rules not compared for overlaps: too many");
            }
            let loaded = count(rules.rules.len() as u64, "rule");
            let found = if found.is_empty() { "all valid" } else { &found };
            writeln!(out, "{name}: {loaded} loaded, {found}")
        }
        None => writeln!(out, "{name}: {found}; no rule runs until fixed"),
    };
}

/// What was proven of each rule, with the streams that prove it.
fn verdicts(checked: &Checked, out: &mut String) {
    let Some((rules, analysis)) = &checked.rules else { return };
    let show = |stream: &Stream| harmless(&rules::show::stream(stream, &rules.homes));
    for (rule, judgement) in rules.rules.iter().zip(&analysis.rules) {
        let (name, line) = (called(&rule.info), rule.info.line);
        let off = if rule.info.enabled { "" } else { " (switched off)" };
        let verdict = word(&judgement.verdict).replace('_', " ");
        let _ = writeln!(out, "  {name} (line {line}): {verdict}{off}");
        if let Verdict::Reachable { witness } = &judgement.verdict {
            let _ = writeln!(out, "    wins  {}", show(witness));
        }
        if let Some(loss) = &judgement.loss {
            let winner = rules.rules.get(loss.to.index());
            let winner = winner.map_or_else(String::new, |rule| called(&rule.info));
            let _ = writeln!(out, "    loses {} to {winner}", show(&loss.stream));
        }
    }
}

fn in_json(checked: &[Checked]) -> Value {
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
    json!({ "files": files, "rules": rules, "findings": findings })
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
