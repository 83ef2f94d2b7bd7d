//! The same sums as [`gather`](crate::kernel::gather), spread from the side that is stored in rows: what a
//! microcontroller does, which keeps no transposed index and skips inputs that are zero.

use crate::csr::CsrRef;
use crate::element::Element;
use crate::index::Format;
use crate::kernel::nonzero::{self, TableMut};
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
    if V::SINGLE {
        if let Ok(out) = <&mut [_; 256]>::try_from(&mut *out) {
            return scatter::<F, X, V, _, K, LANES>(vector, w, x, out);
        }
        if let Ok(out) = <&mut [_; 128]>::try_from(&mut *out) {
            return scatter::<F, X, V, _, K, LANES>(vector, w, x, out);
        }
    }
    scatter::<F, X, V, _, K, LANES>(vector, w, x, out);
}

#[inline(always)]
fn scatter<F: Format, X: Element, V: Vector, T, const K: usize, const LANES: usize>(
    vector: V,
    w: CsrRef<'_, F>,
    x: &[[X; LANES]],
    out: &mut T,
) where
    T: TableMut<[V::Unit; K]> + ?Sized,
{
    nonzero::each::<X, V, K, LANES>(
        X::rows::<V, K, LANES>(x),
        #[inline(always)]
        |row, x| {
            let x = X::load::<V, K, LANES>(vector, x);
            let (cols, values) = w.row(row);
            nonzero::pairs(
                cols,
                values,
                #[inline(always)]
                |col, w| {
                    if let Some(out) = out.at_mut(col) {
                        let mut sum = load(vector, out);
                        let w = vector.splat(w);
                        for (sum, &x) in sum.iter_mut().zip(&x) {
                            *sum = vector.add(*sum, vector.mul(w, x));
                        }
                        *out = store(vector, sum);
                    }
                },
            );
        },
    );
}
