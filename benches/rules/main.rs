//! The decision table against libraries, and against what reading the values costs.
//!
//! `cargo bench --bench rules` prints nanoseconds per stream, one thread, and the goals as ratios
//! within the run. `TT_BENCH_RULES=1000` stops at a thousand rules, `TT_BENCH_STREAMS=20000` takes
//! fewer streams, `TT_BENCH_MIX=multi-star` runs one mix, `TT_BENCH_PEERS=0` leaves the libraries
//! out.
//!
//! Not criterion: what counts is the ratio of engines within a run, over many configurations. The
//! engines take turns and each is told by its median, so that a noisy machine is noisy for all.
//! Every engine's answers are compared with those of the others before anything is measured.

#![allow(clippy::expect_used, reason = "a benchmark that cannot run has nothing better to do")]

mod mixes;
mod peers;

use std::time::{Duration, Instant};

use globset::GlobSet;
use mixes::{Case, HOME, Mix};
use peers::{ByteWalk, Engine, HashAndProbe, LazyDfa, Naive, Patterns, PerField};
use regex::bytes::RegexSet;
use tt::diag::SourceFile;
use tt::rules::{Env, Rules, Scratch, Stream};

const ROUNDS: usize = 5;
/// How long a round of an engine may take; slow ones get fewer streams.
const ROUND: Duration = Duration::from_millis(80);
/// A library that took longer to build is left out of larger sizes.
const PATIENCE: Duration = Duration::from_secs(4);
/// A library that took longer for a stream is left out of larger sizes.
const TOO_SLOW: f64 = 1e6;
/// Streams of a round at least.
const FEW: usize = 40;
/// How many streams all engines must agree on.
const SAMPLE: usize = 300;

struct Ours<'r> {
    rules: &'r Rules,
    scratch: Scratch,
}

impl Engine for Ours<'_> {
    fn first(&mut self, stream: &Stream) -> Option<usize> {
        self.rules.first_match_with(stream, &mut self.scratch).map(|id| id.index())
    }
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

type Named<'e> = (&'static str, Box<dyn Engine + 'e>);

/// Nanoseconds per stream of each engine.
fn measure(engines: &mut [Named<'_>], streams: &[Stream]) -> Vec<f64> {
    let run = |engine: &mut dyn Engine, count: usize| {
        let start = Instant::now();
        let hits = streams[..count].iter().filter(|stream| engine.first(stream).is_some()).count();
        std::hint::black_box(hits);
        start.elapsed()
    };
    let mut counts = Vec::new();
    for (_, engine) in engines.iter_mut() {
        let each = run(&mut **engine, FEW).as_nanos() / FEW as u128;
        let count = (ROUND.as_nanos() / each.max(1)) as usize;
        counts.push(count.clamp(FEW, streams.len()));
    }
    let mut times = vec![Vec::new(); engines.len()];
    // The first round is for caches and is not told.
    for round in 0..=ROUNDS {
        for (((_, engine), count), times) in engines.iter_mut().zip(&counts).zip(&mut times) {
            let time = run(&mut **engine, *count).as_secs_f64() * 1e9 / *count as f64;
            if round > 0 {
                times.push(time);
            }
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    times.into_iter().map(median).collect()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (work(), start.elapsed())
}

/// Libraries that are still worth waiting for.
struct Patience {
    given_up: Vec<(&'static str, String)>,
}

impl Patience {
    fn build<'e, P: Patterns + 'e>(
        &mut self,
        name: &'static str,
        case: &'e Case,
        engines: &mut Vec<Named<'e>>,
    ) -> Option<Duration> {
        if let Some((_, why)) = self.given_up.iter().find(|(given_up, _)| *given_up == name) {
            println!("    {name:<22} left out: {why}");
            return None;
        }
        let (built, took) = timed(|| PerField::<P>::build(&case.rules));
        match built {
            Ok(engine) => {
                if took > PATIENCE {
                    let rules = case.rules.len();
                    self.given_up.push((name, format!("{took:.1?} to build {rules} rules")));
                }
                engines.push((name, Box::new(engine)));
                Some(took)
            }
            Err(why) => {
                let why: String = why.chars().take(60).collect();
                println!("    {name:<22} cannot be built: {why}");
                self.given_up.push((name, why));
                None
            }
        }
    }
}

/// What a size of a mix measured.
struct Result {
    mix: Mix,
    rules: usize,
    seen: Vec<(&'static str, f64)>,
    new: Vec<(&'static str, f64)>,
    compile: Duration,
    globset: Option<Duration>,
    bytes: f64,
}

impl Result {
    fn of(&self, seen: bool, name: &str) -> Option<f64> {
        let all = if seen { &self.seen } else { &self.new };
        all.iter().find(|(it, _)| *it == name).map(|(_, ns)| *ns)
    }

    /// The fastest library.
    fn best_peer(&self, seen: bool) -> Option<f64> {
        PEERS.iter().filter_map(|peer| self.of(seen, peer)).min_by(f64::total_cmp)
    }
}

const WALK: &str = "byte walk";
const PROBE: &str = "hash and probe";
const OURS: &str = "tt";
const UNCACHED: &str = "tt, no cache";
const GLOBSET: &str = "globset per field";
const REGEX: &str = "RegexSet per field";
const LAZY: &str = "lazy DFA per field";
const NAIVE: &str = "rule by rule";
const PEERS: [&str; 4] = [GLOBSET, REGEX, LAZY, NAIVE];

fn run(mix: Mix, count: usize, streams: usize, patience: &mut Patience, peers: bool) -> Result {
    println!("\n{} {count}", mix.name());
    let case = Case::new(mix, count);
    let toml = case.toml();
    let env = Env { home: Some(HOME.to_owned()) };
    let file = SourceFile::new("config.toml", toml.as_str());
    let (checkup, check) = timed(|| tt::rules::check(&file, &env));
    let checked = checkup.rules.expect("the mixes are sound");
    let mut compile = Duration::MAX;
    for _ in 0..3 {
        compile = compile.min(timed(|| checked.compile()).1);
    }
    let rules = checked.compile();
    let bytes = rules.memory_usage() as f64 / count as f64;
    let seen = case.streams(mix, streams, true);
    let new = case.streams(mix, streams, false);

    let ours = |scratch| Box::new(Ours { rules: &rules, scratch });
    let mut engines: Vec<Named<'_>> = vec![
        (WALK, Box::new(ByteWalk::new())),
        (PROBE, Box::new(HashAndProbe::new(&seen))),
        (OURS, ours(Scratch::default())),
        (UNCACHED, ours(Scratch::without_cache())),
    ];
    let mut globset = None;
    if peers {
        globset = patience.build::<GlobSet>(GLOBSET, &case, &mut engines);
        patience.build::<RegexSet>(REGEX, &case, &mut engines);
        patience.build::<LazyDfa>(LAZY, &case, &mut engines);
    }
    if count <= 1_000 || !peers {
        engines.push((NAIVE, Box::new(Naive(&case.rules))));
    }
    agree(&mut engines, &[&seen[..], &new[..]]);
    if count > 1_000 {
        engines.retain(|(name, _)| *name != NAIVE);
    }
    let seen_ns = measure(&mut engines, &seen);
    let new_ns = measure(&mut engines, &new);
    println!("    {:<22} {:>10} {:>10}   times walk, new   times probe, seen", "", "seen", "new");
    for (((name, _), seen), new) in engines.iter().zip(&seen_ns).zip(&new_ns) {
        let (walk, probe) = (new / new_ns[0], seen / seen_ns[1]);
        println!("    {name:<22} {seen:>10.0} {new:>10.0}   {walk:>15.2}   {probe:>17.2}");
    }
    for ((name, _), ns) in engines.iter().zip(&new_ns).filter(|(_, ns)| **ns > TOO_SLOW) {
        let why = format!("{:.1} ms a stream with {count} rules", ns / 1e6);
        patience.given_up.push((name, why));
    }
    print!("    compile {compile:.1?} (the check before it {check:.1?}), {bytes:.0} bytes a rule");
    match globset {
        Some(globset) => println!("; globset is built in {globset:.1?}"),
        None => println!(),
    }
    let names = || engines.iter().map(|(name, _)| *name);
    Result {
        mix,
        rules: count,
        seen: names().zip(seen_ns).collect(),
        new: names().zip(new_ns).collect(),
        compile,
        globset,
        bytes,
    }
}

/// Stops unless all engines give the same first matches.
fn agree(engines: &mut [Named<'_>], streams: &[&[Stream]]) {
    let mut hits = 0;
    for stream in streams.iter().flat_map(|streams| streams.iter().take(SAMPLE)) {
        let mut answers = engines
            .iter_mut()
            .filter(|(name, _)| ![WALK, PROBE].contains(name))
            .map(|(name, engine)| (*name, engine.first(stream)));
        let (first, expected) = answers.next().expect("ours");
        hits += usize::from(expected.is_some());
        for (name, answer) in answers {
            assert_eq!(answer, expected, "{name} against {first} on {stream:?}");
        }
    }
    println!("    {hits} of {} streams of the sample match a rule", 2 * SAMPLE);
}

fn goals(results: &[Result]) {
    println!("\nGoals, as ratios within this run");
    let of = |mix, rules| results.iter().find(|it| it.mix == mix && it.rules == rules);
    let tell = |what: &str, ratio: Option<f64>, goal: f64, at_most: bool| {
        let Some(ratio) = ratio else { return };
        let met = if at_most { ratio <= goal } else { ratio >= goal };
        let (sign, met) = (if at_most { "≤" } else { "≥" }, if met { "met" } else { "NOT met" });
        println!("    {what:<58} {ratio:>7.2}   {sign} {goal:<5} {met}");
    };
    let div = |a: Option<f64>, b: Option<f64>| Some(a? / b?);
    let new = |it: &Result| it.of(false, UNCACHED);
    use Mix::{ExactSuffix, MultiStar, Realistic};
    for (mix, rules, goal) in [
        (Realistic, 10_000, 2.0),
        (Realistic, 100_000, 2.5),
        (MultiStar, 10_000, 3.5),
        (MultiStar, 100_000, 6.5),
    ] {
        let Some(it) = of(mix, rules) else { continue };
        let what = format!("new, {} {rules}: times the byte walk", mix.name());
        tell(&what, div(new(it), it.of(false, WALK)), goal, true);
    }
    for (rules, goal) in [(10_000, 4.5), (100_000, 25.0)] {
        let Some(it) = of(Realistic, rules) else { continue };
        let what = format!("new, realistic {rules}: the best library, times ours");
        tell(&what, div(it.best_peer(false), new(it)), goal, false);
    }
    for (rules, goal) in [(10_000, 1.25), (100_000, 1.5)] {
        let Some(it) = of(Realistic, rules) else { continue };
        let what = format!("seen, realistic {rules}: times hash and probe");
        tell(&what, div(it.of(true, OURS), it.of(true, PROBE)), goal, true);
    }
    for it in results {
        let what = format!("new, {} {}: with cache, times without", it.mix.name(), it.rules);
        tell(&what, div(it.of(false, OURS), new(it)), 1.2, true);
    }
    for mix in Mix::ALL {
        let (Some(few), Some(many)) = (of(mix, 10), of(mix, 100_000)) else { continue };
        let seen = div(many.of(true, OURS), few.of(true, OURS));
        tell(&format!("seen, {}: 100,000 rules, times 10", mix.name()), seen, 2.0, true);
        let growth = div(new(many), new(few));
        tell(&format!("new, {}: 100,000 rules, times 10", mix.name()), growth, 2.5, true);
    }
    for rules in [10_000, 100_000] {
        let Some(it) = of(ExactSuffix, rules) else { continue };
        let what = format!("new, exact+suffix {rules}: globset, times ours");
        tell(&what, div(it.of(false, GLOBSET), new(it)), 2.5, false);
    }
    for it in results.iter().filter(|it| it.rules <= 100) {
        for seen in [true, false] {
            let kind = if seen { "seen" } else { "new" };
            let what = format!("{kind}, {} {}: the best peer, times ours", it.mix.name(), it.rules);
            let ours = if seen { it.of(true, OURS) } else { new(it) };
            tell(&what, div(it.best_peer(seen), ours), 1.0, false);
        }
    }
    for it in results {
        let (mix, rules) = (it.mix.name(), it.rules);
        if rules == 10 {
            let ms = it.compile.as_secs_f64() * 1e3;
            tell(&format!("compile, {mix} 10: milliseconds"), Some(ms), 1.0, true);
        }
        if rules == 10_000 {
            let globset = it.globset.map(|it| it.as_secs_f64());
            let ratio = div(globset, Some(it.compile.as_secs_f64()));
            tell(&format!("compile, {mix} 10000: globset, times ours"), ratio, 10.0, false);
        }
        if rules >= 10_000 {
            tell(&format!("memory, {mix} {rules}: bytes a rule"), Some(it.bytes), 300.0, true);
        }
    }
}

fn main() {
    let most = setting("TT_BENCH_RULES", 100_000);
    let streams = setting("TT_BENCH_STREAMS", 100_000).max(SAMPLE);
    let peers = setting("TT_BENCH_PEERS", 1) > 0;
    let only = std::env::var("TT_BENCH_MIX").ok();
    let mut results = Vec::new();
    for mix in Mix::ALL {
        if only.as_deref().is_some_and(|only| only != mix.name()) {
            continue;
        }
        let mut patience = Patience { given_up: Vec::new() };
        for count in [10, 100, 1_000, 10_000, 100_000] {
            if count <= most {
                results.push(run(mix, count, streams, &mut patience, peers));
            }
        }
    }
    goals(&results);
}
