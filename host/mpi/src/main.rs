//! The program `rewire` as one of several ranks: `mpirun -n 4 rewire-mpi train`.
//!
//! It has the same subcommands and flags. On several ranks, rank 0 writes the run directory and says what there is to say.

mod exchange;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use mpi::Threading;
use mpi::topology::SimpleCommunicator;
use mpi::traits::Communicator;
use rewire::commands::Cli;
use rewire::error::{exit_code, sentence};
use rewire_core::backend::Exchange;
use rewire_engine::ranks::Ranks;

use crate::exchange::World;

/// How long other ranks leave it to rank 0 to say what is wrong with all.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    // One thread at a time calls it, but not always the same.
    let Some((_universe, threading)) = mpi::initialize_with_threading(Threading::Serialized) else {
        say("MPI does not start");
        return ExitCode::FAILURE;
    };
    if threading < Threading::Serialized {
        abort("this MPI allows calls from its first thread only; take one that was built with threads", 1);
    }
    let ranks = Arc::new(Ranks::new(Box::new(World::new())));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if ranks.rank() == 0 {
                // As in `say`.
                let _ = error.print();
            }
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let result = if ranks.ranks() > 1 { cli.command.run_on(&ranks) } else { cli.command.run() };
    if ranks.has_ended() {
        // The first rank still writes: MPI would end it when another rank has gone.
        ranks.wait();
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if ranks.has_ended() && ranks.rank() > 0 => ExitCode::SUCCESS,
        Err(error) if ranks.has_ended() || ranks.ranks() == 1 => {
            say(&sentence(&error));
            ExitCode::from(exit_code(&error))
        }
        Err(error) => {
            // The others may wait for this one.
            if ranks.rank() > 0 {
                std::thread::sleep(PATIENCE);
            }
            abort(&sentence(&error), exit_code(&error).into())
        }
    }
}

/// Ends all ranks with a sentence.
pub(crate) fn abort(text: &str, code: i32) -> ! {
    let world = SimpleCommunicator::world();
    match world.rank() {
        0 => say(text),
        rank => say(&format!("rank {rank}: {text}")),
    }
    world.abort(code)
}

fn say(text: &str) {
    // Without a reader the exit code still tells.
    let _ = writeln!(std::io::stderr(), "rewire: {text}");
}
