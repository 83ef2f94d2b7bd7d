//! A source of samples for a network: normalised, changed in training where that is asked for, written into tiles.

use std::cell::RefCell;

use rewire_core::backend::Exchange;
use rewire_core::samples::{Needed, PixelShift, SampleSource, Samples, Target};

use crate::data::augment::{Augmentation, FRACTION_BITS};
use crate::data::mixup::MixUp;
use crate::data::normaliser::Normaliser;
use crate::data::samples::{Features, Split};
use crate::data::share::{Lent, Share};

/// Some samples of a split, normalised, and changed in training where that is asked for.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    split: &'a Split<'a>,
    indices: Vec<u32>,
    normaliser: &'a Normaliser,
    augmentation: Option<Augmentation>,
    pixel_shift: Option<PixelShift>,
    mixup: Option<MixUp>,
    target: Target,
    /// From numbers to learn to outputs.
    targets: Option<&'a Normaliser>,
    /// Of each class in training.
    weights: &'a [f32],
    /// What erased pixels become.
    erased: &'a [f32],
    /// Where the features are, if not in the split.
    share: Option<&'a Share>,
}

impl<'a> Source<'a> {
    /// The samples of `split` at `indices`.
    pub fn new(split: &'a Split<'a>, indices: Vec<u32>, normaliser: &'a Normaliser) -> Self {
        Self {
            split,
            indices,
            normaliser,
            augmentation: None,
            pixel_shift: None,
            mixup: None,
            target: Target::Class,
            targets: None,
            weights: &[],
            erased: &normaliser.mean,
            share: None,
        }
    }

    /// The same samples, each changed anew in every epoch of training, where they are images in bytes.
    #[must_use]
    pub fn with_augmentation(mut self, augmentation: Option<Augmentation>) -> Self {
        self.augmentation = augmentation;
        self
    }

    /// The same samples; where augmentation erases pixels, they become these.
    #[must_use]
    pub fn with_erased(self, erased: &'a [f32]) -> Self {
        Self { erased, ..self }
    }

    /// The same samples, whose features ranks have shared out.
    #[must_use]
    pub fn with_share(self, share: Option<&'a Share>) -> Self {
        Self { share, ..self }
    }

    /// The same samples, each moved anew in every epoch of training.
    #[must_use]
    pub fn with_pixel_shift(mut self, shift: PixelShift) -> Self {
        self.pixel_shift = (shift.reach > 0).then_some(shift);
        self
    }

    /// The same samples, blended in pairs in training.
    #[must_use]
    pub fn with_mixup(self, mixup: Option<MixUp>) -> Self {
        Self { mixup, ..self }
    }

    /// The same samples for a network that learns to give the numbers of the split, scaled.
    #[must_use]
    pub fn with_values(self, targets: &'a Normaliser) -> Self {
        Self { target: Target::Values, targets: Some(targets), ..self }
    }

    /// The same samples for a network that learns to give its inputs.
    #[must_use]
    pub fn with_inputs(self) -> Self {
        Self { target: Target::Input, ..self }
    }

    /// The same samples, each with the weight of its class in training; none where all weigh the same.
    #[must_use]
    pub fn with_weights(self, weights: &'a [f32]) -> Self {
        Self { weights, ..self }
    }

    /// Number of samples.
    pub fn count(&self) -> usize {
        self.indices.len()
    }
}

/// Features whose rows of a tile, and whose pixels of an image, are written and read together: both stay in the cache.
const BLOCK: usize = 64;

/// Images that are changed before they are written into a tile, so that the changed ones stay in the cache.
const STAGE: usize = 16;

thread_local! {
    /// What changing an image works in, and the changed images.
    static SCRATCH: RefCell<(Vec<u64>, Vec<u16>)> = const { RefCell::new((Vec::new(), Vec::new())) };
    /// A moved image, of bytes or of floats.
    static MOVED: RefCell<(Vec<u8>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// Makes room for the images of a stage.
fn fit_scratch(augmentation: &Augmentation, words: &mut Vec<u64>, changed: &mut Vec<u16>) {
    words.resize(augmentation.scratch(), 0);
    changed.resize(STAGE * augmentation.shape.features(), 0);
}

impl Source<'_> {
    /// Allocates what this thread will need to change images, so that no step does.
    pub fn prepare(&self) {
        if let Some(augmentation) = &self.augmentation {
            SCRATCH.with_borrow_mut(|(words, changed)| fit_scratch(augmentation, words, changed));
        }
        if self.pixel_shift.is_some() {
            let features = self.normaliser.mean.len();
            MOVED.with_borrow_mut(|(bytes, floats)| match self.features() {
                Features::Bytes(_) => bytes.reserve(features),
                Features::Floats(_) => floats.reserve(features),
                Features::Synthetic(_) => {}
            });
        }
    }

    /// Writes images into lanes `first..` of a tile. `unit` is the value of a byte's one in an image's numbers.
    #[inline(always)]
    fn write<const LANES: usize, T: Copy + Into<f32>>(
        &self,
        images: &[&[T]],
        unit: f32,
        first: usize,
        x: &mut [[f32; LANES]],
    ) {
        let Normaliser { mean, scale } = self.normaliser;
        let parameters = mean.chunks(BLOCK).zip(scale.chunks(BLOCK));
        for (block, (rows, (mean, scale))) in x.chunks_mut(BLOCK).zip(parameters).enumerate() {
            for (lane, image) in (first..LANES).zip(images) {
                let pixels = &image[block * BLOCK..];
                for (((row, &pixel), mean), scale) in rows.iter_mut().zip(pixels).zip(mean).zip(scale) {
                    row[lane] = (pixel.into() * unit - mean) * scale;
                }
            }
        }
    }

    /// Writes images of these samples into a tile, changed.
    fn write_changed<const LANES: usize>(
        &self,
        augmentation: &Augmentation,
        images: &[&[u8]],
        samples: &[u32],
        epoch: u32,
        x: &mut [[f32; LANES]],
    ) {
        let features = x.len();
        SCRATCH.with_borrow_mut(|(words, changed)| {
            fit_scratch(augmentation, words, changed);
            for (stage, (images, samples)) in images.chunks(STAGE).zip(samples.chunks(STAGE)).enumerate() {
                for ((image, &sample), changed) in images.iter().zip(samples).zip(changed.chunks_exact_mut(features)) {
                    augmentation.apply(image, self.erased, sample, epoch, words, changed);
                }
                let mut images: [&[u16]; STAGE] = [&[]; STAGE];
                for (image, changed) in images.iter_mut().zip(changed.chunks_exact(features)) {
                    *image = changed;
                }
                let unit = 1.0 / (1u32 << FRACTION_BITS) as f32;
                self.write(&images[..samples.len()], unit, stage * STAGE, x);
            }
        });
    }

    /// Writes images of these samples into a tile, moved; `moved` is scratch.
    fn write_moved<const LANES: usize, T: Copy + Into<f32>>(
        &self,
        shift: &PixelShift,
        images: &[&[T]],
        moved: &mut Vec<T>,
        samples: &[u32],
        epoch: u32,
        x: &mut [[f32; LANES]],
    ) {
        for (lane, (image, &sample)) in images.iter().zip(samples).enumerate() {
            moved.clear();
            moved.extend_from_slice(image);
            shift.apply(epoch, sample, 0, moved.as_chunks_mut::<1>().0);
            self.write(&[moved], 1.0, lane, x);
        }
    }

    /// The features that are here.
    fn features(&self) -> &Features<'_> {
        match self.share {
            Some(share) => share.kept(),
            None => &self.split.features,
        }
    }

    /// The features of samples, which are at these places of the source: among `values`, or among those that were lent.
    fn rows<'v, T, const LANES: usize>(
        &self,
        places: &[u32],
        samples: &[u32],
        values: &'v [T],
        lent: Option<(&Lent, &'v [T])>,
    ) -> [&'v [T]; LANES] {
        let width = self.normaliser.mean.len();
        let mut rows: [&[T]; LANES] = [&[]; LANES];
        for ((row, &place), &sample) in rows.iter_mut().zip(places).zip(samples) {
            *row = match self.share.zip(lent) {
                Some((share, lent)) => share.sample(place, values, lent),
                None => &values[sample as usize * width..][..width],
            };
        }
        rows
    }
}

impl SampleSource for Source<'_> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn target(&self) -> Target {
        self.target
    }

    fn value(&self, index: u32, output: usize) -> f32 {
        let Some(targets) = self.targets else { return f32::NAN };
        let (sample, width) = (self.indices[index as usize] as usize, targets.mean.len());
        targets.apply(output, self.split.values[sample * width + output])
    }

    fn bring(&self, exchange: &dyn Exchange, needed: &Needed<'_>) {
        if let Some(share) = self.share {
            share.bring(exchange, needed);
        }
    }

    fn is_weighted(&self) -> bool {
        !self.weights.is_empty() || !self.split.weights.is_empty()
    }

    fn weight(&self, index: u32, label: u16) -> f32 {
        let of_class = self.weights.get(usize::from(label)).copied().unwrap_or(1.0);
        let of_sample = self.split.weights.get(self.indices[index as usize] as usize).copied().unwrap_or(1.0);
        of_class * of_sample
    }

    fn is_blended(&self) -> bool {
        self.mixup.is_some()
    }

    fn blended(&self, indices: &[u32], lane: usize, epoch: u32) -> (u16, f32) {
        let sample = |lane: usize| self.indices[indices[lane] as usize];
        let Some(mixup) = &self.mixup else { return (0, 0.0) };
        let distance = mixup.distance(sample(0), epoch, indices.len());
        if distance == 0 {
            return (0, 0.0);
        }
        let second = sample((lane + distance) % indices.len());
        (self.split.labels[second as usize], mixup.share(sample(lane), epoch))
    }
}

impl<const LANES: usize> Samples<LANES> for Source<'_> {
    fn fill(&self, indices: &[u32], epoch: u32, x: &mut [[f32; LANES]], labels: &mut [u16; LANES]) {
        let mut samples = [0u32; LANES];
        for ((&index, sample), label) in indices.iter().zip(&mut samples).zip(labels) {
            *sample = self.indices[index as usize];
            *label = self.split.labels[*sample as usize];
        }
        let samples = &samples[..indices.len()];
        // Evaluation is epoch 0.
        let shift = self.pixel_shift.as_ref().filter(|_| epoch > 0);
        let augmentation = self.augmentation.as_ref().filter(|_| epoch > 0);
        let lent = self.share.map(Share::lent);
        let lent = lent.as_deref();
        match self.features() {
            Features::Bytes(values) => {
                let lent = lent.map(|lent| (lent, lent.bytes()));
                let images = self.rows::<_, LANES>(indices, samples, values, lent);
                let images = &images[..samples.len()];
                match (augmentation, shift) {
                    (Some(augmentation), _) => self.write_changed(augmentation, images, samples, epoch, x),
                    (None, Some(shift)) => {
                        MOVED.with_borrow_mut(|(moved, _)| self.write_moved(shift, images, moved, samples, epoch, x));
                    }
                    (None, None) => self.write(images, 1.0, 0, x),
                }
            }
            Features::Floats(values) => {
                let lent = lent.map(|lent| (lent, lent.floats()));
                let images = self.rows::<_, LANES>(indices, samples, values, lent);
                let images = &images[..samples.len()];
                match shift {
                    Some(shift) => {
                        MOVED.with_borrow_mut(|(_, moved)| self.write_moved(shift, images, moved, samples, epoch, x));
                    }
                    None => self.write(images, 1.0, 0, x),
                }
            }
            // They are no images, so nothing changes or moves them.
            Features::Synthetic(data) => {
                let Normaliser { mean, scale } = self.normaliser;
                for (lane, &sample) in samples.iter().enumerate() {
                    data.each_feature(sample as usize, |feature, value| {
                        x[feature][lane] = (value - mean[feature]) * scale[feature];
                    });
                }
            }
        }
        // Evaluation is epoch 0 here too.
        if let Some(mixup) = self.mixup.as_ref().filter(|_| epoch > 0) {
            mixup.blend(samples, epoch, x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Scaling;

    #[test]
    fn features_are_standardised_and_constants_become_zero() {
        let data = Split::of_images(vec![0, 10, 200, 7, 10, 100], vec![1, 2]);
        let normaliser = Normaliser::fit(Scaling::Feature, &data, &[0, 1]);
        assert_eq!(normaliser.mean, [3.5, 10.0, 150.0]);
        assert_eq!(normaliser.scale, [1.0 / 3.5, 0.0, 0.02]);
        let source = Source::new(&data, vec![0, 1], &normaliser);
        let (mut x, mut labels) = ([[0.0f32; 2]; 3], [0u16; 2]);
        source.fill(&[0, 1], 0, &mut x, &mut labels);
        assert_eq!((x, labels), ([[-1.0, 1.0], [0.0, 0.0], [1.0, -1.0]], [1, 2]));
    }

    #[test]
    fn floats_are_moved_and_written_as_bytes_are() {
        let bytes: Vec<u8> = (0..36).map(|i| i * 7).collect();
        let floats: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte)).collect();
        let image = rewire_core::topology::ImagePlane { channels: 1, height: 3, width: 4 };
        let shift = PixelShift { image, reach: 1, seed: 5 };
        let labels = vec![0, 1, 2];
        let splits =
            [Split::of_images(bytes, labels.clone()), Split::labelled(Features::Floats(floats.into()), labels)];
        for epoch in 0..4 {
            let [bytes, floats] = splits.each_ref().map(|split| {
                let normaliser = Normaliser::fit(Scaling::Global, split, &[0, 1, 2]);
                let source = Source::new(split, vec![0, 1, 2], &normaliser).with_pixel_shift(shift);
                let (mut x, mut labels) = ([[0.0f32; 4]; 12], [0u16; 4]);
                source.fill(&[2, 0, 1], epoch, &mut x, &mut labels);
                (x, labels)
            });
            assert_eq!(bytes, floats);
            assert_eq!(bytes.1[..3], [2, 0, 1]);
        }
    }
}
