//! What changes when the rules do: cases by hand, and files made up at random held to the definition.
//!
//! Files without captures are held to brute force in `verdicts.rs`, with the sizes of the witnesses.

use tt::rules::Stream;
use tt::rules::analysis::{Budget, Difference, difference};

use crate::claims;
use crate::making::{self, Bytes};
use crate::replay::Random;
use crate::support::{HOME, check};

/// Who wins by the old rules and by the new.
type Winners = (Option<usize>, Option<usize>);

/// A file of rules, each a condition, tags and perhaps more.
fn file(rules: &[(&str, &str)]) -> String {
    let rule = |(condition, rest): &(&str, &str)| {
        format!("[[rules.auto_tag]]\nmatch = {{ {condition} }}\ntags = {rest}\n")
    };
    rules.iter().map(rule).collect()
}

fn between(old: &str, new: &str) -> Difference {
    difference(&check(old).rules.unwrap(), &check(new).rules.unwrap(), Budget::default())
}

/// Winners and witnesses; everything must be proven.
#[track_caller]
fn territories(old: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<(Winners, Stream)> {
    let found = between(&file(old), &file(new));
    assert!(found.is_complete(), "{found:#?}");
    let each = found.territories.into_iter();
    each.map(|it| {
        ((it.pair.old.map(|id| id.index()), it.pair.new.map(|id| id.index())), it.witness)
    })
    .collect()
}

/// Of files that ask for the directory.
#[track_caller]
fn cwds(old: &[(&str, &str)], new: &[(&str, &str)]) -> Vec<(Option<usize>, Option<usize>, String)> {
    let [old, new] = [old, new].map(|rules| {
        let asking =
            |(glob, tags): &(&str, &str)| (format!("primary_cwd = '{glob}'"), (*tags).to_owned());
        rules.iter().map(asking).collect::<Vec<_>>()
    });
    let [old, new] = [&old, &new]
        .map(|rules| rules.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>());
    let found = territories(&old, &new).into_iter();
    found.map(|((old, new), it)| (old, new, it.primary_cwd.unwrap())).collect()
}

fn home(rest: &str) -> String {
    format!("{HOME}/{rest}")
}

const ACME: (&str, &str) = ("~/acme/*", "['acme']");
const SECRET: (&str, &str) = ("~/acme/secret/*", "['secret']");

#[test]
fn the_same_rules_differ_in_nothing() {
    assert_eq!(cwds(&[ACME, SECRET], &[ACME, SECRET]), []);
    // Dead rules, spelling, and the order of tags and of rules apart mean nothing.
    assert_eq!(cwds(&[ACME, SECRET], &[ACME]), []);
    assert_eq!(
        cwds(&[("a{b,c}", "['x', 'y']")], &[("ab", "['y', 'x']"), ("ac", "['x', 'y']")]),
        []
    );
    assert_eq!(cwds(&[ACME, ("/x", "['x']")], &[("/x", "['x']"), ACME]), []);
    assert_eq!(between("[rules]\nauto_tag = []", "").territories, []);
}

#[test]
fn what_a_moved_rule_takes() {
    assert_eq!(cwds(&[ACME, SECRET], &[SECRET, ACME]), [(Some(0), Some(0), home("acme/secret/"))]);
}

#[test]
fn what_comes_and_goes() {
    assert_eq!(cwds(&[ACME], &[]), [(Some(0), None, home("acme/"))]);
    assert_eq!(cwds(&[], &[ACME]), [(None, Some(0), home("acme/"))]);
    assert_eq!(cwds(&[ACME], &[("~/acme/*", "['other']")]), [(Some(0), Some(0), home("acme/"))]);
    assert_eq!(
        cwds(&[ACME], &[("~/acme/*", "['acme']\nproject = 'p'")]),
        [(Some(0), Some(0), home("acme/"))]
    );
    assert_eq!(
        cwds(&[ACME], &[("~/acme/*", "['acme']\nenabled = false")]),
        [(Some(0), None, home("acme/"))]
    );
    // The directory itself, too.
    assert_eq!(cwds(&[ACME], &[("~/{acme,acme/*}", "['acme']")]), [(None, Some(0), home("acme"))]);
}

#[test]
fn homes_of_each_file() {
    let rule = file(&[("primary_cwd = '~/x'", "['t']")]);
    let found = between(&rule, &format!("[rules]\nhomes = ['/b']\n{rule}"));
    let witnesses: Vec<_> = found.territories.iter().map(|it| &it.witness.primary_cwd).collect();
    assert_eq!(witnesses, [&Some("/b/x".to_owned())]);
}

#[test]
fn captures_that_agree() {
    let client = ("~/c/<client>/*", "['client:<client>', 'b']");
    let acme = ("~/c/acme/*", "['client:acme', 'b']");
    // A literal rule that the general one makes superfluous.
    assert_eq!(cwds(&[acme, client], &[client]), []);
    // Other names, other ends, other conditions: the same segment of the path.
    assert_eq!(cwds(&[client], &[("~/c/<who>/*", "['b', 'client:<who>']")]), []);
    assert_eq!(cwds(&[client], &[("~/c/<client>/web/*", "['client:<client>', 'b']"), client]), []);
    assert_eq!(
        cwds(
            &[client],
            &[("[~]/*", "['x']"), ("/home/[u]/c/<client>/*", "['client:<client>', 'b']")]
        ),
        [(None, Some(0), "~/".to_owned())]
    );
    let two = ("~/c/<a>/<b>/*", "['<a>', '<b>']");
    assert_eq!(cwds(&[two], &[("~/c/<b>/<a>/*", "['<b>', '<a>']")]), []);
}

#[test]
fn captures_that_do_not_agree() {
    let client = ("~/c/<client>/*", "['client:<client>']");
    assert_eq!(
        cwds(&[client], &[("~/c/<client>/*", "['customer:<client>']")]),
        [(Some(0), Some(0), home("c/a/"))]
    );
    // Below acme they agree, elsewhere not; and the smallest stream is one on which they do.
    assert_eq!(
        cwds(&[client], &[("~/c/?/*", "['client:a']"), client]),
        [(Some(0), Some(0), home("c/b/")), (None, Some(0), home("c///"))]
    );
    let two = ("~/c/<a>/<b>/*", "['<a>:<b>']");
    assert_eq!(
        cwds(&[two], &[("~/c/<b>/<a>/*", "['<a>:<b>']")]),
        [(Some(0), Some(0), home("c/a/b/"))]
    );
    // As sets of tags, both ways are the same.
    let two = ("~/c/<a>/<b>/*", "['<a>', '<b>']");
    assert_eq!(cwds(&[two], &[("~/c/<b>/<a>/*", "['<a>', '<b>']")]), []);
}

#[test]
fn a_segment_ends_where_it_does() {
    // `/xya/b` is `[^/]+`, any character, and `a` for whoever lets the first segment end early.
    let rule = |tag| {
        format!(
            "[[rules.auto_tag]]
when = '''primary_cwd ~ \"/<a>/<b>\" and primary_cwd ~ \"/xya/*\"'''
tags = ['x:{tag}']\n"
        )
    };
    let found = between(&rule("<b>"), &rule("a"));
    assert!(found.is_complete(), "{found:#?}");
    let witnesses: Vec<_> = found.territories.iter().map(|it| &it.witness.primary_cwd).collect();
    assert_eq!(witnesses, [&Some("/xya/b".to_owned())]);
}

#[test]
fn captures_of_sets() {
    let session = ("tmux_session = 'c-<c>'", "['<c>']");
    let found = territories(&[session], &[("tmux_session = ['c-<c>', 'd-<c>']", "['<c>']")]);
    let shown: Vec<_> =
        found.iter().map(|(winners, it)| (*winners, it.tmux_session.clone())).collect();
    let texts = |texts: &[&str]| texts.iter().map(|&it| it.to_owned()).collect::<Vec<_>>();
    assert_eq!(
        shown,
        [((Some(0), Some(0)), texts(&["d-b", "c-a"])), ((None, Some(0)), texts(&["d-a"])),]
    );
    let found = territories(&[session], &[("tmux_session = 'c-acme'", "['acme']"), session]);
    assert_eq!(found[0].0, (Some(0), Some(0)));
    assert_eq!(found[0].1.tmux_session, ["c-acme", "c-a"]);
}

#[test]
fn captures_after_a_star_are_found_to_differ_and_not_proven_to_agree() {
    let last = ("*/<x>", "['<x>']");
    assert_eq!(cwds(&[last], &[("*/<x>", "['<x>', 'y']")])[0].2, "/a");
    assert_eq!(cwds(&[last], &[("*/?<x>", "['<x>']")])[0].2, "/aa");
    let asking = |glob| file(&[(glob, "['<x>']")]);
    let same = between(&asking("primary_cwd = '*/<x>'"), &asking("primary_cwd = '*/{<x>}'"));
    assert_eq!((same.territories.len(), same.not_proven.len()), (0, 1));
    assert!(!same.is_none() && !same.is_complete() && same.steps < 200_000, "{same:?}");
}

#[test]
fn files_made_up_at_random() {
    let mut random = Random(23);
    let (mut differ, mut unproven, mut pairs) = (0, 0, 0);
    for _ in 0..500 {
        let data = random.bytes(700);
        let mut bytes = Bytes(&data);
        let files = making::two_files(&mut bytes);
        let found = claims::differing(&files, &[], &mut bytes);
        differ += usize::from(!found.is_none());
        unproven += found.not_proven.len();
        pairs += found.territories.len();
        assert_eq!(found.rules_left, 0);
    }
    assert!((150..450).contains(&differ), "{differ} files differ");
    assert!(20 * unproven < pairs, "{unproven} pairs not proven, {pairs} proven");
}

#[test]
fn segments_made_up_at_random() {
    let mut random = Random(29);
    let (mut differ, mut same) = (0, 0);
    let streams = making::in_segments();
    for _ in 0..150 {
        let data = random.bytes(200);
        let mut bytes = Bytes(&data);
        let files = making::two_files_of_segments(&mut bytes);
        let found = claims::differing(&files, &streams, &mut bytes);
        assert!(found.is_complete(), "{files:#?}\n{found:#?}");
        differ += usize::from(!found.is_none());
        same += usize::from(found.is_none());
    }
    assert!(differ > 50 && same > 10, "{differ} files differ, {same} do not");
}
