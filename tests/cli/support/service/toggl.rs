//! Toggl Track v9, as far as a push meets it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{Days, Months, NaiveDate};
use serde_json::{Map, Value, json};

use super::{Fake, Item, Model, Reply, Request, reply, sorted, stamp, unix};

pub(crate) type Toggl = Fake<Track>;

pub(crate) const WORKSPACE: i64 = 7_654_321;
const USER: i64 = 9_876_543;
/// The most entries of one list.
const LIST_CAP: usize = 1_000;
const MAX_SECONDS: i64 = 999 * 3_600;

/// The model.
pub(crate) struct Track {
    items: Vec<Item>,
    last_id: i64,
    tags: BTreeMap<String, i64>,
    /// Id, name and whether it is active.
    projects: Vec<(i64, String, bool)>,
    today: NaiveDate,
    default_workspace: Option<i64>,
    premium: bool,
    me: Quota,
    workspace: Quota,
    list_cap: usize,
}

/// Requests of an hour.
struct Quota {
    limit: i64,
    left: i64,
    length: Duration,
    opened: Option<Instant>,
}

impl Quota {
    fn of(limit: i64, length: Duration) -> Self {
        Self { limit, left: limit, length, opened: None }
    }

    /// Counts a request; whether it is one too many.
    fn is_used_up(&mut self) -> bool {
        let opened = *self.opened.get_or_insert_with(Instant::now);
        if opened.elapsed() >= self.length {
            (self.left, self.opened) = (self.limit, Some(Instant::now()));
        }
        let is_used_up = self.left == 0;
        self.left = (self.left - 1).max(0);
        is_used_up
    }

    fn resets_in(&self) -> u64 {
        let opened = self.opened.map_or(Duration::ZERO, |opened| opened.elapsed());
        self.length.saturating_sub(opened).as_secs()
    }
}

impl Toggl {
    /// A workspace on a paid plan, with no entries, on the day of the sandbox.
    pub(crate) fn start() -> Self {
        let hour = Duration::from_secs(3_600);
        Self::with(Track {
            items: Vec::new(),
            last_id: 3_700_000_000,
            tags: BTreeMap::new(),
            projects: Vec::new(),
            today: "2025-01-29".parse().unwrap(),
            default_workspace: Some(WORKSPACE),
            premium: true,
            me: Quota::of(1_000_000, hour),
            workspace: Quota::of(1_000_000, hour),
            list_cap: LIST_CAP,
        })
    }

    pub(crate) fn today(self, day: &str) -> Self {
        self.state().model.today = day.parse().unwrap();
        self
    }

    /// The person belongs to no workspace by default.
    pub(crate) fn without_default(self) -> Self {
        self.state().model.default_workspace = None;
        self
    }

    /// A workspace that pays nothing.
    pub(crate) fn free(self) -> Self {
        self.state().model.premium = false;
        self
    }

    /// So many requests below `/me` and elsewhere, until so long after the first.
    pub(crate) fn quota(&self, me: i64, workspace: i64, length: Duration) {
        let model = &mut self.state().model;
        (model.me, model.workspace) = (Quota::of(me, length), Quota::of(workspace, length));
    }

    /// Lists hold only so many entries.
    pub(crate) fn list_cap(self, cap: usize) -> Self {
        self.state().model.list_cap = cap;
        self
    }

    /// Adds a project; its id.
    pub(crate) fn project(&self, name: &str) -> String {
        self.some_project(name, true)
    }

    pub(crate) fn archived_project(&self, name: &str) -> String {
        self.some_project(name, false)
    }

    /// Archives all projects of this name.
    pub(crate) fn archive(&self, name: &str) {
        let projects = &mut self.state().model.projects;
        projects.iter_mut().filter(|it| it.1 == name).for_each(|it| it.2 = false);
    }

    fn some_project(&self, name: &str, active: bool) -> String {
        let projects = &mut self.state().model.projects;
        let id = 200_000_000 + projects.len() as i64;
        projects.push((id, name.to_owned(), active));
        id.to_string()
    }

    /// Adds an entry, as the person would; its id.
    pub(crate) fn add(&self, item: Item) -> String {
        let model = &mut self.state().model;
        model.name_tags(&item.tags);
        let id = model.new_id();
        model.items.push(Item { id: id.clone(), ..item });
        id
    }
}

type Fits = fn(&Value) -> bool;

/// Of which type a field has to be.
const TYPES: [(&str, Fits); 8] = [
    ("workspace_id", Value::is_i64),
    ("project_id", Value::is_i64),
    ("duration", Value::is_i64),
    ("description", Value::is_string),
    ("start", Value::is_string),
    ("stop", Value::is_string),
    ("created_with", Value::is_string),
    ("billable", Value::is_boolean),
];

/// A refusal: a JSON string.
fn refuse(status: u16, text: &str) -> Reply {
    reply(status).json(&json!(text))
}

impl Track {
    fn new_id(&mut self) -> String {
        self.last_id += 1;
        self.last_id.to_string()
    }

    /// Tags that are named exist.
    fn name_tags(&mut self, tags: &[String]) {
        for tag in tags {
            let id = 17_000_000 + self.tags.len() as i64;
            self.tags.entry(tag.clone()).or_insert(id);
        }
    }

    fn routed(&mut self, request: &Request) -> Reply {
        let workspace = WORKSPACE.to_string();
        if let Some(path) = request.path.strip_prefix("/reports/api/v3/workspace/") {
            let expected = format!("{workspace}/search/time_entries");
            return match request.method.as_str() {
                "POST" if path == expected => self.report(&request.body),
                _ => reply(404).text("404 page not found\n"),
            };
        }
        let path = request.path.strip_prefix(Self::PATH).unwrap_or_default();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["me"]) => self.me(),
            ("GET", ["me", "time_entries"]) => self.list(request),
            ("GET", ["me", "time_entries", id]) => match self.find(id) {
                Some(item) => reply(200).json(&self.shown(item, true)),
                None => refuse(404, "Time entry not found"),
            },
            (_, ["workspaces", id, ..]) if *id != workspace => {
                refuse(403, "User does not have access to this resource.")
            }
            ("GET", ["workspaces", _, "projects"]) => self.list_projects(request),
            ("GET", ["workspaces", _, "tags"]) => {
                let tag = |(name, id): (&String, &i64)| json!({"id": id, "name": name, "workspace_id": WORKSPACE, "creator_id": USER});
                reply(200).json(&self.tags.iter().map(tag).collect())
            }
            ("POST", ["workspaces", _, "time_entries"]) => self.create(request),
            ("PUT", ["workspaces", _, "time_entries", id]) => self.update(request, id),
            ("DELETE", ["workspaces", _, "time_entries", id]) => {
                let before = self.items.len();
                self.items.retain(|item| item.id != *id);
                if self.items.len() < before {
                    reply(200)
                } else {
                    refuse(404, "Time entry not found")
                }
            }
            _ => reply(404).text("404 page not found\n"),
        }
    }

    fn me(&self) -> Reply {
        reply(200).json(&json!({
            "id": USER, "api_token": Self::TOKEN, "email": "sami@example.com", "fullname": "Sami",
            "timezone": "Europe/Helsinki", "default_workspace_id": self.default_workspace,
            "beginning_of_week": 1, "at": "2025-01-01T00:00:00.123456Z",
        }))
    }

    fn find(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    fn list_projects(&self, request: &Request) -> Reply {
        let number = |name, default| request.param(name).map_or(default, |it| it.parse().unwrap());
        let (page, size): (usize, usize) = (number("page", 1), number("per_page", 151));
        if size > 200 {
            return refuse(400, "per_page is too large");
        }
        let both = request.param("active") == Some("both");
        let shown = self.projects.iter().filter(|(_, _, active)| both || *active);
        let project = |(id, name, active): &(i64, String, bool)| json!({"id": id, "workspace_id": WORKSPACE, "name": name, "active": active});
        reply(200).json(&shown.skip((page - 1) * size).take(size).map(project).collect())
    }

    /// What is wrong with a body in itself.
    fn fault(&self, body: &Map<String, Value>, text: &str) -> Option<Reply> {
        for (field, fits) in TYPES {
            let value = body.get(field).filter(|value| !value.is_null() && !fits(value));
            if let Some(value) = value {
                let kind = if value.is_string() { "string" } else { "number" };
                let offset = text.find(field).unwrap();
                let text = format!("Unexpected \"{field}\" type {kind}, offset={offset}");
                return Some(reply(400).text(&text));
            }
        }
        let tags = body.get("tags").filter(|tags| !tags.is_null());
        let are_texts =
            |tags: &Value| tags.as_array().is_some_and(|it| it.iter().all(Value::is_string));
        if tags.is_some_and(|tags| !are_texts(tags)) {
            return Some(refuse(400, "JSON is not valid"));
        }
        if body.get("billable") == Some(&Value::Bool(true)) && !self.premium {
            return Some(refuse(402, "Billable is a premium feature"));
        }
        let known = |id: i64| self.projects.iter().any(|(it, _, _)| *it == id);
        let project = body.get("project_id").and_then(Value::as_i64);
        if project.is_some_and(|id| !known(id)) {
            return Some(refuse(400, "User cannot access the selected project"));
        }
        if body.get("duration").and_then(Value::as_i64).is_some_and(|it| it > MAX_SECONDS) {
            return Some(refuse(400, "Max allowed duration per 1 time entry is 999 hours"));
        }
        None
    }

    fn create(&mut self, request: &Request) -> Reply {
        let Some(body) = request.body.as_object() else {
            return refuse(400, "JSON is not valid");
        };
        if let Some(fault) = self.fault(body, &request.text) {
            return fault;
        }
        if body.get("workspace_id").and_then(Value::as_i64) != Some(WORKSPACE) {
            return refuse(400, "wid is required for time entry creation");
        }
        if body.get("created_with").and_then(Value::as_str).unwrap_or_default().is_empty() {
            return refuse(400, "created_with needs to be provided an a valid string");
        }
        let mut item = Item { id: self.new_id(), ..Item::default() };
        match self.apply(body, &mut item) {
            Err(refusal) => refusal,
            Ok(()) => {
                let mut shown = self.shown(&item, false);
                if item.tags.is_empty() {
                    shown["tags"] = Value::Null;
                }
                self.items.push(item);
                reply(200).json(&shown)
            }
        }
    }

    fn update(&mut self, request: &Request, id: &str) -> Reply {
        let Some(body) = request.body.as_object() else {
            return refuse(400, "JSON is not valid");
        };
        let Some(at) = self.items.iter().position(|item| item.id == id) else {
            return refuse(404, "Time entry not found");
        };
        if let Some(fault) = self.fault(body, &request.text) {
            return fault;
        }
        let mut item = self.items[at].clone();
        match self.apply(body, &mut item) {
            Err(refusal) => refusal,
            Ok(()) => {
                self.items[at] = item.clone();
                reply(200).json(&self.shown(&item, false))
            }
        }
    }

    /// Puts what `body` says into `item`, and leaves the rest.
    fn apply(&mut self, body: &Map<String, Value>, item: &mut Item) -> Result<(), Reply> {
        let text = |field: &str| body.get(field).and_then(Value::as_str);
        if let Some(start) = text("start") {
            let Some(start) = unix(start) else {
                return Err(refuse(400, "JSON is not valid"));
            };
            item.start = stamp(start);
        }
        if item.start.is_empty() {
            return Err(refuse(400, "start is required"));
        }
        if let Some(day) = text("start_date") {
            item.start = format!("{day}{}", &item.start[10..]);
        }
        let duration = body.get("duration").and_then(Value::as_i64);
        if let Some(duration) = duration {
            item.seconds = (duration >= 0).then_some(duration);
        }
        if let Some(stop) = text("stop") {
            let seconds = unix(stop).unwrap_or_default() - item.starts();
            if seconds < 0 {
                return Err(refuse(400, "Stop time must be after start time"));
            }
            if duration.is_some_and(|duration| duration != seconds) {
                return Err(refuse(400, "Start, stop and duration do not agree"));
            }
            item.seconds = Some(seconds);
        } else if duration.is_none() && item.seconds.is_none() {
            item.seconds = Some(0);
        }
        if let Some(description) = text("description") {
            item.description = description.to_owned();
        }
        if let Some(tags) = body.get("tags").and_then(Value::as_array) {
            let names = tags.iter().filter_map(Value::as_str).map(str::to_owned);
            item.tags = sorted(names.collect());
            self.name_tags(&item.tags);
        }
        if let Some(project) = body.get("project_id") {
            item.project = project.as_i64().map(|id| id.to_string());
        }
        if let Some(billable) = body.get("billable").and_then(Value::as_bool) {
            item.billable = billable;
        }
        Ok(())
    }

    /// An entry in an answer, read or written.
    fn shown(&self, item: &Item, read: bool) -> Value {
        let project: Option<i64> = item.project.as_ref().map(|id| id.parse().unwrap());
        let start = if read { item.start.replace('Z', "+00:00") } else { item.start.clone() };
        let described = (!item.description.is_empty()).then_some(&item.description);
        json!({
            "id": item.id.parse::<i64>().unwrap(), "workspace_id": WORKSPACE, "wid": WORKSPACE,
            "project_id": project, "task_id": null, "billable": item.billable, "start": start,
            "stop": item.end(), "duration": item.seconds.unwrap_or(-item.starts()),
            "description": described, "tags": item.tags, "tag_ids": self.tag_ids(item),
            "duronly": true, "at": "2025-01-29T18:00:00.123456Z", "server_deleted_at": null,
            "user_id": USER, "uid": USER,
        })
    }

    fn tag_ids(&self, item: &Item) -> Vec<i64> {
        item.tags.iter().filter_map(|tag| self.tags.get(tag).copied()).collect()
    }

    /// Newest first, and no more than there may be.
    fn list(&self, request: &Request) -> Reply {
        let bound = |name| {
            let text = request.param(name)?;
            unix(text).or_else(|| unix(&format!("{text}T00:00:00Z")))
        };
        let (Some(start), Some(end)) = (bound("start_date"), bound("end_date")) else {
            return refuse(400, "start_date and end_date must be valid dates");
        };
        let earliest = self.today.checked_sub_months(Months::new(3)).unwrap();
        if stamp(start) < format!("{earliest}T00:00:00Z") {
            return refuse(400, &format!("start_date must not be earlier than {earliest}"));
        }
        let mut found: Vec<&Item> =
            self.items.iter().filter(|item| (start..end).contains(&item.starts())).collect();
        found.sort_by_key(|item| std::cmp::Reverse(item.starts()));
        let shown = found.into_iter().take(self.list_cap).map(|item| self.shown(item, true));
        reply(200).json(&shown.collect())
    }

    /// A page of a report. A colleague's entry is in it too.
    fn report(&self, body: &Value) -> Reply {
        let day = |name: &str| -> NaiveDate { body[name].as_str().unwrap().parse().unwrap() };
        let (start, end) = (day("start_date"), day("end_date") + Days::new(1));
        let within = |item: &&Item| {
            let day: NaiveDate = item.start[..10].parse().unwrap();
            (start..end).contains(&day)
        };
        let mut groups: Vec<Value> = self.items.iter().filter(within).map(|item| {
            let project: Option<i64> = item.project.as_ref().map(|id| id.parse().unwrap());
            json!({
                "user_id": USER, "username": "Sami", "project_id": project, "task_id": null,
                "billable": item.billable, "description": item.description,
                "tag_ids": self.tag_ids(item),
                "time_entries": [{
                    "id": item.id.parse::<i64>().unwrap(), "seconds": item.seconds.unwrap_or(-1),
                    "start": item.start.replace('Z', "+00:00"), "stop": item.end(),
                    "at": "2025-01-29T18:00:00+00:00",
                }],
            })
        }).collect();
        let mut foreign = groups.first().cloned().unwrap_or_else(|| json!({"time_entries": []}));
        foreign["user_id"] = json!(USER + 1);
        groups.push(foreign);
        let first = body["first_row_number"].as_u64().unwrap_or(1) as usize;
        let size = body["page_size"].as_u64().unwrap() as usize;
        let page: Vec<_> = groups.iter().skip(first - 1).take(size).collect();
        let next = first + page.len();
        let answer = reply(200).json(&json!(page));
        if next > groups.len() {
            return answer;
        }
        answer.header("X-Next-ID", next).header("X-Next-Row-Number", next)
    }
}

impl Model for Track {
    const PATH: &'static str = "/api/v9";
    const TOKEN: &'static str = "0123456789abcdefSECRETtoggl";

    fn answer(&mut self, request: &Request) -> Reply {
        let below_me = request.path[Self::PATH.len().min(request.path.len())..].starts_with("/me");
        let quota = if below_me { &mut self.me } else { &mut self.workspace };
        let is_used_up = quota.is_used_up();
        let (left, resets_in) = (quota.left, quota.resets_in());
        let answer = match request.header("authorization") {
            None => reply(401).header("X-Authorization-Missing", true),
            Some(sent) if sent != basic(&format!("{}:api_token", Self::TOKEN)) => reply(403),
            Some(_) if is_used_up => reply(402).text(&format!(
                "You have hit your hourly limit for API calls. It will reset in {resets_in} seconds"
            )),
            Some(_) => self.routed(request),
        };
        answer.header("X-Toggl-Quota-Remaining", left).header("X-Toggl-Quota-Resets-In", resets_in)
    }

    fn items(&mut self) -> &mut Vec<Item> {
        &mut self.items
    }

    fn complaint(&self, request: &Request) -> Option<String> {
        let body = request.body.as_object().filter(|_| request.writes())?;
        let has = |field: &str| body.contains_key(field);
        let bad = ["stop", "start_date", "wid", "pid", "tag_ids", "tag_action"];
        let bad = bad.into_iter().find(|field| has(field));
        let bad = bad.or((has("start") != has("duration")).then_some("start or duration alone"));
        bad.map(|what| format!("{what}: {request:?}"))
    }
}

/// `Basic …`.
fn basic(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = "Basic ".to_owned();
    for chunk in text.as_bytes().chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            out.push(if digit <= chunk.len() { DIGITS[value as usize] as char } else { '=' });
        }
    }
    out
}
