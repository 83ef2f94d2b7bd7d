//! A run on several ranks: what they must have in common, and how its samples come to them.

use anyhow::Result;
use rewire_core::backend::Exchange;
use rewire_engine::ranks::Ranks;
use sha2::{Digest, Sha256};

use crate::error::Usage;
use crate::settings::{Config, ModelKind, StorageKind};
use crate::training::checkpoint::Checkpoint;
use crate::training::task::Task;

/// Floats of a digest: two bytes each, which every float holds exactly.
const DIGEST: usize = 16;

/// Checks that ranks can share the steps of a run.
///
/// # Errors
///
/// More ranks than tiles of a minibatch, or a model that trains in one process only.
pub fn check(config: &Config, ranks: usize) -> Result<(), Usage> {
    let (batch, lanes) = (config.batch_size, config.lanes());
    let tiles = batch.div_ceil(lanes);
    if ranks > 1 && config.model == ModelKind::Dense {
        return Err(Usage(format!(
            "a dense model trains on one rank, not on {ranks}: its bits depend on the vector instructions of the machine"
        )));
    }
    if ranks > 1 && config.storage == StorageKind::Blocked {
        return Err(Usage(format!(
            "--storage blocked trains on one rank, not on {ranks}: its step has no gradients to send; take another --storage"
        )));
    }
    if ranks > tiles {
        return Err(Usage(format!(
            "{ranks} ranks have nothing to share: a minibatch of {batch} samples (--batch-size) has {tiles} tiles of {lanes} \
             (--lanes); take at most {tiles} ranks, narrower tiles or larger minibatches"
        )));
    }
    Ok(())
}

/// Compares what the ranks are about to do, before they do it: each calls this.
///
/// # Errors
///
/// The first thing that differs from rank 0's, by name.
pub fn meet(ranks: &Ranks, config: &Config, checkpoint: Option<&Checkpoint>) -> Result<()> {
    let settings = serde_json::to_string(config)?;
    let common: [(&str, Sha256); 3] = [
        ("the program's version", Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"))),
        ("the settings", Sha256::new_with_prefix(settings)),
        (
            "the checkpoint",
            checkpoint.map_or_else(Sha256::new, |checkpoint| Sha256::new_with_prefix(checkpoint.epoch.to_le_bytes())),
        ),
    ];
    let digests = common.each_ref().map(|(_, hash)| digest(hash.clone()));
    let all = ranks.gather(digests.as_flattened());
    for (rank, found) in all.chunks_exact(digests.as_flattened().len()).enumerate() {
        let differs = found.chunks_exact(DIGEST).zip(all.chunks_exact(DIGEST)).position(|(a, b)| a != b);
        if let Some((what, _)) = differs.and_then(|index| common.get(index)) {
            // All ranks know, so all end.
            ranks.end();
            return Err(
                Usage(format!("{what} of rank {rank} differ from those of rank 0: start all ranks alike")).into()
            );
        }
    }
    Ok(())
}

/// The settings as they fit the samples, and the samples themselves: rank 0 has read them, and hands them out to the others,
/// which call [`receive`].
pub(super) fn hand_out(ranks: &Ranks, config: &Config, task: &mut Task<'_>) -> Result<()> {
    // A minibatch that was fitted to few samples may have fewer tiles.
    check(config, ranks.ranks())?;
    ranks.broadcast(postcard::to_allocvec(&(toml::to_string(config)?, &*task))?);
    task.deal(ranks);
    // Bytes are recorded of epochs.
    ranks.take_bytes();
    Ok(())
}

/// What rank 0 hands out.
pub(super) fn receive(ranks: &Ranks) -> Result<(Config, Task<'static>)> {
    let (config, mut task): (String, Task<'static>) = postcard::from_bytes(&ranks.broadcast(Vec::new()))?;
    task.deal(ranks);
    Ok((toml::from_str(&config)?, task))
}

fn digest(hash: Sha256) -> [f32; DIGEST] {
    let mut floats = [0.0; DIGEST];
    for (float, bytes) in floats.iter_mut().zip(hash.finalize().chunks_exact(2)) {
        *float = f32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    }
    floats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DatasetName;

    #[test]
    fn what_ranks_cannot_share_is_refused_by_name() {
        let config = Config { batch_size: 96, lanes: 32, ..Config::defaults(DatasetName::MnistMini) };
        assert!(check(&config, 3).is_ok());
        let words = check(&config, 4).unwrap_err().to_string();
        assert!(words.contains("has 3 tiles of 32 (--lanes); take at most 3 ranks"), "{words}");
        let blocked = Config { storage: StorageKind::Blocked, ..config.clone() };
        assert!(
            check(&blocked, 2).unwrap_err().to_string().starts_with("--storage blocked trains on one rank, not on 2")
        );
        let dense = Config { model: ModelKind::Dense, ..config };
        assert!(check(&dense, 1).is_ok());
        assert!(check(&dense, 2).unwrap_err().to_string().starts_with("a dense model trains on one rank, not on 2"));
    }
}
