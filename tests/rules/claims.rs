//! What must hold for any bytes at all: one claim per fuzz target. The fuzzers feed them bytes
//! they make up, and the tests replay the ones that were worth keeping (`fuzz/corpus/`).

use std::collections::BTreeSet;

use tt::diag::SourceFile;
use tt::diag::render::human;
use tt::rules::analysis::{self, Budget, Difference, Options, Raised, Territory, Verdict};
use tt::rules::{Asked, Env, Review, Scratch, Stream, review};

use crate::making::{self, Bytes};
use crate::oracle::{self, Win};
use crate::support::{HOME, at, check_at, rule_of, size, toml_string, winner};

/// Any text is read to its end: findings with places in it, or rules; and the same again.
pub(crate) fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = SourceFile::new("config.toml", text);
    let checkup = check_at(Some(HOME), text);
    let broken = checkup.findings.iter().any(|found| found.stops());
    assert_eq!(broken, checkup.rules.is_none());
    for found in &checkup.findings {
        let labels = found.secondary.iter().chain([&found.primary]);
        for span in labels.map(|label| label.span).chain(found.edit.iter().map(|edit| edit.span)) {
            assert!(span.start <= span.end && span.end <= text.len(), "{span:?}");
            assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
        }
    }
    let drawn = human::render(&checkup.findings, &file, true);
    assert_eq!(drawn.is_empty(), checkup.findings.is_empty());
    assert_eq!(check_at(Some(HOME), text).findings, checkup.findings);
}

/// A pattern and a text, with a line end between them: the table answers what the definition does,
/// malformed patterns included.
pub(crate) fn glob(data: &[u8]) {
    let Some((pattern, text)) = std::str::from_utf8(data).ok().and_then(|it| it.split_once('\n'))
    else {
        return;
    };
    // The definition is slow, and recursive.
    if pattern.len() > 120 || text.len() > 80 || pattern.matches('{').count() > 20 {
        return;
    }
    let rules = check_at(Some(HOME), &rule_of(pattern)).rules.map(|rules| rules.compile());
    let table = rules.map(|rules| winner(&rules, &at(text)).is_some());
    assert_eq!(table, oracle::glob(pattern, text, &[HOME]), "{pattern:?} on {text:?}");
}

/// An expression: sound or with findings, and if sound, decided as the definition decides it.
pub(crate) fn when(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() > 400 {
        return;
    }
    let file = format!("[[rules.auto_tag]]\nwhen = {}\ntags = ['t']\n", toml_string(text));
    config(file.as_bytes());
    let Some(rules) = check_at(Some(HOME), &file).rules else { return };
    let rules = rules.compile();
    let definition = oracle::Rules::read(&file, Some(HOME));
    let mut bytes = Bytes(data);
    for stream in [Stream::default(), making::stream(&mut bytes), making::stream(&mut bytes)] {
        let expected = definition.first(&stream).map(|win| win.rule);
        assert_eq!(winner(&rules, &stream), expected, "{text:?}\n{stream:#?}");
    }
}

/// Rules that collide, and streams that hit them: winner and outcome are those of the definition,
/// with a scratch that has seen other streams too.
pub(crate) fn table(data: &[u8]) {
    let mut bytes = Bytes(data);
    let file = making::rule_file(&mut bytes);
    let checkup = check_at(Some(HOME), &file);
    let rules = checkup.rules.unwrap_or_else(|| panic!("{file}\n{:#?}", checkup.findings));
    let rules = rules.compile();
    let definition = oracle::Rules::read(&file, Some(HOME));
    let (mut cached, mut bare) = (Scratch::default(), Scratch::without_cache());
    for _ in 0..8 {
        let stream = making::stream(&mut bytes);
        let expected = definition.first(&stream);
        for scratch in [&mut cached, &mut bare] {
            let found = rules.first_match_with(&stream, scratch).map(|id| {
                let outcome = rules.outcome(id, &stream);
                Win { rule: id.index(), tags: outcome.tags, project: outcome.project }
            });
            assert_eq!(found, expected, "{file}\n{stream:#?}");
        }
    }
}

/// Every verdict withstands streams near the rules' borders: the proofs themselves, and what
/// becomes of them when something is changed a little.
pub(crate) fn verdict(data: &[u8]) {
    let mut bytes = Bytes(data);
    let file = making::rule_file(&mut bytes);
    let source = SourceFile::new("config.toml", file.as_str());
    let env = Env { home: Some(HOME.to_owned()) };
    let options = Options { overlaps: true, losses: true, ..Options::default() };
    let asked = Asked { options, ..Asked::default() };
    let Review { rules, .. } = review(&source, &env, &asked);
    let Some((rules, analysis)) = rules else { panic!("{file}") };
    let definition = oracle::Rules::read(&file, Some(HOME));
    let enabled: Vec<bool> = rules.rules.iter().map(|rule| rule.info.enabled).collect();
    let taken = |below: usize, stream: &Stream| {
        (0..below).find(|rule| enabled[*rule] && definition.holds(*rule, stream))
    };

    let mut proofs = Vec::new();
    for (rule, judgement) in analysis.rules.iter().enumerate() {
        match &judgement.verdict {
            Verdict::Reachable { witness } => {
                assert!(definition.holds(rule, witness), "{file}\n{rule} {witness:#?}");
                assert_eq!(taken(rule, witness), None, "{file}\n{rule} {witness:#?}");
                proofs.push(witness.clone());
            }
            Verdict::Shadowed { lost, .. } | Verdict::Unreachable { lost, .. } => {
                assert!(definition.holds(rule, lost), "{file}\n{rule} {lost:#?}");
                proofs.push(lost.clone());
            }
            Verdict::Unsatisfiable { .. } | Verdict::NotProven { .. } => {}
        }
        if let Some(loss) = &judgement.loss {
            assert!(definition.holds(rule, &loss.stream), "{file}\n{rule} {loss:#?}");
            assert_eq!(taken(rule, &loss.stream), Some(loss.to.index()), "{file}\n{rule}");
            proofs.push(loss.stream.clone());
        }
        if let Some(Raised { above, wins, leaves }) = &judgement.raised {
            let above = above.index();
            assert!(definition.holds(rule, wins), "{file}\n{rule} {wins:#?}");
            assert_eq!(taken(rule, wins), Some(above), "{file}\n{rule} {wins:#?}");
            assert!(definition.holds(above, leaves), "{file}\n{rule} {leaves:#?}");
            assert!(!definition.holds(rule, leaves), "{file}\n{rule} {leaves:#?}");
            assert_eq!(taken(above, leaves), None, "{file}\n{rule} {leaves:#?}");
            proofs.extend([wins.clone(), leaves.clone()]);
        }
    }
    for overlap in &analysis.overlaps {
        for rule in [overlap.first, overlap.second] {
            assert!(definition.holds(rule.index(), &overlap.witness), "{file}\n{overlap:#?}");
        }
    }

    for _ in 0..24 {
        let made = making::stream(&mut bytes);
        let near = match bytes.choose(4) {
            0 => made,
            // A proof with a little of another stream in it.
            _ if !proofs.is_empty() => {
                let first = &proofs[bytes.choose(proofs.len())];
                let second = &proofs[bytes.choose(proofs.len())];
                making::between(
                    first,
                    if bytes.choose(2) == 0 { &made } else { second },
                    &mut bytes,
                )
            }
            _ => made,
        };
        for (rule, judgement) in analysis.rules.iter().enumerate() {
            if !definition.holds(rule, &near) {
                continue;
            }
            let wins = taken(rule, &near).is_none();
            match &judgement.verdict {
                Verdict::Reachable { witness } => {
                    assert!(!wins || size(witness) <= size(&near), "{file}\n{rule} {near:#?}");
                    if wins && enabled[rule] && judgement.redundant.is_some() {
                        let given = |gone| {
                            let win = definition.first_without(gone, &near)?;
                            Some((win.tags.into_iter().collect::<BTreeSet<_>>(), win.project))
                        };
                        assert_eq!(given(None), given(Some(rule)), "{file}\n{rule} {near:#?}");
                    }
                }
                Verdict::Shadowed { by, .. } => {
                    assert!(definition.holds(by.index(), &near), "{file}\n{rule} {near:#?}");
                }
                Verdict::Unreachable { cover, .. } => {
                    let mut cover = cover.rules().iter();
                    let covered = cover.any(|by| definition.holds(by.index(), &near));
                    assert!(covered, "{file}\n{rule} {near:#?}");
                }
                Verdict::Unsatisfiable { .. } => panic!("{file}\n{rule} {near:#?}"),
                Verdict::NotProven { .. } => {}
            }
        }
    }
}

/// Two rule files differ exactly where the analysis says so: each proof is one, and streams near
/// them and elsewhere get the same wherever nothing is said.
pub(crate) fn difference(data: &[u8]) {
    let mut bytes = Bytes(data);
    let files = making::two_files(&mut bytes);
    differing(&files, &[], &mut bytes);
}

/// The same for these two files, and on these streams, too; what was found.
pub(crate) fn differing(
    files: &[String; 2],
    streams: &[Stream],
    bytes: &mut Bytes<'_>,
) -> Difference {
    let [old, new] = files.each_ref().map(|file| {
        let checkup = check_at(Some(HOME), file);
        checkup.rules.unwrap_or_else(|| panic!("{file}\n{:#?}", checkup.findings))
    });
    let budget = Budget { per_rule: 20_000, total: 1_000_000 };
    let found = analysis::difference(&old, &new, budget);
    let definitions = files.each_ref().map(|file| oracle::Rules::read(file, Some(HOME)));
    // Who wins, where it makes a difference.
    let changed = |stream: &Stream| {
        let [was, is] = definitions.each_ref().map(|it| it.first(stream));
        let given = |win: &Option<Win>| {
            let tags = win.iter().flat_map(|win| win.tags.clone()).collect::<BTreeSet<_>>();
            (tags, win.as_ref().and_then(|win| win.project.clone()))
        };
        let winners = (was.as_ref().map(|win| win.rule), is.as_ref().map(|win| win.rule));
        (given(&was) != given(&is)).then_some(winners)
    };
    let index = |it: &analysis::Pair| (it.old.map(|id| id.index()), it.new.map(|id| id.index()));
    for Territory { pair, witness } in &found.territories {
        assert_eq!(changed(witness), Some(index(pair)), "{files:#?}\n{witness:#?}");
    }
    let proofs: Vec<_> = found.territories.iter().map(|it| &it.witness).collect();
    let mut near_and_far = || {
        let made = making::stream(bytes);
        match proofs.get(bytes.choose(2 * proofs.len() + 1)) {
            Some(proof) => making::between(proof, &made, bytes),
            None => made,
        }
    };
    let made: Vec<_> = (0..32).map(|_| near_and_far()).collect();
    for near in streams.iter().chain(&made) {
        let Some(winners) = changed(near) else { continue };
        let territory = found.territories.iter().find(|it| index(&it.pair) == winners);
        let known = found.not_proven.iter().any(|pair| index(pair) == winners);
        assert!(territory.is_some() || known, "{files:#?}\n{winners:?} {near:#?}");
        if let Some(Territory { witness, .. }) = territory {
            assert!(size(witness) <= size(near), "{files:#?}\n{witness:#?} {near:#?}");
        }
    }
    found
}
