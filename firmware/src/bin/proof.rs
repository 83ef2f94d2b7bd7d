//! The whole training path in a program whose panic handler cannot be linked. If the program links, no panic is
//! reachable.
//!
//! It uses only the core and prints nothing; its size less that of `empty` is the flash that the core takes.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

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

const LAYERS: [LayerSpec; 2] = [
    LayerSpec::sparse(784, 128, 8000, Activation::Relu).input_major(),
    LayerSpec::dense(128, 10, Activation::Identity),
];
const NETWORK: Description = Description::training(&LAYERS, 1);

/// A constant: a number outside its range fails the build, and what the settings leave out is not linked.
const SETTINGS: TrainSettings = {
    let (Ok(sgd), Ok(evolution)) = (Sgd::new(0.05), Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections)) else {
        panic!("a setting is outside its range")
    };
    let Ok(sgd) = sgd.with_label_smoothing(0.05) else { panic!("a setting is outside its range") };
    TrainSettings { schedule: Schedule::Linear, evolution: Some(evolution), ..TrainSettings::new(3, sgd) }
};

/// Two computed samples, which take no flash.
struct Ramps;

impl SampleSource for Ramps {
    fn len(&self) -> usize {
        2
    }
}

impl Samples<1, u8> for Ramps {
    fn fill(&self, indices: &[u32], _epoch: u32, x: &mut [[u8; 1]], labels: &mut [u16; 1]) {
        let first = indices.first().copied().unwrap_or_default();
        *labels = [first as u16 + 3];
        for (value, x) in (first as u8..=u8::MAX).cycle().zip(x) {
            *x = [value];
        }
    }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let block = cortex_m::singleton!(: Block<{ NETWORK.bytes::<Bytes, 1>() }> = Block::new());
    if let Some(block) = block {
        let correct = train(&mut block.0);
        core::hint::black_box(correct);
    }
    loop {
        cortex_m::asm::wfi();
    }
}

/// Builds, initialises, trains, evolves, evaluates, predicts and hashes.
#[inline(never)]
fn train(block: &mut [u8]) -> Option<(u32, usize, u64)> {
    let samples = Ramps;
    let mut network = Mlp::<Bytes, 1, 2>::new(&NETWORK, block).ok()?;
    network.initialise(&Portable, 1, FanIn::Connections);
    Trainer::new(&SETTINGS).ok()?.run(&mut network, &Portable, &samples, &samples, &mut ()).ok()?;
    let correct = network.evaluate(&Portable, &samples).correct();
    let mut class = 0;
    network.predict(&Portable, &samples, 0, |logits, _| {
        class = logits.iter().filter(|logit| logit[0] > 0.0).count();
    });
    Some((correct, class, rewire_core::storage::image::hash(&network)))
}
