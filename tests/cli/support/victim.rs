//! A run of `tt` that is killed while it runs.

use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::service::Hook;
use super::{Ran, Sandbox};

/// Whoever runs, and may be killed.
#[derive(Clone, Default)]
pub(crate) struct Victim(Arc<Mutex<Option<Child>>>);

impl Victim {
    /// Kills it -9, if it runs, and returns when it is dead.
    pub(crate) fn kill(&self) {
        if let Some(child) = self.0.lock().unwrap().as_mut() {
            drop(child.kill());
            child.wait().unwrap();
        }
    }

    /// [`Self::kill`], for a fake service to call.
    pub(crate) fn killer(&self) -> Hook {
        let victim = self.clone();
        Arc::new(move || victim.kill())
    }

    /// Runs `command`, and kills it after so long at the latest; `None` if it was killed. Its output
    /// must fit into a pipe.
    #[track_caller]
    pub(crate) fn run(&self, mut command: Command, tt: &Sandbox, after: Duration) -> Option<Ran> {
        // A killer that comes early waits for the lock.
        *self.0.lock().unwrap() = Some(command.spawn().unwrap());
        let began = Instant::now();
        loop {
            let status = self.0.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
            if let Some(status) = status {
                let child = self.0.lock().unwrap().take().unwrap();
                return status.code().map(|_| Ran::of(child, tt));
            }
            if began.elapsed() >= after {
                self.kill();
            }
            thread::sleep(Duration::from_micros(500));
        }
    }
}
