//! Findings for readers: one file per form, each given the same findings.
//!
//! | form | for |
//! | --- | --- |
//! | [`human`] | terminals: the owner's lines, and the place drawn |
//! | [`short`] | a line per finding, as compilers write them |
//! | [`json`] | programs |
//! | [`sarif`] | code scanning, SARIF 2.1.0 |
//! | [`github`] | annotations of GitHub Actions |
//! | [`gitlab`] | code quality reports of GitLab |
//! | [`junit`] | whatever shows test reports |
//!
//! Lines and columns count from 1, columns in characters; a form that counts otherwise says so.
//!
//! INVARIANT (same findings): every form shows every finding it is given, in the same order, and
//! nothing that depends on time or on the machine.

pub mod github;
pub mod gitlab;
pub mod human;
pub mod json;
pub mod junit;
pub mod sarif;
pub mod short;

use super::{Finding, Position, SourceFile, Span};

/// A file with what was found in it.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The file.
    pub file: &'a SourceFile,
    /// Where it lies, for forms that are read by other programs; `/` between folders.
    pub path: &'a str,
    /// What was found.
    pub findings: &'a [Finding],
}

/// The first and the last place of a span.
fn region(span: Span, file: &SourceFile) -> (Position, Position) {
    (file.position(span.start), file.position(span.end))
}

/// Everything a finding says beside its headline, a line each.
fn background(finding: &Finding) -> Vec<String> {
    let details = finding.details.iter().map(|line| line.trim().to_owned());
    let notes = finding.notes.iter().map(|note| format!("Note: {note}"));
    let help = finding.help.iter().map(|help| format!("Help: {help}"));
    details.chain(notes).chain(help).collect()
}

/// The headline and what else a finding says, one below the other.
fn paragraph(finding: &Finding) -> String {
    let lines = std::iter::once(finding.headline.clone()).chain(background(finding));
    lines.collect::<Vec<_>>().join("\n")
}
