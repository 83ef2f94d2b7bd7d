//! The samples of a minibatch, and which of several ranks will need each.

use crate::backend::Shares;
use crate::random::Permutation;

/// Which samples of a source a pass takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Minibatch<'p> {
    /// Maps positions to samples; evaluation takes them in order.
    pub(crate) order: Option<&'p Permutation>,
    /// Position of the first sample.
    pub(crate) start: u32,
    /// Samples.
    pub(crate) len: usize,
}

impl Minibatch<'_> {
    /// The sample at a place, also where there is none: then a number that nobody uses.
    #[inline(always)]
    pub(crate) fn sample(&self, place: usize) -> u32 {
        let position = self.start + place as u32;
        self.order.map_or(position, |order| order.at(position))
    }
}

/// Who needs the samples of a minibatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Each rank needs those of its tiles, which have so many lanes.
    Shared { shares: Shares, lanes: usize },
    /// Every rank needs all.
    Everyone,
}

/// The samples of a minibatch, and which of several ranks will need each.
#[derive(Clone, Copy, Debug)]
pub struct Needed<'p> {
    pub(crate) minibatch: Minibatch<'p>,
    pub(crate) whose: Whose,
}

impl Needed<'_> {
    /// Each sample's index and the rank that needs it, `None` where every rank does.
    pub fn each(&self) -> impl Iterator<Item = (u32, Option<usize>)> + '_ {
        (0..self.minibatch.len).map(|place| {
            let rank = match self.whose {
                Whose::Shared { shares, lanes } => Some(shares.rank_of(place / lanes.max(1))),
                Whose::Everyone => None,
            };
            (self.minibatch.sample(place), rank)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn tiles_are_dealt_to_ranks_in_turn() {
        // Tiles of two samples: 0 and 1, 2 and 3 for ranks 0 and 1, then 4 for rank 0.
        let minibatch = Minibatch { order: None, start: 10, len: 5 };
        let needed = Needed { minibatch, whose: Whose::Shared { shares: Shares::new(2, 3, 0), lanes: 2 } };
        let each: Vec<_> = needed.each().collect();
        assert_eq!(each, [(10, Some(0)), (11, Some(0)), (12, Some(1)), (13, Some(1)), (14, Some(0))]);
        let order = Permutation::new(3, 1, 20);
        let needed = Needed { minibatch: Minibatch { order: Some(&order), ..minibatch }, whose: Whose::Everyone };
        assert!(needed.each().eq((10..15).map(|position| (order.at(position), None))));
    }
}
