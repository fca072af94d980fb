//! The usual form of `when` strings, whatever else stands in the file.
//!
//! ```text
//! when="agent=='codex'   and has repo"     ─▶     when="agent == 'codex' and has repo"
//! ```
//!
//! An expression that fits stands on one line. One that does not, or that has comments, is broken
//! before `and` and `or` (`expression` says how), if its string may hold line ends: `'''` and
//! `"""`. Quotes stay as they are, and so do all words, texts and comments; only the white space
//! between them changes. Left alone are strings with escapes, in which places would shift, and
//! expressions that cannot be read.
//!
//! INVARIANT (same words): before and after, an expression has the same words in the same order,
//! and the same comments in the same order; formatting twice changes nothing more.

mod expression;

use std::iter;

use super::syntax::embedded::Text;
use super::syntax::{WhenNode, toml, when};
use crate::diag::{Code, Sink, SourceFile, Span};
use expression::Expression;

/// How many characters a line may have.
const WIDTH: usize = 100;

/// A string of the file, and the same in its usual form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rewrite {
    /// The string, quotes included.
    pub span: Span,
    /// What it is to be replaced by.
    pub text: String,
}

/// What to rewrite so that all expressions of the file have their usual form: in the order of the
/// file, without overlaps, nothing where all is well.
///
/// Costs a few passes over the text.
///
/// # Errors
///
/// Where the file is not TOML: the place of the first mistake.
pub fn rewrites(file: &SourceFile) -> Result<Vec<Rewrite>, Span> {
    let mut sink = Sink::default();
    let rules = toml::parse(file, &mut sink).rules;
    let broken = sink.into_findings().into_iter().find(|it| it.code == Code::TomlSyntax);
    if let Some(broken) = broken {
        return Err(broken.primary.span);
    }
    let whens = rules.iter().filter_map(|rule| rule.when.as_ref());
    Ok(whens.filter_map(|when| rewrite(file, when)).collect())
}

/// The text of the file with all its expressions in their usual form.
///
/// # Errors
///
/// As [`rewrites`].
pub fn formatted(file: &SourceFile) -> Result<String, Span> {
    let mut out = String::with_capacity(file.text().len());
    let mut done = 0;
    for Rewrite { span, text } in rewrites(file)? {
        out.push_str(file.slice(Span::new(done, span.start)));
        out.push_str(&text);
        done = span.end;
    }
    out.push_str(file.slice(Span::new(done, file.text().len())));
    Ok(out)
}

fn rewrite(file: &SourceFile, node: &WhenNode) -> Option<Rewrite> {
    let span = node.text.span;
    let raw = file.slice(span);
    let quotes = ["'''", "\"\"\"", "'", "\""].into_iter().find(|it| raw.starts_with(it))?;
    let inner = raw.strip_prefix(quotes)?.strip_suffix(quotes)?;
    let many_lines = quotes.len() == 3;
    let bare = match many_lines {
        true => inner.strip_prefix("\r\n").or(inner.strip_prefix('\n')).unwrap_or(inner),
        false => inner,
    };
    let bare = bare.replace("\r\n", "\n");
    // Anything else has escapes in it.
    if bare != node.text.text.replace("\r\n", "\n") || !is_sound(&bare) {
        return None;
    }
    let expression = Expression::read(&bare);
    let before = file.slice(Span::new(0, span.start));
    let line = before.rsplit('\n').next().unwrap_or_default();
    let room = WIDTH.saturating_sub(line.chars().count() + 2 * quotes.len());
    let text = match expression.in_one_line() {
        Some(flat) if !many_lines => flat,
        Some(flat) if !expression.has_comments() && flat.chars().count() <= room => flat,
        _ if !many_lines => return None,
        _ => {
            let indent: String = line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
            let lines = expression.in_lines(WIDTH.saturating_sub(indent.chars().count()));
            let newline = if file.text().contains("\r\n") { "\r\n" } else { "\n" };
            let lines = lines.iter().map(|line| format!("{indent}{line}"));
            iter::once(String::new())
                .chain(lines)
                .chain([indent.clone()])
                .collect::<Vec<_>>()
                .join(newline)
        }
    };
    let same = Expression::read(&text).has_the_words_of(&expression) && is_sound(&text);
    let text = format!("{quotes}{text}{quotes}");
    (same && text != raw).then_some(Rewrite { span, text })
}

fn is_sound(expression: &str) -> bool {
    when::parse(&Text::new(expression, "", Span::default())).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(when: &str) -> String {
        let head = "[[rules.auto_tag]]\ntags = ['x']\nwhen = ";
        let file = SourceFile::new("f", format!("{head}{when}\n"));
        let once = formatted(&file).unwrap();
        assert_eq!(formatted(&SourceFile::new("f", once.clone())).unwrap(), once, "not idempotent");
        once.strip_prefix(head).unwrap().strip_suffix('\n').unwrap().to_owned()
    }

    #[test]
    fn spaces_in_one_line() {
        for (written, usual) in [
            ("'has   repo'", "'has repo'"),
            (r#""agent=='codex'and(has repo)""#, r#""agent == 'codex' and (has repo)""#),
            (r#"'agent in ["a","b" , "c",]'"#, r#"'agent in ["a", "b", "c",]'"#),
            ("'duration in 15m ..  2h'", "'duration in 15m..2h'"),
            ("'time in 09:00..17:30 or not(true)'", "'time in 09:00..17:30 or not (true)'"),
            ("'duration>=1h   30m'", "'duration >= 1h 30m'"),
            ("'has repo#why'", "'has repo  #why'"),
            (r#"'agent ~ "a  #  \"b" '"#, r#"'agent ~ "a  #  \"b"'"#),
            ("'''\n  has repo\n    and true\n'''", "'''has repo and true'''"),
            ("'''agent == 'x'  '''", "'''agent == 'x''''"),
        ] {
            assert_eq!(format(written), usual);
        }
    }

    #[test]
    fn lines_break_before_joints() {
        let long = r#"'''primary_cwd ~ "~/clients/<client>/*" and not weekday in ["sat", "sun"] and (duration >= 15m or has repo)'''"#;
        assert_eq!(
            format(long),
            "'''\nprimary_cwd ~ \"~/clients/<client>/*\"\n  and not weekday in [\"sat\", \"sun\"]\n  \
             and (duration >= 15m or has repo)\n'''"
        );
        let glob = format!("agent ~ \"{}\"", "x".repeat(50));
        assert_eq!(
            format(&format!("\"\"\"has repo and {glob} and ({glob} or {glob}) or true and true\"\"\"").replace(
                "\"xx", "'xx"
            ).replace("xx\"", "xx'")),
            format!(
                "\"\"\"\nhas repo\n    and {glob}\n    and (\n      {glob}\n        or {glob}\n    )\n  \
                 or true and true\n\"\"\""
            ).replace("\"xx", "'xx").replace("xx\"", "xx'")
        );
    }

    #[test]
    fn comments_stay_with_what_they_are_about() {
        assert_eq!(
            format(
                "'''\n# all\nhas repo and # kept\n  # of agents\n agent # inside\n == 'x'\n\
                 and ( # one\n  # two\n true # three\n # four\n)\n# five\n'''"
            ),
            "'''\n# all\nhas repo  # kept\n  # of agents\n  and agent  # inside\n      == 'x'\n  \
             and (  # one\n    # two\n    true  # three\n    # four\n  )\n# five\n'''"
        );
    }

    #[test]
    fn what_is_unsafe_is_left_alone() {
        for same in [
            r#""agent == \"x\"   and has repo""#,
            "'has   repo and'",
            "\"\"\"has   \\\n  repo\"\"\"",
            r#""has\trepo""#,
        ] {
            assert_eq!(format(same), same);
        }
        let broken = SourceFile::new("f", "[[rules.auto_tag]]\nwhen = 'has  repo'\nx = = 1\n");
        assert!(formatted(&broken).is_err());
    }

    #[test]
    fn line_ends_and_indentation_are_the_files() {
        let text = "rules.auto_tag = [\r\n  { tags = ['x'],\r\n    when = '''has repo # c\r\n or true''' },\r\n]\r\n";
        let file = SourceFile::new("f", text);
        assert_eq!(
            formatted(&file).unwrap(),
            "rules.auto_tag = [\r\n  { tags = ['x'],\r\n    when = '''\r\n    has repo  # c\r\n      \
             or true\r\n    ''' },\r\n]\r\n"
        );
    }
}
