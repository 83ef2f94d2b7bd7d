//! What a layer is: widths, connections, storage and activation.

use crate::activation::kind::Activation;
use crate::error::SpecDifference;

/// Layers that an [`Mlp`](crate::network::mlp::Mlp) holds unless its last parameter says otherwise.
pub const MAX_LAYERS: usize = 8;

/// How a layer's weights are stored. `W` is always `[n_out, n_in]`; only the memory order differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Storage {
    /// Every cell, one row of `n_in` weights per output neuron.
    Dense,
    /// CSR, one row per output neuron: columns are inputs.
    OutputMajor,
    /// CSR of the transpose, one row per input: columns are output neurons. An input that is zero skips its row.
    InputMajor,
    /// Blocks for very wide layers: small CSR matrices with two bytes a column, a row pointer and a weight. See
    /// [`LayerSpec::blocked`].
    Blocked,
}

/// One layer of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LayerSpec {
    /// Input width.
    pub n_in: usize,
    /// Output width: neurons.
    pub n_out: usize,
    /// Connections, which evolution keeps exactly.
    pub connections: usize,
    /// Memory order of the weights.
    pub storage: Storage,
    /// What each neuron does with its sum.
    pub activation: Activation,
}

impl LayerSpec {
    /// A sparse layer with this many connections, one row per output neuron.
    ///
    /// A layer whose connections reach `n_in * n_out` is dense.
    pub const fn sparse(n_in: usize, n_out: usize, connections: usize, activation: Activation) -> Self {
        let cells = n_in.saturating_mul(n_out);
        if connections >= cells {
            Self::dense(n_in, n_out, activation)
        } else {
            Self { n_in, n_out, connections, storage: Storage::OutputMajor, activation }
        }
    }

    /// A layer with all `n_in * n_out` connections.
    pub const fn dense(n_in: usize, n_out: usize, activation: Activation) -> Self {
        Self { n_in, n_out, connections: n_in.saturating_mul(n_out), storage: Storage::Dense, activation }
    }

    /// The same layer stored one row per input; a dense layer stays as it is.
    #[must_use]
    pub const fn input_major(mut self) -> Self {
        if matches!(self.storage, Storage::OutputMajor) {
            self.storage = Storage::InputMajor;
        }
        self
    }

    /// The same layer stored in blocks; a dense layer stays as it is.
    ///
    /// A block has up to 16,384 rows over a window of up to 65,536 inputs, and a connection takes four bytes whatever the
    /// width of the layer. So a network of two connections a neuron trains in 19 bytes a neuron. Each group of rows reads
    /// one window, or every window where there are fewer groups than windows; evolution regrows connections within their
    /// block. Weights are rounded to 16 bits (bfloat16), at random, such that the mean is exact.
    ///
    /// For the formats [`Standard`](crate::sparse::index::Standard) and [`Wide`](crate::sparse::index::Wide), minibatches of
    /// one tile without velocity, and activations without parameters whose sign is that of the sum.
    #[must_use]
    pub const fn blocked(mut self) -> Self {
        if !self.is_dense() {
            self.storage = Storage::Blocked;
        }
        self
    }

    /// Whether the layer is stored in blocks.
    pub const fn is_blocked(&self) -> bool {
        matches!(self.storage, Storage::Blocked)
    }

    /// The same layer stored input-major where it is output-major, and the other way round.
    #[must_use]
    pub const fn stored_the_other_way(mut self) -> Self {
        self.storage = match self.storage {
            Storage::Dense => Storage::Dense,
            Storage::OutputMajor => Storage::InputMajor,
            Storage::InputMajor => Storage::OutputMajor,
            Storage::Blocked => Storage::Blocked,
        };
        self
    }

    /// Cells of the weight matrix: `n_in * n_out`.
    pub const fn cells(&self) -> usize {
        self.n_in.saturating_mul(self.n_out)
    }

    /// The first property in which another specification differs, if one does.
    pub(crate) fn difference(&self, other: &Self) -> Option<SpecDifference> {
        let Self { n_in, n_out, connections, storage, activation } = *other;
        [
            (self.n_in == n_in, SpecDifference::Inputs),
            (self.n_out == n_out, SpecDifference::Outputs),
            (self.connections == connections, SpecDifference::Connections),
            (self.storage == storage, SpecDifference::Storage),
            (self.activation == activation, SpecDifference::Activation),
        ]
        .iter()
        .find_map(|&(same, what)| (!same).then_some(what))
    }

    /// Neurons whose activation has parameters of its own.
    pub(crate) const fn learned(&self) -> usize {
        if self.activation.is_learned() { self.n_out } else { 0 }
    }

    /// Whether every cell has a weight.
    pub const fn is_dense(&self) -> bool {
        matches!(self.storage, Storage::Dense)
    }

    /// Rows of the stored matrix, 0 for a dense layer, which has no row pointers, and for one in blocks, which has many matrices.
    pub const fn nrows(&self) -> usize {
        match self.storage {
            Storage::Dense | Storage::Blocked => 0,
            Storage::OutputMajor => self.n_out,
            Storage::InputMajor => self.n_in,
        }
    }

    /// Columns of the stored matrix.
    pub const fn ncols(&self) -> usize {
        match self.storage {
            Storage::Dense | Storage::OutputMajor | Storage::Blocked => self.n_in,
            Storage::InputMajor => self.n_out,
        }
    }
}

/// Connections that SET gives a layer: `epsilon * (n_in + n_out)`, rounded, at most `n_in * n_out`.
///
/// Source: Mocanu et al. 2018, equation 1, doi 10.1038/s41467-018-04316-3.
///
/// ```
/// use rewire_core::network::erdos_renyi_connections;
///
/// assert_eq!(erdos_renyi_connections(3072, 4000, 20.0), 141_440);
/// assert_eq!(erdos_renyi_connections(4000, 10, 20.0), 40_000); // capped: dense
/// ```
pub const fn erdos_renyi_connections(n_in: usize, n_out: usize, epsilon: f64) -> usize {
    let wanted = epsilon * (n_in + n_out) as f64 + 0.5;
    let cells = n_in.saturating_mul(n_out);
    if wanted >= cells as f64 { cells } else { wanted as usize }
}
