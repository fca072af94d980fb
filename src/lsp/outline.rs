//! Rules as parts of a document: the outline, and which rule a place belongs to.

use lsp_types::{
    DocumentSymbol, DocumentSymbolResponse, Location, SymbolInformation, SymbolKind, Uri,
};

use super::text::Text;
use crate::diag::{Sink, SourceFile, Span};
use crate::rules::syntax::{RuleFile, RuleNode, ValueNode, layout, template, toml};

/// The rules of a text, as they are written, and what belongs to each.
pub(super) struct Outline {
    written: RuleFile,
    blocks: Vec<Span>,
}

impl Outline {
    /// Reads the rules of a file, however broken.
    pub(super) fn of(file: &SourceFile) -> Self {
        let written = toml::parse(file, &mut Sink::default());
        let headers: Vec<_> = written.rules.iter().map(|rule| rule.header).collect();
        let blocks = layout::layout(file, &headers).blocks;
        Self { written, blocks }
    }

    /// The rule at a byte, by its place in the file.
    pub(super) fn rule_at(&self, byte: usize) -> Option<usize> {
        self.blocks.iter().position(|block| block.start <= byte && byte < block.end)
    }

    fn parts(&self) -> impl Iterator<Item = (usize, &RuleNode, Span)> {
        self.written
            .rules
            .iter()
            .zip(&self.blocks)
            .enumerate()
            .map(|(n, (rule, block))| (n, rule, *block))
    }

    /// All rules as symbols: as a tree for clients that know trees.
    pub(super) fn symbols(&self, uri: &Uri, text: &Text, trees: bool) -> DocumentSymbolResponse {
        if trees {
            let all = self.parts().map(|(n, rule, block)| symbol(n, rule, block, text));
            return DocumentSymbolResponse::Nested(all.collect());
        }
        #[allow(deprecated, reason = "the type has the field, and no other way to be made")]
        let one = |(n, rule, block): (usize, &RuleNode, Span)| SymbolInformation {
            name: title(n, rule),
            kind: SymbolKind::OBJECT,
            tags: None,
            deprecated: None,
            location: Location::new(uri.clone(), text.range(trimmed(block, text))),
            container_name: None,
        };
        DocumentSymbolResponse::Flat(self.parts().map(one).collect())
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

fn title(number: usize, rule: &RuleNode) -> String {
    let name = rule.name.as_ref().map(|name| name.text.clone());
    // Clients refuse symbols without a name.
    name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| format!("rule {}", number + 1))
}

fn symbol(number: usize, rule: &RuleNode, block: Span, text: &Text) -> DocumentSymbol {
    let tags: Vec<_> = rule.tags.iter().map(|tag| tag.text.as_str()).collect();
    let whole = trimmed(block, text);
    let inner = rule.name.as_ref().map_or(rule.header, |name| name.span);
    let inner = Span::new(inner.start.max(whole.start), inner.end.min(whole.end));
    #[allow(deprecated, reason = "the type has the field, and no other way to be made")]
    DocumentSymbol {
        name: title(number, rule),
        detail: (!tags.is_empty()).then(|| tags.join(", ")),
        kind: SymbolKind::OBJECT,
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
