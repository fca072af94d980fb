//! Tests in rule files: what is generated passes and holds, and what coverage says is so.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tt::diag::{Code, SourceFile};
use tt::rules::analysis::{Analysis, Budget, Options, Verdict, analyse};
use tt::rules::cases::coverage::{Coverage, GapKind, coverage};
use tt::rules::cases::generate::{case, missing};
use tt::rules::cases::run::{Why, run};
use tt::rules::cases::{Case, Expect, Names};
use tt::rules::{Checked, Checkup, Env, RuleSet, Rules, Stream};

use crate::claims;
use crate::making::{self, Bytes};
use crate::oracle;
use crate::support::{HOME, at, check, check_at};

/// A file with its tests, ready to be asked.
struct File {
    rules: Checked<RuleSet>,
    table: Rules,
    analysis: Analysis,
    cases: Vec<Case>,
}

impl File {
    #[track_caller]
    fn of(text: &str) -> Self {
        let Checkup { findings, rules, cases } = check(text);
        let about_tests = |code| matches!(code, Code::BadTest | Code::TestedRule);
        assert!(!findings.iter().any(|it| about_tests(it.code)), "{text}\n{findings:#?}");
        assert_eq!(cases.broken, []);
        let rules = rules.unwrap();
        let (table, analysis) = (rules.compile(), analyse(&rules, &Options::default()));
        Self { rules, table, analysis, cases: cases.sound }
    }

    fn coverage(&self) -> Coverage {
        let Self { rules, table, analysis, cases } = self;
        coverage(rules, table, analysis, cases, Budget::default())
    }

    /// Whether each test passes.
    fn passed(&self) -> Vec<bool> {
        run(&self.cases, &self.rules, &self.table).iter().map(|run| run.passed).collect()
    }
}

/// What the definition gives a stream: the rule, its tags, its project.
type Given = Option<(usize, BTreeSet<String>, Option<String>)>;

fn given(rules: &oracle::Rules, stream: &Stream) -> Given {
    rules.first(stream).map(|win| (win.rule, win.tags.into_iter().collect(), win.project))
}

fn expected(case: &Case) -> Given {
    match &case.expect {
        Expect::Nothing => None,
        Expect::Rule { rule, tags, project } => Some((rule.index(), tags.clone(), project.clone())),
    }
}

/// No test can say that a stream has direct and delegated time and no total.
fn adds_up(stream: &Stream) -> bool {
    stream.duration_ms.is_some() || stream.direct_ms.is_none() || stream.delegated_ms.is_none()
}

fn law(cases: u32, law: impl Fn(String, Vec<Stream>)) {
    let bytes = |most| vec(any::<u8>(), 0..most);
    let file = bytes(400).prop_map(|bytes| making::rule_file(&mut Bytes(&bytes)));
    let streams = vec(bytes(60).prop_map(|bytes| making::stream(&mut Bytes(&bytes))), 0..8);
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    let law = |(file, streams)| {
        law(file, streams);
        Ok(())
    };
    TestRunner::new(config).run(&(file, streams), law).unwrap_or_else(|it| panic!("{it}"));
}

#[test]
fn generated_tests_hold() {
    let made = RefCell::new((0, 0));
    law(300, |text, _| {
        let file = File::of(&text);
        let generated = missing(&file.rules, &file.table, &file.analysis, &[]);
        let witnesses =
            file.rules.rules.iter().zip(&file.analysis.rules).filter_map(|(rule, it)| {
                let Verdict::Reachable { witness } = &it.verdict else { return None };
                rule.info.enabled.then_some((rule.info.id, witness))
            });
        let (written, left): (Vec<_>, Vec<_>) =
            witnesses.partition(|(id, _)| generated.cases.iter().any(|(made, _)| made == id));
        for (id, witness) in left {
            assert!(!adds_up(witness), "{text}\nno test for {id}: {witness:?}");
        }
        made.borrow_mut().0 += written.len();
        made.borrow_mut().1 += generated.left.len();

        let added: String = generated.cases.iter().map(|(_, case)| format!("\n{case}")).collect();
        let after = File::of(&format!("{text}{added}"));
        assert_eq!(after.cases.len(), written.len());
        assert!(after.passed().iter().all(|it| *it), "{text}{added}");
        let oracle = oracle::Rules::read(&text, Some(HOME));
        for (case, (id, _)) in after.cases.iter().zip(&generated.cases) {
            let given = given(&oracle, &case.stream);
            assert_eq!(given.as_ref().map(|(rule, ..)| *rule), Some(id.index()), "{text}{added}");
            let (rule, tags, project) = given.unwrap();
            // A project that there is none of is not looked at.
            assert_eq!(expected(case), Some((rule, tags, project)), "{text}{added}");
        }
        let again = missing(&after.rules, &after.table, &after.analysis, &after.cases);
        assert_eq!((again.cases, again.left), (vec![], generated.left), "{text}");
    });
    let (written, left) = made.into_inner();
    assert!(written > 300 && left * 20 < written, "{written} {left}");
}

/// A test for every gap leaves none; and before, what coverage says of neighbours is what the
/// definition says of the file with the neighbours in each other's place.
#[test]
fn coverage_says_what_is_so() {
    let met = RefCell::new((0, 0, 0));
    law(200, |text, streams| {
        let tests: String = {
            let file = File::of(&text);
            let winner = |stream: &Stream| file.table.first_match(stream);
            let case = |stream| case(winner(stream)?, stream, &Names::of(&file.rules), &file.table);
            streams.iter().filter_map(case).collect()
        };
        let file = File::of(&format!("{text}{tests}"));
        let before = file.coverage();
        orders_are_so(&text, &file, &before, &streams);

        let mut all_written = true;
        let more: String = before
            .gaps
            .iter()
            .filter_map(|gap| {
                assert_eq!(file.table.first_match(&gap.stream), Some(gap.rule));
                let case = case(gap.rule, &gap.stream, &Names::of(&file.rules), &file.table);
                all_written &= case.is_some();
                assert!(case.is_some() || !adds_up(&gap.stream), "{text}\n{gap:?}");
                case
            })
            .collect();
        let after = File::of(&format!("{text}{tests}{more}")).coverage();
        if all_written {
            assert_eq!(after.gaps, [], "{text}{tests}{more}");
            assert_eq!(after.all().percent(), 100);
        }
        // What was not proven to be possible may be shown to be so by a test.
        let of = |it: &Coverage| it.all().total + it.not_proven;
        assert_eq!(of(&after), of(&before), "{text}{tests}{more}");
        assert!(after.all().total >= before.all().total, "{text}{tests}{more}");
        let mut met = met.borrow_mut();
        met.0 += before.all().covered;
        met.1 += before.gaps.len();
        met.2 += usize::from(all_written);
    });
    let (covered, gaps, closed) = met.into_inner();
    assert!(covered > 200 && gaps > 500 && closed > 150, "{covered} {gaps} {closed}");
}

fn orders_are_so(text: &str, file: &File, coverage: &Coverage, streams: &[Stream]) {
    let enabled: Vec<_> = file.rules.rules.iter().filter(|rule| rule.info.enabled).collect();
    let read = || oracle::Rules::read(text, Some(HOME));
    for two in enabled.windows(2) {
        let (one, other) = (two[0].info.id, two[1].info.id);
        let swapped = read().swapped(one.index(), other.index());
        let now = |stream: &Stream| {
            let back = |rule| match rule {
                rule if rule == one.index() => other.index(),
                rule if rule == other.index() => one.index(),
                rule => rule,
            };
            given(&swapped, stream).map(|(rule, tags, project)| (back(rule), tags, project))
        };
        let nobody_minds = file.cases.iter().all(|case| {
            let Some((rule, tags, project)) = expected(case) else {
                return now(&case.stream).is_none();
            };
            now(&case.stream).is_some_and(|(won, given, to)| {
                won == rule && given == tags && (project.is_none() || project == to)
            })
        });
        let changed = |stream: &Stream| {
            let (before, after) = (given(&read(), stream), now(stream));
            let effect = |given: Given| given.map(|(_, tags, project)| (tags, project));
            effect(before) != effect(after)
        };
        let gap = coverage.gaps.iter().find(|gap| {
            gap.rule == one && matches!(gap.kind, GapKind::Order { next, .. } if next == other)
        });
        match gap {
            Some(gap) => assert!(nobody_minds && changed(&gap.stream), "{text}\n{gap:?}"),
            // What nobody would notice changes no stream.
            None if nobody_minds && coverage.not_proven == 0 => {
                assert!(!streams.iter().any(changed), "{text}\n{one} and {other}");
            }
            None => {}
        }
    }
}

const ACME: &str = "
    [[rules.auto_tag]]
    name = 'Acme'
    match = { primary_cwd = ['~/acme/*', '/srv/acme/*'] }
    tags = ['acme', 'billable']
    project = 'acme'
    [[rules.auto_tag]]
    when = 'agent == \"codex\" and not (duration < 15m or weekday in [\"sat\"])'
    tags = ['agents']
    ";

fn test(stream: &str, expect: &str) -> String {
    format!("[[rules.test]]\nstream = {stream}\nexpect = {expect}\n")
}

#[test]
fn streams_are_written_as_people_do() {
    let stream = |written: &str| {
        let mut file = File::of(&format!("{ACME}{}", test(written, "'none'")));
        file.cases.remove(0).stream
    };
    assert_eq!(stream("{}"), Stream::default());
    assert_eq!(stream("{ primary_cwd = '~/acme/web' }"), at("/home/u/acme/web"));
    assert_eq!(stream("{ primary_cwd = '~' }"), at("/home/u"));
    assert_eq!(stream(r"{ primary_cwd = '\~/a' }"), at("~/a"));
    assert_eq!(stream(r"{ primary_cwd = '\a~/a' }"), at(r"\a~/a"));
    assert_eq!(stream("{ agent = 'a' }").agent, ["a"]);
    assert_eq!(stream("{ agent = ['a', 'b'] }").agent, ["a", "b"]);
    assert_eq!(stream("{ duration = '1h30m' }").duration_ms, Some(5_400_000));
    assert_eq!(stream("{ duration_ms = 0x10 }").duration_ms, Some(16));
    let sums = [
        "{ direct = '1m', delegated_ms = 5 }",
        "{ direct = '1m', delegated_ms = 5, duration = '0s' }",
        "{ direct = '1m' }",
    ];
    assert_eq!(sums.map(|it| stream(it).duration_ms), [Some(60_005), Some(0), None]);
    for at in [
        "2025-01-28T10:00:00",
        "'2025-01-28T10:00:00'",
        "'2025-01-28 10:00'",
        "2025-01-28 10:00:00.000",
    ] {
        let at = stream(&format!("{{ at = {at} }}")).at;
        assert_eq!(at.unwrap().to_string(), "2025-01-28 10:00:00");
    }
}

#[test]
fn a_test_passes_for_the_right_reason_only() {
    let passes = |stream: &str, expect: &str| {
        File::of(&format!("{ACME}{}", test(stream, expect))).passed() == [true]
    };
    let acme = "{ primary_cwd = '~/acme/web' }";
    assert!(passes(acme, "{ rule = 'Acme', tags = ['billable', 'acme'] }"));
    assert!(passes(acme, "{ rule = 'rule 1', tags = ['acme', 'billable'], project = 'acme' }"));
    assert!(!passes(acme, "{ rule = 'Acme', tags = ['acme'] }"));
    assert!(!passes(acme, "{ rule = 'Acme', tags = ['acme', 'billable', 'x'] }"));
    assert!(!passes(acme, "{ rule = 'Acme', tags = ['acme', 'billable'], project = 'x' }"));
    assert!(!passes(acme, "{ rule = 'rule 2', tags = ['acme', 'billable'] }"));
    assert!(!passes(acme, "'none'"));
    assert!(passes("{ agent = 'x' }", "'none'"));
    assert!(!passes("{ agent = 'x' }", "{ rule = 'rule 2', tags = ['agents'] }"));
    assert!(passes("{ agent = 'codex' }", "{ rule = 'rule 2', tags = ['agents'] }"));
}

#[test]
fn why_the_other_rule_did_not_win() {
    let why = |stream: &str, rule: &str| {
        let expect = format!("{{ rule = '{rule}', tags = ['x'] }}");
        let text = format!("{ACME}enabled = true\n{}", test(stream, &expect));
        let file = File::of(&text);
        let source = SourceFile::new("f", text.as_str());
        let run = run(&file.cases, &file.rules, &file.table).remove(0);
        match run.why {
            None => "none".to_owned(),
            Some(Why::Off) => "off".to_owned(),
            Some(Why::Later) => "later".to_owned(),
            Some(Why::Fails(places)) => {
                places.iter().map(|it| source.slice(*it)).collect::<Vec<_>>().join("; ")
            }
        }
    };
    assert_eq!(why("{ primary_cwd = '~/acme/a' }", "Acme"), "none");
    assert_eq!(why("{ primary_cwd = '~/acme/a', agent = 'codex' }", "rule 2"), "later");
    assert_eq!(
        why("{ agent = 'x', duration = '1m' }", "rule 2"),
        "agent == \"codex\"; not (duration < 15m or weekday in [\"sat\"])"
    );
    assert_eq!(why("{}", "Acme"), "primary_cwd = ['~/acme/*', '/srv/acme/*']");
}

/// Of every condition as it is written, whether it is covered.
fn open_conditions(text: &str) -> Vec<String> {
    let source = SourceFile::new("f", text);
    let gaps = File::of(text).coverage().gaps;
    let open = gaps.iter().filter_map(|gap| match gap.kind {
        GapKind::Condition { place, negated, .. } => {
            Some(format!("{}{}", if negated { "not " } else { "" }, source.slice(place)))
        }
        GapKind::Rule | GapKind::Order { .. } => None,
    });
    open.collect()
}

#[test]
fn alternatives_are_conditions_of_their_own() {
    let acme =
        test("{ primary_cwd = '~/acme/web' }", "{ rule = 'Acme', tags = ['acme', 'billable'] }");
    let codex = test("{ agent = 'codex' }", "{ rule = 'rule 2', tags = ['agents'] }");
    assert_eq!(
        open_conditions(ACME),
        [
            "'~/acme/*'",
            "'/srv/acme/*'",
            "agent == \"codex\"",
            "not duration < 15m",
            "not weekday in [\"sat\"]"
        ]
    );
    assert_eq!(open_conditions(&format!("{ACME}{acme}{codex}")), ["'/srv/acme/*'"]);
    // A test that fails covers nothing.
    let failing = test("{ primary_cwd = '/srv/acme/x' }", "{ rule = 'Acme', tags = ['acme'] }");
    assert_eq!(open_conditions(&format!("{ACME}{acme}{codex}{failing}")).len(), 1);
    // A glob for several homes is one, and one that cannot hold where its rule wins is none.
    let homes = "[rules]\nhomes = ['/h']\n[[rules.auto_tag]]\nmatch = { repo = 'a' }\ntags = ['a']\n\
                 [[rules.auto_tag]]\nmatch = { repo = ['a', 'b'], primary_cwd = '~/*' }\ntags = ['b']\n";
    let homes = format!(
        "{homes}{}",
        test("{ repo = 'b', primary_cwd = '/h/x' }", "{ rule = 'rule 2', tags = ['b'] }")
    );
    assert_eq!(open_conditions(&homes), ["repo = 'a'"]);
}

#[test]
fn mistakes_in_tests_stop_no_rule() {
    let tests = [
        "[[rules.test]]\n",
        "[rules.test]\nstream = {}\n",
        "[[rules.test]]\nstream = { cwd = 'x' }\nexpect = 'none'\n",
        "[[rules.test]]\nstream = {}\nexpect = { rule = 'x', tags = [] }\n",
        "[[rules.test]]\nstream = 1\nexpect = 1\nx = 1\n",
        "[[rules.test]]\nstream = { duration = '1x', at = 10:00:00, agent = [1], direct_ms = -1 }\nexpect = { rule = 1, tags = [1], project = 1 }\n",
    ];
    for test in tests {
        let Checkup { findings, rules, cases } = check(&format!("{ACME}{test}"));
        assert!(rules.is_some() && !findings.is_empty(), "{test}");
        assert_eq!(cases.sound, [], "{test}");
        assert!(cases.broken.len() == 1 || test.starts_with("[rules.test]"), "{test}");
    }
}

/// What depends on rules is not said of rules that are broken, nor of a home that is not known.
#[test]
fn mistakes_have_no_consequences() {
    let broken = "[[rules.auto_tag]]\nname = 'x\ntags = ['x']\nwhen = 'true'\n";
    let codes = |home, text: &str| {
        let findings = check_at(home, text).findings;
        findings.iter().map(|it| it.code.id()).collect::<Vec<_>>()
    };
    let x = test("{ primary_cwd = '~/x', pathh = 'x' }", "{ rule = 'x', tags = ['x'] }");
    assert_eq!(codes(Some(HOME), &format!("{broken}{x}")), ["R0101", "R0210"]);
    let whole = broken.replace("'x\n", "'x'\n");
    assert_eq!(codes(Some(HOME), &format!("{whole}{x}")), ["R0210"]);
    assert_eq!(codes(None, &format!("{whole}{x}{x}")), ["R0403", "R0210", "R0210"]);
}

#[test]
fn rules_of_one_name_are_told_apart_by_number() {
    let text = "[[rules.auto_tag]]\nname = 'a'\nmatch = { repo = 'a' }\ntags = ['a']\n\
                [[rules.auto_tag]]\nname = 'a'\nmatch = { repo = 'b' }\ntags = ['b']\n";
    let file = File::of(text);
    let generated = missing(&file.rules, &file.table, &file.analysis, &[]).cases;
    let names: Vec<_> = generated.iter().map(|(_, case)| case.contains("rule = \"rule ")).collect();
    assert_eq!(names, [true, true]);
    let tests = test("{ repo = 'a' }", "{ rule = 'a', tags = ['a'] }");
    let Checkup { findings, cases, .. } = check(&format!("{text}{tests}"));
    assert_eq!(findings.last().unwrap().code, Code::TestedRule);
    assert_eq!(expected(&cases.sound[0]).unwrap().0, 0);
    let env = Env { home: None };
    assert!(Rules::compile(&format!("{text}{tests}"), &env).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// Whatever is left of a test, or got into it, is read to its end.
    #[test]
    fn torn_tests_are_read(cuts in vec((any::<prop::sample::Index>(), 0_usize..9, "[\\[\\]{}=,'\"~\\\\#\n1a-]{0,3}"), 1..4)) {
        let test = test("{ primary_cwd = '~/ü', agent = [\"a\"], direct = '1m', at = 2025-01-28T10:00:00 }", "{ rule = 'Acme', tags = ['x'] }");
        let mut text: Vec<char> = format!("{ACME}{test}{test}").chars().collect();
        for (at, length, instead) in cuts {
            let at = ACME.len() + at.index(text.len() - ACME.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, instead.chars());
        }
        claims::config(text.into_iter().collect::<String>().as_bytes());
    }
}
