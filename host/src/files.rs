//! Files that are written whole or not at all: the one way in which this library writes a file that others rely on.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::{Builder, NamedTempFile};

/// A file on its way: it lies beside its target under a name of its own, `.<name>-<random>.part`, and is removed when it is
/// dropped unfinished.
#[derive(Debug)]
pub struct Draft {
    file: NamedTempFile,
    target: PathBuf,
}

impl Draft {
    /// Begins the file that is to become `target`, as readable as the umask lets any new file be.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written.
    pub fn new(target: &Path) -> io::Result<Self> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let prefix = unfinished(&name);
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(".part");
        // Temporary files are private to their user unless they are asked to be as others.
        #[cfg(unix)]
        let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        Ok(Self { file: builder.tempfile_in(folder(target))?, target: target.to_owned() })
    }

    /// Flushes the content to the disk and gives it its name, in place of what had that name.
    ///
    /// # Errors
    ///
    /// When any of that fails; the target then holds what it held before.
    pub fn finish(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.target)?;
        sync_folder(folder(&self.target))
    }

    /// The same, unless something has that name already.
    ///
    /// # Errors
    ///
    /// As [`Draft::finish`], and [`ErrorKind::AlreadyExists`].
    pub fn finish_new(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist_noclobber(&self.target)?;
        sync_folder(folder(&self.target))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for Draft {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// The folder that a file lies in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a rename last through a power cut, where folders can be synced.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Writes `bytes` beside `path`, flushes them to the disk, and renames.
///
/// # Errors
///
/// When any of that fails; `path` then holds what it held before.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, |draft| draft.write_all(bytes), Draft::finish)
}

/// The same for a file that `content` writes part by part.
///
/// # Errors
///
/// As [`write_atomically`].
pub fn stream_atomically(path: &Path, content: impl FnOnce(&mut Draft) -> io::Result<()>) -> Result<()> {
    write(path, content, Draft::finish)
}

/// The same for a file that must not be there yet.
///
/// # Errors
///
/// As [`write_atomically`], and when it is there.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, |draft| draft.write_all(bytes), Draft::finish_new)
}

fn write(
    path: &Path,
    content: impl FnOnce(&mut Draft) -> io::Result<()>,
    finish: fn(Draft) -> io::Result<()>,
) -> Result<()> {
    let written = Draft::new(path).and_then(|mut draft| {
        content(&mut draft)?;
        finish(draft)
    });
    written.map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AlreadyExists => "another program made it at the same time; choose another folder",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("taken");
        std::fs::create_dir(&target).unwrap();
        assert!(write_atomically(&target, b"x").is_err());
        // As on a disk that is full before the end.
        let target = folder.path().join("file");
        write_new(&target, b"before").unwrap();
        let full = |draft: &mut Draft| {
            draft.write_all(b"half")?;
            Err(ErrorKind::StorageFull.into())
        };
        let text = stream_atomically(&target, full).unwrap_err().to_string();
        assert!(text.contains("free some space"), "{text}");
        assert_eq!(std::fs::read(&target).unwrap(), b"before");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
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

    #[test]
    fn a_file_that_must_be_new_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        write_new(&target, b"one").unwrap();
        let text = write_new(&target, b"two").unwrap_err().to_string();
        assert!(text.contains("at the same time"), "{text}");
        assert_eq!(std::fs::read(&target).unwrap(), b"one");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_as_readable_as_any_other_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let [atomic, plain] = ["atomic", "plain"].map(|name| folder.path().join(name));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        write_atomically(&atomic, b"x").unwrap();
        std::fs::write(&plain, b"x").unwrap();
        assert_eq!(mode(&atomic), mode(&plain));
    }
}
