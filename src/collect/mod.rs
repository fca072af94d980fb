//! Collectors: each turns something seen outside into events. They store nothing: what runs on a
//! pane switch ends in the [`spool`], and the database is written by those who read it.

pub mod spool;
pub mod tmux;
