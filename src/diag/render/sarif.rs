//! SARIF 2.1.0, for code scanning.
//!
//! Columns count characters, which SARIF calls `unicodeCodePoints`. A fix is given where a finding
//! has an edit that may be made without asking.

use serde_json::{Value, json};

use super::{Shown, paragraph, region};
use crate::diag::{Code, Edit, Finding, Safety, SourceFile, Span};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// All findings as a SARIF log of one run.
#[must_use]
pub fn render(shown: &[Shown<'_>]) -> Value {
    let results: Vec<_> = shown
        .iter()
        .flat_map(|it| it.findings.iter().map(move |finding| result(finding, it)))
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "tt",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": Code::ALL.iter().map(|code| rule(*code)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: Code) -> Value {
    json!({
        "id": code.id(),
        "name": code.slug(),
        "shortDescription": { "text": code.summary() },
        "help": { "text": code.summary(), "markdown": code.page() },
        "defaultConfiguration": { "level": code.severity().as_str(), "enabled": code.is_on() },
    })
}

fn result(finding: &Finding, shown: &Shown<'_>) -> Value {
    let mut result = json!({
        "ruleId": finding.code.id(),
        "ruleIndex": Code::ALL.iter().position(|code| *code == finding.code),
        "level": finding.severity.as_str(),
        "message": { "text": paragraph(finding) },
        "locations": [{ "physicalLocation": place(finding.primary.span, shown) }],
    });
    let related: Vec<_> = finding
        .secondary
        .iter()
        .zip(1..)
        .map(|(label, id)| {
            json!({
                "id": id,
                "message": { "text": label.text },
                "physicalLocation": place(label.span, shown),
            })
        })
        .collect();
    if !related.is_empty() {
        result["relatedLocations"] = Value::Array(related);
    }
    if let Some(edit) = finding.edit.as_ref().filter(|edit| edit.safety == Safety::Safe) {
        result["fixes"] = json!([fix(edit, shown)]);
    }
    result
}

fn fix(edit: &Edit, shown: &Shown<'_>) -> Value {
    json!({
        "description": { "text": edit.title },
        "artifactChanges": [{
            "artifactLocation": { "uri": uri(shown.path) },
            "replacements": [{
                "deletedRegion": area(edit.span, shown.file),
                "insertedContent": { "text": edit.replacement },
            }],
        }],
    })
}

fn place(span: Span, shown: &Shown<'_>) -> Value {
    json!({
        "artifactLocation": { "uri": uri(shown.path) },
        "region": area(span, shown.file),
    })
}

fn area(span: Span, file: &SourceFile) -> Value {
    let (start, end) = region(span, file);
    json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    })
}

/// A path as a reference: relative as it is, absolute with `file://`.
fn uri(path: &str) -> String {
    let mut out = String::from(if path.starts_with('/') { "file://" } else { "" });
    let unreserved =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte);
    for byte in path.bytes() {
        if unreserved(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths_become_references() {
        let uri = super::uri;
        assert_eq!(uri("rules/my rules.toml"), "rules/my%20rules.toml");
        assert_eq!(uri("/home/ü#1.toml"), "file:///home/%C3%BC%231.toml");
        assert_eq!(uri("a:b.toml"), "a%3Ab.toml");
    }
}
