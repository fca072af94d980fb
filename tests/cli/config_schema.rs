//! `tt config`: where the config is, and a schema that says of it what the check says.
//!
//! `docs/config.schema.json` is what `tt config schema` prints. After a change:
//!
//! ```sh
//! TT_UPDATE_DOCS=1 cargo test --test cli config_schema
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;
use tt::diag::{Code, SourceFile};
use tt::rules::{Asked, Env, review};

use crate::support::{quiet, tt};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn schema() -> Validator {
    let schema = tt::schema::config();
    jsonschema::draft7::meta::validate(&schema).unwrap();
    jsonschema::draft7::new(&schema).unwrap()
}

/// A config as an editor sees it: dates are texts.
fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(it) => it.into(),
        toml::Value::Datetime(it) => it.to_string().into(),
        toml::Value::Array(list) => list.into_iter().map(json).collect(),
        toml::Value::Table(table) => {
            table.into_iter().map(|(key, value)| (key, json(value))).collect()
        }
    }
}

/// What the schema has against a config.
fn complaints(schema: &Validator, config: &str) -> Vec<String> {
    let config = json(toml::Value::Table(config.parse().unwrap()));
    schema.iter_errors(&config).map(|error| error.to_string()).collect()
}

/// All files with rules that this repository has.
fn configs() -> Vec<PathBuf> {
    let folders = [
        "rules-examples",
        "tests/rules/findings",
        "fuzz/corpus/config",
        "src/cli/init",
        "src/cli/demo",
    ];
    let files = folders.iter().flat_map(|name| fs::read_dir(folder(name)).unwrap());
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "toml"));
    files.sort();
    files
}

#[test]
fn what_the_check_accepts_the_schema_accepts() {
    let schema = schema();
    let mut seen = 0;
    for path in configs() {
        let text = fs::read_to_string(&path).unwrap();
        let file = SourceFile::new("config.toml", text.as_str());
        let env = Env { home: Some("/home/u".into()) };
        let found = review(&file, &env, &Asked::default()).findings;
        // Warnings that are about what the file may say at all are the schema's matter too.
        let wrong =
            |code: Code| !code.is_lint() || matches!(code, Code::UnknownLint | Code::BadTest);
        if !found.iter().any(|finding| wrong(finding.code)) {
            let complaints = complaints(&schema, &text);
            assert!(complaints.is_empty(), "{}: {complaints:#?}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 20, "only {seen}");
}

#[test]
fn the_documented_configs_are_accepted() {
    let schema = schema();
    let mut pages: Vec<_> = fs::read_dir(folder("docs/codes")).unwrap().collect();
    pages.extend(fs::read_dir(folder("docs")).unwrap());
    let mut seen = 0;
    for page in pages.into_iter().map(|entry| entry.unwrap().path()) {
        if page.extension().is_none_or(|it| it != "md") {
            continue;
        }
        let text = fs::read_to_string(&page).unwrap();
        for block in text.split("\n```toml\n").skip(1) {
            let config = block.split("\n```").next().unwrap();
            let complaints = complaints(&schema, config);
            assert!(complaints.is_empty(), "{}: {complaints:#?}\n{config}", page.display());
            seen += 1;
        }
    }
    assert!(seen >= 30, "only {seen}");
}

#[test]
fn what_init_writes_is_accepted_with_and_without_its_comments() {
    let tt = tt();
    tt.run("init").ok();
    let text = fs::read_to_string(tt.home().join(".config/tt/config.toml")).unwrap();
    assert!(complaints(&schema(), &text).is_empty());
    // Lines of its examples, such as `# gap = "30m"`.
    let is_example = |line: &str| {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    let bare = |line: &str| match line.strip_prefix("# ").filter(|line| is_example(line)) {
        Some(example) => format!("{example}\n"),
        None => format!("{line}\n"),
    };
    let all: String = text.lines().map(bare).collect();
    let config: toml::Table = all.parse().unwrap();
    assert!(config.contains_key("inference") && config["rules"].get("auto_tag").is_some(), "{all}");
    assert_eq!(complaints(&schema(), &all), [""; 0]);
}

#[test]
fn what_users_write_in_many_ways_is_accepted() {
    let schema = schema();
    for config in [
        "",
        "[rules]\nhomes = []",
        "[rules.lints]\noverlap = 'warn'\nR0302 = 'deny'\nunused-allowance = 'allow'",
        "rules.auto_tag = [{ match.agent = 'a', tags = ['t'] }]",
        "[[rules.auto_tag]]\nwhen = 'true'\nmatch.agent = ['a', 'b']\ntags = ['t']\nproject = '<c>'\nenabled = false",
        "[[rules.auto_tag]]\nmatch = { duration = ' 15m .. 1h 30m', direct = '!=250ms', delegated = '<1h30m5s' }\ntags = ['t']",
        "[[rules.auto_tag]]\nmatch = { time = '22:00..6:00', weekday = 'mon' }\ntags = ['t']",
        "[[rules.auto_tag]]\nmatch = { time = '<= 24:00', weekday = ['mon', 'sun'] }\ntags = ['t']",
        "[[rules.test]]\nstream = {}\nexpect = 'none'",
        "[[rules.test]]\nname = 'x'\nexpect = { rule = 'Acme', tags = ['acme'] }\n[rules.test.stream]\nat = 2025-01-28T10:00:00\nprimary_cwd = '~/work/acme'\nagent = ['codex']\ntmux_session = 'main'\nduration = '1h'\ndirect_ms = 5",
        "[inference]\ngap = ' 1h 30m'\nattention_window = '90s'\nagent_timeout = '1d'\nterminals = ['kitty']",
        "[push.toggl]\nworkspace_id = '1'\n[llm]\ncommand = 'x'\n[mine]\nkey = 1",
        "[llm]\ncommand = ['x', '-m', '']\ntimeout = '90s'",
    ] {
        assert_eq!(complaints(&schema, config), [""; 0], "{config}");
    }
}

#[test]
fn mistakes_are_rejected() {
    let schema = schema();
    let rule = |lines: &str| format!("[[rules.auto_tag]]\n{lines}\n");
    for config in [
        rule("match.pathh = 'a'\ntags = ['t']"),
        rule("match.agent = 'a'\ntag = ['t']\ntags = ['t']"),
        rule("match.agent = 'a'"),
        rule("match.agent = 'a'\ntags = []"),
        rule("match.agent = 'a'\ntags = [' ']"),
        rule("match.agent = 'a'\ntags = 't'"),
        rule("match.agent = 'a'\ntags = ['t', 1]"),
        rule("match.agent = 'a'\ntags = ['t']\nproject = ''"),
        rule("match.agent = 'a'\ntags = ['t']\nenabled = 'no'"),
        rule("match.agent = ''\ntags = ['t']"),
        rule("match.agent = []\ntags = ['t']"),
        rule("match.agent = 5\ntags = ['t']"),
        rule("match = {}\ntags = ['t']"),
        rule("match = 'a'\ntags = ['t']"),
        rule("when = ''\ntags = ['t']"),
        rule("when = true\ntags = ['t']"),
        rule("tags = ['t']"),
        rule("match.duration = '15m'\ntags = ['t']"),
        rule("match.duration = 15\ntags = ['t']"),
        rule("match.duration = '>= 15'\ntags = ['t']"),
        rule("match.direct = ['>= 15m']\ntags = ['t']"),
        rule("match.time = '>= 9'\ntags = ['t']"),
        rule("match.time = '9:00-17:00'\ntags = ['t']"),
        rule("match.weekday = 'sunday'\ntags = ['t']"),
        rule("match.weekday = ['sat', 'Sun']\ntags = ['t']"),
        rule("name = 3\nmatch.agent = 'a'\ntags = ['t']"),
        "[rules]\nhome = ['/h']".to_owned(),
        "[rules]\nhomes = '/h'".to_owned(),
        "[rules.auto_tag]\nmatch.agent = 'a'\ntags = ['t']".to_owned(),
        "[rules.lints]\noverlaps = 'warn'".to_owned(),
        "[rules.lints]\noverlap = 'error'".to_owned(),
        "[rules.lints]\nR0201 = 'allow'".to_owned(),
        "[[rules.test]]\nstream = { weekday = 'sun' }\nexpect = 'none'".to_owned(),
        "[[rules.test]]\nstream = { duration_ms = -1 }\nexpect = 'none'".to_owned(),
        "[[rules.test]]\nstream = {}\nexpect = 'nobody'".to_owned(),
        "[[rules.test]]\nstream = {}\nexpect = { tags = ['t'] }".to_owned(),
        "[[rules.test]]\nexpect = 'none'".to_owned(),
        "[inference]\ngapp = '30m'".to_owned(),
        "[inference]\ngap = 30".to_owned(),
        "[inference]\ngap = 'soon'".to_owned(),
        "[inference]\nterminals = 'kitty'".to_owned(),
        "[llm]\ncommand = []".to_owned(),
        "[llm]\ncommand = ' '".to_owned(),
        "[llm]\ncommand = 'x'\nmodel = 'y'".to_owned(),
        "[llm]\ntimeout = 120".to_owned(),
        "rules = 1".to_owned(),
    ] {
        assert_ne!(complaints(&schema, &config), [""; 0], "{config}");
    }
}

/// The keys that the check says are valid where an unknown one stands.
fn valid_keys(config: &str) -> Vec<String> {
    let file = SourceFile::new("config.toml", config);
    let found = review(&file, &Env::default(), &Asked::default()).findings;
    let details = found.iter().flat_map(|finding| &finding.details);
    let list =
        details.filter_map(|line| line.split_once(": ")).find(|(it, _)| it.starts_with("Valid"));
    let mut keys: Vec<_> = list.unwrap().1.split(", ").map(str::to_owned).collect();
    keys.sort();
    keys
}

#[test]
fn keys_are_those_that_the_check_names() {
    let schema = tt::schema::config();
    let keys = |pointer: &str| -> Vec<String> {
        schema.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect()
    };
    let rule = "/properties/rules/properties/auto_tag/items/properties";
    assert_eq!(keys(rule), valid_keys("[[rules.auto_tag]]\nxyzzy = 1"));
    let fields = valid_keys("[[rules.auto_tag]]\nmatch.xyzzy = '1'\ntags = ['t']");
    assert_eq!(keys(&format!("{rule}/match/properties")), fields);
    assert_eq!(keys("/properties/rules/properties"), valid_keys("[rules]\nxyzzy = 1"));
    let test = "/properties/rules/properties/test/items/properties";
    let with = |lines: &str| valid_keys(&format!("[[rules.test]]\n{lines}\n"));
    assert_eq!(keys(test), with("xyzzy = 1\nstream = {}\nexpect = 'none'"));
    let expected = with("stream = {}\nexpect = { xyzzy = 1, rule = 'r', tags = [] }");
    assert_eq!(keys(&format!("{test}/expect/anyOf/1/properties")), expected);
    // Those in milliseconds are for programs, and not named.
    let mut given = keys(&format!("{test}/stream/properties"));
    given.retain(|key| !key.ends_with("_ms"));
    assert_eq!(given, with("stream = { xyzzy = 1 }\nexpect = 'none'"));
}

/// Every table of a schema, with where it stands.
fn tables<'v>(value: &'v Value, place: String, found: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Object(object) => {
            found.push((place.clone(), value));
            for (key, value) in object {
                tables(value, format!("{place}/{key}"), found);
            }
        }
        Value::Array(list) => {
            for (at, value) in list.iter().enumerate() {
                tables(value, format!("{place}/{at}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_key_is_described_and_every_example_is_right() {
    let schema = tt::schema::config();
    let mut found = Vec::new();
    tables(&schema, String::new(), &mut found);
    let (mut keys, mut samples) = (0, 0);
    for (place, table) in found {
        for (key, value) in table["properties"].as_object().into_iter().flatten() {
            assert!(value["description"].is_string(), "{place}: {key} is not described");
            keys += 1;
        }
        let examples = table["examples"].as_array().into_iter().flatten();
        for sample in
            examples.chain(table.get("default").filter(|_| !place.ends_with("properties")))
        {
            let valid = jsonschema::draft7::new(table).unwrap();
            assert!(valid.is_valid(sample), "{place}: {sample}");
            samples += 1;
        }
    }
    assert!(keys > 60 && samples > 20, "{keys} {samples}");
}

#[test]
fn the_command_prints_the_schema_that_the_docs_have() {
    let printed = quiet().run("config schema").ok();
    assert_eq!(printed.json(), tt::schema::config());
    let path = folder("docs/config.schema.json");
    if std::env::var_os("TT_UPDATE_DOCS").is_some() {
        fs::write(&path, &printed.out).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == printed.out,
        "'TT_UPDATE_DOCS=1 cargo test --test cli config_schema' writes docs/config.schema.json anew"
    );
}

#[test]
fn the_path_is_that_of_the_config_in_use() {
    tt().run("config path").ok().prints("/sandbox/home/.config/tt/config.toml");
    tt().run("config path --config other.toml").ok().prints("other.toml");
    tt().var("TT_CONFIG", "/x/y.toml").run("config path").ok().prints("/x/y.toml");
    tt().run("config").exits(2);
}
