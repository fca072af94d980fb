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
