//! What a condition captures, for the tags and the project of its rule.
//!
//! A name is there for the tags if the condition cannot hold without capturing it: one operand of
//! an `and` is enough, of an `or` (and of a list, and of `{…}`) every one must; under `not` nothing
//! is captured, since what was matched there is what the stream has not.

use std::collections::{BTreeMap, BTreeSet};

use super::Lowerer;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Finding, Span, quote};
use crate::rules::ir::{Template, TemplatePart};
use crate::rules::syntax::embedded::Text;
use crate::rules::syntax::glob;
use crate::rules::syntax::template;

/// What a condition captures.
#[derive(Default)]
pub(super) struct Captured {
    /// The names that are captured whenever it holds.
    pub(super) always: BTreeSet<String>,
    /// Every other name in it, why it does not count, and its first place.
    elsewhere: BTreeMap<String, (Why, Span)>,
    /// Whether something that could not be read may capture more.
    unknown: bool,
}

/// Why a capture is of no use to a tag.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// The condition may hold without it.
    Sometimes,
    /// It is under `not`.
    Negated,
}

impl Captured {
    /// What a glob captures.
    pub(super) fn by_glob(nodes: &[glob::Node]) -> Self {
        let always = glob::captures(nodes);
        let mut elsewhere = BTreeMap::new();
        for (name, span) in glob::capture_places(nodes) {
            elsewhere.entry(name.to_owned()).or_insert((Why::Sometimes, span));
        }
        Self { always, elsewhere, unknown: false }
    }

    /// What a glob captures that could not be read, as far as it is known.
    pub(super) fn by_broken_glob(names: Option<Vec<String>>) -> Self {
        let unknown = names.is_none();
        let always = names.into_iter().flatten().collect();
        Self { always, elsewhere: BTreeMap::new(), unknown }
    }

    /// Nothing is known.
    pub(super) fn unknown() -> Self {
        Self { unknown: true, ..Self::default() }
    }

    /// What is captured where all of these hold.
    pub(super) fn by_all(parts: Vec<Self>) -> Self {
        Self::combine(parts, |a, b| a | b)
    }

    /// What is captured where at least one of these holds.
    pub(super) fn by_any(parts: Vec<Self>) -> Self {
        Self::combine(parts, |a, b| a & b)
    }

    fn combine(
        parts: Vec<Self>,
        names: fn(&BTreeSet<String>, &BTreeSet<String>) -> BTreeSet<String>,
    ) -> Self {
        let unknown = parts.iter().any(|part| part.unknown);
        let mut elsewhere: BTreeMap<String, (Why, Span)> = BTreeMap::new();
        let mut always: Option<BTreeSet<String>> = None;
        for part in parts {
            for (name, why) in part.elsewhere {
                let first = elsewhere.entry(name).or_insert(why);
                if why.0 < first.0 {
                    *first = why;
                }
            }
            always = Some(match always {
                Some(before) => names(&before, &part.always),
                None => part.always,
            });
        }
        Self { always: always.unwrap_or_default(), elsewhere, unknown }
    }

    /// What is captured where this does not hold.
    pub(super) fn negated(self) -> Self {
        let negate = |(name, (_, span))| (name, (Why::Negated, span));
        Self {
            always: BTreeSet::new(),
            elsewhere: self.elsewhere.into_iter().map(negate).collect(),
            unknown: self.unknown,
        }
    }
}

impl Lowerer<'_> {
    pub(super) fn template(&mut self, text: &Text, what: &str, captured: &Captured) -> Template {
        if text.text.trim().is_empty() {
            let headline = format!("{what} is empty");
            self.sink
                .push(Finding::new(Code::EmptyTags, text.span, headline).label("nothing here"));
        }
        let mut parts = Vec::new();
        for piece in template::parse(text) {
            parts.push(match piece {
                template::Piece::Text(text) => TemplatePart::Text(text),
                template::Piece::Capture(name, span) => {
                    if !captured.always.contains(&name) && !captured.unknown {
                        self.sink.push(unknown_capture(&name, span, what, captured));
                    }
                    TemplatePart::Capture(name)
                }
            });
        }
        Template(parts)
    }
}

fn unknown_capture(name: &str, span: Span, what: &str, captured: &Captured) -> Finding {
    let quoted = quote(name);
    let finding =
        |headline: String| Finding::new(Code::UnknownCapture, span, headline).label("used here");
    match captured.elsewhere.get(name) {
        Some((Why::Sometimes, place)) => {
            return finding(format!("capture {quoted} in {what} is not made by every alternative"))
                .beside(*place, "captured here, and not everywhere")
                .help(format!(
                    "write <{name}> in every glob of a list, every {{…}} branch and every side of \
                     an 'or'"
                ));
        }
        Some((Why::Negated, place)) => {
            return finding(format!("capture {quoted} in {what} is made only under 'not'"))
                .beside(*place, "captures nothing under 'not'")
                .help(format!("write <{name}> in a condition that must hold"));
        }
        None => {}
    }
    let finding = finding(format!("unknown capture {quoted} in {what}"));
    let known: Vec<_> = captured.always.iter().map(String::as_str).collect();
    if let Some(meant) = nearest(name, known.iter().copied()) {
        let meant = format!("<{meant}>");
        finding
            .detail(format!("Did you mean: {meant}?"))
            .label(format!("did you mean {meant}?"))
            .edit(span, meant)
    } else if known.is_empty() {
        finding.help(format!("no glob of this rule captures <{name}>"))
    } else {
        finding.help(format!("this rule captures <{}>", known.join(">, <")))
    }
}
