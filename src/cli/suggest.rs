//! `tt suggest`: tags from a language model, for streams that have none.
//!
//! A model is asked only by the command that the config names, and only about what the privacy
//! filter lets out. Its answer changes nothing until the person has seen it: it is shown, and kept
//! beside the database for `tt suggest --apply`. What a person or a rule said holds against it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::app::{App, RunRules, short_ids};
use super::args::SuggestArgs;
use super::error::{Failure, Outcome};
use super::program::{self, LONGEST_ANSWER};
use super::streams::range;
use super::table::{Table, harmless};
use super::{count, privacy, say, write_json};
use crate::config::Llm;
use crate::export::StreamOut;
use crate::privacy::{Filter, Safe};
use crate::store::derived::{self, StreamRow};
use crate::store::texts::Texts;
use crate::store::{Store, Transaction, tags as stored};
use crate::suggest::{Known, Question, Skipped, Understood};
use crate::tags::{self, Change, Source, Tagged};
use crate::time::Interval;

/// Parts of an answer that are told one by one.
const SKIPPED_TOLD: usize = 5;

pub(super) fn run(app: &App, args: &SuggestArgs, out: &mut dyn Write) -> Outcome {
    match &args.apply {
        None => ask(app, args, out),
        Some(file) => apply(app, file.as_deref(), args.json, out),
    }
}

fn ask(app: &App, args: &SuggestArgs, out: &mut dyn Write) -> Outcome {
    let range = range(app, &args.range)?;
    let (mut store, config) = app.up_to_date(RunRules::Yes)?;
    let llm = Llm::read(config.source.text())
        .map_err(|why| Failure::Failed(format!("{} {why}", config.source.name())))?;
    if args.yes && llm.command.is_empty() {
        return Err(Failure::Failed(
            "no command is configured that would suggest anything\n  \
             Name one in the config, [llm] command, or give an answer with --apply FILE."
                .to_owned(),
        ));
    }
    let filter = privacy::filter(app, &config, store.conn())?;
    let (known, mut streams) = look(&mut store, &filter, range)?;
    keep_newest(&mut streams, args.limit);
    let question = serde_json::to_value(Question::new(&streams, &known))?;
    if llm.command.is_empty() {
        return write_json(out, &question);
    }
    let understood = if streams.is_empty() {
        Understood::default()
    } else {
        if app.env.err_is_terminal {
            say(&format!("Asking about {} …", count(streams.len() as u64, "stream")));
        }
        answer(&llm, &question, &known)?
    };
    let kept = kept(app)?;
    let then = if args.yes { Then::Apply { forget: Some(&kept) } } else { Then::Keep(&kept) };
    conclude(app, &mut store, &understood, then, args.json, out)
}

fn keep_newest(streams: &mut Vec<Safe<StreamOut>>, limit: usize) {
    if let Some(more) = streams.len().checked_sub(limit).filter(|more| *more > 0) {
        let all = count(streams.len() as u64, "stream");
        say(&format!("Note: the newest {limit} of {all} without tags; --limit takes more."));
        streams.drain(..more);
    }
}

/// What the command answers, with no transaction open while it thinks.
fn answer(llm: &Llm, question: &Value, known: &Known) -> Result<Understood, Failure> {
    let timeout = Duration::from_millis(u64::try_from(llm.timeout).unwrap_or_default());
    program::ask(&llm.command, format!("{question}\n"), timeout)
        .and_then(|answer| understand(known, &answer, "the answer of the command"))
        .map_err(|why| {
            Failure::Failed(format!("{why}\n  Nothing was changed. See [llm] in the config."))
        })
}

fn apply(app: &App, file: Option<&Path>, json: bool, out: &mut dyn Write) -> Outcome {
    let kept = kept(app)?;
    let answer = match file {
        Some(file) => read(app, file)?,
        None if !kept.exists() => {
            return Err(Failure::Failed(
                "nothing is suggested that was not applied\n  \
                 Run 'tt suggest' first, or give --apply the file with an answer."
                    .to_owned(),
            ));
        }
        None => read(app, &kept)?,
    };
    let (mut store, config) = app.up_to_date(RunRules::Yes)?;
    let filter = privacy::filter(app, &config, store.conn())?;
    let (known, _) = look(&mut store, &filter, Interval::ALWAYS)?;
    let understood = understand(&known, &answer, "the answer")
        .map_err(|why| Failure::Failed(format!("{why}\n  Nothing was changed.")))?;
    let forget = file.is_none().then_some(kept.as_path());
    conclude(app, &mut store, &understood, Then::Apply { forget }, json, out)
}

fn understand(known: &Known, answer: &str, what: &str) -> Result<Understood, String> {
    known.understand(answer).map_err(|why| format!("{what} cannot be used: {}", harmless(&why)))
}

/// Where suggestions are kept that were shown and not applied.
fn kept(app: &App) -> Result<PathBuf, Failure> {
    let mut name = app.database()?.as_os_str().to_owned();
    name.push(".suggestions.json");
    Ok(name.into())
}

fn read(app: &App, file: &Path) -> Result<String, Failure> {
    let mut text = Vec::new();
    let mut take = |from: &mut dyn Read| from.take(LONGEST_ANSWER + 1).read_to_end(&mut text);
    let read = if file.as_os_str() == "-" {
        take(&mut io::stdin().lock())
    } else {
        File::open(file).and_then(|mut file| take(&mut file))
    };
    let cannot = |why: &str| Failure::Failed(format!("cannot read {}: {why}", app.env.shown(file)));
    read.map_err(|error| cannot(&error.to_string()))?;
    if text.len() as u64 > LONGEST_ANSWER {
        return Err(cannot("it is longer than 8 MiB"));
    }
    String::from_utf8(text).map_err(|_| cannot("it is not UTF-8"))
}

/// All streams as they leave, and those of them within `range` that have no tags, the oldest first.
fn look(
    store: &mut Store,
    filter: &Filter,
    range: Interval,
) -> Result<(Known, Vec<Safe<StreamOut>>), Failure> {
    let tx = store.read()?;
    let mut texts = Texts::new(&tx);
    let (mut known, mut untagged) = (Known::default(), Vec::new());
    derived::for_each_stream(&tx, None, Interval::ALWAYS, |row| -> Result<(), Failure> {
        let stream = StreamOut::of(&tx, &mut texts, &row)?;
        let is_asked = stream.tags.is_empty() && row.last >= range.start && row.first < range.end;
        untagged.extend(known.pass(filter, stream).filter(|_| is_asked));
        Ok(())
    })?;
    Ok((known, untagged))
}

/// What becomes of suggestions.
enum Then<'a> {
    /// They are kept in this file.
    Keep(&'a Path),
    /// They are applied, and the file in which they were kept goes.
    Apply { forget: Option<&'a Path> },
}

/// What is suggested for a stream.
struct Suggested {
    row: StreamRow,
    now: Tagged,
    /// What changes.
    changes: Vec<Change>,
    /// What the person took off before.
    held: Vec<String>,
}

impl Suggested {
    /// The tags that are set.
    fn tags(&self) -> impl Iterator<Item = &String> {
        self.changes.iter().filter_map(|change| match change {
            Change::Set(tag, _) => Some(tag),
            Change::Drop(_) | Change::Hold(_) | Change::Release(_) => None,
        })
    }
}

/// Applies or keeps suggestions, and shows them.
fn conclude(
    app: &App,
    store: &mut Store,
    understood: &Understood,
    then: Then<'_>,
    json: bool,
    out: &mut dyn Write,
) -> Outcome {
    let applied = matches!(then, Then::Apply { .. });
    let tx = if applied { store.write()? } else { store.read()? };
    let mut skipped = understood.skipped.clone();
    let in_use: BTreeSet<String> = stored::in_use(&tx)?.into_iter().map(|it| it.tag).collect();
    let mut suggested = plan(&tx, understood, &mut skipped)?;
    let ids: Vec<String> = suggested.iter().map(|it| it.row.id.clone()).collect();
    let ids = short_ids(&tx, &ids.iter().map(String::as_str).collect::<Vec<_>>())?;
    let short = |row: &StreamRow| ids.get(&row.id).cloned().unwrap_or_default();
    tell_held(&suggested, short);
    suggested.retain(|it| !it.changes.is_empty());
    if applied {
        for it in &suggested {
            stored::apply(&tx, &it.row.id, &it.changes)?;
            derived::touch(&tx, it.row.num, &app.env.now.to_string())?;
        }
    }
    tx.commit()?;
    let value = in_json(&suggested, &skipped, applied);
    match then {
        Then::Keep(kept) if !suggested.is_empty() => keep(app, kept, &value)?,
        Then::Keep(old) | Then::Apply { forget: Some(old) } => drop(std::fs::remove_file(old)),
        Then::Apply { forget: None } => {}
    }
    if json {
        write_json(out, &value)?;
    } else {
        show(app, &suggested, &in_use, short, applied, out)?;
    }
    tell_skipped(&skipped)
}

/// What the suggestions would change now, stream by stream, the oldest first.
fn plan(
    tx: &Transaction<'_>,
    understood: &Understood,
    skipped: &mut Vec<Skipped>,
) -> Result<Vec<Suggested>, Failure> {
    let mut all = Vec::new();
    for (id, wanted) in &understood.tags {
        let Some(row) = derived::stream_by_id(tx, id)? else {
            let what = format!("stream '{id}'");
            skipped.push(Skipped { what, why: "it was joined into another meanwhile".to_owned() });
            continue;
        };
        let now = stored::of_stream(tx, id)?;
        let changes = tags::suggested(&now, wanted);
        let held = wanted.intersection(&now.removed).cloned().collect();
        all.push(Suggested { row, now, changes, held });
    }
    all.sort_by(|a, b| (a.row.first, &a.row.id).cmp(&(b.row.first, &b.row.id)));
    Ok(all)
}

/// Says what was left as it is, or is tagged by now.
fn tell_held(suggested: &[Suggested], short: impl Fn(&StreamRow) -> String) {
    for it in suggested {
        let stream = format!("{} {}", short(&it.row), harmless(&it.row.name));
        if !it.held.is_empty() {
            let held = harmless(&it.held.join(", "));
            say(&format!("Note: you took {held} off {stream}; that stays so."));
        }
        let said = it.now.tags.iter().filter(|(_, source)| **source > Source::Llm);
        let said: Vec<String> =
            said.map(|(tag, source)| format!("{tag} ({})", source.as_str())).collect();
        if !said.is_empty() {
            say(&format!("Note: {stream} has tags: {}; they stay.", harmless(&said.join(", "))));
        }
    }
}

fn in_json(suggested: &[Suggested], skipped: &[Skipped], applied: bool) -> Value {
    let suggestions = suggested.iter().map(|it| {
        json!({ "stream": it.row.id, "name": it.row.name, "tags": it.tags().collect::<Vec<_>>() })
    });
    json!({
        "applied": applied,
        "suggestions": suggestions.collect::<Vec<_>>(),
        "skipped": skipped,
    })
}

/// Keeps suggestions, for nobody else to read: they are in real words.
fn keep(app: &App, path: &Path, suggestions: &Value) -> Outcome {
    let write = || {
        let mut file = NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        file.write_all(suggestions.to_string().as_bytes())?;
        file.persist(path).map_err(|error| error.error)
    };
    write()
        .map(drop)
        .map_err(|error| Failure::Failed(format!("cannot write {}: {error}", app.env.shown(path))))
}

fn show(
    app: &App,
    suggested: &[Suggested],
    in_use: &BTreeSet<String>,
    short: impl Fn(&StreamRow) -> String,
    applied: bool,
    out: &mut dyn Write,
) -> Outcome {
    if suggested.is_empty() {
        let what = if applied { "Nothing to change." } else { "Nothing is suggested." };
        return Ok(writeln!(out, "{what}")?);
    }
    let columns = [("ID", false), ("BEGAN", false), ("NAME", false), ("TAGS", false)];
    let mut table = Table::new(&columns, &[2, 3], &[1]);
    for it in suggested {
        let marked = |tag: &String| {
            if in_use.contains(tag) { tag.clone() } else { format!("{tag} (new)") }
        };
        table.row(vec![
            short(&it.row),
            app.env.zone.local(it.row.first).format("%Y-%m-%d %H:%M").to_string(),
            it.row.name.clone(),
            it.tags().map(marked).collect::<Vec<_>>().join(", "),
        ]);
    }
    write!(out, "{}", table.render(app.env.table_width()))?;
    let streams = count(suggested.len() as u64, "stream");
    if applied {
        writeln!(out, "\n{streams} tagged. 'tt untag' takes a tag off for good.")?;
    } else {
        writeln!(out, "\n{streams}. Nothing was changed. Run 'tt suggest --apply' to apply this.")?;
    }
    Ok(())
}

/// Says what could not be used of an answer, if anything.
fn tell_skipped(skipped: &[Skipped]) -> Outcome {
    if skipped.is_empty() {
        return Ok(());
    }
    for Skipped { what, why } in skipped.iter().take(SKIPPED_TOLD) {
        say(&format!("Skipped: {}: {why}", harmless(what)));
    }
    if let Some(more) = skipped.len().checked_sub(SKIPPED_TOLD).filter(|more| *more > 0) {
        say(&format!("… and {more} more"));
    }
    say("Error: not all of the answer could be used; the rest holds");
    Err(Failure::Found)
}
