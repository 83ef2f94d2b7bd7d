//! The average of several trained networks: one network of their shape, with as many connections as each of them.
//!
//! Positions are the union of theirs and values the mean, in which a connection that a network lacks counts as zero. Of each
//! sign the values of smallest magnitude are then removed, in proportion to how many of that sign there are, until the
//! wanted number is left. That is the end of the second phase of parallel training in Curci et al. 2021, arXiv 2102.01732.

use anyhow::Result;
use rewire_engine::layer::LayerData;

use crate::model::alike::all_alike;
use crate::model::safetensors::Model;

/// The average of networks that were trained alike, with the same seed or not.
///
/// # Errors
///
/// Fewer than two networks, or one that differs from the first in its layers, its inputs or its task.
pub fn average(models: &[Model]) -> Result<Model> {
    let advice = "average networks that were trained on the same samples with the same --hidden and density";
    let first = all_alike(models, |a, b| a.specs() == b.specs(), advice)?;
    let layers = (0..first.layers.len()).map(|index| {
        let layers: Vec<_> = models.iter().map(|model| &model.layers[index]).collect();
        average_layer(&layers)
    });
    Ok(Model { layers: layers.collect(), ..first.clone() })
}

/// The means of numbers that each network has at the same places.
fn means<'l>(layers: &[&'l LayerData], of: impl Fn(&'l LayerData) -> &'l [f32]) -> Vec<f32> {
    let count = layers.len() as f64;
    let mean = |at| (layers.iter().map(|layer| f64::from(of(layer)[at])).sum::<f64>() / count) as f32;
    (0..layers.first().map_or(0, |layer| of(layer).len())).map(mean).collect()
}

fn average_layer(layers: &[&LayerData]) -> LayerData {
    let spec = layers[0].spec;
    let parameters = means(layers, |layer| layer.activation_parameters.as_flattened());
    let (indptr, indices, weights) = if spec.is_dense() {
        (Vec::new(), Vec::new(), means(layers, |layer| &layer.weights))
    } else {
        let (indptr, indices, weights) = union(layers);
        cut(spec.connections, &indptr, &indices, &weights)
    };
    LayerData {
        spec,
        indptr,
        indices,
        weights,
        bias: means(layers, |layer| &layer.bias),
        velocity: Vec::new(),
        bias_velocity: Vec::new(),
        activation_parameters: parameters.as_chunks().0.to_vec(),
        activation_velocity: Vec::new(),
        blocks: None,
    }
}

/// Row pointers, columns and values.
type Csr = (Vec<u32>, Vec<u32>, Vec<f32>);

/// All positions of some layers, with the mean of the values there.
fn union(layers: &[&LayerData]) -> Csr {
    let (mut indptr, mut indices, mut weights) = (vec![0], Vec::new(), Vec::new());
    let count = layers.len() as f64;
    let mut row: Vec<(u32, f64)> = Vec::new();
    for r in 0..layers[0].spec.nrows() {
        row.clear();
        for layer in layers {
            let cells = layer.indptr[r] as usize..layer.indptr[r + 1] as usize;
            row.extend(cells.map(|at| (layer.indices[at], f64::from(layer.weights[at]))));
        }
        // Stable, so that values are added in the order of the networks.
        row.sort_by_key(|&(col, _)| col);
        for same in row.chunk_by(|a, b| a.0 == b.0) {
            indices.push(same[0].0);
            weights.push((same.iter().map(|(_, value)| value).sum::<f64>() / count) as f32);
        }
        indptr.push(indices.len() as u32);
    }
    (indptr, indices, weights)
}

/// Removes the smallest magnitudes of either sign until `wanted` connections are left.
fn cut(wanted: usize, indptr: &[u32], indices: &[u32], weights: &[f32]) -> Csr {
    // Places of each sign, by magnitude and then by place.
    let mut signs = [false, true].map(|negative| {
        (0..weights.len()).filter(|&at| weights[at].is_sign_negative() == negative).collect::<Vec<_>>()
    });
    let excess = weights.len().saturating_sub(wanted);
    let total = weights.len().max(1) as u128;
    // Rounded to nearest, so that neither sign loses more than it has.
    let negative = ((excess as u128 * signs[1].len() as u128 + total / 2) / total) as usize;
    let mut kept = vec![true; weights.len()];
    for (places, remove) in signs.iter_mut().zip([excess - negative, negative]) {
        places.sort_by(|&a, &b| weights[a].abs().total_cmp(&weights[b].abs()));
        places.iter().take(remove).for_each(|&at| kept[at] = false);
    }
    let ends = indptr.windows(2).scan(0, |end, row| {
        *end += (row[0]..row[1]).filter(|&at| kept[at as usize]).count() as u32;
        Some(*end)
    });
    let indptr = std::iter::once(0).chain(ends).collect();
    let places = || (0..weights.len()).filter(|&at| kept[at]);
    (indptr, places().map(|at| indices[at]).collect(), places().map(|at| weights[at]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Names;
    use crate::data::normaliser::Normaliser;
    use crate::settings::{FilterKind, TaskKind};
    use rewire_core::activation::Activation;
    use rewire_core::network::LayerSpec;

    /// A network of 4 inputs and 2 outputs with three connections.
    fn network(indptr: [u32; 3], indices: [u32; 3], weights: [f32; 3], bias: [f32; 2]) -> Model {
        let layer = LayerData {
            spec: LayerSpec::sparse(4, 2, 3, Activation::Identity),
            indptr: indptr.to_vec(),
            indices: indices.to_vec(),
            weights: weights.to_vec(),
            bias: bias.to_vec(),
            velocity: vec![],
            bias_velocity: vec![],
            activation_parameters: vec![],
            activation_velocity: vec![],
            blocks: None,
        };
        Model {
            dataset: None,
            task: TaskKind::Classify,
            shape: None,
            names: Names::default(),
            filter: FilterKind::None,
            normaliser: Normaliser { mean: vec![0.0; 4], scale: vec![1.0; 4] },
            targets: Normaliser::default(),
            layers: vec![layer],
        }
    }

    #[test]
    fn the_average_has_the_union_less_what_is_nearest_zero() {
        // [ 4 . -2 . ]     [ 2 6   . . ]             [ 3 3 -1 . ]            [ . 3  . . ]
        // [ . .  . 8 ] and [ . . -10 . ] have as mean [ . . -5 4 ]. Left are [ . . -5 4 ].
        let a = network([0, 2, 3], [0, 2, 3], [4.0, -2.0, 8.0], [1.0, 2.0]);
        let b = network([0, 2, 3], [0, 1, 2], [2.0, 6.0, -10.0], [3.0, 0.0]);
        let layer = &average(&[a.clone(), b.clone()]).unwrap().layers[0];
        // Two of five go: one of the three positive values and one of the two negative ones. Of equal ones, the first.
        assert_eq!((&layer.indptr, &layer.indices), (&vec![0, 1, 3], &vec![1, 2, 3]));
        assert_eq!((&layer.weights, &layer.bias), (&vec![3.0, -5.0, 4.0], &vec![2.0, 1.0]));
        assert_eq!(average(&[a.clone(), a.clone(), a.clone()]).unwrap(), a);
        assert_eq!(average(&[a.clone(), b.clone()]).unwrap(), average(&[b, a]).unwrap());
    }

    #[test]
    fn all_of_one_sign_lose_what_they_have_to() {
        let a = network([0, 3, 3], [0, 1, 2], [-1.0, -2.0, -3.0], [0.0; 2]);
        let b = network([0, 0, 3], [0, 1, 2], [-4.0, -5.0, -6.0], [0.0; 2]);
        let layer = &average(&[a, b]).unwrap().layers[0];
        assert_eq!((&layer.indptr, &layer.weights), (&vec![0, 0, 3], &vec![-2.0, -2.5, -3.0]));
    }

    #[test]
    fn networks_that_differ_are_refused_with_the_difference() {
        let a = network([0, 2, 3], [0, 2, 3], [4.0, -2.0, 8.0], [1.0, 2.0]);
        let scaled = Model { normaliser: Normaliser { mean: vec![1.0; 4], scale: vec![1.0; 4] }, ..a.clone() };
        let mut fewer = a.clone();
        fewer.layers[0].spec.connections = 2;
        let refused = |models: &[Model], words: &str| {
            let text = average(models).unwrap_err().to_string();
            assert!(text.contains(words), "'{words}' is not in: {text}");
        };
        refused(std::slice::from_ref(&a), "needs two or more");
        refused(&[a.clone(), a.clone(), scaled], "network 3 has inputs that are filtered or scaled otherwise");
        refused(&[a, fewer], "network 2 has other layers");
    }
}
