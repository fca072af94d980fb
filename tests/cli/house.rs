//! init, demo, completions, man pages, help.

use std::fs;
use std::path::Path;

use crate::support::{Sandbox, quiet, tt};

fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.push(path.display().to_string());
        if path.is_dir() && !path.is_symlink() {
            found.extend(files_below(&path));
        }
    }
    found.sort();
    found
}

#[test]
fn init_writes_a_config_that_is_valid_and_changes_nothing() {
    let tt = tt();
    tt.run("init").ok().says(&[
        "~/.config/tt/config.toml written: write your rules there.",
        "# >>> tt >>>",
        "ingest pane-focus",
        "# <<< tt <<<",
    ]);
    tt.run("rules check").ok().prints("config.toml: 0 rules loaded, all valid");
    tt.run("report").ok();
    assert!(!tt.home().join(".tmux.conf").exists(), "only with --install");
    let text = fs::read_to_string(tt.home().join(".config/tt/config.toml")).unwrap();
    let rules: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest.starts_with(['[', 'm', 'n', 't'])
                    && (rest.contains('=') || rest.starts_with('['))
                    && !rest.contains("'match'") =>
            {
                rest
            }
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect();
    tt.config(rules);
    let ran = tt.run("rules check");
    assert_eq!(ran.code, Some(0), "its examples are rules when the '#' is taken out: {ran:#?}");
    ran.says(&["3 rules loaded, all valid"]);
}

#[test]
fn init_leaves_an_existing_config_as_it_is() {
    let tt = tt().with_config("# mine\n");
    tt.run("init").ok().says(&["~/.config/tt/config.toml is there already and stays as it is."]);
    assert_eq!(fs::read_to_string(tt.home().join(".config/tt/config.toml")).unwrap(), "# mine\n");
}

#[test]
fn install_adds_the_hooks_once_and_keeps_the_rest() {
    let tt = quiet();
    let mine = "set -g mouse on\n# mine, without a line end";
    let conf = tt.put("home/.tmux.conf", mine);
    tt.run("init --install")
        .ok()
        .says(&["The tmux hooks are in ~/.tmux.conf.", "tmux source-file ~/.tmux.conf"]);
    let once = fs::read_to_string(&conf).unwrap();
    assert!(once.starts_with(mine) && once.matches("# >>> tt >>>").count() == 1, "{once}");
    tt.run("init --install").ok().says(&["~/.tmux.conf has the tmux hooks already."]);
    assert_eq!(fs::read_to_string(&conf).unwrap(), once);
    // An old version of the hooks is replaced where it stands.
    fs::write(&conf, "before\n# >>> tt >>>\nold\n# <<< tt <<<\nafter\n").unwrap();
    tt.run("init --install").ok();
    let again = fs::read_to_string(&conf).unwrap();
    assert!(
        again.starts_with("before\n") && again.ends_with("after\n") && !again.contains("\nold\n"),
        "{again}"
    );
}

#[test]
fn install_writes_through_a_link_and_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let tt = quiet();
    let real = tt.put("home/dotfiles/tmux.conf", "# linked\n");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let link = tt.home().join(".tmux.conf");
    std::os::unix::fs::symlink("dotfiles/tmux.conf", &link).unwrap();
    tt.run("init --install").ok();
    assert!(link.is_symlink());
    assert!(fs::read_to_string(&real).unwrap().starts_with("# linked\n"));
    assert!(fs::read_to_string(&real).unwrap().contains("# <<< tt <<<"));
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(files_below(&tt.home().join("dotfiles")).len(), 1, "nothing left beside it");
}

#[test]
fn install_keeps_a_link_whose_target_is_not_there_yet() {
    let tt = quiet();
    fs::create_dir(tt.home().join("dotfiles")).unwrap();
    let link = tt.home().join(".tmux.conf");
    std::os::unix::fs::symlink("dotfiles/tmux.conf", &link).unwrap();
    tt.run("init --install").ok();
    assert!(link.is_symlink(), "the link is kept");
    assert!(
        fs::read_to_string(tt.home().join("dotfiles/tmux.conf")).unwrap().contains("# <<< tt <<<")
    );
}

#[test]
fn install_takes_the_tmux_config_that_is_in_use() {
    let tt = quiet();
    let modern = tt.put("home/.config/tmux/tmux.conf", "# modern\n");
    tt.run("init --install").ok().says(&["~/.config/tmux/tmux.conf"]);
    assert!(fs::read_to_string(modern).unwrap().contains("# >>> tt >>>"));
    assert!(!tt.home().join(".tmux.conf").exists());
}

#[test]
fn a_tmux_config_that_is_no_text_is_left_alone() {
    let tt = quiet();
    let conf = tt.put("home/.tmux.conf", b"set -g status-left '\xff'\n");
    let ran = tt.run("init --install").exits(1);
    assert!(ran.err.starts_with("Error: cannot read ~/.tmux.conf"), "{ran:#?}");
    assert_eq!(fs::read(conf).unwrap(), b"set -g status-left '\xff'\n");
}

#[test]
fn the_demo_goes_the_whole_way_and_leaves_nothing_behind() {
    let tt = tt();
    let before = files_below(tt.path("").as_path());
    let ran = tt.run("demo").ok();
    for part in [
        "$ tt import events.jsonl",
        "$ tt rules check\nconfig.toml: 3 rules loaded, all valid",
        "$ tt report --week\nTIME REPORT: Week of Jan 27, 2025",
        "BY TAG",
        "(untagged)",
        "SUMMARY",
        "$ tt streams\nID ",
        "(rule)",
    ] {
        assert!(ran.out.contains(part), "no '{part}' in\n{}", ran.out);
    }
    assert_eq!(files_below(tt.path("").as_path()), before);
}

#[test]
fn the_demo_is_the_same_everywhere_and_every_day() {
    let a = tt().run("demo").ok().out;
    let b = quiet()
        .at("2031-07-01T00:00:00Z")
        .zone("Asia/Tokyo")
        .var("TT_DB", "/nowhere/at/all.db")
        .var("TT_CONFIG", "/nowhere/at/all.toml")
        .run("demo")
        .ok()
        .out;
    assert_eq!(a, b);
}

#[test]
fn completions_and_man_pages_are_written() {
    let tt = tt();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        tt.run(&format!("completions {shell}")).ok().says(&["recompute", "pane-focus"]);
    }
    tt.run("completions tcsh").says_wrong_usage(&["tcsh", "bash"]);
    tt.run("man").ok().says(&[".TH tt 1"]);
    tt.run("man pages").ok().prints("Man pages written to pages");
    let pages = files_below(&tt.home().join("pages"));
    assert!(pages.len() > 15 && pages.iter().any(|it| it.ends_with("tt-report.1")), "{pages:#?}");
    tt.put("home/file", "");
    tt.run("man file").exits(1);
    assert!(!tt.database().exists());
}

#[test]
fn help_and_version_go_to_stdout() {
    let tt = tt();
    tt.run("--version").ok().prints(concat!("tt ", env!("CARGO_PKG_VERSION")));
    for command in
        ["", "report", "streams", "rules check", "ingest pane-focus", "import", "init", "assign"]
    {
        let ran = tt.run(&format!("{command} --help")).ok();
        ran.says(&["Usage: tt"]);
    }
}

#[test]
fn places_of_files_can_be_chosen() {
    let check = |tt: Sandbox, line: &str, at: &str| {
        tt.run(&format!("report{line}")).done();
        assert!(tt.path(at).exists(), "{line}: no {at}");
    };
    check(quiet(), "", "home/.local/share/tt/tt.db");
    check(quiet(), " --db mine/x.db", "home/mine/x.db");
    check(quiet(), " --db x.db", "home/x.db");
    let tt = quiet();
    let data = tt.path("data");
    check(tt.var("XDG_DATA_HOME", &data), "", "data/tt/tt.db");
    let tt = quiet();
    let db = tt.path("var.db");
    check(tt.var("TT_DB", db), "", "var.db");
    check(quiet().var("TT_DB", "/nowhere/x.db"), " --db flag.db", "home/flag.db");
    check(quiet().var("TT_DB", ""), "", "home/.local/share/tt/tt.db");
    check(quiet().var("XDG_DATA_HOME", "not/absolute"), "", "home/.local/share/tt/tt.db");
}
