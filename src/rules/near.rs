//! # Near misses: streams that no rule matches, and that one was probably meant for
//!
//! Three ways to miss by a hair are common, and each has something to type against it:
//!
//! | the stream | because | to type |
//! | --- | --- | --- |
//! | is the directory itself of `~/work/acme/*` | `*` is what is below | `~/work/acme` beside it |
//! | is `~/work/Acme/web` | case counts | the pattern in that case |
//! | is `/home/other/work/acme/web` | `~` is another home | that home in `[rules] homes` |
//!
//! None of them is guessed by looking at texts alone: the rule must win for the stream with just
//! that changed (a `/` after the directory, all texts in small letters, another home).

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::engine::{self, TableId};
use super::fields::{Field, Type};
use super::ir::pattern::Class;
use super::ir::{Atom, Checked, Conjunct, Part, Pattern, Predicate, Rule, RuleId, RuleSet, Test};
use super::stream::Stream;
use super::table::Table;
use super::{Env, Rules, Scratch, check, show};
use crate::diag::SourceFile;

/// Under so many other homes the rules are tried, those met first.
const MOST_HOMES: usize = 16;

/// How a stream misses a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// It is the directory itself of a pattern that ends in `/*`.
    Itself,
    /// A text is written in another case.
    Case,
    /// Its directory is under a home that `~` does not stand for.
    Home,
}

/// A rule that a stream nearly matches.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Miss {
    /// The rule.
    pub rule: RuleId,
    /// How it is missed.
    pub kind: Kind,
    /// What to add so that the rule matches: a glob beside the one that misses, or a home to
    /// `homes`; `None` where no single thing does.
    pub add: Option<String>,
    /// The value that misses, paths under a home with `~`.
    pub value: String,
}

/// The rules of a file, prepared to look for near misses.
pub struct Near<'r> {
    file: &'r SourceFile,
    rules: &'r Checked<RuleSet>,
    compiled: Rules,
    scratch: Scratch,
    /// The rules in small letters, once a stream asks for them.
    folded: Option<Folded>,
    /// The rules with another directory for `~`, by that directory.
    elsewhere: BTreeMap<String, Option<(Rules, Scratch)>>,
}

/// The enabled rules in small letters.
struct Folded {
    table: Table,
    id: TableId,
    scratch: Scratch,
}

impl Folded {
    fn new(rules: &RuleSet) -> Self {
        let enabled = rules.rules.iter().filter(|rule| rule.info.enabled);
        let folded: Vec<_> = enabled.map(folded).collect();
        let (table, scratch) = (Table::of_rules(&folded), Scratch::default());
        Self { table, id: TableId::fresh(), scratch }
    }

    fn first_match(&mut self, stream: &Stream) -> Option<RuleId> {
        engine::first_match(&self.table, self.id, stream, &mut self.scratch)
    }
}

impl<'r> Near<'r> {
    /// The rules of `file`, which were checked before.
    #[must_use]
    pub fn new(file: &'r SourceFile, rules: &'r Checked<RuleSet>) -> Self {
        Self {
            file,
            rules,
            compiled: rules.compile(),
            scratch: Scratch::default(),
            folded: None,
            elsewhere: BTreeMap::new(),
        }
    }

    /// The first rule that a stream which no rule matches nearly matches. Costs three
    /// searches; the first time, and for each of the first `MOST_HOMES` homes, also a table.
    pub fn of(&mut self, stream: &Stream) -> Option<Miss> {
        let all = [self.itself(stream), self.by_case(stream), self.by_home(stream)];
        all.into_iter().flatten().min()
    }

    fn itself(&mut self, stream: &Stream) -> Option<Miss> {
        let directory = stream.primary_cwd.as_ref()?;
        let inside = Stream { primary_cwd: Some(format!("{directory}/")), ..stream.clone() };
        let id = self.compiled.first_match_with(&inside, &mut self.scratch)?;
        let directory: String = directory.nfc().collect();
        let globs = self.rules.rules.get(id.index()).map(globs)?;
        let of_directory = globs.iter().filter(|(field, _)| *field == Field::PrimaryCwd);
        let itself = of_directory.filter_map(|(_, pattern)| without_star(pattern));
        let pattern = itself.into_iter().find(|pattern| pattern.matches(&directory))?;
        let homes = &self.rules.homes;
        let add = Some(show::at_home(&pattern.to_string(), homes));
        Some(Miss { rule: id, kind: Kind::Itself, add, value: show::at_home(&directory, homes) })
    }

    fn by_case(&mut self, stream: &Stream) -> Option<Miss> {
        let small = small(stream);
        let folded = self.folded.get_or_insert_with(|| Folded::new(self.rules));
        let rule = self.rules.rules.get(folded.first_match(&small)?.index())?;
        let (id, homes) = (rule.info.id, &self.rules.homes);
        // The value that is to blame, and the pattern it would match.
        let misses = globs(rule).into_iter().find_map(|(field, pattern)| {
            let folded = folded_pattern(pattern);
            let texts = stream.texts(field).iter().map(|text| text.nfc().collect::<String>());
            let mut misses = texts.filter(|text| !pattern.matches(text));
            misses.find(|text| folded.matches(&lower(text))).map(|text| (field, pattern, text))
        });
        let (field, pattern, value) = misses?;
        let add = in_case_of(pattern, &value).filter(|add| {
            let with = |conjunct: &Conjunct| {
                holds_with(&conjunct.predicate, stream, &(field, pattern, add))
            };
            rule.conjuncts.iter().all(with)
        });
        let add = add.map(|add| show::at_home(&add.to_string(), homes));
        Some(Miss { rule: id, kind: Kind::Case, add, value: show::at_home(&value, homes) })
    }

    fn by_home(&mut self, stream: &Stream) -> Option<Miss> {
        let directory = stream.primary_cwd.as_ref()?;
        let directory: String = directory.nfc().collect();
        let home = home_of(&directory, &self.rules.homes)?;
        if self.elsewhere.len() >= MOST_HOMES && !self.elsewhere.contains_key(&home) {
            return None;
        }
        let file = self.file;
        let rules = self.elsewhere.entry(home.clone()).or_insert_with(|| {
            let env = Env { home: Some(home.clone()) };
            check(file, &env).rules.map(|rules| (rules.compile(), Scratch::default()))
        });
        let (rules, scratch) = rules.as_mut()?;
        let id = rules.first_match_with(stream, scratch)?;
        Some(Miss { rule: id, kind: Kind::Home, add: Some(home), value: directory })
    }
}

/// The globs of a rule that can help it to hold.
fn globs(rule: &Rule) -> Vec<(Field, &Pattern)> {
    fn collect<'r>(predicate: &'r Predicate, found: &mut Vec<(Field, &'r Pattern)>) {
        match predicate {
            Predicate::All(children) | Predicate::Any(children) => {
                children.iter().for_each(|child| collect(child, found));
            }
            Predicate::Atom(Atom { field, test: Test::Glob(pattern) }) => {
                found.push((*field, pattern));
            }
            Predicate::Not(_) | Predicate::Atom(_) => {}
        }
    }
    let mut found = Vec::new();
    rule.conjuncts.iter().for_each(|it| collect(&it.predicate, &mut found));
    found
}

/// The pattern without the `/*` that it ends in.
fn without_star(pattern: &Pattern) -> Option<Pattern> {
    let (Part::Star, before) = pattern.parts.split_last()? else { return None };
    let (Part::Literal(text), before) = before.split_last()? else { return None };
    let text = text.strip_suffix('/')?;
    let last = (!text.is_empty()).then(|| Part::Literal(text.to_owned()));
    let parts: Vec<_> = before.iter().cloned().chain(last).collect();
    (!parts.is_empty()).then_some(Pattern { parts })
}

// --- case ---

fn lower(text: &str) -> String {
    text.to_lowercase().nfc().collect()
}

fn small(stream: &Stream) -> Stream {
    let mut small = stream.clone();
    for info in super::fields::FIELDS {
        if matches!(info.ty, Type::Text | Type::TextSet) {
            let texts = stream.texts(info.field).iter().map(|text| lower(text)).collect();
            small.set_texts(info.field, texts);
        }
    }
    small
}

fn folded(rule: &Rule) -> Rule {
    let conjuncts = rule.conjuncts.iter().map(|it| Conjunct {
        predicate: folded_predicate(&it.predicate),
        place: it.place,
        leaves: Vec::new(),
    });
    Rule { conjuncts: conjuncts.collect(), ..rule.clone() }
}

fn folded_predicate(predicate: &Predicate) -> Predicate {
    let all = |children: &[Predicate]| children.iter().map(folded_predicate).collect();
    match predicate {
        Predicate::All(children) => Predicate::All(all(children)),
        Predicate::Any(children) => Predicate::Any(all(children)),
        Predicate::Not(child) => Predicate::Not(Box::new(folded_predicate(child))),
        Predicate::Atom(Atom { field, test }) => {
            let test = match test {
                Test::Glob(pattern) => Test::Glob(folded_pattern(pattern)),
                Test::IsNot(text) => Test::IsNot(lower(text)),
                Test::Present | Test::Weekday(_) | Test::Within(_) => test.clone(),
            };
            Predicate::Atom(Atom { field: *field, test })
        }
    }
}

fn folded_pattern(pattern: &Pattern) -> Pattern {
    Pattern { parts: folded_parts(&pattern.parts) }
}

fn folded_parts(parts: &[Part]) -> Vec<Part> {
    let each = parts.iter().map(|part| match part {
        Part::Literal(text) => Part::Literal(lower(text)),
        Part::Class(class) => Part::Class(folded_class(class)),
        Part::Group(alternatives) => {
            Part::Group(alternatives.iter().map(|parts| folded_parts(parts)).collect())
        }
        Part::Any | Part::Star | Part::Capture(_) => part.clone(),
    });
    each.collect()
}

/// The class with the small letters for its ASCII capitals; what others it has stays as it is, at
/// the price of a near miss not seen.
fn folded_class(class: &Class) -> Class {
    let small = class.ranges.iter().filter_map(|(from, to)| {
        let (from, to) = (*from.max(&'A'), *to.min(&'Z'));
        (from <= to).then_some((from.to_ascii_lowercase(), to.to_ascii_lowercase()))
    });
    let mut ranges: Vec<_> = class.ranges.iter().copied().chain(small).collect();
    ranges.sort_unstable();
    ranges.dedup();
    Class { negated: class.negated, ranges }
}

/// The pattern with its first text in the case of the value, if that is all it takes.
fn in_case_of(pattern: &Pattern, value: &str) -> Option<Pattern> {
    let (Part::Literal(text), rest) = pattern.parts.split_first()? else { return None };
    let first = Part::Literal(value.chars().take(text.chars().count()).collect());
    let parts = std::iter::once(first).chain(rest.iter().cloned()).collect();
    Some(Pattern { parts }).filter(|pattern| pattern.matches(value))
}

/// Whether a condition holds where beside a glob of that field another stands.
fn holds_with(predicate: &Predicate, stream: &Stream, glob: &(Field, &Pattern, &Pattern)) -> bool {
    match predicate {
        Predicate::All(children) => children.iter().all(|it| holds_with(it, stream, glob)),
        Predicate::Any(children) => children.iter().any(|it| holds_with(it, stream, glob)),
        Predicate::Not(child) => !holds_with(child, stream, glob),
        Predicate::Atom(atom) => {
            let (field, beside, added) = *glob;
            let is_it = |test: &Test| matches!(test, Test::Glob(pattern) if pattern == beside);
            let added = || Atom { field, test: Test::Glob(added.clone()) };
            atom.holds(stream) || atom.field == field && is_it(&atom.test) && added().holds(stream)
        }
    }
}

// --- homes ---

/// The home that a directory is probably under, if it is none of those known.
fn home_of(directory: &str, homes: &[String]) -> Option<String> {
    const PARENTS: [&str; 3] = ["/home", "/Users", "/var/home"];
    let below = |parent: &str| {
        let name = directory.strip_prefix(parent)?.strip_prefix('/')?;
        let name = name.split('/').next().filter(|name| !name.is_empty())?;
        Some(format!("{parent}/{name}"))
    };
    let parents = homes.iter().filter_map(|home| home.rsplit_once('/'));
    let parents = parents.map(|(parent, _)| parent).filter(|parent| !parent.is_empty());
    let root = Some("/root")
        .filter(|it| directory.strip_prefix(it).is_some_and(|rest| rest.starts_with('/')));
    let found = PARENTS.into_iter().chain(parents).find_map(below);
    found.or_else(|| root.map(str::to_owned)).filter(|home| !homes.contains(home))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
[[rules.auto_tag]]
match = { primary_cwd = ["~/work/acme/*", "/data/*"] }
tags = ["acme"]

[[rules.auto_tag]]
match = { primary_cwd = "~/clients/<client>/*", agent = "codex" }
tags = ["<client>"]

[[rules.auto_tag]]
match = { tmux_session = "personal-[A-Z]*" }
tags = ["personal"]
"#;

    #[track_caller]
    fn near(stream: &Stream) -> Option<(usize, Kind, Option<String>, String)> {
        let file = SourceFile::new("config.toml", RULES);
        let rules = check(&file, &Env { home: Some("/home/u".to_owned()) }).rules.unwrap();
        assert_eq!(rules.compile().first_match(stream), None);
        let miss = Near::new(&file, &rules).of(stream)?;
        Some((miss.rule.index(), miss.kind, miss.add, miss.value))
    }

    fn at(cwd: &str) -> Stream {
        Stream { primary_cwd: Some(cwd.to_owned()), ..Stream::default() }
    }

    fn found(
        rule: usize,
        kind: Kind,
        add: &str,
        value: &str,
    ) -> Option<(usize, Kind, Option<String>, String)> {
        Some((rule, kind, Some(add.to_owned()), value.to_owned()))
    }

    #[test]
    fn the_directory_itself() {
        assert_eq!(
            near(&at("/home/u/work/acme")),
            found(0, Kind::Itself, "~/work/acme", "~/work/acme")
        );
        assert_eq!(near(&at("/data")), found(0, Kind::Itself, "/data", "/data"));
        let codex = Stream { agent: vec!["codex".into()], ..at("/home/u/clients/x") };
        assert_eq!(near(&codex), found(1, Kind::Itself, "~/clients/<client>", "~/clients/x"));
        assert_eq!(near(&at("/home/u/clients/x")), None, "another condition fails too");
        assert_eq!(near(&at("/home/u/work")), None);
    }

    #[test]
    fn case() {
        assert_eq!(
            near(&at("/home/u/Work/acme/Web")),
            found(0, Kind::Case, "~/Work/acme/*", "~/Work/acme/Web")
        );
        let session = Stream { tmux_session: vec!["personal-x".into()], ..Stream::default() };
        assert_eq!(near(&session), Some((2, Kind::Case, None, "personal-x".to_owned())));
        let both = Stream { agent: vec!["Codex".into()], ..at("/home/u/Clients/x/y") };
        let value = "~/Clients/x/y".to_owned();
        assert_eq!(near(&both), Some((1, Kind::Case, None, value)), "one glob would not help");
    }

    #[test]
    fn homes() {
        for home in ["/home/other", "/Users/u", "/root"] {
            let cwd = format!("{home}/work/acme/x");
            assert_eq!(near(&at(&cwd)), found(0, Kind::Home, home, &cwd));
        }
        assert_eq!(near(&at("/srv/work/acme/x")), None);
        assert_eq!(near(&at("/home/other/data/x")), None, "not below '~'");
    }

    #[test]
    fn not_every_home_is_tried() {
        let file = SourceFile::new("config.toml", RULES);
        let rules = check(&file, &Env { home: Some("/home/u".to_owned()) }).rules.unwrap();
        let mut near = Near::new(&file, &rules);
        let mut is_near = |n: usize| near.of(&at(&format!("/home/u{n}/work/acme/x"))).is_some();
        assert!((0..MOST_HOMES).all(&mut is_near));
        assert!(!is_near(MOST_HOMES) && is_near(0));
    }

    /// What the table of small letters says is what the rules in small letters say.
    #[test]
    fn folded_rules_are_found_like_others() {
        let text = r#"
[[rules.auto_tag]]
match = { repo = "A[A-Zb]{C,c,É}?", agent = ["X", "ü*"] }
tags = ["a"]

[[rules.auto_tag]]
enabled = false
when = "repo ~ 'a*'"
tags = ["off"]

[[rules.auto_tag]]
when = "not (repo ~ '[!A-C]*') and agent != 'Ü'"
tags = ["b"]
"#;
        let file = SourceFile::new("config.toml", text);
        let checkup = check(&file, &Env { home: None });
        let rules = checkup.rules.unwrap_or_else(|| panic!("{:?}", checkup.findings));
        let mut table = Folded::new(&rules);
        let slow: Vec<_> = rules.rules.iter().filter(|it| it.info.enabled).map(folded).collect();
        for repo in [None, Some("abcd"), Some("azéx"), Some("aBE\u{301}x"), Some("D"), Some("b")] {
            for agent in ["x", "üb", "U\u{308}", "y"] {
                let (repo, agent) = (repo.map(str::to_owned), vec![agent.to_owned()]);
                let stream = small(&Stream { repo, agent, ..Stream::default() });
                let expected = slow.iter().find(|it| it.holds(&stream)).map(|it| it.info.id);
                assert_eq!(table.first_match(&stream), expected, "{stream:?}");
            }
        }
    }
}
