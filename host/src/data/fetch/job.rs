//! One fetch of one dataset: which files are still wanted, and how those of an archive get their places.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::place::{Failure, place};
use crate::data::error::Error;
use crate::data::manifest::{Entry, File};
use crate::data::progress::Progress;
use crate::data::store::{self, Finding};

/// The suffix of a gzipped file.
const GZIP: &str = ".gz";

/// One fetch of one dataset.
pub(super) struct Job<'a> {
    pub(super) entry: &'a Entry,
    pub(super) cache: &'a Path,
    pub(super) folder: PathBuf,
    /// What is still to arrive.
    pub(super) wanted: Vec<&'a File>,
    pub(super) arrived: Vec<String>,
    pub(super) progress: &'a mut dyn Progress,
}

impl<'a> Job<'a> {
    /// Lists the files that are missing or wrong.
    pub(super) fn find_wanted(&mut self) -> Result<(), Error> {
        for file in &self.entry.files {
            let finding = store::examine(self.entry, self.cache, file)?;
            if finding == Finding::Good {
                continue;
            }
            if finding != Finding::Missing {
                let name = self.entry.name;
                self.progress.message(&format!("{name}: {} {}; replacing it", file.name, finding.describe(file)));
            }
            self.wanted.push(file);
        }
        Ok(())
    }

    /// Unpacks by `suffix`, verifies and names one file.
    pub(super) fn place(&mut self, file: &'a File, suffix: &str, content: impl Read) -> Result<(), Failure> {
        if suffix == GZIP {
            let unpacked = MultiGzDecoder::new(BufReader::new(content));
            place(self.entry, self.cache, file, unpacked, self.progress)?;
        } else {
            place(self.entry, self.cache, file, content, self.progress)?;
        }
        self.wanted.retain(|other| other.name != file.name);
        self.arrived.push(file.name.clone());
        Ok(())
    }

    /// Places every wanted file found in `folder` of a gzipped tar archive.
    pub(super) fn place_from_tar(&mut self, archive: impl Read, folder: &str) -> Result<(), Failure> {
        each_in_tar(archive, |path, content| {
            let wanted = self.wanted.iter().find(|file| path == Path::new(folder).join(&file.name)).copied();
            wanted.map_or(Ok(()), |file| self.place(file, "", content))
        })?;
        match self.wanted.first() {
            None => Ok(()),
            Some(file) => Err(Failure::Source(format!("the archive holds no {folder}/{}", file.name))),
        }
    }
}

/// Calls `take` with the path and content of every file of a gzipped tar archive.
pub(super) fn each_in_tar(
    archive: impl Read,
    mut take: impl FnMut(&Path, &mut dyn Read) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let broken = |error: io::Error| Failure::Source(format!("the archive cannot be read: {error}"));
    let mut archive = tar::Archive::new(MultiGzDecoder::new(BufReader::new(archive)));
    for item in archive.entries().map_err(broken)? {
        let mut item = item.map_err(broken)?;
        let path = item.path().map_err(broken)?.into_owned();
        let path = path.strip_prefix(".").unwrap_or(&path);
        if item.header().entry_type().is_file() {
            take(path, &mut item)?;
        }
    }
    Ok(())
}
