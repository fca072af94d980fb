//! From verdicts to findings: what the analysis proved, said to the person whose rules they are.
//!
//! The analysis answers with rules and streams; here they get places, words and something to do.
//! A suggestion is made only where it is certain to help: a rule is moved above the one that takes
//! its smallest stream, since there it wins at least that one.
//!
//! An edit is offered where it is certain what changes:
//!
//! - **A rule S that one rule G alone shadows is moved right above G.** G holds wherever S does, so
//!   no stream of S ever came past G: each went to G, or to a rule above it. Above G nothing moves,
//!   so what went there still does. What went to G goes to S now. A stream that S does not hold for
//!   meets the other rules in the order they had. So exactly the streams of S that went to G change
//!   hands, from G to S, and no others. That both win something afterwards is proven
//!   ([`Raised`]), and so the next check finds nothing to move back.
//! - **A rule that wins nothing, or whose streams all get the same from a later rule, is removed.**
//!   No stream changes; but somebody wrote the rule for a reason, so this is for a person to ask for.
//!
//! Where several rules shadow S together there is no edit: which of them it was to go before is not
//! certain. Nor is there one that a test of the file speaks against: that expects G for a stream of
//! S, or expects the rule that is to go, or calls a rule by a number that would change.

use std::cell::Cell;

use super::analysis::{Analysis, Cover, Judgement, Others, Overlap, Raised, Redundant, Verdict};
use super::cases::{Cases, Expect};
use super::fill::{Filler, Outcome};
use super::ir::{Checked, Conjunct, Rule, RuleId, RuleSet, Template, TemplatePart};
use super::show;
use super::stream::Stream;
use super::syntax::edits::Cutter;
use crate::diag::{Code, Edit, Finding, Safety, Span, quote};

/// How much text the moves of one review may replace, in bytes; the first may any amount. Each
/// repeats what it moves past, and thousands of rules may be shadowed by the first of a file.
/// [`fix`](super::fix) makes the others all the same.
const MOST_MOVED: usize = 1 << 18;

/// The findings of an analysis, in no particular order. `known` are those made before: what they
/// explain is not said again. `cutter` knows the file that the rules stand in, `cases` are its tests.
#[must_use]
pub fn findings(
    rules: &Checked<RuleSet>,
    analysis: &Analysis,
    known: &[Finding],
    cases: &Cases,
    cutter: Cutter<'_>,
) -> Vec<Finding> {
    let adviser = Adviser { rules, analysis, known, cases, cutter, moved: Cell::new(0) };
    let mut found = Vec::new();
    for (rule, judgement) in rules.rules.iter().zip(&analysis.rules) {
        // A rule that is switched off is nobody's trouble.
        if rule.info.enabled {
            found.extend(adviser.verdict(rule, &judgement.verdict));
            found.extend(judgement.redundant.as_ref().and_then(|it| adviser.redundant(rule, it)));
        }
    }
    found.extend(analysis.overlaps.iter().filter_map(|overlap| adviser.overlap(overlap)));
    found
}

struct Adviser<'a> {
    rules: &'a Checked<RuleSet>,
    analysis: &'a Analysis,
    known: &'a [Finding],
    cases: &'a Cases,
    cutter: Cutter<'a>,
    /// How much text the moves replace so far.
    moved: Cell<usize>,
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
            Verdict::Shadowed { by, same_effect, others, .. } => {
                self.shadowed(rule, *by, *same_effect, others)
            }
            Verdict::Unreachable { cover, same_effect, others, .. } => {
                Some(self.unreachable(rule, cover, *same_effect, others))
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
    ) -> Option<Finding> {
        let coverer = self.rule(by)?;
        let headline = format!("{} can never win", subject(rule));
        let finding = Finding::new(Code::Shadowed, place(rule), headline)
            .label("so nothing is left for this one")
            .beside(place(coverer), format!("{} takes every such stream first", called(coverer)));
        Some(self.dead(finding, rule, &[coverer], same_effect, others))
    }

    fn unreachable(
        &self,
        rule: &Rule,
        cover: &Cover,
        same_effect: bool,
        others: &Others,
    ) -> Finding {
        let members: Vec<_> = cover.rules().iter().filter_map(|id| self.rule(*id)).collect();
        let headline = format!("{} can never win", subject(rule));
        let mut finding = Finding::new(Code::Unreachable, place(rule), headline)
            .label("so together they leave nothing for this one");
        for (member, number) in members.iter().zip(1..) {
            let part = if number == members.len() { "and {} the rest" } else { "{} takes a part" };
            finding = finding.beside(place(member), part.replace("{}", &called(member)));
        }
        self.dead(finding, rule, &members, same_effect, others)
    }

    /// What becomes of the streams that a dead rule matches, and what to do about it.
    fn dead(
        &self,
        finding: Finding,
        rule: &Rule,
        cover: &[&Rule],
        same_effect: bool,
        others: &Others,
    ) -> Finding {
        let finding = finding.notes_of(others_note(others));
        if same_effect {
            let who = match cover {
                [one] => format!("{} gives", called(one)),
                _ => "all of these give".to_owned(),
            };
            return self
                .without(finding, rule)
                .note(format!("{who} {} as well", given(rule)))
                .help(format!("remove {}: no stream would change", called(rule)));
        }
        let judgement = self.judgement(rule.info.id);
        if let Some(raised) = judgement.and_then(|it| raised(self.rules, rule, it)) {
            return self.raised(finding, rule, raised);
        }
        let loss = judgement.and_then(|it| it.loss.as_ref());
        let Some((loss, winner)) = loss.and_then(|loss| Some((loss, self.rule(loss.to)?))) else {
            return self
                .without(finding, rule)
                .help(format!("remove {}: no stream would change", called(rule)));
        };
        let (got, wanted) = (outcome(winner, &loss.stream), outcome(rule, &loss.stream));
        if got == wanted {
            // Written otherwise, and the same here: perhaps everywhere, which is not decided.
            return finding
                .note(format!(
                    "for one, {} gets {} from {} as it would from {}",
                    self.show(&loss.stream),
                    outcome_in_words(&got),
                    called(winner),
                    called(rule),
                ))
                .help(format!("if that is so for all of its streams, remove {}", called(rule)));
        }
        let finding = finding.note(self.difference(rule, winner, &loss.stream));
        // Above the rule that takes it, the rule wins at least this stream.
        finding.help(if self.leaves_alive(rule, winner) {
            format!("move {} above {}", called(rule), called(winner))
        } else {
            format!(
                "decide which is meant: either remove {}, or move it above {} and see what the \
                 rules between still win",
                called(rule),
                called(winner)
            )
        })
    }

    /// What a stream gets, and what it would get from the rule that loses it.
    fn difference(&self, rule: &Rule, winner: &Rule, stream: &Stream) -> String {
        format!(
            "for one, {} gets {} from {}, where {} would give {}",
            self.show(stream),
            outcome_in_words(&outcome(winner, stream)),
            called(winner),
            called(rule),
            outcome_in_words(&outcome(rule, stream)),
        )
    }

    /// The rule goes right above the one that covers it; see the head of this module.
    fn raised(
        &self,
        finding: Finding,
        rule: &Rule,
        (coverer, raised): (&Rule, &Raised),
    ) -> Finding {
        let title = move_title(rule, coverer);
        let mut finding =
            finding.note(self.difference(rule, coverer, &raised.wins)).help(title.as_str());
        if let Some(objection) = objection(self.rules, self.cases, rule, Some(coverer)) {
            return finding.note(objection);
        }
        let moved = self.moved(rule, coverer);
        finding.edit = moved.map(|(span, replacement)| Edit {
            title,
            span,
            replacement,
            safety: Safety::Safe,
        });
        finding
    }

    /// The move of a rule above an earlier one, if there is room for it. What there is no room for
    /// is not even put together.
    fn moved(&self, rule: &Rule, above: &Rule) -> Option<(Span, String)> {
        let (from, to) = (rule.info.index(), above.info.index());
        let (before, reach) = (self.moved.get(), self.cutter.reach(from, to)?);
        if before > 0 && before + reach > MOST_MOVED {
            return None;
        }
        let moved = self.cutter.moved(&[(from, parts(rule))], to)?;
        self.moved.set(before + reach);
        Some(moved)
    }

    /// The finding, with the edit that removes the rule.
    fn without(&self, mut finding: Finding, rule: &Rule) -> Finding {
        if let Some(objection) = objection(self.rules, self.cases, rule, None) {
            return finding.note(objection);
        }
        let removed = self.cutter.removed(rule.info.index(), &parts(rule));
        finding.edit = removed.map(|span| Edit {
            title: format!("remove {}: no stream changes", called(rule)),
            span,
            replacement: String::new(),
            safety: Safety::Unsafe,
        });
        finding
    }

    /// Whether a rule, moved above another, certainly leaves every rule alive that it passes: their
    /// smallest streams are none of its own.
    fn leaves_alive(&self, rule: &Rule, above: &Rule) -> bool {
        let passed = above.info.index()..rule.info.index();
        let judged = self.rules.rules.iter().zip(&self.analysis.rules);
        let mut passed = judged.skip(passed.start).take(passed.len());
        passed.all(|(it, judgement)| match &judgement.verdict {
            Verdict::Reachable { witness } => !it.info.enabled || !rule.holds(witness),
            Verdict::Shadowed { .. } | Verdict::Unreachable { .. } => it.info.id != above.info.id,
            Verdict::Unsatisfiable { .. } => true,
            Verdict::NotProven { .. } => false,
        })
    }

    fn unsatisfiable(&self, rule: &Rule, conflict: &[usize]) -> Option<Finding> {
        let places: Vec<Span> = conflict
            .iter()
            .filter_map(|index| rule.conjuncts.get(*index))
            .map(|conjunct| conjunct.place)
            .collect();
        let (first, others) = places.split_first()?;
        if let [only] = conflict
            && rule.conjuncts.get(*only).is_some_and(|it| self.lacks_a_home(it))
        {
            return None;
        }
        let headline = format!("{} matches no stream", subject(rule));
        let mut finding = self.without(Finding::new(Code::Unsatisfiable, *first, headline), rule);
        finding = match others {
            [] => finding
                .label("no stream satisfies this")
                .help("mend the condition; to switch the rule off, write 'enabled = false'"),
            _ => finding
                .label("no stream satisfies this")
                .help("these conditions exclude each other: drop one, or write two rules"),
        };
        for (other, number) in others.iter().zip(1..) {
            let last = number == others.len();
            finding = finding.beside(*other, if last { "together with this" } else { "and this" });
        }
        Some(finding)
    }

    /// Whether nothing is left of a condition because `~` stands for no directory, which was said
    /// already.
    fn lacks_a_home(&self, conjunct: &Conjunct) -> bool {
        let homeless = self.known.iter().filter(|finding| finding.code == Code::NoHome);
        let mut labels = homeless.flat_map(|it| it.secondary.iter().chain([&it.primary]));
        let place = conjunct.place;
        conjunct.predicate.never_holds()
            && labels.any(|it| place.start <= it.span.start && it.span.end <= place.end)
    }

    fn is_dead(&self, id: RuleId) -> bool {
        self.judgement(id).is_some_and(|it| match it.verdict {
            Verdict::Shadowed { .. } | Verdict::Unreachable { .. } => true,
            Verdict::Reachable { .. }
            | Verdict::Unsatisfiable { .. }
            | Verdict::NotProven { .. } => false,
        })
    }

    /// The finding that a rule changes nothing; none where its heirs are dead rules, which are the
    /// ones to go.
    fn redundant(&self, rule: &Rule, redundant: &Redundant) -> Option<Finding> {
        let heirs: Vec<_> = redundant.later.iter().filter_map(|id| self.rule(*id)).collect();
        if redundant.later.iter().any(|heir| self.is_dead(*heir)) {
            return None;
        }
        let also = heirs.iter().find(|heir| {
            let of_heir = self.judgement(heir.info.id).and_then(|it| it.redundant.as_ref());
            of_heir.is_some_and(|it| !it.later.iter().any(|heir| self.is_dead(*heir)))
        });
        let headline = format!("{} changes nothing", subject(rule));
        let help = match also {
            None => format!("{} can be removed", called(rule)),
            Some(heir) => format!(
                "{} can be removed as long as {} stays, of which the same is said: remove one and \
                 check again",
                called(rule),
                called(heir)
            ),
        };
        let finding = Finding::new(Code::Redundant, place(rule), headline);
        let mut finding = self
            .without(finding, rule)
            .label("every stream that this wins")
            .note(format!("either way these streams get {}", given(rule)))
            .help(help);
        let part = if heirs.len() > 1 { ", or a part of them," } else { "" };
        for later in heirs {
            let says = format!("would{part} get the same from {}", called(later));
            finding = finding.beside(place(later), says);
        }
        Some(finding)
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
        .help(
            "patterns with fewer '*', or fewer rules that overlap with this one, make it provable",
        )
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

/// The rule that a shadowed rule is to stand right above, with the proof; see the head of this
/// module.
pub(super) fn raised<'r>(
    rules: &'r RuleSet,
    rule: &Rule,
    judgement: &'r Judgement,
) -> Option<(&'r Rule, &'r Raised)> {
    let raised = judgement.raised.as_ref()?;
    let coverer = rules.rules.get(raised.above.index())?;
    let differ = outcome(coverer, &raised.wins) != outcome(rule, &raised.wins);
    differ.then_some((coverer, raised))
}

/// What a test of the file has against a rule moving above another, or going where no other is named.
pub(super) fn objection(
    rules: &RuleSet,
    cases: &Cases,
    rule: &Rule,
    above: Option<&Rule>,
) -> Option<String> {
    let id = rule.info.id;
    let changed = |it: RuleId| match above {
        Some(above) => above.info.id <= it && it <= id,
        None => id < it,
    };
    let by_number = |it: RuleId| rules.rules.get(it.index())?.info.name.is_none().then_some(it);
    cases.sound.iter().find_map(|case| {
        let Expect::Rule { rule: expected, .. } = &case.expect else { return None };
        let line = case.info.line;
        let meant = match above {
            Some(above) => *expected == above.info.id && rule.holds(&case.stream),
            None => *expected == id,
        };
        if meant {
            Some(format!("the test in line {line} expects it to be as it is"))
        } else if by_number(*expected).is_some_and(changed) {
            Some(format!("the test in line {line} calls a rule by a number that would change"))
        } else {
            None
        }
    })
}

/// What moving a rule above the one that covers it does.
pub(super) fn move_title(rule: &Rule, coverer: &Rule) -> String {
    let (rule, coverer) = (called(rule), called(coverer));
    format!(
        "move {rule} above {coverer}: exactly its own streams go from {coverer} to it, and no others"
    )
}

/// The places that must go with a rule wherever it goes.
pub(super) fn parts(rule: &Rule) -> Vec<Span> {
    rule.conjuncts.iter().map(|conjunct| conjunct.place).chain([rule.header]).collect()
}

fn outcome(rule: &Rule, stream: &Stream) -> Outcome {
    Filler::new(rule).fill(stream)
}

/// What a rule gives, as it is written.
fn given(rule: &Rule) -> String {
    let written = |template: &Template| -> String {
        let parts = template.0.iter().map(|part| match part {
            TemplatePart::Text(text) => text.clone(),
            TemplatePart::Capture(name) => format!("<{name}>"),
        });
        parts.collect()
    };
    let tags = rule.tags.iter().map(written).collect();
    outcome_in_words(&Outcome { tags, project: rule.project.as_ref().map(written) })
}

fn outcome_in_words(outcome: &Outcome) -> String {
    let tags = outcome.tags.join(", ");
    match &outcome.project {
        Some(project) => format!("{tags} (project {project})"),
        None => tags,
    }
}
