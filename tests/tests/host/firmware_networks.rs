//! The three networks of `firmware/` are what the settings in `host/experiments` come to: the templates of
//! `rewire export --firmware`, filled in.
//!
//! With the variable `WRITE_NETWORKS` it writes them.

use std::path::Path;

use rewire::data::{DatasetName, manifest};
use rewire::firmware::from_start::from_start;
use rewire::settings::Config;

#[test]
fn networks_of_the_firmware_are_those_of_the_settings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let images = manifest::entry(DatasetName::Mnist);
    for ram in [16, 64, 128] {
        let settings = root.join(format!("host/experiments/chip-{ram}.toml"));
        let config = Config::read(&settings).unwrap();
        // What a program on a chip does, whatever its settings: one sample at a time, from the start.
        assert_eq!((config.batch_size, config.lanes(), config.momentum, config.seed), (1, 1, 0.0, 1));
        let text = from_start(&config, images.shape, images.classes.into()).unwrap();
        let file = root.join(format!("firmware/src/networks/ram_{ram}.rs"));
        if std::env::var_os("WRITE_NETWORKS").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let again = "WRITE_NETWORKS=1 cargo test -p rewire-tests --test host firmware_networks";
        assert!(std::fs::read_to_string(&file).unwrap() == text, "{}: run `{again}`", file.display());
    }
}
