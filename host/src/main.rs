//! The `rewire` program: arguments, dispatch and exit code.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use rewire::commands::Cli;
use rewire::error::{exit_code, sentence};

fn main() -> ExitCode {
    // clap ends with exit code 2 on bad usage by itself.
    let cli = Cli::parse();
    match cli.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a reader the exit code still tells.
            let _ = writeln!(std::io::stderr(), "rewire: {}", sentence(&error));
            ExitCode::from(exit_code(&error))
        }
    }
}

/// A reader that went away, such as `head`, is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let of_csv = cause.downcast_ref::<csv::Error>().and_then(|error| match error.kind() {
            csv::ErrorKind::Io(error) => Some(error),
            _ => None,
        });
        let error = cause.downcast_ref::<std::io::Error>().or(of_csv);
        error.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
