//! What every file of the repository owes the next reader.

use crate::support::{files_under, read, sources, text_of};

#[test]
fn every_source_file_begins_with_what_it_is() {
    for file in files_under("src")
        .into_iter()
        .chain(files_under("tests"))
        .filter(|file| file.ends_with(".rs"))
    {
        assert!(read(&file).starts_with("//! "), "{file} does not begin with '//! …'");
    }
}

#[test]
fn no_file_is_forgotten() {
    let all: String = sources().iter().map(|file| read(file)).collect();
    for file in sources() {
        let path = std::path::Path::new(&file);
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let name = match stem {
            "mod" => path.parent().unwrap().file_name().unwrap().to_str().unwrap(),
            "lib" | "main" => continue,
            stem => stem,
        };
        assert!(all.contains(&format!("mod {name};")), "{file} belongs to no module");
    }
}

/// Paths of whoever built this belong in no file: they mean nothing to others.
#[test]
fn no_file_names_a_machine() {
    let mut here = vec![env!("CARGO_MANIFEST_DIR").to_owned()];
    // Put together, so that this file does not hold them.
    here.extend(["root", "builds", "workspace"].map(|folder| format!("/{folder}/")));
    for file in files_under("") {
        let Some(text) = text_of(&file) else { continue };
        for path in &here {
            // Inside another path (`~/work/root/…`) it is somebody's example.
            let at = text.match_indices(path.as_str()).find(|(at, _)| {
                let before = text[..*at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || "~._>-*/".contains(c))
            });
            if let Some((at, _)) = at {
                let line = 1 + text[..at].matches('\n').count();
                panic!("{file}:{line} names a path of a machine: {path}");
            }
        }
    }
}
