//! Events on their way out.

use super::{Kind, Outgoing};
use crate::event::Event;

impl Outgoing for Event {
    fn texts(&mut self, see: &mut dyn FnMut(Kind, &mut String)) {
        let place = &mut self.place;
        for (kind, text) in [
            (Kind::Path, &mut place.cwd),
            (Kind::Repo, &mut place.repo),
            (Kind::Path, &mut place.repo_root),
            (Kind::Repo, &mut place.worktree),
            (Kind::Branch, &mut place.git_branch),
        ] {
            if let Some(text) = text {
                see(kind, text);
            }
        }
    }
}
