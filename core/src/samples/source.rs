//! The traits of a source of samples.

use crate::backend::Exchange;
use crate::samples::element::Element;
use crate::samples::needed::Needed;

/// What a network's outputs are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Target {
    /// Labels; the loss is softmax cross-entropy.
    Class,
    /// The numbers of [`SampleSource::value`]; the loss is the mean squared error.
    Values,
    /// The inputs themselves, as [`Samples::fill`] wrote them: an autoencoder. The loss is the mean squared error.
    Input,
}

/// How many samples there are, and what the outputs should be.
///
/// What is not a label is asked for one number at a time, so a target takes no memory. Methods that a source leaves as
/// they are cost nothing.
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

    /// What the outputs are compared with: the same for all samples of the source.
    #[inline(always)]
    fn target(&self) -> Target {
        Target::Class
    }

    /// The number that output `output` should give for sample `index`; asked for with [`Target::Values`] only. One that
    /// is infinite or NaN makes the loss so, which ends a run.
    #[inline(always)]
    fn value(&self, index: u32, output: usize) -> f32 {
        let _ = (index, output);
        f32::NAN
    }

    /// Brings samples to the ranks that fill them next, where no rank has them all. Every rank calls it before a pass over a
    /// minibatch. A source that has all samples leaves it as it is.
    #[inline(always)]
    fn bring(&self, exchange: &dyn Exchange, needed: &Needed<'_>) {
        let _ = (exchange, needed);
    }

    /// Whether samples have weights.
    #[inline(always)]
    fn is_weighted(&self) -> bool {
        false
    }

    /// The factor of a sample's gradient, where samples have weights. `label` is what [`Samples::fill`] wrote.
    ///
    /// A weight of 2 moves the parameters as the same sample twice in the sum over a minibatch does; the sum is divided
    /// by the number of samples, not by their weights. Metrics have no weights.
    #[inline(always)]
    fn weight(&self, index: u32, label: u16) -> f32 {
        let _ = (index, label);
        1.0
    }

    /// Whether [`Samples::fill`] blends samples in training, so that a target is shared between two classes.
    #[inline(always)]
    fn is_blended(&self) -> bool {
        false
    }

    /// The second class in the target of the sample in `lane` of a tile of these `indices`, and its share, below 1; the
    /// rest is the sample's own. Asked for with [`Target::Class`] only. Metrics know the sample's own class alone.
    #[inline(always)]
    fn blended(&self, indices: &[u32], lane: usize, epoch: u32) -> (u16, f32) {
        let _ = (indices, lane, epoch);
        (0, 0.0)
    }
}

/// A source of samples, whose features are floats unless `X` says otherwise.
pub trait Samples<const LANES: usize, X: Element = f32>: SampleSource {
    /// Writes up to `LANES` samples into a tile: sample `indices[lane]` into lane `lane` of every row.
    ///
    /// Shapes: `x` `[n_in][LANES]`, zero in every lane that `indices` does not reach; every feature
    /// finite: another makes the loss NaN or infinite, at the latest in the next step; `labels` `[LANES]`, each below the
    /// output width: the loss of another label is NaN; left alone where the target is no class. `epoch` is 0 in evaluation, where a source leaves samples as
    /// they are. What is written must be a function of the arguments alone.
    fn fill(&self, indices: &[u32], epoch: u32, x: &mut [[X; LANES]], labels: &mut [u16; LANES]);
}

/// A reference to samples is a source too, also where their type is known at run time only.
impl<S: SampleSource + ?Sized> SampleSource for &S {
    fn len(&self) -> usize {
        (**self).len()
    }

    fn largest_label(&self) -> Option<u16> {
        (**self).largest_label()
    }

    #[inline(always)]
    fn target(&self) -> Target {
        (**self).target()
    }

    #[inline(always)]
    fn value(&self, index: u32, output: usize) -> f32 {
        (**self).value(index, output)
    }

    #[inline(always)]
    fn bring(&self, exchange: &dyn Exchange, needed: &Needed<'_>) {
        (**self).bring(exchange, needed);
    }

    #[inline(always)]
    fn is_weighted(&self) -> bool {
        (**self).is_weighted()
    }

    #[inline(always)]
    fn weight(&self, index: u32, label: u16) -> f32 {
        (**self).weight(index, label)
    }

    #[inline(always)]
    fn is_blended(&self) -> bool {
        (**self).is_blended()
    }

    #[inline(always)]
    fn blended(&self, indices: &[u32], lane: usize, epoch: u32) -> (u16, f32) {
        (**self).blended(indices, lane, epoch)
    }
}

impl<const LANES: usize, X: Element, S: Samples<LANES, X> + ?Sized> Samples<LANES, X> for &S {
    fn fill(&self, indices: &[u32], epoch: u32, x: &mut [[X; LANES]], labels: &mut [u16; LANES]) {
        (**self).fill(indices, epoch, x, labels);
    }
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
