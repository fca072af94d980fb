//! What the database knows, as far as it helps to write rules: the stored streams, the values they
//! have, and the tags in use. All of it may be missing.

use std::collections::BTreeMap;

use crate::rules::fields::{FIELDS, Field};
use crate::rules::{Checked, RuleSet, Scratch, Stream};

/// A stored stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownStream {
    /// Its name.
    pub name: String,
    /// What rules see of it.
    pub stream: Stream,
}

/// What is known.
#[derive(Clone, Debug, Default)]
pub struct Known {
    streams: Vec<KnownStream>,
    /// How many more there are.
    left_out: u64,
    tags: Vec<String>,
    /// Per field of text, its values.
    values: BTreeMap<Field, Vec<String>>,
}

/// Which stored streams the rules of a file would win.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tally {
    /// Per rule, how many, and the first of them.
    pub(super) won: Vec<(u64, Option<usize>)>,
}

impl Known {
    /// From streams, newest first, the number of streams that were left out, and tags with the
    /// number of their streams.
    #[must_use]
    pub fn new(streams: Vec<KnownStream>, left_out: u64, mut tags: Vec<(String, u64)>) -> Self {
        let mut values = BTreeMap::new();
        for info in FIELDS {
            let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
            for text in streams.iter().flat_map(|known| known.stream.texts(info.field)) {
                *counts.entry(text).or_default() += 1;
            }
            let counts = counts.into_iter().map(|(text, count)| (text.to_owned(), count));
            values.insert(info.field, by_frequency(counts.collect()));
        }
        tags.sort();
        Self { left_out, tags: by_frequency(tags), values, streams }
    }

    /// The tags in use, the most frequent first.
    pub(super) fn tags(&self) -> &[String] {
        &self.tags
    }

    /// The values of a field of text, the most frequent first; of other fields none.
    pub(super) fn values(&self, field: Field) -> &[String] {
        self.values.get(&field).map(Vec::as_slice).unwrap_or_default()
    }

    /// The streams, newest first.
    pub(super) fn streams(&self) -> &[KnownStream] {
        &self.streams
    }

    /// How many streams are not among them.
    pub(super) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Runs the rules over all streams.
    pub(super) fn tally(&self, rules: &Checked<RuleSet>) -> Tally {
        let compiled = rules.compile();
        let mut won = vec![(0, None); compiled.all().len()];
        let mut scratch = Scratch::default();
        for (index, known) in self.streams.iter().enumerate() {
            let winner = compiled.first_match_with(&known.stream, &mut scratch);
            if let Some((count, example)) = winner.and_then(|id| won.get_mut(id.index())) {
                *count += 1;
                example.get_or_insert(index);
            }
        }
        Tally { won }
    }
}

fn by_frequency(mut counts: Vec<(String, u64)>) -> Vec<String> {
    // Equally frequent ones stay in the order of their names.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().map(|(text, _)| text).collect()
}
