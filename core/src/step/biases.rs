//! The update of a layer's biases.

use core::ops::Range;

use crate::backend::Backend;
use crate::backend::vector::{Kernel, Vector, units};
use crate::kernel::weight_step::{self, TileUpdate};
use crate::network::model::Layer;
use crate::sparse::index::Format;
use crate::step::sgd::Update;

/// Updates the biases of a layer with the deltas of `tiles` tiles.
#[inline(always)]
pub(crate) fn update_biases<B: Backend, F: Format, const LANES: usize>(
    backend: &B,
    update: Update,
    tiles: usize,
    layer: &mut Layer<'_, F>,
    deltas: &[[f32; LANES]],
) {
    let bias = Bias { update, tiles, bias: layer.bias, velocity: layer.bias_velocity, deltas };
    backend.dispatch::<LANES, _>(bias);
}

/// Updates biases of a layer with the deltas of a single sample.
pub(crate) fn update_bias_rows<B: Backend, F: Format, const LANES: usize>(
    backend: &B,
    update: Update,
    layer: &mut Layer<'_, F>,
    rows: Range<usize>,
    deltas: &[[f32; LANES]],
) {
    let deltas = deltas.get(rows.clone()).unwrap_or_default();
    let velocity = layer.bias_velocity.get_mut(rows.clone()).unwrap_or_default();
    let bias = layer.bias.get_mut(rows).unwrap_or_default();
    backend.dispatch::<LANES, _>(Bias { update, tiles: 1, bias, velocity, deltas });
}

/// A layer's biases with all tiles of the minibatch.
pub(crate) struct Bias<'a, const LANES: usize> {
    pub(crate) update: Update,
    pub(crate) tiles: usize,
    pub(crate) bias: &'a mut [f32],
    pub(crate) velocity: &'a mut [f32],
    pub(crate) deltas: &'a [[f32; LANES]],
}

impl<const LANES: usize> Kernel for Bias<'_, LANES> {
    type Output = ();
    const NAME: &'static str = "update of biases";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(self, vector: V) {
        for (tile, deltas) in self.deltas.chunks_exact(self.bias.len().max(1)).take(self.tiles).enumerate() {
            let step = TileUpdate { update: self.update, first: tile == 0, last: tile + 1 == self.tiles };
            weight_step::bias(vector, step, self.bias, self.velocity, units::<V, K, LANES>(deltas));
        }
    }
}
