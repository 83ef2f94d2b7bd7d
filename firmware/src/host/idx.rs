//! Samples streamed from IDX files on the host.

use core::cell::Cell;
use core::fmt;

use rewire_core::prelude::{SampleSource, Samples};
use semihosting::fs::File;
use semihosting::io::{Read, Seek, SeekFrom};

use super::Path;
use crate::end::fail;
use crate::samples::{PIXELS, Packed};

/// Why a pair of IDX files on the host cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdxError {
    /// A file does not exist or cannot be read.
    Unreadable,
    /// A file is not an IDX file of 28 x 28 images or of labels; files that end in `.gz` must be unpacked.
    Foreign,
}

impl fmt::Display for IdxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "cannot be read",
            Self::Foreign => "is not an IDX file of 28 x 28 images or of labels; unpack files that end in .gz",
        })
    }
}

/// A separate function, so that the path leaves the stack when it returns.
#[inline(never)]
fn file(folder: &str, part: &str, kind: &str) -> Result<File, IdxError> {
    File::open(Path::join(folder, part, kind)).map_err(|_| IdxError::Unreadable)
}

/// Images streamed from the host, one at a time.
#[derive(Debug)]
pub struct Idx {
    images: File,
    labels: File,
    count: usize,
    /// The image that can be read without seeking.
    next: Cell<u32>,
}

impl Idx {
    /// Opens `<folder>/<part>-images-idx3-ubyte` and its labels.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or is something else.
    #[inline(never)]
    pub fn open(folder: &str, part: &str) -> Result<Self, IdxError> {
        let (mut images, mut labels) =
            (file(folder, part, "-images-idx3-ubyte")?, file(folder, part, "-labels-idx1-ubyte")?);
        let (mut shape, mut length) = ([0; 16], [0; 8]);
        images.read_exact(&mut shape).map_err(|_| IdxError::Unreadable)?;
        labels.read_exact(&mut length).map_err(|_| IdxError::Unreadable)?;
        let word =
            |at: usize| shape.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_be_bytes(*word));
        let count = word(4);
        let expected_labels = [0x0801u32.to_be_bytes(), count.to_be_bytes()];
        if word(0) != 0x0803 || word(8) != 28 || word(12) != 28 || length != *expected_labels.as_flattened() {
            return Err(IdxError::Foreign);
        }
        Ok(Self { images, labels, count: count as usize, next: Cell::new(0) })
    }

    /// Reads one image and its label.
    fn read(&self, index: u32, image: &mut [u8]) -> Result<u8, semihosting::io::Error> {
        let (mut images, mut labels) = (&self.images, &self.labels);
        if self.next.replace(index + 1) != index || index == 0 {
            images.seek(SeekFrom::Start(16 + u64::from(index) * PIXELS as u64))?;
        }
        images.read_exact(image)?;
        labels.seek(SeekFrom::Start(8 + u64::from(index)))?;
        let mut label = [0];
        labels.read_exact(&mut label)?;
        Ok(label[0])
    }
}

// One core and no interrupt reads samples: nothing is shared.
#[expect(unsafe_code, reason = "the core asks that sources can be shared between threads, of which there is one")]
// SAFETY: a program has one thread, and its interrupt handlers do not know the source.
unsafe impl Sync for Idx {}

impl SampleSource for Idx {
    fn len(&self) -> usize {
        self.count
    }
}

impl Samples<1, u8> for Idx {
    fn fill(&self, indices: &[u32], _epoch: u32, x: &mut [[u8; 1]], labels: &mut [u16; 1]) {
        let Some(&index) = indices.first() else { return };
        match self.read(index, x.as_flattened_mut()) {
            Ok(label) => *labels = [u16::from(label)],
            Err(_) => fail(format_args!("the host's file ends before sample {index}")),
        }
    }
}

/// One of the two sources, chosen when the program starts.
#[derive(Debug)]
pub enum Source {
    /// In flash.
    Packed(Packed),
    /// On the host.
    Idx(Idx),
}

impl SampleSource for Source {
    fn len(&self) -> usize {
        match self {
            Self::Packed(packed) => packed.len(),
            Self::Idx(idx) => idx.len(),
        }
    }
}

impl Samples<1, u8> for Source {
    fn fill(&self, indices: &[u32], epoch: u32, x: &mut [[u8; 1]], labels: &mut [u16; 1]) {
        match self {
            Self::Packed(packed) => packed.fill(indices, epoch, x, labels),
            Self::Idx(idx) => idx.fill(indices, epoch, x, labels),
        }
    }
}

/// Training and test samples: the IDX files in the folder that the argument `mnist` names, otherwise those in flash.
#[inline(never)]
pub fn sources() -> [Source; 2] {
    super::argument("mnist", |folder| {
        let Some(folder) = folder else { return [Source::Packed(Packed::train()), Source::Packed(Packed::test())] };
        ["train", "t10k"].map(|part| match Idx::open(folder, part) {
            Ok(idx) => Source::Idx(idx),
            Err(error) => fail(format_args!("{folder}/{part}-…: {error}")),
        })
    })
}
