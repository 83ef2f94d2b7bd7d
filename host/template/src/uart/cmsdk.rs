//! UART 0 of an MPS2 board: a CMSDK APB UART at 25 MHz, 115,200 baud.

use crate::registers::{get, set};

const DATA: *mut u32 = 0x4000_4000 as *mut u32;
const STATE: *mut u32 = 0x4000_4004 as *mut u32;
const CONTROL: *mut u32 = 0x4000_4008 as *mut u32;
const DIVISOR: *mut u32 = 0x4000_4010 as *mut u32;

/// The UART, byte by byte.
pub struct Uart;

impl Uart {
    /// Sets it up.
    pub fn new() -> Self {
        set(DIVISOR, 25_000_000 / 115_200);
        // Transmitter and receiver on.
        set(CONTROL, 0b11);
        Self
    }

    /// Waits for the next byte.
    pub fn read(&mut self) -> u8 {
        while get(STATE) & 0b10 == 0 {}
        get(DATA) as u8
    }

    /// Sends a byte, once the one before has gone.
    pub fn write(&mut self, byte: u8) {
        while get(STATE) & 0b01 != 0 {}
        set(DATA, byte.into());
    }
}
