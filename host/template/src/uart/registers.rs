//! Registers of the UART.

/// Reads one.
#[expect(unsafe_code, reason = "registers of the chip")]
pub fn get(register: *mut u32) -> u32 {
    // SAFETY: the chip has this register, and nobody else in the program uses the UART.
    unsafe { register.read_volatile() }
}

/// Writes one.
#[expect(unsafe_code, reason = "registers of the chip")]
pub fn set(register: *mut u32, value: u32) {
    // SAFETY: as in `get`.
    unsafe { register.write_volatile(value) }
}
