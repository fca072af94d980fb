//! What fuzzers found worth keeping, replayed: `fuzz/corpus/TARGET/*` through the claim of that
//! name, and a few thousand made-up inputs besides.

use std::fs;
use std::path::Path;

use crate::claims;

/// Splitmix64 (Steele, Lea and Flood, 2014): the same bytes in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub(crate) fn bytes(&mut self, most: u64) -> Vec<u8> {
        let length = self.next() % most;
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

fn replay(target: &str, claim: fn(&[u8]), made: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut kept = 0;
    for entry in
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        claim(&fs::read(entry.unwrap().path()).unwrap());
        kept += 1;
    }
    assert!(kept >= 10, "{target}: only {kept} inputs are kept");
    let mut random = Random(7);
    (0..made).for_each(|_| claim(&random.bytes(700)));
}

#[test]
fn any_text_is_read() {
    replay("config", claims::config, 300);
}

#[test]
fn any_glob_is_decided_as_defined() {
    replay("glob", claims::glob, 300);
}

#[test]
fn any_expression_is_decided_as_defined() {
    replay("when", claims::when, 300);
}

#[test]
fn any_rules_are_decided_as_defined() {
    replay("table", claims::table, 1000);
}

#[test]
fn any_verdict_withstands_streams_near_the_borders() {
    replay("verdict", claims::verdict, 1000);
}

#[test]
fn any_difference_withstands_streams_near_the_borders() {
    replay("difference", claims::difference, 100);
}
