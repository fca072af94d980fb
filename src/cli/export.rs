//! `tt export`: events, streams and time entries, through the privacy filter, to stdout or a file.
//!
//! A file is written through and never put in place of another, so that what was written before an
//! interruption is there to go on with.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::app::{App, RunRules};
use super::args::{ExportArgs, ExportForm};
use super::error::{Failure, Outcome};
use super::streams::range;
use super::table::harmless;
use super::{count, privacy, say};
use crate::export::resume::{self, Found, Last, Refused};
use crate::export::{self, Counts, ExportError, Form, Request, What, Writer};
use crate::privacy::Filter;
use crate::store::{Transaction, sync};

/// What is said where the filter is left out.
pub(super) const RAW: &str =
    "Note: --raw leaves the privacy filter out; this is everything, as it is stored.";

/// What says which database this is, before its id.
pub(super) const DATABASE: &str = "database: ";

pub(super) fn run(app: &App, args: &ExportArgs, out: &mut dyn Write) -> Outcome {
    let what = what(args);
    let form = match args.format {
        ExportForm::Jsonl => Form::Jsonl,
        ExportForm::Json => Form::Json,
    };
    if args.resume && form == Form::Json {
        return Err(Failure::Usage(
            "--resume is for JSON lines: one JSON document cannot be gone on with\n  \
             Leave --format json out, or write the file anew with --force."
                .to_owned(),
        ));
    }
    let range = range(app, &args.range)?;
    let config = app.read_config();
    if !args.raw {
        privacy::settings(app, &config)?;
    }
    let mut store = match what {
        What::Events => app.collected(&config)?,
        What::Streams | What::Entries => app.brought_up_to_date(&config, RunRules::Yes)?,
    };
    store.be_small()?;
    let filter = if args.raw {
        say(RAW);
        Filter::off()
    } else {
        privacy::filter(app, &config, store.conn())?
    };
    let tx = store.read()?;
    let mut request = Request { what, range, after: args.after.as_deref() };
    if let Some(database) = &args.database {
        let this = sync::database_id(&tx)?;
        say(&format!("{DATABASE}{this}"));
        request.after = request.after.filter(|_| *database == this);
    }
    let path = args.output.as_deref().filter(|path| path.as_os_str() != "-");
    let Some(path) = path else {
        let counts = write(app, &tx, &filter, &request, Writer::new(out, form, what));
        return counts.map(tell).map_err(of_stdout);
    };
    let name = app.env.shown(path);
    let (file, last) = if args.resume {
        go_on(path, &name, &tx, &filter, what)?
    } else {
        (create(path, &name, args.force)?, None)
    };
    let request = Request { after: last.as_deref().or(request.after), ..request };
    let writer = Writer::new(&file, form, what);
    let counts = write(app, &tx, &filter, &request, writer)
        .and_then(|counts| settle(&file).map(|()| counts).map_err(ExportError::Write));
    let counts = counts.map_err(|error| of_file(error, &name, form))?;
    let written = count(counts.written, "record");
    let how = if last.is_some() { "added" } else { "written" };
    writeln!(out, "{name}: {written} {how}")?;
    tell(counts);
    Ok(())
}

fn what(args: &ExportArgs) -> What {
    match (args.streams, args.entries) {
        (true, _) => What::Streams,
        (_, true) => What::Entries,
        (false, false) => What::Events,
    }
}

fn write<W: Write>(
    app: &App,
    tx: &Transaction<'_>,
    filter: &Filter,
    request: &Request<'_>,
    mut writer: Writer<W>,
) -> Result<Counts, ExportError> {
    let bar = app.progress("Exporting", request.what.name());
    let counts = export::export(tx, filter, request, &mut writer, |rows| bar.set_position(rows))?;
    bar.finish_and_clear();
    writer.finish()?;
    Ok(counts)
}

/// Says what did not leave: how many, and nothing else of them.
fn tell(counts: Counts) {
    if counts.withheld > 0 {
        let withheld = count(counts.withheld, "record");
        say(&format!("Note: {withheld} withheld by the privacy filter."));
    }
}

/// A new file, readable by the person alone; or what was there is replaced, if that is wanted.
fn create(path: &Path, name: &str, force: bool) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    // A pipe or a device holds nothing that could be lost.
    if force || path.metadata().is_ok_and(|it| !it.is_file()) {
        options.create(true);
    } else {
        options.create_new(true);
    }
    let file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::Failed(format!(
            "{name} is there already and was left as it is\n  \
             --resume goes on with it, --force writes it anew."
        )),
        _ => cannot_write(name, &error),
    })?;
    lock(&file, name)?;
    if file.metadata().is_ok_and(|it| it.is_file()) {
        file.set_len(0).map_err(|error| cannot_write(name, &error))?;
    }
    Ok(file)
}

/// The file of an export that was cut off, ready for what comes after the last whole record, and
/// the id of that.
fn go_on(
    path: &Path,
    name: &str,
    tx: &Transaction<'_>,
    filter: &Filter,
    what: What,
) -> Result<(File, Option<String>), Failure> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(path).map_err(|error| cannot_write(name, &error))?;
    lock(&file, name)?;
    let found = resume::look(&mut file, what).map_err(|refused| refusal(&refused, name))?;
    if let Some(last) = &found.last {
        is_of_now(last, name, tx, filter, what)?;
    }
    let Found { whole, torn, last } = found;
    if torn > 0 {
        file.set_len(whole).map_err(|error| cannot_write(name, &error))?;
        say(&format!(
            "Note: {name} ended within a record; the last {} cut off.",
            if torn == 1 { "byte was".to_owned() } else { format!("{} were", count(torn, "byte")) }
        ));
    }
    file.seek(SeekFrom::Start(whole)).map_err(|error| cannot_write(name, &error))?;
    Ok((file, last.map(|last| last.id)))
}

fn refusal(refused: &Refused, name: &str) -> Failure {
    Failure::Failed(match refused {
        Refused::Read(error) => format!("cannot read {name}: {error}"),
        Refused::Document | Refused::Other(..) | Refused::Foreign => format!(
            "cannot go on with {name}: {refused}\n  \
             It was left as it is. Name another file, or write it anew with --force."
        ),
    })
}

/// Refuses to go on after a record that would be written otherwise now, as far as that can be told:
/// an event never changes, a stream has not if it was not updated.
fn is_of_now(
    last: &Last,
    name: &str,
    tx: &Transaction<'_>,
    filter: &Filter,
    what: What,
) -> Outcome {
    let now = export::record(tx, filter, what, &last.id).map_err(|error| of_record(error, name))?;
    let other = match now {
        None => false,
        Some(Err(_withheld)) => true,
        Some(Ok(text)) => {
            let updated = |text: &str| -> Option<String> {
                let record: serde_json::Value = serde_json::from_str(text).ok()?;
                Some(record.get("updated_at")?.as_str()?.to_owned())
            };
            text != last.text && updated(&text) == last.updated_at
        }
    };
    if !other {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "cannot go on with {name}: its last record would be written otherwise now\n  \
         The privacy filter has changed, or --raw was given once and not both times.\n  \
         The file was left as it is. Write it anew with --force."
    )))
}

/// Two exports into one file would mix their records.
fn lock(file: &File, name: &str) -> Outcome {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Failure::Failed(format!(
            "another tt export is writing {name}\n  Wait for it, or name another file."
        ))),
        // Not every file system has locks, nor does a pipe.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// A full disk may be told as late as this.
fn settle(file: &File) -> io::Result<()> {
    if file.metadata()?.is_file() { file.sync_all() } else { Ok(()) }
}

fn cannot_write(name: &str, error: &io::Error) -> Failure {
    Failure::Failed(format!("cannot write {name}: {error}"))
}

fn of_stdout(error: ExportError) -> Failure {
    match error {
        ExportError::Write(error) => error.into(),
        other => of_request(other),
    }
}

fn of_file(error: ExportError, name: &str, form: Form) -> Failure {
    match error {
        ExportError::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            Failure::ClosedPipe
        }
        ExportError::Write(error) => Failure::Failed(format!(
            "cannot write {name}: {error}\n  {}",
            match form {
                Form::Jsonl => "What is in it is whole: put right what is wrong, then --resume.",
                Form::Json => "It is not complete: put right what is wrong, then --force.",
            }
        )),
        other => of_request(other),
    }
}

/// What is wrong with the record that a file ends with.
fn of_record(error: ExportError, name: &str) -> Failure {
    match error {
        ExportError::Unknown { what, id } => Failure::Failed(format!(
            "cannot go on with {name}: no {} has the id of its last record, '{}'\n  \
             Was it exported from another database? It was left as it is.",
            what.one(),
            harmless(&id)
        )),
        other => of_request(other),
    }
}

fn of_request(error: ExportError) -> Failure {
    match error {
        ExportError::Unknown { what, id } => Failure::Failed(format!(
            "no {} has the id '{}'\n  \
             Give --after the whole id of the last record that you have; without it, everything is exported.",
            what.one(),
            harmless(&id)
        )),
        ExportError::Store(error) => error.into(),
        ExportError::Write(error) => error.into(),
    }
}
