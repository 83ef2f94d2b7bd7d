//! Training steps and evolution of the CIFAR-10 network: `cargo bench`.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use rewire::bench::{Network, Timed};
use rewire::engine::native::{Native, SimdLevel};

fn time(subject: &mut Timed<'_>, runs: u64, work: fn(&mut Timed<'_>)) -> Duration {
    // The first touches memory and wakes threads.
    work(subject);
    let started = Instant::now();
    for _ in 0..runs {
        work(subject);
    }
    started.elapsed()
}

fn step(subject: &mut Timed<'_>) {
    subject.step();
}

fn evolve(subject: &mut Timed<'_>) {
    subject.evolve();
}

fn benchmarks(criterion: &mut Criterion) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let levels = SimdLevel::ALL.into_iter().filter(|level| level.is_available());
    let cases = levels.flat_map(|level| [(level, 1), (level, threads)]);
    let network = Network::default();
    let mut group = criterion.benchmark_group("3072-4000-1000-4000-10, epsilon 20, batch 128");
    group.sample_size(20);
    for (level, threads) in cases {
        let name = |what: &str| format!("{what}, {level}, {threads} threads");
        let mut add = |what: &str, work: fn(&mut Timed<'_>)| {
            group.bench_function(name(what), |bencher| {
                bencher.iter_custom(|runs| {
                    let native = Native::new(threads).expect("threads").with_simd(level);
                    network.with_subject(native, |subject| time(subject, runs, work)).expect("memory")
                });
            });
        };
        add("step", step);
        add("evolve", evolve);
    }
    group.finish();
}

criterion_group!(steps, benchmarks);
criterion_main!(steps);
