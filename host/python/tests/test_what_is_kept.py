"""What an estimator keeps: the network that was measured, the settings of a file, its classes, and nothing after a failure."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from rewire import (
    SparseEvolutionaryAutoencoder,
    SparseEvolutionaryClassifier,
    SparseEvolutionaryRegressor,
    load_dataset,
)

SMALL = dict(hidden=(32, 16), epsilon=4, epochs=5, n_jobs=1)


@pytest.fixture
def samples():
    X = np.random.RandomState(0).normal(size=(200, 16)).astype(np.float32)
    return X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


def test_samples_of_weight_0_are_not_held_out_either(samples):
    X, y = samples
    y = (y > 0).astype(int)
    there = np.arange(200) < 120
    wrong = np.where(there, y, 1 - y)
    settings = dict(SMALL, validation_samples=40)
    whole = SparseEvolutionaryClassifier(**settings).fit(X, wrong, sample_weight=there.astype(float))
    part = SparseEvolutionaryClassifier(**settings).fit(X[there], y[there])
    assert whole.history_["test_loss"] == part.history_["test_loss"]
    with pytest.raises(ValueError, match="at most 1: the data has 2 training samples"):
        SparseEvolutionaryClassifier(**settings).fit(X, y, sample_weight=np.eye(200)[0] + np.eye(200)[np.argmax(y != y[0])])


def test_equal_weights_are_none_whatever_their_unit(samples):
    X, y = samples
    fitted = [
        SparseEvolutionaryClassifier(**SMALL).fit(X[:15], y[:15], sample_weight=np.full(15, unit)).predict_proba(X)
        for unit in (0.5, 1.0, 2.0)
    ]
    assert np.array_equal(fitted[0], fitted[1]) and np.array_equal(fitted[1], fitted[2])


def test_a_callback_keeps_the_network_that_it_heard_of():
    (X, y), (X_test, y_test) = load_dataset()
    settings = dict(hidden=(100,), epsilon=5, epochs=12, zeta=0.6, learning_rate=0.02, scaling="global", n_jobs=1)
    classifier = SparseEvolutionaryClassifier(**settings, callbacks=lambda row: row["epoch"] == 2)
    classifier.fit(X, y, X_val=X_test, y_val=y_test)
    assert classifier.n_iter_ == 2
    assert classifier.score(X_test, y_test) == pytest.approx(classifier.history_["test_accuracy"][-1])


def test_what_goes_by_held_out_samples_does_not_take_others(samples):
    X, y = samples
    for settings in (dict(patience=2), dict(keep="best")):
        with pytest.raises(ValueError, match="on X_val it is only measured"):
            SparseEvolutionaryClassifier(**SMALL, **settings).fit(X, y, X_val=X, y_val=y)


def test_as_many_numbers_are_measured_as_were_learned(samples):
    X, _ = samples
    one, two = X[:, :1], X[:, :2]
    for learned, measured in ((one, two), (two, one)):
        with pytest.raises(ValueError, match="numbers to learn each"):
            SparseEvolutionaryRegressor(**SMALL).fit(X, learned.squeeze(), X_val=X, y_val=measured.squeeze())


@pytest.mark.parametrize("names", [["01", "1", "001"], ["10", "9", "8"], ["1_0", "2", "3"], ["nan", "1", "2"], [3, 1, 2]])
def test_classes_are_those_that_were_saved(samples, tmp_path, names):
    X, y = samples
    classifier = SparseEvolutionaryClassifier(**SMALL).fit(X, np.array(names)[y])
    classifier.save(tmp_path / "model")
    loaded = SparseEvolutionaryClassifier.load(tmp_path / "model")
    assert loaded.classes_.tolist() == classifier.classes_.tolist()
    assert np.array_equal(loaded.predict(X), classifier.predict(X))
    assert loaded.score(X, np.array(names)[y]) == classifier.score(X, np.array(names)[y])


def test_truth_values_stay_truth_values(samples, tmp_path):
    X, y = samples
    SparseEvolutionaryClassifier(**SMALL).fit(X, y > 0).save(tmp_path / "model")
    assert SparseEvolutionaryClassifier.load(tmp_path / "model").score(X, y > 0) > 0.5


@pytest.mark.parametrize(
    "settings",
    [
        dict(activation="all-relu", slope=0.5),
        dict(activation="srelu", storage="input-major", batch_size=16),
        dict(activation="batch-norm-relu"),
        dict(storage="blocked", batch_size=1, momentum=0.0, activation="relu"),
        dict(model="dense"),
        dict(filter="contrast", image_shape=(4, 4), epsilon=2.0),
    ],
    ids=lambda settings: "-".join(str(value) for value in settings.values()),
)
def test_a_network_that_was_loaded_goes_on_as_it_was(samples, tmp_path, settings):
    X, y = samples
    X = ((X - X.min()) * 25).clip(0, 255).astype(np.uint8)
    classifier = SparseEvolutionaryClassifier(**{**SMALL, **settings}).fit(X, y)
    classifier.save(tmp_path / "model")
    loaded = SparseEvolutionaryClassifier.load(tmp_path / "model")
    for name in settings.keys() & {"activation", "storage", "filter", "model", "slope"}:
        assert getattr(loaded, name) == settings[name]
    # Nothing changes where nothing is learned, but for the averages of batch normalisation.
    still = dict(learning_rate=1e-9, zeta=0.0, momentum=0.0, dropout=0.0, n_jobs=1)
    if settings.get("storage") == "blocked":
        still["batch_size"] = 1
    loaded.set_params(**still).partial_fit(X, y)
    most = 0.3 if settings.get("activation") == "batch-norm-relu" else 1e-3
    assert np.abs(loaded.predict_proba(X) - classifier.predict_proba(X)).max() < most


def test_a_run_of_images_can_be_trained_again(rewire, tmp_path):
    rewire("train", "mnist-mini", "--hidden", 30, "--epsilon", 3, "--epochs", 1, "--augment", "--out", "run")
    classifier = SparseEvolutionaryClassifier.from_run(tmp_path / "run")
    assert tuple(classifier.image_shape) == (1, 28, 28)
    (X, y), _ = load_dataset()
    classifier.partial_fit(X, y)


def test_a_fit_that_fails_leaves_no_network_behind(samples):
    X, y = samples
    classifier = SparseEvolutionaryClassifier(**SMALL).fit(X, y)
    with pytest.raises(ValueError, match="diverged"):
        classifier.set_params(learning_rate=1e30).fit(X, y > 0)
    with pytest.raises(NotFittedError):
        classifier.predict(X)
    detector = SparseEvolutionaryAutoencoder(**SMALL).fit(X)
    with pytest.raises(ValueError, match="epochs"):
        detector.set_params(epochs=0).fit(X)
    with pytest.raises(NotFittedError):
        detector.predict(X)


def test_a_sample_beyond_all_others_is_an_outlier(samples):
    X, _ = samples
    detector = SparseEvolutionaryAutoencoder(**SMALL).fit(X)
    far = X[:1].copy()
    far[0, 3] = np.finfo(np.float32).min
    assert detector.predict(far).tolist() == [-1]


def test_arrays_that_are_not_aligned_are_copied(samples):
    X, y = samples
    classifier = SparseEvolutionaryClassifier(**SMALL).fit(X, y)
    shifted = np.frombuffer(b"\0" + X.tobytes(), np.float32, offset=1).reshape(X.shape)
    assert not shifted.flags.aligned
    assert np.array_equal(classifier.predict_proba(shifted), classifier.predict_proba(X))
    records = np.zeros(200, dtype=[("kind", "u1"), ("x", "f4", 16)])
    records["x"] = X
    assert np.array_equal(classifier.predict(records["x"][:1]), classifier.predict(X[:1]))
