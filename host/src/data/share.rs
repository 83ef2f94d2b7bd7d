//! Features of samples of which each of several ranks keeps a share. Those of others come to a rank for one minibatch at a time.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use rewire_core::backend::Exchange;
use rewire_core::samples::Needed;

use crate::data::samples::{Features, Split};

/// Who keeps the features of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keepers {
    /// All ranks, in turn: of `K` ranks, rank `r` has the samples at `r`, `r + K`, `r + 2 K`…
    InTurn,
    /// The first rank: it can measure samples without the others.
    First,
}

impl Keepers {
    /// Who of so many ranks keeps the sample at a position, and at which of its rows.
    fn of(self, position: u32, ranks: usize) -> (usize, usize) {
        let position = position as usize;
        match self {
            Self::InTurn => (position % ranks, position / ranks),
            Self::First => (0, position),
        }
    }
}

/// A sample whose features go from one rank to another.
#[derive(Clone, Copy)]
struct Move {
    position: u32,
    from: usize,
    to: usize,
}

/// Bytes that are sent together where all samples are dealt: few enough for little memory, many enough for few messages.
const DEALT: usize = 1 << 20;

/// The row of what was not brought: no row, so that no other sample is taken for it.
const NOWHERE: u32 = u32::MAX;

/// This rank's share of the features of some samples, which are known by their positions among them.
#[derive(Debug)]
pub struct Share {
    keepers: Keepers,
    rank: usize,
    ranks: usize,
    /// Features of a sample.
    width: usize,
    /// Bytes or floats, one sample after the other.
    kept: Features<'static>,
    lent: RwLock<Lent>,
}

/// Features that another rank keeps and this one needs now.
#[derive(Debug)]
pub struct Lent {
    /// The row of each position, or `NOWHERE`.
    rows: Vec<u32>,
    /// The positions that are here.
    positions: Vec<u32>,
    features: Features<'static>,
}

impl Share {
    /// Deals out the samples of `split` at `indices`. Every rank calls it; only the first has their features, of others the
    /// kind alone counts.
    pub fn deal(exchange: &dyn Exchange, keepers: Keepers, split: &Split<'_>, indices: &[u32], width: usize) -> Self {
        let (rank, ranks) = (exchange.rank(), exchange.ranks());
        let own = |&position: &u32| keepers.of(position, ranks).0 == rank;
        let count = (0..indices.len() as u32).filter(own).count();
        // At once, so that no growing copy is made.
        let mut kept = match split.features {
            Features::Floats(_) => Features::Floats(Vec::with_capacity(count * width).into()),
            Features::Bytes(_) | Features::Synthetic(_) => Features::Bytes(Vec::with_capacity(count * width).into()),
        };
        let bytes = row_bytes(&kept, width);
        let (len, together) = (indices.len() as u32, (DEALT / bytes.max(1)).max(1));
        let read = |position: u32| row(&split.features, width, indices[position as usize] as usize);
        if rank == 0 {
            (0..len).filter(own).for_each(|position| append(&mut kept, read(position)));
        }
        for start in (0..len).step_by(together) {
            let positions = start..len.min(start.saturating_add(together as u32));
            let moves =
                || positions.clone().map(|position| Move { position, from: 0, to: keepers.of(position, ranks).0 });
            transfer(exchange, bytes, &moves, &read, &mut |_, bytes| append(&mut kept, bytes));
        }
        let lent = Lent { rows: vec![NOWHERE; indices.len()], positions: Vec::new(), features: kept.none() };
        Self { keepers, rank, ranks, width, kept, lent: RwLock::new(lent) }
    }

    /// Brings the features of samples to the ranks that need them and do not keep them.
    pub fn bring(&self, exchange: &dyn Exchange, needed: &Needed<'_>) {
        let mut lent = self.lent.write().unwrap_or_else(PoisonError::into_inner);
        let Lent { rows, positions, features } = &mut *lent;
        positions.drain(..).for_each(|position| rows[position as usize] = NOWHERE);
        clear(features);
        let moves = || {
            needed.each().flat_map(|(position, to)| {
                let (from, _) = self.keepers.of(position, self.ranks);
                let to = to.map_or(0..self.ranks, |to| to..to + 1);
                to.map(move |to| Move { position, from, to })
            })
        };
        let read = |position: u32| row(&self.kept, self.width, self.keepers.of(position, self.ranks).1);
        transfer(exchange, row_bytes(&self.kept, self.width), &moves, &read, &mut |position, bytes| {
            rows[position as usize] = positions.len() as u32;
            positions.push(position);
            append(features, bytes);
        });
    }

    /// Bytes or floats that this rank keeps.
    pub fn kept(&self) -> &Features<'static> {
        &self.kept
    }

    /// What others keep and this rank was lent.
    pub fn lent(&self) -> RwLockReadGuard<'_, Lent> {
        self.lent.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The features of the sample at a position: this rank's own among `kept`, or else among `lent`.
    pub fn sample<'v, T>(&self, position: u32, kept: &'v [T], lent: (&Lent, &'v [T])) -> &'v [T] {
        let (keeper, own) = self.keepers.of(position, self.ranks);
        let (values, row) =
            if keeper == self.rank { (kept, own) } else { (lent.1, lent.0.rows[position as usize] as usize) };
        &values[row * self.width..][..self.width]
    }
}

impl Lent {
    /// Features that are bytes.
    pub fn bytes(&self) -> &[u8] {
        if let Features::Bytes(values) = &self.features { values } else { &[] }
    }

    /// Features that are floats.
    pub fn floats(&self) -> &[f32] {
        if let Features::Floats(values) = &self.features { values } else { &[] }
    }
}

/// The features of a sample as bytes.
fn row<'v>(features: &'v Features<'_>, width: usize, sample: usize) -> &'v [u8] {
    match features {
        Features::Bytes(values) => &values[sample * width..][..width],
        Features::Floats(values) => bytemuck::cast_slice(&values[sample * width..][..width]),
        Features::Synthetic(_) => &[],
    }
}

fn row_bytes(features: &Features<'_>, width: usize) -> usize {
    if matches!(features, Features::Floats(_)) { width * size_of::<f32>() } else { width }
}

fn append(features: &mut Features<'static>, bytes: &[u8]) {
    match features {
        Features::Bytes(values) => values.to_mut().extend_from_slice(bytes),
        Features::Floats(values) => {
            values.to_mut().extend(bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned::<f32>));
        }
        Features::Synthetic(_) => {}
    }
}

fn clear(features: &mut Features<'static>) {
    match features {
        Features::Bytes(values) => values.to_mut().clear(),
        Features::Floats(values) => values.to_mut().clear(),
        Features::Synthetic(_) => {}
    }
}

/// Sends the features of samples, which are so many bytes each, from rank to rank: `read` gives those that leave this one,
/// `write` gets those that come. Every rank has the same moves in the same order. Those from a rank to itself are left out.
fn transfer<'v, M: Iterator<Item = Move>>(
    exchange: &dyn Exchange,
    bytes: usize,
    moves: &dyn Fn() -> M,
    read: &dyn Fn(u32) -> &'v [u8],
    write: &mut dyn FnMut(u32, &[u8]),
) {
    let (rank, ranks) = (exchange.rank(), exchange.ranks());
    let others = || moves().filter(|Move { from, to, .. }| from != to);
    let mut counts = vec![0; ranks * ranks];
    others().for_each(|Move { from, to, .. }| counts[from * ranks + to] += 1);
    let Some(most) = counts.iter().copied().max().filter(|&most| most > 0) else { return };
    let floats = bytes.div_ceil(size_of::<f32>());
    let part = most * floats;
    exchange.lend(2 * ranks * part, &mut |memory| {
        let (send, receive) = memory[..2 * ranks * part].split_at_mut(ranks * part);
        let place = |next: &mut [usize], other: usize| {
            let at = other * part + next[other] * floats;
            next[other] += 1;
            at
        };
        let mut next = vec![0; ranks];
        for Move { position, to, .. } in others().filter(|going| going.from == rank) {
            let at = place(&mut next, to);
            bytemuck::cast_slice_mut::<f32, u8>(&mut send[at..at + floats])[..bytes].copy_from_slice(read(position));
        }
        exchange.all_to_all(send, ranks, receive);
        let mut next = vec![0; ranks];
        for Move { position, from, .. } in others().filter(|coming| coming.to == rank) {
            let at = place(&mut next, from);
            write(position, &bytemuck::cast_slice::<f32, u8>(&receive[at..at + floats])[..bytes]);
        }
    });
}
