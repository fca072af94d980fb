//! Helpers that keep a test as short as its case.

use tt::diag::SourceFile;
use tt::rules::fields::FIELDS;
use tt::rules::{Checkup, Env, Rules, Stream};
use unicode_normalization::UnicodeNormalization;

pub(crate) const HOME: &str = "/home/u";

pub(crate) fn check_at(home: Option<&str>, text: &str) -> Checkup {
    let env = Env { home: home.map(str::to_owned) };
    tt::rules::check(&SourceFile::new("config.toml", text), &env)
}

pub(crate) fn check(text: &str) -> Checkup {
    check_at(Some(HOME), text)
}

#[track_caller]
pub(crate) fn compile(text: &str) -> Rules {
    let checkup = check(text);
    assert!(checkup.rules.is_some(), "{:#?}", checkup.findings);
    checkup.rules.unwrap().compile()
}

/// The index of the winner.
pub(crate) fn winner(rules: &Rules, stream: &Stream) -> Option<usize> {
    rules.first_match(stream).map(|id| id.index())
}

pub(crate) fn at(cwd: &str) -> Stream {
    Stream { primary_cwd: Some(cwd.to_owned()), ..Stream::default() }
}

/// `text` as a TOML basic string, every character escaped.
pub(crate) fn toml_string(text: &str) -> String {
    let escaped: String = text.chars().map(|c| format!("\\U{:08X}", c as u32)).collect();
    format!("\"{escaped}\"")
}

/// A file of one rule that asks the directory.
pub(crate) fn rule_of(glob: &str) -> String {
    let glob = toml_string(glob);
    format!("[[rules.auto_tag]]\nmatch = {{ primary_cwd = {glob} }}\ntags = [\"t\"]\n")
}

/// How much there is of a stream, by which witnesses are compared: each text counts its characters
/// and one more, anything else one.
pub(crate) fn size(stream: &Stream) -> usize {
    let texts = FIELDS.iter().flat_map(|info| stream.texts(info.field));
    let lengths = [stream.duration_ms, stream.direct_ms, stream.delegated_ms];
    texts.map(|text| 1 + text.nfc().count()).sum::<usize>()
        + lengths.iter().flatten().count()
        + usize::from(stream.at.is_some())
}
