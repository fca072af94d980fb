//! Tests of the rules: `[[rules.test]]`.
//!
//! A mistake here is the test's trouble and nobody else's: every finding is a warning, and the
//! rules run all the same.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::{Reader, Value, certain_names, entries, span_of, type_name, unknown_key};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Finding, Span};
use crate::rules::syntax::embedded::Text;
use crate::rules::syntax::{CaseNode, ExpectNode, GivenNode, GivenValue};

const CASE_KEYS: [&str; 3] = ["name", "stream", "expect"];
const EXPECT_KEYS: [&str; 3] = ["rule", "tags", "project"];
const EXPECTATION: &str =
    "for example: expect = { rule = \"Acme projects\", tags = [\"acme\"] }, or expect = \"none\"";

impl Reader<'_> {
    pub(super) fn cases(&mut self, value: Value<'_>, key: Span) {
        let DeValue::Array(list) = value.get_ref() else {
            if let DeValue::Table(_) = value.get_ref() {
                self.sink.push(
                    Finding::new(Code::BadTest, key, "'rules.test' must be a list of tables")
                        .help("write '[[rules.test]]', with two brackets, above each test"),
                );
            } else if !self.made_up(value) {
                self.misfit(value, "'rules.test'", "a list of tables");
            }
            return;
        };
        for (value, end) in self.ends(list) {
            match value.get_ref() {
                DeValue::Table(table) => self.case(table, span_of(value), end),
                _ if self.made_up(value) => {}
                _ => {
                    self.misfit(value, "a test", "a table");
                    let header = span_of(value);
                    self.rules.cases.push(CaseNode { broken: true, ..empty(header) });
                }
            }
        }
    }

    fn case(&mut self, table: &DeTable<'_>, header: Span, end: usize) {
        let mut case = empty(header);
        let before = self.sink.len();
        let torn = self.is_broken(Span::new(header.start, end));
        let mut meant = Vec::new();
        let certain = certain_names(table, &CASE_KEYS);
        for (key, span, value) in entries(table) {
            match (key, value.get_ref()) {
                _ if self.made_up(value) || !CASE_KEYS.contains(&key) && self.is_broken(span) => {}
                ("name", DeValue::String(_)) => case.name = self.text(value),
                ("name", _) => self.misfit(value, "'name'", "a text"),
                ("stream", DeValue::Table(table)) => case.stream = Some(self.given(table)),
                ("stream", _) => {
                    self.misfit(value, "'stream'", "a table of fields and values");
                }
                ("expect", _) => case.expect = self.expect(value),
                _ => {
                    meant.extend(self.unknown_in_case((key, span), "test", (&CASE_KEYS, &certain)))
                }
            }
        }
        let has = |key: &str| table.contains_key(key) || meant.contains(&key);
        if !has("stream") && !torn {
            self.missing_in_case(
                header,
                "test without 'stream'",
                "no stream to try the rules on",
                "for example: stream = { primary_cwd = \"~/work/acme/web\" }",
            );
        }
        if !has("expect") && !torn {
            self.missing_in_case(
                header,
                "test without 'expect'",
                "nothing is expected",
                EXPECTATION,
            );
        }
        case.broken = torn || self.sink.len() > before;
        self.rules.cases.push(case);
    }

    fn given(&mut self, table: &DeTable<'_>) -> Vec<GivenNode> {
        let mut given = Vec::new();
        for (key, key_span, value) in entries(table) {
            if self.made_up(value) {
                continue;
            }
            let span = span_of(value);
            let found = type_name(value.get_ref());
            let value = match value.get_ref() {
                DeValue::String(text) => GivenValue::Text(Text::new(text, self.file.text(), span)),
                DeValue::Array(list) => {
                    let texts: Vec<_> = list.iter().filter_map(|it| self.text(it)).collect();
                    match list.iter().find(|it| !matches!(it.get_ref(), DeValue::String(_))) {
                        Some(other) if !self.made_up(other) => {
                            self.misfit(other, &format!("every value of '{key}'"), "a text");
                            continue;
                        }
                        _ => GivenValue::Texts(texts),
                    }
                }
                DeValue::Integer(number) => {
                    match i64::from_str_radix(number.as_str(), number.radix()) {
                        Ok(number) => GivenValue::Number(number),
                        Err(_) => GivenValue::Other(found),
                    }
                }
                DeValue::Datetime(moment) => GivenValue::Moment(moment.to_string()),
                DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Table(_) => {
                    GivenValue::Other(found)
                }
            };
            given.push(GivenNode { key: key.to_owned(), key_span, value, span });
        }
        given
    }

    fn expect(&mut self, value: Value<'_>) -> Option<ExpectNode> {
        match value.get_ref() {
            DeValue::String(text) if text == "none" => Some(ExpectNode::Nothing),
            DeValue::Table(table) => Some(self.expected_rule(table, span_of(value))),
            _ => {
                let what = "a rule with its tags, or \"none\"";
                let found = type_name(value.get_ref());
                let headline = format!("'expect' must be {what}");
                self.sink.push(
                    Finding::new(Code::BadTest, span_of(value), headline)
                        .label(format!("this is {found}"))
                        .help(EXPECTATION),
                );
                None
            }
        }
    }

    fn expected_rule(&mut self, table: &DeTable<'_>, place: Span) -> ExpectNode {
        let (mut rule, mut tags, mut project) = (None, Vec::new(), None);
        let certain = certain_names(table, &EXPECT_KEYS);
        let mut meant = Vec::new();
        for (key, span, value) in entries(table) {
            match (key, value.get_ref()) {
                _ if self.made_up(value) => {}
                ("rule", DeValue::String(_)) => rule = self.text(value),
                ("rule", _) => self.misfit(value, "'rule'", "the name of a rule"),
                ("project", DeValue::String(_)) => project = self.text(value),
                ("project", _) => self.misfit(value, "'project'", "a text"),
                ("tags", DeValue::Array(list)) => {
                    let others = list.iter().filter(|it| self.text(it).is_none());
                    for other in others.filter(|it| !self.made_up(it)).collect::<Vec<_>>() {
                        self.misfit(other, "every value of 'tags'", "a text");
                    }
                    tags = list.iter().filter_map(|it| self.text(it)).collect();
                }
                ("tags", _) => self.misfit(value, "'tags'", "a list of texts"),
                _ => meant.extend(self.unknown_in_case(
                    (key, span),
                    "expect",
                    (&EXPECT_KEYS, &certain),
                )),
            }
        }
        let torn = self.is_broken(place);
        let has = |key: &str| table.contains_key(key) || meant.contains(&key);
        if !has("rule") && !torn {
            self.missing_in_case(place, "'expect' names no rule", "which rule is to win?", "name the rule, so that the test cannot pass for the wrong reason: rule = \"Acme projects\"; one without a name is called \"rule 3\"");
        }
        if !has("tags") && !torn {
            self.missing_in_case(
                place,
                "'expect' names no tags",
                "which tags are to be given?",
                "name all tags of the stream: tags = [\"acme\", \"billable\"]",
            );
        }
        ExpectNode::Rule { rule, tags, project }
    }

    /// Reports a key that does not exist; the one that is meant, if that is plain.
    fn unknown_in_case(
        &mut self,
        key: (&str, Span),
        place: &str,
        known: (&[&'static str], &BTreeSet<&str>),
    ) -> Option<&'static str> {
        self.sink.push(unknown_key(Code::BadTest, key, place, known));
        nearest(key.0, known.0.iter().copied())
    }

    fn missing_in_case(&mut self, place: Span, headline: &str, label: &str, help: &str) {
        self.sink.push(Finding::new(Code::BadTest, place, headline).label(label).help(help));
    }

    fn misfit(&mut self, value: Value<'_>, what: &str, expected: &str) {
        let found = type_name(value.get_ref());
        let headline = format!("{what} must be {expected}, not {found}");
        let label = format!("this is {found}");
        self.sink.push(Finding::new(Code::BadTest, span_of(value), headline).label(label));
    }
}

fn empty(header: Span) -> CaseNode {
    CaseNode { header, name: None, stream: None, expect: None, broken: false }
}
