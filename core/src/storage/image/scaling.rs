//! How the numbers of a sample become inputs, and outputs become numbers.

use crate::samples::normalise;

/// `x = (number - mean) * factor`, for each number of a sample.
///
/// Where there are fewer means than numbers they are taken again and again: one for all numbers, or one for each of a
/// sensor's axes. Without any, numbers stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scaling<'a> {
    /// Subtracted.
    pub mean: &'a [f32],
    /// Then multiplied by; as many as there are means.
    pub factor: &'a [f32],
}

impl Scaling<'_> {
    /// Numbers stay as they are.
    pub const NONE: Self = Self { mean: &[], factor: &[] };

    /// Scales a sample in place.
    pub fn apply(&self, numbers: &mut [f32]) {
        normalise::apply(self.mean, self.factor, numbers.as_chunks_mut::<1>().0, 1);
    }

    /// The number at a place, counted from 0, that was scaled to `x`. One that never varied is its mean.
    pub fn invert(&self, at: usize, x: f32) -> f32 {
        let at = at.checked_rem(self.mean.len()).unwrap_or(0);
        match self.mean.get(at).zip(self.factor.get(at)) {
            None => x,
            Some((&mean, &factor)) => {
                if factor == 0.0 {
                    mean
                } else {
                    x / factor + mean
                }
            }
        }
    }

    /// Bytes that it takes in an image.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.mean).saturating_add(size_of_val(self.factor))
    }

    /// Whether it has a mean and a factor for each of `numbers`, all of them finite.
    pub(crate) fn fits(&self, numbers: usize) -> bool {
        let (len, mut all) = (self.mean.len(), self.mean.iter().chain(self.factor));
        self.factor.len() == len && (len == 0 || numbers.is_multiple_of(len)) && all.all(|number| number.is_finite())
    }

    /// Hands it to `put` as an image has it.
    pub(crate) fn write<E>(&self, put: &mut (impl FnMut(&[u8]) -> Result<(), E> + ?Sized)) -> Result<(), E> {
        self.mean.iter().chain(self.factor).try_for_each(|number| put(&number.to_le_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_scaled_and_scaled_back_by_means_taken_again_and_again() {
        let axes = Scaling { mean: &[1.0, -2.0], factor: &[0.5, 0.0] };
        let mut window = [3.0, 7.0, 1.0, 7.0];
        axes.apply(&mut window);
        assert_eq!(window, [1.0, 0.0, 0.0, 0.0]);
        // The second never varied.
        assert_eq!([0, 1, 2].map(|at| axes.invert(at, 4.0)), [9.0, -2.0, 9.0]);
        let mut unchanged = [3.0, -0.5];
        Scaling::NONE.apply(&mut unchanged);
        assert_eq!((unchanged, Scaling::NONE.invert(1, 0.5)), ([3.0, -0.5], 0.5));
    }
}
