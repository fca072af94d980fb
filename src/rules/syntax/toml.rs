//! The TOML layer: `[rules]` and `[[rules.auto_tag]]`.
//!
//! The `toml` crate parses with recovery and hands out values with spans; tables come sorted by
//! key, so they are put back into the order of the file. Tables other than `rules` belong to other
//! stages and are not looked at. Tests of the rules are read in `case`.

mod case;

use std::collections::BTreeSet;

use toml::de::{DeArray, DeTable, DeValue};

use super::embedded::Text;
use super::{ConditionNode, LintNode, MatchNode, RuleFile, RuleNode, ValueNode, WhenNode};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Finding, Sink, SourceFile, Span, quote};

const SECTION_KEYS: [&str; 4] = ["homes", "lints", "auto_tag", "test"];
const CONDITIONS_IN_MATCH: &str = "conditions belong into match = { FIELD = VALUE, … }";
const RULE_KEYS: [&str; 6] = ["name", "match", "when", "tags", "project", "enabled"];

/// Reads the rules of a file. Mistakes go to `sink`; what can be read is returned.
pub fn parse(file: &SourceFile, sink: &mut Sink) -> RuleFile {
    let (document, errors) = DeTable::parse_recoverable(file.text());
    let mut reader = Reader { file, sink, broken: Vec::new(), rules: RuleFile::default() };
    reader.syntax_errors(&errors);
    for (key, span, value) in entries(document.get_ref()) {
        if key == "rules" {
            reader.section(value, span);
        }
    }
    reader.rules
}

type Value<'d> = &'d ::toml::Spanned<DeValue<'d>>;

/// The entries of a table in the order of the file.
fn entries<'d>(table: &'d DeTable<'d>) -> Vec<(&'d str, Span, Value<'d>)> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| (key.get_ref().as_ref(), Span::from(key.span()), value))
        .collect();
    entries.sort_by_key(|(_, span, _)| *span);
    entries
}

fn span_of(value: Value<'_>) -> Span {
    value.span().into()
}

struct Reader<'f> {
    file: &'f SourceFile,
    sink: &'f mut Sink,
    /// The lines where the TOML is broken, sorted; what is missing there was perhaps written.
    broken: Vec<usize>,
    rules: RuleFile,
}

impl Reader<'_> {
    /// One finding per broken line: what follows a mistake in a line is mostly its consequence.
    fn syntax_errors(&mut self, errors: &[::toml::de::Error]) {
        let mut places: Vec<_> = errors
            .iter()
            .map(|error| {
                let span = Span::from(error.span().unwrap_or_default());
                (self.file.line(span.start), span, error.message())
            })
            .collect();
        places.sort();
        for line in places.chunk_by(|(a, ..), (b, ..)| a == b) {
            let stray = line.iter().find_map(|(_, span, text)| self.stray_equals(*span, text));
            let first = line.first().map(|(_, span, text)| (*span, *text));
            let stray = stray.map(|span| (span, "unexpected character '=' in bare key"));
            self.sink.extend(stray.or(first).map(|(span, message)| syntax_error(span, message)));
        }
        self.broken = places.into_iter().map(|(line, ..)| line).collect();
    }

    /// The place of an `=` that stands where a key or value should: what the parser calls an
    /// empty key, an extra `=` or something unexpected is one and the same slip of the keyboard.
    fn stray_equals(&self, span: Span, message: &str) -> Option<Span> {
        const MESSAGES: [&str; 4] = [
            "unquoted keys cannot be empty",
            "extra `=`",
            "extra assignment",
            "unexpected key or value",
        ];
        let stray = MESSAGES.iter().any(|start| message.starts_with(start));
        let rest = self.file.text().get(span.start..)?;
        (stray && rest.starts_with('=')).then(|| Span::new(span.start, span.start + 1))
    }

    /// Whether the TOML is broken between two places.
    fn is_broken(&self, span: Span) -> bool {
        let (first, last) = (self.file.line(span.start), self.file.line(span.end));
        let next = self.broken.partition_point(|line| *line < first);
        self.broken.get(next).is_some_and(|line| *line <= last)
    }

    /// The values that the parser made up while recovering stand nowhere.
    fn made_up(&self, value: Value<'_>) -> bool {
        !self.broken.is_empty() && span_of(value).is_empty()
    }

    /// Whether a text or a list lost its end, and swallowed what follows it: what is in it is not
    /// what was meant.
    fn is_torn(&self, value: Value<'_>) -> bool {
        let is_open = matches!(value.get_ref(), DeValue::String(_) | DeValue::Array(_));
        is_open && self.is_broken(span_of(value))
    }

    fn wrong_type(&mut self, value: Value<'_>, what: &str, expected: &str) {
        let span = span_of(value);
        let found = type_name(value.get_ref());
        let headline = format!("{what} must be {expected}, not {found}");
        self.sink
            .push(Finding::new(Code::WrongType, span, headline).label(format!("this is {found}")));
    }

    fn text(&self, value: Value<'_>) -> Option<Text> {
        match value.get_ref() {
            DeValue::String(text) => Some(Text::new(text, self.file.text(), span_of(value))),
            _ => None,
        }
    }

    /// The texts of a list; anything else in it is reported.
    fn texts(&mut self, list: &DeArray<'_>, what: &str) -> Vec<Text> {
        let mut texts = Vec::new();
        for value in list.iter() {
            match self.text(value) {
                Some(text) => texts.push(text),
                None if self.made_up(value) => {}
                None => self.wrong_type(value, &format!("every value of {what}"), "a text"),
            }
        }
        texts
    }

    fn section(&mut self, value: Value<'_>, key: Span) {
        let DeValue::Table(table) = value.get_ref() else {
            if !self.made_up(value) {
                self.wrong_type(value, "'rules'", "a table");
            }
            return;
        };
        let certain = certain_names(table, &SECTION_KEYS);
        for (name, span, value) in entries(table) {
            match name {
                "homes" => self.homes(value),
                "auto_tag" => self.auto_tag(value, key),
                "lints" => self.lints(value),
                "test" => self.cases(value, key),
                _ => self.unknown_key(
                    (name, span),
                    "[rules]",
                    (&SECTION_KEYS, &certain),
                    "rules are [[rules.auto_tag]] tables",
                ),
            }
        }
    }

    fn homes(&mut self, value: Value<'_>) {
        match value.get_ref() {
            DeValue::Array(list) => self.rules.homes = self.texts(list, "'homes'"),
            _ if self.made_up(value) => {}
            _ => self.wrong_type(value, "'homes'", "a list of directories"),
        }
    }

    fn lints(&mut self, value: Value<'_>) {
        let DeValue::Table(table) = value.get_ref() else {
            if !self.made_up(value) {
                self.wrong_type(value, "'lints'", "a table of names and levels");
            }
            return;
        };
        for (name, name_span, value) in entries(table) {
            match self.text(value) {
                Some(level) => {
                    self.rules.lints.push(LintNode { name: name.to_owned(), name_span, level });
                }
                None if self.made_up(value) => {}
                None => {
                    self.wrong_type(value, "the level of a lint", "\"allow\", \"warn\" or \"deny\"")
                }
            }
        }
    }

    fn auto_tag(&mut self, value: Value<'_>, key: Span) {
        let DeValue::Array(list) = value.get_ref() else {
            if let DeValue::Table(_) = value.get_ref() {
                let headline = "'rules.auto_tag' must be a list of tables";
                self.sink.push(
                    Finding::new(Code::WrongType, key, headline)
                        .help("write '[[rules.auto_tag]]', with two brackets, above each rule"),
                );
            } else if !self.made_up(value) {
                self.wrong_type(value, "'rules.auto_tag'", "a list of tables");
            }
            return;
        };
        for (value, end) in self.ends(list) {
            match value.get_ref() {
                DeValue::Table(table) => self.rule(table, span_of(value), end),
                _ => self.wrong_type(value, "a rule", "a table"),
            }
        }
    }

    /// The values of a list of tables, each with where the next begins.
    fn ends<'d>(&self, list: &'d DeArray<'d>) -> Vec<(Value<'d>, usize)> {
        let starts = list.iter().skip(1).map(|value| value.span().start);
        // The next header's own line belongs to the next table.
        let ends = starts.map(|next| next.saturating_sub(1)).chain([self.file.text().len()]);
        let end = |value: Value<'_>, end: usize| end.max(value.span().start);
        list.iter().zip(ends).map(|(value, next)| (value, end(value, next))).collect()
    }

    fn rule(&mut self, table: &DeTable<'_>, header: Span, end: usize) {
        let mut rule = RuleNode {
            header,
            name: None,
            matching: None,
            when: None,
            tags: Vec::new(),
            project: None,
            enabled: true,
        };
        let mut seen = BTreeSet::new();
        let certain = certain_names(table, &RULE_KEYS);
        for (key, span, value) in entries(table) {
            seen.insert(key);
            if !RULE_KEYS.contains(&key) && self.is_broken(span) {
                // Not a key that anyone meant, and said already.
            } else if !RULE_KEYS.contains(&key) {
                let known = (&RULE_KEYS[..], &certain);
                self.unknown_key((key, span), "rule", known, CONDITIONS_IN_MATCH);
                // What was meant to be there is not missing.
                seen.extend(nearest(key, RULE_KEYS));
            } else if !self.made_up(value) && !self.is_torn(value) {
                self.rule_key(&mut rule, key, span, value);
            }
        }
        if !self.is_broken(Span::new(header.start, end)) {
            self.missing(&seen, header);
        }
        self.rules.rules.push(rule);
    }

    fn rule_key(&mut self, rule: &mut RuleNode, key: &str, span: Span, value: Value<'_>) {
        match (key, value.get_ref()) {
            ("name", DeValue::String(_)) => rule.name = self.text(value),
            ("name", _) => self.wrong_type(value, "'name'", "a text"),
            ("project", DeValue::String(_)) => rule.project = self.text(value),
            ("project", _) => self.wrong_type(value, "'project'", "a text"),
            ("enabled", DeValue::Boolean(enabled)) => rule.enabled = *enabled,
            ("enabled", _) => self.wrong_type(value, "'enabled'", "true or false"),
            ("tags", DeValue::Array(list)) if list.is_empty() => {
                let headline = "'tags' needs at least one tag";
                self.sink.push(
                    Finding::new(Code::EmptyTags, span_of(value), headline).label("nothing here"),
                );
            }
            ("tags", DeValue::Array(list)) => rule.tags = self.texts(list, "'tags'"),
            ("tags", _) => self.wrong_type(value, "'tags'", "a list of texts"),
            ("match", DeValue::Table(table)) => {
                let conditions = self.conditions(table);
                if table.is_empty() && self.broken.is_empty() {
                    self.empty_match(span_of(value));
                }
                rule.matching = Some(MatchNode { key: span, conditions });
            }
            ("match", _) => self.wrong_type(value, "'match'", "a table of conditions"),
            _ => match self.text(value) {
                Some(text) => rule.when = Some(WhenNode { key: span, text }),
                None => self.wrong_type(value, "'when'", "a text"),
            },
        }
    }

    fn empty_match(&mut self, span: Span) {
        self.sink.push(
            Finding::new(Code::NoCondition, span, "'match' has no condition")
                .label("nothing here")
                .help(
                    "to match every stream that has a directory: match = { primary_cwd = \"*\" }",
                ),
        );
    }

    fn missing(&mut self, seen: &BTreeSet<&str>, header: Span) {
        if !seen.contains("tags") {
            let headline = "rule missing required 'tags' field";
            self.sink.push(
                Finding::new(Code::MissingTags, header, headline)
                    .label("this rule gives no tags")
                    .help("add a line such as: tags = [\"acme\"]"),
            );
        }
        if !seen.contains("match") && !seen.contains("when") {
            let headline = "rule has neither 'match' nor 'when'";
            self.sink.push(
                Finding::new(Code::NoCondition, header, headline)
                    .label("this rule has no condition")
                    .help("add a line such as: match = { primary_cwd = \"~/work/acme/*\" }"),
            );
        }
    }

    /// `known` are all keys there are, and those that an unknown one can become.
    fn unknown_key(
        &mut self,
        key: (&str, Span),
        place: &str,
        known: (&[&str], &BTreeSet<&str>),
        help: &str,
    ) {
        let finding = unknown_key(Code::UnknownKey, key, place, known);
        let helpless = nearest(key.0, known.0.iter().copied()).is_none();
        self.sink.push(if helpless { finding.help(help) } else { finding });
    }

    fn conditions(&mut self, table: &DeTable<'_>) -> Vec<ConditionNode> {
        let mut conditions = Vec::new();
        for (field, field_span, value) in entries(table) {
            if self.made_up(value) {
                continue;
            }
            let value = match value.get_ref() {
                DeValue::Array(list) => {
                    ValueNode::Many(self.texts(list, &quote(field)), span_of(value))
                }
                other => match self.text(value) {
                    Some(text) => ValueNode::One(text),
                    None => ValueNode::Other(type_name(other), span_of(value)),
                },
            };
            conditions.push(ConditionNode { field: field.to_owned(), field_span, value });
        }
        conditions
    }
}

/// A key that is none of the `known`; where one of them is meant that it can become, with an edit.
fn unknown_key(
    code: Code,
    (key, span): (&str, Span),
    place: &str,
    (known, certain): (&[&str], &BTreeSet<&str>),
) -> Finding {
    let headline = format!("unknown key {} in {place}", quote(key));
    let finding =
        Finding::new(code, span, headline).detail(format!("Valid keys: {}", known.join(", ")));
    let Some(meant) = nearest(key, known.iter().copied()) else {
        return finding.label("not known here");
    };
    let finding =
        finding.detail(format!("Did you mean: {meant}?")).label(format!("did you mean '{meant}'?"));
    if certain.contains(meant) { finding.edit(span, meant) } else { finding }
}

/// The known keys that a table has not and that exactly one of its unknown keys is near to: that key
/// can become them without being there twice.
fn certain_names<'k>(table: &DeTable<'_>, known: &[&'k str]) -> BTreeSet<&'k str> {
    let (mut once, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for (key, _) in table {
        let key = key.get_ref().as_ref();
        let same = known.iter().copied().find(|it| *it == key);
        if let Some(name) = same.or_else(|| nearest(key, known.iter().copied()))
            && (same.is_some() || !once.insert(name))
        {
            taken.insert(name);
        }
    }
    &once - &taken
}

fn syntax_error(span: Span, message: &str) -> Finding {
    // The parser marks code with backticks where these messages use quotes.
    let message = message.replace('`', "'");
    Finding::new(Code::TomlSyntax, span, "TOML parse error").detail(format!("  {message}"))
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
