//! Conditions of `match` blocks, and what they share with expressions: globs and days.

use std::collections::BTreeSet;

use chrono::Weekday;

use super::capture::Captured;
use super::{Lowerer, Meaning, message};
use crate::diag::Span;
use crate::rules::fields::{Field, Type, WEEKDAYS};
use crate::rules::ir::{Atom, Leaf, Pattern, Predicate, Test};
use crate::rules::lang::{Intervals, WeekdaySet};
use crate::rules::syntax::embedded::Text;
use crate::rules::syntax::glob::{self, Broken};
use crate::rules::syntax::quantity::{self, Unit};
use crate::rules::syntax::{ConditionNode, ValueNode};

/// The fields that several of these conditions name or mean: a table has no key twice.
pub(super) fn meant_twice<'n>(
    conditions: impl Iterator<Item = &'n ConditionNode>,
) -> BTreeSet<Field> {
    let (mut once, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for node in conditions {
        let field = Field::named(&node.field).or_else(|| Field::meant_by(&node.field));
        twice.extend(field.filter(|field| !once.insert(*field)));
    }
    twice
}

impl Lowerer<'_> {
    /// `doubtful` are the fields that an unknown name cannot simply become.
    pub(super) fn condition(
        &mut self,
        node: &ConditionNode,
        doubtful: &BTreeSet<Field>,
    ) -> Meaning {
        let Some(field) = Field::named(&node.field) else {
            let place = "match block";
            let mut finding = message::unknown_field(&node.field, node.field_span, place);
            if Field::meant_by(&node.field).is_some_and(|field| doubtful.contains(&field)) {
                finding.edit = None;
            }
            self.sink.push(finding);
            return Meaning::broken();
        };
        match field.info().ty {
            Type::Text | Type::TextSet => {
                match self.texts(field, &node.value, "a glob or a list of globs") {
                    Some(texts) => self.globs(field, texts),
                    None => Meaning::broken(),
                }
            }
            Type::Weekday => match self.texts(field, &node.value, "a day or a list of days") {
                Some(texts) => Meaning::plain(self.weekdays(field, texts)),
                None => Meaning::default(),
            },
            Type::Duration => self.quantity(field, &node.value, Unit::Duration),
            Type::TimeOfDay => self.quantity(field, &node.value, Unit::TimeOfDay),
        }
    }

    /// The texts of a value, one at least; otherwise says what is wrong.
    fn texts<'v>(
        &mut self,
        field: Field,
        value: &'v ValueNode,
        expected: &str,
    ) -> Option<&'v [Text]> {
        match value {
            ValueNode::One(text) => Some(std::slice::from_ref(text)),
            ValueNode::Many(texts, span) => self.not_empty(field, texts, *span),
            ValueNode::Other(found, span) => {
                self.wrong_type(field, found, *span, expected);
                None
            }
        }
    }

    /// The texts of a list, if there are any; otherwise says so.
    pub(super) fn not_empty<'v>(
        &mut self,
        field: Field,
        texts: &'v [Text],
        span: Span,
    ) -> Option<&'v [Text]> {
        if texts.is_empty() {
            self.sink.push(message::empty_list(field, span));
        }
        (!texts.is_empty()).then_some(texts)
    }

    fn wrong_type(&mut self, field: Field, found: &str, span: Span, expected: &str) {
        let info = field.info();
        let example = format!("for example: {} = {}", info.name, info.example);
        self.sink.push(message::wrong_type(field, found, span, expected).help(example));
    }

    /// Any of these globs.
    pub(super) fn globs(&mut self, field: Field, texts: &[Text]) -> Meaning {
        let (mut captured, mut atoms, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
        for text in texts {
            let (names, patterns) = self.glob(text);
            captured.push(names);
            leaves.push(Leaf { place: text.span, atoms: patterns.len() });
            let atom = |pattern| Predicate::Atom(Atom { field, test: Test::Glob(pattern) });
            atoms.extend(patterns.into_iter().map(atom));
        }
        let predicate = Some(Predicate::Any(atoms));
        Meaning { predicate, captured: Captured::by_any(captured), leaves }
    }

    /// What a glob captures, and its patterns: one, or one per home.
    fn glob(&mut self, text: &Text) -> (Captured, Vec<Pattern>) {
        match glob::parse(text) {
            Ok(nodes) => {
                if nodes.first().is_some_and(|node| node.kind == glob::Kind::Home) {
                    self.at_home.push(text.span);
                }
                (Captured::by_glob(&nodes), Pattern::lower(&nodes, self.homes))
            }
            Err(Broken { errors, captures }) => {
                for error in errors {
                    self.sink.push(message::glob_error(text, &error));
                }
                (Captured::by_broken_glob(captures), Vec::new())
            }
        }
    }

    /// Any of these days.
    pub(super) fn weekdays(&mut self, field: Field, texts: &[Text]) -> Predicate {
        let days = texts.iter().filter_map(|text| self.weekday(text));
        let days = days.fold(WeekdaySet::default(), WeekdaySet::with);
        Predicate::Atom(Atom { field, test: Test::Weekday(days) })
    }

    /// The day of that name; otherwise says that there is none.
    pub(super) fn weekday(&mut self, text: &Text) -> Option<Weekday> {
        let index = WEEKDAYS.iter().position(|day| *day == text.text);
        let day = index.and_then(|index| Weekday::try_from(u8::try_from(index).ok()?).ok());
        if day.is_none() {
            self.sink.push(message::unknown_weekday(text));
        }
        day
    }

    fn quantity(&mut self, field: Field, value: &ValueNode, unit: Unit) -> Meaning {
        let (found, span) = match value {
            ValueNode::One(text) => match quantity::parse(&text.text, unit) {
                Ok(within) => return Meaning::plain(numbers(field, within)),
                Err(error) => {
                    self.sink.push(message::quantity_error(field, text, &error));
                    return Meaning::default();
                }
            },
            ValueNode::Many(_, span) => ("a list", *span),
            ValueNode::Other(found, span) => (*found, *span),
        };
        self.wrong_type(field, found, span, "a comparison or a range, as a text");
        Meaning::default()
    }
}

/// Whether the field is one of these numbers.
pub(super) const fn numbers(field: Field, within: Intervals) -> Predicate {
    Predicate::Atom(Atom { field, test: Test::Within(within) })
}
