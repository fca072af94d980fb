//! Comparisons and ranges of durations and times of day: `">= 15m"`, `"09:00..17:30"`.
//!
//! In a `match` block they are texts, read here as a whole; a `when` expression has read operator
//! and values already and asks for their meaning only.
//!
//! Both become sets of whole numbers ([`Intervals`]): milliseconds for durations, nanoseconds
//! since midnight for times. A range holds its start and not its end, like every interval in `tt`,
//! so that neighbouring ranges share nothing.

use std::fmt;

use crate::rules::lang::Intervals;

/// Nanoseconds in a second, the unit of times being nanoseconds since midnight.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a day, which is one more than a time of day can be.
pub const DAY: i64 = 24 * 3600 * NANOS_PER_SECOND;

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Milliseconds.
    Duration,
    /// Nanoseconds since local midnight.
    TimeOfDay,
}

/// Why a comparison cannot be read. Positions are bytes of the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuantityError {
    /// What is wrong.
    pub kind: QuantityErrorKind,
    /// The first byte of what is wrong.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// What may be wrong with a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QuantityErrorKind {
    /// A value alone, with no operator and no range.
    NoOperator,
    /// Something that is no duration or no time of day.
    BadValue(Unit),
    /// A range that holds nothing.
    EmptyRange,
}

impl fmt::Display for QuantityErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoOperator => "a comparison or a range is needed",
            Self::BadValue(Unit::Duration) => "not a duration",
            Self::BadValue(Unit::TimeOfDay) => "not a time of day",
            Self::EmptyRange => "this range holds nothing",
        })
    }
}

/// How a value is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `>`
    More,
}

impl Comparison {
    /// Every comparison, longer spellings before those they begin with.
    pub const ALL: [Self; 6] =
        [Self::AtMost, Self::AtLeast, Self::Equal, Self::NotEqual, Self::Less, Self::More];

    /// How it is written.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::More => ">",
        }
    }

    /// The numbers that compare so with `value`.
    #[must_use]
    pub fn with(self, value: i64) -> Intervals {
        let below = value.checked_sub(1).map(|most| (i64::MIN, most));
        let above = value.checked_add(1).map(|least| (least, i64::MAX));
        match self {
            Self::AtMost => Intervals::of([(i64::MIN, value)]),
            Self::AtLeast => Intervals::of([(value, i64::MAX)]),
            Self::Equal => Intervals::of([(value, value)]),
            Self::NotEqual => Intervals::of(below.into_iter().chain(above)),
            Self::Less => Intervals::of(below),
            Self::More => Intervals::of(above),
        }
    }
}

/// Reads a comparison or range.
///
/// # Errors
///
/// The first mistake, with its place in `text`.
pub fn parse(text: &str, unit: Unit) -> Result<Intervals, QuantityError> {
    let begin = text.len() - text.trim_start().len();
    let trimmed = text.trim();
    for comparison in Comparison::ALL {
        if let Some(rest) = trimmed.strip_prefix(comparison.symbol()) {
            let value = value_at(text, rest, begin + comparison.symbol().len(), unit)?;
            return Ok(comparison.with(value));
        }
    }
    let Some((from, to)) = trimmed.split_once("..") else {
        let kind = QuantityErrorKind::NoOperator;
        return Err(QuantityError { kind, start: begin, end: begin + trimmed.len() });
    };
    let start = value_at(text, from, begin, unit)?;
    let end = value_at(text, to, begin + from.len() + 2, unit)?;
    range(start, end, unit).ok_or(QuantityError {
        kind: QuantityErrorKind::EmptyRange,
        start: begin,
        end: begin + trimmed.len(),
    })
}

/// The numbers from `start` up to `end`; `None` if that is none at all. A range of times may pass
/// midnight.
#[must_use]
pub fn range(start: i64, end: i64, unit: Unit) -> Option<Intervals> {
    match unit {
        _ if start == end => None,
        Unit::Duration | Unit::TimeOfDay if start < end => Some(Intervals::of([(start, end - 1)])),
        Unit::Duration => None,
        Unit::TimeOfDay => Some(Intervals::of([(i64::MIN, end - 1), (start, i64::MAX)])),
    }
}

/// The value written in `part`, which begins at byte `at` of `text`.
fn value_at(text: &str, part: &str, at: usize, unit: Unit) -> Result<i64, QuantityError> {
    let value = part.trim();
    read(value, unit).ok_or_else(|| {
        let start = (at + part.len() - part.trim_start().len()).min(text.len());
        let kind = QuantityErrorKind::BadValue(unit);
        QuantityError { kind, start, end: start + value.len() }
    })
}

/// The value that `text` stands for, if it is one.
#[must_use]
pub fn read(text: &str, unit: Unit) -> Option<i64> {
    match unit {
        Unit::Duration => duration(text),
        Unit::TimeOfDay => time_of_day(text),
    }
}

/// `1h30m`, `90s`, `250ms`: numbers with units, larger units first, each at most once.
fn duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let mut total: i64 = 0;
    let mut rest = text;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let (digits, tail) = split_while(rest, |c| c.is_ascii_digit());
        let (unit, tail) = split_while(tail, |c| c.is_ascii_alphabetic());
        let (_, millis) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(digits.parse::<i64>().ok()?.checked_mul(*millis)?)?;
        rest = tail.trim_start();
    }
    (!text.is_empty()).then_some(total)
}

/// `9:00`, `17:30`, `23:59:30`, and `24:00` for the end of the day.
fn time_of_day(text: &str) -> Option<i64> {
    let number = |part: &str| {
        let digits = matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<i64>().ok()).flatten()
    };
    let mut parts = text.split(':');
    let hours = number(parts.next()?)?;
    let minutes = parts.next().filter(|part| part.len() == 2).and_then(number)?;
    let seconds = match parts.next() {
        Some(part) => Some(part).filter(|part| part.len() == 2).and_then(number)?,
        None => 0,
    };
    let nanos = (hours * 3600 + minutes * 60 + seconds) * NANOS_PER_SECOND;
    (parts.next().is_none() && minutes < 60 && seconds < 60 && nanos <= DAY).then_some(nanos)
}

fn split_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !keep(c)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(text: &str, unit: Unit) -> Vec<(i64, i64)> {
        parse(text, unit).unwrap().ranges().to_vec()
    }

    #[test]
    fn durations() {
        let read = |text| ranges(text, Unit::Duration);
        assert_eq!(read(">= 15m"), [(900_000, i64::MAX)]);
        assert_eq!(read("<1h30m"), [(i64::MIN, 5_399_999)]);
        assert_eq!(read(" 15m .. 2h "), [(900_000, 7_199_999)]);
        assert_eq!(read("!= 250ms"), [(i64::MIN, 249), (251, i64::MAX)]);
        assert_eq!(read("== 1h 1m 1s 1ms"), [(3_661_001, 3_661_001)]);
        assert_eq!(read("> 9223372036854775807ms"), []);
        assert_eq!(read("!= 9223372036854775807ms"), [(i64::MIN, i64::MAX - 1)]);
    }

    #[test]
    fn times_may_pass_midnight() {
        let hour = 3600 * NANOS_PER_SECOND;
        let read = |text| ranges(text, Unit::TimeOfDay);
        assert_eq!(read("09:00..17:30"), [(9 * hour, 17 * hour + hour / 2 - 1)]);
        assert_eq!(read("22:00..06:00"), [(i64::MIN, 6 * hour - 1), (22 * hour, i64::MAX)]);
        assert_eq!(read("18:00..24:00"), [(18 * hour, DAY - 1)]);
        assert_eq!(read("> 9:00:01"), [(9 * hour + NANOS_PER_SECOND + 1, i64::MAX)]);
    }

    #[test]
    fn mistakes_have_places() {
        let fails = |text: &str, unit| {
            let e = parse(text, unit).unwrap_err();
            (e.kind, text[e.start..e.end].to_owned())
        };
        use QuantityErrorKind::*;
        let bad = BadValue(Unit::Duration);
        assert_eq!(fails(" 15m ", Unit::Duration), (NoOperator, "15m".into()));
        assert_eq!(fails(">= 15x", Unit::Duration), (bad, "15x".into()));
        assert_eq!(fails(">= 15m1h", Unit::Duration), (bad, "15m1h".into()));
        assert_eq!(fails("1h.. 9", Unit::Duration), (bad, "9".into()));
        assert_eq!(fails("2h..1h", Unit::Duration), (EmptyRange, "2h..1h".into()));
        assert_eq!(fails(">= 99999999999999999h", Unit::Duration).0, bad);
        let bad = BadValue(Unit::TimeOfDay);
        assert_eq!(fails("9..10:00", Unit::TimeOfDay), (bad, "9".into()));
        assert_eq!(fails(">= 24:01", Unit::TimeOfDay), (bad, "24:01".into()));
        assert_eq!(fails("> ", Unit::TimeOfDay), (bad, String::new()));
        assert_eq!(fails("9:00..9:00", Unit::TimeOfDay).0, EmptyRange);
    }
}
