//! Physical lines of a file or pipe, in bounded memory.

use std::io::{self, BufRead};

/// What comes next in a file.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Physical<'a> {
    /// A line, without its newline.
    Line(&'a [u8]),
    /// The last bytes, which no newline ends: perhaps still being written.
    Tail(&'a [u8]),
    /// A line beyond the limit, which a newline ends.
    TooLong,
    /// Nothing, or a tail beyond the limit.
    End,
}

/// Lines of a reader, each held in memory whole but never more than `limit` bytes of it.
pub(crate) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    limit: usize,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Self { reader, line: Vec::new(), limit }
    }

    /// The next line and how many bytes it takes in the file.
    pub(crate) fn next(&mut self) -> io::Result<(Physical<'_>, u64)> {
        self.line.clear();
        let mut taken = 0;
        loop {
            let chunk = match self.reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                let whole = taken == self.line.len();
                return Ok(if taken == 0 || !whole {
                    (Physical::End, taken as u64)
                } else {
                    (Physical::Tail(&self.line), taken as u64)
                });
            }
            let newline = memchr::memchr(b'\n', chunk);
            let part = chunk.get(..newline.unwrap_or(chunk.len())).unwrap_or(chunk);
            let room = self.line.len() == taken && taken + part.len() <= self.limit;
            if room {
                self.line.extend_from_slice(part);
            }
            taken += part.len();
            let used = part.len() + usize::from(newline.is_some());
            self.reader.consume(used);
            if newline.is_some() {
                let line = (self.line.len() == taken).then_some(self.line.as_slice());
                let line = line.map_or(Physical::TooLong, Physical::Line);
                return Ok((line, taken as u64 + 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_tails() {
        let mut lines = Lines::new(io::BufReader::with_capacity(3, &b"ab\n\nlonglong\ncd"[..]), 6);
        let mut seen = Vec::new();
        loop {
            let (line, taken) = lines.next().unwrap();
            seen.push((format!("{line:?}"), taken));
            if line == Physical::End {
                break;
            }
        }
        let taken: Vec<u64> = seen.iter().map(|it| it.1).collect();
        assert_eq!(taken, [3, 1, 9, 2, 0]);
        assert!(seen[2].0.starts_with("TooLong") && seen[3].0.starts_with("Tail"));
    }
}
