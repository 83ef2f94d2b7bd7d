//! Trains sparse MNIST on the chip and says how it went.
//!
//! Samples come from the host's IDX files where there is a host that names them, otherwise from flash.

#![no_std]
#![no_main]

use core::ops::ControlFlow;

use defmt::info;
use rewire_core::error::SettingError;
use rewire_core::image::{self, Image, hash};
use rewire_core::prelude::*;
use rewire_firmware::fault::fail;
use rewire_firmware::memory::Memory;
use rewire_firmware::networks::{FOOTPRINT, LAYERS, MODEL, NETWORK, Network, RECIPE, SEED};
use rewire_firmware::samples::{self, Source};
use rewire_firmware::{host, stack};

static BLOCK: Memory<{ FOOTPRINT.bytes() }> = Memory::new();

#[cortex_m_rt::entry]
fn main() -> ! {
    let epochs = host::argument("epochs", |epochs| epochs.and_then(|epochs| epochs.parse().ok()).unwrap_or(3));
    let [train, test] = samples::sources();
    let Some(block) = BLOCK.take() else { fail(format_args!("the block is taken")) };
    // Used where it is built: a move would take its size in stack once more.
    let mut built = Network::new(&NETWORK, block);
    let network = match &mut built {
        Ok(network) => network,
        Err(error) => fail(format_args!("{error}")),
    };
    info!(
        "{=str}: {=usize}-{=usize}-{=usize}, {=usize} connections, {=usize} training and {=usize} test samples",
        env!("REWIRE_BOARD_NAME"),
        LAYERS[0].n_in,
        LAYERS[0].n_out,
        LAYERS[1].n_out,
        network.connections(),
        Samples::<1, u8>::len(&train),
        Samples::<1, u8>::len(&test),
    );
    if let Err(error) = start(network) {
        fail(format_args!("{error}"));
    }
    if let Err(error) = run(network, train, &test, epochs) {
        fail(format_args!("{error}"));
    }
    memory(network);
    info!("model {=u64:016x}", hash(network));
    hand_back(network);
    semihosting::process::exit(0)
}

/// The model that the program was built with, if it was, else a fresh one.
#[inline(never)]
fn start(network: &mut Network<'_>) -> Result<(), SettingError> {
    if let Some(image) = MODEL {
        match Image::new(image).and_then(|image| image.load(network)) {
            Ok(()) => info!("goes on from the model {=u64:016x}", hash(network)),
            Err(error) => fail(format_args!("the model in flash: {error}")),
        }
    } else {
        network.initialise_placed(&Portable, SEED, FanIn::Connections, RECIPE.placement()?);
    }
    Ok(())
}

/// Gives the host the model, where it says which file.
#[inline(never)]
fn hand_back(network: &Network<'_>) {
    host::argument("model", |path| {
        let Some(path) = path else { return };
        let written = host::create(path).and_then(|mut file| {
            let bytes = image::write_with(network, |bytes| file.put(bytes))?;
            file.end().map(|()| bytes)
        });
        match written {
            Ok(bytes) => info!("{=usize} B of model in {=str}", bytes, path),
            Err(_) => fail(format_args!("{path} cannot be written")),
        }
    });
}

#[inline(never)]
fn run(network: &mut Network<'_>, train: Source, test: &Source, epochs: u32) -> Result<(), SettingError> {
    let evolution = RECIPE.evolution()?;
    let train = Shifted { samples: train, shift: RECIPE.shift() };
    for epoch in 1..=epochs {
        let sgd = RECIPE.sgd(epoch, epochs)?;
        let evolves = RECIPE.evolves(epoch, epochs);
        let every = if evolves { RECIPE.evolve_every } else { 0 };
        let trained = network.train_epoch_evolving(&Portable, &train, &sgd, &evolution, every, SEED, epoch, |_, _| {
            ControlFlow::Continue(())
        });
        let (ControlFlow::Continue(trained) | ControlFlow::Break(trained)) = trained;
        let measured = network.evaluate(&Portable, test);
        let replaced = if evolves { network.evolve(&Portable, &evolution, SEED, epoch, |_, _| {}) } else { 0 };
        info!(
            "epoch {=u32}: training loss {=f32}, test loss {=f32}, test accuracy {=f32} % ({=u32} of {=u32}), \
             {=usize} connections replaced",
            epoch,
            trained.loss(),
            measured.loss(),
            100.0 * measured.accuracy(),
            measured.correct(),
            measured.samples(),
            replaced
        );
    }
    Ok(())
}

/// Says where the memory went.
#[inline(never)]
fn memory(network: &Network<'_>) {
    let f = FOOTPRINT;
    for (what, bytes) in [
        ("weights", f.weights),
        ("biases", f.biases),
        ("row pointers", f.row_pointers),
        ("columns", f.columns),
        ("input", f.inputs),
        ("activations", f.activations),
        ("deltas", f.deltas),
        ("labels and padding", f.labels + f.padding),
        ("predicted", f.bytes()),
        ("cut from the block", network.bytes()),
    ] {
        info!("{=usize} B {=str}", bytes, what);
    }
    let (used, available) = stack::high_water();
    info!("{=usize} B of stack used of {=usize}", used, available);
}
