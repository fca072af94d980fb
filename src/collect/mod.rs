//! Collectors.
pub mod git;
