//! How many multiply-adds a thread of this processor computes, by the cache that their operands come from.
//!
//! A connection multiplies a weight with a row of activations and adds the products to a row of sums. The sums stay in
//! registers, so the row of activations decides: nothing that computes with rows from one cache is faster than a plain loop
//! over rows in the same cache. That loop is measured here, on rows that start at cache lines.

use std::fs;
use std::hint::black_box;
use std::time::Instant;

use rewire_core::backend::Backend;
use rewire_core::backend::vector::{Kernel, Vector};
use serde::Serialize;

use rewire_engine::native::Native;

/// Bytes of a cache line, and the alignment of rows.
const LINE: usize = 64;

/// Samples in a measured row: those of the network that is timed.
const LANES: usize = 64;

/// Bytes that a measurement reads at least.
const READ: usize = 64 << 20;

/// Measurements of which the fastest counts.
const RUNS: usize = 7;

/// A cache, and what one thread computes with operands that lie in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Level {
    /// `L1`, `L2`, `L3`.
    pub name: String,
    /// Bytes that it holds.
    pub bytes: usize,
    /// Multiply-adds of sixteen lanes in a nanosecond.
    pub rate: f64,
}

/// The data caches of the first processor, smallest first.
fn caches() -> Vec<(String, usize)> {
    let read = |index: usize, what: &str| {
        let text = fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{what}")).ok()?;
        Some(text.trim().to_owned())
    };
    let cache = |index: usize| {
        let kilobytes: usize = read(index, "size")?.strip_suffix('K')?.parse().ok()?;
        let is_data = read(index, "type")? != "Instruction";
        Some((is_data, format!("L{}", read(index, "level")?), kilobytes << 10))
    };
    let found = (0..8).map_while(cache).filter(|(is_data, ..)| *is_data).map(|(_, name, bytes)| (name, bytes));
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        // Where the system does not tell: sizes that most processors have at least.
        return [("L1", 32 << 10), ("L2", 512 << 10), ("L3", 8 << 20)].map(|(name, bytes)| (name.into(), bytes)).into();
    }
    found
}

/// Measures every cache on the calling thread.
pub fn measure(native: &Native) -> Vec<Level> {
    let level = |(name, bytes): (String, usize)| {
        // Half of it, so that nothing else pushes the rows out; of a large one enough that the next smaller is no help.
        let rows = Rows::new((bytes / 2).min(8 << 20) / size_of::<[f32; LANES]>());
        let passes = READ.div_ceil(size_of_val(rows.get())).max(1);
        let sweep = || native.dispatch::<LANES, _>(MultiplyAdd { rows: rows.get(), passes });
        sweep();
        let seconds = (0..RUNS).map(|_| {
            let started = Instant::now();
            sweep();
            started.elapsed().as_secs_f64()
        });
        let operations = (rows.get().len() * passes * LANES / 16) as f64;
        Level { name, bytes, rate: operations / seconds.fold(f64::INFINITY, f64::min) * 1e-9 }
    };
    caches().into_iter().map(level).collect()
}

/// The smallest cache that holds so many bytes; the last one where none does.
pub fn level_of(levels: &[Level], bytes: usize) -> Option<&Level> {
    levels.iter().find(|level| bytes <= level.bytes).or(levels.last())
}

/// Rows that start at cache lines.
struct Rows {
    memory: Vec<f32>,
    start: usize,
}

impl Rows {
    fn new(rows: usize) -> Self {
        let memory = vec![1.0; rows.max(1) * LANES + LINE / size_of::<f32>()];
        let start = memory.as_ptr().align_offset(LINE);
        Self { memory, start }
    }

    fn get(&self) -> &[[f32; LANES]] {
        let end = self.memory.len() - LINE / size_of::<f32>() + self.start;
        self.memory.get(self.start..end).unwrap_or_default().as_chunks().0
    }
}

/// Multiplies every row with a weight and adds it to one row of sums, `passes` times.
struct MultiplyAdd<'a, const LANES: usize> {
    rows: &'a [[f32; LANES]],
    passes: usize,
}

impl<const LANES: usize> Kernel for MultiplyAdd<'_, LANES> {
    type Output = ();
    const NAME: &'static str = "multiply-add";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(self, vector: V) {
        let rows: &[[V::Unit; K]] = bytemuck::try_cast_slice(self.rows).unwrap_or_default();
        let mut sums = [vector.splat(0.0); K];
        for _ in 0..self.passes {
            let weight = vector.splat(black_box(1e-30));
            for row in black_box(rows) {
                for (sum, x) in sums.iter_mut().zip(row) {
                    *sum = vector.add(*sum, vector.mul(weight, vector.load(x)));
                }
            }
        }
        black_box(sums.map(
            #[inline(always)]
            |sum| vector.store(sum),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_start_at_cache_lines_and_are_as_many_as_asked_for() {
        for rows in [1, 2, 100] {
            let rows_in_memory = Rows::new(rows);
            assert_eq!(rows_in_memory.get().len(), rows);
            assert!(rows_in_memory.get().as_ptr().addr().is_multiple_of(LINE));
        }
    }

    #[test]
    fn operands_lie_in_the_smallest_cache_that_holds_them() {
        let level = |name: &str, bytes| Level { name: name.into(), bytes, rate: 1.0 };
        let levels = [level("L1", 100), level("L2", 1000)];
        let name = |bytes| level_of(&levels, bytes).map(|level| level.name.as_str());
        assert_eq!([name(100), name(101), name(5000)], [Some("L1"), Some("L2"), Some("L2")]);
        assert!(level_of(&[], 1).is_none());
    }
}
