//! What firmware does: a network in a static block sized at compile time, trained on samples as a sensor delivers them.
//!
//! Nothing here needs `std` but the lock around the block (on a chip: `static_cell`) and the line that is printed.

use rewire_core::prelude::{Activation::*, *};
use std::{ops::ControlFlow, sync::Mutex};

// 32 readings in, four states of a machine out; 320 of 1,536 possible connections in the sparse layer.
const LAYERS: [LayerSpec; 2] = [LayerSpec::sparse(32, 48, 320, Relu).input_major(), LayerSpec::dense(48, 4, Identity)];
const NETWORK: Description = Description::training(&LAYERS, 1);
static BLOCK: Mutex<Block<{ NETWORK.footprint::<Narrow, 1>().bytes() }>> = Mutex::new(Block::new());

/// A window of readings: the state of the machine sets their frequency, chance their phase.
struct Sensor;

impl Samples<1> for Sensor {
    fn len(&self) -> usize {
        1000
    }

    fn fill(&self, indices: &[u32], _epoch: u32, x: &mut [[f32; 1]], labels: &mut [u16; 1]) {
        labels[0] = (indices[0] % 4) as u16;
        let (step, phase) = (0.2 * f32::from(labels[0] + 1), indices[0] as f32);
        x.iter_mut().zip(0u8..).for_each(|(reading, time)| reading[0] = libm::sinf(step * f32::from(time) + phase));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut block = BLOCK.lock()?;
    let mut network = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut block.0)?;
    network.initialise(&Portable, 1, FanIn::Connections);
    let (sgd, evolution) = (Sgd::new(0.01)?, Evolution::new(0.2, GrownWeight::Zero, FanIn::Connections)?);
    for epoch in 1..=5 {
        let _ = network.train_epoch(&Portable, &Sensor, &sgd, 1, epoch, |_, _| ControlFlow::Continue(()));
        network.evolve(&Portable, &evolution, 1, epoch, |_layer, _survivors| {});
    }
    // Sample 7 shows state 3, so the last of four logits is the largest.
    network.predict(&Portable, &Sensor, 7, |logits, _| assert!(logits.iter().all(|z| z[0] <= logits[3][0])));
    println!("{} bytes", network.bytes());
    Ok(())
}
