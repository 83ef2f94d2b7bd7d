//! After its first epoch the workstation's training loop allocates nothing, on any of its threads: this program counts.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rewire::data::{self, DatasetName};
use rewire::engine::dynamic::{Network, RunObserver};
use rewire::engine::native::Native;
use rewire::settings::{Config, ModelKind};
use rewire::training::recorder::Recorder;
use rewire::training::session::Session;
use rewire::training::task::Task;
use rewire_core::train::{Epoch, Step};

/// Counts on every thread while it is on.
static ON: AtomicBool = AtomicBool::new(false);
static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[expect(unsafe_code, reason = "an allocator is unsafe to write")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if ON.load(Ordering::Relaxed) {
            COUNT.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` above with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counts from the end of the first epoch on.
struct Counter(Recorder);

impl RunObserver for Counter {
    fn step(&mut self, _step: &Step<'_>, _network: &dyn Network) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn pruned(&mut self, layer: usize, survivors: usize, cells: &mut dyn Iterator<Item = (usize, usize)>) {
        self.0.pruned(layer, survivors, cells);
    }

    fn epoch(&mut self, _epoch: &Epoch, _network: &dyn Network) -> ControlFlow<()> {
        self.0.begin();
        ON.store(true, Ordering::Relaxed);
        ControlFlow::Continue(())
    }
}

/// Allocations of epochs 2 to 5 of a recipe.
fn allocations(config: &Config) -> usize {
    let dataset = data::load(DatasetName::MnistMini, Path::new("nowhere")).unwrap();
    let task = Task::new(config, dataset).unwrap();
    let session = Session::new(config, &task, Native::new(2).unwrap());
    session
        .with_network(|network| {
            session.initialise(network).unwrap();
            let mut counter = Counter(Recorder::new(&session.layers()));
            session.train(network, 1, &mut counter).unwrap();
            ON.store(false, Ordering::Relaxed);
        })
        .unwrap();
    COUNT.swap(0, Ordering::Relaxed)
}

// One test: the counter sees every thread of the program.
#[test]
fn epochs_after_the_first_allocate_nothing() {
    let base = Config {
        hidden: vec![40, 30],
        batch_size: 48,
        epochs: 5,
        train_samples: 300,
        test_samples: 300,
        ..Config::defaults(DatasetName::MnistMini)
    };
    for config in [
        base.clone(),
        Config { augment: true, ..base.clone() },
        Config { lanes: 1, momentum: 0.0, batch_size: 1, learning_rate: 0.001, ..base.clone() },
        Config { model: ModelKind::Fixprob, ..base.clone() },
    ] {
        assert_eq!(allocations(&config), 0, "{config:?}");
    }
    ON.store(true, Ordering::Relaxed);
    drop(std::hint::black_box(vec![1u8; 10]));
    ON.store(false, Ordering::Relaxed);
    assert_eq!(COUNT.load(Ordering::Relaxed), 1, "the counter counts");
}
