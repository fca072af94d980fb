//! What a line of a Claude Code log means.
//!
//! A session is a file; a line says who speaks (`type`), when, where (`cwd`, `gitBranch`) and has
//! an identity (`uuid`) that copies of it keep. Three questions are asked of a line:
//!
//! 1. *Is it new?* Forks and resumed sessions begin with a copy of older lines. A known `uuid` is
//!    skipped before anything else is made of the line, also its work.
//! 2. *Did the agent work?* `assistant` lines (but not those the program wrote in its name), what
//!    tools return, and the progress of running ones. Each `tool_use` block is one tool use.
//! 3. *Was it the person?* Most `user` lines are not theirs; [`author`] decides, first match wins.
//!
//! Some acts of the person leave no words: pressing Esc, answering a question, accepting or
//! refusing a plan or a tool. We tell them as `user_message` of length 0, by choice: the person
//! was there at that moment, and no other kind of event says so.
//!
//! What is typed while the agent works is queued. It is told when it is queued, and the later line
//! with the same text is not told again. If the queue comes first in a file, it waits for the line
//! that says where the session runs, and whether it is a script's (`entrypoint` `sdk-cli`), whose
//! prompts are nobody's.

use serde::{Deserialize, Serialize};

use super::loose::{Content, Flag, Loose, Obj, Opening, Pick, Present, Text};
use super::{FileState, LogKind, Run, Scene, TitleRank, Titled, key_of, line_key};
use crate::time::{Millis, Timestamp};

/// How long after its queue was emptied a queued text may still follow as a line of its own.
const QUEUE_DELAY: Millis = 10 * 60 * 1000;

/// More queued texts than this are not remembered.
const MAX_QUEUED: usize = 256;

/// What is kept of a Claude Code file.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    /// Texts that were queued, oldest first.
    queue: Vec<Queued>,
    /// Lengths and times of queued texts that wait for the session's directory.
    held: Vec<(Timestamp, usize)>,
    /// Calls that show the person a plan.
    plans: Vec<u64>,
    /// Whether a script runs the session.
    headless: bool,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Queued {
    /// Hash of the text.
    text: u64,
    /// Whether it was the person's, and told.
    told: bool,
    /// When it left the queue.
    left: Option<Timestamp>,
}

/// A line, as far as it is read.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Line<'a> {
    #[serde(rename = "type", borrow)]
    kind: Loose<Text<'a>>,
    #[serde(borrow)]
    uuid: Loose<Text<'a>>,
    #[serde(borrow)]
    timestamp: Loose<Text<'a>>,
    #[serde(borrow)]
    cwd: Loose<Text<'a>>,
    #[serde(borrow)]
    git_branch: Loose<Text<'a>>,
    #[serde(borrow)]
    entrypoint: Loose<Text<'a>>,
    is_sidechain: Loose<Flag>,
    is_meta: Loose<Flag>,
    is_compact_summary: Loose<Flag>,
    is_api_error_message: Loose<Flag>,
    #[serde(borrow)]
    message: Loose<Obj<Message<'a>>>,
    tool_use_result: Loose<ToolUseResult>,
    plan_content: Loose<Present>,
    #[serde(borrow)]
    origin: Loose<Obj<Origin<'a>>>,
    #[serde(borrow)]
    operation: Loose<Text<'a>>,
    #[serde(borrow)]
    content: Loose<Content<'a, Block<'a>>>,
    #[serde(borrow)]
    attachment: Loose<Obj<Attachment<'a>>>,
    #[serde(borrow)]
    data: Loose<Obj<Progress<'a>>>,
    #[serde(borrow)]
    summary: Loose<Text<'a>>,
    #[serde(borrow)]
    leaf_uuid: Loose<Text<'a>>,
    #[serde(borrow)]
    custom_title: Loose<Text<'a>>,
    #[serde(borrow)]
    ai_title: Loose<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    model: Loose<Text<'a>>,
    #[serde(borrow)]
    content: Loose<Content<'a, Block<'a>>>,
}

/// A part of a message: text, an image, a tool's use or its result.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Loose<Text<'a>>,
    #[serde(borrow)]
    text: Loose<Text<'a>>,
    #[serde(borrow)]
    id: Loose<Text<'a>>,
    #[serde(borrow)]
    name: Loose<Text<'a>>,
    #[serde(borrow)]
    input: Loose<Obj<Input<'a>>>,
    #[serde(borrow)]
    tool_use_id: Loose<Text<'a>>,
    is_error: Loose<Flag>,
    /// Of a tool's result.
    content: Loose<Opening>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Input<'a> {
    #[serde(borrow)]
    file_path: Loose<Text<'a>>,
    #[serde(borrow)]
    notebook_path: Loose<Text<'a>>,
    #[serde(borrow)]
    path: Loose<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Origin<'a> {
    #[serde(borrow)]
    kind: Loose<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Attachment<'a> {
    #[serde(rename = "type", borrow)]
    kind: Loose<Text<'a>>,
    #[serde(borrow)]
    prompt: Loose<Content<'a, Block<'a>>>,
    #[serde(borrow)]
    command_mode: Loose<Text<'a>>,
    #[serde(borrow)]
    origin: Loose<Obj<Origin<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Progress<'a> {
    #[serde(rename = "type", borrow)]
    kind: Loose<Text<'a>>,
    #[serde(borrow)]
    agent_id: Loose<Text<'a>>,
    /// The subagent's line.
    #[serde(borrow)]
    message: Loose<Obj<Line<'a>>>,
}

/// What a tool returned, beside its block.
#[derive(Default)]
struct ToolUseResult {
    is_there: bool,
    /// It holds the person's answers to a question.
    is_answer: bool,
}

impl<'de> Pick<'de> for ToolUseResult {
    fn text(&mut self, _text: std::borrow::Cow<'de, str>) {
        self.is_there = true;
    }

    fn map<A: serde::de::MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        self.is_there = true;
        while let Some(key) = map.next_key::<Loose<Text<'de>>>()? {
            let value = map.next_value::<Loose<Present>>()?;
            self.is_answer |= key.is("answers") && value.0.0;
        }
        Ok(())
    }

    fn seq<A: serde::de::SeqAccess<'de>>(&mut self, mut seq: A) -> Result<(), A::Error> {
        self.is_there = true;
        while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// Who is behind a `user` line, and what they did.
#[derive(PartialEq, Eq, Debug)]
enum Author {
    /// The person wrote.
    Person(Words),
    /// The person did something without writing.
    Act,
    /// A tool returned something.
    Tool,
    /// A tool returned something, and the person wrote meanwhile.
    ToolAndPerson(Words),
    /// A tool returned what the person decided.
    ToolAndAct,
    /// The program, another agent or a task; why the line is skipped.
    Other(&'static str),
}

/// What the person wrote, without the words.
#[derive(PartialEq, Eq, Debug, Clone, Copy)]
struct Words {
    /// Characters.
    length: usize,
    /// Hash of the text as it would stand in the queue.
    text: u64,
}

impl Words {
    fn of(text: &str) -> Self {
        Self { length: text.chars().count(), text: key_of(&["text", text.trim()]) }
    }
}

/// Makes what events there are of a line; the reason is for where there are none.
pub(super) fn take(
    run: &mut Run<'_, '_, '_>,
    state: &mut FileState,
    line: &Line<'_>,
    raw: &str,
) -> &'static str {
    let kind = line.kind.get().unwrap_or_default();
    if let Some(reason) = take_title(run, line, kind) {
        return reason;
    }
    let is_spoken = matches!(kind, "user" | "assistant" | "system" | "attachment");
    let is_timed = is_spoken || matches!(kind, "progress" | "queue-operation");
    let Some(at) = line.timestamp.get().and_then(Timestamp::parse) else {
        return if is_timed { "no_time" } else { "state" };
    };
    if !is_timed {
        return "other";
    }
    if !is_own(run, state, line, raw, kind) {
        state.session.copied = true;
        return "copy";
    }
    set_scene(run, state, line, at);
    let session = run.file.session_id.clone();
    let (cwd, branch) = (state.session.cwd.clone(), state.session.branch.clone());
    let scene = Scene { at, session: &session, cwd: cwd.as_deref(), branch: branch.as_deref() };
    match kind {
        "assistant" => take_answer(run, state, line, scene),
        "user" => take_user(run, state, line, scene),
        "queue-operation" => take_queue(run, state, line, scene),
        "attachment" => take_attachment(run, state, line, scene),
        "progress" => take_progress(run, state, line, scene),
        _ => "system",
    }
}

fn take_title(run: &mut Run<'_, '_, '_>, line: &Line<'_>, kind: &str) -> Option<&'static str> {
    let session = || Titled::Session(run.file.session_id.clone());
    let (of, rank, text, reason) = match kind {
        "custom-title" => (session(), TitleRank::Person, &line.custom_title, "title"),
        "ai-title" => (session(), TitleRank::Agent, &line.ai_title, "title"),
        "summary" => {
            let leaf = line_key(line.leaf_uuid.get().unwrap_or_default());
            let of = Titled::SessionOfLine(leaf);
            (of, TitleRank::Summary, &line.summary, "summary")
        }
        _ => return None,
    };
    if run.file.kind == LogKind::Main {
        run.title(of, rank, text.get().unwrap_or_default());
    }
    Some(reason)
}

/// Whether the line stands in no file that was read before.
///
/// Lines of progress are most of a file and give next to nothing, so their identity is asked for
/// only where it decides whether the session begins with them.
fn is_own(
    run: &mut Run<'_, '_, '_>,
    state: &FileState,
    line: &Line<'_>,
    raw: &str,
    kind: &str,
) -> bool {
    let session = &state.session;
    match (kind, line.uuid.get()) {
        ("progress", Some(_)) if session.start.is_some() => true,
        ("progress", _) if session.copied => false,
        // A copy names another session, so that is left out.
        ("queue-operation", _) => run.claim(&[
            "queue",
            line.timestamp.get().unwrap_or_default(),
            line.operation.get().unwrap_or_default(),
            &words_of(&line.content.0).text.to_string(),
        ]),
        (_, Some(uuid)) => run.seen.first_time(line_key(uuid)),
        (_, None) => run.claim(&["nameless", raw]),
    }
}

/// Notes where the session is, and tells its start once that is known.
fn set_scene(run: &mut Run<'_, '_, '_>, state: &mut FileState, line: &Line<'_>, at: Timestamp) {
    let is_main = run.file.kind == LogKind::Main;
    if is_main {
        state.session.start.get_or_insert(at);
        run.tell_late_start(state, at);
    }
    let session = &mut state.session;
    if let Some(cwd) = line.cwd.get() {
        session.cwd = Some(cwd.to_owned());
        let branch = line.git_branch.get().filter(|branch| *branch != "HEAD");
        session.branch = branch.map(str::to_owned);
    }
    if let Some(entrypoint) = line.entrypoint.get() {
        state.claude.headless = entrypoint == "sdk-cli";
    }
    if is_main && session.cwd.is_some() && !session.started {
        let id = run.file.session_id.clone();
        run.tell_start(session, &id);
        tell_held(run, state);
    }
}

/// Tells the prompts that waited for the session's directory.
pub(super) fn tell_held(run: &mut Run<'_, '_, '_>, state: &mut FileState) {
    let session = run.file.session_id.clone();
    for (at, length) in std::mem::take(&mut state.claude.held) {
        if !state.claude.headless {
            let scene = Scene {
                at,
                session: &session,
                cwd: state.session.cwd.as_deref(),
                branch: state.session.branch.as_deref(),
            };
            run.tell_message(scene, length);
        }
    }
}

fn take_answer(
    run: &mut Run<'_, '_, '_>,
    state: &mut FileState,
    line: &Line<'_>,
    scene: Scene<'_>,
) -> &'static str {
    let is_synthetic = line.message.get().is_some_and(|it| it.model.is("<synthetic>"));
    if is_synthetic || line.is_api_error_message.0.0 {
        return "synthetic";
    }
    at_work(run, state, scene);
    tell_tools(run, state, line, scene);
    "assistant"
}

/// Work in a main file; a subagent's file says nothing about when the session ends.
fn at_work(run: &mut Run<'_, '_, '_>, state: &mut FileState, scene: Scene<'_>) {
    if run.file.kind == LogKind::Main {
        run.worked(&mut state.session, scene);
    }
}

fn tell_tools(run: &mut Run<'_, '_, '_>, state: &mut FileState, line: &Line<'_>, scene: Scene<'_>) {
    let Some(Content::Blocks(blocks)) = line.message.get().map(|it| &it.content.0) else {
        return;
    };
    for (index, block) in blocks.iter().enumerate() {
        if !block.kind.is("tool_use") {
            continue;
        }
        let id = block.id.get();
        let is_new = match id {
            Some(id) => run.claim(&["tool", id]),
            None => run.claim(&["tool", line.uuid.get().unwrap_or_default(), &index.to_string()]),
        };
        if !is_new {
            continue;
        }
        let name = block.name.get().unwrap_or("unknown");
        if let ("ExitPlanMode", Some(id)) = (name, id) {
            state.claude.plans.push(key_of(&["plan", id]));
        }
        let file = block.input.get().and_then(|input| {
            let paths = [&input.file_path, &input.notebook_path, &input.path];
            paths.into_iter().find_map(Loose::<Text<'_>>::get)
        });
        run.tell_tool(scene, name, file, id);
    }
}

fn take_user(
    run: &mut Run<'_, '_, '_>,
    state: &mut FileState,
    line: &Line<'_>,
    scene: Scene<'_>,
) -> &'static str {
    let author = if run.file.kind == LogKind::Subagent || line.is_sidechain.0.0 {
        of_subagent(line)
    } else {
        author(line, &mut state.claude.plans)
    };
    let (is_work, reason) = match author {
        Author::Tool | Author::ToolAndAct | Author::ToolAndPerson(_) => (true, "tool_result"),
        Author::Other(reason) => (reason == "sidechain_tool_result", reason),
        Author::Person(_) => (false, "headless"),
        Author::Act => (false, "act"),
    };
    if is_work {
        at_work(run, state, scene);
    }
    match author {
        _ if state.claude.headless => reason,
        Author::Person(words) | Author::ToolAndPerson(words) => {
            if was_queued(state, words, scene.at) {
                return "queued";
            }
            run.tell_message(scene, words.length);
            reason
        }
        Author::Act | Author::ToolAndAct => {
            run.tell_act(scene);
            reason
        }
        Author::Tool | Author::Other(_) => reason,
    }
}

fn of_subagent(line: &Line<'_>) -> Author {
    Author::Other(if results(line).next().is_some() || line.tool_use_result.0.is_there {
        "sidechain_tool_result"
    } else {
        "sidechain_prompt"
    })
}

/// Decides who is behind a `user` line of the main conversation. The order of the tests matters.
fn author(line: &Line<'_>, plans: &mut Vec<u64>) -> Author {
    if line.is_compact_summary.0.0 || line.is_meta.0.0 {
        return Author::Other("program");
    }
    let typed = typed_text(&line.message.get().map(|it| &it.content.0));
    let has_result = results(line).next().is_some();
    if has_result || line.tool_use_result.0.is_there {
        let decided = decided(line, plans);
        return match typed.filter(|_| has_result) {
            Some(text) if is_interrupt(text.trim_start()) => Author::ToolAndAct,
            Some(text) if !text.trim().is_empty() => Author::ToolAndPerson(Words::of(&text)),
            _ if decided => Author::ToolAndAct,
            _ => Author::Tool,
        };
    }
    if line.plan_content.0.0 {
        return Author::Act;
    }
    match typed {
        Some(text) => author_of_text(&text, is_notification(&line.origin)),
        None => Author::Other("program"),
    }
}

fn is_interrupt(text: &str) -> bool {
    text.starts_with("[Request interrupted by user")
}

/// Decides by how a text begins, which is how the program marks what is its own.
fn author_of_text(text: &str, is_notification: bool) -> Author {
    const OUTPUT: [&str; 6] = [
        "<local-command-stdout>",
        "<local-command-stderr>",
        "<bash-stdout>",
        "<bash-stderr>",
        "<local-command-caveat>",
        "Caveat:",
    ];
    let begins = |tags: &[&str]| tags.iter().any(|tag| text.trim_start().starts_with(tag));
    if begins(&["<command-name>", "<command-message>"]) {
        Author::Person(command(text))
    } else if begins(&["<bash-input>"]) {
        let typed = tagged(text, "bash-input").unwrap_or_default();
        Author::Person(Words { length: typed.chars().count(), ..Words::of(&format!("!{typed}")) })
    } else if begins(&OUTPUT) {
        Author::Other("command_output")
    } else if begins(&["<task-notification>"]) || is_notification {
        Author::Other("task_notification")
    } else if is_interrupt(text.trim_start()) {
        Author::Act
    } else {
        Author::Person(Words::of(text))
    }
}

/// The blocks of a line that hold what tools returned.
fn results<'l, 'a>(line: &'l Line<'a>) -> impl Iterator<Item = &'l Block<'a>> {
    let blocks = match line.message.get().map(|it| &it.content.0) {
        Some(Content::Blocks(blocks)) => blocks.as_slice(),
        _ => &[],
    };
    blocks.iter().filter(|block| block.kind.is("tool_result"))
}

/// Whether a tool's result is the person's decision: an answer, a refusal, a plan accepted.
fn decided(line: &Line<'_>, plans: &mut Vec<u64>) -> bool {
    let mut decided = line.tool_use_result.0.is_answer;
    for block in results(line) {
        let opening = &block.content.0.0;
        let is_error = block.is_error.0.0;
        let is_refused = is_error && opening.starts_with("The user doesn't want to ");
        let call = block.tool_use_id.get().map(|id| key_of(&["plan", id]));
        let plan = plans.iter().position(|plan| Some(*plan) == call);
        if let Some(plan) = plan {
            plans.remove(plan);
        }
        decided |= is_refused || (plan.is_some() && !is_error);
    }
    decided
}

/// The text of the person in a message, without what the program put beside it. `None` if there
/// is nothing that a person could have sent.
fn typed_text(content: &Option<&Content<'_, Block<'_>>>) -> Option<String> {
    const BESIDE: [&str; 3] = ["<ide_opened_file>", "<ide_selection>", "<system-reminder>"];
    let is_typed = |text: &&str| !BESIDE.iter().any(|tag| text.trim_start().starts_with(tag));
    match content {
        Some(Content::Text(text)) => {
            Some(text.as_ref()).filter(is_typed).filter(|text| !text.is_empty()).map(str::to_owned)
        }
        Some(Content::Blocks(blocks)) => {
            let texts: Vec<&str> = blocks
                .iter()
                .filter(|block| block.kind.is("text"))
                .filter_map(|block| block.text.get())
                .filter(is_typed)
                .collect();
            let has_file =
                blocks.iter().any(|block| block.kind.is("image") || block.kind.is("document"));
            (has_file || !texts.is_empty()).then(|| texts.join("\n"))
        }
        Some(Content::Nothing) | None => None,
    }
}

fn words_of(content: &Content<'_, Block<'_>>) -> Words {
    Words::of(&typed_text(&Some(content)).unwrap_or_default())
}

/// A slash command; its length is that of its arguments.
fn command(text: &str) -> Words {
    let name = tagged(text, "command-name").unwrap_or_default().trim();
    let arguments = tagged(text, "command-args").unwrap_or_default().trim();
    Words { length: arguments.chars().count(), ..Words::of(&format!("{name} {arguments}")) }
}

fn tagged<'t>(text: &'t str, tag: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>")).map(|(inside, _)| inside)
}

fn is_notification(origin: &Loose<Obj<Origin<'_>>>) -> bool {
    origin.get().is_some_and(|origin| origin.kind.is("task-notification"))
}

fn take_queue(
    run: &mut Run<'_, '_, '_>,
    state: &mut FileState,
    line: &Line<'_>,
    scene: Scene<'_>,
) -> &'static str {
    if run.file.kind == LogKind::Subagent {
        return "queue";
    }
    let queue = &mut state.claude.queue;
    queue.retain(|it| it.left.is_none_or(|left| is_soon_after(scene.at, left)));
    match line.operation.get() {
        Some("dequeue" | "remove") => {
            if let Some(first) = queue.iter_mut().find(|it| it.left.is_none()) {
                first.left = Some(scene.at);
            }
            "queue"
        }
        Some("popAll") => {
            for waiting in queue.iter_mut().filter(|it| it.left.is_none()) {
                waiting.left = Some(scene.at);
            }
            "queue"
        }
        Some("enqueue") => enqueue(run, state, line, scene),
        _ => "queue",
    }
}

fn enqueue(
    run: &mut Run<'_, '_, '_>,
    state: &mut FileState,
    line: &Line<'_>,
    scene: Scene<'_>,
) -> &'static str {
    let typed = typed_text(&Some(&line.content.0));
    let is_task = |text: &str| text.starts_with('{') || text.starts_with("<task-notification>");
    let told = typed.as_deref().is_some_and(|text| !is_task(text.trim_start()));
    let words = words_of(&line.content.0);
    let claude = &mut state.claude;
    if claude.queue.len() >= MAX_QUEUED {
        claude.queue.remove(0);
    }
    claude.queue.push(Queued { text: words.text, told, left: None });
    if !told {
        return "task_notification";
    }
    if claude.headless {
        return "headless";
    }
    if state.session.started {
        run.tell_message(scene, words.length);
    } else {
        claude.held.push((scene.at, words.length));
    }
    "queued"
}

fn is_soon_after(at: Timestamp, left: Timestamp) -> bool {
    at.millis().saturating_sub(left.millis()) <= QUEUE_DELAY
}

/// Whether these words were told when they were queued; a queued text is used up by that.
fn was_queued(state: &mut FileState, words: Words, at: Timestamp) -> bool {
    let queue = &mut state.claude.queue;
    let found = queue.iter().position(|it| {
        it.told && it.text == words.text && it.left.is_none_or(|left| is_soon_after(at, left))
    });
    found.map(|index| queue.remove(index)).is_some()
}

fn take_attachment(
    run: &mut Run<'_, '_, '_>,
    state: &mut FileState,
    line: &Line<'_>,
    scene: Scene<'_>,
) -> &'static str {
    let Some(attachment) = line.attachment.get() else {
        return "attachment";
    };
    let is_prompt = attachment.kind.is("queued_command")
        && attachment.command_mode.is("prompt")
        && !is_notification(&attachment.origin);
    let is_subagents = run.file.kind == LogKind::Subagent || line.is_sidechain.0.0;
    if !is_prompt || is_subagents {
        return "attachment";
    }
    if state.claude.headless {
        return "headless";
    }
    let words = words_of(&attachment.prompt.0);
    if was_queued(state, words, scene.at) {
        return "queued";
    }
    run.tell_message(scene, words.length);
    "attachment"
}

fn take_progress(
    run: &mut Run<'_, '_, '_>,
    state: &mut FileState,
    line: &Line<'_>,
    scene: Scene<'_>,
) -> &'static str {
    let Some(progress) = line.data.get() else {
        return "progress";
    };
    // Hooks and waiting are the program's; they also run while the agent does nothing.
    if let Some("bash_progress" | "mcp_progress" | "agent_progress") = progress.kind.get() {
        at_work(run, state, scene);
    }
    if !progress.kind.is("agent_progress") {
        return "progress";
    }
    let agent = progress.agent_id.get().unwrap_or_default();
    if let Some(inner) = progress.message.get()
        && inner.kind.is("assistant")
        && !run.context.subagents.has(scene.session, agent)
    {
        let at = inner.timestamp.get().and_then(Timestamp::parse);
        let scene = Scene { at: at.unwrap_or(scene.at), ..scene };
        tell_tools(run, state, inner, scene);
    }
    "agent_progress"
}
