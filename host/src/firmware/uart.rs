//! The UART of a board: how bytes are sent and received, and the RAM that frames take.

use rewire_core::frames;

use crate::firmware::boards::{Board, Uart};
use crate::firmware::on_chip::OnChip;

/// The source of a driver.
pub(super) struct Driver {
    /// Sends and receives bytes: tested in the emulator, or a place for the board's user to fill in.
    pub(super) uart: &'static str,
    /// How it reads and writes registers, if it does.
    pub(super) registers: Option<&'static str>,
}

impl Driver {
    /// That of a board.
    pub(super) fn of(board: &Board) -> Self {
        let tested = match board.uart {
            Some(Uart::Cmsdk) => include_str!("../../template/src/uart/cmsdk.rs"),
            Some(Uart::Pl011) => include_str!("../../template/src/uart/pl011.rs"),
            Some(Uart::Nrf51) => include_str!("../../template/src/uart/nrf51.rs"),
            Some(Uart::Stm32) => include_str!("../../template/src/uart/stm32.rs"),
            None => return Self { uart: include_str!("../../template/src/uart/yours.rs"), registers: None },
        };
        Self { uart: tested, registers: Some(include_str!("../../template/src/uart/registers.rs")) }
    }
}

/// Bytes of RAM for the longest question and answer about a window.
pub fn frame_bytes(network: &OnChip) -> usize {
    let (inputs, outputs) = network.widths();
    // What is known of a window is no longer than four bytes an output.
    let (question, answer) = (inputs * network.feature() + 4 * outputs, 11.max(1 + 4 * outputs));
    question + frames::BESIDES + frames::line_len(answer)
}
