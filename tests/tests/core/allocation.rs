//! Nothing in the core allocates: this program counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::ControlFlow;

use rewire_core::prelude::*;
use rewire_tests::memory::Memory;
use rewire_tests::samples::Data;

thread_local! {
    /// Allocations of this thread: the test harness runs others.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[expect(unsafe_code, reason = "an allocator is unsafe to write")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
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

/// Allocations while `work` runs.
fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

/// Connections replaced.
struct Replaced(usize);

impl<F: Format, const LANES: usize> Observer<F, LANES> for Replaced {
    fn epoch(&mut self, epoch: &Epoch, _network: &Mlp<'_, F, LANES>) -> ControlFlow<()> {
        self.0 += epoch.replaced;
        ControlFlow::Continue(())
    }
}

fn check<F: Format<Input = f32>, const LANES: usize>(description: &Description<'_>) {
    let data = Data::random(1, 50, 30, 4);
    let table = data.table();
    let sgd = Sgd::new(0.1).unwrap().with_dropout(0.2).unwrap();
    let settings = TrainSettings {
        schedule: Schedule::Cosine,
        evolution: Some(Evolution::new(0.3, GrownWeight::Uniform, FanIn::Connections).unwrap()),
        evolve_every: 1,
        ..TrainSettings::new(3, sgd)
    };
    let mut memory = Memory::of::<F, LANES>(description);
    let mut replaced = Replaced(0);
    let found = allocations(|| {
        let mut network = Mlp::<F, LANES>::new(description, memory.block()).unwrap();
        network.initialise(&Portable, 1, FanIn::Connections);
        Trainer::new(&settings).unwrap().run(&mut network, &Portable, &table, &table, &mut replaced).unwrap();
        network.predict(&Portable, &table, 0, |_, _| {});
    });
    assert!(replaced.0 > 0);
    assert_eq!(found, 0, "{LANES} lanes");
}

#[test]
fn building_training_evolving_and_evaluating_allocate_nothing() {
    let layers = [
        LayerSpec::sparse(30, 40, 300, Activation::all_relu(0.6, 0)).input_major(),
        LayerSpec::sparse(40, 20, 300, Activation::all_relu(0.6, 1)),
        LayerSpec::dense(20, 4, Activation::Identity),
    ];
    check::<Narrow, 1>(&Description::training(&layers, 1));
    check::<Standard, 16>(&Description::training(&layers, 40).with_velocity().with_transposed_index());
    check::<Wide, 64>(&Description::training(&layers, 50));
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1u8; 10]))), 1);
}
