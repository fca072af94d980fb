//! The keys of the tables of rules, with what they are for: completion, hover and the reading of
//! broken files go by them.

/// The keys of a rule, with what they are for.
pub(super) const RULE_KEYS: [(&str, &str); 6] = [
    ("name", "how the rule is called in reports"),
    ("match", "conditions that must all hold: match = { primary_cwd = \"~/work/acme/*\" }"),
    ("when", "an expression with and, or, not: when = '''agent ~ \"codex\" or has repo'''"),
    ("tags", "the tags that the rule gives: tags = [\"acme\", \"billable\"]"),
    ("project", "the billing project that the rule gives"),
    ("enabled", "whether the rule takes part; true unless set to false"),
];

/// The keys of `[rules]`, with what they are for.
pub(super) const SECTION_KEYS: [(&str, &str); 4] = [
    ("auto_tag", "the rules: a [[rules.auto_tag]] for each, tried in order"),
    ("homes", "more directories that '~' stands for"),
    ("lints", "how much is made of findings: [rules.lints] overlap = \"warn\""),
    ("test", "tests of the rules: a [[rules.test]] for each, run by tt rules test"),
];

/// The keys of a test, with what they are for.
pub(super) const CASE_KEYS: [(&str, &str); 3] = [
    ("name", "how the test is called in reports"),
    ("stream", "the stream: { primary_cwd = \"~/work/acme\", at = \"2025-01-28T10:00:00\" }"),
    ("expect", "what it gets: { rule = \"Acme projects\", tags = [\"acme\"] }, or \"none\""),
];

/// The keys of what a test expects, with what they are for.
pub(super) const EXPECT_KEYS: [(&str, &str); 3] = [
    ("rule", "the rule that wins"),
    ("tags", "all tags that the stream gets"),
    ("project", "the billing project that it gets"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Code, Finding, Sink, SourceFile};
    use crate::rules::syntax::toml;

    #[test]
    fn the_parser_knows_them_all() {
        let rule = |key: &str| format!("[[rules.auto_tag]]\n{key} = 1\n");
        let section = |key: &str| format!("[rules]\n{key} = 1\n");
        let case = |key: &str| format!("[[rules.test]]\n{key} = 1\n");
        let expect = |key: &str| format!("[[rules.test]]\nexpect = {{ {key} = 1 }}\n");
        let unknown = |text: String| {
            let mut sink = Sink::default();
            toml::parse(&SourceFile::new("f", text), &mut sink);
            let is_unknown = |finding: &Finding| {
                finding.code == Code::UnknownKey || finding.headline.starts_with("unknown key")
            };
            sink.into_findings().iter().any(is_unknown)
        };
        assert!([rule, section, case, expect].iter().all(|of| unknown(of("x"))));
        assert!(CASE_KEYS.iter().all(|(key, _)| !unknown(case(key))));
        assert!(EXPECT_KEYS.iter().all(|(key, _)| !unknown(expect(key))));
        assert!(RULE_KEYS.iter().all(|(key, _)| !unknown(rule(key))));
        assert!(SECTION_KEYS.iter().all(|(key, _)| !unknown(section(key))));
    }
}
