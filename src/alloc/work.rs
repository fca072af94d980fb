//! Delegated time: when an agent session was working.
//!
//! A tool use counts until the session's next mark if that comes within `timeout`; else the agent
//! was done, or waiting, and when it stopped nobody knows: nothing is counted beyond the last use.

use super::{Span, push};
use crate::time::{Millis, Timestamp};

/// Something that tells of an agent session's work. `T` is whom the work is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark<T> {
    /// A tool was used.
    Use(T),
    /// The session ended.
    End,
}

/// The spans of work that `marks` of one session, in the order of time, give. O(n).
pub fn allocate<T: Copy + Eq>(marks: &[(Timestamp, Mark<T>)], timeout: Millis) -> Vec<Span<T>> {
    let mut spans = Vec::new();
    for pair in marks.windows(2) {
        if let [(start, Mark::Use(target)), (end, _)] = pair
            && *end <= start.plus(timeout)
        {
            push(&mut spans, *start, *end, *target);
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::Mark::{End, Use};
    use super::*;

    fn spans(marks: &[(i64, Mark<char>)]) -> Vec<(i64, i64)> {
        let marks: Vec<_> = marks.iter().map(|(at, m)| (Timestamp::from_millis(*at), *m)).collect();
        allocate(&marks, 30)
            .into_iter()
            .map(|it| (it.interval.start.millis(), it.interval.end.millis()))
            .collect()
    }

    #[test]
    fn work_lasts_from_the_first_use_to_the_end() {
        assert_eq!(spans(&[(0, Use('a')), (10, Use('a')), (40, Use('a')), (45, End)]), [(0, 45)]);
    }

    #[test]
    fn silence_ends_it_at_the_last_use() {
        assert_eq!(spans(&[(0, Use('a')), (10, Use('a')), (41, Use('a'))]), [(0, 10)]);
        assert_eq!(spans(&[(0, Use('a')), (31, End)]), []);
    }

    #[test]
    fn a_resumed_session_works_again() {
        assert_eq!(spans(&[(0, Use('a')), (5, End), (9, Use('a')), (12, End)]), [(0, 5), (9, 12)]);
        assert_eq!(spans(&[(0, End), (5, End)]), []);
    }
}
