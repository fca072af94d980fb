//! Random histories of a person, a push and a service at which everything goes wrong: at the end
//! nothing is doubled and nothing is missing.
//!
//! ```text
//! work        new streams, longer ones, ones that a late event joins, ones without time
//! person      tags, names, gives events away; edits and removes entries at the service
//! push        every range and filter, by days, --force, two at once
//! trouble     each fault of the fake, kill -9 at a request or at any moment, answers that are late
//! ```
//!
//! The truth is what `tt streams` says, whatever the ledger may think ([`Right`]). What the person
//! did at the service is theirs, until a `--force`.
//!
//! `TT_PUSH_HISTORIES` is how many histories there are for each service, `TT_PUSH_SEED` the first
//! one's seed. A history that fails says what happened in it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::push::work;
use crate::support::ledger::{Right, Row};
use crate::support::service::{
    Clockify, Fake, Fault, Item, Model, On, Toggl, closed_port, reply, stamp, unix,
};
use crate::support::victim::Victim;
use crate::support::{Dice, Ran, Sandbox, tt};

const HISTORIES: u64 = 6;
const STEPS: usize = 12;
const TAGS: [&str; 3] = ["acme", "late", "oss"];
/// The last two look alike.
const PLACES: [&str; 5] = ["a", "b", "c", "left/twin", "right/twin"];

/// How long a client waits for an answer, and how long after that a service is asked.
const TIMEOUT: Duration = Duration::from_millis(400);
const SETTLE: Duration = Duration::from_millis(450);
/// A service that does it so late has a client that gave up, and is done when it is asked.
const LATE: Duration = Duration::from_millis(600);

fn config(timeout: &str) -> String {
    format!(
        "[push]\nmax_wait = \"0s\"\ntimeout = \"{timeout}\"\nsettle = \"{}ms\"\n\
         [push.toggl]\npace = \"0ms\"\n[push.clockify]\npace = \"0ms\"\n",
        SETTLE.as_millis()
    )
}

/// What the person did to an entry at the service.
#[derive(Clone, Debug)]
struct Theirs {
    /// As it was then; `None` if it was removed.
    item: Option<Item>,
    /// Whether a push with `--force`, which did not end well, may have overwritten it.
    perhaps: bool,
}

/// What happened in all histories: without enough of each, they prove little.
#[derive(Default, Debug)]
struct Seen {
    killed: usize,
    settled: usize,
    absent: i64,
    removed: i64,
    updated: i64,
    theirs: usize,
    days: usize,
}

struct History<M: Model> {
    tt: Sandbox,
    service: Fake<M>,
    key: &'static str,
    dice: Dice,
    now: i64,
    theirs: BTreeMap<String, Theirs>,
    /// Entries that the person made, and no push may touch.
    foreign: Vec<Item>,
    /// Until then, the service may do what its client does not wait for.
    late: Instant,
    trail: Vec<String>,
    seen: Seen,
}

impl<M: Model> Drop for History<M> {
    fn drop(&mut self) {
        if thread::panicking() || env::var("TT_PUSH_TELL").is_ok() {
            eprintln!("{} history:\n  {}", self.key, self.trail.join("\n  "));
            for table in ["push_requests", "push_entries"] {
                eprintln!("{table}:\n  {}", self.rows(table).join("\n  "));
            }
        }
    }
}

impl<M: Model> History<M> {
    fn new(tt: Sandbox, service: Fake<M>, key: &'static str, seed: u64) -> Self {
        let (late, foreign) = (Instant::now(), service.entries());
        Self {
            tt: tt.with_config(config(&format!("{}ms", TIMEOUT.as_millis()))),
            service,
            key,
            dice: Dice(seed.wrapping_mul(0x5851_f42d_4c95_7f2d) + key.len() as u64),
            now: unix("2025-01-29T18:00:00Z").unwrap() * 1_000,
            theirs: BTreeMap::new(),
            foreign,
            late,
            trail: vec![format!("seed {seed}")],
            seen: Seen::default(),
        }
    }

    /// A table, for whoever wants to know what happened.
    fn rows(&self, table: &str) -> Vec<String> {
        let sql = self.tt.sql();
        let mut rows = sql.prepare(&format!("SELECT * FROM {table} ORDER BY rowid")).unwrap();
        let columns = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        let mut all = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let cells = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at).unwrap());
            all.push(cells.map(|it| format!("{it:?}")).collect::<Vec<_>>().join(" "));
        }
        all
    }

    fn pick<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        if of.is_empty() {
            return None;
        }
        of.get(self.dice.below(of.len() as u64) as usize)
    }

    fn chance(&mut self, of_hundred: u64) -> bool {
        self.dice.below(100) < of_hundred
    }

    fn tell(&mut self, what: impl Into<String>) {
        self.trail.push(what.into());
    }

    /// The clock of the sandbox.
    fn later(&mut self, by: Duration) {
        self.now += i64::try_from(by.as_millis()).unwrap();
        let (seconds, millis) = (self.now.div_euclid(1_000), self.now.rem_euclid(1_000));
        self.tt.set("TT_NOW", stamp(seconds).replace('Z', &format!(".{millis:03}Z")));
    }

    /// Nothing is under way any more.
    fn calm(&mut self) {
        thread::sleep(self.late.saturating_duration_since(Instant::now()));
    }

    // --- work and what the person says of it -----------------------------------------------------

    /// An agent works for a while somewhere: within few hours, so that gaps close by and by.
    fn burst(&mut self) -> Vec<Value> {
        let place = PLACES[self.dice.below(PLACES.len() as u64) as usize];
        // The second evening ends after midnight.
        let evening = self.chance(50);
        let (day, slots) = if evening { ("2025-01-28T21", 36) } else { ("2025-01-28T08", 30) };
        let start = unix(&format!("{day}:00:00Z")).unwrap() + self.dice.below(slots) as i64 * 600;
        let (start, length) = match self.dice.below(4) {
            0 => (unix("2025-01-28T23:40:00Z").unwrap(), 1_200 + self.dice.below(3) as i64 * 400),
            _ => (start, self.dice.below(6) as i64 * 400),
        };
        self.tell(format!("  work in {place} at {} for {length}s", stamp(start)));
        let fraction = if self.chance(30) { ".750Z" } else { "Z" };
        let mut events = work(&stamp(start), &stamp(start + length), &self.tt.dir(place));
        for event in &mut events {
            event["timestamp"] = event["timestamp"].as_str().unwrap().replace('Z', fraction).into();
            event["session_id"] = place.into();
        }
        events
    }

    /// Work in two places that nothing tells apart but the directory.
    fn twins(&mut self) -> Vec<Value> {
        let minute = self.dice.below(60) as i64 * 60;
        let start = unix("2025-01-27T09:00:00Z").unwrap() + minute * 60;
        self.tell(format!("  twins at {}", stamp(start)));
        let twin = |place| work(&stamp(start), &stamp(start + 900), &self.tt.dir(place));
        [twin(PLACES[3]), twin(PLACES[4])].concat()
    }

    fn work(&mut self) {
        self.tell("import");
        let mut events = Vec::new();
        for _ in 0..1 + self.dice.below(3) {
            events.extend(self.burst());
        }
        if self.chance(15) {
            events.extend(self.twins());
        }
        self.tt.import(&events);
    }

    /// Gives a stream's events, all or the last ones, to another.
    fn assign(&mut self, from: &Right, to: &Right) {
        let all = self.chance(60);
        let within = |event: &Value| {
            let at = event["timestamp"].as_str().unwrap();
            event["cwd"] == from.cwd.as_str()
                && unix(&from.item.start) <= unix(at)
                && unix(at) <= unix(&from.last)
                && (all || unix(at) > unix(&from.item.start))
        };
        let events = self.tt.events();
        let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let ids = events.filter(within).map(|event| event["id"].as_str().unwrap().to_owned());
        let mut args: Vec<String> = ["assign".to_owned()].into_iter().chain(ids).collect();
        if args.len() == 1 {
            return;
        }
        self.tell(format!("assign {} events of {} to {}", args.len() - 1, from.stream, to.stream));
        args.push(to.stream.clone());
        self.tt.run_args(args).ok();
    }

    fn say(&mut self) {
        let rights = self.tt.rights();
        let (Some(one), Some(other)) = (self.pick(&rights).cloned(), self.pick(&rights).cloned())
        else {
            return;
        };
        let tag = TAGS[self.dice.below(3) as usize];
        let args = match self.dice.below(5) {
            0 | 1 => ["tag", &one.stream, tag],
            2 => match one.item.tags.first() {
                Some(tag) => ["untag", &one.stream, tag],
                None => return,
            },
            3 => ["rename", &one.stream, &format!("Work {}", self.dice.below(3))],
            _ if one.stream != other.stream => return self.assign(&one, &other),
            _ => return,
        };
        self.tell(args.join(" "));
        self.tt.run_args(args).done();
    }

    /// The person edits or removes an entry at the service.
    fn edit(&mut self) {
        self.calm();
        let sql = self.tt.sql();
        let known = |id: &str| -> bool {
            let known = "SELECT EXISTS (SELECT 1 FROM push_entries WHERE external_id = ?1)";
            sql.query_row(known, [id], |row| row.get(0)).unwrap()
        };
        let mut items = self.service.entries();
        items.retain(|it| !self.foreign.contains(it));
        let Some(item) = self.pick(&items).cloned() else { return };
        let id = item.id.as_str();
        // What looks otherwise before anybody knows its id can be told by nothing.
        let known = known(id);
        if known && self.chance(40) {
            self.tell(format!("the person removes {}", item.line()));
            self.service.delete(id);
            self.theirs.insert(item.id, Theirs { item: None, perhaps: false });
            return;
        }
        let what = if known { self.dice.below(3) } else { 2 };
        let mark = format!("mine {}", self.dice.below(1_000));
        self.tell(format!("the person edits {} {}: {what} {mark}", item.id, item.line()));
        self.service.edit(id, |it| match what {
            0 => it.description = mark,
            1 => it.seconds = Some(it.seconds.unwrap() + 100_000),
            _ => {
                it.tags.push("mine".to_owned());
                it.tags.sort();
            }
        });
        let item = self.service.entries().into_iter().find(|it| it.id == id);
        self.theirs.insert(id.to_owned(), Theirs { item, perhaps: false });
    }

    // --- pushes ----------------------------------------------------------------------------------

    fn args(&mut self) -> Vec<String> {
        let more: &[&str] = match self.dice.below(12) {
            0..=3 => &[],
            4..=6 => &["--all"],
            7 => &["--all", "--force"],
            8 => &["--since", "2025-01-28"],
            9 => &["--all", "--tag", "acme"],
            10 => &["--all", "--split-days"],
            _ => &["--since", "2025-01-28", "--until", "2025-01-29", "--split-days"],
        };
        let mut args = vec!["push".to_owned(), format!("--{}", self.key)];
        args.extend(more.iter().map(|it| (*it).to_owned()));
        args
    }

    /// What goes wrong, if anything does; at which moment the client is killed.
    fn trouble(&mut self, victim: &Victim) -> Duration {
        let never = Duration::from_secs(600);
        let nth = 1 + self.dice.below(6) as usize;
        let on = if self.chance(60) { On::Write(1 + nth / 2) } else { On::Request(nth) };
        let killer = victim.killer();
        let late_killer = victim.killer();
        let (name, fault) = match self.dice.below(20) {
            0 | 1 => ("drop before", Fault::DropBefore),
            2..=4 => ("drop after", Fault::DropAfter),
            5 => ("half an answer", Fault::Half),
            6 => ("502, done", Fault::DoAndSay(reply(502).page("Bad Gateway"))),
            7 => ("500, not done", Fault::Say(reply(500).text("oops"))),
            8 => ("429", Fault::Say(reply(429).page("Too Many Requests"))),
            9 => ("malformed", Fault::malformed()),
            10 => ("slow body", Fault::Trickle(Duration::from_millis(4))),
            11 => ("late", Fault::Late(LATE)),
            12 => ("killed, not done", Fault::Instead(killer)),
            13 => ("killed, done", Fault::Before(killer)),
            14 => (
                "killed, done late",
                Fault::Before(std::sync::Arc::new(move || {
                    late_killer();
                    thread::sleep(LATE - TIMEOUT);
                })),
            ),
            15 => ("killed after", Fault::After(killer)),
            16 => {
                let moment = Duration::from_millis(20 + self.dice.below(60));
                self.tell(format!("killed at {moment:?}"));
                // Its last request may have left.
                self.late = Instant::now() + Duration::from_secs(600);
                return moment;
            }
            _ => return never,
        };
        // Reads are repeated after a second each.
        let on = if name.starts_with('5') { On::Write(nth) } else { on };
        self.tell(format!("{name} on {on:?}"));
        self.service.fault(on, fault);
        if name.contains("late") {
            self.late = Instant::now() + Duration::from_secs(600);
        }
        never
    }

    fn push(&mut self) {
        let args = self.args();
        let victim = Victim::default();
        let nobody_there = self.chance(4);
        let moment = if nobody_there { Duration::from_secs(600) } else { self.trouble(&victim) };
        self.tell(args.join(" "));
        let mut command = self.tt.command(&args);
        if nobody_there {
            self.tell("nobody is there");
            let url = format!("TT_{}_URL", self.key.to_uppercase());
            command.env(url, format!("http://{}/", closed_port()));
        }
        let second = self.chance(12).then(|| self.args());
        let other = second.as_ref().map(|args| self.tt.start(args));
        let ran = victim.run(command, &self.tt, moment);
        let other = other.map(|child| Ran::of(child, &self.tt));
        self.service.heal();
        if self.late > Instant::now() {
            self.late = Instant::now() + LATE;
        }
        self.seen.killed += usize::from(ran.is_none());
        self.told(&args, ran.as_ref());
        if let (Some(args), Some(ran)) = (second, other) {
            self.tell(format!("and at once: {}", args.join(" ")));
            self.told(&args, Some(&ran));
        }
    }

    /// Learns from how a push ended.
    fn told(&mut self, args: &[String], ran: Option<&Ran>) {
        let ended = ran.map_or("killed".to_owned(), |ran| {
            format!(
                "exit {:?}\n    {}",
                ran.code,
                (ran.out.clone() + &ran.err).replace('\n', "\n    ")
            )
        });
        self.tell(format!("  -> {ended}"));
        self.seen.settled += usize::from(ran.is_some_and(|it| it.err.contains("Settled")));
        if args.iter().any(|it| it == "--force") {
            let whole = ran.is_some_and(|it| it.code == Some(0));
            self.theirs.retain(|_, it| {
                it.perhaps = true;
                !whole
            });
        }
    }

    fn step(&mut self) {
        match self.dice.below(20) {
            0..=8 => self.work(),
            9..=15 => self.say(),
            16..=18 => self.edit(),
            _ => {}
        }
        self.push();
        if self.late > Instant::now() && self.chance(60) {
            // The client lived for so long at least.
            self.later(Duration::from_millis(20));
        } else {
            self.calm();
            let minutes = 1 + self.dice.below(90);
            self.later(Duration::from_secs(60 * minutes));
        }
    }

    // --- the end ---------------------------------------------------------------------------------

    fn run(mut self) -> Seen {
        self.later(Duration::ZERO);
        self.work();
        for step in 1..=STEPS {
            self.tell(format!("--- {step}"));
            self.step();
        }
        self.tell("--- at the end");
        self.calm();
        self.tt.config(config("60s"));
        self.later(Duration::from_secs(3_600));
        let all = ["push".to_owned(), format!("--{}", self.key), "--all".to_owned()];
        if self.chance(30) {
            self.final_push(&[&all[..], &["--split-days".to_owned()]].concat());
            self.is_right();
        }
        self.final_push(&all);
        self.is_right();
        self.writes_nothing(&all);
        self.writes_nothing(&all[..2]);
        self.seen.theirs += self.theirs.len();
        let count = |what: &str| self.tt.count(&format!("push_requests WHERE {what}"));
        self.seen.absent = count("outcome = 'absent'");
        self.seen.removed = count("action = 'delete' AND outcome = 'done'");
        self.seen.updated = count("action = 'update' AND outcome = 'done'");
        self.final_push(&[&all[..], &["--force".to_owned()]].concat());
        self.service_without_foreign();
        self.writes_nothing(&all);
        std::mem::take(&mut self.seen)
    }

    #[track_caller]
    fn final_push(&mut self, args: &[String]) {
        self.tell(args.join(" "));
        let ran = self.tt.run_args(args);
        self.told(args, Some(&ran));
        ran.exits(0);
    }

    #[track_caller]
    fn writes_nothing(&mut self, args: &[String]) {
        let before = self.service.writes();
        self.final_push(args);
        assert_eq!(self.service.writes(), before, "nothing was to be done");
    }

    /// After `--force`, everything is exactly right, whatever the person did.
    #[track_caller]
    fn service_without_foreign(&mut self) {
        for item in std::mem::take(&mut self.foreign) {
            assert!(self.service.entries().contains(&item), "touched: {item:?}");
            self.service.delete(&item.id);
        }
        self.tt.is_pushed_exactly_once(&self.service, self.key);
    }

    /// Everything is right, but for what the person did.
    #[track_caller]
    fn is_right(&mut self) {
        self.tt.is_settled();
        let rights = self.tt.rights();
        let mut log = self.tt.log_of(self.key);
        let mut items: BTreeMap<String, Item> =
            self.service.entries().into_iter().map(|it| (it.id.clone(), it)).collect();
        for item in &self.foreign {
            assert_eq!(items.remove(&item.id).as_ref(), Some(item), "touched");
        }
        let blocked = self.blocked(&log);
        for right in &rights {
            match log.remove(&right.stream) {
                Some(row) => {
                    self.is_right_row(right, &row, &mut items, blocked.contains(&right.stream));
                }
                None => assert!(
                    right.seconds() == 0 || blocked.contains(&right.stream),
                    "missing: {right:#?}"
                ),
            }
        }
        for (stream, row) in log {
            let theirs = |id: &String| self.theirs.get(id).is_some_and(|it| it.item.is_some());
            assert!(row.ids.iter().any(theirs), "left of {stream}: {row:?}");
            row.ids.iter().for_each(|id| self.is_theirs(id, None, items.remove(id)));
        }
        assert!(items.is_empty(), "doubled, or left: {items:#?}");
    }

    /// Streams into which another was joined whose entry is the person's now, and has their time.
    fn blocked(&self, log: &BTreeMap<String, Row>) -> BTreeSet<String> {
        let is_theirs = |id: &String| self.theirs.get(id).is_some_and(|it| it.item.is_some());
        let kept = log.iter().filter(|(_, row)| row.ids.iter().any(is_theirs));
        let sql = self.tt.sql();
        let into = |stream: &String| {
            let into = "SELECT into_id FROM joined_streams WHERE id = ?1";
            sql.query_row(into, [stream], |row| row.get(0)).ok()
        };
        kept.filter_map(|(stream, _)| into(stream)).collect()
    }

    #[track_caller]
    fn is_right_row(
        &mut self,
        right: &Right,
        row: &Row,
        items: &mut BTreeMap<String, Item>,
        blocked: bool,
    ) {
        let there: Vec<Option<Item>> = row.ids.iter().map(|id| items.remove(id)).collect();
        if row.ids.iter().any(|id| self.theirs.contains_key(id)) || blocked {
            for (id, item) in row.ids.iter().zip(there) {
                match self.theirs.contains_key(id) {
                    true => self.is_theirs(id, Some(right), item),
                    false => assert!(item.is_some(), "{id} is missing: {right:#?}"),
                }
            }
            return;
        }
        assert_eq!(row.version, right.updated_at, "{right:#?}");
        let there: Vec<Item> = there.into_iter().flatten().collect();
        assert!(right.seconds() > 0, "has no time: {right:#?} {there:#?}");
        let by_days = format!("push_entries WHERE external_id = '{}' AND day <> ''", row.ids[0]);
        if self.tt.count(&by_days) == 0 {
            let is_one = row.ids.len() == 1 && there.len() == 1;
            assert!(is_one && right.is(&there[0]), "{right:#?} is {row:?}: {there:#?}");
            return;
        }
        // Days begin when their time does.
        self.seen.days += 1;
        assert_eq!(there.len(), row.ids.len(), "{right:#?} is {row:?}: {there:#?}");
        let days: BTreeSet<&str> = there.iter().map(|it| &it.start[..10]).collect();
        assert_eq!(days.len(), there.len(), "{right:#?}: {there:#?}");
        let sum: i64 = there.iter().map(|it| it.seconds.unwrap()).sum();
        assert_eq!(sum, right.seconds(), "{right:#?} by days: {there:#?}");
        let same =
            |it: &Item| (&it.description, &it.tags) == (&right.item.description, &right.item.tags);
        assert!(there.iter().all(same), "{right:#?} by days: {there:#?}");
    }

    /// The person's entry is as they left it.
    #[track_caller]
    fn is_theirs(&self, id: &String, right: Option<&Right>, item: Option<Item>) {
        let Some(theirs) = self.theirs.get(id) else { return };
        if item == theirs.item {
            return;
        }
        let forced = theirs.perhaps
            && match (&item, right) {
                (Some(item), Some(right)) => right.is(item),
                (None, _) => true,
                (Some(_), None) => false,
            };
        assert!(forced, "the person's {theirs:#?} is {item:#?}");
    }
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Histories with services of this kind.
fn histories<M: Model>(key: &'static str, start: impl Fn() -> (Sandbox, Fake<M>)) {
    let (count, first) = (number("TT_PUSH_HISTORIES", HISTORIES), number("TT_PUSH_SEED", 1));
    let mut all = Seen::default();
    for seed in first..first + count {
        let (tt, service) = start();
        let seen = History::new(tt, service, key, seed).run();
        all.killed += seen.killed;
        all.settled += seen.settled;
        all.absent += seen.absent;
        all.removed += seen.removed;
        all.updated += seen.updated;
        all.theirs += seen.theirs;
        all.days += seen.days;
    }
    eprintln!("{key}: {all:?}");
    if count >= HISTORIES {
        let Seen { killed, settled, absent, removed, updated, theirs, .. } = all;
        let least = absent.min(removed).min(updated).min(settled as i64);
        assert!(least >= 3 && killed >= 3 && theirs >= 3, "too little happened: {all:?}");
    }
}

fn by_hand() -> Item {
    Item {
        start: "2025-01-28T08:00:00Z".to_owned(),
        seconds: Some(600),
        description: "by hand".to_owned(),
        ..Item::default()
    }
}

#[test]
fn histories_with_toggl() {
    histories("toggl", || {
        let toggl = Toggl::start();
        toggl.add(by_hand());
        (tt().with_toggl(&toggl), toggl)
    });
}

#[test]
fn histories_with_clockify() {
    histories("clockify", || {
        let clockify = Clockify::start();
        clockify.add(by_hand());
        clockify.tag("mine");
        (tt().with_clockify(&clockify), clockify)
    });
}
