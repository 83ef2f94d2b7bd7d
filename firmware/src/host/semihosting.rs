//! The host at the other end of semihosting: arguments of the form `key=value`, and files.

use core::ffi::CStr;

use defmt::info;
use rewire_core::network::Mlp;
use rewire_core::prelude::Format;
use rewire_core::storage::image::{self, About};
use semihosting::experimental::env::args;
use semihosting::fs::File;
use semihosting::io::{Read, Seek, SeekFrom, Write};

#[path = "idx.rs"]
mod idx;

pub use idx::{Idx, IdxError, Source, sources};

use crate::end::fail;
use crate::nor::Medium;

/// The longest path, in bytes.
const LONGEST: usize = 160;

/// A path as a C string, as the host expects it.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    bytes: [u8; LONGEST],
}

impl Path {
    /// `<folder>/<part><kind>`, truncated if too long.
    pub fn join(folder: &str, part: &str, kind: &str) -> Self {
        Self::of([folder, "/", part, kind].into_iter().flat_map(str::bytes))
    }

    /// A complete path.
    pub fn new(path: &str) -> Self {
        Self::of(path.bytes())
    }

    fn of(path: impl Iterator<Item = u8>) -> Self {
        let mut bytes = [0; LONGEST];
        for (to, byte) in bytes.iter_mut().take(LONGEST - 1).zip(path) {
            *to = byte;
        }
        Self { bytes }
    }
}

impl AsRef<CStr> for Path {
    fn as_ref(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }
}

/// Calls `work` with the value of the argument `key=value`, or with `None` if there is no such argument.
#[inline(never)]
pub fn argument<R>(key: &str, work: impl FnOnce(Option<&str>) -> R) -> R {
    let arguments = args::<320>().ok();
    let value = arguments
        .as_ref()
        .and_then(|mut arguments| arguments.find_map(|argument| argument.ok()?.strip_prefix(key)?.strip_prefix('=')));
    work(value)
}

/// The host refuses to open or write a file, or the model has no image.
#[derive(Clone, Copy, Debug)]
pub struct Refused;

impl From<semihosting::io::Error> for Refused {
    fn from(_: semihosting::io::Error) -> Self {
        Self
    }
}

impl From<rewire_core::storage::image::ImageError> for Refused {
    fn from(_: rewire_core::storage::image::ImageError) -> Self {
        Self
    }
}

/// Writes the model image to the file that the argument `model` names, if there is one, with what its use needs.
#[inline(never)]
pub fn hand_back<F: Format, const LANES: usize, const LAYERS: usize>(
    network: &Mlp<'_, F, LANES, LAYERS>,
    about: &About<'_>,
) {
    argument("model", |path| {
        let Some(path) = path else { return };
        let written = create(path).and_then(|mut file| {
            let bytes = image::write_about_with(network, about, |bytes| file.put(bytes))?;
            file.end().map(|()| bytes)
        });
        match written {
            Ok(bytes) => info!("{=usize} B of model in {=str}", bytes, path),
            Err(_) => fail(format_args!("{path} cannot be written")),
        }
    });
}

/// A file of the host that is written in small pieces.
#[derive(Debug)]
pub struct Output {
    file: File,
    buffer: [u8; 64],
    len: usize,
}

/// Creates a file of the host, or empties it.
///
/// # Errors
///
/// When the host refuses.
pub fn create(path: &str) -> Result<Output, Refused> {
    Ok(Output { file: File::create(Path::new(path))?, buffer: [0; 64], len: 0 })
}

impl Output {
    /// Adds bytes; they are in the file after [`Output::end`].
    ///
    /// # Errors
    ///
    /// When the host's disk is full, for instance.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        for &byte in bytes {
            if let Some(slot) = self.buffer.get_mut(self.len) {
                *slot = byte;
                self.len += 1;
            }
            if self.len == self.buffer.len() {
                self.end()?;
            }
        }
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    ///
    /// As [`Output::put`].
    pub fn end(&mut self) -> Result<(), Refused> {
        let len = core::mem::take(&mut self.len);
        Ok(self.file.write_all(self.buffer.get(..len).unwrap_or_default())?)
    }
}

/// A file on the host as a [`Medium`]: bytes beyond its end were never written.
#[derive(Debug)]
pub struct Memory {
    file: File,
    /// The host's position in the file, to seek only when needed.
    at: Option<u32>,
}

impl Memory {
    /// Opens a file, or creates an empty one.
    ///
    /// # Errors
    ///
    /// When the host refuses.
    #[inline(never)]
    pub fn open(path: &str) -> Result<Self, Refused> {
        let path = Path::new(path);
        let existing = File::options().read(true).write(true).open(path);
        let created = || File::options().read(true).write(true).create(true).truncate(true).open(path);
        Ok(Self { file: existing.or_else(|_| created())?, at: None })
    }

    fn seek(&mut self, at: u32, len: usize) -> Result<(), Refused> {
        if self.at.take() != Some(at) {
            self.file.seek(SeekFrom::Start(at.into()))?;
        }
        self.at = Some(at + len as u32);
        Ok(())
    }
}

impl Medium for Memory {
    type Error = Refused;

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<usize, Refused> {
        let there = (self.file.metadata()?.len() as usize).saturating_sub(at as usize).min(bytes.len());
        let bytes = bytes.get_mut(..there).unwrap_or_default();
        self.seek(at, there)?;
        self.file.read_exact(bytes)?;
        Ok(there)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Refused> {
        self.seek(at, bytes.len())?;
        Ok(self.file.write_all(bytes)?)
    }
}
