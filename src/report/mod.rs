//! Reports: how much time each tag, and the person, had in a period.
//!
//! [`Report::build`] turns the streams' intervals into numbers; [`text::render`] and
//! [`json::render`] only show them. A stream's time is its direct time, the person's attention,
//! plus its delegated time, an agent working: this is what is billed. It is not time on the clock,
//! since agents work side by side:
//!
//! ```text
//!              09:00          10:00          11:00
//! api  direct    ▓▓▓▓▓▓▓▓▓▓▓▓▓                        1h
//! api  delegated        ░░░░░░░░░░░░░░░░░░░           1h 20m    api     2h 20m
//! site delegated               ░░░░░░░░░░░░░░░░░      1h 10m    site    1h 10m
//! tracked        ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━      2h 10m    on the wall clock
//! ```
//!
//! INVARIANT (identity): the tags' times + untagged time − multi-tag overlap = direct + delegated.
//!
//! INVARIANT (additive): cut a period anywhere, and every time of the whole is the sum of the
//! parts'. Lengths are measured as [`Interval::millis`] does, which floors both ends to the
//! millisecond grid; floors of shared borders cancel, so nothing is rounded away between parts.
//!
//! INVARIANT (clock): direct time is not longer than the period, as long as the intervals given
//! are disjoint over all streams; neither is tracked time, ever.
//!
//! Unassigned time belongs to no stream. It is shown beside the totals and is in none of them.
//!
//! [`Interval::millis`]: crate::time::Interval::millis

pub mod json;
pub mod model;
pub mod text;

pub use model::{
    Billing, Report, Spent, StreamLine, StreamTime, TagTime, Totals, Unassigned, Untagged,
};
