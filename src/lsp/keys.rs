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
pub(super) const SECTION_KEYS: [(&str, &str); 3] = [
    ("auto_tag", "the rules: a [[rules.auto_tag]] for each, tried in order"),
    ("homes", "more directories that '~' stands for"),
    ("lints", "how much is made of findings: [rules.lints] overlap = \"warn\""),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Code, Sink, SourceFile};
    use crate::rules::syntax::toml;

    #[test]
    fn the_parser_knows_them_all() {
        let rule = |key: &str| format!("[[rules.auto_tag]]\n{key} = 1\n");
        let section = |key: &str| format!("[rules]\n{key} = 1\n");
        let unknown = |text: String| {
            let mut sink = Sink::default();
            toml::parse(&SourceFile::new("f", text), &mut sink);
            sink.into_findings().iter().any(|finding| finding.code == Code::UnknownKey)
        };
        assert!(unknown(rule("x")) && unknown(section("x")));
        assert!(RULE_KEYS.iter().all(|(key, _)| !unknown(rule(key))));
        assert!(SECTION_KEYS.iter().all(|(key, _)| !unknown(section(key))));
    }
}
