//! What the exit code tells apart: bad usage, and everything else.

use crate::data;

/// A mistake in what was asked for: exit code 2.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// The exit code of an error: 2 for bad usage, 1 otherwise.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let usage = error.chain().any(|cause| {
        cause.is::<Usage>()
            || matches!(
                cause.downcast_ref(),
                Some(data::Error::UnknownName { .. } | data::Error::SamplesOutOfRange { .. })
            )
    });
    if usage { 2 } else { 1 }
}
