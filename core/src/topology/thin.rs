//! Removes connections for good: those of unimportant neurons, and those beyond a schedule of the density.
//!
//! A layer that was thinned gives up the room of what it lost, so evolution regrows no more than it prunes from then on.
//!
//! ```text
//! [ 1 .  2 ]  importance 3    at or below the 50th percentile of 3, 1 and 4:  [ . . . ]
//! [ . 1  . ]  importance 1    neurons 0 and 1 lose their connections          [ . . . ]
//! [ . 3 -1 ]  importance 4                                                    [ . 3 -1 ]
//! ```

use crate::backend::{Backend, Phase};
use crate::error::{SettingError, TrainError};
use crate::network::mlp::Mlp;
use crate::network::model::Layer;
use crate::schedule::Schedule;
use crate::sparse::csr::take_mut;
use crate::sparse::index::{Format, Index};
use crate::step::tiles::counters;
use crate::topology::prune::magnitude::prune_smallest;
use crate::topology::prune::neurons::{End, keep_neurons};
use crate::topology::prune::select::{select_for, share};
use crate::topology::scratch::{Scratch, each_layer};

/// How connections are removed for good before the evolutions that follow epochs.
///
/// Whoever loads a saved network, from a checkpoint in flash too, needs one that is built for as many connections as are left,
/// or gives up room first: see [`Mlp::give_up_room`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Thinning {
    importance: Option<Importance>,
    density: Option<Density>,
}

/// Importance pruning: see [`Thinning::with_importance`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Importance {
    /// The percentile as a fraction.
    share: f32,
    every: u32,
    from: u32,
}

/// A density schedule: see [`Thinning::with_density`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Density {
    schedule: Schedule,
    end: f32,
}

impl Thinning {
    /// What it is called where it is refused.
    pub(crate) const NAME: &'static str = "importance pruning or a density schedule";

    /// Importance pruning after the epoch `from` and each `every` epochs later.
    ///
    /// A neuron's importance is the sum of the magnitudes of its incoming weights. Those at or below the percentile of
    /// their layer lose all incoming connections. A layer whose neurons are all equally important keeps them.
    ///
    /// Source: Curci et al. 2021, section 3.3, arXiv 2102.01732.
    ///
    /// # Errors
    ///
    /// A percentile outside `[0, 100)`, or an interval of 0.
    pub fn with_importance(mut self, percentile: f32, every: u32, from: u32) -> Result<Self, SettingError> {
        if !(0.0..100.0).contains(&percentile) {
            let expected = "at least 0 and below 100";
            return Err(SettingError { name: "importance percentile", value: percentile, expected });
        }
        if every == 0 {
            return Err(SettingError { name: "importance interval", value: 0.0, expected: "at least 1 epoch" });
        }
        self.importance = Some(Importance { share: percentile / 100.0, every, from });
        Ok(self)
    }

    /// A density schedule: in the last epoch each layer that evolves has the fraction `end` of the connections that it was
    /// built for, rounded down, and at least one; in the epochs before it more, as the schedule decays.
    ///
    /// Those of smallest magnitude are removed, of each sign in proportion.
    ///
    /// # Errors
    ///
    /// A fraction that is not above 0 and at most 1, or a schedule's factor outside `[0, 1]`.
    pub fn with_density(mut self, schedule: Schedule, end: f32) -> Result<Self, SettingError> {
        schedule.validate()?;
        if !(end > 0.0 && end <= 1.0) {
            let expected = "above 0 and at most 1";
            return Err(SettingError { name: "fraction of connections at the end", value: end, expected });
        }
        self.density = Some(Density { schedule, end });
        Ok(self)
    }

    /// Whether neurons are pruned by importance after an epoch.
    pub fn prunes_neurons(&self, epoch: u32) -> bool {
        let due = |of: &Importance| epoch >= of.from && (epoch - of.from).is_multiple_of(of.every);
        self.importance.as_ref().is_some_and(due)
    }

    /// The fraction of the connections that a layer was built for which the schedule leaves it in an epoch, where `last` is
    /// the last epoch that an evolution follows.
    pub fn left(&self, epoch: u32, last: u32) -> f32 {
        let Some(Density { schedule, end }) = self.density else { return 1.0 };
        // After as many epochs the schedule is at its end.
        let decay = schedule.at(1.0, epoch.min(last.saturating_add(1)), last, 0);
        end + (1.0 - end) * decay
    }
}

impl<F: Format, const LANES: usize, const LAYERS: usize> Mlp<'_, F, LANES, LAYERS> {
    /// Removes connections for good, as is due after `epoch`, where `last` is the last epoch that an evolution follows;
    /// returns how many were removed. Every sparse layer but the last is thinned.
    ///
    /// # Errors
    ///
    /// A network built for inference, or layers in blocks.
    pub fn thin<B: Backend>(
        &mut self,
        backend: &B,
        thinning: &Thinning,
        epoch: u32,
        last: u32,
    ) -> Result<usize, TrainError> {
        if !self.training {
            return Err(TrainError::Inference);
        }
        self.check_no_blocks(Thinning::NAME)?;
        Ok(thin_layers(self, backend, thinning, epoch, last))
    }

    /// Gives up room for connections of a sparse layer, by index, that has no more than `connections`; false where it has
    /// more, has less room than that, is dense or in blocks, or does not exist.
    pub fn give_up_room(&mut self, index: usize, connections: usize) -> bool {
        self.layers.get_mut(index).is_some_and(|layer| {
            let (len, nnz) = (layer.weights.len(), layer.csr_mut().nnz());
            let gives = !layer.indptr.is_empty() && nnz <= connections && connections <= len;
            if gives {
                shrink(layer, connections);
            }
            gives
        })
    }
}

/// [`Mlp::thin`], of a network that the caller knows was built to train.
pub(crate) fn thin_layers<B: Backend, F: Format, const LANES: usize, const LAYERS: usize>(
    network: &mut Mlp<'_, F, LANES, LAYERS>,
    backend: &B,
    thinning: &Thinning,
    epoch: u32,
    last: u32,
) -> usize {
    let importance = thinning.importance.filter(|_| thinning.prunes_neurons(epoch));
    let left = thinning.density.map(|_| thinning.left(epoch + 1, last));
    if importance.is_none() && left.is_none() {
        return 0;
    }
    let Some((_, layers)) = network.layers.split_last_mut() else { return 0 };
    let work = |layer: &mut Layer<'_, F>, _: u32, scratch: &mut Scratch<'_>| {
        if layer.spec.is_dense() {
            return 0;
        }
        let before = layer.spec.connections;
        if let Some(Importance { share, .. }) = importance {
            prune_neurons(layer, share, scratch);
        }
        if let Some(left) = left {
            cut_to(layer, (self::share(layer.room.to_usize() as u32, left) as usize).max(1));
        }
        let nnz = layer.csr_mut().nnz();
        shrink(layer, nnz);
        layer.rebuild_transposed();
        before - layer.spec.connections
    };
    backend.timed(Phase::Evolve, || each_layer(backend, layers, &mut network.workspace, true, &work))
}

/// Gives up the room beyond so many connections.
fn shrink<F: Format>(layer: &mut Layer<'_, F>, connections: usize) {
    layer.spec.connections = connections;
    layer.weights = take_mut(&mut layer.weights, connections);
    layer.indices = take_mut(&mut layer.indices, connections);
    if !layer.velocity.is_empty() {
        layer.velocity = take_mut(&mut layer.velocity, connections);
    }
    if let Some(transposed) = &mut layer.transposed {
        transposed.positions = take_mut(&mut transposed.positions, connections);
        transposed.rows = take_mut(&mut transposed.rows, connections);
    }
}

/// Removes weights of smallest magnitude, of each sign in proportion, until so many connections are left.
fn cut_to<F: Format>(layer: &mut Layer<'_, F>, connections: usize) {
    let mut matrix = layer.csr_mut();
    let excess = matrix.nnz().saturating_sub(connections);
    if excess > 0 {
        prune_smallest(&mut matrix, |[positive, negative]| {
            let total = u64::from(positive) + u64::from(negative);
            // Rounded to nearest, so that neither sign loses more than it has.
            let of_negative = (excess as u64 * u64::from(negative) + total / 2) / total.max(1);
            [(excess as u64 - of_negative) as u32, of_negative as u32]
        });
    }
}

/// Removes the incoming connections of the neurons at or below a percentile of their importance.
fn prune_neurons<F: Format>(layer: &mut Layer<'_, F>, percentile: f32, scratch: &mut Scratch<'_>) {
    let (storage, n_out) = (layer.spec.storage, layer.spec.n_out);
    let sums: &mut [f32] = counters(scratch.outputs);
    let Some(sums) = sums.get_mut(..n_out) else { return };
    sums.fill(0.0);
    let rows = End::Outputs.is_rows(storage);
    for (row, (cols, values)) in layer.csr().rows().enumerate() {
        for (col, value) in cols.iter().zip(values) {
            if let Some(sum) = sums.get_mut(if rows { row } else { col.to_usize() }) {
                *sum += libm::fabsf(*value);
            }
        }
    }
    let sums: &[f32] = sums;
    // The neuron at the percentile, counted from 0, is between the first and the last.
    let at = share((n_out - 1) as u32, percentile);
    let threshold = lowest::<F>(sums, at + 1);
    if sums.iter().any(|sum| *sum > threshold) {
        keep_neurons(layer, End::Outputs, |neuron| sums.get(neuron).is_some_and(|sum| *sum > threshold));
    }
}

/// The value of this rank, counted from 1, of some that are not negative.
fn lowest<F: Format>(values: &[f32], rank: u32) -> f32 {
    let [cut, _] = select_for::<F, u32, _>(|| values.iter().copied(), |_| [rank, 0]);
    f32::from_bits(cut.threshold)
}
