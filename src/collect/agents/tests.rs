//! Logs in, events out: excerpts of real logs, lines written for one question each, and laws.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const TIMEOUT: Millis = 30 * 60 * 1000;
const FUTURE: &str = "2100-01-01T00:00:00Z";

/// A directory of logs, and everything a caller would keep.
struct World {
    root: tempfile::TempDir,
    states: BTreeMap<String, FileState>,
    seen: HashSet<u64>,
    now: Timestamp,
    written: Timestamp,
    events: Vec<Event>,
    reports: Vec<(String, ReadReport)>,
}

impl World {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            states: BTreeMap::new(),
            seen: HashSet::new(),
            now: Timestamp::parse(FUTURE).unwrap(),
            written: Timestamp::from_millis(0),
            events: Vec::new(),
            reports: Vec::new(),
        }
    }

    fn write(&mut self, path: &str, bytes: impl AsRef<[u8]>) -> &mut Self {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    /// A run over all logs, as a caller with a database would do it. States go through JSON.
    fn read(&mut self) -> &mut Self {
        let root = [self.root.path().to_owned()];
        let mut found = discover(&root, &root);
        // These logs were written when their lines say, not while the test ran.
        found.files.iter_mut().for_each(|file| file.mtime = self.written);
        let subagents = found.subagents();
        let mut places = PlaceCache::default();
        for file in &found.files {
            let mut state = self.states.remove(&file.key()).unwrap_or_default();
            // Tests write faster than clocks tick.
            state.mtime = None;
            let mut context = Context {
                now: self.now,
                agent_timeout: TIMEOUT,
                places: &mut places,
                subagents: &subagents,
            };
            let events = &mut self.events;
            let mut sink = |event| events.push(event);
            let report = read_file(file, &mut state, &mut self.seen, &mut context, &mut sink);
            let skipped: u64 = report.skipped.values().sum();
            assert_eq!(report.lines, report.lines_with_events + skipped + report.bad_lines);
            let name = file.path.file_name().unwrap().to_string_lossy().into_owned();
            self.reports.push((name, report));
            let state: FileState =
                serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
            self.states.insert(file.key(), state);
        }
        self
    }

    fn report(&self, name: &str) -> &ReadReport {
        let found = self.reports.iter().rev().find(|it| it.0.starts_with(name));
        &found.unwrap().1
    }

    /// `kind session what` of every event, in order of time, then of the alphabet.
    fn told(&self) -> Vec<String> {
        let what = |event: &Event| {
            let keys = ["action", "tool", "length"];
            keys.iter().find_map(|key| event.data.get(*key)).unwrap().to_string()
        };
        let session = |event: &Event| event.session_id.clone().unwrap();
        let told =
            |it: &Event| format!("{} {} {}", it.kind, session(it), what(it).trim_matches('"'));
        let mut events: Vec<_> = self.events.iter().map(|it| (it.at, told(it))).collect();
        events.sort();
        events.into_iter().map(|(_, told)| told).collect()
    }

    fn messages(&self) -> Vec<u64> {
        let of_kind = self.events.iter().filter(|it| it.kind == kind::USER_MESSAGE);
        of_kind.map(|it| it.data["length"].as_u64().unwrap()).collect()
    }
}

/// One Claude session `s` of these lines, read at once.
fn claude(lines: &[Value]) -> World {
    let mut world = World::new();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    world.write("projects/-w/s.jsonl", text).read();
    world
}

/// A line of kind `kind` at minute `minute`, with the fields of `more`.
fn line(kind: &str, minute: i64, more: Value) -> Value {
    let at = Timestamp::parse("2026-01-05T09:00:00Z").unwrap().plus(minute * 60_000);
    let mut line = json!({
        "type": kind, "timestamp": at.to_string(), "cwd": "/gone/w", "gitBranch": "main",
        "sessionId": "s", "isSidechain": false,
        "uuid": format!("{kind}-{minute}-{}", more.to_string().len()),
    });
    for (key, value) in more.as_object().unwrap() {
        line[key] = value.clone();
    }
    line
}

fn user(minute: i64, content: Value) -> Value {
    line("user", minute, json!({"message": {"role": "user", "content": content}}))
}

fn tool(minute: i64, id: &str, name: &str) -> Value {
    let block = json!({"type": "tool_use", "id": id, "name": name, "input": {"file_path": "/f"}});
    line("assistant", minute, json!({"message": {"model": "m", "content": [block]}}))
}

fn result(id: &str, text: &str, is_error: bool) -> Value {
    json!([{"type": "tool_result", "tool_use_id": id, "content": text, "is_error": is_error}])
}

/// When sessions ended, as `hour:minute`.
fn ended(world: &World) -> Vec<String> {
    let ended = world.events.iter().filter(|it| it.data.get("action") == Some(&json!("ended")));
    ended.map(|it| it.at.to_string()[11..16].to_owned()).collect()
}

#[test]
fn a_real_session() {
    let mut world = World::new();
    let text = include_str!("../../../tests/agents/claude/short.jsonl");
    world.write("projects/-w/55604662.jsonl", text).read();
    assert_eq!(
        world.told(),
        [
            "agent_session 55604662 started",
            "user_message 55604662 35",
            "agent_tool_use 55604662 Bash",
            "agent_tool_use 55604662 Glob",
            "agent_session 55604662 ended",
            "user_message 55604662 0",
        ]
    );
    let place = &world.events[0].place;
    assert_eq!(place.cwd.as_deref(), Some("/home/marco/projects/spotter"));
    assert_eq!(place.git_branch.as_deref(), Some("master"));
    assert_eq!(world.report("5560").lines, 15);
}

#[test]
fn a_subagent_is_told_once() {
    let parent = include_str!("../../../tests/agents/claude/parent.jsonl");
    let child = include_str!("../../../tests/agents/claude/subagent.jsonl");
    let tools = |world: &World| {
        let told = world.told().into_iter();
        told.filter(|it| it.starts_with("agent_tool_use")).collect::<Vec<_>>()
    };
    let mut world = World::new();
    world.write("projects/-w/p.jsonl", parent).read();
    let without = tools(&world);
    assert_eq!(without.len(), 1);
    world.write("projects/-w/p/subagents/agent-a2898e3.jsonl", child).read();
    assert_eq!(tools(&world), without, "the file came later");

    let mut both = World::new();
    both.write("projects/-w/p.jsonl", parent);
    both.write("projects/-w/p/subagents/agent-a2898e3.jsonl", child).read();
    assert_eq!(tools(&both), without);
    assert_eq!(both.messages(), [0; 0]);
    assert_eq!(both.report("agent-").lines_with_events, 1);
    let ids = |world: &World| {
        let tools = world.events.iter().filter(|it| it.kind == kind::TOOL_USE);
        tools.map(|it| it.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&both), ids(&world), "either way it is the same event");
}

#[test]
fn glued_lines_and_merged_prompts() {
    let mut world = World::new();
    let glued = include_str!("../../../tests/agents/claude/glued.jsonl");
    let merged = include_str!("../../../tests/agents/claude/merged.jsonl");
    world.write("projects/-w/g.jsonl", glued);
    world.write("projects/-w/m.jsonl", merged).read();
    let report = world.report("g.jsonl");
    assert_eq!((report.lines, report.bad_lines), (2, 0));
    // Both summaries name lines; the second one names the glued line itself.
    let titles: Vec<&Titled> = report.titles.iter().map(|it| &it.of).collect();
    let own = Titled::SessionOfLine(line_key("3252495b-f5ee-4004-9370-21c6d432eb59"));
    assert_eq!(titles.len(), 2);
    assert_eq!(titles[1], &own);
    let prompt = "is there no library to do UUID validation??";
    assert_eq!(world.messages(), [prompt.len() as u64]);
}

#[test]
fn who_is_behind_a_user_line() {
    let table: [(&str, Value, &[u64]); 25] = [
        ("text", user(1, json!("h\u{e9}llo")), &[5]),
        ("blocks", user(1, json!([{"type": "text", "text": "abc"}])), &[3]),
        ("image", user(1, json!([{"type": "image", "source": {}}])), &[0]),
        (
            "context beside it",
            user(
                1,
                json!([{"type": "text", "text": "<ide_selection>x"}, {"type": "text", "text": "ab"}]),
            ),
            &[2],
        ),
        ("only context", user(1, json!([{"type": "text", "text": "<system-reminder>x"}])), &[]),
        (
            "sidechain",
            line("user", 1, json!({"isSidechain": true, "message": {"content": "x"}})),
            &[],
        ),
        ("meta", line("user", 1, json!({"isMeta": true, "message": {"content": "x"}})), &[]),
        (
            "summary",
            line("user", 1, json!({"isCompactSummary": true, "message": {"content": "x"}})),
            &[],
        ),
        ("result", user(1, result("t", "ok", false)), &[]),
        (
            "result without block",
            line("user", 1, json!({"toolUseResult": "x", "message": {"content": "x"}})),
            &[],
        ),
        (
            "merged",
            user(
                1,
                json!([{"type": "tool_result", "content": "x"}, {"type": "text", "text": "and"}]),
            ),
            &[3],
        ),
        (
            "result and reminder",
            user(
                1,
                json!([{"type": "tool_result"}, {"type": "text", "text": "<system-reminder>x"}]),
            ),
            &[],
        ),
        (
            "refused",
            user(1, result("t", "The user doesn't want to proceed with this tool use.", true)),
            &[0],
        ),
        ("failed", user(1, result("t", "exit code 1", true)), &[]),
        (
            "answered",
            line(
                "user",
                1,
                json!({
                    "message": {"content": result("t", "User has answered", false)},
                    "toolUseResult": {"questions": [], "answers": {"q": "a"}},
                }),
            ),
            &[0],
        ),
        (
            "plan with fresh context",
            line("user", 1, json!({"planContent": "x", "message": {"content": "Implement"}})),
            &[0],
        ),
        (
            "command",
            user(
                1,
                json!(
                    "<command-name>/review</command-name>\n<command-args>the pull</command-args>"
                ),
            ),
            &[8],
        ),
        ("bash", user(1, json!("<bash-input>ls -l</bash-input>")), &[5]),
        ("output", user(1, json!("<local-command-stdout>x</local-command-stdout>")), &[]),
        ("caveat", user(1, json!("Caveat: x")), &[]),
        ("task", user(1, json!("<task-notification>x")), &[]),
        (
            "task by origin",
            line(
                "user",
                1,
                json!({"origin": {"kind": "task-notification"}, "message": {"content": "x"}}),
            ),
            &[],
        ),
        ("interrupt", user(1, json!("[Request interrupted by user for tool use]")), &[0]),
        (
            "script",
            line("user", 1, json!({"entrypoint": "sdk-cli", "message": {"content": "x"}})),
            &[],
        ),
        ("odd types", line("user", 1, json!({"isMeta": "x", "message": 7, "origin": []})), &[]),
    ];
    for (name, line, want) in table {
        assert_eq!(claude(&[line]).messages(), want, "{name}");
    }
}

#[test]
fn plans_are_decided_by_the_person() {
    let decide = |text: &str, is_error| {
        claude(&[tool(1, "p", "ExitPlanMode"), user(2, result("p", text, is_error))]).messages()
    };
    assert_eq!(decide("User has approved your plan.", false), [0]);
    assert_eq!(decide("The user doesn't want to proceed", true), [0]);
    assert_eq!(decide("You are not in plan mode", true), [0; 0]);
}

#[test]
fn queued_prompts_count_once() {
    let queue = |minute, operation: &str, content: Value| {
        let mut line = line("queue-operation", minute, json!({"operation": operation}));
        line["content"] = content;
        line.as_object_mut().unwrap().retain(|key, _| key != "cwd" && key != "uuid");
        line
    };
    let queued = |minute, prompt: &str| {
        let attachment =
            json!({"type": "queued_command", "prompt": prompt, "commandMode": "prompt"});
        line("attachment", minute, json!({ "attachment": attachment }))
    };
    let work = tool(1, "t", "Bash");
    let put = || queue(2, "enqueue", json!("hello"));
    let taken = || queue(3, "dequeue", json!(null));
    let cases: [(&str, Vec<Value>, &[u64]); 9] = [
        ("then a line", vec![put(), taken(), user(3, json!("hello"))], &[5]),
        ("then an attachment", vec![put(), taken(), queued(3, "hello")], &[5]),
        ("then nothing", vec![put(), queue(3, "remove", json!(null))], &[5]),
        ("another text", vec![put(), taken(), user(3, json!("hi"))], &[5, 2]),
        (
            "the same text again",
            vec![put(), taken(), user(3, json!("hello")), user(4, json!("hello"))],
            &[5, 5],
        ),
        (
            "the same text much later",
            vec![put(), queue(3, "remove", json!(null)), user(40, json!("hello"))],
            &[5, 5],
        ),
        ("a task", vec![queue(2, "enqueue", json!("{\"task_id\": 1}"))], &[]),
        (
            "a task before it",
            vec![
                queue(1, "enqueue", json!("<task-notification>")),
                put(),
                taken(),
                taken(),
                user(4, json!("hello")),
            ],
            &[5],
        ),
        ("not queued", vec![queued(3, "hello")], &[5]),
    ];
    for (name, lines, want) in cases {
        let lines: Vec<Value> = std::iter::once(work.clone()).chain(lines).collect();
        assert_eq!(claude(&lines).messages(), want, "{name}");
    }
    // First in the file: what follows says where, and whose it is.
    let person = claude(&[put(), user(3, json!("hello"))]);
    assert_eq!(person.messages(), [5]);
    assert!(person.events.iter().all(|it| it.place.cwd.as_deref() == Some("/gone/w")));
    let script = json!({"entrypoint": "sdk-cli", "message": {"content": "hello"}});
    assert_eq!(claude(&[put(), line("user", 3, script)]).messages(), [0; 0]);
}

#[test]
fn a_session_ends_where_work_pauses() {
    let world = claude(&[
        user(0, json!("go")),
        tool(1, "a", "Bash"),
        user(2, result("a", "ok", false)),
        user(20, json!("still there?")),
        line("system", 40, json!({"subtype": "away_summary"})),
        tool(60, "b", "Bash"),
        line("progress", 85, json!({"data": {"type": "bash_progress"}})),
        user(110, result("b", "ok", false)),
    ]);
    assert_eq!(ended(&world), ["09:02", "10:50"]);

    // The end of the file is an end only once it is long ago, and told once.
    let mut world = World::new();
    world.now = Timestamp::parse("2026-01-05T09:20:00Z").unwrap();
    world.write("projects/-w/s.jsonl", format!("{}\n", tool(1, "a", "Bash"))).read();
    assert_eq!(ended(&world), [""; 0]);
    let state = world.states.values().next().unwrap().clone();
    assert_eq!(state.untold().unwrap().to_string(), "2026-01-05T09:01:00Z");
    world.now = Timestamp::parse("2026-01-05T09:32:00Z").unwrap();
    world.read().read();
    assert_eq!(ended(&world), ["09:01"]);
    assert_eq!(world.states.values().next().unwrap().untold(), None);
}

#[test]
fn a_file_that_was_just_written_has_no_end_yet() {
    let mut world = World::new();
    world.written = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
    world.now = world.written.plus(TIMEOUT);
    world.write("projects/-w/s.jsonl", format!("{}\n", tool(1, "a", "Bash"))).read();
    assert_eq!(ended(&world), [""; 0]);
    world.now = world.now.plus(1);
    world.read();
    assert_eq!(ended(&world), ["09:01"]);
}

#[test]
fn an_unchanged_file_needs_reading_only_when_due() {
    let mut world = World::new();
    world.now = Timestamp::parse("2026-01-05T09:20:00Z").unwrap();
    world.write("projects/-w/s.jsonl", format!("{}\n", tool(1, "a", "Bash"))).read();
    let mut file = discover(&[world.root.path().to_owned()], &[]).files.remove(0);
    file.mtime = world.written;
    let file = &file;
    let state = world.states.values().next().unwrap();
    assert!(state.holds(file));
    assert!(!state.needs_reading(file, world.now, TIMEOUT));
    assert!(state.needs_reading(file, world.now.plus(TIMEOUT), TIMEOUT));
    let mut changed = file.clone();
    changed.size += 1;
    assert!(state.needs_reading(&changed, world.now, TIMEOUT));
}

#[test]
fn copies_stay_with_the_smaller_session() {
    let shared = [user(0, json!("first")), tool(1, "a", "Bash")];
    let text = |lines: &[Value]| lines.iter().map(|it| format!("{it}\n")).collect::<String>();
    let mut world = World::new();
    let forked = [shared.to_vec(), vec![user(5, json!("own"))]].concat();
    world.write("projects/-w/b.jsonl", text(&forked).replace("\"s\"", "\"b\""));
    world.write("projects/-w/a.jsonl", text(&shared)).read();
    assert_eq!(
        world.told(),
        [
            "agent_session a started",
            "user_message a 5",
            "agent_session a ended",
            "agent_tool_use a Bash",
            "agent_session b started",
            "user_message b 3",
        ]
    );
    assert_eq!(world.report("b.jsonl").skipped["copy"], 2);
    let start = world.events.iter().find(|it| it.session_id.as_deref() == Some("b")).unwrap();
    assert_eq!(start.at.to_string(), "2026-01-05T09:05:00Z");
}

#[test]
fn a_replaced_file_is_read_again_and_told_once() {
    let mut world = World::new();
    let lines: Vec<String> =
        (0..5).map(|it| format!("{}\n", tool(it, &format!("t{it}"), "Bash"))).collect();
    world.write("projects/-w/s.jsonl", lines.concat()).read();
    let before = world.events.len();
    world.write("projects/-w/s.jsonl", lines[..2].concat()).read();
    assert_eq!(world.events.len(), before, "shrunk");
    let mut replaced = format!("{}\n", user(9, json!("new")));
    replaced.push_str(&lines.concat());
    world.write("projects/-w/s.jsonl", replaced).read();
    assert_eq!(world.events.len(), before + 1, "replaced by a longer one");
    assert_eq!(world.report("s.jsonl").skipped["copy"], 5);
}

#[test]
fn damage_costs_one_line() {
    let whole = tool(1, "a", "Bash").to_string();
    let half = &whole[..whole.len() / 2];
    let spliced =
        format!(r#"{half}{{"parentUuid":null,{}"#, &tool(2, "b", "Read").to_string()[1..]);
    let mut bytes = Vec::new();
    for line in ["nonsense", "\0\0\0", "[]", &spliced, "", r#"{"type":"user","uuid":"\ud83d"}"#] {
        writeln!(bytes, "{line}").unwrap();
    }
    bytes.extend_from_slice(b"{\"type\":\"x\",\"y\":\"\xff\"}\n\0\0");
    bytes.extend_from_slice(tool(3, "c", "Grep").to_string().as_bytes());
    bytes.extend_from_slice(b"\n{\"type\":\"assistant\",\"mess");
    let mut world = World::new();
    world.write("projects/-w/s.jsonl", bytes).read();
    let report = world.report("s.jsonl");
    assert_eq!((report.lines, report.bad_lines, report.lines_with_events), (8, 3, 1));
    assert_eq!(report.skipped, BTreeMap::from([("blank", 2), ("no_time", 1), ("state", 1)]));
    let bad: Vec<String> =
        report.first_bad.iter().map(|it| format!("{} {}", it.line, it.why)).collect();
    assert_eq!(bad[0], "1 not JSON from byte 0 on");
    assert_eq!(bad[1], "3 not a JSON object");
    assert_eq!(bad[2], "4 not JSON from byte 0 on");
    let tools = world.events.iter().filter(|it| it.kind == kind::TOOL_USE).count();
    assert_eq!(tools, 2, "the record behind the splice is used");
}

#[test]
fn a_last_line_is_used_and_read_again() {
    let mut world = World::new();
    let first = tool(1, "a", "Bash").to_string();
    let second = tool(2, "b", "Bash").to_string();
    world.write("projects/-w/s.jsonl", &first).read();
    assert_eq!(world.events.len(), 3);
    assert_eq!(world.states.values().next().unwrap().offset, 0);
    world.write("projects/-w/s.jsonl", format!("{first}\n")).read();
    assert_eq!(world.report("s.jsonl").skipped, BTreeMap::from([("already_read", 1)]));
    let mut glued = World::new();
    glued.now = Timestamp::parse("2026-01-05T09:03:00Z").unwrap();
    glued.write("projects/-w/s.jsonl", &first).read();
    glued.write("projects/-w/s.jsonl", format!("{first}{second}\n")).read();
    assert_eq!(glued.report("s.jsonl").lines_with_events, 1);
    assert_eq!(glued.events.len(), 3);
}

#[test]
fn titles_by_rank() {
    let world = claude(&[
        json!({"type": "ai-title", "sessionId": "s", "aiTitle": "one"}),
        json!({"type": "ai-title", "sessionId": "s", "aiTitle": "two"}),
        json!({"type": "custom-title", "sessionId": "s", "customTitle": "mine"}),
        json!({"type": "summary", "summary": "old", "leafUuid": "u"}),
    ]);
    let titles = &world.report("s.jsonl").titles;
    let found: Vec<_> = titles.iter().map(|it| (it.rank, it.text.as_str())).collect();
    assert_eq!(
        found,
        [(TitleRank::Agent, "two"), (TitleRank::Person, "mine"), (TitleRank::Summary, "old")]
    );
    assert_eq!(titles[2].of, Titled::SessionOfLine(line_key("u")));
    assert!(TitleRank::Person > TitleRank::Agent && TitleRank::Agent > TitleRank::Summary);
}

#[test]
fn real_and_old_rollouts() {
    let mut world = World::new();
    let desktop = include_str!("../../../tests/agents/codex/desktop.jsonl");
    let old = include_str!("../../../tests/agents/codex/old.jsonl");
    world.write("sessions/2026/02/23/rollout-2026-02-23T13-19-38-019c8a70.jsonl", desktop);
    world.write("sessions/2025/08/20/rollout-2025-08-20T11-15-02-1111.jsonl", old).read();
    let id = "019c8a70-dda7-7f33-98ea-f30553347322";
    assert_eq!(
        world.told(),
        [
            "agent_session 11111111-2222-4333-8444-555555555555 started".to_owned(),
            format!("agent_session {id} started"),
            format!("user_message {id} 38"),
            format!("agent_session {id} ended"),
            format!("agent_tool_use {id} exec_command"),
        ]
    );
    let started = |id: &str| {
        let found = world.events.iter().find(|it| it.session_id.as_deref() == Some(id));
        found.unwrap()
    };
    assert_eq!(started(id).at.to_string(), "2026-02-23T12:19:42.561Z", "the line's time");
    let old = started("11111111-2222-4333-8444-555555555555");
    assert_eq!(old.place.cwd.as_deref(), Some("/home/dev/demo"));
}

#[test]
fn compressed_and_moved_rollouts_are_told_once() {
    let text = include_str!("../../../tests/agents/codex/desktop.jsonl");
    let name = "rollout-2026-02-23T13-19-38-019c8a70.jsonl";
    let cut = text.match_indices('\n').nth(12).unwrap().0 + 1;
    let mut world = World::new();
    world.now = Timestamp::parse("2026-02-23T12:19:50Z").unwrap();
    world.write(&format!("sessions/2026/02/23/{name}"), &text[..cut]).read();
    world.now = Timestamp::parse(FUTURE).unwrap();
    fs::remove_dir_all(world.root.path().join("sessions")).unwrap();
    let packed = zstd::encode_all(text.as_bytes(), 0).unwrap();
    world.write(&format!("archived_sessions/{name}.zst"), packed).read();
    assert_eq!(world.report("rollout").lines, text[cut..].lines().count() as u64);
    let mut whole = World::new();
    whole.write(&format!("sessions/{name}"), text).read();
    assert_eq!(ids(&whole.events), ids(&world.events));
}

/// Lines of a Codex thread; times are in minutes.
struct Thread(String);

impl Thread {
    fn new(id: &str, more: Value) -> Self {
        let mut meta =
            json!({"id": id, "cwd": "/gone/w", "timestamp": minute(10), "source": "cli"});
        for (key, value) in more.as_object().unwrap() {
            meta[key] = value.clone();
        }
        Self(String::new()).add("session_meta", 10, meta)
    }

    fn add(mut self, kind: &str, at: i64, payload: Value) -> Self {
        let line = json!({"timestamp": minute(at), "type": kind, "payload": payload});
        self.0.push_str(&format!("{line}\n"));
        self
    }

    fn turn(self, id: &str, at: i64) -> Self {
        self.add("event_msg", at, json!({"type": "task_started", "turn_id": id}))
            .add("event_msg", at, json!({"type": "user_message", "message": "hello"}))
            .add(
                "response_item",
                at,
                json!({"type": "function_call", "name": "shell", "call_id": format!("c-{id}")}),
            )
    }
}

fn minute(at: i64) -> String {
    let start = Timestamp::parse("2026-01-05T09:00:00Z").unwrap();
    start.plus(at * 60_000).to_string()
}

fn codex(threads: &[(&str, Thread)]) -> World {
    let mut world = World::new();
    for (id, thread) in threads {
        world.write(&format!("sessions/rollout-2026-01-05T10-00-00-{id}.jsonl"), &thread.0);
    }
    world.read();
    world
}

#[test]
fn forks_and_subagents_of_codex() {
    let parent = || Thread::new("a", json!({})).turn("t1", 11);
    let copied = |thread: Thread| {
        thread.add("session_meta", 20, json!({"id": "a", "cwd": "/gone/other"})).turn("t1", 20)
    };
    let fork = copied(Thread::new("b", json!({"forked_from_id": "a", "timestamp": minute(20)})));
    let spawn = json!({"subagent": {"thread_spawn": {"parent_thread_id": "a", "depth": 1}}});
    let child = copied(Thread::new("c", json!({"source": spawn, "session_id": "a"})));
    let world = codex(&[("a", parent()), ("b", fork.turn("t2", 21)), ("c", child.turn("t3", 22))]);
    let told: BTreeSet<String> = world.told().into_iter().collect();
    let want = [
        "agent_session a started",
        "user_message a 5",
        "agent_tool_use a shell",
        "agent_session a ended",
        "agent_session b started",
        "user_message b 5",
        "agent_tool_use b shell",
        "agent_session b ended",
    ];
    assert_eq!(told, want.map(str::to_owned).into());
    assert_eq!(world.told().len(), 9, "the child's tool use is its parent's second");

    // The parent's log is gone: its turns began before the fork did.
    let orphan = Thread::new("b", json!({"forked_from_id": "a", "timestamp": minute(20)}))
        .add("session_meta", 20, json!({"id": "a"}))
        .add(
            "event_msg",
            20,
            json!({"type": "task_started", "turn_id": "t1", "started_at": 1_767_603_660}),
        )
        .add("event_msg", 20, json!({"type": "user_message", "message": "hello"}))
        .turn("t2", 21);
    assert_eq!(codex(&[("b", orphan)]).messages(), [5]);
}

#[test]
fn what_codex_repeats_is_told_once() {
    let patch = "*** Begin Patch\n*** Update File: src/a.rs\n@@\n*** End Patch";
    let thread = Thread::new("a", json!({"git": {"branch": "main"}}))
        .turn("t1", 11)
        .add("response_item", 11, json!({"type": "message", "role": "user", "content": []}))
        .add("event_msg", 12, json!({"type": "exec_command_end", "call_id": "c-t1"}))
        .add("compacted", 12, json!({"message": "", "replacement_history": [{"type": "function_call"}]}))
        .add("session_meta", 13, json!({"id": "a", "cwd": "/gone/w", "git": {"branch": "next"}}))
        .add("response_item", 14, json!({"type": "custom_tool_call", "name": "apply_patch", "call_id": "p", "input": patch}))
        .add("event_msg", 15, json!({"type": "user_message", "message": "# Context\n\n## My request for Codex:\nfix\n"}));
    let world = codex(&[("a", thread)]);
    assert_eq!(
        world.told(),
        [
            "agent_session a started",
            "agent_tool_use a shell",
            "user_message a 5",
            "agent_session a ended",
            "agent_tool_use a apply_patch",
            "user_message a 3",
        ]
    );
    let patched = world.events.iter().find(|it| it.text("tool") == Some("apply_patch")).unwrap();
    assert_eq!(patched.text("file"), Some("src/a.rs"));
    assert_eq!(patched.place.git_branch.as_deref(), Some("next"));
    let script = Thread::new("x", json!({"source": "exec"})).turn("t", 11);
    assert_eq!(codex(&[("x", script)]).messages(), [0; 0]);
}

fn ids(events: &[Event]) -> BTreeSet<String> {
    events.iter().map(Event::to_json).collect()
}

/// What a random line is about; the text in it is a secret.
fn claude_line(choice: u8, at: i64, number: usize, secret: &str) -> String {
    let uuid = json!({"uuid": format!("u{number}")});
    let mut value = match choice {
        0 => user(0, json!(secret)),
        1 | 2 => tool(0, &format!("t{number}"), "Bash"),
        3 => user(0, result("t", secret, false)),
        4 => user(0, result("t", &format!("The user doesn't want to {secret}"), true)),
        5 => line("queue-operation", 0, json!({"operation": "enqueue", "content": secret})),
        6 => line("queue-operation", 0, json!({"operation": "dequeue"})),
        7 => line("progress", 0, json!({"data": {"type": "bash_progress", "output": secret}})),
        8 => json!({"type": "last-prompt", "lastPrompt": secret}),
        9 => user(
            0,
            json!(format!("<command-name>/x</command-name><command-args>{secret}</command-args>")),
        ),
        10 => line(
            "attachment",
            0,
            json!({"attachment": {"type": "queued_command", "commandMode": "prompt", "prompt": secret}}),
        ),
        11 => return format!("{{\"type\":\"user\",\"text\":\"{secret}"),
        12 => return format!("\0\0\"{secret}\""),
        _ => line(
            "assistant",
            0,
            json!({"message": {"model": "m", "content": [{"type": "text", "text": secret}]}}),
        ),
    };
    if value.get("timestamp").is_some() {
        value["timestamp"] = json!(at_second(at));
    }
    if choice == 5 || choice == 6 {
        value.as_object_mut().unwrap().retain(|key, _| key != "uuid" && key != "cwd");
    } else if value.get("uuid").is_some() {
        value["uuid"] = uuid["uuid"].clone();
    }
    value.to_string()
}

fn codex_line(choice: u8, at: i64, number: usize, secret: &str) -> String {
    let (kind, payload) = match choice {
        0 => ("event_msg", json!({"type": "user_message", "message": secret})),
        1 | 2 => (
            "response_item",
            json!({"type": "function_call", "name": "shell", "call_id": format!("c{number}"), "arguments": secret}),
        ),
        3 => (
            "response_item",
            json!({"type": "function_call_output", "call_id": "c", "output": secret}),
        ),
        4 => ("event_msg", json!({"type": "task_started", "turn_id": format!("t{number}")})),
        5 => (
            "event_msg",
            json!({"type": "task_complete", "turn_id": "t", "last_agent_message": secret}),
        ),
        6 => ("turn_context", json!({"cwd": "/gone/v", "turn_id": "t"})),
        7 => ("session_meta", json!({"id": "a", "cwd": "/gone/w"})),
        8 => ("compacted", json!({"replacement_history": [secret]})),
        9 => return format!("{{\"type\":\"user\",\"text\":\"{secret}"),
        _ => ("response_item", json!({"type": "message", "role": "assistant", "content": secret})),
    };
    json!({"timestamp": at_second(at), "type": kind, "payload": payload}).to_string()
}

fn at_second(at: i64) -> String {
    let start = Timestamp::parse("2026-01-05T09:00:00Z").unwrap();
    start.plus(at * 1000).to_string()
}

/// Lines with their times in seconds, and whether a newline ends them.
fn logs() -> impl Strategy<Value = Vec<(u8, i64, bool)>> {
    let pause =
        prop_oneof![4 => 0..60_i64, 2 => 60..1800_i64, 1 => 1795..1810_i64, 1 => 1800..9000_i64];
    let line = (0..15_u8, pause, prop::bool::weighted(0.9));
    prop::collection::vec(line, 1..25)
}

/// The log as text, and for each line where it begins and its time.
fn build(spec: &[(u8, i64, bool)], is_claude: bool) -> (Vec<u8>, Vec<(usize, i64)>) {
    let (mut text, mut starts, mut at) = (String::new(), Vec::new(), 0);
    for (number, (choice, pause, is_ended)) in spec.iter().enumerate() {
        at += pause;
        starts.push((text.len(), at));
        let secret = format!("S\u{e9}CRET{}", number % 3);
        text.push_str(&if is_claude {
            claude_line(*choice, at, number, &secret)
        } else {
            codex_line(*choice, at, number, &secret)
        });
        if *is_ended {
            text.push('\n');
        }
    }
    (text.into_bytes(), starts)
}

const CLAUDE_LOG: &str = "projects/-w/a.jsonl";
const CODEX_LOG: &str = "sessions/rollout-2026-01-05T10-00-00-a.jsonl";

fn no_secret(world: &World) -> bool {
    let states = world.states.values().map(|it| serde_json::to_string(it).unwrap());
    let reports = world.reports.iter().map(|it| format!("{it:?}"));
    let events = world.events.iter().map(Event::to_json);
    states.chain(reports).chain(events).all(|text| !text.contains("CRET"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn pieces_give_what_the_whole_gives(
        spec in logs(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        is_claude: bool,
        with_now: bool,
    ) {
        let (bytes, starts) = build(&spec, is_claude);
        let path = if is_claude { CLAUDE_LOG } else { CODEX_LOG };
        let mut whole = World::new();
        whole.write(path, &bytes).read();
        prop_assert!(no_secret(&whole));

        let mut cuts: Vec<usize> = cuts.iter().map(|it| it.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let mut pieces = World::new();
        for cut in cuts {
            // As late as the newest line that has begun: a real clock is never behind it.
            let written = starts.iter().rev().find(|it| it.0 <= cut).map_or(0, |it| it.1);
            pieces.now = Timestamp::parse(&at_second(if with_now { written } else { 0 })).unwrap();
            pieces.write(path, &bytes[..cut]).read();
        }
        pieces.now = Timestamp::parse(FUTURE).unwrap();
        pieces.write(path, &bytes).read();
        prop_assert!(no_secret(&pieces));
        prop_assert_eq!(ids(&whole.events), ids(&pieces.events));
        prop_assert_eq!(whole.events.len(), pieces.events.len());
    }

    #[test]
    fn any_bytes_are_accounted_for(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut world = World::new();
        world.write(CLAUDE_LOG, &bytes).write(CODEX_LOG, &bytes).read().read();
    }

    #[test]
    fn any_json_is_no_reason_to_fail(spec in logs(), drop in any::<prop::sample::Index>()) {
        let (mut bytes, _) = build(&spec, true);
        let at = drop.index(bytes.len());
        bytes.remove(at);
        let mut world = World::new();
        world.write(CLAUDE_LOG, &bytes).write(CODEX_LOG, &bytes).read();
        prop_assert!(no_secret(&world));
    }
}
