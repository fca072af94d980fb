//! How billing services are talked to: one request at a time, at their pace, and none twice.
//!
//! `Http::send` returns what the service answered, or says exactly how much is known of a
//! request that has no useful answer:
//!
//! ```text
//! no connection, TLS refused, too fast (429), quota used up (402)    surely not done
//! no answer, half an answer, 5xx                                     may have been done
//! ```
//!
//! Waiting is done here too: the pace between any two requests, and a service's own wish
//! (`Retry-After`, an hourly quota) where it is short enough. A service that is known to refuse is
//! not asked: its gate (`gate.rs`) is closed until it may be.
//!
//! INVARIANT (never twice): a request that may have been processed is not sent again. Only reads,
//! and what was refused by 429 or 402, are repeated; neither reqwest nor its pool repeats anything
//! that was begun to be written.
//! INVARIANT (no token): neither token nor address nor an answer's body is in a message that was
//! not cut out of it by `words.rs`, tokens by `hide.rs`; an `Answer` has no `Debug`.

mod gate;
mod hide;
mod lost;
mod words;

use std::io::Read;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Method, Url, blocking};
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::gate::Gates;
pub use self::gate::{Bucket, Quota};
use self::hide::Hidden;
use super::destination::Trouble;
use super::lookup::Cache;
use super::settings::Secret;
use crate::time::Timestamp;

/// Between two requests, unless the config says otherwise.
pub const PACE: Duration = Duration::from_millis(500);
/// Between two requests after the first that was too fast.
pub const SLOW_PACE: Duration = Duration::from_secs(1);
/// How long an answer may take, connecting included.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that a service's wish to wait is granted.
pub const MAX_WAIT: Duration = Duration::from_secs(120);

const CONNECT: Duration = Duration::from_secs(10);
/// A connection that was idle for longer is not used again: the service may be about to close it.
const IDLE: Duration = Duration::from_secs(3);
/// Longer answers are not read.
const MOST_BYTES: u64 = 16 << 20;
/// Waits before a read is repeated.
const BACK_OFF: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// Is told of waiting, to show a countdown.
pub trait Watch {
    /// Called at once and then each second; the last time with no time `left`.
    fn waiting(&mut self, service: &str, why: &str, left: Duration);
}

/// Waits silently.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Watch for Silent {
    fn waiting(&mut self, _service: &str, _why: &str, _left: Duration) {}
}

/// What a client needs to know and to have.
pub struct Access<'a> {
    /// The person's token.
    pub token: &'a Secret,
    /// The workspace's id; without one, the service's default for the person.
    pub workspace: Option<&'a str>,
    /// Where the API is, such as [`super::toggl::BASE_URL`].
    pub base_url: &'a str,
    /// At least so long between two requests; no pace at all where it is 0.
    pub pace: Duration,
    /// How long an answer may take, connecting included.
    pub timeout: Duration,
    /// The longest that a service's wish to wait is granted.
    pub max_wait: Duration,
    /// Quotas that an earlier run met.
    pub quotas: Vec<Quota>,
    /// Shows waiting.
    pub watch: Box<dyn Watch + 'a>,
    /// Keeps what was looked up.
    pub cache: Box<dyn Cache + 'a>,
    /// The time, for dates in answers and the age of what is kept.
    pub now: Timestamp,
    /// Whether all is looked up anew, whatever is kept.
    pub fresh: bool,
}

impl<'a> Access<'a> {
    /// Access with all defaults: it waits silently and remembers nothing.
    #[must_use]
    pub fn new(token: &'a Secret, base_url: &'a str, now: Timestamp) -> Self {
        Self {
            token,
            workspace: None,
            base_url,
            pace: PACE,
            timeout: TIMEOUT,
            max_wait: MAX_WAIT,
            quotas: Vec::new(),
            watch: Box::new(Silent),
            cache: Box::new(super::lookup::Memory::default()),
            now,
            fresh: false,
        }
    }
}

/// Why a service cannot be talked to at all.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unusable {
    /// The address is none.
    #[error("base_url is not an address such as https://host/api/v1")]
    NotAddress,
    /// The token would leave the machine in clear.
    #[error("base_url must begin with https:// : the token would go to {host} in clear")]
    Clear {
        /// The host.
        host: String,
    },
    /// The token has characters that no header can carry.
    #[error("the token has characters that no token has")]
    Token,
    /// There is no TLS here.
    #[error("TLS cannot be set up: the system's certificates could not be read")]
    Tls,
}

/// What the two services do differently on the way.
pub(super) struct Profile {
    /// For messages.
    pub(super) name: &'static str,
    /// Whether the token is the user of HTTP Basic, or in which header it goes.
    pub(super) auth: Auth,
    /// What a 429 that names no time means.
    pub(super) unnamed: Unnamed,
}

pub(super) enum Auth {
    /// The token is the user, the password is this.
    Basic(&'static str),
    /// In this header.
    Header(&'static str),
}

/// What a 429 that names no time means.
#[derive(Clone, Copy)]
pub(super) enum Unnamed {
    /// To wait so long.
    Wait(Duration),
    /// Too fast at first; after two short waits, that an hourly quota is used up.
    Hourly,
}

/// A request.
pub(super) struct Call<'c> {
    pub(super) method: Method,
    /// Whether `path` begins at the host, instead of below the base address.
    pub(super) from_host: bool,
    pub(super) path: &'c [&'c str],
    pub(super) query: &'c [(&'c str, &'c str)],
    pub(super) body: Option<&'c Value>,
    /// Whether it changes anything.
    pub(super) writes: bool,
    pub(super) bucket: Bucket,
}

impl<'c> Call<'c> {
    fn new(method: Method, path: &'c [&'c str], body: Option<&'c Value>) -> Self {
        let bucket = if path.first() == Some(&"me") { Bucket::Me } else { Bucket::Workspace };
        let writes = method != Method::GET;
        Self { method, from_host: false, path, query: &[], body, writes, bucket }
    }

    pub(super) fn get(path: &'c [&'c str], query: &'c [(&'c str, &'c str)]) -> Self {
        Self { query, ..Self::new(Method::GET, path, None) }
    }

    pub(super) fn post(path: &'c [&'c str], body: &'c Value) -> Self {
        Self::new(Method::POST, path, Some(body))
    }

    pub(super) fn put(path: &'c [&'c str], body: &'c Value) -> Self {
        Self::new(Method::PUT, path, Some(body))
    }

    pub(super) fn delete(path: &'c [&'c str]) -> Self {
        Self::new(Method::DELETE, path, None)
    }
}

/// What a service answered. It may hold the token, so it has no `Debug`.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    pub(super) fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether it is a page for browsers.
    pub(super) fn is_page(&self) -> bool {
        words::is_page(&self.body)
    }

    /// Whether it has no words, or those of a page only.
    pub(super) fn says_nothing(&self) -> bool {
        self.body.trim().is_empty() || self.is_page()
    }

    /// Whether it is JSON, as the service itself answers and nothing on the way to it does.
    pub(super) fn is_json(&self) -> bool {
        serde_json::from_str::<Value>(&self.body).is_ok()
    }

    /// The `code` of an error that is an object.
    pub(super) fn code(&self) -> Option<i64> {
        serde_json::from_str::<Value>(&self.body).ok()?.get("code")?.as_i64()
    }
}

/// A service at the other end.
pub(super) struct Http<'a> {
    client: blocking::Client,
    profile: Profile,
    token: Secret,
    /// The token, and how it goes over the wire.
    hidden: Hidden,
    base: Url,
    pace: Duration,
    timeout: Duration,
    max_wait: Duration,
    watch: Box<dyn Watch + 'a>,
    gates: Gates,
    /// The end of the last request.
    last: Option<Instant>,
}

impl<'a> Http<'a> {
    pub(super) fn new(
        profile: Profile,
        access: Access<'a>,
    ) -> Result<(Self, Box<dyn Cache + 'a>), Unusable> {
        let base = address(access.base_url)?;
        HeaderValue::from_str(access.token.expose()).map_err(|_| Unusable::Token)?;
        let client = client(&base, access.timeout).map_err(|_| Unusable::Tls)?;
        let gates = Gates::new(profile.unnamed, access.now, &access.quotas);
        let mut http = Self {
            client,
            profile,
            token: access.token.clone(),
            hidden: Hidden::default(),
            base,
            pace: access.pace,
            timeout: access.timeout,
            max_wait: access.max_wait,
            watch: access.watch,
            gates,
            last: None,
        };
        http.hidden.add(access.token);
        if let Some(encoded) = http.encoded_token() {
            http.hidden.add(&encoded);
        }
        Ok((http, access.cache))
    }

    /// What is known of the service's quotas.
    pub(super) fn quotas(&self) -> Vec<Quota> {
        self.gates.quotas()
    }

    /// Sends `call`, waiting where that is asked for. Answers other than success and refusal (4xx,
    /// 3xx) are troubles.
    pub(super) fn send(&mut self, call: &Call<'_>) -> Result<Answer, Trouble> {
        let mut refused = 0;
        let mut failed = BACK_OFF.iter();
        loop {
            self.pass_gate(call.bucket)?;
            let answer = self.once(call)?;
            let text = if answer.is_ok() { String::new() } else { self.said(&answer) };
            match self.gates.see(call.bucket, &answer, &text, refused) {
                Some(refusal) if refused == BACK_OFF.len() => return Err(refusal.trouble()),
                Some(_) => refused += 1,
                None if answer.status < 500 => return Ok(answer),
                None => match failed.next() {
                    Some(pause) if !call.writes => self.wait(&text, Instant::now() + *pause),
                    _ => return Err(self.fault(call, answer.status, text)),
                },
            }
        }
    }

    /// The JSON of a successful answer to `call`.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        answer: &Answer,
    ) -> Result<T, Trouble> {
        serde_json::from_str(&answer.body).map_err(|_| {
            let name = self.profile.name;
            let why = format!("{name} {}: the answer is not understood", answer.status);
            self.lost(call.writes, why)
        })
    }

    /// What the service said, short and harmless.
    pub(super) fn said(&self, answer: &Answer) -> String {
        words::said(answer.status, &answer.body, &self.hidden)
    }

    /// What stands in the header for HTTP Basic.
    fn encoded_token(&self) -> Option<Secret> {
        let request = self.request(&Call::get(&[], &[])).build().ok()?;
        let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        Some(Secret::new(value.split_once(' ')?.1))
    }

    fn pass_gate(&mut self, bucket: Bucket) -> Result<(), Trouble> {
        let Some(refusal) = self.gates.closed(bucket) else {
            return Ok(());
        };
        if refusal.left() > self.max_wait {
            return Err(refusal.trouble());
        }
        self.wait(&refusal.message, refusal.until);
        Ok(())
    }

    fn wait(&mut self, why: &str, until: Instant) {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            self.watch.waiting(self.profile.name, why, left);
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(Duration::from_secs(1)));
        }
    }

    fn keep_pace(&self) {
        let slow = self.gates.was_too_fast() && !self.pace.is_zero();
        let pace = if slow { self.pace.max(SLOW_PACE) } else { self.pace };
        if let Some(last) = self.last {
            thread::sleep(pace.saturating_sub(last.elapsed()));
        }
    }

    fn once(&mut self, call: &Call<'_>) -> Result<Answer, Trouble> {
        self.keep_pace();
        let outcome = self.request(call).send().map(receive);
        self.last = Some(Instant::now());
        match outcome {
            Ok((answer, None)) => Ok(answer),
            // A refusal is one, also where its words are lost.
            Ok((answer, Some(_))) if (300..500).contains(&answer.status) => Ok(answer),
            Ok((_, Some(why))) => Err(self.lost(call.writes, why.to_owned())),
            Err(error) => {
                let lost = lost::why(&error);
                let began = call.writes && !error.is_connect() && !error.is_builder();
                Err(self.lost(began, lost.to_owned()))
            }
        }
    }

    fn request(&self, call: &Call<'_>) -> blocking::RequestBuilder {
        let mut url = self.base.clone();
        if call.from_host {
            url.set_path("");
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let token = self.token.expose();
        // Of the client as a whole it would be the time of each read, and a body could go on for ever.
        let request = self.client.request(call.method.clone(), url).timeout(self.timeout);
        let request = match self.profile.auth {
            Auth::Basic(password) => request.basic_auth(token, Some(password)),
            Auth::Header(name) => request.header(name, secret(token)),
        };
        match call.body {
            Some(body) => request
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(body.to_string()),
            None => request,
        }
    }

    /// Of a request without a useful answer. `began`: whether it may have changed something.
    fn lost(&self, began: bool, why: String) -> Trouble {
        let hint = "Check network connection and try again".to_owned();
        if began { Trouble::Unknown { why, hint } } else { Trouble::NotSent { why, hint } }
    }

    /// Of a 5xx.
    fn fault(&self, call: &Call<'_>, status: u16, message: String) -> Trouble {
        let name = self.profile.name;
        if call.writes {
            let why = format!("{name} {status}: {message}");
            let hint = format!("Re-run later; {name} is asked first whether it was stored");
            return Trouble::Unknown { why, hint };
        }
        let hint = format!("{name} is in trouble; re-run later");
        Trouble::Refused { status, message, hint, all: false }
    }
}

/// The answer, and why it is not whole.
fn receive(mut response: blocking::Response) -> (Answer, Option<&'static str>) {
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut bytes = Vec::new();
    let trouble = match (&mut response).take(MOST_BYTES + 1).read_to_end(&mut bytes) {
        Ok(_) if bytes.len() as u64 > MOST_BYTES => Some("the answer is too long"),
        Ok(_) => None,
        Err(error) => Some(lost::why(&error)),
    };
    let body = String::from_utf8_lossy(&bytes).into_owned();
    (Answer { status, headers, body }, trouble)
}

fn secret(token: &str) -> HeaderValue {
    // `Http::new` has seen that it is one.
    let mut value = HeaderValue::from_str(token).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// `at`, cut to the whole second, as services cut it.
pub(super) fn to_second(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.millis().div_euclid(1_000).saturating_mul(1_000))
}

/// Reads a base address, which is https unless it is this machine.
fn address(text: &str) -> Result<Url, Unusable> {
    let url = Url::parse(text.trim()).map_err(|_| Unusable::NotAddress)?;
    let bare = url.username().is_empty() && url.password().is_none();
    let plain = url.query().is_none() && url.fragment().is_none();
    let (Some(host), true, true) = (url.host_str(), bare, plain) else {
        return Err(Unusable::NotAddress);
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_this_machine(host) => Ok(url),
        "http" => Err(Unusable::Clear { host: host.to_owned() }),
        _ => Err(Unusable::NotAddress),
    }
}

fn is_this_machine(host: &str) -> bool {
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
}

fn client(base: &Url, timeout: Duration) -> reqwest::Result<blocking::Client> {
    let agent = HeaderValue::from_static(concat!("tt/", env!("CARGO_PKG_VERSION")));
    let builder = blocking::Client::builder()
        .default_headers(HeaderMap::from_iter([(USER_AGENT, agent)]))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .pool_idle_timeout(IDLE)
        // Well before the other, which cannot tell a slow connection from a slow answer.
        .connect_timeout(CONNECT.min(timeout / 2));
    // reqwest asks for a global provider; an error says that this one is there already.
    drop(rustls::crypto::ring::default_provider().install_default());
    if base.scheme() == "http" {
        // In clear, so past no proxy; and where there is no TLS, no certificates are read.
        return builder.no_proxy().tls_certs_only([]).build();
    }
    builder.build()
}
