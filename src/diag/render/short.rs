//! A line per finding, as compilers write them: `config.toml:7:11: error[R0201]: unknown field …`.

use std::fmt::Write as _;

use super::Shown;

/// All findings, a line each.
#[must_use]
pub fn render(shown: &[Shown<'_>]) -> String {
    let mut out = String::new();
    for Shown { file, path, findings } in shown {
        for finding in *findings {
            let at = file.position(finding.primary.span.start);
            let (severity, code) = (finding.severity.as_str(), finding.code);
            let path: String = path.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
            let place = format!("{path}:{}:{}", at.line, at.column);
            let _ = writeln!(out, "{place}: {severity}[{code}]: {}", finding.headline);
        }
    }
    out
}
