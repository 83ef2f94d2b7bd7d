//! One layer as a program reads it: widened integers, and connections by input and neuron whatever the storage.
//!
//! `W` is `[n_out, n_in]`. An output-major layer stores one row per neuron, an input-major one stores one row per input, and
//! a dense one stores every cell without integers. Whoever wants to know which input feeds which neuron asks here, so that
//! no other file has to look at the storage.
//!
//! A layer of three inputs and two neurons, with the connections (input 1, neuron 0), (0, 1) and (1, 1):
//!
//! ```text
//! output-major  indptr 0 1 3    indices 1 | 0 1     a row per neuron, columns are inputs
//! input-major   indptr 0 1 3 3  indices 1 | 0 1 |   a row per input, columns are neurons
//! ```

use rewire_core::activation::Parameters;
pub use rewire_core::network::Storage;
use rewire_core::network::{LayerRef, LayerSpec};
use rewire_core::sparse::{BlocksRef, Format, Index};

pub use crate::blocks::BlockData;
use crate::blocks::cells_of;

/// Layers that a network of this library has at most, the output layer included.
pub const MAX_LAYERS: usize = 32;

/// One layer with its integers widened to 32 bits, whatever the network's format.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerData {
    /// Widths, connections, storage, activation.
    pub spec: LayerSpec,
    /// Row pointers; empty for a dense layer.
    pub indptr: Vec<u32>,
    /// Columns; empty for a dense layer.
    pub indices: Vec<u32>,
    /// Weights, in storage order.
    pub weights: Vec<f32>,
    /// Biases.
    pub bias: Vec<f32>,
    /// Velocities of the weights; empty where there are none, or none are of interest.
    pub velocity: Vec<f32>,
    /// Velocities of the biases, likewise.
    pub bias_velocity: Vec<f32>,
    /// Parameters of the activation; empty where it has none.
    pub activation_parameters: Vec<Parameters>,
    /// Their velocities; empty as those of the weights.
    pub activation_velocity: Vec<Parameters>,
    /// What a layer in blocks has instead of row pointers, columns and weights.
    pub blocks: Option<BlockData>,
}

/// Integers of a layer's structure, as wide as its network stores them.
#[derive(Clone, Copy, Debug)]
pub enum Integers<'a> {
    /// One byte each.
    Bytes(&'a [u8]),
    /// Two bytes each.
    Halves(&'a [u16]),
    /// Four bytes each.
    Words(&'a [u32]),
}

impl<'a> Integers<'a> {
    fn new<I: Index>(values: &'a [I]) -> Self {
        match size_of::<I>() {
            1 => Self::Bytes(bytemuck::cast_slice(values)),
            2 => Self::Halves(bytemuck::cast_slice(values)),
            _ => Self::Words(bytemuck::cast_slice(values)),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Halves(values) => values.len(),
            Self::Words(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them.
    ///
    /// # Panics
    ///
    /// When there are not as many.
    pub fn at(&self, index: usize) -> u32 {
        match self {
            Self::Bytes(values) => values[index].into(),
            Self::Halves(values) => values[index].into(),
            Self::Words(values) => values[index],
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        let integers = *self;
        (0..integers.len()).map(move |index| integers.at(index))
    }
}

/// One layer where it lies, not copied: what is written to files and recorded.
#[derive(Clone, Copy, Debug)]
pub struct LayerView<'a> {
    /// Widths, connections, storage, activation.
    pub spec: LayerSpec,
    /// Row pointers; empty for a dense layer.
    pub indptr: Integers<'a>,
    /// Columns; empty for a dense layer.
    pub indices: Integers<'a>,
    /// Weights, in storage order.
    pub weights: &'a [f32],
    /// Biases.
    pub bias: &'a [f32],
    /// Velocities of the weights; empty where there are none.
    pub velocity: &'a [f32],
    /// Velocities of the biases, likewise.
    pub bias_velocity: &'a [f32],
    /// Parameters of the activation; empty where it has none.
    pub activation_parameters: &'a [Parameters],
    /// Their velocities; empty as those of the weights.
    pub activation_velocity: &'a [Parameters],
    /// What a layer in blocks has instead of row pointers, columns and weights.
    pub blocks: Option<BlocksRef<'a>>,
}

impl<'a> LayerView<'a> {
    /// A layer of a network.
    pub fn new<F: Format>(layer: LayerRef<'a, F>) -> Self {
        let (indptr, indices) = match layer.csr {
            Some(csr) => (Integers::new(csr.indptr()), Integers::new(csr.indices())),
            None => (Integers::Words(&[]), Integers::Words(&[])),
        };
        Self {
            spec: layer.spec,
            indptr,
            indices,
            weights: layer.weights,
            bias: layer.bias,
            velocity: layer.velocity,
            bias_velocity: layer.bias_velocity,
            activation_parameters: layer.activation_parameters,
            activation_velocity: layer.activation_velocity,
            blocks: None,
        }
    }

    /// Connections that it stores; all cells of a dense layer.
    pub fn stored(&self) -> usize {
        self.blocks.map_or(self.weights.len(), |blocks| blocks.weights.len())
    }

    /// Row and column of each connection of a sparse layer that is not in blocks, in the order of the weights.
    pub fn cells(self) -> impl Iterator<Item = (usize, usize)> {
        let Self { indptr, indices, .. } = self;
        (0..indptr.len().saturating_sub(1)).flat_map(move |row| {
            let cells = indptr.at(row) as usize..indptr.at(row + 1) as usize;
            cells.map(move |at| (row, indices.at(at) as usize))
        })
    }

    /// A copy.
    pub fn to_data(&self) -> LayerData {
        LayerData {
            spec: self.spec,
            indptr: self.indptr.iter().collect(),
            indices: self.indices.iter().collect(),
            weights: self.weights.to_vec(),
            bias: self.bias.to_vec(),
            velocity: self.velocity.to_vec(),
            bias_velocity: self.bias_velocity.to_vec(),
            activation_parameters: self.activation_parameters.to_vec(),
            activation_velocity: self.activation_velocity.to_vec(),
            blocks: self.blocks.map(BlockData::new),
        }
    }
}

/// One weight and what it connects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Connection {
    /// Input of the layer, from 0.
    pub input: usize,
    /// Neuron of the layer, from 0.
    pub neuron: usize,
    /// Weight.
    pub weight: f32,
}

/// Input and neuron of a stored cell: the one place that knows which of the two a row is.
pub fn endpoints(storage: Storage, row: usize, col: usize) -> (usize, usize) {
    match storage {
        Storage::Dense | Storage::OutputMajor | Storage::Blocked => (col, row),
        Storage::InputMajor => (row, col),
    }
}

impl LayerData {
    /// The layer, not copied.
    pub fn view(&self) -> LayerView<'_> {
        LayerView {
            spec: self.spec,
            indptr: Integers::Words(&self.indptr),
            indices: Integers::Words(&self.indices),
            weights: &self.weights,
            bias: &self.bias,
            velocity: &self.velocity,
            bias_velocity: &self.bias_velocity,
            activation_parameters: &self.activation_parameters,
            activation_velocity: &self.activation_velocity,
            blocks: self.blocks.as_ref().map(BlockData::view),
        }
    }

    /// Every connection, in the order of memory.
    pub fn connections(&self) -> impl Iterator<Item = Connection> {
        let LayerSpec { n_in, storage, .. } = self.spec;
        // A dense layer has no row pointers, so one of the two parts is empty.
        let dense = if self.spec.is_dense() { self.weights.as_slice() } else { &[] };
        let dense = dense.iter().enumerate().map(move |(at, &weight)| (at / n_in, at % n_in, weight));
        let stored = self.view().cells().zip(&self.weights).map(|((row, col), &weight)| (row, col, weight));
        let blocks = self.blocks.iter().flat_map(|blocks| cells_of(blocks.view()));
        dense.chain(stored).chain(blocks).map(move |(row, col, weight)| {
            let (input, neuron) = endpoints(storage, row, col);
            Connection { input, neuron, weight }
        })
    }

    /// The same weights stored input-major where they are output-major, and the other way round. Velocities are left out.
    #[must_use]
    pub fn stored_the_other_way(&self) -> Self {
        self.stored_as(self.spec.stored_the_other_way())
    }

    /// The same weights in rows, where they are in blocks: what programs read that know no blocks.
    #[must_use]
    pub fn in_rows(self) -> Self {
        if self.blocks.is_none() {
            return self;
        }
        self.stored_as(LayerSpec { storage: Storage::OutputMajor, ..self.spec })
    }

    fn stored_as(&self, spec: LayerSpec) -> Self {
        let (bias, activation_parameters) = (self.bias.clone(), self.activation_parameters.clone());
        Self { bias, activation_parameters, ..Self::of_connections(spec, self.connections()) }
    }

    /// A layer that has these connections in any order, as many as it says and no two between the same ends; all other numbers are missing.
    pub fn of_connections(spec: LayerSpec, connections: impl Iterator<Item = Connection>) -> Self {
        let mut cells: Vec<(usize, usize, f32)> = connections
            .map(|Connection { input, neuron, weight }| {
                // What turns places into ends turns ends into places.
                let (row, col) = endpoints(spec.storage, input, neuron);
                (row, col, weight)
            })
            .collect();
        cells.sort_by_key(|&(row, col, _)| (row, col));
        let mut indptr = vec![0; if spec.is_dense() { 0 } else { spec.nrows() + 1 }];
        let mut indices = Vec::new();
        if !spec.is_dense() {
            indices = cells.iter().map(|cell| cell.1 as u32).collect();
            for &(row, ..) in &cells {
                indptr[row + 1] += 1;
            }
            for row in 0..spec.nrows() {
                indptr[row + 1] += indptr[row];
            }
        }
        Self {
            spec,
            indptr,
            indices,
            weights: cells.iter().map(|cell| cell.2).collect(),
            bias: Vec::new(),
            velocity: Vec::new(),
            bias_velocity: Vec::new(),
            activation_parameters: Vec::new(),
            activation_velocity: Vec::new(),
            blocks: None,
        }
    }

    /// Connections that leave each input.
    pub fn input_degrees(&self) -> Vec<u64> {
        self.degrees(self.spec.n_in, |connection| connection.input)
    }

    /// Connections that reach each neuron.
    pub fn neuron_degrees(&self) -> Vec<u64> {
        self.degrees(self.spec.n_out, |connection| connection.neuron)
    }

    fn degrees(&self, len: usize, end: impl Fn(&Connection) -> usize) -> Vec<u64> {
        let mut degrees = vec![0; len];
        for connection in self.connections() {
            degrees[end(&connection)] += 1;
        }
        degrees
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rewire_core::activation::Activation;

    /// The layer of the module's documentation in the three storages; the dense one has all six cells.
    fn layers() -> [LayerData; 3] {
        let sparse = LayerSpec::sparse(3, 2, 3, Activation::Relu);
        let layer = |spec: LayerSpec, indptr: &[u32], indices: &[u32], weights: &[f32]| LayerData {
            spec,
            indptr: indptr.to_vec(),
            indices: indices.to_vec(),
            weights: weights.to_vec(),
            bias: vec![0.0; 2],
            velocity: vec![],
            bias_velocity: vec![],
            activation_parameters: vec![],
            activation_velocity: vec![],
            blocks: None,
        };
        [
            layer(sparse, &[0, 1, 3], &[1, 0, 1], &[10.0, 1.0, 11.0]),
            layer(sparse.input_major(), &[0, 1, 3, 3], &[1, 0, 1], &[1.0, 10.0, 11.0]),
            layer(LayerSpec::dense(3, 2, Activation::Relu), &[], &[], &[0.0, 10.0, 20.0, 1.0, 11.0, 21.0]),
        ]
    }

    #[test]
    fn connections_name_input_and_neuron_in_every_storage() {
        // Each weight is 10 times its input plus its neuron.
        for layer in layers() {
            let mut weights = Vec::new();
            for Connection { input, neuron, weight } in layer.connections() {
                assert_eq!(weight, (10 * input + neuron) as f32, "{:?}", layer.spec.storage);
                weights.push(weight);
            }
            assert_eq!(weights, layer.weights);
        }
    }

    #[test]
    fn a_layer_stored_the_other_way_has_the_same_connections() {
        let [output_major, input_major, dense] = layers();
        assert_eq!(output_major.stored_the_other_way(), input_major);
        assert_eq!(input_major.stored_the_other_way(), output_major);
        assert_eq!(dense.stored_the_other_way(), dense);
    }

    #[test]
    fn degrees_do_not_depend_on_the_storage() {
        let [output_major, input_major, dense] = layers();
        for layer in [output_major, input_major] {
            assert_eq!((layer.input_degrees(), layer.neuron_degrees()), (vec![1, 2, 0], vec![1, 2]));
        }
        assert_eq!((dense.input_degrees(), dense.neuron_degrees()), (vec![2; 3], vec![3; 2]));
    }
}
