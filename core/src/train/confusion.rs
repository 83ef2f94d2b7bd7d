//! Which classes are taken for which.

/// How often samples of each class were given each class, for up to `N` classes.
///
/// ```
/// use rewire_core::prelude::*;
///
/// let mut confusion = Confusion::<3>::new();
/// for (class, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1), (2, 0)] {
///     confusion.add(class, predicted);
/// }
/// assert_eq!(confusion.counts()[0], [2, 1, 0]);
/// assert_eq!(confusion.accuracy(), 3.0 / 5.0);
/// // Of three samples of class 0 two are found; of three that are taken for it two are of it.
/// assert_eq!((confusion.recall(0), confusion.precision(0)), (2.0 / 3.0, 2.0 / 3.0));
/// assert_eq!(confusion.f1(2), 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Confusion<const N: usize> {
    counts: [[u32; N]; N],
    outside: u32,
}

impl<const N: usize> Confusion<N> {
    /// No samples.
    pub const fn new() -> Self {
        Self { counts: [[0; N]; N], outside: 0 }
    }

    /// Adds a sample of `class` that was taken for `predicted`.
    pub fn add(&mut self, class: usize, predicted: usize) {
        let count = self.counts.get_mut(class).and_then(|row| row.get_mut(predicted));
        *count.unwrap_or(&mut self.outside) += 1;
    }

    /// Samples by class and by what they were taken for: `counts()[class][predicted]`.
    pub fn counts(&self) -> &[[u32; N]; N] {
        &self.counts
    }

    /// Samples whose class, or what they were taken for, is `N` or more.
    pub fn outside(&self) -> u32 {
        self.outside
    }

    /// Samples.
    pub fn samples(&self) -> u32 {
        self.counts.as_flattened().iter().sum::<u32>() + self.outside
    }

    /// The fraction of samples that were taken for what they are; NaN without samples.
    pub fn accuracy(&self) -> f32 {
        (0..N).map(|class| self.count(class, class)).sum::<u32>() as f32 / self.samples() as f32
    }

    /// The fraction of a class's samples that were taken for it; 0 without any.
    pub fn recall(&self, class: usize) -> f32 {
        share(self.count(class, class), (0..N).map(|predicted| self.count(class, predicted)).sum())
    }

    /// The fraction of the samples taken for a class that are of it; 0 without any.
    pub fn precision(&self, class: usize) -> f32 {
        share(self.count(class, class), (0..N).map(|other| self.count(other, class)).sum())
    }

    /// The harmonic mean of precision and recall; 0 where both are.
    pub fn f1(&self, class: usize) -> f32 {
        let both = self.precision(class) + self.recall(class);
        if both > 0.0 { 2.0 * self.precision(class) * self.recall(class) / both } else { 0.0 }
    }

    fn count(&self, class: usize, predicted: usize) -> u32 {
        self.counts.get(class).and_then(|row| row.get(predicted)).copied().unwrap_or_default()
    }
}

impl<const N: usize> Default for Confusion<N> {
    fn default() -> Self {
        Self::new()
    }
}

fn share(part: u32, of: u32) -> f32 {
    if of == 0 { 0.0 } else { part as f32 / of as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_have_no_place_are_counted_as_wrong() {
        let mut confusion = Confusion::<2>::new();
        confusion.add(1, 1);
        confusion.add(2, 1);
        confusion.add(0, 7);
        assert_eq!((confusion.samples(), confusion.outside(), confusion.accuracy()), (3, 2, 1.0 / 3.0));
        assert_eq!((confusion.recall(5), confusion.precision(5), confusion.f1(5)), (0.0, 0.0, 0.0));
    }

    #[test]
    fn nothing_has_no_accuracy() {
        assert!(Confusion::<3>::new().accuracy().is_nan());
    }
}
