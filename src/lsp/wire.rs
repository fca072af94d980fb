//! Messages on the wire: `Content-Length: 42`, a blank line, and so many bytes of JSON.
//!
//! `lsp-server` has a reader of its own, but it ends at the first malformed message and allocates
//! whatever length a header names. This one goes on: what cannot be read is refused with an error,
//! and the next line that names a length is taken for the next message. The types of messages are
//! those of `lsp-server`.
//!
//! INVARIANT (bounded reading): whatever comes in, a [`Reader`] holds at most [`MAX_BODY`] bytes of
//! it. How many bodies wait after that is up to who takes them.

use std::io::{self, BufRead, Read, Write};

use lsp_server::{ErrorCode, Notification, Request, RequestId};
use serde_json::{Value, json};

/// The longest body of a message that is read, in bytes.
pub const MAX_BODY: usize = 16 << 20;
/// So much of a line of headers is looked at: its end, where the next message may begin.
const MAX_LINE: usize = 4096;

/// Why a message is not answered as it would like to be.
#[derive(Clone, PartialEq, Debug)]
pub struct Refusal {
    /// The request, where there is one.
    pub id: Option<RequestId>,
    /// What kind of mistake it is.
    pub code: i32,
    /// What is wrong.
    pub message: String,
}

impl Refusal {
    /// A refusal of no request in particular.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { id: None, code: code as i32, message: message.into() }
    }

    /// The answer that says so.
    #[must_use]
    pub fn answer(&self) -> Value {
        let error = json!({ "code": self.code, "message": self.message });
        json!({ "jsonrpc": "2.0", "id": self.id, "error": error })
    }
}

/// A message that came in.
#[derive(Clone, Debug)]
pub enum Incoming {
    /// Wants an answer.
    Request(Request),
    /// Wants none.
    Notification(Notification),
    /// Is an answer; nothing was asked.
    Response,
}

/// Reads bodies of messages.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    /// The length that the headers so far name.
    length: Option<usize>,
    /// Whether something was refused since the last header that made sense.
    lost: bool,
}

impl<R: BufRead> Reader<R> {
    /// A reader of this input.
    pub const fn new(input: R) -> Self {
        Self { input, length: None, lost: false }
    }

    /// The next body, or why there is something else; `None` at the end.
    ///
    /// # Errors
    ///
    /// Those of the input.
    pub fn next_body(&mut self) -> io::Result<Option<Result<Vec<u8>, Refusal>>> {
        const NAME: &[u8] = b"content-length:";
        while let Some(line) = self.line()? {
            if line.is_empty() {
                if let Some(length) = self.length.take() {
                    return self.body(length);
                }
                continue;
            }
            let lower = line.to_ascii_lowercase();
            let named = lower.windows(NAME.len()).rposition(|window| window == NAME);
            let refusal = match named {
                Some(at) => {
                    let digits = line.get(at + NAME.len()..).unwrap_or_default();
                    self.length = number(digits).filter(|length| *length <= MAX_BODY);
                    match self.length {
                        Some(_) if at == 0 => {
                            self.lost = false;
                            continue;
                        }
                        Some(_) => "something before a header",
                        None => "a Content-Length that is no number, or too large",
                    }
                }
                None if is_header(&line) => continue,
                None => "a header was expected",
            };
            let told = std::mem::replace(&mut self.lost, self.length.is_none());
            if !told {
                return Ok(Some(Err(Refusal::new(ErrorCode::ParseError, refusal))));
            }
        }
        Ok(None)
    }

    /// The end of the next line, without what ends it.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            let room = (2 * MAX_LINE - line.len()) as u64;
            if (&mut self.input).take(room).read_until(b'\n', &mut line)? == 0 {
                return Ok((!line.is_empty()).then_some(line));
            }
            if line.ends_with(b"\n") {
                let end = line.len() - if line.ends_with(b"\r\n") { 2 } else { 1 };
                line.truncate(end);
                return Ok(Some(line));
            }
            line.drain(..line.len().saturating_sub(MAX_LINE));
        }
    }

    fn body(&mut self, length: usize) -> io::Result<Option<Result<Vec<u8>, Refusal>>> {
        let mut body = Vec::new();
        (&mut self.input).take(length as u64).read_to_end(&mut body)?;
        Ok((body.len() == length).then_some(Ok(body)))
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.trim().parse().ok()
}

fn is_header(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    name.len() < line.len()
        && !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-')
}

/// The message in a body.
///
/// # Errors
///
/// What is wrong with it, with the id of the request if it can be told.
pub fn parse(body: &[u8]) -> Result<Incoming, Refusal> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::new(ErrorCode::ParseError, format!("not JSON: {error}")))?;
    let id = value.get("id").cloned();
    let id: Option<Option<RequestId>> = id.map(|id| serde_json::from_value(id).ok());
    let refuse = |message: &str| {
        let refusal = Refusal::new(ErrorCode::InvalidRequest, message);
        Refusal { id: id.clone().flatten(), ..refusal }
    };
    let Value::Object(mut fields) = value else { return Err(refuse("not an object")) };
    let method = match fields.remove("method") {
        Some(Value::String(method)) => method,
        None if fields.contains_key("result") || fields.contains_key("error") => {
            return Ok(Incoming::Response);
        }
        _ => return Err(refuse("no method")),
    };
    let params = fields.remove("params").unwrap_or_default();
    match id {
        Some(Some(id)) => Ok(Incoming::Request(Request { id, method, params })),
        Some(None) => Err(refuse("an id must be a whole number or a text")),
        None => Ok(Incoming::Notification(Notification { method, params })),
    }
}

/// Writes a message.
///
/// # Errors
///
/// Those of the output.
pub fn write(out: &mut dyn Write, message: &Value) -> io::Result<()> {
    let body = message.to_string();
    write!(out, "Content-Length: {}\r\n\r\n{body}", body.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(input: &[u8]) -> Vec<Result<String, String>> {
        let mut reader = Reader::new(input);
        let mut all = Vec::new();
        while let Some(next) = reader.next_body().unwrap() {
            all.push(match next {
                Ok(body) => Ok(String::from_utf8(body).unwrap()),
                Err(refusal) => Err(refusal.message),
            });
        }
        all
    }

    #[test]
    fn one_refusal_and_on_with_the_next() {
        let good = "Content-Length: 2\r\n\r\n{}";
        let ok = || Ok("{}".to_owned());
        assert_eq!(read(format!("{good}{good}").as_bytes()), [ok(), ok()]);
        let typed = "content-length:2 \nContent-Type: x\n\n{}";
        assert_eq!(read(typed.as_bytes()), [ok()]);
        for bad in [
            "Content-Length: x\r\n\r\n{\"a\":1}",
            "Content-Length: -1\r\n\r\n",
            "Content-Length: 99999999999999999999999\r\n\r\n{}",
            "Content-Length: 1000000000000\r\n\r\n{}",
            "{\"jsonrpc\":\"2.0\"}",
            "\u{0}\u{1}é\n\n\n%%\r\n\r\n",
            &"x".repeat(100_000),
        ] {
            let found = read(format!("{bad}{good}{good}").as_bytes());
            assert!(matches!(&found[..], [Err(_), Ok(_), Ok(_)]), "{bad:.60}: {found:?}");
        }
        assert_eq!(read(b"Content-Length: 20\r\n\r\n{}"), []);
        assert_eq!(read(b"\r\n\r\n"), []);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let code = |body: &str| parse(body.as_bytes()).map_err(|it| (it.code, it.id)).err();
        let id = Some(RequestId::from(7));
        for body in ["", "{", "\u{feff}{}", "{'a':1}", &"[".repeat(5000)] {
            assert_eq!(code(body), Some((-32700, None)), "{body:.20}");
        }
        for body in
            ["[]", "1", "null", "{}", r#"{"id":{},"method":"x"}"#, r#"{"id":1.5,"method":"x"}"#]
        {
            assert_eq!(code(body), Some((-32600, None)), "{body}");
        }
        assert_eq!(code(r#"{"id":7,"method":7}"#), Some((-32600, id)));
        assert_eq!(code(r#"{"id":7,"result":null}"#), None);
        assert_eq!(code(r#"{"id":"a","method":"x","params":[]}"#), None);
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for refused in read_lossy(&bytes) {
                prop_assert!(refused.len() <= bytes.len() || refused.starts_with('!'));
            }
        }
    }

    fn read_lossy(bytes: &[u8]) -> Vec<String> {
        let mut reader = Reader::new(bytes);
        std::iter::from_fn(|| reader.next_body().unwrap())
            .map(|next| match next {
                Ok(body) => String::from_utf8_lossy(&body).into_owned(),
                Err(refusal) => format!("!{}", refusal.message),
            })
            .collect()
    }
}
