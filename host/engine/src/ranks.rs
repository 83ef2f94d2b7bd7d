//! This process among the ranks that train a network together: when they exchange, what, and how they end.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use rewire_core::backend::Exchange;

/// Bytes that are sent together of what goes to all ranks.
const BROADCAST: usize = 1 << 18;

/// This process as one of several ranks.
///
/// Ranks exchange while they train. What an observer does in between, such as measuring an average of the weights, is this
/// rank's alone.
#[derive(Debug)]
pub struct Ranks {
    exchange: Box<dyn Exchange + Send>,
    together: AtomicBool,
    ended: AtomicBool,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Ranks {
    /// The ranks that `exchange` connects.
    pub fn new(exchange: Box<dyn Exchange + Send>) -> Self {
        let [together, ended] = [AtomicBool::new(false), AtomicBool::new(false)];
        Self { exchange, together, ended, sent: AtomicU64::new(0), received: AtomicU64::new(0) }
    }

    /// What every rank shows to all: its numbers, in the order of ranks.
    pub fn gather(&self, own: &[f32]) -> Vec<f32> {
        let mut all = vec![0.0; own.len() * self.ranks()];
        self.all_gather(own, &mut all);
        all
    }

    /// What the first rank has, on every rank; what others have does not count.
    pub fn broadcast(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        // One float a byte of the length: every float holds it.
        let lengths = self.gather(&(bytes.len() as u64).to_le_bytes().map(f32::from));
        let len = lengths.iter().take(8).rev().fold(0, |len, &byte| len << 8 | byte as usize);
        bytes.resize(len, 0);
        for part in bytes.chunks_mut(BROADCAST) {
            let (len, floats) = (part.len(), part.len().div_ceil(size_of::<f32>()));
            self.lend((self.ranks() + 1) * floats, &mut |memory| {
                let (send, receive) = memory.split_at_mut(self.ranks() * floats);
                for copy in send.chunks_exact_mut(floats) {
                    bytemuck::cast_slice_mut::<f32, u8>(copy)[..len].copy_from_slice(part);
                }
                let receive = &mut receive[..floats];
                self.all_to_all(send, 1, receive);
                part.copy_from_slice(&bytemuck::cast_slice::<f32, u8>(receive)[..len]);
            });
        }
        bytes
    }

    /// Waits until every rank is here.
    pub fn wait(&self) {
        self.gather(&[0.0]);
    }

    /// Whether any rank says so.
    pub fn any(&self, said: bool) -> bool {
        self.gather(&[f32::from(said)]).contains(&1.0)
    }

    /// Whether all ranks have ended their training, at the same step.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    /// All ranks have ended their training, or had nothing to train.
    pub fn end(&self) {
        self.ended.store(true, Relaxed);
    }

    /// Bytes that were sent to other ranks and received from them since this was last asked.
    pub fn take_bytes(&self) -> [u64; 2] {
        [self.sent.swap(0, Relaxed), self.received.swap(0, Relaxed)]
    }

    /// The exchange, while all ranks do the same.
    pub(crate) fn exchange(&self) -> Option<&dyn Exchange> {
        self.together.load(Relaxed).then_some(self as &dyn Exchange)
    }

    /// Does what all ranks do, or what this rank does alone.
    pub(crate) fn during<R>(&self, together: bool, work: impl FnOnce() -> R) -> R {
        let before = self.together.swap(together, Relaxed);
        let result = work();
        self.together.store(before, Relaxed);
        result
    }

    /// Ends all ranks where one wants to.
    pub(crate) fn agree(&self, flow: ControlFlow<()>) -> ControlFlow<()> {
        if self.any(flow.is_break()) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn count(&self, sent: usize, received: usize) {
        let bytes = |floats: usize| (floats * size_of::<f32>()) as u64;
        self.sent.fetch_add(bytes(sent), Relaxed);
        self.received.fetch_add(bytes(received), Relaxed);
    }
}

impl Exchange for Ranks {
    fn rank(&self) -> usize {
        self.exchange.rank()
    }

    fn ranks(&self) -> usize {
        self.exchange.ranks()
    }

    fn lend(&self, floats: usize, work: &mut dyn FnMut(&mut [f32])) {
        self.exchange.lend(floats, work);
    }

    fn all_to_all(&self, send: &[f32], senders: usize, receive: &mut [f32]) {
        let (part, sends) = (send.len() / self.ranks(), usize::from(self.rank() < senders));
        self.count(sends * (self.ranks() - 1) * part, (senders - sends) * part);
        self.exchange.all_to_all(send, senders, receive);
    }

    fn all_gather(&self, own: &[f32], all: &mut [f32]) {
        let others = all.len() - own.len();
        self.count(others, others);
        self.exchange.all_gather(own, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of two ranks, of which the other shows the same.
    #[derive(Debug)]
    struct Twins;

    impl Exchange for Twins {
        fn rank(&self) -> usize {
            0
        }

        fn ranks(&self) -> usize {
            2
        }

        fn lend(&self, floats: usize, work: &mut dyn FnMut(&mut [f32])) {
            work(&mut vec![0.0; floats]);
        }

        fn all_to_all(&self, send: &[f32], _senders: usize, receive: &mut [f32]) {
            receive.copy_from_slice(send);
        }

        fn all_gather(&self, own: &[f32], all: &mut [f32]) {
            all.copy_from_slice(&[own, own].concat());
        }
    }

    #[test]
    fn ranks_exchange_while_they_do_the_same_and_end_where_one_does() {
        let ranks = Ranks::new(Box::new(Twins));
        assert!(ranks.exchange().is_none());
        ranks.during(true, || {
            assert!(ranks.exchange().is_some());
            ranks.during(false, || assert!(ranks.exchange().is_none()));
            assert!(ranks.exchange().is_some());
        });
        assert!(ranks.exchange().is_none());
        let [on, end] = [ControlFlow::Continue(()), ControlFlow::Break(())];
        assert_eq!([ranks.agree(on), ranks.agree(end)], [on, end]);
    }

    #[test]
    fn bytes_to_and_from_others_are_counted_once() {
        let ranks = Ranks::new(Box::new(Twins));
        ranks.all_to_all(&[0.0; 6], 2, &mut [0.0; 6]);
        assert_eq!(ranks.take_bytes(), [12, 12]);
        ranks.gather(&[1.0, 2.0]);
        assert_eq!(ranks.take_bytes(), [8, 8]);
        assert_eq!(ranks.take_bytes(), [0, 0]);
    }
}
