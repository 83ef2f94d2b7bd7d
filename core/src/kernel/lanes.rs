//! Arithmetic on one row of a tile, in the order that the determinism contract fixes.

/// Adds `w * x` to every lane of `sum`.
#[inline(always)]
pub(crate) fn multiply_add<const LANES: usize>(sum: &mut [f32; LANES], w: f32, x: &[f32; LANES]) {
    for (s, &x) in sum.iter_mut().zip(x) {
        *s += w * x;
    }
}

/// The sum over lanes of `a * b`.
///
/// Sixteen partial sums (eight below 16 lanes) run over the row in order; halves of them are then added until one is
/// left. With one lane it is the product.
#[inline(always)]
pub(crate) fn dot<const LANES: usize>(a: &[f32; LANES], b: &[f32; LANES]) -> f32 {
    if LANES == 1 {
        return a.iter().zip(b).map(|(a, b)| a * b).next().unwrap_or(0.0);
    }
    if LANES < 16 { fold(partial_sums::<LANES, 8>(a, b)) } else { fold(partial_sums::<LANES, 16>(a, b)) }
}

/// The sum over lanes of `a`, in the order of [`dot`].
#[inline(always)]
pub(crate) fn sum<const LANES: usize>(a: &[f32; LANES]) -> f32 {
    dot(a, &[1.0; LANES])
}

/// `WIDTH` partial sums of `a * b`: lane `k` goes to partial sum `k % WIDTH`.
#[inline(always)]
fn partial_sums<const LANES: usize, const WIDTH: usize>(a: &[f32; LANES], b: &[f32; LANES]) -> [f32; WIDTH] {
    let mut sums = [0.0; WIDTH];
    for (a, b) in a.as_chunks::<WIDTH>().0.iter().zip(b.as_chunks::<WIDTH>().0) {
        for ((s, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *s += a * b;
        }
    }
    sums
}

/// Adds the upper half to the lower half until one number is left.
#[inline(always)]
fn fold<const WIDTH: usize>(mut sums: [f32; WIDTH]) -> f32 {
    let mut half = WIDTH / 2;
    while half > 0 {
        let (low, high) = sums.split_at_mut(half.min(WIDTH));
        for (low, &high) in low.iter_mut().zip(&*high) {
            *low += high;
        }
        half /= 2;
    }
    sums.first().copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_at_hand() {
        assert_eq!(dot(&[3.0], &[4.0]), 12.0);
        let a: [f32; 64] = core::array::from_fn(|i| i as f32);
        assert_eq!(dot(&a, &[1.0; 64]), 2016.0);
        let b: [f32; 8] = core::array::from_fn(|i| i as f32);
        assert_eq!(dot(&b, &b), 140.0);
        assert_eq!(sum(&b), 28.0);
    }
}
