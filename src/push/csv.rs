//! CSV, as spreadsheets and scripts read it.
//!
//! ```csv
//! start,end,duration_hours,description,tags,working_directory
//! 2025-01-28T10:00:00Z,2025-01-28T12:15:00Z,2.25,"Auth service","acme,billable",/home/sami/work/acme
//! ```
//!
//! `end` is the last event, `duration_hours` the billed time; agents that work at once, or a person
//! who is away, make the two differ. Hours have as many of four decimals as they need: to the
//! second, and no more.
//!
//! INVARIANT (no formula): no cell begins with a character that makes a spreadsheet compute it.

use std::io::{self, Write};

use csv::{QuoteStyle, WriterBuilder};

use super::destination::{Destination, Remote, Trouble};
use super::entry::Entry;
use crate::privacy::Safe;

const HEADER: &str = "start,end,duration_hours,description,tags,working_directory\n";

/// Writes entries as CSV. Nothing is kept: each run writes all that is asked for.
pub struct Csv<'w> {
    out: &'w mut dyn Write,
    begun: bool,
}

impl<'w> Csv<'w> {
    /// CSV into `out`.
    pub fn new(out: &'w mut dyn Write) -> Self {
        Self { out, begun: false }
    }

    fn begin(&mut self) -> io::Result<()> {
        if !self.begun {
            self.begun = true;
            self.out.write_all(HEADER.as_bytes())?;
        }
        Ok(())
    }

    fn row(&mut self, entry: &Entry) -> io::Result<()> {
        self.begin()?;
        let (start, last) = (entry.start.to_string(), entry.last.to_string());
        let hours = hours(entry.seconds);
        let mut line = record(&[&start, &last, &hours], QuoteStyle::Necessary)?;
        line.push(b',');
        let texts = [entry.description.as_str(), &entry.tags.join(",")];
        line.extend(record(&texts, QuoteStyle::Always)?);
        line.push(b',');
        line.extend(record(&[entry.cwd.as_deref().unwrap_or("")], QuoteStyle::Necessary)?);
        line.push(b'\n');
        self.out.write_all(&line)
    }
}

impl Destination for Csv<'_> {
    fn create(&mut self, entry: &Safe<Entry>) -> Result<Option<Remote>, Trouble> {
        self.row(entry.get()).map(|()| None).map_err(trouble)
    }

    fn finish(&mut self) -> Result<(), Trouble> {
        self.begin().and_then(|()| self.out.flush()).map_err(trouble)
    }
}

/// Whoever reads the output may have had enough; what else goes wrong has its own words.
fn trouble(error: io::Error) -> Trouble {
    let closed = error.kind() == io::ErrorKind::BrokenPipe;
    let why = if closed { CLOSED.to_owned() } else { error.to_string() };
    Trouble::NotSent { why, hint: "Check free space and permissions".to_owned() }
}

/// What is said of a pipe that was closed at its other end.
pub const CLOSED: &str = "the output was closed";

/// Fields of a record without the end of the line.
fn record(fields: &[&str], quotes: QuoteStyle) -> io::Result<Vec<u8>> {
    let mut writer = WriterBuilder::new().quote_style(quotes).from_writer(Vec::new());
    let safe: Vec<String> = fields.iter().map(|it| defused(it)).collect();
    // A record that is one empty field would be quoted, to be told from no record.
    if safe.iter().all(String::is_empty) && matches!(quotes, QuoteStyle::Necessary) {
        return Ok(Vec::new());
    }
    writer.write_record(&safe).map_err(io::Error::other)?;
    let mut line = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    line.pop();
    Ok(line)
}

/// A cell that no spreadsheet takes for a formula: one that begins like one gets a single quote
/// before it. Blanks before the sign are skipped by some, and some read the wide forms of the signs.
fn defused(cell: &str) -> String {
    let sign = |c: char| {
        matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠')
    };
    let dangerous = cell.starts_with(sign) || cell.trim_start().starts_with(sign);
    // NUL ends a cell for some readers, and the rest begins a new one.
    let plain: String = cell.chars().filter(|c| *c != '\0').collect();
    if dangerous || plain.starts_with(sign) { format!("'{plain}") } else { plain }
}

/// Seconds as hours: `2.25`, `1.5`, `0.0003`.
fn hours(seconds: i64) -> String {
    let scaled = (seconds * 10_000 + 1_800) / 3_600;
    let text = format!("{}.{:04}", scaled / 10_000, scaled % 10_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::Filter;
    use crate::time::Timestamp;

    fn entry(description: &str, tags: &[&str], cwd: Option<&str>) -> Entry {
        let at = |text| Timestamp::parse(text).unwrap();
        Entry {
            stream: "a".into(),
            day: None,
            start: at("2025-01-28T10:00:00Z"),
            seconds: 8_100,
            raw_ms: 8_100_000,
            last: at("2025-01-28T12:15:00Z"),
            description: description.into(),
            tags: tags.iter().map(|it| (*it).to_owned()).collect(),
            project: None,
            billable: None,
            label: String::new(),
            cwd: cwd.map(str::to_owned),
            known: Vec::new(),
        }
    }

    fn csv(entries: &[Entry]) -> String {
        let mut out = Vec::new();
        let mut csv = Csv::new(&mut out);
        for entry in entries {
            let entry = Filter::off().pass(entry.clone()).unwrap();
            csv.create(&entry).unwrap();
        }
        csv.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_example_of_the_specification() {
        let web = "/home/sami/work/acme/webapp";
        let one = entry("Auth service implementation", &["acme", "billable"], Some(web));
        assert_eq!(
            csv(&[one]),
            "start,end,duration_hours,description,tags,working_directory\n\
             2025-01-28T10:00:00Z,2025-01-28T12:15:00Z,2.25,\"Auth service implementation\",\
             \"acme,billable\",/home/sami/work/acme/webapp\n"
        );
        assert_eq!(csv(&[]), HEADER);
    }

    #[test]
    fn no_cell_is_a_formula() {
        for start in ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\u{a0}+", "＝", "\0="] {
            let evil = format!("{start}1+1");
            let it = entry(&evil, &[&evil], Some(&evil));
            let text = csv(&[it]);
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let row = reader.records().next().unwrap().unwrap();
            for cell in [3, 4, 5] {
                assert!(row[cell].starts_with('\''), "{start:?}: {:?}", &row[cell]);
            }
        }
    }

    #[test]
    fn whatever_is_in_a_cell_comes_back() {
        let texts = ["a \"b\", c", "two\nlines", "ümlaut 日本", "", "'", "a,b"];
        for text in texts {
            let out = csv(&[entry(text, &[text], Some(text))]);
            let mut reader = csv::Reader::from_reader(out.as_bytes());
            let row = reader.records().next().unwrap().unwrap();
            assert_eq!([&row[3], &row[4], &row[5]], [text; 3]);
        }
    }

    #[test]
    fn hours_are_exact_to_the_second() {
        assert_eq!([8_100, 5_400, 3_600, 1, 0].map(hours), ["2.25", "1.5", "1", "0.0003", "0"]);
        for seconds in 0..20_000 {
            let back: f64 = hours(seconds).parse().unwrap();
            #[allow(clippy::cast_precision_loss, reason = "small numbers")]
            let exact = seconds as f64;
            assert!((back * 3_600.0 - exact).abs() < 0.5, "{seconds}");
        }
    }
}
