//! `tt rules check`, its forms and its levels: every form tells of the same findings.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Ran, Sandbox, tt};

const FORMATS: [&str; 7] = ["text", "short", "json", "sarif", "github", "gitlab", "junit"];
const EIGHT: &str = include_str!("../rules/findings/eight_mistakes.toml");
const SHADOWED: &str = r#"[[rules.auto_tag]]
name = "Acme, %, :"
match = { primary_cwd = "~/work/acme/*" }
tags = ["acme"]

[[rules.auto_tag]]
name = "Se<cr>&et"
match = { primary_cwd = "~/work/acme/secret/*" }
tags = ["secret"]
"#;
const SOUND: &str = "[[rules.auto_tag]]\nmatch = { agent = \"codex\" }\ntags = [\"ü\"]\n";

fn files() -> Sandbox {
    let tt = tt();
    for (name, text) in [("eight.toml", EIGHT), ("dir/sh ü.toml", SHADOWED), ("sound.toml", SOUND)]
    {
        tt.put(&format!("home/{name}"), text);
    }
    tt
}

fn run(tt: &Sandbox, more: &[&str]) -> Ran {
    let mut command = tt.command(
        ["rules", "check", "eight.toml", "dir/sh ü.toml", "sound.toml"].iter().chain(more),
    );
    command.current_dir(tt.home()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ran::of(command.spawn().unwrap(), tt)
}

/// File, line and code of each finding, as a form tells them.
type Told = Vec<(String, u64, String)>;

fn told(format: &str, out: &str) -> Told {
    let line = |value: &Value| value.as_u64().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let json = || serde_json::from_str::<Value>(out).unwrap();
    let code = |text: &str| text.get(..5).unwrap().to_owned();
    match format {
        "text" => {
            let places = out.lines().filter_map(|line| line.split_once("─[ ")?.1.split_once(" ]"));
            let codes = out.lines().filter_map(|line| line.strip_prefix('[')?.split_once(']'));
            let told = places.zip(codes).map(|((place, _), (code, _))| {
                let mut parts = place.rsplitn(3, ':').skip(1);
                let line = parts.next().unwrap().parse().unwrap();
                (parts.next().unwrap().to_owned(), line, code.to_owned())
            });
            told.collect()
        }
        "short" => out
            .lines()
            .map(|it| {
                let mut parts = it.splitn(4, ':');
                let file = parts.next().unwrap().to_owned();
                let line = parts.next().unwrap().parse().unwrap();
                let code = it.split_once('[').unwrap().1.get(..5).unwrap().to_owned();
                (file, line, code)
            })
            .collect(),
        "json" => json()["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (text(&it["file"]), line(&it["line"]), text(&it["code"])))
            .collect(),
        "sarif" => json()["runs"][0]["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                let place = &it["locations"][0]["physicalLocation"];
                let uri = text(&place["artifactLocation"]["uri"]);
                let file = uri.replace("%20", " ").replace("%C3%BC", "ü");
                (file, line(&place["region"]["startLine"]), text(&it["ruleId"]))
            })
            .collect(),
        "github" => out
            .lines()
            .map(|it| {
                let after = |name: &str| it.split_once(name).unwrap().1.split([',', ':']).next();
                let file = after("file=").unwrap().to_owned();
                (file, after("line=").unwrap().parse().unwrap(), code(after("title=").unwrap()))
            })
            .collect(),
        "gitlab" => json()
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                let place = &it["location"];
                let begin = line(&place["lines"]["begin"]);
                (text(&place["path"]), begin, code(&text(&it["check_name"])))
            })
            .collect(),
        "junit" => out
            .lines()
            .filter(|line| line.contains("<testcase name=\"R"))
            .map(|line| {
                let name = line.split_once("name=\"").unwrap().1;
                let place = name.split_once('(').unwrap().1.split_once(')').unwrap().0;
                let mut parts = place.split(':');
                let file = parts.next().unwrap().to_owned();
                (file, parts.next().unwrap().parse().unwrap(), code(name))
            })
            .collect(),
        other => panic!("{other}"),
    }
}

#[test]
fn every_form_tells_the_same_findings_and_the_same_bytes_again() {
    let tt = files();
    let expected = told("json", &run(&tt, &["--format", "json"]).out);
    assert_eq!(expected.len(), 9);
    let of_eight: BTreeSet<_> = expected.iter().filter(|it| it.0 == "eight.toml").collect();
    assert_eq!(of_eight.len(), 8, "none twice: {expected:#?}");
    for format in FORMATS {
        let ran = run(&tt, &["--format", format]).exits(1);
        assert_eq!(told(format, &ran.out), expected, "{format}\n{}", ran.out);
        assert_eq!(run(&tt, &["--format", format]).out, ran.out, "{format}");
    }
}

#[test]
fn the_forms_as_they_look() {
    let tt = files();
    let look = |format: &str| {
        let mut command = tt.command(["rules", "check", "dir/sh ü.toml", "--format", format]);
        command.current_dir(tt.home()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ran::of(command.spawn().unwrap(), &tt).exits(0).out
    };
    for format in ["short", "github", "gitlab", "junit"] {
        insta::assert_snapshot!(format!("form_{format}"), look(format));
    }
    let mut sarif: Value = serde_json::from_str(&look("sarif")).unwrap();
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].take();
    assert_eq!(rules.as_array().unwrap().len(), ::tt::diag::Code::ALL.len());
    sarif["runs"][0]["tool"]["driver"]["semanticVersion"].take();
    insta::assert_snapshot!("form_sarif", format!("{sarif:#}"));
}

#[test]
fn several_forms_from_one_run_each_in_its_file() {
    let tt = files();
    tt.put("home/out/json", "what was there");
    let folder = tt.path("home/out").display().to_string();
    let outputs: Vec<String> =
        FORMATS.iter().map(|format| format!("--output={format}={folder}/{format}")).collect();
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let ran = run(&tt, &outputs).exits(1);
    assert_eq!(ran.out, run(&tt, &[]).out);
    for format in FORMATS {
        let written = fs::read_to_string(format!("{folder}/{format}")).unwrap();
        let written = written.replace(tt.path("").to_str().unwrap(), "/sandbox/");
        let printed = run(&tt, &["--format", format]).out;
        assert!(written == printed, "{format}\n{written}\n{printed}");
    }
    run(&tt, &["--output", "sarif=no/such/folder/x"]).exits(2);
    run(&tt, &["--output", "sarif"]).says_wrong_usage(&["FORMAT=FILE"]);
    run(&tt, &["--output", "text=eight.toml"]).says_wrong_usage(&["would overwrite eight.toml"]);
    run(&tt, &["--output", "text=o", "--output", "json=o"]).says_wrong_usage(&["overwrite o"]);
    run(&tt, &["--output", "text=-"]).says_wrong_usage(&["--format"]);
    assert_eq!(fs::read_to_string(tt.path("home/eight.toml")).unwrap(), EIGHT);
    run(&tt, &["--output", "yaml=x"]).says_wrong_usage(&["'yaml' is none of", "sarif"]);
}

#[test]
fn a_clean_file_is_clean_in_every_form() {
    let tt = files();
    let look = |format: &str| {
        let path = tt.path("home/sound.toml");
        tt.run_args(["rules", "check", path.to_str().unwrap(), "--format", format]).ok()
    };
    look("text").prints("/sandbox/home/sound.toml: 1 rule loaded, all valid");
    assert_eq!((look("short").out, look("github").out), (String::new(), String::new()));
    assert_eq!(look("gitlab").json(), serde_json::json!([]));
    assert_eq!(look("sarif").json()["runs"][0]["results"], serde_json::json!([]));
    assert!(look("junit").out.contains("tests=\"1\" skipped=\"0\" failures=\"0\""));
    assert_eq!(look("json").json()["findings"], serde_json::json!([]));
}

#[test]
fn levels_of_the_file_and_of_the_command_line() {
    let tt = tt().with_config(SHADOWED);
    let check = |args: &str| tt.run(&format!("rules check {args}"));
    check("").ok().says(&["2 rules loaded, 1 warning"]);
    check("--deny warnings").exits(1).says(&["Error: config.toml line 8", "loaded, 1 error"]);
    check("--deny shadowed").exits(1);
    check("--deny R0302 --exit-zero").exits(0).says(&["loaded, 1 error"]);
    check("--deny warnings --allow shadowed").ok().prints("config.toml: 2 rules loaded, all valid");
    check("--allow warnings").ok().prints("config.toml: 2 rules loaded, all valid");
    check("--deny warnings --warn r0302").exits(1).says(&["1 error"]);
    check("--deny shadwed").says_wrong_usage(&["did you mean shadowed?", "tt rules explain"]);
    check("--allow unknown-field").says_wrong_usage(&["always an error"]);
    check("--allow R0302 --deny shadowed").says_wrong_usage(&["both name R0302"]);
    // The rules run all the same: a level is about the check.
    tt.config(format!("{SHADOWED}\n[rules.lints]\nshadowed = \"deny\"\noverlap = \"warn\"\n"));
    check("").exits(1).says(&["Error: config.toml line 8: rule 'Se<cr>&et' can never win"]);
    tt.run("streams").ok();
    check("--allow R0302").ok();
}

#[test]
fn allowances_hide_what_they_name_and_nothing_else() {
    let allowed = SHADOWED.replace("name = \"Se", "# tt: allow(R0302) until May\nname = \"Se");
    let tt = tt().with_config(&allowed);
    tt.run("rules check --deny warnings").ok().prints("config.toml: 2 rules loaded, all valid");
    tt.config(allowed.replace("acme/secret", "other"));
    tt.run("rules check").ok().says(&["line 7: allowance of R0302 allows nothing"]);
    // What is not looked for, because of an error, is not said to be missing.
    tt.config(allowed.replace("tags = [\"acme\"]", "tags = []"));
    let ran = tt.run("rules check").exits(1);
    assert!(!ran.out.contains("allowance"), "{ran:#?}");
}

#[test]
fn an_allowance_is_idle_only_where_findings_were_looked_for() {
    let allowed = SHADOWED.replace("name = \"Se", "# tt: allow(R0302) until May\nname = \"Se");
    let tt = tt().with_config(&allowed);
    for options in ["--allow R0302", "--allow warnings", "--allow shadowed --fix"] {
        let ran = tt.run(&format!("rules check {options}")).ok();
        ran.prints("config.toml: 2 rules loaded, all valid");
    }
    assert_eq!(fs::read_to_string(tt.home().join(".config/tt/config.toml")).unwrap(), allowed);
    // Nobody looks for overlaps, so nobody can say that there are none.
    let overlap = SOUND.replace("tags", "# tt: allow(overlap) as it should be\ntags");
    tt.config(&overlap);
    tt.run("rules check").ok().prints("config.toml: 1 rule loaded, all valid");
    tt.run("rules check --overlaps").ok().says(&["allowance of R0305 allows nothing"]);
}

#[test]
fn a_file_on_stdin_has_the_name_that_is_said() {
    let tt = tt();
    tt.feed("rules check - --format short", EIGHT).exits(1).says(&["<stdin>:3:11: error[R0201]"]);
    tt.feed("rules check - --stdin-filename a/b.toml --format short", EIGHT)
        .exits(1)
        .says(&["a/b.toml:3:11: error[R0201]"]);
    tt.feed("rules check -", SOUND).ok().prints("<stdin>: 1 rule loaded, all valid");
    let ran = tt.feed("rules check -", b"\xff").exits(2);
    assert!(ran.err.starts_with("Error: <stdin> is not UTF-8"), "{ran:#?}");
    tt.feed("rules check - --watch", "").says_wrong_usage(&["stdin cannot be watched"]);
}

#[test]
fn what_cannot_be_read_is_status_2_and_the_rest_is_checked() {
    let tt = files();
    let ran = run(&tt, &["missing.toml", "dir"]).exits(2).says(&["sound.toml: 1 rule loaded"]);
    assert!(ran.err.contains("Error: cannot read missing.toml"), "{ran:#?}");
    assert!(ran.err.contains("Error: cannot read dir"), "{ran:#?}");
    run(&tt, &["missing.toml", "--exit-zero"]).exits(2);
    tt.run("rules check --dry-run --format sarif").says_wrong_usage(&["text or json"]);
    // A file named twice is checked once.
    assert_eq!(run(&tt, &["eight.toml"]).out, run(&tt, &[]).out);
}

#[test]
fn watching_checks_again_when_the_file_is_saved() {
    let tt = tt().with_config(SOUND);
    let mut watch = tt.start(["rules", "check", "--watch"]);
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "config.toml: 1 rule loaded, all valid");
    tt.config(SHADOWED);
    assert!(lines.next().unwrap().starts_with("Warning: config.toml line 8"));
    assert!(lines.any(|line| line == "config.toml: 2 rules loaded, 1 warning"));
    assert_eq!(lines.next().unwrap(), "1 can be fixed with --fix");
    // As many editors save: another file in its place.
    let new = tt.put("home/.config/tt/new", SOUND);
    fs::rename(new, tt.home().join(".config/tt/config.toml")).unwrap();
    assert_eq!(lines.next().unwrap(), "config.toml: 1 rule loaded, all valid");
    fs::remove_file(tt.home().join(".config/tt/config.toml")).unwrap();
    tt.config("nonsense");
    assert!(lines.any(|line| line.ends_with("no rule runs until fixed")));
    watch.kill().unwrap();
    watch.wait().unwrap();
}
