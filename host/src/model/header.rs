//! What `model.safetensors` says of its network in its metadata.

use anyhow::{Result, bail};
use rewire_core::activation::Activation;
use rewire_core::network::{LayerSpec, Storage};
use serde::{Deserialize, Serialize};

use crate::data::{DatasetName, ImageShape};
use crate::settings::{FilterKind, TaskKind};

/// The JSON of the metadata's one entry.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) dataset: Option<DatasetName>,
    /// Absent for a classifier, as in files that are older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) task: Option<TaskKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) shape: Option<ImageShape>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) features: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) outputs: Vec<String>,
    /// The class whose samples are normal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) normal: String,
    /// Absent without one, as in files that are older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<FilterKind>,
    pub(super) layers: Vec<LayerHeader>,
}

/// What it says of a layer.
#[derive(Serialize, Deserialize)]
pub(super) struct LayerHeader {
    pub(super) n_in: usize,
    pub(super) n_out: usize,
    pub(super) storage: String,
    activation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slope: Option<f32>,
}

impl LayerHeader {
    pub(super) fn new(spec: &LayerSpec) -> Self {
        let (activation, slope) = match spec.activation {
            Activation::Identity => ("identity", None),
            Activation::Relu => ("relu", None),
            Activation::LeakyRelu { slope } => ("leaky-relu", Some(slope)),
            Activation::SRelu => ("srelu", None),
            Activation::BatchNormRelu => ("batch-norm-relu", None),
            Activation::BatchNormResidual => ("batch-norm-residual", None),
        };
        let storage = match spec.storage {
            Storage::Dense => "dense",
            Storage::OutputMajor => "csr",
            Storage::InputMajor => "csc",
            Storage::Blocked => "blocks",
        };
        let (n_in, n_out) = (spec.n_in, spec.n_out);
        Self { n_in, n_out, storage: storage.into(), activation: activation.into(), slope }
    }

    pub(super) fn spec(&self, connections: usize) -> Result<LayerSpec> {
        let activation = match (self.activation.as_str(), self.slope) {
            ("relu", None) => Activation::Relu,
            ("identity", None) => Activation::Identity,
            ("srelu", None) => Activation::SRelu,
            ("batch-norm-relu", None) => Activation::BatchNormRelu,
            ("batch-norm-residual", None) => Activation::BatchNormResidual,
            ("leaky-relu", Some(slope)) if slope.is_finite() => Activation::LeakyRelu { slope },
            (other, _) => bail!("the activation '{other}' is unknown"),
        };
        let storage = match self.storage.as_str() {
            "dense" => Storage::Dense,
            "csr" => Storage::OutputMajor,
            "csc" => Storage::InputMajor,
            "blocks" => Storage::Blocked,
            other => bail!("the storage '{other}' is unknown"),
        };
        Ok(LayerSpec { n_in: self.n_in, n_out: self.n_out, connections, storage, activation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_activation_comes_back_from_its_name() {
        for activation in [
            Activation::Identity,
            Activation::Relu,
            Activation::LeakyRelu { slope: -0.5 },
            Activation::SRelu,
            Activation::BatchNormRelu,
            Activation::BatchNormResidual,
        ] {
            let spec = LayerSpec::dense(3, 2, activation);
            assert_eq!(LayerHeader::new(&spec).spec(6).unwrap(), spec);
        }
    }
}
