//! The rule language from outside: conformance, findings, and the table held to the definition.

#![allow(clippy::unwrap_used, reason = "a test may stop anywhere")]

mod cases;
mod claims;
mod corpus;
mod cost;
mod difference;
mod examples;
mod findings;
mod fix;
mod format;
mod laws;
mod making;
mod oracle;
mod pages;
mod partial;
mod replay;
mod support;
mod table;
mod verdicts;
mod why;
