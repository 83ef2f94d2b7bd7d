//! The initial topology and the evolution of a layer in blocks: block by block, each as an ordinary small layer.
//!
//! One threshold for each sign says which weights of all blocks are pruned. Each block regrows as many connections as it lost,
//! so it keeps its number for ever and nothing moves between blocks.

use crate::random::{Generator, Purpose};
use crate::sparse::bf16::{Rounding, decode, decode_into};
use crate::sparse::blocks::Blocks;
use crate::sparse::budget::Unlimited;
use crate::sparse::csr::{CsrMut, row_lengths, take_mut};
use crate::sparse::index::InBlock;
use crate::step::id::StepId;
use crate::topology::grow::place::GrowthState;
use crate::topology::grow::random::grow_random;
use crate::topology::prune::compact::{Compaction, compact};
use crate::topology::prune::magnitude::Magnitude;
use crate::topology::prune::select::{BelowCut, MANY_DIGITS, fraction, select};
use crate::topology::scratch::Room;

/// The initial value of a weight.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Initial {
    /// Uniform within this bound either way.
    Within(f32),
    /// The same by the connections of the weight's neuron.
    ByRow(fn(usize) -> f32),
}

/// Numbers a layer's blocks differently from those of other layers.
fn number(layer: u32, block: usize) -> u32 {
    (block as u32).wrapping_add(layer << 27)
}

impl Blocks<'_> {
    /// A block as a matrix of floats without connections, and room for its rows to grow.
    fn unpack(&mut self, block: usize) -> (CsrMut<'_, InBlock>, Room<'_, u16>) {
        let (_, inputs) = self.geometry.cells(block);
        let places = self.geometry.places(block);
        let indptr = self.pointers.get_mut(self.geometry.pointers(block)).unwrap_or_default();
        let mut words = &mut *self.scratch;
        let values = take_mut(&mut words, places.len());
        let counters = take_mut(&mut words, indptr.len() / 2);
        let matrix = CsrMut {
            ncols: inputs.len(),
            indptr,
            indices: self.columns.get_mut(places).unwrap_or_default(),
            values: bytemuck::try_cast_slice_mut(values).unwrap_or_default(),
            velocity: &mut [],
        };
        (matrix, Room { counters: bytemuck::try_cast_slice_mut(counters).unwrap_or_default(), spare: words })
    }

    /// Stores the weights of a block that was unpacked.
    fn pack(&mut self, block: usize, rounding: Rounding) {
        let places = self.geometry.places(block);
        let values = self.scratch.get(..places.len()).unwrap_or_default();
        let values: &[f32] = bytemuck::try_cast_slice(values).unwrap_or_default();
        rounding.encode(places.start, values, self.weights.get_mut(places).unwrap_or_default());
    }

    /// Draws all connections, and their weights.
    pub(crate) fn initialise(&mut self, seed: u64, layer: u32, initial: Initial) {
        let rounding = Rounding::new(seed, Purpose::Block, 0, 0, number(layer, 0));
        for block in 0..self.geometry.blocks() {
            let mut generator = Generator::new(seed, Purpose::Block, 0, 0, number(layer, block));
            let (mut matrix, room) = self.unpack(block);
            matrix.indptr.fill(0);
            let mut growth = GrowthState::new(matrix.capacity(), generator.clone());
            grow_random(&mut matrix, &mut growth, room, |_| 0.0, &mut Unlimited);
            // Another stream than that of the positions.
            generator = Generator::new(seed, Purpose::Block, 0, 1, number(layer, block));
            let mut values = &mut *matrix.values;
            for len in row_lengths(matrix.indptr) {
                let limit = match initial {
                    Initial::Within(limit) => limit,
                    Initial::ByRow(limit) => limit(len),
                };
                for weight in take_mut(&mut values, len) {
                    *weight = generator.symmetric(limit);
                }
            }
            self.pack(block, rounding);
        }
    }

    /// Prunes the fraction `zeta` of the weights of each sign, those of smallest magnitude, and regrows as many; returns how
    /// many. `weight` gives regrown connections their values.
    pub(crate) fn evolve(
        &mut self,
        zeta: f32,
        id: StepId,
        layer: u32,
        mut weight: impl FnMut(&mut Generator) -> f32,
    ) -> usize {
        let StepId { seed, epoch, step } = id;
        let rounding = Rounding::new(seed, Purpose::BlockGrowth, epoch, step, number(layer, 0));
        // One threshold for all blocks.
        let weights = || self.weights.iter().map(|&stored| decode(stored));
        let cuts = select::<MANY_DIGITS, u32, _>(weights, fraction(zeta));
        let mut compaction = Compaction::new(BelowCut::new(cuts, Magnitude));
        let mut replaced = 0;
        for block in 0..self.geometry.blocks() {
            let places = self.geometry.places(block);
            let values = self.scratch.get_mut(..places.len()).unwrap_or_default();
            let values: &mut [f32] = bytemuck::try_cast_slice_mut(values).unwrap_or_default();
            decode_into(self.weights.get(places).unwrap_or_default(), values);
            let (mut matrix, room) = self.unpack(block);
            let rows = 0..matrix.indptr.len();
            compaction.begin();
            compact(&mut matrix, &mut compaction, rows);
            let removed = matrix.capacity() - matrix.nnz().min(matrix.capacity());
            if removed > 0 {
                let generator = Generator::new(seed, Purpose::BlockGrowth, epoch, step, number(layer, block));
                let mut growth = GrowthState::new(removed, generator);
                grow_random(&mut matrix, &mut growth, room, &mut weight, &mut Unlimited);
                replaced += growth.additions;
                self.pack(block, rounding);
            }
        }
        replaced
    }
}
