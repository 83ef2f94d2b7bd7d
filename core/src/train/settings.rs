//! The settings of a run, and their values in each epoch.

use crate::error::SettingError;
use crate::schedule::Schedule;
use crate::step::sgd::Sgd;
use crate::topology::evolve::Evolution;

/// How a network is trained: with the network's description and its samples, all that decides the bits of a run.
///
/// ```
/// use rewire_core::prelude::*;
///
/// let settings = TrainSettings {
///     schedule: Schedule::Linear,
///     evolution: Some(Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections)?),
///     evolve_until: 8,
///     ..TrainSettings::new(10, Sgd::new(0.1)?)
/// };
/// assert_eq!(settings.learning_rate(6), 0.05);
/// assert!(settings.evolves(8) && !settings.evolves(9));
/// # Ok::<(), rewire_core::error::SettingError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TrainSettings {
    /// Seed of everything random: the order of samples, dropout, the positions and values of regrown connections.
    pub seed: u64,
    /// Epochs of the run.
    pub epochs: u32,
    /// Gradient descent, with the learning rate that the schedule starts from.
    pub sgd: Sgd,
    /// The learning-rate schedule.
    pub schedule: Schedule,
    /// Epochs of linear warm-up of the learning rate.
    pub warmup: u32,
    /// How connections are replaced; `None` keeps the topology fixed.
    pub evolution: Option<Evolution>,
    /// The schedule of zeta, the fraction of connections that an evolution replaces.
    pub zeta_schedule: Schedule,
    /// Steps between evolutions within an epoch; 0 evolves after epochs only.
    pub evolve_every: u32,
    /// The last epoch in and after which connections are replaced.
    pub evolve_until: u32,
}

impl TrainSettings {
    /// Seed 1, a constant learning rate, a fixed topology.
    pub const fn new(epochs: u32, sgd: Sgd) -> Self {
        Self {
            seed: 1,
            epochs,
            sgd,
            schedule: Schedule::Constant,
            warmup: 0,
            evolution: None,
            zeta_schedule: Schedule::Constant,
            evolve_every: 0,
            evolve_until: u32::MAX,
        }
    }

    /// Checks what the settings have to be together.
    ///
    /// # Errors
    ///
    /// A warm-up that leaves no epoch, or a schedule's factor outside `[0, 1]`.
    pub const fn validate(&self) -> Result<(), SettingError> {
        if let Err(error) = Schedule::check_warmup(self.warmup, self.epochs) {
            return Err(error);
        }
        if let Err(error) = self.schedule.validate() {
            return Err(error);
        }
        self.zeta_schedule.validate()
    }

    /// The learning rate of an epoch, counted from 1.
    pub fn learning_rate(&self, epoch: u32) -> f32 {
        self.schedule.at(self.sgd.learning_rate(), epoch, self.epochs, self.warmup)
    }

    /// The fraction of connections that an evolution in or after an epoch replaces; 0 without evolution.
    pub fn zeta(&self, epoch: u32) -> f32 {
        self.evolution.map_or(0.0, |evolution| self.zeta_schedule.at(evolution.zeta(), epoch, self.epochs, 0))
    }

    /// Whether connections are replaced in and after an epoch: never in the last one, which is measured as it was
    /// trained, nor after [`TrainSettings::evolve_until`].
    pub fn evolves(&self, epoch: u32) -> bool {
        self.evolution.is_some() && evolves(epoch, self.epochs, self.evolve_until)
    }

    /// The last epoch that an evolution follows, if one does.
    pub fn last_evolution(&self) -> u32 {
        last_evolution(self.epochs, self.evolve_until)
    }
}

/// The rule of [`TrainSettings::last_evolution`]: of so many epochs, where `until` is the last in which connections are replaced.
pub fn last_evolution(epochs: u32, until: u32) -> u32 {
    until.min(epochs.saturating_sub(1))
}

/// The rule of [`TrainSettings::evolves`]: whether a network that evolves does so in and after `epoch` of `epochs`.
pub const fn evolves(epoch: u32, epochs: u32, evolve_until: u32) -> bool {
    epoch < epochs && epoch <= evolve_until
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::evolve::GrownWeight;
    use crate::topology::init::FanIn;

    #[test]
    fn no_evolution_follows_the_last_epoch_nor_the_last_that_evolves() {
        let evolution = Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections).unwrap();
        let settings = TrainSettings { evolution: Some(evolution), ..TrainSettings::new(5, Sgd::new(0.1).unwrap()) };
        let evolves = |settings: TrainSettings| (1..=5).filter(|&epoch| settings.evolves(epoch)).count();
        assert_eq!(evolves(settings), 4);
        assert_eq!(evolves(TrainSettings { evolve_until: 3, ..settings }), 3);
        assert_eq!(evolves(TrainSettings { evolve_until: 0, ..settings }), 0);
        assert_eq!(evolves(TrainSettings { evolution: None, ..settings }), 0);
    }

    #[test]
    fn settings_that_no_epoch_can_follow_are_refused() {
        let settings = TrainSettings::new(5, Sgd::new(0.1).unwrap());
        assert!(settings.validate().is_ok());
        assert_eq!(TrainSettings { warmup: 5, ..settings }.validate().unwrap_err().name, "warm-up");
        let grows = Schedule::Step { every: 1, factor: 2.0 };
        assert!(TrainSettings { schedule: grows, ..settings }.validate().is_err());
        assert!(TrainSettings { zeta_schedule: grows, ..settings }.validate().is_err());
    }
}
