//! Missing values, which readers leave as NaN: each becomes the mean of its feature over the samples that are trained on.

use std::path::Path;

use crate::data::formats::ReadError;
use crate::data::samples::{Features, Split};

/// Fills in the missing values of training and test samples, with means over the samples that are `trained` on; returns how many
/// there were.
pub(super) fn fill(train: &mut Split<'static>, test: &mut Split<'static>, trained: &[u32]) -> usize {
    if count(&train.features) + count(&test.features) == 0 {
        return 0;
    }
    let width = train.width();
    let (mut sums, mut counts) = (vec![0.0f64; width], vec![0u32; width]);
    for &sample in trained {
        train.each_feature(sample as usize, |feature, value| {
            if !value.is_nan() {
                sums[feature] += f64::from(value);
                counts[feature] += 1;
            }
        });
    }
    // A feature that is never there becomes zero.
    let means: Vec<f32> =
        sums.iter().zip(&counts).map(|(sum, &count)| (sum / f64::from(count.max(1))) as f32).collect();
    put(&mut train.features, &means) + put(&mut test.features, &means)
}

/// Fills in the missing values of samples of another file, with the means that a model keeps for the scaling of its inputs.
///
/// # Errors
///
/// Missing values, where the model has no mean of each feature.
pub fn fill_from(samples: &mut Features<'static>, means: &[f32], file: &Path) -> Result<(), ReadError> {
    if count(samples) == 0 {
        return Ok(());
    }
    // One mean for all: that of a scaling that measures none, or of all features together.
    let first = means.first().copied().unwrap_or_default();
    if (means.len() > 1 || first == 0.0) && means.iter().all(|&mean| mean == first) {
        let found = "missing values, and a model with one mean for all features";
        return Err(ReadError::whole(
            file,
            found,
            "fill them in, or train with --scaling feature, which keeps the mean of each feature",
        ));
    }
    put(samples, means);
    Ok(())
}

fn count(samples: &Features<'_>) -> usize {
    let Features::Floats(values) = samples else { return 0 };
    values.iter().filter(|value| value.is_nan()).count()
}

fn put(samples: &mut Features<'static>, means: &[f32]) -> usize {
    let Features::Floats(values) = samples else { return 0 };
    let mut filled = 0;
    for row in values.to_mut().chunks_exact_mut(means.len()) {
        for (value, &mean) in row.iter_mut().zip(means).filter(|(value, _)| value.is_nan()) {
            *value = mean;
            filled += 1;
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(values: &[f32]) -> Features<'static> {
        Features::Floats(values.to_vec().into())
    }

    #[test]
    fn missing_values_become_the_mean_of_the_training_samples() {
        let split = |features, samples| Split::labelled(features, vec![0; samples]);
        let filled = |train, test, samples, trained: &[u32]| {
            let (mut train, mut test) = (split(train, samples), split(test, 1));
            (fill(&mut train, &mut test, trained), train.features, test.features)
        };
        let (count, train, test) =
            filled(floats(&[1.0, f32::NAN, 3.0, f32::NAN]), floats(&[f32::NAN, 7.0]), 2, &[0, 1]);
        assert_eq!(count, 3);
        assert_eq!(train, floats(&[1.0, 0.0, 3.0, 0.0]));
        assert_eq!(test, floats(&[2.0, 7.0]));
        // What is held out has no say, and bytes miss nothing.
        let (count, _, test) = filled(floats(&[1.0, 9.0]), floats(&[f32::NAN]), 2, &[0]);
        assert_eq!((count, test), (1, floats(&[1.0])));
        let (count, _, test) = filled(Features::Bytes(vec![4, 8].into()), floats(&[f32::NAN]), 2, &[0, 1]);
        assert_eq!((count, test), (1, floats(&[6.0])));
    }

    #[test]
    fn a_model_without_means_of_its_features_fills_nothing_in() {
        let holes = floats(&[1.0, f32::NAN]);
        let mut filled = holes.clone();
        fill_from(&mut filled, &[5.0, 6.0], Path::new("a.csv")).unwrap();
        assert_eq!(filled, floats(&[1.0, 6.0]));
        let refused = fill_from(&mut holes.clone(), &[5.0, 5.0], Path::new("a.csv")).unwrap_err().to_string();
        assert!(refused.contains("a.csv") && refused.contains("--scaling feature"), "{refused}");
        fill_from(&mut floats(&[1.0, 2.0]), &[5.0, 5.0], Path::new("a.csv")).unwrap();
        // The mean of one feature, and a scaling that measures none.
        fill_from(&mut floats(&[f32::NAN]), &[105.0], Path::new("a.csv")).unwrap();
        fill_from(&mut floats(&[f32::NAN]), &[0.0], Path::new("a.csv")).unwrap_err();
    }
}
