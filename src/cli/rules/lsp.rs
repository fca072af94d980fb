//! `tt rules lsp`: the pipes, the threads and the database of the language server.
//!
//! Three threads: one reads stdin, one does the jobs and asks the database, and this one holds the
//! server and writes. A job is given out only when no message waits, so that of a burst of
//! keystrokes the last alone is reviewed.

use std::io::{self, BufReader, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TryRecvError};
use std::thread;

use crate::cli::app::App;
use crate::cli::error::{Failure, Outcome};
use crate::lsp::wire::{self, Reader, Refusal};
use crate::lsp::{Done, Job, Known, KnownStream, Server};
use crate::period::Zone;
use crate::rules::Env;
use crate::store::{self, Store, derived, tags};
use crate::tagging::Viewer;

/// So many streams, the newest, are looked at.
const MOST_STREAMS: u32 = 20_000;
/// So many messages wait to be handled; then the editor's pipe fills up.
const MOST_MESSAGES: usize = 64;

/// What the server is told.
enum Event {
    Body(Result<Vec<u8>, Refusal>),
    /// Nothing more comes.
    End,
    Done(Done),
    Known(Arc<Known>),
}

pub(super) fn run(app: &App, out: &mut dyn Write) -> Outcome {
    let (events, inbox) = mpsc::sync_channel(MOST_MESSAGES);
    let (jobs, todo) = mpsc::channel();
    let worker = Worker {
        env: app.rules_env(),
        database: app.database().ok().map(PathBuf::from),
        zone: app.env.zone,
        store: None,
        known: Arc::default(),
    };
    let done = events.clone();
    // Neither is waited for at the end: one is in a read, the other has nothing to lose.
    thread::spawn(move || worker.work(&todo, &done));
    thread::spawn(move || listen(&events));
    let clean = serve(Server::new(app.rules_env()), &inbox, &jobs, out)?;
    if clean { Ok(()) } else { Err(Failure::Found) }
}

/// Runs the server until it is told to stop; whether that was done by the protocol.
fn serve(
    mut server: Server,
    inbox: &Receiver<Event>,
    jobs: &Sender<Job>,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    let mut idle = true;
    loop {
        let event = match inbox.try_recv() {
            Ok(event) => event,
            Err(TryRecvError::Disconnected) => return Ok(false),
            Err(TryRecvError::Empty) => {
                if idle && let Some(job) = server.job() {
                    idle = jobs.send(job).is_err();
                }
                let Ok(event) = inbox.recv() else { return Ok(false) };
                event
            }
        };
        match event {
            Event::Body(body) => server.handle(body),
            Event::End => return Ok(false),
            Event::Known(known) => server.learn(known),
            Event::Done(done) => {
                idle = true;
                server.done(done);
            }
        }
        for answer in server.take_answers() {
            wire::write(out, &answer)?;
        }
        out.flush()?;
        if let Some(clean) = server.exit() {
            return Ok(clean);
        }
    }
}

fn listen(events: &SyncSender<Event>) {
    let mut reader = Reader::new(BufReader::new(io::stdin().lock()));
    // What cannot be read any more is at its end.
    while let Ok(Some(body)) = reader.next_body() {
        if events.send(Event::Body(body)).is_err() {
            return;
        }
    }
    drop(events.send(Event::End));
}

/// Does the jobs.
struct Worker {
    env: Env,
    database: Option<PathBuf>,
    zone: Zone,
    /// The database, once there is one, with the state it was last seen in.
    store: Option<(Store, i64)>,
    known: Arc<Known>,
}

impl Worker {
    fn work(mut self, todo: &Receiver<Job>, events: &SyncSender<Event>) {
        while let Ok(job) = todo.recv() {
            let tell = |event| events.send(event).is_ok();
            // Findings do not depend on what is known, and shall not wait for it.
            let first = job.needs_known();
            let told = !first || self.look().is_none_or(|known| tell(Event::Known(known)));
            let told = told && tell(Event::Done(job.run(&self.env, &self.known)));
            let told = told && (first || self.look().is_none_or(|known| tell(Event::Known(known))));
            if !told {
                return;
            }
        }
    }

    /// What the database knows, if that is new. A database that is missing, busy or broken has
    /// nothing to say; other commands tell why.
    fn look(&mut self) -> Option<Arc<Known>> {
        let (store, seen) = match self.store.take() {
            Some((store, seen)) => (store, Some(seen)),
            None => (Store::open_to_look(self.database.as_deref()?).ok()??, None),
        };
        let version = store.changes_of_others().ok()?;
        let known = if seen == Some(version) { None } else { ask(&store, self.zone).ok() };
        let is_seen = seen == Some(version) || known.is_some();
        self.store = is_seen.then_some((store, version));
        let known = Arc::new(known?);
        self.known = Arc::clone(&known);
        Some(known)
    }
}

fn ask(store: &Store, zone: Zone) -> store::Result<Known> {
    let conn = store.conn();
    let rows = derived::newest(conn, MOST_STREAMS)?;
    let mut viewer = Viewer::new(conn, zone);
    let mut streams = Vec::with_capacity(rows.len());
    for row in rows {
        let stream = viewer.view(&row)?;
        streams.push(KnownStream { name: row.name, stream });
    }
    let number = |n: i64| u64::try_from(n).unwrap_or_default();
    let left_out = number(derived::count(conn)?).saturating_sub(streams.len() as u64);
    let tags = tags::in_use(conn)?.into_iter().map(|it| (it.tag, number(it.streams))).collect();
    Ok(Known::new(streams, left_out, tags))
}
