//! How a file gets its final name: written beside it, checked, and only then renamed.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use crate::data::error::Error;
use crate::data::manifest::{Entry, File};
use crate::data::progress::Progress;
use crate::data::store::{BUFFER, Finding, Sum, path};
use crate::files::Draft;

/// Why a step of a fetch stopped.
#[derive(Debug)]
pub(super) enum Failure {
    /// This source cannot deliver; the next may.
    Source(String),
    /// No source can help: the disk is full, the user asked to stop.
    Fatal(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

/// Writes `content` beside its final name, checks it, and only then renames it.
pub(super) fn place(
    entry: &Entry,
    cache: &Path,
    file: &File,
    content: impl Read,
    progress: &dyn Progress,
) -> Result<(), Failure> {
    let target = path(entry, cache, file);
    let mut draft = Draft::new(&target).map_err(Error::io("create", &target))?;
    let mut sum = Sum::new();
    let mut buffer = vec![0; BUFFER];
    // One byte more than wanted is enough to know that a source sends too much.
    let mut content = content.take(file.bytes + 1);
    loop {
        if progress.cancelled() {
            return Err(Error::Interrupted { dataset: entry.name }.into());
        }
        let n = content
            .read(&mut buffer)
            .map_err(|error| Failure::Source(format!("{} cannot be unpacked: {error}", file.name)))?;
        if n == 0 {
            break;
        }
        sum.add(&buffer[..n]);
        draft.write_all(&buffer[..n]).map_err(Error::io("write", &target))?;
    }
    match sum.judge(file) {
        Finding::Good => {}
        Finding::Size(found) if found > file.bytes => {
            return Err(Failure::Source(format!("{} has more than {} bytes", file.name, file.bytes)));
        }
        other => return Err(Failure::Source(format!("{} {}", file.name, other.describe(file)))),
    }
    Ok(draft.finish().map_err(Error::io("write", &target))?)
}

/// Removes what a finished or abandoned fetch left behind: everything that ends in `.part`.
pub(super) fn remove_leftovers(folder: &Path) -> Result<(), Error> {
    let failed = || Error::io("clean up", folder);
    for item in fs::read_dir(folder).map_err(failed())? {
        let item = item.map_err(failed())?;
        if item.path().extension().is_some_and(|extension| extension == "part") {
            let directory = item.file_type().map_err(failed())?.is_dir();
            let result = if directory { fs::remove_dir_all(item.path()) } else { fs::remove_file(item.path()) };
            result.map_err(failed())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::store::{State, examine, folder, sha256, state};
    use crate::data::{DatasetName, Silent, manifest};

    fn small() -> Entry {
        let mut entry = manifest::entry(DatasetName::Mnist).clone();
        entry.files.truncate(1);
        entry.files[0].bytes = 3;
        entry.files[0].sha256 = sha256(b"abc");
        entry
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn right_content_gets_its_name() {
        let cache = tempfile::tempdir().unwrap();
        let entry = small();
        fs::create_dir(folder(&entry, cache.path())).unwrap();
        assert_eq!(state(&entry, cache.path()), State::Missing);
        place(&entry, cache.path(), &entry.files[0], &b"abc"[..], &Silent).unwrap();
        assert_eq!(state(&entry, cache.path()), State::Present);
        assert_eq!(examine(&entry, cache.path(), &entry.files[0]).unwrap(), Finding::Good);
        assert_eq!(names(&folder(&entry, cache.path())), ["train-images-idx3-ubyte"]);
    }

    #[test]
    fn wrong_content_leaves_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let entry = small();
        fs::create_dir(folder(&entry, cache.path())).unwrap();
        for (content, found) in [(&b"abd"[..], "sha256"), (b"ab", "2 bytes"), (b"abcd", "more than 3 bytes")] {
            match place(&entry, cache.path(), &entry.files[0], content, &Silent) {
                Err(Failure::Source(reason)) => assert!(reason.contains(found), "{reason}"),
                other => panic!("{other:?}"),
            }
            assert_eq!(names(&folder(&entry, cache.path())), [""; 0]);
        }
    }

    #[test]
    fn leftovers_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.gz.part"), "").unwrap();
        fs::create_dir(folder.path().join("npm.part")).unwrap();
        fs::write(folder.path().join("npm.part/log"), "").unwrap();
        fs::write(folder.path().join("kept"), "").unwrap();
        remove_leftovers(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["kept"]);
    }
}
