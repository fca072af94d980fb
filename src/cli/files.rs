//! Files of the person that a command changes.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Replaces a file's text as a whole or not at all, and only if it is still `was`; of a file that is
/// not there, that is nothing. Permissions stay; a link, as dotfile managers make them, stays too.
pub(super) fn replace(path: &Path, was: &str, text: &str) -> io::Result<()> {
    let (target, file) = beside(path, text)?;
    // As late as can be: between this look and the rename lies nothing that takes time.
    let now = match std::fs::read(&target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        now => now?,
    };
    if now != was.as_bytes() {
        return Err(io::Error::other("it was changed in the meantime; run this again"));
    }
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

/// Writes a file as a whole or not at all, whatever was there. What is no file, a pipe or a device,
/// is written to.
pub(super) fn put(path: &Path, text: &str) -> io::Result<()> {
    if path.metadata().is_ok_and(|it| !it.is_file()) {
        return std::fs::write(path, text);
    }
    let (target, file) = beside(path, text)?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

/// The file that a path leads to, and one beside it that is to take its place.
fn beside(path: &Path, text: &str) -> io::Result<(PathBuf, NamedTempFile)> {
    let target = target(path);
    let folder = target.parent().filter(|it| !it.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
        // Not by the name of the other file, which says nothing to anybody.
        .map_err(|error| io::Error::from(error.kind()))?;
    file.write_all(text.as_bytes())?;
    let permissions = match std::fs::metadata(&target) {
        Ok(meta) if meta.permissions().readonly() => {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"));
        }
        Ok(meta) => meta.permissions(),
        Err(_) => std::fs::Permissions::from_mode(0o644),
    };
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    Ok((target, file))
}

/// The file that a path leads to, through links, also where it is not there yet.
fn target(path: &Path) -> PathBuf {
    let beside = |link: PathBuf| path.parent().unwrap_or(Path::new(".")).join(link);
    std::fs::canonicalize(path)
        .or_else(|_| std::fs::read_link(path).map(beside))
        .unwrap_or_else(|_| path.to_owned())
}
