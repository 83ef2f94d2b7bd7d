//! Percolation: connections that lead nowhere go, to be regrown elsewhere.
//!
//! A hidden neuron without incoming connections passes nothing on, and one without outgoing connections is not heard: the
//! connections on its other side go too, which may leave further neurons without any. One pass over the layers forward
//! and one backward find all of them. Inputs and outputs are never dead, and a neuron at one end of a residual connection is
//! heard, or hears, through that. Layers that do not evolve, dense ones and the
//! last, lose nothing, but their connections count.
//!
//! ```text
//! input a --- neuron x --- output      x stays
//! input b --- neuron y                 nobody hears y: the connection from b goes
//!             neuron z --- output      z hears nobody: the connection to the output goes, if that layer evolves
//! ```

use crate::network::mlp::Mlp;
use crate::network::model::Layer;
use crate::sparse::csr::row_lengths;
use crate::sparse::index::{Format, Index};
use crate::step::tiles::bytes;
use crate::topology::prune::neurons::{End, keep_neurons};

/// Removes the connections of dead hidden neurons, of all layers that evolve.
#[inline(never)]
pub(crate) fn percolate<F: Format, const LANES: usize, const LAYERS: usize>(network: &mut Mlp<'_, F, LANES, LAYERS>) {
    let Mlp { layers, workspace, .. } = network;
    let count = layers.len();
    // A layer's deltas have room for a mark for each of its neurons.
    let mut at = |layers: &mut [Layer<'_, F>], hidden: usize, forward: bool| {
        // The end of a residual connection.
        let end = if forward { hidden } else { hidden + 2 };
        if layers.get(end).is_some_and(|layer| layer.spec.activation.is_residual()) {
            return;
        }
        let Some((below, above)) = layers.split_at_mut_checked(hidden + 1) else { return };
        let tiles = workspace.layers.get_mut(hidden).map(|tiles| bytes(tiles.delta));
        if let (Some(below), Some(above), Some(tiles)) = (below.last_mut(), above.first_mut(), tiles) {
            let marks = tiles.get_mut(..below.spec.n_out).unwrap_or_default();
            let evolves = hidden + 2 < count;
            if !forward {
                remove_unmarked(below, End::Outputs, mark(above, End::Inputs, marks));
            } else if evolves {
                remove_unmarked(above, End::Inputs, mark(below, End::Outputs, marks));
            }
        }
    };
    let hidden = count.saturating_sub(1);
    (0..hidden).for_each(|index| at(layers, index, true));
    (0..hidden).rev().for_each(|index| at(layers, index, false));
}

/// Marks the neurons at one end of a layer that have connections in it; returns the marks.
fn mark<'m, F: Format>(layer: &mut Layer<'_, F>, end: End, marks: &'m mut [u8]) -> &'m [u8] {
    if layer.spec.is_dense() {
        marks.fill(1);
        return marks;
    }
    marks.fill(0);
    let (rows, matrix) = (end.is_rows(layer.spec.storage), layer.csr_mut());
    if rows {
        for (mark, len) in marks.iter_mut().zip(row_lengths(matrix.indptr)) {
            *mark = u8::from(len > 0);
        }
    } else {
        for col in matrix.as_ref().indices() {
            if let Some(mark) = marks.get_mut(col.to_usize()) {
                *mark = 1;
            }
        }
    }
    marks
}

/// Removes the connections of a layer whose neuron at one end has no mark; of a dense layer none.
fn remove_unmarked<F: Format>(layer: &mut Layer<'_, F>, end: End, marks: &[u8]) {
    if !layer.spec.is_dense() {
        keep_neurons(layer, end, |neuron| marks.get(neuron).is_some_and(|&mark| mark != 0));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::sync::Mutex;

    use super::*;
    use crate::network::spec::Storage;
    use crate::prelude::*;
    use crate::sparse::CsrRef;

    type Edges = HashMap<usize, HashSet<(usize, usize)>>;

    /// Every kind of layer. The last evolves as little as the dense one.
    const LAYERS: [LayerSpec; 6] = [
        LayerSpec::sparse(20, 30, 40, Activation::Relu).input_major(),
        LayerSpec::sparse(30, 25, 45, Activation::Relu),
        LayerSpec::sparse(25, 20, 30, Activation::Relu),
        LayerSpec::dense(20, 12, Activation::Relu),
        LayerSpec::sparse(12, 30, 40, Activation::Relu),
        LayerSpec::sparse(30, 4, 30, Activation::Identity),
    ];

    /// Neurons of the first, the third and the fifth layer are at the ends of residual connections.
    const RESIDUAL: [LayerSpec; 6] = [
        LayerSpec::sparse(20, 30, 40, Activation::BatchNormRelu).input_major(),
        LayerSpec::sparse(30, 25, 45, Activation::BatchNormRelu),
        LayerSpec::sparse(25, 30, 30, Activation::BatchNormResidual),
        LayerSpec::sparse(30, 12, 20, Activation::BatchNormRelu),
        LayerSpec::sparse(12, 30, 40, Activation::BatchNormResidual),
        LayerSpec::sparse(30, 4, 30, Activation::Identity),
    ];

    /// Bytes of the larger of the two.
    const LARGEST: usize = {
        let a = Description::training(&LAYERS, 2).bytes::<Standard, 2>();
        let b = Description::training(&RESIDUAL, 2).bytes::<Standard, 2>();
        if a > b { a } else { b }
    };

    /// Inputs and outputs of each layer's connections.
    fn edges(network: &Mlp<'_, Standard, 2>) -> Edges {
        let of = |csr: CsrRef<'_, Standard>, spec: LayerSpec| ends(csr, spec.storage);
        let layers = network.layers().enumerate();
        layers.filter_map(|(index, layer)| Some((index, of(layer.csr?, layer.spec)))).collect()
    }

    fn ends(csr: CsrRef<'_, Standard>, storage: Storage) -> HashSet<(usize, usize)> {
        let rows = csr.rows().enumerate();
        let cells = rows.flat_map(|(row, (cols, _))| cols.iter().map(move |&col| (row, usize::from(col))));
        cells.map(|(row, col)| if storage == Storage::InputMajor { (row, col) } else { (col, row) }).collect()
    }

    /// What an evolution leaves of the layers that evolve, and all connections after it.
    fn evolved(layers: &[LayerSpec], seed: u64, zeta: f32, percolation: bool) -> (Edges, Edges, usize) {
        let description = Description::training(layers, 2);
        let mut block = Block::<LARGEST>::new();
        let mut network = Mlp::<Standard, 2>::new(&description, &mut block.0).unwrap();
        network.initialise(&Portable, seed, FanIn::Connections);
        let evolution = Evolution::new(zeta, GrownWeight::Zero, FanIn::Connections).unwrap();
        let left = Mutex::new(Edges::new());
        let replaced = network.evolve(&Portable, &evolution.with_percolation(percolation), seed, 1, |index, csr| {
            left.lock().unwrap().insert(index, ends(csr, layers[index].storage));
        });
        (left.into_inner().unwrap(), edges(&network), replaced.unwrap())
    }

    /// Removes connections of dead neurons, one after the other, until there is none.
    fn without_dead(layers: &[LayerSpec], mut left: Edges, last: &HashSet<(usize, usize)>) -> Edges {
        left.insert(5, last.clone());
        let is_residual = |layer: usize| layers.get(layer).is_some_and(|layer| layer.activation.is_residual());
        loop {
            let has_input = |neuron: usize, layer: usize| {
                let of_layer = || left[&layer].iter().any(|&(_, output)| output == neuron);
                layers[layer].is_dense() || is_residual(layer) || of_layer()
            };
            let has_output = |neuron: usize, layer: usize| {
                let of_layer = || left[&layer].iter().any(|&(input, _)| input == neuron);
                layers[layer].is_dense() || is_residual(layer + 1) || of_layer()
            };
            let dead = left.iter().filter(|(layer, _)| **layer < 5).find_map(|(&layer, cells)| {
                let leads_nowhere = |&&(input, output): &&(usize, usize)| {
                    layer > 0 && !has_input(input, layer - 1) || !has_output(output, layer + 1)
                };
                Some((layer, *cells.iter().find(leads_nowhere)?))
            });
            let Some((layer, cell)) = dead else { break };
            left.get_mut(&layer).unwrap().remove(&cell);
        }
        left.remove(&5);
        left
    }

    #[test]
    fn what_leads_nowhere_goes_and_as_much_comes_back() {
        check(&LAYERS, 500);
    }

    #[test]
    fn what_residual_connections_reach_stays() {
        check(&RESIDUAL, 100);
    }

    /// Holds evolutions against the naive removal; more connections than `least` must go.
    fn check(layers: &[LayerSpec], least: usize) {
        let mut went = 0;
        for seed in 0..60 {
            let zeta = [0.0, 0.3, 0.6, 0.95][seed as usize % 4];
            let (pruned, all, replaced) = evolved(layers, seed, zeta, false);
            let expected = without_dead(layers, pruned.clone(), &all[&5]);
            let (left, after, more) = evolved(layers, seed, zeta, true);
            assert_eq!(left, expected, "seed {seed}, zeta {zeta}");
            let gone: usize = pruned.iter().map(|(layer, cells)| cells.len() - left[layer].len()).sum();
            assert_eq!(more, replaced + gone);
            went += gone;
            for (layer, cells) in after {
                assert_eq!(cells.len(), layers[layer].connections);
            }
        }
        assert!(went > least, "{went}");
    }
}
