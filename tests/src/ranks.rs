//! Ranks that are threads of one process.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Mutex, PoisonError};

use rewire_core::backend::{Backend, Exchange};

/// What all ranks see.
#[derive(Debug)]
struct Meeting {
    barrier: Barrier,
    /// What each rank sent last.
    sent: Vec<Mutex<Vec<f32>>>,
}

/// One rank.
#[derive(Debug)]
pub struct Rank {
    meeting: Arc<Meeting>,
    rank: usize,
    memory: Mutex<Vec<f32>>,
    bytes: [AtomicUsize; 2],
}

impl Rank {
    /// Bytes that were sent to others and received from them.
    pub fn bytes(&self) -> [usize; 2] {
        self.bytes.each_ref().map(|bytes| bytes.load(Relaxed))
    }

    /// Floats of the memory that was lent.
    pub fn floats(&self) -> usize {
        locked(&self.memory, |memory| memory.len())
    }

    /// Shows `send` to all ranks and hands `receive` what each of them shows.
    fn meet(&self, send: &[f32], mut receive: impl FnMut(usize, &[f32])) {
        locked(&self.meeting.sent[self.rank], |sent| *sent = send.to_vec());
        self.meeting.barrier.wait();
        for (rank, sent) in self.meeting.sent.iter().enumerate() {
            locked(sent, |sent| receive(rank, sent));
        }
        self.meeting.barrier.wait();
    }

    fn count(&self, sent: usize, received: usize) {
        for (bytes, floats) in self.bytes.iter().zip([sent, received]) {
            bytes.fetch_add(floats * size_of::<f32>(), Relaxed);
        }
    }
}

fn locked<T, R>(mutex: &Mutex<T>, work: impl FnOnce(&mut T) -> R) -> R {
    work(&mut mutex.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Exchange for Rank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.meeting.sent.len()
    }

    fn lend(&self, floats: usize, work: &mut dyn FnMut(&mut [f32])) {
        locked(&self.memory, |memory| {
            if memory.len() < floats {
                // What was not received must not pass for it.
                *memory = vec![f32::NAN; floats];
            }
            work(&mut memory[..]);
        });
    }

    fn all_to_all(&self, send: &[f32], senders: usize, receive: &mut [f32]) {
        let part = send.len() / self.ranks();
        let own = self.rank * part..(self.rank + 1) * part;
        self.meet(send, |sender, sent| {
            if sender < senders {
                receive[sender * part..(sender + 1) * part].copy_from_slice(&sent[own.clone()]);
            }
        });
        let sends = usize::from(self.rank < senders);
        self.count(sends * (self.ranks() - 1) * part, (senders - sends) * part);
    }

    fn all_gather(&self, own: &[f32], all: &mut [f32]) {
        let part = own.len();
        self.meet(own, |sender, sent| all[sender * part..(sender + 1) * part].copy_from_slice(sent));
        self.count((self.ranks() - 1) * part, (self.ranks() - 1) * part);
    }
}

/// One thread of a rank, and its connection to the others.
#[derive(Debug)]
pub struct Ranked(pub Rank);

impl Backend for Ranked {
    fn exchange(&self) -> Option<&dyn Exchange> {
        Some(&self.0)
    }
}

/// Does the same work on each of `ranks` ranks and returns the result of each.
///
/// # Panics
///
/// When a rank does. The others then wait for it, so a test that fails this way does not end by itself.
pub fn on_ranks<R: Send>(ranks: usize, work: impl Fn(&Ranked) -> R + Sync) -> Vec<R> {
    let sent = (0..ranks).map(|_| Mutex::default()).collect();
    let meeting = Arc::new(Meeting { barrier: Barrier::new(ranks), sent });
    let rank = |rank| {
        Ranked(Rank { meeting: Arc::clone(&meeting), rank, memory: Mutex::default(), bytes: Default::default() })
    };
    std::thread::scope(|scope| {
        let work = &work;
        let all: Vec<_> = (0..ranks).map(rank).map(|rank| scope.spawn(move || work(&rank))).collect();
        all.into_iter().map(|rank| rank.join().expect("a rank failed")).collect()
    })
}
