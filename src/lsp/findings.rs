//! Findings as diagnostics, and their edits as quick fixes.

use std::collections::HashMap;

use lsp_types::{
    CodeAction, CodeActionKind, Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity,
    DiagnosticTag, DocumentChanges, Location, NumberOrString, OneOf,
    OptionalVersionedTextDocumentIdentifier, TextDocumentEdit, TextEdit, Uri, WorkspaceEdit,
};
use serde_json::json;

use super::text::Text;
use crate::diag::{Code, Edit, Finding, Label, Safety, Severity, Span};

/// A document whose findings are told.
pub(super) struct Of<'d> {
    pub(super) uri: &'d Uri,
    pub(super) text: &'d Text,
    /// The version of the document, for clients that check it.
    pub(super) version: Option<i32>,
}

impl Of<'_> {
    pub(super) fn diagnostic(&self, finding: &Finding) -> Diagnostic {
        let related = |label: &Label| DiagnosticRelatedInformation {
            location: Location::new(self.uri.clone(), self.text.range(label.span)),
            message: if label.text.is_empty() { "here".to_owned() } else { label.text.clone() },
        };
        let related: Vec<_> = finding.secondary.iter().map(related).collect();
        Diagnostic {
            range: self.text.range(finding.primary.span),
            severity: Some(match finding.severity {
                Severity::Error => DiagnosticSeverity::ERROR,
                Severity::Warning => DiagnosticSeverity::WARNING,
            }),
            code: Some(NumberOrString::String(finding.code.id().to_owned())),
            source: Some("tt".to_owned()),
            message: message(finding),
            related_information: (!related.is_empty()).then_some(related),
            tags: is_superfluous(finding.code).then(|| vec![DiagnosticTag::UNNECESSARY]),
            data: Some(json!({ "lint": finding.code.slug() })),
            ..Diagnostic::default()
        }
    }

    /// What would mend the findings within a range, and, if asked for by name or not at all,
    /// everything that can be mended without asking.
    pub(super) fn actions(
        &self,
        findings: &[Finding],
        range: Span,
        only: Option<&[CodeActionKind]>,
    ) -> Vec<CodeAction> {
        let wanted = |kind: &CodeActionKind| {
            let below = |it: &CodeActionKind| {
                let rest = kind.as_str().strip_prefix(it.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            only.is_none_or(|only| only.iter().any(below))
        };
        let mut actions = Vec::new();
        if wanted(&CodeActionKind::QUICKFIX) {
            let near = |finding: &&Finding| touch(finding.primary.span, range);
            let fixes = findings.iter().filter(near);
            actions.extend(fixes.filter_map(|finding| self.quick_fix(finding)));
        }
        let safe = apart(findings.iter().filter_map(|finding| finding.edit.as_ref()));
        if wanted(&CodeActionKind::SOURCE_FIX_ALL) && !safe.is_empty() {
            actions.push(CodeAction {
                title: "fix everything that is certain".to_owned(),
                kind: Some(CodeActionKind::SOURCE_FIX_ALL),
                edit: Some(self.change(&safe)),
                ..CodeAction::default()
            });
        }
        actions
    }

    fn quick_fix(&self, finding: &Finding) -> Option<CodeAction> {
        let edit = finding.edit.as_ref()?;
        let (title, safe) = match edit.safety {
            Safety::Safe => (edit.title.clone(), true),
            Safety::Unsafe => (format!("{} (unsafe)", edit.title), false),
        };
        Some(CodeAction {
            title,
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![self.diagnostic(finding)]),
            edit: Some(self.change(&[edit])),
            is_preferred: safe.then_some(true),
            ..CodeAction::default()
        })
    }

    /// A change of this version of the document, and of no other.
    #[allow(clippy::mutable_key_type, reason = "the protocol's type, compared by its text alone")]
    fn change(&self, edits: &[&Edit]) -> WorkspaceEdit {
        let one =
            |edit: &&Edit| TextEdit::new(self.text.range(edit.span), edit.replacement.clone());
        let edits = edits.iter().map(one);
        if self.version.is_none() {
            let changes = HashMap::from([(self.uri.clone(), edits.collect())]);
            return WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() };
        }
        let change = TextDocumentEdit {
            text_document: OptionalVersionedTextDocumentIdentifier {
                uri: self.uri.clone(),
                version: self.version,
            },
            edits: edits.map(OneOf::Left).collect(),
        };
        let document_changes = Some(DocumentChanges::Edits(vec![change]));
        WorkspaceEdit { document_changes, ..WorkspaceEdit::default() }
    }
}

/// Everything that the terminal says of a finding, but for the places.
fn message(finding: &Finding) -> String {
    let details = finding.details.iter().map(|line| line.trim_end().to_owned());
    let label = finding.details.is_empty() && !finding.primary.text.is_empty();
    let label = label.then(|| finding.primary.text.clone());
    let notes = finding.notes.iter().map(|note| format!("note: {note}"));
    let help = finding.help.iter().map(|help| format!("help: {help}"));
    let head = std::iter::once(finding.headline.clone());
    head.chain(details).chain(label).chain(notes).chain(help).collect::<Vec<_>>().join("\n")
}

/// Whether what the finding is about could as well not be there.
const fn is_superfluous(code: Code) -> bool {
    matches!(
        code,
        Code::Unsatisfiable
            | Code::Shadowed
            | Code::Unreachable
            | Code::Redundant
            | Code::RepeatedTag
            | Code::UnusedAllowance
    )
}

/// The safe edits, without those that touch an earlier one.
fn apart<'e>(edits: impl Iterator<Item = &'e Edit>) -> Vec<&'e Edit> {
    let mut edits: Vec<_> = edits.filter(|edit| edit.safety == Safety::Safe).collect();
    edits.sort_by_key(|edit| edit.span);
    let mut end = None;
    edits.retain(|edit| {
        let free = end.is_none_or(|end| end < edit.span.start);
        if free {
            end = Some(edit.span.end);
        }
        free
    });
    edits
}

const fn touch(a: Span, b: Span) -> bool {
    a.start <= b.end && b.start <= a.end
}
