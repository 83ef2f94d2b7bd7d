//! The cache folder: where files are, and whether they are right.
//!
//! Invariant: a file has its final name only after its size and SHA-256 agreed with the manifest. Everything on the way
//! there ends in `.part`.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::data::error::Error;
use crate::data::manifest::{Entry, File};
use crate::data::mini;

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

/// A file's size and SHA-256, as its content comes.
pub(super) struct Sum {
    hash: Sha256,
    bytes: u64,
}

impl Sum {
    pub(super) fn new() -> Self {
        Self { hash: Sha256::new(), bytes: 0 }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    pub(super) fn judge(self, file: &File) -> Finding {
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

#[cfg(test)]
mod tests {
    use super::super::{DatasetName, manifest};
    use super::*;

    #[test]
    fn sha256_is_the_standard_one() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn bundled_files_agree_with_the_manifest() {
        let entry = manifest::entry(DatasetName::MnistMini);
        for file in &entry.files {
            assert_eq!(examine(entry, Path::new("nowhere"), file).unwrap(), Finding::Good, "{}", file.name);
        }
    }
}
