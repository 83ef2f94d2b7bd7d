//! A layer's parameters, copied out of a network, compared and put back.

use rewire_core::activation::Parameters;
use rewire_core::network::{LayerRef, Mlp};
use rewire_core::network::{LayerSpec, Storage};
use rewire_core::random::{Generator, Purpose};
use rewire_core::sparse::CsrRef;
use rewire_core::sparse::{Format, Index};

/// The cells `(output, input)` of a layer's weights, in storage order.
///
/// # Panics
///
/// When the structure breaks an invariant of CSR.
pub fn cells<F: Format>(layer: &LayerRef<'_, F>) -> Vec<(usize, usize)> {
    let spec = layer.spec;
    let Some(csr) = layer.csr else {
        return (0..spec.n_out).flat_map(|output| (0..spec.n_in).map(move |input| (output, input))).collect();
    };
    let checked = CsrRef::<F>::new(spec.ncols(), csr.indptr(), csr.indices(), csr.values());
    let rows = checked.expect("a network's structure is valid").rows().enumerate();
    rows.flat_map(|(row, (cols, _))| {
        cols.iter().map(move |col| match spec.storage {
            Storage::InputMajor => (col.to_usize(), row),
            _ => (row, col.to_usize()),
        })
    })
    .collect()
}

/// Everything a layer is made of.
#[derive(Clone, Debug)]
pub struct LayerCopy<F: Format> {
    /// Widths, connections, storage, activation.
    pub spec: LayerSpec,
    /// Row pointers; one zero for a dense layer.
    pub indptr: Vec<F::Pointer>,
    /// Columns.
    pub indices: Vec<F::Index>,
    /// Weights.
    pub weights: Vec<f32>,
    /// Biases.
    pub bias: Vec<f32>,
    /// Velocities of the weights, or none.
    pub velocity: Vec<f32>,
    /// Velocities of the biases, or none.
    pub bias_velocity: Vec<f32>,
    /// Parameters of the activation, or none.
    pub activation_parameters: Vec<Parameters>,
    /// Velocities of those, or none.
    pub activation_velocity: Vec<Parameters>,
}

impl<F: Format> LayerCopy<F> {
    /// Copies a layer.
    pub fn of(layer: &LayerRef<'_, F>) -> Self {
        Self {
            spec: layer.spec,
            indptr: layer.csr.map_or_else(|| vec![F::Pointer::default()], |csr| csr.indptr().to_vec()),
            indices: layer.csr.map_or_else(Vec::new, |csr| csr.indices().to_vec()),
            weights: layer.weights.to_vec(),
            bias: layer.bias.to_vec(),
            velocity: layer.velocity.to_vec(),
            bias_velocity: layer.bias_velocity.to_vec(),
            activation_parameters: layer.activation_parameters.to_vec(),
            activation_velocity: layer.activation_velocity.to_vec(),
        }
    }

    /// The copy as the core reads it.
    ///
    /// # Panics
    ///
    /// When the copy's structure is no valid matrix.
    pub fn as_ref(&self) -> LayerRef<'_, F> {
        let csr = || CsrRef::new(self.spec.ncols(), &self.indptr, &self.indices, &self.weights);
        LayerRef {
            spec: self.spec,
            bias: &self.bias,
            weights: &self.weights,
            csr: (!self.spec.is_dense()).then(|| csr().expect("a valid matrix")),
            velocity: &self.velocity,
            bias_velocity: &self.bias_velocity,
            activation_parameters: &self.activation_parameters,
            activation_velocity: &self.activation_velocity,
        }
    }

    /// The bits of structure and parameters, one number after the other.
    pub fn bits(&self) -> Vec<u32> {
        let structure = self.indptr.iter().map(|p| p.to_usize()).chain(self.indices.iter().map(|i| i.to_usize()));
        let floats = [&self.weights, &self.bias, &self.velocity, &self.bias_velocity];
        let learned = [self.activation_parameters.as_flattened(), self.activation_velocity.as_flattened()];
        let floats = floats.into_iter().flatten().chain(learned.into_iter().flatten());
        structure.map(|n| n as u32).chain(floats.map(|f| f.to_bits())).collect()
    }

    /// The same connections and parameters in another memory order.
    #[must_use]
    pub fn stored_as(&self, storage: Storage) -> Self {
        let layer = self.as_ref();
        let spec = LayerSpec { storage, ..self.spec };
        let velocity = self.velocity.iter().copied().map(Some).chain(std::iter::repeat(None));
        let mut connections: Vec<_> = cells(&layer).into_iter().zip(&self.weights).zip(velocity).collect();
        let place = |(output, input)| if storage == Storage::InputMajor { (input, output) } else { (output, input) };
        connections.sort_by_key(|&((cell, _), _)| place(cell));
        let starts = |row: usize| connections.partition_point(|&((cell, _), _)| place(cell).0 < row);
        Self {
            spec,
            indptr: (0..=spec.nrows()).map(|row| F::Pointer::wrapping_from(starts(row))).collect(),
            indices: connections.iter().map(|&((cell, _), _)| F::Index::wrapping_from(place(cell).1)).collect(),
            weights: connections.iter().map(|&((_, &weight), _)| weight).collect(),
            bias: self.bias.clone(),
            velocity: connections.iter().filter_map(|&(_, velocity)| velocity).collect(),
            bias_velocity: self.bias_velocity.clone(),
            activation_parameters: self.activation_parameters.clone(),
            activation_velocity: self.activation_velocity.clone(),
        }
    }
}

/// Copies all layers.
pub fn copy<F: Format, const LANES: usize, const LAYERS: usize>(
    network: &Mlp<'_, F, LANES, LAYERS>,
) -> Vec<LayerCopy<F>> {
    network.layers().map(|layer| LayerCopy::of(&layer)).collect()
}

/// The bits of all layers.
pub fn bits<F: Format, const LANES: usize, const LAYERS: usize>(network: &Mlp<'_, F, LANES, LAYERS>) -> Vec<u32> {
    copy(network).iter().flat_map(LayerCopy::bits).collect()
}

/// Puts copies back.
///
/// # Panics
///
/// When a copy is not of this network's shape.
pub fn restore<F: Format, const LANES: usize, const LAYERS: usize>(
    network: &mut Mlp<'_, F, LANES, LAYERS>,
    layers: &[LayerCopy<F>],
) {
    for (index, layer) in layers.iter().enumerate() {
        network.load_layer(index, &layer.as_ref()).expect("a copy of the same shape");
    }
}

/// Gives every neuron a random bias, so that none stays at its first value of zero, and every SReLU joints amid its sums.
pub fn randomise_neurons<F: Format, const LANES: usize, const LAYERS: usize>(
    network: &mut Mlp<'_, F, LANES, LAYERS>,
    seed: u64,
) {
    let mut generator = Generator::new(seed, Purpose::Subset, 1, 0, 0);
    let mut layers = copy(network);
    for bias in layers.iter_mut().flat_map(|layer| &mut layer.bias) {
        *bias = generator.symmetric(0.3);
    }
    for parameters in layers.iter_mut().flat_map(|layer| &mut layer.activation_parameters) {
        *parameters = [0.3, 0.9, 0.6, 0.9].map(|limit| generator.symmetric(limit));
    }
    restore(network, &layers);
}

/// FNV-1a over the bytes of the bits, lowest byte first: a fingerprint that is the same on any machine.
pub fn fingerprint(bits: &[u32]) -> u64 {
    bits.iter()
        .flat_map(|word| word.to_le_bytes())
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_fnv() {
        // "foobar\0\0" by the published algorithm.
        let bits = [u32::from_le_bytes(*b"foob"), u32::from_le_bytes(*b"ar\0\0")];
        let mut expected: u64 = 0x8594_4171_F739_67E8; // "foobar", from the reference vectors
        for _ in 0..2 {
            expected = expected.wrapping_mul(0x0100_0000_01B3);
        }
        assert_eq!(fingerprint(&bits), expected);
    }
}
