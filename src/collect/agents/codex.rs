//! What a line of a Codex rollout means.
//!
//! A rollout is a thread. Its lines are `{timestamp, type, payload}`; the first `session_meta`
//! says which thread it is and where it runs, later ones only that it was continued.
//!
//! The same thing stands in many places. We take each from one: prompts from
//! `event_msg`/`user_message`, tool uses from the `response_item` that calls (by `call_id`), and
//! nothing from `compacted`, which repeats whole histories.
//!
//! **Threads that begin with another's history** (forks, spawned subagents) repeat its turns,
//! sometimes with new timestamps. In a thread that says it has a parent, a turn is a copy if its
//! `turn_id` is known from another file, or if it began before the thread itself; so is all that
//! follows a foreign `session_meta` until a turn of its own. Copies give nothing.
//!
//! **Subagents.** The tool uses of a spawned thread belong to its parent, and its prompts to
//! nobody. Nor is a prompt of a run without a terminal (`codex exec`) the person's.
//!
//! **The old format**, until autumn 2025, has one timestamp in the whole file. All it can tell is
//! that a session started; its directory stands in the text of an `<environment_context>`.

use serde::{Deserialize, Serialize};

use super::loose::{Content, Loose, Obj, Pick, Present, Text};
use super::{FileState, Run, Scene, key_of};
use crate::collect::agents::LogFile;
use crate::time::Timestamp;

/// What is kept of a Codex file.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// The thread, once its `session_meta` was read.
    thread: Option<String>,
    /// The session that its tool uses belong to, if not its own.
    parent: Option<String>,
    /// Whether another agent started it.
    is_subagent: bool,
    /// Whether it may begin with another thread's history.
    has_history: bool,
    /// Whether it runs without a terminal.
    headless: bool,
    /// Whether what comes now is another thread's history.
    copying: bool,
    /// Hash of the current turn's id.
    turn: Option<u64>,
    /// Whether it is in the old format.
    is_old: bool,
    /// When the thread was made.
    made: Option<Timestamp>,
}

/// A line, as far as it is read.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Line<'a> {
    #[serde(rename = "type", borrow)]
    kind: Loose<Text<'a>>,
    #[serde(borrow)]
    timestamp: Loose<Text<'a>>,
    #[serde(borrow)]
    payload: Loose<Obj<Payload<'a>>>,
    // Only in the old format:
    #[serde(borrow)]
    id: Loose<Text<'a>>,
    #[serde(borrow)]
    git: Loose<Obj<Git<'a>>>,
    #[serde(borrow)]
    content: Loose<Content<'a, Part<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Payload<'a> {
    #[serde(rename = "type", borrow)]
    kind: Loose<Text<'a>>,
    #[serde(borrow)]
    id: Loose<Text<'a>>,
    #[serde(borrow)]
    session_id: Loose<Text<'a>>,
    timestamp: Loose<Moment>,
    #[serde(borrow)]
    cwd: Loose<Text<'a>>,
    #[serde(borrow)]
    originator: Loose<Text<'a>>,
    #[serde(borrow)]
    source: Loose<Source<'a>>,
    forked_from_id: Loose<Present>,
    #[serde(borrow)]
    parent_thread_id: Loose<Text<'a>>,
    #[serde(borrow)]
    thread_source: Loose<Text<'a>>,
    #[serde(borrow)]
    git: Loose<Obj<Git<'a>>>,
    #[serde(borrow)]
    turn_id: Loose<Text<'a>>,
    started_at: Loose<Moment>,
    #[serde(borrow)]
    role: Loose<Text<'a>>,
    #[serde(borrow)]
    call_id: Loose<Text<'a>>,
    #[serde(borrow)]
    name: Loose<Text<'a>>,
    #[serde(borrow)]
    namespace: Loose<Text<'a>>,
    #[serde(borrow)]
    input: Loose<Text<'a>>,
    #[serde(borrow)]
    arguments: Loose<Text<'a>>,
    #[serde(borrow)]
    message: Loose<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Git<'a> {
    #[serde(borrow)]
    branch: Loose<Text<'a>>,
}

/// A part of a message in the old format.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Loose<Text<'a>>,
}

/// Where a thread comes from: a word, or an object if another agent spawned it.
#[derive(Default)]
struct Source<'a> {
    word: Loose<Text<'a>>,
    is_subagent: bool,
    parent: Option<String>,
}

impl<'de: 'a, 'a> Pick<'de> for Source<'a> {
    fn text(&mut self, text: std::borrow::Cow<'de, str>) {
        Pick::text(&mut self.word.0, text);
    }

    fn map<A: serde::de::MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Loose<Text<'de>>>()? {
            let spawn = map.next_value::<Loose<Obj<Subagent<'de>>>>()?;
            if key.is("subagent") {
                self.is_subagent = true;
                let spawn = spawn.get().and_then(|it| it.thread_spawn.get());
                let parent = spawn.and_then(|it| it.parent_thread_id.get());
                self.parent = parent.map(str::to_owned);
            }
        }
        Ok(())
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Subagent<'a> {
    #[serde(borrow)]
    thread_spawn: Loose<Obj<Spawn<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Spawn<'a> {
    #[serde(borrow)]
    parent_thread_id: Loose<Text<'a>>,
}

/// An instant: Unix seconds or a text.
#[derive(Default)]
struct Moment(Option<Timestamp>);

impl<'de> Pick<'de> for Moment {
    fn text(&mut self, text: std::borrow::Cow<'de, str>) {
        self.0 = Timestamp::parse(&text);
    }

    fn number(&mut self, seconds: f64) {
        let is_sane = seconds.is_finite() && (1.0..=1e11).contains(&seconds);
        self.0 = is_sane.then(|| Timestamp::from_millis((seconds * 1000.0) as i64));
    }
}

/// The session that the events of `file` belong to.
pub(super) fn session_of<'s>(state: &'s State, file: &'s LogFile) -> &'s str {
    let named = state.parent.as_deref().or(state.thread.as_deref());
    named.unwrap_or(&file.session_id)
}

/// Makes what events there are of a line; the reason is for where there are none.
pub(super) fn take(
    run: &mut Run<'_, '_, '_>,
    state: &mut FileState,
    line: &Line<'_>,
) -> &'static str {
    let at = line.timestamp.get().and_then(Timestamp::parse);
    let Some(payload) = line.payload.get() else {
        return take_old(run, state, line, at);
    };
    let Some(at) = at else {
        return "no_time";
    };
    run.tell_late_start(state, at);
    match line.kind.get().unwrap_or_default() {
        "session_meta" => take_meta(run, state, payload, at),
        "turn_context" => {
            enter_turn(run, &mut state.codex, payload, at);
            if let Some(cwd) = payload.cwd.get()
                && !state.codex.copying
            {
                state.session.cwd = Some(cwd.to_owned());
                start(run, state, at);
            }
            "turn_context"
        }
        "event_msg" => take_message(run, state, payload, at),
        "response_item" => take_item(run, state, payload, at),
        "compacted" => "compacted",
        _ => "other",
    }
}

/// Notes when the session started, and tells it once its directory is known.
fn start(run: &mut Run<'_, '_, '_>, state: &mut FileState, at: Timestamp) {
    if state.codex.is_subagent {
        return;
    }
    state.session.start.get_or_insert(at);
    if state.session.cwd.is_some() {
        let id = session_of(&state.codex, run.file).to_owned();
        run.tell_start(&mut state.session, &id);
    }
}

fn take_meta(
    run: &mut Run<'_, '_, '_>,
    state: &mut FileState,
    meta: &Payload<'_>,
    at: Timestamp,
) -> &'static str {
    let id = meta.id.get().unwrap_or(&run.file.session_id);
    let codex = &mut state.codex;
    if codex.thread.as_deref().is_some_and(|thread| thread != id) {
        codex.copying = true;
        return "copy";
    }
    if codex.thread.is_none() {
        name_thread(codex, meta, id, at);
    }
    if let Some(cwd) = meta.cwd.get() {
        state.session.cwd = Some(cwd.to_owned());
    }
    let branch = meta.git.get().and_then(|git| git.branch.get());
    if let Some(branch) = branch {
        state.session.branch = Some(branch.to_owned()).filter(|branch| branch != "HEAD");
    }
    start(run, state, at);
    "session_meta"
}

fn name_thread(codex: &mut State, meta: &Payload<'_>, id: &str, at: Timestamp) {
    let source = &meta.source.0;
    let parent = meta.parent_thread_id.get().or(source.parent.as_deref());
    let is_forked = meta.forked_from_id.0.0;
    codex.thread = Some(id.to_owned());
    codex.is_subagent =
        source.is_subagent || meta.thread_source.is("subagent") || (parent.is_some() && !is_forked);
    codex.has_history = is_forked || parent.is_some() || codex.is_subagent;
    if codex.is_subagent {
        // The session of a subagent's thread can be its parent's.
        let parent = parent.or(meta.session_id.get());
        codex.parent = parent.filter(|parent| *parent != id).map(str::to_owned);
    }
    codex.headless = source.word.is("exec") || meta.originator.is("codex_exec");
    codex.made = Some(meta.timestamp.0.0.map_or(at, |made| made.min(at)));
}

/// Notes which turn it is, and whether it is another thread's.
fn enter_turn(run: &mut Run<'_, '_, '_>, codex: &mut State, payload: &Payload<'_>, at: Timestamp) {
    let Some(id) = payload.turn_id.get() else {
        return;
    };
    let key = key_of(&["turn", id]);
    if codex.turn == Some(key) {
        return;
    }
    codex.turn = Some(key);
    let is_new = run.seen.first_time(key);
    if codex.has_history || codex.copying {
        // Seconds, so the thread's own first turn may seem to begin up to one before it.
        let began = payload.started_at.0.0.unwrap_or(at).plus(1000);
        let is_older = codex.made.is_some_and(|made| began < made);
        codex.copying = !is_new || is_older;
    }
}

fn take_message(
    run: &mut Run<'_, '_, '_>,
    state: &mut FileState,
    payload: &Payload<'_>,
    at: Timestamp,
) -> &'static str {
    let kind = payload.kind.get().unwrap_or_default();
    if matches!(kind, "task_started" | "turn_started") {
        enter_turn(run, &mut state.codex, payload, at);
        return "turn";
    }
    if state.codex.copying {
        return "copy";
    }
    match kind {
        "user_message" => take_prompt(run, state, payload, at),
        "task_complete" | "turn_complete" | "turn_aborted" => {
            at_work(run, state, at);
            "turn"
        }
        "agent_message" | "agent_reasoning" => {
            at_work(run, state, at);
            "event"
        }
        kind if kind.ends_with("_end") => {
            at_work(run, state, at);
            "event"
        }
        _ => "event",
    }
}

fn take_prompt(
    run: &mut Run<'_, '_, '_>,
    state: &mut FileState,
    payload: &Payload<'_>,
    at: Timestamp,
) -> &'static str {
    if state.codex.is_subagent {
        return "subagent_prompt";
    }
    if state.codex.headless {
        return "headless";
    }
    let text = payload.message.get().unwrap_or_default();
    // Editors put what is open before the prompt.
    let typed = text.split_once("## My request for Codex:").map_or(text, |(_, typed)| typed.trim());
    let session = session_of(&state.codex, run.file).to_owned();
    if !run.claim(&["prompt", &session, &at.to_string(), text]) {
        return "copy";
    }
    run.tell_message(scene(state, &session, at), typed.chars().count());
    "event"
}

fn scene<'s>(state: &'s FileState, session: &'s str, at: Timestamp) -> Scene<'s> {
    Scene {
        at,
        session,
        cwd: state.session.cwd.as_deref(),
        branch: state.session.branch.as_deref(),
    }
}

/// Work of a thread of its own; a subagent's says nothing about when its parent ends.
fn at_work(run: &mut Run<'_, '_, '_>, state: &mut FileState, at: Timestamp) {
    if state.codex.is_subagent {
        return;
    }
    let session = session_of(&state.codex, run.file).to_owned();
    let (cwd, branch) = (state.session.cwd.clone(), state.session.branch.clone());
    let scene = Scene { at, session: &session, cwd: cwd.as_deref(), branch: branch.as_deref() };
    run.worked(&mut state.session, scene);
}

fn take_item(
    run: &mut Run<'_, '_, '_>,
    state: &mut FileState,
    item: &Payload<'_>,
    at: Timestamp,
) -> &'static str {
    if state.codex.copying {
        return "copy";
    }
    let kind = item.kind.get().unwrap_or_default();
    if kind == "message" && !item.role.is("assistant") {
        return "message";
    }
    at_work(run, state, at);
    let tool = match kind {
        "function_call" | "custom_tool_call" => item.name.get().unwrap_or("unknown"),
        "local_shell_call" => "local_shell",
        "web_search_call" => "web_search",
        "tool_search_call" => "tool_search",
        "message" | "agent_message" => return "message",
        "reasoning" => return "reasoning",
        kind if kind.ends_with("_output") => return "tool_result",
        _ => return "other",
    };
    let session = session_of(&state.codex, run.file).to_owned();
    let call = item.call_id.get().or(item.id.get());
    let is_new = match call {
        Some(call) => run.claim(&["call", call]),
        None => run.claim(&["call", &session, &at.to_string(), tool]),
    };
    if !is_new {
        return "copy";
    }
    let tool = match item.namespace.get() {
        Some(namespace) => format!("{namespace}.{tool}"),
        None => tool.to_owned(),
    };
    let text = item.input.get().or(item.arguments.get());
    let file = text.and_then(patched_file);
    run.tell_tool(scene(state, &session, at), &tool, file, call);
    "tool"
}

/// The first file that a patch names. The patch is the text, or a JSON string inside it.
fn patched_file(text: &str) -> Option<&str> {
    let (_, patch) = text.split_once("*** Begin Patch")?;
    let header = ["*** Update File: ", "*** Add File: ", "*** Delete File: "]
        .iter()
        .filter_map(|header| patch.find(header).map(|at| (at, at + header.len())))
        .min()?;
    let rest = patch.get(header.1..)?;
    let end = rest.find(['\n', '\r', '\\', '"']).unwrap_or(rest.len());
    rest.get(..end).map(str::trim).filter(|file| !file.is_empty())
}

/// A line without `payload`: the old format, in which only the first has a time.
fn take_old(
    run: &mut Run<'_, '_, '_>,
    state: &mut FileState,
    line: &Line<'_>,
    at: Option<Timestamp>,
) -> &'static str {
    if let (Some(at), Some(id), None, None) =
        (at, line.id.get(), line.kind.get(), &state.codex.thread)
    {
        state.codex.thread = Some(id.to_owned());
        state.codex.is_old = true;
        state.session.start = Some(at);
        let branch = line.git.get().and_then(|git| git.branch.get());
        state.session.branch = branch.filter(|it| *it != "HEAD").map(str::to_owned);
    } else if state.codex.is_old
        && !state.session.started
        && let Some(cwd) = environment_cwd(&line.content.0)
        && let Some(at) = state.session.start
    {
        state.session.cwd = Some(cwd);
        start(run, state, at);
    }
    if state.codex.is_old { "old_format" } else { "other" }
}

fn environment_cwd(content: &Content<'_, Part<'_>>) -> Option<String> {
    let Content::Blocks(parts) = content else {
        return None;
    };
    parts.iter().find_map(|part| {
        let (_, inside) = part.text.get()?.split_once("<environment_context>")?;
        let (_, rest) = inside.split_once("<cwd>")?;
        let (cwd, _) = rest.split_once("</cwd>")?;
        Some(cwd.trim().to_owned()).filter(|cwd| !cwd.is_empty())
    })
}
