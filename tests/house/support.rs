//! The repository as a list of files.

use std::path::{Path, PathBuf};

/// Directories that are not ours to judge.
const SKIPPED: [&str; 3] = [".git", "target", "proptest-regressions"];

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files under `folder`, relative to the repository's root, sorted.
pub(crate) fn files_under(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(path) = waiting.pop() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !SKIPPED.contains(&&*name) {
                waiting.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
            }
        } else if name != ".git" {
            let relative = path.strip_prefix(root()).unwrap();
            found.push(relative.to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

pub(crate) fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

/// A file's text, if it is text.
pub(crate) fn text_of(file: &str) -> Option<String> {
    String::from_utf8(std::fs::read(root().join(file)).unwrap()).ok()
}

/// Rust files of the program, without those that hold only tests.
pub(crate) fn sources() -> Vec<String> {
    let mut files = files_under("src");
    files.retain(|file| file.ends_with(".rs") && !file.ends_with("tests.rs"));
    files
}

/// The code of a source file: without comments and without its tests.
pub(crate) fn code_of(file: &str) -> String {
    let text = read(file);
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let line = |line: &str| line.split("// ").next().unwrap().to_owned();
    let lines = code.lines().filter(|it| !it.trim_start().starts_with("//")).map(line);
    lines.collect::<Vec<_>>().join("\n")
}

/// The pages for readers: the README, the changelog and everything under `docs/`.
pub(crate) fn pages() -> Vec<String> {
    let mut pages = files_under("docs");
    pages.retain(|page| page.ends_with(".md"));
    pages.extend(["CHANGELOG.md".to_owned(), "README.md".to_owned()]);
    pages
}

/// A fenced block of a page.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) line: usize,
    /// What stands behind the opening fence, such as `toml` or `toml fragment`.
    pub(crate) info: String,
    pub(crate) text: String,
}

pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let text = read(page);
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in (1..).zip(text.lines()) {
        match (line.strip_prefix("```"), open.take()) {
            (Some(info), None) => {
                open =
                    Some(Block { line: number, info: info.trim().to_owned(), text: String::new() });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block is not closed");
    blocks
}

/// The `tt` that was built with these tests.
pub(crate) fn tt(args: &[&str]) -> std::process::Output {
    let home = tempfile::tempdir().unwrap();
    std::process::Command::new(env!("CARGO_BIN_EXE_tt"))
        .args(args)
        .env_clear()
        .env("HOME", home.path())
        .env("TZ", "UTC")
        .output()
        .unwrap()
}

pub(crate) fn stdout(args: &[&str]) -> String {
    String::from_utf8(tt(args).stdout).unwrap()
}
