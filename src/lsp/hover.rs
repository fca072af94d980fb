//! What is said about the thing under the pointer, as plain text.

use super::context::{self, Here, Slot};
use super::cursor::{self, Awaited};
use super::keys::{CASE_KEYS, EXPECT_KEYS, RULE_KEYS, SECTION_KEYS};
use super::known::{Known, Tally};
use crate::diag::{Code, Span};
use crate::rules::analysis::{Judgement, Verdict};
use crate::rules::fields::Field;
use crate::rules::ir::Rule;
use crate::rules::{Analysis, Checked, RuleId, RuleSet, advice, show};

/// What the word at a byte is, if it has a meaning of its own, and where it stands.
pub(super) fn word(text: &str, byte: usize) -> Option<(Span, String)> {
    let here = context::at(text, byte);
    let slice = |span: Span| text.get(span.start..span.end).unwrap_or_default();
    let keys = here.keys();
    let said = match (here.slot, keys.as_slice()) {
        (Slot::Comment, _) => return allowed(text, here.word, byte),
        (Slot::Key, ["rules", "auto_tag", "match"] | ["rules", "test", "stream"]) => {
            Field::named(slice(here.word)).map(field)
        }
        (Slot::Key, ["rules", "test"]) => in_table(&CASE_KEYS, slice(here.word)),
        (Slot::Key, ["rules", "test", "expect"]) => in_table(&EXPECT_KEYS, slice(here.word)),
        (Slot::Key, ["rules", "auto_tag"]) => {
            // These are about the rule, of which more can be said.
            let key =
                Some(slice(here.word)).filter(|key| !matches!(*key, "match" | "when" | "name"));
            key.and_then(|key| in_table(&RULE_KEYS, key))
        }
        (Slot::Key, ["rules"]) => in_table(&SECTION_KEYS, slice(here.word)),
        (Slot::Key, ["rules", "lints"]) => Code::named(slice(here.word)).map(code),
        (Slot::Value(Some(_)), ["rules", "auto_tag", "when"]) => {
            return in_expression(text, &here, byte);
        }
        _ => None,
    };
    said.map(|said| (here.word, said))
}

fn in_expression(text: &str, here: &Here, byte: usize) -> Option<(Span, String)> {
    let Slot::Value(Some(quotes)) = here.slot else { return None };
    let found = cursor::at(text, here.word, quotes, byte);
    let name = text.get(found.word.start..found.word.end).unwrap_or_default();
    matches!(found.awaited, Awaited::Operand | Awaited::Field)
        .then(|| Field::named(name).map(|it| (found.word, field(it))))
        .flatten()
}

/// The code in an allowance.
fn allowed(text: &str, comment: Span, byte: usize) -> Option<(Span, String)> {
    let (before, after) = (text.get(comment.start..byte)?, text.get(byte..comment.end)?);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let start = byte - before.chars().rev().take_while(|c| is_word(*c)).count();
    let end = byte + after.chars().take_while(|c| is_word(*c)).count();
    let word = Span::new(start, end);
    let is_allowance = before.contains("tt:");
    let named = is_allowance.then(|| Code::named(text.get(start..end)?)).flatten();
    named.map(|named| (word, code(named)))
}

fn in_table(table: &[(&str, &str)], key: &str) -> Option<String> {
    let line = table.iter().find(|(name, _)| *name == key);
    line.map(|(name, what)| format!("{name}: {what}"))
}

fn field(field: Field) -> String {
    let info = field.info();
    format!(
        "{}: {}\n{}\nfor example {} = {}",
        info.name,
        info.ty.name(),
        info.doc,
        info.name,
        info.example
    )
}

fn code(code: Code) -> String {
    let (slug, summary) = (code.slug(), code.summary());
    format!("{code} ({slug}): {summary}\nmore: tt rules explain {code}")
}

/// What is known of a rule.
pub(super) struct About<'a> {
    pub(super) rules: &'a Checked<RuleSet>,
    pub(super) analysis: &'a Analysis,
    pub(super) known: &'a Known,
    pub(super) tally: &'a Tally,
}

impl About<'_> {
    /// The rule by its place in the file: what it gives, whether it can win, what it has won.
    pub(super) fn rule(&self, index: usize) -> Option<String> {
        let (rule, judgement) = self.rules.rules.get(index).zip(self.analysis.rules.get(index))?;
        let mut lines =
            vec![format!("{} gives {}", advice::called(rule), rule.info.tags.join(", "))];
        if !rule.info.enabled {
            lines.push("It is switched off; if it were on:".to_owned());
        }
        lines.push(self.verdict(judgement));
        if let Some(redundant) = &judgement.redundant {
            let later = self.called(&redundant.later);
            lines.push(format!("Without it every stream would get the same, from {later}."));
        }
        if rule.info.enabled {
            lines.extend(self.won(index));
        }
        Some(lines.join("\n"))
    }

    fn verdict(&self, judgement: &Judgement) -> String {
        match &judgement.verdict {
            Verdict::Reachable { witness } => {
                format!(
                    "It can win: the smallest such stream has {}.",
                    show::stream(witness, &self.rules.homes)
                )
            }
            Verdict::Shadowed { by, .. } => {
                format!("It can never win: {} takes all of its streams.", self.called(&[*by]))
            }
            Verdict::Unreachable { cover, .. } => {
                let cover = self.called(cover.rules());
                format!("It can never win: {cover} together take all of its streams.")
            }
            Verdict::Unsatisfiable { .. } => {
                "It can never win: its conditions exclude each other.".to_owned()
            }
            Verdict::NotProven { .. } => {
                "Whether it can win would take too long to find out.".to_owned()
            }
        }
    }

    fn called(&self, ids: &[RuleId]) -> String {
        let one = |rule: &Rule| format!("{} (line {})", advice::called(rule), rule.info.line);
        let names = ids.iter().filter_map(|id| self.rules.rules.get(id.index())).map(one);
        names.collect::<Vec<_>>().join(" and ")
    }

    /// What it wins of the stored streams, if any are known.
    fn won(&self, index: usize) -> Option<String> {
        let all = self.known.streams();
        if all.is_empty() {
            return None;
        }
        let of = match self.known.left_out() {
            0 => format!("{} stored streams", all.len()),
            _ => format!("the newest {} stored streams", all.len()),
        };
        let (count, example) = self.tally.won.get(index).copied().unwrap_or_default();
        Some(match example.and_then(|example| all.get(example)) {
            Some(example) => {
                let values = show::stream(&example.stream, &self.rules.homes);
                let name = crate::diag::quote(&example.name);
                format!("It wins {count} of {of}, the last of them {name}: {values}.")
            }
            None => format!("It wins none of {of}."),
        })
    }
}
