//! Exact instruction counts under QEMU's `mps2-an386` with `-icount shift=7`.
//!
//! A clock of 25 MHz ticks every 40 ns, an instruction takes 128 ns: `instructions = (ticks * 40 + 64) / 128`. These are
//! instructions, not time: QEMU models no pipeline, no wait states and no cache.

const COUNTER: *const u32 = 0x4002_8018 as *const u32;
const PRESCALER: *mut u32 = 0x4002_801C as *mut u32;

/// Lets the counter tick at the full 25 MHz.
pub fn start() {
    #[expect(unsafe_code, reason = "a register of the board")]
    // SAFETY: the board has this register, and nobody else uses it.
    unsafe {
        PRESCALER.write_volatile(0);
    }
}

fn ticks() -> u32 {
    #[expect(unsafe_code, reason = "a register of the board")]
    // SAFETY: the board has this register; reading it changes nothing.
    unsafe {
        COUNTER.read_volatile()
    }
}

/// Instructions that `work` took, exact below 1.3 thousand million.
pub fn instructions<R>(work: impl FnOnce() -> R) -> (u64, R) {
    let before = ticks();
    let result = work();
    let elapsed = ticks().wrapping_sub(before);
    ((u64::from(elapsed) * 40 + 64) / 128, result)
}
