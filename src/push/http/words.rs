//! What a service says of a refusal, whatever form it says it in: a JSON string, an object with
//! `message`, plain text, a page for browsers, or nothing.

use reqwest::StatusCode;
use serde_json::Value;

use super::hide::Hidden;

/// Longer messages are cut.
const MOST_CHARS: usize = 200;
/// Longer texts are no messages.
const MOST_BYTES: usize = 64 << 10;

/// The message in `body`, short and without control characters and without what is `hidden`; where
/// there is none, what `status` means.
pub(super) fn said(status: u16, body: &str, hidden: &Hidden) -> String {
    let text = match serde_json::from_str(body) {
        Ok(Value::String(text)) => text,
        Ok(Value::Object(object)) => {
            let text = ["message", "error"].iter().find_map(|key| object.get(*key)?.as_str());
            text.unwrap_or_default().to_owned()
        }
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) => String::new(),
        Err(_) if is_page(body) => title(body).unwrap_or_default().to_owned(),
        Err(_) => body.to_owned(),
    };
    // Hidden before it is cut: the rest of a token would not be found.
    let text = short(&hidden.hide(&line(&text)));
    // nginx gives its pages the title `502 Bad Gateway`.
    let named = text.strip_prefix(&status.to_string()).map(|rest| rest.trim().to_lowercase());
    let text = named.unwrap_or(text);
    if text.is_empty() { meaning(status) } else { text }
}

/// Whether `body` is a page for browsers.
pub(super) fn is_page(body: &str) -> bool {
    let start: String = body.trim_start().chars().take(15).collect::<String>().to_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

fn title(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("<title>")?;
    Some(rest.split_once("</title>")?.0)
}

/// `text` as one line, if it is one.
fn line(text: &str) -> String {
    if text.len() > MOST_BYTES {
        return String::new();
    }
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most [`MOST_CHARS`] of a line.
fn short(line: &str) -> String {
    if line.chars().count() <= MOST_CHARS {
        return line.to_owned();
    }
    line.chars().take(MOST_CHARS - 1).chain(['…']).collect()
}

fn meaning(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|it| it.canonical_reason());
    reason.unwrap_or("no reason given").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &str) -> String {
        super::said(status, body, &Hidden::default())
    }

    #[test]
    fn every_form_says_something() {
        let cases = [
            (400, r#""JSON is not valid""#, "JSON is not valid"),
            (400, r#"{"message": "Tag is wrong", "code": 501}"#, "Tag is wrong"),
            (
                400,
                "User cannot access the selected project\n",
                "User cannot access the selected project",
            ),
            (
                502,
                "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n</html>",
                "bad gateway",
            ),
            (403, "<!DOCTYPE html><title>Attention!</title>", "Attention!"),
            (429, "<html>", "too many requests"),
            (403, "", "forbidden"),
            (404, "null", "not found"),
            (400, "[1, 2]", "bad request"),
            (418, "", "i'm a teapot"),
            (599, "  ", "no reason given"),
            (400, "a\u{1b}[31mb\0\n\tc", "a [31mb c"),
        ];
        for (status, body, expected) in cases {
            assert_eq!(said(status, body), expected, "{body}");
        }
        let long = said(400, &"ä".repeat(5_000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (MOST_CHARS, true));
        assert_eq!(said(400, &"ä".repeat(MOST_BYTES)), "bad request");
    }
}
