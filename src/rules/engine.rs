//! The search: a table, a stream, and the smallest rule that holds.

use std::sync::atomic::{AtomicU64, Ordering};

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::ir::RuleId;
use super::stream::Stream;
use super::table::text::TextCache;
use super::table::{AtomId, Opens, Table};

/// What a search needs to remember, kept by the caller so that the next search need not allocate.
///
/// One scratch serves any number of searches and any rules; with other rules than before it starts
/// afresh. Threads that search at the same time need one each.
#[derive(Debug, Default)]
pub struct Scratch {
    owner: Option<TableId>,
    /// Counts searches; marks of earlier searches are void.
    search: u64,
    atoms: Vec<u64>,
    gates: Vec<(u64, u32)>,
    caches: Vec<TextCache>,
}

/// Tells tables apart, since the caches of one are nonsense to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableId(u64);

impl TableId {
    /// An id that no other table of this process has.
    #[must_use]
    pub fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Scratch {
    fn begin(&mut self, table: &Table, id: TableId) {
        if self.owner != Some(id) {
            *self = Self {
                owner: Some(id),
                search: 0,
                atoms: vec![0; table.atom_count()],
                gates: vec![(0, 0); table.gate_count()],
                caches: table.caches(),
            };
        }
        self.search += 1;
    }
}

/// The smallest rule of `table` that holds for `stream`.
pub fn first_match(
    table: &Table,
    id: TableId,
    stream: &Stream,
    scratch: &mut Scratch,
) -> Option<RuleId> {
    scratch.begin(table, id);
    let Scratch { search, atoms, gates, caches, .. } = scratch;
    let mut tally = Tally { table, search: *search, atoms, gates, best: None };
    for ((field, texts), cache) in table.texts().iter().zip(caches) {
        for value in stream.texts(*field) {
            let normal;
            let value = if is_nfc_quick(value.chars()) == IsNormalized::Yes {
                value.as_str()
            } else {
                normal = value.nfc().collect::<String>();
                normal.as_str()
            };
            texts.search(value, cache, &mut |atom| tally.pass(atom));
        }
    }
    for (field, numbers) in table.numbers() {
        if let Some(value) = stream.number(*field) {
            numbers.passed(value).for_each(|atom| tally.pass(atom));
        }
    }
    if let Some(day) = stream.weekday() {
        table.weekday(day).iter().for_each(|atom| tally.pass(*atom));
    }
    let walked = table.walk(stream);
    tally.best.map_or(walked, |best| Some(walked.map_or(best, |rule| rule.min(best))))
}

struct Tally<'t> {
    table: &'t Table,
    search: u64,
    /// Per atom, the last search in which it passed.
    atoms: &'t mut [u64],
    /// Per gate, the last search in which a child held, and how many did.
    gates: &'t mut [(u64, u32)],
    best: Option<RuleId>,
}

impl Tally<'_> {
    fn pass(&mut self, atom: AtomId) {
        let Some(mark) = self.atoms.get_mut(atom.0 as usize) else {
            return;
        };
        // A set passes a test once, however many of its elements do.
        if *mark == self.search {
            return;
        }
        *mark = self.search;
        let table = self.table;
        for opens in table.parents(atom) {
            self.count(*opens);
        }
    }

    fn count(&mut self, mut opens: Opens) {
        loop {
            match opens {
                Opens::Rule(rule) => {
                    self.best = Some(self.best.map_or(rule, |best| best.min(rule)));
                    return;
                }
                Opens::Gate(id) => {
                    let Some(gate) = self.table.gate(id) else {
                        return;
                    };
                    let Some((search, held)) = self.gates.get_mut(id.0 as usize) else {
                        return;
                    };
                    if *search != self.search {
                        (*search, *held) = (self.search, 0);
                    }
                    *held += 1;
                    if *held != gate.needed {
                        return;
                    }
                    opens = gate.opens;
                }
            }
        }
    }
}
