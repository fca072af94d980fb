//! Direct time: where the person's attention was.
//!
//! Each [`Mark`] takes the attention until the next one, and at most `window` beyond itself.
//! Going away takes it from everyone, back to when the person was last active; coming back gives
//! it to nobody until the next mark.

use super::{Span, push};
use crate::time::{Interval, Millis, Timestamp};

/// Something that tells of the person's attention. `T` is what attention goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark<T> {
    /// The person looked at `T`: a focus, a scroll or a message.
    On(T),
    /// The person is away, and has been for so many milliseconds.
    Away(Millis),
}

/// The spans of attention that `marks`, in the order of time, give. O(n).
pub fn allocate<T: Copy + Eq>(marks: &[(Timestamp, Mark<T>)], window: Millis) -> Vec<Span<T>> {
    let away = away(marks);
    let mut away = away.iter().copied().peekable();
    let mut spans = Vec::new();
    for (i, (at, mark)) in marks.iter().enumerate() {
        let Mark::On(target) = mark else { continue };
        let next = marks.get(i + 1).map_or(Timestamp::MAX, |(at, _)| *at);
        let (mut start, end) = (*at, next.min(at.plus(window)));
        while away.next_if(|gone| gone.end <= start).is_some() {}
        // Spans end before the next one starts, so an absence that reaches beyond this one is
        // looked at again for the next.
        let mut rest = away.clone();
        while let Some(gone) = rest.next_if(|gone| gone.start < end) {
            push(&mut spans, start, gone.start, *target);
            start = gone.end.max(start);
        }
        push(&mut spans, start, end, *target);
    }
    spans
}

/// When the person was away already before it was noticed: disjoint, in order.
fn away<T>(marks: &[(Timestamp, Mark<T>)]) -> Vec<Interval> {
    let gone = marks.iter().filter_map(|(at, mark)| match mark {
        Mark::Away(since) => Some(Interval::new(at.plus(-since), *at)),
        Mark::On(_) => None,
    });
    crate::time::union(gone.collect())
}

#[cfg(test)]
mod tests {
    use super::Mark::{Away, On};
    use super::*;
    use proptest::prelude::*;

    fn spans(marks: &[(i64, Mark<char>)]) -> Vec<(i64, i64, char)> {
        let marks: Vec<_> = marks.iter().map(|(at, m)| (Timestamp::from_millis(*at), *m)).collect();
        allocate(&marks, 5)
            .into_iter()
            .map(|it| (it.interval.start.millis(), it.interval.end.millis(), it.target))
            .collect()
    }

    #[test]
    fn attention_lasts_until_the_next_mark_or_the_window() {
        assert_eq!(
            spans(&[(0, On('a')), (3, On('b')), (20, On('b')), (22, On('b'))]),
            [(0, 3, 'a'), (3, 8, 'b'), (20, 27, 'b'),]
        );
    }

    #[test]
    fn going_away_takes_back_what_was_idle() {
        assert_eq!(spans(&[(0, On('a')), (4, Away(0))]), [(0, 4, 'a')]);
        assert_eq!(spans(&[(0, On('a')), (4, Away(3))]), [(0, 1, 'a')]);
        assert_eq!(
            spans(&[(0, On('a')), (2, On('b')), (4, Away(3)), (4, On('c'))]),
            [(0, 1, 'a'), (4, 9, 'c')]
        );
        assert_eq!(spans(&[(0, On('a')), (10, Away(8))]), [(0, 2, 'a')]);
        assert_eq!(spans(&[(0, On('a')), (3, Away(2)), (9, Away(7))]), [(0, 1, 'a')]);
    }

    /// The definition, instant by instant.
    fn naive(marks: &[(i64, Mark<char>)], instant: i64, window: i64) -> Option<char> {
        let gone = |(at, mark): &(i64, Mark<char>)| matches!(mark, Away(since) if at - since <= instant && instant < *at);
        if marks.iter().any(gone) {
            return None;
        }
        match marks.iter().rfind(|(at, _)| *at <= instant)? {
            (at, On(target)) if instant < at + window => Some(*target),
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            marks in prop::collection::vec((0..60i64, 0..5u8, 0..12i64), 0..20),
            window in 1..12i64,
        ) {
            let mut marks: Vec<(i64, Mark<char>)> = marks
                .into_iter()
                .map(|(at, what, since)| (at, match what {
                    0 => Away(since),
                    1 | 2 => On('a'),
                    3 => On('b'),
                    _ => On('c'),
                }))
                .collect();
            marks.sort_by_key(|(at, _)| *at);
            let input: Vec<_> =
                marks.iter().map(|(at, mark)| (Timestamp::from_millis(*at), *mark)).collect();
            let spans = allocate(&input, window);
            for pair in spans.windows(2) {
                prop_assert!(pair[0].interval.end <= pair[1].interval.start);
            }
            for instant in -20..90 {
                let at = Timestamp::from_millis(instant);
                let got = spans.iter().find(|it| it.interval.contains(at)).map(|it| it.target);
                prop_assert_eq!(got, naive(&marks, instant, window), "at {}", instant);
            }
        }
    }
}
