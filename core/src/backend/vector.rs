//! Explicit vectors: the arithmetic of all kernels.
//!
//! Kernels are written once against [`Vector`], and a backend hands them the widest one that the processor has
//! ([`Backend::dispatch`](crate::backend::Backend::dispatch)). Every implementation performs the same operations in the
//! same order, so the bits do not depend on it.

use bytemuck::Pod;

/// Lanes of a vector.
pub const WIDTH: usize = 16;

/// What a lane may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Whether it is greater than zero; a NaN is not.
    Positive,
    /// Whether it is zero or less; a NaN is not.
    NotPositive,
    /// Whether it is zero, of whichever sign.
    Zero,
}

impl Test {
    /// The answer of one lane.
    #[inline(always)]
    pub fn holds(self, lane: f32) -> bool {
        match self {
            Self::Positive => lane > 0.0,
            Self::NotPositive => lane <= 0.0,
            Self::Zero => lane == 0.0,
        }
    }
}

/// A register of floats, and the arithmetic on it. An implementation is a token that the instructions exist.
pub trait Vector: Copy + Send + Sync {
    /// Its form in memory: `f32`, or `[f32; 16]`.
    type Unit: Pod + Send + Sync;
    /// Its form in registers.
    type Register: Copy;
    /// A whole number for each lane, in registers.
    type Numbers: Copy;
    /// Whether [`Vector::fold_16_of`] is cheaper than sixteen times [`Vector::fold`].
    const GROUPED: bool;
    /// Units of which a kernel may keep sums in registers at once.
    const SUMS: usize = 1;
    /// Whether a row is a single sample, whose zeros are worth looking for: they are frequent, and skipping one costs
    /// as little as using it.
    const SINGLE: bool = false;

    /// Reads a unit.
    fn load(self, unit: &Self::Unit) -> Self::Register;
    /// Gives a register back its form in memory.
    fn store(self, register: Self::Register) -> Self::Unit;
    /// The same number in every lane.
    fn splat(self, value: f32) -> Self::Register;
    /// Lane by lane, rounded once.
    fn add(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// Lane by lane, rounded once.
    fn mul(self, a: Self::Register, b: Self::Register) -> Self::Register;
    /// `then` in the lanes of `of` that pass the test, `otherwise` in the others.
    fn select(self, test: Test, of: Self::Register, then: Self::Register, otherwise: Self::Register) -> Self::Register;
    /// The number `first` in the first lane and `STEP` more in each that follows, modulo 2^32.
    fn count<const STEP: u32>(self, first: u32) -> Self::Numbers;
    /// Exclusive or with the same number in every lane.
    fn xor(self, numbers: Self::Numbers, with: u32) -> Self::Numbers;
    /// Exclusive or of each number and itself shifted right by `BITS`.
    fn xor_shifted<const BITS: u32>(self, numbers: Self::Numbers) -> Self::Numbers;
    /// Each number times `by`, modulo 2^32.
    fn times(self, numbers: Self::Numbers, by: u32) -> Self::Numbers;
    /// Zero in the lanes whose number is below `limit`.
    fn zero_below(self, numbers: Self::Numbers, limit: u32, register: Self::Register) -> Self::Register;
    /// The sum over lanes: the upper half is added to the lower half until one lane is left.
    fn fold(self, register: Self::Register) -> f32;
    /// Sixteen sums at once, each in the order of [`Vector::fold`].
    #[inline(always)]
    fn fold_16(self, registers: [Self::Register; 16]) -> [f32; 16] {
        self.fold_16_of(
            #[inline(always)]
            |i| match registers.get(i) {
                Some(&register) => register,
                None => self.splat(0.0),
            },
        )
    }
    /// [`Vector::fold_16`] of registers that are computed in the order in which it needs them: few are then there at once.
    #[inline(always)]
    fn fold_16_of(self, register: impl Fn(usize) -> Self::Register) -> [f32; 16] {
        let mut sums = [0.0; 16];
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = self.fold(register(i));
        }
        sums
    }
}

/// One lane: a microcontroller's vector.
#[derive(Clone, Copy, Debug, Default)]
pub struct One;

impl Vector for One {
    type Unit = f32;
    type Register = f32;
    type Numbers = u32;
    const GROUPED: bool = false;
    const SINGLE: bool = true;

    #[inline(always)]
    fn load(self, unit: &f32) -> f32 {
        *unit
    }

    #[inline(always)]
    fn store(self, register: f32) -> f32 {
        register
    }

    #[inline(always)]
    fn splat(self, value: f32) -> f32 {
        value
    }

    #[inline(always)]
    fn add(self, a: f32, b: f32) -> f32 {
        a + b
    }

    #[inline(always)]
    fn mul(self, a: f32, b: f32) -> f32 {
        a * b
    }

    #[inline(always)]
    fn select(self, test: Test, of: f32, then: f32, otherwise: f32) -> f32 {
        if test.holds(of) { then } else { otherwise }
    }

    #[inline(always)]
    fn count<const STEP: u32>(self, first: u32) -> u32 {
        first
    }

    #[inline(always)]
    fn xor(self, number: u32, with: u32) -> u32 {
        number ^ with
    }

    #[inline(always)]
    fn xor_shifted<const BITS: u32>(self, number: u32) -> u32 {
        number ^ (number >> BITS)
    }

    #[inline(always)]
    fn times(self, number: u32, by: u32) -> u32 {
        number.wrapping_mul(by)
    }

    #[inline(always)]
    fn zero_below(self, number: u32, limit: u32, register: f32) -> f32 {
        if number < limit { 0.0 } else { register }
    }

    #[inline(always)]
    fn fold(self, register: f32) -> f32 {
        register
    }
}

/// Sixteen lanes in an array, for whatever the compiler makes of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sixteen;

impl Vector for Sixteen {
    type Unit = [f32; WIDTH];
    type Register = [f32; WIDTH];
    type Numbers = [u32; WIDTH];
    const GROUPED: bool = false;

    #[inline(always)]
    fn load(self, unit: &[f32; WIDTH]) -> [f32; WIDTH] {
        *unit
    }

    #[inline(always)]
    fn store(self, register: [f32; WIDTH]) -> [f32; WIDTH] {
        register
    }

    #[inline(always)]
    fn splat(self, value: f32) -> [f32; WIDTH] {
        [value; WIDTH]
    }

    #[inline(always)]
    fn add(self, mut a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        for (a, b) in a.iter_mut().zip(b) {
            *a += b;
        }
        a
    }

    #[inline(always)]
    fn mul(self, mut a: [f32; WIDTH], b: [f32; WIDTH]) -> [f32; WIDTH] {
        for (a, b) in a.iter_mut().zip(b) {
            *a *= b;
        }
        a
    }

    #[inline(always)]
    fn select(self, test: Test, of: [f32; WIDTH], then: [f32; WIDTH], mut otherwise: [f32; WIDTH]) -> [f32; WIDTH] {
        for ((of, then), otherwise) in of.into_iter().zip(then).zip(&mut otherwise) {
            if test.holds(of) {
                *otherwise = then;
            }
        }
        otherwise
    }

    #[inline(always)]
    fn count<const STEP: u32>(self, first: u32) -> [u32; WIDTH] {
        steps::<STEP>().map(|step| first.wrapping_add(step))
    }

    #[inline(always)]
    fn xor(self, numbers: [u32; WIDTH], with: u32) -> [u32; WIDTH] {
        numbers.map(|number| number ^ with)
    }

    #[inline(always)]
    fn xor_shifted<const BITS: u32>(self, numbers: [u32; WIDTH]) -> [u32; WIDTH] {
        numbers.map(|number| number ^ (number >> BITS))
    }

    #[inline(always)]
    fn times(self, numbers: [u32; WIDTH], by: u32) -> [u32; WIDTH] {
        numbers.map(|number| number.wrapping_mul(by))
    }

    #[inline(always)]
    fn zero_below(self, numbers: [u32; WIDTH], limit: u32, mut register: [f32; WIDTH]) -> [f32; WIDTH] {
        for (number, lane) in numbers.into_iter().zip(&mut register) {
            if number < limit {
                *lane = 0.0;
            }
        }
        register
    }

    #[inline(always)]
    fn fold(self, mut sums: [f32; WIDTH]) -> f32 {
        let mut half = WIDTH / 2;
        while half > 0 {
            let (low, high) = sums.split_at_mut(half);
            for (low, &mut high) in low.iter_mut().zip(high) {
                *low += high;
            }
            half /= 2;
        }
        sums[0]
    }
}

/// Zero, `STEP`, twice `STEP`…, modulo 2^32: what [`Vector::count`] adds to the first number.
pub const fn steps<const STEP: u32>() -> [u32; WIDTH] {
    let mut steps = [0u32; WIDTH];
    let mut lane = 1;
    while lane < WIDTH {
        steps[lane] = steps[lane - 1].wrapping_add(STEP);
        lane += 1;
    }
    steps
}

/// Arithmetic that runs on whichever vector there is.
pub trait Kernel {
    /// What it returns.
    type Output;
    /// What a profile calls it.
    const NAME: &'static str;

    /// Runs over tiles whose rows are `K` units of the vector.
    fn run<V: Vector, const K: usize>(self, vector: V) -> Self::Output;
}

/// Runs a kernel over rows of `LANES` floats: on `vector` where they are 1, 2, 4 or 8 units of sixteen, else on
/// single floats.
#[inline(always)]
pub fn run_kernel<const LANES: usize, V: Vector<Unit = [f32; WIDTH]>, T: Kernel>(vector: V, kernel: T) -> T::Output {
    match LANES {
        16 => kernel.run::<V, 1>(vector),
        32 => kernel.run::<V, 2>(vector),
        64 => kernel.run::<V, 4>(vector),
        128 => kernel.run::<V, 8>(vector),
        _ => kernel.run::<One, LANES>(One),
    }
}

/// Rows of floats as rows of units; empty when `K` units are not `LANES` floats, which [`run_kernel`] rules out.
#[inline(always)]
pub(crate) fn units<V: Vector, const K: usize, const LANES: usize>(rows: &[[f32; LANES]]) -> &[[V::Unit; K]] {
    bytemuck::try_cast_slice(rows).unwrap_or_default()
}

/// As [`units`], to write.
#[inline(always)]
pub(crate) fn units_mut<V: Vector, const K: usize, const LANES: usize>(
    rows: &mut [[f32; LANES]],
) -> &mut [[V::Unit; K]] {
    bytemuck::try_cast_slice_mut(rows).unwrap_or_default()
}

/// A row of units as a row of floats.
#[inline(always)]
pub(crate) fn floats<V: Vector, const K: usize, const LANES: usize>(row: [V::Unit; K]) -> [f32; LANES] {
    bytemuck::try_cast(row).unwrap_or([0.0; LANES])
}

/// Reads a row.
#[inline(always)]
pub(crate) fn load<V: Vector, const K: usize>(vector: V, row: &[V::Unit; K]) -> [V::Register; K] {
    row.each_ref().map(
        #[inline(always)]
        |unit| vector.load(unit),
    )
}

/// Gives a row of registers back its form in memory.
#[inline(always)]
pub(crate) fn store<V: Vector, const K: usize>(vector: V, row: [V::Register; K]) -> [V::Unit; K] {
    row.map(
        #[inline(always)]
        |register| vector.store(register),
    )
}

/// Adds `w * x` to every lane of `sum`.
#[inline(always)]
pub(crate) fn multiply_add<V: Vector, const K: usize>(vector: V, sum: &mut [V::Register; K], w: f32, x: &[V::Unit; K]) {
    add_product(vector, sum, w, &load(vector, x));
}

/// As [`multiply_add`], with `x` in registers.
#[inline(always)]
pub(crate) fn add_product<V: Vector, const K: usize>(
    vector: V,
    sum: &mut [V::Register; K],
    w: f32,
    x: &[V::Register; K],
) {
    let w = vector.splat(w);
    for (sum, &x) in sum.iter_mut().zip(x) {
        *sum = vector.add(*sum, vector.mul(w, x));
    }
}

/// The lane-wise products of two rows, added up over their units in order; folding them gives the dot product.
#[inline(always)]
pub(crate) fn partial_dot<V: Vector, const K: usize>(vector: V, a: &[V::Register; K], b: &[V::Unit; K]) -> V::Register {
    let mut sum = None;
    for (&a, b) in a.iter().zip(b) {
        let product = vector.mul(a, vector.load(b));
        sum = Some(match sum {
            None => product,
            Some(sum) => vector.add(sum, product),
        });
    }
    if let Some(sum) = sum { sum } else { vector.splat(0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dot_product_of_a_row_is_the_same_on_units_of_one_and_sixteen_where_sums_are_exact() {
        let a: [f32; 64] = core::array::from_fn(|i| i as f32);
        let wide = units::<Sixteen, 4, 64>(core::slice::from_ref(&a));
        let narrow = units::<One, 64, 64>(core::slice::from_ref(&a));
        let wide = Sixteen.fold(partial_dot(Sixteen, &load(Sixteen, &wide[0]), &wide[0]));
        let narrow = partial_dot(One, &load(One, &narrow[0]), &narrow[0]);
        assert_eq!((wide, narrow), (85_344.0, 85_344.0));
    }

    #[test]
    fn folding_adds_halves() {
        let mut register = [0.0; 16];
        (register[0], register[8], register[1]) = (1e8, -1e8, 1.0);
        assert_eq!(Sixteen.fold(register), 1.0);
        assert_eq!(Sixteen.fold_16([register; 16]), [1.0; 16]);
    }
}
