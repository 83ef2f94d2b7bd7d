//! The manifest: `data/manifest.toml`, embedded. It is the one place with each dataset's files, sizes, SHA-256, licence
//! and sources.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::data::name::{DatasetName, ImageShape};

static MANIFEST: LazyLock<Manifest> =
    LazyLock::new(|| toml::from_str(rewire_data::MANIFEST).expect("the embedded manifest parses; a test checks it"));

/// Every dataset of the manifest, in its order.
pub fn entries() -> &'static [Entry] {
    &MANIFEST.datasets
}

/// The manifest's entry for `name`.
///
/// # Panics
/// Never in a program whose tests passed: the manifest is embedded and names every dataset.
pub fn entry(name: DatasetName) -> &'static Entry {
    entries().iter().find(|entry| entry.name == name).expect("the manifest names every dataset; a test checks it")
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    datasets: Vec<Entry>,
}

/// One dataset: what it is, its files, and where they come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The name on the command line and of the folder in the cache.
    pub name: DatasetName,
    /// One line for people.
    pub title: String,
    /// How the files are written.
    pub format: Format,
    /// Of one image.
    pub shape: ImageShape,
    /// Labels run from 0 to `classes - 1`.
    pub classes: u8,
    /// Images for training.
    pub train_samples: usize,
    /// Images for testing.
    pub test_samples: usize,
    /// Whether the files are part of the program.
    pub bundled: bool,
    /// The seed of the draw, for a dataset drawn from another.
    pub seed: Option<u64>,
    /// The licence of the data.
    pub licence: String,
    /// Where the data was first published.
    pub source: String,
    /// What to cite.
    pub citation: String,
    /// Where to fetch from, best first.
    pub sources: Vec<Source>,
    /// The final, unpacked files.
    pub files: Vec<File>,
}

impl Entry {
    /// Bytes of all final files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The files of one role, in the manifest's order.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.role == role)
    }
}

/// How a dataset's files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// IDX: one file of images, one of labels.
    Idx,
    /// CIFAR-10's binary batches: label and pixels of an image side by side.
    Cifar10,
}

/// One final file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The name in the cache.
    pub name: String,
    /// What it holds.
    pub role: Role,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// IDX images for training.
    TrainImages,
    /// IDX labels for training.
    TrainLabels,
    /// IDX images for testing.
    TestImages,
    /// IDX labels for testing.
    TestLabels,
    /// A CIFAR-10 batch for training.
    TrainBatch,
    /// The CIFAR-10 batch for testing.
    TestBatch,
}

/// Where files can be fetched from.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// One address a file.
    Http {
        /// Everything before the file's name.
        address: String,
        /// What follows the file's name; `.gz` means gzipped.
        #[serde(default)]
        suffix: String,
    },
    /// A gzipped tar archive with every file.
    HttpTar {
        /// The archive's address.
        address: String,
        /// The folder in the archive.
        folder: String,
    },
    /// A package of npm.
    Npm {
        /// The package's name.
        package: String,
        /// The exact version.
        version: String,
        /// The folder in the tarball.
        folder: String,
        /// What to build the files from, when the package holds them in another form.
        rebuild: Option<Rebuild>,
    },
    /// A Debian package.
    Apt {
        /// The package's name.
        package: String,
        /// The folder in the package.
        folder: String,
        /// What follows the file's name; `.gz` means gzipped.
        #[serde(default)]
        suffix: String,
    },
}

impl Source {
    /// The source as a person would name it: an address or a command.
    pub fn describe(&self) -> String {
        match self {
            Self::Http { address, .. } | Self::HttpTar { address, .. } => address.clone(),
            Self::Npm { package, version, .. } => format!("npm pack {package}@{version}"),
            Self::Apt { package, .. } => format!("apt-get download {package}"),
        }
    }
}

/// How a package's files turn into the final ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rebuild {
    /// PNGs with one image a row and labels as JSON, into CIFAR-10's binary batches.
    Cifar10Png,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dataset_has_one_entry() {
        for name in DatasetName::ALL {
            assert_eq!(entries().iter().filter(|entry| entry.name == name).count(), 1, "{name}");
        }
        assert_eq!(entries().len(), DatasetName::ALL.len());
    }

    #[test]
    fn sizes_follow_from_shapes_and_counts() {
        for entry in entries() {
            let features = entry.shape.features() as u64;
            let (train, test) = (entry.train_samples as u64, entry.test_samples as u64);
            let expected = match entry.format {
                Format::Idx => (train + test) * (features + 1) + 2 * (16 + 8),
                Format::Cifar10 => (train + test) * (features + 1),
            };
            assert_eq!(entry.bytes(), expected, "{}", entry.name);
        }
    }

    #[test]
    fn hashes_are_distinct_lower_case_hexadecimal() {
        let hashes: Vec<_> = entries().iter().flat_map(|entry| &entry.files).map(|file| &file.sha256).collect();
        for hash in &hashes {
            assert_eq!(hash.len(), 64, "{hash}");
            assert!(hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{hash}");
        }
        let distinct: std::collections::BTreeSet<_> = hashes.iter().collect();
        assert_eq!(distinct.len(), hashes.len());
    }

    #[test]
    fn file_names_stay_inside_the_dataset_folder() {
        for file in entries().iter().flat_map(|entry| &entry.files) {
            assert!(!file.name.contains(['/', '\\']) && !file.name.starts_with('.'), "{}", file.name);
        }
    }

    #[test]
    fn what_is_not_bundled_has_a_source() {
        for entry in entries() {
            assert_ne!(entry.bundled, !entry.sources.is_empty(), "{}", entry.name);
        }
    }
}
