//! Writing records: JSON lines, or one JSON document with a list.

use std::io::{self, Write};

use serde::Serialize;

use super::What;
use crate::privacy::{Outgoing, Safe};

/// Records are passed on when there are so many bytes of them.
const CHUNK: usize = 64 * 1024;

/// How records are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A record on each line.
    Jsonl,
    /// `{"events": [ … ]}`
    Json,
}

/// Writes records that have passed the filter, whole ones only.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    form: Form,
    records: Vec<u8>,
    first: bool,
}

impl<W: Write> Writer<W> {
    /// A writer of `what` to `out`. Nothing is written before the first record.
    pub fn new(out: W, form: Form, what: What) -> Self {
        let records = match form {
            Form::Jsonl => Vec::new(),
            Form::Json => format!("{{\"{}\": [", what.name()).into_bytes(),
        };
        Self { out, form, records, first: true }
    }

    /// Writes one record.
    ///
    /// # Errors
    /// Those of the output.
    pub fn put<T: Outgoing + Serialize>(&mut self, row: &Safe<T>) -> io::Result<()> {
        if self.form == Form::Json {
            self.records.extend_from_slice(if self.first { b"\n" } else { b",\n" });
        }
        self.first = false;
        serde_json::to_writer(&mut self.records, row.get())?;
        if self.form == Form::Jsonl {
            self.records.push(b'\n');
        }
        if self.records.len() >= CHUNK { self.pass_on() } else { Ok(()) }
    }

    /// Writes what is left, and the end.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        if self.form == Form::Json {
            self.records.extend_from_slice(if self.first { b"]}\n" } else { b"\n]}\n" });
        }
        self.pass_on()?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let done = self.out.write_all(&self.records);
        self.records.clear();
        done
    }
}
