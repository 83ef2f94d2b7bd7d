//! The UART of an nRF51822, 115,200 baud.

use crate::registers::{get, set};

const START_RECEIVER: *mut u32 = 0x4000_2000 as *mut u32;
const START_TRANSMITTER: *mut u32 = 0x4000_2008 as *mut u32;
const RECEIVED: *mut u32 = 0x4000_2108 as *mut u32;
const SENT: *mut u32 = 0x4000_211C as *mut u32;
const ENABLE: *mut u32 = 0x4000_2500 as *mut u32;
const RECEIVER: *mut u32 = 0x4000_2518 as *mut u32;
const TRANSMITTER: *mut u32 = 0x4000_251C as *mut u32;
const BAUD: *mut u32 = 0x4000_2524 as *mut u32;

/// The UART, byte by byte.
pub struct Uart;

impl Uart {
    /// Sets it up.
    pub fn new() -> Self {
        // ==== YOUR BOARD ================================================================================================
        // The emulator has no pins. On the chip, give the UART its two pins here.
        // ================================================================================================================
        set(BAUD, 0x01D7_E000);
        set(ENABLE, 4);
        set(START_RECEIVER, 1);
        set(START_TRANSMITTER, 1);
        Self
    }

    /// Waits for the next byte.
    pub fn read(&mut self) -> u8 {
        while get(RECEIVED) == 0 {}
        // Before the byte is read: the next one may set it again at once.
        set(RECEIVED, 0);
        get(RECEIVER) as u8
    }

    /// Sends a byte and waits until it has gone.
    pub fn write(&mut self, byte: u8) {
        set(TRANSMITTER, byte.into());
        while get(SENT) == 0 {}
        set(SENT, 0);
    }
}
