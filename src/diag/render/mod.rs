//! Findings for readers: [`human`] for the terminal, [`json`] for programs.

pub mod human;
pub mod json;
