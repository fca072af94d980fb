//! The rule files we ship are clean.

use std::fs;
use std::path::Path;

use tt::diag::SourceFile;
use tt::diag::render::human;

use crate::support::{at, check, compile, winner};

#[test]
fn every_example_is_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules-examples");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let checkup = check(&text);
        let file = SourceFile::new(path.to_string_lossy(), text);
        assert!(
            checkup.findings.is_empty(),
            "{}",
            human::render(&checkup.findings, &file, false)
        );
        assert!(
            checkup.rules.unwrap().rules.len() >= 3,
            "{}",
            path.display()
        );
        seen += 1;
    }
    assert!(seen >= 6);
}

#[test]
fn every_rule_block_of_the_guide_is_clean() {
    let guide = include_str!("../../docs/rules.md");
    let blocks: Vec<_> = guide
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 4);
    for block in blocks {
        let checkup = check(block);
        let file = SourceFile::new("docs/rules.md", block);
        assert!(
            checkup.findings.is_empty(),
            "{}",
            human::render(&checkup.findings, &file, false)
        );
    }
}

#[test]
fn the_guide_lists_every_field() {
    let guide = include_str!("../../docs/rules.md");
    for info in tt::rules::fields::FIELDS {
        let row = format!(
            "| `{}` | {} | {} | `{}` |",
            info.name,
            info.ty.name(),
            info.doc,
            info.example
        );
        assert!(guide.contains(&row), "docs/rules.md lacks the row\n{row}");
    }
}

#[test]
fn the_guide_lists_every_code() {
    let guide = include_str!("../../docs/rules.md");
    for code in tt::diag::Code::ALL {
        let row = format!(
            "| `{code}` | {} | {} |",
            code.severity().as_str(),
            code.summary()
        );
        assert!(guide.contains(&row), "docs/rules.md lacks the row\n{row}");
    }
}

#[test]
fn the_lines_of_the_first_example() {
    let rules = compile(
        "# ~/.config/tt/config.toml\n\n[[rules.auto_tag]]\nname = \"Acme projects\"\n\
         match = { primary_cwd = \"~/work/acme/*\" }\ntags = [\"acme\", \"billable\"]\n\n\
         [[rules.auto_tag]]\nmatch.tmux_session = \"personal-*\"\ntags = [\"personal\"]\n",
    );
    let lines: Vec<_> = rules
        .all()
        .iter()
        .map(|rule| (rule.title(), rule.line))
        .collect();
    assert_eq!(lines, [("Acme projects".into(), 5), ("rule 2".into(), 9)]);
    assert_eq!(winner(&rules, &at("/home/u/work/acme/webapp")), Some(0));
    assert_eq!(winner(&rules, &at("/home/u/work/acme")), None);
}

#[test]
fn captures_fill_tags() {
    let rules = compile(
        r#"
        [[rules.auto_tag]]
        match = { primary_cwd = ["~/clients/<client>/*", "/srv/<client>"], git_branch = "{feat,fix}/<ticket>-*" }
        tags = ["client:<client>", "<ticket>", "<client>/<ticket>", "billable"]
        project = "<client>"
        "#,
    );
    let stream = tt::rules::Stream {
        primary_cwd: Some("/home/u/clients/acme/web/api".into()),
        git_branch: ["feat/T2-x-y", "main", "fix/T1-", "fix/T1-again"]
            .map(str::to_owned)
            .to_vec(),
        ..Default::default()
    };
    let id = rules.first_match(&stream, &mut Default::default()).unwrap();
    let outcome = rules.outcome(id, &stream);
    // A capture is long and `*` short: of T2-x-y, the ticket is T2-x.
    let tags = [
        "client:acme",
        "T1",
        "T2-x",
        "acme/T1",
        "acme/T2-x",
        "billable",
    ];
    assert_eq!(outcome.tags, tags);
    assert_eq!(outcome.project.as_deref(), Some("acme"));
}
