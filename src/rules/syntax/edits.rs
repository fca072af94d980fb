//! Where to cut, so that everything else stays as it is written.
//!
//! Rules are written in two ways, and each has its own way of leaving:
//!
//! - As `[[rules.auto_tag]]` tables. A rule takes its block along ([`layout`](super::layout)): its
//!   lines and the comments that belong to it. Of the blank lines before and after it one run stays,
//!   so that neighbours neither collide nor drift apart. Comments that belong to nobody, and other
//!   tables between the rules, stay where they are.
//! - As elements of a list, `auto_tag = [ {…}, {…} ]`. An element takes one comma along, like a
//!   tag that leaves its list.
//!
//! Where a comment stands so that it is not plain whose it is, there is no edit. Nothing here knows
//! what rules mean; whoever makes one of these edits reads the file again to see that it did what
//! it was to do ([`fix`](crate::rules::fix)).

use toml_parser::Source;
use toml_parser::lexer::{Token, TokenKind};

use super::layout::Layout;
use crate::diag::{SourceFile, Span};

/// The rules of a file, ready to be cut out.
#[derive(Clone, Copy, Debug)]
pub struct Cutter<'f> {
    file: &'f SourceFile,
    layout: &'f Layout,
    /// Where each rule begins: its `[[rules.auto_tag]]`, or the whole of it in a list.
    headers: &'f [Span],
}

impl<'f> Cutter<'f> {
    /// `headers` are those that the layout was made with.
    #[must_use]
    pub const fn new(file: &'f SourceFile, layout: &'f Layout, headers: &'f [Span]) -> Self {
        Self { file, layout, headers }
    }

    /// What to replace by what, so that rules, counted from 0 and in order, stand right above an
    /// earlier one. With each come places that must go with it.
    #[must_use]
    pub fn moved(&self, rules: &[(usize, Vec<Span>)], above: usize) -> Option<(Span, String)> {
        if rules.iter().any(|(rule, _)| *rule <= above) {
            return None;
        }
        if self.in_list()? {
            let [(rule, _)] = rules else { return None };
            return self.moved_in_list(*rule, above);
        }
        let blocks = rules.iter().map(|(rule, parts)| self.block(*rule, parts));
        Some(self.moved_blocks(&blocks.collect::<Option<Vec<_>>>()?, self.block(above, &[])?))
    }

    /// How many bytes of the file the move of one rule above an earlier one would replace: as long
    /// is the replacement, but for the ends of lines it may add. Costs nothing.
    #[must_use]
    pub fn reach(&self, rule: usize, above: usize) -> Option<usize> {
        let places = if self.in_list()? { self.headers } else { &self.layout.blocks };
        places.get(rule)?.end.checked_sub(places.get(above)?.start)
    }

    /// What to take out, so that a rule is gone.
    #[must_use]
    pub fn removed(&self, rule: usize, parts: &[Span]) -> Option<Span> {
        if self.in_list()? {
            let before = rule.checked_sub(1).and_then(|before| self.headers.get(before));
            without_element(self.file.text(), before.copied(), *self.headers.get(rule)?)
        } else {
            self.block(rule, parts).map(|block| self.removed_block(block))
        }
    }

    /// Whether the rules are elements of a list.
    fn in_list(&self) -> Option<bool> {
        self.headers.first().map(|first| !self.file.slice(*first).starts_with('['))
    }

    /// The block of a rule, if it is whole: a table further down may belong to it as well.
    fn block(&self, rule: usize, parts: &[Span]) -> Option<Span> {
        let block = *self.layout.blocks.get(rule)?;
        let inside = |part: &Span| block.start <= part.start && part.end <= block.end;
        // A byte order mark must stay in front.
        let marked = self.file.slice(block).starts_with('\u{feff}');
        (parts.iter().all(inside) && !marked).then_some(block)
    }

    fn moved_blocks(&self, blocks: &[Span], target: Span) -> (Span, String) {
        let newline = if self.file.slice(target).contains("\r\n") { "\r\n" } else { "\n" };
        let (mut moved, mut rest) = (String::new(), String::new());
        // `rest` is what stays of the text up to `at`, and `blank` is to follow.
        let (mut at, mut blank) = (target.start, Span::default());
        for block in blocks {
            let (before, after) = self.blank_around(*block);
            let is_last = after.end == self.file.text().len();
            // Between neighbours that both move, what is blank was looked at already.
            if before.start > at {
                rest.push_str(self.file.slice(blank));
                rest.push_str(self.file.slice(Span::new(at, before.start)));
                blank = before;
            }
            moved.push_str(self.file.slice(*block));
            if !moved.ends_with('\n') {
                moved.push_str(newline);
            }
            if !blank.is_empty() {
                moved.push_str(self.file.slice(blank));
            } else if !after.is_empty() && !is_last {
                moved.push_str(self.file.slice(after));
            } else if self.ends_with_comment(*block) {
                // Right above the next rule, the comment would be that rule's.
                moved.push_str(newline);
            }
            if !after.is_empty() || is_last {
                blank = after;
            }
            at = after.end;
        }
        (Span::new(target.start, at), moved + &rest + self.file.slice(blank))
    }

    /// Whether the last line of a block is nothing but a comment.
    fn ends_with_comment(&self, block: Span) -> bool {
        let text = self.file.slice(block).trim_end();
        let last = text.rfind('\n').map_or(text, |newline| text.get(newline..).unwrap_or_default());
        let end = block.start + text.len();
        last.trim_start().starts_with('#') && self.is_end_of_comment(end)
    }

    fn is_end_of_comment(&self, byte: usize) -> bool {
        self.layout.comments.binary_search_by_key(&byte, |comment| comment.end).is_ok()
    }

    fn removed_block(&self, block: Span) -> Span {
        let (before, after) = self.blank_around(block);
        if after.end == self.file.text().len() {
            Span::new(before.start, block.end)
        } else if before.start == 0 || !before.is_empty() {
            Span::new(block.start, after.end)
        } else {
            block
        }
    }

    /// The blank lines right before a block and right after it.
    fn blank_around(&self, block: Span) -> (Span, Span) {
        let text = self.file.text();
        let after = text.get(block.end..).unwrap_or_default().split_inclusive('\n');
        let after: usize = after.take_while(|line| line.trim().is_empty()).map(str::len).sum();
        let before = Span::new(blank_before(text, block.start), block.start);
        (before, Span::new(block.end, block.end + after))
    }

    fn moved_in_list(&self, rule: usize, above: usize) -> Option<(Span, String)> {
        let text = self.file.text();
        let (element, target) = (*self.headers.get(rule)?, *self.headers.get(above)?);
        let before = *self.headers.get(rule.checked_sub(1)?)?;
        let gap = Span::new(before.end, element.start);
        let between = Gap::read(text, gap)?;
        let above = text.get(..target.start)?.trim_end().len();
        if between.comments
            || self.is_end_of_comment(above)
            || Follows::read(text, element.end).comment
        {
            return None;
        }
        let all = [element, gap, Span::new(target.start, before.end)];
        let replacement = all.map(|part| self.file.slice(part)).concat();
        Some((Span::new(target.start, element.end), replacement))
    }
}

/// Where the blank lines begin that stand right before a line.
fn blank_before(text: &str, line: usize) -> usize {
    let lines = text.get(..line).unwrap_or_default().split_inclusive('\n').rev();
    let blank: usize = lines.take_while(|line| line.trim().is_empty()).map(str::len).sum();
    line - blank
}

/// What to take out of a list, so that an element is gone; `before` is the one before it. An
/// element that has its lines for itself takes them along, with the comment behind it.
#[must_use]
pub fn without_element(text: &str, before: Option<Span>, element: Span) -> Option<Span> {
    let gap = match before {
        Some(before) => Some(Gap::read(text, Span::new(before.end, element.start))?),
        None => None,
    };
    let follows = Follows::read(text, element.end);
    if let Some(lines) = own_lines(text, before, element, &follows) {
        return Some(lines);
    }
    match (before, gap) {
        (Some(before), Some(gap)) if !gap.comments => Some(Span::new(before.end, element.end)),
        _ if follows.comment_before_comma => None,
        _ => Some(Span::new(element.start, follows.after_comma.unwrap_or(element.end))),
    }
}

/// The lines of an element, if nothing else is on them and one comma goes with them; none need go
/// with the last element, since a list may end with a comma.
fn own_lines(text: &str, before: Option<Span>, element: Span, follows: &Follows) -> Option<Span> {
    let start = text.get(..element.start)?.rfind('\n')? + 1;
    if before.is_some_and(|before| start < before.end) {
        return None;
    }
    let leading = match text.get(start..element.start)?.trim() {
        "" => 0,
        "," => 1,
        _ => return None,
    };
    let commas = leading + usize::from(follows.comma_on_line);
    let fits = commas == 1 || commas == 0 && follows.is_last;
    let start = blank_before(text, start);
    follows.line_end.filter(|_| fits).map(|end| Span::new(start, end))
}

/// What stands between two elements of a list: a comma, white space and perhaps comments.
struct Gap {
    comments: bool,
}

impl Gap {
    /// `None` if it is anything else, such as a value that was passed over.
    fn read(text: &str, gap: Span) -> Option<Self> {
        let (mut commas, mut comments) = (0, false);
        for (kind, _) in tokens(text.get(gap.start..gap.end)?) {
            match kind {
                TokenKind::Whitespace | TokenKind::Newline | TokenKind::Eof => {}
                TokenKind::Comma => commas += 1,
                TokenKind::Comment => comments = true,
                _ => return None,
            }
        }
        (commas == 1).then_some(Self { comments })
    }
}

/// What follows an element of a list.
#[derive(Default)]
struct Follows {
    /// The start of the next line, if only a comma and a comment follow on this one.
    line_end: Option<usize>,
    comma_on_line: bool,
    /// Whether a comment follows on the line of the element.
    comment: bool,
    comment_before_comma: bool,
    /// The end of the comma and of the white space behind it.
    after_comma: Option<usize>,
    /// Whether the list ends before another element comes.
    is_last: bool,
}

impl Follows {
    fn read(text: &str, end: usize) -> Self {
        let mut it = Self::default();
        let (mut comma, mut comment) = (false, false);
        for (kind, span) in tokens(text.get(end..).unwrap_or_default()) {
            let (from, to) = (end + span.start, end + span.end);
            let on_line = it.line_end.is_none();
            match kind {
                TokenKind::Whitespace if it.after_comma == Some(from) => it.after_comma = Some(to),
                TokenKind::Whitespace => {}
                TokenKind::Newline => it.line_end = it.line_end.or(Some(to)),
                TokenKind::Comment => {
                    comment = true;
                    it.comment |= on_line;
                }
                TokenKind::Comma if !comma => {
                    comma = true;
                    it.comma_on_line = on_line;
                    it.comment_before_comma = comment;
                    it.after_comma = Some(to);
                }
                _ => {
                    it.is_last = kind == TokenKind::RightSquareBracket;
                    break;
                }
            }
        }
        it
    }
}

fn tokens(text: &str) -> impl Iterator<Item = (TokenKind, Span)> {
    let place = |token: &Token| Span::new(token.span().start(), token.span().end());
    Source::new(text).lex().map(move |token| (token.kind(), place(&token)))
}
