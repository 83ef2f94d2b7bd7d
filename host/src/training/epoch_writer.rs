//! What is written of each epoch: the observer of a run that has a directory.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use rewire_core::train::{Epoch as Done, Step, TrainSettings};
use rewire_engine::clock::{EpochTimes, Stage};
use rewire_engine::dynamic::{Network, RunObserver};
use rewire_engine::layer::{LayerData, LayerView};
use rewire_engine::ranks::Ranks;

use crate::settings::Keep;
use crate::training::average::Average;
use crate::training::checkpoint::State;
use crate::training::directory::{AVERAGE, AverageRow, BEST, Epoch, MODEL, Phases, RunDirectory};
use crate::training::early_stopping::{is_tired, keeps_measured};
use crate::training::monitor::{resident_between, resident_bytes};
use crate::training::recorder::Recorder;
use crate::training::saver::Saver;
use crate::training::session::Session;
use crate::training::watch::Watcher;

/// Writes each epoch to the run directory, and tells the watcher.
pub(super) struct EpochWriter<'a> {
    pub(super) session: &'a Session<'a>,
    /// Set when the user wants the run to end.
    pub(super) interrupted: &'a AtomicBool,
    pub(super) settings: &'a TrainSettings,
    pub(super) directory: &'a mut RunDirectory,
    pub(super) recorder: Option<Recorder>,
    pub(super) average: Option<Average>,
    /// Whether connections were replaced since the last step.
    pub(super) evolved: bool,
    pub(super) saver: Saver,
    pub(super) epochs: Vec<Epoch>,
    pub(super) watcher: &'a mut dyn Watcher,
    /// Whether the loss has not fallen for too long, which ends the run.
    pub(super) tired: bool,
    /// What could not be written, which ends the run.
    pub(super) failed: Option<anyhow::Error>,
}

impl EpochWriter<'_> {
    /// An epoch begins.
    pub(super) fn begin(&mut self, epoch: u32) {
        self.session.native.clock().begin(epoch);
        if let Some(recorder) = &self.recorder {
            recorder.begin();
        }
    }

    /// Writes the network that was measured, where it is kept: an evolution may follow, which changes it.
    fn keep(&self, network: &dyn Network) -> Result<()> {
        let config = self.session.config;
        if !keeps_measured(config, &self.epochs) {
            return Ok(());
        }
        let file = if config.keep == Keep::Best { BEST } else { MODEL };
        self.session.model(network).save(&self.directory.path().join(file))
    }

    /// Writes what is recorded of an epoch.
    fn record(&mut self, done: &Done, network: &dyn Network) -> Result<()> {
        let Session { config, native, .. } = self.session;
        let (clock, epoch) = (native.clock(), done.epoch);
        let EpochTimes { shares, evaluate, evolve, .. } = clock.times();
        let [sent_bytes, received_bytes] = native.ranks().map_or([0; 2], Ranks::take_bytes);
        let (resident_bytes, peak_resident_bytes) = resident_bytes().unzip();
        let network_resident_bytes = resident_between(network.address(), network.address() + network.bytes());
        let row = self.session.row(done);
        self.directory.append(&row)?;
        self.watcher.epoch(&row);
        if let Some(last) = self.epochs.last_mut() {
            // Now with the time of the evolution.
            *last = row;
        }
        let (recorded, record_time) = clock.during(Stage::Record, || -> Result<()> {
            let layers = network.views();
            if let Some(recorder) = &mut self.recorder {
                if !self.settings.evolves(epoch) {
                    self.session.would_prune(recorder, network, self.settings, epoch);
                }
                record_topology(recorder, self.directory, epoch, &layers)?;
            }
            let tried = self.recorder.as_ref().map_or(Vec::new(), Recorder::bits);
            let mut averages = Vec::new();
            if let Some(average) = &mut self.average {
                // The average has the connections that the epoch was trained with, until it follows.
                let measured = self.session.measure(average.layers())?;
                let (test_loss, test_accuracy) = (measured.loss(), self.session.task.score(&measured, false));
                self.directory.append_average(&AverageRow { epoch, test_loss, test_accuracy })?;
                if self.tired {
                    save_average(average, self.session, self.directory)?;
                }
                average.follow(&layers);
                averages = average.values();
            }
            let average = averages.iter().map(Vec::as_slice).collect();
            self.saver.save(&State { config, epoch, layers, tried, average }, self.directory)
        });
        recorded?;
        self.directory.append_phases(&Phases {
            epoch,
            batch_seconds: shares.batch,
            forward_seconds: shares.forward,
            backward_seconds: shares.backward,
            update_seconds: shares.update,
            evaluate_seconds: evaluate,
            evolve_seconds: shares.evolve + evolve,
            record_seconds: record_time.as_secs_f64(),
            exchange_seconds: shares.exchange,
            sent_bytes,
            received_bytes,
            network_resident_bytes,
            resident_bytes,
            peak_resident_bytes,
        })
    }
}

impl RunObserver for EpochWriter<'_> {
    fn step(&mut self, step: &Step<'_>, network: &dyn Network) -> ControlFlow<()> {
        if let Some(average) = &mut self.average {
            average.step(step, std::mem::take(&mut self.evolved), network);
        }
        self.watcher.step(step, self.session.task.score(step.trained, true));
        if self.interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn pruned(&mut self, layer: usize, survivors: usize, cells: &mut dyn Iterator<Item = (usize, usize)>) {
        if let Some(recorder) = &self.recorder {
            recorder.pruned(layer, survivors, cells);
        }
    }

    fn evolved(&mut self) {
        self.evolved = true;
    }

    fn measured(&mut self, epoch: &Done, network: &dyn Network) {
        self.epochs.push(self.session.row(epoch));
        self.tired = is_tired(self.session.config, &self.epochs);
        self.failed = self.keep(network).err();
    }

    fn epoch(&mut self, epoch: &Done, network: &dyn Network) -> ControlFlow<()> {
        match self.failed.take().map_or_else(|| self.record(epoch, network), Err) {
            Ok(()) => {
                self.begin(epoch.epoch + 1);
                if self.tired { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// Writes the network of averaged weights.
pub(super) fn save_average(average: &Average, session: &Session<'_>, directory: &RunDirectory) -> Result<()> {
    let layers = average.layers().iter().map(LayerData::view).collect();
    session.task.model(layers).save(&directory.path().join(AVERAGE))
}

/// Adds the connections after an epoch to the record.
pub(super) fn record_topology(
    recorder: &mut Recorder,
    directory: &mut RunDirectory,
    epoch: u32,
    layers: &[LayerView<'_>],
) -> Result<()> {
    recorder.try_all(layers);
    let rows: Vec<_> = recorder.rows(epoch, layers).collect();
    directory.append_topology(rows.into_iter(), recorder.input_connections())
}
