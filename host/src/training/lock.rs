//! The lock of a run directory: one process at a time trains there.

use std::fs::{File, OpenOptions, TryLockError, remove_file};
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The file that is locked. It is empty, and none of a run's results: on Windows nobody else can read a locked file, and a
/// run's settings are read while it trains.
const NAME: &str = ".lock";

/// A run directory that no other process trains in, for as long as this lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Locks a run directory.
    ///
    /// # Errors
    ///
    /// When another process trains there, or the directory cannot be written.
    pub fn take(directory: &Path) -> Result<Self> {
        let path = directory.join(NAME);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                bail!("{} is in use by another `rewire train`; wait until that ends", directory.display())
            }
            // A file system without locks keeps nobody from training.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { _file: file }),
        }
    }

    /// Unlocks the directory and leaves nothing of the lock behind.
    ///
    /// # Errors
    ///
    /// When the file cannot be removed.
    pub fn remove(self, directory: &Path) -> Result<()> {
        let path = directory.join(NAME);
        match remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }
}
