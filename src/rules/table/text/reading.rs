//! A value read once: its bytes as words, and a chained hash from which the hash of any prefix
//! follows in one step.
//!
//! ```text
//! bytes    /home/u/ work/acm e/web
//! blocks   b0       b1       b2        eight bytes each, the last filled up with zeros
//! states   s0 ────▶ s1 ────▶ s2        s(i+1) = fold(s(i) ^ b(i))
//!
//! hash of the first 17 bytes = fold(s2 ^ the first byte of b2, 17)
//! ```
//!
//! A path of eight directories has eight prefixes that rules may name; hashing each by itself would
//! read the path four times over.

/// Odd numbers without pattern (digits of π).
const SEED: u64 = 0x243f_6a88_85a3_08d3;
const CHAIN: u64 = 0x1319_8a2e_0370_7345;
const FINISH: u64 = 0xa409_3822_299f_31d1;

/// Multiplies and folds the upper half of the product into the lower.
#[inline]
pub(super) const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    product as u64 ^ (product >> 64) as u64
}

/// A value as the tables look at it. Reused from value to value.
#[derive(Debug, Default)]
pub struct Reading {
    /// Per block, the state before it and the block; those of longer values before may follow.
    blocks: Vec<(u64, u64)>,
    len: usize,
    hash: u64,
}

impl Reading {
    /// Reads a value. One multiplication per eight bytes.
    #[inline]
    pub fn read(&mut self, value: &[u8]) {
        let full = value.len() / 8;
        if self.blocks.len() <= full {
            self.blocks.resize(full + 1, (0, 0));
        }
        let mut state = SEED;
        for (place, chunk) in self.blocks.iter_mut().zip(value.chunks_exact(8)) {
            let block = word(chunk);
            *place = (state, block);
            state = fold(state ^ block, CHAIN);
        }
        let tail = tail(value);
        if let Some(last) = self.blocks.get_mut(full) {
            *last = (state, tail);
        }
        self.len = value.len();
        self.hash = finish(state ^ tail, value.len());
    }

    /// The blocks of this value; one more than are full.
    #[inline]
    fn blocks(&self) -> &[(u64, u64)] {
        self.blocks.get(..=self.len / 8).unwrap_or_default()
    }

    /// Length of the value in bytes.
    #[inline]
    #[must_use]
    pub const fn length(&self) -> usize {
        self.len
    }

    /// The hash of the first `len` bytes; of a longer prefix than there is, anything.
    #[inline]
    pub(super) fn prefix_hash(&self, len: usize) -> u64 {
        let (state, block) = self.blocks().get(len / 8).copied().unwrap_or_default();
        finish(state ^ block & mask(len % 8), len)
    }

    /// The hash of the whole value.
    #[inline]
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// The bytes as words, the last one filled up with zeros. Of a value that fills its words, one
    /// more word of zeros.
    #[inline]
    pub fn words(&self) -> impl ExactSizeIterator<Item = u64> {
        self.blocks().iter().map(|(_, block)| *block)
    }

    /// Whether every byte is ASCII.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.words().fold(0, |all, block| all | block) & HIGH == 0
    }

    /// Per 64 bytes of the value, a bit for each byte that is a `/`.
    #[inline]
    pub(super) fn slashes(&self) -> impl Iterator<Item = u64> {
        self.blocks().chunks(8).map(|blocks| {
            blocks.iter().rev().fold(0, |bits, (_, block)| bits << 8 | slashes_of(*block))
        })
    }
}

/// The hash that [`Reading::hash`] gives for `text`.
pub(super) fn hash(text: &[u8]) -> u64 {
    let mut state = SEED;
    for chunk in text.chunks_exact(8) {
        state = fold(state ^ word(chunk), CHAIN);
    }
    finish(state ^ tail(text), text.len())
}

#[inline]
const fn finish(state: u64, len: usize) -> u64 {
    fold(state, FINISH ^ len as u64)
}

#[inline]
fn word(chunk: &[u8]) -> u64 {
    chunk.try_into().map_or(0, u64::from_le_bytes)
}

/// The last bytes, which fill no block, as a word; the missing ones zero.
#[inline]
fn tail(value: &[u8]) -> u64 {
    let over = value.len() % 8;
    if over == 0 {
        return 0;
    }
    // The last eight bytes without those of the block before; bytes one by one only for values
    // that have no eight.
    match value.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last) >> (64 - 8 * over),
        None => value.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// The first `bytes` bytes of a block, fewer than eight.
#[inline]
const fn mask(bytes: usize) -> u64 {
    (1 << (bytes * 8)) - 1
}

const HIGH: u64 = 0x8080_8080_8080_8080;
const SLASHES: u64 = 0x2f2f_2f2f_2f2f_2f2f;

/// A bit for each byte of the block that is a `/`, the first byte lowest.
#[inline]
const fn slashes_of(block: u64) -> u64 {
    // A byte of `x` is zero where the block has a slash; the high bit of a byte of `other` is set
    // elsewhere. The sum cannot carry from byte to byte.
    let x = block ^ SLASHES;
    let other = ((x & !HIGH) + !HIGH) | x;
    // Gathers the high bits of the eight bytes in the top byte.
    ((!other & HIGH) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn prefixes_hash_as_if_read_alone(value in "[a-c/é]{0,90}") {
            let mut reading = Reading::default();
            reading.read(value.as_bytes());
            prop_assert_eq!(reading.hash(), hash(value.as_bytes()));
            for len in 0..=value.len() {
                prop_assert_eq!(reading.prefix_hash(len), hash(&value.as_bytes()[..len]));
            }
            let mut slashes = vec![0; value.len() / 64 + 1];
            for (at, _) in value.match_indices('/') {
                slashes[at / 64] |= 1 << (at % 64);
            }
            let found: Vec<_> = reading.slashes().collect();
            prop_assert_eq!(found, slashes);
            prop_assert_eq!(reading.is_ascii(), value.is_ascii());
        }
    }
}
