//! The real binary from outside, as a hostile stranger would use it: one file per theme.
//!
//! Each test has a sandbox of its own (home, config, database, agents' logs, clock, zone), so that
//! nothing depends on the machine, the day or the person. Every run is checked for panics, for
//! debug output and for an exit status that is documented.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop anywhere"
)]

mod agent_logs;
mod check_schema;
mod concurrency;
mod config_schema;
mod correct;
mod export;
mod house;
mod import_events;
mod ingest;
mod kill;
mod privacy;
mod push;
mod push_faults;
mod push_kill;
mod push_ledger;
mod push_model;
mod push_privacy;
mod push_wire;
mod report;
mod rules;
mod rules_check;
mod rules_codes;
mod rules_diff;
mod rules_dump;
mod rules_explain;
mod rules_fix;
mod rules_fmt;
mod rules_formats;
mod rules_list;
mod rules_lsp;
mod rules_match;
mod rules_stats;
mod rules_test;
mod rules_which;
mod suggest;
mod support;
mod sync;
mod trouble;
mod undo;
