//! `model.safetensors` means what its documentation says: another program that reads the file and nothing else
//! computes the same predictions.

use std::fs;
use std::path::Path;

use crate::program::succeed;
use rewire::data::{self, Dataset, DatasetName};
use rewire::model::safetensors::Model;
use safetensors::SafeTensors;
use serde_json::Value;
use tempfile::tempdir;

/// Added to a variance.
const EPSILON: f64 = 1e-5;

/// A layer as a reader without this project's code would hold it.
struct Layer {
    n_out: usize,
    /// Row, column and weight of every connection.
    connections: Vec<(usize, usize, f64)>,
    bias: Vec<f64>,
    /// Of each neuron, how its sum is normalised: scale, shift, mean and variance.
    normalisers: Vec<[f64; 4]>,
    /// Whether the activations of the layer two before are added to normalised sums.
    residual: bool,
    /// Of each neuron, joints and outer slopes of three straight pieces: left joint, left slope, right joint, right slope.
    pieces: Vec<[f64; 4]>,
}

struct Reader {
    mean: Vec<f64>,
    scale: Vec<f64>,
    layers: Vec<Layer>,
}

impl Reader {
    fn new(file: &[u8]) -> Self {
        let (_, metadata) = SafeTensors::read_metadata(file).unwrap();
        let header: Value = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["rewire"]).unwrap();
        let tensors = SafeTensors::deserialize(file).unwrap();
        let words = |name: &str| -> Vec<[u8; 4]> { tensors.tensor(name).unwrap().data().as_chunks().0.to_vec() };
        let floats = |name: &str| -> Vec<f64> {
            words(name).into_iter().map(|word| f64::from(f32::from_le_bytes(word))).collect()
        };
        let integers = |name: &str| -> Vec<usize> {
            words(name).into_iter().map(|word| usize::try_from(i32::from_le_bytes(word)).unwrap()).collect()
        };
        let layer = |(i, layer): (usize, &Value)| {
            let name = |part: &str| format!("layers.{i}.{part}");
            let width = |key: &str| usize::try_from(layer[key].as_u64().unwrap()).unwrap();
            let (n_in, n_out) = (width("n_in"), width("n_out"));
            let connections = match layer["storage"].as_str().unwrap() {
                "dense" => {
                    let weights = floats(&name("weight"));
                    assert_eq!(tensors.tensor(&name("weight")).unwrap().shape(), [n_out, n_in]);
                    weights.into_iter().enumerate().map(|(cell, w)| (cell / n_in, cell % n_in, w)).collect()
                }
                "csr" => {
                    let (indptr, indices, values) =
                        (integers(&name("indptr")), integers(&name("indices")), floats(&name("values")));
                    assert_eq!((indptr.len(), indptr[n_out]), (n_out + 1, values.len()));
                    let row = |row: usize| (indptr[row]..indptr[row + 1]).map(move |at| (row, at));
                    (0..n_out).flat_map(row).map(|(row, at)| (row, indices[at], values[at])).collect()
                }
                other => panic!("{other}"),
            };
            let below = |slope: f64| vec![[0.0, slope, 0.0, 1.0]; n_out];
            let mut normalisers = vec![[1.0, 0.0, 0.0, 1.0 - EPSILON]; n_out];
            let pieces = match layer["activation"].as_str().unwrap() {
                "identity" => below(1.0),
                "relu" => below(0.0),
                "leaky-relu" => below(layer["slope"].as_f64().unwrap()),
                "srelu" => {
                    assert_eq!(tensors.tensor(&name("srelu")).unwrap().shape(), [n_out, 4]);
                    let learned = floats(&name("srelu"));
                    let rows = learned.as_chunks().0.iter();
                    rows.map(|&[left, left_slope, width, slope]| [left, left_slope, left + width.abs(), slope])
                        .collect()
                }
                "batch-norm-relu" | "batch-norm-residual" => {
                    assert_eq!(tensors.tensor(&name("batch_norm")).unwrap().shape(), [n_out, 4]);
                    normalisers = floats(&name("batch_norm")).as_chunks().0.to_vec();
                    below(0.0)
                }
                other => panic!("{other}"),
            };
            let residual = layer["activation"] == "batch-norm-residual";
            Layer { n_out, connections, bias: floats(&name("bias")), normalisers, residual, pieces }
        };
        let layers = header["layers"].as_array().unwrap().iter().enumerate().map(layer).collect();
        Self { mean: floats("input.mean"), scale: floats("input.scale"), layers }
    }

    fn logits(&self, image: &[u8]) -> Vec<f64> {
        let input = image.iter().zip(&self.mean).zip(&self.scale);
        let mut x: Vec<f64> = input.map(|((&pixel, mean), scale)| (f64::from(pixel) - mean) * scale).collect();
        let mut two_before = Vec::new();
        for layer in &self.layers {
            let mut y = layer.bias.clone();
            assert_eq!(y.len(), layer.n_out);
            for &(row, col, weight) in &layer.connections {
                y[row] += weight * x[col];
            }
            let activate = |(z, &[left, left_slope, right, right_slope]): (f64, &[f64; 4])| {
                z.clamp(left, right) + left_slope * (z - left).min(0.0) + right_slope * (z - right).max(0.0)
            };
            let normalise = |(z, &[scale, shift, mean, variance]): (f64, &[f64; 4])| {
                scale * (z - mean) / (variance + EPSILON).sqrt() + shift
            };
            let mut y: Vec<f64> = y.into_iter().zip(&layer.normalisers).map(normalise).collect();
            if layer.residual {
                y.iter_mut().zip(&two_before).for_each(|(y, before)| *y += before);
            }
            two_before = std::mem::replace(&mut x, y.into_iter().zip(&layer.pieces).map(activate).collect());
        }
        x
    }
}

fn best(logits: &[f64]) -> usize {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap()
}

/// What the program itself predicts with the file.
fn predictions(file: &Path, data: &Dataset<'_>) -> Vec<u16> {
    Model::load(file).unwrap().predict(&data.test.features.to_floats()).unwrap()
}

#[test]
fn a_slow_loop_over_the_file_gives_the_same_predictions_and_accuracy() {
    let folder = tempdir().unwrap();
    let data = data::load(DatasetName::MnistMini, folder.path()).unwrap();
    let runs = [
        ("relu", "--activation relu"),
        ("alternating", "--activation all-relu --slope 0.4"),
        ("leaky", "--activation leaky-relu --slope 0.1 --scaling unit"),
        ("learned", "--activation srelu"),
        ("normalised", "--activation batch-norm-relu"),
        ("residual", "--activation batch-norm-residual"),
        ("fixed", "--model fixprob --scaling global"),
        ("dense", "--model dense"),
    ];
    for (out, flags) in runs {
        let hidden = if out == "residual" { "64,32,64" } else { "64,32" };
        let quick = format!("--epochs 4 --hidden {hidden} --epsilon 4 --learning-rate 0.01");
        succeed(folder.path(), &format!("train {quick} {flags} --out {out}"));
        let path = folder.path().join(out).join("model.safetensors");
        let reader = Reader::new(&fs::read(&path).unwrap());
        let dense =
            reader.layers.iter().map(|layer| layer.connections.len()).sum::<usize>() == 784 * 64 + 64 * 32 + 320;
        assert_eq!(dense, out == "dense");
        let logits: Vec<_> =
            (0..data.test.len()).map(|sample| reader.logits(data.test.image(sample).unwrap())).collect();
        let found: Vec<_> = logits.iter().map(|logits| best(logits)).collect();
        let expected: Vec<_> = predictions(&path, &data).into_iter().map(usize::from).collect();
        for (sample, (found, expected)) in found.iter().zip(&expected).enumerate() {
            // Two classes that f32 cannot tell apart may change places.
            let gap = logits[sample][*found] - logits[sample][*expected];
            assert!(gap < 1e-4, "{out}, sample {sample}: {found} and not {expected}, by {gap}");
        }
        let evaluated: Value =
            serde_json::from_str(&succeed(folder.path(), &format!("evaluate {out} --json"))).unwrap();
        let right = |classes: &[usize]| {
            classes.iter().zip(&*data.test.labels).filter(|(class, label)| **class == usize::from(**label)).count()
        };
        assert_eq!(evaluated["correct"], right(&expected), "{out}");
        let ties = found.iter().zip(&expected).filter(|(found, expected)| found != expected).count();
        assert!(right(&found).abs_diff(right(&expected)) <= ties && ties <= 2, "{out}: {ties} ties");
        assert!(right(&found) > 500, "{out} learned something: {}", right(&found));
        let loss = |(sample, logits): (usize, &Vec<f64>)| {
            let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
            largest + total.ln() - logits[usize::from(data.test.labels[sample])]
        };
        let mean = logits.iter().enumerate().map(loss).sum::<f64>() / logits.len() as f64;
        assert!((mean - evaluated["test_loss"].as_f64().unwrap()).abs() < 1e-4 * mean, "{out}: {mean} {evaluated}");
    }
}
