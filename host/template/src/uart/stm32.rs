//! USART 1 of an STM32F405 at 16 MHz, 115,200 baud.

use crate::registers::{get, set};

const STATUS: *mut u32 = 0x4001_1000 as *mut u32;
const DATA: *mut u32 = 0x4001_1004 as *mut u32;
const BAUD: *mut u32 = 0x4001_1008 as *mut u32;
const CONTROL: *mut u32 = 0x4001_100C as *mut u32;

/// The UART, byte by byte.
pub struct Uart;

impl Uart {
    /// Sets it up.
    pub fn new() -> Self {
        // ==== YOUR BOARD ================================================================================================
        // The emulator has neither clocks nor pins. On the chip, switch on the clocks of USART 1 and of its port here, and
        // give the USART its two pins.
        // ================================================================================================================
        set(BAUD, 16_000_000 / 115_200);
        // USART, transmitter and receiver on.
        set(CONTROL, 1 << 13 | 1 << 3 | 1 << 2);
        Self
    }

    /// Waits for the next byte.
    pub fn read(&mut self) -> u8 {
        while get(STATUS) & 1 << 5 == 0 {}
        get(DATA) as u8
    }

    /// Sends a byte, once there is room for it.
    pub fn write(&mut self, byte: u8) {
        while get(STATUS) & 1 << 7 == 0 {}
        set(DATA, byte.into());
    }
}
