//! The samples of a minibatch, and which of several ranks will need each.

use crate::random::Permutation;

/// Who needs the samples of a minibatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Each of so many ranks needs those of its tiles, which have so many lanes.
    Shared { ranks: usize, lanes: usize },
    /// Every rank needs all.
    Everyone,
}

/// The samples of a minibatch, and which of several ranks will need each.
#[derive(Clone, Copy, Debug)]
pub struct Needed<'p> {
    pub(crate) order: Option<&'p Permutation>,
    pub(crate) start: u32,
    pub(crate) len: usize,
    pub(crate) whose: Whose,
}

impl Needed<'_> {
    /// Each sample's index and the rank that needs it, `None` where every rank does.
    pub fn each(&self) -> impl Iterator<Item = (u32, Option<usize>)> + '_ {
        (self.start..).zip(0..self.len).map(|(position, place)| {
            let rank = match self.whose {
                Whose::Shared { ranks, lanes } => Some(place / lanes.max(1) % ranks.max(1)),
                Whose::Everyone => None,
            };
            (self.order.map_or(position, |order| order.at(position)), rank)
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
        let needed = Needed { order: None, start: 10, len: 5, whose: Whose::Shared { ranks: 2, lanes: 2 } };
        let each: Vec<_> = needed.each().collect();
        assert_eq!(each, [(10, Some(0)), (11, Some(0)), (12, Some(1)), (13, Some(1)), (14, Some(0))]);
        let order = Permutation::new(3, 1, 20);
        let needed = Needed { order: Some(&order), whose: Whose::Everyone, ..needed };
        assert!(needed.each().eq((10..15).map(|position| (order.at(position), None))));
    }
}
