//! # Tests of rules, beside the rules
//!
//! A rule file is changed for years, and what it gave to whom last spring is on a bill. So a file
//! can say what it is meant to do:
//!
//! ```toml
//! [[rules.test]]
//! stream = { primary_cwd = "~/work/acme/web", agent = "codex" }
//! expect = { rule = "Acme projects", tags = ["acme", "billable"] }
//! ```
//!
//! In the code such a test is a *case*, since a [`Test`](super::ir::Test) is a part of a condition.
//! A case names the rule that is to win as well as the tags, so that none passes for the wrong
//! reason; and it is run by the compiled table, like any stream of the person's.
//!
//! | file | what |
//! | --- | --- |
//! | here | from what was written to a [`Case`] |
//! | `given` | a stream in the words of a case, both ways |
//! | [`run`] | whether a case passes, and why not |
//! | [`coverage`] | what no case would notice |
//! | [`generate`] | cases for rules that have none, from the streams that prove them reachable |
//!
//! INVARIANT (harmless cases): whatever is wrong with a case is a warning, and changes nothing
//! about the rules.

pub mod coverage;
pub mod generate;
mod given;
pub mod run;

use std::collections::{BTreeMap, BTreeSet};

use super::ir::{Checked, Rule, RuleId, RuleInfo, RuleSet};
use super::stream::Stream;
use super::syntax::embedded::Text;
use super::syntax::{CaseNode, ExpectNode};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Finding, Sink, SourceFile, Span, quote};
pub use given::{at_local, toml_string};

/// What messages say about a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseInfo {
    /// Its place among the cases of the file, counted from 0.
    pub index: usize,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its line in the file, counted from 1.
    pub line: usize,
}

impl CaseInfo {
    /// Its name, or `test 3` for the third case if it has none.
    #[must_use]
    pub fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("test {}", self.index + 1))
    }
}

/// A stream, and what the rules are to make of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// How it is called and where it stands.
    pub info: CaseInfo,
    /// The stream.
    pub stream: Stream,
    /// What is expected.
    pub expect: Expect,
}

/// What a case expects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expect {
    /// That no rule wins.
    Nothing,
    /// That this rule wins and gives exactly this.
    Rule {
        /// The rule.
        rule: RuleId,
        /// All tags, in whatever order.
        tags: BTreeSet<String>,
        /// The project; `None` if it is not looked at.
        project: Option<String>,
    },
}

/// The cases of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cases {
    /// Those that can be run, in the order of the file.
    pub sound: Vec<Case>,
    /// Those that cannot; what is wrong with them is among the findings.
    pub broken: Vec<CaseInfo>,
}

impl Cases {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sound.len() + self.broken.len()
    }

    /// Whether the file has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sound.is_empty() && self.broken.is_empty()
    }
}

/// Reads the cases of a file. Mistakes go to `sink`; without `rules` that are sound there is
/// nothing to run, and only mistakes that do not depend on them are found.
pub fn check(
    written: &[CaseNode],
    rules: Option<&Checked<RuleSet>>,
    file: &SourceFile,
    sink: &mut Sink,
) -> Cases {
    read(written, rules.map(Names::of).as_ref(), file, sink)
}

fn read(
    written: &[CaseNode],
    names: Option<&Names<'_>>,
    file: &SourceFile,
    sink: &mut Sink,
) -> Cases {
    let mut reader = Reader { names, sink, homeless: Vec::new() };
    let mut cases = Cases::default();
    for (index, node) in written.iter().enumerate() {
        let info = CaseInfo {
            index,
            name: node.name.as_ref().map(|name| name.text.clone()),
            line: file.line(node.header.start),
        };
        match reader.case(node) {
            Some((stream, expect)) => cases.sound.push(Case { info, stream, expect }),
            None => cases.broken.push(info),
        }
    }
    reader.without_home();
    if names.is_some() { cases } else { Cases::default() }
}

struct Reader<'a> {
    names: Option<&'a Names<'a>>,
    sink: &'a mut Sink,
    /// Values that begin with `~`, where it stands for nothing.
    homeless: Vec<Span>,
}

impl Reader<'_> {
    /// `None` if anything is wrong with it, which is said.
    fn case(&mut self, node: &CaseNode) -> Option<(Stream, Expect)> {
        let stream = node.stream.as_ref().and_then(|given| self.stream(given));
        let expect = node.expect.as_ref().and_then(|expect| self.expect(expect));
        if node.broken { None } else { stream.zip(expect) }
    }

    fn expect(&mut self, node: &ExpectNode) -> Option<Expect> {
        let ExpectNode::Rule { rule, tags, project } = node else { return Some(Expect::Nothing) };
        Some(Expect::Rule {
            rule: self.rule(rule.as_ref()?)?,
            tags: tags.iter().map(|tag| tag.text.clone()).collect(),
            project: project.as_ref().map(|project| project.text.clone()),
        })
    }

    /// The rule of that name, and of several the first.
    fn rule(&mut self, name: &Text) -> Option<RuleId> {
        let names = self.names?;
        let Some(Called { first, only }) = names.called(&name.text) else {
            self.sink.push(unknown_rule(&names.rules.rules, name));
            return None;
        };
        if !only {
            let headline = format!("several rules are called {}", quote(&name.text));
            self.sink.push(
                Finding::new(Code::TestedRule, name.span, headline)
                    .label("taken for the first of them")
                    .help(format!(
                        "give each a name of its own, or write which: \"{first}\" is the first"
                    )),
            );
        }
        Some(first)
    }

    fn without_home(&mut self) {
        let Some((first, others)) = self.homeless.split_first() else { return };
        let headline = "'~' stands for no directory, so this test cannot be run";
        let mut finding = Finding::new(Code::NoHome, *first, headline)
            .label("a path below no directory")
            .note("$HOME is not set, or is no absolute path")
            .help("set $HOME, or name the directories: [rules] homes = [\"/home/sami\"]");
        for other in others {
            finding = finding.beside(*other, "nor can this one");
        }
        self.sink.push(finding);
    }
}

/// The rules of a file by what cases may call them.
#[derive(Clone, Debug)]
pub struct Names<'r> {
    rules: &'r Checked<RuleSet>,
    by_name: BTreeMap<&'r str, Called>,
}

/// The rules that a case calls by one name.
#[derive(Clone, Copy, Debug)]
struct Called {
    first: RuleId,
    /// Whether there is no other.
    only: bool,
}

impl<'r> Names<'r> {
    /// The names of these rules. Costs a look at each.
    #[must_use]
    pub fn of(rules: &'r Checked<RuleSet>) -> Self {
        let mut by_name = BTreeMap::new();
        for RuleInfo { id, name, .. } in rules.rules.iter().map(|rule| &rule.info) {
            let Some(name) = name else { continue };
            let called = |called: &mut Called| called.only = false;
            by_name
                .entry(name.as_str())
                .and_modify(called)
                .or_insert(Called { first: *id, only: true });
        }
        Self { rules, by_name }
    }

    /// The rules of this name; if there is none, the one whose number it is (`rule 3`).
    fn called(&self, name: &str) -> Option<Called> {
        self.by_name.get(name).copied().or_else(|| {
            let number: usize = name.strip_prefix("rule ")?.parse().ok()?;
            let first = self.rules.rules.get(number.checked_sub(1)?)?.info.id;
            (first.to_string() == name).then_some(Called { first, only: true })
        })
    }

    /// How a case calls a rule.
    fn call(&self, rule: &Rule) -> String {
        let title = rule.info.title();
        let only = self.called(&title).is_some_and(|it| it.only);
        if only { title } else { rule.info.id.to_string() }
    }
}

fn unknown_rule(rules: &[Rule], name: &Text) -> Finding {
    let headline = format!("no rule is called {}", quote(&name.text));
    let finding = Finding::new(Code::TestedRule, name.span, headline);
    let number = name.text.strip_prefix("rule ").is_some_and(|it| it.parse::<u64>().is_ok());
    if number || rules.is_empty() {
        let label = match rules.len() {
            0 => "this file has no rules".to_owned(),
            1 => "this file has 1 rule".to_owned(),
            n => format!("this file has {n} rules"),
        };
        return finding.label(label);
    }
    let titles: Vec<_> = rules.iter().map(|rule| rule.info.title()).collect();
    let Some(meant) = nearest(&name.text, titles.iter().map(String::as_str)) else {
        let help = "call a rule by its name, or by its number in the file: \"rule 1\"";
        return finding.label("no such rule").help(help);
    };
    let finding = finding
        .detail(format!("Did you mean: {}?", quote(meant).trim_matches('\'')))
        .label(format!("did you mean {}?", quote(meant)));
    // Whatever the quotes around it, they can hold it.
    let plain = !meant.contains(|c: char| c.is_control() || matches!(c, '"' | '\'' | '\\'));
    if plain { finding.edit(name.place(0, name.text.len()), meant) } else { finding }
}
