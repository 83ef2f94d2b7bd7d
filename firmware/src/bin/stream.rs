//! Training on single samples as they arrive, in a program whose panic handler cannot be linked. If the program links,
//! no panic is reachable.
//!
//! A classifier, a regression and an autoencoder learn from one stream of windows, which is scaled by its running mean
//! and deviation.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use rewire_core::error::TrainError;
use rewire_core::prelude::*;

#[expect(unsafe_code, reason = "a symbol that does not exist")]
// SAFETY: an image with a call of it does not link.
unsafe extern "C" {
    safe fn a_panic_is_reachable() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    a_panic_is_reachable()
}

const INPUTS: usize = 24;
const CLASSES: [LayerSpec; 2] = layers(4);
const NUMBERS: [LayerSpec; 2] = layers(2);
const INPUT: [LayerSpec; 2] = layers(INPUTS);
const BYTES: usize = Description::training(&INPUT, 1).bytes::<Narrow, 1>();

const fn layers(n_out: usize) -> [LayerSpec; 2] {
    [
        LayerSpec::sparse(INPUTS, 16, 120, Activation::Relu).input_major(),
        LayerSpec::dense(16, n_out, Activation::Identity),
    ]
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let block = cortex_m::singleton!(: Block<BYTES> = Block::new());
    if let Some(block) = block {
        let mut moments = Moments::new();
        let mut confusion = Confusion::new();
        let learned = learn(&mut block.0, &CLASSES, &mut moments, &mut confusion, Kind::Class)
            .and_then(|()| learn(&mut block.0, &NUMBERS, &mut moments, &mut confusion, Kind::Values))
            .and_then(|()| learn(&mut block.0, &INPUT, &mut moments, &mut confusion, Kind::Input));
        core::hint::black_box((learned.is_ok(), confusion.accuracy(), confusion.f1(1), moments.scale()));
    }
    loop {
        cortex_m::asm::wfi();
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Class,
    Values,
    Input,
}

#[inline(never)]
fn learn(
    block: &mut [u8],
    layers: &[LayerSpec],
    moments: &mut Moments<3>,
    confusion: &mut Confusion<4>,
    kind: Kind,
) -> Result<(), TrainError> {
    let description = Description::training(layers, 1);
    let mut network = Mlp::<Narrow, 1, 2>::new(&description, block)?;
    network.initialise(&Portable, 1, FanIn::Connections);
    let sgd = Sgd::new(0.01)?;
    let evolution = Evolution::new(0.2, GrownWeight::Zero, FanIn::Connections)?;
    for step in 0..1000 {
        let mut window = [0.0; INPUTS];
        for (reading, value) in (step..).zip(&mut window) {
            *value = (reading % 7) as f32;
        }
        let class = (step % 4) as u16;
        moments.observe(&window);
        moments.scale().apply(&mut window);
        confusion.add(class.into(), network.predict_one(&Portable, &window, &mut []));
        let values = [window[0], window[1]];
        let answer = match kind {
            Kind::Class => Answer::Class(class),
            Kind::Values => Answer::Values(&values),
            Kind::Input => Answer::Input,
        };
        let id = StepId { seed: 1, epoch: 1, step };
        if step % 2 == 0 {
            network.train_one(&Portable, &window, answer, &sgd, id)?;
        } else {
            let mut parts = network.train_one_in_parts(&window, answer, &sgd, id)?;
            while parts.train_some(&Portable, 50).is_none() {}
        }
        if step % 100 == 99 {
            let mut parts = network.evolve_in_parts(&evolution, 1, step)?;
            while parts.evolve_some(50).is_none() {}
        }
    }
    Ok(())
}
