//! The types of settings that say where samples are, and what lies in them.

use std::path::PathBuf;

use crate::data::{DataSource, ImageShape};
use crate::settings::value::{Choice, Kind, Outside, Range, Value};

impl Value for DataSource {
    const KIND: Kind = Kind::Source(&[
        Choice { name: "mnist-mini", help: "3,000 images of MNIST, bundled" },
        Choice { name: "mnist", help: "70,000 images of handwritten digits" },
        Choice { name: "fashion-mnist", help: "70,000 images of clothes" },
        Choice { name: "cifar10", help: "60,000 colour photographs of ten kinds" },
        Choice { name: "synthetic", help: "samples that are computed, with many features of noise" },
    ]);
    const RANGE: Range = Range::Any;
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
    fn to_toml(&self) -> toml::Value {
        self.to_string().into()
    }
    fn outside(&self, _: &Range) -> Option<Outside> {
        None
    }
}

impl Value for String {
    const KIND: Kind = Kind::Text;
    const RANGE: Range = Range::Any;
    fn from_text(text: &str) -> Option<Self> {
        Some(text.into())
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_str().map(Into::into)
    }
    fn to_toml(&self) -> toml::Value {
        self.as_str().into()
    }
    fn outside(&self, _: &Range) -> Option<Outside> {
        None
    }
}

/// A shape; an empty text stands for none.
impl Value for Option<ImageShape> {
    const KIND: Kind = Kind::Shape;
    const RANGE: Range = Range::Any;
    fn from_text(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::from_text(value.as_str()?)
    }
    fn to_toml(&self) -> toml::Value {
        self.map_or(String::new(), |shape| shape.to_string()).into()
    }
    fn outside(&self, _: &Range) -> Option<Outside> {
        None
    }
}

/// A path; an empty text stands for none. It is made absolute: a run can be continued from any folder.
impl Value for Option<PathBuf> {
    const KIND: Kind = Kind::Path;
    const RANGE: Range = Range::Any;
    fn from_text(text: &str) -> Option<Self> {
        let path = (!text.is_empty()).then(|| std::path::absolute(text).unwrap_or_else(|_| text.into()));
        Some(path)
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::from_text(value.as_str()?)
    }
    fn to_toml(&self) -> toml::Value {
        self.as_ref().map_or(String::new(), |path| path.display().to_string()).into()
    }
    fn outside(&self, _: &Range) -> Option<Outside> {
        None
    }
}
