//! The check: names, types and hygiene of every rule, and the way into the typed form.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Weekday;
use unicode_normalization::UnicodeNormalization;

use super::{
    Atom, Checked, Conjunct, Pattern, Predicate, Rule, RuleId, RuleInfo, RuleSet, Template,
    TemplatePart, Test,
};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Finding, Sink, SourceFile, Span, quote};
use crate::rules::Env;
use crate::rules::fields::{Field, Type, WEEKDAYS};
use crate::rules::lang::WeekdaySet;
use crate::rules::syntax::embedded::Text;
use crate::rules::syntax::glob::{
    self, Broken, CLASS_NAMES, GlobError, GlobErrorKind, MAX_LENGTH, MAX_NESTING,
};
use crate::rules::syntax::quantity::{self, QuantityError, QuantityErrorKind, Unit};
use crate::rules::syntax::{ConditionNode, RuleFile, RuleNode, ValueNode, template};

/// Checks a file and lowers it. `None` if anything in the sink is an error, whoever put it there.
pub fn check(
    written: &RuleFile,
    file: &SourceFile,
    env: &Env,
    sink: &mut Sink,
) -> Option<Checked<RuleSet>> {
    let homes = homes(env, &written.homes);
    let mut lowerer = Lowerer { file, sink, homes: &homes, at_home: Vec::new() };
    let rules: Vec<_> = written
        .rules
        .iter()
        .zip(0..)
        .map(|(node, index)| lowerer.rule(node, RuleId(index)))
        .collect();
    lowerer.duplicate_names(&written.rules);
    if homes.is_empty() {
        lowerer.no_home();
    }
    (!sink.has_errors()).then(|| Checked::new(RuleSet { rules, homes }))
}

/// The directories that `~` stands for.
fn homes(env: &Env, more: &[Text]) -> Vec<String> {
    let named = more.iter().map(|text| text.text.as_str());
    let mut homes: Vec<String> = Vec::new();
    for home in env.home.as_deref().into_iter().chain(named).filter(|home| !home.is_empty()) {
        let home: String = home.trim_end_matches('/').nfc().collect();
        if !homes.contains(&home) {
            homes.push(home);
        }
    }
    homes
}

/// What a rule captures: a name for certain, or perhaps.
#[derive(Default)]
struct Captured {
    always: BTreeSet<String>,
    sometimes: BTreeSet<String>,
    /// Whether a broken glob may capture more.
    unknown: bool,
}

struct Lowerer<'f> {
    file: &'f SourceFile,
    sink: &'f mut Sink,
    /// What `~` stands for.
    homes: &'f [String],
    /// The patterns that begin with `~`.
    at_home: Vec<Span>,
}

impl Lowerer<'_> {
    fn rule(&mut self, node: &RuleNode, id: RuleId) -> Rule {
        let mut captured = Captured::default();
        let mut conjuncts = Vec::new();
        for condition in node.matching.iter().flat_map(|matching| &matching.conditions) {
            let place = Span::new(condition.field_span.start, condition.value.span().end);
            let predicate = self.condition(condition, &mut captured);
            conjuncts.extend(predicate.map(|predicate| Conjunct { predicate, place }));
        }
        self.repeated_tags(&node.tags);
        let tags = node.tags.iter().map(|tag| self.template(tag, "tag", &captured)).collect();
        let project = node.project.as_ref().map(|text| self.template(text, "project", &captured));
        let place = node.matching.as_ref().map_or(node.header, |matching| matching.key);
        let info = RuleInfo {
            id,
            name: node.name.as_ref().map(|name| name.text.clone()),
            tags: node.tags.iter().map(|tag| tag.text.clone()).collect(),
            line: self.file.line(place.start),
            enabled: node.enabled,
        };
        Rule { info, conjuncts, header: node.header, tags, project }
    }

    fn condition(&mut self, node: &ConditionNode, captured: &mut Captured) -> Option<Predicate> {
        let Some(field) = Field::named(&node.field) else {
            self.unknown_field(node);
            return None;
        };
        if let ValueNode::Many(texts, span) = &node.value
            && texts.is_empty()
        {
            let headline = format!("the list for {} is empty", quote(&node.field));
            self.sink.push(
                Finding::new(Code::NoCondition, *span, headline)
                    .label("nothing here")
                    .help("an empty list would match nothing; name at least one value"),
            );
            return None;
        }
        match field.info().ty {
            Type::Text | Type::TextSet => self.globs(field, &node.value, captured),
            Type::Weekday => self.weekdays(field, &node.value),
            Type::Duration => self.quantity(field, &node.value, Unit::Duration),
            Type::TimeOfDay => self.quantity(field, &node.value, Unit::TimeOfDay),
        }
    }

    fn unknown_field(&mut self, node: &ConditionNode) {
        let headline = format!("unknown field {} in match block", quote(&node.field));
        let mut finding = Finding::new(Code::UnknownField, node.field_span, headline)
            .detail(format!("Valid fields: {}", Field::list()));
        if let Some(meant) = Field::meant_by(&node.field) {
            let name = meant.info().name;
            finding = finding
                .detail(format!("Did you mean: {name}?"))
                .label(format!("did you mean {}?", quote(name)))
                .edit(node.field_span, name);
        }
        self.sink.push(finding);
    }

    fn wrong_type(&mut self, field: Field, found: &str, span: Span, expected: &str) {
        let info = field.info();
        let headline = format!("field {} needs {expected}, not {found}", quote(info.name));
        self.sink.push(
            Finding::new(Code::WrongType, span, headline)
                .label(format!("this is {found}"))
                .help(format!("for example: {} = {}", info.name, info.example)),
        );
    }

    fn globs(
        &mut self,
        field: Field,
        value: &ValueNode,
        captured: &mut Captured,
    ) -> Option<Predicate> {
        let texts = match value {
            ValueNode::One(text) => std::slice::from_ref(text),
            ValueNode::Many(texts, _) => texts.as_slice(),
            ValueNode::Other(found, span) => {
                self.wrong_type(field, found, *span, "a glob or a list of globs");
                return None;
            }
        };
        let globs: Vec<_> = texts.iter().filter_map(|text| self.glob(text, captured)).collect();
        let each = globs.iter().map(|(names, _)| names);
        captured.sometimes.extend(each.clone().flatten().cloned());
        captured.always.extend(each.cloned().reduce(|a, b| &a & &b).unwrap_or_default());
        let atom = |pattern| Predicate::Atom(Atom { field, test: Test::Glob(pattern) });
        let patterns = globs.into_iter().flat_map(|(_, patterns)| patterns);
        Some(Predicate::Any(patterns.map(atom).collect()))
    }

    /// The names that every match of a glob captures, and its patterns: one, or one per home.
    fn glob(
        &mut self,
        text: &Text,
        captured: &mut Captured,
    ) -> Option<(BTreeSet<String>, Vec<Pattern>)> {
        match glob::parse(text) {
            Ok(nodes) => {
                if nodes.first().is_some_and(|node| node.kind == glob::Kind::Home) {
                    self.at_home.push(text.span);
                }
                Some((glob::captures(&nodes), Pattern::lower(&nodes, self.homes)))
            }
            Err(Broken { errors, captures }) => {
                // It has findings of its own; its captures get the benefit of the doubt.
                captured.unknown |= captures.is_none();
                captured.always.extend(captures.into_iter().flatten());
                for error in errors {
                    self.sink.push(glob_error(text, &error));
                }
                None
            }
        }
    }

    fn weekdays(&mut self, field: Field, value: &ValueNode) -> Option<Predicate> {
        let texts = match value {
            ValueNode::One(text) => std::slice::from_ref(text),
            ValueNode::Many(texts, _) => texts.as_slice(),
            ValueNode::Other(found, span) => {
                self.wrong_type(field, found, *span, "a day or a list of days");
                return None;
            }
        };
        let mut days = WeekdaySet::default();
        for text in texts {
            match weekday(&text.text) {
                Some(day) => days = days.with(day),
                None => self.unknown_weekday(text),
            }
        }
        Some(Predicate::Atom(Atom { field, test: Test::Weekday(days) }))
    }

    fn unknown_weekday(&mut self, text: &Text) {
        let headline = format!("unknown weekday {}", quote(&text.text));
        let mut finding = Finding::new(Code::UnknownWeekday, text.span, headline)
            .detail(format!("Valid weekdays: {}", WEEKDAYS.join(", ")));
        let lower = text.text.to_lowercase();
        let meant = WEEKDAYS
            .into_iter()
            .find(|day| lower.starts_with(day))
            .or_else(|| nearest(&lower, WEEKDAYS));
        if let Some(day) = meant {
            let edit = format!("\"{day}\"");
            finding = finding
                .detail(format!("Did you mean: {day}?"))
                .label(format!("did you mean '{day}'?"))
                .edit(text.span, edit);
        }
        self.sink.push(finding);
    }

    fn quantity(&mut self, field: Field, value: &ValueNode, unit: Unit) -> Option<Predicate> {
        let (found, span) = match value {
            ValueNode::One(text) => match quantity::parse(&text.text, unit) {
                Ok(within) => {
                    return Some(Predicate::Atom(Atom { field, test: Test::Within(within) }));
                }
                Err(error) => {
                    self.sink.push(quantity_error(field, text, &error, unit));
                    return None;
                }
            },
            ValueNode::Many(_, span) => ("a list", *span),
            ValueNode::Other(found, span) => (*found, *span),
        };
        self.wrong_type(field, found, span, "a comparison or a range, as a text");
        None
    }

    fn template(&mut self, text: &Text, what: &str, captured: &Captured) -> Template {
        if text.text.trim().is_empty() {
            let headline = format!("{what} is empty");
            self.sink
                .push(Finding::new(Code::EmptyTags, text.span, headline).label("nothing here"));
        }
        let mut parts = Vec::new();
        for piece in template::parse(text) {
            parts.push(match piece {
                template::Piece::Text(text) => TemplatePart::Text(text),
                template::Piece::Capture(name, span) => {
                    if !captured.always.contains(&name) && !captured.unknown {
                        self.unknown_capture(&name, span, what, captured);
                    }
                    TemplatePart::Capture(name)
                }
            });
        }
        Template(parts)
    }

    fn unknown_capture(&mut self, name: &str, span: Span, what: &str, captured: &Captured) {
        let quoted = quote(name);
        let finding = if captured.sometimes.contains(name) {
            let headline = format!("capture {quoted} in {what} is not made by every alternative");
            Finding::new(Code::UnknownCapture, span, headline)
                .help(format!("write <{name}> in every glob of the list and every {{…}} branch"))
        } else {
            let headline = format!("unknown capture {quoted} in {what}");
            let mut finding = Finding::new(Code::UnknownCapture, span, headline);
            let known: Vec<_> = captured.always.iter().map(String::as_str).collect();
            if let Some(meant) = nearest(name, known.iter().copied()) {
                let meant = format!("<{meant}>");
                finding = finding
                    .detail(format!("Did you mean: {meant}?"))
                    .label(format!("did you mean {meant}?"))
                    .edit(span, meant);
            } else if known.is_empty() {
                finding = finding.help(format!("no glob of this rule contains <{name}>"));
            } else {
                finding = finding.help(format!("this rule captures <{}>", known.join(">, <")));
            }
            finding
        };
        self.sink.push(finding);
    }

    fn repeated_tags(&mut self, tags: &[Text]) {
        let mut first = BTreeMap::new();
        for tag in tags {
            if let Some(before) = first.get(tag.text.as_str()) {
                let headline = format!("tag {} is repeated", quote(&tag.text));
                self.sink.push(
                    Finding::new(Code::RepeatedTag, tag.span, headline)
                        .label("again here")
                        .beside(*before, "first here"),
                );
            } else {
                first.insert(tag.text.as_str(), tag.span);
            }
        }
    }

    fn duplicate_names(&mut self, rules: &[RuleNode]) {
        let mut first = BTreeMap::new();
        for name in rules.iter().filter_map(|rule| rule.name.as_ref()) {
            if let Some(before) = first.get(name.text.as_str()) {
                let headline = format!("duplicate rule name {}", quote(&name.text));
                self.sink.push(
                    Finding::new(Code::DuplicateName, name.span, headline)
                        .label("again here")
                        .beside(*before, "first here")
                        .help("give each rule a name of its own: reports tell rules apart by it"),
                );
            } else {
                first.insert(name.text.as_str(), name.span);
            }
        }
    }

    fn no_home(&mut self) {
        let Some((first, others)) = self.at_home.split_first() else {
            return;
        };
        let headline = "'~' stands for no directory, so this pattern matches nothing";
        let mut finding = Finding::new(Code::NoHome, *first, headline)
            .label("matches nothing")
            .note("$HOME is not set")
            .help("set $HOME, or name the directories: [rules] homes = [\"/home/sami\"]");
        for other in others {
            finding = finding.beside(*other, "nor does this one");
        }
        self.sink.push(finding);
    }
}

fn weekday(name: &str) -> Option<Weekday> {
    let index = WEEKDAYS.iter().position(|day| *day == name)?;
    Weekday::try_from(u8::try_from(index).ok()?).ok()
}

fn glob_error(pattern: &Text, error: &GlobError) -> Finding {
    let code = match error.kind {
        GlobErrorKind::TooDeep | GlobErrorKind::TooLong => Code::GlobLimit,
        _ => Code::GlobSyntax,
    };
    let (detail, label, help) = describe(&error.kind);
    let headline = format!("invalid glob pattern {}", quote(&pattern.text));
    let finding =
        Finding::new(code, error.span, headline).detail(format!("  {detail}")).label(label);
    if help.is_empty() { finding } else { finding.help(help) }
}

/// The sentence under the headline, the words beside the place, and what to do.
fn describe(kind: &GlobErrorKind) -> (String, String, String) {
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
            format!("more than {MAX_NESTING} groups in each other"),
            "write a list of patterns instead".into(),
        ),
        GlobErrorKind::TooLong => (
            "Pattern too long".into(),
            format!("more than {MAX_LENGTH} characters"),
            "write a list of patterns instead".into(),
        ),
    };
    (detail, label, help)
}

fn quantity_error(field: Field, text: &Text, error: &QuantityError, unit: Unit) -> Finding {
    let info = field.info();
    let headline =
        format!("invalid {} {} for field '{}'", info.ty.name(), quote(&text.text), info.name);
    let help = match (error.kind, unit) {
        (QuantityErrorKind::NoOperator, _) => {
            format!("for example: {} = \">= {}\"", info.name, text.text.trim())
        }
        (QuantityErrorKind::BadValue(_), Unit::Duration) => {
            "durations are written 90s, 15m, 1h30m".into()
        }
        (QuantityErrorKind::BadValue(_), Unit::TimeOfDay) => {
            "times are written 09:00 or 17:30:59, up to 24:00".into()
        }
        (QuantityErrorKind::EmptyRange, _) => {
            "a range holds its start and all up to its end, and not the end itself".into()
        }
    };
    let span = text.place(error.start, error.end);
    Finding::new(Code::QuantitySyntax, span, headline).label(error.kind.to_string()).help(help)
}
