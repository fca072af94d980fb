//! `tt rules lsp`, as an editor uses it: over stdin and stdout.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::events::focus;
use crate::support::{Sandbox, quiet, tt};

const URI: &str = "file:///config.toml";

/// A client, with a server of its own.
struct Client {
    server: Child,
    pipe: Option<ChildStdin>,
    inbox: Receiver<Value>,
    ids: i32,
    text: String,
    version: i32,
}

/// A client that has said hello.
fn client(tt: &Sandbox) -> Client {
    let mut client = silent(tt);
    let hello = client.ask(
        "initialize",
        json!({ "capabilities": {
        "workspace": { "workspaceEdit": { "documentChanges": true } },
    } }),
    );
    assert_eq!(hello["capabilities"]["positionEncoding"], "utf-16");
    client.tell("initialized", json!({}));
    client
}

fn silent(tt: &Sandbox) -> Client {
    let mut server =
        tt.command(["rules", "lsp"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let pipe = server.stdin.take();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    let (sender, inbox) = mpsc::channel();
    std::thread::spawn(move || {
        while let Some(message) = read(&mut out) {
            drop(sender.send(message));
        }
    });
    Client { server, pipe, inbox, ids: 0, text: String::new(), version: 0 }
}

fn read(out: &mut impl BufRead) -> Option<Value> {
    let mut header = String::new();
    out.read_line(&mut header).unwrap();
    let length = header.trim().strip_prefix("Content-Length: ")?.parse().unwrap();
    out.read_line(&mut header).unwrap();
    let mut body = vec![0; length];
    out.read_exact(&mut body).unwrap();
    let message: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(message["jsonrpc"], "2.0");
    Some(message)
}

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        // A server that has gone reads nothing more.
        drop(self.pipe.as_mut().unwrap().write_all(bytes));
    }

    fn say(&mut self, message: &Value) {
        let body = message.to_string();
        self.send(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.say(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The next message that is asked for. A server that says nothing more fails the test.
    #[track_caller]
    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.inbox.recv_timeout(Duration::from_secs(60)).unwrap();
            if wanted(&message) {
                return message;
            }
        }
    }

    /// The whole answer to a request.
    #[track_caller]
    fn request(&mut self, method: &str, params: Value) -> Value {
        self.ids += 1;
        let id = self.ids;
        self.say(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.wait(|message| message["id"] == id)
    }

    #[track_caller]
    fn ask(&mut self, method: &str, params: Value) -> Value {
        let answer = self.request(method, params);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    fn open(&mut self, text: &str) {
        (self.text, self.version) = (text.to_owned(), 1);
        self.tell(
            "textDocument/didOpen",
            json!({ "textDocument": {
            "uri": URI, "languageId": "toml", "version": 1, "text": text,
        } }),
        );
    }

    /// Replaces some bytes of the text, here and there, and tells of the change alone.
    fn edit(&mut self, start: usize, end: usize, new: &str) {
        let range = json!({ "start": self.position(start), "end": self.position(end) });
        self.text.replace_range(start..end, new);
        self.version += 1;
        self.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": URI, "version": self.version },
                "contentChanges": [{ "range": range, "text": new }],
            }),
        );
    }

    fn position(&self, byte: usize) -> Value {
        let before = &self.text[..byte];
        let line = before.rsplit('\n').next().unwrap();
        let character = line.encode_utf16().count();
        json!({ "line": before.matches('\n').count(), "character": character })
    }

    fn byte(&self, position: &Value) -> usize {
        let number = |key: &str| position[key].as_u64().unwrap() as usize;
        let start: usize = self.text.split_inclusive('\n').take(number("line")).map(str::len).sum();
        let units = self.text[start..].char_indices().scan(0, |units, (at, c)| {
            let here = (*units, at);
            *units += c.len_utf16();
            Some(here)
        });
        let end = (usize::MAX, self.text.len() - start);
        start + units.chain([end]).find(|(units, _)| *units >= number("character")).unwrap().1
    }

    /// The diagnostics of the text as it is now.
    #[track_caller]
    fn diagnostics(&mut self) -> Vec<Value> {
        let version = self.version;
        let told = self.wait(|message| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["version"] == version
        });
        told["params"]["diagnostics"].as_array().unwrap().clone()
    }

    /// Applies the edits of an action, from the last to the first.
    fn apply(&mut self, action: &Value) {
        let change = &action["edit"]["documentChanges"][0];
        assert_eq!(change["textDocument"]["version"], self.version);
        for edit in change["edits"].as_array().unwrap().iter().rev() {
            let ends = ["start", "end"].map(|end| self.byte(&edit["range"][end]));
            self.edit(ends[0], ends[1], edit["newText"].as_str().unwrap());
        }
    }

    /// Closes the pipe and gives the exit status.
    fn end(mut self) -> Option<i32> {
        drop(self.pipe.take());
        let status = self.server.wait().unwrap();
        let mut err = String::new();
        self.server.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert!(!err.contains("panicked"), "{err}");
        status.code()
    }

    /// Goes by the protocol.
    #[track_caller]
    fn goodbye(mut self) {
        assert_eq!(self.ask("shutdown", Value::Null), Value::Null);
        self.tell("exit", Value::Null);
        assert_eq!(self.end(), Some(0));
    }
}

const MISSPELT: &str = "# 😀 ü\n[[rules.auto_tag]]\nname = \"😀 Acme\"\n\
    match = { pathh = \"~/work/😀/*\", agnt = \"codex\" }\ntags = [\"acme\"]\n";

#[test]
fn findings_come_and_go_with_their_fixes() {
    let tt = quiet();
    let mut client = client(&tt);
    client.open(MISSPELT);
    let found = client.diagnostics();
    let codes: Vec<_> = found.iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["R0201", "R0201"]);
    assert_eq!(found[0]["range"]["start"], json!({ "line": 3, "character": 10 }));
    // Behind an emoji, that are two units.
    assert_eq!(found[1]["range"]["start"], json!({ "line": 3, "character": 33 }));
    assert!(found[0]["message"].as_str().unwrap().contains("Did you mean: primary_cwd?"));
    for left in [1, 0] {
        let found = if left == 1 { &found[1] } else { &found[0] };
        let actions = client.ask(
            "textDocument/codeAction",
            json!({
                "textDocument": { "uri": URI },
                "range": found["range"],
                "context": { "diagnostics": [found], "only": ["quickfix"] },
            }),
        );
        assert_eq!(actions[0]["diagnostics"][0], *found);
        client.apply(&actions[0]);
        assert_eq!(client.diagnostics().len(), left);
    }
    assert!(client.text.contains("{ primary_cwd = \"~/work/😀/*\", agent = \"codex\" }"));
    client.goodbye();
}

#[test]
fn a_file_finds_the_same_here_and_on_the_command_line() {
    let tt = quiet();
    let text = "[rules.lints]\noverlap = \"deny\"\nshadowed = \"warn\"\n\n\
        [[rules.auto_tag]]\nname = \"a\"\nmatch = { agent = \"co*\" }\ntags = [\"x\", \"x\"]\n\n\
        # tt: allow(R0302) kept for a while\n[[rules.auto_tag]]\nname = \"a\"\n\
        match = { agent = \"codex\" }\ntags = [\"y\"]\n\n\
        [[rules.auto_tag]]\nname = \"c\"\nwhen = 'agent == \"cobra\" or repo ~ \"ü*\"'\ntags = [\"z\"]\n";
    tt.put("home/rules.toml", text);
    let checked = tt.run("rules check --format json rules.toml").json();
    let mut client = client(&tt);
    client.open(text);
    let line = |it: &Value, line: &str, column: &str| {
        (it[line].as_u64().unwrap(), it[column].as_u64().unwrap())
    };
    let here: Vec<_> = client
        .diagnostics()
        .iter()
        .map(|it| {
            let (at, column) = line(&it["range"]["start"], "line", "character");
            let related = it["relatedInformation"].as_array().map_or(0, Vec::len);
            let message = it["message"].as_str().unwrap().lines().next().unwrap().to_owned();
            (it["code"].clone(), it["severity"] == 1, message, at + 1, column + 1, related)
        })
        .collect();
    let there: Vec<_> = checked["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let (at, column) = line(it, "line", "column");
            let related = it["related"].as_array().unwrap().len();
            let message = it["message"].as_str().unwrap().to_owned();
            (it["code"].clone(), it["severity"] == "error", message, at, column, related)
        })
        .collect();
    assert_eq!(here, there);
    assert!(here.len() >= 3 && here.iter().any(|it| it.1), "{here:?}");
    client.goodbye();
}

#[test]
fn a_burst_of_keystrokes_ends_with_the_last_text() {
    let tt = quiet();
    let mut client = client(&tt);
    client.open("# 😀 x\n");
    for key in "[[rules.auto_tag]]\nname = \"😀\"\nmatch = { agnt = 'x' }\ntags = ['a']".chars() {
        let end = client.text.len();
        client.edit(end, end, &key.to_string());
    }
    let found = client.diagnostics();
    assert_eq!(found.len(), 1, "{found:?}");
    let at = client.text.find("agnt").unwrap();
    assert_eq!(found[0]["range"]["start"], client.position(at));
    client.goodbye();
}

#[test]
fn the_database_helps_where_there_is_one() {
    let tt = tt().with_config("");
    let cwd = tt.dir("work/acme");
    let at = |minute: u32| focus(&format!("2025-01-29T10:0{minute}:00Z"), &cwd, "acme-main");
    tt.import(&[at(0), at(1)]);
    tt.run("streams").done();
    let before = std::fs::read(tt.database()).unwrap();
    let mut client = client(&tt);
    client.open("[[rules.auto_tag]]\nmatch = { tmux_session = \"acme-*\" }\ntags = [\"acme\"]\n");
    client.diagnostics();
    let at = |line: u32, character: u32| {
        json!({
            "textDocument": { "uri": URI }, "position": { "line": line, "character": character },
        })
    };
    let hover = client.ask("textDocument/hover", at(0, 3));
    let said = hover["contents"]["value"].as_str().unwrap();
    assert!(said.contains("It wins 1 of 1 stored streams"), "{said}");
    let offered = client.ask("textDocument/completion", at(1, 26));
    assert_eq!(offered["items"][0]["label"], "acme-main");
    client.goodbye();
    assert_eq!(std::fs::read(tt.database()).unwrap(), before);
}

#[test]
fn no_database_is_made() {
    let tt = quiet();
    let mut client = client(&tt);
    client.open(MISSPELT);
    client.diagnostics();
    client.goodbye();
    assert!(!tt.database().exists());
}

#[test]
fn leaving_without_a_word_is_a_failure() {
    let tt = quiet();
    assert_eq!(silent(&tt).end(), Some(1));
    assert_eq!(client(&tt).end(), Some(1));
    let mut rude = client(&tt);
    rude.tell("exit", Value::Null);
    assert_eq!(rude.end(), Some(1));
    let mut cut = client(&tt);
    cut.send(b"Content-Length: 100\r\n\r\n{");
    assert_eq!(cut.end(), Some(1));
}

#[test]
fn requests_have_their_time() {
    let tt = quiet();
    let mut client = silent(&tt);
    let code = |answer: Value| answer["error"]["code"].as_i64();
    assert_eq!(code(client.request("textDocument/hover", json!({}))), Some(-32002));
    assert_eq!(code(client.request("initialize", json!(7))), Some(-32602));
    assert_eq!(code(client.request("initialize", json!({ "capabilities": {} }))), None);
    assert_eq!(code(client.request("initialize", json!({}))), Some(-32600));
    assert_eq!(code(client.request("textDocument/nonsense", json!({}))), Some(-32601));
    assert_eq!(code(client.request("textDocument/hover", json!({}))), Some(-32602));
    assert_eq!(code(client.request("shutdown", Value::Null)), None);
    assert_eq!(code(client.request("shutdown", Value::Null)), Some(-32600));
    client.tell("exit", Value::Null);
    assert_eq!(client.end(), Some(0));
}

#[test]
fn hostile_messages_are_refused_and_the_next_is_answered() {
    let tt = quiet();
    let mut client = client(&tt);
    let framed = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let hostile: [(Vec<u8>, i64); 14] = [
        (framed("{"), -32700),
        (framed(""), -32700),
        (framed(&deep), -32700),
        (framed("\u{0}"), -32700),
        (framed("[]"), -32600),
        (framed("[{\"id\":1,\"method\":\"shutdown\"}]"), -32600),
        (framed("{\"id\":{},\"method\":\"shutdown\"}"), -32600),
        (framed("{\"method\":7}"), -32600),
        (b"Content-Length: 3\r\n\r\n\xff\xfe\xfd".to_vec(), -32700),
        (b"Content-Length: -3\r\n\r\n".to_vec(), -32700),
        (b"Content-Length: 18446744073709551615\r\n\r\n{}".to_vec(), -32700),
        (b"Content-Length: 123456789012345678901234567890\r\n\r\n{}".to_vec(), -32700),
        ((0..=255).cycle().take(100_000).collect(), -32700),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), -32700),
    ];
    for (bytes, code) in hostile {
        client.send(&bytes);
        let refusal = client.wait(|message| message.get("error").is_some());
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert_eq!(
            (&refusal["id"], &refusal["error"]["code"]),
            (&Value::Null, &json!(code)),
            "{shown}"
        );
        let here = json!({ "textDocument": { "uri": URI } });
        let next = client.request("textDocument/documentSymbol", here);
        assert_eq!(next["error"]["code"], -32602, "{shown}");
    }
    // Mistakes in notifications are told in the log.
    for (method, params) in [
        ("textDocument/didOpen", json!({ "textDocument": { "uri": 7 } })),
        ("textDocument/didOpen", json!({ "textDocument": { "uri": "no uri at all" } })),
        (
            "textDocument/didChange",
            json!({ "textDocument": { "uri": URI, "version": 1 }, "contentChanges": [] }),
        ),
        ("textDocument/didClose", json!(null)),
        ("$/cancelRequest", json!([])),
    ] {
        client.tell(method, params);
        let said = client.wait(|message| message["method"] == "window/logMessage");
        assert!(said["params"]["message"].as_str().unwrap().starts_with(method), "{said}");
    }
    // Positions and ranges out of this world.
    client.open(MISSPELT);
    client.diagnostics();
    let far = json!({ "line": u32::MAX, "character": u32::MAX });
    let near = json!({ "line": 0, "character": 3 });
    client.ask("textDocument/hover", json!({ "textDocument": { "uri": URI }, "position": far }));
    client.version += 1;
    client.tell(
        "textDocument/didChange",
        json!({
            "textDocument": { "uri": URI, "version": client.version },
            "contentChanges": [{ "range": { "start": far, "end": near }, "text": "" }],
        }),
    );
    assert_eq!(client.diagnostics(), [json!(null); 0]);
    client.goodbye();
}
