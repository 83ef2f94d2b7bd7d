//! Typed slices cut from one block that the caller owns.
//!
//! A cut never copies, never moves and never frees; what is cut lives as long as the block. The arena counts bytes, so
//! that a test can hold them against what [`Footprint`](crate::network::footprint::Footprint) predicted.

use bytemuck::Pod;

use crate::error::ArenaError;

/// A block of bytes whose start is aligned for every buffer of a network.
///
/// Make it a `static` on a microcontroller, sized by [`Footprint::bytes`](crate::network::footprint::Footprint::bytes):
/// a network that does not fit then fails to link.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Block<const BYTES: usize>(pub [u8; BYTES]);

impl<const BYTES: usize> Block<BYTES> {
    /// A block of zeros.
    pub const fn new() -> Self {
        Self([0; BYTES])
    }
}

impl<const BYTES: usize> Default for Block<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

/// Cuts typed slices from a block, first to last.
#[derive(Debug)]
pub(crate) struct Arena<'a> {
    rest: &'a mut [u8],
    used: usize,
    available: usize,
}

impl<'a> Arena<'a> {
    /// Starts cutting at the beginning of `block`.
    pub(crate) fn new(block: &'a mut [u8]) -> Self {
        let available = block.len();
        Self { rest: block, used: 0, available }
    }

    /// Bytes cut so far, padding included.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Cuts `len` bytes whose offset in the block is a multiple of `align`, a power of two, and sets them to zero.
    ///
    /// # Errors
    ///
    /// [`ArenaError::TooSmall`] with the bytes needed so far, [`ArenaError::Misaligned`] when the block itself starts
    /// at an address that is no such multiple.
    #[inline(never)]
    pub(crate) fn cut(&mut self, len: usize, align: usize) -> Result<&'a mut [u8], ArenaError> {
        // Powers of two: no remainder is computed, which not every chip can, and none is by zero.
        let mask = align.wrapping_sub(1);
        let padding = self.used.wrapping_neg() & mask;
        let needed = self.used.saturating_add(padding).saturating_add(len);
        let too_small = ArenaError::TooSmall { needed, available: self.available };
        if needed > self.available {
            return Err(too_small);
        }
        let rest = core::mem::take(&mut self.rest);
        let (_, rest) = rest.split_at_mut_checked(padding).ok_or(too_small)?;
        let (bytes, rest) = rest.split_at_mut_checked(len).ok_or(too_small)?;
        self.rest = rest;
        self.used = needed;
        if len > 0 && bytes.as_ptr().addr() & mask != 0 {
            return Err(ArenaError::Misaligned { align });
        }
        bytes.fill(0);
        Ok(bytes)
    }
}

/// Bytes of zero as elements.
///
/// # Errors
///
/// [`ArenaError::Misaligned`] when they start at an address that `T` cannot have.
pub(crate) fn slice<T: Pod>(bytes: &mut [u8]) -> Result<&mut [T], ArenaError> {
    if bytes.is_empty() {
        return Ok(&mut []);
    }
    bytemuck::try_cast_slice_mut(bytes).map_err(|_| ArenaError::Misaligned { align: align_of::<T>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_short_is_an_error_that_says_how_much() {
        let mut block = Block::<15>::new();
        let mut arena = Arena::new(&mut block.0);
        assert!(arena.cut(8, 4).is_ok());
        assert_eq!(arena.cut(8, 4), Err(ArenaError::TooSmall { needed: 16, available: 15 }));
    }

    #[test]
    fn slices_are_aligned_and_padding_is_counted() {
        let mut block = Block::<128>::new();
        let mut arena = Arena::new(&mut block.0);
        assert_eq!(slice::<u8>(arena.cut(3, 1).unwrap()), Ok(&mut [0; 3][..]));
        assert_eq!(slice::<f32>(arena.cut(4, 4).unwrap()), Ok(&mut [0.0][..]));
        assert_eq!(arena.used(), 8);
        assert_eq!(slice::<[f32; 16]>(arena.cut(64, 64).unwrap()), Ok(&mut [[0.0; 16]][..]));
        assert_eq!(arena.used(), 128);
    }

    #[test]
    fn a_misaligned_block_is_an_error() {
        let mut block = Block::<64>::new();
        let mut arena = Arena::new(&mut block.0[1..]);
        assert_eq!(arena.cut(4, 4), Err(ArenaError::Misaligned { align: 4 }));
        assert_eq!(slice::<f32>(&mut block.0[1..5]), Err(ArenaError::Misaligned { align: 4 }));
    }

    #[test]
    fn huge_lengths_do_not_overflow() {
        let mut block = Block::<64>::new();
        let mut arena = Arena::new(&mut block.0);
        assert!(matches!(arena.cut(usize::MAX - 2, 4), Err(ArenaError::TooSmall { .. })));
    }
}
