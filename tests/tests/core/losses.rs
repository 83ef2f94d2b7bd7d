//! What outputs are compared with, beside gradients: padding, wrong targets, weights of samples, networks in flash.

use rewire_core::error::{SampleSet, TrainError};
use rewire_core::network::Frozen;
use rewire_core::prelude::*;
use rewire_core::storage::image;
use rewire_tests::memory::Memory;
use rewire_tests::samples::Data;
use rewire_tests::structure::{bits, copy};
use rewire_tests::tolerance::{KERNEL, assert_close};

const PLACE: StepId = StepId { seed: 1, epoch: 1, step: 0 };

/// Widths of a network for values, and of an autoencoder.
const VALUES: [usize; 3] = [9, 12, 3];
const INPUT: [usize; 3] = [9, 5, 9];

fn layers([n_in, hidden, n_out]: [usize; 3]) -> [LayerSpec; 2] {
    [
        LayerSpec::sparse(n_in, hidden, n_in * hidden / 2, Activation::LeakyRelu { slope: 0.2 }).input_major(),
        LayerSpec::dense(hidden, n_out, Activation::Identity),
    ]
}

/// A network's bits after one minibatch, and what was measured.
fn step<const LANES: usize>(layers: &[LayerSpec], len: u32, samples: &impl Samples<LANES>) -> (Vec<f64>, Metrics) {
    try_step(layers, len, samples).unwrap()
}

fn try_step<const LANES: usize>(
    layers: &[LayerSpec],
    len: u32,
    samples: &impl Samples<LANES>,
) -> Result<(Vec<f64>, Metrics), TrainError> {
    let description = Description::training(layers, 16).with_velocity();
    let mut memory = Memory::of::<Narrow, LANES>(&description);
    let mut network = Mlp::<Narrow, LANES>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let sgd = Sgd::new(0.5 * len as f32).unwrap();
    let metrics = network.step(&Portable, samples, &Permutation::new(1, 1, len), 0, &sgd, PLACE)?;
    let weights = |layer: &rewire_tests::structure::LayerCopy<Narrow>| [&*layer.weights, &*layer.bias].concat();
    Ok((copy(&network).iter().flat_map(weights).map(f64::from).collect(), metrics))
}

#[test]
fn lanes_that_hold_no_sample_change_nothing() {
    let data = Data::random(1, 5, 9, 3);
    let same = |(one, a): (Vec<f64>, Metrics), (wide, b): (Vec<f64>, Metrics), what: &str| {
        assert_eq!((a.samples(), b.samples()), (5, 5), "{what}");
        assert_close(&wide, &one, KERNEL, what);
        assert_close(&[f64::from(b.loss())], &[f64::from(a.loss())], KERNEL, what);
    };
    let network = layers(VALUES);
    same(step::<1>(&network, 5, &data.values()), step::<16>(&network, 5, &data.values()), "values");
    let network = layers(INPUT);
    same(step::<1>(&network, 5, &data.unlabelled()), step::<16>(&network, 5, &data.unlabelled()), "input");
}

fn run(layers: &[LayerSpec], train: &impl Samples<4>, test: &impl Samples<4>) -> Result<Ended, TrainError> {
    let description = Description::training(layers, 4);
    let mut memory = Memory::of::<Narrow, 4>(&description);
    let mut network = Mlp::<Narrow, 4>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let settings = TrainSettings::new(2, Sgd::new(0.01).unwrap());
    Trainer::new(&settings).unwrap().run(&mut network, &Portable, train, test, &mut ())
}

#[test]
fn a_target_that_is_not_finite_ends_a_run() {
    let network = layers([2, 4, 2]);
    let good = Table::with_values(&[0.5, 1.0], &[1.0, 2.0], 2).unwrap();
    assert_eq!(run(&network, &good, &good), Ok(Ended::Finished));
    for value in [f32::NAN, f32::INFINITY] {
        let values = [1.0, value];
        let bad = Table::with_values(&[0.5, 1.0], &values, 2).unwrap();
        let diverged = |samples, step| Err(TrainError::Diverged { samples, epoch: 1, step });
        assert_eq!(run(&network, &bad, &()), diverged(SampleSet::Training, 0));
        assert_eq!(run(&network, &good, &bad), diverged(SampleSet::Test, 1));
        let features = [0.5, value];
        let bad = Table::unlabelled(&features, 2).unwrap();
        assert_eq!(run(&network, &bad, &()), diverged(SampleSet::Training, 0));
    }
    // Values for fewer outputs than there are.
    let short = Table::with_values(&[0.5, 1.0], &[1.0], 1).unwrap();
    assert!(matches!(run(&network, &short, &()), Err(TrainError::Diverged { .. })));
}

#[test]
fn an_autoencoder_has_as_many_outputs_as_inputs() {
    let (data, network) = (Data::random(1, 5, 9, 3), layers(VALUES));
    let refused = Err(TrainError::Reconstruction { n_in: 9, n_out: 3 });
    assert_eq!(run(&network, &data.unlabelled(), &()), refused);
    assert_eq!(run(&network, &data.values(), &data.unlabelled()), refused);
    assert_eq!(run(&network, &data.values(), &data.values()), Ok(Ended::Finished));
    assert_eq!(run(&layers(INPUT), &data.unlabelled(), &data.unlabelled()), Ok(Ended::Finished));
    // A step by itself, whose samples nobody checked, finds that its loss is NaN.
    let diverged = TrainError::Diverged { samples: SampleSet::Training, epoch: PLACE.epoch, step: PLACE.step };
    assert_eq!(try_step::<4>(&network, 5, &data.unlabelled()), Err(diverged));
}

/// Samples of which some weigh as much as several.
struct Weighted<S>(S, [f32; 4]);

impl<S: SampleSource> SampleSource for Weighted<S> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn target(&self) -> Target {
        self.0.target()
    }
    fn value(&self, index: u32, output: usize) -> f32 {
        self.0.value(index, output)
    }
    fn is_weighted(&self) -> bool {
        true
    }
    fn weight(&self, index: u32, _label: u16) -> f32 {
        self.1[index as usize]
    }
}

impl<const LANES: usize, S: Samples<LANES>> Samples<LANES> for Weighted<S> {
    fn fill(&self, indices: &[u32], epoch: u32, x: &mut [[f32; LANES]], labels: &mut [u16; LANES]) {
        self.0.fill(indices, epoch, x, labels);
    }
}

fn check_weights<const LANES: usize>() {
    const FEATURES: [f32; 8] = [0.1, 0.9, -0.5, 0.3, 0.7, 0.2, -0.2, -0.8];
    const WEIGHTS: [f32; 4] = [2.0, 1.0, 3.0, 0.0];
    const REPEATED: [usize; 6] = [0, 0, 1, 2, 2, 2];
    let features: Vec<f32> = REPEATED.iter().flat_map(|&i| [FEATURES[2 * i], FEATURES[2 * i + 1]]).collect();
    let check = |(found, few): (Vec<f64>, Metrics), (expected, _): (Vec<f64>, Metrics), unweighted: Metrics| {
        // The rate grows with the minibatch, which divides the gradient.
        assert_close(&found, &expected, KERNEL, &format!("{LANES} lanes"));
        assert_eq!(few, unweighted, "{LANES} lanes: metrics have no weights");
    };

    let network = layers([2, 6, 3]);
    let (labels, repeated) = ([0, 1, 2, 1], REPEATED.map(|i| [0, 1, 2, 1][i]));
    let table = Table::new(&FEATURES, &labels).unwrap();
    let more = Table::new(&features, &repeated).unwrap();
    let unweighted = step::<LANES>(&network, 4, &table).1;
    check(step::<LANES>(&network, 4, &Weighted(table, WEIGHTS)), step::<LANES>(&network, 6, &more), unweighted);

    let values = [1.0, 0.0, -1.0, 2.0, 0.5, 0.25, -1.0, -2.0, 0.0, 9.0, 9.0, 9.0];
    let repeated: Vec<f32> = REPEATED.iter().flat_map(|&i| values[3 * i..][..3].to_vec()).collect();
    let table = Table::with_values(&FEATURES, &values, 3).unwrap();
    let more = Table::with_values(&features, &repeated, 3).unwrap();
    let unweighted = step::<LANES>(&network, 4, &table).1;
    check(step::<LANES>(&network, 4, &Weighted(table, WEIGHTS)), step::<LANES>(&network, 6, &more), unweighted);

    let network = layers([2, 6, 2]);
    let table = Table::unlabelled(&FEATURES, 2).unwrap();
    let more = Table::unlabelled(&features, 2).unwrap();
    let unweighted = step::<LANES>(&network, 4, &table).1;
    check(step::<LANES>(&network, 4, &Weighted(table, WEIGHTS)), step::<LANES>(&network, 6, &more), unweighted);
}

#[test]
fn a_sample_of_weight_two_counts_as_the_sample_twice() {
    check_weights::<1>();
    check_weights::<4>();
    check_weights::<16>();
}

#[test]
fn label_smoothing_has_no_effect_on_squared_errors() {
    let data = Data::random(1, 5, 9, 3);
    let description = layers(VALUES);
    let description = Description::training(&description, 1);
    let train = |smoothing| {
        let mut memory = Memory::of::<Narrow, 1>(&description);
        let mut network = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        let sgd = Sgd::new(0.1).unwrap().with_label_smoothing(smoothing).unwrap();
        network.train_epoch(&Portable, &data.values(), &sgd, 1, 1).unwrap();
        bits(&network)
    };
    assert_eq!(train(0.0), train(0.2));
}

/// Bytes are compared as the first layer reads them.
#[test]
fn an_autoencoder_of_bytes_computes_what_one_of_scaled_floats_does() {
    fn outcome<F: Format, const LANES: usize>(samples: &impl Samples<LANES, F::Input>) -> (Vec<u32>, u32) {
        let layers = layers([6, 4, 6]);
        let description = Description::training(&layers, LANES);
        let mut memory = Memory::of::<F, LANES>(&description);
        let mut network = Mlp::<F, LANES>::new(&description, memory.block()).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        network.train_epoch(&Portable, samples, &Sgd::new(0.1).unwrap(), 1, 1).unwrap();
        let bits = network.layers().flat_map(|layer| layer.weights.iter().map(|w| w.to_bits()).collect::<Vec<_>>());
        (bits.collect(), network.evaluate(&Portable, samples).loss().to_bits())
    }
    let bytes: Vec<u8> = (0..60u8).map(|i| i.wrapping_mul(37)).collect();
    let floats: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) * (1.0 / 255.0)).collect();
    let (bytes, floats) = (Table::unlabelled(&bytes, 6).unwrap(), Table::unlabelled(&floats, 6).unwrap());
    assert_eq!(outcome::<Bytes, 1>(&bytes), outcome::<Narrow, 1>(&floats));
    assert_eq!(outcome::<Bytes, 4>(&bytes), outcome::<Narrow, 4>(&floats));
}

#[test]
fn a_network_in_flash_measures_what_the_network_does() {
    #[repr(align(4))]
    struct Flash([u8; 2048]);
    fn check(widths: [usize; 3], samples: &(impl Samples<4> + Samples<1>)) {
        let layers = layers(widths);
        let description = Description::inference(&layers, 4);
        let mut memory = Memory::of::<Narrow, 4>(&description);
        let mut network = Mlp::<Narrow, 4>::new(&description, memory.block()).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        let mut flash = Flash([0xFF; 2048]);
        image::write(&network, &mut flash.0).unwrap();
        let image = image::Image::<Narrow>::new(&flash.0).unwrap();
        let mut memory = Memory::new(4096);
        let mut frozen = Frozen::<Narrow, 4>::new(&image, 4, memory.block()).unwrap();
        let metrics = frozen.evaluate(&Portable, samples);
        assert_eq!(metrics, network.evaluate(&Portable, samples));
        assert!(metrics.loss() > 0.0 && metrics.correct() == 0 && metrics.samples() == 7, "{metrics:?}");
    }
    let data = Data::random(1, 7, 9, 3);
    check(VALUES, &data.values());
    check(INPUT, &data.unlabelled());
}

#[test]
fn shifted_samples_keep_targets_values_and_weights() {
    let image = ImagePlane { channels: 1, height: 3, width: 3 };
    let data = Data::random(1, 4, 9, 3);
    let shift = PixelShift { image, reach: 1, seed: 1 };
    let samples = Shifted { samples: Weighted(data.values(), [1.0, 2.0, 3.0, 4.0]), shift };
    assert_eq!((samples.target(), samples.is_weighted(), samples.weight(2, 0)), (Target::Values, true, 3.0));
    assert_eq!(samples.value(3, 1), data.values().value(3, 1));
}
