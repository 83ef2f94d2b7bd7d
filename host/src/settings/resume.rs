//! Whether a run can be continued with other settings: with more epochs, where the epochs that are done stay as they are.

use crate::settings::{Config, Invalid, ModelKind};

impl Config {
    /// Checks that a run with these settings, of which `done` epochs are done, can be continued as `other`, which differs in
    /// nothing but the number of epochs: all that is done must be as a run with `other` has it.
    ///
    /// # Errors
    ///
    /// When a schedule spreads over all epochs, so that another number of them changes the first ones: with the first that
    /// would be different.
    pub fn continues_as(&self, other: &Self, done: u32) -> Result<(), Invalid> {
        let (before, after) = (self.epochs, other.epochs);
        if before == after {
            return Ok(());
        }
        if after <= done {
            return Err(Invalid::value("epochs", after, format!("above {done}, since so many epochs are done")));
        }
        for epoch in 1..=done {
            let cannot = |what: &str, was: String, becomes: String, advice: &str| {
                Err(Invalid::because(
                    "epochs",
                    format!(
                        "cannot become {after} in a run of {before}: in epoch {epoch}, which is done, {what} was {was}, \
                         and a run of {after} epochs has {becomes}; only {advice} can be continued so. \
                         Leave --epochs out, or train a new run in another folder"
                    ),
                ))
            };
            let [was, becomes] = [self, other].map(|config| config.learning_rate_of(epoch));
            if was != becomes {
                let advice = "a --schedule that does not depend on the number of epochs (constant, step, or cosine with --restart-every)";
                return cannot("the learning rate", was.to_string(), becomes.to_string(), advice);
            }
            if self.model != ModelKind::Set {
                continue;
            }
            let [was, becomes] = [self, other].map(|config| config.zeta_of(epoch));
            if was != becomes {
                let advice = "a --zeta-schedule that does not depend on the number of epochs (constant or step)";
                return cannot("zeta", was.to_string(), becomes.to_string(), advice);
            }
            let [was, becomes] = [self, other].map(|config| config.connections_left(epoch));
            if was != becomes {
                let advice = "a --connections-schedule that does not depend on the number of epochs (constant)";
                return cannot("the fraction of connections", was.to_string(), becomes.to_string(), advice);
            }
            // The last epoch has no evolution; it is caught up on.
            let [was, becomes] = [self, other].map(|config| config.evolves(epoch));
            // Not those within it.
            let caught_up = epoch == before && self.evolve_every == 0;
            if was != becomes && !caught_up {
                let words = |evolves: bool| if evolves { "one" } else { "none" }.to_owned();
                let advice = "an --evolve-until of 0 or 1, without --evolve-every after the last epoch,";
                return cannot("the number of evolutions", words(was), words(becomes), advice);
            }
        }
        Ok(())
    }

    /// Whether a run with these settings that continues as `other` after its last epoch first needs the evolution that the
    /// last epoch of a run does not have.
    pub fn owes_evolution(&self, other: &Self, done: u32) -> bool {
        done == self.epochs && !self.evolves(done) && other.evolves(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetName;
    use crate::settings::ScheduleKind;

    fn config(schedule: ScheduleKind, zeta_schedule: ScheduleKind, evolve_until: f32) -> Config {
        let defaults = Config::defaults(DatasetName::MnistMini);
        Config { schedule, zeta_schedule, evolve_until, epochs: 40, step_every: 10, ..defaults }
    }

    fn refusal(config: &Config, epochs: u32, done: u32) -> String {
        let other = Config { epochs, ..config.clone() };
        config.continues_as(&other, done).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn constant_and_step_schedules_can_be_made_longer() {
        use ScheduleKind::{Constant, Step};
        for (schedule, zeta) in [(Constant, Constant), (Step, Constant), (Constant, Step)] {
            let config = config(schedule, zeta, 1.0);
            assert_eq!(refusal(&config, 60, 40), "");
            assert_eq!(refusal(&config, 60, 12), "");
            assert_eq!(refusal(&config, 20, 12), "", "shorter, but not done");
            assert!(config.owes_evolution(&Config { epochs: 60, ..config.clone() }, 40));
            assert!(!config.owes_evolution(&Config { epochs: 60, ..config.clone() }, 12));
        }
    }

    #[test]
    fn schedules_over_all_epochs_cannot_and_the_refusal_says_what_would_change() {
        use ScheduleKind::{Constant, Cosine, Linear};
        let text = refusal(&config(Linear, Constant, 1.0), 60, 40);
        for words in
            ["--epochs cannot become 60", "epoch 2", "the learning rate was 0.02925", "has 0.0295", "--schedule"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(refusal(&config(Constant, Cosine, 1.0), 60, 40).contains("zeta was"));
        assert!(refusal(&config(Constant, Constant, 0.5), 60, 40).contains("epoch 21"));
        let within = Config { evolve_every: 320, ..config(Constant, Constant, 1.0) };
        assert!(refusal(&within, 60, 40).contains("epoch 40"));
        assert_eq!(refusal(&within, 60, 39), "");
        assert_eq!(refusal(&config(Linear, Constant, 1.0), 60, 1), "", "the first epoch is the same");
        let fixprob = Config { model: ModelKind::Fixprob, ..config(Constant, Cosine, 1.0) };
        assert_eq!(refusal(&fixprob, 60, 40), "");
    }

    #[test]
    fn a_run_cannot_end_before_what_is_done() {
        let config = config(ScheduleKind::Constant, ScheduleKind::Constant, 1.0);
        assert_eq!(refusal(&config, 12, 12), "--epochs is 12, but must be above 12, since so many epochs are done");
    }
}
