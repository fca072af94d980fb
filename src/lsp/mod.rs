//! # A language server for rules, without the world
//!
//! An editor asks and tells; this answers. Everything is a value: messages come in through
//! [`Server::handle`], answers pile up in [`Server::take_answers`], and whoever runs the server
//! owns the pipes, the threads and the database.
//!
//! ```text
//!  editor ──▶ wire ──▶ Server::handle ──▶ answers ──▶ wire ──▶ editor
//!                        │ ▲
//!   Server::review,     ▼ │  Server::done, Server::learn
//!   Server::tally      other threads: review a text, run rules over the known streams
//! ```
//!
//! What needs no analysis is answered at once: completion, field names, formatting and the outline
//! come from the text alone (`context` reads it while it is broken). Reviewing a file takes
//! longer than a keystroke may, if its patterns are hostile; so it is a [`Job`], done elsewhere,
//! one at a time and always for the newest text. Questions that need its answer wait for it.
//!
//! The findings are those of [`rules::review`], as in every other form of `tt rules check`.
//! Documents without a table of rules are left alone.
//!
//! INVARIANT (newest): what is told of a document was computed from the text that it has then.
//!
//! INVARIANT (answered): every request gets exactly one answer, whatever it holds; those that wait
//! when their document closes get theirs then, and those that wait for work that fails, then.

mod completion;
mod context;
mod cursor;
mod findings;
mod hover;
mod keys;
mod known;
mod outline;
#[cfg(test)]
mod tests;
pub mod text;
pub mod wire;

use std::collections::BTreeMap;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use lsp_server::{ErrorCode, Notification, Request, RequestId};
use lsp_types::{self as lsp, TextDocumentIdentifier, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::diag::{SourceFile, Span};
use crate::rules::analysis::Verdict;
use crate::rules::{self, Analysis, Asked, Checked, Env, Review, RuleSet, format};
pub use known::{Known, KnownStream};

use findings::Of;
use known::Tally;
use outline::Outline;
use text::{Encoding, Text};
use wire::{Incoming, Refusal};

/// How much text may be open, in bytes.
const MOST_TEXT: usize = 64 << 20;
/// How many documents may be open.
const MOST_DOCUMENTS: usize = 1000;
/// How many requests may wait for an analysis.
const MOST_WAITING: usize = 256;

/// What the methods of the protocol are called.
mod method {
    pub(super) const CANCEL: &str = "$/cancelRequest";
    pub(super) const DIAGNOSTICS: &str = "textDocument/publishDiagnostics";
    pub(super) const LOG: &str = "window/logMessage";
}

/// Where the conversation stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// `initialize` is awaited.
    New,
    Running,
    /// `exit` is awaited.
    Down,
}

/// What the client can do.
#[derive(Clone, Copy, Default, Debug)]
struct Client {
    encoding: Encoding,
    /// It asks for diagnostics, so that they are not to be sent unasked.
    pulls: bool,
    /// It knows symbols in symbols.
    trees: bool,
    /// It knows edits of a version.
    versions: bool,
}

/// An open document.
#[derive(Debug)]
struct Document {
    uri: Uri,
    version: i32,
    /// Which text this is, among all texts of all documents.
    revision: u64,
    text: Text,
    reviewed: Option<Reviewed>,
    /// Whether someone waits for the tally.
    wants_tally: bool,
    tally: Option<Tally>,
}

/// Rules, and what was proven of them.
type Judged = Arc<(Checked<RuleSet>, Analysis)>;

#[derive(Debug)]
struct Reviewed {
    revision: u64,
    findings: Vec<crate::diag::Finding>,
    rules: Option<Judged>,
}

/// Work that takes long.
#[derive(Debug)]
pub struct Job {
    uri: String,
    revision: u64,
    task: Task,
}

#[derive(Debug)]
enum Task {
    Review(SourceFile),
    Tally(Judged),
}

/// Work that was done.
#[derive(Debug)]
pub struct Done {
    uri: String,
    revision: u64,
    result: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Reviewed(Option<Review>),
    Tallied(Tally),
    /// It panicked.
    Failed,
}

impl Outcome {
    /// What comes of some work. A panic is a mistake of ours, which is no reason to leave people
    /// without an answer.
    fn of(work: impl FnOnce() -> Self) -> Self {
        panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Self::Failed)
    }
}

impl Job {
    /// Does it. Never panics: a job that fails is done too, and the server told so.
    #[must_use]
    pub fn run(self, env: &Env, known: &Known) -> Done {
        let result = Outcome::of(|| match self.task {
            Task::Review(file) => {
                let ours = context::has_rules(file.text());
                Outcome::Reviewed(ours.then(|| rules::review(&file, env, &Asked::default())))
            }
            Task::Tally(judged) => Outcome::Tallied(known.tally(&judged.0)),
        });
        Done { uri: self.uri, revision: self.revision, result }
    }
}

/// What becomes of a request.
enum Answer {
    Now(Value),
    /// It waits for work to be done.
    Later,
}

type Answered = Result<Answer, Refusal>;

fn now(result: impl Serialize) -> Answered {
    serde_json::to_value(result)
        .map(Answer::Now)
        .map_err(|error| Refusal::new(ErrorCode::InternalError, error.to_string()))
}

fn params<P: DeserializeOwned>(params: &Value) -> Result<P, Refusal> {
    P::deserialize(params)
        .map_err(|error| Refusal::new(ErrorCode::InvalidParams, format!("wrong params: {error}")))
}

/// The server.
#[derive(Debug)]
pub struct Server {
    env: Env,
    phase: Phase,
    exit: Option<bool>,
    client: Client,
    documents: BTreeMap<String, Document>,
    revisions: u64,
    known: Arc<Known>,
    waiting: Vec<Request>,
    answers: Vec<Value>,
}

impl Server {
    /// A server that awaits `initialize`.
    #[must_use]
    pub fn new(env: Env) -> Self {
        Self {
            env,
            phase: Phase::New,
            exit: None,
            client: Client::default(),
            documents: BTreeMap::new(),
            revisions: 0,
            known: Arc::default(),
            waiting: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Whether the client said `exit`, and if so, whether it said `shutdown` before.
    #[must_use]
    pub const fn exit(&self) -> Option<bool> {
        self.exit
    }

    /// What is to be sent to the client, in this order.
    pub fn take_answers(&mut self) -> Vec<Value> {
        mem::take(&mut self.answers)
    }

    /// Takes what came in: a body, or why there was none.
    pub fn handle(&mut self, body: Result<Vec<u8>, Refusal>) {
        match body.and_then(|body| wire::parse(&body)) {
            Ok(Incoming::Request(request)) => self.request(request),
            Ok(Incoming::Notification(notification)) => self.notification(&notification),
            Ok(Incoming::Response) => {}
            Err(refusal) => self.answers.push(refusal.answer()),
        }
    }

    /// A text to review, if there is one; to be asked again when that is done.
    #[must_use]
    pub fn review(&self) -> Option<Job> {
        let document = self.documents.values().find(|it| it.current().is_none())?;
        let path = document.uri.path().as_str();
        let name = path.rsplit('/').next().unwrap_or(path);
        Some(document.job(Task::Review(SourceFile::new(name, document.text.as_str()))))
    }

    /// Rules to run over the known streams, if someone waits for that; likewise.
    #[must_use]
    pub fn tally(&self) -> Option<Job> {
        let wanted = self.documents.values().filter(|it| it.wants_tally && it.tally.is_none());
        let job = |document: &Document| {
            let rules = document.current()?.rules.clone()?;
            Some(document.job(Task::Tally(rules)))
        };
        wanted.into_iter().find_map(job)
    }

    /// Takes work that was done; of a text that is no longer the newest it is dropped.
    pub fn done(&mut self, done: Done) {
        let Some(document) = self.documents.get_mut(&done.uri) else { return };
        if document.revision != done.revision {
            return;
        }
        match done.result {
            Outcome::Reviewed(review) => {
                let (findings, rules) =
                    review.map(|it| (it.findings, it.rules)).unwrap_or_default();
                let (revision, rules) = (done.revision, rules.map(Arc::new));
                document.reviewed = Some(Reviewed { revision, findings, rules });
                document.tally = None;
                // Whoever still waits for a tally of this text asks again right away.
                document.wants_tally = false;
                if !self.client.pulls {
                    self.publish(&done.uri);
                }
            }
            Outcome::Tallied(tally) => {
                document.tally = Some(tally);
                document.wants_tally = false;
            }
            Outcome::Failed => self.failed(&done.uri),
        }
        self.answer_waiting();
    }

    /// Refuses what waits for work on a document that failed. A text that could not be reviewed
    /// has nothing proven of it, and is not tried again until it changes.
    fn failed(&mut self, uri: &str) {
        let Some(document) = self.documents.get_mut(uri) else { return };
        document.wants_tally = false;
        let is_unreviewed = document.current().is_none();
        if is_unreviewed {
            let revision = document.revision;
            document.reviewed = Some(Reviewed { revision, findings: Vec::new(), rules: None });
            document.tally = None;
        }
        if is_unreviewed && !self.client.pulls {
            self.publish(uri);
        }
        let why = "the analysis failed, which is a defect of tt";
        let text = format!("{uri}: {why}");
        self.tell(method::LOG, json!({ "type": lsp::MessageType::ERROR, "message": text }));
        let asks = |request: &Request| {
            let asked = request.params.pointer("/textDocument/uri");
            asked.and_then(Value::as_str) == Some(uri)
        };
        self.refuse_waiting(asks, ErrorCode::InternalError, why);
    }

    /// Takes what the database knows.
    pub fn learn(&mut self, known: Arc<Known>) {
        self.known = known;
        self.documents.values_mut().for_each(|document| document.tally = None);
    }

    // --- requests ------------------------------------------------------------------------------

    fn request(&mut self, request: Request) {
        let answered = match (self.phase, request.method.as_str()) {
            (Phase::New, "initialize") => self.initialize(&request.params),
            (Phase::New, _) => {
                Err(Refusal::new(ErrorCode::ServerNotInitialized, "initialize comes first"))
            }
            (Phase::Running, "initialize") => {
                Err(Refusal::new(ErrorCode::InvalidRequest, "initialized already"))
            }
            (Phase::Running, "shutdown") => {
                self.phase = Phase::Down;
                self.refuse_waiting(|_| true, ErrorCode::RequestCanceled, "shutting down");
                Ok(Answer::Now(Value::Null))
            }
            (Phase::Running, _) => self.answer(&request),
            (Phase::Down, _) => Err(Refusal::new(ErrorCode::InvalidRequest, "shut down already")),
        };
        match answered {
            Ok(Answer::Later) if self.waiting.len() < MOST_WAITING => self.waiting.push(request),
            Ok(Answer::Later) => {
                let refusal = Refusal::new(ErrorCode::RequestFailed, "too many requests wait");
                self.send(request.id, Err(refusal));
            }
            Ok(Answer::Now(result)) => self.send(request.id, Ok(result)),
            Err(refusal) => self.send(request.id, Err(refusal)),
        }
    }

    fn send(&mut self, id: RequestId, result: Result<Value, Refusal>) {
        self.answers.push(match result {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Err(refusal) => Refusal { id: Some(id), ..refusal }.answer(),
        });
    }

    fn answer_waiting(&mut self) {
        for request in mem::take(&mut self.waiting) {
            self.request(request);
        }
    }

    fn refuse_waiting(&mut self, which: impl Fn(&Request) -> bool, code: ErrorCode, why: &str) {
        let (refused, kept) = mem::take(&mut self.waiting).into_iter().partition(|it| which(it));
        self.waiting = kept;
        let refused: Vec<Request> = refused;
        for request in refused {
            self.send(request.id, Err(Refusal::new(code, why)));
        }
    }

    fn initialize(&mut self, params: &Value) -> Answered {
        if !params.is_object() {
            return Err(Refusal::new(ErrorCode::InvalidParams, "params must be an object"));
        }
        // Of all that clients tell, these few are read by hand: a mistake elsewhere harms nothing.
        let capability = |path: &str| params.pointer(&format!("/capabilities/{path}"));
        let can = |path: &str| capability(path).and_then(Value::as_bool).unwrap_or_default();
        let encodings = capability("general/positionEncodings").and_then(Value::as_array);
        self.client = Client {
            encoding: Encoding::negotiated(
                encodings.into_iter().flatten().filter_map(Value::as_str),
            ),
            pulls: capability("textDocument/diagnostic").is_some_and(Value::is_object),
            trees: can("textDocument/documentSymbol/hierarchicalDocumentSymbolSupport"),
            versions: can("workspace/workspaceEdit/documentChanges"),
        };
        self.phase = Phase::Running;
        let mut capabilities = json!({
            "positionEncoding": self.client.encoding.kind(),
            "textDocumentSync": { "openClose": true, "change": lsp::TextDocumentSyncKind::INCREMENTAL },
            "completionProvider": { "triggerCharacters": ["\"", "'", "{", "(", "[", ",", " ", "/"] },
            "hoverProvider": true,
            "definitionProvider": true,
            "documentSymbolProvider": true,
            "documentFormattingProvider": true,
            "documentRangeFormattingProvider": true,
            "codeActionProvider": { "codeActionKinds": ["quickfix", "source.fixAll"] },
        });
        if self.client.pulls {
            capabilities["diagnosticProvider"] = json!({
                "identifier": "tt", "interFileDependencies": false, "workspaceDiagnostics": false,
            });
        }
        let version = env!("CARGO_PKG_VERSION");
        now(json!({
            "capabilities": capabilities,
            "serverInfo": { "name": "tt", "version": version },
        }))
    }

    fn answer(&mut self, request: &Request) -> Answered {
        let given = &request.params;
        match request.method.as_str() {
            "textDocument/completion" => self.complete(&params(given)?),
            "textDocument/hover" => self.hover(&params(given)?),
            "textDocument/definition" => self.definition(&params(given)?),
            "textDocument/documentSymbol" => self.symbols(&params(given)?),
            "textDocument/codeAction" => self.actions(&params(given)?),
            "textDocument/diagnostic" => self.diagnostics(&params(given)?),
            "textDocument/formatting" => {
                let params: lsp::DocumentFormattingParams = params(given)?;
                self.format(&params.text_document, None)
            }
            "textDocument/rangeFormatting" => {
                let params: lsp::DocumentRangeFormattingParams = params(given)?;
                self.format(&params.text_document, Some(params.range))
            }
            other => Err(Refusal::new(
                ErrorCode::MethodNotFound,
                format!("no method {}", crate::diag::quote(other)),
            )),
        }
    }

    fn document(&self, named: &TextDocumentIdentifier) -> Result<&Document, Refusal> {
        let found = self.documents.get(named.uri.as_str());
        found.ok_or_else(|| Refusal::new(ErrorCode::InvalidParams, "this document is not open"))
    }

    /// The document, and the byte of a position in it.
    fn place(&self, at: &lsp::TextDocumentPositionParams) -> Result<(&Document, usize), Refusal> {
        let document = self.document(&at.text_document)?;
        Ok((document, document.text.offset(at.position)))
    }

    fn complete(&self, params: &lsp::CompletionParams) -> Answered {
        let (document, byte) = self.place(&params.text_document_position)?;
        let (known, env) = (&self.known, &self.env);
        now(completion::Asking { text: &document.text, known, env }.at(byte))
    }

    fn hover(&mut self, params: &lsp::HoverParams) -> Answered {
        let (document, byte) = self.place(&params.text_document_position_params)?;
        if let Some((span, said)) = hover::word(document.text.as_str(), byte) {
            return now(hovered(said, Some(document.text.range(span))));
        }
        let Some(reviewed) = document.current() else { return Ok(Answer::Later) };
        let Some(judged) = &reviewed.rules else { return Ok(Answer::Now(Value::Null)) };
        let Some(rule) = document.rule_at(byte) else { return Ok(Answer::Now(Value::Null)) };
        let Some(tally) = &document.tally else {
            let uri = document.uri.as_str().to_owned();
            if let Some(document) = self.documents.get_mut(&uri) {
                document.wants_tally = true;
            }
            return Ok(Answer::Later);
        };
        let (rules, analysis) = judged.as_ref();
        let about = hover::About { rules, analysis, known: &self.known, tally };
        now(about.rule(rule).map(|said| hovered(said, None)))
    }

    fn definition(&self, params: &lsp::GotoDefinitionParams) -> Answered {
        let (document, byte) = self.place(&params.text_document_position_params)?;
        let location =
            |span: &Span| lsp::Location::new(document.uri.clone(), document.text.range(*span));
        if let Some(captures) = document.outline().captures(byte) {
            return now(captures.iter().map(location).collect::<Vec<_>>());
        }
        let Some(reviewed) = document.current() else { return Ok(Answer::Later) };
        let judged = reviewed.rules.as_ref().zip(document.rule_at(byte));
        let covering = judged.map(|(judged, rule)| covering(judged, rule)).unwrap_or_default();
        now(covering.iter().map(location).collect::<Vec<_>>())
    }

    fn symbols(&self, params: &lsp::DocumentSymbolParams) -> Answered {
        let document = self.document(&params.text_document)?;
        now(document.outline().symbols(&document.uri, &document.text, self.client.trees))
    }

    fn actions(&self, params: &lsp::CodeActionParams) -> Answered {
        let document = self.document(&params.text_document)?;
        let Some(reviewed) = document.current() else { return Ok(Answer::Later) };
        let range = document.text.span(params.range);
        let of = document.of(self.client.versions);
        now(of.actions(&reviewed.findings, range, params.context.only.as_deref()))
    }

    fn diagnostics(&self, params: &lsp::DocumentDiagnosticParams) -> Answered {
        let document = self.document(&params.text_document)?;
        let Some(reviewed) = document.current() else { return Ok(Answer::Later) };
        now(json!({ "kind": "full", "items": document.diagnostics(reviewed) }))
    }

    fn format(&self, named: &TextDocumentIdentifier, range: Option<lsp::Range>) -> Answered {
        let document = self.document(named)?;
        let file = SourceFile::new("", document.text.as_str());
        let range = range.map(|range| document.text.span(range));
        let within = |span: Span| {
            range.is_none_or(|range| span.start <= range.end && range.start <= span.end)
        };
        // A file that cannot be read is left as it is: what is wrong with it is told already.
        let rewrites = format::rewrites(&file).unwrap_or_default().into_iter();
        let edits = rewrites
            .filter(|rewrite| within(rewrite.span))
            .map(|rewrite| lsp::TextEdit::new(document.text.range(rewrite.span), rewrite.text));
        now(edits.collect::<Vec<_>>())
    }

    // --- notifications -------------------------------------------------------------------------

    fn notification(&mut self, notification: &Notification) {
        let given = &notification.params;
        let taken = match (self.phase, notification.method.as_str()) {
            (phase, "exit") => {
                self.exit = Some(phase == Phase::Down);
                Ok(())
            }
            (Phase::New | Phase::Down, _) => Ok(()),
            (Phase::Running, "textDocument/didOpen") => params(given).and_then(|it| self.open(it)),
            (Phase::Running, "textDocument/didChange") => {
                params(given).and_then(|it| self.change(it))
            }
            (Phase::Running, "textDocument/didClose") => params(given).map(|it| self.close(&it)),
            (Phase::Running, method::CANCEL) => params(given).map(|it| self.cancel(&it)),
            // Others are about things that do not concern rules.
            (Phase::Running, _) => Ok(()),
        };
        if let Err(refusal) = taken {
            // Notifications have no answer, but people read logs.
            let text = format!("{}: {}", notification.method, refusal.message);
            self.tell(method::LOG, json!({ "type": lsp::MessageType::ERROR, "message": text }));
        }
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.answers.push(json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn revision(&mut self) -> u64 {
        self.revisions += 1;
        self.revisions
    }

    fn open(&mut self, params: lsp::DidOpenTextDocumentParams) -> Result<(), Refusal> {
        let lsp::TextDocumentItem { uri, version, text, .. } = params.text_document;
        let key = uri.as_str().to_owned();
        let document = Document {
            uri,
            version,
            revision: self.revision(),
            text: Text::new(text, self.client.encoding),
            reviewed: None,
            wants_tally: false,
            tally: None,
        };
        self.documents.insert(key.clone(), document);
        self.keep_if_there_is_room(&key)
    }

    /// Forgets the document that is one too many.
    fn keep_if_there_is_room(&mut self, uri: &str) -> Result<(), Refusal> {
        let text: usize = self.documents.values().map(|it| it.text.as_str().len()).sum();
        if text <= MOST_TEXT && self.documents.len() <= MOST_DOCUMENTS {
            return Ok(());
        }
        self.forget(uri);
        Err(Refusal::new(ErrorCode::RequestFailed, "too much is open; this document is left alone"))
    }

    fn change(&mut self, params: lsp::DidChangeTextDocumentParams) -> Result<(), Refusal> {
        let revision = self.revision();
        let key = params.text_document.uri.as_str();
        let not_open = || Refusal::new(ErrorCode::InvalidParams, "this document is not open");
        let document = self.documents.get_mut(key).ok_or_else(not_open)?;
        for change in params.content_changes {
            match change.range {
                Some(range) => document.text.edit(range, &change.text),
                None => document.text = Text::new(change.text, self.client.encoding),
            }
        }
        document.version = params.text_document.version;
        document.revision = revision;
        self.keep_if_there_is_room(key)
    }

    fn close(&mut self, params: &lsp::DidCloseTextDocumentParams) {
        self.forget(params.text_document.uri.as_str());
    }

    fn forget(&mut self, uri: &str) {
        if self.documents.remove(uri).is_some() && !self.client.pulls {
            self.tell(method::DIAGNOSTICS, json!({ "uri": uri, "diagnostics": [] }));
        }
        // Those that wait for it are refused now.
        self.answer_waiting();
    }

    fn cancel(&mut self, params: &lsp::CancelParams) {
        let id = match &params.id {
            lsp::NumberOrString::Number(number) => RequestId::from(*number),
            lsp::NumberOrString::String(text) => RequestId::from(text.clone()),
        };
        self.refuse_waiting(|it| it.id == id, ErrorCode::RequestCanceled, "cancelled");
    }

    /// Sends the findings of a document.
    fn publish(&mut self, uri: &str) {
        let Some(document) = self.documents.get(uri) else { return };
        let Some(reviewed) = document.current() else { return };
        let diagnostics = document.diagnostics(reviewed);
        let version = document.version;
        self.tell(
            method::DIAGNOSTICS,
            json!({ "uri": uri, "version": version, "diagnostics": diagnostics }),
        );
    }
}

impl Document {
    /// The review of the text as it is now.
    fn current(&self) -> Option<&Reviewed> {
        self.reviewed.as_ref().filter(|reviewed| reviewed.revision == self.revision)
    }

    fn job(&self, task: Task) -> Job {
        Job { uri: self.uri.as_str().to_owned(), revision: self.revision, task }
    }

    fn outline(&self) -> Outline {
        Outline::of(&SourceFile::new("", self.text.as_str()))
    }

    fn rule_at(&self, byte: usize) -> Option<usize> {
        self.outline().rule_at(byte)
    }

    fn of(&self, versions: bool) -> Of<'_> {
        let version = versions.then_some(self.version);
        Of { uri: &self.uri, text: &self.text, version }
    }

    fn diagnostics(&self, reviewed: &Reviewed) -> Vec<lsp::Diagnostic> {
        let of = self.of(false);
        reviewed.findings.iter().map(|finding| of.diagnostic(finding)).collect()
    }
}

fn hovered(said: String, range: Option<lsp::Range>) -> lsp::Hover {
    let contents = lsp::MarkupContent { kind: lsp::MarkupKind::PlainText, value: said };
    lsp::Hover { contents: lsp::HoverContents::Markup(contents), range }
}

/// Where the rules begin that leave a rule nothing to win, or nothing to change.
fn covering(judged: &Judged, rule: usize) -> Vec<Span> {
    let (rules, analysis) = judged.as_ref();
    let Some(judgement) = analysis.rules.get(rule) else { return Vec::new() };
    let later = judgement.redundant.as_ref().map(|it| it.later.clone());
    let ids = match &judgement.verdict {
        Verdict::Shadowed { by, .. } => vec![*by],
        Verdict::Unreachable { cover, .. } => cover.rules().to_vec(),
        Verdict::Reachable { .. } | Verdict::Unsatisfiable { .. } | Verdict::NotProven { .. } => {
            later.unwrap_or_default()
        }
    };
    ids.iter().filter_map(|id| rules.rules.get(id.index())).map(|rule| rule.header).collect()
}
