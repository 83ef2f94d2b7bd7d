//! Training from Rust on arrays in memory.

use std::ops::ControlFlow;
use std::path::Path;

use rewire::data::{self, DatasetName};
use rewire::engine::native::Native;
use rewire::settings::{Config, Scaling};
use rewire::{Arrays, Model, fit, fit_on};
use tempfile::tempdir;

use crate::program::succeed;

#[path = "../../../host/examples/arrays.rs"]
#[expect(unreachable_pub, reason = "it is a program of its own")]
mod example;

#[test]
fn the_example_learns() {
    example::main().unwrap();
}

#[test]
fn arrays_give_the_bits_of_the_program_on_any_number_of_threads() {
    let folder = tempdir().unwrap();
    succeed(
        folder.path(),
        "train mnist-mini --hidden 60,40 --epochs 2 --batch-size 50 --learning-rate 0.003 --scaling global --pixel-shift 1 --growth near \
         --activation srelu --seed 3 --monitor-interval 0 --out run",
    );
    let expected = Model::load(&folder.path().join("run/model.safetensors")).unwrap();
    let metrics = std::fs::read_to_string(folder.path().join("run/metrics.csv")).unwrap();
    let losses: Vec<_> = metrics.lines().skip(1).map(|line| line.split(',').nth(3).unwrap().to_owned()).collect();

    let dataset = data::load(DatasetName::MnistMini, Path::new("nowhere")).unwrap();
    let [train, test] = [&dataset.train, &dataset.test].map(|split| split.features.to_floats());
    let shared = Arrays { n_features: 784, classes: 10, shape: dataset.shape, ..Arrays::default() };
    let train = Arrays { features: &train, labels: &dataset.train.labels, ..shared };
    let test = Arrays { features: &test, labels: &dataset.test.labels, ..shared };
    let config = Config::read(&folder.path().join("run/config.toml")).unwrap();
    assert_eq!((config.scaling, config.seed), (Scaling::Global, 3));
    for threads in [1, 2, 3] {
        let mut found = Vec::new();
        let model = fit_on(Native::new(threads).unwrap(), &config, &train, Some(&test), |epoch| {
            found.push(epoch.measured.loss().to_string());
            ControlFlow::Continue(())
        });
        let model = model.unwrap();
        assert_eq!(model.layers, expected.layers, "{threads} threads");
        assert_eq!(model.normaliser, expected.normaliser);
        assert_eq!(found, losses);
    }
}

#[test]
fn training_ends_where_the_callback_says() {
    let samples = Arrays {
        features: &[0.0, 1.0, 2.0, 3.0],
        n_features: 1,
        labels: &[0, 0, 1, 1],
        classes: 2,
        ..Arrays::default()
    };
    let config = Config { hidden: vec![8], batch_size: 2, epochs: 50, ..Config::default() };
    let mut epochs = 0;
    let stopped = fit(&config, &samples, None, |epoch| {
        epochs = epoch.epoch;
        if epoch.epoch == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((epochs, stopped.unwrap().predict(&[0.5, 2.5]).unwrap().len()), (3, 2));
}
