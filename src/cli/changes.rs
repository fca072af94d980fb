//! Streams that change, as people and scripts see it: for `tt recompute` and `tt undo`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::app::short_ids;
use super::count;
use super::error::Failure;
use super::table::{Table, harmless};
use crate::change::Altered;
use crate::store::changes::{self, Pushed, State};
use crate::store::derived::RuleRef;
use crate::time::{Millis, human};

/// How many streams of a group are named.
const NAMED: usize = 10;

/// A stream whose tags or project change.
pub(super) struct Shown<'c> {
    stream: &'c Altered,
    short_id: String,
    pushed: Vec<Pushed>,
}

/// Those of the streams whose tags or project change, in their order.
pub(super) fn shown<'c>(
    conn: &Connection,
    streams: impl Iterator<Item = &'c Altered>,
) -> Result<Vec<Shown<'c>>, Failure> {
    let visible: Vec<_> = streams.filter(|stream| is_visible(stream)).collect();
    let ids: Vec<&str> = visible.iter().map(|stream| stream.id.as_str()).collect();
    let mut short = short_ids(conn, &ids)?;
    let each = visible.into_iter().map(|stream| {
        Ok(Shown {
            short_id: short.remove(&stream.id).unwrap_or_else(|| stream.id.clone()),
            pushed: changes::pushed(conn, &stream.id)?,
            stream,
        })
    });
    each.collect()
}

fn is_visible(stream: &Altered) -> bool {
    tags(stream.was.as_ref()) != tags(stream.is.as_ref())
        || project(stream.was.as_ref()) != project(stream.is.as_ref())
}

fn tags(state: Option<&State>) -> BTreeSet<&str> {
    state.into_iter().flat_map(|state| state.tags.keys().map(String::as_str)).collect()
}

fn project(state: Option<&State>) -> Option<&str> {
    state.and_then(|state| state.project.as_deref())
}

fn rule(state: Option<&State>) -> Option<&RuleRef> {
    state.and_then(|state| state.rule.as_ref())
}

impl Shown<'_> {
    fn states(&self) -> (Option<&State>, Option<&State>) {
        (self.stream.was.as_ref(), self.stream.is.as_ref())
    }

    /// Direct and delegated time.
    fn time(&self) -> (Millis, Millis) {
        let (was, is) = self.states();
        is.or(was).map_or((0, 0), |state| (state.direct_ms, state.delegated_ms))
    }

    fn total(&self) -> Millis {
        let (direct, delegated) = self.time();
        direct + delegated
    }

    /// Tags that come, and tags that go.
    fn come_and_go(&self) -> (Vec<&str>, Vec<&str>) {
        let (was, is) = self.states();
        let (was, is) = (tags(was), tags(is));
        (is.difference(&was).copied().collect(), was.difference(&is).copied().collect())
    }

    fn change(&self) -> String {
        let (come, go) = self.come_and_go();
        let tags = come.iter().map(|tag| format!("+{tag}"));
        let mut words: Vec<_> = tags.chain(go.iter().map(|tag| format!("-{tag}"))).collect();
        let (was, is) = self.states();
        let (was, is) = (project(was), project(is));
        if was != is {
            let none = "none";
            words.push(format!("project {} → {}", was.unwrap_or(none), is.unwrap_or(none)));
        }
        words.join(" ")
    }
}

/// A rule as it is called in sentences, or `no rule`.
fn called(rule: Option<&RuleRef>) -> String {
    match rule {
        None => "no rule".to_owned(),
        Some(RuleRef { name: Some(name), .. }) => format!("'{}'", harmless(name)),
        Some(rule) => rule.title(),
    }
}

/// The changes by rule, by tag, and what of them was pushed already.
pub(super) fn text(shown: &[Shown<'_>], width: usize) -> String {
    let mut groups: BTreeMap<(String, String), Vec<&Shown<'_>>> = BTreeMap::new();
    for one in shown {
        let (was, is) = one.states();
        groups.entry((called(rule(was)), called(rule(is)))).or_default().push(one);
    }
    let total = |streams: &[&Shown<'_>]| streams.iter().map(|it| it.total()).sum::<Millis>();
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, streams)| std::cmp::Reverse(total(streams)));
    let mut out = String::new();
    for ((was, is), mut streams) in groups {
        let (many, hours) = (count(streams.len() as u64, "stream"), human(total(&streams)));
        let _ = writeln!(out, "\n{was} → {is}: {many}, {hours}");
        streams.sort_by_key(|it| std::cmp::Reverse(it.total()));
        let columns = [("", false), ("", false), ("", true), ("", false)];
        let mut table = Table::new(&columns, &[1, 3], &[]);
        for one in streams.iter().take(NAMED) {
            let name = one.stream.name.clone();
            table.row(vec![one.short_id.clone(), name, human(one.total()), one.change()]);
        }
        for line in table.render(width.saturating_sub(2)).lines().skip(1) {
            let _ = writeln!(out, "  {line}");
        }
        if let Some(more) = streams.len().checked_sub(NAMED + 1) {
            let _ = writeln!(out, "  … and {} more", more + 1);
        }
    }
    out.push_str(&by_tag(shown, width));
    out.push_str(&pushed(shown));
    out
}

/// What each tag gains and loses.
fn by_tag(shown: &[Shown<'_>], width: usize) -> String {
    let totals = totals(shown);
    if totals.is_empty() {
        return String::new();
    }
    let columns = [("TAG", false), ("STREAMS", true), ("GAINS", true), ("LOSES", true)];
    let mut table = Table::new(&columns, &[0], &[1]);
    let length = |ms| if ms == 0 { String::new() } else { human(ms) };
    for (tag, it) in totals {
        let streams = it.streams.to_string();
        table.row(vec![tag.to_owned(), streams, length(it.gains), length(it.loses)]);
    }
    format!("\n{}", table.render(width))
}

#[derive(Default)]
struct Total {
    streams: usize,
    gains: Millis,
    loses: Millis,
}

fn totals<'s>(shown: &'s [Shown<'_>]) -> BTreeMap<&'s str, Total> {
    let mut all: BTreeMap<&str, Total> = BTreeMap::new();
    for one in shown {
        let (come, go) = one.come_and_go();
        for tag in come {
            let total = all.entry(tag).or_default();
            total.streams += 1;
            total.gains += one.total();
        }
        for tag in go {
            let total = all.entry(tag).or_default();
            total.streams += 1;
            total.loses += one.total();
        }
    }
    all
}

fn pushed(shown: &[Shown<'_>]) -> String {
    let mut out = String::new();
    for one in shown.iter().filter(|one| !one.pushed.is_empty()) {
        if out.is_empty() {
            out.push_str("\nPushed already, so that the next push has to put them right:\n");
        }
        let each = one.pushed.iter().map(|it| format!("{} at {}", it.destination, it.at));
        let (where_to, name) = (each.collect::<Vec<_>>().join(", "), &one.stream.name);
        let _ = writeln!(out, "  {}  {}: {}", one.short_id, harmless(name), harmless(&where_to));
    }
    out
}

/// The same as JSON: `streams` and `tags`.
pub(super) fn in_json(shown: &[Shown<'_>]) -> (Value, Value) {
    let rule = |state: Option<&State>| {
        rule(state).map(|rule| json!({ "name": rule.title(), "line": rule.line }))
    };
    let given = |state: Option<&State>| {
        let tags = state.into_iter().flat_map(|state| state.tags.values());
        let tags = tags.map(|it| json!({ "tag": it.tag, "source": it.source().as_str() }));
        json!({
            "tags": tags.collect::<Vec<_>>(), "project": project(state), "rule": rule(state),
        })
    };
    let streams = shown.iter().map(|one| {
        let ((was, is), (direct, delegated)) = (one.states(), one.time());
        let (come, go) = one.come_and_go();
        let pushed = one.pushed.iter();
        let pushed = pushed.map(|it| json!({ "destination": it.destination, "pushed_at": it.at }));
        json!({
            "id": one.stream.id,
            "name": one.stream.name,
            "before": given(was),
            "after": given(is),
            "added": come,
            "removed": go,
            "time_direct_ms": direct,
            "time_delegated_ms": delegated,
            "pushed": pushed.collect::<Vec<_>>(),
        })
    });
    let totals = totals(shown).into_iter().map(|(tag, it)| {
        let (gains, loses) = (it.gains, it.loses);
        json!({ "tag": tag, "streams": it.streams, "gains_ms": gains, "loses_ms": loses })
    });
    (streams.collect(), totals.collect())
}
