//! Training state in NOR flash, safe against a loss of power at any moment.
//!
//! Flash is cut into slots that are written in turn, which spreads the wear. A slot is erased, then gets the model's
//! [image](crate::storage::image), then its header, whose checksum makes it valid: until the last byte of the header is
//! there, the slot before it is the newest.
//!
//! | bytes of a slot | what |
//! |---|---|
//! | 0..4 | `RWCK` |
//! | 4..8 | sequence number: the newest is the highest |
//! | 8..12, 12..16 | epoch, step: the position from which training continues |
//! | 16..20, 20..24 | length and CRC-32 of the image |
//! | 24..28 | CRC-32 of bytes 0..24 |
//! | from [`HEADER`] on | the image |
//!
//! All random numbers are functions of seed, epoch and step, so the model and its position are the whole state of a
//! run.

use core::fmt;

use embedded_storage::nor_flash::NorFlash;

use crate::network::mlp::Mlp;
use crate::sparse::index::Format;
pub use crate::step::id::Progress;
use crate::storage::crc::{Crc, crc32};
use crate::storage::image::stream::{PAGE, read_into};
use crate::storage::image::{ImageError, len, write_with};

const MAGIC: [u8; 4] = *b"RWCK";
/// Bytes that a slot keeps for its header: a whole page of any part up to 256 bytes a page.
pub const HEADER: usize = 256;

/// Why training state cannot be saved or found.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CheckpointError<E> {
    /// The flash reports a failure.
    Flash(E),
    /// The part's words do not divide a page of 256 bytes, or what it erases at once is no multiple of one.
    Geometry,
    /// The flash holds fewer than two slots for this network.
    TooSmall {
        /// Bytes that two slots take.
        needed: usize,
        /// Bytes that there are.
        available: usize,
    },
    /// No slot is valid.
    Empty,
    /// Velocities are not saved: a network for a chip has none.
    Velocity,
    /// Nor are parameters of activations.
    LearnedActivation {
        /// Layer, counted from 0.
        layer: usize,
    },
    /// The state in flash is of another network.
    Image(ImageError),
}

impl<E: fmt::Debug> fmt::Display for CheckpointError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash reports an error: {error:?}"),
            Self::Geometry => {
                write!(
                    f,
                    "the flash's words must divide {PAGE} bytes, and what it erases at once be a multiple of {PAGE}"
                )
            }
            Self::TooSmall { needed, available } => {
                write!(f, "two slots take {needed} bytes of flash, of which there are {available}")
            }
            Self::Empty => write!(f, "the flash holds no checkpoint"),
            Self::Velocity => write!(f, "a network with velocities cannot be saved"),
            Self::LearnedActivation { layer } => {
                write!(f, "layer {layer} has an activation with parameters, which cannot be saved")
            }
            Self::Image(error) => write!(f, "the checkpoint is of another network: {error}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for CheckpointError<E> {}

impl<E> From<ImageError> for CheckpointError<E> {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

/// A valid slot.
#[derive(Clone, Copy, Debug)]
struct Slot {
    index: usize,
    sequence: u32,
    progress: Progress,
    len: usize,
}

/// Checkpoints in a part of the flash.
#[derive(Debug)]
pub struct Checkpoints<S> {
    flash: S,
    slot: usize,
    slots: usize,
    newest: Option<Slot>,
}

impl<S: NorFlash> Checkpoints<S> {
    /// Looks for checkpoints of `network` in all of `flash`.
    ///
    /// # Errors
    ///
    /// Flash that fails, is too small or has another geometry; a network with velocities or parameters of activations.
    pub fn new<F: Format, const LANES: usize, const LAYERS: usize>(
        flash: S,
        network: &Mlp<'_, F, LANES, LAYERS>,
    ) -> Result<Self, CheckpointError<S::Error>> {
        let fits = |size: usize| PAGE.is_multiple_of(size.max(1));
        if !fits(S::WRITE_SIZE) || !fits(S::READ_SIZE) || !S::ERASE_SIZE.is_multiple_of(PAGE) {
            return Err(CheckpointError::Geometry);
        }
        if network.layers().any(|layer| !layer.velocity.is_empty()) {
            return Err(CheckpointError::Velocity);
        }
        let learned = network.layers().position(|layer| layer.spec.activation.is_learned());
        if let Some(layer) = learned.filter(|_| F::LEARNED_ACTIVATIONS) {
            return Err(CheckpointError::LearnedActivation { layer });
        }
        let bytes = HEADER + len::<F>(network.layers().map(|layer| layer.spec));
        let slot = bytes.div_ceil(S::ERASE_SIZE) * S::ERASE_SIZE;
        let slots = flash.capacity() / slot;
        if slots < 2 {
            return Err(CheckpointError::TooSmall { needed: 2 * slot, available: flash.capacity() });
        }
        let mut checkpoints = Self { flash, slot, slots, newest: None };
        for index in 0..slots {
            let found = checkpoints.read(index)?;
            if let Some(found) = found
                && checkpoints.newest.is_none_or(|newest| found.sequence > newest.sequence)
            {
                checkpoints.newest = Some(found);
            }
        }
        Ok(checkpoints)
    }

    /// The position that the newest checkpoint was saved at.
    pub fn progress(&self) -> Option<Progress> {
        self.newest.map(|slot| slot.progress)
    }

    /// The flash.
    pub fn release(self) -> S {
        self.flash
    }

    /// A slot's header, if the slot is whole.
    // Not inlined: its page would stay on the caller's stack, below the whole training.
    #[inline(never)]
    fn read(&mut self, index: usize) -> Result<Option<Slot>, CheckpointError<S::Error>> {
        let start = index * self.slot;
        let mut page = [0; PAGE];
        self.flash.read(start as u32, &mut page).map_err(CheckpointError::Flash)?;
        let word = |at: usize| page.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_le_bytes(*word));
        let header = page.first_chunk::<24>().map_or(0, |header| crc32(header));
        let len = word(16) as usize;
        if !page.starts_with(&MAGIC) || header != word(24) || len > self.slot - HEADER {
            return Ok(None);
        }
        let slot = Slot { index, sequence: word(4), progress: Progress { epoch: word(8), step: word(12) }, len };
        let expected = word(20);
        let mut crc = Crc::new();
        for at in (0..len).step_by(PAGE) {
            self.flash.read((start + HEADER + at) as u32, &mut page).map_err(CheckpointError::Flash)?;
            crc.add(page.get(..PAGE.min(len - at)).unwrap_or_default());
        }
        Ok((crc.get() == expected).then_some(slot))
    }

    /// Saves a network and its position in the run. The previous checkpoint stays valid until this one is whole.
    ///
    /// # Errors
    ///
    /// Flash that fails.
    pub fn save<F: Format, const LANES: usize, const LAYERS: usize>(
        &mut self,
        network: &Mlp<'_, F, LANES, LAYERS>,
        progress: Progress,
    ) -> Result<(), CheckpointError<S::Error>> {
        let index = self.newest.map_or(0, |newest| (newest.index + 1) % self.slots);
        let sequence = self.newest.map_or(1, |newest| newest.sequence.wrapping_add(1));
        let start = index * self.slot;
        self.flash.erase(start as u32, (start + self.slot) as u32).map_err(CheckpointError::Flash)?;
        let (flash, mut crc) = (&mut self.flash, Crc::new());
        let (mut page, mut filled, mut at) = ([0xFF; PAGE], 0, start + HEADER);
        let len = write_with(network, |bytes| {
            crc.add(bytes);
            for &byte in bytes {
                if let Some(slot) = page.get_mut(filled) {
                    *slot = byte;
                }
                filled += 1;
                if filled == PAGE {
                    flash.write(at as u32, &page).map_err(CheckpointError::Flash)?;
                    page.fill(0xFF);
                    (filled, at) = (0, at + PAGE);
                }
            }
            Ok::<(), CheckpointError<S::Error>>(())
        })?;
        let rest = filled.div_ceil(S::WRITE_SIZE) * S::WRITE_SIZE;
        if rest > 0 {
            flash.write(at as u32, page.get(..rest).unwrap_or_default()).map_err(CheckpointError::Flash)?;
        }
        page.fill(0xFF);
        let words = [sequence, progress.epoch, progress.step, len as u32, crc.get()].map(u32::to_le_bytes);
        for (to, &byte) in page.iter_mut().zip(MAGIC.iter().chain(words.as_flattened())) {
            *to = byte;
        }
        let header = page.first_chunk::<24>().map_or(0, |header| crc32(header));
        for (to, byte) in page.iter_mut().skip(24).zip(header.to_le_bytes()) {
            *to = byte;
        }
        let bytes = 28usize.div_ceil(S::WRITE_SIZE) * S::WRITE_SIZE;
        self.flash.write(start as u32, page.get(..bytes).unwrap_or_default()).map_err(CheckpointError::Flash)?;
        self.newest = Some(Slot { index, sequence, progress, len });
        Ok(())
    }

    /// Loads the newest checkpoint into `network`; returns the position from which training continues.
    ///
    /// # Errors
    ///
    /// When there is none, or it is damaged or of another network: the network is then as it was. Flash that fails
    /// while the network is written, which all checks precede: it is then as it was built, without connections.
    pub fn resume<F: Format, const LANES: usize, const LAYERS: usize>(
        &mut self,
        network: &mut Mlp<'_, F, LANES, LAYERS>,
    ) -> Result<Progress, CheckpointError<S::Error>> {
        let Some(newest) = self.newest else { return Err(CheckpointError::Empty) };
        // The flash may have changed since the checkpoint was found.
        let Some(slot) = self.read(newest.index)? else { return Err(CheckpointError::Empty) };
        let start = slot.index * self.slot + HEADER;
        let flash = &mut self.flash;
        read_into(network, slot.len, |at, page| flash.read((start + at) as u32, page).map_err(CheckpointError::Flash))?;
        Ok(slot.progress)
    }
}
