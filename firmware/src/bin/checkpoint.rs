//! Trains as `train` does, saves checkpoints to flash, and after a power loss resumes from the newest complete one.
//!
//! With feature `nrf52840` the flash is the chip's own; otherwise it is a file on the host, which the argument `flash`
//! names.

#![no_std]
#![no_main]

use defmt::info;
use rewire_core::error::TrainError;
use rewire_core::storage::flash::{CheckpointError, Checkpoints, Progress};
use rewire_firmware::fault::fail;
use rewire_firmware::flash::{self, Flash};
use rewire_firmware::memory::{Memory, assert_fits};
use rewire_firmware::networks::{FOOTPRINT, NETWORK, Network};
use rewire_firmware::{host, run};

/// Samples between checkpoints. Each erases a slot, which flash survives about 10,000 times.
const EVERY: u32 = 500;

const _: () = assert_fits(FOOTPRINT.bytes());
static BLOCK: Memory<{ FOOTPRINT.bytes() }> = Memory::new();

#[cortex_m_rt::entry]
fn main() -> ! {
    let epochs = run::epochs();
    let [train, test] = host::sources();
    let Some(flash) = flash::open() else {
        fail(format_args!(
            "there is no flash: set REWIRE_FLASH to a file on the host, which is created if it does not exist"
        ))
    };
    let Some(block) = BLOCK.take() else { fail(format_args!("the memory block is already in use")) };
    let mut built = Network::new(&NETWORK, block);
    let network = match &mut built {
        Ok(network) => network,
        Err(error) => fail(format_args!("{error}")),
    };
    let mut checkpoints = match Checkpoints::new(flash, network) {
        Ok(checkpoints) => checkpoints,
        Err(error) => fail(format_args!("{error}")),
    };
    run::introduce(network, &train, &test);
    let trained = match resume(network, &mut checkpoints) {
        Ok(at) => {
            run::train(network, train, &test, epochs, at, EVERY, |network, at| save(&mut checkpoints, network, at))
        }
        Err(error) => Err(error),
    };
    if let Err(error) = trained {
        fail(format_args!("{error}"));
    }
    run::end(network)
}

/// Loads the newest checkpoint, or initialises a network.
#[inline(never)]
fn resume(network: &mut Network<'_>, checkpoints: &mut Checkpoints<Flash>) -> Result<Progress, TrainError> {
    match checkpoints.resume(network) {
        Ok(at) => {
            info!("goes on from epoch {=u32}, step {=u32}", at.epoch, at.step);
            Ok(at)
        }
        Err(CheckpointError::Empty) => Ok(run::start(network).map(|()| Progress::START)?),
        Err(error) => fail(format_args!("{error}")),
    }
}

#[inline(never)]
fn save(checkpoints: &mut Checkpoints<Flash>, network: &Network<'_>, at: Progress) {
    if let Err(error) = checkpoints.save(network, at) {
        fail(format_args!("{error}"));
    }
    info!("saved epoch {=u32}, step {=u32}", at.epoch, at.step);
}
