//! What a file may say after a change: what it said before, but for the change.

use toml::{Table, Value};

use super::Change;

/// Whether what a file says after these changes, which are of one kind, differs by them alone.
pub(super) fn is_kept(before: &Table, after: &Table, changes: &[Change]) -> bool {
    let Some(kind) = changes.first() else { return false };
    if *kind == Change::Word {
        return differences(before, after) <= changes.len();
    }
    let ((mut rules, rest), (rules_after, rest_after)) = (split(before), split(after));
    let as_said = match kind {
        Change::Word | Change::Comment => rules == rules_after,
        Change::Tag => {
            let tags = |rules: &[Value]| rules.iter().map(|rule| tags(rule).len()).sum::<usize>();
            let fewer = tags(&rules).checked_sub(tags(&rules_after));
            let given = |rules: &[Value]| rules.iter().map(given_once).collect::<Vec<_>>();
            fewer == Some(changes.len()) && given(&rules) == given(&rules_after)
        }
        Change::Move { .. } => {
            for (change, moved_before) in changes.iter().zip(0..) {
                if let Change::Move { rule, above } = change
                    && let Some(passed) = rules.get_mut(above + moved_before..=*rule)
                {
                    passed.rotate_right(1);
                }
            }
            rules == rules_after
        }
        Change::Remove { .. } => {
            let gone = |place| changes.contains(&Change::Remove { rule: place });
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
