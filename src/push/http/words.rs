//! What a service says of a refusal, whatever form it says it in: a JSON string, an object with
//! `message`, plain text, a page for browsers, or nothing.

use reqwest::StatusCode;
use serde_json::Value;

/// Longer messages are cut.
const MOST_CHARS: usize = 200;

/// The message in `body`, short and without control characters; where there is none, what `status`
/// means.
pub(super) fn said(status: u16, body: &str) -> String {
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
    let text = short(&text);
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

/// One line of at most [`MOST_CHARS`].
fn short(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MOST_CHARS {
        return line;
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
    }
}
