//! Which rules give the same tags and the same project.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::rules::ir::{Predicate, Rule, Template, TemplatePart, Test};

/// What a rule gives. Rules of the same outcome give the same to every stream for which both hold;
/// rules of different outcomes may do so too, but it is not known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct OutcomeId(usize);

/// The templates as written, and the conditions that fill them.
type Key<'r> = (Vec<Vec<(bool, &'r str)>>, Option<Vec<(bool, &'r str)>>, Vec<&'r Predicate>);

/// The outcome of every rule.
pub(super) fn outcomes(rules: &[Rule]) -> Vec<OutcomeId> {
    let mut known: HashMap<Key<'_>, OutcomeId, FixedState> = HashMap::default();
    let each = rules.iter().map(|rule| {
        let next = OutcomeId(known.len());
        *known.entry(key(rule)).or_insert(next)
    });
    each.collect()
}

fn key(rule: &Rule) -> Key<'_> {
    let mut tags: Vec<_> = rule.tags.iter().map(parts).collect();
    tags.sort_unstable();
    tags.dedup();
    let project = rule.project.as_ref().map(parts);
    let fills = tags.iter().chain(&project).flatten().any(|(captured, _)| *captured);
    let predicates = rule.conjuncts.iter().map(|conjunct| &conjunct.predicate);
    let sources = predicates.filter(|predicate| fills && captures(predicate)).collect();
    (tags, project, sources)
}

fn parts(template: &Template) -> Vec<(bool, &str)> {
    let parts = template.0.iter().map(|part| match part {
        TemplatePart::Text(text) => (false, text.as_str()),
        TemplatePart::Capture(name) => (true, name.as_str()),
    });
    parts.collect()
}

fn captures(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::All(children) | Predicate::Any(children) => children.iter().any(captures),
        Predicate::Not(child) => captures(child),
        Predicate::Atom(atom) => match &atom.test {
            Test::Glob(pattern) => pattern.has_captures(),
            Test::Present | Test::IsNot(_) | Test::Weekday(_) | Test::Within(_) => false,
        },
    }
}
