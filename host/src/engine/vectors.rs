//! Vectors of x86-64 for the core's kernels.

use pulp::x86::{V3, V4};
use pulp::{cast, f32x8, f32x16};
use rewire_core::backend::vector::{Vector, WIDTH};

/// Sixteen lanes in one AVX-512 register.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(pub(crate) V4);

impl Vector for Avx512 {
    type Unit = [f32; WIDTH];
    type Register = f32x16;
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
    fn fold(self, register: f32x16) -> f32 {
        self.fold_16([register; 16])[0]
    }

    /// Folds pairs into one register at each step, so that no lane is idle.
    #[inline(always)]
    fn fold_16(self, registers: [f32x16; 16]) -> [f32; 16] {
        let avx512 = self.0.avx512f;
        // Halves of 8, then of 4: whole 128-bit lanes move.
        let eights = |a: f32x16, b: f32x16| -> f32x16 {
            let (a, b) = (cast(a), cast(b));
            let low = cast(avx512._mm512_shuffle_f32x4::<0x44>(a, b));
            self.add(low, cast(avx512._mm512_shuffle_f32x4::<0xEE>(a, b)))
        };
        let fours = |a: f32x16, b: f32x16| -> f32x16 {
            let (a, b) = (cast(a), cast(b));
            let low = cast(avx512._mm512_shuffle_f32x4::<0x88>(a, b));
            self.add(low, cast(avx512._mm512_shuffle_f32x4::<0xDD>(a, b)))
        };
        // Halves of 2, then of 1: inside 128-bit lanes.
        let twos = |a: f32x16, b: f32x16| -> f32x16 {
            let (a, b) = (cast(a), cast(b));
            let low = cast(avx512._mm512_shuffle_ps::<0x44>(a, b));
            self.add(low, cast(avx512._mm512_shuffle_ps::<0xEE>(a, b)))
        };
        let ones = |a: f32x16, b: f32x16| -> f32x16 {
            let (a, b) = (cast(a), cast(b));
            let low = cast(avx512._mm512_shuffle_ps::<0x88>(a, b));
            self.add(low, cast(avx512._mm512_shuffle_ps::<0xDD>(a, b)))
        };
        // Four registers whose sums end in the four 128-bit lanes; lane `i` of `quad(first)` is register `first + 4 i`.
        let r = &registers;
        let quad = |first: usize| fours(eights(r[first], r[first + 4]), eights(r[first + 8], r[first + 12]));
        cast(ones(twos(quad(0), quad(1)), twos(quad(2), quad(3))))
    }
}

/// Sixteen lanes in two AVX registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(pub(crate) V3);

impl Avx2 {
    /// Eight sums of eight lanes.
    #[inline(always)]
    fn fold_8(self, r: [f32x8; 8]) -> f32x8 {
        let avx = self.0.avx;
        let add = |a: f32x8, b: f32x8| self.0.add_f32x8(a, b);
        let fours = |a: f32x8, b: f32x8| -> f32x8 {
            let (a, b) = (cast(a), cast(b));
            add(cast(avx._mm256_permute2f128_ps::<0x20>(a, b)), cast(avx._mm256_permute2f128_ps::<0x31>(a, b)))
        };
        let twos = |a: f32x8, b: f32x8| -> f32x8 {
            let (a, b) = (cast(a), cast(b));
            add(cast(avx._mm256_shuffle_ps::<0x44>(a, b)), cast(avx._mm256_shuffle_ps::<0xEE>(a, b)))
        };
        let ones = |a: f32x8, b: f32x8| -> f32x8 {
            let (a, b) = (cast(a), cast(b));
            add(cast(avx._mm256_shuffle_ps::<0x88>(a, b)), cast(avx._mm256_shuffle_ps::<0xDD>(a, b)))
        };
        let pair = |first: usize| fours(r[first], r[first + 4]);
        ones(twos(pair(0), pair(1)), twos(pair(2), pair(3)))
    }
}

impl Vector for Avx2 {
    type Unit = [f32; WIDTH];
    type Register = [f32x8; 2];
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
    fn fold(self, register: [f32x8; 2]) -> f32 {
        self.fold_16([register; 16])[0]
    }

    #[inline(always)]
    fn fold_16(self, registers: [[f32x8; 2]; 16]) -> [f32; 16] {
        let halves = |first: usize| -> [f32x8; 8] {
            core::array::from_fn(
                #[inline(always)]
                |i| self.0.add_f32x8(registers[first + i][0], registers[first + i][1]),
            )
        };
        cast([self.fold_8(halves(0)), self.fold_8(halves(8))])
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
