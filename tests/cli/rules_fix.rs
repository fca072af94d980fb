//! `tt rules check --fix` and `--diff`: what is mended, and that nothing is lost on the way.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::{ACME, quiet, tt};

/// A misplaced rule, a repeated tag, a comment, and a rule that can go.
const MESSY: &str = "# mine

[[rules.auto_tag]]
name = \"Acme\"
match = { primary_cwd = \"~/work/acme/*\" }
tags = [\"acme\", \"acme\"] # twice

# hush
[[rules.auto_tag]]
name = \"Secret\"
match = { primary_cwd = \"~/work/acme/secret/*\" }
tags = [\"secret\"]

[[rules.auto_tag]]
name = \"Acme web\"
match = { primary_cwd = \"~/work/acme/web/*\" }
tags = [\"acme\"]
";

/// The same after safe fixes.
const TIDY: &str = "# mine

# hush
[[rules.auto_tag]]
name = \"Secret\"
match = { primary_cwd = \"~/work/acme/secret/*\" }
tags = [\"secret\"]

[[rules.auto_tag]]
name = \"Acme\"
match = { primary_cwd = \"~/work/acme/*\" }
tags = [\"acme\"] # twice

[[rules.auto_tag]]
name = \"Acme web\"
match = { primary_cwd = \"~/work/acme/web/*\" }
tags = [\"acme\"]
";

const MOVED: &str = "move 'Secret' above 'Acme': exactly its own streams go from 'Acme' to it, \
                     and no others";

fn text(sandbox: &crate::support::Sandbox, name: &str) -> String {
    fs::read_to_string(sandbox.path(name)).unwrap()
}

const CONFIG: &str = "home/.config/tt/config.toml";

#[test]
fn the_config_is_mended_and_checked_again() {
    let tt = tt().with_config(MESSY);
    let ran = tt.run("rules check --fix").done();
    assert_eq!(text(&tt, CONFIG), TIDY);
    assert_eq!(
        ran.err,
        format!(
            "config.toml: 2 fixes applied\n  line 6: remove the repeated tag 'acme' (R0402)\n  \
             line 11: {MOVED} (R0302)\n"
        )
    );
    ran.says(&["config.toml: 3 rules loaded, 1 warning", "'Acme web' can never win"]);
    let again = tt.run("rules check --fix").ok();
    again.says(&["config.toml: 3 rules loaded, 1 warning"]);
    assert_eq!(text(&tt, CONFIG), TIDY);
}

#[test]
fn what_takes_a_rule_away_must_be_asked_for() {
    let tt = tt().with_config(MESSY);
    let ran = tt.run("rules check --fix --unsafe-fixes").done();
    let (kept, _) = TIDY.split_once("\n[[rules.auto_tag]]\nname = \"Acme web\"").unwrap();
    assert_eq!(text(&tt, CONFIG), kept);
    assert!(ran.err.contains("remove 'Acme web': no stream changes (R0302)"), "{ran:#?}");
    ran.prints("config.toml: 2 rules loaded, all valid");
    tt.run("rules check --unsafe-fixes").says_wrong_usage(&["--fix or --diff"]);
    tt.run("rules check --fix --watch").says_wrong_usage(&["cannot be used with"]);
}

#[test]
fn what_can_be_fixed_is_said() {
    let tt = tt().with_config(MESSY);
    let ran = tt.run("rules check").ok();
    assert!(
        ran.out.ends_with(
            "\nconfig.toml: 3 rules loaded, 3 warnings\n\
             2 can be fixed with --fix (1 more with --unsafe-fixes)\n"
        ),
        "{ran:#?}"
    );
    tt.config(TIDY);
    tt.run("rules check").ok().says(&["\n1 can be fixed with --fix --unsafe-fixes\n"]);
    let json = tt.run("rules check --format json").ok();
    assert!(!json.out.contains("can be fixed"));
    tt.config(ACME);
    tt.run("rules check").ok().prints("config.toml: 3 rules loaded, all valid");
    // While there are errors, rules stay where they are.
    tt.config(MESSY.replace("name =", "nmae ="));
    tt.run("rules check").exits(1).says(&["\n3 can be fixed with --fix\n"]);
    // Nothing is certain in a text that is no TOML.
    tt.config(MESSY.replacen("name =", "nmae = =", 1));
    let ran = tt.run("rules check").exits(1);
    assert!(!ran.out.contains("can be fixed"), "{ran:#?}");
}

#[test]
fn a_diff_changes_nothing() {
    let tt = tt().with_config(MESSY);
    for line in ["rules check --diff", "rules check --diff --fix"] {
        let ran = tt.run(line).exits(1);
        assert!(ran.err.starts_with("config.toml: 2 fixes would be applied\n"), "{ran:#?}");
        insta::assert_snapshot!("diff", ran.out);
        assert_eq!(text(&tt, CONFIG), MESSY);
    }
    assert_eq!(tt.run("rules check --diff --exit-zero").done().out.lines().count(), 25);
    tt.config(ACME);
    tt.run("rules check --diff").ok().prints("");
    assert_eq!(text(&tt, CONFIG), ACME);
}

#[test]
fn errors_are_mended_before_rules_are_moved() {
    let tt = tt().with_config(MESSY.replace("primary_cwd", "path"));
    let ran = tt.run("rules check --fix").done();
    assert_eq!(text(&tt, CONFIG), TIDY);
    assert!(ran.err.starts_with("config.toml: 5 fixes applied\n"), "{ran:#?}");
    // What is left fails the check as ever.
    tt.config("[[rules.auto_tag]]\nmatch = { agnt = \"[\" }\ntags = [\"a\"]\n");
    let ran = tt.run("rules check --fix").exits(1);
    ran.says(&["unknown field 'agnt'", "config.toml: 1 error; no rule runs until fixed"]);
}

#[test]
fn what_is_allowed_stays() {
    let allowed = MESSY.replace("# hush", "# tt: allow(R0302) until the contract ends");
    let tt = tt().with_config(&allowed);
    tt.run("rules check --fix --allow repeated-tag").done();
    assert_eq!(text(&tt, CONFIG), allowed);
}

#[test]
fn stdin_goes_to_stdout() {
    let tt = quiet();
    let ran = tt.feed("rules check --fix - --stdin-filename my.toml", MESSY).done();
    assert_eq!(ran.out, TIDY);
    assert!(ran.err.starts_with("my.toml: 2 fixes applied\n"), "{ran:#?}");
    assert!(
        ran.err.contains("Warning: my.toml line 16: rule 'Acme web' can never win"),
        "{ran:#?}"
    );
    let broken = "[[rules.auto_tag]]\nmatch = {}\ntags = ['a', 'a']\n";
    assert_eq!(tt.feed("rules check --fix -", broken).exits(1).out, broken);
    assert_eq!(tt.feed("rules check --fix -", ACME).ok().out, ACME);
    let ran = tt.feed("rules check --diff -", MESSY).exits(1);
    assert!(ran.out.starts_with("--- <stdin>\n+++ <stdin>\n@@"), "{ran:#?}");
    tt.run("rules check --fix - b.toml").says_wrong_usage(&["'-'"]);
}

#[test]
fn a_file_keeps_its_permissions_and_a_link_stays_a_link() {
    let tt = quiet();
    let real = tt.put("dotfiles/rules.toml", MESSY);
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let link = tt.path("rules.toml");
    symlink("dotfiles/rules.toml", &link).unwrap();
    tt.run_args(["rules", "check", "--fix", link.to_str().unwrap()]).done();
    assert_eq!(fs::read_link(&link).unwrap().to_str(), Some("dotfiles/rules.toml"));
    assert_eq!(fs::read_to_string(&real).unwrap(), TIDY);
    assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    let left: Vec<_> = fs::read_dir(tt.path("dotfiles")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn what_cannot_be_written_is_left_as_it_is() {
    let tt = quiet();
    let locked = tt.put("a/locked.toml", MESSY);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o444)).unwrap();
    let open = tt.put("a/open.toml", MESSY);
    let ran =
        tt.run_args(["rules", "check", "--fix", "/sandbox/a/locked.toml", "/sandbox/a/open.toml"]);
    let ran = ran.exits(2);
    assert!(
        ran.err.contains("Error: cannot write /sandbox/a/locked.toml: the file is read-only\n")
    );
    assert_eq!(fs::read_to_string(&locked).unwrap(), MESSY);
    // The others are mended all the same.
    assert_eq!(fs::read_to_string(&open).unwrap(), TIDY);
    tt.run("rules check --fix nowhere.toml").exits(2);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_told() {
    let tt = quiet();
    let file = tt.put("closed/rules.toml", MESSY);
    let folder = tt.path("closed");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    // Whoever may do anything is not stopped by permissions.
    let stops = fs::write(folder.join("probe"), "").is_err();
    let ran = tt.run_args(["rules", "check", "--fix", file.to_str().unwrap()]);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    if stops {
        let ran = ran.exits(2);
        assert!(ran.err.contains("Error: cannot write /sandbox/closed/rules.toml: "), "{ran:#?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), MESSY);
    } else {
        assert_eq!(fs::read_to_string(&file).unwrap(), TIDY);
    }
}

/// Many at once on one file: each either mends it or finds it mended or changed; at the end it is
/// whole, and mended.
#[test]
fn several_at_once_lose_nothing() {
    let tt = quiet();
    let file = tt.put("rules.toml", MESSY);
    let args = ["rules", "check", "--fix", file.to_str().unwrap()];
    let runs: Vec<_> = (0..12).map(|_| tt.start(args)).collect();
    for run in runs {
        let ran = crate::support::Ran::of(run, &tt);
        let refused = ran.err.contains("it was changed in the meantime; run this again");
        assert!(ran.code == Some(0) || ran.code == Some(2) && refused, "{ran:#?}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), TIDY);
}
