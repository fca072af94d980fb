//! The rule language from outside: conformance, findings, and the table held to the definition.

mod corpus;
mod examples;
mod findings;
mod laws;
mod oracle;
mod support;
