//! # The decision table: all rules at once
//!
//! The question is which rule, in file order, is the first whose condition holds. Asking rule by
//! rule costs every stream the whole list; the table turns the question round. It asks each value
//! of the stream once, *which tests does this value pass?*, and lets the answers count:
//!
//! ```text
//!   value ──▶ tests passed ──▶ gates ──▶ rules ──▶ the smallest
//!
//!   "/home/sami/oss/tt" ─▶ ~/oss/* ──────────┐
//!                                            ├─▶ All, 2 of 2 ─▶ rule 3
//!   "claude-code" ───────▶ agent claude-code ┘
//! ```
//!
//! Texts go to a table per field that keeps patterns by their shape ([`text`]): most patterns are
//! a word or a directory and cost one hash look-up for all of them together. Numbers and days have
//! tables of their own ([`number`]). A condition is a tree of gates: `All` of n opens at its n-th
//! child, `Any` at its first.
//!
//! INVARIANT (first match): the rule found is the smallest that holds. A gate hears of each child at
//! most once per stream, so it opens exactly when the count *reaches* the number it needs. A gate
//! without children never opens; the check lets no condition be empty.
//!
//! INVARIANT (immutable): nothing in a table changes after it is built; what a search needs to
//! remember is in the caller's scratch.
//!
//! Cost: building is linear in the text of the rules, apart from patterns that need an automaton,
//! whose states are made only when a value reaches them. A search costs the length of the values,
//! plus one step per test passed and gate reached.
//!
//! Held to the rule-by-rule interpreter in `tests/rules/`.

pub mod number;
pub mod text;

use std::collections::HashMap;

use chrono::Weekday;

use super::fields::{FIELDS, Field, Type};
use super::ir::{Atom, Checked, Predicate, Rule, RuleId, RuleSet, Test};
use super::stream::Stream;
use number::NumberTable;
use text::{TextBuilder, TextCache, TextTable};

/// A test, shared by all rules that make it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AtomId(pub u32);

/// A node of a condition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct GateId(pub u32);

/// What a test or a gate counts for once it holds.
#[derive(Clone, Copy, Debug)]
pub enum Opens {
    /// It counts for another gate.
    Gate(GateId),
    /// It is the whole condition of a rule.
    Rule(RuleId),
}

/// Opens when `needed` of its children hold.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// How many children must hold.
    pub needed: u32,
    /// What then.
    pub opens: Opens,
}

/// All rules of a file, ready to decide streams.
#[derive(Debug)]
pub struct Table {
    texts: Vec<(Field, TextTable)>,
    numbers: Vec<(Field, NumberTable)>,
    weekdays: [Vec<AtomId>; 7],
    /// Per atom, what it counts for; a gate that has it twice is named twice.
    parents: Vec<Vec<Opens>>,
    gates: Vec<Gate>,
    /// Rules with conditions that counting cannot decide, in order.
    walked: Vec<Rule>,
}

impl Table {
    /// Compiles the enabled rules.
    #[must_use]
    pub fn compile(rules: &Checked<RuleSet>) -> Self {
        let mut builder = Builder::default();
        let mut walked = Vec::new();
        for rule in rules.rules.iter().filter(|rule| rule.info.enabled) {
            let conditions: Vec<_> = rule.conjuncts.iter().map(|it| &it.predicate).collect();
            if conditions.iter().all(|it| counts(it)) {
                builder.rule(&conditions, rule.info.id);
            } else {
                walked.push(rule.clone());
            }
        }
        Self { walked, ..builder.finish() }
    }

    /// The first rule that counting cannot decide and that holds.
    #[must_use]
    pub fn walk(&self, stream: &Stream) -> Option<RuleId> {
        self.walked.iter().find(|rule| rule.holds(stream)).map(|rule| rule.info.id)
    }

    /// The text tables, each with its field.
    #[must_use]
    pub fn texts(&self) -> &[(Field, TextTable)] {
        &self.texts
    }

    /// The tables of numbers, each with its field.
    #[must_use]
    pub fn numbers(&self) -> &[(Field, NumberTable)] {
        &self.numbers
    }

    /// The tests that a day passes.
    #[must_use]
    pub fn weekday(&self, day: Weekday) -> &[AtomId] {
        let index = day.num_days_from_monday() as usize;
        self.weekdays.get(index).map_or(&[], Vec::as_slice)
    }

    /// What a test counts for.
    #[must_use]
    pub fn parents(&self, atom: AtomId) -> &[Opens] {
        self.parents.get(atom.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// The gate of that number.
    #[must_use]
    pub fn gate(&self, gate: GateId) -> Option<Gate> {
        self.gates.get(gate.0 as usize).copied()
    }

    /// How many tests there are.
    #[must_use]
    pub fn atom_count(&self) -> usize {
        self.parents.len()
    }

    /// How many gates there are.
    #[must_use]
    pub fn gate_count(&self) -> usize {
        self.gates.len()
    }

    /// Bytes that the table occupies, itself included.
    #[must_use]
    pub fn memory_usage(&self) -> usize {
        let texts: usize = self.texts.iter().map(|(_, table)| table.memory_usage()).sum();
        let numbers: usize = self.numbers.iter().map(|(_, table)| table.memory_usage()).sum();
        let lists = self.weekdays.iter().map(|atoms| size_of_val(atoms.as_slice()));
        let parents = self.parents.iter().map(|opens| size_of_val(opens.as_slice()));
        size_of::<Self>()
            + texts
            + numbers
            + lists.sum::<usize>()
            + parents.sum::<usize>()
            + size_of_val(self.texts.as_slice())
            + size_of_val(self.numbers.as_slice())
            + size_of_val(self.parents.as_slice())
            + size_of_val(self.gates.as_slice())
    }

    /// Fresh caches for [`Table::texts`], in its order.
    #[must_use]
    pub fn caches(&self) -> Vec<TextCache> {
        self.texts.iter().map(|(_, table)| table.cache()).collect()
    }
}

#[derive(Default)]
struct Builder<'r> {
    atoms: HashMap<&'r Atom, AtomId>,
    /// The same atoms, by number.
    order: Vec<&'r Atom>,
    parents: Vec<Vec<Opens>>,
    gates: Vec<Gate>,
}

/// Whether gates that count what holds can decide it.
fn counts(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::All(children) => !children.is_empty() && children.iter().all(counts),
        Predicate::Any(children) => children.iter().all(counts),
        Predicate::Not(_) => false,
        Predicate::Atom(atom) => !matches!(atom.test, Test::Present | Test::IsNot(_)),
    }
}

impl<'r> Builder<'r> {
    fn rule(&mut self, conditions: &[&'r Predicate], rule: RuleId) {
        let id = GateId(number(self.gates.len()));
        self.gates.push(Gate { needed: number(conditions.len()), opens: Opens::Rule(rule) });
        conditions.iter().for_each(|it| self.predicate(it, Opens::Gate(id)));
    }

    fn predicate(&mut self, predicate: &'r Predicate, opens: Opens) {
        match predicate {
            // A gate around a single child would only pass it on.
            Predicate::All(children) | Predicate::Any(children) if children.len() == 1 => {
                children.iter().for_each(|child| self.predicate(child, opens));
            }
            Predicate::All(children) => self.gate(children, number(children.len()), opens),
            Predicate::Any(children) => self.gate(children, 1, opens),
            Predicate::Not(_) => {}
            Predicate::Atom(atom) => {
                let atom = self.atom(atom);
                if let Some(parents) = self.parents.get_mut(atom.0 as usize) {
                    parents.push(opens);
                }
            }
        }
    }

    fn gate(&mut self, children: &'r [Predicate], needed: u32, opens: Opens) {
        let id = GateId(number(self.gates.len()));
        self.gates.push(Gate { needed, opens });
        children.iter().for_each(|child| self.predicate(child, Opens::Gate(id)));
    }

    fn atom(&mut self, atom: &'r Atom) -> AtomId {
        let next = AtomId(number(self.order.len()));
        let id = *self.atoms.entry(atom).or_insert(next);
        if id == next {
            self.order.push(atom);
            self.parents.push(Vec::new());
        }
        id
    }

    fn finish(self) -> Table {
        let mut texts = Vec::new();
        let mut numbers = Vec::new();
        let mut weekdays: [Vec<AtomId>; 7] = Default::default();
        for info in FIELDS {
            let atoms: Vec<_> = (0..)
                .map(AtomId)
                .zip(&self.order)
                .filter(|(_, atom)| atom.field == info.field)
                .map(|(id, atom)| (id, &atom.test))
                .collect();
            if atoms.is_empty() {
                continue;
            }
            match info.ty {
                Type::Text | Type::TextSet => texts.push((info.field, text_table(&atoms))),
                Type::Duration | Type::TimeOfDay => {
                    numbers.push((info.field, number_table(&atoms)));
                }
                Type::Weekday => fill_weekdays(&mut weekdays, &atoms),
            }
        }
        let Self { parents, gates, .. } = self;
        Table { texts, numbers, weekdays, parents, gates, walked: Vec::new() }
    }
}

fn text_table(atoms: &[(AtomId, &Test)]) -> TextTable {
    let mut builder = TextBuilder::default();
    for (id, test) in atoms {
        if let Test::Glob(pattern) = test {
            builder.add(*id, pattern.clone());
        }
    }
    builder.finish()
}

fn number_table(atoms: &[(AtomId, &Test)]) -> NumberTable {
    let mut table = Vec::new();
    for (id, test) in atoms {
        if let Test::Within(within) = test {
            table.extend(within.ranges().iter().map(|range| (*range, *id)));
        }
    }
    NumberTable::new(table)
}

fn fill_weekdays(weekdays: &mut [Vec<AtomId>; 7], atoms: &[(AtomId, &Test)]) {
    const DAYS: [Weekday; 7] = [
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
        Weekday::Sat,
        Weekday::Sun,
    ];
    for (id, test) in atoms {
        if let Test::Weekday(set) = test {
            for (day, atoms) in DAYS.into_iter().zip(weekdays.iter_mut()) {
                if set.contains(day) {
                    atoms.push(*id);
                }
            }
        }
    }
}

/// The number of atoms or gates is bounded by the size of a file that fits into memory as rules.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
