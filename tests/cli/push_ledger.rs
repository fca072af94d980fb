//! What random histories rarely meet: answers later than anybody waits for, twins, days that were
//! lost, and entries that cannot go.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::push::{FAST, work};
use crate::support::service::{Fault, On, Toggl};
use crate::support::victim::Victim;
use crate::support::{Sandbox, tt};

const NIGHT: [&str; 2] = ["2025-01-28T22:00:00Z", "2025-01-29T01:30:00Z"];

fn sandbox(toggl: &Toggl) -> Sandbox {
    tt().with_config(FAST).with_toggl(toggl)
}

/// A stream of two days.
fn night(toggl: &Toggl) -> Sandbox {
    let tt = sandbox(toggl);
    tt.import(&work(NIGHT[0], NIGHT[1], &tt.dir("night")));
    tt
}

fn tag(tt: &Sandbox, dir: &str, tag: &str) {
    tt.run_args(["tag", &tt.id_at(&tt.dir(dir)), tag]).ok();
}

fn impatient(tt: &Sandbox) {
    tt.config(FAST.replace("settle = \"0s\"", "settle = \"450ms\"\ntimeout = \"500ms\""));
}

/// The time that the service is given begins when the client gives up.
#[test]
fn a_service_that_stores_late_is_asked_later() {
    let toggl = Toggl::start();
    let mut tt = night(&toggl);
    impatient(&tt);
    toggl.fault(On::Write(1), Fault::Late(Duration::from_millis(750)));
    tt.run("push --toggl").exits(1).says(&["connection timeout", "It may be there"]);
    tt.set("TT_NOW", "2025-01-29T18:00:00.500Z");
    let ran = tt.run("push --toggl").done();
    assert!(ran.err.contains("Settled 1 request"), "{ran:?}");
    thread::sleep(Duration::from_millis(400));
    tt.is_pushed_exactly_once(&toggl, "toggl");
}

/// Nobody knows when a client died that began its request long before: it may have been waiting.
#[test]
fn a_service_that_stores_for_a_dead_client_is_asked_later() {
    let toggl = Toggl::start();
    let mut tt = night(&toggl);
    impatient(&tt);
    let victim = Victim::default();
    let killer = victim.killer();
    let late = move || {
        killer();
        thread::sleep(Duration::from_millis(250));
    };
    toggl.fault(On::Write(1), Fault::Before(Arc::new(late)));
    let ran = victim.run(tt.command(["push", "--toggl"]), &tt, Duration::from_secs(600));
    assert!(ran.is_none(), "{ran:?}");
    tt.set("TT_NOW", "2025-01-29T18:01:00Z");
    let ran = tt.run("push --toggl").done();
    assert!(ran.err.contains("Settled 1 request"), "{ran:?}");
    thread::sleep(Duration::from_millis(400));
    tt.is_pushed_exactly_once(&toggl, "toggl");
}

#[test]
fn what_the_person_did_before_an_entry_was_known_is_theirs() {
    let toggl = Toggl::start();
    let mut tt = night(&toggl);
    toggl.fault(On::Write(1), Fault::DropAfter);
    tt.run("push --toggl").exits(1);
    let id = &toggl.entries()[0].id;
    toggl.edit(id, |it| it.tags = vec!["mine".to_owned()]);
    tt.run("push --toggl").done();
    tt.set("TT_NOW", "2025-01-29T18:05:00Z");
    tag(&tt, "night", "acme");
    tt.run("push --toggl").ok().says(&["you changed the entry there"]);
    assert_eq!(toggl.entries()[0].tags, ["mine"]);
    tt.run("push --toggl --force").ok();
    tt.is_pushed_exactly_once(&toggl, "toggl");
}

/// Of two creations that look alike only the second was done.
#[test]
fn twins_are_told_apart_by_their_tags() {
    let toggl = Toggl::start();
    let tt = sandbox(&toggl);
    for dir in ["left/twin", "right/twin"] {
        tt.import(&work("2025-01-28T10:00:00Z", "2025-01-28T11:00:00Z", &tt.dir(dir)));
        tag(&tt, dir, &dir[..4]);
    }
    toggl.fault(On::Write(1), Fault::DropBefore).fault(On::Write(2), Fault::DropAfter);
    tt.run("push --toggl").exits(1).says(&["2 failed"]);
    tt.run("push --toggl").done();
    tt.is_pushed_exactly_once(&toggl, "toggl");
}

#[test]
fn a_day_that_was_lost_is_missed() {
    for (lost, then) in [(1, "--all"), (2, "--all"), (2, ""), (2, "--split-days")] {
        let toggl = Toggl::start();
        let tt = night(&toggl);
        toggl.fault(On::Write(lost), Fault::refuse(400, "\"no\""));
        tt.run("push --toggl --split-days").exits(1);
        assert_eq!(toggl.entries().len(), 1);
        toggl.heal();
        tt.run(&format!("push --toggl {then}")).ok();
        let sum: i64 = toggl.entries().iter().map(|it| it.seconds.unwrap()).sum();
        assert_eq!(sum, 12_600, "{lost}, {then}: {:?}", toggl.lines());
        let before = toggl.requests().len();
        tt.run(&format!("push --toggl {then}")).ok().says(&["Nothing to push."]);
        assert_eq!(toggl.requests().len(), before);
        let version = &tt.push_log()[0].2;
        assert_eq!(*version, tt.streams()[0]["updated_at"].as_str().unwrap());
    }
}

#[test]
fn days_that_were_not_asked_for_are_sent_when_they_are() {
    let toggl = Toggl::start();
    let tt = night(&toggl);
    let one = "push --toggl --split-days --since 2025-01-28 --until 2025-01-29";
    tt.run(one).ok();
    assert_eq!(toggl.lines(), ["2025-01-28T22:00:00Z 7200 night"]);
    let before = toggl.requests().len();
    tt.run(one).ok().says(&["Nothing to push."]);
    assert_eq!(toggl.requests().len(), before);
    tt.run("push --toggl").ok();
    tt.is_pushed_exactly_once(&toggl, "toggl");
}

#[test]
fn a_form_stays_while_a_part_of_it_is_the_persons() {
    let toggl = Toggl::start();
    let mut tt = night(&toggl);
    tt.run("push --toggl --split-days").ok();
    tt.set("TT_NOW", "2025-01-29T18:05:00Z");
    tag(&tt, "night", "acme");
    let ids: Vec<String> = toggl.entries().into_iter().map(|it| it.id).collect();
    let changes: [&dyn Fn(); 2] =
        [&|| toggl.edit(&ids[1], |it| it.description = "mine".to_owned()), &|| {
            toggl.delete(&ids[1])
        }];
    for (change, why) in changes.iter().zip(["you changed", "you removed"]) {
        change();
        let (before, writes) = (toggl.entries(), toggl.writes());
        tt.run("push --toggl").ok().says(&[why]);
        tt.run("push --toggl").ok().says(&[why]);
        assert_eq!((toggl.entries(), toggl.writes()), (before, writes));
    }
    tt.run("push --toggl --force").ok();
    tt.is_pushed_exactly_once(&toggl, "toggl");
}

/// A script has pushed the stream that began last, and kept no id.
fn by_a_script(tt: &Sandbox) {
    let streams = tt.streams();
    let put = "INSERT INTO push_log VALUES (?1, 'toggl', '2025-01-28T23:00:00Z', ?2, NULL)";
    let texts = ["id", "updated_at"].map(|it| streams.last().unwrap()[it].as_str().unwrap());
    tt.sql().execute(put, texts).unwrap();
}

#[test]
fn nothing_takes_the_place_of_what_cannot_go() {
    // In another form …
    let toggl = Toggl::start();
    let mut tt = night(&toggl);
    by_a_script(&tt);
    tt.set("TT_NOW", "2025-01-29T18:05:00Z");
    tag(&tt, "night", "acme");
    tt.run("push --toggl --split-days").ok().says(&["which kept no id"]);
    assert_eq!(toggl.lines(), [""; 0]);
    // … or in another stream.
    let toggl = Toggl::start();
    let mut tt = sandbox(&toggl);
    let dir = tt.dir("web");
    tt.import(&work("2025-01-28T10:00:00Z", "2025-01-28T10:20:00Z", &dir));
    tt.import(&work("2025-01-28T11:10:00Z", "2025-01-28T11:30:00Z", &dir));
    by_a_script(&tt);
    tt.set("TT_NOW", "2025-01-29T18:05:00Z");
    tt.import(&work("2025-01-28T10:40:00Z", "2025-01-28T10:50:00Z", &dir));
    tt.run("push --toggl").ok().says(&["which kept no id", "could not be removed yet"]);
    assert_eq!((tt.count("joined_streams"), toggl.lines()), (1, vec![]));
}

/// A stream's entry was removed to make place, and what was to take it was lost.
#[test]
fn what_was_there_is_sent_again_however_old_it_is() {
    let toggl = Toggl::start();
    let mut tt = night(&toggl);
    tt.run("push --toggl").ok();
    tt.set("TT_NOW", "2025-03-29T18:05:00Z");
    tag(&tt, "night", "acme");
    toggl.fault(On::Write(2), Fault::refuse(400, "\"no\""));
    toggl.fault(On::Write(3), Fault::DropBefore);
    tt.run("push --toggl --split-days").exits(1).says(&["2 failed"]);
    assert_eq!(toggl.lines(), [""; 0]);
    tt.run("push --toggl").done();
    tt.is_pushed_exactly_once(&toggl, "toggl");
}

/// Days are to become one entry, and the program dies when the first of them is removed.
#[test]
fn a_change_of_form_that_was_begun_is_finished() {
    let toggl = Toggl::start();
    let tt = night(&toggl);
    tt.run("push --toggl --split-days").ok();
    let victim = Victim::default();
    toggl.fault(On::Write(1), Fault::After(victim.killer()));
    let force = tt.command(["push", "--toggl", "--force"]);
    assert!(victim.run(force, &tt, Duration::from_secs(600)).is_none());
    assert_eq!(toggl.entries().len(), 1);
    tt.run("push --toggl --all").done();
    tt.is_pushed_exactly_once(&toggl, "toggl");
}
