//! The layers of a trained network, wherever they are.

use std::fmt::Debug;

use rewire_core::network::LayerSpec;
use rewire_engine::dynamic::Network;
use rewire_engine::layer::LayerData;

use crate::error::FitError;

/// Layers with which a network can be filled.
pub trait Layers: Debug + Send + Sync {
    /// Their descriptions, first to last.
    fn specs(&self) -> Vec<LayerSpec>;
    /// Puts each into its place in a network of these layers.
    ///
    /// # Errors
    ///
    /// The first that does not fit or cannot be read, and why.
    fn put_into(&self, network: &mut dyn Network) -> Result<(), FitError>;
}

impl Layers for Vec<LayerData> {
    fn specs(&self) -> Vec<LayerSpec> {
        self.iter().map(|layer| layer.spec).collect()
    }

    fn put_into(&self, network: &mut dyn Network) -> Result<(), FitError> {
        Ok(network.import(self)?)
    }
}

impl Layers for Box<dyn Layers> {
    fn specs(&self) -> Vec<LayerSpec> {
        self.as_ref().specs()
    }

    fn put_into(&self, network: &mut dyn Network) -> Result<(), FitError> {
        self.as_ref().put_into(network)
    }
}
