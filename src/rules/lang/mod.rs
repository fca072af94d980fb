//! Sets of values, as mathematics: what the stages behind the check compute with.
//!
//! Numbers and days are sets at hand; texts are languages, followed by automata. Nothing here
//! knows rules, files or streams.

pub mod automaton;
pub mod chars;
pub mod interval;
pub mod meter;
pub mod normal;
pub mod smallest;
pub mod weekday;

pub use automaton::{Automata, LanguageId};
pub use interval::Intervals;
pub use meter::{Exhausted, Meter};
pub use smallest::Smallest;
pub use weekday::WeekdaySet;
