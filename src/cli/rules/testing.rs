//! `tt rules test`: the tests in the rule file, what they say, and what they leave open.

mod forms;
mod generate;
mod text;

use std::io::Write;
use std::path::PathBuf;

use crate::cli::app::{App, RulesState};
use crate::cli::args::{TestArgs, TestFormat};
use crate::cli::error::{Failure, Outcome};
use crate::cli::{say, write_json};
use crate::diag::{Code, Finding, SourceFile};
use crate::rules::analysis::{self, Budget, Options};
use crate::rules::cases::coverage::{Coverage, Tally, coverage};
use crate::rules::cases::run::{self, Run};
use crate::rules::cases::{Case, CaseInfo};
use crate::rules::{self, Cases, Checked, RuleSet, Rules};

pub(super) fn run(app: &App, args: &TestArgs, out: &mut dyn Write) -> Outcome {
    let files = files(app, args)?;
    if args.generate {
        return generate::run(app, files, args.write, out);
    }
    let coverage = args.coverage || args.fail_under.is_some();
    let tested: Vec<_> =
        files.into_iter().map(|(_, file)| Tested::new(file, app, coverage)).collect();
    match args.format {
        TestFormat::Text => text::write(&tested, app.env.colour(app.env.out_is_terminal), out)?,
        TestFormat::Json => write_json(out, &forms::json(&tested))?,
        TestFormat::Junit => forms::junit(&tested, out)?,
    }
    out.flush()?;
    let short = args.fail_under.is_some_and(|least| falls_short(&tested, least));
    if short || tested.iter().any(Tested::fails) { Err(Failure::Found) } else { Ok(()) }
}

/// The files to test: those named, else the config, if there is one.
fn files(app: &App, args: &TestArgs) -> Result<Vec<(PathBuf, SourceFile)>, Failure> {
    if !args.files.is_empty() {
        let read = |path: &PathBuf| Ok((path.clone(), super::read(path)?));
        return args.files.iter().map(read).collect();
    }
    let config = app.read_config();
    match config.rules {
        RulesState::Missing => {
            say(&app.missing_config());
            Ok(Vec::new())
        }
        RulesState::Unreadable(why) => Err(Failure::Usage(why)),
        RulesState::Broken | RulesState::Ready(..) => Ok(vec![(app.config.clone(), config.source)]),
    }
}

/// Whether less is covered than is asked for, which is said.
fn falls_short(tested: &[Tested], least: u8) -> bool {
    let all = tested.iter().filter_map(|it| it.rules.as_ref()?.coverage.as_ref());
    let all = all.fold(Tally::default(), |sum, coverage| sum.plus(coverage.all()));
    let untested = least > 0 && tested.iter().all(Tested::is_untested);
    let short = untested || all.covered * 100 < u64::from(least) * all.total;
    if untested && all.total == 0 {
        say(&format!("Error: there are no tests, and {least}% are asked for"));
    } else if short {
        say(&format!("Error: {}% covered, and {least}% are asked for", all.percent()));
    }
    short
}

/// A file with what its tests say.
struct Tested {
    file: SourceFile,
    /// What is wrong with tests, and what stops the rules.
    findings: Vec<Finding>,
    /// If nothing stops them.
    rules: Option<Sound>,
}

struct Sound {
    rules: Checked<RuleSet>,
    table: Rules,
    cases: Cases,
    /// One per sound case.
    runs: Vec<Run>,
    coverage: Option<Coverage>,
}

impl Tested {
    fn new(file: SourceFile, app: &App, with_coverage: bool) -> Self {
        let mut checkup = rules::check(&file, &app.rules_env());
        checkup.findings.retain(|finding| {
            finding.stops()
                || matches!(finding.code, Code::BadTest | Code::TestedRule | Code::NoHome)
        });
        let rules = checkup.rules.map(|rules| {
            let (table, cases) = (rules.compile(), checkup.cases);
            let runs = run::run(&cases.sound, &rules, &table);
            let coverage = with_coverage.then(|| {
                let analysis = analysis::analyse(&rules, &Options::default());
                coverage(&rules, &table, &analysis, &cases.sound, Budget::default())
            });
            Sound { rules, table, cases, runs, coverage }
        });
        Self { file, findings: checkup.findings, rules }
    }

    fn is_untested(&self) -> bool {
        self.rules.as_ref().is_none_or(|it| it.cases.is_empty())
    }

    fn counts(&self) -> Counts {
        let Some(Sound { cases, runs, .. }) = &self.rules else { return Counts::default() };
        let passed = runs.iter().filter(|run| run.passed).count();
        Counts { passed, failed: runs.len() - passed, broken: cases.broken.len() }
    }

    fn fails(&self) -> bool {
        let Counts { failed, broken, .. } = self.counts();
        self.rules.is_none() || failed + broken > 0
    }

    /// What is tested, in the order of the file: a case that was run, or one that cannot be.
    fn each(&self) -> Vec<Each<'_>> {
        let Some(Sound { cases, runs, .. }) = &self.rules else { return Vec::new() };
        let ran = cases.sound.iter().zip(runs).map(|(case, run)| Each::Ran(case, run));
        let mut all: Vec<_> = ran.chain(cases.broken.iter().map(Each::Broken)).collect();
        all.sort_by_key(|each| each.info().index);
        all
    }
}

enum Each<'t> {
    Ran(&'t Case, &'t Run),
    Broken(&'t CaseInfo),
}

impl Each<'_> {
    const fn info(&self) -> &CaseInfo {
        match self {
            Self::Ran(case, _) => &case.info,
            Self::Broken(info) => info,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Counts {
    passed: usize,
    failed: usize,
    broken: usize,
}

impl Counts {
    const fn all(self) -> usize {
        self.passed + self.failed + self.broken
    }

    fn of(tested: &[Tested]) -> Self {
        tested.iter().map(Tested::counts).fold(Self::default(), |sum, it| Self {
            passed: sum.passed + it.passed,
            failed: sum.failed + it.failed,
            broken: sum.broken + it.broken,
        })
    }
}
