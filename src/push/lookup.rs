//! What is looked up at a service and kept: the person, the workspace, projects, tags.
//!
//! Each look-up costs a request of few, so what was found is kept from run to run, and believed for
//! some hours ([`KEPT_FOR`]) unless the service says otherwise before: a project may have been
//! archived and another have its name now, which no refusal tells. Then it is looked up again, once
//! in a run.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::destination::Trouble;
use super::entry::{ProjectRef, Wanted};
use super::settings::Secret;
use crate::time::{Millis, Timestamp};

/// For how long what was looked up is believed.
pub const KEPT_FOR: Millis = 4 * 3_600_000;

/// Keeps texts from run to run.
pub trait Cache {
    /// The text that was put last under this kind and key.
    fn get(&self, kind: &str, key: &str) -> Option<String>;
    /// Keeps `text`, also where there is one already.
    fn put(&mut self, kind: &str, key: &str, text: &str);
}

/// Keeps texts as long as the program runs. Clones share what they keep.
#[derive(Clone, Default, Debug)]
pub struct Memory(Rc<RefCell<BTreeMap<(String, String), String>>>);

impl Cache for Memory {
    fn get(&self, kind: &str, key: &str) -> Option<String> {
        self.0.borrow().get(&(kind.to_owned(), key.to_owned())).cloned()
    }

    fn put(&mut self, kind: &str, key: &str, text: &str) {
        self.0.borrow_mut().insert((kind.to_owned(), key.to_owned()), text.to_owned());
    }
}

/// An account, and what earlier runs may have kept of it.
#[derive(Clone, Copy)]
pub struct Past<'a> {
    /// Where it is kept.
    pub cache: &'a dyn Cache,
    /// The person's token.
    pub token: &'a Secret,
    /// Where the API is.
    pub base_url: &'a str,
    /// The workspace that the config names.
    pub workspace: Option<&'a str>,
    /// The time.
    pub now: Timestamp,
    /// Whether nothing of it is believed.
    pub fresh: bool,
}

impl Past<'_> {
    /// What is kept of `what` in `workspace` and still believed.
    pub(super) fn get<T: DeserializeOwned>(&self, what: What, workspace: &str) -> Option<T> {
        if self.fresh {
            return None;
        }
        kept(self.cache, &account(self.base_url, self.token), what, workspace, self.now)
    }

    /// The workspace that the config names, as it is sent.
    pub(super) fn named_workspace(&self) -> Option<String> {
        self.workspace.map(|it| it.trim().to_owned())
    }
}

/// How many requests of looking up a push needs before its entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lookups {
    /// Below `/me` of Toggl, which has a quota of its own.
    pub me: usize,
    /// Of the workspace's quota. Lists of more than one page take more.
    pub workspace: usize,
    /// As many more at most, for tags that have to be made.
    pub perhaps: usize,
}

/// What is looked up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum What {
    User,
    Projects,
    Tags,
}

impl What {
    fn kind(self) -> &'static str {
        match self {
            Self::User => "push.user",
            Self::Projects => "push.projects",
            Self::Tags => "push.tags",
        }
    }
}

/// Whose look-ups they are, in 16 hexadecimal digits: another token or another address sees other
/// things. Says nothing of the token, which is as random as the hash.
#[must_use]
pub fn account(base_url: &str, token: &Secret) -> String {
    let hash = blake3::derive_key("tt push look-ups", token.expose().as_bytes());
    let hash = blake3::keyed_hash(&hash, base_url.trim().trim_end_matches('/').as_bytes());
    hash.to_hex().chars().take(16).collect()
}

/// Something of a service that has a name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) archived: bool,
}

/// What is known of one account.
pub(super) struct Known<'a> {
    cache: Box<dyn Cache + 'a>,
    account: String,
    now: Timestamp,
    /// Looked up in this run.
    fresh: BTreeSet<(What, String)>,
    /// Whether what earlier runs looked up is believed.
    trusting: bool,
    /// Whether any of it was used.
    relied: Cell<bool>,
}

impl<'a> Known<'a> {
    /// `trusting`: whether what earlier runs looked up is believed at all.
    pub(super) fn new(
        cache: Box<dyn Cache + 'a>,
        account: String,
        now: Timestamp,
        trusting: bool,
    ) -> Self {
        Self { cache, account, now, fresh: BTreeSet::new(), trusting, relied: Cell::new(false) }
    }

    /// What is kept of `what` in `workspace` (nothing of the person is).
    pub(super) fn get<T: DeserializeOwned>(&self, what: What, workspace: &str) -> Option<T> {
        let is_fresh = self.is_fresh(what, workspace);
        if !is_fresh && !self.trusting {
            return None;
        }
        let found = kept(&*self.cache, &self.account, what, workspace, self.now)?;
        self.relied.set(self.relied.get() || !is_fresh);
        Some(found)
    }

    pub(super) fn put<T: Serialize>(&mut self, what: What, workspace: &str, value: &T) {
        self.fresh.insert((what, workspace.to_owned()));
        if let Ok(text) = serde_json::to_string(&Dated { at: self.now, value }) {
            self.cache.put(what.kind(), &key(&self.account, workspace), &text);
        }
    }

    pub(super) fn is_fresh(&self, what: What, workspace: &str) -> bool {
        self.fresh.contains(&(what, workspace.to_owned()))
    }

    /// Believes nothing of earlier runs any more. Whether that may change an outcome.
    pub(super) fn distrust(&mut self) -> bool {
        std::mem::replace(&mut self.trusting, false) && self.relied.get()
    }
}

fn key(account: &str, workspace: &str) -> String {
    format!("{account} {workspace}")
}

/// Something that was looked up, and when.
#[derive(Serialize, Deserialize)]
struct Dated<T> {
    at: Timestamp,
    value: T,
}

/// What `cache` keeps, unless it is too old, or from a time to come: the clock was wrong then, or is
/// now.
fn kept<T: DeserializeOwned>(
    cache: &dyn Cache,
    account: &str,
    what: What,
    workspace: &str,
    now: Timestamp,
) -> Option<T> {
    let text = cache.get(what.kind(), &key(account, workspace))?;
    let Dated { at, value } = serde_json::from_str(&text).ok()?;
    let age = now.millis().saturating_sub(at.millis());
    (0..KEPT_FOR).contains(&age).then_some(value)
}

/// What is called `name`: letter by letter before without case, in use before archived. `Err` with
/// how many there are, if that is not one.
pub(super) fn called<'n>(all: &'n [Named], name: &str) -> Result<&'n Named, usize> {
    let lower = name.to_lowercase();
    let exact = |it: &&Named| it.name == name;
    let alike = |it: &&Named| it.name.to_lowercase() == lower;
    let in_use = |it: &&Named| !it.archived;
    let tiers: [Vec<&Named>; 4] = [
        all.iter().filter(exact).filter(in_use).collect(),
        all.iter().filter(exact).collect(),
        all.iter().filter(alike).filter(in_use).collect(),
        all.iter().filter(alike).collect(),
    ];
    match tiers.iter().find(|tier| !tier.is_empty()).map(Vec::as_slice) {
        Some([one]) => Ok(one),
        tier => Err(tier.map_or(0, <[_]>::len)),
    }
}

/// The id of `project`, whose name is looked for in what `list` fetches: anew, where `known` is
/// old and has none.
pub(super) fn project_id(
    project: &ProjectRef,
    table: &str,
    known: Option<Vec<Named>>,
    list: impl FnOnce() -> Result<Vec<Named>, Trouble>,
) -> Result<String, Trouble> {
    let name = match &project.wanted {
        Wanted::Id(id) => return Ok(id.trim().to_owned()),
        Wanted::Name(name) => name.trim(),
    };
    if let Some(found) = known.as_deref().and_then(|known| called(known, name).ok()) {
        return Ok(found.id.clone());
    }
    let shown = &project.shown;
    called(&list()?, name).map(|found| found.id.clone()).map_err(|count| {
        let (message, hint) = match count {
            0 => (
                format!("project '{shown}' not found"),
                format!("Correct the project in [{table}.project_mapping] in config.toml"),
            ),
            _ => (
                format!("{count} projects are called '{shown}'"),
                format!("Write the project's id in [{table}.project_mapping] in config.toml"),
            ),
        };
        Trouble::Refused { status: 400, message, hint, all: false }
    })
}

/// `trouble` of a request on the way to another: whatever became of it, the other was not sent.
pub(super) fn not_sent(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Unknown { why, hint } => Trouble::NotSent { why, hint },
        Trouble::Refused { .. }
        | Trouble::Wait { .. }
        | Trouble::Gone
        | Trouble::NotSent { .. } => trouble,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(all: &[(&str, &str, bool)]) -> Vec<Named> {
        let one = |(id, name, archived): &(&str, &str, bool)| Named {
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            archived: *archived,
        };
        all.iter().map(one).collect()
    }

    #[test]
    fn names_are_exact_before_alike_and_in_use_before_archived() {
        let all = named(&[
            ("1", "Acme", true),
            ("2", "acme", false),
            ("3", "Web", true),
            ("4", "Web", false),
            ("5", "API", false),
            ("6", "Api", false),
            ("7", "ÄRA", true),
        ]);
        let id = |name| called(&all, name).map(|it| it.id.as_str());
        assert_eq!(id("Acme"), Ok("1"));
        assert_eq!(id("acme"), Ok("2"));
        assert_eq!(id("ACME"), Ok("2"));
        assert_eq!(id("Web"), Ok("4"));
        assert_eq!(id("API"), Ok("5"));
        assert_eq!(id("api"), Err(2));
        assert_eq!(id("ära"), Ok("7"));
        assert_eq!(id("Ac"), Err(0));
    }

    #[test]
    fn messages_call_a_project_as_it_may_be_called() {
        let wanted = Wanted::Name("Geheim".to_owned());
        let project = ProjectRef { wanted, shown: "project-3f2a".to_owned() };
        let all = || Ok(named(&[("1", "GEHEIM", false), ("2", "geheim", false)]));
        for list in [all(), Ok(Vec::new())] {
            let trouble = project_id(&project, "push.toggl", None, || list).unwrap_err();
            let text = format!("{trouble:?}");
            assert!(
                text.contains("project-3f2a") && !text.to_lowercase().contains("geheim"),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_old_is_distrusted_once() {
        let memory = Memory::default();
        let now = Timestamp::from_millis(0);
        let known = || Known::new(Box::new(memory.clone()), "account".to_owned(), now, true);
        let mut first = known();
        first.put(What::User, "", &7);
        assert_eq!(first.get::<i64>(What::User, ""), Some(7));
        assert!(!first.distrust(), "nothing came from an earlier run");
        assert_eq!(first.get::<i64>(What::User, ""), Some(7), "it is of this run");
        let mut second = known();
        assert_eq!(second.get::<i64>(What::User, ""), Some(7));
        assert!(second.distrust() && !second.distrust());
        assert_eq!(second.get::<i64>(What::User, ""), None);
        let other = Known::new(Box::new(memory), "other".to_owned(), now, true);
        assert_eq!(other.get::<i64>(What::User, ""), None);
    }

    #[test]
    fn what_was_looked_up_is_believed_for_hours() {
        let memory = Memory::default();
        let at = |millis, trusting| {
            let now = Timestamp::from_millis(millis);
            Known::new(Box::new(memory.clone()), "account".to_owned(), now, trusting)
        };
        at(0, true).put(What::User, "", &7);
        let get = |known: Known<'_>| known.get::<i64>(What::User, "");
        assert_eq!(get(at(KEPT_FOR - 1, true)), Some(7));
        assert_eq!(get(at(KEPT_FOR, true)), None);
        assert_eq!(get(at(-1, true)), None, "the clock went back");
        let mut forced = at(0, false);
        assert_eq!(forced.get::<i64>(What::User, ""), None);
        forced.put(What::User, "", &8);
        assert_eq!(get(forced), Some(8), "it is of this run");
    }

    #[test]
    fn accounts_differ_by_token_and_address() {
        let of = |url, token| account(url, &Secret::new(token));
        assert_eq!(of("https://a/", "x"), of("https://a", "x "));
        assert_eq!(of("https://a/", "x").len(), 16);
        assert_ne!(of("https://a/", "x"), of("https://a/", "y"));
        assert_ne!(of("https://a/", "x"), of("https://b/", "x"));
    }
}
