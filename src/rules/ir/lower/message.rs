//! What findings say about names, types and the syntax inside of strings.

use crate::diag::suggest::nearest;
use crate::diag::{Code, Finding, Span, quote};
use crate::rules::fields::{Field, FieldInfo, Type, WEEKDAYS};
use crate::rules::syntax::embedded::Text;
use crate::rules::syntax::glob::{self, CLASS_NAMES, GlobError, GlobErrorKind};
use crate::rules::syntax::quantity::{self, QuantityError, QuantityErrorKind, Unit};
use crate::rules::syntax::when::{self, Operator, WhenError, WhenErrorKind};

/// `place` is where the name stands, as in "in match block".
pub(super) fn unknown_field(name: &str, span: Span, place: &str) -> Finding {
    let headline = format!("unknown field {} in {place}", quote(name));
    let finding = Finding::new(Code::UnknownField, span, headline)
        .detail(format!("Valid fields: {}", Field::list()));
    let Some(meant) = Field::meant_by(name) else {
        return finding;
    };
    let name = meant.info().name;
    finding
        .detail(format!("Did you mean: {name}?"))
        .label(format!("did you mean {}?", quote(name)))
        .edit(span, name)
}

pub(super) fn wrong_type(field: Field, found: &str, span: Span, expected: &str) -> Finding {
    let headline = format!("field {} needs {expected}, not {found}", quote(field.info().name));
    Finding::new(Code::WrongType, span, headline).label(format!("this is {found}"))
}

pub(super) fn empty_list(field: Field, span: Span) -> Finding {
    let headline = format!("the list for {} is empty", quote(field.info().name));
    Finding::new(Code::NoCondition, span, headline)
        .label("nothing here")
        .help("an empty list would match nothing; name at least one value")
}

pub(super) fn unknown_weekday(text: &Text) -> Finding {
    let headline = format!("unknown weekday {}", quote(&text.text));
    let finding = Finding::new(Code::UnknownWeekday, text.span, headline)
        .detail(format!("Valid weekdays: {}", WEEKDAYS.join(", ")));
    let lower = text.text.to_lowercase();
    let begins = WEEKDAYS.into_iter().find(|day| lower.starts_with(day));
    let Some(day) = begins.or_else(|| nearest(&lower, WEEKDAYS)) else {
        return finding;
    };
    finding
        .detail(format!("Did you mean: {day}?"))
        .label(format!("did you mean '{day}'?"))
        // The quotes stay, whichever they are.
        .edit(text.place(0, text.text.len()), day)
}

pub(super) fn glob_error(pattern: &Text, error: &GlobError) -> Finding {
    let code = match error.kind {
        GlobErrorKind::TooDeep | GlobErrorKind::TooLong => Code::GlobLimit,
        _ => Code::GlobSyntax,
    };
    let (detail, label, help) = describe_glob(&error.kind);
    let headline = format!("invalid glob pattern {}", quote(&pattern.text));
    let finding =
        Finding::new(code, error.span, headline).detail(format!("  {detail}")).label(label);
    if help.is_empty() { finding } else { finding.help(help) }
}

/// The sentence under the headline, the words beside the place, and what to do.
fn describe_glob(kind: &GlobErrorKind) -> (String, String, String) {
    let (detail, label, help) = match kind {
        GlobErrorKind::Empty => {
            ("Empty pattern".into(), "nothing to match".into(), "'*' matches every value".into())
        }
        GlobErrorKind::UnclosedClass => (
            "Unclosed bracket in pattern".into(),
            "no ']' closes this".into(),
            "a '[' that means itself is written '[[]'".into(),
        ),
        GlobErrorKind::UnclosedGroup => (
            "Unclosed brace in pattern".into(),
            "no '}' closes this".into(),
            "a '{' that means itself is written '[{]'".into(),
        ),
        GlobErrorKind::ReversedRange(from, to) => (
            format!("Reversed range {} in pattern", quote(&format!("{from}-{to}"))),
            "the end comes before the start".into(),
            String::new(),
        ),
        GlobErrorKind::UnknownClass(name) => (
            format!("Unknown class name {} in pattern", quote(name)),
            "no such class".into(),
            format!("the classes are {}", CLASS_NAMES.map(|(name, _)| name).join(", ")),
        ),
        GlobErrorKind::ClassAsRangeEnd => (
            "Class name as the end of a range in pattern".into(),
            "a range ends with a character".into(),
            "put the '-' last if it means itself".into(),
        ),
        GlobErrorKind::DanglingEscape => (
            "Backslash at the end of pattern".into(),
            "nothing follows".into(),
            r"a '\' that means itself is written '\\' in a '…' string".into(),
        ),
        GlobErrorKind::TooDeep => (
            "Braces nested too deeply in pattern".into(),
            format!("more than {} groups in each other", glob::MAX_NESTING),
            "write a list of patterns instead".into(),
        ),
        GlobErrorKind::TooLong => (
            "Pattern too long".into(),
            format!("more than {} characters", glob::MAX_LENGTH),
            "write a list of patterns instead".into(),
        ),
    };
    (detail, label, help)
}

pub(super) fn quantity_error(field: Field, text: &Text, error: &QuantityError) -> Finding {
    let span = text.place(error.start, error.end);
    let finding = bad_quantity(field, &text.text, span, error.kind);
    match error.kind {
        QuantityErrorKind::NoOperator => {
            let info = field.info();
            let compared = format!(">= {}", text.text.trim());
            let unit = if info.ty == Type::Duration { Unit::Duration } else { Unit::TimeOfDay };
            // What cannot be compared either is no example.
            let example = match quantity::parse(&compared, unit) {
                Ok(_) => format!("\"{compared}\""),
                Err(_) => info.example.to_owned(),
            };
            finding.help(format!("for example: {} = {example}", info.name))
        }
        QuantityErrorKind::BadValue(_) | QuantityErrorKind::EmptyRange => finding,
    }
}

/// A comparison or a range that cannot be: `text`, or a part of it at `span`.
pub(super) fn bad_quantity(
    field: Field,
    text: &str,
    span: Span,
    kind: QuantityErrorKind,
) -> Finding {
    let info = field.info();
    let headline = format!("invalid {} {} for field '{}'", info.ty.name(), quote(text), info.name);
    let finding = Finding::new(Code::QuantitySyntax, span, headline).label(kind.to_string());
    match kind {
        QuantityErrorKind::NoOperator => finding,
        QuantityErrorKind::BadValue(Unit::Duration) => {
            finding.help("durations are written 90s, 15m, 1h30m")
        }
        QuantityErrorKind::BadValue(Unit::TimeOfDay) => {
            finding.help("times are written 09:00 or 17:30:59, up to 24:00")
        }
        QuantityErrorKind::EmptyRange => {
            finding.help("a range holds its start and all up to its end, and not the end itself")
        }
    }
}

/// A condition on the field, as an expression writes it; with that operator, if it fits.
pub(super) fn example(info: &FieldInfo, operator: Option<Operator>) -> String {
    let name = info.name;
    let value = info.example.trim_matches('"');
    let range = value.contains("..");
    match info.ty {
        Type::Text | Type::TextSet => match operator {
            Some(Operator::In) => format!("{name} in [{}]", info.example),
            Some(Operator::Glob | Operator::Compare(_)) | None => {
                format!("{name} ~ {}", info.example)
            }
        },
        Type::Weekday => format!("{name} in {}", info.example),
        Type::Duration if operator == Some(Operator::In) && !range => format!("{name} in 15m..2h"),
        Type::Duration | Type::TimeOfDay if range => format!("{name} in {value}"),
        Type::Duration | Type::TimeOfDay => format!("{name} {value}"),
    }
}

/// `quote_mark` is one that may stand in the string that the expression is.
pub(super) fn when_error(error: &WhenError, raw: &str, quote_mark: char) -> Finding {
    let span = error.span;
    let finding = match &error.kind {
        WhenErrorKind::Empty => {
            return Finding::new(Code::NoCondition, span, "'when' has no condition")
                .label("nothing here")
                .help("to match every stream: when = \"true\"");
        }
        WhenErrorKind::Foreign { found, meant } => return foreign(found, meant.as_ref(), span),
        WhenErrorKind::TooDeep | WhenErrorKind::TooLong => Code::WhenLimit,
        _ => Code::WhenSyntax,
    };
    let (sentence, label, help) = describe_when(&error.kind);
    let headline = format!("{sentence} in when expression");
    let mut finding = Finding::new(finding, span, headline).label(label);
    if !help.is_empty() {
        finding = finding.help(help);
    }
    if let WhenErrorKind::Unquoted(field) = &error.kind
        && let Some(Type::Text | Type::TextSet | Type::Weekday) =
            Field::named(field).map(|field| field.info().ty)
    {
        finding = finding.edit(span, format!("{quote_mark}{raw}{quote_mark}"));
    }
    finding
}

fn foreign(found: &str, meant: Option<&(String, Span)>, span: Span) -> Finding {
    const OPERATORS: &str = "~, ==, !=, in, <, <=, >, >=, has, and, or, not";
    let headline = format!("unknown operator {} in when expression", quote(found));
    let finding = Finding::new(Code::UnknownOperator, span, headline)
        .detail(format!("Valid operators: {OPERATORS}"));
    match meant {
        Some((meant, place)) => finding
            .detail(format!("Did you mean: {}?", meant.trim()))
            .label(format!("did you mean '{}'?", meant.trim()))
            .edit(*place, meant),
        None => finding
            .label("not known here")
            .help("a part of a text is matched by a glob: git_branch ~ \"*fix*\""),
    }
}

/// What is wrong, the words beside the place, and what to do.
fn describe_when(kind: &WhenErrorKind) -> (String, String, String) {
    let (sentence, label, help): (String, String, String) = match kind {
        // These two have findings of their own.
        WhenErrorKind::Empty | WhenErrorKind::Foreign { .. } => Default::default(),
        WhenErrorKind::TooLong => (
            "too many characters".into(),
            format!("more than {} characters", when::MAX_LENGTH),
            "write several rules instead".into(),
        ),
        WhenErrorKind::TooDeep => (
            "conditions nested too deeply".into(),
            format!("more than {} parentheses and 'not's in each other", when::MAX_NESTING),
            String::new(),
        ),
        WhenErrorKind::UnclosedText => (
            "unclosed quote".into(),
            "no second quote in this line".into(),
            r#"a quote inside of a text is written \""#.into(),
        ),
        WhenErrorKind::UnclosedList => {
            ("unclosed list".into(), "no ']' closes this".into(), String::new())
        }
        WhenErrorKind::MissingComma => {
            ("missing ','".into(), "a ',' is missing before this".into(), String::new())
        }
        WhenErrorKind::ExtraComma => {
            ("unexpected ','".into(), "no value before this ','".into(), String::new())
        }
        WhenErrorKind::Unquoted(field) => {
            let known = Field::named(field).map(Field::info);
            let help = known.map(|info| format!("for example: {}", example(info, None)));
            let number =
                known.is_some_and(|info| matches!(info.ty, Type::Duration | Type::TimeOfDay));
            let (sentence, label) = if number {
                ("unreadable value", "not a duration or time")
            } else {
                ("unquoted text", "texts stand in quotes")
            };
            (sentence.into(), label.into(), help.unwrap_or_default())
        }
        WhenErrorKind::UnclosedParenthesis => {
            ("unclosed parenthesis".into(), "no ')' closes this".into(), String::new())
        }
        WhenErrorKind::UnmatchedParenthesis => {
            ("unmatched parenthesis".into(), "no '(' opens this".into(), String::new())
        }
        WhenErrorKind::EmptyParentheses => {
            ("empty parentheses".into(), "no condition in these".into(), String::new())
        }
        WhenErrorKind::NothingBefore(word) => {
            ("missing condition".into(), format!("nothing before this '{word}'"), String::new())
        }
        WhenErrorKind::NothingAfter(word) => {
            ("missing condition".into(), format!("nothing after this '{word}'"), String::new())
        }
        WhenErrorKind::MissingJoint => (
            "missing 'and' or 'or'".into(),
            "'and' or 'or' is missing before this".into(),
            String::new(),
        ),
        WhenErrorKind::AfterQuote => (
            "misplaced quote".into(),
            "the quote before this ended a text".into(),
            r#"a text stands between two quotes; a quote inside of it is written \""#.into(),
        ),
        WhenErrorKind::MissingOperator(field) => {
            let known = Field::named(field).or_else(|| Field::meant_by(field)).map(Field::info);
            let help = known
                .map(|info| format!("for example: {}, or has {}", example(info, None), info.name));
            ("missing operator".into(), "what about this?".into(), help.unwrap_or_default())
        }
        WhenErrorKind::MissingField => {
            ("missing field".into(), "which field?".into(), "for example: has repo".into())
        }
        WhenErrorKind::NoFieldBefore(operator) => (
            "missing field".into(),
            format!("no field before this {}", quote(operator)),
            String::new(),
        ),
        WhenErrorKind::MissingValue(operator) => (
            "missing value".into(),
            format!("nothing after this {}", quote(operator)),
            String::new(),
        ),
        WhenErrorKind::MissingEnd => (
            "unfinished range".into(),
            "the end is missing".into(),
            "a range has a start and an end: 15m..2h".into(),
        ),
        WhenErrorKind::Unexpected(found) => (
            format!("unexpected {}", quote(found)),
            "no condition begins like this".into(),
            "a condition is FIELD OPERATOR VALUE: agent == \"codex\"".into(),
        ),
    };
    (sentence, label, help)
}
