//! Trains sparse MNIST on the chip and says how it went.
//!
//! Samples come from the host's IDX files where there is a host that names them, otherwise from flash.

#![no_std]
#![no_main]

use rewire_core::error::TrainError;
use rewire_core::prelude::*;
use rewire_firmware::fault::fail;
use rewire_firmware::memory::{Memory, assert_fits};
use rewire_firmware::networks::{FOOTPRINT, NETWORK, Network};
use rewire_firmware::{host, run};

const _: () = assert_fits(FOOTPRINT.bytes());
static BLOCK: Memory<{ FOOTPRINT.bytes() }> = Memory::new();

#[cortex_m_rt::entry]
fn main() -> ! {
    let epochs = run::epochs();
    let [train, test] = host::sources();
    let Some(block) = BLOCK.take() else { fail(format_args!("the block is taken")) };
    // Used where it is built: a move would take its size in stack once more.
    let mut built = Network::new(&NETWORK, block);
    let network = match &mut built {
        Ok(network) => network,
        Err(error) => fail(format_args!("{error}")),
    };
    run::introduce(network, &train, &test);
    let trained = run::start(network)
        .map_err(TrainError::from)
        .and_then(|()| run::train(network, train, &test, epochs, Progress::START, 0, |_, _| {}));
    if let Err(error) = trained {
        fail(format_args!("{error}"));
    }
    run::end(network)
}
