//! Which root an event has, with what the database knows of sessions and panes.

use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;
use serde_json::Value;

use crate::config::Settings;
use crate::infer::roots::{RootIx, Roots, root_of};
use crate::store::Result;
use crate::store::derived;
use crate::store::events::{self, Sighting, kind_id};
use crate::store::texts::{PlaceId, TextId, Texts};
use crate::time::Timestamp;

/// When a pane got the focus, and where it was.
type Focus = (Timestamp, PlaceId);

/// Finds roots, and remembers what it found for the length of a run.
pub(crate) struct Resolver<'c> {
    conn: &'c Connection,
    /// Texts and places by number.
    pub(crate) texts: Texts<'c>,
    /// All roots met so far.
    pub(crate) roots: Roots,
    places: HashMap<PlaceId, Option<RootIx>>,
    sessions: HashMap<TextId, Option<RootIx>>,
    terminals: BTreeSet<String>,
    /// Focus of each pane (under 0, of any) in the order of time, if all events are at hand.
    focus: Option<HashMap<TextId, Vec<Focus>>>,
}

impl<'c> Resolver<'c> {
    pub(crate) fn new(conn: &'c Connection, settings: &Settings) -> Self {
        Self {
            conn,
            texts: Texts::new(conn),
            roots: Roots::new(&settings.homes),
            places: HashMap::new(),
            sessions: HashMap::new(),
            terminals: settings.terminals.iter().map(|name| name.to_lowercase()).collect(),
            focus: None,
        }
    }

    /// Takes the focus of panes from `events`, which are all there are, instead of asking the
    /// database each time.
    pub(crate) fn remember_focus(&mut self, events: &[Sighting]) {
        let mut history: HashMap<TextId, Vec<Focus>> = HashMap::new();
        for event in events.iter().filter(|event| event.kind == kind_id::PANE_FOCUS) {
            for pane in BTreeSet::from([0, event.pane]) {
                history.entry(pane).or_default().push((event.at, event.place));
            }
        }
        self.focus = Some(history);
    }

    /// The root of a stored root's number.
    pub(crate) fn root_ix(&mut self, text: TextId) -> Result<RootIx> {
        let path = self.texts.owned(text)?.unwrap_or_default();
        Ok(self.roots.add(text, &path))
    }

    /// The root of a place.
    pub(crate) fn place_root(&mut self, place: PlaceId) -> Result<Option<RootIx>> {
        if let Some(root) = self.places.get(&place) {
            return Ok(*root);
        }
        let root = match root_of(&self.texts.place(place)?) {
            Some(path) => Some(self.roots.add(self.texts.id(&path)?, &path)),
            None => None,
        };
        self.places.insert(place, root);
        Ok(root)
    }

    fn session_root(&mut self, session: TextId) -> Result<Option<RootIx>> {
        if let Some(root) = self.sessions.get(&session) {
            return Ok(*root);
        }
        let begin = derived::session(self.conn, session)?.and_then(|known| known.begin);
        let root = match begin {
            Some((_, _, place)) => self.place_root(place)?,
            None => None,
        };
        self.sessions.insert(session, root);
        Ok(root)
    }

    /// The place of the last focus of `pane` (under 0, of any) up to `at`.
    fn focused(&self, pane: TextId, at: Timestamp) -> Result<PlaceId> {
        let Some(history) = &self.focus else {
            return Ok(events::focus_before(self.conn, pane, at)?.map_or(0, |focus| focus.place));
        };
        let history = history.get(&pane).map_or(&[][..], Vec::as_slice);
        let until = history.partition_point(|(when, _)| *when <= at);
        Ok(history.get(..until).and_then(<[Focus]>::last).map_or(0, |(_, place)| *place))
    }

    /// The root of an event: that of its agent session, else of its own place, else of the pane
    /// it follows; `None` if it belongs nowhere.
    pub(crate) fn root(&mut self, event: &Sighting) -> Result<Option<RootIx>> {
        let by_agent = matches!(
            event.kind,
            kind_id::USER_MESSAGE | kind_id::AGENT_SESSION | kind_id::TOOL_USE
        );
        if by_agent
            && event.session != 0
            && let Some(root) = self.session_root(event.session)?
        {
            return Ok(Some(root));
        }
        if let Some(root) = self.place_root(event.place)? {
            return Ok(Some(root));
        }
        if event.kind == kind_id::SCROLL && event.pane != 0 || self.is_terminal(event) {
            let place = self.focused(event.pane, event.at)?;
            if let Some(root) = self.place_root(place)? {
                return Ok(Some(root));
            }
        }
        if event.session != 0 { self.session_root(event.session) } else { Ok(None) }
    }

    /// Whether the event is the focus of a terminal's window.
    fn is_terminal(&self, event: &Sighting) -> bool {
        event.kind == kind_id::WINDOW_FOCUS
            && event.data().get("app").and_then(Value::as_str).is_some_and(|app| {
                let app = app.to_lowercase();
                self.terminals.contains(app.trim_end_matches(".exe").trim_end_matches(".app"))
            })
    }
}
