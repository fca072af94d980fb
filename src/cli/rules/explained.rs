//! `tt rules check --stream ID --explain`: every rule in order, and its conditions.

use std::io::Write;

use serde_json::{Value, json};

use super::check::called;
use super::draw::{Artist, one_line};
use crate::cli::app::{App, Config, RulesState};
use crate::cli::count;
use crate::cli::error::{Failure, Outcome};
use crate::diag::SourceFile;
use crate::rules::why::{self, Explanation, Found, Kind, Node, Reason};
use crate::rules::{self, Checked, Rule, RuleSet, Stream};

/// Up to so many rules all are shown.
const MANY: usize = 20;
/// Of more, the winner and those before it, and so many of the others that come nearest.
const NEAREST: usize = 5;

/// What every rule says of a stream.
pub(super) struct Explained<'c> {
    file: &'c SourceFile,
    rules: Checked<RuleSet>,
    /// One per rule.
    all: Vec<Explanation>,
    winner: Option<usize>,
}

/// What became of a rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Wins,
    /// It holds, and an earlier rule won.
    Holds,
    No,
    Disabled,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Wins => "wins",
            Self::Holds => "holds",
            Self::No => "no",
            Self::Disabled => "disabled",
        }
    }
}

impl<'c> Explained<'c> {
    /// `None` where there are no rules.
    pub(super) fn new(
        app: &App,
        config: &'c Config,
        stream: &Stream,
    ) -> Result<Option<Self>, Failure> {
        let RulesState::Ready(..) = config.rules else { return Ok(None) };
        let file = &config.source;
        let rules = rules::check(file, &app.rules_env()).rules.ok_or(Failure::Found)?;
        let all: Vec<_> = rules.rules.iter().map(|rule| why::explain(rule, stream)).collect();
        let enabled = |(rule, why): (&Rule, &Explanation)| rule.info.enabled && why.holds();
        let winner = rules.rules.iter().zip(&all).position(enabled);
        Ok(Some(Self { file, rules, all, winner }))
    }

    fn each(&self) -> impl Iterator<Item = (usize, &Rule, &Explanation, Verdict)> {
        self.rules.rules.iter().zip(&self.all).enumerate().map(|(at, (rule, why))| {
            let verdict = match why.holds() {
                _ if !rule.info.enabled => Verdict::Disabled,
                true if self.winner == Some(at) => Verdict::Wins,
                true => Verdict::Holds,
                false => Verdict::No,
            };
            (at, rule, why, verdict)
        })
    }

    /// The rules to show, in order.
    fn shown(&self) -> Vec<usize> {
        if self.all.len() <= MANY {
            return (0..self.all.len()).collect();
        }
        let first_others = self.winner.map_or(0, |winner| winner + 1);
        let mut others: Vec<usize> = (first_others..self.all.len()).collect();
        others.sort_by_key(|at| self.all.get(*at).map(Explanation::distance));
        others.truncate(NEAREST);
        let mut shown: Vec<usize> = (0..first_others).chain(others).collect();
        shown.sort_unstable();
        shown
    }

    /// The table, for people.
    pub(super) fn in_text(&self, width: usize, out: &mut dyn Write) -> Outcome {
        let artist = Artist { file: self.file, homes: &self.rules.homes, width };
        let shown = self.shown();
        writeln!(out, "\nRules in order:")?;
        if shown.is_empty() {
            writeln!(out, "  none")?;
        }
        let winner = self.winner.and_then(|at| self.rules.rules.get(at));
        for (_, rule, why, verdict) in self.each().filter(|(at, ..)| shown.contains(at)) {
            let name = called(&rule.info);
            let mark = if why.holds() { '✓' } else { '✗' };
            let (mark, said) = match (verdict, winner) {
                (Verdict::Wins, _) => (mark, " wins".to_owned()),
                (Verdict::Holds, Some(winner)) => {
                    (mark, format!(" holds too, but {} comes first", called(&winner.info)))
                }
                (Verdict::Holds | Verdict::No, _) => (mark, String::new()),
                (Verdict::Disabled, _) => ('-', " is switched off".to_owned()),
            };
            writeln!(out, "  {mark} {name} (line {}){said}", rule.info.line)?;
            let mut conditions = String::new();
            for condition in &why.conditions {
                artist.condition(condition, 6, &mut conditions);
            }
            write!(out, "{conditions}")?;
        }
        let left = (self.all.len() - shown.len()) as u64;
        if left > 0 {
            writeln!(out, "  … and {} further away", count(left, "rule"))?;
        }
        Ok(())
    }

    /// All of it, for programs.
    pub(super) fn in_json(&self) -> Value {
        let rules = self.each().map(|(at, rule, why, verdict)| {
            let conditions = why.conditions.iter().map(|condition| {
                let mut shown = node(&condition.node, &self.rules.homes);
                let place = self.file.position(condition.place.start);
                shown["written"] = one_line(self.file, condition.place).into();
                shown["line"] = place.line.into();
                shown["column"] = place.column.into();
                shown
            });
            json!({
                "index": at,
                "name": rule.info.title(),
                "line": rule.info.line,
                "verdict": verdict.word(),
                "conditions": conditions.collect::<Vec<_>>(),
            })
        });
        rules.collect()
    }
}

/// A part of a condition with its verdict and, in `all`, `any`, `not` or `test`, what it is made of.
fn node(it: &Node, homes: &[String]) -> Value {
    let each =
        |children: &[Node]| children.iter().map(|child| node(child, homes)).collect::<Value>();
    let reasons: Vec<String> = match it.holds {
        true => Vec::new(),
        false => it.reasons().iter().map(|reason| reason.sentence(homes)).collect(),
    };
    let mut shown = json!({ "holds": it.holds, "reasons": reasons });
    let (key, value) = match &it.kind {
        Kind::All(children) => ("all", each(children)),
        Kind::Any(children) => ("any", each(children)),
        Kind::Not(child) => ("not", node(child, homes)),
        Kind::Test(reason) => ("test", test(reason)),
    };
    shown[key] = value;
    shown
}

/// What decided a test. Of a text that differs, `matched` is the beginning that a match can have,
/// and `expected` what would have to come next.
fn test(reason: &Reason) -> Value {
    let field = reason.field.info();
    let mut shown = json!({ "field": field.name });
    let (found, value) = match &reason.found {
        Found::Missing => ("missing", Value::Null),
        Found::Present => ("present", Value::Null),
        Found::Passes(text) => ("passes", text.as_str().into()),
        Found::Only(text) => ("only", text.as_str().into()),
        Found::Day(day, _) => ("day", day.to_string().to_lowercase().into()),
        Found::Number(value, _) => ("number", rules::show::number(field.ty, *value).into()),
        Found::Differs(it) => {
            shown["matched"] = it.matched().into();
            shown["expected"] = it.expected.as_ref().map(ToString::to_string).into();
            ("differs", it.value.as_str().into())
        }
    };
    shown["found"] = found.into();
    shown["value"] = value;
    shown
}
