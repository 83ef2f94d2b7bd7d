//! Ranks: processes, on one machine or many, that train one network together.
//!
//! Every rank holds the whole network. A minibatch's tiles are shared out, and each parameter has an owner among the
//! ranks: it receives the gradients of all tiles, adds them in the order of the tiles and sends the new velocity to all.
//! A sum has the same order as on one rank, and so the same bits. Evolution and all else is done by every rank alike.
//!
//! ```text
//! tile        0  1  2  3  4        of a minibatch, five in all
//! its rank    0  1  2  0  1        of three: two rounds
//! ```

use core::fmt::Debug;

/// What moves numbers between ranks. Every rank calls the same methods in the same order, each with slices of the same
/// lengths.
pub trait Exchange: Debug + Sync {
    /// The rank of this process, counted from 0.
    fn rank(&self) -> usize;

    /// How many ranks there are.
    fn ranks(&self) -> usize;

    /// Lends `work` memory for so many floats, or more. A network asks for at most as many as
    /// [`Description::exchanged`](crate::network::Description::exchanged) tells before, a source of samples for what it sends and
    /// receives in [`bring`](crate::samples::SampleSource::bring).
    fn lend(&self, floats: usize, work: &mut dyn FnMut(&mut [f32]));

    /// Each of the first `senders` ranks sends the parts of `send` to the ranks in order, one to each: `send` has as many
    /// equal parts as there are ranks. `receive` begins with the parts that come here, in the order of their senders.
    fn all_to_all(&self, send: &[f32], senders: usize, receive: &mut [f32]);

    /// Sends `own` to every rank; `all` gets those of all ranks, in their order.
    fn all_gather(&self, own: &[f32], all: &mut [f32]);
}

/// How ranks share out the tiles of a minibatch and the parameters of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Shares {
    /// Ranks.
    pub ranks: usize,
    /// Tiles that a rank has at most: as many rounds of sending gradients.
    pub rounds: usize,
    /// Parameters that a rank owns; the last ones may own less.
    pub parameters: usize,
}

impl Shares {
    /// Floats of a tile's metrics.
    pub(crate) const METRICS: usize = 4;

    /// Shares of so many tiles and parameters.
    pub(crate) const fn new(ranks: usize, tiles: usize, parameters: usize) -> Self {
        let ranks = if ranks > 1 { ranks } else { 1 };
        // Whole neurons of learned activations, which have four parameters each and come first.
        let parameters = parameters.div_ceil(ranks).next_multiple_of(4);
        Self { ranks, rounds: tiles.div_ceil(ranks), parameters }
    }

    /// The rank that runs a tile of a minibatch.
    pub(crate) const fn rank_of(&self, tile: usize) -> usize {
        tile % self.ranks
    }

    /// Tiles of a rank.
    pub(crate) const fn tiles(&self, rank: usize, tiles: usize) -> usize {
        tiles.saturating_sub(rank).div_ceil(self.ranks)
    }

    /// Floats that a rank needs to work in: gradients of all parameters to send, as many of its own parameters to receive.
    pub const fn floats(&self) -> usize {
        let gradients = self.parameters.saturating_mul(2 * self.ranks);
        let metrics = self.rounds.saturating_mul(Self::METRICS * (self.ranks + 1));
        if gradients > metrics { gradients } else { metrics }
    }

    /// Bytes that a rank sends to others in a step of `tiles` tiles.
    pub const fn sent(&self, rank: usize, tiles: usize) -> usize {
        self.moved(self.tiles(rank, tiles).saturating_mul(self.ranks - 1))
    }

    /// Bytes that a rank receives from others in a step of `tiles` tiles.
    pub const fn received(&self, rank: usize, tiles: usize) -> usize {
        self.moved(tiles.saturating_sub(self.tiles(rank, tiles)))
    }

    /// Bytes of so many parts of gradients, and of the velocities and metrics of a step.
    const fn moved(&self, gradients: usize) -> usize {
        let gathered = self.parameters.saturating_add(self.rounds * Self::METRICS);
        let floats = gradients.saturating_mul(self.parameters).saturating_add(gathered.saturating_mul(self.ranks - 1));
        floats.saturating_mul(size_of::<f32>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_by_hand() {
        // Five tiles over three ranks: 0 3, 1 4, 2. Ten parameters: four each.
        let shares = Shares::new(3, 5, 10);
        assert_eq!(shares, Shares { ranks: 3, rounds: 2, parameters: 4 });
        assert_eq!([0, 1, 2].map(|rank| shares.tiles(rank, 5)), [2, 2, 1]);
        // Two parts of four to each of two others, and four velocities and eight numbers of metrics to each.
        assert_eq!(shares.sent(0, 5), 4 * (2 * 2 * 4 + 2 * (4 + 8)));
        assert_eq!(shares.received(0, 5), 4 * (3 * 4 + 2 * (4 + 8)));
        let ranks = || 0..3;
        let [sent, received]: [usize; 2] =
            [ranks().map(|rank| shares.sent(rank, 5)).sum(), ranks().map(|rank| shares.received(rank, 5)).sum()];
        assert_eq!(sent, received);
    }

    #[test]
    fn one_rank_sends_nothing() {
        let shares = Shares::new(1, 5, 10);
        assert_eq!((shares.sent(0, 5), shares.received(0, 5)), (0, 0));
    }
}
