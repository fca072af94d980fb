//! `tt rules explain`: the pages of codes, for a terminal.
//!
//! The pages are Markdown of a few kinds, and so is what is understood of it here: headings,
//! paragraphs and list items of one line each, fenced blocks, links.

use std::io::Write;

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::cli::app::App;
use crate::cli::args::{ExplainArgs, Format};
use crate::cli::error::{Failure, Outcome};
use crate::cli::table::Table;
use crate::cli::write_json;
use crate::diag::suggest::nearest;
use crate::diag::{Code, Levels, quote};

pub(super) fn run(app: &App, args: &ExplainArgs, out: &mut dyn Write) -> Outcome {
    let asked = args.codes.iter().map(|text| called(text)).collect::<Result<Vec<_>, _>>()?;
    match (args.format, &*asked) {
        (Format::Json, []) => in_json(Code::ALL, out),
        (Format::Json, asked) => in_json(asked, out),
        (Format::Text, []) => list(app, out),
        (Format::Text, asked) => {
            let bold = app.env.colour(app.env.out_is_terminal);
            let pages = asked.iter().map(|code| page(code.page(), app.env.width(), bold));
            Ok(write!(out, "{}", pages.collect::<Vec<_>>().join("\n"))?)
        }
    }
}

fn called(text: &str) -> Result<Code, Failure> {
    Code::named(text).ok_or_else(|| {
        // Of numbers none is meant rather than its neighbours.
        let hint = match nearest(text, Code::ALL.iter().map(|code| code.slug())) {
            Some(meant) => format!("Did you mean: {meant}?"),
            None => "See 'tt rules explain' for all of them.".to_owned(),
        };
        Failure::Usage(format!("there is no code {}\n  {hint}", quote(text)))
    })
}

fn list(app: &App, out: &mut dyn Write) -> Outcome {
    let columns = ["CODE", "NAME", "SEVERITY", "LEVEL", "MEANS"].map(|title| (title, false));
    let mut table = Table::new(&columns, &[4], &[2, 3]);
    let levels = Levels::default();
    for code in Code::ALL {
        let level = if code.is_lint() { levels.of(*code).as_str() } else { "always" };
        let cells = [code.id(), code.slug(), code.severity().as_str(), level, code.summary()];
        table.row(cells.map(str::to_owned).to_vec());
    }
    write!(out, "{}", table.render(app.env.table_width()))?;
    let example = "[rules.lints] overlap = \"warn\"";
    writeln!(out, "\nThe page of one: tt rules explain R0302. Another level: {example}")?;
    Ok(())
}

fn in_json(codes: &[Code], out: &mut dyn Write) -> Outcome {
    let levels = Levels::default();
    let one = |code: &Code| {
        json!({
            "code": code.id(),
            "name": code.slug(),
            "severity": code.severity().as_str(),
            "level": levels.of(*code).as_str(),
            "configurable": code.is_lint(),
            "summary": code.summary(),
            "page": code.page(),
        })
    };
    write_json(out, &json!({ "codes": codes.iter().map(one).collect::<Vec<Value>>() }))
}

/// A page in lines of at most `width` columns; blocks are shown as they are.
fn page(markdown: &str, width: usize, bold: bool) -> String {
    let mut text = String::new();
    let mut in_block = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            text.push_str(format!("    {line}").trim_end());
            text.push('\n');
        } else if line.starts_with('#') {
            let title = match line.strip_prefix("## ") {
                Some(title) => title.to_uppercase(),
                None => line.trim_start_matches("# ").to_owned(),
            };
            let (on, off) = if bold { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
            text.push_str(&format!("{on}{title}{off}\n"));
        } else {
            wrap(&without_links(line), width, &mut text);
        }
    }
    text
}

/// Adds a paragraph or list item, broken into lines.
fn wrap(line: &str, width: usize, text: &mut String) {
    let hang = if line.starts_with("- ") { "  " } else { "" };
    let mut used = 0;
    for word in line.split(' ') {
        if used > hang.len() && used + 1 + word.width() > width {
            text.push('\n');
            text.push_str(hang);
            used = hang.len();
        } else if used > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += word.width();
    }
    text.push('\n');
}

/// `[words](target)` becomes `words`.
fn without_links(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once("](")
        && let Some((before, words)) = before.rsplit_once('[')
        && let Some((_, after)) = behind.split_once(')')
    {
        text.push_str(before);
        text.push_str(words);
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_of_our_pages_is_rendered() {
        let markdown = "# A: b\n\n## See\n\n- see [one](a.md#b), [two](c.md) and `[x]` (or not)\n\
                        \n```toml\na = 1\n\nb = [\"日\"](\n```\n";
        assert_eq!(
            page(markdown, 24, false),
            "A: b\n\nSEE\n\n- see one, two and `[x]`\n  (or not)\n\n    a = 1\n\n    b = [\"日\"](\n"
        );
        assert!(page(markdown, 24, true).starts_with("\u{1b}[1mA: b\u{1b}[0m\n"));
    }

    #[test]
    fn no_page_needs_more_than_that() {
        for code in Code::ALL {
            let shown = page(code.page(), 80, false);
            let prose: Vec<_> = shown.lines().filter(|line| !line.starts_with("    ")).collect();
            for line in &prose {
                assert!(line.width() <= 80, "{code}: {line}");
                assert!(!line.contains("](") && !line.contains("**"), "{code}: {line}");
            }
        }
    }
}
