//! The network as a chip has it, and whether it fits a board.

use anyhow::{Context, Result, bail};
use rewire_core::network::{Description, LayerSpec};
use rewire_core::sparse::{Bytes, Compact, Format, Narrow, Standard, Wide};

use crate::data::samples::{Features, Split};
use crate::firmware::boards::{BOARDS, Board};
use crate::model::chip::{Encoded, encode};
use crate::model::safetensors::Model;
use crate::text::thousands;

/// Bytes of RAM beside the network and a window, for stack and log.
pub(super) const BESIDES: usize = 4 * 1024;

/// Bytes of flash for the program itself.
const PROGRAM: usize = 40 * 1024;

/// The network as the chip has it.
#[derive(Clone, Debug)]
pub struct OnChip {
    /// Its image.
    pub image: Vec<u8>,
    /// Its layers.
    pub layers: Vec<LayerSpec>,
    /// Name of its format.
    pub format: &'static str,
    /// Whether features are bytes.
    pub bytes: bool,
    /// RAM to train it one sample at a time, and to run it from flash.
    pub ram: [usize; 2],
}

/// Bytes of a network in a format of this name.
fn bytes_in(format: &str, description: &Description<'_>) -> usize {
    let footprint = match format {
        "Bytes" => description.footprint::<Bytes, 1>(),
        "Narrow" => description.footprint::<Narrow, 1>(),
        "Compact" => description.footprint::<Compact, 1>(),
        "Standard" => description.footprint::<Standard, 1>(),
        _ => description.footprint::<Wide, 1>(),
    };
    footprint.bytes()
}

impl OnChip {
    /// The model as its image has it.
    ///
    /// # Errors
    ///
    /// An activation with parameters.
    pub fn new(model: &Model) -> Result<Self> {
        let Encoded { image, format, layers, .. } = encode(model)?;
        let ram = [Description::training(&layers, 1), Description::frozen(&layers, 1)];
        let ram = ram.map(|description| bytes_in(format, &description));
        Ok(Self { image, format, bytes: format == Bytes::NAME, ram, layers })
    }

    /// Features of a window, and outputs.
    pub fn widths(&self) -> (usize, usize) {
        (self.layers.first().map_or(0, |layer| layer.n_in), self.layers.last().map_or(0, |layer| layer.n_out))
    }

    /// Bytes of a feature.
    pub fn feature(&self) -> usize {
        if self.bytes { 1 } else { 4 }
    }

    /// Checks that features are what the network reads, where its inputs are bytes.
    ///
    /// # Errors
    ///
    /// The first feature that is no byte, and what to do.
    pub fn check_features(&self, split: &Split<'_>) -> Result<()> {
        let is_byte = |&value: &f32| f32::from(value as u8) == value;
        if let Features::Floats(values) = &split.features
            && self.bytes
            && let Some(value) = values.iter().find(|value| !is_byte(value))
        {
            bail!(
                "it was trained with --scaling unit, with which a chip reads features as whole numbers from 0 to 255, but \
                 one is {value}; train with --scaling feature"
            );
        }
        Ok(())
    }

    /// Bytes of flash that are left for samples. `line` bytes of RAM are for frames on a serial line.
    ///
    /// # Errors
    ///
    /// A network that the board cannot train, or not even run, with the numbers and what to do.
    pub fn room(&self, board: &Board, line: usize) -> Result<usize> {
        let [train, run] = self.ram;
        let besides = self.widths().0 * self.feature() + line + BESIDES;
        let number = |bytes: usize| thousands(bytes as u64);
        let larger = |needed: &dyn Fn(&Board) -> bool| {
            let names: Vec<&str> =
                BOARDS.iter().filter(|other| other.target.is_some() && needed(other)).map(|other| other.name).collect();
            if names.is_empty() { String::new() } else { format!(", or choose another --board: {}", names.join(", ")) }
        };
        if train + besides > board.ram_bytes() {
            let alone = if run + besides > board.ram_bytes() { "does not fit either" } else { "would fit" };
            bail!(
                "{} has {} bytes of RAM, but training takes {}, and {} more for a window, the stack and the log; running \
                 the model alone, which takes {}, {alone}. Train with fewer --hidden neurons or a smaller --epsilon \
                 (`rewire footprint DATA --board {} --fit` finds the largest){}",
                board.name,
                number(board.ram_bytes()),
                number(train),
                number(besides),
                number(run),
                board.name,
                larger(&|other: &Board| train + besides <= other.ram_bytes()),
            );
        }
        let needed = self.image.len() + PROGRAM;
        board.flash_bytes().checked_sub(needed).with_context(|| {
            format!(
                "{} has {} bytes of flash, but the model takes {} and the program up to {}; train a smaller network{}",
                board.name,
                number(board.flash_bytes()),
                number(self.image.len()),
                number(PROGRAM),
                larger(&|other: &Board| needed <= other.flash_bytes()),
            )
        })
    }
}
