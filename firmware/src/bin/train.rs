//! Trains a sparse network on MNIST on the chip and prints loss, accuracy, memory and the model's hash.
//!
//! Samples come from IDX files if the host names a folder, otherwise from flash.

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
    let Some(block) = BLOCK.take() else { fail(format_args!("the memory block is already in use")) };
    // Used in place: a move would need the stack for a second copy.
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
