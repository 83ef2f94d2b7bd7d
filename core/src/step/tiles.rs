//! The buffers that a pass over a minibatch writes, and how they are cut into tiles.

use bytemuck::Pod;
use heapless::Vec;

use crate::activation::kind::Parameters;
use crate::samples::element::Element;
use crate::sparse::csr::take_mut;

/// Activations and deltas of a layer, for all tiles of a minibatch one after the other.
#[derive(Debug)]
pub(crate) struct LayerTiles<'a, const LANES: usize> {
    pub(crate) y: &'a mut [[f32; LANES]],
    /// Holds the sums of an activation that hides their sign until the backward pass overwrites them; empty in
    /// inference.
    pub(crate) delta: &'a mut [[f32; LANES]],
    /// Gradients by the parameters of the activation, summed over the tile; empty without such parameters.
    pub(crate) activation_gradients: &'a mut [Parameters],
}

/// Everything that a pass over a minibatch writes besides the model.
#[derive(Debug)]
pub(crate) struct Workspace<'a, X: Element, const LANES: usize, const LAYERS: usize> {
    pub(crate) input: &'a mut [[X; LANES]],
    pub(crate) layers: Vec<LayerTiles<'a, LANES>, LAYERS>,
    /// Gradients on their way through residual connections: room for the widest layer that has some; empty in inference.
    pub(crate) residual_gradients: &'a mut [[f32; LANES]],
    pub(crate) labels: &'a mut [[u16; LANES]],
}

/// Tiles that one call works on, with the buffers of all layers.
pub(crate) struct Tiles<'a, X: Element, const LANES: usize, const LAYERS: usize> {
    /// Index of the first of these tiles within the minibatch.
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) input: &'a mut [[X; LANES]],
    pub(crate) layers: Vec<LayerTiles<'a, LANES>, LAYERS>,
    /// Gradients on their way through residual connections: room for the widest layer that has some; empty in inference.
    pub(crate) residual_gradients: &'a mut [[f32; LANES]],
    pub(crate) labels: &'a mut [[u16; LANES]],
}

/// Where tiles are halved: the order in which their metrics are added follows from it.
pub(crate) const fn half(tiles: usize) -> usize {
    tiles.div_ceil(2)
}

impl<'a, X: Element, const LANES: usize, const LAYERS: usize> Tiles<'a, X, LANES, LAYERS> {
    /// The first `count` tiles of a workspace.
    pub(crate) fn new(workspace: &'a mut Workspace<'_, X, LANES, LAYERS>, count: usize) -> Self {
        let tiles = workspace.labels.len();
        let count = count.min(tiles);
        let mut layers = Vec::new();
        for tile in &mut workspace.layers {
            // Both have the capacity of the vector they are taken from, here and in `split`.
            let _ = layers.push(LayerTiles {
                y: cut(&mut &mut *tile.y, tiles, count).0,
                delta: cut(&mut &mut *tile.delta, tiles, count).0,
                activation_gradients: cut(&mut &mut *tile.activation_gradients, tiles, count).0,
            });
        }
        let input = cut(&mut &mut *workspace.input, tiles, count).0;
        let residual_gradients = cut_residual(&mut &mut *workspace.residual_gradients, tiles, count).0;
        let labels = cut(&mut &mut *workspace.labels, tiles, count).0;
        Self { first: 0, count, input, layers, residual_gradients, labels }
    }

    /// The first `count` tiles, and the rest.
    pub(crate) fn split(mut self, count: usize) -> (Self, Self) {
        let (tiles, count) = (self.count.max(1), count.min(self.count));
        let input_rows = self.input.len() / tiles * count;
        let (residual_gradients, residual_rest) = cut_residual(&mut self.residual_gradients, tiles, count);
        let (mut input, mut labels) = (self.input, self.labels);
        let mut top = Tiles {
            first: self.first,
            count,
            input: take_mut(&mut input, input_rows),
            layers: Vec::new(),
            residual_gradients,
            labels: take_mut(&mut labels, count),
        };
        let mut rest = Tiles {
            first: self.first + count,
            count: self.count - count,
            input,
            layers: Vec::new(),
            residual_gradients: residual_rest,
            labels,
        };
        // Not by value: the iterator's end would have a place to panic in.
        for LayerTiles { y, delta, activation_gradients } in &mut self.layers {
            let (y, y_rest) = cut(y, tiles, count);
            let (delta, delta_rest) = cut(delta, tiles, count);
            let (activation_gradients, gradients_rest) = cut(activation_gradients, tiles, count);
            let _ = top.layers.push(LayerTiles { y, delta, activation_gradients });
            let _ = rest.layers.push(LayerTiles { y: y_rest, delta: delta_rest, activation_gradients: gradients_rest });
        }
        (top, rest)
    }
}

/// The rows of the first `count` of `tiles` tiles, and the rest.
fn cut<'a, T>(rows: &mut &'a mut [T], tiles: usize, count: usize) -> (&'a mut [T], &'a mut [T]) {
    let mut rows = core::mem::take(rows);
    let at = rows.len() / tiles.max(1) * count;
    (take_mut(&mut rows, at), rows)
}

/// [`cut`], for gradients through residual connections, which tiles of one sample never have.
#[inline(always)]
fn cut_residual<'a, const LANES: usize>(
    rows: &mut &'a mut [[f32; LANES]],
    tiles: usize,
    count: usize,
) -> (&'a mut [[f32; LANES]], &'a mut [[f32; LANES]]) {
    if LANES > 1 { cut(rows, tiles, count) } else { (&mut [], &mut []) }
}

/// A tile as bytes.
pub(crate) fn bytes<X: Element, const LANES: usize>(rows: &mut [[X; LANES]]) -> &mut [u8] {
    bytemuck::try_cast_slice_mut(rows.as_flattened_mut()).unwrap_or_default()
}

/// Counters or sums for one layer's rows or columns, borrowed from a tile that is free while no pass runs.
pub(crate) fn counters<C: Pod>(tile: &mut [u8]) -> &mut [C] {
    let whole = tile.len() / size_of::<C>() * size_of::<C>();
    bytemuck::try_cast_slice_mut(tile.get_mut(..whole).unwrap_or_default()).unwrap_or_default()
}
