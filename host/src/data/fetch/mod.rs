//! Brings datasets into the cache: official addresses first, then mirrors that package managers carry.
//!
//! A download is resumable: it grows in a `.part` file, which the next run continues. It is atomic: files get their
//! final names by a rename, after their SHA-256 agreed with the manifest. Files that are already right are not fetched.
//!
//! | file | question |
//! |---|---|
//! | `job` | which files are wanted, and how an archive gives them |
//! | `http`, `package` | how they come from an address, and from a package manager |
//! | `cifar10_png` | how CIFAR-10's files are built from pictures |
//! | `place` | how a file gets its final name |

mod cifar10_png;
mod http;
mod job;
mod package;
mod place;

use std::fs;
use std::path::Path;

use crate::data::error::{Attempt, Error};
use crate::data::manifest::{self, Entry, Source};
use crate::data::name::DatasetName;
use crate::data::progress::Progress;
use crate::data::store::{self, State};
use job::Job;
use place::{Failure, remove_leftovers};

/// Makes sure that `name` can be loaded: fetches it when its files are not all there, saying so through `progress`.
///
/// Existing files are judged by their size here; `fetch` and `verify` also hash them.
///
/// # Errors
/// As [`bring`].
pub fn ensure(name: DatasetName, cache: &Path, progress: &mut dyn Progress) -> Result<(), Error> {
    let entry = manifest::entry(name);
    match store::state(entry, cache) {
        State::Bundled | State::Present => Ok(()),
        State::Partial | State::Missing => {
            progress.message(&format!("{name} is not in {} yet; fetching it", cache.display()));
            bring(entry, cache, progress).map(|_| ())
        }
    }
}

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
        let result = take_from(source, &mut job);
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
        remove_leftovers(&job.folder)?;
        return Ok(job.arrived);
    }
    let files = job.wanted.iter().map(|file| format!("{} ({} bytes)", file.name, file.bytes)).collect();
    Err(Error::NoSource { dataset: entry.name, tried, folder: job.folder, files })
}

/// Takes the wanted files from one source.
fn take_from(source: &Source, job: &mut Job<'_>) -> Result<(), Failure> {
    match source {
        Source::Http { address, suffix } => http::from_http(job, address, suffix),
        Source::HttpTar { address, folder } => http::from_http_tar(job, address, folder),
        Source::Npm { package, version, folder, rebuild } => {
            package::from_npm(job, &format!("{package}@{version}"), folder, *rebuild)
        }
        Source::Apt { package, folder, suffix } => package::from_apt(job, package, folder, suffix),
    }
}
