//! The Sparse DNN Graph Challenge: forward through a deep network that a formula gives.
//!
//! Kepner et al. 2019 (arXiv 1909.05631): every layer has as many neurons, 32 inputs each, and all weights are 1/16. A
//! bias of -0.3 to -0.45, by width, is added, and the sum is cut to 0 to 32. The inputs are 60,000 images of MNIST, each
//! interpolated to as many pixels as there are neurons and thresholded.
//!
//! With `M` a sixteenth of the neurons, neuron `r` of layer `l` reads the inputs `c` for which `class(r) - c` modulo `M` is
//! 0 or `2^j`, where `j` is the place of the layer in its block of `log2 M` layers. The class of a neuron is its number
//! modulo `M`; from the second block on, that of the number which a permutation gives it. The published files hold other
//! permutations, which no formula gives, so the outputs differ from theirs while the work is the same.
//!
//! The layers are networks of the library, 8 layers at a time, and all arithmetic is their forward pass.

use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::Result;
use rewire_core::activation::{Activation, Parameters};
use rewire_core::network::{Description, LayerSpec};
use rewire_core::random::Permutation;
use rewire_core::samples::{SampleSource, Samples};
use serde::Serialize;

use rewire_engine::build::{footprint, network_in};
use rewire_engine::layer::LayerData;
use rewire_engine::memory::with_memory;
use rewire_engine::native::Native;

/// Inputs of a neuron.
const FAN_IN: usize = 32;
/// Every weight.
const WEIGHT: f32 = 1.0 / 16.0;
/// The largest activation.
const CUT: f32 = 32.0;
/// Layers of one network of the library.
const PART: usize = 8;
/// Samples in a tile.
const LANES: usize = 64;
/// Samples of the challenge.
pub const SAMPLES: usize = 60_000;
/// Side of an image of MNIST.
const SIDE: usize = 28;

/// A network of the challenge, such as `1024x120`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Neurons of each layer.
    pub neurons: usize,
    /// Layers.
    pub layers: usize,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = text
            .split_once('x')
            .and_then(|(neurons, layers)| Some(Self { neurons: neurons.parse().ok()?, layers: layers.parse().ok()? }));
        size.filter(|size| size.bias().is_some() && (1..=1920).contains(&size.layers)).ok_or_else(|| {
            "give NEURONSxLAYERS, with 1024, 4096, 16384 or 65536 neurons and 1 to 1920 layers, such as 1024x120".into()
        })
    }
}

impl Size {
    /// The bias that the challenge gives this width.
    fn bias(self) -> Option<f32> {
        [(1024, -0.3), (4096, -0.35), (16_384, -0.4), (65_536, -0.45)]
            .into_iter()
            .find_map(|(neurons, bias)| (neurons == self.neurons).then_some(bias))
    }

    /// Connections times samples.
    pub fn edges(self, samples: usize) -> f64 {
        (samples * self.layers * self.neurons * FAN_IN) as f64
    }

    /// The inputs of every neuron of a layer, ascending.
    fn columns(self, layer: usize) -> Vec<u32> {
        let classes = self.neurons / 16;
        let (block, place) = (layer / classes.ilog2() as usize, layer % classes.ilog2() as usize);
        let order = Permutation::new(1, block as u32, self.neurons as u32);
        let class = |row: usize| if block == 0 { row } else { order.at(row as u32) as usize } % classes;
        let mut columns = Vec::with_capacity(self.neurons * FAN_IN);
        for row in 0..self.neurons {
            let one = class(row);
            let other = (one + classes - (1 << place)) % classes;
            let pair = [one.min(other), one.max(other)];
            columns.extend((0..16).flat_map(|at| pair.map(|class| (at * classes + class) as u32)));
        }
        columns
    }
}

/// Networks, who ran 60,000 samples through them, and the seconds that it took.
pub const PUBLISHED: [(Size, &str, f64); 3] = [
    (Size { neurons: 1024, layers: 120 }, "one thread, MATLAB (Kepner et al. 2019, arXiv 1909.05631)", 626.0),
    (Size { neurons: 1024, layers: 120 }, "one RTX A6000, the slowest program in the paper on SNICIT", 0.498),
    (Size { neurons: 1024, layers: 120 }, "one RTX A6000, the fastest program in the paper on SNICIT", 0.0134),
];

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Challenge {
    /// Neurons of each layer.
    pub neurons: usize,
    /// Layers.
    pub layers: usize,
    /// Samples.
    pub samples: usize,
    /// Threads.
    pub threads: usize,
    /// Samples that leave an activation above zero, which the challenge calls categories.
    pub categories: usize,
    /// Seconds of the forward passes; the making of network and inputs is not counted.
    pub seconds: f64,
    /// Samples times connections, in a second.
    pub edges_per_second: f64,
}

/// Activations of tiles, one tile after the other: rows of `LANES` samples.
struct Tiles {
    rows: Vec<f32>,
    neurons: usize,
    samples: usize,
}

impl SampleSource for Tiles {
    fn len(&self) -> usize {
        self.samples
    }
}

impl<const WIDTH: usize> Samples<WIDTH> for Tiles {
    fn fill(&self, indices: &[u32], _epoch: u32, x: &mut [[f32; WIDTH]], labels: &mut [u16; WIDTH]) {
        *labels = [0; WIDTH];
        let tile = indices.first().map_or(0, |&first| first as usize / WIDTH);
        for (to, from) in x.as_flattened_mut().iter_mut().zip(self.rows.iter().skip(tile * self.neurons * WIDTH)) {
            *to = *from;
        }
    }
}

/// An image interpolated to as many pixels and thresholded at half of the largest value.
fn thresholded(image: &[u8], pixels: usize, mut each: impl FnMut(usize, f32)) {
    let side = pixels.isqrt();
    let at = |place: usize| {
        let place = ((place as f32 + 0.5) * SIDE as f32 / side as f32 - 0.5).clamp(0.0, (SIDE - 1) as f32);
        (place as usize, (place as usize + 1).min(SIDE - 1), place.fract())
    };
    let pixel = |y: usize, x: usize| image.get(y * SIDE + x).copied().map_or(0.0, f32::from);
    for row in 0..side {
        let (top, bottom, down) = at(row);
        for column in 0..side {
            let (left, right, over) = at(column);
            let mix = |y: usize| pixel(y, left) * (1.0 - over) + pixel(y, right) * over;
            let value = mix(top) * (1.0 - down) + mix(bottom) * down;
            each(row * side + column, if value >= 127.5 { 1.0 } else { 0.0 });
        }
    }
}

/// Runs `samples` of the images, taken in turn, through the network, and hands the activations of its last layer to `each`:
/// a tile's `[neurons][LANES]`, flattened, the number of its first sample, and how many samples it has.
///
/// # Errors
///
/// When there is no memory for the network.
pub fn run<'i>(
    size: Size,
    native: &Native,
    images: &(dyn Fn(usize) -> &'i [u8] + Sync),
    samples: usize,
    mut each: impl FnMut(&[f32], usize, usize) + Send,
) -> Result<Challenge> {
    use rewire_core::backend::Backend;
    let Size { neurons, layers } = size;
    let bias = vec![size.bias().unwrap_or_default(); neurons];
    let batch = native.threads() * LANES;
    // SReLU whose slopes are zero is the challenge's activation. The last layer of a part has none: it is cut when it is
    // copied.
    let spec = |activation| LayerSpec::sparse(neurons, neurons, neurons * FAN_IN, activation);
    let cut = vec![[0.0, 0.0, CUT, 0.0] as Parameters; neurons];
    let specs: Vec<LayerSpec> = (1..=layers)
        .map(|layer| if layer % PART == 0 || layer == layers { Activation::Identity } else { Activation::SRelu })
        .map(spec)
        .collect();
    let descriptions: Vec<_> = specs.chunks(PART).map(|part| Description::inference(part, batch)).collect();
    let footprints: Vec<_> =
        specs.chunks(PART).zip(&descriptions).map(|(part, of)| footprint(part, LANES, of)).collect();
    let align = footprints.iter().map(|footprint| footprint.align).max().unwrap_or(1);
    let lengths: Vec<usize> = footprints.iter().map(|footprint| footprint.bytes().next_multiple_of(align)).collect();
    with_memory(lengths.iter().sum(), align, |mut memory| -> Result<Challenge> {
        let mut networks = Vec::new();
        for (part, ((specs, description), &length)) in specs.chunks(PART).zip(&descriptions).zip(&lengths).enumerate() {
            let (block, rest) = memory.split_at_mut(length);
            memory = rest;
            let mut network = network_in(specs, LANES, description, block)?;
            let layers = specs.iter().enumerate().map(|(place, &spec)| LayerData {
                spec,
                indptr: (0..=neurons).map(|row| (row * FAN_IN) as u32).collect(),
                indices: size.columns(part * PART + place),
                weights: vec![WEIGHT; neurons * FAN_IN],
                bias: bias.clone(),
                velocity: Vec::new(),
                bias_velocity: Vec::new(),
                activation_parameters: if spec.activation.is_learned() { cut.clone() } else { Vec::new() },
                activation_velocity: Vec::new(),
                blocks: None,
            });
            network.import(&layers.collect::<Vec<_>>())?;
            networks.push(network);
        }
        let (mut time, mut categories) = (Duration::ZERO, 0);
        native.install(|| {
            let tiles = || Tiles { rows: vec![0.0; batch * neurons], neurons, samples: 0 };
            let (mut now, mut next) = (tiles(), tiles());
            for start in (0..samples).step_by(batch) {
                now.samples = batch.min(samples - start);
                now.rows.fill(0.0);
                for sample in 0..now.samples {
                    let rows = &mut now.rows[sample / LANES * neurons * LANES..];
                    thresholded(images(start + sample), neurons, |row, value| {
                        rows[row * LANES + sample % LANES] = value;
                    });
                }
                let started = Instant::now();
                for network in &mut networks {
                    let mut copies = next.rows.chunks_exact_mut(neurons * LANES);
                    network.forward(native, &now, 0, &mut |sums, _| {
                        for (to, from) in copies.next().into_iter().flatten().zip(sums) {
                            *to = from.clamp(0.0, CUT);
                        }
                    });
                    next.samples = now.samples;
                    std::mem::swap(&mut now, &mut next);
                }
                time += started.elapsed();
                for (tile, rows) in now.rows.chunks_exact(neurons * LANES).enumerate().take(now.samples.div_ceil(LANES))
                {
                    let used = (now.samples - tile * LANES).min(LANES);
                    let active = |lane: &usize| rows.iter().skip(*lane).step_by(LANES).any(|&y| y > 0.0);
                    categories += (0..used).filter(active).count();
                    each(rows, start + tile * LANES, used);
                }
            }
        });
        let seconds = time.as_secs_f64();
        let edges_per_second = size.edges(samples) / seconds;
        Ok(Challenge { neurons, layers, samples, threads: native.threads(), categories, seconds, edges_per_second })
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_challenge() {
        assert_eq!("1024x120".parse(), Ok(Size { neurons: 1024, layers: 120 }));
        for wrong in ["1024", "1000x120", "1024x0", "x", "1024x1921"] {
            assert!(wrong.parse::<Size>().unwrap_err().contains("1024x120"), "{wrong}");
        }
    }

    #[test]
    fn neurons_read_the_inputs_of_the_formula() {
        let size = Size { neurons: 1024, layers: 12 };
        for layer in 0..12 {
            let columns = size.columns(layer);
            for (row, columns) in columns.chunks_exact(FAN_IN).enumerate() {
                assert!(columns.windows(2).all(|pair| pair[0] < pair[1]));
                let residues: std::collections::BTreeSet<_> = columns.iter().map(|column| column % 64).collect();
                let [one, other] = residues.into_iter().collect::<Vec<_>>()[..] else { panic!("two classes") };
                assert!([one + 64 - other, other - one].contains(&(1 << (layer % 6))), "{layer} {row}");
                if layer < 6 {
                    assert!(columns.contains(&(row as u32)));
                }
            }
        }
    }

    #[test]
    fn activations_are_those_of_a_sum_for_each_neuron_of_each_sample() {
        let size = Size { neurons: 1024, layers: 19 };
        let image = |sample: usize| -> Vec<u8> {
            (0..SIDE * SIDE).map(|at| if at * (sample + 3) % 11 < 4 { 255 } else { 30 }).collect()
        };
        let images: Vec<_> = (0..2 * LANES + 5).map(image).collect();
        let expected = |sample: usize| {
            let mut y = vec![0.0f32; 1024];
            thresholded(&images[sample], 1024, |at, value| y[at] = value);
            for layer in 0..size.layers {
                let columns = size.columns(layer);
                let sum = |columns: &[u32]| columns.iter().fold(0.0, |sum, &c| sum + 0.0625 * y[c as usize]);
                y = columns.chunks_exact(FAN_IN).map(|columns| (sum(columns) - 0.3f32).clamp(0.0, 32.0)).collect();
            }
            y
        };
        let native = Native::new(1).unwrap();
        let (mut seen, mut active) = (0, 0);
        let found = run(size, &native, &|sample| &images[sample], images.len(), |rows, first, used| {
            for lane in 0..used {
                let y = expected(first + lane);
                assert!(rows.chunks(LANES).zip(&y).all(|(row, y)| row[lane] == *y), "sample {}", first + lane);
                active += usize::from(y.iter().any(|&y| y > 0.0));
            }
            seen += used;
        })
        .unwrap();
        assert_eq!((seen, found.categories, found.samples), (images.len(), active, images.len()));
        assert!(active > 0 && found.edges_per_second > 0.0);
    }
}
