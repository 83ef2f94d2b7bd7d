//! Tests that need a downloaded dataset: built with feature `full` only; `tests/run` downloads first.

use std::io::Read;

use rewire::data::store::{self, State};
use rewire::data::{self, DatasetName, manifest, mini};

#[test]
fn mnist_mini_is_the_recorded_draw() {
    let cache = data::cache_dir(None);
    let mnist = manifest::entry(DatasetName::Mnist);
    let here = store::state(mnist, &cache) == State::Present;
    assert!(here, "MNIST is not in {}: run `rewire data fetch mnist`, or tests/run, which does", cache.display());
    let full = data::load(DatasetName::Mnist, &cache).unwrap();
    let entry = manifest::entry(DatasetName::MnistMini);
    let drawn = mini::draw(entry, &full).unwrap();
    for file in &entry.files {
        let mut bundled = Vec::new();
        flate2::read::GzDecoder::new(mini::bundled(entry, file).unwrap()).read_to_end(&mut bundled).unwrap();
        assert!(mini::encode(&drawn, file).unwrap() == bundled, "{}", file.name);
    }
}
