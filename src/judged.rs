//! Everything that is known of a stream, as the privacy filter judges it: one list for every way out,
//! so that none of them forgets a directory that another one knows.

use std::collections::BTreeSet;

use crate::privacy::Kind;
use crate::store::Result;
use crate::store::derived::StreamRow;
use crate::store::texts::{TextId, Texts};

/// All that is known of a stream: its name, tags and project, its root, and each directory,
/// repository, branch, session and agent that it ever had. Each once.
///
/// # Errors
/// Those of SQLite.
pub fn of_stream(
    stream: &StreamRow,
    tags: &[String],
    texts: &mut Texts<'_>,
) -> Result<Vec<(Kind, String)>> {
    let facts = &stream.facts;
    let mut known = vec![(Kind::Name, stream.name.clone())];
    known.extend(tags.iter().map(|tag| (Kind::Tag, tag.clone())));
    known.extend(stream.project.iter().map(|project| (Kind::Project, project.clone())));
    // A root that is known by its repository alone says so.
    let root = texts.owned(stream.root)?;
    known.extend(root.map(|root| match root.strip_prefix("repo:") {
        Some(repo) => (Kind::Repo, repo.to_owned()),
        None => (Kind::Path, root),
    }));
    let lists: [(Kind, &mut dyn Iterator<Item = TextId>); 7] = [
        (Kind::Path, &mut facts.cwds.texts()),
        (Kind::Repo, &mut facts.repos.texts()),
        (Kind::Repo, &mut facts.worktrees.texts()),
        (Kind::Branch, &mut facts.branches.texts()),
        (Kind::Session, &mut facts.tmux.texts()),
        (Kind::Other, &mut facts.agents.texts()),
        (Kind::Other, &mut facts.sessions.texts()),
    ];
    for (kind, ids) in lists {
        for id in ids {
            known.extend(texts.owned(id)?.map(|text| (kind, text)));
        }
    }
    let mut seen = BTreeSet::new();
    known.retain(|text| seen.insert(text.clone()));
    Ok(known)
}
