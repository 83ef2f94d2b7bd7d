"""Matrices, files, memory: what a fitted estimator hands out."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import softmax

import rewire as package
from rewire import _rewire
from rewire import (
    SparseEvolutionaryAutoencoder,
    SparseEvolutionaryClassifier,
    SparseEvolutionaryRegressor,
    load_dataset,
    recipe,
)


@pytest.mark.parametrize("settings", [{}, {"storage": "input-major"}, {"model": "dense", "activation": "relu"}])
def test_the_matrices_are_the_network(points, settings):
    X, y, _ = points
    classifier = SparseEvolutionaryClassifier(hidden=(40, 30), epsilon=2, epochs=3, scaling="none", **settings).fit(X, y)
    activations = X.astype(np.float64)
    layers = list(zip(classifier.coefs_, classifier.intercepts_))
    for at, (weights, bias) in enumerate(layers):
        assert isinstance(weights, csr_array)
        activations = activations @ weights + bias
        if at + 1 < len(layers):
            activations = np.maximum(activations, 0)
    assert np.allclose(softmax(activations, axis=1), classifier.predict_proba(X), atol=1e-5)
    for weights, (inputs, neurons) in zip(classifier.coefs_, classifier.degrees_):
        if "model" not in settings and weights.shape[0] == 40 and weights.shape[1] == 30:
            assert weights.nnz == 140
        assert inputs.sum() == neurons.sum()
        assert (len(inputs), len(neurons)) == weights.shape


def test_input_connections_are_the_survivors(points):
    X, y, _ = points
    classifier = SparseEvolutionaryClassifier(hidden=(200,), epsilon=1, zeta=0.3, epochs=4).fit(X, y)
    assert classifier.input_connections_.shape == (5, 6)
    assert classifier.input_connections_.dtype == np.uint16
    kept = classifier.input_connections_[-1]
    assert np.all(kept <= classifier.degrees_[0][0])
    fixed = SparseEvolutionaryClassifier(model="fixprob", epochs=1).fit(X, y)
    with pytest.raises(AttributeError, match="model='set'"):
        fixed.input_connections_


def test_memory_is_counted_by_buffer(points):
    X, y, _ = points
    sparse, dense = (
        SparseEvolutionaryClassifier(hidden=(500, 500), epsilon=2, model=model, epochs=1).fit(X, y).footprint()
        for model in ("set", "dense")
    )
    assert sparse["weights"] == sum(4 * n for n in (2 * (6 + 500), 2 * 1000, 500 * 2))
    assert sparse["everything to train"] > sparse["the model"] > sparse["weights"]
    assert dense["weights"] == 4 * (6 * 500 + 500 * 500 + 500 * 2)


@pytest.mark.parametrize(
    "kind", [SparseEvolutionaryClassifier, SparseEvolutionaryRegressor, SparseEvolutionaryAutoencoder]
)
def test_a_saved_network_predicts_the_same(points, tmp_path, kind):
    X, y, values = points
    target = {"SparseEvolutionaryClassifier": y + 5, "SparseEvolutionaryRegressor": values}.get(kind.__name__)
    estimator = kind(hidden=(20, 10), epochs=3).fit(X, target)
    estimator.save(tmp_path / "model.safetensors")
    loaded = kind.load(tmp_path / "model.safetensors")
    if kind is SparseEvolutionaryAutoencoder:
        assert np.array_equal(loaded.score_samples(X), estimator.score_samples(X))
    else:
        assert np.array_equal(loaded.predict(X), estimator.predict(X))
    assert loaded.hidden == (20, 10)
    assert loaded.n_features_in_ == 6


def test_a_network_of_another_task_is_refused_with_the_estimator_that_takes_it(points, tmp_path):
    X, y, _ = points
    SparseEvolutionaryClassifier(epochs=1).fit(X, y).save(tmp_path / "model")
    with pytest.raises(ValueError, match="SparseEvolutionaryClassifier"):
        SparseEvolutionaryRegressor.load(tmp_path / "model")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        SparseEvolutionaryRegressor.load(tmp_path / "nowhere")
    (tmp_path / "text").write_text("text")
    with pytest.raises(ValueError, match="not a safetensors file"):
        SparseEvolutionaryRegressor.load(tmp_path / "text")


def test_a_run_of_the_program_is_read(rewire, tmp_path):
    rewire("train", "mnist-mini", "--epochs", 2, "--hidden", "50", "--out", "run")
    classifier = SparseEvolutionaryClassifier.from_run(tmp_path / "run")
    (X, y), (X_test, y_test) = load_dataset()
    assert classifier.history_["epoch"] == [1, 2]
    assert classifier.score(X_test, y_test) == pytest.approx(classifier.history_["test_accuracy"][-1])
    assert classifier.input_connections_.shape == (3, 784)
    again = SparseEvolutionaryClassifier(**{**recipe("mnist-mini"), "epochs": 2, "hidden": (50,)}).fit(X, y)
    assert np.array_equal(again.predict_proba(X_test), classifier.predict_proba(X_test))
    assert {**again.get_params(), "n_jobs": 0} == {**classifier.get_params(), "n_jobs": 0}
    with pytest.raises(ValueError, match="no folder"):
        SparseEvolutionaryClassifier.from_run(tmp_path / "none")


def test_an_image_for_a_chip_is_what_the_program_evaluates(rewire, tmp_path):
    (X, y), _ = load_dataset()
    settings = dict(hidden=(50,), epochs=2, scaling="unit", epsilon=5, storage="input-major")
    classifier = SparseEvolutionaryClassifier(**settings).fit(X, y)
    assert classifier.to_chip(tmp_path / "model.image") == (tmp_path / "model.image").stat().st_size
    assert "input-major" in rewire("image", tmp_path / "model.image")
    with pytest.raises(ValueError, match="SReLU"):
        SparseEvolutionaryClassifier(hidden=(50,), epochs=1, activation="srelu").fit(X, y).to_chip(tmp_path / "other")


def test_a_project_for_a_board_is_that_of_the_program(rewire, tmp_path):
    settings = ["--hidden", 32, "--epsilon", 3, "--epochs", 2, "--scaling", "unit", "--activation", "relu"]
    rewire("train", "mnist-mini", *settings, "--out", "run")
    rewire("export", "run", "--firmware", tmp_path / "theirs", "--board", "nrf52840", "--run-on", "flash")
    classifier = SparseEvolutionaryClassifier.from_run(tmp_path / "run")
    _, (X, y) = load_dataset()
    classifier._samples = 2000
    classifier.to_firmware(tmp_path / "ours", "nrf52840", X, y, run_on="flash")
    names = {path.relative_to(tmp_path / "ours") for path in (tmp_path / "ours").rglob("*") if path.is_file()}
    assert names == {path.relative_to(tmp_path / "theirs") for path in (tmp_path / "theirs").rglob("*") if path.is_file()}
    for name in names:
        if name.suffix in (".image", ".bin"):
            assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes(), name
    with pytest.raises(ValueError, match="^directory .*not empty"):
        classifier.to_firmware(tmp_path / "ours", "nrf52840", X, y)
    with pytest.raises(ValueError, match="^board: .*'nrf'"):
        classifier.to_firmware(tmp_path / "other", "nrf", X, y)
    # Keywords have no dashes, the flags of a command have them.
    words = "fewer hidden neurons or a smaller epsilon .`rewire footprint DATA --board microbit --fit` finds .* another board:"
    with pytest.raises(ValueError, match=words):
        classifier.to_firmware(tmp_path / "other", "microbit", X, y)
    classifier.to_firmware(tmp_path / "serial", "mps2-an386", X, y, run_on="uart")
    assert (tmp_path / "serial" / "send.py").exists()
    sources = _rewire.run_on()
    assert all(f'"{source}"' in classifier.to_firmware.__doc__ for source in sources)
    with pytest.raises(ValueError, match="^run_on is 'usb', but must be one of " + ", ".join(sources)):
        classifier.to_firmware(tmp_path / "other", "mps2-an386", X, y, run_on="usb")


def test_the_version_is_that_of_the_program(rewire):
    assert rewire("--version").split()[1] == package.__version__


def test_layers_in_blocks_have_degrees_but_no_matrix(points):
    X, y, _ = points
    alone = {"batch_size": 1, "momentum": 0.0, "activation": "relu", "dropout": 0.0}
    classifier = SparseEvolutionaryClassifier(storage="blocked", epochs=9, **alone).fit(X, y)
    assert classifier.score(X, y) > 0.8
    inputs, neurons = classifier.degrees_[0]
    assert inputs.sum() == neurons.sum() > 0
    with pytest.raises(AttributeError, match="storage='blocked'"):
        _ = classifier.coefs_
