//! Prints the hash of trained models, one a line. Every processor prints the same lines: `tests/run` compares this
//! machine's with those of a 64-bit ARM processor, where the compiler makes NEON of the kernels.

use std::error::Error;

use rewire_core::prelude::*;
use rewire_core::random::{Generator, Purpose};
use rewire_core::storage::image::hash;

const SAMPLES: usize = 480;
const FEATURES: usize = 24;

/// Trains a network for some epochs with everything that computes: momentum, decay, dropout, evolution.
fn trained<const LANES: usize>(activation: Activation, batch: usize) -> Result<u64, Box<dyn Error>> {
    let layers = [
        LayerSpec::sparse(FEATURES, 50, 400, activation),
        LayerSpec::sparse(50, 40, 600, activation),
        LayerSpec::dense(40, 3, Activation::Identity),
    ];
    let description = Description::training(&layers, batch).with_velocity().with_transposed_index();
    let footprint = description.footprint::<Standard, LANES>();
    let mut memory = vec![0; footprint.bytes() + footprint.align];
    let start = memory.as_ptr().align_offset(footprint.align);
    let mut network = Mlp::<Standard, LANES>::new(&description, &mut memory[start..])?;
    network.initialise(&Portable, 1, FanIn::Connections);

    let mut generator = Generator::new(7, Purpose::Subset, 0, 0, 0);
    let features: Vec<f32> = (0..FEATURES * SAMPLES).map(|_| generator.symmetric(1.0)).collect();
    let labels: Vec<u16> =
        features.chunks(FEATURES).map(|x| u16::from(x[0] * x[1] > 0.0) + u16::from(x[2] > x[3])).collect();
    let samples = Table::new(&features, &labels)?;
    let sgd = Sgd::new(if batch == 1 { 2e-3 } else { 0.05 })?
        .with_momentum(0.9)?
        .with_weight_decay(1e-3, WeightDecay::Coupled)?
        .with_dropout(0.2)?;
    let evolution = Some(Evolution::new(0.3, GrownWeight::Uniform, FanIn::Connections)?);
    let settings = TrainSettings { evolution, ..TrainSettings::new(4, sgd) };
    Trainer::new(&settings)?.run(&mut network, &Portable, &samples, &samples, &mut ())?;
    Ok(hash(&network))
}

fn main() -> Result<(), Box<dyn Error>> {
    for activation in
        [Activation::Relu, Activation::LeakyRelu { slope: -0.6 }, Activation::SRelu, Activation::BatchNormRelu]
    {
        println!("{activation:?}, 16 lanes: {:016x}", trained::<16>(activation, 40)?);
        println!("{activation:?}, 64 lanes: {:016x}", trained::<64>(activation, 100)?);
        if !activation.is_normalised() {
            println!("{activation:?}, 1 lane: {:016x}", trained::<1>(activation, 1)?);
        }
    }
    Ok(())
}
