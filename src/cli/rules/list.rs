//! `tt rules list`: the rules of a file, in order.

use std::io::Write;

use serde_json::{Value, json};

use super::draw::one_line;
use super::{read_or_config, sound};
use crate::cli::app::App;
use crate::cli::args::{Format, ListArgs};
use crate::cli::error::Outcome;
use crate::cli::table::Table;
use crate::cli::{count, write_json};
use crate::diag::SourceFile;
use crate::rules::{Rule, Template};

pub(super) fn run(app: &App, args: &ListArgs, out: &mut dyn Write) -> Outcome {
    let file = read_or_config(app, args.file.as_deref())?;
    let rules = sound(app, &file, &app.rules_env())?;
    if args.format == Format::Json {
        let list: Vec<Value> = rules.rules.iter().map(|rule| in_json(rule, &file)).collect();
        return write_json(out, &json!({ "file": file.name(), "rules": list }));
    }
    if rules.rules.is_empty() {
        writeln!(out, "{} has no rules.", file.name())?;
        return Ok(());
    }
    let mut table = Table::new(
        &[
            ("#", true),
            ("NAME", false),
            ("LINE", true),
            ("CONDITIONS", false),
            ("TAGS", false),
            ("PROJECT", false),
            ("", false),
        ],
        &[1, 3, 4, 5],
        &[5, 2, 3],
    );
    for rule in &rules.rules {
        let info = &rule.info;
        table.row(vec![
            (info.index() + 1).to_string(),
            info.name.clone().unwrap_or_default(),
            info.line.to_string(),
            conditions(rule, &file).join(" and "),
            info.tags.join(", "),
            rule.project.as_ref().map(Template::to_string).unwrap_or_default(),
            if info.enabled { String::new() } else { "off".to_owned() },
        ]);
    }
    write!(out, "{}", table.render(app.env.table_width()))?;
    let off = rules.rules.iter().filter(|rule| !rule.info.enabled).count();
    let off = if off > 0 { format!(", {off} of them switched off") } else { String::new() };
    writeln!(out, "\n{}{off}", count(rules.rules.len() as u64, "rule"))?;
    Ok(())
}

/// The conditions as they are written, each on one line.
fn conditions(rule: &Rule, file: &SourceFile) -> Vec<String> {
    rule.conjuncts.iter().map(|conjunct| one_line(file, conjunct.place)).collect()
}

fn in_json(rule: &Rule, file: &SourceFile) -> Value {
    json!({
        "index": rule.info.index(),
        "name": rule.info.title(),
        "line": rule.info.line,
        "enabled": rule.info.enabled,
        "conditions": conditions(rule, file),
        "tags": rule.info.tags,
        "project": rule.project.as_ref().map(Template::to_string),
    })
}
