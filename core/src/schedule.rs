//! Schedules: how the learning rate, or another setting, decays over the epochs of a run.

use crate::error::SettingError;

/// The value of a setting in each epoch, relative to its base value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Schedule {
    /// Constant.
    #[default]
    Constant,
    /// Linear decay, towards 0 after the last epoch.
    Linear,
    /// Cosine decay: half a cosine wave, from 1 towards 0 after the last epoch (Loshchilov and Hutter 2017, arXiv
    /// 1608.03983).
    Cosine,
    /// Cosine decay towards 0 over each `every` epochs, then from 1 again: warm restarts (the same source).
    Restarts {
        /// Epochs between restarts, at least 1.
        every: u32,
    },
    /// Multiplied by `factor` after every `every` epochs.
    Step {
        /// Epochs between decays, at least 1.
        every: u32,
        /// Decay factor.
        factor: f32,
    },
}

impl Schedule {
    /// The value in `epoch`, counted from 1, in a run of `epochs` epochs, of which the first `warmup` are a linear
    /// warm-up.
    ///
    /// ```
    /// use rewire_core::schedule::Schedule;
    ///
    /// assert_eq!(Schedule::Linear.at(1.0, 3, 4, 0), 0.5);
    /// assert!((Schedule::Cosine.at(1.0, 3, 4, 0) - 0.5).abs() < 1e-6);
    /// assert_eq!(Schedule::Constant.at(1.0, 2, 4, 4), 0.5); // warming up: 2 of 4
    /// ```
    // Inlined: where the kind is a constant, the others are not linked; a cosine needs 64-bit floats.
    #[inline(always)]
    pub fn at(self, base: f32, epoch: u32, epochs: u32, warmup: u32) -> f32 {
        if epoch <= warmup {
            return base * (epoch as f32 / warmup.max(1) as f32);
        }
        let past = epoch.saturating_sub(1 + warmup);
        let done = past as f32 / epochs.saturating_sub(warmup).max(1) as f32;
        match self {
            Self::Constant => base,
            Self::Linear => base * (1.0 - done),
            Self::Cosine => cosine(base, done),
            Self::Restarts { every } => {
                let every = every.max(1);
                cosine(base, (past % every) as f32 / every as f32)
            }
            Self::Step { every, factor } => {
                let falls = past / every.max(1);
                // One product for each decay: `powf` would cost a chip more than it saves.
                (0..falls).fold(base, |value, _| value * factor)
            }
        }
    }

    /// Checks that a setting never rises above its first value.
    ///
    /// # Errors
    ///
    /// A step's factor outside `[0, 1]`.
    pub const fn validate(self) -> Result<(), SettingError> {
        match self {
            Self::Constant | Self::Linear | Self::Cosine | Self::Restarts { .. } => Ok(()),
            Self::Step { factor, .. } => {
                // A NaN is neither.
                if factor >= 0.0 && factor <= 1.0 {
                    return Ok(());
                }
                Err(SettingError { name: "schedule factor", value: factor, expected: "at least 0 and at most 1" })
            }
        }
    }

    /// Checks that a run has epochs left after its warm-up.
    ///
    /// # Errors
    ///
    /// When it has not.
    pub const fn check_warmup(warmup: u32, epochs: u32) -> Result<(), SettingError> {
        if warmup == 0 || warmup < epochs {
            Ok(())
        } else {
            Err(SettingError { name: "warm-up", value: warmup as f32, expected: "fewer epochs than the run has" })
        }
    }
}

/// The value after a fraction of a half wave.
#[inline(always)]
fn cosine(base: f32, done: f32) -> f32 {
    base * (0.5 + 0.5 * libm::cosf(core::f32::consts::PI * done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_starts_at_the_base_and_only_falls() {
        let step = Schedule::Step { every: 20, factor: 0.5 };
        for schedule in [Schedule::Constant, Schedule::Linear, Schedule::Cosine, step] {
            let rates: std::vec::Vec<f32> = (1..=50).map(|epoch| schedule.at(0.1, epoch, 50, 0)).collect();
            assert_eq!(rates[0].to_bits(), 0.1f32.to_bits());
            assert!(rates.windows(2).all(|pair| pair[0] >= pair[1]) && rates[49] > 0.0, "{schedule:?}");
        }
    }

    #[test]
    fn steps_fall_after_every_so_many_epochs_past_the_warm_up() {
        let step = Schedule::Step { every: 10, factor: 0.5 };
        let at = |epoch| step.at(8.0, epoch, 40, 2);
        assert_eq!(
            [at(1), at(2), at(3), at(12), at(13), at(22), at(23), at(33)],
            [4.0, 8.0, 8.0, 8.0, 4.0, 4.0, 2.0, 1.0]
        );
    }

    #[test]
    fn restarts_repeat_a_cosine_of_their_length_past_the_warm_up_whatever_the_run() {
        let restarts = Schedule::Restarts { every: 4 };
        for epoch in 3..40 {
            let expected = Schedule::Cosine.at(0.1, 1 + (epoch - 3) % 4, 4, 0);
            assert_eq!(restarts.at(0.1, epoch, 40, 2).to_bits(), expected.to_bits(), "{epoch}");
            assert_eq!(restarts.at(0.1, epoch, 90, 2).to_bits(), expected.to_bits(), "{epoch}");
        }
        assert_eq!(restarts.at(0.1, 1, 40, 2), 0.05);
        assert_eq!(Schedule::Restarts { every: 0 }.at(0.1, 9, 40, 0), 0.1);
    }

    #[test]
    fn a_warm_up_as_long_as_the_run_is_refused() {
        assert!(Schedule::check_warmup(5, 5).is_err());
        assert!(Schedule::check_warmup(4, 5).is_ok());
    }
}
