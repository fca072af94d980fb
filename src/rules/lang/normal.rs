//! Which texts are in Unicode normal form C, told character by character from the left.
//!
//! Values are in NFC, so a text that is not is no value, whatever patterns say: no value matches
//! the pattern `e*` and ends in the very next character with a combining acute accent, since `e`
//! and the accent are one character `é` in NFC.
//!
//! What a text can go on with depends on little of it: the last starter, and the last mark after it
//! that did not become a part of it ([`Tail`]). Marks before that one have no say: by the order
//! that NFC demands they have a combining class no higher, and block nothing that it does not.

use std::iter;
use std::sync::OnceLock;

use unicode_normalization::char::{canonical_combining_class, compose, decompose_canonical};
use unicode_normalization::{IsNormalized, is_nfc, is_nfc_quick};

/// How a character behaves in NFC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Occurs in no text in NFC.
    Never,
    /// Can come after anything.
    Plain,
    /// Combines with what is before it, or must be in order with it.
    Attaches,
}

/// The role of a character.
#[must_use]
pub fn role(c: char) -> Role {
    match is_nfc_quick(iter::once(c)) {
        IsNormalized::No => Role::Never,
        IsNormalized::Maybe => Role::Attaches,
        IsNormalized::Yes if canonical_combining_class(c) != 0 => Role::Attaches,
        IsNormalized::Yes => Role::Plain,
    }
}

/// Whether the character can stand anywhere and changes nothing for those around it.
#[must_use]
pub fn is_inert(c: char) -> bool {
    let mut marked = false;
    decompose_canonical(c, |part| marked |= canonical_combining_class(part) != 0);
    role(c) == Role::Plain
        && !marked
        && attaching().iter().all(|after| compose(c, *after).is_none())
}

/// All characters that some character before them absorbs.
fn attaching() -> &'static [char] {
    static ALL: OnceLock<Vec<char>> = OnceLock::new();
    ALL.get_or_init(|| {
        let maybe = |c: &char| is_nfc_quick(iter::once(*c)) == IsNormalized::Maybe;
        // None below, and none in the blocks of ideographs and private use.
        ('\u{300}'..='\u{1ffff}').filter(maybe).collect()
    })
}

/// What the end of a text in NFC means for what can follow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Tail {
    /// The last starter, unless it is inert or there is none.
    starter: Option<char>,
    /// Of the marks after it, the first of those with the highest combining class.
    mark: Option<char>,
}

impl Tail {
    /// The tail of the text that `c` makes longer; `None` if that is not in NFC.
    #[must_use]
    pub fn then(self, c: char) -> Option<Self> {
        match role(c) {
            Role::Never => None,
            Role::Plain if is_inert(c) => Some(Self::default()),
            Role::Plain => Some(Self { starter: Some(c), mark: None }),
            Role::Attaches => {
                let end: String = self.starter.into_iter().chain(self.mark).chain([c]).collect();
                if !is_nfc(&end) {
                    return None;
                }
                let class = canonical_combining_class(c);
                if class == 0 {
                    return Some(Self { starter: Some(c), mark: None });
                }
                let same = |mark: &char| canonical_combining_class(*mark) == class;
                Some(Self { mark: self.mark.filter(same).or(Some(c)), ..self })
            }
        }
    }

    /// Whether all that can follow `other` can follow this too. Not always found.
    #[must_use]
    pub fn allows_all_of(self, other: Self) -> bool {
        self == other || self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_attaches_beyond_the_blocks_looked_at() {
        let maybe = |c: &char| is_nfc_quick(iter::once(*c)) == IsNormalized::Maybe;
        assert!(!('\u{0}'..'\u{300}').any(|c| maybe(&c)));
        assert!(!('\u{20000}'..=char::MAX).any(|c| maybe(&c)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn a_tail_knows_what_can_follow(
            text in "[abeéoq\u{1ea1}\u{e1}\u{300}\u{301}\u{302}\u{323}\u{327}\u{31b}\u{33d}\u{345}\u{5b0}\u{1100}\u{1161}\u{11a8}\u{ac00}\u{ac01}\u{9c7}\u{9be}\u{9d7}\u{11935}\u{11930}\u{1611e}\u{1611f}\u{958}<\u{338}]{1,7}",
        ) {
            let mut tail = Some(Tail::default());
            let mut so_far = String::new();
            for c in text.chars() {
                so_far.push(c);
                tail = tail.and_then(|tail| tail.then(c));
                prop_assert_eq!(tail.is_some(), is_nfc(&so_far), "{:?}", so_far);
            }
        }
    }
}
