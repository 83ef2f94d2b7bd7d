//! A file of rows that grows with the run: a row is in it whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::files::write_atomically;
use crate::training::directory::rows::rows;

/// A file of rows that grows.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    /// Bytes of whole rows in it.
    length: u64,
}

impl Log {
    pub(super) fn create(path: PathBuf) -> Result<Self> {
        let file = OpenOptions::new().create_new(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path, file, length: 0 })
    }

    /// Opens a file and keeps its rows as far as `keep` says; one that is not there begins empty. `warn` hears of rows
    /// that cannot be read.
    pub(super) fn reopen<T: Serialize + DeserializeOwned>(
        path: PathBuf,
        keep: impl Fn(&T) -> bool,
        warn: &mut impl FnMut(&str),
    ) -> Result<Self> {
        if !path.exists() {
            return Self::create(path);
        }
        let (mut rows, wrong) = rows::<T>(&path)?;
        match rows.iter().position(|row| !keep(row)) {
            Some(end) => rows.truncate(end),
            None => wrong
                .iter()
                .for_each(|wrong| warn(&format!("{wrong}; it goes on after the {} rows before", rows.len()))),
        }
        Self::write(path, &text(&rows)?)
    }

    /// Replaces a file by rows, to go on after them.
    fn write(path: PathBuf, text: &[u8]) -> Result<Self> {
        write_atomically(&path, text)?;
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, file, length: text.len() as u64 })
    }

    /// Changes rows that are in the file already.
    pub(super) fn correct<T: Serialize + DeserializeOwned>(&mut self, mut change: impl FnMut(&mut T)) -> Result<()> {
        let (mut rows, _) = rows::<T>(&self.path)?;
        rows.iter_mut().for_each(&mut change);
        *self = Self::write(self.path.clone(), &text(&rows)?)?;
        Ok(())
    }

    /// Adds a row: it is in the file when this returns.
    pub(super) fn append<T: Serialize>(&mut self, row: &T) -> Result<()> {
        let mut writer = csv::WriterBuilder::new().has_headers(self.length == 0).from_writer(Vec::new());
        writer.serialize(row)?;
        let text = writer.into_inner()?;
        let written = self.file.write_all(&text);
        if written.is_err() {
            // Half a row would spoil the file for readers; the first error is the one to report.
            let _ = self.file.set_len(self.length);
        }
        written.with_context(|| {
            format!(
                "cannot write {}; free some space or choose another --out (earlier rows are kept)",
                self.path.display()
            )
        })?;
        self.length += text.len() as u64;
        Ok(())
    }

    /// Flushes the rows to the disk.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_data().with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// Rows as they are in a file.
fn text<T: Serialize>(rows: &[T]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    Ok(writer.into_inner()?)
}
