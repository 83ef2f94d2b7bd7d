//! Simulated NOR flash: erasing sets all bits of a page to 1, programming can only change 1 to 0, word by word.
//!
//! Page and word sizes are those of an nRF52840. A [`Medium`] holds the bytes: a file on the host, which survives
//! the end of the machine, or a block of memory.

use core::fmt::Debug;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// Bytes of a word, which is programmed at once.
const WORD: usize = 4;
/// Bytes of a page, which is erased at once.
const PAGE: usize = 4096;
/// Bytes that are checked before they are programmed.
const CHUNK: usize = 64;

/// What holds the bytes.
pub trait Medium {
    /// Why it refuses.
    type Error: Debug;

    /// Reads up to as many bytes as there were ever written; returns how many.
    ///
    /// # Errors
    ///
    /// When the medium fails.
    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<usize, Self::Error>;

    /// Writes bytes.
    ///
    /// # Errors
    ///
    /// When the medium fails.
    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Self::Error>;
}

impl Medium for &mut [u8] {
    type Error = NorFlashErrorKind;

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<usize, NorFlashErrorKind> {
        let from = self.get(at as usize..).unwrap_or_default();
        let there = from.len().min(bytes.len());
        for (to, from) in bytes.iter_mut().zip(from) {
            *to = *from;
        }
        Ok(there)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        let to = self.get_mut(at as usize..).and_then(|to| to.get_mut(..bytes.len()));
        to.ok_or(NorFlashErrorKind::OutOfBounds)?.copy_from_slice(bytes);
        Ok(())
    }
}

/// Why an operation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NorError<E> {
    /// What holds the bytes fails.
    Medium(E),
    /// An offset outside the flash, or one that is not aligned to a word or page.
    Place(NorFlashErrorKind),
    /// A bit that is 0 was to become 1 without an erasure.
    NotErased {
        /// The byte with that bit.
        offset: u32,
    },
}

impl<E: Debug> NorFlashError for NorError<E> {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Place(kind) => *kind,
            Self::Medium(_) | Self::NotErased { .. } => NorFlashErrorKind::Other,
        }
    }
}

/// Flash on a medium.
#[derive(Debug)]
pub struct Nor<M> {
    medium: M,
    pages: u32,
}

impl<M: Medium> Nor<M> {
    /// Flash of so many pages.
    pub const fn new(medium: M, pages: u32) -> Self {
        Self { medium, pages }
    }

    /// As [`ReadNorFlash::read`], for places that were checked. What was never written is erased.
    fn fetch(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorError<M::Error>> {
        let there = self.medium.read(offset, bytes).map_err(NorError::Medium)?;
        bytes.get_mut(there..).unwrap_or_default().fill(0xFF);
        Ok(())
    }
}

impl<M: Medium> ErrorType for Nor<M> {
    type Error = NorError<M::Error>;
}

impl<M: Medium> ReadNorFlash for Nor<M> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        check_read(self, offset, bytes.len()).map_err(NorError::Place)?;
        self.fetch(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.pages as usize * PAGE
    }
}

impl<M: Medium> NorFlash for Nor<M> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        check_erase(self, from, to).map_err(NorError::Place)?;
        for at in (from..to).step_by(CHUNK) {
            self.medium.write(at, &[0xFF; CHUNK]).map_err(NorError::Medium)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        check_write(self, offset, bytes.len()).map_err(NorError::Place)?;
        for (at, chunk) in (offset..).step_by(CHUNK).zip(bytes.chunks(CHUNK)) {
            let mut old = [0; CHUNK];
            self.fetch(at, old.get_mut(..chunk.len()).unwrap_or_default())?;
            let wrong = (at..).zip(old.iter().zip(chunk)).find(|(_, (old, new))| *new & !*old != 0);
            if let Some((offset, _)) = wrong {
                return Err(NorError::NotErased { offset });
            }
            // One at a time, as a part does: power can go between two words.
            for (at, word) in (at..).step_by(WORD).zip(chunk.chunks(WORD)) {
                self.medium.write(at, word).map_err(NorError::Medium)?;
            }
        }
        Ok(())
    }
}
