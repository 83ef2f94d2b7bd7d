//! What figures need of a SET run and cannot be told from its ends: which inputs keep connections from epoch to epoch,
//! and how many of all possible connections were ever tried, as far as they lasted to the end of an epoch.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use anyhow::{Result, anyhow};
use rewire_core::network::{LayerSpec, Storage};
use rewire_engine::layer::{LayerView, endpoints};
use serde::{Deserialize, Serialize};

/// A row of `topology.csv`: a sparse layer after an epoch; epoch 0 is the start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerRow {
    /// Counted from 1.
    pub epoch: u32,
    /// Counted from 0, as in `model.safetensors`.
    pub layer: usize,
    /// Connections that pruning left, or would have left where nothing was pruned: at the start and at the end.
    pub survived: u64,
    /// Distinct connections that the layer has had at the end of an epoch; absent where that was not counted.
    pub tried: Option<u64>,
}

/// Cells of a layer up to which tried connections are counted: 32 MB of bits.
const MOST_CELLS: usize = 1 << 28;

/// The connections that a layer has ever had: a bit for each cell.
#[derive(Clone, Debug, Default, PartialEq)]
struct Tried {
    bits: Vec<u64>,
    count: u64,
}

impl Tried {
    fn add(&mut self, layer: &LayerView<'_>) {
        let columns = layer.spec.ncols();
        for (row, col) in layer.cells() {
            let cell = row * columns + col;
            let (word, bit) = (&mut self.bits[cell / 64], 1 << (cell % 64));
            self.count += u64::from(*word & bit == 0);
            *word |= bit;
        }
    }
}

/// Gathers what a run records of its topology. After the first epoch it allocates nothing.
#[derive(Debug)]
pub struct Recorder {
    /// Of the first layer: it says whether its rows or its columns are inputs.
    storage: Storage,
    /// Survivors of the first layer, by input.
    inputs: Vec<AtomicU32>,
    /// Survivors by layer.
    survived: Vec<AtomicU64>,
    tried: Vec<Option<Tried>>,
    row: Vec<u16>,
}

impl Recorder {
    /// For a network with these layers, before anything is recorded.
    pub fn new(layers: &[LayerSpec]) -> Self {
        let tried = |layer: &LayerSpec| {
            let counted = !layer.is_dense() && layer.cells() <= MOST_CELLS;
            counted.then(|| Tried { bits: vec![0; layer.cells().div_ceil(64)], count: 0 })
        };
        Self::with_tried(layers, layers.iter().map(tried).collect())
    }

    fn with_tried(layers: &[LayerSpec], tried: Vec<Option<Tried>>) -> Self {
        let inputs = layers.first().map_or(0, |layer| layer.n_in);
        Self {
            storage: layers.first().map_or(Storage::OutputMajor, |layer| layer.storage),
            inputs: (0..inputs).map(|_| AtomicU32::new(0)).collect(),
            survived: layers.iter().map(|_| AtomicU64::new(0)).collect(),
            tried,
            row: vec![0; inputs],
        }
    }

    /// Records survivors alone: tried connections are not counted.
    pub fn of_survivors(layers: &[LayerSpec]) -> Self {
        Self::with_tried(layers, layers.iter().map(|_| None).collect())
    }

    /// Continues from the bits of a checkpoint; where there are none, tried connections are no longer counted.
    ///
    /// # Errors
    ///
    /// When they are of another network.
    pub fn resume(layers: &[LayerSpec], bits: &[Vec<u64>]) -> Result<Self> {
        let mut recorder = Self::new(layers);
        for (i, tried) in recorder.tried.iter_mut().enumerate() {
            let saved = bits.get(i).filter(|saved| !saved.is_empty());
            match (tried.as_mut(), saved) {
                (Some(tried), Some(saved)) if saved.len() == tried.bits.len() => {
                    tried.bits.copy_from_slice(saved);
                    tried.count = saved.iter().map(|word| u64::from(word.count_ones())).sum();
                }
                (_, None) => *tried = None,
                _ => return Err(anyhow!("layer {i}: its tried connections are of another network")),
            }
        }
        Ok(recorder)
    }

    /// The bits of tried connections, by layer; none where they are not counted.
    pub fn bits(&self) -> Vec<&[u64]> {
        self.tried.iter().map(|tried| tried.as_ref().map_or(&[][..], |tried| &tried.bits)).collect()
    }

    /// Forgets the survivors of the epoch before.
    pub fn begin(&self) {
        self.inputs.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        self.survived.iter().for_each(|count| count.store(0, Ordering::Relaxed));
    }

    /// Counts what pruning left of a layer; `cells` are the rows and columns of the `survivors`.
    pub fn pruned(&self, layer: usize, survivors: usize, cells: &mut dyn Iterator<Item = (usize, usize)>) {
        if layer == 0 {
            cells.for_each(|(row, col)| self.count_input(row, col));
        }
        if let Some(count) = self.survived.get(layer) {
            count.store(survivors as u64, Ordering::Relaxed);
        }
    }

    /// Counts a connection that pruning would leave of a layer, where nothing was pruned since [`Recorder::begin`].
    pub fn survives(&self, layer: usize, row: usize, col: usize) {
        if layer == 0 {
            self.count_input(row, col);
        }
        if let Some(count) = self.survived.get(layer) {
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// Counts a connection of the first layer by its input.
    fn count_input(&self, row: usize, col: usize) {
        let (input, _) = endpoints(self.storage, row, col);
        if let Some(count) = self.inputs.get(input) {
            // Only the thread of the first layer writes.
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// Adds the connections that there are now to those that were tried.
    pub fn try_all(&mut self, layers: &[LayerView<'_>]) {
        for (tried, layer) in self.tried.iter_mut().zip(layers) {
            if let Some(tried) = tried {
                tried.add(layer);
            }
        }
    }

    /// The first layer's surviving connections, by input. More than 65,535 count as that.
    pub fn input_connections(&mut self) -> &[u16] {
        for (cell, count) in self.row.iter_mut().zip(&self.inputs) {
            *cell = u16::try_from(count.load(Ordering::Relaxed)).unwrap_or(u16::MAX);
        }
        &self.row
    }

    /// The sparse layers that evolve, after an epoch.
    pub fn rows(&self, epoch: u32, layers: &[LayerView<'_>]) -> impl Iterator<Item = LayerRow> {
        let evolving = layers.len().saturating_sub(1);
        let sparse = layers.iter().enumerate().take(evolving).filter(|(_, layer)| !layer.spec.is_dense());
        sparse.map(move |(layer, _)| LayerRow {
            epoch,
            layer,
            survived: self.survived[layer].load(Ordering::Relaxed),
            tried: self.tried[layer].as_ref().map(|tried| tried.count),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetName;
    use crate::model::layer::LayerData;
    use crate::settings::Config;

    /// A network of 3-2-2 whose first layer has the cells (0, 1) and (1, 0).
    fn layers() -> Vec<LayerData> {
        let config = Config { hidden: vec![2], connections: vec![2, 4], ..Config::defaults(DatasetName::MnistMini) };
        let layer = |spec: rewire_core::network::LayerSpec| LayerData {
            spec,
            indptr: if spec.is_dense() { vec![] } else { vec![0, 1, 2] },
            indices: if spec.is_dense() { vec![] } else { vec![1, 0] },
            weights: if spec.is_dense() { vec![1.0; 4] } else { vec![0.5, 0.1] },
            bias: vec![0.0; spec.n_out],
            activation_parameters: vec![],
            velocity: vec![],
            bias_velocity: vec![],
            activation_velocity: vec![],
            blocks: None,
        };
        config.layers(3, 2).into_iter().map(layer).collect()
    }

    fn specs() -> Vec<LayerSpec> {
        layers().iter().map(|layer| layer.spec).collect()
    }

    fn views(layers: &[LayerData]) -> Vec<LayerView<'_>> {
        layers.iter().map(LayerData::view).collect()
    }

    #[test]
    fn a_connection_is_tried_once_however_often_it_comes_back() {
        let mut layers = layers();
        let mut recorder = Recorder::new(&specs());
        recorder.try_all(&views(&layers));
        recorder.try_all(&views(&layers));
        layers[0].indices = vec![2, 0];
        recorder.try_all(&views(&layers));
        let rows: Vec<_> = recorder.rows(7, &views(&layers)).collect();
        assert_eq!(rows, [LayerRow { epoch: 7, layer: 0, survived: 0, tried: Some(3) }]);
        let bits: Vec<Vec<u64>> = recorder.bits().into_iter().map(<[u64]>::to_vec).collect();
        assert_eq!(bits[0], [0b1110]);
        let resumed = Recorder::resume(&specs(), &bits).unwrap();
        assert!(resumed.rows(7, &views(&layers)).eq(rows));
    }

    #[test]
    fn what_a_checkpoint_lacks_is_not_counted_and_what_does_not_fit_is_refused() {
        let layers = layers();
        let resumed = Recorder::resume(&specs(), &[]).unwrap();
        assert_eq!(resumed.rows(1, &views(&layers)).next().unwrap().tried, None);
        assert!(Recorder::resume(&specs(), &[vec![0; 2]]).is_err());
    }

    #[test]
    fn survivors_are_counted_by_input() {
        let mut recorder = Recorder::new(&specs());
        recorder.survives(0, 1, 1);
        assert_eq!(recorder.input_connections(), [0, 1, 0]);
        recorder.begin();
        recorder.survives(0, 0, 0);
        recorder.survives(0, 1, 1);
        recorder.survives(1, 0, 0);
        assert_eq!(recorder.input_connections(), [1, 1, 0]);
        assert_eq!(recorder.survived.iter().map(|count| count.load(Ordering::Relaxed)).collect::<Vec<_>>(), [2, 1]);
    }
}
