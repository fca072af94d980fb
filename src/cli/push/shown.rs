//! What a push shows: the dry run, and how it went.

use std::collections::HashMap;
use std::io::Write;

use serde_json::{Value, json};

use crate::cli::app::App;
use crate::cli::count;
use crate::cli::error::Outcome;
use crate::cli::table::{Table, harmless};
use crate::privacy::Filter;
use crate::push::bill::length;
use crate::push::gather::Piece;
use crate::push::plan::{Kept, Plan, Reason, Removal, Why};
use crate::push::run::{Done, Failed};
use crate::push::settings::Policy;
use crate::time::{Interval, Millis, Timestamp, human};

/// What is told beside the plan itself.
pub(super) struct Around<'a> {
    pub(super) app: &'a App,
    pub(super) filter: &'a Filter,
    /// The destination's name for people.
    pub(super) title: &'a str,
    pub(super) policy: &'a Policy,
    /// Streams' ids as they are shown.
    pub(super) ids: HashMap<String, String>,
    pub(super) range: Interval,
    /// Streams that the privacy filter withholds.
    pub(super) withheld: usize,
    /// Entries below the minimum, and their time.
    pub(super) short: (u64, Millis),
    /// Older streams that were never pushed, and their time.
    pub(super) older: (u64, Millis),
    /// Earlier requests without an answer.
    pub(super) open: usize,
    /// How many requests the push takes, and what is known of the quota.
    pub(super) requests: Option<Requests>,
}

/// The requests of a push.
pub(super) struct Requests {
    pub(super) needed: usize,
    pub(super) seconds: u64,
    /// Requests left, and when there will be more.
    pub(super) quota: Option<(u64, Timestamp)>,
}

impl Around<'_> {
    fn id<'s>(&'s self, id: &'s str) -> &'s str {
        // A stream that is no more has no shortest prefix.
        self.ids.get(id).map_or_else(|| id.get(..7).unwrap_or(id), String::as_str)
    }

    fn date(&self, at: Timestamp) -> String {
        let (local, today) =
            (self.app.env.zone.local(at), self.app.env.zone.local(self.app.env.now));
        let form = if local.format("%Y").to_string() == today.format("%Y").to_string() {
            "%b %-d"
        } else {
            "%b %-d %Y"
        };
        local.format(form).to_string()
    }

    fn clock(&self, at: Timestamp) -> String {
        let zone = self.app.env.zone;
        let form =
            if zone.date(at) == zone.date(self.app.env.now) { "%H:%M" } else { "%b %-d %H:%M" };
        zone.local(at).format(form).to_string()
    }

    /// A text from outside: neither a command to the terminal nor a name that is not to leave.
    fn plain(&self, text: &str) -> String {
        harmless(&self.filter.mask(text))
    }

    fn what(&self, what: &str) -> String {
        self::what(self.filter, self.title, what)
    }

    /// The entries that are sent: the latest day first, and each day from morning to night.
    fn newest_day_first<'p>(&self, plan: &'p Plan) -> Vec<&'p Piece> {
        let updates = plan.updates.iter().map(|it| &it.piece);
        let mut pieces: Vec<&Piece> = updates.chain(&plan.creates).collect();
        pieces.sort_by_key(|it| {
            let start = it.entry.get().start;
            (std::cmp::Reverse(self.app.env.zone.date(start)), start)
        });
        pieces
    }

    // --- the dry run -----------------------------------------------------------------------------

    pub(super) fn dry_run(&self, plan: &Plan, out: &mut dyn Write) -> Outcome {
        if self.open > 0 {
            let (requests, have) =
                (count(self.open as u64, "request"), if self.open == 1 { "has" } else { "have" });
            writeln!(
                out,
                "{requests} of an earlier push {have} no answer: {} is asked first.\n",
                self.title
            )?;
        }
        self.removals(&plan.removals, out)?;
        let pieces = self.newest_day_first(plan);
        if pieces.is_empty() {
            if plan.removals.is_empty() {
                writeln!(out, "Nothing to push.")?;
            }
        } else {
            let streams = count(plan.streams() as u64, "stream");
            let noun = if pieces.len() == 1 { "a time entry" } else { "time entries" };
            writeln!(out, "Would push {streams} as {noun}:\n")?;
            write!(out, "{}", self.table(plan, &pieces).render(self.app.env.table_width()))?;
            let lines = self.sums(&pieces);
            writeln!(out, "\n{}", lines.join("\n"))?;
        }
        let notes = self.notes(plan);
        if !notes.is_empty() {
            writeln!(out, "\n{}", notes.join("\n"))?;
        }
        self.kept(&plan.kept, out)?;
        if !plan.is_empty() {
            writeln!(out, "\nRun without --dry-run to push.")?;
        }
        Ok(())
    }

    fn removals(&self, removals: &[Removal], out: &mut dyn Write) -> Outcome {
        if removals.is_empty() {
            return Ok(());
        }
        let entries = if removals.len() == 1 { "entry" } else { "entries" };
        writeln!(out, "Would first remove {} {entries} at {}:\n", removals.len(), self.title)?;
        let columns = [("", false); 4];
        let mut table = Table::new(&columns, &[2], &[]).indented(2);
        for Removal { entry, reason } in removals {
            let there = entry.remote();
            let seconds = there.as_ref().and_then(|it| it.seconds).unwrap_or(0);
            table.row(vec![
                there.as_ref().map(|it| self.date(it.start)).unwrap_or_default(),
                shown_time(seconds),
                there.map(|it| format!("\"{}\"", self.plain(&it.description))).unwrap_or_default(),
                reason_in_words(self.id(&entry.stream_id), reason, |it| self.id(it).to_owned()),
            ]);
        }
        write!(out, "{}", table.render(self.app.env.table_width()))?;
        Ok(writeln!(out)?)
    }

    fn table(&self, plan: &Plan, pieces: &[&Piece]) -> Table {
        let updated = |piece: &Piece| {
            let entry = piece.entry.get();
            plan.updates.iter().any(|it| {
                let other = it.piece.entry.get();
                (&other.stream, other.day) == (&entry.stream, entry.day)
            })
        };
        let mut table = Table::new(&[("", false); 6], &[3, 4, 2], &[2, 4]).indented(2);
        for piece in pieces {
            let entry = piece.entry.get();
            let mark = if entry.end() == entry.last { "" } else { "~" };
            table.row(vec![
                self.date(entry.start),
                format!("{}{mark}", shown_time(entry.seconds)),
                entry.label.clone(),
                format!("\"{}\"", entry.description),
                format!("[{}]", entry.tags.join(", ")),
                if updated(piece) { "(update)".to_owned() } else { String::new() },
            ]);
        }
        table
    }

    /// The sum of what is sent, and what its parts mean.
    fn sums(&self, pieces: &[&Piece]) -> Vec<String> {
        let raw: Millis = pieces.iter().map(|it| it.entry.get().raw_ms).sum();
        let billed: i64 = pieces.iter().map(|it| it.entry.get().seconds).sum();
        let mut lines = Vec::new();
        if self.policy.rounds() {
            lines.push(format!(
                "Worked {}, billed {} ({}): {}.",
                length(raw / 1_000),
                length(billed),
                difference(billed - raw / 1_000),
                self.policy.words()
            ));
        } else {
            lines.push(format!("In all {}.", shown_time(billed)));
        }
        let differ = pieces.iter().any(|it| it.entry.get().end() != it.entry.get().last);
        if differ {
            lines.push(
                "~ ends where start + time do, not with the last event: agents worked at once, \
                 nobody did for a while, or the time is rounded."
                    .to_owned(),
            );
        }
        lines
    }

    fn notes(&self, plan: &Plan) -> Vec<String> {
        let mut notes = Vec::new();
        if plan.unchanged > 0 {
            let (streams, are) = (count(plan.unchanged as u64, "stream"), are(plan.unchanged));
            notes.push(format!("{streams} {are} at {} already, unchanged.", self.title));
        }
        if self.withheld > 0 {
            let (streams, are) = (count(self.withheld as u64, "stream"), are(self.withheld));
            notes.push(format!("{streams} {are} withheld by [privacy]: see 'tt privacy check'."));
        }
        if self.short.0 > 0 {
            let is = if self.short.0 == 1 { "entry is" } else { "entries are" };
            notes.push(format!(
                "{} {is} shorter than {} and left out ({}).",
                self.short.0,
                length(self.policy.min),
                length(self.short.1 / 1_000)
            ));
        }
        notes.extend(self.older_note());
        if let Some(requests) = &self.requests
            && requests.needed > 0
        {
            notes.push(self.request_note(requests));
        }
        notes
    }

    fn older_note(&self) -> Option<String> {
        let (streams, time) = self.older;
        let were = if streams == 1 { "was" } else { "were" };
        (streams > 0).then(|| {
            format!(
                "{} from before {} {were} never pushed ({}): --all takes them along.",
                count(streams, "stream"),
                self.date(self.range.start),
                human(time)
            )
        })
    }

    fn request_note(&self, requests: &Requests) -> String {
        let needed = count(requests.needed as u64, "request");
        let seconds = i64::try_from(requests.seconds).unwrap_or(i64::MAX);
        let mut note = format!("This takes {needed}, about {}.", length(seconds.max(1)));
        if let Some((left, more_at)) = requests.quota
            && (left as usize) < requests.needed
        {
            note.push_str(&format!(
                " {} grants {left} more before {}; push again then for the rest.",
                self.title,
                self.clock(more_at)
            ));
        }
        note
    }

    // --- how it went -----------------------------------------------------------------------------

    fn kept(&self, kept: &[Kept], out: &mut dyn Write) -> Outcome {
        if kept.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "\nLeft as {} at {}:",
            if kept.len() == 1 { "it is" } else { "they are" },
            self.title
        )?;
        for Kept { stream_id, why } in kept {
            writeln!(out, "  - {}: {}", self.id(stream_id), self.why(why))?;
        }
        Ok(())
    }

    fn why(&self, why: &Why) -> String {
        match why {
            Why::Theirs => "you changed the entry there (--force overwrites it)".to_owned(),
            Why::Gone => "you removed the entry there (--force creates it again)".to_owned(),
            Why::Elsewhere(workspace) => {
                format!("it was pushed to workspace {}", harmless(workspace))
            }
            Why::Unknown => {
                "it was pushed by something else, which kept no id (--force creates it again)"
                    .to_owned()
            }
            Why::Withheld(why) => {
                format!("{}; remove the entry there if it is not to be", self.plain(why))
            }
            Why::Blocked => "an entry with its time could not be removed yet".to_owned(),
            Why::Joined(into) => format!(
                "it was joined into {}, of which you changed or removed an entry (--force puts \
                 both right)",
                self.id(into)
            ),
        }
    }

    /// When there was nothing to send.
    pub(super) fn nothing(&self, plan: &Plan, out: &mut dyn Write) -> Outcome {
        writeln!(out, "Nothing to push.")?;
        let notes = self.notes(plan);
        if !notes.is_empty() {
            writeln!(out, "\n{}", notes.join("\n"))?;
        }
        self.kept(&plan.kept, out)
    }

    pub(super) fn done(&self, done: &Done, out: &mut dyn Write) -> Outcome {
        writeln!(out, "\nPushed {} successfully.", count(done.pushed as u64, "stream"))?;
        if done.removed > 0 {
            let entries = if done.removed == 1 { "entry" } else { "entries" };
            writeln!(
                out,
                "Removed {} {entries} of streams that are joined or gone.",
                done.removed
            )?;
        }
        for (stream, what) in &done.differs {
            let id = self.id(stream);
            writeln!(out, "Note: {} stored {id} otherwise than it was sent: {what}.", self.title)?;
        }
        self.kept(&done.kept, out)?;
        if let Some(note) = self.older_note() {
            writeln!(out, "\n{note}")?;
        }
        if done.failed.is_empty() && done.untried == 0 {
            return Ok(());
        }
        if !done.failed.is_empty() {
            writeln!(out, "{} failed:", done.failed.len())?;
            for Failed { stream_id, what, hint, open } in &done.failed {
                writeln!(out, "  - {}: {}", self.id(stream_id), self.what(what))?;
                writeln!(out, "    Hint: {}", harmless(hint))?;
                if *open {
                    writeln!(out, "    It may be there: the next push looks before it sends it.")?;
                }
            }
        }
        if done.untried > 0 {
            writeln!(out, "{} not tried.", count(done.untried as u64, "stream"))?;
        }
        match done.come_back {
            Some(at) => writeln!(out, "\nRun it again after {} for the rest.", self.clock(at))?,
            None => writeln!(out, "\nFix the issues and re-run to retry failed entries.")?,
        }
        Ok(())
    }

    // --- as JSON ---------------------------------------------------------------------------------

    /// Ids are those of an export, as the filter has them.
    pub(super) fn json(&self, plan: &Plan, done: Option<&Done>) -> Value {
        let id = |id: &str| self.filter.id(id);
        let updates = plan.updates.iter().map(|it| (&it.piece, "update", Some(&it.entry)));
        let creates = plan.creates.iter().map(|it| (it, "create", None));
        let mut entries: Vec<_> = updates.chain(creates).collect();
        entries.sort_by_key(|(piece, ..)| piece.entry.get().start);
        let entries: Vec<Value> = entries
            .into_iter()
            .map(|(piece, action, there)| {
                let entry = piece.entry.get();
                json!({
                    "stream": id(&entry.stream),
                    "day": entry.day.map(|it| it.to_string()),
                    "action": action,
                    "external_id": there.map(|it| &it.external_id),
                    "start": entry.start,
                    "end": entry.end(),
                    "last_event_at": entry.last,
                    "duration_seconds": entry.seconds,
                    "worked_ms": entry.raw_ms,
                    "description": entry.description,
                    "tags": entry.tags,
                    "project": entry.project.as_ref().map(|it| &it.shown),
                    "billable": entry.billable,
                })
            })
            .collect();
        let removals: Vec<Value> = plan
            .removals
            .iter()
            .map(|it| {
                json!({
                    "stream": id(&it.entry.stream_id),
                    "external_id": it.entry.external_id,
                    "reason": reason_in_words(&id(&it.entry.stream_id), &it.reason, id),
                })
            })
            .collect();
        let kept = done.map_or(&plan.kept, |it| &it.kept);
        let kept: Vec<Value> = kept
            .iter()
            .map(|it| json!({ "stream": id(&it.stream_id), "why": self.why(&it.why) }))
            .collect();
        let bound = |at: Timestamp, open: Timestamp| (at != open).then_some(at);
        let mut all = json!({
            "destination": self.title,
            "dry_run": done.is_none(),
            "period": {
                "start": bound(self.range.start, Timestamp::MIN),
                "end": bound(self.range.end, Timestamp::MAX),
            },
            "entries": entries,
            "removals": removals,
            "kept": kept,
            "unchanged": plan.unchanged,
            "withheld": self.withheld,
            "below_minimum": { "entries": self.short.0, "worked_ms": self.short.1 },
            "requests": self.requests.as_ref().map(|it| it.needed),
        });
        if let (Some(done), Some(all)) = (done, all.as_object_mut()) {
            let failed: Vec<Value> = done
                .failed
                .iter()
                .map(|it| {
                    json!({
                        "stream": id(&it.stream_id),
                        "error": self.what(&it.what),
                        "hint": harmless(&it.hint),
                        "may_be_there": it.open,
                    })
                })
                .collect();
            all.insert("pushed".to_owned(), json!(done.pushed));
            all.insert("removed".to_owned(), json!(done.removed));
            all.insert("failed".to_owned(), json!(failed));
            all.insert("not_tried".to_owned(), json!(done.untried));
            all.insert("come_back_at".to_owned(), json!(done.come_back));
        }
        all
    }
}

fn reason_in_words(id: &str, reason: &Reason, name: impl Fn(&str) -> String) -> String {
    match reason {
        Reason::Joined(into) => format!("{id} was joined into {}", name(into)),
        Reason::Dissolved => format!("{id} is no more"),
        Reason::NoTime => format!("{id} has no time any more"),
        Reason::Reshaped => format!("{id} is sent in another form"),
    }
}

/// What went wrong: what the service called `title` said of it (`Toggl 400: …`) passes the filter,
/// our own words need not.
pub(super) fn what(filter: &Filter, title: &str, what: &str) -> String {
    let said = what.match_indices(title).find_map(|(at, _)| {
        let status = at + title.len() + " 400".len();
        let digits = what.get(at + title.len()..status)?.strip_prefix(' ')?;
        let is_status = digits.bytes().all(|c| c.is_ascii_digit());
        (is_status && what.get(status..)?.starts_with(": ")).then_some(status + ": ".len())
    });
    let (ours, theirs) = said.and_then(|at| what.split_at_checked(at)).unwrap_or((what, ""));
    harmless(&format!("{ours}{}", filter.mask(theirs)))
}

/// Minutes as everywhere; what is shorter than one, in seconds.
fn shown_time(seconds: i64) -> String {
    if seconds < 60 { length(seconds) } else { human(seconds.saturating_mul(1_000)) }
}

fn difference(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    format!("{sign}{}", length(seconds.abs()))
}

fn are(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}
