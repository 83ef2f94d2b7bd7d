//! A source of one sample: what `train_one` and `predict_one` read.

use crate::samples::answers::Answers;
use crate::samples::element::Element;
use crate::samples::source::{SampleSource, Samples, Target};

/// One sample, as it arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneSample<'a, X, A> {
    pub(crate) features: &'a [X],
    pub(crate) answer: A,
}

impl<X: Element, A: Answers> SampleSource for OneSample<'_, X, A> {
    fn len(&self) -> usize {
        1
    }

    fn largest_label(&self) -> Option<u16> {
        self.answer.largest_label()
    }

    #[inline(always)]
    fn target(&self) -> Target {
        A::TARGET
    }

    #[inline(always)]
    fn value(&self, index: u32, output: usize) -> f32 {
        self.answer.value(index as usize, output)
    }
}

impl<const LANES: usize, X: Element, A: Answers> Samples<LANES, X> for OneSample<'_, X, A> {
    fn fill(&self, _indices: &[u32], _epoch: u32, x: &mut [[X; LANES]], labels: &mut [u16; LANES]) {
        *labels = [self.answer.label(0); LANES];
        let mut rows = x.iter_mut().filter_map(|row| row.first_mut());
        // In this order no row is taken for a feature that is not there.
        self.features.iter().zip(rows.by_ref()).for_each(|(feature, slot)| *slot = *feature);
        rows.for_each(|slot| *slot = X::default());
    }
}
