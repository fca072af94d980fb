//! `tt rules test --generate`: a passing test for every rule that has none.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cli::app::App;
use crate::cli::error::{Failure, Outcome};
use crate::cli::rules::check::called;
use crate::cli::rules::sound;
use crate::cli::{count, files, say};
use crate::diag::SourceFile;
use crate::rules::analysis::{self, Options};
use crate::rules::cases::generate::{Generated, missing};
use crate::rules::{self, cases};

pub(super) fn run(
    app: &App,
    files: Vec<(PathBuf, SourceFile)>,
    write: bool,
    out: &mut dyn Write,
) -> Outcome {
    let several = files.len() > 1;
    let mut printed = false;
    for (path, file) in files {
        let tests = generated(app, &file)?;
        let added = count(tests.len() as u64, "test");
        if tests.is_empty() {
            say(&format!("{}: nothing to add", file.name()));
        } else if write {
            append(app, &path, &file, &tests)?;
            writeln!(out, "{}: {added} added", file.name())?;
        } else {
            if printed {
                writeln!(out)?;
            }
            if several {
                writeln!(out, "# {}", file.name())?;
            }
            write!(out, "{}", tests.join("\n"))?;
            printed = true;
        }
    }
    Ok(())
}

/// The tests that are missing; rules for which there can be none are named on stderr.
fn generated(app: &App, file: &SourceFile) -> Result<Vec<String>, Failure> {
    let rules = sound(app, file, &app.rules_env())?;
    let cases = rules::check(file, &app.rules_env()).cases;
    let analysis = analysis::analyse(&rules, &Options::default());
    let Generated { cases, left } = missing(&rules, &rules.compile(), &analysis, &cases.sound);
    for rule in left.iter().filter_map(|id| rules.rules.get(id.index())) {
        let (name, rule, line) = (file.name(), called(&rule.info), rule.info.line);
        say(&format!("{name}: no test can be written for {rule} (line {line})"));
    }
    Ok(cases.into_iter().map(|(_, case)| case).collect())
}

/// Adds tests at the end of the file; everything before them stays as it is.
fn append(app: &App, path: &Path, file: &SourceFile, tests: &[String]) -> Outcome {
    let old = file.text();
    let mut new = old.to_owned();
    let newline = if old.contains("\r\n") { "\r\n" } else { "\n" };
    if !new.is_empty() && !new.ends_with('\n') {
        new.push_str(newline);
    }
    for test in tests {
        new.push_str(newline);
        new.push_str(&test.replace('\n', newline));
    }
    if !all_pass(app, &new, tests.len()) {
        return Err(Failure::Failed(format!(
            "tests cannot be added at the end of {}\n  It was left as it is. \
             'tt rules test --generate' prints them.",
            file.name()
        )));
    }
    files::replace(path, old, &new).map_err(|error| {
        Failure::Failed(format!("cannot write {}: {error}\n  It was left as it is.", file.name()))
    })
}

/// Whether the last so many tests of a file pass.
fn all_pass(app: &App, text: &str, last: usize) -> bool {
    let checkup = rules::check(&SourceFile::new("", text), &app.rules_env());
    let Some(rules) = checkup.rules else { return false };
    let runs = cases::run::run(&checkup.cases.sound, &rules, &rules.compile());
    runs.len() >= last && runs.iter().rev().take(last).all(|run| run.passed)
}
