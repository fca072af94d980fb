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
//! - **Moves** of a shadowed rule above the rule that shadows it, one at a time. What they change is
//!   argued in [`advice`](super::advice).
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
//! won nothing, while all that won something still do ([`Raised`](super::analysis::Raised)). And the
//! end is one: where nothing could be done, nothing can be done when it is run again.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{Asked, Env, Review, review};
use crate::diag::{Code, Edit, Finding, Position, Safety, SourceFile};

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
    /// A rule stands right above an earlier one.
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
/// Costs a [`review`] per change, and one for every edit that turned out not to keep its promise;
/// words and tags are one change each time.
#[must_use]
pub fn fix(file: &SourceFile, env: &Env, asked: &Asked, allowed: Allowed) -> Fixed {
    let fixer = Fixer { env, asked, allowed };
    let mut done = Vec::new();
    let mut state = fixer.read(file.name(), file.text().to_owned());
    // By the argument above there are fewer steps than things in the file to take a step about.
    for round in 0..16 + file.text().len() {
        let Some((next, edits)) = fixer.step(&state, round) else { break };
        done.extend(edits);
        state = next;
    }
    Fixed { text: state.file.text().to_owned(), done }
}

/// A text, and what is known of it.
struct State {
    file: SourceFile,
    review: Review,
    /// `None` if the text is no TOML.
    tree: Option<Table>,
}

/// A finding with the edit that it carries.
#[derive(Clone, Copy)]
struct Candidate<'r> {
    finding: &'r Finding,
    edit: &'r Edit,
    change: Change,
}

/// What is done before what.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Words,
    Tags,
    Moves,
    /// Removals of rules that win nothing.
    Dead,
    Redundant,
    Comments,
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
        let review = review(&file, self.env, self.asked);
        State { file, review, tree }
    }

    /// The next text, and what was done; `None` if nothing is left to do.
    fn step(&self, state: &State, round: usize) -> Option<(State, Vec<Done>)> {
        let mut all = candidates(&state.review, self.allowed);
        all.sort_by_key(|it| (it.phase(), it.edit.span));
        all.chunk_by(|a, b| a.phase() == b.phase()).find_map(|candidates| {
            let together = candidates.first().is_some_and(Candidate::goes_together);
            let many = Some(apart(candidates)).filter(|many| together && many.len() > 1);
            let singles = candidates.iter().map(|one| vec![*one]);
            many.into_iter().chain(singles).find_map(|edits| self.attempt(state, &edits, round))
        })
    }

    /// The text after these edits, which are of one phase, if they keep their promise.
    fn attempt(
        &self,
        state: &State,
        edits: &[Candidate<'_>],
        round: usize,
    ) -> Option<(State, Vec<Done>)> {
        let mut text = state.file.text().to_owned();
        for Candidate { edit, .. } in edits.iter().rev() {
            text.get(edit.span.start..edit.span.end)?;
            text.replace_range(edit.span.start..edit.span.end, &edit.replacement);
        }
        let (before, after) = (state.tree.as_ref()?, text.parse().ok()?);
        if !keeps_promise(before, &after, edits) {
            return None;
        }
        let next = self.read(state.file.name(), text);
        let done = edits.iter().map(|it| Done {
            code: it.finding.code,
            title: it.edit.title.clone(),
            at: state.file.position(it.finding.primary.span.start),
            change: it.change,
            round,
        });
        makes_progress(&state.review, &next.review, edits).then(|| (next, done.collect()))
    }
}

/// Findings with an edit that makes sense while nothing else is changed. In a file that is no TOML
/// nothing does, and with errors only words do.
fn offered(findings: &[Finding], sound: bool) -> impl Iterator<Item = &Finding> {
    let broken = findings.iter().any(|finding| finding.code == Code::TomlSyntax);
    let fits = move |finding: &&Finding| !broken && (sound || is_word(finding.code));
    findings.iter().filter(fits).filter(|finding| finding.edit.is_some())
}

/// Whether edits of this code change nothing but words. Should those of another code come to do
/// more, they will not keep the promise.
fn is_word(code: Code) -> bool {
    !REMOVES.contains(&code) && ![Code::RepeatedTag, Code::UnusedAllowance].contains(&code)
}

/// The codes about rules that win nothing, or change nothing.
const REMOVES: [Code; 4] =
    [Code::Shadowed, Code::Unreachable, Code::Unsatisfiable, Code::Redundant];

/// What can be done, as far as it is known before it is tried.
fn candidates(review: &Review, allowed: Allowed) -> Vec<Candidate<'_>> {
    let all = offered(&review.findings, review.rules.is_some()).filter_map(|finding| {
        let edit = finding.edit.as_ref()?;
        Some(Candidate { finding, edit, change: change(review, finding, edit)? })
    });
    all.filter(|it| it.edit.safety == Safety::Safe || allowed.removals).collect()
}

/// What the edit of a finding is to do: not what it does, which is looked at when it is done.
fn change(review: &Review, finding: &Finding, edit: &Edit) -> Option<Change> {
    if REMOVES.contains(&finding.code) {
        let (rules, analysis) = review.rules.as_ref()?;
        let start = finding.primary.span.start;
        let rule = rules.rules.partition_point(|it| it.header.start <= start).checked_sub(1)?;
        if edit.safety == Safety::Unsafe {
            return Some(Change::Remove { rule });
        }
        let raised = analysis.rules.get(rule)?.raised.as_ref()?;
        return Some(Change::Move { rule, above: raised.above.index() });
    }
    Some(if finding.code == Code::RepeatedTag {
        Change::Tag
    } else if finding.code == Code::UnusedAllowance {
        Change::Comment
    } else {
        Change::Word
    })
}

impl Candidate<'_> {
    fn phase(&self) -> Phase {
        match self.change {
            Change::Word => Phase::Words,
            Change::Tag => Phase::Tags,
            Change::Move { .. } => Phase::Moves,
            Change::Remove { .. } if self.finding.code == Code::Redundant => Phase::Redundant,
            Change::Remove { .. } => Phase::Dead,
            Change::Comment => Phase::Comments,
        }
    }

    /// Whether all of its phase may be done at once.
    fn goes_together(&self) -> bool {
        !matches!(self.phase(), Phase::Moves | Phase::Redundant)
    }
}

/// Of edits sorted by place, those that do not overlap with one before.
fn apart<'r>(candidates: &[Candidate<'r>]) -> Vec<Candidate<'r>> {
    let mut end = 0;
    let fits = |candidate: &&Candidate<'_>| {
        let fits = candidate.edit.span.start >= end;
        if fits {
            end = candidate.edit.span.end;
        }
        fits
    };
    candidates.iter().filter(fits).copied().collect()
}

/// Whether a file has no error that it had not before. Where words were changed, fewer are left to
/// change.
fn makes_progress(before: &Review, after: &Review, edits: &[Candidate<'_>]) -> bool {
    let mut known: BTreeMap<(Code, &str), usize> = BTreeMap::new();
    for error in before.findings.iter().filter(|it| it.stops()) {
        *known.entry((error.code, &error.headline)).or_default() += 1;
    }
    let mut errors = after.findings.iter().filter(|it| it.stops());
    let no_worse = errors.all(|error| {
        let left = known.get_mut(&(error.code, error.headline.as_str()));
        left.is_some_and(|left| std::mem::replace(left, left.saturating_sub(1)) > 0)
    });
    let words = |review| {
        let all = candidates(review, Allowed::default());
        all.iter().filter(|it| it.change == Change::Word).count()
    };
    let changed_words = edits.iter().any(|it| it.change == Change::Word);
    no_worse && (!changed_words || words(after) < words(before))
}

/// Whether what a file says after the edits, which are of one phase, differs by what they are to do.
fn keeps_promise(before: &Table, after: &Table, edits: &[Candidate<'_>]) -> bool {
    let Some(Candidate { change, .. }) = edits.first() else { return false };
    if *change == Change::Word {
        return differences(before, after) <= edits.len();
    }
    let ((mut rules, rest), (rules_after, rest_after)) = (split(before), split(after));
    let as_said = match *change {
        Change::Word | Change::Comment => rules == rules_after,
        Change::Tag => {
            let tags = |rules: &[Value]| rules.iter().map(|rule| tags(rule).len()).sum::<usize>();
            let fewer = tags(&rules).checked_sub(tags(&rules_after));
            let given = |rules: &[Value]| rules.iter().map(given_once).collect::<Vec<_>>();
            fewer == Some(edits.len()) && given(&rules) == given(&rules_after)
        }
        Change::Move { rule, above } => {
            if let Some(passed) = rules.get_mut(above..=rule) {
                passed.rotate_right(1);
            }
            rules == rules_after
        }
        Change::Remove { .. } => {
            let gone = |place| edits.iter().any(|it| it.change == Change::Remove { rule: place });
            let stays = rules.iter().enumerate().filter(|(place, _)| !gone(*place));
            stays.map(|(_, rule)| rule).eq(&rules_after)
        }
    };
    as_said && rest == rest_after
}

/// The rules of a file, and everything else that it says.
fn split(tree: &Table) -> (Vec<Value>, Table) {
    let mut rest = tree.clone();
    let section = rest.get_mut("rules").and_then(Value::as_table_mut);
    let rules = section.and_then(|section| section.remove("auto_tag"));
    // With the last rule its table may go as well.
    if rest.get("rules").and_then(Value::as_table).is_some_and(Table::is_empty) {
        rest.remove("rules");
    }
    (rules.and_then(|rules| rules.as_array().cloned()).unwrap_or_default(), rest)
}

fn tags(rule: &Value) -> &[Value] {
    rule.get("tags").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A rule with none of its tags repeated.
fn given_once(rule: &Value) -> Value {
    let mut once: Vec<Value> = Vec::new();
    for tag in tags(rule) {
        if !once.contains(tag) {
            once.push(tag.clone());
        }
    }
    let mut rule = rule.clone();
    if let Some(tags) = rule.get_mut("tags") {
        *tags = Value::Array(once);
    }
    rule
}

/// How many names and values differ; very many if the two differ in shape.
fn differences(before: &Table, after: &Table) -> usize {
    let without = |all: &'_ Table, others: &Table| -> Vec<Value> {
        let own = all.iter().filter(|(key, _)| !others.contains_key(*key));
        own.map(|(_, value)| value.clone()).collect()
    };
    let (mut gone, mut new) = (without(before, after), without(after, before));
    if gone.len() != new.len() {
        return usize::MAX;
    }
    let renamed = gone.len();
    // What has another name and the same value comes first, then what has both changed.
    gone.retain(|value| match new.iter().position(|it| it == value) {
        Some(place) => {
            new.swap_remove(place);
            false
        }
        None => true,
    });
    let changed = gone.iter().zip(&new);
    let same_name = before.iter().filter_map(|(key, value)| Some((value, after.get(key)?)));
    let all = changed.chain(same_name).map(|(before, after)| difference(before, after));
    all.fold(renamed, usize::saturating_add)
}

fn difference(before: &Value, after: &Value) -> usize {
    match (before, after) {
        (Value::Table(before), Value::Table(after)) => differences(before, after),
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            let each = before.iter().zip(after).map(|(before, after)| difference(before, after));
            each.fold(0, usize::saturating_add)
        }
        _ => usize::from(before != after),
    }
}
