//! Removes connections in place: those that stay move to the front.

use core::ops::Range;

use crate::sparse::csr::{CsrMut, copy_within};
use crate::sparse::index::{Format, Index};

/// Says which connections go. It is asked once for each, in CSR order.
pub(crate) trait Sieve<F: Format>: Copy {
    /// A row begins, with these weights.
    fn begin(&mut self, row: usize, values: &[f32]);

    /// Whether a connection of that row goes; `place` is its place in CSR order before anything went.
    fn goes(&mut self, place: usize, col: F::Index, value: f32) -> bool;
}

/// How far the survivors have moved to the front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compaction<S> {
    sieve: S,
    /// The next connection that is looked at.
    read: usize,
    /// Where the next survivor goes.
    write: usize,
}

impl<S> Compaction<S> {
    pub(crate) fn new(sieve: S) -> Self {
        Self { sieve, read: 0, write: 0 }
    }

    /// Goes on with another matrix.
    pub(crate) fn begin(&mut self) {
        (self.read, self.write) = (0, 0);
    }

    /// Connections that were looked at: those before the row that comes next.
    pub(crate) fn read(&self) -> usize {
        self.read
    }
}

/// Moves the survivors of the rows that end at these row pointers to the front, next to those before them.
#[inline(always)]
pub(crate) fn compact<F: Format, S: Sieve<F>>(
    matrix: &mut CsrMut<'_, F>,
    at: &mut Compaction<S>,
    pointers: Range<usize>,
) {
    let Compaction { mut sieve, mut read, mut write } = *at;
    let first = pointers.start;
    for (index, pointer) in (first..).zip(matrix.indptr.get_mut(pointers).unwrap_or_default()) {
        // Each pointer ends the row before it; the first one ends nothing.
        let end = pointer.to_usize();
        sieve.begin(index.wrapping_sub(1), matrix.values.get(read..end).unwrap_or_default());
        while read < end {
            let value = matrix.values.get(read).copied().unwrap_or_default();
            let col = matrix.indices.get(read).copied().unwrap_or_default();
            let stays = !sieve.goes(read, col, value);
            // Written in any case, and overwritten by the next that stays: nothing to guess for the processor.
            copy_within(matrix.indices, read, write);
            copy_within(matrix.values, read, write);
            copy_within(matrix.velocity, read, write);
            write += usize::from(stays);
            read += 1;
        }
        *pointer = F::Pointer::wrapping_from(write);
    }
    *at = Compaction { sieve, read, write };
}
