//! The known datasets by name, and the extent of their images.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The datasets `rewire` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetName {
    /// 3,000 images of MNIST, bundled.
    MnistMini,
    /// MNIST in full.
    Mnist,
    /// Fashion-MNIST.
    FashionMnist,
    /// CIFAR-10.
    Cifar10,
}

impl DatasetName {
    /// Every dataset, smallest first.
    pub const ALL: [Self; 4] = [Self::MnistMini, Self::Mnist, Self::FashionMnist, Self::Cifar10];

    /// The name on the command line and of the folder in the cache.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MnistMini => "mnist-mini",
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion-mnist",
            Self::Cifar10 => "cifar10",
        }
    }

    /// What its labels mean: datasets with the same labels can be measured on each other's models.
    pub const fn labels(self) -> &'static str {
        match self {
            Self::MnistMini | Self::Mnist => "digits",
            Self::FashionMnist => "clothes",
            Self::Cifar10 => "animals and vehicles",
        }
    }

    /// Every name, for messages.
    fn list() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for DatasetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DatasetName {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|known| known.as_str() == name).ok_or_else(|| UnknownName { found: name.to_owned() })
    }
}

/// A name that is none of the known datasets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown dataset `{found}`; the datasets are {}, and synthetic, which is computed; or give the path of a file or folder{}",
    DatasetName::list(),
    meant(found)
)]
pub struct UnknownName {
    /// What was given.
    pub found: String,
}

/// What someone may have meant who wrote the name of no dataset.
fn meant(found: &str) -> String {
    let name = crate::text::similar(found, DatasetName::ALL.map(DatasetName::as_str));
    name.map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

/// The extent of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageShape {
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
}

impl ImageShape {
    /// The plane that so many features lie in: a row, where they are no image.
    pub fn plane(image: Option<Self>, features: usize) -> Self {
        image.unwrap_or(Self { channels: 1, height: 1, width: features })
    }

    /// Inputs of a network: one per pixel and channel.
    pub const fn features(self) -> usize {
        self.channels * self.height * self.width
    }
}

/// `1x28x28`; two numbers are height and width of one channel.
impl FromStr for ImageShape {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let numbers: Option<Vec<usize>> =
            text.split('x').map(|word| word.parse().ok().filter(|&number| number > 0)).collect();
        match numbers.as_deref() {
            Some(&[channels, height, width]) => Ok(Self { channels, height, width }),
            Some(&[height, width]) => Ok(Self { channels: 1, height, width }),
            _ => Err(()),
        }
    }
}

impl fmt::Display for ImageShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}x{}x{}", self.channels, self.height, self.width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in DatasetName::ALL {
            assert_eq!(name.to_string().parse::<DatasetName>().unwrap(), name);
        }
    }

    #[test]
    fn unknown_name_lists_the_valid_ones() {
        let text = "imagenet".parse::<DatasetName>().unwrap_err().to_string();
        assert_eq!(
            text,
            "unknown dataset `imagenet`; the datasets are mnist-mini, mnist, fashion-mnist, cifar10, and synthetic, which is \
             computed; or give the path of a file or folder"
        );
    }
}
