//! `checkpoint`: what a run needs to continue as if it had never stopped.
//!
//! Everything random is a function of the seed and the epoch, so the state is the network with its velocities and the
//! number of epochs done; beside it, the connections that were ever tried. The file is `REWIRECK`, the format's version
//! (u32), the length of what follows the checksum (u64), its SHA-256, and then safetensors whose metadata holds epoch and
//! settings; integers are little-endian. A new checkpoint is written beside the old one and renamed, and the old one stays
//! as `checkpoint.previous`.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use rewire_engine::layer::LayerData;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::{remove_unfinished, write_atomically};
use crate::settings::Config;

const MAGIC: &[u8; 8] = b"REWIRECK";
const VERSION: u32 = 2;
const HEADER: usize = 8 + 4 + 8 + 32;
const KEY: &str = "rewire";

/// The version of this program, for messages.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// Files of a run directory: the newest checkpoint, and the one before it.
pub const NAMES: [&str; 2] = ["checkpoint", "checkpoint.previous"];

/// The state after an epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Settings of the run.
    pub config: Config,
    /// Epochs done.
    pub epoch: u32,
    /// First to last, with velocities.
    pub layers: Vec<LayerData>,
    /// Bits of the connections that each layer has ever had; none where they are not counted.
    pub tried: Vec<Vec<u64>>,
}

/// Why a checkpoint cannot be used.
#[derive(Debug)]
enum Fault {
    /// It is not there.
    Missing,
    /// It was cut off or changed after it was written, so nobody can use it.
    Damaged(String),
    /// Another program, or this one with other rights, may be able to use it: it must stay as it is.
    Refused(anyhow::Error),
}

#[derive(Serialize, Deserialize)]
struct Header {
    epoch: u32,
    config: Config,
    features: usize,
    classes: usize,
}

/// The arrays of a layer, by name.
fn arrays(layer: &LayerData) -> [(&'static str, Dtype, &[u8]); 8] {
    [
        ("indptr", Dtype::U32, bytemuck::cast_slice(&layer.indptr)),
        ("indices", Dtype::U32, bytemuck::cast_slice(&layer.indices)),
        ("weights", Dtype::F32, bytemuck::cast_slice(&layer.weights)),
        ("bias", Dtype::F32, bytemuck::cast_slice(&layer.bias)),
        ("velocity", Dtype::F32, bytemuck::cast_slice(&layer.velocity)),
        ("bias_velocity", Dtype::F32, bytemuck::cast_slice(&layer.bias_velocity)),
        ("activation_parameters", Dtype::F32, bytemuck::cast_slice(&layer.activation_parameters)),
        ("activation_velocity", Dtype::F32, bytemuck::cast_slice(&layer.activation_velocity)),
    ]
}

impl Checkpoint {
    /// Writes the checkpoint of a run directory; the one that was there stays as the previous one.
    ///
    /// # Errors
    ///
    /// When it cannot be written; what was there is then still there.
    pub fn save(&self, directory: &Path) -> Result<()> {
        let features = self.layers.first().map_or(0, |layer| layer.spec.n_in);
        let classes = self.layers.last().map_or(0, |layer| layer.spec.n_out);
        let header = Header { epoch: self.epoch, config: self.config.clone(), features, classes };
        let header = serde_json::to_string(&header)?;
        let mut tensors = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            for (name, dtype, bytes) in arrays(layer) {
                let view = TensorView::new(dtype, vec![bytes.len() / 4], bytes)?;
                tensors.push((format!("layers.{i}.{name}"), view));
            }
        }
        for (i, bits) in self.tried.iter().enumerate() {
            let view = TensorView::new(Dtype::U64, vec![bits.len()], bytemuck::cast_slice(bits))?;
            tensors.push((format!("layers.{i}.tried"), view));
        }
        let payload = serialize(tensors, Some(HashMap::from([(KEY.to_owned(), header)])))?;
        let mut file = Vec::with_capacity(HEADER + payload.len());
        file.extend_from_slice(MAGIC);
        file.extend_from_slice(&VERSION.to_le_bytes());
        file.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        file.extend_from_slice(&Sha256::digest(&payload));
        file.extend_from_slice(&payload);
        let [newest, previous] = NAMES.map(|name| directory.join(name));
        if newest.exists() {
            std::fs::rename(&newest, &previous)
                .with_context(|| format!("cannot keep the previous checkpoint as {}", previous.display()))?;
        }
        write_atomically(&newest, &file)
    }

    /// Whether a run directory holds one, whole or not.
    pub fn exists(directory: &Path) -> bool {
        NAMES.iter().any(|name| directory.join(name).exists())
    }

    /// Removes a newest checkpoint that is damaged, so that the next one does not put it in the place of the previous, and
    /// unfinished ones. One that is whole, of another version, or cannot be read stays.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub fn remove_damaged(directory: &Path) -> Result<()> {
        remove_unfinished(directory, NAMES[0]);
        let newest = directory.join(NAMES[0]);
        if newest.exists() && matches!(Self::read(&newest), Err(Fault::Damaged(_))) {
            std::fs::remove_file(&newest).with_context(|| format!("cannot remove {}", newest.display()))?;
        }
        Ok(())
    }

    /// The newest checkpoint of a run directory that is whole; `warn` hears of one that is damaged.
    ///
    /// # Errors
    ///
    /// When there is none, none is whole, or one is of another version or cannot be read: to go back behind that one would
    /// lose epochs that another program may well continue.
    pub fn load(directory: &Path, mut warn: impl FnMut(&str)) -> Result<Self> {
        let mut failures = Vec::new();
        for path in NAMES.map(|name| directory.join(name)) {
            match Self::read(&path) {
                Ok(checkpoint) => {
                    for failure in &failures {
                        warn(&format!("{failure}; continuing from {} (epoch {})", path.display(), checkpoint.epoch));
                    }
                    return Ok(checkpoint);
                }
                Err(Fault::Missing) => {}
                Err(Fault::Damaged(reason)) => failures.push(format!("{} is damaged: {reason}", path.display())),
                Err(Fault::Refused(error)) => return Err(error),
            }
        }
        if failures.is_empty() {
            bail!(
                "{} holds no checkpoint, so there is nothing to resume: no epoch was finished; remove the folder and run \
                 without --resume",
                directory.display()
            );
        }
        bail!("no checkpoint can be used: {}; start again in another folder", failures.join("; "))
    }

    fn read(path: &Path) -> Result<Self, Fault> {
        let shown = path.display();
        let file = match std::fs::read(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(Fault::Missing),
            Err(error) => {
                let advice =
                    format!("cannot read the checkpoint {shown}; make it readable, or start in another folder");
                return Err(Fault::Refused(anyhow::Error::new(error).context(advice)));
            }
        };
        let payload = Self::payload(&file, path)?;
        Self::parse(payload).map_err(|error| {
            // The checksum is right, so these bytes are what some program wrote.
            Fault::Refused(error.context(format!(
                "the checkpoint {shown} is whole, but this program (rewire {PROGRAM}) does not understand it; continue with \
                 the version of rewire that wrote it"
            )))
        })
    }

    /// What follows the header, once the checksum agrees.
    fn payload<'f>(file: &'f [u8], path: &Path) -> Result<&'f [u8], Fault> {
        let damaged = |reason: String| Err(Fault::Damaged(reason));
        let Some((header, payload)) = file.split_first_chunk::<HEADER>() else {
            return damaged(format!("it has {} bytes, fewer than its header", file.len()));
        };
        let (magic, rest) = header.split_at(MAGIC.len());
        let (version, rest) = rest.split_at(4);
        let (len, checksum) = rest.split_at(8);
        if magic != MAGIC {
            return damaged(format!("it does not begin with {}", String::from_utf8_lossy(MAGIC)));
        }
        // Before the length and the checksum, which another version may have elsewhere.
        if version != VERSION.to_le_bytes() {
            let version = version.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte));
            return Err(Fault::Refused(anyhow!(
                "the checkpoint {} has version {version}, and this program (rewire {PROGRAM}) reads version {VERSION}; \
                 continue with the version of rewire that wrote it",
                path.display()
            )));
        }
        if len != (payload.len() as u64).to_le_bytes() {
            return damaged(format!("it holds {} bytes after its header, not as many as that says", payload.len()));
        }
        if checksum != Sha256::digest(payload).as_slice() {
            return damaged("its checksum is wrong".into());
        }
        Ok(payload)
    }

    fn parse(payload: &[u8]) -> Result<Self> {
        let (_, metadata) = SafeTensors::read_metadata(payload)?;
        let header = metadata.metadata().as_ref().and_then(|entries| entries.get(KEY)).context("it has no settings")?;
        let Header { epoch, config, features, classes } =
            serde_json::from_str(header).context("its settings cannot be read")?;
        let tensors = SafeTensors::deserialize(payload)?;
        let words = |layer: usize, name: &str| -> Result<Vec<[u8; 4]>> {
            let name = format!("layers.{layer}.{name}");
            let view = tensors.tensor(&name).map_err(|_| anyhow!("the tensor '{name}' is missing"))?;
            Ok(view.data().as_chunks::<4>().0.to_vec())
        };
        let floats =
            |layer, name| -> Result<Vec<f32>> { Ok(words(layer, name)?.into_iter().map(f32::from_le_bytes).collect()) };
        let integers =
            |layer, name| -> Result<Vec<u32>> { Ok(words(layer, name)?.into_iter().map(u32::from_le_bytes).collect()) };
        let (mut layers, mut tried) = (Vec::new(), Vec::new());
        for (i, spec) in config.layers(features, classes).into_iter().enumerate() {
            // The network checks that the arrays fit.
            layers.push(LayerData {
                spec,
                indptr: integers(i, "indptr")?,
                indices: integers(i, "indices")?,
                weights: floats(i, "weights")?,
                bias: floats(i, "bias")?,
                velocity: floats(i, "velocity")?,
                bias_velocity: floats(i, "bias_velocity")?,
                activation_parameters: floats(i, "activation_parameters")?.as_chunks().0.to_vec(),
                activation_velocity: floats(i, "activation_velocity")?.as_chunks().0.to_vec(),
            });
            // Absent where nothing was counted.
            let bits = tensors.tensor(&format!("layers.{i}.tried"));
            tried.push(bits.map_or(Vec::new(), |view| bytemuck::pod_collect_to_vec(view.data())));
        }
        Ok(Self { config, epoch, layers, tried })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetName;

    fn checkpoint(epoch: u32) -> Checkpoint {
        let config = Config { hidden: vec![2], epsilon: 0.5, ..Config::defaults(DatasetName::MnistMini) };
        let layer = |spec: rewire_core::network::LayerSpec| LayerData {
            spec,
            indptr: vec![0, 1, 2],
            indices: vec![1, 0],
            weights: vec![0.5, -0.5],
            bias: vec![0.0; spec.n_out],
            velocity: vec![1.0, 2.0],
            bias_velocity: vec![0.0; spec.n_out],
            activation_parameters: vec![],
            activation_velocity: vec![],
        };
        let layers = config.layers(3, 2).into_iter().map(layer).collect();
        Checkpoint { config, epoch, layers, tried: vec![vec![3, 1 << 63], vec![]] }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(3).save(folder.path()).unwrap();
        assert_eq!(Checkpoint::load(folder.path(), |text| panic!("{text}")).unwrap(), checkpoint(3));
    }

    #[test]
    fn every_flipped_byte_is_noticed_and_the_previous_checkpoint_is_used_and_named() {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(3).save(folder.path()).unwrap();
        checkpoint(4).save(folder.path()).unwrap();
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
        checkpoint(3).save(folder.path()).unwrap();
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
        checkpoint(3).save(folder.path()).unwrap();
        checkpoint(4).save(folder.path()).unwrap();
        Checkpoint::remove_damaged(folder.path()).unwrap();
        assert_eq!(Checkpoint::load(folder.path(), |text| panic!("{text}")).unwrap().epoch, 4, "it was whole");
        let [newest, previous] = NAMES.map(|name| folder.path().join(name));
        std::fs::write(&newest, "damaged").unwrap();
        Checkpoint::remove_damaged(folder.path()).unwrap();
        checkpoint(4).save(folder.path()).unwrap();
        assert_eq!([&newest, &previous].map(|path| Checkpoint::read(path).unwrap().epoch), [4, 3]);
    }

    /// The newest checkpoint as `change` makes it, with a whole one before it.
    fn with_newest(change: impl FnOnce(&mut Vec<u8>)) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        checkpoint(3).save(folder.path()).unwrap();
        checkpoint(4).save(folder.path()).unwrap();
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
        checkpoint(3).save(folder.path()).unwrap();
        checkpoint(4).save(folder.path()).unwrap();
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
