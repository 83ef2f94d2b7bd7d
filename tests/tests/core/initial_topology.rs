//! Where connections are before training, and with which weights.

use std::collections::HashSet;

use rewire_core::prelude::*;
use rewire_tests::memory::Memory;
use rewire_tests::statistics::{Hits, chi_squared, chi_squared_bound, chi_squared_of_counts, hypergeometric};
use rewire_tests::structure::{cells, copy};

use crate::topology::{ALL, Cell, all_cells, small};

#[test]
fn the_start_has_the_exact_count_and_is_uniform_over_all_cells() {
    // Nearly empty, in between, and one cell short of dense.
    for connections in [1, 50, 160, ALL - 1] {
        for storage in [Storage::OutputMajor, Storage::InputMajor] {
            let layers = small(storage, connections);
            let description = Description::training(&layers, 1);
            let mut memory = Memory::of::<Narrow, 1>(&description);
            let mut network = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
            let mut hits = [Hits::default(); ALL];
            let rounds = if connections == 1 || connections == ALL - 1 { 20_000 } else { 2000 };
            for seed in 0..rounds {
                network.initialise(&Portable, seed, FanIn::Connections);
                let now: HashSet<Cell> = cells(&network.layers().next().unwrap()).into_iter().collect();
                assert_eq!(now.len(), connections);
                for (cell, place) in all_cells() {
                    hits[cell].add(connections as f64 / ALL as f64, now.contains(&place));
                }
            }
            let (found, bound) = (chi_squared(&hits), chi_squared_bound(ALL - 1));
            assert!(found < bound, "{connections} {storage:?}: {found:.0}, allowed {bound:.0}");
        }
    }
}

/// Cells that are each equally likely could still come in clumps: the number of connections of a row tells.
#[test]
fn the_start_fills_rows_as_drawing_cells_without_replacement_does() {
    for storage in [Storage::OutputMajor, Storage::InputMajor] {
        let (rows, cols) = if storage == Storage::InputMajor { (12, 20) } else { (20, 12) };
        for connections in [50, 160, 220] {
            let layers = small(storage, connections);
            let description = Description::training(&layers, 1);
            let mut memory = Memory::of::<Narrow, 1>(&description);
            let mut network = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
            let mut counts = vec![0; cols + 1];
            for seed in 0..20_000 {
                network.initialise(&Portable, seed, FanIn::Dense);
                let csr = network.layers().next().unwrap().csr.unwrap();
                // One row of each start: rows of the same one are not independent.
                let (row, _) = csr.rows().nth(seed as usize % rows).unwrap();
                counts[row.len()] += 1;
            }
            let (found, degrees) = chi_squared_of_counts(&counts, &hypergeometric(ALL, cols, connections));
            assert!(found < chi_squared_bound(degrees), "{connections} {storage:?}: {counts:?}");
        }
    }
}

#[test]
fn first_weights_are_uniform_within_hes_bound_for_either_fan_in() {
    for storage in [Storage::OutputMajor, Storage::InputMajor] {
        for fan_in in [FanIn::Connections, FanIn::Dense] {
            let layers = small(storage, 100);
            let description = Description::training(&layers, 1).with_velocity();
            let mut memory = Memory::of::<Narrow, 1>(&description);
            let mut network = Mlp::<Narrow, 1>::new(&description, memory.block()).unwrap();
            // Shares of their bounds, in ten bins.
            let mut bins = [0u32; 10];
            for seed in 0..300 {
                network.initialise(&Portable, seed, fan_in);
                for layer in copy(&network) {
                    let cells = cells(&layer.as_ref());
                    for (&(output, _), weight) in cells.iter().zip(&layer.weights) {
                        let real = cells.iter().filter(|cell| cell.0 == output).count();
                        let count = if fan_in == FanIn::Dense { layer.spec.n_in } else { real };
                        let share = weight / (6.0 / count as f32).sqrt();
                        assert!(share.abs() <= 1.0, "{share}");
                        bins[((share + 1.0) * 5.0).clamp(0.0, 9.0) as usize] += 1;
                    }
                    let rest = layer.bias.iter().chain(&layer.velocity).chain(&layer.bias_velocity);
                    assert!(rest.into_iter().all(|value| value.to_bits() == 0));
                }
            }
            let expected = f64::from(bins.iter().sum::<u32>()) / 10.0;
            let found: f64 = bins.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
            assert!(found < chi_squared_bound(9), "{storage:?}, {fan_in:?}: {bins:?}");
        }
    }
}
