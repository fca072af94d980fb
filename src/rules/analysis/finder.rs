//! Which rules hold for a stream, without trying them all.
//!
//! Most rules demand a certain text within some value: `~/work/acme/*` holds only where a directory
//! has `acme` in it. Every rule is filed under four bytes of such a text, those that the fewest
//! rules share; a stream is looked up by all runs of four bytes in its values. Rules that demand no
//! text (`*`, `weekday = "sat"`) are tried on every stream.
//!
//! The decision table does this better, and is not asked: the analysis shall not repeat its
//! mistakes, if it makes any.

use std::collections::{BTreeSet, HashMap};
use std::iter;

use foldhash::fast::FixedState;

use crate::rules::fields::{FIELDS, Field};
use crate::rules::ir::{Atom, Part, Predicate, Rule, RuleId, Test};
use crate::rules::lang::{Exhausted, Meter};
use crate::rules::stream::Stream;

/// The longest run of bytes that rules are filed under.
const LONGEST: usize = 4;

/// How many rules are tried in a step.
const PER_STEP: u64 = 4;

/// A run of bytes in a value of a field, filled up with zeros, and its length.
type Gram = (Field, usize, [u8; LONGEST]);

/// An index of the enabled rules.
#[derive(Debug, Default)]
pub(super) struct Finder {
    filed: HashMap<Gram, Vec<RuleId>, FixedState>,
    /// The lengths of runs in use, per field.
    lengths: Vec<(Field, BTreeSet<usize>)>,
    /// Rules that demand no text.
    others: Vec<RuleId>,
}

/// One of the texts that a pattern demands: the runs of each.
type Choice = Vec<Gram>;

impl Finder {
    /// Files the enabled rules.
    pub(super) fn new(rules: &[Rule]) -> Self {
        let enabled = rules.iter().filter(|rule| rule.info.enabled);
        let demands: Vec<_> = enabled.map(|rule| (rule.info.id, demands(rule))).collect();
        let mut shared: HashMap<Gram, usize, FixedState> = HashMap::default();
        let all = demands.iter().flat_map(|(_, demands)| demands).flatten().flatten();
        all.for_each(|gram| *shared.entry(*gram).or_default() += 1);
        let mut finder = Self::default();
        for (id, demands) in &demands {
            finder.file(*id, demands, &shared);
        }
        for info in FIELDS {
            let of_field = finder.filed.keys().filter(|(field, ..)| *field == info.field);
            let lengths: BTreeSet<_> = of_field.map(|(_, length, _)| *length).collect();
            if !lengths.is_empty() {
                finder.lengths.push((info.field, lengths));
            }
        }
        finder
    }

    /// Files a rule under one run per alternative of the demand that the fewest rules share.
    fn file(
        &mut self,
        id: RuleId,
        demands: &[Vec<Choice>],
        shared: &HashMap<Gram, usize, FixedState>,
    ) {
        let count = |gram: &Gram| (shared.get(gram).copied().unwrap_or_default(), *gram);
        let rarest = |choice: &Choice| choice.iter().map(count).min();
        let best = demands
            .iter()
            .filter_map(|choices| choices.iter().map(rarest).collect::<Option<Vec<_>>>())
            .min_by_key(|choices| choices.iter().map(|(count, _)| count).sum::<usize>());
        let Some(best) = best else {
            self.others.push(id);
            return;
        };
        for (_, gram) in best {
            let filed = self.filed.entry(gram).or_default();
            if filed.last() != Some(&id) {
                filed.push(id);
            }
        }
    }

    /// The first rule that is accepted and holds.
    pub(super) fn first(
        &self,
        rules: &[Rule],
        stream: &Stream,
        accept: &dyn Fn(RuleId) -> bool,
        meter: &mut Meter,
    ) -> Result<Option<RuleId>, Exhausted> {
        let candidates = self.candidates(stream, meter)?;
        for (id, tried) in candidates.filter(|id| accept(*id)).zip(0_u64..) {
            meter.spend(u64::from(tried.is_multiple_of(PER_STEP)))?;
            if rules.get(id.index()).is_some_and(|rule| rule.holds(stream)) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Rules in order, among them all that hold for the stream.
    pub(super) fn candidates<'f>(
        &'f self,
        stream: &Stream,
        meter: &mut Meter,
    ) -> Result<impl Iterator<Item = RuleId> + use<'f>, Exhausted> {
        let mut lists = vec![self.others.as_slice()];
        let mut looked_up = 0;
        for (field, lengths) in &self.lengths {
            for value in stream.texts(*field) {
                for length in lengths {
                    looked_up += value.len() as u64;
                    let grams = grams(*field, value, *length);
                    lists.extend(grams.filter_map(|gram| self.filed.get(&gram)).map(Vec::as_slice));
                }
            }
        }
        meter.spend(looked_up / 16)?;
        Ok(merged(lists))
    }
}

/// The members of sorted lists, in order and without repeats.
fn merged<'f>(mut lists: Vec<&'f [RuleId]>) -> impl Iterator<Item = RuleId> + use<'f> {
    iter::from_fn(move || {
        lists.retain(|list| !list.is_empty());
        let next = lists.iter().filter_map(|list| list.first()).min().copied()?;
        for list in &mut lists {
            if let Some((first, rest)) = list.split_first()
                && *first == next
            {
                *list = rest;
            }
        }
        Some(next)
    })
}

fn grams(field: Field, text: &str, length: usize) -> impl Iterator<Item = Gram> {
    text.as_bytes().windows(length).map(move |run| {
        let mut bytes = [0; LONGEST];
        bytes.iter_mut().zip(run).for_each(|(to, from)| *to = *from);
        (field, length, bytes)
    })
}

/// What a stream must have for the rule to hold: of every demand, one of the choices.
fn demands(rule: &Rule) -> Vec<Vec<Choice>> {
    let mut demands = Vec::new();
    rule.conjuncts.iter().for_each(|conjunct| collect(&conjunct.predicate, &mut demands));
    demands
}

fn collect(predicate: &Predicate, demands: &mut Vec<Vec<Choice>>) {
    match predicate {
        Predicate::All(children) => children.iter().for_each(|child| collect(child, demands)),
        Predicate::Any(children) => demands.extend(choices(children)),
        Predicate::Atom(atom) => demands.extend(choice(atom).map(|choice| vec![choice])),
        Predicate::Not(_) => {}
    }
}

/// A choice for every child, if each of them demands a text.
fn choices(children: &[Predicate]) -> Option<Vec<Choice>> {
    let mut all = Vec::new();
    for child in children {
        let mut demands = Vec::new();
        collect(child, &mut demands);
        all.extend(demands.into_iter().min_by_key(Vec::len)?);
    }
    Some(all)
}

fn choice(atom: &Atom) -> Option<Choice> {
    let Test::Glob(pattern) = &atom.test else { return None };
    let pieces = pattern.parts.iter().filter_map(|part| match part {
        Part::Literal(text) => Some(text.as_str()),
        Part::Any | Part::Star | Part::Class(_) | Part::Group(_) | Part::Capture(_) => None,
    });
    let runs = pieces.flat_map(|piece| grams(atom.field, piece, piece.len().min(LONGEST)));
    Some(runs.collect::<Choice>()).filter(|runs| !runs.is_empty())
}
