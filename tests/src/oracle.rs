//! The whole network again, slow and obvious: dense matrices of `f64`, one sample at a time, gradients in full.
//!
//! Nothing here comes from the core but the names of its activations and targets. `W` is `[n_out][n_in]`, with zeros where there is
//! no connection.

use std::borrow::Cow;

use rewire_core::network::Mlp;
use rewire_core::samples::Target;
use rewire_core::sparse::Format;

use crate::structure::cells;

mod layer;

pub use layer::OracleLayer;

/// One sample.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Features.
    pub x: Vec<f64>,
    /// Class.
    pub label: usize,
    /// Numbers that a regression's outputs should give.
    pub values: Vec<f64>,
}

/// A layer's sums and activations for one sample.
#[derive(Clone, Debug)]
struct Activity {
    z: Vec<f64>,
    y: Vec<f64>,
}

/// The loss's derivative with respect to a layer's parameters.
#[derive(Clone, Debug)]
pub struct Gradient {
    /// Of the weights, `[n_out][n_in]`, 0 where there is no connection.
    pub weights: Vec<Vec<f64>>,
    /// Of the biases.
    pub bias: Vec<f64>,
    /// Of an SReLU's parameters, by finite differences only.
    pub activation_parameters: Vec<[f64; 4]>,
}

/// Settings of an update.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Step size.
    pub learning_rate: f64,
    /// Share of the velocity that stays.
    pub momentum: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// Whether the decay is part of the gradient, or taken from the weight as it is.
    pub coupled: bool,
}

/// Factors that dropout multiplies each hidden layer's activations by; an empty list is no dropout.
pub type Factors = [Vec<f64>];

/// The network.
#[derive(Clone, Debug)]
pub struct Oracle {
    /// Layers, first to last.
    pub layers: Vec<OracleLayer>,
    /// What the outputs are compared with.
    pub target: Target,
    /// The share of the target that the loss spreads evenly over all classes.
    pub smoothing: f64,
    /// Samples in a tile, which the loss of a training step normalises together.
    pub lanes: usize,
}

fn softmax(z: &[f64]) -> Vec<f64> {
    let largest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = z.iter().map(|z| (z - largest).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| power / total).collect()
}

impl Oracle {
    /// Copies a network's parameters and velocities.
    pub fn of<F: Format, const LANES: usize, const LAYERS: usize>(network: &Mlp<'_, F, LANES, LAYERS>) -> Self {
        let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
        let layers = network.layers().map(|layer| {
            let (n_in, n_out) = (layer.spec.n_in, layer.spec.n_out);
            let mut copy = OracleLayer {
                activation: layer.spec.activation,
                exists: vec![vec![false; n_in]; n_out],
                weights: vec![vec![0.0; n_in]; n_out],
                bias: wide(layer.bias),
                velocity: vec![vec![0.0; n_in]; n_out],
                bias_velocity: wide(layer.bias_velocity),
                activation_parameters: layer.activation_parameters.iter().map(|row| row.map(f64::from)).collect(),
            };
            copy.bias_velocity.resize(n_out, 0.0);
            for (position, (output, input)) in cells(&layer).into_iter().enumerate() {
                copy.exists[output][input] = true;
                copy.weights[output][input] = f64::from(layer.weights[position]);
                copy.velocity[output][input] = layer.velocity.get(position).map_or(0.0, |&v| f64::from(v));
            }
            copy
        });
        Self { layers: layers.collect(), target: Target::Class, smoothing: 0.0, lanes: LANES }
    }

    fn forward(&self, x: &[f64], factors: &Factors) -> Vec<Activity> {
        let mut activities: Vec<Activity> = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            let below = activities.last().map_or(x, |activity| &activity.y);
            let mut activity = Activity { z: Vec::new(), y: Vec::new() };
            for (output, (weights, bias)) in layer.weights.iter().zip(&layer.bias).enumerate() {
                let mut z = *bias;
                for (w, x) in weights.iter().zip(below) {
                    z += w * x;
                }
                let factor = factors.get(i).map_or(1.0, |factors| factors[output]);
                activity.z.push(z);
                let residual = layer.residual(i, output, |before| &activities[before].y);
                activity.y.push(layer.activate(output, z, residual) * factor);
            }
            activities.push(activity);
        }
        activities
    }

    /// The outputs for the samples of a tile, whose neurons are normalised over them.
    fn outputs_in_training(&self, samples: &[Sample], factors: &Factors) -> Vec<Vec<f64>> {
        let inputs: Vec<Vec<f64>> = samples.iter().map(|sample| sample.x.clone()).collect();
        // Of each layer, the activations of each sample.
        let mut activities: Vec<Vec<Vec<f64>>> = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            let x = activities.last().unwrap_or(&inputs);
            let mut y = vec![vec![0.0; layer.bias.len()]; x.len()];
            for (neuron, (weights, bias)) in layer.weights.iter().zip(&layer.bias).enumerate() {
                let sum = |x: &Vec<f64>| bias + weights.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
                let z: Vec<f64> = x.iter().map(sum).collect();
                let mean = z.iter().sum::<f64>() / z.len() as f64;
                let variance = z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() / z.len() as f64;
                let factor = factors.get(i).map_or(1.0, |factors| factors[neuron]);
                for (sample, (y, &z)) in y.iter_mut().zip(&z).enumerate() {
                    let residual = layer.residual(i, neuron, |before| &activities[before][sample]);
                    y[neuron] = factor
                        * match layer.activation {
                            activation if activation.is_normalised() => {
                                layer.normalise(neuron, z, [mean, variance], residual)
                            }
                            _ => layer.activate(neuron, z, residual),
                        };
                }
            }
            activities.push(y);
        }
        activities.pop().unwrap_or(inputs)
    }

    /// The outputs for one sample.
    pub fn logits(&self, x: &[f64]) -> Vec<f64> {
        self.forward(x, &[]).pop().map_or_else(Vec::new, |activity| activity.y)
    }

    /// What the loss wants each class' probability, or each output, to be.
    fn targets<'s>(&self, sample: &'s Sample, n_out: usize) -> Cow<'s, [f64]> {
        match self.target {
            Target::Class => {
                let mut targets = vec![self.smoothing / n_out as f64; n_out];
                targets[sample.label] += 1.0 - self.smoothing;
                targets.into()
            }
            Target::Values => (&sample.values).into(),
            Target::Input => (&sample.x).into(),
        }
    }

    /// A sample's loss by the network's outputs.
    fn loss_of(&self, sample: &Sample, outputs: &[f64]) -> f64 {
        let targets = self.targets(sample, outputs.len());
        let pairs = targets.iter().zip(outputs);
        if self.target == Target::Class {
            let largest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let log_total = largest + outputs.iter().map(|z| (z - largest).exp()).sum::<f64>().ln();
            pairs.map(|(target, z)| target * (log_total - z)).sum()
        } else {
            pairs.map(|(target, y)| (y - target) * (y - target)).sum::<f64>() / outputs.len() as f64
        }
    }

    /// Mean loss of a training step.
    pub fn loss(&self, samples: &[Sample], factors: &Factors) -> f64 {
        let outputs = samples.chunks(self.lanes).flat_map(|tile| self.outputs_in_training(tile, factors));
        let each = samples.iter().zip(outputs).map(|(sample, outputs)| self.loss_of(sample, &outputs));
        each.sum::<f64>() / samples.len() as f64
    }

    /// Samples whose largest logit is their label's.
    pub fn correct(&self, samples: &[Sample]) -> usize {
        let hit = |sample: &&Sample| {
            let logits = self.logits(&sample.x);
            logits.iter().enumerate().all(|(class, &z)| class == sample.label || z < logits[sample.label])
        };
        samples.iter().filter(hit).count()
    }

    fn zeros(&self) -> Vec<Gradient> {
        let zero = |layer: &OracleLayer| Gradient {
            weights: layer.weights.iter().map(|row| vec![0.0; row.len()]).collect(),
            bias: vec![0.0; layer.bias.len()],
            activation_parameters: vec![[0.0; 4]; layer.activation_parameters.len()],
        };
        self.layers.iter().map(zero).collect()
    }

    /// The gradient of the mean loss, by the chain rule.
    pub fn gradients(&self, samples: &[Sample], factors: &Factors) -> Vec<Gradient> {
        let mut gradients = self.zeros();
        for sample in samples {
            let activities = self.forward(&sample.x, factors);
            let last = self.layers.len() - 1;
            let outputs = &activities[last].y;
            let (mut delta, factor) = match self.target {
                Target::Class => (softmax(outputs), 1.0),
                Target::Values | Target::Input => (outputs.clone(), 2.0 / outputs.len() as f64),
            };
            for (d, target) in delta.iter_mut().zip(&*self.targets(sample, outputs.len())) {
                *d = factor * (*d - target);
            }
            for i in (0..self.layers.len()).rev() {
                let below = if i == 0 { &sample.x } else { &activities[i - 1].y };
                for (output, d) in delta.iter().enumerate() {
                    gradients[i].bias[output] += d / samples.len() as f64;
                    for (input, x) in below.iter().enumerate() {
                        if self.layers[i].exists[output][input] {
                            gradients[i].weights[output][input] += d * x / samples.len() as f64;
                        }
                    }
                }
                if i > 0 {
                    let (layer, inner) = (&self.layers[i], &self.layers[i - 1]);
                    let through = |input: usize| {
                        let sum: f64 = layer.weights.iter().zip(&delta).map(|(row, d)| row[input] * d).sum();
                        let factor = factors.get(i - 1).map_or(1.0, |factors| factors[input]);
                        sum * factor * inner.slope(input, activities[i - 1].z[input])
                    };
                    delta = (0..inner.bias.len()).map(through).collect();
                }
            }
        }
        gradients
    }

    /// The gradient of the mean loss, by central differences of width `2 h`.
    pub fn finite_differences(&self, samples: &[Sample], factors: &Factors, h: f64) -> Vec<Gradient> {
        let mut gradients = self.zeros();
        let mut moved = self.clone();
        let difference = |oracle: &mut Self, parameter: &dyn Fn(&mut Self) -> &mut f64| {
            let value = *parameter(oracle);
            *parameter(oracle) = value + h;
            let above = oracle.loss(samples, factors);
            *parameter(oracle) = value - h;
            let below = oracle.loss(samples, factors);
            *parameter(oracle) = value;
            (above - below) / (2.0 * h)
        };
        for (i, gradient) in gradients.iter_mut().enumerate() {
            for (output, row) in gradient.weights.iter_mut().enumerate() {
                for (input, g) in row.iter_mut().enumerate() {
                    if self.layers[i].exists[output][input] {
                        *g = difference(&mut moved, &|oracle| &mut oracle.layers[i].weights[output][input]);
                    }
                }
            }
            for (output, g) in gradient.bias.iter_mut().enumerate() {
                *g = difference(&mut moved, &|oracle| &mut oracle.layers[i].bias[output]);
            }
            for (neuron, row) in gradient.activation_parameters.iter_mut().enumerate() {
                for (parameter, g) in row.iter_mut().enumerate() {
                    *g = difference(&mut moved, &|oracle| {
                        &mut oracle.layers[i].activation_parameters[neuron][parameter]
                    });
                }
            }
        }
        gradients
    }

    /// One minibatch of stochastic gradient descent.
    pub fn step(&mut self, samples: &[Sample], settings: Settings) {
        let gradients = self.gradients(samples, &[]);
        for (layer, gradient) in self.layers.iter_mut().zip(&gradients) {
            for (output, row) in gradient.weights.iter().enumerate() {
                for (input, &g) in row.iter().enumerate() {
                    if layer.exists[output][input] {
                        update(&mut layer.weights[output][input], &mut layer.velocity[output][input], g, settings);
                    }
                }
            }
            for (output, &g) in gradient.bias.iter().enumerate() {
                update(&mut layer.bias[output], &mut layer.bias_velocity[output], g, settings);
            }
        }
    }
}

fn update(w: &mut f64, v: &mut f64, g: f64, settings: Settings) {
    let Settings { learning_rate, momentum, weight_decay, coupled } = settings;
    if coupled {
        *v = momentum * *v - learning_rate * (g + weight_decay * *w);
        *w += *v;
    } else {
        *v = momentum * *v - learning_rate * g;
        *w = *w + *v - weight_decay * *w;
    }
}

#[cfg(test)]
mod tests {
    use rewire_core::activation::Activation;

    use super::*;

    /// Two inputs, two hidden neurons, two classes, every number small enough to follow by hand.
    fn network() -> Oracle {
        let layer = |activation, weights: [[f64; 2]; 2], bias: [f64; 2]| OracleLayer {
            activation,
            exists: vec![vec![true; 2]; 2],
            weights: weights.map(|row| row.to_vec()).to_vec(),
            bias: bias.to_vec(),
            velocity: vec![vec![0.0; 2]; 2],
            bias_velocity: vec![0.0; 2],
            activation_parameters: vec![],
        };
        Oracle {
            layers: vec![
                layer(Activation::Relu, [[1.0, 2.0], [-1.0, 0.0]], [0.5, 0.0]),
                layer(Activation::Identity, [[1.0, 1.0], [1.0, -1.0]], [0.0, 0.0]),
            ],
            target: Target::Class,
            smoothing: 0.0,
            lanes: 1,
        }
    }

    #[test]
    fn logits_and_loss_by_hand() {
        let oracle = network();
        // z = (1 + 2 + 0.5, -1), y = (3.5, 0), logits (3.5, 3.5).
        assert_eq!(oracle.logits(&[1.0, 1.0]), [3.5, 3.5]);
        let sample = [Sample { x: vec![1.0, 1.0], label: 0, values: vec![] }];
        assert!((oracle.loss(&sample, &[]) - std::f64::consts::LN_2).abs() < 1e-12);
        // Deltas (-0.5, 0.5): the hidden one is (0, closed).
        let gradients = oracle.gradients(&sample, &[]);
        assert_eq!(gradients[1].weights, [[-1.75, 0.0], [1.75, 0.0]]);
        assert_eq!(gradients[0].bias, [0.0, 0.0]);
    }

    #[test]
    fn the_update_by_hand() {
        let settings = Settings { learning_rate: 0.5, momentum: 0.5, weight_decay: 0.1, coupled: false };
        let (mut w, mut v) = (2.0, 1.0);
        update(&mut w, &mut v, 4.0, settings); // v = 0.5 - 2; w = 2 - 1.5 - 0.2
        assert!((v + 1.5).abs() < 1e-12 && (w - 0.3).abs() < 1e-12);
        let (mut w, mut v) = (2.0, 1.0);
        update(&mut w, &mut v, 4.0, Settings { coupled: true, ..settings }); // v = 0.5 - 0.5 * 4.2
        assert!((v + 1.6).abs() < 1e-12 && (w - 0.4).abs() < 1e-12);
    }
}
