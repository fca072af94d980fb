//! Running the rules on streams: where the two rivers meet.

use std::rc::Rc;

use rusqlite::Connection;

use crate::period::Zone;
use crate::rules::{Rules, Scratch, Stream};
use crate::store::derived::{self, RuleRef, StreamRow};
use crate::store::texts::{TextId, Texts};
use crate::store::{Result, tags as stored};
use crate::tags;

/// Sees streams as the rules do.
pub struct Viewer<'c> {
    texts: Texts<'c>,
    zone: Zone,
}

impl<'c> Viewer<'c> {
    /// A viewer for whom days and clock times are those of `zone`.
    #[must_use]
    pub fn new(conn: &'c Connection, zone: Zone) -> Self {
        Self { texts: Texts::new(conn), zone }
    }

    /// The stream as the rules see it.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn view(&mut self, row: &StreamRow) -> Result<Stream> {
        let facts = &row.facts;
        Ok(Stream {
            primary_cwd: self.first(&facts.cwds.most_frequent())?,
            tmux_session: self.all(facts.tmux.texts())?,
            agent: self.all(facts.agents.texts())?,
            git_branch: self.all(facts.branches.texts())?,
            repo: self.first(&facts.repos.most_frequent())?,
            worktree: self.all(facts.worktrees.texts())?,
            duration_ms: Some(row.direct_ms + row.delegated_ms),
            direct_ms: Some(row.direct_ms),
            delegated_ms: Some(row.delegated_ms),
            at: Some(self.zone.local(row.first)),
        })
    }

    /// Of values that are equally frequent and equally early, the one that sorts first.
    fn first(&mut self, texts: &[TextId]) -> Result<Option<String>> {
        Ok(self.all(texts.iter().copied())?.into_iter().next())
    }

    fn all(&mut self, texts: impl Iterator<Item = TextId>) -> Result<Vec<String>> {
        let mut out: Vec<Rc<str>> = Vec::new();
        for text in texts {
            out.extend(self.texts.text(text)?);
        }
        out.sort_unstable();
        Ok(out.iter().map(|text| text.to_string()).collect())
    }
}

/// Runs the rules on every flagged stream and takes the flags away; how many streams there were.
/// To be called within a transaction.
///
/// # Errors
/// Those of SQLite.
pub fn run(conn: &Connection, rules: &Rules, zone: Zone, now: &str) -> Result<usize> {
    let flagged = derived::flagged(conn)?;
    let mut viewer = Viewer::new(conn, zone);
    let mut scratch = Scratch::default();
    for row in &flagged {
        let stream = viewer.view(row)?;
        let winner = rules.first_match_with(&stream, &mut scratch);
        let outcome = winner.map(|id| rules.outcome(id, &stream)).unwrap_or_default();
        let rule = winner.map(|id| rules.rule(id)).map(|rule| RuleRef {
            index: i64::try_from(rule.index()).unwrap_or(i64::MAX),
            name: rule.name.clone(),
            line: i64::try_from(rule.line).unwrap_or(i64::MAX),
        });
        let changes = tags::ruled(&stored::of_stream(conn, &row.id)?, &outcome.tags);
        stored::apply(conn, &row.id, &changes)?;
        let same = changes.is_empty() && outcome.project == row.project;
        let updated_at = if same { &row.updated_at } else { now };
        derived::set_rule(conn, row.num, rule.as_ref(), outcome.project.as_deref(), updated_at)?;
    }
    Ok(flagged.len())
}
