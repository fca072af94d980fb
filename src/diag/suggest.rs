//! Did you mean: the nearest known word to one that is unknown.

/// The candidate nearest in spelling to `word`, if it is near enough to be meant: at most a third
/// of the longer word changed, swapped neighbours counting as one change. Ties go to the first.
///
/// Costs a distance per candidate, each at most the product of the lengths; words longer than any
/// sensible name are not compared.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_lowercase();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&word, candidate);
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(changes, candidate)| {
            let longer = word.chars().count().max(candidate.chars().count());
            changes * 3 <= longer
        })
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_only() {
        let words = ["name", "match", "tags", "project", "enabled"];
        assert_eq!(nearest("mathc", words), Some("match"));
        assert_eq!(nearest("Tags", words), Some("tags"));
        assert_eq!(nearest("tag", words), Some("tags"));
        assert_eq!(nearest("priority", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest(&"n".repeat(10_000), words), None);
    }
}
