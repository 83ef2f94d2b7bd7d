//! Exclusive or: the smallest network that needs a hidden layer, trained on the host.
//!
//! ```sh
//! cargo run --example xor -p rewire-core
//! ```

use std::error::Error;
use std::ops::ControlFlow;

use rewire_core::prelude::*;

const LAYERS: [LayerSpec; 2] =
    [LayerSpec::sparse(2, 8, 12, Activation::Relu), LayerSpec::dense(8, 2, Activation::Identity)];

/// A minibatch of all four samples is one tile of four lanes, so no velocity is needed.
const XOR: Description = Description::training(&LAYERS, 4);
const FOOTPRINT: Footprint = XOR.footprint::<Narrow, 4>();

/// Says how the loss falls.
struct Log;

impl Observer<Narrow, 4> for Log {
    fn epoch(&mut self, epoch: &Epoch, _network: &Mlp<'_, Narrow, 4>) -> ControlFlow<()> {
        if epoch.epoch.is_multiple_of(50) {
            let (loss, accuracy) = (epoch.trained.loss(), 100.0 * epoch.trained.accuracy());
            println!("epoch {}: loss {loss:.3}, accuracy {accuracy:.0} %", epoch.epoch);
        }
        ControlFlow::Continue(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut block = Block::<{ FOOTPRINT.bytes() }>::new();
    println!("{} bytes, of which the model takes {}", FOOTPRINT.bytes(), FOOTPRINT.model());

    let mut network = Mlp::<Narrow, 4>::new(&XOR, &mut block.0)?;
    network.initialise(&Portable, 1, FanIn::Connections);
    let features = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    let samples = Table::new(&features, &[0, 1, 1, 0])?;

    let settings = TrainSettings::new(200, Sgd::new(0.5)?);
    Trainer::new(&settings)?.run(&mut network, &Portable, &samples, &(), &mut Log)?;
    network.predict(&Portable, &samples, 0, |logits, used| {
        for (lane, x) in features.chunks(2).enumerate().take(used) {
            println!("{} xor {} = {}", x[0], x[1], u8::from(logits[1][lane] > logits[0][lane]));
        }
    });
    assert_eq!(network.evaluate(&Portable, &samples).correct(), 4);
    Ok(())
}
