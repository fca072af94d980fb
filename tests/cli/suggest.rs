//! `tt suggest`: what a model is asked, and what its answer may do.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::events::{focus, tool};
use crate::support::{Sandbox, tt};

const RULE: &str = "[[rules.auto_tag]]\nname = \"Acme\"\nmatch = { primary_cwd = \"~/work/acme*\" }\n\
    tags = [\"acme\", \"billable\"]\n";
const FILTER: &str =
    "[privacy]\nexclude = [\"~/private\"]\nobfuscate = [\"projects\", \"branches\", \"titles\"]\n";

/// `acme` is tagged by the rule; `hushlab`, `notes` and `diary` have no tags.
fn world(config: &str) -> Sandbox {
    let tt = tt().with_config(format!("{config}{RULE}"));
    let mut lab = tool("2025-01-27T12:00:00Z", &tt.dir("work/hushlab"), "s1");
    lab["git_branch"] = "feature/zora".into();
    lab["repo"] = "corp/hushlab".into();
    lab["repo_root"] = tt.dir("work/hushlab").into();
    tt.import(&[
        focus("2025-01-27T10:00:00Z", &tt.dir("work/acme"), "acme"),
        lab,
        focus("2025-01-27T12:01:00Z", &tt.dir("work/hushlab"), "hush"),
        focus("2025-01-28T10:00:00Z", &tt.dir("notes"), "main"),
        focus("2025-01-28T14:00:00Z", &tt.dir("private/diary"), "main"),
    ]);
    tt.run("report").ok();
    tt
}

/// Makes the command keep the question and then run `script`.
fn model(tt: &Sandbox, script: &str) -> std::path::PathBuf {
    let question = tt.path("question.json");
    tt.put("model.sh", format!("cat > '{}'\n{script}\n", question.display()))
}

/// Makes the command answer `answer`.
fn answer(tt: &Sandbox, answer: &str) {
    model(tt, &format!("cat <<'END'\n{answer}\nEND"));
}

fn with_model(config: &str, script: &str) -> Sandbox {
    let tt = world(config);
    let model = model(&tt, script);
    tt.config(format!("{config}{RULE}[llm]\ncommand = [\"sh\", \"{}\"]\n", model.display()));
    tt
}

fn asked(tt: &Sandbox) -> Value {
    serde_json::from_str(&fs::read_to_string(tt.path("question.json")).unwrap()).unwrap()
}

/// Lines, with blanks as wide as it is easy to compare.
fn cells(text: &str) -> Vec<String> {
    text.lines().map(|it| it.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn without_a_command_the_question_is_printed() {
    let tt = world("");
    let question = tt.run("suggest").ok().json();
    assert_eq!(question["tags"], json!(["acme", "billable"]));
    let names = |question: &Value| -> Vec<String> {
        let streams = question["streams"].as_array().unwrap();
        streams.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&question), ["hushlab", "notes", "diary"]);
    let lab = &question["streams"][0];
    assert_eq!(
        *lab,
        json!({
            "id": tt.stream_at(&tt.dir("work/hushlab"))["id"], "name": "hushlab",
            "primary_cwd": "/sandbox/home/work/hushlab", "repo": "corp/hushlab",
            "git_branches": ["feature/zora"], "tmux_sessions": ["hush"],
            "agents": ["claude-code"], "first_event_at": "2025-01-27T12:00:00Z",
            "last_event_at": "2025-01-27T12:01:00Z", "time_direct_ms": 300_000,
            "time_delegated_ms": 0
        })
    );
    assert!(question["instructions"].as_str().unwrap().contains("\"suggestions\""));

    let some = tt.run("suggest --since 2025-01-28 --until 2025-01-28T12:00:00").ok().json();
    assert_eq!(names(&some), ["notes"]);
    let newest = tt.run("suggest --limit 2");
    let newest =
        newest.warns("Note: the newest 2 of 3 streams without tags; --limit takes more.").json();
    assert_eq!(names(&newest), ["notes", "diary"]);
    tt.run("suggest --yes").fails_about(&["no command", "[llm] command", "--apply FILE"]);
}

#[test]
fn an_answer_is_shown_and_applied_when_asked_for() {
    let tt = with_model("", "");
    let [lab, notes] = ["work/hushlab", "notes"].map(|it| tt.id_at(&tt.dir(it)));
    let suggestions = json!({"suggestions": [
        {"stream": lab, "tags": ["acme", "research"]}, {"stream": notes, "tags": []}]});
    answer(&tt, &format!("```json\n{suggestions:#}\n```"));
    let before = tt.tag_tables();
    let shown = tt.run("suggest").ok().out;
    assert_eq!(
        cells(&shown),
        [
            "ID BEGAN NAME TAGS",
            &format!("{lab} 2025-01-27 12:00 hushlab acme, research (new)"),
            "",
            "1 stream. Nothing was changed. Run 'tt suggest --apply' to apply this.",
        ]
    );
    assert_eq!(asked(&tt)["streams"].as_array().unwrap().len(), 3);
    assert_eq!(tt.tag_tables(), before);
    let kept = tt.home().join(".local/share/tt/tt.db.suggestions.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&kept).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    // What was shown is applied, whatever the model would say now.
    fs::remove_file(tt.path("model.sh")).unwrap();
    tt.run("suggest --apply").ok().says(&["acme, research (new)", "1 stream tagged."]);
    assert_eq!(tt.tags_at(&tt.dir("work/hushlab")), ["acme (llm)", "research (llm)"]);
    assert_eq!(tt.tags_at(&tt.dir("notes")), [""; 0]);
    assert!(!kept.exists());
    tt.run("suggest --apply").fails_about(&["nothing is suggested", "tt suggest"]);
}

#[test]
fn yes_applies_at_once_and_tagged_streams_are_not_asked_about_again() {
    let tt = with_model("", "");
    let id = tt.id_at(&tt.dir("notes"));
    answer(&tt, &json!({"stream": id, "tags": "memo"}).to_string());
    let done = tt.run("suggest --yes --json").ok().json();
    assert_eq!(done["applied"], true);
    assert_eq!(done["suggestions"][0]["tags"], json!(["memo"]));
    assert_eq!(done["skipped"], json!([]));
    assert_eq!(tt.tags_at(&tt.dir("notes")), ["memo (llm)"]);
    // The answer names a stream that has the tag by now.
    tt.run("suggest --yes").ok().prints("Nothing to change.");
    tt.run("suggest").ok().prints("Nothing is suggested.");
    tt.run("suggest --apply").fails_about(&["nothing is suggested"]);
    let tags = tt.run("tags --json").ok().json();
    let memo = tags["tags"].as_array().unwrap().iter().find(|it| it["tag"] == "memo").unwrap();
    assert_eq!(memo["sources"], json!({"user": 0, "rule": 0, "llm": 1}));
}

#[test]
fn what_a_person_or_a_rule_said_holds() {
    let tt = world("");
    let [acme, lab, notes] = ["work/acme", "work/hushlab", "notes"].map(|it| tt.id_at(&tt.dir(it)));
    tt.run(&format!("tag {lab} mine")).ok();
    tt.run(&format!("untag {acme} billable")).ok();
    tt.run(&format!("tag {notes} off")).ok();
    tt.run(&format!("untag {notes} off")).ok();
    let lines = format!(
        "{{\"stream\": \"{acme}\", \"tags\": [\"acme\", \"billable\"]}}\n\
         {{\"stream\": \"{lab}\", \"tags\": [\"mine\", \"guess\"]}}\n\
         {{\"stream\": \"{notes}\", \"tags\": [\"off\", \"memo\"]}}\n"
    );
    tt.feed("suggest --apply -", &lines).warns(&format!(
        "Note: you took billable off {acme} acme; that stays so.\n\
         Note: {acme} acme has tags: acme (rule); they stay.\n\
         Note: {lab} hushlab has tags: mine (user); they stay.\n\
         Note: you took off off {notes} notes; that stays so."
    ));
    assert_eq!(tt.tags_at(&tt.dir("work/acme")), ["acme (rule)"]);
    assert_eq!(tt.tags_at(&tt.dir("work/hushlab")), ["guess (llm)", "mine (user)"]);
    assert_eq!(tt.tags_at(&tt.dir("notes")), ["memo (llm)"]);
    // What rules give later goes before what was guessed.
    let rule = "[[rules.auto_tag]]\nmatch = { primary_cwd = \"~/notes\" }\ntags = [\"memo\"]\n";
    tt.config(format!("{RULE}{rule}"));
    tt.run("recompute").done();
    assert_eq!(tt.tags_at(&tt.dir("notes")), ["memo (rule)"]);
    tt.feed("suggest --apply -", &lines).done().prints("Nothing to change.");
    assert_eq!(tt.tags_at(&tt.dir("notes")), ["memo (rule)"]);
}

#[test]
fn only_what_the_filter_lets_out_is_asked_and_answers_come_back_in_real_words() {
    let tt = with_model(FILTER, "echo []");
    // A tag that is the name of a project.
    tt.run(&format!("tag {} hushlab", tt.id_at(&tt.dir("private/diary")))).ok();
    tt.run(&format!("tag {} oss", tt.id_at(&tt.dir("notes")))).ok();
    tt.run("suggest").ok().prints("Nothing is suggested.");
    let question = asked(&tt);
    let text = question.to_string();
    for word in ["hush", "acme", "diary", "private", "zora", "corp"] {
        assert!(!text.contains(word), "{word}: {question:#}");
    }
    let streams = question["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 1, "{question:#}");
    let tags = question["tags"].as_array().unwrap();
    let acme = tags.iter().find(|it| it.as_str().unwrap().starts_with("project-")).unwrap();
    assert_eq!(tags.len(), 3, "the tag of what is excluded is not offered: {question:#}");
    let real = tt.stream_at(&tt.dir("work/hushlab"));
    assert_ne!(streams[0]["id"], real["id"]);

    let tokens = json!([{"stream": streams[0]["id"], "tags": [acme, "new", streams[0]["name"]]}]);
    answer(&tt, &tokens.to_string());
    let ran = tt.run("suggest").exits(1);
    ran.clone().says(&["hushlab", "acme, new (new)"]);
    assert!(ran.err.contains("it stands for no tag in use"), "{ran:#?}");
    // What was kept is in real words and holds whatever the filter says by then.
    tt.config(RULE);
    tt.run("suggest --apply").ok();
    assert_eq!(tt.tags_at(&tt.dir("work/hushlab")), ["acme (llm)", "new (llm)"]);
    // The answer to an obfuscated question can be applied from a file too.
    tt.config(format!("{FILTER}{RULE}"));
    tt.run(&format!("untag {} new", &real["id"].as_str().unwrap()[..7])).ok();
    tt.feed("suggest --apply -", tokens.to_string()).exits(1);
    assert_eq!(tt.tags_at(&tt.dir("work/hushlab")), ["acme (llm)"]);
    tt.is_sound();
}

#[test]
fn a_mistake_in_the_filter_lets_nothing_out() {
    let tt = with_model("[privacy]\nexclud = []\n", "echo []");
    tt.run("suggest").fails_about(&["unknown key 'exclud'", "Nothing leaves"]);
    assert!(!tt.path("question.json").exists());
}

#[test]
fn bad_parts_are_told_and_the_rest_is_applied() {
    let tt = world("");
    let id = tt.id_at(&tt.dir("notes"));
    let long = "x".repeat(65);
    let answer = format!(
        "Sure!\n{{\"stream\": \"{id}\", \"tags\": [\"memo\", \" \", \"{long}\", \"a\\u001b[2J\"]}}\n\
         {{\"stream\": \"no\\u001bbody\", \"tags\": [\"x\"]}}\n{{\"tags\": []}}\n{{\"stre"
    );
    let ran = tt.feed("suggest --apply -", &answer).exits(1);
    assert_eq!(
        ran.err.lines().collect::<Vec<_>>(),
        [
            "Skipped: 'Sure!': it is no suggestion in JSON",
            &format!("Skipped: tag '' of {id}: it is empty"),
            &format!("Skipped: tag '{}…' of {id}: it is longer than 64 characters", &long[..60]),
            &format!("Skipped: tag 'a�[2J' of {id}: it has control characters"),
            "Skipped: stream 'no�body': there is none with this id",
            "… and 2 more",
            "Error: not all of the answer could be used; the rest holds",
        ]
    );
    ran.says(&["memo (new)", "1 stream tagged."]);
    assert_eq!(tt.tags_at(&tt.dir("notes")), ["memo (llm)"]);
}

#[test]
fn answers_that_are_none_change_nothing() {
    let tt = world("");
    let before = tt.tag_tables();
    for (answer, why) in [("", "it is empty"), ("I don't know", "it is no JSON"), ("{", "no JSON")]
    {
        tt.feed("suggest --apply -", answer).fails_about(&[
            "the answer",
            why,
            "Nothing was changed",
        ]);
    }
    tt.feed("suggest --apply -", b"\xff\xfe").fails_about(&["not UTF-8"]);
    tt.run("suggest --apply nowhere.json").fails_about(&["cannot read", "nowhere.json"]);
    tt.run("suggest --apply x --limit 3").says_wrong_usage(&["--limit"]);
    assert_eq!(tt.tag_tables(), before);
}

#[test]
fn a_command_that_fails_is_reported() {
    let tt = with_model("", "echo first >&2; echo 'no key \x1b[2J' >&2; echo '[]'; exit 7");
    let said = "'sh' failed with exit status 7: no key �[2J";
    tt.run("suggest").fails_about(&[said, "Nothing was changed", "[llm]"]);
    let tt = with_model("", "kill -9 $$");
    tt.run("suggest --yes").fails_about(&["'sh' was ended by signal 9"]);
    let tt = with_model("", "echo 'Sorry, no.'");
    tt.run("suggest").fails_about(&["the answer of the command", "begins with 'Sorry, no.'"]);
    let tt = with_model("", "head -c 9000000 /dev/zero");
    tt.run("suggest").fails_about(&["more than 8 MiB"]);
    let tt = with_model("", "printf '\\377'");
    tt.run("suggest").fails_about(&["not UTF-8"]);
    let tt = world("");
    tt.config(format!("{RULE}[llm]\ncommand = \"no-such-program -m x\"\n"));
    tt.run("suggest").fails_about(&["cannot run 'no-such-program'", "Nothing was changed"]);
}

#[test]
fn a_command_that_hangs_is_ended() {
    let begun = Instant::now();
    for script in ["exec sleep 60", "echo '[]'; exec >&-; exec sleep 60", "sleep 60"] {
        let tt = with_model("", script);
        let config = fs::read_to_string(tt.home().join(".config/tt/config.toml")).unwrap();
        tt.config(format!("{config}timeout = \"1s\"\n"));
        tt.run("suggest").fails_about(&["'sh' did not answer within 1 s", "it was ended"]);
    }
    assert!(begun.elapsed() < Duration::from_secs(50));
}

#[test]
fn a_command_need_not_read_the_question() {
    let tt = world("");
    let id = tt.id_at(&tt.dir("notes"));
    let model = tt.put("answer", format!("{{\"stream\": \"{id}\", \"tags\": [\"memo\"]}}"));
    tt.config(format!("{RULE}[llm]\ncommand = \"cat {}\"\n", model.display()));
    tt.run("suggest").ok().says(&["memo (new)"]);
}

#[test]
fn wrong_settings_are_mistakes_of_this_command_alone() {
    let tt = world("");
    for (llm, why) in [
        ("comand = \"x\"", "unknown field `comand`"),
        ("command = \"x | y\"", "without a shell"),
        ("command = []", "names no program"),
        ("timeout = \"soon\"", "no duration"),
    ] {
        tt.config(format!("{RULE}[llm]\n{llm}\n"));
        tt.run("suggest").fails_about(&["config.toml", why]);
        tt.run("report").ok();
        tt.run("rules check").ok();
        tt.feed("suggest --apply -", "[]").ok().prints("Nothing to change.");
    }
}

#[test]
fn where_all_is_tagged_nobody_is_asked() {
    let tt = with_model("", "echo []");
    for stream in tt.streams() {
        tt.run_args(["tag", stream["id"].as_str().unwrap(), "x"]).ok();
    }
    tt.run("suggest").ok().prints("Nothing is suggested.");
    assert!(!tt.path("question.json").exists());
}
