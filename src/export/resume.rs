//! Where an export that was cut off goes on: after the last whole record of what is there.

use std::io::{self, Read, Seek, SeekFrom};

use serde_json::Value;

use super::What;

/// Bytes read at once, from the end backwards.
const BLOCK: u64 = 64 * 1024;
/// How every record begins.
const BEGIN: &[u8] = b"{\"id\":\"";

/// What an export that was cut off holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Bytes of whole records.
    pub whole: u64,
    /// Bytes after them, of a record that was being written.
    pub torn: u64,
    /// The last whole record, if there is one.
    pub last: Option<Last>,
}

/// The last whole record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Last {
    /// Its id.
    pub id: String,
    /// All of it, without the line's end.
    pub text: String,
    /// When the stream that it shows had changed last, if it shows one.
    pub updated_at: Option<String>,
}

/// Why an output cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is one JSON document.
    #[error("it is one JSON document, and only JSON lines can be gone on with")]
    Document,
    /// It holds something else.
    #[error("it holds {}, not {}", .0.name(), .1.name())]
    Other(What, What),
    /// It is no export.
    #[error("it does not look like an export")]
    Foreign,
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
}

/// Looks at what is there of an export of `what`.
///
/// # Errors
/// [`Refused`], where it is none, or not one of `what`.
pub fn look(file: &mut (impl Read + Seek), what: What) -> Result<Found, Refused> {
    let length = file.seek(SeekFrom::End(0))?;
    begins_well(file)?;
    let end = match newline_before(file, length)? {
        Some(newline) => newline,
        None => {
            // A record that lacks its line's end alone is whole, and may be anybody's.
            let text = read(file, 0, length)?;
            if let Ok(record) = serde_json::from_slice(&text) {
                is_one_of(&record, what)?;
            }
            return Ok(Found { whole: 0, torn: length, last: None });
        }
    };
    let start = newline_before(file, end)?.map_or(0, |newline| newline + 1);
    let line = read(file, start, end)?;
    let record: Value = serde_json::from_slice(&line).map_err(|_| Refused::Foreign)?;
    is_one_of(&record, what)?;
    let text = |key: &str| record.get(key).and_then(Value::as_str).map(str::to_owned);
    let last = Last {
        id: text("id").ok_or(Refused::Foreign)?,
        updated_at: text("updated_at"),
        text: String::from_utf8(line).map_err(|_| Refused::Foreign)?,
    };
    Ok(Found { whole: end + 1, torn: length - end - 1, last: Some(last) })
}

fn begins_well(file: &mut (impl Read + Seek)) -> Result<(), Refused> {
    file.rewind()?;
    let mut begin = Vec::new();
    file.take(16).read_to_end(&mut begin)?;
    let document = |what: &What| begin.starts_with(format!("{{\"{}\":", what.name()).as_bytes());
    if What::ALL.iter().any(document) {
        return Err(Refused::Document);
    }
    let same = begin.iter().zip(BEGIN).all(|(a, b)| a == b);
    if same { Ok(()) } else { Err(Refused::Foreign) }
}

fn is_one_of(record: &Value, what: What) -> Result<(), Refused> {
    let is = |what: &What| record.get("id").is_some() && record.get(what.mark()).is_some();
    match What::ALL.into_iter().find(is) {
        Some(found) if found == what => Ok(()),
        Some(found) => Err(Refused::Other(found, what)),
        None => Err(Refused::Foreign),
    }
}

/// Where the last line ends that ends before `end`.
fn newline_before(file: &mut (impl Read + Seek), end: u64) -> io::Result<Option<u64>> {
    let mut to = end;
    while to > 0 {
        let from = to.saturating_sub(BLOCK);
        let block = read(file, from, to)?;
        if let Some(at) = memchr::memrchr(b'\n', &block) {
            return Ok(Some(from + at as u64));
        }
        to = from;
    }
    Ok(None)
}

fn read(file: &mut (impl Read + Seek), from: u64, to: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const EVENT: &str = r#"{"id":"a","timestamp":"2025-01-28T10:00:00Z","type":"x"}"#;

    fn of(text: &str) -> Result<Found, Refused> {
        look(&mut Cursor::new(text.as_bytes()), What::Events)
    }

    #[test]
    fn every_cut_goes_on_after_the_last_whole_record() {
        let text = format!("{EVENT}\n{}\n", EVENT.replace("\"a\"", "\"b\""));
        for cut in 0..=text.len() {
            let found = of(&text[..cut]).unwrap();
            let lines = text[..cut].matches('\n').count();
            let id = found.last.as_ref().map(|last| last.id.as_str());
            assert_eq!(id, [None, Some("a"), Some("b")][lines], "{cut}");
            assert_eq!(found.whole + found.torn, cut as u64);
            assert_eq!(found.whole, lines as u64 * (EVENT.len() as u64 + 1), "{cut}");
        }
    }

    #[test]
    fn what_is_no_such_export_is_refused() {
        for text in [
            "Dear diary",
            "\n",
            "{\"id\":\"a\"}",
            "{\"id\":\"a\"}\n",
            &format!("{EVENT}\n\n"),
            &format!("{EVENT}\nnotes\n"),
            &format!(" {EVENT}\n"),
        ] {
            assert!(matches!(of(text), Err(Refused::Foreign)), "{text}: {:?}", of(text));
        }
        assert!(matches!(of("{\"events\": ["), Err(Refused::Document)));
        let stream = r#"{"id":"a","first_event_at":"2025-01-28T10:00:00Z"}"#;
        for text in [stream.to_owned(), format!("{stream}\n")] {
            let why = of(&text).unwrap_err().to_string();
            assert_eq!(why, "it holds streams, not events");
        }
    }

    #[test]
    fn long_lines_are_found() {
        let long = EVENT.replace("\"x\"", &format!("\"{}\"", "x".repeat(300_000)));
        let found = of(&format!("{EVENT}\n{long}\n{{\"id\":\"")).unwrap();
        assert_eq!((found.torn, found.last.unwrap().text), (7, long));
    }
}
