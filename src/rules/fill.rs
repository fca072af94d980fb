//! Tag templates: what the winning rule gives a stream.
//!
//! Only the winner's patterns are run again, this time for what they capture. Where a value can be
//! split in several ways, `*` takes as little as it can and a capture as much, from left to right:
//! on `ab/cd`, the capture of `*<x>*` is `ab`. A set gives a row of captures per element that
//! matches, and a template is filled once per row.
//!
//! Which parts of a condition capture:
//!
//! - of `and`, all operands: each name is taken from the first that always captures it, and of a
//!   pattern that captures it more than once, from the leftmost place;
//! - of globs of one field joined by `or`, a list of them included, per element the first that
//!   matches it;
//! - of any other `or`, the first operand that holds for the stream, and the names that every
//!   operand captures;
//! - of `not`, nothing.

use std::collections::{BTreeMap, BTreeSet, HashSet};
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
enum Source {
    /// Any of these globs; the first that matches an element gives its captures.
    Globs { field: Field, names: Names, patterns: Vec<Capturing> },
    /// All of these.
    All(Vec<Source>),
    /// The first of these that holds.
    First { names: Names, branches: Vec<(Predicate, Source)> },
}

/// Names that are captured whenever a condition holds.
type Names = BTreeSet<String>;

/// What a condition gives for a stream: for each of these names, a text in every row.
struct Lent<'s> {
    names: BTreeSet<&'s str>,
    rows: Vec<Row>,
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
        let conditions = rule.conjuncts.iter().map(|conjunct| &conjunct.predicate);
        let sources = if captures { conditions.filter_map(source).collect() } else { Vec::new() };
        Self { tags: rule.tags.clone(), project: rule.project.clone(), sources }
    }

    pub(super) fn fill(&self, stream: &Stream) -> Outcome {
        let lent = self.lent(stream, &|captured| captured.text.to_owned());
        let mut known = HashSet::new();
        let all = self.tags.iter().flat_map(|template| fill(template, &lent));
        let tags = all.filter(|tag| known.insert(tag.clone())).collect();
        let project = self.project.as_ref().and_then(|template| fill(template, &lent).pop_first());
        Outcome { tags, project }
    }

    /// Every text that the templates of the tags give, and every one that the template of the
    /// project does, with what was captured put otherwise.
    pub(super) fn put(
        &self,
        stream: &Stream,
        put: Put<'_>,
    ) -> (BTreeSet<String>, Option<BTreeSet<String>>) {
        let lent = self.lent(stream, put);
        let tags = self.tags.iter().flat_map(|template| fill(template, &lent)).collect();
        (tags, self.project.as_ref().map(|template| fill(template, &lent)))
    }

    fn lent(&self, stream: &Stream, put: Put<'_>) -> Vec<Lent<'_>> {
        let mut lent = Vec::new();
        self.sources.iter().for_each(|source| source.lend(stream, None, put, &mut lent));
        lent
    }

    /// Whether it gives the same to every stream.
    pub(super) fn is_fixed(&self) -> bool {
        self.templates().flat_map(names).next().is_none()
    }

    /// The tags and the project, as they are written.
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.tags.iter().chain(&self.project)
    }

    /// Whether a tag or the project uses a capture of that name.
    pub(super) fn uses(&self, name: &str) -> bool {
        self.templates().flat_map(names).any(|used| used == name)
    }

    /// What was looked at to fill the templates for the stream. Where it is the same for another
    /// stream, so is what the rule gives.
    pub(super) fn looked_at(&self, stream: &Stream) -> Vec<Looked<'_>> {
        let mut looked = Vec::new();
        self.sources.iter().for_each(|source| source.look(stream, &mut looked));
        looked
    }
}

/// A text that was captured, and from where.
pub(super) struct Captured<'a> {
    pub(super) field: Field,
    pub(super) pattern: &'a Pattern,
    pub(super) name: &'a str,
    /// The whole value.
    pub(super) value: &'a str,
    pub(super) text: &'a str,
}

/// What stands for a capture in a template.
pub(super) type Put<'p> = &'p dyn Fn(&Captured<'_>) -> String;

/// What filling templates looks at.
pub(super) enum Looked<'f> {
    /// Which of these conditions is the first to hold.
    Operands(Vec<&'f Predicate>),
    /// Which of these globs is the first to match each value of the field, and what it captures.
    Globs(Field, Vec<&'f Pattern>),
}

fn names(template: &Template) -> impl Iterator<Item = &str> {
    template.0.iter().filter_map(|part| match part {
        TemplatePart::Capture(name) => Some(name.as_str()),
        TemplatePart::Text(_) => None,
    })
}

/// What captures in a condition, if anything does.
fn source(predicate: &Predicate) -> Option<Source> {
    if let Some(globs) = globs(predicate) {
        return glob_source(&globs);
    }
    match predicate {
        Predicate::All(children) => {
            let sources: Vec<_> = children.iter().filter_map(source).collect();
            (!sources.is_empty()).then_some(Source::All(sources))
        }
        Predicate::Any(children) => first_source(children),
        Predicate::Not(_) | Predicate::Atom(_) => None,
    }
}

/// The globs, if the condition is nothing but globs of one field of which any may match.
fn globs(predicate: &Predicate) -> Option<Vec<(Field, &Pattern)>> {
    match predicate {
        Predicate::Atom(Atom { field, test: Test::Glob(pattern) }) => Some(vec![(*field, pattern)]),
        Predicate::Any(children) => {
            let each = children.iter().map(globs).collect::<Option<Vec<_>>>()?;
            let all = each.concat();
            all.windows(2).all(|two| matches!(two, [(a, _), (b, _)] if a == b)).then_some(all)
        }
        Predicate::Atom(_) | Predicate::All(_) | Predicate::Not(_) => None,
    }
}

/// `None` if there is no name that all of the globs capture.
fn glob_source(globs: &[(Field, &Pattern)]) -> Option<Source> {
    let owned = |pattern: &Pattern| -> Names {
        pattern.captures().into_iter().map(str::to_owned).collect()
    };
    let each = globs.iter().map(|(_, pattern)| owned(pattern));
    let names = each.reduce(|a, b| &a & &b).filter(|names| !names.is_empty())?;
    let (field, _) = *globs.first()?;
    let patterns = globs.iter().map(|(_, pattern)| Capturing::new((*pattern).clone())).collect();
    Some(Source::Globs { field, names, patterns })
}

/// `None` if there is no name that all of the operands capture.
fn first_source(operands: &[Predicate]) -> Option<Source> {
    // A glob below `~` never holds where there is no home; it need not capture anything.
    let operands = operands.iter().filter(|operand| !operand.never_holds());
    let sources = operands.map(|operand| Some((operand.clone(), source(operand)?)));
    let branches = sources.collect::<Option<Vec<_>>>()?;
    let each = branches.iter().map(|(_, source)| source.names());
    let names = each.reduce(|a, b| &a & &b).filter(|names| !names.is_empty())?;
    Some(Source::First { names, branches })
}

impl Source {
    fn names(&self) -> Names {
        match self {
            Self::Globs { names, .. } | Self::First { names, .. } => names.clone(),
            Self::All(sources) => sources.iter().flat_map(Self::names).collect(),
        }
    }

    /// Adds what it gives for a stream, of the names in `only` where that is given.
    fn lend<'s>(
        &'s self,
        stream: &Stream,
        only: Option<&Names>,
        put: Put<'_>,
        lent: &mut Vec<Lent<'s>>,
    ) {
        match self {
            Self::Globs { field, names, patterns } => {
                let wanted = |name: &&str| only.is_none_or(|only| only.contains(*name));
                let names = names.iter().map(String::as_str).filter(wanted).collect();
                lent.push(Lent { names, rows: rows(*field, patterns, stream, put) });
            }
            Self::All(sources) => sources.iter().for_each(|it| it.lend(stream, only, put, lent)),
            Self::First { names, branches } => {
                let only = only.map_or_else(|| names.clone(), |only| only & names);
                let first = branches.iter().find(|(predicate, _)| predicate.holds(stream));
                if let Some((_, source)) = first {
                    source.lend(stream, Some(&only), put, lent);
                }
            }
        }
    }

    fn look<'s>(&'s self, stream: &Stream, looked: &mut Vec<Looked<'s>>) {
        match self {
            Self::Globs { field, patterns, .. } => {
                let patterns = patterns.iter().map(|it| &it.pattern).collect();
                looked.push(Looked::Globs(*field, patterns));
            }
            Self::All(sources) => sources.iter().for_each(|it| it.look(stream, looked)),
            Self::First { branches, .. } => {
                looked.push(Looked::Operands(branches.iter().map(|(it, _)| it).collect()));
                let first = branches.iter().find(|(predicate, _)| predicate.holds(stream));
                if let Some((_, source)) = first {
                    source.look(stream, looked);
                }
            }
        }
    }
}

fn rows(field: Field, patterns: &[Capturing], stream: &Stream, put: Put<'_>) -> Vec<Row> {
    let row = |value: &String| {
        let value: String = value.nfc().collect();
        patterns.iter().find_map(|pattern| pattern.row(field, &value, put))
    };
    stream.texts(field).iter().filter_map(row).collect()
}

impl Capturing {
    fn new(pattern: Pattern) -> Self {
        let names = general::capture_names(&pattern.parts);
        let names = names.into_iter().map(str::to_owned).collect();
        Self { pattern, names, regex: OnceLock::new() }
    }

    fn row(&self, field: Field, value: &str, put: Put<'_>) -> Option<Row> {
        let regex = self.regex.get_or_init(|| self.compile()).as_ref()?;
        let mut captures = regex.create_captures();
        regex.captures(Input::new(value).anchored(Anchored::Yes), &mut captures);
        if !captures.is_match() {
            return None;
        }
        let mut row = Row::new();
        for (name, group) in self.names.iter().zip(1..) {
            if let Some(text) = captures.get_group(group).and_then(|span| value.get(span.range())) {
                let captured = Captured { field, pattern: &self.pattern, name, value, text };
                row.entry(name.clone()).or_insert_with(|| put(&captured));
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
fn fill(template: &Template, sources: &[Lent<'_>]) -> BTreeSet<String> {
    // Per source, what it lends to this template; sources that lend nothing are left out, so
    // that their number of rows does not matter.
    let mut choices: Vec<BTreeSet<Row>> = Vec::new();
    let mut wanted: BTreeSet<&str> = names(template).collect();
    for Lent { names, rows } in sources {
        let (lent, rest): (BTreeSet<&str>, _) =
            wanted.into_iter().partition(|name| names.contains(*name));
        wanted = rest;
        if !lent.is_empty() {
            let keep = |row: &Row| -> Row {
                let kept = row.iter().filter(|(name, _)| lent.contains(name.as_str()));
                kept.map(|(name, text)| (name.clone(), text.clone())).collect()
            };
            choices.push(rows.iter().map(keep).collect());
        }
    }
    let mut texts = BTreeSet::new();
    choose(&choices, &mut Vec::new(), &mut |rows| {
        texts.insert(write(template, rows));
    });
    texts
}

/// Calls `f` with every choice of one row from each source.
fn choose<'r>(choices: &'r [BTreeSet<Row>], chosen: &mut Vec<&'r Row>, f: &mut dyn FnMut(&[&Row])) {
    let Some((first, rest)) = choices.split_first() else { return f(chosen) };
    for row in first {
        chosen.push(row);
        choose(rest, chosen, f);
        chosen.pop();
    }
}

fn write(template: &Template, rows: &[&Row]) -> String {
    let text = |name| rows.iter().find_map(|row| row.get(name)).map_or("", String::as_str);
    let parts = template.0.iter().map(|part| match part {
        TemplatePart::Text(text) => text.as_str(),
        TemplatePart::Capture(name) => text(name),
    });
    parts.collect()
}
