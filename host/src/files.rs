//! Files that are written whole or not at all.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::Result;
use tempfile::Builder;

/// Writes `bytes` beside `path`, flushes them to the disk, and renames.
///
/// # Errors
///
/// When any of that fails; `path` then holds what it held before.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut file = Builder::new().prefix(&unfinished(&name)).tempfile_in(folder)?;
        file.write_all(bytes)?;
        make_readable(file.as_file())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory => "choose another folder",
            _ => "free some space or choose another folder",
        };
        anyhow::Error::new(error).context(format!("cannot write {}; {advice}", path.display()))
    })
}

/// How the names of files begin that are to become `name`, and stay behind when the program is killed.
fn unfinished(name: &str) -> String {
    format!(".{name}-")
}

/// Removes what is left of unfinished writes of the file `name`, where that can be done.
pub fn remove_unfinished(folder: &Path, name: &str) {
    let prefix = unfinished(name);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            // It is in nobody's way.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// A temporary file is private to its user; what it becomes should be as readable as any other.
#[cfg(unix)]
fn make_readable(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("taken");
        std::fs::create_dir(&target).unwrap();
        assert!(write_atomically(&target, b"x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_kill_left_behind_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".checkpoint-x1", ".other-x1", "checkpoint"] {
            std::fs::write(folder.path().join(name), b"half").unwrap();
        }
        remove_unfinished(folder.path(), "checkpoint");
        let exists = |name| folder.path().join(name).exists();
        assert_eq!([".checkpoint-x1", ".other-x1", "checkpoint"].map(exists), [false, true, true]);
    }

    #[test]
    fn what_is_written_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        write_atomically(&target, b"one").unwrap();
        write_atomically(&target, b"two").unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"two");
    }
}
