//! What the fuzz targets share with the tests: the definition, the generators and the claims.
//!
//! Each target feeds raw bytes to the claim of its name. The tests replay `corpus/` through the
//! same claims, so what a fuzzer once found stays found.

#![allow(dead_code, reason = "the tests use more of what is shared")]

#[path = "../../tests/rules/claims.rs"]
mod claims;
#[path = "../../tests/rules/making.rs"]
mod making;
#[path = "../../tests/rules/oracle.rs"]
mod oracle;
#[path = "../../tests/rules/support.rs"]
mod support;

macro_rules! targets {
    ($($name:ident),*) => {
        $(
            /// The claim of that name; panics where it does not hold.
            pub fn $name(data: &[u8]) {
                claims::$name(data);
            }
        )*
    };
}

targets!(config, glob, when, table, verdict, difference);
