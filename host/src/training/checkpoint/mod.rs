//! `checkpoint`: what a run needs to continue as if it had never stopped.
//!
//! Everything random is a function of the seed and the epoch, so the state is the network with its velocities and the
//! number of epochs done; beside it, the connections that were ever tried and an average of the weights. The file is `REWIRECK`, the format's version
//! (u32), the length of what follows the checksum (u64), its SHA-256, and then safetensors whose metadata holds epoch and
//! settings; integers are little-endian. A new checkpoint is written beside the old one and renamed, and the old one stays
//! as `checkpoint.previous`.

mod format;
mod read;
mod write;

pub use format::NAMES;
pub use read::Checkpoint;
pub use write::{OwnedState, State};

#[cfg(test)]
mod tests {
    use std::path::Path;

    use anyhow::Result;
    use rewire_core::network::LayerSpec;
    use rewire_engine::layer::LayerData;
    use sha2::{Digest, Sha256};

    use super::format::{HEADER, VERSION};
    use super::*;
    use crate::data::DatasetName;
    use crate::settings::Config;

    fn load(directory: &Path, warn: impl FnMut(&str)) -> Result<OwnedState> {
        let checkpoint = Checkpoint::load(directory, warn)?;
        let (layers, tried, average) = (checkpoint.all_layers()?, checkpoint.tried()?, checkpoint.average()?);
        Ok(OwnedState { config: checkpoint.config, epoch: checkpoint.epoch, layers, tried, average })
    }

    fn checkpoint(epoch: u32) -> OwnedState {
        let config = Config { hidden: vec![2], epsilon: 0.5, ..Config::defaults(DatasetName::MnistMini) };
        let layer = |spec: LayerSpec| LayerData {
            spec: LayerSpec { connections: 2, ..spec },
            indptr: vec![0, 1, 2],
            indices: vec![1, 0],
            weights: vec![0.5, -0.5],
            bias: vec![0.0; spec.n_out],
            velocity: vec![1.0, 2.0],
            bias_velocity: vec![0.0; spec.n_out],
            activation_parameters: vec![],
            activation_velocity: vec![],
            blocks: None,
        };
        let layers = config.layers(3, 2).into_iter().map(layer).collect();
        OwnedState { config, epoch, layers, tried: vec![vec![3, 1 << 63], vec![]], average: vec![vec![0.5], vec![]] }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(3).state().save(folder.path()).unwrap();
        assert_eq!(load(folder.path(), |text| panic!("{text}")).unwrap(), checkpoint(3));
    }

    #[test]
    fn every_flipped_byte_is_noticed_and_the_previous_checkpoint_is_used_and_named() {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(3).state().save(folder.path()).unwrap();
        checkpoint(4).state().save(folder.path()).unwrap();
        let path = folder.path().join(NAMES[0]);
        let whole = std::fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(7).chain([0, 12, 20]) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            std::fs::write(&path, &damaged).unwrap();
            let mut warnings = Vec::new();
            let loaded = Checkpoint::load(folder.path(), |text| warnings.push(text.to_owned())).unwrap();
            assert_eq!((loaded.epoch, warnings.len()), (3, 1), "byte {at}");
            assert!(warnings[0].contains("damaged") && warnings[0].contains(NAMES[1]));
        }
    }

    #[test]
    fn a_cut_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(3).state().save(folder.path()).unwrap();
        let path = folder.path().join(NAMES[0]);
        let whole = std::fs::read(&path).unwrap();
        for len in [0, 7, HEADER - 1, HEADER, whole.len() - 1] {
            std::fs::write(&path, &whole[..len]).unwrap();
            assert!(Checkpoint::load(folder.path(), |_| {}).is_err());
        }
    }

    #[test]
    fn an_empty_directory_has_nothing_to_resume() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Checkpoint::load(folder.path(), |_| {}).unwrap_err().to_string().contains("nothing to resume"));
    }

    #[test]
    fn a_damaged_checkpoint_does_not_take_the_place_of_the_previous() {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(3).state().save(folder.path()).unwrap();
        checkpoint(4).state().save(folder.path()).unwrap();
        Checkpoint::remove_damaged(folder.path()).unwrap();
        assert_eq!(Checkpoint::load(folder.path(), |text| panic!("{text}")).unwrap().epoch, 4, "it was whole");
        let [newest, previous] = NAMES.map(|name| folder.path().join(name));
        std::fs::write(&newest, "damaged").unwrap();
        Checkpoint::remove_damaged(folder.path()).unwrap();
        checkpoint(4).state().save(folder.path()).unwrap();
        assert_eq!([&newest, &previous].map(|path| Checkpoint::read(path).unwrap().epoch), [4, 3]);
    }

    /// The newest checkpoint as `change` makes it, with a whole one before it.
    fn with_newest(change: impl FnOnce(&mut Vec<u8>)) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(3).state().save(folder.path()).unwrap();
        checkpoint(4).state().save(folder.path()).unwrap();
        let newest = folder.path().join(NAMES[0]);
        let mut bytes = std::fs::read(&newest).unwrap();
        change(&mut bytes);
        std::fs::write(&newest, bytes).unwrap();
        folder
    }

    #[test]
    fn a_checkpoint_of_another_version_is_refused_by_name_and_stays() {
        let newer = |bytes: &mut Vec<u8>| bytes[8..12].copy_from_slice(&(VERSION + 1).to_le_bytes());
        let cut = |bytes: &mut Vec<u8>| {
            newer(bytes);
            bytes.truncate(HEADER + 10);
        };
        for folder in [with_newest(newer), with_newest(cut)] {
            let newest = folder.path().join(NAMES[0]);
            let before = std::fs::read(&newest).unwrap();
            let text = Checkpoint::load(folder.path(), |text| panic!("{text}")).unwrap_err().to_string();
            for words in [newest.to_str().unwrap(), "has version 3", "reads version 2"] {
                assert!(text.contains(words), "'{words}' is not in: {text}");
            }
            Checkpoint::remove_damaged(folder.path()).unwrap();
            assert_eq!(std::fs::read(&newest).unwrap(), before);
        }
    }

    #[test]
    fn a_checkpoint_with_settings_that_this_program_does_not_know_is_refused_and_stays() {
        let folder = with_newest(|bytes| {
            let at = bytes.windows(7).position(|window| window == b"epsilon").unwrap();
            bytes[at] = b'E';
            let digest = Sha256::digest(&bytes[HEADER..]);
            bytes[20..HEADER].copy_from_slice(&digest);
        });
        let error = Checkpoint::load(folder.path(), |text| panic!("{text}")).unwrap_err();
        assert!(format!("{error:#}").contains("Epsilon"), "{error:#}");
        Checkpoint::remove_damaged(folder.path()).unwrap();
        assert!(folder.path().join(NAMES[0]).exists());
    }

    #[test]
    fn a_checkpoint_that_cannot_be_read_is_refused_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(3).state().save(folder.path()).unwrap();
        checkpoint(4).state().save(folder.path()).unwrap();
        let newest = folder.path().join(NAMES[0]);
        // A folder cannot be read as a file by any user, root included.
        std::fs::remove_file(&newest).unwrap();
        std::fs::create_dir(&newest).unwrap();
        let text = Checkpoint::load(folder.path(), |text| panic!("{text}")).unwrap_err().to_string();
        assert!(text.contains("cannot read the checkpoint") && text.contains(newest.to_str().unwrap()), "{text}");
        Checkpoint::remove_damaged(folder.path()).unwrap();
        assert!(newest.exists());
    }
}
