//! What a pass over samples measures.

/// Loss and correct predictions, added up over samples.
///
/// The loss is summed with the error of each addition carried along, so that an epoch of a million samples loses no
/// digits in 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Metrics {
    sum: f32,
    carry: f32,
    correct: u32,
    samples: u32,
}

impl Metrics {
    /// Adds one sample.
    #[inline(always)]
    pub(crate) fn add(&mut self, loss: f32, correct: bool) {
        self.add_loss(loss);
        self.correct += u32::from(correct);
        self.samples += 1;
    }

    /// As floats, which hold the numbers of a tile exactly.
    pub(crate) fn to_floats(self) -> [f32; 4] {
        [self.sum, self.carry, self.correct as f32, self.samples as f32]
    }

    /// What [`Metrics::to_floats`] gave.
    pub(crate) fn from_floats([sum, carry, correct, samples]: [f32; 4]) -> Self {
        Self { sum, carry, correct: correct as u32, samples: samples as u32 }
    }

    /// Knuth's two-sum, whose error is exact for any order of magnitudes, then the two parts renormalised.
    #[inline(always)]
    fn add_loss(&mut self, loss: f32) {
        let sum = self.sum + loss;
        let part = sum - self.sum;
        let carry = self.carry + ((self.sum - (sum - part)) + (loss - part));
        self.sum = sum + carry;
        self.carry = carry - (self.sum - sum);
    }

    /// Adds the samples of another pass.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.add_loss(other.sum);
        self.carry += other.carry;
        self.correct += other.correct;
        self.samples += other.samples;
        self
    }

    /// Mean loss a sample: cross-entropy in nats, or the mean squared error of the outputs; NaN without samples.
    pub fn loss(&self) -> f32 {
        (self.sum + self.carry) / self.samples as f32
    }

    /// Whether the loss is neither infinite nor NaN; also without samples.
    pub fn is_finite(&self) -> bool {
        (self.sum + self.carry).is_finite()
    }

    /// Accuracy: the fraction of samples whose largest logit is that of their label, so 0 where the samples have none;
    /// NaN without samples.
    pub fn accuracy(&self) -> f32 {
        self.correct as f32 / self.samples as f32
    }

    /// Samples whose largest logit is that of their label.
    pub fn correct(&self) -> u32 {
        self.correct
    }

    /// Samples seen.
    pub fn samples(&self) -> u32 {
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sums_keep_their_digits() {
        let mut metrics = Metrics::default();
        for _ in 0..10_000_000 {
            metrics.add(0.1, true);
        }
        assert!((metrics.loss() - 0.1).abs() < 1e-7);
    }
}
