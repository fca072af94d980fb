//! Fake billing services: real HTTP on this machine, models of what Toggl and Clockify do, and
//! whatever can go wrong on the way.
//!
//! ```text
//! let toggl = Toggl::start();                         // Clockify::start()
//! toggl.fault(On::Write(2), Fault::DropAfter);        // the second from now stores and says nothing
//! …                                                   // a run against toggl.base(), toggl.token()
//! assert_eq!(toggl.entries().len(), 2);
//! toggl.edit(&id, |item| item.seconds = Some(60));    // as the person would, in the browser
//! ```
//!
//! Every request is recorded, and held to what both services ask for and the specification says: at
//! its end a fake fails the test for each that was not so.

pub(crate) mod clockify;
pub(crate) mod toggl;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

pub(crate) use self::clockify::Clockify;
pub(crate) use self::toggl::Toggl;

/// An entry at a service, in words that both have in common.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Item {
    pub(crate) id: String,
    /// `2025-01-28T10:00:00Z`.
    pub(crate) start: String,
    /// `None` while it is running.
    pub(crate) seconds: Option<i64>,
    pub(crate) description: String,
    /// Names, sorted.
    pub(crate) tags: Vec<String>,
    /// The project's id.
    pub(crate) project: Option<String>,
    pub(crate) billable: bool,
    /// The task's id, at Clockify.
    pub(crate) task: Option<String>,
}

impl Item {
    /// Start, length and description: `2025-01-28T10:00:00Z 5400 Auth service`.
    pub(crate) fn line(&self) -> String {
        let seconds = self.seconds.map_or("running".to_owned(), |it| it.to_string());
        format!("{} {seconds} {}", self.start, self.description)
    }

    fn starts(&self) -> i64 {
        unix(&self.start).unwrap()
    }

    fn end(&self) -> Option<String> {
        self.seconds.map(|seconds| stamp(self.starts() + seconds))
    }
}

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query, as it came.
    pub(crate) path: String,
    /// Decoded.
    pub(crate) query: Vec<(String, String)>,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// As it came.
    pub(crate) text: String,
    /// `Null` where it is no JSON.
    pub(crate) body: Value,
    /// When it had arrived.
    pub(crate) at: Instant,
}

impl Request {
    /// `POST /api/v9/workspaces/7654321/time_entries`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// Whether it makes, changes or removes an entry.
    pub(crate) fn writes(&self) -> bool {
        let entries = self.path.contains("/time_entries") || self.path.contains("/time-entries");
        entries && self.method != "GET" && !self.path.contains("/search/")
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// An answer without a body.
pub(crate) fn reply(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: String::new() }
}

impl Reply {
    pub(crate) fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn text(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(&body.to_string()).header("Content-Type", "application/json")
    }

    /// The page that nginx has for this status.
    pub(crate) fn page(self, reason: &str) -> Self {
        let title = format!("{} {reason}", self.status);
        self.text(&format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>\
             </center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        ))
    }
}

/// What goes wrong. "Does it": the request has its effect.
#[derive(Clone)]
pub(crate) enum Fault {
    /// Answers so, without doing it.
    Say(Reply),
    /// Does it, and answers so: a 5xx, malformed JSON.
    DoAndSay(Reply),
    /// Hangs up without doing it.
    DropBefore,
    /// Does it and hangs up.
    DropAfter,
    /// Does it, and hangs up in the middle of the answer.
    Half,
    /// Does it; the answer comes byte by byte, each after so long.
    Trickle(Duration),
    /// Waits, then does it and answers: the client may be gone by then.
    Late(Duration),
    /// Does it, waits, then answers.
    Slow(Duration),
    /// Calls it, then goes on as if nothing was.
    Before(Hook),
    /// Does it, calls, then answers.
    After(Hook),
    /// Calls it, and hangs up without doing it.
    Instead(Hook),
    /// Does it, says half the answer, calls, and hangs up.
    HalfThen(Hook),
}

pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

impl Fault {
    /// Does it, and answers with what is no JSON.
    pub(crate) fn malformed() -> Self {
        Self::DoAndSay(reply(200).text("{\"id\": 37000"))
    }

    /// Refuses with this status and text.
    pub(crate) fn refuse(status: u16, text: &str) -> Self {
        Self::Say(reply(status).text(text))
    }
}

/// Which requests a fault hits, counted from 1 from the moment when it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum On {
    /// This one.
    Request(usize),
    /// This one of those that make, change or remove an entry.
    Write(usize),
    /// All, until [`Fake::heal`].
    All,
}

/// What a service makes of requests.
pub(crate) trait Model: Send + 'static {
    /// The path below which its API is.
    const PATH: &'static str;
    const TOKEN: &'static str;

    fn answer(&mut self, request: &Request) -> Reply;

    /// The entries that it has.
    fn items(&mut self) -> &mut Vec<Item>;

    /// What no good client does, though the service may take it.
    fn complaint(&self, request: &Request) -> Option<String>;
}

/// A service at a port of this machine. Ends with the value.
pub(crate) struct Fake<M: Model> {
    address: SocketAddr,
    shared: Arc<Shared<M>>,
}

struct Shared<M> {
    state: Mutex<State<M>>,
    ended: AtomicBool,
}

struct State<M> {
    model: M,
    requests: Vec<Request>,
    faults: Vec<(On, Fault)>,
    complaints: Vec<String>,
}

impl<M: Model> Fake<M> {
    fn with(model: M) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, faults, complaints) = Default::default();
        let state = Mutex::new(State { model, requests, faults, complaints });
        let shared = Arc::new(Shared { state, ended: AtomicBool::new(false) });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (stream, shared) = (stream.unwrap(), Arc::clone(&serving));
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, shared }
    }

    /// The address of the API, for `base_url`.
    pub(crate) fn base(&self) -> String {
        format!("http://{}{}", self.address, M::PATH)
    }

    pub(crate) fn token(&self) -> &'static str {
        M::TOKEN
    }

    /// Makes it go wrong. Where several faults hit a request, the first told does.
    pub(crate) fn fault(&self, on: On, fault: Fault) -> &Self {
        self.state().faults.push((on, fault));
        self
    }

    /// Takes back all faults that are left.
    pub(crate) fn heal(&self) {
        self.state().faults.clear();
    }

    /// All entries, oldest first.
    pub(crate) fn entries(&self) -> Vec<Item> {
        let mut items = self.state().model.items().clone();
        items.sort_by(|a, b| (&a.start, &a.id).cmp(&(&b.start, &b.id)));
        items
    }

    /// All entries as lines, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.entries().iter().map(Item::line).collect()
    }

    /// Changes an entry, as the person would.
    #[track_caller]
    pub(crate) fn edit(&self, id: &str, change: impl FnOnce(&mut Item)) {
        let mut state = self.state();
        change(state.model.items().iter_mut().find(|item| item.id == id).unwrap());
    }

    /// Removes an entry, as the person would.
    #[track_caller]
    pub(crate) fn delete(&self, id: &str) {
        let mut state = self.state();
        let items = state.model.items();
        let at = items.iter().position(|item| item.id == id).unwrap();
        items.remove(at);
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// All requests as lines.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state().requests.iter().map(Request::line).collect()
    }

    /// How many requests made, changed or removed an entry, or tried to.
    pub(crate) fn writes(&self) -> usize {
        self.state().requests.iter().filter(|request| request.writes()).count()
    }

    fn state(&self) -> MutexGuard<'_, State<M>> {
        self.shared.state.lock().unwrap()
    }
}

impl<M: Model> Drop for Fake<M> {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if !thread::panicking() {
            let state = self.state();
            assert!(state.complaints.is_empty(), "not as it should be: {:#?}", state.complaints);
        }
    }
}

impl<M: Model> State<M> {
    /// Records `request`; the fault that hits it, if one does.
    fn take(&mut self, request: &Request) -> Option<Fault> {
        let agent = concat!("tt/", env!("CARGO_PKG_VERSION"));
        if request.header("user-agent") != Some(agent) {
            self.complaints.push(format!("User-Agent: {request:?}"));
        }
        let json = request.header("content-type") == Some("application/json");
        if request.text.is_empty() == json {
            self.complaints.push(format!("Content-Type: {request:?}"));
        }
        self.complaints.extend(self.model.complaint(request));
        self.requests.push(request.clone());
        let mut hit = None;
        for (at, (on, _)) in self.faults.iter_mut().enumerate() {
            let hits = match on {
                On::All => true,
                On::Request(left) => count_down(left),
                On::Write(left) => request.writes() && count_down(left),
            };
            if hits && hit.is_none() {
                hit = Some(at);
            }
        }
        let fault = hit.map(|at| self.faults[at].1.clone());
        self.faults.retain(|(on, _)| !matches!(on, On::Request(0) | On::Write(0)));
        fault
    }
}

fn count_down(left: &mut usize) -> bool {
    *left -= 1;
    *left == 0
}

/// Answers what comes on one connection.
fn serve<M: Model>(mut stream: &TcpStream, shared: &Shared<M>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = receive(&mut reader) {
        let lock = || shared.state.lock().unwrap();
        let act = || lock().model.answer(&request);
        let fault = lock().take(&request);
        let answer = match fault {
            None => act(),
            Some(Fault::Say(reply)) => reply,
            Some(Fault::DoAndSay(reply)) => {
                act();
                reply
            }
            Some(Fault::DropBefore) => break,
            Some(Fault::DropAfter) => {
                act();
                break;
            }
            Some(Fault::Half) => {
                half(stream, &act());
                break;
            }
            Some(Fault::HalfThen(hook)) => {
                half(stream, &act());
                hook();
                break;
            }
            Some(Fault::Instead(hook)) => {
                hook();
                break;
            }
            Some(Fault::Trickle(gap)) => {
                trickle(stream, &act(), gap);
                break;
            }
            Some(Fault::Late(pause)) => {
                thread::sleep(pause);
                act()
            }
            Some(Fault::Slow(pause)) => {
                let answer = act();
                thread::sleep(pause);
                answer
            }
            Some(Fault::Before(hook)) => {
                hook();
                act()
            }
            Some(Fault::After(hook)) => {
                let answer = act();
                hook();
                answer
            }
        };
        if stream.write_all(&written(&answer)).is_err() {
            break;
        }
    }
    drop(stream.shutdown(Shutdown::Both));
}

fn receive(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (path, query) = (path.to_owned(), pairs(query));
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ")?;
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut bytes = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    reader.read_exact(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let body = serde_json::from_str(&text).unwrap_or_default();
    Some(Request { method, path, query, headers, text, body, at: Instant::now() })
}

fn written(reply: &Reply) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} -\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if reply.status != 204 {
        head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    }
    format!("{head}\r\n{}", reply.body).into_bytes()
}

/// Writes all but the end.
fn half(mut stream: &TcpStream, reply: &Reply) {
    let bytes = written(reply);
    drop(stream.write_all(&bytes[..bytes.len() - 5]));
}

/// Writes the head at once and the body byte by byte, as long as anybody listens.
fn trickle(mut stream: &TcpStream, reply: &Reply, gap: Duration) {
    let bytes = written(reply);
    let (head, body) = bytes.split_at(bytes.len() - reply.body.len());
    let mut parts = std::iter::once(head).chain(body.chunks(1));
    while parts.next().is_some_and(|part| stream.write_all(part).is_ok()) {
        thread::sleep(gap);
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    };
    query.split('&').filter(|it| !it.is_empty()).map(pair).collect()
}

/// Without percent encoding; a bare `+` is a blank.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [a, b, tail @ ..]) => {
                let hex = String::from_utf8_lossy(&[*a, *b]).into_owned();
                bytes.push(u8::from_str_radix(&hex, 16).unwrap());
                rest = tail;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Seconds since 1970 of an RFC 3339 text; fractions are cut.
pub(crate) fn unix(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp())
}

/// `2025-01-28T10:00:00Z`.
pub(crate) fn stamp(unix: i64) -> String {
    let at: DateTime<Utc> = DateTime::from_timestamp(unix, 0).unwrap();
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn sorted(mut tags: Vec<String>) -> Vec<String> {
    tags.sort();
    tags.dedup();
    tags
}

/// A port of this machine at which nobody is.
pub(crate) fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A port of this machine at which whoever speaks TLS is answered with something else.
pub(crate) fn no_tls() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            drop(stream.read(&mut [0; 512]));
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    address
}
