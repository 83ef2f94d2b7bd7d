//! How a layer's work is divided: among threads in halves, and in time by rows.

use core::ops::Range;

use crate::backend::Backend;
use crate::backend::vector::Kernel;
use crate::network::spec::LayerSpec;

/// Multiply-adds below which a block is not cut: it should outlast handing it over.
const MIN_BLOCK: usize = 1 << 18;

/// Work that can be cut into two parts that write disjoint memory.
pub(crate) trait Block: Kernel<Output = ()> + Send + Sized {
    /// Rows that it writes.
    fn rows(&self) -> usize;

    /// The rows before `row`, and the rest.
    fn split_at(self, row: usize) -> (Self, Self);

    /// These rows of it.
    fn part(self, rows: Range<usize>) -> Self {
        self.split_at(rows.end).0.split_at(rows.start).1
    }
}

/// Runs a block in `parts` parts.
pub(crate) fn run_block<const LANES: usize, B: Backend, T: Block>(backend: &B, parts: usize, block: T) {
    // One thread is known when compiling, where there is no other: what cuts blocks is then left out.
    if parts > 1 && backend.threads() > 1 {
        let middle = block.rows() / 2;
        let (a, b) = block.split_at(middle);
        let half = parts / 2;
        backend
            .join(|| run_block::<LANES, _, _>(backend, parts - half, a), || run_block::<LANES, _, _>(backend, half, b));
    } else {
        backend.dispatch::<LANES, _>(block);
    }
}

/// How much of a block is run, and in how many parts.
pub(crate) trait Run: Send {
    /// Whether it is all of a block, not a few rows for a part of a step.
    const WHOLE: bool;

    fn run<const LANES: usize, B: Backend, T: Block>(self, backend: &B, block: T);
}

/// All of it, in so many parts.
pub(crate) struct Parts(pub(crate) usize);

impl Run for Parts {
    const WHOLE: bool = true;

    fn run<const LANES: usize, B: Backend, T: Block>(self, backend: &B, block: T) {
        run_block::<LANES, _, _>(backend, self.0, block);
    }
}

impl Run for Range<usize> {
    const WHOLE: bool = false;

    fn run<const LANES: usize, B: Backend, T: Block>(self, backend: &B, block: T) {
        backend.dispatch::<LANES, _>(block.part(self));
    }
}

/// A backend, and the most parts that it is worth cutting a tile's pass over a layer into.
#[derive(Debug)]
pub(crate) struct Workers<'b, B> {
    pub(crate) backend: &'b B,
    pub(crate) parts: usize,
}

impl<B> Clone for Workers<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Workers<'_, B> {}

impl<'b, B: Backend> Workers<'b, B> {
    /// For a minibatch of `tiles` tiles.
    pub(crate) fn new(backend: &'b B, tiles: usize) -> Self {
        Self { backend, parts: backend.threads().div_ceil(tiles) }
    }

    /// Runs a pass over a layer of one tile.
    pub(crate) fn run<const LANES: usize, T: Block>(self, layer: &LayerSpec, block: T) {
        let parts = self.parts.min(layer.connections * LANES / MIN_BLOCK).max(1);
        run_block::<LANES, _, _>(self.backend, parts, block);
    }
}
