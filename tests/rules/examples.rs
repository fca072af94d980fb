//! The rule files we ship are clean.

use std::fs;
use std::path::Path;

use tt::diag::SourceFile;
use tt::diag::render::human;
use tt::rules::{Rules, Scratch, Stream};

use crate::support::{at, check, compile, rule_of, winner};

#[test]
fn every_example_is_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules-examples");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let checkup = check(&text);
        let file = SourceFile::new(path.to_string_lossy(), text);
        assert!(checkup.findings.is_empty(), "{}", human::render(&checkup.findings, &file, false));
        assert!(checkup.rules.unwrap().rules.len() >= 3, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 6);
}

#[test]
fn the_examples_do_what_their_comments_say() {
    use chrono::{NaiveDate, Weekday};
    let title = |name: &str, stream: Stream| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules-examples");
        let rules = compile(&fs::read_to_string(folder.join(name)).unwrap());
        let id = rules.first_match(&stream);
        id.map_or_else(String::new, |id| {
            let outcome = rules.outcome(id, &stream);
            format!("{}: {}", rules.rule(id).title(), outcome.tags.join(", "))
        })
    };
    let offer = at("/home/u/clients/acme/offers-2026");
    assert_eq!(title("freelancer.toml", offer), "Client admin: client:acme, unbillable, admin");
    let site = at("/home/u/clients/acme/site");
    assert_eq!(title("freelancer.toml", site), "Client work: client:acme, billable");
    let hotfix = Stream {
        repo: Some("acme/web".into()),
        git_branch: vec!["main".into(), "hotfix/1".into()],
        ..Stream::default()
    };
    assert_eq!(title("agency.toml", hotfix), "Hotfix: client:acme, billable, hotfix");
    // Decomposed, as macOS writes it.
    let cafe = at("/Users/sami/Projects/Cafe\u{301}/app");
    assert_eq!(title("many-machines.toml", cafe), "Café app: cafe, billable");
    let client = |day, hour| Stream {
        at: NaiveDate::from_isoywd_opt(2025, 5, day).and_then(|date| date.and_hms_opt(hour, 0, 0)),
        duration_ms: Some(3_600_000),
        ..at("/home/u/clients/acme/x")
    };
    let rate = |day, hour| {
        let all = title("consultant.toml", client(day, hour));
        all.rsplit(':').next().unwrap().to_owned()
    };
    assert_eq!(rate(Weekday::Sun, 12), "weekend");
    assert_eq!(rate(Weekday::Mon, 19), "evening");
    assert_eq!(rate(Weekday::Mon, 6), "evening");
    assert_eq!(rate(Weekday::Mon, 7), "day");
    let run = Stream {
        agent: vec!["codex".into()],
        direct_ms: Some(299_999),
        delegated_ms: Some(3_600_000),
        ..Stream::default()
    };
    assert_eq!(title("agents-only.toml", run), "Unattended: agents, unattended");
    let odd =
        |day, hour| Stream { primary_cwd: Some("/home/u/work/x".into()), ..client(day, hour) };
    let dayjob = |day, hour| title("oss-and-dayjob.toml", odd(day, hour));
    assert_eq!(dayjob(Weekday::Sat, 12), "Overtime: work, overtime");
    assert_eq!(dayjob(Weekday::Tue, 20), "Overtime: work, overtime");
    assert_eq!(dayjob(Weekday::Tue, 7), "Day job: work");
    let alone = |agents: &[&str]| {
        let stream = Stream {
            repo: Some("acme/web".into()),
            agent: agents.iter().map(|agent| (*agent).to_owned()).collect(),
            direct_ms: Some(0),
            ..Stream::default()
        };
        title("agency.toml", stream)
    };
    assert_eq!(alone(&["codex"]), "Unattended: client:acme, unattended");
    assert_eq!(alone(&["codex", "copilot"]), "Client work: client:acme, billable");
    assert_eq!(alone(&[]), "Client work: client:acme, billable");
    let ticket = Stream {
        repo: Some("acme/mono".into()),
        worktree: vec!["pay-12".into(), "ops-7".into(), "other".into()],
        ..Stream::default()
    };
    let expected = "Ticket worktree: team:ops, team:pay, ticket, billable";
    assert_eq!(title("monorepo.toml", ticket), expected);
}

#[test]
fn every_rule_block_of_the_guide_is_clean() {
    let guide = include_str!("../../docs/rules.md");
    let blocks: Vec<_> =
        guide.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 4);
    for block in blocks {
        let checkup = check(block);
        let file = SourceFile::new("docs/rules.md", block);
        assert!(checkup.findings.is_empty(), "{}", human::render(&checkup.findings, &file, false));
    }
}

#[test]
fn the_guide_lists_every_field() {
    let guide = include_str!("../../docs/rules.md");
    for info in tt::rules::fields::FIELDS {
        let row =
            format!("| `{}` | {} | {} | `{}` |", info.name, info.ty.name(), info.doc, info.example);
        assert!(guide.contains(&row), "docs/rules.md lacks the row\n{row}");
    }
}

#[test]
fn the_guide_lists_every_code() {
    let guide = include_str!("../../docs/rules.md");
    for code in tt::diag::Code::ALL {
        let (slug, severity) = (code.slug(), code.severity().as_str());
        let row =
            format!("| [`{code}`](codes/{code}.md) | `{slug}` | {severity} | {} |", code.summary());
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
    let lines: Vec<_> = rules.all().iter().map(|rule| (rule.title(), rule.line)).collect();
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
    let stream = Stream {
        primary_cwd: Some("/home/u/clients/acme/web/api".into()),
        git_branch: ["feat/T2-x-y", "main", "fix/T1-", "fix/T1-again"].map(str::to_owned).to_vec(),
        ..Default::default()
    };
    let id = rules.first_match(&stream).unwrap();
    let outcome = rules.outcome(id, &stream);
    // A capture is long and `*` short: of T2-x-y, the ticket is T2-x.
    let tags = ["client:acme", "T1", "T2-x", "acme/T1", "acme/T2-x", "billable"];
    assert_eq!(outcome.tags, tags);
    assert_eq!(outcome.project.as_deref(), Some("acme"));
}

#[test]
fn a_capture_comes_from_a_condition_that_always_makes_it() {
    let rules = compile(
        r#"
        [[rules.auto_tag]]
        match = { git_branch = "{<team>-x,main}", repo = "<team>/*" }
        tags = ["<team>"]
        "#,
    );
    let stream = Stream {
        git_branch: vec!["main".into()],
        repo: Some("acme/web".into()),
        ..Stream::default()
    };
    let id = rules.first_match(&stream).unwrap();
    assert_eq!(rules.outcome(id, &stream).tags, ["acme"]);
}

/// What the rule with this condition gives for the tag `<c>`; nothing where it does not hold.
fn captured(condition: &str, stream: &Stream) -> Vec<String> {
    let rules = compile(&format!("[[rules.auto_tag]]\n{condition}\ntags = ['<c>']\n"));
    let id = rules.first_match(stream);
    id.map(|id| rules.outcome(id, stream).tags).unwrap_or_default()
}

#[test]
fn captures_follow_and_and_or() {
    let stream = Stream {
        primary_cwd: Some("ab/cd".into()),
        agent: ["x1", "y2", "x3"].map(str::to_owned).to_vec(),
        repo: Some("acme/web".into()),
        ..Stream::default()
    };
    let when = |expression: &str| captured(&format!("when = \"{expression}\""), &stream);
    // The leftmost star is short, a capture long.
    assert_eq!(when("primary_cwd ~ '*<c>*'"), ["ab"]);
    assert_eq!(when("primary_cwd ~ '*b<c>*' or primary_cwd ~ '*/<c>*'"), ["cd"]);
    assert_eq!(when("primary_cwd ~ '?<c>/c*'"), ["b"]);
    // Globs of one field, as a list or with `or`: each element has its turn.
    for globs in ["agent in ['x<c>', 'y<c>']", "agent ~ 'x<c>' or (agent ~ 'y<c>')"] {
        assert_eq!(when(globs), ["1", "2", "3"], "{globs}");
    }
    // Any other `or`: the first side that holds.
    assert_eq!(when("agent ~ 'z<c>' or agent ~ 'y<c>' or repo ~ '<c>/*'"), ["2"]);
    assert_eq!(when("agent ~ 'z<c>' or repo ~ '<c>/*' or agent ~ 'y<c>'"), ["acme"]);
    assert_eq!(when("agent ~ 'x<c>' and has worktree or repo ~ '<c>/*'"), ["acme"]);
    assert_eq!(when("(agent ~ 'x<c>' or repo ~ '<c>/*') and not agent == 'z'"), ["1", "3"]);
    // Of `and`, the first operand that always captures.
    assert_eq!(when("repo ~ '<c>/*' and agent ~ 'y<c>'"), ["acme"]);
    assert_eq!(when("(agent ~ 'y<c>' or has repo) and repo ~ '*/<c>'"), ["web"]);
    let both = "match = { agent = 'y<c>' }\nwhen = \"repo ~ '<c>/*'\"";
    assert_eq!(captured(both, &stream), ["2"]);
    assert!(when("not agent ~ 'x*' and repo ~ '<c>/*'").is_empty());
}

#[test]
fn texts_are_compared_as_they_are() {
    let stream = |agents: &[&str]| Stream {
        agent: agents.iter().map(|agent| (*agent).to_owned()).collect(),
        ..Stream::default()
    };
    let holds = |expression: &str, agents: &[&str]| {
        let rules =
            compile(&format!("[[rules.auto_tag]]\nwhen = '''{expression}'''\ntags = ['t']"));
        winner(&rules, &stream(agents)).is_some()
    };
    // A backslash stands for what follows it, and letters for themselves however composed.
    for (text, value) in [(r#""a\"b""#, "a\"b"), (r#""\*\\""#, "*\\"), ("\"*é\"", "*e\u{301}")] {
        assert!(holds(&format!("agent == {text}"), &["x", value]), "{text}");
        assert!(!holds(&format!("agent != {text}"), &[value]), "{text}");
        assert!(!holds(&format!("agent == {text}"), &["xx"]), "{text}");
    }
    // Another than codex, and no codex, are two things.
    for (agents, another, none) in
        [(&[][..], false, true), (&["codex"], false, false), (&["codex", "x"], true, false)]
    {
        assert_eq!(holds("agent != 'codex'", agents), another, "{agents:?}");
        assert_eq!(holds("not agent == 'codex'", agents), none, "{agents:?}");
    }
}

#[test]
fn every_spelling_of_a_rule_is_read() {
    let rules = compile(
        r#"
        rules.auto_tag = [
            { match = { agent = "a" }, tags = ["t"] },
            { match.agent = "b", tags = ["t"] },
        ]
        "#,
    );
    assert_eq!(rules.all().iter().map(|rule| rule.line).collect::<Vec<_>>(), [3, 4]);
    let rules = compile(
        r#"
        [[rules.auto_tag]]
        tags = ["t"]
        [rules.auto_tag.match]
        "agent" = "a"
        [rules]
        homes = ["/h/"]
        "#,
    );
    assert_eq!(rules.all()[0].line, 4);
    let lines = "[[rules.auto_tag]]\ntags = ['t']\nwhen = 'true'\n";
    assert_eq!(compile(lines).all()[0].line, 3);
    assert_eq!(compile(&format!("{lines}match.agent = 'a'\n")).all()[0].line, 4);
    let stream = Stream { agent: vec!["a".into()], ..Stream::default() };
    assert_eq!(winner(&rules, &stream), Some(0));
}

#[test]
fn memory_grows_with_the_rules() {
    let rules = |count: usize| -> usize {
        let globs = ["w{}", "p{}*", "*s{}", "*c{}*", "[ab]{}?"];
        let rule = |n: usize| {
            globs
                .iter()
                .map(|glob| rule_of(&glob.replace("{}", &n.to_string())))
                .collect::<String>()
        };
        compile(&(0..count).map(rule).collect::<String>()).memory_usage()
    };
    let (few, many) = (rules(4), rules(400));
    assert!(many > 20 * few && many < 200 * few, "{few} {many}");
}

#[test]
fn compiled_rules_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Rules>();
}

#[test]
fn a_scratch_may_change_hands() {
    let first = compile(&rule_of("a[bc]*"));
    let second = compile(&format!("{}{}", rule_of("x"), rule_of("?[de]?")));
    let mut scratch = Scratch::default();
    for _ in 0..2 {
        let mut index = |rules: &Rules, cwd| {
            rules.first_match_with(&at(cwd), &mut scratch).map(|id| id.index())
        };
        assert_eq!(index(&first, "abd"), Some(0));
        assert_eq!(index(&second, "abd"), None);
        assert_eq!(index(&second, "aed"), Some(1));
        assert_eq!(index(&first, "aed"), None);
    }
}

#[test]
fn windows_line_ends_and_byte_order_marks() {
    let text = "\u{feff}[[rules.auto_tag]]\r\nmatch = { agent = \"[a\" }\r\ntags = ['t']\r\n";
    let file = SourceFile::new("config.toml", text);
    let findings = check(file.text()).findings;
    assert_eq!(findings.len(), 1, "{findings:#?}");
    let at = file.position(findings[0].primary.span.start);
    assert_eq!((at.line, at.column), (2, 20));
}
