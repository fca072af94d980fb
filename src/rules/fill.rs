//! Tag templates: what the winning rule gives a stream.
//!
//! Only the winner's patterns are run again, this time for what they capture. Where a value can be
//! split in several ways, `*` takes as little as it can and a capture as much. A set gives a row of
//! captures per element that matches, and a template is filled once per row.
//!
//! Each name is taken from the first condition that captures it, and of a pattern that captures it
//! more than once, from the leftmost place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use regex_automata::{Anchored, Input, meta};
use unicode_normalization::UnicodeNormalization;

use super::fields::Field;
use super::ir::{Atom, Pattern, Predicate, Rule, Template, TemplatePart, Test};
use super::stream::Stream;
use super::table::text::general;

/// What a rule gives to a stream.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Tags in the order of the rule, none twice; those of one template sorted.
    pub tags: Vec<String>,
    /// The billing project.
    pub project: Option<String>,
}

/// What captures hold, by name.
type Row = BTreeMap<String, String>;

/// The templates of a rule and the patterns that fill them.
#[derive(Debug)]
pub(super) struct Filler {
    tags: Vec<Template>,
    project: Option<Template>,
    sources: Vec<Source>,
}

/// A condition that captures.
#[derive(Debug)]
struct Source {
    field: Field,
    /// What every match captures.
    names: BTreeSet<String>,
    /// Any of these; the first that matches an element gives its captures.
    patterns: Vec<Capturing>,
}

/// A pattern ready to capture; compiled when first needed, since most rules of a run never win.
#[derive(Debug)]
struct Capturing {
    pattern: Pattern,
    /// The name of each group, from group 1 on.
    names: Vec<String>,
    regex: OnceLock<Option<meta::Regex>>,
}

impl Filler {
    pub(super) fn new(rule: &Rule) -> Self {
        let templates = rule.tags.iter().chain(&rule.project);
        let captures = templates.flat_map(names).next().is_some();
        let mut sources = Vec::new();
        if captures {
            let conjuncts = rule.conjuncts.iter();
            conjuncts.for_each(|it| collect_sources(&it.predicate, &mut sources));
        }
        Self { tags: rule.tags.clone(), project: rule.project.clone(), sources }
    }

    pub(super) fn fill(&self, stream: &Stream) -> Outcome {
        let rows: Vec<_> = self.sources.iter().map(|source| source.rows(stream)).collect();
        let mut tags: Vec<String> = Vec::new();
        for template in &self.tags {
            for tag in fill(template, &self.sources, &rows) {
                if !tags.contains(&tag) {
                    tags.push(tag);
                }
            }
        }
        let project = self
            .project
            .as_ref()
            .and_then(|template| fill(template, &self.sources, &rows).pop_first());
        Outcome { tags, project }
    }
}

fn names(template: &Template) -> impl Iterator<Item = &str> {
    template.0.iter().filter_map(|part| match part {
        TemplatePart::Capture(name) => Some(name.as_str()),
        TemplatePart::Text(_) => None,
    })
}

/// A source per condition of the rule that captures, in the order of the file.
fn collect_sources(predicate: &Predicate, sources: &mut Vec<Source>) {
    match predicate {
        Predicate::All(children) => {
            children.iter().for_each(|child| collect_sources(child, sources));
        }
        // The alternatives of a condition are globs of the same field.
        Predicate::Any(children) => sources.extend(source(children.iter())),
        Predicate::Atom(_) => sources.extend(source(std::iter::once(predicate))),
        Predicate::Not(_) => {}
    }
}

/// The condition that any of these globs holds; `None` if there is no name that all of them
/// capture.
fn source<'p>(globs: impl Iterator<Item = &'p Predicate>) -> Option<Source> {
    let mut field = None;
    let mut names: Option<BTreeSet<String>> = None;
    let mut patterns = Vec::new();
    for glob in globs {
        let Predicate::Atom(Atom { field: asked, test: Test::Glob(pattern) }) = glob else {
            return None;
        };
        field = Some(*asked);
        let captured = pattern.captures().into_iter().map(str::to_owned).collect();
        names = Some(names.map_or_else(|| BTreeSet::clone(&captured), |names| &names & &captured));
        patterns.push(Capturing::new(pattern.clone()));
    }
    let names = names.filter(|names| !names.is_empty())?;
    Some(Source { field: field?, names, patterns })
}

impl Source {
    fn rows(&self, stream: &Stream) -> Vec<Row> {
        let values = stream.texts(self.field).iter();
        values
            .filter_map(|value| {
                let value: String = value.nfc().collect();
                self.patterns.iter().find_map(|pattern| pattern.row(&value))
            })
            .collect()
    }
}

impl Capturing {
    fn new(pattern: Pattern) -> Self {
        let names = general::capture_names(&pattern.parts);
        let names = names.into_iter().map(str::to_owned).collect();
        Self { pattern, names, regex: OnceLock::new() }
    }

    fn row(&self, value: &str) -> Option<Row> {
        let regex = self.regex.get_or_init(|| self.compile()).as_ref()?;
        let mut captures = regex.create_captures();
        regex.captures(Input::new(value).anchored(Anchored::Yes), &mut captures);
        if !captures.is_match() {
            return None;
        }
        let mut row = Row::new();
        for (name, group) in self.names.iter().zip(1..) {
            if let Some(text) = captures.get_group(group).and_then(|span| value.get(span.range())) {
                row.entry(name.clone()).or_insert_with(|| text.to_owned());
            }
        }
        Some(row)
    }

    fn compile(&self) -> Option<meta::Regex> {
        // Only for the winner's captures; the end must be reached, which `hir` alone leaves open.
        let whole = regex_syntax::hir::Hir::concat(vec![
            general::hir(&self.pattern.parts),
            regex_syntax::hir::Hir::look(regex_syntax::hir::Look::End),
        ]);
        let config = meta::Config::new().utf8_empty(false).nfa_size_limit(None);
        meta::Builder::new().configure(config).build_from_hir(&whole).ok()
    }
}

/// The texts of a template, sorted, none twice: one for every choice of a row from each source
/// that the template draws on.
fn fill(template: &Template, sources: &[Source], rows: &[Vec<Row>]) -> BTreeSet<String> {
    // Per source, what it lends to this template; sources that lend nothing are left out, so
    // that their number of rows does not matter.
    let mut choices: Vec<BTreeSet<Row>> = Vec::new();
    let mut wanted: BTreeSet<&str> = names(template).collect();
    for (source, rows) in sources.iter().zip(rows) {
        let (lent, rest) = wanted.into_iter().partition(|name| source.names.contains(*name));
        wanted = rest;
        let lent: BTreeSet<&str> = lent;
        if !lent.is_empty() {
            let keep = |row: &Row| -> Row {
                let kept = row.iter().filter(|(name, _)| lent.contains(name.as_str()));
                kept.map(|(name, text)| (name.clone(), text.clone())).collect()
            };
            choices.push(rows.iter().map(keep).collect());
        }
    }
    let mut chosen = vec![Row::new()];
    for choice in &choices {
        chosen = chosen
            .iter()
            .flat_map(|row| {
                choice.iter().map(move |more| row.clone().into_iter().chain(more.clone()))
            })
            .map(Iterator::collect)
            .collect();
    }
    chosen.iter().map(|row| write(template, row)).collect()
}

fn write(template: &Template, row: &Row) -> String {
    let parts = template.0.iter().map(|part| match part {
        TemplatePart::Text(text) => text.as_str(),
        TemplatePart::Capture(name) => row.get(name).map_or("", String::as_str),
    });
    parts.collect()
}
