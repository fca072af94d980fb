//! Braces multiplied out: `*.{rs,toml}` becomes `*.rs` and `*.toml`, each with a shape of its own.

use std::borrow::Cow;

use crate::rules::ir::Part;

/// Beyond this many alternatives a pattern is left as it is.
pub(super) const MAX_ALTERNATIVES: usize = 16;

/// The pattern as alternatives without braces; `None` where these would be too many.
pub(super) fn expand(parts: &[Part]) -> Option<Vec<Cow<'_, [Part]>>> {
    if !parts.iter().any(|part| matches!(part, Part::Group(_))) {
        return Some(vec![Cow::Borrowed(parts)]);
    }
    Some(sequences(parts)?.into_iter().map(Cow::Owned).collect())
}

fn sequences(parts: &[Part]) -> Option<Vec<Vec<Part>>> {
    let mut all = vec![Vec::new()];
    for part in parts {
        match part {
            Part::Group(alternatives) => {
                let mut inner = Vec::new();
                for alternative in alternatives {
                    inner.extend(sequences(alternative)?);
                }
                if all.len() * inner.len() > MAX_ALTERNATIVES {
                    return None;
                }
                let longer = |before: &Vec<Part>| {
                    let joined = inner.iter().map(|it| join(before.clone(), it));
                    joined.collect::<Vec<_>>()
                };
                all = all.iter().flat_map(longer).collect();
            }
            Part::Literal(_) | Part::Any | Part::Star | Part::Class(_) | Part::Capture(_) => {
                all.iter_mut().for_each(|before| push(before, part));
            }
        }
    }
    Some(all)
}

fn join(mut before: Vec<Part>, after: &[Part]) -> Vec<Part> {
    after.iter().for_each(|part| push(&mut before, part));
    before
}

/// Keeps texts in one piece and stars single, as [`Part`] promises.
fn push(parts: &mut Vec<Part>, part: &Part) {
    match (parts.last_mut(), part) {
        (Some(Part::Literal(before)), Part::Literal(text)) => before.push_str(text),
        (Some(Part::Star), Part::Star) => {}
        _ => parts.push(part.clone()),
    }
}
