//! The one memory block that holds a network.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// Bytes that a program needs beside the network, mostly for stack and log.
const BESIDES: usize = 3 * 1024;

/// Fails the build if a network of `bytes` bytes does not fit the board:
/// `const _: () = assert_fits(FOOTPRINT.bytes());`.
///
/// # Panics
///
/// When it does not fit; in a constant that is a compile error.
pub const fn assert_fits(bytes: usize) {
    let mut ram = 0;
    let mut digits = env!("REWIRE_RAM").as_bytes();
    while let [digit, rest @ ..] = digits {
        ram = 10 * ram + (*digit - b'0') as usize;
        digits = rest;
    }
    assert!(
        bytes + BESIDES <= ram,
        "the network does not fit the board's RAM beside 3 KB for stack and log: choose a smaller REWIRE_NETWORK or another REWIRE_BOARD"
    );
}

/// Zeroed memory that is handed out once.
///
/// ```ignore
/// static BLOCK: Memory<{ NETWORK.bytes::<Bytes, 1>() }> = Memory::new();
/// let block = BLOCK.take().expect("taken once");
/// ```
#[derive(Debug)]
#[repr(C, align(4))]
pub struct Memory<const BYTES: usize> {
    bytes: UnsafeCell<[u8; BYTES]>,
    taken: AtomicBool,
}

#[expect(unsafe_code, reason = "a static that is written must be shared by hand")]
// SAFETY: the bytes are reached through `take` alone, which hands them out once.
unsafe impl<const BYTES: usize> Sync for Memory<BYTES> {}

impl<const BYTES: usize> Memory<BYTES> {
    /// Memory that has not been handed out.
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self { bytes: UnsafeCell::new([0; BYTES]), taken: AtomicBool::new(false) }
    }

    /// All bytes, aligned to 4; `None` from the second call on.
    #[expect(clippy::mut_from_ref, reason = "guarded by the flag")]
    pub fn take(&'static self) -> Option<&'static mut [u8]> {
        let first = cortex_m::interrupt::free(|_| {
            !self.taken.load(Ordering::Relaxed) && {
                self.taken.store(true, Ordering::Relaxed);
                true
            }
        });
        if !first {
            return None;
        }
        #[expect(unsafe_code, reason = "the one place where the bytes are reached")]
        // SAFETY: the flag was false and is now true, with interrupts off on a single core, so this runs once.
        unsafe {
            Some(&mut *self.bytes.get())
        }
    }
}
