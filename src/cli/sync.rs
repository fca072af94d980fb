//! `tt sync`: the events of other machines, by ssh.
//!
//! `tt export --raw` there, the importer here, a pipe between them. What was taken is remembered in
//! the transaction that stored it, as the id of the last event in the order of arrival over there;
//! so a sync that breaks off goes on where it was, and late events are not missed. The order is that
//! of one database: one begun anew in its place may have the same events in another order, so which
//! one it was is remembered too, and another one gives everything.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};

use super::app::App;
use super::args::SyncArgs;
use super::error::{Failure, Outcome};
use super::table::harmless;
use super::{count, export, say};
use crate::config;
use crate::export::UNKNOWN_EVENT;
use crate::import::{ImportError, Imported, import_and_mark};
use crate::store::Store;
use crate::store::sync::{self, Place};

const BUFFER: usize = 256 * 1024;
/// Of what another machine says on stderr, so many bytes are kept.
const WORDS: u64 = 64 * 1024;
/// Bad lines that are told one by one.
const BAD_LINES_TOLD: usize = 3;
/// In characters.
const LONGEST_EXCERPT: usize = 200;

/// How a machine is reached.
struct Reach {
    ssh: Vec<String>,
    remote: String,
}

/// What a machine gave.
struct Pulled {
    done: Result<Imported, ImportError>,
    status: ExitStatus,
    /// Which database it has, if it said so.
    database: Option<String>,
    /// What was said there on stderr.
    words: String,
}

/// Why a machine was not synced.
enum Trouble {
    /// It is about this machine alone.
    There(String),
    /// No other machine will do better.
    Here(Failure),
}

pub(super) fn run(app: &App, args: &SyncArgs, out: &mut dyn Write) -> Outcome {
    if let Some(host) = args.hosts.iter().find(|host| host.is_empty() || host.starts_with('-')) {
        return Err(Failure::Usage(format!(
            "'{}' is no host\n  Name machines as ssh knows them: tt sync devbox",
            harmless(host)
        )));
    }
    let reach = reach(app)?;
    let mut store = app.open()?;
    let mut failed = false;
    for host in &args.hosts {
        match one(app, &mut store, &reach, host, out) {
            Ok(whole) => failed |= !whole,
            Err(Trouble::There(why)) => {
                say(&format!("Error: {}: {why}", harmless(host)));
                failed = true;
            }
            Err(Trouble::Here(failure)) => return Err(failure),
        }
    }
    if failed { Err(Failure::Found) } else { Ok(()) }
}

fn reach(app: &App) -> Result<Reach, Failure> {
    let config = app.read_config();
    let wrong = |why: String| Failure::Failed(format!("{} {why}", config.source.name()));
    if let Err(why) = &config.settings {
        return Err(wrong(why.clone()));
    }
    let settings = config::Sync::read(config.source.text()).map_err(wrong)?;
    let given = app.env.text("TT_SSH").unwrap_or_default();
    let given: Vec<String> = given.split_whitespace().map(str::to_owned).collect();
    let ssh = if given.is_empty() { settings.ssh } else { given };
    Ok(Reach { ssh, remote: settings.remote })
}

/// Takes what is new on `host`; whether all of it could be read.
fn one(
    app: &App,
    store: &mut Store,
    reach: &Reach,
    host: &str,
    out: &mut dyn Write,
) -> Result<bool, Trouble> {
    let place = sync::place(store.conn(), host).map_err(here)?;
    let mut pulled = pull(app, store, reach, host, place.as_ref())?;
    if let Some(place) = &place {
        let unknown = pulled.status.code() == Some(1) && pulled.words.contains(UNKNOWN_EVENT);
        let another = pulled.database.as_ref().is_some_and(|it| *it != place.database);
        if unknown || another {
            say(&format!(
                "Note: the database on {} is not the one that was synced before; taking everything.",
                harmless(host)
            ));
        }
        if unknown {
            pulled = pull(app, store, reach, host, None)?;
        }
    }
    let Pulled { done, status, words, .. } = pulled;
    let done = match done {
        Ok(done) => done,
        Err(ImportError::Store(error)) => return Err(here(error)),
        Err(ImportError::Read { source, .. }) => {
            return Err(Trouble::There(format!(
                "the connection broke: {source}\n  What came is kept; the next sync goes on."
            )));
        }
    };
    if !status.success() {
        return Err(Trouble::There(trouble(reach, host, status, &words, &done)));
    }
    for line in own_words(&words) {
        say(&format!("{}: {}", harmless(host), harmless(line)));
    }
    sync::set_done(store.conn(), host, app.env.now).map_err(here)?;
    let mut text = match (done.added, done.known) {
        (0, 0) => "nothing new".to_owned(),
        (added, _) => format!("{} imported", count(added, "event")),
    };
    if done.known > 0 {
        text.push_str(&format!(", {} known already", done.known));
    }
    writeln!(out, "{}: {text}", harmless(host)).map_err(here)?;
    tell_bad(host, &done);
    Ok(done.bad == 0)
}

fn here(error: impl Into<Failure>) -> Trouble {
    Trouble::Here(error.into())
}

fn tell_bad(host: &str, done: &Imported) {
    let host = harmless(host);
    for (line, why) in done.first_bad.iter().take(BAD_LINES_TOLD) {
        let why: String = why.chars().take(LONGEST_EXCERPT).collect();
        say(&format!("{host} line {line}: {}", harmless(&why)));
    }
    if done.bad > 0 {
        say(&format!("Error: {host}: {} skipped that are no events", count(done.bad, "line")));
    }
}

/// Runs the export on `host` and imports what comes.
fn pull(
    app: &App,
    store: &mut Store,
    reach: &Reach,
    host: &str,
    place: Option<&Place>,
) -> Result<Pulled, Trouble> {
    let (mut child, input) = start(reach, host, place)?;
    let stderr = child.stderr.take();
    let database: Arc<OnceLock<String>> = Arc::default();
    let heard = Arc::clone(&database);
    let listener =
        std::thread::spawn(move || stderr.map(|it| listen(it, &heard)).unwrap_or_default());
    let bar = app.progress(&format!("Syncing {}", harmless(host)), "lines");
    let mut marked = false;
    let done = import_and_mark(
        store,
        BufReader::with_capacity(BUFFER, input),
        |tx, id| {
            marked = true;
            sync::set_place(tx, host, database.get().map(String::as_str), id)
        },
        |lines| bar.set_position(lines),
    );
    bar.finish_and_clear();
    if done.is_err() {
        // Nobody listens to it any more.
        drop(child.kill());
    }
    let status = child.wait().map_err(|error| Trouble::There(format!("cannot wait: {error}")))?;
    let words = listener.join().unwrap_or_default();
    // It may have been heard of later than the last event came.
    if let Some(database) = database.get().filter(|_| marked) {
        sync::set_database(store.conn(), host, database).map_err(here)?;
    }
    Ok(Pulled { done, status, database: database.get().cloned(), words })
}

fn start(
    reach: &Reach,
    host: &str,
    place: Option<&Place>,
) -> Result<(Child, ChildStdout), Trouble> {
    let mut words = reach.ssh.iter();
    let program = words.next().map_or("ssh", String::as_str);
    let mut child = Command::new(program)
        .args(words)
        .args(["--", host, &remote_command(reach, place)])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            here(Failure::Failed(format!(
                "cannot run '{}': {error}\n  \
                 Install it, or name another program: TT_SSH, or ssh under [sync] in the config.",
                harmless(program)
            )))
        })?;
    let Some(output) = child.stdout.take() else {
        return Err(Trouble::There("gives no output".to_owned()));
    };
    Ok((child, output))
}

/// The command in words for the shell of the other machine, whose events may have any text for an
/// id.
fn remote_command(reach: &Reach, place: Option<&Place>) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let database = quoted(place.map_or("", |place| &place.database));
    let mut command = format!("{} export --events --raw --database={database}", reach.remote);
    if let Some(place) = place {
        command.push_str(&format!(" --after={}", quoted(&place.last_id.to_string())));
    }
    command
}

/// The beginning of what is said, to the end of which it is listened; `database` is filled as soon
/// as it is said.
fn listen(from: impl Read, database: &OnceLock<String>) -> String {
    let mut from = BufReader::new(from.take(WORDS));
    let mut words = String::new();
    let mut line = Vec::new();
    // What cannot be read was not said.
    while from.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line);
        if let Some(id) = text.strip_prefix(export::DATABASE) {
            database.get_or_init(|| id.trim().to_owned());
        }
        words.push_str(&text);
        line.clear();
    }
    drop(std::io::copy(from.into_inner().get_mut(), &mut std::io::sink()));
    words
}

/// What was said there for people.
fn own_words(words: &str) -> impl Iterator<Item = &str> {
    words.lines().map(str::trim).filter(|line| {
        !line.is_empty() && *line != export::RAW && !line.starts_with(export::DATABASE)
    })
}

/// What went wrong on the way or over there, and what to do about it.
fn trouble(reach: &Reach, host: &str, status: ExitStatus, words: &str, done: &Imported) -> String {
    let is_error = |line: &&str| line.starts_with("Error: ") || line.starts_with("error: ");
    let said = own_words(words).find(is_error).or_else(|| own_words(words).last());
    let said = harmless(said.unwrap_or("no reason was given"));
    let said: String = said.chars().take(LONGEST_EXCERPT).collect();
    let (remote, host) = (harmless(&reach.remote), harmless(host));
    let older = words.contains("unrecognized subcommand") || words.contains("unexpected argument");
    let (what, todo) = match status.code() {
        Some(255) => ("cannot be reached", format!("Does '{} {host}' work?", reach.ssh.join(" "))),
        Some(126 | 127) => (
            "there is no tt",
            format!("'{remote}' was looked for: install it, or set remote under [sync] here."),
        ),
        Some(2) if older => ("its tt is too old to export", "Update tt there.".to_owned()),
        Some(_) => ("tt failed there", format!("Look at 'tt status' on {host}.")),
        None => ("the connection was cut", "Run this again.".to_owned()),
    };
    let kept = match done.added {
        0 => String::new(),
        added => format!(" {} came before that; the next sync goes on.", count(added, "event")),
    };
    format!("{what}: {said}\n  {todo}{kept}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventId;

    #[test]
    fn ids_are_no_words_for_a_shell() {
        let reach = Reach { ssh: vec!["ssh".to_owned()], remote: "~/bin/tt".to_owned() };
        let command = |id: &str| {
            let place = Place { database: "d".to_owned(), last_id: EventId::parse(id) };
            remote_command(&reach, Some(&place))
        };
        let export = "~/bin/tt export --events --raw --database=";
        assert_eq!(remote_command(&reach, None), format!("{export}''"));
        assert_eq!(command("-a b"), format!("{export}'d' --after='-a b'"));
        assert_eq!(command("'; x $y '"), format!(r"{export}'d' --after=''\''; x $y '\'''"));
    }
}
