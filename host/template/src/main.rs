//! Predicts each window that arrives, then learns from it where its answer is known.

#![no_std]
#![no_main]

{{modules}}

// Its critical sections are linked.
use cortex_m as _;
use defmt::info;
use rewire_core::error::TrainError;
use rewire_core::prelude::*;
use rewire_core::storage::image::{About, Image, hash};
use static_cell::ConstStaticCell;

use fault::fail;
use feature::Feature;
use network::{BOARD, EVOLVE_EVERY, IMAGE, INPUTS, Integers, NETWORK, Network, OUTPUTS};
use samples::Window;
use task::Score;
use training::SEED;
use windows::Windows;

// Constants, so they are placed in RAM without a copy on the stack. `network.rs` checks that they fit the board.
static MEMORY: ConstStaticCell<Block<{ NETWORK.bytes::<Integers, 1>() }>> = ConstStaticCell::new(Block::new());
static WINDOW: ConstStaticCell<[Feature; INPUTS]> = ConstStaticCell::new([0 as Feature; INPUTS]);

#[cortex_m_rt::entry]
fn main() -> ! {
    // Checked whole: a damaged image, or one of another network, ends here.
    let image = or_fail("the model in flash", Image::<Integers>::new(IMAGE));
    let Some(about) = image.about() else { fail(format_args!("the image says nothing of scaling and names")) };
    let mut network = or_fail("the network", Network::new(&NETWORK, &mut MEMORY.take().0));
    or_fail("the model in flash", image.load(&mut network));
    let window = WINDOW.take();
    info!("{=str}: {=usize} inputs, {=usize} outputs, {=usize} connections", BOARD, INPUTS, OUTPUTS, network.connections());
    measure(&about, &mut network, window).say("before learning");
    or_fail("learning", learn(&about, &mut network, window));
    measure(&about, &mut network, window).say("after learning");
    info!("{=usize} B of RAM for the network, {=usize} B of flash for the model", network.bytes(), IMAGE.len());
    let (used, available) = stack::high_water();
    info!("{=usize} B of stack used of {=usize}", used, available);
    info!("model {=u64:016x}", hash(&network));
    end::finish()
}

/// Predicts every window, and learns from those whose answer is known.
fn learn(about: &About<'_>, network: &mut Network<'_>, window: &mut [Feature; INPUTS]) -> Result<(), TrainError> {
    let sgd = training::sgd()?;
    let evolution = training::evolution()?;
    let mut windows = Windows::new();
    let mut outputs = [0.0; OUTPUTS];
    let mut values = [0.0; OUTPUTS];
    let (mut number, mut step) = (0, 0);
    loop {
        let known = match windows.read(window) {
            Window::Known(known) => Some(known),
            Window::Unknown => None,
            Window::End => return Ok(()),
        };
        feature::scale(about, window);
        network.predict_one(&Portable, window, &mut outputs);
        task::say(about, number, window, &outputs);
        number += 1;
        let trained = known.map(|known| {
            let answer = task::answer(about, &known, &mut values);
            network.train_one(&Portable, window, answer, &sgd, StepId { seed: SEED, epoch: 1, step })
        });
        // A window with a number that is infinite or NaN changes nothing.
        if let Some(Err(error)) = &trained {
            defmt::warn!("window {=u32} is not learned: {}", number - 1, error);
        }
        let learned = matches!(trained, Some(Ok(_)));
        windows.answer(&outputs, learned);
        if !learned {
            continue;
        }
        step += 1;
        if let Some(evolution) = &evolution
            && step % EVOLVE_EVERY == 0
        {
            network.evolve(&Portable, evolution, SEED, step / EVOLVE_EVERY, |_, _| {})?;
        }
    }
}

/// Measures the samples that are not learned from.
fn measure(about: &About<'_>, network: &mut Network<'_>, window: &mut [Feature; INPUTS]) -> Score {
    let mut score = Score::default();
    let mut outputs = [0.0; OUTPUTS];
    for index in samples::LEARNED..samples::COUNT {
        let known = samples::get(index, window);
        feature::scale(about, window);
        network.predict_one(&Portable, window, &mut outputs);
        score.add(about, &known, window, &outputs);
    }
    score
}

/// What there is, or the end of the program, with the reason in the log.
fn or_fail<T, E: defmt::Format>(what: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => {
            // The log's own formatting takes a third less flash than sentences in the program.
            defmt::error!("{=str}: {}", what, error);
            fail(format_args!("the program cannot go on: the last line of its log says why"))
        }
    }
}
