//! Sums that are spread from the side which is stored in rows, forward or backward.

use crate::backend::vector::{Kernel, Vector, units_mut};
use crate::kernel::scatter;
use crate::samples::element::Element;
use crate::sparse::csr::CsrRef;
use crate::sparse::index::Format;

/// The whole of a layer: threads would write the same sums.
pub(crate) struct Scatter<'a, F: Format, X: Element, const LANES: usize> {
    pub(crate) w: CsrRef<'a, F>,
    pub(crate) x: &'a [[X; LANES]],
    pub(crate) out: &'a mut [[f32; LANES]],
}

impl<F: Format, X: Element, const LANES: usize> Kernel for Scatter<'_, F, X, LANES> {
    type Output = ();
    const NAME: &'static str = "scatter";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(self, vector: V) {
        scatter::rows::<F, X, V, K, LANES>(vector, self.w, self.x, units_mut::<V, K, LANES>(self.out));
    }
}
