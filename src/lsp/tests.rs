//! Conversations with the server, without pipes and threads.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::wire::Refusal;
use super::{Done, Known, KnownStream, Outcome, Server};
use crate::rules::{Env, Stream};

const URI: &str = "file:///home/sami/.config/tt/config.toml";

/// An editor.
struct Editor {
    server: Server,
    ids: i32,
    heard: Vec<Value>,
}

/// An editor that has a server, which knows two streams and a tag.
fn editor() -> Editor {
    let mut editor = silent();
    editor.ask(
        "initialize",
        json!({ "capabilities": {
        "textDocument": { "documentSymbol": { "hierarchicalDocumentSymbolSupport": true } },
        "workspace": { "workspaceEdit": { "documentChanges": true } },
    } }),
    );
    let stream = |name: &str, cwd: &str, agent: &str| KnownStream {
        name: name.to_owned(),
        stream: Stream {
            primary_cwd: Some(cwd.to_owned()),
            agent: vec![agent.to_owned()],
            ..Stream::default()
        },
    };
    let streams = vec![
        stream("shop", "/home/sami/work/acme/shop", "codex"),
        stream("web [old]", "/home/sami/work/acme/web [old]", "codex"),
        stream("home", "/home/sami", "claude-code"),
    ];
    let tags = vec![("billable".to_owned(), 1), ("acme".to_owned(), 2)];
    editor.server.learn(Arc::new(Known::new(streams, 0, tags)));
    editor
}

fn silent() -> Editor {
    let env = Env { home: Some("/home/sami".to_owned()) };
    Editor { server: Server::new(env), ids: 0, heard: Vec::new() }
}

impl Editor {
    fn say(&mut self, message: &Value) {
        self.server.handle(Ok(message.to_string().into_bytes()));
        self.heard.extend(self.server.take_answers());
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.say(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Lets the server do its work.
    fn settle(&mut self) {
        while let Some(job) = self.server.review().or_else(|| self.server.tally()) {
            let known = Arc::clone(&self.server.known);
            let done = job.run(&self.server.env, &known);
            self.server.done(done);
        }
        self.heard.extend(self.server.take_answers());
    }

    fn start(&mut self, method: &str, params: Value) -> i32 {
        self.ids += 1;
        self.say(&json!({ "jsonrpc": "2.0", "id": self.ids, "method": method, "params": params }));
        self.ids
    }

    /// The answer to a request, if there is one by now: exactly one.
    fn answer(&self, id: i32) -> Option<Value> {
        let answers: Vec<_> = self.heard.iter().filter(|it| it["id"] == id).collect();
        assert!(answers.len() < 2, "{answers:?}");
        answers.first().map(|&answer| answer.clone())
    }

    /// The result of a request.
    #[track_caller]
    fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.start(method, params);
        self.settle();
        let answer = self.answer(id).unwrap();
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    fn open(&mut self, text: &str) {
        self.tell(
            "textDocument/didOpen",
            json!({ "textDocument": {
            "uri": URI, "languageId": "toml", "version": 1, "text": text,
        } }),
        );
    }

    /// Asks about the place of the `|` in a text.
    #[track_caller]
    fn ask_at(&mut self, method: &str, text: &str) -> Value {
        let (before, after) = text.split_once('|').unwrap();
        self.open(&format!("{before}{after}"));
        let last = before.rsplit('\n').next().unwrap();
        let line = before.matches('\n').count();
        let position = json!({ "line": line, "character": last.encode_utf16().count() });
        self.ask(method, json!({ "textDocument": { "uri": URI }, "position": position }))
    }

    #[track_caller]
    fn completes(&mut self, text: &str) -> Vec<String> {
        let list = self.ask_at("textDocument/completion", text);
        let items = list["items"].as_array().unwrap().iter();
        items.map(|item| item["textEdit"]["newText"].as_str().unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn hovers(&mut self, text: &str) -> String {
        let hover = self.ask_at("textDocument/hover", text);
        hover["contents"]["value"].as_str().unwrap_or_default().to_owned()
    }

    /// The diagnostics told last, by code.
    fn codes(&mut self) -> Vec<String> {
        self.settle();
        let told = self.heard.iter().rfind(|it| it["method"] == "textDocument/publishDiagnostics");
        let diagnostics = told.unwrap()["params"]["diagnostics"].as_array().unwrap().iter();
        diagnostics.map(|it| it["code"].as_str().unwrap().to_owned()).collect()
    }
}

const RULE: &str = "[[rules.auto_tag]]\n";

#[test]
fn completes_keys_and_values() {
    let mut editor = editor();
    let mut of = |rest: &str| editor.completes(&format!("{RULE}{rest}"));
    assert_eq!(of("nam|"), ["name"]);
    assert_eq!(of("match = { agen| "), ["agent"]);
    assert_eq!(of("match = { agent = 'c|"), ["codex", "claude-code"]);
    assert_eq!(of("match = { agent = dex| }"), ["\"codex\""]);
    assert_eq!(of("match = { weekday = [\"s|"), ["sat", "sun"]);
    assert_eq!(
        of("match = { primary_cwd = '~|' }"),
        ["~", "~/work/acme/shop", "~/work/acme/web \\[old]", "~/work/acme/*"]
    );
    assert_eq!(of("match = { primary_cwd = \"old|\" }"), ["~/work/acme/web \\\\[old]"]);
    assert_eq!(of("tags = ['zeta', \"|"), ["acme", "billable", "zeta"]);
    assert_eq!(of("enabled = |"), ["true", "false"]);
    assert_eq!(of("# tt: allow(R0302, over|) why"), ["overlap"]);
    assert_eq!(of("# about |"), [""; 0]);
    assert_eq!(editor.completes("[rules]\nho|"), ["homes"]);
    assert_eq!(editor.completes("[rules.lints]\nunsat|"), ["unsatisfiable"]);
    assert_eq!(editor.completes("[rules.lints]\noverlap = \"|\""), ["allow", "warn", "deny"]);
    assert_eq!(editor.completes("[package]\nna|"), [""; 0]);
}

#[test]
fn completes_tests() {
    let mut editor = editor();
    let mut of = |rest: &str| editor.completes(&format!("{TWO}\n[[rules.test]]\n{rest}"));
    assert_eq!(of("str|"), ["stream"]);
    assert_eq!(of("stream = { pri|"), ["primary_cwd"]);
    assert_eq!(of("stream = { weekd|"), [""; 0]);
    assert_eq!(of("stream = { primary_cwd = \"old|"), ["~/work/acme/web [old]"]);
    assert_eq!(of("expect = |"), ["\"none\""]);
    assert_eq!(of("expect = { rule = '|"), ["All", "Shop"]);
    assert_eq!(of("expect = { tags = ['sho|"), ["shop"]);
}

#[test]
fn completes_expressions() {
    let mut editor = editor();
    let mut of = |rest: &str| editor.completes(&format!("{RULE}{rest}"));
    assert_eq!(of("when = 'has repo an|"), ["and"]);
    assert_eq!(of("when = 'has git_|'"), ["git_branch"]);
    assert_eq!(of("when = '''\nnot week|'''"), ["weekday"]);
    assert_eq!(of("when = 'agent |'"), ["~", "==", "!=", "in"]);
    assert_eq!(of("when = 'duration =|'")[0], "15m");
    assert_eq!(of("when = 'agent == |'"), ["\"codex\"", "\"claude-code\""]);
    assert_eq!(of("when = \"agent == |\""), ["'codex'", "'claude-code'"]);
    assert_eq!(of("when = \"agent == \\\"dex|\\\"\""), ["codex"]);
    assert_eq!(of("when = 'primary_cwd == \"old|\"'"), ["/home/sami/work/acme/web [old]"]);
    assert_eq!(of("when = 'primary_cwd ~ \"old|\"'"), ["~/work/acme/web \\[old]"]);
    assert_eq!(of("when = 'weekday in [\"mon\", |]'").len(), 7);
}

const TWO: &str = "[[rules.auto_tag]]\nname = \"All\"\nmatch = { primary_cwd = \"~/work/*\" }\n\
                   tags = [\"work\"]\n\n[[rules.auto_tag]]\nname = \"Shop\"\n\
                   match = { primary_cwd = \"~/work/acme/shop\" }\ntags = [\"shop\"]\n";

#[test]
fn hovers_tell_of_words_and_rules() {
    let mut editor = editor();
    let agent = "agent: set of text\nevery agent type used\nfor example agent = \"claude-code\"";
    assert_eq!(editor.hovers(&format!("{RULE}match = {{ ag|ent = 'x' }}")), agent);
    assert_eq!(editor.hovers(&format!("{RULE}when = '''not\nagen|t ~ 'x''''")), agent);
    assert_eq!(editor.hovers(&format!("{RULE}# tt: allow(R03|02) why")), {
        "R0302 (shadowed): a rule that one earlier rule covers\nmore: tt rules explain R0302"
    });
    assert_eq!(
        editor.hovers(&TWO.replacen("All", "A|ll", 1)),
        "'All' gives work\nIt can win: the smallest such stream has primary_cwd '~/work/'.\n\
         It wins 2 of 3 stored streams, the last of them 'shop': \
         primary_cwd '~/work/acme/shop', agent 'codex'."
    );
    assert_eq!(
        editor.hovers(&TWO.replacen("Shop", "|Shop", 1)),
        "'Shop' gives shop\nIt can never win: 'All' (line 3) takes all of its streams.\n\
         It wins none of 3 stored streams."
    );
    assert_eq!(editor.hovers(&TWO.replacen("\n\n[", "\n|\n[", 1)), "");
    // With an error in the file nothing is proven.
    assert_eq!(editor.hovers(&TWO.replacen("All", "A|ll", 1).replace("match =", "mach =")), "");
}

#[test]
fn definitions_lead_to_covers_and_captures() {
    let mut editor = editor();
    let found = editor.ask_at("textDocument/definition", &TWO.replacen("Shop", "|Shop", 1));
    assert_eq!(found[0]["range"]["start"], json!({ "line": 0, "character": 0 }));
    let found = editor.ask_at("textDocument/definition", &TWO.replacen("All", "|All", 1));
    assert_eq!(found, json!([]));
    let text = format!(
        "{RULE}when = 'repo ~ \"ü<client>/*\" or primary_cwd ~ \"~/<client>/*\"'\ntags = ['<cli|ent>']"
    );
    let found = editor.ask_at("textDocument/definition", &text);
    let starts: Vec<_> = found.as_array().unwrap().iter().map(|it| &it["range"]["start"]).collect();
    assert_eq!(
        starts,
        [&json!({ "line": 1, "character": 17 }), &json!({ "line": 1, "character": 49 })]
    );
}

#[test]
fn the_outline_has_every_rule() {
    let mut editor = editor();
    let test = "[[rules.test]]\nstream = {}\nexpect = 'none'\n";
    editor.open(&format!("{TWO}\n# x\n{RULE}tags = = 3\n\n{test}"));
    let symbols =
        editor.ask("textDocument/documentSymbol", json!({ "textDocument": { "uri": URI } }));
    let names: Vec<_> = symbols.as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["All", "Shop", "rule 3", "test 1"]);
    assert_eq!(symbols[0]["detail"], "work");
    assert_eq!(symbols[1]["range"]["start"]["line"], 5);
    assert_eq!(symbols[1]["range"]["end"], json!({ "line": 8, "character": 15 }));
}

#[test]
fn formatting_touches_when_alone() {
    let mut editor = editor();
    editor.open("x   = 1\n[[rules.auto_tag]]\ntags  = ['x']\nwhen = 'has   repo'\n");
    let document = json!({ "uri": URI });
    let options = json!({ "tabSize": 2, "insertSpaces": true });
    let params = json!({ "textDocument": document, "options": options });
    let edits = editor.ask("textDocument/formatting", params);
    assert_eq!(edits.as_array().unwrap().len(), 1);
    assert_eq!(edits[0]["newText"], "'has repo'");
    let range =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 2, "character": 0 } });
    let params = json!({ "textDocument": document, "options": options, "range": range });
    assert_eq!(editor.ask("textDocument/rangeFormatting", params), json!([]));
}

#[test]
fn fixes_say_how_safe_they_are_and_for_which_version() {
    let mut editor = editor();
    editor.open(&format!("{RULE}match = {{ pathh = '/x/*', agnt = 'y' }}\ntags = ['x']\n"));
    let range =
        json!({ "start": { "line": 1, "character": 12 }, "end": { "line": 1, "character": 12 } });
    let mut actions = |only: Value| {
        let context = match only {
            Value::Null => json!({ "diagnostics": [] }),
            only => json!({ "diagnostics": [], "only": [only] }),
        };
        editor.ask(
            "textDocument/codeAction",
            json!({
                "textDocument": { "uri": URI }, "range": range, "context": context,
            }),
        )
    };
    let all = actions(Value::Null);
    assert_eq!(all.as_array().unwrap().len(), 2, "{all:#}");
    assert_eq!(all[0]["title"], "write 'primary_cwd'");
    assert_eq!(all[0]["isPreferred"], true);
    let change = &all[0]["edit"]["documentChanges"][0];
    assert_eq!(change["textDocument"]["version"], 1);
    assert_eq!(change["edits"][0]["newText"], "primary_cwd");
    assert_eq!(all[1]["edit"]["documentChanges"][0]["edits"].as_array().unwrap().len(), 2);
    assert_eq!(actions(json!("quickfix")).as_array().unwrap().len(), 1);
    assert_eq!(actions(json!("source")).as_array().unwrap().len(), 1);
    assert_eq!(actions(json!("refactor")), json!([]));
}

#[test]
fn only_the_newest_text_is_told_of() {
    let mut editor = editor();
    editor.open(&TWO.replace("primary_cwd", "pathh"));
    let old = editor.server.review().unwrap().run(&Env::default(), &Known::default());
    let whole = |text: &str, version: i32| {
        json!({
            "textDocument": { "uri": URI, "version": version }, "contentChanges": [{ "text": text }],
        })
    };
    editor.tell("textDocument/didChange", whole(TWO, 2));
    editor.server.done(old);
    assert!(editor.server.take_answers().is_empty());
    assert_eq!(editor.codes(), ["R0302"]);
    assert_eq!(editor.heard.last().unwrap()["params"]["version"], 2);
    editor.tell("textDocument/didChange", whole("[package]\nrules = = 1", 3));
    assert_eq!(editor.codes(), [""; 0]);
    editor.tell("textDocument/didClose", json!({ "textDocument": { "uri": URI } }));
    assert!(editor.server.review().is_none());
}

#[test]
fn what_is_too_much_is_left_alone() {
    let mut editor = editor();
    editor.open("");
    let large = "#".repeat(super::MOST_TEXT / 2 - 1);
    for version in 2..5 {
        editor.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": URI, "version": version },
                "contentChanges": [{ "range": {
                    "start": { "line": 0, "character": 0 }, "end": { "line": 0, "character": 0 },
                }, "text": large }],
            }),
        );
    }
    let said: Vec<_> =
        editor.heard.iter().filter(|it| it["method"] == "window/logMessage").collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(editor.server.documents.is_empty() && editor.server.review().is_none());
}

#[test]
fn waiting_requests_are_answered_once() {
    let mut editor = editor();
    editor.open(TWO);
    let at = json!({ "textDocument": { "uri": URI }, "position": { "line": 1, "character": 9 } });
    let [first, second, third] =
        [(), (), ()].map(|()| editor.start("textDocument/hover", at.clone()));
    assert_eq!(editor.answer(first), None);
    editor.tell("$/cancelRequest", json!({ "id": second }));
    assert_eq!(editor.answer(second).unwrap()["error"]["code"], -32800);
    editor.settle();
    assert!(editor.answer(first).unwrap()["result"].is_object());
    let fourth = editor.start("textDocument/definition", at.clone());
    assert!(editor.answer(fourth).is_some());
    assert!(editor.answer(third).is_some());
    editor.open(TWO);
    let fifth = editor.start("textDocument/hover", at.clone());
    editor.tell("textDocument/didClose", json!({ "textDocument": { "uri": URI } }));
    assert_eq!(editor.answer(fifth).unwrap()["error"]["code"], -32602);
    editor.open(TWO);
    let sixth = editor.start("textDocument/hover", at);
    editor.start("shutdown", Value::Null);
    assert_eq!(editor.answer(sixth).unwrap()["error"]["code"], -32800);
    editor.tell("exit", Value::Null);
    assert_eq!(editor.server.exit(), Some(true));
}

/// A document that breaks before its tally keeps nobody waiting, and wants none any more.
#[test]
fn a_document_that_breaks_keeps_nobody_waiting() {
    let mut editor = editor();
    let uris = ["a", "b"].map(|name| format!("file:///{name}.toml"));
    let at = |uri: &str| json!({ "textDocument": { "uri": uri }, "position": { "line": 1, "character": 9 } });
    for uri in &uris {
        let document = json!({ "uri": uri, "languageId": "toml", "version": 1, "text": TWO });
        editor.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }
    while let Some(job) = editor.server.review() {
        let done = job.run(&editor.server.env, &Known::default());
        editor.server.done(done);
    }
    let [first, second] = &uris;
    let of_first = editor.start("textDocument/hover", at(first));
    assert!(editor.server.documents[first].wants_tally);
    editor.tell(
        "textDocument/didChange",
        json!({
            "textDocument": { "uri": first, "version": 2 },
            "contentChanges": [{ "text": TWO.replace("match =", "mach =") }],
        }),
    );
    let of_second = editor.start("textDocument/hover", at(second));
    editor.settle();
    assert_eq!(editor.answer(of_first).unwrap()["result"], Value::Null);
    assert!(editor.answer(of_second).unwrap()["result"].is_object());
    assert!(!editor.server.documents[first].wants_tally);
}

#[test]
fn work_that_panics_is_answered_too() {
    let mut editor = editor();
    let at = json!({ "textDocument": { "uri": URI }, "position": { "line": 1, "character": 9 } });
    let fail = |editor: &mut Editor| {
        let revision = editor.server.documents[URI].revision;
        let result = Outcome::of(|| panic!("as some work of a test may"));
        editor.server.done(Done { uri: URI.to_owned(), revision, result });
        editor.heard.extend(editor.server.take_answers());
    };
    editor.open(TWO);
    let waits_for_review = editor.start("textDocument/hover", at.clone());
    fail(&mut editor);
    assert_eq!(editor.answer(waits_for_review).unwrap()["error"]["code"], -32603);
    assert!(editor.server.review().is_none(), "it would fail again");
    assert_eq!(editor.ask("textDocument/hover", at.clone()), Value::Null);
    // The next text is nobody's fault.
    editor.open(TWO);
    let done = editor.server.review().unwrap().run(&editor.server.env, &Known::default());
    editor.server.done(done);
    let waits_for_tally = editor.start("textDocument/hover", at.clone());
    fail(&mut editor);
    assert_eq!(editor.answer(waits_for_tally).unwrap()["error"]["code"], -32603);
    assert!(editor.server.tally().is_none());
    assert!(editor.ask("textDocument/hover", at).is_object());
}

#[test]
fn clients_that_pull_are_not_pushed() {
    let mut editor = silent();
    let capabilities = json!({ "textDocument": { "diagnostic": {} }, "general": {
        "positionEncodings": ["utf-8"],
    } });
    let answer = editor.ask("initialize", json!({ "capabilities": capabilities }));
    assert_eq!(answer["capabilities"]["positionEncoding"], "utf-8");
    assert!(answer["capabilities"]["diagnosticProvider"].is_object());
    editor.open(&TWO.replace("\"All\"\nmatch", "\"All\" # ü\nmatch").replace("~/work/*", "é{"));
    let found = editor.ask("textDocument/diagnostic", json!({ "textDocument": { "uri": URI } }));
    let start = &found["items"][0]["range"]["start"];
    assert_eq!(start, &json!({ "line": 2, "character": 27 }), "{found}");
    assert!(editor.heard.iter().all(|it| it["method"].is_null()), "{:?}", editor.heard);
}

/// Any JSON, with the words that the protocol uses.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..9_i32).prop_map(Value::from),
        "[a|ü😀\n\\[{\"'=.~]{0,9}".prop_map(Value::from),
        Just(json!(URI)),
        Just(json!({ "uri": URI, "version": 1, "languageId": "", "text": TWO })),
        Just(
            json!({ "start": { "line": 1, "character": 3 }, "end": { "line": 9, "character": u32::MAX } })
        ),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let key = prop::sample::select(vec![
            "textDocument",
            "position",
            "line",
            "character",
            "uri",
            "text",
            "range",
            "contentChanges",
            "context",
            "diagnostics",
            "id",
            "options",
            "capabilities",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..5).prop_map(|entries| {
                entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            }),
        ]
    })
}

const METHODS: [&str; 16] = [
    "initialize",
    "initialized",
    "shutdown",
    "textDocument/didOpen",
    "textDocument/didChange",
    "textDocument/didClose",
    "textDocument/completion",
    "textDocument/hover",
    "textDocument/definition",
    "textDocument/documentSymbol",
    "textDocument/codeAction",
    "textDocument/diagnostic",
    "textDocument/formatting",
    "textDocument/rangeFormatting",
    "$/cancelRequest",
    "nonsense",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Whatever a client says, every request is answered once, and the server goes on.
    #[test]
    fn every_request_is_answered_once(
        messages in prop::collection::vec((0..METHODS.len(), anything(), any::<bool>()), 0..12),
    ) {
        let mut editor = editor();
        editor.open(TWO);
        let mut asked = Vec::new();
        for (method, params, wants) in messages {
            if wants {
                asked.push(editor.start(METHODS[method], params));
            } else {
                editor.tell(METHODS[method], params);
            }
        }
        editor.settle();
        for id in asked {
            prop_assert!(editor.answer(id).is_some());
        }
    }

    /// At every place of every text, broken ones above all, there is an answer.
    #[test]
    fn every_place_can_be_asked_about(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "[[rules.auto_tag]]\n", "match = { ", "agent", " = ", "\"", "'''", "'", "ü😀", "\\", "\n",
            "when = '", "tags = [", ", ", "}", "]", "# tt: allow(", "[rules.lints]\n", "has ", " ~ ",
        ]), 0..14),
    ) {
        let mut editor = editor();
        let text = pieces.concat();
        editor.open(&text);
        for (line, content) in text.split('\n').enumerate() {
            for character in 0..=content.encode_utf16().count() {
                let position = json!({ "line": line, "character": character });
                let params = json!({ "textDocument": { "uri": URI }, "position": position });
                for method in ["completion", "hover", "definition"] {
                    editor.ask(&format!("textDocument/{method}"), params.clone());
                }
            }
        }
    }
}

#[test]
fn what_is_no_message_is_answered_too() {
    let mut editor = editor();
    editor.server.handle(Err(Refusal::new(lsp_server::ErrorCode::ParseError, "noise")));
    editor.server.handle(Ok(b"{".to_vec()));
    editor.settle();
    let refused: Vec<_> = editor.heard.iter().filter(|it| it["id"].is_null()).collect();
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|it| it["error"]["code"] == -32700), "{refused:?}");
}
