//! The growth rules, and the choice between them.

use crate::network::model::Layer;
use crate::random::Generator;
use crate::sparse::budget::Pace;
use crate::sparse::index::Format;
use crate::topology::grow::local::{Locality, grow_local};
use crate::topology::grow::near::grow_near;
use crate::topology::grow::place::GrowthState;
use crate::topology::grow::random::grow_random;
use crate::topology::plane::ImagePlane;
use crate::topology::scratch::Room;

/// Where evolution regrows connections.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Growth {
    /// Uniform over the free cells: SET.
    #[default]
    Random,
    /// Near a connection of the same neuron: an input at most `reach` cells of the image plane away from its input.
    Near {
        /// What the inputs are.
        image: ImagePlane,
        /// Neighbourhood radius in cells, at least 1.
        reach: u32,
    },
    /// As a local initial topology.
    Local(Locality),
    /// Where the weight would have the largest gradient, of as many free cells as there are connections; see `gradient.rs`.
    Gradient,
    /// Where paths of three connections join both neurons, of as many free cells as there are connections; see `hebbian.rs`.
    Hebbian,
}

impl Growth {
    /// Adds connections to a layer, counted from 0, by this rule, as far as the budget reaches; returns whether all are in
    /// place.
    ///
    /// `room` is for the rows of the stored matrix; `weight` gives each connection its value.
    // Inlined: where the rule is a constant, the others are not linked.
    #[inline(always)]
    pub(crate) fn grow<F: Format>(
        self,
        layer: &mut Layer<'_, F>,
        index: u32,
        growth: &mut GrowthState,
        room: Room<'_, F::Counter>,
        weight: impl FnMut(&mut Generator) -> f32,
        budget: &mut impl Pace,
    ) -> bool {
        match self {
            // What the best cells leave over: fewer were free than there was to grow.
            Self::Random | Self::Gradient | Self::Hebbian => {
                grow_random(&mut layer.csr_mut(), growth, room, weight, budget)
            }
            Self::Near { image, reach } => grow_near(layer, growth, room, weight, (image, reach), budget),
            Self::Local(locality) => grow_local(layer, growth, room, weight, (locality, index), budget),
        }
    }
}
