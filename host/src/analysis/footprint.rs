//! Predicted memory of a network: by buffer, by variant, and beside what a run measured.

use rewire_core::network::LayerSpec;
use rewire_core::network::{Description, Footprint};
use rewire_core::sparse::{Bytes, Compact, Format, Narrow, Standard, Wide};
use serde::Serialize;

use crate::settings::{Config, LANES, ModelKind};
use crate::training::memory::{description, footprints, indexed};

/// A row of bytes, sparse beside dense.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What takes them.
    pub what: String,
    /// SET and FixProb.
    pub sparse: Option<usize>,
    /// The same network with every connection.
    pub dense: Option<usize>,
}

/// Bytes of a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Accounting {
    /// Widths, from inputs to classes.
    pub widths: Vec<usize>,
    /// Connections, sparse and dense.
    pub connections: [usize; 2],
    /// Samples in a minibatch.
    pub batch_size: usize,
    /// Samples in a tile.
    pub lanes: usize,
    /// Whether there is a velocity.
    pub velocity: bool,
    /// By buffer, with sums.
    pub buffers: Vec<Row>,
    /// Bytes to train, for other index widths, optimizers and lanes.
    pub variants: Vec<Row>,
}

/// The layers of the settings, and the same with every connection.
fn layers(config: &Config, (inputs, outputs): (usize, usize)) -> [Vec<LayerSpec>; 2] {
    let sparse = if config.model == ModelKind::Dense { ModelKind::Set } else { config.model };
    [sparse, ModelKind::Dense].map(|model| Config { model, ..config.clone() }.layers(inputs, outputs))
}

/// Bytes of a kind of buffer.
type BytesOf = fn(&Footprint) -> usize;

/// Bytes by buffer, by index width, optimizer and lanes, of a network with so many inputs and outputs.
pub fn account(config: &Config, widths: (usize, usize)) -> Accounting {
    let [sparse, dense] = layers(config, widths);
    let lanes = config.lanes();
    let of = |layers: &[LayerSpec]| rewire_engine::build::footprint(layers, lanes, &description(config, layers));
    let (s, d) = (of(&sparse), of(&dense));
    let parts: [(&str, BytesOf); 17] = [
        ("weights", |f| f.weights),
        ("columns", |f| f.columns),
        ("row pointers", |f| f.row_pointers),
        ("biases", |f| f.biases),
        ("parameters of activations", |f| f.activation_parameters),
        ("the model", Footprint::model),
        ("velocity", |f| f.velocity),
        ("inputs", |f| f.inputs),
        ("activations", |f| f.activations),
        ("deltas", |f| f.deltas),
        ("gradients of activations", |f| f.activation_gradients),
        ("gradients of residual connections", |f| f.residual_gradients),
        ("transposed index", |f| f.transposed_index),
        ("labels", |f| f.labels),
        ("scratch", |_| 0),
        ("padding", |f| f.padding),
        ("everything to train", Footprint::bytes),
    ];
    let buffers =
        parts.iter().map(|(what, bytes)| Row { what: (*what).into(), sparse: Some(bytes(&s)), dense: Some(bytes(&d)) });
    let mut variants = Vec::new();
    for (format, index) in FORMATS {
        for velocity in [true, false] {
            for lanes in LANES {
                let bytes = |layers: &[LayerSpec]| {
                    // Without a velocity a minibatch is one tile.
                    let batch = if velocity { config.batch_size } else { config.batch_size.min(lanes) };
                    let description = indexed(Description::training(layers, batch), lanes);
                    bytes_of(index, lanes, if velocity { description.with_velocity() } else { description })
                };
                let row = Row {
                    what: format!("{format}, {}, {lanes} lanes", if velocity { "momentum" } else { "no momentum" }),
                    sparse: bytes(&sparse),
                    dense: bytes(&dense),
                };
                if row.sparse.is_some() {
                    variants.push(row);
                }
            }
        }
    }
    let widths = sparse.iter().map(|layer| layer.n_in).chain(sparse.last().map(|layer| layer.n_out)).collect();
    let count = |layers: &[LayerSpec]| layers.iter().fold(0usize, |sum, layer| sum.saturating_add(layer.connections));
    Accounting {
        widths,
        connections: [count(&sparse), count(&dense)],
        batch_size: config.batch_size,
        lanes,
        velocity: config.needs_velocity(),
        buffers: buffers.collect(),
        variants,
    }
}

/// Widths of the structure's integers, narrowest first, with what they are called and number 0 to 4.
const FORMATS: [(&str, usize); 4] =
    [("u8 columns, u16 pointers", 1), ("u16, u16", 2), ("u16, u32", 3), ("u32, u32", 4)];

fn bytes_in<F: Format>(lanes: usize, description: &Description<'_>) -> Option<usize> {
    macro_rules! at {
        ($width:literal) => {
            description.validate::<F, $width>().ok().map(|()| description.footprint::<F, $width>().bytes())
        };
    }
    match lanes {
        1 => at!(1),
        16 => at!(16),
        32 => at!(32),
        64 => at!(64),
        _ => at!(128),
    }
}

/// Bytes in a format, if the network fits it.
pub(super) fn bytes_of(format: usize, lanes: usize, description: Description<'_>) -> Option<usize> {
    match format {
        0 => bytes_in::<Bytes>(lanes, &description),
        1 => bytes_in::<Narrow>(lanes, &description),
        2 => bytes_in::<Compact>(lanes, &description),
        3 => bytes_in::<Standard>(lanes, &description),
        _ => bytes_in::<Wide>(lanes, &description),
    }
}

/// What a run measured beside what was predicted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// Bytes of the training state, predicted.
    pub predicted: usize,
    /// Bytes of it that were in RAM, at most.
    pub measured: u64,
    /// How far they differ, as a share of the prediction.
    pub difference: f64,
    /// The most that the whole process had: program, dataset, threads and what is written included.
    pub process_peak: Option<u64>,
}

/// Compares a run with its prediction; `None` when it measured nothing.
pub fn measured(run: &crate::analysis::saved::SavedRun) -> Option<Measured> {
    let (inputs, outputs) = run.widths;
    let predicted = footprints(&run.config, inputs, outputs).0.bytes();
    let measured = run.phases.iter().filter_map(|row| row.network_resident_bytes).max()?;
    let process_peak = run.phases.iter().filter_map(|row| row.peak_resident_bytes).max();
    let difference = measured as f64 / predicted as f64 - 1.0;
    Some(Measured { predicted, measured, difference, process_peak })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetName;

    #[test]
    fn buffers_add_up() {
        let accounting = account(&Config::defaults(DatasetName::Cifar10), (3072, 10));
        let of = |what: &str| accounting.buffers.iter().find(|row| row.what == what).unwrap();
        for column in [|row: &Row| row.sparse.unwrap(), |row: &Row| row.dense.unwrap()] {
            let sums = ["the model", "everything to train"];
            let parts: usize =
                accounting.buffers.iter().filter(|row| !sums.contains(&row.what.as_str())).map(column).sum();
            assert_eq!(parts, column(of("everything to train")));
        }
        assert_eq!(of("weights").sparse, Some(4 * 381_440));
        assert_eq!(of("weights").dense, Some(4 * 20_328_000));
        assert_eq!(accounting.widths, [3072, 4000, 1000, 4000, 10]);
    }
}
