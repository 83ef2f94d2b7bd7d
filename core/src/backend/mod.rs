//! The interface between the training loop and the machine that it runs on.
//!
//! The loop cuts its work into blocks that write disjoint memory and hands pairs of them to [`Backend::join`]; the code
//! inside a block goes through [`Backend::dispatch`], where a host compiles it for the instruction set found at run
//! time, against the [`Vector`](crate::backend::vector::Vector) it gives them. Neither changes a bit of the result,
//! because no sum crosses a block.

pub(crate) mod exchange;
#[doc(hidden)]
pub mod vector;

pub use exchange::{Exchange, Shares};

use crate::backend::vector::{Kernel, Sixteen, run_kernel};

/// What a thread is doing in a step.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Phase {
    /// Fetching a tile's samples.
    Batch,
    /// From inputs to activations.
    Forward,
    /// From the output's deltas to the first layer's.
    Backward,
    /// Gradients into velocities and weights.
    Update,
    /// Replacing connections, between two steps or after an epoch.
    Evolve,
    /// Sending to other ranks, receiving from them, and waiting for them.
    Exchange,
    /// The steps of an epoch: all of the phases above but the evolution after it.
    Steps,
    /// Measuring the test samples after an epoch.
    Evaluate,
}

/// What a machine offers to the training loop: threads, vectors, timing, other machines. Every method has a portable default.
pub trait Backend: Sync {
    /// How many blocks may run at once. The loop cuts finer when there are fewer tiles than this.
    fn threads(&self) -> usize {
        1
    }

    /// Runs both, perhaps at once.
    #[inline(always)]
    fn join<A, B, RA, RB>(&self, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce() -> RA + Send,
        B: FnOnce() -> RB + Send,
        RA: Send,
        RB: Send,
    {
        (a(), b())
    }

    /// Runs a kernel over rows of `LANES` floats on the best vector there is, through [`run_kernel`].
    #[inline(always)]
    fn dispatch<const LANES: usize, T: Kernel>(&self, kernel: T) -> T::Output {
        run_kernel::<LANES, _, _>(Sixteen, kernel)
    }

    /// The ranks that train together, if this is one of several.
    #[inline(always)]
    fn exchange(&self) -> Option<&dyn Exchange> {
        None
    }

    /// Does a phase's work, which a host may time. Tiles are in phases of their own, each on its thread.
    #[doc(hidden)]
    #[inline(always)]
    fn timed<R>(&self, _phase: Phase, work: impl FnOnce() -> R) -> R {
        work()
    }

    /// Computes `c = beta * c + alpha * a b` for a large dense product, or returns `false` to leave it to the core.
    ///
    /// A backend that answers `true` brings its own order of summation: such a network is outside the determinism
    /// contract.
    #[doc(hidden)]
    #[inline(always)]
    fn matrix_multiply(&self, _product: MatrixMultiply<'_>) -> bool {
        false
    }
}

/// Operands of a dense product, each with its distance in elements between rows and between columns.
#[doc(hidden)]
#[derive(Debug)]
pub struct MatrixMultiply<'a> {
    /// Rows of `c` and `a`.
    pub m: usize,
    /// Columns of `c` and `b`.
    pub n: usize,
    /// Columns of `a`, rows of `b`.
    pub k: usize,
    /// Factor of the product.
    pub alpha: f32,
    /// Left operand, `[m, k]`.
    pub a: Strided<'a>,
    /// Right operand, `[k, n]`.
    pub b: Strided<'a>,
    /// Factor of what `c` holds; 0 ignores it.
    pub beta: f32,
    /// Result, `[m, n]`, row by row.
    pub c: &'a mut [f32],
}

/// A matrix operand that may be read transposed.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a> {
    /// The elements.
    pub values: &'a [f32],
    /// Elements from one row to the next.
    pub row_stride: usize,
    /// Elements from one column to the next.
    pub col_stride: usize,
}

/// One thread, and vectors as the compiler generates them: any processor, no dependency.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

impl Backend for Portable {}
