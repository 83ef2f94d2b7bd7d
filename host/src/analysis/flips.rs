//! Test-time augmentation: an image is classified by the mean of the probabilities of itself and of its mirror image.
//!
//! It takes twice the time of a prediction, so its figures stand beside those without it, never in their place.

use crate::data::samples::{Features, Split};
use crate::data::{Dataset, ImageShape};
use crate::error::FitError;
use crate::model::layers::Layers;
use crate::model::predict::{largest, softmax};
use crate::model::safetensors::Model;
use rewire_engine::native::Native;

/// How well a classifier does with flips.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WithFlips {
    /// Samples whose class is right.
    pub correct: u32,
    /// As a fraction.
    pub accuracy: f32,
    /// Mean cross-entropy, in nats.
    pub loss: f32,
}

/// Measures a classifier on some test samples of a dataset, whose images have this shape.
///
/// # Errors
///
/// A machine without memory.
pub fn evaluate_with_flips<L: Layers>(
    model: &Model<L>,
    dataset: &Dataset<'_>,
    shape: ImageShape,
    indices: &[u32],
    native: &Native,
) -> Result<WithFlips, FitError> {
    let split = &dataset.test;
    let mirrored = mirrored(split, shape, indices);
    let all: Vec<u32> = (0..indices.len() as u32).collect();
    let (mut straight, mut flipped) = (Vec::new(), Vec::new());
    model.each_output(split, indices, native, |logits| softmax(logits, &mut straight))?;
    model.each_output(&mirrored, &all, native, |logits| softmax(logits, &mut flipped))?;
    let means: Vec<f32> = straight.iter().zip(flipped).map(|(a, b)| (a + b) / 2.0).collect();
    let (_, classes) = model.widths();
    let (mut correct, mut loss) = (0, 0.0);
    for (probabilities, &label) in means.chunks(classes.max(1)).zip(&*mirrored.labels) {
        correct += u32::from(largest(probabilities) == label);
        loss -= f64::from(probabilities[usize::from(label)].max(f32::MIN_POSITIVE)).ln();
    }
    let samples = indices.len().max(1) as f64;
    let accuracy = (f64::from(correct) / samples) as f32;
    Ok(WithFlips { correct, accuracy, loss: (loss / samples) as f32 })
}

/// Mirror images of some samples, with their labels.
fn mirrored(split: &Split<'_>, shape: ImageShape, indices: &[u32]) -> Split<'static> {
    let features = match &split.features {
        Features::Bytes(bytes) => Features::Bytes(mirror(bytes, shape, indices).into()),
        others => Features::Floats(mirror(&others.to_floats(), shape, indices).into()),
    };
    Split::labelled(features, indices.iter().map(|&index| split.labels[index as usize]).collect::<Vec<_>>())
}

fn mirror<T: Copy>(images: &[T], shape: ImageShape, indices: &[u32]) -> Vec<T> {
    let size = shape.features();
    let rows = indices.iter().flat_map(|&index| images[index as usize * size..][..size].chunks(shape.width));
    rows.flat_map(|row| row.iter().rev().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DatasetName, Names};
    use crate::settings::Config;
    use crate::training::in_memory::{EpochDone, TrainObserver};
    use crate::training::trained::Trained;

    struct Nobody;

    impl TrainObserver for Nobody {
        fn epoch(&mut self, _epoch: &EpochDone<'_>) -> std::ops::ControlFlow<()> {
            std::ops::ControlFlow::Continue(())
        }
    }

    #[test]
    fn rows_of_each_channel_are_turned_round() {
        let shape = ImageShape { channels: 2, height: 2, width: 2 };
        let images: Vec<u8> = (0..16).collect();
        assert_eq!(mirror(&images, shape, &[1]), [9, 8, 11, 10, 13, 12, 15, 14]);
        assert_eq!(mirror(&mirror(&images, shape, &[1, 0]), shape, &[1, 0]), images);
    }

    #[test]
    fn figures_are_those_of_the_mean_of_both_probabilities() {
        let shape = ImageShape { channels: 3, height: 1, width: 3 };
        let features: Vec<f32> = (0..360u32).map(|i| (i * i % 31) as f32 / 7.0).collect();
        let labels: Vec<u16> = features.chunks(9).map(|x| u16::from(x[0] > x[2])).collect();
        let split = Split::labelled(Features::Floats(features.clone().into()), labels.clone());
        let names = Names::default();
        let dataset = Dataset { name: None, shape: Some(shape), outputs: 2, names, train: split.clone(), test: split };
        let config = Config { hidden: vec![8], batch_size: 8, epochs: 3, ..Config::defaults(DatasetName::MnistMini) };
        let native = Native::new(1).unwrap();
        let model = Trained::fit(native, &config, dataset.clone(), &mut Nobody).unwrap().model;
        let indices = [3u32, 7, 8, 20, 39];
        let found = evaluate_with_flips(&model, &dataset, shape, &indices, &Native::new(1).unwrap()).unwrap();
        let (mut correct, mut loss) = (0, 0.0);
        for index in indices.map(|index| index as usize) {
            let straight = model.probabilities(&features[9 * index..][..9]).unwrap();
            let turned: Vec<f32> =
                features[9 * index..][..9].chunks(3).flat_map(|row| row.iter().rev().copied()).collect();
            let turned = model.probabilities(&turned).unwrap();
            let mean: Vec<f32> = straight.iter().zip(turned).map(|(a, b)| (a + b) / 2.0).collect();
            correct += u32::from(largest(&mean) == labels[index]);
            loss -= mean[usize::from(labels[index])].ln() / 5.0;
        }
        assert_eq!((found.correct, found.accuracy), (correct, correct as f32 / 5.0));
        assert!((found.loss - loss).abs() < 1e-5, "{found:?} {loss}");
    }
}
