//! Local growth: the distance between the two neurons of a connection is drawn from a Gaussian.

use crate::error::SettingError;
use crate::network::model::Layer;
use crate::network::spec::{MAX_LAYERS, Storage};
use crate::random::Generator;
use crate::sparse::budget::Pace;
use crate::sparse::index::Format;
use crate::topology::grow::place::{Growing, GrowthState};
use crate::topology::plane::{Grid, ImagePlane};
use crate::topology::scratch::Room;

/// Standard deviation of a connection's extent in the image plane.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Locality {
    image: ImagePlane,
    sigmas: [f32; MAX_LAYERS],
}

impl Locality {
    /// Standard deviations in pixels by layer; the last one given holds for the layers after it.
    ///
    /// # Errors
    ///
    /// When there is none, more than [`MAX_LAYERS`], or one that is not finite and above 0.
    pub const fn new(image: ImagePlane, sigmas: &[f32]) -> Result<Self, SettingError> {
        let Some(&last) = sigmas.last() else {
            return Err(SettingError { name: "sigma", value: 0.0, expected: "given for at least one layer" });
        };
        if sigmas.len() > MAX_LAYERS {
            return Err(SettingError { name: "sigma", value: last, expected: "given for at most eight layers" });
        }
        let mut all = [last; MAX_LAYERS];
        let mut layer = 0;
        while layer < sigmas.len() {
            let value = sigmas[layer];
            if !value.is_finite() || value <= 0.0 {
                return Err(SettingError { name: "sigma", value, expected: "finite and above 0" });
            }
            all[layer] = value;
            layer += 1;
        }
        Ok(Self { image, sigmas: all })
    }

    pub(crate) fn image(&self) -> ImagePlane {
        self.image
    }

    /// Of a layer.
    pub(crate) fn sigma(&self, layer: u32) -> f32 {
        self.sigmas.get(layer as usize).or(self.sigmas.last()).copied().unwrap_or(1.0)
    }
}

/// Grows connections around where the neurons lie.
#[inline(never)]
pub(crate) fn grow_local<F: Format>(
    layer: &mut Layer<'_, F>,
    growth: &mut GrowthState,
    room: Room<'_, F::Counter>,
    weight: impl FnMut(&mut Generator) -> f32,
    (locality, index): (Locality, u32),
    budget: &mut impl Pace,
) -> bool {
    let spec = layer.spec;
    let (inputs, outputs) = (Grid::new(locality.image(), spec.n_in), Grid::new(locality.image(), spec.n_out));
    let (rows, cols) = if spec.storage == Storage::InputMajor { (inputs, outputs) } else { (outputs, inputs) };
    let sigma = locality.sigma(index);
    let aim = |generator: &mut Generator, growing: Growing<'_, F>| {
        let (y, x) = rows.centre(growing.row);
        let (dy, dx) = normal_pair(sigma, generator);
        cols.at((y + dy, x + dx), generator)
    };
    growth.go_on(&mut layer.csr_mut(), room, weight, Some(aim), budget)
}

/// Two independent normal numbers of standard deviation `sigma` (Marsaglia and Bray 1964, doi 10.1137/1006063).
fn normal_pair(sigma: f32, generator: &mut Generator) -> (f32, f32) {
    loop {
        let (u, v) = (generator.symmetric(1.0), generator.symmetric(1.0));
        let s = u * u + v * v;
        if s > 0.0 && s < 1.0 {
            let factor = sigma * libm::sqrtf(-2.0 * libm::logf(s) / s);
            return (u * factor, v * factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    const IMAGE: ImagePlane = ImagePlane { channels: 3, height: 32, width: 32 };

    #[test]
    fn normal_numbers_have_their_moments() {
        let mut generator = Generator::new(1, Purpose::Topology, 0, 0, 0);
        let n = 100_000;
        let (mut mean, mut square) = (0.0, 0.0);
        for _ in 0..n {
            let (a, b) = normal_pair(3.0, &mut generator);
            mean += f64::from(a + b);
            square += f64::from(a * a + b * b);
        }
        assert!((mean / f64::from(2 * n)).abs() < 0.03);
        assert!((square / f64::from(2 * n) - 9.0).abs() < 0.1);
    }

    #[test]
    fn sigmas_must_be_positive() {
        assert!(Locality::new(IMAGE, &[]).is_err());
        assert!(Locality::new(IMAGE, &[2.0, 0.0]).is_err());
        assert!(Locality::new(IMAGE, &[f32::NAN]).is_err());
        assert!(Locality::new(IMAGE, &[2.0; MAX_LAYERS + 1]).is_err());
        assert_eq!(Locality::new(IMAGE, &[2.0, 4.0]).unwrap().sigma(5), 4.0);
    }
}
