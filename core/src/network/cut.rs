//! Cuts a network's buffers from one block, as the plan lists them.

use heapless::Vec;

use crate::error::{ArenaError, BuildError};
use crate::network::arena::{Arena, slice};
use crate::network::description::Description;
use crate::network::model::{Layer, Transposed};
use crate::network::plan::{Buffer, Cut, Plan};
use crate::sparse::blocks::{Blocks, Geometry, LayerBlocks, Lengths};
use crate::sparse::csr::take_mut;
use crate::sparse::index::Format;
use crate::step::tiles::{LayerTiles, Workspace};

/// Cuts all buffers from the start of `block`: those of the model into `layers`, which are empty where the model is
/// elsewhere. Returns the others, and the bytes cut, padding included.
pub(crate) fn cut<'a, F: Format, const LANES: usize, const LAYERS: usize>(
    description: &Description<'_>,
    block: &'a mut [u8],
    layers: &mut [Layer<'a, F>],
) -> Result<(Workspace<'a, F::Input, LANES, LAYERS>, usize), BuildError> {
    let needed = Plan::<F, LANES>::new(description).bytes();
    if block.len() < needed {
        return Err(ArenaError::TooSmall { needed, available: block.len() }.into());
    }
    let mut arena = Arena::new(block);
    let mut workspace = Workspace { input: &mut [], layers: Vec::new(), residual_gradients: &mut [], labels: &mut [] };
    let mut plan = Plan::<F, LANES>::new(description);
    while let Some(cut) = plan.next() {
        let bytes = arena.cut(cut.bytes(), cut.align)?;
        // A plan names layers that there are, so none of these is skipped.
        match cut.buffer {
            Buffer::Inputs => workspace.input = slice(bytes)?,
            Buffer::Labels => workspace.labels = slice(bytes)?,
            Buffer::ResidualGradients if F::LEARNED_ACTIVATIONS => workspace.residual_gradients = slice(bytes)?,
            Buffer::Activations => {
                let y = slice(bytes)?;
                let _ = workspace.layers.push(LayerTiles { y, delta: &mut [], activation_gradients: &mut [] });
            }
            Buffer::Deltas | Buffer::ActivationGradients => {
                let Some(tile) = workspace.layers.last_mut() else { continue };
                if cut.buffer == Buffer::Deltas {
                    tile.delta = slice(bytes)?;
                } else {
                    tile.activation_gradients = slice(bytes)?;
                }
            }
            _ => {
                let Some(layer) = layers.get_mut(cut.layer) else { continue };
                of_layer(layer, bytes, &cut)?;
            }
        }
    }
    Ok((workspace, arena.used()))
}

/// Gives a buffer to its layer.
fn of_layer<'a, F: Format>(layer: &mut Layer<'a, F>, bytes: &'a mut [u8], cut: &Cut) -> Result<(), ArenaError> {
    if F::BLOCKS && layer.spec.is_blocked() {
        let Layer { spec, blocks, .. } = layer;
        let (n_in, n_out, connections) = (spec.n_in, spec.n_out, spec.connections);
        match (cut.buffer, blocks.get_mut()) {
            (Buffer::Weights, _) => {
                let mut bytes = bytes;
                let words = Lengths::new(n_in, n_out, connections).scratch * size_of::<u32>();
                let (scratch, weights) = (slice(take_mut(&mut bytes, words))?, slice(bytes)?);
                let geometry = Geometry::new(n_in, n_out, connections, cut.layer as u32);
                let (pointers, columns) = (&mut [][..], &mut [][..]);
                *blocks = LayerBlocks::new(|| Blocks { geometry, weights, pointers, columns, scratch });
                return Ok(());
            }
            (Buffer::RowPointers, Some(blocks)) => {
                blocks.pointers = slice(bytes)?;
                return Ok(());
            }
            (Buffer::Columns, Some(blocks)) => {
                blocks.columns = slice(bytes)?;
                return Ok(());
            }
            _ => {}
        }
    }
    match cut.buffer {
        Buffer::Weights => layer.weights = slice(bytes)?,
        Buffer::Biases => layer.bias = slice(bytes)?,
        Buffer::RowPointers => layer.indptr = slice(bytes)?,
        Buffer::Columns => layer.indices = slice(bytes)?,
        Buffer::ActivationParameters => layer.activation_parameters = slice(bytes)?,
        Buffer::Velocity => layer.velocity = slice(bytes)?,
        Buffer::BiasVelocity => layer.bias_velocity = slice(bytes)?,
        Buffer::ActivationVelocity => layer.activation_velocity = slice(bytes)?,
        Buffer::TransposedPointers if cut.len > 0 => {
            let indptr = slice(bytes)?;
            layer.transposed = Some(Transposed { indptr, positions: &mut [], rows: &mut [] });
        }
        _ => {
            let Some(transposed) = &mut layer.transposed else { return Ok(()) };
            if cut.buffer == Buffer::TransposedPositions {
                transposed.positions = slice(bytes)?;
            } else {
                transposed.rows = slice(bytes)?;
            }
        }
    }
    Ok(())
}
