//! No host: the log goes through the probe's memory access (RTT), and nothing here stops where no debugger is attached.

use core::fmt::Arguments;

use defmt::Display2Format;
// The programs log through it.
use defmt_rtt as _;

use crate::samples::Packed;
use rewire_core::network::Mlp;
use rewire_core::prelude::Format;

/// Says what failed and stays there.
pub fn fail(what: Arguments<'_>) -> ! {
    defmt::error!("{}", Display2Format(&what));
    finish()
}

/// Ends the program: the log stays readable.
pub fn finish() -> ! {
    loop {
        // No sleep: parts switch the clock off that the probe reads memory by.
        cortex_m::asm::nop();
    }
}

/// Hands over `None`: nobody gives arguments.
pub fn argument<R>(_key: &str, work: impl FnOnce(Option<&str>) -> R) -> R {
    work(None)
}

/// Does nothing: nobody takes the model.
pub fn hand_back<F: Format, const LANES: usize, const LAYERS: usize>(_network: &Mlp<'_, F, LANES, LAYERS>) {}

/// Where samples are: in flash.
pub type Source = Packed;

/// Training and test samples, in flash.
pub fn sources() -> [Source; 2] {
    [Packed::train(), Packed::test()]
}
