//! Which module may use which: the table of `docs/architecture.md`, held to the code.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{code_of, read, sources};

/// THE table of edges. A module may use those named beside it, and nothing else of ours.
///
/// Above the line know no files, no clock, no environment and no SQL; see `PURE`.
const EDGES: [(&str, &[&str]); 27] = [
    ("time", &[]),
    ("lines", &[]),
    ("tags", &[]),
    ("diag", &[]),
    ("event", &["time"]),
    ("config", &["time"]),
    ("period", &["time"]),
    ("rules", &["diag"]),
    ("lsp", &["diag", "rules"]),
    ("schema", &["config", "diag", "privacy", "rules"]),
    ("alloc", &["time"]),
    ("infer", &["collect::git", "event", "store::texts", "time"]),
    ("report", &["period", "time"]),
    ("privacy", &["diag", "event", "rules", "time"]),
    // ---
    ("collect", &["event", "lines", "time"]),
    ("store", &["alloc", "event", "infer", "tags", "time"]),
    ("import", &["collect", "event", "lines", "store"]),
    ("resolve", &["config", "infer", "store", "time"]),
    ("pipeline", &["alloc", "config", "infer", "resolve", "store", "time"]),
    ("tagging", &["period", "rules", "store", "tags"]),
    (
        "refresh",
        &["collect", "config", "event", "period", "pipeline", "rules", "store", "tagging", "time"],
    ),
    ("change", &["config", "period", "pipeline", "refresh", "store", "tags", "time"]),
    ("judged", &["privacy", "store"]),
    ("export", &["event", "judged", "privacy", "store", "time"]),
    ("suggest", &["export", "privacy", "time"]),
    ("push", &["config", "judged", "period", "privacy", "store", "time"]),
    (
        "cli",
        &[
            "change", "collect", "config", "diag", "event", "export", "import", "judged", "lsp",
            "period", "pipeline", "privacy", "push", "refresh", "report", "rules", "schema",
            "store", "suggest", "tagging", "tags", "time",
        ],
    ),
];

/// Modules that are mathematics: same arguments, same answer.
const PURE: [&str; 13] = [
    "alloc", "config", "diag", "event", "infer", "lines", "lsp", "period", "report", "rules",
    "schema", "tags", "time",
];

/// How code asks the world, and who may.
const WORLD: [(&str, &[&str]); 7] = [
    ("rusqlite", &["store", "pipeline", "resolve", "tagging", "refresh", "change", "push", "cli"]),
    ("std::env", &["cli"]),
    ("env::var", &["cli"]),
    ("Utc::now", &["cli"]),
    ("SystemTime::now", &["collect"]),
    ("Command::new", &["cli"]),
    ("std::fs", &["cli", "collect", "store"]),
];

/// The module a source file belongs to; `lib` and `main` are the frame.
fn module_of(file: &str) -> &str {
    let inner = file.strip_prefix("src/").unwrap();
    inner.split(['/', '.']).next().unwrap()
}

fn modules() -> BTreeSet<String> {
    let line = |line: &str| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
    };
    read("src/lib.rs").lines().filter_map(line).collect()
}

/// Every `crate::a::b` in `code`, as `a::b`; `use crate::{…}` is not our habit.
fn uses(file: &str, code: &str) -> Vec<String> {
    assert!(!code.contains("crate::{"), "{file}: write one `use crate::…` per module");
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    code.match_indices("crate::")
        .filter(|(at, _)| !code[..*at].ends_with('$'))
        .map(|(at, prefix)| {
            let rest = &code[at + prefix.len()..];
            rest[..rest.find(|c| !is_path(c)).unwrap_or(rest.len())].to_owned()
        })
        .collect()
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let table: BTreeMap<&str, &[&str]> = EDGES.into_iter().collect();
    let names: Vec<&str> = table.keys().copied().collect();
    let modules = modules();
    assert_eq!(names, modules.iter().collect::<Vec<_>>(), "a module is not in EDGES");
    let mut wrong = Vec::new();
    let mut used: BTreeSet<(&str, &str)> = BTreeSet::new();
    let files = sources();
    for file in &files {
        let Some((module, allowed)) = table.get_key_value(module_of(file)) else {
            continue;
        };
        for path in uses(file, &code_of(file)) {
            let first = path.split("::").next().unwrap();
            if first == *module || !modules.contains(first) {
                continue;
            }
            let edge = allowed
                .iter()
                .find(|edge| path == **edge || path.starts_with(&format!("{edge}::")));
            match edge {
                Some(edge) => drop(used.insert((module, edge))),
                None => wrong.push(format!("{file} uses crate::{path}")),
            }
        }
    }
    assert!(wrong.is_empty(), "edges that are not in the table:\n{}", wrong.join("\n"));
    for (module, allowed) in EDGES {
        for edge in allowed {
            let in_use = used.contains(&(module, edge));
            assert!(in_use, "EDGES lets {module} use {edge}, which it does not: take it out");
        }
    }
}

#[test]
fn only_the_rooms_at_the_edge_ask_the_world() {
    for (what, who) in WORLD {
        for file in sources() {
            let module = module_of(&file);
            let may = who.contains(&module) || matches!(module, "lib" | "main");
            assert!(
                may || !code_of(&file).contains(what),
                "{file} uses {what}, which is for {}",
                who.join(", ")
            );
        }
        let pure: Vec<_> = who.iter().filter(|it| PURE.contains(it)).collect();
        assert!(pure.is_empty(), "{what} is for {pure:?}, which are to be pure");
    }
}

#[test]
fn sql_is_written_in_the_store_only() {
    for file in sources().iter().filter(|file| module_of(file) != "store") {
        let code = code_of(file);
        for word in ["SELECT ", "INSERT INTO", "DELETE FROM", "PRAGMA ", "prepare("] {
            assert!(!code.contains(word), "{file}: '{word}' is for src/store");
        }
    }
}

#[test]
fn the_map_names_every_module() {
    let map = read("docs/architecture.md");
    for (module, allowed) in EDGES {
        let row = map.lines().find(|line| line.starts_with(&format!("| `{module}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/architecture.md has no row for `{module}`"));
        for edge in allowed {
            let named = row.contains(&format!("`{edge}`"));
            assert!(named, "docs/architecture.md: the row of `{module}` lacks `{edge}`");
        }
    }
}

/// Invariants by name: each that a source file states is on the map, and each on the map is
/// stated somewhere.
#[test]
fn the_map_names_every_invariant() {
    let map = read("docs/architecture.md");
    let mut stated = BTreeSet::new();
    for file in sources() {
        let text = read(&file);
        for (at, prefix) in text.match_indices("INVARIANT (") {
            let rest = &text[at + prefix.len()..];
            let name = rest[..rest.find(')').unwrap()].to_owned();
            let path = file.strip_prefix("src/").unwrap();
            let row = format!("| {name} | `{path}` |");
            assert!(map.contains(&row), "docs/architecture.md lacks the row\n{row}");
            stated.insert(row);
        }
    }
    let rows = map.lines().filter(|line| {
        let mut cells = line.split(" | ");
        line.starts_with("| ")
            && cells.nth(1).is_some_and(|it| it.starts_with('`') && it.contains(".rs`"))
    });
    for row in rows {
        let known = stated.iter().any(|it| row.starts_with(it.as_str()));
        assert!(known, "docs/architecture.md has an invariant that no file states:\n{row}");
    }
}
