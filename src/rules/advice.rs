//! From verdicts to findings: what the analysis proved, said to the person whose rules they are.
//!
//! The analysis answers with rules and streams; here they get places, words and something to do.
//! A suggestion is made only where it is certain to help: a rule is moved above the one that takes
//! its smallest stream, since there it wins at least that one.

use super::analysis::{Analysis, Cover, Judgement, Others, Overlap, Redundant, Verdict};
use super::fill::{Filler, Outcome};
use super::ir::{Checked, Rule, RuleId, RuleSet};
use super::show;
use super::stream::Stream;
use crate::diag::{Code, Finding, Span, quote};

/// The findings of an analysis, in no particular order. `known` are those made before: what they
/// explain is not said again.
#[must_use]
pub fn findings(rules: &Checked<RuleSet>, analysis: &Analysis, known: &[Finding]) -> Vec<Finding> {
    let adviser = Adviser { rules, analysis, known };
    let mut found = Vec::new();
    for (rule, judgement) in rules.rules.iter().zip(&analysis.rules) {
        // A rule that is switched off is nobody's trouble.
        if rule.info.enabled {
            found.extend(adviser.verdict(rule, &judgement.verdict));
            found.extend(judgement.redundant.as_ref().map(|it| adviser.redundant(rule, it)));
        }
    }
    found.extend(analysis.overlaps.iter().filter_map(|overlap| adviser.overlap(overlap)));
    found
}

struct Adviser<'a> {
    rules: &'a Checked<RuleSet>,
    analysis: &'a Analysis,
    known: &'a [Finding],
}

impl Adviser<'_> {
    fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.rules.get(id.index())
    }

    fn judgement(&self, id: RuleId) -> Option<&Judgement> {
        self.analysis.rules.get(id.index())
    }

    /// The rule that wins the stream.
    fn winner(&self, stream: &Stream) -> Option<&Rule> {
        self.rules.rules.iter().find(|rule| rule.info.enabled && rule.holds(stream))
    }

    fn show(&self, stream: &Stream) -> String {
        show::stream(stream, &self.rules.homes)
    }

    fn verdict(&self, rule: &Rule, verdict: &Verdict) -> Option<Finding> {
        match verdict {
            Verdict::Reachable { .. } => None,
            Verdict::Shadowed { by, same_effect, others, lost } => {
                self.shadowed(rule, *by, *same_effect, others, lost)
            }
            Verdict::Unreachable { cover, same_effect, others, lost } => {
                Some(self.unreachable(rule, cover, *same_effect, others, lost))
            }
            Verdict::Unsatisfiable { conflict } => self.unsatisfiable(rule, conflict),
            Verdict::NotProven { spent } => Some(not_proven(rule, *spent)),
        }
    }

    fn shadowed(
        &self,
        rule: &Rule,
        by: RuleId,
        same_effect: bool,
        others: &Others,
        lost: &Stream,
    ) -> Option<Finding> {
        let coverer = self.rule(by)?;
        let headline = format!("{} can never win", subject(rule));
        let finding = Finding::new(Code::Shadowed, place(rule), headline)
            .label("so nothing is left for this one")
            .beside(place(coverer), format!("{} takes every such stream first", called(coverer)));
        Some(self.lost(finding, rule, same_effect, others, lost))
    }

    fn unreachable(
        &self,
        rule: &Rule,
        cover: &Cover,
        same_effect: bool,
        others: &Others,
        lost: &Stream,
    ) -> Finding {
        let members: Vec<_> = cover.rules().iter().filter_map(|id| self.rule(*id)).collect();
        let headline = format!("{} can never win", subject(rule));
        let mut finding = Finding::new(Code::Unreachable, place(rule), headline)
            .label("so together they leave nothing for this one");
        for (member, number) in members.iter().zip(1..) {
            let part = if number == members.len() { "and {} the rest" } else { "{} takes a part" };
            finding = finding.beside(place(member), part.replace("{}", &called(member)));
        }
        self.lost(finding, rule, same_effect, others, lost)
    }

    /// What becomes of the streams that a dead rule matches, and what to do about it.
    fn lost(
        &self,
        finding: Finding,
        rule: &Rule,
        same_effect: bool,
        others: &Others,
        lost: &Stream,
    ) -> Finding {
        let finding = finding.notes_of(others_note(others));
        if same_effect {
            return finding
                .note(format!("every one gives {} as well", given(rule)))
                .help(format!("remove {}: no stream would change", called(rule)));
        }
        let Some(winner) = self.winner(lost) else {
            return finding;
        };
        let (wanted, got) = (outcome(rule, lost), outcome(winner, lost));
        let finding = finding.note(format!(
            "for one, {} gets {} from {}, where {} would give {}",
            self.show(lost),
            outcome_in_words(&got),
            called(winner),
            called(rule),
            outcome_in_words(&wanted),
        ));
        // Above the rule that takes it, the rule wins at least this stream. Whether the other
        // lives on is certain where its own smallest stream is none of this rule's.
        let lives_on = self.judgement(winner.info.id).is_some_and(|it| match &it.verdict {
            Verdict::Reachable { witness } => !rule.holds(witness),
            Verdict::Shadowed { .. }
            | Verdict::Unreachable { .. }
            | Verdict::Unsatisfiable { .. }
            | Verdict::NotProven { .. } => false,
        });
        finding.help(if lives_on {
            format!("move {} above {}", called(rule), called(winner))
        } else {
            format!(
                "decide which is meant: either remove {}, or move it above {} and see what that \
                 still wins",
                called(rule),
                called(winner)
            )
        })
    }

    fn unsatisfiable(&self, rule: &Rule, conflict: &[usize]) -> Option<Finding> {
        let places: Vec<Span> = conflict
            .iter()
            .filter_map(|index| rule.conjuncts.get(*index))
            .map(|conjunct| conjunct.place)
            .collect();
        let (first, others) = places.split_first()?;
        let explained = |place: &Span| {
            let homeless = self.known.iter().filter(|finding| finding.code == Code::NoHome);
            let mut spans = homeless.flat_map(|it| it.secondary.iter().chain([&it.primary]));
            spans.any(|label| place.start <= label.span.start && label.span.end <= place.end)
        };
        if places.iter().any(explained) {
            return None;
        }
        let headline = format!("{} matches no stream", subject(rule));
        let mut finding = Finding::new(Code::Unsatisfiable, *first, headline);
        finding = match others {
            [] => finding
                .label("no stream satisfies this")
                .help("mend the condition; to switch the rule off, write 'enabled = false'"),
            _ => finding
                .label("no stream satisfies this")
                .help("drop one of these conditions, or make rules of their own of them"),
        };
        for (other, number) in others.iter().zip(1..) {
            let last = number == others.len();
            finding = finding.beside(*other, if last { "together with this" } else { "and this" });
        }
        Some(finding)
    }

    fn redundant(&self, rule: &Rule, redundant: &Redundant) -> Finding {
        let headline = format!("{} changes nothing", subject(rule));
        let mut finding = Finding::new(Code::Redundant, place(rule), headline)
            .label("every stream that this wins")
            .note(format!("either way these streams get {}", given(rule)))
            .help(format!("{} can be removed", called(rule)));
        for later in redundant.later.iter().filter_map(|id| self.rule(*id)) {
            let says = format!("would get the same from {}", called(later));
            finding = finding.beside(place(later), says);
        }
        finding
    }

    fn overlap(&self, overlap: &Overlap) -> Option<Finding> {
        let (first, second) = (self.rule(overlap.first)?, self.rule(overlap.second)?);
        let headline = format!("{} and {} overlap", subject(first), subject(second));
        Some(
            Finding::new(Code::Overlap, place(second), headline)
                .label("and so does this one")
                .beside(place(first), "this one takes some streams")
                .note(format!(
                    "for one, {} goes to {}, because it stands first",
                    self.show(&overlap.witness),
                    called(self.winner(&overlap.witness).unwrap_or(first)),
                )),
        )
    }
}

fn not_proven(rule: &Rule, spent: u64) -> Finding {
    let headline = format!("whether {} can win is not proven either way", subject(rule));
    Finding::new(Code::NotProven, place(rule), headline)
        .label("too many ways to combine this with the rules above")
        .note(format!("the search was given up after {spent} steps; the rule works all the same"))
        .help("fewer '*' in a pattern, or fewer conditions that overlap, make it provable")
}

fn others_note(others: &Others) -> Option<String> {
    let more = if others.more { "at least " } else { "" };
    match others.count {
        0 => None,
        1 => Some(format!("{more}one other set of earlier rules covers it too")),
        n => Some(format!("{more}{n} other sets of earlier rules cover it too")),
    }
}

/// A rule as sentences call it: its name in quotes, else `rule 3`.
#[must_use]
pub fn called(rule: &Rule) -> String {
    rule.info.name.as_deref().map_or_else(|| rule.info.id.to_string(), quote)
}

/// The same where the name alone would not say that it is a rule's.
fn subject(rule: &Rule) -> String {
    match &rule.info.name {
        Some(name) => format!("rule {}", quote(name)),
        None => rule.info.id.to_string(),
    }
}

/// The condition of a rule, from its first part to its last.
fn place(rule: &Rule) -> Span {
    let places = rule.conjuncts.iter().map(|conjunct| conjunct.place);
    places.reduce(|a, b| Span::new(a.start.min(b.start), a.end.max(b.end))).unwrap_or(rule.header)
}

fn outcome(rule: &Rule, stream: &Stream) -> Outcome {
    Filler::new(rule).fill(stream)
}

/// What a rule gives, as it is written.
fn given(rule: &Rule) -> String {
    rule.info.tags.join(", ")
}

fn outcome_in_words(outcome: &Outcome) -> String {
    let tags = outcome.tags.join(", ");
    match &outcome.project {
        Some(project) => format!("{tags} (project {project})"),
        None => tags,
    }
}
