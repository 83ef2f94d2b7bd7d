//! Blocks of memory for networks.

use rewire_core::network::Footprint;

use crate::error::NetworkError;

/// Hands `work` a block of zeros, aligned and as large as `footprint` says.
///
/// # Errors
///
/// Memory that is not there.
pub fn with_block<R>(footprint: &Footprint, work: impl FnOnce(&mut [u8]) -> R) -> Result<R, NetworkError> {
    with_memory(footprint.bytes(), footprint.align, work)
}

/// Hands `work` so many bytes of zeros, which start at a multiple of `align`.
///
/// # Errors
///
/// Memory that is not there.
pub fn with_memory<R>(needed: usize, align: usize, work: impl FnOnce(&mut [u8]) -> R) -> Result<R, NetworkError> {
    let len = needed.saturating_add(align);
    // Whether the system grants it: the allocation after it would end the program.
    Vec::<u8>::new().try_reserve_exact(len).map_err(|_| NetworkError::OutOfMemory {
        needed,
        available: None,
        fits: None,
    })?;
    // From the system, memory is zero already: nothing is written to it before the network is.
    let mut memory = vec![0u8; len];
    let start = memory.as_ptr().align_offset(align);
    Ok(work(&mut memory[start..start + needed]))
}
