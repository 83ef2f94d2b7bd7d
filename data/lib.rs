//! The files of this folder as bytes: the manifest of datasets, and the bundled subset of MNIST.
//!
//! They are a package of their own because a published package cannot read files outside its folder, and because the
//! images have another licence than the program. `README.md` says what each dataset is.

#![no_std]

/// `manifest.toml`: files, sizes, SHA-256, licences and sources of every dataset.
pub const MANIFEST: &str = include_str!("manifest.toml");

/// `mnist-mini`: gzipped IDX files.
pub mod mnist_mini {
    /// 2,000 training images.
    pub const TRAIN_IMAGES: &[u8] = include_bytes!("mnist-mini/train-images-idx3-ubyte.gz");
    /// Their labels.
    pub const TRAIN_LABELS: &[u8] = include_bytes!("mnist-mini/train-labels-idx1-ubyte.gz");
    /// 1,000 test images.
    pub const TEST_IMAGES: &[u8] = include_bytes!("mnist-mini/t10k-images-idx3-ubyte.gz");
    /// Their labels.
    pub const TEST_LABELS: &[u8] = include_bytes!("mnist-mini/t10k-labels-idx1-ubyte.gz");
}
