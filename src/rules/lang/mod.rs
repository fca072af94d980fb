//! Sets of values, as mathematics: what the stages behind the check compute with.
//!
//! Nothing here knows rules, files or streams.

pub mod interval;
pub mod weekday;

pub use interval::Intervals;
pub use weekday::WeekdaySet;
