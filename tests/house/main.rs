//! Checks that keep the house true: who may use whom, and whether what we write is so.
//!
//! They walk tables and files. A failure says which line to change: the code's, or the table's
//! together with `docs/architecture.md`.

#![allow(clippy::unwrap_used, reason = "a test may stop anywhere")]

mod edges;
mod files;
mod pages;
mod support;
