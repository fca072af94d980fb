//! `tt recompute`: the rules, and if asked the streams too, once more.

use std::io::Write;

use serde_json::json;

use super::app::{App, Config, RulesState, RunRules};
use super::args::RecomputeArgs;
use super::error::{Failure, Outcome};
use super::streams::range;
use super::{changes, count, write_json};
use crate::change::{self, Recomputed, Wanted};
use crate::refresh::RulesInForce;
use crate::store::derived;

pub(super) fn run(app: &App, args: &RecomputeArgs, out: &mut dyn Write) -> Outcome {
    let range = range(app, &args.range)?;
    let (mut store, config) = app.up_to_date(RunRules::No)?;
    app.warn_about(&config);
    let rules = in_force(&config);
    if rules.is_none() {
        if !args.all {
            return Err(Failure::Failed(
                "there are no rules to run\n  Nothing was changed.".to_owned(),
            ));
        }
        super::say("Streams are inferred again; their tags stay as they are.");
    }
    let settings = app.settings(&config, store.conn())?;
    let tx = store.write()?;
    let wanted = Wanted { rules, range, from_events: args.all };
    let done = change::recompute(&tx, &settings, wanted, (app.env.zone, app.env.now))?;
    let streams = derived::count(&tx)?.unsigned_abs();
    let shown = changes::shown(&tx, done.streams.iter())?;
    // What is not committed did not happen.
    if !args.dry_run {
        tx.commit()?;
    }
    if args.json {
        let (changed, tags) = changes::in_json(&shown);
        return write_json(
            out,
            &json!({
                "dry_run": args.dry_run,
                "streams_run": done.tagged,
                "streams": changed,
                "tags": tags,
            }),
        );
    }
    writeln!(out, "{}", headline(args, &done, streams, rules.is_some()))?;
    if shown.is_empty() {
        if args.dry_run {
            writeln!(out, "No stream would change.")?;
        }
        return Ok(());
    }
    write!(out, "{}", changes::text(&shown, app.env.table_width()))?;
    let next = match (args.dry_run, done.can_undo) {
        (true, _) => "Nothing was changed. Run without --dry-run to do it.",
        (false, true) => "'tt undo' takes this back.",
        (false, false) => "This cannot be taken back: it is what the events give.",
    };
    writeln!(out, "\n{next}")?;
    Ok(())
}

fn in_force(config: &Config) -> Option<RulesInForce<'_>> {
    match &config.rules {
        RulesState::Ready(rules, fingerprint) => Some(RulesInForce { rules, fingerprint }),
        RulesState::Missing | RulesState::Unreadable(_) | RulesState::Broken => None,
    }
}

fn headline(args: &RecomputeArgs, done: &Recomputed, streams: u64, has_rules: bool) -> String {
    let (all, tagged) = (count(streams, "stream"), count(done.tagged as u64, "stream"));
    match (args.all, args.dry_run) {
        (true, false) if has_rules => format!("{all} inferred and tagged again."),
        (true, false) => format!("{all} inferred again."),
        (true, true) => format!("{all} would be inferred again."),
        (false, false) => format!("Rules were run on {tagged}."),
        (false, true) => format!("Rules would be run on {tagged}."),
    }
}
