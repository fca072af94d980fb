//! A report as text for a terminal.
//!
//! All lines share one grid, so that numbers stand under numbers from the first tag to the last
//! line of the summary:
//!
//! ```text
//! ≥ 80    label         total  bar         direct  delegated
//! ≥ 50    label         total              direct  delegated
//! below   label         total                                  and the rest on a line of its own
//! ```
//!
//! The label column is as wide as the longest label, or as the terminal allows; longer ones end in
//! `…`. Widths are those a terminal draws: two columns for CJK and most emoji.
//!
//! INVARIANT (harmless): names and tags come from outside, even from escape sequences that set a
//! title; none of their control or direction characters reaches the terminal.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use super::model::{Billing, Report, Spent, StreamLine};
use crate::period::Shape;
use crate::time::{Millis, human};

/// Cells of a bar.
const BAR: usize = 10;
/// From this width on there are bars.
const WITH_BAR: usize = 80;
/// From this width on direct and delegated time have columns.
const WITH_KINDS: usize = 50;
/// Wider than this the eye loses the line.
const WIDEST: usize = 100;
/// Narrower than this nothing can be aligned.
const NARROWEST: usize = 24;
/// No more untagged streams than this are shown one by one.
pub const UNTAGGED_SHOWN: usize = 11;
/// Tracked time from which shares of it say something.
const SHARES_FROM: Millis = 30 * 60_000;

/// How to draw.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether bold and dim may be used.
    pub colour: bool,
}

/// The report as lines of text, the last one ended.
#[must_use]
pub fn render(report: &Report, look: Look) -> String {
    let rows = rows(report);
    let mut page =
        Page { grid: Grid::of(&rows, report, look.width), colour: look.colour, out: String::new() };
    page.line(&page.bold(&report.period.title()));
    page.line("");
    if report.is_empty() {
        page.nothing(report);
        return page.out;
    }
    if !rows.is_empty() {
        page.by_tag(&rows, report);
    }
    page.summary(report);
    page.out
}

/// A line of the table.
struct Row {
    label: String,
    spent: Spent,
    kind: RowKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RowKind {
    Tag,
    Stream,
}

/// Tags, then `(untagged)` with its streams below it.
fn rows(report: &Report) -> Vec<Row> {
    let mut rows: Vec<Row> =
        report.by_tag.iter().map(|it| Row::tag(&harmless(&it.tag), it.spent)).collect();
    let streams = &report.untagged.streams;
    if streams.is_empty() {
        return rows;
    }
    rows.push(Row::tag("(untagged)", report.untagged.spent));
    // A line to say that there are more takes the place of the last one.
    let shown = match streams.len() {
        len if len <= UNTAGGED_SHOWN => len,
        _ => UNTAGGED_SHOWN - 1,
    };
    let (first, rest) = streams.split_at(shown);
    rows.extend(first.iter().map(Row::stream));
    if !rest.is_empty() {
        let spent = rest.iter().fold(Spent::default(), |sum, it| sum + it.spent);
        rows.push(Row {
            label: format!("    … {} more: tt streams --untagged", rest.len()),
            spent,
            kind: RowKind::Stream,
        });
    }
    rows
}

impl Row {
    fn tag(tag: &str, spent: Spent) -> Self {
        Self { label: format!("  {tag}"), spent, kind: RowKind::Tag }
    }

    fn stream(stream: &StreamLine) -> Self {
        Self {
            label: format!("    {}  {}", harmless(&stream.short_id), harmless(&stream.name)),
            spent: stream.spent,
            kind: RowKind::Stream,
        }
    }
}

const DIRECT: &str = "direct";
const DELEGATED: &str = "delegated";
const TOTAL: &str = "total";
const TRACKED: &str = "  Total tracked";
const GAP: usize = 2;
/// The column of shares, which may pass 100% where agents work side by side.
const SHARE: usize = GAP + "1000%".len();

/// The widths of the columns.
struct Grid {
    width: usize,
    label: usize,
    total: usize,
    direct: usize,
    delegated: usize,
    longest: Millis,
}

impl Grid {
    fn of(rows: &[Row], report: &Report, width: usize) -> Self {
        let width = width.clamp(NARROWEST, WIDEST);
        let lengths =
            |of: fn(Spent) -> Millis| rows.iter().map(move |it| human(of(it.spent)).len());
        let totals = &report.totals;
        let summary = [
            totals.tracked,
            totals.spent.direct,
            totals.spent.delegated,
            report.unassigned.total(),
        ];
        let total = lengths(Spent::total)
            .chain(summary.map(|it| human(it).len()))
            .fold(TOTAL.len(), usize::max);
        let mut grid = Self {
            width,
            label: 0,
            total,
            direct: lengths(|it| it.direct).fold(DIRECT.len(), usize::max),
            delegated: lengths(|it| it.delegated).fold(DELEGATED.len(), usize::max),
            longest: rows
                .iter()
                .filter(|it| it.kind == RowKind::Tag)
                .map(|it| it.spent.total())
                .fold(0, i64::max),
        };
        let longest_label = rows.iter().map(|it| it.label.width()).fold(TRACKED.len(), usize::max);
        grid.label = longest_label.min(width.saturating_sub(grid.right_of_label()));
        grid
    }

    fn has_bar(&self) -> bool {
        self.width >= WITH_BAR
    }

    fn has_kinds(&self) -> bool {
        self.width >= WITH_KINDS
    }

    fn right_of_label(&self) -> usize {
        let mut width = GAP + self.total;
        if self.has_bar() {
            width += GAP + BAR;
        }
        if self.has_kinds() {
            width += GAP + self.direct + GAP + self.delegated;
        }
        width.max(GAP + self.total + SHARE)
    }
}

/// The text so far, and how to draw on.
struct Page {
    grid: Grid,
    colour: bool,
    out: String,
}

impl Page {
    fn bold(&self, text: &str) -> String {
        self.styled("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.styled("2", text)
    }

    fn styled(&self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    /// Dim words below the table, broken at spaces.
    fn note(&mut self, indent: &str, text: &str) {
        for line in wrap(text, self.grid.width - indent.len()) {
            let line = format!("{indent}{}", self.dim(&line));
            self.line(&line);
        }
    }

    fn by_tag(&mut self, rows: &[Row], report: &Report) {
        self.head();
        for row in rows {
            self.row(row);
        }
        if let Some(stream) = report.untagged.streams.first() {
            let command = format!("tag one: tt tag {} <tag>", harmless(&stream.short_id));
            self.note("    ", &command);
        }
        self.line("");
    }

    fn head(&mut self) {
        let grid = &self.grid;
        let mut line = self.bold(&fit("BY TAG", grid.label));
        let mut rest = right(TOTAL, GAP + grid.total);
        if grid.has_bar() {
            rest.push_str(&" ".repeat(GAP + BAR));
        }
        if grid.has_kinds() {
            rest.push_str(&right(DIRECT, GAP + grid.direct));
            rest.push_str(&right(DELEGATED, GAP + grid.delegated));
        }
        line.push_str(&self.dim(&rest));
        self.line(&line);
    }

    fn row(&mut self, row: &Row) {
        let (grid, spent) = (&self.grid, row.spent);
        let mut line = fit(&row.label, grid.label);
        line.push_str(&right(&human(spent.total()), GAP + grid.total));
        if grid.has_bar() {
            line.push_str(&" ".repeat(GAP));
            line.push_str(&match row.kind {
                RowKind::Tag => self.bar(spent.total()),
                RowKind::Stream => " ".repeat(BAR),
            });
        }
        let (direct, delegated) = (human(spent.direct), human(spent.delegated));
        if grid.has_kinds() {
            line.push_str(&right(&direct, GAP + grid.direct));
            line.push_str(&right(&delegated, GAP + grid.delegated));
        }
        let stacked = !grid.has_kinds() && row.kind == RowKind::Tag;
        self.line(&line);
        if stacked {
            self.note("    ", &format!("{direct} direct, {delegated} delegated"));
        }
    }

    /// Ten cells relative to the longest row; time above zero has at least one.
    fn bar(&self, time: Millis) -> String {
        let longest = self.grid.longest.max(1);
        let cells = (time * BAR as i64 + longest / 2) / longest;
        let full = usize::try_from(cells).unwrap_or(0).clamp(usize::from(time > 0), BAR);
        format!("{}{}", "█".repeat(full), self.dim(&"░".repeat(BAR - full)))
    }

    fn summary(&mut self, report: &Report) {
        let totals = &report.totals;
        let share = |part: Millis| match totals.tracked {
            whole if whole >= SHARES_FROM => format!("{}%", (part * 100 + whole / 2) / whole),
            _ => String::new(),
        };
        self.line(&self.bold("SUMMARY"));
        self.sum(TRACKED, totals.tracked, "");
        self.sum("  Direct", totals.spent.direct, &share(totals.spent.direct));
        self.sum("  Delegated", totals.spent.delegated, &share(totals.spent.delegated));
        if report.unassigned.total() > 0 {
            self.sum("  Unassigned", report.unassigned.total(), "");
        }
        if let Some(billing) = &report.billing {
            self.sum("  Billed", billing.billed.saturating_mul(1_000), "");
        }
        self.line("");
        self.note(
            "  ",
            "Tag totals are direct + delegated time. Total tracked is time on the wall clock, \
             where agents at work side by side count once.",
        );
        if totals.multi_tag_overlap > 0 {
            self.note(
                "  ",
                "A stream with several tags counts under each of them, and once in the summary.",
            );
        }
        if report.unassigned.total() > 0 {
            self.note("  ", &unassigned(report.unassigned_events));
        }
        if let Some(Billing { worked, billed, words }) = &report.billing {
            let sign = if billed < worked { '-' } else { '+' };
            let by = human((billed - worked).abs().saturating_mul(1_000));
            self.note("  ", &format!("Billed time is {words}, here {sign}{by}: see tt push."));
        }
    }

    fn sum(&mut self, label: &str, time: Millis, share: &str) {
        let mut line = fit(label, self.grid.label);
        line.push_str(&right(&human(time), GAP + self.grid.total));
        line.push_str(&self.dim(&right(share, SHARE)));
        self.line(&line);
    }

    fn nothing(&mut self, report: &Report) {
        self.line("No time in this period.");
        if report.unassigned_events > 0 {
            self.note("", &unassigned(report.unassigned_events));
        }
        self.line("");
        let other = match report.period.shape {
            Shape::Week => ("tt report --last-week", "the week before"),
            Shape::Day | Shape::Range => ("tt week", "this week"),
        };
        for (command, what) in
            [other, ("tt status", "what was seen"), ("tt init --install", "set up tmux")]
        {
            let line = format!("  {}{}", fit(command, 23), self.dim(what));
            self.line(&line);
        }
    }
}

fn unassigned(events: u64) -> String {
    let events = match events {
        0 => "Unassigned time".to_owned(),
        1 => "Unassigned: 1 event".to_owned(),
        n => format!("Unassigned: {n} events"),
    };
    format!("{events} of no stream, in none of the other sums.")
}

/// `text` with nothing in it that a terminal acts on: spaces for line ends and tabs, `�` for
/// other control characters and for those that turn the writing direction.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => ' ',
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => '\u{fffd}',
            '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// `text` in exactly `width` columns: filled with spaces, or cut with `…`.
fn fit(text: &str, width: usize) -> String {
    let mut out = cut(text, width);
    let missing = width.saturating_sub(out.width());
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let Some(room) = width.checked_sub(1) else {
        return String::new();
    };
    // A sequence of characters may be narrower than their sum (an emoji of several people), so
    // whole prefixes are measured. No character that shows takes more than a few others.
    let kept = text
        .char_indices()
        .map(|(end, _)| &text[..end])
        .take(8 * width)
        .filter(|prefix| prefix.width() <= room)
        .last()
        .unwrap_or_default();
    format!("{}…", kept.trim_end_matches([' ', '\u{200d}']))
}

/// `text` at the right of `width` columns; for durations and headings.
fn right(text: &str, width: usize) -> String {
    format!("{text:>width$}")
}

/// `text` in lines of at most `width` columns, as long as no word is longer.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else {
            continue;
        };
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(word.to_owned());
        } else if line.is_empty() {
            line.push_str(word);
        } else {
            // Writing to a string does not fail.
            let _ = write!(line, " {word}");
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::model::{StreamTime, Unassigned};
    use super::*;
    use crate::period::{Period, Zone};
    use crate::time::{Interval, Timestamp};

    fn week() -> Period {
        let zone = Zone::named("Europe/Berlin").unwrap();
        Period::week_of("2025-01-29".parse().unwrap(), zone).unwrap()
    }

    /// A stream whose direct time starts `start` minutes into the week, with delegated time from
    /// the same moment.
    fn stream(name: &str, tags: &[&str], start: i64, direct: i64, delegated: i64) -> StreamTime {
        let start = week().interval.start.plus(start * 60_000);
        let minutes = |length: i64| vec![Interval::new(start, start.plus(length * 60_000))];
        let id = blake3::hash(name.as_bytes()).to_hex();
        StreamTime {
            id: id[..7].to_owned(),
            name: name.to_owned(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            direct: minutes(direct),
            delegated: minutes(delegated),
        }
    }

    fn busy_week() -> Vec<StreamTime> {
        vec![
            stream("webapp", &["acme", "billable"], 600, 495, 270),
            stream("api", &["acme", "billable"], 1_500, 70, 185),
            stream("請求書システム", &["顧客:日本商事", "billable"], 3_000, 85, 132),
            stream("garden 🌻", &["personal 🌱"], 4_400, 62, 0),
            stream("日本語の長い名前のプロジェクトと資料の整理", &[], 5_000, 45, 20),
            stream("👩‍💻 pairing on the very long migration of everything", &[], 5_100, 12, 0),
            stream("evil\x1b]0;title\x07\u{202e}name", &[], 5_200, 3, 0),
        ]
    }

    fn draw(streams: &[StreamTime], unassigned: &Unassigned, width: usize, colour: bool) -> String {
        let report = Report::build(week(), Timestamp::from_millis(0), streams, unassigned);
        render(&report, Look { width, colour })
    }

    fn lost() -> Unassigned {
        Unassigned {
            direct: stream("", &[], 6_000, 20, 0).direct,
            delegated: Vec::new(),
            events: 12,
        }
    }

    #[test]
    fn at_100_columns() {
        insta::assert_snapshot!(draw(&busy_week(), &lost(), 100, false));
    }

    #[test]
    fn at_80_columns_without_much() {
        let one = [stream("webapp", &["acme"], 600, 20, 5)];
        insta::assert_snapshot!(draw(&one, &Unassigned::default(), 80, false));
    }

    #[test]
    fn at_60_columns() {
        insta::assert_snapshot!(draw(&busy_week(), &lost(), 60, false));
    }

    #[test]
    fn at_40_columns() {
        insta::assert_snapshot!(draw(&busy_week(), &lost(), 40, false));
    }

    #[test]
    fn many_untagged() {
        let streams: Vec<_> =
            (0..15).map(|n| stream(&format!("project-{n}"), &[], n * 300, 200 - n, 0)).collect();
        insta::assert_snapshot!(draw(&streams, &Unassigned::default(), 80, false));
    }

    #[test]
    fn nothing_to_show() {
        insta::assert_snapshot!(draw(&[], &Unassigned::default(), 80, false));
    }

    #[test]
    fn only_unassigned() {
        insta::assert_snapshot!(draw(&[], &lost(), 80, false));
    }

    #[test]
    fn colour_is_only_added() {
        let (plain, colour) =
            (draw(&busy_week(), &lost(), 100, false), draw(&busy_week(), &lost(), 100, true));
        assert!(!plain.contains('\x1b'));
        let stripped = ["1", "2", "0"]
            .iter()
            .fold(colour.clone(), |text, code| text.replace(&format!("\x1b[{code}m"), ""));
        let trimmed: Vec<_> = stripped.lines().map(str::trim_end).collect();
        assert_eq!(trimmed, plain.lines().collect::<Vec<_>>());
        assert!(colour.starts_with("\x1b[1mTIME REPORT"));
    }

    #[test]
    fn cuts_by_what_is_drawn() {
        assert_eq!(fit("日本語", 6), "日本語");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日… ");
        assert_eq!(fit("webapp", 4), "web…");
        assert_eq!(fit("ab", 4), "ab  ");
        assert_eq!(fit("ab", 0), "");
    }

    proptest! {
        #[test]
        fn lines_fit_and_are_harmless(
            names in prop::collection::vec(("\\PC{0,40}|.{0,20}", "\\PC{0,30}|.{0,9}"), 0..6),
            width in 0usize..120,
        ) {
            let streams: Vec<_> = names
                .iter()
                .enumerate()
                .map(|(n, (name, tag))| {
                    let tags = [tag.as_str()];
                    stream(name, if n % 2 == 0 { &tags } else { &[] }, 0, 61 * n as i64 + 1, 7)
                })
                .collect();
            for line in draw(&streams, &lost(), width, false).lines() {
                // Below 40 columns it may be too wide, but is drawn.
                prop_assert!(line.width() <= width.clamp(40, WIDEST), "{line:?}");
                prop_assert!(!line.contains(char::is_control), "{line:?}");
            }
        }
    }
}
