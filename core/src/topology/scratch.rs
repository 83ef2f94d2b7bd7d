//! Memory that initialisation and evolution count in: tiles, whose contents nobody reads between steps.

use heapless::Vec;

use crate::backend::Backend;
use crate::network::model::Layer;
use crate::network::spec::Storage;
use crate::samples::element::Element;
use crate::sparse::index::{Format, Index};
use crate::step::tiles::{LayerTiles, Workspace, bytes, counters};

/// Tiles that a layer may count in while no pass runs: no other layer uses the same.
pub(crate) struct Scratch<'a> {
    /// At least one byte an input of the first layer, four an input of the others.
    pub(crate) inputs: &'a mut [u8],
    /// At least four bytes an output neuron.
    pub(crate) outputs: &'a mut [u8],
}

/// What the growth of a matrix works in.
pub(crate) struct Room<'a, C> {
    /// One a row.
    pub(crate) counters: &'a mut [C],
    /// What is left over: four bytes a column, where inputs are floats.
    pub(crate) spare: &'a mut [u32],
}

impl<'a> Scratch<'a> {
    /// What a layer, by index, of a network that trains may count in: the activations below it and its own deltas.
    pub(crate) fn of<X: Element, const LANES: usize, const LAYERS: usize>(
        workspace: &'a mut Workspace<'_, X, LANES, LAYERS>,
        index: usize,
    ) -> Option<Self> {
        let (below, tiles) = workspace.layers.split_at_mut_checked(index)?;
        let inputs = match below.last_mut() {
            Some(tile) => bytes(tile.y),
            None => bytes(workspace.input),
        };
        Some(Self { inputs, outputs: bytes(tiles.first_mut()?.delta) })
    }

    /// Bytes of both sides of what a layer, by index, of a network that trains may count in.
    pub(crate) fn room_of<X: Element, const LANES: usize, const LAYERS: usize>(
        workspace: &Workspace<'_, X, LANES, LAYERS>,
        index: usize,
    ) -> [usize; 2] {
        let below = index.checked_sub(1).and_then(|below| workspace.layers.get(below));
        let inputs = below.map_or(size_of_val(workspace.input), |tile| size_of_val(tile.y));
        [inputs, workspace.layers.get(index).map_or(0, |tile| size_of_val(tile.delta))]
    }

    /// Room for the rows of the stored matrix to grow.
    pub(crate) fn room<C: Index>(&mut self, storage: Storage) -> Room<'_, C> {
        let (rows, cols) = match storage {
            Storage::InputMajor => (&mut *self.inputs, &mut *self.outputs),
            Storage::Dense | Storage::OutputMajor | Storage::Blocked => (&mut *self.outputs, &mut *self.inputs),
        };
        Room { counters: counters(rows), spare: counters(cols) }
    }

    /// Sums for the columns of the stored matrix: one for each, where inputs are floats.
    pub(crate) fn columns(&mut self, storage: Storage) -> &mut [f32] {
        match storage {
            Storage::InputMajor => counters(self.outputs),
            Storage::Dense | Storage::OutputMajor | Storage::Blocked => counters(self.inputs),
        }
    }
}

/// Calls `work` for each layer with its index and scratch, perhaps on several threads; returns the sum.
///
/// A layer's scratch is the activations below it and its own deltas. Without deltas, in inference, it is its own
/// activations, which the layer above would take for its inputs: one layer then follows the other.
pub(crate) fn each_layer<B: Backend, F: Format, X: Element, const LANES: usize, const LAYERS: usize>(
    backend: &B,
    layers: &mut [Layer<'_, F>],
    workspace: &mut Workspace<'_, X, LANES, LAYERS>,
    has_deltas: bool,
    work: &(impl Fn(&mut Layer<'_, F>, u32, &mut Scratch<'_>) -> usize + Sync),
) -> usize {
    if has_deltas && backend.threads() > 1 {
        let mut scratch = Vec::<_, LAYERS>::new();
        let mut inputs = bytes(workspace.input);
        for LayerTiles { y, delta, .. } in &mut workspace.layers {
            // The same capacity as the vector it comes from.
            let _ = scratch.push(Scratch { inputs, outputs: bytes(delta) });
            inputs = bytes(y);
        }
        return halves(backend, layers, &mut scratch, 0, work);
    }
    let mut inputs = bytes(workspace.input);
    let each = (0..).zip(layers.iter_mut().zip(&mut workspace.layers));
    each.map(|(index, (layer, LayerTiles { y, delta, .. }))| {
        let y = bytes(y);
        let outputs = if has_deltas { bytes(delta) } else { &mut *y };
        let done = work(layer, index, &mut Scratch { inputs: core::mem::take(&mut inputs), outputs });
        inputs = y;
        done
    })
    .sum()
}

/// Halves the layers until one is left.
fn halves<B: Backend, F: Format>(
    backend: &B,
    layers: &mut [Layer<'_, F>],
    scratch: &mut [Scratch<'_>],
    first: u32,
    work: &(impl Fn(&mut Layer<'_, F>, u32, &mut Scratch<'_>) -> usize + Sync),
) -> usize {
    let half = layers.len() / 2;
    if half > 0
        && let Some((top, rest)) = layers.split_at_mut_checked(half)
        && let Some((top_scratch, rest_scratch)) = scratch.split_at_mut_checked(half)
    {
        let (a, b) = backend.join(
            || halves(backend, top, top_scratch, first, work),
            || halves(backend, rest, rest_scratch, first + half as u32, work),
        );
        return a + b;
    }
    layers.first_mut().zip(scratch.first_mut()).map_or(0, |(layer, scratch)| work(layer, first, scratch))
}
