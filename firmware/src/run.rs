//! A run of training, as the chip's programs observe it: a log, and a network to save on the way.

use core::ops::ControlFlow;

use defmt::info;
use rewire_core::error::{SettingError, TrainError};
use rewire_core::prelude::*;
use rewire_core::storage::image::{Image, hash};

use crate::end::{self, fail};
use crate::host::{self, Source};
use crate::networks::{self, FAN_IN, FOOTPRINT, LAYERS, MODEL, Network, SEED, SHIFT, about};
use crate::stack;

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
        train.len(),
        test.len(),
    );
}

/// The model that the program was built with, if it was, else a fresh one.
///
/// # Errors
///
/// A setting outside its range.
#[inline(never)]
pub fn start(network: &mut Network<'_>) -> Result<(), SettingError> {
    if let Some(image) = MODEL {
        match Image::new(image).and_then(|image| image.load(network)) {
            Ok(()) => info!("goes on from the model {=u64:016x}", hash(network)),
            Err(error) => fail(format_args!("the model in flash: {error}")),
        }
    } else {
        network.initialise_placed(&Portable, SEED, FAN_IN, networks::placement()?);
    }
    Ok(())
}

/// Trains from `at` to the end of the last epoch.
///
/// `save` sees the network after every epoch, and after every `every` steps within it if that is not 0. It is given where
/// training goes on.
///
/// # Errors
///
/// A setting outside its range, or a loss that is infinite or NaN.
#[inline(never)]
pub fn train(
    network: &mut Network<'_>,
    train: Source,
    test: &Source,
    epochs: u32,
    at: Progress,
    every: u32,
    save: impl FnMut(&Network<'_>, Progress),
) -> Result<(), TrainError> {
    let built = networks::training(epochs);
    // Used in place: a move would need the stack for a second copy.
    let settings = match &built {
        Ok(settings) => settings,
        Err(error) => return Err((*error).into()),
    };
    let train = Shifted { samples: train, shift: SHIFT };
    let mut log = Log { every, left: every, save };
    Trainer::new(settings)?.starting_at(at).run(network, &Portable, &train, test, &mut log)?;
    Ok(())
}

/// Says how an epoch went, and hands the network over to be saved.
struct Log<S> {
    /// Steps between two saves, 0 for none within an epoch.
    every: u32,
    /// Steps until the next.
    left: u32,
    save: S,
}

impl<S: FnMut(&Network<'_>, Progress)> Observer<Bytes, 1, 2> for Log<S> {
    fn step(&mut self, step: &Step<'_>, network: &Network<'_>) -> ControlFlow<()> {
        if self.every > 0 {
            self.left -= 1;
            if self.left == 0 {
                self.left = self.every;
                // What follows the last step is the end of the epoch.
                if !step.is_last() {
                    (self.save)(network, step.progress());
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, epoch: &Epoch, network: &Network<'_>) -> ControlFlow<()> {
        self.left = self.every;
        say(epoch);
        (self.save)(network, epoch.progress());
        ControlFlow::Continue(())
    }
}

/// The loss is of what was trained since the start of the program.
#[inline(never)]
fn say(epoch: &Epoch) {
    info!(
        "epoch {=u32}: training loss {=f32}, test loss {=f32}, test accuracy {=f32} % ({=u32} of {=u32}), {=usize} \
         connections replaced",
        epoch.epoch,
        epoch.trained.loss(),
        epoch.measured.loss(),
        100.0 * epoch.measured.accuracy(),
        epoch.measured.correct(),
        epoch.measured.samples(),
        epoch.replaced
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
    host::hand_back(network, &about());
    end::finish()
}
