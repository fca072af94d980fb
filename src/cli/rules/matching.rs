//! `tt rules match`: rules over streams from a file, one line of JSON out for every line in.

use std::collections::BTreeSet;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{read_or_config, shape, sound};
use crate::cli::app::App;
use crate::cli::args::MatchArgs;
use crate::cli::error::{Failure, Outcome};
use crate::cli::say;
use crate::rules::{Env, Rules, Scratch, Stream};

pub(super) fn run(app: &App, args: &MatchArgs, out: &mut dyn Write) -> Outcome {
    let file = read_or_config(app, args.rules.as_deref())?;
    let env = Env { home: args.home.clone().or_else(|| app.rules_env().home) };
    let begun = Instant::now();
    let rules = sound(app, &file, &env)?.compile();
    let compiling = begun.elapsed();
    let mut scratch = if args.no_cache { Scratch::without_cache() } else { Scratch::default() };
    let mut input = Input::open(app, &args.streams)?;
    if args.stats {
        let mut streams = Vec::new();
        while let Some(line) = input.next()? {
            streams.push(line);
        }
        let sound: Vec<&Stream> = streams.iter().flatten().collect();
        let timed = measure(&rules, &sound, &mut scratch, args.repeat);
        for stream in &streams {
            writeln!(out, "{}", answer(&rules, stream, &mut scratch))?;
        }
        out.flush()?;
        say(&statistics(&rules, &sound, compiling, &timed).to_string());
    } else {
        while let Some(stream) = input.next()? {
            writeln!(out, "{}", answer(&rules, &stream, &mut scratch))?;
        }
    }
    input.finish()
}

/// What the rules say of a stream; of a line that is none, what is wrong with it.
fn answer(rules: &Rules, stream: &Result<Stream, String>, scratch: &mut Scratch) -> Value {
    let nothing = json!({ "rule": null, "name": null, "tags": [], "project": null });
    match stream {
        Err(why) => {
            let mut answer = nothing;
            answer["error"] = why.as_str().into();
            answer
        }
        Ok(stream) => rules.first_match_with(stream, scratch).map_or(nothing, |id| {
            let outcome = rules.outcome(id, stream);
            json!({
                "rule": id.index(),
                "name": rules.rule(id).title(),
                "tags": outcome.tags,
                "project": outcome.project,
            })
        }),
    }
}

/// How long each pass over all streams took.
struct Timed {
    first: Duration,
    /// The passes after the first, shortest first.
    further: Vec<Duration>,
}

fn measure(rules: &Rules, streams: &[&Stream], scratch: &mut Scratch, repeat: usize) -> Timed {
    let mut pass = || {
        let begun = Instant::now();
        for stream in streams {
            black_box(rules.first_match_with(stream, scratch));
        }
        begun.elapsed()
    };
    let first = pass();
    let mut further: Vec<_> = (0..repeat).map(|_| pass()).collect();
    further.sort_unstable();
    Timed { first, further }
}

fn statistics(rules: &Rules, streams: &[&Stream], compiling: Duration, timed: &Timed) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "a count of streams, far below 2^52")]
    let each = |pass: Duration| pass.as_secs_f64() * 1e9 / streams.len().max(1) as f64;
    let tenths = |value: f64| (value * 10.0).round() / 10.0;
    let median = timed.further.get(timed.further.len() / 2).copied().unwrap_or(timed.first);
    json!({
        "rules": rules.all().len(),
        "streams": streams.len(),
        "compile_ms": (compiling.as_secs_f64() * 1e6).round() / 1e3,
        "table_bytes": rules.memory_usage(),
        "first_pass_ns": tenths(each(timed.first)),
        "warm_ns": tenths(each(median)),
        "runs": timed.further.len() + 1,
    })
}

/// The lines of the streams' file.
struct Input<'a> {
    app: &'a App,
    name: String,
    lines: io::Split<Box<dyn BufRead>>,
    line: usize,
    bad: usize,
    unknown: BTreeSet<String>,
}

impl<'a> Input<'a> {
    fn open(app: &'a App, path: &Path) -> Result<Self, Failure> {
        let name = if path == Path::new("-") { "stdin".into() } else { path.display().to_string() };
        let reader: Box<dyn BufRead> = if name == "stdin" {
            Box::new(BufReader::new(io::stdin()))
        } else {
            let file = File::open(path)
                .map_err(|error| Failure::Failed(format!("cannot read {name}: {error}")))?;
            Box::new(BufReader::new(file))
        };
        let lines = reader.split(b'\n');
        Ok(Self { app, name, lines, line: 0, bad: 0, unknown: BTreeSet::new() })
    }

    /// The next stream, or what is wrong with the line that should be one; empty lines are
    /// nothing.
    fn next(&mut self) -> Result<Option<Result<Stream, String>>, Failure> {
        for line in self.lines.by_ref() {
            self.line += 1;
            let line = line
                .map_err(|error| Failure::Failed(format!("cannot read {}: {error}", self.name)))?;
            // What some editors begin a file with.
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line);
            if line.trim_ascii().is_empty() {
                continue;
            }
            let text = std::str::from_utf8(line).map_err(|error| format!("not UTF-8: {error}"));
            return Ok(Some(match text.and_then(|text| shape::read(text, self.app.env.zone)) {
                Ok(read) => {
                    self.unknown.extend(read.unknown);
                    Ok(read.stream)
                }
                Err(why) => {
                    self.bad += 1;
                    say(&format!("Error: {} line {}: {why}", self.name, self.line));
                    Err(why)
                }
            }));
        }
        Ok(None)
    }

    fn finish(self) -> Outcome {
        if !self.unknown.is_empty() {
            let keys: Vec<_> = self.unknown.iter().map(|key| crate::diag::quote(key)).collect();
            say(&format!(
                "Warning: {}: keys that mean nothing here: {}",
                self.name,
                keys.join(", ")
            ));
        }
        if self.bad > 0 { Err(Failure::Found) } else { Ok(()) }
    }
}
