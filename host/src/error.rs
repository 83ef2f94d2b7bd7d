//! What goes wrong: why a network cannot be trained or used, and what the exit code tells apart.

use rewire_core::error::TrainError;
use rewire_engine::dynamic::NetworkError;
use rewire_engine::native::NoThreads;

use crate::data;
use crate::data::ArrayError;
use crate::settings::Invalid;

/// Why a network could not be trained or used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// The samples.
    #[error("{0}")]
    Samples(#[from] ArrayError),
    /// A setting, by the name of its flag: `--batch-size` is `batch_size` in [`Config`](crate::settings::Config).
    #[error("{0}")]
    Setting(#[from] Invalid),
    /// The network, such as one that is larger than the memory.
    #[error("{0}")]
    Network(#[from] NetworkError),
    /// The file of a model whose layers are read only when they are needed.
    #[error("{0}")]
    File(String),
    /// The training, such as a loss that became NaN or infinite.
    #[error("{0}")]
    Train(#[from] TrainError),
    /// The system grants no threads.
    #[error("{0}")]
    Threads(#[from] NoThreads),
}

/// A mistake in what was asked for: exit code 2.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Training whose loss became NaN or infinite.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Diverged(pub String);

/// The user ended the work with Ctrl-C: exit code 130, as shells expect.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Interrupted(pub String);

/// The exit code of an interruption: 128 and the number of the signal.
pub const INTERRUPTED: u8 = 130;

/// The exit code of an error: 2 for bad usage, 130 for an interruption, 1 otherwise.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let code = |cause: &(dyn std::error::Error + 'static)| {
        let lanes = matches!(cause.downcast_ref(), Some(NetworkError::Lanes { .. }));
        if cause.is::<Usage>() || cause.is::<Invalid>() || lanes {
            return Some(2);
        }
        if cause.is::<Interrupted>() {
            return Some(INTERRUPTED);
        }
        let interrupted = matches!(cause.downcast_ref()?, data::Error::Interrupted { .. });
        interrupted.then_some(INTERRUPTED)
    };
    error.chain().find_map(code).unwrap_or(1)
}

/// The error and its causes in one sentence; what a message already ends with is not said twice.
pub fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| {
        if text.is_empty() {
            cause
        } else if text.ends_with(&cause) {
            text
        } else {
            format!("{text}: {cause}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruption_and_bad_usage_have_codes_of_their_own() {
        let dataset = data::DatasetName::Mnist;
        let code = |error: anyhow::Error| exit_code(&error.context("while working"));
        assert_eq!(code(data::Error::Interrupted { dataset }.into()), 130);
        assert_eq!(code(Interrupted("enough".into()).into()), 130);
        assert_eq!(code(Usage("no".into()).into()), 2);
        assert_eq!(code(Invalid::because("zeta", "is odd").into()), 2);
        assert_eq!(code(anyhow::anyhow!("the disk is full")), 1);
    }
}
