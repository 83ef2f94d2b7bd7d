//! What the exit code tells apart: bad usage, an interruption, and everything else.

use crate::data;
use crate::settings::Invalid;

/// A mistake in what was asked for: exit code 2.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// The user ended the work with Ctrl-C: exit code 130, as shells expect.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Interrupted(pub String);

/// The exit code of an interruption: 128 and the number of the signal.
pub const INTERRUPTED: u8 = 130;

/// The exit code of an error: 2 for bad usage, 130 for an interruption, 1 otherwise.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let code = |cause: &(dyn std::error::Error + 'static)| {
        if cause.is::<Usage>() || cause.is::<Invalid>() {
            return Some(2);
        }
        if cause.is::<Interrupted>() {
            return Some(INTERRUPTED);
        }
        match cause.downcast_ref()? {
            data::Error::UnknownName { .. } | data::Error::SamplesOutOfRange { .. } => Some(2),
            data::Error::Interrupted { .. } => Some(INTERRUPTED),
            _ => None,
        }
    };
    error.chain().find_map(code).unwrap_or(1)
}
