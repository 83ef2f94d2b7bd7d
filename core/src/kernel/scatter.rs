//! Computes the same sums as [`gather`](crate::kernel::gather), spread from the side that is stored in rows: what a
//! microcontroller does, which keeps no transposed index and skips inputs that are zero.

use crate::backend::vector::{Vector, add_product, load, store};
use crate::kernel::nonzero::{self, TableMut};
use crate::samples::element::Element;
use crate::sparse::csr::CsrRef;
use crate::sparse::index::{Format, Index};

/// Computes `W' x` into `out`: row `r` of `W` adds `x[r]` times its weights to the rows of `out` that its columns name.
///
/// Shapes: `W` CSR `[n, m]`; `x` `[n][LANES]`; `out` `[m][LANES]`, overwritten if these are `ALL` rows, else added to.
/// A row whose input is zero in every lane is skipped: it would add zeros, and no sum that starts at +0 can be -0.
#[inline(always)]
pub(crate) fn rows<F: Format, X: Element, V: Vector, const K: usize, const LANES: usize, const ALL: bool>(
    vector: V,
    w: CsrRef<'_, F>,
    x: &[[X; LANES]],
    out: &mut [[V::Unit; K]],
) {
    if ALL {
        for row in out.iter_mut() {
            *row = bytemuck::Zeroable::zeroed();
        }
    }
    if V::SINGLE && X::TABLES {
        // The first of all rows starts at 0, which is known when compiling.
        let base = if ALL { 0 } else { w.indptr().first().map_or(0, |pointer| pointer.to_usize()) };
        return nonzero::in_groups::<F::Pointer, X, LANES>(w.indptr(), x, |indptr, x| {
            let (w, x) = (CsrRef::trusted(w.ncols(), indptr, w.indices(), w.values()), X::rows::<V, K, LANES>(x));
            if let Ok(out) = <&mut [_; 256]>::try_from(&mut *out) {
                single::<F, X, V, _, K, LANES, ALL>(vector, w, base, x, out);
            } else if let Ok(out) = <&mut [_; 128]>::try_from(&mut *out) {
                single::<F, X, V, _, K, LANES, ALL>(vector, w, base, x, out);
            } else {
                single::<F, X, V, _, K, LANES, ALL>(vector, w, base, x, out);
            }
        });
    }
    let x = X::rows::<V, K, LANES>(x);
    for ((cols, values), x) in w.rows().zip(x) {
        if X::are_zero::<V, K, LANES>(core::slice::from_ref(x)) {
            continue;
        }
        let x = X::load::<V, K, LANES>(vector, x);
        for (col, &w) in cols.iter().zip(values) {
            if let Some(out) = out.get_mut(col.to_usize()) {
                add(vector, w, &x, out);
            }
        }
    }
}

/// Adds `w * x` to a row.
#[inline(always)]
fn add<V: Vector, const K: usize>(vector: V, w: f32, x: &[V::Register; K], out: &mut [V::Unit; K]) {
    let mut sum = load(vector, out);
    add_product(vector, &mut sum, w, x);
    *out = store(vector, sum);
}

/// The same for single samples. A function of its own: its loops then have the registers to themselves.
#[inline(never)]
fn single<F: Format, X: Element, V: Vector, T, const K: usize, const LANES: usize, const ALL: bool>(
    vector: V,
    w: CsrRef<'_, F>,
    base: usize,
    x: &[X::Row<V, K, LANES>],
    out: &mut T,
) where
    T: TableMut<[V::Unit; K]> + ?Sized,
{
    let (indices, values) = nonzero::alike(w.indices(), w.values());
    let base = if ALL { 0 } else { base };
    nonzero::each_of::<F::Pointer, X, V, K, LANES>(
        w.indptr(),
        base,
        x.as_chunks().0,
        indices.len(),
        #[inline(always)]
        |range, x| {
            let x = X::load::<V, K, LANES>(vector, x);
            if let (Some(cols), Some(values)) = (indices.get(range.clone()), values.get(range)) {
                nonzero::columns(
                    cols,
                    values,
                    #[inline(always)]
                    |col, w| {
                        if let Some(out) = out.at_mut(col) {
                            add(vector, w, &x, out);
                        }
                    },
                );
            }
        },
    );
}
