//! What the compiler made of the rules, stage by stage, as text for people who want to see.
//!
//! The syntax tree is shown with places (line and column of the file), the typed form without:
//! from there on nobody asks where something was written. The graph is the typed form once more,
//! for Graphviz, with equal tests drawn once.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::fields::{Field, Type, WEEKDAYS};
use super::ir::{Atom, Checked, Predicate, Rule, RuleSet, Test};
use super::lang::{Intervals, WeekdaySet};
use super::syntax::embedded::Text;
use super::syntax::glob::{self, Kind, Member, Node};
use super::syntax::quantity::NANOS_PER_SECOND;
use super::syntax::when::{self, Expr};
use super::syntax::{RuleFile, RuleNode, ValueNode};
use crate::diag::{SourceFile, Span, quote};

/// The syntax tree: what is written, and where.
#[must_use]
pub fn ast(written: &RuleFile, file: &SourceFile) -> String {
    let mut out = Outline { text: String::new(), file };
    for home in &written.homes {
        out.line(0, home.span, &format!("home {}", quote(&home.text)));
    }
    for rule in &written.rules {
        out.rule(rule);
    }
    out.text
}

/// Lines indented by depth, each with its place.
struct Outline<'f> {
    text: String,
    file: &'f SourceFile,
}

impl Outline<'_> {
    fn line(&mut self, depth: usize, place: Span, what: &str) {
        let (start, end) = (self.file.position(place.start), self.file.position(place.end));
        let place = if start.line == end.line {
            format!("{}:{}-{}", start.line, start.column, end.column)
        } else {
            format!("{}:{}-{}:{}", start.line, start.column, end.line, end.column)
        };
        let _ = writeln!(self.text, "{:indent$}{what}  @{place}", "", indent = 2 * depth);
    }

    fn rule(&mut self, rule: &RuleNode) {
        self.line(0, rule.header, if rule.enabled { "rule" } else { "rule, disabled" });
        for (key, text) in [("name", &rule.name), ("project", &rule.project)] {
            if let Some(text) = text {
                self.line(1, text.span, &format!("{key} {}", quote(&text.text)));
            }
        }
        for tag in &rule.tags {
            self.line(1, tag.span, &format!("tag {}", quote(&tag.text)));
        }
        if let Some(matching) = &rule.matching {
            self.line(1, matching.key, "match");
            for condition in &matching.conditions {
                self.line(2, condition.field_span, &condition.field);
                let is_text = Field::named(&condition.field)
                    .is_some_and(|field| matches!(field.info().ty, Type::Text | Type::TextSet));
                self.value(&condition.value, is_text);
            }
        }
        if let Some(when) = &rule.when {
            self.line(1, when.key, "when");
            match when::parse(&when.text) {
                Ok(expression) => self.expression(&expression, 2),
                Err(broken) => {
                    for error in broken.errors {
                        self.line(2, error.span, "malformed");
                    }
                    for expression in &broken.rest {
                        self.expression(expression, 2);
                    }
                }
            }
        }
    }

    fn expression(&mut self, expression: &Expr, depth: usize) {
        let (what, children) = match &expression.kind {
            when::Kind::And(children) => ("all of", children.as_slice()),
            when::Kind::Or(children) => ("any of", children.as_slice()),
            when::Kind::Not(child) => ("not", std::slice::from_ref(&**child)),
            when::Kind::Constant(_) | when::Kind::Has(_) | when::Kind::Test(_) => {
                return self.line(depth, expression.span, &expression.to_string());
            }
        };
        self.line(depth, expression.span, what);
        children.iter().for_each(|child| self.expression(child, depth + 1));
    }

    fn value(&mut self, value: &ValueNode, is_glob: bool) {
        let texts = match value {
            ValueNode::One(text) => std::slice::from_ref(text),
            ValueNode::Many(texts, span) => {
                self.line(3, *span, "any of");
                texts.as_slice()
            }
            ValueNode::Other(found, span) => {
                self.line(3, *span, found);
                return;
            }
        };
        let depth = if matches!(value, ValueNode::Many(..)) { 4 } else { 3 };
        for text in texts {
            self.text(text, depth, is_glob);
        }
    }

    fn text(&mut self, text: &Text, depth: usize, is_glob: bool) {
        let kind = if is_glob { "glob" } else { "text" };
        self.line(depth, text.span, &format!("{kind} {}", quote(&text.text)));
        if is_glob {
            match glob::parse(text) {
                Ok(nodes) => self.glob(&nodes, depth + 1),
                Err(broken) => {
                    for error in broken.errors {
                        self.line(depth + 1, error.span, "malformed");
                    }
                }
            }
        }
    }

    fn glob(&mut self, nodes: &[Node], depth: usize) {
        let mut nodes = nodes.iter().peekable();
        while let Some(node) = nodes.next() {
            let mut span = node.span;
            let what = match &node.kind {
                Kind::Home => "home".to_owned(),
                Kind::Any => "any character".to_owned(),
                Kind::Star => "any characters".to_owned(),
                Kind::Capture(name) => format!("capture {name}"),
                Kind::Class { negated, members } => class(*negated, members),
                Kind::Group(_) => "one of".to_owned(),
                Kind::Literal(first) => {
                    // Characters in a row are one text to the reader.
                    let mut text = String::from(*first);
                    while let Some(Kind::Literal(c)) = nodes.peek().map(|next| &next.kind) {
                        text.push(*c);
                        span.end = nodes.next().map_or(span.end, |next| next.span.end);
                    }
                    format!("text {}", quote(&text))
                }
            };
            self.line(depth, span, &what);
            if let Kind::Group(alternatives) = &node.kind {
                for alternative in alternatives {
                    let first = alternative.first().map_or(node.span.end, |it| it.span.start);
                    let last = alternative.last().map_or(first, |it| it.span.end);
                    self.line(depth + 1, Span::new(first, last), "either");
                    self.glob(alternative, depth + 2);
                }
            }
        }
    }
}

fn class(negated: bool, members: &[Member]) -> String {
    let mut out = String::from(if negated { "a character not of" } else { "a character of" });
    for member in members {
        let _ = match member {
            Member::Range(from, to) if from == to => write!(out, " {from:?}"),
            Member::Range(from, to) => write!(out, " {from:?}-{to:?}"),
            Member::Named(name) => write!(out, " {name:?}"),
        };
    }
    out
}

/// The typed form: every rule with its conditions as a tree.
#[must_use]
pub fn ir(rules: &Checked<RuleSet>) -> String {
    let mut out = String::new();
    for rule in &rules.rules {
        let _ = writeln!(out, "{}", title(rule));
        for conjunct in &rule.conjuncts {
            tree(&conjunct.predicate, 1, &mut out);
        }
    }
    out
}

fn title(rule: &Rule) -> String {
    let info = &rule.info;
    let mut out = format!("{} line {}", info.id, info.line);
    if let Some(name) = &info.name {
        let _ = write!(out, " {}", quote(name));
    }
    if !info.enabled {
        out.push_str(" disabled");
    }
    let _ = write!(out, " -> {}", info.tags.join(", "));
    out
}

fn tree(predicate: &Predicate, depth: usize, out: &mut String) {
    let indent = 2 * depth;
    let (what, children) = match predicate {
        Predicate::All(children) if children.is_empty() => ("true", [].as_slice()),
        Predicate::Any(children) if children.is_empty() => ("false", [].as_slice()),
        Predicate::All(children) => ("all", children.as_slice()),
        Predicate::Any(children) if children.len() == 1 => {
            return children.iter().for_each(|child| tree(child, depth, out));
        }
        Predicate::Any(children) => ("any", children.as_slice()),
        Predicate::Not(child) => ("not", std::slice::from_ref(&**child)),
        Predicate::Atom(it) => {
            let _ = writeln!(out, "{:indent$}{}", "", atom(it));
            return;
        }
    };
    let _ = writeln!(out, "{:indent$}{what}", "");
    children.iter().for_each(|child| tree(child, depth + 1, out));
}

/// A test, nearly in the words of the rule language.
#[must_use]
pub fn atom(atom: &Atom) -> String {
    let field = atom.field.info();
    let name = field.name;
    match &atom.test {
        Test::Present => format!("has {name}"),
        Test::Glob(pattern) => format!("{name} ~ \"{pattern}\""),
        Test::IsNot(text) => format!("{name} != {text:?}"),
        Test::Weekday(days) => format!("{name} in [{}]", weekdays(*days)),
        Test::Within(numbers) => format!("{name} in {}", intervals(numbers, field.ty)),
    }
}

fn weekdays(days: WeekdaySet) -> String {
    days.days().map(|day| day.to_string().to_lowercase()).collect::<Vec<_>>().join(", ")
}

/// Ranges with both ends included: in milliseconds, as clock times or as days.
#[must_use]
pub fn intervals(numbers: &Intervals, ty: Type) -> String {
    let one = |value: i64| match (value, ty) {
        (i64::MIN, _) => "-∞".to_owned(),
        (i64::MAX, _) => "∞".to_owned(),
        (value, Type::Weekday) => {
            let day = usize::try_from(value).ok().and_then(|day| WEEKDAYS.get(day));
            day.copied().unwrap_or_default().to_owned()
        }
        (value, Type::TimeOfDay) => {
            let (seconds, nanos) =
                (value.div_euclid(NANOS_PER_SECOND), value.rem_euclid(NANOS_PER_SECOND));
            let clock =
                format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
            if nanos == 0 { clock } else { format!("{clock}.{nanos:09}") }
        }
        (value, _) => format!("{value} ms"),
    };
    let ranges = numbers.ranges().iter().map(|(from, to)| match from == to {
        true => format!("[{}]", one(*from)),
        false => format!("[{}, {}]", one(*from), one(*to)),
    });
    ranges.collect::<Vec<_>>().join(" ∪ ")
}

/// The typed form as a graph for Graphviz: tests by field, gates, rules in order.
#[must_use]
pub fn dot(rules: &Checked<RuleSet>) -> String {
    let mut graph = Graph::default();
    for rule in rules.rules.iter().filter(|rule| rule.info.enabled) {
        graph.rule(rule);
    }
    graph.finish()
}

#[derive(Default)]
struct Graph {
    /// Per field, its tests and their nodes.
    atoms: BTreeMap<Field, BTreeMap<String, usize>>,
    nodes: usize,
    body: String,
    rules: Vec<usize>,
}

impl Graph {
    fn node(&mut self, label: &str, shape: &str) -> usize {
        let id = self.nodes;
        self.nodes += 1;
        let _ = writeln!(self.body, "  n{id} [shape={shape}, label={}];", escaped(label));
        id
    }

    fn rule(&mut self, rule: &Rule) {
        let node = self.node(&title(rule), "box");
        self.rules.push(node);
        for conjunct in &rule.conjuncts {
            let from = self.predicate(&conjunct.predicate);
            let _ = writeln!(self.body, "  n{from} -> n{node};");
        }
    }

    fn predicate(&mut self, predicate: &Predicate) -> usize {
        let (label, children) = match predicate {
            Predicate::All(children) if children.is_empty() => ("true", [].as_slice()),
            Predicate::Any(children) if children.is_empty() => ("false", [].as_slice()),
            Predicate::Any(children) | Predicate::All(children) if children.len() == 1 => {
                ("", children.as_slice())
            }
            Predicate::All(children) => ("all", children.as_slice()),
            Predicate::Any(children) => ("any", children.as_slice()),
            Predicate::Not(child) => ("not", std::slice::from_ref(&**child)),
            Predicate::Atom(it) => return self.atom(it),
        };
        if let ("", [child]) = (label, children) {
            return self.predicate(child);
        }
        let node = self.node(label, "ellipse");
        for child in children {
            let from = self.predicate(child);
            let _ = writeln!(self.body, "  n{from} -> n{node};");
        }
        node
    }

    fn atom(&mut self, it: &Atom) -> usize {
        let label = atom(it);
        let next = self.nodes;
        let of_field = self.atoms.entry(it.field).or_default();
        let id = *of_field.entry(label).or_insert(next);
        self.nodes += usize::from(id == next);
        id
    }

    fn finish(self) -> String {
        let mut out =
            String::from("digraph rules {\n  rankdir=LR;\n  node [fontname=monospace];\n");
        for (field, atoms) in &self.atoms {
            let name = field.info().name;
            let _ = writeln!(out, "  subgraph cluster_{name} {{\n    label={name};");
            for (label, id) in atoms {
                let _ = writeln!(out, "    n{id} [shape=plaintext, label={}];", escaped(label));
            }
            out.push_str("  }\n");
        }
        out.push_str(&self.body);
        // Rules stand below each other in their order: the first that holds wins.
        for two in self.rules.windows(2) {
            if let [one, next] = two {
                let _ = writeln!(out, "  n{one} -> n{next} [style=dotted, constraint=false];");
            }
        }
        out.push_str("}\n");
        out
    }
}

fn escaped(label: &str) -> String {
    format!("\"{}\"", label.replace('\\', "\\\\").replace('"', "\\\""))
}
