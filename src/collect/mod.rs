//! Collectors: each turns something seen outside into events and stores nothing itself.
pub mod spool;
pub mod tmux;
