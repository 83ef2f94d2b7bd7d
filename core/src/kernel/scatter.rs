//! The same sums as [`gather`](crate::kernel::gather), spread from the side that is stored in rows: what a
//! microcontroller does, which keeps no transposed index and skips inputs that are zero.

use crate::csr::CsrRef;
use crate::index::{Format, Index};
use crate::kernel::lanes::multiply_add;

/// Computes `W' x` into `out`: row `r` of `W` adds `x[r]` times its weights to the rows of `out` that its columns name.
///
/// Shapes: `W` CSR `[n, m]`; `x` `[n][LANES]`; `out` `[m][LANES]`, overwritten.
/// A row whose input is zero in every lane is skipped: it would add zeros, and no sum that starts at +0 can be -0.
#[inline(always)]
pub(crate) fn rows<F: Format, const LANES: usize>(w: CsrRef<'_, F>, x: &[[f32; LANES]], out: &mut [[f32; LANES]]) {
    for row in out.iter_mut() {
        *row = [0.0; LANES];
    }
    for ((cols, values), x) in w.rows().zip(x) {
        if x.iter().all(|&x| x == 0.0) {
            continue;
        }
        for (col, &w) in cols.iter().zip(values) {
            if let Some(sum) = out.get_mut(col.to_usize()) {
                multiply_add(sum, w, x);
            }
        }
    }
}
