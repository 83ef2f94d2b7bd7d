//! How a checkpoint is found, checked and read.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use rewire_core::network::LayerSpec;
use rewire_engine::dynamic::Network;
use rewire_engine::layer::LayerData;
use sha2::{Digest, Sha256};

use crate::files::remove_unfinished;
use crate::model::blocks::{self, read_into};
use crate::model::tensor_file::TensorFile;
use crate::settings::Config;
use crate::training::checkpoint::format::{ARRAYS, HEADER, Header, KEY, MAGIC, NAMES, VERSION};

/// The version of this program, for messages.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// The state after an epoch, in a file that is whole: its layers are read one by one.
#[derive(Debug)]
pub struct Checkpoint {
    /// Settings of the run.
    pub config: Config,
    /// Epochs done.
    pub epoch: u32,
    specs: Vec<LayerSpec>,
    file: TensorFile<'static>,
}

/// Why a checkpoint cannot be used.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is not there.
    Missing,
    /// It was cut off or changed after it was written, so nobody can use it.
    Damaged(String),
    /// Another program, or this one with other rights, may be able to use it: it must stay as it is.
    Refused(anyhow::Error),
}

impl Checkpoint {
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

    /// Layers.
    pub fn layers(&self) -> usize {
        self.specs.len()
    }

    /// The specification of each layer.
    pub fn specs(&self) -> &[LayerSpec] {
        &self.specs
    }

    /// Puts a layer into its place in a network, which checks it.
    ///
    /// # Errors
    ///
    /// When an array is missing, cannot be read, or does not fit.
    pub fn restore(&self, index: usize, network: &mut dyn Network) -> Result<()> {
        if !self.specs[index].is_blocked() {
            let layer = self.layer(index)?;
            network.give_up_room(index, layer.spec.connections);
            return Ok(network.import_layer(index, &layer)?);
        }
        read_into(&self.file, index, network)
    }

    /// A layer with its velocities. The network checks that its arrays fit.
    ///
    /// # Errors
    ///
    /// When an array is missing or cannot be read.
    pub fn layer(&self, index: usize) -> Result<LayerData> {
        let name = |part| format!("layers.{index}.{part}");
        let floats = |part| self.file.floats(&name(part));
        let spec = self.specs[index];
        let blocked = spec.is_blocked().then(|| blocks::read(&self.file, index, (spec.n_in, spec.n_out)));
        let blocks = blocked.transpose()?;
        Ok(LayerData {
            spec,
            indptr: self.file.integers(&name("indptr"))?,
            indices: self.file.integers(&name("indices"))?,
            weights: floats("weights")?,
            bias: floats("bias")?,
            velocity: floats("velocity")?,
            bias_velocity: floats("bias_velocity")?,
            activation_parameters: floats("activation_parameters")?.as_chunks().0.to_vec(),
            activation_velocity: floats("activation_velocity")?.as_chunks().0.to_vec(),
            blocks,
        })
    }

    /// All layers, first to last.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::layer`].
    pub fn all_layers(&self) -> Result<Vec<LayerData>> {
        (0..self.layers()).map(|index| self.layer(index)).collect()
    }

    /// Bits of the connections that each layer has ever had; none where they were not counted.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::layer`].
    pub fn tried(&self) -> Result<Vec<Vec<u64>>> {
        let names = (0..self.layers()).map(|layer| format!("layers.{layer}.tried"));
        names.map(|name| if self.file.holds(&name) { self.file.bits(&name) } else { Ok(Vec::new()) }).collect()
    }

    /// Averages of each layer's parameters; none where they were not kept.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::layer`].
    pub fn average(&self) -> Result<Vec<Vec<f32>>> {
        let names = (0..self.layers()).map(|layer| format!("layers.{layer}.average"));
        names.filter(|name| self.file.holds(name)).map(|name| self.file.floats(&name)).collect()
    }

    pub(super) fn read(path: &Path) -> Result<Self, Fault> {
        let shown = path.display();
        let unreadable = |error: io::Error| {
            let advice = format!("cannot read the checkpoint {shown}; make it readable, or start in another folder");
            Fault::Refused(anyhow::Error::new(error).context(advice))
        };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(Fault::Missing),
            Err(error) => return Err(unreadable(error)),
        };
        check(&mut file, path).map_err(unreadable)??;
        Self::parse(file).map_err(|error| {
            // The checksum is right, so these bytes are what some program wrote.
            Fault::Refused(error.context(format!(
                "the checkpoint {shown} is whole, but this program (rewire {PROGRAM}) does not understand it; continue with \
                 the version of rewire that wrote it"
            )))
        })
    }

    fn parse(file: File) -> Result<Self> {
        let file = TensorFile::new(file, HEADER as u64)?;
        let header = file.entry(KEY).context("it has no settings")?;
        let Header { epoch, config, features, classes } =
            serde_json::from_str(header).context("its settings cannot be read")?;
        let mut specs = config.layers(features, classes);
        for (i, name) in (0..specs.len()).flat_map(|i| ARRAYS.map(|name| (i, name))) {
            let name = format!("layers.{i}.{name}");
            anyhow::ensure!(file.holds(&name), "the tensor '{name}' is missing");
        }
        for (i, spec) in specs.iter_mut().enumerate().filter(|(_, spec)| !spec.is_dense() && !spec.is_blocked()) {
            // Connections that were removed for good are not there.
            spec.connections = spec.connections.min(file.len(&format!("layers.{i}.weights")));
        }
        Ok(Self { config, epoch, specs, file })
    }
}

/// Reads a file to its end, and checks beginning, version, length and checksum.
fn check(file: &mut File, path: &Path) -> io::Result<Result<(), Fault>> {
    let damaged = |reason: String| Ok(Err(Fault::Damaged(reason)));
    let len = file.metadata()?.len();
    let mut header = [0; HEADER];
    let mut found = 0;
    while found < HEADER {
        match file.read(&mut header[found..])? {
            0 => return damaged(format!("it has {len} bytes, fewer than its header")),
            read => found += read,
        }
    }
    let (magic, rest) = header.split_at(MAGIC.len());
    let (version, rest) = rest.split_at(4);
    let (payload, checksum) = rest.split_at(8);
    if magic != MAGIC {
        return damaged(format!("it does not begin with {}", String::from_utf8_lossy(MAGIC)));
    }
    // Before the length and the checksum, which another version may have elsewhere.
    if version != VERSION.to_le_bytes() {
        let version = version.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte));
        return Ok(Err(Fault::Refused(anyhow!(
            "the checkpoint {} has version {version}, and this program (rewire {PROGRAM}) reads version {VERSION}; \
             continue with the version of rewire that wrote it",
            path.display()
        ))));
    }
    let found = len - HEADER as u64;
    if payload != found.to_le_bytes() {
        return damaged(format!("it holds {found} bytes after its header, not as many as that says"));
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    if checksum != hash.finalize().as_slice() {
        return damaged("its checksum is wrong".into());
    }
    Ok(Ok(()))
}
