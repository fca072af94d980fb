//! `tt rules explain`: the list of codes, and their pages.

use serde_json::Value;
use tt::diag::Code;

use crate::support::quiet;

#[test]
fn every_code_is_listed_with_what_it_means() {
    let shown = quiet().run("rules explain").ok().out;
    for code in Code::ALL {
        let line = shown.lines().find(|line| line.starts_with(code.id())).unwrap();
        assert!(line.contains(code.slug()) && line.ends_with(code.summary()), "{line}");
    }
    let first: String = shown.lines().take(2).map(|line| format!("{line}\n")).collect();
    insta::assert_snapshot!(first, @r"
    CODE   NAME              SEVERITY  LEVEL   MEANS
    R0101  toml-syntax       error     always  the file is not valid TOML
    ");
    let overlap = shown.lines().find(|line| line.starts_with("R0305")).unwrap();
    assert!(overlap.contains("warning   allow "), "{overlap}");
}

#[test]
fn the_list_fits_the_terminal() {
    let shown = quiet().var("COLUMNS", "60").run("rules explain").ok().out;
    assert!(shown.lines().take(Code::ALL.len() + 1).all(|line| line.chars().count() <= 60));
}

#[test]
fn a_page_is_found_by_code_and_by_name() {
    let tt = quiet().var("COLUMNS", "80");
    let page = tt.run("rules explain R0206").ok().out;
    insta::assert_snapshot!(page);
    for name in ["r0206", "empty-tags", "Empty-Tags"] {
        assert_eq!(tt.run(&format!("rules explain {name}")).ok().out, page);
    }
    let both = tt.run("rules explain R0206 shadowed").ok().out;
    assert!(both.starts_with(&format!("{page}\nR0302: ")), "{both}");
}

#[test]
fn a_code_that_does_not_exist_is_wrong_usage() {
    let tt = quiet();
    tt.run("rules explain R0999")
        .says_wrong_usage(&["there is no code 'R0999'", "tt rules explain"]);
    tt.run("rules explain shadwed").says_wrong_usage(&["Did you mean: shadowed?"]);
    tt.run("rules explain R0302 R302").says_wrong_usage(&["there is no code 'R302'"]);
}

#[test]
fn json_has_the_same_and_the_pages() {
    let tt = quiet();
    let all = tt.run("rules explain --format json").ok().json();
    let codes = all["codes"].as_array().unwrap();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    assert_eq!(codes.len(), Code::ALL.len());
    for (code, json) in Code::ALL.iter().zip(codes) {
        assert_eq!(text(json, "code"), code.id());
        assert_eq!(text(json, "name"), code.slug());
        assert_eq!(text(json, "severity"), code.severity().as_str());
        assert_eq!(json["configurable"], code.is_lint());
        assert_eq!(text(json, "summary"), code.summary());
        assert_eq!(text(json, "page"), code.page());
    }
    let one = tt.run("rules explain overlap --format json").ok().json();
    assert_eq!(one["codes"].as_array().unwrap().len(), 1);
    assert_eq!(one["codes"][0]["level"], "allow");
}
