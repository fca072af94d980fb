//! Cells: what a search has assumed of a stream, field by field.
//!
//! A cell is a conjunction of literals. Since a literal speaks of one field, the smallest stream of
//! a cell is put together from the smallest value of each field.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime};

use super::formula::{Claim, Claims, Literal, Wish};
use crate::rules::fields::{Field, Type};
use crate::rules::lang::{Exhausted, Intervals, LanguageId, Meter, Smallest, WeekdaySet};
use crate::rules::stream::Stream;
use crate::rules::syntax::quantity::{DAY, NANOS_PER_SECOND};

/// How many needs on one set are shared out among its elements in every way. With
/// more, a smallest set is still a set that fits, but perhaps not a smallest.
const MOST_SHARED_OUT: usize = 8;

/// What is assumed of a stream.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Cell {
    /// In the order of the fields, those only of which something is assumed.
    texts: Vec<(Field, Texts)>,
    numbers: Vec<(Field, Number)>,
    moment: Moment,
}

/// Of a field of text: a value for each of these needs, none in those languages; both in order.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Texts {
    required: Vec<Need>,
    excluded: Vec<LanguageId>,
}

/// A text in all these languages, at least one, and in none of those; both in order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Need {
    languages: Vec<LanguageId>,
    but: Vec<LanguageId>,
}

/// Of a number: whether it must be there, and what it must be if it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Number {
    required: bool,
    allowed: Intervals,
}

/// Of the first event, the same.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Moment {
    required: bool,
    days: WeekdaySet,
    times: Intervals,
}

impl Default for Number {
    fn default() -> Self {
        Self { required: false, allowed: Intervals::of([(0, i64::MAX)]) }
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self { required: false, days: WeekdaySet::ALL, times: Intervals::of([(0, DAY - 1)]) }
    }
}

/// What a literal speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum About {
    Texts(Field),
    Number(Field),
    Moment,
}

/// A cell and its smallest stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) cell: Cell,
    pub(super) model: Stream,
}

impl Node {
    /// This node with more assumed; `None` if nothing is left.
    pub(super) fn with(
        &self,
        literals: &[Literal],
        claims: &Claims<'_>,
        texts: &mut Smallest,
        meter: &mut Meter,
    ) -> Result<Option<Self>, Exhausted> {
        let wishes: Vec<_> = literals.iter().map(|literal| Wish::Literal(*literal)).collect();
        self.with_wishes(&wishes, claims, texts, meter)
    }

    /// The same for wishes of any kind.
    pub(super) fn with_wishes(
        &self,
        wishes: &[Wish],
        claims: &Claims<'_>,
        texts: &mut Smallest,
        meter: &mut Meter,
    ) -> Result<Option<Self>, Exhausted> {
        let mut node = self.clone();
        let mut touched = Vec::new();
        for wish in wishes {
            match node.cell.wish(wish, claims) {
                None => return Ok(None),
                Some(about) if touched.contains(&about) => {}
                Some(about) => touched.push(about),
            }
        }
        for about in touched {
            if !node.settle(about, texts, meter)? {
                return Ok(None);
            }
        }
        Ok(Some(node))
    }

    /// Gives the model its smallest values; whether there are any.
    fn settle(
        &mut self,
        about: About,
        texts: &mut Smallest,
        meter: &mut Meter,
    ) -> Result<bool, Exhausted> {
        meter.spend(1)?;
        match about {
            About::Texts(field) => {
                let assumed = entry(&mut self.cell.texts, field);
                let found = assumed.smallest(field.info().ty, texts, meter)?;
                let is_some = found.is_some();
                let found = found.unwrap_or_default();
                let found: Vec<_> = found.iter().map(|text| (**text).to_owned()).collect();
                meter.spend(found.iter().map(String::len).sum::<usize>() as u64 / 256)?;
                self.model.set_texts(field, found);
                Ok(is_some)
            }
            About::Number(field) => {
                let Number { required, allowed } = entry(&mut self.cell.numbers, field);
                meter.spend(allowed.ranges().len() as u64 / 8)?;
                let least = allowed.ranges().first().map(|(from, _)| *from);
                let value = least.filter(|_| *required);
                let fits = value.is_some() || !*required;
                self.model.set_duration(field, value);
                Ok(fits)
            }
            About::Moment => {
                let Moment { required, days, times } = &self.cell.moment;
                let time = times.ranges().first().map(|range| round_time(*range));
                let least = days
                    .days()
                    .next()
                    .zip(time)
                    .and_then(|(day, time)| moment(day.num_days_from_monday(), time));
                self.model.at = least.filter(|_| *required);
                Ok(self.model.at.is_some() || !*required)
            }
        }
    }
}

impl Cell {
    /// Assumes a wish. `None` if no stream has it.
    fn wish(&mut self, wish: &Wish, claims: &Claims<'_>) -> Option<About> {
        match wish {
            Wish::Literal(literal) => self.assume(claims.get(literal.claim), literal.wanted),
            Wish::Text { field, language, wanted } => {
                self.assume(&Claim::Text(*field, *language), *wanted)
            }
            Wish::Another { field, languages, but } => {
                let set = |list: &[LanguageId]| {
                    let mut set = list.to_vec();
                    set.sort_unstable();
                    set.dedup();
                    set
                };
                let texts = entry(&mut self.texts, *field);
                let need = Need { languages: set(languages), but: set(but) };
                put_in(&mut texts.required, need);
                Some(About::Texts(*field))
            }
        }
    }

    /// Assumes a claim or its contrary. `None` if no stream has it.
    fn assume(&mut self, claim: &Claim, wanted: bool) -> Option<About> {
        match claim {
            Claim::Text(field, language) => {
                let texts = entry(&mut self.texts, *field);
                if wanted {
                    let need = Need { languages: vec![*language], but: Vec::new() };
                    put_in(&mut texts.required, need);
                } else {
                    put_in(&mut texts.excluded, *language);
                }
                Some(About::Texts(*field))
            }
            Claim::Number(field, set) => {
                let number = entry(&mut self.numbers, *field);
                number.required |= wanted;
                number.allowed = narrowed(&number.allowed, set, wanted);
                Some(About::Number(*field))
            }
            Claim::Days(days) => {
                let days = if wanted { *days } else { days.complement() };
                self.moment.required |= wanted;
                self.moment.days = self.moment.days.intersection(days);
                Some(About::Moment)
            }
            Claim::Times(set) => {
                self.moment.required |= wanted;
                self.moment.times = narrowed(&self.moment.times, set, wanted);
                Some(About::Moment)
            }
            Claim::Never => (!wanted).then_some(About::Moment),
        }
    }
}

fn narrowed(allowed: &Intervals, set: &Intervals, wanted: bool) -> Intervals {
    if wanted { allowed.intersection(set) } else { allowed.intersection(&set.complement()) }
}

/// Puts a member into a set, which is a sorted list.
fn put_in<T: Ord>(set: &mut Vec<T>, member: T) {
    if let Err(at) = set.binary_search(&member) {
        set.insert(at, member);
    }
}

/// What is assumed of a field, which is entered if need be.
fn entry<T: Default>(list: &mut Vec<(Field, T)>, field: Field) -> &mut T {
    let at = match list.binary_search_by_key(&field, |(field, _)| *field) {
        Ok(at) => at,
        Err(at) => {
            list.insert(at, (field, T::default()));
            at
        }
    };
    &mut list[at].1
}

impl Texts {
    /// The smallest values; `None` if there are none that fit.
    fn smallest(
        &self,
        ty: Type,
        texts: &mut Smallest,
        meter: &mut Meter,
    ) -> Result<Option<Vec<Rc<str>>>, Exhausted> {
        match (ty, self.required.as_slice()) {
            // A field that is missing passes no test.
            (_, []) => Ok(Some(Vec::new())),
            (Type::TextSet, [_, _, ..]) => self.smallest_set(texts, meter),
            (_, all) => Ok(self.find(all, texts, meter)?.map(|text| vec![text])),
        }
    }

    /// The smallest text that meets all these needs.
    fn find<'n>(
        &self,
        needs: impl IntoIterator<Item = &'n Need>,
        texts: &mut Smallest,
        meter: &mut Meter,
    ) -> Result<Option<Rc<str>>, Exhausted> {
        let (mut required, mut excluded) = (Vec::new(), Cow::Borrowed(&self.excluded));
        for need in needs {
            need.languages.iter().for_each(|language| put_in(&mut required, *language));
            need.but.iter().for_each(|other| put_in(excluded.to_mut(), *other));
        }
        texts.find(&required, &excluded, meter)
    }

    /// Every need is met by some element; which of them share one is tried in every way, by dynamic
    /// programming over the needs already met.
    fn smallest_set(
        &self,
        texts: &mut Smallest,
        meter: &mut Meter,
    ) -> Result<Option<Vec<Rc<str>>>, Exhausted> {
        let count = self.required.len();
        let mut alone = Vec::with_capacity(count);
        for need in &self.required {
            let Some(text) = self.find([need], texts, meter)? else {
                return Ok(None);
            };
            alone.push(text);
        }
        if count > MOST_SHARED_OUT {
            alone.sort_unstable();
            alone.dedup();
            return Ok(Some(alone));
        }
        // For sets of needs, as bits: the smallest text that meets all of them.
        let each = alone.into_iter().enumerate();
        let mut together: BTreeMap<usize, _> =
            each.map(|(at, text)| (1 << at, Some(text))).collect();
        // For every set of needs, as bits: the smallest elements that meet them.
        let mut best: Vec<Option<Vec<Rc<str>>>> = vec![Some(Vec::new())];
        for all in 1..1_usize << count {
            let first = all & all.wrapping_neg();
            let mut found: Option<Vec<Rc<str>>> = None;
            for shared in (1..=all).filter(|it| it & !all == 0 && it & first != 0) {
                let Some(Some(rest)) = best.get(all & !shared) else { continue };
                let text = match together.get(&shared) {
                    Some(known) => known.clone(),
                    None => {
                        let found = self.meet(shared, &together, texts, meter)?;
                        together.insert(shared, found.clone());
                        found
                    }
                };
                let Some(text) = text else { continue };
                let these: Vec<_> = rest.iter().cloned().chain([text]).collect();
                if found.as_ref().is_none_or(|found| weight(&these) < weight(found)) {
                    found = Some(these);
                }
            }
            best.push(found);
        }
        Ok(best.pop().flatten())
    }

    /// The smallest text for the needs chosen by bits.
    fn meet(
        &self,
        chosen: usize,
        known: &BTreeMap<usize, Option<Rc<str>>>,
        texts: &mut Smallest,
        meter: &mut Meter,
    ) -> Result<Option<Rc<str>>, Exhausted> {
        // What some of them cannot meet in one text, more of them cannot.
        meter.spend(1 + known.len() as u64 / 16)?;
        if known.iter().any(|(fewer, text)| fewer & !chosen == 0 && text.is_none()) {
            return Ok(None);
        }
        let needs = self.required.iter().enumerate();
        self.find(needs.filter(|(at, _)| chosen & 1 << at != 0).map(|(_, it)| it), texts, meter)
    }
}

fn weight<T: AsRef<str>>(texts: &[T]) -> u64 {
    texts.iter().map(|text| 1 + text.as_ref().chars().count() as u64).sum()
}

/// The roundest of the first times of a range, in nanoseconds: the first itself, or not much later
/// a whole second or millisecond.
fn round_time((from, to): (i64, i64)) -> i64 {
    let whole = |unit: i64| from.saturating_add(unit - 1) / unit * unit;
    let round = [NANOS_PER_SECOND, NANOS_PER_SECOND / 1000].map(whole);
    round.into_iter().find(|it| *it <= to).unwrap_or(from)
}

/// A moment of a week that begins on Monday, 27 January 2025.
fn moment(days_from_monday: u32, nanos: i64) -> Option<NaiveDateTime> {
    let day = NaiveDate::from_ymd_opt(2025, 1, 27)?
        .checked_add_days(Days::new(days_from_monday.into()))?;
    let seconds = u32::try_from(nanos / NANOS_PER_SECOND).ok()?;
    let rest = u32::try_from(nanos % NANOS_PER_SECOND).ok()?;
    Some(day.and_time(NaiveTime::from_num_seconds_from_midnight_opt(seconds, rest)?))
}
