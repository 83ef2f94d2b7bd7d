//! Programs without a host: a debug probe reads the log from RAM (RTT); without a debugger everything runs as well.

use core::fmt::Arguments;

use defmt::Display2Format;
// The programs log through it.
use defmt_rtt as _;

use crate::samples::Packed;
use rewire_core::network::Mlp;
use rewire_core::prelude::Format;
use rewire_core::storage::image::About;

/// Logs what failed and waits in a loop.
pub fn fail(what: Arguments<'_>) -> ! {
    defmt::error!("{}", Display2Format(&what));
    finish()
}

/// Ends the program in a loop, so that the log stays readable.
pub fn finish() -> ! {
    loop {
        // No sleep: in sleep, some chips stop the clock that the probe needs to read memory.
        cortex_m::asm::nop();
    }
}

/// Calls `work` with `None`: there are no arguments.
pub fn argument<R>(_key: &str, work: impl FnOnce(Option<&str>) -> R) -> R {
    work(None)
}

/// Does nothing: there is no host to write the model to.
pub fn hand_back<F: Format, const LANES: usize, const LAYERS: usize>(
    _network: &Mlp<'_, F, LANES, LAYERS>,
    _about: &About<'_>,
) {
}

/// The source of samples: flash.
pub type Source = Packed;

/// Training and test samples, in flash.
pub fn sources() -> [Source; 2] {
    [Packed::train(), Packed::test()]
}
