//! # Fixes: a rule file, mended
//!
//! Findings carry edits ([`Edit`]); here they are made, one kind after the other, each on a text
//! that was reviewed anew:
//!
//! ```text
//! review ─▶ words ─▶ tags ─▶ moves ─▶ removals ─▶ allowances ─▶ nothing left to do
//!   ▲          │        │       │         │            │
//!   └──────────┴────────┴───────┴─────────┴────────────┘   after every change
//! ```
//!
//! - **Words**: a misspelt field, key, operator, lint. The only ones that are made in a file with
//!   errors; in one that is no TOML nothing is.
//! - **Tags** that their rule gives twice.
//! - **Moves** of a shadowed rule above the rule that shadows it. What one changes is argued in
//!   [`advice`]. Several rules move above the same one together, in their order, as
//!   long as the streams that prove a move ([`Raised`]) are none of those that rules moved before it
//!   take: then they prove it still.
//! - **Removals** of rules without which every stream gets the same, if asked for. Rules that win
//!   nothing go together: without them every stream has the winner that it had. Redundant ones go
//!   one at a time, since of two that stand in for each other one must stay.
//! - **Allowances** that allow nothing, last, when it is known what there is to allow.
//!
//! INVARIANT (promise): a text is given out only if its TOML differs from the text before by what
//! the edit says and by nothing else, and if it has no error that was not there before.
//!
//! An edit that does not keep the promise is not made, and the next one is tried.
//!
//! It comes to an end: words and allowances become fewer with every change to them, and nothing else
//! makes new ones; a tag or a rule that is gone does not come back; and a move makes a rule win that
//! won nothing, while all that won something still do. And the
//! end is one: where nothing could be done, nothing can be done when it is run again.

mod promise;

use std::collections::BTreeMap;

use toml::Table;

use super::analysis::Raised;
use super::ir::Rule;
use super::syntax::edits::Cutter;
use super::syntax::layout::layout;
use super::{Asked, Cases, Env, Review, advice, check, review};
use crate::diag::{Code, Edit, Finding, Position, Safety, SourceFile, Span};

/// What may be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Allowed {
    /// Edits that take something away that a person may want to keep, too ([`Safety::Unsafe`]).
    pub removals: bool,
}

/// A text in which nothing is left to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fixed {
    /// The text.
    pub text: String,
    /// What was done, in order.
    pub done: Vec<Done>,
}

/// Something that was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// The finding that it was done about.
    pub code: Code,
    /// What it is, as something to do: `write 'primary_cwd'`.
    pub title: String,
    /// The place of the finding, in the text as it was right before.
    pub at: Position,
    /// What it did to the rules.
    pub change: Change,
    /// What is done in the same round is done at once, to one text. Counted from 0.
    pub round: usize,
}

/// What an edit does to the rules of a file, counted from 0 in the text right before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// A word is written otherwise.
    Word,
    /// A tag is gone that its rule gives all the same.
    Tag,
    /// A rule stands right above an earlier one; below those that moved there in the same round.
    Move {
        /// The rule.
        rule: usize,
        /// The rule it stands above now.
        above: usize,
    },
    /// A rule is gone.
    Remove {
        /// The rule.
        rule: usize,
    },
    /// A comment is gone.
    Comment,
}

/// How many of a file's findings [`fix`] has an edit for: safe ones, and those that must be asked
/// for. `sound` says whether its rules can run. When these are made, there may be more to do.
#[must_use]
pub fn offers(findings: &[Finding], sound: bool) -> (usize, usize) {
    let edits = offered(findings, sound).filter_map(|finding| finding.edit.as_ref());
    let (safe, asked): (Vec<_>, Vec<_>) = edits.partition(|it| it.safety == Safety::Safe);
    (safe.len(), asked.len())
}

/// Does everything that is allowed and certain.
///
/// Costs a [`review`] per round, and one for every edit that turned out not to keep its promise.
#[must_use]
pub fn fix(file: &SourceFile, env: &Env, asked: &Asked, allowed: Allowed) -> Fixed {
    let fixer = Fixer { env, asked, allowed };
    let mut done = Vec::new();
    let mut state = fixer.read(file.name(), file.text().to_owned());
    // By the argument above there are fewer steps than things in the file to take a step about.
    for round in 0..16 + file.text().len() {
        let Some((next, edits)) = fixer.round(&state, round) else { break };
        done.extend(edits);
        state = next;
    }
    Fixed { text: state.file.text().to_owned(), done }
}

/// A text, and what is known of it.
struct State {
    file: SourceFile,
    review: Review,
    /// The tests in it.
    cases: Cases,
    /// `None` if the text is no TOML.
    tree: Option<Table>,
}

/// What is done before what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Words,
    Tags,
    Moves,
    /// Removals of rules that win nothing.
    Dead,
    Redundant,
    Comments,
}

impl Phase {
    const ALL: [Self; 6] =
        [Self::Words, Self::Tags, Self::Moves, Self::Dead, Self::Redundant, Self::Comments];
}

/// A rule that is to move, and why.
struct Moving<'r> {
    finding: &'r Finding,
    rule: &'r Rule,
    above: &'r Rule,
    raised: &'r Raised,
}

struct Fixer<'a> {
    env: &'a Env,
    asked: &'a Asked,
    allowed: Allowed,
}

impl Fixer<'_> {
    fn read(&self, name: &str, text: String) -> State {
        let tree = text.parse().ok();
        let file = SourceFile::new(name, text);
        let (review, checkup) = (review(&file, self.env, self.asked), check(&file, self.env));
        State { file, review, cases: checkup.cases, tree }
    }

    /// The next text, and what was done; `None` if nothing is left to do.
    fn round(&self, state: &State, round: usize) -> Option<(State, Vec<Done>)> {
        Phase::ALL.into_iter().find_map(|phase| {
            if phase == Phase::Moves {
                self.moves(state, round)
            } else {
                self.edits(state, phase, round)
            }
        })
    }

    /// Makes the edits that findings carry: all of a phase at once, or else one.
    fn edits(&self, state: &State, phase: Phase, round: usize) -> Option<(State, Vec<Done>)> {
        let edit = |it: &Finding| it.edit.clone().filter(|_| phase_of(it) == Some(phase));
        let mut all: Vec<_> = offered(&state.review.findings, state.review.rules.is_some())
            .filter_map(|finding| Some((finding, edit(finding)?)))
            .filter(|(_, edit)| edit.safety == Safety::Safe || self.allowed.removals)
            .collect();
        all.sort_by_key(|(_, edit)| edit.span);
        let together =
            Some(apart(&all, phase)).filter(|it| phase != Phase::Redundant && it.len() > 1);
        let singles = all.iter().map(|one| vec![one]);
        together.into_iter().chain(singles).find_map(|edits| {
            let mut text = state.file.text().to_owned();
            for (_, edit) in edits.iter().rev() {
                replace(&mut text, edit.span, &edit.replacement)?;
            }
            let done = edits.iter().map(|(finding, edit)| {
                let change = change(&state.review, finding)?;
                Some(state.done(finding, edit.title.clone(), change, round))
            });
            self.attempt(state, text, done.collect::<Option<_>>()?)
        })
    }

    /// Moves shadowed rules above the first rule that shadows any: as many as go together, or else
    /// one.
    fn moves(&self, state: &State, round: usize) -> Option<(State, Vec<Done>)> {
        let moving = state.moving();
        let (rules, _) = state.review.rules.as_ref()?;
        let headers: Vec<_> = rules.rules.iter().map(|rule| rule.header).collect();
        let layout = layout(&state.file, &headers);
        let cutter = Cutter::new(&state.file, &layout, &headers);
        let groups = moving.chunk_by(|a, b| a.above.info.id == b.above.info.id);
        groups.into_iter().find_map(|group| {
            let together = Some(compatible(group)).filter(|it| it.len() > 1);
            let singles = group.iter().map(|one| vec![one]);
            together.into_iter().chain(singles).find_map(|moving| {
                let above = moving.first()?.above.info.index();
                let rule = |it: &&Moving<'_>| (it.rule.info.index(), advice::parts(it.rule));
                let rules: Vec<_> = moving.iter().map(rule).collect();
                let (span, replacement) = cutter.moved(&rules, above)?;
                let mut text = state.file.text().to_owned();
                replace(&mut text, span, &replacement)?;
                let done = moving.iter().map(|it| {
                    let change = Change::Move { rule: it.rule.info.index(), above };
                    state.done(it.finding, advice::move_title(it.rule, it.above), change, round)
                });
                self.attempt(state, text, done.collect())
            })
        })
    }

    /// The text after these changes, which are of one phase, if it keeps their promise.
    fn attempt(&self, state: &State, text: String, done: Vec<Done>) -> Option<(State, Vec<Done>)> {
        let changes: Vec<_> = done.iter().map(|it| it.change).collect();
        if !promise::is_kept(state.tree.as_ref()?, &text.parse().ok()?, &changes) {
            return None;
        }
        let next = self.read(state.file.name(), text);
        makes_progress(&state.review, &next.review, &changes).then_some((next, done))
    }
}

impl State {
    fn done(&self, finding: &Finding, title: String, change: Change, round: usize) -> Done {
        let at = self.file.position(finding.primary.span.start);
        Done { code: finding.code, title, at, change, round }
    }

    /// The rules that are to move, by the rule to move above and then in their order.
    fn moving(&self) -> Vec<Moving<'_>> {
        let Some((rules, analysis)) = &self.review.rules else { return Vec::new() };
        let moving = |finding| {
            let rule = rule_of(&self.review, finding)?;
            let (rule, judgement) = (rules.rules.get(rule)?, analysis.rules.get(rule)?);
            let (above, raised) = advice::raised(rules, rule, judgement)?;
            let objection = advice::objection(rules, &self.cases, rule, Some(above));
            objection.is_none().then_some(Moving { finding, rule, above, raised })
        };
        let found = self.review.findings.iter();
        let shadowed = found.filter(|finding| finding.code == Code::Shadowed);
        let mut all: Vec<_> = shadowed.filter_map(moving).collect();
        all.sort_by_key(|it| (it.above.info.id, it.rule.info.id));
        all
    }
}

/// `None` where a span does not lie in the text.
fn replace(text: &mut String, span: Span, replacement: &str) -> Option<()> {
    text.get(span.start..span.end)?;
    text.replace_range(span.start..span.end, replacement);
    Some(())
}

/// Findings with an edit that makes sense while nothing else is changed. In a file that is no TOML
/// nothing does, and with errors only words do.
fn offered(findings: &[Finding], sound: bool) -> impl Iterator<Item = &Finding> {
    let broken = findings.iter().any(|finding| finding.code == Code::TomlSyntax);
    let fits = move |it: &&Finding| !broken && (sound || phase_of(it) == Some(Phase::Words));
    findings.iter().filter(fits).filter(|finding| finding.edit.is_some())
}

/// When the edit of a finding is made. Should those of another code come to do more than to change
/// words, they will not keep the promise of words.
fn phase_of(finding: &Finding) -> Option<Phase> {
    let safety = finding.edit.as_ref()?.safety;
    let dead = [Code::Shadowed, Code::Unreachable, Code::Unsatisfiable];
    Some(if dead.contains(&finding.code) {
        if safety == Safety::Safe { Phase::Moves } else { Phase::Dead }
    } else if finding.code == Code::Redundant {
        Phase::Redundant
    } else if finding.code == Code::RepeatedTag {
        Phase::Tags
    } else if finding.code == Code::UnusedAllowance {
        Phase::Comments
    } else {
        Phase::Words
    })
}

/// What the edit of a finding, other than a move, is to do: not what it does, which is looked at
/// when it is done.
fn change(review: &Review, finding: &Finding) -> Option<Change> {
    match phase_of(finding)? {
        Phase::Words => Some(Change::Word),
        Phase::Tags => Some(Change::Tag),
        Phase::Comments => Some(Change::Comment),
        Phase::Moves => None,
        Phase::Dead | Phase::Redundant => {
            rule_of(review, finding).map(|rule| Change::Remove { rule })
        }
    }
}

/// The rule that a finding is about.
fn rule_of(review: &Review, finding: &Finding) -> Option<usize> {
    let (rules, _) = review.rules.as_ref()?;
    let start = finding.primary.span.start;
    rules.rules.partition_point(|rule| rule.header.start <= start).checked_sub(1)
}

/// Of edits sorted by place, those that do not overlap with one before; of whole blocks, neither those
/// that touch one: of two that go together, none sees the blank lines beyond the other.
fn apart<F>(edits: &[(F, Edit)], phase: Phase) -> Vec<&(F, Edit)> {
    let between = usize::from(phase == Phase::Dead);
    let mut from = 0;
    let fits = |(_, edit): &&(F, Edit)| {
        let fits = edit.span.start >= from;
        if fits {
            from = edit.span.end + between;
        }
        fits
    };
    edits.iter().filter(fits).collect()
}

/// Rules of those that are to move above the same rule, such that each is proven to win something
/// below those before it, and to leave something to that rule.
fn compatible<'m, 'r>(group: &'m [Moving<'r>]) -> Vec<&'m Moving<'r>> {
    let mut chosen: Vec<&Moving<'_>> = Vec::new();
    for it in group {
        let untouched = |other: &&Moving<'_>| {
            !other.rule.holds(&it.raised.wins) && !other.rule.holds(&it.raised.leaves)
        };
        if chosen.iter().all(untouched) {
            chosen.push(it);
        }
    }
    chosen
}

/// Whether a file has no error that it had not before. Where words were changed, fewer are left to
/// change.
fn makes_progress(before: &Review, after: &Review, changes: &[Change]) -> bool {
    let mut known: BTreeMap<(Code, &str), usize> = BTreeMap::new();
    for error in before.findings.iter().filter(|it| it.stops()) {
        *known.entry((error.code, &error.headline)).or_default() += 1;
    }
    let mut errors = after.findings.iter().filter(|it| it.stops());
    let no_worse = errors.all(|error| {
        let left = known.get_mut(&(error.code, error.headline.as_str()));
        left.is_some_and(|left| std::mem::replace(left, left.saturating_sub(1)) > 0)
    });
    let words = |review: &Review| {
        review.findings.iter().filter(|it| phase_of(it) == Some(Phase::Words)).count()
    };
    no_worse && (!changes.contains(&Change::Word) || words(after) < words(before))
}
