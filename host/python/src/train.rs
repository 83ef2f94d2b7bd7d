//! A training beside Python: it runs on threads of its own without the GIL, and the caller's thread hears of its epochs,
//! draws its progress and looks for Ctrl-C.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rewire::data::{Dataset, Names};
use rewire::engine::native::Native;
use rewire::settings::{Config, TaskKind};
use rewire::training::directory::Epoch;
use rewire::training::in_memory::{EpochDone, Step, TrainObserver};
use rewire::training::trained::Trained;

use crate::error::{Failure, internal};
use crate::history::row;
use crate::network::Network;
use crate::samples::Samples;
use crate::settings::{config, task};

/// Time between looks at Ctrl-C, and between the pictures of a progress bar.
const TICK: Duration = Duration::from_millis(50);

/// What a training tells the caller's thread, which answers an epoch with whether to go on.
enum Event {
    /// The connections of each input before the first epoch.
    Begin(Vec<u16>),
    /// An epoch that has ended, and the connections of each input.
    Epoch(Epoch, Option<Vec<u16>>),
}

/// How far an epoch is.
#[derive(Clone, Copy, Default)]
struct Progress {
    epoch: u32,
    step: u32,
    steps: u32,
    loss: f32,
    score: f32,
}

/// On the side of the training.
struct Reporter<'a> {
    events: SyncSender<Event>,
    answers: Receiver<bool>,
    stop: &'a AtomicBool,
    progress: &'a Mutex<Progress>,
    counts_inputs: bool,
    /// Whether a callback may end the training.
    may_end: bool,
}

impl TrainObserver for Reporter<'_> {
    fn step(&mut self, step: &Step<'_>, score: f32) -> ControlFlow<()> {
        // Whoever draws the bar has the lock for a moment; a step that finds it taken is not shown.
        if let Ok(mut progress) = self.progress.try_lock() {
            let (loss, done) = (step.trained.loss(), step.step + 1);
            *progress = Progress { epoch: step.epoch, step: done, steps: step.steps, loss, score };
        }
        if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn may_end(&self) -> bool {
        self.may_end
    }

    fn counts_inputs(&self) -> bool {
        self.counts_inputs
    }

    fn begin(&mut self, input_connections: &[u16]) {
        // Nobody hears when the caller has gone, and then stop is set.
        let _ = self.events.send(Event::Begin(input_connections.to_vec()));
    }

    fn epoch(&mut self, epoch: &EpochDone<'_>) -> ControlFlow<()> {
        let event = Event::Epoch(*epoch.row, epoch.input_connections.map(<[u16]>::to_vec));
        let goes_on = self.events.send(event).is_ok() && self.answers.recv().unwrap_or(false);
        if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// What is trained on, and how.
struct Order<'a> {
    config: &'a Config,
    dataset: Dataset<'a>,
    before: Option<&'a Trained>,
    one_epoch: bool,
    threads: usize,
}

impl Order<'_> {
    fn run(self, observer: &mut dyn TrainObserver) -> Result<Trained, Failure> {
        let native = Native::new(self.threads)?;
        Ok(if self.one_epoch {
            Trained::fit_epoch(self.before, native, self.config, self.dataset, observer)?
        } else {
            Trained::fit(native, self.config, self.dataset, observer)?
        })
    }
}

/// Tells the listener of an event by its method for that; returns whether an epoch was the last.
fn tell(py: Python<'_>, event: Event, listener: &Bound<'_, PyAny>, on_epoch: &str) -> PyResult<bool> {
    match event {
        Event::Begin(inputs) => {
            listener.call_method1("begin", (PyArray1::from_vec(py, inputs),))?;
            Ok(false)
        }
        Event::Epoch(epoch, inputs) => {
            let inputs = inputs.map(|inputs| PyArray1::from_vec(py, inputs));
            listener.call_method1(on_epoch, (row(py, &epoch)?, inputs))?.is_truthy()
        }
    }
}

/// Hears of a training until it ends. Returns the exception that ended it: of a callback, or Ctrl-C.
fn listen(
    py: Python<'_>,
    inbox: &Mutex<Receiver<Event>>,
    answers: &SyncSender<bool>,
    progress: &Mutex<Progress>,
    listener: &Bound<'_, PyAny>,
) -> PyResult<()> {
    loop {
        let event = py.detach(|| match inbox.lock() {
            Ok(inbox) => inbox.recv_timeout(TICK),
            Err(_) => Err(RecvTimeoutError::Disconnected),
        });
        if let Err(interrupted) = py.check_signals() {
            // What came meanwhile is kept.
            if let Ok(event) = event {
                let _ = tell(py, event, listener, "keep");
            }
            return Err(interrupted);
        }
        match event {
            Ok(event) => {
                let answered = matches!(event, Event::Epoch(..));
                let stops = tell(py, event, listener, "epoch")?;
                if answered {
                    // The training waits for it.
                    let _ = answers.send(!stops);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let Some(Progress { epoch, step, steps, loss, score }) = progress.lock().ok().map(|now| *now) else {
                    continue;
                };
                if epoch > 0 {
                    listener.call_method1("step", (epoch, step, steps, loss, score))?;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Trains a network. Returns it, and the exception that ended the training early, if one did.
///
/// `names` are those of features and outputs; `listener` has the methods `begin`, `step` and `epoch`, of which the last
/// returns whether to stop.
#[pyfunction]
#[pyo3(signature = (task, settings, names, samples, validation, before, one_epoch, threads, listener))]
#[expect(clippy::too_many_arguments, reason = "one call of Python")]
pub(crate) fn train<'py>(
    py: Python<'py>,
    task: &str,
    settings: &Bound<'py, PyDict>,
    names: (Vec<String>, Vec<String>),
    samples: Samples<'py>,
    validation: Option<Samples<'py>>,
    before: Option<Bound<'py, Network>>,
    one_epoch: bool,
    threads: usize,
    listener: &Bound<'py, PyAny>,
) -> PyResult<(Network, Option<PyErr>)> {
    let config = config(self::task(task)?, settings)?;
    let names = Names { features: names.0, outputs: names.1, normal: String::new() };
    let outputs = match config.task {
        TaskKind::Classify => names.outputs.len(),
        TaskKind::Regress => samples.outputs(),
        TaskKind::Reconstruct => 1,
    };
    let train = samples.split()?;
    let test = validation.as_ref().map(Samples::split).transpose()?;
    let test = test.unwrap_or(rewire::data::samples::Split::EMPTY);
    let dataset = Dataset { name: None, shape: config.shape, outputs, names, train, test };
    let before = before.as_ref().map(|network| &network.get().trained);
    let order = Order { config: &config, dataset, before, one_epoch, threads };

    let (stop, progress) = (AtomicBool::new(false), Mutex::new(Progress::default()));
    let (events, inbox) = sync_channel(1);
    let (answer, answers) = sync_channel(1);
    let counts_inputs = true;
    let may_end = listener.getattr("callbacks")?.is_truthy()?;
    let mut reporter = Reporter { events, answers, stop: &stop, progress: &progress, counts_inputs, may_end };
    let (trained, ended) = std::thread::scope(|scope| {
        // The reporter goes with the thread, so that its end is heard.
        let worker = scope.spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(|| order.run(&mut reporter)));
            drop(reporter);
            done
        });
        let inbox = Mutex::new(inbox);
        let ended = listen(py, &inbox, &answer, &progress, listener);
        if ended.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        // Nobody answers any more: an epoch that ends now is the last. It is part of the network, so its row is kept.
        drop(answer);
        while let Ok(event) = py.detach(|| inbox.lock().map_err(drop)?.recv().map_err(drop)) {
            let _ = tell(py, event, listener, "keep");
        }
        (py.detach(|| worker.join()), ended.err())
    });
    match trained.ok().and_then(Result::ok) {
        Some(Ok(trained)) => Ok((Network { trained }, ended)),
        Some(Err(failure)) => Err(ended.unwrap_or_else(|| failure.into())),
        None => Err(internal()),
    }
}
