//! `tt`: a local-first time tracker for people who work in tmux with many AI coding agents.
//!
//! Two rivers and the place where they meet:
//!
//! ```text
//! config text → syntax (with spans) → typed IR → decision table → engine ────────────┐
//! events → store → inference → streams, time entries ────────────────────────────────┴→ tags → report
//! ```
//!
//! A module owns one stage and no stage reaches back; `docs/architecture.md` is the map.

pub mod alloc;
pub mod change;
pub mod cli;
pub mod collect;
pub mod config;
pub mod diag;
pub mod event;
pub mod export;
pub mod import;
pub mod infer;
pub mod judged;
mod lines;
pub mod lsp;
pub mod period;
pub mod pipeline;
pub mod privacy;
pub mod push;
pub mod refresh;
pub mod report;
mod resolve;
pub mod rules;
pub mod schema;
pub mod store;
pub mod suggest;
pub mod tagging;
pub mod tags;
pub mod time;
