//! Whether networks take the same inputs and give the same outputs, so that several can become one.

use anyhow::{Result, ensure};

use crate::model::safetensors::Model;

/// What another network has otherwise than the first, if their inputs or outputs differ.
fn difference(first: &Model, other: &Model) -> Option<&'static str> {
    let alike = [
        (first.dataset == other.dataset && first.task == other.task, "another dataset or task"),
        (
            (first.filter, &first.normaliser, &first.targets) == (other.filter, &other.normaliser, &other.targets),
            "inputs that are filtered or scaled otherwise",
        ),
        (first.names == other.names && first.shape == other.shape, "other names or another shape of its inputs"),
    ];
    alike.into_iter().find_map(|(alike, what)| (!alike).then_some(what))
}

/// The first network, if there are several which take the same samples and whose layers are `alike`.
///
/// # Errors
///
/// Fewer than two networks, or the first that differs: with `advice`, which says what could be taken instead.
pub(super) fn all_alike<'m>(
    models: &'m [Model],
    layers_alike: impl Fn(&Model, &Model) -> bool,
    advice: &str,
) -> Result<&'m Model> {
    let Some((first, others)) = models.split_first().filter(|(_, others)| !others.is_empty()) else {
        anyhow::bail!("one network of several needs two or more");
    };
    for (number, other) in (2..).zip(others) {
        let layers = (!layers_alike(first, other)).then_some("other layers");
        let difference = layers.or_else(|| difference(first, other));
        ensure!(difference.is_none(), "network {number} has {} than the first; {advice}", difference.unwrap_or(""));
    }
    Ok(first)
}
