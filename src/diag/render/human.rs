//! The terminal form: the owner's lines, then the place drawn.
//!
//! Spans are bytes, so ariadne is told [`IndexType::Byte`] here and nowhere else; it counts
//! characters otherwise and every `ü` before a mistake would shift the underline.

use std::fmt::Write as _;
use std::ops::Range;

use ariadne::{CharSet, Color, Config, IndexType, Label, Report, ReportKind, Source};

use crate::diag::{Finding, Severity, SourceFile, Span};

/// The line that every finding begins with: `Error: config.toml line 7: unknown field …`.
#[must_use]
pub fn headline(finding: &Finding, file: &SourceFile) -> String {
    let line = file.line(finding.primary.span.start);
    format!("{}: {} line {line}: {}", finding.severity(), file.name(), finding.headline)
}

/// All findings as text for a terminal, a blank line between two. Colours only if `color`.
#[must_use]
pub fn render(findings: &[Finding], file: &SourceFile, color: bool) -> String {
    let drawn: Vec<_> = findings.iter().map(|finding| one(finding, file, color)).collect();
    drawn.join("\n")
}

fn one(finding: &Finding, file: &SourceFile, color: bool) -> String {
    let mut out = headline(finding, file);
    out.push('\n');
    for line in &finding.details {
        let _ = writeln!(out, "{line}");
    }
    out.push_str(&drawing(finding, file, color));
    out
}

type Place<'a> = (&'a str, Range<usize>);

fn drawing(finding: &Finding, file: &SourceFile, color: bool) -> String {
    let tint = match finding.severity() {
        Severity::Error => Color::Red,
        Severity::Warning => Color::Yellow,
    };
    let primary = place(finding.primary.span, file);
    let config = Config::default()
        .with_index_type(IndexType::Byte)
        .with_char_set(CharSet::Unicode)
        .with_color(color);
    let mut report = Report::build(ReportKind::Custom(finding.code.id(), tint), primary.clone())
        .with_config(config)
        .with_message(finding.code.summary())
        .with_label(label(primary, &finding.primary.text, tint));
    for other in &finding.secondary {
        report.add_label(label(place(other.span, file), &other.text, Color::Cyan));
    }
    for note in &finding.notes {
        report.add_note(note);
    }
    if let Some(help) = &finding.help {
        report.add_help(help);
    }
    let mut out = Vec::new();
    // Writing to memory cannot fail; were the drawing to fail, the lines above it still say all.
    let _ = report.finish().write((file.name(), Source::from(file.text())), &mut out);
    let mut text = String::from_utf8_lossy(&out).into_owned();
    if !color {
        // ariadne pads its rows; nobody wants the spaces in a log.
        text = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    }
    text
}

/// The span as ariadne wants it: at least one character wide, and on a character.
fn place(span: Span, file: &SourceFile) -> Place<'_> {
    let text = file.text();
    let start = floor(text, span.start.min(text.len()));
    let next = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let end = floor(text, span.end.min(text.len())).max(start + next);
    (file.name(), start..end)
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn label<'a>(place: Place<'a>, text: &str, color: Color) -> Label<Place<'a>> {
    let label = Label::new(place).with_color(color);
    if text.is_empty() { label } else { label.with_message(text) }
}
