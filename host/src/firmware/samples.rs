//! Samples of a run's test set for the flash of a chip: of each its features, as they are before scaling, and its answer.

use rewire_core::random::Permutation;

use crate::data::samples::Split;
use crate::error::Usage;
use crate::settings::TaskKind;

/// The most samples that a project holds: what it prints of each should stay readable.
const MOST: usize = 1000;

/// Fewer samples than this tell nothing.
const FEWEST: usize = 4;

/// Samples as the program on the chip reads them.
#[derive(Clone, Debug)]
pub struct Packed {
    /// All of them, little-endian.
    pub bytes: Vec<u8>,
    /// How many there are.
    pub count: usize,
}

impl Packed {
    /// As many of the samples at `indices` as fit `room` bytes, in an order that mixes them. `as_bytes`: features are bytes.
    pub fn new(split: &Split<'_>, indices: &[u32], task: TaskKind, as_bytes: bool, seed: u64, room: usize) -> Self {
        let mut indices: Vec<u32> = indices.to_vec();
        if task == TaskKind::Reconstruct {
            // An autoencoder learns what is usual; other labels are anomalies.
            indices.retain(|&index| split.labels[index as usize] == 0);
        }
        let values = split.values.len().checked_div(split.len()).unwrap_or(0);
        let answer = match task {
            TaskKind::Classify => 2,
            TaskKind::Regress => 4 * values,
            TaskKind::Reconstruct => 0,
        };
        let size = split.width() * if as_bytes { 1 } else { 4 } + answer;
        let count = indices.len().min(MOST).min(room.checked_div(size).unwrap_or(0));
        let order = Permutation::new(seed, 0, indices.len() as u32);
        let mut bytes = Vec::with_capacity(count * size);
        for position in 0..count as u32 {
            let index = indices[order.at(position) as usize] as usize;
            split.each_feature(index, |_, value| {
                if as_bytes {
                    bytes.push(value as u8);
                } else {
                    bytes.extend(value.to_le_bytes());
                }
            });
            match task {
                TaskKind::Classify => bytes.extend(split.labels[index].to_le_bytes()),
                TaskKind::Regress => {
                    bytes.extend(split.values[index * values..][..values].iter().flat_map(|v| v.to_le_bytes()));
                }
                TaskKind::Reconstruct => {}
            }
        }
        Self { bytes, count }
    }

    /// Checks that there are enough to tell something.
    ///
    /// # Errors
    ///
    /// When there are not.
    pub fn check_enough(&self) -> Result<(), Usage> {
        if self.count >= FEWEST {
            return Ok(());
        }
        let text = format!("only {} test samples of it fit its flash; choose a board with more", self.count);
        Err(Usage(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::samples::Features;

    #[test]
    fn as_many_samples_are_packed_as_there_is_room_for() {
        let values: Vec<f32> = (0..12u8).map(f32::from).collect();
        let split = Split::labelled(Features::Floats(values.into()), vec![0, 1, 2, 0]);
        let pack = |task, bytes, room| Packed::new(&split, &[0, 1, 2, 3], task, bytes, 1, room);
        let all = pack(TaskKind::Classify, true, 1000);
        assert_eq!((all.count, all.bytes.len()), (4, 4 * 5));
        for sample in all.bytes.chunks(5) {
            let index = sample[0] / 3;
            assert_eq!(sample, [3 * index, 3 * index + 1, 3 * index + 2, [0, 1, 2, 0][usize::from(index)], 0]);
        }
        assert_eq!(pack(TaskKind::Classify, false, 41).count, 2);
        // Classes 1 and 2 are anomalies.
        assert_eq!(pack(TaskKind::Reconstruct, true, 1000).bytes.len(), 2 * 3);
    }
}
