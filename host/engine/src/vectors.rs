//! Vectors of x86-64 for the core's kernels.

use pulp::x86::{V3, V4};
use pulp::{cast, f32x8, f32x16, u32x8, u32x16};
use rewire_core::backend::vector::{Test, Vector, WIDTH, steps};

/// Sixteen lanes in one AVX-512 register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(pub(crate) V4);

impl Vector for Avx512 {
    type Unit = [f32; WIDTH];
    type Register = f32x16;
    type Numbers = u32x16;
    const GROUPED: bool = true;
    const SUMS: usize = 16;

    #[inline(always)]
    fn load(self, unit: &[f32; WIDTH]) -> f32x16 {
        cast(*unit)
    }

    #[inline(always)]
    fn store(self, register: f32x16) -> [f32; WIDTH] {
        cast(register)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> f32x16 {
        self.0.splat_f32x16(value)
    }

    #[inline(always)]
    fn add(self, a: f32x16, b: f32x16) -> f32x16 {
        self.0.add_f32x16(a, b)
    }

    #[inline(always)]
    fn mul(self, a: f32x16, b: f32x16) -> f32x16 {
        self.0.mul_f32x16(a, b)
    }

    #[inline(always)]
    fn select(self, test: Test, of: f32x16, then: f32x16, otherwise: f32x16) -> f32x16 {
        let zero = self.0.splat_f32x16(0.0);
        let passed = match test {
            Test::Positive => self.0.cmp_gt_f32x16(of, zero),
            Test::NotPositive => self.0.cmp_le_f32x16(of, zero),
            Test::Zero => self.0.cmp_eq_f32x16(of, zero),
        };
        self.0.select_f32x16(passed, then, otherwise)
    }

    #[inline(always)]
    fn count<const STEP: u32>(self, first: u32) -> u32x16 {
        let first = self.0.splat_u32x16(first);
        cast(self.0.avx512f._mm512_add_epi32(cast(first), cast(const { steps::<STEP>() })))
    }

    #[inline(always)]
    fn xor(self, numbers: u32x16, with: u32) -> u32x16 {
        cast(self.0.avx512f._mm512_xor_si512(cast(numbers), cast(self.0.splat_u32x16(with))))
    }

    #[inline(always)]
    fn xor_shifted<const BITS: u32>(self, numbers: u32x16) -> u32x16 {
        let shifted = self.0.shr_const_u32x16::<BITS>(numbers);
        cast(self.0.avx512f._mm512_xor_si512(cast(numbers), cast(shifted)))
    }

    #[inline(always)]
    fn times(self, numbers: u32x16, by: u32) -> u32x16 {
        cast(self.0.avx512f._mm512_mullo_epi32(cast(numbers), cast(self.0.splat_u32x16(by))))
    }

    #[inline(always)]
    fn zero_below(self, numbers: u32x16, limit: u32, register: f32x16) -> f32x16 {
        let below = self.0.cmp_lt_u32x16(numbers, self.0.splat_u32x16(limit));
        self.0.select_f32x16(below, self.0.splat_f32x16(0.0), register)
    }

    #[inline(always)]
    fn fold(self, register: f32x16) -> f32 {
        self.fold_16([register; 16])[0]
    }

    /// Folds pairs into one register at each step, so that no lane is idle.
    #[inline(always)]
    fn fold_16_of(self, r: impl Fn(usize) -> f32x16) -> [f32; 16] {
        let r = &r;
        cast(self.ones(self.twos(self.quad(r, 0), self.quad(r, 1)), self.twos(self.quad(r, 2), self.quad(r, 3))))
    }
}

/// Parts of [`Vector::fold_16_of`], each of which adds the halves of two registers. Where a half may stay in its place, a blend
/// keeps it there: any unit computes a blend, and few a shuffle. The order of two summands changes no bit.
impl Avx512 {
    /// Four registers whose sums end in the four 128-bit lanes: lane `i` is of register `first + 4 i`.
    #[inline(always)]
    fn quad(self, r: &impl Fn(usize) -> f32x16, first: usize) -> f32x16 {
        self.fours(self.eights(r(first), r(first + 4)), self.eights(r(first + 8), r(first + 12)))
    }

    /// Halves of 8: whole 128-bit lanes move.
    #[inline(always)]
    fn eights(self, a: f32x16, b: f32x16) -> f32x16 {
        let (avx512, a, b) = (self.0.avx512f, cast(a), cast(b));
        let kept = cast(avx512._mm512_mask_blend_ps(0xFF00, a, b));
        self.add(kept, cast(avx512._mm512_shuffle_f32x4::<0x4E>(a, b)))
    }

    /// Halves of 4, likewise.
    #[inline(always)]
    fn fours(self, a: f32x16, b: f32x16) -> f32x16 {
        let (avx512, a, b) = (self.0.avx512f, cast(a), cast(b));
        let low = cast(avx512._mm512_shuffle_f32x4::<0x88>(a, b));
        self.add(low, cast(avx512._mm512_shuffle_f32x4::<0xDD>(a, b)))
    }

    /// Halves of 2, inside 128-bit lanes.
    #[inline(always)]
    fn twos(self, a: f32x16, b: f32x16) -> f32x16 {
        let (avx512, a, b) = (self.0.avx512f, cast(a), cast(b));
        let kept = cast(avx512._mm512_mask_blend_ps(0xCCCC, a, b));
        self.add(kept, cast(avx512._mm512_shuffle_ps::<0x4E>(a, b)))
    }

    /// Halves of 1, likewise.
    #[inline(always)]
    fn ones(self, a: f32x16, b: f32x16) -> f32x16 {
        let (avx512, a, b) = (self.0.avx512f, cast(a), cast(b));
        let low = cast(avx512._mm512_shuffle_ps::<0x88>(a, b));
        self.add(low, cast(avx512._mm512_shuffle_ps::<0xDD>(a, b)))
    }
}

/// Sixteen lanes in two AVX registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(pub(crate) V3);

/// Parts of [`Vector::fold_16_of`], as of [`Avx512`]. Methods and not closures, since all must become part of the kernel: elsewhere
/// the processor's instructions are not known, and each is a call.
impl Avx2 {
    /// Eight sums of sixteen lanes, of registers from `first` on.
    #[inline(always)]
    fn eight(self, r: &impl Fn(usize) -> [f32x8; 2], first: usize) -> f32x8 {
        let [a, b] = [self.pair(r, first), self.pair(r, first + 1)];
        let [c, d] = [self.pair(r, first + 2), self.pair(r, first + 3)];
        self.ones(self.twos(a, b), self.twos(c, d))
    }

    /// Halves of 8 and of 4, of registers `first` and `first + 4`.
    #[inline(always)]
    fn pair(self, r: &impl Fn(usize) -> [f32x8; 2], first: usize) -> f32x8 {
        let a = self.eights(r(first));
        self.fours(a, self.eights(r(first + 4)))
    }

    #[inline(always)]
    fn eights(self, r: [f32x8; 2]) -> f32x8 {
        self.0.add_f32x8(r[0], r[1])
    }

    #[inline(always)]
    fn fours(self, a: f32x8, b: f32x8) -> f32x8 {
        let (avx, a, b) = (self.0.avx, cast(a), cast(b));
        let low = cast(avx._mm256_permute2f128_ps::<0x20>(a, b));
        self.0.add_f32x8(low, cast(avx._mm256_permute2f128_ps::<0x31>(a, b)))
    }

    #[inline(always)]
    fn twos(self, a: f32x8, b: f32x8) -> f32x8 {
        let (avx, a, b) = (self.0.avx, cast(a), cast(b));
        let low = cast(avx._mm256_shuffle_ps::<0x44>(a, b));
        self.0.add_f32x8(low, cast(avx._mm256_shuffle_ps::<0xEE>(a, b)))
    }

    #[inline(always)]
    fn ones(self, a: f32x8, b: f32x8) -> f32x8 {
        let (avx, a, b) = (self.0.avx, cast(a), cast(b));
        let low = cast(avx._mm256_shuffle_ps::<0x88>(a, b));
        self.0.add_f32x8(low, cast(avx._mm256_shuffle_ps::<0xDD>(a, b)))
    }
}

impl Vector for Avx2 {
    type Unit = [f32; WIDTH];
    type Register = [f32x8; 2];
    type Numbers = [u32x8; 2];
    const GROUPED: bool = true;
    const SUMS: usize = 4;

    #[inline(always)]
    fn load(self, unit: &[f32; WIDTH]) -> [f32x8; 2] {
        cast(*unit)
    }

    #[inline(always)]
    fn store(self, register: [f32x8; 2]) -> [f32; WIDTH] {
        cast(register)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> [f32x8; 2] {
        [self.0.splat_f32x8(value); 2]
    }

    #[inline(always)]
    fn add(self, a: [f32x8; 2], b: [f32x8; 2]) -> [f32x8; 2] {
        [self.0.add_f32x8(a[0], b[0]), self.0.add_f32x8(a[1], b[1])]
    }

    #[inline(always)]
    fn mul(self, a: [f32x8; 2], b: [f32x8; 2]) -> [f32x8; 2] {
        [self.0.mul_f32x8(a[0], b[0]), self.0.mul_f32x8(a[1], b[1])]
    }

    #[inline(always)]
    fn select(self, test: Test, of: [f32x8; 2], then: [f32x8; 2], otherwise: [f32x8; 2]) -> [f32x8; 2] {
        let zero = self.0.splat_f32x8(0.0);
        let half = |of: f32x8, then: f32x8, otherwise: f32x8| {
            let passed = match test {
                Test::Positive => self.0.cmp_gt_f32x8(of, zero),
                Test::NotPositive => self.0.cmp_le_f32x8(of, zero),
                Test::Zero => self.0.cmp_eq_f32x8(of, zero),
            };
            self.0.select_f32x8(passed, then, otherwise)
        };
        [half(of[0], then[0], otherwise[0]), half(of[1], then[1], otherwise[1])]
    }

    #[inline(always)]
    fn count<const STEP: u32>(self, first: u32) -> [u32x8; 2] {
        let (first, steps): (_, [u32x8; 2]) = (self.0.splat_u32x8(first), cast(const { steps::<STEP>() }));
        steps.map(
            #[inline(always)]
            |steps| cast(self.0.avx2._mm256_add_epi32(cast(first), cast(steps))),
        )
    }

    #[inline(always)]
    fn xor(self, numbers: [u32x8; 2], with: u32) -> [u32x8; 2] {
        let with = self.0.splat_u32x8(with);
        numbers.map(
            #[inline(always)]
            |numbers| cast(self.0.avx2._mm256_xor_si256(cast(numbers), cast(with))),
        )
    }

    #[inline(always)]
    fn xor_shifted<const BITS: u32>(self, numbers: [u32x8; 2]) -> [u32x8; 2] {
        numbers.map(
            #[inline(always)]
            |numbers| {
                let shifted = self.0.shr_dyn_u32x8(numbers, self.0.splat_u32x8(BITS));
                cast(self.0.avx2._mm256_xor_si256(cast(numbers), cast(shifted)))
            },
        )
    }

    #[inline(always)]
    fn times(self, numbers: [u32x8; 2], by: u32) -> [u32x8; 2] {
        let by = self.0.splat_u32x8(by);
        numbers.map(
            #[inline(always)]
            |numbers| cast(self.0.avx2._mm256_mullo_epi32(cast(numbers), cast(by))),
        )
    }

    #[inline(always)]
    fn zero_below(self, numbers: [u32x8; 2], limit: u32, register: [f32x8; 2]) -> [f32x8; 2] {
        let limit = self.0.splat_u32x8(limit);
        let half = |numbers: u32x8, register: f32x8| {
            self.0.select_f32x8(self.0.cmp_lt_u32x8(numbers, limit), self.0.splat_f32x8(0.0), register)
        };
        [half(numbers[0], register[0]), half(numbers[1], register[1])]
    }

    #[inline(always)]
    fn fold(self, register: [f32x8; 2]) -> f32 {
        self.fold_16([register; 16])[0]
    }

    #[inline(always)]
    fn fold_16_of(self, r: impl Fn(usize) -> [f32x8; 2]) -> [f32; 16] {
        cast([self.eight(&r, 0), self.eight(&r, 8)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rewire_core::backend::vector::Sixteen;

    fn check<V: Vector<Unit = [f32; WIDTH]>>(vector: V) {
        // Values whose sum depends on its order.
        let units: [[f32; WIDTH]; 16] =
            core::array::from_fn(|i| core::array::from_fn(|j| 1.0 / ((i * 16 + j) as f32 + 0.37)));
        let expected = units.map(|unit| Sixteen.fold(unit).to_bits());
        let registers = units.each_ref().map(|unit| vector.load(unit));
        assert_eq!(vector.fold_16(registers).map(f32::to_bits), expected);
        assert_eq!(registers.map(|register| vector.fold(register).to_bits()), expected);
    }

    /// Every lane of what `Sixteen` and another vector answer.
    fn check_answers<V: Vector<Unit = [f32; WIDTH]>>(vector: V) {
        let of = core::array::from_fn(|i| [-2.0, -0.0, 0.0, 3.0, f32::NAN, f32::INFINITY, -1e-40, 1e-40][i % 8]);
        let (then, otherwise) = ([1.5; WIDTH], core::array::from_fn(|i| i as f32));
        for test in [Test::Positive, Test::NotPositive, Test::Zero] {
            let expected = Sixteen.select(test, of, then, otherwise);
            let found = vector.select(test, vector.load(&of), vector.load(&then), vector.load(&otherwise));
            assert_eq!(vector.store(found), expected, "{test:?}");
        }
        // Numbers on both sides of 2^31, as a hash has them.
        let expected = Sixteen.times(Sixteen.xor_shifted::<13>(Sixteen.xor(Sixteen.count::<77>(u32::MAX - 300), 5)), 9);
        let found = vector.times(vector.xor_shifted::<13>(vector.xor(vector.count::<77>(u32::MAX - 300), 5)), 9);
        for limit in [0, 1, expected[3], 1 << 31, u32::MAX] {
            let expected = Sixteen.zero_below(expected, limit, otherwise);
            assert_eq!(vector.store(vector.zero_below(found, limit, vector.load(&otherwise))), expected, "{limit}");
        }
    }

    #[test]
    fn every_vector_answers_alike_in_every_lane() {
        if let Some(v3) = V3::try_new() {
            check_answers(Avx2(v3));
        }
        if let Some(v4) = V4::try_new() {
            check_answers(Avx512(v4));
        }
    }

    #[test]
    fn every_vector_folds_to_the_same_bits() {
        if let Some(v3) = V3::try_new() {
            check(Avx2(v3));
        }
        if let Some(v4) = V4::try_new() {
            check(Avx512(v4));
        }
    }
}
