//! Inference through a database: worked examples, and the law that history does not matter.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::event::Event;
use crate::store::Store;

const MINUTE: Millis = 60_000;

/// A database of its own.
struct Bench {
    store: Store,
    settings: Settings,
}

/// A stream and its time, without ids: what must not depend on history.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Seen {
    root: String,
    first: String,
    last: String,
    name: String,
    direct_ms: Millis,
    delegated_ms: Millis,
    facts: Vec<Vec<(String, u64, i64)>>,
    entries: Vec<(bool, String, String)>,
}

impl Bench {
    fn new() -> Self {
        let store = Store::open(std::path::Path::new(":memory:")).unwrap();
        let settings = Settings { homes: vec!["/home/me".to_owned()], ..Settings::default() };
        Self { store, settings }
    }

    fn import(&mut self, events: &[Event]) {
        let tx = self.store.write().unwrap();
        let mut inserter = events::Inserter::new(&tx).unwrap();
        for event in events {
            inserter.insert(event).unwrap();
        }
        drop(inserter);
        tx.commit().unwrap();
    }

    fn infer(&mut self) -> Inferred {
        let tx = self.store.write().unwrap();
        let done = infer(&tx, &self.settings, "2025-01-01T00:00:00Z").unwrap();
        tx.commit().unwrap();
        done
    }

    fn streams(&mut self) -> Vec<Seen> {
        let conn = self.store.conn();
        let mut texts = crate::store::texts::Texts::new(conn);
        let mut out = Vec::new();
        for row in derived::streams_between(conn, Interval::ALWAYS).unwrap() {
            let f = row.facts.clone();
            let facts = [f.cwds, f.repos, f.worktrees, f.branches, f.tmux, f.agents, f.sessions]
                .map(|tallies| {
                    let mut rows: Vec<_> = Vec::from(tallies)
                        .into_iter()
                        .map(|(text, n, first)| (texts.owned(text).unwrap().unwrap(), n, first))
                        .collect();
                    rows.sort();
                    rows
                });
            let entries = derived::entries_of(conn, &BTreeSet::from([row.num])).unwrap();
            let timeline = |direct: bool| {
                let of = |it: &&TimeEntry| (it.actor == PERSON) == direct;
                let all = entries.iter().filter(of).map(|it| it.interval).collect();
                time::union(all)
                    .into_iter()
                    .map(move |it| (direct, it.start.to_string(), it.end.to_string()))
            };
            out.push(Seen {
                root: texts.owned(row.root).unwrap().unwrap(),
                first: row.first.to_string(),
                last: row.last.to_string(),
                name: row.name,
                direct_ms: row.direct_ms,
                delegated_ms: row.delegated_ms,
                facts: facts.to_vec(),
                entries: timeline(true).chain(timeline(false)).collect(),
            });
        }
        out.sort();
        out
    }

    /// `(name, direct, delegated)` in minutes.
    fn minutes(&mut self) -> Vec<(String, Millis, Millis)> {
        self.streams()
            .into_iter()
            .map(|it| (it.name, it.direct_ms / MINUTE, it.delegated_ms / MINUTE))
            .collect()
    }
}

/// 10:00 on a Tuesday, and `minute` minutes.
fn clock(minute: i64) -> Timestamp {
    Timestamp::parse("2025-01-28T10:00:00Z").unwrap().plus(minute * MINUTE)
}

fn event(value: serde_json::Value) -> Event {
    Event::from_json(&value.to_string()).unwrap()
}

fn focus(minute: i64, pane: &str, cwd: &str) -> Event {
    event(json!({"timestamp": clock(minute).to_string(), "type": "tmux_pane_focus", "cwd": cwd,
        "pane_id": pane, "session_name": "main"}))
}

fn scroll(minute: i64, pane: &str) -> Event {
    event(json!({"timestamp": clock(minute).to_string(), "type": "tmux_scroll", "pane_id": pane,
        "session_name": "main"}))
}

fn agent(minute: i64, kind: &str, session: &str, cwd: Option<&str>) -> Event {
    let (kind, action) = match kind {
        "started" | "ended" => ("agent_session", Some(kind)),
        "tool" => ("agent_tool_use", None),
        _ => ("user_message", None),
    };
    event(json!({"timestamp": clock(minute).to_string(), "type": kind, "session_id": session,
        "cwd": cwd, "agent": "claude-code", "action": action}))
}

fn window(minute: i64, app: &str) -> Event {
    event(json!({"timestamp": clock(minute).to_string(), "type": "window_focus", "app": app}))
}

fn afk(minute: i64, status: &str, idle_minutes: i64) -> Event {
    event(json!({"timestamp": clock(minute).to_string(), "type": "afk_change", "status": status,
        "idle_duration_ms": idle_minutes * MINUTE}))
}

fn minutes_of(events: &[Event]) -> Vec<(String, Millis, Millis)> {
    let mut bench = Bench::new();
    bench.import(events);
    bench.infer();
    bench.minutes()
}

fn named(rows: &[(&str, Millis, Millis)]) -> Vec<(String, Millis, Millis)> {
    rows.iter().map(|(name, a, b)| ((*name).to_owned(), *a, *b)).collect()
}

#[test]
fn focus_and_agent_in_one_stream() {
    // The person looks for 5 minutes beyond each mark (0 and 10), the agent works from 1 to 12.
    let got = minutes_of(&[
        focus(0, "%1", "/w/acme"),
        agent(0, "started", "s", Some("/w/acme")),
        agent(1, "tool", "s", Some("/w/acme")),
        agent(6, "tool", "s", Some("/w/acme")),
        agent(10, "message", "s", Some("/w/acme")),
        agent(12, "ended", "s", Some("/w/acme")),
    ]);
    assert_eq!(got, named(&[("acme", 10, 11)]));
}

#[test]
fn two_agents_and_a_person_who_switches() {
    // Both agents work from 0 to 20; the person is at acme 0–4 and 7–12, at brix 4–7.
    let mut events =
        vec![focus(0, "%1", "/w/acme"), focus(4, "%2", "/w/brix"), focus(7, "%1", "/w/acme")];
    for (session, cwd) in [("a", "/w/acme"), ("b", "/w/brix")] {
        for minute in [0, 10, 20] {
            events.push(agent(minute, "tool", session, Some(cwd)));
        }
    }
    assert_eq!(minutes_of(&events), named(&[("acme", 9, 20), ("brix", 3, 20)]));
}

#[test]
fn person_away_while_the_agent_works() {
    // Idle is noticed at 4 and began at 1; coming back at 30 gives nothing until the focus at 32.
    let got = minutes_of(&[
        focus(0, "%1", "/w/acme"),
        agent(0, "tool", "s", Some("/w/acme")),
        afk(4, "idle", 3),
        agent(25, "tool", "s", Some("/w/acme")),
        afk(30, "active", 0),
        focus(32, "%1", "/w/acme"),
        agent(40, "ended", "s", Some("/w/acme")),
    ]);
    assert_eq!(got, named(&[("acme", 1 + 5, 40)]));
}

#[test]
fn sessions_that_overlap_in_one_stream_count_once() {
    let got = minutes_of(&[
        agent(0, "tool", "a", Some("/w/acme")),
        agent(20, "ended", "a", None),
        agent(10, "tool", "b", Some("/w/acme")),
        agent(30, "ended", "b", None),
        agent(30, "message", "c", Some("/w/acme")),
    ]);
    assert_eq!(got, named(&[("acme", 5, 30)]));
}

#[test]
fn an_agents_events_have_the_root_where_its_session_began() {
    let got = minutes_of(&[
        agent(0, "started", "s", Some("/w/acme")),
        agent(1, "tool", "s", Some("/tmp/elsewhere")),
        agent(9, "tool", "s", Some("/tmp/elsewhere")),
    ]);
    assert_eq!(got, named(&[("acme", 0, 8)]));
}

#[test]
fn a_window_that_is_no_terminal_takes_the_attention_and_a_terminal_gives_it_back() {
    let got = minutes_of(&[
        focus(0, "%1", "/w/acme"),
        window(2, "Firefox"),
        window(10, "kitty"),
        window(13, "Firefox"),
    ]);
    assert_eq!(got, named(&[("acme", 2 + 3, 0)]));
}

#[test]
fn a_run_without_anything_new_changes_nothing() {
    let mut bench = Bench::new();
    bench.import(&[focus(0, "%1", "/w/acme"), agent(1, "tool", "s", Some("/w/acme"))]);
    assert!(is_due(bench.store.conn(), &bench.settings).unwrap());
    assert_eq!(bench.infer(), Inferred { events: 2, streams: 1 });
    assert!(!is_due(bench.store.conn(), &bench.settings).unwrap());
    assert_eq!(bench.infer(), Inferred { events: 0, streams: 0 });
}

#[test]
fn ids_stay_when_late_events_join_streams() {
    let mut bench = Bench::new();
    let ids = |bench: &Bench| -> Vec<String> {
        let rows = derived::streams_between(bench.store.conn(), Interval::ALWAYS).unwrap();
        rows.into_iter().map(|row| row.id).collect()
    };
    bench.import(&[focus(100, "%1", "/w/acme")]);
    bench.infer();
    let older = ids(&bench);
    bench.import(&[focus(60, "%1", "/w/acme")]);
    bench.infer();
    assert_eq!(ids(&bench).len(), 2);
    bench.import(&[focus(80, "%1", "/w/acme")]);
    bench.infer();
    assert_eq!(ids(&bench), older);
    let joined = derived::joined_into(bench.store.conn(), &older[0]).unwrap();
    assert_eq!(joined, None);
}

#[test]
fn assigned_events_move_along_when_their_stream_is_joined() {
    let mut bench = Bench::new();
    bench.import(&[focus(0, "%1", "/w/acme"), focus(60, "%1", "/w/acme"), focus(61, "%2", "/w/b")]);
    bench.infer();
    let later = bench.stream_around(1).unwrap();
    bench.assign(&bench.sightings()[2], &later);
    bench.infer();
    assert_eq!(bench.minutes(), named(&[("acme", 5, 0), ("acme", 6, 0)]));
    // The event between makes one stream of both, and is near enough for its time to change.
    bench.import(&[focus(30, "%1", "/w/acme"), focus(58, "%1", "/w/acme")]);
    bench.infer();
    assert_eq!(bench.minutes(), named(&[("acme", 5 + 5 + 8, 0)]));
}

#[test]
fn what_a_person_said_follows_the_events_to_another_root() {
    use crate::tags::{Change, Source};
    let mut bench = Bench::new();
    bench.import(&[agent(5, "tool", "s", Some("/w/b")), agent(9, "tool", "s", Some("/w/b"))]);
    bench.infer();
    let before = bench.stream_around(0).unwrap();
    let conn = bench.store.conn();
    let tag = Change::Set("acme".to_owned(), Source::User);
    crate::store::tags::apply(conn, &before.id, &[tag]).unwrap();
    derived::rename(conn, before.num, "mine", "").unwrap();
    // The session turns out to have begun elsewhere, so all its events have another root.
    bench.import(&[agent(0, "started", "s", Some("/w/a"))]);
    bench.infer();
    let seen = bench.everything();
    let [(row, tagged, _)] = seen.as_slice() else { panic!("not one stream: {seen:?}") };
    assert_eq!((&row.id, &*row.name), (&before.id, "mine"));
    assert_eq!(tagged.tags.get("acme"), Some(&Source::User));
}

#[test]
fn titles_name_streams_alike_in_any_order_of_arrival() {
    let name = |order: [&str; 2]| {
        let mut bench = Bench::new();
        for session in order {
            bench.import(&[agent(0, "tool", session, Some("/w/a"))]);
            let texts = crate::store::texts::Texts::new(bench.store.conn());
            let number = texts.find(session).unwrap().unwrap();
            crate::store::agents::put_title(bench.store.conn(), number, 1, session).unwrap();
            bench.infer();
        }
        bench.streams().remove(0).name
    };
    assert_eq!(name(["one", "two"]), name(["two", "one"]));
}

#[test]
fn other_settings_infer_everything_afresh_and_keep_ids() {
    let mut bench = Bench::new();
    bench.import(&[focus(0, "%1", "/w/acme"), focus(20, "%1", "/w/acme"), focus(60, "%1", "/w/b")]);
    bench.infer();
    let before = derived::streams_between(bench.store.conn(), Interval::ALWAYS).unwrap();
    bench.settings.gap = 10 * MINUTE;
    assert!(is_due(bench.store.conn(), &bench.settings).unwrap());
    bench.infer();
    let after = derived::streams_between(bench.store.conn(), Interval::ALWAYS).unwrap();
    assert_eq!(after.len(), 3);
    for row in &before {
        assert!(after.iter().any(|it| it.id == row.id && it.num == row.num));
    }
}

/// Few places, panes and sessions, so that events really meet.
fn any_event() -> impl Strategy<Value = Event> {
    const CWDS: [&str; 6] = ["/w", "/w/a", "/w/a/x", "/v", "/home/me", "/home/me/z"];
    let cwd = prop::option::weighted(0.8, prop::sample::select(&CWDS[..]));
    (0..400i64, 0..14u8, 0..3u8, cwd, 0..8i64).prop_map(|(minute, what, who, cwd, idle)| {
        let pane = format!("%{who}");
        let session = format!("s{who}");
        match what {
            0 | 1 => {
                let value = json!({"timestamp": clock(minute).to_string(),
                    "type": "tmux_pane_focus", "cwd": cwd, "pane_id": pane,
                    "session_name": "main"});
                event(value)
            }
            2 => scroll(minute, &pane),
            3 => window(minute, "Firefox"),
            4 => window(minute, "kitty"),
            5 => afk(minute, if idle < 5 { "idle" } else { "active" }, idle * 4),
            6 => agent(minute, "started", &session, cwd),
            7 => agent(minute, "ended", &session, cwd),
            8 => agent(minute, "message", &session, cwd),
            11 => event(json!({"timestamp": clock(minute).to_string(), "type": "git_commit",
                "cwd": cwd, "repo": "o/a", "repo_root": (idle < 4).then_some("/w/a"),
                "branch": "main", "commit": format!("c{who}")})),
            12 => event(json!({"timestamp": clock(minute).to_string(), "type": "manual_note",
                "cwd": cwd, "text": "x", "session_id": (idle < 2).then_some(&session)})),
            13 => event(json!({"timestamp": clock(minute).plus(idle).to_string(),
                "type": "agent_tool_use", "id": format!("own {minute} {who} {idle}"),
                "session_id": session, "cwd": cwd, "agent": "codex"})),
            _ => agent(minute, "tool", &session, cwd),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn history_does_not_matter(
        events in prop::collection::vec(any_event(), 1..40).prop_shuffle(),
        cuts in prop::collection::vec(0..40usize, 0..6),
        again in 0..40usize,
    ) {
        let mut at_once = Bench::new();
        at_once.import(&events);
        at_once.infer();
        let want = at_once.streams();

        let mut in_portions = Bench::new();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(events.len())).collect();
        cuts.extend([0, events.len()]);
        cuts.sort_unstable();
        for pair in cuts.windows(2) {
            in_portions.import(&events[pair[0]..pair[1]]);
            in_portions.infer();
        }
        in_portions.import(&events[..again.min(events.len())]);
        in_portions.infer();
        prop_assert_eq!(&in_portions.streams(), &want);
        let loose = |bench: &Bench| {
            derived::unassigned_between(bench.store.conn(), Interval::ALWAYS).unwrap()
        };
        prop_assert_eq!(loose(&in_portions), loose(&at_once));

        request_rebuild(in_portions.store.conn(), clock(100), clock(120)).unwrap();
        in_portions.infer();
        prop_assert_eq!(&in_portions.streams(), &want);
        request_rebuild(in_portions.store.conn(), Timestamp::MIN, Timestamp::MAX).unwrap();
        in_portions.infer();
        prop_assert_eq!(&in_portions.streams(), &want);
    }

    #[test]
    fn time_adds_up(events in prop::collection::vec(any_event(), 1..60)) {
        let mut bench = Bench::new();
        bench.import(&events);
        bench.infer();
        let entries = derived::entries_between(bench.store.conn(), Interval::ALWAYS).unwrap();
        let mut direct: Vec<Interval> =
            entries.iter().filter(|it| it.actor == PERSON).map(|it| it.interval).collect();
        direct.sort_unstable();
        for pair in direct.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start, "direct time overlaps");
        }
        let streams = bench.streams();
        for (stream, row) in streams.iter().zip(0..) {
            let length: Millis = stream.entries.iter().map(|(_, from, to)| {
                let at = |text: &str| Timestamp::parse(text).unwrap();
                Interval::new(at(from), at(to)).millis()
            }).sum();
            prop_assert_eq!(length, stream.direct_ms + stream.delegated_ms, "stream {}", row);
        }
    }
}

/// Something that happens to a database.
#[derive(Clone)]
enum Step {
    Import(Vec<Event>),
    /// The person gives the first event to the stream of the second.
    Assign(usize, usize),
    /// The person tags the stream of an event.
    Tag(usize),
    Rebuild(i64),
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Import(events) => {
                events.iter().try_for_each(|event| writeln!(f, "import {}", event.to_json()))
            }
            Self::Assign(event, of) => write!(f, "assign {event} to {of}"),
            Self::Tag(of) => write!(f, "tag {of}"),
            Self::Rebuild(minute) => write!(f, "rebuild {minute}"),
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    // A focus nowhere would leave what follows it without a stream, and tags with nothing to be on.
    let somewhere = |event: &Event| event.kind != "tmux_pane_focus" || event.place.cwd.is_some();
    let event = any_event().prop_filter("a focus nowhere", somewhere);
    prop_oneof![
        5 => prop::collection::vec(event, 1..8).prop_map(Step::Import),
        3 => (0..40usize, 0..40usize).prop_map(|(event, of)| Step::Assign(event, of)),
        2 => (0..40usize).prop_map(Step::Tag),
        1 => (0..400i64).prop_map(Step::Rebuild),
    ]
}

impl Bench {
    /// All events, in the order of arrival.
    fn sightings(&self) -> Vec<Sighting> {
        let mut all = events::arrived_after(self.store.conn(), 0).unwrap();
        all.sort_by_key(|event| event.seq);
        all
    }

    /// Some stream that is there at the time of an event.
    fn stream_around(&self, of: usize) -> Option<StreamRow> {
        let all = self.sightings();
        let at = all.get(of % all.len().max(1))?.at;
        derived::streams_between(self.store.conn(), Interval::new(at, at.plus(1))).unwrap().pop()
    }

    fn assign(&self, event: &Sighting, stream: &StreamRow) {
        let conn = self.store.conn();
        derived::assign(conn, event.seq, stream.num).unwrap();
        request_rebuild(conn, event.at, event.at).unwrap();
        request_rebuild(conn, stream.first, stream.last).unwrap();
    }

    /// Everything that is derived, with ids and tags.
    fn everything(&self) -> Vec<(StreamRow, crate::tags::Tagged, Vec<TimeEntry>)> {
        let conn = self.store.conn();
        let rows = derived::streams_between(conn, Interval::ALWAYS).unwrap();
        rows.into_iter()
            .map(|row| {
                let tagged = crate::store::tags::of_stream(conn, &row.id).unwrap();
                let mut entries = derived::entries_of(conn, &BTreeSet::from([row.num])).unwrap();
                // Neighbours of one stream may be one entry or two.
                entries.dedup_by(|b, a| {
                    let one = a.actor == b.actor && a.interval.end == b.interval.start;
                    if one {
                        a.interval.end = b.interval.end;
                    }
                    one
                });
                (row, tagged, entries)
            })
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_a_person_says_holds(steps in prop::collection::vec(any_step(), 1..14)) {
        let mut bench = Bench::new();
        let mut tags = 0;
        let mut known = BTreeSet::new();
        for step in steps {
            let takes_events_away = matches!(step, Step::Assign(..));
            match step {
                Step::Import(events) => bench.import(&events),
                Step::Assign(event, of) => {
                    let all = bench.sightings();
                    if let (Some(stream), Some(event)) = (bench.stream_around(of), all.get(event)) {
                        bench.assign(event, &stream);
                    }
                }
                Step::Tag(of) => if let Some(stream) = bench.stream_around(of) {
                    let tag = crate::tags::Change::Set(tags.to_string(), crate::tags::Source::User);
                    crate::store::tags::apply(bench.store.conn(), &stream.id, &[tag]).unwrap();
                    tags += 1;
                },
                Step::Rebuild(minute) => {
                    request_rebuild(bench.store.conn(), clock(minute), clock(minute + 20)).unwrap();
                }
            }
            bench.infer();
            let seen = bench.everything();
            let nums: BTreeSet<StreamNum> = seen.iter().map(|(row, ..)| row.num).collect();
            let tagged: BTreeSet<String> =
                seen.iter().flat_map(|(_, tagged, _)| tagged.tags.keys().cloned()).collect();
            prop_assert!(takes_events_away || tagged.is_superset(&known), "a tag was lost");
            known = tagged;
            for entry in derived::entries_between(bench.store.conn(), Interval::ALWAYS).unwrap() {
                prop_assert!(entry.stream == NO_STREAM || nums.contains(&entry.stream),
                    "time of a stream that is no more: {:?}", entry);
            }
            let all = bench.sightings();
            for (seq, num) in derived::assignments(bench.store.conn()).unwrap() {
                let event = all.iter().find(|event| event.seq == seq).unwrap();
                let (row, ..) = seen.iter().find(|(row, ..)| row.num == num).unwrap();
                prop_assert!(row.first <= event.at && event.at <= row.last);
            }
            // Nothing is new, so inferring everything afresh changes nothing.
            request_rebuild(bench.store.conn(), Timestamp::MIN, Timestamp::MAX).unwrap();
            bench.infer();
            let again = bench.everything();
            prop_assert_eq!(again, seen);
        }
    }
}
