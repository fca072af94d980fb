//! # Rules: which tags a stream gets
//!
//! A rule file is TOML; each `[[rules.auto_tag]]` is a rule, and the first whose condition holds
//! for a stream gives it its tags:
//!
//! ```toml
//! [[rules.auto_tag]]
//! name = "Acme projects"
//! match = { primary_cwd = "~/work/acme/*" }
//! tags = ["acme", "billable"]
//! ```
//!
//! The list is compiled once per run. Each stage owns one step and none reaches back:
//!
//! ```text
//! config text ─▶ syntax ─▶ ir ─▶ table ─▶ engine ─▶ RuleId ─▶ fill ─▶ tags, project
//!                 what      what   all     one
//!                 was       is     rules   stream
//!                 written   meant  at once
//! ```
//!
//! | stage | owns | its essay |
//! | --- | --- | --- |
//! | syntax | text and place | [`syntax`] |
//! | ir | fields, types, patterns, templates; every finding about a rule | [`ir`] |
//! | table | speed: the compiled form | [`table`] |
//! | engine | one search | [`engine`] |
//! | fill | captures in tags | [`fill`] |
//! | analysis | which rules can win, beside the table | [`analysis`] |
//! | cases | the tests in the file, and what they cover | [`cases`] |
//! | why, near | what one rule says of one stream, and which one it just misses | [`why`], [`near`] |
//!
//! This module is the façade, and the only one that names them all:
//!
//! ```
//! use tt::diag::SourceFile;
//! use tt::rules::{Env, Stream, check};
//!
//! let file = SourceFile::new("config.toml", r#"
//! [[rules.auto_tag]]
//! match = { primary_cwd = "~/clients/<client>/*" }
//! tags = ["client:<client>", "billable"]
//! "#);
//! let env = Env { home: Some("/home/sami".into()) };
//! let checkup = check(&file, &env);
//! assert!(checkup.findings.is_empty());
//!
//! let rules = checkup.rules.expect("no error, so there are rules").compile();
//! let stream = Stream {
//!     primary_cwd: Some("/home/sami/clients/acme/web".into()),
//!     ..Stream::default()
//! };
//! let winner = rules.first_match(&stream).expect("it matches");
//! assert_eq!(rules.rule(winner).title(), "rule 1");
//! assert_eq!(rules.outcome(winner, &stream).tags, ["client:acme", "billable"]);
//! ```
//!
//! INVARIANT (fail closed): with an error in the file there is nothing to compile, so no rule runs.
//!
//! INVARIANT (first match): [`Rules::first_match`] gives exactly the first enabled rule, in file
//! order, whose conditions hold. The interpreter in `tests/rules/oracle.rs` is the definition.

pub mod advice;
pub mod analysis;
pub mod cases;
pub mod dump;
pub mod engine;
pub mod fields;
pub mod fill;
pub mod fix;
pub mod format;
pub mod ir;
pub mod lang;
pub mod lints;
pub mod near;
pub mod show;
mod stream;
pub mod syntax;
pub mod table;
pub mod why;

use std::sync::{Mutex, PoisonError};

use crate::diag::{Code, Finding, Level, Levels, Sink, SourceFile};
pub use analysis::Analysis;
pub use cases::Cases;
pub use engine::Scratch;
pub use fill::Outcome;
pub use ir::{
    Atom, Checked, Part, Pattern, Predicate, Rule, RuleId, RuleInfo, RuleSet, Template, Test,
};
pub use stream::Stream;
pub use syntax::embedded::Text;
pub use table::dump::TableDump;

use engine::TableId;
use fill::Filler;
use table::Table;

/// What the rules need to know about the machine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Env {
    /// `$HOME`, which `~` stands for; an empty one counts as none.
    pub home: Option<String>,
}

/// Compiles a glob that stands outside of rules, `~` being any of `homes`; it matches where any of
/// the patterns does.
///
/// # Errors
///
/// All mistakes of the glob, a `~` that stands for nothing among them.
pub fn glob(text: &Text, homes: &[String]) -> Result<Vec<Pattern>, Vec<Finding>> {
    ir::lower::glob(text, homes)
}

/// What a check says.
#[derive(Debug)]
pub struct Checkup {
    /// Everything found, in the order of the file; warnings too.
    pub findings: Vec<Finding>,
    /// The rules, if nothing found is an error.
    pub rules: Option<Checked<RuleSet>>,
    /// The tests of the rules, if there are rules.
    pub cases: Cases,
}

/// Reads and checks the rules of a file. Tables other than `[rules]` are not looked at.
///
/// All mistakes are found in one run, as far as TOML can be read past its errors. Costs a few
/// passes over the text.
#[must_use]
pub fn check(file: &SourceFile, env: &Env) -> Checkup {
    let mut sink = Sink::default();
    let written = syntax::toml::parse(file, &mut sink);
    let rules = ir::lower::check(&written, file, env, &mut sink);
    let cases = cases::check(&written.cases, rules.as_ref(), file, &mut sink);
    let findings = syntax::without_consequences(file, sink.into_findings());
    Checkup { findings, rules, cases }
}

/// What a review is asked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// How hard to try, and what to look for beside the verdicts. Overlaps are looked for where
    /// the levels want them, too.
    pub options: analysis::Options,
    /// Levels that go before those of the file.
    pub levels: Levels,
}

/// What a review says.
#[derive(Debug)]
pub struct Review {
    /// Everything found, in the order of the file: mistakes, and what was proven of the rules, as
    /// the levels and the allowances of the file have it.
    pub findings: Vec<Finding>,
    /// The rules and what was proven of each, if nothing found stops them.
    pub rules: Option<(Checked<RuleSet>, Analysis)>,
}

/// Checks the rules of a file, and where they are sound, decides of every rule whether it can ever
/// win and what it is good for.
///
/// Costs what [`check`] and [`analysis::analyse`] cost.
#[must_use]
pub fn review(file: &SourceFile, env: &Env, asked: &Asked) -> Review {
    let mut sink = Sink::default();
    let written = syntax::toml::parse(file, &mut sink);
    let rules = ir::lower::check(&written, file, env, &mut sink);
    let cases = cases::check(&written.cases, rules.as_ref(), file, &mut sink);
    let levels = lints::levels(&written.lints, &mut sink).overridden_by(&asked.levels);
    let mut options = asked.options;
    options.overlaps |= levels.of(Code::Overlap) != Level::Allow;
    let rules = rules.map(|rules| {
        let analysis = analysis::analyse(&rules, &options);
        (rules, analysis)
    });
    let headers: Vec<_> = written.rules.iter().map(|rule| rule.header).collect();
    let layout = syntax::layout::layout(file, &headers);
    let mut findings = syntax::without_consequences(file, sink.into_findings());
    if let Some((rules, analysis)) = &rules {
        let cutter = syntax::edits::Cutter::new(file, &layout, &headers);
        let advice = advice::findings(rules, analysis, &findings, &cases, cutter);
        findings.extend(advice);
    }
    let complete = |code| {
        let judged = rules.as_ref().map(|(_, analysis)| analysis.is_complete(code));
        judged.unwrap_or_default() && levels.of(code) != Level::Allow
    };
    let findings = lints::allowed(file, &layout, findings, &complete);
    let findings = findings.into_iter().filter_map(|finding| levels.apply(finding)).collect();
    Review { findings, rules }
}

impl Checked<RuleSet> {
    /// Compiles the rules into the form that decides streams.
    #[must_use]
    pub fn compile(&self) -> Rules {
        let fillers = self.rules.iter().map(Filler::new).collect();
        let infos = self.rules.iter().map(|rule| rule.info.clone()).collect();
        let table = Table::compile(self);
        Rules { id: TableId::fresh(), table, infos, fillers, pool: Mutex::default() }
    }
}

/// Compiled rules: immutable, to be shared between threads.
#[derive(Debug)]
pub struct Rules {
    id: TableId,
    table: Table,
    infos: Vec<RuleInfo>,
    fillers: Vec<Filler>,
    /// Scratches of [`Rules::first_match`] that are not in use.
    pool: Mutex<Vec<Scratch>>,
}

impl Rules {
    /// Checks and compiles a rule file.
    ///
    /// ```
    /// use tt::rules::{Env, Rules, Stream};
    ///
    /// let config = r#"
    /// [[rules.auto_tag]]
    /// match = { primary_cwd = "/srv/*", agent = ["codex", "claude-*"] }
    /// tags = ["servers"]
    /// "#;
    /// let rules = Rules::compile(config, &Env::default()).expect("no mistakes");
    /// let stream = Stream {
    ///     primary_cwd: Some("/srv/web".into()),
    ///     agent: vec!["codex".into()],
    ///     ..Stream::default()
    /// };
    /// let hit = rules.first_match(&stream);
    /// assert_eq!(hit.map(|id| rules.rule(id).line), Some(3));
    /// ```
    ///
    /// # Errors
    ///
    /// With an error in the file, everything that was found, warnings too. To have warnings of a
    /// sound file, use [`check`].
    pub fn compile(text: &str, env: &Env) -> Result<Self, Vec<Finding>> {
        let checkup = check(&SourceFile::new("config.toml", text), env);
        checkup.rules.map(|rules| rules.compile()).ok_or(checkup.findings)
    }

    /// The first enabled rule that holds for the stream.
    ///
    /// Any number of threads may ask at the same time. In a loop,
    /// [`first_match_with`](Self::first_match_with) saves a lock per stream.
    #[must_use]
    pub fn first_match(&self, stream: &Stream) -> Option<RuleId> {
        // A thread that panicked while it held the lock left whole scratches behind.
        let pool = || self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = pool().pop().unwrap_or_default();
        let found = self.first_match_with(stream, &mut scratch);
        pool().push(scratch);
        found
    }

    /// The first enabled rule that holds for the stream, with a scratch of the caller's.
    ///
    /// Costs about the length of the stream's texts, however many rules there are; a text that the
    /// scratch has met before costs one look-up.
    #[must_use]
    pub fn first_match_with(&self, stream: &Stream, scratch: &mut Scratch) -> Option<RuleId> {
        engine::first_match(&self.table, self.id, stream, scratch)
    }

    /// What the decision table made of the rules, for people; it can be displayed.
    #[must_use]
    pub fn describe(&self) -> TableDump {
        self.table.describe()
    }

    /// Name and place of a rule.
    ///
    /// # Panics
    ///
    /// With the id of a rule of another file.
    #[must_use]
    pub fn rule(&self, id: RuleId) -> &RuleInfo {
        &self.infos[id.index()]
    }

    /// All rules in file order, disabled ones included.
    #[must_use]
    pub fn all(&self) -> &[RuleInfo] {
        &self.infos
    }

    /// Bytes that the decision table occupies; names and templates of the rules come on top.
    #[must_use]
    pub fn memory_usage(&self) -> usize {
        self.table.memory_usage()
    }

    /// What a rule gives to a stream that it won; nothing for the id of a rule of another file.
    #[must_use]
    pub fn outcome(&self, id: RuleId, stream: &Stream) -> Outcome {
        self.fillers.get(id.index()).map(|filler| filler.fill(stream)).unwrap_or_default()
    }
}
