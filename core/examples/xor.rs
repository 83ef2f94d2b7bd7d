//! Exclusive or: the smallest network that needs a hidden layer, trained on the host.
//!
//! ```sh
//! cargo run --example xor -p rewire-core
//! ```

use core::ops::ControlFlow;
use std::error::Error;

use rewire_core::prelude::*;

const LAYERS: [LayerSpec; 2] =
    [LayerSpec::sparse(2, 8, 12, Activation::Relu), LayerSpec::dense(8, 2, Activation::Identity)];

/// A minibatch of all four samples is one tile of four lanes, so no velocity is needed.
const XOR: Description = Description::training(&LAYERS, 4);
const FOOTPRINT: Footprint = XOR.footprint::<Narrow, 4>();

fn main() -> Result<(), Box<dyn Error>> {
    let mut block = Block::<{ FOOTPRINT.bytes() }>::new();
    println!("{} bytes, of which the model takes {}", FOOTPRINT.bytes(), FOOTPRINT.model());

    let mut network = Mlp::<Narrow, 4>::new(&XOR, &mut block.0)?;
    network.initialise(&Portable, 1, FanIn::Connections);
    let features = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    let samples = Table::new(&features, &[0, 1, 1, 0]).ok_or("two features for each label")?;

    let sgd = Sgd::new(0.5)?;
    for epoch in 1..=200 {
        let each_step = |_, _: &Metrics| ControlFlow::Continue(());
        let result = network.train_epoch(&Portable, &samples, &sgd, 1, epoch, each_step);
        if let (ControlFlow::Continue(metrics), 0) = (result, epoch % 50) {
            println!("epoch {epoch}: loss {:.3}, accuracy {:.0} %", metrics.loss(), 100.0 * metrics.accuracy());
        }
    }
    network.predict(&Portable, &samples, 0, |logits, used| {
        for (lane, x) in features.chunks(2).enumerate().take(used) {
            println!("{} xor {} = {}", x[0], x[1], u8::from(logits[1][lane] > logits[0][lane]));
        }
    });
    assert_eq!(network.evaluate(&Portable, &samples).correct(), 4);
    Ok(())
}
