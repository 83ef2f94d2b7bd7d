//! The ways in which the weights of a network lie in memory.

use rewire_core::prelude::*;

/// How the weights of a network lie in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Every layer is dense.
    Dense,
    /// One row a neuron.
    OutputMajor,
    /// The same with a transposed index.
    Transposed,
    /// One row an input.
    InputMajor,
    /// Layers of each kind.
    Mixed,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Dense, Self::OutputMajor, Self::Transposed, Self::InputMajor, Self::Mixed];

    /// A network of these widths whose sparse layers have this share of the cells, as far as there are activations.
    pub fn layers(self, widths: &[usize], share: f64, activations: &[Activation]) -> Vec<LayerSpec> {
        let layer = |(i, (widths, &activation)): (usize, (&[usize], &Activation))| {
            let (n_in, n_out) = (widths[0], widths[1]);
            let sparse = LayerSpec::sparse(n_in, n_out, (share * (n_in * n_out) as f64) as usize, activation);
            let dense = LayerSpec::dense(n_in, n_out, activation);
            match self {
                Self::Dense => dense,
                Self::OutputMajor | Self::Transposed => sparse,
                Self::InputMajor => sparse.input_major(),
                Self::Mixed => [sparse.input_major(), dense, sparse][i % 3],
            }
        };
        widths.windows(2).zip(activations).enumerate().map(layer).collect()
    }

    /// Adds the transposed index, where it belongs to the kind.
    pub fn describe(self, description: Description<'_>) -> Description<'_> {
        if self == Self::Transposed { description.with_transposed_index() } else { description }
    }
}
