//! `tt privacy check`, and what the filter never does.

use serde_json::{Value, json};

use crate::support::events::{focus, tool};
use crate::support::{Sandbox, quiet, tt};

const FILTER: &str =
    "[privacy]\nexclude = [\"~/private\"]\nobfuscate = [\"projects\", \"branches\", \"titles\"]\n";

/// Work on two projects and a private one.
fn busy(config: &str) -> Sandbox {
    let tt = quiet().with_config(config);
    let mut login = focus("2025-01-27T10:00:00Z", &tt.dir("work/hushweb"), "hushweb");
    login["git_branch"] = "feature/login".into();
    login["repo"] = "zora/hushweb".into();
    login["repo_root"] = tt.dir("work/hushweb").into();
    let mut page = json!({"timestamp": "2025-01-27T10:01:00Z", "type": "browser_tab",
                          "data": {"title": "Hushweb - ~/private/x", "url": "https://e.example/"}});
    page["data"]["odd"] = json!([{"for HUSHWEB": "file:///sandbox/home/private/a%20b"}]);
    let mut file = tool("2025-01-27T10:02:00Z", &tt.dir("work/hushweb"), "s1");
    file["data"]["file"] = "../../private/notes.md".into();
    tt.import(&[
        login,
        page,
        file,
        focus("2025-01-27T12:00:00Z", &tt.dir("work/other"), "main"),
        focus("2025-01-27T14:00:00Z", &tt.dir("private/diary"), "main"),
        focus("2025-01-27T14:01:00Z", &tt.dir("private/diary"), "main"),
    ]);
    tt.run("report").ok();
    tt
}

#[test]
fn without_a_table_it_says_that_everything_leaves() {
    let tt = busy("[inference]\ngap = \"30m\"\n");
    tt.run("privacy check").ok().prints(
        "no [privacy]: everything leaves unchanged when you push or export\n\
         3 streams and 6 events would leave",
    );
    assert_eq!(tt.count("meta WHERE key = 'privacy_key'"), 0);
    let json = tt.run("privacy check --json").ok().json();
    assert_eq!(json["configured"], false);
    assert_eq!(json["texts"], json!([]));
}

#[test]
fn it_shows_what_stays_and_why_and_what_becomes_of_the_rest() {
    let tt = busy(FILTER);
    let diary = tt.id_at(&tt.dir("private/diary"));
    let ran = tt.run("privacy check").ok();
    let cells: Vec<String> =
        ran.out.lines().map(|it| it.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "[privacy]: everything included, 1 glob to exclude, projects, branches, titles obfuscated",
        "STREAMS 2 would leave, 1 would not",
        &format!("{diary} diary excluded by '~/private' path /sandbox/home/private/diary"),
        "EVENTS 2 would leave, 4 would not",
    ] {
        assert!(cells.iter().any(|it| it == line), "{line}\n{}", ran.out);
    }
    let json = tt.run("privacy check --json").ok().json();
    let reasons = json["events"]["withheld"].as_array().unwrap();
    assert!(reasons.iter().any(|it| it["why"]["text"] == "file:///sandbox/home/private/a%20b"));
    assert!(reasons.iter().any(|it| it["events"] == 2), "{reasons:#?}");
    let becomes = |kind: &str, text: &str| -> String {
        let texts = json["texts"].as_array().unwrap();
        let found = texts.iter().find(|it| it["kind"] == kind && it["text"] == text);
        found.unwrap_or_else(|| panic!("no {text}: {json:#}"))["leaves_as"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let session = becomes("session", "hushweb");
    assert!(session.starts_with("project-"));
    assert_eq!(becomes("name", "hushweb"), session);
    assert_eq!(becomes("path", &tt.dir("work/hushweb")), tt.dir(&format!("work/{session}")));
    assert!(becomes("branch", "feature/login").starts_with("branch-"));
}

#[test]
fn tokens_stay_and_are_others_elsewhere() {
    let texts = |tt: &Sandbox| tt.run("privacy check --json").done().json()["texts"].clone();
    let here = busy(FILTER);
    let first = texts(&here);
    assert_eq!(texts(&here), first);
    // With more known and under other classes, what is the same is called the same.
    here.config(FILTER.replace("\"projects\", ", ""));
    here.import(&[focus("2025-01-28T10:00:00Z", &here.dir("work/third"), "third")]);
    let fewer = texts(&here);
    let branch = |texts: &Value| {
        let of = |it: &&Value| it["kind"] == "branch";
        texts.as_array().unwrap().iter().find(of).unwrap().clone()
    };
    assert_eq!(branch(&fewer), branch(&first));
    assert_ne!(branch(&texts(&busy(FILTER))), branch(&first));
}

#[test]
fn one_stream_is_shown_alone() {
    let tt = busy(FILTER);
    let ran = tt.run("privacy check diary").ok();
    ran.clone().says(&["STREAMS  0 would leave, 1 would not", "excluded by '~/private'"]);
    assert!(!ran.out.contains("EVENTS") && !ran.out.contains("hushweb"), "{}", ran.out);
    tt.run("privacy check hushweb").ok().says(&["1 would leave", "project-"]);
    tt.run("privacy check nobody").fails_about(&["no stream is called 'nobody'"]);
    tt.run("privacy check diary --since today").says_wrong_usage(&["--since"]);
}

#[test]
fn include_alone_keeps_back_and_rewrites_nothing() {
    let tt = busy("[privacy]\ninclude = [\"~/work/*\"]\n");
    tt.run("privacy check").ok().says(&[
        "1 glob to include, 0 globs to exclude, nothing obfuscated",
        "STREAMS  2 would leave, 1 would not",
        "nothing of it is in 'include'",
        "TEXTS    all leave as they are",
    ]);
}

/// All that is stored of events, byte for byte.
fn stored(tt: &Sandbox) -> Vec<String> {
    [
        "events",
        "places",
        "texts",
        "streams",
        "stream_tags",
        "time_entries",
        "sessions",
        "meta WHERE key <> 'privacy_key'",
    ]
    .iter()
    .flat_map(|table| tt.rows("*", table))
    .collect()
}

#[test]
fn what_is_stored_is_never_changed() {
    let tt = busy(FILTER);
    let (before, events) = (stored(&tt), tt.events());
    tt.run("privacy check").ok();
    tt.run("privacy check --json").ok();
    assert!(stored(&tt) == before);
    assert_eq!(tt.events(), events);
}

#[test]
fn nothing_leaves_by_mistake() {
    let tt = busy("");
    let wrong = |config: &str, words: &[&str]| {
        tt.config(config);
        let ran = tt.run("privacy check").exits(1);
        assert_eq!(ran.out, "", "{config}");
        let words = words.iter().chain(&["Error: ", "Nothing leaves until this is fixed."]);
        for word in words {
            assert!(ran.err.contains(word), "no '{word}': {ran:#?}");
        }
    };
    wrong(
        "[privacy]\n\nexclud = []\n",
        &["config.toml line 3: unknown key 'exclud'", "Did you mean: exclude?"],
    );
    wrong("[privacy]\nobfuscate = [\"path\"]\n", &["line 2: cannot obfuscate 'path'", "paths?"]);
    wrong(
        "[privacy]\nexclude = [\"~/[a\"]\n",
        &["line 2: invalid glob pattern '~/[a'", "  Unclosed bracket"],
    );
    wrong("[privacy]\nexclude = \"~/a\"\n", &["line 2: 'exclude' must be a list of texts"]);
    wrong("[privcy]\nexclude = []\n", &["unknown table 'privcy'", "privacy?"]);
    wrong("[privacy]\nexclude = [\n", &["TOML parse error"]);
    wrong("[privacy]\nexclude = []\n[inference]\ngap = \"x\"\n", &["[inference] gap"]);
    tt.config([0xff, 0xfe]);
    tt.run("privacy check").exits(1);
    // A mistake in the rules is another matter.
    tt.config("[privacy]\nexclude = []\n[[rules.auto_tag]]\ntags = 1\n");
    tt.run("privacy check").done();
    // Whoever names a file expects it to be read.
    let ran = tt.run("privacy check --config nowhere.toml").exits(1);
    assert!(ran.err.contains("there is no config file nowhere.toml"), "{ran:#?}");
}

/// Whoever has a link there has a config, though not here.
#[test]
fn a_link_that_leads_nowhere_is_no_missing_config() {
    let tt = busy("");
    let [config, nowhere] = [".config", "nowhere"].map(|it| tt.home().join(it));
    std::fs::remove_dir_all(&config).unwrap();
    for link in [config.clone(), config.join("tt"), config.join("tt/config.toml")] {
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&nowhere, &link).unwrap();
        for line in ["privacy check", "export", "export --streams", "push --csv --all"] {
            tt.run(line).fails_about(&["cannot read ~/.config/tt/config.toml", "leads nowhere"]);
        }
        tt.run("push --csv --all --allow-broken-rules").fails_about(&["Nothing leaves until"]);
        std::fs::remove_file(&link).unwrap();
    }
    tt.run("privacy check").done();
}

/// What is wrong with the config is said once, in three lines.
#[test]
fn what_is_wrong_is_said_once() {
    let tt = busy("");
    for config in [
        &b"[privacy]\nexclude = [\"~/a\"\n"[..],
        b"[privacy]\nexclude = [\"\xff\"]\n",
        b"[privacy]\nexclude = [\"~bob/x\"]\n",
        b"[inference]\ngap = \"x\"\n",
    ] {
        tt.config(config);
        for line in [
            "privacy check",
            "push --csv --all",
            "push --csv --all --allow-broken-rules",
            "export --streams",
            "report --json --filtered",
        ] {
            let ran = tt.run(line);
            assert!(!ran.err.contains("allow-broken-rules"), "{ran:#?}");
            ran.fails_about(&["config.toml", "Nothing leaves until this is fixed."]);
        }
    }
    tt.config("[[rules.auto_tag]]\ntags = 1\n");
    tt.run("push --csv --all").fails_about(&[
        "nothing was pushed, since the rules have errors\n  config.toml line ",
        "See 'tt rules check', or push with the tags as they are by --allow-broken-rules.",
    ]);
}

#[test]
fn a_glob_means_its_directory_however_home_is_written() {
    let tt = busy("");
    let link = tt.path("link");
    std::os::unix::fs::symlink(tt.home(), &link).unwrap();
    let stays = |tt: &Sandbox, glob: &str| {
        tt.config(format!("[privacy]\nexclude = ['{glob}']\n"));
        let json = tt.run("privacy check --json").done().json();
        let of = |it: &&Value| it["name"] == "diary";
        let diary = json["streams"].as_array().unwrap().iter().find(of).unwrap().clone();
        assert_eq!(diary["leaves"], false, "{glob}");
    };
    for glob in ["$HOME/private", " ~//work/../private/ ", "private/", "file://~/private"] {
        let home = tt.home();
        stays(&tt, &glob.replace("file://~", &format!("file://{}", home.display())));
    }
    let mut tt = tt;
    for home in [link.clone(), link.join("."), tt.path("home/../link/"), tt.path("./home/.")] {
        tt = tt.var("HOME", home);
        stays(&tt, "~/private");
    }
}

#[test]
fn without_home_a_tilde_is_an_error() {
    let tt = quiet().with_config("");
    let config = tt.put("c.toml", "[privacy]\nexclude = [\"~/a\"]\n");
    let db = tt.path("db");
    let tt = tt.var("TT_CONFIG", config).var("TT_DB", db).without("HOME");
    let ran = tt.run("privacy check").exits(1);
    assert!(ran.err.contains("'~' stands for no directory"), "{ran:#?}");
}

#[test]
fn the_key_is_made_once_and_its_damage_is_told() {
    let tt = tt().with_config(FILTER);
    tt.run("privacy check").ok();
    let key = |tt: &Sandbox| -> String {
        let sql = "SELECT value FROM meta WHERE key = 'privacy_key'";
        tt.sql().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let first = key(&tt);
    assert_eq!(first.len(), 64);
    tt.run("privacy check").ok();
    assert_eq!(key(&tt), first);
    assert!(!tt.run("privacy check --json").ok().out.contains(&first));
    tt.sql().execute("UPDATE meta SET value = 'x' WHERE key = 'privacy_key'", []).unwrap();
    tt.run("privacy check").fails_about(&["key of obfuscated names", "Nothing leaves"]);
}
