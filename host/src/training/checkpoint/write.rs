//! How a checkpoint is written.

use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};
use rewire_engine::layer::{LayerData, LayerView};
use sha2::{Digest, Sha256};

use crate::files::{Draft, stream_atomically};
use crate::model::blocks;
use crate::model::tensors::{Data, Tensor, Tensors};
use crate::settings::Config;
use crate::training::checkpoint::format::{ARRAYS, Header, KEY, MAGIC, NAMES, VERSION};

/// The state after an epoch, as it is written.
#[derive(Debug)]
pub struct State<'a> {
    /// Settings of the run.
    pub config: &'a Config,
    /// Epochs done.
    pub epoch: u32,
    /// First to last, with velocities.
    pub layers: Vec<LayerView<'a>>,
    /// Bits of the connections that each layer has ever had; none where they are not counted.
    pub tried: Vec<&'a [u64]>,
    /// Averages of each layer's parameters; none where they are not kept.
    pub average: Vec<&'a [f32]>,
}

/// A copy of it.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedState {
    /// As of the state, and so the others.
    pub config: Config,
    /// Epochs done.
    pub epoch: u32,
    /// First to last, with velocities.
    pub layers: Vec<LayerData>,
    /// Bits of the connections that each layer has ever had.
    pub tried: Vec<Vec<u64>>,
    /// Averages of each layer's parameters.
    pub average: Vec<Vec<f32>>,
}

impl OwnedState {
    /// The state, not copied.
    pub fn state(&self) -> State<'_> {
        State {
            config: &self.config,
            epoch: self.epoch,
            layers: self.layers.iter().map(LayerData::view).collect(),
            tried: self.tried.iter().map(Vec::as_slice).collect(),
            average: self.average.iter().map(Vec::as_slice).collect(),
        }
    }
}

/// The arrays of a layer, in the order of their names.
fn arrays<'a>(layer: &LayerView<'a>) -> [Data<'a>; 8] {
    [
        Data::Integers(layer.indptr),
        Data::Integers(layer.indices),
        Data::Floats(layer.weights),
        Data::Floats(layer.bias),
        Data::Floats(layer.velocity),
        Data::Floats(layer.bias_velocity),
        Data::Floats(layer.activation_parameters.as_flattened()),
        Data::Floats(layer.activation_velocity.as_flattened()),
    ]
}

/// Hashes what it writes.
struct Hashing<'d> {
    draft: &'d mut Draft,
    hash: Sha256,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.draft.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.draft.flush()
    }
}

impl State<'_> {
    /// A copy.
    pub fn to_owned(&self) -> OwnedState {
        OwnedState {
            config: self.config.clone(),
            epoch: self.epoch,
            layers: self.layers.iter().map(LayerView::to_data).collect(),
            tried: self.tried.iter().map(|bits| bits.to_vec()).collect(),
            average: self.average.iter().map(|values| values.to_vec()).collect(),
        }
    }

    /// Bytes of its arrays in a file.
    pub fn bytes(&self) -> u64 {
        let words: usize = self.layers.iter().flat_map(arrays).map(|array| array.len()).sum();
        let blocks = self.layers.iter().filter_map(|layer| layer.blocks).flat_map(blocks::arrays);
        let halves: usize = blocks.map(|(_, data)| data.len()).sum();
        let bits: usize = self.tried.iter().map(|bits| bits.len()).sum();
        let averages: usize = self.average.iter().map(|values| values.len()).sum();
        4 * (words + averages) as u64 + 2 * halves as u64 + 8 * bits as u64
    }

    /// Writes the checkpoint of a run directory; the one that was there stays as the previous one.
    ///
    /// # Errors
    ///
    /// When it cannot be written; what was there is then still there.
    pub fn save(&self, directory: &Path) -> Result<()> {
        let features = self.layers.first().map_or(0, |layer| layer.spec.n_in);
        let classes = self.layers.last().map_or(0, |layer| layer.spec.n_out);
        let header = Header { epoch: self.epoch, config: self.config.clone(), features, classes };
        let mut tensors = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            tensors.extend(ARRAYS.iter().zip(arrays(layer)).map(|(name, data)| tensor(i, name, data)));
            let blocks = layer.blocks.into_iter().flat_map(blocks::arrays);
            tensors.extend(blocks.map(|(name, data)| tensor(i, name, data)));
        }
        tensors.extend(self.tried.iter().enumerate().map(|(i, bits)| tensor(i, "tried", Data::Bits(bits))));
        tensors.extend(self.average.iter().enumerate().map(|(i, values)| tensor(i, "average", Data::Floats(values))));
        let payload = Tensors::new(tensors, (KEY, serde_json::to_string(&header)?))?;
        let [newest, previous] = NAMES.map(|name| directory.join(name));
        if newest.exists() {
            // Before the new one is written, so that a disk has to hold two and not three.
            std::fs::rename(&newest, &previous)
                .with_context(|| format!("cannot keep the previous checkpoint as {}", previous.display()))?;
        }
        stream_atomically(&newest, |draft| {
            let head = |hash: &[u8]| {
                let (version, len) = (VERSION.to_le_bytes(), payload.bytes().to_le_bytes());
                [MAGIC.as_slice(), version.as_slice(), len.as_slice(), hash].concat()
            };
            // The checksum is known at the end.
            draft.write_all(&head(&[0; 32]))?;
            let mut hashing = Hashing { draft, hash: Sha256::new() };
            payload.write(&mut hashing)?;
            let Hashing { draft, hash } = hashing;
            draft.seek(SeekFrom::Start(0))?;
            draft.write_all(&head(&hash.finalize()))
        })
    }
}

fn tensor<'a>(layer: usize, name: &str, data: Data<'a>) -> Tensor<'a> {
    Tensor { name: format!("layers.{layer}.{name}"), shape: vec![data.len()], data }
}
