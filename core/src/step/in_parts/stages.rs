//! The order of a step's stages, and how many of a stage's rows a budget allows.

use core::ops::Range;

use crate::network::model::Layer;
use crate::network::spec::Storage;
use crate::sparse::index::{Format, Index};
use crate::step::backward::spreads;

/// What a part of a step does. A layer is counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Spreads the inputs of an input-major layer.
    Spread(usize),
    /// Computes a layer's activations.
    Forward(usize),
    /// Compares the outputs with the answer.
    Loss,
    /// Spreads the deltas of an output-major layer without a transposed index.
    SpreadDeltas(usize),
    /// Takes the deltas through a layer and the activation of the layer below.
    Backward(usize),
    /// Multiplies a layer's deltas by the learning rate.
    Rate(usize),
    /// Updates a layer's biases.
    Biases(usize),
    /// Updates a layer's weights.
    Weights(usize),
    /// Updates the parameters of a layer's activation.
    Activation(usize),
    /// Multiplies a layer's weights by what periodic weight decay leaves.
    DecayWeights(usize),
    /// The same for its biases.
    DecayBiases(usize),
    Done,
}

/// Connections and neurons that rows visit.
enum Cost<'a, P> {
    /// Each row a neuron and so many connections.
    Each(usize),
    /// Each row a neuron, and the connections between two pointers.
    Rows(&'a [P]),
}

impl<P: Index> Cost<'_, P> {
    /// The end of as many of the rows `start..rows` as `budget` allows, but at least one, and what they cost.
    fn within(&self, budget: usize, start: usize, rows: usize) -> (usize, usize) {
        match self {
            Self::Each(connections) => {
                let each = connections.saturating_add(1);
                let count = budget.checked_div(each).unwrap_or(1).max(1).min(rows.saturating_sub(start));
                (start + count, count * each)
            }
            Self::Rows(pointers) => {
                // Neurons and connections before a row.
                let before = |row: usize| row + pointers.get(row).map_or(0, |pointer| pointer.to_usize());
                let first = before(start);
                let limit = first.saturating_add(budget);
                // By halving: to add up the rows would cost as much as to run them.
                let (mut end, mut beyond) = ((start + 1).min(rows), rows + 1);
                while beyond - end > 1 {
                    let middle = end + (beyond - end) / 2;
                    if before(middle) <= limit {
                        end = middle;
                    } else {
                        beyond = middle;
                    }
                }
                (end, before(end).saturating_sub(first))
            }
        }
    }
}

/// What the order of the stages depends on.
pub(super) struct Order<'l, 'a, F: Format> {
    pub(super) layers: &'l [Layer<'a, F>],
    /// Whether the network has velocities.
    pub(super) velocity: bool,
    /// Whether the step ends with periodic weight decay.
    pub(super) decays: bool,
}

impl<'a, F: Format> Order<'_, 'a, F> {
    /// The stage's next rows, as many as the budget allows but at least one; none if it is spent.
    pub(super) fn rows_within(&self, stage: Stage, start: usize, left: &mut usize) -> Option<Range<usize>> {
        if *left == 0 {
            return None;
        }
        let (end, spent) = self.cost(stage).within(*left, start, self.rows(stage));
        *left = left.saturating_sub(spent);
        Some(start..end)
    }

    fn layer(&self, layer: usize) -> Option<&Layer<'a, F>> {
        self.layers.get(layer)
    }

    /// Rows of the stage.
    pub(super) fn rows(&self, stage: Stage) -> usize {
        let spec = |layer| self.layer(layer).map(|layer| layer.spec);
        let rows = match stage {
            Stage::Spread(layer) | Stage::SpreadDeltas(layer) | Stage::Weights(layer) => {
                spec(layer).map(|spec| if spec.is_dense() { spec.n_out } else { spec.nrows() })
            }
            Stage::Backward(layer) => spec(layer).map(|spec| spec.n_in),
            Stage::Forward(layer) | Stage::Rate(layer) | Stage::Biases(layer) | Stage::DecayBiases(layer) => {
                spec(layer).map(|spec| spec.n_out)
            }
            Stage::DecayWeights(layer) => spec(layer).map(|spec| spec.connections),
            Stage::Loss | Stage::Activation(_) => Some(1),
            Stage::Done => None,
        };
        rows.unwrap_or_default()
    }

    /// What rows of the stage visit.
    fn cost(&self, stage: Stage) -> Cost<'_, F::Pointer> {
        let stored = |layer| match self.layer(layer) {
            Some(layer) if layer.spec.is_dense() => Cost::Each(layer.spec.n_in),
            Some(layer) => Cost::Rows(layer.indptr),
            None => Cost::Each(0),
        };
        let storage = |layer| self.layer(layer).map(|layer| (layer.spec.storage, layer.transposed.as_ref()));
        match stage {
            Stage::Spread(layer) | Stage::SpreadDeltas(layer) | Stage::Weights(layer) => stored(layer),
            Stage::Forward(layer) => match storage(layer) {
                Some((Storage::Dense | Storage::OutputMajor, _)) => stored(layer),
                _ => Cost::Each(0),
            },
            Stage::Backward(layer) => match storage(layer) {
                Some((Storage::Dense, _)) => Cost::Each(self.layer(layer).map_or(0, |layer| layer.spec.n_out)),
                Some((Storage::InputMajor, _)) => stored(layer),
                Some((Storage::OutputMajor, Some(transposed))) => Cost::Rows(transposed.indptr),
                _ => Cost::Each(0),
            },
            Stage::Loss => Cost::Each(self.layers.last().map_or(0, |layer| layer.spec.n_out)),
            Stage::Activation(layer) => Cost::Each(self.layer(layer).map_or(0, |layer| layer.spec.n_out)),
            Stage::Rate(_) | Stage::Biases(_) | Stage::DecayWeights(_) | Stage::DecayBiases(_) | Stage::Done => {
                Cost::Each(0)
            }
        }
    }

    /// How the forward pass of a layer begins, or what follows the last.
    pub(super) fn forward_of(&self, layer: usize) -> Stage {
        match self.layer(layer) {
            Some(found) if found.spec.storage == Storage::InputMajor => Stage::Spread(layer),
            Some(_) => Stage::Forward(layer),
            None => Stage::Loss,
        }
    }

    /// How the backward pass of a layer begins, or what follows the second: nothing is asked of the inputs.
    fn backward_of(&self, layer: usize) -> Stage {
        match self.layer(layer) {
            Some(found) if layer > 0 && spreads(found) => Stage::SpreadDeltas(layer),
            Some(_) if layer > 0 => Stage::Backward(layer),
            _ => self.update_of(0),
        }
    }

    /// How the update of a layer begins, or what follows the last.
    fn update_of(&self, layer: usize) -> Stage {
        if layer < self.layers.len() {
            // A single sample's deltas take the learning rate once, not at every connection.
            if self.velocity { Stage::Biases(layer) } else { Stage::Rate(layer) }
        } else if self.decays {
            Stage::DecayWeights(0)
        } else {
            Stage::Done
        }
    }

    /// What follows the stage.
    pub(super) fn next(&self, stage: Stage) -> Stage {
        match stage {
            Stage::Spread(layer) => Stage::Forward(layer),
            Stage::Forward(layer) => self.forward_of(layer + 1),
            Stage::Loss => self.backward_of(self.layers.len().saturating_sub(1)),
            Stage::SpreadDeltas(layer) => Stage::Backward(layer),
            Stage::Backward(layer) => self.backward_of(layer.saturating_sub(1)),
            Stage::Rate(layer) => Stage::Biases(layer),
            Stage::Biases(layer) => Stage::Weights(layer),
            Stage::Weights(layer) if F::LEARNED_ACTIVATIONS => Stage::Activation(layer),
            Stage::Weights(layer) | Stage::Activation(layer) => self.update_of(layer + 1),
            Stage::DecayWeights(layer) => Stage::DecayBiases(layer),
            Stage::DecayBiases(layer) if layer + 1 < self.layers.len() => Stage::DecayWeights(layer + 1),
            Stage::DecayBiases(_) | Stage::Done => Stage::Done,
        }
    }
}
