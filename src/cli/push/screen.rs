//! What a push shows while it runs: a bar, and countdowns, with the service's words as the filter
//! lets them pass.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::say;
use crate::cli::table::harmless;
use crate::privacy::Filter;
use crate::push::bill::length;
use crate::push::{http, run};

/// Cells of the bar.
const CELLS: usize = 20;
/// Shorter waits, in seconds, are not worth a line where there is no bar.
const WORTH_TELLING: u64 = 2;

/// The screen; clones are the same one.
#[derive(Clone)]
pub(super) struct Screen<'a>(Rc<RefCell<State<'a>>>);

struct State<'a> {
    filter: &'a Filter,
    bar: ProgressBar,
    is_terminal: bool,
    waiting: bool,
    done: usize,
}

impl<'a> Screen<'a> {
    pub(super) fn new(is_terminal: bool, filter: &'a Filter) -> Self {
        let bar = if is_terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("  [{bar:20}] {pos}/{len} {msg}") {
            bar.set_style(style.progress_chars("##-"));
        }
        Self(Rc::new(RefCell::new(State { filter, bar, is_terminal, waiting: false, done: 0 })))
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.0.borrow().bar.finish_and_clear();
    }
}

impl http::Watch for Screen<'_> {
    fn waiting(&mut self, service: &str, why: &str, left: Duration) {
        let mut state = self.0.borrow_mut();
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        let time = length(i64::try_from(seconds).unwrap_or(i64::MAX));
        let why = harmless(&state.filter.mask(why));
        if state.is_terminal {
            let message = format!("{service}: {why}; going on in {time}");
            state.bar.set_message(if left.is_zero() { String::new() } else { message });
        } else if !state.waiting && seconds >= WORTH_TELLING {
            say(&format!("{service}: {why}; going on in {time}"));
        }
        state.waiting = !left.is_zero();
    }
}

impl run::Watch for Screen<'_> {
    fn progress(&mut self, done: usize, of: usize) {
        let mut state = self.0.borrow_mut();
        state.done = done;
        state.bar.set_length(of as u64);
        state.bar.set_position(done as u64);
    }
}

/// The bar as a line: how many of how many streams are there.
pub(super) fn bar(done: usize, of: usize, out: &mut dyn Write) -> io::Result<()> {
    let full = (done * CELLS).checked_div(of).unwrap_or(CELLS);
    writeln!(out, "  [{}{}] {done}/{of}", "#".repeat(full), "-".repeat(CELLS - full))
}
