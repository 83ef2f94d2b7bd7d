//! The exponential moving average of the weights, beside a network that trains.
//!
//! A parameter's average is the mean of its values so far, in which a value of t steps ago weighs decay^t. It is brought up
//! to date after every 16th step and after an epoch's last one, with the value of that step for those since the last time:
//! what lies between moves little, and the time of reading all weights is shared by 16 steps. Where connections are
//! replaced, those that stay keep their average, and the average of a regrown one starts at its value.

use rewire_core::train::Step;
use rewire_engine::dynamic::Network;
use rewire_engine::layer::{LayerData, LayerView};

/// Steps that share an update.
const STEPS: u32 = 16;

/// The average of a network's parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Average {
    decay: f64,
    /// Training steps so far.
    steps: u64,
    /// Of those, the steps since the last update.
    since: u32,
    /// The network's structure; of its parameters, the averages.
    layers: Vec<LayerData>,
}

impl Average {
    /// Of a network with these layers, before the first step.
    pub(super) fn new(decay: f32, layers: &[LayerView<'_>]) -> Self {
        Self { decay: decay.into(), steps: 0, since: 0, layers: without_velocities(layers) }
    }

    /// Continues after so many steps from the averages of a checkpoint, layer by layer as [`Average::values`] gives them;
    /// none where they are not those of these layers.
    pub(super) fn resume(decay: f32, layers: &[LayerView<'_>], steps: u64, values: &[Vec<f32>]) -> Option<Self> {
        let mut average = Self { steps, ..Self::new(decay, layers) };
        if values.len() != layers.len() {
            return None;
        }
        for (layer, mut values) in average.layers.iter_mut().zip(values.iter().map(Vec::as_slice)) {
            for part in parameters_mut(layer) {
                let (front, rest) = values.split_at_checked(part.len())?;
                part.copy_from_slice(front);
                values = rest;
            }
            if !values.is_empty() {
                return None;
            }
        }
        Some(average)
    }

    /// The layers of the averaged network.
    pub(super) fn layers(&self) -> &[LayerData] {
        &self.layers
    }

    /// The averages of each layer, in one row: weights, biases, parameters of activations.
    pub(super) fn values(&self) -> Vec<Vec<f32>> {
        let values = |layer: &LayerData| {
            let parameters = layer.activation_parameters.as_flattened();
            [&layer.weights, &layer.bias, parameters].concat()
        };
        self.layers.iter().map(values).collect()
    }

    /// After a step, and the evolution that may have followed it.
    pub(super) fn step(&mut self, step: &Step<'_>, evolved: bool, network: &dyn Network) {
        self.steps += 1;
        self.since += 1;
        if evolved {
            self.follow(&network.views());
        }
        if self.since == STEPS || step.is_last() {
            self.update(network);
        }
    }

    fn update(&mut self, network: &dyn Network) {
        let power = |steps: u64| self.decay.powi(i32::try_from(steps).unwrap_or(i32::MAX));
        let fraction = ((1.0 - power(self.since.into())) / (1.0 - power(self.steps))) as f32;
        for (average, layer) in self.layers.iter_mut().zip(network.views()) {
            let parameters = [layer.weights, layer.bias, layer.activation_parameters.as_flattened()];
            for (averages, values) in parameters_mut(average).into_iter().zip(parameters) {
                for (average, value) in averages.iter_mut().zip(values) {
                    *average += fraction * (value - *average);
                }
            }
        }
        self.since = 0;
    }

    /// Takes over the structure of layers whose connections have been replaced, or removed for good.
    pub(super) fn follow(&mut self, layers: &[LayerView<'_>]) {
        for (average, layer) in self.layers.iter_mut().zip(layers) {
            let (indptr, indices): (Vec<u32>, Vec<u32>) =
                (layer.indptr.iter().collect(), layer.indices.iter().collect());
            if average.indptr == indptr && average.indices == indices {
                continue;
            }
            let mut weights = layer.weights.to_vec();
            for row in 0..indptr.len().saturating_sub(1) {
                let cells = |indptr: &[u32]| indptr[row] as usize..indptr[row + 1] as usize;
                let mut before = cells(&average.indptr).peekable();
                for at in cells(&indptr) {
                    let col = indices[at];
                    while before.next_if(|&old| average.indices[old] < col).is_some() {}
                    if let Some(old) = before.next_if(|&old| average.indices[old] == col) {
                        weights[at] = average.weights[old];
                    }
                }
            }
            average.spec = layer.spec;
            (average.indptr, average.indices, average.weights) = (indptr, indices, weights);
        }
    }
}

fn parameters_mut(layer: &mut LayerData) -> [&mut [f32]; 3] {
    [&mut layer.weights, &mut layer.bias, layer.activation_parameters.as_flattened_mut()]
}

fn without_velocities(layers: &[LayerView<'_>]) -> Vec<LayerData> {
    let layer = |layer: &LayerView<'_>| {
        LayerView { velocity: &[], bias_velocity: &[], activation_velocity: &[], ..*layer }.to_data()
    };
    layers.iter().map(layer).collect()
}

#[cfg(test)]
mod tests {
    use rewire_core::network::Description;
    use rewire_core::step::Metrics;

    use super::*;
    use crate::data::DatasetName;
    use crate::settings::Config;
    use rewire_engine::build::with_network;

    fn config() -> Config {
        Config { hidden: vec![4], connections: vec![6, 8], ..Config::defaults(DatasetName::MnistMini) }
    }

    /// A network of 3-4-2 whose parameters are `value`, plus their column for weights.
    fn layers(value: f32, indices: [u32; 6]) -> Vec<LayerData> {
        let layer = |spec: rewire_core::network::LayerSpec| {
            let dense = spec.is_dense();
            LayerData {
                spec,
                indptr: if dense { vec![] } else { vec![0, 2, 3, 4, 6] },
                indices: if dense { vec![] } else { indices.to_vec() },
                weights: if dense { vec![value; 8] } else { indices.map(|col| value + col as f32).to_vec() },
                bias: vec![value; spec.n_out],
                activation_parameters: vec![],
                velocity: vec![],
                bias_velocity: vec![],
                activation_velocity: vec![],
                blocks: None,
            }
        };
        config().layers(3, 2).into_iter().map(layer).collect()
    }

    fn views(layers: &[LayerData]) -> Vec<LayerView<'_>> {
        layers.iter().map(LayerData::view).collect()
    }

    /// Steps whose networks are these layers.
    fn steps(average: &mut Average, count: u32, networks: impl Fn(u32) -> (Vec<LayerData>, bool)) {
        let specs = config().layers(3, 2);
        let description = Description::training(&specs, 1);
        with_network(&specs, 1, &description, |network| {
            for step in 0..count {
                let (layers, evolved) = networks(step);
                network.import(&layers).unwrap();
                let step = Step { epoch: 1, step, steps: count, trained: &Metrics::default() };
                average.step(&step, evolved, network);
            }
        })
        .unwrap();
    }

    const START: [u32; 6] = [0, 2, 1, 0, 1, 2];

    #[test]
    fn an_average_is_the_weighted_mean_of_what_was_seen() {
        let mut average = Average::new(0.9, &views(&layers(100.0, START)));
        // Read after the 16th, the 32nd and the last step, for the steps since the time before.
        steps(&mut average, 35, |step| (layers(step as f32, START), false));
        let read = [(15.0, 16), (31.0, 16), (34.0, 3)];
        let (mut sum, mut total, mut ago) = (0.0, 0.0, 0);
        for (value, count) in read.into_iter().rev() {
            for _ in 0..count {
                sum += 0.9f64.powi(ago) * value;
                total += 0.9f64.powi(ago);
                ago += 1;
            }
        }
        let expected = (sum / total) as f32;
        for (layer, initial) in average.layers().iter().zip(layers(0.0, START)) {
            assert!(layer.bias.iter().all(|bias| (bias - expected).abs() < 1e-4), "{:?} {expected}", layer.bias);
            let each = layer.weights.iter().zip(initial.weights);
            assert!(each.into_iter().all(|(weight, col)| (weight - col - expected).abs() < 1e-4));
        }
    }

    #[test]
    fn averages_follow_connections_and_regrown_ones_start_at_their_value() {
        let mut average = Average::new(0.5, &views(&layers(0.0, START)));
        steps(&mut average, 16, |_| (layers(1.0, START), false));
        let moved = [1, 2, 1, 2, 0, 2];
        average.follow(&views(&layers(7.0, moved)));
        // Rows 0 and 3 lose one connection, row 2 its only one.
        assert_eq!(average.layers()[0].indices, moved);
        assert_eq!(average.layers()[0].weights, [8.0, 3.0, 2.0, 9.0, 7.0, 3.0]);
        assert_eq!(average.layers()[1].weights, [1.0; 8]);
    }

    #[test]
    fn an_average_is_continued_from_its_values() {
        let mut average = Average::new(0.9, &views(&layers(0.0, START)));
        let network = |step: u32| (layers(step as f32 / 7.0, START), false);
        steps(&mut average, 20, network);
        let values = average.values();
        let mut resumed = Average::resume(0.9, &views(&layers(5.0, START)), 20, &values).unwrap();
        assert_eq!(resumed, average);
        steps(&mut average, 20, network);
        steps(&mut resumed, 20, network);
        assert_eq!(resumed, average);
        assert!(Average::resume(0.9, &views(&layers(5.0, START)), 20, &values[..1]).is_none());
        assert!(Average::resume(0.9, &views(&layers(5.0, START)), 20, &[vec![0.0; 10], vec![0.0; 11]]).is_none());
    }
}
