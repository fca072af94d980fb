//! Near misses in `tt rules check --dry-run`: by rule, how it was missed, and what to type.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use super::check::called;
use crate::cli::error::Outcome;
use crate::cli::table::harmless;
use crate::rules::cases::toml_string;
use crate::rules::near::{Kind, Miss};
use crate::rules::{RuleId, RuleInfo};

/// How many values are shown of each.
const EXAMPLES: usize = 3;

/// Near misses of one rule that the same change would mend.
#[derive(Default)]
struct Group {
    streams: u64,
    /// A few different values, in the order of the streams.
    examples: Vec<String>,
}

/// Near misses, by rule, kind and what to add.
#[derive(Default)]
pub(super) struct Misses(BTreeMap<(RuleId, Kind, Option<String>), Group>);

impl Extend<Miss> for Misses {
    fn extend<T: IntoIterator<Item = Miss>>(&mut self, misses: T) {
        for miss in misses {
            let group = self.0.entry((miss.rule, miss.kind, miss.add)).or_default();
            group.streams += 1;
            if group.examples.len() < EXAMPLES && !group.examples.contains(&miss.value) {
                group.examples.push(miss.value);
            }
        }
    }
}

impl Misses {
    /// For people; nothing where there are none.
    pub(super) fn in_text(&self, rules: &[RuleInfo], out: &mut dyn Write) -> Outcome {
        if self.0.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nNear misses:")?;
        for ((rule, kind, add), group) in &self.0 {
            let Some(rule) = rules.get(rule.index()) else { continue };
            let rule = format!("{} (line {})", called(rule), rule.line);
            let one = group.streams == 1;
            let (how, remedy) = match kind {
                Kind::Itself => (
                    format!("{} the directory itself of {rule}", if one { "is" } else { "are" }),
                    add.as_ref().map(|add| {
                        format!(
                            "its pattern ends in /*, which is what lies below; add {}",
                            toml_string(add)
                        )
                    }),
                ),
                Kind::Case => (
                    format!("{} only by case from {rule}", if one { "differs" } else { "differ" }),
                    add.as_ref().map(|add| format!("case counts; add {}", toml_string(add))),
                ),
                Kind::Home => (
                    format!("{} under another home than {rule}", if one { "lies" } else { "lie" }),
                    add.as_ref().map(|add| format!("add {} to homes in [rules]", toml_string(add))),
                ),
            };
            let streams = if one { "1 stream" } else { &format!("{} streams", group.streams) };
            let examples = harmless(&group.examples.join(", "));
            writeln!(out, "  {streams} {how}: {examples}")?;
            if let Some(remedy) = remedy {
                writeln!(out, "    {}", harmless(&remedy))?;
            }
        }
        Ok(())
    }

    /// For programs.
    pub(super) fn in_json(&self, rules: &[RuleInfo]) -> Vec<Value> {
        let each = self.0.iter().filter_map(|((rule, kind, add), group)| {
            let rule = rules.get(rule.index())?;
            let kind = match kind {
                Kind::Itself => "directory_itself",
                Kind::Case => "case",
                Kind::Home => "home",
            };
            Some(json!({
                "kind": kind,
                "rule": { "index": rule.index(), "name": rule.title(), "line": rule.line },
                "streams": group.streams,
                "examples": group.examples,
                "add": add,
            }))
        });
        each.collect()
    }
}
