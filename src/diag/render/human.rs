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
    format!("{}: {} line {line}: {}", finding.severity, file.name(), finding.headline)
}

/// All findings as text for a terminal, a blank line between two. Colours only if `color`.
#[must_use]
pub fn render(findings: &[Finding], file: &SourceFile, color: bool) -> String {
    let source = Source::from(file.text());
    let drawn: Vec<_> = findings.iter().map(|finding| one(finding, file, &source, color)).collect();
    drawn.join("\n")
}

fn one(finding: &Finding, file: &SourceFile, source: &Source<&str>, color: bool) -> String {
    let mut out = headline(finding, file);
    out.push('\n');
    for line in &finding.details {
        let _ = writeln!(out, "{line}");
    }
    if is_drawable(finding, file) {
        out.push_str(&drawing(finding, file, source, color));
    } else {
        out.push_str(&in_words(finding, file));
    }
    out
}

/// Whether the lines concerned are short enough to be drawn.
fn is_drawable(finding: &Finding, file: &SourceFile) -> bool {
    const LONGEST: usize = 500;
    let text = file.text();
    let mut spans = finding.secondary.iter().map(|label| label.span).chain([finding.primary.span]);
    spans.all(|span| {
        let start = floor(text, span.start.min(text.len()));
        let (before, after) = text.split_at(start);
        let before = before.rsplit('\n').next().unwrap_or_default();
        let after = after.split('\n').next().unwrap_or_default();
        before.len() + after.len() <= LONGEST
    })
}

/// The place and what the drawing would say, for lines that no terminal shows well.
fn in_words(finding: &Finding, file: &SourceFile) -> String {
    let mut out = String::new();
    let mut place = |label: &crate::diag::Label| {
        let at = file.position(label.span.start);
        let _ = write!(out, "  at {}:{}:{}", file.name(), at.line, at.column);
        let _ =
            if label.text.is_empty() { writeln!(out) } else { writeln!(out, ": {}", label.text) };
    };
    place(&finding.primary);
    finding.secondary.iter().for_each(place);
    for note in &finding.notes {
        let _ = writeln!(out, "  Note: {note}");
    }
    if let Some(help) = &finding.help {
        let _ = writeln!(out, "  Help: {help}");
    }
    out
}

type Place<'a> = (&'a str, Range<usize>);

fn drawing(finding: &Finding, file: &SourceFile, source: &Source<&str>, color: bool) -> String {
    let (kind, tint) = match finding.severity {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
    };
    let primary = place(finding.primary.span, file);
    let config = Config::default()
        .with_index_type(IndexType::Byte)
        .with_char_set(CharSet::Unicode)
        .with_color(color);
    let mut report = Report::build(kind, primary.clone())
        .with_config(config)
        .with_code(finding.code)
        .with_message(finding.code.summary())
        .with_label(label(primary, &finding.primary, file, tint));
    for other in &finding.secondary {
        report.add_label(label(place(other.span, file), other, file, Color::Cyan));
    }
    for note in &finding.notes {
        report.add_note(note);
    }
    if let Some(help) = &finding.help {
        report.add_help(help);
    }
    let mut out = Vec::new();
    // Writing to memory cannot fail; were the drawing to fail, the lines above it still say all.
    let _ = report.finish().write((file.name(), source), &mut out);
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

fn label<'a>(
    place: Place<'a>,
    said: &crate::diag::Label,
    file: &SourceFile,
    color: Color,
) -> Label<Place<'a>> {
    // In the order of the file: ariadne begins anew where a place stands above the one before.
    let order = i32::try_from(file.line(said.span.start)).unwrap_or(i32::MAX);
    // Without words ariadne draws no underline.
    let words = if said.text.is_empty() { "here" } else { &said.text };
    Label::new(place).with_color(color).with_order(order).with_message(words)
}
