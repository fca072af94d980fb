//! Clockify, API v1.
//!
//! An entry is a start and an end, and its duration is what lies between; without an end it would
//! be a running timer. Tags go by id, so those of the workspace are listed once, and missing ones
//! made. An update replaces the whole entry: it sends what the person may have added too.
//!
//! Lists take their window for local time of the person's profile, so a day is added at both ends.

mod refused;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::destination::{Destination, Keeps, Remote, Trouble};
use super::entry::{Entry, Wanted};
use super::http::{Access, Answer, Auth, Call, Http, Profile, Quota, Unnamed, Unusable, to_second};
use super::lookup::{self, Known, Lookups, Named, Past, What};
use crate::privacy::Safe;
use crate::time::{Interval, Millis, Timestamp};

/// Where the API is, for accounts of no region.
pub const BASE_URL: &str = "https://api.clockify.me/api/v1";

const TABLE: &str = "push.clockify";
const DAY: Millis = 86_400_000;
const PAGE: usize = 200;
/// No list has so many pages.
const MOST_PAGES: usize = 500;

/// A person's Clockify.
pub struct Clockify<'a> {
    http: Http<'a>,
    known: Known<'a>,
    workspace: Option<String>,
    /// What an update of entries that were read must not lose.
    extras: BTreeMap<String, Extra>,
}

/// The person, as far as a push needs to know.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    default_workspace: Option<String>,
    active_workspace: Option<String>,
}

impl User {
    /// The active one changes as the person looks around.
    fn workspace(self) -> Option<String> {
        let chosen = |id: &String| !id.is_empty();
        self.default_workspace.filter(chosen).or(self.active_workspace.filter(chosen))
    }
}

/// An entry as Clockify writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    description: Option<String>,
    tag_ids: Option<Vec<String>>,
    project_id: Option<String>,
    task_id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    billable: Option<bool>,
    time_interval: Span,
}

#[derive(Deserialize)]
struct Span {
    start: Timestamp,
    end: Option<Timestamp>,
}

/// What a person may have added to an entry, beyond what we say of it.
#[derive(Clone)]
struct Extra {
    project: Option<String>,
    task: Option<String>,
    kind: Option<String>,
}

/// An entry in the ids of this service.
struct Resolved {
    workspace: String,
    project: Option<String>,
    /// Sorted.
    tags: Vec<String>,
}

impl<'a> Clockify<'a> {
    /// A client. Sends nothing yet.
    ///
    /// # Errors
    /// [`Unusable`], if the address or the token is.
    pub fn new(access: Access<'a>) -> Result<Self, Unusable> {
        let account = lookup::account(access.base_url, access.token);
        let workspace = access.workspace.map(|it| it.trim().to_owned());
        let (now, fresh) = (access.now, access.fresh);
        let profile =
            Profile { name: "Clockify", auth: Auth::Header("X-Api-Key"), unnamed: Unnamed::Hourly };
        let (http, cache) = Http::new(profile, access)?;
        let known = Known::new(cache, account, now, !fresh);
        Ok(Self { http, known, workspace, extras: BTreeMap::new() })
    }

    fn ask(&mut self, call: &Call<'_>) -> Result<Answer, Trouble> {
        let answer = self.http.send(call)?;
        if answer.is_ok() {
            return Ok(answer);
        }
        let said = self.http.said(&answer);
        Err(refused::trouble(&answer, said))
    }

    /// Does `act`, and once more if it was refused for something that an earlier run looked up.
    fn anew<T>(&mut self, act: impl Fn(&mut Self) -> Result<T, Trouble>) -> Result<T, Trouble> {
        match act(self) {
            Err(trouble) if refused::may_be_outdated(&trouble) && self.known.distrust() => {
                act(self)
            }
            done => done,
        }
    }

    fn user(&mut self) -> Result<User, Trouble> {
        if let Some(user) = self.known.get(What::User, "") {
            return Ok(user);
        }
        let call = Call::get(&["user"], &[]);
        let answer = self.ask(&call)?;
        let user: User = self.http.read(&call, &answer)?;
        self.known.put(What::User, "", &user);
        Ok(user)
    }

    fn workspace_id(&mut self) -> Result<String, Trouble> {
        if let Some(workspace) = &self.workspace {
            return Ok(workspace.clone());
        }
        self.user()?.workspace().ok_or_else(|| {
            let message = "workspace_id required".to_owned();
            let hint = refused::ADD_WORKSPACE.to_owned();
            Trouble::Refused { status: 400, message, hint, all: true }
        })
    }

    /// All pages of a list.
    fn pages<T: DeserializeOwned>(
        &mut self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, Trouble> {
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let (page, size) = (page.to_string(), PAGE.to_string());
            let query = [query, &[("page", &*page), ("page-size", &*size)]].concat();
            let call = Call::get(path, &query);
            let answer = self.ask(&call)?;
            let some: Vec<T> = self.http.read(&call, &answer)?;
            let is_last = match answer.header("last-page") {
                Some(told) => told.trim() != "false",
                None => some.len() < PAGE,
            };
            let is_empty = some.is_empty();
            all.extend(some);
            if is_last || is_empty {
                break;
            }
        }
        Ok(all)
    }

    /// All projects or tags of `workspace`, archived ones too.
    fn named(&mut self, what: What, workspace: &str) -> Result<Vec<Named>, Trouble> {
        if self.known.is_fresh(what, workspace) {
            return Ok(self.known.get(what, workspace).unwrap_or_default());
        }
        self.fetch_named(what, workspace)
    }

    fn fetch_named(&mut self, what: What, workspace: &str) -> Result<Vec<Named>, Trouble> {
        let list = match what {
            What::Projects => "projects",
            What::Tags | What::User => "tags",
        };
        let all: Vec<Named> = self.pages(&["workspaces", workspace, list], &[])?;
        self.known.put(what, workspace, &all);
        Ok(all)
    }

    fn project_id(&mut self, entry: &Entry, workspace: &str) -> Result<Option<String>, Trouble> {
        let Some(project) = &entry.project else {
            return Ok(None);
        };
        let known = self.known.get(What::Projects, workspace);
        let list = || self.named(What::Projects, workspace);
        lookup::project_id(project, TABLE, known, list).map(Some)
    }

    /// The ids of `tags`, which are made where there are none.
    fn tag_ids(&mut self, tags: &[String], workspace: &str) -> Result<Vec<String>, Trouble> {
        let mut known: Vec<Named> = self.known.get(What::Tags, workspace).unwrap_or_default();
        if tags.iter().any(|tag| tag_id(&known, tag).is_none()) {
            known = self.named(What::Tags, workspace)?;
        }
        let mut ids = Vec::with_capacity(tags.len());
        for tag in tags {
            match tag_id(&known, tag) {
                Some(id) => ids.push(id),
                None => {
                    known = self.make_tag(tag, workspace, known)?;
                    ids.extend(tag_id(&known, tag));
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// The tags with `tag` among them.
    fn make_tag(
        &mut self,
        tag: &str,
        workspace: &str,
        mut known: Vec<Named>,
    ) -> Result<Vec<Named>, Trouble> {
        let body = json!({ "name": tag });
        let path = ["workspaces", workspace, "tags"];
        let call = Call::post(&path, &body);
        let answer = match self.ask(&call) {
            // Somebody was faster.
            Err(trouble) if refused::is_there_already(&trouble) => {
                let known = self.fetch_named(What::Tags, workspace)?;
                return if tag_id(&known, tag).is_some() { Ok(known) } else { Err(trouble) };
            }
            answer => answer.map_err(lookup::not_sent)?,
        };
        known.push(self.http.read(&call, &answer).map_err(lookup::not_sent)?);
        self.known.put(What::Tags, workspace, &known);
        Ok(known)
    }

    fn resolve(&mut self, entry: &Entry) -> Result<Resolved, Trouble> {
        let workspace = self.workspace_id()?;
        let project = self.project_id(entry, &workspace)?;
        let tags = self.tag_ids(&entry.tags, &workspace)?;
        Ok(Resolved { workspace, project, tags })
    }

    fn create_once(&mut self, entry: &Entry) -> Result<Remote, Trouble> {
        let resolved = self.resolve(entry)?;
        let body = body(entry, &resolved);
        let path = ["workspaces", &*resolved.workspace, "time-entries"];
        let call = Call::post(&path, &body);
        let answer = self.ask(&call)?;
        let item = self.http.read(&call, &answer)?;
        Ok(self.seen(item))
    }

    fn update_once(&mut self, id: &str, entry: &Entry) -> Result<Remote, Trouble> {
        let resolved = self.resolve(entry)?;
        if !self.extras.contains_key(id) && self.get(id).map_err(lookup::not_sent)?.is_none() {
            return Err(Trouble::Gone);
        }
        let mut body = body(entry, &resolved);
        if let (Some(extra), Some(body)) = (self.extras.get(id), body.as_object_mut()) {
            // A task belongs to its project.
            let task = extra.task.as_ref().filter(|_| extra.project == resolved.project);
            let kept = [("taskId", task), ("type", extra.kind.as_ref())];
            for (field, value) in kept {
                body.extend(value.map(|value| (field.to_owned(), json!(value))));
            }
        }
        let path = ["workspaces", &*resolved.workspace, "time-entries", id];
        let call = Call::put(&path, &body);
        let answer = self.ask(&call)?;
        let item = self.http.read(&call, &answer)?;
        Ok(self.seen(item))
    }

    /// Remembers what an update of `item` must not lose.
    fn seen(&mut self, item: Item) -> Remote {
        let extra = Extra {
            project: item.project_id.clone(),
            task: item.task_id.clone(),
            kind: item.kind.clone(),
        };
        self.extras.insert(item.id.clone(), extra);
        item.remote()
    }
}

impl Destination for Clockify<'_> {
    fn create(&mut self, entry: &Safe<Entry>) -> Result<Option<Remote>, Trouble> {
        self.anew(|it| it.create_once(entry.get())).map(Some)
    }

    fn keeps(&mut self) -> Option<&mut dyn Keeps> {
        Some(self)
    }
}

impl Keeps for Clockify<'_> {
    fn workspace(&mut self) -> Result<String, Trouble> {
        self.workspace_id()
    }

    fn expected(&mut self, entry: &Safe<Entry>) -> Result<Remote, Trouble> {
        let entry = entry.get();
        let resolved = self.anew(|it| it.resolve(entry))?;
        Ok(Remote {
            id: String::new(),
            start: to_second(entry.start),
            seconds: Some(entry.seconds),
            description: entry.description.trim().to_owned(),
            tags: resolved.tags,
            project: resolved.project,
            billable: entry.billable.unwrap_or(false),
        })
    }

    fn get(&mut self, id: &str) -> Result<Option<Remote>, Trouble> {
        let workspace = self.workspace_id()?;
        let path = ["workspaces", &*workspace, "time-entries", id];
        let call = Call::get(&path, &[]);
        let answer = match self.ask(&call) {
            Err(Trouble::Gone) => return Ok(None),
            answer => answer?,
        };
        let item = self.http.read(&call, &answer)?;
        Ok(Some(self.seen(item)))
    }

    fn list(&mut self, window: Interval) -> Result<Vec<Remote>, Trouble> {
        let (workspace, user) = (self.workspace_id()?, self.user()?.id);
        let start = to_second(window.start.plus(-DAY)).to_string();
        let end = to_second(window.end.plus(DAY)).to_string();
        let path = ["workspaces", &*workspace, "user", &*user, "time-entries"];
        let items: Vec<Item> = self.pages(&path, &[("start", &*start), ("end", &*end)])?;
        // An entry that was added between two pages is on both.
        let all: BTreeMap<String, Remote> =
            items.into_iter().map(|item| (item.id.clone(), self.seen(item))).collect();
        Ok(all.into_values().collect())
    }

    fn update(&mut self, id: &str, entry: &Safe<Entry>) -> Result<Remote, Trouble> {
        self.anew(|it| it.update_once(id, entry.get()))
    }

    fn delete(&mut self, id: &str) -> Result<(), Trouble> {
        let workspace = self.workspace_id()?;
        let path = ["workspaces", &*workspace, "time-entries", id];
        self.ask(&Call::delete(&path)).map(drop)
    }

    fn quotas(&self) -> Vec<Quota> {
        self.http.quotas()
    }
}

impl Item {
    fn remote(self) -> Remote {
        let start = to_second(self.time_interval.start);
        let end = self.time_interval.end.map(to_second);
        let mut tags = self.tag_ids.unwrap_or_default();
        tags.sort_unstable();
        Remote {
            id: self.id,
            start,
            // Without an end, it is running.
            seconds: end.map(|end| (end.millis() - start.millis()) / 1_000),
            description: self.description.unwrap_or_default(),
            tags,
            project: self.project_id.filter(|id| !id.is_empty()),
            billable: self.billable.unwrap_or(false),
        }
    }
}

/// All that is said of an entry: what an update leaves out, it clears.
fn body(entry: &Entry, resolved: &Resolved) -> Value {
    json!({
        "start": to_second(entry.start).to_string(),
        "end": to_second(entry.end()).to_string(),
        "description": entry.description.trim(),
        "billable": entry.billable.unwrap_or(false),
        "projectId": resolved.project,
        "tagIds": resolved.tags,
    })
}

fn tag_id(known: &[Named], tag: &str) -> Option<String> {
    let alike = |it: &&Named| it.name.to_lowercase() == tag.to_lowercase();
    let exact = known.iter().find(|it| it.name == tag);
    exact.or_else(|| known.iter().find(alike)).map(|it| it.id.clone())
}

/// How many requests a push of `entries` needs besides one for each.
#[must_use]
pub fn lookups<'e>(past: Past<'_>, entries: impl IntoIterator<Item = &'e Entry>) -> Lookups {
    let user: Option<User> = past.get(What::User, "");
    let asks_user = past.workspace.is_none() && user.is_none();
    let default = user.and_then(User::workspace);
    let workspace = past.named_workspace().or(default).unwrap_or_default();
    let kept = |what| -> Vec<Named> { past.get(what, &workspace).unwrap_or_default() };
    let (projects, tags) = (kept(What::Projects), kept(What::Tags));
    let mut lists_projects = false;
    let mut missing = std::collections::BTreeSet::new();
    for entry in entries {
        if let Some(Wanted::Name(name)) = entry.project.as_ref().map(|it| &it.wanted) {
            lists_projects |= lookup::called(&projects, name.trim()).is_err();
        }
        let unknown = entry.tags.iter().filter(|tag| tag_id(&tags, tag).is_none());
        missing.extend(unknown.map(|tag| tag.to_lowercase()));
    }
    let lists = usize::from(lists_projects) + usize::from(!missing.is_empty());
    Lookups { me: 0, workspace: usize::from(asks_user) + lists, perhaps: missing.len() }
}
