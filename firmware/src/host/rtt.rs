//! Programs without a host: no arguments, no files.

use crate::samples::Packed;
use rewire_core::network::Mlp;
use rewire_core::prelude::Format;
use rewire_core::storage::image::About;

/// Calls `work` with `None`: there are no arguments.
pub fn argument<R>(_key: &str, work: impl FnOnce(Option<&str>) -> R) -> R {
    work(None)
}

/// Does nothing: there is no host to write the model to.
pub fn hand_back<F: Format, const LANES: usize, const LAYERS: usize>(
    _network: &Mlp<'_, F, LANES, LAYERS>,
    _about: &About<'_>,
) {
}

/// The source of samples: flash.
pub type Source = Packed;

/// Training and test samples, in flash.
pub fn sources() -> [Source; 2] {
    [Packed::train(), Packed::test()]
}
