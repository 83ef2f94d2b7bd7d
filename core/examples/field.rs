//! Learning in the field, three ways: a model that goes on learning on another device, an autoencoder that learns what is
//! normal, and a sensor that slips. The firmware program `field` is this file on a chip; both print the same lines.
//!
//! `firmware/field.py` writes the recordings. On the host: `cargo run --release -p rewire-core --example field --
//! personal|anomaly|drift RECORDING SEED [IMAGE]`.

#![cfg_attr(target_os = "none", no_std)]

use core::fmt::Arguments;

use rewire_core::error::TrainError;
use rewire_core::prelude::*;
use rewire_core::random::Purpose;
use rewire_core::storage::image::{Image, ImageError, Scaling, hash};

/// Statistics of six axes; connections of the first layer as `rewire train --hidden 24 --epsilon 4` gives them.
const MOTIONS: [LayerSpec; 2] =
    [LayerSpec::sparse(30, 24, 216, Activation::Relu).input_major(), LayerSpec::dense(24, 4, Activation::Identity)];
/// 20 readings of three axes in a row.
const WINDOW: usize = 60;
const NORMAL: [LayerSpec; 2] = [
    LayerSpec::sparse(WINDOW, 24, 400, Activation::Relu).input_major(),
    LayerSpec::sparse(24, WINDOW, 400, Activation::Identity).input_major(),
];
/// A digit of 8 x 8 pixels somewhere on a sensor of 16 x 16.
const DIGITS: [LayerSpec; 2] =
    [LayerSpec::sparse(256, 32, 300, Activation::Relu).input_major(), LayerSpec::dense(32, 10, Activation::Identity)];

const fn bytes(layers: &[LayerSpec]) -> usize {
    Description::training(layers, 1).bytes::<Narrow, 1>()
}

const fn most(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// Bytes that the largest of the three networks needs, for model and training state.
pub const BYTES: usize = most(bytes(&MOTIONS), most(bytes(&NORMAL), bytes(&DIGITS)));

/// Samples as a recording holds them: some to learn from, then some to measure on.
pub trait Recording {
    /// How many there are to learn from, and how many to measure on.
    fn counts(&self) -> [u32; 2];

    /// Reads the features of a sample as far as `features` reaches; returns its label.
    fn read(&mut self, sample: u32, features: &mut [f32]) -> u16;
}

/// Why nothing was learned.
#[derive(Debug)]
pub enum Failure {
    /// The network or a setting.
    Train(TrainError),
    /// The image of the model.
    Image(ImageError),
    /// There is no such scenario, or no model for it.
    Unknown,
}

impl<E: Into<TrainError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Train(error.into())
    }
}

/// Where lines of results go.
pub type Say<'a> = &'a mut dyn FnMut(Arguments<'_>);

/// Runs a scenario by name.
///
/// # Errors
///
/// An unknown scenario, a model image that does not fit, or a loss that is infinite or NaN.
pub fn run(
    scenario: &str,
    memory: &mut [u8],
    image: Option<&[u8]>,
    recording: &mut impl Recording,
    seed: u64,
    say: Say<'_>,
) -> Result<(), Failure> {
    for evolves in [false, true] {
        match (scenario, image) {
            ("personal", Some(image)) => personal(memory, image, recording, seed, evolves, say)?,
            ("anomaly", _) => anomaly(memory, recording, seed, evolves, say)?,
            ("drift", _) => drift(memory, recording, seed, evolves, say)?,
            _ => return Err(Failure::Unknown),
        }
    }
    Ok(())
}

/// Epochs of learning from a recording.
const EPOCHS: u32 = 20;

/// How a network learns from a recording.
struct Learning {
    rate: f32,
    seed: u64,
    /// The last epoch after which connections are replaced, 0 for none.
    evolve_until: u32,
}

impl Learning {
    /// Learns so many samples, in another order in each epoch; `read` gives a window and what its outputs should be.
    fn run<const WIDTH: usize>(
        &self,
        network: &mut Mlp<'_, Narrow, 1, 2>,
        samples: u32,
        mut read: impl FnMut(u32, &mut [f32; WIDTH]) -> Answer<'static>,
    ) -> Result<(), Failure> {
        let (sgd, evolution, seed) = (Sgd::new(self.rate)?, evolution()?, self.seed);
        let mut window = [0.0; WIDTH];
        for epoch in 1..=EPOCHS {
            let shuffled = Permutation::new(seed, epoch, samples);
            for step in 0..samples {
                let answer = read(shuffled.at(step), &mut window);
                network.train_one(&Portable, &window, answer, &sgd, StepId { seed, epoch, step })?;
            }
            if epoch <= self.evolve_until {
                network.evolve(&Portable, &evolution, seed, epoch, |_, _| {})?;
            }
        }
        Ok(())
    }
}

/// How connections are replaced.
fn evolution() -> Result<Evolution, Failure> {
    Ok(Evolution::new(0.2, GrownWeight::Zero, FanIn::Connections)?)
}

fn name(evolves: bool) -> &'static str {
    if evolves { "evolving" } else { "fixed topology" }
}

/// A model of one device goes on learning from half of the samples of another; the other half is measured.
fn personal(
    memory: &mut [u8],
    image: &[u8],
    recording: &mut impl Recording,
    seed: u64,
    evolves: bool,
    say: Say<'_>,
) -> Result<(), Failure> {
    const HALF: u32 = 20;
    let image = Image::<Narrow>::new(image).map_err(Failure::Image)?;
    let scaling = image.about().map_or(Scaling::NONE, |about| about.scaling);
    let mut network = Mlp::<Narrow, 1, 2>::new(&const { Description::training(&MOTIONS, 1) }, memory)?;
    image.load(&mut network).map_err(Failure::Image)?;
    let samples: u32 = recording.counts().iter().sum();
    let order = Permutation::with_purpose(seed, Purpose::Subset, 0, samples);
    let mut window = [0.0; 30];
    let mut read = |sample: u32, window: &mut [f32; 30]| {
        let label = recording.read(order.at(sample), window);
        scaling.apply(window);
        label
    };
    let mut measure = |network: &mut Mlp<'_, Narrow, 1, 2>, read: &mut dyn FnMut(u32, &mut [f32; 30]) -> u16| {
        (HALF..samples)
            .filter(|&sample| {
                let label = read(sample, &mut window);
                network.predict_one(&Portable, &window, &mut []) == usize::from(label)
            })
            .count()
    };
    if !evolves {
        say(format_args!("no training: {} of {} right", measure(&mut network, &mut read), samples - HALF));
    }
    let learning = Learning { rate: 0.02, seed, evolve_until: if evolves { EPOCHS / 2 } else { 0 } };
    learning.run(&mut network, HALF, |sample, window| Answer::Class(read(sample, window)))?;
    let right = measure(&mut network, &mut read);
    say(format_args!("{}: {right} of {} right; model {:016x}", name(evolves), samples - HALF, hash(&network)));
    Ok(())
}

/// Windows that are measured, at most.
const MEASURED: usize = 512;

/// An autoencoder learns windows of the normal state; the loss of others says how unusual they are.
fn anomaly(
    memory: &mut [u8],
    recording: &mut impl Recording,
    seed: u64,
    evolves: bool,
    say: Say<'_>,
) -> Result<(), Failure> {
    let [learned, _] = recording.counts();
    let mut network = Mlp::<Narrow, 1, 2>::new(&const { Description::training(&NORMAL, 1) }, memory)?;
    network.initialise(&Portable, seed, FanIn::Connections);
    let mut window = [0.0; WINDOW];
    let mut moments = Moments::<3>::new();
    for sample in 0..learned {
        recording.read(sample, &mut window);
        moments.observe(&window);
    }
    let scale = moments.scale();
    if !evolves {
        say_anomalies("before learning", &mut network, &scale, recording, say);
    }
    let learning = Learning { rate: 0.03, seed, evolve_until: if evolves { EPOCHS - 1 } else { 0 } };
    learning.run(&mut network, learned, |sample, window: &mut [f32; WINDOW]| {
        recording.read(sample, window);
        scale.apply(window);
        Answer::Input
    })?;
    say_anomalies(name(evolves), &mut network, &scale, recording, say);
    Ok(())
}

/// Measures how well the loss tells unusual windows from normal ones.
fn say_anomalies(
    what: &str,
    network: &mut Mlp<'_, Narrow, 1, 2>,
    scale: &Scale<3>,
    recording: &mut impl Recording,
    say: Say<'_>,
) {
    let [learned, measured] = recording.counts();
    let mut score = |sample: u32| {
        let (mut window, mut given) = ([0.0; WINDOW], [0.0; WINDOW]);
        let label = recording.read(sample, &mut window);
        scale.apply(&mut window);
        network.predict_one(&Portable, &window, &mut given);
        (window.iter().zip(given).map(|(x, given)| (given - x) * (given - x)).sum::<f32>(), label > 0)
    };
    // What is further off than nearly all that was learned is flagged.
    let mut moments = Moments::<1>::new();
    for sample in 0..learned {
        moments.observe(&[score(sample).0]);
    }
    let threshold = moments.mean()[0] + 2.0 * moments.deviation()[0];
    let mut scores = [(0.0, false); MEASURED];
    let scores = scores.get_mut(..(measured as usize).min(MEASURED)).unwrap_or_default();
    for (sample, to) in (learned..).zip(&mut *scores) {
        *to = score(sample);
    }
    let [normal, unusual] = [false, true].map(|unusual| scores.iter().filter(move |score| score.1 == unusual));
    let pairs = normal.clone().count() * unusual.clone().count();
    let halves: usize = unusual
        .clone()
        .flat_map(|u| normal.clone().map(move |n| usize::from(u.0 > n.0) + usize::from(u.0 >= n.0)))
        .sum();
    let auc = 10_000 * halves / (2 * pairs).max(1);
    let flagged = |score: &&(f32, bool)| score.0 > threshold;
    say(format_args!(
        "{what}: ROC AUC {}.{:04}; flagged {} of {} unusual and {} of {} normal windows; model {:016x}",
        auc / 10_000,
        auc % 10_000,
        unusual.clone().filter(flagged).count(),
        unusual.count(),
        normal.clone().filter(flagged).count(),
        normal.count(),
        hash(network)
    ));
}

/// Each digit is predicted, then learned; half way through, the picture moves from one corner of the sensor to the other.
fn drift(
    memory: &mut [u8],
    recording: &mut impl Recording,
    seed: u64,
    evolves: bool,
    say: Say<'_>,
) -> Result<(), Failure> {
    const STEPS: u32 = 6000;
    const COUNTED: u32 = 500;
    const EVOLVE_EVERY: u32 = 50;
    let mut network = Mlp::<Narrow, 1, 2>::new(&const { Description::training(&DIGITS, 1) }, memory)?;
    network.initialise(&Portable, seed, FanIn::Connections);
    // The decay takes weights to zero whose pixels have become dark, so that evolution replaces them.
    let sgd = Sgd::new(0.05)?.with_weight_decay(3e-3, WeightDecay::Periodic)?;
    let evolution = evolution()?;
    let samples: u32 = recording.counts().iter().sum();
    let mut right = 0;
    for step in 0..STEPS {
        let order = Permutation::new(seed, step / samples, samples);
        let mut digit = [0.0; 64];
        let label = recording.read(order.at(step % samples), &mut digit);
        let mut sensor = [0.0; 256];
        let corner = if step < STEPS / 2 { 0 } else { 8 * 16 + 8 };
        for (row, pixels) in digit.chunks_exact(8).enumerate() {
            for (to, pixel) in sensor.iter_mut().skip(corner + 16 * row).zip(pixels) {
                *to = pixel / 16.0;
            }
        }
        right += u32::from(network.predict_one(&Portable, &sensor, &mut []) == usize::from(label));
        let id = StepId { seed, epoch: 1, step };
        network.train_one(&Portable, &sensor, Answer::Class(label), &sgd, id)?;
        if evolves && step % EVOLVE_EVERY == EVOLVE_EVERY - 1 {
            network.evolve(&Portable, &evolution, seed, step / EVOLVE_EVERY + 1, |_, _| {})?;
        }
        if (step + 1) % COUNTED == 0 {
            say(format_args!("{}, sample {}: {right} of the last {COUNTED} right", name(evolves), step + 1));
            right = 0;
        }
    }
    say(format_args!("{}: model {:016x}", name(evolves), hash(&network)));
    Ok(())
}

#[cfg(not(target_os = "none"))]
mod host {
    use std::error::Error;

    use super::{BYTES, Recording, run};
    use rewire_core::prelude::Block;

    /// A file that `firmware/field.py` wrote: features, samples to learn and to measure, 0; then each sample's label and
    /// features.
    struct File(Vec<u8>);

    impl File {
        fn word(&self, at: usize) -> [u8; 4] {
            self.0.get(4 * at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default()
        }
    }

    impl Recording for File {
        fn counts(&self) -> [u32; 2] {
            [1, 2].map(|at| u32::from_le_bytes(self.word(at)))
        }

        fn read(&mut self, sample: u32, features: &mut [f32]) -> u16 {
            let width = u32::from_le_bytes(self.word(0)) as usize;
            let start = 4 + (width + 1) * sample as usize;
            for (at, feature) in (start + 1..).zip(features) {
                *feature = f32::from_le_bytes(self.word(at));
            }
            u32::from_le_bytes(self.word(start)) as u16
        }
    }

    pub(super) fn main() -> Result<(), Box<dyn Error>> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [scenario, recording, seed, image @ ..] = &arguments[..] else {
            return Err("usage: field personal|anomaly|drift RECORDING SEED [IMAGE]".into());
        };
        let image = image.first().map(std::fs::read).transpose()?;
        // Aligned, as an image is to be.
        let mut words = vec![0u32; image.as_ref().map_or(0, |image| image.len().div_ceil(4))];
        let image = image.map(|image| {
            let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
            bytes[..image.len()].copy_from_slice(&image);
            &bytes[..image.len()]
        });
        let mut memory = Block::<BYTES>::new();
        let mut recording = File(std::fs::read(recording)?);
        let said = &mut |line: std::fmt::Arguments<'_>| println!("{line}");
        run(scenario, &mut memory.0, image, &mut recording, seed.parse()?, said)
            .map_err(|error| format!("{error:?}"))?;
        Ok(())
    }
}

#[cfg(not(target_os = "none"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    host::main()
}
