//! What firmware does: a network in memory sized at compile time, trained on samples as an accelerometer delivers them.

#![cfg_attr(target_os = "none", no_std)]

use rewire_core::{error::TrainError, prelude::Activation::*, prelude::*};

// 24 readings of three axes in, six motions out; 600 of 3,456 possible connections in the sparse layer.
const LAYERS: [LayerSpec; 2] = [LayerSpec::sparse(72, 48, 600, Relu).input_major(), LayerSpec::dense(48, 6, Identity)];
const NETWORK: Description = Description::training(&LAYERS, 1);
/// All that training needs; on a chip a static, by `static_cell` for instance.
pub type Memory = Block<{ NETWORK.bytes::<Narrow, 1>() }>;

/// Simulated windows from this number on: a slow or a fast vibration along one of three axes, gravity along the last.
pub struct Accelerometer(u32);

impl SampleSource for Accelerometer {
    fn len(&self) -> usize {
        1200
    }
}

impl Samples<1> for Accelerometer {
    fn fill(&self, indices: &[u32], _epoch: u32, x: &mut [[f32; 1]], labels: &mut [u16; 1]) {
        let window = self.0 + indices[0];
        let (axis, step) = ((window % 3) as usize, if window % 6 < 3 { 0.3 } else { 0.9 });
        for (time, reading) in (0u8..).zip(x.chunks_exact_mut(3)) {
            reading.copy_from_slice(&[[0.0], [0.0], [1.0]]);
            reading[axis][0] += libm::sinf(step * f32::from(time) + window as f32);
        }
        labels[0] = (window % 6) as u16;
    }
}

/// Trains for five epochs, evolving between them, then measures on windows that were not trained on.
///
/// # Errors
///
/// Settings out of range, a network that cannot be built, or training that diverged.
pub fn train(memory: &mut Memory) -> Result<Metrics, TrainError> {
    let evolution = Evolution::new(0.2, GrownWeight::Zero, FanIn::Connections)?;
    let settings = TrainSettings { evolution: Some(evolution), ..TrainSettings::new(5, Sgd::new(0.01)?) };
    let mut network = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut memory.0)?;
    network.initialise(&Portable, 1, FanIn::Connections);
    Trainer::new(&settings)?.run(&mut network, &Portable, &Accelerometer(0), &(), &mut ())?;
    Ok(network.evaluate(&Portable, &Accelerometer(1200)))
}

#[cfg(not(target_os = "none"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let measured = train(&mut Memory::new())?;
    println!("{} of {} windows right, in {} bytes", measured.correct(), measured.samples(), size_of::<Memory>());
    Ok(())
}
