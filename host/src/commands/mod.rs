//! The program's subcommands: one file each, with its arguments, its work and what it prints.
//!
//! A new subcommand is a file here and a line in [`Command`] and in [`Command::run`]. A new flag of one subcommand is a field
//! of its `Arguments`; a new setting of a run is an entry of the table in [`settings`](crate::settings).

mod average;
mod bench;
mod compare;
pub mod data;
pub mod describe;
mod evaluate;
mod export;
mod features;
mod firmware;
mod footprint;
mod image;
mod join;
mod output;
mod own_data;
mod parse;
mod plot;
mod predict;
mod progress;
mod report;
mod scale;
mod settings;
mod shared;
mod state;
mod sweep;
mod train;

use std::sync::Arc;

use anyhow::Result;
use clap::{Parser, Subcommand};
use rewire_engine::ranks::Ranks;

use crate::error::Usage;

/// Trains truly sparse neural networks whose connections evolve while they learn.
#[derive(Debug, Parser)]
#[command(name = "rewire", version, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// A subcommand.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a network and write a run directory
    Train(Box<train::Arguments>),
    /// Measure a saved model on test samples: by class, by number, or by anomaly score
    Evaluate(evaluate::Arguments),
    /// Predict samples with a saved model: class and probabilities, numbers, or anomaly score
    Predict(predict::Arguments),
    /// Train the three models side by side and print the results
    Compare(Box<compare::Arguments>),
    /// Search settings: train many runs, compare them on validation samples, go on with the best
    Sweep(sweep::Arguments),
    /// Train one network after another, each ten times as large, as far as the memory goes, and measure memory and time
    Scale(Box<scale::Arguments>),
    /// Predict the memory of a network, buffer by buffer, sparse beside dense
    Footprint(Box<footprint::Arguments>),
    /// Write a saved model for a microcontroller: an image that is read in place from flash, or a Cargo project for a board
    Export(export::Arguments),
    /// Describe an image: layers, connections, bytes, checksum and hash
    Image(image::Arguments),
    /// Draw the figures of saved runs
    Plot(plot::Arguments),
    /// Write one HTML page about saved runs: settings, tables, figures, animation
    Report(report::Arguments),
    /// Rank the inputs of a run by their connections, and train new networks on the best inputs alone
    Features(features::Arguments),
    /// Average saved models of the same shape: the union of their connections, pruned to the number that each has
    Average(average::Arguments),
    /// Join saved models with as many layers: one network in which they stand side by side, and whose outputs are the means of theirs
    Join(join::Arguments),
    /// List, fetch and verify datasets, or describe your own
    Data(data::Arguments),
    /// Time training steps on this machine, sparse beside dense
    Bench(Box<bench::Arguments>),
}

impl Command {
    /// Does what was asked for.
    ///
    /// # Errors
    ///
    /// What went wrong, where, and what to do; [`exit_code`](crate::error::exit_code) tells the kinds apart.
    pub fn run(&self) -> Result<()> {
        match self {
            Self::Train(arguments) => arguments.run(None),
            Self::Evaluate(arguments) => arguments.run(),
            Self::Predict(arguments) => arguments.run(),
            Self::Compare(arguments) => arguments.run(),
            Self::Sweep(arguments) => arguments.run(),
            Self::Scale(arguments) => arguments.run(),
            Self::Footprint(arguments) => arguments.run(),
            Self::Export(arguments) => arguments.run(),
            Self::Image(arguments) => arguments.run(),
            Self::Plot(arguments) => arguments.run(),
            Self::Report(arguments) => arguments.run(),
            Self::Features(arguments) => arguments.run(),
            Self::Average(arguments) => arguments.run(),
            Self::Join(arguments) => arguments.run(),
            Self::Data(arguments) => arguments.run(),
            Self::Bench(arguments) => arguments.run(),
        }
    }

    /// Does what was asked for as one of several ranks, all of which do the same.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); another subcommand than `train`.
    pub fn run_on(&self, ranks: &Arc<Ranks>) -> Result<()> {
        match self {
            Self::Train(arguments) => arguments.run(Some(ranks)),
            _ => Err(Usage("only `train` runs on several ranks: start the others without mpirun".into()).into()),
        }
    }
}
