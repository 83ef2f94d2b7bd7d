//! Which epoch's network a run keeps, and when it ends before its last epoch.

use crate::settings::{Config, Keep};
use crate::training::directory::Epoch;

/// The epoch of the smallest loss on the measured samples; of equal ones the first.
fn best(epochs: &[Epoch]) -> Option<&Epoch> {
    epochs.iter().min_by(|a, b| a.test_loss.total_cmp(&b.test_loss))
}

/// The epoch whose network is kept: the last, or that of the smallest loss on the validation samples.
pub(crate) fn kept<'e>(config: &Config, epochs: &'e [Epoch]) -> Option<&'e Epoch> {
    match config.keep {
        Keep::Best if config.validation_samples > 0 => best(epochs),
        Keep::Last | Keep::Best => epochs.last(),
    }
}

/// Whether the loss on the validation samples has not fallen for as many epochs as the settings have patience.
pub(crate) fn is_tired(config: &Config, epochs: &[Epoch]) -> bool {
    let since = best(epochs).zip(epochs.last()).map_or(0, |(best, last)| last.epoch - best.epoch);
    config.patience > 0 && config.validation_samples > 0 && since >= config.patience
}

/// Whether the network that was measured in the last of these epochs is kept as it was then: it is the best, or the last
/// because patience ended the run. An evolution may follow, which changes it.
pub(crate) fn keeps_measured(config: &Config, epochs: &[Epoch]) -> bool {
    match config.keep {
        Keep::Best => kept(config, epochs).map(|row| row.epoch) == epochs.last().map(|row| row.epoch),
        Keep::Last => is_tired(config, epochs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetName;

    fn epochs(losses: &[f32]) -> Vec<Epoch> {
        let row = |(epoch, &test_loss): (u32, &f32)| Epoch {
            epoch,
            learning_rate: 0.1,
            train_loss: 1.0,
            test_loss,
            train_accuracy: 0.5,
            test_accuracy: 0.5,
            train_seconds: 0.0,
            evaluate_seconds: 0.0,
            evolve_seconds: 0.0,
            connections: 1,
        };
        (1..).zip(losses).map(row).collect()
    }

    #[test]
    fn the_best_is_kept_and_patience_ends_on_validation_samples_only() {
        let validated = Config { validation_samples: 10, patience: 2, ..Config::defaults(DatasetName::MnistMini) };
        let best = Config { keep: Keep::Best, ..validated.clone() };
        let losses = epochs(&[0.5, 0.3, 0.4, 0.3]);
        assert_eq!(kept(&best, &losses).map(|row| row.epoch), Some(2));
        assert_eq!(kept(&validated, &losses).map(|row| row.epoch), Some(4));
        assert!(is_tired(&validated, &losses) && !is_tired(&validated, &losses[..3]));
        assert!(keeps_measured(&best, &losses[..2]) && !keeps_measured(&best, &losses[..3]));
        assert!(keeps_measured(&validated, &losses) && !keeps_measured(&validated, &losses[..3]));
        let tested = Config { validation_samples: 0, ..best };
        assert_eq!(kept(&tested, &losses).map(|row| row.epoch), Some(4));
        assert!(!is_tired(&tested, &losses));
        assert!(!is_tired(&validated, &[]));
    }
}
