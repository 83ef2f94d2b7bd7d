//! The traits of a source of samples.

use crate::samples::element::Element;

/// How many samples there are, and which labels they have.
pub trait SampleSource: Sync {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The largest label, if the source knows it: training then refuses samples that the network has no output for
    /// before it begins. Otherwise their loss is NaN.
    fn largest_label(&self) -> Option<u16> {
        None
    }
}

/// A source of labelled samples, whose features are floats unless `X` says otherwise.
pub trait Samples<const LANES: usize, X: Element = f32>: SampleSource {
    /// Writes up to `LANES` samples into a tile: sample `indices[lane]` into lane `lane` of every row.
    ///
    /// Shapes: `x` `[n_in][LANES]`, zero in every lane that `indices` does not reach; `labels` `[LANES]`, each below
    /// the output width: the loss of another label is NaN. `epoch` is 0 in evaluation, where a source leaves samples as
    /// they are. What is written must be a function of the arguments alone.
    fn fill(&self, indices: &[u32], epoch: u32, x: &mut [[X; LANES]], labels: &mut [u16; LANES]);
}

/// No samples: for a run that measures nothing.
impl SampleSource for () {
    fn len(&self) -> usize {
        0
    }
}

impl<const LANES: usize, X: Element> Samples<LANES, X> for () {
    fn fill(&self, _indices: &[u32], _epoch: u32, _x: &mut [[X; LANES]], _labels: &mut [u16; LANES]) {}
}

/// The features of one sample, which has no label.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneSample<'a, X>(pub(crate) &'a [X]);

impl<X: Element> SampleSource for OneSample<'_, X> {
    fn len(&self) -> usize {
        1
    }
}

impl<const LANES: usize, X: Element> Samples<LANES, X> for OneSample<'_, X> {
    fn fill(&self, _indices: &[u32], _epoch: u32, x: &mut [[X; LANES]], labels: &mut [u16; LANES]) {
        *labels = [0; LANES];
        let mut features = self.0.iter();
        for slot in x.iter_mut().filter_map(|row| row.first_mut()) {
            *slot = features.next().copied().unwrap_or_default();
        }
    }
}
