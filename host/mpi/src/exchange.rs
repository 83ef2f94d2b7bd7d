//! An exchange whose numbers MPI moves.

use std::sync::{Mutex, PoisonError};

use mpi::Count;
use mpi::datatype::{Partition, PartitionMut};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives};
use rewire_core::backend::Exchange;

/// All processes that `mpirun` started.
#[derive(Debug)]
pub(crate) struct World {
    rank: usize,
    ranks: usize,
    memory: Mutex<Vec<f32>>,
}

impl World {
    /// After MPI was initialised.
    pub(crate) fn new() -> Self {
        let world = SimpleCommunicator::world();
        Self { rank: world.rank() as usize, ranks: world.size() as usize, memory: Mutex::default() }
    }

    /// The first `senders` of as many equal parts as there are ranks, or none: counts and places.
    fn parts(&self, senders: usize, part: usize) -> (Vec<Count>, Vec<Count>) {
        let parts = |rank| if rank < senders { part } else { 0 };
        (0..self.ranks).map(|rank| (count(parts(rank)), count(parts(rank) * rank))).unzip()
    }
}

/// As MPI counts: `lend` has refused what is more.
fn count(numbers: usize) -> Count {
    Count::try_from(numbers).unwrap_or(Count::MAX)
}

impl Exchange for World {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn lend(&self, floats: usize, work: &mut dyn FnMut(&mut [f32])) {
        if Count::try_from(floats).is_err() {
            crate::abort(&format!("an exchange of {floats} numbers is more than MPI counts: train on one rank"), 1);
        }
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() < floats {
            // The old one goes before the new one comes.
            *memory = Vec::new();
            *memory = vec![0.0; floats];
        }
        work(&mut memory);
    }

    fn all_to_all(&self, send: &[f32], senders: usize, receive: &mut [f32]) {
        let part = send.len() / self.ranks;
        let (counts, places) = self.parts(if self.rank < senders { self.ranks } else { 0 }, part);
        let send = Partition::new(send, counts, places);
        let (counts, places) = self.parts(senders, part);
        let mut receive = PartitionMut::new(receive, counts, places);
        SimpleCommunicator::world().all_to_all_varcount_into(&send, &mut receive);
    }

    fn all_gather(&self, own: &[f32], all: &mut [f32]) {
        let (counts, places) = self.parts(self.ranks, own.len());
        let mut all = PartitionMut::new(all, counts, places);
        SimpleCommunicator::world().all_gather_varcount_into(own, &mut all);
    }
}
