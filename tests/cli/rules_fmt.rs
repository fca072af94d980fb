//! `tt rules fmt`.

use std::fs;

use crate::support::{quiet, tt};

const WIDE: &str = "[[rules.auto_tag]]\ntags = ['x']   # kept\nwhen = 'has   repo'\n";
const USUAL: &str = "[[rules.auto_tag]]\ntags = ['x']   # kept\nwhen = 'has repo'\n";

#[test]
fn formats_files_and_the_config() {
    let tt = tt().with_config(WIDE);
    let path = tt.path("home/.config/tt/config.toml");
    let said = tt.run("rules fmt --check").exits(1);
    assert!(said.out.ends_with("config.toml would change\n"), "{said:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), WIDE);
    assert!(tt.run("rules fmt").ok().out.ends_with("config.toml changed\n"));
    assert_eq!(fs::read_to_string(&path).unwrap(), USUAL);
    tt.run("rules fmt --check").ok().prints("");
    tt.run("rules fmt").ok().prints("");
}

#[test]
fn stdin_goes_to_stdout() {
    let tt = quiet();
    assert_eq!(tt.feed("rules fmt -", WIDE).ok().out, USUAL);
    assert_eq!(tt.feed("rules fmt -", USUAL).ok().out, USUAL);
    tt.feed("rules fmt --check -", WIDE).exits(1);
}

#[test]
fn links_stay_links() {
    let tt = quiet();
    let real = tt.put("home/dotfiles.toml", WIDE);
    let link = tt.path("home/linked.toml");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    tt.run("rules fmt linked.toml").ok();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), USUAL);
}

#[test]
fn what_is_broken_is_left_alone() {
    let tt = quiet();
    let text = format!("{WIDE}x = = 1\n");
    let path = tt.put("home/broken.toml", &text);
    tt.run("rules fmt broken.toml").says_wrong_usage(&["broken.toml line 4", "rules check"]);
    assert_eq!(fs::read_to_string(path).unwrap(), text);
    tt.run("rules fmt missing.toml").says_wrong_usage(&["cannot read missing.toml"]);
}
