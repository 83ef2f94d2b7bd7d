//! Layers copied into a network: what does not fit is refused and changes nothing, what fits arrives whole.

use rewire_core::error::{LoadError, SpecDifference, StructureError};
use rewire_core::network::LayerRef;
use rewire_core::prelude::*;
use rewire_core::sparse::{CsrRef, Index};
use rewire_tests::memory::Memory;
use rewire_tests::structure::{LayerCopy, bits, copy};

const RELU: Activation = Activation::Relu;
const IDENTITY: Activation = Activation::Identity;

/// A sparse layer in each order, and a dense one.
fn loadable() -> [LayerSpec; 3] {
    [
        LayerSpec::sparse(6, 5, 12, RELU),
        LayerSpec::sparse(5, 4, 9, RELU).input_major(),
        LayerSpec::dense(4, 3, IDENTITY),
    ]
}

#[test]
fn load_layer_refuses_what_is_broken_and_changes_nothing() {
    let layers = loadable();
    for velocity in [false, true] {
        let mut description = Description::training(&layers, 1);
        if velocity {
            description = description.with_velocity();
        }
        let mut memory = Memory::of::<Compact, 1>(&description);
        let mut network = Mlp::<Compact, 1>::new(&description, memory.block()).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        let before = bits(&network);
        let good = copy(&network);
        let mut refuse = |index: usize, layer: LayerRef<'_, Compact>, expected: LoadError| {
            assert_eq!(network.load_layer(index, &layer), Err(expected), "layer {index}");
            assert!(bits(&network) == before, "layer {index} changed");
        };
        let length = |expected, found| LoadError::Structure(StructureError::Length { expected, found });

        refuse(3, good[0].as_ref(), LoadError::NoLayer { layers: 3 });
        refuse(usize::MAX, good[0].as_ref(), LoadError::NoLayer { layers: 3 });
        for (index, layer) in good.iter().enumerate() {
            let (connections, n_out) = (layer.spec.connections, layer.spec.n_out);
            let whole = layer.as_ref();
            let short = &layer.weights[1..];
            refuse(index, LayerRef { weights: short, ..whole }, length(connections, connections - 1));
            refuse(index, LayerRef { bias: &layer.bias[1..], ..whole }, length(n_out, n_out - 1));
            let expected = if velocity { connections } else { 0 };
            let wrong = vec![1.0; connections + 1];
            refuse(index, LayerRef { velocity: &wrong, ..whole }, length(expected, connections + 1));
            let expected = if velocity { n_out } else { 0 };
            let wrong = vec![1.0; n_out + 1];
            refuse(index, LayerRef { bias_velocity: &wrong, ..whole }, length(expected, n_out + 1));
        }
        for (index, layer) in good[..2].iter().enumerate() {
            let whole = layer.as_ref();
            let (nrows, ncols) = (layer.spec.nrows(), layer.spec.ncols());
            refuse(index, LayerRef { csr: None, ..whole }, length(nrows + 1, 0));

            let mut indptr = layer.indptr.clone();
            indptr.push(indptr[nrows]);
            let taller = CsrRef::new(ncols, &indptr, &layer.indices, &layer.weights).unwrap();
            refuse(index, LayerRef { csr: Some(taller), ..whole }, length(nrows + 1, nrows + 2));

            let mut indptr = layer.indptr.clone();
            let last_row = (0..nrows).rfind(|&row| indptr[row] < indptr[row + 1]).unwrap();
            for pointer in &mut indptr[last_row + 1..] {
                *pointer -= 1;
            }
            let nnz = layer.indices.len() - 1;
            let fewer = CsrRef::new(ncols, &indptr, &layer.indices[..nnz], &layer.weights[..nnz]).unwrap();
            refuse(index, LayerRef { csr: Some(fewer), ..whole }, length(nnz + 1, nnz));

            // Valid for a wider matrix, but not for this one.
            let mut indices = layer.indices.clone();
            indices[nnz] = u16::wrapping_from(ncols);
            let wider = CsrRef::new(ncols + 1, &layer.indptr, &indices, &layer.weights).unwrap();
            let expected = StructureError::Column { row: last_row, col: ncols }.into();
            refuse(index, LayerRef { csr: Some(wider), ..whole }, expected);
        }
    }
}

#[test]
fn load_layer_refuses_another_specification_and_says_what_differs() {
    // Square, so that every array of the other storage has the right length: it would load transposed.
    let layers = [LayerSpec::sparse(6, 6, 12, RELU), LayerSpec::dense(6, 3, IDENTITY)];
    let description = Description::training(&layers, 1);
    let mut memory = Memory::of::<Compact, 1>(&description);
    let mut network = Mlp::<Compact, 1>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let (before, good) = (bits(&network), copy(&network));
    let whole = good[0].as_ref();
    let own = whole.spec;
    for (spec, expected) in [
        (LayerSpec { storage: Storage::InputMajor, ..own }, SpecDifference::Storage),
        (LayerSpec { activation: Activation::LeakyRelu { slope: 0.5 }, ..own }, SpecDifference::Activation),
        (LayerSpec { connections: 11, ..own }, SpecDifference::Connections),
        (LayerSpec { n_in: 7, ..own }, SpecDifference::Inputs),
        (LayerSpec { n_out: 5, ..own }, SpecDifference::Outputs),
    ] {
        let found = network.load_layer(0, &LayerRef { spec, ..whole });
        assert_eq!(found, Err(LoadError::Differs(expected)));
        assert!(bits(&network) == before, "{expected}");
    }
}

#[test]
fn a_loaded_layer_is_the_one_that_was_copied() {
    let layers = loadable();
    let description = Description::training(&layers, 1).with_velocity().with_transposed_index();
    let mut memory = Memory::of::<Compact, 1>(&description);
    let mut network = Mlp::<Compact, 1>::new(&description, memory.block()).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let mut expected = copy(&network);
    for layer in &mut expected {
        layer.velocity.fill(0.25);
        layer.bias_velocity.fill(-0.5);
    }
    network.initialise(&Portable, 2, FanIn::Connections);
    for (index, layer) in expected.iter().enumerate() {
        network.load_layer(index, &layer.as_ref()).unwrap();
    }
    let all = |layers: &[LayerCopy<Compact>]| layers.iter().flat_map(LayerCopy::bits).collect::<Vec<_>>();
    assert_eq!(bits(&network), all(&expected));

    // Without velocities, they start from zero.
    for (index, layer) in expected.iter_mut().enumerate() {
        layer.velocity.fill(0.0);
        layer.bias_velocity.fill(0.0);
        let plain = LayerRef { velocity: &[], bias_velocity: &[], ..layer.as_ref() };
        network.load_layer(index, &plain).unwrap();
    }
    assert_eq!(bits(&network), all(&expected));
}
