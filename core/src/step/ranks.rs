//! A pass whose tiles are shared out among ranks, if there are several.

use crate::backend::{Backend, Exchange, Phase, Shares};
use crate::network::model::Model;
use crate::samples::element::Element;
use crate::samples::needed::{Minibatch, Needed, Whose};
use crate::samples::source::{SampleSource, Samples};
use crate::sparse::csr::take_mut;
use crate::sparse::index::Format;
use crate::step::id::StepId;
use crate::step::loss::metrics::Metrics;
use crate::step::pass::{Pass, pass};
use crate::step::sgd::Sgd;
use crate::step::tiles::{Tiles, Workspace, half};

/// What connects the ranks, where there are several.
#[inline(always)]
pub(crate) fn exchange_of<B: Backend>(backend: &B) -> Option<&dyn Exchange> {
    backend.exchange().filter(|exchange| exchange.ranks() > 1)
}

/// [`pass`], with the tiles shared out. The metrics are those of all; activations and deltas are those of this rank's tiles,
/// one tile a round.
#[inline(always)]
pub(crate) fn shared_pass<B, S, M, const LANES: usize, const LAYERS: usize>(
    backend: &B,
    samples: &S,
    layers: &[M],
    workspace: &mut Workspace<'_, <M::Format as Format>::Input, LANES, LAYERS>,
    minibatch: Minibatch<'_>,
    training: Option<(&Sgd, StepId)>,
) -> Metrics
where
    B: Backend,
    S: Samples<LANES, <M::Format as Format>::Input>,
    M: Model,
{
    let Some(exchange) = exchange_of(backend) else {
        return pass(backend, samples, layers, workspace, minibatch, training);
    };
    let tiles = minibatch.len.div_ceil(LANES);
    let (rank, shares) = (exchange.rank(), Shares::new(exchange.ranks(), tiles, 0));
    bring(backend, samples, minibatch, Whose::Shared { shares, lanes: LANES });
    let count = shares.tiles(rank, tiles);
    let mut metrics = Metrics::default();
    exchange.lend(shares.floats(), &mut |mut memory| {
        let own = take_mut(&mut memory, shares.rounds * Shares::METRICS);
        let all = take_mut(&mut memory, own.len() * shares.ranks);
        // A rank may have a round less to do.
        own.fill(0.0);
        if count > 0 {
            let pass = Pass::new(backend, samples, layers, minibatch, training, count);
            run_each(&pass, backend, (rank, shares.ranks), Tiles::new(workspace, count), own.as_chunks_mut().0);
        }
        backend.timed(Phase::Exchange, || exchange.all_gather(own, all));
        let (all, _) = all.as_chunks();
        metrics = merged(0, tiles, &|tile| {
            let from = all.get(shares.rank_of(tile) * shares.rounds + tile / shares.ranks);
            Metrics::from_floats(from.copied().unwrap_or_default())
        });
    });
    metrics
}

/// Has the samples of a minibatch brought to those who need them, where there are several ranks.
#[inline(always)]
pub(crate) fn bring<B: Backend, S: SampleSource>(backend: &B, samples: &S, minibatch: Minibatch<'_>, whose: Whose) {
    if let Some(exchange) = exchange_of(backend) {
        backend.timed(Phase::Exchange, || samples.bring(exchange, &Needed { minibatch, whose }));
    }
}

/// Measures all samples, in order and without dropout.
pub(crate) fn evaluate<B, S, M, const LANES: usize, const LAYERS: usize>(
    backend: &B,
    samples: &S,
    layers: &[M],
    workspace: &mut Workspace<'_, <M::Format as Format>::Input, LANES, LAYERS>,
    batch_size: usize,
) -> Metrics
where
    B: Backend,
    S: Samples<LANES, <M::Format as Format>::Input>,
    M: Model,
{
    let mut metrics = Metrics::default();
    for start in (0..samples.len()).step_by(batch_size.max(1)) {
        let len = (samples.len() - start).min(batch_size);
        let minibatch = Minibatch { order: None, start: start as u32, len };
        metrics = metrics.merge(shared_pass(backend, samples, layers, workspace, minibatch, None));
    }
    metrics
}

/// Runs this rank's tiles and keeps the metrics of each.
fn run_each<B, S, M, const LANES: usize, const LAYERS: usize>(
    pass: &Pass<'_, B, S, M>,
    backend: &B,
    (rank, ranks): (usize, usize),
    mut tiles: Tiles<'_, <M::Format as Format>::Input, LANES, LAYERS>,
    metrics: &mut [[f32; Shares::METRICS]],
) where
    B: Backend,
    S: Samples<LANES, <M::Format as Format>::Input>,
    M: Model,
    <M::Format as Format>::Input: Element,
{
    if tiles.count > 1 {
        let half = half(tiles.count);
        let mut rest = metrics;
        let first = take_mut(&mut rest, half);
        let (a, b) = tiles.split(half);
        backend.join(
            || run_each(pass, backend, (rank, ranks), a, first),
            || run_each(pass, backend, (rank, ranks), b, rest),
        );
    } else if let Some(slot) = metrics.first_mut() {
        tiles.first = tiles.first * ranks + rank;
        *slot = pass.run(tiles).to_floats();
    }
}

/// The metrics of `count` tiles from `first` on, added in the order in which one process adds them.
fn merged(first: usize, count: usize, of: &dyn Fn(usize) -> Metrics) -> Metrics {
    if count > 1 {
        let half = half(count);
        merged(first, half, of).merge(merged(first + half, count - half, of))
    } else {
        of(first)
    }
}
