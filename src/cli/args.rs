//! The command line: names, help texts, examples. What the commands do is in their own files.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::rules::fields::{FIELDS, Field, FieldInfo, Type};

/// A path, of which none is an empty one: variables are often set to nothing, and tmux does not
/// always know a pane's directory.
fn maybe_empty() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Where did my attention go, what did the agents do meanwhile, and what of it is billed to whom?
///
/// tt observes tmux focus, agents' session logs and git, infers streams of work from them, and
/// tags the streams by your rules. Nobody starts or stops a timer.
#[derive(Parser, Debug)]
#[command(
    name = "tt",
    version,
    max_term_width = 100,
    after_help = "Examples:\n  \
        tt demo                  see the whole way on sample events\n  \
        tt init --install        write a config and add the tmux hooks\n  \
        tt report                this week's time by tag\n  \
        tt streams --untagged    what the rules do not cover yet\n\n\
        Times are shown and asked in local time (TZ). Exit status: 0 done; 1 failed, or findings \
        that fail a check; 2 wrong usage."
)]
pub(super) struct Cli {
    /// Config file instead of ~/.config/tt/config.toml
    #[arg(
        long,
        global = true,
        env = "TT_CONFIG",
        value_parser = maybe_empty(),
        value_name = "FILE",
        help_heading = "Global"
    )]
    pub(super) config: Option<PathBuf>,
    /// Database file instead of ~/.local/share/tt/tt.db
    #[arg(
        long,
        global = true,
        env = "TT_DB",
        value_parser = maybe_empty(),
        value_name = "FILE",
        help_heading = "Global"
    )]
    pub(super) db: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub(super) command: Command,
}

/// All commands.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Time by tag, for a week, a day or any period
    #[command(after_help = "Examples:\n  tt report\n  tt report --last-week\n  \
        tt report --since 2025-01-20 --until 2025-01-27 --json\n\n\
        A tag's total is direct + delegated time, as it is billed. Total tracked is the wall \
        clock: what happened at once counts once.")]
    Report(ReportArgs),
    /// This week's time by tag
    Week(JsonArg),
    /// Today's time by tag
    Today(JsonArg),
    /// Yesterday's time by tag
    Yesterday(JsonArg),
    /// Streams with their time, tags and rules
    #[command(after_help = "Examples:\n  tt streams --since today\n  \
        tt streams --untagged\n  tt streams --tag acme --json")]
    Streams(StreamsArgs),
    /// Tags from a language model, for streams that have none
    #[command(after_help = "Examples:\n  \
        tt suggest                     ask the command, show what it suggests\n  \
        tt suggest --apply             apply what was shown\n  \
        tt suggest > question.json     without a command: the question, to ask anybody\n  \
        tt suggest --apply answer.json\n  \
        pbpaste | tt suggest --apply -\n\n\
        Config:\n  [llm]\n  command = [\"llm\", \"-m\", \"gpt-4o-mini\"]\n  timeout = \"2m\"\n\n\
        The command gets the question on stdin, what it writes to stdout is the answer: \
        {\"suggestions\": [{\"stream\": \"ID\", \"tags\": [\"acme\"]}]}. Only what the privacy filter \
        lets out is in the question; see tt privacy check. Tags that you or a rule gave, and tags \
        that you took off, stay as they are.\n\n\
        Exit status: 0, or 1 where a part of the answer could not be used; the rest holds.")]
    Suggest(SuggestArgs),
    /// Give a stream tags, which no rule overrides
    #[command(after_help = "Example:\n  tt tag a1b2c3d acme billable")]
    Tag(TagArgs),
    /// Take tags off a stream; rules do not bring them back
    #[command(after_help = "Example:\n  tt untag a1b2c3d billable")]
    Untag(TagArgs),
    /// All tags in use
    Tags(JsonArg),
    /// Name a stream
    #[command(after_help = "Example:\n  tt rename a1b2c3d \"Auth service\"")]
    Rename(RenameArgs),
    /// Give events to a stream; inference does not take them away
    #[command(after_help = "Example:\n  tt assign 80958e0c5a00f3a1 80958e0c5a10 a1b2c3d\n\n\
        Events are named by any unique prefix of their id (see tt events), the stream by a prefix \
        of its id or by its name.")]
    Assign(AssignArgs),
    /// Run the rules again on streams they have run on already
    #[command(after_help = "Examples:\n  tt recompute --dry-run            what would change, in \
        tags and hours\n  tt recompute                      the rules, on every stream\n  \
        tt recompute --since 2025-01-20   on the streams from then on\n  \
        tt recompute --all                streams and times too, from the events\n\n\
        Tags that you gave, and tags that you took off, stay as they are. 'tt undo' takes the \
        change back.")]
    Recompute(RecomputeArgs),
    /// Take back what the last recompute did to tags
    #[command(after_help = "Examples:\n  tt undo --dry-run   what would come back\n  tt undo\n\n\
        Once more takes back the recompute before that; the last ten are kept. What you said of a \
        tag since stays.")]
    Undo(UndoArgs),
    /// Send reviewed time to Toggl, Clockify or a CSV file
    #[command(
        after_help = "Examples:\n  tt push --toggl --dry-run            what would be sent, \
        without sending it\n  tt push --toggl                      this week, and all since the \
        last push\n  tt push --clockify --since 2025-01-20 --until 2025-01-27\n  \
        tt push --toggl --all                everything that was never pushed\n  \
        tt push --toggl --force              again, over what you changed there\n  \
        tt push --csv > timesheet.csv\n\n\
        Tokens come from TOGGL_TOKEN and CLOCKIFY_TOKEN, else from the config. What was pushed is \
        remembered: an unchanged stream is not sent again, a changed one is updated, and a request \
        without an answer is looked up before anything is sent. Run it again after a failure."
    )]
    Push(PushArgs),
    /// Check the rules, and see what they match
    #[command(subcommand)]
    Rules(RulesCommand),
    /// What leaves the machine, and in which words
    #[command(subcommand)]
    Privacy(PrivacyCommand),
    /// Where the config file is, and what may stand in it
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Take events: from hooks, from agents' logs, from you
    #[command(subcommand)]
    Ingest(IngestCommand),
    /// Import events from JSON lines
    #[command(after_help = "Examples:\n  tt import events.jsonl\n  \
        ssh devbox tt events | tt import -\n\n\
        Importing something twice is harmless. Bad lines are told and skipped; the exit status is \
        1 then.")]
    Import(ImportArgs),
    /// Write all events as JSON lines
    Events(RangeArgs),
    /// Events, streams or time entries for other programs, through the privacy filter
    #[command(after_help = "Examples:\n  tt export > events.jsonl\n  \
        tt export --entries --since 2025-01-20 --until 2025-01-27 --format json\n  \
        tt export --output events.jsonl --resume\n  \
        tt export --after 8194ac239280b49aa84477b8a3357f25\n\n\
        Times are UTC. Events come in the order in which they arrived here, so --after with the id \
        of the last one gives what is new, late events of other machines included. Streams and \
        time entries change as events come; each record has an id to replace the earlier one by.")]
    Export(ExportArgs),
    /// Take the events of other machines, by ssh
    #[command(after_help = "Examples:\n  tt sync devbox\n  tt sync devbox sami@laptop.local\n\n\
        Runs 'tt export --raw' there, and takes what is new since the last time. Taking something \
        twice is harmless. Config:\n  [sync]\n  ssh = [\"ssh\", \"-p\", \"2222\"]\n  \
        remote = \"~/.cargo/bin/tt\"\n\n\
        Exit status: 0, or 1 where a machine could not be synced; the others are.")]
    Sync(SyncArgs),
    /// Write a commented config, and print the tmux hooks (or add them)
    #[command(after_help = "Examples:\n  tt init\n  tt init --install\n\n\
        An existing config is never touched. After --install: tmux source-file ~/.tmux.conf, \
        then detach and attach once.")]
    Init(InitArgs),
    /// Newest events, spool, database, agents' logs
    Status(JsonArg),
    /// See the whole way on sample events; leaves nothing behind
    Demo,
    /// Print completions for a shell
    #[command(after_help = "Example:\n  tt completions fish > ~/.config/fish/completions/tt.fish")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the man pages
    Man {
        /// Folder to write them to; without it, tt(1) goes to stdout
        folder: Option<PathBuf>,
    },
}

/// A period, and how to show it.
#[derive(Args, Debug, Default)]
pub(super) struct ReportArgs {
    /// This week, from Monday (the default)
    #[arg(long, group = "period")]
    pub(super) week: bool,
    /// The week before
    #[arg(long, group = "period")]
    pub(super) last_week: bool,
    /// Today
    #[arg(long, group = "period")]
    pub(super) day: bool,
    /// Yesterday
    #[arg(long, group = "period")]
    pub(super) last_day: bool,
    /// From this time on: YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS[Z], today, yesterday
    #[arg(long, value_name = "TIME", conflicts_with = "period")]
    pub(super) since: Option<String>,
    /// Up to this time; a date means its start
    #[arg(long, value_name = "TIME", conflicts_with = "period")]
    pub(super) until: Option<String>,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Only what the privacy filter lets out, in the words in which it does
    #[arg(long)]
    pub(super) filtered: bool,
}

/// What to export, and how.
#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    /// Events as they were observed (the default)
    #[arg(long, group = "what")]
    pub(super) events: bool,
    /// Streams, as 'tt streams --json' shows them
    #[arg(long, group = "what")]
    pub(super) streams: bool,
    /// Time entries: intervals of streams' direct and delegated time
    #[arg(long, group = "what")]
    pub(super) entries: bool,
    /// A record on each line, or one JSON document
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: ExportForm,
    /// When; time entries are cut at its borders
    #[command(flatten)]
    pub(super) range: RangeArgs,
    /// Only what comes after the record with this id
    #[arg(long, value_name = "ID", conflicts_with = "resume", allow_hyphen_values = true)]
    pub(super) after: Option<String>,
    /// Write to this file, which must not be there yet; '-' is stdout
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Go on after the last whole record of the file, if it is there
    #[arg(long, requires = "output")]
    pub(super) resume: bool,
    /// Write the file anew if it is there
    #[arg(long, requires = "output", conflicts_with = "resume")]
    pub(super) force: bool,
    /// Leave the privacy filter out
    #[arg(long)]
    pub(super) raw: bool,
    /// The database that --after is about: another one has no such place, and exports everything.
    /// Which one this is, is said on stderr. For 'tt sync'
    #[arg(long, value_name = "ID", hide = true)]
    pub(super) database: Option<String>,
}

/// How to write an export.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum ExportForm {
    /// A record on each line
    #[default]
    Jsonl,
    /// One document with a list
    Json,
}

/// Which machines to sync.
#[derive(Args, Debug)]
pub(super) struct SyncArgs {
    /// Machines, as ssh knows them
    #[arg(required = true, value_name = "HOST")]
    pub(super) hosts: Vec<String>,
}

/// Only `--json`.
#[derive(Args, Debug)]
pub(super) struct JsonArg {
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A range of time.
#[derive(Args, Debug, Default)]
pub(super) struct RangeArgs {
    /// From this time on: YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS[Z], today, yesterday
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<String>,
    /// Up to this time; a date means its start
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<String>,
}

/// Which streams to show.
#[derive(Args, Debug)]
pub(super) struct StreamsArgs {
    /// When
    #[command(flatten)]
    pub(super) range: RangeArgs,
    /// Only streams without tags
    #[arg(long, conflicts_with = "tag")]
    pub(super) untagged: bool,
    /// Only streams with this tag
    #[arg(long, value_name = "TAG")]
    pub(super) tag: Option<String>,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What to ask a language model, and what to do with its answer.
#[derive(Args, Debug)]
pub(super) struct SuggestArgs {
    /// Apply the answer in this file ('-' is stdin); without FILE, what was suggested last
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        conflicts_with_all = ["yes", "since", "until", "limit"]
    )]
    #[expect(clippy::option_option, reason = "not given, given, given with a file")]
    pub(super) apply: Option<Option<PathBuf>>,
    /// Apply what the command suggests at once
    #[arg(long)]
    pub(super) yes: bool,
    /// Only streams in this range
    #[command(flatten)]
    pub(super) range: RangeArgs,
    /// No more streams than this, the newest
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(super) limit: usize,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A stream and tags.
#[derive(Args, Debug)]
pub(super) struct TagArgs {
    /// Unique prefix of the stream's id, or its name
    pub(super) stream: String,
    /// Tags
    #[arg(required = true, value_name = "TAG")]
    pub(super) tags: Vec<String>,
}

/// A stream and a name.
#[derive(Args, Debug)]
pub(super) struct RenameArgs {
    /// Unique prefix of the stream's id, or its name
    pub(super) stream: String,
    /// The new name; empty for the inferred one
    pub(super) name: String,
}

/// Events and a stream.
#[derive(Args, Debug)]
pub(super) struct AssignArgs {
    /// Events, then the stream
    #[arg(required = true, num_args = 2.., value_names = ["EVENT", "STREAM"])]
    pub(super) events_and_stream: Vec<String>,
}

/// What to compute again.
#[derive(Args, Debug)]
pub(super) struct RecomputeArgs {
    /// Run the rules alone (the default)
    #[arg(long, conflicts_with = "all")]
    pub(super) rules: bool,
    /// Infer all streams and times from the events again, then run the rules
    #[arg(long, conflicts_with_all = ["since", "until"])]
    pub(super) all: bool,
    /// Only streams in this range
    #[command(flatten)]
    pub(super) range: RangeArgs,
    /// Only show what would change
    #[arg(long)]
    pub(super) dry_run: bool,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What to push, and where to.
#[derive(Args, Debug, Default)]
#[command(group = clap::ArgGroup::new("destination").required(true))]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(super) struct PushArgs {
    /// To Toggl Track
    #[arg(long, group = "destination")]
    pub(super) toggl: bool,
    /// To Clockify
    #[arg(long, group = "destination")]
    pub(super) clockify: bool,
    /// As CSV, to stdout
    #[arg(long, group = "destination")]
    pub(super) csv: bool,
    /// Only show what would be pushed
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Only streams that begin in this range
    #[command(flatten)]
    pub(super) range: RangeArgs,
    /// All streams that were not pushed yet, whenever they were
    #[arg(long, conflicts_with_all = ["since", "until"])]
    pub(super) all: bool,
    /// Push unchanged streams too, and overwrite what was changed or removed there
    #[arg(long)]
    pub(super) force: bool,
    /// Only streams with this tag (more than one: any of them)
    #[arg(long, value_name = "TAG")]
    pub(super) tag: Vec<String>,
    /// Only this stream, by id or name (more than one: each of them)
    #[arg(long, value_name = "STREAM")]
    pub(super) stream: Vec<String>,
    /// One entry for each local day of a stream
    #[arg(long)]
    pub(super) split_days: bool,
    /// Push although the rules have errors
    #[arg(long)]
    pub(super) allow_broken_rules: bool,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// How to undo.
#[derive(Args, Debug)]
pub(super) struct UndoArgs {
    /// Only show what would come back
    #[arg(long)]
    pub(super) dry_run: bool,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// `tt privacy`
#[derive(Subcommand, Debug)]
pub(super) enum PrivacyCommand {
    /// Show what would leave, what would not and why, and in which words
    #[command(after_help = "Examples:\n  tt privacy check\n  \
        tt privacy check --since 2025-01-20\n  \
        tt privacy check a1b2c3d            every text of one stream\n  \
        tt privacy check --json > what-leaves.json\n\n\
        It looks and sends nothing. It shows real names: do not pass its output on. Exit status: \
        0, or 1 where [privacy] has a mistake; nothing leaves then.")]
    Check(PrivacyCheckArgs),
}

/// What to look at.
#[derive(Args, Debug)]
pub(super) struct PrivacyCheckArgs {
    /// Streams by a unique prefix of the id, or by name; without one, all streams and events
    #[arg(value_name = "STREAM", conflicts_with_all = ["since", "until"])]
    pub(super) streams: Vec<String>,
    /// When
    #[command(flatten)]
    pub(super) range: RangeArgs,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// `tt rules`
#[derive(Subcommand, Debug)]
pub(super) enum RulesCommand {
    /// Check the rule file; or see what it does to streams
    #[command(
        display_order = 1,
        after_help = "Examples:\n  tt rules check\n  tt rules check rules.toml --watch\n  \
        tt rules check --deny warnings --allow overlap rules/*.toml\n  \
        tt rules check --format github --output sarif=tt.sarif rules.toml\n  \
        tt rules check - --stdin-filename rules.toml < rules.toml\n  \
        tt rules check --diff\n  tt rules check --fix --unsafe-fixes rules.toml\n  \
        tt rules check --stream a1b2c3d --explain\n  tt rules check --dry-run\n\n\
        A CODE is a code or its name, such as R0302 or shadowed; 'warnings' is all that would be \
        one.\n\n\
        Exit status: 0 without errors, 1 with errors, 2 where a file cannot be read. With --diff: 1 \
        where there is something to change."
    )]
    Check(CheckArgs),
    /// Run the rules over streams from a file, without a database
    #[command(
        display_order = 10,
        after_help = "Examples:\n  \
        echo '{\"primary_cwd\": \"/home/sami/oss/tt\", \"agent\": [\"codex\"]}' | tt rules match --streams -\n  \
        tt rules match --rules rules.toml --streams streams.jsonl --stats --repeat 20 > /dev/null\n\n\
        A stream is a JSON object; every key is optional: primary_cwd, repo (texts); tmux_session, \
        agent, git_branch, worktree (lists); duration_ms, direct_ms, delegated_ms; at (local time, \
        or with an offset).\n\n\
        Exit status: 0, or 1 where the rules have errors or a line is no stream."
    )]
    Match(MatchArgs),
    /// Print what the compiler made of the rules, stage by stage
    #[command(
        display_order = 11,
        after_help = "Examples:\n  tt rules dump\n  tt rules dump --stage table rules.toml\n  \
        tt rules dump --stage dot | dot -Tsvg > rules.svg"
    )]
    Dump(DumpArgs),
    /// Which rule a stream would get of which you know only some fields
    #[command(
        display_order = 5,
        after_help = "Examples:\n  tt rules which --cwd ~/work/acme/web\n  \
        tt rules which --cwd ~/oss/tt --agent codex --duration 20m\n  \
        tt rules which --session personal-x --only-these\n\n\
        A field that is not given is unknown: where the answer depends on it, every rule that \
        could win is named, with a stream that it wins. A field that may have many values \
        (session, agent, branch, worktree) has exactly those that are given. With --only-these \
        the stream has nothing but what is given.\n\n\
        Exit status: 0 if a rule matches or could, 1 if none can."
    )]
    Which(WhichArgs),
    /// All rules in order, with their conditions and tags
    #[command(
        display_order = 4,
        after_help = "Examples:\n  tt rules list\n  \
        tt rules list rules.toml --format json"
    )]
    List(ListArgs),
    /// What each rule did: streams, time, last match; rules that lie idle or are overridden
    #[command(
        display_order = 6,
        after_help = "Examples:\n  tt rules stats\n  tt rules stats --since 2025-01-01\n  \
        tt rules stats --history 30d --format json\n\n\
        A stream counts for the rule that gave it its tags, by the rule's name (a rule without \
        one: by its place), whatever the rules would say today; that is in the column NOW."
    )]
    Stats(StatsArgs),
    /// What a code means, with an example and how to fix it; without one, all codes
    #[command(
        display_order = 3,
        after_help = "Examples:\n  tt rules explain\n  tt rules explain R0302\n  \
        tt rules explain shadowed overlap\n  tt rules explain --format json\n\n\
        The same pages are in docs/codes/. Exit status: 0, or 2 for a code that does not exist."
    )]
    Explain(ExplainArgs),
    /// Run the tests in the rule file
    #[command(
        display_order = 2,
        after_help = "Examples:\n  tt rules test\n  \
        tt rules test rules.toml --coverage --fail-under 90\n  \
        tt rules test --format junit > rules.xml\n  \
        tt rules test --generate --write\n\n\
        A test is a stream, and what the rules are to make of it:\n\n  \
        [[rules.test]]\n  \
        stream = { primary_cwd = \"~/work/acme/web\", agent = [\"codex\"], duration = \"1h\" }\n  \
        expect = { rule = \"Acme projects\", tags = [\"acme\", \"billable\"] }\n\n\
        or expect = \"none\".\n\n\
        Exit status: 0 where all tests pass, or there are none; 1 where one fails or is malformed, \
        the rules have errors, or less is covered than --fail-under says; 2 where a file cannot be \
        read."
    )]
    Test(TestArgs),
    /// Show what changes in meaning from one rule file to another
    #[command(
        display_order = 7,
        after_help = "Examples:\n  tt rules diff old.toml            from old.toml to the \
        config\n  tt rules diff old.toml new.toml\n  \
        git show HEAD:config.toml | tt rules diff -\n\n\
        Each territory that changed hands is shown with a smallest stream that proves it, and with \
        the stored streams in it. Nothing is shown exactly where no possible stream would get \
        other tags or another project.\n\n\
        Exit status: 0 where nothing changes, 1 where something does or is not proven, 2 where a \
        file cannot be read or has errors."
    )]
    Diff(DiffArgs),
    /// Bring the when expressions of rule files into their usual form
    #[command(
        display_order = 8,
        after_help = "Examples:\n  tt rules fmt\n  tt rules fmt --check rules.toml\n\n\
        Only white space changes, and only within the strings of 'when'; comments stay. Strings \
        with escapes, and expressions with mistakes, are left as they are.\n\n\
        Exit status: 0; with --check 1 where a file would change; 2 where one cannot be read or \
        written."
    )]
    Fmt(FmtArgs),
    /// Serve an editor: findings as you type, fixes, completion (the Language Server Protocol)
    #[command(
        display_order = 9,
        after_help = "Editors start it themselves: see docs/editors.md. It speaks on stdin \
        and stdout, and reads the database, if there is one, without changing it.\n\n\
        Exit status: 0 after shutdown and exit, else 1."
    )]
    Lsp,
}

/// `tt rules diff`
#[derive(Args, Debug)]
pub(super) struct DiffArgs {
    /// The rule file as it was; '-' is stdin
    #[arg(value_name = "OLD")]
    pub(super) old: PathBuf,
    /// The rule file as it is to be, else the config
    #[arg(value_name = "NEW")]
    pub(super) new: Option<PathBuf>,
    /// How to write the difference
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: Format,
}

/// `tt rules fmt`
#[derive(Args, Debug)]
pub(super) struct FmtArgs {
    /// Rule files, instead of the config; '-' is stdin, formatted to stdout
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Change nothing, and name the files that would change
    #[arg(long)]
    pub(super) check: bool,
}

/// `tt rules test`
#[derive(Args, Debug)]
pub(super) struct TestArgs {
    /// Rule files to test instead of the config
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// How to write what the tests say
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: TestFormat,
    /// Also say what no test would notice: rules, conditions, the order of neighbours
    #[arg(long)]
    pub(super) coverage: bool,
    /// Fail if less than so many percent of all that is covered
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(super) fail_under: Option<u8>,
    /// Print a passing test for every rule that can win and that no test reaches
    #[arg(long, conflicts_with_all = ["format", "coverage", "fail_under"])]
    pub(super) generate: bool,
    /// With --generate, add them at the end of the file
    #[arg(long, requires = "generate")]
    pub(super) write: bool,
}

/// How to write what tests say.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum TestFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For CI, as JUnit XML
    Junit,
}

/// `tt rules which`
#[derive(Args, Debug)]
pub(super) struct WhichArgs {
    /// The rule file, instead of the config
    #[arg(long, value_name = "FILE")]
    pub(super) rules: Option<PathBuf>,
    #[command(flatten)]
    pub(super) known: KnownArgs,
    /// When it began: local time, or with an offset; tells weekday and time
    #[arg(long, value_name = "TIME", help_heading = FIELDS_HEADING, conflicts_with_all = ["weekday", "time"])]
    pub(super) at: Option<String>,
    /// The stream has no value for any other field
    #[arg(long)]
    pub(super) only_these: bool,
    /// How to write the answer
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: Format,
}

const FIELDS_HEADING: &str = "Fields";

/// An option for every field of a stream.
#[derive(Debug, Default)]
pub(super) struct KnownArgs {
    /// The fields that were given, and their values as they were typed.
    pub(super) given: Vec<(Field, Vec<String>)>,
}

impl KnownArgs {
    fn option(info: &'static FieldInfo) -> clap::Arg {
        let is_set = info.ty == Type::TextSet;
        let value = match info.ty {
            Type::Text | Type::TextSet => "TEXT",
            Type::Duration => "LENGTH",
            Type::Weekday => "DAY",
            Type::TimeOfDay => "HH:MM",
        };
        let more = if is_set { "; may be repeated" } else { "" };
        let first = info.doc.chars().take(1).flat_map(char::to_uppercase);
        let help: String = first.chain(info.doc.chars().skip(1)).chain(more.chars()).collect();
        clap::Arg::new(info.flag)
            .long(info.flag)
            .alias(info.name)
            .value_name(value)
            .help(help)
            .help_heading(FIELDS_HEADING)
            .action(if is_set { clap::ArgAction::Append } else { clap::ArgAction::Set })
    }
}

impl clap::FromArgMatches for KnownArgs {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let values = |info: &FieldInfo| {
            let values = matches.get_many::<String>(info.flag)?;
            Some((info.field, values.cloned().collect()))
        };
        Ok(Self { given: FIELDS.iter().filter_map(values).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for KnownArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(FIELDS.iter().map(Self::option))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

/// `tt rules list`
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// The rule file, instead of the config
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// How to write them
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: Format,
}

/// `tt rules stats`
#[derive(Args, Debug)]
pub(super) struct StatsArgs {
    /// Only streams with an event from this time on: YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS[Z], today,
    /// yesterday
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<String>,
    /// How long a rule may go without a match before it is named: 90d, 12w, 36h
    #[arg(long, value_name = "LENGTH", default_value = "90d")]
    pub(super) history: String,
    /// How to write them
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: Format,
}

/// `tt rules match`
#[derive(Args, Debug)]
pub(super) struct MatchArgs {
    /// The rule file, instead of the config
    #[arg(long, value_name = "FILE")]
    pub(super) rules: Option<PathBuf>,
    /// The streams, one JSON object per line; '-' is stdin
    #[arg(long, value_name = "FILE")]
    pub(super) streams: PathBuf,
    /// The directory that '~' stands for, instead of $HOME
    #[arg(long, value_name = "DIR")]
    pub(super) home: Option<String>,
    /// Say on stderr how long it took, as JSON: matching alone, streams parsed beforehand
    #[arg(long)]
    pub(super) stats: bool,
    /// With --stats, how many more times to match all streams after the first pass
    #[arg(long, value_name = "N", default_value_t = 5, requires = "stats")]
    pub(super) repeat: usize,
    /// Match every value anew, even if it was seen before
    #[arg(long)]
    pub(super) no_cache: bool,
}

/// `tt rules dump`
#[derive(Args, Debug)]
pub(super) struct DumpArgs {
    /// The rule file, instead of the config
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// Which stage
    #[arg(long, value_enum, default_value_t, value_name = "STAGE")]
    pub(super) stage: Stage,
}

/// A stage of the compiler.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Stage {
    /// What is written, with places
    Ast,
    /// What is meant: typed conditions
    #[default]
    Ir,
    /// The decision table: patterns by strategy, rules by trigger
    Table,
    /// The conditions as a graph, for Graphviz
    Dot,
}

/// `tt rules explain`
#[derive(Args, Debug)]
pub(super) struct ExplainArgs {
    /// Codes or their names, such as R0302 or shadowed
    #[arg(value_name = "CODE")]
    pub(super) codes: Vec<String>,
    /// How to write them
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: Format,
}

/// `tt config`
#[derive(Subcommand, Debug)]
pub(super) enum ConfigCommand {
    /// Print the path of the config file, whether or not it exists
    #[command(after_help = "Example:\n  $EDITOR \"$(tt config path)\"")]
    Path,
    /// Print the JSON schema of the config file, for editors
    #[command(after_help = "Example:\n  \
        tt config schema > ~/.config/tt/config.schema.json\n\n\
        Then put this first into config.toml:\n  #:schema ./config.schema.json")]
    Schema,
}

/// `tt rules check`
#[derive(Args, Debug, Default)]
pub(super) struct CheckArgs {
    /// Rule files to check instead of the config; '-' is stdin
    #[arg(value_name = "FILE", conflicts_with_all = ["stream", "dry_run"])]
    pub(super) files: Vec<PathBuf>,
    /// What to call the file on stdin
    #[arg(long, value_name = "NAME", requires = "files")]
    pub(super) stdin_filename: Option<String>,
    /// Which rule matches this stream, and what it would give
    #[arg(long, value_name = "ID", conflicts_with = "dry_run")]
    pub(super) stream: Option<String>,
    /// With --stream: every rule with its conditions, which hold, and where the others fail
    #[arg(long, requires = "stream")]
    pub(super) explain: bool,
    /// What the rules would do to streams without rule-applied tags, and which they nearly match
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Show what was proven of every rule, with the smallest stream it wins and loses
    #[arg(long, short)]
    pub(super) verbose: bool,
    /// Also name rules that share streams, neither containing the other: --warn overlap
    #[arg(long)]
    pub(super) overlaps: bool,
    /// Levels, going before those of [rules.lints]
    #[command(flatten)]
    pub(super) levels: LevelArgs,
    /// How to write what was found
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) format: CheckFormat,
    /// Write it to a file as well, in a format of its own; may be given several times
    #[arg(
        long,
        value_name = "FORMAT=FILE",
        value_parser = format_and_file,
        conflicts_with_all = ["stream", "dry_run"]
    )]
    pub(super) output: Vec<(CheckFormat, PathBuf)>,
    /// Let what was found not fail the check
    #[arg(long, conflicts_with_all = ["stream", "dry_run"])]
    pub(super) exit_zero: bool,
    /// Check again whenever a file changes, until stopped
    #[arg(long, conflicts_with_all = ["stream", "dry_run"])]
    pub(super) watch: bool,
    /// What to do about it
    #[command(flatten)]
    pub(super) fixing: FixArgs,
}

/// What to do about findings.
#[derive(Args, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct FixArgs {
    /// Make the changes that are certain, in the files; then check them. '-' goes to stdout
    #[arg(long, conflicts_with_all = ["stream", "dry_run", "watch"])]
    pub(super) fix: bool,
    /// Remove rules as well that can go without any stream changing
    #[arg(long, conflicts_with_all = ["stream", "dry_run", "watch"])]
    pub(super) unsafe_fixes: bool,
    /// Only show what --fix would change
    #[arg(long, conflicts_with_all = ["stream", "dry_run", "watch", "output"])]
    pub(super) diff: bool,
}

/// Levels of findings.
#[derive(Args, Debug, Default)]
pub(super) struct LevelArgs {
    /// Fail the check over these findings
    #[arg(long, value_name = "CODE|warnings")]
    pub(super) deny: Vec<String>,
    /// Say these findings, and let the check pass
    #[arg(long, value_name = "CODE|warnings")]
    pub(super) warn: Vec<String>,
    /// Say nothing of these findings
    #[arg(long, value_name = "CODE|warnings")]
    pub(super) allow: Vec<String>,
}

/// How to write the findings of a check.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum CheckFormat {
    /// For people
    #[default]
    Text,
    /// A line per finding
    Short,
    /// For programs, with verdicts and witnesses
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions
    Github,
    /// A code quality report of GitLab
    Gitlab,
    /// A test report
    Junit,
}

fn format_and_file(text: &str) -> Result<(CheckFormat, PathBuf), String> {
    let names = CheckFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    let names: Vec<_> = names.map(|value| value.get_name().to_owned()).collect();
    let (format, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or_else(|| "write FORMAT=FILE, such as sarif=tt.sarif".to_owned())?;
    let format = CheckFormat::from_str(format, false)
        .map_err(|_| format!("'{format}' is none of {}", names.join(", ")))?;
    Ok((format, PathBuf::from(file)))
}

/// For people or for programs.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// `tt ingest`
#[derive(Subcommand, Debug)]
pub(super) enum IngestCommand {
    /// A tmux pane got the focus (called by the tmux hook)
    PaneFocus {
        /// Its id, such as %3
        #[arg(long)]
        pane: String,
        /// Its working directory
        #[arg(long, default_value = "", value_parser = maybe_empty())]
        cwd: PathBuf,
        /// Its tmux session
        #[arg(long, default_value = "")]
        session: String,
        /// Index of its window
        #[arg(long)]
        window: Option<String>,
    },
    /// The person scrolled in a tmux pane (called by the tmux hook)
    Scroll {
        /// Its id, such as %3
        #[arg(long)]
        pane: String,
        /// Its tmux session
        #[arg(long, default_value = "")]
        session: String,
    },
    /// A tmux session was created or closed (called by the tmux hook)
    Session {
        /// What happened
        #[arg(long, value_enum)]
        action: SessionAction,
        /// The tmux session
        #[arg(long)]
        session: String,
    },
    /// The person went away or came back (called by a watcher)
    Afk {
        /// What happened
        #[arg(long, value_enum)]
        status: AfkStatus,
        /// For how long the person has been idle already, in milliseconds
        #[arg(long, value_name = "MS", default_value_t = 0)]
        idle_duration_ms: u64,
    },
    /// A commit was made (call it in .git/hooks/post-commit)
    #[command(
        after_help = "In .git/hooks/post-commit:\n  tt ingest git-commit 2>/dev/null || true\n\n\
        Without options, commit and subject are read from the repository's HEAD."
    )]
    GitCommit {
        /// The repository's directory, else the current one
        #[arg(long)]
        cwd: Option<PathBuf>,
        /// Hash of the commit
        #[arg(long)]
        commit: Option<String>,
        /// First line of its message
        #[arg(long)]
        subject: Option<String>,
    },
    /// A remark of yours, about what you do here
    #[command(after_help = "Example:\n  tt ingest note \"call with Acme about the roadmap\"")]
    Note {
        /// What to remember
        #[arg(required = true)]
        text: Vec<String>,
    },
    /// New lines in the logs of Claude Code and Codex (other commands do this too)
    #[command(after_help = "Logs are looked for in CLAUDE_CONFIG_DIR (else ~/.claude) and \
        CODEX_HOME (else ~/.codex).\nOf prompts only the length is taken, never the text.")]
    Agents {
        /// Account for every line
        #[arg(long, short)]
        verbose: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// What happened to a tmux session.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SessionAction {
    /// It was created
    Created,
    /// It was closed
    Closed,
}

/// Whether the person is there.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum AfkStatus {
    /// Away
    Idle,
    /// There
    Active,
}

/// What to import.
#[derive(Args, Debug)]
pub(super) struct ImportArgs {
    /// Files; - or none for stdin
    pub(super) files: Vec<PathBuf>,
}

/// What to set up.
#[derive(Args, Debug)]
pub(super) struct InitArgs {
    /// Add the hooks to the tmux config
    #[arg(long)]
    pub(super) install: bool,
}
