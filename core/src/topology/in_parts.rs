//! An evolution that is cut into parts, for a control loop that cannot wait for a whole one.
//!
//! The parts run the code of a whole evolution on some connections or rows at a time, in the same order, so the bits are
//! those of [`Mlp::evolve`].

use crate::error::TrainError;
use crate::network::mlp::Mlp;
use crate::network::model::Layer;
use crate::sparse::budget::{Budget, Pace};
use crate::sparse::index::{Format, Index};
use crate::sparse::transpose::Transposition;
use crate::step::id::StepId;
use crate::topology::evolve::{Evolution, regrow, regrowth};
use crate::topology::grow::place::GrowthState;
use crate::topology::prune::compact::{Compaction, compact};
use crate::topology::prune::magnitude::Magnitude;
use crate::topology::prune::select::{BelowCut, FEW_DIGITS, Selection, fraction};
use crate::topology::scratch::Scratch;

/// An evolution in parts: [`Mlp::evolve_in_parts`] begins it, and [`evolve_some`](EvolutionInParts::evolve_some) goes on
/// with it until it is done.
///
/// The network is borrowed until then: between two parts its structure is not sound, and nothing can be computed with it.
/// An evolution that is dropped before its end does the rest at once.
#[derive(Debug)]
pub struct EvolutionInParts<'n, 'a, F: Format, const LANES: usize, const LAYERS: usize> {
    network: &'n mut Mlp<'a, F, LANES, LAYERS>,
    evolution: Evolution,
    id: StepId,
    /// The layer that evolves.
    layer: usize,
    work: Work<F::Pointer>,
    replaced: usize,
}

/// The removal of the weights of smallest magnitude.
type Removal = Compaction<BelowCut<Magnitude, ()>>;

/// What is done with a layer, and how far.
#[derive(Debug)]
enum Work<P> {
    /// Counts digits of the weights from `at` on, to find those of smallest magnitude.
    Select { selection: Selection<P, FEW_DIGITS>, at: usize },
    /// Removes them from the rows that end at the pointers from `row` on.
    Remove { compaction: Removal, row: usize },
    /// Regrows as many as were `removed`.
    Grow { growth: GrowthState, removed: usize },
    /// Brings the transposed index up to date.
    Transpose(Transposition),
}

impl<P: Index> Work<P> {
    /// The first thing that is done with a layer.
    fn first() -> Self {
        Self::Select { selection: Selection::new(), at: 0 }
    }
}

impl<'a, F: Format, const LANES: usize, const LAYERS: usize> Mlp<'a, F, LANES, LAYERS> {
    /// Begins an evolution that is cut into parts. All parts together do what [`Mlp::evolve`] does, bit for bit.
    ///
    /// ```
    /// use rewire_core::prelude::*;
    ///
    /// const LAYERS: [LayerSpec; 2] = [
    ///     LayerSpec::sparse(12, 8, 40, Activation::Relu).input_major(),
    ///     LayerSpec::dense(8, 2, Activation::Identity),
    /// ];
    /// const NETWORK: Description = Description::training(&LAYERS, 1);
    /// let mut block = Block::<{ NETWORK.bytes::<Narrow, 1>() }>::new();
    /// let mut network = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut block.0)?;
    /// network.initialise(&Portable, 1, FanIn::Connections);
    /// let evolution = Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections)?;
    /// let mut parts = network.evolve_in_parts(&evolution, 1, 1)?;
    /// let replaced = loop {
    ///     // Here the control loop does what cannot wait.
    ///     if let Some(replaced) = parts.evolve_some(20) {
    ///         break replaced;
    ///     }
    /// };
    /// assert_eq!(replaced, 11);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Mlp::evolve`]; a pruning rule other than magnitude, percolation, or Hebbian growth; layers in blocks.
    pub fn evolve_in_parts<'n>(
        &'n mut self,
        evolution: &Evolution,
        seed: u64,
        epoch: u32,
    ) -> Result<EvolutionInParts<'n, 'a, F, LANES, LAYERS>, TrainError> {
        self.check_evolution(evolution, false)?;
        if evolution.has_options() {
            return Err(TrainError::NotInParts);
        }
        self.check_no_blocks("an evolution in parts")?;
        let id = StepId { seed, epoch, step: 0 };
        Ok(EvolutionInParts { network: self, evolution: *evolution, id, layer: 0, work: Work::first(), replaced: 0 })
    }
}

impl<F: Format, const LANES: usize, const LAYERS: usize> EvolutionInParts<'_, '_, F, LANES, LAYERS> {
    /// Goes on with the evolution, and returns how many connections were replaced once it is done.
    ///
    /// A part visits at most `budget` connections and rows, or one row where that has more; a random draw counts as eight
    /// of them, and a connection that is regrown as those of its row. Each connection is visited about nine times in all.
    pub fn evolve_some(&mut self, budget: usize) -> Option<usize> {
        let mut budget = Budget::new(budget);
        // Every sparse layer but the last.
        while self.layer + 1 < self.network.layers.len() {
            if self.network.layers.get(self.layer).is_some_and(|layer| !layer.spec.is_dense())
                && !self.go_on(&mut budget)
            {
                return None;
            }
            (self.layer, self.work) = (self.layer + 1, Work::first());
        }
        Some(self.replaced)
    }

    /// Goes on with a layer; returns whether it is done.
    fn go_on(&mut self, budget: &mut impl Pace) -> bool {
        let Mlp { layers, workspace, .. } = &mut *self.network;
        let Some(layer) = layers.get_mut(self.layer) else { return true };
        loop {
            let next = match &mut self.work {
                Work::Select { selection, at } => select(layer, selection, at, self.evolution.zeta(), budget)
                    .map(|compaction| Work::Remove { compaction, row: 0 }),
                Work::Remove { compaction, row } => remove(layer, compaction, row, budget).then(|| {
                    let growth = regrowth(layer, self.id, self.layer as u32);
                    Work::Grow { removed: growth.additions, growth }
                }),
                Work::Grow { growth, removed } => {
                    let Some(mut scratch) = Scratch::of(workspace, self.layer) else { return true };
                    let index = self.layer as u32;
                    let done = regrow(layer, &self.evolution, growth, index, &mut scratch, budget);
                    if done {
                        self.replaced += growth.additions;
                        if *removed == 0 {
                            return true;
                        }
                    }
                    done.then_some(Work::Transpose(Transposition::new()))
                }
                Work::Transpose(at) => return layer.transpose_some(at, budget),
            };
            match next {
                Some(next) => self.work = next,
                None => return false,
            }
        }
    }
}

impl<F: Format, const LANES: usize, const LAYERS: usize> Drop for EvolutionInParts<'_, '_, F, LANES, LAYERS> {
    fn drop(&mut self) {
        while self.evolve_some(usize::MAX).is_none() {}
    }
}

/// Goes on with the selection; returns what is to be removed once that is known.
fn select<F: Format>(
    layer: &mut Layer<'_, F>,
    selection: &mut Selection<F::Pointer, FEW_DIGITS>,
    at: &mut usize,
    zeta: f32,
    budget: &mut impl Pace,
) -> Option<Removal> {
    let matrix = layer.csr_mut();
    let values = matrix.values.get(..matrix.nnz()).unwrap_or_default();
    loop {
        let end = *at + budget.rows(values.len().saturating_sub(*at));
        selection.count(values.get(*at..end).unwrap_or_default().iter().copied());
        *at = end;
        if end < values.len() || !budget.take(Selection::<F::Pointer, FEW_DIGITS>::CLOSING) {
            return None;
        }
        if let Some(cuts) = selection.close(fraction(zeta)) {
            return Some(Compaction::new(BelowCut::new(cuts, Magnitude)));
        }
        *at = 0;
    }
}

/// Goes on with the removal; returns whether it is done.
fn remove<F: Format>(
    layer: &mut Layer<'_, F>,
    compaction: &mut Removal,
    row: &mut usize,
    budget: &mut impl Pace,
) -> bool {
    let mut matrix = layer.csr_mut();
    while let Some(end) = matrix.indptr.get(*row) {
        if !budget.take(1 + end.to_usize().saturating_sub(compaction.read())) {
            return false;
        }
        compact(&mut matrix, compaction, *row..*row + 1);
        *row += 1;
    }
    true
}
