//! From a trained network to its project: what the program and the Python package have in common.

use std::path::Path;

use anyhow::{Context, Result};

use crate::data::samples::Split;
use crate::firmware::boards::Board;
use crate::firmware::on_chip::OnChip;
use crate::firmware::project::{Core, Project, RunOn};
use crate::firmware::samples::Packed;
use crate::firmware::source::Training;
use crate::firmware::uart::frame_bytes;
use crate::model::safetensors::Model;
use crate::settings::Config;

/// A trained network that fits a board.
#[derive(Debug)]
pub struct Fitted<'a> {
    run: &'a Path,
    model: &'a Model,
    board: &'static Board,
    run_on: RunOn,
    network: OnChip,
    /// Bytes of flash for samples.
    room: usize,
}

impl<'a> Fitted<'a> {
    /// The network of a run, which is called as its user names it.
    ///
    /// # Errors
    ///
    /// A network that no image holds, or that the board cannot train.
    pub fn new(run: &'a Path, model: &'a Model, board: &'static Board, run_on: RunOn) -> Result<Self> {
        let fitted = || -> Result<Self> {
            let network = OnChip::new(model)?;
            let line = if run_on == RunOn::Uart { frame_bytes(&network) } else { 0 };
            let room = run_on.room(network.room(board, line)?);
            Ok(Self { run, model, board, run_on, network, room })
        };
        fitted().with_context(|| failed(run, board))
    }

    /// Its project, with samples of a split; `config` trained it on `trained_on` samples.
    ///
    /// # Errors
    ///
    /// Samples that the network does not read, or too few of them.
    pub fn project(
        self,
        core: Core,
        config: &Config,
        trained_on: usize,
        split: &Split<'_>,
        samples: &[u32],
    ) -> Result<Project<'a>> {
        let Self { run, model, board, run_on, network, room } = self;
        let (task, seed, as_bytes) = (model.task, config.seed, network.bytes);
        let checked = || -> Result<Packed> {
            network.check_features(split)?;
            let samples = Packed::new(split, samples, task, as_bytes, seed, room);
            samples.check_enough()?;
            Ok(samples)
        };
        let samples = checked().with_context(|| failed(run, board))?;
        let training = Training::of(config, trained_on, model.plane()).with_context(|| failed(run, board))?;
        let (names, targets) = (model.output_names(model.widths().1), model.targets.clone());
        Ok(Project { run, board, run_on, core, task, network, training, seed, names, targets, samples })
    }
}

fn failed(run: &Path, board: &Board) -> String {
    format!("{} cannot go to {}", run.display(), board.name)
}
