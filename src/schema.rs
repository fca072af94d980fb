//! The JSON schema of the config file, for editors that complete and check TOML by one.
//!
//! It is made from the tables that drive the rest: fields, codes, levels, default settings. What a
//! schema cannot say, that a glob is well-formed or a rule can win, is for `tt rules check`; what
//! it does say is never stricter than the check, so that no editor marks what `tt` accepts.
//! One thing is left out: codes and their names are accepted in any case, and listed in one.
//!
//! Draft 7, and within it only what draft 4 has too, since that is what Taplo, and Even Better TOML
//! which is built on it, promise to understand.

use serde_json::{Map, Value, json};

use crate::config::{Llm, Settings, Sync};
use crate::diag::{Code, Level, Levels};
use crate::privacy::Class;
use crate::rules::fields::{FIELDS, FieldInfo, Type, WEEKDAYS};

/// The schema of `config.toml`. The same bytes in every run.
#[must_use]
pub fn config() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Config of tt",
        "description": "Rules that give streams their tags, and how streams and time are inferred.",
        "type": "object",
        "properties": {
            "rules": rules(),
            "inference": inference(),
            "sync": sync(),
            "privacy": privacy(),
            "push": push(),
            "llm": llm(),
        },
        // Other tables belong to nobody here.
        "additionalProperties": true,
    })
}

/// A table with these keys and no others.
fn closed(description: &str, properties: &Value, required: &[&str]) -> Value {
    let mut table = json!({
        "description": description,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    // An empty list of them is not allowed in draft 4.
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    table
}

fn list(description: &str, items: &Value) -> Value {
    json!({ "description": description, "type": "array", "items": items })
}

/// A text with something in it.
fn words(description: &str) -> Value {
    json!({ "description": description, "type": "string", "pattern": r"\S" })
}

fn rules() -> Value {
    let text = json!({ "type": "string" });
    let homes =
        "Home directories beside $HOME: whatever '~' at the beginning of a glob stands for.";
    closed(
        "Rules, tried from top to bottom: the first that matches a stream gives it its tags.",
        &json!({
            "homes": list(homes, &text),
            "lints": lints(),
            "auto_tag": list("A rule.", &rule()),
            "test": list("A test of the rules: a stream, and which rule wins it.", &test()),
        }),
        &[],
    )
}

fn lints() -> Value {
    let levels = Levels::default();
    let mut properties = Map::new();
    for code in Code::ALL.iter().filter(|code| code.is_lint()) {
        for (name, other) in [(code.slug(), code.id()), (code.id(), code.slug())] {
            let level = json!({
                "description": format!("{} ({other})", code.summary()),
                "enum": Level::ALL.map(Level::as_str),
                "default": levels.of(*code).as_str(),
            });
            properties.insert(name.to_owned(), level);
        }
    }
    closed(
        "How much is made of findings, by name or code: allow, warn or deny.",
        &Value::Object(properties),
        &[],
    )
}

fn rule() -> Value {
    let tag = words("A tag; '<name>' in it is what a glob of the rule captures under this name.");
    let mut tags = list("What the rule gives to the streams that it wins; at least one.", &tag);
    tags["minItems"] = 1.into();
    tags["examples"] = json!([["acme", "billable"]]);
    let mut when = words(
        "An expression that must hold, for all that 'match' cannot say. With both, both must hold.",
    );
    when["examples"] = json!([r#"primary_cwd ~ "~/work/*" and not weekday in ["sat", "sun"]"#]);
    let mut rule = closed(
        "A rule: conditions in 'match' or 'when', and the tags that it gives.",
        &json!({
            "name": { "description": "What reports and findings call it.", "type": "string" },
            "match": conditions(),
            "when": when,
            "tags": tags,
            "project": words("The billing project; '<name>' in it as in tags."),
            "enabled": {
                "description": "Whether the rule is tried at all.",
                "type": "boolean",
                "default": true,
            },
        }),
        &["tags"],
    );
    rule["anyOf"] = json!([{ "required": ["match"] }, { "required": ["when"] }]);
    rule
}

/// A `match` block.
fn conditions() -> Value {
    let of_field = |info: &FieldInfo| (info.name.to_owned(), condition(info));
    let fields: Map<_, _> = FIELDS.iter().map(of_field).collect();
    let mut conditions = closed("Conditions that must all hold.", &Value::Object(fields), &[]);
    conditions["minProperties"] = 1.into();
    conditions
}

fn condition(info: &FieldInfo) -> Value {
    const DURATION: &str = r"[0-9]+(?:h|ms|m|s)(?:\s*[0-9]+(?:ms|m|s))*";
    const TIME: &str = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?";
    let (mut schema, how) = match info.ty {
        Type::Text => (
            one_or_more(&json!({ "type": "string", "minLength": 1 })),
            "a glob, or a list of globs any of which may match",
        ),
        Type::TextSet => (
            one_or_more(&json!({ "type": "string", "minLength": 1 })),
            "a glob, or a list of globs, that any of them matches",
        ),
        Type::Weekday => (one_or_more(&json!({ "enum": WEEKDAYS })), "a day, or a list of days"),
        Type::Duration => (quantity(DURATION), "a comparison or a range"),
        Type::TimeOfDay => (quantity(TIME), "a comparison or a range, which may pass midnight"),
    };
    schema["description"] = format!("{}: {how}", sentence(info.doc)).into();
    if let Ok(example) = serde_json::from_str::<Value>(info.example) {
        schema["examples"] = json!([example]);
    }
    schema
}

/// A value, or a list of them with something in it.
fn one_or_more(value: &Value) -> Value {
    json!({ "anyOf": [value, { "type": "array", "items": value, "minItems": 1 }] })
}

/// A text that is a comparison with, or a range of, what `value` matches.
fn quantity(value: &str) -> Value {
    let comparison = format!(r"(?:<=|>=|==|!=|<|>)\s*{value}");
    let range = format!(r"{value}\s*\.\.\s*{value}");
    json!({ "type": "string", "pattern": format!(r"^\s*(?:{comparison}|{range})\s*$") })
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn test() -> Value {
    let text = json!({ "type": "string" });
    let expected = closed(
        "The rule that wins, and what it gives.",
        &json!({
            "rule": words("The rule's name; one without is called 'rule 3'."),
            "tags": list("Its tags, all of them.", &text),
            "project": { "description": "Its project; not looked at if left out.", "type": "string" },
        }),
        &["rule", "tags"],
    );
    closed(
        "A test of the rules.",
        &json!({
            "name": { "description": "What a failure calls it.", "type": "string" },
            "stream": given(),
            "expect": {
                "description": "Which rule wins with which tags, or \"none\".",
                "anyOf": [{ "enum": ["none"] }, expected],
            },
        }),
        &["stream", "expect"],
    )
}

/// The stream of a test: what is not given, the stream has not.
fn given() -> Value {
    let text = json!({ "type": "string" });
    let mut fields = Map::new();
    for info in FIELDS {
        let mut add = |key: String, mut schema: Value| {
            schema["description"] = sentence(info.doc).into();
            fields.insert(key, schema);
        };
        match info.ty {
            Type::Text => add(info.name.to_owned(), text.clone()),
            Type::TextSet => {
                let set = json!({ "anyOf": [text, { "type": "array", "items": text }] });
                add(info.name.to_owned(), set);
            }
            Type::Duration => {
                add(info.name.to_owned(), json!({ "type": "string", "examples": ["1h30m"] }));
                add(format!("{}_ms", info.name), json!({ "type": "integer", "minimum": 0 }));
            }
            // One moment tells both.
            Type::Weekday | Type::TimeOfDay => {}
        }
    }
    let at = json!({
        "description": "The moment of its first event, local time, which tells weekday and time.",
        "type": "string",
        "examples": ["2025-01-28T10:00:00"],
    });
    fields.insert("at".to_owned(), at);
    closed("The stream, field by field.", &Value::Object(fields), &[])
}

fn push() -> Value {
    let length = |description: &str| {
        json!({
            "description": description,
            "type": "string",
            "pattern": "^ *(?:[0-9]+(?:ms|[smhd])? *)+$",
            "examples": ["6m"],
        })
    };
    let id =
        |description: &str| json!({ "description": description, "type": ["string", "integer"] });
    let service = |token: &str, title: &str| {
        let mut properties = json!({
            "workspace_id": id("The workspace; your default one otherwise."),
            "default_project_id": id("The project of entries that the mapping has none for."),
            "project_mapping": {
                "description": "Tag, or a rule's project, to a project there, by id or name.",
                "type": "object",
                "additionalProperties": { "type": ["string", "integer"] },
            },
            "billable_tag": { "description": "The tag of billable streams.", "type": "string" },
            "base_url": { "description": "The API, path included.", "type": "string" },
            "pace": length("Between two requests."),
        });
        properties[token] = json!({
            "description": "The token; better in the environment.",
            "type": "string",
        });
        closed(title, &properties, &[])
    };
    closed(
        "Where time entries are pushed to, and what is billed.",
        &json!({
            "round": length("Times are billed in multiples of this."),
            "round_mode": {
                "description": "In which direction.",
                "enum": ["up", "nearest", "down"],
                "default": "nearest",
            },
            "round_per": {
                "description": "Each entry, or the sum of each local day.",
                "enum": ["entry", "day"],
                "default": "entry",
            },
            "min": length("Entries of less worked time are not sent."),
            "split_days": {
                "description": "Whether streams are split at local midnight.",
                "type": "boolean",
                "default": false,
            },
            "billable_tag": { "description": "The tag of billable streams.", "type": "string" },
            "max_wait": length("The longest wait that a service is granted."),
            "timeout": length("How long an answer may take."),
            "settle": length("How old a request without an answer is before it is asked about."),
            "toggl": service("api_token", "Toggl Track."),
            "clockify": service("api_key", "Clockify."),
        }),
        &[],
    )
}

fn privacy() -> Value {
    let globs = |description: &str, example: &str| {
        let mut globs = list(description, &json!({ "type": "string", "minLength": 1 }));
        globs["examples"] = json!([[example]]);
        globs
    };
    let classes = json!({ "enum": Class::ALL.map(Class::name) });
    closed(
        "What leaves the machine, by push, export and filtered report, and in which words.",
        &json!({
            "include": globs(
                "Globs: with any, only what one of them matches leaves.",
                "~/work/*",
            ),
            "exclude": globs(
                "Globs: what one of them matches does not leave, nor what lies below it.",
                "~/private",
            ),
            "obfuscate": list("What leaves as tokens that say nothing.", &classes),
        }),
        &[],
    )
}

/// A length of time, which is by default so many milliseconds, in whole minutes.
fn length(description: &str, millis: i64) -> Value {
    json!({
        "description": format!("{description}, from 1s to 7d."),
        "type": "string",
        "pattern": "^ *(?:[0-9]+[smhd] *)+$",
        "default": format!("{}m", millis / 60_000),
    })
}

fn inference() -> Value {
    let defaults = Settings::default();
    let attention = "How long you are taken to look at what you last touched";
    let terminals = "Applications in which tmux runs, in any case; replaces the default list.";
    closed(
        "How events become streams and time.",
        &json!({
            "gap": length("A longer pause in one place begins a new stream", defaults.gap),
            "attention_window": length(attention, defaults.attention_window),
            "agent_timeout": length("A longer pause of an agent is not work", defaults.agent_timeout),
            "terminals": list(terminals, &json!({ "type": "string" })),
        }),
        &[],
    )
}

fn sync() -> Value {
    let defaults = Sync::default();
    let mut ssh = list(
        "The program that runs a command on another machine, and its first arguments.",
        &json!({ "type": "string" }),
    );
    ssh["minItems"] = 1.into();
    ssh["default"] = json!(defaults.ssh);
    let mut remote = words("What 'tt' is called there, in words for the shell of that machine.");
    remote["default"] = defaults.remote.into();
    closed("How 'tt sync' reaches other machines.", &json!({ "ssh": ssh, "remote": remote }), &[])
}

fn llm() -> Value {
    let mut list = list("The program and its arguments.", &json!({ "type": "string" }));
    list["minItems"] = 1.into();
    let text = words("The same in one text, split at blanks.");
    closed(
        "The language model that 'tt suggest' asks for tags.",
        &json!({
            "command": {
                "description": "The program that reads the question on stdin and writes the answer \
                                to stdout; run without a shell.",
                "anyOf": [list, text],
                "examples": [["llm", "-m", "gpt-4o-mini"]],
            },
            "timeout": length("How long an answer may take", Llm::default().timeout),
        }),
        &[],
    )
}
