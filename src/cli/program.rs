//! Asking another program: a text in, a text out, within a given time.
//!
//! Nothing that the program does can hold `tt` up for longer: its pipes are served by threads of
//! their own, which are left alone where a child of the program keeps a pipe open.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use super::table::harmless;
use crate::push::{DESTINATIONS, Kind};

/// A longer answer is none, in bytes.
pub(super) const LONGEST_ANSWER: u64 = 8 * 1024 * 1024;
/// Of what is said on stderr, so many bytes are kept.
const WORDS: u64 = 64 * 1024;
/// In characters.
const LONGEST_EXCERPT: usize = 200;
/// Between two looks at whether it has ended.
const STEP: Duration = Duration::from_millis(10);
/// How long one waits for the last words of a program that has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What `command`, a program and its arguments, answers to `input`. There is no shell.
///
/// # Errors
/// In words for people: why there is no answer.
pub(super) fn ask(command: &[String], input: String, timeout: Duration) -> Result<String, String> {
    let until = Instant::now() + timeout;
    let (program, args) = command.split_first().ok_or("no program is named")?;
    let shown = harmless(program);
    let cannot = |error: std::io::Error| format!("cannot run '{shown}': {error}");
    let mut command = Command::new(program);
    // Tokens of billing services are none of its business.
    for destination in DESTINATIONS {
        if let Kind::Service(service) = destination.kind {
            command.env_remove(service.token_variable);
        }
    }
    let mut child = command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(cannot)?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not read the question may still know an answer.
        thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    }
    let answer = child.stdout.take().map(|it| listen(it, LONGEST_ANSWER + 1));
    let words = child.stderr.take().map(|it| listen(it, WORDS));
    let left = || until.saturating_duration_since(Instant::now());
    let answer = answer.and_then(|answer| answer.recv_timeout(left()).ok());
    let is_long = |answer: &Vec<u8>| answer.len() as u64 > LONGEST_ANSWER;
    if answer.as_ref().is_some_and(is_long) {
        end(&mut child);
        return Err(format!("'{shown}' answers with more than 8 MiB; it was ended"));
    }
    let status = match answer {
        Some(_) => wait(&mut child, until).map_err(cannot)?,
        None => None,
    };
    let (Some(answer), Some(status)) = (answer, status) else {
        end(&mut child);
        return Err(format!(
            "'{shown}' did not answer within {} s; it was ended",
            timeout.as_secs()
        ));
    };
    if !status.success() {
        let words = words.and_then(|words| words.recv_timeout(LAST_WORDS).ok());
        return Err(failed(&shown, status, &words.unwrap_or_default()));
    }
    String::from_utf8(answer).map_err(|_| format!("the answer of '{shown}' is not UTF-8"))
}

/// The beginning of what is said; the rest is heard and forgotten.
fn listen(mut from: impl Read + Send + 'static, most: u64) -> Receiver<Vec<u8>> {
    let (tell, heard) = mpsc::channel();
    thread::spawn(move || {
        let mut said = Vec::new();
        // What cannot be read was not said, and perhaps nobody waits any more.
        drop(from.by_ref().take(most).read_to_end(&mut said));
        drop(tell.send(said));
        drop(std::io::copy(&mut from, &mut std::io::sink()));
    });
    heard
}

fn wait(child: &mut Child, until: Instant) -> std::io::Result<Option<ExitStatus>> {
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= until {
            return Ok(status);
        }
        thread::sleep(STEP);
    }
}

/// Ends the program, which may have ended just now.
fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

fn failed(program: &str, status: ExitStatus, words: &[u8]) -> String {
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed with exit status {code}"),
        (None, signal) => format!("was ended by signal {}", signal.unwrap_or_default()),
    };
    let words = String::from_utf8_lossy(words);
    let last = words.lines().map(str::trim).rfind(|line| !line.is_empty());
    let last: String = last.unwrap_or_default().chars().take(LONGEST_EXCERPT).collect();
    let said = if last.is_empty() { last } else { format!(": {}", harmless(&last)) };
    format!("'{program}' {how}{said}")
}
