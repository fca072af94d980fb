//! The decision table from outside: what it allocates, what it remembers, and which pattern gets
//! which strategy.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;

use tt::rules::{Rules, Scratch, Stream};

use crate::oracle;
use crate::support::{HOME, compile, rule_of};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts for each thread.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

#[allow(unsafe_code, reason = "an allocator is unsafe by nature; this one only passes calls on")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // While a thread ends there is nothing left to count in.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// Rules of every shape, and conditions on several fields.
fn mixed(count: usize) -> String {
    let mut file = String::new();
    for n in 0..count {
        let condition = match n % 8 {
            0 => format!("primary_cwd = '~/work/client{}/project{n}/*'", n % 50),
            1 => format!("tmux_session = 'client-{n}-*'"),
            2 => format!("git_branch = ['*-review-{n}', 'fix-{n}']"),
            3 => format!("primary_cwd = '*tool{n}*', agent = 'codex'"),
            // More and more of one letter, the longest first.
            4 => {
                let letters = "*y".repeat(60 - n / 8);
                format!("worktree = '*a*b{letters}*', duration = '>= {}m'", n % 90)
            }
            5 => format!("repo = 'own{n}/[a-f]?*', weekday = ['mon', 'tue']"),
            6 => format!("primary_cwd = '~/src/<x>/lib{n}', time = '09:00..17:30'"),
            _ => format!("git_branch = '{{a,b,c}}{n}/*', agent = '*'"),
        };
        writeln!(file, "[[rules.auto_tag]]\nmatch = {{ {condition} }}\ntags = ['t']").unwrap();
    }
    file
}

fn stream(n: usize) -> Stream {
    let work = format!("{HOME}/work/client{}/project{n}/src", n % 50);
    Stream {
        primary_cwd: Some(match n % 3 {
            0 => work,
            1 => format!("/opt/tool{n}/bin/e\u{301}"),
            _ => format!("{HOME}/src/it/lib{n}"),
        }),
        tmux_session: vec![format!("client-{}-x", n + 1), "main".to_owned()],
        agent: vec!["claude-code".to_owned(), "codex".to_owned()],
        git_branch: vec![format!("fix-{n}"), format!("b{n}/topic")],
        repo: Some(format!("own{n}/beta")),
        worktree: vec![format!("za{}yb{}", n % 10, "y".repeat(n % 40))],
        duration_ms: Some(3_600_000),
        at: chrono::NaiveDate::from_ymd_opt(2025, 1, 27).and_then(|day| day.and_hms_opt(9, 30, 0)),
        ..Stream::default()
    }
}

#[test]
fn nothing_is_allocated_after_a_few_streams() {
    let rules = compile(&mixed(400));
    let dump = rules.describe();
    let strategies = dump.texts.iter().flat_map(|text| text.strategies.keys());
    assert!(strategies.map(|it| it.name()).any(|it| it == "pieces"));
    let known: Vec<_> = (0..400).map(stream).collect();
    for mut scratch in [Scratch::default(), Scratch::without_cache()] {
        let mut pass = || {
            allocations(|| {
                let hits = known.iter().filter_map(|it| rules.first_match_with(it, &mut scratch));
                assert!(hits.count() > 200);
            })
        };
        // Values come back from bounded memory, so a second pass may still find it too small.
        let warming: usize = (0..12).map(|_| pass()).sum();
        assert!(warming > 0, "the counter counts");
        assert_eq!(pass(), 0);
    }
}

#[test]
fn the_table_is_the_oracle_on_rules_of_every_shape() {
    let file = mixed(320);
    let rules = compile(&file);
    let definition = oracle::Rules::read(&file, Some(HOME));
    let (mut cached, mut uncached) = (Scratch::default(), Scratch::without_cache());
    let mut hits = 0;
    for stream in (0..300).step_by(7).map(stream) {
        let expected = definition.first(&stream).map(|win| win.rule);
        hits += usize::from(expected.is_some());
        for scratch in [&mut cached, &mut uncached] {
            for _ in 0..2 {
                let found = rules.first_match_with(&stream, scratch).map(|id| id.index());
                assert_eq!(found, expected, "{stream:#?}");
            }
        }
    }
    assert!(hits > 20, "{hits}");
}

fn strategy(rules: &Rules, glob: &str) -> String {
    let dump = rules.describe();
    let patterns = dump.texts.iter().flat_map(|text| &text.patterns);
    let found = patterns
        .filter(|it| it.glob == glob)
        .map(|it| format!("{}: {}", it.reason.strategy().name(), it.reason.why()));
    found.collect::<Vec<_>>().join("; ")
}

#[test]
fn every_shape_has_its_strategy() {
    let globs = [
        "word",
        "~/work/*",
        "*-end",
        "*",
        "*inside*",
        "lib/[a-z]*",
        "*/x?.rs",
        "?*",
        "<a>?<b>",
        "{a,b}{c,d}",
    ];
    let mut file: String = globs.iter().map(|glob| rule_of(glob)).collect();
    // So many patterns share a beginning that it leads nowhere.
    file.extend((0..9).map(|n| rule_of(&format!("/shared/*name{n}*"))));
    file += &rule_of(&"{a,b}".repeat(5));
    // So many patterns have these letters that verifying each would take long.
    file.extend((0..40).map(|n| rule_of(&format!("*q*z{}*q*", "*z".repeat(n)))));
    let rules = compile(&file);
    let cases = [
        ("word", "exact: it has no wildcards"),
        ("/home/u/work/*", "prefix: only the beginning is fixed"),
        ("*-end", "suffix: only the end is fixed"),
        ("*", "prefix: every value begins with nothing"),
        ("*inside*", "gram: the rarest bytes of its texts lead to it; then it is verified"),
        ("lib/[…]*", "prefix: few patterns share its beginning; the rest is verified"),
        ("*/x?.rs", "suffix: few patterns share its end; the rest is verified"),
        ("?*", "scan: it has no text to look up, but few patterns are so"),
        ("<…>?<…>", "automaton: captures stand side by side with what may be '/'"),
        ("bd", "exact: it has no wildcards"),
        ("/shared/*name3*", "gram: the rarest bytes of its texts lead to it; then it is verified"),
        ("*q*z*z*q*", "pieces: even the rarest bytes of its texts lead to many patterns"),
        (
            "{a,b}{a,b}{a,b}{a,b}{a,b}",
            "automaton: its braces have too many alternatives to be multiplied out",
        ),
    ];
    for (glob, expected) in cases {
        assert_eq!(strategy(&rules, glob), expected, "{glob}");
    }
    assert_eq!(rules.describe().to_string(), compile(&file).describe().to_string());
}

#[test]
fn a_condition_hangs_off_its_rarest_test() {
    let rule =
        |condition: &str| format!("[[rules.auto_tag]]\nmatch = {{ {condition} }}\ntags = ['t']\n");
    let file = rule("primary_cwd = '/a/*', agent = 'codex'")
        + &rule("primary_cwd = '/b/*', agent = 'codex', weekday = 'sat'")
        + &rule("duration = '>= 15m', agent = ['x', 'y']");
    let dump = compile(&file).describe().to_string();
    let conditions = dump.split("conditions\n").nth(1).unwrap();
    let expected = "  rule 1 if t0 and t1 [agent ~ \"codex\"]\n  \
                    rule 2 if t2 and (t1 [agent ~ \"codex\"] and weekday in [sat])\n  \
                    rule 3 if t3 and (duration in [900000 ms, ∞] and \
                    (t3 [agent ~ \"x\"] or t4 [agent ~ \"y\"]))\n  \
                    rule 3 if t4 and (duration in [900000 ms, ∞] and \
                    (t3 [agent ~ \"x\"] or t4 [agent ~ \"y\"]))\n";
    assert_eq!(conditions, expected);
}

#[test]
fn hostile_patterns_are_decided_in_little_memory() {
    // Many stars, few letters, and braces that make an automaton explode.
    let mut globs: Vec<String> = (0..600_u32)
        .map(|n| {
            let letters = (0..9).map(|bit| if n >> bit & 1 == 1 { "*a" } else { "*b" });
            letters.collect::<String>() + "*"
        })
        .collect();
    globs.extend((0..12).map(|n| format!("{}{}?", "{a,b}".repeat(5), "*a?".repeat(n + 1))));
    globs.extend((1..20).map(|n| format!("*{}", "?".repeat(n))));
    globs.reverse();
    let file: String = globs.iter().map(|glob| rule_of(glob)).collect();
    let rules = compile(&file);
    let mut scratch = Scratch::default();
    for n in 0..24_u32 {
        let value: String = (0..24)
            .map(|bit| if n.wrapping_mul(0x9e37_79b1) >> bit & 1 == 1 { 'a' } else { 'b' })
            .collect();
        for value in [&value[..n as usize], &value] {
            let stream = Stream { primary_cwd: Some(value.to_owned()), ..Stream::default() };
            let expected =
                globs.iter().position(|glob| oracle::glob(glob, value, &[HOME]).unwrap());
            let found = rules.first_match_with(&stream, &mut scratch).map(|id| id.index());
            assert_eq!(found, expected, "{value}");
        }
    }
    assert!(rules.memory_usage() < 2_000_000, "{}", rules.memory_usage());
}
