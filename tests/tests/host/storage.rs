//! What a run records does not depend on how its layers are stored, nor on the width of their integers.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rewire::data::{self, DatasetName};
use rewire::engine::native::Native;
use rewire::model::safetensors::Model;
use rewire::npy;
use rewire::settings::{Config, StorageKind};
use rewire::training::directory::{Epoch, INPUT_CONNECTIONS, MODEL, rows};
use rewire::training::recorder::LayerRow;
use rewire::training::warn::Warn;
use rewire::training::watch::Unwatched;
use rewire::training::{Surroundings, train};
use rewire_core::network::Storage;
use tempfile::tempdir;

/// Trains on the bundled samples; the run directory is `out`.
fn run(config: &Config, out: &Path) {
    let dataset = data::load(DatasetName::MnistMini, Path::new("nowhere")).unwrap();
    let surroundings = Surroundings {
        out: Some(out.to_owned()),
        checkpoint: None,
        native: Native::new(2).unwrap(),
        monitor_interval: Duration::ZERO,
        interrupted: &AtomicBool::new(false),
        watcher: &mut Unwatched,
        warn: Warn::nobody(),
    };
    train(config, dataset, surroundings).unwrap();
}

fn config(hidden: usize) -> Config {
    Config {
        hidden: vec![hidden],
        epsilon: 2.0,
        epochs: 3,
        train_samples: 200,
        batch_size: 50,
        ..Config::defaults(DatasetName::MnistMini)
    }
}

#[test]
fn input_major_layers_record_the_connections_of_the_saved_model() {
    let folder = tempdir().unwrap();
    for storage in [StorageKind::InputMajor, StorageKind::OutputMajor] {
        let out = folder.path().join(storage.to_string());
        // So few are replaced that none is: what pruning leaves are then all connections, epoch after epoch.
        run(&Config { storage, zeta: 1e-6, ..config(1000) }, &out);
        let model = Model::load(&out.join(MODEL)).unwrap();
        let first = &model.layers[0];
        assert_eq!((first.spec.n_in, first.spec.n_out), (784, 1000));
        assert_eq!(first.spec.storage == Storage::InputMajor, storage == StorageKind::InputMajor);
        let recorded = npy::read::<u16>(&out.join(INPUT_CONNECTIONS)).unwrap();
        assert_eq!((recorded.columns, recorded.rows().len()), (784, 4), "{storage}");
        let degrees = first.input_degrees();
        for (epoch, row) in recorded.rows().enumerate() {
            assert!(row.iter().copied().map(u64::from).eq(degrees.iter().copied()), "{storage}, epoch {epoch}");
        }
        let (topology, wrong) = rows::<LayerRow>(&out.join("topology.csv")).unwrap();
        assert_eq!(wrong, None);
        let connections = first.spec.connections as u64;
        for row in topology.iter().filter(|row| row.layer == 0) {
            assert_eq!((row.survived, row.tried), (connections, Some(connections)), "{storage}");
        }
    }
}

#[test]
fn a_layer_wider_than_two_bytes_trains_and_its_saved_model_gives_the_recorded_results() {
    let folder = tempdir().unwrap();
    for storage in [StorageKind::OutputMajor, StorageKind::InputMajor] {
        let out = folder.path().join(storage.to_string());
        let config = Config {
            storage,
            epochs: 2,
            connections: vec![140_000, 90_000],
            test_samples: 1000,
            learning_rate: 5e-4,
            ..config(70_000)
        };
        run(&config, &out);
        let model = Model::load(&out.join(MODEL)).unwrap();
        let connections: Vec<usize> = model.layers.iter().map(|layer| layer.weights.len()).collect();
        assert_eq!(connections, [140_000, 90_000], "{storage}");
        let beyond = model.layers[0].connections().any(|connection| connection.neuron >= 1 << 16);
        assert!(beyond, "{storage}: no connection reaches the neurons that two bytes cannot number");
        let (epochs, _) = rows::<Epoch>(&out.join("metrics.csv")).unwrap();
        let dataset = data::load(DatasetName::MnistMini, Path::new("nowhere")).unwrap();
        let measured = model.evaluate_on(&dataset, (0..1000).collect(), &Native::new(2).unwrap()).unwrap();
        assert_eq!(measured.loss(), epochs[1].test_loss, "{storage}");
        assert!(epochs[1].train_loss < epochs[0].train_loss, "{storage}: {epochs:?}");
    }
}
