//! kill -9 between each two steps of a push, then the same push again: every entry is at the
//! service exactly once, and the ledger says so.
//!
//! Each round is the same work: a stream was joined into another, so an entry goes and one changes,
//! and two streams are new. That takes each kind of request, and the rounds kill at each of them.

use std::time::Duration;

use serde_json::Value;

use crate::push::{FAST, work};
use crate::support::service::{Clockify, Fake, Fault, Hook, Model, On, Toggl, stamp, unix};
use crate::support::victim::Victim;
use crate::support::{Dice, Ran, Sandbox, tt};

const NEVER: Duration = Duration::from_secs(600);
/// A service may still be at work when its client is dead.
const SETTLE: &str = "settle = \"60ms\"";

/// A fault that calls whoever kills the client.
type Deadly = fn(Hook) -> Fault;

/// Pushes whose client is killed, one round after the other.
struct Rounds<M: Model> {
    tt: Sandbox,
    service: Fake<M>,
    key: &'static str,
    now: i64,
    round: usize,
}

impl<M: Model> Rounds<M> {
    fn new(tt: Sandbox, service: Fake<M>, key: &'static str) -> Self {
        let tt = tt.with_config(FAST.replace("settle = \"0s\"", SETTLE));
        Self { tt, service, key, now: unix("2025-01-29T18:00:00Z").unwrap(), round: 0 }
    }

    /// Later, there is more to push.
    fn more(&mut self, events: impl FnOnce(&Sandbox, usize) -> Vec<Value>) {
        self.now += 60;
        self.tt.set("TT_NOW", stamp(self.now));
        self.round += 1;
        self.tt.import(&events(&self.tt, self.round));
    }

    fn args(&self) -> [String; 3] {
        ["push".to_owned(), format!("--{}", self.key), "--all".to_owned()]
    }

    /// A push that is killed after so long, or by a fault; whether it was.
    fn is_killed(&self, victim: &Victim, after: Duration) -> bool {
        let ran = victim.run(self.tt.command(self.args()), &self.tt, after);
        self.service.heal();
        ran.is_none()
    }

    #[track_caller]
    fn again(&self) -> Ran {
        let ran = self.tt.run_args(self.args()).done();
        self.tt.is_pushed_exactly_once(&self.service, self.key);
        ran
    }

    #[track_caller]
    fn nothing_is_left(&self) {
        let before = self.service.writes();
        self.again();
        assert_eq!(self.service.writes(), before);
    }
}

/// Two streams, and what joins those of the round before.
fn joined_and_new(tt: &Sandbox, round: usize) -> Vec<Value> {
    let (dir, before) = (tt.dir(&format!("p{round}")), tt.dir(&format!("p{}", round - 1)));
    let mut events = work("2025-01-28T10:00:00Z", "2025-01-28T10:20:00Z", &dir);
    events.extend(work("2025-01-28T11:10:00Z", "2025-01-28T11:30:00Z", &dir));
    if round > 1 {
        events.extend(work("2025-01-28T10:40:00Z", "2025-01-28T10:50:00Z", &before));
    }
    events
}

fn killed_at_each_request<M: Model>(tt: Sandbox, service: Fake<M>, key: &'static str) {
    let mut it = Rounds::new(tt, service, key);
    let kinds: [(&str, Deadly); 4] = [
        ("before it arrived", Fault::Instead),
        ("before it was done", Fault::Before),
        ("after it was done", Fault::After),
        ("in the middle of the answer", Fault::HalfThen),
    ];
    it.more(joined_and_new);
    it.again();
    // What a round takes when nobody disturbs it.
    it.more(joined_and_new);
    let before = it.service.requests().len();
    it.again();
    let requests = it.service.requests().split_off(before);
    let writes: Vec<&str> =
        requests.iter().filter(|it| it.writes()).map(|it| it.method.as_str()).collect();
    assert_eq!(writes, ["DELETE", "PUT", "POST", "POST"]);
    let mut settled = 0;
    for nth in 1..=requests.len() {
        for (when, fault) in kinds {
            it.more(joined_and_new);
            let victim = Victim::default();
            it.service.fault(On::Request(nth), fault(victim.killer()));
            let request = &requests[nth - 1];
            let case = format!("{} killed {when}", request.line());
            assert!(it.is_killed(&victim, NEVER), "not {case}");
            let ran = it.again();
            let asked = ran.err.contains("Settled 1 request of an earlier push");
            assert_eq!(asked, request.writes(), "{case}: {ran:#?}");
            settled += usize::from(asked);
        }
    }
    assert_eq!(settled, 4 * writes.len());
    it.nothing_is_left();
}

#[test]
fn killed_at_each_request_to_toggl() {
    let toggl = Toggl::start();
    killed_at_each_request(tt().with_toggl(&toggl), toggl, "toggl");
}

#[test]
fn killed_at_each_request_to_clockify() {
    let clockify = Clockify::start();
    killed_at_each_request(tt().with_clockify(&clockify), clockify, "clockify");
}

/// Eight streams.
fn eight(tt: &Sandbox, round: usize) -> Vec<Value> {
    let work = |i| {
        let dir = tt.dir(&format!("q{round}/{i}"));
        work("2025-01-28T10:00:00Z", "2025-01-28T10:20:00Z", &dir)
    };
    (0..8).flat_map(work).collect()
}

fn killed_at_any_moment<M: Model>(tt: Sandbox, service: Fake<M>, key: &'static str, seed: u64) {
    const ROUNDS: usize = 8;
    let mut it = Rounds::new(tt, service, key);
    let slow = |it: &Rounds<M>| {
        it.service.fault(On::All, Fault::Slow(Duration::from_millis(12)));
    };
    it.more(eight);
    slow(&it);
    let began = std::time::Instant::now();
    it.tt.run_args(it.args()).ok();
    let mut span = u64::try_from(began.elapsed().as_micros()).unwrap();
    let mut dice = Dice(seed);
    let (mut inside, mut open) = (0, 0);
    for _ in 0..ROUNDS {
        it.more(eight);
        slow(&it);
        let moment = Duration::from_micros(span / 8 + dice.below(span * 7 / 8));
        if it.is_killed(&Victim::default(), moment) {
            inside += 1;
        } else {
            // It came too late: this machine was busier before.
            span = span * 3 / 4;
        }
        open += usize::from(it.again().err.contains("Settled"));
    }
    assert!(inside >= ROUNDS / 2, "only {inside} of {ROUNDS} kills came before the end");
    assert!(open >= 1, "no kill left a request open");
    it.nothing_is_left();
}

#[test]
fn killed_at_any_moment_of_a_push_to_toggl() {
    let toggl = Toggl::start();
    killed_at_any_moment(tt().with_toggl(&toggl), toggl, "toggl", 1);
}

#[test]
fn killed_at_any_moment_of_a_push_to_clockify() {
    let clockify = Clockify::start();
    killed_at_any_moment(tt().with_clockify(&clockify), clockify, "clockify", 2);
}
