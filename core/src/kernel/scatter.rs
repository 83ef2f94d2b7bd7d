//! The same sums as [`gather`](crate::kernel::gather), spread from the side that is stored in rows: what a
//! microcontroller does, which keeps no transposed index and skips inputs that are zero.

use crate::csr::CsrRef;
use crate::element::Element;
use crate::index::{Format, Index};
use crate::vector::{Vector, load, store};

/// Computes `W' x` into `out`: row `r` of `W` adds `x[r]` times its weights to the rows of `out` that its columns name.
///
/// Shapes: `W` CSR `[n, m]`; `x` `[n][LANES]`; `out` `[m][LANES]`, overwritten.
/// A row whose input is zero in every lane is skipped: it would add zeros, and no sum that starts at +0 can be -0.
#[inline(always)]
pub(crate) fn rows<F: Format, X: Element, V: Vector, const K: usize, const LANES: usize>(
    vector: V,
    w: CsrRef<'_, F>,
    x: &[[X; LANES]],
    out: &mut [[V::Unit; K]],
) {
    for row in out.iter_mut() {
        *row = bytemuck::Zeroable::zeroed();
    }
    for ((cols, values), x) in w.rows().zip(X::rows::<V, K, LANES>(x)) {
        if X::is_zero::<V, K, LANES>(x) {
            continue;
        }
        let x = X::load::<V, K, LANES>(vector, x);
        for (col, &w) in cols.iter().zip(values) {
            if let Some(out) = out.get_mut(col.to_usize()) {
                let mut sum = load(vector, out);
                let w = vector.splat(w);
                for (sum, &x) in sum.iter_mut().zip(&x) {
                    *sum = vector.add(*sum, vector.mul(w, x));
                }
                *out = store(vector, sum);
            }
        }
    }
}
