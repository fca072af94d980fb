//! Cases made from streams: for rules that no case reaches, from the streams that prove that they
//! can win.
//!
//! INVARIANT (made to pass): what is written here was read back and run, and passed.

use std::collections::BTreeSet;

use super::given::{toml_string, written};
use super::{Case, Names, read, run};
use crate::diag::{Sink, SourceFile};
use crate::rules::analysis::{Analysis, Verdict};
use crate::rules::ir::{Checked, RuleId, RuleSet};
use crate::rules::stream::Stream;
use crate::rules::{Rules, syntax};

/// What was made for a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Generated {
    /// Rules, each with its case in TOML, in the order of the file.
    pub cases: Vec<(RuleId, String)>,
    /// Rules that nothing could be made for: not proven to be reachable, or by a stream alone that
    /// no case can write.
    pub left: Vec<RuleId>,
}

/// A case for every enabled rule that can win and that no passing case of `cases` reaches.
#[must_use]
pub fn missing(
    rules: &Checked<RuleSet>,
    table: &Rules,
    analysis: &Analysis,
    cases: &[Case],
) -> Generated {
    let reached = reached(rules, table, cases);
    let names = Names::of(rules);
    let mut generated = Generated::default();
    for (rule, judgement) in rules.rules.iter().zip(&analysis.rules) {
        let id = rule.info.id;
        if !rule.info.enabled || reached.contains(&id) {
            continue;
        }
        match &judgement.verdict {
            Verdict::Reachable { witness } => match case(id, witness, &names, table) {
                Some(case) => generated.cases.push((id, case)),
                None => generated.left.push(id),
            },
            Verdict::NotProven { .. } => generated.left.push(id),
            Verdict::Shadowed { .. }
            | Verdict::Unreachable { .. }
            | Verdict::Unsatisfiable { .. } => {}
        }
    }
    generated
}

/// The rules that win the stream of a passing case.
pub(super) fn reached(rules: &RuleSet, table: &Rules, cases: &[Case]) -> BTreeSet<RuleId> {
    let runs = run::run(cases, rules, table);
    runs.iter().filter(|run| run.passed).filter_map(|run| Some(run.won.as_ref()?.0)).collect()
}

/// A case in TOML that passes, whose stream is this one and is won by the rule. `None` if there is
/// no such case: of a stream whose lengths of time do not add up, say, none can be written.
#[must_use]
pub fn case(id: RuleId, stream: &Stream, names: &Names<'_>, table: &Rules) -> Option<String> {
    let rules = names.rules;
    let outcome = table.outcome(id, stream);
    let rule = toml_string(&names.call(rules.rules.get(id.index())?));
    let tags: Vec<_> = outcome.tags.iter().map(|tag| toml_string(tag)).collect();
    let project = outcome.project.map(|project| format!(", project = {}", toml_string(&project)));
    let text = format!(
        "[[rules.test]]\nstream = {}\nexpect = {{ rule = {rule}, tags = [{}]{} }}\n",
        written(stream, &rules.homes),
        tags.join(", "),
        project.unwrap_or_default()
    );
    let (file, mut sink) = (SourceFile::new("", text), Sink::default());
    let node = syntax::toml::parse(&file, &mut sink);
    let cases = read(&node.cases, Some(names), &file, &mut sink);
    let sound = sink.is_empty() && reached(rules, table, &cases.sound).contains(&id);
    sound.then(|| file.text().to_owned())
}
