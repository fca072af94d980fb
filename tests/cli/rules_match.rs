//! `tt rules match`: rules over streams from a file, in the shapes that scripts rely on.

use serde_json::{Value, json};

use crate::support::{ACME, quiet, tt};

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_line_in_gives_a_line_out() {
    let tt = tt().with_config(ACME);
    let streams = r#"{"primary_cwd": "/sandbox/home/work/acme/web"}
{}

{"primary_cwd": "/sandbox/home/oss/tt", "agent": ["codex", "claude-code"]}
"#;
    let out = tt.feed("rules match --streams -", streams).ok().out;
    assert_eq!(
        lines(&out),
        [
            json!({"rule": 0, "name": "Acme projects", "tags": ["acme", "billable"], "project": null}),
            json!({"rule": null, "name": null, "tags": [], "project": null}),
            json!({"rule": 2, "name": "Open source contributions", "tags": ["oss", "unbillable"], "project": null}),
        ]
    );
    assert!(!tt.database().exists(), "no database is needed");
}

#[test]
fn rules_home_and_streams_can_be_named() {
    let tt = quiet();
    let rules = tt.put(
        "r.toml",
        "[[rules.auto_tag]]\nmatch = { primary_cwd = '~/c/<client>/*' }\ntags = ['c:<client>']\nproject = '<client>'\n",
    );
    let streams = tt.put("s.jsonl", "{\"primary_cwd\": \"/Users/sami/c/acme/x\"}");
    let args = ["rules", "match", "--home", "/Users/sami/", "--rules"];
    let ran = tt.run_args(args.into_iter().chain([
        rules.to_str().unwrap(),
        "--streams",
        streams.to_str().unwrap(),
    ]));
    assert_eq!(
        lines(&ran.ok().out),
        [json!({"rule": 0, "name": "rule 1", "tags": ["c:acme"], "project": "acme"})]
    );
}

#[test]
fn a_time_with_an_offset_is_local_time_in_the_zone() {
    let tt = quiet().zone("Asia/Tokyo").with_config(
        "[[rules.auto_tag]]\nmatch = { weekday = 'wed', time = '09:00..10:00' }\ntags = ['t']\n",
    );
    let streams = "{\"at\": \"2025-01-29T00:30:00Z\"}\n{\"at\": \"2025-01-29T09:30:00\"}\n{\"at\": \"2025-01-29T00:30:00\"}\n";
    let out = tt.feed("rules match --streams -", streams).ok().out;
    let won: Vec<_> = lines(&out).iter().map(|line| line["rule"].clone()).collect();
    assert_eq!(won, [json!(0), json!(0), json!(null)]);
}

#[test]
fn a_bad_line_keeps_its_place_and_the_rest_is_matched() {
    let tt = tt().with_config(ACME);
    let streams = "{\"agent\": \"codex\"}\n{\"tmux_session\": [\"personal-x\"], \"is\": 1}\nno\n";
    let ran = tt.feed("rules match --streams -", streams);
    assert_eq!(ran.code, Some(1));
    let answers = lines(&ran.out);
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[1]["rule"], 1);
    assert_eq!(answers[0]["error"], "'agent' must be a list of texts, not \"codex\"");
    assert_eq!(
        ran.err,
        "Error: stdin line 1: 'agent' must be a list of texts, not \"codex\"\n\
         Error: stdin line 3: not a JSON object: expected ident at column 2\n\
         Warning: stdin: keys that mean nothing here: 'is'\n"
    );
}

#[test]
fn statistics_are_one_line_on_stderr() {
    let tt = tt().with_config(ACME);
    let streams = "{\"tmux_session\": [\"personal-x\"]}\n".repeat(3);
    for flags in ["", " --no-cache"] {
        let line = format!("rules match --streams - --stats --repeat 4{flags}");
        let ran = tt.feed(&line, &streams).done();
        assert_eq!(ran.out.lines().count(), 3);
        let stats: Value = serde_json::from_str(&ran.err).unwrap();
        assert_eq!(
            (&stats["rules"], &stats["streams"], &stats["runs"]),
            (&3.into(), &3.into(), &5.into())
        );
        for key in ["compile_ms", "table_bytes", "first_pass_ns", "warm_ns"] {
            assert!(stats[key].as_f64().unwrap() > 0.0, "{stats}");
        }
    }
    tt.feed("rules match --streams - --repeat 4", &streams).says_wrong_usage(&["--stats"]);
}

#[test]
fn broken_rules_match_nothing() {
    let tt = tt().with_config("[[rules.auto_tag]]\nmatch = { pathh = 'x' }\ntags = ['t']\n");
    let ran = tt.feed("rules match --streams -", "{}\n");
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("unknown field 'pathh' in match block"), "{}", ran.err);
    let missing = quiet().run("rules match --streams /nowhere/s.jsonl");
    missing.fails_about(&["cannot read /nowhere/s.jsonl"]);
}
