//! Sums that are spread from the side which is stored in rows, forward or backward.

use core::ops::Range;

use crate::backend::Backend;
use crate::backend::vector::{Kernel, Vector, units_mut};
use crate::kernel::scatter;
use crate::samples::element::Element;
use crate::sparse::csr::CsrRef;
use crate::sparse::index::Format;

/// The whole of a layer if `ALL`: threads would write the same sums. Otherwise some rows, after those before them.
pub(crate) struct Scatter<'a, F: Format, X: Element, const LANES: usize, const ALL: bool> {
    pub(crate) w: CsrRef<'a, F>,
    pub(crate) x: &'a [[X; LANES]],
    pub(crate) out: &'a mut [[f32; LANES]],
}

impl<F: Format, X: Element, const LANES: usize> Scatter<'_, F, X, LANES, true> {
    /// Spreads from these rows alone; the first of all clears the sums.
    pub(crate) fn run_rows<B: Backend>(self, backend: &B, rows: Range<usize>) {
        let Self { w, x, out } = self;
        if rows.start == 0 {
            out.fill([0.0; LANES]);
        }
        let w = w.split_rows(rows.end).0.split_rows(rows.start).1;
        let part = Scatter::<F, X, LANES, false> { w, x: x.get(rows).unwrap_or_default(), out };
        backend.dispatch::<LANES, _>(part);
    }
}

impl<F: Format, X: Element, const LANES: usize, const ALL: bool> Kernel for Scatter<'_, F, X, LANES, ALL> {
    type Output = ();
    const NAME: &'static str = "scatter";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(self, vector: V) {
        scatter::rows::<F, X, V, K, LANES, ALL>(vector, self.w, self.x, units_mut::<V, K, LANES>(self.out));
    }
}
