//! Brings datasets into the cache: official addresses first, then mirrors that package managers carry.
//!
//! A download is resumable: it grows in a `.part` file, which the next run continues. It is atomic: files get their
//! final names by a rename, after their SHA-256 agreed with the manifest. Files that are already right are not fetched.

use std::fs;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::data::error::{Attempt, Error};
use crate::data::manifest::{Entry, File, Source};
use crate::data::progress::Progress;
use crate::data::store::{self, Failure, Finding};

mod cifar10_png;
mod http;
mod package;

/// The suffix of a gzipped file.
const GZIP: &str = ".gz";

/// Fetches whatever `entry` lacks into `cache` and returns the names of the files that arrived.
///
/// # Errors
/// [`Error::NoSource`] when every source failed, [`Error::Io`] when the cache cannot be written, and
/// [`Error::Interrupted`] when `progress` asked to stop.
pub fn bring(entry: &Entry, cache: &Path, progress: &mut dyn Progress) -> Result<Vec<String>, Error> {
    if entry.bundled {
        return Ok(Vec::new());
    }
    let folder = store::folder(entry, cache);
    fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    let mut job = Job { entry, cache, folder, wanted: Vec::new(), arrived: Vec::new(), progress };
    job.find_wanted()?;
    let mut tried = Vec::new();
    for source in &entry.sources {
        if job.wanted.is_empty() {
            break;
        }
        job.progress.message(&format!("{}: trying {}", entry.name, source.describe()));
        let result = job.try_source(source);
        job.progress.finish();
        match result {
            Ok(()) => {}
            Err(Failure::Fatal(error)) => return Err(error),
            Err(Failure::Source(reason)) => {
                job.progress.message(&format!("{}: {reason}", entry.name));
                tried.push(Attempt { source: source.describe(), reason });
            }
        }
    }
    if job.wanted.is_empty() {
        store::remove_leftovers(&job.folder)?;
        return Ok(job.arrived);
    }
    let files = job.wanted.iter().map(|file| format!("{} ({} bytes)", file.name, file.bytes)).collect();
    Err(Error::NoSource { dataset: entry.name, tried, folder: job.folder, files })
}

/// One fetch of one dataset.
struct Job<'a> {
    entry: &'a Entry,
    cache: &'a Path,
    folder: PathBuf,
    /// What is still to arrive.
    wanted: Vec<&'a File>,
    arrived: Vec<String>,
    progress: &'a mut dyn Progress,
}

impl<'a> Job<'a> {
    fn find_wanted(&mut self) -> Result<(), Error> {
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

    fn try_source(&mut self, source: &Source) -> Result<(), Failure> {
        match source {
            Source::Http { address, suffix } => self.take_http(address, suffix),
            Source::HttpTar { address, folder } => self.take_http_tar(address, folder),
            Source::Npm { package, version, folder, rebuild } => {
                package::from_npm(self, &format!("{package}@{version}"), folder, *rebuild)
            }
            Source::Apt { package, folder, suffix } => package::from_apt(self, package, folder, suffix),
        }
    }

    fn take_http(&mut self, address: &str, suffix: &str) -> Result<(), Failure> {
        for file in self.wanted.clone() {
            let name = format!("{}{suffix}", file.name);
            let part = self.folder.join(format!("{name}.part"));
            // Room for the wrapping of content that does not compress.
            let limit = file.bytes + file.bytes / 100 + (1 << 16);
            self.take_download(&format!("{address}{name}"), &part, limit, |job, opened| {
                job.place(file, suffix, opened)
            })?;
        }
        Ok(())
    }

    fn take_http_tar(&mut self, address: &str, folder: &str) -> Result<(), Failure> {
        let name = address.rsplit('/').next().unwrap_or("archive");
        let part = self.folder.join(format!("{name}.part"));
        let limit = self.entry.bytes() + (16 << 20);
        self.take_download(address, &part, limit, |job, opened| job.place_from_tar(opened, folder))
    }

    /// Downloads to `part`, hands it to `unpack`, and removes it.
    ///
    /// A part left by an earlier run may be of another server or another day, so content that proves wrong is fetched
    /// once more from its start.
    fn take_download(
        &mut self,
        url: &str,
        part: &Path,
        limit: u64,
        unpack: impl Fn(&mut Self, fs::File) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        loop {
            let resumed = http::download(self, url, part, limit)?;
            let opened = fs::File::open(part).map_err(Error::io("open", part))?;
            let result = unpack(self, opened);
            if matches!(result, Err(Failure::Fatal(_))) {
                return result;
            }
            fs::remove_file(part).map_err(Error::io("remove", part))?;
            match result {
                Err(Failure::Source(reason)) if resumed => {
                    self.progress.message(&format!("{}: {reason}; starting over", self.entry.name));
                }
                other => return other,
            }
        }
    }

    /// Unpacks by `suffix`, verifies and names one file.
    fn place(&mut self, file: &'a File, suffix: &str, content: impl Read) -> Result<(), Failure> {
        if suffix == GZIP {
            let unpacked = MultiGzDecoder::new(BufReader::new(content));
            store::place(self.entry, self.cache, file, unpacked, self.progress)?;
        } else {
            store::place(self.entry, self.cache, file, content, self.progress)?;
        }
        self.wanted.retain(|other| other.name != file.name);
        self.arrived.push(file.name.clone());
        Ok(())
    }

    /// Places every wanted file found in `folder` of a gzipped tar archive.
    fn place_from_tar(&mut self, archive: impl Read, folder: &str) -> Result<(), Failure> {
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
fn each_in_tar(
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
