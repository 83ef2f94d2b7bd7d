//! The start of a network's life and its evolution, for all layers.

use heapless::Vec;

use crate::activation::kind::Activation;
use crate::backend::Backend;
use crate::error::{SettingError, TrainError};
use crate::network::mlp::Mlp;
use crate::network::model::Layer;
use crate::network::spec::Storage;
use crate::random::{Generator, Purpose};
use crate::samples::element::Element;
use crate::sparse::csr::{CsrRef, row_lengths, take_mut};
use crate::sparse::index::{Format, Index};
use crate::step::id::StepId;
use crate::step::tiles::{LayerTiles, Workspace, bytes, counters};
use crate::topology::grow::{Growing, grow, grow_random};
use crate::topology::locality::{Grid, Growth, Locality, Placement, normal_pair};
use crate::topology::prune::prune_magnitude;
use crate::{activation::batch_norm, activation::srelu};

/// Which fan-in scales a weight's first value, uniform in ±sqrt(6 / fan-in) (He et al. 2015, arXiv 1502.01852).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FanIn {
    /// The connections that a neuron really has. For connections that evolution grows: the layer's mean.
    #[default]
    Connections,
    /// The layer's input width, as if it were dense: the SET reference.
    Dense,
}

/// The first value of a connection that evolution grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum GrownWeight {
    /// Zero: the network computes the same function after evolution's growth as before it.
    Zero,
    /// Uniform, scaled by the fan-in: the SET reference.
    #[default]
    Uniform,
}

/// Validated settings of evolution.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Evolution {
    zeta: f32,
    grown: GrownWeight,
    fan_in: FanIn,
    growth: Growth,
}

impl Evolution {
    /// Replaces the share `zeta` of each sparse layer's connections, the output layer excluded.
    ///
    /// # Errors
    ///
    /// When `zeta` is outside `[0, 1)`.
    pub const fn new(zeta: f32, grown: GrownWeight, fan_in: FanIn) -> Result<Self, SettingError> {
        match SettingError::share("zeta", zeta) {
            Ok(zeta) => Ok(Self { zeta, grown, fan_in, growth: Growth::Random }),
            Err(error) => Err(error),
        }
    }

    /// The share of connections replaced.
    pub const fn zeta(&self) -> f32 {
        self.zeta
    }

    /// The same with new connections placed another way.
    #[must_use]
    pub const fn with_growth(mut self, growth: Growth) -> Self {
        self.growth = growth;
        self
    }
}

/// He's bound for a fan-in.
fn he_limit(fan_in: usize) -> f32 {
    libm::sqrtf(6.0 / fan_in.max(1) as f32)
}

impl<F: Format, const LANES: usize, const LAYERS: usize> Mlp<'_, F, LANES, LAYERS> {
    /// Draws positions of every sparse layer (Erdős–Rényi: exactly its connections, uniform, no cell twice) and every
    /// weight; sets biases and velocities to zero.
    ///
    /// Scratch comes from the tiles, whose contents nobody reads between steps.
    pub fn initialise<B: Backend>(&mut self, backend: &B, seed: u64, fan_in: FanIn) {
        self.initialise_placed(backend, seed, fan_in, Placement::Random);
    }

    /// As [`Mlp::initialise`], with connections placed another way.
    pub fn initialise_placed<B: Backend>(&mut self, backend: &B, seed: u64, fan_in: FanIn, placement: Placement) {
        let work = |layer: &mut Layer<'_, F>, index, scratch: &mut Scratch<'_>| {
            initialise_layer(layer, seed, index, fan_in, placement, scratch);
            layer.spec.connections
        };
        each_layer(backend, &mut self.layers, &mut self.workspace, self.training, &work);
    }

    /// One evolution, as at the end of an epoch: prunes and regrows every sparse layer but the last, in place.
    ///
    /// `pruned` sees the structure of each layer, by index, after pruning and before regrowth: its surviving
    /// connections. Returns how many connections were replaced. Scratch comes from the tiles, whose contents nobody
    /// reads between steps.
    ///
    /// # Errors
    ///
    /// A network built for inference.
    pub fn evolve<B: Backend>(
        &mut self,
        backend: &B,
        evolution: &Evolution,
        seed: u64,
        epoch: u32,
        pruned: impl FnMut(usize, CsrRef<'_, F>),
    ) -> Result<usize, TrainError> {
        if !self.training {
            return Err(TrainError::Inference);
        }
        let id = StepId { seed, epoch, step: 0 };
        Ok(evolve_layers(self, backend, evolution, evolution.zeta, id, pruned))
    }
}

/// Replaces the share `zeta` of the connections of every sparse layer but the last; returns how many. The network's
/// training is the caller's to check.
///
/// Randomness is drawn for `id`: the step that follows, or step 0 at the end of an epoch.
pub(crate) fn evolve_layers<B: Backend, F: Format, const LANES: usize, const LAYERS: usize>(
    network: &mut Mlp<'_, F, LANES, LAYERS>,
    backend: &B,
    evolution: &Evolution,
    zeta: f32,
    id: StepId,
    mut pruned: impl FnMut(usize, CsrRef<'_, F>),
) -> usize {
    let Some((_, layers)) = network.layers.split_last_mut() else { return 0 };
    let workspace = &mut network.workspace;
    each_layer(backend, layers, workspace, true, &|layer: &mut Layer<'_, F>, _, _: &mut Scratch<'_>| {
        if layer.spec.is_dense() { 0 } else { prune_magnitude(&mut layer.csr_mut(), zeta) }
    });
    for (index, layer) in layers.iter_mut().enumerate().filter(|(_, layer)| !layer.spec.is_dense()) {
        pruned(index, layer.csr_mut().as_ref());
    }
    each_layer(backend, layers, workspace, true, &|layer: &mut Layer<'_, F>, index, scratch: &mut Scratch<'_>| {
        if layer.spec.is_dense() {
            return 0;
        }
        regrow(
            layer,
            evolution,
            &mut Generator::new(id.seed, Purpose::Growth, id.epoch, id.step, index),
            index,
            scratch,
        )
    })
}

/// Fills a layer up to its connections again; returns how many it grew.
fn regrow<F: Format>(
    layer: &mut Layer<'_, F>,
    evolution: &Evolution,
    generator: &mut Generator,
    index: u32,
    scratch: &mut Scratch<'_>,
) -> usize {
    let limit = he_limit(match evolution.fan_in {
        FanIn::Connections => layer.spec.connections.checked_div(layer.spec.n_out).unwrap_or(1),
        FanIn::Dense => layer.spec.n_in,
    });
    let matrix = layer.csr_mut();
    let removed = matrix.capacity().saturating_sub(matrix.nnz());
    let counters = scratch.rows::<F::Counter>(layer.spec.storage);
    let weight = |generator: &mut Generator, _| match evolution.grown {
        GrownWeight::Zero => 0.0,
        GrownWeight::Uniform => generator.symmetric(limit),
    };
    let added = match evolution.growth {
        Growth::Random => grow_random(&mut layer.csr_mut(), removed, counters, generator, weight),
        Growth::Local(locality) => grow_local(layer, removed, counters, generator, weight, locality, index),
        Growth::Near { image, reach } => {
            let reach = reach.max(1);
            let inputs = Grid::new(image, layer.spec.n_in);
            let storage = layer.spec.storage;
            let aim =
                |generator: &mut Generator, growing: Growing<'_, F>| near(generator, growing, inputs, reach, storage);
            grow(&mut layer.csr_mut(), removed, counters, generator, weight, Some(aim))
        }
    };
    if removed > 0 {
        layer.rebuild_transposed();
    }
    added
}

/// A column of a connection whose input lies near that of a connection of the same neuron.
fn near<F: Format>(
    generator: &mut Generator,
    growing: Growing<'_, F>,
    inputs: Grid,
    reach: u32,
    storage: Storage,
) -> Option<usize> {
    let pick = |generator: &mut Generator, cols: &[F::Index]| {
        cols.get(generator.below(cols.len() as u32) as usize).map(|col| col.to_usize())
    };
    if storage == Storage::InputMajor {
        // The row is the input: a neuron that an input near it reaches.
        let donor = inputs.near(growing.row, reach, generator)?;
        if donor == growing.row { None } else { pick(generator, growing.other(donor)) }
    } else {
        let col = pick(generator, growing.filled())?;
        inputs.near(col, reach, generator)
    }
}

/// Grows connections around where the neurons lie.
fn grow_local<F: Format>(
    layer: &mut Layer<'_, F>,
    additions: usize,
    counters: &mut [F::Counter],
    generator: &mut Generator,
    weight: impl FnMut(&mut Generator, usize) -> f32,
    locality: Locality,
    index: u32,
) -> usize {
    let spec = layer.spec;
    let (inputs, outputs) = (Grid::new(locality.image(), spec.n_in), Grid::new(locality.image(), spec.n_out));
    let (rows, cols) = if spec.storage == Storage::InputMajor { (inputs, outputs) } else { (outputs, inputs) };
    let sigma = locality.sigma(index);
    let aim = |generator: &mut Generator, growing: Growing<'_, F>| {
        let (y, x) = rows.centre(growing.row);
        let (dy, dx) = normal_pair(sigma, generator);
        cols.at((y + dy, x + dx), generator)
    };
    grow(&mut layer.csr_mut(), additions, counters, generator, weight, Some(aim))
}

/// Tiles that a layer may count in while no pass runs: no other layer uses the same.
struct Scratch<'a> {
    /// At least one byte an input of the first layer, four an input of the others.
    inputs: &'a mut [u8],
    /// At least four bytes an output neuron.
    outputs: &'a mut [u8],
}

impl Scratch<'_> {
    /// Counters for the rows of the stored matrix.
    fn rows<P: Index>(&mut self, storage: Storage) -> &mut [P] {
        match storage {
            Storage::InputMajor => counters(self.inputs),
            Storage::Dense | Storage::OutputMajor => counters(self.outputs),
        }
    }
}

/// Calls `work` for each layer with its index and scratch, perhaps on several threads; returns the sum.
///
/// A layer's scratch is the activations below it and its own deltas. Without deltas, in inference, it is its own
/// activations, which the layer above would take for its inputs: one layer then follows the other.
fn each_layer<B: Backend, F: Format, X: Element, const LANES: usize, const LAYERS: usize>(
    backend: &B,
    layers: &mut [Layer<'_, F>],
    workspace: &mut Workspace<'_, X, LANES, LAYERS>,
    has_deltas: bool,
    work: &(impl Fn(&mut Layer<'_, F>, u32, &mut Scratch<'_>) -> usize + Sync),
) -> usize {
    if has_deltas && backend.threads() > 1 {
        let mut scratch = Vec::<_, LAYERS>::new();
        let mut inputs = bytes(workspace.input);
        for LayerTiles { y, delta, .. } in &mut workspace.layers {
            // The same capacity as the vector it comes from.
            let _ = scratch.push(Scratch { inputs, outputs: bytes(delta) });
            inputs = bytes(y);
        }
        return halves(backend, layers, &mut scratch, 0, work);
    }
    let mut inputs = bytes(workspace.input);
    let each = (0..).zip(layers.iter_mut().zip(&mut workspace.layers));
    each.map(|(index, (layer, LayerTiles { y, delta, .. }))| {
        let y = bytes(y);
        let outputs = if has_deltas { bytes(delta) } else { &mut *y };
        let done = work(layer, index, &mut Scratch { inputs: core::mem::take(&mut inputs), outputs });
        inputs = y;
        done
    })
    .sum()
}

/// Halves the layers until one is left.
fn halves<B: Backend, F: Format>(
    backend: &B,
    layers: &mut [Layer<'_, F>],
    scratch: &mut [Scratch<'_>],
    first: u32,
    work: &(impl Fn(&mut Layer<'_, F>, u32, &mut Scratch<'_>) -> usize + Sync),
) -> usize {
    let half = layers.len() / 2;
    if half > 0
        && let Some((top, rest)) = layers.split_at_mut_checked(half)
        && let Some((top_scratch, rest_scratch)) = scratch.split_at_mut_checked(half)
    {
        let (a, b) = backend.join(
            || halves(backend, top, top_scratch, first, work),
            || halves(backend, rest, rest_scratch, first + half as u32, work),
        );
        return a + b;
    }
    layers.first_mut().zip(scratch.first_mut()).map_or(0, |(layer, scratch)| work(layer, first, scratch))
}

fn initialise_layer<F: Format>(
    layer: &mut Layer<'_, F>,
    seed: u64,
    index: u32,
    fan_in: FanIn,
    placement: Placement,
    scratch: &mut Scratch<'_>,
) {
    let spec = layer.spec;
    layer.bias.fill(0.0);
    layer.velocity.fill(0.0);
    layer.bias_velocity.fill(0.0);
    layer.activation_velocity.fill([0.0; 4]);
    if F::LEARNED_ACTIVATIONS {
        let mut generator = Generator::new(seed, Purpose::Activation, 0, 0, index);
        layer.activation_parameters.fill_with(|| match spec.activation {
            Activation::BatchNormRelu => batch_norm::INITIAL,
            _ => srelu::initial(&mut generator),
        });
    }
    layer.indptr.fill(F::Pointer::default());
    let mut positions = Generator::new(seed, Purpose::Topology, 0, 0, index);
    if !spec.is_dense() {
        let counters = scratch.rows::<F::Counter>(spec.storage);
        match placement {
            Placement::Random => {
                grow_random(&mut layer.csr_mut(), spec.connections, counters, &mut positions, |_, _| 0.0);
            }
            Placement::Local(locality) => {
                grow_local(layer, spec.connections, counters, &mut positions, |_, _| 0.0, locality, index);
            }
        }
    }
    let mut weights = Generator::new(seed, Purpose::Weights, 0, 0, index);
    let by_width = matches!(fan_in, FanIn::Dense) || spec.is_dense();
    let width_limit = he_limit(spec.n_in);
    match spec.storage {
        _ if by_width => {
            for weight in layer.weights.iter_mut() {
                *weight = weights.symmetric(width_limit);
            }
        }
        Storage::Dense | Storage::OutputMajor => {
            let mut values = &mut *layer.weights;
            for len in row_lengths(layer.indptr) {
                let limit = he_limit(len);
                for weight in take_mut(&mut values, len) {
                    *weight = weights.symmetric(limit);
                }
            }
        }
        Storage::InputMajor => {
            let fan_ins: &mut [F::Pointer] = counters(scratch.outputs);
            fan_ins.fill(F::Pointer::default());
            for col in layer.indices.iter() {
                if let Some(count) = fan_ins.get_mut(col.to_usize()) {
                    *count = F::Pointer::wrapping_from(count.to_usize() + 1);
                }
            }
            for (weight, col) in layer.weights.iter_mut().zip(layer.indices.iter()) {
                let fan_in = fan_ins.get(col.to_usize()).map_or(1, |count| count.to_usize());
                *weight = weights.symmetric(he_limit(fan_in));
            }
        }
    }
    layer.rebuild_transposed();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::storage::image::hash;

    #[test]
    fn a_network_for_inference_starts_as_one_that_trains() {
        const LAYERS: [LayerSpec; 3] = [
            LayerSpec::sparse(9, 7, 21, Activation::Relu).input_major(),
            LayerSpec::sparse(7, 6, 20, Activation::Relu),
            LayerSpec::dense(6, 3, Activation::Identity),
        ];
        let (mut a, mut b) = (Block::<2048>::new(), Block::<2048>::new());
        let mut training = Mlp::<Narrow, 1, 3>::new(&Description::training(&LAYERS, 1), &mut a.0).unwrap();
        let mut inference = Mlp::<Narrow, 1, 3>::new(&Description::inference(&LAYERS, 1), &mut b.0).unwrap();
        for seed in 0..20 {
            training.initialise(&Portable, seed, FanIn::Connections);
            inference.initialise(&Portable, seed, FanIn::Connections);
            for layer in inference.layers() {
                assert!(layer.csr.is_none_or(|csr| csr.indptr().last() == Some(&(layer.spec.connections as u16))));
            }
            assert_eq!(hash(&inference), hash(&training));
        }
    }
}
