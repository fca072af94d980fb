//! Clockify v1, as far as a push meets it.

use serde_json::{Map, Value, json};

use super::{Fake, Item, Model, Reply, Request, reply, stamp, unix};

pub(crate) type Clockify = Fake<Workspace>;

pub(crate) const WORKSPACE: &str = "64a687e29ae1f428e7ebe303";
pub(crate) const USER: &str = "5a0ab5acb07987125438b60f";
const MAX_SECONDS: i64 = 999 * 3_600;

/// The model.
pub(crate) struct Workspace {
    items: Vec<Item>,
    made: u64,
    tags: Vec<Named>,
    projects: Vec<Named>,
    /// Hours that the clock of the person's profile is ahead of UTC.
    ahead: i64,
}

#[derive(Clone)]
struct Named {
    id: String,
    name: String,
    archived: bool,
}

impl Clockify {
    /// A workspace with no entries.
    pub(crate) fn start() -> Self {
        Self::with(Workspace {
            items: Vec::new(),
            made: 0,
            tags: Vec::new(),
            projects: Vec::new(),
            ahead: 0,
        })
    }

    /// The clock of the person's profile, in hours ahead of UTC.
    pub(crate) fn ahead(self, hours: i64) -> Self {
        self.state().model.ahead = hours;
        self
    }

    /// Adds a tag; its id.
    pub(crate) fn tag(&self, name: &str) -> String {
        self.state().model.new_tag(name, false)
    }

    pub(crate) fn archived_tag(&self, name: &str) -> String {
        self.state().model.new_tag(name, true)
    }

    /// Removes a tag, also from entries.
    pub(crate) fn remove_tag(&self, name: &str) {
        let model = &mut self.state().model;
        model.tags.retain(|tag| tag.name != name);
        model.items.iter_mut().for_each(|item| item.tags.retain(|tag| tag != name));
    }

    pub(crate) fn tags(&self) -> Vec<String> {
        self.state().model.tags.iter().map(|tag| tag.name.clone()).collect()
    }

    /// Adds a project; its id.
    pub(crate) fn project(&self, name: &str) -> String {
        let model = &mut self.state().model;
        let id = model.new_id("25b687e2");
        model.projects.push(Named { id: id.clone(), name: name.to_owned(), archived: false });
        id
    }

    /// Archives all projects of this name.
    pub(crate) fn archive(&self, name: &str) {
        let projects = &mut self.state().model.projects;
        projects.iter_mut().filter(|it| it.name == name).for_each(|it| it.archived = true);
    }

    /// Adds an entry, as the person would; its id.
    pub(crate) fn add(&self, item: Item) -> String {
        let model = &mut self.state().model;
        for tag in &item.tags {
            if model.tags.iter().all(|it| it.name != *tag) {
                model.new_tag(tag, false);
            }
        }
        let id = model.new_id("64c777dd");
        model.items.push(Item { id: id.clone(), ..item });
        id
    }
}

fn refuse(status: u16, code: i64, message: &str) -> Reply {
    reply(status).json(&json!({"message": message, "code": code}))
}

fn foreign(what: &str) -> Reply {
    refuse(400, 501, &format!("{what} doesn't belong to Workspace"))
}

impl Workspace {
    fn new_id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{:016x}", self.made)
    }

    fn new_tag(&mut self, name: &str, archived: bool) -> String {
        let id = self.new_id("6a130000");
        self.tags.push(Named { id: id.clone(), name: name.to_owned(), archived });
        id
    }

    fn routed(&mut self, request: &Request) -> Reply {
        let path = request.path.strip_prefix(Self::PATH).unwrap_or_default();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["user"]) => reply(200).json(&json!({
                "id": USER, "email": "sami@example.com", "name": "Sami",
                "activeWorkspace": WORKSPACE, "defaultWorkspace": WORKSPACE, "status": "ACTIVE",
                "settings": {"timeZone": "Europe/Helsinki", "weekStart": "MONDAY"},
            })),
            (_, ["workspaces", id, ..]) if *id != WORKSPACE => refuse(403, 501, "Access Denied"),
            ("GET", ["workspaces", _, "tags"]) => Self::list_named(&self.tags, request),
            ("GET", ["workspaces", _, "projects"]) => Self::list_named(&self.projects, request),
            ("POST", ["workspaces", _, "tags"]) => self.create_tag(request),
            ("POST", ["workspaces", _, "time-entries"]) => self.create(request),
            ("GET", ["workspaces", _, "user", USER, "time-entries"]) => self.list(request),
            (_, ["workspaces", _, "user", ..]) => refuse(403, 501, "Access Denied"),
            (_, ["workspaces", _, "time-entries", id]) => {
                match self.items.iter().position(|item| item.id == *id) {
                    Some(at) => self.of_entry(request, at),
                    None => foreign("Time entry"),
                }
            }
            _ => refuse(404, 3000, &format!("No static resource {}.", &request.path[1..])),
        }
    }

    fn of_entry(&mut self, request: &Request, at: usize) -> Reply {
        match request.method.as_str() {
            "GET" => reply(200).json(&self.shown(&self.items[at])),
            "DELETE" => {
                self.items.remove(at);
                reply(204)
            }
            "PUT" => match self.item(&request.body, self.items[at].id.clone()) {
                Err(refusal) => refusal,
                Ok(item) => {
                    self.items[at] = item;
                    reply(200).json(&self.shown(&self.items[at]))
                }
            },
            other => refuse(405, 3000, &format!("Request method '{other}' is not supported")),
        }
    }

    /// A page of `all`, and whether it is the last.
    fn page(all: &[Value], request: &Request) -> Reply {
        let number = |name, default| request.param(name).map_or(default, |it| it.parse().unwrap());
        let (page, size): (usize, usize) = (number("page", 1), number("page-size", 50));
        let end = (page * size).min(all.len());
        let some = &all[((page - 1) * size).min(end)..end];
        reply(200).json(&json!(some)).header("Last-Page", end == all.len())
    }

    fn list_named(all: &[Named], request: &Request) -> Reply {
        let archived: Option<bool> = request.param("archived").map(|it| it.parse().unwrap());
        let shown = all.iter().filter(|it| archived.is_none_or(|archived| it.archived == archived));
        let json = |it: &Named| {
            json!({
                "id": it.id, "name": it.name, "workspaceId": WORKSPACE, "archived": it.archived,
            })
        };
        Self::page(&shown.map(json).collect::<Vec<_>>(), request)
    }

    fn create_tag(&mut self, request: &Request) -> Reply {
        let name = request.body["name"].as_str().unwrap_or_default();
        if name.is_empty() || name.chars().count() > 100 || name.contains(['<', '>']) {
            return refuse(400, 501, "You entered invalid value for field: [name]");
        }
        if self.tags.iter().any(|tag| tag.name.to_lowercase() == name.to_lowercase()) {
            return refuse(400, 501, &format!("Tag with name {name} already exists"));
        }
        let id = self.new_tag(name, false);
        let tag = json!({"id": id, "name": name, "workspaceId": WORKSPACE, "archived": false});
        reply(201).json(&tag)
    }

    fn create(&mut self, request: &Request) -> Reply {
        let id = self.new_id("64c777dd");
        match self.item(&request.body, id) {
            Err(refusal) => refusal,
            Ok(item) => {
                let shown = self.shown(&item);
                self.items.push(item);
                reply(201).json(&shown)
            }
        }
    }

    /// The entry that `body` says, whole: what it leaves out is empty.
    fn item(&self, body: &Value, id: String) -> Result<Item, Reply> {
        let empty = Map::new();
        let body = body.as_object().unwrap_or(&empty);
        let invalid = |field| {
            let message = format!("You entered invalid value for field: [{field}]");
            refuse(400, 501, &message)
        };
        let time = |field: &str| match body.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                value.as_str().and_then(unix).map(Some).ok_or_else(|| invalid(field.to_owned()))
            }
        };
        let (start, end) = (time("start")?, time("end")?);
        let start = start.ok_or_else(|| invalid("start".to_owned()))?;
        let seconds = end.map(|end| end - start);
        if seconds.is_some_and(|it| it < 0) {
            let message = "Start datetime is greater than end datetime";
            return Err(refuse(400, 501, message));
        }
        if seconds.is_some_and(|it| it > MAX_SECONDS) {
            let message = "Time entry cannot have duration more than 999 hours.";
            return Err(refuse(400, 501, message));
        }
        let text = |field: &str| match body.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(invalid(field.to_owned())),
        };
        let project = text("projectId")?;
        if project.as_ref().is_some_and(|id| self.projects.iter().all(|it| it.id != *id)) {
            return Err(foreign("Project"));
        }
        let mut tags = Vec::new();
        for id in body.get("tagIds").and_then(Value::as_array).into_iter().flatten() {
            let tag = self.tags.iter().find(|tag| Some(tag.id.as_str()) == id.as_str());
            tags.push(tag.ok_or_else(|| foreign("Tag"))?.name.clone());
        }
        Ok(Item {
            id,
            start: stamp(start),
            seconds,
            description: text("description")?.unwrap_or_default(),
            tags: super::sorted(tags),
            project,
            billable: body.get("billable").and_then(Value::as_bool).unwrap_or(false),
            task: text("taskId")?,
        })
    }

    fn shown(&self, item: &Item) -> Value {
        let id = |name: &String| self.tags.iter().find(|it| it.name == *name).map(|it| &it.id);
        let tags: Vec<_> = item.tags.iter().filter_map(id).collect();
        let tags = (!tags.is_empty()).then_some(tags);
        json!({
            "id": item.id, "description": item.description, "tagIds": tags, "userId": USER,
            "billable": item.billable, "taskId": item.task, "projectId": item.project,
            "workspaceId": WORKSPACE, "customFieldValues": [], "type": "REGULAR",
            "kioskId": null, "isLocked": false, "hourlyRate": null,
            "timeInterval": {
                "start": item.start, "end": item.end(),
                "duration": item.seconds.map(|it| format!("PT{it}S")),
            },
        })
    }

    /// Newest first. The window is taken for local time of the profile.
    fn list(&self, request: &Request) -> Reply {
        let bound =
            |name| request.param(name).map(|text| unix(text).map(|at| at - self.ahead * 3_600));
        let (start, end) = match (bound("start"), bound("end")) {
            (Some(None), _) | (_, Some(None)) => {
                return refuse(400, 3000, "Method parameter 'start': Failed to convert value");
            }
            (start, end) => (start.flatten(), end.flatten()),
        };
        let mut found: Vec<&Item> = self
            .items
            .iter()
            .filter(|item| start.is_none_or(|start| start <= item.starts()))
            .filter(|item| end.is_none_or(|end| item.starts() < end))
            .collect();
        found.sort_by_key(|item| std::cmp::Reverse(item.starts()));
        Self::page(&found.into_iter().map(|item| self.shown(item)).collect::<Vec<_>>(), request)
    }
}

impl Model for Workspace {
    const PATH: &'static str = "/api/v1";
    const TOKEN: &'static str = "U0VDUkVUY2xvY2tpZnktSECRET";

    fn answer(&mut self, request: &Request) -> Reply {
        match request.header("x-api-key") {
            None => refuse(401, 1000, "Multiple or none auth tokens present"),
            Some(key) if key != Self::TOKEN => refuse(401, 4003, "Api key does not exist"),
            Some(_) => self.routed(request),
        }
    }

    fn items(&mut self) -> &mut Vec<Item> {
        &mut self.items
    }

    fn complaint(&self, request: &Request) -> Option<String> {
        let body = request.body.as_object().filter(|_| request.writes())?;
        // What a replacement leaves out is lost.
        let all = ["start", "end", "description", "billable", "projectId", "tagIds"];
        let missing = all.into_iter().find(|field| !body.contains_key(*field))?;
        Some(format!("no {missing}: {request:?}"))
    }
}
