//! The largest stack use: `cortex-m-rt` fills the stack with a pattern before `main`, and words that still hold it were
//! never used.

/// The pattern that the start-up code fills the stack with.
const PAINT: u32 = 0xCCCC_CCCC;

#[expect(unsafe_code, reason = "symbols of the linker script")]
// SAFETY: only their addresses are taken.
unsafe extern "C" {
    static mut _stack_start: u32;
    static mut _stack_end: u32;
}

fn bounds() -> (*const u32, *const u32) {
    ((&raw const _stack_end).cast(), (&raw const _stack_start).cast())
}

/// The most bytes of stack used since the start, and the bytes available.
pub fn high_water() -> (usize, usize) {
    let (end, start) = bounds();
    let words = (start as usize - end as usize) / size_of::<u32>();
    #[expect(unsafe_code, reason = "the stack is read as memory")]
    // SAFETY: the linker puts both symbols on word boundaries around memory that exists; words below the stack pointer
    // are only read, and a word above it that changes meanwhile is no paint either way.
    let untouched = (0..words).take_while(|&word| unsafe { end.add(word).read_volatile() } == PAINT).count();
    ((words - untouched) * size_of::<u32>(), words * size_of::<u32>())
}
