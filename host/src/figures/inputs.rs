//! Which pixels keep connections: maps of the first layer's connections that survive pruning.

use super::bars;
use super::figure::{Figure, Panel};
use super::maps::{SIZE, image, map};
use crate::analysis::saved::SavedRun;
use crate::data::ImageShape;

/// A picture beside the maps: a training image, if the dataset is here.
pub type Example<'d> = Option<&'d [u8]>;

/// Below a colour bar.
const LABEL: &str = "connections of a pixel";

/// Connections by pixel.
pub(super) struct Map {
    /// Which channels; empty for images of one channel.
    pub(super) channel: String,
    pub(super) values: Vec<f64>,
}

/// Summed over the channels and, for colour images, each channel on its own.
pub(super) fn maps(shape: ImageShape, counts: &[u16]) -> Vec<Map> {
    let plane = shape.height * shape.width;
    let channels: Vec<Vec<f64>> =
        counts.chunks_exact(plane).map(|channel| channel.iter().map(|&count| f64::from(count)).collect()).collect();
    let sum = (0..plane).map(|i| channels.iter().map(|channel| channel[i]).sum()).collect();
    if channels.len() == 1 {
        return vec![Map { channel: String::new(), values: sum }];
    }
    let names = ["red", "green", "blue"];
    let apart = channels.into_iter().enumerate().map(|(i, values)| Map {
        channel: names.get(i).map_or_else(|| format!("channel {}", i + 1), |name| (*name).to_owned()),
        values,
    });
    std::iter::once(Map { channel: "all channels".into(), values: sum }).chain(apart).collect()
}

/// The highest count of the sum and of a channel, over all rows.
pub(super) fn highest(shape: ImageShape, rows: &[&[u16]]) -> [f64; 2] {
    let mut highest = [1.0f64; 2];
    for row in rows {
        for (i, map) in maps(shape, row).iter().enumerate() {
            let most = map.values.iter().copied().fold(0.0, f64::max);
            let at = usize::from(i > 0);
            highest[at] = highest[at].max(most);
        }
    }
    highest
}

/// The rows of a run, if they are of images of its dataset.
pub(super) fn rows(run: &SavedRun) -> Option<Vec<&[u16]>> {
    let inputs = run.inputs.as_ref()?;
    (inputs.columns == run.shape().features()).then(|| inputs.rows().collect())
}

/// The panel of a map.
pub(super) fn panel<'f>(map_: &Map, shape: ImageShape, when: &str, highest: f64) -> Panel<'f> {
    let title = if map_.channel.is_empty() { when.to_owned() } else { format!("{}, {when}", map_.channel) };
    map(title, shape, &map_.values, highest, LABEL)
}

/// The panel of the example.
pub(super) fn example_panel<'f>(shape: ImageShape, example: &[u8]) -> Panel<'f> {
    image("a training image".into(), shape, example, |_| true)
}

/// Maps before training and after the last epoch.
pub fn figure<'f>(run: &SavedRun, example: Example<'_>) -> Option<Figure<'f>> {
    let rows = rows(run)?;
    let (first, last) = (*rows.first()?, *rows.last()?);
    let shape = run.shape();
    let epoch = rows.len() - 1;
    if run.shape.is_none() {
        let title = format!(
            "Connections of each feature that survive pruning, before training and after epoch {epoch}, {}",
            run.name()
        );
        return Some(bars::figure(&run.names.features, first, last, title));
    }
    let highest = highest(shape, &[first, last]);
    let example = example.map(|image| example_panel(shape, image));
    let mut panels = Vec::new();
    for (i, (before, after)) in maps(shape, first).iter().zip(&maps(shape, last)).enumerate() {
        let highest = highest[usize::from(i > 0)];
        panels.push(panel(before, shape, "before training", highest));
        panels.push(panel(after, shape, &format!("after epoch {epoch}"), highest));
    }
    panels.extend(example);
    let columns = if panels.len() > 3 { 4 } else { panels.len() };
    let title = format!(
        "Connections of each input pixel that survive pruning, before training and after epoch {epoch}, {}",
        run.name()
    );
    Some(Figure { name: "input-connections".into(), title, columns, size: SIZE, panels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_summed_and_apart() {
        let shape = ImageShape { channels: 3, height: 1, width: 2 };
        let found = maps(shape, &[1, 2, 10, 20, 100, 200]);
        let values: Vec<_> = found.iter().map(|map| map.values.clone()).collect();
        assert_eq!(values, [[111.0, 222.0], [1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]);
        assert_eq!(maps(ImageShape { channels: 1, height: 1, width: 2 }, &[1, 2]).len(), 1);
    }
}
