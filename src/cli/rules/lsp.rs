//! `tt rules lsp`: the pipes, the threads and the database of the language server.
//!
//! Four threads: one reads stdin, one reviews texts, one asks the database, and this one holds the
//! server and writes. A text is given out only when no message waits, so that of a burst of
//! keystrokes the last alone is reviewed; and a large database is never waited for.

use std::io::{self, BufReader, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvError, Sender, SyncSender, TryRecvError};
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
/// So many messages wait to be handled; then the editor's pipe fills up. With the one that is read
/// and the one that is handled, that is at most six times [`wire::MAX_BODY`].
const MOST_MESSAGES: usize = 4;

/// What the server is told.
enum Event {
    Body(Result<Vec<u8>, Refusal>),
    /// Nothing more comes.
    End,
    Done(Done),
    Known(Arc<Known>),
    /// This helper has nothing to do.
    Idle(Who),
}

/// The helpers.
#[derive(Clone, Copy)]
enum Who {
    /// Reviews texts.
    Reviewer,
    /// Asks the database, and runs rules over what it says.
    Clerk,
}

pub(super) fn run(app: &App, out: &mut dyn Write) -> Outcome {
    let (events, inbox) = mpsc::sync_channel(MOST_MESSAGES);
    let mut office = Office {
        server: Server::new(app.rules_env()),
        reviewer: Desk::new(Helper::new(app, Who::Reviewer), &events),
        clerk: Desk::new(Helper::new(app, Who::Clerk), &events),
    };
    // Nobody is waited for at the end: one is in a read, the others have nothing to lose.
    thread::spawn(move || listen(&events));
    if office.serve(&inbox, out)? { Ok(()) } else { Err(Failure::Found) }
}

/// The server and those who help it.
struct Office {
    server: Server,
    reviewer: Desk,
    clerk: Desk,
}

impl Office {
    /// Runs the server until it is told to stop; whether that was done by the protocol.
    fn serve(&mut self, inbox: &Receiver<Event>, out: &mut dyn Write) -> Result<bool, Failure> {
        loop {
            let event = match inbox.try_recv() {
                Err(TryRecvError::Empty) => {
                    self.give_work();
                    inbox.recv()
                }
                event => event.map_err(|_| RecvError),
            };
            match event {
                Ok(Event::Body(body)) => self.server.handle(body),
                Ok(Event::Known(known)) => self.server.learn(known),
                Ok(Event::Done(done)) => self.server.done(done),
                Ok(Event::Idle(Who::Clerk)) => self.clerk.idle = true,
                Ok(Event::Idle(Who::Reviewer)) => {
                    self.reviewer.idle = true;
                    self.clerk.give(None);
                }
                Ok(Event::End) | Err(RecvError) => return Ok(false),
            }
            for answer in self.server.take_answers() {
                wire::write(out, &answer)?;
            }
            out.flush()?;
            if let Some(clean) = self.server.exit() {
                return Ok(clean);
            }
        }
    }

    fn give_work(&mut self) {
        if self.reviewer.idle
            && let Some(job) = self.server.review()
        {
            self.reviewer.give(Some(job));
        }
        if self.clerk.idle
            && let Some(job) = self.server.tally()
        {
            self.clerk.give(Some(job));
        }
    }
}

/// Where a helper takes jobs from.
struct Desk {
    jobs: Sender<Option<Job>>,
    idle: bool,
}

impl Desk {
    fn new(helper: Helper, events: &SyncSender<Event>) -> Self {
        let (jobs, todo) = mpsc::channel();
        let events = events.clone();
        thread::spawn(move || helper.work(&todo, &events));
        Self { jobs, idle: true }
    }

    /// Gives a job, or only the hint that there may be news; nothing to those who are busy.
    fn give(&mut self, job: Option<Job>) {
        if self.idle {
            self.idle = self.jobs.send(job).is_err();
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

/// Does jobs.
struct Helper {
    who: Who,
    env: Env,
    /// The database, for those who ask it.
    database: Option<PathBuf>,
    zone: Zone,
    /// The database, once there is one, with the state it was last seen in.
    store: Option<(Store, i64)>,
    known: Arc<Known>,
}

impl Helper {
    fn new(app: &App, who: Who) -> Self {
        let database = match who {
            Who::Reviewer => None,
            Who::Clerk => app.database().ok().map(PathBuf::from),
        };
        let (env, zone) = (app.rules_env(), app.env.zone);
        Self { who, env, database, zone, store: None, known: Arc::default() }
    }

    fn work(mut self, todo: &Receiver<Option<Job>>, events: &SyncSender<Event>) {
        while let Ok(job) = todo.recv() {
            // A panic costs what was to be seen, and nobody an answer; the job looks after itself.
            let known = panic::catch_unwind(AssertUnwindSafe(|| self.look())).ok().flatten();
            let known = known.map(Event::Known);
            let done = job.map(|job| Event::Done(job.run(&self.env, &self.known)));
            for event in known.into_iter().chain(done).chain([Event::Idle(self.who)]) {
                if events.send(event).is_err() {
                    return;
                }
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
