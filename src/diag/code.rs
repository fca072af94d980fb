//! THE table of codes. A code never changes its meaning; one that is retired stays listed.
//!
//! `R01xx` syntax · `R02xx` names and types · `R04xx` hygiene.

use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// The rules do not compile.
    Error,
    /// The rules compile, but probably not into what was meant.
    Warning,
}

impl Severity {
    /// The word in JSON output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "Error",
            Self::Warning => "Warning",
        })
    }
}

macro_rules! codes {
    ($($id:ident $name:ident $severity:ident $summary:literal)*) => {
        /// What kind of mistake a finding is.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $(#[doc = $summary] $name,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable name, such as `R0201`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => stringify!($id)),* }
            }

            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity),* }
            }

            /// What it means, in a line.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$name => $summary),* }
            }
        }
    };
}

codes! {
    R0101 TomlSyntax Error "the file is not valid TOML"
    R0102 GlobSyntax Error "a glob pattern is malformed"
    R0103 GlobLimit Error "a glob pattern is too long or nested too deeply"
    R0104 QuantitySyntax Error "a comparison or range of durations or times is malformed"
    R0105 WhenSyntax Error "a when expression is malformed"
    R0106 WhenLimit Error "a when expression is too long or nested too deeply"
    R0201 UnknownField Error "a condition names a field that does not exist"
    R0202 UnknownKey Error "a key that does not exist here"
    R0203 UnknownCapture Error "a tag or project uses a capture that its rule does not make"
    R0204 WrongType Error "a value of the wrong type"
    R0205 MissingTags Error "a rule without tags"
    R0206 EmptyTags Error "a list of tags without a tag, or an empty tag or project"
    R0207 NoCondition Error "a rule that has no condition"
    R0208 UnknownWeekday Error "a day of the week that does not exist"
    R0209 UnknownOperator Error "an operator that does not exist"
    R0301 Unsatisfiable Warning "conditions that exclude each other"
    R0302 Shadowed Warning "a rule that one earlier rule covers"
    R0303 Unreachable Warning "a rule that several earlier rules cover together"
    R0304 Redundant Warning "a rule without which every stream would get the same"
    R0305 Overlap Warning "two rules that share streams, neither containing the other"
    R0306 NotProven Warning "a rule whose verdict would take too long to find"
    R0401 DuplicateName Warning "two rules of the same name"
    R0402 RepeatedTag Warning "a tag that its rule gives twice"
    R0403 NoHome Warning "'~' stands for no directory"
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sorted_and_unique() {
        let ids: Vec<_> = Code::ALL.iter().map(|code| code.id()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }
}
