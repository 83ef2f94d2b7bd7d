//! Counts instructions per phase, for the three networks and for dense ones that fit the same memory.
//!
//! Only on `mps2-an386` under QEMU with `-icount shift=7`, which the runner sets.

#![no_std]
#![no_main]

use defmt::info;
use rewire_core::error::TrainError;
use rewire_core::prelude::*;
use rewire_firmware::count::{self, instructions};
use rewire_firmware::fault::fail;
use rewire_firmware::memory::Memory;
use rewire_firmware::networks::{FAN_IN, Layers, Network, SEED, fit_dense, ram_16, ram_64, ram_128};
use rewire_firmware::samples::{PIXELS, Packed};
use semihosting::process;

static BLOCK: Memory<{ 128 * 1024 }> = Memory::new();

/// Samples that a network is trained on before the measurement, and samples in the measurement.
const WARM_UP: u32 = 1500;
const MEASURED: u32 = 500;

/// Connections and neurons in a part of a step that is cut.
const BUDGETS: [usize; 3] = [100, 400, 1600];

#[cortex_m_rt::entry]
fn main() -> ! {
    let Some(block) = BLOCK.take() else { fail(format_args!("the memory block is already in use")) };
    count::start();
    info!("instructions per sample; a connection is a weight, those of the output layer included");
    if let Err(error) = measure_all(block) {
        fail(format_args!("{error}"));
    }
    process::exit(0)
}

/// How a network is trained.
#[derive(Clone, Copy)]
struct Recipe {
    sgd: Sgd,
    evolution: Option<Evolution>,
    placement: Placement,
}

macro_rules! recipe {
    ($network:ident) => {
        Recipe { sgd: $network::sgd()?, evolution: $network::evolution()?, placement: $network::placement()? }
    };
}

fn measure_all(block: &mut [u8]) -> Result<(), TrainError> {
    let [small, middle, large] = [recipe!(ram_16), recipe!(ram_64), recipe!(ram_128)];
    // The dense networks are trained without weight decay, as in the published table.
    let dense =
        |recipe: Recipe| recipe.sgd.with_weight_decay(0.0, WeightDecay::Periodic).map(|sgd| Recipe { sgd, ..recipe });
    for (name, layers, recipe) in [
        ("sparse, 12 KB", ram_16::LAYERS, small),
        ("sparse, 52 KB", ram_64::LAYERS, middle),
        ("sparse, 110 KB", ram_128::LAYERS, large),
        ("dense, 12 KB", fit_dense(12 * 1024), dense(small)?),
        ("dense, 52 KB", fit_dense(52 * 1024), dense(middle)?),
        ("dense, 110 KB", fit_dense(110 * 1024), dense(large)?),
    ] {
        measure(name, &layers, &recipe, block)?;
    }
    Ok(())
}

fn measure(name: &str, layers: &Layers, recipe: &Recipe, block: &mut [u8]) -> Result<(), TrainError> {
    let description = Description::training(layers, 1);
    let mut network = match Network::new(&description, block) {
        Ok(network) => network,
        Err(error) => fail(format_args!("{error}")),
    };
    let Recipe { sgd, evolution: Some(evolution), placement } = *recipe else {
        fail(format_args!("the settings of {name} let no connections evolve"))
    };
    network.initialise_placed(&Portable, SEED, FAN_IN, placement);
    let train = Packed::train();
    let order = Permutation::new(SEED, 1, WARM_UP + MEASURED);
    let step = |network: &mut Network<'_>, start: u32| {
        let id = StepId { seed: SEED, epoch: 1, step: start };
        network.step(&Portable, &train, &order, start, &sgd, id).map(|_| ())
    };
    // Where connections evolve, and neurons fall silent, the counts settle late.
    let epochs = if network.layers().any(|layer| layer.csr.is_some()) { 15 } else { 5 };
    for epoch in 1..=epochs {
        for start in 0..WARM_UP {
            step(&mut network, start)?;
        }
        network.evolve(&Portable, &evolution, SEED, epoch, |_, _| {})?;
    }
    let (fetching, ()) = instructions(|| {
        let (mut x, mut labels) = ([[0u8; 1]; PIXELS], [0; 1]);
        for position in 0..MEASURED {
            train.fill(&[order.at(position)], 1, &mut x, &mut labels);
        }
        core::hint::black_box((&x, &labels));
    });
    let (training, trained) =
        instructions(|| (WARM_UP..WARM_UP + MEASURED).try_for_each(|start| step(&mut network, start)));
    trained?;
    let test = train.first(MEASURED as usize);
    let (inference, metrics) = instructions(|| network.evaluate(&Portable, &test));
    let (evolving, replaced) = instructions(|| network.evolve(&Portable, &evolution, SEED, 9, |_, _| {}));
    let (bright, _) = instructions(|| network.evaluate(&Portable, &Bright));
    let (bright_step, trained) = instructions(|| {
        let order = Permutation::new(SEED, 1, MEASURED);
        (0..MEASURED).try_for_each(|start| {
            let id = StepId { seed: SEED, epoch: 1, step: start };
            network.step(&Portable, &Bright, &order, start, &sgd, id).map(|_| ())
        })
    });
    trained?;
    let (bright_fetching, ()) = instructions(|| {
        let (mut x, mut labels) = ([[0u8; 1]; PIXELS], [0; 1]);
        for position in 0..MEASURED {
            Bright.fill(&[order.at(position)], 1, &mut x, &mut labels);
        }
        core::hint::black_box((&x, &labels));
    });
    let visited = visited(&network, &test);
    let each = |total: u64| (total / u64::from(MEASURED)) as u32;
    let connections = network.connections();
    let per = |total: u64| (total / u64::from(MEASURED)) as f32 / connections as f32;
    info!(
        "{=str}: {=usize} hidden, {=usize} connections ({=u32} in use for a sample), {=usize} B: train {=u32}, infer \
         {=u32} (fetching {=u32} not counted), evolve {=u64} for {=usize} connections replaced; accuracy here {=f32}",
        name,
        layers[0].n_out,
        connections,
        visited,
        network.bytes(),
        each(training - fetching),
        each(inference - fetching),
        each(fetching),
        evolving,
        replaced?,
        metrics.accuracy(),
    );
    for budget in BUDGETS {
        let parts = in_parts(&mut network, &train, &sgd, budget)?;
        info!(
            "{=str}: in parts of {=usize}: {=u32} parts a step, the first {=u64} and each other at most {=u64} \
             instructions, together {=u32}",
            name,
            budget,
            each(parts.count),
            parts.first,
            parts.largest,
            each(parts.total),
        );
    }
    for budget in BUDGETS {
        let parts = evolution_in_parts(&mut network, &evolution, budget)?;
        info!(
            "{=str}: evolution in parts of {=usize}: {=u64} parts, each at most {=u64} instructions, together {=u64}",
            name, budget, parts.count, parts.largest, parts.total,
        );
    }
    info!(
        "{=str}: with no input zero {=f32} instructions a connection to infer, {=f32} to train",
        name,
        per(bright - bright_fetching),
        per(bright_step - bright_fetching),
    );
    Ok(())
}

/// What steps, or an evolution, in parts take.
#[derive(Default)]
struct Parts {
    /// Parts of all samples.
    count: u64,
    /// Instructions of the longest first part, which copies the features.
    first: u64,
    /// Instructions of the longest of the others.
    largest: u64,
    /// Instructions of all parts.
    total: u64,
}

#[inline(never)]
fn in_parts(network: &mut Network<'_>, samples: &Packed, sgd: &Sgd, budget: usize) -> Result<Parts, TrainError> {
    let mut parts = Parts::default();
    let (mut x, mut labels) = ([[0u8; 1]; PIXELS], [0; 1]);
    for step in 0..MEASURED {
        samples.fill(&[step], 1, &mut x, &mut labels);
        let id = StepId { seed: SEED, epoch: 1, step };
        let answer = Answer::Class(labels[0]);
        let (first, step) = instructions(|| network.train_one_in_parts(x.as_flattened(), answer, sgd, id));
        let mut step = step?;
        parts = Parts { first: parts.first.max(first), count: parts.count + 1, total: parts.total + first, ..parts };
        let mut done = false;
        while !done {
            let (part, metrics) = instructions(|| step.train_some(&Portable, budget));
            parts =
                Parts { largest: parts.largest.max(part), count: parts.count + 1, total: parts.total + part, ..parts };
            done = metrics.is_some();
        }
    }
    Ok(parts)
}

/// What an evolution in parts takes.
fn evolution_in_parts(network: &mut Network<'_>, evolution: &Evolution, budget: usize) -> Result<Parts, TrainError> {
    let (first, evolving) = instructions(|| network.evolve_in_parts(evolution, SEED, 10));
    let mut evolving = evolving?;
    let mut parts = Parts { first, count: 1, total: first, largest: first };
    loop {
        let (part, replaced) = instructions(|| evolving.evolve_some(budget));
        parts = Parts { largest: parts.largest.max(part), count: parts.count + 1, total: parts.total + part, ..parts };
        if replaced.is_some() {
            return Ok(parts);
        }
    }
}

/// Mean number of first-layer connections whose input is not zero.
fn visited(network: &Network<'_>, samples: &Packed) -> u32 {
    let Some(csr) = network.layers().next().and_then(|layer| layer.csr) else { return 0 };
    let mut total = 0;
    for index in 0..MEASURED {
        let (mut x, mut labels) = ([[0u8; 1]; PIXELS], [0; 1]);
        samples.fill(&[index], 0, &mut x, &mut labels);
        total += csr.rows().zip(&x).filter(|(_, x)| x[0] != 0).map(|((cols, _), _)| cols.len() as u32).sum::<u32>();
    }
    total / MEASURED
}

/// Images without a zero pixel.
struct Bright;

impl SampleSource for Bright {
    fn len(&self) -> usize {
        MEASURED as usize
    }
}

impl Samples<1, u8> for Bright {
    fn fill(&self, indices: &[u32], _epoch: u32, x: &mut [[u8; 1]], labels: &mut [u16; 1]) {
        let seed = indices.first().copied().unwrap_or_default();
        *labels = [(seed % 10) as u16];
        for (i, x) in (0u32..).zip(x) {
            *x = [(seed.wrapping_mul(31).wrapping_add(i * 7) | 1) as u8];
        }
    }
}
