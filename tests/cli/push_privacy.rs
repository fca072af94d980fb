//! Whatever the filter is set to: nothing that it keeps back is in anything that leaves, nor in what
//! is printed on the way, faults included. Every way out, every byte.

use serde_json::{Value, json};

use crate::push::FAST;
use crate::support::events::{focus, tool};
use crate::support::service::{Clockify, Fault, On, Toggl, reply};
use crate::support::{Dice, Sandbox, tt};

/// Names that occur in nothing that `tt` writes itself.
const PROJECTS: [&str; 4] = ["zorbulax", "quenwick", "mardelune", "fibbertig"];
const BRANCHES: [&str; 2] = ["feature/ulmarin", "hotfix/ossifer"];
const TITLES: [&str; 2] = ["Vespertine ledger", "Notes on halcyon"];

/// Streams in four projects, each of which is named in texts of the others.
fn world(dice: &mut Dice) -> Vec<Value> {
    let mut events = Vec::new();
    for (n, project) in PROJECTS.iter().enumerate() {
        let cwd = format!("/sandbox/home/work/{project}/app");
        let other = PROJECTS[dice.below(4) as usize];
        for minute in 0..3 {
            let at = format!("2025-01-28T{:02}:{:02}:00Z", 8 + 2 * n, minute * 7);
            let mut event = tool(&at, &cwd, &format!("s{n}"));
            event["repo"] = format!("corp/{project}").into();
            event["repo_root"] = cwd.clone().into();
            event["git_branch"] = BRANCHES[dice.below(2) as usize].into();
            event["data"]["file"] = format!("/sandbox/home/work/{other}/app/src/x.rs").into();
            events.push(event);
        }
        let at = format!("2025-01-28T{:02}:30:00Z", 8 + 2 * n);
        events.push(focus(&at, &cwd, project));
        let title = format!("{} in ~/work/{other}/app", TITLES[dice.below(2) as usize]);
        events.push(json!({"timestamp": at, "type": "window_focus",
                           "data": {"app": "browser", "title": title}}));
    }
    events
}

/// A filter, and the words that must not be seen with it.
fn filter(dice: &mut Dice) -> (String, Vec<String>) {
    let mut text = String::from("[privacy]\n");
    let mut hidden = Vec::new();
    if dice.below(3) > 0 {
        let project = PROJECTS[dice.below(4) as usize];
        text.push_str(&match dice.below(3) {
            0 => format!("exclude = [\"~/work/{project}\"]\n"),
            1 => format!("exclude = [\"*/{project}/*\"]\n"),
            _ => format!("exclude = [\"~/work/{}*\", \"nothing\"]\n", &project[..4]),
        });
        hidden.push(format!("work/{project}"));
        hidden.push(project.to_owned());
    }
    let classes: Vec<&str> = ["paths", "projects", "branches", "titles"]
        .into_iter()
        .filter(|_| dice.below(2) == 0)
        .collect();
    text.push_str(&format!("obfuscate = {classes:?}\n"));
    for class in classes {
        match class {
            "projects" => hidden.extend(PROJECTS.map(str::to_owned)),
            "branches" => hidden.extend(BRANCHES.map(str::to_owned)),
            "titles" => hidden.extend(TITLES.map(str::to_owned)),
            _ => hidden.push("/home/work".to_owned()),
        }
    }
    (text, hidden)
}

#[track_caller]
fn hides(what: &str, text: &str, hidden: &[String], seed: u64) {
    let folded = text.to_lowercase();
    for word in hidden {
        assert!(
            !folded.contains(&word.to_lowercase()),
            "seed {seed}: {what} shows '{word}':\n{text}"
        );
    }
}

fn prepared(dice: &mut Dice) -> Sandbox {
    let tt = tt().with_config(FAST);
    tt.import(&world(dice));
    // Names and tags that tell of projects.
    for project in PROJECTS {
        let id = tt.id_at(&tt.dir(&format!("work/{project}/app")));
        let other = PROJECTS[dice.below(4) as usize];
        if dice.below(2) == 0 {
            let name = format!("{} with {other}", TITLES[dice.below(2) as usize]);
            tt.run_args(["rename", &id, &name]).ok();
        }
        // One is left for suggestions.
        if project != PROJECTS[3] {
            tt.run_args(["tag", &id, &format!("client:{other}"), "billable"]).ok();
        }
    }
    tt
}

#[test]
fn nothing_that_is_hidden_leaves_or_is_printed_by_any_way_out() {
    let runs = std::env::var("TT_LAW_FILTERS").ok().and_then(|it| it.parse().ok()).unwrap_or(6);
    for seed in 0..runs {
        let mut dice = Dice(seed * 7 + 1);
        let (toggl, clockify) = (Toggl::start(), Clockify::start());
        let tt = prepared(&mut dice).with_toggl(&toggl).with_clockify(&clockify);
        let (privacy, hidden) = filter(&mut dice);
        // A project that is nowhere, and must not be named in the error either.
        let mapping = if dice.below(2) == 0 {
            format!("[push.toggl.project_mapping]\n\"client:{0}\" = \"{0} web\"\n", PROJECTS[0])
        } else {
            String::new()
        };
        tt.config(format!("{FAST}{mapping}{privacy}"));
        let echo = format!("no: {} and {} in /sandbox/home/work", PROJECTS.join(" "), BRANCHES[0]);
        let really = echo.replace("/sandbox", tt.path("").to_str().unwrap().trim_end_matches('/'));
        toggl
            .fault(On::Write(1), Fault::Say(reply(400).json(&json!(really))))
            .fault(On::Write(2), Fault::DoAndSay(reply(500).text(&really)))
            .fault(On::Write(4), Fault::DropAfter);
        clockify.fault(On::Write(2), Fault::Say(reply(400).json(&json!({"message": really}))));
        for line in [
            "push --toggl --dry-run",
            "push --toggl --dry-run --json",
            "push --toggl",
            "push --toggl --json",
            "push --toggl --force",
            "push --clockify",
            "push --clockify --split-days --force",
            "push --csv --all",
            "push --csv --dry-run",
            "export",
            "export --format json",
            "export --streams",
            "export --streams --format json",
            "export --entries",
            "report --json --filtered",
            "suggest",
        ] {
            let ran = tt.run(line);
            hides(&format!("{line}, stdout"), &ran.out, &hidden, seed);
            hides(&format!("{line}, stderr"), &ran.err, &hidden, seed);
        }
        for request in toggl.requests().iter().chain(&clockify.requests()) {
            hides("a request", &format!("{request:?}"), &hidden, seed);
        }
    }
}

/// Work on a project whose name is a word of ours, and on a hidden one.
fn named(config: &str) -> Sandbox {
    let tt = tt().with_config(format!("{config}[privacy]\nobfuscate = [\"projects\"]\n"));
    for (hour, project) in [("08", "other"), ("10", "zorbulax")] {
        let at = |minute| format!("2025-01-28T{hour}:{minute}:00Z");
        let cwd = tt.dir(&format!("work/{project}"));
        tt.import(&[tool(&at("00"), &cwd, project), tool(&at("20"), &cwd, project)]);
    }
    tt
}

#[test]
fn what_the_service_says_is_filtered_and_our_own_words_are_not() {
    let toggl = Toggl::start();
    let tt = named(FAST).with_toggl(&toggl);
    let said = json!("no other zorbulax here");
    for on in [On::Write(1), On::Write(2)] {
        toggl.fault(on, Fault::Say(reply(400).json(&said)));
    }
    let ran = tt.run("push --toggl").exits(1);
    ran.clone().says(&["Toggl 400: no project-", "push the other streams"]);
    assert!(!ran.out.contains("zorbulax") && !ran.out.contains("no other"), "{ran:#?}");
}

#[test]
fn so_is_what_is_said_while_it_waits() {
    let toggl = Toggl::start();
    let config = FAST.replace("max_wait = \"0s\"", "max_wait = \"5s\"");
    let tt = named(&config).with_toggl(&toggl);
    let said = json!("hourly limit for API calls of zorbulax, reset in 2 seconds");
    toggl.fault(On::Write(1), Fault::Say(reply(402).json(&said)));
    let ran = tt.run("push --toggl").done();
    assert!(ran.err.contains("calls of project-") && ran.err.contains("going on in"), "{ran:#?}");
    assert!(!ran.err.contains("zorbulax"), "{ran:#?}");
}

/// An id of a stream is a hash of what it says, so it leaves as an export has it.
#[test]
fn ids_are_those_of_an_export() {
    let toggl = Toggl::start();
    let tt = named(FAST).with_toggl(&toggl);
    let ids = |ran: &crate::support::Ran, list: &str, key: &str| -> Vec<String> {
        let mut ids: Vec<String> = ran.json()[list]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it[key].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let exported = ids(&tt.run("export --streams --format json").done(), "streams", "id");
    assert_eq!(exported.len(), 2);
    for line in ["push --toggl --dry-run --json", "push --csv --dry-run --json --all"] {
        assert_eq!(ids(&tt.run(line).done(), "entries", "stream"), exported, "{line}");
    }
    toggl.fault(On::Write(1), Fault::Say(reply(400).json(&json!("no"))));
    let ran = tt.run("push --toggl --json").exits(1);
    assert_eq!(ids(&ran, "entries", "stream"), exported);
    assert!(exported.contains(&ids(&ran, "failed", "stream")[0]), "{ran:#?}");
    // The ledger has the real ones.
    assert_eq!(tt.count("push_entries JOIN streams ON streams.id = push_entries.stream_id"), 1);
}
