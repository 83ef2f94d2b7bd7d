//! What the use of a network needs beside its weights: how inputs are made, what outputs mean, and what both are called.

use crate::network::spec::LayerSpec;
use crate::samples::source::Target;
use crate::sparse::index::Format;
use crate::storage::image::format::ImageError;
use crate::storage::image::inputs::Inputs;
use crate::storage::image::names::Names;
use crate::storage::image::scaling::Scaling;
use crate::topology::plane::ImagePlane;

/// Bytes of the part of fixed size.
pub(crate) const FIXED: usize = 32;

/// What an image of version 2 says of the use of its network.
///
/// ```
/// use rewire_core::{prelude::*, storage::image::{self, About, Image, Names, Scaling}};
///
/// const LAYERS: [LayerSpec; 1] = [LayerSpec::dense(4, 2, Activation::Identity)];
/// const NETWORK: Description = Description::training(&LAYERS, 1);
/// // Two axes, two readings of each.
/// const ABOUT: About = About {
///     scaling: Scaling { mean: &[1.0, 10.0], factor: &[0.5, 2.0] },
///     outputs: Names::of(&["still", "moving"]),
///     ..About::new(Target::Class)
/// };
/// # #[repr(align(4))] struct Flash([u8; 512]);
/// # let mut flash = Flash([0; 512]);
/// # let mut block = Block::<{ NETWORK.bytes::<Narrow, 1>() }>::new();
/// # let mut network = Mlp::<Narrow, 1, 1>::new(&NETWORK, &mut block.0)?;
/// image::write_about(&network, &ABOUT, &mut flash.0)?;
///
/// let about = Image::<Narrow>::new(&flash.0)?.about().expect("it has version 2");
/// let mut window = [3.0, 11.0, 1.0, 9.0];
/// about.scaling.apply(&mut window);
/// assert_eq!(window, [1.0, 2.0, 0.0, -2.0]);
/// assert_eq!((about.outputs.get(1), about), (Some("moving"), ABOUT));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct About<'a> {
    /// What the network learned to give: the task.
    pub target: Target,
    /// Where inputs lie, if they lie in a plane.
    pub plane: Option<ImagePlane>,
    /// From a sample's numbers to inputs. Bytes are divided by 255 and have none.
    pub scaling: Scaling<'a>,
    /// From numbers to learn to outputs: a prediction is [`Scaling::invert`] of an output.
    pub targets: Scaling<'a>,
    /// Of the inputs.
    pub features: Names<'a>,
    /// Of the classes, or of the numbers to learn.
    pub outputs: Names<'a>,
}

impl About<'_> {
    /// A task alone: no scaling, no names.
    pub const fn new(target: Target) -> Self {
        let (scaling, targets) = (Scaling::NONE, Scaling::NONE);
        Self { target, plane: None, scaling, targets, features: Names::NONE, outputs: Names::NONE }
    }

    /// Bytes that it takes in an image.
    pub(crate) fn bytes(&self) -> usize {
        let sizes = [self.scaling.bytes(), self.targets.bytes(), self.features.bytes(), self.outputs.bytes()];
        sizes.iter().fold(FIXED, |sum, &bytes| sum.saturating_add(bytes))
    }

    /// Checks it against the network whose use it describes.
    pub(crate) fn check(&self, inputs: Inputs, layers: [Option<LayerSpec>; 2]) -> Result<(), ImageError> {
        let [n_in, n_out] = widths(layers);
        let named = |names: &Names<'_>, count: usize| names.is_empty() || names.len() == count;
        let plane = self.plane.map_or(n_in as u64, |plane| {
            let pixels = u64::from(plane.height).saturating_mul(u64::from(plane.width));
            pixels.saturating_mul(u64::from(plane.channels))
        });
        let checks = [
            (inputs == Inputs::Floats || self.scaling == Scaling::NONE, "inputs are bytes, which have no scaling"),
            (self.scaling.fits(n_in), "scaling does not fit its inputs or is not finite"),
            (self.targets.fits(n_out), "scaling of outputs does not fit its outputs or is not finite"),
            (plane == n_in as u64, "image plane has not as many pixels as it has inputs"),
            (named(&self.features, n_in), "names of features are not as many as its inputs"),
            (named(&self.outputs, n_out), "names of outputs are not as many as its outputs"),
            (self.features.are_short() && self.outputs.are_short(), "names are too long: at most 65,535 bytes"),
        ];
        checks.iter().find(|check| !check.0).map_or(Ok(()), |&(_, what)| Err(ImageError::About { what }))
    }

    /// The part of fixed size.
    pub(crate) fn fixed<F: Format>(&self) -> [u8; FIXED] {
        let task = match self.target {
            Target::Class => 0,
            Target::Values => 1,
            Target::Input => 2,
        };
        let ImagePlane { channels, height, width } =
            self.plane.unwrap_or(ImagePlane { channels: 0, height: 0, width: 0 });
        let words = [
            u32::from_le_bytes([u8::from(Inputs::of::<F>() == Inputs::Bytes), task, 0, 0]),
            channels,
            height,
            width,
            self.scaling.mean.len() as u32,
            self.targets.mean.len() as u32,
            self.features.bytes() as u32,
            self.outputs.bytes() as u32,
        ];
        bytemuck::must_cast(words.map(u32::to_le_bytes))
    }

    /// Hands what follows the layers' arrays to `put`.
    pub(crate) fn write<E>(&self, put: &mut (impl FnMut(&[u8]) -> Result<(), E> + ?Sized)) -> Result<(), E> {
        self.scaling.write(put)?;
        self.targets.write(put)?;
        self.features.write(put)?;
        self.outputs.write(put)
    }
}

/// Inputs of the first layer and outputs of the last.
fn widths([first, last]: [Option<LayerSpec>; 2]) -> [usize; 2] {
    [first.map_or(0, |layer| layer.n_in), last.map_or(0, |layer| layer.n_out)]
}

/// The part of fixed size, as an image has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixed {
    pub(crate) inputs: Inputs,
    target: Target,
    plane: Option<ImagePlane>,
    /// Means of inputs, means of outputs, bytes of the names of each.
    lengths: [usize; 4],
}

impl Fixed {
    pub(crate) fn decode(bytes: [u8; FIXED]) -> Result<Self, ImageError> {
        let words: [[u8; 4]; FIXED / 4] = bytemuck::must_cast(bytes);
        let [codes, channels, height, width, lengths @ ..] = words.map(u32::from_le_bytes);
        let [inputs, task, 0, 0] = codes.to_le_bytes() else {
            return Err(ImageError::About { what: "reserved bytes are not 0" });
        };
        let inputs = match inputs {
            0 => Inputs::Floats,
            1 => Inputs::Bytes,
            _ => return Err(ImageError::About { what: "kind of input is unknown" }),
        };
        let target = match task {
            0 => Target::Class,
            1 => Target::Values,
            2 => Target::Input,
            _ => return Err(ImageError::About { what: "task is unknown" }),
        };
        let plane = ImagePlane { channels, height, width };
        let plane = ([channels, height, width] != [0; 3]).then_some(plane);
        Ok(Self { inputs, target, plane, lengths: lengths.map(|length| length as usize) })
    }

    /// Bytes of what follows the layers' arrays.
    pub(crate) fn rest(&self) -> usize {
        let [means, targets, features, outputs] = self.lengths;
        [means.saturating_mul(8), targets.saturating_mul(8), features, outputs]
            .iter()
            .fold(0, |sum: usize, &bytes| sum.saturating_add(bytes))
    }

    /// All of it, where `rest` is what follows the arrays of the layers.
    pub(crate) fn about<'a>(&self, rest: &'a [u8], layers: [Option<LayerSpec>; 2]) -> Result<About<'a>, ImageError> {
        let [means, targets, features, outputs] = self.lengths;
        let cut = ImageError::Cut { needed: self.rest(), available: rest.len() };
        let mut rest = rest;
        let mut take = |bytes: usize| {
            let (front, after) = rest.split_at_checked(bytes).ok_or(cut)?;
            rest = after;
            Ok::<&'a [u8], ImageError>(front)
        };
        let mut scaling = |numbers: usize| {
            let [mean, factor] = [take(4 * numbers)?, take(4 * numbers)?]
                .map(|bytes| bytemuck::try_cast_slice(bytes).map_err(|_| ImageError::Misaligned));
            Ok::<Scaling<'a>, ImageError>(Scaling { mean: mean?, factor: factor? })
        };
        let (scaling, targets) = (scaling(means)?, scaling(targets)?);
        let [n_in, n_out] = widths(layers);
        let wrong = ImageError::About { what: "names are no UTF-8, or not as many as its inputs and outputs" };
        let features = Names::in_image(take(features)?, n_in).ok_or(wrong)?;
        let outputs = Names::in_image(take(outputs)?, n_out).ok_or(wrong)?;
        let Self { inputs, target, plane, .. } = *self;
        let about = About { target, plane, scaling, targets, features, outputs };
        about.check(inputs, layers)?;
        Ok(about)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::storage::crc::crc32;
    use crate::storage::hash::hash;
    use crate::storage::image::format::{HEADER, LAYER};
    use crate::storage::image::{Image, write, write_about};
    use std::string::ToString;
    use std::vec::Vec;

    const LAYERS: [LayerSpec; 2] =
        [LayerSpec::sparse(6, 5, 12, Activation::Relu).input_major(), LayerSpec::dense(5, 3, Activation::Identity)];
    const NETWORK: Description = Description::training(&LAYERS, 1);
    const ABOUT: About = About {
        plane: Some(ImagePlane { channels: 2, height: 1, width: 3 }),
        scaling: Scaling { mean: &[1.0, -2.0], factor: &[0.5, 0.0] },
        targets: Scaling { mean: &[10.0, 20.0, 30.0], factor: &[2.0, 0.25, 0.0] },
        features: Names::of(&["a", "", "ç,\n", "d", "e", "f"]),
        outputs: Names::of(&["still", "moving", "falling"]),
        ..About::new(Target::Values)
    };

    #[repr(align(4))]
    struct Flash([u8; 768]);

    /// An image of version 2, and its length.
    fn written<F: Format, const BYTES: usize>(about: &About<'_>) -> (Flash, Result<usize, ImageError>) {
        let (mut block, mut flash) = (Block::<BYTES>::new(), Flash([0xFF; 768]));
        let mut network = Mlp::<F, 1, 2>::new(&NETWORK, &mut block.0).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        let len = write_about(&network, about, &mut flash.0);
        (flash, len)
    }

    const NARROW: usize = NETWORK.bytes::<Narrow, 1>();

    fn narrow(about: &About<'_>) -> (Flash, Result<usize, ImageError>) {
        written::<Narrow, NARROW>(about)
    }

    fn repair(bytes: &mut [u8]) {
        let crc = crc32(&bytes[HEADER..]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    }

    #[test]
    fn what_is_said_of_the_use_comes_back_and_the_network_with_it() {
        let (flash, len) = narrow(&ABOUT);
        let image = Image::<Narrow>::new(&flash.0).unwrap();
        let about = image.about().unwrap();
        assert_eq!(about, ABOUT);
        assert_eq!((about.features.get(2), about.features.get(6), about.features.len()), (Some("ç,\n"), None, 6));
        let mut block = Block::<NARROW>::new();
        let mut network = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut block.0).unwrap();
        image.load(&mut network).unwrap();
        // What came from an image can be written again: the same bytes.
        let mut again = Flash([0xFF; 768]);
        assert_eq!(write_about(&network, &about, &mut again.0), len);
        assert!(again.0 == flash.0);
        // The network alone has the same hash, and says nothing.
        write(&network, &mut again.0).unwrap();
        let alone = Image::<Narrow>::new(&again.0).unwrap();
        assert_eq!((alone.about(), again.0[4]), (None, 1));
        let mut other = Block::<NARROW>::new();
        let mut to = Mlp::<Narrow, 1, 2>::new(&NETWORK, &mut other.0).unwrap();
        alone.load(&mut to).unwrap();
        assert_eq!(hash(&to), hash(&network));
    }

    #[test]
    fn an_image_for_other_inputs_is_refused_with_the_format_to_use() {
        const BYTES: usize = NETWORK.bytes::<Bytes, 1>();
        const COMPACT: usize = NETWORK.bytes::<Compact, 1>();
        let text =
            |error: Result<Image<'_, _>, ImageError>| error.map(|_: Image<'_, Bytes>| ()).unwrap_err().to_string();
        let floats = narrow(&About::new(Target::Class)).0;
        assert_eq!(
            text(Image::new(&floats.0)),
            "a model image written for inputs of 32-bit floats, but the format Bytes reads bytes: use Narrow"
        );
        let compact = written::<Compact, COMPACT>(&About::new(Target::Class)).0;
        assert_eq!(
            text(Image::new(&compact.0)),
            "a model image with columns of 2 and row pointers of 2 bytes, but the format Bytes has 1 and 2: use Compact"
        );
        let bytes = written::<Bytes, BYTES>(&About::new(Target::Class)).0;
        assert!(Image::<Bytes>::new(&bytes.0).is_ok());
        assert_eq!(
            Image::<Narrow>::new(&bytes.0).map(|_| ()).unwrap_err().to_string(),
            "a model image written for inputs of bytes, but the format Narrow reads 32-bit floats: use Bytes"
        );
        let scaled = written::<Bytes, BYTES>(&About { scaling: ABOUT.scaling, ..About::new(Target::Class) }).1;
        assert!(matches!(scaled, Err(ImageError::About { .. })));
    }

    #[test]
    fn what_does_not_fit_the_network_is_not_written() {
        for about in [
            About { plane: Some(ImagePlane { channels: 1, height: 1, width: 5 }), ..ABOUT },
            About { scaling: Scaling { mean: &[0.0; 4], factor: &[1.0; 4] }, ..ABOUT },
            About { scaling: Scaling { mean: &[0.0; 2], factor: &[1.0; 1] }, ..ABOUT },
            About { scaling: Scaling { mean: &[f32::NAN], factor: &[1.0] }, ..ABOUT },
            About { targets: Scaling { mean: &[0.0; 2], factor: &[1.0; 2] }, ..ABOUT },
            About { features: Names::of(&["one"]), ..ABOUT },
            About { outputs: Names::of(&["one", "two", "three", "four"]), ..ABOUT },
        ] {
            let (flash, refused) = narrow(&about);
            assert!(matches!(refused, Err(ImageError::About { .. })), "{refused:?}");
            assert!(flash.0 == [0xFF; 768]);
        }
        let long = "x".repeat(1 << 16);
        let names = ["one", "two", &long];
        let about = About { outputs: Names::of(&names), ..ABOUT };
        assert!(about.check(Inputs::Floats, LAYERS.map(Some)).is_err());
    }

    #[test]
    fn cut_and_changed_images_are_refused_or_sound() {
        let (mut flash, len) = narrow(&ABOUT);
        let len = len.unwrap();
        let refused = |bytes: &[u8]| Image::<Narrow>::new(bytes).map(|_| ()).unwrap_err();
        for cut in 0..len {
            refused(&flash.0[..cut]);
        }
        let mut accepted = 0;
        for bit in 0..8 * len {
            flash.0[bit / 8] ^= 1 << (bit % 8);
            refused(&flash.0);
            let sum = flash.0[12..16].to_vec();
            repair(&mut flash.0[..len]);
            // Behind a right checksum: any number is one that there can be, and all that was accepted can be read.
            if let Ok(image) = Image::<Narrow>::new(&flash.0) {
                accepted += 1;
                let about = image.about().unwrap();
                let (mut window, mut outputs) = ([1.0; 6], Vec::new());
                about.scaling.apply(&mut window);
                assert!(window.iter().all(|x| !x.is_nan()));
                outputs.extend(about.outputs.iter());
                assert!(outputs.is_empty() || outputs.len() == 3);
            }
            flash.0[12..16].copy_from_slice(&sum);
            flash.0[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(accepted > 0 && accepted < 8 * len, "{accepted} of {}", 8 * len);
    }

    #[test]
    fn names_and_counts_that_do_not_fit_are_told() {
        let (mut flash, len) = narrow(&ABOUT);
        let len = len.unwrap();
        let names = len - ABOUT.outputs.bytes();
        for (at, value, words) in [
            (HEADER, 2, "kind of input is unknown"),
            (HEADER + 1, 3, "task is unknown"),
            (HEADER + 2, 1, "reserved"),
            (HEADER + 12, 4, "image plane"),
            (HEADER + 16, 3, "layers take"),
            (HEADER + 24, 0, "layers take"),
            (names + 2, 0xFF, "UTF-8"),
            (names, 255, "UTF-8"),
            (HEADER + FIXED + LAYER + 14, 2, "use Compact"),
        ] {
            let old = core::mem::replace(&mut flash.0[at], value);
            repair(&mut flash.0[..len]);
            let error = Image::<Narrow>::new(&flash.0).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(words), "byte {at}: {error}");
            flash.0[at] = old;
        }
    }
}
