//! Where two rules give the same to a stream, though they are written otherwise.
//!
//! Rules without captures give the same to every stream. With captures it depends: `client:<client>`
//! from `~/clients/<client>/*` and the literal `client:acme` agree below `~/clients/acme`, and there
//! alone. So whoever looks for a stream to which two rules give different things may meet one to
//! which they give the same, and then wants to know what else to look for. What a rule gives is a
//! function of what filling its templates looks at ([`Filler::looked_at`]): which globs match which
//! values, which side of an `or` holds, and the texts captured. As long as none of it changes, the
//! rules agree; so every stream on which they do not is in one of the ways in which some of it does.
//!
//! Most captures are a segment of a path that begins at a fixed place: `~/clients/<client>/*` can
//! split no value in two ways. Such a capture is a *slot* ([`Slot`]), the same in every pattern that
//! finds it at that place. If two rules agree slot by slot, whatever is in them, then only the
//! globs and sides that match can make a difference; that is how a search over infinitely many
//! streams that all agree comes to its end. Captures after a `*` are looked at value by value, and
//! the search for a difference may exceed its budget.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::formula::{self, Claims, Wish};
use super::search::Ways;
use crate::rules::fields::{Field, Type};
use crate::rules::fill::{Captured, Filler, Looked};
use crate::rules::ir::{Part, Pattern, Predicate, TemplatePart};
use crate::rules::lang::{Automata, Exhausted, LanguageId, Meter};
use crate::rules::stream::Stream;

/// Begins and ends what stands for a slot in a text.
const MARK: char = '\0';

/// How to come to the beginning of a capture: from there it reaches to the next `/` or the end.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Slot(Vec<Step>);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// So many characters.
    Skip(usize),
    /// Up to the next `/` or the end.
    Segment,
}

/// What a rule gives: the tags as a set, and the project.
type Given = (BTreeSet<String>, Option<String>);

/// The same with slots for texts, and every text that the project could be.
type BySlots = (BTreeSet<String>, Option<BTreeSet<String>>);

/// Compares what rules give. No rule gives nothing.
pub(super) struct Judge<'a, 'r> {
    pub(super) claims: &'a Claims<'r>,
    /// Languages of patterns that no rule has.
    pub(super) languages: &'a mut HashMap<Pattern, LanguageId, FixedState>,
}

/// What a rule gives to a stream that it won.
pub(super) fn given(filler: Option<&Filler>, stream: &Stream) -> Given {
    let outcome = filler.map(|filler| filler.fill(stream)).unwrap_or_default();
    (outcome.tags.into_iter().collect(), outcome.project)
}

impl Judge<'_, '_> {
    /// If both give the same to the stream, the ways to be other than it in something that matters;
    /// of none, they give the same to every stream.
    pub(super) fn ways_apart(
        &mut self,
        sides: [Option<&Filler>; 2],
        stream: &Stream,
        automata: &mut Automata,
        meter: &mut Meter,
    ) -> Result<Option<Ways>, Exhausted> {
        meter.spend(4)?;
        let [old, new] = sides;
        if given(old, stream) != given(new, stream) {
            return Ok(None);
        }
        let slots = [by_slots(old, stream), by_slots(new, stream)];
        let slot_by_slot = matches!(&slots, [Some(old), Some(new)] if old == new);
        let (mut ways, mut globs) = (Vec::new(), Vec::new());
        for filler in sides.into_iter().flatten() {
            for looked in filler.looked_at(stream) {
                match looked {
                    Looked::Operands(operands) => self.other_side(&operands, stream, &mut ways)?,
                    Looked::Globs(field, patterns) => globs.push(Globs { field, patterns, filler }),
                }
            }
        }
        meter.spend(globs.iter().map(|it| it.patterns.len() as u64).sum())?;
        let (sets, texts): (Vec<_>, _) =
            globs.into_iter().partition(|it| it.field.info().ty == Type::TextSet);
        for globs in &texts {
            self.other_value(globs, !slot_by_slot, stream, automata, &mut ways);
        }
        if !slot_by_slot {
            sets.iter().for_each(|it| self.other_elements(it, stream, automata, &mut ways));
            return Ok(Some(ways));
        }
        let mut by_field: BTreeMap<Field, Vec<Globs<'_>>> = BTreeMap::new();
        sets.into_iter().for_each(|it| by_field.entry(it.field).or_default().push(it));
        for lists in by_field.values() {
            self.other_kinds(lists, stream, automata, meter, &mut ways)?;
        }
        Ok(Some(ways))
    }

    /// Another operand is the first to hold.
    fn other_side(
        &self,
        operands: &[&Predicate],
        stream: &Stream,
        ways: &mut Ways,
    ) -> Result<(), Exhausted> {
        for operand in operands {
            let holds = operand.holds(stream);
            // All operands are of the rules; of others nothing could be said.
            let formula = self.claims.known(operand).ok_or(Exhausted)?;
            let remedies = formula.remedies(!holds, self.claims, stream).into_iter();
            ways.extend(remedies.map(|way| way.into_iter().map(Wish::Literal).collect::<Vec<_>>()));
            if holds {
                break;
            }
        }
        Ok(())
    }

    /// Another glob is the first to match the value, or something else is captured.
    fn other_value(
        &mut self,
        globs: &Globs<'_>,
        captures: bool,
        stream: &Stream,
        automata: &mut Automata,
        ways: &mut Ways,
    ) {
        let field = globs.field;
        let value = stream.texts(field).first();
        let first = value.map_or(globs.patterns.len(), |value| globs.first(value));
        let mut text = |pattern: &Pattern, wanted: bool| {
            let language = self.language(pattern, automata);
            vec![Wish::Text { field, language, wanted }]
        };
        ways.extend(globs.patterns.iter().take(first).map(|earlier| text(earlier, true)));
        if let (Some(value), Some(pattern)) = (value, globs.patterns.get(first)) {
            ways.push(text(pattern, false));
            let others = globs.other_captures(pattern, value, captures);
            ways.extend(others.iter().map(|other| text(other, false)));
        }
    }

    /// One of the elements that match is not there, or there is one more.
    fn other_elements(
        &mut self,
        globs: &Globs<'_>,
        stream: &Stream,
        automata: &mut Automata,
        ways: &mut Ways,
    ) {
        let field = globs.field;
        let matched =
            stream.texts(field).iter().filter(|it| globs.first(it) < globs.patterns.len());
        let but: Vec<_> =
            matched.map(|text| self.language(&Pattern::literal(text), automata)).collect();
        let gone =
            |language: &LanguageId| vec![Wish::Text { field, language: *language, wanted: false }];
        ways.extend(but.iter().map(gone));
        for pattern in &globs.patterns {
            let languages = vec![self.language(pattern, automata)];
            ways.push(vec![Wish::Another { field, languages, but: but.clone() }]);
        }
    }

    /// There is an element that is matched otherwise than all that are there. Where the sides agree
    /// slot by slot, any number of elements that are matched alike makes no difference.
    fn other_kinds(
        &mut self,
        lists: &[Globs<'_>],
        stream: &Stream,
        automata: &mut Automata,
        meter: &mut Meter,
        ways: &mut Ways,
    ) -> Result<(), Exhausted> {
        let Some(Globs { field, .. }) = lists.first() else { return Ok(()) };
        let kind = |text: &String| lists.iter().map(|globs| globs.first(text)).collect::<Vec<_>>();
        let known: BTreeSet<Vec<usize>> = stream.texts(*field).iter().map(kind).collect();
        let mut kinds = vec![Vec::new()];
        for globs in lists {
            let longer = |kind: &Vec<usize>| {
                let kind = kind.clone();
                let each = 0..=globs.patterns.len();
                each.map(move |first| kind.iter().copied().chain([first]).collect::<Vec<_>>())
            };
            // Before there are as many: two long lists make more than memory holds.
            meter.spend(kinds.len().saturating_mul(globs.patterns.len() + 1) as u64)?;
            kinds = kinds.iter().flat_map(longer).collect();
        }
        for kind in kinds.iter().filter(|kind| !known.contains(*kind)) {
            let (mut languages, mut but) = (Vec::new(), Vec::new());
            for (globs, first) in lists.iter().zip(kind) {
                for earlier in globs.patterns.iter().take(*first) {
                    but.push(self.language(earlier, automata));
                }
                if let Some(pattern) = globs.patterns.get(*first) {
                    languages.push(self.language(pattern, automata));
                }
            }
            // What nothing matches is not looked at.
            if !languages.is_empty() {
                ways.push(vec![Wish::Another { field: *field, languages, but }]);
            }
        }
        Ok(())
    }

    fn language(&mut self, pattern: &Pattern, automata: &mut Automata) -> LanguageId {
        let known = self.claims.language_of(pattern);
        known.or_else(|| self.languages.get(pattern).copied()).unwrap_or_else(|| {
            let made = formula::language(pattern, automata);
            self.languages.insert(pattern.clone(), made);
            made
        })
    }
}

/// Globs that a side looked at.
struct Globs<'f> {
    field: Field,
    patterns: Vec<&'f Pattern>,
    filler: &'f Filler,
}

impl Globs<'_> {
    /// The first that matches, or how many there are.
    fn first(&self, text: &str) -> usize {
        let first = self.patterns.iter().position(|pattern| pattern.matches(text));
        first.unwrap_or(self.patterns.len())
    }

    /// Patterns that the value matches, and that every value does not from which something else is
    /// captured, as long as it is this pattern that matches. Slots count only if `captures`.
    fn other_captures(&self, pattern: &Pattern, value: &str, captures: bool) -> Vec<Pattern> {
        let used = pattern.captures().into_iter().filter(|name| self.filler.uses(name));
        let slots: Option<Vec<Slot>> = used.map(|name| slot(pattern, name)).collect();
        match slots {
            None => vec![Pattern::literal(value)],
            Some(slots) if captures => slots.iter().map(|slot| slot.holding(value)).collect(),
            Some(_) => Vec::new(),
        }
    }
}

/// What a rule gives with slots in place of the texts in them, so that where two rules give the same
/// they do so whatever is in the slots; `None` where that cannot be said.
fn by_slots(filler: Option<&Filler>, stream: &Stream) -> Option<BySlots> {
    let Some(filler) = filler else { return Some(BySlots::default()) };
    let mut sets = BTreeSet::new();
    for looked in filler.looked_at(stream) {
        // Two captures of one set choose their elements independently of each other.
        if let Looked::Globs(field, _) = looked
            && field.info().ty == Type::TextSet
            && !sets.insert(field)
        {
            return None;
        }
    }
    let has_mark = |part: &TemplatePart| match part {
        TemplatePart::Text(text) => text.contains(MARK),
        TemplatePart::Capture(_) => false,
    };
    let mistakable = filler.templates().any(|template| template.0.iter().any(has_mark));
    let opaque = Cell::new(mistakable);
    let by_slots = filler.put(stream, &|captured: &Captured<'_>| {
        let name = captured.field.info().name;
        let in_set = captured.field.info().ty == Type::TextSet;
        opaque.set(opaque.get() || captured.value.contains(MARK));
        match slot(captured.pattern, captured.name) {
            Some(slot) if in_set => format!("{MARK}{name}{slot:?}{}{MARK}", captured.value),
            Some(slot) => format!("{MARK}{name}{slot:?}{MARK}"),
            None => {
                opaque.set(opaque.get() || in_set);
                captured.text.to_owned()
            }
        }
    });
    (!opaque.get()).then_some(by_slots)
}

/// Where a pattern captures a name, if every value can be split in one way only up to the end of
/// that capture.
fn slot(pattern: &Pattern, name: &str) -> Option<Slot> {
    let mut steps = Vec::new();
    for (at, part) in pattern.parts.iter().enumerate() {
        if let Part::Capture(captured) = part {
            let ends = match pattern.parts.get(at + 1) {
                None => true,
                Some(Part::Literal(text)) => text.starts_with('/'),
                Some(_) => false,
            };
            if !ends {
                return None;
            }
            if captured == name {
                return Some(Slot(steps));
            }
            steps.push(Step::Segment);
        } else {
            let more = length(part)?;
            match steps.last_mut() {
                Some(Step::Skip(length)) => *length += more,
                Some(Step::Segment) | None => steps.push(Step::Skip(more)),
            }
        }
    }
    None
}

/// How many characters the part reads, if that is always the same, and it captures nothing.
fn length(part: &Part) -> Option<usize> {
    match part {
        Part::Literal(text) => Some(text.chars().count()),
        Part::Any | Part::Class(_) => Some(1),
        Part::Star | Part::Capture(_) => None,
        Part::Group(alternatives) => {
            let whole = |parts: &Vec<Part>| parts.iter().map(length).sum::<Option<usize>>();
            let mut each = alternatives.iter().map(whole);
            let first = each.next()??;
            each.all(|other| other == Some(first)).then_some(first)
        }
    }
}

impl Slot {
    /// The pattern of all texts that have in this slot what `value` has.
    fn holding(&self, value: &str) -> Pattern {
        let mut parts = Vec::new();
        let mut rest = value.chars();
        let mut after_segment = false;
        for step in &self.0 {
            match step {
                Step::Skip(length) => {
                    let mut skipped = vec![Part::Any; *length];
                    // What follows a segment begins with the `/` that ends it. Anything less would
                    // let the segment end earlier, and the slot begin elsewhere.
                    if let Some(first) = skipped.first_mut().filter(|_| after_segment) {
                        *first = Part::Literal("/".to_owned());
                    }
                    parts.append(&mut skipped);
                    rest.by_ref().take(*length).for_each(drop);
                }
                Step::Segment => {
                    parts.push(Part::Capture(String::new()));
                    rest = skipped_segment(&rest).chars();
                }
            }
            after_segment = *step == Step::Segment;
        }
        let inside: String = rest.take_while(|c| *c != '/').collect();
        let below = vec![Part::Literal("/".to_owned()), Part::Star];
        parts.push(Part::Literal(inside));
        parts.push(Part::Group(vec![Vec::new(), below]));
        Pattern { parts }
    }
}

/// What follows the segment at the beginning.
fn skipped_segment<'t>(text: &std::str::Chars<'t>) -> &'t str {
    let text = text.as_str();
    text.get(text.find('/').unwrap_or(text.len())..).unwrap_or_default()
}
