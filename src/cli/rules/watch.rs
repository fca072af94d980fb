//! `tt rules check --watch`: the check again whenever a file changes.
//!
//! Folders are watched, not files: editors save by putting a new file in the place of the old one.
//! What the system tells of is only a hint to look; a check is made when the bytes are others.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use notify::{Event, RecursiveMode, Watcher as _};

use super::check::{self, Run};
use crate::cli::app::App;
use crate::cli::args::CheckArgs;
use crate::cli::error::{Failure, Outcome};
use crate::cli::say;

/// Saving a file is several events; so long nothing must happen before it is read.
const QUIET: Duration = Duration::from_millis(50);
/// In a folder where something happens all the time, the file is read all the same.
const MOST_WAITS: u32 = 100;
/// Where the system tells nothing, one looks now and then.
const LOOK_ANYWAY: Duration = Duration::from_secs(2);
/// Moves to the top of the terminal, and clears it.
const CLEAR: &[u8] = b"\x1b[2J\x1b[H";

pub(super) fn run(app: &App, args: &CheckArgs, out: &mut dyn Write) -> Outcome {
    let files = if args.files.is_empty() { vec![app.config.clone()] } else { args.files.clone() };
    if files.iter().any(|path| path.as_os_str() == "-") {
        return Err(Failure::Usage("stdin cannot be watched; name a file".to_owned()));
    }
    let (told, telling) = channel();
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // That somebody reads the file, as we do ourselves, is no news.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            // With nobody left to tell, the watch is over.
            let _ = told.send(());
        }
    });
    let watched = watcher.and_then(|mut watcher| {
        for folder in folders(&files) {
            watcher.watch(&folder, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    });
    if let Err(error) = &watched {
        say(&format!("Warning: cannot watch ({error}); looking every two seconds instead"));
    }
    let mut last = None;
    loop {
        let now = contents(&files);
        if last.as_ref() != Some(&now) {
            last = Some(now);
            if app.env.out_is_terminal {
                out.write_all(CLEAR)?;
            }
            once(app, args, out)?;
        }
        if telling.recv_timeout(LOOK_ANYWAY) == Err(RecvTimeoutError::Disconnected) {
            std::thread::sleep(LOOK_ANYWAY);
        }
        let mut waits = 0..MOST_WAITS;
        while waits.next().is_some() && telling.recv_timeout(QUIET).is_ok() {}
    }
}

fn once(app: &App, args: &CheckArgs, out: &mut dyn Write) -> Outcome {
    match check::look(app, args) {
        Ok(run) => {
            check::show(app, args, &run, out)?;
            let Run { broken, .. } = run;
            broken.iter().for_each(|why| say(&format!("Error: {why}")));
        }
        // The file may be there again in a moment.
        Err(Failure::Broken(why)) => say(&format!("Error: {why}")),
        Err(failure) => return Err(failure),
    }
    Ok(out.flush()?)
}

fn folders(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let folder = |path: &PathBuf| match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => Path::new(".").to_path_buf(),
    };
    files.iter().map(folder).collect()
}

fn contents(files: &[PathBuf]) -> Vec<Option<Vec<u8>>> {
    files.iter().map(|path| std::fs::read(path).ok()).collect()
}
