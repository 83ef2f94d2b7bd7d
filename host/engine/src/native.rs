//! The workstation's backend: threads, and kernels compiled for the vectors found at run time.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use gemm_common::Parallelism;
use gemm_f32::gemm::f32::get_gemm_fn;
use rayon::{ThreadPool, ThreadPoolBuilder};
use rewire_core::backend::vector::{Kernel, Sixteen, run_kernel};
use rewire_core::backend::{Backend, Exchange, MatrixMultiply, Phase};

use crate::clock::Clock;
use crate::deferred::{Deferred, Run};
use crate::probe::{Event, Probe};
use crate::ranks::Ranks;

/// Vector instructions that the kernels are compiled for. Results are the same bits at every level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimdLevel {
    /// What every processor of the target has.
    Baseline,
    /// x86-64-v3: AVX2, 8 floats at once.
    V3,
    /// x86-64-v4: AVX-512, 16 floats at once.
    V4,
}

impl SimdLevel {
    /// All levels, lowest first.
    pub const ALL: [Self; 3] = [Self::Baseline, Self::V3, Self::V4];

    /// The highest level of this processor.
    pub fn detect() -> Self {
        Self::ALL.into_iter().rev().find(|level| level.is_available()).unwrap_or(Self::Baseline)
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        Vectors::new(self).is_some()
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Baseline => "baseline",
            Self::V3 => "v3",
            Self::V4 => "v4",
        })
    }
}

/// Proof that a level's instructions exist.
#[derive(Clone, Copy, Debug)]
enum Vectors {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    V3(pulp::x86::V3),
    #[cfg(target_arch = "x86_64")]
    V4(pulp::x86::V4),
}

impl Vectors {
    fn new(level: SimdLevel) -> Option<Self> {
        match level {
            SimdLevel::Baseline => Some(Self::Baseline),
            #[cfg(target_arch = "x86_64")]
            SimdLevel::V3 => pulp::x86::V3::try_new().map(Self::V3),
            #[cfg(target_arch = "x86_64")]
            SimdLevel::V4 => pulp::x86::V4::try_new().map(Self::V4),
            #[cfg(not(target_arch = "x86_64"))]
            _ => None,
        }
    }
}

/// The system grants no threads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system grants no threads: {reason}")]
pub struct NoThreads {
    /// In its words.
    pub reason: String,
}

/// Threads and vectors of this machine.
#[derive(Debug)]
pub struct Native {
    pool: ThreadPool,
    vectors: Vectors,
    level: SimdLevel,
    products: bool,
    clock: Arc<Clock>,
    probe: Option<Arc<dyn Probe>>,
    ranks: Option<Arc<Ranks>>,
}

impl Native {
    /// A backend with this many threads, 0 for one a processor, at the highest SIMD level.
    ///
    /// # Errors
    ///
    /// When the system does not grant the threads.
    pub fn new(threads: usize) -> Result<Self, NoThreads> {
        let pool = ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("rewire-{i}")).build();
        let pool = pool.map_err(|error| NoThreads { reason: error.to_string() })?;
        let (vectors, level) = (Vectors::Baseline, SimdLevel::Baseline);
        let native = Self { pool, vectors, level, products: false, clock: Arc::default(), probe: None, ranks: None };
        Ok(native.with_simd(SimdLevel::detect()))
    }

    /// The same threads at another SIMD level; one that this processor lacks is left out.
    #[must_use]
    pub fn with_simd(mut self, level: SimdLevel) -> Self {
        if let Some(vectors) = Vectors::new(level) {
            (self.vectors, self.level) = (vectors, level);
        }
        self
    }

    /// Uses the GEMM crate for dense layers. For networks that are dense throughout: their bits then depend on the SIMD
    /// level, which the core's own kernels avoid.
    #[must_use]
    pub fn with_products(mut self, products: bool) -> Self {
        self.products = products;
        self
    }

    /// Runs all work on the calling thread and tells `probe` of it.
    #[must_use]
    pub fn with_probe(mut self, probe: Arc<dyn Probe>) -> Self {
        self.probe = Some(probe);
        self
    }

    /// Trains together with other ranks.
    #[must_use]
    pub fn with_ranks(mut self, ranks: Arc<Ranks>) -> Self {
        self.ranks = Some(ranks);
        self
    }

    /// The ranks that train together, if this is one of them.
    pub fn ranks(&self) -> Option<&Ranks> {
        self.ranks.as_deref()
    }

    /// Does what all ranks do together, or what this rank does alone; the same where there is one.
    pub fn during<R>(&self, together: bool, work: impl FnOnce() -> R) -> R {
        match self.ranks() {
            Some(ranks) => ranks.during(together, work),
            None => work(),
        }
    }

    /// The SIMD level in use.
    pub fn simd(&self) -> SimdLevel {
        self.level
    }

    /// Does something once on each of the threads.
    pub fn on_each(&self, work: impl Fn() + Sync) {
        self.pool.broadcast(|_| work());
    }

    /// What the threads are doing, and for how long.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// Tells the probe, if there is one.
    #[inline(always)]
    fn tell(&self, event: Event) {
        if let Some(probe) = &self.probe {
            tell(probe, event);
        }
    }

    /// Runs a whole computation on the threads, so that no step has to wake them.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        let mut work = Deferred::Work(work);
        self.run_on_threads(&mut work);
        work.result()
    }

    fn run_on_threads(&self, work: &mut dyn Run) {
        self.pool.install(|| work.run());
    }

    /// Runs both: at once, or, where there is one thread or a probe, one after the other.
    fn run_both(&self, a: &mut dyn Run, b: &mut dyn Run) {
        if self.probe.is_none() && self.pool.current_num_threads() > 1 {
            self.pool.join(|| a.run(), || b.run());
            return;
        }
        self.tell(Event::Fork);
        a.run();
        self.tell(Event::Second);
        b.run();
        self.tell(Event::Join);
    }
}

/// Not inlined into each kernel's dispatch: nearly no run has a probe.
#[cold]
#[inline(never)]
fn tell(probe: &Arc<dyn Probe>, event: Event) {
    probe.told(event);
}

impl Backend for Native {
    fn threads(&self) -> usize {
        self.probe.as_ref().map_or_else(|| self.pool.current_num_threads(), |probe| probe.threads())
    }

    fn join<A, B, RA, RB>(&self, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce() -> RA + Send,
        B: FnOnce() -> RB + Send,
        RA: Send,
        RB: Send,
    {
        let (mut a, mut b) = (Deferred::Work(a), Deferred::Work(b));
        self.run_both(&mut a, &mut b);
        (a.result(), b.result())
    }

    fn exchange(&self) -> Option<&dyn Exchange> {
        self.ranks.as_ref().and_then(|ranks| ranks.exchange())
    }

    #[inline(always)]
    fn dispatch<const LANES: usize, T: Kernel>(&self, kernel: T) -> T::Output {
        let started = self.probe.as_ref().map(|_| Instant::now());
        let output = match self.vectors {
            Vectors::Baseline => run_kernel::<LANES, _, _>(Sixteen, kernel),
            #[cfg(target_arch = "x86_64")]
            Vectors::V3(v3) => v3.vectorize(
                #[inline(always)]
                || run_kernel::<LANES, _, _>(crate::vectors::Avx2(v3), kernel),
            ),
            #[cfg(target_arch = "x86_64")]
            Vectors::V4(v4) => v4.vectorize(
                #[inline(always)]
                || run_kernel::<LANES, _, _>(crate::vectors::Avx512(v4), kernel),
            ),
        };
        if let Some(started) = started {
            self.tell(Event::Kernel(T::NAME, started.elapsed()));
        }
        output
    }

    #[inline(always)]
    fn timed<R>(&self, phase: Phase, work: impl FnOnce() -> R) -> R {
        self.clock.part(phase, work)
    }

    fn matrix_multiply(&self, product: MatrixMultiply<'_>) -> bool {
        let MatrixMultiply { m, n, k, alpha, a, b, beta, c } = product;
        let reach = |rows: usize, cols: usize, row_stride: usize, col_stride: usize| {
            rows.saturating_sub(1) * row_stride + cols.saturating_sub(1) * col_stride + 1
        };
        if !self.products
            || m * n * k == 0
            || c.len() < m * n
            || a.values.len() < reach(m, k, a.row_stride, a.col_stride)
            || b.values.len() < reach(k, n, b.row_stride, b.col_stride)
        {
            return false;
        }
        let threads = if self.threads() == 1 { Parallelism::None } else { Parallelism::Rayon(self.threads()) };
        let stride = |stride: usize| isize::try_from(stride).unwrap_or(isize::MAX);
        // The crate wants the longer steps between columns of the result, so all is transposed: c' = b' a'. Its `alpha` is the
        // factor of what the result holds, `beta` that of the product.
        #[expect(unsafe_code, reason = "the GEMM crate takes pointers")]
        // SAFETY: the checks above put every element that the strides and sizes reach inside its slice; `c` is borrowed
        // mutably, so it overlaps neither operand.
        unsafe {
            get_gemm_fn()(
                n,
                m,
                k,
                c.as_mut_ptr(),
                stride(n),
                1,
                beta != 0.0,
                b.values.as_ptr(),
                stride(b.row_stride),
                stride(b.col_stride),
                a.values.as_ptr(),
                stride(a.row_stride),
                stride(a.col_stride),
                beta,
                alpha,
                false,
                false,
                false,
                threads,
            );
        }
        true
    }
}
