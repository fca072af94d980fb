//! The check: names, types and hygiene of every rule, and the way into the typed form.
//!
//! Conditions of `match` blocks (`condition`) and expressions (`when`) become the same tree;
//! with each part of it goes what it captures (`capture`), for the tags to use. What findings say
//! about mistakes of the syntax is in `message`.

mod capture;
mod condition;
mod message;
mod when;

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::{Checked, Conjunct, Leaf, Pattern, Predicate, Rule, RuleId, RuleInfo, RuleSet};
use crate::diag::{Code, Edit, Finding, Safety, Sink, SourceFile, Span, quote};
use crate::rules::Env;
use crate::rules::syntax::edits::without_element;
use crate::rules::syntax::embedded::Text;
use crate::rules::syntax::glob;
use crate::rules::syntax::{RuleFile, RuleNode};
use capture::Captured;

/// Checks a file and lowers it. `None` if anything in the sink is an error, whoever put it there.
pub fn check(
    written: &RuleFile,
    file: &SourceFile,
    env: &Env,
    sink: &mut Sink,
) -> Option<Checked<RuleSet>> {
    let homes = homes(env, &written.homes);
    let mut lowerer = Lowerer { file, sink, homes: &homes, at_home: Vec::new() };
    let rules: Vec<_> = written
        .rules
        .iter()
        .zip(0..)
        .map(|(node, index)| lowerer.rule(node, RuleId(index)))
        .collect();
    lowerer.duplicate_names(&written.rules);
    if homes.is_empty() {
        lowerer.no_home();
    }
    (!sink.has_errors()).then(|| Checked::new(RuleSet { rules, homes }))
}

/// The patterns of a glob that stands outside of rules: one, or one per home.
///
/// # Errors
///
/// All mistakes of the glob, a `~` that stands for nothing among them.
pub(in crate::rules) fn glob(text: &Text, homes: &[String]) -> Result<Vec<Pattern>, Vec<Finding>> {
    let nodes = glob::parse(text).map_err(|broken| {
        let found = broken.errors.iter().map(|error| message::glob_error(text, error));
        found.collect::<Vec<_>>()
    })?;
    let at_home = nodes.first().is_some_and(|node| node.kind == glob::Kind::Home);
    if at_home && homes.is_empty() {
        let headline = "'~' stands for no directory: $HOME is not set";
        return Err(vec![Finding::new(Code::NoHome, text.span, headline).label("matches nothing")]);
    }
    let homes: Vec<String> =
        homes.iter().map(|home| home.trim_end_matches('/').nfc().collect()).collect();
    Ok(Pattern::lower(&nodes, &homes))
}

/// The directories that `~` stands for.
fn homes(env: &Env, more: &[Text]) -> Vec<String> {
    let named = more.iter().map(|text| text.text.as_str());
    let mut homes: Vec<String> = Vec::new();
    for home in env.home.as_deref().into_iter().chain(named).filter(|home| !home.is_empty()) {
        let home: String = home.trim_end_matches('/').nfc().collect();
        if !homes.contains(&home) {
            homes.push(home);
        }
    }
    homes
}

/// What a condition means.
#[derive(Default)]
struct Meaning {
    /// When it holds; `None` if there is something wrong with it, which was said.
    predicate: Option<Predicate>,
    /// What it captures.
    captured: Captured,
    /// The tests it is written with.
    leaves: Vec<Leaf>,
}

impl Meaning {
    /// Of a condition that captures nothing.
    fn plain(predicate: Predicate) -> Self {
        Self { predicate: Some(predicate), ..Self::default() }
    }

    /// Of a condition with a mistake: what it was to capture is not known.
    fn broken() -> Self {
        Self { captured: Captured::unknown(), ..Self::default() }
    }

    /// Of a condition on one field, written at `place`. Globs of a list keep places of their own.
    fn at(mut self, place: Span) -> Self {
        match (&self.predicate, self.leaves.as_mut_slice()) {
            (Some(Predicate::Atom(_)), _) => self.leaves = vec![Leaf { place, atoms: 1 }],
            (_, [only]) => only.place = place,
            _ => {}
        }
        self
    }
}

struct Lowerer<'f> {
    file: &'f SourceFile,
    sink: &'f mut Sink,
    /// What `~` stands for.
    homes: &'f [String],
    /// The patterns that begin with `~`.
    at_home: Vec<Span>,
}

impl Lowerer<'_> {
    fn rule(&mut self, node: &RuleNode, id: RuleId) -> Rule {
        let (conjuncts, captured) = self.conditions(node);
        self.repeated_tags(&node.tags);
        let tags = node.tags.iter().map(|tag| self.template(tag, "tag", &captured)).collect();
        let project = node.project.as_ref().map(|text| self.template(text, "project", &captured));
        let when = node.when.as_ref().map(|when| when.key);
        let key = node.matching.as_ref().map(|matching| matching.key).or(when);
        let info = RuleInfo {
            id,
            name: node.name.as_ref().map(|name| name.text.clone()),
            tags: node.tags.iter().map(|tag| tag.text.clone()).collect(),
            line: self.file.line(key.unwrap_or(node.header).start),
            enabled: node.enabled,
        };
        Rule { info, conjuncts, header: node.header, tags, project }
    }

    /// What must hold: the conditions of `match`, then what `and` joins at the top of `when`.
    fn conditions(&mut self, node: &RuleNode) -> (Vec<Conjunct>, Captured) {
        let mut conjuncts = Vec::new();
        let mut captured = Vec::new();
        let mut add = |meaning: Meaning, place| {
            let Meaning { predicate, captured: names, leaves } = meaning;
            conjuncts.extend(predicate.map(|predicate| Conjunct { predicate, place, leaves }));
            captured.push(names);
        };
        let matching = node.matching.iter().flat_map(|matching| &matching.conditions);
        let doubtful = condition::meant_twice(matching.clone());
        for condition in matching {
            let place = Span::new(condition.field_span.start, condition.value.span().end);
            add(self.condition(condition, &doubtful).at(place), place);
        }
        for (meaning, place) in node.when.iter().flat_map(|when| self.when(&when.text)) {
            add(meaning, place);
        }
        (conjuncts, Captured::by_all(captured))
    }

    fn repeated_tags(&mut self, tags: &[Text]) {
        let mut first = BTreeMap::new();
        let mut neighbour = None;
        for tag in tags {
            if let Some(before) = first.get(tag.text.as_str()) {
                let headline = format!("tag {} is repeated", quote(&tag.text));
                let mut finding = Finding::new(Code::RepeatedTag, tag.span, headline)
                    .label("again here")
                    .beside(*before, "first here");
                // A rule gives no tag twice, and tags in the order in which they come first.
                let cut = without_element(self.file.text(), neighbour, tag.span);
                finding.edit = cut.map(|span| Edit {
                    title: format!("remove the repeated tag {}", quote(&tag.text)),
                    span,
                    replacement: String::new(),
                    safety: Safety::Safe,
                });
                self.sink.push(finding);
            } else {
                first.insert(tag.text.as_str(), tag.span);
            }
            neighbour = Some(tag.span);
        }
    }

    fn duplicate_names(&mut self, rules: &[RuleNode]) {
        let mut first = BTreeMap::new();
        for name in rules.iter().filter_map(|rule| rule.name.as_ref()) {
            if let Some(before) = first.get(name.text.as_str()) {
                let headline = format!("duplicate rule name {}", quote(&name.text));
                self.sink.push(
                    Finding::new(Code::DuplicateName, name.span, headline)
                        .label("again here")
                        .beside(*before, "first here")
                        .help("give each rule a name of its own: reports tell rules apart by it"),
                );
            } else {
                first.insert(name.text.as_str(), name.span);
            }
        }
    }

    fn no_home(&mut self) {
        let Some((first, others)) = self.at_home.split_first() else {
            return;
        };
        let headline = "'~' stands for no directory, so this pattern matches nothing";
        let mut finding = Finding::new(Code::NoHome, *first, headline)
            .label("matches nothing")
            .note("$HOME is not set, or is no absolute path")
            .help("set $HOME, or name the directories: [rules] homes = [\"/home/sami\"]");
        for other in others {
            finding = finding.beside(*other, "nor does this one");
        }
        self.sink.push(finding);
    }
}
