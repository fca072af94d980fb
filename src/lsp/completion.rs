//! What could be written at a place.
//!
//! Answered from tokens and from what is known, never from an analysis, so that it is as quick in a
//! broken file as in a sound one.

use std::collections::BTreeSet;

use lsp_types::{CompletionItem, CompletionItemKind, CompletionList, CompletionTextEdit, TextEdit};

use super::context::{self, Here, Quotes, Slot};
use super::cursor::{self, Awaited, Operand};
use super::keys::{CASE_KEYS, EXPECT_KEYS, RULE_KEYS, SECTION_KEYS};
use super::known::Known;
use super::text::Text;
use crate::diag::{Code, Level, Span};
use crate::rules::Env;
use crate::rules::fields::{FIELDS, Field, Type, WEEKDAYS};
use crate::rules::syntax::quantity::Comparison;

/// So many values are offered at once; typing on asks again.
const MOST: usize = 100;

/// A thing that could be written.
struct Offer {
    label: String,
    text: String,
    kind: CompletionItemKind,
    detail: String,
}

impl Offer {
    fn new(label: &str, kind: CompletionItemKind, detail: impl Into<String>) -> Self {
        let (label, text) = (label.to_owned(), label.to_owned());
        Self { label, text, kind, detail: detail.into() }
    }
}

/// Everything that helps to answer.
pub(super) struct Asking<'a> {
    pub(super) text: &'a Text,
    pub(super) known: &'a Known,
    pub(super) env: &'a Env,
}

impl Asking<'_> {
    /// What could be written at a byte.
    pub(super) fn at(&self, byte: usize) -> CompletionList {
        let here = context::at(self.text.as_str(), byte);
        let keys = here.keys();
        let (word, offers) = match (here.slot, keys.as_slice()) {
            (Slot::Comment, _) => self.allowance(here.word, byte),
            (Slot::Value(Some(quotes)), ["rules", "auto_tag", "when"]) => {
                self.expression(here.word, quotes, byte)
            }
            (Slot::Key | Slot::Value(_), _) => (here.word, self.key_or_value(&here)),
            (Slot::Header | Slot::Nothing, _) => (here.word, Vec::new()),
        };
        self.list(word, byte, offers)
    }

    fn list(&self, word: Span, byte: usize, offers: Vec<Offer>) -> CompletionList {
        let typed = self.text.as_str().get(word.start..byte).unwrap_or_default().to_lowercase();
        let fits = |offer: &Offer| is_within(&typed, &offer.text.to_lowercase());
        let range = self.text.range(word);
        let mut items: Vec<_> = offers.into_iter().filter(fits).take(MOST + 1).collect();
        let is_incomplete = items.len() > MOST;
        items.truncate(MOST);
        let item = |(place, offer): (usize, Offer)| CompletionItem {
            label: offer.label,
            kind: Some(offer.kind),
            detail: (!offer.detail.is_empty()).then_some(offer.detail),
            sort_text: Some(format!("{place:04}")),
            filter_text: Some(offer.text.clone()),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text: offer.text })),
            ..CompletionItem::default()
        };
        let items = items.into_iter().enumerate().map(item).collect();
        CompletionList { is_incomplete, items }
    }

    fn key_or_value(&self, here: &Here) -> Vec<Offer> {
        let keys = here.keys();
        match (here.slot, keys.as_slice()) {
            (Slot::Key, ["rules"]) => words(&SECTION_KEYS, CompletionItemKind::PROPERTY),
            (Slot::Key, ["rules", "auto_tag"]) => words(&RULE_KEYS, CompletionItemKind::PROPERTY),
            (Slot::Key, ["rules", "auto_tag", "match"]) => fields(),
            (Slot::Key, ["rules", "test"]) => words(&CASE_KEYS, CompletionItemKind::PROPERTY),
            (Slot::Key, ["rules", "test", "expect"]) => {
                words(&EXPECT_KEYS, CompletionItemKind::PROPERTY)
            }
            (Slot::Key, ["rules", "test", "stream"]) => given(),
            (Slot::Key, ["rules", "lints"]) => {
                let names = lints().map(|code| (code.slug(), code.summary()));
                names
                    .map(|(name, what)| Offer::new(name, CompletionItemKind::ENUM_MEMBER, what))
                    .collect()
            }
            (Slot::Value(quotes), ["rules", "lints", _]) => {
                let levels = Level::ALL.map(|level| level.as_str().to_owned());
                in_toml(quotes, levels, CompletionItemKind::ENUM_MEMBER)
            }
            (Slot::Value(None), ["rules", "auto_tag", "enabled"]) => {
                ["true", "false"].map(|it| Offer::new(it, CompletionItemKind::VALUE, "")).into()
            }
            (Slot::Value(quotes), ["rules", "test", "expect"]) => {
                in_toml(quotes, ["none".to_owned()], CompletionItemKind::VALUE)
            }
            (Slot::Value(quotes), ["rules", "test", "expect", "rule"]) => {
                in_toml(quotes, self.rules(), CompletionItemKind::REFERENCE)
            }
            (Slot::Value(quotes), ["rules", "test", "stream", field]) => {
                let values = Field::named(field).map(|field| self.known.values(field));
                let values = values.unwrap_or_default().iter().map(|value| self.at_home(value));
                in_toml(quotes, values, CompletionItemKind::VALUE)
            }
            (
                Slot::Value(quotes),
                ["rules", "auto_tag", "tags"] | ["rules", "test", "expect", "tags"],
            ) => in_toml(quotes, self.tags(here.word), CompletionItemKind::ENUM_MEMBER),
            (Slot::Value(quotes), ["rules", "auto_tag", "match", field]) => {
                let Some(field) = Field::named(field) else { return Vec::new() };
                in_toml(quotes, self.values(field, true), CompletionItemKind::VALUE)
            }
            (Slot::Value(quotes), ["rules", "homes"]) => {
                in_toml(quotes, self.env.home.clone(), CompletionItemKind::FOLDER)
            }
            _ => Vec::new(),
        }
    }

    /// The tags in use, then those that only the file has; not the one being written.
    fn tags(&self, word: Span) -> Vec<String> {
        let text = self.text.as_str();
        let mut tags = self.known.tags().to_vec();
        let mut seen: BTreeSet<String> = tags.iter().cloned().collect();
        let spans = context::texts(text, &["rules", "auto_tag", "tags"]).into_iter();
        for span in spans.filter(|span| span.start != word.start) {
            let tag = text.get(span.start..span.end).unwrap_or_default();
            if is_tag(tag) && seen.insert(tag.to_owned()) {
                tags.push(tag.to_owned());
            }
        }
        tags
    }

    /// The names of the rules of the file.
    fn rules(&self) -> Vec<String> {
        let text = self.text.as_str();
        let spans = context::texts(text, &["rules", "auto_tag", "name"]).into_iter();
        spans.filter_map(|span| Some(text.get(span.start..span.end)?.to_owned())).collect()
    }

    /// Values of a field, as rules would write them: globs, or texts to be equal to.
    fn values(&self, field: Field, glob: bool) -> Vec<String> {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        match field.info().ty {
            Type::Text | Type::TextSet if !glob => self.known.values(field).to_vec(),
            Type::Text | Type::TextSet => {
                let known = self.known.values(field);
                let above =
                    if field == Field::PrimaryCwd { shared_folders(known) } else { Vec::new() };
                let below = above.iter().map(|folder| format!("{}/*", self.pattern(folder)));
                known.iter().map(|value| self.pattern(value)).chain(below).collect()
            }
            Type::Weekday => owned(&WEEKDAYS),
            Type::Duration => owned(&[">= 15m", "< 5m", "15m..2h", ">= 1h30m"]),
            Type::TimeOfDay => owned(&["09:00..17:30", ">= 17:30", "22:00..06:00"]),
        }
    }

    /// The value with `~` for the home directory.
    fn at_home(&self, value: &str) -> String {
        let home = self.env.home.as_deref().filter(|home| home.len() > 1);
        let below = home.and_then(|home| value.strip_prefix(home));
        match below.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            Some(rest) => format!("~{rest}"),
            None if value.starts_with('~') => format!("\\{value}"),
            None => value.to_owned(),
        }
    }

    /// The glob that matches just this value.
    fn pattern(&self, value: &str) -> String {
        let written = self.at_home(value);
        // The backslash before a `~` is one already.
        let (mut out, rest) = match written.strip_prefix("\\~").filter(|_| value.starts_with('~')) {
            Some(rest) => ("\\~".to_owned(), rest),
            None => (String::new(), written.as_str()),
        };
        for c in rest.chars() {
            if matches!(c, '*' | '?' | '[' | '{' | '<' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out
    }

    fn expression(&self, inside: Span, quotes: Quotes, byte: usize) -> (Span, Vec<Offer>) {
        let cursor = cursor::at(self.text.as_str(), inside, quotes, byte);
        let keyword = |word: &str, what: &str| Offer::new(word, CompletionItemKind::KEYWORD, what);
        let offers = match cursor.awaited {
            Awaited::Operand => {
                let mut offers = fields();
                offers.push(keyword("has", "the stream has a value for the field"));
                offers.push(keyword("not", "the condition that follows does not hold"));
                offers.push(keyword("true", "always"));
                offers.push(keyword("false", "never"));
                offers
            }
            Awaited::Field => fields(),
            Awaited::Operator(field) => operators(field),
            Awaited::Value(operand) => self.compared(operand, quotes),
            Awaited::Joint => vec![
                keyword("and", "both conditions hold"),
                keyword("or", "one of the conditions holds"),
            ],
            Awaited::Nothing => Vec::new(),
        };
        (cursor.word, offers)
    }

    /// Values within an expression, in its quotes and those of TOML.
    fn compared(&self, operand: Operand, quotes: Quotes) -> Vec<Offer> {
        let Some(field) = operand.field else { return Vec::new() };
        let plain = |text: &&str| Offer::new(text, CompletionItemKind::VALUE, "");
        match field.info().ty {
            Type::Duration => ["15m", "1h", "1h30m", "15m..2h"].iter().map(plain).collect(),
            Type::TimeOfDay => {
                ["09:00..17:30", "17:30", "22:00..06:00"].iter().map(plain).collect()
            }
            Type::Text | Type::TextSet | Type::Weekday => {
                let values = self.values(field, operand.glob);
                let offer = |value: String| {
                    let inner = in_expression(&value, operand, quotes)?;
                    let text = within(quotes, &inner)?;
                    Some(Offer { text, ..Offer::new(&value, CompletionItemKind::VALUE, "") })
                };
                values.into_iter().filter_map(offer).collect()
            }
        }
    }

    /// Codes within `# tt: allow(…)`.
    fn allowance(&self, comment: Span, byte: usize) -> (Span, Vec<Offer>) {
        let nothing = (Span::new(byte, byte), Vec::new());
        let text = self.text.as_str();
        let before = text.get(comment.start..byte).unwrap_or_default();
        let list = before.split_once("tt:").and_then(|(_, rest)| rest.split_once("allow"));
        let Some((_, list)) = list.and_then(|(_, rest)| rest.split_once('(')) else {
            return nothing;
        };
        if list.contains(')') {
            return nothing;
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let start = byte - before.chars().rev().take_while(|c| is_word(*c)).count();
        let after = text.get(byte..comment.end).unwrap_or_default();
        let end = byte + after.chars().take_while(|c| is_word(*c)).count();
        let offer =
            |name: &str, detail: String| Offer::new(name, CompletionItemKind::ENUM_MEMBER, detail);
        let ids = lints().map(|it| offer(it.id(), format!("{}: {}", it.slug(), it.summary())));
        let names = lints().map(|it| offer(it.slug(), format!("{}: {}", it.id(), it.summary())));
        (Span::new(start, end), ids.chain(names).collect())
    }
}

fn lints() -> impl Iterator<Item = &'static Code> {
    Code::ALL.iter().filter(|code| code.is_lint())
}

fn words(words: &[(&str, &str)], kind: CompletionItemKind) -> Vec<Offer> {
    words.iter().map(|(word, what)| Offer::new(word, kind, *what)).collect()
}

fn fields() -> Vec<Offer> {
    let offer = |info: &crate::rules::fields::FieldInfo| {
        let detail = format!("{}: {}", info.ty.name(), info.doc);
        Offer::new(info.name, CompletionItemKind::FIELD, detail)
    };
    FIELDS.iter().map(offer).collect()
}

/// What the stream of a test can be given.
fn given() -> Vec<Offer> {
    let mut offers = fields();
    offers.retain(|offer| {
        let of_moment = |field: Field| matches!(field.info().ty, Type::Weekday | Type::TimeOfDay);
        !Field::named(&offer.text).is_some_and(of_moment)
    });
    offers.push(Offer::new(
        "at",
        CompletionItemKind::FIELD,
        "when its first event was, local time",
    ));
    offers
}

fn operators(field: Option<Field>) -> Vec<Offer> {
    let operator =
        |symbol: &str, what: &str| Offer::new(symbol, CompletionItemKind::OPERATOR, what);
    let compare = |comparisons: &[Comparison]| -> Vec<Offer> {
        comparisons.iter().map(|it| operator(it.symbol(), "")).collect()
    };
    let Some(field) = field else { return Vec::new() };
    let equal = [Comparison::Equal, Comparison::NotEqual];
    match field.info().ty {
        Type::Text | Type::TextSet => {
            let mut offers = vec![operator("~", "matches the glob")];
            offers.extend(compare(&equal));
            offers.push(operator("in", "matches one of the globs"));
            offers
        }
        Type::Weekday => {
            let mut offers = vec![operator("in", "is one of these days")];
            offers.extend(compare(&equal));
            offers
        }
        Type::Duration | Type::TimeOfDay => {
            let mut offers = compare(&Comparison::ALL);
            offers.push(operator("in", "lies in the range"));
            offers
        }
    }
}

/// Folders that hold several of the directories, the fullest first.
fn shared_folders(directories: &[String]) -> Vec<String> {
    let mut counts: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for directory in directories {
        let above = directory.rsplit_once('/').map(|(above, _)| above);
        if let Some(above) = above.filter(|above| !above.is_empty()) {
            *counts.entry(above).or_default() += 1;
        }
    }
    let mut shared: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 1).collect();
    shared.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    shared.into_iter().map(|(folder, _)| folder.to_owned()).collect()
}

/// Texts as values of TOML: as they stand between these quotes, or in quotes of their own.
fn in_toml(
    quotes: Option<Quotes>,
    texts: impl IntoIterator<Item = String>,
    kind: CompletionItemKind,
) -> Vec<Offer> {
    let offer = |text: String| {
        let written = match quotes {
            Some(quotes) => within(quotes, &text)?,
            None => format!("\"{}\"", within(Quotes { basic: true, triple: false }, &text)?),
        };
        Some(Offer { text: written, ..Offer::new(&text, kind, "") })
    };
    texts.into_iter().filter_map(offer).collect()
}

/// A text as it is written between quotes of TOML; `None` if it cannot be.
fn within(quotes: Quotes, text: &str) -> Option<String> {
    if text.contains(char::is_control) || (!quotes.basic && text.contains('\'') && !quotes.triple) {
        return None;
    }
    if !quotes.basic {
        return (!text.contains("'''")).then(|| text.to_owned());
    }
    Some(text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A value as it is written in an expression; `None` if it cannot be.
fn in_expression(value: &str, operand: Operand, quotes: Quotes) -> Option<String> {
    // A glob has its backslashes already; in a text to be equal to, each stands for itself.
    let text = if operand.glob { value.to_owned() } else { value.replace('\\', "\\\\") };
    let quote = operand.quote.unwrap_or(if quotes.basic { '\'' } else { '"' });
    let text = text.replace(quote, &format!("\\{quote}"));
    Some(match operand.quote {
        Some(_) => text,
        // In a list `in [` is still to be written.
        None => format!("{quote}{text}{quote}"),
    })
}

fn is_tag(text: &str) -> bool {
    !text.is_empty() && !text.contains(['\\', '"', '\'']) && !text.contains(char::is_control)
}

/// Whether the characters of `typed` occur in `text` in their order, as editors filter.
fn is_within(typed: &str, text: &str) -> bool {
    let mut rest = text.chars();
    typed.chars().all(|c| rest.any(|other| other == c))
}
