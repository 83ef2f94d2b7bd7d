//! Random numbers as a function of what they are for (seed, purpose, epoch, step, block), not of what was drawn before.
//!
//! Every draw comes from a generator seeded by (seed, purpose, epoch, step, block). Threads therefore need no order,
//! and a checkpoint needs no generator state. Two kinds exist: a small generator (xoshiro128++, Blackman and Vigna
//! 2021, doi 10.1145/3460772) where a sequence is drawn, and a stateless hash where every element draws for itself
//! (dropout, shuffling).

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro128PlusPlus;

use crate::backend::vector::{One, Vector};

/// What random numbers are drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[non_exhaustive]
pub enum Purpose {
    /// The initial topology of a layer.
    Topology = 1,
    /// The initial weights of a layer.
    Weights = 2,
    /// Positions and initial values of connections that evolution regrows.
    Growth = 3,
    /// The order of samples in an epoch.
    Shuffle = 4,
    /// Dropout masks.
    Dropout = 5,
    /// Data augmentation, such as translations and flips.
    Augmentation = 6,
    /// The choice of a subset of samples.
    Subset = 7,
    /// Initial parameters of a layer's activation.
    Activation = 8,
    /// The settings of a trial.
    Search = 9,
    /// Samples that are computed.
    Samples = 10,
    /// Which connections stay where pruning is drawn.
    Pruning = 11,
    /// The free cells that gradient growth looks at.
    Candidates = 12,
    /// Which rows of a layer in blocks read which window.
    Windows = 13,
    /// The initial topology and weights of a block.
    Block = 14,
    /// Connections that evolution regrows in a block.
    BlockGrowth = 15,
    /// How weights are rounded to the 16 bits that they are stored in.
    Rounding = 16,
}

/// SplitMix64's output function (Steele, Lea, Flood 2014, doi 10.1145/2660193.2660195).
// One copy is enough: it is called a few times a step, and 64-bit products are long on a microcontroller.
#[inline(never)]
const fn mix64(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Two to the 32nd over the golden ratio: its multiples are spread evenly.
const GOLDEN: u32 = 0x9E37_79B9;

/// The 32-bit finaliser of MurmurHash3 (Appleby 2011, public domain), lane by lane.
#[inline(always)]
fn mix<V: Vector>(vector: V, h: V::Numbers) -> V::Numbers {
    let h = vector.times(vector.xor_shifted::<16>(h), 0x85EB_CA6B);
    let h = vector.times(vector.xor_shifted::<13>(h), 0xC2B2_AE35);
    vector.xor_shifted::<16>(h)
}

/// [`mix`] of one number.
#[inline(always)]
pub(crate) fn mix32(h: u32) -> u32 {
    mix(One, h)
}

/// A 64-bit key: the seed of the generator for this purpose, epoch, step and block.
pub(crate) const fn key(seed: u64, purpose: Purpose, epoch: u32, step: u32, block: u32) -> u64 {
    let key = mix64(seed ^ mix64(purpose as u64));
    let key = mix64(key ^ (((epoch as u64) << 32) | step as u64));
    mix64(key ^ block as u64)
}

/// A small generator for one purpose, epoch, step and block.
#[derive(Clone, Debug)]
pub struct Generator(Xoshiro128PlusPlus);

impl Generator {
    /// The generator for this purpose, epoch, step and block.
    pub fn new(seed: u64, purpose: Purpose, epoch: u32, step: u32, block: u32) -> Self {
        Self(Xoshiro128PlusPlus::seed_from_u64(key(seed, purpose, epoch, step, block)))
    }

    /// 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in `0..bound`, exactly (Lemire 2019, doi 10.1145/3230636); 0 when `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        loop {
            let product = u64::from(self.next_u32()) * u64::from(bound);
            let low = product as u32;
            // The share of products to refuse is `2^32 mod bound`, and is only computed when it could matter.
            if low >= bound || bound == 0 || low >= bound.wrapping_neg().checked_rem(bound).unwrap_or(0) {
                return (product >> 32) as u32;
            }
        }
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-24.
    pub fn unit(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform in `[-limit, limit)`.
    pub fn symmetric(&mut self, limit: f32) -> f32 {
        (self.unit() * 2.0 - 1.0) * limit
    }
}

/// Random numbers by place, without a sequence: each place has its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash {
    key: u64,
}

impl Hash {
    pub(crate) fn new(seed: u64, purpose: Purpose, epoch: u32, step: u32, block: u32) -> Self {
        Self { key: key(seed, purpose, epoch, step, block) }
    }

    /// 32 random bits.
    #[inline(always)]
    pub(crate) fn at(self, place: u32) -> u32 {
        mix32(mix32(self.key as u32 ^ place.wrapping_mul(GOLDEN)) ^ (self.key >> 32) as u32)
    }
}

/// A random order of `0..len` that needs no memory.
///
/// A Feistel network over the next even power of two, walked until it lands inside: every index comes exactly once
/// (Black and Rogaway 2002, doi 10.1007/3-540-45760-7_9).
///
/// ```
/// use rewire_core::random::Permutation;
///
/// let order = Permutation::new(7, 1, 5);
/// let mut seen: Vec<u32> = (0..5).map(|i| order.at(i)).collect();
/// seen.sort_unstable();
/// assert_eq!(seen, [0, 1, 2, 3, 4]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permutation {
    len: u32,
    half_bits: u32,
    key: u32,
}

impl Permutation {
    const ROUNDS: u32 = 6;

    /// The order of epoch `epoch`.
    pub fn new(seed: u64, epoch: u32, len: u32) -> Self {
        Self::with_purpose(seed, Purpose::Shuffle, epoch, len)
    }

    /// An order for another purpose than shuffling.
    pub fn with_purpose(seed: u64, purpose: Purpose, epoch: u32, len: u32) -> Self {
        let bits = 32 - len.saturating_sub(1).leading_zeros();
        Self { len, half_bits: bits.div_ceil(2).max(1), key: key(seed, purpose, epoch, 0, 0) as u32 }
    }

    /// The position whose index is `index`: what [`Permutation::at`] takes back.
    pub(crate) fn position_of(&self, index: u32) -> u32 {
        if index >= self.len {
            return index;
        }
        let mask = (1u32 << self.half_bits) - 1;
        let mut position = index;
        loop {
            let mut left = position >> self.half_bits;
            let mut right = position & mask;
            for round in (0..Self::ROUNDS).rev() {
                let f = mix32(left ^ self.key.wrapping_add(round.wrapping_mul(GOLDEN)));
                (left, right) = ((right ^ f) & mask, left);
            }
            position = (left << self.half_bits) | right;
            if position < self.len {
                return position;
            }
        }
    }

    /// The index at `position`; positions outside `0..len` map to themselves.
    pub fn at(&self, position: u32) -> u32 {
        if position >= self.len {
            return position;
        }
        let mask = (1u32 << self.half_bits) - 1;
        let mut index = position;
        loop {
            let mut left = index >> self.half_bits;
            let mut right = index & mask;
            for round in 0..Self::ROUNDS {
                let f = mix32(right ^ self.key.wrapping_add(round.wrapping_mul(GOLDEN)));
                (left, right) = (right, (left ^ f) & mask);
            }
            index = (left << self.half_bits) | right;
            if index < self.len {
                return index;
            }
        }
    }
}

/// Which activations of a layer are dropped in one step.
///
/// The mask is a hash of (key, neuron, sample), so it is the same for any tile, thread or instruction set, and is not
/// stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DropoutMask {
    key: u32,
    /// A hash below this drops: the rate times 2^24, rounded down, times 2^8.
    limit: u32,
    /// `1 / (1 - rate)`.
    pub(crate) scale: f32,
}

impl DropoutMask {
    /// Drops nothing.
    pub(crate) const OFF: Self = Self { key: 0, limit: 0, scale: 1.0 };

    pub(crate) fn new(rate: f32, seed: u64, epoch: u32, step: u32, layer: u32) -> Self {
        if rate == 0.0 {
            // Nobody draws from the key, which takes a chip longer than some layers.
            return Self::OFF;
        }
        Self {
            key: key(seed, Purpose::Dropout, epoch, step, layer) as u32,
            limit: ((rate * 16_777_216.0) as u32) << 8,
            scale: 1.0 / (1.0 - rate),
        }
    }

    #[inline(always)]
    pub(crate) fn is_off(&self) -> bool {
        self.limit == 0
    }

    /// Scales what is kept and zeroes what is dropped of one neuron's row; `first_sample` is lane 0's place in the
    /// batch.
    #[inline(always)]
    pub(crate) fn apply<V: Vector, const K: usize, const LANES: usize>(
        &self,
        vector: V,
        neuron: usize,
        first_sample: usize,
        row: &mut [V::Register; K],
    ) {
        let row_key = mix32(self.key.wrapping_add((neuron as u32).wrapping_mul(GOLDEN)));
        let first = (first_sample as u32).wrapping_mul(GOLDEN);
        for (unit, value) in row.iter_mut().enumerate() {
            let lane = (unit * (LANES / K.max(1))) as u32;
            let numbers = vector.count::<GOLDEN>(first.wrapping_add(lane.wrapping_mul(GOLDEN)));
            let hashes = mix(vector, vector.xor(numbers, row_key));
            *value = vector.zero_below(hashes, self.limit, vector.mul(*value, vector.splat(self.scale)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_is_uniform() {
        let mut generator = Generator::new(1, Purpose::Growth, 0, 0, 0);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[generator.below(7) as usize] += 1;
        }
        let chi_squared: f64 = counts.iter().map(|&c| (f64::from(c) - 10_000.0).powi(2) / 10_000.0).sum();
        // 6 degrees of freedom: 22.5 is the 99.9th percentile.
        assert!(chi_squared < 22.5, "{counts:?}");
    }

    #[test]
    fn permutation_visits_every_index_once() {
        for len in [1u32, 2, 3, 10, 255, 256, 257, 60_000] {
            let order = Permutation::new(3, 9, len);
            let mut seen = std::vec![false; len as usize];
            for i in 0..len {
                let index = order.at(i) as usize;
                assert!(!seen[index]);
                seen[index] = true;
                assert_eq!(order.position_of(index as u32), i);
            }
        }
    }

    #[test]
    fn permutation_changes_with_the_epoch_and_mixes() {
        let a = Permutation::new(3, 1, 1000);
        let b = Permutation::new(3, 2, 1000);
        assert!((0..1000).filter(|&i| a.at(i) == b.at(i)).count() < 20);
        // Neighbours land far apart: the mean distance of a uniform order is a third of the length.
        let mean = (0..999).map(|i| f64::from(a.at(i).abs_diff(a.at(i + 1)))).sum::<f64>() / 999.0;
        assert!((280.0..390.0).contains(&mean), "{mean}");
    }

    #[test]
    fn dropout_drops_its_share_and_keeps_the_mean() {
        let mask = DropoutMask::new(0.3, 1, 1, 1, 0);
        let (mut dropped, mut sum) = (0, 0.0);
        for neuron in 0..2000 {
            let mut row = [1.0f32; 64];
            mask.apply::<_, 64, 64>(One, neuron, 0, &mut row);
            dropped += row.iter().filter(|&&v| v == 0.0).count();
            sum += f64::from(row.iter().sum::<f32>());
        }
        let n = 2000.0 * 64.0;
        assert!((dropped as f64 / n - 0.3).abs() < 0.005);
        assert!((sum / n - 1.0).abs() < 0.01);
    }

    #[test]
    fn dropout_does_not_depend_on_the_tile_width() {
        let mask = DropoutMask::new(0.5, 1, 1, 1, 0);
        let mut wide = [1.0f32; 64];
        mask.apply::<_, 64, 64>(One, 5, 0, &mut wide);
        for (lane, expected) in wide.iter().enumerate() {
            let mut one = [1.0f32; 1];
            mask.apply::<_, 1, 1>(One, 5, lane, &mut one);
            assert_eq!(one[0].to_bits(), expected.to_bits());
        }
    }
}
