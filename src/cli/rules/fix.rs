//! `tt rules check --fix` and `--diff`: the files mended, or what that would change in them.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use similar::TextDiff;

use super::check::{self, Checked};
use crate::cli::app::App;
use crate::cli::args::{CheckArgs, FixArgs};
use crate::cli::error::{Failure, Outcome};
use crate::cli::table::harmless;
use crate::cli::{files, say};
use crate::diag::{Severity, SourceFile, render};
use crate::rules::fix::{self, Allowed, Fixed};
use crate::rules::{self, Asked};

/// A file, and where it was read from.
struct Target<'a> {
    path: &'a Path,
    file: SourceFile,
}

impl Target<'_> {
    fn is_stdin(&self) -> bool {
        self.path.as_os_str() == "-"
    }
}

/// Mends the files that were named, else the config, and then checks them; or shows what it would
/// change.
pub(super) fn run(app: &App, args: &CheckArgs, out: &mut dyn Write) -> Outcome {
    let FixArgs { fix, unsafe_fixes, diff } = args.fixing;
    if !fix && !diff {
        return Err(Failure::Usage("--unsafe-fixes goes with --fix or --diff".to_owned()));
    }
    let stdin = args.files.iter().any(|path| path.as_os_str() == "-");
    if stdin && !diff && args.files.len() > 1 {
        let why = "with --fix, '-' cannot be named beside other files";
        return Err(Failure::Usage(why.to_owned()));
    }
    let asked = check::asked(args)?;
    let (mut broken, mut changes) = (Vec::new(), false);
    for target in targets(app, args, &mut broken) {
        let fixed =
            fix::fix(&target.file, &app.rules_env(), &asked, Allowed { removals: unsafe_fixes });
        changes |= !fixed.done.is_empty();
        if diff {
            tell(&target, &fixed, "would be applied");
            let colour = app.env.colour(app.env.out_is_terminal);
            out.write_all(unified(&target.file, &fixed.text, colour).as_bytes())?;
        } else if target.is_stdin() {
            tell(&target, &fixed, "applied");
            out.write_all(fixed.text.as_bytes())?;
            return what_is_left(
                app,
                args,
                &asked,
                SourceFile::new(target.file.name(), fixed.text),
            );
        } else if !fixed.done.is_empty() {
            match files::replace(target.path, target.file.text(), &fixed.text) {
                Ok(()) => tell(&target, &fixed, "applied"),
                Err(error) => broken.push(format!(
                    "cannot write {}: {error}\n  It was left as it is.",
                    target.file.name()
                )),
            }
        }
    }
    if !broken.is_empty() {
        return Err(Failure::Broken(broken.join("\nError: ")));
    }
    match diff {
        false => check::check(app, args, out),
        true if changes && !args.exit_zero => Err(Failure::Found),
        true => Ok(()),
    }
}

/// The files, none twice. Why one cannot be read goes to `broken`; that there is no config is for
/// the check to say.
fn targets<'a>(app: &'a App, args: &'a CheckArgs, broken: &mut Vec<String>) -> Vec<Target<'a>> {
    let named = check::named(args);
    let config = (args.files.is_empty() && app.config.exists())
        .then(|| (app.config.as_path(), app.config_name()));
    let mut targets = Vec::new();
    for (path, name) in named.into_iter().chain(config) {
        let is_stream = path.as_os_str() != "-" && path.metadata().is_ok_and(|it| !it.is_file());
        if is_stream && !path.is_dir() {
            // It can be read but once, and nothing can take its place.
            broken.push(format!("cannot fix {}: it is no file", harmless(&name)));
            continue;
        }
        match super::read_as(path, &name) {
            Ok(file) => targets.push(Target { path, file }),
            Err(Failure::Broken(why)) => broken.push(why),
            Err(_) => {}
        }
    }
    targets
}

/// Says on stderr what was done to a file, or would be.
fn tell(target: &Target<'_>, fixed: &Fixed, what: &str) {
    if fixed.done.is_empty() {
        return;
    }
    let number = fixed.done.len() as u64;
    let noun = if number == 1 { "fix" } else { "fixes" };
    let name = harmless(target.file.name());
    let mut text = format!("{name}: {number} {noun} {what}");
    for it in &fixed.done {
        let _ = write!(text, "\n  line {}: {} ({})", it.at.line, harmless(&it.title), it.code);
    }
    say(&text);
}

/// The file from stdin went to stdout, so what is left goes to stderr.
fn what_is_left(app: &App, args: &CheckArgs, asked: &Asked, file: SourceFile) -> Outcome {
    let findings = rules::review(&file, &app.rules_env(), asked).findings;
    let colour = app.env.colour(app.env.err_is_terminal);
    if !findings.is_empty() {
        say(&render::human::render(&findings, &file, colour));
    }
    let fails = findings.iter().any(|it| it.severity == Severity::Error);
    if fails && !args.exit_zero { Err(Failure::Found) } else { Ok(()) }
}

/// The change of a file as a unified diff; empty if there is none.
fn unified(file: &SourceFile, text: &str, colour: bool) -> String {
    let name = harmless(file.name());
    let diff = TextDiff::from_lines(file.text(), text);
    let plain = diff.unified_diff().header(&name, &name).to_string();
    if !colour {
        return plain;
    }
    let painted = |line: &str| {
        let (body, end) = line.split_at(line.trim_end_matches(['\r', '\n']).len());
        let code = match body.chars().next() {
            Some('+') => "32",
            Some('-') => "31",
            Some('@') => "36",
            _ => return line.to_owned(),
        };
        format!("\u{1b}[{code}m{body}\u{1b}[0m{end}")
    };
    plain.split_inclusive('\n').map(painted).collect()
}

/// What can be fixed, as a line for people; nothing if nothing can.
pub(super) fn offer(checked: &[Checked]) -> Option<String> {
    let offers = checked.iter().map(|it| fix::offers(&it.findings, it.rules.is_some()));
    let (safe, more) = offers.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    match (safe, more) {
        (0, 0) => None,
        (0, more) => Some(format!("{more} can be fixed with --fix --unsafe-fixes")),
        (safe, 0) => Some(format!("{safe} can be fixed with --fix")),
        (safe, more) => {
            Some(format!("{safe} can be fixed with --fix ({more} more with --unsafe-fixes)"))
        }
    }
}
