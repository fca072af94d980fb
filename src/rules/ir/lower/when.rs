//! Expressions: every condition is held against the type of its field.
//!
//! | type | operators | value |
//! | --- | --- | --- |
//! | text, set of text | `~` | a glob |
//! | | `==` `!=` | a text |
//! | | `in` | globs |
//! | duration, time of day | `<` `<=` `>` `>=` `==` `!=` | one |
//! | | `in` | a range |
//! | weekday | `==` `!=` | a day |
//! | | `in` | days |

use unicode_normalization::UnicodeNormalization;

use super::capture::Captured;
use super::condition::numbers;
use super::{Lowerer, Meaning, message};
use crate::diag::{Code, Finding, Span, quote};
use crate::rules::fields::{Field, Type, WEEKDAYS};
use crate::rules::ir::{self, Atom, Pattern, Predicate};
use crate::rules::lang::WeekdaySet;
use crate::rules::syntax::embedded::Text;
use crate::rules::syntax::quantity::{self, Comparison, QuantityErrorKind, Unit};
use crate::rules::syntax::when::{self, Broken, Expr, Kind, Name, Operator, Test, Value};

impl Lowerer<'_> {
    /// What `and` joins at the top of an expression, each operand with its place.
    pub(super) fn when(&mut self, text: &Text) -> Vec<(Meaning, Span)> {
        let quote_mark = quote_inside(self.file.slice(text.span));
        match when::parse(text) {
            Ok(expr) => {
                let mut operands = Vec::new();
                conjuncts(&expr, &mut operands);
                let meaning = |expr: &Expr| (self.expr(expr, quote_mark), expr.span);
                operands.into_iter().map(meaning).collect()
            }
            Err(Broken { errors, rest }) => {
                for error in errors {
                    let raw = self.file.slice(error.span);
                    self.sink.push(message::when_error(&error, raw, quote_mark));
                }
                // Only for their findings.
                for expr in &rest {
                    self.expr(expr, quote_mark);
                }
                vec![(Meaning::broken(), text.span)]
            }
        }
    }

    fn expr(&mut self, expr: &Expr, quote_mark: char) -> Meaning {
        match &expr.kind {
            Kind::Constant(true) => Meaning::plain(Predicate::All(Vec::new())),
            Kind::Constant(false) => Meaning::plain(Predicate::Any(Vec::new())),
            Kind::Has(name) => match self.field(name) {
                Some(field) => {
                    Meaning::plain(Predicate::Atom(Atom { field, test: ir::Test::Present }))
                        .at(expr.span)
                }
                None => Meaning::broken(),
            },
            Kind::Test(test) => match self.field(&test.field) {
                Some(field) => self.test(field, test, quote_mark).at(expr.span),
                None => Meaning::broken(),
            },
            Kind::Not(inner) => {
                let Meaning { predicate, captured, leaves } = self.expr(inner, quote_mark);
                let predicate = predicate.map(|inner| Predicate::Not(Box::new(inner)));
                Meaning { predicate, captured: captured.negated(), leaves }
            }
            Kind::And(operands) => {
                self.joined(operands, quote_mark, Predicate::All, Captured::by_all)
            }
            Kind::Or(operands) => {
                self.joined(operands, quote_mark, Predicate::Any, Captured::by_any)
            }
        }
    }

    fn joined(
        &mut self,
        operands: &[Expr],
        quote_mark: char,
        join: fn(Vec<Predicate>) -> Predicate,
        capture: fn(Vec<Captured>) -> Captured,
    ) -> Meaning {
        let (mut predicates, mut captured, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
        for operand in operands {
            let meaning = self.expr(operand, quote_mark);
            predicates.push(meaning.predicate);
            captured.push(meaning.captured);
            leaves.extend(meaning.leaves);
        }
        let predicates: Option<Vec<_>> = predicates.into_iter().collect();
        Meaning { predicate: predicates.map(join), captured: capture(captured), leaves }
    }

    fn field(&mut self, name: &Name) -> Option<Field> {
        let field = Field::named(&name.text);
        if field.is_none() {
            let place = "when expression";
            self.sink.push(message::unknown_field(&name.text, name.span, place));
        }
        field
    }

    fn test(&mut self, field: Field, test: &Test, quote_mark: char) -> Meaning {
        let meaning = match field.info().ty {
            Type::Text | Type::TextSet => self.text_test(field, test),
            Type::Weekday => self.weekday_test(field, test),
            Type::Duration => self.amount_test(field, test, Unit::Duration),
            Type::TimeOfDay => self.amount_test(field, test, Unit::TimeOfDay),
        };
        meaning.unwrap_or_else(|| {
            self.misfit(field, test, quote_mark);
            Meaning::broken()
        })
    }

    /// `None` if operator and value do not fit the field and each other.
    fn text_test(&mut self, field: Field, test: &Test) -> Option<Meaning> {
        let literal = |text: &Text| when::unescape(&text.text).nfc().collect::<String>();
        let test = match (test.operator, &test.value) {
            (Operator::Glob, Value::Text(glob)) => {
                return Some(self.globs(field, std::slice::from_ref(glob)));
            }
            (Operator::In, Value::List(globs, span)) => {
                return Some(match self.not_empty(field, globs, *span) {
                    Some(globs) => self.globs(field, globs),
                    None => Meaning::broken(),
                });
            }
            (Operator::Compare(Comparison::Equal), Value::Text(text)) => {
                ir::Test::Glob(Pattern::literal(&literal(text)))
            }
            (Operator::Compare(Comparison::NotEqual), Value::Text(text)) => {
                ir::Test::IsNot(literal(text))
            }
            _ => return None,
        };
        Some(Meaning::plain(Predicate::Atom(Atom { field, test })))
    }

    fn weekday_test(&mut self, field: Field, test: &Test) -> Option<Meaning> {
        let mut one = |text| self.weekday(text).map(|day| WeekdaySet::default().with(day));
        let days = match (test.operator, &test.value) {
            (Operator::In, Value::List(days, span)) => {
                return Some(match self.not_empty(field, days, *span) {
                    Some(days) => Meaning::plain(self.weekdays(field, days)),
                    None => Meaning::default(),
                });
            }
            (Operator::Compare(Comparison::Equal), Value::Text(day)) => one(day),
            (Operator::Compare(Comparison::NotEqual), Value::Text(day)) => {
                one(day).map(WeekdaySet::complement)
            }
            _ => return None,
        };
        let predicate =
            days.map(|days| Predicate::Atom(Atom { field, test: ir::Test::Weekday(days) }));
        Some(Meaning { predicate, ..Meaning::default() })
    }

    fn amount_test(&mut self, field: Field, test: &Test, unit: Unit) -> Option<Meaning> {
        let within = match (test.operator, &test.value) {
            (Operator::Compare(comparison), Value::Amount(amount)) => {
                self.amount(field, amount, unit).map(|amount| comparison.with(amount))
            }
            (Operator::In, Value::Range(start, end)) => {
                // Both are read before giving up on one, so that both have their finding.
                match (self.amount(field, start, unit), self.amount(field, end, unit)) {
                    (Some(from), Some(to)) => quantity::range(from, to, unit).or_else(|| {
                        let span = test.value.span();
                        let text = format!("{}..{}", start.text, end.text);
                        let kind = QuantityErrorKind::EmptyRange;
                        self.sink.push(message::bad_quantity(field, &text, span, kind));
                        None
                    }),
                    _ => None,
                }
            }
            _ => return None,
        };
        let predicate = within.map(|within| numbers(field, within));
        Some(Meaning { predicate, ..Meaning::default() })
    }

    fn amount(&mut self, field: Field, text: &Text, unit: Unit) -> Option<i64> {
        let amount = quantity::read(&text.text, unit);
        if amount.is_none() {
            let kind = QuantityErrorKind::BadValue(unit);
            self.sink.push(message::bad_quantity(field, &text.text, text.span, kind));
        }
        amount
    }

    /// An operator that the type of the field does not have, or a value that the operator does not.
    fn misfit(&mut self, field: Field, test: &Test, quote_mark: char) {
        let info = field.info();
        let operator = test.operator.symbol();
        let meant = self.meant(field, test, quote_mark);
        let finding = if fits(info.ty, test.operator) {
            let expected = expected(info.ty, test.operator);
            let found = describe(&test.value);
            message::wrong_type(field, found, test.value.span(), expected)
        } else {
            let headline = format!(
                "operator {} does not fit field {}, which is a {}",
                quote(operator),
                quote(info.name),
                info.ty.name()
            );
            Finding::new(Code::WrongType, test.operator_span, headline)
                .label(format!("not for a {}", info.ty.name()))
        };
        let finding = finding.help(match meant {
            Some((_, _, ref help)) => help.clone(),
            None => format!("for example: {}", message::example(info, Some(test.operator))),
        });
        self.sink.push(match meant {
            Some((span, replacement, _)) => finding.edit(span, replacement),
            None => finding,
        });
    }

    /// What was certainly meant: what to replace, by what, and how to say so.
    fn meant(&self, field: Field, test: &Test, quote_mark: char) -> Option<(Span, String, String)> {
        let instead = |operator: &str| {
            let written = test.operator.symbol();
            let help = format!("write {} instead of {}", quote(operator), quote(written));
            Some((test.operator_span, operator.to_owned(), help))
        };
        let raw = || self.file.slice(test.value.span());
        match (field.info().ty, test.operator, &test.value) {
            (Type::Text | Type::TextSet, Operator::Glob, Value::List(..))
            | (Type::Weekday, Operator::Glob, Value::List(..))
            | (
                Type::Duration | Type::TimeOfDay,
                Operator::Glob | Operator::Compare(Comparison::Equal),
                Value::Range(..),
            ) => instead("in"),
            (Type::Weekday, Operator::Glob, Value::Text(day))
                if WEEKDAYS.contains(&day.text.as_str()) =>
            {
                instead("==")
            }
            (Type::Duration | Type::TimeOfDay, Operator::Glob, Value::Amount(_)) => instead("=="),
            (Type::Text | Type::TextSet | Type::Weekday, Operator::In, Value::Text(text)) => {
                let help = "a list stands in brackets".to_owned();
                Some((text.span, format!("[{}]", raw()), help))
            }
            (Type::Text | Type::TextSet, operator, Value::Amount(amount))
                if operator != Operator::In && fits(Type::Text, operator) =>
            {
                let quoted = format!("{quote_mark}{}{quote_mark}", raw());
                Some((amount.span, quoted, "texts stand in quotes".to_owned()))
            }
            (Type::Duration, operator, Value::Text(text)) => {
                unquoted(operator, text, Unit::Duration)
            }
            (Type::TimeOfDay, operator, Value::Text(text)) => {
                unquoted(operator, text, Unit::TimeOfDay)
            }
            _ => None,
        }
    }
}

/// A quoted value that would be right without its quotes.
fn unquoted(operator: Operator, text: &Text, unit: Unit) -> Option<(Span, String, String)> {
    let right = match operator {
        Operator::Compare(_) => quantity::read(&text.text, unit).is_some(),
        Operator::In => text.text.contains("..") && quantity::parse(&text.text, unit).is_ok(),
        Operator::Glob => false,
    };
    let help = "write it without quotes".to_owned();
    right.then(|| (text.span, text.text.clone(), help))
}

/// The operands of `and`, those of an `and` in parentheses included.
fn conjuncts<'e>(expr: &'e Expr, operands: &mut Vec<&'e Expr>) {
    match &expr.kind {
        Kind::And(inner) => inner.iter().for_each(|inner| conjuncts(inner, operands)),
        Kind::Constant(_) | Kind::Has(_) | Kind::Test(_) | Kind::Not(_) | Kind::Or(_) => {
            operands.push(expr);
        }
    }
}

/// A quote mark that may be written in a TOML string that begins like `raw`.
fn quote_inside(raw: &str) -> char {
    if raw.starts_with('\'') { '"' } else { '\'' }
}

const fn fits(ty: Type, operator: Operator) -> bool {
    match ty {
        Type::Text | Type::TextSet => matches!(
            operator,
            Operator::Glob
                | Operator::In
                | Operator::Compare(Comparison::Equal | Comparison::NotEqual)
        ),
        Type::Weekday => matches!(
            operator,
            Operator::In | Operator::Compare(Comparison::Equal | Comparison::NotEqual)
        ),
        Type::Duration | Type::TimeOfDay => {
            matches!(operator, Operator::In | Operator::Compare(_))
        }
    }
}

const fn expected(ty: Type, operator: Operator) -> &'static str {
    match (ty, operator) {
        (Type::Text | Type::TextSet, Operator::Glob) => "a glob in quotes",
        (Type::Text | Type::TextSet, Operator::In) => "a list of globs",
        (Type::Text | Type::TextSet, Operator::Compare(_)) => "a text in quotes",
        (Type::Weekday, Operator::In) => "a list of days",
        (Type::Weekday, Operator::Glob | Operator::Compare(_)) => "a day in quotes",
        (Type::Duration | Type::TimeOfDay, Operator::In) => "a range",
        (Type::Duration, Operator::Glob | Operator::Compare(_)) => "a duration",
        (Type::TimeOfDay, Operator::Glob | Operator::Compare(_)) => "a time of day",
    }
}

const fn describe(value: &Value) -> &'static str {
    match value {
        Value::Text(_) => "a text",
        Value::List(..) => "a list",
        Value::Amount(_) => "a value without quotes",
        Value::Range(..) => "a range",
    }
}
