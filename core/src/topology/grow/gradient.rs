//! Gradient growth: of the free cells that are looked at, those whose weight would have the largest gradient.
//!
//! Gradients are those of one minibatch at the pruned network, without dropout: the dot product of a cell's two neurons'
//! rows of activations and deltas, as in the update.
//!
//! Source: Heddes et al. 2024, arXiv 2401.06898 (GSE), which draws the cells independently.

use crate::backend::Backend;
use crate::backend::vector::{Kernel, Vector};
use crate::samples::element::Element;
use crate::topology::grow::best::{CHUNK, CellScores};

/// The rows of a layer's neurons in the tiles of a minibatch: those of the stored matrix' rows, and of its columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gradients<'a, const LANES: usize> {
    pub(crate) tiles: usize,
    /// Tiles of `nrows` rows each.
    pub(crate) rows: &'a [[f32; LANES]],
    pub(crate) nrows: usize,
    /// Tiles of `ncols` rows each.
    pub(crate) cols: &'a [[f32; LANES]],
    pub(crate) ncols: usize,
}

/// Computes the magnitudes of the gradients of up to [`CHUNK`] cells of a row.
struct Magnitudes<'a, 'm, const LANES: usize> {
    gradients: Gradients<'a, LANES>,
    row: usize,
    columns: &'m [usize],
    magnitudes: &'m mut [f32; CHUNK],
}

impl<const LANES: usize> Kernel for Magnitudes<'_, '_, LANES> {
    type Output = ();
    const NAME: &'static str = "gradients of free cells";

    #[inline(always)]
    fn run<V: Vector, const K: usize>(self, vector: V) {
        let Gradients { tiles, rows, nrows, cols, ncols } = self.gradients;
        self.magnitudes.fill(0.0);
        for (rows, cols) in rows.chunks_exact(nrows.max(1)).zip(cols.chunks_exact(ncols.max(1))).take(tiles) {
            let Some(row) = f32::rows::<V, K, LANES>(rows).get(self.row) else { return };
            let (row, cols) = (f32::load::<V, K, LANES>(vector, row), f32::rows::<V, K, LANES>(cols));
            for (sum, &column) in self.magnitudes.iter_mut().zip(self.columns) {
                if let Some(col) = cols.get(column) {
                    *sum += vector.fold(f32::partial_dot::<V, K, LANES>(vector, &row, col));
                }
            }
        }
        for sum in self.magnitudes {
            *sum = sum.abs();
        }
    }
}

/// The magnitudes of gradients as scores.
pub(crate) struct ByGradient<'a, B, const LANES: usize> {
    pub(crate) backend: &'a B,
    pub(crate) gradients: Gradients<'a, LANES>,
}

impl<B: Backend, const LANES: usize> CellScores for ByGradient<'_, B, LANES> {
    fn write(&self, row: usize, _place: usize, columns: &[usize], magnitudes: &mut [f32; CHUNK]) {
        self.backend.dispatch::<LANES, _>(Magnitudes { gradients: self.gradients, row, columns, magnitudes });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;
    use std::vec::Vec;

    use crate::error::TrainError;
    use crate::network::LayerRef;
    use crate::prelude::*;
    use crate::random::{Hash, Purpose};

    type Cell = (usize, usize);
    type Weights = HashMap<Cell, (u32, u32)>;

    fn layers(connections: [usize; 2]) -> [LayerSpec; 3] {
        let [first, second] = connections;
        [
            LayerSpec::sparse(20, 30, first, Activation::Relu).input_major(),
            LayerSpec::sparse(30, 24, second, Activation::LeakyRelu { slope: 0.1 }),
            LayerSpec::dense(24, 3, Activation::Identity),
        ]
    }

    fn cells(csr: crate::sparse::CsrRef<'_, Standard>, storage: Storage) -> Vec<Cell> {
        let rows = csr.rows().enumerate();
        let cells = rows.flat_map(|(row, (cols, _))| cols.iter().map(move |&col| (row, usize::from(col))));
        cells.map(|(row, col)| if storage == Storage::InputMajor { (col, row) } else { (row, col) }).collect()
    }

    /// Bits of weight and velocity by output and input.
    fn weights(layer: &LayerRef<'_, Standard>) -> Weights {
        let all = layer.weights.iter().zip(layer.velocity).map(|(w, v)| (w.to_bits(), v.to_bits()));
        cells(layer.csr.unwrap(), layer.spec.storage).into_iter().zip(all).collect()
    }

    fn samples() -> (Vec<f32>, Vec<u16>) {
        let features = (0..800u32).map(|i| (i * i % 37) as f32 / 18.0 - 1.0).collect();
        (features, (0..40u16).map(|i| i * i % 3).collect())
    }

    /// The gradients of all cells of each sparse layer: a dense network with the same weights takes a step.
    fn all_gradients(
        layers: &[LayerSpec; 3],
        state: &[(Weights, Vec<f32>)],
        last: (&[f32], &[f32]),
        order: &Permutation,
        batch: usize,
    ) -> Vec<HashMap<Cell, f32>> {
        let dense: Vec<_> =
            layers.iter().map(|layer| LayerSpec::dense(layer.n_in, layer.n_out, layer.activation)).collect();
        let description = Description::training(&dense, batch).with_velocity();
        let mut block = Block::<65536>::new();
        let mut network = Mlp::<Standard, 1>::new(&description, &mut block.0).unwrap();
        let mut before = Vec::new();
        for (index, spec) in dense.iter().enumerate() {
            let mut all = std::vec![0.0; spec.n_in * spec.n_out];
            let bias = if let Some((weights, bias)) = state.get(index) {
                for (&(output, input), &(weight, _)) in weights {
                    all[output * spec.n_in + input] = f32::from_bits(weight);
                }
                bias
            } else {
                all.copy_from_slice(last.0);
                last.1
            };
            let [velocity, parameters]: [&[f32]; 2] = [&[], &[]];
            let layer = LayerRef::<Standard> {
                spec: *spec,
                bias,
                weights: &all,
                csr: None,
                velocity,
                bias_velocity: parameters,
                activation_parameters: &[],
                activation_velocity: &[],
            };
            network.load_layer(index, &layer).unwrap();
            before.push(all);
        }
        let (features, labels) = samples();
        let table = Table::new(&features, &labels).unwrap();
        let id = StepId { seed: 5, epoch: 2, step: 0 };
        network.step(&Portable, &table, order, 0, &Sgd::new(1.0).unwrap(), id).unwrap();
        let moved = network.layers().zip(before).zip(&dense);
        let gradients = moved.map(|((after, before), spec)| {
            let each = after.weights.iter().zip(before).enumerate();
            each.map(|(at, (after, before))| ((at / spec.n_in, at % spec.n_in), (after - before).abs())).collect()
        });
        gradients.collect()
    }

    #[test]
    fn the_cells_with_the_largest_gradients_grow_as_a_sort_finds_them() {
        // The last case is so dense that too few cells are free.
        for (connections, zeta, grown) in [
            ([150, 200], 0.3, GrownWeight::Zero),
            ([40, 25], 0.5, GrownWeight::Uniform),
            ([560, 700], 0.9, GrownWeight::Uniform),
        ] {
            let layers = layers(connections);
            let (batch, (features, labels)) = (11, samples());
            let table = Table::new(&features, &labels).unwrap();
            let description = Description::training(&layers, batch).with_velocity().with_transposed_index();
            let mut block = Block::<131_072>::new();
            let mut network = Mlp::<Standard, 4>::new(&description, &mut block.0).unwrap();
            network.initialise(&Portable, 3, FanIn::Connections);
            let sgd = Sgd::new(0.05).unwrap().with_momentum(0.9).unwrap().with_dropout(0.4).unwrap();
            network.train_epoch(&Portable, &table, &sgd, 5, 1).unwrap();
            let before: Vec<Weights> = network.layers().take(2).map(|layer| weights(&layer)).collect();
            let biases: Vec<Vec<f32>> = network.layers().map(|layer| layer.bias.to_vec()).collect();
            let last = network.layers().nth(2).unwrap().weights.to_vec();

            let evolution = Evolution::new(zeta, grown, FanIn::Connections).unwrap().with_growth(Growth::Gradient);
            assert_eq!(network.evolve(&Portable, &evolution, 5, 2, |_, _| {}), Err(TrainError::Samples));
            let left = Mutex::new(HashMap::new());
            let replaced = network.evolve_on(&Portable, &evolution, (5, 2), (&table, &sgd), |index, csr| {
                left.lock().unwrap().insert(index, cells(csr, layers[index].storage));
            });
            let left = left.into_inner().unwrap();
            let state: Vec<_> = (0..2)
                .map(|index| {
                    (left[&index].iter().map(|cell| (*cell, before[index][cell])).collect(), biases[index].clone())
                })
                .collect();
            let order = Permutation::new(5, 2, 40);
            let gradients = all_gradients(&layers, &state, (&last, &biases[2]), &order, batch);
            let mut all = 0;
            for (index, layer) in network.layers().take(2).enumerate() {
                let (spec, survivors, now) = (layers[index], &state[index].0, weights(&layer));
                assert_eq!(now.len(), spec.connections);
                assert!(survivors.iter().all(|(cell, bits)| now[cell] == *bits));
                let wanted = spec.connections - survivors.len();
                all += wanted;
                // The cells that are looked at, one by one.
                let hash = Hash::new(5, Purpose::Candidates, 2, 0, index as u32);
                let (nrows, ncols) = (spec.nrows(), spec.ncols());
                let mut free = Vec::new();
                let mut place = 0;
                for row in 0..nrows {
                    let count = spec.connections / nrows + usize::from(row < spec.connections % nrows);
                    for cell in 0..count {
                        let (start, end) = (cell * ncols / count, (cell + 1) * ncols / count);
                        let col = start + ((u64::from(hash.at(place)) * (end - start) as u64) >> 32) as usize;
                        let cell = if spec.storage == Storage::InputMajor { (col, row) } else { (row, col) };
                        if !survivors.contains_key(&cell) {
                            free.push((gradients[index][&cell], cell));
                        }
                        place += 1;
                    }
                }
                free.sort_by(|a, b| b.0.total_cmp(&a.0));
                let smallest = free.get(wanted.min(free.len()) - 1).unwrap().0;
                let new: Vec<Cell> = now.keys().copied().filter(|cell| !survivors.contains_key(cell)).collect();
                let looked_at: HashMap<Cell, f32> = free.iter().map(|&(gradient, cell)| (cell, gradient)).collect();
                let by_gradient = new.iter().filter_map(|cell| looked_at.get(cell)).filter(|g| **g >= smallest * 0.999);
                assert!(by_gradient.count() >= wanted.min(free.len()), "{connections:?} {index}");
                assert!(wanted <= free.len() || connections[0] == 560);
                for cell in new {
                    assert_eq!(now[&cell].1, 0);
                    assert_eq!(f32::from_bits(now[&cell].0) == 0.0, grown == GrownWeight::Zero);
                }
            }
            assert_eq!(replaced, Ok(all));
        }
    }
}
