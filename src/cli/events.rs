//! `tt events`: all events as JSON lines, which `tt import` takes back unchanged.

use std::io::Write;

use super::app::App;
use super::args::RangeArgs;
use super::error::{Failure, Outcome};
use super::streams::range;
use crate::store::events;

pub(super) fn run(app: &App, args: &RangeArgs, out: &mut dyn Write) -> Outcome {
    let range = range(app, args)?;
    let mut store = app.collected(&app.read_config())?;
    store.be_small()?;
    let tx = store.read()?;
    events::for_each(&tx, range, |event| -> Result<(), Failure> {
        Ok(writeln!(out, "{}", event.to_json())?)
    })
}
