//! Missing values, which readers leave as NaN: each becomes the mean of its feature over the samples that are trained on.

use std::path::Path;

use crate::data::formats::ReadError;
use crate::data::samples::Features;

/// Fills in the missing values of training and test samples, with means over the samples that are `trained` on; returns how many
/// there were.
pub(super) fn fill(
    train: &mut Features<'static>,
    test: &mut Features<'static>,
    width: usize,
    trained: &[u32],
) -> usize {
    if count(train) + count(test) == 0 {
        return 0;
    }
    let (mut sums, mut counts) = (vec![0.0f64; width], vec![0u32; width]);
    for &sample in trained {
        let row = sample as usize * width..(sample as usize + 1) * width;
        let mut add = |feature: usize, value: f32| {
            if !value.is_nan() {
                sums[feature] += f64::from(value);
                counts[feature] += 1;
            }
        };
        match &*train {
            Features::Bytes(values) => (0..).zip(&values[row]).for_each(|(at, &value)| add(at, value.into())),
            Features::Floats(values) => (0..).zip(&values[row]).for_each(|(at, &value)| add(at, value)),
            // It misses none.
            Features::Synthetic(_) => {}
        }
    }
    // A feature that is never there becomes zero.
    let means: Vec<f32> =
        sums.iter().zip(&counts).map(|(sum, &count)| (sum / f64::from(count.max(1))) as f32).collect();
    put(train, &means) + put(test, &means)
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
        let (mut train, mut test) = (floats(&[1.0, f32::NAN, 3.0, f32::NAN]), floats(&[f32::NAN, 7.0]));
        assert_eq!(fill(&mut train, &mut test, 2, &[0, 1]), 3);
        assert_eq!(train, floats(&[1.0, 0.0, 3.0, 0.0]));
        assert_eq!(test, floats(&[2.0, 7.0]));
        // What is held out has no say, and bytes miss nothing.
        let (mut train, mut test) = (floats(&[1.0, 9.0]), floats(&[f32::NAN]));
        assert_eq!(fill(&mut train, &mut test, 1, &[0]), 1);
        assert_eq!(test, floats(&[1.0]));
        let (mut train, mut test) = (Features::Bytes(vec![4, 8].into()), floats(&[f32::NAN]));
        assert_eq!(fill(&mut train, &mut test, 1, &[0, 1]), 1);
        assert_eq!(test, floats(&[6.0]));
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
