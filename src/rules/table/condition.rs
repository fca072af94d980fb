//! Conditions: what is left to ask of a rule once one of its tests has passed.
//!
//! A condition is asked only about streams that passed a test which it cannot do without, its
//! *trigger*. What is left, the *residual*, never runs a pattern: every pattern that it mentions has
//! a number, its track, and the search has found out by then which tracks the values pass.

use super::TrackId;
use crate::rules::fields::Field;

/// A boolean tree with negation at its leaves only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition<L> {
    /// Where all of these hold; of none, everywhere.
    All(Vec<Condition<L>>),
    /// Where one of these holds; of none, nowhere.
    Any(Vec<Condition<L>>),
    /// Where the leaf holds, or with `false` where it does not.
    Leaf(L, bool),
}

impl<L> Condition<L> {
    /// Holds everywhere.
    pub const TRUE: Self = Self::All(Vec::new());
    /// Holds nowhere.
    pub const FALSE: Self = Self::Any(Vec::new());

    /// Whether it is [`Self::TRUE`].
    #[must_use]
    pub fn is_true(&self) -> bool {
        matches!(self, Self::All(children) if children.is_empty())
    }

    /// Whether it is [`Self::FALSE`].
    #[must_use]
    pub fn is_false(&self) -> bool {
        matches!(self, Self::Any(children) if children.is_empty())
    }

    /// Where all of these hold: flat, without what is always true, and `FALSE` if one is never.
    #[must_use]
    pub fn all(children: impl Iterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for child in children {
            match child {
                Self::Any(inner) if inner.is_empty() => return Self::FALSE,
                Self::All(inner) => flat.extend(inner),
                Self::Any(_) | Self::Leaf(..) => flat.push(child),
            }
        }
        if flat.len() == 1 { flat.pop().unwrap_or(Self::TRUE) } else { Self::All(flat) }
    }

    /// Where one of these holds: flat, without what is never true, and `TRUE` if one is always.
    #[must_use]
    pub fn any(children: impl Iterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for child in children {
            match child {
                Self::All(inner) if inner.is_empty() => return Self::TRUE,
                Self::Any(inner) => flat.extend(inner),
                Self::All(_) | Self::Leaf(..) => flat.push(child),
            }
        }
        if flat.len() == 1 { flat.pop().unwrap_or(Self::FALSE) } else { Self::Any(flat) }
    }

    /// Calls `f` with every leaf.
    pub fn leaves(&self, f: &mut impl FnMut(&L)) {
        match self {
            Self::All(children) | Self::Any(children) => {
                children.iter().for_each(|child| child.leaves(f));
            }
            Self::Leaf(leaf, _) => f(leaf),
        }
    }
}

/// A test that a condition makes, answered from what a search found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fact {
    /// Some value passes the pattern.
    Passes(TrackId),
    /// The field has a value that does not pass the pattern.
    Fails(Field, TrackId),
    /// A number is where this test wants it.
    Number(NumberTestId),
}

/// A test of a number that conditions make.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NumberTestId(pub u32);

/// A residual of [`Residuals`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ResidualId(pub u32);

#[derive(Clone, Copy, Debug)]
enum Node {
    /// The nodes up to the end are children, each with its own below it.
    All {
        end: u32,
    },
    Any {
        end: u32,
    },
    Leaf(Fact, bool),
}

/// All residuals of a table, one behind the other.
#[derive(Debug, Default)]
pub struct Residuals(Vec<Node>);

impl Residuals {
    /// Keeps a condition.
    pub fn add(&mut self, condition: &Condition<Fact>) -> ResidualId {
        let id = ResidualId(self.0.len() as u32);
        self.push(condition);
        id
    }

    fn push(&mut self, condition: &Condition<Fact>) {
        let (children, node): (_, fn(u32) -> Node) = match condition {
            Condition::All(children) => (children, |end| Node::All { end }),
            Condition::Any(children) => (children, |end| Node::Any { end }),
            Condition::Leaf(fact, wanted) => return self.0.push(Node::Leaf(*fact, *wanted)),
        };
        let at = self.0.len();
        self.0.push(node(0));
        children.iter().for_each(|child| self.push(child));
        let end = self.0.len() as u32;
        if let Some(place) = self.0.get_mut(at) {
            *place = node(end);
        }
    }

    /// Whether a condition holds, where `knows` answers for facts.
    #[must_use]
    pub fn holds(&self, id: ResidualId, knows: &impl Fn(Fact) -> bool) -> bool {
        self.evaluate(id.0 as usize, knows).0
    }

    /// Whether the node holds, and where the next one is.
    fn evaluate(&self, at: usize, knows: &impl Fn(Fact) -> bool) -> (bool, usize) {
        match self.0.get(at) {
            None => (false, at),
            Some(Node::Leaf(fact, wanted)) => (knows(*fact) == *wanted, at + 1),
            Some(Node::All { end }) => (self.children(at, *end, false, knows), *end as usize),
            Some(Node::Any { end }) => (self.children(at, *end, true, knows), *end as usize),
        }
    }

    /// `until` if one child is, else the contrary.
    fn children(&self, at: usize, end: u32, until: bool, knows: &impl Fn(Fact) -> bool) -> bool {
        let mut next = at + 1;
        while next < end as usize {
            let (holds, behind) = self.evaluate(next, knows);
            if holds == until {
                return until;
            }
            next = behind;
        }
        !until
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn memory_usage(&self) -> usize {
        self.0.capacity() * size_of::<Node>()
    }

    pub(super) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    /// A condition in words, where `name` names facts.
    #[must_use]
    pub fn describe(&self, id: ResidualId, name: &impl Fn(Fact) -> String) -> String {
        self.words(id.0 as usize, name).0
    }

    fn words(&self, at: usize, name: &impl Fn(Fact) -> String) -> (String, usize) {
        let (word, end, empty) = match self.0.get(at) {
            None => return (String::new(), at),
            Some(Node::Leaf(fact, true)) => return (name(*fact), at + 1),
            Some(Node::Leaf(fact, false)) => return (format!("not {}", name(*fact)), at + 1),
            Some(Node::All { end }) => (" and ", *end as usize, "true"),
            Some(Node::Any { end }) => (" or ", *end as usize, "false"),
        };
        let mut parts = Vec::new();
        let mut next = at + 1;
        while next < end {
            let (part, behind) = self.words(next, name);
            parts.push(part);
            next = behind;
        }
        match parts.as_slice() {
            [] => (empty.to_owned(), end),
            _ => (format!("({})", parts.join(word)), end),
        }
    }
}
