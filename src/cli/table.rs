//! Plain tables for the terminal, aligned by display width.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A table: a column is as wide as its widest cell. Where the terminal is too narrow, flexible
/// columns are cut, the widest first; where that is not enough, dispensable ones are left out.
pub(super) struct Table {
    header: Vec<&'static str>,
    right: Vec<bool>,
    flexible: Vec<usize>,
    dispensable: Vec<usize>,
    rows: Vec<Vec<String>>,
    /// Blanks before each row; a table that is indented has no header.
    indent: Option<usize>,
}

/// Flexible columns are never made narrower.
const NARROWEST: usize = 8;
const SPACE: usize = 2;

impl Table {
    /// Columns, each with a title and whether it is aligned to the right; then the positions of
    /// the flexible ones, and of the dispensable ones, the first to go first.
    pub(super) fn new(
        columns: &[(&'static str, bool)],
        flexible: &[usize],
        dispensable: &[usize],
    ) -> Self {
        Self {
            header: columns.iter().map(|(title, _)| *title).collect(),
            right: columns.iter().map(|(_, right)| *right).collect(),
            flexible: flexible.to_vec(),
            dispensable: dispensable.to_vec(),
            rows: Vec::new(),
            indent: None,
        }
    }

    /// A table without a header, so many blanks from the left.
    pub(super) fn indented(mut self, blanks: usize) -> Self {
        self.indent = Some(blanks);
        self.header = self.header.iter().map(|_| "").collect();
        self
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| harmless(cell)).collect());
    }

    /// The table in at most `width` columns, as far as that is possible.
    pub(super) fn render(&self, width: usize) -> String {
        let header: Vec<String> = self.header.iter().map(|title| (*title).to_owned()).collect();
        let mut widths: Vec<usize> = vec![0; header.len()];
        for row in self.rows.iter().chain([&header]) {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(cell.width());
            }
        }
        let indent = " ".repeat(self.indent.unwrap_or(0));
        self.make_room(&mut widths, width.saturating_sub(indent.len()));
        let mut out = String::new();
        let header = [&header].into_iter().filter(|_| self.indent.is_none());
        for row in header.chain(&self.rows) {
            let cells = row.iter().zip(&widths).zip(&self.right);
            let cells = cells.filter(|((_, width), _)| **width > 0);
            let line: Vec<String> =
                cells.map(|((cell, width), right)| fit(cell, *width, *right)).collect();
            out.push_str(format!("{indent}{}", line.join(&" ".repeat(SPACE))).trim_end());
            out.push('\n');
        }
        out
    }

    /// Makes columns narrower, and those that are left out 0 wide.
    fn make_room(&self, widths: &mut [usize], width: usize) {
        let total = |widths: &[usize]| {
            let shown = widths.iter().filter(|width| **width > 0);
            shown.map(|width| width + SPACE).sum::<usize>().saturating_sub(SPACE)
        };
        let mut dispensable = self.dispensable.iter();
        loop {
            let mut room = widths.to_vec();
            while total(&room) > width
                && let Some(widest) =
                    self.flexible.iter().copied().max_by_key(|i| room.get(*i).copied())
                && let Some(column) = room.get_mut(widest).filter(|it| **it > NARROWEST)
            {
                *column -= 1;
            }
            let next = if total(&room) > width { dispensable.next() } else { None };
            match next.and_then(|i| widths.get_mut(*i)) {
                Some(left_out) => *left_out = 0,
                None => return widths.copy_from_slice(&room),
            }
        }
    }
}

/// `text` in exactly `width` columns: cut with `…`, or filled with blanks.
fn fit(text: &str, width: usize, right: bool) -> String {
    let mut cut = text.to_owned();
    if text.width() > width {
        cut.clear();
        let mut used = 0;
        for c in text.chars() {
            used += c.width().unwrap_or(0);
            if used + 1 > width {
                break;
            }
            cut.push(c);
        }
        cut.push('…');
    }
    let blanks = " ".repeat(width.saturating_sub(cut.width()));
    if right { format!("{blanks}{cut}") } else { format!("{cut}{blanks}") }
}

/// `text` without characters that a terminal takes as commands.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '�' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_by_display_width_and_cuts_the_flexible_column() {
        let mut table = Table::new(&[("ID", false), ("NAME", false), ("TIME", true)], &[1], &[0]);
        table.row(vec!["a".into(), "日本語のなまえ".into(), "1h 5m".into()]);
        table.row(vec!["bb".into(), "e\u{1b}[31mvil".into(), "0m".into()]);
        assert_eq!(
            table.render(80),
            "ID  NAME             TIME\na   日本語のなまえ  1h 5m\nbb  e�[31mvil          0m\n"
        );
        assert_eq!(
            table.render(20),
            "ID  NAME        TIME\na   日本語の…  1h 5m\nbb  e�[31mvil     0m\n"
        );
        // Beyond that, what can be done without is left out.
        assert_eq!(table.render(16), "NAME        TIME\n日本語の…  1h 5m\ne�[31mvil     0m\n");
    }
}
