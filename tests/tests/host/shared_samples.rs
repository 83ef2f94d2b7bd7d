//! Samples that ranks have dealt out: what is learned of them has the bits of one process that has them all.

use rewire::data::samples::{Features, Split};
use rewire::data::{Dataset, ImageShape, Names};
use rewire::settings::Config;
use rewire::training::task::Task;
use rewire_core::prelude::*;
use rewire_tests::memory::Memory;
use rewire_tests::ranks::on_ranks;
use rewire_tests::structure::bits;

const LANES: usize = 4;
/// Four tiles a minibatch; the last minibatch has 13 samples.
const BATCH: usize = 16;
const SHAPE: ImageShape = ImageShape { channels: 3, height: 5, width: 5 };
const CLASSES: usize = 3;

const LAYERS: [LayerSpec; 2] = [
    LayerSpec::sparse(SHAPE.features(), 11, 200, Activation::Relu),
    LayerSpec::dense(11, CLASSES, Activation::Identity),
];

/// Images of bytes, or the same as floats that are no bytes.
fn dataset(floats: bool) -> Dataset<'static> {
    let split = |samples: usize, first: usize| {
        let pixels: Vec<u8> = (0..samples * SHAPE.features()).map(|at| ((first + at) * (at % 89 + 7)) as u8).collect();
        let labels: Vec<_> = (0..samples).map(|sample| (sample * sample % CLASSES) as u16).collect();
        let numbers = pixels.iter().map(|&pixel| f32::from(pixel) / 3.0).collect::<Vec<_>>();
        let features = if floats { Features::Floats(numbers.into()) } else { Features::Bytes(pixels.into()) };
        Split::labelled(features, labels)
    };
    let (train, test) = (split(61, 1), split(37, 5));
    Dataset { name: None, shape: Some(SHAPE), outputs: CLASSES, names: Names::default(), train, test }
}

/// What a run leaves of its network, and what it measured last.
fn train(backend: &impl Backend, task: &Task<'_>, config: &Config) -> (Vec<u32>, [u32; 2]) {
    let description = Description::training(&LAYERS, BATCH).with_velocity();
    let mut memory = Memory::of::<Standard, LANES>(&description);
    let mut network = Mlp::<Standard, LANES>::new(&description, memory.block()).unwrap();
    network.initialise(backend, 7, FanIn::Connections);
    // Growth by gradient computes the same minibatch on every rank.
    let evolution = Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections).unwrap().with_growth(Growth::Gradient);
    let sgd = Sgd::new(0.05).unwrap().with_momentum(0.9).unwrap();
    let settings = TrainSettings { seed: 7, evolution: Some(evolution), evolve_every: 2, ..TrainSettings::new(4, sgd) };
    let (samples, test) = (task.train(config), task.test());
    let ended = Trainer::new(&settings).unwrap().run(&mut network, backend, &samples, &test, &mut ());
    assert_eq!(ended, Ok(Ended::Finished));
    let measured = network.evaluate(backend, &test);
    (bits(&network), [measured.loss().to_bits(), measured.correct()])
}

#[test]
fn dealt_samples_have_the_bits_of_samples_in_one_place() {
    let base = Config { batch_size: BATCH, ..Config::default() };
    let images = Config { augment: true, rotation: 9.0, shift: 0.2, flip: true, mixup: 0.4, ..base.clone() };
    let moved = Config { augment: false, pixel_shift: 1, ..base.clone() };
    let held_out = Config { augment: false, validation_samples: 14, train_samples: 40, ..base };
    for (config, floats) in [(images, false), (moved.clone(), true), (moved, false), (held_out, false)] {
        let task = Task::new(&config, dataset(floats)).unwrap();
        let expected = train(&Portable, &task, &config);
        for ranks in 2..=4 {
            let found = on_ranks(ranks, |backend| {
                let exchange = backend.exchange().unwrap();
                let mut task = Task::new(&config, dataset(floats)).unwrap();
                if exchange.rank() > 0 {
                    // What the first rank sends has no features.
                    let sent = serde_json::to_string(&task).unwrap();
                    task = serde_json::from_str(&sent).unwrap();
                }
                task.deal(exchange);
                train(backend, &task, &config)
            });
            assert!(found.into_iter().all(|found| found == expected), "{ranks} ranks, floats: {floats}");
        }
    }
}
