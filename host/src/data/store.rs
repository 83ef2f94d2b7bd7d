//! The cache folder: where files are, whether they are right, and how a new one gets its name.
//!
//! Invariant: a file has its final name only after its size and SHA-256 agreed with the manifest. Everything on the way
//! there ends in `.part`.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::data::error::Error;
use crate::data::manifest::{Entry, File};
use crate::data::mini;
use crate::data::progress::Progress;
use crate::files::Draft;

/// What the cache holds of a dataset, by names and sizes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Part of the program.
    Bundled,
    /// Every file is there with its size.
    Present,
    /// Some files are there, or unfinished, or have another size.
    Partial,
    /// Nothing is there.
    Missing,
}

impl State {
    /// The word for tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bundled => "bundled",
            Self::Present => "present",
            Self::Partial => "partial",
            Self::Missing => "missing",
        }
    }
}

/// The folder of a dataset.
pub fn folder(entry: &Entry, cache: &Path) -> PathBuf {
    cache.join(entry.name.as_str())
}

/// Where a final file belongs; for a bundled one, a name to show.
pub fn path(entry: &Entry, cache: &Path, file: &File) -> PathBuf {
    if entry.bundled {
        Path::new("(bundled)").join(entry.name.as_str()).join(&file.name)
    } else {
        folder(entry, cache).join(&file.name)
    }
}

/// What the cache holds of a dataset.
pub fn state(entry: &Entry, cache: &Path) -> State {
    if entry.bundled {
        return State::Bundled;
    }
    let right = |file: &&File| fs::metadata(path(entry, cache, file)).is_ok_and(|data| data.len() == file.bytes);
    if entry.files.iter().all(|file| right(&file)) {
        return State::Present;
    }
    let anything = fs::read_dir(folder(entry, cache)).is_ok_and(|mut items| items.next().is_some());
    if anything { State::Partial } else { State::Missing }
}

/// What a closer look at a file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Size and SHA-256 are the manifest's.
    Good,
    /// It is not there.
    Missing,
    /// It has another size, in bytes.
    Size(u64),
    /// It has another SHA-256.
    Sha256(String),
}

impl Finding {
    /// One phrase for people.
    pub fn describe(&self, file: &File) -> String {
        match self {
            Self::Good => "ok".to_owned(),
            Self::Missing => "missing".to_owned(),
            Self::Size(bytes) => format!("has {bytes} bytes, expected {}", file.bytes),
            Self::Sha256(found) => format!("has sha256 {found}, expected {}", file.sha256),
        }
    }
}

/// Checks one file against the manifest by size and SHA-256.
///
/// # Errors
/// [`Error::Io`] when a file that exists cannot be read.
pub fn examine(entry: &Entry, cache: &Path, file: &File) -> Result<Finding, Error> {
    let path = path(entry, cache, file);
    if let Some(packed) = mini::bundled(entry, file) {
        return digest(flate2::read::GzDecoder::new(packed), file).map_err(Error::io("read", path));
    }
    let opened = match fs::File::open(&path) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Finding::Missing),
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    let metadata = opened.metadata().map_err(Error::io("read", &path))?;
    if metadata.is_dir() {
        let source = io::Error::new(io::ErrorKind::IsADirectory, "it is a folder; remove it");
        return Err(Error::io("read", path)(source));
    }
    let found = metadata.len();
    if found != file.bytes {
        return Ok(Finding::Size(found));
    }
    digest(opened, file).map_err(Error::io("read", path))
}

fn digest(mut content: impl Read, file: &File) -> io::Result<Finding> {
    let mut sum = Sum::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(sum.judge(file)),
            n => sum.add(&buffer[..n]),
        }
    }
}

/// Bytes handled at a time: large enough to make calls cheap, small enough to notice a request to stop.
pub(super) const BUFFER: usize = 1 << 16;

struct Sum {
    hash: Sha256,
    bytes: u64,
}

impl Sum {
    fn new() -> Self {
        Self { hash: Sha256::new(), bytes: 0 }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    fn judge(self, file: &File) -> Finding {
        if self.bytes != file.bytes {
            return Finding::Size(self.bytes);
        }
        let found = hex(&self.hash.finalize());
        if found == file.sha256 { Finding::Good } else { Finding::Sha256(found) }
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 of `bytes` in lower-case hexadecimal, as the manifest writes it.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

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
    use super::super::{DatasetName, Silent, manifest};
    use super::*;

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
    fn sha256_is_the_standard_one() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
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

    #[test]
    fn bundled_files_agree_with_the_manifest() {
        let entry = manifest::entry(DatasetName::MnistMini);
        for file in &entry.files {
            assert_eq!(examine(entry, Path::new("nowhere"), file).unwrap(), Finding::Good, "{}", file.name);
        }
    }
}
