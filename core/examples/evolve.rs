//! Watch connections move to the inputs that carry information: of twelve inputs only the first four matter.

use std::{error::Error, ops::ControlFlow};

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

/// What the network found useful: connections that survived the last pruning.
#[derive(Default)]
struct Survivors([usize; 12]);

impl Observer<Narrow, 16> for Survivors {
    fn pruned(&mut self, _id: StepId, _layer: usize, survivors: CsrRef<'_, Narrow>) {
        self.0 = fan_out(survivors);
    }

    fn epoch(&mut self, epoch: &Epoch, _network: &Mlp<'_, Narrow, 16>) -> ControlFlow<()> {
        if epoch.epoch == 1 || epoch.epoch.is_multiple_of(10) {
            println!("{:>5}  {:>6.1} %  {:>3?}", epoch.epoch, 100.0 * epoch.measured.accuracy(), self.0);
        }
        ControlFlow::Continue(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut generator = Generator::new(7, Purpose::Subset, 0, 0, 0);
    let features: Vec<f32> = (0..12 * 2000).map(|_| generator.symmetric(1.0)).collect();
    let labels: Vec<u16> = features.chunks(12).map(|x| u16::from(x[0] * x[1] + x[2] * x[3] > 0.0)).collect();
    let samples = Table::new(&features, &labels)?;

    let mut block = Block::<{ NETWORK.bytes::<Narrow, 16>() }>::new();
    let mut network = Mlp::<Narrow, 16>::new(&NETWORK, &mut block.0)?;
    network.initialise(&Portable, 1, FanIn::Connections);
    println!("epoch  accuracy  connections of each input that survive, 0 to 11");

    let settings = TrainSettings {
        evolution: Some(Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections)?),
        ..TrainSettings::new(60, Sgd::new(0.02)?.with_momentum(0.9)?.with_weight_decay(1e-3, WeightDecay::Decoupled)?)
    };
    let mut survivors = Survivors::default();
    Trainer::new(&settings)?.run(&mut network, &Portable, &samples, &samples, &mut survivors)?;
    let counts = survivors.0;
    assert!(counts[..4].iter().min() > counts[4..].iter().max(), "the inputs that matter keep the most");
    Ok(())
}
