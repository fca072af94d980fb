//! Toggl Track, API v9.
//!
//! An entry is sent with its start and duration, and without a stop: sent together the three have
//! to agree, and Toggl computes the stop by itself. Tags go by name, and Toggl makes those that it
//! does not have, so a push looks up the workspace, and projects that the config names, and nothing
//! else.
//!
//! Toggl lists the entries of the last three months. Older ones come from its reports, which know
//! tags by number only.

mod refused;
mod reports;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::destination::{Destination, Keeps, Remote, Trouble};
use super::entry::{Entry, Wanted};
use super::http::{Access, Answer, Auth, Call, Http, Profile, Quota, Unnamed, Unusable, to_second};
use super::lookup::{self, Known, Lookups, Named, Past, What};
use crate::privacy::Safe;
use crate::time::{Interval, Millis, Timestamp};

/// Where the API is.
pub const BASE_URL: &str = "https://api.track.toggl.com/api/v9";

const TABLE: &str = "push.toggl";
const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);
const DAY: Millis = 86_400_000;
/// How far back entries are listed; Toggl says "about three months".
const LISTED: Millis = 85 * DAY;
/// The most entries that one list has.
const LIST_CAP: usize = 1_000;
/// The most projects that one page has.
const PAGE: usize = 200;
/// No list has so many pages.
const MOST_PAGES: usize = 500;

/// A person's Toggl.
pub struct Toggl<'a> {
    http: Http<'a>,
    known: Known<'a>,
    workspace: Option<String>,
    now: Timestamp,
}

/// The person, as far as a push needs to know.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Me {
    id: i64,
    default_workspace_id: Option<i64>,
}

/// An entry as Toggl writes it.
#[derive(Deserialize)]
struct Item {
    id: i64,
    workspace_id: Option<i64>,
    project_id: Option<i64>,
    billable: Option<bool>,
    start: Timestamp,
    duration: i64,
    description: Option<String>,
    tags: Option<Vec<String>>,
    server_deleted_at: Option<String>,
}

#[derive(Deserialize)]
struct Tag {
    id: i64,
    name: String,
}

#[derive(Deserialize)]
struct Project {
    id: i64,
    name: String,
    active: Option<bool>,
}

impl<'a> Toggl<'a> {
    /// A client. Sends nothing yet.
    ///
    /// # Errors
    /// [`Unusable`], if the address or the token is.
    pub fn new(access: Access<'a>) -> Result<Self, Unusable> {
        let account = lookup::account(access.base_url, access.token);
        let workspace = access.workspace.map(|it| it.trim().to_owned());
        let (now, fresh) = (access.now, access.fresh);
        let profile = Profile {
            name: "Toggl",
            auth: Auth::Basic("api_token"),
            unnamed: Unnamed::Wait(MINUTE),
        };
        let (http, cache) = Http::new(profile, access)?;
        Ok(Self { http, known: Known::new(cache, account, now, !fresh), workspace, now })
    }

    /// Sends `call`; `of_entry`, if it is about one entry, which may be gone.
    fn ask(&mut self, call: &Call<'_>, of_entry: bool) -> Result<Answer, Trouble> {
        let answer = self.http.send(call)?;
        if answer.is_ok() {
            return Ok(answer);
        }
        let said = self.http.said(&answer);
        Err(refused::trouble(&answer, said, of_entry))
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

    fn me(&mut self) -> Result<Me, Trouble> {
        if let Some(me) = self.known.get(What::User, "") {
            return Ok(me);
        }
        let call = Call::get(&["me"], &[]);
        let answer = self.ask(&call, false)?;
        let me = self.http.read(&call, &answer)?;
        self.known.put(What::User, "", &me);
        Ok(me)
    }

    fn workspace_id(&mut self) -> Result<i64, Trouble> {
        if let Some(workspace) = &self.workspace {
            return workspace.parse().map_err(|_| {
                let message = "workspace_id is not a number".to_owned();
                refused::by_us(message, "Correct workspace_id in [push.toggl] in config.toml", true)
            });
        }
        self.me()?.default_workspace_id.ok_or_else(|| {
            let message = "workspace_id required".to_owned();
            refused::by_us(message, refused::ADD_WORKSPACE, true)
        })
    }

    fn project_id(&mut self, entry: &Entry, workspace: &str) -> Result<Option<i64>, Trouble> {
        let Some(project) = &entry.project else {
            return Ok(None);
        };
        let known = self.known.get(What::Projects, workspace);
        let id = lookup::project_id(project, TABLE, known, || self.projects(workspace))?;
        id.parse().map(Some).map_err(|_| {
            let message = format!("the id of project '{}' is not a number", project.shown);
            refused::by_us(message, refused::CORRECT_PROJECT, false)
        })
    }

    fn projects(&mut self, workspace: &str) -> Result<Vec<Named>, Trouble> {
        if self.known.is_fresh(What::Projects, workspace) {
            return Ok(self.known.get(What::Projects, workspace).unwrap_or_default());
        }
        let mut all = Vec::new();
        for page in 1..=MOST_PAGES {
            let (page, per_page) = (page.to_string(), PAGE.to_string());
            let query = [("active", "both"), ("page", &*page), ("per_page", &*per_page)];
            let path = ["workspaces", workspace, "projects"];
            let call = Call::get(&path, &query);
            let answer = self.ask(&call, false)?;
            let some: Option<Vec<Project>> = self.http.read(&call, &answer)?;
            let some = some.unwrap_or_default();
            let is_last = some.len() < PAGE;
            all.extend(some.into_iter().map(|it| Named {
                id: it.id.to_string(),
                name: it.name,
                archived: it.active == Some(false),
            }));
            if is_last {
                break;
            }
        }
        self.known.put(What::Projects, workspace, &all);
        Ok(all)
    }

    /// The names of tags by their ids.
    fn tags(&mut self, workspace: &str) -> Result<BTreeMap<i64, String>, Trouble> {
        let path = ["workspaces", workspace, "tags"];
        let call = Call::get(&path, &[]);
        let answer = self.ask(&call, false)?;
        let tags: Option<Vec<Tag>> = self.http.read(&call, &answer)?;
        Ok(tags.unwrap_or_default().into_iter().map(|tag| (tag.id, tag.name)).collect())
    }

    fn body(&mut self, entry: &Entry) -> Result<(String, Value), Trouble> {
        let id = self.workspace_id()?;
        let workspace = id.to_string();
        let mut body = json!({
            "workspace_id": id,
            "created_with": "tt",
            "start": to_second(entry.start).to_string(),
            "duration": entry.seconds,
            "description": entry.description.trim(),
            "tags": entry.tags,
            "project_id": self.project_id(entry, &workspace)?,
        });
        if let (Some(billable), Some(body)) = (entry.billable, body.as_object_mut()) {
            body.insert("billable".to_owned(), Value::Bool(billable));
        }
        Ok((workspace, body))
    }

    fn create_once(&mut self, entry: &Entry) -> Result<Remote, Trouble> {
        let (workspace, body) = self.body(entry)?;
        let path = ["workspaces", &*workspace, "time_entries"];
        let call = Call::post(&path, &body);
        let answer = self.ask(&call, false)?;
        self.http.read(&call, &answer).map(Item::remote)
    }

    fn update_once(&mut self, id: &str, entry: &Entry) -> Result<Remote, Trouble> {
        let (workspace, body) = self.body(entry)?;
        let path = ["workspaces", &*workspace, "time_entries", id];
        let call = Call::put(&path, &body);
        let answer = self.ask(&call, true)?;
        self.http.read(&call, &answer).map(Item::remote)
    }

    /// The entries of `window`, which lies in the last three months. A list that is full may have
    /// lost its older end, so it is followed by one that ends there.
    fn listed(&mut self, workspace: i64, window: Interval) -> Result<Vec<Remote>, Trouble> {
        let (start, mut end) = (to_second(window.start), to_second(window.end));
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let (from, to) = (start.to_string(), end.to_string());
            let query = [("start_date", &*from), ("end_date", &*to)];
            let call = Call::get(&["me", "time_entries"], &query);
            let answer = self.ask(&call, false)?;
            let items: Option<Vec<Item>> = self.http.read(&call, &answer)?;
            let items = items.unwrap_or_default();
            let oldest = items.iter().map(|item| to_second(item.start).plus(1_000)).min();
            let is_full = items.len() >= LIST_CAP;
            let ours = |item: &Item| item.workspace_id.is_none_or(|id| id == workspace);
            let items = items.into_iter().filter(|item| !item.is_deleted()).filter(ours);
            all.extend(items.map(Item::remote));
            match oldest {
                Some(oldest) if is_full && oldest < end => end = oldest,
                _ => break,
            }
        }
        Ok(all)
    }
}

impl Destination for Toggl<'_> {
    fn create(&mut self, entry: &Safe<Entry>) -> Result<Option<Remote>, Trouble> {
        self.anew(|it| it.create_once(entry.get())).map(Some)
    }

    fn keeps(&mut self) -> Option<&mut dyn Keeps> {
        Some(self)
    }
}

impl Keeps for Toggl<'_> {
    fn workspace(&mut self) -> Result<String, Trouble> {
        self.workspace_id().map(|id| id.to_string())
    }

    fn expected(&mut self, entry: &Safe<Entry>) -> Result<Remote, Trouble> {
        let entry = entry.get();
        let project = self.anew(|it| {
            let workspace = it.workspace()?;
            it.project_id(entry, &workspace)
        })?;
        Ok(Remote {
            id: String::new(),
            start: to_second(entry.start),
            seconds: Some(entry.seconds),
            description: entry.description.trim().to_owned(),
            tags: sorted(entry.tags.clone()),
            project: project.map(|id| id.to_string()),
            billable: entry.billable.unwrap_or(false),
        })
    }

    fn get(&mut self, id: &str) -> Result<Option<Remote>, Trouble> {
        let path = ["me", "time_entries", id];
        let call = Call::get(&path, &[]);
        let answer = match self.ask(&call, true) {
            Err(Trouble::Gone) => return Ok(None),
            answer => answer?,
        };
        let item: Option<Item> = self.http.read(&call, &answer)?;
        Ok(item.filter(|item| !item.is_deleted()).map(Item::remote))
    }

    fn list(&mut self, window: Interval) -> Result<Vec<Remote>, Trouble> {
        let workspace = self.workspace_id()?;
        let padded = Interval::new(window.start.plus(-DAY), window.end.plus(DAY));
        let reach = self.now.plus(-LISTED);
        let recent = Interval::new(padded.start.max(reach), padded.end);
        let mut old = Interval::new(padded.start, padded.end.min(reach.plus(DAY)));
        let mut all = BTreeMap::new();
        let mut add =
            |some: Vec<Remote>| all.extend(some.into_iter().map(|it| (it.id.clone(), it)));
        let mut needs_old = padded.start < reach;
        if !recent.is_empty() {
            match self.listed(workspace, recent) {
                Err(trouble) if refused::is_too_early(&trouble) => {
                    (old, needs_old) = (padded, true);
                }
                some => add(some?),
            }
        }
        if needs_old {
            add(self.reported(workspace, old)?);
        }
        Ok(all.into_values().collect())
    }

    fn update(&mut self, id: &str, entry: &Safe<Entry>) -> Result<Remote, Trouble> {
        self.anew(|it| it.update_once(id, entry.get()))
    }

    fn delete(&mut self, id: &str) -> Result<(), Trouble> {
        let workspace = self.workspace()?;
        let path = ["workspaces", &*workspace, "time_entries", id];
        self.ask(&Call::delete(&path), true).map(drop)
    }

    fn quotas(&self) -> Vec<Quota> {
        self.http.quotas()
    }
}

impl Item {
    fn is_deleted(&self) -> bool {
        self.server_deleted_at.is_some()
    }

    fn remote(self) -> Remote {
        Remote {
            id: self.id.to_string(),
            start: to_second(self.start),
            // Negative: it is running.
            seconds: (self.duration >= 0).then_some(self.duration),
            description: self.description.unwrap_or_default(),
            tags: sorted(self.tags.unwrap_or_default()),
            project: self.project_id.map(|id| id.to_string()),
            billable: self.billable.unwrap_or(false),
        }
    }
}

/// How many requests a push of `entries` needs besides one for each.
#[must_use]
pub fn lookups<'e>(past: Past<'_>, entries: impl IntoIterator<Item = &'e Entry>) -> Lookups {
    let me: Option<Me> = past.get(What::User, "");
    let default = me.and_then(|me| me.default_workspace_id).map(|id| id.to_string());
    let workspace = past.named_workspace();
    let asks_me = workspace.is_none() && me.is_none();
    let workspace = workspace.or(default).unwrap_or_default();
    let projects: Option<Vec<Named>> = past.get(What::Projects, &workspace);
    let is_unknown = |entry: &Entry| match entry.project.as_ref().map(|it| &it.wanted) {
        None | Some(Wanted::Id(_)) => false,
        Some(Wanted::Name(name)) => {
            projects.as_deref().is_none_or(|all| lookup::called(all, name.trim()).is_err())
        }
    };
    let lists = entries.into_iter().any(is_unknown);
    Lookups { me: asks_me.into(), workspace: lists.into(), perhaps: 0 }
}

fn sorted(mut tags: Vec<String>) -> Vec<String> {
    tags.sort_unstable();
    tags.dedup();
    tags
}
