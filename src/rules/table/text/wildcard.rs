//! One pattern against one value, byte by byte: what verifies a candidate.
//!
//! A pattern without braces is a row of instructions in one array of bytes that all patterns of a
//! field share. When a part fails, the last `*` takes one byte more and the rest is tried again;
//! earlier stars never need to be reconsidered, for whatever an earlier one could gain, the last one
//! can take. A capture is a star that stops at `/`, tried within the last `*`.
//!
//! INVARIANT (complete): [`is_simple`] patterns are decided exactly. Two captures without a `*`
//! between them are simple only if nothing beside them can stand for a `/`: then what follows a
//! capture is found at the first place possible or, if it holds a `/` itself, at the only one, and
//! as with stars the first place is the best. Otherwise the first could swallow a `/` that the
//! second needs.

use crate::rules::ir::Part;
use crate::rules::ir::pattern::{Class, escaped};

const LITERAL: u8 = 0;
const ANY: u8 = 1;
const STAR: u8 = 2;
const CLASS: u8 = 3;
const CAPTURE: u8 = 4;

/// Whether [`Programs::matches`] decides such a pattern.
pub(super) fn is_simple(parts: &[Part]) -> bool {
    parts.split(|part| *part == Part::Star).all(|region| {
        let captures = region.iter().filter(|part| matches!(part, Part::Capture(_))).count();
        let stands_for_slash = region.iter().any(|part| match part {
            Part::Any => true,
            Part::Class(class) => class.contains('/'),
            Part::Group(_) => true,
            Part::Literal(_) | Part::Star | Part::Capture(_) => false,
        });
        let grouped = region.iter().any(|part| matches!(part, Part::Group(_)));
        !grouped && (captures < 2 || !stands_for_slash)
    })
}

/// Where a program lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Program {
    pub(super) start: u32,
    pub(super) len: u16,
}

/// The programs and texts of a field.
#[derive(Debug, Default)]
pub(super) struct Programs {
    bytes: Vec<u8>,
    classes: Vec<Class>,
}

impl Programs {
    /// Keeps a text; `None` if it is too long to be addressed.
    pub(super) fn text(&mut self, text: &str) -> Option<Program> {
        let start = u32::try_from(self.bytes.len()).ok()?;
        let len = u16::try_from(text.len()).ok()?;
        self.bytes.extend_from_slice(text.as_bytes());
        Some(Program { start, len })
    }

    /// Keeps a simple pattern; `None` if it is too long to be addressed.
    pub(super) fn pattern(&mut self, parts: &[Part]) -> Option<Program> {
        let at = self.bytes.len();
        let start = u32::try_from(at).ok()?;
        for part in parts {
            match part {
                Part::Literal(text) => {
                    for piece in text.as_bytes().chunks(usize::from(u8::MAX)) {
                        self.bytes.extend([LITERAL, piece.len() as u8]);
                        self.bytes.extend_from_slice(piece);
                    }
                }
                Part::Any => self.bytes.push(ANY),
                Part::Star => self.bytes.push(STAR),
                Part::Class(class) => {
                    let number = self.class(class);
                    self.bytes.push(CLASS);
                    self.bytes.extend_from_slice(&number.to_le_bytes());
                }
                Part::Capture(_) => self.bytes.push(CAPTURE),
                Part::Group(_) => {}
            }
        }
        let len = u16::try_from(self.bytes.len() - at).ok();
        if len.is_none() {
            self.bytes.truncate(at);
        }
        Some(Program { start, len: len? })
    }

    /// Files repeat few classes; the last ones are near.
    fn class(&mut self, class: &Class) -> u32 {
        let near = self.classes.iter().rposition(|it| it == class);
        let at = near.unwrap_or_else(|| {
            self.classes.push(class.clone());
            self.classes.len() - 1
        });
        at as u32
    }

    /// The bytes of a program or text.
    #[inline]
    pub(super) fn bytes(&self, program: Program) -> &[u8] {
        let start = program.start as usize;
        self.bytes.get(start..start + usize::from(program.len)).unwrap_or_default()
    }

    /// Whether the pattern matches the whole value.
    pub(super) fn matches(&self, program: Program, value: &str) -> bool {
        Run { program: self.bytes(program), classes: &self.classes, value }.run()
    }

    /// The pattern as a glob, for people.
    pub(super) fn glob(&self, program: Program) -> String {
        let mut out = String::new();
        let mut rest = self.bytes(program);
        while let [instruction, after @ ..] = rest {
            rest = after;
            match (*instruction, after) {
                (LITERAL, [len, text @ ..]) => {
                    let (text, after) = text.split_at(usize::from(*len).min(text.len()));
                    out.push_str(&escaped(&String::from_utf8_lossy(text), false));
                    rest = after;
                }
                (CLASS, [_, _, _, _, after @ ..]) => {
                    out.push_str("[…]");
                    rest = after;
                }
                (ANY, _) => out.push('?'),
                (CAPTURE, _) => out.push_str("<…>"),
                _ => out.push('*'),
            }
        }
        out
    }

    /// Bytes on the heap.
    pub(super) fn memory_usage(&self) -> usize {
        let ranges: usize = self.classes.iter().map(|it| size_of_val(it.ranges.as_slice())).sum();
        self.bytes.capacity() + self.classes.capacity() * size_of::<Class>() + ranges
    }

    /// Gives back what building took too much.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        self.classes.shrink_to_fit();
    }
}

struct Run<'p> {
    program: &'p [u8],
    classes: &'p [Class],
    value: &'p str,
}

impl Run<'_> {
    fn run(&self) -> bool {
        let end = self.value.len();
        // Where the program and the value are, and where both go on when a part fails.
        let (mut p, mut at) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        let mut capture: Option<(usize, usize)> = None;
        loop {
            match self.step(p, at) {
                Step::Done => return true,
                Step::On(next, after) => (p, at) = (next, after),
                Step::Star(next) => {
                    (star, capture) = (Some((next, at)), None);
                    p = next;
                }
                Step::Capture(next, after) => {
                    capture = Some((next, after));
                    (p, at) = (next, after);
                }
                Step::Fail => {
                    let longer = capture
                        .and_then(|(next, from)| Some((next, self.one(from, |c| c != '/')?)));
                    capture = longer;
                    if let Some(go_on) = longer {
                        (p, at) = go_on;
                    } else if let Some((next, from)) = star.filter(|(_, from)| *from < end) {
                        at = self.candidate(next, from + 1);
                        star = Some((next, at));
                        p = next;
                    } else {
                        return false;
                    }
                }
            }
        }
    }

    #[inline]
    fn step(&self, p: usize, at: usize) -> Step {
        let Some(instruction) = self.program.get(p) else {
            return if at == self.value.len() { Step::Done } else { Step::Fail };
        };
        let one = |next, after: Option<usize>| after.map_or(Step::Fail, |at| Step::On(next, at));
        match *instruction {
            LITERAL => {
                let text = self.literal(p);
                let rest = self.value.as_bytes().get(at..).unwrap_or_default();
                if rest.starts_with(text) {
                    Step::On(p + 2 + text.len(), at + text.len())
                } else {
                    Step::Fail
                }
            }
            STAR if p + 1 == self.program.len() => Step::Done,
            STAR => Step::Star(p + 1),
            ANY => one(p + 1, self.one(at, |_| true)),
            CLASS => {
                let number = self.program.get(p + 1..p + 5).and_then(|it| it.try_into().ok());
                let number = number.map_or(0, u32::from_le_bytes);
                let class = self.classes.get(number as usize);
                one(p + 5, self.one(at, |c| class.is_some_and(|it| it.contains(c))))
            }
            _ => match self.one(at, |c| c != '/') {
                Some(after) => Step::Capture(p + 1, after),
                None => Step::Fail,
            },
        }
    }

    #[inline]
    fn literal(&self, p: usize) -> &[u8] {
        let len = self.program.get(p + 1).map_or(0, |len| usize::from(*len));
        self.program.get(p + 2..p + 2 + len).unwrap_or_default()
    }

    /// The end of the character at `at` if it passes; a star may have stopped inside one.
    #[inline]
    fn one(&self, at: usize, passes: impl Fn(char) -> bool) -> Option<usize> {
        let c = self.value.get(at..)?.chars().next()?;
        passes(c).then(|| at + c.len_utf8())
    }

    /// The first place from `from` on where the part behind a star can begin.
    #[inline]
    fn candidate(&self, p: usize, from: usize) -> usize {
        if self.program.get(p) != Some(&LITERAL) {
            return from;
        }
        let first = self.literal(p).first();
        let rest = self.value.as_bytes().get(from..).unwrap_or_default();
        let found = rest.iter().position(|byte| Some(byte) == first);
        from + found.unwrap_or(rest.len())
    }
}

enum Step {
    /// The rest of the program matches whatever is left.
    Done,
    Fail,
    /// Program and value, one part on.
    On(usize, usize),
    /// Behind a star.
    Star(usize),
    /// Behind a capture, and what it took so far.
    Capture(usize, usize),
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::rules::ir::Pattern;

    fn part() -> impl Strategy<Value = Part> {
        let class = |negated, c| Part::Class(Class { negated, ranges: vec![(c, c)] });
        prop_oneof![
            3 => "[ab/]{1,2}".prop_map(Part::Literal),
            1 => Just(Part::Literal("é".into())),
            3 => Just(Part::Star),
            1 => Just(Part::Any),
            1 => Just(class(false, 'a')),
            1 => Just(class(true, 'a')),
            3 => Just(Part::Capture("x".into())),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn decides_what_the_definition_decides(
            parts in vec(part(), 0..8), values in vec("[ab/é]{0,9}", 1..20),
        ) {
            prop_assume!(is_simple(&parts));
            let mut programs = Programs::default();
            let program = programs.pattern(&parts).unwrap();
            let pattern = Pattern { parts };
            for value in &values {
                let expected = pattern.matches(value);
                prop_assert_eq!(programs.matches(program, value), expected, "{}", value);
            }
        }
    }

    #[test]
    fn long_texts_are_cut_or_refused() {
        let long = "x".repeat(1000);
        let mut programs = Programs::default();
        let program = programs.pattern(&[Part::Literal(long.clone()), Part::Star]).unwrap();
        assert!(programs.matches(program, &format!("{long}y")));
        assert!(!programs.matches(program, &long[1..]));
        assert_eq!(programs.glob(program), format!("{long}*"));
        let endless = Part::Literal("x".repeat(70_000));
        assert_eq!(programs.pattern(&[endless]), None);
    }
}
