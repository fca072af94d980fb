//! What the analysis costs, in steps. A cliff in it is a failing test, without a stop-watch.
//!
//! When a change makes one of these numbers a little smaller or larger, write down the new one.
//! When it makes a family grow faster than before, think again.

use tt::rules::analysis::{Analysis, Budget, Options, Verdict, analyse, difference};

use crate::support::check;

fn file_of(conditions: impl IntoIterator<Item = String>) -> String {
    let rule = |condition: String| {
        format!("[[rules.auto_tag]]\nmatch = {{ {condition} }}\ntags = [\"{}\"]\n", condition.len())
    };
    conditions.into_iter().map(rule).collect()
}

fn run(conditions: impl IntoIterator<Item = String>, options: &Options) -> Analysis {
    analyse(&check(&file_of(conditions)).rules.unwrap(), options)
}

fn steps(family: &dyn Fn(usize) -> Vec<String>, sizes: [usize; 3]) -> [u64; 3] {
    sizes.map(|size| run(family(size), &Options::default()).steps)
}

fn cwd(glob: &str) -> String {
    format!("primary_cwd = '{glob}'")
}

/// Rules that have nothing to do with each other.
fn apart(count: usize) -> Vec<String> {
    (0..count).map(|at| cwd(&format!("~/work/{at:04}/*"))).collect()
}

/// The same below one that takes them all.
fn below_one(count: usize) -> Vec<String> {
    let mut rules = apart(count);
    rules.insert(0, cwd("~/work/*"));
    rules
}

/// Rules that only together take what a last one asks for.
fn split(count: usize) -> Vec<String> {
    let letters: Vec<char> = ('a'..='z').take(count).collect();
    let others: String = letters.iter().collect();
    let one = letters.iter().map(|c| cwd(&format!("{c}*")));
    one.chain([cwd(&format!("[!{others}]*")), cwd("?*")]).collect()
}

/// Conditions on two fields, each left in two ways.
fn crossed(count: usize) -> Vec<String> {
    let pair = |at| format!("agent = 'a{at}*', tmux_session = 's{at}*'");
    let mut rules: Vec<_> = (0..count).map(pair).collect();
    rules.push("agent = 'a*', tmux_session = 's*', git_branch = '*'".to_owned());
    rules
}

/// A pattern of many stars above another that it covers.
fn stars(count: usize) -> Vec<String> {
    vec![cwd(&"*a*b".repeat(count)), cwd(&format!("{}*", "*ab?".repeat(2 * count)))]
}

#[test]
fn steps_are_as_they_were() {
    let all = [
        ("apart", steps(&apart, [10, 100, 1000])),
        ("below one", steps(&below_one, [10, 100, 1000])),
        ("split", steps(&split, [4, 8, 16])),
        ("crossed", steps(&crossed, [4, 8, 16])),
        ("stars", steps(&stars, [2, 4, 8])),
    ];
    let known = [
        ("apart", [50, 500, 5000]),
        ("below one", [503, 5003, 50003]),
        ("split", [229, 517, 1346]),
        ("crossed", [27, 47, 303]),
        ("stars", [51, 97, 185]),
    ];
    assert_eq!(all, known);
}

/// Steps, and what changed hands, if a file is edited so.
fn steps_of(edit: &dyn Fn(Vec<String>) -> String, sizes: [usize; 3]) -> [(u64, usize); 3] {
    sizes.map(|size| {
        let old = check(&file_of(apart(size))).rules.unwrap();
        let new = check(&edit(apart(size))).rules.unwrap();
        let found = difference(&old, &new, Budget::default());
        assert!(found.is_complete());
        (found.steps, found.territories.len())
    })
}

#[test]
fn steps_of_differences_are_as_they_were() {
    let sizes = [10, 100, 1000];
    let all = [
        ("nothing", steps_of(&|rules| file_of(rules), sizes)),
        (
            "one edited",
            steps_of(
                &|mut rules| {
                    let middle = rules.len() / 2;
                    rules[middle] = cwd("~/work/*");
                    file_of(rules)
                },
                sizes,
            ),
        ),
        (
            "first to last",
            steps_of(
                &|mut rules| {
                    rules.rotate_left(1);
                    file_of(rules)
                },
                sizes,
            ),
        ),
        ("all backwards", steps_of(&|rules| file_of(rules.into_iter().rev()), sizes)),
        (
            "all elsewhere",
            steps_of(&|rules| file_of(rules.iter().map(|it| it.replace("work", "src"))), sizes),
        ),
        (
            "all retagged",
            steps_of(&|rules| file_of(rules).replace("tags = [", "tags = ['x', "), sizes),
        ),
    ];
    let known = [
        ("nothing", [(10, 0), (100, 0), (1000, 0)]),
        ("one edited", [(109, 6), (694, 51), (6544, 501)]),
        ("first to last", [(10, 0), (100, 0), (1000, 0)]),
        ("all backwards", [(10, 0), (100, 0), (1000, 0)]),
        ("all elsewhere", [(200, 20), (2000, 200), (20000, 2000)]),
        ("all retagged", [(90, 10), (900, 100), (9000, 1000)]),
    ];
    assert_eq!(all, known);
}

/// Rules that ask too much are left undecided, those after them are not.
#[test]
fn a_budget_is_kept() {
    let letters = "abcdefghijklmnop";
    let nth_from_the_end = |at: usize| format!("*a{}", "?".repeat(at));
    let mut rules: Vec<_> = (1..8).map(|at| cwd(&nth_from_the_end(at))).collect();
    rules.push(cwd(&letters.chars().map(|c| format!("*{c}")).collect::<String>()));
    let easy = "agent = 'easy'".to_owned();
    rules.push(easy);
    let budget = Budget { per_rule: 300, total: 100 };
    let analysis = run(rules, &Options { budget, ..Options::default() });
    let undecided = analysis.rules.iter().filter_map(|judgement| match judgement.verdict {
        Verdict::NotProven { spent } => Some(spent),
        _ => None,
    });
    let undecided: Vec<_> = undecided.collect();
    assert!(!undecided.is_empty() && undecided.iter().all(|spent| *spent <= 300), "{undecided:?}");
    let last = &analysis.rules.last().unwrap().verdict;
    assert!(matches!(last, Verdict::Reachable { .. }), "{last:?}");
}
