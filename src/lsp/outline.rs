//! Rules and tests as parts of a document: the outline, and which rule a place belongs to.

use lsp_types::{
    DocumentSymbol, DocumentSymbolResponse, Location, SymbolInformation, SymbolKind, Uri,
};

use super::text::Text;
use crate::diag::{Sink, SourceFile, Span};
use crate::rules::syntax::{RuleFile, ValueNode, embedded, layout, template, toml};

/// The rules of a text, as they are written, and what belongs to each.
pub(super) struct Outline {
    written: RuleFile,
    blocks: Vec<Span>,
    /// Where the tests stand.
    cases: Vec<Span>,
}

/// A part of the file that has a name.
struct Part {
    name: String,
    detail: Option<String>,
    kind: SymbolKind,
    block: Span,
    /// Its name, or its header.
    place: Span,
}

impl Outline {
    /// Reads the rules of a file, however broken.
    pub(super) fn of(file: &SourceFile) -> Self {
        let written = toml::parse(file, &mut Sink::default());
        let headers: Vec<_> = written.rules.iter().map(|rule| rule.header).collect();
        let blocks = layout::layout(file, &headers).blocks;
        let headers: Vec<_> = written.cases.iter().map(|case| case.header).collect();
        let cases = layout::layout(file, &headers).blocks;
        Self { written, blocks, cases }
    }

    /// The rule at a byte, by its place in the file.
    pub(super) fn rule_at(&self, byte: usize) -> Option<usize> {
        self.blocks.iter().position(|block| block.start <= byte && byte < block.end)
    }

    /// Rules, then tests.
    fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        for (number, (rule, block)) in (1..).zip(self.written.rules.iter().zip(&self.blocks)) {
            let tags: Vec<_> = rule.tags.iter().map(|tag| tag.text.as_str()).collect();
            let detail = (!tags.is_empty()).then(|| tags.join(", "));
            let (name, place) = called("rule", number, rule.name.as_ref(), rule.header);
            parts.push(Part { name, detail, kind: SymbolKind::OBJECT, block: *block, place });
        }
        for (number, (case, block)) in (1..).zip(self.written.cases.iter().zip(&self.cases)) {
            let (name, place) = called("test", number, case.name.as_ref(), case.header);
            parts.push(Part { name, detail: None, kind: SymbolKind::EVENT, block: *block, place });
        }
        parts
    }

    /// All rules and tests as symbols: as a tree for clients that know trees.
    pub(super) fn symbols(&self, uri: &Uri, text: &Text, trees: bool) -> DocumentSymbolResponse {
        if trees {
            let all = self.parts().into_iter().map(|part| symbol(part, text));
            return DocumentSymbolResponse::Nested(all.collect());
        }
        #[allow(deprecated, reason = "the type has the field, and no other way to be made")]
        let one = |part: Part| SymbolInformation {
            name: part.name,
            kind: part.kind,
            tags: None,
            deprecated: None,
            location: Location::new(uri.clone(), text.range(trimmed(part.block, text))),
            container_name: None,
        };
        DocumentSymbolResponse::Flat(self.parts().into_iter().map(one).collect())
    }

    /// Where the rule at a byte makes the capture that a tag there uses.
    pub(super) fn captures(&self, byte: usize) -> Option<Vec<Span>> {
        let rule = self.written.rules.get(self.rule_at(byte)?)?;
        let pieces = rule.tags.iter().chain(&rule.project).flat_map(template::parse);
        let used = pieces.filter_map(|piece| match piece {
            template::Piece::Capture(name, span) => Some((name, span)),
            template::Piece::Text(_) => None,
        });
        let (wanted, _) = used.into_iter().find(|(_, it)| it.start <= byte && byte <= it.end)?;
        let conditions = rule.matching.iter().flat_map(|it| &it.conditions);
        let values = conditions.flat_map(|condition| match &condition.value {
            ValueNode::One(text) => std::slice::from_ref(text),
            ValueNode::Many(texts, _) => texts,
            ValueNode::Other(..) => &[],
        });
        let texts = values.chain(rule.when.iter().map(|when| &when.text));
        let made = texts.flat_map(template::parse).filter_map(|piece| match piece {
            template::Piece::Capture(name, span) if name == wanted => Some(span),
            template::Piece::Capture(..) | template::Piece::Text(_) => None,
        });
        Some(made.collect())
    }
}

/// How a part is called, and where that stands. Clients refuse symbols without a name.
fn called(
    what: &str,
    number: usize,
    name: Option<&embedded::Text>,
    header: Span,
) -> (String, Span) {
    match name.filter(|name| !name.text.trim().is_empty()) {
        Some(name) => (name.text.clone(), name.span),
        None => (format!("{what} {number}"), header),
    }
}

fn symbol(part: Part, text: &Text) -> DocumentSymbol {
    let whole = trimmed(part.block, text);
    let inner = Span::new(part.place.start.max(whole.start), part.place.end.min(whole.end));
    #[allow(deprecated, reason = "the type has the field, and no other way to be made")]
    DocumentSymbol {
        name: part.name,
        detail: part.detail,
        kind: part.kind,
        tags: None,
        deprecated: None,
        range: text.range(whole),
        selection_range: text.range(if inner.is_empty() { whole } else { inner }),
        children: None,
    }
}

/// A block without the line end behind it.
fn trimmed(block: Span, text: &Text) -> Span {
    let whole = text.as_str().get(block.start..block.end).unwrap_or_default();
    Span::new(block.start, block.start + whole.trim_end().len())
}
