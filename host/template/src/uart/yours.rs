//! The UART of your board. This is the file to edit: nobody has tested one for it.

/// The UART, byte by byte.
pub struct Uart;

impl Uart {
    /// Sets it up.
    pub fn new() -> Self {
        // ==== YOUR UART =================================================================================================
        // Replace what follows: set up clock, pins and speed of a UART of your board.
        crate::end::fail(format_args!("write in src/uart.rs how this board sends and receives a byte"))
        // ================================================================================================================
    }

    /// Waits for the next byte.
    pub fn read(&mut self) -> u8 {
        // ==== YOUR UART =================================================================================================
        // Wait until a byte has arrived, and return it.
        0
        // ================================================================================================================
    }

    /// Sends a byte, once there is room for it.
    pub fn write(&mut self, _byte: u8) {
        // ==== YOUR UART =================================================================================================
        // Wait until there is room for a byte, and send it.
        // ================================================================================================================
    }
}
