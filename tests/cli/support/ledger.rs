//! What must be at a service, by what `tt streams` says: a second opinion on every push.

use std::collections::BTreeMap;

use super::Sandbox;
use super::service::{Fake, Item, Model, stamp, unix};

/// A stream, as an entry of it must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Right {
    pub(crate) stream: String,
    pub(crate) updated_at: String,
    pub(crate) cwd: String,
    pub(crate) last: String,
    /// Without id.
    pub(crate) item: Item,
}

impl Right {
    pub(crate) fn seconds(&self) -> i64 {
        self.item.seconds.unwrap()
    }

    pub(crate) fn is(&self, item: &Item) -> bool {
        self.item == Item { id: String::new(), ..item.clone() }
    }
}

/// A row of `push_log`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub(crate) version: String,
    /// Several, where a stream was split by days.
    pub(crate) ids: Vec<String>,
}

impl Sandbox {
    /// All streams.
    #[track_caller]
    pub(crate) fn rights(&self) -> Vec<Right> {
        let right = |it: &serde_json::Value| {
            let text = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
            let ms = |key: &str| it[key].as_i64().unwrap();
            let mut tags: Vec<String> = it["tags"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["tag"].as_str().unwrap().to_owned())
                .collect();
            tags.sort();
            Right {
                stream: text("id"),
                updated_at: text("updated_at"),
                cwd: text("primary_cwd"),
                last: text("last_event_at"),
                item: Item {
                    start: stamp(unix(&text("first_event_at")).unwrap()),
                    seconds: Some((ms("time_direct_ms") + ms("time_delegated_ms")) / 1_000),
                    description: text("name"),
                    tags,
                    ..Item::default()
                },
            }
        };
        self.streams().iter().map(right).collect()
    }

    /// `push_log` of one destination, by stream.
    pub(crate) fn log_of(&self, destination: &str) -> BTreeMap<String, Row> {
        let rows = self.push_log().into_iter().filter(|row| row.1 == destination);
        let row = |(stream, _, version, ids): (String, _, String, Option<String>)| {
            let ids = ids.unwrap_or_default();
            let ids = ids.split(',').map(str::to_owned).collect();
            (stream, Row { version, ids })
        };
        rows.map(row).collect()
    }

    /// Every stream with time is at the service, exactly once and right; nothing else is there; the
    /// ledger says so, and no request is open.
    #[track_caller]
    pub(crate) fn is_pushed_exactly_once<M: Model>(&self, service: &Fake<M>, key: &str) {
        let (rights, items, mut log) = (self.rights(), service.entries(), self.log_of(key));
        for right in rights.iter().filter(|it| it.seconds() > 0) {
            let Some(row) = log.remove(&right.stream) else {
                panic!("not in push_log: {right:#?}\nthere: {items:#?}");
            };
            assert_eq!(row.version, right.updated_at, "{right:#?}");
            let there: Vec<&Item> = items.iter().filter(|it| row.ids.contains(&it.id)).collect();
            let is_one = row.ids.len() == 1 && there.len() == 1;
            assert!(is_one && right.is(there[0]), "{right:#?} is {row:?}: {there:#?}");
        }
        assert!(log.is_empty(), "in push_log, but no stream: {log:?}");
        let count = rights.iter().filter(|it| it.seconds() > 0).count();
        assert_eq!(items.len(), count, "too many: {items:#?}\n{rights:#?}");
        self.is_settled();
    }

    /// No request is without an outcome, and the database is sound.
    #[track_caller]
    pub(crate) fn is_settled(&self) {
        assert_eq!(self.count("push_requests WHERE outcome IS NULL"), 0);
        self.is_sound();
    }
}
