//! The clients of Toggl and Clockify against the fakes: what goes over the wire, and what each
//! answer comes to.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tt::privacy::{Filter, Safe};
use tt::push::clockify::{self, Clockify};
use tt::push::entry::{Entry, ProjectRef, Wanted};
use tt::push::http::{self, Access, Bucket, Unusable, Watch};
use tt::push::lookup::{KEPT_FOR, Lookups, Memory, Past};
use tt::push::settings::Secret;
use tt::push::toggl::{self, Toggl};
use tt::push::{Destination, Keeps, Remote, Trouble};
use tt::time::{Interval, Timestamp};

use crate::support::NOW;
use crate::support::service::{self, Fake, Fault, Item, Model, On, reply};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// 90 minutes from 2025-01-28T10:00:00Z.
fn entry() -> Entry {
    Entry {
        stream: "a1b2c3d".to_owned(),
        day: None,
        start: at("2025-01-28T10:00:00Z"),
        seconds: 5_400,
        raw_ms: 5_400_000,
        last: at("2025-01-28T12:00:00Z"),
        description: "Auth service".to_owned(),
        tags: vec!["acme".to_owned(), "billable".to_owned()],
        project: None,
        billable: None,
        label: "acme-webapp".to_owned(),
        cwd: None,
        known: Vec::new(),
    }
}

fn safe(entry: &Entry) -> Safe<Entry> {
    Filter::default().pass(entry.clone()).unwrap()
}

fn by(wanted: Wanted) -> Option<ProjectRef> {
    Some(ProjectRef { wanted, shown: "shown".to_owned() })
}

fn named(name: &str) -> Option<ProjectRef> {
    by(Wanted::Name(name.to_owned()))
}

/// What an impatient client has: no pace, short timeouts, no waiting.
struct Setup {
    token: Secret,
    base: String,
    workspace: Option<String>,
    cache: Memory,
}

impl Setup {
    fn of<M: Model>(fake: &Fake<M>) -> Self {
        Self { workspace: None, ..Self::at(&fake.base(), fake.token()) }
    }

    fn at(base: &str, token: &str) -> Self {
        Self {
            token: Secret::new(token),
            base: base.to_owned(),
            workspace: Some("1".to_owned()),
            cache: Memory::default(),
        }
    }

    fn workspace(self, id: impl ToString) -> Self {
        Self { workspace: Some(id.to_string()), ..self }
    }

    fn access(&self) -> Access<'_> {
        Access {
            workspace: self.workspace.as_deref(),
            pace: Duration::ZERO,
            timeout: Duration::from_millis(600),
            max_wait: Duration::ZERO,
            cache: Box::new(self.cache.clone()),
            ..Access::new(&self.token, &self.base, at(NOW))
        }
    }

    fn past(&self) -> Past<'_> {
        Past {
            cache: &self.cache,
            token: &self.token,
            base_url: &self.base,
            workspace: self.workspace.as_deref(),
            now: at(NOW),
            fresh: false,
        }
    }

    fn toggl(&self) -> Toggl<'_> {
        Toggl::new(self.access()).unwrap()
    }

    fn clockify(&self) -> Clockify<'_> {
        Clockify::new(self.access()).unwrap()
    }
}

/// A Toggl whose workspace the config names, so that a push is one request.
fn toggl() -> (service::Toggl, Setup) {
    let fake = service::Toggl::start();
    let setup = Setup::of(&fake).workspace(service::toggl::WORKSPACE);
    (fake, setup)
}

fn clockify() -> (service::Clockify, Setup) {
    let fake = service::Clockify::start();
    let setup = Setup::of(&fake).workspace(service::clockify::WORKSPACE);
    (fake, setup)
}

#[track_caller]
fn refused(trouble: Trouble) -> (u16, String, String, bool) {
    match trouble {
        Trouble::Refused { status, message, hint, all } => (status, message, hint, all),
        other => panic!("{other:?}"),
    }
}

/// Writes down what it is told.
#[derive(Clone, Default)]
struct Diary(Rc<RefCell<Vec<String>>>);

impl Watch for Diary {
    fn waiting(&mut self, service: &str, why: &str, left: Duration) {
        let secs = (left + Duration::from_millis(500)).as_secs();
        self.0.borrow_mut().push(format!("{service}: {why}, {secs}s"));
    }
}

// --- Toggl -----------------------------------------------------------------------------------------

#[test]
fn toggl_is_sent_start_and_duration() {
    let (fake, setup) = toggl();
    let project = fake.project("Web");
    let entry = Entry { project: by(Wanted::Id(project.clone())), billable: Some(true), ..entry() };
    let mut toggl = setup.toggl();
    let expected = toggl.expected(&safe(&entry)).unwrap();
    let made = toggl.create(&safe(&entry)).unwrap().unwrap();

    let [request] = &fake.requests()[..] else { panic!("{:?}", fake.asked()) };
    assert_eq!(request.line(), "POST /api/v9/workspaces/7654321/time_entries");
    let version = concat!("tt/", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.header("user-agent"), Some(version));
    assert_eq!(request.header("content-type"), Some("application/json"));
    let basic = "Basic MDEyMzQ1Njc4OWFiY2RlZlNFQ1JFVHRvZ2dsOmFwaV90b2tlbg==";
    assert_eq!(request.header("authorization"), Some(basic));
    assert_eq!(request.query, []);
    let body = json!({
        "workspace_id": 7_654_321, "created_with": "tt", "start": "2025-01-28T10:00:00Z",
        "duration": 5_400, "description": "Auth service", "tags": ["acme", "billable"],
        "project_id": project.parse::<i64>().unwrap(), "billable": true,
    });
    assert_eq!(request.body, body);

    assert!(made.same(&expected), "{made:?}");
    assert!(made.id.parse::<i64>().unwrap() > i64::from(i32::MAX));
    assert_eq!(toggl.get(&made.id).unwrap(), Some(made));
}

#[test]
fn toggl_is_told_of_billable_only_where_the_config_says_how() {
    let (fake, setup) = toggl();
    let plain = Entry { tags: Vec::new(), ..entry() };
    let made = setup.toggl().create(&safe(&plain)).unwrap().unwrap();
    let body = &fake.requests()[0].body;
    assert_eq!(body.get("billable"), None);
    assert_eq!((&body["project_id"], &body["tags"]), (&Value::Null, &json!([])));
    assert_eq!((made.billable, made.tags), (false, Vec::<String>::new()));
}

#[test]
fn toggl_updates_the_whole_entry() {
    let (fake, setup) = toggl();
    let mut toggl = setup.toggl();
    let id = toggl.create(&safe(&entry())).unwrap().unwrap().id;
    let longer = Entry { seconds: 7_200, tags: vec!["oss".to_owned()], ..entry() };
    let updated = toggl.update(&id, &safe(&longer)).unwrap();
    assert_eq!((updated.seconds, &updated.tags[..]), (Some(7_200), &["oss".to_owned()][..]));
    let put = &fake.requests()[1];
    assert_eq!(put.line(), format!("PUT /api/v9/workspaces/7654321/time_entries/{id}"));
    assert_eq!(put.body["start"], "2025-01-28T10:00:00Z");
    assert_eq!(fake.lines(), ["2025-01-28T10:00:00Z 7200 Auth service"]);

    toggl.delete(&id).unwrap();
    assert_eq!(fake.requests()[2].line(), format!("DELETE {}", put.path));
    assert_eq!(fake.entries(), []);
    assert_eq!(toggl.update(&id, &safe(&longer)), Err(Trouble::Gone));
    assert_eq!(toggl.delete(&id), Err(Trouble::Gone));
    assert_eq!(toggl.get(&id), Ok(None));
}

#[test]
fn a_wrong_address_is_no_deleted_entry() {
    for body in ["", "404 page not found", "<html><title>404 Not Found</title></html>"] {
        let (fake, setup) = toggl();
        let id = setup.toggl().create(&safe(&entry())).unwrap().unwrap().id;
        fake.fault(On::All, Fault::refuse(404, body));
        let (status, .., all) = refused(setup.toggl().get(&id).unwrap_err());
        assert_eq!((status, all), (404, true));
    }
}

#[test]
fn toggl_says_which_workspace() {
    let fake = service::Toggl::start();
    let setup = Setup::of(&fake);
    let mut first = setup.toggl();
    assert_eq!(first.workspace().unwrap(), "7654321");
    first.create(&safe(&entry())).unwrap();
    assert_eq!(fake.asked(), ["GET /api/v9/me", "POST /api/v9/workspaces/7654321/time_entries"]);
    // It is remembered, also by the next run.
    setup.toggl().create(&safe(&entry())).unwrap();
    assert_eq!(fake.requests().len(), 3);

    let none = service::Toggl::start().without_default();
    let setup = Setup::of(&none);
    let told = refused(setup.toggl().create(&safe(&entry())).unwrap_err());
    let hint = "Add workspace_id to [push.toggl] in config.toml";
    assert_eq!(told, (400, "workspace_id required".to_owned(), hint.to_owned(), true));

    let (fake, setup) = toggl();
    let setup = setup.workspace("mine");
    let told = refused(setup.toggl().create(&safe(&entry())).unwrap_err());
    assert_eq!((told.1.as_str(), told.3), ("workspace_id is not a number", true));
    assert_eq!(fake.asked(), [""; 0]);
}

#[test]
fn a_remembered_workspace_that_is_wrong_is_asked_for_again() {
    let fake = service::Toggl::start();
    let setup = Setup::of(&fake);
    fake.fault(
        On::Request(1),
        Fault::Say(reply(200).text(r#"{"id": 1, "default_workspace_id": 5}"#)),
    );
    assert_eq!(setup.toggl().workspace().unwrap(), "5");
    setup.toggl().create(&safe(&entry())).unwrap();
    let asked = [
        "GET /api/v9/me",
        "POST /api/v9/workspaces/5/time_entries",
        "GET /api/v9/me",
        "POST /api/v9/workspaces/7654321/time_entries",
    ];
    assert_eq!(fake.asked(), asked);
    // What this run looked up is not asked for again.
    fake.fault(On::All, Fault::refuse(403, r#""User does not have access to this resource.""#));
    let setup = Setup::of(&fake).workspace(9);
    refused(setup.toggl().create(&safe(&entry())).unwrap_err());
    assert_eq!(fake.requests().len(), 5);
}

#[test]
fn projects_are_looked_up_by_name() {
    let (fake, setup) = toggl();
    let ids = [fake.project("Web"), fake.archived_project("Old")];
    (0..230).for_each(|n| drop(fake.project(&format!("many {n}"))));
    let mut toggl = setup.toggl();
    for (name, id) in ["web", "Old"].iter().zip(&ids) {
        let made = toggl.create(&safe(&Entry { project: named(name), ..entry() })).unwrap();
        assert_eq!(made.unwrap().project.as_ref(), Some(id));
    }
    let list = "GET /api/v9/workspaces/7654321/projects";
    let post = "POST /api/v9/workspaces/7654321/time_entries";
    assert_eq!(fake.asked(), [list, list, post, post]);
    let pages: Vec<_> =
        fake.requests().iter().filter_map(|it| Some(it.param("page")?.to_owned())).collect();
    assert_eq!(pages, ["1", "2"]);

    // A name that is not on the list of an earlier run is looked for once more, then refused.
    let new = fake.project("New");
    let mut toggl = setup.toggl();
    let made = toggl.create(&safe(&Entry { project: named("New"), ..entry() })).unwrap();
    assert_eq!(made.unwrap().project, Some(new));
    let before = fake.requests().len();
    for _ in 0..2 {
        let unknown = Entry { project: named("Unknown"), ..entry() };
        let (status, message, hint, all) = refused(toggl.create(&safe(&unknown)).unwrap_err());
        assert_eq!((status, message.as_str(), all), (400, "project 'shown' not found", false));
        assert!(hint.contains("[push.toggl.project_mapping]"), "{hint}");
    }
    assert_eq!(fake.requests().len(), before);
}

/// The person archives a project, and another gets its name: no refusal ever tells.
#[test]
fn names_are_looked_up_again_after_some_hours_and_by_force() {
    let web = Entry { project: named("Web"), tags: Vec::new(), ..entry() };
    let send = |destination: &mut dyn Destination| {
        destination.create(&safe(&web)).unwrap().unwrap().project.unwrap()
    };
    let later = |setup| Access { now: at(NOW).plus(KEPT_FOR), ..Setup::access(setup) };
    let forced = |setup| Access { fresh: true, ..Setup::access(setup) };

    let fake = service::Toggl::start();
    let (setup, old) = (Setup::of(&fake), fake.project("Web"));
    assert_eq!(send(&mut setup.toggl()), old);
    fake.archive("Web");
    let new = fake.project("Web");
    assert_eq!(send(&mut setup.toggl()), old, "the list is young");
    let before = fake.requests().len();
    assert_eq!(send(&mut Toggl::new(forced(&setup)).unwrap()), new);
    assert_eq!(fake.requests().len() - before, 3, "workspace, projects, entry");
    fake.archive("Web");
    let newest = fake.project("Web");
    let before = fake.requests().len();
    assert_eq!(send(&mut Toggl::new(later(&setup)).unwrap()), newest);
    assert_eq!(fake.requests().len() - before, 3, "workspace, projects, entry");

    let fake = service::Clockify::start();
    let (setup, old) = (Setup::of(&fake), fake.project("Web"));
    assert_eq!(send(&mut setup.clockify()), old);
    fake.archive("Web");
    let new = fake.project("Web");
    assert_eq!(send(&mut setup.clockify()), old, "the list is young");
    assert_eq!(send(&mut Clockify::new(forced(&setup)).unwrap()), new);
    fake.archive("Web");
    let newest = fake.project("Web");
    assert_eq!(send(&mut Clockify::new(later(&setup)).unwrap()), newest);
}

#[test]
fn toggl_lists_what_begins_in_a_window() {
    let (fake, setup) = toggl();
    let mut toggl = setup.toggl();
    let made = toggl.create(&safe(&entry())).unwrap().unwrap();
    let running = Item { start: "2025-01-28T11:00:00Z".to_owned(), ..Item::default() };
    let running = fake.add(running);
    fake.add(Item { start: "2025-01-20T11:00:00Z".to_owned(), ..Item::default() });
    let window = Interval::new(at("2025-01-28T10:00:00Z"), at("2025-01-28T10:00:01Z"));
    let listed = toggl.list(window).unwrap();
    let seconds = |id: &str| listed.iter().find(|it| it.id == id).unwrap().seconds;
    assert_eq!((listed.len(), seconds(&running)), (2, None));
    assert!(listed.contains(&made));
    let request = fake.requests().pop().unwrap();
    assert_eq!(request.line(), "GET /api/v9/me/time_entries");
    assert_eq!(request.param("start_date"), Some("2025-01-27T10:00:00Z"));
    assert_eq!(request.param("end_date"), Some("2025-01-29T10:00:01Z"));
}

#[test]
fn full_lists_are_followed_to_their_end() {
    // As many as a list holds, some at the same second where one list ends.
    let fake = service::Toggl::start().list_cap(1_000);
    let setup = Setup::of(&fake).workspace(service::toggl::WORKSPACE);
    for n in 0..1_005 {
        let start = at("2025-01-28T10:00:00Z").plus(n / 3 * 3_000).to_string();
        fake.add(Item { start, seconds: Some(n), ..Item::default() });
    }
    let window = Interval::new(at("2025-01-28T00:00:00Z"), at("2025-01-29T00:00:00Z"));
    let listed = setup.toggl().list(window).unwrap();
    let ids: BTreeSet<_> = listed.iter().map(|it| &it.id).collect();
    assert_eq!((listed.len(), ids.len(), fake.requests().len()), (1_005, 1_005, 2));
}

#[test]
fn older_entries_come_from_reports() {
    let (fake, setup) = toggl();
    let project = fake.project("Web");
    for n in 0..70 {
        fake.add(Item {
            start: at("2024-06-03T10:00:00Z").plus(n * 60_000).to_string(),
            seconds: Some(30),
            description: format!("entry {n}"),
            tags: vec!["acme".to_owned(), format!("tag {n}")],
            project: Some(project.clone()),
            billable: true,
            ..Item::default()
        });
    }
    let day = |day| Interval::new(at(day), at(day).plus(86_400_000));
    let listed = setup.toggl().list(day("2024-06-03T00:00:00Z")).unwrap();
    assert_eq!(listed.len(), 70);
    let one = listed.iter().find(|it| it.description == "entry 69").unwrap();
    let expected = Remote {
        id: one.id.clone(),
        start: at("2024-06-03T11:09:00Z"),
        seconds: Some(30),
        description: "entry 69".to_owned(),
        tags: vec!["acme".to_owned(), "tag 69".to_owned()],
        project: Some(project),
        billable: true,
    };
    assert_eq!(*one, expected);
    let report = "POST /reports/api/v3/workspace/7654321/search/time_entries";
    let tags = "GET /api/v9/workspaces/7654321/tags";
    assert_eq!(fake.asked(), ["GET /api/v9/me", report, report, tags]);

    // Where both have to be asked, no entry comes twice.
    fake.add(Item { start: "2024-11-10T10:00:00Z".to_owned(), ..Item::default() });
    fake.add(Item { start: "2024-11-04T10:00:00Z".to_owned(), ..Item::default() });
    fake.add(Item { start: "2024-11-05T10:00:00Z".to_owned(), ..Item::default() });
    let weeks = Interval::new(at("2024-11-01T00:00:00Z"), at("2024-11-20T00:00:00Z"));
    let mut listed = setup.toggl().list(weeks).unwrap();
    assert_eq!(listed.len(), 3);
    listed.sort_by_key(|it| it.start);
    assert_eq!(listed[2].start, at("2024-11-10T10:00:00Z"));

    // Also where Toggl's own limit is nearer than ours.
    let near = service::Toggl::start().today("2025-04-01");
    near.add(Item { start: "2024-12-20T10:00:00Z".to_owned(), ..Item::default() });
    let setup = Setup::of(&near);
    assert_eq!(setup.toggl().list(day("2024-12-20T00:00:00Z")).unwrap().len(), 1);
    let asked = near.asked();
    assert!(asked.contains(&"GET /api/v9/me/time_entries".to_owned()), "{asked:?}");
    assert!(asked.contains(&report.to_owned()), "{asked:?}");
}

#[test]
fn refusals_of_toggl_come_with_what_to_do() {
    let json = |text: &str| json!(text).to_string();
    let verify = "Verify project exists in Toggl, or set default_project_id in config";
    let cases: [(u16, String, &str, &str, bool); 14] = [
        (400, json("project_id 12345 not found"), "project_id 12345 not found", verify, false),
        (
            400,
            json("workspace_id required"),
            "workspace_id required",
            "Add workspace_id to [push.toggl] in config.toml",
            false,
        ),
        (
            400,
            json("Entries can't be added or edited in this period"),
            "Entries can't",
            "--since",
            false,
        ),
        (400, json("JSON is not valid"), "JSON is not valid", "stored nothing", false),
        (401, String::new(), "unauthorized", "TOGGL_TOKEN", true),
        (403, String::new(), "forbidden", "TOGGL_TOKEN", true),
        (403, "Incorrect username and/or password".to_owned(), "Incorrect", "TOGGL_TOKEN", true),
        (
            403,
            json("User does not have access to this resource."),
            "User does",
            "workspace_id",
            true,
        ),
        (
            403,
            "<!DOCTYPE html><title>Just a moment</title>".to_owned(),
            "Just a moment",
            "proxy",
            true,
        ),
        (402, json("Billable is a premium feature"), "Billable", "billable_tag", false),
        (404, "404 page not found".to_owned(), "page not found", "base_url", true),
        (409, json("Conflict"), "Conflict", "stored nothing", false),
        (410, String::new(), "gone", "update tt", true),
        (418, String::new(), "i'm a teapot", "update tt", true),
    ];
    for (status, body, message, hint, all) in cases {
        let (fake, setup) = toggl();
        fake.fault(On::All, Fault::refuse(status, &body));
        let told = refused(setup.toggl().create(&safe(&entry())).unwrap_err());
        assert_eq!((told.0, told.3), (status, all), "{body}");
        assert!(told.1.starts_with(message), "{status} {body}: {}", told.1);
        assert!(told.2.contains(hint), "{status} {body}: {}", told.2);
        assert_eq!((fake.requests().len(), fake.entries().len()), (1, 0), "{status} {body}");
    }
    // The last request of a quota may be refused for a feature.
    let (fake, setup) = toggl();
    let last = reply(402)
        .text(&json("Billable is a premium feature"))
        .header("X-Toggl-Quota-Remaining", 0)
        .header("X-Toggl-Quota-Resets-In", 90);
    fake.fault(On::All, Fault::Say(last));
    let told = refused(setup.toggl().create(&safe(&entry())).unwrap_err());
    assert!(told.2.contains("billable_tag"), "{}", told.2);
    // As the model itself says it.
    let free = service::Toggl::start().free();
    let paid = Entry { billable: Some(true), ..entry() };
    let told = refused(Setup::of(&free).toggl().create(&safe(&paid)).unwrap_err());
    assert_eq!((told.0, told.1.as_str()), (402, "Billable is a premium feature"));
    let (_fake, setup) = toggl();
    let stranger = Entry { project: by(Wanted::Id("12345".to_owned())), ..entry() };
    assert_eq!(refused(setup.toggl().create(&safe(&stranger)).unwrap_err()).2, verify);
    let no_number = Entry { project: by(Wanted::Id("acme".to_owned())), ..entry() };
    let told = refused(setup.toggl().create(&safe(&no_number)).unwrap_err());
    assert_eq!(told.1, "the id of project 'shown' is not a number");
    let (_fake, setup) = toggl();
    let setup = Setup { token: Secret::new("wrong"), ..setup };
    assert_eq!(refused(setup.toggl().create(&safe(&entry())).unwrap_err()).0, 403);
}

// --- Clockify --------------------------------------------------------------------------------------

#[test]
fn clockify_is_sent_start_and_end() {
    let (fake, setup) = clockify();
    let (acme, project) = (fake.tag("Acme"), fake.project("Web"));
    let entry = Entry { project: named("web"), billable: Some(true), ..entry() };
    let mut clockify = setup.clockify();
    let expected = clockify.expected(&safe(&entry)).unwrap();
    let workspace = "/api/v1/workspaces/64a687e29ae1f428e7ebe303";
    let looked_up = [
        format!("GET {workspace}/projects"),
        format!("GET {workspace}/tags"),
        format!("POST {workspace}/tags"),
    ];
    assert_eq!(fake.asked(), looked_up);
    assert_eq!(fake.tags(), ["Acme", "billable"]);

    let made = clockify.create(&safe(&entry)).unwrap().unwrap();
    let request = fake.requests().pop().unwrap();
    assert_eq!(request.line(), format!("POST {workspace}/time-entries"));
    assert_eq!(request.header("x-api-key"), Some(fake.token()));
    assert_eq!(request.header("authorization"), None);
    let ids = expected.tags.clone();
    assert!(ids.len() == 2 && ids.contains(&acme) && ids.is_sorted(), "{ids:?}");
    let body = json!({
        "start": "2025-01-28T10:00:00Z", "end": "2025-01-28T11:30:00Z",
        "description": "Auth service", "billable": true, "projectId": project, "tagIds": ids,
    });
    assert_eq!(request.body, body);
    assert!(made.same(&expected), "{made:?}");
    assert_eq!(clockify.get(&made.id).unwrap(), Some(made));
    assert_eq!(fake.requests().len(), 5);
}

#[test]
fn clockify_is_asked_who_and_where_once() {
    let fake = service::Clockify::start();
    let setup = Setup::of(&fake);
    let plain = Entry { tags: Vec::new(), ..entry() };
    setup.clockify().create(&safe(&plain)).unwrap();
    setup.clockify().create(&safe(&plain)).unwrap();
    let post = format!("POST /api/v1/workspaces/{}/time-entries", service::clockify::WORKSPACE);
    assert_eq!(fake.asked(), ["GET /api/v1/user", &post, &post]);
}

#[test]
fn tags_of_clockify_are_found_on_every_page_and_in_any_case() {
    let (fake, setup) = clockify();
    (0..450).for_each(|n| drop(fake.tag(&format!("tag {n}"))));
    let (last, old) = (fake.tag("LAST"), fake.archived_tag("Old"));
    let tags = ["last", "old", "tag 3"].map(str::to_owned).to_vec();
    let made = setup.clockify().create(&safe(&Entry { tags, ..entry() })).unwrap().unwrap();
    assert!(made.tags.contains(&last) && made.tags.contains(&old) && made.tags.len() == 3);
    let pages: Vec<_> =
        fake.requests().iter().filter_map(|it| it.param("page").map(str::to_owned)).collect();
    assert_eq!(pages, ["1", "2", "3"]);
    assert_eq!((fake.tags().len(), fake.requests().len()), (452, 4));
}

#[test]
fn a_tag_that_was_removed_or_made_meanwhile_is_looked_up_again() {
    let (fake, setup) = clockify();
    fake.tag("acme");
    setup.clockify().create(&safe(&entry())).unwrap();
    fake.remove_tag("acme");
    let again = setup.clockify().create(&safe(&entry())).unwrap().unwrap();
    assert_eq!((fake.tags().len(), again.tags.len()), (2, 2));
    assert_eq!(fake.entries().len(), 2);

    // Another client makes the tag between our look and our request for it.
    let mut clockify = setup.clockify();
    let hook = Fault::DoAndSay(
        reply(400).text(r#"{"message": "Tag with name x already exists", "code": 501}"#),
    );
    fake.fault(On::Request(2), hook);
    let other = Entry { tags: vec!["x".to_owned()], ..entry() };
    let made = clockify.create(&safe(&other)).unwrap().unwrap();
    assert_eq!((made.tags.len(), fake.tags().len()), (1, 3));
}

#[test]
fn a_tag_that_may_have_been_made_leaves_the_entry_surely_unsent() {
    for fault in [Fault::DropAfter, Fault::malformed(), Fault::DoAndSay(reply(502))] {
        let (fake, setup) = clockify();
        fake.fault(On::Request(2), fault);
        let mut clockify = setup.clockify();
        let trouble = clockify.create(&safe(&entry())).unwrap_err();
        assert!(matches!(trouble, Trouble::NotSent { .. }), "{trouble:?}");
        assert_eq!((fake.writes(), fake.entries()), (0, Vec::new()));
        setup.clockify().create(&safe(&entry())).unwrap();
        assert_eq!((fake.tags().len(), fake.entries().len()), (2, 1));
    }
}

#[test]
fn an_update_of_clockify_keeps_what_the_person_added() {
    let (fake, setup) = clockify();
    let project = fake.project("Web");
    let id = setup.clockify().create(&safe(&entry())).unwrap().unwrap().id;
    fake.edit(&id, |item| {
        item.task = Some("64a000000000000000000001".to_owned());
        item.project = Some(project.clone());
    });
    let ours = Entry { project: by(Wanted::Id(project)), seconds: 60, ..entry() };
    let updated = setup.clockify().update(&id, &safe(&ours)).unwrap();
    assert_eq!((updated.seconds, fake.entries()[0].task.is_some()), (Some(60), true));
    // The task is of the project, and goes with it.
    setup.clockify().update(&id, &safe(&Entry { project: None, ..ours })).unwrap();
    let [item] = &fake.entries()[..] else { panic!() };
    assert_eq!((item.task.as_ref(), item.project.as_ref(), item.tags.len()), (None, None, 2));

    let mut clockify = setup.clockify();
    clockify.get(&id).unwrap();
    clockify.delete(&id).unwrap();
    assert_eq!(clockify.update(&id, &safe(&entry())), Err(Trouble::Gone));
    assert_eq!(clockify.delete(&id), Err(Trouble::Gone));
    assert_eq!(clockify.get(&id), Ok(None));
    assert_eq!(setup.clockify().update(&id, &safe(&entry())), Err(Trouble::Gone));
}

#[test]
fn clockify_lists_every_page_wherever_its_clock_is() {
    for ahead in [-11, 0, 14] {
        let fake = service::Clockify::start().ahead(ahead);
        let setup = Setup::of(&fake);
        let made = setup.clockify().create(&safe(&entry())).unwrap().unwrap();
        let running = Item { start: "2025-01-28T10:00:00Z".to_owned(), ..Item::default() };
        let running = fake.add(running);
        // Entries to come fill the first page.
        for n in 0..250 {
            let start = at("2025-01-28T12:00:00Z").plus(n * 1_000).to_string();
            fake.add(Item { start, seconds: Some(1), ..Item::default() });
        }
        let window = Interval::new(at("2025-01-28T10:00:00Z"), at("2025-01-28T10:00:01Z"));
        let listed = setup.clockify().list(window).unwrap();
        assert!(listed.contains(&made), "{ahead}");
        assert_eq!(listed.iter().find(|it| it.id == running).unwrap().seconds, None);
        assert_eq!(listed.len(), 252);
    }
}

#[test]
fn refusals_of_clockify_come_with_what_to_do() {
    let cases: [(u16, &str, &str, bool); 12] = [
        (
            400,
            r#"{"message": "Project doesn't belong to Workspace", "code": 501}"#,
            "Verify project",
            false,
        ),
        (
            400,
            r#"{"message": "Can't save, required fields are missing or archived.", "code": 501}"#,
            "required fields",
            false,
        ),
        (
            403,
            r#"{"message": "Manual time tracking disabled on Acme", "code": 4030}"#,
            "force timer",
            true,
        ),
        (
            400,
            r#"{"message": "Manual time tracking disabled on Acme", "code": 4030}"#,
            "force timer",
            true,
        ),
        (403, r#"{"message": "Time entry is locked", "code": 1003}"#, "locked or approved", false),
        (401, r#"{"message": "Api key does not exist", "code": 4003}"#, "CLOCKIFY_TOKEN", true),
        (401, "", "CLOCKIFY_TOKEN", true),
        (403, "", "CLOCKIFY_TOKEN", true),
        (403, r#"{"message": "Access Denied", "code": 501}"#, "workspace_id", true),
        (404, r#"{"message": "No static resource api/v2.", "code": 3000}"#, "base_url", true),
        (409, "", "stored nothing", false),
        (410, "", "update tt", true),
    ];
    for (status, body, hint, all) in cases {
        let (fake, setup) = clockify();
        fake.fault(On::All, Fault::refuse(status, body));
        let plain = Entry { tags: Vec::new(), ..entry() };
        let told = refused(setup.clockify().create(&safe(&plain)).unwrap_err());
        assert_eq!((told.0, told.3), (status, all), "{body}");
        assert!(told.2.contains(hint), "{status} {body}: {}", told.2);
        let message = body.split('"').nth(3);
        assert!(message.is_none_or(|message| told.1 == message), "{}", told.1);
        assert_eq!(fake.requests().len(), 1, "{status} {body}");
    }
    let (_fake, setup) = clockify();
    let setup = Setup { token: Secret::new("wrong"), ..setup };
    assert_eq!(refused(setup.clockify().create(&safe(&entry())).unwrap_err()).0, 401);
    let (_fake, setup) = clockify();
    let setup = setup.workspace("64a687e29ae1f428e7ebe999");
    let told = refused(setup.clockify().create(&safe(&entry())).unwrap_err());
    assert_eq!((told.0, told.1.as_str(), told.3), (403, "Access Denied", true));
}

// --- both ------------------------------------------------------------------------------------------

/// Whatever may have been done is said to be open, and never sent again by a client.
#[test]
fn what_may_have_been_done_is_not_sent_again() {
    let slow = Duration::from_millis(900);
    let cases: [(Fault, &str, usize); 9] = [
        (Fault::DropBefore, "connection lost", 0),
        (Fault::DropAfter, "connection lost", 1),
        (Fault::Half, "connection lost", 1),
        (Fault::Slow(slow), "connection timeout", 1),
        (Fault::Late(slow), "connection timeout", 1),
        (Fault::Trickle(Duration::from_millis(40)), "connection timeout", 1),
        (Fault::malformed(), "Toggl 200: the answer is not understood", 1),
        (Fault::DoAndSay(reply(502).page("Bad Gateway")), "Toggl 502: bad gateway", 1),
        (Fault::DoAndSay(reply(500)), "Toggl 500: internal server error", 1),
    ];
    for (fault, expected, stored) in cases {
        let (fake, setup) = toggl();
        fake.fault(On::Write(1), fault);
        match setup.toggl().create(&safe(&entry())) {
            Err(Trouble::Unknown { why, hint }) => {
                assert_eq!(why, expected);
                assert!(!hint.is_empty());
            }
            other => panic!("{expected}: {other:?}"),
        }
        if expected == "connection timeout" {
            // What arrives late has time to.
            std::thread::sleep(Duration::from_millis(600));
        }
        assert_eq!((fake.entries().len(), fake.writes()), (stored, 1), "{expected}");
    }
    let (fake, setup) = clockify();
    fake.fault(On::Write(1), Fault::DropAfter);
    assert!(setup.clockify().create(&safe(&entry())).unwrap_err().is_open());
    assert_eq!((fake.entries().len(), fake.writes()), (1, 1));
}

#[test]
fn reads_change_nothing_and_are_repeated_after_a_5xx() {
    let (fake, setup) = toggl();
    let id = setup.toggl().create(&safe(&entry())).unwrap().unwrap().id;
    fake.fault(On::Request(1), Fault::Say(reply(502).page("Bad Gateway")));
    let before = Instant::now();
    assert!(setup.toggl().get(&id).unwrap().is_some());
    assert!(before.elapsed() >= Duration::from_secs(1));
    assert_eq!(fake.requests().len(), 3);
    for fault in
        [Fault::DropBefore, Fault::Half, Fault::malformed(), Fault::Slow(Duration::from_secs(1))]
    {
        fake.fault(On::Request(1), fault);
        let trouble = setup.toggl().get(&id).unwrap_err();
        assert!(matches!(trouble, Trouble::NotSent { .. }), "{trouble:?}");
    }
}

#[test]
fn a_service_that_stays_in_trouble_is_left_after_three_reads() {
    let (fake, setup) = toggl();
    fake.fault(On::All, Fault::Say(reply(503).page("Service Temporarily Unavailable")));
    let (status, message, _, all) = refused(setup.toggl().get("1").unwrap_err());
    assert_eq!((status, message.as_str(), all), (503, "service temporarily unavailable", false));
    assert_eq!(fake.requests().len(), 3);
}

#[test]
fn what_never_reached_the_service_is_surely_not_sent() {
    let nobody = format!("http://{}/api/v9", service::closed_port());
    let garbage = format!("https://{}/api/v9", service::no_tls());
    // No name ends so. Where no resolver says so in time, the connection fails for that.
    let unknown = "https://nobody.invalid/api/v9".to_owned();
    let cases = [
        (&nobody, "connection refused"),
        (&garbage, "TLS handshake failed"),
        (&unknown, "host not found / connection timeout"),
    ];
    for (base, expected) in cases {
        let setup = Setup::at(base, "secret");
        match setup.toggl().create(&safe(&entry())) {
            Err(Trouble::NotSent { why, hint }) => {
                assert!(expected.split(" / ").any(|it| it == why), "{expected}: {why}");
                assert_eq!(hint, "Check network connection and try again");
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn tokens_leave_this_machine_encrypted_only() {
    let token = Secret::new("secret");
    let made = |base| Toggl::new(Access::new(&token, base, at(NOW))).map(drop);
    for base in [toggl::BASE_URL, "http://127.0.0.1:1/", "http://localhost:1/api", "http://[::1]:1"]
    {
        assert_eq!(made(base), Ok(()), "{base}");
    }
    for base in
        ["http://api.track.toggl.com/api/v9", "http://127.0.0.1.example.com/", "http://10.0.0.1/"]
    {
        assert!(matches!(made(base), Err(Unusable::Clear { .. })), "{base}");
    }
    for base in [
        "",
        "api.track.toggl.com",
        "ftp://localhost/",
        "https://me:secret@host/",
        "https://host/?a=b",
    ] {
        assert_eq!(made(base), Err(Unusable::NotAddress), "{base}");
    }
    let strange = Secret::new("sec\nret");
    assert_eq!(
        Toggl::new(Access::new(&strange, toggl::BASE_URL, at(NOW))).err(),
        Some(Unusable::Token)
    );
}

#[test]
fn redirects_are_not_followed() {
    let (fake, setup) = toggl();
    let elsewhere = format!("{}/me", fake.base());
    fake.fault(On::All, Fault::Say(reply(307).header("Location", elsewhere)));
    let (status, _, hint, all) = refused(setup.toggl().create(&safe(&entry())).unwrap_err());
    assert_eq!((status, all, fake.requests().len()), (307, true, 1));
    assert!(hint.contains("base_url"), "{hint}");
}

#[test]
fn requests_keep_the_pace() {
    let (fake, setup) = toggl();
    let access = Access { pace: http::PACE, ..setup.access() };
    let mut toggl = Toggl::new(access).unwrap();
    for _ in 0..3 {
        toggl.create(&safe(&entry())).unwrap();
    }
    fake.fault(On::Request(1), Fault::Say(reply(429).header("Retry-After", 0)));
    toggl.create(&safe(&entry())).unwrap();
    toggl.create(&safe(&entry())).unwrap();
    let times: Vec<Instant> = fake.requests().iter().map(|request| request.at).collect();
    let gaps: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let least = [500, 500, 500, 1_000, 1_000].map(Duration::from_millis);
    assert_eq!(gaps.len(), least.len());
    for (gap, least) in gaps.iter().zip(least) {
        assert!(*gap >= least && *gap < least + Duration::from_secs(2), "{gaps:?}");
    }
    assert_eq!(fake.entries().len(), 5);
}

#[test]
fn a_short_wait_is_waited_with_a_countdown() {
    let (fake, setup) = toggl();
    let diary = Diary::default();
    let access = Access {
        max_wait: Duration::from_secs(5),
        watch: Box::new(diary.clone()),
        ..setup.access()
    };
    fake.fault(
        On::Write(1),
        Fault::Say(reply(429).header("Retry-After", 2).page("Too Many Requests")),
    );
    Toggl::new(access).unwrap().create(&safe(&entry())).unwrap();
    let told = ["Toggl: rate limited, 2s", "Toggl: rate limited, 1s", "Toggl: rate limited, 0s"];
    assert_eq!(*diary.0.borrow(), told);
    let times: Vec<Instant> = fake.requests().iter().map(|request| request.at).collect();
    assert_eq!(times.len(), 2);
    assert!(times[1] - times[0] >= Duration::from_secs(2));
    assert_eq!(fake.entries().len(), 1);
}

#[test]
fn a_long_wait_is_handed_back_and_nothing_more_is_sent() {
    let (fake, setup) = toggl();
    let page = || reply(429).page("Too Many Requests");
    for (answer, least) in [(page(), 59), (page().header("Retry-After", 600), 599)] {
        let before = fake.requests().len();
        fake.fault(On::Write(1), Fault::Say(answer));
        let mut toggl = setup.toggl();
        for _ in 0..3 {
            match toggl.create(&safe(&entry())).unwrap_err() {
                Trouble::Wait { status: 429, message, after, quota: false } => {
                    assert_eq!(message, "rate limited");
                    assert!(after.as_secs() >= least, "{after:?}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(fake.requests().len(), before + 1, "only the first was sent");
    }
    assert_eq!(fake.entries(), []);
}

#[test]
fn a_service_that_refuses_on_and_on_is_left_after_three_times() {
    let (fake, setup) = toggl();
    fake.fault(On::All, Fault::Say(reply(429).header("Retry-After", 0)));
    let trouble = setup.toggl().create(&safe(&entry())).unwrap_err();
    assert!(matches!(trouble, Trouble::Wait { status: 429, .. }), "{trouble:?}");
    assert_eq!(fake.requests().len(), 3);
}

#[test]
fn clockify_without_a_word_on_time_means_its_hourly_limit() {
    let (fake, setup) = clockify();
    fake.fault(On::All, Fault::refuse(429, "Too many requests"));
    let access = Access { max_wait: Duration::from_secs(5), ..setup.access() };
    let mut clockify = Clockify::new(access).unwrap();
    let plain = safe(&Entry { tags: Vec::new(), ..entry() });
    match clockify.create(&plain).unwrap_err() {
        Trouble::Wait { status: 429, after, quota: true, .. } => assert!(after.as_secs() > 3_590),
        other => panic!("{other:?}"),
    }
    assert_eq!(fake.requests().len(), 3);
    assert_eq!(clockify.quotas().len(), 1);
    assert!(clockify.create(&plain).is_err());
    assert_eq!(fake.requests().len(), 3);
}

#[test]
fn a_used_up_quota_is_not_asked() {
    let (fake, setup) = toggl();
    fake.quota(30, 2, Duration::from_secs(3_600));
    let mut toggl = setup.toggl();
    toggl.create(&safe(&entry())).unwrap();
    toggl.create(&safe(&entry())).unwrap();
    let wait = |trouble| match trouble {
        Trouble::Wait { status: 402, after, quota: true, message } => (after.as_secs(), message),
        other => panic!("{other:?}"),
    };
    let (after, _) = wait(toggl.create(&safe(&entry())).unwrap_err());
    assert!((3_590..=3_601).contains(&after), "{after}");
    assert_eq!(fake.requests().len(), 2, "it was known");
    // The other bucket has some left.
    let id = fake.entries()[0].id.clone();
    assert!(toggl.get(&id).unwrap().is_some());
    let quotas = toggl.quotas();
    let left: Vec<_> = quotas.iter().map(|it| (it.bucket, it.remaining)).collect();
    assert_eq!(left, [(Bucket::Me, 29), (Bucket::Workspace, 0)]);

    // A run that does not know it is told so; one that was told does not ask.
    let (_, message) = wait(setup.toggl().create(&safe(&entry())).unwrap_err());
    assert!(message.starts_with("You have hit your hourly limit"), "{message}");
    let before = fake.requests().len();
    let mut told = Toggl::new(Access { quotas, ..setup.access() }).unwrap();
    wait(told.create(&safe(&entry())).unwrap_err());
    assert_eq!(fake.requests().len(), before);
    assert_eq!(fake.entries().len(), 2);
}

#[test]
fn a_quota_that_opens_soon_is_waited_for() {
    let (fake, setup) = toggl();
    fake.quota(30, 1, Duration::from_secs(1));
    let access = Access { max_wait: Duration::from_secs(5), ..setup.access() };
    let mut toggl = Toggl::new(access).unwrap();
    toggl.create(&safe(&entry())).unwrap();
    toggl.create(&safe(&entry())).unwrap();
    assert_eq!((fake.entries().len(), fake.requests().len()), (2, 2));
}

#[test]
fn no_message_holds_the_token() {
    let fake = service::Toggl::start();
    let (token, base) = (fake.token(), fake.base());
    let setup = Setup::of(&fake);
    let me = format!(r#"{{"api_token": "{token}"}}"#);
    // At the place where messages are cut, too.
    let header =
        format!("{} {token} MDEyMzQ1Njc4OWFiY2RlZlNFQ1JFVHRvZ2dsOmFwaV90b2tlbg==", "x".repeat(180));
    let echo = |status: u16| Fault::DoAndSay(reply(status).text(&header));
    let faults = [
        Fault::DoAndSay(reply(200).text(&me)),
        Fault::DoAndSay(reply(500).text(&me)),
        Fault::DoAndSay(reply(400).text(&me)),
        echo(400),
        echo(402),
        echo(500),
        Fault::Half,
        Fault::DropBefore,
    ];
    let hidden = |text: String| {
        assert!(!text.contains("01234567") && !text.contains("MDEyMzQ1"), "{text}");
        assert!(!text.contains(&base), "{text}");
    };
    for fault in faults {
        fake.fault(On::All, fault);
        let mut toggl = setup.toggl();
        hidden(format!("{:?}", toggl.workspace()));
        let setup = Setup::of(&fake).workspace(service::toggl::WORKSPACE);
        hidden(format!("{:?}", setup.toggl().create(&safe(&entry()))));
        fake.heal();
    }
    // Written otherwise than it was sent, and where it ends a message.
    let escaped = token.replace('S', r"\u0053");
    for body in [
        format!(r#"{{"message": "{} {escaped}"}}"#, "x".repeat(180)),
        format!(r#""{} {escaped}""#, "x".repeat(180)),
        format!("<html><title>{}</title>", token.replace('S', "&#83;")),
        token.replace('S', "%53"),
    ] {
        fake.fault(On::All, Fault::refuse(400, &body));
        let (_, message, ..) = refused(setup.toggl().workspace().unwrap_err());
        assert!(message.contains("(hidden)"), "{message}");
        hidden(message);
        fake.heal();
    }
    hidden(format!("{:?} {:?}", setup.token, setup.cache));
    setup.toggl().workspace().unwrap();
    hidden(format!("{:?}", setup.cache));
}

#[test]
fn a_dry_run_can_tell_how_many_look_ups_there_will_be() {
    let project = Entry { project: named("Web"), ..entry() };
    let count = |setup: &Setup, entries: &[Entry]| toggl::lookups(setup.past(), entries);
    let fake = service::Toggl::start();
    fake.project("Web");
    let setup = Setup::of(&fake);
    assert_eq!(count(&setup, &[entry()]), Lookups { me: 1, workspace: 0, perhaps: 0 });
    let both = [entry(), project.clone(), project.clone()];
    assert_eq!(count(&setup, &both), Lookups { me: 1, workspace: 1, perhaps: 0 });
    setup.toggl().create(&safe(&project)).unwrap();
    assert_eq!(fake.requests().len(), 3);
    assert_eq!(count(&setup, &both), Lookups::default());
    for past in
        [Past { fresh: true, ..setup.past() }, Past { now: at(NOW).plus(KEPT_FOR), ..setup.past() }]
    {
        let anew = Lookups { me: 1, workspace: 1, perhaps: 0 };
        assert_eq!(toggl::lookups(past, &both), anew);
    }

    let count = |setup: &Setup, entries: &[Entry]| clockify::lookups(setup.past(), entries);
    let fake = service::Clockify::start();
    fake.tag("acme");
    fake.project("Web");
    let setup = Setup::of(&fake);
    assert_eq!(count(&setup, &both), Lookups { me: 0, workspace: 3, perhaps: 2 });
    setup.clockify().create(&safe(&project)).unwrap();
    // User, projects, tags, one tag that was missing, the entry.
    assert_eq!(fake.requests().len(), 5);
    assert_eq!(count(&setup, &both), Lookups::default());
    let plain = Entry { tags: Vec::new(), ..entry() };
    assert_eq!(count(&setup, &[plain]), Lookups::default());
}

/// Where a test kills the client, it knows what the service had done.
#[test]
fn the_fakes_call_before_and_after_they_act() {
    let (fake, setup) = toggl();
    let fake = Arc::new(fake);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook = || -> service::Hook {
        let (fake, seen) = (Arc::downgrade(&fake), Arc::clone(&seen));
        Arc::new(move || seen.lock().unwrap().push(fake.upgrade().unwrap().lines().len()))
    };
    fake.fault(On::Write(1), Fault::Before(hook())).fault(On::Write(2), Fault::After(hook()));
    let mut toggl = setup.toggl();
    toggl.create(&safe(&entry())).unwrap();
    toggl.create(&safe(&entry())).unwrap();
    assert_eq!((&seen.lock().unwrap()[..], fake.writes()), (&[0, 2][..], 2));
}

/// The fakes refuse what the services refuse, or the tests above would prove nothing.
#[test]
fn the_fakes_are_strict() {
    let fake = service::Toggl::start();
    let workspace = service::toggl::WORKSPACE;
    let url = format!("{}/workspaces/{workspace}/time_entries", fake.base());
    let post = |body: Value| {
        drop(rustls::crypto::ring::default_provider().install_default());
        let http =
            reqwest::blocking::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let agent = concat!("tt/", env!("CARGO_PKG_VERSION"));
        let answer = http
            .post(&url)
            .header("User-Agent", agent)
            .header("Content-Type", "application/json")
            .basic_auth(fake.token(), Some("api_token"))
            .body(body.to_string())
            .send()
            .unwrap();
        (answer.status().as_u16(), answer.text().unwrap())
    };
    let good = json!({
        "workspace_id": service::toggl::WORKSPACE, "created_with": "tt",
        "start": "2025-01-28T10:00:00.9+01:00", "duration": 60,
    });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let refused = [
        (
            with("workspace_id", json!("7654321")),
            "Unexpected \"workspace_id\" type string, offset=",
        ),
        (with("workspace_id", Value::Null), "wid is required"),
        (with("created_with", Value::Null), "created_with needs"),
        (with("duration", json!("60")), "Unexpected \"duration\" type string"),
        (with("project_id", json!("1")), "Unexpected \"project_id\" type string"),
        (with("tags", json!("acme")), "JSON is not valid"),
        (with("start", json!("2025-01-28 10:00")), "JSON is not valid"),
        (with("duration", json!(4_000_000)), "999 hours"),
    ];
    for (body, expected) in refused {
        let (status, text) = post(body);
        assert_eq!(status, 400);
        assert!(text.contains(expected), "{text}");
    }
    let (status, text) = post(good);
    let made: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (status, &made["start"], &made["tags"]),
        (200, &json!("2025-01-28T09:00:00Z"), &Value::Null)
    );
    assert_eq!(fake.lines(), ["2025-01-28T09:00:00Z 60 "]);
}
