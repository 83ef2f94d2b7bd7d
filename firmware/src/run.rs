//! A run of training: from where it stands to the end of its last epoch, with stops on the way.

use core::ops::ControlFlow;

use defmt::info;
use rewire_core::error::SettingError;
use rewire_core::prelude::*;
use rewire_core::storage::flash::Progress;
use rewire_core::storage::image::{Image, hash};

use crate::fault::fail;
use crate::host::{self, Source};
use crate::networks::{FOOTPRINT, LAYERS, MODEL, Network, RECIPE, SEED};
use crate::stack;

/// The first step of the first epoch.
pub const START: Progress = Progress { epoch: 1, step: 0 };

/// Epochs of the run: the argument `epochs`, else 3.
pub fn epochs() -> u32 {
    host::argument("epochs", |epochs| epochs.and_then(|epochs| epochs.parse().ok()).unwrap_or(3))
}

/// Says what is trained on what.
#[inline(never)]
pub fn introduce(network: &Network<'_>, train: &Source, test: &Source) {
    info!(
        "{=str}: {=usize}-{=usize}-{=usize}, {=usize} connections, {=usize} training and {=usize} test samples",
        env!("REWIRE_BOARD_NAME"),
        LAYERS[0].n_in,
        LAYERS[0].n_out,
        LAYERS[1].n_out,
        network.connections(),
        Samples::<1, u8>::len(train),
        Samples::<1, u8>::len(test),
    );
}

/// The model that the program was built with, if it was, else a fresh one.
///
/// # Errors
///
/// A recipe with a number outside its range.
#[inline(never)]
pub fn start(network: &mut Network<'_>) -> Result<(), SettingError> {
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

/// Trains from `at` to the end of the last epoch.
///
/// `stop` sees the network after every epoch and wherever else training stops: to evolve, and after every `every` steps if
/// that is not 0. It is given where training goes on.
///
/// # Errors
///
/// A recipe with a number outside its range.
#[inline(never)]
pub fn train(
    network: &mut Network<'_>,
    train: Source,
    test: &Source,
    epochs: u32,
    mut at: Progress,
    every: u32,
    mut stop: impl FnMut(&Network<'_>, Progress),
) -> Result<(), SettingError> {
    let evolution = RECIPE.evolution()?;
    let train = Shifted { samples: train, shift: RECIPE.shift() };
    let steps = Samples::<1, u8>::len(&train) as u32;
    let mut trained = Metrics::default();
    while at.epoch <= epochs {
        let sgd = RECIPE.sgd(at.epoch, epochs)?;
        let evolves = RECIPE.evolves(at.epoch, epochs);
        let evolve_every = if evolves { RECIPE.evolve_every } else { 0 };
        let end = steps.min(after(at.step, every)).min(after(at.step, evolve_every));
        let part = network
            .train_steps(&Portable, &train, &sgd, SEED, at.epoch, at.step..end, |_, _| ControlFlow::Continue(()));
        let (ControlFlow::Continue(part) | ControlFlow::Break(part)) = part;
        trained = trained.merge(part);
        if end < steps {
            at.step = end;
            if end == after(end - 1, evolve_every) {
                network.evolve_at(&Portable, &evolution, StepId { seed: SEED, epoch: at.epoch, step: end }, |_, _| {});
            }
        } else {
            let measured = network.evaluate(&Portable, test);
            let replaced = if evolves { network.evolve(&Portable, &evolution, SEED, at.epoch, |_, _| {}) } else { 0 };
            say(at.epoch, trained, measured, replaced);
            (at, trained) = (Progress { epoch: at.epoch + 1, step: 0 }, Metrics::default());
        }
        stop(network, at);
    }
    Ok(())
}

/// The first multiple of `every` after `step`; never, if `every` is 0.
fn after(step: u32, every: u32) -> u32 {
    step.checked_div(every).map_or(u32::MAX, |whole| (whole + 1).saturating_mul(every))
}

/// The loss is of what was trained since the start of the program.
#[inline(never)]
fn say(epoch: u32, trained: Metrics, measured: Metrics, replaced: usize) {
    info!(
        "epoch {=u32}: training loss {=f32}, test loss {=f32}, test accuracy {=f32} % ({=u32} of {=u32}), {=usize} \
         connections replaced",
        epoch,
        trained.loss(),
        measured.loss(),
        100.0 * measured.accuracy(),
        measured.correct(),
        measured.samples(),
        replaced
    );
}

/// Says where the memory went and which model it is, gives the host the model and ends the program.
pub fn end(network: &Network<'_>) -> ! {
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
    info!("model {=u64:016x}", hash(network));
    host::hand_back(network);
    host::finish()
}
