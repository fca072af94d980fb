//! Plain tables for the terminal, aligned by display width.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A table: a column is as wide as its widest cell; the flexible one gives way on narrow terminals.
pub(super) struct Table {
    header: Vec<&'static str>,
    right: Vec<bool>,
    flexible: usize,
    rows: Vec<Vec<String>>,
}

/// The flexible column is never made narrower.
const NARROWEST: usize = 8;
const SPACE: usize = 2;

impl Table {
    /// Columns, each with a title and whether it is aligned to the right; `flexible` is the
    /// position of the one that is cut where the terminal is too narrow.
    pub(super) fn new(columns: &[(&'static str, bool)], flexible: usize) -> Self {
        Self {
            header: columns.iter().map(|(title, _)| *title).collect(),
            right: columns.iter().map(|(_, right)| *right).collect(),
            flexible,
            rows: Vec::new(),
        }
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
        let total: usize = widths.iter().sum::<usize>() + SPACE * widths.len().saturating_sub(1);
        if let Some(flexible) = widths.get_mut(self.flexible) {
            let needed = total.saturating_sub(width);
            *flexible = flexible.saturating_sub(needed).max(NARROWEST.min(*flexible));
        }
        let mut out = String::new();
        for row in [&header].into_iter().chain(&self.rows) {
            let cells = row.iter().zip(&widths).zip(&self.right);
            let line: Vec<String> =
                cells.map(|((cell, width), right)| fit(cell, *width, *right)).collect();
            out.push_str(line.join(&" ".repeat(SPACE)).trim_end());
            out.push('\n');
        }
        out
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
        let mut table = Table::new(&[("ID", false), ("NAME", false), ("TIME", true)], 1);
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
    }
}
