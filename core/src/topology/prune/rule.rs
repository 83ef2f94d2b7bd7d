//! The pruning rules, and the choice between them.

use crate::error::SettingError;
use crate::network::model::Layer;
use crate::sparse::csr::CsrRef;
use crate::sparse::index::Format;
use crate::step::id::StepId;
use crate::topology::prune::magnitude::{Magnitude, prune_magnitude};
use crate::topology::prune::relative::{Relative, prune_relative};
use crate::topology::prune::select::each_survivor;
use crate::topology::prune::soft::{Soft, prune_soft};
use crate::topology::scratch::Scratch;

/// Which connections an evolution prunes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Pruning {
    /// Of the positive and of the negative weights, those of smallest magnitude: SET.
    #[default]
    Magnitude,
    /// Those of smallest relative importance: the weight's magnitude divided by the sum of magnitudes of its row, plus the
    /// same by its column.
    Relative,
    /// Drawn: of the positive and of the negative weights, each stays with a probability that grows with its magnitude.
    Soft {
        /// Above 0, and at most 1: the probability is in proportion to the magnitude. Towards 0, magnitude alone decides.
        temperature: f32,
    },
}

impl Pruning {
    /// Checks what the rule needs to know.
    ///
    /// # Errors
    ///
    /// A temperature that is not above 0 and at most 1.
    pub(crate) const fn validate(self) -> Result<(), SettingError> {
        match self {
            Self::Soft { temperature } => {
                // A NaN is neither.
                if temperature > 0.0 && temperature <= 1.0 {
                    return Ok(());
                }
                Err(SettingError { name: "temperature", value: temperature, expected: "above 0 and at most 1" })
            }
            Self::Magnitude | Self::Relative => Ok(()),
        }
    }

    /// Prunes the fraction `zeta` of a sparse layer, by index, in the evolution of `id`; returns how many connections that
    /// were.
    pub(crate) fn prune<F: Format>(
        self,
        layer: &mut Layer<'_, F>,
        zeta: f32,
        id: StepId,
        index: u32,
        scratch: &mut Scratch<'_>,
    ) -> usize {
        let storage = layer.spec.storage;
        let matrix = &mut layer.csr_mut();
        let rule = if F::OPTIONS { self } else { Self::Magnitude };
        match rule {
            Self::Magnitude => prune_magnitude(matrix, zeta),
            Self::Relative => prune_relative(matrix, zeta, scratch.columns(storage)),
            Self::Soft { temperature } => prune_soft(matrix, zeta, Soft::new(temperature, id, index)),
        }
    }
}

/// Calls `each` with row and column of every connection of a layer, by index, that pruning the fraction `zeta` would
/// leave in the evolution of `id`. Percolation is left out: it depends on other layers. `columns` is scratch with one element a column.
pub fn survivors<F: Format>(
    matrix: CsrRef<'_, F>,
    pruning: Pruning,
    zeta: f32,
    id: StepId,
    index: u32,
    columns: &mut [f32],
    each: impl FnMut(usize, usize),
) {
    match pruning {
        Pruning::Magnitude => each_survivor(matrix, zeta, Magnitude, each),
        Pruning::Relative => each_survivor(matrix, zeta, Relative::new(matrix, columns), each),
        Pruning::Soft { temperature } => each_survivor(matrix, zeta, Soft::new(temperature, id, index), each),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::TrainError;
    use crate::prelude::*;

    fn evolution(pruning: Pruning) -> Evolution {
        Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections).unwrap().with_pruning(pruning).unwrap()
    }

    const LAYERS: [LayerSpec; 2] =
        [LayerSpec::sparse(9, 7, 21, Activation::Relu), LayerSpec::dense(7, 2, Activation::Identity)];

    /// What an evolution, a run and an evolution in parts say.
    fn evolved<F: Format>(evolution: Evolution) -> [Result<usize, TrainError>; 3]
    where
        (): Samples<1, F::Input>,
    {
        let mut block = Block::<2048>::new();
        let mut network = Mlp::<F, 1>::new(&Description::training(&LAYERS, 1), &mut block.0).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        let at_once = network.evolve(&Portable, &evolution, 1, 1, |_, _| {});
        let settings = TrainSettings { evolution: Some(evolution), ..TrainSettings::new(2, Sgd::new(0.1).unwrap()) };
        let run = Trainer::new(&settings).unwrap().run(&mut network, &Portable, &(), &(), &mut ());
        let parts = network.evolve_in_parts(&evolution, 1, 1);
        [at_once, run.map(|_| 5), parts.map(|mut parts| parts.evolve_some(usize::MAX).unwrap())]
    }

    #[test]
    fn rules_that_a_format_or_an_evolution_in_parts_lacks_are_refused() {
        let magnitude = evolution(Pruning::Magnitude);
        assert_eq!(evolved::<Bytes>(magnitude), [Ok(5), Ok(5), Ok(5)]);
        for other in [evolution(Pruning::Relative), magnitude.with_percolation(true)] {
            let refused = Err(TrainError::Option {
                option: "another pruning rule than magnitude, percolation, and growth by gradient or by structure,",
                format: "Bytes",
            });
            assert_eq!(evolved::<Bytes>(other), [refused, refused, refused]);
            let [at_once, run, parts] = evolved::<Standard>(other);
            assert!(at_once.unwrap() > 5 - usize::from(other.percolates()) && run.is_ok());
            assert_eq!(parts, Err(TrainError::NotInParts));
        }
    }

    #[test]
    fn temperatures_outside_their_range_are_refused() {
        let evolution = evolution(Pruning::Magnitude);
        for temperature in [0.0, 1.5, -1.0, f32::NAN, f32::INFINITY] {
            let error = evolution.with_pruning(Pruning::Soft { temperature }).unwrap_err();
            assert_eq!(error.name, "temperature");
        }
    }
}
