//! What the host says through semihosting: arguments of the form `key=value`, and paths.

use core::ffi::CStr;

use semihosting::experimental::env::args;
use semihosting::fs::File;
use semihosting::io::Write;

/// The longest path, in bytes.
const LONGEST: usize = 160;

/// A path, as the host wants it.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    bytes: [u8; LONGEST],
}

impl Path {
    /// `<folder>/<part><kind>`, cut when too long.
    pub fn join(folder: &str, part: &str, kind: &str) -> Self {
        Self::of([folder, "/", part, kind].into_iter().flat_map(str::bytes))
    }

    /// A path that is already whole.
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

/// Hands the value of the argument `key=value` over, or `None` where there is no host or no such argument.
#[inline(never)]
pub fn argument<R>(key: &str, work: impl FnOnce(Option<&str>) -> R) -> R {
    let arguments = args::<320>().ok();
    let value = arguments
        .as_ref()
        .and_then(|mut arguments| arguments.find_map(|argument| argument.ok()?.strip_prefix(key)?.strip_prefix('=')));
    work(value)
}

/// The host refuses a file, or there is no image of the model.
#[derive(Clone, Copy, Debug)]
pub struct Refused;

impl From<semihosting::io::Error> for Refused {
    fn from(_: semihosting::io::Error) -> Self {
        Self
    }
}

impl From<rewire_core::image::ImageError> for Refused {
    fn from(_: rewire_core::image::ImageError) -> Self {
        Self
    }
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
