//! What is made of findings: levels from `[rules.lints]`, and allowances in comments.
//!
//! ```toml
//! [rules.lints]
//! overlap = "warn"                  # a name or a code; allow, warn or deny
//!
//! # tt: allow(R0302) kept until the Acme contract is renewed
//! [[rules.auto_tag]]
//! ```
//!
//! An allowance belongs to the rule in whose block it stands
//! ([`layout`](super::syntax::layout)), and hides the findings of its codes whose place is in this
//! block. Its reason is required: without one it hides nothing.
//!
//! INVARIANT (allowances): an allowance that is in force hides at least one finding; any other is
//! itself a finding.

use std::collections::BTreeSet;

use super::syntax::LintNode;
use super::syntax::layout::Layout;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Edit, Finding, Level, Levels, Safety, Sink, SourceFile, Span, quote};

/// The name that means every warning, for the command line.
pub const WARNINGS: &str = "warnings";

/// The levels that `[rules.lints]` sets. Mistakes go to `sink`.
pub fn levels(written: &[LintNode], sink: &mut Sink) -> Levels {
    let mut levels = Levels::default();
    for node in written {
        let has = |name: &str| written.iter().any(|node| node.name == name);
        let code = lint(&node.name, node.name_span, &has, sink);
        match Level::named(&node.level.text) {
            Some(level) => code.into_iter().for_each(|code| levels.set(code, level)),
            None => {
                let headline = format!("unknown level {}", quote(&node.level.text));
                let words = Level::ALL.map(Level::as_str);
                let finding = Finding::new(Code::UnknownLint, node.level.span, headline)
                    .detail(format!("Valid levels: {}", words.join(", ")));
                let meant = nearest(&node.level.text, words);
                let place = node.level.place(0, node.level.text.len());
                sink.push(match meant {
                    Some(meant) => finding
                        .detail(format!("Did you mean: {meant}?"))
                        .label(format!("did you mean '{meant}'?"))
                        .edit(place, meant),
                    None => finding.label("not a level"),
                });
            }
        }
    }
    levels
}

/// The code called `name`, if its level can be set; else why not.
///
/// # Errors
///
/// A few words for the person who wrote the name.
pub fn named(name: &str) -> Result<Code, Unknown> {
    match Code::named(name) {
        Some(code) if code.is_lint() => Ok(code),
        Some(code) => Err(Unknown::Error(code)),
        None => {
            let lints = || Code::ALL.iter().filter(|code| code.is_lint());
            let words = lints().map(|code| code.slug()).chain(lints().map(|code| code.id()));
            Err(Unknown::Name { meant: nearest(name, words) })
        }
    }
}

/// Why a name is not that of a lint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unknown {
    /// What it names stops the rules.
    #[error("this is always an error: with it no rule can run")]
    Error(Code),
    /// There is none of this name.
    #[error("unknown lint{}", meant.map_or_else(String::new, |it| format!(", did you mean {it}?")))]
    Name {
        /// The one that was perhaps meant.
        meant: Option<&'static str>,
    },
}

/// The code of a lint, or a finding that there is none. Names that are `taken` cannot stand in its
/// place.
fn lint(name: &str, span: Span, taken: &dyn Fn(&str) -> bool, sink: &mut Sink) -> Option<Code> {
    let finding = match named(name) {
        Ok(code) => return Some(code),
        Err(Unknown::Error(code)) => {
            let headline = format!("{} is always an error", quote(name));
            Finding::new(Code::UnknownLint, span, headline)
                .label("no level can be set for this")
                .note(format!("{code}: {}; with it no rule can run", code.summary()))
        }
        Err(Unknown::Name { meant }) => {
            let headline = format!("unknown lint {}", quote(name));
            let finding = Finding::new(Code::UnknownLint, span, headline);
            match meant {
                Some(meant) => {
                    let finding = finding
                        .detail(format!("Did you mean: {meant}?"))
                        .label(format!("did you mean '{meant}'?"));
                    if taken(meant) { finding } else { finding.edit(span, meant) }
                }
                None => finding.label("not known").help("'tt rules explain' lists them all"),
            }
        }
    };
    sink.push(finding);
    None
}

/// A comment that allows findings.
struct Allowance {
    place: Span,
    /// The block of the rule that it belongs to, by number.
    block: Option<usize>,
    codes: Vec<(Code, Span)>,
}

/// Findings without those that comments of the file allow, and with those about such comments.
///
/// Nothing is said of an allowance that allows nothing where findings of its code were not looked
/// for to the end (`complete`).
#[must_use]
pub fn allowed(
    file: &SourceFile,
    layout: &Layout,
    findings: Vec<Finding>,
    complete: &dyn Fn(Code) -> bool,
) -> Vec<Finding> {
    let mut sink = Sink::default();
    let block = |byte: usize| {
        let at = layout.blocks.partition_point(|it| it.end <= byte);
        layout.blocks.get(at).is_some_and(|it| it.start <= byte).then_some(at)
    };
    let mut allowances: Vec<_> =
        layout.comments.iter().filter_map(|span| allowance(file, *span, &mut sink)).collect();
    for allowance in &mut allowances {
        allowance.block = block(allowance.place.start);
    }
    let mut used = vec![BTreeSet::new(); allowances.len()];
    for finding in findings {
        let here = block(finding.primary.span.start);
        let mut hidden = false;
        for (allowance, used) in allowances.iter().zip(&mut used) {
            let names_it = || allowance.codes.iter().any(|(code, _)| *code == finding.code);
            if here.is_some() && allowance.block == here && names_it() {
                hidden = true;
                used.insert(finding.code);
            }
        }
        if !hidden {
            sink.push(finding);
        }
    }
    for (allowance, used) in allowances.iter().zip(&used) {
        unused(file, allowance, &|code| !used.contains(&code) && complete(code), &mut sink);
    }
    sink.into_findings()
}

fn unused(
    file: &SourceFile,
    allowance: &Allowance,
    is_idle: &dyn Fn(Code) -> bool,
    sink: &mut Sink,
) {
    let in_a_rule = allowance.block.is_some();
    let idle: Vec<_> = allowance.codes.iter().filter(|(code, _)| is_idle(*code)).collect();
    for (code, span) in &idle {
        let headline = format!("allowance of {code} allows nothing");
        let mut finding =
            Finding::new(Code::UnusedAllowance, *span, headline).label(if in_a_rule {
                "no such finding in this rule"
            } else {
                "this comment belongs to no rule"
            });
        if !in_a_rule {
            finding = finding.help("write it right above a [[rules.auto_tag]], or within the rule");
        } else if idle.len() == allowance.codes.len() {
            finding.edit = (idle.first().is_some_and(|(_, first)| first == span))
                .then(|| without_comment(file, allowance.place));
        }
        sink.push(finding);
    }
}

/// Takes a comment away, with its line if there is nothing else in it.
fn without_comment(file: &SourceFile, comment: Span) -> Edit {
    let text = file.text();
    let before = text.get(..comment.start).unwrap_or_default();
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let alone = before.get(line..).is_some_and(|it| it.trim().is_empty());
    let after = text.get(comment.end..).unwrap_or_default();
    let newline = if after.starts_with("\r\n") { 2 } else { usize::from(after.starts_with('\n')) };
    let span = match alone {
        true => Span::new(line, comment.end + newline),
        false => Span::new(before.trim_end_matches([' ', '\t']).len(), comment.end),
    };
    let title = "remove the allowance".to_owned();
    Edit { title, span, replacement: String::new(), safety: Safety::Safe }
}

/// Reads a comment, if it is one of ours. What is wrong with it goes to `sink`.
fn allowance(file: &SourceFile, place: Span, sink: &mut Sink) -> Option<Allowance> {
    let text = file.slice(place);
    let after_mark = text.trim_start_matches('#').trim_start().strip_prefix("tt:")?;
    let rest = after_mark.trim_start();
    let base = place.start + text.len() - rest.len();
    let malformed = |sink: &mut Sink, label: &str| {
        sink.push(
            Finding::new(Code::BadAllowance, place, "malformed allowance")
                .label(label)
                .help("for example: # tt: allow(R0302) kept until the contract ends"),
        );
    };
    let Some(list) = rest.strip_prefix("allow").and_then(|it| it.trim_start().strip_prefix('('))
    else {
        malformed(sink, "not 'tt: allow(CODE) reason'");
        return None;
    };
    let Some((list, reason)) = list.split_once(')') else {
        malformed(sink, "no ')' closes the list of codes");
        return None;
    };
    let mut at = base + rest.find('(').map_or(0, |paren| paren + 1);
    let mut codes = Vec::new();
    for name in list.split(',') {
        let start = at + name.len() - name.trim_start().len();
        let span = Span::new(start, start + name.trim().len());
        at += name.len() + 1;
        if name.trim().is_empty() {
            malformed(sink, "a code is missing");
            return None;
        }
        codes.extend(lint(name.trim(), span, &|_| false, sink).map(|code| (code, span)));
    }
    if !reason.chars().any(char::is_alphanumeric) {
        sink.push(
            Finding::new(Code::BadAllowance, place, "allowance without a reason")
                .label("so it allows nothing")
                .help("say after the ')' why this is fine here"),
        );
        return None;
    }
    Some(Allowance { place, block: None, codes })
}
