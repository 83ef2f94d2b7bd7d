//! Evolution: some connections are pruned, by default the smallest weights, and as many are regrown elsewhere.

use crate::backend::Backend;
use crate::error::{SettingError, TrainError};
use crate::network::mlp::Mlp;
use crate::network::model::Layer;
use crate::network::spec::{LayerSpec, Storage};
use crate::random::{Generator, Purpose};
use crate::samples::source::Samples;
use crate::sparse::blocks::LayerBlocks;
use crate::sparse::budget::{Pace, Unlimited};
use crate::sparse::csr::CsrRef;
use crate::sparse::index::Format;
use crate::step::id::StepId;
use crate::step::sgd::Sgd;
use crate::step::tiles::counters;
use crate::topology::grow::best::{CellScores, grow_best, looked_at};
use crate::topology::grow::cells::Cells;
use crate::topology::grow::gradient::{ByGradient, Gradients};
use crate::topology::grow::hebbian;
use crate::topology::grow::place::GrowthState;
use crate::topology::grow::rule::Growth;
use crate::topology::init::{FanIn, he_limit};
use crate::topology::prune::percolate::percolate;
use crate::topology::prune::rule::Pruning;
use crate::topology::scratch::{Scratch, each_layer};

/// The initial value of regrown weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum GrownWeight {
    /// Zero: regrowth does not change the function that the network computes.
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
    pruning: Pruning,
    percolation: bool,
}

impl Evolution {
    /// Replaces the fraction `zeta` of the connections of each sparse layer, except the output layer.
    ///
    /// # Errors
    ///
    /// When `zeta` is outside `[0, 1)`.
    pub const fn new(zeta: f32, grown: GrownWeight, fan_in: FanIn) -> Result<Self, SettingError> {
        match SettingError::share("zeta", zeta) {
            Ok(zeta) => {
                let (growth, pruning) = (Growth::Random, Pruning::Magnitude);
                Ok(Self { zeta, grown, fan_in, growth, pruning, percolation: false })
            }
            Err(error) => Err(error),
        }
    }

    /// The fraction of connections replaced.
    pub const fn zeta(&self) -> f32 {
        self.zeta
    }

    /// How new connections are placed.
    pub(crate) const fn growth(&self) -> Growth {
        self.growth
    }

    /// The same with new connections placed another way.
    #[must_use]
    pub const fn with_growth(mut self, growth: Growth) -> Self {
        self.growth = growth;
        self
    }

    /// The same with connections pruned another way.
    ///
    /// # Errors
    ///
    /// A temperature that is not above 0 and at most 1.
    pub const fn with_pruning(mut self, pruning: Pruning) -> Result<Self, SettingError> {
        self.pruning = pruning;
        match pruning.validate() {
            Ok(()) => Ok(self),
            Err(error) => Err(error),
        }
    }

    /// The same with percolation, or without: connections of hidden neurons that pruning leaves without incoming or without
    /// outgoing connections are pruned too, and as many more are regrown.
    #[must_use]
    pub const fn with_percolation(mut self, percolation: bool) -> Self {
        self.percolation = percolation;
        self
    }

    /// Which connections are pruned.
    pub const fn pruning(&self) -> Pruning {
        self.pruning
    }

    /// Whether the settings have something that formats without [`Format::OPTIONS`] lack.
    pub(crate) const fn has_options(&self) -> bool {
        let best = matches!(self.growth, Growth::Gradient | Growth::Hebbian);
        best || self.percolation || !matches!(self.pruning, Pruning::Magnitude)
    }

    /// Whether connections of dead neurons are pruned.
    pub const fn percolates(&self) -> bool {
        self.percolation
    }
}

impl<F: Format, const LANES: usize, const LAYERS: usize> Mlp<'_, F, LANES, LAYERS> {
    /// One evolution, as at the end of an epoch: prunes and regrows every sparse layer but the last, in place.
    ///
    /// `pruned` sees the structure of each layer that is not stored in blocks, by index, after pruning and before regrowth: its surviving
    /// connections. Returns how many connections were replaced. Scratch comes from the tiles, whose contents nobody
    /// reads between steps.
    ///
    /// # Errors
    ///
    /// A network built for inference, or of a format that has no other pruning rule than magnitude; layers in blocks, which grow at random and
    /// prune by magnitude only.
    pub fn evolve<B: Backend>(
        &mut self,
        backend: &B,
        evolution: &Evolution,
        seed: u64,
        epoch: u32,
        pruned: impl FnMut(usize, CsrRef<'_, F>),
    ) -> Result<usize, TrainError> {
        self.check_evolution(evolution, false)?;
        let id = StepId { seed, epoch, step: 0 };
        Ok(evolve_layers(self, backend, evolution, evolution.zeta, id, |_| 0, pruned))
    }

    /// As [`Mlp::evolve`], for growth by gradient too: the gradients are those of the first minibatch of these samples, in the
    /// order of the epoch, and dropout is left out.
    ///
    /// # Errors
    ///
    /// As [`Mlp::evolve`] and [`Mlp::step`].
    pub fn evolve_on<B: Backend, S: Samples<LANES, F::Input>>(
        &mut self,
        backend: &B,
        evolution: &Evolution,
        (seed, epoch): (u64, u32),
        (samples, sgd): (&S, &Sgd),
        pruned: impl FnMut(usize, CsrRef<'_, F>),
    ) -> Result<usize, TrainError> {
        self.check_evolution(evolution, true)?;
        self.check_training(sgd)?;
        self.check_samples(samples)?;
        let id = StepId { seed, epoch, step: 0 };
        let gradients = |network: &mut Self| network.take_gradients(backend, samples, sgd, id);
        Ok(evolve_layers(self, backend, evolution, evolution.zeta, id, gradients, pruned))
    }

    /// Checks that the network can evolve so, with samples to take gradients of or without.
    #[inline(always)]
    pub(crate) fn check_evolution(&self, evolution: &Evolution, has_samples: bool) -> Result<(), TrainError> {
        if !self.training {
            return Err(TrainError::Inference);
        }
        self.check_growth(evolution)?;
        if matches!(evolution.growth, Growth::Gradient) && !has_samples {
            return Err(TrainError::Samples);
        }
        if !F::OPTIONS && evolution.has_options() {
            let option = "another pruning rule than magnitude, percolation, and growth by gradient or by structure,";
            return Err(TrainError::Option { option, format: F::NAME });
        }
        if F::OPTIONS && matches!(evolution.growth, Growth::Hebbian) {
            let evolving = self.layers.split_last().map_or(&[][..], |(_, evolving)| evolving);
            let mut layers = evolving.iter().enumerate().filter(|(_, layer)| !layer.spec.is_dense());
            let lacks = |layer: &Layer<'_, F>, index| {
                !hebbian::fits::<F>(&layer.spec, Scratch::room_of(&self.workspace, index))
            };
            if let Some((layer, _)) = layers.find(|&(index, layer)| lacks(layer, index)) {
                return Err(TrainError::Scratch { layer });
            }
        }
        Ok(())
    }
}

/// Replaces the fraction `zeta` of the connections of every sparse layer but the last; returns how many. The caller has
/// checked that the network was built to train.
///
/// Randomness is drawn for `id`: the step that follows, or step 0 at the end of an epoch. `gradients`, which growth by
/// gradient alone calls, fills the tiles and returns how many.
pub(crate) fn evolve_layers<'a, B: Backend, F: Format, const LANES: usize, const LAYERS: usize>(
    network: &mut Mlp<'a, F, LANES, LAYERS>,
    backend: &B,
    evolution: &Evolution,
    zeta: f32,
    id: StepId,
    gradients: impl FnOnce(&mut Mlp<'a, F, LANES, LAYERS>) -> usize,
    mut pruned: impl FnMut(usize, CsrRef<'_, F>),
) -> usize {
    prune(network, backend, evolution, zeta, id);
    if F::OPTIONS && evolution.percolation {
        percolate(network);
    }
    let by_gradient = F::OPTIONS && matches!(evolution.growth, Growth::Gradient);
    let tiles = if by_gradient {
        // The backward pass reads the transposed structure.
        rebuild_transposed(backend, &mut network.layers);
        gradients(network)
    } else {
        0
    };
    let Some((_, layers)) = network.layers.split_last_mut() else { return 0 };
    for (index, layer) in layers.iter_mut().enumerate().filter(|(_, layer)| !layer.indptr.is_empty()) {
        pruned(index, layer.csr_mut().as_ref());
    }
    let replaced = each_layer(
        backend,
        layers,
        &mut network.workspace,
        true,
        &|layer: &mut Layer<'_, F>, index, scratch: &mut Scratch<'_>| {
            if layer.spec.is_dense() {
                return 0;
            }
            if F::BLOCKS && layer.spec.is_blocked() {
                return evolve_blocks(layer, evolution, zeta, id, index);
            }
            let grown = match evolution.growth {
                Growth::Gradient if F::OPTIONS => {
                    regrow_by_gradient::<_, _, LANES>(backend, layer, evolution, tiles, (id, index), scratch)
                }
                Growth::Hebbian if F::OPTIONS => regrow_by_structure(layer, evolution, (id, index), scratch),
                _ => 0,
            };
            let mut growth = regrowth(layer, id, index);
            regrow(layer, evolution, &mut growth, index, scratch, &mut Unlimited);
            grown + growth.additions
        },
    );
    rebuild_transposed(backend, layers);
    replaced
}

/// Rebuilds the transposed structure of every layer that keeps one. Not as part of the growth: the thread that grew the
/// first layer, which keeps none, would have nothing to do.
fn rebuild_transposed<B: Backend, F: Format>(backend: &B, layers: &mut [Layer<'_, F>]) {
    let half = layers.len() / 2;
    match layers.split_at_mut_checked(half) {
        Some((top, rest)) if half > 0 && backend.threads() > 1 => {
            backend.join(|| rebuild_transposed(backend, top), || rebuild_transposed(backend, rest));
        }
        _ => layers.iter_mut().for_each(Layer::rebuild_transposed),
    }
}

/// Prunes every sparse layer but the last.
fn prune<B: Backend, F: Format, const LANES: usize, const LAYERS: usize>(
    network: &mut Mlp<'_, F, LANES, LAYERS>,
    backend: &B,
    evolution: &Evolution,
    zeta: f32,
    id: StepId,
) {
    let Some((_, layers)) = network.layers.split_last_mut() else { return };
    let work = |layer: &mut Layer<'_, F>, index, scratch: &mut Scratch<'_>| {
        if layer.spec.is_dense() { 0 } else { evolution.pruning.prune(layer, zeta, id, index, scratch) }
    };
    each_layer(backend, layers, &mut network.workspace, true, &work);
}

/// What fills a layer up to its connections again, after it was pruned.
pub(crate) fn regrowth<F: Format>(layer: &mut Layer<'_, F>, id: StepId, index: u32) -> GrowthState {
    let matrix = layer.csr_mut();
    let removed = matrix.capacity().saturating_sub(matrix.nnz());
    GrowthState::new(removed, Generator::new(id.seed, Purpose::Growth, id.epoch, id.step, index))
}

/// Prunes and regrows a layer in blocks; returns how many connections were replaced.
fn evolve_blocks<F: Format>(
    layer: &mut Layer<'_, F>,
    evolution: &Evolution,
    zeta: f32,
    id: StepId,
    index: u32,
) -> usize {
    let weight = initial_value(evolution, &layer.spec);
    layer.blocks.get_mut().map_or(0, |blocks| blocks.evolve(zeta, id, index, weight))
}

/// Goes on with that as far as the budget reaches; returns whether all is done.
// Inlined, so that rules which the settings leave out are not linked; those that are have functions of their own, whose
// variables are not on the stack below pruning.
#[inline(always)]
pub(crate) fn regrow<F: Format>(
    layer: &mut Layer<'_, F>,
    evolution: &Evolution,
    growth: &mut GrowthState,
    index: u32,
    scratch: &mut Scratch<'_>,
    budget: &mut impl Pace,
) -> bool {
    let room = scratch.room(layer.spec.storage);
    let weight = initial_value(evolution, &layer.spec);
    evolution.growth.grow(layer, index, growth, room, weight, budget)
}

/// What gives regrown connections of a layer their value.
#[inline(always)]
fn initial_value(evolution: &Evolution, spec: &LayerSpec) -> impl FnMut(&mut Generator) -> f32 + use<> {
    let grown = evolution.grown;
    let limit = he_limit(match evolution.fan_in {
        FanIn::Connections => spec.connections.checked_div(spec.n_out).unwrap_or(1),
        FanIn::Dense => spec.n_in,
    });
    move |generator| match grown {
        GrownWeight::Zero => 0.0,
        GrownWeight::Uniform => generator.symmetric(limit),
    }
}

/// Regrows what a layer, by index, lacks where gradients are largest; returns how many connections that are. The scratch holds
/// the activations and deltas of so many tiles.
#[inline(never)]
fn regrow_by_gradient<B: Backend, F: Format, const LANES: usize>(
    backend: &B,
    layer: &mut Layer<'_, F>,
    evolution: &Evolution,
    tiles: usize,
    place: (StepId, u32),
    scratch: &mut Scratch<'_>,
) -> usize {
    let spec = layer.spec;
    let inputs: &[[f32; LANES]] = counters::<f32>(scratch.inputs).as_chunks().0;
    let outputs: &[[f32; LANES]] = counters::<f32>(scratch.outputs).as_chunks().0;
    let (rows, cols) = if spec.storage == Storage::InputMajor { (inputs, outputs) } else { (outputs, inputs) };
    let gradients = Gradients { tiles, rows, nrows: spec.nrows(), cols, ncols: spec.ncols() };
    regrow_best(layer, evolution, &looked_at(&spec, place.0, place.1), &ByGradient { backend, gradients }, place)
}

/// Regrows what a layer, by index, lacks where its structure suggests it most; returns how many connections that are.
#[inline(never)]
fn regrow_by_structure<F: Format>(
    layer: &mut Layer<'_, F>,
    evolution: &Evolution,
    place: (StepId, u32),
    scratch: &mut Scratch<'_>,
) -> usize {
    let (spec, cells) = (layer.spec, looked_at(&layer.spec, place.0, place.1));
    let Some(scores) = hebbian::score(layer.csr_mut().as_ref(), &spec, &cells, scratch) else { return 0 };
    regrow_best(layer, evolution, &cells, &scores, place)
}

fn regrow_best<F: Format>(
    layer: &mut Layer<'_, F>,
    evolution: &Evolution,
    cells: &Cells,
    rule: &impl CellScores,
    place: (StepId, u32),
) -> usize {
    let weight = initial_value(evolution, &layer.spec);
    let mut matrix = layer.csr_mut();
    let wanted = matrix.capacity().saturating_sub(matrix.nnz());
    grow_best(&mut matrix, cells, rule, wanted, place, weight)
}
