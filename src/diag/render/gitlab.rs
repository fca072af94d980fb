//! Code quality reports of GitLab: the subset of Code Climate's format that GitLab reads.
//!
//! A fingerprint tells one run's finding from another's, so it holds no line number: a finding that
//! only moved is not new. Findings that are alike in all else are numbered.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Shown, paragraph, region};
use crate::diag::Severity;

/// All findings as a JSON array.
#[must_use]
pub fn render(shown: &[Shown<'_>]) -> Value {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut out = Vec::new();
    for Shown { file, path, findings } in shown {
        for finding in *findings {
            let what = format!("{path}\0{}\0{}", finding.code, finding.headline);
            let number = seen.entry(what.clone()).or_default();
            let fingerprint = blake3::hash(format!("{what}\0{number}").as_bytes()).to_hex();
            *number += 1;
            let (start, end) = region(finding.primary.span, file);
            out.push(json!({
                "description": paragraph(finding),
                "check_name": format!("{} {}", finding.code, finding.code.slug()),
                "fingerprint": fingerprint.as_str(),
                "severity": match finding.severity {
                    Severity::Error => "major",
                    Severity::Warning => "minor",
                },
                "location": {
                    "path": path,
                    "lines": { "begin": start.line, "end": end.line },
                },
            }));
        }
    }
    Value::Array(out)
}
