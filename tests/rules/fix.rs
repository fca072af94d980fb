//! Fixes are harmless: made on untidy files, they change what they say and nothing else.
//!
//! The definition replays them. It knows the rules of the file as it was, moves and removes them as
//! the fixes say they did, and compares winners stream by stream.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use toml::de::{DeTable, DeValue};
use tt::diag::{SourceFile, Span};
use tt::rules::fix::{Allowed, Change, Fixed};
use tt::rules::syntax::layout::layout;
use tt::rules::{Asked, Env, Stream, fix, review};

use crate::making::{self, Bytes};
use crate::oracle;
use crate::support::{HOME, at, check};

const SAFE: Allowed = Allowed { removals: false };
const ALL: Allowed = Allowed { removals: true };

fn fixed(text: &str, allowed: Allowed) -> Fixed {
    let env = Env { home: Some(HOME.to_owned()) };
    fix::fix(&SourceFile::new("config.toml", text), &env, &Asked::default(), allowed)
}

/// The text, and what was done as `R0302 8:11 move …`.
#[track_caller]
fn shown(text: &str, allowed: Allowed) -> String {
    let Fixed { text: after, done } = fixed(text, allowed);
    assert_eq!(fixed(&after, allowed), Fixed { text: after.clone(), done: Vec::new() });
    let line =
        |it: &fix::Done| format!("# {} {}:{} {}\n", it.code, it.at.line, it.at.column, it.title);
    done.iter().map(line).collect::<String>() + &after.replace('\r', "␍")
}

// --- files ---

/// A file with its comments: each is told apart by a number, and says whose it is.
#[derive(Default)]
struct Untidy {
    text: String,
    comments: usize,
}

impl Untidy {
    fn comment(&mut self, of: &str) -> String {
        self.comments += 1;
        format!("# {of} {}", self.comments)
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn blank(&mut self, bytes: &mut Bytes<'_>, least: usize) {
        let lines = ["", "\n", "\n", "\n\n", "\n  \n"][least + bytes.choose(5 - least)];
        self.push(lines);
    }

    /// What belongs to no rule.
    fn between(&mut self, bytes: &mut Bytes<'_>, number: usize) {
        match bytes.choose(6) {
            0 => {
                let comment = self.comment("free");
                self.push(&format!("\n{comment}\n\n"));
            }
            1 => {
                let (above, beside) = (self.comment("free"), self.comment("free"));
                let space = ["", "\n"][bytes.choose(2)];
                self.push(&format!("\n{above}\n[t{number}] {beside}\n{space}a = [\n1,\n\n]\n"));
                self.blank(bytes, 0);
            }
            _ => self.blank(bytes, 0),
        }
    }

    fn rule(&mut self, bytes: &mut Bytes<'_>, number: usize) {
        let own = format!("r{number}. own");
        for _ in 0..bytes.choose(3).saturating_sub(1) {
            let comment = self.comment(&own);
            self.push(&format!("{comment}\n"));
        }
        let beside = [String::new(), format!(" {}", self.comment(&own))];
        let beside = |bytes: &mut Bytes<'_>| beside[usize::from(bytes.choose(4) == 3)].clone();
        let (header, name) = (beside(bytes), beside(bytes));
        self.push(&format!("[[rules.auto_tag]]{header}\nname = 'r{number}'{name}\n"));
        let tags = self.tags(bytes, number);
        let condition = condition(bytes);
        let off = ["", "", "", "", "", "", "", "enabled = false\n"][bytes.choose(8)];
        match (condition, bytes.choose(4)) {
            (Condition::When(when), _) => {
                let when = making::toml_string(&when, bytes);
                self.push(&format!("{tags}{off}\nwhen = {when}\n"));
            }
            (Condition::Match(fields), 0) => {
                let comment = self.comment(&own);
                self.push(&format!("{tags}{off}[rules.auto_tag.match] {comment}\n"));
                fields.iter().for_each(|(key, value)| self.push(&format!("{key} = {value}\n")));
            }
            (Condition::Match(fields), 1) => {
                let line = |(key, value): &(_, String)| format!("match.{key} = {value}\n");
                let lines: String = fields.iter().map(line).collect();
                self.push(&format!("{lines}{tags}{off}"));
            }
            (Condition::Match(fields), _) => {
                let all = inline(&fields);
                self.push(&format!("match = {{ {all} }}\n{off}{tags}"));
            }
        }
        if bytes.choose(5) == 4 {
            let comment = self.comment(&own);
            self.push(&format!("{comment}\n\n"));
        }
    }

    /// Tags, often repeated. A comment beside a repeated tag may go with it.
    fn tags(&mut self, bytes: &mut Bytes<'_>, number: usize) -> String {
        let tags: Vec<&str> =
            (0..=bytes.choose(4)).map(|_| ["x", "y", "x", "z"][bytes.choose(4)]).collect();
        let kind = bytes.choose(4);
        if kind > 1 {
            let all: Vec<_> = tags.iter().map(|tag| format!("'{tag}'")).collect();
            return format!("tags = [{}]\n", all.join([", ", " ,"][kind - 2]));
        }
        let mut text = "tags = [\n".to_owned();
        for (place, tag) in tags.iter().enumerate() {
            let last = place + 1 == tags.len();
            let comma = if kind == 0 && !(last && bytes.choose(2) == 0) { "," } else { "" };
            let comma_first = if kind == 1 && place > 0 { ", " } else { "" };
            let of = if tags[..place].contains(tag) { "repeated" } else { "own" };
            let beside = match bytes.choose(3) {
                0 => format!(" {}", self.comment(&format!("r{number}. {of}"))),
                _ => String::new(),
            };
            let above = match bytes.choose(5) {
                0 => format!("  {}\n", self.comment(&format!("r{number}. own"))),
                1 => "\n".to_owned(),
                _ => String::new(),
            };
            text += &format!("{above}  {comma_first}'{tag}'{comma}{beside}\n");
        }
        text + "]\n"
    }
}

enum Condition {
    Match(Vec<(&'static str, String)>),
    When(String),
}

fn inline(fields: &[(&str, String)]) -> String {
    let all: Vec<_> = fields.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    all.join(", ")
}

/// Few things are asked, so that rules shadow each other.
fn condition(bytes: &mut Bytes<'_>) -> Condition {
    const CWDS: [&str; 12] = [
        "'*'",
        "'a*'",
        "'ab*'",
        "'b*'",
        "'*b'",
        "'ab'",
        "'?'",
        "'a?'",
        "['a*', 'b']",
        "'~/*'",
        "['*a', '?*']",
        "'{a,b}*'",
    ];
    const AGENTS: [&str; 6] = ["'*'", "'a'", "'b'", "['a', 'b']", "'a*'", "'{}'"];
    const OTHERS: [(&str, &str); 5] = [
        ("duration", "'>= 1s'"),
        ("duration", "'>= 2s'"),
        ("weekday", "['mon', 'tue']"),
        ("weekday", "'mon'"),
        ("repo", "'*'"),
    ];
    let cwd = |bytes: &mut Bytes<'_>| ("primary_cwd", CWDS[bytes.choose(12)].to_owned());
    let agent = |bytes: &mut Bytes<'_>| ("agent", AGENTS[bytes.choose(6)].to_owned());
    let other = |bytes: &mut Bytes<'_>| {
        let (key, value) = OTHERS[bytes.choose(5)];
        (key, value.to_owned())
    };
    Condition::Match(match bytes.choose(10) {
        0..4 => vec![cwd(bytes)],
        4..6 => vec![agent(bytes)],
        6 => vec![cwd(bytes), agent(bytes)],
        7 => vec![other(bytes)],
        8 => vec![other(bytes), cwd(bytes)],
        _ => return Condition::When(making::when(bytes)),
    })
}

/// An untidy file of rules named `r0`, `r1`, …
fn untidy(bytes: &mut Bytes<'_>) -> String {
    let mut file = Untidy::default();
    if bytes.choose(3) == 1 {
        let comment = file.comment("free");
        file.push(&format!("{comment}\n\n"));
    }
    let count = 2 + bytes.choose(6);
    if bytes.choose(5) == 4 {
        list(&mut file, bytes, count);
    } else {
        for number in 0..count {
            file.rule(bytes, number);
            file.between(bytes, number);
        }
    }
    let mut text = file.text;
    if bytes.choose(6) == 5 {
        text.truncate(text.trim_end().len());
    }
    if bytes.choose(4) == 3 { text.replace('\n', "\r\n") } else { text }
}

/// Rules as elements of a list.
fn list(file: &mut Untidy, bytes: &mut Bytes<'_>, count: usize) {
    let space = ["\n  ", " ", ""][bytes.choose(3)];
    file.push(&format!("[rules]\nauto_tag = [{space}"));
    for number in 0..count {
        let tag = ["x", "y"][bytes.choose(2)];
        let condition = match condition(bytes) {
            Condition::Match(fields) => format!("match = {{ {} }}", inline(&fields)),
            Condition::When(_) => "when = 'has agent'".to_owned(),
        };
        let comma = if number + 1 < count || bytes.choose(2) == 0 { "," } else { "" };
        let comment = match bytes.choose(8) {
            0 if space.contains('\n') => format!(" {}", file.comment(&format!("r{number}. own"))),
            _ => String::new(),
        };
        let rule = format!("{{ name = 'r{number}', {condition}, tags = ['{tag}'] }}");
        file.push(&format!("{rule}{comma}{comment}{space}"));
    }
    file.push("\n]\n");
    file.blank(bytes, 0);
}

// --- what a text holds ---

fn comments(text: &str) -> Vec<String> {
    let file = SourceFile::new("config.toml", text);
    let comments = layout(&file, &[]).comments;
    let mut all: Vec<_> = comments.iter().map(|it| file.slice(*it).trim_end().to_owned()).collect();
    all.sort();
    all
}

fn headers(text: &str) -> Vec<Span> {
    let table = DeTable::parse(text).unwrap();
    let Some(rules) = table.get_ref().get("rules") else { return Vec::new() };
    let DeValue::Table(rules) = rules.get_ref() else { panic!("{text}") };
    let Some(list) = rules.get("auto_tag") else { return Vec::new() };
    let DeValue::Array(list) = list.get_ref() else { panic!("{text}") };
    list.iter().map(|rule| rule.span().into()).collect()
}

/// The names of the rules in order, and the lines outside of them that are not blank.
fn names_and_rest(text: &str) -> (Vec<String>, String) {
    let table: toml::Table = text.parse().unwrap();
    let rules = table.get("rules").and_then(|it| it.get("auto_tag")).and_then(|it| it.as_array());
    let name = |rule: &toml::Value| rule["name"].as_str().unwrap().to_owned();
    let names: Vec<_> = rules.into_iter().flatten().map(name).collect();
    let file = SourceFile::new("config.toml", text);
    let headers = headers(text);
    let in_list = headers.first().is_some_and(|it| !file.slice(*it).starts_with('['));
    let inside = if in_list { headers } else { layout(&file, &headers).blocks };
    let (mut rest, mut from) = (String::new(), 0);
    for (block, name) in inside.iter().zip(&names) {
        // What says that it is a rule's stands in its block, and nothing else does.
        for comment in comments(file.slice(*block)) {
            assert!(comment.starts_with(&format!("# {name}.")), "{comment} in {name}:\n{text}");
        }
        rest += &text[from..block.start];
        from = block.end;
    }
    rest += &text[from..];
    let strays = comments(&rest).iter().any(|it| it.starts_with("# r"));
    assert!(in_list || !strays, "{text}");
    let lines = rest.lines().filter(|line| !line.trim().is_empty());
    let rest = if in_list { String::new() } else { lines.collect::<Vec<_>>().join("\n") };
    (names, rest)
}

/// The most blank lines in a row.
fn most_blank(text: &str) -> usize {
    let lines: Vec<_> = text.lines().map(|line| line.trim().is_empty()).collect();
    let runs = lines.chunk_by(|a, b| a == b).filter(|run| run[0]);
    runs.map(<[_]>::len).max().unwrap_or(0)
}

fn streams(bytes: &mut Bytes<'_>) -> Vec<Stream> {
    let cwds = ["", "a", "b", "ab", "ba", "aab", "q", "/home/u/a"].map(at);
    let mut all = vec![Stream::default()];
    all.extend(cwds);
    for agents in [&["a"][..], &["b"], &["a", "b"], &["", "q"]] {
        let agent: Vec<String> = agents.iter().map(|it| (*it).to_owned()).collect();
        for cwd in [None, Some("a"), Some("ab"), Some("q")] {
            let primary_cwd = cwd.map(str::to_owned);
            all.push(Stream { primary_cwd, agent: agent.clone(), ..Stream::default() });
        }
    }
    all.extend((0..24).map(|_| making::stream(bytes)));
    all
}

/// What was met, to see that it was enough.
#[derive(Default, Debug)]
struct Met {
    moves: usize,
    removals: usize,
    tags: usize,
    /// Streams that changed hands.
    changed: usize,
    /// Rounds of several moves, and moves in lists.
    together: usize,
    lists: usize,
}

/// Replays what was done, and holds it to what it said.
fn replay(text: &str, streams: &[Stream], allowed: Allowed, met: &mut Met) {
    let Fixed { text: after, done } = fixed(text, allowed);
    let context = || format!("{text}\n════════\n{after}\n{done:#?}");
    let again = fixed(&after, allowed);
    assert!(again.done.is_empty() && again.text == after, "{}\n{again:#?}", context());
    assert!(check(&after).rules.is_some(), "{}", context());

    let (names, rest) = names_and_rest(text);
    let (names_after, rest_after) = names_and_rest(&after);
    assert_eq!(rest, rest_after, "{}", context());
    assert!(most_blank(&after) <= most_blank(text).max(1), "{}", context());

    let definition = oracle::Rules::read(text, Some(HOME));
    let table: toml::Table = text.parse().unwrap();
    let rules = || table["rules"]["auto_tag"].as_array().unwrap().iter();
    let enabled: Vec<bool> = rules()
        .map(|it| it.get("enabled").and_then(toml::Value::as_bool).unwrap_or(true))
        .collect();
    let tags: Vec<BTreeSet<&str>> = rules()
        .map(|it| it["tags"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect())
        .collect();
    let holds: Vec<Vec<bool>> = streams
        .iter()
        .map(|stream| (0..names.len()).map(|rule| definition.holds(rule, stream)).collect())
        .collect();
    let first = |order: &[usize], holds: &[bool]| {
        order.iter().copied().find(|rule| enabled[*rule] && holds[*rule])
    };
    let mut order: Vec<usize> = (0..names.len()).collect();
    let mut gone = BTreeSet::new();
    let mut winners: Vec<_> = holds.iter().map(|holds| first(&order, holds)).collect();
    for round in done.chunk_by(|a, b| a.round == b.round) {
        let before = order.clone();
        let mut moved: Vec<usize> = Vec::new();
        let mut target = None;
        for it in round {
            match it.change {
                Change::Move { rule, above } => {
                    order[above + moved.len()..=rule].rotate_right(1);
                    moved.push(before[rule]);
                    assert!(target.replace(before[above]).is_none_or(|it| it == before[above]));
                    met.moves += 1;
                    met.lists += usize::from(text.contains("auto_tag = ["));
                    let (rule, above) = (&names[before[rule]], &names[before[above]]);
                    let says = format!(
                        "move '{rule}' above '{above}': exactly its own streams go from '{above}' \
                         to it, and no others"
                    );
                    assert_eq!(it.title, says);
                }
                Change::Remove { rule } => {
                    assert!(allowed.removals);
                    order.retain(|it| *it != before[rule]);
                    gone.insert(before[rule]);
                    met.removals += 1;
                }
                Change::Tag => met.tags += 1,
                Change::Word | Change::Comment => panic!("{}", context()),
            }
        }
        for ((stream, holds), winner) in streams.iter().zip(&holds).zip(&mut winners) {
            let now = first(&order, holds);
            let says = || format!("{stream:#?}\n{winner:?} {now:?} {}", context());
            // Streams of moved rules that went to the other go to the first of them, and no others
            // change.
            if let Some(above) = target {
                let takes = moved.iter().copied().find(|rule| holds[*rule]);
                assert!(takes.is_none() || holds[above], "{}", says());
                let expected = takes.filter(|_| *winner == Some(above)).or(*winner);
                assert_eq!(now, expected, "{}", says());
                met.changed += usize::from(now != *winner);
            } else {
                // Of what is gone, another rule gives the same.
                let given = |rule: Option<usize>| rule.map(|rule| &tags[rule]);
                assert_eq!(given(now), given(*winner), "{}", says());
            }
            *winner = now;
        }
        met.together += usize::from(moved.len() > 1);
    }
    let expected: Vec<_> = order.iter().map(|rule| names[*rule].clone()).collect();
    assert_eq!(names_after, expected, "{}", context());

    // The text says what was replayed.
    if !order.is_empty() {
        let after_fix = oracle::Rules::read(&after, Some(HOME));
        for (stream, winner) in streams.iter().zip(&winners) {
            let win = after_fix.first(stream);
            let rule = win.as_ref().map(|win| order[win.rule]);
            assert_eq!(rule, *winner, "{stream:#?}\n{}", context());
            let given = win.as_ref().map(|win| win.tags.iter().map(String::as_str).collect());
            assert_eq!(given.as_ref(), winner.map(|rule| &tags[rule]), "{}", context());
        }
    }

    // Comments are those that were, less those of rules and tags that are gone.
    let left: Vec<_> = gone.iter().map(|rule| format!("# {}.", names[*rule])).collect();
    let (before, now) = (comments(text), comments(&after));
    let stays =
        |it: &&String| !left.iter().any(|rule| it.starts_with(rule)) && !it.contains("repeated");
    let kept = |all: &[String]| all.iter().filter(stays).cloned().collect::<Vec<_>>();
    assert_eq!(kept(&before), kept(&now), "{}", context());
    assert!(now.iter().all(|it| before.contains(it)), "{}", context());
}

#[test]
fn fixes_are_harmless() {
    let met = RefCell::new(Met::default());
    let law = |bytes: Vec<u8>| {
        let mut bytes = Bytes(&bytes);
        let text = untidy(&mut bytes);
        assert!(check(&text).rules.is_some(), "{text}\n{:#?}", check(&text).findings);
        let streams = streams(&mut bytes);
        for allowed in [SAFE, ALL] {
            replay(&text, &streams, allowed, &mut met.borrow_mut());
        }
        Ok(())
    };
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) };
    let bytes = vec(any::<u8>(), 0..600);
    TestRunner::new(config).run(&bytes, law).unwrap_or_else(|failure| panic!("{failure}"));
    // A law that meets nothing holds always.
    let Met { moves, removals, tags, changed, together, lists } = met.into_inner();
    println!("{moves} {removals} {tags} {changed} {together} {lists}");
    assert!(
        moves > 100
            && removals > 100
            && tags > 100
            && changed > moves
            && together > 10
            && lists > 5
    );
}

// --- by hand ---

/// A rule that asks the directory.
fn rule(name: &str, glob: &str) -> String {
    format!(
        "[[rules.auto_tag]]\nname = '{name}'\nmatch = {{ primary_cwd = '{glob}' }}\n\
         tags = ['{name}']\n"
    )
}

fn with_tags(list: &str) -> String {
    format!("[[rules.auto_tag]]\nmatch = {{ agent = 'a' }}\ntags = {list}\n")
}

#[test]
fn layouts() {
    let (general, special) = (&rule("general", "/a/*"), &rule("special", "/a/b/*"));
    let other = &rule("other", "/c/*");
    let inline = |name: &str, glob: &str| {
        format!("{{ name = '{name}', match = {{ primary_cwd = '{glob}' }}, tags = ['{name}'] }}")
    };
    let (in_general, in_special) = (&inline("general", "/a/*"), &inline("special", "/a/b/*"));
    let table = "[push]\nurl = 'x' # [[rules.auto_tag]]\n";
    let sub = "[[rules.auto_tag]]\nname = 'special'\ntags = ['special']\n";
    let conditions = "['rules'.\"auto_\\u0074ag\".match] # where\nprimary_cwd = '/a/b/*'\n";
    let moves = [
        ("headings stay", format!("# A\n\n{general}\n# B\n\n{other}\n# C\n\n{special}\n# D\n")),
        ("comments move", format!("# of general\n{general}\n# of special\n{special}# tail\n")),
        ("a comment at the end", format!("{general}{special}# tail")),
        ("no newline at the end", format!("{general}\n{}", special.trim_end())),
        ("no blank lines", format!("{general}{special}{other}")),
        ("many blank lines", format!("{general}\n\n\n{other}\n\n\n{special}\n\n\n")),
        ("another table between", format!("{general}\n# of push\n{table}\n{special}\n{other}")),
        ("a table of its own", format!("{general}\n{table}\n{sub}{conditions}\n{other}")),
        ("a table too far away", format!("{general}\n{sub}\n{table}\n{conditions}")),
        ("CRLF", format!("{general}\n{}", special.trim_end()).replace('\n', "\r\n")),
        ("a byte order mark", format!("\u{feff}{general}\n{special}")),
        ("a list", format!("[rules]\nauto_tag = [ {in_general}, {in_special} ]\n")),
        (
            "a list on lines",
            format!("rules.auto_tag = [\n  {in_general},\n\n  {in_special},\n] # all\n"),
        ),
        (
            "a list with comments",
            format!("rules.auto_tag = [\n  {in_general}, # of which?\n  {in_special},\n]\n"),
        ),
        ("two of them", format!("{general}\n{}\n{special}", rule("deep", "/a/b/c/*"))),
        ("neighbours", format!("{general}\n\n{}{}\n{other}", rule("b", "/a/b"), rule("c", "/a/c"))),
        (
            "neighbours at the end",
            format!("{general}{}# tail\n\n{}# tail", rule("b", "/a/b"), rule("c", "/a/c")),
        ),
        ("several cover it", {
            let both = "[[rules.auto_tag]]\nname = 'both'\nmatch = { primary_cwd = ['/a/b', '/c/d'] }\ntags = ['both']\n";
            format!("{general}\n{other}\n{both}")
        }),
        ("a test for it", {
            let test = "[[rules.test]]\nstream = { primary_cwd = '/a/b/c' }\nexpect = { rule = 'general', tags = ['general'] }\n";
            format!("{general}\n{special}\n{test}")
        }),
        ("a test that calls a rule by its number", {
            let test = "[[rules.test]]\nstream = { agent = 'x' }\nexpect = { rule = 'rule 2', tags = ['x'] }\n";
            let nameless = "[[rules.auto_tag]]\nmatch = { agent = '*' }\ntags = ['x']\n";
            format!("{general}\n{nameless}\n{special}\n{test}")
        }),
        ("a test elsewhere", {
            let test = "[[rules.test]]\nstream = { primary_cwd = '/a' }\nexpect = 'none'\n";
            format!("{general}\n{test}\n{special}")
        }),
        ("an allowance", format!("{general}\n# tt: allow(shadowed) for now\n{special}")),
    ];
    let dead = special.replace("tags = ['special']", "tags = ['general'] # dead");
    let removals = [
        ("in the middle", format!("{general}\n# dead\n{dead}\n{other}")),
        ("at the end", format!("{general}\n# stays\n\n{dead}")),
        ("no blank lines", format!("{general}{dead}{other}")),
        ("before a table", format!("{general}\n{dead}\n\n# of push\n{table}")),
        (
            "in a list",
            format!("rules.auto_tag = [ {in_general}, {}, ]\n", in_general.replace("/a/", "/a/b/")),
        ),
        ("the only rule", format!("{}\n{table}", rule("none", "e[\u{301}]"))),
        ("what a test expects", {
            let test = "[[rules.test]]\nstream = { primary_cwd = '/a/b/c' }\nexpect = { rule = 'special', tags = ['general'] }\n";
            format!("{dead}\n{general}\n{test}")
        }),
        ("what a later rule gives as well", format!("{dead}\n{general}")),
    ];
    let tags = [
        "['a', 'a', \"a\"]",
        "[ 'a' , 'b' , 'a' , 'c' ]",
        "['a', 'a',]",
        "[\n  'a', # first\n  'b',\n  'a', # again\n  'c'\n]",
        "[\n  'a', # first\n  # on its own\n  'a'\n]",
        "[\n    'a'\n  , 'b'\n  , 'a' # again\n  , 'c'\n]",
        "[\n  'a', 'b', # both\n  'c', 'a', # both\n]",
        "['a', # first\n 'a']",
        "['a', # first\n 'a', 'b']",
        "['a', # first\n 'a' # again\n , 'b']",
        "[\n  'a',\n\n  \"\"\"a\"\"\",\n\n  'b',\n]",
    ];
    let mut all = String::new();
    let mut show = |name: &str, text: &str, allowed| {
        all += &format!("════════ {name}\n{}\n", shown(text, allowed).trim_end());
    };
    moves.iter().for_each(|(name, text)| show(name, text, SAFE));
    removals.iter().for_each(|(name, text)| show(&format!("removed: {name}"), text, ALL));
    tags.iter().for_each(|list| show(list, &with_tags(list), SAFE));
    insta::assert_snapshot!(all);
}

/// The values of `match`, `tags` and lints: what is misspelt there is mended only where it is
/// certain, and a file is never worse than before.
#[test]
fn words() {
    let rule = |body: &str| format!("[[rules.auto_tag]]\n{body}\n");
    let with = |condition: &str| rule(&format!("match = {{ {condition} }}\ntags = ['a']"));
    for (before, after) in [
        (with("pathh = 'a', sesion = 'b'"), with("primary_cwd = 'a', tmux_session = 'b'")),
        (with("tool = 'a', cwd = 'b'"), with("agent = 'a', primary_cwd = 'b'")),
        // Two keys cannot become one.
        (with("path = 'a', dir = 'b', agnt = 'c'"), with("path = 'a', dir = 'b', agent = 'c'")),
        (with("agent = 'a', agnt = 'b'"), with("agent = 'a', agnt = 'b'")),
        (
            rule("match = { agent = 'a' }\ntag = ['a']\ntgas = ['b']"),
            rule("match = { agent = 'a' }\ntag = ['a']\ntgas = ['b']"),
        ),
        (
            rule("mtach = { agent = 'a' }\ntags = ['a']"),
            rule("match = { agent = 'a' }\ntags = ['a']"),
        ),
        // A field of another kind has a mistake of another kind.
        (with("day = 'a*'"), with("day = 'a*'")),
        (
            format!("[rules.lints]\noverlpa = 'alow'\n{}", with("agent = 'a'")),
            format!("[rules.lints]\noverlap = 'allow'\n{}", with("agent = 'a'")),
        ),
        // In what is no TOML nothing is certain.
        (with("agnt = 'a', = 'b'"), with("agnt = 'a', = 'b'")),
        // Tags and rules stay while there are errors.
        (
            with("x = 'a'").replace("'a']", "'a', 'a']"),
            with("x = 'a'").replace("'a']", "'a', 'a']"),
        ),
    ] {
        assert_eq!(fixed(&before, ALL).text, after);
        assert_eq!(fixed(&after, ALL).text, after);
    }
}

/// Whatever is wrong with a file, it has no new error when it is mended, and mending is done once.
#[test]
fn nothing_gets_worse() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for folder in [folder.join("tests/rules/findings"), folder.join("fuzz/corpus/config")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let Ok(text) = std::fs::read_to_string(entry.unwrap().path()) else { continue };
            let errors = |text: &str| {
                let found = check(text).findings.into_iter().filter(|it| it.stops());
                found.map(|it| (it.code, it.headline)).collect::<BTreeSet<_>>()
            };
            let before = errors(&text);
            for allowed in [SAFE, ALL] {
                let Fixed { text: after, .. } = fixed(&text, allowed);
                assert!(errors(&after).is_subset(&before), "{text}\n{after}");
                assert_eq!(fixed(&after, allowed), Fixed { text: after, done: Vec::new() });
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen}");
}

/// The first rule of a large file shadows all others: their moves are offered as far as they are
/// not too long, and all are made.
#[test]
fn many_moves_are_made_though_few_are_offered() {
    let mut text = rule("general", "/*");
    text += &(0..40).map(|n| rule(&format!("n{n}"), &format!("/a{n}/*"))).collect::<String>();
    let padding = format!("# {}\n", "x".repeat(20_000));
    text.insert_str(text.find("name = 'n0'").unwrap(), &padding);
    let env = Env { home: Some(HOME.to_owned()) };
    let file = SourceFile::new("config.toml", text.as_str());
    let found = review(&file, &env, &Asked::default()).findings;
    let offered = found.iter().filter(|it| it.edit.is_some()).count();
    assert!(found.len() == 40 && (1..20).contains(&offered), "{offered}");
    let after = fixed(&text, SAFE);
    assert_eq!(after.done.len(), 40);
    assert!(check(&after.text).findings.is_empty());
    assert!(after.text.ends_with(&rule("general", "/*")));
}

#[test]
fn neighbours_that_go_leave_one_run_of_blank_lines() {
    let rule =
        |glob| format!("[[rules.auto_tag]]\nmatch = {{ primary_cwd = '{glob}' }}\ntags = ['x']\n");
    let (all, a, b) = (rule("*"), rule("a*"), rule("ab*"));
    let after = fixed(&format!("{all}\n# free\n\n{a}{b}\n# free too\n"), ALL).text;
    assert_eq!(after, format!("{all}\n# free\n\n# free too\n"));
}
