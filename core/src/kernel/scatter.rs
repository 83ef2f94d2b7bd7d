//! The same sums as [`gather`](crate::kernel::gather), spread from the side that is stored in rows: what a
//! microcontroller does, which keeps no transposed index and skips inputs that are zero.

use crate::csr::CsrRef;
use crate::index::{Format, Index};
use crate::vector::{Vector, load, multiply_add, store};

/// Computes `W' x` into `out`: row `r` of `W` adds `x[r]` times its weights to the rows of `out` that its columns name.
///
/// Shapes: `W` CSR `[n, m]`; `x` `[n][LANES]`; `out` `[m][LANES]`, overwritten.
/// A row whose input is zero in every lane is skipped: it would add zeros, and no sum that starts at +0 can be -0.
#[inline(always)]
pub(crate) fn rows<F: Format, V: Vector, const K: usize>(
    vector: V,
    w: CsrRef<'_, F>,
    x: &[[V::Unit; K]],
    out: &mut [[V::Unit; K]],
) {
    for row in out.iter_mut() {
        *row = bytemuck::Zeroable::zeroed();
    }
    for ((cols, values), x) in w.rows().zip(x) {
        if bytemuck::bytes_of(x).iter().all(|&byte| byte == 0) {
            continue;
        }
        for (col, &w) in cols.iter().zip(values) {
            if let Some(out) = out.get_mut(col.to_usize()) {
                let mut sum = load(vector, out);
                multiply_add(vector, &mut sum, w, x);
                *out = store(vector, sum);
            }
        }
    }
}
