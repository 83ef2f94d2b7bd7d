//! Several trained networks as one: they stand side by side in it, and its outputs are the means of theirs.
//!
//! ```text
//! inputs   hidden layers   outputs
//!        / network 1 \
//!  x ---<             >--- mean
//!        \ network 2 /
//! ```
//!
//! All have the same inputs. A hidden layer has the neurons of all, and no connection leads from one network to another.
//! So a joined network costs as much as its parts, and is as sparse or sparser.

use anyhow::{Result, ensure};
use rewire_core::network::LayerSpec;
use rewire_engine::layer::{Connection, LayerData};

use crate::model::alike::all_alike;
use crate::model::safetensors::Model;

/// Networks of as many layers side by side, whose widths may differ.
///
/// # Errors
///
/// Fewer than two networks; one that differs from the first in its inputs, its task, or its number of layers or their
/// activations; networks without hidden layers.
pub fn join(models: &[Model]) -> Result<Model> {
    let activations = |model: &Model| model.layers.iter().map(|layer| layer.spec.activation).collect::<Vec<_>>();
    let advice = "join networks of as many layers, with the same activations, that were trained on the same samples";
    let first = all_alike(models, |a, b| activations(a) == activations(b), advice)?;
    let last = first.layers.len() - 1;
    ensure!(last > 0, "networks without hidden layers have nothing to stand side by side; average them instead");
    let layers = (0..=last).map(|index| {
        let layers: Vec<_> = models.iter().map(|model| &model.layers[index]).collect();
        join_layer(&layers, index == 0, index == last)
    });
    Ok(Model { layers: layers.collect::<Result<_>>()?, ..first.clone() })
}

fn join_layer(layers: &[&LayerData], is_first: bool, is_last: bool) -> Result<LayerData> {
    let count = layers.len() as f64;
    let mean = |sum: f64| (sum / count) as f32;
    let (mut n_in, mut n_out) = (0, 0);
    let mut connections = Vec::with_capacity(layers.iter().map(|layer| layer.weights.len()).sum());
    for layer in layers {
        let [inputs, neurons] = [if is_first { 0 } else { n_in }, if is_last { 0 } else { n_out }];
        connections.extend(layer.connections().map(|Connection { input, neuron, weight }| Connection {
            input: inputs + input,
            neuron: neurons + neuron,
            weight: if is_last { mean(weight.into()) } else { weight },
        }));
        (n_in, n_out) = (inputs + layer.spec.n_in, neurons + layer.spec.n_out);
    }
    let most = i32::MAX as usize;
    ensure!(connections.len() <= most, "a layer would have {} connections; the most are {most}", connections.len());
    let spec = LayerSpec::sparse(n_in, n_out, connections.len(), layers[0].spec.activation);
    let bias = if is_last {
        (0..n_out).map(|output| mean(layers.iter().map(|layer| f64::from(layer.bias[output])).sum())).collect()
    } else {
        layers.iter().flat_map(|layer| layer.bias.iter().copied()).collect()
    };
    let activation_parameters = layers.iter().flat_map(|layer| layer.activation_parameters.iter().copied()).collect();
    Ok(LayerData { bias, activation_parameters, ..LayerData::of_connections(spec, connections.into_iter()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Names;
    use crate::data::normaliser::Normaliser;
    use crate::settings::{FilterKind, TaskKind};
    use rewire_core::activation::Activation;

    fn layer(spec: LayerSpec, weights: &[(usize, usize, f32)], bias: &[f32]) -> LayerData {
        let connections = weights.iter().map(|&(neuron, input, weight)| Connection { input, neuron, weight });
        LayerData { bias: bias.to_vec(), ..LayerData::of_connections(spec, connections) }
    }

    /// Two inputs, one or two hidden neurons, one output.
    fn network(hidden: LayerData, output: LayerData) -> Model {
        Model {
            dataset: None,
            task: TaskKind::Regress,
            shape: None,
            names: Names::default(),
            filter: FilterKind::None,
            normaliser: Normaliser { mean: vec![0.0; 2], scale: vec![1.0; 2] },
            targets: Normaliser { mean: vec![0.0], scale: vec![1.0] },
            layers: vec![hidden, output],
        }
    }

    fn networks() -> [Model; 2] {
        let relu = Activation::Relu;
        let narrow = network(
            layer(LayerSpec::sparse(2, 1, 1, relu), &[(0, 1, 3.0)], &[0.5]),
            layer(LayerSpec::dense(1, 1, Activation::Identity), &[(0, 0, 4.0)], &[1.0]),
        );
        // Stored by inputs, which changes nothing.
        let hidden = layer(LayerSpec::sparse(2, 2, 2, relu).input_major(), &[(1, 0, 5.0), (0, 1, 7.0)], &[0.0, 0.25]);
        let output = layer(LayerSpec::dense(2, 1, Activation::Identity), &[(0, 0, 8.0), (0, 1, 6.0)], &[2.0]);
        [narrow, network(hidden, output)]
    }

    #[test]
    fn networks_stand_side_by_side_and_outputs_are_means() {
        let joined = join(&networks()).unwrap();
        let expected = network(
            layer(
                LayerSpec::sparse(2, 3, 3, Activation::Relu),
                &[(0, 1, 3.0), (1, 1, 7.0), (2, 0, 5.0)],
                &[0.5, 0.0, 0.25],
            ),
            layer(LayerSpec::dense(3, 1, Activation::Identity), &[(0, 0, 2.0), (0, 1, 4.0), (0, 2, 3.0)], &[1.5]),
        );
        assert_eq!(joined, expected);
    }

    #[test]
    fn networks_that_differ_are_refused_with_the_difference() {
        let [a, b] = networks();
        let refused = |models: &[Model], words: &str| {
            let text = join(models).unwrap_err().to_string();
            assert!(text.contains(words), "'{words}' is not in: {text}");
        };
        refused(std::slice::from_ref(&a), "needs two or more");
        let scaled = Model { normaliser: Normaliser { mean: vec![1.0; 2], scale: vec![1.0; 2] }, ..a.clone() };
        refused(&[a.clone(), b.clone(), scaled], "network 3 has inputs that are filtered or scaled otherwise");
        let deeper = Model { layers: [&b.layers[..], &b.layers[1..]].concat(), ..b.clone() };
        refused(&[a.clone(), deeper], "network 2 has other layers");
        let shallow = Model { layers: a.layers[1..].to_vec(), ..a };
        refused(&[shallow.clone(), shallow], "average them instead");
    }
}
