//! `tt assign`: events that the person gives to a stream.

use std::io::Write;

use super::app::{App, RunRules, short_id};
use super::args::AssignArgs;
use super::count;
use super::error::{Failure, Outcome};
use super::table::harmless;
use crate::pipeline;
use crate::store::{derived, events};

pub(super) fn run(app: &App, args: &AssignArgs, out: &mut dyn Write) -> Outcome {
    let Some((name, prefixes)) = args.events_and_stream.split_last() else {
        return Err(Failure::Usage("name at least one event, and a stream".to_owned()));
    };
    let (mut store, _) = app.up_to_date(RunRules::Yes)?;
    let tx = store.write()?;
    let stream = app.stream(&tx, name)?;
    for prefix in prefixes {
        let found = events::find(&tx, prefix, 5)?;
        let exact = found.iter().find(|event| event.id.to_string() == *prefix);
        let event = match (exact, found.as_slice()) {
            (Some(event), _) | (None, [event]) => event,
            (None, []) => {
                return Err(Failure::Failed(format!(
                    "no event's id begins with '{}'\n  See 'tt events' for ids. \
                     Nothing was assigned.",
                    harmless(prefix)
                )));
            }
            (None, several) => {
                let ids: Vec<String> =
                    several.iter().map(|event| format!("\n  {}  {}", event.id, event.at)).collect();
                return Err(Failure::Failed(format!(
                    "several events' ids begin with '{}':{}\n  Nothing was assigned.",
                    harmless(prefix),
                    ids.concat()
                )));
            }
        };
        derived::assign(&tx, event.seq, stream.num)?;
        // Both the stream that loses the event and the one that gains it are inferred afresh.
        pipeline::request_rebuild(&tx, event.at, event.at)?;
        pipeline::request_rebuild(&tx, stream.first, stream.last)?;
    }
    let id = short_id(&tx, &stream.id)?;
    tx.commit()?;
    let (store, _) = app.up_to_date(RunRules::Yes)?;
    let stream = app.stream(store.conn(), &stream.id)?;
    let events = count(prefixes.len() as u64, "event");
    writeln!(out, "{events} assigned to {id} {}.", harmless(&stream.name))?;
    Ok(())
}
