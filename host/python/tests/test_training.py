"""Callbacks, Ctrl-C, threads, progress, weights."""

import signal
import threading
import time

import numpy as np
import pytest

from rewire import (
    SparseEvolutionaryAutoencoder,
    SparseEvolutionaryClassifier,
    SparseEvolutionaryRegressor,
    load_dataset,
)


@pytest.fixture(autouse=True)
def ctrl_c():
    """Ctrl-C raises: a program that was started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def long_fit(**settings):
    """A training of minutes."""
    (X, y), _ = load_dataset()
    return SparseEvolutionaryClassifier(hidden=(1000, 1000), epochs=100_000, **settings), X, y


def test_a_callback_sees_each_epoch_and_can_stop(points):
    X, y, _ = points
    rows = []

    def stop(row):
        rows.append(row)
        return row["epoch"] == 3

    classifier = SparseEvolutionaryClassifier(callbacks=stop).fit(X, y, X_val=X, y_val=y)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert classifier.n_iter_ == 3
    assert classifier.history_["train_loss"] == [row["train_loss"] for row in rows] == classifier.loss_curve_
    assert 0 < rows[-1]["test_accuracy"] <= 1
    assert classifier.input_connections_.shape == (4, 6)


def test_an_exception_in_a_callback_leaves_a_usable_estimator(points):
    X, y, _ = points

    def fail(row):
        if row["epoch"] == 2:
            raise RuntimeError("enough")

    classifier = SparseEvolutionaryClassifier(callbacks=[fail])
    with pytest.raises(RuntimeError, match="enough"):
        classifier.fit(X, y)
    assert classifier.n_iter_ == 2
    assert classifier.predict(X).shape == y.shape


@pytest.mark.parametrize("verbose", [0, 1])
def test_ctrl_c_ends_at_once_and_leaves_a_usable_estimator(verbose):
    classifier, X, y = long_fit(verbose=verbose)
    pressed = []

    def press():
        time.sleep(1.0)
        pressed.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X, y)
    assert time.monotonic() - pressed[0] < 2.0
    thread.join()
    assert classifier.predict(X).shape == y.shape
    assert len(classifier.input_connections_) == len(classifier.loss_curve_) + 1 == classifier.n_iter_ + 1


def test_ctrl_c_before_the_first_step_leaves_a_network_that_can_be_trained():
    class Pressed(SparseEvolutionaryClassifier):
        def _threads(self):
            # The last that happens before the training: 20 ms later its features are still being scaled.
            self.presses.start()
            return 1

    X, y = np.random.RandomState(0).rand(100_000, 50).astype(np.float32), np.arange(100_000) % 2
    classifier = Pressed()
    classifier.presses = threading.Timer(0.02, signal.raise_signal, [signal.SIGINT])
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X, y)
    assert len(classifier.input_connections_) == classifier.n_iter_ + 1
    classifier._threads = lambda: 1
    assert classifier.partial_fit(X[:500], y[:500]).predict(X[:9]).shape == (9,)


def test_other_threads_run_while_a_network_trains():
    classifier, X, y = long_fit(n_jobs=1)
    counts = []
    classifier.set_params(callbacks=lambda row: len(counts) >= 20)

    def count():
        for _ in range(20):
            time.sleep(0.01)
            counts.append(1)

    thread = threading.Thread(target=count)
    thread.start()
    classifier.fit(X, y)
    thread.join()
    assert len(counts) == 20


def test_progress_is_shown_by_epoch(points, capsys):
    X, y, _ = points
    SparseEvolutionaryClassifier(epochs=3, verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[-1].startswith("epoch 3/3 [####")


def test_features_are_read_where_they_are(points):
    X, y, _ = points
    classifier = SparseEvolutionaryClassifier(epochs=1).fit(X, y)
    for array in (X, np.zeros((9, 6), dtype=np.uint8)):
        assert classifier._features(array, reset=False) is array
    assert classifier._features(X.astype(np.float64), reset=False).dtype == np.float32


def test_bytes_and_floats_of_images_are_the_same_samples():
    (X, y), (X_test, _) = load_dataset()
    settings = dict(hidden=(50,), epochs=2, scaling="unit")
    a = SparseEvolutionaryClassifier(**settings).fit(X, y)
    b = SparseEvolutionaryClassifier(**settings).fit(X.astype(np.float64), y)
    assert np.array_equal(a.predict_proba(X_test), b.predict_proba(X_test.astype(np.float32)))
    augmented = SparseEvolutionaryClassifier(**settings, augment=True, image_shape=(28, 28)).fit(X, y)
    assert not np.array_equal(a.predict_proba(X_test), augmented.predict_proba(X_test))


def test_the_unit_of_weights_does_not_matter(points):
    X, y, values = points
    weights = np.random.RandomState(1).uniform(size=300)
    fit = lambda w: SparseEvolutionaryRegressor(epochs=5).fit(X, values, sample_weight=w).predict(X)
    # A power of two, so that no digit changes.
    assert np.array_equal(fit(weights), fit(1024 * weights))
    assert np.array_equal(fit(np.full(300, 0.25)), fit(None))
    assert np.array_equal(fit(np.full(300, 1e308)), fit(None))
    assert not np.array_equal(fit(weights), fit(None))


def test_a_weight_of_zero_leaves_a_sample_out(points):
    X, y, _ = points
    weights = (np.arange(300) < 200).astype(float)
    weighted = SparseEvolutionaryClassifier(epochs=5).fit(X, y, sample_weight=weights)
    fewer = SparseEvolutionaryClassifier(epochs=5).fit(X[:200], y[:200], sample_weight=np.full(200, 1.5))
    assert np.array_equal(weighted.predict_proba(X), fewer.predict_proba(X))


def test_a_whole_weight_is_a_sample_so_many_times_where_a_minibatch_holds_all(points):
    X, y, values = points
    X, y, values = X[:20], y[:20], values[:20]
    counts = np.arange(20) % 4
    order = np.random.RandomState(3).permutation(20)
    often = X.repeat(counts, axis=0)
    for kind, learned in (
        (SparseEvolutionaryClassifier, y),
        (SparseEvolutionaryRegressor, values),
        (SparseEvolutionaryAutoencoder, y),
    ):
        weighted = kind(epochs=9).fit(X[order], learned[order], sample_weight=counts[order])
        repeated = kind(epochs=9).fit(often, learned.repeat(counts))
        for layer, other in zip(weighted.coefs_, repeated.coefs_):
            assert (layer != other).nnz == 0
        assert getattr(weighted, "offset_", None) == getattr(repeated, "offset_", None)
    # Copies of a sample that is held out would be trained on.
    held = SparseEvolutionaryClassifier(epochs=1, validation_samples=5).fit(X, y, sample_weight=counts)
    assert held._samples == 15 and len(held.history_["test_loss"]) == 1


def test_a_sample_without_weight_does_not_move_the_threshold(points):
    X, _, _ = points
    there = np.arange(300) < 200
    scores = np.where(there, np.arange(300.0), -1e9)
    detector = SparseEvolutionaryAutoencoder(contamination=0.1)
    assert detector._threshold(scores, there.astype(float)) == detector._threshold(scores[there], None) == 20.0


def test_class_weights_move_predictions(points):
    X, y, _ = points
    rare = np.flatnonzero(y == 1)[:20]
    chosen = np.concatenate([np.flatnonzero(y == 0), rare])
    found = {}
    for weights in (None, "balanced", {0: 1.0, 1: 100.0}):
        classifier = SparseEvolutionaryClassifier(epochs=20, class_weight=weights).fit(X[chosen], y[chosen])
        found[str(weights)] = np.mean(classifier.predict(X))
    assert found["None"] < found["balanced"] <= found["{0: 1.0, 1: 100.0}"]


def test_a_best_epoch_is_kept_and_patience_ends_a_training(points):
    X, y, _ = points
    settings = dict(epochs=200, validation_samples=100, patience=5, keep="best", learning_rate=0.05)
    classifier = SparseEvolutionaryClassifier(**settings).fit(X, y)
    assert classifier.n_iter_ < 200
    losses = classifier.history_["test_loss"]
    assert np.argmin(losses) == len(losses) - 6


def test_an_autoencoder_tells_outliers():
    random = np.random.RandomState(0)
    plane = random.normal(size=(500, 2)) @ random.normal(size=(2, 8))
    detector = SparseEvolutionaryAutoencoder(hidden=(32, 2, 32), contamination=0.05, epochs=100).fit(plane)
    assert np.mean(detector.predict(plane) == -1) == pytest.approx(0.05, abs=0.002)
    other = random.normal(size=(100, 8)) * plane.std(axis=0) * 2
    assert np.mean(detector.predict(other) == -1) > 0.8
    assert np.array_equal(detector.score_samples(other) < detector.offset_, detector.predict(other) == -1)
    assert detector.reconstruct(plane).shape == plane.shape


def test_many_numbers_are_learned_at_once(points):
    X, _, values = points
    both = np.stack([values, 1000 * X[:, 1]], axis=1)
    regressor = SparseEvolutionaryRegressor().fit(X, both)
    assert regressor.predict(X).shape == (300, 2)
    assert regressor.score(X, both) > 0.8
