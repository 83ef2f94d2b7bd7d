//! Removes the connections of some neurons.

use crate::network::model::Layer;
use crate::network::spec::Storage;
use crate::sparse::index::{Format, Index};
use crate::topology::prune::compact::{Compaction, Sieve, compact};

/// The neurons at one end of a layer's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Inputs,
    Outputs,
}

impl End {
    /// Whether they are the rows of the stored matrix.
    pub(crate) fn is_rows(self, storage: Storage) -> bool {
        (self == Self::Inputs) == (storage == Storage::InputMajor)
    }
}

/// Removes the connections of a sparse layer whose neuron at one end does not stay.
pub(crate) fn keep_neurons<F: Format>(layer: &mut Layer<'_, F>, end: End, stays: impl Fn(usize) -> bool + Copy) {
    let rows = end.is_rows(layer.spec.storage);
    let pointers = 0..layer.indptr.len();
    compact(&mut layer.csr_mut(), &mut Compaction::new(OfNeurons { stays, rows, row: 0 }), pointers);
}

/// Lets the connections of some neurons through.
#[derive(Clone, Copy)]
struct OfNeurons<S> {
    stays: S,
    /// Whether the neurons are rows, or columns.
    rows: bool,
    row: usize,
}

impl<F: Format, S: Fn(usize) -> bool + Copy> Sieve<F> for OfNeurons<S> {
    fn begin(&mut self, row: usize, _values: &[f32]) {
        self.row = row;
    }

    fn goes(&mut self, _place: usize, col: F::Index, _value: f32) -> bool {
        !(self.stays)(if self.rows { self.row } else { col.to_usize() })
    }
}
