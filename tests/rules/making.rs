//! Rule files and streams made of bytes: proptest gives random ones, a fuzzer those it finds.
//!
//! Letters and values are few, so that rules collide and streams hit them. Everything made here is
//! correct; bytes that ran out count as zero, so short input gives small files.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};
use tt::rules::Stream;

use crate::support::HOME;

/// The choices still to be made.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    /// A number below `count`.
    pub(crate) fn choose(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first) % count
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.choose(from.len())]
    }

    fn some<T>(&mut self, least: usize, most: usize, make: fn(&mut Self) -> T) -> Vec<T> {
        let count = least + self.choose(most - least + 1);
        (0..count).map(|_| make(self)).collect()
    }
}

/// A condition and the names it always captures.
struct Condition {
    text: String,
    names: BTreeSet<&'static str>,
    /// How tightly it binds: 0 is `or`, 1 `and`, 2 everything else.
    binds: u8,
}

impl Condition {
    fn plain(text: String) -> Self {
        Self { text, names: BTreeSet::new(), binds: 2 }
    }
}

const TEXTS: [&str; 6] = ["primary_cwd", "tmux_session", "agent", "git_branch", "repo", "worktree"];
const LENGTHS: [&str; 3] = ["duration", "direct", "delegated"];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const COMPARISONS: [&str; 6] = ["<", "<=", ">", ">=", "==", "!="];

/// A text field; half of all conditions ask the directory or the agent, so that they meet.
fn text_field(bytes: &mut Bytes<'_>) -> &'static str {
    bytes.pick(&[
        "primary_cwd",
        "agent",
        "primary_cwd",
        "agent",
        "tmux_session",
        "git_branch",
        "repo",
        "worktree",
    ])
}

/// A glob and the names it always captures.
type Glob = (String, BTreeSet<&'static str>);

fn glob(bytes: &mut Bytes<'_>) -> Glob {
    const PIECES: [&str; 28] = [
        "*",
        "a",
        "b",
        "*",
        "?",
        "a",
        "b",
        "*",
        "/",
        "a",
        "*",
        "?",
        "b",
        "/",
        "é",
        "e\u{301}",
        "[ab]",
        "[!a]",
        "[^/-b]",
        "{a,b*}",
        "{,a}",
        "{<x>/,{b,?}}",
        "\\*",
        "[[:alpha:]]",
        "{*<y>,<x>}",
        "\\\"",
        "'",
        "*",
    ];
    let pieces = bytes.some(1, 3, |bytes| bytes.pick(&PIECES));
    let text = pieces.concat();
    match bytes.choose(12) {
        10 => (format!("~/{text}"), BTreeSet::new()),
        11 => ("~".to_owned(), BTreeSet::new()),
        _ => (text, BTreeSet::new()),
    }
}

fn capturing_glob(bytes: &mut Bytes<'_>) -> Glob {
    const GLOBS: [(&str, &[&str]); 16] = [
        ("<x>", &["x"]),
        ("*<x>*", &["x"]),
        ("<x>/*", &["x"]),
        ("a<x>", &["x"]),
        ("*<x>", &["x"]),
        ("<x>*<y>", &["x", "y"]),
        ("<y>?*", &["y"]),
        ("?*<x>b*", &["x"]),
        ("{<x>,b<x>/*}", &["x"]),
        ("{a,}<y>{b,*}", &["y"]),
        ("*[!a]<x>", &["x"]),
        ("<x><y>", &["x", "y"]),
        ("<x>*<x>", &["x"]),
        ("{<y>/*,a}*<x>", &["x"]),
        ("~/<x>", &["x"]),
        ("~/*<y>*", &["y"]),
    ];
    let (text, names) = bytes.pick(&GLOBS);
    (text.to_owned(), names.iter().copied().collect())
}

fn any_glob(bytes: &mut Bytes<'_>) -> Glob {
    if bytes.choose(3) == 1 { capturing_glob(bytes) } else { glob(bytes) }
}

/// Globs, of which any may match.
fn globs(bytes: &mut Bytes<'_>) -> (Vec<String>, BTreeSet<&'static str>) {
    let make = if bytes.choose(2) == 1 { capturing_glob } else { any_glob };
    let (globs, names): (Vec<_>, Vec<_>) = bytes.some(1, 3, make).into_iter().unzip();
    (globs, names.into_iter().reduce(|a, b| &a & &b).unwrap())
}

fn value(bytes: &mut Bytes<'_>) -> String {
    let pieces = ["a", "b", "a", "b", "/", "é", "e\u{301}", "*", "a", "b", "\"", "'"];
    let count = [1, 3, 4, 1, 2, 5, 1, 0][bytes.choose(8)];
    let text: String = (0..count).map(|_| bytes.pick(&pieces)).collect();
    if bytes.choose(7) == 6 { format!("{HOME}/{text}") } else { text }
}

/// A comparison of a duration or a time of day: the operator, and the value or range.
fn amount(bytes: &mut Bytes<'_>, field: &str) -> (&'static str, String) {
    let time = field == "time";
    let values =
        if time { ["6:00", "12:00:00", "22:00", "24:00"] } else { ["1s", "1500ms", "2s", "1m1s"] };
    if bytes.choose(4) > 0 {
        let operator = bytes.pick(&COMPARISONS);
        return (operator, bytes.pick(&values).to_owned());
    }
    let (from, further) = (bytes.choose(3), 1 + bytes.choose(3));
    // A time may pass midnight; a duration must not run backwards.
    let to = if time { (from + further) % 4 } else { (from + further).min(3) };
    ("in", format!("{}..{}", values[from], values[to]))
}

// --- expressions ---

/// White space, some at least.
fn gap(bytes: &mut Bytes<'_>) -> &'static str {
    bytes.pick(&[" ", " ", " ", " ", "  ", "\n", "\t", " # and so \"on\"\n ", "\r\n"])
}

/// White space, perhaps none.
fn space(bytes: &mut Bytes<'_>) -> &'static str {
    if bytes.choose(3) == 0 { "" } else { gap(bytes) }
}

/// A text in quotes of either kind. What has a meaning to globs keeps it.
fn quoted(text: &str, bytes: &mut Bytes<'_>) -> String {
    let quote = bytes.pick(&['"', '\'']);
    let mut out = String::from(quote);
    let mut escaped = false;
    for c in text.chars() {
        if c == quote && !escaped {
            out.push('\\');
        }
        escaped = c == '\\' && !escaped;
        out.push(c);
    }
    out.push(quote);
    out
}

fn literal(text: &str, bytes: &mut Bytes<'_>) -> String {
    let escape = |c: char| if bytes.choose(6) == 5 || c == '\\' { vec!['\\', c] } else { vec![c] };
    let escaped: String = text.chars().flat_map(escape).collect();
    quoted(&escaped, bytes)
}

fn list(texts: &[String], bytes: &mut Bytes<'_>) -> String {
    let mut out = String::from("[");
    for (index, text) in texts.iter().enumerate() {
        let comma = if index + 1 < texts.len() || bytes.choose(4) == 3 { "," } else { "" };
        out += &format!("{}{}{}{comma}", space(bytes), quoted(text, bytes), space(bytes));
    }
    out + "]"
}

/// A condition of an expression on one field.
fn test(bytes: &mut Bytes<'_>) -> Condition {
    let (text, names) = match bytes.choose(16) {
        0..5 => {
            let field = text_field(bytes);
            let (glob, names) = any_glob(bytes);
            let text = format!("{field}{}~{}{}", space(bytes), space(bytes), quoted(&glob, bytes));
            (text, names)
        }
        5..8 => {
            let field = text_field(bytes);
            let (globs, names) = globs(bytes);
            let list = list(&globs, bytes);
            (format!("{field}{}in{}{list}", gap(bytes), space(bytes)), names)
        }
        8 | 9 => {
            let field = text_field(bytes);
            let operator = bytes.pick(&["==", "!="]);
            let value = value(bytes);
            let value = literal(&value, bytes);
            (format!("{field}{}{operator}{}{value}", space(bytes), space(bytes)), BTreeSet::new())
        }
        10 | 11 => {
            let field = bytes.pick(&["duration", "direct", "delegated", "time"]);
            let (operator, amount) = amount(bytes, field);
            let amount = amount.replace("..", bytes.pick(&["..", " .. ", "..\n"]));
            (format!("{field}{}{operator}{}{amount}", gap(bytes), gap(bytes)), BTreeSet::new())
        }
        12 => {
            let (operator, day) = (bytes.pick(&["==", "!="]), bytes.pick(&DAYS));
            let day = quoted(day, bytes);
            (format!("weekday{}{operator}{}{day}", space(bytes), space(bytes)), BTreeSet::new())
        }
        13 => {
            let days = bytes.some(1, 3, |bytes| bytes.pick(&DAYS).to_owned());
            (
                format!("weekday{}in{}{}", gap(bytes), space(bytes), list(&days, bytes)),
                BTreeSet::new(),
            )
        }
        14 => {
            let rest = ["weekday", "time"];
            let fields: Vec<_> = TEXTS.iter().chain(&LENGTHS).chain(&rest).copied().collect();
            (format!("has{}{}", gap(bytes), bytes.pick(&fields)), BTreeSet::new())
        }
        _ => (bytes.pick(&["true", "false"]).to_owned(), BTreeSet::new()),
    };
    Condition { text, names, binds: 2 }
}

/// An operand of something that binds as tightly as `around`, in parentheses where it needs them
/// and sometimes where it does not.
fn operand(bytes: &mut Bytes<'_>, depth: usize, around: u8) -> Condition {
    let mut operand = expression(bytes, depth);
    if operand.binds < around || bytes.choose(8) == 7 {
        operand.text = format!("({}{}{})", space(bytes), operand.text, space(bytes));
        operand.binds = 2;
    }
    operand
}

fn expression(bytes: &mut Bytes<'_>, depth: usize) -> Condition {
    let kind = if depth == 0 { 0 } else { bytes.choose(10) };
    match kind {
        4 => {
            let inner = operand(bytes, depth - 1, 2);
            let text = format!("not{}{}", gap(bytes), inner.text);
            Condition::plain(text)
        }
        5 | 8 => joined(bytes, depth, "and", 1),
        6 | 7 => joined(bytes, depth, "or", 0),
        9 => capturing_or(bytes),
        _ => test(bytes),
    }
}

/// Conditions on several fields that easily hold and capture the same name, joined by `or`.
fn capturing_or(bytes: &mut Bytes<'_>) -> Condition {
    let mut sides = bytes.some(2, 3, |bytes| {
        let field = bytes.pick(&["primary_cwd", "agent", "agent", "repo"]);
        let glob = bytes.pick(&["<x>*", "*<x>*", "*<x>", "a<x>*", "*<x>b"]);
        let also = bytes.pick(&["", "", " and true", " and has repo"]);
        format!("{field} ~ \"{glob}\"{also}")
    });
    if bytes.choose(2) == 1 {
        sides = vec![sides.join(" and "), "agent ~ 'b<x>*'".to_owned()];
    }
    Condition { text: sides.join(" or "), names: BTreeSet::from(["x"]), binds: 0 }
}

fn joined(bytes: &mut Bytes<'_>, depth: usize, word: &str, binds: u8) -> Condition {
    let mut whole = operand(bytes, depth - 1, binds);
    for _ in 0..=bytes.choose(2) {
        let next = operand(bytes, depth - 1, binds);
        whole.text += &format!("{}{word}{}{}", gap(bytes), gap(bytes), next.text);
        whole.names =
            if binds == 0 { &whole.names & &next.names } else { &whole.names | &next.names };
    }
    whole.binds = binds;
    whole
}

/// An expression as it stands between the quotes of a TOML string.
pub(crate) fn when(bytes: &mut Bytes<'_>) -> String {
    outer_expression(bytes).text
}

fn outer_expression(bytes: &mut Bytes<'_>) -> Condition {
    let mut expression = expression(bytes, 3);
    expression.text = format!("{}{}{}", space(bytes), expression.text, space(bytes));
    expression
}

// --- TOML ---

/// `text` as a TOML string of any of the four kinds, where it can be one of that kind.
pub(crate) fn toml_string(text: &str, bytes: &mut Bytes<'_>) -> String {
    let escape = |bytes: &mut Bytes<'_>, newline: &'static str| {
        let one = |c: char| match c {
            '\n' => newline.to_owned(),
            '\r' => "\\r".to_owned(),
            '\\' | '"' => format!("\\{c}"),
            c if bytes.choose(8) == 7 => format!("\\U{:08x}", c as u32),
            c => c.to_string(),
        };
        text.chars().map(one).collect::<String>()
    };
    match bytes.choose(4) {
        1 if !text.contains(['\'', '\n', '\r']) => format!("'{text}'"),
        2 if !text.contains("'''") && !text.ends_with('\'') && !text.contains('\r') => {
            format!("'''\n{text}'''")
        }
        3 => format!(
            "\"\"\"\\\n   {}\"\"\"",
            escape(bytes, "\n").trim_start_matches([' ', '\n', '\t'])
        ),
        _ => format!("\"{}\"", escape(bytes, "\\n")),
    }
}

/// A condition of a `match` block.
fn matching(bytes: &mut Bytes<'_>) -> (&'static str, Condition) {
    match bytes.choose(12) {
        0..9 => {
            let field = text_field(bytes);
            let (globs, names) = globs(bytes);
            let globs: Vec<_> = globs.iter().map(|glob| toml_string(glob, bytes)).collect();
            let text = match globs.as_slice() {
                [one] if bytes.choose(2) == 0 => one.clone(),
                globs => format!("[{}]", globs.join(", ")),
            };
            (field, Condition { text, names, binds: 2 })
        }
        9 => {
            let days = bytes.some(1, 3, |bytes| bytes.pick(&DAYS));
            ("weekday", Condition::plain(format!("{days:?}")))
        }
        _ => {
            let field = bytes.pick(&["duration", "direct", "delegated", "time"]);
            let text = match amount(bytes, field) {
                ("in", range) => range,
                (operator, value) => format!("{operator} {value}"),
            };
            (field, Condition::plain(format!("{text:?}")))
        }
    }
}

fn rule(bytes: &mut Bytes<'_>) -> String {
    let mut rule = "[[rules.auto_tag]]\n".to_owned();
    let mut names = BTreeSet::new();
    let parts = bytes.choose(4);
    if parts != 2 {
        let mut conditions = bytes.some(1, 2, matching);
        conditions.sort_by_key(|(field, _)| *field);
        conditions.dedup_by_key(|(field, _)| *field);
        let all: Vec<_> =
            conditions.iter().map(|(field, it)| format!("{field} = {}", it.text)).collect();
        rule += &format!("match = {{ {} }}\n", all.join(", "));
        names.extend(conditions.into_iter().flat_map(|(_, it)| it.names));
    }
    if parts >= 2 {
        let expression = outer_expression(bytes);
        rule += &format!("when = {}\n", toml_string(&expression.text, bytes));
        names.extend(expression.names);
    }
    let mut tags = vec!["t".to_owned()];
    tags.extend(names.iter().map(|name| format!("<{name}>")));
    if names.len() == 2 {
        tags.push("<y>-<x>".to_owned());
    }
    rule += &format!("tags = {tags:?}\nenabled = {}\n", bytes.choose(10) != 9);
    if bytes.choose(2) == 1 {
        rule += &format!("project = {:?}\n", tags[tags.len() - 1]);
    }
    rule
}

/// A correct rule file.
pub(crate) fn rule_file(bytes: &mut Bytes<'_>) -> String {
    let homes = bytes.pick(&["", "", "[rules]\nhomes = ['a/', '/home/u']\n"]);
    format!("{homes}{}", bytes.some(1, 6, rule).concat())
}

/// Two correct rule files that have most rules in common, or none.
pub(crate) fn two_files(bytes: &mut Bytes<'_>) -> [String; 2] {
    let old = bytes.some(1, 5, rule);
    let mut new = old.clone();
    for _ in 0..bytes.choose(4) {
        let (at, other) = (bytes.choose(new.len().max(1)), bytes.choose(new.len().max(1)));
        match bytes.choose(6) {
            0 if !new.is_empty() => new.swap(at, other),
            1 if new.len() > 1 => drop(new.remove(at)),
            2 if !new.is_empty() => new[at] = new[at].replace("[\"t\"", "[\"u\""),
            3 if !new.is_empty() => new[at] = loosened(&new[at], bytes),
            4 => new = bytes.some(1, 4, rule),
            _ => new.insert(at, rule(bytes)),
        }
    }
    let homes = ["", "", "[rules]\nhomes = ['a/', '/home/u']\n"];
    [old, new].map(|rules| format!("{}{}", bytes.pick(&homes), rules.concat()))
}

/// Directories that captures of segments tell apart.
const SEGMENTS: [&str; 4] = ["a", "b", "aba", "bab"];

/// Two correct rule files that capture several segments of a path, of which one may be fixed, and
/// that differ in the tags or in the pattern.
pub(crate) fn two_files_of_segments(bytes: &mut Bytes<'_>) -> [String; 2] {
    let fixed = bytes.pick(&["aba/*", "bab/*", "*", "a/*", "[ab]ba/*", "*/aba"]);
    let shape = bytes.pick(&["<x>/<y>", "<x>/<y>/*", "<x>/?<y>", "<x>/a/<y>", "<x>/{a,b}/<y>"]);
    let turned = bytes.choose(4) == 3;
    let mut rule = |shape: &str| {
        let tag = bytes.pick(&["<y>", "a", "<y>", "b", "<x>", "aba"]);
        format!(
            "[[rules.auto_tag]]
when = '''primary_cwd ~ \"{shape}\" and primary_cwd ~ \"{fixed}\"'''
tags = [\"{tag}\"]\n"
        )
    };
    let other = shape.replace("<x>", "<z>").replace("<y>", "<x>").replace("<z>", "<y>");
    [rule(shape), rule(if turned { &other } else { shape })]
}

/// A stream in every directory of two or three of the segments.
pub(crate) fn in_segments() -> Vec<Stream> {
    let below = |path: &String| SEGMENTS.map(|segment| format!("{path}/{segment}"));
    let first = SEGMENTS.map(str::to_owned);
    let two: Vec<_> = first.iter().flat_map(below).collect();
    let three: Vec<_> = two.iter().flat_map(below).collect();
    let all = two.into_iter().chain(three);
    all.map(|cwd| Stream { primary_cwd: Some(cwd), ..Stream::default() }).collect()
}

/// The rule with a little of a glob written otherwise, where it has such.
fn loosened(rule: &str, bytes: &mut Bytes<'_>) -> String {
    let (from, to) = bytes.pick(&[
        ("<x>/*", "<x>*"),
        ("*<x>", "<x>"),
        ("<x>*", "<x>"),
        ("a<x>", "?<x>"),
        ("\"<x>\"", "\"a\""),
        ("<x>", "{<x>,/<x>}"),
        ("agent", "primary_cwd"),
    ]);
    // Not in the tags.
    match rule.split_once("tags = ") {
        Some((conditions, rest)) if conditions.contains(from) => {
            let loosened = conditions.replacen(from, to, 1);
            let whole = format!("{loosened}tags = {rest}");
            if crate::support::check(&whole).rules.is_some() { whole } else { rule.to_owned() }
        }
        _ => rule.to_owned(),
    }
}

/// A stream.
pub(crate) fn stream(bytes: &mut Bytes<'_>) -> Stream {
    let length = |bytes: &mut Bytes<'_>| {
        bytes.pick(&[None, Some(0), Some(999), Some(1000), Some(1500), Some(2000), Some(61_000)])
    };
    let day = NaiveDate::from_ymd_opt(2025, 1, 27 + bytes.choose(5) as u32).unwrap();
    let day = day + Days::new(bytes.choose(3) as u64);
    let clock = bytes.pick(&[(0, 0), (5, 59), (6, 0), (12, 0), (22, 0), (23, 59)]);
    let at = day.and_hms_opt(clock.0, clock.1, 0).filter(|_| bytes.choose(5) > 0);
    Stream {
        primary_cwd: (bytes.choose(10) < 9).then(|| value(bytes)),
        tmux_session: bytes.some(0, 2, value),
        agent: bytes.some(0, 3, value),
        git_branch: bytes.some(0, 2, value),
        repo: (bytes.choose(2) == 0).then(|| value(bytes)),
        worktree: bytes.some(0, 2, value),
        duration_ms: length(bytes),
        direct_ms: length(bytes),
        delegated_ms: length(bytes),
        at,
    }
}

/// The first stream, with a little changed: a field of the second in it, or a value one step
/// beside its own.
pub(crate) fn between(first: &Stream, second: &Stream, bytes: &mut Bytes<'_>) -> Stream {
    let mut near = first.clone();
    match bytes.choose(14) {
        0 => near.primary_cwd.clone_from(&second.primary_cwd),
        1 => near.repo.clone_from(&second.repo),
        2 => near.tmux_session.clone_from(&second.tmux_session),
        3 => near.agent.extend(second.agent.iter().cloned()),
        4 => near.git_branch.extend(second.git_branch.iter().cloned()),
        5 => near.worktree.clone_from(&second.worktree),
        6 => near.at = second.at,
        7 => near.at = near.at.and_then(|at| at.checked_add_days(Days::new(1))),
        8 => near.duration_ms = near.duration_ms.map(|ms| (ms - 1).max(0)),
        9 => near.direct_ms = near.direct_ms.map(|ms| ms.saturating_add(1)),
        10 => near.delegated_ms = second.delegated_ms,
        _ => {
            let mut texts: Vec<&mut String> = [&mut near.primary_cwd, &mut near.repo]
                .into_iter()
                .flatten()
                .chain([&mut near.agent, &mut near.tmux_session].into_iter().flatten())
                .chain([&mut near.git_branch, &mut near.worktree].into_iter().flatten())
                .collect();
            if !texts.is_empty() {
                let which = bytes.choose(texts.len());
                one_step(texts[which], bytes);
            }
        }
    }
    near
}

/// Changes a text by a character.
fn one_step(text: &mut String, bytes: &mut Bytes<'_>) {
    let mut chars: Vec<char> = text.chars().collect();
    let at = bytes.choose(chars.len() + 1);
    let c = bytes.pick(&['a', 'b', '/', 'é', 'x', '\u{301}']);
    match bytes.choose(3) {
        0 => chars.insert(at, c),
        1 if at < chars.len() => chars[at] = c,
        _ if at < chars.len() => drop(chars.remove(at)),
        _ => chars.push(c),
    }
    *text = chars.into_iter().collect();
}
