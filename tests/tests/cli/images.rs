//! Images for a microcontroller of models of one's own: what they hold, and that they say what the model says.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rewire_core::prelude::*;
use rewire_core::storage::image;
use serde_json::Value;
use tempfile::tempdir;

use crate::own_data::{NAMES, QUICK, json, points};
use crate::program::{run, succeed};
use crate::support::assert_refused;

/// Compares what an image says of samples with what the model says that it was exported from.
fn assert_says_the_same(folder: &Path, data: &str, figures: &[&str]) -> Value {
    // Away from its run, whose samples it would be measured on.
    fs::copy(folder.join("run/model.safetensors"), folder.join("alone.safetensors")).unwrap();
    let predicted = |model: &str| succeed(folder, &format!("predict {model} {data}"));
    assert_eq!(predicted("model.image"), predicted("alone.safetensors"));
    let evaluated = |model: &str| json(folder, &format!("evaluate {model} {data} --json"));
    let (of_image, of_model) = (evaluated("model.image"), evaluated("alone.safetensors"));
    for figure in figures {
        assert!(!of_model[figure].is_null() && of_image[figure] == of_model[figure], "{of_image} {of_model}");
    }
    json(folder, "image model.image --json")
}

#[test]
fn an_image_of_a_classifier_holds_scaling_and_names_and_predicts_as_the_model() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("flowers.csv"), points(300, Some(&NAMES))).unwrap();
    succeed(path, &format!("train flowers.csv --label kind {QUICK} --out run"));
    assert!(succeed(path, "export run --chip --out model.image").contains("format Narrow"));
    assert_refused(&run(path, "export run"), 2, &["--chip for an image, or --firmware DIR --board NAME"]);
    let held = assert_says_the_same(path, "flowers.csv --label kind", &["test_accuracy", "test_loss", "confusion"]);
    assert_eq!((held["version"].as_u64(), held["format"].as_str()), (Some(2), Some("Narrow")));
    assert_eq!((held["inputs"].as_str(), held["task"].as_str()), (Some("floats"), Some("classify")));
    assert_eq!(held["outputs"], serde_json::json!(["aster", "rose", "tulip"]));
    assert_eq!(held["features"], serde_json::json!(["width", "height", "depth", "age"]));
    assert_eq!(held["scaling"]["mean"].as_array().unwrap().len(), 4);
    let sizes = held["layers"].as_array().unwrap().iter().map(|layer| layer["bytes"].as_u64().unwrap());
    let parts = sizes.sum::<u64>() + held["header"].as_u64().unwrap() + held["use_bytes"].as_u64().unwrap();
    assert_eq!(held["bytes"].as_u64(), Some(parts));
    assert_eq!(held["bytes"].as_u64(), Some(fs::metadata(path.join("model.image")).unwrap().len()));
    let text = succeed(path, "image model.image");
    assert!(text.contains("outputs: aster, rose, tulip") && text.contains("32-bit floats"), "{text}");

    // Samples that are not the model's, and a damaged file.
    fs::write(path.join("other.csv"), "width,kind\n1,rose\n").unwrap();
    assert_refused(&run(path, "predict model.image other.csv"), 1, &["other.csv", "'height'"]);
    fs::write(path.join("other.csv"), "1,2\n3,4\n").unwrap();
    assert_refused(&run(path, "predict model.image other.csv"), 1, &["2 features", "have 4"]);
    fs::write(path.join("other.csv"), "width,height,depth,age,kind\n1,2,3,4,daisy\n").unwrap();
    assert_refused(&run(path, "evaluate model.image other.csv --label kind"), 1, &["'daisy'", "aster, rose, tulip"]);
    assert_refused(&run(path, "evaluate model.image"), 2, &["name the dataset, or the path of samples"]);
    // In the run's directory an image is of the run, whose own figures stay.
    fs::copy(path.join("model.image"), path.join("run/model.image")).unwrap();
    let [of_image, of_run] = ["run/model.image", "run"].map(|model| json(path, &format!("evaluate {model} --json")));
    assert_eq!((&of_image["samples"], &of_image["correct"]), (&of_run["samples"], &of_run["correct"]));
    let own = fs::read(path.join("run/evaluation.json")).unwrap();
    succeed(path, "evaluate run/model.image");
    assert!(fs::read(path.join("run/evaluation.json")).unwrap() == own);
    let mut damaged = fs::read(path.join("model.image")).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(path.join("damaged.image"), damaged).unwrap();
    assert_refused(&run(path, "predict damaged.image flowers.csv"), 1, &["damaged.image", "a damaged model image"]);
}

#[test]
fn images_of_a_regression_and_of_an_autoencoder_give_numbers_and_scores_as_the_model() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let mut text = String::from("a,b,c,price\n");
    for i in 0..200u32 {
        writeln!(text, "{},{},{},{}", i % 20, i / 20, i * 7 % 11, 1000 + 30 * (i % 20) - 20 * (i / 20)).unwrap();
    }
    fs::write(path.join("houses.csv"), text).unwrap();
    let flags = "--epochs 5 --hidden 16 --monitor-interval 0";
    succeed(path, &format!("train houses.csv --task regress --target price {flags} --out run"));
    succeed(path, "export run --chip --out model.image");
    let held = assert_says_the_same(path, "houses.csv --target price", &["outputs"]);
    assert_eq!((held["task"].as_str(), held["outputs"][0].as_str()), (Some("regress"), Some("price")));
    assert!(held["output_scaling"]["mean"][0].as_f64().unwrap() > 1000.0, "{held}");

    fs::remove_dir_all(path.join("run")).unwrap();
    succeed(path, &format!("train houses.csv --task reconstruct --ignore price --dropout 0 {flags} --out run"));
    succeed(path, "export run --chip --out model.image");
    let held = assert_says_the_same(path, "houses.csv --ignore price", &["samples"]);
    assert_eq!(held["task"].as_str(), Some("reconstruct"));
}

#[test]
fn the_narrowest_format_is_chosen_and_a_layer_is_turned_where_that_makes_it_narrower() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    // 300 features: only rows an input have columns of one byte.
    let mut wide = String::new();
    for feature in 0..300 {
        write!(wide, "f{feature},").unwrap();
    }
    wide.push_str("kind\n");
    for sample in 0..40u32 {
        for feature in 0..300u32 {
            write!(wide, "{}.5,", (sample * 31 + feature * 17) % 23).unwrap();
        }
        writeln!(wide, "{}", ["still", "moving"][(sample % 2) as usize]).unwrap();
    }
    fs::write(path.join("wide.csv"), wide).unwrap();
    let train = |flags: &str| {
        let _ = fs::remove_dir_all(path.join("run"));
        let flags = format!("{flags} --batch-size 4 --epochs 1 --monitor-interval 0 --epsilon 2");
        succeed(path, &format!("train wide.csv --label kind {flags} --out run"));
        run(path, "export run --chip --out model.image")
    };
    let exported = train("--hidden 16");
    assert!(exported.stdout.contains("format Narrow"), "{}", exported.stdout);
    assert!(exported.stderr.contains("layer 0 is stored input-major"), "{}", exported.stderr);
    let held = assert_says_the_same(path, "wide.csv --label kind", &["test_loss"]);
    assert_eq!(held["layers"][0]["storage"], "input-major");
    // Neither side of it has columns of one byte: nothing is turned.
    let exported = train("--hidden 270");
    assert!(exported.stdout.contains("format Compact") && exported.stderr.is_empty(), "{exported:?}");
    assert_says_the_same(path, "wide.csv --label kind", &["test_loss"]);
    // Pixels stay bytes.
    let exported = train("--hidden 16 --scaling unit");
    assert!(exported.stdout.contains("format Bytes"), "{}", exported.stdout);
    let held = assert_says_the_same(path, "wide.csv --label kind", &["test_loss"]);
    assert_eq!((held["inputs"].as_str(), held["scaling"].is_null()), (Some("bytes"), true));
}

#[test]
fn an_image_of_version_1_is_read_as_before() {
    const LAYERS: [LayerSpec; 2] =
        [LayerSpec::sparse(784, 8, 300, Activation::Relu).input_major(), LayerSpec::dense(8, 10, Activation::Identity)];
    const NETWORK: Description = Description::training(&LAYERS, 1);
    let folder = tempdir().unwrap();
    let path = folder.path();
    let mut block = Block::<{ NETWORK.bytes::<Bytes, 1>() }>::new();
    let mut network = Mlp::<Bytes, 1, 2>::new(&NETWORK, &mut block.0).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let mut bytes = vec![0; image::len::<Bytes>(LAYERS.into_iter())];
    image::write(&network, &mut bytes).unwrap();
    fs::write(path.join("old.image"), bytes).unwrap();
    let held = json(path, "image old.image --json");
    assert_eq!((held["version"].as_u64(), held["inputs"].as_str()), (Some(1), Some("bytes")));
    assert_eq!((held["header"].as_u64(), held["task"].is_null()), (Some(64), true));
    assert_eq!(held["hash"].as_str().unwrap(), format!("{:016x}", image::hash(&network)));
    assert_eq!(json(path, "evaluate old.image mnist-mini --json")["samples"], 1000);

    // One of other widths does not say how its inputs are scaled.
    let mut block = Block::<{ NETWORK.bytes::<Compact, 1>() }>::new();
    let mut network = Mlp::<Compact, 1, 2>::new(&NETWORK, &mut block.0).unwrap();
    network.initialise(&Portable, 1, FanIn::Connections);
    let mut bytes = vec![0; image::len::<Compact>(LAYERS.into_iter())];
    image::write(&network, &mut bytes).unwrap();
    fs::write(path.join("old.image"), bytes).unwrap();
    assert_refused(&run(path, "evaluate old.image mnist-mini"), 1, &["old.image", "columns of 2", "export --chip"]);
}
