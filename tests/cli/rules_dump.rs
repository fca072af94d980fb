//! `tt rules dump`: each stage of the compiler, shown.

use crate::support::{ACME, Sandbox, quiet, tt};

const CORNERS: &str = r#"[rules]
homes = ["/Users/sami"]

[[rules.auto_tag]]
match = { primary_cwd = ["~/{a,b}[!x-z]?", "/srv/<site>/*"], duration = ">= 15m", weekday = ["sat", "sun"] }
tags = ["t"]
project = "p"

[[rules.auto_tag]]
enabled = false
match = { time = "22:00..06:00" }
tags = ["night"]

[[rules.auto_tag]]
when = '''
    repo in ["acme/*", "<x>"] and not (has worktree or agent != "codex")
    and (duration in 15m..2h or true)
'''
tags = ["when"]
"#;

fn dump(tt: &Sandbox, stage: &str) -> String {
    tt.run(&format!("rules dump --stage {stage}")).ok().out
}

#[test]
fn the_syntax_tree_has_places() {
    insta::assert_snapshot!(dump(&quiet().with_config(CORNERS), "ast"));
}

#[test]
fn the_typed_form_is_the_default() {
    let tt = quiet().with_config(CORNERS);
    insta::assert_snapshot!(dump(&tt, "ir"));
    assert_eq!(tt.run("rules dump").ok().out, dump(&tt, "ir"));
}

#[test]
fn the_table_says_how_each_pattern_is_looked_for_and_why() {
    let shown = dump(&quiet().with_config(CORNERS), "table");
    // How many bytes they are is not the point.
    let mut words: Vec<&str> = shown.split(' ').collect();
    for at in 1..words.len() {
        if words[at].starts_with("bytes") {
            let count = words[at - 1].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |end| end + 1);
            words[at - 1] = &words[at - 1][..count];
        }
    }
    insta::assert_snapshot!(words.join(" "));
}

#[test]
fn the_graph_is_for_graphviz() {
    insta::assert_snapshot!(dump(&tt().with_config(ACME), "dot"));
}

#[test]
fn the_syntax_tree_of_a_broken_file_is_shown_with_its_mistakes() {
    let tt =
        quiet().with_config("[[rules.auto_tag]]\nmatch = { primary_cwd = '[' }\ntags = ['t']\n");
    let ran = tt.run("rules dump --stage ast");
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("malformed"), "{}", ran.out);
    assert!(ran.err.contains("Unclosed bracket"), "{}", ran.err);
    let ran = tt.run("rules dump");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
}
