//! Near growth: a new connection takes one that exists and moves its input by a few cells of the image plane.

use crate::network::model::Layer;
use crate::network::spec::Storage;
use crate::random::Generator;
use crate::sparse::budget::Pace;
use crate::sparse::index::{Format, Index};
use crate::topology::grow::place::{Growing, GrowthState};
use crate::topology::plane::{Grid, ImagePlane};
use crate::topology::scratch::Room;

/// Grows connections whose inputs lie up to `reach` cells, at least 1, from that of a connection of the same neuron.
#[inline(never)]
pub(crate) fn grow_near<F: Format>(
    layer: &mut Layer<'_, F>,
    growth: &mut GrowthState,
    room: Room<'_, F::Counter>,
    weight: impl FnMut(&mut Generator) -> f32,
    (image, reach): (ImagePlane, u32),
    budget: &mut impl Pace,
) -> bool {
    let (inputs, storage) = (Grid::new(image, layer.spec.n_in), layer.spec.storage);
    let aim =
        |generator: &mut Generator, growing: Growing<'_, F>| near(generator, growing, inputs, reach.max(1), storage);
    growth.go_on(&mut layer.csr_mut(), room, weight, Some(aim), budget)
}

/// A column of a connection whose input lies near that of a connection of the same neuron.
#[inline(always)]
fn near<F: Format>(
    generator: &mut Generator,
    growing: Growing<'_, F>,
    inputs: Grid,
    reach: u32,
    storage: Storage,
) -> Option<usize> {
    let pick = |generator: &mut Generator, cols: &[F::Index]| {
        cols.get(generator.below(cols.len() as u32) as usize).map(|col| col.to_usize())
    };
    if storage == Storage::InputMajor {
        // The row is the input: a neuron that an input near it reaches.
        let donor = inputs.near(growing.row, reach, generator)?;
        if donor == growing.row { None } else { pick(generator, growing.other(donor)) }
    } else {
        let col = pick(generator, growing.filled())?;
        inputs.near(col, reach, generator)
    }
}
