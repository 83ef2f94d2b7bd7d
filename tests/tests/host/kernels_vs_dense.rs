//! Forward passes and whole updates against the dense oracle: every storage, every format, every tile width.

use std::ops::ControlFlow;
use std::sync::Mutex;

use rewire::engine::native::Native;
use rewire_core::prelude::*;
use rewire_tests::kind::Kind;
use rewire_tests::memory::Memory;
use rewire_tests::oracle::{Oracle, Settings};
use rewire_tests::samples::Data;
use rewire_tests::structure::{bits, cells, randomise_neurons};
use rewire_tests::tolerance::{KERNEL, assert_close};

const WIDTHS: [usize; 4] = [37, 41, 23, 5];
const SAMPLES: usize = 75;
const RATE: f32 = 0.2;

/// Half of the cells, so that rows are longer than a group of sixteen, and shorter.
fn layers(kind: Kind) -> Vec<LayerSpec> {
    kind.layers(&WIDTHS, 0.5, &[Activation::LeakyRelu { slope: -0.4 }, Activation::Relu, Activation::Identity])
}

/// The settings of an update, for the core and for the oracle.
fn settings(momentum: f32, decay: WeightDecay, weight_decay: f32) -> (Sgd, Settings) {
    let sgd = Sgd::new(RATE).unwrap().with_momentum(momentum).unwrap().with_weight_decay(weight_decay, decay).unwrap();
    let oracle = Settings {
        learning_rate: f64::from(RATE),
        momentum: f64::from(momentum),
        weight_decay: f64::from(weight_decay),
        coupled: decay == WeightDecay::Coupled,
    };
    (sgd, oracle)
}

#[track_caller]
fn assert_same<F: Format<Input = f32>, const LANES: usize>(network: &Mlp<'_, F, LANES>, oracle: &Oracle, what: &str) {
    for (i, (layer, expected)) in network.layers().zip(&oracle.layers).enumerate() {
        let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
        let cells = cells(&layer);
        let of = |matrix: &[Vec<f64>]| cells.iter().map(|&(output, input)| matrix[output][input]).collect::<Vec<_>>();
        let what = |part: &str| format!("{what}: {part} of layer {i}");
        assert_close(&wide(layer.weights), &of(&expected.weights), KERNEL, &what("weights"));
        assert_close(&wide(layer.bias), &expected.bias, KERNEL, &what("biases"));
        if !layer.velocity.is_empty() {
            assert_close(&wide(layer.velocity), &of(&expected.velocity), KERNEL, &what("velocities"));
            assert_close(&wide(layer.bias_velocity), &expected.bias_velocity, KERNEL, &what("bias velocities"));
        }
    }
}

/// Predicts, then takes three steps of `batch` samples, and holds everything against the oracle.
fn check<F: Format<Input = f32>, const LANES: usize>(backend: &impl Backend, kind: Kind, batch: usize, velocity: bool) {
    let layers = layers(kind);
    let mut description = Description::training(&layers, batch);
    if velocity {
        description = description.with_velocity();
    }
    description = kind.describe(description);
    // The third minibatch is short. Two features of three are zero, which an input-major layer skips.
    let len = 2 * batch + 7;
    let data = Data::random(3, len, WIDTHS[0], WIDTHS[3]).thinned(3);
    // Through the type of samples that other tests have, so that the kernels are compiled once for all of them.
    let table = data.table();
    let samples: &dyn Samples<LANES> = &table;
    // Without decay and velocity a single sample's update takes a way of its own.
    let decays = [(WeightDecay::Decoupled, 0.0), (WeightDecay::Decoupled, 0.01), (WeightDecay::Coupled, 0.02)];
    for (decay, weight_decay) in decays {
        let what = format!("{kind:?}, {LANES} lanes, batch {batch}, {decay:?} {weight_decay}");
        let mut memory = Memory::of::<F, LANES>(&description);
        let mut network = Mlp::<F, LANES>::new(&description, memory.block()).unwrap();
        network.initialise(backend, 11, FanIn::Connections);
        randomise_neurons(&mut network, 11);
        let mut oracle = Oracle::of(&network);

        let (mut found, mut expected, mut start) = (Vec::new(), Vec::new(), 0);
        while start < len {
            network.predict(backend, &samples, start, |logits, used| {
                for lane in 0..used {
                    found.extend(logits.iter().map(|row| f64::from(row[lane])));
                }
            });
            start += batch;
        }
        for sample in data.select(0..len) {
            expected.extend(oracle.logits(&sample.x));
        }
        assert_close(&found, &expected, KERNEL, &format!("{what}: logits"));

        // A network without velocity refuses momentum.
        let (sgd, settings) = settings(if velocity { 0.9 } else { 0.0 }, decay, weight_decay);
        let order = Permutation::new(7, 1, len as u32);
        for step in 0..3 {
            let start = step * batch as u32;
            let chosen = (start..(start + batch as u32).min(len as u32)).map(|i| order.at(i) as usize);
            let chosen = data.select(chosen);
            let loss = oracle.loss(&chosen, &[]);
            oracle.step(&chosen, settings);
            let place = StepId { seed: 7, epoch: 1, step };
            let metrics = network.step(backend, &samples, &order, start, &sgd, place).unwrap();
            assert_eq!(metrics.samples() as usize, chosen.len());
            assert_close(&[f64::from(metrics.loss())], &[loss], KERNEL, &format!("{what}: loss of step {step}"));
        }
        assert_same(&network, &oracle, &what);
    }
}

/// A format at one tile width: batches that fill a tile in part, exactly, and several with a rest.
fn check_kinds<F: Format<Input = f32>, const LANES: usize>() {
    for kind in Kind::ALL {
        if LANES > 1 {
            check::<F, LANES>(&Portable, kind, LANES.min(25) - 1, false);
        }
        check::<F, LANES>(&Portable, kind, LANES.min(25), false);
        check::<F, LANES>(&Portable, kind, LANES + 11, true);
    }
}

/// The narrowest format and the workstation's, which every width has. Each pair of format and width is compiled anew.
fn check_lanes<const LANES: usize>() {
    check_kinds::<Narrow, LANES>();
    check_kinds::<Standard, LANES>();
}

#[test]
fn one_lane_agrees_with_the_oracle() {
    check_lanes::<1>();
    check_kinds::<Compact, 1>();
    check_kinds::<Wide, 1>();
}

#[test]
fn three_lanes_agree_with_the_oracle() {
    check_lanes::<3>();
}

#[test]
fn sixteen_lanes_agree_with_the_oracle() {
    check_lanes::<16>();
    check_kinds::<Compact, 16>();
}

#[test]
fn thirty_two_lanes_agree_with_the_oracle() {
    check_lanes::<32>();
}

#[test]
fn sixty_four_lanes_agree_with_the_oracle() {
    check_lanes::<64>();
    // Of the widths of wide networks on a workstation the second.
    check_kinds::<Wide, 64>();
}

#[test]
fn a_hundred_and_twenty_eight_lanes_agree_with_the_oracle() {
    check_lanes::<128>();
}

#[test]
fn dense_layers_agree_with_the_oracle_when_a_matrix_product_computes_them() {
    let backend = Native::new(2).unwrap().with_products(true);
    for kind in [Kind::Dense, Kind::Mixed] {
        for velocity in [false, true] {
            check::<Standard, 1>(&backend, kind, 1, velocity);
            check::<Standard, 16>(&backend, kind, 13, velocity);
            check::<Standard, 64>(&backend, kind, 25, velocity);
        }
        check::<Standard, 16>(&backend, kind, 25, true);
        check::<Standard, 64>(&backend, kind, 75, true);
    }
}

/// The metrics after each step of the epoch, until the last that it wants.
struct Seen {
    steps: Vec<(u32, Metrics)>,
    last: u32,
}

impl<const LANES: usize> Observer<Standard, LANES> for Seen {
    fn step(&mut self, step: &Step<'_>, _network: &Mlp<'_, Standard, LANES>) -> ControlFlow<()> {
        self.steps.push((step.step, *step.trained));
        if step.step == self.last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn an_epoch_is_the_steps_of_its_minibatches_and_the_last_may_be_short() {
    let layers = layers(Kind::Mixed);
    let description = Description::training(&layers, 20).with_velocity();
    let mut memory = Memory::of::<Standard, 16>(&description);
    let mut network = Mlp::<Standard, 16>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 11, FanIn::Dense);
    let data = Data::random(3, SAMPLES, WIDTHS[0], WIDTHS[3]);
    let mut oracle = Oracle::of(&network);
    let (sgd, settings) = settings(0.5, WeightDecay::Decoupled, 0.001);

    let settings_of_run = TrainSettings { seed: 7, ..TrainSettings::new(2, sgd) };
    let mut seen = Seen { steps: Vec::new(), last: u32::MAX };
    let table = data.table();
    let samples: &dyn Samples<16> = &table;
    let mut trainer = Trainer::new(&settings_of_run).unwrap().starting_at(Progress { epoch: 2, step: 0 });
    trainer.run(&mut network, &Portable, &samples, &(), &mut seen).unwrap();
    let metrics = seen.steps.iter().map(|step| step.1).next_back().unwrap();
    let steps: Vec<(u32, u32)> = seen.steps.iter().map(|(step, metrics)| (*step, metrics.samples())).collect();
    assert_eq!(steps, [(0, 20), (1, 40), (2, 60), (3, 75)]);

    let order = Permutation::new(7, 2, SAMPLES as u32);
    let order: Vec<usize> = (0..SAMPLES as u32).map(|i| order.at(i) as usize).collect();
    let mut loss = 0.0;
    for batch in order.chunks(20) {
        let samples = data.select(batch.iter().copied());
        loss += oracle.loss(&samples, &[]) * samples.len() as f64 / SAMPLES as f64;
        oracle.step(&samples, settings);
    }
    assert_close(&[f64::from(metrics.loss())], &[loss], KERNEL, "loss of the epoch");
    assert_same(&network, &oracle, "an epoch");
}

#[test]
fn periodic_decay_is_sixty_four_steps_of_decay_at_once() {
    let layers = layers(Kind::Mixed);
    let data = Data::random(3, SAMPLES, WIDTHS[0], WIDTHS[3]);
    let table = data.table();
    let samples: &dyn Samples<1> = &table;
    let trained = |sgd: Sgd, steps: u32| {
        let description = Description::training(&layers, 1);
        let mut memory = Memory::of::<Standard, 1>(&description);
        let mut network = Mlp::<Standard, 1>::new(&description, memory.block()).unwrap();
        network.initialise(&Portable, 11, FanIn::Connections);
        let order = Permutation::new(7, 2, SAMPLES as u32);
        for step in 0..steps {
            let id = StepId { seed: 7, epoch: 2, step };
            network.step(&Portable, &samples, &order, step, &sgd, id).unwrap();
        }
        network.layers().flat_map(|layer| [layer.weights, layer.bias].concat()).collect::<Vec<f32>>()
    };
    let plain = Sgd::new(RATE).unwrap();
    let periodic = plain.with_weight_decay(0.1, WeightDecay::Periodic).unwrap();
    assert_eq!(trained(periodic, 63), trained(plain, 63));
    let factor = (0..6).fold(1.0 - RATE * 0.1, |power, _| power * power);
    assert!(factor < 1.0);
    let expected: Vec<f32> = trained(plain, 64).iter().map(|weight| weight * factor).collect();
    assert_eq!(trained(periodic, 64), expected);
}

#[test]
fn a_run_that_is_told_to_break_stops_after_that_step_and_goes_on_from_there() {
    let layers = layers(Kind::OutputMajor);
    let description = Description::training(&layers, 16);
    let data = Data::random(3, SAMPLES, WIDTHS[0], WIDTHS[3]);
    let settings = TrainSettings {
        evolution: Some(Evolution::new(0.3, GrownWeight::Uniform, FanIn::Connections).unwrap()),
        evolve_every: 2,
        ..TrainSettings::new(3, Sgd::new(RATE).unwrap())
    };
    let table = data.table();
    let samples: &dyn Samples<16> = &table;
    let run = |last: u32| {
        let mut memory = Memory::of::<Standard, 16>(&description);
        let mut network = Mlp::<Standard, 16>::new(&description, memory.block()).unwrap();
        network.initialise(&Portable, 11, FanIn::Connections);
        let mut trainer = Trainer::new(&settings).unwrap();
        let mut seen = Seen { steps: Vec::new(), last };
        let mut ended = trainer.run(&mut network, &Portable, &samples, &(), &mut seen).unwrap();
        if last < 10 {
            assert_eq!((ended, seen.steps.len()), (Ended::Stopped, last as usize + 1));
            assert_eq!(trainer.progress(), Progress { epoch: 1, step: last + 1 });
            // Another program, which has the network and where it was.
            let mut trainer = Trainer::new(&settings).unwrap().starting_at(trainer.progress());
            ended = trainer.run(&mut network, &Portable, &samples, &(), &mut ()).unwrap();
        }
        assert_eq!(ended, Ended::Finished);
        bits(&network)
    };
    let whole = run(u32::MAX);
    // An epoch has five steps; behind the last of them its evolution is left.
    for last in 0..5 {
        assert!(run(last) == whole, "stopped after step {last}");
    }
}

/// Samples that write down what they are asked for.
struct Asked<'a> {
    table: Table<'a>,
    calls: Mutex<Vec<(Vec<u32>, u32)>>,
}

impl SampleSource for Asked<'_> {
    fn len(&self) -> usize {
        self.table.len()
    }
}

impl<const LANES: usize> Samples<LANES> for Asked<'_> {
    fn fill(&self, indices: &[u32], epoch: u32, x: &mut [[f32; LANES]], labels: &mut [u16; LANES]) {
        for lane in indices.len()..LANES {
            assert!(x.iter().all(|row| row[lane].to_bits() == 0), "a lane without a sample is not zero");
        }
        self.calls.lock().unwrap().push((indices.to_vec(), epoch));
        self.table.fill(indices, epoch, x, labels);
    }
}

#[test]
fn an_epoch_asks_for_every_sample_once_and_evaluation_in_order() {
    let layers = layers(Kind::OutputMajor);
    let description = Description::training(&layers, 20).with_velocity();
    let mut memory = Memory::of::<Standard, 16>(&description);
    let mut network = Mlp::<Standard, 16>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 11, FanIn::Connections);
    let data = Data::random(3, SAMPLES, WIDTHS[0], WIDTHS[3]);
    let asked = Asked { table: data.table(), calls: Mutex::default() };
    let all = || asked.calls.lock().unwrap().drain(..).flat_map(|(indices, _)| indices).collect::<Vec<u32>>();

    let in_order: Vec<u32> = (0..SAMPLES as u32).collect();
    network.train_epoch(&Portable, &asked, &Sgd::new(RATE).unwrap(), 7, 2).unwrap();
    assert!(asked.calls.lock().unwrap().iter().all(|&(_, epoch)| epoch == 2));
    let mut trained = all();
    assert_ne!(trained, in_order);
    trained.sort_unstable();
    assert_eq!(trained, in_order);

    let _ = network.evaluate(&Portable, &asked);
    assert!(asked.calls.lock().unwrap().iter().all(|&(_, epoch)| epoch == 0), "evaluation sees samples as they are");
    assert_eq!(all(), in_order);
}
