//! The networks of `firmware/`, which train from the start: the settings of a run as Rust.

use anyhow::{Result, anyhow};

use crate::data::ImageShape;
use crate::firmware::project::fill;
use crate::firmware::source::{Training, fan_in, plane};
use crate::settings::{Config, TopologyKind};
use crate::text::as_written;

/// A module with the layers and the training of a run, one sample at a time, of images with one of `classes` classes.
///
/// # Errors
///
/// A setting outside its range, here or on the chip.
pub fn from_start(config: &Config, shape: ImageShape, classes: usize) -> Result<String> {
    let settings = config.training(shape).map_err(|error| anyhow!("{error}"))?;
    let placement = match config.topology {
        TopologyKind::Random => "Placement::Random".into(),
        TopologyKind::Local => format!("Placement::Local(Locality::new(IMAGE, &{:?})?)", config.sigma),
    };
    let start = [
        ("plane", plane(shape)),
        ("fan_in", fan_in(config).into()),
        ("placement", placement),
        ("pixel_shift", config.pixel_shift.to_string()),
        ("schedule", format!("{:?}", settings.schedule)),
        ("warmup", settings.warmup.to_string()),
        ("zeta_schedule", format!("{:?}", settings.zeta_schedule)),
        ("evolve_every", settings.evolve_every.to_string()),
        ("evolve_until", share_of_epochs(as_written(config.evolve_until))),
    ];
    // A run from the start evolves by `evolve_every`, not by the samples of an epoch.
    let training = Training::of(config, 1, shape)?.values(&config.layers(shape.features(), classes), config.seed);
    let text = concat!(include_str!("../../template/src/training.rs"), include_str!("../../template/from_start.part"));
    Ok(fill(text, &[training, start.into()].concat()))
}

/// An expression for a share of the epochs, in whole numbers: `0.8` is 4 of 5.
fn share_of_epochs(share: f64) -> String {
    let (mut parts, mut of) = ((share * 1000.0).round() as u32, 1000);
    for divisor in [2, 5] {
        while parts % divisor == 0 && of % divisor == 0 {
            (parts, of) = (parts / divisor, of / divisor);
        }
    }
    format!("epochs / {of} * {parts} + epochs % {of} * {parts} / {of}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_epochs_needs_no_floats() {
        assert_eq!(share_of_epochs(0.8), "epochs / 5 * 4 + epochs % 5 * 4 / 5");
        assert_eq!(share_of_epochs(1.0), "epochs / 1 * 1 + epochs % 1 * 1 / 1");
        assert_eq!(share_of_epochs(0.125), "epochs / 8 * 1 + epochs % 8 * 1 / 8");
    }
}
