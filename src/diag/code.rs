//! THE table of codes. A code never changes its meaning; one that is retired stays listed.
//!
//! `R01xx` syntax · `R02xx` names and types · `R03xx` verdicts · `R04xx` hygiene.
//!
//! A line is its id, its name in configs, its name here, its severity, whether it is reported
//! unless something else is said (`on`, `off`), and what it means. Its page, `docs/codes/R0302.md`,
//! is part of the program: a code without a page does not compile.

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
    ($($id:ident $slug:literal $name:ident $severity:ident $default:ident $summary:literal)*) => {
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

            /// The name in configs, such as `unknown-field`.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug),* }
            }

            /// Whether it is reported unless a config or an option says otherwise.
            #[must_use]
            pub const fn is_on(self) -> bool {
                match self { $(Self::$name => codes!(@$default)),* }
            }

            /// How bad it is by nature. An error of nature is what stops the rules from compiling.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity),* }
            }

            /// What it means, in a line.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$name => $summary),* }
            }

            /// Its page, in Markdown: what it says, why it matters, an example, how to fix it.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$name => {
                        include_str!(concat!("../../docs/codes/", stringify!($id), ".md"))
                    })*
                }
            }
        }
    };
    (@on) => { true };
    (@off) => { false };
}

codes! {
    R0101 "toml-syntax" TomlSyntax Error on "the file is not valid TOML"
    R0102 "glob-syntax" GlobSyntax Error on "a glob pattern is malformed"
    R0103 "glob-limit" GlobLimit Error on "a glob pattern is too long or nested too deeply"
    R0104 "quantity-syntax" QuantitySyntax Error on "a comparison or range of durations or times is malformed"
    R0105 "when-syntax" WhenSyntax Error on "a when expression is malformed"
    R0106 "when-limit" WhenLimit Error on "a when expression is too long or nested too deeply"
    R0201 "unknown-field" UnknownField Error on "a condition names a field that does not exist"
    R0202 "unknown-key" UnknownKey Error on "a key that does not exist here"
    R0203 "unknown-capture" UnknownCapture Error on "a tag or project uses a capture that its rule does not make"
    R0204 "wrong-type" WrongType Error on "a value of the wrong type"
    R0205 "missing-tags" MissingTags Error on "a rule without tags"
    R0206 "empty-tags" EmptyTags Error on "a list of tags without a tag, or an empty tag or project"
    R0207 "no-condition" NoCondition Error on "a rule that has no condition"
    R0208 "unknown-weekday" UnknownWeekday Error on "a day of the week that does not exist"
    R0209 "unknown-operator" UnknownOperator Error on "an operator that does not exist"
    R0210 "bad-test" BadTest Warning on "a test of the rules that is malformed"
    R0211 "tested-rule" TestedRule Warning on "a test whose expected rule does not exist, or shares its name"
    R0301 "unsatisfiable" Unsatisfiable Warning on "conditions that exclude each other"
    R0302 "shadowed" Shadowed Warning on "a rule that one earlier rule covers"
    R0303 "unreachable" Unreachable Warning on "a rule that several earlier rules cover together"
    R0304 "redundant" Redundant Warning on "a rule without which every stream would get the same"
    R0305 "overlap" Overlap Warning off "two rules that share streams, neither containing the other"
    R0306 "not-proven" NotProven Warning on "a rule whose verdict would take too long to find"
    R0401 "duplicate-name" DuplicateName Warning on "two rules of the same name"
    R0402 "repeated-tag" RepeatedTag Warning on "a tag that its rule gives twice"
    R0403 "no-home" NoHome Warning on "'~' stands for no directory"
    R0404 "unknown-lint" UnknownLint Warning on "a lint or a level that does not exist"
    R0405 "bad-allowance" BadAllowance Warning on "an allowance that is malformed or gives no reason"
    R0406 "unused-allowance" UnusedAllowance Warning on "an allowance that allows nothing"
}

impl Code {
    /// The code called so, by its id or its name, in any case.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let called = |code: &&Self| {
            code.id().eq_ignore_ascii_case(text) || code.slug().eq_ignore_ascii_case(text)
        };
        Self::ALL.iter().find(called).copied()
    }

    /// Whether a level may be set for it: an error stops the rules from compiling, whatever one
    /// would like.
    #[must_use]
    pub fn is_lint(self) -> bool {
        self.severity() == Severity::Warning
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_sorted_and_unique() {
        let ids: Vec<_> = Code::ALL.iter().map(|code| code.id()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
        let slugs: BTreeSet<_> = Code::ALL.iter().map(|code| code.slug()).collect();
        assert_eq!(slugs.len(), ids.len());
        for code in Code::ALL {
            assert_eq!(Code::named(code.id()), Some(*code));
            assert_eq!(Code::named(code.slug()), Some(*code));
        }
    }
}
