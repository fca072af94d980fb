//! `tt recompute`: the rules, and if asked the streams too, once more.

use std::io::Write;

use super::app::{App, RulesState, RunRules};
use super::args::RecomputeArgs;
use super::count;
use super::error::{Failure, Outcome};
use super::streams::range;
use crate::pipeline;
use crate::refresh;
use crate::store::derived;
use crate::time::Timestamp;

pub(super) fn run(app: &App, args: &RecomputeArgs, out: &mut dyn Write) -> Outcome {
    let range = range(app, &args.range)?;
    let (mut store, config) = app.up_to_date(RunRules::No)?;
    app.warn_about(&config);
    let RulesState::Ready(rules, fingerprint) = &config.rules else {
        if args.all {
            super::say("Streams are inferred again; their tags stay as they are.");
        } else {
            return Err(Failure::Failed(
                "there are no rules to run\n  Nothing was changed.".to_owned(),
            ));
        }
        rebuild_all(app, &mut store, &config, None)?;
        writeln!(out, "{} inferred again.", count(streams(&store)?, "stream"))?;
        return Ok(());
    };
    let in_force = refresh::RulesInForce { rules, fingerprint };
    let tx = store.write()?;
    let flagged = derived::flag(&tx, range)?;
    tx.commit()?;
    if args.all {
        rebuild_all(app, &mut store, &config, Some(in_force))?;
        writeln!(out, "{} inferred and tagged again.", count(streams(&store)?, "stream"))?;
        return Ok(());
    }
    let settings = app.settings(&config, store.conn())?;
    let at = (app.env.zone, app.env.now);
    refresh::infer_and_tag(&mut store, &settings, Some(in_force), at)?;
    writeln!(out, "Rules were run on {}.", count(flagged as u64, "stream"))?;
    Ok(())
}

fn rebuild_all(
    app: &App,
    store: &mut crate::store::Store,
    config: &super::app::Config,
    in_force: Option<refresh::RulesInForce<'_>>,
) -> Outcome {
    let tx = store.write()?;
    pipeline::request_rebuild(&tx, Timestamp::MIN, Timestamp::MAX)?;
    tx.commit()?;
    let settings = app.settings(config, store.conn())?;
    refresh::infer_and_tag(store, &settings, in_force, (app.env.zone, app.env.now))?;
    Ok(())
}

fn streams(store: &crate::store::Store) -> Result<u64, Failure> {
    Ok(derived::count(store.conn())?.unsigned_abs())
}
