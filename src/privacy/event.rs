//! Events on their way out.
//!
//! Every text of an event is shown, wherever it stands in `data`, keys included. What `tt` itself
//! writes (its types, its sources, its keys) is no text: it says nothing about anyone.
//!
//! An event's id is a hash of what it says, without a key: with what else is known of the event, it
//! would confirm a guess at what was hidden. So it is replaced.

use serde_json::{Map, Value};

use super::{Kind, Outgoing};
use crate::event::{Event, EventId, kind, source};

/// The keys that `tt` and the tools around it use, and what stands under them.
const KEYS: [(&str, Kind); 46] = [
    ("cwd", Kind::Path),
    ("directory", Kind::Path),
    ("file", Kind::Path),
    ("file_path", Kind::Path),
    ("filename", Kind::Path),
    ("path", Kind::Path),
    ("repo_root", Kind::Path),
    ("root", Kind::Path),
    ("session_name", Kind::Session),
    ("tmux_session", Kind::Session),
    ("branch", Kind::Branch),
    ("git_branch", Kind::Branch),
    ("repo", Kind::Repo),
    ("repository", Kind::Repo),
    ("worktree", Kind::Repo),
    ("project", Kind::Project),
    ("tag", Kind::Tag),
    ("tags", Kind::Tag),
    ("url", Kind::Url),
    ("domain", Kind::Url),
    // Whoever has the repository can tell the subject by it.
    ("commit", Kind::Title),
    ("comment", Kind::Title),
    ("description", Kind::Title),
    ("message", Kind::Title),
    ("note", Kind::Title),
    ("subject", Kind::Title),
    ("summary", Kind::Title),
    ("text", Kind::Title),
    ("title", Kind::Title),
    ("action", Kind::Other),
    ("agent", Kind::Other),
    ("app", Kind::Other),
    ("end", Kind::Other),
    ("idle_duration_ms", Kind::Other),
    ("length", Kind::Other),
    ("machine_id", Kind::Other),
    ("pane", Kind::Other),
    ("pane_id", Kind::Other),
    ("session", Kind::Other),
    ("session_id", Kind::Other),
    ("start", Kind::Other),
    ("status", Kind::Other),
    ("subagent", Kind::Other),
    ("tool", Kind::Other),
    ("window", Kind::Other),
    ("window_index", Kind::Other),
];

const TYPES: [&str; 12] = [
    kind::PANE_FOCUS,
    kind::SCROLL,
    kind::TMUX_SESSION,
    kind::AGENT_SESSION,
    kind::TOOL_USE,
    kind::USER_MESSAGE,
    kind::WINDOW_FOCUS,
    kind::AFK,
    kind::BROWSER_TAB,
    kind::GIT_COMMIT,
    kind::NOTE,
    kind::TIME_BLOCK,
];

const SOURCES: [&str; 7] = [
    source::TMUX,
    source::AGENT,
    source::WINDOW,
    source::AFK,
    source::BROWSER,
    source::GIT,
    source::MANUAL,
];

impl Outgoing for Event {
    fn texts(&mut self, see: &mut dyn FnMut(Kind, &mut String)) {
        let place = &mut self.place;
        for (kind, text) in [
            (Kind::Path, &mut place.cwd),
            (Kind::Repo, &mut place.repo),
            (Kind::Path, &mut place.repo_root),
            (Kind::Repo, &mut place.worktree),
            (Kind::Branch, &mut place.git_branch),
            (Kind::Other, &mut place.machine_id),
            (Kind::Other, &mut self.session_id),
        ] {
            if let Some(text) = text {
                see(kind, text);
            }
        }
        if !TYPES.contains(&self.kind.as_str()) {
            see(Kind::Other, &mut self.kind);
        }
        if !SOURCES.contains(&self.source.as_str()) {
            see(Kind::Other, &mut self.source);
        }
        object(&mut self.data, Kind::Other, see);
    }

    fn also(&self, see: &mut dyn FnMut(Kind, &str)) {
        // A file may be named from the directory on.
        let Some(cwd) = &self.place.cwd else { return };
        for (key, value) in &self.data {
            if kind_of(key) == Some(Kind::Path)
                && let Value::String(path) = value
                && !super::paths::is_whole(path)
            {
                see(Kind::Path, &format!("{cwd}/{path}"));
            }
        }
    }

    fn reidentify(&mut self, new: &dyn Fn(&str) -> String) {
        let id = new(&self.id.to_string());
        self.id = EventId::compute("filtered", &self.kind, self.at, &[&id]);
    }
}

fn kind_of(key: &str) -> Option<Kind> {
    KEYS.iter().find(|(known, _)| *known == key).map(|(_, kind)| *kind)
}

/// The texts of an object that stands under a key of this kind.
fn object(data: &mut Map<String, Value>, kind: Kind, see: &mut dyn FnMut(Kind, &mut String)) {
    let mut renamed = Vec::new();
    for (key, value) in data.iter_mut() {
        let known = kind_of(key);
        self::value(value, known.unwrap_or(kind), see);
        if known.is_none() {
            let mut name = key.clone();
            see(Kind::Other, &mut name);
            if name != *key {
                renamed.push((key.clone(), name));
            }
        }
    }
    for (key, mut name) in renamed {
        if let Some(value) = data.remove(&key) {
            // Two spellings of one name became one.
            while data.contains_key(&name) {
                name.push('_');
            }
            data.insert(name, value);
        }
    }
}

fn value(value: &mut Value, kind: Kind, see: &mut dyn FnMut(Kind, &mut String)) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => see(kind, text),
        Value::Array(list) => list.iter_mut().for_each(|it| self::value(it, kind, see)),
        Value::Object(data) => object(data, kind, see),
    }
}
