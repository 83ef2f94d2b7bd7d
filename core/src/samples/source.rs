//! What a source of samples offers.

use crate::samples::element::Element;

/// A source of labelled samples, whose features are floats unless `X` says otherwise.
pub trait Samples<const LANES: usize, X: Element = f32>: Sync {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The largest label, if the source knows it: training then refuses samples that the network has no output for before
    /// it begins. Otherwise their loss is NaN.
    fn largest_label(&self) -> Option<u16> {
        None
    }

    /// Writes up to `LANES` samples into a tile: sample `indices[lane]` into lane `lane` of every row.
    ///
    /// Shapes: `x` `[n_in][LANES]`, zero in every lane that `indices` does not reach; `labels` `[LANES]`, each below the
    /// output width: the loss of another label is NaN. `epoch` is 0 in evaluation, where a source leaves samples as they are. What is written must be a
    /// function of the arguments alone.
    fn fill(&self, indices: &[u32], epoch: u32, x: &mut [[X; LANES]], labels: &mut [u16; LANES]);
}

/// No samples: for a run that measures nothing.
impl<const LANES: usize, X: Element> Samples<LANES, X> for () {
    fn len(&self) -> usize {
        0
    }

    fn fill(&self, _indices: &[u32], _epoch: u32, _x: &mut [[X; LANES]], _labels: &mut [u16; LANES]) {}
}
