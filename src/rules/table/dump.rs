//! What a table made of the rules, as plain data, for people who want to see.

use std::collections::BTreeMap;
use std::fmt;

use super::condition::Fact;
use super::text::{PatternDump, Strategy};
use super::{Hook, NO_RULE, Table, TrackId};
use crate::rules::dump::intervals;
use crate::rules::fields::Field;
use crate::rules::ir::RuleId;

/// A table in words. The same rules give the same dump.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableDump {
    /// The text fields that rules ask about.
    pub texts: Vec<TextDump>,
    /// The other fields.
    pub numbers: Vec<NumberDump>,
    /// Conditions that hang off a pattern: its number, the rule, and what is left to ask.
    pub hooks: Vec<(TrackId, RuleId, String)>,
    /// Conditions that are always asked.
    pub always: Vec<(RuleId, String)>,
    /// The first rule that holds for every stream.
    pub unconditional: Option<RuleId>,
    /// Bytes of the whole table.
    pub bytes: usize,
}

/// A text field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextDump {
    /// The field.
    pub field: Field,
    /// Its patterns, by strategy and rule.
    pub patterns: Vec<PatternDump>,
    /// How many patterns each strategy has.
    pub strategies: BTreeMap<Strategy, usize>,
    /// Patterns that hang off the same few bytes at most.
    pub largest_crowd: usize,
    /// Bytes on the heap.
    pub bytes: usize,
}

/// A field of numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberDump {
    /// The field.
    pub field: Field,
    /// Steps of the function from numbers to the smallest rule that they decide.
    pub steps: usize,
    /// Places in the tree of ranges from which conditions hang.
    pub hooks: usize,
    /// Bytes on the heap.
    pub bytes: usize,
}

impl Table {
    /// What the table made of the rules. Costs about what compiling does.
    #[must_use]
    pub fn describe(&self) -> TableDump {
        let texts = self.texts.iter().map(|it| {
            let patterns = it.table.describe();
            let mut strategies = BTreeMap::new();
            for pattern in &patterns {
                *strategies.entry(pattern.reason.strategy()).or_default() += 1;
            }
            TextDump {
                field: it.field,
                strategies,
                patterns,
                largest_crowd: it.table.largest_crowd(),
                bytes: it.table.memory_usage(),
            }
        });
        let numbers = self.numbers.iter().map(|(field, table)| {
            let (steps, hooks) = table.counts();
            NumberDump { field: *field, steps, hooks, bytes: table.memory_usage() }
        });
        let texts: Vec<TextDump> = texts.collect();
        let names = self.track_names(&texts);
        let words =
            |hook: &Hook| self.residuals.describe(hook.residual, &|fact| self.name(fact, &names));
        let tracks = (0..self.decided.len() as u32).map(TrackId);
        let hooks = tracks.flat_map(|track| self.hooks(track).iter().map(move |it| (track, it)));
        TableDump {
            numbers: numbers.collect(),
            hooks: hooks.map(|(track, hook)| (track, hook.rule, words(hook))).collect(),
            always: self.always.iter().map(|hook| (hook.rule, words(hook))).collect(),
            unconditional: Some(self.unconditional).filter(|rule| *rule != NO_RULE),
            bytes: self.memory_usage(),
            texts,
        }
    }

    /// Per track, its field and pattern.
    fn track_names(&self, texts: &[TextDump]) -> Vec<String> {
        let mut names = vec![String::new(); self.decided.len()];
        for text in texts {
            for pattern in &text.patterns {
                if let Some(name) = names.get_mut(pattern.track.index()) {
                    // Alternatives of one pattern share its track.
                    let or = if name.is_empty() { "" } else { " or " };
                    name.push_str(&format!(
                        "{or}{} ~ \"{}\"",
                        text.field.info().name,
                        pattern.glob
                    ));
                }
            }
        }
        names
    }

    fn name(&self, fact: Fact, names: &[String]) -> String {
        let track = |track: TrackId| names.get(track.index()).cloned().unwrap_or_default();
        match fact {
            Fact::Passes(it) => format!("t{} [{}]", it.0, track(it)),
            Fact::Fails(_, it) => format!("some value fails t{} [{}]", it.0, track(it)),
            Fact::Number(test) => self.asked(test).map_or_else(String::new, |(field, within)| {
                format!("{} in {}", field.info().name, intervals(within, field.info().ty))
            }),
        }
    }
}

impl fmt::Display for TableDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} bytes", self.bytes)?;
        for text in &self.texts {
            writeln!(f, "\n{} ({} bytes)", text.field.info().name, text.bytes)?;
            for (strategy, count) in &text.strategies {
                writeln!(f, "  {} × {count}", strategy.name())?;
            }
            for pattern in &text.patterns {
                let strategy = pattern.reason.strategy().name();
                write!(f, "  {:<9} {}  {}", strategy, pattern.rule, pattern.glob)?;
                if pattern.track != TrackId::NONE {
                    write!(f, "  t{}", pattern.track.0)?;
                }
                writeln!(f, "  ({})", pattern.reason.why())?;
            }
        }
        for it in &self.numbers {
            let name = it.field.info().name;
            writeln!(f, "\n{name} ({} bytes)\n  {} steps, {} hooks", it.bytes, it.steps, it.hooks)?;
        }
        if !self.hooks.is_empty() || !self.always.is_empty() {
            writeln!(f, "\nconditions")?;
        }
        for (track, rule, words) in &self.hooks {
            writeln!(f, "  {rule} if t{} and {words}", track.0)?;
        }
        for (rule, words) in &self.always {
            writeln!(f, "  {rule} if {words}")?;
        }
        match self.unconditional {
            Some(rule) => writeln!(f, "  else {rule}"),
            None => Ok(()),
        }
    }
}
