//! Collectors: they look at the world and produce events, and nothing else.
//!
//! A collector knows no database. What it has to remember between two runs it hands back as a
//! value, for the caller to keep in the same transaction as the events.

pub mod agents;
pub mod git;
pub mod spool;
pub mod tmux;
