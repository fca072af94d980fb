//! Annotations of GitHub Actions: workflow commands, which the runner reads off the log.
//!
//! `::error file=rules.toml,line=7,endLine=7,col=11,endColumn=16,title=R0201 unknown-field::…`
//! Columns are given only for places within one line, since the runner refuses others.

use std::fmt::Write as _;

use super::{Shown, paragraph, region};

/// All findings, a workflow command each.
#[must_use]
pub fn render(shown: &[Shown<'_>]) -> String {
    let mut out = String::new();
    for Shown { file, path, findings } in shown {
        for finding in *findings {
            let (start, end) = region(finding.primary.span, file);
            let command = finding.severity.as_str();
            let _ = write!(out, "::{command} file={},line={}", property(path), start.line);
            let _ = write!(out, ",endLine={}", end.line);
            if start.line == end.line {
                let _ = write!(out, ",col={},endColumn={}", start.column, end.column);
            }
            let title = property(&format!("{} {}", finding.code, finding.code.slug()));
            let _ = writeln!(out, ",title={title}::{}", data(&paragraph(finding)));
        }
    }
    out
}

/// Text as the runner takes it after `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Text as the runner takes it after `=`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
