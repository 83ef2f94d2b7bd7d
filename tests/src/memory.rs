//! Blocks on the heap, aligned as a network needs them.

use rewire_core::network::Description;
use rewire_core::sparse::Format;

/// Alignment that suits every network.
const ALIGN: usize = 64;

/// A block of bytes that starts at a multiple of 64.
#[derive(Debug)]
pub struct Memory {
    bytes: Vec<u8>,
    len: usize,
}

impl Memory {
    /// A block of `len` bytes. They are not zero: a network must not rely on what a block held.
    pub fn new(len: usize) -> Self {
        Self { bytes: vec![0xA5; len + ALIGN], len }
    }

    /// Exactly the block that a description asks for.
    pub fn of<F: Format, const LANES: usize>(description: &Description<'_>) -> Self {
        Self::new(description.footprint::<F, LANES>().bytes())
    }

    /// The block.
    pub fn block(&mut self) -> &mut [u8] {
        let start = self.bytes.as_ptr().align_offset(ALIGN);
        &mut self.bytes[start..start + self.len]
    }

    /// A block of the same length that starts `shift` bytes off.
    ///
    /// # Panics
    ///
    /// When the shift is 64 or more.
    pub fn misaligned(&mut self, shift: usize) -> &mut [u8] {
        assert!(shift < ALIGN, "a shift of a whole alignment is none");
        let start = self.bytes.as_ptr().align_offset(ALIGN);
        // `align_offset` is at most 63, so that one of the two directions always has room.
        let start = if start >= shift { start - shift } else { start + shift };
        &mut self.bytes[start..start + self.len]
    }
}
