//! # Whose time is it?
//!
//! Two timelines with one rule. The person's attention ([`focus`]) and each agent session's work
//! ([`work`]) are told by **marks**: instants at which someone was certainly there. A mark holds
//! until the next one, unless that is too far away.
//!
//! ```text
//! person   F───────F──┐      M────────┐         F focus, M message: at most 5 minutes beyond it
//!          acme    api·······acme·····          · nobody's time
//!
//! agent    T──T────T                  T───E     T tool use: until the next if that is within
//!          acme                       acme      30 minutes, else not at all; E session ended
//! ```
//!
//! So what a mark gives depends on the next mark alone, and a change of marks changes time only
//! between its neighbours: that is why a run can recompute a window and leave the rest.
//!
//! INVARIANT (one person): the attention timeline gives disjoint spans, hence direct time of all
//! streams together never exceeds the wall clock.

pub mod focus;
pub mod work;

use crate::time::{Interval, Timestamp};

/// A stretch of someone's time, and the target it went to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span<T> {
    /// When.
    pub interval: Interval,
    /// To whom.
    pub target: T,
}

/// Appends `span`, as one with the last where they touch and have the same target.
fn push<T: Copy + Eq>(spans: &mut Vec<Span<T>>, start: Timestamp, end: Timestamp, target: T) {
    if end <= start {
        return;
    }
    match spans.last_mut() {
        Some(last) if last.target == target && last.interval.end == start => {
            last.interval.end = end;
        }
        _ => spans.push(Span { interval: Interval::new(start, end), target }),
    }
}
