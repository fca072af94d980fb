//! # What changes when the rules do
//!
//! Two rule files mean the same if every stream gets the same tags and project from both. Where they
//! do not, some territory changed hands: streams that went to one rule (or to none) and now go to
//! another that gives something else. A territory is named by its two winners and proven by a
//! smallest stream in it:
//!
//! ```text
//! old  1 Acme    ~/work/acme/*          new  1 Secret  ~/work/acme/secret/*
//!      2 Secret  ~/work/acme/secret/*        2 Acme    ~/work/acme/*
//!
//! Acme → Secret, for one /home/u/work/acme/secret/
//! ```
//!
//! ## The idea
//!
//! A pair of an old and a new rule has a territory if some stream satisfies both while no earlier
//! rule of either file takes it: one question to the [`search`](super::search), over the rules of
//! both files side by side. *No rule* is a winner like any other, whose blockers are all rules.
//!
//! Two files of ten thousand rules have a hundred million pairs, and files that are compared are
//! mostly alike. So rules are paired off first: a *twin* has the very same conditions. What one
//! takes in its file, the other would take in the other file, unless something above stops it:
//!
//! - A stream that goes to a rule whose twin stands *above* the rule that wins it in the other file
//!   cannot be: the twin would have taken it. So twins in the same order share nothing crosswise,
//!   and only rules that were added, removed, changed or moved past each other remain.
//! - Rules that give the same can share what they like.
//! - Rules that demand different beginnings of the directory share nothing ([`Pending`]).
//!
//! Of a file edited in one place, as many pairs are left as the file has rules, at most.
//!
//! ## What always holds
//!
//! INVARIANT (difference): a territory's witness goes to its two rules, gets different things from
//! them, and no smaller stream does; and every stream that gets different things is in a territory,
//! or of a pair that is named as not proven, or the comparison is said to be unfinished.
//!
//! Conditions that stand for `~` were expanded by each file's own `homes`. As elsewhere in the
//! analysis, witnesses may be somewhat larger than the smallest where there are more than eight
//! conditions on one set of texts.
//!
//! Held to the definition in `tests/rules/difference.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::agree::{self, Judge};
use super::aside::{apart, beginnings};
use super::search::{Answer, Asker, Blockers};
use super::{Budget, Purse, Space};
use crate::rules::fields::Field;
use crate::rules::fill::Filler;
use crate::rules::ir::{Checked, Pattern, Predicate, Rule, RuleId, RuleSet};
use crate::rules::lang::{Exhausted, LanguageId, Smallest};
use crate::rules::stream::Stream;

/// How two rule files differ in meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// What changed hands, in the order of the old rules and then of the new ones; no rule comes
    /// after all rules.
    pub territories: Vec<Territory>,
    /// Winners for whom the budget did not suffice to tell, in the same order.
    pub not_proven: Vec<Pair>,
    /// How many rules of the new file, no rule counting as one, the total budget did not suffice to
    /// compare with all of the old.
    pub rules_left: u64,
    /// The steps taken.
    pub steps: u64,
}

impl Difference {
    /// Whether every possible stream is proven to get the same from both files.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.territories.is_empty() && self.is_complete()
    }

    /// Whether all there is to tell was found out.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.not_proven.is_empty() && self.rules_left == 0
    }
}

/// Who wins a stream by the old rules and by the new; `None` is no rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Pair {
    /// The rule of the old file.
    pub old: Option<RuleId>,
    /// The rule of the new file.
    pub new: Option<RuleId>,
}

/// Streams that went to one rule and go to another, and get something else there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Territory {
    /// The rules.
    pub pair: Pair,
    /// A smallest stream that gets something else.
    pub witness: Stream,
}

/// Finds out how the rules of two files differ for all possible streams. Depends on the rules and
/// the budget alone.
///
/// ```
/// use tt::diag::SourceFile;
/// use tt::rules::analysis::{Budget, difference};
/// use tt::rules::{Env, check};
///
/// let rule = |glob: &str, tag: &str| {
///     format!("[[rules.auto_tag]]\nmatch = {{ primary_cwd = '{glob}' }}\ntags = ['{tag}']\n")
/// };
/// let (acme, secret) = (rule("/acme/*", "acme"), rule("/acme/secret/*", "secret"));
/// let rules = |text: String| {
///     check(&SourceFile::new("rules.toml", text), &Env::default()).rules.expect("sound rules")
/// };
/// let (old, new) = (rules(format!("{acme}{secret}")), rules(format!("{secret}{acme}")));
///
/// let found = difference(&old, &new, Budget::default());
/// let witness = &found.territories[0].witness;
/// assert_eq!(witness.primary_cwd.as_deref(), Some("/acme/secret/"));
/// assert!(difference(&old, &old, Budget::default()).is_none());
/// ```
///
/// Costs one question for every pair of winners that is not plainly impossible; see the module.
#[must_use]
pub fn difference(old: &Checked<RuleSet>, new: &Checked<RuleSet>, budget: Budget) -> Difference {
    let olds = old.rules.len();
    let rules = side_by_side(&old.rules, &new.rules);
    let mut texts = Smallest::default();
    let space = Space::new(&rules, &mut texts.automata);
    let purse = Purse { budget, spent: 0 };
    let fillers = rules.iter().map(Filler::new).collect();
    let found =
        Difference { territories: Vec::new(), not_proven: Vec::new(), rules_left: 0, steps: 0 };
    let languages = HashMap::default();
    let mut run = Run { space: &space, olds, fillers, texts, languages, purse, found };
    run.all(&Twins::new(&rules, olds));
    run.finish()
}

/// The rules of both files, numbered through.
fn side_by_side(old: &[Rule], new: &[Rule]) -> Vec<Rule> {
    let numbered = old.iter().chain(new).zip(0..).map(|(rule, id)| {
        let mut rule = rule.clone();
        rule.info.id = RuleId(id);
        rule
    });
    numbered.collect()
}

/// Which rules have the same conditions.
struct Twins {
    /// The enabled rules of each file. Of several with the same conditions only the first can win,
    /// and is here.
    old: Vec<RuleId>,
    new: Vec<RuleId>,
    /// Of rules that have one, in either direction.
    of: HashMap<RuleId, RuleId, FixedState>,
}

impl Twins {
    fn new(rules: &[Rule], olds: usize) -> Self {
        let (old, new) = rules.split_at(olds);
        let (old, new) = (by_conditions(old), by_conditions(new));
        let mut of = HashMap::default();
        for (conditions, one) in &old {
            if let Some(other) = new.get(conditions) {
                of.insert(*one, *other);
                of.insert(*other, *one);
            }
        }
        let in_order = |rules: HashMap<_, RuleId, FixedState>| {
            let mut ids: Vec<_> = rules.into_values().collect();
            ids.sort_unstable();
            ids
        };
        Self { old: in_order(old), new: in_order(new), of }
    }
}

fn by_conditions(rules: &[Rule]) -> HashMap<Vec<&Predicate>, RuleId, FixedState> {
    let mut first = HashMap::default();
    for rule in rules.iter().filter(|rule| rule.info.enabled) {
        let conditions: Vec<_> = rule.conjuncts.iter().map(|it| &it.predicate).collect();
        first.entry(conditions).or_insert(rule.info.id);
    }
    first
}

/// Old rules that no new rule looked at so far would have kept from winning.
#[derive(Default)]
struct Pending<'r> {
    all: BTreeSet<RuleId>,
    /// Those that demand a beginning of the directory, by that beginning.
    begun: BTreeMap<&'r str, BTreeSet<RuleId>>,
    others: BTreeSet<RuleId>,
}

/// What the directory has to begin with for the rule to hold.
fn beginning(rule: &Rule) -> Option<&str> {
    beginnings(rule).find(|(field, _)| *field == Field::PrimaryCwd).map(|(_, text)| text)
}

impl<'r> Pending<'r> {
    fn insert(&mut self, rule: &'r Rule) {
        let id = rule.info.id;
        self.all.insert(id);
        match beginning(rule) {
            Some(text) => self.begun.entry(text).or_default().insert(id),
            None => self.others.insert(id),
        };
    }

    fn remove(&mut self, rule: &'r Rule) {
        let id = rule.info.id;
        self.all.remove(&id);
        self.others.remove(&id);
        if let Some(begun) = beginning(rule).and_then(|text| self.begun.get_mut(text)) {
            begun.remove(&id);
        }
    }

    /// Those up to `last` that may hold for a stream for which `rule` does.
    fn beside(&self, rule: &Rule, last: RuleId) -> Vec<RuleId> {
        let Some(text) = beginning(rule) else {
            return self.all.range(..=last).copied().collect();
        };
        let longer = self.begun.range(text..).take_while(|(other, _)| other.starts_with(text));
        let shorter = text.char_indices().filter_map(|(at, _)| self.begun.get(text.get(..at)?));
        let begun = longer.map(|(_, ids)| ids).chain(shorter);
        let mut ids: Vec<_> =
            begun.chain([&self.others]).flat_map(|ids| ids.range(..=last)).copied().collect();
        ids.sort_unstable();
        ids
    }
}

struct Run<'r> {
    space: &'r Space<'r>,
    /// How many of the rules are old.
    olds: usize,
    fillers: Vec<Filler>,
    texts: Smallest,
    languages: HashMap<Pattern, LanguageId, FixedState>,
    purse: Purse,
    found: Difference,
}

impl Run<'_> {
    fn all(&mut self, twins: &Twins) {
        let space = self.space;
        let mut pending = Pending::default();
        twins.old.iter().for_each(|old| pending.insert(space.rule(*old)));
        for new in &twins.new {
            let twin = twins.of.get(new);
            // Below its twin, no old rule wins what this one takes.
            let last = twin.copied().unwrap_or(RuleId(u32::MAX));
            let mut old: Vec<_> =
                pending.beside(space.rule(*new), last).into_iter().map(Some).collect();
            if twin.is_none() {
                old.push(None);
            }
            self.compare(old.into_iter().map(|old| Pair { old, new: Some(*new) }));
            if let Some(twin) = twin {
                pending.remove(space.rule(*twin));
            }
        }
        let gone = twins.old.iter().filter(|old| !twins.of.contains_key(old));
        self.compare(gone.map(|old| Pair { old: Some(*old), new: None }));
    }

    /// Compares a rule of the new file, or none, with rules of the old.
    fn compare(&mut self, pairs: impl Iterator<Item = Pair>) {
        for pair in pairs {
            if self.purse.is_empty() {
                self.found.rules_left += 1;
                return;
            }
            self.purse.spent += 1;
            if self.is_plainly_the_same(pair) {
                continue;
            }
            match self.ask(pair) {
                Ok(Some(witness)) => self.found.territories.push(Territory { pair, witness }),
                Ok(None) => {}
                Err(Exhausted) => self.found.not_proven.push(pair),
            }
        }
    }

    /// Whether the rules share no stream, or give the same to all, without a search.
    fn is_plainly_the_same(&self, pair: Pair) -> bool {
        let Pair { old: Some(old), new: Some(new) } = pair else { return false };
        let fixed = |id| self.filler(id).filter(|filler| filler.is_fixed());
        let nothing = Stream::default();
        self.space.same_outcome(old, new)
            || apart(self.space.rule(old), self.space.rule(new))
            || fixed(Some(old)).zip(fixed(Some(new))).is_some_and(|(old, new)| {
                agree::given(Some(old), &nothing) == agree::given(Some(new), &nothing)
            })
    }

    fn filler(&self, id: Option<RuleId>) -> Option<&Filler> {
        id.and_then(|id| self.fillers.get(id.index()))
    }

    /// The smallest stream of the pair to which its rules give different things.
    fn ask(&mut self, pair: Pair) -> Result<Option<Stream>, Exhausted> {
        let (space, olds) = (self.space, self.olds);
        let goals: Vec<_> = pair.old.iter().chain(&pair.new).map(|id| space.formula(*id)).collect();
        let earlier = |id: RuleId| {
            let winner = if id.index() < olds { pair.old } else { pair.new };
            winner.is_none_or(|winner| id < winner)
        };
        let filler = |id: Option<RuleId>| id.and_then(|id| self.fillers.get(id.index()));
        let sides = [filler(pair.old), filler(pair.new)];
        let mut judge = Judge { claims: &space.claims, languages: &mut self.languages };
        let mut asker = Asker { space, texts: &mut self.texts, meter: self.purse.meter() };
        let answer = asker.ask_until(
            &goals,
            Blockers::Where(&earlier),
            &mut Vec::new(),
            &mut |stream, texts, meter| judge.ways_apart(sides, stream, &mut texts.automata, meter),
        );
        self.purse.spent += asker.meter.spent();
        Ok(match answer? {
            Answer::Stream(witness) => Some(witness),
            Answer::None(_) => None,
        })
    }

    fn finish(self) -> Difference {
        let Self { mut found, olds, purse, .. } = self;
        let olds = u32::try_from(olds).unwrap_or(u32::MAX);
        let own = |pair: &mut Pair| {
            pair.new = pair.new.map(|id| RuleId(id.0.saturating_sub(olds)));
        };
        let order = |pair: &Pair| (pair.old.is_none(), pair.old, pair.new.is_none(), pair.new);
        found.territories.iter_mut().for_each(|it| own(&mut it.pair));
        found.territories.sort_unstable_by_key(|it| order(&it.pair));
        found.not_proven.iter_mut().for_each(own);
        found.not_proven.sort_unstable_by_key(order);
        found.steps = purse.spent;
        found
    }
}
