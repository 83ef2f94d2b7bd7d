//! `mnist-mini`: a class-balanced draw from MNIST, embedded in the program.
//!
//! The training images come from MNIST's training set and the test images from its test set, without replacement. Every
//! run of `classes` samples holds each class once, in a drawn order, so a prefix is balanced too. The generator is
//! written out here because the draw must stay the same whatever becomes of a crate's.

use std::io;

use rewire_data::mnist_mini;

use crate::data::dataset::Dataset;
use crate::data::idx;
use crate::data::manifest::{Entry, File, Role};
use crate::data::samples::{Features, Split};

/// The embedded, gzipped content of a bundled dataset's file.
pub fn bundled(entry: &Entry, file: &File) -> Option<&'static [u8]> {
    if !entry.bundled {
        return None;
    }
    match file.role {
        Role::TrainImages => Some(mnist_mini::TRAIN_IMAGES),
        Role::TrainLabels => Some(mnist_mini::TRAIN_LABELS),
        Role::TestImages => Some(mnist_mini::TEST_IMAGES),
        Role::TestLabels => Some(mnist_mini::TEST_LABELS),
        Role::TrainBatch | Role::TestBatch => None,
    }
}

/// Draws the samples of `entry` from `full`: `entry.train_samples` and `entry.test_samples`, balanced over the classes.
///
/// Returns `None` when `full` has too few samples of a class, or is not of images.
pub fn draw(entry: &Entry, full: &Dataset<'_>) -> Option<Dataset<'static>> {
    let mut random = SplitMix64(entry.seed.unwrap_or_default());
    let train = draw_split(&full.train, full.outputs, entry.train_samples, &mut random)?;
    let test = draw_split(&full.test, full.outputs, entry.test_samples, &mut random)?;
    Some(Dataset {
        name: Some(entry.name),
        shape: full.shape,
        outputs: full.outputs,
        names: full.names.clone(),
        train,
        test,
    })
}

fn draw_split(full: &Split<'_>, classes: usize, samples: usize, random: &mut SplitMix64) -> Option<Split<'static>> {
    let mut by_class: Vec<Vec<usize>> = vec![Vec::new(); classes];
    for (index, &label) in full.labels.iter().enumerate() {
        by_class.get_mut(usize::from(label))?.push(index);
    }
    for members in &mut by_class {
        random.shuffle(members);
    }
    let mut order: Vec<usize> = (0..by_class.len()).collect();
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for sample in 0..samples {
        let (round, turn) = (sample / order.len(), sample % order.len());
        if turn == 0 {
            random.shuffle(&mut order);
        }
        let index = *by_class[order[turn]].get(round)?;
        labels.push(full.labels[index]);
        pixels.extend_from_slice(full.image(index)?);
    }
    Some(Split::of_images(pixels, labels))
}

/// The unpacked content of one file of `entry`, as IDX.
///
/// # Errors
/// `InvalidInput` for a role that is not IDX, and for samples that are no images with labels in bytes.
pub fn encode(data: &Dataset<'_>, file: &File) -> io::Result<Vec<u8>> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let mut bytes = Vec::with_capacity(file.bytes as usize);
    let split = match file.role {
        Role::TrainImages | Role::TrainLabels => &data.train,
        Role::TestImages | Role::TestLabels => &data.test,
        Role::TrainBatch | Role::TestBatch => return Err(invalid()),
    };
    if matches!(file.role, Role::TrainImages | Role::TestImages) {
        let (Some(shape), Features::Bytes(pixels)) = (data.shape, &split.features) else { return Err(invalid()) };
        idx::write_images(&mut bytes, shape.height, shape.width, pixels)?;
    } else {
        let labels: Result<Vec<u8>, _> = split.labels.iter().map(|&label| u8::try_from(label)).collect();
        idx::write_labels(&mut bytes, &labels.map_err(|_| invalid())?)?;
    }
    Ok(bytes)
}

/// `SplitMix64`: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators",
/// doi 10.1145/2714064.2660195.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Fisher–Yates. The remainder's bias, below 2^-50 for these lengths, does not matter for choosing samples.
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = (self.next() % (last as u64 + 1)) as usize;
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::{DatasetName, load, manifest};

    #[test]
    fn generator_gives_the_published_sequence() {
        // The reference implementation's first outputs for seed 1234567.
        let mut random = SplitMix64(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn every_prefix_of_whole_rounds_is_balanced() {
        let data = load(DatasetName::MnistMini, Path::new("nowhere")).unwrap();
        for split in [&data.train, &data.test] {
            for round in split.labels.chunks(10) {
                let mut sorted = round.to_vec();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..10).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn images_are_distinct() {
        let data = load(DatasetName::MnistMini, Path::new("nowhere")).unwrap();
        let images: std::collections::BTreeSet<_> =
            [&data.train, &data.test].into_iter().flat_map(|split| (0..split.len()).map(|i| split.image(i))).collect();
        assert_eq!(images.len(), 3000);
    }

    #[test]
    fn draw_needs_enough_of_each_class() {
        let mut data = load(DatasetName::MnistMini, Path::new("nowhere")).unwrap();
        let entry = manifest::entry(DatasetName::MnistMini);
        assert!(draw(entry, &data).is_some());
        data.train.labels.to_mut()[0] ^= 1;
        assert!(draw(entry, &data).is_none());
    }
}
