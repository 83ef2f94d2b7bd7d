//! Microcontroller boards: which networks they can train and run, by predicted memory.

use rewire_core::network::{Description, Footprint, LayerSpec};
use rewire_core::sparse::{Bytes, Compact, Narrow, Standard, Wide};
use serde::Serialize;

use crate::analysis::footprint::bytes_of;
use crate::error::Usage;
use crate::firmware::boards::{BOARDS, Board, find};
use crate::settings::{ActivationKind, Config};

/// A board, as `--json` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// As `--board` takes it.
    pub name: &'static str,
    /// Chip and processor.
    pub chip: &'static str,
    /// Largest contiguous RAM, in KiB.
    pub ram_kib: u32,
    /// Flash that a program can be in, in KiB.
    pub flash_kib: u32,
}

impl From<&Board> for Size {
    fn from(board: &Board) -> Self {
        Self { name: board.name, chip: board.chip, ram_kib: board.ram.kib, flash_kib: board.flash.kib }
    }
}

/// The boards that a name means.
///
/// # Errors
///
/// When there is none of that name: with those that there are.
pub fn boards(name: &str) -> Result<&'static [Board], Usage> {
    if name == "all" {
        return Ok(BOARDS);
    }
    let known = || BOARDS.iter().map(|board| board.name).collect::<Vec<_>>().join(", ");
    let found = find(name).map(std::slice::from_ref);
    found.ok_or_else(|| Usage(format!("no board is called '{name}'; choose all, {}", known())))
}

/// What of a network fits a board.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OnBoard {
    /// The board.
    pub board: Size,
    /// Density of the network.
    pub epsilon: f64,
    /// Its connections.
    pub connections: usize,
    /// RAM to train it one sample at a time.
    pub training_bytes: usize,
    /// RAM left beside the reserve, negative when it does not fit.
    pub training_left: i64,
    /// Flash that the frozen model takes.
    pub model_bytes: usize,
    /// Flash left, for the program.
    pub flash_left: i64,
    /// RAM to run the model from flash.
    pub inference_bytes: usize,
    /// RAM left then.
    pub inference_left: i64,
}

/// The network as firmware has it: a row an input, one sample at a time, the narrowest integers.
struct OnChip {
    training: usize,
    model: usize,
    inference: usize,
    connections: usize,
}

fn on_chip(config: &Config, (inputs, outputs): (usize, usize), momentum: bool) -> Result<OnChip, Usage> {
    let layers: Vec<LayerSpec> = config.layers(inputs, outputs).into_iter().map(LayerSpec::input_major).collect();
    let training = Description::training(&layers, 1);
    let training = if momentum { training.with_velocity() } else { training };
    if config.activation == ActivationKind::BatchNormResidual {
        return Err(Usage(
            "--activation batch-norm-residual neither trains nor runs on a chip: choose --activation relu".into(),
        ));
    }
    if layers.iter().any(|layer| layer.activation.is_normalised()) {
        return Err(Usage(
            "--activation batch-norm-relu cannot be trained on a chip, one sample at a time; once trained and exported it \
             takes what --activation relu does"
                .into(),
        ));
    }
    let format = (0..=4).find(|&format| bytes_of(format, 1, training).is_some());
    let format = format.ok_or_else(|| Usage("no index width fits this network; make it smaller".into()))?;
    let model = |f: &Footprint| (f.model(), f.bytes() - f.model());
    let inference = Description::inference(&layers, 1);
    let (model, inference) = match format {
        0 => model(&inference.footprint::<Bytes, 1>()),
        1 => model(&inference.footprint::<Narrow, 1>()),
        2 => model(&inference.footprint::<Compact, 1>()),
        3 => model(&inference.footprint::<Standard, 1>()),
        _ => model(&inference.footprint::<Wide, 1>()),
    };
    Ok(OnChip {
        training: bytes_of(format, 1, training).unwrap_or(usize::MAX),
        model,
        inference,
        connections: layers.iter().map(|layer| layer.connections).sum(),
    })
}

/// What of the network fits a board with `reserve` bytes of RAM left alone.
///
/// # Errors
///
/// When no index is wide enough.
pub fn on_board(
    config: &Config,
    widths: (usize, usize),
    momentum: bool,
    board: &Board,
    reserve: usize,
) -> Result<OnBoard, Usage> {
    let chip = on_chip(config, widths, momentum)?;
    let signed = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX / 2);
    let left = |bytes: usize, used: usize| signed(bytes) - signed(used);
    Ok(OnBoard {
        board: board.into(),
        epsilon: config.epsilon,
        connections: chip.connections,
        training_bytes: chip.training,
        training_left: left(board.ram_bytes(), chip.training.saturating_add(reserve)),
        model_bytes: chip.model,
        flash_left: left(board.flash_bytes(), chip.model),
        inference_bytes: chip.inference,
        inference_left: left(board.ram_bytes(), chip.inference.saturating_add(reserve)),
    })
}

/// The largest epsilon, to a thousandth, whose network can be trained on a board.
///
/// # Errors
///
/// When not even a connection a layer fits, or every connection does.
pub fn fit(
    config: &Config,
    widths: (usize, usize),
    momentum: bool,
    board: &Board,
    reserve: usize,
) -> Result<Config, Usage> {
    const STEPS: f64 = 1000.0;
    let (inputs, outputs) = widths;
    let at = |step: u64| Config { epsilon: step as f64 / STEPS, connections: Vec::new(), ..config.clone() };
    let fits =
        |step: u64| on_board(&at(step), widths, momentum, board, reserve).is_ok_and(|fit| fit.training_left >= 0);
    // A layer that becomes dense needs no columns: bytes rise between these steps only.
    let dense = |layer: &LayerSpec| layer.cells() as f64 / (layer.n_in + layer.n_out) as f64;
    let mut falls: Vec<u64> = at(1).layers(inputs, outputs).iter().map(|l| (dense(l) * STEPS).ceil() as u64).collect();
    falls.sort_unstable();
    falls.dedup();
    let starts: Vec<u64> = std::iter::once(1).chain(falls.iter().copied()).collect();
    for (i, &start) in starts.iter().enumerate().rev() {
        if !fits(start) {
            continue;
        }
        let (mut low, mut high) = (start, starts.get(i + 1).map_or(start, |next| next - 1));
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if fits(middle) { low = middle } else { high = middle - 1 }
        }
        return Ok(at(low));
    }
    let needed = on_chip(&at(1), widths, momentum)?.training;
    Err(Usage(format!(
        "{} has {} bytes of RAM, {} without the reserve of {reserve}, but the sparsest network of these widths needs \
         {needed}; take fewer --hidden neurons or a board with more: {}",
        board.name,
        board.ram_bytes(),
        board.ram_bytes().saturating_sub(reserve),
        BOARDS
            .iter()
            .filter(|other| other.ram_bytes() >= needed.saturating_add(reserve))
            .map(|other| other.name)
            .collect::<Vec<_>>()
            .join(", ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetName;

    fn config() -> Config {
        Config { hidden: vec![48], ..Config::defaults(DatasetName::MnistMini) }
    }

    #[test]
    fn the_epsilon_that_is_found_fits_and_the_next_does_not() {
        for board in BOARDS {
            let found = fit(&config(), (784, 10), false, board, 4096).unwrap();
            let left = |epsilon: f64| {
                on_board(&Config { epsilon, ..config() }, (784, 10), false, board, 4096).unwrap().training_left
            };
            assert!(left(found.epsilon) >= 0, "{board:?}");
            let dense = found.layers(784, 10).iter().all(LayerSpec::is_dense);
            assert!(dense || left(found.epsilon + 0.001) < 0, "{board:?}: {}", found.epsilon);
        }
    }

    #[test]
    fn an_impossible_budget_says_what_is_needed() {
        let wide = Config { hidden: vec![1000, 1000, 1000], ..config() };
        let text = fit(&wide, (784, 10), false, &BOARDS[0], 4096).unwrap_err().to_string();
        assert!(
            text.contains("microbit has 16384") && text.contains("--hidden") && text.contains("nrf52840"),
            "{text}"
        );
        assert_eq!(boards("nrf52840-dk").unwrap()[0].name, "nrf52840");
        assert!(boards("arduino").unwrap_err().to_string().contains("microbit, bluepill"));
    }
}
