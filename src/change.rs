//! Changes of tags as a whole: running the rules again, and taking that back.
//!
//! A recompute compares all states before with all states after and keeps those that differ, in the
//! transaction that makes the change. So a dry run is a recompute that is not committed, and says
//! exactly what would happen; and whatever stops a recompute, either nothing happened, or all of it
//! and it can be taken back.
//!
//! Taking back is careful, since people go on working in between:
//!
//! - What is still as the change left it becomes what it was before, byte for byte.
//! - What a person said since of a tag holds; the other tags of the stream are put back.
//! - A stream whose time changed since, or to which rules gave something else since, was judged anew,
//!   on other facts or by other rules than the change. It is left as it is, and named.
//!
//! Streams are flagged afterwards only if they were before the change, so that rules do not run on
//! them again until they are asked to.
//!
//! INVARIANT (undone): a recompute of rules and an undo with nothing in between leave the tables of
//! streams and tags as they were.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::config::Settings;
use crate::period::Zone;
use crate::pipeline;
use crate::refresh::{self, RulesInForce};
use crate::store::changes::{self, Change, Changed, Known, State};
use crate::store::{self, Result, derived};
use crate::tags::Source;
use crate::time::{Interval, Timestamp};

/// What to compute again.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'r> {
    /// The rules to run; without any, tags stay as they are.
    pub rules: Option<RulesInForce<'r>>,
    /// Which streams to run them on: those with an event in here, and those on which rules have not
    /// run yet.
    pub range: Interval,
    /// Whether to infer all streams from their events first.
    pub from_events: bool,
}

/// A stream that changed. One of the states may be missing if streams were inferred again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Altered {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its state before.
    pub was: Option<State>,
    /// Its state after.
    pub is: Option<State>,
}

/// What a recompute did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recomputed {
    /// How many streams the rules ran on.
    pub tagged: usize,
    /// The streams that changed in anything, by id.
    pub streams: Vec<Altered>,
    /// Whether any of it can be taken back.
    pub can_undo: bool,
}

/// Runs the rules again and keeps what they replaced. To be called within a transaction; without a
/// commit nothing happened.
///
/// # Errors
/// Those of SQLite.
pub fn recompute(
    conn: &Connection,
    settings: &Settings,
    wanted: Wanted<'_>,
    (zone, now): (Zone, Timestamp),
) -> Result<Recomputed> {
    let was = changes::states(conn)?;
    let rules_before = store::meta(conn, refresh::RULES)?;
    if wanted.from_events {
        pipeline::request_rebuild(conn, Timestamp::MIN, Timestamp::MAX)?;
    }
    if wanted.rules.is_some() {
        derived::flag(conn, wanted.range)?;
    }
    let now = now.to_string();
    let (_, tagged) = refresh::infer_and_tag_within(conn, settings, wanted.rules, (zone, &now))?;
    let is = changes::states(conn)?;
    let streams = altered(was, is);
    let kept: Vec<_> = streams.iter().filter_map(changed).collect();
    let can_undo = !kept.is_empty();
    if can_undo {
        let rules = [rules_before, store::meta(conn, refresh::RULES)?];
        changes::keep(conn, &Change { made_at: now, rules, streams: kept })?;
    }
    if tagged > 0 && streams.iter().any(|it| it.was.is_none()) {
        // New streams keep what they got, whatever is taken back.
        changes::tagged_since(conn)?;
    }
    Ok(Recomputed { tagged, streams, can_undo })
}

fn altered(mut was: BTreeMap<String, Known>, is: BTreeMap<String, Known>) -> Vec<Altered> {
    let mut all = Vec::new();
    for (id, Known { name, state }) in is {
        let before = was.remove(&id).map(|known| known.state);
        if before.as_ref() != Some(&state) {
            all.push(Altered { id, name, was: before, is: Some(state) });
        }
    }
    let gone = was.into_iter();
    all.extend(gone.map(|(id, Known { name, state })| Altered {
        id,
        name,
        was: Some(state),
        is: None,
    }));
    all.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    all
}

/// What can be taken back: of streams that inference made or took away, nothing.
fn changed(altered: &Altered) -> Option<Changed> {
    let (was, became) = altered.was.clone().zip(altered.is.clone())?;
    Some(Changed { id: altered.id.clone(), was, became })
}

/// Why a stream is not entirely what it was before the change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kept {
    /// It is.
    Nothing,
    /// A person said something of these tags since.
    Said(Vec<String>),
    /// Its events, its time or the rules changed since, and it was judged anew; it is left as it is.
    Grown,
    /// It is there no more: joined into another, or without events.
    Gone,
}

/// A stream that was taken back, or was not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TakenBack {
    /// Its states; both the present one where it was left as it is.
    pub stream: Altered,
    /// What was kept, and why.
    pub kept: Kept,
}

/// What an undo did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undone {
    /// When the change was made.
    pub made_at: String,
    /// The streams that the change had changed, by id.
    pub streams: Vec<TakenBack>,
}

/// Takes the last change back; `None` if there is none. To be called within a transaction.
///
/// # Errors
/// Those of SQLite.
pub fn undo(conn: &Connection, now: Timestamp) -> Result<Option<Undone>> {
    let Some(change) = changes::take_last(conn)? else { return Ok(None) };
    let mut present = changes::states(conn)?;
    let now = now.to_string();
    let mut streams = Vec::new();
    for changed in change.streams {
        let Some(Known { name, state }) = present.remove(&changed.id) else {
            let (id, name) = (changed.id, String::new());
            let stream = Altered { id, name, was: None, is: None };
            streams.push(TakenBack { stream, kept: Kept::Gone });
            continue;
        };
        let pushed = pushed_since(conn, &changed)?;
        let (then, kept) = taken_back(&changed, &state, pushed, &now);
        let stream = Altered { id: changed.id, name, was: Some(state), is: Some(then) };
        streams.push(TakenBack { stream, kept });
    }
    let states = streams.iter().filter_map(|it| {
        let Altered { id, was, is, .. } = &it.stream;
        Some((id.as_str(), was.as_ref()?, is.as_ref()?))
    });
    let states: Vec<_> = states.filter(|(_, now, then)| now != then).collect();
    changes::put_back(conn, &states)?;
    let [before, after] = change.rules;
    let present = store::meta(conn, refresh::RULES)?;
    // Where rules gave other streams their tags since, no version is that of all.
    let several = (present != after).then_some(refresh::SEVERAL);
    changes::put_meta_back(conn, refresh::RULES, several.or(before.as_deref()))?;
    Ok(Some(Undone { made_at: change.made_at, streams }))
}

/// Whether the stream was pushed as the change left it.
fn pushed_since(conn: &Connection, changed: &Changed) -> Result<bool> {
    let before = Timestamp::parse(&changed.was.updated_at);
    let pushed = changes::pushed(conn, &changed.id)?;
    Ok(pushed.iter().any(|it| Timestamp::parse(&it.stream_updated_at) > before))
}

/// The state that a stream is to be in when the change is taken back, and what is kept of the
/// present one.
fn taken_back(changed: &Changed, present: &State, pushed: bool, now: &str) -> (State, Kept) {
    let Changed { was, became, .. } = changed;
    let facts = |it: &State| (it.first, it.last, it.direct_ms, it.delegated_ms);
    if facts(present) != facts(became) || judged_anew(became, present) {
        return (present.clone(), Kept::Grown);
    }
    let mut then = present.clone();
    let mut said = Vec::new();
    let names = was.tags.keys().chain(became.tags.keys()).collect::<BTreeSet<_>>();
    for name in names {
        let source = |it: &State| it.tags.get(name).map(|tag| tag.source.clone());
        let off = |it: &State| it.removed.contains(name);
        if source(present) != source(became) || off(present) != off(became) {
            said.push(name.clone());
            continue;
        }
        match was.tags.get(name) {
            Some(tag) => drop(then.tags.insert(name.clone(), tag.clone())),
            None => drop(then.tags.remove(name)),
        }
    }
    then.rule.clone_from(&was.rule);
    then.project.clone_from(&was.project);
    if present.needs_recompute == became.needs_recompute {
        then.needs_recompute = was.needs_recompute;
    }
    // What inferring it again changed is not taken back, and counts as a change.
    let given = |it: &State| (it.tags.clone(), it.project.clone());
    let inferred = facts(was) != facts(became)
        || (was.updated_at != became.updated_at && given(was) == given(became));
    if present == became && !inferred && !pushed {
        then.updated_at.clone_from(&was.updated_at);
    } else if then != *present {
        now.clone_into(&mut then.updated_at);
    }
    (then, if said.is_empty() { Kept::Nothing } else { Kept::Said(said) })
}

/// Whether rules gave the stream something else since, other than that a person took a tag over or
/// off.
fn judged_anew(became: &State, present: &State) -> bool {
    let by_rule =
        |it: &State, tag: &String| it.tags.get(tag).is_some_and(|tag| tag.source() == Source::Rule);
    let other = |tag: &String| match (by_rule(became, tag), by_rule(present, tag)) {
        (false, true) => true,
        (true, false) => !present.tags.contains_key(tag) && !present.removed.contains(tag),
        (true, true) | (false, false) => false,
    };
    (&became.rule, &became.project) != (&present.rule, &present.project)
        || became.tags.keys().chain(present.tags.keys()).any(other)
}
