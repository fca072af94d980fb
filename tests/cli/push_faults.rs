//! Everything that can go wrong between a push and its service, one row each: what is said, what is
//! noted, and that the next push leaves every entry there exactly once.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use crate::push::{FAST, work};
use crate::support::service::{Clockify, Fault, On, Toggl, reply};
use crate::support::{NOW, Ran, Sandbox, tt};

const LINES: [&str; 3] = [
    "2025-01-28T10:00:00Z 1200 one",
    "2025-01-28T12:00:00Z 1200 two",
    "2025-01-28T14:00:00Z 1200 three",
];

/// Three streams, and a service that is asked for nothing but entries.
fn three(config: &str) -> Sandbox {
    let tt = tt().with_config(config);
    for (dir, hour) in [("one", 10), ("two", 12), ("three", 14)] {
        let at = |minute| format!("2025-01-28T{hour}:{minute:02}:00Z");
        tt.import(&work(&at(0), &at(20), &tt.dir(dir)));
    }
    tt
}

fn id(tt: &Sandbox, dir: &str) -> String {
    tt.id_at(&tt.dir(dir))
}

/// After a run in which the second entry failed: all is there after the next, and only once.
#[track_caller]
fn is_put_right(tt: &Sandbox, toggl: &Toggl) {
    toggl.heal();
    tt.run("push --toggl").done();
    let mut lines = toggl.lines();
    lines.sort();
    assert_eq!(lines, LINES);
    let log = tt.push_log();
    let mut ids: Vec<String> = toggl.entries().into_iter().map(|it| it.id).collect();
    let mut logged: Vec<String> = log.into_iter().filter_map(|row| row.3).collect();
    ids.sort();
    logged.sort();
    assert_eq!(logged, ids);
    assert_eq!(tt.count("push_requests WHERE outcome IS NULL"), 0);
    let before = toggl.writes();
    tt.run("push --toggl").done().says(&["Nothing to push."]);
    assert_eq!(toggl.writes(), before);
}

/// A row: the second entry meets `fault`; what is said of it, how many entries are noted after the
/// run, and how many requests have no answer.
#[track_caller]
fn row(fault: Fault, what: &str, hint: &str, noted: usize, open: i64) {
    let toggl = Toggl::start();
    let tt = three(&FAST.replace("[push]\n", "[push]\ntimeout = \"1s\"\n")).with_toggl(&toggl);
    toggl.fault(On::Write(2), fault);
    let ran = tt.run("push --toggl").exits(1);
    ran.clone().says(&[&format!("  - {}: {what}", id(&tt, "two")), &format!("    Hint: {hint}")]);
    assert!(ran.err.is_empty(), "{ran:#?}");
    assert_eq!(tt.push_log().len(), noted, "{ran:#?}");
    assert_eq!(tt.count("push_requests WHERE outcome IS NULL"), open, "{ran:#?}");
    is_put_right(&tt, &toggl);
}

// --- refused: surely not done --------------------------------------------------------------------

#[test]
fn http_400() {
    let text = "\"project_id 12345 not found\"";
    let hint = "Verify project exists in Toggl, or set default_project_id in config";
    row(Fault::refuse(400, text), "Toggl 400: project_id 12345 not found", hint, 2, 0);
}

#[test]
fn http_400_without_a_workspace() {
    let hint = "Add workspace_id to [push.toggl] in config.toml";
    row(
        Fault::refuse(400, "\"workspace_id required\""),
        "Toggl 400: workspace_id required",
        hint,
        2,
        0,
    );
}

#[test]
fn http_401_stops() {
    row(Fault::Say(reply(401)), "Toggl 401: unauthorized\n", "Check TOGGL_TOKEN", 1, 0);
}

#[test]
fn http_403_stops() {
    row(Fault::Say(reply(403)), "Toggl 403: forbidden\n", "Check TOGGL_TOKEN", 1, 0);
}

#[test]
fn http_402_of_the_quota_stops_and_says_when() {
    let text = "You have hit your hourly limit for API calls. It will reset in 1800 seconds.";
    let fault = Fault::Say(
        reply(402)
            .text(text)
            .header("X-Toggl-Quota-Remaining", 0)
            .header("X-Toggl-Quota-Resets-In", 1_800),
    );
    let toggl = Toggl::start();
    let tt = three(FAST).with_toggl(&toggl);
    toggl.fault(On::Write(2), fault);
    let ran = tt.run("push --toggl").exits(1);
    ran.says(&["Toggl 402: ", "The quota comes back in 30m", "1 stream not tried", "after 18:30"]);
    assert_eq!(toggl.writes(), 2);
    // What is known to be refused is not sent.
    tt.run("push --toggl").exits(1);
    assert_eq!(toggl.writes(), 2);
    tt.run("push --toggl --dry-run").done().says(&["Toggl grants 0 more before 18:30"]);
    let tt = tt.at("2025-01-29T18:31:00Z");
    is_put_right(&tt, &toggl);
}

#[test]
fn a_remembered_quota_is_of_its_token_and_of_an_hour() {
    let used_up = || {
        Fault::Say(
            reply(402)
                .text("You have hit your hourly limit for API calls.")
                .header("X-Toggl-Quota-Remaining", 0)
                .header("X-Toggl-Quota-Resets-In", 1_800),
        )
    };
    let toggl = Toggl::start();
    let tt = three(FAST).with_toggl(&toggl).at("2025-01-30T18:00:00Z");
    toggl.fault(On::Write(1), used_up());
    tt.run("push --toggl").exits(1);
    let before = toggl.requests().len();
    tt.run("push --toggl").exits(1);
    assert_eq!(toggl.requests().len(), before, "it is known");
    // Of another token nothing is known; this service does not know it either.
    let tt = tt.var("TOGGL_TOKEN", "another");
    assert!(tt.run("push --toggl").exits(1).err.contains("Toggl 403: "));
    assert_eq!(toggl.requests().len(), before + 1);
    // The clock was a day ahead.
    let tt = tt.with_toggl(&toggl).at(NOW);
    is_put_right(&tt, &toggl);
}

#[test]
fn clockify_s_hourly_limit_stays_a_429() {
    let clockify = Clockify::start();
    let tt = three(FAST).with_clockify(&clockify);
    clockify.fault(On::All, Fault::refuse(429, "Too many requests"));
    let tt = tt.with_config(FAST.replace("max_wait = \"0s\"", "max_wait = \"5s\""));
    let is_told = || {
        let ran = tt.run("push --clockify").exits(1);
        assert!(ran.err.contains("Clockify 429: hourly quota used up"), "{ran:?}");
    };
    is_told();
    let before = clockify.requests().len();
    is_told();
    assert_eq!(clockify.requests().len(), before, "it is known");
}

#[test]
fn http_402_of_a_feature_is_told_and_the_rest_goes_on() {
    let text = "Billable is a premium feature";
    let hint = "Billable is a paid feature of Toggl; remove billable_tag from [push.toggl]";
    row(Fault::refuse(402, &format!("{text:?}")), &format!("Toggl 402: {text}\n"), hint, 2, 0);
}

#[test]
fn http_409() {
    row(Fault::refuse(409, "\"conflict\""), "Toggl 409: conflict", "", 2, 0);
}

#[test]
fn http_410_stops() {
    row(
        Fault::Say(reply(410)),
        "Toggl 410: gone\n",
        "Toggl has given up what this version of tt uses",
        1,
        0,
    );
}

#[test]
fn http_404_on_update_is_an_entry_that_the_person_removed() {
    let toggl = Toggl::start();
    let tt = three(FAST).with_toggl(&toggl);
    tt.run("push --toggl").done();
    let tt = tt.at("2025-01-29T18:05:00Z");
    tt.run_args(["tag", &id(&tt, "two"), "x"]).done();
    // It goes between the question and the update.
    toggl.fault(On::Write(1), Fault::refuse(404, "\"Time entry not found\""));
    tt.run("push --toggl").done().says(&["you removed the entry there (--force creates it again)"]);
    tt.run("push --toggl").done().says(&["Nothing to push."]);
    let there = toggl.entries();
    toggl.delete(&there[1].id);
    tt.run("push --toggl --force").done();
    assert_eq!(toggl.lines(), LINES);
    let tt = tt.at("2025-01-29T18:10:00Z");
    is_put_right(&tt, &toggl);
}

// --- later ---------------------------------------------------------------------------------------

#[test]
fn http_429_with_retry_after_is_waited_for() {
    let toggl = Toggl::start();
    let tt =
        three(&FAST.replace("\"0s\"\n[push.toggl]", "\"5s\"\n[push.toggl]")).with_toggl(&toggl);
    toggl.fault(On::Write(2), Fault::Say(reply(429).header("Retry-After", 2).page("Too Many")));
    let ran = tt.run("push --toggl").done();
    assert!(ran.err.contains("Toggl: rate limited; going on in 2s"), "{ran:#?}");
    assert_eq!(toggl.lines(), LINES);
    is_put_right(&tt, &toggl);
}

#[test]
fn http_429_without_retry_after() {
    let hint = "Waiting 60s before retry... (re-run to retry failed entries)";
    let toggl = Toggl::start();
    let tt = three(FAST).with_toggl(&toggl);
    toggl.fault(On::Write(2), Fault::Say(reply(429).page("Too Many Requests")));
    tt.run("push --toggl").exits(1).says(&["Toggl 429: rate limited", hint, "1 stream not tried."]);
    is_put_right(&tt, &toggl);
}

// --- it may be there -----------------------------------------------------------------------------

const LATER: &str = "Re-run later; Toggl is asked first whether it was stored";

#[test]
fn http_500_before_and_after_it_was_done() {
    row(Fault::Say(reply(500)), "Toggl 500: internal server error\n", LATER, 2, 1);
    row(Fault::DoAndSay(reply(500)), "Toggl 500: internal server error\n", LATER, 2, 1);
}

#[test]
fn http_502_before_and_after_it_was_done() {
    row(Fault::Say(reply(502).page("Bad Gateway")), "Toggl 502: bad gateway\n", LATER, 2, 1);
    row(Fault::DoAndSay(reply(502).page("Bad Gateway")), "Toggl 502: bad gateway\n", LATER, 2, 1);
}

#[test]
fn malformed_json_after_it_was_done() {
    row(Fault::malformed(), "", "", 2, 1);
}

#[test]
fn a_slow_body() {
    row(Fault::Trickle(Duration::from_millis(200)), "Network error: connection timeout", "", 2, 1);
}

#[test]
fn dropped_before_it_was_done() {
    row(Fault::DropBefore, "Network error: connection lost\n", "Check network connection", 2, 1);
}

#[test]
fn dropped_after_it_was_done() {
    row(Fault::DropAfter, "Network error: connection lost\n", "Check network connection", 2, 1);
}

#[test]
fn half_an_answer() {
    row(Fault::Half, "Network error: connection lost\n", "Check network connection", 2, 1);
}

#[test]
fn an_update_without_an_answer_is_looked_up() {
    for fault in [Fault::DropBefore, Fault::DropAfter] {
        let toggl = Toggl::start();
        let tt = three(FAST).with_toggl(&toggl);
        tt.run("push --toggl").done();
        let tt = tt.at("2025-01-29T18:05:00Z");
        tt.run_args(["tag", &id(&tt, "two"), "x"]).done();
        toggl.fault(On::Write(1), fault);
        tt.run("push --toggl").exits(1);
        is_put_right(&tt, &toggl);
        assert_eq!(toggl.entries()[1].tags, ["x"]);
    }
}

#[test]
fn twins_that_are_told_apart_by_the_ledger() {
    let toggl = Toggl::start();
    let tt = tt().with_config(FAST).with_toggl(&toggl);
    // Two streams with the same second, length and name.
    for dir in ["a/same", "b/same"] {
        tt.import(&work("2025-01-28T10:00:00Z", "2025-01-28T10:20:00Z", &tt.dir(dir)));
    }
    toggl.fault(On::Write(1), Fault::DropAfter).fault(On::Write(2), Fault::DropAfter);
    tt.run("push --toggl").exits(1);
    tt.run("push --toggl").done();
    assert_eq!(toggl.lines(), ["2025-01-28T10:00:00Z 1200 same"; 2]);
    let mut ids: Vec<_> = tt.push_log().into_iter().map(|row| row.3.unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 2);
}

// --- it never left -------------------------------------------------------------------------------

/// A push to an address where nothing of use is.
#[track_caller]
fn nowhere(url: &str, words: &[&str]) -> Ran {
    let toggl = Toggl::start();
    let tt = three(FAST).with_toggl(&toggl).var("TT_TOGGL_URL", url);
    let config = FAST.replace("[push.toggl]\n", "[push.toggl]\nworkspace_id = \"7654321\"\n");
    tt.config(config.replace("[push]\n", "[push]\ntimeout = \"2s\"\n"));
    let ran = tt.run("push --toggl").exits(1);
    let said = format!("{}{}", ran.out, ran.err);
    for word in words {
        assert!(said.contains(word), "no '{word}': {ran:#?}");
    }
    assert_eq!(tt.push_log(), []);
    assert_eq!(tt.count("push_requests WHERE outcome IS NULL"), 0);
    let tt = tt.var("TT_TOGGL_URL", toggl.base());
    is_put_right(&tt, &toggl);
    ran
}

#[test]
fn connection_refused() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = nowhere(
        &format!("http://{free}/api/v9"),
        &["Network error: connection refused", "Hint: Check network connection and try again"],
    );
    // Twice is enough to see that nobody is there.
    ran.says(&["2 failed:", "1 stream not tried."]);
}

#[test]
fn no_such_host() {
    nowhere("https://no-such-host.invalid/api/v9", &["Network error: "]);
}

#[test]
fn tls_that_is_none() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            drop(stream.read(&mut [0; 64]));
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nthis is no TLS"));
        }
    });
    nowhere(&format!("https://{address}/api/v9"), &["Network error: ", "TLS"]);
}

#[test]
fn a_token_is_not_sent_in_clear() {
    nowhere("http://example.invalid/api/v9", &["https"]);
}

// --- and all of it at Clockify -------------------------------------------------------------------

#[test]
fn clockify_is_put_right_after_any_fault() {
    let faults = [
        Fault::Say(reply(500)),
        Fault::DoAndSay(reply(502)),
        Fault::malformed(),
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::Half,
        Fault::Trickle(Duration::from_millis(200)),
        Fault::Say(reply(429)),
        Fault::refuse(400, r#"{"message": "Time entry is locked", "code": 501}"#),
        Fault::refuse(403, r#"{"message": "Access Denied", "code": 501}"#),
    ];
    for fault in faults {
        let clockify = Clockify::start();
        let config = FAST.replace("[push]\n", "[push]\ntimeout = \"1s\"\n");
        let tt = three(&config).with_clockify(&clockify);
        tt.run_args(["tag", &id(&tt, "two"), "x"]).done();
        clockify.fault(On::Write(2), fault);
        tt.run("push --clockify").exits(1);
        clockify.heal();
        tt.run("push --clockify").done();
        assert_eq!(clockify.lines(), LINES);
        assert_eq!(tt.push_log().len(), 3);
        assert_eq!(tt.count("push_requests WHERE outcome IS NULL"), 0);
        let before = clockify.writes();
        tt.run("push --clockify").done().says(&["Nothing to push."]);
        assert_eq!(clockify.writes(), before);
    }
}

#[test]
fn clockify_says_that_an_entry_is_gone_in_its_own_way() {
    let clockify = Clockify::start();
    let tt = three(FAST).with_clockify(&clockify);
    tt.run("push --clockify").done();
    clockify.delete(&clockify.entries()[1].id);
    let tt = tt.at("2025-01-29T18:05:00Z");
    tt.run_args(["tag", &id(&tt, "two"), "x"]).done();
    tt.run("push --clockify").done().says(&["you removed the entry there"]);
    assert_eq!(clockify.entries().len(), 2);
    tt.run("push --clockify --force").done();
    assert_eq!(clockify.lines(), LINES);
}
