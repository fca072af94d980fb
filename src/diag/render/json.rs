//! The form for programs: the `findings` of `tt rules check --format json`.

use serde_json::{Value, json};

use crate::diag::{Edit, Finding, Label, Safety, SourceFile};

/// The findings as a JSON array. Lines and columns count from 1, columns in characters.
#[must_use]
pub fn render(findings: &[Finding], file: &SourceFile) -> Value {
    findings.iter().map(|finding| one(finding, file)).collect()
}

fn one(finding: &Finding, file: &SourceFile) -> Value {
    let start = file.position(finding.primary.span.start);
    let end = file.position(finding.primary.span.end);
    let details = finding.details.iter().map(|line| line.trim());
    let notes: Vec<_> = details.chain(finding.notes.iter().map(String::as_str)).collect();
    let related: Vec<_> = finding.secondary.iter().map(|label| related(label, file)).collect();
    json!({
        "code": finding.code.id(),
        "severity": finding.severity.as_str(),
        "message": finding.headline,
        "file": file.name(),
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "notes": notes,
        "help": finding.help,
        "related": related,
        "edit": finding.edit.as_ref().map(|change| edit(change, file)),
    })
}

fn related(label: &Label, file: &SourceFile) -> Value {
    let start = file.position(label.span.start);
    let end = file.position(label.span.end);
    json!({
        "message": label.text,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
    })
}

fn edit(edit: &Edit, file: &SourceFile) -> Value {
    let start = file.position(edit.span.start);
    let end = file.position(edit.span.end);
    json!({
        "title": edit.title,
        "safe": edit.safety == Safety::Safe,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "replacement": edit.replacement,
    })
}
