//! Watch connections move to the inputs that carry information: of twelve inputs only the first four matter.

use std::{error::Error, ops::ControlFlow, sync::Mutex};

use rewire_core::prelude::*;
use rewire_core::random::{Generator, Purpose};
use rewire_core::sparse::CsrRef;

const LAYERS: [LayerSpec; 2] =
    [LayerSpec::sparse(12, 40, 160, Activation::Relu), LayerSpec::dense(40, 2, Activation::Identity)];
const NETWORK: Description = Description::training(&LAYERS, 16).with_velocity();

/// Connections of each input.
fn fan_out(csr: CsrRef<'_, Narrow>) -> [usize; 12] {
    let mut counts = [0; 12];
    for &col in csr.indices() {
        counts[usize::from(col)] += 1;
    }
    counts
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut generator = Generator::new(7, Purpose::Subset, 0, 0, 0);
    let features: Vec<f32> = (0..12 * 2000).map(|_| generator.symmetric(1.0)).collect();
    let labels: Vec<u16> = features.chunks(12).map(|x| u16::from(x[0] * x[1] + x[2] * x[3] > 0.0)).collect();
    let samples = Table::new(&features, &labels).ok_or("twelve features for each label")?;

    let mut block = Block::<{ NETWORK.footprint::<Narrow, 16>().bytes() }>::new();
    let mut network = Mlp::<Narrow, 16>::new(&NETWORK, &mut block.0)?;
    network.initialise(&Portable, 1, FanIn::Connections);
    println!("epoch  accuracy  connections of each input that survive, 0 to 11");

    let sgd = Sgd::new(0.02)?.with_momentum(0.9)?.with_weight_decay(1e-3, WeightDecay::Decoupled)?;
    let evolution = Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections)?;
    let survivors = Mutex::new([0; 12]);
    for epoch in 1..=60 {
        let _ = network.train_epoch(&Portable, &samples, &sgd, 1, epoch, |_, _| ControlFlow::Continue(()));
        // Between pruning and growth: what is left is what the network found useful.
        network.evolve(&Portable, &evolution, 1, epoch, |_, csr| {
            if let Ok(mut survivors) = survivors.lock() {
                *survivors = fan_out(csr);
            }
        });
        if epoch == 1 || epoch % 10 == 0 {
            let accuracy = 100.0 * network.evaluate(&Portable, &samples).accuracy();
            println!("{epoch:>5}  {accuracy:>6.1} %  {:>3?}", &*survivors.lock().map_err(|_| "poisoned")?);
        }
    }
    let counts = survivors.into_inner()?;
    assert!(counts[..4].iter().min() > counts[4..].iter().max(), "the inputs that matter keep the most");
    Ok(())
}
